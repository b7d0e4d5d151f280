//! The twin for platforms on which this program has no raw sockets.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};

use super::Arrived;
use crate::hops::syn::SYN_BYTES;
use crate::probe::deadline::{Deadline, Ended};
use crate::probe::kernel::KernelStamp;
use crate::target::Interface;

/// There are none: this cannot be made.
pub(in crate::hops) struct Sockets(Infallible);

impl Sockets {
    pub(in crate::hops) fn open(_: Option<IpAddr>, _: SocketAddr, _: Option<&Interface>) -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(in crate::hops) fn source(&self) -> SocketAddr {
        match self.0 {}
    }

    pub(in crate::hops) fn send(&mut self, _: u8, _: [u8; SYN_BYTES]) -> io::Result<()> {
        match self.0 {}
    }

    pub(in crate::hops) fn wait(&self, _: &Deadline) -> Result<(), Ended> {
        match self.0 {}
    }

    pub(in crate::hops) fn receive(&self, _: &mut [u8]) -> Option<Arrived> {
        match self.0 {}
    }

    pub(in crate::hops) fn departures(&mut self) -> BTreeMap<usize, KernelStamp> {
        match self.0 {}
    }
}
