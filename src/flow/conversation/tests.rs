//! Connections as packets, against what they are.

mod delays;
mod verdicts;

use std::fmt::Write;

use proptest::prelude::*;

use super::*;
use crate::event::{Recovery, Trouble};
use crate::flow::script::{ms, observer, packets, played, same_clock};
use crate::packet::Ecn;

/// A handshake over 16 ms; the client has sent its last packet at 16.1 ms.
const OPENED: &str = "
    0    > S  0       mss 1460 ws 7 sackok
    16   < SA 0 ack 1 mss 1400 ws 9 sackok id 0
    16.1 > A  1 ack 1
";

fn opened(rest: &str) -> (Conversation, Vec<What>) {
    let (conversation, mut what) = played(&format!("{OPENED}{rest}"));
    what.drain(..3);
    (conversation, what)
}

const fn again(why: Retransmission) -> What {
    What::Retransmission(why)
}

#[test]
fn offsets_go_on_where_sequence_numbers_wrap() {
    // The client's numbers wrap behind its 300th byte, the server's behind its 700th.
    let (conversation, _) = opened(
        "20 > A 1+250 ack 1\n 21 > A 251+250 ack 1\n 22 > A 501+250 ack 1\n 38 < A 1+1400 ack 751
         39 < A 1401+1400 ack 751\n 39.1 > A 751 ack 2801",
    );
    for (end, expect) in [(1, 20.0), (250, 20.0), (251, 21.0), (500, 21.0), (750, 22.0)] {
        assert_eq!(conversation.sent(end), Some(ms(expect)), "{end}");
    }
    assert_eq!(conversation.sent(751), None);
    assert_eq!(conversation.sent(0), None);
    assert_eq!((conversation.received(0), conversation.received(1400)), (Some(ms(38.0)), Some(ms(39.0))));
    assert_eq!(conversation.acknowledged(750), Some(Acknowledged { at: ms(38.0), is_pure: false }));
    assert_eq!(conversation.received.acks.reached(), Some(2800));
}

#[test]
fn a_byte_arrives_once_and_is_delivered_with_those_before_it() {
    let (conversation, _) = opened(
        "20 < A 1+100 ack 1\n 21 < A 201+100 ack 1\n 37 < A 101+100 ack 1\n 38 < A 1+300 ack 1\n 39 < A 301+100 ack 1",
    );
    for (offset, arrived, delivered) in [(0, 20.0, 20.0), (100, 37.0, 37.0), (250, 21.0, 37.0), (399, 39.0, 39.0)] {
        let times = (conversation.received(offset), conversation.delivered(offset));
        assert_eq!(times, (Some(ms(arrived)), Some(ms(delivered))), "{offset}");
    }
}

#[test]
fn what_is_new_comes_with_its_bytes() {
    let mut conversation = Conversation::new(Keep::Flights);
    let packets = packets(&format!("{OPENED} 20 > A 1+100 ack 1\n 30 > A 51+100 ack 1\n 31 > A 51+50 ack 1"));
    let fresh: Vec<_> = packets
        .iter()
        .map(|packet| conversation.take(packet.at, packet.direction, &packet.ip, &packet.tcp()).fresh)
        .map(|fresh| fresh.map(|fresh| (fresh.offset, fresh.length, fresh.captured.first().copied(), fresh.end())))
        .collect();
    assert_eq!(fresh[3..], [Some((0, 100, Some(0), 100)), Some((100, 50, Some(100), 150)), None]);
}

#[test]
fn a_capture_that_begins_in_the_middle_counts_from_there() {
    let (conversation, what) = played("0 > A 5001+100 ack 9001\n 16 < A 9001+10 ack 5101\n 17 < A 8901+100 ack 5101");
    assert_eq!(what, [What::New, What::New, again(Retransmission::Spurious)]);
    assert_eq!((conversation.sent(100), conversation.received(9)), (Some(ms(0.0)), Some(ms(16.0))));
    assert_eq!(conversation.syn_round_trip(Side::Client), RoundTrip::Unknown);
    assert_eq!(conversation.handshake(), &Handshake::default());
}

#[test]
fn the_handshake_says_what_both_ends_can() {
    let (conversation, _) = opened("");
    let offer = |mss, scale| crate::event::TcpOffer {
        mss: Some(mss),
        window_scale: Some(scale),
        sack: true,
        ..crate::event::TcpOffer::default()
    };
    let handshake = conversation.handshake();
    assert_eq!((handshake.client, handshake.server), (Some(offer(1460, 7)), Some(offer(1400, 9))));
    assert_eq!(handshake.ack, Some(ms(16.1)));
    let row = conversation.rows.as_ref().unwrap()[2];
    assert_eq!((row.sequence, row.acknowledgement, row.window), (1, 1, 500 << 7));
    for (flags, answer, expect) in
        [("SEC", "SAE", (true, true)), ("SEC", "SAEC", (true, true)), ("S", "SA", (false, false))]
    {
        let (conversation, _) = played(&format!("0 > {flags} 0\n 1 < {answer} 0 ack 1"));
        let handshake = conversation.handshake();
        assert_eq!((handshake.client.unwrap().ecn, handshake.server.unwrap().ecn), expect, "{flags} {answer}");
    }
}

#[test]
fn a_round_trip_is_exact_only_where_it_is_clear_which_syn_was_answered() {
    let between = |low, high| RoundTrip::Between { low: Nanos::from_millis(low), high: Nanos::from_millis(high) };
    let exact = |millis| RoundTrip::Exact(Nanos::from_millis(millis));
    for (script, at_client, at_server) in [
        ("0 > S 0\n 16 < SA 0 ack 1\n 17 > A 1 ack 1", exact(16), exact(1)),
        ("0 > S 0\n 1000 > S 0\n 1016 < SA 0 ack 1", between(16, 1016), RoundTrip::Unknown),
        ("0 > S 0 ts 5/0\n 1000 > S 0 ts 1005/0\n 1016 < SA 0 ack 1 ts 9/1005", exact(16), RoundTrip::Unknown),
        ("0 > S 0 ts 5/0\n 1000 > S 0 ts 1005/0\n 1016 < SA 0 ack 1 ts 9/5", between(16, 1016), RoundTrip::Unknown),
        // The second answer says nothing of the first.
        ("0 > S 0\n 16 < SA 0 ack 1\n 1016 < SA 0 ack 1\n 1017 > A 1 ack 1", exact(16), between(1, 1001)),
        ("0 > S 0\n 16 < RA 0 ack 1", RoundTrip::Unknown, RoundTrip::Unknown),
    ] {
        let (conversation, _) = played(script);
        assert_eq!(conversation.syn_round_trip(Side::Client), at_client, "{script}");
        assert_eq!(conversation.syn_round_trip(Side::Server), at_server, "{script}");
    }
}

#[test]
fn the_side_is_where_the_packets_have_not_travelled_and_the_answer_takes_long() {
    for (script, side, why) in [
        ("0 > S 0\n 16 < SA 0 ack 1 ttl 52\n 16.1 > A 1 ack 1", Side::Client, "TTL of 64"),
        ("0 > S 0 ttl 52\n 0.1 < SA 0 ack 1\n 16 > A 1 ack 1", Side::Server, "TTL of 64"),
        ("0 > S 0\n 16 < SA 0 ack 1\n 16.1 > A 1 ack 1", Side::Client, "16.000 ms after the SYN"),
        ("0 > S 0\n 0.1 < SA 0 ack 1\n 16.1 > A 1 ack 1", Side::Server, "16.000 ms later"),
        ("0 > S 0\n 0.15 < SA 0 ack 1\n 0.16 > A 1 ack 1", Side::Client, "150 µs after the SYN"),
        // As on loopback, either way; and a server that is three times as slow as it is far away.
        ("0 > S 0\n 0.012 < SA 0 ack 1\n 0.02 > A 1 ack 1", Side::Client, "cannot be told"),
        ("0 > S 0\n 0.012 < SA 0 ack 1\n 0.1 > A 1 ack 1", Side::Client, "cannot be told"),
        ("0 > S 0\n 10 < SA 0 ack 1\n 30 > A 1 ack 1", Side::Client, "cannot be told"),
        // What was lost is sent again: a SYN; a SYN-ACK, by the server's own timer alone, or while the SYN is on its way again.
        ("0 > S 0\n 1000 > S 0\n 1016 < SA 0 ack 1\n 1016.1 > A 1 ack 1", Side::Client, "16.000 ms after the SYN"),
        ("0 > S 0\n 0.1 < SA 0 ack 1\n 1000 < SA 0 ack 1\n 1016 > A 1 ack 1", Side::Server, "left 100"),
        (
            "0 > S 0\n 0.1 < SA 0 ack 1\n 1000 < SA 0 ack 1\n 1015.9 > S 0\n 1016 < SA 0 ack 1\n 1016.1 > A 1 ack 1",
            Side::Server,
            "left 100",
        ),
        ("0 > PA 100+5 ack 1", Side::Client, "nothing in the packets tells"),
    ] {
        let got = played(script).0.side();
        assert_eq!(got.side(), side, "{script}");
        assert!(got.to_string().contains(why), "{got}");
    }
}

#[test]
fn counts_are_per_direction_and_per_excerpt() {
    let (mut conversation, _) = opened(
        "20 > PA 1+100 ack 1\n 223 > PA 1+100 ack 1\n 239 < A 1 ack 101\n 240 < A 1401+1400 ack 101\n 241 < A 1+1400 ack 101
         241 > A 101 ack 2801 win 0\n 241.1 > A 101 ack 2801 win 500\n 241.2 > A 101 ack 2801 win 500",
    );
    let sum = |conversation: &Conversation, from: f64, direction| {
        let wire = conversation.wire(&observer(Side::Client), &same_clock(), ms(from)..);
        let mut counts = crate::event::PacketCounts::default();
        wire.runs.iter().filter(|run| run.direction == direction).for_each(|run| counts += run.counts);
        counts
    };
    let sent = sum(&conversation, 0.0, Direction::Sent);
    assert_eq!(
        (sent.packets, sent.bytes, sent.retransmitted, sent.zero_windows, sent.duplicate_acks),
        (7, 200, 1, 1, 1)
    );
    let received = sum(&conversation, 0.0, Direction::Received);
    assert_eq!((received.packets, received.bytes, received.retransmitted, received.out_of_order), (4, 2800, 0, 1));
    assert_eq!(sum(&conversation, 230.0, Direction::Sent).packets, 3);
    conversation.forget(ms(230.0));
    assert_eq!(sum(&conversation, 0.0, Direction::Sent).packets, 3);
    assert_eq!((conversation.sent(100), conversation.delivered(2799)), (None, Some(ms(241.0))));
    assert!(!conversation.is_over());
}

#[test]
fn another_connection_between_the_same_ends_is_another() {
    let (conversation, _) = opened("");
    for (script, expect) in [("9 > S 0", false), ("9 > S 77", true), ("9 < SA 77 ack 1", false)] {
        let packet = packets(script).remove(0);
        assert_eq!(conversation.is_other(packet.direction, &packet.tcp()), expect, "{script}");
    }
}

fn any_packet() -> impl Strategy<Value = (u64, bool, u32, u32, u16, u16, u32, Vec<u8>, u32)> {
    let number = prop_oneof![0..3_000_u32, any::<u32>(), (u32::MAX - 3_000)..=u32::MAX];
    let length = prop_oneof![Just(0_u32), Just(1), 0..2_000_u32, any::<u32>()];
    let options = proptest::collection::vec(prop_oneof![Just(1_u8), Just(5), Just(8), Just(10), any::<u8>()], 0..40);
    (0..10_000_000_u64, any::<bool>(), number.clone(), number, any::<u16>(), 0..3_u16, length, options, 0..20_u32)
}

proptest! {
    #[test]
    fn any_packets_give_an_answer(packets in proptest::collection::vec(any_packet(), 0..60), keeps in any::<bool>()) {
        let mut conversation = Conversation::new(if keeps { Keep::Packets } else { Keep::Flights });
        let mut at = 0;
        let mut taken = 0;
        for (gap, sent, sequence, acknowledgement, flags, window, payload_length, options, id) in &packets {
            at += gap;
            let direction = if *sent { Direction::Sent } else { Direction::Received };
            let ip = Ip {
                source: [192, 0, 2, 1].into(), destination: [192, 0, 2, 2].into(), ttl: 64, ecn: Ecn::NotCapable,
                length: 40, identification: Some(*id), fragment: None,
            };
            let tcp = Tcp {
                source: 1, destination: 2, sequence: *sequence, acknowledgement: *acknowledgement,
                flags: TcpFlags::from_bits(*flags), window: *window, options: crate::packet::TcpOptions::new(options),
                payload: &options[..], payload_length: *payload_length,
            };
            let seen = conversation.take(Timestamp::from_nanos(at), direction, &ip, &tcp);
            if let Some(fresh) = seen.fresh {
                prop_assert!(fresh.length > 0 && fresh.end() <= seen.payload.end().max(fresh.end()));
            }
            taken += 1;
        }
        for side in [Side::Client, Side::Server] {
            let wire = conversation.wire(&observer(side), &same_clock(), ..);
            prop_assert_eq!(wire.captured, taken);
            prop_assert!(wire.delays.iter().all(|delay| delay.start <= delay.end));
        }
        let _ = conversation.side();
        conversation.forget(Timestamp::from_nanos(at / 2));
    }

    /// A stream cut into packets, some lost and sent again, acknowledged now and then.
    #[test]
    fn bytes_leave_arrive_and_are_acknowledged_in_this_order(
        lengths in proptest::collection::vec((1..1_400_u32, any::<bool>(), any::<bool>()), 1..80),
    ) {
        let mut script = OPENED.to_owned();
        let (mut next, mut at) = (1, 20);
        for (length, resent, acknowledged) in &lengths {
            writeln!(script, "{at} > A {next}+{length} ack 1").unwrap();
            if *resent {
                writeln!(script, "{} > A {next}+{length} ack 1", at + 1).unwrap();
            }
            next += length;
            if *acknowledged {
                writeln!(script, "{} < A 1 ack {next}", at + 2).unwrap();
            }
            at += 3;
        }
        let (conversation, _) = played(&script);
        let end = u64::from(next - 1);
        let mut before = ms(0.0);
        for offset in (1..=end).step_by(53) {
            let sent = conversation.sent(offset).unwrap();
            prop_assert!(before <= sent);
            before = sent;
            if let Some(acknowledged) = conversation.acknowledged(offset) {
                prop_assert!(sent <= acknowledged.at && acknowledged.is_pure);
            }
        }
        let wire = conversation.wire(&observer(Side::Client), &same_clock(), ..);
        let resent: u64 = wire.runs.iter().map(|run| run.counts.retransmitted).sum();
        prop_assert_eq!(resent, lengths.iter().filter(|(_, resent, _)| *resent).count() as u64);
    }
}
