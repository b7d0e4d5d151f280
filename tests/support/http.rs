//! Servers played by hand on plain sockets: each connection is a script that may stop, break off or lie at any byte.
//!
//! Every read has a deadline, so that a server ends by itself whatever its client does; dropping it waits for its end.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use socket2::SockRef;

/// No client of these tests lets a server wait longer.
const PATIENCE: Duration = Duration::from_secs(10);

type Script = dyn Fn(Peer, usize) + Send + Sync;

/// A listening socket and the threads that serve its connections.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Serves each connection, counted from 0, with `script`, each on its own thread.
    pub fn start(script: impl Fn(Peer, usize) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let script: Arc<Script> = Arc::new(script);
        let address = listener.local_addr().expect("an address");
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = thread::spawn(move || accept(&listener, &stopped, &script));
        Self { address, stop, thread: Some(thread) }
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// `http://127.0.0.1:PORT` and a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// `https://server.test:PORT` and a path; [`Server::resolve`] has the address.
    pub fn https(&self, path: &str) -> String {
        format!("https://server.test:{}{path}", self.port())
    }

    /// The value of `--resolve` for `server.test`.
    pub fn resolve(&self) -> String {
        format!("server.test:{}:127.0.0.1", self.port())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // Wakes the accepting thread.
        let _ = TcpStream::connect(self.address);
        if let Some(Err(panic)) = self.thread.take().map(JoinHandle::join)
            && !thread::panicking()
        {
            std::panic::resume_unwind(panic);
        }
    }
}

fn accept(listener: &TcpListener, stop: &AtomicBool, script: &Arc<Script>) {
    let mut connections = Vec::new();
    for (number, connection) in listener.incoming().enumerate() {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let peer = Peer::new(connection.expect("a connection"));
        let script = Arc::clone(script);
        connections.push(thread::spawn(move || script(peer, number)));
    }
    for connection in connections {
        if let Err(panic) = connection.join() {
            std::panic::resume_unwind(panic);
        }
    }
}

/// The server's end of a connection.
#[derive(Debug)]
pub struct Peer {
    pub tcp: TcpStream,
}

impl Peer {
    pub fn new(tcp: TcpStream) -> Self {
        tcp.set_read_timeout(Some(PATIENCE)).expect("a deadline");
        tcp.set_write_timeout(Some(PATIENCE)).expect("a deadline");
        tcp.set_nodelay(true).expect("no delay");
        Self { tcp }
    }

    /// The next request; `None` where the client has closed.
    pub fn request(&mut self) -> Option<Recorded> {
        read_request(&mut self.tcp)
    }

    /// Sends bytes. A client that has gone is no failure of the server's.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.tcp.write_all(bytes.as_ref());
    }

    /// Reads whatever comes next.
    pub fn read_some(&mut self) -> usize {
        self.tcp.read(&mut [0; 8_192]).unwrap_or(0)
    }

    /// Says nothing more, and waits until the client has gone: nothing is reset.
    pub fn finish(mut self) {
        let _ = self.tcp.shutdown(Shutdown::Write);
        self.hold();
    }

    /// Waits until the client has gone.
    pub fn hold(&mut self) {
        while self.read_some() > 0 {}
    }

    /// Breaks off with a TCP reset.
    pub fn reset(self) {
        SockRef::from(&self.tcp).set_linger(Some(Duration::ZERO)).expect("a linger time");
    }
}

/// A request as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// Through the empty line.
    pub head: String,
    pub body: Vec<u8>,
}

impl Recorded {
    /// `GET / HTTP/1.1`
    pub fn line(&self) -> &str {
        self.head.lines().next().unwrap_or_default()
    }

    /// The value of a field, by its name in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (field, value) = line.split_once(": ")?;
            field.eq_ignore_ascii_case(name).then_some(value)
        })
    }
}

/// Reads a request with its body of `Content-Length` bytes; `None` at the end of the stream.
pub fn read_request(stream: &mut impl Read) -> Option<Recorded> {
    let head = read_head(stream).ok()??;
    let mut recorded = Recorded { head, body: Vec::new() };
    let length = recorded.header("content-length").map_or(0, |length| length.parse().expect("a length"));
    recorded.body.resize(length, 0);
    stream.read_exact(&mut recorded.body).ok()?;
    Some(recorded)
}

/// Byte by byte, so that nothing behind it is taken.
fn read_head(stream: &mut impl Read) -> io::Result<Option<String>> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte)? == 0 {
            return Ok(None);
        }
        head.push(byte[0]);
    }
    Ok(Some(String::from_utf8(head).expect("a head in ASCII")))
}

/// A response with a `Content-Length`.
pub fn response(status: &str, fields: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let head = format!("HTTP/1.1 {status}\r\n{fields}Content-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

/// Requests that a server has read, in order.
#[derive(Clone, Debug, Default)]
pub struct Log(Arc<Mutex<Vec<Recorded>>>);

impl Log {
    pub fn push(&self, request: Recorded) {
        self.0.lock().expect("no test has failed").push(request);
    }

    /// Everything so far.
    pub fn take(&self) -> Vec<Recorded> {
        std::mem::take(&mut self.0.lock().expect("no test has failed"))
    }
}

/// A server that keeps connections, and answers each request, which `log` then has, with what `answer` makes of it.
pub fn answering(log: &Log, answer: impl Fn(&Recorded) -> Vec<u8> + Send + Sync + 'static) -> Server {
    let log = log.clone();
    Server::start(move |mut peer, _| {
        while let Some(request) = peer.request() {
            let bytes = answer(&request);
            log.push(request);
            peer.send(bytes);
        }
    })
}
