//! What the kernel offers without a safe wrapper, or does later than it says: packet sockets, switching an interface's
//! offloads off, carriers and addresses that come into force, precise waiting, priority.

#![expect(unsafe_code, reason = "packet sockets, ethtool's ioctl, prctl and scheduling classes have no safe wrappers")]

use std::io::{self, IoSliceMut};
use std::mem::size_of;
use std::net::Ipv6Addr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use nix::cmsg_space;
use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, ControlMessageOwned, MsgFlags, SockFlag, SockType, recvmsg, send, setsockopt, socket, sockopt,
};
use nix::sys::time::TimeSpec;

use crate::time::{Realtime, Timestamp};

/// Bytes of packets that may wait in the kernel until the link takes them: many milliseconds of full speed.
const WAITING: usize = 64 * 1024 * 1024;

/// What is switched off, so that every packet crosses a cable as it would cross a wire: no larger than the MTU, and with
/// its checksum. The names are those of `linux/ethtool.h`.
const OFFLOADS: [u32; 5] = [
    0x0000_001f, // ETHTOOL_STSO: the stack hands over packets of 64 KiB
    0x0000_0024, // ETHTOOL_SGSO: the same, cut late
    0x0000_002c, // ETHTOOL_SGRO: received packets are joined
    0x0000_0017, // ETHTOOL_STXCSUM: checksums are left to the card
    0x0000_0019, // ETHTOOL_SSG: packets in pieces
];

#[repr(C)]
struct Setting {
    command: u32,
    value: u32,
}

/// For an interface of the calling thread's namespace.
pub(super) fn without_offloads(interface: &str) -> io::Result<()> {
    OFFLOADS.iter().try_for_each(|command| ethtool(interface, Setting { command: *command, value: 0 }).map(drop))
}

/// Makes the kernel act on a carrier that has come. It would by itself, a while after both ends of a cable are on; until then
/// it drops what is sent. For an interface of the calling thread's namespace.
pub(super) fn notice_carrier(interface: &str) -> io::Result<()> {
    // ETHTOOL_GLINK: brings the interface's state up to date before it answers.
    match ethtool(interface, Setting { command: 0x0000_000a, value: 0 })? {
        0 => Err(Errno::ENOLINK.into()),
        _ => Ok(()),
    }
}

/// The value that the kernel sets or leaves.
fn ethtool(interface: &str, mut setting: Setting) -> io::Result<u32> {
    // Any socket will do: it says which namespace is meant.
    let socket = socket(AddressFamily::Inet, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None)?;
    // SAFETY: all bytes zero is a valid `ifreq`.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    // One byte less than there is room for: the name ends with a zero.
    for (place, byte) in request.ifr_name[..libc::IFNAMSIZ - 1].iter_mut().zip(interface.bytes()) {
        *place = libc::c_char::from_ne_bytes([byte]);
    }
    request.ifr_ifru.ifru_data = std::ptr::from_mut(&mut setting).cast();
    // SAFETY: SIOCETHTOOL takes an `ifreq` whose pointer leads to the `ethtool_value` of these commands; both live here.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCETHTOOL as _, &raw mut request) };
    Errno::result(result)?;
    Ok(setting.value)
}

/// Waits until packets for a new IPv6 address are delivered. A worker of the kernel's sees to that some time after the address
/// is there; until then they are dropped. For an address of the calling thread's namespace.
pub(super) fn await_delivery(address: Ipv6Addr) -> io::Result<()> {
    /// A worker takes microseconds, and on a busy machine some milliseconds.
    const PAUSE: Duration = Duration::from_micros(200);
    const TRIES: u32 = 25_000;
    for _ in 0..TRIES {
        if delivers(&std::fs::read_to_string("/proc/thread-self/net/ipv6_route")?, address) {
            return Ok(());
        }
        std::thread::sleep(PAUSE);
    }
    Err(io::ErrorKind::TimedOut.into())
}

/// Whether a table of routes has one that delivers packets for this address (`net/ipv6/route.c`: destination and length, source
/// and length, next hop, metric, references, uses, flags, interface; all hexadecimal).
fn delivers(routes: &str, address: Ipv6Addr) -> bool {
    /// `RTF_LOCAL`.
    const LOCAL: u32 = 0x8000_0000;
    let destination = format!("{:032x}", address.to_bits());
    routes.lines().map(|line| line.split_ascii_whitespace().collect::<Vec<_>>()).any(|fields| {
        let flags = fields.get(8).and_then(|flags| u32::from_str_radix(flags, 16).ok());
        fields.starts_with(&[destination.as_str(), "80"]) && flags.is_some_and(|flags| flags & LOCAL != 0)
    })
}

/// A socket that gets every frame which arrives at one interface, and none that leaves it.
#[derive(Debug)]
pub(super) struct PacketSocket(OwnedFd);

impl PacketSocket {
    /// For an interface of the calling thread's namespace.
    pub(super) fn open(interface: &str) -> io::Result<Self> {
        let index = nix::net::if_::if_nametoindex(interface)?;
        // Without a protocol it hears nothing before it is bound to the interface.
        let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
        let socket = Self(socket(AddressFamily::Packet, SockType::Raw, flags, None)?);
        setsockopt(&socket.0, sockopt::ReceiveTimestampns, &true)?;
        // The larger buffer needs a right that a user namespace does not give; the other one is bounded by net.core.rmem_max.
        if setsockopt(&socket.0, sockopt::RcvBufForce, &WAITING).is_err() {
            setsockopt(&socket.0, sockopt::RcvBuf, &WAITING)?;
        }
        socket.set(libc::PACKET_IGNORE_OUTGOING)?;
        socket.set(libc::PACKET_QDISC_BYPASS)?;
        socket.bind(index)?;
        Ok(socket)
    }

    fn set(&self, option: libc::c_int) -> io::Result<()> {
        let on: libc::c_int = 1;
        let length = libc::socklen_t::try_from(size_of::<libc::c_int>()).map_err(io::Error::other)?;
        // SAFETY: the option takes an int, of which this is the address and the length.
        let result = unsafe {
            libc::setsockopt(self.0.as_raw_fd(), libc::SOL_PACKET, option, std::ptr::from_ref(&on).cast(), length)
        };
        Errno::result(result).map(drop).map_err(Into::into)
    }

    fn bind(&self, index: u32) -> io::Result<()> {
        // SAFETY: all bytes zero is a valid `sockaddr_ll`.
        let mut address: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
        address.sll_family = u16::try_from(libc::AF_PACKET).map_err(io::Error::other)?;
        address.sll_protocol = u16::try_from(libc::ETH_P_ALL).map_err(io::Error::other)?.to_be();
        address.sll_ifindex = i32::try_from(index).map_err(io::Error::other)?;
        let length = libc::socklen_t::try_from(size_of::<libc::sockaddr_ll>()).map_err(io::Error::other)?;
        // SAFETY: the address is a `sockaddr_ll` of that length, as this kind of socket expects.
        let result = unsafe { libc::bind(self.0.as_raw_fd(), std::ptr::from_ref(&address).cast(), length) };
        Errno::result(result).map(drop).map_err(Into::into)
    }

    /// The next frame, its length, and when the kernel had it; `None` if there is none.
    pub(super) fn receive(&self, buffer: &mut [u8]) -> io::Result<Option<(usize, Option<Timestamp<Realtime>>)>> {
        let mut control = cmsg_space!(TimeSpec);
        let mut parts = [IoSliceMut::new(buffer)];
        match recvmsg::<()>(self.0.as_raw_fd(), &mut parts, Some(&mut control), MsgFlags::MSG_DONTWAIT) {
            Ok(message) => {
                let stamp = message.cmsgs()?.find_map(|control| match control {
                    ControlMessageOwned::ScmTimestampns(stamp) => to_timestamp(stamp),
                    _ => None,
                });
                Ok(Some((message.bytes, stamp)))
            }
            Err(Errno::EAGAIN | Errno::EINTR) => Ok(None),
            Err(errno) => Err(errno.into()),
        }
    }

    pub(super) fn send(&self, frame: &[u8]) -> io::Result<()> {
        send(self.0.as_raw_fd(), frame, MsgFlags::MSG_DONTWAIT)?;
        Ok(())
    }
}

impl AsFd for PacketSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

fn to_timestamp(stamp: TimeSpec) -> Option<Timestamp<Realtime>> {
    let seconds = u64::try_from(stamp.tv_sec()).ok()?;
    let nanos = u64::try_from(stamp.tv_nsec()).ok()?;
    Some(Timestamp::from_nanos(seconds.checked_mul(1_000_000_000)?.checked_add(nanos)?))
}

/// Puts the calling thread before all ordinary ones, in the class of real-time threads. Needs `CAP_SYS_NICE` outside user
/// namespaces.
pub(super) fn go_first() -> io::Result<()> {
    let lowest = libc::sched_param { sched_priority: 1 };
    // SAFETY: zero is the calling thread, and the parameter lives here.
    let result = unsafe { libc::sched_setscheduler(0, libc::SCHED_FIFO, &raw const lowest) };
    Errno::result(result).map(drop).map_err(Into::into)
}

/// Makes the calling thread's timers as exact as the kernel can: by default they may be 50 µs late.
pub(super) fn wake_exactly() -> io::Result<()> {
    // SAFETY: PR_SET_TIMERSLACK takes a number.
    let result = unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, 1_u64) };
    Errno::result(result).map(drop).map_err(Into::into)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_delivered_once_a_route_says_so() {
        let nothing = "00000000000000000000000000000000";
        let route = |address: &str, length: &str, flags: &str| {
            format!("{address} {length} {nothing} 00 {nothing} 00000000 00000002 00000000 {flags}    wire0\n")
        };
        let ours = "fd77697265fa00010000000000000001";
        for (routes, expect) in [
            (String::new(), false),
            (route(ours, "80", "80200001"), true),
            (route(nothing, "00", "00200200") + &route(ours, "80", "80200001"), true),
            // The network that it is in, another address, and a way to it that leads elsewhere.
            (route("fd77697265fa00010000000000000000", "40", "00000001"), false),
            (route("fd77697265fa00010000000000000002", "80", "80200001"), false),
            (route(ours, "80", "00000001"), false),
        ] {
            assert_eq!(delivers(&routes, "fd77:6972:65fa:1::1".parse().unwrap()), expect, "{routes}");
        }
    }
}
