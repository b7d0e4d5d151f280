//! What the headers of each layer have to look like.

use super::*;

const ROOT: &str = "Root=1-67400000-aaaaaaaaaaaaaaaaaaaaaaaa";

/// 2026-11-21T04:38:33Z.
fn at() -> Timestamp<Realtime> {
    Timestamp::from_nanos(1_795_235_913 * 1_000_000_000)
}

fn map(fields: &[(&'static str, &'static str)]) -> HeaderMap {
    fields.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
}

fn passage(kind: Kind, request: &HeaderMap) -> Passage {
    Passage::new(kind, request, &Inventor::new(1), Scheme::Https, at())
}

fn value<'map>(headers: &'map HeaderMap, name: &str) -> &'map str {
    headers.get(name).map_or("", |value| value.to_str().unwrap())
}

fn names(headers: &HeaderMap) -> Vec<&str> {
    let mut names: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
    names.sort_unstable();
    names
}

fn returned(kind: Kind, response: &[(&'static str, &'static str)], profile: &Profile) -> HeaderMap {
    let timing = Timing {
        connect: Some(Nanos::from_micros(1_900)),
        upstream_first_byte: Nanos::from_millis(5),
        first_byte: Nanos::from_millis(9),
    };
    let mut headers = map(response);
    passage(kind, &HeaderMap::new()).return_through(&mut headers, timing, profile, &Inventor::new(2));
    headers
}

fn check_returned(kind: Kind, response: &[(&'static str, &'static str)], expect: &[&str]) {
    assert_eq!(names(&returned(kind, response, &Profile::default())), expect, "{kind:?}");
}

#[test]
fn each_layer_adds_and_takes_away_its_headers() {
    let app = [
        ("content-type", "a/b"),
        ("content-length", "2"),
        ("date", "x"),
        ("server", "app"),
        ("connection", "keep-alive"),
    ];
    let lambda = [("content-type", "a/b"), ("x-amzn-requestid", "inner"), ("x-amzn-trace-id", ROOT)];
    check_returned(Kind::Elb, &app, &["content-length", "content-type", "date", "server", "set-cookie"]);
    check_returned(Kind::ClassicElb, &app, &["content-length", "content-type", "date", "server", "set-cookie"]);
    check_returned(Kind::NetworkElb, &app, &["connection", "content-length", "content-type", "date", "server"]);
    check_returned(Kind::HttpApi, &app, &["apigw-requestid", "content-length", "content-type", "date", "server"]);
    check_returned(
        Kind::RestToHttp,
        &app,
        &[
            "content-type",
            "x-amz-apigw-id",
            "x-amzn-remapped-connection",
            "x-amzn-remapped-content-length",
            "x-amzn-remapped-date",
            "x-amzn-remapped-server",
            "x-amzn-requestid",
        ],
    );
    check_returned(
        Kind::RestToService,
        &app,
        &["content-length", "content-type", "x-amz-apigw-id", "x-amzn-requestid"],
    );
    check_returned(
        Kind::RestToLambda,
        &lambda,
        &["content-type", "x-amz-apigw-id", "x-amzn-requestid", "x-amzn-trace-id"],
    );
    check_returned(Kind::FunctionUrl, &lambda, &["content-type", "x-amzn-requestid", "x-amzn-trace-id"]);
    check_returned(
        Kind::CloudFront,
        &app,
        &[
            "content-length",
            "content-type",
            "date",
            "server",
            "server-timing",
            "via",
            "x-amz-cf-id",
            "x-amz-cf-pop",
            "x-cache",
        ],
    );
}

#[test]
fn a_rest_api_gives_its_own_request_id_and_a_function_url_that_of_lambda() {
    let lambda = [("x-amzn-requestid", "inner")];
    assert_ne!(value(&returned(Kind::RestToLambda, &lambda, &Profile::default()), "x-amzn-requestid"), "inner");
    assert_eq!(value(&returned(Kind::FunctionUrl, &lambda, &Profile::default()), "x-amzn-requestid"), "inner");
    let nested = returned(Kind::RestToHttp, &lambda, &Profile::default());
    assert_eq!(value(&nested, "x-amzn-remapped-x-amzn-requestid"), "inner");
}

#[test]
fn server_timing_is_that_of_a_miss() {
    let headers = returned(Kind::CloudFront, &[], &Profile::default());
    let expect = format!(
        "cdn-upstream-layer;desc=\"EDGE\",cdn-upstream-dns;dur=0,cdn-upstream-connect;dur=1,cdn-upstream-fbl;dur=5,\
         cdn-cache-miss,cdn-pop;desc=\"IAD89-C1\",cdn-rid;desc=\"{}\",cdn-downstream-fbl;dur=9",
        value(&headers, "x-amz-cf-id")
    );
    assert_eq!(value(&headers, "server-timing"), expect);
    let off = Profile::parse("cloudfront.server_timing = 'off'", "off.toml").unwrap();
    assert_eq!(value(&returned(Kind::CloudFront, &[], &off), "server-timing"), "");
}

#[test]
fn both_cookies_expire_after_a_week() {
    let headers = returned(Kind::Elb, &[], &Profile::default());
    let cookies: Vec<_> = headers.get_all("set-cookie").iter().map(|cookie| cookie.to_str().unwrap()).collect();
    let (name, rest) = cookies[0].split_once('=').unwrap();
    let (id, attributes) = rest.split_once(';').unwrap();
    assert_eq!((name, id.len(), attributes), ("AWSALB", 128, " Expires=Sat, 28 Nov 2026 04:38:33 GMT; Path=/"));
    assert_eq!(cookies[1], format!("AWSALBCORS={id};{attributes}; SameSite=None; Secure"));
    let none = Profile::parse("elb.stickiness = 'none'", "none.toml").unwrap();
    assert_eq!(names(&returned(Kind::Elb, &[], &none)), [""; 0]);

    let headers = returned(Kind::ClassicElb, &[], &none);
    let cookies: Vec<_> = headers.get_all("set-cookie").iter().map(|cookie| cookie.to_str().unwrap()).collect();
    let id = cookies[0].strip_prefix("AWSELB=").and_then(|rest| rest.strip_suffix(";PATH=/;MAX-AGE=604800")).unwrap();
    assert!(id.len() == 158 && id.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase()), "{id}");
    assert_eq!(cookies[1], format!("AWSELBCORS={id};PATH=/;MAX-AGE=604800;SECURE;SAMESITE=None"));
    let none = Profile::parse("clb.stickiness = 'none'", "none.toml").unwrap();
    assert_eq!(names(&returned(Kind::ClassicElb, &[], &none)), [""; 0]);
}

#[test]
fn the_trace_header_keeps_its_root() {
    let given =
        map(&[("x-amzn-trace-id", "Root=1-67400000-aaaaaaaaaaaaaaaaaaaaaaaa;Parent=bbbbbbbbbbbbbbbb;Sampled=1")]);
    let seen =
        |kind, request: &HeaderMap| passage(kind, request).trace.map(|trace| trace.to_string()).unwrap_or_default();
    let elb = seen(Kind::Elb, &given);
    assert!(elb.starts_with("Self=1-6"), "{elb}");
    assert!(elb.ends_with(&format!(";{ROOT};Parent=bbbbbbbbbbbbbbbb;Sampled=1")), "{elb}");
    for kind in [
        Kind::HttpApi,
        Kind::RestToHttp,
        Kind::FunctionUrl,
        Kind::CloudFront,
        Kind::ClassicElb,
        Kind::NetworkElb,
        Kind::Ec2,
    ] {
        assert_eq!(seen(kind, &given), format!("{ROOT};Parent=bbbbbbbbbbbbbbbb;Sampled=1"), "{kind:?}");
    }
    let lambda = seen(Kind::Lambda, &given);
    assert!(
        lambda.starts_with(ROOT) && lambda.contains(";Sampled=1;Lineage=1:") && !lambda.contains("bbbb"),
        "{lambda}"
    );

    let none = HeaderMap::new();
    for kind in [Kind::Elb, Kind::HttpApi, Kind::RestToHttp, Kind::FunctionUrl, Kind::Lambda] {
        assert!(seen(kind, &none).starts_with("Root=1-6b"), "{kind:?}: {}", seen(kind, &none));
    }
    assert_eq!(seen(Kind::Ec2, &none) + &seen(Kind::CloudFront, &none), "");
}

#[test]
fn requests_are_rewritten_for_the_next_layer() {
    let client =
        [("host", "a.lab.test"), ("user-agent", "curl"), ("connection", "close"), ("x-forwarded-for", "192.0.2.1")];
    let forwarded = |kind| {
        let mut headers = map(&client);
        passage(kind, &map(&client)).forward(&mut headers, [127, 0, 0, 1].into(), "next.example");
        headers
    };
    let edge = forwarded(Kind::CloudFront);
    assert_eq!((value(&edge, "user-agent"), value(&edge, "host")), ("Amazon CloudFront", "next.example"));
    assert!(value(&edge, "via").ends_with(".cloudfront.net (CloudFront)"));
    assert_eq!(value(&edge, "x-amz-cf-id").len(), 56);
    let elb = forwarded(Kind::Elb);
    assert_eq!((value(&elb, "user-agent"), value(&elb, "host")), ("curl", "a.lab.test"));
    assert_eq!((value(&elb, "x-forwarded-proto"), value(&elb, "x-forwarded-port")), ("https", "443"));
    let classic = forwarded(Kind::ClassicElb);
    assert_eq!((value(&classic, "host"), value(&classic, "x-forwarded-proto")), ("a.lab.test", "https"));
    assert_eq!(forwarded(Kind::NetworkElb), map(&client));
    for headers in [&edge, &elb, &classic] {
        assert_eq!((value(headers, "x-forwarded-for"), value(headers, "connection")), ("192.0.2.1, 127.0.0.1", ""));
    }
}

#[test]
fn an_error_names_who_made_it() {
    for (kind, name, expect) in [
        (Kind::Elb, "server", "awselb/2.0"),
        (Kind::CloudFront, "x-cache", "Error from cloudfront"),
        (Kind::RestToLambda, "x-amzn-errortype", "InternalServerErrorException"),
    ] {
        let mut headers = HeaderMap::new();
        passage(kind, &HeaderMap::new()).fail(&mut headers);
        assert_eq!(value(&headers, name), expect);
    }
}
