//! What the lab's servers know about the requests they served: the truth that measurements are held against.
//!
//! Invariant: bounded. The oldest record goes when a new one comes and the ledger is full.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::lambda::Placement;
use crate::time::{Nanos, Realtime, Timestamp};

/// How many records are kept.
pub const SERVED_KEPT: usize = 65_536;

/// One request that came to one of the lab's host names.
#[derive(Clone, Debug, PartialEq)]
pub struct Served {
    /// Its number, counted from 1 in order of arrival.
    pub number: u64,
    /// The endpoint's name, without the domain.
    pub endpoint: &'static str,
    /// The region that it was served in; `None` where the lab has none.
    pub region: Option<String>,
    /// When its head had arrived.
    pub arrived_at: Timestamp<Realtime>,
    /// The client's address.
    pub client: SocketAddr,
    /// The method.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Status of the response; `None` if the client went away before there was one.
    pub status: Option<u16>,
    /// The client's `User-Agent`.
    pub user_agent: Option<String>,
    /// The client's `X-Amzn-Trace-Id`.
    pub trace_header: Option<String>,
    /// Each layer's part, in the order in which they were entered. A layer that had not ended when the client went away is missing.
    pub layers: Vec<LayerTime>,
}

/// One layer's part in one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerTime {
    /// The layer's name.
    pub layer: &'static str,
    /// The name of the server, which differs where two servers are of one kind.
    pub station: &'static str,
    /// The id that this layer gave to the request, in the form of its logs; `None` for layers that give none.
    pub request_id: Option<String>,
    /// API Gateway's extended id, where the layer has one.
    pub extended_request_id: Option<String>,
    /// `X-Amzn-Trace-Id` as this layer passed it on, or saw it if it ends the path.
    pub trace_header: Option<String>,
    /// When the layer had the request's head.
    pub entered_at: Timestamp<Realtime>,
    /// From there until its response was ready.
    pub total: Nanos,
    /// The part of it in which it waited for the next layer; `None` if it calls none.
    pub upstream: Option<Nanos>,
    /// Status of its response.
    pub status: u16,
    /// What happened in the sandbox, if the layer is Lambda and had one for the request.
    pub invocation: Option<Invocation>,
}

/// One run of a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Invocation {
    /// Which sandbox served it, and what its cold start was made of.
    pub placement: Placement,
    /// What the function itself took, without the cold start and the way to it.
    pub duration: Nanos,
}

impl LayerTime {
    /// What the layer itself took.
    #[must_use]
    pub fn own(&self) -> Nanos {
        self.total.saturating_sub(self.upstream.unwrap_or_default())
    }
}

/// The records, and those of requests that are on their way.
#[derive(Debug, Default)]
pub(super) struct Ledger(Mutex<Books>);

#[derive(Debug, Default)]
struct Books {
    opened: u64,
    open: HashMap<u64, Vec<LayerTime>>,
    closed: VecDeque<Served>,
}

/// A record that is still open. It is closed when this is dropped, in whatever way the request ended.
pub(super) struct OpenRecord {
    ledger: Arc<Ledger>,
    served: Option<Served>,
}

impl Ledger {
    fn books(&self) -> MutexGuard<'_, Books> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens a record; its number, status and layers are filled in here.
    pub(super) fn open(self: &Arc<Self>, mut served: Served) -> OpenRecord {
        let mut books = self.books();
        books.opened += 1;
        served.number = books.opened;
        books.open.insert(served.number, Vec::new());
        OpenRecord { ledger: Arc::clone(self), served: Some(served) }
    }

    /// Adds a layer's part to an open record.
    pub(super) fn enter(&self, number: u64, part: LayerTime) {
        if let Some(parts) = self.books().open.get_mut(&number) {
            parts.push(part);
        }
    }

    /// How many records are open.
    #[cfg(test)]
    pub(super) fn under_way(&self) -> usize {
        self.books().open.len()
    }

    pub(super) fn served(&self) -> Vec<Served> {
        self.books().closed.iter().cloned().collect()
    }
}

impl OpenRecord {
    pub(super) fn number(&self) -> u64 {
        self.served.as_ref().map_or(0, |served| served.number)
    }

    pub(super) fn answered(mut self, status: u16) {
        if let Some(served) = &mut self.served {
            served.status = Some(status);
        }
    }
}

impl Drop for OpenRecord {
    fn drop(&mut self) {
        let Some(mut served) = self.served.take() else { return };
        let mut books = self.ledger.books();
        served.layers = books.open.remove(&served.number).unwrap_or_default();
        served.layers.sort_by_key(|part| part.entered_at);
        if books.closed.len() >= SERVED_KEPT {
            books.closed.pop_front();
        }
        books.closed.push_back(served);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> Served {
        Served {
            number: 0,
            endpoint: "elb",
            region: None,
            arrived_at: Timestamp::from_nanos(5),
            client: ([127, 0, 0, 1], 40_000).into(),
            method: "GET".to_owned(),
            target: "/".to_owned(),
            status: None,
            user_agent: None,
            trace_header: None,
            layers: Vec::new(),
        }
    }

    fn part(layer: &'static str, entered: u64) -> LayerTime {
        LayerTime {
            layer,
            station: layer,
            request_id: None,
            extended_request_id: None,
            trace_header: None,
            entered_at: Timestamp::from_nanos(entered),
            total: Nanos::new(30),
            upstream: Some(Nanos::new(10)),
            status: 200,
            invocation: None,
        }
    }

    #[test]
    fn layers_stand_in_the_order_in_which_they_were_entered() {
        let ledger = Arc::<Ledger>::default();
        let record = ledger.open(request());
        ledger.enter(record.number(), part("ec2", 20));
        ledger.enter(record.number(), part("elb", 10));
        assert_eq!(ledger.served(), []);
        record.answered(200);
        let served = ledger.served();
        assert_eq!((served[0].number, served[0].status), (1, Some(200)));
        assert_eq!(served[0].layers.iter().map(|part| part.layer).collect::<Vec<_>>(), ["elb", "ec2"]);
        assert_eq!(served[0].layers[0].own(), Nanos::new(20));
    }

    #[test]
    fn a_client_that_went_away_leaves_a_record_without_status() {
        let ledger = Arc::<Ledger>::default();
        let record = ledger.open(request());
        let number = record.number();
        drop(record);
        ledger.enter(number, part("ec2", 20));
        let served = ledger.served();
        assert_eq!((served[0].status, served[0].layers.len()), (None, 0));
        assert_eq!(ledger.under_way(), 0);
    }

    #[test]
    fn the_oldest_record_goes_first() {
        let ledger = Arc::<Ledger>::default();
        for _ in 0..SERVED_KEPT + 3 {
            ledger.open(request()).answered(200);
        }
        let served = ledger.served();
        assert_eq!((served.len(), served[0].number), (SERVED_KEPT, 4));
    }
}
