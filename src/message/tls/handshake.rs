//! Handshake messages, put together from the records that carry them (RFC 8446 §5.1): a message may span records, and a
//! record may hold several messages.

use super::{ClientHello, ServerHello};

/// Bytes kept of one message; a ClientHello with post-quantum keys has about 2,000. Longer hellos are not understood.
pub const LONGEST_HELLO: usize = 32 * 1_024;
/// Type and length.
const HEADER: usize = 4;
/// What of a `ServerKeyExchange` says which group was chosen (RFC 8422 §5.4).
const NAMED_CURVE: usize = 3;

/// A message that is complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// Type 1.
    ClientHello(ClientHello),
    /// Type 2, also where it is a HelloRetryRequest.
    ServerHello(ServerHello),
    /// Type 12 of TLS 1.2, with the named group where it has one.
    ServerKeyExchange(Option<u16>),
    /// Another one, by its type; or a hello that cannot be read.
    Other(u8),
}

/// The messages of one direction.
#[derive(Debug, Default)]
pub struct Handshake {
    header: [u8; HEADER],
    have: usize,
    body: Vec<u8>,
    left: usize,
    is_lost: bool,
}

impl Handshake {
    /// Takes the bytes of handshake records and says which messages became complete.
    pub fn take(&mut self, bytes: &[u8], mut up: impl FnMut(Message)) {
        let mut rest = bytes;
        while !rest.is_empty() && !self.is_lost {
            if self.have < HEADER {
                let (part, behind) = rest.split_at(rest.len().min(HEADER - self.have));
                rest = behind;
                self.header[self.have..self.have + part.len()].copy_from_slice(part);
                self.have += part.len();
                let [_, high, middle, low] = self.header;
                self.left = usize::try_from(u32::from_be_bytes([0, high, middle, low])).unwrap_or(usize::MAX);
            } else {
                let (part, behind) = rest.split_at(rest.len().min(self.left));
                rest = behind;
                self.left -= part.len();
                let room = self.kept().saturating_sub(self.body.len());
                self.body.extend_from_slice(&part[..part.len().min(room)]);
            }
            if self.have == HEADER && self.left == 0 {
                up(self.message());
                self.have = 0;
                self.body = Vec::new();
            }
        }
    }

    /// Bytes are missing: the message that they belong to cannot be read, and where the next one begins is unknown.
    pub fn lose(&mut self) {
        *self = Self { is_lost: true, ..Self::default() };
    }

    /// How much of the message under way is worth keeping.
    const fn kept(&self) -> usize {
        match self.header[0] {
            1 | 2 => LONGEST_HELLO,
            12 => NAMED_CURVE,
            _ => 0,
        }
    }

    fn message(&self) -> Message {
        let understood = match self.header[0] {
            1 => ClientHello::parse(&self.body).map(Message::ClientHello),
            2 => ServerHello::parse(&self.body).map(Message::ServerHello),
            12 => Some(Message::ServerKeyExchange(match self.body[..] {
                [3, high, low] => Some(u16::from_be_bytes([high, low])),
                _ => None,
            })),
            _ => None,
        };
        understood.unwrap_or(Message::Other(self.header[0]))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::hello::tests::{client_hello, server_hello};
    use super::*;

    fn message(kind: u8, body: &[u8]) -> Vec<u8> {
        let [_, high, middle, low] = u32::try_from(body.len()).unwrap().to_be_bytes();
        [&[kind, high, middle, low], body].concat()
    }

    fn read(pieces: &[&[u8]]) -> Vec<Message> {
        let (mut handshake, mut read) = (Handshake::default(), Vec::new());
        for piece in pieces {
            handshake.take(piece, |message| read.push(message));
        }
        read
    }

    #[test]
    fn messages_of_a_flight() {
        let bytes = [
            message(2, &server_hello(&[1; 32], &[])),
            message(11, &[0; 5_000]),
            message(12, &[3, 0, 0x1d, 32, 1, 1, 1]),
            message(14, &[]),
            message(1, &[1, 2, 3]),
        ]
        .concat();
        let read = read(&[&bytes]);
        assert!(matches!(read[0], Message::ServerHello(_)));
        let rest = [Message::Other(11), Message::ServerKeyExchange(Some(0x1d)), Message::Other(14), Message::Other(1)];
        assert_eq!(read[1..], rest);
    }

    #[test]
    fn what_is_too_long_to_keep_is_not_kept() {
        let mut handshake = Handshake::default();
        handshake.take(&[1, 0xff, 0xff, 0xff], |_| ());
        for _ in 0..100 {
            handshake.take(&[0; 10_000], |_| ());
            assert!(handshake.body.len() <= LONGEST_HELLO);
        }
    }

    #[test]
    fn behind_missing_bytes_nothing_is_made_up() {
        let hello = message(2, &server_hello(&[1; 32], &[]));
        let (mut handshake, mut read) = (Handshake::default(), Vec::new());
        handshake.take(&hello[..30], |message| read.push(message));
        handshake.lose();
        // Bytes of another message, which would complete the first one.
        handshake.take(&[0x13; 200], |message| read.push(message));
        assert_eq!((read, handshake.body.len()), (vec![], 0));
    }

    proptest! {
        #[test]
        fn where_records_are_cut_does_not_matter(cut in 0_usize..200) {
            let bytes = [message(1, &client_hello()), message(20, &[0; 12])].concat();
            let cut = cut.min(bytes.len());
            let read = read(&[&bytes[..cut], &bytes[cut..]]);
            prop_assert!(matches!(read[..], [Message::ClientHello(_), Message::Other(20)]));
        }

        #[test]
        fn any_bytes_are_messages(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            read(&[&bytes]);
        }
    }
}
