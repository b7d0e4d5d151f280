//! What went wrong in TLS, by name.

use rustls::pki_types::CertificateDer;
use rustls::{AlertDescription, CertificateError, Error};

use super::certificate;
use super::verifier::Seen;
use crate::event::{Failure, FailureCode, Phase};
use crate::probe::fault::fault;

/// A handshake's error, or an alert that came after it, charged to `tls`.
pub(super) fn explain(error: &Error, seen: &Seen, host: &str) -> Failure {
    let (code, message) = match error {
        // Before TLS 1.3 there is no alert of its own for a certificate that was asked for and not shown.
        Error::AlertReceived(AlertDescription::HandshakeFailure) if seen.unidentified => {
            received_alert(AlertDescription::CertificateRequired)
        }
        Error::AlertReceived(alert) => received_alert(*alert),
        Error::InvalidCertificate(reason) => certificate_error(reason, &seen.chain, host),
        Error::InvalidMessage(_) => {
            (FailureCode::TlsMalformed, format!("{host} answered with something that is not TLS"))
        }
        Error::PeerIncompatible(_) | Error::NoApplicationProtocol => {
            (FailureCode::TlsIncompatible, format!("nothing in common with {host}: {error}"))
        }
        other => (FailureCode::TlsFailed, format!("the handshake with {host} failed: {other}")),
    };
    fault(Phase::Tls, code, message)
}

fn received_alert(alert: AlertDescription) -> (FailureCode, String) {
    use AlertDescription as Alert;
    match alert {
        Alert::CertificateRequired => {
            (FailureCode::TlsClientCertificate, "the server wants a client certificate (-E FILE)".to_owned())
        }
        Alert::BadCertificate
        | Alert::UnsupportedCertificate
        | Alert::CertificateRevoked
        | Alert::CertificateExpired
        | Alert::CertificateUnknown
        | Alert::UnknownCA
        | Alert::AccessDenied => {
            (FailureCode::TlsClientCertificate, format!("the server refused the client certificate (alert {alert:?})"))
        }
        Alert::ProtocolVersion | Alert::InsufficientSecurity | Alert::NoApplicationProtocol => {
            (FailureCode::TlsIncompatible, format!("nothing in common with the server (alert {alert:?})"))
        }
        other => (FailureCode::TlsAlert, format!("the server ended the handshake (alert {other:?})")),
    }
}

fn certificate_error(reason: &CertificateError, chain: &[CertificateDer<'_>], host: &str) -> (FailureCode, String) {
    use CertificateError as Reason;
    let leaf = chain.first().map(certificate::describe);
    match reason {
        Reason::Expired | Reason::ExpiredContext { .. } => {
            let until = leaf.map(|leaf| leaf.not_after).unwrap_or_default();
            (FailureCode::TlsCertificateExpired, format!("the certificate of {host} expired on {until}"))
        }
        Reason::NotValidYet | Reason::NotValidYetContext { .. } => {
            let from = leaf.map(|leaf| leaf.not_before).unwrap_or_default();
            (FailureCode::TlsCertificateNotYetValid, format!("the certificate of {host} is valid from {from} only"))
        }
        Reason::NotValidForName | Reason::NotValidForNameContext { .. } => {
            let subject = leaf.map(|leaf| leaf.subject).unwrap_or_default();
            (FailureCode::TlsCertificateWrongName, format!("the certificate shown ({subject}) is not for {host}"))
        }
        _ if chain.first().is_some_and(certificate::is_self_issued) => (
            FailureCode::TlsCertificateSelfSigned,
            format!("the certificate of {host} is self-signed (trust it with --cacert FILE)"),
        ),
        // A signature that the trusted issuer of that name did not make: somebody else of the same name did.
        Reason::UnknownIssuer | Reason::BadSignature => {
            let issuer = leaf.map(|leaf| leaf.issuer).unwrap_or_default();
            (
                FailureCode::TlsCertificateUnknownIssuer,
                format!("the certificate of {host} has an unknown issuer: {issuer} (trust it with --cacert FILE)"),
            )
        }
        other => (FailureCode::TlsCertificateInvalid, format!("the certificate of {host} is not acceptable: {other}")),
    }
}
