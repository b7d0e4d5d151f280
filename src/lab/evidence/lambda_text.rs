//! A function's log in text (Lambda developer guide, "Viewing logs": `START`, `END`, `REPORT`; "Restore phase" for `SnapStart`).
//!
//! The lines carry no time of their own: that is what the log service adds.

use super::stamp::hundredths;
use super::{field, xray};
use crate::lab::lambda::{Placement, Start};
use crate::lab::served::{Invocation, LayerTime};
use crate::time::Nanos;

/// The size of every function here; it changes nothing.
pub(super) const MEMORY_MB: u32 = 512;
/// What they use of it, allegedly.
pub(super) const MEMORY_USED_MB: u32 = 74;
/// The runtime's version, in the form that AWS gives it.
pub(super) const RUNTIME: &str = "python:3.13.v64";
const RUNTIME_ID: &str = "8b4d4c0c9a5e6f7081920a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f";

/// The lines of one invocation, without the last one's end; `None` where no sandbox served it.
pub(super) fn lines(part: &LayerTime, region: &str) -> Option<String> {
    let invocation = part.invocation.as_ref()?;
    let id = part.request_id.as_deref()?;
    let runtime =
        format!("Runtime Version: {RUNTIME}\tRuntime Version ARN: arn:aws:lambda:{region}::runtime:{RUNTIME_ID}");
    let mut lines = match started(invocation) {
        Some((Start::Initialise { .. }, _)) => vec![format!("INIT_START {runtime}")],
        Some((Start::Restore(_), length)) => vec![
            format!("RESTORE_START {runtime}"),
            format!("RESTORE_REPORT Restore Duration: {} ms", hundredths(length)),
        ],
        None => Vec::new(),
    };
    lines.push(format!("START RequestId: {id} Version: $LATEST"));
    lines.push(format!("END RequestId: {id}"));
    let mut report = vec![
        format!("REPORT RequestId: {id}"),
        format!("Duration: {} ms", hundredths(invocation.duration)),
        format!("Billed Duration: {} ms", billed(invocation)),
        format!("Memory Size: {MEMORY_MB} MB"),
        format!("Max Memory Used: {MEMORY_USED_MB} MB"),
    ];
    match started(invocation) {
        Some((Start::Initialise { .. }, length)) => report.push(format!("Init Duration: {} ms", hundredths(length))),
        Some((Start::Restore(_), length)) => {
            report.push(format!("Restore Duration: {} ms", hundredths(length)));
            report.push(format!("Billed Restore Duration: {} ms", whole_millis_begun(length)));
        }
        None => {}
    }
    let header = part.trace_header.as_deref().unwrap_or_default();
    if let (Some(root), true) = (field(header, "Root"), xray::is_sampled(header)) {
        let own = field(header, "Parent").unwrap_or_default();
        report.push(format!("XRAY TraceId: {root}"));
        report.push(format!("SegmentId: {own}"));
        report.push("Sampled: true".to_owned());
    }
    lines.push(report.join("\t") + "\t");
    Some(lines.join("\n"))
}

/// How the sandbox got ready for this invocation, and what that really took; `None` if it was warm.
pub(super) const fn started(invocation: &Invocation) -> Option<(Start, Nanos)> {
    match (invocation.placement, invocation.started) {
        (Placement::Cold { start, .. }, Some(length)) => Some((start, length)),
        _ => None,
    }
}

/// Milliseconds that have begun, initialisation included, as AWS bills since August 2025.
pub(super) fn billed(invocation: &Invocation) -> u64 {
    let init = match started(invocation) {
        Some((Start::Initialise { .. }, length)) => length,
        _ => Nanos::ZERO,
    };
    whole_millis_begun(init + invocation.duration)
}

pub(super) const fn whole_millis_begun(length: Nanos) -> u64 {
    length.get().div_ceil(1_000_000)
}
