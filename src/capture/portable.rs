//! The twin for platforms on which this program has no packet sockets.

use std::convert::Infallible;
use std::io::Write;

use super::{CaptureError, Depth, InterfaceCount, Privilege};
use crate::packet::file::CaptureWriteError;
use crate::probe::{FlowId, Opening, Tap, TappedPacket, Vantage};
use crate::time::Nanos;

/// There is none: this cannot be made.
#[derive(Debug)]
pub struct Capture(Infallible);

impl Capture {
    /// Always [`CaptureError::Unsupported`].
    pub const fn open(_: Depth, _: Privilege) -> Result<Self, CaptureError> {
        Err(CaptureError::Unsupported)
    }

    /// Waits for nothing.
    pub fn await_goodbyes(&self, _: Nanos) {
        match self.0 {}
    }

    /// What was counted so far, interface by interface.
    #[must_use]
    pub fn counts(&self) -> Vec<InterfaceCount> {
        match self.0 {}
    }

    /// Writes all packets as pcapng.
    pub fn write<W: Write>(&self, _: W) -> Result<W, CaptureWriteError> {
        match self.0 {}
    }
}

impl Tap for Capture {
    fn watch(&self, _: &Opening<'_>) -> Option<FlowId> {
        match self.0 {}
    }

    fn packets(&self, _: FlowId, _: usize, _: Nanos) -> Vec<TappedPacket> {
        match self.0 {}
    }

    fn vantage(&self, _: FlowId) -> Option<Vantage> {
        match self.0 {}
    }

    fn annotate(&self, _: FlowId, _: usize, _: String) {
        match self.0 {}
    }

    fn closed(&self, _: FlowId) {
        match self.0 {}
    }

    fn settled(&self) {
        match self.0 {}
    }

    fn keeps_notes(&self) -> bool {
        match self.0 {}
    }

    fn secret(&self, _: String) {
        match self.0 {}
    }
}
