//! How fast logs are read for the few lines that matter, beside what everybody has: `cat`, `wc`, `grep`.
//!
//! `cargo bench --bench logs [-- ROUNDS]` prints a table. A log of an Application Load Balancer with more than a million lines is
//! generated in a temporary folder, with the lines of some thousand traces among it. Every row is a process of its own, reads
//! the file from the page cache on one core, and takes its turn in each round, so that whatever else the machine does meets all
//! alike. Processor time is what the kernel charged to the child (`wait4(2)`): on a busy machine it is what one core would need.
//!
//! "every line parsed" and "what wirefall does" are this very program, started again: the first makes a record of each line,
//! the second hands every line to the reader that `wirefall attribute` uses, with the traces' keys.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use serde_json::json;
use support::{Problem, end, find, percentile, rounds};
use wirefall::attribute::aws::{Format, LogReader, parse_line};
use wirefall::attribute::record::Where;
use wirefall::attribute::wanted::Wanted;
use wirefall::trace::Trace;

#[expect(dead_code, reason = "other benches need more of it")]
mod support;

const LINES: u32 = 1_100_000;
/// One line in so many is a trace's.
const EVERY: u32 = 220;
const ROUNDS: usize = 7;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    end(
        "logs",
        match &words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            ["--sift", traces, file] => sift(Path::new(traces), Path::new(file)),
            ["--parse", file] => parse(Path::new(file)),
            _ => compare(),
        },
    )
}

/// What `wirefall attribute` does with a log.
fn sift(traces: &Path, file: &Path) -> Result<String, Problem> {
    let traces: Vec<Trace> = BufReader::new(File::open(traces)?)
        .lines()
        .map(|line| Ok(serde_json::from_str(&line?)?))
        .collect::<Result<_, Problem>>()?;
    let wanted = Wanted::of(&traces);
    let mut reader = LogReader::new(Format::AlbAccess);
    let mut records = Vec::new();
    let log = File::open(file)?;
    let log: Box<dyn Read> = match file.extension() {
        Some(extension) if extension == "gz" => Box::new(MultiGzDecoder::new(log)),
        _ => Box::new(log),
    };
    reader.read(0, log, &wanted, &mut |record| records.push(record))?;
    let tally = reader.finish(&wanted, &mut |_| {});
    if tally.records != u64::try_from(traces.len())? || tally.broken > 0 {
        return Err(format!("{} records of {} traces, {} broken", tally.records, traces.len(), tally.broken).into());
    }
    Ok(format!("{} lines, {} of them parsed, {} records", tally.lines, tally.parsed, tally.records))
}

/// Makes a record of every line.
fn parse(file: &Path) -> Result<String, Problem> {
    let mut log = BufReader::with_capacity(256 << 10, File::open(file)?);
    let mut line = Vec::new();
    let (mut number, mut claims) = (0, 0);
    while log.read_until(b'\n', &mut line)? > 0 {
        number += 1;
        parse_line(&Format::AlbAccess, line.trim_ascii_end(), Where { file: 0, line: number }, &mut |record| {
            claims += record.claims.len();
        })?;
        line.clear();
    }
    Ok(format!("{number} lines, {claims} lengths"))
}

fn compare() -> Result<String, Problem> {
    let rounds = rounds(ROUNDS)?;
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let made = Made::in_folder(folder.path())?;
    let myself = std::env::current_exe()?;
    let [log, packed, traces, roots] = [&made.log, &made.packed, &made.traces, &made.roots];
    let mut rows = vec![
        Row::new("cat LOG", find("cat"), &[log]),
        Row::new("wc -l LOG", find("wc"), &[Path::new("-l"), log]),
        Row::new("grep -c Root=1- LOG", find("grep"), &[Path::new("-cF"), Path::new("Root=1-"), log]),
        Row::new("grep -F -f ROOTS LOG", find("grep"), &[Path::new("-cF"), Path::new("-f"), roots, log]),
        Row::new("every line parsed", Ok(myself.clone()), &[Path::new("--parse"), log]),
        Row::new("what wirefall does", Ok(myself.clone()), &[Path::new("--sift"), traces, log]),
        Row::new("gzip -dc LOG.gz", find("gzip"), &[Path::new("-dc"), packed]),
        Row::new("what wirefall does, LOG.gz", Ok(myself), &[Path::new("--sift"), traces, packed]),
    ];
    let attribute =
        [Path::new("attribute"), traces, Path::new("--alb"), log, Path::new("--format"), Path::new("jsonl")];
    rows.push(Row::new("wirefall attribute --alb LOG", has_attribute(), &attribute));
    for round in 0..=rounds {
        for row in &mut rows {
            row.measure()?;
            // The first brought the files into the page cache.
            if round == 0 {
                row.runs.clear();
            }
        }
    }
    table(&made, &rows)
}

/// The program itself, if it has the command yet.
fn has_attribute() -> Result<PathBuf, Problem> {
    let wirefall = PathBuf::from(env!("CARGO_BIN_EXE_wirefall"));
    let help = Command::new(&wirefall).arg("--help").output()?;
    let commands = String::from_utf8_lossy(&help.stdout);
    let listed = commands.lines().any(|line| line.split_whitespace().next() == Some("attribute"));
    if listed { Ok(wirefall) } else { Err("this wirefall has no command attribute".into()) }
}

/// The files of one run.
struct Made {
    log: PathBuf,
    packed: PathBuf,
    traces: PathBuf,
    roots: PathBuf,
    bytes: u64,
    packed_bytes: u64,
    wanted: u32,
}

impl Made {
    fn in_folder(folder: &Path) -> Result<Self, Problem> {
        let path = |name: &str| folder.join(name);
        let mut made = Self {
            log: path("alb.log"),
            packed: path("alb.log.gz"),
            traces: path("traces.jsonl"),
            roots: path("roots"),
            bytes: 0,
            packed_bytes: 0,
            wanted: 0,
        };
        let mut log = BufWriter::new(File::create(&made.log)?);
        let mut packed = GzEncoder::new(BufWriter::new(File::create(&made.packed)?), Compression::fast());
        let mut traces = BufWriter::new(File::create(&made.traces)?);
        let mut roots = BufWriter::new(File::create(&made.roots)?);
        let mut dice = Dice(0x5eed);
        let mut line = String::new();
        for number in 0..LINES {
            let id = Id { epoch: 1_795_235_000 + number / 1_000, high: dice.next(), low: dice.next() };
            let ours = number % EVERY == EVERY / 2;
            line.clear();
            write_line(&mut line, number, &id, ours, &mut dice)?;
            log.write_all(line.as_bytes())?;
            packed.write_all(line.as_bytes())?;
            if ours {
                made.wanted += 1;
                writeln!(traces, "{}", id.trace())?;
                writeln!(roots, "{}", id.root())?;
            }
        }
        log.flush()?;
        traces.flush()?;
        roots.flush()?;
        packed.finish()?.flush()?;
        made.bytes = std::fs::metadata(&made.log)?.len();
        made.packed_bytes = std::fs::metadata(&made.packed)?.len();
        Ok(made)
    }
}

struct Id {
    epoch: u32,
    high: u64,
    low: u64,
}

impl Id {
    fn root(&self) -> String {
        format!("1-{:08x}-{:08x}{:016x}", self.epoch, self.high & 0xffff_ffff, self.low)
    }

    fn text(&self) -> String {
        format!("{:08x}{:08x}{:016x}", self.epoch, self.high & 0xffff_ffff, self.low)
    }

    /// A trace with everything that may be looked for.
    fn trace(&self) -> serde_json::Value {
        let id = self.text();
        json!({
            "schema": "wirefall/trace/1", "trace_id": id, "url": "https://orders.example.com/orders", "method": "GET",
            "started_at": "2026-11-21T04:38:33.123456789Z", "outcome": "complete", "failure": null,
            "redirected_from": null, "total_ns": 2_000_000_000, "client": {"lag_ns": 0},
            "phases": [{"phase": "wait", "start_ns": 0, "duration_ns": 2_000_000_000, "evidence": "kernel", "error_ns": 1_000}],
            "connect": {"reused": false, "remote": "198.51.100.2:443", "attempts": [],
                "local": format!("192.0.2.10:{}", 32_768 + self.low % 28_000)},
            "request": {"version": "HTTP/1.1", "body_bytes": 0, "header_bytes": 300, "headers": [
                ["x-amzn-trace-id", format!("Root={};Parent={:016x};Sampled=1", self.root(), self.high)],
                ["user-agent", format!("wirefall/0.1.0 trace/{id}")],
            ]},
            "response": {"status": 200, "version": "HTTP/1.1", "header_bytes": 300, "body_bytes": 366,
                "headers": [["x-amz-cf-id", format!("{:016x}_{:016x}-cloudfront==", self.low, self.high)],
                    ["x-amzn-requestid", format!("{}-{}-{}", &id[..8], &id[8..12], &id[12..])]],
                "informational": []},
        })
    }
}

fn write_line(line: &mut String, number: u32, id: &Id, ours: bool, dice: &mut Dice) -> Result<(), Problem> {
    const AGENTS: [&str; 4] = [
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
        "Mozilla/5.0 (iPhone; CPU iPhone OS 19_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
        "okhttp/5.1.0",
        "ELB-HealthChecker/2.0",
    ];
    let random = dice.next();
    let agent = if ours {
        format!("wirefall/0.1.0 trace/{}", id.text())
    } else {
        AGENTS[usize::try_from(random % 4)?].to_owned()
    };
    let (second, micros) = (number / 20_000 % 60, number % 20_000 * 50);
    let client = format!("203.0.{}.{}:{}", random % 251, random / 251 % 251, 1_024 + random / 65_536 % 64_000);
    writeln!(
        line,
        "https 2026-11-21T04:38:{second:02}.{micros:06}Z app/orders/50dc6c495c0c9188 {client} 10.0.{}.{}:80 0.00{} 0.{:03} 0.000 \
         200 200 {} {} \"GET https://orders.example.com:443/orders/{}?page={} HTTP/1.1\" \"{agent}\" \
         ECDHE-RSA-AES128-GCM-SHA256 TLSv1.2 \
         arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/orders/73e2d6bc24d8a067 \"Root={}\" \
         \"orders.example.com\" \"arn:aws:acm:eu-central-1:123456789012:certificate/12345678-1234-1234-1234-123456789012\" 1 \
         2026-11-21T04:38:{second:02}.{micros:06}Z \"waf,forward\" \"-\" \"-\" \"10.0.{}.{}:80\" \"200\" \"-\" \"-\" \
         TID_{:016x}{:016x} \"-\" \"-\" \"-\" 198.51.100.40",
        random % 4,
        random % 16,
        random % 10,
        random % 900,
        random % 2_000,
        random % 20_000,
        random % 100_000,
        random % 40,
        id.root(),
        random % 4,
        random % 16,
        random,
        id.high,
    )?;
    Ok(())
}

/// xorshift64*: the same log every time.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }
}

/// One command line, and what its runs took.
struct Row {
    name: &'static str,
    command: Result<(PathBuf, Vec<PathBuf>), Problem>,
    runs: Vec<Run>,
    /// What it printed last, where that is one line.
    said: String,
}

struct Run {
    wall: Duration,
    processor: Duration,
    /// In KiB.
    peak: u64,
}

impl Row {
    fn new(name: &'static str, program: Result<PathBuf, Problem>, arguments: &[&Path]) -> Self {
        let arguments = arguments.iter().map(|&argument| argument.to_owned()).collect();
        Self { name, command: program.map(|program| (program, arguments)), runs: Vec::new(), said: String::new() }
    }

    fn measure(&mut self) -> Result<(), Problem> {
        let Ok((program, arguments)) = &self.command else { return Ok(()) };
        // grep -c too: it stops at its first match where nobody reads what it prints.
        let says = |first: &PathBuf| ["--sift", "--parse", "-cF"].iter().any(|word| first == Path::new(word));
        let output =
            if arguments.first().is_some_and(says) { Stdio::piped() } else { Stdio::from(File::create("/dev/null")?) };
        let mut command = Command::new(program);
        command.args(arguments).env("LC_ALL", "C").stdin(Stdio::null()).stdout(output).stderr(Stdio::null());
        #[expect(clippy::disallowed_methods, reason = "this times processes; the client's clock is for marks")]
        let started = Instant::now();
        let mut child = command.spawn()?;
        if let Some(mut output) = child.stdout.take() {
            self.said.clear();
            output.read_to_string(&mut self.said)?;
        }
        let (status, processor, peak) = wait(child.id())?;
        self.runs.push(Run { wall: started.elapsed(), processor, peak });
        if status == 0 { Ok(()) } else { Err(format!("{}: ended with wait status {status:#x}", self.name).into()) }
    }
}

/// Waits for a child; its wait status, its processor time and its peak memory in KiB.
#[expect(unsafe_code, reason = "std waits without asking for the resource usage")]
fn wait(pid: u32) -> Result<(i32, Duration, u64), Problem> {
    let pid = i32::try_from(pid)?;
    let mut status = 0;
    // SAFETY: `rusage` is a C structure of integers, for which all zeros is a valid value.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: both pointers are valid for writes for the length of the call; the child is ours and not waited for elsewhere.
    if unsafe { libc::wait4(pid, &raw mut status, 0, &raw mut usage) } != pid {
        return Err(io::Error::last_os_error().into());
    }
    let spent = |time: libc::timeval| -> Result<Duration, Problem> {
        Ok(Duration::from_secs(u64::try_from(time.tv_sec)?) + Duration::from_micros(u64::try_from(time.tv_usec)?))
    };
    Ok((status, spent(usage.ru_utime)? + spent(usage.ru_stime)?, u64::try_from(usage.ru_maxrss)?))
}

fn table(made: &Made, rows: &[Row]) -> Result<String, Problem> {
    #[expect(clippy::cast_precision_loss, reason = "for people")]
    let (megabytes, packed) = (made.bytes as f64 / 1e6, made.packed_bytes as f64 / 1e6);
    let mut text = format!(
        "{LINES} lines of an ALB's access log, {megabytes:.0} MB ({packed:.0} MB as gzip), {} of them of {} traces; MB are of the \
         log unpacked, /s of the processor's time, median over the rounds\n{:32}{:>8}{:>11}{:>11}{:>9}{:>11}\n",
        made.wanted, made.wanted, "", "rounds", "wall ms", "cpu ms", "MB/s", "peak MiB"
    );
    for row in rows {
        if let Err(missing) = &row.command {
            writeln!(text, "{:32}  not measured: {missing}", row.name)?;
            continue;
        }
        let median = |of: fn(&Run) -> Duration| percentile(&row.runs.iter().map(of).collect::<Vec<_>>(), 50);
        let (wall, processor) = (median(|run| run.wall), median(|run| run.processor));
        let (Some(wall), Some(processor), Some(peak)) = (wall, processor, row.runs.iter().map(|run| run.peak).max())
        else {
            continue;
        };
        #[expect(clippy::cast_precision_loss, reason = "for people, to a tenth")]
        let peak = peak as f64 / 1024.0;
        writeln!(
            text,
            "{:32}{:>8}{:>11.1}{:>11.1}{:>9.0}{peak:>11.1}  {}",
            row.name,
            row.runs.len(),
            wall.as_secs_f64() * 1e3,
            processor.as_secs_f64() * 1e3,
            megabytes / processor.as_secs_f64(),
            row.said.trim()
        )?;
    }
    Ok(text)
}
