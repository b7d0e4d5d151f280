//! System calls without a safe wrapper: switching an interface's offloads off.

#![expect(unsafe_code, reason = "ethtool's ioctl has no safe wrapper")]

use std::io;
use std::net::UdpSocket;
use std::os::fd::AsRawFd;

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
    // Any socket will do: it says which namespace is meant. An unbound one would, too, but std has none.
    let socket = UdpSocket::bind(("127.0.0.1", 0))?;
    for command in OFFLOADS {
        let mut setting = Setting { command, value: 0 };
        // SAFETY: all bytes zero is a valid `ifreq`.
        let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
        // One byte less than there is room for: the name ends with a zero.
        for (place, byte) in request.ifr_name[..libc::IFNAMSIZ - 1].iter_mut().zip(interface.bytes()) {
            *place = libc::c_char::from_ne_bytes([byte]);
        }
        request.ifr_ifru.ifru_data = std::ptr::from_mut(&mut setting).cast();
        // SAFETY: SIOCETHTOOL takes an `ifreq` whose pointer leads to the `ethtool_value` of these commands; both live here.
        let result = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCETHTOOL as _, &raw mut request) };
        if result != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}
