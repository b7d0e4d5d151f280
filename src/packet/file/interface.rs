//! Where packets of a capture file were seen.

use super::ticks::Ticks;
use crate::packet::LinkType;
use crate::time::Nanos;

/// An interface, as a capture file describes it. A pcap file has one, without a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// Its name on the machine that captured.
    pub name: Option<String>,
    /// What its packets begin with.
    pub link: LinkType,
    /// The most bytes that were kept of a packet.
    pub snaplen: Option<u32>,
    /// The unit of its time stamps, rounded up to a whole nanosecond.
    pub resolution: Nanos,
    /// How many packets it received while the capture ran.
    pub received: Option<u64>,
    /// How many of those are missing because the machine was too busy.
    pub dropped: Option<u64>,
    pub(super) ticks: Ticks,
}

impl Interface {
    /// One that is not described further; a snaplen of zero is none.
    pub(super) fn new(link: LinkType, snaplen: u32, ticks: Ticks) -> Self {
        let snaplen = (snaplen != 0).then_some(snaplen);
        Self { name: None, link, snaplen, resolution: ticks.resolution(), received: None, dropped: None, ticks }
    }
}
