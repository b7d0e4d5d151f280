//! Distance on one machine: network namespaces, and a link between them that holds every packet for its time.
//!
//! `namespace` makes the places and the cables between them, `privilege` the right to do so. `conditions` say what happens
//! to packets, `line` decides it for one direction, `queue` keeps what travels, all of them pure and on a virtual clock; `pump` moves real packets.
//!
//! Invariant: nothing here touches the network of the process that it runs in, and nothing outlives the values that stand
//! for it: no names in `/run`, no interfaces left behind. Deliberately absent: netem, tun, and any tool of the system.

mod conditions;
mod frame;
mod kernel;
mod line;
#[expect(clippy::module_inception, reason = "the link itself, as opposed to what it is made of")]
mod link;
mod log;
mod mount;
mod namespace;
mod prefix;
mod privilege;
mod pump;
mod queue;

pub use self::conditions::{
    Bandwidth, Conditions, Exception, Landmark, Reordering, Route, Share, ShareError, Treatment,
};
pub use self::link::{CLIENT, INTERFACE, Link, LinkError};
pub use self::log::{Cause, End, Outcome, PASSAGES_KEPT, Passage};
pub use self::mount::cover;
pub use self::namespace::{Hardware, Namespace, NamespaceError, Plug, connect, has_ipv6};
pub use self::prefix::{Prefix, PrefixError};
pub use self::privilege::{Obstacle, Privilege, PrivilegeError, acquire, enter_user_namespace};
