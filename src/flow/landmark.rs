//! Places in a connection's streams that are moments of a request.

use super::{Conversation, Observer};
use crate::event::{Event, Evidence, Fact, Mark, Moment};
use crate::time::{ClockSync, Realtime, Timestamp};

/// A moment of a request, and the place in the connection's streams at which it happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Landmark {
    /// Which moment.
    pub moment: Moment,
    /// Where in the streams.
    pub place: Place,
}

/// A place in the streams of a connection. Offsets count from the byte behind the SYN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The first SYN leaves.
    Syn,
    /// The first SYN-ACK arrives.
    SynAck,
    /// Every byte before this offset has been put on the wire for the first time.
    SentEnd(u64),
    /// The byte at this offset arrives for the first time.
    ReceivedFirst(u64),
    /// Every byte before this offset has arrived, so that TCP can hand them over.
    ReceivedEnd(u64),
    /// The peer has acknowledged every sent byte before this offset.
    Acknowledged(u64),
}

impl Place {
    /// When that was; `None` where the capture does not have it.
    #[must_use]
    pub fn at(self, conversation: &Conversation) -> Option<Timestamp<Realtime>> {
        match self {
            Self::Syn => conversation.handshake().syns.first().copied(),
            Self::SynAck => conversation.handshake().syn_acks.first().copied(),
            Self::SentEnd(end) => conversation.sent(end),
            Self::ReceivedFirst(offset) => conversation.received(offset),
            Self::ReceivedEnd(end) => conversation.delivered(end.checked_sub(1)?),
            Self::Acknowledged(end) => conversation.acknowledged(end).map(|acknowledged| acknowledged.at),
        }
    }
}

/// The moments that the capture witnessed, and the handshake's round trip where it is unambiguous.
///
/// A mark's error is the resolution of the capture's stamps and the clock's error together.
pub fn witness<'a>(
    landmarks: &'a [Landmark],
    conversation: &'a Conversation,
    clock: &'a ClockSync,
    observer: &Observer,
) -> impl Iterator<Item = Event> + use<'a> {
    let error = clock.error() + observer.resolution;
    let marks = landmarks.iter().filter_map(move |landmark| {
        let at = clock.to_monotonic(landmark.place.at(conversation)?);
        Some(Event::Observed(landmark.moment, Mark { at, error, source: Evidence::Wire }))
    });
    let round_trip =
        conversation.syn_round_trip(observer.side).exact().map(|rtt| Event::Learned(Fact::SynRoundTrip(rtt)));
    marks.chain(round_trip)
}
