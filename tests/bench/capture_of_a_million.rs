//! A capture like those of a busy client, the same on every run: HTTP/1.1 over many connections at once, full packets both
//! ways, a name looked up before each.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::path::{Path, PathBuf};

use wirefall::packet::encode::{self, OptionBytes};
use wirefall::packet::file::{CaptureWriter, OutgoingPacket};
use wirefall::packet::{LinkType, Tcp, TcpFlags, TcpTimestamps, Transport, Udp};
use wirefall::time::Timestamp;

use super::Problem;

const FLOWS: u32 = 9_800;
/// What a packet carries beside 66 bytes of headers.
const FULL: usize = 1_448;
/// Full packets of a request and of a response.
const UP: usize = 8;
const DOWN: usize = 24;
const EXCHANGES: usize = 2;
const ROUND_TRIP: u64 = 20_000_000;
const SERVER: u64 = 5_000_000;
/// Between two packets sent back to back.
const BACK_TO_BACK: u64 = 12_000;
/// From one connection's beginning to the next one's.
const APART: u64 = 1_000_000;
const BEGIN: u64 = 1_763_700_000_000_000_000;

/// Where the pcapng file lies.
pub(crate) fn pcapng(folder: &Path) -> PathBuf {
    folder.join("captures-1.pcapng")
}

/// Where the same packets lie as pcap, with microseconds, for programs that read nothing else.
pub(crate) fn pcap(folder: &Path) -> PathBuf {
    folder.join("captures-1.pcap")
}

/// Writes both files, if they are not there yet, and says what they are.
pub(crate) fn generate(folder: &Path) -> Result<String, Problem> {
    let (pcapng, pcap) = (pcapng(folder), pcap(folder));
    if !(pcapng.exists() && pcap.exists()) {
        std::fs::create_dir_all(folder)?;
        let (half, other_half) = (pcapng.with_extension("part-ng"), pcap.with_extension("part"));
        let mut files = Files::create(&half, &other_half)?;
        let mut flows: BinaryHeap<_> = (0..FLOWS).map(|number| Reverse(Flow::new(number))).collect();
        while let Some(Reverse(mut flow)) = flows.pop() {
            if flow.step(&mut files)? {
                flows.push(Reverse(flow));
            }
        }
        files.finish()?;
        std::fs::rename(half, &pcapng)?;
        std::fs::rename(other_half, &pcap)?;
    }
    let bytes = std::fs::metadata(&pcapng)?.len();
    Ok(format!("{FLOWS} connections, pcapng of {bytes} bytes in {}", folder.display()))
}

struct Files {
    pcapng: CaptureWriter<BufWriter<File>>,
    pcap: BufWriter<File>,
}

impl Files {
    fn create(pcapng: &Path, pcap: &Path) -> Result<Self, Problem> {
        let mut writer = CaptureWriter::begin(BufWriter::with_capacity(1 << 20, File::create(pcapng)?), "wirefall")?;
        writer.interface("eth0", LinkType::Ethernet, None)?;
        let mut pcap = BufWriter::with_capacity(1 << 20, File::create(pcap)?);
        for number in [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 262_144, 1] {
            pcap.write_all(&number.to_le_bytes())?;
        }
        Ok(Self { pcapng: writer, pcap })
    }

    fn packet(&mut self, at: u64, ends: (SocketAddr, SocketAddr), transport: Transport<'_>) -> Result<(), Problem> {
        let bytes = encode::frame(LinkType::Ethernet, &encode::between(ends.0, ends.1, transport)?)?;
        let length = u32::try_from(bytes.len())?;
        let at = Timestamp::from_nanos(at);
        self.pcapng.packet(&OutgoingPacket {
            interface: 0,
            at,
            direction: None,
            bytes: &bytes,
            original_length: length,
            comments: &[],
        })?;
        let (seconds, nanos) = (at.as_nanos() / 1_000_000_000, at.as_nanos() % 1_000_000_000);
        for number in [u32::try_from(seconds)?, u32::try_from(nanos / 1_000)?, length, length] {
            self.pcap.write_all(&number.to_le_bytes())?;
        }
        Ok(self.pcap.write_all(&bytes)?)
    }

    fn finish(mut self) -> Result<(), Problem> {
        self.pcapng.finish()?;
        Ok(self.pcap.flush()?)
    }
}

/// One name and one connection; ordered by when it does something next.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Flow {
    due: u64,
    number: u32,
    stage: Stage,
    /// The next sequence numbers of client and server.
    sequence: [u32; 2],
    exchange: usize,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Query,
    Answer,
    Syn,
    SynAck,
    Ack,
    /// So many packets of the request are sent.
    Up(usize),
    UpAck(usize),
    /// So many packets of the response are sent.
    Down(usize),
    DownAck(usize),
    Fin,
    FinAck,
    LastAck,
}

#[derive(Clone, Copy)]
enum End {
    Client,
    Server,
}

impl Flow {
    fn new(number: u32) -> Self {
        let sequence = [number.wrapping_mul(2_654_435_761), number.wrapping_mul(40_503)];
        Self { due: BEGIN + u64::from(number) * APART, number, stage: Stage::Query, sequence, exchange: 0 }
    }

    /// Writes one packet; `false` behind the last one.
    fn step(&mut self, files: &mut Files) -> Result<bool, Problem> {
        use End::{Client, Server};
        let (syn, ack, fin) = (TcpFlags::SYN, TcpFlags::ACK, TcpFlags::FIN);
        let (next, later) = match self.stage {
            Stage::Query => {
                self.dns(files, Client)?;
                (Stage::Answer, ROUND_TRIP / 2)
            }
            Stage::Answer => {
                self.dns(files, Server)?;
                (Stage::Syn, 100_000)
            }
            Stage::Syn => {
                self.tcp(files, Client, syn, &[])?;
                (Stage::SynAck, ROUND_TRIP)
            }
            Stage::SynAck => {
                self.tcp(files, Server, syn | ack, &[])?;
                (Stage::Ack, 20_000)
            }
            Stage::Ack => {
                self.tcp(files, Client, ack, &[])?;
                (Stage::Up(0), 50_000)
            }
            Stage::Up(sent) => {
                let head = format!("POST /upload/{} HTTP/1.1\r\nHost: host{}.test\r\n", self.exchange, self.number);
                self.tcp(files, Client, ack | TcpFlags::PSH, &part(&head, UP, sent))?;
                match sent + 1 {
                    sent if sent % 2 == 0 => (Stage::UpAck(sent), ROUND_TRIP / 2),
                    sent => (Stage::Up(sent), BACK_TO_BACK),
                }
            }
            Stage::UpAck(sent) => {
                self.tcp(files, Server, ack, &[])?;
                if sent == UP { (Stage::Down(0), SERVER) } else { (Stage::Up(sent), BACK_TO_BACK) }
            }
            Stage::Down(sent) => {
                let head = "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n";
                self.tcp(files, Server, ack | TcpFlags::PSH, &part(head, DOWN, sent))?;
                match sent + 1 {
                    sent if sent % 2 == 0 => (Stage::DownAck(sent), 5_000),
                    sent => (Stage::Down(sent), BACK_TO_BACK),
                }
            }
            Stage::DownAck(sent) => {
                self.tcp(files, Client, ack, &[])?;
                self.exchange += usize::from(sent == DOWN);
                match sent {
                    DOWN if self.exchange == EXCHANGES => (Stage::Fin, 1_000_000),
                    DOWN => (Stage::Up(0), 1_000_000),
                    _ => (Stage::Down(sent), BACK_TO_BACK),
                }
            }
            Stage::Fin => {
                self.tcp(files, Client, fin | ack, &[])?;
                (Stage::FinAck, ROUND_TRIP)
            }
            Stage::FinAck => {
                self.tcp(files, Server, fin | ack, &[])?;
                (Stage::LastAck, 20_000)
            }
            Stage::LastAck => {
                self.tcp(files, Client, ack, &[])?;
                return Ok(false);
            }
        };
        self.stage = next;
        self.due += later;
        Ok(true)
    }

    fn client(&self, port: u16) -> SocketAddr {
        let [.., host] = self.number.to_be_bytes();
        SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, host), port).into()
    }

    fn server(&self) -> Ipv4Addr {
        let [.., high, low] = self.number.to_be_bytes();
        Ipv4Addr::new(198, 18, high, low)
    }

    fn tcp(&mut self, files: &mut Files, from: End, flags: TcpFlags, payload: &[u8]) -> Result<(), Problem> {
        let (client, server) = (self.client(20_000 + u16::try_from(self.number)?), (self.server(), 80).into());
        let (ends, own, other) = match from {
            End::Client => ((client, server), 0, 1),
            End::Server => ((server, client), 1, 0),
        };
        let millis = u32::try_from(self.due / 1_000_000 % 1_000_000_000)?;
        let stamps = TcpTimestamps { value: millis, echo: millis.saturating_sub(20) };
        let options = if flags.syn() {
            OptionBytes::new().mss(1_460).sack_permitted().timestamps(stamps).window_scale(7)
        } else {
            OptionBytes::new().timestamps(stamps)
        };
        let payload_length = u32::try_from(payload.len())?;
        let tcp = Tcp {
            source: 0,
            destination: 0,
            sequence: self.sequence[own],
            acknowledgement: if flags.ack() { self.sequence[other] } else { 0 },
            flags,
            window: 64_240,
            options: options.options(),
            payload,
            payload_length,
        };
        let used = payload_length + u32::from(flags.syn()) + u32::from(flags.fin());
        self.sequence[own] = self.sequence[own].wrapping_add(used);
        files.packet(self.due, ends, Transport::Tcp(tcp))
    }

    fn dns(&self, files: &mut Files, from: End) -> Result<(), Problem> {
        let name = format!("host{}", self.number);
        let [.., high, low] = self.number.to_be_bytes();
        let (flags, answers): ([u8; 2], u8) = match from {
            End::Client => ([0x01, 0x00], 0),
            End::Server => ([0x81, 0x80], 1),
        };
        let mut message = vec![high, low, flags[0], flags[1], 0, 1, 0, answers, 0, 0, 0, 0, u8::try_from(name.len())?];
        message.extend_from_slice(name.as_bytes());
        message.extend_from_slice(b"\x04test\0\0\x01\0\x01");
        if answers == 1 {
            message.extend_from_slice(b"\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04");
            message.extend_from_slice(&self.server().octets());
        }
        let resolver = (Ipv4Addr::new(10, 0, 1, 1), 53).into();
        let client = self.client(40_000 + u16::try_from(self.number)?);
        let ends = match from {
            End::Client => (client, resolver),
            End::Server => (resolver, client),
        };
        let udp = Udp { source: 0, destination: 0, payload: &message, payload_length: u32::try_from(message.len())? };
        files.packet(self.due, ends, Transport::Udp(udp))
    }
}

/// The packet at this place of a message of so many full ones, which begins with this head.
fn part(head: &str, packets: usize, place: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(FULL);
    if place == 0 {
        // The length has always as many digits as this one.
        let length = packets * FULL - head.len() - "Content-Length: 00000\r\n\r\n".len();
        bytes.extend_from_slice(format!("{head}Content-Length: {length:05}\r\n\r\n").as_bytes());
    }
    let noise = u8::try_from(place).unwrap_or(0);
    bytes.extend((bytes.len()..FULL).map(|at| noise.wrapping_add(at.to_le_bytes()[0]).wrapping_mul(31)));
    bytes
}
