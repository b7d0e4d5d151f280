//! Runs that were saved, compared with each other: before and after, and from several places.

use super::*;

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
    // Pictures keep the runs apart, too: before next to after, whichever command draws them.
    program.run(&["compare", "old.jsonl", "new.jsonl", "--chart", "compared.svg", "-s"]).exits(0);
    program.run(&["chart", "stacked", "old.jsonl", "new.jsonl", "-o", "drawn.svg", "--order", "given"]).exits(0);
    for file in ["compared.svg", "drawn.svg"] {
        let picture = program.read(file);
        let bars = picture.lines().filter_map(|line| line.split_once(": 8 requests").map(|(bar, _)| bar));
        let mut bars: Vec<&str> = bars.collect();
        // Which target came first was random where these were measured.
        bars.sort_by_key(|bar| bar.split(' ').next());
        assert_eq!(bars, ["a [old.jsonl]", "a [new.jsonl]", "b [old.jsonl]", "b [new.jsonl]"], "{file}");
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
    // In pictures, too, places stand as the files were given.
    for files in [["tokyo.jsonl", "berlin.jsonl"], ["berlin.jsonl", "tokyo.jsonl"]] {
        program.run(&["compare", files[0], files[1], "--chart", "places.svg", "-s"]).exits(0);
        let picture = program.read("places.svg");
        let bars = picture.lines().filter_map(|line| line.split_once(": 6 requests").map(|(bar, _)| bar));
        let expect = ["a", "b"].map(|name| files.map(|file| format!("{name} from {}", file.replace(".jsonl", ""))));
        assert_eq!(bars.collect::<Vec<_>>(), expect.concat(), "{files:?}");
    }
}

#[test]
fn places_that_no_trace_names_cannot_be_compared() {
    let (program, server) = (Program::new(), server(Duration::ZERO));
    let target = format!("a={}", server.url("/"));
    let save = |more: &[&str]| program.run(&[&["compare", &target, "-n", "2"], more].concat()).exits(0);
    for file in ["old.jsonl", "new.jsonl"] {
        save(&["--save", file]);
    }
    save(&["--vantage", "berlin", "--save", "berlin.jsonl"]);
    let expect = "wirefall: --by vantage needs runs that were saved with --vantage NAME: \
                  none of these traces says where it was made\n";
    for (files, code) in
        [(&["old.jsonl", "new.jsonl"][..], 2), (&["old.jsonl"], 2), (&["old.jsonl", "berlin.jsonl"], 0)]
    {
        let said = program.run(&[&["compare", "--by", "vantage"], files].concat()).exits(code);
        assert_eq!(said.stderr == expect && said.stdout.is_empty(), code == 2, "{files:?}: {}", said.stderr);
    }
}
