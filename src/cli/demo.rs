//! `wirefall demo`: the lab, a request through every path, and the pictures.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use url::Url;

use super::args::{Color, DemoArgs, StatusRule};
use super::console::{self, Console};
use super::ending::Ending;
use super::interrupt::catch_interrupts;
use super::verdict::Verdict;
use super::{CommandError, drawing};
use crate::lab::{Endpoint, Lab, LabOptions, Profile};
use crate::probe::{Interrupt, Probe, Traced};
use crate::render::chart::{ChartFormat, ChartOptions};
use crate::render::{json, terminal};
use crate::target::{
    ContentCoding, DnsServers, HttpVersion, Limits, Method, Plan, Redirects, Repeat, Request, Resolution, Route,
    Secrets, Target, TlsOptions, Trust,
};
use crate::trace::Trace;

/// The trace that the demo shows in full.
const SHOWN_IN_FULL: &str = "apig-lambda cold";
/// How the names of traces of cold starts end.
const COLD: &str = " cold";
/// The file with the certificate authority.
const AUTHORITY: &str = "lab-ca.pem";
/// The files with what was measured.
const ARTEFACTS: &[Artefact] = &[
    Artefact {
        name: "traces.jsonl",
        content: Content::Jsonl,
        description: "every number, a JSON document a line for each request",
    },
    Artefact {
        name: "waterfall.png",
        content: Content::Chart(ChartFormat::Png),
        description: "a bar for each request, on one time axis",
    },
    Artefact { name: "waterfall.svg", content: Content::Chart(ChartFormat::Svg), description: "the same, as vectors" },
    Artefact {
        name: "warm.png",
        content: Content::ChartOfWarm(ChartFormat::Png),
        description: "without the cold starts, which make all others look small",
    },
];

pub(super) fn run(args: &DemoArgs, console: &mut Console) -> Result<u8, CommandError> {
    let interrupt = catch_interrupts()?;
    let lab = Lab::start(&Profile::default(), LabOptions::default())?;
    let authority = write_authority(&lab, &args.out)?;
    let plan = plan(&lab, &authority);
    let mut ending = Ending::default();
    let traces = trace_all(&plan, &interrupt, |verdict| ending.judge(console, verdict))?;

    ending.wrote(console, show(&traces, console));
    let mut written = line(AUTHORITY, "the certificate authority of the lab that has just stopped");
    for artefact in ARTEFACTS {
        let kept = artefact.write(&traces, &args.out);
        if kept.is_ok() {
            written.push_str(&line(artefact.name, artefact.description));
        }
        ending.wrote(console, kept);
    }
    ending.wrote(console, console::print(what_to_look_at(&args.out, &written)));
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

/// What a file of the demo holds of the traces.
#[derive(Clone, Copy)]
enum Content {
    Chart(ChartFormat),
    /// Without the traces of cold starts.
    ChartOfWarm(ChartFormat),
    Jsonl,
}

/// A file that stays.
struct Artefact {
    name: &'static str,
    content: Content,
    description: &'static str,
}

impl Artefact {
    fn write(&self, traces: &[Trace], out: &Path) -> Result<(), CommandError> {
        let file = out.join(self.name);
        match self.content {
            Content::Jsonl => write(&file, &json::jsonl(traces).map_err(CommandError::Json)?),
            Content::Chart(form) => drawing::draw(traces, &titled("One request through each path"), &file, form),
            Content::ChartOfWarm(form) => {
                let warm: Vec<Trace> = traces.iter().filter(|trace| !trace.label().ends_with(COLD)).cloned().collect();
                drawing::draw(&warm, &titled("One request through each path, nothing cold"), &file, form)
            }
        }
    }
}

fn titled(title: &str) -> ChartOptions {
    ChartOptions { title: Some(title.to_owned()), ..ChartOptions::default() }
}

/// `  traces.jsonl    every number behind them`
fn line(name: &str, description: &str) -> String {
    format!("  {name:<15} {description}\n")
}

/// Every path once, and the paths through Lambda once more: the second request finds a warm sandbox.
fn plan(lab: &Lab, authority: &Path) -> Plan {
    let targets = lab.endpoints().iter().flat_map(|endpoint| {
        let once = |name: String| target(endpoint, name);
        if endpoint.path.contains(&"lambda") {
            vec![once(format!("{}{COLD}", endpoint.name)), once(format!("{} warm", endpoint.name))]
        } else {
            vec![once(endpoint.name.to_owned())]
        }
    });
    Plan {
        targets: targets.flatten().collect(),
        resolution: Resolution { servers: DnsServers::Plain(vec![lab.dns_server()]), ..Resolution::default() },
        route: Route::default(),
        tls: TlsOptions { trust: Trust::File(authority.to_owned()), ..TlsOptions::default() },
        http: HttpVersion::Negotiate,
        redirects: Redirects::Stay,
        repeat: Repeat::Cold,
        limits: Limits::default(),
        vantage: Some("this machine".to_owned()),
        secrets: Secrets::Redact,
    }
}

fn target(endpoint: &Endpoint, name: String) -> Option<Target> {
    let request = Request {
        url: Url::parse(&endpoint.url).ok()?,
        method: Method::Derived("GET"),
        headers: Vec::new(),
        body: None,
        credentials: None,
        coding: ContentCoding::AsIs,
    };
    let tags = BTreeMap::from([("path".to_owned(), endpoint.path.join(","))]);
    Some(Target { name: Some(name), tags, request })
}

/// Every target of the plan, or those before Ctrl-C.
fn trace_all(plan: &Plan, interrupt: &Interrupt, mut judge: impl FnMut(&Verdict)) -> Result<Vec<Trace>, CommandError> {
    let probe = Probe::new(plan, interrupt.clone())?;
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

/// Prints one trace in full, and all of them as a table.
fn show(traces: &[Trace], console: &Console) -> Result<(), CommandError> {
    let style = console.style(if console.environment().get("NO_COLOR").is_some() { Color::Never } else { Color::Auto });
    let in_full: Vec<Trace> = traces.iter().filter(|trace| trace.label() == SHOWN_IN_FULL).cloned().collect();
    console::print(format!("{}\n{}\n", terminal::waterfall(&in_full, &style), terminal::table(traces, &style)))
}

fn write(path: &Path, text: &str) -> Result<(), CommandError> {
    let file = path.display().to_string();
    std::fs::write(path, text).map_err(|source| CommandError::File { doing: "write", file, source })
}

fn what_to_look_at(out: &Path, written: &str) -> String {
    format!(
        "Written to {}:\n{written}\nLook at\n  \
         - wait in apig-lambda cold against warm: what is gone is the cold start of the sandbox\n  \
         - wait in cloudfront against ec2: what the edge adds in front of the same server\n  \
         - send and receive: next to nothing; small requests are decided by dns, connect, tls and wait\n  \
         - the server's share of each wait: loopback has no distance, so it is nearly all of it\n\n\
         Then trace something of yours: wirefall https://example.com/\n",
        out.display()
    )
}
