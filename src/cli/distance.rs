//! `wirefall lab --distance`: the lab in regions, and commands in its network.
//!
//! The program itself goes where its clients are: its first thread lives in the client's network, with the lab's name server
//! in `/etc/resolv.conf`. So a command that it starts is there, too, and another terminal gets there by this process's id.

use std::fmt::Write as _;
use std::io::IsTerminal;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

use super::args::LabArgs;
use super::console::{self, Console};
use super::interrupt::catch_interrupts;
use super::lab::{Authority, GRACE, about_logs, await_interrupt, tell, temporary, write_temporary};
use super::{CommandError, exit};
use crate::lab::link::{Privilege, acquire, cover};
use crate::lab::{DistantLab, Lab, LabOptions, Profile};
use crate::time::Nanos;

const RESOLV_CONF: &str = "/etc/resolv.conf";
/// What TLS libraries read: in the lab's network, nobody else needs to be trusted.
const TRUST: &str = "SSL_CERT_FILE";
/// What would lead a command elsewhere: other authorities, and proxies, which that network does not have.
const MISLEADING: [&str; 8] = [
    "SSL_CERT_DIR",
    "CURL_CA_BUNDLE",
    "http_proxy",
    "HTTP_PROXY",
    "https_proxy",
    "HTTPS_PROXY",
    "all_proxy",
    "ALL_PROXY",
];

pub(super) fn run(
    args: &LabArgs,
    mut profile: Profile,
    options: &LabOptions,
    console: &mut Console,
) -> Result<u8, CommandError> {
    let distance = &mut profile.distance;
    if let Some(place) = &args.at {
        distance.put_client(place)?;
    }
    distance.regions.extend(args.region.iter().cloned());
    distance.loss = args.loss.unwrap_or(distance.loss);
    distance.jitter = args.jitter.unwrap_or(distance.jitter);
    if let Some((program, words)) = args.command.split_first() {
        let mut command = Command::new(program);
        command.args(words);
        let inside = Inside::start(args, &profile, options)?;
        let code = run_in(&inside, command, console);
        tell(console, &inside.lab.stop(Nanos::ZERO));
        return code;
    }
    let interrupt = catch_interrupts()?;
    let inside = Inside::start(args, &profile, options)?;
    console::print(introduction(&inside) + &about_logs(args.logs.as_deref()))?;
    await_interrupt(&interrupt, || tell(console, &inside.lab.lab().take_log_errors()));
    tell(console, &inside.lab.stop(GRACE));
    Ok(exit::INTERRUPTED)
}

/// A running lab with the calling thread in its client's network.
struct Inside {
    lab: DistantLab,
    authority: Authority,
    privilege: Privilege,
    names: Names,
}

impl Inside {
    /// Before anything has a thread: see [`acquire`].
    fn start(args: &LabArgs, profile: &Profile, options: &LabOptions) -> Result<Self, CommandError> {
        let privilege = acquire()?;
        let lab = Lab::start_at_distance(profile, options)?;
        let authority = Authority::write(lab.lab(), args.ca_out.clone())?;
        lab.network().client().enter()?;
        let names = Names::install(&lab);
        Ok(Self { lab, authority, privilege, names })
    }
}

/// Whether names of the lab are found without being told where.
enum Names {
    /// By everybody who reads `/etc/resolv.conf`; the file is the one that is shown there.
    Found { file: PathBuf },
    /// Only by who asks the name server: the file could not be replaced.
    Asked,
}

impl Names {
    fn install(lab: &DistantLab) -> Self {
        let file = temporary("resolv.conf");
        let content = format!("nameserver {}\noptions timeout:5\n", lab.dns_server().ip());
        let covered = write_temporary(&file, &content).and_then(|()| cover(Path::new(RESOLV_CONF), &file));
        if covered.is_ok() { Self::Found { file } } else { Self::Asked }
    }
}

impl Drop for Names {
    fn drop(&mut self) {
        if let Self::Found { file } = self {
            // It is of no use to anyone now.
            let _ = std::fs::remove_file(file);
        }
    }
}

/// Runs a command to its end. Ctrl-C is the command's own affair: a shell goes on after it.
fn run_in(inside: &Inside, mut command: Command, console: &mut Console) -> Result<u8, CommandError> {
    let ignored = std::sync::Arc::default();
    signal_hook::flag::register(signal_hook::consts::SIGINT, ignored).map_err(CommandError::Signals)?;
    if std::io::stderr().is_terminal() {
        console.note(&hint(&inside.lab));
    }
    for variable in MISLEADING {
        command.env_remove(variable);
    }
    let status = command.env(TRUST, &inside.authority.path).status();
    let run = |source| CommandError::Run { command: command.get_program().display().to_string(), source };
    status.map(code_of).map_err(run)
}

/// As a shell has it: 128 and the number of the signal that ended it.
fn code_of(status: ExitStatus) -> u8 {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(exit::OTHER)
}

/// What can be asked, in few words: `In the lab: https://PATH.REGION.lab.test/ …`
fn hint(lab: &DistantLab) -> String {
    let nearest = lab.regions().first();
    let of_nearest = |region: Option<&str>| region == nearest.map(|nearest| nearest.name.as_str());
    let paths: Vec<_> = lab.lab().endpoints().iter().filter(|path| of_nearest(path.region.as_deref())).collect();
    let paths: Vec<_> = paths.iter().filter(|path| path.url.starts_with("https")).map(|path| path.name).collect();
    let regions: Vec<_> = lab.regions().iter().map(|region| region.name.as_str()).collect();
    format!(
        "In the lab: https://PATH.REGION.lab.test/\n  paths    {}\n  regions  {}\n",
        paths.join(" "),
        regions.join(" ")
    )
}

fn introduction(inside: &Inside) -> String {
    let Inside { lab, authority, privilege, names } = inside;
    let mut text = "The lab runs until Ctrl-C, at a distance. Its regions:\n\n".to_owned();
    for region in lab.regions() {
        let addresses: Vec<_> = region.addresses().map(|address| address.to_string()).collect();
        let round_trip = region.round_trip.as_millis_f64();
        let _ = writeln!(text, "  {:<16} {round_trip:>6} ms   {}", region.name, addresses.join("  "));
    }
    // Any will do as the example; one in the middle is neither the nearest, which is special, nor tiring.
    let shown = lab.regions().get(lab.regions().len() / 2).map(|region| region.name.as_str());
    text.push_str("\nIn each of them, here in the one in the middle (a name without region is the nearest one's):\n\n");
    let of_shown = lab.lab().endpoints().iter().filter(|endpoint| endpoint.region.as_deref() == shown);
    for endpoint in of_shown.clone() {
        let _ = writeln!(text, "  {:<13} {}\n  {:13} {}", endpoint.name, endpoint.url, "", endpoint.description);
    }
    let enter = match privilege {
        Privilege::Own => "nsenter",
        Privilege::UserNamespace => "nsenter --preserve-credentials -U",
    };
    let process = std::process::id();
    let authority = authority.path.display();
    let dns = match names {
        Names::Found { .. } => String::new(),
        Names::Asked => format!(" --dns-servers {}", lab.dns_server()),
    };
    let example = { of_shown }.next().map_or("", |endpoint| endpoint.url.as_str());
    let _ = writeln!(
        text,
        "\nThey are reached from the lab's own network only. Enter it from another terminal with\n\n  \
         {enter} -m -n -w -t {process} env {TRUST}={authority} \"$SHELL\"\n\nand ask there\n\n  \
         wirefall{dns} {example}\n\nName server: {}. Certificate authority: {authority}",
        lab.dns_server()
    );
    text
}
