//! How exactly the delay link keeps its times: the injected round trip against the measured one.
//!
//! `cargo bench --bench link [-- SECONDS]`, as root or behind `unshare -Ur`, prints a table. Echo requests (ICMP) cross a
//! link of 20 ms at several rates, so the kernel answers at the far end and no program of ours is in the way; the time of
//! sending is read before the packet is handed over and travels in it, the time of arrival is the kernel's stamp. The error
//! is what the round trip took beyond 20 ms: both directions of the link, the kernel's answer, and the sending itself.
//! Lateness is the link's own record: how much after its due time each packet went on. Beside it, TCP connects.
//!
//! "Busy" means that as many threads as there are processors count for nothing all the time.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a bench prints what it measured")]
#![expect(
    clippy::disallowed_methods,
    reason = "a bench has clocks of its own; the kernel stamps arrivals on the wall clock"
)]

use std::io::IoSliceMut;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use nix::errno::Errno;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg, setsockopt, sockopt};
use nix::sys::time::TimeSpec;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use wirefall::lab::link::{Link, Passage, Prefix, Route, acquire};
use wirefall::time::Nanos;

const FAR: Ipv4Addr = Ipv4Addr::new(198, 18, 1, 1);
const ROUND_TRIP: Nanos = Nanos::from_millis(20);
const RATES: [u32; 3] = [1_000, 10_000, 20_000];
const SECONDS: u64 = 5;
const CONNECTS: usize = 200;
/// Where the sending time stands in an echo request, behind the ICMP header.
const HEADER: usize = 8;
/// Where an ICMP message begins in what a raw socket receives.
const IP_HEADER: usize = 20;
const ECHO_REPLY: u8 = 0;

type Problem = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    // Before anything has a thread.
    let result = acquire().map_err(Problem::from).and_then(|_| run());
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("link: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Problem> {
    let seconds = std::env::args().skip(1).find_map(|word| word.parse().ok()).unwrap_or(SECONDS);
    println!("Round trip of {ROUND_TRIP}: error in µs (negative is early)\n");
    println!(
        "                 packets/s     sent    lost  median     p99   p99.9     max | link late: median     p99   p99.9"
    );
    for load in [Load::Idle, Load::Busy] {
        for rate in RATES {
            println!("{}", load.during(|| echoes(load, rate, seconds))??);
        }
    }
    println!("\nTCP connects, one after the other: error in µs\n");
    for load in [Load::Idle, Load::Busy] {
        println!("{}", load.during(|| connects(load))??);
    }
    Ok(())
}

#[derive(Clone, Copy, Debug)]
enum Load {
    Idle,
    Busy,
}

impl Load {
    fn during<T: Send>(self, work: impl FnOnce() -> T + Send) -> Result<T, Problem> {
        let done = AtomicBool::new(false);
        let spinners = match self {
            Self::Idle => 0,
            Self::Busy => std::thread::available_parallelism()?.get(),
        };
        Ok(std::thread::scope(|scope| {
            for _ in 0..spinners {
                scope.spawn(|| {
                    while !done.load(Ordering::Relaxed) {
                        std::hint::spin_loop();
                    }
                });
            }
            let result = work();
            done.store(true, Ordering::Relaxed);
            result
        }))
    }
}

fn link() -> Result<Link, Problem> {
    Ok(Link::lay(&[Route::of_round_trip(vec![Prefix::host(FAR.into())], ROUND_TRIP)], 0)?)
}

fn echoes(load: Load, rate: u32, seconds: u64) -> Result<String, String> {
    let link = link().map_err(|problem| problem.to_string())?;
    let measure = || -> std::io::Result<(u64, Vec<i64>)> {
        let socket = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::ICMPV4))?;
        setsockopt(&socket, sockopt::ReceiveTimestampns, &true)?;
        socket.set_recv_buffer_size(8 << 20)?;
        socket.set_read_timeout(Some(Duration::from_millis(500)))?;
        let sender = socket.try_clone()?;
        std::thread::scope(|scope| {
            let sending = scope.spawn(move || send(&sender, rate, seconds));
            let errors = receive(&socket, seconds)?;
            let sent = sending.join().map_err(|_| std::io::Error::other("the sender panicked"))??;
            Ok((sent, errors))
        })
    };
    let measured = link.client().run(measure).map_err(|error| error.to_string())?;
    let (sent, mut errors) = measured.map_err(|error| error.to_string())?;
    errors.sort_unstable();
    let mut late: Vec<i64> = link.passages().iter().filter_map(Passage::lateness).map(signed).collect();
    late.sort_unstable();
    let [median, p99, p999, most] = [0.5, 0.99, 0.999, 1.0].map(|share| micros(&errors, share));
    let [late_median, late_p99, late_p999] = [0.5, 0.99, 0.999].map(|share| micros(&late, share));
    Ok(format!(
        "  {:<6} {rate:>17} {sent:>8} {:>7} {median} {p99} {p999} {most} |            {late_median} {late_p99} {late_p999}",
        format!("{load:?}"),
        sent - errors.len() as u64
    ))
}

/// Sends echo requests at a rate; late ones are made up for.
fn send(socket: &Socket, rate: u32, seconds: u64) -> std::io::Result<u64> {
    let far = SockAddr::from(SocketAddr::from((FAR, 0)));
    let total = u64::from(rate) * seconds;
    let start = Instant::now();
    for number in 0..total {
        let due = Duration::from_nanos(number * 1_000_000_000 / u64::from(rate));
        if let Some(wait) = due.checked_sub(start.elapsed()) {
            std::thread::sleep(wait);
        }
        let mut message = [8, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        message[HEADER..].copy_from_slice(&now().to_be_bytes());
        let checksum = checksum(&message);
        message[2..4].copy_from_slice(&checksum.to_be_bytes());
        socket.send_to(&message, &far)?;
    }
    Ok(total)
}

/// What every answered round trip took too long, in nanoseconds; until nothing comes any more.
fn receive(socket: &Socket, seconds: u64) -> std::io::Result<Vec<i64>> {
    let mut errors = Vec::new();
    let deadline = Instant::now() + Duration::from_secs(seconds + 5);
    while Instant::now() < deadline {
        let mut buffer = [0; 256];
        let mut control = nix::cmsg_space!(TimeSpec);
        let mut parts = [IoSliceMut::new(&mut buffer)];
        let message = match recvmsg::<()>(socket.as_raw_fd(), &mut parts, Some(&mut control), MsgFlags::empty()) {
            Err(Errno::EAGAIN) => break,
            message => message?,
        };
        let arrived = message.cmsgs()?.find_map(|control| match control {
            ControlMessageOwned::ScmTimestampns(stamp) => Some(Duration::from(stamp)),
            _ => None,
        });
        let bytes = message.bytes;
        let echo = buffer.get(IP_HEADER..bytes).filter(|echo| echo.first() == Some(&ECHO_REPLY));
        let sent = echo.and_then(|echo| echo.get(HEADER..)?.first_chunk()).map(|sent| u64::from_be_bytes(*sent));
        if let (Some(arrived), Some(sent)) = (arrived, sent) {
            errors.push(signed(Nanos::from(arrived)) - signed(Nanos::new(sent)) - signed(ROUND_TRIP));
        }
    }
    Ok(errors)
}

fn connects(load: Load) -> Result<String, String> {
    let link = link().map_err(|problem| problem.to_string())?;
    let measure = || -> std::io::Result<Vec<i64>> {
        let listener =
            link.server().run(|| TcpListener::bind((IpAddr::from(FAR), 0))).map_err(std::io::Error::other)??;
        let to = listener.local_addr()?;
        // The kernel accepts; nobody has to take the connections.
        let connect = |_| {
            let start = Instant::now();
            let stream = TcpStream::connect(to)?;
            let took = Nanos::from(start.elapsed());
            drop(stream);
            drop(listener.accept()?);
            Ok(signed(took) - signed(ROUND_TRIP))
        };
        (0..CONNECTS).map(connect).collect()
    };
    let measured = link.client().run(measure).map_err(|error| error.to_string())?;
    let mut errors = measured.map_err(|error| error.to_string())?;
    errors.sort_unstable();
    let [median, p99] = [0.5, 0.99].map(|share| micros(&errors, share));
    Ok(format!("  {:<6} {CONNECTS} connects   median {median}   p99 {p99}", format!("{load:?}")))
}

/// RFC 1071.
fn checksum(message: &[u8]) -> u16 {
    let sum: u32 = message.chunks_exact(2).map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]]))).sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    !u16::try_from((folded & 0xffff) + (folded >> 16)).unwrap_or(u16::MAX)
}

fn now() -> u64 {
    Nanos::from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()).get()
}

fn signed(length: Nanos) -> i64 {
    i64::try_from(length.get()).unwrap_or(i64::MAX)
}

/// Nearest rank, in microseconds; of nothing, a dash.
#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "drawn only")]
fn micros(sorted: &[i64], share: f64) -> String {
    let rank = (sorted.len() as f64 * share).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).map_or(format!("{:>7}", "-"), |nanos| format!("{:>7.1}", *nanos as f64 / 1e3))
}
