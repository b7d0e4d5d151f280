//! A server program as a child process: started on ports that were free, ended when the value goes.

use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use tempfile::TempDir;

/// How often a server that is starting is asked whether it listens, and how many times.
const TICK: Duration = Duration::from_millis(20);
const TICKS: u32 = 500;

/// A program of the system.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Program {
    pub(crate) name: &'static str,
    /// The Debian package that brings it.
    pub(crate) package: &'static str,
}

impl Program {
    /// Where it is. Servers lie where the `PATH` of ordinary users does not lead.
    pub(crate) fn path(self) -> PathBuf {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let places = std::env::split_paths(&path).chain(["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from));
        let found = places.map(|place| place.join(self.name)).find(|file| file.is_file());
        found.unwrap_or_else(|| panic!("{} is not installed: apt-get install {}", self.name, self.package))
    }
}

/// A directory that the server can read even after it has given up root's rights.
pub(crate) fn directory() -> TempDir {
    let directory = tempfile::tempdir().expect("a temporary directory");
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).expect("its owner may do that");
    directory
}

/// A port of 127.0.0.1 that nothing listens on, and that no other test of this process gets. Below the range from which the
/// kernel takes ports for clients (`ip_local_port_range`), so that none of them takes it before the server does.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = u16::try_from(std::process::id() % 180 * 100).expect("below 18,000");
    let is_free = |port: &u16| {
        TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok() && UdpSocket::bind((Ipv4Addr::LOCALHOST, *port)).is_ok()
    };
    std::iter::repeat_with(|| 12_000 + (first + NEXT.fetch_add(1, Ordering::Relaxed)) % 18_000)
        .take(18_000)
        .find(is_free)
        .expect("a free port")
}

/// A running server.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    name: &'static str,
    directory: TempDir,
}

impl Server {
    /// Starts a program that stays in the foreground as one process and, before long, listens on `ports`. What it says goes
    /// to `log` in `directory`.
    pub(crate) fn start(program: Program, arguments: &[&str], ports: &[u16], directory: TempDir) -> Self {
        let log = File::create(directory.path().join("log")).expect("a log");
        let child = Command::new(program.path())
            .args(arguments)
            .current_dir(directory.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a log"))
            .stderr(log)
            .spawn()
            .expect("the server's program can be run");
        let mut server = Self { child, name: program.name, directory };
        for port in ports {
            server.wait_for(*port);
        }
        server
    }

    /// Where its files are.
    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    fn wait_for(&mut self, port: u16) {
        for _ in 0..TICKS {
            if let Some(status) = self.child.try_wait().expect("a child's status") {
                panic!("{} ended with {status}:\n{}", self.name, self.log());
            }
            if TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok() {
                return;
            }
            std::thread::sleep(TICK);
        }
        panic!("{} does not listen on {port}:\n{}", self.name, self.log());
    }

    fn log(&self) -> String {
        let files = ["log", "error.log"].map(|name| fs::read_to_string(self.directory.path().join(name)));
        files.into_iter().flatten().collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself; what it left behind goes with its directory.
        let _ = self.child.kill();
        let _ = self.child.wait();
        #[expect(clippy::print_stderr, reason = "a failed test shows what the server said")]
        if std::thread::panicking() {
            eprintln!("what {} said:\n{}", self.name, self.log());
        }
    }
}
