//! What fits into what: slack, contradictions, streams and uploads.

use super::*;

#[test]
fn slack_goes_to_the_network_first_and_is_never_negative() {
    let network = |server: u64, expect: &str| check(&["ec2"], vec![whole("ec2", server, AlbLog)], expect);
    network(84_000, "network ~16000, ec2 84000");
    network(90_000, "network ~10000, ec2 90000");
    network(100_000, "network ~0, ec2 100000");
    // Within the last digit of the log and the wait's own error: clamped.
    network(101_000, "network ~0, ec2 100000");
    rejects(&["ec2"], vec![whole("ec2", 101_002, AlbLog)], "", &[(AlbLog, "longer_than_wait")]);
    // A wrong record is wrong in all it says of its layer, and in nothing that another one says.
    rejects(
        &["elb", "ec2"],
        [alb(1_000, 400_000, 1_000), vec![whole("ec2", 60_000, XRay)]].concat(),
        "network ~16000, ec2 60000, unattributed 24000",
        &[(AlbLog, "longer_than_wait")],
    );
    // The round trip of this very wait is no estimate; packets that were sent again come before it.
    let wait = json!({"network_ns": 16 * MS, "server_ns": 34 * MS, "server_low_ns": 0, "server_high_ns": 84 * MS,
        "retransmission_ns": 50 * MS, "method": "request_ack"});
    let lossy = trace("https://example.com/", 16 * MS, 84 * MS, &json!({"wait": wait}));
    for (server, expect) in [
        (30_000, "network 16000, retransmission 50000, ec2 30000, unattributed 4000"),
        (40_000, "network ~10000, retransmission 50000, ec2 40000"),
        (70_000, "network ~0, retransmission 30000, ec2 70000"),
    ] {
        assert_eq!(shown(&nest(&lossy, vec![whole("ec2", server, XRay)], None).layers), expect);
    }
    // At the server there is no network; without any round trip, nothing is known of it.
    let at_server = json!({"network_ns": 0, "server_ns": 100 * MS, "server_low_ns": 0, "server_high_ns": 100 * MS, "method": "at_server"});
    for wait in [at_server, Value::Null] {
        let trace = trace("https://example.com/", 16 * MS, 84 * MS, &json!({"wait": wait}));
        let nested = nest(&trace, vec![whole("ec2", 60_000, XRay)], None);
        assert_eq!(shown(&nested.layers), "ec2 60000, unattributed 40000");
    }
}

#[test]
fn of_two_that_contradict_each_other_one_goes_with_the_reason() {
    // The inner one, as a rule.
    let nested = rejects(
        &["elb", "ec2"],
        [alb(1_000, 50_000, 1_000), vec![whole("ec2", 70_000, XRay)]].concat(),
        "network ~16000, elb 2000, ec2<elb 50000, unattributed 32000",
        &[(XRay, "longer_than_outer")],
    );
    let because = RejectedBecause::LongerThanOuter {
        duration: Nanos::from_millis(70),
        outer: Layer::Ec2,
        outer_duration: Nanos::from_millis(50),
    };
    assert_eq!((&nested.rejected[0].layer, &nested.rejected[0].because), (&Some(Layer::Ec2), &because));
    // Within both last digits there is no contradiction, and the finer one counts.
    check(
        &["elb", "ec2"],
        [alb(1_000, 50_000, 1_000), vec![whole("ec2", 50_900, XRay)]].concat(),
        "network ~16000, elb 2000, ec2<elb 50900, unattributed 31100",
    );
    // The outer one, where it was only guessed to be this request's.
    let mut guessed = alb(1_000, 50_000, 1_000);
    for statement in &mut guessed {
        statement.record.as_mut().unwrap().joined = Joined::ByAddress;
    }
    rejects(
        &["elb", "ec2"],
        [guessed, vec![whole("ec2", 70_000, XRay)]].concat(),
        "network ~16000, ec2 70000, unattributed 14000",
        &[(AlbLog, "shorter_than_inner")],
    );
    // The outer one, where it stands alone against several.
    rejects(
        &["cloudfront", "elb", "ec2"],
        [vec![whole("cloudfront", 20_000, CloudFrontLog), whole("elb", 70_100, XRay)], alb(1_000, 68_000, 1_000)]
            .concat(),
        "network ~16000, elb 2100, ec2<elb 68000, unattributed 13900",
        &[(CloudFrontLog, "shorter_than_inner")],
    );
}

#[test]
fn a_stream_is_no_part_of_the_wait() {
    let mut stream = behind("apig", 50_000, ApigLog);
    stream.covers = Covers::Stream;
    rejects(
        &["apig", "lambda"],
        vec![whole("apig", 80_000, ApigLog), stream],
        "network ~16000, apig+lambda 80000, unattributed 4000",
        &[(ApigLog, "streamed")],
    );
}

#[test]
fn an_upload_makes_a_balancers_times_loose() {
    let request = json!({"version": "HTTP/1.1", "headers": [], "body_bytes": 100_000, "header_bytes": 90});
    let mut upload =
        trace("https://example.com/", 16 * MS, 84 * MS, &json!({"request": request, "path": ["elb", "ec2"]}));
    let send = |duration: u64| {
        let mut value = serde_json::to_value(&upload).unwrap();
        value["total_ns"] = json!(16 * MS + duration + 100 * MS);
        value["phases"] = json!([
            {"phase": "connect", "start_ns": 0, "duration_ns": 16 * MS, "evidence": "kernel", "error_ns": 0},
            {"phase": "send", "start_ns": 16 * MS, "duration_ns": duration, "evidence": "kernel", "error_ns": 0},
            {"phase": "wait", "start_ns": 16 * MS + duration, "duration_ns": 100 * MS, "evidence": "kernel", "error_ns": 0},
        ]);
        serde_json::from_value(value).unwrap()
    };
    let (short, long): (Trace, Trace) = (send(1_000), send(60 * MS));
    upload = long;
    let nested = nest(&upload, alb(1_000, 140_000, 1_000), None);
    assert_eq!(shown(&nested.layers), "network ~0, elb ~0, ec2<elb ~100000");
    assert!(nest(&short, alb(1_000, 140_000, 1_000), None).layers.is_empty());
}

#[test]
fn a_coarse_clock_does_not_cut_what_a_finer_one_saw() {
    let coarse = |micros: u64| {
        let mut whole = whole("lambda", micros, XRay);
        whole.resolution = Nanos::from_millis(1);
        whole
    };
    let handler = |micros: u64| part("lambda.handler", micros, LambdaLog);
    let function = ["function-url", "lambda"];
    for (whole, function_says, expect) in [
        (10_000, 10_150, "network ~16000, lambda.invoke 0, lambda.handler<lambda.invoke 10150, unattributed 73850"),
        // Never beyond the coarse one's last digit, though a contradiction begins only beyond both.
        (10_000, 11_005, "network ~16000, lambda.invoke 0, lambda.handler<lambda.invoke 11000, unattributed 73000"),
        (12_000, 10_150, "network ~16000, lambda.invoke 1850, lambda.handler<lambda.invoke 10150, unattributed 72000"),
    ] {
        check(&function, vec![coarse(whole), handler(function_says)], expect);
    }
    // All around it give way, and the wait does not.
    let gateway = |micros: u64| vec![whole("apig", micros, ApigLog), behind("apig", micros, ApigLog)];
    check(
        &["apig", "lambda"],
        [gateway(10_000), vec![coarse(10_000), handler(10_150)]].concat(),
        "network ~16000, apig 0, lambda.invoke<apig 0, lambda.handler<lambda.invoke 10150, unattributed 73850",
    );
    check(
        &["apig", "lambda"],
        [gateway(100_000), vec![handler(100_008)]].concat(),
        "network ~0, apig 0, lambda.invoke<apig 0, lambda.handler<lambda.invoke 100000",
    );
    // The witness that gave way is listed with its own figure, beside the one that counts.
    let mut of_function = part("lambda.handler", 10_000, XRay);
    of_function.resolution = Nanos::from_millis(1);
    let layers = split(&function, vec![coarse(10_000), of_function, handler(10_150)]);
    let share = layers.share(&Layer::LambdaHandler).unwrap();
    let said: Vec<_> = share.witnesses.iter().map(|witness| witness.duration.get() / 1_000).collect();
    assert_eq!((share.duration, &said[..]), (Nanos::from_micros(10_150), &[10_150, 10_000][..]));
    assert_eq!(layers.share(&Layer::LambdaInvoke).unwrap().witnesses[0].duration, Nanos::from_millis(10));
}
