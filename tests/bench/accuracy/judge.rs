//! The independent judge: tcpdump takes the packets, tshark reads them, decrypting with the clients' own secrets.
//!
//! What is kept of each connection are the instants at which the frames with the boundaries passed the client's interface.
//! tshark alone says which frames those are; nothing of wirefall has a part in it.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::support::{Problem, find};

/// Phases in the order of the table.
pub(crate) const PHASES: [&str; 6] = ["connect", "tls", "send", "wait", "receive", "total"];

/// Nanoseconds of each phase that the wire shows, by name.
pub(crate) type Phases = BTreeMap<&'static str, u64>;

/// A running tcpdump.
pub(crate) struct Tap {
    child: Child,
    file: PathBuf,
}

impl Tap {
    /// Starts tcpdump on an interface of the calling thread's namespace, and returns when it captures.
    pub(crate) fn start(interface: &str, file: &Path) -> Result<Self, Problem> {
        let mut child = Command::new(find("tcpdump")?)
            .args([
                "-i",
                interface,
                "-B",
                "65536",
                "--immediate-mode",
                "--time-stamp-precision",
                "nano",
                "-s",
                "0",
                "-U",
                "-Z",
                "root",
                "-w",
            ])
            .arg(file)
            .args(["tcp", "port", "443"])
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        let mut said = BufReader::new(child.stderr.take().ok_or("tcpdump has no standard error")?);
        let mut line = String::new();
        while said.read_line(&mut line)? > 0 {
            if line.contains("listening on") {
                // Whatever it says later must not block it.
                std::thread::spawn(move || std::io::copy(&mut said, &mut std::io::sink()));
                return Ok(Self { child, file: file.to_owned() });
            }
        }
        Err(format!("tcpdump did not start: {line}").into())
    }

    /// Ends the capture; everything that had passed is in the file then.
    pub(crate) fn stop(mut self) -> Result<PathBuf, Problem> {
        // The last packets are still on their way through the link, and then to the file.
        std::thread::sleep(std::time::Duration::from_secs(1));
        let pid = nix::unistd::Pid::from_raw(i32::try_from(self.child.id())?);
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT)?;
        self.child.wait()?;
        Ok(self.file.clone())
    }
}

/// Where something fails in the middle, nobody is left capturing.
impl Drop for Tap {
    fn drop(&mut self) {
        // After `stop` it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The boundaries of one connection as they passed.
#[derive(Default)]
struct Boundaries {
    syn: Option<u64>,
    syn_ack: Option<u64>,
    finished: Option<u64>,
    request: Option<u64>,
    response: Option<u64>,
    last: Option<u64>,
}

impl Boundaries {
    fn phases(&self) -> Option<Phases> {
        let syn = self.syn?;
        let ends = [self.syn_ack?, self.finished?, self.request?, self.response?, self.last?];
        let mut begins = syn;
        let mut phases = Phases::new();
        for (name, end) in PHASES.into_iter().zip(ends) {
            phases.insert(name, end.checked_sub(begins)?);
            begins = end;
        }
        phases.insert("total", begins - syn);
        Some(phases)
    }
}

/// Phases of every connection, by the client's port and in the order of time (a port may come again); `None` where not all of
/// its boundaries were seen.
pub(crate) type Verdicts = HashMap<u16, VecDeque<Option<Phases>>>;

/// Reads a capture with tshark.
pub(crate) fn judge(capture: &Path, secrets: &Path) -> Result<Verdicts, Problem> {
    let mut child = Command::new(find("tshark")?)
        .arg("-n")
        .arg("-r")
        .arg(capture)
        .arg("-o")
        .arg(format!("tls.keylog_file:{}", secrets.display()))
        .args(["-o", "http.desegment_body:FALSE", "-T", "fields", "-E", "separator=|"])
        .args(["-e", "tcp.stream", "-e", "frame.time_epoch", "-e", "tcp.srcport", "-e", "tcp.dstport"])
        .args(["-e", "tcp.flags.syn", "-e", "tcp.len", "-e", "tls.handshake.type"])
        .args(["-e", "http.request.method", "-e", "http.response.code"])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut connections: BTreeMap<u64, (u16, Boundaries)> = BTreeMap::new();
    for line in BufReader::new(child.stdout.take().ok_or("tshark has no output")?).lines() {
        let line = line?;
        let fields: Vec<&str> = line.split('|').collect();
        let [stream, at, source, target, syn, length, handshake, method, status] = fields[..] else {
            return Err(format!("tshark wrote {line:?}, which does not have nine fields").into());
        };
        let at = nanos(at)?;
        let sent = target == "443";
        let port = if sent { source } else { target }.parse()?;
        let (_, seen) = connections.entry(stream.parse()?).or_insert_with(|| (port, Boundaries::default()));
        let syn = matches!(syn, "1" | "True");
        match sent {
            true if syn => _ = seen.syn.get_or_insert(at),
            false if syn => _ = seen.syn_ack.get_or_insert(at),
            true => {
                // 20: Finished (RFC 8446 §4).
                if handshake.split(',').any(|kind| kind == "20") {
                    seen.finished.get_or_insert(at);
                }
                if !method.is_empty() {
                    seen.request.get_or_insert(at);
                }
            }
            false => {
                if !status.is_empty() {
                    seen.response.get_or_insert(at);
                }
                if length != "0" {
                    seen.last = Some(at);
                }
            }
        }
    }
    let status = child.wait()?;
    if !status.success() {
        return Err(format!("tshark ended with {status}").into());
    }
    let mut verdicts = Verdicts::new();
    for (port, seen) in connections.into_values() {
        verdicts.entry(port).or_default().push_back(seen.phases());
    }
    Ok(verdicts)
}

/// Seconds with a fraction, as nanoseconds.
fn nanos(seconds: &str) -> Result<u64, Problem> {
    let (whole, fraction) = seconds.split_once('.').unwrap_or((seconds, ""));
    Ok(whole.parse::<u64>()? * 1_000_000_000 + format!("{fraction:0<9.9}").parse::<u64>()?)
}
