//! The table of signatures, row by row.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::attribute::specimens::{response, trace};
use crate::event::ResponseHead;
use crate::trace::Response;

const EXECUTE_API: &str = "https://a1b2c3d4e5.execute-api.us-east-1.amazonaws.com/prod";
const FUNCTION: &str = "https://abcdef.lambda-url.eu-west-1.on.aws/";
const CUSTOM: &str = "https://api.example.com/";
const REST: [(&str, &str); 2] =
    [("x-amzn-requestid", "4f0b6a4e-1111-4222-8333-444455556666"), ("x-amz-apigw-id", "Bx1=")];
const EDGE: [(&str, &str); 3] =
    [("via", "1.1 0a1b.cloudfront.net (CloudFront)"), ("x-amz-cf-pop", "IAD89-C1"), ("x-amz-cf-id", "Zz==")];

type Row<'r> = (&'r str, Certainty, &'r str);

fn shown(trace: &Trace) -> Vec<(String, Certainty, String)> {
    let shown = |passed: Passed| (passed.layer.to_string(), passed.certainty, passed.kind.unwrap_or_default());
    passed(trace).into_iter().map(shown).collect()
}

fn check(url: &str, headers: &[(&str, &str)], expect: &[Row<'_>]) {
    let metrics: Vec<_> = headers.iter().filter(|(name, _)| *name == "server-timing").collect();
    let timing: Vec<_> =
        metrics.iter().flat_map(|(_, value)| value.split(',')).map(|name| json!({"name": name})).collect();
    let trace = trace(url, 16_000_000, 40_000_000, &json!({"response": response(headers), "server_timing": timing}));
    let expect: Vec<_> =
        expect.iter().map(|(layer, certainty, kind)| ((*layer).to_owned(), *certainty, (*kind).to_owned())).collect();
    assert_eq!(shown(&trace), expect, "{url} {headers:?}");
}

#[test]
fn api_gateway_by_its_headers() {
    use Certainty::Certain;
    let both = [&REST[..], &EDGE].concat();
    check(
        EXECUTE_API,
        &both,
        &[
            ("cloudfront", Certain, "API Gateway's own, of its edge-optimised endpoint"),
            ("apig", Certain, "REST API, its own endpoint, in us-east-1, edge-optimised"),
        ],
    );
    check(EXECUTE_API, &REST, &[("apig", Certain, "REST API, its own endpoint, in us-east-1, regional")]);
    check(CUSTOM, &REST, &[("apig", Certain, "REST API, regional")]);
    // The same headers: nothing tells an edge-optimised API from a distribution of one's own.
    check(
        CUSTOM,
        &both,
        &[
            ("cloudfront", Certain, "of an edge-optimised API, or a distribution of one's own: responses do not tell"),
            (
                "apig",
                Certain,
                "REST API, edge-optimised, or regional behind a distribution of one's own: responses do not tell",
            ),
        ],
    );
    check(CUSTOM, &[("apigw-requestid", "Bx1=")], &[("apig", Certain, "HTTP API, regional")]);
    let http_behind_edge = [&[("apigw-requestid", "Bx1=")], &EDGE[..]].concat();
    check(
        CUSTOM,
        &http_behind_edge,
        &[
            ("cloudfront", Certain, "a distribution of one's own: HTTP APIs have none"),
            ("apig", Certain, "HTTP API, regional"),
        ],
    );
    let remapped = [&REST[..], &[("x-amzn-remapped-content-length", "2"), ("x-amzn-remapped-date", "x")]].concat();
    check(CUSTOM, &remapped, &[("apig", Certain, "REST API, in front of an HTTP or VPC backend, regional")]);
    let nested = [&REST[..], &[("x-amzn-remapped-x-amzn-requestid", "4f0b")]].concat();
    check(CUSTOM, &nested, &[("apig", Certain, "REST API, in front of another API Gateway or AWS service, regional")]);
    let refused = [&REST[..], &[("x-amzn-errortype", "ForbiddenException:http://x/")]].concat();
    check(
        CUSTOM,
        &refused,
        &[("apig", Certain, "REST API, an error made by AWS itself: ForbiddenException, regional")],
    );
}

#[test]
fn lambda_and_services_by_their_headers() {
    use Certainty::{Certain, Likely, Possible};
    let root = "Root=1-67400000-0123456789abcdef01234567;Parent=0123456789abcdef;Sampled=0";
    let lineage = format!("{root};Lineage=1:0a1b2c3d:0");
    let url = [("x-amzn-requestid", "4f0b"), ("x-amzn-trace-id", root)];
    check(FUNCTION, &url, &[("function-url", Certain, "in eu-west-1"), ("lambda", Certain, "in eu-west-1")]);
    check(CUSTOM, &url, &[("function-url", Likely, ""), ("lambda", Likely, "")]);
    let rest = [&REST[..], &[("x-amzn-trace-id", &lineage)]].concat();
    check(
        CUSTOM,
        &rest,
        &[("apig", Certain, "REST API, regional"), ("lambda", Likely, "the trace header has its Lineage")],
    );
    let service = [("x-amzn-requestid", "4f0b")];
    check("https://dynamodb.us-east-1.amazonaws.com/", &service, &[("service", Certain, "dynamodb in us-east-1")]);
    check(CUSTOM, &service, &[("service", Likely, "")]);
    let error = [("x-amzn-errortype", "ThrottlingException")];
    check(CUSTOM, &error, &[("service", Possible, "an error made by AWS itself: ThrottlingException")]);
}

#[test]
fn a_machine_is_said_to_be_where_its_address_is() {
    let name = "https://ec2-198-51-100-7.eu-west-1.compute.amazonaws.com/";
    for (remote, kind) in [
        ("198.51.100.7:443", Some("a public address in eu-west-1")),
        ("[2600:1f18::7]:443", Some("a public address in eu-west-1")),
        ("10.0.0.7:443", Some("a private address in eu-west-1")),
        ("[::ffff:172.16.0.7]:443", Some("a private address in eu-west-1")),
        ("[fd00::7]:443", Some("a private address in eu-west-1")),
        ("169.254.1.1:443", Some("a private address in eu-west-1")),
        ("127.0.0.1:443", None),
        ("[::1]:443", None),
    ] {
        let connect = json!({"reused": false, "local": "192.0.2.10:51234", "remote": remote, "attempts": []});
        let found = shown(&trace(name, 16_000_000, 40_000_000, &json!({"connect": connect})));
        let expect: Vec<_> =
            kind.iter().map(|kind| ("ec2".to_owned(), Certainty::Likely, (*kind).to_owned())).collect();
        assert_eq!(found, expect, "{remote}");
    }
    // What else is said of the way there does not depend on it.
    let connect = json!({"reused": false, "local": "127.0.0.1:51234", "remote": "127.0.0.1:443", "attempts": []});
    let tunnelled = trace(EXECUTE_API, 16_000_000, 40_000_000, &json!({"connect": connect}));
    assert_eq!(shown(&tunnelled)[0].0, "apig");
}

#[test]
fn balancers_edges_and_others_by_their_headers() {
    use Certainty::{Certain, Likely, Possible};
    for (name, value, layer, certainty, kind) in [
        ("server", "awselb/2.0", "elb", Certain, "application, which answered by itself"),
        ("set-cookie", "AWSALB=[redacted]", "elb", Certain, "application"),
        ("set-cookie", "AWSALBCORS=[redacted]", "elb", Certain, "application"),
        ("set-cookie", "AWSALBTG=[redacted]", "elb", Certain, "application"),
        ("set-cookie", "AWSALBAPP-0=[redacted]", "elb", Certain, "application"),
        ("set-cookie", "AWSELB=[redacted]", "elb", Certain, "classic"),
        ("x-cache", "Hit from cloudfront", "cloudfront", Certain, "answered from its cache"),
        ("x-cache", "Miss from cloudfront", "cloudfront", Certain, "asked the origin"),
        ("x-cache", "RefreshHit from cloudfront", "cloudfront", Certain, "revalidated what it had"),
        ("x-cache", "Error from cloudfront", "cloudfront", Certain, "answered with an error"),
        ("x-cache", "LambdaGeneratedResponse from cloudfront", "cloudfront", Certain, "answered by Lambda@Edge"),
        (
            "x-cache",
            "FunctionGeneratedResponse from cloudfront",
            "cloudfront",
            Certain,
            "answered by a CloudFront function",
        ),
        ("server-timing", "cdn-cache-hit,cdn-pop", "cloudfront", Likely, "answered from its cache"),
        ("server-timing", "cfRequestDuration", "cloudflare", Certain, ""),
        ("server-timing", "ak_p", "akamai", Certain, ""),
        ("cf-ray", "8e6-IAD", "cloudflare", Certain, ""),
        ("cf-cache-status", "HIT", "cloudflare", Likely, ""),
        ("x-timer", "S1732248000.1,VS0,VE12", "fastly", Certain, ""),
        ("x-served-by", "cache-iad-1", "fastly", Likely, ""),
        ("x-envoy-upstream-service-time", "12", "envoy", Certain, ""),
        ("via", "1.1 google", "google", Certain, ""),
        ("x-azure-ref", "0abc", "azure", Certain, ""),
        ("server", "AkamaiGHost", "akamai", Certain, ""),
        ("x-amz-id-2", "abc", "service", Likely, "s3"),
    ] {
        check(CUSTOM, &[(name, value)], &[(layer, certainty, kind)]);
    }
    for (name, value) in [
        ("server", "nginx"),
        ("set-cookie", "[redacted]"),
        ("set-cookie", "AWSALBUM=1"),
        ("x-cache", "TCP_HIT"),
        ("via", "1.1 varnish"),
        ("x-timer", "12 ms"),
        ("server-timing", "db"),
    ] {
        check(CUSTOM, &[(name, value)], &[]);
    }
    let edge = trace(CUSTOM, 1, 1, &json!({"server_timing": [{"name": "edge", "duration_ns": 1_000_000}]}));
    assert_eq!(shown(&edge), [("akamai".to_owned(), Possible, String::new())]);
}

#[test]
fn a_balancer_whose_name_may_be_two_kinds_is_the_one_that_its_cookie_is() {
    let name = "web-1234567890.us-east-1.elb.amazonaws.com";
    let answer = json!({"server": "192.0.2.53:53", "transport": "udp", "name": name, "type": "A", "retries": 0,
        "start_ns": 0, "duration_ns": 1, "rcode": "NOERROR", "cname": [name], "addresses": [], "truncated": false});
    for (header, value, kind) in [
        ("set-cookie", "AWSELB=[redacted]", "classic, in us-east-1"),
        ("set-cookie", "AWSALB=[redacted]", "application, in us-east-1"),
        ("server", "awselb/2.0", "application, which answered by itself, in us-east-1"),
        ("server", "nginx", "application or classic, in us-east-1"),
    ] {
        let more = json!({"response": response(&[(header, value)]), "dns": {"source": "network", "queries": [answer]}});
        let found = shown(&trace(&format!("https://{name}/"), 1, 1, &more));
        assert_eq!(found, [("elb".to_owned(), Certainty::Certain, kind.to_owned())], "{value}");
    }
}

#[test]
fn the_chain_of_names_shows_what_a_custom_domain_hides() {
    let with = |source: &str, cnames: &[&str]| {
        let answer = json!({"server": "192.0.2.53:53", "transport": "udp", "name": "api.example.com", "type": "A",
            "retries": 0, "start_ns": 0, "duration_ns": 1, "rcode": "NOERROR", "cname": cnames, "addresses": [],
            "truncated": false});
        trace(CUSTOM, 1, 1, &json!({"dns": {"source": source, "queries": [answer]}}))
    };
    let chain = with("network", &["edge.example.net", "d111111abcdef8.cloudfront.net"]);
    let expect = Passed {
        layer: Layer::CloudFront,
        certainty: Certainty::Certain,
        kind: None,
        by: vec![Sign::Cname("d111111abcdef8.cloudfront.net".to_owned())],
    };
    assert_eq!(passed(&chain), [expect]);
    let chosen = with("override", &["web-1.us-east-1.elb.amazonaws.com"]);
    assert_eq!(shown(&chosen)[0].1, Certainty::Likely);
    let mut regional = with("network", &["d-ab12.execute-api.us-east-2.amazonaws.com"]);
    regional.response.as_mut().unwrap().headers =
        [&REST[..], &EDGE].concat().iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    assert_eq!(shown(&regional)[0].2, "a distribution of one's own");
}

#[test]
fn layers_come_outermost_first_and_as_the_path_says() {
    let headers = [&REST[..], &EDGE, &[("set-cookie", "AWSALB=[redacted]")]].concat();
    let layers = |more: &serde_json::Value| -> Vec<String> {
        let mut trace = trace(CUSTOM, 1, 1, more);
        trace.response.as_mut().unwrap().headers =
            headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        shown(&trace).into_iter().map(|(layer, ..)| layer).collect()
    };
    assert_eq!(layers(&json!({})), ["cloudfront", "apig", "elb"]);
    assert_eq!(layers(&json!({"path": ["elb", "apig", "ec2"]})), ["cloudfront", "elb", "apig"]);
}

proptest! {
    #[test]
    fn any_response_is_read(headers in proptest::collection::vec(("[a-z0-9-]{0,20}", "\\PC{0,30}"), 0..6), url in "\\PC{0,40}") {
        let mut trace = trace("https://example.com/", 1, 1, &json!({}));
        trace.subject.url = url;
        let head = ResponseHead { status: 200, version: String::new(), headers, header_bytes: 0 };
        trace.response = trace.response.map(|response| Response { headers: head.headers, ..response });
        let _ = passed(&trace);
    }
}
