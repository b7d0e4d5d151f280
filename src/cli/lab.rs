//! `wirefall lab`: the embedded world, until Ctrl-C.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::args::LabArgs;
use super::console::{self, Console};
use super::interrupt::catch_interrupts;
use super::{CommandError, chain, distance, exit};
use crate::lab::{Lab, LabOptions, LogError, Profile, TimeScale};
use crate::probe::Interrupt;
use crate::time::Nanos;

/// How long requests that are under way may take once the lab stops.
pub(super) const GRACE: Nanos = Nanos::from_secs(1);
/// How often Ctrl-C is looked for.
const TICK: Duration = Duration::from_millis(50);

pub(super) fn run(args: &LabArgs, console: &mut Console) -> Result<u8, CommandError> {
    let mut profile = args.profile.as_deref().map_or_else(|| Ok(Profile::default()), Profile::read)?;
    for (clock, skew) in &args.skew {
        profile.clocks.set(*clock, *skew);
    }
    let options = LabOptions {
        dns_port: args.dns_port,
        https_port: args.https_port,
        http_port: args.http_port,
        time_scale: TimeScale::new(args.time_scale)?,
        logs: args.logs.clone(),
        ..LabOptions::default()
    };
    if args.distance {
        return distance::run(args, profile, &options, console);
    }
    let interrupt = catch_interrupts()?;
    let lab = Lab::start(&profile, &options)?;
    let authority = Authority::write(&lab, args.ca_out.clone())?;
    console::print(introduction(&lab, &authority.path) + &about_logs(args.logs.as_deref()))?;
    await_interrupt(&interrupt, || tell(console, &lab.take_log_errors()));
    tell(console, &lab.stop(GRACE));
    Ok(exit::INTERRUPTED)
}

/// Says which logs cannot be written.
pub(super) fn tell(console: &mut Console, errors: &[LogError]) {
    for error in errors {
        console.note(&format!("wirefall: {}; this log ends here, the lab goes on\n", chain(error)));
    }
}

/// Returns at Ctrl-C; meanwhile looks after something again and again.
pub(super) fn await_interrupt(interrupt: &Interrupt, mut look_after: impl FnMut()) {
    while !interrupt.requested() {
        std::thread::sleep(TICK);
        look_after();
    }
}

/// The file with the lab's certificate authority; a temporary one goes when the lab does.
pub(super) struct Authority {
    pub(super) path: PathBuf,
    temporary: Option<PathBuf>,
}

impl Authority {
    pub(super) fn write(lab: &Lab, wanted: Option<PathBuf>) -> Result<Self, CommandError> {
        let unwritable =
            |file: &Path, source| CommandError::File { doing: "write", file: file.display().to_string(), source };
        if let Some(path) = wanted {
            std::fs::write(&path, lab.ca_pem()).map_err(|source| unwritable(&path, source))?;
            return Ok(Self { path, temporary: None });
        }
        let path = temporary("pem");
        write_temporary(&path, lab.ca_pem()).map_err(|source| unwritable(&path, source))?;
        Ok(Self { temporary: Some(path.clone()), path })
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        if let Some(path) = &self.temporary {
            // It is of no use to anyone now; that it may stay behind is what temporary directories are for.
            let _ = std::fs::remove_file(path);
        }
    }
}

/// Where this process keeps a file of that kind as long as it runs.
pub(super) fn temporary(kind: &str) -> PathBuf {
    std::env::temp_dir().join(format!("wirefall-lab-{}.{kind}", std::process::id()))
}

/// Writes a new file: what somebody else has put there under that name, a link to another file, say, is not followed.
pub(super) fn write_temporary(path: &Path, content: &str) -> io::Result<()> {
    // Left behind by an earlier process of this number; nobody else's can be removed from a temporary directory.
    let _ = std::fs::remove_file(path);
    OpenOptions::new().write(true).create_new(true).open(path)?.write_all(content.as_bytes())
}

/// Where the logs are and what to do with them; nothing where none are written.
pub(super) fn about_logs(directory: Option<&Path>) -> String {
    let Some(directory) = directory else { return String::new() };
    let join: String = [("alb", "alb.log"), ("apig", "apig.log"), ("lambda", "lambda.log"), ("xray", "xray.json")]
        .map(|(flag, file)| format!(" --{flag} {}", directory.join(file).display()))
        .concat();
    format!(
        "\nTheir logs are in {}, complete once the lab ends. Join saved traces with them:\n\n  wirefall attribute \
         TRACES.jsonl{join}\n",
        directory.display()
    )
}

fn introduction(lab: &Lab, authority: &Path) -> String {
    let dns = lab.dns_server();
    let how = format!("wirefall --dns-servers {dns} --cacert {}", authority.display());
    let hosts: Vec<String> = lab
        .endpoints()
        .iter()
        .map(|endpoint| format!("  {:<13} {}\n  {:13} {}", endpoint.name, endpoint.url, "", endpoint.description))
        .collect();
    let hosts = hosts.join("\n");
    let example = lab.endpoints().first().map_or("", |endpoint| endpoint.url.as_str());
    format!("The lab runs until Ctrl-C. Its hosts:\n\n{hosts}\n\nAsk them with\n\n  {how} {example}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_logs_that_are_named_are_there_when_the_lab_ends() {
        assert_eq!(about_logs(None), "");
        let directory = tempfile::tempdir().unwrap();
        let logs = directory.path().join("logs");
        let options = LabOptions { logs: Some(logs.clone()), ..LabOptions::default() };
        assert!(Lab::start(&Profile::default(), &options).unwrap().stop(Nanos::ZERO).is_empty());
        let said = about_logs(Some(&logs));
        let named: Vec<&Path> =
            said.split_whitespace().map(Path::new).filter(|word| word.extension().is_some()).collect();
        let of_lab: Vec<&Path> = named.into_iter().filter(|word| word.starts_with(&logs)).collect();
        assert_eq!(of_lab.len(), 4, "{said}");
        assert!(of_lab.iter().all(|file| file.is_file()), "{said}");
    }
}
