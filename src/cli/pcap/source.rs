//! Where a capture comes from: a file, or standard input.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::path::Path;

/// The bytes of a capture, compressed or not.
#[derive(Debug)]
pub(super) struct Source {
    file: File,
    length: Option<u64>,
}

impl Source {
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

    /// Whether packets may come as they are captured.
    pub(super) const fn is_live(&self) -> bool {
        self.length.is_none()
    }
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.file.read(buffer)
    }
}
