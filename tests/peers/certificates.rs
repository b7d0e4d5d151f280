//! Certificates for one test: an authority, and what it issues.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use time::{Duration, OffsetDateTime};

/// The name of the servers.
pub(crate) const HOST: &str = "peer.test";

/// When a certificate can be used.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Validity {
    Now,
    Over,
    NotYet,
}

/// Signs certificates.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

/// Writes into `directory` what a server with TLS needs: `ca.pem`; `server.pem`, a certificate of [`HOST`] with its key.
pub(crate) fn write_credentials(directory: &Path) {
    let authority = Authority::new();
    authority.write(&directory.join("ca.pem"));
    authority.issue(HOST, Validity::Now, &directory.join("server.pem"));
}

impl Authority {
    /// An authority with a name that no other has: verifiers find authorities by their names.
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(1);
        let name = format!("wirefall peers CA {}", COUNT.fetch_add(1, Ordering::Relaxed));
        let mut params = params(&name, Validity::Now, vec![]);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().expect("a key");
        let pem = params.self_signed(&key).expect("an authority").pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// Its certificate.
    pub(crate) fn write(&self, file: &Path) {
        fs::write(file, &self.pem).expect("a certificate can be written");
    }

    /// A certificate for `name` and its key, in one PEM file, as haproxy wants them and the others read them too.
    pub(crate) fn issue(&self, name: &str, validity: Validity, file: &Path) {
        let mut params = params(name, validity, vec![name.to_owned()]);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        fs::write(file, certificate.pem() + &key.serialize_pem()).expect("a certificate can be written");
    }
}

/// A certificate for `name` that is its own issuer, and its key.
pub(crate) fn issue_to_itself(name: &str, file: &Path) {
    let key = KeyPair::generate().expect("a key");
    let params = params(name, Validity::Now, vec![name.to_owned()]);
    let certificate = params.self_signed(&key).expect("a certificate");
    fs::write(file, certificate.pem() + &key.serialize_pem()).expect("a certificate can be written");
}

fn params(name: &str, validity: Validity, hosts: Vec<String>) -> CertificateParams {
    let now = OffsetDateTime::now_utc();
    let day = Duration::days(1);
    let mut params = CertificateParams::new(hosts).expect("names");
    (params.not_before, params.not_after) = match validity {
        Validity::Now => (now - day, now + day),
        Validity::Over => (now - day * 3, now - day),
        Validity::NotYet => (now + day, now + day * 3),
    };
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}
