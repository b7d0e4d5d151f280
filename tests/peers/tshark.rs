//! tshark on the files of `--pcap`: they open, decrypted, and its packets have the times of our phases.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::certificates::{HOST, write_credentials};
use crate::nginx::{nginx, tls_site, way_there};
use crate::server::{Program, directory, free_port};

const TSHARK: Program = Program { name: "tshark", package: "tshark" };

/// The fields of the packets that a filter shows, a packet each.
fn fields(file: &Path, filter: &str, names: &[&str]) -> Vec<Vec<String>> {
    let mut command = Command::new(TSHARK.path());
    command.arg("-r").arg(file).args(["-Y", filter, "-T", "fields", "-E", "separator=/t", "-E", "aggregator=|"]);
    for name in names {
        command.args(["-e", name]);
    }
    let output = command.output().expect("tshark can be run");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    text.lines().map(|line| line.split('\t').map(str::to_owned).collect()).collect()
}

/// Seconds with nine decimals, in nanoseconds.
fn nanos(seconds: &str) -> u64 {
    let (whole, decimals) = seconds.split_once('.').expect("decimals");
    format!("{whole}{decimals:0<9}").parse().expect("digits")
}

#[test]
#[ignore = "needs CAP_NET_RAW, nginx and tshark"]
fn files_open_decrypted_and_agree_about_time() {
    let (directory, port) = (directory(), free_port());
    write_credentials(directory.path());
    let root = directory.path().join("www");
    fs::create_dir(&root).expect("a directory");
    fs::write(root.join("a"), "hello\n".repeat(2_000)).expect("a file");
    let site = nginx(&tls_site(port, ""), &[port], directory);
    let file = site.directory().join("trace.pcapng");
    for (flags, protocol, status, path) in [
        (&["--http2"][..], "http2", "http2.headers.status", "http2.headers.path"),
        (&["--http1.1"], "http", "http.response.code", "http.request.uri"),
        (&["--http2", "--tls-max", "1.2"], "http2", "http2.headers.status", "http2.headers.path"),
        (&["--http1.1", "--tls-max", "1.2"], "http", "http.response.code", "http.request.uri"),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_wirefall"))
            .env_clear()
            .args(["trace", "--format", "json", "--pcap"])
            .arg(&file)
            .args(flags)
            .args(way_there(site.directory(), port))
            .arg(format!("https://{HOST}:{port}/a"))
            .output()
            .expect("the program can be run");
        assert!(output.status.success(), "{flags:?}: {}", String::from_utf8_lossy(&output.stderr));
        let trace: Value = serde_json::from_slice(&output.stdout).expect("JSON");

        // What is inside TLS can be read.
        let shown = fields(&file, &format!("tls && {protocol}"), &[path, status]);
        let has =
            |column: usize, text: &str| shown.iter().any(|packet| packet[column].split('|').any(|value| value == text));
        assert!(has(0, "/a") && has(1, "200"), "{flags:?}: {shown:?}");

        // The packets that are said to end phases are as far apart as the phases are long.
        let frames = fields(&file, "frame.comment", &["frame.time_epoch", "frame.comment"]);
        let end = |phase: &str| {
            let begins = format!("end of {phase}:");
            let frame = frames.iter().find(|frame| frame[1].split('|').any(|note| note.starts_with(&begins)));
            nanos(&frame.unwrap_or_else(|| panic!("no end of {phase}: {frames:?}"))[0])
        };
        let phases = trace["phases"].as_array().expect("phases");
        let duration = |name: &str| {
            let phase = phases.iter().find(|phase| phase["phase"] == name);
            phase.and_then(|phase| phase["duration_ns"].as_u64()).unwrap_or_else(|| panic!("no {name}: {trace}"))
        };
        for (before, phase) in [("connect", "tls"), ("tls", "send"), ("send", "wait"), ("wait", "receive")] {
            assert_eq!(end(phase) - end(before), duration(phase), "{flags:?}: {phase}: {trace}");
        }
    }
}
