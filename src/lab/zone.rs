//! The lab's names, and the answers to questions about them: bytes to bytes.
//!
//! Authoritative for `lab.test` and for the AWS-looking names that it points at; everything else is refused. Deliberately
//! absent: sockets, delays, DNSSEC, zone transfers, records of other types than A, AAAA, CNAME, NS and SOA.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};

use hickory_proto::ProtoError;
use hickory_proto::op::{Edns, Header, Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::rdata::{A, AAAA, CNAME, NS, SOA};
use hickory_proto::rr::{DNSClass, LowerName, Name, RData, Record, RecordType};
use hickory_proto::serialize::binary::{BinDecodable, BinDecoder};

/// Every host of the lab is below this name (RFC 6761 §6.2 reserves `test`).
pub(super) const ORIGIN: &str = "lab.test";

/// The largest datagram without EDNS (RFC 1035 §4.2.1).
const PLAIN_UDP: usize = 512;

/// The largest datagram that this server sends, whatever a client offers.
const LARGEST_UDP: u16 = 4096;

/// How a question came, which bounds its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// In a datagram: a longer answer is replaced by an empty one with the TC bit.
    Udp,
    /// In a stream, with a length of two bytes before each message.
    Tcp,
}

/// Where a host is: an address of each family that it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// Its A record.
    pub v4: Ipv4Addr,
    /// Its AAAA record; `None` where the machine has no IPv6.
    pub v6: Option<Ipv6Addr>,
}

/// Names and what they stand for.
#[derive(Debug)]
pub struct Zone {
    origin: Name,
    ttl: u32,
    names: BTreeMap<LowerName, Entry>,
}

#[derive(Debug)]
enum Entry {
    Alias(Name),
    Host(Addresses),
}

impl Zone {
    /// A zone with chains of names, each ending at a host: `(["a.lab.test", "b.example"], host)` makes `a.lab.test` an alias
    /// of `b.example`, which has the host's addresses. Lifetimes are `ttl` seconds.
    pub fn new<'name, Chain>(chains: impl IntoIterator<Item = (Chain, Addresses)>, ttl: u32) -> Result<Self, ProtoError>
    where
        Chain: IntoIterator<Item = &'name str>,
    {
        let mut zone = Self { origin: Name::from_ascii(ORIGIN)?, ttl, names: BTreeMap::new() };
        zone.origin.set_fqdn(true);
        for (chain, host) in chains {
            let mut previous: Option<Name> = None;
            for text in chain {
                let mut name = Name::from_ascii(text)?;
                name.set_fqdn(true);
                if let Some(alias) = previous.replace(name.clone()) {
                    zone.names.insert(LowerName::new(&alias), Entry::Alias(name));
                }
            }
            if let Some(last) = previous {
                zone.names.insert(LowerName::new(&last), Entry::Host(host));
            }
        }
        Ok(zone)
    }

    fn holds(&self, name: &Name) -> bool {
        self.origin.zone_of(name) || self.names.contains_key(&LowerName::new(name))
    }

    /// Whether the name exists, if only because longer names end in it (RFC 8020).
    fn exists(&self, name: &Name) -> bool {
        let name = LowerName::new(name);
        LowerName::new(&self.origin) == name || self.names.keys().any(|known| name.zone_of(known))
    }

    fn record(&self, owner: &Name, rdata: RData) -> Record {
        Record::from_rdata(owner.clone(), self.ttl, rdata)
    }

    fn soa(&self, owner: &Name) -> Record {
        let server = self.server();
        let contact = Name::from_labels(["hostmaster", "lab", "test"]).unwrap_or_else(|_| self.origin.clone());
        let ttl = i32::try_from(self.ttl).unwrap_or(i32::MAX);
        self.record(owner, RData::SOA(SOA::new(server, contact, 1, 7_200, 900, 1_209_600, ttl.unsigned_abs())))
    }

    fn server(&self) -> Name {
        Name::from_labels(["ns", "lab", "test"]).unwrap_or_else(|_| self.origin.clone())
    }

    /// The records for one question: the chain of aliases from its name, and what the end of the chain has of its type.
    fn answers(&self, question: &Query) -> Vec<Record> {
        let wanted = |kind| question.query_type() == kind || question.query_type() == RecordType::ANY;
        let mut records = Vec::new();
        let mut name = question.name().clone();
        if name == self.origin {
            if wanted(RecordType::SOA) {
                records.push(self.soa(&name));
            }
            if wanted(RecordType::NS) {
                records.push(self.record(&name, RData::NS(NS(self.server()))));
            }
        }
        // A chain visits no name twice: as many steps as there are names suffice.
        for _ in 0..self.names.len() {
            match self.names.get(&LowerName::new(&name)) {
                Some(Entry::Alias(target)) => {
                    records.push(self.record(&name, RData::CNAME(CNAME(target.clone()))));
                    if question.query_type() == RecordType::CNAME {
                        break;
                    }
                    name = target.clone();
                }
                Some(Entry::Host(host)) => {
                    if wanted(RecordType::A) {
                        records.push(self.record(&name, RData::A(A(host.v4))));
                    }
                    if let Some(v6) = host.v6.filter(|_| wanted(RecordType::AAAA)) {
                        records.push(self.record(&name, RData::AAAA(AAAA(v6))));
                    }
                    break;
                }
                None => break,
            }
        }
        records
    }

    /// Where the negative answer about the end of a chain is authoritative (RFC 2308 §2.1).
    fn negative(&self, question: &Query, answers: &[Record]) -> Option<Record> {
        let end = answers.last().map_or(question.name(), |record| match &record.data {
            RData::CNAME(CNAME(target)) => target,
            _ => &record.name,
        });
        let settled = answers.last().is_some_and(|record| {
            record.record_type() != RecordType::CNAME || question.query_type() == RecordType::CNAME
        });
        let apex = if self.origin.zone_of(end) { self.origin.clone() } else { end.base_name() };
        (!settled).then(|| self.soa(&apex))
    }
}

/// The answer to the bytes of a query; `None` where there is nobody to answer: less than a header, or itself a response.
#[must_use]
pub fn answer(zone: &Zone, query: &[u8], transport: Transport) -> Option<Vec<u8>> {
    let header = Header::read(&mut BinDecoder::new(query)).ok()?;
    if header.message_type == MessageType::Response {
        return None;
    }
    let Ok(query) = Message::from_vec(query) else {
        return Message::error_msg(header.id, header.op_code, ResponseCode::FormErr).to_vec().ok();
    };
    let response = respond(zone, &query);
    let bytes = response.to_vec().ok()?;
    let limit = match (transport, &query.edns) {
        (Transport::Tcp, _) => usize::from(u16::MAX),
        (Transport::Udp, None) => PLAIN_UDP,
        (Transport::Udp, Some(edns)) => PLAIN_UDP.max(edns.max_payload().min(LARGEST_UDP).into()),
    };
    if bytes.len() <= limit { Some(bytes) } else { response.truncate().to_vec().ok() }
}

fn respond(zone: &Zone, query: &Message) -> Message {
    let mut response = Message::response(query.metadata.id, query.metadata.op_code);
    response.metadata.recursion_desired = query.metadata.recursion_desired;
    // The lab is asked as a resolver, and has nothing to recurse to: a client that looks at the bit finds it set.
    response.metadata.recursion_available = true;
    response.add_queries(query.queries.iter().cloned());
    if let Some(edns) = &query.edns {
        let mut own = Edns::new();
        own.set_max_payload(LARGEST_UDP);
        if edns.version() > 0 {
            own.set_rcode_high(ResponseCode::BADVERS.high());
            response.metadata.response_code = ResponseCode::BADVERS;
            response.set_edns(own);
            return response;
        }
        response.set_edns(own);
    }
    response.metadata.response_code = match query.queries.as_slice() {
        _ if query.metadata.op_code != OpCode::Query => ResponseCode::NotImp,
        [question] if question.query_class() != DNSClass::IN || !zone.holds(question.name()) => ResponseCode::Refused,
        [question] => {
            response.metadata.authoritative = true;
            let answers = zone.answers(question);
            response.add_authorities(zone.negative(question, &answers));
            response.add_answers(answers);
            if zone.exists(question.name()) { ResponseCode::NoError } else { ResponseCode::NXDomain }
        }
        _ => ResponseCode::FormErr,
    };
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::world::BIG;

    #[derive(Clone, Copy)]
    enum Families {
        V4,
        Both,
    }

    fn zone(families: Families) -> Zone {
        let v6 = matches!(families, Families::Both).then_some(Ipv6Addr::LOCALHOST);
        let host = Addresses { v4: Ipv4Addr::LOCALHOST, v6 };
        let chains: [&[&str]; 4] = [
            &["redirect.lab.test"],
            &["ns.lab.test"],
            &["cloudfront.lab.test", "d111111abcdef8.cloudfront.net"],
            &[&["big.lab.test"], BIG.1].concat(),
        ];
        Zone::new(chains.map(|chain| (chain.iter().copied(), host)), 60).unwrap()
    }

    fn query(name: &str, kind: RecordType) -> Message {
        let mut message = Message::query();
        message.metadata.id = 4711;
        message.metadata.recursion_desired = true;
        let mut name = Name::from_ascii(name).unwrap();
        name.set_fqdn(true);
        message.add_query(Query::query(name, kind));
        message
    }

    fn ask(zone: &Zone, query: &Message, transport: Transport) -> Message {
        Message::from_vec(&answer(zone, &query.to_vec().unwrap(), transport).unwrap()).unwrap()
    }

    /// `NOERROR a A 127.0.0.1 | SOA of lab.test.`
    fn text(message: &Message) -> String {
        let mut words = vec![format!("{:?}", message.metadata.response_code)];
        words.extend(message.answers.iter().map(|record| format!("{} {}", record.record_type(), record.data)));
        words.extend(message.authorities.iter().map(|record| format!("{} of {}", record.record_type(), record.name)));
        words.join(", ")
    }

    fn check(families: Families, name: &str, kind: RecordType, expect: &str) {
        let response = ask(&zone(families), &query(name, kind), Transport::Udp);
        assert_eq!(text(&response), expect, "{name} {kind}");
        assert_eq!((response.metadata.id, response.metadata.recursion_desired), (4711, true));
        assert_eq!(response.queries, query(name, kind).queries);
        assert!(response.answers.iter().all(|record| record.ttl == 60));
    }

    #[test]
    fn names_are_answered() {
        use Families::{Both, V4};
        use RecordType as T;
        let alias = "CNAME d111111abcdef8.cloudfront.net.";
        check(V4, "redirect.lab.test", T::A, "NoError, A 127.0.0.1");
        check(V4, "ReDiReCt.LAB.test", T::A, "NoError, A 127.0.0.1");
        check(V4, "redirect.lab.test", T::AAAA, "NoError, SOA of lab.test.");
        check(Both, "redirect.lab.test", T::AAAA, "NoError, AAAA ::1");
        check(Both, "redirect.lab.test", T::ANY, "NoError, A 127.0.0.1, AAAA ::1");
        check(V4, "redirect.lab.test", T::MX, "NoError, SOA of lab.test.");
        check(V4, "cloudfront.lab.test", T::A, &format!("NoError, {alias}, A 127.0.0.1"));
        check(V4, "cloudfront.lab.test", T::CNAME, &format!("NoError, {alias}"));
        check(V4, "cloudfront.lab.test", T::AAAA, &format!("NoError, {alias}, SOA of cloudfront.net."));
        check(V4, "d111111abcdef8.cloudfront.net", T::A, "NoError, A 127.0.0.1");
        check(V4, "lab.test", T::NS, "NoError, NS ns.lab.test.");
        check(V4, "lab.test", T::A, "NoError, SOA of lab.test.");
        check(V4, "missing.lab.test", T::A, "NXDomain, SOA of lab.test.");
        check(V4, "x.redirect.lab.test", T::A, "NXDomain, SOA of lab.test.");
        check(V4, BIG.1[0].split_once('.').unwrap().1, T::A, "NoError, SOA of lab.test.");
        check(V4, "example.com", T::A, "Refused");
        check(V4, "other.cloudfront.net", T::A, "Refused");
        check(V4, "notlab.test", T::A, "Refused");
        check(V4, "test", T::A, "Refused");
        check(V4, ".", T::A, "Refused");
    }

    #[test]
    fn a_large_answer_is_truncated_where_it_does_not_fit() {
        let zone = zone(Families::V4);
        let mut query = query("big.lab.test", RecordType::A);
        let plain = ask(&zone, &query, Transport::Udp);
        assert!(plain.metadata.truncation && plain.answers.is_empty());
        let tcp = ask(&zone, &query, Transport::Tcp);
        assert_eq!((tcp.metadata.truncation, tcp.answers.len()), (false, 4));
        query.set_edns({
            let mut edns = Edns::new();
            edns.set_max_payload(1232);
            edns
        });
        let large = ask(&zone, &query, Transport::Udp);
        assert_eq!((large.metadata.truncation, large.answers.len(), large.edns.is_some()), (false, 4, true));
    }

    #[test]
    fn what_is_no_plain_question_gets_the_code_that_says_so() {
        let zone = zone(Families::V4);
        let mut notify = query("redirect.lab.test", RecordType::A);
        notify.metadata.op_code = OpCode::Notify;
        assert_eq!(text(&ask(&zone, &notify, Transport::Udp)), "NotImp");
        let mut two = query("redirect.lab.test", RecordType::A);
        two.add_query(two.queries[0].clone());
        assert_eq!(text(&ask(&zone, &two, Transport::Udp)), "FormErr");
        let mut chaos = query("redirect.lab.test", RecordType::A);
        chaos.queries[0].set_query_class(DNSClass::CH);
        assert_eq!(text(&ask(&zone, &chaos, Transport::Udp)), "Refused");
        let mut newer = query("redirect.lab.test", RecordType::A);
        newer.set_edns({
            let mut edns = Edns::new();
            edns.set_version(1);
            edns
        });
        // 16 has two names: BADVERS here (RFC 6891 §9), BADSIG in signed messages.
        assert_eq!(u16::from(ask(&zone, &newer, Transport::Udp).metadata.response_code), 16);
        let cut = &query("redirect.lab.test", RecordType::A).to_vec().unwrap()[..20];
        let response = Message::from_vec(&answer(&zone, cut, Transport::Udp).unwrap()).unwrap();
        assert_eq!((response.metadata.id, text(&response)), (4711, "FormErr".to_owned()));
    }

    #[test]
    fn responses_and_scraps_are_not_answered() {
        let zone = zone(Families::V4);
        let response = query("redirect.lab.test", RecordType::A).into_response().to_vec().unwrap();
        assert_eq!(answer(&zone, &response, Transport::Udp), None);
        assert_eq!(answer(&zone, &[0; 11], Transport::Udp), None);
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_no_panic_and_no_answer_over_the_limit(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..300)) {
            let zone = zone(Families::Both);
            if let Some(answer) = answer(&zone, &bytes, Transport::Udp) {
                proptest::prop_assert!(answer.len() <= usize::from(LARGEST_UDP));
            }
            let _ = answer(&zone, &bytes, Transport::Tcp);
        }

        #[test]
        fn a_changed_byte_no_panic(at in 0_usize..33, byte in proptest::num::u8::ANY) {
            let mut bytes = query("redirect.lab.test", RecordType::A).to_vec().unwrap();
            if let Some(place) = bytes.get_mut(at) {
                *place = byte;
            }
            let _ = answer(&zone(Families::V4), &bytes, Transport::Udp);
        }
    }
}
