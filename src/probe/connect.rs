//! TCP: Happy Eyeballs (RFC 8305) with every attempt on record.
//!
//! The order is pure and lives in [`Order`]; the sockets are here. An attempt is started when there is none, when the one
//! before it has had its time ([`crate::target::Route::attempt_delay`]), or when the one before it failed.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use super::clock;
use super::deadline::{Deadline, Ended};
use super::dns::{Addresses, Lookup, RESOLUTION_DELAY};
use super::fault::{self, fault};
use super::kernel;
use super::recorder::Recorder;
use super::socket::{Arrival, StampedStream};
use super::tap::{Carrier, Opening, Spot, Tap, Watched};
use crate::event::{Attempt, AttemptId, AttemptResult, Evidence, Fact, Failure, FailureCode, Mark, Moment, Phase};
use crate::flow::Place;
use crate::target::{Interface, Route};
use crate::time::{ClockSync, Monotonic, Nanos, Timestamp};

/// How long to wait before a unix socket whose listener's queue was full is tried again.
const QUEUE_FULL_RETRY: Duration = Duration::from_millis(1);

/// A connection that was established.
#[derive(Debug)]
pub(crate) struct Dialed {
    pub(crate) stream: StampedStream,
    pub(crate) remote: SocketAddr,
    pub(crate) local: Option<SocketAddr>,
    /// When the SYN-ACK arrived.
    pub(crate) established: Arrival,
    /// The lookup that the address came from: a query of the other family may still be out.
    pub(crate) lookup: Option<Lookup>,
}

/// Connects to one of several addresses, without keeping records.
pub(crate) fn dial(
    addresses: &[SocketAddr],
    interface: Option<&Interface>,
    tap: Option<&Arc<dyn Tap>>,
    sync: ClockSync,
    deadline: &Deadline,
) -> Result<Dialed, Failure> {
    let port = addresses.first().map_or(0, SocketAddr::port);
    let dialer = Dialer { interface, attempt_delay: Route::default().attempt_delay, tap, sync, port };
    let known = Addresses::Known(addresses.iter().map(SocketAddr::ip).collect());
    dialer.race(known, &mut Recorder::default(), deadline)
}

/// Binds a socket as `--interface` says.
pub(crate) fn bind(socket: &Socket, interface: Option<&Interface>, to: SocketAddr) -> std::io::Result<()> {
    match interface {
        None => Ok(()),
        Some(Interface::Address(address)) if address.is_ipv4() == to.is_ipv4() => {
            socket.bind(&SocketAddr::new(*address, 0).into())
        }
        Some(Interface::Address(_)) => Err(Errno::EADDRNOTAVAIL.into()),
        Some(Interface::Device(name)) => bind_device(socket, name),
    }
}

/// The device that sockets are bound to.
pub(crate) fn device(interface: Option<&Interface>) -> Option<&str> {
    match interface? {
        Interface::Device(name) => Some(name),
        Interface::Address(_) => None,
    }
}

#[cfg(target_os = "linux")]
fn bind_device(socket: &Socket, name: &str) -> std::io::Result<()> {
    socket.bind_device(Some(name.as_bytes()))
}

#[cfg(not(target_os = "linux"))]
fn bind_device(_: &Socket, _: &str) -> std::io::Result<()> {
    Err(Errno::ENOTSUP.into())
}

/// Connects to a unix socket. There is no handshake on the wire: the user clock serves.
pub(crate) fn dial_unix(
    path: &Path,
    sync: ClockSync,
    recorder: &mut Recorder,
    deadline: &Deadline,
) -> Result<StampedStream, Failure> {
    let id = recorder.next_attempt();
    let address = path.display().to_string();
    recorder.noticed(Moment::AttemptStarted(id), clock::now());
    let connected = SockAddr::unix(path).and_then(|path| {
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        Ok((socket, path))
    });
    let connected = connected.and_then(|(socket, path)| {
        loop {
            match socket.connect(&path) {
                // The listener's queue is full. There is no descriptor that becomes ready once it is not.
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock && deadline.check().is_ok() => {
                    std::thread::sleep(QUEUE_FULL_RETRY);
                }
                connected => break connected.map(|()| socket),
            }
        }
    });
    let ended = clock::now();
    recorder.noticed(Moment::AttemptEnded(id), ended);
    match connected {
        Ok(socket) => {
            recorder.learn(Fact::Attempt(id, Attempt { address, result: AttemptResult::Won, error: None }));
            recorder.noticed(Moment::End(Phase::Connect), ended);
            Ok(StampedStream::new(socket, None, sync))
        }
        Err(error) => {
            let errno = error.raw_os_error().map_or(Errno::EINVAL, Errno::from_raw);
            let error = Some(format!("{errno:?}"));
            recorder.learn(Fact::Attempt(id, Attempt { address, result: AttemptResult::Failed, error }));
            deadline
                .check()
                .map_err(|why| fault::ended(Phase::Connect, why, &format!("connecting to {}", path.display())))?;
            let message = format!("{}: {}", path.display(), errno.desc());
            Err(fault(Phase::Connect, refusal_code(errno), message))
        }
    }
}

/// Which address is tried next: families take turns, IPv6 first (RFC 8305 §4).
#[derive(Debug, Default)]
struct Order {
    v6: VecDeque<IpAddr>,
    v4: VecDeque<IpAddr>,
    last_was_v6: bool,
}

impl Order {
    fn add(&mut self, addresses: impl IntoIterator<Item = IpAddr>) {
        for address in addresses {
            let family = if address.is_ipv6() { &mut self.v6 } else { &mut self.v4 };
            family.push_back(address);
        }
    }

    fn is_empty(&self) -> bool {
        self.v6.is_empty() && self.v4.is_empty()
    }

    fn next(&mut self) -> Option<IpAddr> {
        let (preferred, other) =
            if self.last_was_v6 { (&mut self.v4, &mut self.v6) } else { (&mut self.v6, &mut self.v4) };
        let address = preferred.pop_front().or_else(|| other.pop_front())?;
        self.last_was_v6 = address.is_ipv6();
        Some(address)
    }
}

/// A SYN that is out.
#[derive(Debug)]
struct InFlight {
    id: AttemptId,
    socket: Socket,
    watched: Option<Watched>,
    to: SocketAddr,
    /// Before and after the call that sends the SYN: the SYN left in between.
    called: (Timestamp<Monotonic>, Timestamp<Monotonic>),
}

/// Connects to one host and port.
#[derive(Debug)]
pub(crate) struct Dialer<'a> {
    pub(crate) interface: Option<&'a Interface>,
    pub(crate) attempt_delay: Nanos,
    /// Who watches the attempts.
    pub(crate) tap: Option<&'a Arc<dyn Tap>>,
    pub(crate) sync: ClockSync,
    pub(crate) port: u16,
}

/// One race under way.
struct Race<'a> {
    dialer: &'a Dialer<'a>,
    lookup: Option<Lookup>,
    order: Order,
    in_flight: Vec<InFlight>,
    refusals: Vec<(SocketAddr, Errno)>,
    next_start: Timestamp<Monotonic>,
}

impl Dialer<'_> {
    /// Races attempts to the addresses, as they become known, until one is established.
    pub(crate) fn race(
        &self,
        addresses: Addresses,
        recorder: &mut Recorder,
        deadline: &Deadline,
    ) -> Result<Dialed, Failure> {
        let mut order = Order::default();
        let lookup = match addresses {
            Addresses::Known(addresses) => {
                order.add(addresses);
                None
            }
            Addresses::Asked(lookup) => Some(lookup),
        };
        let next_start = Timestamp::default();
        let mut race = Race { dialer: self, lookup, order, in_flight: Vec::new(), refusals: Vec::new(), next_start };
        let result = race.await_addresses(recorder, deadline).and_then(|()| race.run(recorder, deadline));
        race.conclude(result.as_ref().ok().map(|dialed| dialed.remote.ip()), recorder);
        result.map(|dialed| Dialed { lookup: race.lookup, ..dialed })
    }

    fn start(&self, to: IpAddr, recorder: &mut Recorder) -> Result<InFlight, (AttemptId, SocketAddr, Errno)> {
        let to = SocketAddr::new(to, self.port);
        let id = recorder.next_attempt();
        let errno = |error: std::io::Error| error.raw_os_error().map_or(Errno::EINVAL, Errno::from_raw);
        let begun = clock::now();
        let socket = self.socket(to).map_err(|error| {
            recorder.noticed(Moment::AttemptStarted(id), begun);
            (id, to, errno(error))
        })?;
        let watched = self.watch(&socket, to);
        let spot = |place| watched.as_ref().map(|watched| Spot { flow: watched.id(), place });
        recorder.carried_by(watched.as_ref().map(Watched::id));
        recorder.landmark(Moment::AttemptStarted(id), spot(Place::Syn));
        let before = clock::now();
        recorder.noticed(Moment::AttemptStarted(id), before);
        let called = socket.connect(&to.into());
        let after = clock::now();
        match called.map_err(errno) {
            Ok(()) | Err(Errno::EINPROGRESS) => Ok(InFlight { id, socket, watched, to, called: (before, after) }),
            Err(errno) => Err((id, to, errno)),
        }
    }

    fn socket(&self, to: SocketAddr) -> std::io::Result<Socket> {
        let socket = Socket::new(Domain::for_address(to), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_nonblocking(true)?;
        // Requests and handshakes are written in several pieces; Nagle would hold the later ones back for a round trip.
        socket.set_tcp_nodelay(true)?;
        bind(&socket, self.interface, to)?;
        // Without stamps the user clock serves, and the trace says so.
        let _ = kernel::stamp_arrivals(&socket);
        Ok(socket)
    }

    /// Has the flow watched, before its SYN leaves. For that its own end is bound first, to the address that the kernel would
    /// choose; where that cannot be, the attempt goes on unwatched.
    fn watch(&self, socket: &Socket, to: SocketAddr) -> Option<Watched> {
        self.tap?;
        if let None | Some(Interface::Device(_)) = self.interface {
            let own = self.own_address(to).ok()?;
            socket.bind(&SocketAddr::new(own, 0).into()).ok()?;
        }
        let local = socket.local_addr().ok()?.as_socket()?;
        Watched::new(self.tap, &Opening { carrier: Carrier::Tcp, local, remote: to, device: device(self.interface) })
    }

    /// The address that packets to there leave from. A datagram socket that is connected sends nothing.
    fn own_address(&self, to: SocketAddr) -> std::io::Result<IpAddr> {
        let socket = Socket::new(Domain::for_address(to), Type::DGRAM, Some(Protocol::UDP))?;
        bind(&socket, self.interface, to)?;
        socket.connect(&to.into())?;
        let local = socket.local_addr()?.as_socket();
        local.map(|local| local.ip()).ok_or_else(|| Errno::EADDRNOTAVAIL.into())
    }
}

impl Race<'_> {
    /// Waits for an address worth trying: one of the first family, or one of the second that has waited long enough.
    fn await_addresses(&mut self, recorder: &mut Recorder, deadline: &Deadline) -> Result<(), Failure> {
        let mut second_since = None;
        while let Some(lookup) = &mut self.lookup {
            self.order.add(lookup.take_in(recorder));
            let mut patience = deadline.clone();
            if !self.order.is_empty() {
                let since = *second_since.get_or_insert_with(clock::now);
                let left = RESOLUTION_DELAY.saturating_sub(clock::now().since(since));
                if lookup.preferred_is_known() || left == Nanos::ZERO {
                    recorder.learn(Fact::ResolutionDelay(clock::now().since(since)));
                    return Ok(());
                }
                patience = deadline.within(left);
            } else if !lookup.is_pending() {
                // Whoever asks has the same deadline, and may be the first to notice that it has passed.
                return Err(deadline.check().map_or_else(|ended| lookup.ended(ended), |()| lookup.failure()));
            }
            if patience.wait(lookup.as_fd(), PollFlags::POLLIN).is_err()
                && let Err(ended) = deadline.check()
            {
                return Err(lookup.ended(ended));
            }
        }
        Ok(())
    }

    fn run(&mut self, recorder: &mut Recorder, deadline: &Deadline) -> Result<Dialed, Failure> {
        loop {
            if let Some(lookup) = &mut self.lookup {
                self.order.add(lookup.take_in(recorder));
            }
            self.start_what_is_due(recorder);
            let resolving = self.lookup.as_ref().is_some_and(Lookup::is_pending);
            if self.in_flight.is_empty() && self.order.is_empty() && !resolving {
                return Err(deadline.check().map_or_else(|ended| self.ended(ended), |()| self.all_failed()));
            }
            self.wait(deadline)?;
            if let Some(won) = self.collect(recorder) {
                return Ok(self.establish(won, recorder));
            }
        }
    }

    fn start_what_is_due(&mut self, recorder: &mut Recorder) {
        while self.in_flight.is_empty() || clock::now() >= self.next_start {
            let Some(address) = self.order.next() else { return };
            match self.dialer.start(address, recorder) {
                Ok(attempt) => {
                    self.in_flight.push(attempt);
                    self.next_start = clock::now() + self.dialer.attempt_delay;
                }
                Err((id, to, errno)) => self.refused(id, to, errno, recorder),
            }
        }
    }

    fn wait(&self, deadline: &Deadline) -> Result<(), Failure> {
        let resolving = self.lookup.iter().filter(|lookup| lookup.is_pending()).map(AsFd::as_fd);
        let mut interests: Vec<PollFd<'_>> = resolving
            .map(|bell| PollFd::new(bell, PollFlags::POLLIN))
            .chain(self.in_flight.iter().map(|attempt| PollFd::new(attempt.socket.as_fd(), PollFlags::POLLOUT)))
            .collect();
        let until_next = self.next_start.since(clock::now());
        let patience = if self.order.is_empty() { deadline.clone() } else { deadline.within(until_next) };
        let waited = patience.poll(&mut interests);
        match (waited, deadline.check()) {
            (Ok(()), _) | (Err(_), Ok(())) => Ok(()),
            (Err(_), Err(ended)) => Err(self.ended(ended)),
        }
    }

    /// Takes in what became of attempts; returns the one that won.
    fn collect(&mut self, recorder: &mut Recorder) -> Option<InFlight> {
        let mut index = 0;
        while let Some(attempt) = self.in_flight.get(index) {
            match attempt.socket.take_error() {
                Ok(None) if attempt.socket.peer_addr().is_ok() => return Some(self.in_flight.swap_remove(index)),
                Ok(None) => index += 1,
                Ok(Some(error)) | Err(error) => {
                    let attempt = self.in_flight.swap_remove(index);
                    let errno = error.raw_os_error().map_or(Errno::EIO, Errno::from_raw);
                    self.refused(attempt.id, attempt.to, errno, recorder);
                    self.next_start = clock::now();
                }
            }
        }
        None
    }

    fn establish(&self, won: InFlight, recorder: &mut Recorder) -> Dialed {
        let noticed = clock::now();
        let state = kernel::tcp_state(&won.socket);
        // The kernel's first round trip is that of the SYN, unless a SYN was lost: then nothing says which one it answers.
        let syn_round_trip = state.filter(|state| state.total_retransmits == 0).and_then(|state| state.min_rtt);
        let (before, after) = won.called;
        let kernel = syn_round_trip.map(|rtt| Mark {
            at: before + rtt,
            error: after.since(before) + Nanos::from_micros(1),
            source: Evidence::Kernel,
        });
        let syn_ack = won.watched.as_ref().map(|watched| Spot { flow: watched.id(), place: Place::SynAck });
        recorder.carried_by(syn_ack.map(|spot| spot.flow));
        let established = Arrival { noticed, kernel, wire: syn_ack };
        recorder.arrived(Moment::AttemptEnded(won.id), established);
        let attempt = Attempt { address: won.to.to_string(), result: AttemptResult::Won, error: None };
        recorder.learn(Fact::Attempt(won.id, attempt));
        if let Some(rtt) = syn_round_trip {
            recorder.learn(Fact::SynRoundTrip(rtt));
        }
        let local = won.socket.local_addr().ok().and_then(|address| address.as_socket());
        let stream = StampedStream::new(won.socket, won.watched, self.dialer.sync);
        Dialed { stream, remote: won.to, local, established, lookup: None }
    }

    fn refused(&mut self, id: AttemptId, to: SocketAddr, errno: Errno, recorder: &mut Recorder) {
        recorder.noticed(Moment::AttemptEnded(id), clock::now());
        let error = Some(format!("{errno:?}"));
        let attempt = Attempt { address: to.to_string(), result: AttemptResult::Failed, error };
        recorder.learn(Fact::Attempt(id, attempt));
        self.refusals.push((to, errno));
    }

    fn ended(&self, ended: Ended) -> Failure {
        let out: Vec<String> = self.in_flight.iter().map(|attempt| attempt.to.to_string()).collect();
        let doing = match (out.as_slice(), self.refused_by()) {
            ([], refused) => format!("waiting for other addresses than those that failed ({refused})"),
            (out, refused) if refused.is_empty() => format!("connecting to {}", out.join(", ")),
            (out, refused) => format!("connecting to {} (before: {refused})", out.join(", ")),
        };
        fault::ended(Phase::Connect, ended, &doing)
    }

    /// The most telling refusal: that nobody listens says more than that nobody answers.
    fn all_failed(&self) -> Failure {
        let telling = |errno: Errno| match refusal_code(errno) {
            FailureCode::ConnectRefused => 0,
            FailureCode::ConnectTimeout => 1,
            FailureCode::ConnectUnreachable => 2,
            _ => 3,
        };
        let Some((_, errno)) = self.refusals.iter().min_by_key(|(_, errno)| telling(*errno)) else {
            return self.lookup.as_ref().map_or_else(
                || fault(Phase::Connect, FailureCode::ConnectFailed, "there is no address to connect to"),
                Lookup::failure,
            );
        };
        fault(Phase::Connect, refusal_code(*errno), self.refused_by())
    }

    fn refused_by(&self) -> String {
        let each = self.refusals.iter().map(|(to, errno)| format!("{to}: {}", errno.desc().to_lowercase()));
        each.collect::<Vec<String>>().join("; ")
    }

    /// Attempts that are still out lost the race; resolution ended where its answer was used.
    fn conclude(&mut self, used: Option<IpAddr>, recorder: &mut Recorder) {
        for attempt in &self.in_flight {
            recorder.noticed(Moment::AttemptEnded(attempt.id), clock::now());
            let address = attempt.to.to_string();
            let result = AttemptResult::Abandoned;
            recorder.learn(Fact::Attempt(attempt.id, Attempt { address, result, error: None }));
        }
        if let Some(lookup) = &mut self.lookup {
            lookup.take_in(recorder);
            lookup.record_end(used, recorder);
        }
    }
}

const fn refusal_code(errno: Errno) -> FailureCode {
    match errno {
        Errno::ECONNREFUSED | Errno::ENOENT => FailureCode::ConnectRefused,
        Errno::ENETUNREACH | Errno::EHOSTUNREACH | Errno::EADDRNOTAVAIL => FailureCode::ConnectUnreachable,
        Errno::ETIMEDOUT => FailureCode::ConnectTimeout,
        _ => FailureCode::ConnectFailed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_take_turns_ipv6_first() {
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        let mut order = Order::default();
        order.add(["192.0.2.1", "192.0.2.2", "2001:db8::1"].map(address));
        let tried: Vec<IpAddr> = std::iter::from_fn(|| order.next()).collect();
        assert_eq!(tried, ["2001:db8::1", "192.0.2.1", "192.0.2.2"].map(address));
        order.add(["192.0.2.3", "2001:db8::2"].map(address));
        let tried: Vec<IpAddr> = std::iter::from_fn(|| order.next()).collect();
        assert_eq!(tried, ["2001:db8::2", "192.0.2.3"].map(address));
    }
}
