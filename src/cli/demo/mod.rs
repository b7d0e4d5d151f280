//! `wirefall demo`: the lab, a request through every path, and the pictures.

mod evidence;
mod pictures;
mod stage;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use url::Url;

use evidence::LOGS;
use pictures::{COLD, REGION, artefacts};
use stage::Stage;

use super::args::{Color, DemoArgs, StatusRule};
use super::console::{self, Console};
use super::ending::Ending;
use super::interrupt::catch_interrupts;
use super::verdict::Verdict;
use super::{CommandError, capture};
use crate::lab::{Endpoint, Lab, LabError};
use crate::probe::{Interrupt, Traced};
use crate::render::terminal;
use crate::target::{
    ContentCoding, DnsServers, HttpVersion, LayerPath, Limits, Method, Plan, Redirects, Repeat, Request, Resolution,
    Route, Secrets, Target, TlsOptions, TraceHeaders, Trust,
};
use crate::trace::Trace;

/// The trace that the demo shows in full.
const SHOWN_IN_FULL: &str = "apig-lambda cold";
/// The file with the certificate authority.
const AUTHORITY: &str = "lab-ca.pem";

pub(super) fn run(args: &DemoArgs, console: &mut Console) -> Result<u8, CommandError> {
    let logs = args.out.join(LOGS);
    let stage = Stage::set(&logs, console)?;
    let interrupt = catch_interrupts()?;
    let authority = write_authority(stage.lab(), &args.out)?;
    let plan = plan(&stage, &authority);
    let mut ending = Ending::default();
    let mut traces = stage.run(|| trace_all(&plan, &interrupt, |verdict| ending.judge(console, verdict)))??;
    stage.lab().write_out_logs();
    for error in stage.lab().take_log_errors() {
        ending.wrote(console, Err(LabError::from(error).into()));
    }
    ending.wrote(console, evidence::attribute_all(&mut traces, &logs));

    ending.wrote(console, show(&traces, console));
    let mut written = line(AUTHORITY, "the certificate authority of the lab that has just stopped")
        + &line("logs/", "what AWS would have logged of these requests, and what is true (truth.jsonl)");
    for artefact in artefacts(stage.nearest()) {
        let kept = artefact.write(&traces, stage.nearest(), &args.out);
        if kept.is_ok() {
            written.push_str(&line(artefact.name, artefact.description));
        }
        ending.wrote(console, kept);
    }
    ending.wrote(console, console::print(what_to_look_at(&stage, &args.out, &written)));
    Ok(ending.exit_code(&interrupt))
}

/// Makes the directory, and the first file in it: without the authority, nothing of the lab can be trusted.
fn write_authority(lab: &Lab, out: &Path) -> Result<PathBuf, CommandError> {
    let unwritable = |source| CommandError::File { doing: "make", file: out.display().to_string(), source };
    std::fs::create_dir_all(out).map_err(unwritable)?;
    let authority = out.join(AUTHORITY);
    write(&authority, lab.ca_pem())?;
    Ok(authority)
}

/// `  traces.jsonl    every number behind them`
fn line(name: &str, description: &str) -> String {
    format!("  {name:<15} {description}\n")
}

/// Every path once, and the paths through Lambda once more: the second request finds a warm sandbox. Where there are regions,
/// that is in the nearest, and in each of the others one path.
fn plan(stage: &Stage, authority: &Path) -> Plan {
    let targets = stage.endpoints().flat_map(|endpoint| {
        let tags = tags(endpoint);
        let once = |name: String| target(endpoint, name, tags.clone());
        match endpoint.region.as_deref() {
            Some(region) if Some(region) != stage.nearest() => vec![once(format!("{} {region}", endpoint.name))],
            _ if endpoint.path.contains(&"lambda") => {
                vec![once(format!("{}{COLD}", endpoint.name)), once(format!("{} warm", endpoint.name))]
            }
            _ => vec![once(endpoint.name.to_owned())],
        }
    });
    Plan {
        targets: targets.flatten().collect(),
        resolution: Resolution { servers: DnsServers::Plain(vec![stage.lab().dns_server()]), ..Resolution::default() },
        route: Route::default(),
        tls: TlsOptions { trust: Trust::File(authority.to_owned()), ..TlsOptions::default() },
        http: HttpVersion::Negotiate,
        redirects: Redirects::Stay,
        repeat: Repeat::Cold,
        limits: Limits::default(),
        vantage: Some(stage.vantage().to_owned()),
        secrets: Secrets::Redact,
        trace_headers: TraceHeaders::Send,
    }
}

fn tags(endpoint: &Endpoint) -> BTreeMap<String, String> {
    endpoint.region.clone().map(|region| (REGION.to_owned(), region)).into_iter().collect()
}

fn target(endpoint: &Endpoint, name: String, tags: BTreeMap<String, String>) -> Option<Target> {
    let request = Request {
        url: Url::parse(&endpoint.url).ok()?,
        method: Method::Derived("GET"),
        headers: Vec::new(),
        body: None,
        credentials: None,
        coding: ContentCoding::AsIs,
    };
    let path = LayerPath::new(endpoint.path.iter().map(|layer| (*layer).to_owned()).collect()).ok();
    Some(Target { name: Some(name), tags, path, request, resolve: Vec::new(), expect_status: None })
}

/// Every target of the plan, or those before Ctrl-C.
fn trace_all(plan: &Plan, interrupt: &Interrupt, mut judge: impl FnMut(&Verdict)) -> Result<Vec<Trace>, CommandError> {
    let probe = capture::probe(plan, interrupt.clone())?;
    let mut traces = Vec::new();
    for target in &plan.targets {
        let Traced { traces: requests, stopped } = probe.trace(target, None);
        judge(&Verdict::of(&requests, stopped.as_ref(), StatusRule::AnyIsFine));
        traces.extend(requests);
        if interrupt.requested() {
            break;
        }
    }
    Ok(traces)
}

/// Prints one trace in full, its layers included, and all of them as a table.
fn show(traces: &[Trace], console: &Console) -> Result<(), CommandError> {
    let style = console.style(if console.environment().get("NO_COLOR").is_some() { Color::Never } else { Color::Auto });
    let in_full: Vec<Trace> = traces.iter().filter(|trace| trace.label() == SHOWN_IN_FULL).cloned().collect();
    console::print(format!("{}\n{}\n", terminal::waterfall(&in_full, &style), terminal::table(traces, &style)))
}

fn write(path: &Path, text: &str) -> Result<(), CommandError> {
    let file = path.display().to_string();
    std::fs::write(path, text).map_err(|source| CommandError::File { doing: "write", file, source })
}

fn what_to_look_at(stage: &Stage, out: &Path, written: &str) -> String {
    let place = match stage {
        Stage::Distance(_) => {
            "  - connect, tls and wait from region to region: each pays the distance once, and the request all three\n  \
             - the server's share of those waits: the same few milliseconds, however far the server is\n"
        }
        Stage::Loopback(_) => {
            "  - send and receive: next to nothing; small requests are decided by dns, connect, tls and wait\n  \
             - the server's share of each wait: loopback has no distance, so it is nearly all of it\n"
        }
    };
    format!(
        "Written to {}:\n{written}\nLook at\n  \
         - wait in apig-lambda cold against warm: what is gone is the cold start of the sandbox\n  \
         - the layers of that wait, read from the logs (wirefall attribute does it with yours); logs/truth.jsonl has what is true\n  \
         - wait in cloudfront against ec2: what the edge adds in front of the same server\n{place}\n\
         Then trace something of yours: wirefall https://example.com/\n",
        out.display()
    )
}
