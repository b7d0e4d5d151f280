//! Files that results go to: opened when the first byte comes, so that a run that gives none leaves none.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use super::CommandError;
use super::args::Destination;

/// A destination, open once it has been written to.
#[derive(Debug)]
pub(super) struct Outlet {
    destination: Destination,
    file: Option<File>,
}

impl Outlet {
    pub(super) fn new(destination: Destination) -> Self {
        Self { destination, file: None }
    }

    pub(super) fn is_somewhere(&self) -> bool {
        self.destination != Destination::Nowhere
    }

    pub(super) fn is_stdout(&self) -> bool {
        self.destination == Destination::Stdout
    }

    /// What it means that this cannot be written.
    pub(super) fn unwritable(&self, source: io::Error) -> CommandError {
        match &self.destination {
            Destination::Stdout => CommandError::Print(source),
            _ => CommandError::File { doing: "write", file: self.name(), source },
        }
    }

    fn name(&self) -> String {
        match &self.destination {
            Destination::Nowhere => "nowhere".to_owned(),
            Destination::Stdout => "standard output".to_owned(),
            Destination::File(path) => path.display().to_string(),
        }
    }
}

impl Write for Outlet {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &self.destination {
            Destination::Nowhere => Ok(bytes.len()),
            Destination::Stdout => io::stdout().lock().write(bytes),
            Destination::File(path) => {
                let file = match &mut self.file {
                    Some(file) => file,
                    none => none.insert(File::create(path)?),
                };
                file.write(bytes)
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match (&self.destination, &mut self.file) {
            (Destination::Stdout, _) => io::stdout().lock().flush(),
            (_, Some(file)) => file.flush(),
            _ => Ok(()),
        }
    }
}

/// An outlet whose errors name it, for writers that do not know where their bytes go.
pub(super) struct Named<'o>(pub(super) &'o mut Outlet);

impl Named<'_> {
    fn naming(&self, error: &io::Error) -> io::Error {
        io::Error::new(error.kind(), format!("{}: {error}", self.0.name()))
    }
}

impl Write for Named<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes).map_err(|error| self.naming(&error))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush().map_err(|error| self.naming(&error))
    }
}

/// Appends text to a file.
pub(super) fn append(path: &Path, text: &str) -> Result<(), CommandError> {
    let appended =
        OpenOptions::new().create(true).append(true).open(path).and_then(|mut file| file.write_all(text.as_bytes()));
    appended.map_err(|source| CommandError::File { doing: "append to", file: path.display().to_string(), source })
}
