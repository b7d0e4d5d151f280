//! Why a trace ended early: a phase, a stable code, a sentence.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Phase;

/// A failed request is a result: where it failed, what kind of failure, and a sentence for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The phase that the failure is charged to.
    pub phase: Phase,
    /// The stable name of the failure: match on this, never on the message.
    pub code: FailureCode,
    /// What happened, with the objects named.
    pub message: String,
}

/// Declares the codes once: variant, stable name, curl's exit status for the same failure.
macro_rules! failure_codes {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $exit:literal;)*) => {
        /// The stable names of failures. The part before the dot is the phase in which such a failure arises, or `http` or
        /// `client` where it can be any.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum FailureCode {
            $($(#[$doc])* #[serde(rename = $name)] $variant,)*
        }

        impl FailureCode {
            /// Every code.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The stable name.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            /// The exit status that curl uses for the same failure; 1 where this program's list of statuses has none.
            #[must_use]
            pub const fn exit_status(self) -> u8 {
                match self {
                    $(Self::$variant => $exit,)*
                }
            }
        }
    };
}

failure_codes! {
    /// No server answered in time.
    DnsTimeout = "dns.timeout", 28;
    /// The name does not exist (RFC 1035 §4.1.1, RCODE 3).
    DnsNxdomain = "dns.nxdomain", 6;
    /// The name exists and has no address of the wanted family.
    DnsNoAddresses = "dns.no_addresses", 6;
    /// The servers failed or refused (any other RCODE).
    DnsServerFailure = "dns.server_failure", 6;
    /// What came back is not an answer to the question.
    DnsMalformed = "dns.malformed", 6;
    /// No server could be reached at all.
    DnsUnreachable = "dns.unreachable", 6;
    /// Nothing listens at the address (`ECONNREFUSED`).
    ConnectRefused = "connect.refused", 7;
    /// No address answered in time.
    ConnectTimeout = "connect.timeout", 28;
    /// No route to the address (`ENETUNREACH`, `EHOSTUNREACH`).
    ConnectUnreachable = "connect.unreachable", 7;
    /// Any other failure to connect.
    ConnectFailed = "connect.failed", 7;
    /// The proxy answered CONNECT with something else than 2xx.
    ConnectProxyRefused = "connect.proxy_refused", 56;
    /// The handshake did not end in time.
    TlsTimeout = "tls.timeout", 28;
    /// The peer closed the connection during the handshake.
    TlsClosed = "tls.closed", 35;
    /// The peer reset the connection during the handshake.
    TlsReset = "tls.reset", 35;
    /// What came back is not TLS.
    TlsMalformed = "tls.malformed", 35;
    /// The peer ended the handshake with an alert (RFC 8446 §6).
    TlsAlert = "tls.alert", 35;
    /// The peer wants a client certificate, or refuses the one it got.
    TlsClientCertificate = "tls.client_certificate", 35;
    /// No version, cipher suite or protocol in common.
    TlsIncompatible = "tls.incompatible", 35;
    /// Any other failure of the handshake.
    TlsFailed = "tls.failed", 35;
    /// The certificate is no longer valid.
    TlsCertificateExpired = "tls.certificate_expired", 60;
    /// The certificate is not valid yet.
    TlsCertificateNotYetValid = "tls.certificate_not_yet_valid", 60;
    /// The certificate is its own issuer and not trusted.
    TlsCertificateSelfSigned = "tls.certificate_self_signed", 60;
    /// No trusted certificate issued it.
    TlsCertificateUnknownIssuer = "tls.certificate_unknown_issuer", 60;
    /// The certificate is for other names.
    TlsCertificateWrongName = "tls.certificate_wrong_name", 60;
    /// The certificate cannot be accepted for another reason.
    TlsCertificateInvalid = "tls.certificate_invalid", 60;
    /// The request could not be written in time.
    SendTimeout = "send.timeout", 28;
    /// The peer closed or reset the connection while the request was being written.
    SendFailed = "send.failed", 1;
    /// No response began in time.
    WaitTimeout = "wait.timeout", 28;
    /// The peer closed the connection without a response.
    WaitClosed = "wait.closed", 52;
    /// The peer reset the connection without a response.
    WaitReset = "wait.reset", 56;
    /// The response did not end in time.
    ReceiveTimeout = "receive.timeout", 28;
    /// The peer closed the connection in the middle of the response.
    ReceiveClosed = "receive.closed", 56;
    /// The peer reset the connection in the middle of the response.
    ReceiveReset = "receive.reset", 56;
    /// What came back is not HTTP.
    HttpMalformed = "http.malformed", 1;
    /// The response's head is longer than this program accepts.
    HttpHeadTooLarge = "http.head_too_large", 56;
    /// The framing of the body contradicts itself (RFC 9112 §6.3).
    HttpBadFraming = "http.bad_framing", 56;
    /// The peer ended the HTTP/2 stream or connection with an error (RFC 9113 §7).
    HttpStreamError = "http.stream_error", 56;
    /// The body is not in the content coding that the head names.
    HttpBadContentCoding = "http.bad_content_coding", 1;
    /// The request cannot be made: a file is missing, an option does not fit.
    ClientCannotSend = "client.cannot_send", 1;
    /// The body cannot be written where the user wants it.
    ClientCannotWrite = "client.cannot_write", 1;
    /// The user pressed Ctrl-C.
    ClientInterrupted = "client.interrupted", 130;
}

impl fmt::Display for FailureCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_and_display_use_the_same_names_and_none_stands_twice() {
        let mut names: Vec<&str> = FailureCode::ALL.iter().map(|code| code.as_str()).collect();
        for code in FailureCode::ALL {
            assert_eq!(serde_json::to_string(code).unwrap(), format!("\"{code}\""));
        }
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), FailureCode::ALL.len());
    }
}
