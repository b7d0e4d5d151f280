//! Attribution held against the truth of the lab, which is in no log: every path, warm and cold.
//!
//! The lab's servers write AWS's logs; the client traces; both are joined, and each layer's own time is compared with what the
//! lab says it really took. So a busy machine makes both longer, and the comparison stays what it is.

mod support;

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;
use tempfile::{NamedTempFile, TempDir};
use wirefall::attribute::attribute;
use wirefall::attribute::aws::{Columns, Format, LogReader};
use wirefall::attribute::record::Record;
use wirefall::attribute::wanted::Wanted;
use wirefall::lab::evidence::{Log, REALTIME_FIELDS, Traces};
use wirefall::lab::{Lab, LabOptions, Profile, Served, TimeScale};
use wirefall::probe::{Interrupt, Probe};
use wirefall::target::LayerPath;
use wirefall::time::Nanos;
use wirefall::trace::layers::{Certainty, Sign};
use wirefall::trace::{Layer, LayerEvidence, Phase, Trace};

/// How often each path is asked, beyond the first time, which is not counted where it is about warm ones.
const REQUESTS: usize = 50;
/// How far a layer's own time may be off at the median.
const WITHIN: Nanos = Nanos::from_millis(1);
/// Or this share of it, whichever is more.
const OR_PERCENT: u64 = 3;

/// A firewall, an authorizer, a function that works, a framework that starts.
const GUARDED: &str =
    "[apig_rest]\nwaf_ms = 4\nauthorizer_ms = 9\n[lambda]\nfunction_ms = 10\nframework = 'serverless_flask'\n";
/// Every request finds no sandbox.
const ALWAYS_COLD: &str = "idle_s = [0, 0]\n";
/// Sandboxes are restored from snapshots.
const RESTORED: &str = "start = 'snap-start'\n";

/// What of a path's truth the logs can tell, and what they cannot: the latter is in `network` and `unattributed`, with what
/// the client and its system took.
struct Told {
    endpoint: &'static str,
    layers: &'static [&'static str],
    untold: &'static [&'static str],
}

const fn told(endpoint: &'static str, layers: &'static [&'static str]) -> Told {
    Told { endpoint, layers, untold: &[] }
}

const LAMBDA_WARM: &[&str] = &["apig", "apig.waf", "apig.authorizer", "lambda.invoke", "lambda.handler"];

/// Every path of the lab.
const WARM: &[Told] = &[
    Told { endpoint: "ec2", layers: &[], untold: &["ec2"] },
    told("elb", &["elb", "ec2"]),
    told("clb", &["elb", "ec2"]),
    // A network load balancer logs connections, not requests.
    Told { endpoint: "nlb", layers: &[], untold: &["elb", "ec2"] },
    told("cloudfront", &["cloudfront", "ec2"]),
    told("apig-http", &["apig", "elb", "ec2"]),
    told("apig-rest", &["apig", "apig.waf", "apig.authorizer", "elb", "ec2"]),
    told("apig-lambda", LAMBDA_WARM),
    told("apig-proxy", &["apig", "apig.waf", "apig.authorizer", "service"]),
    // Nobody logs for a function's URL.
    Told { endpoint: "function-url", layers: &["lambda.invoke", "lambda.handler"], untold: &["function-url"] },
    told("fargate", &["elb", "fargate"]),
    // A load balancer that answers by itself records no times.
    Told { endpoint: "redirect", layers: &[], untold: &["elb"] },
];

const COLD: &[Told] = &[
    told(
        "apig-lambda",
        &["apig", "apig.waf", "apig.authorizer", "lambda.invoke", "lambda.placement", "lambda.init", "lambda.handler"],
    ),
    Told {
        endpoint: "function-url",
        layers: &["lambda.invoke", "lambda.placement", "lambda.init", "lambda.handler"],
        untold: &["function-url"],
    },
];

const RESTORE: &[Told] = &[told(
    "apig-lambda",
    &["apig", "apig.waf", "apig.authorizer", "lambda.invoke", "lambda.placement", "lambda.restore", "lambda.handler"],
)];

/// Requests of a lab that has ended, and what it wrote.
struct Run {
    profile: Profile,
    traces: Vec<Trace>,
    served: Vec<Served>,
    logs: TempDir,
}

/// Asks each of these endpoints `1 + each` times; the first time goes into the logs only.
fn run(profile: &str, endpoints: impl Iterator<Item = &'static str>, each: usize) -> Run {
    let profile = Profile::parse(profile, "test.toml").expect("a profile");
    let logs = tempfile::tempdir().expect("a directory");
    let options = LabOptions {
        time_scale: TimeScale::new(0.1).expect("a scale"),
        logs: Some(logs.path().to_owned()),
        ..LabOptions::default()
    };
    let lab = Lab::start(&profile, &options).expect("a lab");
    let authority = NamedTempFile::new().expect("a file");
    std::fs::write(authority.path(), lab.ca_pem()).expect("a file");
    let (servers, authority) = (lab.dns_server().to_string(), authority.path().display().to_string());
    let mut traces = Vec::new();
    for name in endpoints {
        let endpoint = lab.endpoints().iter().find(|endpoint| endpoint.name == name).expect("an endpoint");
        let (mut plan, _) = support::plan(&["--dns-servers", &servers, "--cacert", &authority, &endpoint.url]);
        let path = endpoint.path.iter().map(|layer| (*layer).to_owned()).collect();
        plan.targets[0].path = Some(LayerPath::new(path).expect("a path"));
        plan.targets[0].name = Some(name.to_owned());
        let probe = Probe::new(&plan, Interrupt::new()).expect("a probe");
        for count in 0..=each {
            let [trace] = <[Trace; 1]>::try_from(probe.trace(&plan.targets[0], None).traces).expect("one trace");
            assert!(trace.failure().is_none(), "{trace:?}");
            if count > 0 {
                traces.push(trace);
            }
        }
    }
    let served = lab.served();
    let errors = lab.stop(Nanos::from_secs(1));
    assert!(errors.is_empty(), "{errors:?}");
    Run { profile, traces, served, logs }
}

/// Which logs are there.
type Logs = Vec<(Format, String)>;

/// The logs in the order in which names are learned from them: functions last.
fn logs_of(mut text: impl FnMut(&str) -> String) -> Logs {
    let columns = Columns::parse(REALTIME_FIELDS).expect("the fields");
    let standard = Format::CloudFrontStandard;
    vec![
        (standard, text(Log::CloudFrontStandard.file_name())),
        (Format::CloudFrontRealtime(columns), text(Log::CloudFrontRealtime.file_name())),
        (Format::AlbAccess, text(Log::AlbAccess.file_name())),
        (Format::AlbConnection, text(Log::AlbConnections.file_name())),
        (Format::ClassicElb, text(Log::ClbAccess.file_name())),
        (Format::NlbTls, text(Log::NlbTls.file_name())),
        (Format::ApiGateway(None), text(Log::ApiGateway.file_name())),
        (Format::XRay, text("xray.json")),
        (Format::Lambda, text(Log::LambdaText.file_name())),
        (Format::Lambda, text(Log::LambdaJson.file_name())),
    ]
}

fn file(directory: &Path, name: &str) -> String {
    std::fs::read_to_string(directory.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The same requests as logs by other clocks.
fn rewritten(run: &Run, skew: &str) -> Logs {
    let mut profile = run.profile.clone();
    profile.clocks = Profile::parse(skew, "skew.toml").expect("clocks").clocks;
    logs_of(|name| {
        if let Some(log) = Log::ALL.into_iter().find(|log| log.file_name() == name) {
            let lines: String = run.served.iter().map(|served| log.of_request(served, &profile)).collect();
            return log.preamble() + &lines;
        }
        let mut traces = Traces::default();
        for served in &run.served {
            traces.add(served, &profile);
        }
        traces.to_json()
    })
}

/// The traces with what these logs say of them.
fn attributed(traces: &[Trace], logs: &Logs) -> Vec<Trace> {
    let mut traces = traces.to_vec();
    let mut wanted = Wanted::of(&traces);
    let mut records: Vec<Record> = Vec::new();
    for (number, (format, text)) in logs.iter().enumerate() {
        let mut reader = LogReader::new(format.clone());
        let mut found = Vec::new();
        reader.read(number, text.as_bytes(), &wanted, &mut |record| found.push(record)).expect("bytes");
        reader.finish(&wanted, &mut |record| found.push(record));
        for record in &found {
            wanted.learn(record);
        }
        records.extend(found);
    }
    attribute(&mut traces, &records, |at| format!("{}:{}", at.file, at.line));
    for trace in &traces {
        let wait = trace.span(Phase::Wait).expect("a wait").duration;
        assert!(trace.layers.is_empty() || trace.layers.sum() == wait, "{:?}", trace.layers);
        // A client's port may be used again within a run, which leaves a connection, and nothing of the wait, in doubt.
        let of_connections = [LayerEvidence::AlbConnectionLog, LayerEvidence::NlbLog];
        let of_waits = trace.rejected.iter().filter(|rejected| !of_connections.contains(&rejected.evidence));
        assert_eq!(of_waits.count(), 0, "{:?}", trace.rejected);
    }
    traces
}

/// Own times by layer, by the root of the request's trace.
fn truth(directory: &Path) -> BTreeMap<String, BTreeMap<String, Nanos>> {
    let text = file(directory, Log::Truth.file_name());
    let line = |line: &str| {
        let line: Value = serde_json::from_str(line).expect("JSON");
        let own = |part: &Value| {
            let nanos = part["own_ns"].as_u64().expect("nanoseconds");
            (part["layer"].as_str().expect("a name").to_owned(), Nanos::new(nanos))
        };
        let layers = line["layers"].as_array().expect("layers").iter().map(own).collect();
        (line["trace"].as_str().expect("a root").to_owned(), layers)
    };
    text.lines().map(line).collect()
}

fn median(mut lengths: Vec<Nanos>) -> Nanos {
    lengths.sort_unstable();
    lengths[lengths.len() / 2]
}

const fn apart(one: Nanos, other: Nanos) -> Nanos {
    if one.get() > other.get() { one.saturating_sub(other) } else { other.saturating_sub(one) }
}

/// What layers take, as their shares say.
fn shares<'t>(trace: &'t Trace, layers: &[&str]) -> impl Iterator<Item = Nanos> + use<'t> {
    let layers: Vec<Layer> = layers.iter().map(|layer| layer.parse().expect("a name")).collect();
    trace.layers.iter().filter(move |share| layers.contains(&share.layer)).map(|share| share.duration)
}

/// Holds attributed traces against the truth, path by path and layer by layer.
fn check(run: &Run, traces: &[Trace], paths: &[Told]) {
    let truth = truth(run.logs.path());
    for Told { endpoint, layers, untold } in paths {
        let of_path = traces.iter().filter(|trace| trace.subject.name.as_deref() == Some(endpoint));
        let of_path: Vec<(&Trace, &BTreeMap<String, Nanos>)> =
            of_path.map(|trace| (trace, &truth[&trace.subject.trace_id.x_ray_root().to_string()])).collect();
        assert_eq!(of_path.len(), REQUESTS, "{endpoint}");
        for (trace, true_times) in &of_path {
            let all: Vec<&str> = true_times.keys().map(String::as_str).collect();
            assert!(layers.iter().chain(*untold).all(|layer| all.contains(layer)), "{endpoint}: {all:?}");
            assert_eq!(layers.len() + untold.len(), all.len(), "{endpoint}: {all:?}");
            let wait = trace.span(Phase::Wait).expect("a wait").duration;
            let sum: Nanos = true_times.values().copied().sum();
            assert!(sum <= wait, "{endpoint}: the layers took {sum} in a wait of {wait}");
        }
        for layer in *layers {
            let errors = of_path.iter().map(|(trace, true_times)| {
                let share = shares(trace, &[layer]).next();
                let share = share.unwrap_or_else(|| panic!("{endpoint}: no {layer} in {:?}", trace.layers));
                apart(share, true_times[*layer])
            });
            let error = median(errors.collect());
            let really = median(of_path.iter().map(|(_, true_times)| true_times[*layer]).collect());
            let tolerance = WITHIN.max(Nanos::new(really.get() * OR_PERCENT / 100));
            assert!(error <= tolerance, "{endpoint}: {layer} is {error} off at the median, of {really}");
        }
        // What nobody tells is not given to anybody: it is in what is said to be unknown.
        let errors = of_path.iter().map(|(trace, true_times)| {
            let wait = trace.span(Phase::Wait).expect("a wait").duration;
            let known: Nanos = shares(trace, layers).sum();
            let told: Nanos = layers.iter().map(|layer| true_times[*layer]).sum();
            apart(wait.saturating_sub(known), wait.saturating_sub(told))
        });
        let (error, most) = (median(errors.collect()), WITHIN + WITHIN);
        assert!(error <= most, "{endpoint}: what is left of the wait is {error} off");
    }
}

fn names(paths: &'static [Told]) -> impl Iterator<Item = &'static str> {
    paths.iter().map(|told| told.endpoint)
}

#[test]
fn every_layer_of_every_warm_path_is_what_it_took() {
    let run = run(GUARDED, names(WARM), REQUESTS);
    let logs = logs_of(|name| file(run.logs.path(), name));
    let traces = attributed(&run.traces, &logs);
    check(&run, &traces, WARM);

    // The same with clocks that are off, each in its own way: handshakes are not among what is written anew.
    let level = attributed(&run.traces, &rewritten(&run, ""));
    for skew in [
        "[skew_ms]\nelb = 5000\napig = -5000\nlambda = 5000\ncloudfront = -5000",
        "[skew_ms]\nelb = -5000\napig = 5000\nlambda = -5000\ncloudfront = 5000",
    ] {
        assert_eq!(attributed(&run.traces, &rewritten(&run, skew)), level, "{skew}");
    }

    missing_logs_leave_more_unattributed(&run, &traces, &logs);
}

/// The layers that somebody speaks of: all but the way there and the rest.
fn known(trace: &Trace) -> impl Iterator<Item = (&Layer, Nanos)> {
    let shares = trace.layers.iter().filter(|share| !matches!(share.layer, Layer::Network | Layer::Unattributed));
    shares.map(|share| (&share.layer, share.duration))
}

/// With fewer logs less is known: layers go, none comes, and what remains keeps its time, or takes in that of a layer behind
/// it which nobody tells from it any more.
fn missing_logs_leave_more_unattributed(run: &Run, all: &[Trace], logs: &Logs) {
    let without = |gone: fn(&Format) -> bool| {
        let left: Logs = logs.iter().filter(|(format, _)| !gone(format)).cloned().collect();
        attributed(&run.traces, &left)
    };
    let no_log: fn(&Format) -> bool = |_| true;
    let no_balancer: fn(&Format) -> bool = |format| matches!(format, Format::AlbAccess);
    let no_classic: fn(&Format) -> bool = |format| matches!(format, Format::ClassicElb);
    let no_function: fn(&Format) -> bool = |format| matches!(format, Format::Lambda | Format::XRay);
    let no_gateway: fn(&Format) -> bool = |format| matches!(format, Format::ApiGateway(_) | Format::XRay);
    for (missing, endpoint, gone) in [
        (no_log, "apig-lambda", &["apig", "apig.waf", "apig.authorizer", "lambda.invoke", "lambda.handler"][..]),
        (no_log, "elb", &["elb", "ec2"]),
        (no_balancer, "elb", &["elb", "ec2"]),
        (no_classic, "clb", &["elb", "ec2"]),
        (no_balancer, "fargate", &["elb", "fargate"]),
        (no_function, "apig-lambda", &["lambda.handler"]),
        (no_gateway, "apig-lambda", &["apig", "apig.waf", "apig.authorizer"]),
        (no_gateway, "apig-proxy", &["apig", "apig.waf", "apig.authorizer", "service"]),
    ] {
        let fewer = without(missing);
        let of_path = all.iter().zip(&fewer).filter(|(with, _)| with.subject.name.as_deref() == Some(endpoint));
        for (with, fewer) in of_path {
            let [sum, sum_of_fewer] = [with, fewer].map(|trace| known(trace).map(|(_, own)| own).sum::<Nanos>());
            // Where API Gateway is left, it still says what it waited for.
            assert!(
                sum_of_fewer < sum || std::ptr::fn_addr_eq(missing, no_function),
                "{endpoint}: {:?} of {:?}",
                fewer.layers,
                with.layers
            );
            let left: Vec<&str> = known(fewer).map(|(layer, _)| layer.as_str()).collect();
            assert!(gone.iter().all(|layer| !left.contains(layer)), "{endpoint}: {left:?}");
            for (layer, own) in known(fewer) {
                let before = with.layers.share(layer).map(|share| share.duration);
                // Lambda as a whole stands for its parts where they are not told apart.
                assert!(
                    before.is_some_and(|before| before <= own + WITHIN) || layer.as_str() == "lambda",
                    "{endpoint}: {layer}"
                );
            }
        }
    }
}

/// From which ports the network load balancer was connected to, a line each.
fn ports_of_nlb(run: &Run) -> Vec<String> {
    let text = file(run.logs.path(), Log::NlbTls.file_name());
    let ports: Vec<String> = text.lines().filter_map(|line| Some(line.split(' ').nth(5)?.to_owned())).collect();
    assert_eq!(ports.len(), 1 + REQUESTS, "{text}");
    ports
}

/// How long the server says that the handshake took, where it is certain whose it was.
fn handshakes(traces: &[Trace]) -> Vec<(Nanos, &Trace)> {
    let witness = |trace: &Trace| match trace.phase_witnesses.as_slice() {
        [] => None,
        [one] => {
            assert_eq!((one.phase, one.witness.evidence), (Phase::Tls, LayerEvidence::NlbLog));
            assert_eq!(one.witness.field.as_deref(), Some("tls_handshake_time"));
            Some(one.witness.duration)
        }
        several => panic!("{several:?}"),
    };
    traces.iter().filter_map(|trace| Some((witness(trace)?, trace))).collect()
}

#[test]
fn the_clock_of_a_load_balancer_changes_nothing() {
    const PATHS: &[Told] =
        &[told("clb", &["elb", "ec2"]), Told { endpoint: "nlb", layers: &[], untold: &["elb", "ec2"] }];
    for skew in ["5000", "-5000"] {
        let run = run(&format!("skew_ms.elb = {skew}"), names(PATHS), REQUESTS);
        let logs = logs_of(|name| file(run.logs.path(), name));
        let traces = attributed(&run.traces, &logs);
        check(&run, &traces, PATHS);
        let (nlb, others): (Vec<Trace>, Vec<Trace>) =
            traces.into_iter().partition(|trace| trace.subject.name.as_deref() == Some("nlb"));
        assert_eq!(handshakes(&others), [], "{skew}");
        let name = "lab-nlb-c6e77e28c25b2234.elb.us-east-1.amazonaws.com".to_owned();
        for (traces, sign) in [(&others, Sign::Cookie("AWSELB".to_owned())), (&nlb, Sign::Cname(name))] {
            for trace in traces {
                let elb = trace.passed.iter().find(|passed| passed.layer == Layer::Elb).expect("a balancer");
                assert_eq!(elb.certainty, Certainty::Certain, "{elb:?}");
                assert!(elb.by.contains(&sign), "{elb:?}");
            }
        }
        let handshakes = handshakes(&nlb);
        // The system may have given a port twice, which leaves both of its connections in doubt: the log tells which those are.
        let ports = ports_of_nlb(&run);
        let is_told =
            |trace: &Trace| handshakes.iter().any(|(_, told)| told.subject.trace_id == trace.subject.trace_id);
        for trace in &nlb {
            let local = trace.connect.as_ref().and_then(|connect| connect.local.as_ref()).expect("an address");
            let times = ports.iter().filter(|port| *port == local).count();
            assert!(times > 1 || (times == 1 && is_told(trace)), "{skew}: {local}: {:?}", trace.rejected);
        }
        assert!(!handshakes.is_empty(), "{skew}: {ports:?}");
        for (server, trace) in handshakes {
            let whole = trace.span(Phase::Wait).expect("a wait").end();
            // It began after the client's SYN, and was over before the request came; the log has milliseconds.
            assert!(server <= whole + WITHIN, "{skew}: {server} of {whole}");
            assert!(trace.layers.iter().all(|share| share.layer != Layer::Elb), "{:?}", trace.layers);
        }
    }
}

#[test]
fn every_layer_of_a_cold_start_is_what_it_took() {
    let run = run(&format!("{GUARDED}{ALWAYS_COLD}"), names(COLD), REQUESTS);
    let logs = logs_of(|name| file(run.logs.path(), name));
    check(&run, &attributed(&run.traces, &logs), COLD);
}

#[test]
fn every_layer_of_a_restore_is_what_it_took() {
    let run = run(&format!("{GUARDED}{ALWAYS_COLD}{RESTORED}"), names(RESTORE), REQUESTS);
    let logs = logs_of(|name| file(run.logs.path(), name));
    check(&run, &attributed(&run.traces, &logs), RESTORE);
}
