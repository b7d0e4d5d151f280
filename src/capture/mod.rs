//! Live capture: the packets of this program's own flows, with the kernel's stamps.
//!
//! A [`Capture`] is a [`Tap`](crate::probe::Tap): the client tells it of each flow before its first packet leaves. One packet
//! socket for each interface that a flow takes has a filter for exactly its flows (`filter`), and is renewed with each one. A
//! thread empties the sockets every few milliseconds, and so does whoever asks for packets: nobody is woken by a packet, so
//! that watching disturbs what is watched as little as possible. Packets pass the packet socket before they reach TCP, so
//! what the client has noticed is there to be asked for.
//!
//! Each packet is kept once, with the stamp of this program's end: what it sends as it leaves, what it receives as it arrives.
//! The loopback interface shows every packet both ways; the other way is the server's end, and not kept.
//!
//! The sockets are opened at the beginning, as many as interfaces are allowed, and bound when they are needed. Opening alone
//! needs `CAP_NET_RAW`, which can be given up after it ([`Privilege`]).
//!
//! Invariant: memory is bounded ([`Depth`]); what is not kept is counted.
//!
//! Deliberately absent: what packets mean ([`crate::flow`]), packets of others, and fragments behind the first.

mod filter;
mod privilege;
mod route;
mod socket;
mod store;

use std::collections::HashMap;
use std::io::{self, Write};
use std::net::IpAddr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use nix::errno::Errno;
use nix::net::if_::{if_indextoname, if_nametoindex};

use crate::flow::Direction;
use crate::packet::LinkType;
use crate::packet::file::{CaptureWriteError, CaptureWriter, InterfaceStatistics, OutgoingPacket, PacketDirection};
use crate::probe::{FlowId, Opening, Tap, TappedPacket, Vantage, clock};
use crate::time::{Nanos, Realtime, Timestamp};
use filter::{Ends, SnapLength};
use socket::PacketSocket;
use store::Store;

/// Interfaces that the flows of one capture may take.
const INTERFACES: usize = 4;
/// How often the sockets are emptied.
const EMPTIED_EVERY: Duration = Duration::from_millis(2);
/// How often somebody who waits for a packet looks.
const LOOK_EVERY: Duration = Duration::from_micros(100);
/// Packets taken at once, before others get their turn.
const AT_ONCE: usize = 512;
/// Larger than any packet that offloading makes.
const LARGEST: usize = 256 * 1_024;

/// How much of each packet is kept, and of all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Headers: 128 bytes a packet, 64 MiB in all. Packets of flows that are closed and asked about are forgotten.
    Headers,
    /// Everything: whole packets, 512 MiB in all, and TLS secrets, for [`Capture::write`].
    Whole,
}

impl Depth {
    const fn snap_length(self) -> usize {
        match self {
            Self::Headers => 128,
            Self::Whole => LARGEST,
        }
    }

    const fn memory(self) -> usize {
        match self {
            Self::Headers => 64 * 1_024 * 1_024,
            Self::Whole => 512 * 1_024 * 1_024,
        }
    }

    /// What may wait in a socket until it is emptied; an upper bound, which only a privileged process gets in full.
    const fn socket_buffer(self) -> usize {
        match self {
            Self::Headers => 16 * 1_024 * 1_024,
            Self::Whole => 64 * 1_024 * 1_024,
        }
    }
}

/// What becomes of `CAP_NET_RAW` once the sockets are open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Privilege {
    /// The calling thread loses it, and so do threads that it starts later.
    GiveUp,
    /// It stays: something else needs it, too.
    Keep,
}

/// Why nothing can be captured.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// The process may not.
    #[error(
        "capturing packets needs CAP_NET_RAW: run as root, or once `setcap cap_net_raw+ep` on the wirefall executable"
    )]
    NotPermitted,
    /// A packet socket cannot be opened.
    #[error("cannot open a packet socket")]
    Open(#[source] io::Error),
    /// The privilege cannot be given up.
    #[error("cannot give up CAP_NET_RAW")]
    GiveUp(#[source] io::Error),
    /// There is no thread to empty the sockets.
    #[error("cannot start the thread that captures")]
    Thread(#[source] io::Error),
}

/// What was counted on one interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InterfaceCount {
    /// Its name: `eth0`.
    pub interface: String,
    /// Packets that are kept now.
    pub kept: u64,
    /// Packets that found no room in the kernel.
    pub dropped: u64,
    /// Packets that found no room here.
    pub left_out: u64,
}

/// A capture under way.
#[derive(Debug)]
pub struct Capture {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    depth: Depth,
    state: Mutex<State>,
    /// The thread waits here: for the first flow, for the next look, for the end.
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    /// Opened, but on no interface yet.
    spare: Vec<PacketSocket>,
    interfaces: Vec<Interface>,
    routes: HashMap<(IpAddr, IpAddr, Option<u32>), u32>,
    store: Store,
    secrets: Vec<String>,
    buffer: Vec<u8>,
    ended: bool,
}

/// An interface that flows take.
#[derive(Debug)]
struct Interface {
    index: u32,
    name: String,
    socket: PacketSocket,
    dropped: u64,
    /// Flows that the socket's filter lets through.
    filtered: usize,
}

impl Capture {
    /// Opens the sockets; nothing is captured until a flow is watched.
    pub fn open(depth: Depth, privilege: Privilege) -> Result<Self, CaptureError> {
        let failed = |error: io::Error| match error.raw_os_error().map(Errno::from_raw) {
            Some(Errno::EPERM | Errno::EACCES) => CaptureError::NotPermitted,
            _ => CaptureError::Open(error),
        };
        let opened: Result<Vec<_>, _> = (0..INTERFACES).map(|_| PacketSocket::open(depth.socket_buffer())).collect();
        let spare = opened.map_err(failed)?;
        if privilege == Privilege::GiveUp {
            privilege::give_up().map_err(CaptureError::GiveUp)?;
        }
        let state = State {
            spare,
            interfaces: Vec::new(),
            routes: HashMap::new(),
            store: Store::new(depth.memory()),
            secrets: Vec::new(),
            buffer: vec![0; depth.snap_length()],
            ended: false,
        };
        let shared = Arc::new(Shared { depth, state: Mutex::new(state), changed: Condvar::new() });
        let emptying = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("capture".to_owned()).spawn(move || emptying.keep_emptying());
        Ok(Self { shared, thread: Some(thread.map_err(CaptureError::Thread)?) })
    }

    /// Waits until flows whose sockets are closed have said goodbye: for the last packets of a file. At most `patience`.
    pub fn await_goodbyes(&self, patience: Nanos) {
        let begun = clock::now();
        loop {
            self.shared.empty();
            let now = clock::now();
            if now.since(begun) >= patience || !self.shared.lock().store.awaits_goodbye(now) {
                return;
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }

    /// Writes all packets as pcapng, with the TLS secrets before them and what was lost behind them.
    pub fn write<W: Write>(&self, sink: W) -> Result<W, CaptureWriteError> {
        self.shared.empty();
        let counts = self.counts();
        let state = self.shared.lock();
        let application = concat!("wirefall ", env!("CARGO_PKG_VERSION"));
        let mut writer = CaptureWriter::begin(sink, application)?;
        let snap_length = u32::try_from(self.shared.depth.snap_length()).ok();
        for interface in &state.interfaces {
            writer.interface(&interface.name, LinkType::RawIp, snap_length)?;
        }
        if !state.secrets.is_empty() {
            writer.secrets(&(state.secrets.join("\n") + "\n"))?;
        }
        let mut packets: Vec<_> = state
            .store
            .flows()
            .into_iter()
            .flat_map(|flow| flow.packets.iter().map(move |kept| (flow.interface, kept)))
            .collect();
        packets.sort_by_key(|(_, kept)| kept.packet.at);
        for (interface, kept) in &packets {
            let comments: Vec<&str> = kept.notes.iter().map(String::as_str).collect();
            writer.packet(&OutgoingPacket {
                interface: number(*interface),
                at: kept.packet.at,
                direction: Some(match kept.packet.direction {
                    Direction::Sent => PacketDirection::Outbound,
                    Direction::Received => PacketDirection::Inbound,
                }),
                bytes: &kept.packet.bytes,
                original_length: kept.packet.original_length,
                comments: &comments,
            })?;
        }
        let ended = packets.last().map_or(Timestamp::<Realtime>::default(), |(_, kept)| kept.packet.at);
        for (index, count) in counts.iter().enumerate() {
            let lost = count.dropped + count.left_out;
            let counted = InterfaceStatistics { received: Some(count.kept + lost), dropped: Some(lost) };
            writer.statistics(number(index), ended, counted)?;
        }
        writer.finish()
    }

    /// What was counted so far, interface by interface.
    #[must_use]
    pub fn counts(&self) -> Vec<InterfaceCount> {
        let mut state = self.shared.lock();
        state.count_drops();
        let State { interfaces, store, .. } = &*state;
        let count = |(place, interface): (usize, &Interface)| {
            let flows = || store.flows().into_iter().filter(move |flow| flow.interface == place);
            InterfaceCount {
                interface: interface.name.clone(),
                kept: flows().map(|flow| flow.packets.len() as u64).sum(),
                dropped: interface.dropped,
                left_out: flows().map(|flow| flow.left_out).sum(),
            }
        };
        interfaces.iter().enumerate().map(count).collect()
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.ended = true;
        let sockets = state.interfaces.drain(..).map(|interface| interface.socket);
        let sockets: Vec<PacketSocket> = sockets.collect::<Vec<_>>().into_iter().chain(state.spare.drain(..)).collect();
        drop(state);
        socket::close_in_background(sockets);
        self.shared.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            // It has nothing to say, whatever became of it.
            let _ = thread.join();
        }
    }
}

impl Tap for Capture {
    fn watch(&self, opening: &Opening<'_>) -> Option<FlowId> {
        let flow = self.shared.lock().watch(opening, self.shared.depth)?;
        self.shared.changed.notify_all();
        Some(flow)
    }

    fn packets(&self, flow: FlowId, from: usize, patience: Nanos) -> Vec<TappedPacket> {
        let begun = clock::now();
        loop {
            self.shared.empty();
            let state = self.shared.lock();
            let Some(watched) = state.store.flow(flow) else { return Vec::new() };
            let fresh = watched.packets.get(from..).unwrap_or_default();
            if !fresh.is_empty() || clock::now().since(begun) >= patience {
                return fresh.iter().map(|kept| kept.packet.clone()).collect();
            }
            drop(state);
            std::thread::sleep(LOOK_EVERY);
        }
    }

    fn vantage(&self, flow: FlowId) -> Option<Vantage> {
        let mut state = self.shared.lock();
        state.count_drops();
        let watched = state.store.flow(flow)?;
        let interface = state.interfaces.get(watched.interface)?;
        let dropped = interface.dropped.saturating_sub(watched.dropped_before) + watched.left_out;
        Some(Vantage { interface: interface.name.clone(), dropped })
    }

    fn annotate(&self, flow: FlowId, packet: usize, note: String) {
        self.shared.lock().store.annotate(flow, packet, note);
    }

    fn closed(&self, flow: FlowId) {
        self.shared.lock().store.close(flow, clock::now());
    }

    fn settled(&self) {
        if self.shared.depth == Depth::Headers {
            self.shared.lock().store.forget_closed();
        }
    }

    fn keeps_notes(&self) -> bool {
        self.shared.depth == Depth::Whole
    }

    fn secret(&self, line: String) {
        if self.keeps_notes() {
            self.shared.lock().secrets.push(line);
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Whoever panicked left packets that are whole all the same.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in everything that waits.
    fn empty(&self) {
        while self.lock().take_some() {}
    }

    fn keep_emptying(&self) {
        loop {
            self.empty();
            let mut state = self.lock();
            if state.ended {
                return;
            }
            let waited = if state.store.is_watching(clock::now()) {
                state.narrow(self.depth);
                self.changed.wait_timeout(state, EMPTIED_EVERY).map(|(state, _)| state).map_err(|_| ())
            } else {
                self.changed.wait(state).map_err(|_| ())
            };
            drop(waited);
        }
    }
}

impl State {
    fn watch(&mut self, opening: &Opening<'_>, depth: Depth) -> Option<FlowId> {
        let place = self.interface_of(opening)?;
        let now = clock::now();
        let ends = Ends { carrier: opening.carrier, local: opening.local, remote: opening.remote };
        let mut flows = self.store.watched_on(place, now);
        flows.push(ends);
        let interface = self.interfaces.get_mut(place)?;
        interface.set_filter(&flows, depth).ok()?;
        Some(self.store.open(ends, place, interface.dropped))
    }

    /// The place of the interface that a flow takes among those that are open; `None` where there is none left to open.
    fn interface_of(&mut self, opening: &Opening<'_>) -> Option<usize> {
        let scope = match opening.remote {
            std::net::SocketAddr::V6(remote) => Some(remote.scope_id()).filter(|scope| *scope != 0),
            std::net::SocketAddr::V4(_) => None,
        };
        let bound_to = opening.device.and_then(|name| if_nametoindex(name).ok()).or(scope);
        let (from, to) = (opening.local.ip(), opening.remote.ip());
        let index = if let Some(known) = self.routes.get(&(from, to, bound_to)) {
            *known
        } else {
            let found = route::interface_towards(&route::Question { from, to, bound_to }).ok()?;
            *self.routes.entry((from, to, bound_to)).or_insert(found)
        };
        if let Some(place) = self.interfaces.iter().position(|interface| interface.index == index) {
            return Some(place);
        }
        let name = if_indextoname(index).ok()?.to_string_lossy().into_owned();
        let socket = self.spare.pop()?;
        let nothing = filter::program(&[], SnapLength(0)).ok()?;
        socket.attach(&nothing).and_then(|()| socket.bind(index)).ok()?;
        self.interfaces.push(Interface { index, name, socket, dropped: 0, filtered: 0 });
        Some(self.interfaces.len() - 1)
    }

    /// Takes in some of what waits; whether more may wait.
    fn take_some(&mut self) -> bool {
        let Self { interfaces, store, buffer, .. } = self;
        let mut taken = 0;
        for interface in interfaces {
            while taken < AT_ONCE {
                // An interface that is gone has nothing more to give.
                let Ok(Some(received)) = interface.socket.receive(buffer) else { break };
                store.take(received.at, received.direction, received.bytes);
                taken += 1;
            }
        }
        taken >= AT_ONCE
    }

    fn count_drops(&mut self) {
        for interface in &mut self.interfaces {
            interface.dropped += interface.socket.counted().dropped;
        }
    }

    /// Lets flows that are over through no longer.
    fn narrow(&mut self, depth: Depth) {
        let now = clock::now();
        for (place, interface) in self.interfaces.iter_mut().enumerate() {
            let flows = self.store.watched_on(place, now);
            if flows.len() < interface.filtered {
                // The old filter is too wide, and no harm.
                let _ = interface.set_filter(&flows, depth);
            }
        }
    }
}

impl Interface {
    fn set_filter(&mut self, flows: &[Ends], depth: Depth) -> io::Result<()> {
        let keep = SnapLength(u32::try_from(depth.snap_length()).unwrap_or(u32::MAX));
        let program = filter::program(flows, keep).map_err(|_| io::Error::from(Errno::E2BIG))?;
        self.socket.attach(&program)?;
        self.filtered = flows.len();
        Ok(())
    }
}

fn number(interface: usize) -> u32 {
    u32::try_from(interface).unwrap_or(u32::MAX)
}
