//! The Internet checksum (RFC 1071), of headers and of what they carry.

use std::net::IpAddr;

/// A sum under way. Parts are added in order; only the last may have an odd number of bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Checksum(u64);

impl Checksum {
    /// Of nothing.
    #[must_use]
    pub(super) const fn new() -> Self {
        Self(0)
    }

    /// With the pseudo header that TCP, UDP and `ICMPv6` sum up before their own bytes (RFC 9293 §3.1, RFC 8200 §8.1).
    /// `length` is that of the transport header and its payload.
    #[must_use]
    pub(super) fn of_transport(source: IpAddr, destination: IpAddr, protocol: u8, length: u32) -> Self {
        let sum = [source, destination].into_iter().fold(Self::new(), |sum, address| match address {
            IpAddr::V4(address) => sum.with(&address.octets()),
            IpAddr::V6(address) => sum.with(&address.octets()),
        });
        sum.with(&length.to_be_bytes()).with(&[0, protocol])
    }

    /// With these bytes.
    #[must_use]
    pub(super) fn with(self, bytes: &[u8]) -> Self {
        let pairs = bytes.chunks(2).map(|pair| match *pair {
            [first, second] => u64::from(u16::from_be_bytes([first, second])),
            [first] => u64::from(first) << 8,
            _ => 0,
        });
        Self(self.0 + pairs.sum::<u64>())
    }

    /// What stands in the checksum field, if that was zero while it was added. Over bytes with a right checksum it is 0.
    #[must_use]
    pub(super) const fn finish(self) -> u16 {
        let mut sum = self.0;
        while sum >> 16 != 0 {
            sum = (sum >> 16) + (sum & 0xffff);
        }
        let [_, _, _, _, _, _, high, low] = sum.to_be_bytes();
        !u16::from_be_bytes([high, low])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_of_real_packets_sum_up() {
        // The example of RFC 1071 §3: its sum is ddf2, and the checksum is the complement.
        assert_eq!(Checksum::new().with(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]).finish(), !0xddf2);
        // An IPv4 header with its checksum in place, and the same without it.
        let header = [
            0x45, 0x00, 0x00, 0x73, 0x00, 0x00, 0x40, 0x00, 0x40, 0x11, 0xb8, 0x61, 0xc0, 0xa8, 0x00, 0x01, 0xc0, 0xa8,
            0x00, 0xc7,
        ];
        assert_eq!(Checksum::new().with(&header).finish(), 0);
        assert_eq!(Checksum::new().with(&header[..10]).with(&header[12..]).finish(), 0xb861);
        // An odd byte at the end counts as the first of a pair.
        assert_eq!(Checksum::new().with(&[0x12]).finish(), !0x1200);
    }
}
