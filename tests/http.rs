//! Requests are curl's to the byte, and responses are read whatever their framing, coding and way.

mod support;

use std::collections::BTreeSet;
use std::io::Write;
use std::net::Shutdown;
use std::process::Command;
use std::thread;
use std::time::Duration;

use socket2::SockRef;
use support::http::{Log, Recorded, Server, answering, response};
use support::{trace, traced};
use wirefall::event::{Evidence, Phase};
use wirefall::probe::Stopped;
use wirefall::trace::Trace;

fn no_content(_: &Recorded) -> Vec<u8> {
    b"HTTP/1.1 204 No Content\r\n\r\n".to_vec()
}

fn has(trace: &Trace, phase: Phase) -> bool {
    trace.span(phase).is_some()
}

fn complete(trace: &Trace) -> u16 {
    assert!(trace.failure().is_none(), "{trace:?}");
    trace.response.as_ref().expect("a response").status
}

#[test]
fn requests_to_the_byte() {
    let log = Log::default();
    let server = answering(&log, no_content);
    let plain = "User-Agent: wirefall\nAccept: */*\n";
    for (words, path, expect) in [
        (&[][..], "/", format!("GET / HTTP/1.1\nHost: HOST\n{plain}\n")),
        (&[], "/a%20b/../c?d=e&f#g", format!("GET /c?d=e&f HTTP/1.1\nHost: HOST\n{plain}\n")),
        (&["-I"], "/", format!("HEAD / HTTP/1.1\nHost: HOST\n{plain}\n")),
        (&["-X", "DELETE"], "/", format!("DELETE / HTTP/1.1\nHost: HOST\n{plain}\n")),
        (
            &["-H", "Accept:", "-H", "X-Empty;"],
            "/",
            "GET / HTTP/1.1\nHost: HOST\nUser-Agent: wirefall\nX-Empty:\n\n".into(),
        ),
        (&["-H", "Host: other.test"], "/", format!("GET / HTTP/1.1\nHost: other.test\n{plain}\n")),
        (&["-A", "me"], "/", "GET / HTTP/1.1\nHost: HOST\nAccept: */*\nUser-Agent: me\n\n".into()),
        (
            &["--json", "{}"],
            "/",
            "POST / HTTP/1.1\nHost: HOST\nUser-Agent: wirefall\nContent-Type: application/json\n\
             Accept: application/json\nContent-Length: 2\n\n{}"
                .into(),
        ),
    ] {
        let url = server.url(path);
        assert_eq!(complete(&trace(&[&["--no-trace-headers"], words, &[url.as_str()][..]].concat())), 204);
        let [request] = <[Recorded; 1]>::try_from(log.take()).unwrap();
        let host = format!("Host: 127.0.0.1:{}", server.port());
        let agent = format!("wirefall/{}", env!("CARGO_PKG_VERSION"));
        let head = request.head.replace(&host, "Host: HOST").replace(&agent, "wirefall").replace("\r\n", "\n");
        assert_eq!(format!("{head}{}", String::from_utf8(request.body).unwrap()), expect, "{words:?} {path}");
    }
}

#[test]
fn a_request_says_which_trace_it_belongs_to() {
    let log = Log::default();
    let server = answering(&log, |request| {
        let away = request.line().starts_with("GET /away ");
        if away {
            b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n".to_vec()
        } else {
            no_content(request)
        }
    });
    let (traced, _) = traced(&["-L", "--reuse", &server.url("/away")]);
    let (requests, mut parents) = (log.take(), BTreeSet::new());
    assert_eq!((traced.traces.len(), requests.len()), (3, 3));
    for (trace, request) in traced.traces.iter().zip(&requests) {
        let id = trace.subject.trace_id;
        let sent = |name: &str| {
            let line = request.head.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")));
            let headers = &trace.request.as_ref().unwrap().headers;
            let told =
                headers.iter().find(|(told, _)| told.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str());
            assert_eq!(line, told, "{name} in the trace is what was sent");
            line.unwrap()
        };
        let parent = sent("traceparent").strip_prefix(&format!("00-{id}-")).unwrap().strip_suffix("-01").unwrap();
        assert_eq!(sent("X-Amzn-Trace-Id"), format!("Root={};Parent={parent};Sampled=1", id.x_ray_root()));
        assert_eq!(sent("User-Agent"), format!("wirefall/{} trace/{id}", env!("CARGO_PKG_VERSION")));
        parents.insert(parent.to_owned());
    }
    assert_eq!(parents.len(), 3, "a parent of its own for each request: {parents:?}");
}

/// The request that curl sends for the same words.
fn curls_request(words: &[&str], log: &Log) -> Recorded {
    let status = Command::new("curl")
        .args(["-q", "-s", "-o", "/dev/null", "--noproxy", "*", "-m", "10"])
        .args(words)
        .status()
        .expect("this test compares with curl, which must be installed");
    assert!(status.success(), "curl {words:?}: {status}");
    let [request] = <[Recorded; 1]>::try_from(log.take()).expect("one request of curl's");
    request
}

fn without_user_agent(request: Recorded) -> Recorded {
    let lines = request.head.split_inclusive("\r\n").filter(|line| !line.starts_with("User-Agent: "));
    Recorded { head: lines.collect(), ..request }
}

#[test]
fn the_same_words_make_the_same_request_as_curl() {
    let log = Log::default();
    let server = answering(&log, no_content);
    let (plain, query) = (server.url("/"), server.url("/search?q=a%20b&lang=en"));
    for words in [
        &[query.as_str()][..],
        &["-d", "a=b", "-d", "c=d", &plain],
        &["--data-urlencode", "q=a b&c", &plain],
        &["--json", "{\"a\": 1}", &plain],
        &["-G", "-d", "a=b", "-d", "c=d", &query],
        &["-I", &plain],
        &["-u", "user:pass:word", &plain],
        &["-b", "a=b", &plain],
        &["-H", "Accept:", "-H", "X-One: 1", "-H", "X-Two;", &plain],
        &["-H", "Content-Type: text/plain", "-d", "hello", &plain],
        &["--oauth2-bearer", "token", &plain],
        &["-X", "PUT", "-d", "hello", &plain],
        &["-X", "DELETE", &plain],
        &["-u", "u:p", "-H", "X-One: 1", "--json", "[]", &plain],
    ] {
        assert_eq!(complete(&trace(&[&["--no-trace-headers"], words].concat())), 204);
        let [ours] = <[Recorded; 1]>::try_from(log.take()).unwrap();
        let curls = curls_request(words, &log);
        assert_eq!(without_user_agent(ours), without_user_agent(curls), "{words:?}");
    }
}

/// Answers each connection's first request with these bytes, then says that nothing more will come.
fn saying(bytes: impl Into<Vec<u8>>) -> Server {
    let bytes = bytes.into();
    Server::start(move |mut peer, _| {
        if peer.request().is_some() {
            peer.send(&bytes);
        }
        peer.finish();
    })
}

#[test]
fn bodies_end_where_their_framing_says() {
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n\
                   5;a=b\r\nhello\r\n6\r\n world\r\n0\r\nX-Sum: 1\r\n\r\n";
    for (words, answer, body, status) in [
        (&[][..], "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nhello world", "hello world", 200),
        (&[], "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello world", "hello", 200),
        (&[], chunked, "hello world", 200),
        (&[], "HTTP/1.1 200 OK\r\n\r\nhello world", "hello world", 200),
        (&[], "HTTP/1.0 404 Not Found\r\n\r\nhello world", "hello world", 404),
        (&[], "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "", 200),
        (&[], "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", "", 304),
        (&["-I"], "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "", 200),
        (&["-I", "--compressed"], "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\n", "", 200),
        (&["--compressed"], "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nConnection: close\r\n\r\n", "", 200),
        (
            &[],
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
            "hi",
            200,
        ),
    ] {
        let server = saying(answer);
        let url = server.url("/");
        let (traced, got) = traced(&[words, &[url.as_str()][..]].concat());
        assert_eq!(complete(&traced.traces[0]), status, "{answer:?}");
        assert_eq!(String::from_utf8(got).unwrap(), body, "{answer:?}");
        let response = traced.traces[0].response.as_ref().unwrap();
        assert_eq!(response.body_bytes, body.len() as u64, "{answer:?}");
        assert_eq!(response.first_body_byte.is_some(), !body.is_empty(), "{answer:?}");
        let informational: Vec<u16> = response.informational.iter().map(|head| head.status).collect();
        assert_eq!(informational, if answer.contains("103") { vec![100, 103] } else { vec![] }, "{answer:?}");
    }
}

#[test]
fn a_body_may_come_in_any_pieces() {
    let whole = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    let server = Server::start(move |mut peer, _| {
        if peer.request().is_some() {
            for byte in whole {
                peer.send([*byte]);
                thread::sleep(Duration::from_micros(500));
            }
        }
        peer.finish();
    });
    let (traced, body) = traced(&[&server.url("/")]);
    assert_eq!((complete(&traced.traces[0]), body.as_slice()), (200, &b"hello"[..]));
}

#[test]
fn compressed_bodies_are_asked_for_and_decoded() {
    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
    let text = "where do the milliseconds go? ".repeat(1_000).into_bytes();
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(&text).unwrap();
    let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
    zlib.write_all(&text).unwrap();
    let mut raw = DeflateEncoder::new(Vec::new(), Compression::default());
    raw.write_all(&text).unwrap();
    // `printf hi | brotli | xxd`
    let brotli = vec![0x8b, 0x00, 0x80, 0x68, 0x69, 0x03];
    for (coding, coded, plain) in [
        ("gzip", gzip.finish().unwrap(), text.as_slice()),
        ("deflate", zlib.finish().unwrap(), &text),
        // Not what RFC 9110 §8.4.1.2 says, but what some servers do.
        ("deflate", raw.finish().unwrap(), &text),
        ("br", brotli, b"hi"),
    ] {
        let log = Log::default();
        let answer = response("200 OK", &format!("Content-Encoding: {coding}\r\n"), &coded);
        let server = answering(&log, move |_| answer.clone());
        let (asked, body) = traced(&["--compressed", &server.url("/")]);
        assert_eq!(complete(&asked.traces[0]), 200);
        assert_eq!(log.take()[0].header("accept-encoding"), Some("gzip, deflate, br"));
        assert_eq!(body, plain, "{coding}");
        let response = asked.traces[0].response.as_ref().unwrap();
        assert_eq!(response.body_bytes, coded.len() as u64, "as transferred");
        let (_, body) = traced(&[&server.url("/")]);
        assert_eq!(body, coded, "not asked for, not decoded");
        assert_eq!(log.take()[0].header("accept-encoding"), None);
    }
}

#[test]
fn a_connection_is_used_again_while_it_stands() {
    let log = Log::default();
    let server = answering(&log, |_| response("200 OK", "", "hello"));
    let (traced, _) = traced(&["--reuse", &server.url("/")]);
    let [cold, warm] = &traced.traces[..] else { panic!("{traced:?}") };
    assert_eq!((complete(cold), complete(warm)), (200, 200));
    let phases: Vec<Phase> = warm.timeline.spans().map(|span| span.phase).collect();
    assert_eq!(phases, [Phase::Send, Phase::Wait, Phase::Receive]);
    let (cold, warm) = (cold.connect.as_ref().unwrap(), warm.connect.as_ref().unwrap());
    assert!(!cold.reused && warm.reused && warm.attempts.is_empty());
    assert_eq!((&cold.local, &cold.remote), (&warm.local, &warm.remote));
    assert_eq!(log.take().len(), 2);
}

#[test]
fn a_connection_that_the_server_ends_is_not_used_again() {
    for fields in ["Connection: close\r\n", ""] {
        let server = Server::start(move |mut peer, _| {
            if peer.request().is_some() {
                // The end of the stream comes in the packet of the response: it cannot come too late.
                SockRef::from(&peer.tcp).set_tcp_cork(true).unwrap();
                peer.send(response("200 OK", fields, "hello"));
                peer.tcp.shutdown(Shutdown::Write).unwrap();
                peer.hold();
            }
        });
        let (traced, _) = traced(&["--reuse", &server.url("/")]);
        let [cold, warm] = &traced.traces[..] else { panic!("{traced:?}") };
        assert_eq!((complete(cold), complete(warm)), (200, 200));
        assert!(has(warm, Phase::Connect) && !warm.connect.as_ref().unwrap().reused, "{warm:?}");
    }
}

#[test]
fn each_redirect_is_a_trace() {
    let (log, other_log) = (Log::default(), Log::default());
    let other = answering(&other_log, |_| response("200 OK", "", "there"));
    let away = other.url("/there");
    let server = answering(&log, move |request| {
        let location = match request.line().split(' ').nth(1).unwrap_or_default() {
            "/start/" => "../next?token=secret",
            "/next?token=secret" => away.as_str(),
            path => panic!("{path}"),
        };
        response("302 Found", &format!("Location: {location}\r\n"), "moved")
    });
    let (traced, body) = traced(&["-L", "-u", "u:p", "-b", "a=b", "-d", "c=d", &server.url("/start/")]);
    assert_eq!((traced.stopped, body.as_slice()), (None, &b"there"[..]));
    let [first, second, third] = &traced.traces[..] else { panic!("{:?}", traced.traces) };
    assert_eq!([first, second, third].map(complete), [302, 302, 200]);
    let ids = [first, second, third].map(|trace| trace.subject.trace_id);
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), 3);
    let from = [first, second, third].map(|trace| trace.subject.redirected_from);
    assert_eq!(from, [None, Some(ids[0]), Some(ids[1])]);
    let methods = [first, second, third].map(|trace| trace.subject.method.as_str());
    assert_eq!(methods, ["POST", "GET", "GET"]);
    assert_eq!(second.subject.url, server.url("/next?token=[redacted]"));
    let reused = [first, second, third].map(|trace| trace.connect.as_ref().unwrap().reused);
    assert_eq!(reused, [false, true, false]);

    let [start, next] = <[Recorded; 2]>::try_from(log.take()).unwrap();
    assert_eq!((start.line(), start.body.as_slice()), ("POST /start/ HTTP/1.1", &b"c=d"[..]));
    assert_eq!((next.line(), next.body.as_slice()), ("GET /next?token=secret HTTP/1.1", &b""[..]));
    assert!(next.header("authorization").is_some() && next.header("cookie").is_some(), "{next:?}");
    assert_eq!(next.header("content-type"), None);
    let [there] = <[Recorded; 1]>::try_from(other_log.take()).unwrap();
    assert!(there.header("authorization").is_none() && there.header("cookie").is_none(), "{there:?}");
}

#[test]
fn redirects_have_an_end() {
    let log = Log::default();
    let server = answering(&log, |_| response("307 Temporary Redirect", "Location: /again\r\n", ""));
    for (words, most) in [(&["--max-redirs", "2"][..], 2), (&["--max-redirs", "0"], 0), (&[], 50)] {
        let url = server.url("/");
        let (traced, _) = traced(&[words, &["-L", &url]].concat());
        assert_eq!(traced.stopped, Some(Stopped::TooMany(most)));
        assert_eq!(traced.traces.len(), usize::try_from(most).unwrap() + 1);
        traced.traces.iter().for_each(|trace| assert_eq!(complete(trace), 307));
    }
    let (unfollowed, _) = traced(&[&server.url("/")]);
    assert_eq!((unfollowed.stopped, unfollowed.traces.len()), (None, 1));

    let server = answering(&log, |_| response("302 Found", "Location: ftp://example.com/\r\n", ""));
    let (refused, _) = traced(&["-L", &server.url("/")]);
    assert!(matches!(refused.stopped, Some(Stopped::Unusable { .. })), "{refused:?}");
}

#[test]
fn an_answer_that_comes_before_the_request_is_over_counts() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), vec![b'x'; 8 * 1_024 * 1_024]).unwrap();
    let body = format!("@{}", file.path().display());
    let answer = response("413 Content Too Large", "Connection: close\r\n", "too large");
    // It goes on to read what it does not want; or it closes, which resets the connection, because something is unread.
    for reads_on in ["reads on", "resets"] {
        let answer = answer.clone();
        let server = Server::start(move |mut peer, _| {
            peer.read_some();
            peer.send(&answer);
            if reads_on == "reads on" {
                peer.finish();
            }
        });
        let (traced, body) = traced(&["--data-binary", &body, &server.url("/")]);
        let [trace] = &traced.traces[..] else { panic!("{traced:?}") };
        assert_eq!(complete(trace), 413, "{reads_on}");
        assert_eq!(body, b"too large", "{reads_on}");
    }
}

const SECRETS: [&str; 8] = ["dXNlcjpzM2NyM3Q=", "s3cr3t", "c00k13", "s3ss10n", "k3y", "s1gn4tur3", "t0k3n", "n3xt"];

#[test]
fn secrets_are_redacted_unless_asked_for() {
    let fields = "Set-Cookie: a=s3ss10n\r\nLocation: /?access_token=n3xt\r\n";
    let log = Log::default();
    let server = answering(&log, move |_| response("200 OK", fields, ""));
    let url = format!("http://user:s3cr3t@127.0.0.1:{}/?X-Amz-Signature=s1gn4tur3&token=t0k3n", server.port());
    let words = ["-b", "a=c00k13", "-H", "X-Api-Key: k3y", &url];
    let shown = serde_json::to_string(&trace(&[&["--show-secrets"], &words[..]].concat())).unwrap();
    let redacted = serde_json::to_string(&trace(&words)).unwrap();
    for secret in SECRETS {
        assert!(!redacted.contains(secret), "{secret} in {redacted}");
        // The password itself stands nowhere: it has become a field.
        assert!(secret == "s3cr3t" || shown.contains(secret), "{secret} not in {shown}");
    }
    assert_eq!(redacted.matches("[redacted]").count(), 7, "{redacted}");
    for request in log.take() {
        assert_eq!(request.line(), "GET /?X-Amz-Signature=s1gn4tur3&token=t0k3n HTTP/1.1");
        assert_eq!(request.header("x-api-key"), Some("k3y"));
        assert_eq!(request.header("authorization"), Some("Basic dXNlcjpzM2NyM3Q="));
    }
}

#[test]
fn requests_are_signed_for_aws() {
    let log = Log::default();
    let server = answering(&log, no_content);
    let url = server.url("/prod?b=1&a=2");
    let words = ["--aws-sigv4", "aws:amz:us-east-1:execute-api", "-u", "AKIDEXAMPLE:s3cr3t", "-d", "{}", &url];
    let trace = trace(&words);
    assert_eq!(complete(&trace), 204);
    let [request] = <[Recorded; 1]>::try_from(log.take()).unwrap();
    let date = request.header("x-amz-date").expect("a date");
    assert!(date.len() == 16 && date.as_bytes()[8] == b'T' && date.ends_with('Z'), "{date}");
    let authorization = request.header("authorization").expect("a signature");
    let scope = format!("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/{}/us-east-1/execute-api/aws4_request, ", &date[..8]);
    let rest = authorization.strip_prefix(&scope).unwrap_or_else(|| panic!("{authorization}"));
    let (signed, signature) = rest.split_once(", Signature=").unwrap_or_else(|| panic!("{authorization}"));
    assert_eq!(signed, "SignedHeaders=content-type;host;x-amz-date");
    assert!(signature.len() == 64 && signature.bytes().all(|byte| byte.is_ascii_hexdigit()), "{authorization}");
    let json = serde_json::to_string(&trace).unwrap();
    assert!(!json.contains(signature) && !json.contains("s3cr3t"), "{json}");
    assert!(json.contains("[\"authorization\",\"[redacted]\"]"), "{json}");
}

#[test]
#[cfg(unix)]
fn a_unix_socket_has_no_kernel_stamps() {
    use std::os::unix::net::UnixListener;
    let directory = tempfile::TempDir::new().unwrap();
    let path = directory.path().join("server.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let request = support::http::read_request(&mut stream);
        stream.write_all(&response("200 OK", "", "hello")).unwrap();
        request
    });
    let path = path.to_str().unwrap();
    let (traced, body) = traced(&["--unix-socket", path, "http://server.test/a"]);
    let [trace] = &traced.traces[..] else { panic!("{traced:?}") };
    assert_eq!((complete(trace), body.as_slice()), (200, &b"hello"[..]));
    let request = server.join().unwrap().unwrap();
    assert_eq!((request.line(), request.header("host")), ("GET /a HTTP/1.1", Some("server.test")));
    assert!(trace.timeline.spans().all(|span| span.evidence == Evidence::User), "{trace:?}");
    let connect = trace.connect.as_ref().unwrap();
    assert_eq!((connect.remote.as_deref(), &connect.local, connect.rtt), (Some(path), &None, None));
    assert!(trace.dns.is_none() && trace.wait.is_none() && trace.transport.is_none(), "{trace:?}");
}
