//! Packets written down for tests, a line each, in the manner of tcpdump.
//!
//! `12.5 > PA 1+100 ack 1 win 500` is: after 12.5 ms the client sends 100 bytes that begin behind its SYN (which is 0),
//! acknowledges the server's SYN, and offers a window of 500. Behind that may stand `ts VALUE/ECHO`, `sack LEFT-RIGHT` (often),
//! `mss N`, `ws N`, `sackok`, `id N`, `ttl N`. What follows a `#` is for the reader.

use std::net::{IpAddr, Ipv4Addr};

use super::{Conversation, Direction, Keep, Observer, Seen, Side, What};
use crate::packet::encode::OptionBytes;
use crate::packet::{Ecn, Ip, SackBlock, Tcp, TcpFlags, TcpOptions, TcpTimestamps};
use crate::time::{ClockPair, ClockSync, Nanos, Realtime, Timestamp};

/// Where the first numbers lie, so that both streams wrap soon.
const FIRST_NUMBERS: [u32; 2] = [u32::MAX - 300, u32::MAX - 700];

/// A captured packet.
#[derive(Clone, Debug)]
pub(crate) struct Written {
    pub(crate) at: Timestamp<Realtime>,
    pub(crate) direction: Direction,
    pub(crate) ip: Ip,
    tcp: Tcp<'static>,
    options: OptionBytes,
    payload: Vec<u8>,
}

impl Written {
    /// Its TCP header and payload.
    pub(crate) fn tcp(&self) -> Tcp<'_> {
        Tcp { options: self.options.options(), payload: &self.payload, ..self.tcp }
    }
}

/// The packets of a script. The payload is the low byte of each byte's offset, so that tests can tell bytes apart.
pub(crate) fn packets(script: &str) -> Vec<Written> {
    let lines = script.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
    lines.filter(|line| !line.is_empty()).map(packet).collect()
}

/// A conversation that has taken all packets of a script, and what each of them was.
pub(crate) fn played(script: &str) -> (Conversation, Vec<What>) {
    let mut conversation = Conversation::new(Keep::Packets);
    let packets = packets(script);
    let what = packets
        .iter()
        .map(|packet| conversation.take(packet.at, packet.direction, &packet.ip, &packet.tcp()))
        .map(|seen: Seen<'_>| seen.what)
        .collect();
    (conversation, what)
}

/// An instant, in milliseconds from the script's start.
pub(crate) fn ms(millis: f64) -> Timestamp<Realtime> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "short positive times in tests")]
    Timestamp::from_nanos((millis * 1e6).round() as u64)
}

/// A capture at this end, with stamps to the nanosecond.
pub(crate) fn observer(side: Side) -> Observer {
    Observer { side, interface: None, dropped: None, resolution: Nanos::new(1) }
}

/// A clock on which both times are the same.
pub(crate) fn same_clock() -> ClockSync {
    let zero = Timestamp::from_nanos(0);
    ClockSync::from_pairs(&[ClockPair { before: zero, realtime: Timestamp::from_nanos(0), after: zero }]).unwrap()
}

fn packet(line: &str) -> Written {
    let words: Vec<&str> = line.split_whitespace().collect();
    let [at, arrow, flags, numbers, rest @ ..] = words.as_slice() else { panic!("too short: {line}") };
    let direction = if *arrow == ">" { Direction::Sent } else { Direction::Received };
    let own = usize::from(direction == Direction::Received);
    let (number, length) = numbers.split_once('+').unwrap_or((numbers, "0"));
    let (number, length) = (relative(number), length.parse::<u32>().unwrap());
    let mut written = Written {
        at: ms(at.parse().unwrap()),
        direction,
        ip: ip(direction, length),
        tcp: Tcp {
            source: 0,
            destination: 0,
            sequence: FIRST_NUMBERS[own].wrapping_add(number),
            acknowledgement: 0,
            flags: flags.chars().map(flag).fold(TcpFlags::default(), |all, flag| all | flag),
            window: 500,
            options: TcpOptions::default(),
            payload: &[],
            payload_length: length,
        },
        options: OptionBytes::new(),
        payload: (0..length).map(|index| (number.wrapping_add(index).wrapping_sub(1) & 0xff) as u8).collect(),
    };
    let mut blocks = Vec::new();
    let mut rest = rest.iter();
    while let Some(word) = rest.next() {
        let mut value = || *rest.next().unwrap_or_else(|| panic!("{word} of what? {line}"));
        let options = std::mem::take(&mut written.options);
        written.options = match *word {
            "mss" => options.mss(value().parse().unwrap()),
            "ws" => options.window_scale(value().parse().unwrap()),
            "sackok" => options.sack_permitted(),
            "ts" => {
                let (value, echo) = value().split_once('/').unwrap();
                options.timestamps(TcpTimestamps { value: value.parse().unwrap(), echo: echo.parse().unwrap() })
            }
            _ => options,
        };
        match *word {
            "ack" => {
                let other = FIRST_NUMBERS[1 - own];
                written.tcp.acknowledgement = other.wrapping_add(relative(value()));
            }
            "win" => written.tcp.window = value().parse().unwrap(),
            "id" => written.ip.identification = Some(value().parse().unwrap()),
            "ttl" => written.ip.ttl = value().parse().unwrap(),
            "sack" => {
                let (left, right) = value().split_once('-').unwrap();
                let at = |text| FIRST_NUMBERS[1 - own].wrapping_add(relative(text));
                blocks.push(SackBlock { left: at(left), right: at(right) });
            }
            "mss" | "ws" | "sackok" | "ts" => {}
            other => panic!("what is {other}? {line}"),
        }
    }
    if !blocks.is_empty() {
        written.options = written.options.sack(&blocks);
    }
    written
}

/// A relative number; one before the SYN is negative.
fn relative(text: &str) -> u32 {
    text.parse::<i32>().unwrap().cast_unsigned()
}

fn flag(letter: char) -> TcpFlags {
    match letter {
        'S' => TcpFlags::SYN,
        'A' => TcpFlags::ACK,
        'P' => TcpFlags::PSH,
        'F' => TcpFlags::FIN,
        'R' => TcpFlags::RST,
        'E' => TcpFlags::ECE,
        'C' => TcpFlags::CWR,
        other => panic!("what flag is {other}?"),
    }
}

fn ip(direction: Direction, length: u32) -> Ip {
    let ends = [Ipv4Addr::new(192, 0, 2, 1), Ipv4Addr::new(198, 51, 100, 2)].map(IpAddr::V4);
    let (source, destination) = if direction == Direction::Sent { (ends[0], ends[1]) } else { (ends[1], ends[0]) };
    Ip { source, destination, ttl: 64, ecn: Ecn::NotCapable, length: length + 40, identification: None, fragment: None }
}
