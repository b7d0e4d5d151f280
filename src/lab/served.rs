//! What the lab's servers know about the requests they served: the truth that measurements are held against.
//!
//! Invariant: bounded. The oldest record goes when a new one comes and the ledger is full.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::connection::{Connection, Ended, Handshake};
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
    /// The layers that a request for this endpoint passes.
    pub path: Vec<&'static str>,
    /// The connection on which it came.
    pub connection: Connection,
    /// Each layer's part, in the order in which they were entered. Where the client went away, the first one has no status, and
    /// those behind it are missing unless they had ended: they learn of it too late.
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
    /// From there until its response was ready, or until its caller went away.
    pub total: Nanos,
    /// What it was asked.
    pub asked: Asked,
    /// What it did before anything else.
    pub guards: Guards,
    /// Its call of the next layer; `None` if it made none.
    pub call: Option<Call>,
    /// Status of its response; `None` if its caller went away before.
    pub status: Option<u16>,
    /// Its response in bytes, as HTTP/1.1 would write it.
    pub sent: u64,
    /// The response's body alone.
    pub body: u64,
    /// What happened in the sandbox, if the layer is Lambda and had one for the request.
    pub invocation: Option<Invocation>,
}

/// A request as one layer heard it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Who called.
    pub client: SocketAddr,
    /// `https` or `http`.
    pub scheme: &'static str,
    /// The method.
    pub method: String,
    /// The host that was asked for, with its port if the client named it.
    pub authority: String,
    /// Path and query.
    pub target: String,
    /// `HTTP/1.1`, `HTTP/2.0`
    pub version: &'static str,
    /// `User-Agent`.
    pub user_agent: Option<String>,
    /// The request in bytes, as HTTP/1.1 would write it.
    pub received: u64,
    /// Its body alone.
    pub body: u64,
}

/// What stands in front of an API, in this order; `None` where it has none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Guards {
    /// The firewall.
    pub waf: Option<Nanos>,
    /// The function that decides who may pass.
    pub authorizer: Option<Nanos>,
}

/// One layer's call of the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    /// From the layer's having the request until it made the call.
    pub after: Nanos,
    /// From there until the response's head had come; `None` if none came.
    pub first_byte: Option<Nanos>,
    /// Until the response was complete; `None` if it never was.
    pub total: Option<Nanos>,
}

/// One run of a function. Its times follow one another; what remains of the layer's total is the way back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Invocation {
    /// Which sandbox served it, and what its cold start was to be made of.
    pub placement: Placement,
    /// Within the service, until it looked for a sandbox.
    pub reached_after: Nanos,
    /// How long the sandbox, the package and the network interface really took; `None` if the sandbox was warm.
    pub placed: Option<Nanos>,
    /// How long the runtime and the function really took to get ready; `None` if the sandbox was warm.
    pub started: Option<Nanos>,
    /// What the function itself took, without the cold start and the way to it.
    pub duration: Nanos,
}

impl LayerTime {
    /// What the layer itself took.
    #[must_use]
    pub fn own(&self) -> Nanos {
        self.total.saturating_sub(self.call.and_then(|call| call.total).unwrap_or_default())
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
    /// Who writes logs of it.
    scribe: Option<Sender<Entry>>,
}

/// Something that logs may tell.
#[derive(Debug)]
pub(super) enum Entry {
    Served(Served),
    Handshake(Handshake),
    Ended(Ended),
    /// Says when everything before it is written.
    WriteOut(Sender<()>),
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

    /// A client's handshake is done.
    pub(super) fn shook_hands(&self, handshake: Handshake) {
        self.books().tell(Entry::Handshake(handshake));
    }

    /// A client's connection with TLS is over.
    pub(super) fn ended(&self, ended: Ended) {
        self.books().tell(Entry::Ended(ended));
    }

    /// From now on, what is told here is told to `scribe` as well, until [`Ledger::dismiss`].
    pub(super) fn employ(&self, scribe: Sender<Entry>) {
        self.books().scribe = Some(scribe);
    }

    /// Returns once everything that was told before is written.
    pub(super) fn await_scribe(&self) {
        let (written, is_written) = mpsc::channel();
        self.books().tell(Entry::WriteOut(written));
        // Fails, and returns at once, where there is no scribe.
        let _ = is_written.recv();
    }

    /// Lets the scribe come to an end.
    pub(super) fn dismiss(&self) {
        self.books().scribe = None;
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

impl Books {
    fn tell(&self, entry: Entry) {
        if let Some(scribe) = &self.scribe {
            // A scribe that has gone writes nothing; the records stay what they are.
            let _ = scribe.send(entry);
        }
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
        books.tell(Entry::Served(served.clone()));
        if books.closed.len() >= SERVED_KEPT {
            books.closed.pop_front();
        }
        books.closed.push_back(served);
    }
}

/// Records to test with.
#[cfg(test)]
pub(super) mod specimen {
    use super::*;
    use crate::lab::connection::TlsSession;
    use crate::lab::lambda::Start;

    pub(in crate::lab) fn request() -> Served {
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
            path: vec!["elb", "ec2"],
            connection: Connection { id: 1, port: 443, tls: None },
            layers: Vec::new(),
        }
    }

    pub(in crate::lab) fn part(layer: &'static str, entered: u64) -> LayerTime {
        LayerTime {
            layer,
            station: layer,
            request_id: None,
            extended_request_id: None,
            trace_header: None,
            entered_at: Timestamp::from_nanos(entered),
            total: Nanos::new(30),
            asked: Asked {
                client: ([127, 0, 0, 1], 40_000).into(),
                scheme: "http",
                method: "GET".to_owned(),
                authority: "elb.lab.test".to_owned(),
                target: "/".to_owned(),
                version: "HTTP/1.1",
                user_agent: None,
                received: 40,
                body: 0,
            },
            guards: Guards::default(),
            call: Some(Call { after: Nanos::new(5), first_byte: Some(Nanos::new(8)), total: Some(Nanos::new(10)) }),
            status: Some(200),
            sent: 50,
            body: 20,
            invocation: None,
        }
    }

    /// `GET /a?b="c"` over HTTP/2 through the load balancer, by a client with a trace.
    pub(in crate::lab) fn through_elb() -> Served {
        let header = "Root=1-67400000-0123456789abcdef01234567;Parent=0123456789abcdef;Sampled=1";
        let tls = TlsSession {
            protocol: "TLSv1.3",
            cipher: "TLS_AES_256_GCM_SHA384".to_owned(),
            server_name: Some("elb.lab.test".to_owned()),
            alpn: Some("h2".to_owned()),
        };
        let at = Timestamp::from_nanos(1_795_264_200_000_000_000);
        let ms = Nanos::from_millis;
        let mut elb = LayerTime { entered_at: at, total: ms(70), ..part("elb", 0) };
        elb.asked = Asked {
            scheme: "https",
            authority: "elb.lab.test:8443".to_owned(),
            target: "/a?b=\"c\"".to_owned(),
            version: "HTTP/2.0",
            user_agent: Some("wirefall/1 trace/67400000".to_owned()),
            received: 120,
            ..elb.asked
        };
        elb.trace_header = Some(format!("Self=1-67400000-ffffffffffffffffffffffff;{header}"));
        elb.call = Some(Call { after: ms(5), first_byte: Some(ms(60)), total: Some(ms(61)) });
        let mut ec2 = LayerTime { entered_at: at + ms(6), total: ms(59), call: None, ..part("ec2", 0) };
        ec2.trace_header = elb.trace_header.clone();
        Served {
            number: 1,
            arrived_at: at,
            status: Some(200),
            trace_header: Some(header.to_owned()),
            connection: Connection { id: 0x1a, port: 8443, tls: Some(tls) },
            layers: vec![elb, ec2],
            ..request()
        }
    }

    /// The same over HTTP/1.1 through the classic load balancer, with a body.
    pub(in crate::lab) fn through_clb() -> Served {
        let mut served = through_elb();
        let balancer = &mut served.layers[0];
        (balancer.station, balancer.asked.version, balancer.asked.body) = ("clb", "HTTP/1.1", 7);
        balancer.asked.authority = "clb.lab.test:8443".to_owned();
        balancer.trace_header = served.trace_header.clone();
        let us = Nanos::from_micros;
        balancer.call = Some(Call { after: us(86), first_byte: Some(us(61_048)), total: Some(us(62_000)) });
        balancer.total = us(63_337);
        if let Some(tls) = &mut served.connection.tls {
            (tls.protocol, tls.cipher) = ("TLSv1.2", "ECDHE-ECDSA-AES256-GCM-SHA384".to_owned());
            (tls.server_name, tls.alpn) = (Some("clb.lab.test".to_owned()), None);
        }
        Served { endpoint: "clb", ..served }
    }

    /// The same through the edge.
    pub(in crate::lab) fn through_cloudfront() -> Served {
        let mut served = through_elb();
        let edge = &mut served.layers[0];
        (edge.layer, edge.station) = ("cloudfront", "cloudfront");
        edge.request_id = Some("edge==".to_owned());
        Served { endpoint: "cloudfront", path: vec!["cloudfront", "ec2"], ..served }
    }

    /// The same through a REST API with a firewall and an authorizer to a function whose sandbox is new.
    pub(in crate::lab) fn through_apig() -> Served {
        let mut served = through_elb();
        let us = Nanos::from_micros;
        let header = served.trace_header.clone();
        let [apig, lambda] = served.layers.as_mut_slice() else { return served };
        (apig.layer, apig.station, apig.total) = ("apig", "apig-lambda", us(600_400));
        (apig.request_id, apig.extended_request_id) = (Some("rest".to_owned()), Some("extended=".to_owned()));
        apig.trace_header = header;
        apig.guards = Guards { waf: Some(us(4_100)), authorizer: Some(us(9_200)) };
        apig.call = Some(Call { after: us(20_000), first_byte: Some(us(569_000)), total: Some(us(570_000)) });
        (lambda.layer, lambda.station, lambda.total) = ("lambda", "function", us(569_500));
        lambda.entered_at = apig.entered_at + us(20_300);
        lambda.request_id = Some("call".to_owned());
        lambda.trace_header =
            Some("Root=1-67400000-0123456789abcdef01234567;Parent=00000000000000f1;Sampled=1;Lineage=1:a:0".to_owned());
        let start = Start::Initialise { runtime: us(100_000), framework: us(35_000) };
        lambda.invocation = Some(Invocation {
            placement: Placement::Cold { sandbox: 1, placement: us(150_000), download: us(120_000), vpc: None, start },
            reached_after: us(10_000),
            placed: Some(us(270_000)),
            started: Some(us(135_126)),
            duration: us(128_833),
        });
        Served { endpoint: "apig-lambda", path: vec!["apig", "lambda"], ..served }
    }

    /// As its client went away 30 ms after the first layer had the request.
    pub(in crate::lab) fn given_up(mut served: Served) -> Served {
        served.status = None;
        served.layers.truncate(1);
        for part in &mut served.layers {
            part.status = None;
            part.total = Nanos::from_millis(30);
            part.call = part.call.map(|call| Call { first_byte: None, total: None, ..call });
        }
        served
    }
}

#[cfg(test)]
mod tests {
    use super::specimen::{part, request};
    use super::*;

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
