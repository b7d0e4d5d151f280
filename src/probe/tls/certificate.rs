//! What certificates say of themselves.

use rustls::pki_types::CertificateDer;
use time::format_description::well_known::Rfc3339;
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::time::ASN1Time;

use crate::event::Certificate;

/// The readable parts of a certificate; what cannot be parsed says so.
pub(super) fn describe(der: &CertificateDer<'_>) -> Certificate {
    let unreadable = || Certificate {
        subject: "(unreadable)".to_owned(),
        issuer: "(unreadable)".to_owned(),
        not_before: String::new(),
        not_after: String::new(),
    };
    let Ok((_, certificate)) = X509Certificate::from_der(der) else { return unreadable() };
    Certificate {
        subject: certificate.subject().to_string(),
        issuer: certificate.issuer().to_string(),
        not_before: date(certificate.validity().not_before),
        not_after: date(certificate.validity().not_after),
    }
}

fn date(time: ASN1Time) -> String {
    time.to_datetime().format(&Rfc3339).unwrap_or_default()
}

/// Whether a certificate names itself as its issuer.
pub(super) fn is_self_issued(der: &CertificateDer<'_>) -> bool {
    X509Certificate::from_der(der).is_ok_and(|(_, certificate)| certificate.subject() == certificate.issuer())
}

/// Whether a certificate is valid at a time, in seconds since 1970.
pub(super) fn is_valid_at(der: &CertificateDer<'_>, epoch_seconds: u64) -> bool {
    let at = i64::try_from(epoch_seconds).ok().and_then(|seconds| ASN1Time::from_timestamp(seconds).ok());
    X509Certificate::from_der(der)
        .ok()
        .zip(at)
        .is_some_and(|((_, certificate), at)| certificate.validity().is_valid_at(at))
}
