//! Where input comes from that may be long, or never end: a file, or standard input.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::path::Path;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::probe::Interrupt;

/// How late Ctrl-C is seen where nothing comes, in milliseconds.
const NOTICED_WITHIN: u8 = 50;

/// The bytes of an input, compressed or not.
#[derive(Debug)]
pub(super) struct Source {
    file: File,
    length: Option<u64>,
}

impl Source {
    /// Opens a file; `-` is standard input.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        if path.as_os_str() == "-" {
            return Ok(Self { file: io::stdin().as_fd().try_clone_to_owned()?.into(), length: None });
        }
        let file = File::open(path)?;
        let length = file.metadata().ok().filter(std::fs::Metadata::is_file).map(|metadata| metadata.len());
        Ok(Self { file, length })
    }

    /// How many bytes there are, where that is known.
    pub(super) const fn length(&self) -> Option<u64> {
        self.length
    }

    /// Whether bytes may come as they are made.
    pub(super) const fn is_live(&self) -> bool {
        self.length.is_none()
    }

    /// Waits until there is something to read, or its end, or Ctrl-C.
    pub(super) fn wait(&self, interrupt: &Interrupt) -> io::Result<()> {
        let mut ready = [PollFd::new(self.file.as_fd(), PollFlags::POLLIN)];
        while self.is_live() && !interrupt.requested() {
            match poll(&mut ready, PollTimeout::from(NOTICED_WITHIN)) {
                Ok(0) | Err(Errno::EINTR) => {}
                Ok(_) => break,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.file.read(buffer)
    }
}
