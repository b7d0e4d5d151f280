//! A certificate authority for one run of the lab, and the servers' side of TLS.
//!
//! Invariant: the authority's key is dropped at the end of [`make`]; nothing that trusts it can be fooled afterwards.

use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::version::TLS12;
use rustls::{ServerConfig, SupportedProtocolVersion};
use time::OffsetDateTime;

use crate::time::{Realtime, Timestamp};

/// How the servers speak TLS, all with one certificate.
#[derive(Clone, Debug)]
pub(super) struct Servers {
    /// TLS 1.3 and 1.2, HTTP/2 and HTTP/1.1.
    pub(super) current: Arc<ServerConfig>,
    /// As Classic Load Balancers do: TLS 1.2, and no word of what is spoken in it.
    pub(super) classic: Arc<ServerConfig>,
}

/// What TLS servers need, and what clients need to trust them.
pub(super) struct Credentials {
    pub(super) servers: Servers,
    /// The authority's certificate.
    pub(super) ca_pem: String,
}

/// Why there are no certificates.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A key or certificate could not be made.
    #[error("cannot make the lab's certificates")]
    Make(#[from] rcgen::Error),
    /// The TLS library does not accept them.
    #[error("cannot configure the lab's TLS servers")]
    Configure(#[from] rustls::Error),
}

/// Makes an authority and one certificate for all `hosts`, valid from an hour before `now` for 30 days.
pub(super) fn make<'host>(
    hosts: impl Iterator<Item = &'host str>,
    now: Timestamp<Realtime>,
) -> Result<Credentials, CertificateError> {
    let now = OffsetDateTime::from_unix_timestamp_nanos(now.as_nanos().into()).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let valid = |mut params: CertificateParams, name: &str| {
        params.not_before = now - time::Duration::hours(1);
        params.not_after = now + time::Duration::days(30);
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        params
    };

    let mut authority = valid(CertificateParams::new([])?, "wirefall lab CA");
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let authority_key = KeyPair::generate()?;
    let ca_pem = authority.self_signed(&authority_key)?.pem();
    let issuer = Issuer::new(authority, authority_key);

    let hosts: Vec<String> = hosts.map(str::to_owned).collect();
    let mut leaf = valid(CertificateParams::new(hosts)?, "lab.test");
    leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    leaf.use_authority_key_identifier_extension = true;
    let key = KeyPair::generate()?;
    let certificate = leaf.signed_by(&key, &issuer)?;

    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let server = |versions: &[&'static SupportedProtocolVersion]| {
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(versions)?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
    };
    let mut current = server(rustls::DEFAULT_VERSIONS)?;
    current.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let servers = Servers { current: Arc::new(current), classic: Arc::new(server(&[&TLS12])?) };
    Ok(Credentials { servers, ca_pem })
}
