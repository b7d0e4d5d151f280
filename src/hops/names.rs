//! Names of addresses by reverse DNS (RFC 1035 §3.5, RFC 3596 §2.5), asked of the plan's DNS servers.
//!
//! Invariant: nothing is asked unless the user wants names, because whoever runs the servers learns of the addresses. All
//! addresses are asked for at once; each server has [`PATIENCE`], and one round is all that a name is worth.
//!
//! Deliberately absent: checking that a name has that address again (whoever owns an address may call it anything, so names
//! are shown, never used), and DNS over TLS or HTTPS.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::AsFd;

use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{Name, RData, RecordType};
use nix::poll::PollFlags;

use crate::probe::deadline::Deadline;
use crate::probe::dns::configured_servers;
use crate::probe::{Interrupt, clock};
use crate::target::DnsServers;
use crate::time::Nanos;

/// How long the answers of one server are waited for.
const PATIENCE: Nanos = Nanos::from_secs(1);
/// Servers that are asked, one after another.
const MOST_SERVERS: usize = 3;
/// Aliases followed within an answer (RFC 2317 delegates parts of a network so).
const MOST_ALIASES: usize = 4;

/// Why no names are asked for.
#[derive(Debug, thiserror::Error)]
pub enum NamesError {
    /// The plan's servers are reached over TLS or HTTPS.
    #[error("names of hops are asked for in clear text only, not over TLS or HTTPS (name a server with --dns-servers)")]
    Encrypted,
    /// No server could be sent a query.
    #[error("cannot ask {server} for names of hops")]
    Ask {
        /// The last one tried.
        server: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
}

/// The names of those addresses that have one.
///
/// # Errors
/// Where nobody can be asked. That nobody answers is no error: there are no names then.
pub fn find_names(
    addresses: &[IpAddr],
    servers: &DnsServers,
    interrupt: &Interrupt,
) -> Result<BTreeMap<IpAddr, String>, NamesError> {
    let servers = match servers {
        DnsServers::Plain(servers) => servers.clone(),
        DnsServers::System => configured_servers(),
        DnsServers::Tls(_) | DnsServers::Https(_) => return Err(NamesError::Encrypted),
    };
    let mut book = Book::new(addresses);
    let mut refusals = Vec::new();
    let servers: Vec<SocketAddr> = servers.into_iter().take(MOST_SERVERS).collect();
    for server in &servers {
        let deadline = Deadline::after(clock::now(), PATIENCE, interrupt);
        if let Err(source) = book.ask(*server, &deadline) {
            refusals.push(NamesError::Ask { server: *server, source });
        }
        if book.is_complete() || interrupt.requested() {
            break;
        }
    }
    // What one server knows counts, whatever became of the others.
    match refusals.pop() {
        Some(last) if refusals.len() + 1 == servers.len() => Err(last),
        _ => Ok(book.names),
    }
}

/// Addresses, and what is known of their names.
struct Book {
    /// Those not answered for yet, by the id of their query.
    open: BTreeMap<u16, (IpAddr, Name)>,
    names: BTreeMap<IpAddr, String>,
}

impl Book {
    fn new(addresses: &[IpAddr]) -> Self {
        // The first id cannot be guessed; those after it only need to differ.
        let first = getrandom::u32().map_or(0, |random| (random >> 16).try_into().unwrap_or(0));
        let ids = (0..u16::MAX).map(|index| index.wrapping_add(first));
        let open = ids.zip(addresses).map(|(id, address)| (id, (*address, Name::from(*address)))).collect();
        Self { open, names: BTreeMap::new() }
    }

    fn is_complete(&self) -> bool {
        self.open.is_empty()
    }

    /// Asks a server for everything that is open, and takes in its answers until the deadline.
    fn ask(&mut self, server: SocketAddr, deadline: &Deadline) -> io::Result<()> {
        /// An answer without EDNS is no longer (RFC 1035 §4.2.1).
        const LONGEST: usize = 512;
        let unspecified =
            if server.is_ipv4() { IpAddr::V4(Ipv4Addr::UNSPECIFIED) } else { IpAddr::V6(Ipv6Addr::UNSPECIFIED) };
        let socket = UdpSocket::bind((unspecified, 0))?;
        // Connected, it takes datagrams of that server alone.
        socket.connect(server)?;
        socket.set_nonblocking(true)?;
        for (id, (_, name)) in &self.open {
            socket.send(&question(*id, name))?;
        }
        let mut buffer = [0; LONGEST];
        while !self.is_complete() && deadline.wait(socket.as_fd(), PollFlags::POLLIN).is_ok() {
            match socket.recv(&mut buffer) {
                Ok(length) => self.take(&buffer[..length]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Takes in a datagram that may be an answer. One that is none of ours changes nothing.
    fn take(&mut self, datagram: &[u8]) {
        let Ok(message) = Message::from_vec(datagram) else { return };
        let id = message.metadata.id;
        let Some((address, name)) = self.open.get(&id) else { return };
        let is_answer = message.metadata.message_type == MessageType::Response
            && message.queries.iter().all(|query| query.name() == name && query.query_type() == RecordType::PTR);
        let is_final = matches!(message.metadata.response_code, ResponseCode::NoError | ResponseCode::NXDomain);
        // Another server may know where this one fails.
        if !is_answer || !is_final {
            return;
        }
        if let Some(text) = pointed_to(&message, name) {
            self.names.insert(*address, text);
        }
        self.open.remove(&id);
    }
}

fn question(id: u16, name: &Name) -> Vec<u8> {
    let mut message = Message::new(id, MessageType::Query, OpCode::Query);
    message.metadata.recursion_desired = true;
    message.add_query(Query::query(name.clone(), RecordType::PTR));
    // A name made of an address can be written.
    message.to_vec().unwrap_or_default()
}

/// The name that the records lead to, without the root's dot.
fn pointed_to(message: &Message, name: &Name) -> Option<String> {
    let mut owner = name.clone();
    for _ in 0..=MOST_ALIASES {
        let mut of_owner = message.answers.iter().filter(|record| record.name == owner);
        let alias = of_owner.find_map(|record| match &record.data {
            RData::PTR(target) => Some(Err(target.0.to_ascii())),
            RData::CNAME(target) => Some(Ok(target.0.clone())),
            _ => None,
        })?;
        match alias {
            Ok(next) => owner = next,
            Err(text) => {
                return text.strip_suffix('.').map(str::to_owned).or(Some(text)).filter(|text| !text.is_empty());
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::thread;

    use hickory_proto::rr::Record;
    use hickory_proto::rr::rdata::{CNAME, PTR};
    use proptest::prelude::*;

    use super::*;

    fn name(text: &str) -> Name {
        Name::from_ascii(text).unwrap()
    }

    fn answer(query: &Message, code: ResponseCode, records: Vec<(Name, RData)>) -> Vec<u8> {
        let mut message = Message::response(query.metadata.id, OpCode::Query);
        message.metadata.response_code = code;
        message.add_queries(query.queries.clone());
        for (owner, rdata) in records {
            message.add_answer(Record::from_rdata(owner, 60, rdata));
        }
        message.to_vec().unwrap()
    }

    /// A server for as many queries; its thread ends with the test's process at the latest.
    fn server(answers: impl Fn(&Message) -> Vec<u8> + Send + 'static) -> SocketAddr {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        thread::spawn(move || {
            let mut buffer = [0; 512];
            while let Ok((length, client)) = socket.recv_from(&mut buffer) {
                let query = Message::from_vec(&buffer[..length]).unwrap();
                let _ = socket.send_to(&answers(&query), client);
            }
        });
        address
    }

    fn known(query: &Message) -> Vec<u8> {
        let asked = query.queries[0].name();
        match asked.to_ascii().as_str() {
            "1.2.0.192.in-addr.arpa." => {
                answer(query, ResponseCode::NoError, vec![(asked.clone(), RData::PTR(PTR(name("r1.example."))))])
            }
            "2.2.0.192.in-addr.arpa." => {
                let alias = name("2.0-25.2.0.192.in-addr.arpa.");
                let records = vec![
                    (alias.clone(), RData::PTR(PTR(name("r2.example.")))),
                    (asked.clone(), RData::CNAME(CNAME(alias))),
                ];
                answer(query, ResponseCode::NoError, records)
            }
            text if text.ends_with("ip6.arpa.") => {
                answer(query, ResponseCode::NoError, vec![(asked.clone(), RData::PTR(PTR(name("six.example."))))])
            }
            _ => answer(query, ResponseCode::NXDomain, vec![]),
        }
    }

    fn check(servers: &DnsServers, expect: &[(&str, &str)]) {
        let addresses = ["192.0.2.1", "192.0.2.2", "192.0.2.3", "2001:db8::6"].map(|text| text.parse().unwrap());
        let names = find_names(&addresses, servers, &Interrupt::new()).unwrap();
        let expect = expect.iter().map(|(address, name)| (address.parse().unwrap(), (*name).to_owned()));
        assert_eq!(names, expect.collect());
    }

    #[test]
    fn names_are_those_of_ptr_records() {
        let all = [("192.0.2.1", "r1.example"), ("192.0.2.2", "r2.example"), ("2001:db8::6", "six.example")];
        check(&DnsServers::Plain(vec![server(known)]), &all);
        let failing = server(|query| answer(query, ResponseCode::ServFail, vec![]));
        check(&DnsServers::Plain(vec![failing, server(known)]), &all);
        check(&DnsServers::Plain(vec![server(|_| b"HTTP/1.1 400".to_vec())]), &[]);
    }

    #[test]
    fn names_are_kept_where_a_further_server_cannot_be_asked() {
        // Nobody listens there.
        let closed = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let knows_some = server(|query| match known(query) {
            answer if query.queries[0].name().to_ascii().starts_with("1.2.") => answer,
            _ => self::answer(query, ResponseCode::ServFail, vec![]),
        });
        check(&DnsServers::Plain(vec![knows_some, closed]), &[("192.0.2.1", "r1.example")]);
        let nobody = find_names(&["192.0.2.1".parse().unwrap()], &DnsServers::Plain(vec![closed]), &Interrupt::new());
        assert!(matches!(nobody, Err(NamesError::Ask { server, .. }) if server == closed), "{nobody:?}");
    }

    #[test]
    fn names_are_not_asked_for_in_clear_text_where_the_rest_is_encrypted() {
        let servers = DnsServers::Https(url::Url::parse("https://127.0.0.1/dns-query").unwrap());
        assert!(matches!(find_names(&[], &servers, &Interrupt::new()), Err(NamesError::Encrypted)));
    }

    proptest! {
        #[test]
        fn any_datagram_is_an_answer_or_none(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut book = Book::new(&["192.0.2.1".parse().unwrap()]);
            book.take(&bytes);
            let id = *book.open.keys().next().unwrap();
            book.take(&[&id.to_be_bytes()[..], &bytes].concat());
        }
    }
}
