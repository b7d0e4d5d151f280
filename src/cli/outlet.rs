//! Files that results go to: looked at before anything is done for them, opened when the first byte comes, so that a run that
//! gives none leaves none.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags};
use nix::unistd::{AccessFlags, faccessat};

use super::args::Destination;
use super::console::Console;
use super::{CommandError, chain};
use crate::render::json;
use crate::trace::Trace;

/// Refuses to begin where a file, named here with its flag, could not be written in the end. All of those are said. Nothing is
/// created or changed, and nothing is opened: a pipe would wait for its reader.
pub(super) fn refuse_unwritable<'o>(
    outputs: impl IntoIterator<Item = (&'static str, &'o Path)>,
    console: &mut Console,
) -> Result<(), CommandError> {
    let refused = |(flag, path): (&'static str, &Path)| {
        let source = writable(path).err()?;
        Some(CommandError::Output { flag, file: path.display().to_string(), source })
    };
    let mut refused: Vec<CommandError> = outputs.into_iter().filter_map(refused).collect();
    let Some(last) = refused.pop() else { return Ok(()) };
    for error in refused {
        console.complain(&chain(&error));
    }
    Err(last)
}

/// Whether a file can be written, or made where there is none.
fn writable(path: &Path) -> io::Result<()> {
    let permitted = |path: &Path, flags| Ok(faccessat(AT_FDCWD, path, flags, AtFlags::AT_EACCESS)?);
    match path.metadata() {
        Ok(metadata) if metadata.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
        // One connects to it, and cannot open it.
        Ok(metadata) if metadata.file_type().is_socket() => Err(Errno::ENXIO.into()),
        Ok(_) => permitted(path, AccessFlags::W_OK),
        // What a link will be made to lead to is not known.
        Err(error) if error.kind() == io::ErrorKind::NotFound && path.is_symlink() => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => match (path.parent(), path.file_name()) {
            (Some(_), Some(_)) if path.as_os_str().as_encoded_bytes().ends_with(b"/") => {
                Err(io::ErrorKind::IsADirectory.into())
            }
            (Some(folder), Some(_)) => {
                let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
                permitted(folder, AccessFlags::W_OK | AccessFlags::X_OK)
            }
            _ => Err(error),
        },
        Err(error) => Err(error),
    }
}

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

/// Appends traces to the file of `--save`, if there is one.
pub(super) fn save(file: Option<&Path>, traces: &[Trace]) -> Result<(), CommandError> {
    let Some(path) = file else { return Ok(()) };
    append(path, &json::jsonl(traces).map_err(CommandError::Json)?)
}

/// Appends text to a file.
pub(super) fn append(path: &Path, text: &str) -> Result<(), CommandError> {
    let appended =
        OpenOptions::new().create(true).append(true).open(path).and_then(|mut file| file.write_all(text.as_bytes()));
    appended.map_err(|source| CommandError::File { doing: "append to", file: path.display().to_string(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_written_is_known_without_writing() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        std::fs::write(at("file"), "kept").unwrap();
        std::os::unix::fs::symlink(at("later"), at("link")).unwrap();
        std::os::unix::fs::symlink(at("loop"), at("loop")).unwrap();
        nix::unistd::mkfifo(&at("pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
        for (path, expect) in [
            (at("new"), Ok(())),
            (at("file"), Ok(())),
            (at("link"), Ok(())),
            ("/dev/full".into(), Ok(())),
            ("/dev/null".into(), Ok(())),
            // Nobody reads it: opening it would wait.
            (at("pipe"), Ok(())),
            (at("socket"), Err(io::Error::from(Errno::ENXIO).kind())),
            (at("file/"), Err(io::ErrorKind::NotADirectory)),
            ("/dev".into(), Err(io::ErrorKind::IsADirectory)),
            (at("loop"), Err(io::Error::from(Errno::ELOOP).kind())),
            ("new-here".into(), Ok(())),
            (at(""), Err(io::ErrorKind::IsADirectory)),
            (at("new/"), Err(io::ErrorKind::IsADirectory)),
            (at("no/such"), Err(io::ErrorKind::NotFound)),
            (at("no/such/"), Err(io::ErrorKind::IsADirectory)),
            (at("file/below"), Err(io::ErrorKind::NotADirectory)),
            ("".into(), Err(io::ErrorKind::NotFound)),
            ("..".into(), Err(io::ErrorKind::IsADirectory)),
        ] {
            assert_eq!(writable(&path).map_err(|error| error.kind()), expect, "{}", path.display());
        }
        let mut left: Vec<_> = directory.path().read_dir().unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["file", "link", "loop", "pipe", "socket"]);
        assert_eq!(std::fs::read(at("file")).unwrap(), b"kept");
    }
}
