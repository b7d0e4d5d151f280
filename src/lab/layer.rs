//! One server of the world at work: it takes its time, calls the next server, and answers.
//!
//! Due times are reckoned from the request's arrival, so that what the machine itself needs is part of the delay and does
//! not add to it (as long as it is shorter). Sockets are `serve`'s and `upstream`'s, headers are `headers`'.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::{HeaderName, HeaderValue};
use http::{HeaderMap, Request, Response, StatusCode};
use serde_json::json;
use tokio::time::Instant;

use super::clock::Sleeper;
use super::headers::{ERROR_TYPE, Passage, Scheme, Timing};
use super::identity::Inventor;
use super::lambda::{Placement, Pool};
use super::profile::Profile;
use super::served::{Invocation, LayerTime, Ledger};
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
    pub(super) client: IpAddr,
    pub(super) scheme: Scheme,
}

/// An answer, and what the record says about it beyond its time.
struct Answered {
    response: Response<Bytes>,
    upstream: Option<Nanos>,
    invocation: Option<Invocation>,
}

impl Layer {
    /// Answers one request, in no less time than the layers' delays.
    pub(super) async fn serve(&self, request: Request<Bytes>, arrival: Arrival) -> Response<Bytes> {
        let kind = self.station.kind;
        let passage = Passage::new(kind, request.headers(), &self.around.inventor, arrival.scheme, arrival.wall);
        let number = request.headers().get(NUMBER).and_then(|value| value.to_str().ok()?.parse().ok());
        let answered = match &self.role {
            Role::App => self.answer(&passage, request.headers(), arrival).await,
            Role::Function(pool) => self.invoke(pool, &passage, request.headers(), arrival).await,
            Role::Relay { upstream, name } => self.relay(upstream, name, &passage, request, arrival).await,
        };
        if let Some(number) = number {
            self.around.ledger.enter(
                number,
                LayerTime {
                    layer: kind.layer(),
                    station: self.station.name,
                    trace_header: passage.trace.as_ref().map(ToString::to_string),
                    request_id: passage.request_id,
                    extended_request_id: passage.extended_request_id,
                    entered_at: arrival.wall,
                    total: arrival.at.elapsed().into(),
                    upstream: answered.upstream,
                    status: answered.response.status().as_u16(),
                    invocation: answered.invocation,
                },
            );
        }
        answered.response
    }

    fn own(&self) -> Duration {
        self.station.kind.own(&self.around.profile).into()
    }

    async fn answer(&self, passage: &Passage, request: &HeaderMap, arrival: Arrival) -> Answered {
        self.around.sleeper.until(arrival.at + self.own()).await;
        let response = if self.station.kind == Kind::RedirectingElb {
            let mut response = Response::new(Bytes::from_static(b"<html><body><h1>302 Found</h1></body></html>\r\n"));
            *response.status_mut() = StatusCode::FOUND;
            passage.redirect(response.headers_mut(), &self.around.redirect_to);
            response
        } else {
            let body = json!({ "path": self.passed(request), "trace": trace_text(passage) });
            let mut response = Response::new(Bytes::from(body.to_string()));
            passage.originate(response.headers_mut());
            response
        };
        Answered { response, upstream: None, invocation: None }
    }

    async fn invoke(&self, pool: &Mutex<Pool>, passage: &Passage, request: &HeaderMap, arrival: Arrival) -> Answered {
        let invoke = Duration::from(self.around.profile.lambda.invoke);
        let mut due = arrival.at + invoke / 2;
        self.around.sleeper.until(due).await;
        let Ok(placement) = lock(pool).acquire(self.around.monotonic()) else {
            self.around.sleeper.until(arrival.at + invoke).await;
            return Answered { response: throttled(passage), upstream: None, invocation: None };
        };
        let sandbox = Lease { pool, around: &self.around, placement };
        due += Duration::from(placement.cold_start().unwrap_or_default());
        self.around.sleeper.until(due).await;
        // The function's time counts from its own start: it is a record's figure of its own, not a share of the whole.
        let started = Instant::now();
        due = started + Duration::from(self.around.profile.lambda.function);
        self.around.sleeper.until(due).await;
        let duration = started.elapsed().into();
        drop(sandbox);
        self.around.sleeper.until(due + invoke / 2).await;
        let cold = placement.cold_start().is_some();
        let body = json!({
            "path": self.passed(request),
            "trace": trace_text(passage),
            "lambda": { "cold": cold, "sandbox": placement.sandbox() },
        });
        let mut response = Response::new(Bytes::from(body.to_string()));
        passage.originate(response.headers_mut());
        Answered { response, upstream: None, invocation: Some(Invocation { placement, duration }) }
    }

    async fn relay(
        &self,
        upstream: &Upstream,
        name: &str,
        passage: &Passage,
        mut request: Request<Bytes>,
        arrival: Arrival,
    ) -> Answered {
        let half = self.own() / 2;
        passage.forward(request.headers_mut(), arrival.client, name);
        let passed = self.passed(request.headers()).join(",");
        if let Ok(passed) = HeaderValue::try_from(passed) {
            request.headers_mut().insert(PASSED, passed);
        }
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        *request.uri_mut() = path.parse().unwrap_or_default();
        *request.version_mut() = http::Version::HTTP_11;
        self.around.sleeper.until(arrival.at + half).await;

        let called_at = Instant::now();
        let called = upstream.call(request).await;
        let returned_at = Instant::now();
        self.around.sleeper.until(returned_at + half).await;
        let response = match called {
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
        };
        Answered { response, upstream: Some((returned_at - called_at).into()), invocation: None }
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
