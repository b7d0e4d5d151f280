//! One direction on a virtual clock.

use std::num::NonZeroU64;

use proptest::prelude::*;

use super::super::conditions::{Exception, Reordering};
use super::super::frame::{self, examples};
use super::*;

const SYN: u8 = 0x02;
const ACK: u8 = 0x10;
const MS: u64 = 1_000_000;

fn line(conditions: Conditions, seed: u64) -> Line {
    Line::new(conditions, &mut SplitMix64::new(seed))
}

fn packet(flags: u8, payload: &[u8]) -> Vec<u8> {
    examples::tcp("198.18.0.1", "198.18.1.1", flags, payload)
}

/// Packets with payloads of these lengths, at these nanoseconds.
fn offer_all(line: &mut Line, arrivals: &[(u64, usize)]) -> Vec<Fate> {
    let offer = |(at, length): &(u64, usize)| {
        let frame = packet(ACK, &vec![0; *length]);
        line.offer(Timestamp::from_nanos(*at), &frame::read(&frame).unwrap())
    };
    arrivals.iter().map(offer).collect()
}

fn due(at: u64) -> Fate {
    Fate::Due { at: Timestamp::from_nanos(at), copies: Copies::One }
}

#[track_caller]
fn check(conditions: Conditions, arrivals: &[(u64, usize)], expect: &[Fate]) {
    assert_eq!(offer_all(&mut line(conditions, 0), arrivals), expect);
}

fn delay(ms: u64) -> Conditions {
    Conditions { delay: Nanos::from_millis(ms), ..Conditions::default() }
}

#[test]
fn a_packet_is_held_for_the_delay_from_its_arrival() {
    check(delay(8), &[(5, 0), (7, 100), (20 * MS, 0)], &[due(8 * MS + 5), due(8 * MS + 7), due(28 * MS)]);
    check(Conditions::default(), &[(5, 0)], &[due(5)]);
}

#[test]
fn a_line_carries_one_packet_at_a_time() {
    // 8 Mbit/s are a byte in a microsecond; 60 bytes of payload are a packet of 100.
    let bandwidth =
        |buffer_bytes| Some(Bandwidth { bits_per_second: NonZeroU64::new(8_000_000).unwrap(), buffer_bytes });
    let slow = Conditions { bandwidth: bandwidth(1_000), ..delay(1) };
    let after = |micros: u64| due(MS + micros * 1_000);
    check(
        slow.clone(),
        &[(0, 60), (0, 60), (50_000, 60), (400_000, 60)],
        &[after(100), after(200), after(300), after(500)],
    );
    let short = Conditions { bandwidth: bandwidth(250), ..slow };
    let full = Fate::Lost(Cause::BufferFull);
    // After 50 µs half a packet has left and a third one fits.
    check(
        short,
        &[(0, 60), (0, 60), (0, 60), (50_000, 60), (50_000, 60)],
        &[after(100), after(200), full, after(300), full],
    );
}

#[test]
fn what_is_too_large_vanishes() {
    let narrow = Conditions { mtu: Some(1_280), ..delay(1) };
    check(narrow, &[(0, 1_240), (0, 1_241)], &[due(MS), Fate::Lost(Cause::TooLarge)]);
}

#[test]
fn the_packet_that_is_picked_is_lost_late_or_doubled() {
    let frames = [
        packet(SYN, b""),
        packet(ACK, examples::CLIENT_HELLO),
        packet(ACK, b"request"),
        packet(SYN, b""),
        packet(ACK, examples::SERVER_HELLO),
        packet(SYN | ACK, b""),
    ];
    let lost = Fate::Lost(Cause::Exception);
    let late = due(MS + 7);
    let twice = Fate::Due { at: Timestamp::from_nanos(MS), copies: Copies::Two };
    for (landmark, nth, treatment, place, fate) in [
        (Landmark::Syn, 1, Treatment::Lose, 0, lost),
        (Landmark::Syn, 2, Treatment::Lose, 3, lost),
        (Landmark::SynAck, 1, Treatment::Lose, 5, lost),
        (Landmark::Payload, 2, Treatment::Lose, 2, lost),
        (Landmark::ClientHello, 1, Treatment::Late(Nanos::new(7)), 1, late),
        (Landmark::ServerHello, 1, Treatment::Duplicate, 4, twice),
        (Landmark::Packet, 6, Treatment::Lose, 5, lost),
    ] {
        let conditions = Conditions { exceptions: vec![Exception { landmark, nth, treatment }], ..delay(1) };
        let mut line = line(conditions, 0);
        let fates: Vec<_> =
            frames.iter().map(|frame| line.offer(Timestamp::default(), &frame::read(frame).unwrap())).collect();
        let mut expect = [due(MS); 6];
        expect[place] = fate;
        assert_eq!(fates, expect, "{landmark:?} {nth} {treatment:?}");
    }
}

#[test]
fn others_pass_a_packet_that_is_late() {
    let exception = Exception { landmark: Landmark::Packet, nth: 2, treatment: Treatment::Late(Nanos::from_millis(5)) };
    let conditions = Conditions { exceptions: vec![exception], ..delay(1) };
    check(conditions, &[(0, 0), (10, 0), (20, 0)], &[due(MS), due(6 * MS + 10), due(MS + 20)]);
}

#[test]
fn chance_has_the_share_that_was_asked_for() {
    let share = Share::per_million(50_000);
    let arrivals: Vec<_> = (0..20_000).map(|at| (at * 1_000, 0)).collect();
    let reordering = Some(Reordering { share, late: Nanos::from_millis(1) });
    let conditions = Conditions { loss: share, duplication: share, reordering, ..delay(1) };
    let fates = offer_all(&mut line(conditions, 3), &arrivals);
    let lost = fates.iter().filter(|fate| matches!(fate, Fate::Lost(Cause::Chance))).count();
    let twice = fates.iter().filter(|fate| matches!(fate, Fate::Due { copies: Copies::Two, .. })).count();
    let late = fates
        .iter()
        .zip(&arrivals)
        .filter(|(fate, (at, _))| matches!(fate, Fate::Due { at: due, .. } if due.as_nanos() == at + 2 * MS))
        .count();
    for (what, count) in [("lost", lost), ("twice", twice), ("late", late)] {
        assert!((850..1_150).contains(&count), "{what}: {count} of 20,000");
    }
}

#[test]
fn all_is_all_and_none_is_none() {
    let arrivals: Vec<_> = (0..1_000).map(|at| (at, 0)).collect();
    let lost = |loss| {
        let fates = offer_all(&mut line(Conditions { loss, ..delay(1) }, 9), &arrivals);
        fates.iter().filter(|fate| matches!(fate, Fate::Lost(_))).count()
    };
    assert_eq!((lost(Share::default()), lost(Share::ALL)), (0, 1_000));
}

#[test]
fn jitter_does_not_change_which_packets_are_lost() {
    let arrivals: Vec<_> = (0..2_000).map(|at| (at * 1_000, 0)).collect();
    let lost = |jitter| {
        let conditions = Conditions { loss: Share::per_million(100_000), jitter, ..delay(1) };
        let fates = offer_all(&mut line(conditions, 4), &arrivals);
        fates.iter().map(|fate| matches!(fate, Fate::Lost(_))).collect::<Vec<_>>()
    };
    assert_eq!(lost(Nanos::ZERO), lost(Nanos::from_millis(3)));
}

fn any_conditions() -> impl Strategy<Value = Conditions> {
    (
        0..30 * MS,
        0..10 * MS,
        0..300_000_u32,
        0..300_000_u32,
        proptest::option::of((1_000..100_000_000_u64, 0..20_000_u64)),
    )
        .prop_map(|(delay, jitter, loss, duplication, bandwidth)| Conditions {
            delay: Nanos::new(delay),
            jitter: Nanos::new(jitter),
            loss: Share::per_million(loss),
            duplication: Share::per_million(duplication),
            bandwidth: bandwidth.map(|(bits, buffer_bytes)| Bandwidth {
                bits_per_second: NonZeroU64::new(bits).unwrap(),
                buffer_bytes,
            }),
            ..Conditions::default()
        })
}

fn any_arrivals() -> impl Strategy<Value = Vec<(u64, usize)>> {
    let gaps = proptest::collection::vec((0..3 * MS, 0..1_400_usize), 1..60);
    gaps.prop_map(|gaps| {
        gaps.into_iter()
            .scan(0, |at, (gap, length)| {
                *at += gap;
                Some((*at, length))
            })
            .collect()
    })
}

proptest! {
    #[test]
    fn without_reordering_nothing_overtakes_and_nothing_is_early(
        conditions in any_conditions(), arrivals in any_arrivals(), seed in any::<u64>(),
    ) {
        let fates = offer_all(&mut line(conditions.clone(), seed), &arrivals);
        let dues: Vec<_> = fates.iter().zip(&arrivals).filter_map(|(fate, (arrived, _))| match fate {
            Fate::Due { at, .. } => Some((at.as_nanos(), *arrived)),
            Fate::Lost(_) => None,
        }).collect();
        prop_assert!(dues.is_sorted_by_key(|(due, _)| *due));
        for (due, arrived) in dues {
            prop_assert!(due >= arrived + conditions.delay.get());
        }
    }

    #[test]
    fn without_a_limit_no_packet_is_later_than_its_jitter(
        conditions in any_conditions(), arrivals in any_arrivals(), seed in any::<u64>(),
    ) {
        let conditions = Conditions { bandwidth: None, ..conditions };
        let latest = conditions.delay.get() + conditions.jitter.get();
        for (fate, (arrived, _)) in offer_all(&mut line(conditions, seed), &arrivals).iter().zip(&arrivals) {
            if let Fate::Due { at, .. } = fate {
                // Its own, or that of one before it, which arrived no later.
                prop_assert!(at.as_nanos() <= arrived + latest);
            }
        }
    }

    #[test]
    fn the_same_seed_has_the_same_result(
        conditions in any_conditions(), arrivals in any_arrivals(), seed in any::<u64>(),
    ) {
        let once = offer_all(&mut line(conditions.clone(), seed), &arrivals);
        prop_assert_eq!(once, offer_all(&mut line(conditions, seed), &arrivals));
    }
}

#[test]
fn an_answer_to_a_syn_may_be_late_without_holding_up_others() {
    let slow = Conditions { accept: Nanos::from_millis(14), ..delay(1) };
    let mut line = line(slow, 0);
    for (flags, at, expect) in [(SYN | ACK, 0, 15), (ACK, 1, 2), (SYN, 2, 3), (SYN | ACK, 20, 35)] {
        let frame = packet(flags, b"");
        let fate = line.offer(Timestamp::from_nanos(at * MS), &frame::read(&frame).unwrap());
        assert_eq!(fate, due(expect * MS), "{flags:#x}");
    }
}
