//! Files that hold evidence: found by name, folder or pattern, opened, and unpacked where they are compressed.
//!
//! Invariant: the same words give the same files in the same order. Names that begin with a dot are found only where the word
//! itself says so, as in a shell.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, BufReader, Cursor, Read};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::progress::Progress;
use crate::cli::CommandError;
use crate::cli::console::Console;
use crate::probe::Interrupt;

const GZIP: [u8; 2] = [0x1f, 0x8b];
/// Compressed bytes asked for at once.
const REFILL: usize = 128 << 10;
/// How late Ctrl-C is seen where nothing comes, in milliseconds.
const NOTICED_WITHIN: u8 = 50;

/// One input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Input {
    Stdin,
    File(PathBuf),
}

impl Input {
    pub(super) fn name(&self) -> String {
        match self {
            Self::Stdin => "standard input".to_owned(),
            Self::File(path) => path.display().to_string(),
        }
    }

    /// Its bytes as they lie on the disk, where that is known.
    pub(super) fn length(&self) -> Option<u64> {
        match self {
            Self::Stdin => None,
            Self::File(path) => path.metadata().ok().map(|metadata| metadata.len()),
        }
    }

    /// The bytes, unpacked. After Ctrl-C, it ends early.
    pub(super) fn open<'i>(
        &self,
        interrupt: &'i Interrupt,
        progress: &'i RefCell<Progress>,
        console: &'i mut Console,
    ) -> io::Result<Box<dyn Read + 'i>> {
        let source = match self {
            Self::Stdin => io::stdin().as_fd().try_clone_to_owned()?.into(),
            Self::File(path) => File::open(path)?,
        };
        let name = self.name();
        let mut watched = Watched { source, name, interrupt, progress, console };
        let mut first = Vec::with_capacity(GZIP.len());
        watched.by_ref().take(GZIP.len() as u64).read_to_end(&mut first)?;
        let compressed = first == GZIP;
        let whole = Cursor::new(first).chain(watched);
        if compressed {
            return Ok(Box::new(MultiGzDecoder::new(BufReader::with_capacity(REFILL, whole))));
        }
        Ok(Box::new(whole))
    }
}

/// Says how far it is, and ends when that is wished.
struct Watched<'i> {
    source: File,
    name: String,
    interrupt: &'i Interrupt,
    progress: &'i RefCell<Progress>,
    console: &'i mut Console,
}

impl Read for Watched<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = loop {
            if self.interrupt.requested() {
                return Ok(0);
            }
            let mut ready = [PollFd::new(self.source.as_fd(), PollFlags::POLLIN)];
            match poll(&mut ready, PollTimeout::from(NOTICED_WITHIN)) {
                Ok(0) | Err(Errno::EINTR) => {}
                Ok(_) => break self.source.read(buffer)?,
                Err(error) => return Err(error.into()),
            }
        };
        self.progress.borrow_mut().read(read as u64, &self.name, self.console);
        Ok(read)
    }
}

/// The inputs that a word names: `-`, a file, all files below a folder, or those that match a pattern.
pub(super) fn find(word: &str) -> Result<Vec<Input>, CommandError> {
    if word == "-" {
        return Ok(vec![Input::Stdin]);
    }
    let unreadable = |source| CommandError::File { doing: "read", file: word.to_owned(), source };
    let path = Path::new(word);
    let metadata = match path.metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound && word.contains(['*', '?', '[']) => {
            let mut found = Vec::new();
            matching(word, &mut found).map_err(unreadable)?;
            if found.is_empty() {
                let error = io::Error::new(io::ErrorKind::NotFound, "no file matches this pattern");
                return Err(unreadable(error));
            }
            found.sort();
            return Ok(found.into_iter().map(Input::File).collect());
        }
        metadata => metadata.map_err(unreadable)?,
    };
    if !metadata.is_dir() {
        return Ok(vec![Input::File(path.to_owned())]);
    }
    let mut found = Vec::new();
    below(path, &mut found).map_err(unreadable)?;
    found.sort();
    Ok(found.into_iter().map(Input::File).collect())
}

/// All files below a folder. Links are followed to files, not to folders: those may lead in a circle.
fn below(folder: &Path, found: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in folder.read_dir()? {
        let entry = entry?;
        let path = entry.path();
        if entry.file_name().to_string_lossy().starts_with('.') {
            continue;
        }
        if entry.file_type()?.is_dir() {
            below(&path, found)?;
        } else if path.is_file() {
            found.push(path);
        }
    }
    Ok(())
}

/// All files that match a pattern: `*` and `?` stand for letters of a name, `[a-z]` for one of these (`[!a-z]` for one of the
/// others), `**` for any folders.
fn matching(pattern: &str, found: &mut Vec<PathBuf>) -> io::Result<()> {
    let is_plain = |part: &&str| !part.contains(['*', '?', '[']);
    let (root, pattern) = match pattern.strip_prefix('/') {
        Some(rest) => (PathBuf::from("/"), rest),
        None => (PathBuf::new(), pattern),
    };
    let parts: Vec<&str> = pattern.split('/').filter(|part| !part.is_empty()).collect();
    let plain = parts.iter().take_while(|part| is_plain(part)).count().min(parts.len().saturating_sub(1));
    let start = parts[..plain].iter().fold(root, |path, part| path.join(part));
    walk(&start, &parts[plain..], found)
}

fn walk(folder: &Path, parts: &[&str], found: &mut Vec<PathBuf>) -> io::Result<()> {
    let Some((part, rest)) = parts.split_first() else { return Ok(()) };
    if *part == "**" {
        walk(folder, rest, found)?;
    }
    let here = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let entries = match here.read_dir() {
        Ok(entries) => entries,
        // A part of the pattern that is no folder matches nothing below it.
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with('.') && !part.starts_with('.') {
            continue;
        }
        let path = folder.join(&name);
        if *part == "**" {
            if entry.file_type()?.is_dir() {
                walk(&path, parts, found)?;
            }
            continue;
        }
        if !is_match(part, &name) {
            continue;
        }
        if rest.is_empty() {
            if path.is_dir() {
                below(&path, found)?;
            } else if !found.contains(&path) {
                found.push(path);
            }
        } else if path.is_dir() {
            walk(&path, rest, found)?;
        }
    }
    Ok(())
}

/// Whether a name matches one part of a pattern.
fn is_match(pattern: &str, name: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let name: Vec<char> = name.chars().collect();
    // Where a star stands, and how far it reaches so far: on a mismatch the last one takes one letter more.
    let (mut at, mut letter, mut star) = (0, 0, None::<(usize, usize)>);
    while letter < name.len() {
        if pattern.get(at) == Some(&'*') {
            star = Some((at + 1, letter));
            at += 1;
        } else if let Some(next) = one(&pattern[at..], name[letter]) {
            (at, letter) = (at + next, letter + 1);
        } else if let Some((after, reach)) = star {
            (at, letter) = (after, reach + 1);
            star = Some((after, reach + 1));
        } else {
            return false;
        }
    }
    pattern[at..].iter().all(|rest| *rest == '*')
}

/// How much of the pattern this letter matches: a letter, `?`, or a set. A `[` without an end is itself.
fn one(pattern: &[char], letter: char) -> Option<usize> {
    match pattern {
        ['?', ..] => Some(1),
        ['[', set @ ..] => {
            // The first letter of a set may be its own end.
            let begin = usize::from(set.first() == Some(&'!'));
            let end = set.iter().skip(begin + 1).position(|end| *end == ']').map(|end| end + begin + 1);
            let Some(end) = end else { return (letter == '[').then_some(1) };
            let members = &set[begin..end];
            let ranges = members.windows(3).any(|range| range[1] == '-' && (range[0]..=range[2]).contains(&letter));
            let is_in = ranges || members.contains(&letter);
            (is_in != (begin == 1)).then_some(end + 2)
        }
        [own, ..] => (*own == letter).then_some(1),
        [] => None,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::write::GzEncoder;

    use super::*;

    #[test]
    fn patterns_match_as_in_a_shell() {
        for (pattern, name, expect) in [
            ("*.gz", "a.log.gz", true),
            ("*.gz", "a.log", false),
            ("a?c*", "abc", true),
            ("a?c*", "ac", false),
            ("*a*b", "xaab", true),
            ("[a-c]1", "b1", true),
            ("[!a-c]1", "b1", false),
            ("[!a-c]1", "x1", true),
            ("[x]]", "x]", true),
            ("[", "[", true),
            ("", "", true),
            ("", "a", false),
            ("**", "abc", true),
        ] {
            assert_eq!(is_match(pattern, name), expect, "{pattern} {name}");
        }
    }

    fn names(word: &str, root: &Path) -> Vec<String> {
        let found = find(&root.join(word).display().to_string()).unwrap();
        let shown = |input: Input| input.name().strip_prefix(&format!("{}/", root.display())).unwrap().to_owned();
        found.into_iter().map(shown).collect()
    }

    #[test]
    fn files_folders_and_patterns() {
        let root = tempfile::tempdir().unwrap();
        for name in ["a.log", "b.log.gz", "2026/11/21/c.log", "2026/11/22/d.log", ".hidden/e.log", "2026/.f"] {
            let path = root.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, name).unwrap();
        }
        for (word, expect) in [
            ("a.log", &["a.log"][..]),
            ("2026", &["2026/11/21/c.log", "2026/11/22/d.log"]),
            ("*.log*", &["a.log", "b.log.gz"]),
            ("2026/*/2?/*.log", &["2026/11/21/c.log", "2026/11/22/d.log"]),
            ("**/*.log", &["2026/11/21/c.log", "2026/11/22/d.log", "a.log"]),
            ("20*", &["2026/11/21/c.log", "2026/11/22/d.log"]),
            (".h*/*", &[".hidden/e.log"]),
        ] {
            assert_eq!(names(word, root.path()), expect, "{word}");
        }
        for word in ["none.log", "none/*.log", "*.none"] {
            assert!(find(&root.path().join(word).display().to_string()).is_err(), "{word}");
        }
        assert_eq!(find("-").unwrap(), [Input::Stdin]);
    }

    #[test]
    fn what_is_compressed_is_unpacked_whatever_it_is_called() {
        let root = tempfile::tempdir().unwrap();
        let mut packed = Vec::new();
        // Two members, as where compressed files are joined.
        for part in ["one\n", "two\n"] {
            let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::default());
            encoder.write_all(part.as_bytes()).unwrap();
            packed.extend(encoder.finish().unwrap());
        }
        let (interrupt, progress) = (Interrupt::new(), RefCell::new(Progress::of(0)));
        let mut console = Console::of_process();
        for (name, bytes, expect) in
            [("packed.log", packed, "one\ntwo\n"), ("plain.gz", b"plain".to_vec(), "plain"), ("empty", Vec::new(), "")]
        {
            let path = root.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            let mut text = String::new();
            let input = Input::File(path);
            input.open(&interrupt, &progress, &mut console).unwrap().read_to_string(&mut text).unwrap();
            assert_eq!(text, expect, "{name}");
        }
        interrupt.flag().store(true, std::sync::atomic::Ordering::Relaxed);
        let mut text = String::new();
        let input = Input::File(root.path().join("plain.gz"));
        input.open(&interrupt, &progress, &mut console).unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "");
    }
}
