//! A lab of five namespaces in a row, two of the ways between them with a known delay.
//!
//! Each of those ways is a [`Link`]; its ends are the first and the last of its routers. Both have the same addresses on
//! their cables, so the client has one of its own, which is the one to be traced from.

#![allow(dead_code, unreachable_pub, reason = "each test program uses its part, as of a library")]

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use wirefall::lab::link::{Conditions, INTERFACE, Link, Namespace, Plug, Prefix, Route, connect};
use wirefall::time::Nanos;

/// Between the client and r1, there and back.
pub const R1_DELAY: Duration = Duration::from_millis(10);
/// Between r2 and r3, there. The way back has no delay.
pub const R3_DELAY: Duration = Duration::from_millis(20);

/// What stands in a request's place where a test only wants an answer.
const RESPONSE: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok";

/// The version of IP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    V4,
    V6,
}

impl Family {
    pub const BOTH: [Self; 2] = [Self::V4, Self::V6];

    fn address(self, v4: &str, v6: &str) -> IpAddr {
        let text = if self == Self::V4 { v4 } else { v6 };
        text.parse().expect("an address")
    }

    fn any(self) -> Prefix {
        let text = if self == Self::V4 { "0.0.0.0/0" } else { "::/0" };
        text.parse().expect("a prefix")
    }

    fn length(self) -> u8 {
        if self == Self::V4 { 24 } else { 64 }
    }

    /// What a link calls its near and its far end.
    fn near(self) -> IpAddr {
        self.address("198.18.0.1", "fd77:6972:65fa::1")
    }

    fn far(self) -> IpAddr {
        self.address("198.18.0.2", "fd77:6972:65fa::2")
    }

    pub fn client(self) -> IpAddr {
        self.address("10.9.0.1", "fd09::1")
    }

    /// r1, at the link's far end.
    pub fn r1(self) -> IpAddr {
        self.far()
    }

    /// The address that r3 answers from, other than the one that packets arrive at: of IPv4 the kernel takes that of the way
    /// back, of IPv6 that which resembles the client's most.
    pub fn r3_other(self) -> IpAddr {
        self.address("10.9.3.3", "fd09:33::3")
    }

    pub fn server(self) -> IpAddr {
        self.address("10.9.4.4", "fd09:4::4")
    }

    /// An address to which r1 knows no way.
    pub fn nowhere(self) -> IpAddr {
        self.address("192.0.2.1", "2001:db8::1")
    }
}

/// How eager r1 is to answer. r2 never is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IcmpLimits {
    /// As often as it is asked.
    None,
    /// Once in a minute.
    OneAnswerOfR1,
}

/// The lab. It ends with this value.
pub struct Five {
    first: Link,
    second: Link,
    server: Namespace,
}

impl Five {
    /// Builds it, or fails the test where the system does not allow that.
    pub fn build(limits: IcmpLimits) -> Self {
        let link = |there: Duration, back: Duration| {
            let delay = |delay: Duration| Conditions { delay: Nanos::from(delay), ..Conditions::default() };
            let far = Family::BOTH.map(Family::any).to_vec();
            Link::lay(&[Route { far, there: delay(there), back: delay(back) }], 1).expect("the right to lay links")
        };
        let lab = Self {
            first: link(R1_DELAY / 2, R1_DELAY / 2),
            second: link(R3_DELAY, Duration::ZERO),
            server: Namespace::new().expect("a namespace"),
        };
        lab.lay_cables();
        lab.silence(limits);
        lab
    }

    /// Where to trace from, with [`Family::client`] as the source.
    pub fn client(&self) -> &Namespace {
        self.first.client()
    }

    fn r1(&self) -> &Namespace {
        self.first.server()
    }

    fn r2(&self) -> &Namespace {
        self.second.client()
    }

    fn r3(&self) -> &Namespace {
        self.second.server()
    }

    fn lay_cables(&self) {
        let cable = |one: &Namespace, name, other: &Namespace, other_name| {
            let plug = |namespace, name| Plug { namespace, name, hardware: None };
            connect(plug(one, name), plug(other, other_name)).expect("a cable");
        };
        cable(self.r1(), "r2", self.r2(), "r1");
        cable(self.r3(), "back", self.r2(), "back");
        cable(self.r3(), "server", &self.server, "r3");
        for router in [self.r1(), self.r2(), self.r3()] {
            router.forward().expect("forwarding");
            // Packets from the server do not come the way that packets to it go.
            for interface in ["all", "default", INTERFACE, "r1", "r2", "back", "server"] {
                let _ = router.set(&format!("ipv4/conf/{interface}/rp_filter"), "0");
            }
        }
        // Routers ask for each other from link-local addresses, which these interfaces do not make themselves.
        let ends = [
            (self.r1(), "r2"),
            (self.r2(), "r1"),
            (self.r2(), "back"),
            (self.r3(), "back"),
            (self.r3(), "server"),
            (&self.server, "r3"),
        ];
        for ((at, interface), number) in ends.into_iter().zip(1..) {
            let address = IpAddr::from([0xfe80, 0, 0, 0, 0, 0, 0, number]);
            at.address(interface, Prefix::new(address, 64)).expect("an address");
        }
        for family in Family::BOTH {
            self.address(family);
        }
    }

    fn address(&self, family: Family) {
        let length = family.length();
        let wide = |v4, v6| Prefix::new(family.address(v4, v6), length);
        let host = |address| Prefix::host(address);
        let give = |at: &Namespace, interface, prefix| at.address(interface, prefix).expect("an address");
        let route = |at: &Namespace, to, via| at.route(to, via).expect("a route");

        give(self.client(), INTERFACE, host(family.client()));
        give(self.r1(), "r2", wide("10.9.1.1", "fd09:1::1"));
        give(self.r2(), "r1", wide("10.9.1.2", "fd09:1::2"));
        give(self.r2(), "back", wide("10.9.3.2", "fd09:3::2"));
        give(self.r3(), "back", wide("10.9.3.3", "fd09:3::3"));
        if family == Family::V6 {
            give(self.r3(), INTERFACE, host(family.r3_other()));
        }
        give(self.r3(), "server", wide("10.9.4.3", "fd09:4::3"));
        give(&self.server, "r3", Prefix::new(family.server(), length));

        let network = Prefix::new(family.address("10.9.4.0", "fd09:4::"), length);
        route(self.client(), network, family.far());
        route(self.client(), host(family.nowhere()), family.far());
        route(self.r1(), network, family.address("10.9.1.2", "fd09:1::2"));
        route(self.r2(), network, family.far());
        route(&self.server, host(family.client()), family.address("10.9.4.3", "fd09:4::3"));
        route(self.r3(), host(family.client()), family.address("10.9.3.2", "fd09:3::2"));
        route(self.r2(), host(family.client()), family.address("10.9.1.1", "fd09:1::1"));
        route(self.r1(), host(family.client()), family.near());
    }

    /// The kernel gives each of whom it answers as many milliseconds as a new acquaintance has waited for it, at most a
    /// minute at first, and takes this many for an answer: a minute is one answer, an hour is none.
    fn silence(&self, limits: IcmpLimits) {
        let limit = |at: &Namespace, milliseconds| {
            for setting in ["ipv4/icmp_ratelimit", "ipv6/icmp/ratelimit"] {
                at.set(setting, milliseconds).expect("a setting");
            }
        };
        limit(self.r1(), if limits == IcmpLimits::OneAnswerOfR1 { "60000" } else { "0" });
        limit(self.r2(), "3600000");
        limit(self.r3(), "0");
    }

    /// From now on nothing leaves r3, whatever arrives there.
    pub fn lose_what_r3_gets(&self) {
        self.r3().set("ipv4/ip_forward", "0").expect("a setting");
        self.r3().set("ipv6/conf/all/forwarding", "0").expect("a setting");
    }

    /// Serves HTTP at [`Family::server`].
    pub fn serve(&self, family: Family) -> Site {
        let listener =
            self.server.run(|| TcpListener::bind((family.server(), 0))).expect("inside").expect("a listener");
        let address = listener.local_addr().expect("an address");
        let accepted = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&accepted);
        // The thread ends with the test's process.
        std::thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                count.fetch_add(1, Ordering::SeqCst);
                answer(stream);
            }
        });
        Site { address, accepted }
    }
}

/// A server in the lab.
pub struct Site {
    address: SocketAddr,
    accepted: Arc<AtomicUsize>,
}

impl Site {
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    #[track_caller]
    pub fn assert_one_connection_and_no_ghosts(&self, lab: &Five) {
        self.assert_connections(lab, 1);
    }

    #[track_caller]
    pub fn assert_no_connection_and_no_ghosts(&self, lab: &Five) {
        self.assert_connections(lab, 0);
    }

    /// So many were accepted, none waits to be, and none is half open.
    #[track_caller]
    fn assert_connections(&self, lab: &Five, expected: usize) {
        assert_eq!(self.accepted.load(Ordering::SeqCst), expected, "accepted");
        let table = |file: &str| {
            lab.server
                .run(|| std::fs::read_to_string(file))
                .expect("the server's namespace")
                .expect("a table of sockets")
        };
        let port = format!(":{:04X} ", self.address.port());
        for line in [table("/proc/thread-self/net/tcp"), table("/proc/thread-self/net/tcp6")]
            .iter()
            .flat_map(|text| text.lines())
        {
            let mut words = line.split_ascii_whitespace().skip(1);
            let (local, state) = (words.next().unwrap_or_default(), words.nth(1).unwrap_or_default());
            let is_ours = format!("{local} ").ends_with(&port);
            // ESTABLISHED and SYN_RECV, as the kernel numbers them.
            assert!(!(is_ours && matches!(state, "01" | "03")), "a ghost: {line}");
        }
    }
}

/// Answers the request of one connection.
pub fn answer_one(listener: &TcpListener) {
    answer(listener.accept().expect("a connection").0);
}

/// Reads a request without a body, answers it and closes.
pub fn answer(mut stream: impl Read + Write) {
    let mut request = Vec::new();
    let mut byte = [0];
    while !request.ends_with(b"\r\n\r\n") && matches!(stream.read(&mut byte), Ok(1)) {
        request.push(byte[0]);
    }
    let _ = stream.write_all(RESPONSE);
}
