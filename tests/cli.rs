//! The program from end to end, as a shell sees it: arguments, both streams, files, exit codes, signals.

mod support;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::Duration;

use support::refusing::Refusing;
use tempfile::TempDir;
use wirefall::event::{FailureCode, Phase};
use wirefall::trace::Trace;

const PNG_SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

/// The program with a clean environment, in a directory.
fn command(directory: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wirefall"));
    command.env_clear().env("HOME", directory).current_dir(directory).stdin(Stdio::null()).args(words);
    command
}

fn run(directory: &Path, words: &[&str]) -> Output {
    command(directory, words).output().expect("the program can be run")
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("UTF-8")
}

fn directory() -> TempDir {
    tempfile::tempdir().expect("a temporary directory")
}

/// Runs the program and checks its exit code; returns what it says on standard output and standard error.
fn check(directory: &Path, words: &[&str], exit_code: i32) -> (String, String) {
    let output = run(directory, words);
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(exit_code), "{words:?}\n{stdout}\n{stderr}");
    (stdout.to_owned(), stderr.to_owned())
}

/// A server that answers each request on a connection of its own; the path `/silent` gets no answer until the client is gone.
/// It lives as long as the test's process.
fn origin() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a listener");
    let port = listener.local_addr().expect("its address").port();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(move || serve(stream));
        }
    });
    port
}

fn serve(mut stream: TcpStream) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let request_line = lines.next().transpose()?.unwrap_or_default();
    while lines.next().transpose()?.is_some_and(|line| !line.is_empty()) {}
    let (status, body) = match request_line.split(' ').nth(1).unwrap_or_default() {
        "/silent" => {
            let mut until_the_client_is_gone = Vec::new();
            return stream.read_to_end(&mut until_the_client_is_gone).map(drop);
        }
        "/missing" => ("404 Not Found", "nothing\n"),
        _ => ("200 OK", "hello\n"),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {}\r\nSet-Cookie: id=hidden-cookie\r\n\
         Connection: close\r\n\r\n",
        body.len()
    );
    stream.write_all((head + body).as_bytes())
}

fn url(port: u16, path: &str) -> String {
    format!("http://127.0.0.1:{port}{path}")
}

fn traces(jsonl: &str) -> Vec<Trace> {
    jsonl.lines().map(|line| serde_json::from_str(line).expect("a trace")).collect()
}

#[test]
fn the_demo_traces_every_path_and_draws_it() {
    let directory = directory();
    // Wide enough for whole names, however long a busy machine makes the numbers beside them.
    let wide =
        command(directory.path(), &["demo", "--out", "shown"]).env("COLUMNS", "160").output().expect("an output");
    let (stdout, stderr) = (text(&wide.stdout), text(&wide.stderr));
    assert_eq!(wide.status.code(), Some(0), "{stdout}\n{stderr}");
    let file = |name: &str| fs::read(directory.path().join("shown").join(name)).expect("a file of the demo");
    let traces = traces(text(&file("traces.jsonl")));
    assert!(traces.len() >= 10, "{} traces", traces.len());
    for trace in &traces {
        assert_eq!(trace.failure(), None, "{}", trace.label());
        assert!(stdout.contains(trace.label()), "{} in\n{stdout}", trace.label());
    }
    assert!(file("waterfall.png").starts_with(PNG_SIGNATURE));
    let svg = file("waterfall.svg");
    assert!(text(&svg).starts_with("<svg") && text(&svg).trim_end().ends_with("</svg>"));
    assert!(text(&file("lab-ca.pem")).starts_with("-----BEGIN CERTIFICATE-----"));
    // Its advice works: the traces can be drawn again.
    check(directory.path(), &["chart", "waterfall", "shown/traces.jsonl", "-o", "again.png"], 0);
    assert!(fs::read(directory.path().join("again.png")).expect("a chart").starts_with(PNG_SIGNATURE));
}

#[test]
fn a_file_of_the_demo_that_cannot_be_written_takes_nothing_with_it() {
    for (broken, stdout, exit_code) in
        [("waterfall.png", Stdio::piped(), 1), ("traces.jsonl", Stdio::piped(), 1), ("", nobody(), 0)]
    {
        let directory = directory();
        let out = directory.path().join("shown");
        // A directory cannot be written as a file; without a name, it is the one that is there anyway.
        fs::create_dir_all(out.join(broken)).expect("a directory");
        let mut demo = command(directory.path(), &["demo", "--out", "shown"]);
        let output =
            demo.stdout(stdout).stderr(Stdio::piped()).spawn().and_then(Child::wait_with_output).expect("it ends");
        let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), Some(exit_code), "{broken}: {stdout}{stderr}");
        assert_eq!(stderr.matches("shown/").count(), usize::from(!broken.is_empty()), "{broken}: {stderr}");
        let names = ["waterfall.png", "waterfall.svg", "traces.jsonl", "lab-ca.pem"];
        for name in names {
            assert_eq!(out.join(name).is_file(), name != broken, "{broken}: {name}");
            // What is said to be written is.
            let said = stdout.contains(&format!("\n  {name} "));
            assert_eq!(said, exit_code != 0 && name != broken, "{broken}: {name} in\n{stdout}");
        }
        assert_eq!(stdout.contains("apig-lambda"), exit_code != 0, "{stdout}");
    }
}

#[test]
fn a_url_alone_is_a_waterfall() {
    let (directory, port) = (directory(), origin());
    let (stdout, stderr) = check(directory.path(), &[&url(port, "/")], 0);
    for expect in ["connect", "send", "wait", "receive", "total", "200", "HTTP/1.1"] {
        assert!(stdout.contains(expect), "{expect} in\n{stdout}");
    }
    // A step that did not happen is not shown.
    assert!(!stdout.contains("\n  dns ") && !stdout.contains("\n  tls "), "{stdout}");
    assert_eq!(stderr, "");
}

#[test]
fn every_format_can_be_read_by_whoever_wants_it() {
    let (directory, port) = (directory(), origin());
    let (first, second) = (format!("one={}", url(port, "/a")), format!("two={}", url(port, "/missing")));
    let print = |format: &str| check(directory.path(), &["--format", format, &first, &second], 0).0;
    let labels = |traces: &[Trace]| traces.iter().map(|trace| trace.label().to_owned()).collect::<Vec<_>>();

    assert_eq!(labels(&traces(&print("jsonl"))), ["one", "two"]);
    let json: serde_json::Value = serde_json::from_str(&print("json")).expect("JSON");
    let found: Vec<&str> =
        json.as_array().expect("an array").iter().filter_map(|trace| trace["name"].as_str()).collect();
    assert_eq!(found, ["one", "two"]);
    let har: serde_json::Value = serde_json::from_str(&print("har")).expect("JSON");
    let entries = har["log"]["entries"].as_array().expect("entries");
    let statuses: Vec<_> = entries.iter().map(|entry| entry["response"]["status"].as_u64()).collect();
    assert_eq!((har["log"]["version"].as_str(), statuses), (Some("1.2"), vec![Some(200), Some(404)]));
    let csv = print("csv");
    let columns: Vec<usize> = csv.lines().map(|line| line.split(',').count()).collect();
    assert!(columns.len() == 3 && columns.iter().all(|count| *count == columns[0]), "{csv}");
    let markdown = print("markdown");
    let rows = markdown.lines().filter(|line| line.starts_with('|')).count();
    assert!(rows >= 4 && markdown.contains("| one") && markdown.contains("| two"), "{markdown}");
    let pretty = print("pretty");
    assert!(pretty.contains("one") && pretty.contains("two"), "{pretty}");

    let (_, stderr) = check(directory.path(), &["--format", "xml", &first], 2);
    assert!(stderr.contains("xml") && stderr.contains("jsonl"), "{stderr}");
}

#[test]
fn save_appends() {
    let (directory, port) = (directory(), origin());
    for _ in 0..2 {
        check(directory.path(), &["-s", "--save", "saved.jsonl", "--vantage", "here", &url(port, "/")], 0);
    }
    let saved = traces(&fs::read_to_string(directory.path().join("saved.jsonl")).expect("a file"));
    assert_eq!(saved.len(), 2);
    assert!(saved.iter().all(|trace| trace.subject.vantage.as_deref() == Some("here")));
    assert_ne!(saved[0].subject.trace_id, saved[1].subject.trace_id);
}

#[test]
fn a_chart_is_drawn_in_the_form_that_its_name_says() {
    let (directory, port) = (directory(), origin());
    check(directory.path(), &["--chart", "a.png", &url(port, "/")], 0);
    check(directory.path(), &["--chart", "a.svg", &url(port, "/")], 0);
    assert!(fs::read(directory.path().join("a.png")).expect("a chart").starts_with(PNG_SIGNATURE));
    assert!(fs::read_to_string(directory.path().join("a.svg")).expect("a chart").starts_with("<svg"));
    let (stdout, stderr) = check(directory.path(), &["--chart", "a.gif", &url(port, "/")], 2);
    assert!(stdout.is_empty() && stderr.contains("a.gif"), "{stdout}{stderr}");
}

#[test]
fn bodies_heads_and_variables_go_where_they_are_sent() {
    let (directory, port) = (directory(), origin());
    let url = url(port, "/");
    let read = |name: &str| fs::read_to_string(directory.path().join(name)).expect("a file");

    let words = ["-o", "body", "-D", "head", "-w", "%{response_code} %{size_download}\\n", &url];
    assert_eq!(check(directory.path(), &words, 0).0, "200 6\n");
    assert_eq!(read("body"), "hello\n");
    assert!(read("head").starts_with("HTTP/1.1 200"), "{}", read("head"));
    assert!(read("head").ends_with("\r\n\r\n"), "{:?}", read("head"));

    // On standard output, a body is alone; the waterfall makes way.
    let (stdout, stderr) = check(directory.path(), &["-o", "-", &url], 0);
    assert_eq!(stdout, "hello\n");
    assert!(stderr.contains("wait"), "{stderr}");

    for flag in ["-o", "-D"] {
        let (_, stderr) = check(directory.path(), &[flag, "no/such/file", &url], 1);
        assert_eq!(stderr.matches("no/such/file").count(), 1, "{stderr}");
    }
}

#[test]
fn silent_says_nothing_and_verbose_says_what_went_over_the_wire() {
    let (directory, port) = (directory(), origin());
    let refusing = Refusing::new();
    let refused = refusing.url();
    assert_eq!(check(directory.path(), &["-s", &refused], 7).1, "");
    let (_, stderr) = check(directory.path(), &[&refused], 7);
    assert!(stderr.contains("(7)") && stderr.contains("connect.refused"), "{stderr}");
    let (_, stderr) = check(directory.path(), &["-v", "-H", "X-Sent: yes", &url(port, "/")], 0);
    let lower = stderr.to_lowercase();
    assert!(lower.contains("> x-sent: yes") && lower.contains("< content-type: text/plain"), "{stderr}");
}

#[test]
fn there_is_no_colour_where_none_is_wanted() {
    let (directory, port) = (directory(), origin());
    let url = url(port, "/");
    for (words, no_color) in [(&[url.as_str()][..], "1"), (&["--no-color", &url], ""), (&[&url], "")] {
        let output = command(directory.path(), words).env("NO_COLOR", no_color).output().expect("it runs");
        assert!(output.status.success() && !output.stdout.contains(&0x1b), "{words:?}");
    }
}

#[test]
fn the_first_failure_is_the_exit_code_and_the_others_are_shown() {
    let (directory, port) = (directory(), origin());
    let refusing = Refusing::new();
    let (good, missing, refused) = (url(port, "/a"), url(port, "/missing"), refusing.url());
    for (words, exit_code) in
        [(&["-f", &refused, &good, &missing][..], 7), (&["-f", &good, &missing, &refused], 22), (&[&good, &missing], 0)]
    {
        let (stdout, _) = check(directory.path(), &[words, &["--format", "jsonl"]].concat(), exit_code);
        let shown: Vec<String> = traces(&stdout).into_iter().map(|trace| trace.subject.url).collect();
        let asked: Vec<&str> = words.iter().copied().filter(|word| word.starts_with("http")).collect();
        assert_eq!(shown, asked);
    }
}

#[test]
fn a_machine_without_a_trust_store_can_ask_for_http_urls() {
    let (directory, port) = (directory(), origin());
    let without_roots = |url: &str| {
        let mut command = command(directory.path(), &[url]);
        command.env("SSL_CERT_FILE", "/dev/null").env("SSL_CERT_DIR", directory.path()).output().expect("an output")
    };
    assert_eq!(without_roots(&url(port, "/")).status.code(), Some(0));
    let refused = without_roots(&url(port, "/").replace("http:", "https:"));
    let said = text(&refused.stderr);
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(said.contains("no trusted certificates found") && said.contains("--cacert"), "{said}");
}

#[test]
fn misuse_is_exit_code_2() {
    let directory = directory();
    fs::write(directory.path().join("nonsense.toml"), "nonsense = 1\n").expect("a file");
    for words in [
        &[][..],
        &["trace"],
        &["--no-such-flag", "http://h/"],
        &["ftp://h/"],
        &["-X", "", "http://h/"],
        &["-m", "soon", "http://h/"],
        &["chart", "pie", "a.jsonl", "-o", "a.png"],
        &["lab", "--time-scale", "0"],
        &["completions", "tcsh"],
        &["--resolve", "x", "http://h/"],
        &["lab", "--profile", "nonsense.toml"],
    ] {
        let (stdout, stderr) = check(directory.path(), words, 2);
        assert!(stdout.is_empty() && !stderr.is_empty(), "{words:?}: {stdout}{stderr}");
    }
}

/// Standard output whose reader has gone.
fn nobody() -> Stdio {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    writer.into()
}

/// A device that is always full.
fn full() -> Stdio {
    fs::OpenOptions::new().write(true).open("/dev/full").expect("a device").into()
}

#[test]
fn what_becomes_of_standard_output_decides_neither_what_is_asked_nor_what_is_saved() {
    let port = origin();
    let refusing = Refusing::new();
    let (first, second, refused) = (url(port, "/a"), url(port, "/b"), refusing.url());
    let (good, bad) = ([first.as_str(), &second], [refused.as_str(), &second]);
    for words in [&["--format", "jsonl"][..], &["--format", "pretty"], &["-w", "%{url}\\n"], &["-D", "-"]] {
        for (stdout, targets, exit_code) in
            [(nobody(), good, 0), (nobody(), bad, 7), (full(), good, 1), (full(), bad, 1)]
        {
            let directory = directory();
            let words = [words, &["--save", "saved.jsonl", "--chart", "a.svg"], &targets].concat();
            let output = command(directory.path(), &words)
                .stdout(stdout)
                .stderr(Stdio::piped())
                .spawn()
                .and_then(Child::wait_with_output)
                .expect("it ends");
            let stderr = text(&output.stderr);
            assert_eq!(output.status.code(), Some(exit_code), "{words:?}: {stderr}");
            assert_eq!(stderr.matches("cannot print").count(), usize::from(exit_code == 1), "{words:?}: {stderr}");
            let saved = traces(&fs::read_to_string(directory.path().join("saved.jsonl")).expect("a file"));
            let saved: Vec<&str> = saved.iter().map(|trace| trace.subject.url.as_str()).collect();
            assert_eq!(saved, targets, "{words:?}");
            assert!(directory.path().join("a.svg").exists(), "{words:?}");
        }
    }
}

#[test]
fn a_body_that_nobody_reads_is_a_failure_that_is_traced() {
    let (directory, port) = (directory(), origin());
    let words = ["-s", "-o", "-", "--save", "saved.jsonl", &url(port, "/a"), &url(port, "/b")];
    let output = command(directory.path(), &words).stdout(nobody()).spawn().and_then(Child::wait_with_output);
    assert_eq!(output.expect("it ends").status.code(), Some(1));
    let saved = traces(&fs::read_to_string(directory.path().join("saved.jsonl")).expect("a file"));
    let codes: Vec<_> = saved.iter().map(|trace| trace.failure().expect("a failure").code).collect();
    assert_eq!(codes, [FailureCode::ClientCannotWrite; 2]);
}

/// A child that is ended with its test.
struct Running(Child);

impl Running {
    fn start(mut command: Command) -> Self {
        Self(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it runs"))
    }

    /// Ctrl-C.
    fn interrupt(&self) {
        let kill = format!("kill -INT {}", self.0.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().expect("a shell").success());
    }

    /// Waits until it ends by itself.
    fn wait(&mut self) -> ExitStatus {
        let tick = || {
            std::thread::sleep(Duration::from_millis(10));
            self.0.try_wait().expect("a child's status")
        };
        std::iter::repeat_with(tick).take(2_000).flatten().next().expect("it ends")
    }

    /// Its exit code, and what it said, after it has ended by itself.
    fn end(mut self) -> (Option<i32>, String, String) {
        let status = self.wait();
        let (mut stdout, mut stderr) = (String::new(), String::new());
        self.0.stdout.take().expect("piped").read_to_string(&mut stdout).expect("UTF-8");
        self.0.stderr.take().expect("piped").read_to_string(&mut stderr).expect("UTF-8");
        (status.code(), stdout, stderr)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn ctrl_c_keeps_what_was_measured() {
    let directory = directory();
    // The request is in the server's hands once it has been read here.
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a listener");
    let port = listener.local_addr().expect("its address").port();
    let words = ["--format", "jsonl", "--save", "saved.jsonl", &url(port, "/first"), &url(port, "/second")];
    let child = Running::start(command(directory.path(), &words));
    let (mut stream, _) = listener.accept().expect("a connection");
    let mut some = [0; 1024];
    assert!(stream.read(&mut some).expect("a request") > 0);
    std::thread::sleep(Duration::from_millis(100));
    child.interrupt();
    let (exit_code, stdout, stderr) = child.end();
    assert_eq!(exit_code, Some(130), "{stdout}{stderr}");
    let traces = traces(&stdout);
    let [trace] = &traces[..] else { panic!("one trace, got\n{stdout}") };
    assert_eq!(trace.subject.url, url(port, "/first"));
    let failure = trace.failure().expect("a failure");
    assert_eq!((failure.phase, failure.code), (Phase::Wait, FailureCode::ClientInterrupted), "{failure}");
    assert!(trace.span(Phase::Connect).is_some() && trace.span(Phase::Wait).is_some(), "{stdout}");
    assert_eq!(fs::read_to_string(directory.path().join("saved.jsonl")).expect("a file"), stdout);
    // Nobody came for the second.
    listener.set_nonblocking(true).expect("a listener");
    assert_eq!(listener.accept().expect_err("nobody").kind(), std::io::ErrorKind::WouldBlock);
}

#[test]
fn ctrl_c_is_the_exit_code_whatever_was_before() {
    let directory = directory();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a listener");
    let silent = url(listener.local_addr().expect("its address").port(), "/");
    let refusing = Refusing::new();
    let refused = refusing.url();
    for before in [&[][..], &["--save", "/dev/full"]] {
        let words = [&["--format", "jsonl", &refused, &silent][..], before].concat();
        let child = Running::start(command(directory.path(), &words));
        let (mut stream, _) = listener.accept().expect("a connection");
        assert!(stream.read(&mut [0; 1024]).expect("a request") > 0);
        child.interrupt();
        let (exit_code, stdout, stderr) = child.end();
        assert_eq!(exit_code, Some(130), "{stdout}{stderr}");
        let codes: Vec<_> = traces(&stdout).iter().map(|trace| trace.failure().expect("a failure").code).collect();
        assert_eq!(codes, [FailureCode::ConnectRefused, FailureCode::ClientInterrupted]);
        assert_eq!(stderr.matches("/dev/full").count(), usize::from(!before.is_empty()), "{stderr}");
    }
}

#[test]
fn ctrl_c_between_two_targets_is_ctrl_c() {
    let (directory, port) = (directory(), origin());
    let made = Command::new("mkfifo").arg(directory.path().join("heads")).status();
    assert!(made.expect("mkfifo").success());
    // The trace is printed before the heads are written, which waits until somebody reads them.
    let words = ["--format", "jsonl", "-D", "heads", &url(port, "/first"), &url(port, "/second")];
    let mut child = Running::start(command(directory.path(), &words));
    let mut stdout = BufReader::new(child.0.stdout.take().expect("piped"));
    let mut printed = String::new();
    stdout.read_line(&mut printed).expect("a line");
    child.interrupt();
    let heads = fs::read_to_string(directory.path().join("heads")).expect("heads");
    assert_eq!(child.wait().code(), Some(130), "{printed}");
    assert_eq!(heads.matches("HTTP/1.1 200").count(), 1, "{heads}");
    stdout.read_to_string(&mut printed).expect("UTF-8");
    let printed: Vec<_> =
        traces(&printed).into_iter().map(|trace| (trace.failure().cloned(), trace.subject.url)).collect();
    assert_eq!(printed, [(None, url(port, "/first"))]);
}

#[test]
fn the_lab_serves_until_ctrl_c() {
    let directory = directory();
    let mut lab = Running::start(command(directory.path(), &["lab", "--ca-out", "ca.pem", "--time-scale", "0.1"]));
    let mut lines = BufReader::new(lab.0.stdout.take().expect("piped")).lines().map(|line| line.expect("UTF-8"));
    // Its last line is a command that works.
    let advice = lines.find(|line| line.contains("--dns-servers")).expect("what to do");
    let words: Vec<&str> = advice.split_whitespace().skip(1).collect();
    let (stdout, _) = check(directory.path(), &[&words[..], &["--format", "jsonl"]].concat(), 0);
    assert_eq!(traces(&stdout)[0].failure(), None);
    lab.0.stdout = None;
    lab.interrupt();
    assert_eq!(lab.wait().code(), Some(130));
}

#[test]
fn completions_and_the_manual_know_the_flags() {
    let directory = directory();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let (stdout, _) = check(directory.path(), &["completions", shell], 0);
        assert!(stdout.contains("happy-eyeballs-timeout-ms") && stdout.contains("waterfall"), "{shell}");
    }
    let (stdout, _) = check(directory.path(), &["man"], 0);
    for expect in [".TH", "wirefall", "EXAMPLES"] {
        assert!(stdout.contains(expect), "{expect}");
    }
}

#[test]
fn every_help_has_examples() {
    let directory = directory();
    for words in [
        &["--help"][..],
        &["trace", "--help"],
        &["lab", "--help"],
        &["demo", "--help"],
        &["chart", "--help"],
        &["completions", "--help"],
        &["man", "--help"],
    ] {
        let (stdout, stderr) = check(directory.path(), words, 0);
        assert!(stdout.contains("\nEXAMPLES\n  wirefall "), "{words:?}\n{stdout}");
        assert_eq!(stderr, "");
    }
    let (stdout, _) = check(directory.path(), &["--version"], 0);
    assert_eq!(stdout, format!("wirefall {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn a_broken_line_is_named() {
    let (directory, port) = (directory(), origin());
    check(directory.path(), &["--save", "saved.jsonl", &url(port, "/")], 0);
    let file = directory.path().join("saved.jsonl");
    let good = fs::read_to_string(&file).expect("a file");
    // The column where that is known.
    for (content, place) in [
        (format!("{good}\n{{\"schema\":\n"), "3:10"),
        (format!("{good}{good}[]\n"), "3"),
        (good.replace("wirefall/trace/1", "wirefall/trace/9"), "1:28"),
    ] {
        fs::write(&file, content).expect("a file");
        let (_, stderr) = check(directory.path(), &["chart", "waterfall", "saved.jsonl", "-o", "a.svg"], 1);
        assert!(stderr.contains(&format!("saved.jsonl:{place}: expected a trace")), "{stderr}");
        assert!(!stderr.contains(" column "), "{stderr}");
    }
    let (_, stderr) = check(directory.path(), &["chart", "waterfall", "missing.jsonl", "-o", "a.svg"], 1);
    assert!(stderr.contains("cannot read missing.jsonl"), "{stderr}");
    assert!(!directory.path().join("a.svg").exists());
}

#[test]
fn secrets_are_in_no_output() {
    let (directory, port) = (directory(), origin());
    let target = format!("http://user:hidden-password@127.0.0.1:{port}/a?token=hidden-token&x=shown");
    let secrets = ["hidden-password", "hidden-token", "hidden-cookie", "hidden-key", "dXNlcjpoaWRkZW4tcGFzc3dvcmQ"];
    let sent = ["-v", "-H", "X-Api-Key: hidden-key", "-b", "id=hidden-cookie", "--save", "saved.jsonl", &target];
    for format in ["pretty", "json", "jsonl", "csv", "har", "markdown"] {
        let chart = format!("{format}.svg");
        let words = [&["--format", format, "--chart", &chart], &sent[..]].concat();
        let (stdout, stderr) = check(directory.path(), &words, 0);
        let drawn = fs::read_to_string(directory.path().join(&chart)).expect("a chart");
        for secret in secrets {
            for (place, said) in [("stdout", &stdout), ("stderr", &stderr), ("chart", &drawn)] {
                assert!(!said.contains(secret), "{format}: {secret} on {place}\n{said}");
            }
        }
    }
    let variables = "%{url} %{url_effective} %{json} %{header_json} %header{set-cookie} %{url.password} %{url.query}";
    let (stdout, _) = check(directory.path(), &[&["-w", variables], &sent[..]].concat(), 0);
    let saved = fs::read_to_string(directory.path().join("saved.jsonl")).expect("a file");
    assert!(saved.contains("x=shown"), "{saved}");
    for secret in secrets {
        assert!(!stdout.contains(secret) && !saved.contains(secret), "{secret}\n{stdout}\n{saved}");
    }
    // They were sent, and can be seen where that is asked for.
    let (stdout, _) = check(directory.path(), &[&["--show-secrets", "--format", "json"], &sent[..]].concat(), 0);
    for secret in ["hidden-token", "hidden-cookie", "hidden-key"] {
        assert!(stdout.contains(secret), "{secret}\n{stdout}");
    }
}
