//! Files that arguments refer to with `@`.

use std::io::{self, Read};
use std::path::Path;

/// Where `@FILE` and `@-` are read from.
pub trait Inputs {
    /// All bytes of a file.
    fn file(&self, path: &Path) -> io::Result<Vec<u8>>;

    /// Whether there is something to be read at this path: no folder.
    fn has_file(&self, path: &Path) -> bool;

    /// All bytes that standard input still has.
    fn stdin(&self) -> io::Result<Vec<u8>>;
}

/// The files and the standard input of this process.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProcessInputs;

impl Inputs for ProcessInputs {
    fn file(&self, path: &Path) -> io::Result<Vec<u8>> {
        std::fs::read(path)
    }

    fn has_file(&self, path: &Path) -> bool {
        path.exists() && !path.is_dir()
    }

    fn stdin(&self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        io::stdin().lock().read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}
