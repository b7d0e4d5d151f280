//! The lab at a distance, traced from the client's side of the link: names, round trips of every phase, losses.
//!
//! Needs the right to make network namespaces; see `tests/link.rs`.

#![expect(clippy::unwrap_used, reason = "helpers of tests may unwrap as tests do")]

use std::collections::BTreeMap;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};

use url::Url;
use wirefall::event::Phase;
use wirefall::lab::link::{Cause, Conditions, End, Exception, Landmark, Outcome, Passage, Treatment};
use wirefall::lab::{DistantLab, Lab, LabOptions, Profile, TimeScale};
use wirefall::probe::{Interrupt, Probe};
use wirefall::target::{
    ContentCoding, DnsServers, Family, HttpVersion, Limits, Method, Plan, Redirects, Repeat, Request, Resolution,
    Route, Secrets, Target, TlsOptions, TraceHeaders, Trust,
};
use wirefall::time::Nanos;
use wirefall::trace::Trace;

/// From a packet's passage over the link to its stamp at the client, and back: the pump goes before everybody else, and the
/// kernel stamps by itself.
const STAMPED_WITHIN: Nanos = Nanos::from_millis(10);
/// What a loaded machine may add to a phase in which client and server have to do something, too: less than a lost SYN costs.
const SLACK: Nanos = Nanos::from_millis(500);

/// One at a time: two labs in debug builds on few processors are a loaded machine by themselves.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn profile() -> Profile {
    Profile::parse("[distance.round_trip_ms]\nus-east-1 = 20\neu-west-1 = 80\n", "test.toml").unwrap()
}

fn options() -> LabOptions {
    LabOptions { time_scale: TimeScale::new(0.1).unwrap(), ..LabOptions::default() }
}

fn lab() -> DistantLab {
    Lab::start_at_distance(&profile(), &options()).unwrap()
}

/// Traces a URL from inside the client's namespace.
fn trace(lab: &DistantLab, url: &str, family: Family) -> Trace {
    let authority = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(authority.path(), lab.lab().ca_pem()).unwrap();
    let request = Request {
        url: Url::parse(url).unwrap(),
        method: Method::Derived("GET"),
        headers: Vec::new(),
        body: None,
        credentials: None,
        coding: ContentCoding::AsIs,
    };
    let plan = Plan {
        targets: vec![Target {
            name: None,
            tags: BTreeMap::new(),
            path: None,
            request,
            resolve: Vec::new(),
            expect_status: None,
        }],
        resolution: Resolution { servers: DnsServers::Plain(vec![lab.dns_server()]), family, ..Resolution::default() },
        route: Route::default(),
        tls: TlsOptions { trust: Trust::File(authority.path().to_owned()), ..TlsOptions::default() },
        http: HttpVersion::Negotiate,
        redirects: Redirects::Stay,
        repeat: Repeat::Cold,
        limits: Limits::default(),
        vantage: None,
        secrets: Secrets::Redact,
        trace_headers: TraceHeaders::Send,
    };
    let traced = lab.network().client().run(|| {
        let probe = Probe::new(&plan, Interrupt::new()).unwrap();
        probe.trace(&plan.targets[0], None).traces
    });
    traced.unwrap().remove(0)
}

fn length(trace: &Trace, phase: Phase) -> Nanos {
    trace.span(phase).unwrap_or_else(|| panic!("no {phase:?} in {trace:?}")).duration
}

#[track_caller]
fn assert_about(trace: &Trace, phase: Phase, least: Nanos) {
    let took = length(trace, phase);
    assert!(took >= least && took <= least + SLACK, "{phase:?} took {took}, expected {least}: {}", trace.subject.url);
}

/// Holds each boundary of a trace against the link's log: where a machine is busy, client and server are late, but a phase ends
/// all the same when its packet passes. `earlier` passages are those of traces before.
#[track_caller]
fn assert_ends_with_a_packet(lab: &DistantLab, earlier: usize, trace: &Trace) {
    let mut passages = lab.network().passages().split_off(earlier);
    // Its query is the first packet; what was there before says goodbye to an earlier connection.
    let start = passages.iter().filter(|passage| passage.route == 0).map(|passage| passage.arrived).min().unwrap();
    passages.retain(|passage| passage.arrived >= start);
    for (phase, from) in [
        (Phase::Dns, End::Far),
        (Phase::Connect, End::Far),
        (Phase::Tls, End::Near),
        (Phase::Send, End::Near),
        (Phase::Wait, End::Far),
        (Phase::Receive, End::Far),
    ] {
        let end = trace.span(phase).unwrap_or_else(|| panic!("no {phase:?} in {trace:?}")).end();
        // Where the client stands: it sees what comes as it leaves the link, and what goes as it gets there.
        let seen = |passage: &Passage| match (from, passage.outcome) {
            (End::Near, _) => passage.arrived,
            (End::Far, Outcome::Passed { left, .. }) => left,
            (End::Far, Outcome::Lost(_)) => panic!("{passage:?}"),
        };
        let apart = |at: Nanos| end.saturating_sub(at) + at.saturating_sub(end);
        let nearest = passages.iter().filter(|passage| passage.from == from);
        let nearest = nearest.map(|passage| apart(seen(passage).since(start))).min().unwrap();
        assert!(nearest <= STAMPED_WITHIN, "{phase:?} ends {nearest} from any packet: {trace:?}\n{passages:?}");
    }
}

fn remote(trace: &Trace) -> &str {
    trace.connect.as_ref().unwrap().remote.as_deref().unwrap()
}

#[test]
#[ignore = "needs network namespaces"]
fn every_phase_takes_its_round_trips_in_either_family() {
    let _alone = alone();
    let lab = lab();
    // 1.5 ms to the name server, and 0.8 ms that it takes itself.
    let dns = Nanos::from_micros(2_300);
    for region in lab.regions() {
        for family in [Family::V4, Family::V6] {
            let earlier = lab.network().passages().len();
            let trace = trace(&lab, &format!("https://elb.{}.lab.test/", region.name), family);
            assert_ends_with_a_packet(&lab, earlier, &trace);
            assert_about(&trace, Phase::Dns, dns);
            assert_about(&trace, Phase::Connect, region.round_trip);
            assert_about(&trace, Phase::Tls, region.round_trip);
            // The load balancer's millisecond and the application's.
            assert_about(&trace, Phase::Wait, region.round_trip + Nanos::from_millis(2));
            let [v4, v6] = [format!("{}:443", region.v4), format!("[{}]:443", region.v6.unwrap())];
            assert_eq!(remote(&trace), if family == Family::V4 { v4 } else { v6 });
            let rtt = trace.connect.as_ref().unwrap().rtt.unwrap();
            assert!(rtt >= region.round_trip && rtt <= region.round_trip + SLACK, "{rtt}");
            let split = trace.wait.unwrap();
            assert!(split.network >= region.round_trip, "{split:?}");
        }
    }
    let served: Vec<_> = lab.lab().served().into_iter().map(|served| served.region.unwrap()).collect();
    assert_eq!(
        served,
        [
            "us-east-1",
            "us-east-1",
            "us-west-2",
            "us-west-2",
            "eu-west-1",
            "eu-west-1",
            "sa-east-1",
            "sa-east-1",
            "ap-northeast-1",
            "ap-northeast-1",
            "ap-southeast-2",
            "ap-southeast-2"
        ]
    );
}

#[test]
#[ignore = "needs network namespaces"]
fn names_lead_to_their_region_and_without_one_to_the_nearest() {
    let _alone = alone();
    let lab = lab();
    for (host, alias, address) in [
        ("ec2.eu-west-1", "ec2-198-18-3-1.eu-west-1.compute.amazonaws.com", "198.18.3.1"),
        ("elb.eu-west-1", "lab-elb-1469352201.eu-west-1.elb.amazonaws.com", "198.18.3.1"),
        ("ec2", "ec2-198-18-1-1.compute-1.amazonaws.com", "198.18.1.1"),
        ("cloudfront", "d111111abcdef8.cloudfront.net", "198.18.1.1"),
    ] {
        let trace = trace(&lab, &format!("https://{host}.lab.test/"), Family::V4);
        let query = &trace.dns.as_ref().unwrap().queries[0];
        assert_eq!(query.question.server, "198.18.0.53:53");
        let answer = query.answer.as_ref().unwrap();
        let addresses: Vec<_> = answer.addresses.iter().map(ToString::to_string).collect();
        assert_eq!((answer.cname.last().unwrap().as_str(), addresses), (alias, vec![address.to_owned()]));
        assert_eq!(trace.response.unwrap().status, 200);
    }
}

#[test]
#[ignore = "needs network namespaces"]
fn every_path_is_reached_in_every_region() {
    let _alone = alone();
    // Near, so that 78 requests do not take half a minute.
    let near: Vec<_> = lab().regions().iter().zip(2..).map(|(region, ms)| format!("{} = {ms}", region.name)).collect();
    let profile = format!("[distance.round_trip_ms]\n{}", near.join("\n"));
    let profile = Profile::parse(&profile, "near.toml").unwrap();
    let lab = Lab::start_at_distance(&profile, &options()).unwrap();
    assert_eq!(lab.lab().endpoints().len(), 13 * lab.regions().len());
    for endpoint in lab.lab().endpoints() {
        let region = lab.regions().iter().find(|region| Some(region.name.as_str()) == endpoint.region.as_deref());
        let trace = trace(&lab, &endpoint.url, Family::Any);
        assert!(endpoint.url.ends_with(&format!(".{}.lab.test/", region.unwrap().name)), "{}", endpoint.url);
        let expect = if endpoint.name == "redirect" { 302 } else { 200 };
        assert_eq!(
            trace.response.as_ref().map(|response| response.status),
            Some(expect),
            "{}: {trace:?}",
            endpoint.url
        );
        assert!(length(&trace, Phase::Wait) >= region.unwrap().round_trip);
    }
}

#[test]
#[ignore = "needs network namespaces"]
fn a_lost_packet_costs_time_in_its_own_phase() {
    let _alone = alone();
    let ms = Nanos::from_millis;
    // Of the client's packets with a payload, the first is the ClientHello, the second the end of the handshake.
    for (from_server, landmark, nth, phase, at_least) in [
        (false, Landmark::Syn, 1, Phase::Connect, ms(1_020)),
        (true, Landmark::SynAck, 1, Phase::Connect, ms(1_020)),
        (false, Landmark::ClientHello, 1, Phase::Tls, ms(40)),
        (true, Landmark::ServerHello, 1, Phase::Tls, ms(40)),
        (false, Landmark::Payload, 3, Phase::Wait, ms(40)),
    ] {
        let lossy = |conditions: &mut Conditions| {
            conditions.exceptions.push(Exception { landmark, nth, treatment: Treatment::Lose });
        };
        let lab = Lab::start_beyond(&profile(), &options(), |_, route| {
            lossy(if from_server { &mut route.back } else { &mut route.there });
        });
        let lab = lab.unwrap();
        let trace = trace(&lab, "https://ec2.lab.test/", Family::V4);
        let what = format!("{landmark:?} {nth}: {trace:?}");
        assert_eq!(trace.response.as_ref().map(|response| response.status), Some(200), "{what}");
        let passages = lab.network().passages();
        let start = passages.iter().map(|passage| passage.arrived).min().unwrap();
        let lost: Vec<_> = passages
            .into_iter()
            .filter_map(|passage| match passage.outcome {
                Outcome::Lost(cause) => Some((passage.route, cause, passage.arrived.since(start))),
                Outcome::Passed { .. } => None,
            })
            .collect();
        let [(1, Cause::Exception, lost_at)] = lost[..] else { panic!("{lost:?}: {what}") };
        let span = trace.span(phase).unwrap();
        let early = span.start.saturating_sub(lost_at);
        assert!(early <= STAMPED_WITHIN && lost_at <= span.end(), "lost at {lost_at}: {what}");
        for other in [Phase::Connect, Phase::Tls, Phase::Wait] {
            let took = length(&trace, other);
            if other == phase {
                assert!(took >= at_least, "{other:?} took {took}: {what}");
            } else {
                assert!(took <= ms(20) + SLACK, "{other:?} took {took}: {what}");
            }
        }
        if !from_server {
            assert!(trace.transport.unwrap().retransmits >= 1, "{what}");
        }
    }
}

/// The program where anybody may run it.
fn public_program() -> (tempfile::TempDir, std::path::PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    std::fs::set_permissions(directory.path(), Permissions::from_mode(0o755)).unwrap();
    let program = directory.path().join("wirefall");
    std::fs::copy(env!("CARGO_BIN_EXE_wirefall"), &program).unwrap();
    (directory, program)
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
#[ignore = "needs network namespaces"]
fn a_command_runs_in_the_labs_network_and_its_exit_code_counts() {
    let _alone = alone();
    let program = env!("CARGO_BIN_EXE_wirefall");
    let run = |flags: &[&str], command: &[&str]| {
        Command::new(program).args(["lab", "--distance"]).args(flags).arg("--").args(command).output().unwrap()
    };
    // Names, trust and the way there are in place: the plain command is enough.
    let output = run(&["--region", "next-door=3"], &[program, "--format", "json", "https://elb.next-door.lab.test/"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let trace: Trace = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(trace.response.as_ref().unwrap().status, 200);
    assert_about(&trace, Phase::Connect, Nanos::from_millis(3));
    // Somewhere else is not reached at all, and at once.
    let output = run(&[], &[program, "http://192.0.2.1/"]);
    assert_eq!(output.status.code(), Some(7), "{}", text(&output.stderr));
    assert_eq!(run(&[], &["sh", "-c", "exit 9"]).status.code(), Some(9));
    assert_eq!(run(&[], &["sh", "-c", "kill -TERM $$"]).status.code(), Some(128 + 15));
    let output = run(&[], &["/nonexistent/command"]);
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(1), ""));
    assert!(text(&output.stderr).contains("cannot run /nonexistent/command: No such file"), "{output:?}");
}

#[test]
#[ignore = "needs network namespaces, and to be root"]
fn anybody_has_the_lab_or_is_told_what_is_missing() {
    let _alone = alone();
    let (_directory, program) = public_program();
    let mut command = Command::new(&program);
    command.args(["lab", "--distance", "--"]).arg(&program).args(["--format", "json", "https://ec2.lab.test/"]);
    let output = command.current_dir("/").uid(65_534).gid(65_534).output().unwrap();
    let stderr = text(&output.stderr);
    if output.status.success() {
        let trace: Trace = serde_json::from_slice(&output.stdout).unwrap();
        assert_about(&trace, Phase::Connect, Nanos::from_millis(16));
    } else {
        // This system keeps user namespaces to root.
        assert!(
            stderr.contains("cannot make the lab a network of its own: ") && stderr.contains("run as root"),
            "{stderr}"
        );
    }
}

#[test]
#[ignore = "needs user namespaces, in which it forbids further ones"]
fn where_namespaces_are_forbidden_the_lab_says_why_and_the_demo_goes_on() {
    let _alone = alone();
    let (directory, program) = public_program();
    let forbidden = |words: &str| {
        let script = format!(
            "echo 0 >/proc/sys/user/max_user_namespaces && exec setpriv --bounding-set=-all --inh-caps=-all {} {words}",
            program.display()
        );
        Command::new("unshare").args(["-Ur", "sh", "-c", &script]).current_dir(directory.path()).output().unwrap()
    };
    let output = forbidden("lab --distance -- true");
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("sysctl -w user.max_user_namespaces"), "{stderr}");

    let output = forbidden("demo --out shown");
    let stderr = text(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    assert!(stderr.starts_with("The demo runs on loopback, without distance: "), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    let shown = directory.path().join("shown");
    assert!(shown.join("waterfall.png").is_file() && !shown.join("regions.png").exists());
}

#[test]
#[ignore = "needs network namespaces"]
fn the_demo_shows_every_path_and_every_region() {
    let _alone = alone();
    let directory = tempfile::tempdir().unwrap();
    let mut demo = Command::new(env!("CARGO_BIN_EXE_wirefall"));
    let output = demo.args(["demo", "--out", "shown"]).current_dir(directory.path()).output().unwrap();
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), ""));
    let shown = directory.path().join("shown");
    assert!(shown.join("regions.png").is_file());
    let traces = std::fs::read_to_string(shown.join("traces.jsonl")).unwrap();
    let traces: Vec<Trace> = traces.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let in_region = |region: &str| traces.iter().filter(|trace| trace.subject.tags["region"] == region).count();
    assert_eq!((traces.len(), in_region("us-east-1"), in_region("ap-southeast-2")), (20, 15, 1));
    let farthest = traces.iter().find(|trace| trace.label() == "ec2 ap-southeast-2").unwrap();
    assert_about(farthest, Phase::Connect, Nanos::from_millis(200));
}

#[test]
#[ignore = "needs network namespaces"]
fn names_without_a_region_lead_to_the_one_nearest_to_the_client() {
    let _alone = alone();
    let text = "[distance.from.here.round_trip_ms]\nus-east-1 = 4\neu-west-1 = 40\n\
                [distance.from.there.round_trip_ms]\nus-east-1 = 40\neu-west-1 = 4\n";
    for (place, nearest) in [("here", "us-east-1"), ("there", "eu-west-1")] {
        let mut profile = Profile::parse(text, "test.toml").unwrap();
        profile.distance.put_client(place).unwrap();
        let lab = Lab::start_at_distance(&profile, &options()).unwrap();
        let routed = trace(&lab, "https://ec2.lab.test/", Family::V4);
        let region = lab.regions().iter().find(|region| remote(&routed) == format!("{}:443", region.v4)).unwrap();
        assert_eq!((region.name.as_str(), region.round_trip), (nearest, Nanos::from_millis(4)), "from {place}");
        let chosen = trace(&lab, "https://ec2.us-east-1.lab.test/", Family::V4);
        assert_eq!(remote(&chosen) == remote(&routed), nearest == "us-east-1", "from {place}");
        assert_eq!(lab.lab().served()[0].region.as_deref(), Some(nearest));
    }
}
