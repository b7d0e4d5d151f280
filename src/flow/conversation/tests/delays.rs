//! What cost time, seen from either end.

use super::*;

/// What cost time to a capture at this side: what happened, to which way's packets, from and to in ms, and the recovery.
fn delays(side: Side, script: &str) -> Vec<(Trouble, Direction, f64, f64, Option<Recovery>)> {
    let (conversation, _) = played(script);
    let wire = conversation.wire(&observer(side), &same_clock(), ..);
    let millis = |at: Timestamp<crate::time::Monotonic>| Nanos::new(at.as_nanos()).as_millis_f64();
    let delays = wire.delays.into_iter();
    delays
        .map(|delay| (delay.trouble, delay.direction, millis(delay.start), millis(delay.end), delay.recovery))
        .collect()
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn what_cost_time_has_a_name() {
    use Direction::*;
    use Recovery::*;
    use Trouble::*;
    let after = |script: &str| format!("{OPENED}{script}");
    let table = [
        ("nothing", after("20 > PA 1+100 ack 1\n 36 < A 1 ack 101\n 40 < PA 1+50 ack 101"), vec![]),
        (
            "a SYN, by the echo of the second one's clock",
            "0 > S 0 ts 5/0\n 1000 > S 0 ts 1005/0\n 1016 < SA 0 ack 1 ts 9/1005".to_owned(),
            vec![(LostSyn, Sent, 0.0, 1000.0, Some(Timeout))],
        ),
        (
            "a SYN-ACK, by the echo of the first one's clock",
            "0 > S 0 ts 5/0\n 1000 > S 0 ts 1005/0\n 1016 < SA 0 ack 1 ts 9/5".to_owned(),
            vec![(LostSynAck, Received, 0.0, 1000.0, Some(Timeout))],
        ),
        (
            "a SYN-ACK, by the second one",
            "0 > S 0\n 1000 > S 0\n 1016 < SA 0 ack 1\n 1017 < SA 0 ack 1".to_owned(),
            vec![(LostSynAck, Received, 0.0, 1000.0, Some(Timeout))],
        ),
        (
            "nothing: the round trip is longer than the client's timer, and every SYN has its answer",
            "0 > S 0 ts 5/0\n 1000 > S 0 ts 1005/0\n 2560 < SA 0 ack 1 ts 9/5\n 3560 < SA 0 ack 1 ts 1009/5".to_owned(),
            vec![],
        ),
        (
            "either of them",
            "0 > S 0\n 1000 > S 0\n 3000 > S 0\n 3016 < SA 0 ack 1".to_owned(),
            vec![(LostSynOrSynAck, Sent, 0.0, 3000.0, Some(Timeout))],
        ),
        (
            "a request, by the timer",
            after("20 > PA 1+100 ack 1\n 223 > PA 1+100 ack 1\n 239 < A 1 ack 101\n 240 < PA 1+50 ack 101"),
            vec![(LostBytes, Sent, 20.0, 223.0, Some(Timeout))],
        ),
        (
            "a request, twice",
            after("20 > PA 1+100 ack 1\n 223 > PA 1+100 ack 1\n 629 > PA 1+100 ack 1\n 645 < PA 1+50 ack 101"),
            vec![(LostBytes, Sent, 20.0, 629.0, Some(Timeout))],
        ),
        (
            "a request that was sent a third time just before the second was acknowledged",
            after("20 > PA 1+100 ack 1\n 223 > PA 1+100 ack 1\n 238 > PA 1+100 ack 1\n 239 < A 1 ack 101"),
            vec![(LostBytes, Sent, 20.0, 223.0, Some(Timeout))],
        ),
        (
            "the end of a request, by a probe",
            after(
                "20 > A 1+1400 ack 1\n 20 > PA 1401+100 ack 1\n 36 < A 1 ack 1401\n 54 > PA 1401+100 ack 1\n 70 < A 1 ack 1501",
            ),
            vec![(LostBytes, Sent, 20.0, 54.0, Some(Probe))],
        ),
        (
            "a request whose last bytes a probe had sent again before",
            after(
                "20 > PA 1+100 ack 1\n 90 > PA 101+30 ack 1\n 230 > PA 101+30 ack 1\n 530 > PA 1+130 ack 1\n 600 < A 1 ack 131",
            ),
            vec![(LostBytes, Sent, 20.0, 530.0, Some(Timeout))],
        ),
        (
            "a request that was never acknowledged",
            after("20 > PA 1+100 ack 1\n 223 > PA 1+100 ack 1\n 629 > PA 1+100 ack 1"),
            vec![(LostBytes, Sent, 20.0, 629.0, Some(Timeout))],
        ),
        (
            "no request: it had arrived, as the server says (RFC 2883), so why the response was late is unknown",
            after("20 > PA 1+100 ack 1\n 223 > PA 1+100 ack 1\n 239 < A 1 ack 101 sack 1-101\n 245 < PA 1+50 ack 101"),
            vec![(Unexplained, Sent, 20.0, 223.0, Some(Timeout))],
        ),
        (
            "no request: what was acknowledged had left before (RFC 3522)",
            after("20 > PA 1+100 ack 1 ts 20/0\n 223 > PA 1+100 ack 1 ts 223/0\n 224 < A 1 ack 101 ts 9/20"),
            vec![(Unexplained, Sent, 20.0, 223.0, Some(Timeout))],
        ),
        (
            "the beginning of a response, repaired fast",
            after(
                "20 > PA 1+100 ack 1\n 36 < A 1 ack 101\n 40 < A 1401+1400 ack 101\n 40 < A 2801+1400 ack 101
                 40 > A 101 ack 1 sack 1401-2801\n 40 > A 101 ack 1 sack 1401-4201\n 57 < A 1+1400 ack 101",
            ),
            vec![(LostBytes, Received, 40.0, 57.0, Some(Fast))],
        ),
        (
            "a response in the middle, repaired by the timer",
            after("40 < A 1+1400 ack 1\n 41 < A 2801+1400 ack 1\n 41 > A 1 ack 1401\n 260 < A 1401+1400 ack 1"),
            vec![(LostBytes, Received, 41.0, 260.0, Some(Timeout))],
        ),
        (
            "the end of a response: one number is missing in the server's, and all requests had been acknowledged",
            after(
                "20 > PA 1+100 ack 1\n 36 < A 1 ack 101 id 700\n 40 < A 1+1400 ack 101 id 701\n 40.1 > A 101 ack 1401
                 290 < PA 1401+100 ack 101 id 703",
            ),
            vec![(LostBytes, Received, 290.0 - 216.1, 290.0, Some(Timeout))],
        ),
        (
            "not a response: the server counts the packets of all its connections together",
            "0 > S 0\n 16 < SA 0 ack 1 id 699\n 16.1 > A 1 ack 1\n 20 > PA 1+100 ack 1\n 36 < A 1 ack 101 id 700
             290 < PA 1+100 ack 101 id 703"
                .to_owned(),
            vec![],
        ),
        (
            "not a response: the missing one may have been an acknowledgement",
            after(
                "20 < A 1+10 ack 1 id 1\n 20 < A 11+10 ack 1 id 2\n 21 > PA 1+100 ack 21\n 290 < PA 21+100 ack 101 id 4",
            ),
            vec![],
        ),
        (
            "order",
            after("40 < A 1401+1400 ack 1\n 42 < A 1+1400 ack 1"),
            vec![(Reordering, Received, 40.0, 42.0, None)],
        ),
        (
            "a closed window",
            after(
                "20 < A 1+1000 ack 1\n 20.5 > A 1 ack 1001 win 0\n 240 < A 1000 ack 1\n 300 > A 1 ack 1001 win 400
                 316 < A 1001+500 ack 1",
            ),
            vec![(ZeroWindow, Received, 20.5, 300.0, None)],
        ),
        (
            "no window: nobody had been waiting",
            after(
                "20 < A 1+1000 ack 1\n 20.5 > A 1 ack 1001 win 0\n 300 > A 1 ack 1001 win 400\n 900 < A 1001+500 ack 1",
            ),
            vec![],
        ),
    ];
    for (name, script, expect) in table {
        assert_eq!(delays(Side::Client, &script), expect, "{name}");
    }
}

#[test]
fn at_the_server_the_same_losses_look_the_other_way_round() {
    use Direction::*;
    let opened = "0 > S 0\n 0.1 < SA 0 ack 1\n 16 > A 1 ack 1\n";
    for (name, script, expect) in [
        (
            "the SYN-ACK, or its acknowledgement",
            "0 > S 0\n 0.1 < SA 0 ack 1\n 1000.1 < SA 0 ack 1\n 1016 > A 1 ack 1".to_owned(),
            vec![(Trouble::LostSynAck, Received, 0.1, 1000.1, Some(Recovery::Timeout))],
        ),
        (
            "the response",
            format!("{opened} 20 > PA 1+100 ack 1\n 30 < PA 1+50 ack 101\n 250 < PA 1+50 ack 101\n 266 > A 101 ack 51"),
            vec![(Trouble::LostBytes, Received, 30.0, 250.0, Some(Recovery::Timeout))],
        ),
        (
            "the beginning of the request",
            format!("{opened} 20 > PA 101+100 ack 1\n 20.1 < A 1 ack 1 sack 101-201\n 36.2 > A 1+100 ack 1"),
            vec![(Trouble::LostBytes, Sent, 20.0, 36.2, Some(Recovery::Fast))],
        ),
    ] {
        assert_eq!(delays(Side::Server, &script), expect, "{name}");
    }
}

#[test]
fn a_tail_that_was_lost_is_noticed_with_the_number_of_the_end() {
    let script = format!(
        "{OPENED} 20 < A 1+100 ack 1\n 21 < FA 151 ack 1\n 37.3 < PA 101+50 ack 1\n 38 > FA 1 ack 152\n 54 < A 152 ack 2"
    );
    let expect = (Trouble::LostBytes, Direction::Received, 21.0, 37.3, Some(Recovery::Timeout));
    assert_eq!(delays(Side::Client, &script), [expect]);
    let (conversation, _) = played(&script);
    assert_eq!((conversation.delivered(149), conversation.received(150)), (Some(ms(37.3)), None));
    assert!(conversation.is_over());
}
