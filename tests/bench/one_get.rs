//! What one request costs beside curl: processor and wall time of whole processes, measured from outside.
//!
//! `cargo bench [-- ROUNDS]` prints a table. Both programs run against one server inside this process, in
//! turns, so that whatever else the machine does meets both alike. Processor time is what the kernel charged to the child
//! (user and system, `wait4(2)`); wall time is from before the fork to the child's end. The host's name is given with
//! `--resolve` to both: no name server is asked. "Verified" means against the system's whole bundle, to which this
//! program's own authority is added, named to both by `SSL_CERT_FILE`. Whoever may capture packets does so, unless told not
//! to: what that costs is seen as root.
//!
//! Deliberately absent: what the phases of a request take. That is the server's and the network's, and wirefall's own output.

use std::convert::Infallible;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use rustls::ServerConfig;
use tokio_rustls::TlsAcceptor;

use support::{Problem, credentials, end, find, percentile, rounds};

mod support;

const HOST: &str = "one-get.test";
const ROUNDS: usize = 200;
/// Where Debian and its relatives keep the bundle; elsewhere `SSL_CERT_FILE` says where it is.
const BUNDLE: &str = "/etc/ssl/certs/ca-certificates.crt";
const WRITE_OUT: &str = "%{http_code} %{http_version} %{time_total}\\n";

fn main() -> ExitCode {
    end("one_get", run())
}

fn run() -> Result<String, Problem> {
    let rounds = rounds(ROUNDS)?;
    let curl = find("curl")?;
    let wirefall = PathBuf::from(env!("CARGO_BIN_EXE_wirefall"));
    let home = tempfile::tempdir()?;
    let (mut server, authority) = credentials(HOST)?;
    server.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let address = serve(server)?;
    let bundle = home.path().join("bundle.pem");
    let roots = write_bundle(&bundle, &authority)?;

    let url = format!("https://{HOST}:{}/", address.port());
    let resolve = format!("{HOST}:{}:{}", address.port(), address.ip());
    let mut sections = Vec::new();
    for (title, trust) in
        [(format!("one GET, verified against {roots} roots"), None), ("one GET, -k".to_owned(), Some("-k"))]
    {
        let common = ["--resolve", &resolve, &url].into_iter().chain(trust);
        let as_json = ["--format", "json"].into_iter().chain(common.clone());
        let as_curl = ["-s", "-o", "/dev/null", "-w", WRITE_OUT].into_iter().chain(common);
        let uncaptured = ["--capture", "off"].into_iter().chain(as_curl.clone());
        let cases = vec![
            Case::new("wirefall --format json", &wirefall, as_json, "\"status\": 200"),
            Case::new("wirefall -s -o /dev/null -w ...", &wirefall, as_curl.clone(), "200 2 "),
            Case::new("wirefall --capture off -s -o ...", &wirefall, uncaptured, "200 2 "),
            Case::new("curl -s -o /dev/null -w ...", &curl, as_curl, "200 2 "),
        ];
        sections.push(Section { title, cases });
    }
    let version = |name, program| Case::new(name, program, ["--version"], "");
    let cases = vec![version("wirefall --version", &wirefall), version("curl --version", &curl)];
    sections.push(Section { title: "start-up".to_owned(), cases });

    let environment = [("HOME", home.path()), ("SSL_CERT_FILE", &bundle)];
    for case in sections.iter().flat_map(|section| &section.cases) {
        case.check(&environment)?;
    }
    for round in 0..rounds {
        for section in &mut sections {
            let count = section.cases.len();
            for turn in 0..count {
                section.cases[(round + turn) % count].measure(&environment)?;
            }
        }
    }
    Ok(table(&sections, rounds))
}

/// Starts the server, which ends with this process.
fn serve(config: ServerConfig) -> Result<SocketAddr, Problem> {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let acceptor = TlsAcceptor::from(Arc::new(config));
    std::thread::spawn(move || {
        runtime.block_on(async move {
            let listener = tokio::net::TcpListener::from_std(listener).expect("the runtime has IO");
            while let Ok((stream, _)) = listener.accept().await {
                let _ = stream.set_nodelay(true);
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    let Ok(stream) = acceptor.accept(stream).await else { return };
                    // A client that goes away in the middle is seen by its exit code.
                    let _ = auto::Builder::new(TokioExecutor::new())
                        .serve_connection(TokioIo::new(stream), service_fn(answer))
                        .await;
                });
            }
        });
    });
    Ok(address)
}

async fn answer(_: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    Ok(Response::new(Full::new(Bytes::from_static(b"hello\n"))))
}

/// Writes the system's bundle and one more root, and says how many roots there are then.
fn write_bundle(bundle: &Path, authority: &str) -> Result<usize, Problem> {
    let system = std::env::var_os("SSL_CERT_FILE").filter(|file| !file.is_empty());
    let system = system.map_or_else(|| PathBuf::from(BUNDLE), PathBuf::from);
    let mut roots =
        std::fs::read_to_string(&system).map_err(|error| format!("cannot read {}: {error}", system.display()))?;
    roots.push_str(authority);
    std::fs::write(bundle, &roots)?;
    Ok(roots.matches("-----BEGIN CERTIFICATE-----").count())
}

/// What is compared under one title; the last case is curl's.
struct Section {
    title: String,
    cases: Vec<Case>,
}

/// One command line, and what it took.
struct Case {
    name: &'static str,
    program: PathBuf,
    arguments: Vec<OsString>,
    /// Stands in the output of a run that did what it should.
    expect: &'static str,
    cpu: Vec<Duration>,
    wall: Vec<Duration>,
}

impl Case {
    fn new<'a>(
        name: &'static str,
        program: &Path,
        arguments: impl IntoIterator<Item = &'a str>,
        expect: &'static str,
    ) -> Self {
        let arguments = arguments.into_iter().map(OsString::from).collect();
        Self { name, program: program.to_owned(), arguments, expect, cpu: Vec::new(), wall: Vec::new() }
    }

    fn command(&self, environment: &[(&str, &Path)]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).env_clear().envs(environment.iter().copied()).stdin(Stdio::null());
        command
    }

    /// One run that is not measured: it fills caches, and shows that both programs do what they are compared for.
    fn check(&self, environment: &[(&str, &Path)]) -> Result<(), Problem> {
        let output = self.command(environment).output()?;
        let text = String::from_utf8_lossy(&output.stdout);
        if output.status.success() && text.contains(self.expect) {
            return Ok(());
        }
        let complaint = String::from_utf8_lossy(&output.stderr);
        Err(format!("{} gives {}, expected {:?}:\n{text}{complaint}", self.name, output.status, self.expect).into())
    }

    fn measure(&mut self, environment: &[(&str, &Path)]) -> Result<(), Problem> {
        let mut command = self.command(environment);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        #[expect(clippy::disallowed_methods, reason = "this times processes; the client's clock is for marks")]
        let started = Instant::now();
        let child = command.spawn()?;
        let (status, cpu) = wait(child.id())?;
        self.wall.push(started.elapsed());
        self.cpu.push(cpu);
        if status == 0 { Ok(()) } else { Err(format!("{} ended with wait status {status:#x}", self.name).into()) }
    }
}

/// Waits for a child; its wait status and the processor time it was charged.
#[expect(unsafe_code, reason = "std waits without asking for the resource usage")]
fn wait(pid: u32) -> Result<(i32, Duration), Problem> {
    let pid = i32::try_from(pid)?;
    let mut status = 0;
    // SAFETY: `rusage` is a C structure of integers, for which all zeros is a valid value.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: both pointers are valid for writes for the length of the call; the child is ours and not waited for elsewhere.
    if unsafe { libc::wait4(pid, &raw mut status, 0, &raw mut usage) } != pid {
        return Err(std::io::Error::last_os_error().into());
    }
    let time = |part: libc::timeval| -> Result<Duration, Problem> {
        Ok(Duration::from_secs(u64::try_from(part.tv_sec)?) + Duration::from_micros(u64::try_from(part.tv_usec)?))
    };
    Ok((status, time(usage.ru_utime)? + time(usage.ru_stime)?))
}

/// The 10th, 50th and 90th percentile, in milliseconds.
fn percentiles(sample: &[Duration]) -> [f64; 3] {
    [10, 50, 90].map(|percent| percentile(sample, percent).unwrap_or_default().as_secs_f64() * 1e3)
}

fn table(sections: &[Section], rounds: usize) -> String {
    let mut text = format!(
        "\nmilliseconds over {rounds} interleaved rounds{:>24}{:>29}\n{:45}{:>7} {:>7} {:>7}   {:>7} {:>7} {:>7}\n",
        "cpu", "wall", "", "p10", "median", "p90", "p10", "median", "p90",
    );
    for Section { title, cases } in sections {
        // Writing into a String cannot fail.
        let _ = writeln!(text, "{title}");
        let measured: Vec<_> = cases.iter().map(|case| (percentiles(&case.cpu), percentiles(&case.wall))).collect();
        for (case, ([a, b, c], [d, e, f])) in cases.iter().zip(&measured) {
            let _ = writeln!(text, "  {:43}{a:7.2} {b:7.2} {c:7.2}   {d:7.2} {e:7.2} {f:7.2}", case.name);
        }
        let Some(((cpu_curl, wall_curl), own)) = measured.split_last() else { continue };
        for (case, (cpu, wall)) in cases.iter().zip(own) {
            let name = format!("ratio of {}", case.name);
            let _ = writeln!(text, "  {name:43}{:15.2}   {:23.2}", cpu[1] / cpu_curl[1], wall[1] / wall_curl[1]);
        }
    }
    text
}
