//! `wirefall pcap` and tshark on captures of connections over a distance, made at both ends at once.
//!
//! Packet for packet, both agree on what is a repetition or late, a duplicate ACK, or a closed window. Which of the first were
//! sent again and which overtaken, they often judge differently (why, the documentation of `flow` says); the judge between
//! them is the capture at the sender's end, where nothing is in doubt.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::fs::File;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;
use wirefall::event::{Direction, PacketCounts, Phase, Side};
use wirefall::flow::{Conversation, Keep, What};
use wirefall::lab::link::{Conditions, INTERFACE, Link, Prefix, Reordering, Route, Share};
use wirefall::packet::file::CaptureReader;
use wirefall::packet::{Transport, decode};
use wirefall::time::{Nanos, Realtime, Timestamp};
use wirefall::trace::Trace;

use crate::captured::{CURL, Ports, Tcpdump, length, nanos, port, tshark, wirefall_and_notes};
use crate::certificates::{HOST, write_credentials};
use crate::dnsmasq::dnsmasq;
use crate::nginx::nginx;
use crate::server::directory;

const SERVER: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 19, 0, 1));
/// As text: what is asked for.
const SITE: &str = "http://198.19.0.1";

/// Names that are looked up.
const LOOKUPS: usize = 4;

/// The captures of the same connections at both ends.
struct Both {
    client: PathBuf,
    server: PathBuf,
    /// How long a packet is under way at least.
    delay: Nanos,
    _directory: TempDir,
}

/// Bulk and small requests, at once.
#[derive(Clone, Copy)]
struct Load {
    megabytes: usize,
    small: usize,
}

fn capture(there: Conditions, back: Conditions, seed: u64, load: Load) -> Both {
    let delay = there.delay.min(back.delay);
    let route = Route { far: vec![Prefix::host(SERVER)], there, back };
    let link = Link::lay(&[route], seed).expect("the right to make network namespaces");
    let (web, names, results) = (directory(), directory(), directory());
    write_credentials(web.path());
    let authority = web.path().join("ca.pem").display().to_string();
    let root = web.path().join("www");
    fs::create_dir(&root).expect("a directory");
    fs::write(root.join("a"), "hello\n").expect("a file");
    let bulk = vec![b'x'; load.megabytes * 1_000_000];
    fs::write(root.join("bulk"), &bulk).expect("a file");
    let upload = results.path().join("upload");
    fs::write(&upload, &bulk).expect("a file");
    // The body is taken in whole before the second server is asked, which answers.
    let sites = format!(
        "client_max_body_size 100m;
        server {{
            listen 198.19.0.1:80; listen 127.0.0.1:80; root www;
            location /up {{ proxy_pass http://127.0.0.1:81; }}
        }}
        server {{ listen 127.0.0.1:81; return 200 'taken\\n'; }}
        server {{
            listen 198.19.0.1:443 ssl; listen 127.0.0.1:443 ssl; server_name {HOST}; root www;
            ssl_certificate server.pem; ssl_certificate_key server.pem;
        }}\n"
    );
    let servers = || {
        let records =
            ["--local=/peer.test/", "--host-record=web.peer.test,198.19.0.1,37", "--listen-address=198.19.0.1"];
        (nginx(&sites, &[80, 443], web), dnsmasq(&records, 53, names))
    };
    let _servers = link.server().run(servers).expect("the server's namespace");

    let files = ["client.pcap", "server.pcap"].map(|name| results.path().join(name));
    let filter = "port 80 or port 443 or port 53";
    let start = |file: &PathBuf| Tcpdump::start(INTERFACE, file.clone(), filter);
    let at_client = link.client().run(|| start(&files[0])).expect("the client's namespace");
    let at_server = link.server().run(|| start(&files[1])).expect("the server's namespace");
    let clients = || {
        let upload = format!("@{}", upload.display());
        let (bulk, up, small) = (format!("{SITE}/bulk"), format!("{SITE}/up"), format!("{SITE}/a"));
        let (resolve, secure) = (format!("{HOST}:443:{SERVER}"), format!("https://{HOST}/bulk"));
        let silent = ["-s", "-f", "-m", "60"];
        let mut lists: Vec<Vec<&str>> = Vec::new();
        for _ in 0..2 {
            lists.push(vec!["-o", "/dev/null", &bulk]);
            lists.push(vec!["-H", "Expect:", "--data-binary", &upload, &up]);
        }
        let mut tls = vec!["--http1.1", "--cacert", &authority, "--resolve", &resolve, "-o", "/dev/null", &secure];
        // Connections are told apart by the client's port; one to another port of the server could have the same.
        tls.extend(["--local-port", "20000-20099"]);
        lists.push(tls);
        for _ in 0..load.small {
            lists.push([&small; 4].iter().flat_map(|url| ["-o", "/dev/null", url.as_str()]).collect());
        }
        let curl = CURL.path();
        let mut running: Vec<_> = lists
            .iter()
            .map(|words| {
                let mut command = Command::new(&curl);
                let output = File::create(results.path().join("output")).expect("a file");
                command.args(silent).args(words).stdout(output).spawn().expect("curl can be run")
            })
            .collect();
        for child in &mut running {
            assert!(child.wait().expect("curl ends").success());
        }
        // Last: a lookup counts as that of the next connection to its address.
        for _ in 0..LOOKUPS {
            look_up();
        }
    };
    link.client().run(clients).expect("the client's namespace");
    let [client, server] = [at_client, at_server].map(Tcpdump::finish);
    Both { client, server, delay, _directory: results }
}

/// Asks for a page by its name. It is asked for again where both questions for the name, or their answers, were lost: nobody
/// asks a third time.
fn look_up() {
    let words = ["-s", "-4", "--capture", "off", "--dns-servers", "198.19.0.1:53", "http://web.peer.test/a"];
    for _ in 0..5 {
        let output = Command::new(env!("CARGO_BIN_EXE_wirefall")).args(words).output().expect("wirefall can be run");
        if output.status.success() {
            return;
        }
        assert!(String::from_utf8_lossy(&output.stdout).contains("failed during dns: dns.timeout"), "{output:?}");
    }
    panic!("no answer to ten questions");
}

/// What a packet is said to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "flags of tshark, each of which may be set beside the others")]
struct Verdict {
    again: bool,
    out_of_order: bool,
    duplicate_ack: bool,
    zero_window: bool,
}

impl Verdict {
    /// What both have to agree on: tshark tells packets sent again from overtaken ones by rules of thumb.
    fn without_the_split(self) -> Self {
        Self { again: self.again || self.out_of_order, out_of_order: false, ..self }
    }
}

/// What one packet is found by in both captures.
type Name = (u16, Direction, u32, u32, u32);

/// A packet of TCP, as both read it.
#[derive(Clone, Copy, Debug)]
struct Frame {
    at: Timestamp<Realtime>,
    name: Name,
    /// Numbers that it takes: of its bytes, of SYN and FIN.
    takes: u32,
    is_syn: bool,
    /// The network has delivered it before.
    is_copy: bool,
    ours: Verdict,
    theirs: Verdict,
}

impl Frame {
    fn direction(&self) -> Direction {
        self.name.1
    }
}

/// What tshark says of each packet of TCP, by its number.
fn verdicts_of_tshark(file: &Path) -> BTreeMap<u64, Verdict> {
    let fields = ["frame.number"].into_iter().chain([
        "tcp.analysis.retransmission",
        "tcp.analysis.out_of_order",
        "tcp.analysis.duplicate_ack",
        "tcp.analysis.zero_window",
    ]);
    let rows = tshark(file, &Ports::default(), "tcp", &fields.collect::<Vec<_>>());
    let verdict = |row: Vec<String>| {
        let [again, out_of_order, duplicate_ack, zero_window] = [1, 2, 3, 4].map(|column| !row[column].is_empty());
        (row[0].parse().expect("a number"), Verdict { again, out_of_order, duplicate_ack, zero_window })
    };
    rows.into_iter().map(verdict).collect()
}

/// The packets of a capture, and when each connection's SYN and the client's answer to the SYN-ACK went by.
fn frames(file: &Path) -> (Vec<Frame>, BTreeMap<u16, Conversation>) {
    let theirs = verdicts_of_tshark(file);
    let mut reader = CaptureReader::open(File::open(file).expect("a capture")).expect("a capture");
    let mut conversations: BTreeMap<u16, Conversation> = BTreeMap::new();
    let mut names = BTreeMap::new();
    let (mut frames, mut number) = (Vec::new(), 0);
    while let Some(captured) = reader.next().expect("a whole capture") {
        number += 1;
        let packet = decode(captured.link, captured.bytes, captured.original_length).expect("IP");
        let Transport::Tcp(tcp) = &packet.transport else { continue };
        let is_sent = packet.ip.destination == SERVER;
        let port = if is_sent { tcp.source } else { tcp.destination };
        let direction = if is_sent { Direction::Sent } else { Direction::Received };
        let conversation = conversations.entry(port).or_insert_with(|| Conversation::new(Keep::Flights));
        let what = conversation.take(captured.at, direction, &packet.ip, tcp).what;
        let handshake = conversation.handshake();
        let again = match what {
            What::Retransmission(_) => true,
            What::Syn => handshake.syns.len() > 1,
            What::SynAck => handshake.syn_acks.len() > 1,
            _ => false,
        };
        let flags = tcp.flags;
        let ours = Verdict {
            again,
            out_of_order: what == What::OutOfOrder,
            duplicate_ack: what == What::DuplicateAck,
            zero_window: tcp.window == 0 && !flags.syn() && !flags.fin() && !flags.rst(),
        };
        let identification = packet.ip.identification.expect("IPv4");
        let name = (port, direction, identification, tcp.sequence, tcp.acknowledgement);
        let before = names.insert(name, captured.at);
        frames.push(Frame {
            at: captured.at,
            name,
            takes: tcp.payload_length + u32::from(flags.syn()) + u32::from(flags.fin()),
            is_syn: flags.syn(),
            // What a sender sends again has another identification, if it has any.
            is_copy: before
                .is_some_and(|before| identification != 0 || captured.at.since(before) < Nanos::from_millis(1)),
            ours,
            theirs: theirs[&number],
        });
    }
    (frames, conversations)
}

/// A packet in the capture at its sender's end, where nothing is in doubt.
#[derive(Clone, Copy, Debug)]
struct Sent {
    at: Timestamp<Realtime>,
    /// It repeats what was sent before: whatever does not begin behind everything before it does.
    again: bool,
}

/// The packets of one end, from the capture there.
fn sent_by(frames: &[Frame], sender: Direction) -> BTreeMap<Name, Sent> {
    let mut ends: BTreeMap<u16, u32> = BTreeMap::new();
    let mut truth = BTreeMap::new();
    for frame in frames.iter().filter(|frame| frame.direction() == sender && frame.takes > 0 && !frame.is_syn) {
        let (port, _, _, sequence, _) = frame.name;
        let end = sequence.wrapping_add(frame.takes);
        let reached = *ends.entry(port).or_insert(sequence);
        truth.insert(frame.name, Sent { at: frame.at, again: sequence.wrapping_sub(reached).cast_signed() < 0 });
        if end.wrapping_sub(reached).cast_signed() > 0 {
            ends.insert(port, end);
        }
    }
    truth
}

/// How many packets were taken for sent again, or for not, though the sender's capture shows otherwise.
#[derive(Clone, Copy, Debug, Default)]
struct Wrong {
    judged: usize,
    /// Sent again, which the capture cannot show.
    unseen: usize,
    ours: usize,
    theirs: usize,
    /// Sent once, but held back on the way for so long that it cannot be told from one that was sent again: not judged.
    stalled: usize,
}

#[expect(clippy::print_stderr, reason = "what was judged wrong, for those who want to know why")]
fn held_against_the_sender(own: &[Frame], truth: &BTreeMap<Name, Sent>, delay: Nanos) -> Wrong {
    // What comes later than three quarters of a round trip behind what overtook it, as `flow` has it: the link promises a few
    // milliseconds, which a busy machine does not always keep.
    let longest = delay + Nanos::new(delay.get() * 2 / 4 * 3);
    let mut wrong = Wrong::default();
    for frame in own.iter().filter(|frame| !frame.is_copy) {
        let Some(Sent { at, again }) = truth.get(&frame.name) else { continue };
        if !frame.ours.without_the_split().again {
            // Nothing came behind the lost packet before it was sent again: here it is the first, to either reader.
            wrong.unseen += usize::from(*again);
            continue;
        }
        if !again && frame.at.since(*at) >= longest {
            wrong.stalled += 1;
            continue;
        }
        wrong.judged += 1;
        if frame.ours.again != *again {
            wrong.ours += 1;
            eprintln!("sent at {at:?}, again {again}, but: {frame:?}");
        }
        wrong.theirs += usize::from(frame.theirs.again != *again);
    }
    wrong
}

fn count(frames: &[Frame], of: impl Fn(&Frame) -> bool) -> usize {
    frames.iter().filter(|frame| of(frame)).count()
}

/// Holds one capture against tshark's reading of it; returns its packets and traces.
#[expect(clippy::print_stderr, reason = "figures side by side, for those who want to see them")]
fn check(name: &str, side: Side, file: &Path) -> (Vec<Frame>, Vec<Trace>) {
    let (frames, conversations) = frames(file);
    for (index, frame) in frames.iter().enumerate() {
        let [ours, theirs] = [frame.ours, frame.theirs].map(Verdict::without_the_split);
        assert_eq!(ours, theirs, "{name}, {side:?}, TCP packet {index}: {frame:?}");
    }

    let (traces, notes) = wirefall_and_notes(file, &[]);
    let of_flow = |wanted: u16| {
        let wanted = wanted.to_string();
        traces.iter().filter(move |trace| port(trace).as_deref() == Some(&wanted))
    };
    // Both count the same connections, and know where the capture was made.
    let rows = tshark(file, &Ports::default(), "tcp", &["tcp.stream", "tcp.srcport", "tcp.analysis.initial_rtt"]);
    let streams: BTreeSet<&str> = rows.iter().map(|row| row[0].as_str()).collect();
    let initial: BTreeMap<u16, Nanos> = rows
        .iter()
        .filter(|row| row.get(2).is_some_and(|round_trip| !round_trip.is_empty()))
        .map(|row| (row[1].parse().expect("a port"), nanos(&row[2])))
        .collect();
    assert_eq!((conversations.len(), streams.len()), (streams.len(), streams.len()), "{name}");
    for (port, conversation) in &conversations {
        assert!(of_flow(*port).next().is_some(), "{name}: no trace of {port}");
        for trace in of_flow(*port) {
            assert_eq!(trace.wire.as_ref().map(|wire| wire.side), Some(side), "{name}: {port}");
        }
        let handshake = conversation.handshake();
        if let ([syn], [syn_ack], Some(ack)) = (&*handshake.syns, &*handshake.syn_acks, handshake.ack) {
            // tshark's round trip is the client's and the server's halves together.
            assert_eq!(initial[port], ack.since(*syn), "{name}, {side:?}: {port}");
            let half = if side == Side::Client { syn_ack.since(*syn) } else { ack.since(*syn_ack) };
            let told = of_flow(*port).find_map(|trace| trace.connect.as_ref().and_then(|connect| connect.rtt));
            assert_eq!(told, Some(half), "{name}, {side:?}: {port}");
        }
        // What traces tell of losses is what happened within them, known copies left out; a flight that goes on behind the end, as
        // what a server repeats behind the last byte does, is told as a whole.
        let within = |frame: &Frame| {
            of_flow(*port).any(|trace| {
                let end = trace.started_at + trace.timeline.total();
                (trace.started_at..=end).contains(&frame.at)
            })
        };
        let own: Vec<Frame> = frames.iter().filter(|frame| frame.name.0 == *port).copied().collect();
        let inside: Vec<Frame> = own.iter().copied().filter(|frame| !frame.is_copy && within(frame)).collect();
        let of_traces = |of: fn(&PacketCounts) -> u64| -> u64 {
            let wires = of_flow(*port).filter_map(|trace| trace.wire.as_ref());
            wires.map(|wire| of(&wire.sent) + of(&wire.received)).sum()
        };
        let (again, overtaken) = (of_traces(|counts| counts.retransmitted), of_traces(|counts| counts.out_of_order));
        let all = |frames: &[Frame]| {
            [count(frames, |frame| frame.ours.again) as u64, count(frames, |frame| frame.ours.out_of_order) as u64]
        };
        for (told, (least, most)) in [again, overtaken].into_iter().zip(all(&inside).into_iter().zip(all(&own))) {
            assert!((least..=most).contains(&told), "{name}, {side:?}: {port}: {told} of {least} to {most}");
        }
    }

    let copies = count(&frames, |frame| frame.is_copy);
    // A copy that comes behind more than four other packets of its connection counts as sent again.
    let says =
        notes.lines().find_map(|note| note.split_once(" packets are in the capture twice")?.0.split(' ').next_back());
    let told: usize = says.map_or(0, |number| number.parse().expect("a number"));
    assert!(told <= copies && told >= copies * 3 / 4, "{name}, {side:?}: {copies} copies, but {notes}");

    let times = http_times(name, side, file, &traces);
    let lookups = dns_times(name, side, file, &traces);
    eprintln!(
        "{name}, {side:?}: {} TCP packets, {} flows, {times} HTTP times, {lookups} DNS times; again {} (tshark {}), out of \
         order {} ({}), duplicate ACKs {} ({}), zero windows {} ({}), copies {copies}",
        frames.len(),
        streams.len(),
        count(&frames, |frame| frame.ours.again),
        count(&frames, |frame| frame.theirs.again),
        count(&frames, |frame| frame.ours.out_of_order),
        count(&frames, |frame| frame.theirs.out_of_order),
        count(&frames, |frame| frame.ours.duplicate_ack),
        count(&frames, |frame| frame.theirs.duplicate_ack),
        count(&frames, |frame| frame.ours.zero_window),
        count(&frames, |frame| frame.theirs.zero_window),
    );
    (frames, traces)
}

/// Compares every response's time; returns how many there are.
fn http_times(name: &str, side: Side, file: &Path, traces: &[Trace]) -> usize {
    let mut by_port: BTreeMap<String, Vec<Nanos>> = BTreeMap::new();
    for row in tshark(file, &Ports::default(), "http.response", &["tcp.dstport", "http.time"]) {
        by_port.entry(row[0].clone()).or_default().push(nanos(&row[1]));
    }
    for (client, theirs) in &by_port {
        let own = traces.iter().filter(|trace| port(trace).as_ref() == Some(client));
        let own: Vec<Nanos> = own.map(|trace| length(trace, Phase::Wait) + length(trace, Phase::Receive)).collect();
        assert_eq!(&own, theirs, "{name}, {side:?}: {client}");
    }
    by_port.values().map(Vec::len).sum()
}

/// Compares every lookup's time; returns how many there are.
fn dns_times(name: &str, side: Side, file: &Path, traces: &[Trace]) -> usize {
    let rows = tshark(file, &Ports::default(), "dns", &["dns.flags.response", "dns.time"]);
    let (answers, questions): (Vec<_>, Vec<_>) = rows.iter().partition(|row| row[0] == "1");
    // The second copy of an answer has no time.
    let timed = answers.iter().filter_map(|row| row.get(1)).filter(|time| !time.is_empty());
    let mut theirs: Vec<Nanos> = timed.map(|time| nanos(time)).collect();
    let queries = traces.iter().filter_map(|trace| trace.dns.as_ref()).flat_map(|dns| &dns.queries);
    let mut ours: Vec<Nanos> = queries.filter_map(|query| query.duration).collect();
    ours.sort_unstable();
    theirs.sort_unstable();
    if questions.len() == LOOKUPS && answers.len() == LOOKUPS {
        assert_eq!(ours, theirs, "{name}, {side:?}");
    } else {
        // A question or an answer was lost: tshark has a time for every answer, a trace one for every question that had one.
        assert!(ours.len() <= questions.len() && ours.len() <= answers.len(), "{name}, {side:?}: {ours:?} {theirs:?}");
    }
    ours.len()
}

/// What was checked of both captures.
struct Checked {
    traces: [Vec<Trace>; 2],
    /// At the client, and at the server.
    wrong: [Wrong; 2],
}

#[expect(clippy::print_stderr, reason = "figures side by side, for those who want to see them")]
fn check_both(name: &str, both: &Both) -> Checked {
    let (at_client, client_traces) = check(name, Side::Client, &both.client);
    let (at_server, server_traces) = check(name, Side::Server, &both.server);
    let mut truth = sent_by(&at_client, Direction::Sent);
    truth.extend(sent_by(&at_server, Direction::Received));
    let wrong = [&at_client, &at_server].map(|frames| held_against_the_sender(frames, &truth, both.delay));
    eprintln!("{name}, held against the sender's capture: {wrong:?}");
    Checked { traces: [client_traces, server_traces], wrong }
}

fn delay(one_way: u64) -> Conditions {
    Conditions { delay: Nanos::from_millis(one_way), ..Conditions::default() }
}

#[test]
#[ignore = "needs network namespaces, nginx, dnsmasq, curl, tcpdump and tshark"]
fn over_a_quiet_distance_both_read_the_same_and_the_server_waits_a_round_trip_less() {
    for one_way in [10, 40] {
        let both = capture(delay(one_way), delay(one_way), 1, Load { megabytes: 2, small: 10 });
        let checked = check_both(&format!("quiet, {one_way} ms"), &both);
        let [client, server] = checked.traces.map(|traces| {
            let mut waits: BTreeMap<(String, String), Vec<u64>> = BTreeMap::new();
            for trace in traces.iter().filter(|trace| trace.subject.url.starts_with("http:")) {
                let key = (port(trace).expect("a connection"), trace.subject.url.clone());
                waits.entry(key).or_default().push(length(trace, Phase::Wait).get());
            }
            waits
        });
        assert_eq!(client.keys().collect::<Vec<_>>(), server.keys().collect::<Vec<_>>());
        let pairs = client.values().flatten().zip(server.values().flatten());
        let mut distances: Vec<u64> = pairs.map(|(client, server)| client.saturating_sub(*server)).collect();
        distances.sort_unstable();
        let round_trip = one_way * 2 * 1_000_000;
        // The link is never early; how late it is depends on how busy the machine is.
        assert!(distances[0] >= round_trip - 100_000, "{distances:?}");
        assert!(distances[distances.len() / 2] < round_trip + 10_000_000, "{distances:?}");
    }
}

#[test]
#[ignore = "needs network namespaces, nginx, dnsmasq, curl, tcpdump and tshark"]
fn over_a_lossy_distance_both_see_the_same_packets_again() {
    for (seed, per_million, one_way) in [(2, 10_000, 20), (4, 30_000, 10)] {
        let lossy = Conditions { loss: Share::per_million(per_million), ..delay(one_way) };
        let both = capture(lossy.clone(), lossy, seed, Load { megabytes: 2, small: 10 });
        let checked = check_both(&format!("loss of {per_million} in a million"), &both);
        for wrong in checked.wrong {
            // Nothing overtakes anything here: what comes late was sent again, whatever it looks like.
            assert!(wrong.judged > 20 && wrong.ours == 0, "{wrong:?}");
        }
    }
}

#[test]
#[ignore = "needs network namespaces, nginx, dnsmasq, curl, tcpdump and tshark"]
fn over_a_distance_that_reorders_both_see_the_same_packets_late() {
    let late = Reordering { share: Share::per_million(10_000), late: Nanos::from_millis(3) };
    let reordering = Conditions { reordering: Some(late), ..delay(20) };
    let both = capture(reordering.clone(), reordering, 5, Load { megabytes: 2, small: 10 });
    let checked = check_both("reordering", &both);
    for wrong in checked.wrong {
        assert!(wrong.judged > 0 && wrong.ours == 0, "{wrong:?}");
    }
}

#[test]
#[ignore = "needs network namespaces, nginx, dnsmasq, curl, tcpdump and tshark"]
fn over_a_distance_that_duplicates_the_copies_count_once() {
    let doubling = Conditions { duplication: Share::per_million(10_000), ..delay(15) };
    let both = capture(doubling.clone(), doubling, 6, Load { megabytes: 2, small: 10 });
    for wrong in check_both("duplication", &both).wrong {
        assert_eq!(wrong.ours, 0, "{wrong:?}");
    }
}
