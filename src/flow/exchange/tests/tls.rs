//! Handshakes of both versions.

use super::*;

fn vec16(bytes: &[u8]) -> Vec<u8> {
    [&u16::try_from(bytes.len()).unwrap().to_be_bytes(), bytes].concat()
}

fn extension(kind: u16, content: &[u8]) -> Vec<u8> {
    [&kind.to_be_bytes()[..], &vec16(content)].concat()
}

pub(super) fn record(content: u8, body: &[u8]) -> Vec<u8> {
    [&[content, 3, 3], &vec16(body)[..]].concat()
}

/// A record of application data whose body has this length.
pub(super) fn hidden(length: usize) -> Vec<u8> {
    record(23, &vec![0; length])
}

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let [_, high, middle, low] = u32::try_from(body.len()).unwrap().to_be_bytes();
    [&[kind, high, middle, low], body].concat()
}

pub(super) fn client_hello(name: &str, alpn: &[&str]) -> Vec<u8> {
    let names = vec16(&[&[0], &vec16(name.as_bytes())[..]].concat());
    let protocols: Vec<u8> =
        alpn.iter().flat_map(|name| [&[u8::try_from(name.len()).unwrap()], name.as_bytes()].concat()).collect();
    let extensions =
        [extension(0, &names), extension(16, &vec16(&protocols)), extension(43, &[4, 3, 4, 3, 3])].concat();
    let body = [&[3, 3][..], &[7; 32], &[2, 9, 9], &[0, 2, 0x13, 1, 1, 0], &vec16(&extensions)].concat();
    record(22, &message(1, &body))
}

fn server_hello(cipher: [u8; 2], extensions: &[Vec<u8>], session: &[u8], random: u8) -> Vec<u8> {
    let id_length = u8::try_from(session.len()).unwrap();
    let body =
        [&[3, 3][..], &[random; 32], &[id_length], session, &cipher, &[0], &vec16(&extensions.concat())].concat();
    record(22, &message(2, &body))
}

pub(super) fn modern(cipher: [u8; 2]) -> Vec<u8> {
    server_hello(cipher, &[extension(43, &[3, 4]), extension(51, &[0, 0x1d, 0, 0])], &[9, 9], 1)
}

pub(super) fn finished() -> Vec<u8> {
    [record(20, &[1]), hidden(4 + 32 + 17)].concat()
}

/// Hello at 125, ServerHello at 145 with the rest of its flight in two more packets, Finished at 150.
pub(super) fn shaken(alpn: &[&str]) -> Script {
    Script::new(443)
        .open()
        .client(125, client_hello("example.com", alpn))
        .server(145, [modern([0x13, 1]), record(20, &[1]), hidden(100)].concat())
        .server(146, &hidden(3_000)[..1_400])
        .server(147, &hidden(3_000)[1_400..])
        .client(150, finished())
}

fn session(exchange: &Exchange) -> crate::event::TlsSession {
    trace(exchange).tls.unwrap().session.unwrap()
}

#[test]
fn a_handshake_a_request_and_one_on_the_same_connection() {
    let done = shaken(&[])
        .client(152, hidden(200))
        .server(190, hidden(1_000))
        .server(195, hidden(5_000))
        .client(300, hidden(200))
        .server(340, hidden(300))
        // Both alerts are no content.
        .server(5_000, hidden(19))
        .client(5_001, hidden(19))
        .over();
    let expect = [
        "? https://example.com/ @100 connect:20 tls:30 send:2 wait:38 receive:5",
        "? https://example.com/ @300 send:0 wait:40 receive:0 reused",
    ];
    assert_eq!(done.iter().map(short).collect::<Vec<_>>(), expect);
    let tls = trace(&done[0]).tls.unwrap();
    let millis = |mark: Option<Nanos>| mark.map(|mark| mark.get() / 1_000_000);
    assert_eq!(
        (millis(tls.client_hello), millis(tls.server_hello), millis(tls.finished)),
        (Some(25), Some(45), Some(50))
    );
    let session = session(&done[0]);
    assert_eq!((session.version.as_str(), session.cipher.as_str()), ("TLSv1.3", "TLS_AES_128_GCM_SHA256"));
    assert_eq!((session.group.as_deref(), session.alpn, session.resumed), (Some("X25519"), None, false));
    assert_eq!(session.round_trips, 1);
}

#[test]
fn a_retry_costs_a_round_trip_and_a_key_resumes() {
    const RETRY: [u8; 32] = [
        0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2, 0xa2,
        0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
    ];
    let mut retry = server_hello([0x13, 2], &[extension(43, &[3, 4]), extension(51, &[0, 0x17])], &[9, 9], 0);
    let random = retry.windows(32).position(|window| window == [0; 32]).unwrap();
    retry[random..random + 32].copy_from_slice(&RETRY);
    let chosen = server_hello(
        [0x13, 2],
        &[extension(43, &[3, 4]), extension(51, &[0, 0x17, 0, 0]), extension(41, &[0, 0])],
        &[9, 9],
        1,
    );
    let hello = client_hello("example.com", &[]);
    let done = Script::new(443)
        .open()
        // A hello in two packets.
        .client(125, &hello[..30])
        .client(126, &hello[30..])
        .server(145, [retry, record(20, &[1])].concat())
        .client(150, [record(20, &[1]), hello].concat())
        .server(170, [chosen, hidden(100)].concat())
        .client(175, [hidden(4 + 48 + 17), hidden(100)].concat())
        .server(200, hidden(2_000))
        .over();
    let expect = ["? https://example.com/ @100 connect:20 tls:55 send:0 wait:25 receive:0"];
    assert_eq!(done.iter().map(short).collect::<Vec<_>>(), expect);
    let session = session(&done[0]);
    assert_eq!((session.group.as_deref(), session.resumed, session.round_trips), (Some("secp256r1"), true, 2));
}

#[test]
fn the_older_version_shows_its_flights() {
    let alpn = extension(16, &vec16(b"\x08http/1.1"));
    let certificate =
        record(22, &[message(11, &[0; 2_000]), message(12, &[3, 0, 0x1d, 1, 1]), message(14, &[])].concat());
    let done = Script::new(8_443)
        .open()
        .client(125, client_hello("example.com", &["http/1.1"]))
        .server(145, [server_hello([0xc0, 0x2f], &[alpn], &[], 1), certificate].concat())
        .client(150, [record(22, &message(16, &[0; 33])), record(20, &[1]), record(22, &[0; 40])].concat())
        .server(170, [record(22, &message(4, &[0; 100])), record(20, &[1]), record(22, &[0; 40])].concat())
        .client(171, hidden(200))
        .server(200, hidden(800))
        .server(201, record(21, &[0; 26]))
        .over();
    let expect = ["? https://example.com:8443/ @100 connect:20 tls:50 send:1 wait:29 receive:0"];
    assert_eq!(done.iter().map(short).collect::<Vec<_>>(), expect);
    let session = session(&done[0]);
    assert_eq!((session.version.as_str(), session.alpn.as_deref()), ("TLSv1.2", Some("http/1.1")));
    assert_eq!((session.round_trips, session.resumed, session.group.as_deref()), (2, false, Some("X25519")));
    // With HTTP/2, the server's SETTINGS come first, and both ends acknowledge the other's.
    let alpn = extension(16, &vec16(b"\x02h2"));
    let done = Script::new(443)
        .open()
        .client(125, client_hello("example.com", &["h2"]))
        .server(145, [server_hello([0xc0, 0x2f], &[alpn], &[], 1), record(22, &message(14, &[]))].concat())
        .client(150, [record(22, &message(16, &[0; 33])), record(20, &[1]), record(22, &[0; 40])].concat())
        .server(170, [record(20, &[1]), record(22, &[0; 40])].concat())
        .server(171, hidden(64))
        .client(172, hidden(88))
        .server(173, hidden(33))
        .client(174, [hidden(62), hidden(33)].concat())
        .server(200, hidden(800))
        .over();
    assert_eq!(short(&done[0]), "? https://example.com/ @100 connect:20 tls:50 send:4 wait:26 receive:0");
    assert_eq!(done.len(), 1);
    // Resumed: the server's Finished comes first.
    let done = Script::new(443)
        .open()
        .client(125, client_hello("example.com", &[]))
        .server(145, [server_hello([0xc0, 0x2f], &[], &[9, 9], 1), record(20, &[1]), record(22, &[0; 40])].concat())
        .client(150, [record(20, &[1]), record(22, &[0; 40]), hidden(200)].concat())
        .server(200, hidden(800))
        .over();
    assert_eq!(short(&done[0]), "? https://example.com/ @100 connect:20 tls:30 send:0 wait:50 receive:0");
    assert_eq!((super::tls::session(&done[0]).round_trips, super::tls::session(&done[0]).resumed), (1, true));
}

#[test]
fn handshakes_that_fail() {
    let hello = || Script::new(443).open().client(125, client_hello("example.com", &[]));
    let check = |script: Script, code: &str, millis: u64| {
        script.check(&[&format!("? https://example.com/ @100 connect:20 tls:{millis} {code}")]);
    };
    check(hello().server(145, record(21, &[2, 40])).closes(146, Direction::Received), "tls.alert", 25);
    check(hello().server(145, record(21, &[2, 70])).closes(146, Direction::Received), "tls.incompatible", 25);
    check(hello().closes(146, Direction::Received), "tls.closed", 26);
    check(hello().resets(146, Direction::Received), "tls.reset", 26);
    check(hello(), "tls.timeout", 1_005);
    // The client does not like the certificate, and says so in a record of an alert's length.
    let refused = hello()
        .server(145, [modern([0x13, 1]), hidden(1_000)].concat())
        .client(150, hidden(19))
        .closes(151, Direction::Sent)
        .closes(152, Direction::Received);
    check(refused, "tls.alert", 30);
    // The server wants a certificate, and says so when the client believes that all is well.
    let late = shaken(&[]).client(152, hidden(200)).server(170, hidden(19)).closes(171, Direction::Received);
    check(late, "tls.alert", 50);
    // In clear text the client says what is wrong.
    let expired = hello()
        .server(145, [server_hello([0xc0, 0x2f], &[], &[], 1), record(22, &message(14, &[]))].concat())
        .client(150, record(21, &[2, 45]))
        .closes(151, Direction::Sent);
    check(expired, "tls.certificate_expired", 30);
}

#[test]
fn a_client_certificate_in_one_record_with_finished() {
    Script::new(443)
        .open()
        .client(125, client_hello("example.com", &[]))
        .server(145, [modern([0x13, 1]), hidden(100)].concat())
        .client(150, hidden(900))
        .server(170, hidden(255))
        .client(171, hidden(200))
        .server(200, hidden(900))
        .check(&["? https://example.com/ @100 connect:20 tls:30 send:21 wait:29 receive:0"]);
}

#[test]
fn early_data_is_the_request() {
    let chosen = server_hello([0x13, 1], &[extension(43, &[3, 4]), extension(41, &[0, 0])], &[9, 9], 1);
    Script::new(443)
        .open()
        .client(125, [client_hello("example.com", &[]), hidden(200)].concat())
        .server(145, [chosen, hidden(100)].concat())
        .client(146, [hidden(21), hidden(53)].concat())
        .server(190, hidden(900))
        .check(&["? https://example.com/ @100 connect:20 tls:26 send:0 wait:44 receive:0"]);
}

#[test]
fn another_protocol_inside_is_not_called_https() {
    Script::new(853)
        .open()
        .client(125, client_hello("example.com", &["dot"]))
        .resets(130, Direction::Received)
        .check(&["? tls://example.com:853/ @100 connect:20 tls:10 tls.reset"]);
}

#[test]
fn of_packets_that_were_cut_the_phases_stay() {
    use Direction::{Received, Sent};
    let hello = client_hello("example.com", &["h2", "http/1.1"]);
    let answer = [modern([0x13, 2]), record(20, &[1]), hidden(3_000)].concat();
    let done = [record(20, &[1]), hidden(4 + 48 + 17)].concat();
    let exchange = [(152, Sent, hidden(200)), (190, Received, hidden(1_000)), (195, Received, hidden(5_000))];
    let more = [(300, Sent, hidden(200)), (340, Received, hidden(900))];
    let alert = [(5_000, Received, hidden(19))];
    let modern =
        [&[(125, Sent, hello.clone()), (145, Received, answer), (150, Sent, done)][..], &exchange, &more, &alert]
            .concat();
    let key = [record(22, &message(16, &[4; 33])), record(20, &[1]), record(22, &[0; 40])].concat();
    let older = server_hello([0xc0, 0x2f], &[], &[9, 9], 1);
    let answer = [older, record(22, &message(11, &[5; 2_000]))].concat();
    let last = [record(22, &message(4, &[6; 200])), record(20, &[1]), record(22, &[0; 40])].concat();
    let older =
        [&[(125, Sent, hello), (145, Received, answer), (147, Sent, key), (150, Received, last)][..], &exchange, &more]
            .concat();
    for (packets, kept, url, version) in [
        (&modern, 30, "tls://10.0.0.2:443/", None),
        (&modern, 70, "tls://10.0.0.2:443/", Some("TLSv1.3")),
        (&modern, 200, "https://example.com/", Some("TLSv1.3")),
        (&older, 30, "tls://10.0.0.2:443/", None),
        (&older, 70, "tls://10.0.0.2:443/", Some("TLSv1.2")),
        (&older, 200, "https://example.com/", Some("TLSv1.2")),
    ] {
        let script = packets.iter().fold(Script::new(443).open(), |script, (millis, direction, payload)| {
            script.cut(*millis, *direction, payload, kept)
        });
        let done = script.over();
        let expect = [
            format!("? {url} @100 connect:20 tls:30 send:2 wait:38 receive:5"),
            format!("? {url} @300 send:0 wait:40 receive:0 reused"),
        ];
        assert_eq!(done.iter().map(short).collect::<Vec<_>>(), expect, "{kept}");
        let tls = trace(&done[0]).tls.unwrap();
        assert_eq!(tls.client_hello.zip(tls.server_hello), Some((Nanos::from_millis(25), Nanos::from_millis(45))));
        let session = tls.session;
        assert_eq!(session.map(|session| session.version).as_deref(), version, "{kept}");
    }
}
