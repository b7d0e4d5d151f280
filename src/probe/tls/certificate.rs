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

/// Whether a certificate is valid at a time, in seconds since 1970; what cannot be parsed never is.
pub(super) fn validity_at(der: &CertificateDer<'_>, epoch_seconds: u64) -> Validity {
    let at = i64::try_from(epoch_seconds).ok().and_then(|seconds| ASN1Time::from_timestamp(seconds).ok());
    match (X509Certificate::from_der(der), at) {
        (Ok((_, certificate)), Some(at)) if certificate.validity().is_valid_at(at) => Validity::Valid,
        (Ok((_, certificate)), Some(at)) if at < certificate.validity().not_before => Validity::NotYet,
        _ => Validity::NoLonger,
    }
}

/// Where a time lies with regard to a certificate's validity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Validity {
    NotYet,
    Valid,
    NoLonger,
}
