//! Everything of TLS that is the same for every connection of a run, prepared before any clock starts.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, KeyLog, NoKeyLog, RootCertStore, SupportedProtocolVersion};

use super::keylog::KeyLogFile;
use super::verifier::{Policy, Witness};
use crate::target::{ClientIdentity, TlsOptions, TlsVersion, Trust};

/// Why TLS cannot be set up as asked: the run cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum TlsSetupError {
    /// A PEM file cannot be read, or holds nothing of use.
    #[error("{flag} {}: expected a PEM file with {expected}", path.display())]
    Pem {
        /// The flag that names it.
        flag: &'static str,
        /// The file.
        path: PathBuf,
        /// What it should hold.
        expected: &'static str,
        /// What the parser says.
        #[source]
        source: Option<rustls::pki_types::pem::Error>,
    },
    /// The system has no usable trust store.
    #[error("no trusted certificates found on this system: name a bundle with --cacert, or skip the check with -k")]
    NoRoots,
    /// The roots cannot be used.
    #[error("the trusted certificates cannot be used")]
    Roots(#[source] rustls::client::VerifierBuilderError),
    /// Certificate and key do not belong together, or are of a kind that TLS cannot use.
    #[error("the client certificate {} cannot be used", path.display())]
    Identity {
        /// The certificate's file.
        path: PathBuf,
        /// Why.
        #[source]
        source: rustls::Error,
    },
    /// The key log cannot be opened.
    #[error("the key log {} cannot be opened for appending", path.display())]
    KeyLog {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// `--tlsv1.3` with `--tls-max 1.2`.
    #[error("no TLS version is left between the oldest and the newest allowed one")]
    NoVersion(#[source] rustls::Error),
}

/// A TLS client for one run.
#[derive(Clone, Debug)]
pub(crate) struct TlsClient {
    config: ClientConfig,
    policy: Policy,
    /// Watches all handshakes that share sessions: the TLS library resumes a session only under the verifier that it was
    /// made under. `None` where no sessions are shared, and handshakes may run beside one another.
    witness: Option<Arc<Witness>>,
}

impl TlsClient {
    /// Loads roots, client certificate and key log. This is slow compared with a handshake.
    pub(crate) fn new(options: &TlsOptions) -> Result<Self, TlsSetupError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let policy = policy(&options.trust, &provider)?;
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&versions(options))
            .map_err(TlsSetupError::NoVersion)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Witness::new(policy.clone())));
        let mut config = match &options.identity {
            None => builder.with_no_client_auth(),
            Some(identity) => {
                let (chain, key) = load_identity(identity)?;
                builder
                    .with_client_auth_cert(chain, key)
                    .map_err(|source| TlsSetupError::Identity { path: identity.certificates.clone(), source })?
            }
        };
        config.key_log = key_log(options.keylog.as_deref())?;
        config.resumption = Resumption::disabled();
        Ok(Self { config, policy, witness: None })
    }

    /// The same client with a session store of its own: sessions are resumed among its copies, not beyond. Their handshakes
    /// must follow one another.
    pub(crate) fn with_fresh_sessions(&self) -> Self {
        let mut fresh = self.clone();
        fresh.config.resumption = Resumption::in_memory_sessions(8);
        fresh.witness = Some(Arc::new(Witness::new(self.policy.clone())));
        fresh
    }

    /// What one handshake needs: the configuration, and who watches.
    pub(super) fn for_handshake(&self, alpn: &[&[u8]]) -> (Arc<ClientConfig>, Arc<Witness>) {
        let witness = self.witness.clone().unwrap_or_else(|| Arc::new(Witness::new(self.policy.clone())));
        witness.forget();
        let mut config = self.config.clone();
        config.dangerous().set_certificate_verifier(Arc::<Witness>::clone(&witness));
        config.alpn_protocols = alpn.iter().map(|protocol| protocol.to_vec()).collect();
        (Arc::new(config), witness)
    }
}

fn versions(options: &TlsOptions) -> Vec<&'static SupportedProtocolVersion> {
    [(TlsVersion::V12, &rustls::version::TLS12), (TlsVersion::V13, &rustls::version::TLS13)]
        .into_iter()
        .filter(|(version, _)| (options.min..=options.max).contains(version))
        .map(|(_, supported)| supported)
        .collect()
}

fn policy(trust: &Trust, provider: &Arc<CryptoProvider>) -> Result<Policy, TlsSetupError> {
    let (certificates, exact) = match trust {
        Trust::Anyone => return Ok(Policy::Anyone(provider.signature_verification_algorithms)),
        Trust::System => (system_roots(), Vec::new()),
        Trust::File(path) => {
            let certificates = read_certificates("--cacert", path)?;
            (certificates.clone(), certificates)
        }
    };
    let mut roots = RootCertStore::empty();
    let (usable, _) = roots.add_parsable_certificates(certificates);
    if usable == 0 {
        return Err(TlsSetupError::NoRoots);
    }
    let webpki = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
        .build()
        .map_err(TlsSetupError::Roots)?;
    Ok(Policy::Chain { webpki, exact: Arc::new(exact) })
}

/// The system's bundle. On systems that keep one file, that file alone: a directory beside it holds the same certificates
/// once more, each in a file of its own, which takes longer to read than a handshake takes.
fn system_roots() -> Vec<CertificateDer<'static>> {
    let from_bundle = openssl_probe::probe()
        .cert_file
        .map(|bundle| rustls_native_certs::load_certs_from_paths(Some(&bundle), None).certs)
        .unwrap_or_default();
    if from_bundle.is_empty() { rustls_native_certs::load_native_certs().certs } else { from_bundle }
}

fn read_certificates(flag: &'static str, path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsSetupError> {
    let error = |source| TlsSetupError::Pem { flag, path: path.to_owned(), expected: "certificates", source };
    let certificates: Vec<_> = CertificateDer::pem_file_iter(path)
        .map_err(|source| error(Some(source)))?
        .collect::<Result<_, _>>()
        .map_err(|source| error(Some(source)))?;
    if certificates.is_empty() { Err(error(None)) } else { Ok(certificates) }
}

fn load_identity(
    identity: &ClientIdentity,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), TlsSetupError> {
    let chain = read_certificates("--cert", &identity.certificates)?;
    let key = PrivateKeyDer::from_pem_file(&identity.key).map_err(|source| TlsSetupError::Pem {
        flag: "--key",
        path: identity.key.clone(),
        expected: "a private key without a password",
        source: Some(source),
    })?;
    Ok((chain, key))
}

fn key_log(path: Option<&Path>) -> Result<Arc<dyn KeyLog>, TlsSetupError> {
    let Some(path) = path else { return Ok(Arc::new(NoKeyLog)) };
    let file = KeyLogFile::open(path).map_err(|source| TlsSetupError::KeyLog { path: path.to_owned(), source })?;
    Ok(Arc::new(file))
}
