//! Golden outputs, and what holds for any trace at any width.

use proptest::prelude::*;

use super::*;
use crate::render::sample;

const UNICODE: Style = Style { width: 80, glyphs: Glyphs::Unicode, colour: Colour::Never };
const ASCII: Style = Style { glyphs: Glyphs::Ascii, ..UNICODE };

#[track_caller]
fn check(traces: &[Trace], style: Style, expect: &[&str]) {
    let text = waterfall(traces, &style);
    assert_eq!(text.lines().collect::<Vec<_>>(), expect, "\n{text}");
}

/// Only the lines that start with one of these.
#[track_caller]
fn check_lines(trace: Trace, style: Style, starts: &[&str], expect: &[&str]) {
    let text = waterfall(&[trace], &style);
    let found: Vec<&str> = text.lines().filter(|line| starts.iter().any(|start| line.starts_with(start))).collect();
    assert_eq!(found, expect, "\n{text}");
}

#[test]
fn everything_as_usual() {
    let expect = [
        "orders  GET https://api.example.com/orders?id=42&q=a%20b",
        "  200 · HTTP/2 · 74.213 ms",
        "  2026-11-21 04:38:33.123 UTC · from laptop · region=us-east-1",
        "  dns     ▌                                                     0.812 ms  kernel",
        "  connect ▐██████████▊                                         16.012 ms  kernel",
        "  tls                ▕███████████▊                             17.201 ms  kernel",
        "  send                           ▕                              0.041 ms  kernel",
        "  wait                           ▕███████████████████████████▏ 38.912 ms  wire",
        "  └ network 16.004 ms · server 22.9 ms (22.1 – 22.9) · est. by min_rtt_and_ack",
        "  receive                                                    ▉  1.234 ms  wire",
        "  total   ╵0            ╵20           ╵40           ╵60 ms     74.213 ms",
        "  DNS     api.example.com · CNAME → d111.example.net",
        "          A 198.51.100.2, 198.51.100.3 · AAAA – · ttl 60 s · NOERROR",
        "          127.0.0.53:53/udp · 2 queries",
        "  TCP     192.0.2.10:51234 → 198.51.100.2:443 · SYN round trip 16.004 ms",
        "  TLS     TLSv1.3 · TLS_AES_128_GCM_SHA256 · X25519 · ALPN h2 · 1 round trip",
        "          ServerHello after 16.200 ms",
        "          CN=api.example.com",
        "          issued by CN=Example CA R11, O=Example Trust, C=US",
        "          expires on 2026-12-30 (39 days)",
        "  HTTP    sent 96 B head · received 312 B head + 123 kB body · 103 at 52.100 ms",
        "          content-type: application/json · server: nginx",
    ];
    check(&[sample::secure()], UNICODE, &expect);
}

/// The lines of the table of hops, cut from the rest.
#[track_caller]
fn check_hops(style: Style, expect: &[&str]) {
    let text = waterfall(&[sample::with_hops()], &style);
    let found: Vec<&str> = text.lines().skip_while(|line| !line.starts_with("  hops")).collect();
    assert_eq!(found, expect, "\n{text}");
}

#[test]
fn hops_are_a_table_below_the_waterfall() {
    check_hops(
        UNICODE,
        &[
            "  hops    to 198.51.100.2:443 · answers with SYN-ACK · 3 rounds of SYNs · kernel",
            "    ttl                               loss    best  median   worst  step ms",
            "      1  192.0.2.1 (gateway.example)    0%   0.412   0.430   2.900   +0.412",
            "      2  –                            100%",
            "      3  203.0.113.7                   67%   9.800   9.800   9.800   +9.388",
            "      4  203.0.113.9 and 1 more         0%   9.100   9.150   9.400   -0.700",
            "      5  198.51.100.2                   0%  16.004  16.100  16.900   +6.904",
            "    a step below zero: the hop before answers slower than it forwards",
        ],
    );
    check_hops(
        Style { width: 44, ..ASCII },
        &[
            "  hops    to 198.51.100.2:443",
            "          answers with SYN-ACK",
            "          3 rounds of SYNs | kernel",
            "    ttl                loss    best  step ms",
            "      1  192.0.2.1       0%   0.412   +0.412",
            "      2  -             100%",
            "      3  203.0.113.7    67%   9.800   +9.388",
            "      4  203.0.113.9     0%   9.100   -0.700",
            "      5  198.51.100.2    0%  16.004   +6.904",
            "    a step below zero: the hop before",
            "    answers slower than it forwards",
        ],
    );
}

#[test]
fn packets_are_listed_where_that_was_asked_for() {
    let expect = [
        "      +0.000 ms  → S      0 B  seq 0 ack 0      win 64240",
        "     +16.000 ms  ← SA     0 B  seq 0 ack 1      win 64240",
        "     +16.041 ms  → PA    89 B  seq 1 ack 1      win 64240",
        "    +246.000 ms  ← PA  1448 B  seq 1 ack 90     win 64240  fast retransmission",
        "    +246.041 ms  → A      0 B  seq 90 ack 1449  win 64240",
    ];
    check_lines(sample::captured(), UNICODE, &["      +", "     +", "    +"], &expect);
}

#[test]
fn redirects_stand_behind_each_other_and_a_table_compares() {
    let expect = [
        "1 GET http://example.com/                             301 · HTTP/1.1 · 22.620 ms",
        "  2026-11-21 04:38:33.123 UTC",
        "  dns     ▎                                                     0.500 ms  kernel",
        "  connect ▐██████▍                                             10.000 ms  kernel",
        "  send           ▏                                              0.020 ms  kernel",
        "  wait           ▐███████▉                                     12.000 ms  kernel",
        "  receive                ▕                                      0.100 ms  kernel",
        "  total   ╵0            ╵20           ╵40           ╵60 ms     22.620 ms",
        "  DNS     name found in the hosts file",
        "  TCP     192.0.2.10:50001 → 198.51.100.9:80",
        "  HTTP    sent 80 B head + 3 B body · received 120 B head + 3 B body",
        "          location: https://www.example.com/",
        "",
        "2 GET https://www.example.com/                        200 · HTTP/1.1 · 50.730 ms",
        "  2026-11-21 04:38:33.123 UTC",
        "  ↳ redirected from 1 (301) http://example.com/",
        "  dns                     ▌                                     0.700 ms  kernel",
        "  connect                 ▐██████▌                             10.000 ms  kernel",
        "  tls                            ▐███████████████▏             22.000 ms  kernel",
        "  send                                           ▏              0.030 ms  kernel",
        "  wait                                           ██████████▊   15.000 ms  kernel",
        "  receive                                                  ▕██  3.000 ms  kernel",
        "  total   ╵0            ╵20           ╵40           ╵60 ms     50.730 ms",
        "  DNS     address given by the user (override)",
        "  TCP     192.0.2.10:50002 → [2001:db8::9]:443",
        "  TLS     TLSv1.3 · TLS_AES_256_GCM_SHA384 · no ALPN · resumed · 1 round trip",
        "  HTTP    sent 80 B head + 3 B body · received 200 B head + 1000 B body",
        "          content-type: text/html",
        "",
        "ms                    dns  connect     tls   send    wait  receive   total",
        "1 example.com/      0.500   10.000       –  0.020  12.000    0.100  22.620",
        "2 www.example.com/  0.700   10.000  22.000  0.030  15.000    3.000  50.730",
    ];
    check(&sample::redirected(), UNICODE, &expect);
}

#[test]
fn a_phase_lost_no_more_than_it_lasted() {
    let mut trace = sample::repeated();
    let wire = trace.wire.as_mut().unwrap();
    let request = wire.delays.iter_mut().find(|delay| delay.phase == Phase::Wait).unwrap();
    // It goes on into the next phase, as long as the whole trace.
    request.duration = trace.timeline.total();
    let wait = trace.timeline.span(Phase::Wait).unwrap();
    let rest = wait.end().saturating_sub(request.start);
    assert!(rest <= wait.duration && request.duration > wait.duration);
    let text = waterfall(&[trace], &UNICODE);
    let expect = format!("of which {} ms waiting for a retransmission (RTO): request lost", millis(rest));
    assert!(text.contains(&expect), "{expect} not in {text}");
}

#[test]
fn time_lost_on_the_wire_is_named_under_its_phase() {
    check_lines(
        sample::repeated(),
        UNICODE,
        &["  connect", "  wait", "  └", "  receive", "  wire", "          "],
        &[
            "  connect █████████████████████████████████████████▌           1016.012 ms  wire",
            "  └ of which 1000.000 ms waiting for a retransmission (RTO): SYN lost",
            "  wait                                             ▐████████▉   231.000 ms  wire",
            "  └ of which 203.000 ms waiting for a retransmission (RTO): request lost",
            "  └ network 16.012 ms · server 12.0 ms (11.9 – 12.0) · est. by request_ack",
            "  receive                                                   ▕█   25.000 ms  wire",
            "  └ of which 1.500 ms waiting for packets that were overtaken · 2 times",
            "  └ of which 4.000 ms waiting for the receiver to have room",
            "  wire    17 packets sent (400 B), 25 received (30.1 kB) · 2 retransmitted",
            "          1 out of order · MSS 1460/1400 · ECN · TTL 57 · eth0",
        ],
    );
}

#[test]
fn the_ascii_twin() {
    check_lines(
        sample::secure(),
        ASCII,
        &["  dns", "  connect", "  tls", "  send", "  wait", "  `-", "  receive", "  total", "  TCP"],
        &[
            "  dns     =                                                     0.812 ms  kernel",
            "  connect ============                                         16.012 ms  kernel",
            "  tls                =============                             17.201 ms  kernel",
            "  send                           |                              0.041 ms  kernel",
            "  wait                           ============================  38.912 ms  wire",
            "  `- network 16.004 ms | server 22.9 ms (22.1 - 22.9) | est. by min_rtt_and_ack",
            "  receive                                                    =  1.234 ms  wire",
            "  total   '0            '20           '40           '60 ms     74.213 ms",
            "  TCP     192.0.2.10:51234 -> 198.51.100.2:443 | SYN round trip 16.004 ms",
        ],
    );
}

/// A phase too short for the last digit takes more columns than the total.
#[test]
fn an_error_bound_is_shown_in_full_or_not_at_all() {
    let phases = [("wait", 1_076_193, "kernel", 300), ("receive", 0, "kernel", 42_118)];
    let check_width = |width, style, expect: &[&str]| {
        let trace = sample::trace(1, "http://a/", &phases, serde_json::json!({}));
        check_lines(trace, Style { width, ..style }, &["  wait", "  receive"], expect);
    };
    check_width(
        80,
        ASCII,
        &[
            "  wait    ===========================================  1.076 ms  kernel",
            "  receive                                           | <0.001 ms  kernel +/-42 us",
        ],
    );
    check_width(
        59,
        UNICODE,
        &[
            "  wait    ████████████████████████  1.076 ms  kernel",
            "  receive                        ▕ <0.001 ms  kernel ±42 µs",
        ],
    );
    check_width(
        58,
        UNICODE,
        &[
            "  wait    ██████████████████████████████  1.076 ms  kernel",
            "  receive                              ▕ <0.001 ms  kernel",
        ],
    );
    check_width(
        51,
        UNICODE,
        &["  wait    ███████████████████████████████  1.076 ms", "  receive                               ▕ <0.001 ms"],
    );
}

#[test]
fn trouble_is_listed() {
    check_lines(
        sample::troubled(),
        UNICODE,
        &["      "],
        &[
            "          NOERROR · 192.0.2.1:53/udp · 192.0.2.2:53/udp · 4 queries",
            "             +3.000 ms         –  A     not awaited  192.0.2.1:53/udp",
            "             +3.040 ms         –  AAAA  not awaited  192.0.2.1:53/udp",
            "          +2003.000 ms  2.900 ms  A     NOERROR    192.0.2.2:53/udp  retry 1",
            "          +2003.050 ms  3.050 ms  AAAA  truncated  192.0.2.2:53/udp  retry 1",
            "          retransmits: 3 · lost: 1 · 3 attempts",
            "          +2006.100 ms  250.000 ms  failed ENETUNREACH  [2001:db8::7]:443",
            "          +2256.100 ms   16.000 ms  won                 203.0.113.7:443",
            "          +2266.100 ms           –  abandoned           203.0.113.8:443",
            "          2 round trips",
            "          CN=www.example.org · issued by CN=R3 · expires on 2026-11-25 (3 days)",
            "          server: awselb/2.0 · location: /sorry",
        ],
    );
    check_lines(
        sample::troubled(),
        UNICODE,
        &["  client"],
        &["  client  62.187 ms lost in wirefall: it began phases or saw arrivals late"],
    );
    check_lines(sample::secure(), UNICODE, &["  client"], &[]);
}

#[test]
fn failures_say_where_and_why() {
    check_lines(
        sample::refused(),
        UNICODE,
        &["GET", "✗ connect", "  ✗", "    ", "  TCP", "  HTTP"],
        &[
            "GET http://127.0.0.1:1/                             ✗ connect.refused · 0.042 ms",
            "✗ connect ███████████████████████████████████████████████████████ 0.042 ms  user",
            "  ✗ failed during connect: connect.refused",
            "    cannot connect to 127.0.0.1:1: ECONNREFUSED",
            "  TCP     127.0.0.1:1 · failed ECONNREFUSED",
        ],
    );
    check_lines(
        sample::unknown_name(),
        UNICODE,
        &["GET", "✗ dns", "  ✗", "    ", "  DNS", "  TCP"],
        &[
            "GET https://nowhere.invalid/                           ✗ dns.nxdomain · 5.100 ms",
            "✗ dns     █████████████████████████████████████████████████████ 5.100 ms  kernel",
            "  ✗ failed during dns: dns.nxdomain",
            "    nowhere.invalid does not exist (127.0.0.53:53)",
            "  DNS     api.example.com · A – · NXDOMAIN · 127.0.0.53:53/udp · 1 query",
        ],
    );
    check_lines(
        sample::expired(),
        UNICODE,
        &["orders", "  ✗", "    ", "✗ tls"],
        &[
            "orders  GET https://api.example.com/orders?id=42&q=a%20b",
            "  ✗ tls.certificate_expired · 33.824 ms",
            "✗ tls                            ▐███████████████████████ 17.000 ms  user",
            "  ✗ failed during tls: tls.certificate_expired",
            "    the certificate of api.example.com was valid until 2026-11-01T00:00:00Z;",
            "    renew it on the balancer that answers at 198.51.100.2:443",
            "          A 198.51.100.2, 198.51.100.3 · AAAA – · ttl 60 s · NOERROR",
            "          127.0.0.53:53/udp · 2 queries",
            "          CN=api.example.com",
            "          issued by CN=Example CA R11, O=Example Trust, C=US",
            "          expired on 2026-11-01",
        ],
    );
}

#[test]
fn absent_is_not_zero() {
    let nothing = sample::trace(9, "http://a/", &[], serde_json::json!({}));
    check_lines(
        nothing,
        UNICODE,
        &[""],
        &[
            "GET http://a/                                                   nothing measured",
            "  2026-11-21 04:38:33.123 UTC",
        ],
    );
    check_lines(
        sample::reused(),
        UNICODE,
        &["  dns", "  connect", "  tls", "  TCP", "  TLS"],
        &["  TCP     192.0.2.10:51234 → 198.51.100.2:443 · connection reused"],
    );
}

#[test]
fn each_phase_has_its_hue() {
    let text = waterfall(&[sample::troubled()], &Style { colour: Colour::Always, ..UNICODE });
    for (phase, hue) in
        [("blocked", 245), ("dns", 37), ("connect", 208), ("tls", 134), ("send", 220), ("wait", 33), ("receive", 71)]
    {
        assert!(text.contains(&format!("\x1b[38;5;{hue}m{phase}\x1b[0m")), "{phase}\n{text}");
    }
    assert_eq!(without_colours(&text), waterfall(&[sample::troubled()], &UNICODE));
}

#[test]
fn a_server_cannot_write_on_the_terminal() {
    let text = waterfall(&[sample::hostile()], &Style { width: 400, ..UNICODE });
    assert!(text.contains("server: \\x1b]0;owned\\x07\\x1b[2J\\r\\nHTTP/1.1 200 OK\\u{202e}\\u{9b}31m"), "{text}");
    assert!(!text.lines().any(|line| line.starts_with("HTTP/1.1 200 OK")), "{text}");
}

#[test]
fn no_traces_are_no_text() {
    check(&[], UNICODE, &[]);
}

/// The text without the colour codes that this module may write.
fn without_colours(text: &str) -> String {
    let mut pieces = text.split("\x1b[");
    let mut plain = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (code, rest) = piece.split_once('m').unwrap();
        assert!(code.chars().all(|character| character.is_ascii_digit() || character == ';'), "{code}");
        plain.push_str(rest);
    }
    plain
}

proptest! {
    #[test]
    fn no_line_overflows_and_nothing_escapes(
        traces in proptest::collection::vec(sample::any_trace(), 0..4),
        width in prop_oneof![1 => 1..40_usize, 8 => 40..=200_usize],
        ascii in any::<bool>(),
        coloured in any::<bool>(),
    ) {
        let glyphs = if ascii { Glyphs::Ascii } else { Glyphs::Unicode };
        let colour = if coloured { Colour::Always } else { Colour::Never };
        let text = waterfall(&traces, &Style { width, glyphs, colour });
        let plain = if coloured { without_colours(&text) } else { text };
        for line in plain.lines() {
            prop_assert!(line.chars().count() <= width, "{} columns: {line:?}", line.chars().count());
        }
        prop_assert!(!plain.chars().any(|character| character != '\n' && crate::render::escape::is_unsafe(character)));
        prop_assert!(!ascii || plain.is_ascii());
        prop_assert_eq!(plain.ends_with('\n'), !traces.is_empty());
    }

    #[test]
    fn every_phase_that_happened_has_its_line(trace in sample::any_trace()) {
        let text = waterfall(std::slice::from_ref(&trace), &UNICODE);
        for phase in Phase::ALL {
            let start = format!("  {phase}");
            let failed = format!("✗ {phase}");
            let is_phase = |line: &&str| line.starts_with(&start) || line.starts_with(&failed);
            let lines = text.lines().filter(|line| is_phase(line) && line.contains(" ms")).count();
            prop_assert_eq!(lines, usize::from(trace.span(phase).is_some()), "{}\n{}", phase, text);
        }
    }

    #[test]
    fn no_error_bound_is_cut(trace in sample::any_trace(), width in 40..=120_usize) {
        let text = waterfall(std::slice::from_ref(&trace), &Style { width, ..UNICODE });
        for span in trace.timeline.spans() {
            let start = format!("  {}", span.phase);
            let line = text.lines().find(|line| line.starts_with(&start) && line.contains(" ms")).unwrap_or_default();
            let bound = line.split_once('±').map_or(span.error.to_string(), |(_, bound)| bound.to_owned());
            prop_assert_eq!(bound, span.error.to_string(), "{}", text);
        }
    }
}
