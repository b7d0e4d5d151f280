//! What an alert in the handshake says went wrong.

use crate::event::FailureCode;
use crate::message::tls::Alert;

/// What a client's alert says about the server's certificate (RFC 8446 §6.2).
pub(super) const fn code_of_client(alert: Alert) -> FailureCode {
    match alert.description {
        45 => FailureCode::TlsCertificateExpired,
        48 => FailureCode::TlsCertificateUnknownIssuer,
        42..=44 | 46 => FailureCode::TlsCertificateInvalid,
        70 | 71 | 120 => FailureCode::TlsIncompatible,
        _ => FailureCode::TlsAlert,
    }
}

/// What a server's alert says about the client.
pub(super) const fn code_of_server(alert: Alert) -> FailureCode {
    match alert.description {
        42..=46 | 48 | 49 | 116 => FailureCode::TlsClientCertificate,
        70 | 71 | 120 => FailureCode::TlsIncompatible,
        _ => FailureCode::TlsAlert,
    }
}
