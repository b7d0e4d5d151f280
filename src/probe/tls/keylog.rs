//! Secrets for Wireshark, in NSS's key log format: appended to a file, and told to whoever keeps the packets.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};

use crate::probe::tap::Tap;

/// An open key log.
#[derive(Debug)]
pub(super) struct KeyLogFile(Mutex<File>);

impl KeyLogFile {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        OpenOptions::new().create(true).append(true).open(path).map(|file| Self(Mutex::new(file)))
    }

    fn append(&self, line: &str) {
        if let Ok(mut file) = self.0.lock() {
            // A key log that cannot be written must not fail the request it belongs to. One write, so that lines of several
            // programs do not mix.
            let _ = file.write_all(format!("{line}\n").as_bytes());
        }
    }
}

/// Everyone who wants to know.
#[derive(Debug)]
pub(super) struct SecretsLog {
    file: Option<KeyLogFile>,
    tap: Option<Arc<dyn Tap>>,
}

impl SecretsLog {
    pub(super) fn new(file: Option<KeyLogFile>, tap: Option<Arc<dyn Tap>>) -> Self {
        Self { file, tap }
    }
}

impl rustls::KeyLog for SecretsLog {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        let line = format!("{label} {} {}", hex(client_random), hex(secret));
        if let Some(file) = &self.file {
            file.append(&line);
        }
        if let Some(tap) = &self.tap {
            tap.secret(line);
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes.iter().flat_map(|byte| [byte >> 4, byte & 0xf]).map(|digit| char::from(DIGITS[usize::from(digit)])).collect()
}
