//! A certificate authority for one test, and servers that speak TLS with a certificate of it.

use std::io::Write;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

/// An authority that has certified one server.
pub struct Authority {
    file: tempfile::NamedTempFile,
    certified: Arc<ServerConfig>,
}

impl Authority {
    /// Certifies a server of these names and addresses, which offers these protocols (ALPN).
    pub fn for_server(names: &[&str], alpn: &[&str]) -> Self {
        let mut authority = CertificateParams::new([]).expect("no names");
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority_key = KeyPair::generate().expect("a key");
        let pem = authority.self_signed(&authority_key).expect("a certificate").pem();
        let issuer = Issuer::new(authority, authority_key);

        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let key = KeyPair::generate().expect("a key");
        let leaf = CertificateParams::new(names).expect("names").signed_by(&key, &issuer).expect("a certificate");
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let mut config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![leaf.der().clone()], key)
            .expect("a certificate and its key");
        config.alpn_protocols = alpn.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();

        let mut file = tempfile::NamedTempFile::new().expect("a file");
        file.write_all(pem.as_bytes()).expect("a written file");
        Self { file, certified: Arc::new(config) }
    }

    /// The server's side of TLS.
    pub fn server(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.certified)
    }

    /// For `--cacert`.
    pub fn file(&self) -> &str {
        self.file.path().to_str().expect("a path in UTF-8")
    }
}
