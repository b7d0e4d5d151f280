//! `wirefall compare` from end to end: against the lab with delays far above any noise, and against servers played by hand.

#![expect(clippy::unwrap_used, reason = "helpers of tests may unwrap as tests do")]

mod ends;
mod saved;
#[path = "../support/mod.rs"]
mod support;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::Value;
use support::http::{Log, Server, answering, response};
use support::program::{Program, eventually};
use support::refusing::Refusing;
use wirefall::lab::{Lab, LabOptions, Profile};

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
    assert!(said.stderr.contains("after 1 each that does not count"), "{}", said.stderr);
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
    let refusing = Refusing::new();
    program.run(&["trace", &refusing.url(), "--slo", "total=100"]).exits(4);
    for command in ["trace", "compare"] {
        let said = program.run(&[command, &url, "--slo", "ttfb=5"]).exits(2);
        assert!(said.stderr.contains("--slo: expected one of blocked, dns, connect"), "{}", said.stderr);
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
        let met = (0..100).any(|_| {
            both() || {
                thread::sleep(Duration::from_millis(5));
                false
            }
        });
        thread::sleep(Duration::from_millis(20));
        now[which].fetch_sub(1, Ordering::SeqCst);
        response("200 OK", if met { "X-Met: yes\r\n" } else { "X-Met: no\r\n" }, "hello")
    });
    let [a, b] = [format!("a={}", server.url("/a")), format!("b={}", server.url("/b"))];
    program.run(&["compare", &a, &b, "-n", "4", "-c", "2", "--save", "run.jsonl"]).exits(0);
    assert_eq!(most.iter().map(|most| most.load(Ordering::SeqCst)).collect::<Vec<_>>(), [1, 1]);
    let traces = program.traces("run.jsonl");
    assert_eq!(traces.len(), 8);
    let has_met = |trace: &wirefall::trace::Trace| trace.response.as_ref().unwrap().header("x-met") == Some("yes");
    assert!(traces.iter().any(has_met), "never two at once");
}
