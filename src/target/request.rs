//! One request, complete before anything is sent.
//!
//! Deliberately absent: the fields that a client adds by itself (`Host`, `User-Agent`, `Accept`, `Content-Length`), and the
//! signature of [`Credentials::AwsSigV4`], which depends on the moment of sending.

use std::str::FromStr;

use url::Url;

use super::HeaderField;
use super::header::is_token;

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

/// Why a text is not a method.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a method such as PUT, got {0:?}")]
pub struct MethodError(String);

/// Reads a method that the user chose: any token (RFC 9110 §9.1), in the case in which it is written.
impl FromStr for Method {
    type Err = MethodError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if is_token(text) { Ok(Self::Chosen(text.to_owned())) } else { Err(MethodError(text.to_owned())) }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chosen_method_is_a_token() {
        for text in ["GET", "get", "M-SEARCH", "X"] {
            assert_eq!(text.parse(), Ok(Method::Chosen(text.into())), "{text}");
        }
        for text in ["", "A B", "GET / HTTP/1.1\r\nX:", "É"] {
            assert_eq!(text.parse::<Method>(), Err(MethodError(text.into())), "{text}");
        }
    }
}
