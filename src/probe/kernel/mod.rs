//! What the kernel knows of our sockets: stamps of sent and received bytes, round trips, retransmissions.
//!
//! Two modules with one interface. `linux` asks the kernel (`SO_TIMESTAMPING`, `TCP_INFO`); it needs no privilege.
//! `portable` has nothing to ask and says so with `None`, and the user clock serves. `--cfg wirefall_portable` builds the
//! portable one on Linux too, so that it is compiled and tested there.

#[cfg(all(target_os = "linux", not(wirefall_portable)))]
mod linux;
#[cfg(all(target_os = "linux", not(wirefall_portable)))]
pub(crate) use linux::{StampedSockets, acknowledge_stamps, receive, stamp_arrivals, stamp_departures, tcp_state};

#[cfg(any(not(target_os = "linux"), wirefall_portable))]
mod portable;
#[cfg(any(not(target_os = "linux"), wirefall_portable))]
pub(crate) use portable::{StampedSockets, acknowledge_stamps, receive, stamp_arrivals, stamp_departures, tcp_state};

use crate::event::{Evidence, Mark};
use crate::time::{ClockSync, Nanos, Realtime, Timestamp};

/// A stamp from the kernel, on the kernel's clock.
pub(crate) type KernelStamp = Timestamp<Realtime>;

/// A stamp on the clock that traces are drawn on.
pub(crate) fn mark(stamp: KernelStamp, sync: &ClockSync) -> Mark {
    Mark { at: sync.to_monotonic(stamp), error: sync.error(), source: Evidence::Kernel }
}

/// One stamp of outgoing bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Departure {
    /// What was stamped: for a stream the offset of the last byte of a write, for datagrams their number.
    pub(crate) key: u32,
    /// How far they had come.
    pub(crate) stage: Stage,
    /// When.
    pub(crate) at: KernelStamp,
}

/// How far outgoing bytes have come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// They entered the packet scheduler.
    Scheduled,
    /// They were handed to the network device.
    Sent,
    /// The peer's TCP acknowledged them.
    Acknowledged,
}

/// `TCP_INFO`, as far as it is of use here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TcpState {
    /// The smallest round trip so far; `None` before the first sample.
    pub(crate) min_rtt: Option<Nanos>,
    /// The smoothed round trip; `None` before the first sample.
    pub(crate) rtt: Option<Nanos>,
    /// TCP segments sent again since the socket was made, SYNs included.
    pub(crate) total_retransmits: u32,
    /// TCP segments thought lost now.
    pub(crate) lost: u32,
    /// The size of the largest TCP segment received so far; a read longer than this touched several.
    pub(crate) receive_mss: u32,
}
