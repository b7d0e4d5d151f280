//! What was captured, as a pcapng file.

use std::io::Write;

use super::live::Capture;
use crate::flow::Direction;
use crate::packet::LinkType;
use crate::packet::file::{CaptureWriteError, CaptureWriter, InterfaceStatistics, OutgoingPacket, PacketDirection};
use crate::time::{Realtime, Timestamp};

impl Capture {
    /// Writes all packets as pcapng, with the TLS secrets before them and what was lost behind them.
    pub fn write<W: Write>(&self, sink: W) -> Result<W, CaptureWriteError> {
        self.shared.empty();
        let counts = self.counts();
        let state = self.shared.lock();
        let application = concat!("wirefall ", env!("CARGO_PKG_VERSION"));
        let mut writer = CaptureWriter::begin(sink, application)?;
        let snap_length = u32::try_from(self.shared.depth.snap_length()).ok();
        for interface in &state.interfaces {
            writer.interface(&interface.name, LinkType::RawIp, snap_length)?;
        }
        if !state.secrets.is_empty() {
            writer.secrets(&(state.secrets.join("\n") + "\n"))?;
        }
        let mut packets: Vec<_> = state
            .store
            .flows()
            .into_iter()
            .flat_map(|flow| flow.packets.iter().map(move |kept| (flow.interface, kept)))
            .collect();
        packets.sort_by_key(|(_, kept)| kept.packet.at);
        for (interface, kept) in &packets {
            let comments: Vec<&str> = kept.notes.iter().map(String::as_str).collect();
            writer.packet(&OutgoingPacket {
                interface: number(*interface),
                at: kept.packet.at,
                direction: Some(match kept.packet.direction {
                    Direction::Sent => PacketDirection::Outbound,
                    Direction::Received => PacketDirection::Inbound,
                }),
                bytes: &kept.packet.bytes,
                original_length: kept.packet.original_length,
                comments: &comments,
            })?;
        }
        let ended = packets.last().map_or(Timestamp::<Realtime>::default(), |(_, kept)| kept.packet.at);
        for (index, count) in counts.iter().enumerate() {
            let lost = count.dropped + count.left_out;
            let counted = InterfaceStatistics { received: Some(count.kept + lost), dropped: Some(lost) };
            writer.statistics(number(index), ended, counted)?;
        }
        writer.finish()
    }
}

fn number(interface: usize) -> u32 {
    u32::try_from(interface).unwrap_or(u32::MAX)
}
