//! The delay link with real packets: what it promises, held against its own log and against sockets at both ends.
//!
//! Needs the right to make network namespaces, so these tests are ignored unless asked for, and then they fail where the
//! right is missing: as root `cargo test --test link -- --include-ignored`, as anybody else the same behind `unshare -Ur`.

#![expect(clippy::unwrap_used, reason = "helpers of tests may unwrap as tests do")]
#![expect(clippy::disallowed_methods, reason = "tests measure from outside")]

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use wirefall::lab::link::{
    CLIENT, Cause, Conditions, End, Exception, Hardware, Landmark, Link, Namespace, Outcome, Passage, Plug, Prefix,
    Route, Treatment, connect,
};
use wirefall::time::Nanos;

const NEAR: Hardware = [2, 0, 0, 0, 0, 1];
const FAR: Hardware = [2, 0, 0, 0, 0, 2];
const V4: &str = "198.18.1.1";
const V6: &str = "fd77:6972:65fa:1::1";
/// What a loaded machine may add to what a process sees, as an assertion that is to hold anywhere: less than a lost SYN
/// costs, and many times the delays. How exact the link itself is stands in its log.
const SLACK: Duration = Duration::from_millis(500);
/// The same for the link, which goes first where it may.
const LATE: Duration = Duration::from_millis(50);

fn hosts() -> Vec<Prefix> {
    [V4, V6].map(|address| Prefix::host(address.parse().unwrap())).to_vec()
}

fn delay(ms: u64) -> Conditions {
    Conditions { delay: Nanos::from_millis(ms), ..Conditions::default() }
}

/// A link of 10 ms there and 20 ms back.
fn link(there: Vec<Exception>, back: Vec<Exception>) -> Link {
    let (there, back) = (Conditions { exceptions: there, ..delay(10) }, Conditions { exceptions: back, ..delay(20) });
    Link::lay(&[Route { far: hosts(), there, back }], 1).unwrap()
}

fn lose(landmark: Landmark) -> Vec<Exception> {
    vec![Exception { landmark, nth: 1, treatment: Treatment::Lose }]
}

/// Connects, sends a request, and reads until the peer closes; how long connecting and the exchange took.
fn exchange(link: &Link, address: &str) -> (Duration, Duration) {
    let address: IpAddr = address.parse().unwrap();
    let listener = link.server().run(|| TcpListener::bind((address, 0))).unwrap().unwrap();
    let to = listener.local_addr().unwrap();
    let server = std::thread::spawn(move || {
        let (mut stream, from) = listener.accept().unwrap();
        let mut request = [0; 7];
        stream.read_exact(&mut request).unwrap();
        stream.write_all(b"response").unwrap();
        from
    });
    let start = Instant::now();
    let mut stream = link.client().run(|| TcpStream::connect(to)).unwrap().unwrap();
    let connected = start.elapsed();
    let start = Instant::now();
    stream.write_all(b"request").unwrap();
    let mut response = Vec::new();
    stream.read_to_end(&mut response).unwrap();
    let exchanged = start.elapsed();
    assert_eq!(response, b"response");
    let from = server.join().unwrap().ip();
    assert!(from == IpAddr::from(CLIENT.0) || from == IpAddr::from(CLIENT.1), "{from}");
    (connected, exchanged)
}

#[track_caller]
fn assert_about(took: Duration, least_ms: u64) {
    let least = Duration::from_millis(least_ms);
    assert!((least..least + SLACK).contains(&took), "{took:?}, expected {least:?}");
}

fn lost(passages: &[Passage]) -> Vec<(End, Landmark, Cause)> {
    let lost = |passage: &Passage| match passage.outcome {
        Outcome::Lost(cause) => Some((passage.from, passage.landmark, cause)),
        Outcome::Passed { .. } => None,
    };
    passages.iter().filter_map(lost).collect()
}

#[test]
#[ignore = "needs network namespaces"]
fn two_namespaces_talk_over_a_cable_and_to_nobody_else() {
    let [near, far] = [(); 2].map(|()| Namespace::new().unwrap());
    let near_end = Plug { namespace: &near, name: "near", hardware: Some(NEAR) };
    connect(near_end, Plug { namespace: &far, name: "far", hardware: Some(FAR) }).unwrap();
    for (address, peer) in [("10.0.0.1/24", "10.0.0.2/24"), ("fd00::1/64", "fd00::2/64")] {
        let (address, peer): (Prefix, Prefix) = (address.parse().unwrap(), peer.parse().unwrap());
        near.address("near", address).unwrap();
        far.address("far", peer).unwrap();
        near.neighbour("near", peer.address(), FAR).unwrap();
        let listener = far.run(|| TcpListener::bind((peer.address(), 0))).unwrap().unwrap();
        let to = listener.local_addr().unwrap();
        let mut stream = near.run(|| TcpStream::connect(to)).unwrap().unwrap();
        // From here on on a thread outside: a socket stays where it was made.
        stream.write_all(b"over the cable").unwrap();
        drop(stream);
        let mut heard = String::new();
        listener.accept().unwrap().0.read_to_string(&mut heard).unwrap();
        assert_eq!(heard, "over the cable");
        assert!(far.run(|| TcpListener::bind((address.address(), 0))).unwrap().is_err());
    }
    assert!(near.run(|| TcpStream::connect(("192.0.2.1", 80))).unwrap().is_err());
}

/// The kernel activates an interface some time after its cable is whole, and delivers to an IPv6 address some time after it is
/// there; it drops what is sent until then.
#[test]
#[ignore = "needs network namespaces"]
fn the_first_packet_over_a_fresh_cable_arrives() {
    for round in 0..100 {
        let [near, far] = [(); 2].map(|()| Namespace::new().unwrap());
        // The end that is switched on first is the one that the kernel activates later.
        let far_end = Plug { namespace: &far, name: "far", hardware: Some(FAR) };
        connect(Plug { namespace: &near, name: "near", hardware: Some(NEAR) }, far_end).unwrap();
        for (own, peer, length) in [("10.0.0.1", "10.0.0.2", 24), ("fd00::1", "fd00::2", 64)] {
            let [own, peer]: [IpAddr; 2] = [own, peer].map(|address| address.parse().unwrap());
            near.address("near", Prefix::new(own, length)).unwrap();
            near.neighbour("near", peer, FAR).unwrap();
            let sender = near.run(|| UdpSocket::bind((own, 0))).unwrap().unwrap();
            far.address("far", Prefix::new(peer, length)).unwrap();
            let receiver = far.run(|| UdpSocket::bind((peer, 0))).unwrap().unwrap();
            receiver.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
            sender.send_to(b"first", receiver.local_addr().unwrap()).unwrap();
            assert_eq!(receiver.recv(&mut [0; 16]).ok(), Some(5), "round {round}, to {peer}");
        }
    }
}

#[test]
#[ignore = "needs network namespaces"]
fn what_the_kernel_refuses_is_named() {
    let lonely = Namespace::new().unwrap();
    let error = lonely.address("eth7", "10.0.0.1/24".parse().unwrap()).unwrap_err();
    assert_eq!(error.to_string(), "cannot give eth7 the address 10.0.0.1/24");
    let error = lonely.route("10.0.0.0/8".parse().unwrap(), "10.0.0.1".parse().unwrap()).unwrap_err();
    assert_eq!(error.to_string(), "cannot route 10.0.0.0/8 via 10.0.0.1");
}

#[test]
#[ignore = "needs network namespaces"]
fn a_round_trip_takes_both_delays_in_either_family() {
    for address in [V4, V6] {
        let link = link(Vec::new(), Vec::new());
        let (connected, exchanged) = exchange(&link, address);
        assert_about(connected, 30);
        assert_about(exchanged, 30);
        let passages = link.passages();
        assert_eq!(lost(&passages), []);
        assert_eq!((passages[0].from, passages[0].landmark), (End::Near, Landmark::Syn));
        for passage in &passages {
            let delay = Duration::from_millis(if passage.from == End::Near { 10 } else { 20 });
            let held = Duration::from(passage.held().unwrap());
            assert!((delay..delay + LATE).contains(&held), "{passage:?} was held for {held:?}");
        }
    }
}

#[test]
#[ignore = "needs network namespaces"]
fn a_lost_packet_comes_again_after_the_kernels_timer() {
    for address in [V4, V6] {
        // A second for either: the initial timer (RFC 6298 §2.1). What was lost arrives once more.
        for (there, back, cause) in [
            (lose(Landmark::Syn), Vec::new(), (End::Near, Landmark::Syn)),
            (Vec::new(), lose(Landmark::SynAck), (End::Far, Landmark::SynAck)),
        ] {
            let link = link(there, back);
            let (connected, exchanged) = exchange(&link, address);
            assert_eq!(lost(&link.passages()), [(cause.0, cause.1, Cause::Exception)]);
            assert_about(connected, 1_030);
            assert_about(exchanged, 30);
        }
        let link = link(lose(Landmark::Payload), Vec::new());
        let (connected, exchanged) = exchange(&link, address);
        assert_about(connected, 30);
        // A tail loss probe or the timer, whichever the kernel has: more than a round trip, less than a second.
        assert!((Duration::from_millis(60)..Duration::from_secs(1)).contains(&exchanged), "{exchanged:?}");
        assert_eq!(lost(&link.passages()), [(End::Near, Landmark::Payload, Cause::Exception)]);
    }
}

#[test]
#[ignore = "needs network namespaces"]
fn datagrams_cross_unchanged_and_without_a_question_for_addresses() {
    let link = link(Vec::new(), Vec::new());
    let socket = |address: IpAddr| UdpSocket::bind((address, 0)).unwrap();
    for (client, server) in [(IpAddr::from(CLIENT.0), V4), (IpAddr::from(CLIENT.1), V6)] {
        let far = link.server().run(|| socket(server.parse().unwrap())).unwrap();
        let near = link.client().run(|| socket(client)).unwrap();
        for length in [0, 1, 1_200, 5_000] {
            let sent: Vec<u8> = (0..length).map(|at| u8::try_from(at % 251).unwrap()).collect();
            let start = Instant::now();
            near.send_to(&sent, far.local_addr().unwrap()).unwrap();
            let mut heard = vec![0; 9_000];
            let (length, from): (usize, SocketAddr) = far.recv_from(&mut heard).unwrap();
            assert_about(start.elapsed(), 10);
            assert_eq!((&heard[..length], from), (sent.as_slice(), near.local_addr().unwrap()));
        }
    }
}

#[test]
#[ignore = "needs network namespaces"]
fn one_link_carries_several_distances() {
    let addresses = ["198.18.1.1", "198.18.2.1"].map(|address| address.parse::<IpAddr>().unwrap());
    let routes = [(0, 5), (1, 60)]
        .map(|(index, ms)| Route::of_round_trip(vec![Prefix::host(addresses[index])], Nanos::from_millis(ms)));
    let link = Link::lay(&routes, 0).unwrap();
    for (address, ms) in addresses.into_iter().zip([5, 60]) {
        let (connected, exchanged) = exchange(&link, &address.to_string());
        assert_about(connected, ms);
        assert_about(exchanged, ms);
    }
    let routes: Vec<_> = link.passages().iter().map(|passage| passage.route).collect();
    assert!(routes.contains(&0) && routes.contains(&1));
}
