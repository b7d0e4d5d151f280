//! What a target's traces mean for the exit code.

use super::args::StatusRule;
use super::exit;
use crate::probe::Stopped;
use crate::trace::Trace;

/// The exit code of a target, and why it is not 0.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) exit_code: u8,
    pub(super) message: Option<String>,
}

impl Verdict {
    /// The first failure's; without one, what stopped a chain of redirects, then the last status.
    pub(super) fn of(traces: &[Trace], stopped: Option<&Stopped>, rule: StatusRule) -> Self {
        if let Some(failure) = traces.iter().find_map(Trace::failure) {
            return Self { exit_code: failure.code.exit_status(), message: Some(failure.to_string()) };
        }
        if let Some(stopped) = stopped {
            let exit_code = match stopped {
                Stopped::TooMany(_) => exit::TOO_MANY_REDIRECTS,
                Stopped::Unusable { .. } => exit::OTHER,
            };
            return Self { exit_code, message: Some(stopped.to_string()) };
        }
        if let Some((trace, status)) = traces.iter().find_map(|trace| Some((trace, trace.unexpected_status()?))) {
            let expected = trace.subject.expect_status.map_or(String::new(), |expected| expected.to_string());
            let message = format!("the server answered with status {status}, expected {expected} (expect_status)");
            return Self { exit_code: exit::HTTP_STATUS, message: Some(message) };
        }
        let status = traces.last().and_then(|trace| trace.response.as_ref()).map(|response| response.status);
        match (rule, status) {
            (StatusRule::FailFrom400, Some(status)) if status >= 400 => Self {
                exit_code: exit::HTTP_STATUS,
                message: Some(format!("the server answered with status {status} (-f)")),
            },
            _ => Self { exit_code: 0, message: None },
        }
    }

    /// No region could be reached; each was asked once, then.
    pub(super) fn unreachable(traces: &[Trace]) -> Self {
        let Some(Commonest { code, exit_code, count, requests }) = Commonest::of(traces.iter()) else {
            return Self { exit_code: 0, message: None };
        };
        let message = format!("no region could be reached, and {count} of {requests} failed with {code}");
        Self { exit_code, message: Some(message) }
    }
}

/// Of requests of which none succeeded, the failure that occurs most; the first of those where several do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Commonest {
    /// Its name.
    pub(super) code: &'static str,
    pub(super) exit_code: u8,
    /// How many requests it ended, and of how many.
    pub(super) count: u64,
    pub(super) requests: u64,
}

impl Commonest {
    /// `None` where a request succeeded, or where there is none.
    pub(super) fn of<'t>(traces: impl Iterator<Item = &'t Trace>) -> Option<Self> {
        let (mut requests, mut failures) = (0, Vec::<(&'static str, u8, u64)>::new());
        for trace in traces {
            requests += 1;
            let failure = trace.failure_name()?;
            if let Some((_, _, count)) = failures.iter_mut().find(|(known, _, _)| *known == failure) {
                *count += 1;
                continue;
            }
            // Without a failure, it is the status that nobody expected.
            let exit_code = trace.failure().map_or(exit::HTTP_STATUS, |failure| failure.code.exit_status());
            failures.push((failure, exit_code, 1));
        }
        let (code, exit_code, count) = failures.into_iter().rev().max_by_key(|(_, _, count)| *count)?;
        Some(Self { code, exit_code, count, requests })
    }
}
