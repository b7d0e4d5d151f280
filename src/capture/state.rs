//! Sockets, flows and packets together: what is behind the lock of a capture.
//!
//! Invariant: an interface's filter lets every flow through that is watched there, from before its first packet.

use std::io;
use std::net::SocketAddr;

use nix::errno::Errno;
use nix::net::if_::{if_indextoname, if_nametoindex};

use super::Depth;
use super::filter::{self, Ends, SnapLength};
use super::route::{Question, Router};
use super::socket::PacketSocket;
use super::store::Store;
use crate::probe::{FlowId, Opening, clock};

/// Packets taken at once, before others get their turn.
const AT_ONCE: usize = 512;

/// Everything that one capture has at hand.
#[derive(Debug)]
pub(super) struct State {
    /// Opened, but on no interface yet.
    pub(super) spare: Vec<PacketSocket>,
    pub(super) interfaces: Vec<Interface>,
    router: Router,
    pub(super) store: Store,
    pub(super) secrets: Vec<String>,
    buffer: Vec<u8>,
    pub(super) ended: bool,
}

/// An interface that flows take.
#[derive(Debug)]
pub(super) struct Interface {
    index: u32,
    pub(super) name: String,
    pub(super) socket: PacketSocket,
    pub(super) dropped: u64,
    /// Flows that the socket's filter lets through.
    filtered: usize,
}

impl State {
    /// With sockets that are open, and on no interface yet.
    pub(super) fn new(spare: Vec<PacketSocket>, router: Router, depth: Depth) -> Self {
        Self {
            spare,
            interfaces: Vec::new(),
            router,
            store: Store::new(depth.memory()),
            secrets: Vec::new(),
            buffer: vec![0; depth.snap_length()],
            ended: false,
        }
    }

    /// Lets a flow through from now on.
    pub(super) fn watch(&mut self, opening: &Opening<'_>, depth: Depth) -> Option<FlowId> {
        let ends = on_the_wire(opening);
        let index = self.index_towards(&ends, opening)?;
        let known = self.interfaces.iter().position(|interface| interface.index == index);
        let place = match known {
            Some(place) => {
                let mut flows = self.store.watched_on(place, clock::now());
                flows.push(ends);
                self.interfaces.get_mut(place)?.set_filter(&flows, depth).ok()?;
                place
            }
            None => self.open_interface(index, ends, depth)?,
        };
        // What was lost until now is not this flow's.
        self.count_drops();
        Some(self.store.open(ends, place, self.interfaces.get(place)?.dropped))
    }

    /// The index of the interface that a flow takes. Asked for each flow: routes change, and may depend on ports.
    fn index_towards(&mut self, ends: &Ends, opening: &Opening<'_>) -> Option<u32> {
        let scope = match opening.remote {
            SocketAddr::V6(remote) => Some(remote.scope_id()).filter(|scope| *scope != 0),
            SocketAddr::V4(_) => None,
        };
        let bound_to = opening.device.and_then(|name| if_nametoindex(name).ok()).or(scope);
        self.router.interface_towards(&Question { ends: *ends, bound_to }).ok()
    }

    /// Binds a spare socket to an interface, for its first flow; `None` where none is left.
    fn open_interface(&mut self, index: u32, ends: Ends, depth: Depth) -> Option<usize> {
        let name = if_indextoname(index).ok()?.to_string_lossy().into_owned();
        let socket = self.spare.pop()?;
        let mut interface = Interface { index, name, socket, dropped: 0, filtered: 0 };
        interface.set_filter(&[ends], depth).and_then(|()| interface.socket.bind(index)).ok()?;
        self.interfaces.push(interface);
        Some(self.interfaces.len() - 1)
    }

    /// Takes in some of what waits; whether more may wait.
    pub(super) fn take_some(&mut self) -> bool {
        let Self { interfaces, store, buffer, .. } = self;
        let mut taken = 0;
        for interface in interfaces {
            while taken < AT_ONCE {
                // An interface that is gone has nothing more to give.
                let Ok(Some(received)) = interface.socket.receive(buffer) else { break };
                store.take(received.at, received.direction, received.bytes);
                taken += 1;
            }
        }
        taken >= AT_ONCE
    }

    /// Asks the kernel what it lost.
    pub(super) fn count_drops(&mut self) {
        for interface in &mut self.interfaces {
            interface.dropped += interface.socket.counted().dropped;
        }
    }

    /// Lets flows that are over through no longer.
    pub(super) fn narrow(&mut self, depth: Depth) {
        let now = clock::now();
        for (place, interface) in self.interfaces.iter_mut().enumerate() {
            let flows = self.store.watched_on(place, now);
            if flows.len() < interface.filtered {
                // The old filter is too wide, and no harm.
                let _ = interface.set_filter(&flows, depth);
            }
        }
    }
}

/// The ends of a flow as its packets name them: an address that is IPv4's mapped into IPv6 (RFC 4291 §2.5.5.2) is IPv4's, and
/// a zone is not in any header.
fn on_the_wire(opening: &Opening<'_>) -> Ends {
    let bare = |end: SocketAddr| SocketAddr::new(end.ip().to_canonical(), end.port());
    Ends { carrier: opening.carrier, local: bare(opening.local), remote: bare(opening.remote) }
}

impl Interface {
    fn set_filter(&mut self, flows: &[Ends], depth: Depth) -> io::Result<()> {
        let keep = SnapLength(u32::try_from(depth.snap_length()).unwrap_or(u32::MAX));
        let program = filter::program(flows, keep).map_err(|_| io::Error::from(Errno::E2BIG))?;
        self.socket.attach(&program)?;
        self.filtered = flows.len();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::Carrier;

    #[test]
    fn a_flows_ends_are_those_that_stand_in_its_packets() {
        for (local, remote, expect) in [
            ("192.0.2.1:40000", "198.51.100.2:443", ["192.0.2.1:40000", "198.51.100.2:443"]),
            ("[::ffff:192.0.2.1]:40000", "[::ffff:198.51.100.2]:443", ["192.0.2.1:40000", "198.51.100.2:443"]),
            ("[fe80::1%3]:40000", "[fe80::2%3]:53", ["[fe80::1]:40000", "[fe80::2]:53"]),
        ] {
            let at = |text: &str| text.parse::<SocketAddr>().unwrap();
            let opening = Opening { carrier: Carrier::Tcp, local: at(local), remote: at(remote), device: None };
            let Ends { local, remote, .. } = on_the_wire(&opening);
            assert_eq!([local, remote], expect.map(at));
        }
    }
}
