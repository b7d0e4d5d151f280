//! DNS queries matched to their answers, and lookups to the flows that used them.
//!
//! A *lookup* is everything that one client asked about one name in one go: A and AAAA, retransmissions, the same question
//! put to a second server or over TCP. A query belongs to its answer by both ends' ports, the id and the question. The first
//! flow of that client to an address of an answer takes the lookup, if its SYN comes within the answer's time to live and
//! [`FRESH`] of the answer: what was looked up long before was looked up for something else. Where a flow's client asked
//! nothing under its own address, a lookup over the other IP version counts as its own if only one host made such.
//!
//! A query from a loopback address is a stub's (a resolver of the same host answers it); any client of the capture may be
//! behind it, and it is preferred to the resolver's own query for the same name, because its answer is what the client waits
//! for.
//!
//! Invariant: memory is bounded by [`MOST_LOOKUPS`] and [`MOST_QUERIES`].
//!
//! Deliberately absent: negative answers of the cache of a host, which never reach a wire.

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, SocketAddr};

use super::{Exchange, Stamp, draft};
use crate::event::{Answer, DnsTransport, Failure, FailureCode, Phase, Question};
use crate::message::dns::{Asked, Overheard};
use crate::time::Nanos;

/// A flow that begins longer than this after an answer was not begun because of it.
pub const FRESH: Nanos = Nanos::from_secs(5);
/// A lookup in which nothing happens for this long is over: resolvers retransmit after 5 s (`resolv.conf`'s default).
pub const OVER: Nanos = Nanos::from_secs(12);
/// Lookups kept.
pub const MOST_LOOKUPS: usize = 16_384;
/// Lookups begun within [`OVER`], claimed ones included; those beyond it are not followed.
const MOST_AGES: usize = 4 * MOST_LOOKUPS;
/// Lookups remembered for one address, the latest; filters answer with one address for all names.
const MOST_NAMES: usize = 64;
/// Queries kept of one lookup.
pub(super) const MOST_QUERIES: usize = 16;
/// Addresses remembered of one answer.
const MOST_ADDRESSES: usize = 16;

/// One query of a lookup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// When it was first sent.
    pub sent: Stamp,
    /// What it asked, and whom; `retries` counts its copies.
    pub question: Question,
    /// When the answer came, and what it said.
    pub answer: Option<(Stamp, Answer)>,
    client: SocketAddr,
    server: SocketAddr,
    id: u16,
}

/// What one client asked about one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lookup {
    /// The name, in lower case.
    pub name: String,
    /// Its queries, in the order of sending.
    pub queries: Vec<Query>,
    /// When the answer came that the flow used.
    used: Option<Stamp>,
    last: Stamp,
}

impl Lookup {
    /// When the first query was sent.
    #[must_use]
    pub fn began(&self) -> Option<Stamp> {
        self.queries.first().map(|query| query.sent)
    }

    /// When the answer came that was used.
    #[must_use]
    pub const fn answered(&self) -> Option<Stamp> {
        self.used
    }

    /// Whether it is about this host, by the name asked for or an alias behind it.
    #[must_use]
    pub fn is_of(&self, host: &str) -> bool {
        let answers = self.queries.iter().filter_map(|query| query.answer.as_ref());
        let mut aliases = answers.flat_map(|(_, answer)| &answer.cname);
        self.name.eq_ignore_ascii_case(host) || aliases.any(|alias| alias.eq_ignore_ascii_case(host))
    }

    /// The answers, if all of them are bad news.
    fn failure(&self) -> Option<(Failure, Stamp)> {
        let about_addresses = |query: &&Query| matches!(query.question.record_type.as_str(), "A" | "AAAA");
        let queries: Vec<&Query> = self.queries.iter().filter(about_addresses).collect();
        let answers: Vec<&(Stamp, Answer)> = queries.iter().filter_map(|query| query.answer.as_ref()).collect();
        let name = &self.name;
        let (code, message) = match answers.iter().max_by_key(|(at, _)| *at) {
            _ if answers.iter().any(|(_, answer)| !answer.addresses.is_empty() || answer.truncated) => return None,
            None if queries.is_empty() => return None,
            None => (FailureCode::DnsTimeout, format!("no server answered for {name}")),
            Some((_, answer)) => match answer.rcode.as_str() {
                "NXDOMAIN" => (FailureCode::DnsNxdomain, format!("{name} does not exist")),
                "NOERROR" => (FailureCode::DnsNoAddresses, format!("{name} has no address of the wanted family")),
                rcode => (FailureCode::DnsServerFailure, format!("the server answered {rcode} for {name}")),
            },
        };
        let at = answers.iter().map(|(at, _)| *at).max().unwrap_or(self.last);
        Some((Failure { phase: Phase::Dns, code, message }, at))
    }
}

/// A lookup's client and name.
type Key = (IpAddr, String);

/// All lookups under way.
#[derive(Debug, Default)]
pub struct Lookups {
    open: HashMap<Key, Lookup>,
    /// Which lookups an address came from, the latest last.
    by_address: HashMap<IpAddr, Vec<Key>>,
    /// When each lookup began or was last looked at, the longest ago first. Lookups that were claimed stay in it for a while.
    ages: VecDeque<(Stamp, Key)>,
    resolution: Nanos,
}

impl Lookups {
    /// The distance between two times that the capture can tell apart.
    pub fn resolution(&mut self, resolution: Nanos) {
        self.resolution = self.resolution.max(resolution);
    }

    /// Takes a message on its way from `source` to `destination`.
    pub fn overheard(
        &mut self,
        message: Overheard,
        source: SocketAddr,
        destination: SocketAddr,
        transport: DnsTransport,
        at: Stamp,
    ) {
        match message {
            Overheard::Query(asked) => self.query(asked, source, destination, transport, at),
            Overheard::Reply(asked, answer) => self.reply(&asked, answer, destination, source, at),
        }
    }

    fn query(&mut self, asked: Asked, client: SocketAddr, server: SocketAddr, transport: DnsTransport, at: Stamp) {
        let key = (client.ip(), asked.name.clone());
        if !self.open.contains_key(&key) {
            if self.open.len() >= MOST_LOOKUPS || self.ages.len() >= MOST_AGES {
                return;
            }
            self.ages.push_back((at, key.clone()));
        }
        let lookup = self.open.entry(key).or_insert_with(|| Lookup {
            name: asked.name.clone(),
            queries: Vec::new(),
            used: None,
            last: at,
        });
        lookup.last = lookup.last.max(at);
        let same = |query: &&mut Query| {
            (query.client, query.server, query.id) == (client, server, asked.id)
                && query.question.record_type == asked.record_type
                && query.answer.is_none()
        };
        if let Some(copy) = lookup.queries.iter_mut().find(same) {
            copy.question.retries += 1;
            return;
        }
        if lookup.queries.len() >= MOST_QUERIES {
            return;
        }
        let before = lookup.queries.iter().filter(|query| query.question.record_type == asked.record_type);
        let retries = before.map(|query| query.question.retries + 1).max().unwrap_or(0);
        let question = Question {
            server: server.to_string(),
            transport,
            name: asked.name,
            record_type: asked.record_type,
            retries,
        };
        lookup.queries.push(Query { sent: at, question, answer: None, client, server, id: asked.id });
    }

    fn reply(&mut self, asked: &Asked, answer: Answer, client: SocketAddr, server: SocketAddr, at: Stamp) {
        let key = (client.ip(), asked.name.clone());
        let Some(lookup) = self.open.get_mut(&key) else { return };
        let same = |query: &&mut Query| {
            (query.client, query.server, query.id) == (client, server, asked.id)
                && query.question.record_type == asked.record_type
                && query.answer.is_none()
        };
        let Some(query) = lookup.queries.iter_mut().find(same) else { return };
        for address in answer.addresses.iter().take(MOST_ADDRESSES) {
            let keys = self.by_address.entry(*address).or_default();
            keys.retain(|other| *other != key);
            if keys.len() >= MOST_NAMES {
                keys.remove(0);
            }
            keys.push(key.clone());
        }
        query.answer = Some((at, answer));
        lookup.last = lookup.last.max(at);
    }

    /// The lookup that a flow of `client` to `server`, begun at `syn`, used; no other flow gets it.
    pub fn claim(&mut self, client: IpAddr, server: IpAddr, syn: Stamp) -> Option<Lookup> {
        let keys = self.by_address.get(&server)?;
        // A host asks over one family and connects over the other: who that was is clear where only one host did.
        let is_other = |asker: &IpAddr| asker.is_ipv4() != client.is_ipv4() && !asker.is_loopback();
        let mut others = keys.iter().map(|(asker, _)| *asker).filter(is_other);
        let other = others.next().filter(|first| others.all(|asker| asker == *first));
        let usable = |key: &&Key| {
            let (asker, _) = key;
            (*asker == client || asker.is_loopback() || Some(*asker) == other)
                && self.open.get(*key).is_some_and(|lookup| answer_for(lookup, server, syn).is_some())
        };
        let key = keys.iter().rev().find(usable)?.clone();
        let mut lookup = self.open.remove(&key)?;
        lookup.used = answer_for(&lookup, server, syn);
        self.forget_addresses(&key, &lookup);
        // The resolver's own queries for a stub are the same lookup once more.
        self.forget_twins(&lookup, &key);
        Some(lookup)
    }

    /// Lookups that are over by now, and in which every answer was bad news.
    pub fn expire(&mut self, now: Stamp) -> Vec<Exchange> {
        let mut failed = Vec::new();
        while let Some((at, _)) = self.ages.front() {
            if now.since(*at) < OVER {
                break;
            }
            let Some((_, key)) = self.ages.pop_front() else { break };
            match self.open.get(&key).map(|lookup| lookup.last) {
                Some(last) if now.since(last) < OVER => self.ages.push_back((last, key)),
                Some(_) => failed.extend(self.close(&key)),
                None => {}
            }
        }
        failed
    }

    /// The capture is over.
    pub fn finish(&mut self) -> Vec<Exchange> {
        let mut keys: Vec<(Option<Stamp>, Key)> =
            self.open.iter().map(|(key, lookup)| (lookup.began(), key.clone())).collect();
        keys.sort();
        keys.into_iter().filter_map(|(_, key)| self.close(&key)).collect()
    }

    fn close(&mut self, key: &Key) -> Option<Exchange> {
        let lookup = self.open.remove(key)?;
        self.forget_addresses(key, &lookup);
        let (failure, at) = lookup.failure()?;
        Some(draft::unresolved(&lookup, failure, at, self.resolution))
    }

    fn forget_addresses(&mut self, key: &Key, lookup: &Lookup) {
        let answers = lookup.queries.iter().filter_map(|query| query.answer.as_ref());
        for address in answers.flat_map(|(_, answer)| answer.addresses.iter().take(MOST_ADDRESSES)) {
            if let Some(keys) = self.by_address.get_mut(address) {
                keys.retain(|other| other != key);
                if keys.is_empty() {
                    self.by_address.remove(address);
                }
            }
        }
    }

    fn forget_twins(&mut self, claimed: &Lookup, key: &Key) {
        if !key.0.is_loopback() {
            return;
        }
        let Some(began) = claimed.began() else { return };
        let twins: Vec<Key> = claimed
            .queries
            .iter()
            .filter_map(|query| query.answer.as_ref())
            .flat_map(|(_, answer)| &answer.addresses)
            .filter_map(|address| self.by_address.get(address))
            .flatten()
            .filter(|(asker, name)| !asker.is_loopback() && *name == claimed.name)
            .filter(|twin| self.open.get(*twin).is_some_and(|lookup| lookup.began() >= Some(began)))
            .cloned()
            .collect();
        for twin in twins {
            if let Some(lookup) = self.open.remove(&twin) {
                self.forget_addresses(&twin, &lookup);
            }
        }
    }
}

/// When the last answer came before `syn` that names this address and still held.
fn answer_for(lookup: &Lookup, address: IpAddr, syn: Stamp) -> Option<Stamp> {
    let held = |at: Stamp, answer: &Answer| {
        // A time to live of 0 still means this one use.
        let ttl = Nanos::from_secs(u64::from(answer.ttl_s.unwrap_or(0)).max(1));
        at <= syn && syn.since(at) <= ttl.min(FRESH)
    };
    let answers = lookup.queries.iter().filter_map(|query| query.answer.as_ref());
    let fitting = answers.filter(|(at, answer)| answer.addresses.contains(&address) && held(*at, answer));
    fitting.map(|(at, _)| *at).min()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    #[test]
    fn what_is_remembered_is_bounded_though_time_stands_still() {
        let (stub, server) = ("10.0.0.1:5353".parse().unwrap(), "10.0.0.53:53".parse().unwrap());
        let blocked = IpAddr::from([0, 0, 0, 0]);
        let (now, mut lookups) = (Timestamp::from_nanos(1), Lookups::default());
        for number in 0..1_000 {
            let asked = Asked { id: 1, name: format!("n{}.example", number / 2), record_type: "A".to_owned() };
            let answer = Answer { rcode: "NOERROR".to_owned(), addresses: vec![blocked], ..Answer::default() };
            lookups.overheard(Overheard::Query(asked.clone()), stub, server, DnsTransport::Udp, now);
            lookups.overheard(Overheard::Reply(asked, answer), server, stub, DnsTransport::Udp, now);
        }
        assert_eq!((lookups.ages.len(), lookups.by_address[&blocked].len()), (500, MOST_NAMES));
        assert!(lookups.claim(stub.ip(), blocked, now).is_some_and(|lookup| lookup.name == "n499.example"));
        // A lookup in which something happened since is looked at again.
        let later = now + OVER;
        let asked = Asked { id: 2, name: "n0.example".to_owned(), record_type: "AAAA".to_owned() };
        lookups.overheard(Overheard::Query(asked), stub, server, DnsTransport::Udp, later);
        lookups.expire(later);
        assert_eq!((lookups.open.len(), lookups.ages.len()), (1, 1));
        lookups.expire(later + OVER);
        assert_eq!((lookups.open.len(), lookups.ages.len(), lookups.by_address.len()), (0, 0, 0));
    }

    #[test]
    fn a_host_that_asks_over_ipv4_may_connect_over_ipv6_if_nobody_else_asked() {
        let name_server = "10.0.0.53:53".parse().unwrap();
        let wanted: IpAddr = "2001:db8::7".parse().unwrap();
        let now = Timestamp::from_nanos(1);
        let claimed = |askers: &[&str]| {
            let mut lookups = Lookups::default();
            for asker in askers {
                let client = SocketAddr::new(asker.parse().unwrap(), 5_353);
                let asked = Asked { id: 1, name: "host.example".to_owned(), record_type: "AAAA".to_owned() };
                let answer = Answer {
                    rcode: "NOERROR".to_owned(),
                    addresses: vec![wanted],
                    ttl_s: Some(60),
                    ..Answer::default()
                };
                lookups.overheard(Overheard::Query(asked.clone()), client, name_server, DnsTransport::Udp, now);
                lookups.overheard(Overheard::Reply(asked, answer), name_server, client, DnsTransport::Udp, now);
            }
            lookups.claim("2001:db8::1".parse().unwrap(), wanted, now).is_some()
        };
        assert!(claimed(&["10.0.0.1"]));
        assert!(!claimed(&["10.0.0.1", "10.0.0.2"]), "whose it is cannot be known");
        assert!(!claimed(&["2001:db8::2"]), "a host of the same family is another one");
    }
}
