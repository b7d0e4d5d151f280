//! How a request fails, before it is charged to a phase's trace.

use super::deadline::Ended;
use super::socket::StreamError;
use crate::event::{Failure, FailureCode, Phase};

/// Ends a trace early. Made where the failure is understood, so that the code is the right one.
pub(crate) fn fault(phase: Phase, code: FailureCode, message: impl Into<String>) -> Failure {
    Failure { phase, code, message: message.into() }
}

/// A wait that ended: the code says in which phase time ran out.
pub(crate) fn ended(phase: Phase, ended: Ended, doing: &str) -> Failure {
    match ended {
        Ended::Interrupted => fault(phase, FailureCode::ClientInterrupted, format!("interrupted while {doing}")),
        Ended::TimedOut => fault(phase, timeout_code(phase), format!("time ran out while {doing}")),
    }
}

const fn timeout_code(phase: Phase) -> FailureCode {
    match phase {
        Phase::Blocked | Phase::Dns => FailureCode::DnsTimeout,
        Phase::Connect => FailureCode::ConnectTimeout,
        Phase::Tls => FailureCode::TlsTimeout,
        Phase::Send => FailureCode::SendTimeout,
        Phase::Wait => FailureCode::WaitTimeout,
        Phase::Receive => FailureCode::ReceiveTimeout,
    }
}

/// A stream that failed under a phase.
pub(crate) fn stream(phase: Phase, error: &StreamError, doing: &str) -> Failure {
    match error {
        StreamError::Ended(why) => ended(phase, *why, doing),
        StreamError::Reset(errno) => {
            fault(phase, reset_code(phase), format!("the peer ended the connection ({errno:?}) while {doing}"))
        }
        StreamError::Failed(errno) => {
            fault(phase, reset_code(phase), format!("the connection failed ({errno:?}) while {doing}"))
        }
        // Before a response began, TLS is to blame: in TLS 1.3 a server judges the client's certificate only after the
        // client's handshake is over.
        StreamError::Tls(failure) if phase < Phase::Receive => (**failure).clone(),
        StreamError::Tls(failure) => {
            fault(phase, reset_code(phase), format!("TLS failed while {doing}: {}", failure.message))
        }
    }
}

const fn reset_code(phase: Phase) -> FailureCode {
    match phase {
        Phase::Blocked | Phase::Dns => FailureCode::DnsUnreachable,
        Phase::Connect => FailureCode::ConnectFailed,
        Phase::Tls => FailureCode::TlsReset,
        Phase::Send => FailureCode::SendFailed,
        Phase::Wait => FailureCode::WaitReset,
        Phase::Receive => FailureCode::ReceiveReset,
    }
}

/// The peer closed the connection where more was expected.
pub(crate) fn closed(phase: Phase, doing: &str) -> Failure {
    let code = match phase {
        Phase::Blocked | Phase::Dns => FailureCode::DnsUnreachable,
        Phase::Connect => FailureCode::ConnectFailed,
        Phase::Tls => FailureCode::TlsClosed,
        Phase::Send => FailureCode::SendFailed,
        Phase::Wait => FailureCode::WaitClosed,
        Phase::Receive => FailureCode::ReceiveClosed,
    };
    fault(phase, code, format!("the peer closed the connection while {doing}"))
}
