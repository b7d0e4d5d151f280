//! `wirefall demo`: the lab, a request through every path, and the pictures.

use std::collections::BTreeMap;
use std::path::Path;

use url::Url;

use super::args::{Color, DemoArgs};
use super::console::{self, Console};
use super::interrupt::catch_interrupts;
use super::{CommandError, drawing, exit};
use crate::lab::{Endpoint, Lab, LabOptions, Profile};
use crate::probe::{Interrupt, Probe};
use crate::render::chart::{ChartFormat, ChartOptions};
use crate::render::{json, terminal};
use crate::target::{
    ContentCoding, DnsServers, HttpVersion, Limits, Method, Plan, Redirects, Repeat, Request, Resolution, Route,
    Secrets, Target, TlsOptions, Trust,
};
use crate::trace::Trace;

/// The trace that the demo shows in full.
const SHOWN_IN_FULL: &str = "apig-lambda cold";

pub(super) fn run(args: &DemoArgs, console: &Console) -> Result<u8, CommandError> {
    let interrupt = catch_interrupts()?;
    let lab = Lab::start(&Profile::default(), LabOptions::default())?;
    let file = |name: &str| args.out.join(name);
    let writable = |source| CommandError::File { doing: "make", file: args.out.display().to_string(), source };
    std::fs::create_dir_all(&args.out).map_err(writable)?;
    write(&file("lab-ca.pem"), lab.ca_pem())?;

    let plan = plan(&lab, &file("lab-ca.pem"));
    let traces = trace_all(&plan, &interrupt)?;
    write(&file("traces.jsonl"), &json::jsonl(&traces).map_err(CommandError::Json)?)?;
    let options = ChartOptions { title: Some("One request through each path".to_owned()), ..ChartOptions::default() };
    for (name, form) in [("waterfall.png", ChartFormat::Png), ("waterfall.svg", ChartFormat::Svg)] {
        drawing::draw(&traces, &options, &file(name), form)?;
    }

    let style = console.style(if console.environment().get("NO_COLOR").is_some() { Color::Never } else { Color::Auto });
    let shown: Vec<Trace> = traces.iter().filter(|trace| trace.label() == SHOWN_IN_FULL).cloned().collect();
    console::print(format!(
        "{}\n{}\n{}",
        terminal::waterfall(&shown, &style),
        terminal::table(&traces, &style),
        what_to_look_at(&args.out)
    ))?;
    Ok(if interrupt.requested() { exit::INTERRUPTED } else { worst(&traces) })
}

/// Every path once, and the paths through Lambda once more: the second request finds a warm sandbox.
fn plan(lab: &Lab, authority: &Path) -> Plan {
    let targets = lab.endpoints().iter().flat_map(|endpoint| {
        let once = |name: String| target(endpoint, name);
        if endpoint.path.contains(&"lambda") {
            vec![once(format!("{} cold", endpoint.name)), once(format!("{} warm", endpoint.name))]
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

fn trace_all(plan: &Plan, interrupt: &Interrupt) -> Result<Vec<Trace>, CommandError> {
    let probe = Probe::new(plan, interrupt.clone())?;
    let mut traces = Vec::new();
    for target in &plan.targets {
        traces.extend(probe.trace(target, None).traces);
        if interrupt.requested() {
            break;
        }
    }
    Ok(traces)
}

fn write(path: &Path, text: &str) -> Result<(), CommandError> {
    let file = path.display().to_string();
    std::fs::write(path, text).map_err(|source| CommandError::File { doing: "write", file, source })
}

fn worst(traces: &[Trace]) -> u8 {
    traces.iter().filter_map(Trace::failure).map(|failure| failure.code.exit_status()).max().unwrap_or(0)
}

fn what_to_look_at(out: &Path) -> String {
    let out = out.display();
    format!(
        "Written to {out}:\n  waterfall.png, waterfall.svg   a bar for each request, on one time axis\n  \
         traces.jsonl                   every number behind them, a JSON document a line\n  \
         lab-ca.pem                     the certificate authority of the lab that has just stopped\n\n\
         Look at\n  \
         - wait in apig-lambda cold against warm: what is gone is the cold start of the sandbox\n  \
         - wait in cloudfront against ec2: what the edge adds in front of the same server\n  \
         - send and receive: next to nothing; small requests are decided by dns, connect, tls and wait\n  \
         - the server's share of each wait: loopback has no distance, so it is nearly all of it\n\n\
         Then trace something of yours: wirefall https://example.com/\n"
    )
}
