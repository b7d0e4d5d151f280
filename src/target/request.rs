//! One request, complete before anything is sent.
//!
//! Deliberately absent: the fields that a client adds by itself (`Host`, `User-Agent`, `Accept`, `Content-Length`), and the
//! signature of [`Credentials::AwsSigV4`], which depends on the moment of sending.

use url::Url;

use super::HeaderField;

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
