//! DNS questions as bytes, and bytes as questions and answers (RFC 1035). Any bytes give a message or an error.
//!
//! `decode` is for one who asked and knows what; [`overhear`] for one who only listens.
//!
//! Deliberately absent: sending, waiting, and which answer belongs to which query.

use std::net::IpAddr;
use std::str::FromStr;

use hickory_proto::op::{Edns, Header, Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{DNSClass, Name, RData, RecordType};
use hickory_proto::serialize::binary::{BinDecodable, BinDecoder};

use crate::event::Answer;

/// The size of answers over UDP that we are ready for (RFC 9715 recommends at most 1400; DNS flag day 2020: 1232).
pub(crate) const UDP_PAYLOAD: u16 = 1_232;
/// Aliases followed before the chain is taken for a loop.
const MOST_ALIASES: usize = 16;
/// Addresses kept of one answer.
const MOST_ADDRESSES: usize = 64;

/// Which addresses a query asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Record {
    /// IPv4 (RFC 1035 §3.4.1).
    A,
    /// IPv6 (RFC 3596).
    Aaaa,
}

impl Record {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::A => "A",
            Self::Aaaa => "AAAA",
        }
    }

    const fn record_type(self) -> RecordType {
        match self {
            Self::A => RecordType::A,
            Self::Aaaa => RecordType::AAAA,
        }
    }
}

/// The text is not a domain name (RFC 1035 §2.3.4).
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a domain name: labels have 1 to 63 bytes, names at most 253")]
pub(crate) struct NameError(String);

/// An absolute name, with or without the root's dot.
pub(crate) fn parse_name(text: &str) -> Result<Name, NameError> {
    let mut name = Name::from_str(text).or_else(|_| Name::from_ascii(text)).map_err(|_| NameError(text.to_owned()))?;
    name.set_fqdn(true);
    Ok(name)
}

/// The bytes of a query. Over HTTPS the id is 0, so that answers can be cached (RFC 8484 §4.1).
pub(crate) fn encode(id: u16, name: &Name, record: Record) -> Vec<u8> {
    let mut message = Message::new(id, MessageType::Query, OpCode::Query);
    message.metadata.recursion_desired = true;
    message.add_query(Query::query(name.clone(), record.record_type()));
    let mut edns = Edns::new();
    edns.set_max_payload(UDP_PAYLOAD);
    message.set_edns(edns);
    // A name that was parsed can be written.
    message.to_vec().unwrap_or_default()
}

/// Why bytes are no answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unusable {
    /// The answer to this question by its id, but it cannot be read: no better one will follow.
    Malformed,
    /// Not a DNS message, and nothing says that it has to do with this question.
    Noise,
    /// A DNS message, but not the answer to this question: a stray or a forgery.
    NotOurs,
}

/// The answer to `name`/`record` asked under `id`.
pub(crate) fn decode(bytes: &[u8], id: u16, name: &Name, record: Record) -> Result<Answer, Unusable> {
    let Ok(message) = Message::from_vec(bytes) else { return unreadable(bytes, id) };
    let header = &message.metadata;
    let asked = |query: &Query| {
        query.name() == name && query.query_type() == record.record_type() && query.query_class() == DNSClass::IN
    };
    // An error may come without the question (RFC 9619 leaves that to servers of old).
    let question_fits = match message.queries.as_slice() {
        [] => header.response_code != ResponseCode::NoError,
        [query] => asked(query),
        _ => false,
    };
    if header.message_type != MessageType::Response || header.id != id || !question_fits {
        return Err(Unusable::NotOurs);
    }
    Ok(follow(&message, name))
}

/// An answer may be cut anywhere, so that it cannot be read, as long as its header says so (RFC 2181 §9).
fn unreadable(bytes: &[u8], id: u16) -> Result<Answer, Unusable> {
    match Header::read(&mut BinDecoder::new(bytes)) {
        Ok(header) if header.id != id || header.message_type != MessageType::Response => Err(Unusable::Noise),
        Ok(header) if header.truncation => {
            Ok(Answer { rcode: mnemonic(header.response_code), truncated: true, ..Answer::default() })
        }
        Ok(_) => Err(Unusable::Malformed),
        Err(_) => Err(Unusable::Noise),
    }
}

/// A question as it stands in a message that somebody else sent.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Asked {
    /// The number that pairs a query with its answer.
    pub id: u16,
    /// The name in lower case (some resolvers mix the case on purpose), without the root's dot.
    pub name: String,
    /// The registry's mnemonic: `A`, `AAAA`, `HTTPS`, …
    pub record_type: String,
}

/// A message that somebody else sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Overheard {
    /// A question.
    Query(Asked),
    /// What came back for it.
    Reply(Asked, Answer),
}

/// Reads a message on its way between others. `None` where it is no DNS message with one question about the internet class,
/// which is all that clients send; a message that was cut cannot be read.
#[must_use]
pub fn overhear(bytes: &[u8]) -> Option<Overheard> {
    if !looks_like_dns(bytes) {
        return None;
    }
    let message = Message::from_vec(bytes).ok()?;
    let [query] = message.queries.as_slice() else { return None };
    if query.query_class() != DNSClass::IN {
        return None;
    }
    let asked = Asked {
        id: message.metadata.id,
        name: without_root(query.name()).to_ascii_lowercase(),
        record_type: query.query_type().to_string(),
    };
    Some(match message.metadata.message_type {
        MessageType::Query => Overheard::Query(asked),
        MessageType::Response => Overheard::Reply(asked, follow(&message, query.name())),
    })
}

/// Whether a header (RFC 1035 §4.1.1) is that of a standard query or of its answer: cheap enough for any datagram.
#[must_use]
pub fn looks_like_dns(bytes: &[u8]) -> bool {
    /// A header, the shortest name, type and class.
    const SHORTEST: usize = 12 + 1 + 4;
    /// QR, and in the other direction OPCODE and the bit that must be zero.
    const RESPONSE: u16 = 0x8000;
    const MUST_BE_ZERO: u16 = 0x7840;
    if bytes.len() < SHORTEST {
        return false;
    }
    let word = |at: usize| u16::from_be_bytes([bytes[at], bytes[at + 1]]);
    let (flags, questions, answers, authorities) = (word(2), word(4), word(6), word(8));
    let plausible = flags & RESPONSE != 0 || (answers == 0 && authorities == 0);
    flags & MUST_BE_ZERO == 0 && questions == 1 && plausible
}

/// Follows the chain of aliases from `name` through the answer section, in whatever order its records stand.
fn follow(message: &Message, name: &Name) -> Answer {
    let mut answer = Answer {
        rcode: mnemonic(message.metadata.response_code),
        truncated: message.metadata.truncation,
        ..Answer::default()
    };
    let mut owner = name.clone();
    let mut lowest_ttl: Option<u32> = None;
    let mut lower = |ttl: u32| lowest_ttl = Some(lowest_ttl.map_or(ttl, |lowest| lowest.min(ttl)));
    while answer.cname.len() < MOST_ALIASES {
        let alias = message.answers.iter().find_map(|record| match &record.data {
            RData::CNAME(target) if record.name == owner => Some((target.0.clone(), record.ttl)),
            _ => None,
        });
        let Some((target, ttl)) = alias else { break };
        lower(ttl);
        answer.cname.push(without_root(&target));
        owner = target;
    }
    for record in message.answers.iter().filter(|record| record.name == owner) {
        let address = match &record.data {
            RData::A(address) => IpAddr::V4(address.0),
            RData::AAAA(address) => IpAddr::V6(address.0),
            _ => continue,
        };
        if answer.addresses.len() < MOST_ADDRESSES {
            answer.addresses.push(address);
            lower(record.ttl);
        }
    }
    answer.ttl_s = lowest_ttl;
    answer
}

/// A name as people write it.
pub(crate) fn without_root(name: &Name) -> String {
    let text = name.to_ascii();
    text.strip_suffix('.').map_or_else(|| text.clone(), str::to_owned)
}

/// The registry's mnemonic: `NOERROR`, `NXDOMAIN`, …
fn mnemonic(code: ResponseCode) -> String {
    match code {
        ResponseCode::Unknown(number) => format!("RCODE{number}"),
        known => format!("{known:?}").to_ascii_uppercase(),
    }
}

#[cfg(test)]
mod tests {
    use hickory_proto::rr::rdata::{A, CNAME};
    use proptest::prelude::*;

    use super::*;

    fn name(text: &str) -> Name {
        parse_name(text).unwrap()
    }

    fn reply(id: u16, records: Vec<(&str, u32, RData)>) -> Vec<u8> {
        let mut message = Message::response(id, OpCode::Query);
        message.add_query(Query::query(name("www.example.com"), RecordType::A));
        for (owner, ttl, rdata) in records {
            message.add_answer(hickory_proto::rr::Record::from_rdata(name(owner), ttl, rdata));
        }
        message.to_vec().unwrap()
    }

    fn a(last: u8) -> RData {
        RData::A(A::new(192, 0, 2, last))
    }

    fn cname(target: &str) -> RData {
        RData::CNAME(CNAME(name(target)))
    }

    #[test]
    fn a_chain_is_followed_in_any_order_and_strangers_are_left_out() {
        let bytes = reply(
            7,
            vec![
                ("edge.example.net", 20, a(1)),
                ("www.example.com", 300, cname("cdn.example.net")),
                ("cdn.example.net", 60, cname("edge.example.net")),
                ("other.example.org", 1, a(9)),
            ],
        );
        let answer = decode(&bytes, 7, &name("www.example.com"), Record::A).unwrap();
        assert_eq!(answer.rcode, "NOERROR");
        assert_eq!(answer.cname, ["cdn.example.net", "edge.example.net"]);
        assert_eq!(answer.addresses, ["192.0.2.1".parse::<IpAddr>().unwrap()]);
        assert_eq!(answer.ttl_s, Some(20));
    }

    #[test]
    fn a_loop_of_aliases_ends() {
        let bytes = reply(
            7,
            vec![("www.example.com", 1, cname("b.example.com")), ("b.example.com", 1, cname("www.example.com"))],
        );
        let answer = decode(&bytes, 7, &name("www.example.com"), Record::A).unwrap();
        assert_eq!((answer.cname.len(), answer.addresses.len()), (MOST_ALIASES, 0));
    }

    #[test]
    fn other_questions_and_ids_are_not_ours() {
        let bytes = reply(7, vec![]);
        let asked = name("www.example.com");
        assert_eq!(decode(&bytes, 8, &asked, Record::A), Err(Unusable::NotOurs));
        assert_eq!(decode(&bytes, 7, &asked, Record::Aaaa), Err(Unusable::NotOurs));
        assert_eq!(decode(&bytes, 7, &name("example.com"), Record::A), Err(Unusable::NotOurs));
        assert_eq!(decode(&encode(7, &asked, Record::A), 7, &asked, Record::A), Err(Unusable::NotOurs));
        assert_eq!(decode(b"HTTP/1.1 400", 7, &asked, Record::A), Err(Unusable::Noise));
        assert_eq!(decode(b"", 7, &asked, Record::A), Err(Unusable::Noise));
    }

    #[test]
    fn an_answer_cut_in_the_middle_is_truncated_if_it_says_so_and_malformed_if_not() {
        let asked = name("www.example.com");
        let mut bytes = reply(7, vec![("www.example.com", 1, a(1))]);
        bytes.truncate(bytes.len() - 2);
        assert_eq!(decode(&bytes, 7, &asked, Record::A), Err(Unusable::Malformed));
        assert_eq!(decode(&bytes, 8, &asked, Record::A), Err(Unusable::Noise));
        bytes[2] |= 0b10;
        let answer = decode(&bytes, 7, &asked, Record::A).unwrap();
        assert_eq!((answer.rcode.as_str(), answer.truncated), ("NOERROR", true));
    }

    #[test]
    fn what_is_overheard_is_what_was_said() {
        let asked = |name: &str| Asked { id: 7, name: name.to_owned(), record_type: "A".to_owned() };
        let query = encode(7, &name("WWW.Example.com"), Record::A);
        assert_eq!(overhear(&query), Some(Overheard::Query(asked("www.example.com"))));
        let bytes = reply(7, vec![("www.example.com", 9, a(1))]);
        let Some(Overheard::Reply(about, answer)) = overhear(&bytes) else { panic!("a reply") };
        assert_eq!((about, answer.addresses.len(), answer.ttl_s), (asked("www.example.com"), 1, Some(9)));
        for noise in [&query[..16], b"GET / HTTP/1.1\r\n\r\n", &[0xff; 40], &bytes[..bytes.len() - 3]] {
            assert_eq!(overhear(noise), None, "{noise:?}");
        }
    }

    #[test]
    fn what_is_encoded_is_the_question() {
        let message = Message::from_vec(&encode(9, &name("www.example.com"), Record::Aaaa)).unwrap();
        assert_eq!(message.metadata.id, 9);
        assert!(message.metadata.recursion_desired);
        assert_eq!(message.queries[0].name(), &name("www.example.com."));
        assert_eq!(message.queries[0].query_type(), RecordType::AAAA);
        assert_eq!(message.max_payload(), UDP_PAYLOAD);
        assert!(parse_name(&"a".repeat(64)).is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_give_an_answer_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            let _ = decode(&bytes, 0, &name("www.example.com"), Record::A);
            let _ = overhear(&bytes);
        }

        #[test]
        fn any_damage_gives_an_answer_or_an_error(at in 0_usize..60, to in any::<u8>()) {
            let mut bytes = reply(7, vec![("www.example.com", 1, cname("b.example.com")), ("b.example.com", 1, a(1))]);
            let length = bytes.len();
            bytes[at % length] = to;
            let _ = decode(&bytes, 7, &name("www.example.com"), Record::A);
            let _ = overhear(&bytes);
        }
    }
}
