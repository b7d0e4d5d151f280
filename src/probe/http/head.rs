//! The head of a request: the user's fields and those the client adds, in curl's order.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use url::Url;

use super::coding::OFFERED;
use super::keys::{JoinKeys, TRACEPARENT, X_AMZN_TRACE_ID};
use super::sign;
use crate::event::Failure;
use crate::target::{ContentCoding, Credentials, HeaderField, Request};

/// What the client says it is.
pub(super) const USER_AGENT: &str = concat!("wirefall/", env!("CARGO_PKG_VERSION"));

/// What a body is if nobody says otherwise.
const FORM: &str = "application/x-www-form-urlencoded";

/// A request's head, independent of the version of HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) method: String,
    pub(crate) scheme: String,
    /// The value of `Host`, and of `:authority`.
    pub(crate) authority: String,
    /// Path and query.
    pub(crate) path: String,
    /// The absolute form for a proxy (RFC 9112 §3.2.2), or the path.
    pub(crate) target: String,
    /// Fields behind `Host`, with names as they are written in HTTP/1.1.
    pub(crate) fields: Vec<(String, String)>,
}

/// What of a request's head depends on the way it takes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum RequestContext<'a> {
    /// To the server, or through a tunnel.
    Direct,
    /// To a proxy that is to forward it, with the proxy's credentials.
    ViaProxy(Option<&'a (String, String)>),
}

impl Head {
    /// The head of a user's request, with what joins it to logs where it is to have that. Fails only where it cannot be
    /// signed.
    pub(crate) fn new(
        request: &Request,
        context: RequestContext<'_>,
        keys: Option<&JoinKeys>,
    ) -> Result<Self, Failure> {
        let url = &request.url;
        let custom = |wanted: &str| request.headers.iter().rev().find(|field| named(field, wanted));
        let added = |name: &str, value: String| custom(name).is_none().then(|| (name.to_owned(), value));
        let authority = match custom("host") {
            Some(HeaderField::Set { value, .. }) => value.clone(),
            _ => authority(url),
        };
        let mut fields: Vec<(String, String)> = Vec::new();
        if let RequestContext::ViaProxy(Some((user, password))) = context {
            fields.extend(added("Proxy-Authorization", basic(user, password)));
        }
        fields.extend(authorization(request.credentials.as_ref()).and_then(|value| added("Authorization", value)));
        fields.extend(added("User-Agent", keys.map_or_else(|| USER_AGENT.to_owned(), JoinKeys::user_agent)));
        fields.extend(added("Accept", "*/*".to_owned()));
        if request.coding == ContentCoding::Compressed {
            fields.extend(added("Accept-Encoding", OFFERED.to_owned()));
        }
        if let RequestContext::ViaProxy(_) = context {
            fields.extend(added("Proxy-Connection", "Keep-Alive".to_owned()));
        }
        if let Some(keys) = keys {
            fields.extend(added(X_AMZN_TRACE_ID, keys.x_amzn_trace_id()));
            fields.extend(added(TRACEPARENT, keys.traceparent()));
        }
        fields.extend(request.headers.iter().filter(|field| !named(field, "host")).filter_map(|field| match field {
            HeaderField::Set { name, value } => Some((name.clone(), value.clone())),
            HeaderField::Remove { .. } => None,
        }));
        if let Some(body) = &request.body
            && let Some(length) = added("Content-Length", body.len().to_string())
        {
            // The type of a form, which `-d` adds behind the user's fields, comes last in curl.
            let form = fields.pop_if(|(name, value)| name == "Content-Type" && value == FORM);
            fields.push(length);
            fields.extend(form);
        }
        let path = path_and_query(url);
        let target = match context {
            RequestContext::Direct => path.clone(),
            RequestContext::ViaProxy(_) => format!("{}://{}{path}", url.scheme(), self::authority(url)),
        };
        let mut head = Self {
            method: request.method.as_str().to_owned(),
            scheme: url.scheme().to_owned(),
            authority,
            path,
            target,
            fields,
        };
        if let Some(Credentials::AwsSigV4 { .. }) = &request.credentials {
            let signed = sign::sign(request, &head)?;
            head.fields.splice(0..0, signed);
        }
        Ok(head)
    }

    /// A DNS message in a POST (RFC 8484 §4.1).
    pub(super) fn dns_message(url: &Url, length: usize) -> Self {
        let path = path_and_query(url);
        let field = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        Self {
            method: "POST".to_owned(),
            scheme: url.scheme().to_owned(),
            authority: authority(url),
            target: path.clone(),
            path,
            fields: vec![
                field("Accept", "application/dns-message"),
                field("Content-Type", "application/dns-message"),
                field("Content-Length", &length.to_string()),
            ],
        }
    }

    /// A tunnel through a proxy (RFC 9110 §9.3.6).
    pub(crate) fn connect(authority: &str, credentials: Option<&(String, String)>) -> Self {
        let credentials = credentials.map(|(user, password)| ("Proxy-Authorization".to_owned(), basic(user, password)));
        let user_agent = ("User-Agent".to_owned(), USER_AGENT.to_owned());
        let keep_alive = ("Proxy-Connection".to_owned(), "Keep-Alive".to_owned());
        Self {
            method: "CONNECT".to_owned(),
            scheme: "http".to_owned(),
            authority: authority.to_owned(),
            path: authority.to_owned(),
            target: authority.to_owned(),
            fields: credentials.into_iter().chain([user_agent, keep_alive]).collect(),
        }
    }

    /// The bytes of an HTTP/1.1 head.
    pub(super) fn to_h1(&self) -> Vec<u8> {
        let mut text = format!("{} {} HTTP/1.1\r\nHost: {}\r\n", self.method, self.target, self.authority);
        for (name, value) in &self.fields {
            let colon = if value.is_empty() { ":" } else { ": " };
            text.extend([name, colon, value, "\r\n"]);
        }
        text.push_str("\r\n");
        text.into_bytes()
    }

    /// The fields of an HTTP/2 request: lower-case names, none that speak of the connection (RFC 9113 §8.2).
    pub(super) fn h2_fields(&self) -> impl Iterator<Item = (String, &str)> {
        const OF_THE_CONNECTION: &[&str] =
            &["connection", "proxy-connection", "keep-alive", "transfer-encoding", "upgrade", "host"];
        self.fields
            .iter()
            .map(|(name, value)| (name.to_ascii_lowercase(), value.as_str()))
            .filter(|(name, _)| !OF_THE_CONNECTION.contains(&name.as_str()))
    }
}

fn named(field: &HeaderField, wanted: &str) -> bool {
    let (HeaderField::Set { name, .. } | HeaderField::Remove { name }) = field;
    name.eq_ignore_ascii_case(wanted)
}

fn authorization(credentials: Option<&Credentials>) -> Option<String> {
    match credentials? {
        Credentials::Basic { user, password } => Some(basic(user, password)),
        Credentials::Bearer(token) => Some(format!("Bearer {token}")),
        Credentials::AwsSigV4 { .. } => None,
    }
}

/// RFC 7617.
fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", BASE64.encode(format!("{user}:{password}")))
}

/// Host and, where it is not the scheme's own, port.
fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

fn path_and_query(url: &Url) -> String {
    url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::Method;

    fn request(url: &str) -> Request {
        Request {
            url: Url::parse(url).unwrap(),
            method: Method::Derived("GET"),
            headers: vec![],
            body: None,
            credentials: None,
            coding: ContentCoding::AsIs,
        }
    }

    fn set(name: &str, value: &str) -> HeaderField {
        HeaderField::Set { name: name.to_owned(), value: value.to_owned() }
    }

    fn check(request: &Request, context: RequestContext<'_>, expect: &str) {
        let bytes = Head::new(request, context, None).unwrap().to_h1();
        let text = String::from_utf8(bytes).unwrap().replace(USER_AGENT, "wirefall");
        assert_eq!(text, expect.replace('\n', "\r\n"));
    }

    #[test]
    fn the_bytes_of_a_plain_request() {
        check(
            &request("http://example.com:8080/a/b?c=d&e#f"),
            RequestContext::Direct,
            "GET /a/b?c=d&e HTTP/1.1\nHost: example.com:8080\nUser-Agent: wirefall\nAccept: */*\n\n",
        );
    }

    #[test]
    fn the_users_fields_replace_and_remove() {
        let mut request = request("https://example.com/");
        request.headers = vec![
            set("X-One", "1"),
            set("host", "other.example"),
            HeaderField::Remove { name: "accept".to_owned() },
            set("user-agent", "me"),
        ];
        request.method = Method::Derived("POST");
        request.body = Some(b"a=b".to_vec());
        request.credentials = Some(Credentials::Basic { user: "u".to_owned(), password: "p".to_owned() });
        request.coding = ContentCoding::Compressed;
        check(
            &request,
            RequestContext::Direct,
            "POST / HTTP/1.1\nHost: other.example\nAuthorization: Basic dTpw\nAccept-Encoding: gzip, deflate, br\n\
             X-One: 1\nuser-agent: me\nContent-Length: 3\n\n",
        );
    }

    #[test]
    fn a_proxy_gets_the_absolute_form() {
        check(
            &request("http://example.com/a"),
            RequestContext::ViaProxy(Some(&("u".to_owned(), "p".to_owned()))),
            "GET http://example.com/a HTTP/1.1\nHost: example.com\nProxy-Authorization: Basic dTpw\n\
             User-Agent: wirefall\nAccept: */*\nProxy-Connection: Keep-Alive\n\n",
        );
    }

    /// The fields of a request whose user has set these, with the keys of trace 1-00000001-…2 and parent 3.
    fn check_keys(headers: Vec<HeaderField>, expect: &[&str]) {
        let keys = JoinKeys::new(crate::trace::TraceId::new(1, 2), 3);
        let request = Request { headers, ..request("https://example.com/") };
        let head = Head::new(&request, RequestContext::Direct, Some(&keys)).unwrap();
        let fields =
            head.fields.iter().map(|(name, value)| format!("{name}: {}", value.replace(USER_AGENT, "wirefall")));
        assert_eq!(fields.collect::<Vec<_>>(), expect);
    }

    #[test]
    fn keys_are_sent_where_the_user_says_nothing_else() {
        let agent = "User-Agent: wirefall trace/00000001000000000000000000000002";
        let x_ray = "X-Amzn-Trace-Id: Root=1-00000001-000000000000000000000002;Parent=0000000000000003;Sampled=1";
        let w3c = "traceparent: 00-00000001000000000000000000000002-0000000000000003-01";
        check_keys(vec![], &[agent, "Accept: */*", x_ray, w3c]);
        check_keys(vec![set("user-agent", "me")], &["Accept: */*", x_ray, w3c, "user-agent: me"]);
        check_keys(vec![set("x-amzn-trace-id", "Root=1")], &[agent, "Accept: */*", w3c, "x-amzn-trace-id: Root=1"]);
        let removed = ["Traceparent", "User-Agent"].map(|name| HeaderField::Remove { name: name.to_owned() });
        check_keys(removed.to_vec(), &["Accept: */*", x_ray]);
    }

    #[test]
    fn the_signature_leaves_out_what_is_changed_on_the_way() {
        let mut request = request("https://example.com/");
        request.credentials = Some(Credentials::AwsSigV4 {
            region: "us-east-1".to_owned(),
            service: "execute-api".to_owned(),
            access_key: "id".to_owned(),
            secret_key: "key".to_owned(),
            session_token: None,
        });
        let keys = JoinKeys::new(crate::trace::TraceId::new(1, 2), 3);
        let head = Head::new(&request, RequestContext::Direct, Some(&keys)).unwrap();
        let (_, signature) = head.fields.iter().find(|(name, _)| name == "authorization").unwrap();
        assert!(signature.contains("SignedHeaders=host;x-amz-date,"), "{signature}");
        assert!(head.fields.iter().any(|(name, _)| name == X_AMZN_TRACE_ID));
    }

    #[test]
    fn http2_has_no_fields_of_the_connection() {
        let mut request = request("https://example.com/");
        request.headers = vec![set("Connection", "close"), set("X-One", "1")];
        let head = Head::new(&request, RequestContext::Direct, None).unwrap();
        let names: Vec<String> = head.h2_fields().map(|(name, _)| name).collect();
        assert_eq!(names, ["user-agent", "accept", "x-one"]);
    }
}
