//! How TLS is spoken: whom to trust, who one is, which versions.
//!
//! Deliberately absent: reading certificates and keys, and ciphers, which the TLS library chooses.

use std::path::PathBuf;
use std::str::FromStr;

/// How TLS is spoken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsOptions {
    /// Whom to trust.
    pub trust: Trust,
    /// `-E` and `--key`: PEM files.
    pub identity: Option<ClientIdentity>,
    /// The oldest version offered.
    pub min: TlsVersion,
    /// The newest version offered.
    pub max: TlsVersion,
    /// `--keylog` or `SSLKEYLOGFILE`: secrets are appended here, in NSS's format.
    pub keylog: Option<PathBuf>,
}

impl Default for TlsOptions {
    fn default() -> Self {
        Self { trust: Trust::System, identity: None, min: TlsVersion::V12, max: TlsVersion::V13, keylog: None }
    }
}

/// Whom to trust.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Trust {
    /// The system's store (`SSL_CERT_FILE` and `SSL_CERT_DIR` are honoured).
    #[default]
    System,
    /// `--cacert`: only the certificates in this PEM file.
    File(PathBuf),
    /// `-k`: anyone.
    Anyone,
}

/// A client certificate chain and its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientIdentity {
    /// PEM: the certificate, then its issuers.
    pub certificates: PathBuf,
    /// PEM: the key; the same file where the user gave no other.
    pub key: PathBuf,
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsVersion {
    /// RFC 5246.
    V12,
    /// RFC 8446.
    V13,
}

/// Why a text is no version of TLS that is spoken here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected 1.2, 1.3 or default, got {0:?}")]
pub struct TlsVersionError(String);

/// Reads `1.2`, `1.3` or `default`, the newest. Older versions are obsolete (RFC 8996) and not spoken.
impl FromStr for TlsVersion {
    type Err = TlsVersionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "1.2" => Ok(Self::V12),
            "1.3" | "default" => Ok(Self::V13),
            _ => Err(TlsVersionError(text.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_versions_are_spoken() {
        for (text, expect) in [
            ("1.2", Ok(TlsVersion::V12)),
            ("1.3", Ok(TlsVersion::V13)),
            ("default", Ok(TlsVersion::V13)),
            ("1.1", Err(TlsVersionError("1.1".into()))),
            ("", Err(TlsVersionError(String::new()))),
        ] {
            assert_eq!(text.parse(), expect, "{text}");
        }
    }
}
