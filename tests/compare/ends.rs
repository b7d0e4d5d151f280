//! What is refused, fails, or is ended early.

use super::*;

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
fn failures_are_counted_by_their_code_and_end_nothing() {
    let (program, fast) = (Program::new(), server(Duration::ZERO));
    let nothing = Refusing::new();
    program.write(
        "t.toml",
        &format!(
            "[[target]]\nname = \"ok\"\nurl = \"{}\"\n[[target]]\nname = \"gone\"\nurl = \"{}\"\nexpect_status = 200\n[[target]]\nname = \"refused\"\nurl = \"{}\"",
            fast.url("/"),
            fast.url("/missing"),
            nothing.url()
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
fn a_saved_run_ends_as_the_live_one_did() {
    let (program, fast, nothing) = (Program::new(), server(Duration::ZERO), Refusing::new());
    let away = answering(&Log::default(), {
        let to = format!("Location: {}\r\n", nothing.url());
        move |_| response("302 Found", &to, "")
    });
    let [ok, refused] = [format!("ok={}", fast.url("/")), format!("refused={}", nothing.url())];
    let led_away = format!("led={}", away.url("/"));
    for (file, words, expect) in [
        ("ok.jsonl", &[&ok[..]][..], None),
        (
            "one.jsonl",
            &[&ok, &refused],
            Some("(7) refused: no request succeeded, and 2 of 2 failed with connect.refused"),
        ),
        // Where a redirect leads to is what its target ends with.
        (
            "led.jsonl",
            &["-L", &led_away],
            Some("(7) led: no request succeeded, and 2 of 2 failed with connect.refused"),
        ),
    ] {
        let code = if expect.is_some() { 7 } else { 0 };
        let live = program.run(&[&["compare", "-n", "2", "--save", file], words].concat()).exits(code);
        let saved = program.run(&["compare", file]).exits(code);
        for said in [live, saved] {
            let complaints = said.stderr.lines().filter_map(|line| line.strip_prefix("wirefall: "));
            assert_eq!(complaints.collect::<Vec<_>>(), Vec::from_iter(expect), "{words:?}");
        }
    }
    // Of several runs, each target of each.
    let said = program.run(&["compare", "ok.jsonl", "one.jsonl"]).exits(7);
    assert!(said.stderr.contains("(7) refused [one.jsonl]: no request succeeded, and 2 of 2"), "{}", said.stderr);
    // An objective that is missed counts more, as in live runs.
    program.run(&["compare", "one.jsonl", "--slo", "failures=0"]).exits(4);
    program.run(&["compare", "--baseline", "nosuch", "one.jsonl"]).exits(2);
}

#[test]
fn one_request_is_not_several() {
    let (program, fast) = (Program::new(), server(Duration::ZERO));
    let url = fast.url("/");
    let said = program.run(&["compare", &url, "-n", "1", "--warmup", "1"]).exits(0);
    let expect =
        "1 request, each on a connection of its own, after 1 each that does not count and is not saved (--seed ";
    assert!(said.stderr.starts_with(expect), "{}", said.stderr);
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
fn what_cannot_be_compared_is_refused_before_anything_is_asked() {
    let program = Program::new();
    program.write("t.toml", "[[target]]\nname = \"ec2\"\nurl = \"http://127.0.0.1:9/\"\n[[target]]\nname = \"elb\"\nurl = \"http://127.0.0.1:9/x\"\n");
    program.write("bad.toml", "[[target]]\nname = \"a\"\nurl = \"h\"\nexpect_status = \"ok\"\n");
    program.write("empty.jsonl", "\n");
    program.write("broken.jsonl", "{}\n");
    program.write("run1.json", "{}\n");
    std::fs::create_dir(program.path("logs")).unwrap();
    program.write("logs/paths.jsonl.gz", "");
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
        (&["run1.json"], 2, "TARGET: run1.json is a file here; saved runs are named *.jsonl"),
        (&["./run1.json", "http://h/"], 2, "TARGET: ./run1.json is a file here"),
        (&["old=logs/paths.jsonl.gz"], 2, "TARGET: logs/paths.jsonl.gz is a file here"),
        (&["old.jsonl", "run1.json"], 2, "TARGET: run1.json is a file here"),
        (&["http://h/", "old.jsonl"], 2, "a saved run cannot be used with a URL"),
        (&["old.jsonl"], 1, "cannot read old.jsonl: No such file"),
        (&["empty.jsonl"], 1, "empty.jsonl has no traces to compare"),
        (&["broken.jsonl"], 1, "broken.jsonl:1: expected traces (wirefall/trace/1), a line each\n"),
        (&["a/x.jsonl", "b=a/x.jsonl", "b=-"], 2, "TARGET: expected runs with names that differ"),
        (&["old.jsonl", "-n", "5"], 2, "-n cannot be used with saved runs: no request is made"),
        (&["old.jsonl", "--reuse"], 2, "--reuse cannot be used with saved runs"),
        (&["old.jsonl", "-f"], 2, "-f cannot be used with saved runs"),
        (&["http://h/", "--title", "t"], 2, "--title needs --chart FILE"),
        (&["a=http://h/", "http://i/", "--baseline", "b"], 2, "--baseline: expected one of a, http://i/, got \"b\""),
        (&["http://h/", "--by", "run"], 2, "--by needs saved runs"),
        (&["old.jsonl", "--by", "run"], 2, "--by run needs at least two saved runs (FILE.jsonl FILE.jsonl)"),
        (&["http://h/", "-n", "0"], 2, "-n: expected a number from 1 on, got \"0\""),
        (&["http://h/", "-c", "x"], 2, "-c: expected a number from 1 on, got \"x\""),
        (&["http://h/", "--seed", "-1"], 2, "--seed: expected a number, got \"-1\""),
        (&["http://h/", "--confidence", "95"], 2, "--confidence: expected a confidence above 0.5 and below 1"),
        (&["http://h/", "--confidence", "much"], 2, "--confidence: expected a share such as 0.95, got \"much\""),
        (
            &["http://h/", "--same-within", "some"],
            2,
            "--same-within: expected a share such as \"5%\", a length such as \"2ms\", \"50us\" or, in milliseconds, \"2\", or",
        ),
        (&["http://h/", "--format", "har"], 2, "--format"),
    ] {
        let words = [&["compare"], words].concat();
        let said = program.run(&words).exits(code);
        assert!(said.stderr.contains(expect) && said.stdout.is_empty(), "{words:?}: {}", said.stderr);
    }
}
