//! Linux: `SO_TIMESTAMPING` and `TCP_INFO` (`Documentation/networking/timestamping.rst` in the kernel's source).

#![expect(unsafe_code, reason = "TCP_INFO has no safe wrapper")]

use std::io::{self, IoSliceMut};
use std::mem::size_of;
use std::net::Ipv4Addr;
use std::os::fd::AsRawFd;
use std::time::Duration;

use nix::cmsg_space;
use nix::errno::Errno;
use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, SockaddrStorage, TimestampingFlag, Timestamps, recvmsg, setsockopt, sockopt,
};
use nix::sys::time::TimeSpec;
use socket2::{Domain, Protocol, Socket, Type};

use super::{Departure, KernelStamp, Stage, TcpState};
use crate::time::{Nanos, Timestamp};

/// The kernel stamps packets only while some socket wants stamps, and switches that on a moment after it is asked: one
/// socket that wants them stays open as long as this lives. Once it exists, stamps are on.
#[derive(Debug)]
pub(crate) struct StampedSockets {
    _keeper: Socket,
}

impl StampedSockets {
    pub(crate) fn keep() -> io::Result<Self> {
        let keeper = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
        keeper.bind(&std::net::SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
        stamp_arrivals(&keeper)?;
        await_stamps(&keeper)?;
        Ok(Self { _keeper: keeper })
    }
}

/// Sends datagrams to itself until one arrives with a stamp: the first answers of a run would have none otherwise. Gives up
/// after some milliseconds, since what follows works without stamps, too.
fn await_stamps(keeper: &Socket) -> io::Result<()> {
    const TRIES: u32 = 100;
    const PAUSE: Duration = Duration::from_micros(200);
    keeper.connect(&keeper.local_addr()?)?;
    for _ in 0..TRIES {
        keeper.send(&[0])?;
        // A datagram may also be late: the next one comes after the pause.
        if matches!(receive(keeper, &mut [0]), Ok((_, Some(_)))) {
            return Ok(());
        }
        std::thread::sleep(PAUSE);
    }
    Ok(())
}

fn arrivals() -> TimestampingFlag {
    TimestampingFlag::SOF_TIMESTAMPING_SOFTWARE | TimestampingFlag::SOF_TIMESTAMPING_RX_SOFTWARE
}

/// Flags that nix has no names for.
fn departures() -> TimestampingFlag {
    TimestampingFlag::SOF_TIMESTAMPING_TX_SOFTWARE
        | TimestampingFlag::SOF_TIMESTAMPING_OPT_ID
        | TimestampingFlag::SOF_TIMESTAMPING_OPT_TSONLY
        | TimestampingFlag::from_bits_retain(libc::SOF_TIMESTAMPING_TX_SCHED)
}

fn stream_departures() -> TimestampingFlag {
    opt_id_tcp() | TimestampingFlag::from_bits_retain(libc::SOF_TIMESTAMPING_TX_ACK)
}

fn opt_id_tcp() -> TimestampingFlag {
    TimestampingFlag::from_bits_retain(libc::SOF_TIMESTAMPING_OPT_ID_TCP)
}

/// Asks for stamps of what arrives; possible before a stream is connected.
pub(crate) fn stamp_arrivals(socket: &Socket) -> io::Result<()> {
    Ok(setsockopt(socket, sockopt::Timestamping, &arrivals())?)
}

/// Asks for stamps of what is sent, too. For a stream only after it is connected (`EINVAL` before); offsets count from here.
pub(crate) fn stamp_departures(socket: &Socket) -> io::Result<()> {
    let flags = arrivals() | departures();
    let flags = if socket.r#type()? == Type::STREAM { flags | stream_departures() } else { flags };
    setsockopt(socket, sockopt::Timestamping, &flags).or_else(|error| match error {
        // Before Linux 6.2 there is no OPT_ID_TCP; while nothing has been written, OPT_ID counts from the same byte.
        Errno::EINVAL => setsockopt(socket, sockopt::Timestamping, &(flags - opt_id_tcp())),
        other => Err(other),
    })?;
    Ok(())
}

/// Reads what there is, with the stamp of the LAST packet that the read touched.
pub(crate) fn receive(socket: &Socket, buffer: &mut [u8]) -> io::Result<(usize, Option<KernelStamp>)> {
    let mut parts = [IoSliceMut::new(buffer)];
    let mut control = cmsg_space!(Timestamps);
    let message =
        recvmsg::<SockaddrStorage>(socket.as_raw_fd(), &mut parts, Some(&mut control), MsgFlags::MSG_DONTWAIT)?;
    let stamp = message.cmsgs()?.find_map(|control| match control {
        ControlMessageOwned::ScmTimestampsns(stamps) => kernel_stamp(&stamps.system),
        _ => None,
    });
    Ok((message.bytes, stamp))
}

/// Empties the socket's error queue into `stamps`. It must be emptied whenever it fills: `poll` reports it as `POLLERR`
/// until then.
pub(crate) fn acknowledge_stamps(socket: &Socket, stamps: &mut Vec<Departure>) {
    /// More than any send leaves behind between two looks; a bound all the same.
    const MOST: usize = 4_096;
    for _ in 0..MOST {
        match next_departure(socket) {
            Ok(Some(departure)) => stamps.push(departure),
            Ok(None) => {}
            Err(_) => return,
        }
    }
}

/// The next entry of the error queue; `None` if it is not a stamp, `EAGAIN` when there is no more.
fn next_departure(socket: &Socket) -> Result<Option<Departure>, Errno> {
    let mut control = cmsg_space!(Timestamps, [libc::sock_extended_err; 1], [libc::sockaddr_in6; 1]);
    let mut nothing = [0_u8; 0];
    let mut parts = [IoSliceMut::new(&mut nothing)];
    let flags = MsgFlags::MSG_ERRQUEUE | MsgFlags::MSG_DONTWAIT;
    let message = recvmsg::<SockaddrStorage>(socket.as_raw_fd(), &mut parts, Some(&mut control), flags)?;
    let (mut at, mut what) = (None, None);
    for control in message.cmsgs()? {
        match control {
            ControlMessageOwned::ScmTimestampsns(stamps) => at = kernel_stamp(&stamps.system),
            ControlMessageOwned::Ipv4RecvErr(entry, _) | ControlMessageOwned::Ipv6RecvErr(entry, _) => {
                what = stage(&entry).map(|stage| (entry.ee_data, stage));
            }
            _ => {}
        }
    }
    Ok(at.zip(what).map(|(at, (key, stage))| Departure { key, stage, at }))
}

fn stage(entry: &libc::sock_extended_err) -> Option<Stage> {
    if entry.ee_origin != libc::SO_EE_ORIGIN_TIMESTAMPING {
        return None;
    }
    match entry.ee_info {
        0 => Some(Stage::Sent),
        1 => Some(Stage::Scheduled),
        2 => Some(Stage::Acknowledged),
        _ => None,
    }
}

/// An all-zero stamp means that the kernel had none.
fn kernel_stamp(time: &TimeSpec) -> Option<KernelStamp> {
    let nanos = u64::try_from(time.tv_sec()).ok()? * 1_000_000_000 + u64::try_from(time.tv_nsec()).ok()?;
    (nanos != 0).then(|| Timestamp::from_nanos(nanos))
}

/// The kernel's view of a TCP connection; `None` for other sockets.
pub(crate) fn tcp_state(socket: &Socket) -> Option<TcpState> {
    /// What the kernel says before it has a sample of the smallest round trip.
    const NO_SAMPLE: u32 = u32::MAX;
    // SAFETY: `tcp_info` is a C structure of integers, for which all zeros is a valid value.
    let mut info: libc::tcp_info = unsafe { std::mem::zeroed() };
    let mut length = libc::socklen_t::try_from(size_of::<libc::tcp_info>()).ok()?;
    // SAFETY: the descriptor is open while `socket` is borrowed; `info` is valid for writes of `length` bytes, which is its
    // size, and the kernel writes at most `length` bytes of plain integers.
    let status = unsafe {
        libc::getsockopt(socket.as_raw_fd(), libc::IPPROTO_TCP, libc::TCP_INFO, (&raw mut info).cast(), &raw mut length)
    };
    if status != 0 {
        return None;
    }
    let micros = |value: u32| Nanos::from_micros(u64::from(value));
    Some(TcpState {
        min_rtt: (info.tcpi_min_rtt != NO_SAMPLE && info.tcpi_min_rtt != 0).then(|| micros(info.tcpi_min_rtt)),
        rtt: (info.tcpi_rtt != 0).then(|| micros(info.tcpi_rtt)),
        total_retransmits: info.tcpi_total_retrans,
        lost: info.tcpi_lost,
        receive_mss: info.tcpi_rcv_mss,
    })
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use super::*;

    /// Whether stamps were off before is up to the rest of the machine: this is worth most where nothing else runs.
    #[test]
    fn what_arrives_first_has_a_stamp_already() {
        let _stamps = StampedSockets::keep().unwrap();
        let socket = Socket::from(UdpSocket::bind("127.0.0.1:0").unwrap());
        stamp_arrivals(&socket).unwrap();
        socket.connect(&socket.local_addr().unwrap()).unwrap();
        socket.send(&[0]).unwrap();
        let mut byte = [std::mem::MaybeUninit::uninit()];
        socket.peek(&mut byte).unwrap();
        let (length, stamp) = receive(&socket, &mut [0]).unwrap();
        assert_eq!((length, stamp.is_some()), (1, true));
    }
}
