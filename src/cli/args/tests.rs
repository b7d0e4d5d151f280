//! The whole way from words to a plan, as one table; what curl does was observed with curl 7.88.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::target::{
    ClientIdentity, ContentCoding, Credentials, DnsServers, Family, HeaderField, HttpVersion, Interface, Limits,
    Method, Plan, Proxies, Proxy, Redirects, Repeat, Request, Secrets, TlsOptions, TlsVersion, TraceHeaders, Trust,
};
use crate::time::Nanos;

mod targets;

/// Files by name, and what standard input has.
struct Given {
    files: BTreeMap<&'static str, &'static [u8]>,
    stdin: &'static [u8],
}

impl Inputs for Given {
    fn file(&self, path: &Path) -> io::Result<Vec<u8>> {
        let file = path.to_str().and_then(|path| self.files.get(path));
        file.map(|bytes| bytes.to_vec()).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn stdin(&self) -> io::Result<Vec<u8>> {
        Ok(self.stdin.to_vec())
    }
}

const TARGETS: &str = r#"
[[target]]
name = "ec2"
url = "https://u:p@ec2/"
headers = { X-A = "file", X-B = "file", Content-Type = "text/plain" }
path = ["ec2"]
baseline = true
tags = { region = "us-east-1" }
resolve = "ec2:443:192.0.2.1"
expect_status = 204

[[target]]
name = "apig"
url = "apig/items?a=b"
method = "PATCH"
body = "file"
"#;

fn given() -> Given {
    let files: [(&str, &[u8]); 6] = [
        ("t.toml", TARGETS.as_bytes()),
        ("bad.toml", b"[[target]]\nname = 1"),
        ("f", b"a\r\nb\0c\nd"),
        ("fields", b"X-A: 1\r\n\r\nX-B:2\nX-C;\n"),
        ("latin1", b"\xe9"),
        ("format", b"%{time_total}\r\n%{http_code}\n"),
    ];
    Given { files: files.into_iter().collect(), stdin: b"in\n" }
}

fn raw(argv: &[&str]) -> Result<TraceArgs, String> {
    let words = std::iter::once("wirefall").chain(argv.iter().copied()).map(OsString::from);
    match parse(words) {
        Ok(Command::Trace(flags)) => Ok(*flags),
        Ok(other) => panic!("{argv:?} is {other:?}"),
        Err(error) => Err(error.to_string()),
    }
}

fn resolve_in(environment: &[(&str, &str)], argv: &[&str]) -> Result<(Plan, Output), String> {
    let environment = environment.iter().copied().collect();
    raw(argv)?.resolve(&environment, &given()).map_err(|error| error.to_string())
}

fn resolve(argv: &[&str]) -> Result<(Plan, Output), String> {
    resolve_in(&[], argv)
}

fn plan(argv: &[&str]) -> Plan {
    resolve(argv).unwrap_or_else(|error| panic!("{argv:?}: {error}")).0
}

fn output(argv: &[&str]) -> Output {
    resolve(argv).unwrap_or_else(|error| panic!("{argv:?}: {error}")).1
}

/// The request to `h` that these flags make.
fn request(flags: &[&str]) -> Request {
    let argv: Vec<&str> = flags.iter().copied().chain(["http://h/"]).collect();
    plan(&argv).targets.remove(0).request
}

fn basic(user: &str, password: &str) -> Credentials {
    Credentials::Basic { user: user.into(), password: password.into() }
}

#[test]
fn clap_finds_no_fault_in_the_definition() {
    command().debug_assert();
}

#[test]
fn a_url_alone_is_a_plan_of_defaults() {
    let (plan, output) = resolve(&["https://h/"]).unwrap();
    let request = Request {
        url: "https://h/".parse().unwrap(),
        method: Method::Derived("GET"),
        headers: vec![],
        body: None,
        credentials: None,
        coding: ContentCoding::AsIs,
    };
    let target = crate::target::Target {
        name: None,
        tags: BTreeMap::new(),
        path: None,
        request,
        resolve: vec![],
        expect_status: None,
    };
    let expect = Plan {
        targets: vec![target],
        resolution: crate::target::Resolution::default(),
        route: crate::target::Route::default(),
        tls: TlsOptions::default(),
        http: HttpVersion::Negotiate,
        redirects: Redirects::Stay,
        repeat: Repeat::Cold,
        limits: Limits::default(),
        vantage: None,
        secrets: Secrets::Redact,
        trace_headers: TraceHeaders::Send,
    };
    assert_eq!(plan, expect);
    let expect = Output {
        format: Some(Format::Pretty),
        write_out: None,
        body: Destination::Nowhere,
        heads: Destination::Nowhere,
        save: None,
        chart: None,
        capture: CaptureRule::Auto,
        packets: PacketList::Omit,
        pcap: None,
        verbosity: Verbosity::Normal,
        color: Color::Auto,
        status: StatusRule::AnyIsFine,
        slo: None,
    };
    assert_eq!(output, expect);
}

#[test]
fn targets_have_urls_and_names() {
    let plan = plan(&["h", "edge=https://u:p@h/?a=b", "-k", "https://h/?a=b"]);
    let found: Vec<_> =
        plan.targets.iter().map(|target| (target.name.as_deref(), target.request.url.as_str())).collect();
    assert_eq!(found, [(None, "http://h/"), (Some("edge"), "https://h/?a=b"), (None, "https://h/?a=b")]);
    assert_eq!(plan.targets[1].request.credentials, Some(basic("u", "p")));
}

#[test]
fn bodies_are_made_as_curl_makes_them() {
    for (flags, expect) in [
        (&["-d", "a"][..], &b"a"[..]),
        (&["-d", ""], b""),
        (&["-da=b"], b"a=b"),
        (&["-d=a"], b"=a"),
        (&["-d", "-a"], b"-a"),
        (&["--data-ascii", "a"], b"a"),
        (&["-d", "a", "-d", "b"], b"a&b"),
        (&["-d", "", "-d", "a"], b"&a"),
        (&["-d", "@f"], b"abcd"),
        (&["-d", "@-"], b"in"),
        (&["--data-binary", "@f"], b"a\r\nb\0c\nd"),
        (&["--data-binary", "@-"], b"in\n"),
        (&["--data-raw", "@f"], b"@f"),
        (&["--json", "@f"], b"a\r\nb\0c\nd"),
        (&["-d", "a", "--json", "{", "--json", "}"], b"a{}"),
        (&["--json", "a", "-d", "b"], b"a&b"),
        (&["--data-binary", "a", "-d", "b", "--data-raw", "c", "-d", "d"], b"a&b&c&d"),
        (
            &[
                "--data-urlencode",
                "n=a b&\u{e9}~*",
                "--data-urlencode",
                "=x=",
                "--data-urlencode",
                "n@f",
                "--data-urlencode",
                "@f",
                "--data-urlencode",
                "p q",
            ],
            b"n=a+b%26%C3%A9~%2A&x%3D&n=a%0D%0Ab%00c%0Ad&a%0D%0Ab%00c%0Ad&p+q",
        ),
    ] {
        let request = request(flags);
        assert_eq!(request.body.as_deref(), Some(expect), "{flags:?}");
        assert_eq!(request.method, Method::Derived("POST"), "{flags:?}");
    }
}

#[test]
fn methods_follow_from_the_flags() {
    let chosen = |method: &str| Method::Chosen(method.into());
    for (flags, method, url) in [
        (&["-I"][..], Method::Derived("HEAD"), "http://h/"),
        (&["-G"], Method::Derived("GET"), "http://h/"),
        (&["-G", "-d", "a=1", "-d", "b"], Method::Derived("GET"), "http://h/?a=1&b"),
        (&["-G", "-d", ""], Method::Derived("GET"), "http://h/"),
        (&["-G", "-d", "a b#c"], Method::Derived("GET"), "http://h/?a%20b%23c"),
        (&["-I", "-G", "-d", "a"], Method::Derived("HEAD"), "http://h/?a"),
        (&["-G", "-X", "POST", "-d", "a"], chosen("POST"), "http://h/?a"),
        (&["-X", "FOO", "-I"], chosen("FOO"), "http://h/"),
        (&["-XPUT", "-d", "a"], chosen("PUT"), "http://h/"),
        (&["-X", "PUT", "-X", "PATCH"], chosen("PATCH"), "http://h/"),
    ] {
        let request = request(flags);
        assert_eq!(request.method, method, "{flags:?}");
        assert_eq!(request.url.as_str(), url, "{flags:?}");
        assert_eq!(request.body.is_some(), flags.contains(&"-d") && !flags.contains(&"-G"), "{flags:?}");
    }
    for (url, expect) in [
        ("http://h/?", "http://h/?a"),
        ("http://h/?x", "http://h/?x&a"),
        ("http://h/?x&", "http://h/?x&a"),
        ("http://h/#f", "http://h/?a#f"),
    ] {
        assert_eq!(plan(&["-G", "-d", "a", url]).targets[0].request.url.as_str(), expect, "{url}");
    }
}

#[test]
fn header_fields_come_from_several_flags() {
    let set = HeaderField::set;
    let remove = |name: &str| HeaderField::Remove { name: name.into() };
    let json = "application/json";
    let form = "application/x-www-form-urlencoded";
    for (flags, expect) in [
        (&["-H", "A: b", "-H", "a:c"][..], vec![set("A", "b"), set("a", "c")]),
        (&["-H", "A:", "-H", "B;"], vec![remove("A"), set("B", "")]),
        (&["-H", "@fields", "-H", "D: 4"], vec![set("X-A", "1"), set("X-B", "2"), set("X-C", ""), set("D", "4")]),
        (&["-A", "x"], vec![set("User-Agent", "x")]),
        (&["-A", ""], vec![remove("User-Agent")]),
        (&["-A", "x", "-H", "user-agent: y"], vec![set("user-agent", "y")]),
        (&["-b", "a=b", "-b", "c=d; e=f"], vec![set("Cookie", "a=b; c=d; e=f")]),
        (&["-b", "a=b", "-H", "Cookie: c"], vec![set("Cookie", "c")]),
        (&["-d", "a"], vec![set("Content-Type", form)]),
        (&["-d", "a", "-H", "Content-Type:"], vec![remove("Content-Type")]),
        (&["-d", "a", "-H", "content-type: b"], vec![set("content-type", "b")]),
        (&["--json", "a"], vec![set("Content-Type", json), set("Accept", json)]),
        (&["--json", "a", "-H", "accept: b"], vec![set("accept", "b"), set("Content-Type", json)]),
        (&["-G", "--json", "a"], vec![set("Content-Type", json), set("Accept", json)]),
        (&["-G", "-d", "a"], vec![]),
    ] {
        assert_eq!(request(flags).headers, expect, "{flags:?}");
    }
    assert_eq!(request(&["--compressed"]).coding, ContentCoding::Compressed);
}

#[test]
fn credentials_come_from_the_flag_before_the_url() {
    let bearer = |token: &str| Credentials::Bearer(token.into());
    for (argv, expect) in [
        (&["-u", "u:p", "http://h/"][..], basic("u", "p")),
        (&["-u", "u:p:q", "http://h/"], basic("u", "p:q")),
        (&["-u", ":", "http://h/"], basic("", "")),
        (&["-u", "u:p", "http://x:y@h/"], basic("u", "p")),
        (&["http://a%20b:c%3ad@h/"], basic("a b", "c:d")),
        (&["http://x@h/"], basic("x", "")),
        (&["--oauth2-bearer", "t", "http://x:y@h/"], bearer("t")),
        (&["--oauth2-bearer", "t", "-u", "u:p", "http://h/"], bearer("t")),
    ] {
        assert_eq!(plan(argv).targets[0].request.credentials, Some(expect), "{argv:?}");
    }
}

#[test]
fn requests_are_signed_with_the_keys_of_flag_url_or_environment() {
    const KEYS: &[(&str, &str)] = &[("AWS_ACCESS_KEY_ID", "EA"), ("AWS_SECRET_ACCESS_KEY", "ES")];
    const SESSION: &[(&str, &str)] =
        &[("AWS_ACCESS_KEY_ID", "EA"), ("AWS_SECRET_ACCESS_KEY", "ES"), ("AWS_SESSION_TOKEN", "ET")];
    const HOST: &str = "https://id.execute-api.us-east-1.amazonaws.com/";
    for (environment, argv, region, keys) in [
        (&[][..], &["--aws-sigv4", "aws:amz", "-u", "A:S", HOST][..], "us-east-1", ("A", "S", None)),
        (KEYS, &["--aws-sigv4", "aws:amz", HOST], "us-east-1", ("EA", "ES", None)),
        (SESSION, &["--aws-sigv4", "aws:amz:eu-west-1", HOST], "eu-west-1", ("EA", "ES", Some("ET"))),
        (SESSION, &["--aws-sigv4", "", "-u", "A:S", HOST], "us-east-1", ("A", "S", None)),
        (SESSION, &["--aws-sigv4", "aws:amz:r:execute-api", "http://A:S@h/"], "r", ("A", "S", None)),
    ] {
        let found = resolve_in(environment, argv).unwrap().0.targets.remove(0).request.credentials;
        let expect = Credentials::AwsSigV4 {
            region: region.into(),
            service: "execute-api".into(),
            access_key: keys.0.into(),
            secret_key: keys.1.into(),
            session_token: keys.2.map(Into::into),
        };
        assert_eq!(found, Some(expect), "{argv:?}");
    }
}

#[test]
fn names_resolve_as_asked() {
    for (argv, expect) in [
        (&["-4"][..], Family::V4),
        (&["-6"], Family::V6),
        (&["-4", "-6"], Family::V6),
        (&["-64"], Family::V4),
        (&["--ipv6", "--ipv4"], Family::V4),
        (&["-4", "-4"], Family::V4),
    ] {
        let argv: Vec<&str> = argv.iter().copied().chain(["h"]).collect();
        assert_eq!(plan(&argv).resolution.family, expect, "{argv:?}");
    }
    let resolution = plan(&["--resolve", "a:80:127.0.0.1", "--resolve", "*:443:::1", "h"]).resolution;
    assert_eq!(resolution.overrides, ["a:80:127.0.0.1", "*:443:::1"].map(|text| text.parse().unwrap()));
    let servers = |argv: &[&str]| plan(argv).resolution.servers;
    assert_eq!(servers(&["--dns-servers", "127.0.0.1", "h"]), "127.0.0.1".parse().unwrap());
    assert_eq!(servers(&["--dns-servers", "tls://[::1]#n", "h"]), "tls://[::1]#n".parse().unwrap());
    assert_eq!(servers(&["--doh-url", "https://d/q", "h"]), DnsServers::Https("https://d/q".parse().unwrap()));
}

#[test]
fn routes_are_as_asked() {
    let route = plan(&[
        "--connect-to",
        "::a:1",
        "--unix-socket",
        "/s",
        "--interface",
        "lo",
        "--happy-eyeballs-timeout-ms",
        "50",
        "--reuse",
        "h",
    ]);
    assert_eq!(route.repeat, Repeat::ColdThenWarm);
    let route = route.route;
    assert_eq!(route.connect_to, ["::a:1".parse().unwrap()]);
    assert_eq!(route.unix_socket.as_deref(), Some(Path::new("/s")));
    assert_eq!(route.interface, Some(Interface::Device("lo".into())));
    assert_eq!(route.attempt_delay, Nanos::from_millis(50));
}

#[test]
fn proxies_come_from_the_flag_or_the_environment() {
    let proxy = |host: &str| Some(host.parse::<Proxy>().unwrap());
    // (environment, flags, for http, for https, exceptions)
    for (environment, flags, http, https, except) in [
        (&[("http_proxy", "a")][..], &[][..], proxy("a"), None, &[][..]),
        (&[("HTTP_PROXY", "a")], &[], None, None, &[]),
        (&[("https_proxy", "a"), ("HTTPS_PROXY", "b")], &[], None, proxy("a"), &[]),
        (&[("https_proxy", ""), ("HTTPS_PROXY", "b")], &[], None, proxy("b"), &[]),
        (&[("all_proxy", "a"), ("http_proxy", "b:1")], &[], proxy("b:1"), proxy("a"), &[]),
        (&[("ALL_PROXY", "http://a/"), ("NO_PROXY", "h, i")], &[], proxy("a"), proxy("a"), &["h", "i"]),
        (&[("ALL_PROXY", "a"), ("no_proxy", "h")], &["-x", "c"], proxy("c"), proxy("c"), &["h"]),
        (&[("ALL_PROXY", "a"), ("no_proxy", "h")], &["--noproxy", ""], proxy("a"), proxy("a"), &[]),
        (&[("ALL_PROXY", "a")], &["--noproxy", "h"], proxy("a"), proxy("a"), &["h"]),
        (&[("ALL_PROXY", "a")], &["-x", ""], None, None, &[]),
        (&[("ALL_PROXY", "socks5://a")], &["-x", ""], None, None, &[]),
        (&[("ALL_PROXY", "socks5://a")], &["--noproxy", "*"], None, None, &["*"]),
        (&[], &["-x", "u:p@c:3128"], proxy("u:p@c:3128"), proxy("u:p@c:3128"), &[]),
    ] {
        let argv: Vec<&str> = flags.iter().copied().chain(["h"]).collect();
        let found = resolve_in(environment, &argv).unwrap().0.route.proxies;
        let except = except.iter().map(|host| (*host).to_owned()).collect();
        assert_eq!(found, Proxies { http, https, except }, "{environment:?} {flags:?}");
    }
}

#[test]
fn tls_is_as_asked() {
    let identity =
        |certificates: &str, key: &str| Some(ClientIdentity { certificates: certificates.into(), key: key.into() });
    let default = TlsOptions::default;
    for (flags, expect) in [
        (&["-k"][..], TlsOptions { trust: Trust::Anyone, ..default() }),
        (&["--cacert", "c"], TlsOptions { trust: Trust::File("c".into()), ..default() }),
        (&["--cacert", "c", "-k"], TlsOptions { trust: Trust::Anyone, ..default() }),
        (&["-E", "c"], TlsOptions { identity: identity("c", "c"), ..default() }),
        (&["-E", "c", "--key", "k"], TlsOptions { identity: identity("c", "k"), ..default() }),
        (&["-E", "c\\:d"], TlsOptions { identity: identity("c:d", "c:d"), ..default() }),
        (&["--tlsv1.2"], default()),
        (&["--tlsv1.3"], TlsOptions { min: TlsVersion::V13, ..default() }),
        (&["--tlsv1.3", "--tlsv1.2"], default()),
        (&["--tls-max", "1.2"], TlsOptions { max: TlsVersion::V12, ..default() }),
        (&["--tls-max", "default"], default()),
        (&["--keylog", "k"], TlsOptions { keylog: Some("k".into()), ..default() }),
    ] {
        let argv: Vec<&str> = flags.iter().copied().chain(["h"]).collect();
        assert_eq!(plan(&argv).tls, expect, "{flags:?}");
    }
    let environment = [("SSLKEYLOGFILE", "e")];
    for (argv, expect) in [(&["h"][..], "e"), (&["--keylog", "k", "h"], "k")] {
        let keylog = resolve_in(&environment, argv).unwrap().0.tls.keylog;
        assert_eq!(keylog.as_deref(), Some(Path::new(expect)), "{argv:?}");
    }
}

#[test]
fn http_redirects_and_limits_are_as_asked() {
    for (flags, expect) in [
        (&["--http1.1"][..], HttpVersion::Http11),
        (&["--http2"], HttpVersion::Negotiate),
        (&["--http2-prior-knowledge"], HttpVersion::Http2PriorKnowledge),
        (&["--http1.1", "--http2"], HttpVersion::Negotiate),
        (&["--http2-prior-knowledge", "--http1.1"], HttpVersion::Http11),
    ] {
        let argv: Vec<&str> = flags.iter().copied().chain(["h"]).collect();
        assert_eq!(plan(&argv).http, expect, "{flags:?}");
    }
    for (flags, expect) in [
        (&["-L"][..], Redirects::Follow { most: Some(50) }),
        (&["-L", "--max-redirs", "0"], Redirects::Follow { most: Some(0) }),
        (&["-L", "--max-redirs", "-1"], Redirects::Follow { most: None }),
        (&["-L", "--max-redirs=-1"], Redirects::Follow { most: None }),
        (&["--max-redirs", "3"], Redirects::Stay),
    ] {
        let argv: Vec<&str> = flags.iter().copied().chain(["h"]).collect();
        assert_eq!(plan(&argv).redirects, expect, "{flags:?}");
    }
    let limits = plan(&["-m", "1.5", "--connect-timeout", ".25", "h"]).limits;
    assert_eq!(limits, Limits { connect: Nanos::from_millis(250), total: Nanos::from_millis(1_500) });
    let plan = plan(&["--vantage", "laptop", "--show-secrets", "--no-trace-headers", "h"]);
    assert_eq!((plan.vantage.as_deref(), plan.secrets), (Some("laptop"), Secrets::Show));
    assert_eq!(plan.trace_headers, TraceHeaders::Omit);
}

#[test]
fn output_is_as_asked() {
    let default = output(&["h"]);
    let chart: ChartFile = "c.svg".parse().unwrap();
    for (flags, expect) in [
        (&["--format", "har"][..], Output { format: Some(Format::Har), ..default.clone() }),
        (&["-w", "a"], Output { format: None, write_out: Some("a".into()), ..default.clone() }),
        (
            &["-w", "a", "--format", "json"],
            Output { format: Some(Format::Json), write_out: Some("a".into()), ..default.clone() },
        ),
        (
            &["-w", "@format"],
            Output { format: None, write_out: Some("%{time_total}%{http_code}".into()), ..default.clone() },
        ),
        (&["-o", "-"], Output { body: Destination::Stdout, ..default.clone() }),
        (&["-o", "b"], Output { body: Destination::File("b".into()), ..default.clone() }),
        (&["-D-"], Output { heads: Destination::Stdout, ..default.clone() }),
        (&["-D", "d"], Output { heads: Destination::File("d".into()), ..default.clone() }),
        (&["--save", "s.jsonl"], Output { save: Some("s.jsonl".into()), ..default.clone() }),
        (&["--chart", "c.svg"], Output { chart: Some(chart), ..default.clone() }),
        (&["--capture", "auto"], default.clone()),
        (&["--capture", "off"], Output { capture: CaptureRule::Off, ..default.clone() }),
        (&["--capture", "require"], Output { capture: CaptureRule::Require, ..default.clone() }),
        // Whoever wants to see packets does not want to be left without.
        (&["--packets"], Output { capture: CaptureRule::Require, packets: PacketList::List, ..default.clone() }),
        (
            &["--pcap", "p", "--capture", "auto"],
            Output { capture: CaptureRule::Require, pcap: Some("p".into()), ..default.clone() },
        ),
        (&["-s"], Output { verbosity: Verbosity::Silent, ..default.clone() }),
        (&["-sS"], default.clone()),
        (&["-v"], Output { verbosity: Verbosity::Verbose, ..default.clone() }),
        (&["-sv"], Output { verbosity: Verbosity::Verbose, ..default.clone() }),
        (&["-f"], Output { status: StatusRule::FailFrom400, ..default.clone() }),
        (&["--no-color"], Output { color: Color::Never, ..default.clone() }),
    ] {
        let argv: Vec<&str> = flags.iter().copied().chain(["h"]).collect();
        assert_eq!(output(&argv), expect, "{flags:?}");
    }
    for (value, expect) in [("1", Color::Never), ("", Color::Auto)] {
        assert_eq!(resolve_in(&[("NO_COLOR", value)], &["h"]).unwrap().1.color, expect, "{value:?}");
    }
}

#[test]
fn errors_name_the_flag_what_was_expected_and_what_was_given() {
    for (argv, expect) in [
        (&["ftp://h/"][..], "TARGET: expected a URL with http or https, got \"ftp\" in \"ftp://h/\""),
        (&["http://"], "TARGET: expected a URL or NAME=URL, got \"http://\" (empty host)"),
        (&["--resolve", "h:80", "h"], "--resolve: expected HOST:PORT:ADDR[,ADDR]…, got \"h:80\""),
        (
            &["--resolve", "h:80:i", "h"],
            "--resolve: expected HOST:PORT:ADDR[,ADDR]…, got \"h:80:i\", where \"i\" is not an IP address",
        ),
        (&["--connect-to", "h", "h"], "--connect-to: expected HOST1:PORT1:HOST2:PORT2, got \"h\""),
        (&["-X", "A B", "h"], "-X: expected a method such as PUT, got \"A B\""),
        (&["-H", "nonsense", "h"], "-H: expected \"Name: value\", \"Name:\" or \"Name;\", got \"nonsense\""),
        (&["-H", "@missing", "h"], "-H: cannot read missing: entity not found"),
        (&["-H", "@latin1", "h"], "-H: expected a file in UTF-8"),
        (&["-d", "@missing", "h"], "-d: cannot read missing: entity not found"),
        (&["-G", "-d", "@latin1", "h"], "-G: expected UTF-8 text"),
        (&["-I", "-d", "a", "h"], "-I cannot be used with -d: HEAD has no body (-G sends it in the URL)"),
        (
            &["-b", "jar.txt", "h"],
            "-b: expected NAME=VALUE (a word without = would be a file, and cookie files are not read), got \"jar.txt\"",
        ),
        (
            &["--pcap", "p", "--capture", "off", "h"],
            "--pcap cannot be used with --capture off: it shows what was captured",
        ),
        (
            &["--packets", "--capture", "off", "h"],
            "--packets cannot be used with --capture off: it shows what was captured",
        ),
        (&["-u", "secret", "h"], "-u: expected USER:PASSWORD, with the colon (nothing asks for a password)"),
        (
            &["--aws-sigv4", "aws:amz:r:s", "h"],
            "--aws-sigv4 needs -u ACCESS_KEY:SECRET_KEY, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
        ),
        (&["--aws-sigv4", "goog", "-u", "A:S", "h"], "--aws-sigv4: expected aws:amz[:REGION[:SERVICE]], got \"goog\""),
        (
            &["--aws-sigv4", "aws:amz", "-u", "A:S", "h"],
            "--aws-sigv4: expected aws:amz:REGION:SERVICE, because \"h\" does not name region and service",
        ),
        (
            &["-x", "socks5://u:secret@p", "h"],
            "-x/--proxy: expected [http://][USER:PASSWORD@]HOST[:PORT], got a proxy with socks5://, which is not supported",
        ),
        (&["--doh-url", "http://d/", "h"], "--doh-url: expected an https URL without a user, got \"http://d/\""),
        (&["--dns-servers", "d", "h"], "--dns-servers: expected IP[:PORT] or tls://IP[:PORT]#NAME, got \"d\""),
        (&["--tls-max", "1.1", "h"], "--tls-max: expected 1.2, 1.3 or default, got \"1.1\""),
        (
            &["--tlsv1.3", "--tls-max", "1.2", "h"],
            "--tlsv1.3 cannot be used with --tls-max 1.2: no version is left to offer",
        ),
        (
            &["-E", "c:secret", "h"],
            "-E: expected FILE without a password after \":\" (keys with a password are not read; \"\\:\" stands for a colon)",
        ),
        (&["--key", "k", "h"], "--key needs -E FILE with the certificate"),
        (&["-m", "soon", "h"], "-m/--max-time: expected seconds such as 10 or 0.5, got \"soon\""),
        (&["--max-redirs", "-2", "h"], "--max-redirs: expected a number of redirects, or -1, got \"-2\""),
        (
            &["--happy-eyeballs-timeout-ms", "1.5", "h"],
            "--happy-eyeballs-timeout-ms: expected milliseconds, got \"1.5\"",
        ),
        (&["--chart", "c.jpg", "h"], "--chart: expected a file name that ends in .png or .svg, got \"c.jpg\""),
    ] {
        assert_eq!(resolve(argv).map(|_| ()), Err(expect.to_owned()), "{argv:?}");
    }
    assert_eq!(
        resolve_in(&[("https_proxy", "https://p")], &["h"]).map(|_| ()),
        Err("https_proxy: expected [http://][USER:PASSWORD@]HOST[:PORT], got a proxy with https://, which is not \
             supported (-x \"\" ignores the variable)"
            .to_owned())
    );
}

proptest! {
    #[test]
    fn any_arguments_are_a_plan_or_an_error(
        flag in prop::sample::select(vec![
            "-X", "-H", "-d", "--data-urlencode", "--json", "-A", "-b", "-u", "--aws-sigv4", "--resolve", "--connect-to",
            "--interface", "-x", "--noproxy", "--dns-servers", "--doh-url", "-E", "--tls-max", "-m", "--max-redirs", "-w",
            "--chart", "-G", "-I",
        ]),
        value in any::<String>(),
        target in any::<String>(),
    ) {
        if let Ok(flags) = raw(&[flag, &value, "-x", "p", &target, "--", &target]) {
            let _ = flags.resolve(&Environment::default(), &given());
        }
    }
}
