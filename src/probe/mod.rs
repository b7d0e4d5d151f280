//! The client: it does what a plan says on its own sockets, and emits events.
//!
//! A [`Probe`] is set up before any clock starts (trust store, resolver configuration). Each request is one [`Trace`]:
//! redirects and warm repetitions are traces of their own. Every wait has a deadline.
//!
//! Invariants: boundaries are stamped by the kernel where it stamps, by the user clock before a write and after a read where
//! it does not; a request that fails gives a trace with everything up to the failure.
//!
//! Deliberately absent: printing, files that the user sees (`cli` does both), and the drawing of phases ([`crate::trace`]).

pub(crate) mod clock;
mod connect;
pub(crate) mod deadline;
pub(crate) mod dns;
mod fault;
mod http;
pub(crate) mod kernel;
mod recorder;
mod request;
mod socket;
mod stream;
mod tap;
mod tls;
mod tunnel;
mod witness;

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

pub use deadline::Interrupt;
pub use tap::{Carrier, FlowId, Opening, Tap, TappedPacket, Vantage, Watcher};
pub use tls::TlsSetupError;

use crate::attribute;
use crate::event::{Failure, FailureCode, Phase};
use crate::target::{DnsServers, Plan, Redirects, Repeat, Request, Target, TraceHeaders};
use crate::time::ClockSync;
use crate::trace::{Context, Subject, Trace, TraceId};
use deadline::Deadline;
use dns::Resolver;
use http::{Connection, Head, JoinKeys, RequestContext};
use kernel::StampedSockets;
use recorder::Recorder;
use tls::{LazyTls, TlsClient};

/// Why a run cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// TLS cannot be set up as asked.
    #[error("TLS cannot be set up")]
    Tls(#[from] TlsSetupError),
}

/// What became of a target: its traces in order, and why no more follow where more could have been expected.
#[derive(Debug)]
pub struct Traced {
    /// One trace for each request: the redirects that were followed, then the warm repetition.
    pub traces: Vec<Trace>,
    /// The last response is a redirect that was not followed although `-L` was given.
    pub stopped: Option<Stopped>,
}

/// Why a redirect was not followed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Stopped {
    /// `--max-redirs` were followed.
    #[error("stopped after {0} redirects (--max-redirs)")]
    TooMany(u32),
    /// The location is no URL that can be asked for.
    #[error("the redirect to {location:?} cannot be followed: {why}")]
    Unusable {
        /// As it stands in the response.
        location: String,
        /// What is wrong with it.
        why: String,
    },
}

/// A connection that may serve another request, and where it leads.
#[derive(Debug)]
struct Kept {
    origin: url::Origin,
    connection: Connection,
    endpoints: crate::event::Endpoints,
}

impl Kept {
    /// The connection for its next request, unless the peer has closed it.
    fn if_it_stands(mut self, sync: ClockSync) -> Option<Self> {
        let stands = self.connection.is_reusable();
        self.connection.start_trace(sync);
        stands.then_some(self)
    }
}

/// Requests to one target, one after another on the same connection as long as it stands.
#[derive(Debug)]
pub struct Visits<'a> {
    probe: &'a Probe<'a>,
    target: &'a Target,
    chain: Chain,
}

impl Visits<'_> {
    /// One more request, and the redirects that it leads to. The first one opens the connection; a later one opens another where
    /// the peer has closed it, and its trace says so ([`crate::trace::Connect::reused`]).
    #[must_use]
    pub fn trace(&mut self) -> Traced {
        let Followed { traces, stopped, .. } = self.probe.follow(self.target, &mut self.chain, None);
        Traced { traces, stopped }
    }
}

/// A request, the redirects that it led to, and the last request of them.
struct Followed {
    traces: Vec<Trace>,
    stopped: Option<Stopped>,
    last: Request,
}

/// What the requests for one target share.
#[derive(Debug, Default)]
struct Chain {
    kept: Option<Kept>,
    /// Set up with the first `https` URL; sessions are resumed among these requests only.
    tls: Option<TlsClient>,
}

impl Chain {
    /// Makes TLS ready before the clock of the request starts.
    fn set_up(&mut self, tls: &LazyTls) -> Result<(), Failure> {
        if self.tls.is_none() {
            let failed = |error: TlsSetupError| fault::fault(Phase::Tls, FailureCode::TlsFailed, error.to_string());
            self.tls = Some(tls.client().map_err(failed)?.with_fresh_sessions());
        }
        Ok(())
    }
}

/// A client for one plan.
#[derive(Debug)]
pub struct Probe<'p> {
    plan: &'p Plan,
    resolver: Resolver,
    tls: LazyTls,
    interrupt: Interrupt,
    watcher: Option<Watcher>,
    /// Requests that are watched now. The flows of one may be closed while another still asks for its packets.
    watched: AtomicUsize,
    _stamps: Option<StampedSockets>,
}

impl<'p> Probe<'p> {
    /// Loads what is loaded once.
    pub fn new(plan: &'p Plan, interrupt: Interrupt) -> Result<Self, ProbeError> {
        Self::build(plan, interrupt, None)
    }

    /// As [`Probe::new`], with every flow watched on the wire.
    pub fn watched_by(watcher: Watcher, plan: &'p Plan, interrupt: Interrupt) -> Result<Self, ProbeError> {
        Self::build(plan, interrupt, Some(watcher))
    }

    fn build(plan: &'p Plan, interrupt: Interrupt, watcher: Option<Watcher>) -> Result<Self, ProbeError> {
        let tap = watcher.as_ref().map(|watcher| Arc::clone(&watcher.tap));
        let tls = LazyTls::new(plan.tls.clone(), tap.clone());
        let names_need_tls = matches!(plan.resolution.servers, DnsServers::Tls(_) | DnsServers::Https(_));
        let for_names = if names_need_tls { Some(tls.client()?.clone()) } else { None };
        if plan.targets.iter().any(|target| target.request.url.scheme() == "https") {
            tls.client()?;
        }
        let resolver = Resolver::new(plan.resolution.clone(), plan.route.interface.clone(), for_names);
        let resolver = resolver.watched_by(tap);
        Ok(Self {
            plan,
            resolver,
            tls,
            interrupt,
            watcher,
            watched: AtomicUsize::new(0),
            _stamps: StampedSockets::keep().ok(),
        })
    }

    /// Traces a target: one request, the redirects that it leads to, and its warm repetition, as the plan says. The body of
    /// the last response goes to `body`.
    #[must_use]
    pub fn trace(&self, target: &Target, body: Option<&mut dyn Write>) -> Traced {
        let mut chain = Chain::default();
        let Followed { mut traces, stopped, last } = self.follow(target, &mut chain, body);
        let complete = traces.last().is_some_and(|trace| trace.failure().is_none());
        if self.plan.repeat == Repeat::ColdThenWarm && complete && stopped.is_none() {
            let (trace, _) = self.ask(target, &last, None, &mut chain, None);
            traces.push(trace);
        }
        Traced { traces, stopped }
    }

    /// Requests to a target that share a connection; nothing is sent yet.
    #[must_use]
    pub fn visits<'a>(&'a self, target: &'a Target) -> Visits<'a> {
        Visits { probe: self, target, chain: Chain::default() }
    }

    fn follow(&self, target: &Target, chain: &mut Chain, mut body: Option<&mut dyn Write>) -> Followed {
        let mut traces = Vec::new();
        let mut request = target.request.clone();
        let mut followed = 0;
        let stopped = loop {
            let from = traces.last().map(|trace: &Trace| trace.subject.trace_id);
            let (trace, location) = self.ask(target, &request, from, chain, reborrow(&mut body));
            let status = trace.response.as_ref().map(|response| response.status);
            let failed = trace.failure().is_some();
            traces.push(trace);
            let (Some(status), Some(location), false) = (status, location, failed) else { break None };
            match self.next_request(&request, status, &location, followed) {
                Ok(Some(next)) => {
                    // What is expected is the response that the chain ends with.
                    if let Some(redirect) = traces.last_mut() {
                        redirect.subject.expect_status = None;
                    }
                    request = next;
                }
                Ok(None) => break None,
                Err(stopped) => break Some(stopped),
            }
            followed += 1;
        };
        Followed { traces, stopped, last: request }
    }

    /// Who watches flows on the wire.
    fn tap(&self) -> Option<&Arc<dyn Tap>> {
        self.watcher.as_ref().map(|watcher| &watcher.tap)
    }

    fn next_request(
        &self,
        request: &Request,
        status: u16,
        location: &str,
        followed: u32,
    ) -> Result<Option<Request>, Stopped> {
        let Redirects::Follow { most } = self.plan.redirects else { return Ok(None) };
        let next = request
            .redirected(status, location)
            .map_err(|error| Stopped::Unusable { location: location.to_owned(), why: error.to_string() })?;
        match (next, most) {
            (Some(_), Some(most)) if followed >= most => Err(Stopped::TooMany(most)),
            (next, _) => Ok(next),
        }
    }

    /// One request as one trace, and the `Location` of its response, which the trace may hold redacted only.
    fn ask<'b>(
        &self,
        target: &Target,
        request: &Request,
        from: Option<TraceId>,
        chain: &mut Chain,
        body: Option<&'b mut (dyn Write + 'b)>,
    ) -> (Trace, Option<String>) {
        let trace_id = TraceId::new(clock::epoch_seconds(), random());
        self.watched.fetch_add(1, Ordering::AcqRel);
        let ready = self.make_ready(request, trace_id, chain);
        let sync = clock::sync();
        let mut recorder = Recorder::default();
        let tls = chain.tls.as_ref();
        let mut under_way = request::UnderWay {
            probe: self,
            request,
            overrides: &target.resolve,
            tls,
            sync,
            recorder: &mut recorder,
            location: None,
            lookup: None,
        };
        if let Err(failure) = ready.and_then(|head| under_way.run(&head, &mut chain.kept, body)) {
            under_way.recorder.fail(failure);
        }
        let location = under_way.location.take();
        if let Some(watcher) = &self.watcher {
            witness::testify(watcher, &mut recorder, &sync);
        }
        let others = self.watched.fetch_sub(1, Ordering::AcqRel) > 1;
        if let Some(watcher) = self.watcher.as_ref().filter(|_| !others) {
            watcher.tap.settled();
        }
        let subject = Subject {
            trace_id,
            name: target.name.clone(),
            tags: target.tags.clone(),
            path: target.path.clone(),
            vantage: self.plan.vantage.clone(),
            url: request.url.to_string(),
            method: request.method.as_str().to_owned(),
            expect_status: target.expect_status,
            redirected_from: from,
        };
        // Where the clocks moved apart meanwhile, the kernel's stamps are less certain than they seemed.
        let widened = sync.widened_by(&clock::sync());
        let context = Context { clock: widened, secrets: self.plan.secrets };
        let events = recorder.into_events(widened.error().saturating_sub(sync.error()));
        let mut trace = Trace::assemble(subject, &context, events);
        attribute::from_response(&mut trace);
        (trace, location)
    }

    /// Does what takes time and is not part of the request, before its clock starts.
    fn make_ready(&self, request: &Request, trace_id: TraceId, chain: &mut Chain) -> Result<Head, Failure> {
        if request.url.scheme() == "https" {
            chain.set_up(&self.tls)?;
        }
        let start = clock::now();
        self.resolver.find_servers(&Deadline::after(start, self.plan.limits.connect, &self.interrupt))?;
        let context = match self.plan.route.forward_proxy(&request.url) {
            Some(proxy) => RequestContext::ViaProxy(proxy.credentials.as_ref()),
            None => RequestContext::Direct,
        };
        let keys = match self.plan.trace_headers {
            TraceHeaders::Send => Some(JoinKeys::new(trace_id, getrandom::u64().unwrap_or_default())),
            TraceHeaders::Omit => None,
        };
        Head::new(request, context, keys.as_ref())
    }
}

fn reborrow<'a>(body: &'a mut Option<&mut dyn Write>) -> Option<&'a mut (dyn Write + 'a)> {
    body.as_mut().map(|body| &mut **body as &mut (dyn Write + 'a))
}

fn random() -> u128 {
    let high = u128::from(getrandom::u64().unwrap_or_default());
    let low = u128::from(getrandom::u64().unwrap_or_default());
    (high << 64) | low
}
