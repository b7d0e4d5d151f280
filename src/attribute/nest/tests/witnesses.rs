//! Whose figure counts, how exact it is, and where in time it can lie.

use super::*;

#[test]
fn witnesses_stand_side_by_side_and_the_finest_counts() {
    let handler_says = [(60_120, LambdaLog), (60_007, XRay)].map(|(micros, by)| part("lambda.handler", micros, by));
    let layers = split_gateway([vec![whole("apig", 79_420, XRay)], handler_says.to_vec()].concat());
    let handler = layers.share(&Layer::LambdaHandler).unwrap();
    let said: Vec<_> =
        handler.witnesses.iter().map(|witness| (witness.evidence, witness.duration.get() / 1_000)).collect();
    assert_eq!(said, [(XRay, 60_007), (LambdaLog, 60_120)]);
    let apig = layers.share(&Layer::Apig).unwrap();
    assert_eq!((apig.evidence, apig.inclusive, apig.witnesses.len()), (XRay, Some(Nanos::from_micros(79_420)), 2));
    // What is computed from two lengths may be off by the last digits of both.
    assert_eq!(apig.resolution, Some(Nanos::from_micros(1_001)));
    assert_eq!(apig.witnesses[1].at.as_deref(), Some("apig log:1"));
}

#[test]
fn a_balancers_rest_has_the_digits_of_its_own_two_times() {
    let layers = split(&["elb", "ec2"], alb(1_000, 70_000, 1_000));
    assert_eq!(layers.share(&Layer::Elb).unwrap().resolution, Some(Nanos::from_millis(2)));
}

#[test]
fn a_place_in_time_is_an_interval() {
    let parts = [("lambda.placement", 20_000), ("lambda.init", 10_000), ("lambda.handler", 30_000)];
    let layers = split_gateway(parts.map(|(layer, micros)| part(layer, micros, XRay)).to_vec());
    // The wait starts after 16.04 ms; half a round trip is 8; 4 are left when API Gateway has its 80.
    for (layer, low, high) in [
        ("apig", 24_040, 28_040),
        ("lambda.invoke", 24_040, 38_040),
        ("lambda.placement", 24_040, 48_040),
        ("lambda.init", 44_040, 68_040),
        ("lambda.handler", 54_040, 78_040),
    ] {
        let share = layers.share(&layer.parse().unwrap()).unwrap();
        let place = [share.start_low, share.start_high].map(|at| at.unwrap().get() / 1_000);
        assert_eq!(place, [low, high], "{layer}");
    }
    assert_eq!(layers.share(&Layer::Network).unwrap().start_low, None);
}

#[test]
fn what_is_passed_on_is_the_digits_of_the_sample_documents() {
    // Sandbox and download, initialisation, gap, function, tail, as X-Ray's samples have them, in a wait of their length.
    for (parts, expect) in [
        (
            [387, 755, 11, 1_740, 2],
            "lambda.invoke 13000, lambda.placement<lambda.invoke 387000, \
            lambda.init<lambda.invoke 755000, lambda.handler<lambda.invoke 1740000",
        ),
        (
            [561, 12, 4, 0, 2],
            "lambda.invoke 6000, lambda.placement<lambda.invoke 561000, lambda.init<lambda.invoke 12000, \
            lambda.handler<lambda.invoke 0",
        ),
    ] {
        let total: u64 = parts.iter().sum();
        let trace = trace("https://example.com/", 0, total * MS, &json!({"wait": null}));
        let [placement, init, _, handler, _] = parts.map(|part| part * 1_000);
        let statements = vec![
            whole("lambda", total * 1_000, XRay),
            part("lambda.placement", placement, XRay),
            part("lambda.init", init, XRay),
            part("lambda.handler", handler, XRay),
        ];
        assert_eq!(shown(&nest(&trace, statements, None).layers), expect);
    }
}

#[test]
fn an_application_that_states_its_own_time_is_a_witness_of_the_last_layer() {
    let says = |micros| state(Says::Innermost, micros, Header);
    check(&["ec2"], vec![says(60_000)], "network ~16000, ec2 60000, unattributed 24000");
    check(&[], vec![says(60_000)], "network ~16000, target 60000, unattributed 24000");
    check(
        &["elb", "ec2"],
        [alb(1_000, 70_000, 1_000), vec![says(60_000)]].concat(),
        "network ~16000, elb 2000, ec2<elb 70000, unattributed 12000",
    );
}
