//! Network namespaces, and the cables (veth pairs), addresses and routes in them.
//!
//! A [`Namespace`] is a descriptor: it exists as long as the value, its threads and its sockets do. Whatever has to happen in
//! one happens on a thread that enters it and ends; a socket stays where it was made, wherever it is used afterwards.
//!
//! Invariant: the calling thread never changes its namespace, except in [`Namespace::enter`]. Duplicate address detection
//! is off, so that addresses work at once.

use std::fs::File;
use std::io;
use std::net::IpAddr;
use std::os::fd::{AsRawFd, RawFd};
use std::thread::JoinHandle;

use nix::sched::{CloneFlags, setns, unshare};
use rtnetlink::packet_core::ErrorMessage;
use rtnetlink::packet_route::address::AddressHeaderFlags;
use rtnetlink::packet_route::link::{InfoData, InfoVeth, LinkAttribute};
use rtnetlink::{Handle, LinkMessageBuilder, LinkUnspec, LinkVeth, RouteMessageBuilder};

use super::kernel;
use super::prefix::Prefix;
use super::privilege::{PrivilegeError, diagnose};

/// Settings of a new namespace, below `/proc/sys/net`. Where there is no IPv6 they do not exist.
const QUIET: &[(&str, &str)] = &[
    ("ipv6/conf/default/accept_dad", "0"),
    ("ipv6/conf/default/addr_gen_mode", "1"),
    ("ipv6/conf/default/router_solicitations", "0"),
];

/// The hardware address of an interface.
pub type Hardware = [u8; 6];

/// A network namespace of this process's own. It ends with this value and with what still runs in it.
#[derive(Debug)]
pub struct Namespace {
    handle: File,
}

/// One end of a cable: a namespace, and the name that the interface has there (15 bytes at most).
#[derive(Clone, Copy, Debug)]
pub struct Plug<'lab> {
    /// Where it is.
    pub namespace: &'lab Namespace,
    /// `eth0`.
    pub name: &'lab str,
    /// Its hardware address; `None` lets the kernel invent one.
    pub hardware: Option<Hardware>,
}

/// Why a namespace is not as it should be.
#[derive(Debug, thiserror::Error)]
pub enum NamespaceError {
    /// The system forbids it.
    #[error("cannot make a network namespace")]
    Forbidden(#[from] PrivilegeError),
    /// There is no handle to a new namespace.
    #[error("cannot open the new network namespace")]
    Open(#[source] io::Error),
    /// A thread could not go there.
    #[error("cannot enter the network namespace")]
    Enter(#[source] io::Error),
    /// The system gives no thread.
    #[error("cannot start a thread for the network namespace")]
    Thread(#[source] io::Error),
    /// The kernel refused a change of links, addresses, neighbours or routes.
    #[error("cannot {doing}")]
    Netlink {
        /// `give eth0 the address 10.0.0.1/24`.
        doing: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// A setting below `/proc/sys/net` could not be written.
    #[error("cannot set {setting}")]
    Setting {
        /// `ipv4/ip_forward`.
        setting: String,
        /// What the system said.
        source: io::Error,
    },
}

impl Namespace {
    /// An empty network: a loopback interface, and nothing else.
    pub fn new() -> Result<Self, NamespaceError> {
        let made = std::thread::scope(|scope| {
            let thread = std::thread::Builder::new().name("namespace".to_owned());
            let running = thread.spawn_scoped(scope, || {
                unshare(CloneFlags::CLONE_NEWNET).map_err(|errno| diagnose(errno.into()))?;
                let handle = File::open("/proc/thread-self/ns/net").map_err(NamespaceError::Open)?;
                for (setting, value) in QUIET {
                    // A system without IPv6 has none of them, and needs none.
                    let _ = std::fs::write(format!("/proc/sys/net/{setting}"), value);
                }
                Ok::<_, NamespaceError>(Self { handle })
            });
            join(running.map_err(NamespaceError::Thread)?.join())
        })?;
        made.up("lo")?;
        Ok(made)
    }

    /// Does some work inside, on a thread of its own, and returns its result. Threads that it starts stay inside.
    pub fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T, NamespaceError> {
        std::thread::scope(|scope| {
            let thread = std::thread::Builder::new().name("inside".to_owned());
            let running = thread.spawn_scoped(scope, || self.enter().map(|()| work()));
            join(running.map_err(NamespaceError::Thread)?.join())
        })
    }

    /// Starts a thread inside. If it cannot enter, it ends with that error before the work begins.
    pub fn spawn<T: Send + 'static>(
        &self,
        name: &str,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<JoinHandle<Result<T, NamespaceError>>, NamespaceError> {
        let handle = self.handle.try_clone().map_err(NamespaceError::Open)?;
        let inside = Self { handle };
        let thread = std::thread::Builder::new().name(name.to_owned());
        thread.spawn(move || inside.enter().map(|()| work())).map_err(NamespaceError::Thread)
    }

    /// Takes the calling thread inside, for good. Its children and the threads that it starts go with it.
    pub fn enter(&self) -> Result<(), NamespaceError> {
        setns(&self.handle, CloneFlags::CLONE_NEWNET).map_err(|errno| NamespaceError::Enter(errno.into()))
    }

    /// Switches an interface on.
    pub fn up(&self, interface: &str) -> Result<(), NamespaceError> {
        let message = LinkUnspec::new_with_name(interface).up().build();
        self.ask(format!("switch {interface} on"), async |netlink| netlink.link().set(message).execute().await)
    }

    /// Gives an interface an address; its network is reached through that interface from then on.
    pub fn address(&self, interface: &str, address: Prefix) -> Result<(), NamespaceError> {
        let doing = format!("give {interface} the address {address}");
        let index = self.index(interface, &doing)?;
        self.ask(doing.clone(), async |netlink| {
            let mut request = netlink.address().add(index, address.address(), address.length());
            request.message_mut().header.flags |= AddressHeaderFlags::Nodad;
            request.execute().await
        })?;
        match address.address() {
            IpAddr::V4(_) => Ok(()),
            IpAddr::V6(own) => {
                self.run(|| kernel::await_delivery(own))?.map_err(|source| NamespaceError::Netlink { doing, source })
            }
        }
    }

    /// Sends packets for a network to a router that is reached directly.
    pub fn route(&self, to: Prefix, via: IpAddr) -> Result<(), NamespaceError> {
        let doing = format!("route {to} via {via}");
        let refused = |error: &dyn std::fmt::Display| NamespaceError::Netlink {
            doing: doing.clone(),
            source: io::Error::new(io::ErrorKind::InvalidInput, error.to_string()),
        };
        let route = RouteMessageBuilder::<IpAddr>::new()
            .destination_prefix(to.address(), to.length())
            .map_err(|error| refused(&error))?
            .gateway(via)
            .map_err(|error| refused(&error))?
            .build();
        self.ask(doing, async |netlink| netlink.route().add(route).execute().await)
    }

    /// Says where a neighbour is, so that nobody has to ask for it over the cable.
    pub fn neighbour(&self, interface: &str, address: IpAddr, hardware: Hardware) -> Result<(), NamespaceError> {
        let doing = format!("tell {interface} where {address} is");
        let index = self.index(interface, &doing)?;
        self.ask(doing, async |netlink| {
            netlink.neighbours().add(index, address).link_layer_address(&hardware).execute().await
        })
    }

    /// Writes a setting below `/proc/sys/net`, such as `ipv4/ip_forward`.
    pub fn set(&self, setting: &str, value: &str) -> Result<(), NamespaceError> {
        self.run(|| std::fs::write(format!("/proc/sys/net/{setting}"), value))?
            .map_err(|source| NamespaceError::Setting { setting: setting.to_owned(), source })
    }

    /// Makes it pass packets on from one interface to another, as a router does.
    pub fn forward(&self) -> Result<(), NamespaceError> {
        self.set("ipv4/ip_forward", "1")?;
        self.set("ipv6/conf/all/forwarding", "1")
    }

    fn index(&self, interface: &str, doing: &str) -> Result<u32, NamespaceError> {
        self.run(|| nix::net::if_::if_nametoindex(interface))?
            .map_err(|errno| NamespaceError::Netlink { doing: doing.to_owned(), source: errno.into() })
    }

    /// One conversation with the kernel about this namespace.
    fn ask(
        &self,
        doing: String,
        request: impl AsyncFnOnce(Handle) -> Result<(), rtnetlink::Error> + Send,
    ) -> Result<(), NamespaceError> {
        let conversation = || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
            runtime.block_on(async {
                let (connection, handle, _) = rtnetlink::new_connection()?;
                let connection = tokio::spawn(connection);
                let done = request(handle).await.map_err(refusal);
                connection.abort();
                done
            })
        };
        self.run(conversation)?.map_err(|source| NamespaceError::Netlink { doing, source })
    }

    fn descriptor(&self) -> RawFd {
        self.handle.as_raw_fd()
    }
}

/// Whether this system speaks IPv6 at all.
#[must_use]
pub fn has_ipv6() -> bool {
    std::path::Path::new("/proc/net/if_inet6").exists()
}

/// Lays a cable between two namespaces (or within one) and switches both ends on. What crosses it looks as on a real one:
/// no packet is larger than the MTU, and every checksum is filled in.
pub fn connect(one: Plug<'_>, other: Plug<'_>) -> Result<(), NamespaceError> {
    let doing = format!("lay a cable from {} to {}", one.name, other.name);
    let with_hardware =
        |attributes: Option<Hardware>| attributes.map(|hardware| LinkAttribute::Address(hardware.into()));
    let mut peer = LinkMessageBuilder::<LinkUnspec>::new().name(other.name).setns_by_fd(other.namespace.descriptor());
    if let Some(address) = with_hardware(other.hardware) {
        peer = peer.append_extra_attribute(address);
    }
    let mut link = LinkVeth::new(one.name, other.name).set_info_data(InfoData::Veth(InfoVeth::Peer(peer.build())));
    if let Some(address) = with_hardware(one.hardware) {
        link = link.append_extra_attribute(address);
    }
    let link = link.build();
    one.namespace.ask(doing, async |netlink| netlink.link().add(link).execute().await)?;
    for plug in [one, other] {
        plug.namespace.run(|| kernel::without_offloads(plug.name))?.map_err(|source| NamespaceError::Netlink {
            doing: format!("switch the offloads of {} off", plug.name),
            source,
        })?;
        plug.namespace.up(plug.name)?;
    }
    for plug in [one, other] {
        plug.namespace
            .run(|| kernel::notice_carrier(plug.name))?
            .map_err(|source| NamespaceError::Netlink { doing: format!("find a carrier on {}", plug.name), source })?;
    }
    Ok(())
}

fn refusal(error: rtnetlink::Error) -> io::Error {
    match error {
        rtnetlink::Error::NetlinkError(ErrorMessage { code: Some(code), .. }) => {
            io::Error::from_raw_os_error(code.get().saturating_abs())
        }
        other => io::Error::other(other),
    }
}

/// A thread's result; its panic goes on here.
fn join<T>(ended: std::thread::Result<T>) -> T {
    ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}
