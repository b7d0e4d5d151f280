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

mod errors;
mod network;
mod request;
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

    fn has_file(&self, path: &Path) -> bool {
        path.to_str().is_some_and(|path| self.files.contains_key(path))
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
    let files: [(&str, &[u8]); 8] = [
        ("t.toml", TARGETS.as_bytes()),
        ("bad.toml", b"[[target]]\nname = 1"),
        ("f", b"a\r\nb\0c\nd"),
        ("fields", b"X-A: 1\r\n\r\nX-B:2\nX-C;\n"),
        ("latin1", b"\xe9"),
        ("run1.json", b"{}"),
        ("logs/alb.log", b""),
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
        kept: Kept::default(),
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
fn output_is_as_asked() {
    let default = output(&["h"]);
    let chart = |title: Option<&str>| {
        let picture = Picture { file: "c.svg".parse().unwrap(), title: title.map(str::to_owned) };
        Kept { save: None, picture: Some(picture) }
    };
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
        (
            &["--save", "s.jsonl"],
            Output { kept: Kept { save: Some("s.jsonl".into()), picture: None }, ..default.clone() },
        ),
        (&["--chart", "c.svg"], Output { kept: chart(None), ..default.clone() }),
        (&["--chart", "c.svg", "--title", "t"], Output { kept: chart(Some("t")), ..default.clone() }),
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

proptest! {
    #[test]
    fn any_arguments_are_a_plan_or_an_error(
        flag in prop::sample::select(vec![
            "-X", "-H", "-d", "--data-urlencode", "--json", "-A", "-b", "-u", "--aws-sigv4", "--resolve", "--connect-to",
            "--interface", "-x", "--noproxy", "--dns-servers", "--doh-url", "-E", "--tls-max", "-m", "--max-redirs", "-w",
            "--chart", "--title", "-G", "-I",
        ]),
        value in any::<String>(),
        target in any::<String>(),
    ) {
        if let Ok(flags) = raw(&[flag, &value, "-x", "p", &target, "--", &target]) {
            let _ = flags.resolve(&Environment::default(), &given());
        }
    }
}
