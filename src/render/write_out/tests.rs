//! Against what curl 7.88 printed for the same exchanges, and the corners of its format.

use proptest::prelude::*;

use super::*;
use crate::render::sample;

fn transfer(traces: &[Trace]) -> Transfer<'_> {
    Transfer { traces, index: 0, exit_status: 0, message: None }
}

#[track_caller]
fn check(traces: &[Trace], format: &str, expect: &str) {
    let exit_status = traces.last().and_then(Trace::failure).map_or(0, |failure| failure.code.exit_status());
    let written = write_out(format, &Transfer { exit_status, ..transfer(traces) });
    let text: String = written.parts.iter().map(|(_, text)| text.as_str()).collect();
    assert_eq!((text.as_str(), written.unknown), (expect, vec![]), "{format}");
}

#[test]
fn the_corners_of_the_format() {
    for (format, expect) in [
        ("", ""),
        ("a%%b", "a%b"),
        ("%x|%", "%x|%"),
        (r"\n\r\t", "\n\r\t"),
        (r"\q|\\n|\", r"\q|\\n|\"),
        ("%{http_code", "%{http_code"),
        ("[%header{nope]", "[%header{nope]"),
        // The first brace closes the name, wherever it stands.
        ("[%header{nope]%{http_code}]", "[]"),
        ("%header{X-A}|%header{nope}|", "1||"),
        ("é%é\\é", "é%é\\é"),
    ] {
        check(&[sample::secure()], format, expect);
    }
}

#[test]
fn unknown_variables_are_nothing_and_reported() {
    let traces = [sample::secure()];
    let written = write_out("a%{foo}b%{url.nope}%{x.host}%{time_foo}", &transfer(&traces));
    assert_eq!(written.parts, [(Stream::Stdout, "ab".to_owned())]);
    let names: Vec<&str> = written.unknown.iter().map(|unknown| unknown.0.as_str()).collect();
    assert_eq!(names, ["foo", "url.nope", "x.host", "time_foo"]);
    assert_eq!(written.unknown[0].to_string(), "unknown --write-out variable: 'foo'");
}

#[test]
fn streams_switch_and_onerror_stops() {
    let traces = [sample::secure()];
    let format = "a%{stderr}b%{stderr}c%{stdout}%{stderr}d%{stdout}e%{onerror}f";
    let part = |stream, text: &str| (stream, text.to_owned());
    let expect = [
        part(Stream::Stdout, "a"),
        part(Stream::Stderr, "b"),
        part(Stream::Stderr, "c"),
        part(Stream::Stderr, "d"),
        part(Stream::Stdout, "e"),
    ];
    assert_eq!(write_out(format, &transfer(&traces)).parts, expect);
    let failed = Transfer { exit_status: 22, ..transfer(&traces) };
    assert_eq!(write_out("e%{onerror}f", &failed).parts, [part(Stream::Stdout, "ef")]);
}

#[test]
fn times_are_cumulative() {
    let times = "%{time_namelookup} %{time_connect} %{time_appconnect} %{time_pretransfer} %{time_posttransfer} \
                 %{time_starttransfer} %{time_total} %{time_redirect}";
    for (traces, expect) in [
        (vec![sample::secure()], "0.000812 0.016824 0.034025 0.034025 0.034066 0.072978 0.074212 0.000000"),
        // An address literal and a reused connection take no time, but their steps are over.
        (vec![sample::plain()], "0.000000 0.000084 0.000000 0.000084 0.000084 0.001289 0.001298 0.000000"),
        (vec![sample::reused()], "0.000000 0.000000 0.000000 0.000000 0.000035 0.030047 0.030047 0.000000"),
        // Time spent blocked is before every step.
        (vec![sample::troubled()], "2.006100 2.272100 2.305100 2.305100 2.305160 2.425160 2.840160 0.000000"),
        // A step that failed is not over.
        (vec![sample::refused()], "0.000000 0.000000 0.000000 0.000000 0.000000 0.000000 0.000042 0.000000"),
        (vec![sample::expired()], "0.000812 0.016824 0.000000 0.000000 0.000000 0.000000 0.033824 0.000000"),
        // Along a chain every step is the sum over the requests, and the total counts from the start.
        (sample::redirected(), "0.001200 0.021200 0.032700 0.043200 0.043250 0.070250 0.073350 0.022620"),
        (vec![], "0.000000 0.000000 0.000000 0.000000 0.000000 0.000000 0.000000 0.000000"),
    ] {
        check(&traces, times, expect);
    }
}

#[test]
fn a_redirect_into_a_failure_leaves_what_was_seen_before() {
    let traces = [sample::secure(), sample::refused()];
    check(&traces, "%{response_code} %{http_version} %{remote_ip} %{num_headers}", "200 2 198.51.100.2 4");
    // These are of the last request alone.
    check(&traces, "%{size_download} [%header{content-type}] [%{redirect_url}]", "0 [] []");
}

#[test]
fn variables_say_what_curl_would() {
    let secure = [sample::secure()];
    for (name, expect) in [
        ("http_code", "200"),
        ("response_code", "200"),
        ("http_version", "2"),
        ("http_connect", "000"),
        ("method", "GET"),
        ("url", "https://api.example.com/orders?id=42&q=a%20b"),
        ("url.host", "api.example.com"),
        ("url.port", "443"),
        ("url.path", "/orders"),
        ("urle.query", "id=42&q=a%20b"),
        ("url.user", ""),
        ("scheme", "https"),
        ("redirect_url", ""),
        ("num_redirects", "0"),
        ("num_connects", "1"),
        ("num_headers", "4"),
        ("num_certs", "1"),
        ("size_download", "123456"),
        ("size_upload", "0"),
        ("size_header", "312"),
        ("size_request", "96"),
        ("speed_download", "1663541"),
        ("remote_ip", "198.51.100.2"),
        ("remote_port", "443"),
        ("local_ip", "192.0.2.10"),
        ("local_port", "51234"),
        ("content_type", "application/json"),
        ("errormsg", ""),
        ("exitcode", "0"),
        ("ssl_verify_result", "0"),
        ("proxy_used", "0"),
    ] {
        check(&secure, &format!("%{{{name}}}"), expect);
    }
}

#[test]
fn failures_and_chains_say_what_curl_would() {
    let many = "%{http_code} %{http_version} %{num_connects} %{exitcode} %{ssl_verify_result} %{remote_ip}:%{remote_port} %{errormsg}";
    check(&[sample::refused()], many, "000 0 0 7 0 :0 cannot connect to 127.0.0.1:1: ECONNREFUSED");
    check(&[sample::expired()], "%{exitcode} %{ssl_verify_result}", "60 10");
    let chain = sample::redirected();
    let format = "%{num_redirects} %{num_connects} %{size_header} %{size_request} %{size_download} %{url} %{url_effective} \
                  %{redirect_url}|";
    check(&chain, format, "1 2 320 166 1000 http://example.com/ https://www.example.com/ |");
    check(&chain[..1], "%{redirect_url}", "https://www.example.com/");
    let too_many =
        Transfer { exit_status: 47, message: Some("Maximum (0) redirects followed"), ..transfer(&chain[..1]) };
    let written = write_out("%{exitcode} %{errormsg}", &too_many);
    assert_eq!(written.parts, [(Stream::Stdout, "47 Maximum (0) redirects followed".to_owned())]);
}

#[test]
fn json_has_every_variable_and_headers_are_arrays() {
    let traces = [sample::secure()];
    let written = write_out("%{json}", &transfer(&traces));
    let json: serde_json::Value = serde_json::from_str(&written.parts[0].1).unwrap();
    assert_eq!(json.as_object().map(serde_json::Map::len), Some(variable::NAMES.len()));
    for (name, expect) in [
        ("http_code", serde_json::json!(200)),
        ("time_total", serde_json::json!(0.074_212)),
        ("errormsg", serde_json::Value::Null),
        ("http_version", serde_json::json!("2")),
    ] {
        assert_eq!(json[name], expect, "{name}");
    }
    let headers = "{\"server\":[\"nginx\"],\n\"content-type\":[\"application/json\"],\n\"x-a\":[\"1\",\"2\"]\n}";
    check(&traces, "%{header_json}", headers);
    check(&[], "%{header_json}", "{\n}");
}

#[test]
fn a_server_cannot_write_on_the_terminal() {
    let text = write_out("%header{server}", &transfer(&[sample::hostile()])).parts.remove(0).1;
    assert!(text.starts_with("\\x1b]0;owned\\x07") && !text.contains(['\x1b', '\r', '\n']), "{text}");
    let certs = "Subject:CN=api.example.com\nIssuer:CN=Example CA R11, O=Example Trust, C=US\n\
                 Start date:2026-10-01T00:00:00Z\nExpire date:2026-12-30T23:59:59Z\n";
    check(&[sample::secure()], "%{certs}", certs);
}

proptest! {
    #[test]
    fn any_format_of_any_trace_is_text(format in "(%\\{[a-z_]*\\}?|%header\\{[a-z]*\\}|[%\\\\{}a-zé]|\\PC)*", trace in sample::any_trace()) {
        let traces = [trace];
        for (_, text) in write_out(&format, &transfer(&traces)).parts {
            prop_assert!(!text.is_empty());
        }
    }

    #[test]
    fn a_format_without_signs_stays_as_it_is(format in "[^%\\\\]*") {
        let text: String = write_out(&format, &transfer(&[])).parts.into_iter().map(|(_, text)| text).collect();
        prop_assert_eq!(text, format);
    }

    #[test]
    fn cumulative_times_never_go_back(trace in sample::any_trace()) {
        let traces = [trace];
        let order = ["time_namelookup", "time_connect", "time_pretransfer", "time_posttransfer", "time_starttransfer", "time_total"];
        let times: Vec<_> = order.iter().map(|name| variable::value(&transfer(&traces), name)).collect();
        let lengths: Vec<u64> = times.into_iter().map(|time| match time {
            Some(Value::Seconds(length)) => length.get(),
            other => panic!("{other:?}"),
        }).filter(|length| *length > 0).collect();
        prop_assert!(lengths.is_sorted(), "{lengths:?}");
    }
}
