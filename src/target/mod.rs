//! What to ask, and how: parsed once, then only read.
//!
//! A [`Plan`] holds everything that the client needs and that its user may choose. Nothing in it is a raw flag: exclusive
//! flags have become one enum, units have become types, files that a request consists of have been read.
//!
//! Deliberately absent: reading arguments, the environment or files (`cli` does), and deciding what happens on the wire.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use url::Url;

use crate::time::Nanos;

/// Everything that one run of the client is to do.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// What to trace, in this order.
    pub targets: Vec<Target>,
    /// How names become addresses.
    pub resolution: Resolution,
    /// How packets get there.
    pub route: Route,
    /// How TLS is spoken.
    pub tls: TlsOptions,
    /// Which HTTP is spoken.
    pub http: HttpVersion,
    /// What to do on a redirect.
    pub redirects: Redirects,
    /// Whether a second request follows on the same connection.
    pub repeat: Repeat,
    /// How long anything may take.
    pub limits: Limits,
    /// What the user calls the place of measurement.
    pub vantage: Option<String>,
    /// Whether credentials stay in traces.
    pub secrets: Secrets,
}

/// A request with a name and tags.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// The name shown instead of the URL.
    pub name: Option<String>,
    /// Free labels, such as `region = "us-east-1"`.
    pub tags: BTreeMap<String, String>,
    /// What is asked.
    pub request: Request,
}

/// One request as its user wants it.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// An absolute `http` or `https` URL with a host. Its user and password have moved to `credentials`.
    pub url: Url,
    /// The method; the user's own choice (`-X`) survives redirects, a derived one may change to GET.
    pub method: Method,
    /// The user's header fields, in order; they replace fields of the same name that the client would add.
    pub headers: Vec<HeaderField>,
    /// The body, if there is one.
    pub body: Option<Vec<u8>>,
    /// Who asks.
    pub credentials: Option<Credentials>,
    /// Whether the client asks for compressed bodies and decompresses them (`--compressed`).
    pub coding: ContentCoding,
}

/// The request's method and where it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Method {
    /// `-X`: sent as it is, also after redirects.
    Chosen(String),
    /// From the other flags: GET; POST with a body; HEAD with `-I`.
    Derived(&'static str),
}

impl Method {
    /// The word in the request.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Chosen(method) => method,
            Self::Derived(method) => method,
        }
    }
}

/// A header field that the user gave with `-H`, `-A` or `-b`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HeaderField {
    /// `Name: value`, or `Name;` for an empty value.
    Set {
        /// As written by the user.
        name: String,
        /// Without surrounding white space.
        value: String,
    },
    /// `Name:` removes a field that the client would add.
    Remove {
        /// As written by the user.
        name: String,
    },
}

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credentials {
    /// RFC 7617.
    Basic {
        /// Before the first colon.
        user: String,
        /// After it.
        password: String,
    },
    /// RFC 6750.
    Bearer(String),
    /// AWS signature version 4, made when the request is.
    AwsSigV4 {
        /// `us-east-1`.
        region: String,
        /// `execute-api`.
        service: String,
        /// The key's id.
        access_key: String,
        /// The key.
        secret_key: String,
        /// For temporary credentials.
        session_token: Option<String>,
    },
}

/// Whether compressed bodies are asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ContentCoding {
    /// No `Accept-Encoding` is sent and bodies are written as they come.
    #[default]
    AsIs,
    /// Every coding that the client knows is offered, and bodies are written decoded.
    Compressed,
}

/// How names become addresses.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Resolution {
    /// Which addresses are wanted.
    pub family: Family,
    /// `--resolve`: addresses given by the user.
    pub overrides: Vec<ResolveOverride>,
    /// Whom to ask.
    pub servers: DnsServers,
}

/// Which address families are wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Family {
    /// Both, raced (RFC 8305).
    #[default]
    Any,
    /// `-4`.
    V4,
    /// `-6`.
    V6,
}

/// `--resolve HOST:PORT:ADDR[,ADDR]…`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolveOverride {
    /// In lower case; `*` matches any host.
    pub host: String,
    /// The port of the URL.
    pub port: u16,
    /// What the name stands for, in the order to try.
    pub addresses: Vec<IpAddr>,
}

/// Whom to ask for addresses.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum DnsServers {
    /// The hosts file, then the servers of resolv.conf with its search list, timeout and attempts.
    #[default]
    System,
    /// These servers, over UDP with TCP for what does not fit.
    Plain(Vec<SocketAddr>),
    /// These servers, over TLS (RFC 7858), with the name that their certificate must have.
    Tls(Vec<(SocketAddr, String)>),
    /// This server, over HTTPS (RFC 8484).
    Https(Url),
}

/// How packets get there.
#[derive(Clone, Debug, PartialEq)]
pub struct Route {
    /// `--connect-to`, first match wins.
    pub connect_to: Vec<ConnectTo>,
    /// `--unix-socket`.
    pub unix_socket: Option<PathBuf>,
    /// `--interface`.
    pub interface: Option<Interface>,
    /// `-x`, `--noproxy` and the environment.
    pub proxies: Proxies,
    /// How long Happy Eyeballs gives an attempt before it starts the next one (RFC 8305 §8 recommends 250 ms; curl and this
    /// program use 200 ms).
    pub attempt_delay: Nanos,
}

/// `--connect-to HOST1:PORT1:HOST2:PORT2`; an empty part of the first pair matches anything, one of the second keeps what
/// the URL says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectTo {
    /// The URL's host, in lower case.
    pub host: Option<String>,
    /// The URL's port.
    pub port: Option<u16>,
    /// Connect to this host instead.
    pub to_host: Option<String>,
    /// Connect to this port instead.
    pub to_port: Option<u16>,
}

/// What sockets are bound to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Interface {
    /// A device, by name.
    Device(String),
    /// A local address.
    Address(IpAddr),
}

/// Which proxy a URL goes through.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Proxies {
    /// For `http` URLs.
    pub http: Option<Proxy>,
    /// For `https` URLs.
    pub https: Option<Proxy>,
    /// Hosts that are reached directly (`--noproxy`, `no_proxy`): names (with all below them), addresses, CIDR blocks, `*`.
    pub except: Vec<String>,
}

/// An HTTP proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxy {
    /// Name or address, an IPv6 address without brackets.
    pub host: String,
    /// 1080 where the user gave none, as in curl.
    pub port: u16,
    /// User and password for `Proxy-Authorization: Basic`.
    pub credentials: Option<(String, String)>,
}

/// How TLS is spoken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsOptions {
    /// Whom to trust.
    pub trust: Trust,
    /// `-E` and `--key`: PEM files.
    pub identity: Option<ClientIdentity>,
    /// The oldest version offered.
    pub min: TlsVersion,
    /// The newest version offered.
    pub max: TlsVersion,
    /// `--keylog` or `SSLKEYLOGFILE`: secrets are appended here, in NSS's format.
    pub keylog: Option<PathBuf>,
}

impl Default for TlsOptions {
    fn default() -> Self {
        Self { trust: Trust::System, identity: None, min: TlsVersion::V12, max: TlsVersion::V13, keylog: None }
    }
}

/// Whom to trust.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Trust {
    /// The system's store (`SSL_CERT_FILE` and `SSL_CERT_DIR` are honoured).
    #[default]
    System,
    /// `--cacert`: only the certificates in this PEM file.
    File(PathBuf),
    /// `-k`: anyone.
    Anyone,
}

/// A client certificate chain and its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientIdentity {
    /// PEM: the certificate, then its issuers.
    pub certificates: PathBuf,
    /// PEM: the key; the same file where the user gave no other.
    pub key: PathBuf,
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsVersion {
    /// RFC 5246.
    V12,
    /// RFC 8446.
    V13,
}

/// Which HTTP is spoken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HttpVersion {
    /// Over TLS what ALPN chooses of `h2` and `http/1.1`; HTTP/1.1 in clear text.
    #[default]
    Negotiate,
    /// `--http1.1`.
    Http11,
    /// `--http2-prior-knowledge`: HTTP/2 also in clear text (RFC 9113 §3.3).
    Http2PriorKnowledge,
}

/// What to do on a redirect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Redirects {
    /// Show it.
    #[default]
    Stay,
    /// `-L`: follow it, a trace for each hop.
    Follow {
        /// `--max-redirs`; `None` for -1, no limit.
        most: Option<u32>,
    },
}

/// How often the connection is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Repeat {
    /// Once.
    #[default]
    Cold,
    /// `--reuse`: a second, warm request follows on the same connection, as a trace of its own.
    ColdThenWarm,
}

/// How long anything may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Until a connection is ready for its request: `dns`, `connect` and `tls` together.
    pub connect: Nanos,
    /// One request in all.
    pub total: Nanos,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connect: Nanos::from_secs(30), total: Nanos::from_secs(300) }
    }
}

/// Whether credentials stay in traces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Secrets {
    /// They are replaced before a trace exists.
    #[default]
    Redact,
    /// They stay (`--show-secrets`).
    Show,
}
