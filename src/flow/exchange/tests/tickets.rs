//! What may come between a handshake of TLS 1.3 and the response: session tickets, and the frames that begin HTTP/2.

use super::tls::{client_hello, finished, hidden, modern, record, shaken};
use super::*;
use Packet::{Before, C, S};

#[test]
fn tickets_are_no_response() {
    let expect = &["? https://example.com/ @100 connect:20 tls:30 send:1 wait:49 receive:0"];
    // Before the request.
    shaken(&[])
        .server(170, hidden(255))
        .client(171, hidden(200))
        .server(220, hidden(800))
        .check(&["? https://example.com/ @100 connect:20 tls:30 send:21 wait:49 receive:0"]);
    // In packets that do not acknowledge the request.
    shaken(&[]).client(151, hidden(200)).server_before(171, &hidden(255), 205).server(200, hidden(800)).check(expect);
    // A pair of one length, in packets that acknowledge all.
    shaken(&[])
        .client(151, hidden(200))
        .server(171, [hidden(255), hidden(255)].concat())
        .server(200, hidden(800))
        .check(expect);
    // A single one, as fast as the network.
    shaken(&[]).client(151, hidden(200)).server(171, hidden(255)).server(200, hidden(800)).check(expect);
    // What nothing follows is the response.
    shaken(&[])
        .client(151, hidden(200))
        .server(171, hidden(255))
        .check(&["? https://example.com/ @100 connect:20 tls:30 send:1 wait:20 receive:0"]);
    // So is what the client asks again after.
    shaken(&[])
        .client(151, hidden(200))
        .server(171, hidden(255))
        .client(180, hidden(200))
        .server(190, hidden(255))
        .check(&[
            "? https://example.com/ @100 connect:20 tls:30 send:1 wait:20 receive:0",
            "? https://example.com/ @180 send:0 wait:10 receive:0 reused",
        ]);
}

#[test]
fn tickets_where_packets_were_sent_again() {
    let request = || hidden(200);
    let again = [finished(), request()].concat();
    let ticket = hidden(179);
    let pair = [hidden(255), hidden(255)].concat();
    // Finished and the request are lost, and sent again in one packet: the tickets acknowledge both.
    let merged = || shaken(&[]).client(151, request()).client_again(351, &again);
    let expect = "? https://example.com/ @100 connect:20 tls:30 send:1 wait:649 receive:0";
    merged().server(371, &ticket).server(800, hidden(800)).check(&[expect]);
    merged().server(371, &pair).server(800, hidden(800)).check(&[expect]);
    // Too late even for Finished sent again.
    let expect = "? https://example.com/ @100 connect:20 tls:30 send:1 wait:349 receive:300";
    merged().server(500, &ticket).server(800, hidden(800)).check(&[expect]);
    // Only the request was sent again: Finished had come long before.
    let expect = "? https://example.com/ @100 connect:20 tls:30 send:1 wait:220 receive:429";
    shaken(&[])
        .client(151, request())
        .client_again(351, &request())
        .server(371, &ticket)
        .server(800, hidden(800))
        .check(&[expect]);
    // The ticket is lost and sent again: an acknowledgement behind it tells that it was under way, or the response does.
    let expect = "? https://example.com/ @100 connect:20 tls:30 send:1 wait:649 receive:0";
    shaken(&[])
        .client(151, request())
        .server_late(391, &ticket, |script| script.server(172, b""))
        .server(800, hidden(800))
        .check(&[expect]);
    let expect = "? https://example.com/ @100 connect:20 tls:30 send:1 wait:22 receive:218";
    shaken(&[])
        .client(151, request())
        .server_late(391, &ticket, |script| script.server(173, hidden(800)))
        .check(&[expect]);
    // Nothing tells.
    let expect = "? https://example.com/ @100 connect:20 tls:30 send:1 wait:240 receive:409";
    shaken(&[]).client(151, request()).server(391, &ticket).server(800, hidden(800)).check(&[expect]);
}

#[test]
fn tickets_and_settings_over_a_long_way() {
    let expect = |wait: u64| format!("? https://example.com/ @100 connect:2500 tls:1501 send:1 wait:{wait} receive:0");
    let lone = || hidden(24 + 17);
    let rest = || hidden(89 + 17);
    // The SYN was sent again, so that only the hellos tell the round trip of 1.5 s.
    let shaken = |alpn: &[&str]| {
        let mut script = Script::new(443).packet(100, Direction::Sent, TcpFlags::SYN, b"");
        script.raw(1_100, Direction::Sent, TcpFlags::SYN, CLIENT, 0, b"", 0);
        script
            .packet(2_600, Direction::Received, TcpFlags::SYN | TcpFlags::ACK, b"")
            .packet(2_600, Direction::Sent, TcpFlags::ACK, b"")
            .client(2_600, client_hello("example.com", alpn))
            .server(4_100, [modern([0x13, 1]), record(20, &[1]), hidden(944)].concat())
            .client(4_101, finished())
    };
    shaken(&[])
        .client(4_102, hidden(200))
        .server(5_602, hidden(179))
        .server(6_034, hidden(398))
        .check(&[&expect(1_932)]);
    let modern = &["h2", "http/1.1"];
    shaken(modern)
        .client(4_102, [lone(), rest()].concat())
        .server(5_602, hidden(179))
        .server(5_602, hidden(33 + 17))
        .server(5_602, hidden(22 + 17))
        .client(5_602, hidden(9 + 17))
        .server(6_034, hidden(398))
        .check(&[&expect(1_932)]);
    // However late the ticket is: SETTINGS come behind it, which the client's preface shows, or its acknowledgement.
    let late = |request: Vec<u8>| {
        shaken(modern).client(4_102, request).server(8_000, hidden(179)).server(8_001, hidden(33 + 17))
    };
    late([lone(), rest()].concat()).server(8_102, hidden(398)).check(&[&expect(4_000)]);
    late(hidden(24 + 27 + 89 + 17)).client(8_002, hidden(9 + 17)).server(8_102, hidden(398)).check(&[&expect(4_000)]);
    // Without either, HTTP/1.1 may have been chosen, with a short head and a short body.
    let whole = "? https://example.com/ @100 connect:2500 tls:1501 send:1 wait:3898 receive:102";
    shaken(modern)
        .client(4_102, hidden(200))
        .server(8_000, hidden(179))
        .server(8_001, hidden(33 + 17))
        .server(8_102, hidden(398))
        .check(&[whole]);
}

#[test]
fn the_frames_that_begin_http2_are_no_exchange() {
    shaken(&["h2", "http/1.1"])
        .client(151, [hidden(24 + 27 + 13 + 17), hidden(80)].concat())
        .server(171, [hidden(255), hidden(255)].concat())
        .server(172, hidden(40 + 17))
        .server(173, hidden(9 + 17))
        .client(174, hidden(9 + 17))
        .server(220, hidden(150))
        .server(225, hidden(1_500))
        .client(400, hidden(17 + 17))
        .check(&["? https://example.com/ @100 connect:20 tls:30 send:1 wait:69 receive:5"]);
}

/// Packets behind the handshake of [`shaken`], which ends at 150.
#[derive(Clone, Copy)]
enum Packet {
    /// A record of the client.
    C(u64, usize),
    /// A record of the server.
    S(u64, usize),
    /// A record of the server whose packet does not acknowledge the client's last one.
    Before(u64, usize),
}

fn play(alpn: &[&str], packets: &[Packet]) -> Script {
    let mut last = 0;
    packets.iter().fold(shaken(alpn), |script, packet| match *packet {
        C(millis, length) => {
            last = u32::try_from(length).unwrap() + 5;
            script.client(millis, hidden(length))
        }
        S(millis, length) => script.server(millis, hidden(length)),
        Before(millis, length) => script.server_before(millis, &hidden(length), last),
    })
}

/// What a client offers that speaks both versions.
const BOTH: &[&str] = &["h2", "http/1.1"];
/// Records of curl and of servers on loopback: the preface with SETTINGS and `WINDOW_UPDATE`, HEADERS, a ticket, SETTINGS,
/// the acknowledgement of SETTINGS.
const HELLO: usize = 64 + 17;
const ASK: usize = 48 + 17;
const TICKET: usize = 266;
const SETTINGS: usize = 30 + 17;
const ACK: usize = 9 + 17;

#[test]
fn what_the_client_of_http2_says_between_tickets_is_its_one_request() {
    let rest = [C(203, ACK), S(220, 150), S(225, 1_500)];
    // The packets, and when the request's last one leaves.
    let settings = S(173, SETTINGS);
    for (name, packets, sent) in [
        ("T C T S", &[C(151, HELLO), S(170, TICKET), C(171, ASK), S(172, TICKET), settings][..], 171),
        ("T C t S", &[C(151, HELLO), S(170, TICKET), C(171, ASK), Before(172, TICKET), settings], 171),
        ("C T T S", &[C(151, HELLO), C(152, ASK), S(170, TICKET), S(171, TICKET), settings], 152),
        ("T T C S", &[C(151, HELLO), S(170, TICKET), S(170, TICKET), C(171, ASK), settings], 171),
        ("T T C T S", &[C(151, HELLO), S(169, TICKET), S(170, TICKET), C(171, ASK), S(172, TICKET), settings], 171),
        ("T C T C S", &[C(151, HELLO), S(169, TICKET), C(170, ASK), S(171, TICKET), C(172, ASK), settings], 172),
        ("T C C S", &[C(151, HELLO), S(169, TICKET), C(170, ASK), C(171, ASK), settings], 171),
        ("T C S", &[C(151, HELLO), S(170, TICKET), C(171, ASK), settings], 171),
        ("T C s", &[C(151, HELLO), S(170, TICKET), C(171, ASK), Before(172, SETTINGS)], 171),
        ("T S C", &[C(151, HELLO), S(170, TICKET), S(171, SETTINGS), C(172, ASK)], 172),
        ("C T S", &[C(151, HELLO), C(152, ASK), S(170, TICKET), settings], 152),
        ("C S", &[C(151, HELLO), C(152, ASK), settings], 152),
        ("S C", &[C(151, HELLO), S(171, SETTINGS), C(172, ASK)], 172),
        // The pair lies far apart.
        ("T C late T S", &[C(151, HELLO), S(170, TICKET), C(171, ASK), S(200, TICKET), S(201, SETTINGS)], 171),
        // The preface comes alone, which shows HTTP/2.
        ("late T C S", &[C(151, 24 + 17), S(200, TICKET), C(201, ASK), S(202, SETTINGS)], 201),
    ] {
        let done = play(BOTH, &[packets, &rest].concat()).over();
        let (send, wait) = (sent - 150, 220 - sent);
        let expect = format!("? https://example.com/ @100 connect:20 tls:30 send:{send} wait:{wait} receive:5");
        assert_eq!(done.iter().map(short).collect::<Vec<_>>(), [expect], "{name}");
    }
}

#[test]
fn settings_in_one_record_with_the_response_follow_known_tickets() {
    // nginx packs them together, so that only the tickets' common length tells.
    let rest = [S(173, 187), C(174, ACK), S(220, 1_500)];
    for (name, packets, sent) in [
        ("T C T C S", &[S(150, TICKET), C(151, HELLO), S(170, TICKET), C(171, ASK)][..], 171),
        ("T C late T C S", &[S(150, TICKET), C(151, HELLO), S(171, TICKET), C(172, ASK)], 172),
        ("C t T C S", &[C(151, HELLO), Before(170, TICKET), S(170, TICKET), C(171, ASK)], 171),
        ("C T C T S", &[C(151, HELLO), S(170, TICKET), C(171, ASK), S(172, TICKET)], 171),
        ("C T C t S", &[C(151, HELLO), S(170, TICKET), C(171, ASK), Before(172, TICKET)], 171),
        ("C T T C S", &[C(151, HELLO), S(170, TICKET), S(170, TICKET), C(171, ASK)], 171),
        ("C C T T S", &[C(151, HELLO), C(152, ASK), S(170, TICKET), S(170, TICKET)], 152),
    ] {
        let done = play(BOTH, &[packets, &rest].concat()).over();
        let (send, wait) = (sent - 150, 173 - sent);
        let expect = format!("? https://example.com/ @100 connect:20 tls:30 send:{send} wait:{wait} receive:47");
        assert_eq!(done.iter().map(short).collect::<Vec<_>>(), [expect], "{name}");
    }
}

#[test]
fn what_a_client_says_behind_a_response_that_looks_like_a_ticket_is_its_next_request() {
    let two = |wait: u64, second: u64, length: u64| {
        let (first, next) = ("@100 connect:20 tls:30 send:1", "send:0");
        vec![
            format!("? https://example.com/ {first} wait:{wait} receive:0"),
            format!("? https://example.com/ @{second} {next} wait:{length} receive:0 reused"),
        ]
    };
    let ask = 200;
    for (name, packets, expect) in [
        ("quick ones of one length", &[C(151, ask), S(170, 266), C(171, ask), S(175, 266)][..], two(19, 171, 4)),
        ("slower ones", &[C(151, ask), S(171, 266), C(172, ask), S(192, 266)], two(20, 172, 20)),
        ("slow ones", &[C(151, ask), S(300, 266), C(301, ask), S(500, 266)], two(149, 301, 199)),
        ("a short one and a long one", &[C(151, ask), S(170, 266), C(171, ask), S(191, 900)], two(19, 171, 20)),
        ("a long one and a short one", &[C(151, ask), S(170, 900), C(171, ask), S(191, 266)], two(19, 171, 20)),
        (
            "a slow one and one as short as SETTINGS",
            &[C(151, ask), S(300, 266), C(301, ask), S(320, 44)],
            two(149, 301, 19),
        ),
    ] {
        for alpn in [&[][..], BOTH, &["http/1.1"]] {
            let done = play(alpn, packets).over();
            assert_eq!(done.iter().map(short).collect::<Vec<_>>(), expect, "{name} {alpn:?}");
        }
    }
    // As long as the connection lasts, all of one length.
    let packets: Vec<Packet> = (0..20).flat_map(|turn| [C(151 + turn, ask), S(151 + turn, 266)]).collect();
    assert_eq!(play(BOTH, &packets).over().len(), 20);
    // The second one is never answered.
    let done = play(BOTH, &[C(151, ask), S(170, 266), C(171, ask)]).over();
    assert_eq!(short(&done[0]), "? https://example.com/ @100 connect:20 tls:30 send:1 wait:19 receive:0");
    assert_eq!(short(&done[1]), "? https://example.com/ @171 send:0 wait:1000 reused wait.timeout");
    // Where tickets came in a row, the only one is not.
    let done = play(&[], &[C(151, ask), S(170, 266), S(170, 266), C(171, ask)]).over();
    assert_eq!(
        done.iter().map(short).collect::<Vec<_>>(),
        ["? https://example.com/ @100 connect:20 tls:30 send:21 wait:1000 wait.timeout"]
    );
}

#[test]
fn what_waited_is_acknowledged_when_it_was() {
    let done =
        play(BOTH, &[C(151, HELLO), S(170, TICKET), C(171, ASK), S(190, TICKET), S(191, SETTINGS), S(220, 900)]).over();
    let acknowledged = done[0].events.iter().find_map(|event| match event {
        Event::Observed(crate::event::Moment::RequestAcked, mark) => Some(mark.at.as_nanos() / 1_000_000),
        _ => None,
    });
    assert_eq!((done.len(), acknowledged), (1, Some(190)));
}
