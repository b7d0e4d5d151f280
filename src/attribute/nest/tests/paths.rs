//! What stands for which layer, on every path: warm, cold, with little evidence and with none.

use super::*;

#[test]
fn every_path_of_warm_requests() {
    check(&["ec2"], vec![whole("ec2", 80_000, XRay)], "network ~16000, ec2 80000, unattributed 4000");
    check(&["elb", "ec2"], alb(1_000, 70_000, 1_000), "network ~16000, elb 2000, ec2<elb 70000, unattributed 12000");
    check(
        &["cloudfront", "ec2"],
        vec![whole("cloudfront", 80_000, CloudFrontLog), behind("cloudfront", 70_000, ServerTiming)],
        "network ~16000, cloudfront 10000, ec2<cloudfront 70000, unattributed 4000",
    );
    let apig = |backend: u64| vec![whole("apig", 80_000, ApigLog), behind("apig", backend, ApigLog)];
    let lambda = [apig(70_000), vec![part("lambda.handler", 60_120, LambdaLog)]].concat();
    let expect =
        "network ~16000, apig 10000, lambda.invoke<apig 9880, lambda.handler<lambda.invoke 60120, unattributed 4000";
    check(&["apig", "lambda"], lambda.clone(), expect);
    // Without a path, evidence makes one.
    check(&[], lambda, expect);
    check(
        &["apig", "elb", "ec2"],
        [apig(70_000), alb(1_000, 60_000, 2_000)].concat(),
        "network ~16000, apig 10000, elb<apig 3000, ec2<elb 60000, unattributed 11000",
    );
    check(&["apig", "service"], apig(70_000), "network ~16000, apig 10000, service<apig 70000, unattributed 4000");
    check(
        &["function-url", "lambda"],
        vec![whole("lambda", 70_000, XRay), part("lambda.handler", 60_000, XRay)],
        "network ~16000, lambda.invoke 10000, lambda.handler<lambda.invoke 60000, unattributed 14000",
    );
    check(
        &["elb", "lambda"],
        [alb(1_000, 70_000, 1_000), vec![part("lambda.handler", 60_000, LambdaLog)]].concat(),
        "network ~16000, elb 2000, lambda.invoke<elb 10000, lambda.handler<lambda.invoke 60000, unattributed 12000",
    );
}

#[test]
fn cold_starts() {
    let apig = || vec![whole("apig", 80_000, ApigLog), behind("apig", 70_000, ApigLog)];
    let report = || vec![part("lambda.handler", 20_000, LambdaLog), part("lambda.init", 15_000, LambdaLog)];
    let segment = || {
        vec![
            whole("lambda", 68_000, XRay),
            part("lambda.placement", 25_000, XRay),
            part("lambda.init", 15_100, XRay),
            part("lambda.handler", 20_001, XRay),
        ]
    };
    // With X-Ray, its finer digits count, and what its parts leave of what API Gateway waited is Lambda's own.
    check(
        &["apig", "lambda"],
        [apig(), report(), segment()].concat(),
        "network ~16000, apig 10000, lambda.invoke<apig 9899, lambda.placement<lambda.invoke 25000, \
         lambda.init<lambda.invoke 15100, lambda.handler<lambda.invoke 20001, unattributed 4000",
    );
    // Without it, the placement is what nobody saw.
    check(
        &["apig", "lambda"],
        [apig(), report()].concat(),
        "network ~16000, apig 10000, lambda.placement<apig ~35000, lambda.init<apig 15000, lambda.handler<apig 20000, \
         unattributed 4000",
    );
    // Nobody says how long Lambda took as a whole: only what is known is carved out.
    check(
        &["function-url", "lambda"],
        report(),
        "network ~16000, lambda.init 15000, lambda.handler 20000, unattributed 49000",
    );
    let restored = vec![part("lambda.handler", 20_000, LambdaLog), part("lambda.restore", 15_000, LambdaLog)];
    check(
        &["apig", "lambda"],
        [apig(), restored].concat(),
        "network ~16000, apig 10000, lambda.placement<apig ~35000, lambda.restore<apig 15000, lambda.handler<apig 20000, \
         unattributed 4000",
    );
    // A sandbox that was made long before: its initialisation does not fit, and the request was warm.
    let provisioned = vec![part("lambda.handler", 60_000, LambdaLog), part("lambda.init", 90_000, LambdaLog)];
    let nested = rejects(
        &["apig", "lambda"],
        [apig(), provisioned].concat(),
        "network ~16000, apig 10000, lambda.invoke<apig 10000, lambda.handler<lambda.invoke 60000, unattributed 4000",
        &[(LambdaLog, "longer_than_outer")],
    );
    assert_eq!(nested.rejected[0].layer, Some(Layer::LambdaInit));
    let long_ago = vec![part("lambda.handler", 60_000, LambdaLog), part("lambda.init", 3_000_000, LambdaLog)];
    rejects(
        &["apig", "lambda"],
        [apig(), long_ago].concat(),
        "network ~16000, apig 10000, lambda.invoke<apig 10000, lambda.handler<lambda.invoke 60000, unattributed 4000",
        &[(LambdaLog, "longer_than_wait")],
    );
}

#[test]
fn api_gateways_parts() {
    check(
        &["apig", "lambda"],
        vec![
            whole("apig", 80_000, ApigLog),
            behind("apig", 50_000, ApigLog),
            part("apig.waf", 3_000, ApigLog),
            part("apig.authorizer", 20_000, ApigLog),
        ],
        "network ~16000, apig 7000, apig.waf<apig 3000, apig.authorizer<apig 20000, lambda<apig 50000, unattributed 4000",
    );
    // Without its own whole, its parts stand by themselves.
    check(
        &["apig", "lambda"],
        vec![behind("apig", 50_000, ApigLog), part("apig.waf", 3_000, ApigLog)],
        "network ~16000, apig.waf 3000, lambda 50000, unattributed 31000",
    );
}

#[test]
fn what_has_no_evidence_is_absent_and_never_split() {
    let nothing = trace("https://example.com/", 16 * MS, 84 * MS, &on_path(&["elb", "ec2"]));
    assert_eq!(nest(&nothing, vec![], None), Nested::default());
    // Whose time a balancer waited for, where nothing says what is behind it.
    check(&[], alb(1_000, 70_000, 1_000), "network ~16000, elb 2000, target<elb 70000, unattributed 12000");
    // Two layers behind the gateway, and nothing that tells them apart.
    check(
        &["apig", "elb", "ec2"],
        vec![whole("apig", 80_000, ApigLog), behind("apig", 70_000, ApigLog)],
        "network ~16000, apig 10000, target+elb+ec2<apig 70000, unattributed 4000",
    );
    // The one between two clocks is what lies between them.
    check(
        &["apig", "elb", "ec2"],
        vec![whole("apig", 80_000, ApigLog), behind("apig", 70_000, ApigLog), whole("ec2", 60_000, XRay)],
        "network ~16000, apig 10000, elb<apig 10000, ec2<elb 60000, unattributed 4000",
    );
    // Only the outermost speaks: what is behind it is in its time.
    check(
        &["cloudfront", "elb", "ec2"],
        vec![whole("cloudfront", 80_000, CloudFrontLog)],
        "network ~16000, cloudfront+elb+ec2 80000, unattributed 4000",
    );
    // Only the innermost does.
    check(
        &["cloudfront", "elb", "ec2"],
        vec![whole("ec2", 60_000, XRay)],
        "network ~16000, ec2 60000, unattributed 24000",
    );
    // An edge that answered from its cache asked nobody.
    let trace = trace("https://example.com/", 16 * MS, 84 * MS, &on_path(&["cloudfront", "ec2"]));
    let hit = nest(&trace, vec![whole("cloudfront", 1_000, CloudFrontLog)], Some(&Layer::CloudFront));
    assert_eq!(shown(&hit.layers), "network ~16000, cloudfront 1000, unattributed 83000");
    // What a function calls is its own time.
    check(
        &["apig", "lambda"],
        vec![
            whole("apig", 80_000, ApigLog),
            behind("apig", 70_000, ApigLog),
            part("lambda.handler", 60_000, LambdaLog),
            whole("service", 30_000, XRay),
        ],
        "network ~16000, apig 10000, lambda.invoke<apig 10000, lambda.handler<lambda.invoke 60000, unattributed 4000",
    );
}

#[test]
fn what_lies_between_two_clocks_is_neither_layers() {
    check(
        &["elb", "ec2"],
        [alb(1_000, 70_000, 1_000), vec![whole("ec2", 60_000, XRay)]].concat(),
        "network ~16000, elb 2000, ec2<elb 60000, unattributed 22000",
    );
    // AWS's own example of Server-Timing does not add up either, and nothing makes it.
    check(
        &["cloudfront", "elb", "ec2"],
        [
            vec![whole("cloudfront", 84_000, ServerTiming), behind("cloudfront", 77_000, ServerTiming)],
            alb(1_000, 40_000, 1_000),
        ]
        .concat(),
        "network ~16000, cloudfront 7000, cloudfront.origin<cloudfront 35000, elb<cloudfront 2000, ec2<elb 40000",
    );
}

#[test]
fn a_request_that_failed_has_no_wait_to_split() {
    let failed = trace("https://example.com/", 1, 1, &json!({"response": null}));
    assert_eq!(nest(&failed, vec![whole("ec2", 1, XRay)], None), Nested::default());
}
