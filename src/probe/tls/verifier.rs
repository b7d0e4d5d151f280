//! Checks certificates as asked, and remembers what it saw and when it was done.

use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::ResolvesClientCert;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::sign::CertifiedKey;
use rustls::{CertificateError, DigitallySignedStruct, Error, SignatureScheme};

use super::certificate::{self, Validity};
use crate::probe::clock;
use crate::time::{Monotonic, Timestamp};

/// What makes a certificate acceptable.
#[derive(Clone, Debug)]
pub(super) enum Policy {
    /// A chain to one of the roots. A certificate that stands itself among `exact` is accepted without a chain, as OpenSSL
    /// does with `--cacert`: a self-signed one has none.
    Chain {
        /// Builds and checks the chain.
        webpki: Arc<rustls::client::WebPkiServerVerifier>,
        /// Certificates trusted as they are.
        exact: Arc<Vec<CertificateDer<'static>>>,
    },
    /// `-k`: anything goes, though what is signed must still be signed by the key shown.
    Anyone(rustls::crypto::WebPkiSupportedAlgorithms),
}

/// What was seen in the latest handshake.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    /// The chain as sent, the server's own first.
    pub(super) chain: Vec<CertificateDer<'static>>,
    /// When chain and signature had been checked.
    pub(super) verified: Option<Timestamp<Monotonic>>,
    /// The server asked for a client certificate and there was none to show.
    pub(super) unidentified: bool,
}

/// A verifier for one handshake at a time.
#[derive(Debug)]
pub(super) struct Witness {
    policy: Policy,
    seen: Mutex<Seen>,
}

impl Witness {
    pub(super) fn new(policy: Policy) -> Self {
        Self { policy, seen: Mutex::default() }
    }

    /// A handshake begins: nothing of it has been seen.
    pub(super) fn forget(&self) {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Seen::default();
    }

    pub(super) fn seen(&self) -> Seen {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn checked(&self, result: Result<HandshakeSignatureValid, Error>) -> Result<HandshakeSignatureValid, Error> {
        if result.is_ok() && matches!(self.policy, Policy::Chain { .. }) {
            self.seen.lock().unwrap_or_else(PoisonError::into_inner).verified = Some(clock::now());
        }
        result
    }
}

impl ServerCertVerifier for Witness {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let chain = std::iter::once(end_entity).chain(intermediates).map(|der| der.clone().into_owned()).collect();
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).chain = chain;
        match &self.policy {
            Policy::Anyone(_) => Ok(ServerCertVerified::assertion()),
            Policy::Chain { webpki, exact } => {
                webpki.verify_server_cert(end_entity, intermediates, name, ocsp, now).or_else(|error| {
                    if exact.contains(end_entity) { trusted_itself(end_entity, name, now) } else { Err(error) }
                })
            }
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.checked(match &self.policy {
            Policy::Chain { webpki, .. } => webpki.verify_tls12_signature(message, certificate, signed),
            Policy::Anyone(algorithms) => {
                rustls::crypto::verify_tls12_signature(message, certificate, signed, algorithms)
            }
        })
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.checked(match &self.policy {
            Policy::Chain { webpki, .. } => webpki.verify_tls13_signature(message, certificate, signed),
            Policy::Anyone(algorithms) => {
                rustls::crypto::verify_tls13_signature(message, certificate, signed, algorithms)
            }
        })
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        match &self.policy {
            Policy::Chain { webpki, .. } => webpki.supported_verify_schemes(),
            Policy::Anyone(algorithms) => algorithms.supported_schemes(),
        }
    }
}

/// The client's identity where it has none: what is noted is that the server asked for one.
impl ResolvesClientCert for Witness {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).unidentified = true;
        None
    }

    fn has_certs(&self) -> bool {
        false
    }
}

/// A certificate that the user trusts by itself still needs the right name and date.
fn trusted_itself(
    certificate: &CertificateDer<'_>,
    name: &ServerName<'_>,
    now: UnixTime,
) -> Result<ServerCertVerified, Error> {
    match certificate::validity_at(certificate, now.as_secs()) {
        Validity::Valid => {}
        Validity::NotYet => return Err(Error::InvalidCertificate(CertificateError::NotValidYet)),
        Validity::NoLonger => return Err(Error::InvalidCertificate(CertificateError::Expired)),
    }
    rustls::client::verify_server_name(&ParsedCertificate::try_from(certificate)?, name)?;
    Ok(ServerCertVerified::assertion())
}
