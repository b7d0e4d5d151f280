//! The registry's names for the numbers in hellos and alerts.

use rustls::{AlertDescription, CipherSuite, NamedGroup};

/// `TLSv1.3`, `TLSv1.2`, …; the number where nobody named it.
#[must_use]
pub fn version_name(version: u16) -> String {
    match version {
        0x0300 => "SSLv3".to_owned(),
        0x0301 => "TLSv1.0".to_owned(),
        0x0302 => "TLSv1.1".to_owned(),
        0x0303 => "TLSv1.2".to_owned(),
        0x0304 => "TLSv1.3".to_owned(),
        other => format!("0x{other:04x}"),
    }
}

/// The cipher suite's IANA name.
#[must_use]
pub fn cipher_name(suite: u16) -> String {
    match CipherSuite::from(suite) {
        CipherSuite::Unknown(number) => format!("0x{number:04x}"),
        known => {
            let name = format!("{known:?}");
            name.strip_prefix("TLS13_").map_or_else(|| name.clone(), |rest| format!("TLS_{rest}"))
        }
    }
}

/// The key exchange group's name.
#[must_use]
pub fn group_name(group: u16) -> String {
    match NamedGroup::from(group) {
        NamedGroup::Unknown(number) => format!("0x{number:04x}"),
        known => format!("{known:?}"),
    }
}

/// What an alert says (RFC 8446 §6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Alert {
    /// The number of its description.
    pub description: u8,
}

impl Alert {
    /// "I will send nothing more": no failure.
    pub const CLOSE_NOTIFY: Self = Self { description: 0 };

    /// An alert in clear text: two bytes, the level of the first meaning nothing any more (RFC 8446 §6).
    #[must_use]
    pub const fn parse(body: &[u8]) -> Option<Self> {
        match body {
            [1 | 2, description] => Some(Self { description: *description }),
            _ => None,
        }
    }

    /// The name of its description.
    #[must_use]
    pub fn name(self) -> String {
        match AlertDescription::from(self.description) {
            AlertDescription::Unknown(number) => format!("alert {number}"),
            known => format!("{known:?}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_names_that_the_client_gives_them() {
        assert_eq!(version_name(0x0304), "TLSv1.3");
        assert_eq!(version_name(0x7f1c), "0x7f1c");
        assert_eq!(cipher_name(0x1301), "TLS_AES_128_GCM_SHA256");
        assert_eq!(cipher_name(0xc02f), "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256");
        assert_eq!(cipher_name(0x0a0a), "0x0a0a");
        assert_eq!(group_name(0x001d), "X25519");
        assert_eq!(group_name(0x11ec), "X25519MLKEM768");
        assert_eq!(Alert::parse(&[2, 40]).unwrap().name(), "HandshakeFailure");
        assert_eq!(Alert::parse(&[2, 40, 0]), None);
        assert_eq!(Alert::parse(&[7, 40]), None);
    }
}
