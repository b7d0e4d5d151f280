//! A server of a few lines, for what the others cannot do by themselves: answers after a known delay, and faults.
//!
//! The path says what happens: `/after/MS` answers late, `/late-body/MS` pauses in the body, `/empty` closes without an
//! answer, `/short` closes within the body, `/reset` resets within the body, `/echo` answers with the request's body, and
//! anything else with `hello\n`.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// The running server.
#[derive(Debug)]
pub(crate) struct Origin {
    pub(crate) port: u16,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Origin {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a listener");
        let port = listener.local_addr().expect("its address").port();
        let over = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&over);
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok).take_while(|_| !seen.load(Ordering::Relaxed)) {
                // A client that goes away early is the tests' business, not the server's.
                std::thread::spawn(move || drop(serve(stream)));
            }
        });
        Self { port, over, thread: Some(thread) }
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        // Wakes the listener, which then sees that it is over.
        drop(TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// One request, then the connection is over.
fn serve(mut stream: TcpStream) -> io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?);
    let mut request_line = String::new();
    lines.read_line(&mut request_line)?;
    let mut body_length = 0;
    loop {
        let mut line = String::new();
        lines.read_line(&mut line)?;
        if line.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            body_length = value.trim().parse().map_err(io::Error::other)?;
        }
    }
    let mut body = vec![0; body_length];
    lines.read_exact(&mut body)?;

    let path = request_line.split(' ').nth(1).unwrap_or_default();
    let path = path.strip_prefix("http://").and_then(|url| url.find('/').map(|at| &url[at..])).unwrap_or(path);
    let (what, number) = path[1..].split_once('/').unwrap_or((&path[1..], "0"));
    let pause = Duration::from_millis(number.parse().unwrap_or(0));
    match what {
        "after" => {
            std::thread::sleep(pause);
            answer(&mut stream, b"late\n")
        }
        "late-body" => {
            stream.write_all(&head(10))?;
            stream.write_all(b"first")?;
            std::thread::sleep(pause);
            stream.write_all(b"other")
        }
        "empty" => Ok(()),
        "short" => {
            stream.write_all(&head(10))?;
            stream.write_all(b"first")
        }
        "reset" => {
            stream.write_all(&head(10))?;
            stream.write_all(b"first")?;
            std::thread::sleep(Duration::from_millis(50));
            socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO))
        }
        "echo" => answer(&mut stream, &body),
        _ => answer(&mut stream, b"hello\n"),
    }
}

fn answer(stream: &mut TcpStream, body: &[u8]) -> io::Result<()> {
    stream.write_all(&[&head(body.len()), body].concat())
}

fn head(length: usize) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n")
        .into()
}
