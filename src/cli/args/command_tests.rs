//! The commands beside `trace`: their flags, their help, and how misuse ends.

use std::path::Path;

use super::*;
use crate::lab::link::Share;
use crate::render::chart::ChartFormat;
use crate::time::Nanos;

#[test]
fn misuse_and_help_know_their_exit_codes() {
    for (argv, code, part) in [
        (&["wirefall"][..], 2, "Usage: wirefall <COMMAND>"),
        (&["wirefall", "--help"], 0, "EXAMPLES"),
        (&["wirefall", "-V"], 0, env!("CARGO_PKG_VERSION")),
        (&["wirefall", "-k"], 2, "<TARGET>..."),
        (&["wirefall", "--nonsense", "h"], 2, "--nonsense"),
        (&["wirefall", "--format", "xml", "h"], 2, "--format"),
        (&["wirefall", "--dns-servers", "a", "--doh-url", "b", "h"], 2, "--doh-url"),
        (&["wirefall", "--oauth2-bearer", "a", "--aws-sigv4", "b", "h"], 2, "--aws-sigv4"),
        (&["wirefall", "--http3", "h"], 2, "--http3"),
        (&["wirefall", "lab", "--time-scale", "0"], 2, "expected a number above 0, got \"0\""),
        (&["wirefall", "chart", "waterfall", "in", "-o", "c.jpg"], 2, "ends in .png or .svg"),
        (
            &["wirefall", "chart", "waterfall", "in", "-o", "a.svg", "-o", "b.svg"],
            2,
            "--output <FILE.png|svg>' cannot be used multiple times",
        ),
        (&["wirefall", "h", "--pcap", "a", "--pcap", "b"], 2, "'--pcap <FILE.pcapng>' cannot be used multiple times"),
    ] {
        let error = parse(argv.iter().map(OsString::from)).map(|_| ()).unwrap_err();
        assert_eq!(error.exit_code(), code, "{argv:?}");
        assert!(error.to_string().contains(part), "{argv:?}: {error}");
    }
}

#[test]
fn every_command_has_examples_in_its_help() {
    let mut program = command();
    program.build();
    for name in ["trace", "compare", "regions", "lab", "demo", "attribute", "pcap", "chart", "completions", "man"] {
        for help in ["-h", "--help"] {
            let text = parse(["wirefall", name, help].map(OsString::from)).map(|_| ()).unwrap_err().to_string();
            let examples = text.split_once("\nEXAMPLES\n").map_or("", |(_, examples)| examples);
            let own = examples.lines().filter(|line| line.starts_with(&format!("  wirefall {name}")));
            assert!(own.count() > 0 || name == "trace" && !examples.is_empty(), "{name} {help}: {text}");
        }
    }
    let text = parse(["wirefall", "trace", "-h"].map(OsString::from)).map(|_| ()).unwrap_err().to_string();
    let headings = ["Request:", "Name resolution:", "Connection:", "TLS:", "HTTP:", "Limits:", "Output:", "EXAMPLES"];
    let places: Vec<_> = headings.iter().map(|heading| text.find(&format!("\n{heading}"))).collect();
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{text}");
}

#[test]
fn what_stands_below_a_help_fits_a_terminal() {
    for command in command().get_subcommands() {
        let below = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        for line in below.lines() {
            assert!(line.chars().count() <= 100, "{}: {line}", command.get_name());
        }
    }
}

#[test]
fn other_commands_keep_their_flags() {
    let of = |argv: &[&str]| parse(argv.iter().map(OsString::from)).unwrap();
    let Command::Lab(lab) = of(&["wirefall", "lab", "--profile", "p.toml", "--time-scale", "0.5"]) else { panic!() };
    assert_eq!((lab.profile.as_deref(), lab.dns_port, lab.ca_out), (Some(Path::new("p.toml")), 0, None));
    assert!((lab.time_scale - 0.5).abs() < f64::EPSILON);
    let words =
        ["wirefall", "lab", "--distance", "--region", "moon=2560", "--loss", "1%", "--jitter", "0.5", "--", "sh", "-c"];
    let Command::Lab(lab) = of(&words) else { panic!() };
    assert_eq!(lab.region, [("moon".parse().unwrap(), Nanos::from_millis(2_560))]);
    assert_eq!((lab.loss, lab.jitter), (Some(Share::per_million(10_000)), Some(Nanos::from_micros(500))));
    assert_eq!(lab.command, ["sh", "-c"]);
    for words in [&["--region", "a=1"][..], &["--loss", "1"], &["--jitter", "1"], &["--", "sh"]] {
        let refused = |words: &[&str]| parse([&["wirefall", "lab"], words].concat().iter().map(OsString::from));
        assert!(refused(words).unwrap_err().to_string().contains("--distance"), "{words:?}");
    }
    for word in ["--region=moon", "--region=Moon=1", "--region=moon=x", "--loss=101%", "--jitter=-1", "--dns-port=5353"]
    {
        parse(["wirefall", "lab", "--distance", word].map(OsString::from)).unwrap_err();
    }
    let Command::Demo(demo) = of(&["wirefall", "demo"]) else { panic!() };
    assert_eq!(demo.out, Path::new("./wirefall-demo"));
    let Command::Chart(chart) = of(&["wirefall", "chart", "waterfall", "a", "b", "-o", "c.png", "--title", "t"]) else {
        panic!()
    };
    assert_eq!((chart.kind, chart.inputs.len(), chart.output.form()), (ChartKind::Waterfall, 2, ChartFormat::Png));
    assert_eq!(chart.title.as_deref(), Some("t"));
    let Command::Completions(completions) = of(&["wirefall", "completions", "fish"]) else { panic!() };
    assert_eq!(completions.shell, clap_complete::Shell::Fish);
    assert!(matches!(of(&["wirefall", "man"]), Command::Man));
}

#[test]
fn of_a_flag_given_twice_the_last_counts_but_no_file_is_left_out_silently() {
    for command in ["trace", "compare", "regions", "pcap", "attribute"] {
        for (flag, value) in [("--save", "x.jsonl"), ("--chart", "x.svg")] {
            let words = ["wirefall", command, "x", flag, value, flag, value];
            let words = words.iter().filter(|word| command != "regions" || **word != "x");
            let refused = parse(words.map(OsString::from)).map(|_| ()).unwrap_err();
            assert_eq!(refused.exit_code(), 2, "{command} {flag}");
            assert!(refused.to_string().contains("cannot be used multiple times"), "{command} {flag}: {refused}");
        }
    }
    let words = ["wirefall", "compare", "h", "-n", "1", "-n", "2", "-s", "-s", "--format", "csv", "--format", "json"];
    let Command::Compare(compare) = parse(words.map(OsString::from)).unwrap() else { panic!() };
    assert_eq!(compare.repetition.requests.as_deref(), Some("2"));
    assert_eq!(compare.output.format, Some(SummaryFormat::Json));
}
