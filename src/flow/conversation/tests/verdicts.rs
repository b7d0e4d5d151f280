//! What each packet is.

use super::*;

#[test]
fn every_packet_is_what_it_is() {
    use Retransmission::*;
    for (name, script, expect) in [
        (
            "new bytes and acknowledgements",
            "20 > PA 1+100 ack 1\n 36 < A 1 ack 101\n 40 < PA 1+50 ack 101",
            vec![What::New, What::Ack, What::New],
        ),
        ("the timer runs out", "20 > PA 1+100 ack 1\n 240 > PA 1+100 ack 1", vec![What::New, again(Timeout)]),
        (
            "a duplicate of what had been acknowledged",
            "20 < PA 1+100 ack 1\n 20.1 > A 1 ack 101\n 240 < PA 1+100 ack 1",
            vec![What::New, What::Ack, again(Spurious)],
        ),
        (
            "three acknowledgements ask for more",
            "20 > A 1+100 ack 1\n 20 > A 101+100 ack 1\n 20 > A 201+100 ack 1\n 20 > A 301+100 ack 1
             36 < A 1 ack 1\n 36 < A 1 ack 1\n 36 < A 1 ack 1\n 36.1 > A 1+100 ack 1\n 53 < A 1 ack 401",
            vec![
                What::New,
                What::New,
                What::New,
                What::New,
                What::DuplicateAck,
                What::DuplicateAck,
                What::DuplicateAck,
                again(Fast),
                What::Ack,
            ],
        ),
        (
            "one selective acknowledgement asks for more (RFC 8985)",
            "20 > A 1+100 ack 1\n 20 > A 101+100 ack 1\n 36 < A 1 ack 1 sack 101-201\n 41 > A 1+100 ack 1",
            vec![What::New, What::New, What::DuplicateAck, again(Fast)],
        ),
        ("a single byte that was lost", "20 > A 1+1 ack 1\n 240 > A 1+1 ack 1", vec![What::New, again(Timeout)]),
        (
            "overlap: a packet sent again with more behind it",
            "20 > A 1+100 ack 1\n 240 > A 1+150 ack 1",
            vec![What::New, again(Timeout)],
        ),
        (
            "a closed window, its probes, and its opening",
            "20 < A 1+1000 ack 1\n 20.1 > A 1 ack 1001 win 0\n 240 < A 1000 ack 1\n 240.1 > A 1 ack 1001 win 0
             300 > A 1 ack 1001 win 400\n 316 < A 1001+500 ack 1",
            vec![What::New, What::Ack, What::WindowProbe, What::Ack, What::WindowUpdate, What::New],
        ),
        (
            "a probe with a byte",
            "20 < A 1+1000 ack 1\n 20.1 > A 1 ack 1001 win 0\n 240 < A 1001+1 ack 1",
            vec![What::New, What::Ack, What::WindowProbe],
        ),
        (
            "is anybody there?",
            "20 < A 1+100 ack 1\n 21 > A 1 ack 101\n 9000 > A 0 ack 101\n 9016 < A 101 ack 1\n 9100 > A 0+1 ack 101",
            vec![What::New, What::Ack, What::KeepAlive, What::Ack, What::KeepAlive],
        ),
        (
            "the end, and the end again",
            "20 > FA 1 ack 1\n 240 > FA 1 ack 1\n 256 < A 1 ack 2\n 257 < FA 1 ack 2\n 257.1 > A 2 ack 2",
            vec![What::New, again(Timeout), What::Ack, What::New, What::Ack],
        ),
        (
            "nothing is missing behind an end, which takes a number",
            "20 > PA 1+100 ack 1\n 20.1 > FA 101 ack 1\n 36 < FA 1 ack 102\n 36.1 > A 102 ack 2\n 37 > A 102 ack 2",
            vec![What::New, What::New, What::New, What::Ack, What::DuplicateAck],
        ),
        (
            "an acknowledgement that the end overtook, which is answered with what had been said",
            "20 > PA 1+81 ack 1\n 20.1 < PA 1+241 ack 82\n 60 > FA 82 ack 242\n 60.1 < FA 242 ack 83
             63 > A 82 ack 242\n 63.1 < A 243 ack 83\n 100 > A 83 ack 243",
            vec![What::New, What::New, What::New, What::New, What::Ack, What::Ack, What::Ack],
        ),
        ("a reset", "20 < R 1\n 21 < RA 1+5 ack 1", vec![What::Reset, What::Reset]),
    ] {
        assert_eq!(opened(script).1, expect, "{name}");
    }
}

#[test]
fn what_fills_a_hole_was_overtaken_or_sent_again() {
    use Retransmission::*;
    for (name, script, expect) in [
        (
            "overtaken, within less than a round trip",
            "20 < A 101+100 ack 1\n 22 < A 1+100 ack 1",
            vec![What::New, What::OutOfOrder],
        ),
        (
            "missing and sent again, a round trip later",
            "20 < A 101+100 ack 1\n 20.1 > A 1 ack 1 sack 101-201\n 36.3 < A 1+100 ack 1",
            vec![What::New, What::DuplicateAck, again(Fast)],
        ),
        (
            "missing and sent again, which the sender's clock gives away",
            "20 < A 101 ack 1 ts 30/1\n 22 < A 1+100 ack 1 ts 32/1",
            vec![What::Ack, again(Timeout)],
        ),
        (
            "sent again, as its own hole tells; another one showed just before",
            "20 < A 101 ack 1 ts 30/1\n 26 < A 301 ack 1 ts 36/1\n 26.1 < A 1+100 ack 1 ts 36/1\n 26.2 < A 201+100 ack 1 ts 36/1",
            vec![What::Ack, What::Ack, again(Timeout), What::OutOfOrder],
        ),
        (
            "overtaken, as the sender's clock tells, however long it was held",
            "20 < A 101 ack 1 ts 30/1\n 40 < A 1+100 ack 1 ts 29/1",
            vec![What::Ack, What::OutOfOrder],
        ),
        (
            "overtaken, as the sender's clock does not deny",
            "20 < A 101 ack 1 ts 30/1\n 22 < A 1+100 ack 1 ts 30/1",
            vec![What::Ack, What::OutOfOrder],
        ),
    ] {
        assert_eq!(opened(script).1, expect, "{name}");
    }
}
