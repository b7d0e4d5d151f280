//! Files that commands write and read: what cannot be is said in time, with the flag, and takes nothing with it.

mod support;

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;

use support::http::{Log, Server, answering, response};
use support::program::{Program, Said};

fn origin() -> Server {
    answering(&Log::default(), |_| response("200 OK", "", "hello"))
}

#[test]
fn an_output_that_fails_takes_no_other_with_it() {
    let server = origin();
    let targets = [server.url("/a"), server.url("/b")];
    let files = [("--save", "saved.jsonl"), ("--chart", "drawn.svg"), ("-D", "heads")];
    for (broken, _) in files {
        for format in ["json", "jsonl", "har"] {
            let program = Program::new();
            full(&program.path("full.svg"));
            let mut words = vec!["--format", format, "-w", "{%{url}}", &targets[0], &targets[1]];
            for (flag, file) in files {
                words.extend([flag, if flag == broken { "full.svg" } else { file }]);
            }
            let Said { stdout, stderr, .. } = program.run(&words).exits(1);
            assert_eq!(stderr.matches("full.svg: No space left").count(), 1, "{broken}: {stderr}");
            for target in &targets {
                assert!(stdout.contains(&format!("\"{target}\"")), "{broken} {format}: {stdout}");
                assert!(stdout.contains(&format!("{{{target}}}")), "{broken} {format}: {stdout}");
            }
            let lines = |name: &str, each: &str| {
                let content = fs::read_to_string(program.path(name)).unwrap_or_default();
                content.lines().filter(|line| line.starts_with(each)).count()
            };
            let written = [lines("saved.jsonl", "{"), lines("drawn.svg", "<svg"), lines("heads", "HTTP/1.1 200")];
            let expect: Vec<usize> =
                files.iter().zip([2, 1, 2]).map(|((flag, _), count)| if *flag == broken { 0 } else { count }).collect();
            assert_eq!(written[..], expect, "{broken} {format}: {stderr}");
        }
    }
}

/// Puts a file there that can be opened, and takes nothing.
fn full(file: &Path) {
    std::os::unix::fs::symlink("/dev/full", file).expect("a link");
}

#[test]
fn every_output_that_fails_is_named() {
    let (program, server) = (Program::new(), origin());
    let outputs = [("--save", "saved"), ("--chart", "drawn.svg"), ("-D", "heads")];
    for (_, file) in outputs {
        full(&program.path(file));
    }
    let words: Vec<&str> = outputs.iter().flat_map(|(flag, file)| [*flag, *file]).collect();
    let Said { stdout, stderr, .. } = program.run(&[&words[..], &[&server.url("/")]].concat()).exits(1);
    assert!(stdout.contains("wait"), "{stdout}");
    for (_, file) in outputs {
        assert_eq!(stderr.matches(&format!("{file}: No space left")).count(), 1, "{stderr}");
    }
}

#[test]
fn an_output_that_cannot_be_written_is_refused_before_anything_is_asked() {
    let program = Program::new();
    fs::create_dir(program.path("folder.svg")).expect("a directory");
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a listener");
    listener.set_nonblocking(true).expect("a listener");
    let asked = format!("http://{}/", listener.local_addr().expect("its address"));
    let template = format!("{asked}{{region}}");
    let live: [(&[&str], &[&str]); 3] = [
        (&["trace", &asked], &["-o", "-D", "--save", "--chart", "--pcap"]),
        (&["trace", "--hops", &asked], &["--save", "--chart"]),
        (&["compare", &asked], &["--save", "--chart"]),
    ];
    let others: [(&[&str], &[&str]); 5] = [
        (&["regions", "--endpoint-template", &template], &["--save", "--chart"]),
        (&["compare", "none.jsonl"], &["--chart"]),
        (&["attribute", "none.jsonl"], &["--save", "--chart"]),
        (&["pcap", "none.pcap"], &["--save", "--chart"]),
        (&["chart", "waterfall", "none.jsonl"], &["-o"]),
    ];
    for (words, flags) in live.into_iter().chain(others) {
        for flag in flags {
            for (file, cause) in [("no/such/file.svg", "No such file or directory"), ("folder.svg", "is a directory")] {
                let Said { stdout, stderr, .. } = program.run(&[words, &[flag, file]].concat()).exits(1);
                let (one, cause) = (format!("wirefall: {flag}: cannot write {file}: "), cause.to_lowercase());
                assert!(stderr.starts_with(&one) && stderr.to_lowercase().contains(&cause), "{words:?}: {stderr}");
                assert_eq!((stderr.lines().count(), stdout.as_str()), (1, ""), "{words:?}: {stderr}");
            }
        }
    }
    // All of them are named at once.
    let words = ["--save", "no/a", "--chart", "no/b.svg", "-D", "no/c", &asked];
    let Said { stderr, .. } = program.run(&words).exits(1);
    let named: Vec<bool> = ["no/a", "no/b.svg", "no/c"].iter().map(|file| stderr.contains(file)).collect();
    assert_eq!(named, [true; 3], "{stderr}");
    assert_eq!(listener.accept().expect_err("nobody").kind(), std::io::ErrorKind::WouldBlock);
}

#[test]
fn a_file_that_cannot_be_read_is_no_misuse_and_what_means_nothing_is() {
    let program = Program::new();
    program.write("bad.toml", "[[target]]\nname = 1\n");
    program.write("bad.jsonl", "{}\n");
    program.write("cut.jsonl", "\n{\"a\":\n");
    for (words, exit_code, expect) in [
        // A file that is not there, whatever is in it.
        (&["trace", "--targets", "none"][..], 1, "--targets: cannot read none: No such file"),
        (&["compare", "--targets", "none"], 1, "--targets: cannot read none: No such file"),
        (&["compare", "none.jsonl"], 1, "cannot read none.jsonl: No such file"),
        (&["trace", "-d", "@none", "http://127.0.0.1:9/"], 1, "-d: cannot read none: No such file"),
        (&["trace", "-H", "@none", "http://127.0.0.1:9/"], 1, "-H: cannot read none: No such file"),
        (&["trace", "-w", "@none", "http://127.0.0.1:9/"], 1, "-w: cannot read none: No such file"),
        (&["compare", "-H", "@none", "http://127.0.0.1:9/"], 1, "-H: cannot read none: No such file"),
        (&["regions", "-H", "@none"], 1, "-H: cannot read none: No such file"),
        (&["trace", "--cacert", "none", "https://127.0.0.1:9/"], 1, "--cacert none: expected a PEM file"),
        (&["attribute", "none.jsonl"], 1, "cannot read none.jsonl: No such file"),
        (&["attribute", "bad.jsonl", "--alb", "none"], 1, "cannot read none: No such file"),
        (&["chart", "waterfall", "none.jsonl", "-o", "a.svg"], 1, "cannot read none.jsonl: No such file"),
        (&["pcap", "none.pcap"], 1, "cannot read none.pcap: No such file"),
        (&["lab", "--profile", "none"], 1, "none: No such file"),
        // Traces are no arguments.
        (&["compare", "bad.jsonl"], 1, "bad.jsonl:1: expected traces (wirefall/trace/1), a line each\n"),
        (&["compare", "cut.jsonl"], 1, "cut.jsonl:2: expected traces (wirefall/trace/1), a line each\n"),
        (&["chart", "waterfall", "bad.jsonl", "-o", "a.svg"], 1, "bad.jsonl:1: expected traces"),
        // Targets and profiles are.
        (&["trace", "--targets", "bad.toml"], 2, "bad.toml:2: target.name: "),
        (&["compare", "--targets", "bad.toml"], 2, "bad.toml:2: target.name: "),
        (&["lab", "--profile", "bad.toml"], 2, "bad.toml"),
        (&["compare", "--nonsense"], 2, "--nonsense"),
    ] {
        let Said { stderr, .. } = program.run(words).exits(exit_code);
        assert!(stderr.contains(expect), "{words:?}: {stderr}");
        assert!(!stderr.contains(" column "), "{words:?}: {stderr}");
    }
}
