//! An address with the length of its network part: `198.18.0.0/15`.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// A network, or an address within one. The length never exceeds that of the address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Prefix {
    address: IpAddr,
    length: u8,
}

/// A text that is no prefix.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected an address and a length, such as 198.18.0.0/15, got {0:?}")]
pub struct PrefixError(String);

impl Prefix {
    /// An address with the length of its network part; too long a length is that of the whole address.
    #[must_use]
    pub const fn new(address: IpAddr, length: u8) -> Self {
        let longest = longest(address);
        Self { address, length: if length > longest { longest } else { length } }
    }

    /// Whether it is one address and no network.
    #[must_use]
    pub const fn is_host(self) -> bool {
        self.length == longest(self.address)
    }

    /// The address alone: /32 or /128.
    #[must_use]
    pub const fn host(address: IpAddr) -> Self {
        Self { address, length: longest(address) }
    }

    /// The address.
    #[must_use]
    pub const fn address(self) -> IpAddr {
        self.address
    }

    /// How many leading bits name the network.
    #[must_use]
    pub const fn length(self) -> u8 {
        self.length
    }

    /// Whether an address is in this network.
    #[must_use]
    pub const fn contains(self, address: IpAddr) -> bool {
        let (difference, longest) = match (self.address, address) {
            (IpAddr::V4(own), IpAddr::V4(other)) => ((own.to_bits() ^ other.to_bits()) as u128, 32),
            (IpAddr::V6(own), IpAddr::V6(other)) => (own.to_bits() ^ other.to_bits(), 128),
            _ => return false,
        };
        match difference.checked_shr(longest - self.length as u32) {
            Some(different) => different == 0,
            None => true,
        }
    }
}

const fn longest(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

impl FromStr for Prefix {
    type Err = PrefixError;

    fn from_str(text: &str) -> Result<Self, PrefixError> {
        let parse = || {
            let (address, length) = text.split_once('/')?;
            let (address, length) = (address.parse().ok()?, length.parse().ok()?);
            (length <= longest(address)).then_some(Self { address, length })
        };
        parse().ok_or_else(|| PrefixError(text.to_owned()))
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_in_a_network_or_not() {
        for (prefix, address, expect) in [
            ("198.18.0.0/15", "198.19.255.255", true),
            ("198.18.0.0/15", "198.20.0.0", false),
            ("0.0.0.0/0", "127.0.0.1", true),
            ("0.0.0.0/0", "::1", false),
            ("198.18.1.1/32", "198.18.1.1", true),
            ("198.18.1.1/32", "198.18.1.2", false),
            ("fd77::/16", "fd77:1::1", true),
            ("fd77::/16", "fd78::1", false),
            ("::/0", "fd78::1", true),
            ("fd77::1/128", "fd77::1", true),
        ] {
            let parsed: Prefix = prefix.parse().unwrap();
            assert_eq!(parsed.contains(address.parse().unwrap()), expect, "{address} in {prefix}");
            assert_eq!(parsed.to_string(), prefix);
        }
    }

    #[test]
    fn what_is_no_prefix_is_refused() {
        for text in ["", "198.18.0.0", "198.18.0.0/33", "::1/129", "host/8", "198.18.0.0/-1"] {
            assert_eq!(text.parse::<Prefix>(), Err(PrefixError(text.to_owned())));
        }
    }
}
