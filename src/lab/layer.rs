//! One server of the world at work: it takes its time, calls the next server, and answers.
//!
//! Due times are reckoned from the request's arrival, so that what the machine itself needs is part of the delay and does
//! not add to it (as long as it is shorter). Sockets are `serve`'s and `upstream`'s, headers are `headers`'.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::{HOST, HeaderName, HeaderValue, USER_AGENT};
use http::{HeaderMap, Request, Response, StatusCode};
use serde_json::json;
use tokio::time::Instant;

use super::clock::Sleeper;
use super::headers::{ERROR_TYPE, Passage, Scheme, Timing};
use super::identity::Inventor;
use super::lambda::{Placement, Pool};
use super::profile::Profile;
use super::served::{Asked, Call, Guards, Invocation, LayerTime, Ledger};
use super::upstream::Upstream;
use super::world::{Kind, Station};
use crate::time::{Monotonic, Nanos, Realtime, Timestamp};

/// The number of the request's record, between the lab's servers only.
pub(super) const NUMBER: HeaderName = HeaderName::from_static("x-lab-number");

/// The layers passed so far, between the lab's servers only.
pub(super) const PASSED: HeaderName = HeaderName::from_static("x-lab-passed");

/// What all servers of a lab share.
pub(super) struct Surroundings {
    pub(super) profile: Profile,
    pub(super) inventor: Inventor,
    pub(super) sleeper: Sleeper,
    pub(super) ledger: Arc<Ledger>,
    /// Zero of the pools' clock.
    pub(super) epoch: Instant,
    /// Where the redirecting load balancer points.
    pub(super) redirect_to: String,
}

impl Surroundings {
    fn monotonic(&self) -> Timestamp<Monotonic> {
        Timestamp::from_nanos(Nanos::from(self.epoch.elapsed()).get())
    }
}

/// A server of the world.
pub(super) struct Layer {
    pub(super) station: &'static Station,
    pub(super) role: Role,
    pub(super) around: Arc<Surroundings>,
}

/// What a server does with a request.
pub(super) enum Role {
    /// Answers it.
    App,
    /// Answers it in a sandbox.
    Function(Mutex<Pool>),
    /// Calls the next server.
    Relay {
        upstream: Upstream,
        /// The name by which it is called.
        name: String,
    },
}

/// How a request came to a server.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrival {
    pub(super) at: Instant,
    pub(super) wall: Timestamp<Realtime>,
    pub(super) client: SocketAddr,
    pub(super) scheme: Scheme,
}

/// A request's stay in a layer. It is on record from when this is dropped, in whatever way the stay ended.
struct Stay<'a> {
    ledger: &'a Ledger,
    /// The number of the request's record; a request without one leaves no trace.
    number: Option<u64>,
    arrived: Instant,
    part: LayerTime,
}

impl Drop for Stay<'_> {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            self.ledger.enter(number, LayerTime { total: self.arrived.elapsed().into(), ..self.part.clone() });
        }
    }
}

impl Layer {
    /// Answers one request, in no less time than the layers' delays.
    pub(super) async fn serve(&self, request: Request<Bytes>, arrival: Arrival) -> Response<Bytes> {
        let kind = self.station.kind;
        let passage = Passage::new(kind, request.headers(), &self.around.inventor, arrival.scheme, arrival.wall);
        let number = request.headers().get(NUMBER).and_then(|value| value.to_str().ok()?.parse().ok());
        let part = LayerTime {
            layer: kind.layer(),
            station: self.station.name,
            trace_header: passage.trace.as_ref().map(ToString::to_string),
            request_id: passage.request_id.clone(),
            extended_request_id: passage.extended_request_id.clone(),
            entered_at: arrival.wall,
            total: Nanos::ZERO,
            asked: asked(&request, arrival),
            guards: Guards::default(),
            call: None,
            status: None,
            sent: 0,
            body: 0,
            invocation: None,
        };
        let ledger = &self.around.ledger;
        let mut stay = Stay { ledger, number, arrived: arrival.at, part };
        let part = &mut stay.part;
        let response = match &self.role {
            Role::App => self.answer(&passage, request.headers(), arrival).await,
            Role::Function(pool) => self.invoke(pool, &passage, request.headers(), arrival, part).await,
            Role::Relay { upstream, name } => self.relay(upstream, name, &passage, request, arrival, part).await,
        };
        part.status = Some(response.status().as_u16());
        part.body = response.body().len() as u64;
        part.sent = length_of_head(response.headers()) + part.body;
        response
    }

    fn own(&self) -> Duration {
        self.station.kind.own(&self.around.profile).into()
    }

    async fn answer(&self, passage: &Passage, request: &HeaderMap, arrival: Arrival) -> Response<Bytes> {
        self.around.sleeper.until(arrival.at + self.own()).await;
        if self.station.kind == Kind::RedirectingElb {
            let mut response = Response::new(Bytes::from_static(b"<html><body><h1>302 Found</h1></body></html>\r\n"));
            *response.status_mut() = StatusCode::FOUND;
            passage.redirect(response.headers_mut(), &self.around.redirect_to);
            response
        } else {
            let body = json!({ "path": self.passed(request), "trace": trace_text(passage) });
            let mut response = Response::new(Bytes::from(body.to_string()));
            passage.originate(response.headers_mut());
            response
        }
    }

    async fn invoke(
        &self,
        pool: &Mutex<Pool>,
        passage: &Passage,
        request: &HeaderMap,
        arrival: Arrival,
        part: &mut LayerTime,
    ) -> Response<Bytes> {
        let invoke = Duration::from(self.around.profile.lambda.invoke);
        let mut due = arrival.at + invoke / 2;
        self.around.sleeper.until(due).await;
        let Ok(placement) = lock(pool).acquire(self.around.monotonic()) else {
            self.around.sleeper.until(arrival.at + invoke).await;
            return throttled(passage);
        };
        let reached = Instant::now();
        let sandbox = Lease { pool, around: &self.around, placement };
        let (mut placed, mut ready) = (reached, reached);
        if let (Some(placing), Some(starting)) = (placement.placing(), placement.starting()) {
            due += Duration::from(placing);
            self.around.sleeper.until(due).await;
            placed = Instant::now();
            due += Duration::from(starting);
            self.around.sleeper.until(due).await;
            ready = Instant::now();
        }
        // The function's time counts from its own start: it is a record's figure of its own, not a share of the whole.
        due = ready + Duration::from(self.around.profile.lambda.function);
        self.around.sleeper.until(due).await;
        let is_cold = placement.cold_start().is_some();
        part.invocation = Some(Invocation {
            placement,
            reached_after: (reached - arrival.at).into(),
            placed: is_cold.then(|| (placed - reached).into()),
            started: is_cold.then(|| (ready - placed).into()),
            duration: ready.elapsed().into(),
        });
        drop(sandbox);
        self.around.sleeper.until(due + invoke / 2).await;
        let body = json!({
            "path": self.passed(request),
            "trace": trace_text(passage),
            "lambda": { "cold": is_cold, "sandbox": placement.sandbox() },
        });
        let mut response = Response::new(Bytes::from(body.to_string()));
        passage.originate(response.headers_mut());
        response
    }

    /// Who comes to an API has to pass these first; returns when that was due.
    async fn guard(&self, arrival: Arrival, guards: &mut Guards) -> Instant {
        let (waf, authorizer) = self.station.kind.guards(&self.around.profile);
        let mut due = arrival.at;
        let mut since = arrival.at;
        for (length, told) in [(waf, &mut guards.waf), (authorizer, &mut guards.authorizer)] {
            if length > Nanos::ZERO {
                due += Duration::from(length);
                self.around.sleeper.until(due).await;
                let now = Instant::now();
                *told = Some((now - since).into());
                since = now;
            }
        }
        due
    }

    async fn relay(
        &self,
        upstream: &Upstream,
        name: &str,
        passage: &Passage,
        mut request: Request<Bytes>,
        arrival: Arrival,
        part: &mut LayerTime,
    ) -> Response<Bytes> {
        let (before, behind) = (self.own() / 3, self.own().saturating_sub(self.own() / 3));
        let due = self.guard(arrival, &mut part.guards).await + before;
        let next = if self.station.kind == Kind::NetworkElb { &part.asked.authority } else { name };
        passage.forward(request.headers_mut(), arrival.client.ip(), next);
        let passed = self.passed(request.headers()).join(",");
        if let Ok(passed) = HeaderValue::try_from(passed) {
            request.headers_mut().insert(PASSED, passed);
        }
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        *request.uri_mut() = path.parse().unwrap_or_default();
        *request.version_mut() = http::Version::HTTP_11;
        self.around.sleeper.until(due).await;

        let called_at = Instant::now();
        let after = (called_at - arrival.at).into();
        part.call = Some(Call { after, first_byte: None, total: None });
        let called = upstream.call(request).await;
        let returned_at = Instant::now();
        let first_byte = called.as_ref().ok().map(|called| called.connect.unwrap_or_default() + called.first_byte);
        part.call = Some(Call { after, first_byte, total: Some((returned_at - called_at).into()) });
        self.around.sleeper.until(returned_at + behind).await;
        match called {
            Ok(called) => {
                let mut response = called.response;
                *response.version_mut() = http::Version::HTTP_11;
                let timing = Timing {
                    connect: called.connect,
                    upstream_first_byte: called.first_byte,
                    first_byte: arrival.at.elapsed().into(),
                };
                let Surroundings { profile, inventor, .. } = &*self.around;
                passage.return_through(response.headers_mut(), timing, profile, inventor);
                response
            }
            Err(error) => {
                let mut response = Response::new(Bytes::from(json!({ "message": error.to_string() }).to_string()));
                *response.status_mut() = StatusCode::BAD_GATEWAY;
                passage.fail(response.headers_mut());
                response
            }
        }
    }

    /// The layers passed so far, this one included.
    fn passed(&self, request: &HeaderMap) -> Vec<String> {
        let before = request.get(PASSED).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let layers = before.split(',').filter(|layer| !layer.is_empty()).chain([self.station.kind.layer()]);
        layers.map(str::to_owned).collect()
    }
}

/// A sandbox while it serves; released when this is dropped, be it that the request was given up.
struct Lease<'pool> {
    pool: &'pool Mutex<Pool>,
    around: &'pool Surroundings,
    placement: Placement,
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        lock(self.pool).release(self.placement.sandbox(), self.around.monotonic());
    }
}

fn lock(pool: &Mutex<Pool>) -> MutexGuard<'_, Pool> {
    pool.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a layer hears, before it changes anything.
fn asked(request: &Request<Bytes>, arrival: Arrival) -> Asked {
    let uri = request.uri();
    let target = uri.path_and_query().map_or("/", |path| path.as_str());
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
    let authority = uri.authority().map(http::uri::Authority::as_str).or(host).unwrap_or_default();
    let method = request.method().as_str();
    let line = method.len() + target.len() + " HTTP/1.1\r\n".len() + 1;
    Asked {
        client: arrival.client,
        scheme: arrival.scheme.name(),
        method: method.to_owned(),
        authority: authority.to_owned(),
        target: target.to_owned(),
        version: if request.version() == http::Version::HTTP_2 { "HTTP/2.0" } else { "HTTP/1.1" },
        user_agent: request.headers().get(USER_AGENT).and_then(|agent| Some(agent.to_str().ok()?.to_owned())),
        received: line as u64 + length_of_head(request.headers()) + request.body().len() as u64,
        body: request.body().len() as u64,
    }
}

/// Fields of a head with the empty line behind them, as HTTP/1.1 writes them.
fn length_of_head(headers: &HeaderMap) -> u64 {
    // What the lab's servers tell each other is nobody's request.
    let told = headers.iter().filter(|(name, _)| ![NUMBER, PASSED].contains(name));
    let fields = told.map(|(name, value)| name.as_str().len() + value.len() + ": \r\n".len());
    fields.sum::<usize>() as u64 + 2
}

fn trace_text(passage: &Passage) -> Option<String> {
    passage.trace.as_ref().map(ToString::to_string)
}

/// As Lambda answers `Invoke` beyond a function's concurrency.
fn throttled(passage: &Passage) -> Response<Bytes> {
    let body = json!({ "Type": "User", "message": "Rate Exceeded.", "Reason": "ConcurrentInvocationLimitExceeded" });
    let mut response = Response::new(Bytes::from(body.to_string()));
    *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
    passage.originate(response.headers_mut());
    response.headers_mut().insert(ERROR_TYPE, HeaderValue::from_static("TooManyRequestsException"));
    response
}
