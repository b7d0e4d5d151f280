//! The capture itself: sockets, a thread that empties them, and the client's questions.
//!
//! Invariant: who waits does so without the lock, and for no longer than told. When a [`Capture`] is gone, so are its thread
//! and its sockets.

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use nix::errno::Errno;

use super::route::Router;
use super::socket::{self, PacketSocket};
use super::state::{Interface, State};
use super::{CaptureError, Depth, InterfaceCount, Privilege, privilege};
use crate::probe::{FlowId, Opening, Tap, TappedPacket, Vantage, clock};
use crate::time::Nanos;

/// Interfaces that the flows of one capture may take.
const INTERFACES: usize = 4;
/// How often the sockets are emptied.
const EMPTIED_EVERY: Duration = Duration::from_millis(2);
/// How often somebody who waits for a packet looks.
const LOOK_EVERY: Duration = Duration::from_micros(100);
/// Larger than any packet that offloading makes.
const LARGEST: usize = 256 * 1_024;

impl Depth {
    pub(super) const fn snap_length(self) -> usize {
        match self {
            Self::Headers => 128,
            Self::Whole => LARGEST,
        }
    }

    pub(super) const fn memory(self) -> usize {
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

/// A capture under way.
#[derive(Debug)]
pub struct Capture {
    pub(super) shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) depth: Depth,
    state: Mutex<State>,
    /// The thread waits here: for the first flow, for the next look, for the end.
    changed: Condvar,
}

impl Capture {
    /// Opens the sockets; nothing is captured until a flow is watched.
    pub fn open(depth: Depth, privilege: Privilege) -> Result<Self, CaptureError> {
        let failed = |error: io::Error| match error.raw_os_error().map(Errno::from_raw) {
            Some(Errno::EPERM | Errno::EACCES) => CaptureError::NotPermitted,
            Some(Errno::EAFNOSUPPORT | Errno::EPROTONOSUPPORT | Errno::ESOCKTNOSUPPORT | Errno::ENOSYS) => {
                CaptureError::Unsupported
            }
            _ => CaptureError::Open(error),
        };
        let opened: Result<Vec<_>, _> = (0..INTERFACES).map(|_| PacketSocket::open(depth.socket_buffer())).collect();
        let spare = opened.map_err(failed)?;
        if privilege == Privilege::GiveUp {
            privilege::give_up().map_err(CaptureError::GiveUp)?;
        }
        let router = Router::open().map_err(|error| CaptureError::Routes(error.into()))?;
        let state = State::new(spare, router, depth);
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

    /// What was counted so far, interface by interface.
    #[must_use]
    pub fn counts(&self) -> Vec<InterfaceCount> {
        let mut state = self.shared.lock();
        state.count_drops();
        let State { interfaces, store, .. } = &*state;
        let count = |(place, interface): (usize, &Interface)| InterfaceCount {
            interface: interface.name.clone(),
            kept: store.kept_on(place),
            dropped: interface.dropped,
            left_out: store.left_out_on(place),
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
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        // Whoever panicked left packets that are whole all the same.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in everything that waits.
    pub(super) fn empty(&self) {
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
