//! The sockets of a search: what sends SYNs of a flow of its own, and what sees their answers.
//!
//! Two modules with one interface. `linux` has raw sockets with the kernel's stamps. `portable` has none, and says so.

#[cfg(all(target_os = "linux", not(wirefall_portable)))]
mod linux;
#[cfg(all(target_os = "linux", not(wirefall_portable)))]
pub(super) use linux::Sockets;

#[cfg(any(not(target_os = "linux"), wirefall_portable))]
mod portable;
#[cfg(any(not(target_os = "linux"), wirefall_portable))]
pub(super) use portable::Sockets;

use crate::probe::kernel::KernelStamp;
use crate::time::{Monotonic, Timestamp};

/// A packet that may be an answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrived {
    /// Bytes of the buffer that it fills, from its IP header on.
    pub(super) length: usize,
    /// When the kernel saw it; absent where it has no stamp.
    pub(super) kernel: Option<KernelStamp>,
    /// When this process noticed.
    pub(super) noticed: Timestamp<Monotonic>,
}
