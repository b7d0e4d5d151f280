//! The client against servers that others wrote: nginx, haproxy, apache2 and dnsmasq, and side by side with curl and tshark;
//! captures of both, read side by side with tshark.
//!
//! Each test starts what it needs on ports of 127.0.0.1, with its files in a directory of its own, and ends what it started,
//! also when it fails. The tests are ignored unless asked for, because not every machine has these programs; where they are
//! asked for and a program is missing, they fail and name its package:
//!
//! ```text
//! apt-get install --no-install-recommends nginx-light haproxy apache2 dnsmasq-base curl tcpdump tshark tcptraceroute
//!     mtr-tiny
//! cargo test --test peers -- --include-ignored
//! ```

#[path = "../support/mod.rs"]
mod support;

mod apache;
mod captured;
mod certificates;
mod curl;
mod distance;
mod dnsmasq;
mod haproxy;
mod hops;
mod nginx;
mod origin;
mod pcap;
mod server;
mod tshark;
