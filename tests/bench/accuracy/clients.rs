//! The clients under test: one process a request, and what it says of its phases.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::judge::Phases;
use crate::support::{Problem, find};

/// Who measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Client {
    /// wirefall with the kernel's stamps alone.
    WirefallKernel,
    /// wirefall with its own capture.
    WirefallWire,
    /// `curl -w`.
    Curl,
}

impl Client {
    pub(crate) const ALL: [Self; 3] = [Self::WirefallKernel, Self::WirefallWire, Self::Curl];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::WirefallKernel => "wirefall --capture off",
            Self::WirefallWire => "wirefall --capture require",
            Self::Curl => "curl -w",
        }
    }
}

/// What a client is to ask, and how.
pub(crate) struct Errand {
    pub(crate) host: &'static str,
    pub(crate) address: std::net::IpAddr,
    pub(crate) authority: PathBuf,
    pub(crate) secrets: PathBuf,
}

/// What a client said.
pub(crate) struct Said {
    /// Its own port: which connection it speaks of.
    pub(crate) port: u16,
    pub(crate) phases: Phases,
    /// How wrong it says that each may be; curl says nothing.
    pub(crate) bounds: Phases,
}

const CURL_SAYS: &str = "%{local_port} %{time_namelookup} %{time_connect} %{time_appconnect} %{time_pretransfer} %{time_starttransfer} %{time_total}";

/// One request for `path`, by a process of its own in the calling thread's namespace.
pub(crate) fn ask(client: Client, errand: &Errand, path: &str) -> Result<Said, Problem> {
    let program = match client {
        Client::Curl => find("curl")?,
        _ => PathBuf::from(env!("CARGO_BIN_EXE_wirefall")),
    };
    let mut command = Command::new(program);
    command.arg("--resolve").arg(format!("{}:443:{}", errand.host, errand.address));
    command.arg("--cacert").arg(&errand.authority).arg("--http1.1").args(["-m", "20", "-s"]);
    command.arg(format!("https://{}{path}", errand.host)).env("SSLKEYLOGFILE", &errand.secrets).stdin(Stdio::null());
    match client {
        Client::WirefallKernel => command.args(["--format", "json", "--capture", "off"]),
        Client::WirefallWire => command.args(["--format", "json", "--capture", "require"]),
        Client::Curl => command.args(["-o", "/dev/null", "-w", CURL_SAYS]),
    };
    let output = command.output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        let complaint = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{} ended with {}:\n{text}{complaint}", client.name(), output.status).into());
    }
    match client {
        Client::Curl => curl(&text),
        _ => wirefall(&text),
    }
}

fn wirefall(text: &str) -> Result<Said, Problem> {
    let trace: Value = serde_json::from_str(text)?;
    let local = trace["connect"]["local"].as_str().ok_or("the trace has no connect.local")?;
    let port = local.parse::<std::net::SocketAddr>()?.port();
    let (mut phases, mut bounds) = (Phases::new(), Phases::new());
    for phase in trace["phases"].as_array().ok_or("the trace has no phases")? {
        let known = crate::judge::PHASES.into_iter().find(|name| phase["phase"] == *name);
        phases.extend(known.zip(phase["duration_ns"].as_u64()));
        bounds.extend(known.zip(phase["error_ns"].as_u64()));
    }
    phases.extend(trace["total_ns"].as_u64().map(|total| ("total", total)));
    Ok(Said { port, phases, bounds })
}

/// curl's times are cumulative, in seconds with six digits; it does not say when the request had left.
fn curl(text: &str) -> Result<Said, Problem> {
    let fields: Vec<&str> = text.split_whitespace().collect();
    let [port, resolved, connected, secured, pretransfer, first, total] = fields[..] else {
        return Err(format!("curl wrote {text:?}, which does not have seven fields").into());
    };
    let between =
        |from: &str, to: &str| -> Result<u64, Problem> { Ok(micros(to)?.saturating_sub(micros(from)?) * 1_000) };
    let phases = Phases::from([
        ("connect", between(resolved, connected)?),
        ("tls", between(connected, secured)?),
        ("wait", between(pretransfer, first)?),
        ("receive", between(first, total)?),
        ("total", between(resolved, total)?),
    ]);
    Ok(Said { port: port.parse()?, phases, bounds: Phases::new() })
}

fn micros(seconds: &str) -> Result<u64, Problem> {
    let (whole, fraction) = seconds.split_once('.').unwrap_or((seconds, ""));
    Ok(whole.parse::<u64>()? * 1_000_000 + format!("{fraction:0<6.6}").parse::<u64>()?)
}

/// Writes what every client needs into `home`.
pub(crate) fn errand(home: &Path, host: &'static str, address: std::net::IpAddr, pem: &str) -> Result<Errand, Problem> {
    let authority = home.join("authority.pem");
    std::fs::write(&authority, pem)?;
    Ok(Errand { host, address, authority, secrets: home.join("secrets.log") })
}
