//! Name resolution with queries of our own, over sockets that we own and stamp.
//!
//! A and AAAA are asked in parallel, each by a thread that sends its events through a channel: the kernel's stamps make them
//! exact whatever the threads' scheduling. A connection attempt can begin as soon as one family has answered, while the
//! other is still out (RFC 8305 §3).
//!
//! Deliberately absent: a cache. What is measured is what a first visitor pays.

mod ask;
mod exchange;
mod system;

use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::atomic::AtomicU32;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, OnceLock};

use super::deadline::{Deadline, Ended};
use super::fault::{self, fault};
use super::recorder::Recorder;
use super::tap::Tap;
use super::tls::TlsClient;
use crate::event::{DnsSource, Fact, Failure, FailureCode, Moment, Phase};
use crate::message::dns::Record;
use crate::target::{DnsServers, Family, Interface, Resolution, ResolveOverride, override_for};
use crate::time::{ClockSync, Nanos};
use ask::{Asker, FamilyAnswer};
use exchange::Server;
use system::System;

/// How long an answer of the second family waits for one of the first (RFC 8305 §3, Resolution Delay).
pub(crate) const RESOLUTION_DELAY: Nanos = Nanos::from_millis(50);

/// Answers names for one run.
#[derive(Debug)]
pub(crate) struct Resolver {
    system: System,
    resolution: Resolution,
    interface: Option<Interface>,
    tls: Option<TlsClient>,
    tap: Option<Arc<dyn Tap>>,
    /// The addresses of the DNS-over-HTTPS server, once they have been found.
    https_server: OnceLock<Vec<SocketAddr>>,
}

/// Where the addresses of a host come from.
#[derive(Debug)]
pub(crate) enum Addresses {
    /// They are known: a literal, the hosts file, the user.
    Known(Vec<IpAddr>),
    /// Servers are being asked.
    Asked(Lookup),
}

/// A name whose addresses are wanted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted<'a> {
    pub(crate) host: &'a str,
    /// Where the connection goes to: overrides are for a port.
    pub(crate) port: u16,
    /// Addresses that count where the resolver's own overrides say nothing.
    pub(crate) overrides: &'a [ResolveOverride],
}

/// The name servers that this machine is configured to ask.
pub(crate) fn configured_servers() -> Vec<SocketAddr> {
    System::load().servers
}

impl Resolver {
    /// Reads the system's configuration. DNS over TLS and HTTPS need `tls`.
    pub(crate) fn new(resolution: Resolution, interface: Option<Interface>, tls: Option<TlsClient>) -> Self {
        Self { system: System::load(), resolution, interface, tls, tap: None, https_server: OnceLock::new() }
    }

    /// The same, its queries watched.
    pub(crate) fn watched_by(self, tap: Option<Arc<dyn Tap>>) -> Self {
        Self { tap, ..self }
    }

    /// Finds the addresses of a host, or begins to ask for them.
    pub(crate) fn resolve(
        &self,
        wanted: Wanted<'_>,
        recorder: &mut Recorder,
        sync: ClockSync,
        deadline: &Deadline,
    ) -> Result<Addresses, Failure> {
        let Wanted { host, port, overrides } = wanted;
        let of_user = self.resolution.override_for(host, port).or_else(|| override_for(overrides, host, port));
        if let Some(addresses) = of_user {
            recorder.learn(Fact::Resolved(DnsSource::Override));
            return self.known(host, addresses.to_vec());
        }
        if let Ok(literal) = host.trim_matches(['[', ']']).parse::<IpAddr>() {
            return self.known(host, vec![literal]);
        }
        let local = system::loopback(host).map(Vec::from).unwrap_or_default();
        let from_hosts = match self.resolution.servers {
            DnsServers::System => self.system.hosts(host),
            _ => Vec::new(),
        };
        let fixed = if from_hosts.is_empty() { local } else { from_hosts };
        if !fixed.is_empty() {
            recorder.learn(Fact::Resolved(DnsSource::Hosts));
            return self.known(host, fixed);
        }
        self.ask(host, recorder, sync, deadline).map(Addresses::Asked)
    }

    fn known(&self, host: &str, addresses: Vec<IpAddr>) -> Result<Addresses, Failure> {
        let wanted: Vec<IpAddr> = addresses.into_iter().filter(|address| self.wants(*address)).collect();
        if wanted.is_empty() {
            let message = format!("{host} has no address of the wanted family");
            return Err(fault(Phase::Dns, FailureCode::DnsNoAddresses, message));
        }
        Ok(Addresses::Known(wanted))
    }

    fn wants(&self, address: IpAddr) -> bool {
        match self.resolution.family {
            Family::Any => true,
            Family::V4 => address.is_ipv4(),
            Family::V6 => address.is_ipv6(),
        }
    }

    fn ask(
        &self,
        host: &str,
        recorder: &mut Recorder,
        sync: ClockSync,
        deadline: &Deadline,
    ) -> Result<Lookup, Failure> {
        let unreachable = |message: String| fault(Phase::Dns, FailureCode::DnsUnreachable, message);
        let candidates = match self.resolution.servers {
            DnsServers::System => self.system.candidates(host),
            _ => vec![host.trim_end_matches('.').to_owned()],
        };
        let records: &[Record] = match self.resolution.family {
            Family::Any => &[Record::Aaaa, Record::A],
            Family::V4 => &[Record::A],
            Family::V6 => &[Record::Aaaa],
        };
        let servers = Arc::new(self.servers(recorder));
        let (updates, received) = channel();
        let (bell, rung) = wake_up_call().map_err(|error| unreachable(format!("no wake-up call: {error}")))?;
        let queries = Arc::new(AtomicU32::new(0));
        for record in records {
            let asker = Asker {
                servers: Arc::clone(&servers),
                interface: self.interface.clone(),
                tls: self.tls.clone(),
                tap: self.tap.clone(),
                candidates: candidates.clone(),
                record: *record,
                timeout: self.system_or_default(|system| system.timeout, system::TIMEOUT),
                attempts: self.system_or_default(|system| system.attempts, system::ATTEMPTS),
                queries: Arc::clone(&queries),
                sync,
                deadline: deadline.clone(),
                updates: updates.clone(),
                bell: bell.try_clone().map_err(|error| unreachable(format!("no wake-up call: {error}")))?,
            };
            std::thread::Builder::new()
                .name(format!("dns-{}", record.as_str()))
                .spawn(move || asker.run())
                .map_err(|error| unreachable(format!("no thread for a query: {error}")))?;
        }
        Ok(Lookup {
            host: host.to_owned(),
            updates: received,
            bell: rung,
            outstanding: records.len(),
            answers: Vec::new(),
        })
    }

    fn system_or_default<T>(&self, configured: impl Fn(&System) -> T, default: T) -> T {
        if matches!(self.resolution.servers, DnsServers::System) { configured(&self.system) } else { default }
    }

    fn servers(&self, recorder: &mut Recorder) -> Vec<Server> {
        match &self.resolution.servers {
            DnsServers::System => self.system.servers.iter().copied().map(Server::Plain).collect(),
            DnsServers::Plain(servers) => servers.iter().copied().map(Server::Plain).collect(),
            DnsServers::Tls(servers) => {
                // Reaching the server is part of resolving the name.
                recorder.noticed(Moment::Start, super::clock::now());
                servers.iter().map(|(address, name)| Server::Tls(*address, name.clone())).collect()
            }
            DnsServers::Https(url) => {
                recorder.noticed(Moment::Start, super::clock::now());
                vec![Server::Https(url.clone(), self.https_server.get().cloned().unwrap_or_default())]
            }
        }
    }

    /// Finds the DNS-over-HTTPS server, by the system's own means, unless that has been done. This belongs before any clock
    /// starts: it is part of the configuration, as the addresses of other servers are.
    pub(crate) fn find_servers(&self, deadline: &Deadline) -> Result<(), Failure> {
        let DnsServers::Https(url) = &self.resolution.servers else { return Ok(()) };
        if self.https_server.get().is_some() {
            return Ok(());
        }
        let resolution = Resolution { servers: DnsServers::System, ..self.resolution.clone() };
        let system = Self::new(resolution, self.interface.clone(), None);
        let host = url.host_str().unwrap_or_default();
        let port = url.port_or_known_default().unwrap_or(443);
        let mut unrecorded = Recorder::default();
        let found = match system.resolve(
            Wanted { host, port, overrides: &[] },
            &mut unrecorded,
            super::clock::sync(),
            deadline,
        )? {
            Addresses::Known(addresses) => addresses,
            Addresses::Asked(mut lookup) => lookup.wait_for_some(deadline)?,
        };
        let found = found.into_iter().map(|address| SocketAddr::new(address, port)).collect();
        self.https_server.get_or_init(|| found);
        Ok(())
    }
}

/// A bell that wakes a `poll`: written by the threads that ask, readable for the one that waits.
fn wake_up_call() -> io::Result<(UnixStream, UnixStream)> {
    let (bell, rung) = UnixStream::pair()?;
    bell.set_nonblocking(true)?;
    rung.set_nonblocking(true)?;
    Ok((bell, rung))
}

/// What a thread that asks has to say.
#[derive(Debug)]
enum Update {
    Observed(Recorder),
    Done(Record, Result<FamilyAnswer, Failure>),
}

/// Sends an update and rings the bell. A listener that has gone no longer wants to know.
fn tell(updates: &Sender<Update>, mut bell: &UnixStream, update: Update) {
    let _ = updates.send(update);
    let _ = bell.write(&[0]);
}

/// A name being asked for.
#[derive(Debug)]
pub(crate) struct Lookup {
    host: String,
    updates: Receiver<Update>,
    bell: UnixStream,
    outstanding: usize,
    answers: Vec<(Record, Result<FamilyAnswer, Failure>)>,
}

impl AsFd for Lookup {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.bell.as_fd()
    }
}

impl Lookup {
    /// Takes in what the threads have said; returns the addresses that are new.
    pub(crate) fn take_in(&mut self, recorder: &mut Recorder) -> Vec<IpAddr> {
        let mut silence = [0_u8; 64];
        while matches!((&self.bell).read(&mut silence), Ok(length) if length > 0) {}
        let mut fresh = Vec::new();
        while let Ok(update) = self.updates.try_recv() {
            match update {
                Update::Observed(observed) => recorder.absorb(observed),
                Update::Done(record, answer) => {
                    self.outstanding -= 1;
                    if let Ok(answer) = &answer {
                        fresh.extend(&answer.addresses);
                    }
                    self.answers.push((record, answer));
                }
            }
        }
        fresh
    }

    /// Whether a family has not answered yet.
    pub(crate) fn is_pending(&self) -> bool {
        self.outstanding > 0
    }

    /// Whether the family that is tried first has answered, with or without addresses.
    pub(crate) fn preferred_is_known(&self) -> bool {
        !self.is_pending() || self.answers.iter().any(|(record, _)| *record == Record::Aaaa)
    }

    /// Marks the end of `dns`: when the answer that holds `used` arrived, or else the first answer with any address.
    pub(crate) fn record_end(&self, used: Option<IpAddr>, recorder: &mut Recorder) {
        let answers = || self.answers.iter().filter_map(|(_, answer)| answer.as_ref().ok());
        let holding = used.and_then(|used| answers().find(|answer| answer.addresses.contains(&used)));
        if let Some(answer) = holding.or_else(|| answers().find(|answer| !answer.addresses.is_empty())) {
            recorder.arrived(Moment::End(Phase::Dns), answer.arrival);
        }
    }

    /// Why there is no address at all: what the families' failures have in common, or the more telling one.
    pub(crate) fn failure(&self) -> Failure {
        let telling = |failure: &Failure| match failure.code {
            FailureCode::DnsNxdomain => 0,
            FailureCode::DnsServerFailure => 1,
            FailureCode::DnsMalformed => 2,
            FailureCode::DnsTimeout => 3,
            FailureCode::DnsUnreachable => 4,
            _ => 5,
        };
        let failures = self.answers.iter().filter_map(|(_, answer)| answer.as_ref().err());
        failures.min_by_key(|failure| telling(failure)).cloned().unwrap_or_else(|| {
            fault(Phase::Dns, FailureCode::DnsNoAddresses, format!("{} exists, but has no address", self.host))
        })
    }

    /// Time ran out, or the user interrupted, before there was an address.
    pub(crate) fn ended(&self, ended: Ended) -> Failure {
        fault::ended(Phase::Dns, ended, &format!("resolving {}", self.host))
    }

    /// Some addresses: those of the first family, or of the second once that has waited long enough.
    fn wait_for_some(&mut self, deadline: &Deadline) -> Result<Vec<IpAddr>, Failure> {
        let mut addresses = Vec::new();
        let mut unrecorded = Recorder::default();
        loop {
            addresses.extend(self.take_in(&mut unrecorded));
            let enough = !addresses.is_empty() && self.preferred_is_known();
            if enough || !self.is_pending() {
                return if addresses.is_empty() { Err(self.failure()) } else { Ok(addresses) };
            }
            let patience = if addresses.is_empty() { deadline.clone() } else { deadline.within(RESOLUTION_DELAY) };
            match patience.wait(self.bell.as_fd(), nix::poll::PollFlags::POLLIN) {
                Err(_) if !addresses.is_empty() && deadline.check().is_ok() => return Ok(addresses),
                Err(why) => return Err(self.ended(why)),
                Ok(_) => {}
            }
        }
    }
}
