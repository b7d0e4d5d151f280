//! Everything of TLS that is the same for every connection of a run, prepared before any clock starts.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, KeyLog, NoKeyLog, RootCertStore, SupportedProtocolVersion};

use super::bundle;
use super::keylog::{KeyLogFile, SecretsLog};
use super::verifier::{Policy, Witness};
use crate::probe::tap::Tap;
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

/// A TLS client that is set up once it is needed: a machine without a trust store can still ask for `http` URLs, and nobody
/// pays for a store that is not used.
#[derive(Debug)]
pub(crate) struct LazyTls {
    options: TlsOptions,
    tap: Option<Arc<dyn Tap>>,
    client: OnceLock<TlsClient>,
}

impl LazyTls {
    /// A tap that keeps secrets learns those of all handshakes.
    pub(crate) fn new(options: TlsOptions, tap: Option<Arc<dyn Tap>>) -> Self {
        Self { options, tap, client: OnceLock::new() }
    }

    /// The client; the first call sets it up, and belongs before any clock starts.
    pub(crate) fn client(&self) -> Result<&TlsClient, TlsSetupError> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let client = TlsClient::new(&self.options, self.tap.as_ref())?;
        Ok(self.client.get_or_init(|| client))
    }
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
    pub(crate) fn new(options: &TlsOptions, tap: Option<&Arc<dyn Tap>>) -> Result<Self, TlsSetupError> {
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
        config.key_log = key_log(options.keylog.as_deref(), tap)?;
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
        if !config.client_auth_cert_resolver.has_certs() {
            config.client_auth_cert_resolver = Arc::<Witness>::clone(&witness);
        }
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
    chain_to(certificates, exact, provider)
}

/// Trust in chains to these roots. Those that cannot be roots are left out, as long as any is left.
fn chain_to(
    certificates: Vec<CertificateDer<'static>>,
    exact: Vec<CertificateDer<'static>>,
    provider: &Arc<CryptoProvider>,
) -> Result<Policy, TlsSetupError> {
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
    let from_bundle = openssl_probe::probe().cert_file.map(|file| bundled(&file)).unwrap_or_default();
    if from_bundle.is_empty() { rustls_native_certs::load_native_certs().certs } else { from_bundle }
}

/// The certificates of one file; what is broken in it is passed over.
fn bundled(file: &Path) -> Vec<CertificateDer<'static>> {
    let plain = File::open(file).ok().and_then(|pem| bundle::certificates(BufReader::new(pem)));
    plain.unwrap_or_else(|| rustls_native_certs::load_certs_from_paths(Some(file), None).certs)
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

fn key_log(path: Option<&Path>, tap: Option<&Arc<dyn Tap>>) -> Result<Arc<dyn KeyLog>, TlsSetupError> {
    let tap = tap.filter(|tap| tap.keeps_notes());
    if path.is_none() && tap.is_none() {
        return Ok(Arc::new(NoKeyLog));
    }
    let file =
        |path: &Path| KeyLogFile::open(path).map_err(|source| TlsSetupError::KeyLog { path: path.to_owned(), source });
    Ok(Arc::new(SecretsLog::new(path.map(file).transpose()?, tap.cloned())))
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::time::Duration;

    use rcgen::{
        BasicConstraints, CertificateParams, DnType, GeneralSubtree, IsCa, Issuer, KeyPair, NameConstraints,
        date_time_ymd,
    };
    use rustls::client::danger::ServerCertVerifier;
    use rustls::pki_types::{ServerName, UnixTime};

    use super::super::failure;
    use super::*;
    use crate::event::FailureCode;

    const HOST: &str = "a.test";
    const BROKEN: &str = "-----BEGIN CERTIFICATE-----\nA?==\n-----END CERTIFICATE-----\n";

    struct Authority {
        issuer: Issuer<'static, KeyPair>,
        pem: String,
    }

    /// Two authorities of one name differ in their keys.
    fn authority(name: &str, permitted: &[&str]) -> Authority {
        let mut params = CertificateParams::new([]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.name_constraints = (!permitted.is_empty()).then(|| NameConstraints {
            permitted_subtrees: permitted.iter().map(|name| GeneralSubtree::DnsName((*name).to_owned())).collect(),
            excluded_subtrees: Vec::new(),
        });
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Authority { issuer: Issuer::new(params, key), pem }
    }

    /// A certificate for [`HOST`], valid in these years, the last one excluded.
    fn leaf(authority: &Authority, years: std::ops::Range<i32>) -> CertificateDer<'static> {
        let mut params = CertificateParams::new([HOST.to_owned()]).unwrap();
        params.not_before = date_time_ymd(years.start, 1, 1);
        params.not_after = date_time_ymd(years.end, 1, 1);
        params.signed_by(&KeyPair::generate().unwrap(), &authority.issuer).unwrap().der().clone()
    }

    /// What becomes of a certificate in 2026, where this file is the system's bundle.
    fn verdict(bundle: &[&str], leaf: &CertificateDer<'static>, host: &str) -> Result<(), FailureCode> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bundle.concat().as_bytes()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let witness = Witness::new(chain_to(bundled(file.path()), Vec::new(), &provider).unwrap());
        let now = UnixTime::since_unix_epoch(Duration::from_secs(1_780_000_000));
        witness
            .verify_server_cert(leaf, &[], &ServerName::try_from(host.to_owned()).unwrap(), &[], now)
            .map(|_| ())
            .map_err(|error| failure::explain(&error, &witness.seen(), host).code)
    }

    #[test]
    fn only_what_a_root_of_the_bundle_vouches_for_is_accepted() {
        let [first, namesake, other] = ["R", "R", "S"].map(|name| authority(name, &[]));
        let (for_host, for_others) = (authority("C", &[HOST]), authority("C", &["b.test"]));
        let valid = 2020..2030;
        let good = leaf(&namesake, valid.clone());
        for (name, bundle, leaf, host, expect) in [
            ("signed", &[namesake.pem.as_str()][..], &good, HOST, Ok(())),
            ("among others", &[&other.pem, &namesake.pem], &good, HOST, Ok(())),
            ("twice", &[&namesake.pem, &namesake.pem], &good, HOST, Ok(())),
            ("behind a namesake", &[&first.pem, &namesake.pem], &good, HOST, Ok(())),
            ("before a namesake", &[&namesake.pem, &first.pem], &good, HOST, Ok(())),
            ("beside something broken", &[BROKEN, &namesake.pem], &good, HOST, Ok(())),
            ("nobody", &[&other.pem], &good, HOST, Err(FailureCode::TlsCertificateUnknownIssuer)),
            ("a namesake only", &[&first.pem], &good, HOST, Err(FailureCode::TlsCertificateUnknownIssuer)),
            ("another name", &[&namesake.pem], &good, "b.test", Err(FailureCode::TlsCertificateWrongName)),
            ("expired", &[&other.pem], &leaf(&other, 2020..2025), HOST, Err(FailureCode::TlsCertificateExpired)),
            ("too early", &[&other.pem], &leaf(&other, 2027..2030), HOST, Err(FailureCode::TlsCertificateNotYetValid)),
            ("a root for it", &[&for_host.pem], &leaf(&for_host, valid.clone()), HOST, Ok(())),
            (
                "a root for others",
                &[&for_others.pem],
                &leaf(&for_others, valid),
                HOST,
                Err(FailureCode::TlsCertificateInvalid),
            ),
        ] {
            assert_eq!(verdict(bundle, leaf, host), expect, "{name}");
        }
    }

    #[test]
    fn a_bundle_without_roots_is_no_trust_store() {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        assert!(matches!(chain_to(Vec::new(), Vec::new(), &provider), Err(TlsSetupError::NoRoots)));
    }
}
