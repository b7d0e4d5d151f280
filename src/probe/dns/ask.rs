//! One family's share of a lookup: which names to ask for, whom, how often.

use std::net::IpAddr;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::Sender;

use hickory_proto::rr::Name;

use super::exchange::{Call, Exchanged, NoAnswer, Server, Wire};
use super::{Update, tell};
use crate::event::{Answer, Fact, Failure, FailureCode, Moment, Phase, QueryId, Question};
use crate::message::dns::{Record, parse_name, without_root};
use crate::probe::clock;
use crate::probe::deadline::Deadline;
use crate::probe::fault::fault;
use crate::probe::recorder::Recorder;
use crate::probe::socket::Arrival;
use crate::probe::tap::Tap;
use crate::probe::tls::TlsClient;
use crate::target::Interface;
use crate::time::{ClockSync, Nanos};

/// What servers said of one family.
#[derive(Debug)]
pub(super) struct FamilyAnswer {
    pub(super) addresses: Vec<IpAddr>,
    pub(super) arrival: Arrival,
}

/// Asks for one record type, until there is an answer or nobody is left to ask.
pub(super) struct Asker {
    pub(super) servers: Arc<Vec<Server>>,
    pub(super) interface: Option<Interface>,
    pub(super) tls: Option<TlsClient>,
    pub(super) tap: Option<Arc<dyn Tap>>,
    pub(super) candidates: Vec<String>,
    pub(super) record: Record,
    pub(super) timeout: Nanos,
    pub(super) attempts: u32,
    pub(super) queries: Arc<AtomicU32>,
    pub(super) sync: ClockSync,
    pub(super) deadline: Deadline,
    pub(super) updates: Sender<Update>,
    pub(super) bell: UnixStream,
}

/// What asking for one name came to.
enum Named {
    Found(FamilyAnswer),
    /// The name has no such record, or does not exist: the next name of the search list may.
    Nothing(FailureCode),
    /// No server gave a usable answer.
    Failed(Failure),
}

impl Asker {
    pub(super) fn run(self) {
        let result = self.ask_all();
        tell(&self.updates, &self.bell, Update::Done(self.record, result));
    }

    fn ask_all(&self) -> Result<FamilyAnswer, Failure> {
        let mut nothing = FailureCode::DnsNxdomain;
        for candidate in &self.candidates {
            let name = parse_name(candidate)
                .map_err(|error| fault(Phase::Dns, FailureCode::DnsNxdomain, error.to_string()))?;
            match self.ask_for(&name) {
                Named::Found(answer) => return Ok(answer),
                Named::Nothing(FailureCode::DnsNoAddresses) => nothing = FailureCode::DnsNoAddresses,
                Named::Nothing(_) => {}
                Named::Failed(failure) => return Err(failure),
            }
        }
        let record = self.record.as_str();
        let message = match (nothing, self.candidates.as_slice()) {
            (FailureCode::DnsNoAddresses, _) => format!("{} has no {record} record", self.candidates.join(", ")),
            (_, [only]) => format!("{only} does not exist"),
            (_, several) => format!("none of {} exists", several.join(", ")),
        };
        Err(fault(Phase::Dns, nothing, message))
    }

    fn ask_for(&self, name: &Name) -> Named {
        let mut failure = None;
        let mut sent_before = 0;
        'asking: for _ in 0..self.attempts {
            for server in self.servers.iter() {
                let exchanged = self.ask_server(server, name, sent_before);
                sent_before += 1;
                match exchanged {
                    Ok((answer, arrival)) => match answer.rcode.as_str() {
                        "NOERROR" if answer.addresses.is_empty() => {
                            return Named::Nothing(FailureCode::DnsNoAddresses);
                        }
                        "NOERROR" => return Named::Found(FamilyAnswer { addresses: answer.addresses, arrival }),
                        "NXDOMAIN" => return Named::Nothing(FailureCode::DnsNxdomain),
                        rcode => {
                            let message = format!("{} answered {rcode} for {}", server.label(), without_root(name));
                            failure = Some(fault(Phase::Dns, FailureCode::DnsServerFailure, message));
                        }
                    },
                    Err(no_answer) => failure = Some(no_answer.explain(server, &without_root(name))),
                }
                if self.deadline.check().is_err() {
                    break 'asking;
                }
            }
        }
        Named::Failed(failure.unwrap_or_else(|| {
            fault(Phase::Dns, FailureCode::DnsUnreachable, "no DNS server is configured (name one with --dns-servers)")
        }))
    }

    /// Asks one server; an answer that did not fit into a datagram is asked for again over TCP.
    fn ask_server(&self, server: &Server, name: &Name, sent_before: u32) -> Result<(Answer, Arrival), NoAnswer> {
        let wires: &[Wire] = server.wires();
        let mut result = Err(NoAnswer::TimedOut);
        for wire in wires {
            result = self.send(server, *wire, name, sent_before);
            match &result {
                Ok((answer, _)) if answer.truncated => {}
                _ => break,
            }
        }
        result
    }

    fn send(&self, server: &Server, wire: Wire, name: &Name, sent_before: u32) -> Result<(Answer, Arrival), NoAnswer> {
        let id = QueryId(self.queries.fetch_add(1, Ordering::Relaxed));
        let question = Question {
            server: server.label(),
            transport: wire.transport(),
            name: without_root(name),
            record_type: self.record.as_str().to_owned(),
            retries: sent_before,
        };
        self.tell(|observed| observed.learn(Fact::Question(id, question)));
        let deadline = self.deadline.within(self.timeout);
        let begun = clock::now();
        let sent = |left| self.tell(|observed| observed.left(Moment::QuerySent(id), left));
        let call = Call {
            interface: self.interface.as_ref(),
            tls: self.tls.as_ref(),
            tap: self.tap.as_ref(),
            sync: self.sync,
            deadline: &deadline,
            name,
            record: self.record,
            handed: &sent,
        };
        let Exchanged { left, outcome } = call.exchange(server, wire);

        self.tell(|observed| {
            match left {
                Some(left) => observed.left(Moment::QuerySent(id), left),
                None => observed.noticed(Moment::QuerySent(id), begun),
            }
            match &outcome {
                Ok((answer, arrival)) => {
                    observed.arrived(Moment::QueryEnded(id), *arrival);
                    observed.learn(Fact::Answer(id, answer.clone()));
                }
                Err(_) => observed.noticed(Moment::QueryEnded(id), clock::now()),
            }
        });
        outcome
    }

    fn tell(&self, observe: impl FnOnce(&mut Recorder)) {
        let mut observed = Recorder::default();
        observe(&mut observed);
        tell(&self.updates, &self.bell, Update::Observed(observed));
    }
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;
    use std::sync::mpsc::{Receiver, channel};
    use std::thread;

    use hickory_proto::op::{Message, OpCode};
    use hickory_proto::rr::rdata::A;
    use hickory_proto::rr::{RData, Record as ResourceRecord};

    use super::*;
    use crate::event::Event;
    use crate::probe::Interrupt;

    /// Long enough for an answer on a busy machine, short enough to wait for.
    const TIMEOUT: Nanos = Nanos::from_millis(300);

    /// The datagrams with which a server answers the n-th one; none where that is lost.
    type Answers = fn(usize, &[u8]) -> Vec<Vec<u8>>;

    fn right(_: usize, query: &[u8]) -> Vec<Vec<u8>> {
        let query = Message::from_vec(query).unwrap();
        let mut message = Message::response(query.metadata.id, OpCode::Query);
        message.add_answer(ResourceRecord::from_rdata(
            query.queries[0].name().clone(),
            60,
            RData::A(A::new(127, 0, 0, 1)),
        ));
        message.add_queries(query.queries);
        vec![message.to_vec().unwrap()]
    }

    fn lost(_: usize, _: &[u8]) -> Vec<Vec<u8>> {
        vec![]
    }

    fn first_lost(number: usize, query: &[u8]) -> Vec<Vec<u8>> {
        if number == 0 { vec![] } else { right(number, query) }
    }

    fn noise(_: usize, _: &[u8]) -> Vec<Vec<u8>> {
        vec![b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()]
    }

    /// A name server whose thread ends with the test's process.
    fn server(answers: Answers) -> Server {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        thread::spawn(move || {
            let mut buffer = [0; 2_048];
            for number in 0.. {
                let Ok((length, client)) = socket.recv_from(&mut buffer) else { continue };
                for answer in answers(number, &buffer[..length]) {
                    let _ = socket.send_to(&answer, client);
                }
            }
        });
        Server::Plain(address)
    }

    /// Asks these servers in order; gives the result and how often each question had been sent before.
    fn ask(servers: &[Answers], within: Nanos) -> (Result<FamilyAnswer, Failure>, Vec<(u32, bool)>) {
        let (updates, received) = channel();
        let (bell, _rung) = UnixStream::pair().unwrap();
        let asker = Asker {
            servers: Arc::new(servers.iter().map(|answers| server(*answers)).collect()),
            interface: None,
            tls: None,
            tap: None,
            candidates: vec!["www.wirefall.test".to_owned()],
            record: Record::A,
            timeout: TIMEOUT,
            attempts: 2,
            queries: Arc::default(),
            sync: clock::sync(),
            deadline: Deadline::after(clock::now(), within, &Interrupt::new()),
            updates,
            bell,
        };
        let result = asker.ask_all();
        drop(asker);
        (result, sent(&received))
    }

    /// For each query how often it had been sent before, and whether it is known when it was sent.
    fn sent(received: &Receiver<Update>) -> Vec<(u32, bool)> {
        let events: Vec<Event> = received
            .iter()
            .flat_map(|update| match update {
                Update::Observed(observed) => observed.into_events(Nanos::ZERO),
                Update::Done(..) => vec![],
            })
            .collect();
        let is_stamped = |id: QueryId| {
            events.iter().any(|event| matches!(event, Event::Observed(Moment::QuerySent(sent), _) if *sent == id))
        };
        let questions = events.iter().filter_map(|event| match event {
            Event::Learned(Fact::Question(id, question)) => Some((question.retries, is_stamped(*id))),
            _ => None,
        });
        questions.collect()
    }

    fn check(servers: &[Answers], within: Nanos, expect: Result<(), FailureCode>, queries: u32) {
        let (result, sent) = ask(servers, within);
        assert_eq!(result.map(|_| ()).map_err(|failure| failure.code), expect);
        assert_eq!(sent, (0..queries).map(|before| (before, true)).collect::<Vec<_>>());
    }

    #[test]
    fn a_lost_datagram_is_sent_again_to_the_next_server_and_then_to_the_first() {
        let minute = Nanos::from_secs(60);
        check(&[right], minute, Ok(()), 1);
        check(&[first_lost], minute, Ok(()), 2);
        check(&[lost, right], minute, Ok(()), 2);
        check(&[first_lost, lost], minute, Ok(()), 3);
        check(&[lost], minute, Err(FailureCode::DnsTimeout), 2);
    }

    #[test]
    fn noise_and_nothing_else_is_malformed() {
        check(&[noise], Nanos::from_secs(60), Err(FailureCode::DnsMalformed), 2);
        check(&[noise, right], Nanos::from_secs(60), Ok(()), 2);
    }

    #[test]
    fn nothing_is_sent_after_the_deadline() {
        check(&[lost, lost], Nanos::from_millis(100), Err(FailureCode::DnsTimeout), 1);
    }
}
