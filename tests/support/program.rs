//! The program as a shell sees it, in a directory of its own and with a clean environment.

#![allow(dead_code, unreachable_pub, reason = "each test program uses its part, as of a library")]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use wirefall::trace::Trace;

/// A directory to run the program in. It goes with this value.
pub struct Program {
    directory: TempDir,
}

/// What the program said, and its exit code.
#[derive(Debug)]
pub struct Said {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Said {
    /// Standard output as JSON.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Fails the test where the exit code is another one.
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}\n{}", self.stdout, self.stderr);
        self
    }
}

impl Program {
    pub fn new() -> Self {
        Self { directory: tempfile::tempdir().expect("a temporary directory") }
    }

    pub fn path(&self, file: &str) -> PathBuf {
        self.directory.path().join(file)
    }

    pub fn write(&self, file: &str, content: &str) {
        std::fs::write(self.path(file), content).expect("a file");
    }

    pub fn read(&self, file: &str) -> String {
        std::fs::read_to_string(self.path(file)).unwrap_or_default()
    }

    /// The traces of a file.
    pub fn traces(&self, file: &str) -> Vec<Trace> {
        self.read(file).lines().map(|line| serde_json::from_str(line).expect("a trace")).collect()
    }

    pub fn command(&self, words: &[&str]) -> Command {
        let directory: &Path = self.directory.path();
        let mut command = Command::new(env!("CARGO_BIN_EXE_wirefall"));
        command.env_clear().env("HOME", directory).current_dir(directory).stdin(Stdio::null()).args(words);
        command
    }

    pub fn run(&self, words: &[&str]) -> Said {
        self.start(words).end()
    }

    pub fn start(&self, words: &[&str]) -> Running {
        let mut command = self.command(words);
        Running(Some(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program can be run")))
    }
}

/// The program under way. It ends with this value, if not before.
pub struct Running(Option<Child>);

impl Running {
    /// Ctrl-C.
    pub fn interrupt(&self) {
        let id = self.0.as_ref().map(Child::id).expect("it runs");
        let kill = format!("kill -INT {id}");
        assert!(Command::new("sh").args(["-c", &kill]).status().expect("a shell").success());
    }

    /// What it said once it has ended.
    pub fn end(mut self) -> Said {
        let child = self.0.take().expect("it was started");
        let output = child.wait_with_output().expect("it ends");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
        Said { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Waits until something is so, and fails the test where it never is.
#[track_caller]
pub fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let tick = || std::thread::sleep(Duration::from_millis(20));
    assert!((0..1_500).any(|_| is_so() || (tick(), false).1), "{what}");
}
