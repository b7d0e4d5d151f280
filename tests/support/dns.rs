//! A name server that does what a test tells it to, over UDP and TCP on one port of 127.0.0.1, or over TLS.
//!
//! The script gets each question and says what is done about it. Threads end when the server is dropped, those of
//! connections when their client goes.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use hickory_proto::op::{Message, OpCode, Query, ResponseCode};
use hickory_proto::rr::rdata::{A, AAAA, CNAME};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// What carries a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carrier {
    Udp,
    Tcp,
    Tls,
    Https,
}

/// A question as it came.
#[derive(Clone, Debug)]
pub struct Asked {
    pub carrier: Carrier,
    /// Without the root's dot.
    pub name: String,
    pub record: RecordType,
    /// How often the same question came over the same carrier before.
    pub before: usize,
    query: Message,
}

/// One datagram, or one message of a stream, some time after the question or after the one before it.
#[derive(Clone, Debug)]
pub struct Reply {
    pub after: Duration,
    pub says: Says,
}

/// What an answer says.
#[derive(Clone, Debug)]
pub enum Says {
    /// The addresses of the family asked for; none is NODATA.
    Addresses(Vec<IpAddr>),
    /// Aliases `alias-1` … `alias-n` before these addresses.
    Chain(usize, Vec<IpAddr>),
    /// Two names that are each other's alias.
    Loop,
    /// A response code and nothing else.
    Code(ResponseCode),
    /// That it did not fit.
    Truncated,
    /// That it did not fit, cut in the middle of a record.
    CutOff,
    /// The question's id, and then no DNS.
    Malformed,
    /// No DNS at all.
    Noise(Vec<u8>),
    /// These addresses under another id.
    WrongId(Vec<IpAddr>),
    /// These addresses for another name.
    OtherQuestion(Vec<IpAddr>),
    /// These addresses for the question in another spelling.
    OtherCase(Vec<IpAddr>),
    /// Nothing more, and the stream is closed.
    Close,
}

impl Says {
    pub fn after(self, delay: Duration) -> Reply {
        Reply { after: delay, says: self }
    }

    pub fn now(self) -> Reply {
        self.after(Duration::ZERO)
    }

    /// The answer's bytes; `None` closes the stream.
    pub fn to(&self, asked: &Asked) -> Option<Vec<u8>> {
        let id = asked.query.metadata.id;
        let plain = |message: Message| message.to_vec().expect("answers can be written");
        Some(match self {
            Self::Addresses(addresses) => plain(asked.answered(&asked.owner(), addresses)),
            Self::Chain(length, addresses) => {
                let alias = |number: usize| name(&format!("alias-{number}.wirefall.test"));
                let mut message = asked.answered(&alias(*length), addresses);
                let owners = std::iter::once(asked.owner()).chain((1..*length).map(alias));
                for (owner, target) in owners.zip((1..=*length).map(alias)) {
                    message.add_answer(Record::from_rdata(owner, 30, RData::CNAME(CNAME(target))));
                }
                plain(message)
            }
            Self::Loop => {
                let mut message = asked.answered(&asked.owner(), &[]);
                let other = name("loop.wirefall.test");
                for (owner, target) in [(asked.owner(), other.clone()), (other, asked.owner())] {
                    message.add_answer(Record::from_rdata(owner, 30, RData::CNAME(CNAME(target))));
                }
                plain(message)
            }
            Self::Code(code) => {
                let mut message = asked.answered(&asked.owner(), &[]);
                message.metadata.response_code = *code;
                plain(message)
            }
            Self::Truncated => {
                let mut message = asked.answered(&asked.owner(), &[]);
                message.metadata.truncation = true;
                plain(message)
            }
            Self::CutOff => {
                let mut message = asked.answered(&asked.owner(), &[Ipv4Addr::LOCALHOST.into(), loopback_v6()]);
                message.metadata.truncation = true;
                let mut bytes = plain(message);
                bytes.truncate(bytes.len() - 2);
                bytes
            }
            Self::Malformed => {
                let mut bytes = plain(asked.answered(&asked.owner(), &[]));
                bytes.truncate(14);
                bytes
            }
            Self::Noise(bytes) => bytes.clone(),
            Self::WrongId(addresses) => {
                let mut message = asked.answered(&asked.owner(), addresses);
                message.metadata.id = !id;
                plain(message)
            }
            Self::OtherQuestion(addresses) => {
                let other = name("other.wirefall.test");
                let mut message = Message::response(id, OpCode::Query);
                message.add_query(Query::query(other.clone(), asked.record));
                message.add_answers(records(&other, asked.record, addresses));
                plain(message)
            }
            Self::OtherCase(addresses) => {
                let upper = name(&asked.name.to_ascii_uppercase());
                let mut message = Message::response(id, OpCode::Query);
                message.add_query(Query::query(upper.clone(), asked.record));
                message.add_answers(records(&upper, asked.record, addresses));
                plain(message)
            }
            Self::Close => return None,
        })
    }
}

impl Asked {
    /// The question in these bytes, the first of its kind.
    pub fn read(bytes: &[u8], carrier: Carrier) -> Option<Self> {
        let query = Message::from_vec(bytes).ok()?;
        let question = query.queries.first()?;
        let name = question.name().to_ascii().trim_end_matches('.').to_owned();
        Some(Self { carrier, name, record: question.query_type(), before: 0, query })
    }

    fn owner(&self) -> Name {
        name(&self.name)
    }

    fn answered(&self, owner: &Name, addresses: &[IpAddr]) -> Message {
        let mut message = Message::response(self.query.metadata.id, OpCode::Query);
        message.metadata.recursion_available = true;
        message.add_queries(self.query.queries.iter().cloned());
        message.add_answers(records(owner, self.record, addresses));
        message
    }
}

fn name(text: &str) -> Name {
    let mut name = Name::from_ascii(text).expect("a name");
    name.set_fqdn(true);
    name
}

fn records(owner: &Name, record: RecordType, addresses: &[IpAddr]) -> Vec<Record> {
    let of_family = addresses.iter().filter_map(|address| match (address, record) {
        (IpAddr::V4(address), RecordType::A) => Some(RData::A(A(*address))),
        (IpAddr::V6(address), RecordType::AAAA) => Some(RData::AAAA(AAAA(*address))),
        _ => None,
    });
    of_family.map(|rdata| Record::from_rdata(owner.clone(), 60, rdata)).collect()
}

fn loopback_v6() -> IpAddr {
    IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1_u16])
}

/// What is done about a question.
pub trait Script: Fn(&Asked) -> Vec<Reply> + Send + Sync + 'static {}
impl<F: Fn(&Asked) -> Vec<Reply> + Send + Sync + 'static> Script for F {}

/// What all threads of a server share.
struct Desk {
    script: Box<dyn Script>,
    asked: Mutex<Vec<Asked>>,
    closing: AtomicBool,
}

impl Desk {
    fn take(&self, bytes: &[u8], carrier: Carrier) -> Option<Asked> {
        let mut asked = Asked::read(bytes, carrier)?;
        let mut all = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let same = |other: &&Asked| (other.carrier, &other.name, other.record) == (carrier, &asked.name, asked.record);
        asked.before = all.iter().filter(same).count();
        all.push(asked.clone());
        Some(asked)
    }
}

/// A name server.
pub struct DnsServer {
    pub address: SocketAddr,
    desk: Arc<Desk>,
}

impl DnsServer {
    /// Over UDP and TCP.
    pub fn start(script: impl Script) -> Self {
        let (udp, tcp) = sockets();
        let address = udp.local_addr().expect("an address");
        let desk = desk(script);
        let (of_udp, of_tcp) = (Arc::clone(&desk), Arc::clone(&desk));
        thread::spawn(move || serve_udp(&of_udp, &Arc::new(udp)));
        thread::spawn(move || serve_streams(&of_tcp, &tcp, |stream| Some((Carrier::Tcp, stream))));
        Self { address, desk }
    }

    /// Over TLS.
    pub fn start_tls(config: Arc<ServerConfig>, script: impl Script) -> Self {
        let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let address = tcp.local_addr().expect("an address");
        let desk = desk(script);
        let of_tls = Arc::clone(&desk);
        thread::spawn(move || {
            serve_streams(&of_tls, &tcp, move |stream| {
                let session = ServerConnection::new(Arc::clone(&config)).ok()?;
                Some((Carrier::Tls, StreamOwned::new(session, stream)))
            });
        });
        Self { address, desk }
    }

    /// What was asked so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.desk.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for DnsServer {
    fn drop(&mut self) {
        self.desk.closing.store(true, Ordering::Release);
        // Both wake a thread that waits, which then sees that it is over.
        let _ = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|socket| socket.send_to(&[], self.address));
        let _ = TcpStream::connect(self.address);
    }
}

fn desk(script: impl Script) -> Arc<Desk> {
    Arc::new(Desk { script: Box::new(script), asked: Mutex::default(), closing: AtomicBool::new(false) })
}

/// Two sockets on one port, which the kernel chooses.
fn sockets() -> (UdpSocket, TcpListener) {
    let pair = || -> io::Result<(UdpSocket, TcpListener)> {
        let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        Ok((UdpSocket::bind(tcp.local_addr()?)?, tcp))
    };
    (0..100).find_map(|_| pair().ok()).expect("a port that is free for UDP and TCP")
}

fn serve_udp(desk: &Arc<Desk>, socket: &Arc<UdpSocket>) {
    let mut buffer = [0; 2_048];
    while !desk.closing.load(Ordering::Acquire) {
        // An error is an ICMP message about an earlier answer: its client has gone.
        let Ok((length, client)) = socket.recv_from(&mut buffer) else { continue };
        let Some(asked) = desk.take(&buffer[..length], Carrier::Udp) else { continue };
        let replies = (desk.script)(&asked);
        let socket = Arc::clone(socket);
        thread::spawn(move || {
            for Reply { after, says } in replies {
                thread::sleep(after);
                let Some(bytes) = says.to(&asked) else { return };
                let _ = socket.send_to(&bytes, client);
            }
        });
    }
}

fn serve_streams<S: Read + Write + Send + 'static>(
    desk: &Arc<Desk>,
    listener: &TcpListener,
    secure: impl Fn(TcpStream) -> Option<(Carrier, S)>,
) {
    for stream in listener.incoming() {
        if desk.closing.load(Ordering::Acquire) {
            return;
        }
        let Some((carrier, stream)) = stream.ok().and_then(&secure) else { continue };
        let desk = Arc::clone(desk);
        // However the conversation ends, its client knows.
        thread::spawn(move || drop(converse(&desk, carrier, stream)));
    }
}

fn converse(desk: &Desk, carrier: Carrier, mut stream: impl Read + Write) -> io::Result<()> {
    loop {
        let mut length = [0; 2];
        stream.read_exact(&mut length)?;
        let mut query = vec![0; u16::from_be_bytes(length).into()];
        stream.read_exact(&mut query)?;
        let Some(asked) = desk.take(&query, carrier) else { return Ok(()) };
        for Reply { after, says } in (desk.script)(&asked) {
            thread::sleep(after);
            let Some(bytes) = says.to(&asked) else { return Ok(()) };
            let length = u16::try_from(bytes.len()).expect("answers are short");
            stream.write_all(&[&length.to_be_bytes(), bytes.as_slice()].concat())?;
            stream.flush()?;
        }
    }
}
