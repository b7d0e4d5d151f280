//! What became of the objectives, in words.

use crate::render::length::millis;
use crate::stats::{Held, Reading, Shortfall};

/// `SLO met: 4 of 4`, `SLO missed: 3 of 4; 2 of these are unknown, which counts as missed`, in two parts.
pub(super) fn headline(slo: &[Held]) -> (&'static str, String) {
    let all = slo.len();
    let met = slo.iter().filter(|held| held.met == Some(true)).count();
    if met == all {
        return ("SLO met", format!("{met} of {all}"));
    }
    let unknown = match slo.iter().filter(|held| held.met.is_none()).count() {
        0 => String::new(),
        1 => "; 1 of these is unknown, which counts as missed".to_owned(),
        several => format!("; {several} of these are unknown, which counts as missed"),
    };
    ("SLO missed", format!("{} of {all}{unknown}", all - met))
}

/// What was measured: `p50 51.752 ms`, `p95 51.752 ms, the maximum of 8`, `2 of 32 failed`; `None` where nothing was.
pub(super) fn measured(held: &Held) -> Option<String> {
    match held.reading {
        Reading::Length { statistic, measured, is_maximum_of, .. } => {
            let few = is_maximum_of.map_or(String::new(), |of| format!(", the maximum of {of}"));
            measured.map(|length| format!("{} {} ms{few}", statistic.as_str(), millis(length)))
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
