//! Known delays appear in the phase they belong to, whatever else the machine does.

mod support;

use std::sync::RwLock;
use std::thread;
use std::time::Duration;

use support::http::{Server, response};
use support::tls::{Authority, Terms, TlsPeer, Validity};
use wirefall::event::{Evidence, Phase};
use wirefall::time::Nanos;
use wirefall::trace::Trace;

/// What is injected.
const DELAY: Duration = Duration::from_millis(300);
/// Timers of server and client may be rounded against each other.
const ROUNDING: Nanos = Nanos::from_millis(1);
/// Whoever keeps the processors busy holds this alone.
static MACHINE: RwLock<()> = RwLock::new(());

fn delay() -> Nanos {
    Nanos::from_millis(u64::try_from(DELAY.as_millis()).expect("a short delay"))
}

fn length(trace: &Trace, phase: Phase) -> Nanos {
    trace.span(phase).unwrap_or_else(|| panic!("no {phase} in {trace:?}")).duration
}

/// The delay is in `slow`, which is the longest phase. How long anything takes beyond that is the machine's affair.
fn check(trace: &Trace, slow: Phase) {
    assert!(trace.failure().is_none(), "{trace:?}");
    assert!(length(trace, slow) + ROUNDING >= delay(), "{slow} lacks its delay: {trace:?}");
    for span in trace.timeline.spans() {
        let is_shorter = span.phase == slow || span.duration < length(trace, slow);
        assert!(is_shorter, "{} is as long as {slow}: {trace:?}", span.phase);
        check_evidence(trace, span.phase, span.evidence);
    }
    assert!(
        trace.client.lag > Nanos::ZERO || !has_kernel_stamps(),
        "arrivals are noticed later than stamped: {trace:?}"
    );
}

const fn has_kernel_stamps() -> bool {
    cfg!(all(target_os = "linux", not(wirefall_portable)))
}

fn check_evidence(trace: &Trace, phase: Phase, evidence: Evidence) {
    let expect = if has_kernel_stamps() { Evidence::Kernel } else { Evidence::User };
    assert_eq!(evidence, expect, "the evidence of {phase}: {trace:?}");
}

fn trace(words: &[&str]) -> Trace {
    let _quiet = MACHINE.read().unwrap_or_else(std::sync::PoisonError::into_inner);
    support::trace(words)
}

/// Answers one request in clear text as the script says.
fn plain(script: impl Fn(&mut support::http::Peer) + Send + Sync + 'static) -> Trace {
    let server = Server::start(move |mut peer, _| {
        if peer.request().is_some() {
            script(&mut peer);
        }
        peer.finish();
    });
    trace(&[&server.url("/")])
}

/// Plays one TLS connection as the script says.
fn secured(words: &[&str], script: impl Fn(TlsPeer) + Send + Sync + 'static) -> Trace {
    let authority = Authority::new("an authority");
    let identity = authority.issue("server.test", Validity::Now);
    let config = Terms::of(&identity).config();
    let server = Server::start(move |peer, _| script(TlsPeer::new(peer, &config)));
    let (file, resolve, url) = (authority.file(), server.resolve(), server.https("/"));
    let words = [words, &["--cacert", &file, "--resolve", &resolve, &url]].concat();
    trace(&words)
}

#[test]
fn before_the_first_byte_it_is_wait() {
    let trace = plain(|peer| {
        thread::sleep(DELAY);
        peer.send(response("200 OK", "", "hello"));
    });
    check(&trace, Phase::Wait);
    let split = trace.wait.as_ref();
    assert!(!has_kernel_stamps() || split.is_some_and(|split| split.server > split.network), "{trace:?}");
}

#[test]
fn in_the_head_and_in_the_body_it_is_receive() {
    let whole = response("200 OK", "X-Long: 1\r\n", "hello world");
    // In the status line behind the status, between two fields, between head and body, in the body.
    for cut in [14, 19, whole.len() - 11, whole.len() - 5] {
        let (front, back) = (whole[..cut].to_vec(), whole[cut..].to_vec());
        let trace = plain(move |peer| {
            peer.send(&front);
            thread::sleep(DELAY);
            peer.send(&back);
        });
        check(&trace, Phase::Receive);
        let response = trace.response.as_ref().unwrap();
        let wait_ended = trace.span(Phase::Wait).unwrap().end();
        let (head, body) = (response.head_complete.unwrap(), response.first_body_byte.unwrap());
        assert!(wait_ended <= head && head <= body && body <= trace.total(), "{trace:?}");
        let head_is_late = cut < whole.len() - 11;
        assert_eq!(head.saturating_sub(wait_ended) + ROUNDING >= delay(), head_is_late, "cut at {cut}: {trace:?}");
        let body_is_late = cut <= whole.len() - 11;
        assert_eq!(body.saturating_sub(wait_ended) + ROUNDING >= delay(), body_is_late, "cut at {cut}: {trace:?}");
    }
}

#[test]
fn a_peer_that_reads_slowly_makes_send_long() {
    let server = Server::start(|mut peer, _| {
        thread::sleep(DELAY);
        let request = peer.request().expect("a request");
        peer.send(response("200 OK", "", request.body.len().to_string()));
        peer.finish();
    });
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), vec![b'x'; 8 * 1_024 * 1_024]).unwrap();
    let body = format!("@{}", file.path().display());
    let trace = trace(&["--data-binary", &body, &server.url("/")]);
    check(&trace, Phase::Send);
    assert_eq!(trace.request.as_ref().unwrap().body_bytes, 8 * 1_024 * 1_024);
}

#[test]
fn an_early_hint_is_a_mark_inside_the_wait() {
    let trace = plain(|peer| {
        peer.send("HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n");
        thread::sleep(DELAY);
        peer.send(response("200 OK", "", "hello"));
    });
    check(&trace, Phase::Wait);
    let [hint] = trace.response.as_ref().unwrap().informational[..] else { panic!("{trace:?}") };
    let wait = trace.span(Phase::Wait).unwrap();
    assert_eq!(hint.status, 103);
    let (before, after) = (hint.at.saturating_sub(wait.start), wait.end().saturating_sub(hint.at));
    assert!(hint.at >= wait.start && before < after && after + ROUNDING >= delay(), "{trace:?}");
}

#[test]
fn in_the_handshake_it_is_tls() {
    let served = |mut tls: TlsPeer| {
        if tls.request().is_some() {
            tls.send(response("200 OK", "", "hello"));
            tls.finish();
        }
    };
    // Before the ServerHello.
    let trace = secured(&[], move |mut tls| {
        tls.hear();
        thread::sleep(DELAY);
        tls.flush();
        served(tls);
    });
    check(&trace, Phase::Tls);
    let tls = trace.tls.as_ref().unwrap();
    assert!(tls.server_hello.unwrap().saturating_sub(tls.client_hello.unwrap()) + ROUNDING >= delay(), "{trace:?}");

    // In the middle of the server's flight: the first byte is early, the rest late.
    let trace = secured(&[], move |mut tls| {
        tls.hear();
        let flight = tls.outgoing();
        tls.peer.send(&flight[..100]);
        thread::sleep(DELAY);
        tls.peer.send(&flight[100..]);
        served(tls);
    });
    check(&trace, Phase::Tls);
    let tls = trace.tls.as_ref().unwrap();
    let (hello, verified) = (tls.server_hello.unwrap(), tls.verified.unwrap());
    assert!(hello.saturating_sub(tls.client_hello.unwrap()) < verified.saturating_sub(hello), "{trace:?}");
    assert!(verified.saturating_sub(hello) + ROUNDING >= delay(), "{trace:?}");
    assert!(verified <= tls.finished.unwrap(), "{trace:?}");
}

#[test]
fn the_last_flight_of_tls_1_2_is_the_servers() {
    let trace = secured(&["--tls-max", "1.2"], |mut tls| {
        tls.hear();
        tls.flush();
        while tls.session.is_handshaking() && tls.hear() {}
        thread::sleep(DELAY);
        tls.flush();
        if tls.request().is_some() {
            tls.send(response("200 OK", "", "hello"));
            tls.finish();
        }
    });
    check(&trace, Phase::Tls);
    let tls = trace.tls.as_ref().unwrap();
    let end = trace.span(Phase::Tls).unwrap().end();
    assert!(end.saturating_sub(tls.finished.unwrap()) + ROUNDING >= delay(), "{trace:?}");
    assert_eq!(tls.session.as_ref().unwrap().round_trips, 2);
}

#[test]
fn a_record_counts_from_its_first_byte_on_the_wire() {
    let trace = secured(&[], |mut tls| {
        if tls.shake_hands() && tls.request().is_some() {
            let record = tls.seal(response("200 OK", "", "hello"));
            tls.peer.send(&record[..5]);
            thread::sleep(DELAY);
            tls.peer.send(&record[5..]);
            tls.finish();
        }
    });
    check(&trace, Phase::Receive);
    let head = trace.response.as_ref().unwrap().head_complete.unwrap();
    assert!(head.saturating_sub(trace.span(Phase::Wait).unwrap().end()) + ROUNDING >= delay(), "{trace:?}");
}

/// Company for the tests that are about a busy machine.
#[cfg(all(target_os = "linux", not(wirefall_portable)))]
mod busy {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;

    /// Threads that do nothing, as fast as they can, until this is dropped.
    pub(super) struct BusyLoops {
        stop: Arc<AtomicBool>,
        threads: Vec<thread::JoinHandle<()>>,
    }

    impl BusyLoops {
        pub(super) fn start(count: usize) -> Self {
            let stop = Arc::new(AtomicBool::new(false));
            let spin = || {
                let stop = Arc::clone(&stop);
                thread::spawn(move || {
                    while !stop.load(Ordering::Relaxed) {
                        std::hint::spin_loop();
                    }
                })
            };
            Self { threads: (0..count).map(|_| spin()).collect(), stop }
        }
    }

    impl Drop for BusyLoops {
        fn drop(&mut self) {
            self.stop.store(true, Ordering::Relaxed);
            self.threads.drain(..).for_each(|thread| thread.join().expect("a loop"));
        }
    }
}

/// The server's own account of how long it took: from the kernel's stamp of the request to the moment before its answer, so
/// that neither its own waking nor the client's counts.
#[cfg(all(target_os = "linux", not(wirefall_portable)))]
mod server_clock {
    use std::io::IoSliceMut;
    use std::net::{TcpStream, UdpSocket};
    use std::os::fd::AsRawFd;
    use std::time::Duration;

    use nix::sys::socket::{ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, setsockopt, sockopt};
    use nix::sys::time::TimeSpec;
    use nix::time::{ClockId, clock_gettime};

    /// The kernel stamps nothing until a moment after the first socket wants it: one that does, and that has got a stamp.
    pub(super) fn stamping() -> UdpSocket {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
        setsockopt(&socket, sockopt::ReceiveTimestampns, &true).expect("stamps");
        let to = socket.local_addr().expect("an address");
        let is_on = (0..1_000).any(|_| {
            std::thread::sleep(Duration::from_millis(1));
            socket.send_to(b"now?", to).expect("a datagram");
            // A datagram without a stamp gets one when it is read: only one before that is the kernel's own.
            let before_reading = now();
            std::thread::sleep(Duration::from_millis(1));
            read(&socket).is_some_and(|(_, stamp)| stamp <= before_reading)
        });
        assert!(is_on, "the kernel stamps arrivals");
        socket
    }

    pub(super) fn want_stamps(tcp: &TcpStream) {
        setsockopt(tcp, sockopt::ReceiveTimestampns, &true).expect("stamps");
    }

    /// Reads something, and says when it had arrived.
    pub(super) fn read(socket: &impl AsRawFd) -> Option<(Vec<u8>, Duration)> {
        let mut bytes = vec![0; 65_536];
        let mut control = nix::cmsg_space!(TimeSpec);
        let mut parts = [IoSliceMut::new(&mut bytes)];
        let message =
            recvmsg::<SockaddrStorage>(socket.as_raw_fd(), &mut parts, Some(&mut control), MsgFlags::empty()).ok()?;
        let length = message.bytes;
        let stamp = message.cmsgs().ok()?.find_map(|control| match control {
            ControlMessageOwned::ScmTimestampns(stamp) => Some(Duration::from(stamp)),
            _ => None,
        })?;
        bytes.truncate(length);
        Some((bytes, stamp))
    }

    pub(super) fn now() -> Duration {
        Duration::from(clock_gettime(ClockId::CLOCK_REALTIME).expect("a clock"))
    }
}

#[test]
#[cfg(all(target_os = "linux", not(wirefall_portable)))]
fn a_busy_machine_does_not_inflate_the_wait() {
    const REQUESTS: usize = 30;
    const SERVER_TAKES: Duration = Duration::from_millis(5);
    /// In ns. Beyond this, the wait may exceed the server's account by no more than a sleeper on this machine is woken late:
    /// the server says how late it was, and the client's user clock would be, too.
    const FEW: i128 = 3_000_000;
    let _alone = MACHINE.write().unwrap_or_else(std::sync::PoisonError::into_inner);
    let _stamping = server_clock::stamping();
    let (took, server_took) = std::sync::mpsc::channel();
    let server = Server::start(move |mut peer, _| {
        server_clock::want_stamps(&peer.tcp);
        let Some((request, arrived)) = server_clock::read(&peer.tcp) else { return };
        assert!(request.ends_with(b"\r\n\r\n"), "the request comes in one piece");
        thread::sleep(SERVER_TAKES);
        let answer = response("200 OK", "", "hello");
        took.send(server_clock::now().saturating_sub(arrived)).expect("a test that listens");
        peer.send(answer);
        peer.finish();
    });
    let busy = busy::BusyLoops::start(2 * thread::available_parallelism().map_or(2, usize::from));
    let mut lateness = Vec::new();
    let mut excess: Vec<i128> = (0..REQUESTS)
        .map(|_| {
            let trace = support::trace(&[&server.url("/")]);
            let took = server_took.recv_timeout(Duration::from_secs(10)).expect("the server's account");
            assert!(took >= SERVER_TAKES);
            lateness.push(i128::try_from(took.saturating_sub(SERVER_TAKES).as_nanos()).unwrap());
            assert!(trace.client.lag > Nanos::ZERO, "{trace:?}");
            check_evidence(&trace, Phase::Wait, trace.span(Phase::Wait).unwrap().evidence);
            i128::from(length(&trace, Phase::Wait).get()) - i128::try_from(took.as_nanos()).unwrap()
        })
        .collect();
    drop(busy);
    excess.sort_unstable();
    lateness.sort_unstable();
    let (median, late) = (excess[REQUESTS / 2], lateness[REQUESTS / 2]);
    let most = late.max(FEW);
    assert!(
        (-1_000_000..most).contains(&median),
        "wait beyond what the server took, in ns: {excess:?}; woken {late} late"
    );
}
