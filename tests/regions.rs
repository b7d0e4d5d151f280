//! `wirefall regions` against names and addresses of this machine alone, and against the lab at a distance.

mod support;

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use hickory_proto::op::ResponseCode;
use support::dns::{DnsServer, Says};
use support::http::{Log, Server, answering, response};
use support::program::{Program, Said, eventually};

/// A name server of which only these regions have an address.
fn names(known: &'static [&'static str]) -> DnsServer {
    DnsServer::start(move |asked| {
        let has = known.iter().any(|region| asked.name.contains(&format!(".{region}.")));
        vec![if has {
            Says::Addresses(vec![IpAddr::from(Ipv4Addr::LOCALHOST)]).now()
        } else {
            Says::Code(ResponseCode::NXDomain).now()
        }]
    })
}

fn server() -> Server {
    answering(&Log::default(), |_| response("200 OK", "", "healthy"))
}

/// Asks only the name server of the test: nothing leaves this machine.
fn regions(program: &Program, names: &DnsServer, words: &[&str]) -> Said {
    let dns = names.address.to_string();
    program.run(&[&["regions", "--dns-servers", &dns], words].concat())
}

#[test]
fn regions_that_answer_come_first_and_the_others_with_their_failure() {
    let (program, server, names) = (Program::new(), server(), names(&["us-east-1", "eu-west-1"]));
    let template = format!("http://{{service}}.{{region}}.lab.test:{}/", server.port());
    let words =
        ["--endpoint-template", &template, "--service", "s3", "-n", "3", "--save", "run.jsonl", "--chart", "near.svg"];
    let said = regions(&program, &names, &words).exits(0);
    let lines: Vec<&str> = said.stdout.lines().collect();
    let mut first: Vec<&str> = lines[1..3].iter().map(|line| line.split_whitespace().nth(1).unwrap()).collect();
    first.sort_unstable();
    assert_eq!(first, ["eu-west-1", "us-east-1"], "{}", said.stdout);
    assert!(lines.iter().all(|line| line.chars().count() <= 80), "{}", said.stdout);
    let folded: Vec<&str> = lines[3..].iter().map(|line| line.trim()).collect();
    let folded = folded.join(" ");
    let failed = folded.strip_prefix("34 regions: dns.nxdomain: af-south-1, ");
    let failed: Vec<&str> = failed.unwrap_or_else(|| panic!("{}", said.stdout)).split(", ").collect();
    assert!(failed.len() == 33 && failed.iter().all(|name| name.contains('-')), "{failed:?}");
    assert!(said.stdout.contains("US East (N. Virginia)") && lines[1].trim_end().ends_with(" 3"), "{}", said.stdout);
    // What was left out of the chart is said, in it and beside it.
    let left_out = "the chart leaves out 34 of 36 regions: no request to them was complete\n";
    assert!(said.stderr.contains(left_out), "{}", said.stderr);
    let chart = program.read("near.svg");
    assert!(chart.contains("2 of 36 regions; no request to the others was complete"), "{chart}");
    assert!(chart.contains("us-east-1") && chart.contains("eu-west-1") && !chart.contains("af-south-1"), "{chart}");
    let traces = program.traces("run.jsonl");
    // Three each of the two, and one of each of the others, which is not asked again.
    assert_eq!(traces.len(), 2 * 3 + 34);
    assert!(traces.iter().all(|trace| trace.subject.tags["region"] == trace.label()));
    assert!(traces.iter().any(|trace| trace.subject.url == format!("http://s3.us-east-1.lab.test:{}/", server.port())));
}

#[test]
fn every_form_has_every_region() {
    let (program, server, names) = (Program::new(), server(), names(&["us-gov-west-1"]));
    let template = format!("http://{{service}}.{{region}}.x:{}/", server.port());
    let words = ["--partition", "aws-us-gov", "--endpoint-template", &template, "-n", "2", "--format"];
    let with = |more: &[&str]| regions(&program, &names, &[&words, more].concat()).exits(0).stdout;
    let markdown = with(&["markdown"]);
    assert!(markdown.starts_with("| region | name | syn rtt (ms) | min (ms) | max (ms) | of |\n"), "{markdown}");
    assert!(
        markdown.contains("\n\n- 1 region: dns.nxdomain (") && markdown.ends_with("): us-gov-east-1\n"),
        "{markdown}"
    );
    let phases = with(&["markdown", "--phases"]);
    assert!(phases.starts_with("| region | name | dns (ms) | connect (ms) | send (ms) | wait (ms) |"), "{phases}");
    let summary: serde_json::Value = serde_json::from_str(&with(&["json"])).unwrap();
    let targets: Vec<(&str, u64, u64)> = summary["targets"]
        .as_array()
        .unwrap()
        .iter()
        .map(|target| {
            (
                target["name"].as_str().unwrap(),
                target["requests"].as_u64().unwrap(),
                target["failures"].as_u64().unwrap(),
            )
        })
        .collect();
    assert_eq!(targets, [("us-gov-west-1", 2, 0), ("us-gov-east-1", 1, 1)]);
}

#[test]
fn a_region_without_endpoint_is_listed_and_not_asked() {
    let (program, names) = (Program::new(), names(&[]));
    let said = regions(&program, &names, &["--service", "lambda", "--format", "markdown"]).exits(6);
    let without = said.stdout.lines().last().unwrap_or_default();
    assert!(without.contains(" regions: no endpoint: "), "{}", said.stdout);
    for region in ["me-west-1", "sa-west-1"] {
        assert!(without.contains(region), "{}", said.stdout);
    }
    let asked: Vec<String> = names.asked().iter().map(|asked| asked.name.clone()).collect();
    assert!(asked.iter().any(|name| name == "lambda.eu-west-1.amazonaws.com"), "{asked:?}");
    assert!(!asked.iter().any(|name| name.contains("me-west-1") || name.contains("global")), "{asked:?}");
}

#[test]
fn a_server_that_fails_after_connecting_is_near_all_the_same() {
    let (program, names) = (Program::new(), names(&["us-east-1"]));
    let server = Server::start(|mut peer, _| {
        let _ = peer.request();
    });
    let template = format!("http://s.{{region}}.x:{}/", server.port());
    let said = regions(&program, &names, &["--endpoint-template", &template, "-n", "2"]).exits(0);
    let first = said.stdout.lines().nth(1).unwrap();
    assert!(first.contains("us-east-1") && first.contains("wait.closed"), "{}", said.stdout);
    // No request was complete, so that there is no total; how long it took to connect is known all the same.
    let words = ["--endpoint-template", &template, "-n", "2", "--phases", "--format", "markdown"];
    let said = regions(&program, &names, &words).exits(0);
    assert!(said.stdout.starts_with("| region | name | connect (ms) |\n"), "{}", said.stdout);
    let median = said.stdout.lines().nth(2).unwrap().split('|').nth(3).unwrap().trim().to_owned();
    assert!(median.contains('.'), "{}", said.stdout);
}

#[test]
fn a_row_of_phases_adds_up_to_its_total() {
    let (program, server, names) = (Program::new(), server(), names(&["us-east-1"]));
    let template = format!("http://s.{{region}}.x:{}/", server.port());
    // Of one request alone, medians are its own phases.
    let words = ["--endpoint-template", &template, "-n", "1", "--phases", "--format", "markdown"];
    let said = regions(&program, &names, &words).exits(0);
    let cells = said.stdout.lines().nth(2).unwrap().split('|').skip(3);
    let cells: Vec<&str> = cells.map(str::trim).filter(|cell| !cell.is_empty()).collect();
    let micros = |cell: &str| if cell == "<0.001" { 0 } else { cell.replace('.', "").parse::<i64>().unwrap() };
    let (total, phases) = cells.split_last().unwrap();
    let sum: i64 = phases.iter().map(|cell| micros(cell)).sum();
    // Each cell is rounded.
    assert!((sum - micros(total)).abs() <= i64::try_from(phases.len()).unwrap(), "{}", said.stdout);
}

#[test]
fn where_no_region_can_be_reached_the_failure_is_the_exit_code() {
    let (program, names) = (Program::new(), names(&[]));
    let template = ["--endpoint-template", "http://s.{region}.x:9/"];
    for format in ["pretty", "json"] {
        let said = regions(&program, &names, &[&template[..], &["--format", format]].concat()).exits(6);
        let expect = "wirefall: (6) no region could be reached, and 36 of 36 failed with dns.nxdomain\n";
        assert!(said.stderr.ends_with(expect) && !said.stdout.is_empty(), "{}", said.stderr);
    }
}

/// Of 36 regions one answers; the others wait for a name until Ctrl-C.
fn interrupted(format: &str) -> Said {
    let program = Program::new();
    let names = DnsServer::start(|asked| {
        if asked.name.contains("us-east-1") {
            return vec![Says::Addresses(vec![IpAddr::from(Ipv4Addr::LOCALHOST)]).now()];
        }
        vec![Says::Code(ResponseCode::NXDomain).after(Duration::from_secs(20))]
    });
    let server = server();
    let template = format!("http://s.{{region}}.x:{}/", server.port());
    let dns = names.address.to_string();
    let asked = ["regions", "--dns-servers", &dns, "--endpoint-template", &template];
    let words = ["-c", "36", "-n", "1", "--save", "run.jsonl", "--connect-timeout", "60", "--format", format];
    let running = program.start(&[&asked[..], &words].concat());
    eventually("every region is asked", || names.asked().len() >= 36);
    running.interrupt();
    running.end().exits(130)
}

#[test]
fn ctrl_c_shows_what_there_is() {
    let said = interrupted("pretty");
    // The one that answers may have come to its turn that counts, or not.
    let not_asked = ["35 regions: not asked: ", "36 regions: not asked: "];
    assert!(not_asked.iter().any(|line| said.stdout.contains(line)), "{}", said.stdout);
    assert!(said.stdout.contains("us-east-1"), "{}", said.stdout);

    let summary: serde_json::Value = serde_json::from_str(&interrupted("json").stdout).unwrap();
    assert_eq!(summary["interrupted"], true);
    let targets = summary["targets"].as_array().unwrap();
    let of_all = |field: &str| targets.iter().filter_map(|target| target[field].as_u64()).sum::<u64>();
    assert!(of_all("wanted") == 36 && of_all("requests") <= 1, "{summary}");
}

#[test]
fn what_means_nothing_is_refused_before_anything_is_asked() {
    let (program, names) = (Program::new(), names(&[]));
    for (words, expect) in [
        (&["--endpoint-template", "https://h/"][..], "--endpoint-template: expected a URL with {region} in it"),
        (
            &["--endpoint-template", "https://{regoin}/"],
            "expected one of {service}, {region}, {dns_suffix}, {dualstack_suffix} in braces, got {regoin}",
        ),
        (&["--partition", "aws-ch"], "--partition: expected one of aws, aws-cn"),
        (&["--service", "a/b"], "--service: expected a service such as dynamodb, got \"a/b\""),
        (&["-n", "0"], "-n: expected a number from 1 on, got \"0\""),
        (&["--reuse"], "--reuse cannot be used with regions"),
        (
            &["-x", "127.0.0.1:9"],
            "a proxy (-x, or a variable such as https_proxy) cannot be used with regions: all regions would be as far as the proxy",
        ),
        (&["--unix-socket", "/s"], "--unix-socket cannot be used with regions"),
    ] {
        let said = regions(&program, &names, words).exits(2);
        assert!(said.stderr.contains(expect) && said.stdout.is_empty(), "{words:?}: {}", said.stderr);
    }
    assert_eq!(names.asked().len(), 0);
}

#[test]
#[ignore = "needs network namespaces"]
fn in_the_lab_regions_stand_in_the_order_of_their_distance() {
    let program = Program::new();
    let wirefall = env!("CARGO_BIN_EXE_wirefall");
    let words = [
        "lab",
        "--distance",
        "--",
        wirefall,
        "regions",
        "--endpoint-template",
        "https://ec2.{region}.lab.test/",
        "-n",
        "3",
        "-c",
        "2",
        "--format",
        "json",
    ];
    let said = program.run(&words).exits(0);
    let summary = said.json();
    let targets = summary["targets"].as_array().unwrap();
    let reached: Vec<(&str, f64)> = targets
        .iter()
        .filter(|target| target["failures"] == 0)
        .map(|target| (target["name"].as_str().unwrap(), target["phases"]["connect"]["p50_ns"].as_f64().unwrap() / 1e6))
        .collect();
    let names: Vec<&str> = reached.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["us-east-1", "us-west-2", "eu-west-1", "sa-east-1", "ap-northeast-1", "ap-southeast-2"]);
    for ((name, connect), least) in reached.iter().zip([16.0, 70.0, 85.0, 120.0, 160.0, 200.0]) {
        assert!(*connect >= least, "{name}: {connect} ms");
    }
    assert_eq!(targets.len(), 36);
}
