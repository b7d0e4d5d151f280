//! Which records are of which request.
//!
//! By identifiers first: a record's best kind of key that any trace owns decides, and where several traces own it, its other
//! keys do; what it names besides, other logs may know by that name alone, so that joining goes on until nothing new is learned.
//! Then, for logs of layers that a client speaks to, by the client's address and port, which a record must share with exactly
//! one trace, at about its time and with nothing that contradicts it; of the requests on one connection, what is said of the
//! connection is the first one's. Behind NAT, and behind CloudFront, no balancer knows the client's address, so that nothing is
//! joined that way there: records of other clients must not be taken for ours.
//!
//! Of several different records of one layer, all of one request, a layer asked again: the last one has the answer.
//!
//! Invariant: clocks of other machines serve to tell requests apart by minutes or hours, never to compute a length.

mod choose;

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;

use super::record::{Key, Part, Record, RequestFacts, Source};
use super::statement::Joined;
use super::wanted::keys_of;
use crate::time::Nanos;
use crate::trace::Trace;
use crate::trace::layers::RejectedBecause;

/// A record that names the request may be so far from it by the other clock: more than any clock that is set is off.
const SAME_REQUEST: Nanos = Nanos::from_secs(60 * 60);

/// A record with the same address and port may be so far from it: ports are used again after a few minutes.
const SAME_PORT: Nanos = Nanos::from_secs(5 * 60);

/// A record that is a trace's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Match {
    pub(super) record: usize,
    pub(super) joined: Joined,
}

/// What was found for one trace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) matches: Vec<Match>,
    pub(super) refused: Vec<(usize, RejectedBecause)>,
}

/// Finds the records of each trace.
pub(super) fn join(traces: &[Trace], records: &[Record]) -> Vec<Found> {
    let mut join = Join::new(traces, records);
    join.by_id();
    join.by_address(|source| source != Source::AlbConnection);
    // The name of a connection, which access logs have told by now, is better than its port.
    join.connections();
    join.by_address(|source| source == Source::AlbConnection);
    join.found.into_iter().enumerate().map(|(trace, found)| choose::choose(&traces[trace], records, found)).collect()
}

struct Join<'a> {
    traces: &'a [Trace],
    records: &'a [Record],
    owners: HashMap<Key, Vec<usize>>,
    ports: HashMap<SocketAddr, Vec<usize>>,
    /// Traces whose connection some record names.
    on_connection: HashSet<usize>,
    pending: Vec<usize>,
    found: Vec<Found>,
}

impl<'a> Join<'a> {
    fn new(traces: &'a [Trace], records: &'a [Record]) -> Self {
        let mut join = Self {
            traces,
            records,
            owners: HashMap::new(),
            ports: HashMap::new(),
            on_connection: HashSet::new(),
            pending: (0..records.len()).collect(),
            found: vec![Found::default(); traces.len()],
        };
        for (index, trace) in traces.iter().enumerate() {
            for key in keys_of(trace) {
                match key {
                    Key::ClientPort(port) => join.ports.entry(plain(port)).or_default().push(index),
                    key => join.own(key, index),
                }
            }
        }
        join
    }

    fn own(&mut self, key: Key, trace: usize) {
        let owners = self.owners.entry(key).or_default();
        if !owners.contains(&trace) {
            owners.push(trace);
        }
    }

    fn by_id(&mut self) {
        loop {
            let before = self.pending.len();
            for record in std::mem::take(&mut self.pending) {
                match self.candidates(&self.records[record])[..] {
                    [] => self.pending.push(record),
                    [trace] => self.take(trace, record),
                    ref several => {
                        let several = several.to_vec();
                        self.refuse_ambiguous(&several, record);
                    }
                }
            }
            if self.pending.len() == before {
                return;
            }
        }
    }

    /// The traces that own the best kind of this record's keys, narrowed by its other keys.
    fn candidates(&self, record: &Record) -> Vec<usize> {
        let mut kinds: Vec<(u8, HashSet<usize>)> = Vec::new();
        for key in &record.keys {
            let Some(rank) = rank(key) else { continue };
            let owners = self.owners.get(key).into_iter().flatten().copied();
            match kinds.iter_mut().find(|(known, _)| *known == rank) {
                Some((_, all)) => all.extend(owners),
                None => kinds.push((rank, owners.collect())),
            }
        }
        kinds.retain(|(_, owners)| !owners.is_empty());
        kinds.sort_by_key(|(rank, _)| *rank);
        let mut kinds = kinds.into_iter().map(|(_, owners)| owners);
        let Some(mut left) = kinds.next() else { return Vec::new() };
        let at_port = record.keys.iter().filter_map(|key| match key {
            Key::ClientPort(port) => self.ports.get(&plain(*port)),
            _ => None,
        });
        let at_port: HashSet<usize> = at_port.flatten().copied().collect();
        for other in kinds.chain([at_port]) {
            if left.len() == 1 {
                break;
            }
            let both: HashSet<usize> = left.intersection(&other).copied().collect();
            if !both.is_empty() {
                left = both;
            }
        }
        let mut left: Vec<usize> = left.into_iter().collect();
        left.sort_unstable();
        left
    }

    fn take(&mut self, trace: usize, record: usize) {
        let away = away(&self.traces[trace], &self.records[record]);
        if let Some(away) = away.filter(|away| *away > SAME_REQUEST) {
            self.found[trace].refused.push((record, RejectedBecause::WrongTime { away }));
            return;
        }
        for key in self.records[record].keys.iter().filter(|key| rank(key).is_some()) {
            self.own(key.clone(), trace);
        }
        self.own_connection(trace, record);
        self.found[trace].matches.push(Match { record, joined: Joined::ById });
    }

    /// The connection that this record names is the trace's.
    fn own_connection(&mut self, trace: usize, record: usize) {
        for key in connection_names(&self.records[record]) {
            self.own(key.clone(), trace);
            self.on_connection.insert(trace);
        }
    }

    fn refuse_ambiguous(&mut self, traces: &[usize], record: usize) {
        let candidates = traces.len() as u64;
        for trace in traces {
            self.found[*trace].refused.push((record, RejectedBecause::Ambiguous { candidates }));
        }
    }

    /// Connection logs know no requests, but the name of the connection that requests were logged with. A port is used again, a
    /// name is not: a trace whose connection is named has no other one.
    fn connections(&mut self) {
        for record in std::mem::take(&mut self.pending) {
            let named = connection_names(&self.records[record]);
            let owners: Vec<usize> = named.filter_map(|key| self.owners.get(key)).flatten().copied().collect();
            // Of the requests on one connection, the first one made it.
            let maker = owners.iter().copied().find(|trace| self.traces[*trace].tls.is_some());
            match maker.or(owners.first().copied()) {
                Some(trace) => self.found[trace].matches.push(Match { record, joined: Joined::ById }),
                None => self.pending.push(record),
            }
        }
    }

    fn by_address(&mut self, is_asked: impl Fn(Source) -> bool) {
        for record in std::mem::take(&mut self.pending) {
            let entry = &self.records[record];
            if !is_asked(entry.source) {
                self.pending.push(record);
                continue;
            }
            let ports = entry.keys.iter().filter_map(|key| match key {
                Key::ClientPort(port) if is_front(entry.source) => self.ports.get(&plain(*port)),
                _ => None,
            });
            let may_be = |trace: &usize| self.may_be(*trace, record) && may_have_made(&self.traces[*trace], entry);
            let same_port: Vec<usize> = ports.flatten().copied().filter(may_be).collect();
            let (near, far): (Vec<usize>, Vec<usize>) = same_port
                .into_iter()
                .partition(|trace| away(&self.traces[*trace], entry).is_some_and(|away| away <= SAME_PORT));
            match near[..] {
                [trace] => {
                    self.own_connection(trace, record);
                    self.found[trace].matches.push(Match { record, joined: Joined::ByAddress });
                }
                [] => {
                    for trace in far {
                        // Without a time there is nothing that could tell this request from the port's next one.
                        let away = away(&self.traces[trace], entry);
                        let because = away.map_or(RejectedBecause::Ambiguous { candidates: 1 }, |away| {
                            RejectedBecause::WrongTime { away }
                        });
                        self.found[trace].refused.push((record, because));
                    }
                }
                _ => self.refuse_ambiguous(&near, record),
            }
        }
    }

    /// Nothing that the record says contradicts the trace.
    fn may_be(&self, index: usize, record: usize) -> bool {
        let (trace, record) = (&self.traces[index], &self.records[record]);
        let has_root = record.keys.iter().any(|key| matches!(key, Key::TraceRoot(_)));
        let is_anothers = has_root && carried_root(trace);
        // One of the same name would have been found by it.
        let is_another_connection = record.source == Source::AlbConnection
            && self.on_connection.contains(&index)
            && connection_names(record).next().is_some();
        !is_anothers && !is_another_connection && record.request.as_ref().is_none_or(|facts| agrees(trace, facts))
    }
}

/// The names of connections that a record has.
fn connection_names(record: &Record) -> impl Iterator<Item = &Key> {
    record.keys.iter().filter(|key| matches!(key, Key::ConnectionTrace(_)))
}

/// Whether the request itself told its layers who it is, so that a record with another root is another request's.
fn carried_root(trace: &Trace) -> bool {
    let headers = trace.request.iter().flat_map(|request| &request.headers);
    headers.into_iter().any(|(name, _)| name.eq_ignore_ascii_case("x-amzn-trace-id"))
}

fn agrees(trace: &Trace, facts: &RequestFacts) -> bool {
    let method = facts.method.as_ref().is_none_or(|method| *method == trace.subject.method);
    let status = match (facts.status, &trace.response) {
        (Some(theirs), Some(response)) => theirs == response.status,
        _ => true,
    };
    let path = facts.url.as_ref().is_none_or(|theirs| path(theirs) == path(&trace.subject.url));
    method && status && path
}

/// Whether the connection that a record is about may be the one that this request made: it made one, and to the host that the
/// record names. Other records are about requests.
fn may_have_made(trace: &Trace, record: &Record) -> bool {
    if !record.source.knows_connections_only() {
        return true;
    }
    let host = |url: &str| url::Url::parse(url).ok()?.host_str().map(str::to_owned);
    let theirs = record.request.as_ref().and_then(|facts| facts.host.as_deref());
    let same_host = theirs.zip(host(&trace.subject.url)).is_none_or(|(theirs, ours)| ours.eq_ignore_ascii_case(theirs));
    same_host && trace.connect.as_ref().is_none_or(|connect| !connect.reused)
}

/// The path of a URL, or of what is only one.
fn path(url: &str) -> &str {
    let after_scheme = url.split_once("://").map_or(url, |(_, rest)| rest);
    let from_path = if after_scheme.len() == url.len() && url.starts_with('/') {
        url
    } else {
        after_scheme.find('/').map_or("/", |slash| &after_scheme[slash..])
    };
    from_path.split(['?', '#']).next().unwrap_or_default()
}

/// The better a kind of key tells requests apart, the smaller; `None` for those that do not by themselves.
const fn rank(key: &Key) -> Option<u8> {
    match key {
        Key::ApigExtendedId(_) => Some(0),
        Key::CloudFrontId(_) => Some(1),
        Key::InvocationId(_) => Some(2),
        Key::AgentToken(_) => Some(3),
        Key::TraceRoot(_) => Some(4),
        Key::AmznRequestId(_) => Some(5),
        Key::ConnectionTrace(_) | Key::ClientPort(_) => None,
    }
}

/// Layers that a client may speak to directly, whose logs know its port.
const fn is_front(source: Source) -> bool {
    matches!(
        source,
        Source::AlbAccess
            | Source::AlbConnection
            | Source::ClassicElb
            | Source::NlbTls
            | Source::CloudFrontStandard
            | Source::CloudFrontRealtime
    )
}

/// IPv4 in IPv6's clothes is IPv4.
fn plain(port: SocketAddr) -> SocketAddr {
    SocketAddr::new(port.ip().to_canonical(), port.port())
}

/// How far the record's time is from the trace's, outside of it. A connection may be over long after the request that made it.
fn away(trace: &Trace, record: &Record) -> Option<Nanos> {
    let at = record.time?.at;
    let lasted = record.length(Part::Connection).unwrap_or_default();
    let (start, end) = (trace.started_at, trace.started_at + trace.total());
    Some(start.since(at).max(at.since(end + lasted)))
}

#[cfg(test)]
mod tests;
