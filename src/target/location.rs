//! Where to ask, as people write it: `URL` or `NAME=URL`.
//!
//! Invariant: the URL of a [`Location`] is absolute, `http` or `https`, has a host, and carries no user or password; those
//! have moved beside it.
//!
//! Deliberately absent: globs (`{a,b}`, `[1-3]`), which curl expands and this program does not.

use std::str::FromStr;

use url::Url;

/// A URL, what the user calls it, and who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// What stood before `=`.
    pub name: Option<String>,
    /// Without user, password.
    pub url: Url,
    /// User and password from the URL, percent-decoded; the password is empty where the URL has none.
    pub user: Option<(String, String)>,
}

/// Why a text says not where to ask.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LocationError {
    /// There is nothing.
    #[error("expected a URL or NAME=URL, got an empty word")]
    Empty,
    /// Another scheme than `http` or `https`.
    #[error("expected a URL with http or https, got {scheme:?} in {url:?}")]
    Scheme {
        /// In lower case.
        scheme: String,
        /// The whole text.
        url: String,
    },
    /// Not a URL.
    #[error("expected a URL or NAME=URL, got {url:?} ({cause})")]
    Url {
        /// The text without its name.
        url: String,
        /// What is wrong with it.
        cause: url::ParseError,
    },
    /// The user or the password in the URL is not UTF-8 once decoded.
    #[error("expected a user and password in UTF-8 in the URL for {0:?}")]
    UserInfo(String),
}

/// Reads `URL` or `NAME=URL`. A name has only ASCII letters, digits, `_`, `.` and `-`, so that the `=` of a query is not
/// mistaken for its end. A URL without a scheme is an `http` URL.
impl FromStr for Location {
    type Err = LocationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, url) = match text.split_once('=') {
            Some((name, url)) if is_name(name) => (Some(name.to_owned()), url),
            _ => (None, text),
        };
        if url.is_empty() {
            return Err(LocationError::Empty);
        }
        let absolute = if has_scheme(url) { url.to_owned() } else { format!("http://{url}") };
        let url = Url::parse(&absolute).map_err(|cause| LocationError::Url { url: url.to_owned(), cause })?;
        let (url, user) = without_user(url)?;
        Ok(Self { name, url, user })
    }
}

/// Checks the scheme and moves user and password out of the URL.
pub(super) fn without_user(mut url: Url) -> Result<(Url, Option<(String, String)>), LocationError> {
    if !matches!(url.scheme(), "http" | "https") {
        return Err(LocationError::Scheme { scheme: url.scheme().to_owned(), url: url.into() });
    }
    if url.username().is_empty() && url.password().is_none() {
        return Ok((url, None));
    }
    let host = url.host_str().unwrap_or_default().to_owned();
    let decode = |text| percent_decoded(text).ok_or_else(|| LocationError::UserInfo(host.clone()));
    let user = (decode(url.username())?, decode(url.password().unwrap_or_default())?);
    // Both setters fail only for URLs without a host, which http and https URLs always have.
    if url.set_username("").is_err() || url.set_password(None).is_err() {
        return Err(LocationError::UserInfo(host));
    }
    Ok((url, Some(user)))
}

/// The text with `%41` decoded to `A`; a `%` without two hex digits stands for itself. `None` if the result is not UTF-8.
pub(super) fn percent_decoded(text: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        match (first, tail) {
            (b'%', [high, low, after @ ..]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                decoded.push(hex(*high) << 4 | hex(*low));
                rest = after;
            }
            _ => decoded.push(*first),
        }
    }
    String::from_utf8(decoded).ok()
}

/// The value of an ASCII hex digit.
fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20).wrapping_sub(b'a').wrapping_add(10) & 0x0f,
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
}

/// Whether the text begins with a scheme. `localhost:8080/x` does not, `http:/x` does.
fn has_scheme(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    let well_formed = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+.-".contains(&byte));
    well_formed && (rest.starts_with("//") || matches!(scheme.to_ascii_lowercase().as_str(), "http" | "https"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, name: Option<&str>, url: &str, user: Option<(&str, &str)>) {
        let expect = Location {
            name: name.map(Into::into),
            url: Url::parse(url).unwrap(),
            user: user.map(|(user, password)| (user.into(), password.into())),
        };
        assert_eq!(text.parse(), Ok(expect), "{text}");
    }

    #[test]
    fn a_word_says_where_to_ask() {
        check("https://h/", None, "https://h/", None);
        check("https://h/?a=b", None, "https://h/?a=b", None);
        check("HTTP://H:80/", None, "http://h/", None);
        check("h", None, "http://h/", None);
        check("localhost:8080/x", None, "http://localhost:8080/x", None);
        check("localhost:8080/x?next=http://i/", None, "http://localhost:8080/x?next=http://i/", None);
        check("[::1]:8080", None, "http://[::1]:8080/", None);
        check("http:/h/x", None, "http://h/x", None);
        check("lambda-1.a_b=https://h/?a=b", Some("lambda-1.a_b"), "https://h/?a=b", None);
        check("a=b", Some("a"), "http://b/", None);
        check("h/?a=b", None, "http://h/?a=b", None);
        check("u:p@h/", None, "http://h/", Some(("u", "p")));
        check("http://a%20b:c%3ad%@h/", None, "http://h/", Some(("a b", "c:d%")));
        check("http://u@h/", None, "http://h/", Some(("u", "")));
        check("n=http://:p@h/", Some("n"), "http://h/", Some(("", "p")));
    }

    #[test]
    fn what_cannot_be_asked_is_refused() {
        let scheme = |scheme: &str, url: &str| Err(LocationError::Scheme { scheme: scheme.into(), url: url.into() });
        let url = |url: &str, cause| Err(LocationError::Url { url: url.into(), cause });
        for (text, expect) in [
            ("", Err(LocationError::Empty)),
            ("a=", Err(LocationError::Empty)),
            ("ftp://h/", scheme("ftp", "ftp://h/")),
            ("a=htps://h/", scheme("htps", "htps://h/")),
            ("file:///etc", scheme("file", "file:///etc")),
            ("http://", url("http://", url::ParseError::EmptyHost)),
            ("https://h:99999/", url("https://h:99999/", url::ParseError::InvalidPort)),
            ("a b", url("a b", url::ParseError::IdnaError)),
            ("http://%ff@h/", Err(LocationError::UserInfo("h".into()))),
        ] {
            assert_eq!(text.parse::<Location>(), expect, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_clean_location_or_an_error(text in any::<String>(), tail in "[a-z0-9:/?#@%=.\\[\\]-]{0,30}") {
            for text in [text, tail.clone(), format!("http://{tail}"), format!("a={tail}")] {
                if let Ok(location) = text.parse::<Location>() {
                    prop_assert!(location.url.host_str().is_some_and(|host| !host.is_empty()));
                    prop_assert!(location.url.username().is_empty() && location.url.password().is_none());
                    prop_assert!(matches!(location.url.scheme(), "http" | "https"));
                }
            }
        }
    }
}
