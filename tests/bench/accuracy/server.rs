//! A server whose delays are in the request's path: `/<wait in µs>/<pause in µs>`.
//!
//! It waits, sends the head and the first part of the body, pauses, and sends the rest, each in one write. It leaves closing
//! to the client, so that nothing but the response follows the request.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::support::Problem;

const PART: [u8; 600] = [b'.'; 600];

/// Serves each connection on a thread of its own, until the process ends.
pub(crate) fn serve(listener: &TcpListener, config: &Arc<ServerConfig>) {
    while let Ok((stream, _)) = listener.accept() {
        let config = config.clone();
        std::thread::spawn(move || {
            // A client that goes away in the middle is seen by its exit code.
            let _ = answer(stream, config);
        });
    }
}

fn answer(stream: TcpStream, config: Arc<ServerConfig>) -> Result<(), Problem> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    let mut stream = StreamOwned::new(ServerConnection::new(config)?, stream);
    let mut request = Vec::new();
    let mut piece = [0; 2_048];
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        let length = stream.read(&mut piece)?;
        if length == 0 {
            return Ok(());
        }
        request.extend_from_slice(&piece[..length]);
    }
    let request = String::from_utf8(request)?;
    let mut delays = request.split_whitespace().nth(1).ok_or("no path")?.split('/').skip(1);
    let mut delay =
        || -> Result<Duration, Problem> { Ok(Duration::from_micros(delays.next().ok_or("no delay")?.parse()?)) };
    let (wait, pause) = (delay()?, delay()?);
    std::thread::sleep(wait);
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", 2 * PART.len());
    stream.write_all(&[head.as_bytes(), &PART].concat())?;
    stream.flush()?;
    std::thread::sleep(pause);
    stream.write_all(&PART)?;
    stream.flush()?;
    // The client closes.
    let _ = stream.read(&mut piece);
    Ok(())
}
