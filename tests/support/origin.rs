//! The far end: a server that takes a request's head and answers, one connection at a time per thread.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

/// A response without surprises.
pub const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Where it came from.
    pub peer: SocketAddr,
    /// Request line and fields, with the empty line.
    pub head: String,
}

/// A server. It listens until it is dropped; the threads of connections end when their client goes.
pub struct Origin {
    pub address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    closing: Arc<AtomicBool>,
    listening: Option<JoinHandle<()>>,
}

impl Origin {
    /// On a free port of 127.0.0.1, answering every request with [`OK`].
    pub fn start() -> Self {
        Self::start_at("127.0.0.1:0", |_, stream| stream.write_all(OK.as_bytes()).is_ok())
    }

    /// Does `respond` for each head; a connection whose `respond` says `false` is closed.
    pub fn start_at<Respond>(address: impl ToSocketAddrs, respond: Respond) -> Self
    where
        Respond: Fn(&Seen, &mut TcpStream) -> bool + Send + Sync + 'static,
    {
        Self::over(TcpListener::bind(address).expect("a port"), respond)
    }

    /// On this listener.
    pub fn over<Respond>(listener: TcpListener, respond: Respond) -> Self
    where
        Respond: Fn(&Seen, &mut TcpStream) -> bool + Send + Sync + 'static,
    {
        let address = listener.local_addr().expect("an address");
        let (seen, closing) = (Arc::<Mutex<Vec<Seen>>>::default(), Arc::<AtomicBool>::default());
        let (log, over, respond) = (Arc::clone(&seen), Arc::clone(&closing), Arc::new(respond));
        let listening = thread::spawn(move || {
            for stream in listener.incoming() {
                if over.load(Ordering::Acquire) {
                    return;
                }
                let Ok(stream) = stream else { continue };
                let (log, respond) = (Arc::clone(&log), Arc::clone(&respond));
                thread::spawn(move || converse(stream, &log, &*respond));
            }
        });
        Self { address, seen, closing, listening: Some(listening) }
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// The requests so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.closing.store(true, Ordering::Release);
        // Wakes the thread that waits for connections.
        let _ = TcpStream::connect(self.address);
        // Nobody listens any more when this returns.
        let _ = self.listening.take().map(JoinHandle::join);
    }
}

fn converse(mut stream: TcpStream, log: &Mutex<Vec<Seen>>, respond: &impl Fn(&Seen, &mut TcpStream) -> bool) {
    let Ok(peer) = stream.peer_addr() else { return };
    let _ = stream.set_nodelay(true);
    while let Some(head) = read_head(&mut stream) {
        let seen = Seen { peer, head };
        log.lock().unwrap_or_else(PoisonError::into_inner).push(seen.clone());
        if !respond(&seen, &mut stream) {
            return;
        }
    }
}

/// Byte by byte, so that nothing after the head is taken: a tunnel may begin there.
fn read_head(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).ok()?;
        head.extend(byte);
    }
    String::from_utf8(head).ok()
}

/// Carries bytes between both until one of them ends.
pub fn splice(stream: &TcpStream, to: SocketAddr) {
    let Ok(far) = TcpStream::connect(to) else { return };
    let _ = far.set_nodelay(true);
    let copy = |from: &TcpStream, to: &TcpStream| -> std::io::Result<()> {
        std::io::copy(&mut from.try_clone()?, &mut to.try_clone()?)?;
        to.shutdown(std::net::Shutdown::Write)
    };
    thread::scope(|scope| {
        scope.spawn(|| drop(copy(&far, stream)));
        let _ = copy(stream, &far);
    });
}
