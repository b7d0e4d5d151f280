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
}
