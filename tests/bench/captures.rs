//! How fast captures are read, beside `cat`, tshark and tcptrace: whole processes, measured from outside.
//!
//! `cargo bench --bench captures [-- ROUNDS]` prints a table. A capture of more than a million packets is generated once, in
//! cargo's folder for temporary files, as pcapng and as pcap with the same packets: HTTP over some ten thousand TCP
//! connections, full packets both ways, and DNS. Every row is a process of its own, reads a file that is in the page cache, and takes
//! its turn in each round, so that whatever else the machine does meets all alike. Wall time is from before the fork to
//! the child's end; peak memory is what the kernel counted for the child (`wait4(2)`).
//!
//! "reader and decode" is this very program, started again with `--read FILE`: it reads every packet and decodes its
//! headers, and does nothing with them.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a bench prints what it measured")]

mod capture_of_a_million;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use wirefall::packet::file::CaptureReader;
use wirefall::packet::{Transport, decode};

const ROUNDS: usize = 9;

type Problem = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let done = match &arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--read", file] => read(Path::new(file)),
        ["--generate", folder] => capture_of_a_million::generate(Path::new(folder)),
        words => compare(words),
    };
    match done {
        Ok(text) => {
            println!("{text}");
            ExitCode::SUCCESS
        }
        Err(problem) => {
            eprintln!("captures: {problem}");
            ExitCode::FAILURE
        }
    }
}

/// Reads and decodes every packet of a file.
fn read(file: &Path) -> Result<String, Problem> {
    let mut reader = CaptureReader::open(File::open(file)?)?;
    let (mut tcp, mut udp, mut bytes) = (0_u64, 0_u64, 0_u64);
    while let Some(packet) = reader.next()? {
        match decode(packet.link, packet.bytes, packet.original_length)?.transport {
            Transport::Tcp(part) => {
                tcp += 1;
                bytes += u64::from(part.payload_length);
            }
            Transport::Udp(part) => {
                udp += 1;
                bytes += u64::from(part.payload_length);
            }
            _ => {}
        }
    }
    Ok(format!("{} packets: {tcp} TCP, {udp} UDP, {bytes} bytes of payload", reader.packets()))
}

fn compare(words: &[&str]) -> Result<String, Problem> {
    // Cargo adds words of its own.
    let rounds = match words.iter().find(|word| !word.starts_with('-')) {
        None => ROUNDS,
        Some(word) => word.parse().ok().filter(|rounds| *rounds > 0).ok_or("ROUNDS is a number from 1")?,
    };
    let myself = std::env::current_exe()?;
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    // In a process of its own: a child's peak memory begins with that of the process it was forked from.
    let made = Command::new(&myself).arg("--generate").arg(folder).output()?;
    if !made.status.success() {
        return Err(format!("no capture: {}", String::from_utf8_lossy(&made.stderr)).into());
    }
    let (pcapng, pcap) = (capture_of_a_million::pcapng(folder), capture_of_a_million::pcap(folder));
    let wirefall = PathBuf::from(env!("CARGO_BIN_EXE_wirefall"));

    let mut rows = vec![
        Row::new("cat capture.pcapng > /dev/null", find("cat"), &[], &pcapng, rounds),
        Row::new("reader and decode, capture.pcapng", Ok(myself.clone()), &["--read"], &pcapng, rounds),
        Row::new("reader and decode, capture.pcap", Ok(myself.clone()), &["--read"], &pcap, rounds),
        Row::new("wirefall pcap capture.pcapng", has_pcap(wirefall), &["pcap"], &pcapng, rounds),
        Row::new("tcptrace -n capture.pcap", find("tcptrace"), &["-n"], &pcap, rounds.min(3)),
        Row::new(
            "tshark -n -q -z conv,tcp -r capture.pcapng",
            find("tshark"),
            &["-n", "-q", "-z", "conv,tcp", "-r"],
            &pcapng,
            1,
        ),
    ];
    // Not measured: it brings both files into the page cache, and says what is in them.
    let mut text = String::from_utf8(made.stdout)?;
    for file in [&pcapng, &pcap] {
        let counted = Command::new(&myself).arg("--read").arg(file).output()?;
        text.extend([&file.display().to_string(), ": ", &String::from_utf8_lossy(&counted.stdout)]);
    }
    for round in 0..rounds {
        for row in rows.iter_mut().filter(|row| round < row.rounds) {
            row.measure()?;
        }
    }
    Ok(text + &table(&rows))
}

/// A program in PATH, or why there is none.
fn find(program: &str) -> Result<PathBuf, String> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file());
    found.ok_or_else(|| format!("{program} is not in PATH"))
}

/// The program itself, if it has the command yet.
fn has_pcap(wirefall: PathBuf) -> Result<PathBuf, String> {
    let help = Command::new(&wirefall).arg("--help").output().map_err(|error| error.to_string())?;
    let commands = String::from_utf8_lossy(&help.stdout);
    let listed = commands.lines().any(|line| line.split_whitespace().next() == Some("pcap"));
    if listed { Ok(wirefall) } else { Err("this wirefall has no command pcap".to_owned()) }
}

/// One command line, and what its runs took.
struct Row {
    name: &'static str,
    command: Result<(PathBuf, Vec<String>), String>,
    rounds: usize,
    wall: Vec<Duration>,
    /// The largest of all runs, in KiB.
    peak: u64,
}

impl Row {
    fn new(
        name: &'static str,
        program: Result<PathBuf, String>,
        arguments: &[&str],
        file: &Path,
        rounds: usize,
    ) -> Self {
        let mut arguments: Vec<String> = arguments.iter().map(|&argument| argument.to_owned()).collect();
        arguments.push(file.display().to_string());
        Self { name, command: program.map(|program| (program, arguments)), rounds, wall: Vec::new(), peak: 0 }
    }

    fn measure(&mut self) -> Result<(), Problem> {
        let Ok((program, arguments)) = &self.command else { return Ok(()) };
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null()).stdout(File::create("/dev/null")?).stderr(Stdio::null());
        #[expect(clippy::disallowed_methods, reason = "this times processes; the client's clock is for marks")]
        let started = Instant::now();
        let child = command.spawn()?;
        let (status, peak) = wait(child.id())?;
        self.wall.push(started.elapsed());
        self.peak = self.peak.max(peak);
        if status == 0 { Ok(()) } else { Err(format!("{} ended with wait status {status:#x}", self.name).into()) }
    }

    /// The median over the rounds, in milliseconds.
    fn median(&self) -> Option<f64> {
        let mut sorted = self.wall.clone();
        sorted.sort_unstable();
        sorted.get(sorted.len().checked_sub(1)? / 2).map(|median| median.as_secs_f64() * 1e3)
    }
}

/// Waits for a child; its wait status and its peak memory in KiB.
#[expect(unsafe_code, reason = "std waits without asking for the resource usage")]
fn wait(pid: u32) -> Result<(i32, u64), Problem> {
    let pid = i32::try_from(pid)?;
    let mut status = 0;
    // SAFETY: `rusage` is a C structure of integers, for which all zeros is a valid value.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: both pointers are valid for writes for the length of the call; the child is ours and not waited for elsewhere.
    if unsafe { libc::wait4(pid, &raw mut status, 0, &raw mut usage) } != pid {
        return Err(io::Error::last_os_error().into());
    }
    Ok((status, u64::try_from(usage.ru_maxrss)?))
}

fn table(rows: &[Row]) -> String {
    let of = |program: &str| rows.iter().find(|row| row.name.starts_with(program)).and_then(Row::median);
    let (cat, tcptrace, tshark) = (of("cat"), of("tcptrace"), of("tshark"));
    let ratio = |over: Option<f64>, under: Option<f64>| match (over, under) {
        (Some(over), Some(under)) => format!("{:.2}", over / under),
        _ => "-".to_owned(),
    };
    let mut lines = vec![
        "times cat: the time it takes over that of cat; times as fast as the others: theirs over its own".to_owned(),
        format!(
            "{:44}{:>7}{:>11}{:>10}{:>11}{:>11}{:>10}",
            "", "rounds", "median ms", "times cat", "x tcptrace", "x tshark", "peak MiB"
        ),
    ];
    for row in rows {
        lines.push(match (&row.command, row.median()) {
            (Err(missing), _) => format!("{:44}  not measured: {missing}", row.name),
            (Ok(_), None) => format!("{:44}  not measured", row.name),
            (Ok(_), own @ Some(median)) => {
                #[expect(clippy::cast_precision_loss, reason = "for people, to a tenth")]
                let peak = row.peak as f64 / 1024.0;
                format!(
                    "{:44}{:>7}{median:>11.1}{:>10}{:>11}{:>11}{peak:>10.1}",
                    row.name,
                    row.wall.len(),
                    ratio(own, cat),
                    ratio(tcptrace, own),
                    ratio(tshark, own)
                )
            }
        });
    }
    lines.join("\n")
}
