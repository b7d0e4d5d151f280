//! DNS messages in a stream (RFC 1035 §4.2.2): each behind two bytes that say how long it is.

use super::Stamp;
use super::stream::Piece;
use crate::event::Direction;
use crate::message::dns::{Overheard, overhear};

/// Length and message.
const LONGEST: usize = 2 + 0xffff;

/// What is heard on a connection to a name server.
#[derive(Debug, Default)]
pub(super) struct Tap {
    sent: Vec<u8>,
    received: Vec<u8>,
    pub(super) heard: Vec<(Direction, Overheard, Stamp)>,
    is_lost: bool,
}

impl Tap {
    pub(super) fn take(&mut self, direction: Direction, piece: &Piece<'_>) {
        let Self { sent, received, heard, is_lost } = self;
        if *is_lost {
            return;
        }
        let buffer = if direction == Direction::Sent { sent } else { received };
        buffer.extend_from_slice(piece.bytes);
        let mut begin = 0;
        while let Some([high, low]) = buffer.get(begin..begin + 2) {
            let length = usize::from(u16::from_be_bytes([*high, *low]));
            let Some(message) = buffer.get(begin + 2..begin + 2 + length) else { break };
            heard.extend(overhear(message).map(|message| (direction, message, piece.delivered)));
            begin += 2 + length;
        }
        buffer.drain(..begin);
        // Behind bytes that are missing, nobody knows where a message begins.
        *is_lost = piece.missing > 0 || buffer.len() > LONGEST;
    }
}
