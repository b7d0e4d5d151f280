//! What a flow is found by: both ends, in an order that does not depend on the direction.

use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::net::{IpAddr, SocketAddr};

/// Addresses (IPv4 as its mapped form, RFC 4291 §2.5.5.2) and ports, the lesser end first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key {
    lesser: u128,
    greater: u128,
    ports: u32,
}

impl Key {
    /// The key of a packet, and whether it comes from the lesser end.
    #[inline]
    pub(super) fn of(source: SocketAddr, destination: SocketAddr) -> (Self, bool) {
        let (from, to) = (bits(source.ip()), bits(destination.ip()));
        let is_lesser = (from, source.port()) <= (to, destination.port());
        let (lesser, greater, low, high) = if is_lesser {
            (from, to, source.port(), destination.port())
        } else {
            (to, from, destination.port(), source.port())
        };
        (Self { lesser, greater, ports: u32::from(low) << 16 | u32::from(high) }, is_lesser)
    }
}

#[inline]
fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => 0xffff_0000_0000 | u128::from(address.to_bits()),
        IpAddr::V6(address) => address.to_bits(),
    }
}

impl Hash for Key {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        #[expect(clippy::cast_possible_truncation, reason = "halves of 128 bits")]
        let halves = |bits: u128| [bits as u64, (bits >> 64) as u64];
        let [low, high] = halves(self.lesser);
        let [other_low, other_high] = halves(self.greater);
        for word in [low ^ u64::from(self.ports).rotate_left(32), other_low, high ^ other_high.rotate_left(17)] {
            state.write_u64(word);
        }
    }
}

pub(super) type KeyHasher = BuildHasherDefault<Mixer>;

/// Multiplies and folds: fast, and good enough for addresses. Whoever can choose all ports and addresses in a capture can
/// make it slow, but not large.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Mixer(u64);

impl Hasher for Mixer {
    #[inline]
    fn write_u64(&mut self, word: u64) {
        let product = u128::from(self.0 ^ word ^ 0x9e37_79b9_7f4a_7c15) * 0xd6e8_feb8_6659_fd93;
        #[expect(clippy::cast_possible_truncation, reason = "folds 128 bits into 64")]
        let folded = (product ^ (product >> 64)) as u64;
        self.0 = folded;
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    #[inline]
    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::hash::BuildHasher;

    use super::*;

    #[test]
    fn both_directions_have_one_key() {
        let ends = ["10.0.0.1:443", "10.0.0.1:80", "10.0.0.2:443", "[::1]:443"].map(|text| text.parse().unwrap());
        for one in ends {
            for other in ends {
                let ((key, is_lesser), (back, is_greater)) = (Key::of(one, other), Key::of(other, one));
                assert_eq!(key, back);
                assert!(is_lesser != is_greater || one == other, "{one} {other}");
            }
        }
    }

    #[test]
    fn neighbours_fall_apart() {
        let hasher = KeyHasher::default();
        let server: SocketAddr = "198.51.100.1:443".parse().unwrap();
        let hash =
            |third: u8, port: u16| hasher.hash_one(Key::of(SocketAddr::from(([10, 0, third, 1], port)), server).0);
        let all: Vec<u64> = (0..20)
            .flat_map(|third| (32_768..33_768).map(move |port| (third, port)))
            .map(|(third, port)| hash(third, port))
            .collect();
        let buckets: HashSet<u64> = all.iter().map(|hash| hash & 0x7fff).collect();
        let tops: HashSet<u64> = all.iter().map(|hash| hash >> 57).collect();
        // 20,000 balls into 32,768 bins leave 1 - 1/e^0.61 of them filled: 14,900.
        assert!(buckets.len() > 14_000, "{}", buckets.len());
        assert_eq!(tops.len(), 128);
    }
}
