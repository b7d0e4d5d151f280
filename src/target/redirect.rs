//! The request that follows a redirect.
//!
//! Invariant: no credentials of the user reach another scheme, host or port than the one they were given for. Once dropped
//! they stay dropped, even where a later redirect leads back (curl sends them again then).
//!
//! Deliberately absent: how many redirects are followed, and every other 3xx status.

use url::Url;

use super::location::without_user;
use super::{Credentials, HeaderField, LocationError, Method, Request, SECRET_FIELDS};

/// Fields that say something about a body, and go when it goes.
const CONTENT_FIELDS: [&str; 7] = [
    "Content-Type",
    "Content-Length",
    "Content-Encoding",
    "Content-Language",
    "Content-Location",
    "Transfer-Encoding",
    "Expect",
];

/// Why a redirect leads nowhere.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RedirectError {
    /// The `Location` is not a URL reference.
    #[error("the redirect's location {location:?} is not a URL ({cause})")]
    Unreadable {
        /// As the server sent it.
        location: String,
        /// What is wrong with it.
        cause: url::ParseError,
    },
    /// It leads where this program does not go.
    #[error("the redirect's location {location:?} cannot be followed: {cause}")]
    Refused {
        /// As the server sent it.
        location: String,
        /// Another scheme than `http` and `https`, or an unreadable user.
        cause: LocationError,
    },
}

impl Request {
    /// The request that a response with this status and `Location` asks for; `None` if the status is no redirect that is
    /// followed (301, 302, 303, 307, 308).
    ///
    /// As in curl: 301, 302 and 303 drop the body and turn a derived POST into GET; a HEAD stays one, and a method chosen
    /// by the user stays in any case. 307 and 308 repeat the request as it was. A fragment is inherited (RFC 9110 §10.2.2).
    pub fn redirected(&self, status: u16, location: &str) -> Result<Option<Self>, RedirectError> {
        let follow = match status {
            301..=303 => Self::without_body,
            307 | 308 => Self::clone,
            _ => return Ok(None),
        };
        let mut url = self
            .url
            .join(location)
            .map_err(|cause| RedirectError::Unreadable { location: location.to_owned(), cause })?;
        if url.fragment().is_none() {
            url.set_fragment(self.url.fragment());
        }
        let (url, user) =
            without_user(url).map_err(|cause| RedirectError::Refused { location: location.to_owned(), cause })?;
        let mut next = follow(self);
        if !same_origin(&self.url, &url) {
            next.credentials = None;
            next.headers.retain(|field| !sets_any(field, &SECRET_FIELDS));
        }
        if self.url.host() != url.host() {
            next.headers.retain(|field| !sets_any(field, &["Host"]));
        }
        if let Some((user, password)) = user {
            next.credentials = Some(Credentials::Basic { user, password });
        }
        next.url = url;
        Ok(Some(next))
    }

    fn without_body(&self) -> Self {
        let mut next = self.clone();
        if next.body.take().is_some() {
            next.headers.retain(|field| !sets_any(field, &CONTENT_FIELDS));
        }
        if matches!(next.method, Method::Derived(method) if method != "HEAD") {
            next.method = Method::Derived("GET");
        }
        next
    }
}

fn same_origin(one: &Url, other: &Url) -> bool {
    one.scheme() == other.scheme()
        && one.host() == other.host()
        && one.port_or_known_default() == other.port_or_known_default()
}

fn sets_any(field: &HeaderField, names: &[&str]) -> bool {
    matches!(field, HeaderField::Set { .. }) && names.iter().any(|name| field.is(name))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::target::ContentCoding;

    fn get(url: &str) -> Request {
        Request {
            url: Url::parse(url).unwrap(),
            method: Method::Derived("GET"),
            headers: Vec::new(),
            body: None,
            credentials: None,
            coding: ContentCoding::AsIs,
        }
    }

    fn post(method: Method) -> Request {
        let headers = vec![HeaderField::set("content-type", "application/json"), HeaderField::set("X-A", "1")];
        Request { method, headers, body: Some(b"{}".to_vec()), ..get("http://h/") }
    }

    fn chosen(method: &str) -> Method {
        Method::Chosen(method.into())
    }

    #[test]
    fn locations_resolve_against_the_url() {
        for (url, location, expect) in [
            ("http://h/a/b?c", "d", "http://h/a/d"),
            ("http://h/a/b?c", "/d?e", "http://h/d?e"),
            ("http://h/a/b?c", "?d", "http://h/a/b?d"),
            ("http://h/a/b", "../d", "http://h/d"),
            ("https://h/", "//i/d", "https://i/d"),
            ("http://h/", "HTTPS://I:443/", "https://i/"),
            ("http://h/#f", "/d", "http://h/d#f"),
            ("http://h/#f", "/d#g", "http://h/d#g"),
            ("http://h/#f", "/d#", "http://h/d#"),
            ("http://h/", "/a b", "http://h/a%20b"),
        ] {
            let next = get(url).redirected(302, location).unwrap().unwrap();
            assert_eq!(next.url.as_str(), expect, "{url} + {location}");
        }
    }

    #[test]
    fn the_status_decides_over_method_and_body() {
        const KEPT: bool = true;
        const DROPPED: bool = false;
        for (status, method, expect, body) in [
            (301, Method::Derived("POST"), Method::Derived("GET"), DROPPED),
            (302, Method::Derived("POST"), Method::Derived("GET"), DROPPED),
            (303, Method::Derived("POST"), Method::Derived("GET"), DROPPED),
            (307, Method::Derived("POST"), Method::Derived("POST"), KEPT),
            (308, Method::Derived("POST"), Method::Derived("POST"), KEPT),
            (301, chosen("PUT"), chosen("PUT"), DROPPED),
            (303, chosen("POST"), chosen("POST"), DROPPED),
            (308, chosen("PUT"), chosen("PUT"), KEPT),
        ] {
            let before = post(method);
            let next = before.redirected(status, "/").unwrap().unwrap();
            assert_eq!(next.method, expect, "{status} {:?}", before.method);
            assert_eq!(next.body.is_some(), body, "{status} {:?}", before.method);
            assert_eq!(next.headers.iter().any(|field| field.is("Content-Type")), body, "{status}");
            assert!(next.headers.iter().any(|field| field.is("X-A")), "{status}");
        }
        for status in [301, 302, 303, 307, 308] {
            let head = Request { method: Method::Derived("HEAD"), ..get("http://h/") };
            assert_eq!(head.redirected(status, "/").unwrap().unwrap().method, Method::Derived("HEAD"), "{status}");
        }
        for status in [200, 201, 300, 304, 305, 306, 309, 400] {
            assert_eq!(get("http://h/").redirected(status, "/"), Ok(None), "{status}");
        }
    }

    #[test]
    fn credentials_stay_with_their_origin() {
        let basic = |user: &str, password: &str| Credentials::Basic { user: user.into(), password: password.into() };
        let mut fields = vec!["Authorization", "X-Api-Key"];
        fields.extend(SECRET_FIELDS);
        fields.extend(["X-Other", "Host"]);
        let before = Request {
            credentials: Some(basic("u", "p")),
            headers: fields.iter().map(|name| HeaderField::set(*name, "s")).collect(),
            ..get("http://h/")
        };
        let kept = Some(basic("u", "p"));
        for (location, names, credentials) in [
            ("/d", &fields[..], kept.clone()),
            ("http://h:80/d", &fields[..], kept),
            ("http://h:81/", &["X-Other", "Host"][..], None),
            ("https://h/", &["X-Other", "Host"][..], None),
            ("http://i/", &["X-Other"][..], None),
            ("http://sub.h/", &["X-Other"][..], None),
            ("http://a%20b:c@i/", &["X-Other"][..], Some(basic("a b", "c"))),
            ("http://a@h/", &fields[..], Some(basic("a", ""))),
        ] {
            let next = before.redirected(307, location).unwrap().unwrap();
            assert_eq!(next.headers.iter().map(HeaderField::name).collect::<Vec<_>>(), names, "{location}");
            assert_eq!(next.credentials, credentials, "{location}");
            assert!(next.url.username().is_empty(), "{location}");
        }
        let away = before.redirected(302, "http://i/").unwrap().unwrap();
        assert_eq!(away.redirected(302, "http://h/").unwrap().unwrap().credentials, None);
    }

    #[test]
    fn a_removed_field_stays_removed() {
        let removed = vec![HeaderField::Remove { name: "Authorization".into() }];
        let before = Request { headers: removed.clone(), ..get("http://h/") };
        assert_eq!(before.redirected(302, "http://i/").unwrap().unwrap().headers, removed);
    }

    #[test]
    fn locations_that_lead_nowhere_are_errors() {
        let location = "http://".to_owned();
        let cause = url::ParseError::EmptyHost;
        assert_eq!(get("https://h/").redirected(302, "http://"), Err(RedirectError::Unreadable { location, cause }));
        for location in ["ftp://h/", "file:///etc/passwd", "javascript:alert(1)"] {
            let refused = get("http://h/").redirected(302, location);
            assert!(
                matches!(&refused, Err(RedirectError::Refused { cause: LocationError::Scheme { .. }, .. })),
                "{location}: {refused:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn any_location_is_followed_cleanly_or_refused(
            location in any::<String>(),
            near in "(https?:)?/{0,2}[a-z0-9:/?#@%.\\[\\]-]{0,20}",
            status in 295u16..312,
        ) {
            for location in [location, near] {
                if let Ok(Some(next)) = post(Method::Derived("POST")).redirected(status, &location) {
                    prop_assert!(matches!(next.url.scheme(), "http" | "https"));
                    prop_assert!(next.url.username().is_empty() && next.url.password().is_none());
                }
            }
        }
    }
}
