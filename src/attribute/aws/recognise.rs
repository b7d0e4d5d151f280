//! Which kind of log an input is, by how it begins.
//!
//! The parsers themselves are asked, line by line: a log is what one of them gets a time and a key out of. Where two might, what
//! is written most strictly is asked first.
//!
//! Deliberately absent: API Gateway's logs in a user's own text, and real-time logs of fields that do not begin with their time,
//! which only their user can name.

use std::io::BufReader;

use super::apig;
use super::cloudfront::{self, Columns};
use super::format::Format;
use super::reader::parse;
use super::written::{SECOND, since_epoch};
use super::xray::Collector;
use crate::attribute::record::{Key, Record, Source, Where};

/// Lines that are looked at.
const LINES: usize = 16;

/// The kind of log that begins so; `None` of what is none of those known here.
pub(crate) fn recognise(head: &[u8]) -> Option<Source> {
    if is_x_ray(head) {
        return Some(Source::XRay);
    }
    let filled = head.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_end).filter(|line| !line.is_empty());
    filled.take(LINES).find_map(line)
}

fn is_x_ray(head: &[u8]) -> bool {
    let mut collector = Collector::default();
    collector.read(0, BufReader::new(head), &|_| false, &mut |_| {});
    // The first segment may be longer than what is looked at.
    let has = |word: &[u8]| memchr::memmem::find(head, word).is_some();
    collector.segments() > 0 || (has(b"\"Segments\"") && has(b"\"Document\"")) || is_empty_answer(head)
}

/// `{"Traces": [], …}`: none of the traces asked for is there.
fn is_empty_answer(head: &[u8]) -> bool {
    let inside = head.trim_ascii_start().strip_prefix(b"{").unwrap_or_default().trim_ascii_start();
    inside.starts_with(b"\"Traces\"") || inside.starts_with(b"\"UnprocessedTraceIds\"")
}

fn line(line: &[u8]) -> Option<Source> {
    if cloudfront::header(line).is_some() {
        return Some(Source::CloudFrontStandard);
    }
    let strictest_first = [
        Format::AlbAccess,
        Format::NlbTls,
        Format::ClassicElb,
        Format::AlbConnection,
        Format::CloudFrontStandard,
        Format::CloudFrontRealtime(Columns::realtime()),
        Format::Lambda,
    ];
    let by_parser = strictest_first.iter().find_map(|format| {
        let mut found = None;
        let mut keep =
            |record: Record| found = found.take().or((record.time.is_some() || is_lambda(&record)).then_some(record));
        parse(format, &format.columns(), line, Where::default(), &mut keep).ok()?;
        found.filter(|record| !record.keys.is_empty()).map(|record| record.source)
    });
    by_parser.or_else(|| by_first_words(line)).or_else(|| gateway(line))
}

/// A report in text has no time.
fn is_lambda(record: &Record) -> bool {
    record.source == Source::LambdaText
}

/// Lines that mean nothing to a parser, but show what they are in.
fn by_first_words(line: &[u8]) -> Option<Source> {
    let has = |word: &[u8]| memchr::memmem::find(line, word).is_some();
    if has(b"START RequestId: ") || has(b"INIT_START Runtime Version: ") {
        return Some(Source::LambdaText);
    }
    if has(b"\"platform.") && has(b"\"record\"") {
        return Some(Source::LambdaJson);
    }
    let (first, _) = line.split_at(line.iter().position(|byte| *byte == b'\t')?);
    let is_stamp = first.len() >= "1574367600.0".len() && since_epoch(first, SECOND).is_some();
    is_stamp.then_some(Source::CloudFrontRealtime)
}

/// A function's own JSON has ids too, so that a gateway's has to state a length, or the id that only gateways give.
fn gateway(line: &[u8]) -> Option<Source> {
    let record = apig::parse(line, None, Where::default()).ok()??;
    let is_named = record.keys.iter().any(|key| matches!(key, Key::ApigExtendedId(_)));
    (is_named || !record.claims.is_empty()).then_some(Source::ApiGateway)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_kind_is_known_by_its_beginning_and_nothing_else_is() {
        let cases: &[(&str, Option<Source>)] = &[
            (
                r#"https 2026-11-21T04:38:33.186641Z app/lb/50dc 192.0.2.1:2817 10.0.0.1:80 0.000 0.001 0.000 200 200 34 366 "GET https://x:443/ HTTP/1.1" "curl" - -"#,
                Some(Source::AlbAccess),
            ),
            (
                "2023-10-04T17:05:15.514108Z 203.0.113.1 36280 443 TLSv1.3 TLS_AES_128_GCM_SHA256 0.004 - - - - TID_31",
                Some(Source::AlbConnection),
            ),
            ("2023-10-04T17:05:15.514108Z 203.0.113.1 36280 80 - - - - - - - TID_31", Some(Source::AlbConnection)),
            (
                r#"2026-11-21T04:38:33.945958Z lb 192.0.2.1:2817 10.0.0.1:80 0.000086 0.001048 0.001337 200 200 0 57 "GET https://x:443/ HTTP/1.1" "curl" - -"#,
                Some(Source::ClassicElb),
            ),
            (
                "tls 2.0 2020-04-01T08:51:42 net/lb/c6e7 g3d4 192.0.2.154:51341 10.0.0.185:443 5 2 98 246 - arn - - - - x",
                Some(Source::NlbTls),
            ),
            ("#Version: 1.0\n#Fields: date time x-edge-request-id\n", Some(Source::CloudFrontStandard)),
            (
                "2019-12-04\t21:02:31\tLAX1\t392\t192.0.2.24\tGET\td111.cloudfront.net\t/index.html\t200\t-\tMozilla\t-\t-\tHit\tSOX4==",
                Some(Source::CloudFrontStandard),
            ),
            (
                "1574367600.123\t192.0.2.24\t0.002\t200\t392\tGET\thttps\tx\t/\t9\tIAD\tSOX4==",
                Some(Source::CloudFrontRealtime),
            ),
            ("1574367600.123\tSOX4==\t0.002", Some(Source::CloudFrontRealtime)),
            (r#"{"requestId":"r","xrayTraceId":"-","responseLatency":"80"}"#, Some(Source::ApiGateway)),
            ("hello\n\nREPORT RequestId: f-1\tDuration: 2.50 ms\tBilled Duration: 3 ms", Some(Source::LambdaText)),
            ("START RequestId: f-1 Version: $LATEST\n", Some(Source::LambdaText)),
            (
                r#"{"time":"2026-11-21T04:38:33.123Z","type":"platform.report","record":{"requestId":"f-1","metrics":{"durationMs":2.5}}}"#,
                Some(Source::LambdaJson),
            ),
            (
                r#"{"time":"2026-11-21T04:38:33.123Z","type":"platform.start","record":{"requestId":"f-1"}}"#,
                Some(Source::LambdaJson),
            ),
            (
                r#"{"id":"194fcc8747581230","trace_id":"1-58337262-36d228ad5d99923122bbe354","name":"web","start_time":1.5,"end_time":1.6}"#,
                Some(Source::XRay),
            ),
            (r#"{ "Traces": [], "UnprocessedTraceIds": [] }"#, Some(Source::XRay)),
            (r#"{"Traces": [{"Id": "1-5", "Segments": [{"Id": "1", "Document": "{\"id\""#, Some(Source::XRay)),
            (r#"{"level":"INFO","message":"hello","requestId":"f-1"}"#, None),
            ("a log of something else\n", None),
            ("{}", None),
            ("\u{7f}ELF\u{2}\u{1}\u{0}", None),
            ("", None),
        ];
        for (head, expect) in cases {
            assert_eq!(recognise(head.as_bytes()), *expect, "{head}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_do_no_harm(head in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = recognise(&head);
        }
    }
}
