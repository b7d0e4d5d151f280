//! The embedded lab: an AWS-shaped world with delays that are known, on loopback or at a distance.
//!
//! A name server, and a host name for each path through the world. Each layer is a server that calls the next one over a
//! socket, takes its own time from a [`Profile`], and sets the headers that AWS sets. What it really took is kept in
//! [`Lab::served`]. [`Lab::start`] puts all of it on loopback; [`Lab::start_at_distance`] puts a set of all servers into each
//! region, behind a [`link`] that takes its time, too.
//!
//! Invariants: nothing is reached from outside this machine. On loopback, sockets are bound to 127.0.0.1 and `::1` only and
//! no privilege is needed; at a distance, they are in network namespaces of the lab's own. When a [`Lab`] or a
//! [`DistantLab`] is gone, so are its threads, sockets and namespaces. Deliberately absent: caches; and resemblance in
//! anything but time and headers.

mod clock;
mod connection;
mod construct;
mod distance;
mod dns;
pub mod evidence;
mod headers;
mod identity;
mod lambda;
mod layer;
pub mod link;
mod listen;
mod meter;
mod place;
mod profile;
mod random;
mod scribe;
mod secure;
mod serve;
mod served;
mod skew;
mod tls;
mod upstream;
mod world;
mod zone;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::sync::{oneshot, watch};

pub use self::connection::{Connection, Ended, Handshake, TlsSession};
pub use self::distance::{DistantLab, Region};
pub use self::lambda::{Placement, Pool, Sandbox, Start, Throttled, TimeScale, TimeScaleError};
pub use self::listen::BindError;
pub use self::place::{RegionName, RegionNameError};
pub use self::profile::{
    AppProfile, Clock, ClockError, Clocks, CloudFrontProfile, DEFAULT_PROFILE, DistanceProfile, DnsProfile, ElbProfile,
    LambdaProfile, Network, PlaceError, Profile, ProfileError, Range, RelayProfile, RestProfile, ServerTiming,
    StartKind, Stickiness,
};
pub use self::scribe::LogError;
pub use self::served::{Asked, Call, Guards, Invocation, LayerTime, SERVED_KEPT, Served};
pub use self::skew::{Skew, SkewError};
pub use self::tls::CertificateError;
pub use self::zone::{Addresses, Transport, Zone, answer};

use self::clock::Timer;
use self::construct::Built;
use self::distance::MOST_REGIONS;
use self::place::Place;
use self::scribe::Scribe;
use self::served::Ledger;
use crate::time::Nanos;

/// How a lab is started, beyond its delays.
#[derive(Clone, Debug, PartialEq)]
pub struct LabOptions {
    /// Port of the name server, UDP and TCP; 0 lets the kernel choose.
    pub dns_port: u16,
    /// Port of all HTTPS hosts; 0 lets the kernel choose.
    pub https_port: u16,
    /// Port of the plain HTTP host; 0 lets the kernel choose.
    pub http_port: u16,
    /// Shortens or stretches cold starts and the idleness after which sandboxes are reaped.
    pub time_scale: TimeScale,
    /// What the draws from ranges depend on.
    pub seed: u64,
    /// Where logs in AWS's formats are written, and the truth beside them; a directory, made where it is missing.
    pub logs: Option<PathBuf>,
}

impl Default for LabOptions {
    fn default() -> Self {
        Self { dns_port: 0, https_port: 0, http_port: 0, time_scale: TimeScale::REAL, seed: 0, logs: None }
    }
}

/// One host name of the lab.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Short name: `apig-lambda`.
    pub name: &'static str,
    /// Its region; `None` where the lab has none.
    pub region: Option<String>,
    /// Where it answers: `https://apig-lambda.lab.test:40123/`. The name is known to the lab's name server only.
    pub url: String,
    /// The layers that a request passes: `["apig", "lambda"]`.
    pub path: Vec<&'static str>,
    /// One sentence.
    pub description: &'static str,
}

/// Why a lab could not be started.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// A socket could not be bound.
    #[error("cannot open the lab's sockets")]
    Bind(#[from] BindError),
    /// There are no certificates.
    #[error("cannot give the lab's hosts certificates")]
    Certificates(#[from] CertificateError),
    /// The lab's own names are not names.
    #[error("cannot make the lab's zone")]
    Zone(#[from] hickory_proto::ProtoError),
    /// The system has no random numbers.
    #[error("cannot seed the lab's identifiers: {0}")]
    Entropy(getrandom::Error),
    /// There is no network with distance.
    #[error("cannot put distance between client and lab")]
    Link(#[from] link::LinkError),
    /// More regions than there are addresses for, or none.
    #[error("the lab has room for 1 to {MOST_REGIONS} regions, not for {0}")]
    Regions(usize),
    /// There is nowhere to write logs to.
    #[error("cannot keep the lab's logs")]
    Logs(#[from] LogError),
    /// The system gives no threads.
    #[error("cannot start the lab's threads")]
    Threads(#[source] std::io::Error),
}

/// A running lab. It stops when this is dropped.
#[derive(Debug)]
pub struct Lab {
    dns_server: SocketAddr,
    ca_pem: String,
    endpoints: Vec<Endpoint>,
    ledger: Arc<Ledger>,
    /// Where logs are written.
    scribe: Option<Scribe>,
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    /// Carries how long requests that are under way may take.
    stop: oneshot::Sender<Nanos>,
    thread: JoinHandle<()>,
    /// Last, so that it outlives what waits for it.
    timer: Timer,
}

impl Lab {
    /// Starts all servers on loopback. When this returns, they answer.
    pub fn start(profile: &Profile, options: &LabOptions) -> Result<Self, LabError> {
        Self::start_in(&Place::loopback(), profile, options)
    }

    /// Starts all servers in the calling thread's network namespace, where all their threads will be.
    fn start_in(place: &Place, profile: &Profile, options: &LabOptions) -> Result<Self, LabError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("lab")
            .enable_all()
            .build()
            .map_err(LabError::Threads)?;
        match construct::build(&runtime, profile, options, place) {
            Ok(Built { mut lab, timer, front, inner }) => {
                let (stop, stopped) = oneshot::channel();
                let thread = std::thread::Builder::new()
                    .name("lab".to_owned())
                    .spawn(move || run_until(stopped, runtime, &front, inner))
                    .map_err(LabError::Threads)?;
                lab.running = Some(Running { stop, thread, timer });
                Ok(lab)
            }
            Err(error) => {
                // Dropping it would panic where the caller is asynchronous itself.
                runtime.shutdown_background();
                Err(error)
            }
        }
    }

    /// The name server, UDP and TCP. It knows the lab's names and no others.
    #[must_use]
    pub const fn dns_server(&self) -> SocketAddr {
        self.dns_server
    }

    /// Certificate of the authority that issued the hosts' certificates, made for this lab.
    #[must_use]
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// The host names.
    #[must_use]
    pub fn endpoints(&self) -> &[Endpoint] {
        &self.endpoints
    }

    /// What was served so far, oldest first; the last [`SERVED_KEPT`] requests. A request whose response is being sent may
    /// be missing.
    #[must_use]
    pub fn served(&self) -> Vec<Served> {
        self.ledger.served()
    }

    /// Returns once all requests that have been answered are in the logs.
    pub fn write_out_logs(&self) {
        self.ledger.await_scribe();
    }

    /// The logs that could not be written, each once. They are left alone; everything else goes on.
    #[must_use]
    pub fn take_log_errors(&self) -> Vec<LogError> {
        self.scribe.as_ref().map(Scribe::take_failures).unwrap_or_default()
    }

    /// Stops: no new connections, and no new requests on old ones; those under way may take until `grace` has passed. Then the
    /// logs are complete, but for those that are given back: each connection whose client has named a host has ended, and is
    /// told of. (Should the machine not run one of the lab's threads for half a minute, what that thread was at is not waited
    /// for any longer, and is missing.)
    #[must_use]
    pub fn stop(mut self, grace: Nanos) -> Vec<LogError> {
        self.end(grace)
    }

    fn end(&mut self, grace: Nanos) -> Vec<LogError> {
        if let Some(Running { stop, thread, timer }) = self.running.take() {
            // Both fail only if the thread has ended already.
            let _ = stop.send(grace);
            let _ = thread.join();
            drop(timer);
        }
        self.ledger.dismiss();
        self.scribe.take().map(Scribe::finish).unwrap_or_default()
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        self.end(Nanos::ZERO);
    }
}

/// How long the servers' threads may take for the turn that they are at when the lab ends. None of them waits in one, so that it
/// is over at once unless the machine has no time for them.
const LAST_TURN: Duration = Duration::from_secs(30);

/// Drives the servers until told to stop, then lets the clients' connections end. The servers behind them go last.
fn run_until(stopped: oneshot::Receiver<Nanos>, runtime: Runtime, front: &watch::Sender<()>, inner: watch::Sender<()>) {
    runtime.block_on(async {
        let grace = Duration::from(stopped.await.unwrap_or_default());
        // Fails only if nobody listens any more.
        let _ = front.send(());
        // Every connection holds a receiver: when there is none left, all have ended.
        let _ = tokio::time::timeout(grace, front.closed()).await;
    });
    drop(inner);
    // A connection tells of its end when its task is dropped, which waits for nothing but the turn that the task may be at.
    runtime.shutdown_timeout(LAST_TURN);
}

#[cfg(test)]
mod tests;
