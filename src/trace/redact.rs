//! Secrets do not leave the assembly: they are replaced before a trace exists.

use crate::event::Headers;
use crate::target::SECRET_FIELDS;

/// What stands where a secret stood.
const REPLACEMENT: &str = "[redacted]";

/// The response's field that hands out a credential (RFC 6265 §4.1), in lower case.
const SET_COOKIE: &str = "set-cookie";

/// What the cookies of load balancers begin with that keep a client on one target: their names tell which layer was passed, and
/// are no secret.
const BALANCERS: &[&str] = &["AWSALB", "AWSELB"];

/// Query parameters that are, or sign, a credential: AWS signature versions 4 and 2, CloudFront signed URLs, Azure's shared
/// access signatures, OAuth 2.
const PARAMETERS: &[&str] = &[
    "x-amz-signature",
    "x-amz-credential",
    "x-amz-security-token",
    "x-goog-signature",
    "x-goog-credential",
    "awsaccesskeyid",
    "signature",
    "policy",
    "key-pair-id",
    "sig",
    "token",
    "access_token",
    "id_token",
    "refresh_token",
    "api_key",
    "apikey",
    "api-key",
    "x-api-key",
    "client_secret",
    "password",
];

/// Header fields with the values of secret ones replaced, and URLs in `location` and `referer` cleaned.
#[must_use]
pub fn redact_headers(headers: Headers) -> Headers {
    headers
        .into_iter()
        .map(|(name, value)| {
            let lower = name.to_ascii_lowercase();
            let value = if lower == SET_COOKIE {
                redact_cookie(&value)
            } else if SECRET_FIELDS.contains(&lower.as_str()) {
                REPLACEMENT.to_owned()
            } else if matches!(lower.as_str(), "location" | "content-location" | "referer" | ":path") {
                redact_url(&value)
            } else {
                value
            };
            (name, value)
        })
        .collect()
}

fn redact_cookie(cookie: &str) -> String {
    match cookie.trim_start().split_once('=') {
        Some((name, _)) if BALANCERS.iter().any(|balancer| name.starts_with(balancer)) => {
            format!("{name}={REPLACEMENT}")
        }
        _ => REPLACEMENT.to_owned(),
    }
}

/// A URL, absolute or relative, without its password and with the values of secret query parameters replaced. All else
/// stays as it was written.
#[must_use]
pub fn redact_url(url: &str) -> String {
    let (front, fragment) = split_off(url, '#');
    let (address, query) = split_off(front, '?');
    let mut clean = redact_userinfo(address);
    if let Some(query) = query {
        clean.push('?');
        clean.push_str(&redact_query(query));
    }
    if let Some(fragment) = fragment {
        clean.push('#');
        clean.push_str(&redact_query(fragment));
    }
    clean
}

fn split_off(text: &str, separator: char) -> (&str, Option<&str>) {
    text.split_once(separator).map_or((text, None), |(front, back)| (front, Some(back)))
}

fn redact_userinfo(address: &str) -> String {
    let Some((scheme, rest)) = address.split_once("://") else { return address.to_owned() };
    let (authority, path) = rest.find('/').map_or((rest, ""), |slash| rest.split_at(slash));
    match authority.rsplit_once('@') {
        Some((_, host)) => format!("{scheme}://{REPLACEMENT}@{host}{path}"),
        None => address.to_owned(),
    }
}

fn redact_query(query: &str) -> String {
    let clean = |pair: &str| match pair.split_once('=') {
        Some((name, _)) if PARAMETERS.contains(&name.to_ascii_lowercase().as_str()) => format!("{name}={REPLACEMENT}"),
        _ => pair.to_owned(),
    };
    query.split('&').map(clean).collect::<Vec<_>>().join("&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_lose_their_secrets_and_nothing_else() {
        for (url, expect) in [
            ("https://example.com/a?b=c#d", "https://example.com/a?b=c#d"),
            ("https://u:p@example.com/a@b", "https://[redacted]@example.com/a@b"),
            ("https://h/?X-Amz-Signature=abc&x=1", "https://h/?X-Amz-Signature=[redacted]&x=1"),
            ("/path?token=abc", "/path?token=[redacted]"),
            ("https://h/#access_token=abc", "https://h/#access_token=[redacted]"),
            ("", ""),
        ] {
            assert_eq!(redact_url(url), expect);
        }
    }

    #[test]
    fn headers_lose_their_secrets() {
        let headers = [
            ("Authorization", "Bearer x"),
            ("set-cookie", "a=b"),
            ("accept", "*/*"),
            ("location", "/?sig=1"),
            ("set-cookie", "AWSALBCORS=abc=; Path=/"),
            ("set-cookie", "AWSELB"),
        ];
        let clean = redact_headers(headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec());
        let values: Vec<&str> = clean.iter().map(|(_, value)| value.as_str()).collect();
        let expect = ["[redacted]", "[redacted]", "*/*", "/?sig=[redacted]", "AWSALBCORS=[redacted]", "[redacted]"];
        assert_eq!(values, expect);
    }
}
