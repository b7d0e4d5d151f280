//! The framing of TLS records (RFC 8446 §5.1): five bytes of header, then as many as they say.
//!
//! Where bytes are missing that held a header, the framing is lost until a piece begins with a header again: senders begin
//! packets with records, and the chance that encrypted bytes look like a header is one in a million.
//!
//! Deliberately absent: keeping anything but a header that is not complete.

/// Bytes of a record's header.
const HEADER: usize = 5;
/// The longest body of a record (RFC 8446 §5.2: 2^14 + 256; RFC 5246 §6.2.3: 2^14 + 2048).
const LONGEST: usize = (1 << 14) + 2_048;

/// What a record says that it carries. From the ServerHello of TLS 1.3 on, everything encrypted says application data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentType {
    /// 20
    ChangeCipherSpec,
    /// 21
    Alert,
    /// 22
    Handshake,
    /// 23
    ApplicationData,
    /// 24 (RFC 6520)
    Heartbeat,
}

impl ContentType {
    const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            20 => Some(Self::ChangeCipherSpec),
            21 => Some(Self::Alert),
            22 => Some(Self::Handshake),
            23 => Some(Self::ApplicationData),
            24 => Some(Self::Heartbeat),
            _ => None,
        }
    }
}

/// A record's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// What it says that it carries.
    pub content: ContentType,
    /// Bytes behind the header, encryption's overhead included.
    pub length: usize,
}

/// What comes up in a direction: for each record its beginning, its bytes in pieces, its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordItem<'b> {
    /// The header is complete. A header that was cut is said to begin with its last byte.
    Began(Record),
    /// Bytes of the body.
    Bytes(&'b [u8]),
    /// The last byte.
    Ended(Record),
    /// Bytes of which nobody knows to which records they belong.
    Unframed,
}

/// The bytes are no TLS records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("what follows is not a TLS record")]
pub struct NotTls;

/// Cuts one direction's bytes into records.
#[derive(Clone, Copy, Debug, Default)]
pub struct Records {
    header: [u8; HEADER],
    have: usize,
    under_way: Option<(Record, usize)>,
    is_adrift: bool,
}

impl Records {
    /// Whether bytes can be the beginning of a direction that carries TLS: a handshake record of SSL 3.0 or later.
    #[must_use]
    pub fn begins(bytes: &[u8]) -> bool {
        match bytes {
            [] => false,
            [first] => *first == 22,
            [first, major, ..] => (*first, *major) == (22, 3),
        }
    }

    /// Takes all bytes, a piece that one packet brought, and says what came up in them.
    ///
    /// # Errors
    /// If a header is none; the reader is of no use then.
    pub fn take<'b>(&mut self, bytes: &'b [u8], mut up: impl FnMut(RecordItem<'b>)) -> Result<(), NotTls> {
        let mut rest = bytes;
        if self.is_adrift {
            if bytes.first_chunk().is_none_or(|header| parse(*header).is_none()) {
                up(RecordItem::Unframed);
                return Ok(());
            }
            self.is_adrift = false;
        }
        while !rest.is_empty() {
            if let Some((record, left)) = &mut self.under_way {
                let (part, behind) = rest.split_at(rest.len().min(*left));
                rest = behind;
                *left -= part.len();
                up(RecordItem::Bytes(part));
                if *left == 0 {
                    up(RecordItem::Ended(*record));
                    self.under_way = None;
                }
                continue;
            }
            let (part, behind) = rest.split_at(rest.len().min(HEADER - self.have));
            rest = behind;
            self.header[self.have..self.have + part.len()].copy_from_slice(part);
            self.have += part.len();
            if self.have == HEADER {
                self.have = 0;
                let record = parse(self.header).ok_or(NotTls)?;
                up(RecordItem::Began(record));
                if record.length == 0 {
                    up(RecordItem::Ended(record));
                } else {
                    self.under_way = Some((record, record.length));
                }
            }
        }
        Ok(())
    }

    /// Passes over bytes that nobody saw, and says whether they held the end of the record under way. Where they are not all
    /// inside that record, the framing is lost.
    pub fn skip(&mut self, length: u64, mut up: impl FnMut(RecordItem<'static>)) {
        if let Some((record, left)) = &mut self.under_way {
            match usize::try_from(length) {
                Ok(length) if length < *left => {
                    *left -= length;
                    return;
                }
                Ok(length) => self.is_adrift = length > *left,
                Err(_) => self.is_adrift = true,
            }
            up(RecordItem::Ended(*record));
            self.under_way = None;
        } else {
            self.is_adrift = true;
        }
        self.have = 0;
        if self.is_adrift {
            up(RecordItem::Unframed);
        }
    }
}

const fn parse(header: [u8; HEADER]) -> Option<Record> {
    let [content, major, minor, high, low] = header;
    let length = u16::from_be_bytes([high, low]) as usize;
    match ContentType::from_byte(content) {
        Some(content) if major == 3 && minor <= 4 && length <= LONGEST => Some(Record { content, length }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn record(content: u8, body: &[u8]) -> Vec<u8> {
        let length = u16::try_from(body.len()).unwrap().to_be_bytes();
        [&[content, 3, 3, length[0], length[1]], body].concat()
    }

    /// Each record that ended, with its bytes.
    fn read(pieces: &[&[u8]]) -> Result<Vec<(ContentType, Vec<u8>)>, NotTls> {
        let (mut records, mut read, mut body) = (Records::default(), Vec::new(), Vec::new());
        for piece in pieces {
            records.take(piece, |item| match item {
                RecordItem::Began(_) | RecordItem::Unframed => body.clear(),
                RecordItem::Bytes(bytes) => body.extend_from_slice(bytes),
                RecordItem::Ended(record) => {
                    assert_eq!(record.length, body.len());
                    read.push((record.content, body.clone()));
                }
            })?;
        }
        Ok(read)
    }

    #[test]
    fn records_one_after_another() {
        let bytes = [record(22, b"hello"), record(20, &[1]), record(23, b""), record(21, &[2, 40])].concat();
        let expect = [
            (ContentType::Handshake, b"hello".to_vec()),
            (ContentType::ChangeCipherSpec, vec![1]),
            (ContentType::ApplicationData, vec![]),
            (ContentType::Alert, vec![2, 40]),
        ];
        assert_eq!(read(&[&bytes]).unwrap(), expect);
        for bad in [&b"HTTP/1.1"[..], &[22, 2, 0, 0, 1], &[22, 3, 3, 0x60, 0], &[0; 5]] {
            assert_eq!(read(&[bad]), Err(NotTls), "{bad:?}");
        }
    }

    #[test]
    fn a_hole_inside_a_record_is_passed_over_and_behind_another_one_a_packet_begins_anew() {
        let alert = Record { content: ContentType::Alert, length: 2 };
        let content = Record { content: ContentType::ApplicationData, length: 100 };
        let mut records = Records::default();
        records.take(&record(23, &[0; 100])[..50], |_| ()).unwrap();
        let mut said = Vec::new();
        for length in [10, 45, 1] {
            records.skip(length, |item| said.push(item));
        }
        assert_eq!(said, [RecordItem::Ended(content), RecordItem::Unframed]);
        for (piece, expect) in [(&[23, 3, 3][..], None), (b"whatever it is", None), (&[21, 3, 3, 0, 2], Some(alert))] {
            let mut said = Vec::new();
            records.take(piece, |item| said.push(item)).unwrap();
            assert_eq!(said, [expect.map_or(RecordItem::Unframed, RecordItem::Began)], "{piece:?}");
        }
        // Across the end of a record: that it has ended is known.
        let mut said = Vec::new();
        records.skip(900, |item| said.push(item));
        assert_eq!(said, [RecordItem::Ended(alert), RecordItem::Unframed]);
    }

    proptest! {
        #[test]
        fn where_packets_are_cut_does_not_matter(bodies in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 1..5), cut in 0_usize..200) {
            let bytes = bodies.iter().flat_map(|body| record(23, body)).collect::<Vec<_>>();
            let cut = cut.min(bytes.len());
            let expect: Vec<_> = bodies.into_iter().map(|body| (ContentType::ApplicationData, body)).collect();
            prop_assert_eq!(read(&[&bytes[..cut], &bytes[cut..]]).unwrap(), expect);
        }

        #[test]
        fn any_bytes_are_records_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&[&bytes]);
        }
    }
}
