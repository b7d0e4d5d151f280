//! Distance on one machine: network namespaces, and a link between them that holds every packet for its time.
//!
//! `namespace` makes the places and the cables between them, `privilege` the right to do so.
//!
//! Invariant: nothing here touches the network of the process that it runs in, and nothing outlives the values that stand
//! for it: no names in `/run`, no interfaces left behind. Deliberately absent: netem, tun, and any tool of the system.

mod kernel;
mod namespace;
mod prefix;
mod privilege;

pub use self::namespace::{Hardware, Namespace, NamespaceError, Plug, connect};
pub use self::prefix::{Prefix, PrefixError};
pub use self::privilege::{Obstacle, Privilege, PrivilegeError, acquire, enter_user_namespace};
