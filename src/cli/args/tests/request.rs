//! How a request is made of flags: body, method, header fields, credentials.

use super::*;

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
