//! What layers charts show, and that nothing in them meets anything else.

use proptest::prelude::*;
use resvg::usvg::roxmltree::Document;
use serde_json::{Value, json};

use super::super::conflicts::{Labels, canvas, within};
use super::place::places;
use super::*;
use crate::render::sample;

const MS: u64 = 1_000_000;

fn request(wait: u64, layers: &Value) -> Trace {
    let phases = [("connect", 16 * MS, "wire", 900), ("wait", wait, "wire", 900)];
    sample::trace(1, "https://api.example.com/orders", &phases, json!({"name": "cold", "layers": layers}))
}

/// A cold start behind API Gateway; the wait begins at 16 ms.
fn cold() -> Trace {
    let share = |layer: &str, millis: u64| json!({"layer": layer, "duration_ns": millis * MS, "evidence": "xray", "estimated": false});
    let mut layers = json!([
        share("network", 16),
        share("apig", 3),
        share("lambda.init", 80),
        share("lambda.handler", 40),
        share("unattributed", 1)
    ]);
    layers[1]["inclusive_ns"] = json!(123 * MS);
    layers[1]["resolution_ns"] = json!(MS);
    layers[1]["start_low_ns"] = json!(24 * MS);
    layers[1]["start_high_ns"] = json!(25 * MS);
    layers[1]["witnesses"] = json!([{"evidence": "xray", "duration_ns": 123 * MS}, {"evidence": "xray", "duration_ns": 121 * MS}, {"evidence": "apig log", "duration_ns": 122 * MS}]);
    layers[1]["includes"] = json!(["nginx"]);
    layers[2]["within"] = json!("apig");
    layers[3]["within"] = json!("apig");
    layers[3]["estimated"] = json!(true);
    request(140 * MS, &layers)
}

#[test]
fn layers_stand_where_they_can_have_been() {
    let trace = cold();
    let placed = places(&trace);
    let half = MS / 2;
    let expect = [
        ("network", 0, vec![(0, 8 * MS), (132 * MS, 140 * MS)], vec![]),
        // In the middle of where it can have been; what it called, in the middle of it.
        ("apig", 0, vec![(8 * MS + half, 10 * MS), (130 * MS, 131 * MS + half)], vec![(10 * MS, 130 * MS)]),
        ("lambda.init", 1, vec![(10 * MS, 90 * MS)], vec![]),
        ("lambda.handler", 1, vec![(90 * MS, 130 * MS)], vec![]),
        ("unattributed", 0, vec![(8 * MS, 8 * MS + half), (131 * MS + half, 132 * MS)], vec![]),
    ];
    for (placed, (layer, depth, own, called)) in placed.iter().zip(expect) {
        assert_eq!(
            (placed.share.layer.as_str(), placed.depth, &placed.own, &placed.called),
            (layer, depth, &own, &called)
        );
    }
    assert_eq!(placed[1].range, Some((8 * MS, 132 * MS)));
    assert_eq!(placed[2].range, None);
}

fn texts(layout: &Layout) -> Vec<&str> {
    layout.requests.iter().flat_map(|request| &request.labels).map(|label| label.text.as_str()).collect()
}

#[test]
fn own_times_stand_beside_the_bars_with_who_says_so() {
    let trace = cold();
    let layout = Layout::new(&[&trace], 2, "title", 1_200.0);
    for expect in [
        "3.00",
        "123",
        "xray ±1.00; also xray 121, apig log 122",
        "apig + nginx",
        "xray, estimated",
        "cold  ·  GET https://api.example.com/orders",
    ] {
        assert!(texts(&layout).contains(&expect), "{expect} not in {:?}", texts(&layout));
    }
    let footnotes: Vec<&str> = layout.page.footnotes.iter().map(|note| note.text.as_str()).collect();
    assert_eq!(footnotes, ["The layers of 2 more requests are not drawn."]);
}

#[test]
fn who_else_speaks_of_a_layer_is_named_where_there_is_room() {
    let said = |field: Option<&str>, ms: u64| json!({"evidence": "xray", "field": field, "duration_ns": ms * MS});
    for (width, witnesses, expect) in [
        (
            1_600.0,
            [said(None, 40), said(Some("AWS::Lambda"), 43), said(Some("Invocation"), 43)],
            "xray; also xray AWS::Lambda 43.0, xray Invocation 43.0",
        ),
        (800.0, [said(None, 40), said(Some("AWS::Lambda"), 43), said(Some("Invocation"), 43)], "xray; also xray 43.0"),
        (
            800.0,
            [said(None, 40), said(Some("AWS::Lambda"), 43), said(Some("Invocation"), 42)],
            "xray; also xray 43.0, xray 42.0",
        ),
        (800.0, [said(None, 40), said(None, 40), said(None, 40)], "xray; also xray 40.0"),
    ] {
        let mut layers = json!([{"layer": "lambda", "duration_ns": 40 * MS, "evidence": "xray", "estimated": false}]);
        layers[0]["witnesses"] = json!(witnesses);
        let trace = request(40 * MS, &layers);
        let layout = Layout::new(&[&trace], 0, "title", width);
        assert!(texts(&layout).contains(&expect), "{expect} not in {:?}", texts(&layout));
        check(&layout);
    }
}

#[test]
fn what_cannot_be_drawn_is_an_error() {
    let options = ChartOptions::default();
    assert!(matches!(layers(&[], &options), Err(ChartError::NoTraces { chart: "layers" })));
    let without = sample::secure();
    let error = layers(std::slice::from_ref(&without), &options).unwrap_err();
    assert_eq!(
        error.to_string(),
        "a layers chart needs traces whose waits are split into layers, and none has any: see wirefall attribute"
    );
    let svg = layers(&[without, cold()], &options).unwrap();
    let document = Document::parse(svg.as_str()).unwrap();
    let desc = document.descendants().find(|node| node.tag_name().name() == "desc").unwrap().text().unwrap();
    assert!(desc.ends_with(
        "\ncold, network 16.0, apig 3.00, lambda.init 80.0, lambda.handler 40.0 (estimated), unattributed 1.00"
    ));
}

fn check(layout: &Layout) {
    let canvas = canvas(layout.page.width, layout.page.height);
    let requests = layout
        .requests
        .iter()
        .flat_map(|request| request.labels.iter().chain(request.grid.iter().flat_map(|line| &line.labels)));
    let labels = Labels::checked(layout.page.labels().chain(requests), &canvas);
    for request in &layout.requests {
        assert!(within(&request.plot, &canvas), "{:?}", request.plot);
        let bars = request.rows.iter().flat_map(|row| row.own.iter().chain(&row.called).chain(&row.range));
        for bar in bars.chain([&request.wait]) {
            labels.check_shape(bar, &request.plot);
        }
    }
}

#[test]
fn lengths_that_cannot_be_are_drawn_without_conflict() {
    let share = |layer: &str, own: u64, inclusive: u64| json!({"layer": layer, "duration_ns": own, "inclusive_ns": inclusive, "evidence": "xray", "estimated": false});
    let no_wait = request(0, &json!([share("network", 0, 0)]));
    let endless = request(MS, &json!([share("elb", 1, u64::MAX), share("ec2", 1, u64::MAX), share("lambda", 1, 9)]));
    for trace in [&no_wait, &endless] {
        check(&Layout::new(&[trace], 0, "title", 800.0));
    }
    let nothing_to_split =
        sample::trace(9, "https://h/", &[("connect", MS, "wire", 1)], json!({"layers": [share("elb", 1, 1)]}));
    assert!(matches!(layers(&[nothing_to_split], &ChartOptions::default()), Err(ChartError::NoLayers { .. })));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn nothing_meets_anything(
        waits in proptest::collection::vec((0_u64..1 << 40, proptest::collection::vec((0_u64..1 << 36, any::<Option<(u32, u32)>>(), any::<bool>(), any::<String>()), 1..9)), 1..4),
        width in prop_oneof![Just(800_u32), Just(1200), Just(4000)],
    ) {
        let traces: Vec<Trace> = waits
            .iter()
            .map(|(rest, shares)| {
                let known = ["network", "cloudfront", "elb", "apig", "lambda.init", "lambda.handler", "ec2"];
                let shares: Vec<Value> = shares
                    .iter()
                    .enumerate()
                    .map(|(index, (own, place, nested, name))| {
                        let layer = known.get(index).map_or_else(|| format!("{index}{name}"), |name| (*name).to_owned());
                        let mut share = json!({"layer": layer, "duration_ns": own, "evidence": "alb log", "estimated": nested});
                        if let Some((low, width)) = place {
                            share["start_low_ns"] = json!(low);
                            share["start_high_ns"] = json!(u64::from(*low) + u64::from(*width));
                            share["inclusive_ns"] = json!(own + u64::from(*width));
                        }
                        if *nested && index > 1 {
                            share["within"] = json!(known[index - 1]);
                        }
                        share
                    })
                    .filter(|share| share["within"] != json!("network"))
                    .collect();
                let sum: u64 = shares.iter().filter_map(|share| share["duration_ns"].as_u64()).sum();
                request(sum + rest, &Value::Array(shares))
            })
            .collect();
        let shown: Vec<&Trace> = traces.iter().collect();
        check(&Layout::new(&shown, 3, "title", f64::from(width)));
        for placed in traces.iter().flat_map(places) {
            prop_assert!(placed.own.iter().chain(&placed.called).chain(&placed.range).all(|(from, to)| from <= to));
        }
        let svg = layers(&traces, &ChartOptions { width, ..ChartOptions::default() }).unwrap();
        prop_assert!(Document::parse(svg.as_str()).is_ok());
    }
}
