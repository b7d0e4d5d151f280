//! Capture files by hand, written and broken.

mod compressed;
mod written;

use std::cell::Cell;
use std::io::{self, Write};

use proptest::prelude::*;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};

use super::*;

/// What a reader gave: packets, and the error at the end or in between.
type Outcome = (Vec<Owned>, Vec<CaptureFileError>);

/// A packet that outlives its reader.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Owned {
    at: u64,
    resolution: u64,
    interface: u32,
    link: LinkType,
    bytes: Vec<u8>,
    original_length: u32,
    comments: Vec<String>,
    direction: Option<PacketDirection>,
}

impl From<Captured<'_>> for Owned {
    fn from(packet: Captured<'_>) -> Self {
        Self {
            at: packet.at.as_nanos(),
            resolution: packet.resolution.get(),
            interface: packet.interface,
            link: packet.link,
            bytes: packet.bytes.to_vec(),
            original_length: packet.original_length,
            comments: packet.options.comments().map(String::from).collect(),
            direction: packet.options.direction(),
        }
    }
}

fn read_all(file: &[u8]) -> Outcome {
    check_batches(Grudging { bytes: file, end: None, most: 97 });
    check_batches(file)
}

/// Reads one by one and in batches, which gives the same.
fn check_batches<R: Read + Copy>(source: R) -> Outcome {
    let (mut reader, mut batched) = match (CaptureReader::open(source), CaptureReader::open(source)) {
        (Ok(reader), Ok(batched)) => (reader, batched),
        (Err(error), _) | (_, Err(error)) => return (Vec::new(), vec![error]),
    };
    let (packets, errors) = drain(&mut reader);
    let ((again, damaged, first), end) = drain_batches(&mut batched);
    let said = |errors: Vec<&CaptureFileError>| format!("{errors:?}");
    let (single, last): (Vec<_>, Vec<_>) = errors.iter().partition(|error| error.is_of_one_packet());
    assert_eq!(again, packets);
    assert_eq!((damaged, said(end.iter().collect())), (single.len() as u64, said(last)));
    assert_eq!(said(first.iter().collect()), said(single.into_iter().take(1).collect()));
    assert_eq!(batched.interfaces(), reader.interfaces());
    assert_eq!((batched.packets(), batched.offset()), (reader.packets(), reader.offset()));
    (packets, errors)
}

/// Of all batches the packets, how many were damaged, and how the first of these was; and what ended the file.
type Batches = (Vec<Owned>, u64, Option<CaptureFileError>);

fn drain_batches<R: Read>(reader: &mut CaptureReader<R>) -> (Batches, Option<CaptureFileError>) {
    let (mut packets, mut damaged, mut first) = (Vec::new(), 0, None);
    let mut batch = Batch::default();
    loop {
        let filled = match reader.fill(&mut batch) {
            Ok(filled) => filled,
            Err(error) => return ((packets, damaged, first), Some(error)),
        };
        packets.extend(batch.packets().map(Owned::from));
        damaged += batch.damaged();
        first = first.or(batch.first_damage());
        assert_eq!(batch.interfaces(), reader.interfaces());
        assert_eq!(reader.packets(), packets.len() as u64);
        match filled {
            Filled::Partly => {}
            Filled::ToTheEnd => return ((packets, damaged, first), None),
        }
    }
}

fn drain<R: Read>(reader: &mut CaptureReader<R>) -> Outcome {
    let (mut packets, mut errors) = (Vec::new(), Vec::new());
    loop {
        match reader.next() {
            Ok(Some(packet)) => packets.push(packet.into()),
            Ok(None) => break,
            Err(error) => errors.push(error),
        }
    }
    assert_eq!(reader.packets(), packets.len() as u64);
    (packets, errors)
}

/// Numbers in one byte order.
#[derive(Clone, Copy, Debug)]
enum Write32 {
    Little,
    Big,
}

impl Write32 {
    const BOTH: [Self; 2] = [Self::Little, Self::Big];

    fn half(self, number: u16) -> [u8; 2] {
        match self {
            Self::Little => number.to_le_bytes(),
            Self::Big => number.to_be_bytes(),
        }
    }

    fn words(self, numbers: &[u32]) -> Vec<u8> {
        numbers
            .iter()
            .flat_map(|number| match self {
                Self::Little => number.to_le_bytes(),
                Self::Big => number.to_be_bytes(),
            })
            .collect()
    }

    /// A pcap file header.
    fn pcap(self, magic: u32, link: u32) -> Vec<u8> {
        [self.words(&[magic]), self.half(2).to_vec(), self.half(4).to_vec(), self.words(&[0, 0, 65_535, link])].concat()
    }

    /// A pcapng block.
    fn block(self, kind: u32, body: &[u8]) -> Vec<u8> {
        let mut padded = body.to_vec();
        padded.resize(body.len().next_multiple_of(4), 0);
        let length = u32::try_from(padded.len() + 12).unwrap();
        [self.words(&[kind, length]), padded, self.words(&[length])].concat()
    }

    fn section(self) -> Vec<u8> {
        self.block(0x0a0d_0d0a, &[self.words(&[0x1a2b_3c4d, self.version()]), vec![0xff; 8]].concat())
    }

    /// Version 1.0, as the two halves of a word.
    fn version(self) -> u32 {
        match self {
            Self::Little => 1,
            Self::Big => 1 << 16,
        }
    }

    fn option(self, code: u16, value: &[u8]) -> Vec<u8> {
        let mut padded = value.to_vec();
        padded.resize(value.len().next_multiple_of(4), 0);
        [&self.half(code)[..], &self.half(u16::try_from(value.len()).unwrap()), &padded].concat()
    }

    fn interface(self, link: u16, options: &[u8]) -> Vec<u8> {
        self.block(1, &[&self.half(link)[..], &[0, 0], &self.words(&[0]), options].concat())
    }

    fn enhanced(self, interface: u32, count: u64, bytes: &[u8], options: &[u8]) -> Vec<u8> {
        let (high, low) = (u32::try_from(count >> 32).unwrap(), u32::try_from(count & 0xffff_ffff).unwrap());
        let length = u32::try_from(bytes.len()).unwrap();
        let mut padded = bytes.to_vec();
        padded.resize(bytes.len().next_multiple_of(4), 0);
        self.block(6, &[&self.words(&[interface, high, low, length, length + 10])[..], &padded, options].concat())
    }
}

fn owned(at: u64, resolution: u64, link: LinkType, bytes: &[u8], original_length: u32) -> Owned {
    Owned {
        at,
        resolution,
        interface: 0,
        link,
        bytes: bytes.to_vec(),
        original_length,
        comments: Vec::new(),
        direction: None,
    }
}

#[test]
fn pcap_is_read_in_both_orders_and_all_units() {
    for order in Write32::BOTH {
        for (magic, unit, more) in [(0xa1b2_c3d4, 1_000, 0), (0xa1b2_3c4d, 1, 0), (0xa1b2_cd34, 1_000, 2)] {
            let record = [order.words(&[5, 7, 3, 90]), order.words(&[1, 0][..more]), b"abc".to_vec()].concat();
            let file = [order.pcap(magic, 0xf000_0001), record.clone(), record].concat();
            let (packets, errors) = read_all(&file);
            let expect = owned(5_000_000_000 + 7 * unit, unit, LinkType::Ethernet, b"abc", 90);
            assert_eq!(packets, [expect.clone(), expect], "{order:?} {magic:#x}");
            assert!(errors.is_empty(), "{errors:?}");
        }
    }
}

#[test]
fn pcapng_is_read_in_both_orders_and_over_sections() {
    let mut file = Vec::new();
    let mut expect = Vec::new();
    for (place, order) in Write32::BOTH.into_iter().enumerate() {
        let first = 2 * u32::try_from(place).unwrap();
        let comments = [order.option(1, b"one"), order.option(1, "zw\u{f6}lf".as_bytes())].concat();
        let outbound = order.option(2, &order.words(&[2]));
        file.extend(order.section());
        file.extend(order.block(0x0bad, b"unknown"));
        file.extend(order.interface(1, &[order.option(2, b"eth0"), order.option(9, &[9]), order.words(&[0])].concat()));
        file.extend(order.block(4, b"\0\0\0\0"));
        file.extend(order.enhanced(0, 1_763_700_000_123_456_789, b"abcde", &[comments, outbound].concat()));
        file.extend(order.interface(101, &order.option(9, &[6])));
        file.extend(order.enhanced(1, 42, b"", &[]));
        // The obsolete packet block: 16 bits of interface, 16 of drops.
        let old = [order.half(1).to_vec(), vec![0, 0], order.words(&[0, 43, 4, 4]), b"four".to_vec()].concat();
        file.extend(order.block(2, &old));
        let statistics = [
            order.words(&[0, 0, 0]),
            order.option(4, &[1; 8]),
            order.option(5, &[0; 8]),
            order.option(7, &[2; 8]),
            order.words(&[0]),
        ];
        file.extend(order.block(5, &statistics.concat()));
        file.extend(order.block(10, &[order.words(&[0x544c_534b, 6]), b"SECRET".to_vec()].concat()));
        file.extend(order.block(10, &[order.words(&[0x5747_4b4c, 4]), b"WGKL".to_vec()].concat()));

        let packet = owned(1_763_700_000_123_456_789, 1, LinkType::Ethernet, b"abcde", 15);
        let comments = vec!["one".to_owned(), "zw\u{f6}lf".to_owned()];
        expect.push(Owned { interface: first, comments, direction: Some(PacketDirection::Outbound), ..packet });
        expect.push(Owned { interface: first + 1, ..owned(42_000, 1_000, LinkType::RawIp, b"", 10) });
        expect.push(Owned { interface: first + 1, ..owned(43_000, 1_000, LinkType::RawIp, b"four", 4) });
    }
    let mut reader = CaptureReader::open(&file[..]).unwrap();
    let (packets, errors) = drain(&mut reader);
    assert_eq!(packets, expect);
    assert!(errors.is_empty(), "{errors:?}");
    assert_eq!(reader.key_log(), b"SECRET\nSECRET\n");
    assert_eq!(reader.offset(), file.len() as u64);
    let names: Vec<_> = reader.interfaces().iter().map(|interface| interface.name.as_deref()).collect();
    assert_eq!(names, [Some("eth0"), None, Some("eth0"), None]);
    let counts: Vec<_> = reader.interfaces().iter().map(|seen| (seen.received, seen.dropped)).collect();
    let counted = (Some(u64::from_ne_bytes([1; 8])), Some(u64::from_ne_bytes([2; 8])));
    assert_eq!(counts, [counted, (None, None), counted, (None, None)]);
}

#[test]
fn one_bad_packet_does_not_hide_the_others() {
    let order = Write32::Little;
    let seconds = order.option(9, &[0]);
    let good = order.enhanced(0, 1, b"good", &[]);
    let too_long = order.block(6, &[order.words(&[0, 0, 1, 5, 5]), b"four".to_vec()].concat());
    let simple = order.block(3, &[order.words(&[4]), b"four".to_vec()].concat());
    let file = [
        order.section(),
        order.interface(1, &seconds),
        good.clone(),
        order.enhanced(0, u64::MAX, b"late", &[]),
        good.clone(),
        order.enhanced(7, 1, b"whose", &[]),
        too_long,
        simple,
        good,
    ];
    let (packets, errors) = read_all(&file.concat());
    assert_eq!(packets.len(), 3);
    assert!(
        matches!(
            errors[..],
            [
                CaptureFileError::TimeOutOfRange { offset: 92 },
                CaptureFileError::UnknownInterface { offset: 164, interface: 7 },
                CaptureFileError::PacketLength { offset: 204, length: 5 },
                CaptureFileError::Untimed { offset: 240 },
            ]
        ),
        "{errors:?}"
    );
}

#[test]
fn what_ends_a_file_is_named_with_its_place() {
    let order = Write32::Big;
    let start = [order.section(), order.interface(1, &[])].concat();
    let pcap = order.pcap(0xa1b2_c3d4, 1);
    let with = |start: &[u8], more: Vec<u8>| [start, &more].concat();
    let version = [order.words(&[0xa1b2_c3d4]), vec![0, 3, 0, 1], vec![0; 16]].concat();
    let (file, record, block) = (Part::FileHeader, Part::RecordHeader, Part::Block);
    let table: Vec<(Vec<u8>, String)> = vec![
        (vec![], format!("{:?}", CaptureFileError::Truncated { offset: 0, part: file })),
        (b"GET ".to_vec(), format!("{:?}", CaptureFileError::NotACapture { found: *b"GET " })),
        (pcap[..23].to_vec(), format!("{:?}", CaptureFileError::Truncated { offset: 0, part: file })),
        (start[..20].to_vec(), format!("{:?}", CaptureFileError::Truncated { offset: 0, part: file })),
        (version, format!("{:?}", CaptureFileError::Version { offset: 0, major: 3, minor: 1 })),
        (with(&pcap, vec![0; 15]), format!("{:?}", CaptureFileError::Truncated { offset: 24, part: record })),
        (
            with(&pcap, order.words(&[0, 0, u32::MAX, 0])),
            format!("{:?}", CaptureFileError::TooLarge { offset: 24, part: Part::Packet, length: 4_294_967_295 }),
        ),
        (
            with(&start, order.words(&[6, u32::MAX - 3])),
            format!("{:?}", CaptureFileError::TooLarge { offset: 48, part: block, length: 4_294_967_292 }),
        ),
        (with(&start, order.words(&[6, 8])), format!("{:?}", CaptureFileError::Lengths { offset: 48, part: block })),
        (
            with(&start, order.words(&[6, 16, 0, 20])),
            format!("{:?}", CaptureFileError::Lengths { offset: 48, part: block }),
        ),
        (
            with(&start, order.words(&[6, 16, 0, 16])),
            format!("{:?}", CaptureFileError::Lengths { offset: 48, part: block }),
        ),
        (
            with(&start, order.words(&[0x0a0d_0d0a, 28, 0, 0])),
            format!("{:?}", CaptureFileError::NoByteOrder { offset: 48 }),
        ),
        (
            with(&start, order.words(&[0x0a0d_0d0a, 28, 0x1a2b_3c4d, 0x0001_0000, 0, 0, 24])),
            format!("{:?}", CaptureFileError::Lengths { offset: 48, part: file }),
        ),
        (
            with(&start, order.words(&[0x0a0d_0d0a, 28, 0x1a2b_3c4d, 0x0002_0000, 0, 0, 28])),
            format!("{:?}", CaptureFileError::Version { offset: 48, major: 2, minor: 0 }),
        ),
    ];
    for (bytes, expect) in table {
        let (packets, errors) = read_all(&bytes);
        assert!(packets.is_empty());
        let said: Vec<_> = errors.iter().map(|error| format!("{error:?}")).collect();
        assert_eq!(said, [expect]);
    }
}

/// A source that gives as little as a pipe may: `most` bytes and fewer, before it fails.
#[derive(Clone, Copy)]
struct Grudging<'a> {
    bytes: &'a [u8],
    end: Option<io::ErrorKind>,
    most: usize,
}

impl Read for Grudging<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let (true, Some(kind)) = (self.bytes.is_empty(), self.end) {
            return Err(kind.into());
        }
        let odd = if self.bytes.len().is_multiple_of(3) { 1 } else { self.most };
        let count = odd.min(buffer.len());
        self.bytes.read(&mut buffer[..count])
    }
}

#[test]
fn a_failing_source_gives_what_it_gave_before() {
    let order = Write32::Little;
    let file = [order.section(), order.interface(1, &[]), order.enhanced(0, 1, b"good", &[])].concat();
    assert_eq!(drain(&mut CaptureReader::open(Grudging { bytes: &file, end: None, most: 2 }).unwrap()).0.len(), 1);
    let mut reader =
        CaptureReader::open(Grudging { bytes: &file, end: Some(io::ErrorKind::PermissionDenied), most: 2 }).unwrap();
    let (packets, errors) = drain(&mut reader);
    assert_eq!(packets.len(), 1);
    let [CaptureFileError::Read { offset, source }] = &errors[..] else { panic!("{errors:?}") };
    assert_eq!((*offset, source.kind()), (file.len() as u64, io::ErrorKind::PermissionDenied));
}

/// A capture that is still being made: each read gives what has been written since the one before.
struct Growing<'a> {
    written: &'a [Vec<u8>],
    reads: &'a Cell<usize>,
}

impl Read for Growing<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = self.written.get(self.reads.replace(self.reads.get() + 1));
        bytes.map_or(Ok(0), |bytes| bytes.as_slice().read(buffer))
    }
}

#[test]
fn a_batch_waits_for_its_first_packet_and_for_no_other() {
    let order = Write32::Little;
    let packet = |count| order.enhanced(0, count, b"packet", &[]);
    // The last one comes in two parts.
    let (half, other_half) = (packet(4)[..20].to_vec(), packet(4)[20..].to_vec());
    let begin = [order.section(), order.interface(1, &[])].concat();
    let written =
        [begin[..4].to_vec(), begin[4..].to_vec(), packet(1), [packet(2), packet(3), half].concat(), other_half];
    let reads = Cell::new(0);
    let mut reader = CaptureReader::open(Growing { written: &written, reads: &reads }).unwrap();
    let mut batch = Batch::default();
    for (packets, read) in [(1, 3), (2, 4), (1, 5)] {
        assert_eq!(reader.fill(&mut batch).unwrap(), Filled::Partly);
        assert_eq!((batch.len(), reads.get()), (packets, read));
    }
    assert_eq!(reader.fill(&mut batch).unwrap(), Filled::ToTheEnd);
    assert!(batch.is_empty());
}

#[test]
fn packets_as_large_as_the_bound_are_read() {
    let order = Write32::Little;
    let start = [order.section(), order.interface(1, &[])].concat();
    let most = vec![1; MOST_BYTES - 32];
    let file = [start.clone(), order.enhanced(0, 1, &most, &[]), order.enhanced(0, 2, b"more", &[])].concat();
    let (packets, errors) = read_all(&file);
    assert_eq!((packets.len(), packets[0].bytes.len(), errors.len()), (2, most.len(), 0));
    let file = [start, order.enhanced(0, 1, &vec![0; MOST_BYTES - 31], &[])].concat();
    let (packets, errors) = read_all(&file);
    assert!(packets.is_empty());
    assert!(matches!(errors[..], [CaptureFileError::TooLarge { offset: 48, .. }]), "{errors:?}");
}
