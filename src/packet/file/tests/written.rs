//! What the writer writes, read again, cut and broken.

use super::compressed::{gzip, zstd};
use super::*;

fn written() -> impl Strategy<Value = Vec<Owned>> {
    let direction =
        prop_oneof![Just(None), Just(Some(PacketDirection::Inbound)), Just(Some(PacketDirection::Outbound))];
    let fields = (any::<u64>(), 0_u32..3, prop::collection::vec(any::<u8>(), 0..200), any::<u32>(), direction);
    let packet = (fields, prop::collection::vec(".{0,20}", 0..3)).prop_map(
        |((at, interface, bytes, original_length, direction), comments)| {
            let link = LinkType::from_number([1, 113, 276][interface as usize]);
            Owned { at, resolution: 1, interface, link, bytes, original_length, comments, direction }
        },
    );
    prop::collection::vec(packet, 0..20)
}

fn write(packets: &[Owned]) -> Vec<u8> {
    let mut writer = CaptureWriter::begin(Vec::new(), "wirefall tests").unwrap();
    writer.secrets("CLIENT_RANDOM 00 11\n").unwrap();
    for (name, link) in [("lo", 1), ("any", 113), ("b\u{e4}r", 276)] {
        writer.interface(name, LinkType::from_number(link), Some(96)).unwrap();
    }
    for packet in packets {
        let comments: Vec<&str> = packet.comments.iter().map(String::as_str).collect();
        let outgoing = OutgoingPacket {
            interface: packet.interface,
            at: Timestamp::from_nanos(packet.at),
            direction: packet.direction,
            bytes: &packet.bytes,
            original_length: packet.original_length,
            comments: &comments,
        };
        writer.packet(&outgoing).unwrap();
    }
    let counted = InterfaceStatistics { received: Some(7), dropped: Some(2) };
    writer.statistics(1, Timestamp::from_nanos(9), counted).unwrap();
    writer.finish().unwrap()
}

#[test]
fn what_does_not_fit_is_not_written() {
    let mut writer = CaptureWriter::begin(Vec::new(), "wirefall tests").unwrap();
    let long = "x".repeat(65_536);
    assert!(matches!(writer.interface(&long, LinkType::Ethernet, None), Err(CaptureWriteError::TextTooLong(65_536))));
    let at = Timestamp::from_nanos(0);
    let packet = OutgoingPacket { interface: 0, at, direction: None, bytes: &[], original_length: 0, comments: &[] };
    assert!(matches!(writer.packet(&packet), Err(CaptureWriteError::UnknownInterface(0))));
    assert_eq!(writer.interface("lo", LinkType::Ethernet, None).unwrap(), 0);
    let remark = OutgoingPacket { comments: &[&long], ..packet };
    assert!(matches!(writer.packet(&remark), Err(CaptureWriteError::TextTooLong(65_536))));
    let file = writer.finish().unwrap();
    assert!(read_all(&file).1.is_empty());
    let mut small = [0_u8; 3];
    assert!(matches!(CaptureWriter::begin(&mut small[..], ""), Err(CaptureWriteError::Write(_))));
}

proptest! {
    #[test]
    fn write_then_read_is_the_identity(packets in written()) {
        let file = write(&packets);
        let mut reader = CaptureReader::open(&file[..]).unwrap();
        let (again, errors) = drain(&mut reader);
        prop_assert!(errors.is_empty(), "{:?}", errors);
        prop_assert_eq!(again, packets);
        prop_assert_eq!(reader.key_log(), b"CLIENT_RANDOM 00 11\n");
        let seen = &reader.interfaces()[1];
        prop_assert_eq!((seen.name.as_deref(), seen.snaplen), (Some("any"), Some(96)));
        prop_assert_eq!((seen.received, seen.dropped), (Some(7), Some(2)));
    }

    #[test]
    fn a_file_cut_anywhere_gives_the_packets_before_the_cut(packets in written(), cut in any::<prop::sample::Index>()) {
        let file = write(&packets);
        let cut = cut.index(file.len());
        let (again, errors) = read_all(&file[..cut]);
        prop_assert_eq!(&again[..], &packets[..again.len()]);
        prop_assert!(errors.len() <= 1);
        prop_assert!(errors.iter().all(|error| matches!(error, CaptureFileError::Truncated { .. })), "{:?}", errors);
        // Nothing but the end of a block is the end of a file.
        prop_assert!(!errors.is_empty() || cut.is_multiple_of(4));
    }

    #[test]
    fn any_bytes_end_in_packets_or_errors(
        start in 0_usize..8,
        noise in prop::collection::vec(any::<u8>(), 0..300),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        packets in written(),
    ) {
        let starts = [
            Vec::new(),
            Write32::Little.pcap(0xa1b2_c3d4, 1),
            Write32::Big.pcap(0xa1b2_cd34, 1),
            [Write32::Little.section(), Write32::Little.interface(1, &[])].concat(),
            vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3],
            vec![0x28, 0xb5, 0x2f, 0xfd],
            zstd(&write(&packets)),
            gzip(&write(&packets)),
        ];
        let mut file = if start == 3 { write(&packets) } else { starts[start].clone() };
        for (at, value) in changes {
            if !file.is_empty() {
                let at = at.index(file.len());
                file[at] = value;
            }
        }
        file.extend(noise);
        let (packets, errors) = read_all(&file);
        prop_assert!(packets.len() + errors.len() <= 1 + 64 * file.len());
    }
}
