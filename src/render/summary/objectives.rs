//! What became of the objectives, in words.

use crate::render::length::millis;
use crate::stats::{Held, Reading, Shortfall};

/// `SLO met: all 4`, `SLO missed: 1 of 4 missed, 2 unknown`.
pub(super) fn headline(slo: &[Held]) -> (&'static str, String) {
    let count = |met: Option<bool>| slo.iter().filter(|held| held.met == met).count();
    let (all, missed, unknown) = (slo.len(), count(Some(false)), count(None));
    let unknown = match unknown {
        0 => None,
        some => Some(format!("{some} of {all} unknown, which counts as missed")),
    };
    match (missed, unknown) {
        (0, None) if all == 1 => ("SLO met", "the only objective".to_owned()),
        (0, None) => ("SLO met", format!("all {all} objectives")),
        (0, Some(unknown)) => ("SLO missed", unknown),
        (missed, None) => ("SLO missed", format!("{missed} of {all} objectives")),
        (missed, Some(unknown)) => ("SLO missed", format!("{missed} of {all} objectives; {unknown}")),
    }
}

/// What was measured: `51.752 ms`, `51.752 ms, the maximum of 8`, `2 of 32 failed`; `None` where nothing was.
pub(super) fn measured(held: &Held) -> Option<String> {
    match held.reading {
        Reading::Length { measured, is_maximum_of, .. } => {
            let few = is_maximum_of.map_or(String::new(), |of| format!(", the maximum of {of}"));
            measured.map(|length| format!("{} ms{few}", millis(length)))
        }
        Reading::Failures { measured, requests, .. } => measured.map(|failed| format!("{failed} of {requests} failed")),
    }
}

/// `met`, `missed by 3.344 ms`, `missed by 2 requests`, `unknown: no request has tls`.
pub(super) fn result(held: &Held) -> String {
    match held.reading.shortfall() {
        None => "met".to_owned(),
        Some(Shortfall::TooLong { took, most }) => format!("missed by {} ms", millis(took.saturating_sub(most))),
        Some(Shortfall::TooManyFailed { failures, .. }) => {
            let bound = match held.reading {
                Reading::Failures { bound, .. } => bound,
                Reading::Length { .. } => 0,
            };
            match failures.saturating_sub(bound) {
                1 => "missed by 1 request".to_owned(),
                over => format!("missed by {over} requests"),
            }
        }
        Some(Shortfall::NeverHappened { measure }) => format!("unknown: no request has {measure}"),
        Some(Shortfall::NoneSucceeded { requests }) => format!("unknown: none of {requests} requests succeeded"),
    }
}
