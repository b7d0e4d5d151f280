//! How far from the wire are the phases that a client reports?
//!
//! `cargo bench --bench accuracy [-- REQUESTS]` makes a network with a known round trip, and lets wirefall (kernel stamps
//! alone; own capture) and `curl -w` take turns at requests whose server delays vary: on an idle machine, and with a busy
//! loop on every core. tcpdump takes the packets at the client's interface and tshark says, with the clients' TLS secrets,
//! where each phase began and ended: an independent judge. The table has the error of every phase: its median, and the 99th
//! percentile and maximum of its size; below it, how many lie outside the bounds that wirefall itself states. All clients and the judge see the same connections, so noise of the machine that
//! delays packets does not count; noise that delays a client's own reading of its clock does.
//!
//! Needs root or user namespaces, and tcpdump, tshark and curl.

mod clients;
mod judge;
mod network;
mod server;
#[path = "../support/mod.rs"]
mod support;

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clients::{Client, Errand, Said};
use judge::{PHASES, Tap, judge};
use support::{Problem, credentials, end, find, percentile, rounds};

const HOST: &str = "accuracy.test";
const REQUESTS: usize = 1_000;

fn main() -> ExitCode {
    end("accuracy", run())
}

fn run() -> Result<String, Problem> {
    let requests = rounds(REQUESTS)?;
    for tool in ["curl", "tcpdump", "tshark"] {
        find(tool)?;
    }
    let (config, authority) = credentials(HOST)?;
    let config = Arc::new(config);
    let home = tempfile::tempdir()?;
    let network = network::Network::start(move |listener| server::serve(&listener, &config))?;
    let errand = clients::errand(home.path(), HOST, network::SERVER, &authority)?;
    let mut table = format!(
        "\nerror against the wire in µs, {requests} requests each over a round trip of {} ms\n",
        network::ROUND_TRIP.as_millis_f64()
    );
    for load in [Load::Idle, Load::Busy] {
        let busy = load.start();
        let errors = network
            .at_the_client(|| measure(&errand, requests, home.path()).map_err(|problem| problem.to_string()))??;
        busy.store(false, Ordering::Relaxed);
        write(&mut table, load, &errors);
    }
    Ok(table)
}

/// What else the machine does.
#[derive(Clone, Copy)]
enum Load {
    Idle,
    Busy,
}

impl Load {
    const fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Busy => "a busy loop on every core",
        }
    }

    /// Starts it; it ends when the flag is cleared.
    fn start(self) -> Arc<AtomicBool> {
        let going = Arc::new(AtomicBool::new(true));
        if let Self::Busy = self {
            for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
                let going = going.clone();
                std::thread::spawn(move || {
                    while going.load(Ordering::Relaxed) {
                        std::hint::spin_loop();
                    }
                });
            }
        }
        going
    }
}

/// A stamp inside the stack and one at the interface are of different instants: what lies this close outside of stated
/// bounds is within them.
const SAME_INSTANT: u64 = 20_000;

/// Errors in nanoseconds of every client and phase, how many phases were given bounds and how many of those lie outside, and
/// how many requests the judge could not tell.
struct Errors {
    of: HashMap<(&'static str, &'static str), Vec<i64>>,
    bounded: HashMap<&'static str, (usize, usize)>,
    untold: usize,
}

/// Every client in turns, inside the client's namespace.
fn measure(errand: &Errand, requests: usize, home: &Path) -> Result<Errors, Problem> {
    let tap = Tap::start(network::CLIENT_INTERFACE, &home.join("judge.pcap"))?;
    let mut said: Vec<(Client, Said)> = Vec::with_capacity(requests * Client::ALL.len());
    for request in 0..requests {
        // 0 to 20 ms before the response, 1 to 5 ms within it, in no step with anything.
        let path = format!("/{}/{}", request * 7_919 % 20_000, 1_000 + request * 104_729 % 4_000);
        for turn in 0..Client::ALL.len() {
            let client = Client::ALL[(request + turn) % Client::ALL.len()];
            said.push((client, clients::ask(client, errand, &path)?));
        }
    }
    let capture = tap.stop()?;
    let mut verdicts = judge(&capture, &errand.secrets)?;
    let mut errors = Errors { of: HashMap::new(), bounded: HashMap::new(), untold: 0 };
    for (client, said) in said {
        let Some(truth) = verdicts.get_mut(&said.port).and_then(|of_port| of_port.pop_front()?) else {
            errors.untold += 1;
            continue;
        };
        for phase in PHASES {
            let (Some(length), Some(true_length)) = (said.phases.get(phase), truth.get(phase)) else { continue };
            let error = i64::try_from(*length)? - i64::try_from(*true_length)?;
            if let Some(bound) = said.bounds.get(phase) {
                let (all, outside) = errors.bounded.entry(client.name()).or_default();
                *all += 1;
                *outside += usize::from(error.unsigned_abs() > bound + SAME_INSTANT);
            }
            errors.of.entry((client.name(), phase)).or_default().push(error);
        }
    }
    Ok(errors)
}

fn write(table: &mut String, load: Load, errors: &Errors) {
    // Writing into a String cannot fail.
    let _ = writeln!(table, "\n{}\n{:28}{}", load.name(), "", PHASES.map(|phase| format!("{phase:^27}")).concat());
    let _ = writeln!(table, "{:28}{}", "", "   median      p99      max".repeat(PHASES.len()));
    for client in Client::ALL {
        let _ = write!(table, "{:28}", client.name());
        for phase in PHASES {
            let figures = errors.of.get(&(client.name(), phase)).and_then(|sample| {
                let sizes: Vec<i64> = sample.iter().map(|error| error.abs()).collect();
                Some([percentile(sample, 50)?, percentile(&sizes, 99)?, percentile(&sizes, 100)?])
            });
            let _ = match figures {
                Some(figures) => write!(table, "{}", figures.map(|nanos| format!("{:>9}", micros(nanos))).concat()),
                None => write!(table, "{:>9}{:>9}{:>9}", "-", "-", "-"),
            };
        }
        let _ = writeln!(table);
    }
    for client in Client::ALL {
        if let Some((all, outside)) = errors.bounded.get(client.name()) {
            let _ =
                writeln!(table, "{}: {outside} of {all} phases lie outside the bounds that it states", client.name());
        }
    }
    if errors.untold > 0 {
        let _ = writeln!(table, "{} requests whose packets the judge did not see in full are left out", errors.untold);
    }
}

/// Microseconds with one digit behind the point.
fn micros(nanos: i64) -> String {
    let tenths = (nanos + 50 * nanos.signum()) / 100;
    let sign = if tenths < 0 { "-" } else { "" };
    format!("{sign}{}.{}", tenths.abs() / 10, tenths.abs() % 10)
}
