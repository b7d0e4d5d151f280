//! Two namespaces with a link of a known round trip between them, and the server at its far end.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};

use wirefall::lab::link::{INTERFACE, Link, NamespaceError, Prefix, Route, acquire};
use wirefall::time::Nanos;

use crate::support::Problem;

/// Of the link.
pub(crate) const ROUND_TRIP: Nanos = Nanos::from_millis(4);
/// The client's end.
pub(crate) const CLIENT_INTERFACE: &str = INTERFACE;
/// Where the server is.
pub(crate) const SERVER: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 19, 0, 1));

/// The network. It ends with this value.
pub(crate) struct Network(Link);

impl Network {
    /// Lays the link, and gives `serve` a listener on the server's port 443, on a thread of its own. Must be called before
    /// the process has a second thread.
    pub(crate) fn start(serve: impl FnOnce(TcpListener) + Send + 'static) -> Result<Self, Problem> {
        acquire()?;
        let link = Link::lay(&[Route::of_round_trip(vec![Prefix::host(SERVER)], ROUND_TRIP)], 0)?;
        let listener = link.server().run(|| TcpListener::bind(SocketAddr::new(SERVER, 443)))??;
        std::thread::spawn(move || serve(listener));
        Ok(Self(link))
    }

    /// Does some work, and starts programs, where the clients are.
    pub(crate) fn at_the_client<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T, NamespaceError> {
        self.0.client().run(work)
    }
}
