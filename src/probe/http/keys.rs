//! The fields by which logs of what a request passed are joined with its trace.
//!
//! One 128-bit number, the trace's id, stands in all of them: as the root of AWS X-Ray's header, as the trace-id of W3C Trace
//! Context, and as a token in `User-Agent`, which access logs keep where they keep no other field. The parent is new for each
//! request, so that what a request caused can be told from what its repetition caused.
//!
//! Deliberately absent: what the user has set or removed himself (the head decides), and reading such fields.

use super::head::USER_AGENT;
use crate::trace::TraceId;

/// The header that AWS's services hand on and log (X-Ray developer guide, "Tracing header").
pub(super) const X_AMZN_TRACE_ID: &str = "X-Amzn-Trace-Id";
/// W3C Trace Context, section 3.2.
pub(super) const TRACEPARENT: &str = "traceparent";

/// What names one request of one trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct JoinKeys {
    trace: TraceId,
    parent: u64,
}

impl JoinKeys {
    /// From the trace's id and random bits.
    pub(crate) const fn new(trace: TraceId, random: u64) -> Self {
        // A parent of zeros is no parent (W3C Trace Context, section 3.2.2.4).
        Self { trace, parent: if random == 0 { 1 } else { random } }
    }

    /// `Sampled=1`: services that trace only what somebody upstream has chosen, trace this.
    pub(super) fn x_amzn_trace_id(&self) -> String {
        format!("Root={};Parent={:016x};Sampled=1", self.trace.x_ray_root(), self.parent)
    }

    pub(super) fn traceparent(&self) -> String {
        format!("00-{}-{:016x}-01", self.trace, self.parent)
    }

    pub(super) fn user_agent(&self) -> String {
        format!("{USER_AGENT} trace/{}", self.trace)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_number_is_behind_all_fields() {
        let keys = JoinKeys::new(TraceId::new(0x6740_0000, 0xabc), 0x12);
        assert_eq!(
            keys.x_amzn_trace_id(),
            "Root=1-67400000-000000000000000000000abc;Parent=0000000000000012;Sampled=1"
        );
        assert_eq!(keys.traceparent(), "00-67400000000000000000000000000abc-0000000000000012-01");
        assert_eq!(keys.user_agent(), format!("{USER_AGENT} trace/67400000000000000000000000000abc"));
        assert_ne!(
            JoinKeys::new(TraceId::new(1, 2), 0).traceparent(),
            "00-00000001000000000000000000000002-0000000000000000-01"
        );
    }
}
