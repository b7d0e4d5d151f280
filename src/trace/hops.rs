//! Which router is how far away: the statistics of SYNs whose time to live ends on the way.
//!
//! In JSON a trace has `hops`, an array with an entry for each time to live, and `hop_search`, which says what was probed and
//! why the search ended:
//!
//! ```json
//! "hop_search":{"source":"192.0.2.10:40001","destination":"198.51.100.2:443","rounds":3,"probes":24,
//!               "ended":"destination","evidence":"kernel"},
//! "hops":[{"ttl":1,"address":"192.0.2.1","sent":3,"received":3,"loss":0.0,
//!          "best_ns":410000,"median_ns":420000,"worst_ns":1900000,"step_ns":410000,"reply":"time_exceeded"},
//!         {"ttl":2,"sent":3,"received":0,"loss":1.0},
//!         {"ttl":3,"address":"198.51.100.2","name":"www.example.com","other_addresses":["198.51.100.3"], …,"reply":"syn_ack"}]
//! ```
//!
//! `ttl`: routers passed, and one. `address`: who answered most often; `other_addresses` answered, too; `name` only where it
//! was asked for and exists. `loss`: the share without an answer, 0 to 1, to three decimals. A silent hop has `received` 0
//! and neither address nor times. `reply` is `time_exceeded`, `syn_ack`, `rst` or `unreachable(CODE)` with ICMP's code.
//! `step_ns` is the best round trip less that of the nearest hop before it that answered (before the first: less nothing).
//!
//! A step may be negative: routers forward in hardware and answer in software, when they have time to, so a hop can look
//! slower than what lies behind it. A delay or a loss that the hops behind do not share is the router's own, not the path's.
//! Answers may also come back another way than the probe went: a step is never proof of where a delay is, only a hint.
//!
//! Deliberately absent: sending and receiving (`hops` does), and phases, which no probe of a path can change.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::event::Evidence;
use crate::time::Nanos;

/// What was probed, and how the search ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HopSearch {
    /// Where the probes came from.
    pub source: SocketAddr,
    /// What they were addressed to: the other end of the trace's connection.
    pub destination: SocketAddr,
    /// How often each hop was to be probed.
    pub rounds: u32,
    /// SYNs sent in all, those that went past the destination included.
    pub probes: u32,
    /// Why no further hop was looked for.
    pub ended: HopsEnded,
    /// The weakest witness of the round trips; absent where nothing answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Evidence>,
}

/// Why no further hop was looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HopsEnded {
    /// The destination answered.
    Destination,
    /// A router said that the destination cannot be reached.
    Unreachable,
    /// Several hops in a row were silent.
    Silence,
    /// The most hops that are looked for were passed.
    MostHops,
    /// The user pressed Ctrl-C.
    Interrupted,
    /// A probe could not be sent any more.
    SendFailed,
}

/// One time to live: who answered, how often, and after how long.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hop {
    /// Time to live, or hop limit, of the probes: 1 is the first router.
    pub ttl: u8,
    /// Who answered most often, of equals the first; absent where nobody did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<IpAddr>,
    /// Its name by reverse DNS; absent where that was not asked for, or has no answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Who else answered, in the order of first answers: the path changed, or is several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub other_addresses: Vec<IpAddr>,
    /// Probes sent.
    pub sent: u32,
    /// Probes answered.
    pub received: u32,
    /// The share of probes without an answer, from 0 to 1, to three decimals. Many routers answer only so often: loss that
    /// hops behind do not share is theirs, not the path's.
    pub loss: f64,
    /// How long answers took; absent where there were none.
    #[serde(flatten)]
    pub round_trips: Option<RoundTrips>,
    /// The best round trip less that of the nearest hop before that answered, in nanoseconds; negative where that router
    /// takes longer to answer than to forward.
    #[serde(rename = "step_ns", default, skip_serializing_if = "Option::is_none")]
    pub step: Option<i64>,
    /// The kind of answer; of several, the one that tells most of the destination.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply: Option<HopReply>,
}

/// From a probe to its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoundTrips {
    /// The shortest: closest to what the path alone takes.
    #[serde(rename = "best_ns")]
    pub best: Nanos,
    /// Nearest rank.
    #[serde(rename = "median_ns")]
    pub median: Nanos,
    /// The longest.
    #[serde(rename = "worst_ns")]
    pub worst: Nanos,
}

/// What came back, from what says least of the destination to what says most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum HopReply {
    /// A router: the time to live ended here.
    TimeExceeded,
    /// A router, or the destination's IP: the packet cannot be delivered. The code of the ICMP message, whose meaning
    /// depends on the version of IP (RFC 792, RFC 4443 §3.1).
    Unreachable(u8),
    /// The destination, or a firewall in its name: nothing listens there.
    Rst,
    /// The destination: the port is open.
    SynAck,
}

impl HopReply {
    /// Whether nothing lies behind whoever says this.
    #[must_use]
    pub const fn is_last(self) -> bool {
        !matches!(self, Self::TimeExceeded)
    }
}

impl fmt::Display for HopReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimeExceeded => f.pad("time_exceeded"),
            Self::Unreachable(code) => f.pad(&format!("unreachable({code})")),
            Self::Rst => f.pad("rst"),
            Self::SynAck => f.pad("syn_ack"),
        }
    }
}

/// A word that names no kind of answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected time_exceeded, syn_ack, rst or unreachable(CODE), got {0:?}")]
pub struct HopReplyError(String);

impl FromStr for HopReply {
    type Err = HopReplyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let code = || text.strip_prefix("unreachable(")?.strip_suffix(')')?.parse().ok();
        match text {
            "time_exceeded" => Ok(Self::TimeExceeded),
            "rst" => Ok(Self::Rst),
            "syn_ack" => Ok(Self::SynAck),
            _ => code().map(Self::Unreachable).ok_or_else(|| HopReplyError(text.to_owned())),
        }
    }
}

impl From<HopReply> for String {
    fn from(reply: HopReply) -> Self {
        reply.to_string()
    }
}

impl TryFrom<String> for HopReply {
    type Error = HopReplyError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

/// One SYN and what came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HopProbe {
    /// Its time to live.
    pub ttl: u8,
    /// Absent where nothing came back.
    pub answer: Option<HopAnswer>,
}

/// What came back for one SYN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HopAnswer {
    /// Who sent it.
    pub from: IpAddr,
    /// What it was.
    pub reply: HopReply,
    /// From the SYN's departure to its arrival.
    pub round_trip: Nanos,
    /// The weaker witness of the two.
    pub evidence: Evidence,
}

/// The hops of these probes, in the order of their time to live. Probes that went further than the nearest last answer
/// (SYN-ACK, RST, unreachable) reached the destination, too, and are left out.
#[must_use]
pub fn hops(probes: &[HopProbe]) -> Vec<Hop> {
    let is_last = |probe: &&HopProbe| probe.answer.is_some_and(|answer| answer.reply.is_last());
    let nearest_last = probes.iter().filter(is_last).map(|probe| probe.ttl).min();
    let furthest = nearest_last.or_else(|| probes.iter().map(|probe| probe.ttl).max()).unwrap_or(0);
    let mut before = Nanos::ZERO;
    (1..=furthest)
        .map(|ttl| {
            let mut hop = Hop::of(ttl, probes);
            if let Some(best) = hop.round_trips.map(|trips| trips.best) {
                hop.step = Some(signed(best).saturating_sub(signed(before)));
                before = best;
            }
            hop
        })
        .collect()
}

/// The time to live of the last hop that answered: the only one whose loss is the path's.
#[must_use]
pub fn last_answering(hops: &[Hop]) -> Option<u8> {
    hops.iter().rfind(|hop| hop.received > 0).map(|hop| hop.ttl)
}

/// The weakest witness of all round trips of these probes.
#[must_use]
pub fn weakest_evidence(probes: &[HopProbe]) -> Option<Evidence> {
    probes.iter().filter_map(|probe| probe.answer).map(|answer| answer.evidence).min()
}

impl Hop {
    /// Everything but the step, which depends on the hops before.
    fn of(ttl: u8, probes: &[HopProbe]) -> Self {
        let of_ttl = || probes.iter().filter(|probe| probe.ttl == ttl);
        let answers: Vec<HopAnswer> = of_ttl().filter_map(|probe| probe.answer).collect();
        let (sent, received) = (count(of_ttl().count()), count(answers.len()));
        let mut addresses = by_frequency(&answers).into_iter();
        Self {
            ttl,
            address: addresses.next(),
            name: None,
            other_addresses: addresses.collect(),
            sent,
            received,
            loss: share(sent.saturating_sub(received), sent),
            round_trips: RoundTrips::of(answers.iter().map(|answer| answer.round_trip).collect()),
            step: None,
            reply: answers.iter().map(|answer| answer.reply).max(),
        }
    }
}

impl RoundTrips {
    fn of(mut lengths: Vec<Nanos>) -> Option<Self> {
        lengths.sort_unstable();
        let median = *lengths.get(lengths.len().div_ceil(2).checked_sub(1)?)?;
        Some(Self { best: *lengths.first()?, median, worst: *lengths.last()? })
    }
}

/// Who answered: the most frequent first, the others in the order of their first answers.
fn by_frequency(answers: &[HopAnswer]) -> Vec<IpAddr> {
    let mut seen: Vec<(IpAddr, usize)> = Vec::new();
    for answer in answers {
        match seen.iter_mut().find(|(address, _)| *address == answer.from) {
            Some((_, times)) => *times += 1,
            None => seen.push((answer.from, 1)),
        }
    }
    let most = seen.iter().map(|(_, times)| *times).max();
    let first = seen.iter().position(|(_, times)| Some(*times) == most);
    if let Some(first) = first {
        seen[..=first].rotate_right(1);
    }
    seen.into_iter().map(|(address, _)| address).collect()
}

/// A part of a whole, from 0 to 1, to three decimals: those survive being written and read.
fn share(part: u32, whole: u32) -> f64 {
    if whole == 0 { 0.0 } else { (f64::from(part) / f64::from(whole) * 1e3).round() / 1e3 }
}

fn signed(length: Nanos) -> i64 {
    i64::try_from(length.get()).unwrap_or(i64::MAX)
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn address(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    fn lost(ttl: u8) -> HopProbe {
        HopProbe { ttl, answer: None }
    }

    fn answered(ttl: u8, from: u8, reply: HopReply, micros: u64) -> HopProbe {
        let round_trip = Nanos::from_micros(micros);
        HopProbe { ttl, answer: Some(HopAnswer { from: address(from), reply, round_trip, evidence: Evidence::Kernel }) }
    }

    fn passed(ttl: u8, from: u8, micros: u64) -> HopProbe {
        answered(ttl, from, HopReply::TimeExceeded, micros)
    }

    /// `ttl address+others received/sent loss best/median/worst step reply`, times in microseconds.
    fn written(hop: &Hop) -> String {
        let others = hop.other_addresses.len();
        let address = hop.address.map_or("-".to_owned(), |address| address.to_string());
        let micros = |length: Nanos| length.get() / 1_000;
        let times = hop.round_trips.map_or("-".to_owned(), |trips| {
            format!("{}/{}/{}", micros(trips.best), micros(trips.median), micros(trips.worst))
        });
        let step = hop.step.map_or("-".to_owned(), |step| (step / 1_000).to_string());
        let reply = hop.reply.map_or("-".to_owned(), |reply| reply.to_string());
        format!("{} {address}+{others} {}/{} {} {times} {step} {reply}", hop.ttl, hop.received, hop.sent, hop.loss)
    }

    fn check(probes: &[HopProbe], expect: &[&str]) {
        assert_eq!(hops(probes).iter().map(written).collect::<Vec<_>>(), expect);
    }

    #[test]
    fn each_hop_has_its_own_statistics() {
        check(&[], &[]);
        check(
            &[
                passed(1, 1, 400),
                lost(2),
                answered(3, 9, HopReply::SynAck, 16_000),
                passed(1, 1, 600),
                lost(2),
                answered(3, 9, HopReply::SynAck, 15_000),
                lost(1),
                lost(2),
                answered(3, 9, HopReply::SynAck, 19_000),
            ],
            &[
                "1 192.0.2.1+0 2/3 0.333 400/400/600 400 time_exceeded",
                "2 -+0 0/3 1 - - -",
                "3 192.0.2.9+0 3/3 0 15000/16000/19000 14600 syn_ack",
            ],
        );
    }

    #[test]
    fn a_router_that_answers_slowly_makes_the_next_step_negative() {
        check(
            &[passed(1, 1, 900), passed(2, 2, 5_000), answered(3, 9, HopReply::Rst, 1_200)],
            &[
                "1 192.0.2.1+0 1/1 0 900/900/900 900 time_exceeded",
                "2 192.0.2.2+0 1/1 0 5000/5000/5000 4100 time_exceeded",
                "3 192.0.2.9+0 1/1 0 1200/1200/1200 -3800 rst",
            ],
        );
    }

    #[test]
    fn what_went_past_the_destination_is_no_hop() {
        check(
            &[passed(1, 1, 100), answered(2, 9, HopReply::SynAck, 200), lost(3), answered(4, 9, HopReply::SynAck, 200)],
            &["1 192.0.2.1+0 1/1 0 100/100/100 100 time_exceeded", "2 192.0.2.9+0 1/1 0 200/200/200 100 syn_ack"],
        );
        let shorter_now = [passed(1, 1, 1), passed(2, 2, 2), answered(3, 9, HopReply::SynAck, 3), lost(1)];
        assert_eq!(hops(&shorter_now).len(), 3);
        let shorter_now = [&shorter_now[..], &[answered(2, 9, HopReply::SynAck, 2)]].concat();
        check(&shorter_now, &["1 192.0.2.1+0 1/2 0.5 1/1/1 1 time_exceeded", "2 192.0.2.2+1 2/2 0 2/2/2 1 syn_ack"]);
    }

    #[test]
    fn the_address_that_answers_most_comes_first() {
        let probes = [passed(1, 1, 1), passed(1, 2, 1), passed(1, 3, 1), passed(1, 2, 1)];
        let hop = &hops(&probes)[0];
        assert_eq!(hop.address, Some(address(2)));
        assert_eq!(hop.other_addresses, [address(1), address(3)]);
    }

    #[test]
    fn a_filter_ends_the_path() {
        check(
            &[passed(1, 1, 1_000), answered(2, 2, HopReply::Unreachable(13), 2_000), lost(3), lost(4)],
            &[
                "1 192.0.2.1+0 1/1 0 1000/1000/1000 1000 time_exceeded",
                "2 192.0.2.2+0 1/1 0 2000/2000/2000 1000 unreachable(13)",
            ],
        );
    }

    #[test]
    fn the_written_form_is_the_documented_one() {
        let probes = [passed(1, 1, 400), lost(2), answered(3, 9, HopReply::SynAck, 300)];
        let text = serde_json::to_string(&hops(&probes)).unwrap();
        let expect = concat!(
            r#"[{"ttl":1,"address":"192.0.2.1","sent":1,"received":1,"loss":0.0,"best_ns":400000,"median_ns":400000,"#,
            r#""worst_ns":400000,"step_ns":400000,"reply":"time_exceeded"},"#,
            r#"{"ttl":2,"sent":1,"received":0,"loss":1.0},"#,
            r#"{"ttl":3,"address":"192.0.2.9","sent":1,"received":1,"loss":0.0,"best_ns":300000,"median_ns":300000,"#,
            r#""worst_ns":300000,"step_ns":-100000,"reply":"syn_ack"}]"#
        );
        assert_eq!(text, expect);
        for word in ["unreachable()", "unreachable(256)", "unreachable(1", "SYN_ACK", ""] {
            assert!(word.parse::<HopReply>().is_err(), "{word}");
        }
    }

    fn any_probe() -> impl Strategy<Value = HopProbe> {
        let reply = prop_oneof![
            6 => Just(HopReply::TimeExceeded),
            1 => Just(HopReply::Rst),
            1 => Just(HopReply::SynAck),
            1 => any::<u8>().prop_map(HopReply::Unreachable),
        ];
        let answer = (any::<IpAddr>(), reply, any::<u64>()).prop_map(|(from, reply, nanos)| HopAnswer {
            from,
            reply,
            round_trip: Nanos::new(nanos),
            evidence: Evidence::Kernel,
        });
        (any::<u8>(), proptest::option::of(answer)).prop_map(|(ttl, answer)| HopProbe { ttl, answer })
    }

    proptest! {
        #[test]
        fn any_probes_give_hops_in_order_that_can_be_written_and_read(
            probes in proptest::collection::vec(any_probe(), 0..60),
        ) {
            let hops = hops(&probes);
            prop_assert!(hops.iter().zip(1..=u8::MAX).all(|(hop, ttl)| hop.ttl == ttl));
            for hop in &hops {
                prop_assert!((0.0..=1.0).contains(&hop.loss) && hop.received <= hop.sent);
                prop_assert_eq!(hop.round_trips.is_some(), hop.received > 0);
                prop_assert!(hop.round_trips.is_none_or(|trips| trips.best <= trips.median && trips.median <= trips.worst));
                let text = serde_json::to_string(hop).unwrap();
                prop_assert_eq!(&serde_json::from_str::<Hop>(&text).unwrap(), hop);
            }
        }
    }
}
