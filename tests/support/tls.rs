//! Certificates made for one test, and TLS servers that are driven by hand, so that they can stop at any byte.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::crypto::{CryptoProvider, SupportedKxGroup};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, SupportedProtocolVersion};
use tempfile::TempDir;
use time::{Duration, OffsetDateTime};

use super::http::{Log, Peer, Recorded, Server};

/// When a certificate is valid.
#[derive(Clone, Copy, Debug)]
pub enum Validity {
    Now,
    UntilYesterday,
    FromTomorrow,
}

impl Validity {
    fn days(self) -> (i64, i64) {
        match self {
            Self::Now => (-1, 30),
            Self::UntilYesterday => (-30, -1),
            Self::FromTomorrow => (1, 30),
        }
    }
}

/// A certificate with its key, also as PEM files.
#[derive(Debug)]
pub struct Identity {
    pub certificate: CertificateDer<'static>,
    key: PrivatePkcs8KeyDer<'static>,
    directory: TempDir,
}

impl Identity {
    fn new(certificate: &rcgen::Certificate, key: &KeyPair) -> Self {
        let directory = TempDir::new().expect("a directory");
        std::fs::write(directory.path().join("certificate.pem"), certificate.pem()).expect("a file");
        std::fs::write(directory.path().join("key.pem"), key.serialize_pem()).expect("a file");
        Self { certificate: certificate.der().clone(), key: PrivatePkcs8KeyDer::from(key.serialize_der()), directory }
    }

    pub fn certificate_file(&self) -> String {
        path(&self.directory.path().join("certificate.pem"))
    }

    pub fn key_file(&self) -> String {
        path(&self.directory.path().join("key.pem"))
    }
}

fn path(path: &Path) -> String {
    path.to_str().expect("a path in UTF-8").to_owned()
}

fn params(name: &str, hosts: &[&str], validity: Validity) -> CertificateParams {
    let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
    let mut params = CertificateParams::new(hosts).expect("names");
    let (from, until) = validity.days();
    params.not_before = OffsetDateTime::now_utc() + Duration::days(from);
    params.not_after = OffsetDateTime::now_utc() + Duration::days(until);
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

/// A certificate that nobody but itself vouches for.
pub fn self_signed(host: &str, validity: Validity) -> Identity {
    let key = KeyPair::generate().expect("a key");
    Identity::new(&params(host, &[host], validity).self_signed(&key).expect("a certificate"), &key)
}

/// A certificate authority.
#[derive(Debug)]
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
    directory: TempDir,
    file: PathBuf,
}

impl Authority {
    pub fn new(name: &str) -> Self {
        let mut authority = params(name, &[], Validity::Now);
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().expect("a key");
        let certificate = authority.self_signed(&key).expect("a certificate");
        let directory = TempDir::new().expect("a directory");
        let file = directory.path().join("authority.pem");
        std::fs::write(&file, certificate.pem()).expect("a file");
        Self { issuer: Issuer::new(authority, key), certificate: certificate.der().clone(), directory, file }
    }

    /// The value of `--cacert`.
    pub fn file(&self) -> String {
        path(&self.file)
    }

    /// A server's certificate for `host`.
    pub fn issue(&self, host: &str, validity: Validity) -> Identity {
        self.sign(params(host, &[host], validity), ExtendedKeyUsagePurpose::ServerAuth)
    }

    /// A client's certificate.
    pub fn issue_client(&self, name: &str) -> Identity {
        self.sign(params(name, &[], Validity::Now), ExtendedKeyUsagePurpose::ClientAuth)
    }

    fn sign(&self, mut params: CertificateParams, usage: ExtendedKeyUsagePurpose) -> Identity {
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![usage];
        let key = KeyPair::generate().expect("a key");
        Identity::new(&params.signed_by(&key, &self.issuer).expect("a certificate"), &key)
    }
}

/// How a server speaks TLS.
pub struct Terms<'a> {
    pub identity: &'a Identity,
    pub versions: &'a [&'static SupportedProtocolVersion],
    /// `None`: all that the library has.
    pub group: Option<&'static dyn SupportedKxGroup>,
    pub client_authority: Option<&'a Authority>,
    pub alpn: &'a [&'a str],
}

impl<'a> Terms<'a> {
    /// Any version and group, HTTP/1.1, no client certificate.
    pub fn of(identity: &'a Identity) -> Self {
        Self { identity, versions: rustls::ALL_VERSIONS, group: None, client_authority: None, alpn: &["http/1.1"] }
    }

    pub fn config(&self) -> Arc<ServerConfig> {
        let ring = rustls::crypto::ring::default_provider();
        let kx_groups = self.group.map_or_else(|| ring.kx_groups.clone(), |group| vec![group]);
        let provider = Arc::new(CryptoProvider { kx_groups, ..ring });
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(self.versions)
            .expect("versions");
        let builder = match self.client_authority {
            None => builder.with_no_client_auth(),
            Some(authority) => {
                let mut roots = RootCertStore::empty();
                roots.add(authority.certificate.clone()).expect("a root");
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
                builder.with_client_cert_verifier(verifier.expect("a verifier"))
            }
        };
        let key = PrivateKeyDer::Pkcs8(self.identity.key.clone_key());
        let mut config = builder.with_single_cert(vec![self.identity.certificate.clone()], key).expect("an identity");
        config.alpn_protocols = self.alpn.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        Arc::new(config)
    }
}

/// The server's end of a TLS connection: nothing is sent but what the script sends.
#[derive(Debug)]
pub struct TlsPeer {
    pub peer: Peer,
    pub session: ServerConnection,
}

impl TlsPeer {
    pub fn new(peer: Peer, config: &Arc<ServerConfig>) -> Self {
        Self { peer, session: ServerConnection::new(Arc::clone(config)).expect("a session") }
    }

    /// A session whose handshake is over, or the peer where it failed; the client has got the alert that says why.
    pub fn accept(peer: Peer, config: &Arc<ServerConfig>) -> Result<Self, Peer> {
        let mut tls = Self::new(peer, config);
        if tls.shake_hands() { Ok(tls) } else { Err(tls.peer) }
    }

    /// Goes through what is left of the handshake; says whether it succeeded. The client has got the alert that says why not.
    pub fn shake_hands(&mut self) -> bool {
        while self.session.is_handshaking() {
            let heard = self.hear();
            self.flush();
            if !heard {
                return false;
            }
        }
        true
    }

    /// Takes in what comes next; `false` at the end of the stream or of the session.
    pub fn hear(&mut self) -> bool {
        let read = self.session.read_tls(&mut self.peer.tcp);
        matches!(read, Ok(1..)) && self.session.process_new_packets().is_ok()
    }

    /// The bytes that the session wants to send, for the script to send.
    pub fn outgoing(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        while self.session.wants_write() {
            self.session.write_tls(&mut bytes).expect("memory");
        }
        bytes
    }

    /// Sends what the session wants to send.
    pub fn flush(&mut self) {
        let bytes = self.outgoing();
        self.peer.send(bytes);
    }

    /// The records that carry `plaintext`, for the script to send.
    pub fn seal(&mut self, plaintext: impl AsRef<[u8]>) -> Vec<u8> {
        self.session.writer().write_all(plaintext.as_ref()).expect("a session that may write");
        self.outgoing()
    }

    pub fn send(&mut self, plaintext: impl AsRef<[u8]>) {
        for piece in plaintext.as_ref().chunks(16_384) {
            let bytes = self.seal(piece);
            self.peer.send(bytes);
        }
    }

    pub fn request(&mut self) -> Option<Recorded> {
        super::http::read_request(self)
    }

    /// Ends the session in good order, and waits until the client has gone.
    pub fn finish(mut self) {
        self.session.send_close_notify();
        self.flush();
        self.peer.finish();
    }
}

impl Read for TlsPeer {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.session.reader().read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                // A client may go without a word.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(0),
                read => return read,
            }
            if !self.hear() {
                return Ok(0);
            }
        }
    }
}

/// A server that keeps connections, and answers each request, which `log` then has, with what `answer` makes of it.
pub fn answering(
    config: Arc<ServerConfig>,
    log: &Log,
    answer: impl Fn(&Recorded) -> Vec<u8> + Send + Sync + 'static,
) -> Server {
    let log = log.clone();
    Server::start(move |peer, _| {
        let Ok(mut tls) = TlsPeer::accept(peer, &config) else { return };
        while let Some(request) = tls.request() {
            let bytes = answer(&request);
            log.push(request);
            tls.send(bytes);
        }
    })
}
