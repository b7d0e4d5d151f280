//! `wirefall compare` from end to end: against the lab with delays far above any noise, and against servers played by hand.

#![expect(clippy::unwrap_used, reason = "helpers of tests may unwrap as tests do")]

mod support;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::Value;
use support::http::{Log, Server, answering, response};
use support::program::{Program, eventually};
use wirefall::lab::{Lab, LabOptions, Profile};
use wirefall::time::Nanos;

/// What the lab's layers add: so much more than a busy machine does that all verdicts are certain.
const PROFILE: &str = "[elb]\nown_ms = 60\n[cloudfront]\nown_ms = 150\n";

/// The lab, and the flags that lead to it.
struct Stage {
    lab: Lab,
    program: Program,
}

impl Stage {
    fn set(profile: &str) -> Self {
        let lab = Lab::start(&Profile::parse(profile, "test.toml").unwrap(), &LabOptions::default()).unwrap();
        let program = Program::new();
        program.write("ca.pem", lab.ca_pem());
        Self { lab, program }
    }

    fn url(&self, name: &str) -> String {
        self.lab.endpoints().iter().find(|endpoint| endpoint.name == name).unwrap().url.clone()
    }

    fn flags(&self) -> [String; 4] {
        let dns = self.lab.dns_server().to_string();
        ["--dns-servers".into(), dns, "--cacert".into(), "ca.pem".into()]
    }

    /// Runs `compare` with these words.
    fn compare(&self, words: &[&str]) -> support::program::Said {
        let flags = self.flags();
        let words: Vec<&str> =
            ["compare"].into_iter().chain(flags.iter().map(String::as_str)).chain(words.iter().copied()).collect();
        self.program.run(&words)
    }

    /// A targets file with three paths to the same application.
    fn write_targets(&self) {
        let target = |name: &str, path: &str, more: &str| {
            format!("[[target]]\nname = \"{name}\"\nurl = \"{}\"\npath = [{path}]\n{more}\n", self.url(name))
        };
        let text = [
            target("elb", "\"elb\", \"ec2\"", ""),
            target("ec2", "\"ec2\"", "baseline = true\nexpect_status = 200\ntags = { region = \"us-east-1\" }"),
            target("cloudfront", "\"cloudfront\", \"ec2\"", ""),
        ];
        self.program.write("paths.toml", &text.concat());
    }
}

/// The differences of a summary in one phase: what is compared, and its verdict.
fn verdicts<'s>(summary: &'s Value, phase: &str) -> Vec<(&'s str, &'s str)> {
    let differences = summary["differences"].as_array().unwrap().iter();
    let of_phase = differences.filter(|difference| difference["phase"] == phase);
    of_phase.map(|difference| (difference["name"].as_str().unwrap(), difference["verdict"].as_str().unwrap())).collect()
}

fn target<'s>(summary: &'s Value, name: &str) -> &'s Value {
    summary["targets"].as_array().unwrap().iter().find(|target| target["name"] == name).unwrap()
}

#[test]
fn what_is_in_front_of_a_server_makes_it_slower_by_what_the_layer_costs() {
    let stage = Stage::set(PROFILE);
    stage.write_targets();
    let said = stage.compare(&[
        "--targets",
        "paths.toml",
        "-n",
        "10",
        "--seed",
        "7",
        "--warmup",
        "1",
        "--save",
        "run.jsonl",
        "--format",
        "json",
    ]);
    let said = said.exits(0);
    assert!(said.stderr.contains("10 requests to each of 3 targets"), "{}", said.stderr);
    assert!(said.stderr.contains("compared with ec2 (--seed 7)"), "{}", said.stderr);
    let summary = said.json();
    assert_eq!(summary["schema"], "wirefall/summary/1");
    assert_eq!(summary["baseline"], "ec2");
    let names: Vec<&str> =
        summary["targets"].as_array().unwrap().iter().map(|target| target["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["elb", "ec2", "cloudfront"]);
    for phase in ["wait", "total"] {
        assert_eq!(verdicts(&summary, phase), [("elb", "slower"), ("cloudfront", "slower")], "{phase}");
    }
    let mut layers: Vec<(&str, f64)> = summary["layers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|layer| (layer["layer"].as_str().unwrap(), layer["median_ns"].as_f64().unwrap() / 1e6))
        .collect();
    layers.sort_by(|one, other| one.1.total_cmp(&other.1));
    let [("elb", elb), ("cloudfront", cloudfront)] = layers[..] else { panic!("{layers:?}") };
    // The baseline may have been held up; then less seems to be added.
    assert!(elb > 30.0 && cloudfront > elb, "{layers:?}");

    // The warm-up is not saved, and each block has every target once.
    let traces = stage.program.traces("run.jsonl");
    assert_eq!(traces.len(), 30);
    for block in traces.chunks(3) {
        let mut names: Vec<&str> = block.iter().map(wirefall::trace::Trace::label).collect();
        names.sort_unstable();
        assert_eq!(names, ["cloudfront", "ec2", "elb"]);
    }
    assert!(traces.iter().all(|trace| trace.subject.path.is_some()));
    assert_eq!(target(&summary, "ec2")["tags"]["region"], "us-east-1");
    assert_eq!(target(&summary, "elb")["requests"], 10);

    // What was saved says the same once more, without a request; the fewest layers are the baseline.
    let again = stage.program.run(&["compare", "run.jsonl", "--format", "json"]).exits(0);
    assert!(again.stderr.contains("Compared with ec2"), "{}", again.stderr);
    let again = again.json();
    assert_eq!(target(&again, "elb")["phases"], target(&summary, "elb")["phases"]);
    assert_eq!(again["layers"].as_array().unwrap().len(), 2);
    // The same seed is the same order.
    stage
        .compare(&["--targets", "paths.toml", "-n", "10", "--seed", "7", "--warmup", "1", "--save", "again.jsonl"])
        .exits(0);
    let order = |file| stage.program.traces(file).iter().map(|trace| trace.label().to_owned()).collect::<Vec<_>>();
    assert_eq!(order("again.jsonl"), order("run.jsonl"));
}

#[test]
fn a_comparison_is_a_table_a_picture_and_rows_too() {
    let (program, server) = (Program::new(), server(Duration::ZERO));
    let [a, b] = [format!("a={}", server.url("/")), format!("b={}", server.url("/"))];
    program
        .run(&["compare", &a, &b, "-n", "5", "--save", "run.jsonl", "--chart", "bars.svg", "--title", "Mine", "-s"])
        .exits(0);
    let bars = program.read("bars.svg");
    assert!(bars.starts_with("<svg") && bars.contains(">Mine<"), "{bars}");
    let printed = |format: &str| {
        let said = program.run(&["compare", "run.jsonl", "--format", format, "-s"]).exits(0);
        assert_eq!(said.stderr, "");
        said.stdout
    };
    let markdown = printed("markdown");
    for cell in ["| target | verdict |", "| a | ", "| b | "] {
        assert!(markdown.contains(cell), "{markdown}");
    }
    let csv = printed("csv");
    assert!(csv.starts_with("name,") && csv.lines().count() == 1 + 2 * 5, "{csv}");
    let (json, jsonl) = (printed("json"), printed("jsonl"));
    assert_eq!(jsonl.lines().count(), 1);
    assert_eq!(serde_json::from_str::<Value>(&json).unwrap(), serde_json::from_str::<Value>(&jsonl).unwrap());
    let pretty = printed("pretty");
    // Five are too few for a p95.
    assert!(markdown.contains("** | (") && markdown.contains("A p95 in parentheses is the maximum"), "{markdown}");
    assert!(pretty.contains("\np95 of fewer than 20"), "{pretty}");
    for line in ["a  5 requests | 200 x5", "\n  a      5  ", "differences of medians, with their 95 % interval, ms"] {
        assert!(pretty.contains(line), "{line:?} is not in\n{pretty}");
    }
}

/// A server that keeps connections, and takes so long to answer.
fn server(delay: Duration) -> Server {
    answering(&Log::default(), move |request| {
        thread::sleep(delay);
        match request.line().split(' ').nth(1) {
            Some("/missing") => response("404 Not Found", "", "nothing"),
            _ => response("200 OK", "", "hello"),
        }
    })
}

#[test]
fn before_and_after_are_compared_target_by_target_and_a_gate_says_so() {
    let (program, fast, slow) = (Program::new(), server(Duration::ZERO), server(Duration::from_millis(80)));
    let save = |of_a: &Server, file: &str| {
        let [a, b] = [format!("a={}", of_a.url("/")), format!("b={}", fast.url("/"))];
        program.run(&["compare", &a, &b, "-n", "8", "--save", file]).exits(0);
    };
    save(&fast, "old.jsonl");
    save(&slow, "new.jsonl");
    let said = program.run(&["compare", "old.jsonl", "new.jsonl", "--format", "json"]).exits(0);
    assert!(said.stderr.contains("compared with itself in old.jsonl"), "{}", said.stderr);
    let summary = said.json();
    assert_eq!(summary["baseline"], "old.jsonl");
    let wait = verdicts(&summary, "wait");
    assert_eq!(wait.iter().map(|(name, _)| *name).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(wait[0], ("a", "slower"));
    for difference in summary["differences"].as_array().unwrap() {
        assert_eq!((&difference["run"], &difference["against"]["run"]), (&"new.jsonl".into(), &"old.jsonl".into()));
    }
    // The other way round it has become faster, under names of one's own, from standard input.
    let mut command = program.command(&["compare", "before=new.jsonl", "after=-", "--format", "json"]);
    let output = command.stdin(std::fs::File::open(program.path("old.jsonl")).unwrap()).output().unwrap();
    let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&summary["baseline"], verdicts(&summary, "wait")[0]), (&"before".into(), ("a", "faster")));
    let words = ["compare", "old.jsonl", "new.jsonl", "--baseline", "new.jsonl", "--format", "json"];
    assert_eq!(verdicts(&program.run(&words).exits(0).json(), "wait")[0], ("a", "faster"));

    // The gate: only what is new is held to it.
    let gate = |slo: &str, files: [&str; 2], code| {
        program.run(&["compare", files[0], files[1], "--slo", slo, "--format", "csv"]).exits(code).stderr
    };
    let missed = gate("wait.p50=79,failures=0", ["old.jsonl", "new.jsonl"], 4);
    assert!(missed.contains("SLO wait.p50=79 is missed by a [new.jsonl]: "), "{missed}");
    let cannot = gate("tls=1000", ["old.jsonl", "new.jsonl"], 4);
    assert!(cannot.contains("SLO tls=1000 cannot be judged for b [new.jsonl]"), "{cannot}");
    assert!(!cannot.contains("old.jsonl],"), "{cannot}");
    gate("wait.p50=60000,failures=0", ["new.jsonl", "old.jsonl"], 0);

    // What was met and missed stands in the summary, too.
    let shown = |format: &str| {
        let words = ["compare", "old.jsonl", "new.jsonl", "--slo", "wait=79,failures=0,tls=1", "--format", format];
        program.run(&words).exits(4)
    };
    let summary = shown("json").json();
    let slo = summary["slo"].as_array().unwrap().iter();
    let of_a: Vec<(&str, &Value)> = slo
        .filter(|held| held["name"] == "a" && held["run"] == "new.jsonl")
        .map(|held| (held["objective"].as_str().unwrap(), &held["met"]))
        .collect();
    assert_eq!(of_a, [("wait=79", &false.into()), ("failures=0", &true.into()), ("tls=1", &Value::Null)]);
    for (format, start, expect) in [
        ("markdown", "**SLO missed**: ", "| failures=0 | a \\[new.jsonl\\] | 0 of 8 failed | met |"),
        ("pretty", "a [old.jsonl]  8 requests", " of 6; 2 of these are unknown, which counts as missed\n"),
    ] {
        let text = shown(format).stdout;
        assert!(text.starts_with(start) && text.contains(expect), "{text}");
    }
}

#[test]
fn what_is_given_first_stands_first() {
    let (program, server) = (Program::new(), server(Duration::ZERO));
    let [before, after] = ["zebra", "ant"].map(|name| format!("{name}={}", server.url("/")));
    let names = |words: &[&str]| -> Vec<String> {
        let summary = program.run(&[&["compare", "--format", "json"], words].concat()).exits(0).json();
        let targets = summary["targets"].as_array().unwrap().iter();
        let label =
            |one: &Value| ["name", "run", "vantage"].map(|key| one[key].as_str().unwrap_or("").to_owned()).join(" ");
        targets.map(|one| label(one).trim().to_owned()).collect()
    };
    assert_eq!(names(&[&before, &after, "-n", "2", "--chart", "live.svg"]), ["zebra", "ant"]);
    let chart = program.read("live.svg");
    let drawn: Vec<&str> = chart.lines().filter(|line| ["zebra", "ant"].contains(line)).collect();
    assert_eq!(drawn, ["zebra", "ant"], "{chart}");
    names(&[&before, "-n", "2", "--save", "z-old.jsonl", "--vantage", "tokyo"]);
    names(&[&after, "-n", "2", "--save", "a-new.jsonl", "--vantage", "berlin"]);
    // One target in each run, under another name; then two in each.
    let runs = ["z-old.jsonl", "a-new.jsonl", "--by", "run"];
    assert_eq!(names(&runs), ["zebra z-old.jsonl tokyo", "ant a-new.jsonl berlin"]);
    let places = ["z-old.jsonl", "a-new.jsonl", "--by", "vantage", "--baseline", "zebra"];
    assert_eq!(names(&places), ["zebra  tokyo", "ant  berlin"]);
    for file in ["z-both.jsonl", "a-both.jsonl"] {
        names(&[&before, &after, "-n", "2", "--save", file]);
    }
    assert_eq!(
        names(&["z-both.jsonl", "a-both.jsonl"]),
        ["ant z-both.jsonl", "ant a-both.jsonl", "zebra z-both.jsonl", "zebra a-both.jsonl"]
    );
}

#[test]
fn saved_runs_stand_in_the_order_in_which_they_were_given() {
    let (program, server) = (Program::new(), server(Duration::ZERO));
    for (file, name) in [("old.jsonl", "zebra"), ("new.jsonl", "ant")] {
        let target = format!("{name}={}", server.url("/"));
        program.run(&["compare", &target, "-n", "3", "--vantage", name, "--save", file]).exits(0);
    }
    // One of a place that the other has, too.
    program.write("mixed.jsonl", &[program.read("new.jsonl"), program.read("old.jsonl")].concat());
    for (words, expect) in [
        (&["old.jsonl", "new.jsonl", "--by", "run"][..], ["zebra old.jsonl", "ant new.jsonl"]),
        (&["new.jsonl", "old.jsonl", "--by", "run"], ["ant new.jsonl", "zebra old.jsonl"]),
        (&["old.jsonl", "new.jsonl", "--by", "vantage", "--baseline", "ant"], ["zebra -", "ant -"]),
        (&["old.jsonl", "new.jsonl"], ["zebra -", "ant -"]),
        (&["new.jsonl", "old.jsonl"], ["ant -", "zebra -"]),
        (&["mixed.jsonl"], ["ant -", "zebra -"]),
    ] {
        let summary = program.run(&[&["compare", "--format", "json"], words].concat()).exits(0).json();
        let targets = summary["targets"].as_array().unwrap().iter();
        let rows: Vec<String> = targets
            .map(|row| format!("{} {}", row["name"].as_str().unwrap(), row["run"].as_str().unwrap_or("-")))
            .collect();
        assert_eq!(rows, expect, "{words:?}");
    }
    // A baseline that nothing is called is refused before anything is said of it.
    for (words, known) in [
        (&["old.jsonl", "new.jsonl"][..], "zebra, ant"),
        (&["old.jsonl", "new.jsonl", "--by", "run"], "old.jsonl, new.jsonl"),
        (&["old.jsonl"], "zebra"),
    ] {
        let said = program.run(&[&["compare", "--baseline", "nosuch"], words].concat()).exits(2);
        let expect = format!("wirefall: --baseline: expected the baseline to be one of {known}, got nosuch\n");
        assert_eq!((said.stderr, said.stdout.as_str()), (expect, ""), "{words:?}");
    }
}

#[test]
fn a_status_that_fails_a_trace_fails_a_comparison() {
    let (program, server) = (Program::new(), server(Duration::ZERO));
    let (ok, missing) = (format!("ok={}", server.url("/")), format!("gone={}", server.url("/missing")));
    for (words, code) in [(&[&ok[..], &missing][..], 0), (&["-f", &ok], 0), (&["-f", &ok, &missing], 22)] {
        let said = program.run(&[&["compare", "-n", "2"], words].concat()).exits(code);
        let expect = "(22) gone: 2 of 2 requests were answered with status 400 or above, at first 404 (-f)";
        assert_eq!(said.stderr.contains(expect), code == 22, "{words:?}: {}", said.stderr);
        program.run(&[&["trace"], words].concat()).exits(code);
    }
}

#[test]
fn places_are_compared_place_by_place() {
    let (program, fast, slow) = (Program::new(), server(Duration::ZERO), server(Duration::from_millis(80)));
    let [a, b] = [format!("a={}", fast.url("/")), format!("b={}", slow.url("/"))];
    for place in ["berlin", "tokyo"] {
        let file = format!("{place}.jsonl");
        program.run(&["compare", &a, &b, "-n", "6", "--vantage", place, "--save", &file]).exits(0);
    }
    let grid = |words: &[&str]| {
        let words = [&["compare", "berlin.jsonl", "tokyo.jsonl", "--format", "json"], words].concat();
        program.run(&words).exits(0).json()
    };
    let summary = grid(&["--baseline", "a"]);
    let mut rows: Vec<String> = summary["targets"]
        .as_array()
        .unwrap()
        .iter()
        .map(|target| format!("{} {}", target["name"].as_str().unwrap(), target["vantage"].as_str().unwrap()))
        .collect();
    rows.sort();
    assert_eq!(rows, ["a berlin", "a tokyo", "b berlin", "b tokyo"]);
    assert_eq!(verdicts(&summary, "wait"), [("b", "slower"), ("b", "slower")]);
    for difference in summary["differences"].as_array().unwrap() {
        assert_eq!(difference["vantage"], difference["against"]["vantage"]);
    }
    assert_eq!(grid(&["--by", "run"])["baseline"], "berlin.jsonl");
}

#[test]
fn a_kept_connection_has_no_connect_and_what_reconnects_is_counted_apart() {
    let (program, kept) = (Program::new(), server(Duration::ZERO));
    // Closes each connection after its second answer.
    let forgetful = Server::start(|mut peer, _| {
        for _ in 0..2 {
            if peer.request().is_none() {
                return;
            }
            peer.send(response("200 OK", "", "hello"));
        }
        peer.finish();
    });
    let [kept, forgetful] = [format!("kept={}", kept.url("/")), format!("forgetful={}", forgetful.url("/"))];
    let words = ["compare", &kept, &forgetful, "--reuse", "-n", "6", "--save", "run.jsonl", "--format", "json"];
    let said = program.run(&words).exits(0);
    assert!(said.stderr.contains("after 1 each that do not count"), "{}", said.stderr);
    let traces = program.traces("run.jsonl");
    let of = |name: &str| {
        traces
            .iter()
            .filter(|trace| trace.label() == name)
            .map(|trace| {
                let reused = trace.connect.as_ref().unwrap().reused;
                assert_eq!(trace.span(wirefall::event::Phase::Connect).is_none(), reused);
                reused
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(of("kept"), [true; 6]);
    let anew = of("forgetful").into_iter().filter(|reused| !reused).count();
    // Every second request; where the server was slow to close, one may have failed instead.
    assert!((1..6).contains(&anew), "{anew}");
    assert!(
        said.stderr
            .contains(&format!("forgetful: {anew} of 6 requests opened a connection anew; they are counted apart")),
        "{}",
        said.stderr
    );
    assert!(!said.stderr.contains("kept:"), "{}", said.stderr);
    let summary = said.json();
    let rows = summary["targets"].as_array().unwrap().iter();
    let cold: u64 =
        rows.clone().filter(|row| row["connection"] == "cold").map(|row| row["requests"].as_u64().unwrap()).sum();
    assert_eq!(cold, anew as u64, "{summary}");
    let warm = rows.filter(|row| row["connection"] == "warm");
    assert!(warm.clone().count() == 2 && warm.clone().all(|row| row["phases"].get("connect").is_none()), "{summary}");
    program.run(&["compare", &kept, "--reuse", "--warmup", "0"]).exits(2);
}

#[test]
fn failures_are_counted_by_their_code_and_end_nothing() {
    let (program, fast) = (Program::new(), server(Duration::ZERO));
    let nothing = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    program.write(
        "t.toml",
        &format!(
            "[[target]]\nname = \"ok\"\nurl = \"{}\"\n[[target]]\nname = \"gone\"\nurl = \"{}\"\nexpect_status = 200\n[[target]]\nname = \"refused\"\nurl = \"http://{nothing}/\"",
            fast.url("/"),
            fast.url("/missing")
        ),
    );
    let said = program.run(&["compare", "--targets", "t.toml", "-n", "4", "--format", "json"]).exits(22);
    let summary = said.json();
    let counted = |name: &str| {
        let target = target(&summary, name);
        (target["failures"].clone(), target["failure_codes"].to_string(), target["status"].to_string())
    };
    assert_eq!(counted("ok"), (0.into(), "{}".into(), "{\"200\":4}".into()));
    assert_eq!(counted("gone"), (4.into(), "{\"http.unexpected_status\":4}".into(), "{\"404\":4}".into()));
    assert_eq!(counted("refused"), (4.into(), "{\"connect.refused\":4}".into(), "{}".into()));
    assert!(target(&summary, "gone")["phases"].as_object().unwrap().is_empty());
    for words in [
        "gone: no request succeeded, and 4 of 4 failed with http.unexpected_status",
        "refused: no request succeeded, and 4 of 4 failed with connect.refused",
    ] {
        assert!(said.stderr.contains(words), "{}", said.stderr);
    }
    // One of them alone has the exit code that trace has.
    for (name, code) in [("ok", 0), ("gone", 22), ("refused", 7)] {
        program.run(&["compare", "--targets", "t.toml", name, "-n", "1"]).exits(code);
        program.run(&["trace", "--targets", "t.toml", name]).exits(code);
    }
    let said = program.run(&["trace", "--targets", "t.toml", "gone", "--format", "json"]).exits(22);
    assert_eq!((&said.json()["outcome"], &said.json()["expect_status"]), (&"complete".into(), &200.into()));
    assert!(
        said.stderr.contains("(22) the server answered with status 404, expected 200 (expect_status)"),
        "{}",
        said.stderr
    );
    // No success is no pass.
    let said = program
        .run(&["compare", "--targets", "t.toml", "ok", "refused", "-n", "2", "--slo", "total=60000,failures=50%"])
        .exits(4);
    for words in [
        "SLO total=60000 cannot be judged for refused, which counts as missed: none of 2 requests succeeded",
        "SLO failures=50% is missed by refused: 2 of 2 requests failed",
    ] {
        assert!(said.stderr.contains(words), "{}", said.stderr);
    }
    assert!(!said.stderr.contains("SLO total=60000 is missed by ok"), "{}", said.stderr);
}

#[test]
fn an_objective_is_held_against_each_trace() {
    let (program, slow) = (Program::new(), server(Duration::from_millis(50)));
    let url = slow.url("/");
    let trace = |slo: &str, more: &[&str], code| {
        program.run(&[&["trace", &url, "--slo", slo], more].concat()).exits(code).stderr
    };
    trace("total=60000,wait.p95=60000,failures=0", &[], 0);
    let missed = trace("wait=49,send=60000", &[], 4);
    assert!(missed.contains("SLO wait=49 is missed by http://") && missed.contains(" over 49.000 ms"), "{missed}");
    assert!(trace("tls=100", &[], 4).contains("no request has tls"));
    // Of a cold and a warm request, it is enough that one connected.
    trace("connect=60000", &["--reuse"], 0);
    let refused = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    program.run(&["trace", &format!("http://{refused}/"), "--slo", "total=100"]).exits(4);
    for command in ["trace", "compare"] {
        let said = program.run(&[command, &url, "--slo", "ttfb=5"]).exits(2);
        assert!(said.stderr.contains("--slo: expected one of blocked, dns, connect"), "{}", said.stderr);
    }
}

#[test]
fn ctrl_c_keeps_what_there_is_and_shows_it() {
    let answered = std::sync::Arc::new(AtomicUsize::new(0));
    let count = std::sync::Arc::clone(&answered);
    // From the ninth request on, nobody is answered.
    let server = Server::start(move |mut peer, _| {
        while peer.request().is_some() {
            if count.fetch_add(1, Ordering::SeqCst) >= 8 {
                return peer.hold();
            }
            peer.send(response("200 OK", "", "hello"));
        }
    });
    let program = Program::new();
    let [a, b] = [format!("a={}", server.url("/")), format!("b={}", server.url("/"))];
    let running = program.start(&["compare", &a, &b, "-n", "1000", "--save", "run.jsonl", "--format", "json"]);
    eventually("nine requests", || answered.load(Ordering::SeqCst) >= 9);
    running.interrupt();
    let said = running.end().exits(130);
    assert!(said.stderr.contains("interrupted after 8 of 2000 requests"), "{}", said.stderr);
    // The request under way says nothing of its target: it is neither saved nor counted.
    assert_eq!(program.traces("run.jsonl").len(), 8);
    let summary = said.json();
    for name in ["a", "b"] {
        let target = target(&summary, name);
        assert_eq!((&target["requests"], &target["failures"]), (&4.into(), &0.into()));
        assert_eq!(target["wanted"], 1000);
    }
    assert_eq!(summary["interrupted"], true);
}

#[test]
fn ctrl_c_before_the_baseline_was_asked_leaves_the_others_and_says_so() {
    let held = std::sync::Arc::new(AtomicUsize::new(0));
    let count = std::sync::Arc::clone(&held);
    let mute = Server::start(move |mut peer, _| {
        while peer.request().is_some() {
            count.fetch_add(1, Ordering::SeqCst);
            peer.hold();
        }
    });
    let (program, fast) = (Program::new(), server(Duration::ZERO));
    let [base, other] = [format!("base={}", mute.url("/")), format!("other={}", fast.url("/"))];
    for format in ["json", "markdown", "pretty"] {
        held.store(0, Ordering::SeqCst);
        let file = format!("{format}.jsonl");
        // Two at once: the other one has its turn while the baseline answers nothing.
        let words = [
            "compare", &base, &other, "-n", "3", "-c", "2", "--save", &file, "--format", format, "--chart", "bars.svg",
        ];
        let running = program.start(&words);
        let saved = || std::fs::read_to_string(program.path(&file)).is_ok_and(|text| text.ends_with('\n'));
        eventually("an answer of the other", || held.load(Ordering::SeqCst) > 0 && saved());
        running.interrupt();
        let said = running.end().exits(130);
        // It has a row there, without a bar.
        assert!(program.read("bars.svg").lines().any(|line| line == "base"));
        if format == "json" {
            let summary = said.json();
            assert_eq!((&summary["baseline"], &summary["interrupted"]), (&"base".into(), &true.into()));
            let of = |name| (&target(&summary, name)["requests"], &target(&summary, name)["wanted"]);
            assert_eq!(of("base"), (&0.into(), &3.into()));
            assert_eq!(of("other").1, 3);
            assert_eq!(summary["not_compared"][0]["against"]["name"], "base");
        } else {
            let words = "there is no baseline to compare other with: base was not asked before the interruption";
            assert!(said.stdout.replace('\n', " ").contains(words), "{}", said.stdout);
            assert!(said.stdout.to_lowercase().contains("interrupted"), "{}", said.stdout);
        }
    }
}

#[test]
fn several_targets_at_once_are_asked_at_once_and_one_never_twice() {
    let (program, under_way) = (Program::new(), std::sync::Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]));
    let most = std::sync::Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]);
    let (now, peak) = (std::sync::Arc::clone(&under_way), std::sync::Arc::clone(&most));
    let server = answering(&Log::default(), move |request| {
        let which = usize::from(request.line().contains("/b"));
        peak[which].fetch_max(now[which].fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        // Both are there, or this one waits for the other.
        let both = || now.iter().all(|now| now.load(Ordering::SeqCst) > 0);
        (0..100).any(|_| {
            both() || {
                thread::sleep(Duration::from_millis(5));
                false
            }
        });
        thread::sleep(Duration::from_millis(20));
        now[which].fetch_sub(1, Ordering::SeqCst);
        response("200 OK", "X-Met: yes\r\n", "hello")
    });
    let [a, b] = [format!("a={}", server.url("/a")), format!("b={}", server.url("/b"))];
    program.run(&["compare", &a, &b, "-n", "4", "-c", "2", "--save", "run.jsonl"]).exits(0);
    assert_eq!(most.iter().map(|most| most.load(Ordering::SeqCst)).collect::<Vec<_>>(), [1, 1]);
    assert_eq!(program.traces("run.jsonl").len(), 8);
    let met = |trace: &wirefall::trace::Trace| trace.span(wirefall::event::Phase::Wait).unwrap().duration;
    assert!(program.traces("run.jsonl").iter().any(|trace| met(trace) < Nanos::from_millis(400)), "never two at once");
}

#[test]
fn what_cannot_be_compared_is_refused_before_anything_is_asked() {
    let program = Program::new();
    program.write("t.toml", "[[target]]\nname = \"ec2\"\nurl = \"http://127.0.0.1:9/\"\n[[target]]\nname = \"elb\"\nurl = \"http://127.0.0.1:9/x\"\n");
    program.write("bad.toml", "[[target]]\nname = \"a\"\nurl = \"h\"\nexpect_status = \"ok\"\n");
    program.write("empty.jsonl", "\n");
    program.write("broken.jsonl", "{}\n");
    for (words, code, expect) in [
        (
            &[][..],
            2,
            "compare needs something to compare: TARGET… (each a URL or NAME=URL), --targets FILE.toml, or saved runs (FILE.jsonl …",
        ),
        (&["--targets", "none.toml"], 1, "--targets: cannot read none.toml"),
        (
            &["--targets", "bad.toml"],
            2,
            "--targets: bad.toml:4: target.expect_status: expected a status from 100 to 599, got \"ok\"",
        ),
        (
            &["--targets", "t.toml", "ec3"],
            2,
            "TARGET: expected a URL or a name in t.toml (ec2, elb), got \"ec3\"; perhaps ec2",
        ),
        (&["--targets", "t.toml", "--baseline", "apig"], 2, "--baseline: expected one of ec2, elb, got \"apig\""),
        (
            &["http://h/", "http://h/"],
            2,
            "TARGET: expected targets with names that differ (NAME=URL), got \"http://h/\"",
        ),
        (&["a=http://h/", "a=http://i/"], 2, "TARGET: expected targets with names that differ"),
        (&["http://h/", "old.jsonl"], 2, "a saved run cannot be used with a URL"),
        (&["old.jsonl"], 1, "cannot read old.jsonl: No such file"),
        (&["empty.jsonl"], 1, "empty.jsonl has no traces to compare"),
        (&["broken.jsonl"], 1, "broken.jsonl:1:2: expected a trace of the form wirefall/trace/1: missing field"),
        (&["a/x.jsonl", "b=a/x.jsonl", "b=-"], 2, "TARGET: expected runs with names that differ"),
        (&["old.jsonl", "-n", "5"], 2, "-n cannot be used with saved runs: no request is made"),
        (&["old.jsonl", "--reuse"], 2, "--reuse cannot be used with saved runs"),
        (&["old.jsonl", "-f"], 2, "-f cannot be used with saved runs"),
        (&["http://h/", "--title", "t"], 2, "--title needs --chart FILE"),
        (&["a=http://h/", "http://i/", "--baseline", "b"], 2, "--baseline: expected one of a, http://i/, got \"b\""),
        (&["http://h/", "--by", "run"], 2, "--by needs saved runs"),
        (&["http://h/", "-n", "0"], 2, "-n: expected a number from 1 on, got \"0\""),
        (&["http://h/", "-c", "x"], 2, "-c: expected a number from 1 on, got \"x\""),
        (&["http://h/", "--seed", "-1"], 2, "--seed: expected a number, got \"-1\""),
        (&["http://h/", "--confidence", "95"], 2, "--confidence: expected a confidence above 0.5 and below 1"),
        (&["http://h/", "--confidence", "much"], 2, "--confidence: expected a share such as 0.95, got \"much\""),
        (&["http://h/", "--same-within", "some"], 2, "--same-within: expected a share such as \"5%\""),
        (&["http://h/", "--format", "har"], 2, "--format"),
    ] {
        let words = [&["compare"], words].concat();
        let said = program.run(&words).exits(code);
        assert!(said.stderr.contains(expect) && said.stdout.is_empty(), "{words:?}: {}", said.stderr);
    }
}
