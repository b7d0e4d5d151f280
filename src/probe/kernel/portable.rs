//! The twin for platforms whose kernel stamps nothing for us.

use std::io::{self, Read};

use socket2::Socket;

use super::{Departure, KernelStamp, TcpState};

/// Nothing to keep switched on.
#[derive(Debug)]
pub(crate) struct StampedSockets;

impl StampedSockets {
    #[expect(clippy::unnecessary_wraps, reason = "the Linux twin can fail")]
    pub(crate) fn keep() -> io::Result<Self> {
        Ok(Self)
    }
}

#[expect(clippy::unnecessary_wraps, reason = "the Linux twin can fail")]
pub(crate) fn stamp_arrivals(_: &Socket) -> io::Result<()> {
    Ok(())
}

#[expect(clippy::unnecessary_wraps, reason = "the Linux twin can fail")]
pub(crate) fn stamp_departures(_: &Socket) -> io::Result<()> {
    Ok(())
}

/// Reads what there is; nobody stamped it.
pub(crate) fn receive(socket: &Socket, buffer: &mut [u8]) -> io::Result<(usize, Option<KernelStamp>)> {
    let mut reader = socket;
    reader.read(buffer).map(|length| (length, None))
}

pub(crate) fn acknowledge_stamps(_: &Socket, _: &mut Vec<Departure>) {}

pub(crate) fn tcp_state(_: &Socket) -> Option<TcpState> {
    None
}
