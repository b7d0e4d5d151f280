//! `wirefall attribute` from end to end: saved traces and logs in files, as a shell sees it.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use flate2::write::GzEncoder;
use serde_json::{Value, json};
use tempfile::TempDir;

const MS: u64 = 1_000_000;
/// The wait of every trace here.
const WAIT: u64 = 100 * MS;

fn run(directory: &Path, words: &[&str], stdin: &[u8]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wirefall"));
    command.env_clear().env("HOME", directory).env("COLUMNS", "80").current_dir(directory).arg("attribute").args(words);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("wirefall runs");
    // Whoever reads no standard input may be gone already.
    let _ = child.stdin.take().expect("a pipe").write_all(stdin);
    child.wait_with_output().expect("it ends")
}

/// Runs it, checks the exit code, and returns both streams.
#[track_caller]
fn check(directory: &Path, words: &[&str], exit_code: i32) -> (String, String) {
    let output = run(directory, words, b"");
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(exit_code), "{words:?}\n{stdout}\n{stderr}");
    (stdout, stderr)
}

fn root(id: u32) -> String {
    format!("1-67400000-{id:024x}")
}

/// A trace of a GET, 16 of whose 100 ms of wait are a round trip.
fn trace(id: u32, name: &str, path: &[&str], back: &[[&str; 2]]) -> Value {
    let wait_at = 16 * MS + 40_000;
    json!({
        "schema": "wirefall/trace/1", "trace_id": format!("67400000{id:024x}"), "name": name, "path": path,
        "url": "https://api.example.com/orders", "method": "GET", "started_at": "2024-11-22T04:00:00.500000000Z",
        "outcome": "complete", "failure": null, "redirected_from": null, "total_ns": wait_at + WAIT + 100_000,
        "phases": [
            {"phase": "connect", "start_ns": 0, "duration_ns": 16 * MS, "evidence": "kernel", "error_ns": 1_000},
            {"phase": "send", "start_ns": 16 * MS, "duration_ns": 40_000, "evidence": "kernel", "error_ns": 1_000},
            {"phase": "wait", "start_ns": wait_at, "duration_ns": WAIT, "evidence": "kernel", "error_ns": 1_000},
            {"phase": "receive", "start_ns": wait_at + WAIT, "duration_ns": 100_000, "evidence": "kernel", "error_ns": 1_000},
        ],
        "client": {"lag_ns": 0},
        "connect": {"reused": false, "local": format!("192.0.2.10:{}", 51_000 + id), "remote": "198.51.100.2:443", "attempts": []},
        "request": {"version": "HTTP/1.1", "headers": [["x-amzn-trace-id", format!("Root={};Sampled=1", root(id))]],
            "body_bytes": 0, "header_bytes": 90},
        "response": {"status": 200, "version": "HTTP/1.1", "headers": back, "header_bytes": 200, "body_bytes": 2, "informational": []},
        "wait": {"network_ns": 16 * MS, "server_ns": 84 * MS, "server_low_ns": 0, "server_high_ns": 84 * MS, "method": "min_rtt"},
    })
}

fn alb(id: u32, time: &str, [request, target, response]: [&str; 3]) -> String {
    format!(
        "h2 {time} app/web/50dc6c495c0c9188 192.0.2.10:{} 10.0.0.1:80 {request} {target} {response} 200 200 34 366 \
         \"GET https://api.example.com:443/orders HTTP/2.0\" \"wirefall\" ECDHE-RSA-AES128-GCM-SHA256 TLSv1.2 \
         arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/t/73e2d6bc24d8a067 \"Root={}\" \
         \"api.example.com\" \"-\" 1 2024-11-22T04:00:00.500000Z \"forward\" \"-\" \"-\" \"10.0.0.1:80\" \"200\" \"-\" \"-\"\n",
        51_000 + id,
        root(id)
    )
}

fn apig(id: u32) -> String {
    let line = json!({"requestId": format!("req-{id}"), "extendedRequestId": format!("ext{id}="), "status": "200",
        "xrayTraceId": root(id), "responseLatency": "80", "integration.latency": "70", "integration.requestId": format!("inv-{id}")});
    format!("{line}\n")
}

fn report(id: u32) -> String {
    format!(
        "START RequestId: inv-{id} Version: $LATEST\nREPORT RequestId: inv-{id}\tDuration: 20.12 ms\tBilled Duration: 21 ms\t\
         Memory Size: 128 MB\tMax Memory Used: 60 MB\tInit Duration: 15.30 ms\t\n"
    )
}

/// A cold request to a function, one through a balancer, and one whose balancer's record is another request's.
fn directory() -> TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    let names = |id: u32| {
        [["x-amz-apigw-id".to_owned(), format!("ext{id}=")], ["x-amzn-requestid".to_owned(), format!("req-{id}")]]
    };
    let names = names(1);
    let names: Vec<[&str; 2]> = names.iter().map(|[name, value]| [name.as_str(), value.as_str()]).collect();
    let traces = [
        trace(1, "function", &["apig", "lambda"], &names),
        trace(2, "balanced", &["elb", "ec2"], &[["set-cookie", "AWSALB=[redacted]"]]),
        trace(3, "balanced", &["elb", "ec2"], &[]),
    ];
    let lines = traces.each_ref().map(ToString::to_string).join("\n") + "\n";
    let write = |name: &str, text: &str| {
        let path = directory.path().join(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        fs::write(path, text).expect("a file");
    };
    write("traces.jsonl", &lines);
    let time = "2024-11-22T04:00:01.600000Z";
    let ours = alb(2, time, ["0.001", "0.070", "0.001"]);
    let too_long = alb(3, time, ["0.001", "0.400", "0.000"]);
    let strange = alb(9, time, ["0.001", "0.400", "0.000"]);
    write("alb/2024/11/22/a.log", &format!("this is no log line\n{strange}{ours}{too_long}"));
    write("apig.jsonl", &(apig(8) + &apig(1)));
    write("lambda.log", &(report(8) + &report(1)));
    write("other.log", &strange);
    directory
}

fn layers(line: &str) -> Vec<(String, u64)> {
    let trace: Value = serde_json::from_str(line).expect("JSON");
    let shares = trace["layers"].as_array().cloned().unwrap_or_default();
    shares
        .iter()
        .map(|share| {
            (share["layer"].as_str().expect("a name").to_owned(), share["duration_ns"].as_u64().expect("a number"))
        })
        .collect()
}

#[track_caller]
fn check_layers(line: &str, expect: &[(&str, u64)]) {
    let expect: Vec<(String, u64)> =
        expect.iter().map(|(layer, micros)| ((*layer).to_owned(), micros * 1_000)).collect();
    assert_eq!(layers(line), expect, "{line}");
    let sum: u64 = expect.iter().map(|(_, length)| length).sum();
    assert!(expect.is_empty() || sum == WAIT, "{sum}");
}

const FUNCTION: [(&str, u64); 6] = [
    ("network", 16_000),
    ("apig", 10_000),
    ("lambda.placement", 34_580),
    ("lambda.init", 15_300),
    ("lambda.handler", 20_120),
    ("unattributed", 4_000),
];
const BALANCED: [(&str, u64); 4] = [("network", 16_000), ("elb", 2_000), ("ec2", 70_000), ("unattributed", 12_000)];

#[test]
fn people_see_nested_layers_then_counts_and_medians() {
    let directory = directory();
    let words = ["traces.jsonl", "--alb", "alb", "--apig", "apig.jsonl", "--lambda", "lambda.log"];
    let (stdout, stderr) = check(directory.path(), &words, 0);
    let expect = "\
1 function  GET https://api.example.com/orders       200 | HTTP/1.1 | 116.140 ms
  2024-11-22 04:00:00.500 UTC
  passed  apig (REST API, regional): certain, by x-amz-apigw-id,
          x-amzn-requestid
  layers  of the wait of 100.000 ms, own times; ~ is an estimate
  network                                      ~16.000 ms            kernel
  apig                 =====================    10.000 ms of 80.000  apig log
                                                                     +/-2 ms
    lambda.placement    =========              ~34.580 ms            apig log
                                                                     +/-1.02 ms
    lambda.init              ====               15.300 ms            lambda log
    lambda.handler              ======          20.120 ms            lambda log
  unattributed                                   4.000 ms            kernel

2 balanced  GET https://api.example.com/orders       200 | HTTP/1.1 | 116.140 ms
  2024-11-22 04:00:00.500 UTC
  passed  elb (application): certain, by cookie AWSALB
  layers  of the wait of 100.000 ms, own times; ~ is an estimate
  network                                 ~16.000 ms            kernel
  elb             ===================       2.000 ms of 72.000  alb log +/-2 ms
    ec2           ===================      70.000 ms            alb log
  unattributed                             12.000 ms            kernel

3 balanced  GET https://api.example.com/orders       200 | HTTP/1.1 | 116.140 ms
  2024-11-22 04:00:00.500 UTC
  x not used: alb log a.log:4, elb: 401.000 ms is longer than the wait of
    100.000 ms

requests   2 of 3 split by layers
evidence   alb log 1 | apig log 1 | lambda log 1
not used   longer than wait 1
not split  balanced 1 (what speaks of it is not used)

target    layer             requests  median ms    of wait
function  network                  1    ~16.000        16%
          apig                     1     10.000        10%
          lambda.placement         1    ~34.580        35%
          lambda.init              1     15.300        15%
          lambda.handler           1     20.120        20%
          unattributed             1      4.000         4%
balanced  network                  1    ~16.000        16%
          elb                      1      2.000         2%
          ec2                      1     70.000        70%
          unattributed             1     12.000        12%
";
    assert_eq!(stdout, expect);
    assert!(stderr.starts_with("wirefall: --alb: alb/2024/11/22/a.log:1: field 2 (time): expected "), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
}

#[test]
fn programs_get_traces_with_their_layers() {
    let directory = directory();
    let evidence = ["--alb", "alb/**/*.log", "--apig", "apig.jsonl", "--lambda", "lambda.log"];
    let words = [&["traces.jsonl", "--format", "jsonl", "--save", "saved.jsonl"][..], &evidence].concat();
    let (stdout, stderr) = check(directory.path(), &words, 0);
    let lines: Vec<&str> = stdout.lines().collect();
    check_layers(lines[0], &FUNCTION);
    check_layers(lines[1], &BALANCED);
    check_layers(lines[2], &[]);
    let rejected: Value = serde_json::from_str(lines[2]).unwrap();
    let expect = json!([{"evidence": "alb log", "layer": "elb", "at": "a.log:4", "because": "longer_than_wait",
        "duration_ns": 401 * MS, "wait_ns": WAIT}]);
    assert_eq!(rejected["rejected"], expect);
    assert_eq!(fs::read_to_string(directory.path().join("saved.jsonl")).unwrap(), stdout);
    assert!(stderr.contains("requests   2 of 3 split by layers"), "{stderr}");

    // What was attributed can be attributed again, with more or with less.
    let (again, _) = check(directory.path(), &["saved.jsonl", "--format", "jsonl", "--alb", "alb"], 0);
    let lines: Vec<&str> = again.lines().collect();
    check_layers(lines[0], &[]);
    check_layers(lines[1], &BALANCED);

    let words = [&["traces.jsonl", "--format", "csv"][..], &evidence].concat();
    let (csv, _) = check(directory.path(), &words, 0);
    assert_eq!(csv.lines().count(), 1 + FUNCTION.len() + BALANCED.len());
    assert!(csv.contains(",lambda.placement,34580000,apig log,true,,1020000,apig,24040000,38040000\r\n"), "{csv}");
    let words = [&["traces.jsonl", "--format", "markdown"][..], &evidence].concat();
    let (markdown, _) = check(directory.path(), &words, 0);
    assert!(markdown.contains("| function | lambda.handler | 1 | 20.120 | 20 % |\n"), "{markdown}");
    assert!(markdown.ends_with("2 of 3 requests split by layers; evidence: alb log 1, apig log 1, lambda log 1; not used: longer than wait 1; not split: balanced 1 (what speaks of it is not used).\n"), "{markdown}");
    let words = [&["traces.jsonl", "--format", "har"][..], &evidence].concat();
    let har: Value = serde_json::from_str(&check(directory.path(), &words, 0).0).unwrap();
    assert_eq!(har.pointer("/log/entries/0/_wirefall/layers/1/layer"), Some(&json!("apig")));
}

#[test]
fn evidence_comes_from_anywhere() {
    let directory = directory();
    let at = |name: &str| directory.path().join(name);
    let log = fs::read(at("alb/2024/11/22/a.log")).unwrap();
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(&log).unwrap();
    let packed = encoder.finish().unwrap();
    fs::write(at("packed"), &packed).unwrap();
    for (word, stdin) in [("packed", &b""[..]), ("alb/*/11/2?/a.log", b""), ("-", &log), ("-", &packed)] {
        let output = run(directory.path(), &["traces.jsonl", "--format", "jsonl", "--alb", word], stdin);
        let stdout = String::from_utf8(output.stdout).unwrap();
        check_layers(stdout.lines().nth(1).unwrap(), &BALANCED);
    }
    // Two formats that know nothing of each other's names, and traces from standard input.
    let traces = fs::read(at("traces.jsonl")).unwrap();
    let output =
        run(directory.path(), &["-", "--format", "jsonl", "--lambda", "lambda.log", "--apig", "apig.jsonl"], &traces);
    check_layers(String::from_utf8(output.stdout).unwrap().lines().next().unwrap(), &FUNCTION);
    // A compressed file that breaks off is used as far as it goes, and said.
    fs::write(at("broken"), &packed[..packed.len() - 9]).unwrap();
    let (stdout, stderr) = check(directory.path(), &["traces.jsonl", "--format", "jsonl", "--alb", "broken"], 1);
    assert_eq!(stdout.lines().count(), 3);
    assert!(stderr.contains("wirefall: cannot read broken: "), "{stderr}");
}

#[test]
fn logs_of_which_none_can_be_used_are_an_error_that_says_what_they_are() {
    let directory = directory();
    let write = |name: &str, bytes: &[u8]| fs::write(directory.path().join(name), bytes).expect("a file");
    write("empty", b"");
    write("binary", b"\x7fELF\x02\0\0\0");
    write("cut.json", br#"{"Traces": [{"Id": "1-67400000-0"#);
    write("realtime.log", b"1732248001.600\t0.080\tabc==\n");
    // Of these requests, and yet nothing that a gateway wrote.
    let root = root(1);
    let start = json!({"time": "2024-11-22T04:00:00.500Z", "type": "platform.start",
        "record": {"requestId": "f-1", "tracing": {"value": format!("Root={root};Sampled=1")}}});
    write("platform.jsonl", format!("{start}\n{start}\n").as_bytes());
    write("truth.jsonl", json!({"trace": root, "path": "/orders", "status": 200}).to_string().as_bytes());
    for (words, expect) in [
        (&["--alb", "apig.jsonl"][..], "--alb: apig.jsonl looks like API Gateway JSON; did you mean --apig?\n"),
        (&["--apig", "platform.jsonl"], "--apig: platform.jsonl looks like a log of Lambda; did you mean --lambda?\n"),
        (&["--apig", "truth.jsonl"], "--apig: truth.jsonl does not look like API Gateway JSON, nor like any other log"),
        (&["--apig", "lambda.log"], "--apig: lambda.log looks like a log of Lambda; did you mean --lambda?\n"),
        (
            &["--lambda", "other.log"],
            "--lambda: other.log looks like an access log of an Application Load Balancer; did you mean --alb?\n",
        ),
        (&["--xray", "empty"], "--xray: empty is empty\n"),
        (&["--nlb", "binary"], "--nlb: binary does not look like a TLS log of a Network Load Balancer"),
        (&["--xray", "cut.json"], "--xray: cut.json looks like documents of X-Ray, but nothing of it can be read\n"),
        (&["--cloudfront-realtime", "realtime.log"], "--cloudfront-fields names those that were chosen\n"),
        (&["--apig", "binary"], "--apig-format names another format\n"),
    ] {
        let (stdout, stderr) = check(directory.path(), &[&["traces.jsonl"], words].concat(), 1);
        assert!(stderr.contains(expect), "{words:?}: {stderr}");
        assert!(stderr.ends_with("wirefall: none of the logs given could be used\n"), "{words:?}: {stderr}");
        assert!(!stderr.contains(" of 0 ") && !stderr.contains("binary:1"), "{stderr}");
        assert!(stderr.lines().all(|line| line.starts_with("wirefall: ")), "{stderr}");
        assert!(stdout.contains("requests   0 of 3 split by layers"), "{stdout}");
    }
    // With one that can be used, the others are only named.
    let words = ["traces.jsonl", "--alb", "alb", "--lambda", "empty", "--apig", "other.log"];
    let (_, stderr) = check(directory.path(), &words, 0);
    assert!(stderr.contains("did you mean --alb?") && stderr.contains("empty is empty"), "{stderr}");
}

#[test]
fn a_chart_of_nothing_says_which_log_is_missing() {
    let directory = directory();
    let words = ["traces.jsonl", "--alb", "other.log", "--chart", "layers.svg"];
    let (_, stderr) = check(directory.path(), &words, 1);
    let expect = "wirefall: no chart of layers: no wait could be split; missing: --apig or --xray for apig, --lambda or --xray \
                  for lambda, --alb or --clb for elb, --xray, or the log of the layer before it, for ec2\n";
    assert!(stderr.ends_with(expect), "{stderr}");
}

#[test]
fn a_trace_that_is_given_twice_counts_once_and_one_that_differs_is_named() {
    let directory = directory();
    let at = |name: &str| directory.path().join(name);
    let (once, _) = check(directory.path(), &["traces.jsonl", "--alb", "alb", "--format", "jsonl"], 0);
    // What was attributed is still the same trace.
    fs::write(at("attributed.jsonl"), &once).unwrap();
    let words = ["traces.jsonl", "traces.jsonl", "attributed.jsonl", "--alb", "alb", "--format", "jsonl"];
    let (again, stderr) = check(directory.path(), &words, 0);
    assert_eq!(again, once);
    assert!(stderr.contains("6 traces stand in the input more than once: each counts once\n"), "{stderr}");
    let differs = fs::read_to_string(at("traces.jsonl")).unwrap().replace("/orders", "/others");
    fs::write(at("differs.jsonl"), differs).unwrap();
    let (_, stderr) = check(directory.path(), &["traces.jsonl", "differs.jsonl", "--alb", "alb"], 0);
    let expect = format!(
        "traces.jsonl and differs.jsonl: the id 67400000{:024x} stands for two traces that differ in their URL",
        2
    );
    assert!(stderr.contains(&expect), "{stderr}");
}

#[test]
fn what_matches_nothing_says_what_was_looked_for() {
    let directory = directory();
    let (stdout, stderr) = check(directory.path(), &["traces.jsonl", "--alb", "other.log"], 0);
    assert!(
        stderr.contains(
            "other.log: nothing of any of the 3 requests; looked for the X-Ray root and the token in User-Agent"
        ),
        "{stderr}"
    );
    let expect = "requests   0 of 3 split by layers\nnot split  function 1, balanced 2 (no log speaks of it)\n";
    assert!(stdout.ends_with(expect), "{stdout}");
    // Where others of the same flag match, a file of another hour is no news but its name.
    let (_, stderr) = check(directory.path(), &["traces.jsonl", "--alb", "other.log", "--alb", "alb"], 0);
    assert!(stderr.contains("other.log: nothing of any of the 3 requests\n"), "{stderr}");
}

#[test]
fn misuse_says_what_is_wrong() {
    let directory = directory();
    fs::write(directory.path().join("packed"), b"\x1f\x8b\x08\0").expect("a file");
    fs::write(directory.path().join("picture.png"), b"\x89PNG\r\n\x1a\n").expect("a file");
    for (words, exit_code, expect) in [
        (&["traces.jsonl", "--alb", "none.log"][..], 1, "cannot read none.log: "),
        (&["traces.jsonl", "--alb", "none*.log"], 1, "no file matches this pattern"),
        (&["/dev/null", "--alb", "alb"], 1, "/dev/null has no traces: --save and --format jsonl write them"),
        (&["none.jsonl"], 1, "cannot read none.jsonl: "),
        (&["-", "--alb", "-"], 2, "standard input can be read once"),
        (&["traces.jsonl", "--apig-format", "abc"], 2, "--apig-format"),
        (&["traces.jsonl", "--cloudfront-fields", "abc"], 2, "--cloudfront-fields"),
        (
            &["alb/2024/11/22/a.log"],
            1,
            "a.log:1: expected traces (wirefall/trace/1), a line each; this looks like an access log of an",
        ),
        (
            &["packed"],
            1,
            "packed:1: expected traces (wirefall/trace/1), a line each, but this is compressed: gunzip it first",
        ),
        (&["picture.png"], 1, "picture.png:1: expected traces (wirefall/trace/1), a line each, but this is not text"),
        (&["traces.jsonl", "--alb", "alb", "--save", "alb/../traces.jsonl"], 2, "save into another file"),
        (&["traces.jsonl"], 0, "no logs are given"),
        (&[], 2, "TRACES.jsonl"),
    ] {
        let (_, stderr) = check(directory.path(), words, exit_code);
        assert!(stderr.contains(expect), "{words:?}: {stderr}");
    }
}

#[test]
fn a_chart_is_drawn() {
    let directory = directory();
    check(directory.path(), &["traces.jsonl", "--alb", "alb", "--chart", "layers.svg"], 0);
    let svg = fs::read_to_string(directory.path().join("layers.svg")).unwrap();
    assert!(svg.starts_with("<svg") && svg.contains("balanced"), "{}", &svg[..200.min(svg.len())]);
}
