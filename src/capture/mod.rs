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
//! A filter has room for some 180 flows at once over IPv4, and 80 over IPv6; flows beyond that, and on a fifth interface, are
//! not watched.
//!
//! All of it is Linux's. `portable` is the twin for other platforms, which captures nothing and says so.
//!
//! Deliberately absent: what packets mean ([`crate::flow`]), packets of others, and fragments behind the first.

#[cfg(all(target_os = "linux", not(wirefall_portable)))]
mod file;
#[cfg(all(target_os = "linux", not(wirefall_portable)))]
mod filter;
#[cfg(all(target_os = "linux", not(wirefall_portable)))]
mod live;
#[cfg(all(target_os = "linux", not(wirefall_portable)))]
mod privilege;
#[cfg(all(target_os = "linux", not(wirefall_portable)))]
mod route;
#[cfg(all(target_os = "linux", not(wirefall_portable)))]
mod socket;
#[cfg(all(target_os = "linux", not(wirefall_portable)))]
mod state;
#[cfg(all(target_os = "linux", not(wirefall_portable)))]
mod store;
#[cfg(all(target_os = "linux", not(wirefall_portable)))]
pub use live::Capture;

#[cfg(any(not(target_os = "linux"), wirefall_portable))]
mod portable;
#[cfg(any(not(target_os = "linux"), wirefall_portable))]
pub use portable::Capture;

use std::io;

/// How much of each packet is kept, and of all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Headers: 128 bytes a packet, 64 MiB in all. Packets of flows that are closed and asked about are forgotten.
    Headers,
    /// Everything: whole packets, 512 MiB in all, and TLS secrets, for [`Capture::write`].
    Whole,
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
    /// There are no packet sockets: another system than Linux, or a container that keeps them away.
    #[error("this system has no packet sockets (AF_PACKET), which capturing needs")]
    Unsupported,
    /// A packet socket cannot be opened.
    #[error("cannot open a packet socket")]
    Open(#[source] io::Error),
    /// The kernel cannot be asked for interfaces.
    #[error("cannot ask the kernel for routes")]
    Routes(#[source] io::Error),
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
