//! From observations to a trace.
//!
//! Of several witnesses of a moment the best one counts: wire over kernel over user, and of one witness's several stamps the
//! first (a retransmission stamps the same bytes again). Phases end where their end was witnessed and begin where the phase
//! before them ended; the phase that a failure is charged to ends with the failure.

use std::collections::BTreeMap;

use super::redact::{redact_headers, redact_url};
use super::sections::{Client, Connect, ConnectAttempt, Dns, DnsQuery, Informational, Response, Tls};
use super::server_timing::metrics;
use super::wait::{Acked, RoundTrips, Waited};
use super::wire::{Known, Wire};
use super::{Context, Layers, Outcome, Schema, Subject, Timeline, Trace, WaitSplit};
use crate::event::{
    Answer, Attempt, AttemptId, Certificate, Direction, DnsSource, Endpoints, Event, Evidence, Fact, Failure, Mark,
    Moment, Phase, QueryId, Question, RequestHead, ResponseHead, Side, TlsSession, TransportCounters,
    Wire as SeenOnWire,
};
use crate::target::Secrets;
use crate::time::{Monotonic, Nanos, Timestamp};

/// A wait for the preferred family that is shorter than this is none: its answer was there already.
const NOTABLE_DELAY: Nanos = Nanos::from_millis(1);

impl Trace {
    /// Draws the trace from everything that was observed. Any stream of events gives a well-formed trace; without events it
    /// has no phases.
    #[must_use]
    pub fn assemble(subject: Subject, context: &Context, events: impl IntoIterator<Item = Event>) -> Self {
        let (moments, mut facts) = gather(events);
        let start = moments.start();
        let failure = facts.failure.clone();
        let timeline = Timeline::new(start, phase_ends(&moments, failure.as_ref()));
        let at = |moment| moments.best(moment).map(|mark| mark.at.since(start.at));

        let wire = facts.wire.take().map(|seen| wire(*seen, start, &timeline, &moments));
        let wait = wait_split(&timeline, &moments, &facts, wire.as_ref());
        let trace = Self {
            schema: Schema::Trace1,
            subject,
            started_at: context.clock.to_realtime(start.at),
            outcome: failure.map_or(Outcome::Complete, Outcome::Failed),
            wait,
            wire,
            client: Client {
                lag: moments.lag(facts.resolution_delay),
                queue: moments.queue(),
                resolution_delay: Some(facts.resolution_delay).filter(|delay| *delay >= NOTABLE_DELAY),
            },
            dns: dns(&facts, &at),
            connect: connect(&facts, &at),
            tls: tls(&facts, &at),
            server_timing: facts.response.as_ref().map(|head| metrics(&head.headers)).unwrap_or_default(),
            response: response(&facts, &at),
            request: facts.request,
            transport: facts.transport,
            passed: Vec::new(),
            layers: Layers::default(),
            rejected: Vec::new(),
            phase_witnesses: Vec::new(),
            hop_search: None,
            hops: Vec::new(),
            timeline,
        };
        match context.secrets {
            Secrets::Show => trace,
            Secrets::Redact => trace.without_secrets(),
        }
    }

    fn without_secrets(mut self) -> Self {
        self.subject.url = redact_url(&self.subject.url);
        if let Some(request) = &mut self.request {
            request.headers = redact_headers(std::mem::take(&mut request.headers));
        }
        if let Some(response) = &mut self.response {
            response.headers = redact_headers(std::mem::take(&mut response.headers));
        }
        if let Some(proxy) = self.connect.as_mut().and_then(|connect| connect.proxy.as_mut()) {
            *proxy = redact_url(proxy);
        }
        for query in self.dns.iter_mut().flat_map(|dns| &mut dns.queries) {
            query.question.server = redact_url(&query.question.server);
        }
        self
    }
}

/// Every stamp of every moment.
#[derive(Default)]
struct Moments(BTreeMap<Moment, Vec<Mark>>);

impl Moments {
    fn best(&self, moment: Moment) -> Option<Mark> {
        let marks = self.0.get(&moment)?;
        marks.iter().copied().reduce(|best, mark| {
            let better = mark.source > best.source || (mark.source == best.source && mark.at < best.at);
            if better { mark } else { best }
        })
    }

    /// The start as witnessed, or else the first query or connection attempt, or else the earliest stamp of anything.
    fn start(&self) -> Mark {
        let nothing = Mark { at: Timestamp::from_nanos(0), error: Nanos::ZERO, source: Evidence::User };
        let is_first_step = |moment: &&Moment| matches!(moment, Moment::QuerySent(_) | Moment::AttemptStarted(_));
        let first_step = || {
            let steps = self.0.keys().filter(is_first_step);
            steps.filter_map(|moment| self.best(*moment)).min_by_key(|mark| mark.at)
        };
        let earliest = || self.0.values().flatten().copied().min_by_key(|mark| mark.at);
        self.best(Moment::Start).or_else(first_step).or_else(earliest).unwrap_or(nothing)
    }

    /// From the packet scheduler to the network device, both as the kernel saw them.
    fn queue(&self) -> Option<Nanos> {
        let left = self.best(Moment::End(Phase::Send)).filter(|mark| mark.source >= Evidence::Kernel)?;
        Some(left.at.since(self.best(Moment::RequestScheduled)?.at))
    }

    /// What this program itself added: from the end of each phase to its own next act, and from the arrival of the first and
    /// the last byte of the response to its noticing. `delay` is what it waited on purpose between `dns` and `connect`.
    fn lag(&self, delay: Nanos) -> Nanos {
        let first_attempt = self.0.keys().filter(|moment| matches!(moment, Moment::AttemptStarted(_)));
        let first_attempt = first_attempt.filter_map(|moment| self.by_user(*moment)).min();
        let acts = [
            (Phase::Dns, first_attempt.map(|at| at - delay)),
            (Phase::Connect, self.by_user(Moment::ClientHello).or_else(|| self.by_user(Moment::RequestHanded))),
            (Phase::Tls, self.by_user(Moment::RequestHanded)),
            (Phase::Wait, self.by_user(Moment::End(Phase::Wait))),
            (Phase::Receive, self.by_user(Moment::End(Phase::Receive))),
        ];
        let gaps = acts.into_iter().filter_map(|(phase, act)| Some(act?.since(self.best(Moment::End(phase))?.at)));
        gaps.sum()
    }

    /// The first time that this process itself stamped a moment.
    fn by_user(&self, moment: Moment) -> Option<Timestamp<Monotonic>> {
        self.0.get(&moment)?.iter().filter(|mark| mark.source == Evidence::User).map(|mark| mark.at).min()
    }
}

/// The latest fact of each kind.
#[derive(Default)]
struct Facts {
    source: Option<DnsSource>,
    resolution_delay: Nanos,
    questions: BTreeMap<QueryId, Question>,
    answers: BTreeMap<QueryId, Answer>,
    attempts: BTreeMap<AttemptId, Attempt>,
    endpoints: Option<Endpoints>,
    syn_round_trip: Option<Nanos>,
    session: Option<TlsSession>,
    certificates: Vec<Certificate>,
    request: Option<RequestHead>,
    informational: BTreeMap<u32, u16>,
    response: Option<ResponseHead>,
    body_bytes: u64,
    transport: Option<TransportCounters>,
    wire: Option<Box<SeenOnWire>>,
    failure: Option<Failure>,
}

impl Facts {
    fn learn(&mut self, fact: Fact) {
        match fact {
            Fact::Resolved(source) => self.source = Some(source),
            Fact::ResolutionDelay(delay) => self.resolution_delay = delay,
            Fact::Question(id, question) => _ = self.questions.insert(id, question),
            Fact::Answer(id, answer) => _ = self.answers.insert(id, answer),
            Fact::Attempt(id, attempt) => _ = self.attempts.insert(id, attempt),
            Fact::Connected(endpoints) => self.endpoints = Some(endpoints),
            Fact::SynRoundTrip(rtt) => self.syn_round_trip = Some(rtt),
            Fact::Secured(session) => self.session = Some(session),
            Fact::Certificates(certificates) => self.certificates = certificates,
            Fact::Request(head) => self.request = Some(head),
            Fact::Informational(index, status) => _ = self.informational.insert(index, status),
            Fact::Response(head) => self.response = Some(head),
            Fact::BodyBytes(bytes) => self.body_bytes = bytes,
            Fact::Transport(counters) => self.transport = Some(counters),
            Fact::Wire(seen) => self.wire = Some(seen),
            Fact::Failed(failure) => self.failure = Some(failure),
        }
    }
}

fn gather(events: impl IntoIterator<Item = Event>) -> (Moments, Facts) {
    let (mut moments, mut facts) = (Moments::default(), Facts::default());
    for event in events {
        match event {
            Event::Observed(moment, mark) => moments.0.entry(moment).or_default().push(mark),
            Event::Learned(fact) => facts.learn(fact),
        }
    }
    (moments, facts)
}

/// The ends of phases in wire order. A failure ends the phase it is charged to, and hides whatever came after: a client
/// certificate refused after a TLS 1.3 handshake is a failure of `tls`, though the request had been sent by then.
fn phase_ends(moments: &Moments, failure: Option<&Failure>) -> Vec<(Phase, Mark)> {
    let failed = failure.and_then(|failure| Some((failure.phase, moments.best(Moment::Failed)?)));
    Phase::ALL
        .into_iter()
        .filter(|phase| failed.is_none_or(|(during, _)| *phase < during))
        .filter_map(|phase| Some((phase, moments.best(Moment::End(phase))?)))
        .chain(failed)
        .collect()
}

fn wire(seen: SeenOnWire, start: Mark, timeline: &Timeline, moments: &Moments) -> Wire {
    let known = Known {
        start: start.at,
        timeline,
        client_hello: moments.best(Moment::ClientHello),
        server_hello: moments.best(Moment::ServerHello),
        secured: moments.best(Moment::End(Phase::Tls)),
    };
    Wire::new(seen, &known)
}

fn wait_split(timeline: &Timeline, moments: &Moments, facts: &Facts, wire: Option<&Wire>) -> Option<WaitSplit> {
    facts.response.as_ref()?;
    let span = timeline.span(Phase::Wait)?;
    let lost = |directions: &[Direction]| {
        wire.map_or(Nanos::ZERO, |wire| wire.lost_within(span.start, span.end(), directions))
    };
    let wait = Waited {
        length: span.duration,
        error: span.error,
        lost: lost(&[Direction::Sent, Direction::Received]),
        lost_request: lost(&[Direction::Sent]),
    };
    if wire.is_some_and(|wire| wire.side == Side::Server) {
        return Some(WaitSplit::at_server(wait));
    }
    let sent: Timestamp<Monotonic> = moments.best(Moment::End(Phase::Send))?.at;
    let smallest = facts.transport.and_then(|counters| counters.min_rtt);
    let acked = moments.best(Moment::RequestAcked).map(|mark| {
        let length = mark.at.since(sent);
        if mark.source == Evidence::Wire { Acked::OnWire(length) } else { Acked::ByKernel(length) }
    });
    let syn = wire.and_then(|wire| wire.syn_rtt);
    let by_kernel = facts.syn_round_trip.filter(|_| syn.is_none());
    let known = RoundTrips { smallest: [smallest, by_kernel].into_iter().flatten().min(), syn, acked };
    WaitSplit::estimate(wait, known)
}

fn dns(facts: &Facts, at: &impl Fn(Moment) -> Option<Nanos>) -> Option<Dns> {
    let queries: Vec<DnsQuery> = facts
        .questions
        .iter()
        .filter_map(|(id, question)| {
            // A query whose server was still being reached when nobody needed it any more was never sent.
            let start = at(Moment::QuerySent(*id))?;
            Some(DnsQuery {
                question: question.clone(),
                start,
                duration: at(Moment::QueryEnded(*id)).map(|end| end.saturating_sub(start)),
                answer: facts.answers.get(id).cloned(),
            })
        })
        .collect();
    let source = facts.source.or_else(|| (!queries.is_empty()).then_some(DnsSource::Network))?;
    Some(Dns { source, queries })
}

fn connect(facts: &Facts, at: &impl Fn(Moment) -> Option<Nanos>) -> Option<Connect> {
    let attempts: Vec<ConnectAttempt> = facts
        .attempts
        .iter()
        .filter_map(|(id, attempt)| {
            let start = at(Moment::AttemptStarted(*id))?;
            Some(ConnectAttempt {
                address: attempt.address.clone(),
                start,
                duration: at(Moment::AttemptEnded(*id)).map(|end| end.saturating_sub(start)),
                result: attempt.result,
                error: attempt.error.clone(),
            })
        })
        .collect();
    if attempts.is_empty() && facts.endpoints.is_none() {
        return None;
    }
    let endpoints = facts.endpoints.as_ref();
    Some(Connect {
        reused: endpoints.is_some_and(|ends| ends.reused),
        local: endpoints.and_then(|ends| ends.local.clone()),
        remote: endpoints.map(|ends| ends.remote.clone()),
        proxy: endpoints.and_then(|ends| ends.proxy.clone()),
        rtt: facts.syn_round_trip,
        attempts,
    })
}

fn tls(facts: &Facts, at: &impl Fn(Moment) -> Option<Nanos>) -> Option<Tls> {
    let client_hello = at(Moment::ClientHello);
    if facts.session.is_none() && client_hello.is_none() {
        return None;
    }
    Some(Tls {
        session: facts.session.clone(),
        client_hello,
        server_hello: at(Moment::ServerHello),
        verified: at(Moment::Verified),
        finished: at(Moment::Finished),
        certificates: facts.certificates.clone(),
    })
}

fn response(facts: &Facts, at: &impl Fn(Moment) -> Option<Nanos>) -> Option<Response> {
    let head = facts.response.clone()?;
    Some(Response {
        status: head.status,
        version: head.version,
        headers: head.headers,
        header_bytes: head.header_bytes,
        body_bytes: facts.body_bytes,
        informational: facts
            .informational
            .iter()
            .filter_map(|(index, status)| {
                Some(Informational { status: *status, at: at(Moment::Informational(*index))? })
            })
            .collect(),
        head_complete: at(Moment::HeadComplete),
        first_body_byte: at(Moment::FirstBodyByte),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::event::FailureCode;
    use crate::time::{ClockPair, ClockSync};
    use crate::trace::TraceId;

    fn subject() -> Subject {
        Subject {
            trace_id: TraceId::new(1, 2),
            name: None,
            tags: BTreeMap::new(),
            path: None,
            vantage: None,
            url: "https://u:p@example.com/?token=1".to_owned(),
            method: "GET".to_owned(),
            expect_status: None,
            redirected_from: None,
        }
    }

    fn context() -> Context {
        let zero = ClockPair {
            before: Timestamp::from_nanos(0),
            realtime: Timestamp::from_nanos(1_000_000_000),
            after: Timestamp::from_nanos(0),
        };
        Context { clock: ClockSync::from_pairs(&[zero]).unwrap(), secrets: Secrets::Redact }
    }

    fn seen(moment: Moment, at: u64, source: Evidence) -> Event {
        Event::Observed(moment, Mark { at: Timestamp::from_nanos(at), error: Nanos::new(1), source })
    }

    fn assemble(events: Vec<Event>) -> Trace {
        Trace::assemble(subject(), &context(), events)
    }

    #[test]
    fn the_best_witness_counts_and_of_its_stamps_the_first() {
        let trace = assemble(vec![
            seen(Moment::Start, 100, Evidence::User),
            seen(Moment::End(Phase::Dns), 220, Evidence::User),
            seen(Moment::End(Phase::Dns), 210, Evidence::Kernel),
            seen(Moment::End(Phase::Dns), 215, Evidence::Kernel),
            seen(Moment::End(Phase::Connect), 300, Evidence::Kernel),
            seen(Moment::End(Phase::Connect), 305, Evidence::Wire),
            seen(Moment::AttemptStarted(AttemptId(0)), 240, Evidence::User),
            seen(Moment::RequestHanded, 330, Evidence::User),
            Event::Learned(Fact::ResolutionDelay(Nanos::new(5))),
        ]);
        let lengths: Vec<_> =
            trace.timeline.spans().map(|span| (span.phase, span.duration.get(), span.evidence)).collect();
        assert_eq!(lengths, [(Phase::Dns, 110, Evidence::Kernel), (Phase::Connect, 95, Evidence::Kernel)]);
        // From the answer to the attempt without the wait on purpose, and from the connection to the request.
        assert_eq!(trace.client.lag, Nanos::new((240 - 210 - 5) + (330 - 305)));
        assert_eq!(trace.started_at, Timestamp::from_nanos(1_000_000_100));
    }

    #[test]
    fn a_late_alert_is_charged_to_tls() {
        let failure = Failure {
            phase: Phase::Tls,
            code: FailureCode::TlsClientCertificate,
            message: "the peer wants a certificate".to_owned(),
        };
        let trace = assemble(vec![
            seen(Moment::Start, 0, Evidence::User),
            seen(Moment::End(Phase::Connect), 10, Evidence::User),
            seen(Moment::End(Phase::Tls), 20, Evidence::User),
            seen(Moment::End(Phase::Send), 21, Evidence::User),
            seen(Moment::Failed, 35, Evidence::User),
            Event::Learned(Fact::Failed(failure.clone())),
        ]);
        let ends: Vec<_> = trace.timeline.spans().map(|span| (span.phase, span.end().get())).collect();
        assert_eq!(ends, [(Phase::Connect, 10), (Phase::Tls, 35)]);
        assert_eq!(trace.failure(), Some(&failure));
    }

    #[test]
    fn secrets_are_gone_and_json_round_trips() {
        let trace = assemble(vec![
            seen(Moment::Start, 5, Evidence::User),
            seen(Moment::End(Phase::Wait), 50, Evidence::Kernel),
            Event::Learned(Fact::Request(RequestHead {
                version: "HTTP/1.1".to_owned(),
                headers: vec![("authorization".to_owned(), "Bearer secret".to_owned())],
                body_bytes: 0,
                header_bytes: 10,
            })),
        ]);
        let text = serde_json::to_string(&trace).unwrap();
        assert!(!text.contains("Bearer"), "{text}");
        assert!(!text.contains("u:p"), "{text}");
        assert!(text.contains("\"failure\":null"), "{text}");
        assert_eq!(serde_json::from_str::<Trace>(&text).unwrap(), trace);
    }

    fn any_moment() -> impl Strategy<Value = Moment> {
        prop_oneof![
            Just(Moment::Start),
            Just(Moment::Failed),
            Just(Moment::ClientHello),
            Just(Moment::RequestAcked),
            proptest::sample::select(Phase::ALL.to_vec()).prop_map(Moment::End),
            (0..4_u32).prop_map(|id| Moment::QuerySent(QueryId(id))),
            (0..4_u32).prop_map(|id| Moment::QueryEnded(QueryId(id))),
            (0..4_u32).prop_map(|id| Moment::AttemptEnded(AttemptId(id))),
        ]
    }

    fn any_event() -> impl Strategy<Value = Event> {
        let source = proptest::sample::select(vec![Evidence::User, Evidence::Kernel, Evidence::Wire]);
        let observed = (any_moment(), any::<u64>(), any::<u64>(), source).prop_map(|(moment, at, error, source)| {
            Event::Observed(moment, Mark { at: Timestamp::from_nanos(at), error: Nanos::new(error), source })
        });
        let failed = proptest::sample::select(Phase::ALL.to_vec()).prop_map(|phase| {
            let failure = Failure { phase, code: FailureCode::WaitTimeout, message: String::new() };
            Event::Learned(Fact::Failed(failure))
        });
        let rtt = any::<u64>().prop_map(|rtt| Event::Learned(Fact::SynRoundTrip(Nanos::new(rtt))));
        let response = Just(Event::Learned(Fact::Response(ResponseHead {
            status: 200,
            version: "HTTP/2".to_owned(),
            headers: vec![],
            header_bytes: 1,
        })));
        prop_oneof![8 => observed, 1 => failed, 1 => rtt, 1 => response]
    }

    proptest! {
        #[test]
        fn phases_are_contiguous_and_sum_to_the_total(events in proptest::collection::vec(any_event(), 0..40)) {
            let trace = assemble(events);
            let mut end = Nanos::ZERO;
            for span in trace.timeline.spans() {
                prop_assert_eq!(span.start, end);
                end = span.end();
            }
            prop_assert_eq!(end, trace.total());
            prop_assert_eq!(trace.timeline.spans().map(|span| span.duration).sum::<Nanos>(), trace.total());
            if let Some(split) = &trace.wait {
                let parts = split.network + split.server + split.retransmission.unwrap_or_default();
                prop_assert_eq!(parts, trace.span(Phase::Wait).unwrap().duration);
                prop_assert!(split.server_low <= split.server && split.server <= split.server_high);
            }
            let text = serde_json::to_string(&trace).unwrap();
            prop_assert_eq!(serde_json::from_str::<Trace>(&text).unwrap(), trace);
        }
    }
}
