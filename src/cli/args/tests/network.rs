//! The way of a request: names, routes, proxies, TLS, versions of HTTP, limits.

use super::*;

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
