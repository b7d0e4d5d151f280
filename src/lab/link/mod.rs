//! Distance on one machine: network namespaces, and a link between them that holds every packet for its time.
//!
//! `namespace` makes the places and the cables between them, `privilege` the right to do so. `conditions` say what happens
//! to packets, `line` decides it for one direction, `queue` keeps what travels, all of them pure and on a virtual clock; `pump` moves real packets.
//!
//! Invariant: nothing here touches the network of the process that it runs in, and nothing outlives the values that stand
//! for it: no names in `/run`, no interfaces left behind. Deliberately absent: netem, tun, and any tool of the system.

mod conditions;
#[cfg_attr(any(not(target_os = "linux"), wirefall_portable), allow(dead_code, reason = "as for `frame`"))]
mod log;
mod prefix;

#[cfg_attr(
    any(not(target_os = "linux"), wirefall_portable),
    allow(dead_code, reason = "the pump that they work for is Linux's; what they decide is tested everywhere")
)]
mod frame;
#[cfg_attr(any(not(target_os = "linux"), wirefall_portable), allow(dead_code, reason = "as for `frame`"))]
mod line;
#[cfg_attr(any(not(target_os = "linux"), wirefall_portable), allow(dead_code, reason = "as for `frame`"))]
mod queue;

#[cfg(all(target_os = "linux", not(wirefall_portable)))]
mod kernel;
#[cfg(all(target_os = "linux", not(wirefall_portable)))]
#[expect(clippy::module_inception, reason = "the link itself, as opposed to what it is made of")]
mod link;
#[cfg(all(target_os = "linux", not(wirefall_portable)))]
mod mount;
#[cfg(all(target_os = "linux", not(wirefall_portable)))]
mod namespace;
#[cfg(all(target_os = "linux", not(wirefall_portable)))]
mod privilege;
#[cfg(all(target_os = "linux", not(wirefall_portable)))]
mod pump;

#[cfg(any(not(target_os = "linux"), wirefall_portable))]
mod portable;

pub use self::conditions::{
    Bandwidth, Conditions, Exception, Landmark, Reordering, Route, Share, ShareError, Treatment,
};
#[cfg(all(target_os = "linux", not(wirefall_portable)))]
pub use self::link::{CLIENT, INTERFACE, Link, LinkError};
pub use self::log::{Cause, End, Outcome, PASSAGES_KEPT, Passage};
#[cfg(all(target_os = "linux", not(wirefall_portable)))]
pub use self::mount::cover;
#[cfg(all(target_os = "linux", not(wirefall_portable)))]
pub use self::namespace::{Hardware, Namespace, NamespaceError, Plug, connect, has_ipv6};
#[cfg(any(not(target_os = "linux"), wirefall_portable))]
pub use self::portable::{
    Link, LinkError, Namespace, NamespaceError, Privilege, PrivilegeError, acquire, cover, has_ipv6,
};
pub use self::prefix::{Prefix, PrefixError};
#[cfg(all(target_os = "linux", not(wirefall_portable)))]
pub use self::privilege::{Obstacle, Privilege, PrivilegeError, acquire, enter_user_namespace};
