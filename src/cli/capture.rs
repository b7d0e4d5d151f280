//! Captures around a run: begun before the first request, written when all is over.
//!
//! Deliberately absent: capturing itself ([`crate::capture`]).

use std::fs::OpenOptions;
use std::io::{BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;

use super::args::{CaptureRule, HopsWanted, PacketList};
use super::console::Console;
use super::{CommandError, chain};
use crate::capture::{Capture, CaptureError, Depth, Privilege};
use crate::flow::Keep;
use crate::packet::file::CaptureWriteError;
use crate::probe::{Interrupt, Probe, ProbeError, Watcher};
use crate::target::{Interface, Plan};
use crate::time::Nanos;

/// How long a file waits for the last packets of connections that this program has closed.
const GOODBYES: Nanos = Nanos::from_millis(50);

/// Hops need the privilege that capturing needs, and so does binding to a device before Linux 5.7.
const fn privilege(plan: &Plan, hops: Option<HopsWanted>) -> Privilege {
    match (&plan.route.interface, hops) {
        (Some(Interface::Device(_)), _) | (_, Some(_)) => Privilege::Keep,
        _ => Privilege::GiveUp,
    }
}

/// Whether to capture, and how much of each packet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wish {
    pub(super) rule: CaptureRule,
    pub(super) depth: Depth,
}

/// Begins to capture, if that is wanted. Where it cannot be and nobody insists, there is none; what is out of the ordinary is
/// said.
pub(super) fn begin(
    plan: &Plan,
    wish: Wish,
    hops: Option<HopsWanted>,
    console: &mut Console,
) -> Result<Option<Arc<Capture>>, CommandError> {
    let Wish { rule, depth } = wish;
    if rule == CaptureRule::Off {
        return Ok(None);
    }
    match (rule, Capture::open(depth, privilege(plan, hops))) {
        (_, Ok(capture)) => Ok(Some(Arc::new(capture))),
        (CaptureRule::Auto, Err(CaptureError::NotPermitted | CaptureError::Unsupported)) => Ok(None),
        (CaptureRule::Auto, Err(error)) => {
            console.complain(&format!("nothing is captured: {}", chain(&error)));
            Ok(None)
        }
        (_, Err(error)) => Err(error.into()),
    }
}

/// A client that rests on packets where they can be captured, and on the kernel's stamps where not.
pub(super) fn probe(plan: &Plan, interrupt: Interrupt) -> Result<Probe<'_>, ProbeError> {
    match Capture::open(Depth::Headers, privilege(plan, None)) {
        Ok(capture) => Probe::watched_by(watcher(&Arc::new(capture), PacketList::Omit), plan, interrupt),
        Err(_) => Probe::new(plan, interrupt),
    }
}

/// What the client has to know of a capture.
pub(super) fn watcher(capture: &Arc<Capture>, packets: PacketList) -> Watcher {
    let keep = match packets {
        PacketList::Omit => Keep::Arrivals,
        PacketList::List => Keep::Packets,
    };
    Watcher { tap: Arc::<Capture>::clone(capture), keep }
}

/// Says what was lost: times that miss packets are not what they seem.
pub(super) fn report_losses(capture: &Capture, console: &mut Console) {
    for count in capture.counts() {
        let lost = count.dropped + count.left_out;
        if lost > 0 {
            console.complain(&format!("{lost} packets on {} could not be captured", count.interface));
        }
    }
}

/// Writes everything into a file, which its owner alone may read where it is new: what it holds decrypts the connection.
pub(super) fn write(capture: &Capture, path: &Path) -> Result<(), CommandError> {
    capture.await_goodbyes(GOODBYES);
    let unwritable = |source| CommandError::File { doing: "write", file: path.display().to_string(), source };
    let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path).map_err(unwritable)?;
    let written = capture.write(BufWriter::new(file));
    let flushed = written.and_then(|mut file| file.flush().map_err(CaptureWriteError::Write));
    flushed.map_err(|error| match error {
        CaptureWriteError::Write(source) => unwritable(source),
        source => CommandError::Pcap { file: path.display().to_string(), source },
    })
}
