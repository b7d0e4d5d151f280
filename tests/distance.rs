//! The lab at a distance, traced from the client's side of the link: names, round trips of every phase, losses.
//!
//! Needs the right to make network namespaces; see `tests/link.rs`.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use url::Url;
use wirefall::event::Phase;
use wirefall::lab::link::{Cause, Conditions, Exception, Landmark, Outcome, Treatment};
use wirefall::lab::{DistantLab, Lab, LabOptions, Profile, TimeScale};
use wirefall::probe::{Interrupt, Probe};
use wirefall::target::{
    ContentCoding, DnsServers, Family, HttpVersion, Limits, Method, Plan, Redirects, Repeat, Request, Resolution,
    Route, Secrets, Target, TlsOptions, Trust,
};
use wirefall::time::Nanos;
use wirefall::trace::Trace;

/// What a loaded machine may add to a phase, as an assertion that is to hold anywhere.
const SLACK: Nanos = Nanos::from_millis(50);

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
    Lab::start_at_distance(&profile(), options()).unwrap()
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
        targets: vec![Target { name: None, tags: BTreeMap::new(), request }],
        resolution: Resolution { servers: DnsServers::Plain(vec![lab.dns_server()]), family, ..Resolution::default() },
        route: Route::default(),
        tls: TlsOptions { trust: Trust::File(authority.path().to_owned()), ..TlsOptions::default() },
        http: HttpVersion::Negotiate,
        redirects: Redirects::Stay,
        repeat: Repeat::Cold,
        limits: Limits::default(),
        vantage: None,
        secrets: Secrets::Redact,
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
            let trace = trace(&lab, &format!("https://elb.{}.lab.test/", region.name), family);
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
        assert_eq!(query.question.server.to_string(), "198.18.0.53:53");
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
    // Near, so that 66 requests do not take half a minute.
    let near: String =
        lab().regions().iter().zip(2..).map(|(region, ms)| format!("{} = {ms}\n", region.name)).collect();
    let profile = Profile::parse(&format!("[distance.round_trip_ms]\n{near}"), "near.toml").unwrap();
    let lab = Lab::start_at_distance(&profile, options()).unwrap();
    assert_eq!(lab.lab().endpoints().len(), 11 * lab.regions().len());
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
        let lab = Lab::start_beyond(&profile(), options(), |_, route| {
            lossy(if from_server { &mut route.back } else { &mut route.there });
        });
        let lab = lab.unwrap();
        let trace = trace(&lab, "https://ec2.lab.test/", Family::V4);
        let what = format!("{landmark:?} {nth}: {trace:?}");
        assert_eq!(trace.response.as_ref().map(|response| response.status), Some(200), "{what}");
        let lost: Vec<_> = lab
            .network()
            .passages()
            .into_iter()
            .filter_map(|passage| match passage.outcome {
                Outcome::Lost(cause) => Some((passage.route, cause)),
                Outcome::Passed { .. } => None,
            })
            .collect();
        assert_eq!(lost, [(1, Cause::Exception)], "{what}");
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
