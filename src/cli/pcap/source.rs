//! Where a capture comes from: a file, or standard input until Ctrl-C.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::path::Path;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::probe::Interrupt;

/// The bytes of a capture, compressed or not.
#[derive(Debug)]
pub(in crate::cli) enum Source {
    File { file: File, length: Option<u64> },
    Stdin { stdin: io::Stdin, interrupt: Interrupt },
}

impl Source {
    pub(in crate::cli) fn open(path: &Path, interrupt: &Interrupt) -> io::Result<Self> {
        if path.as_os_str() == "-" {
            return Ok(Self::Stdin { stdin: io::stdin(), interrupt: interrupt.clone() });
        }
        let file = File::open(path)?;
        let length = file.metadata().ok().filter(std::fs::Metadata::is_file).map(|metadata| metadata.len());
        Ok(Self::File { file, length })
    }

    /// How many bytes there are, where that is known.
    pub(in crate::cli) const fn length(&self) -> Option<u64> {
        match self {
            Self::File { length, .. } => *length,
            Self::Stdin { .. } => None,
        }
    }

    /// Whether packets may come as they are captured.
    pub(super) const fn is_live(&self) -> bool {
        self.length().is_none()
    }
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::File { file, .. } => file.read(buffer),
            Self::Stdin { stdin, interrupt } => {
                // A read that a signal comes into is begun again by the system; a poll is not.
                let mut ready = [PollFd::new(stdin.as_fd(), PollFlags::POLLIN)];
                loop {
                    match poll(&mut ready, PollTimeout::NONE) {
                        _ if interrupt.requested() => return Ok(0),
                        Ok(_) => break,
                        Err(Errno::EINTR) => {}
                        Err(error) => return Err(error.into()),
                    }
                }
                // Not through the buffer of `Stdin`: what lies there, poll does not see.
                nix::unistd::read(stdin.as_fd(), buffer).map_err(Into::into)
            }
        }
    }
}
