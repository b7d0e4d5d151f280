//! What one request and its response showed, as far as they came.

use crate::event::{Fact, Mark, Moment, Phase, ResponseHead};
use crate::probe::recorder::Recorder;
use crate::probe::socket::{Arrival, Left};

/// Filled in as things happen.
#[derive(Debug, Default)]
pub(crate) struct ExchangeLog {
    /// Bytes of the request's head as written; zero while none were.
    pub(crate) head_bytes_sent: u64,
    /// When the first byte of the request was handed to the kernel.
    pub(crate) begun: Option<Mark>,
    /// When the last byte of the request left.
    pub(crate) sent: Option<Left>,
    /// When the peer's TCP acknowledged it.
    pub(crate) acknowledged: Option<Mark>,
    /// 1xx responses: status and arrival of the first byte.
    pub(crate) informational: Vec<(u16, Arrival)>,
    /// The first byte of the final response.
    pub(crate) first_byte: Option<Arrival>,
    /// The final response's head.
    pub(crate) head: Option<ResponseHead>,
    /// Its last byte.
    pub(crate) head_complete: Option<Arrival>,
    /// The first byte of the body.
    pub(crate) first_body_byte: Option<Arrival>,
    /// The last byte of the response.
    pub(crate) last_byte: Option<Arrival>,
    /// Body bytes so far, without framing.
    pub(crate) body_bytes: u64,
}

impl ExchangeLog {
    /// The phase that is under way once the request has been sent: where a failure belongs.
    pub(crate) const fn phase(&self) -> Phase {
        if self.first_byte.is_some() { Phase::Receive } else { Phase::Wait }
    }

    /// Hands everything to the trace.
    pub(crate) fn record(self, recorder: &mut Recorder) {
        if let Some(mark) = self.begun {
            recorder.observe(Moment::RequestHanded, mark);
        }
        if let Some(left) = self.sent {
            if let Some(mark) = left.scheduled {
                recorder.observe(Moment::RequestScheduled, mark);
            }
            recorder.left(Moment::End(Phase::Send), left);
            recorder.landmark(Moment::RequestAcked, left.acknowledged());
        }
        if let Some(mark) = self.acknowledged {
            recorder.observe(Moment::RequestAcked, mark);
        }
        for (index, (status, arrival)) in (0..).zip(self.informational) {
            recorder.learn(Fact::Informational(index, status));
            recorder.arrived(Moment::Informational(index), arrival);
        }
        let moments = [
            (Moment::End(Phase::Wait), self.first_byte),
            (Moment::HeadComplete, self.head_complete),
            (Moment::FirstBodyByte, self.first_body_byte),
            (Moment::End(Phase::Receive), self.last_byte),
        ];
        for (moment, arrival) in moments {
            if let Some(arrival) = arrival {
                recorder.arrived(moment, arrival);
            }
        }
        if let Some(head) = self.head {
            recorder.learn(Fact::Response(head));
            recorder.learn(Fact::BodyBytes(self.body_bytes));
        }
    }
}
