//! Whatever is claimed, own times sum to the wait.

use proptest::prelude::*;

use super::*;
use crate::attribute::nest::frames::{Figure, Frame, frames};
use crate::attribute::nest::stretch::stretch;

fn any_says() -> impl Strategy<Value = Says> {
    let layer =
        proptest::sample::select(Layer::KNOWN).prop_filter("is computed", |layer| *layer != Layer::Unattributed);
    let layer = prop_oneof![4 => layer, 1 => Just(Layer::Named("nginx".to_owned()))];
    prop_oneof![
        layer.clone().prop_map(Says::Inclusive),
        layer.clone().prop_map(Says::Behind),
        layer.prop_map(Says::Part),
        Just(Says::Innermost),
    ]
}

/// Of every format that there is, and coarser than any.
fn any_resolution() -> impl Strategy<Value = Nanos> {
    let steps = [1, 1_000, 10_000, MS, 3 * MS, 1_000 * MS, u64::MAX];
    proptest::sample::select(steps.map(Nanos::new).to_vec())
}

fn any_statement() -> impl Strategy<Value = Statement> {
    let evidence = proptest::sample::select(vec![AlbLog, ApigLog, CloudFrontLog, LambdaLog, XRay, ServerTiming]);
    (any_says(), 0..300_000_u64, evidence, 0..4_usize, any::<bool>(), 0..5_u8, any_resolution()).prop_map(
        |(says, micros, evidence, number, strong, stream, resolution)| {
            let mut statement = state(says, micros, evidence);
            statement.resolution = resolution;
            if let Some(record) = &mut statement.record {
                record.number = number;
                record.joined = if strong { Joined::ById } else { Joined::ByAddress };
                record.depth = u32::try_from(number).ok().filter(|_| strong);
            }
            statement.covers = if stream == 0 { Covers::Stream } else { Covers::FirstByte };
            statement
        },
    )
}

proptest! {
    #[test]
    fn own_times_sum_to_the_wait_whatever_is_claimed(
        statements in proptest::collection::vec(any_statement(), 0..12),
        (network, server) in (0..50 * MS, 0..250 * MS),
        path in proptest::sample::subsequence(vec!["cloudfront", "apig", "elb", "lambda", "ec2", "nginx"], 0..5).prop_shuffle(),
        lost in proptest::option::of(0..400 * MS),
        answered in proptest::option::of(proptest::sample::select(Layer::KNOWN)),
    ) {
        let wait = json!({"network_ns": network, "server_ns": server, "server_low_ns": 0, "server_high_ns": server,
            "method": "min_rtt", "retransmission_ns": lost});
        let mut more = on_path(&path);
        more["wait"] = wait;
        let trace = trace("https://example.com/", network, server, &more);
        let given = statements.len();
        let nested = nest(&trace, statements, answered.as_ref());
        prop_assert!(nested.rejected.len() <= given);
        if !nested.layers.is_empty() {
            prop_assert_eq!(nested.layers.sum(), Nanos::new(network + server));
        }
        for share in &nested.layers {
            prop_assert!(share.start_low <= share.start_high, "{:?}", share);
            let end = share.start_low.map(|low| low + share.inclusive.unwrap_or(share.duration));
            prop_assert!(end.is_none_or(|end| end <= Nanos::new(16_040_000 + network + server)), "{:?}", share);
        }
        let written = serde_json::to_string(&nested.layers).unwrap();
        prop_assert_eq!(serde_json::from_str::<Layers>(&written).unwrap(), nested.layers);
    }

    #[test]
    fn a_frame_is_stretched_by_no_more_than_its_last_digit(statements in proptest::collection::vec(any_statement(), 0..12)) {
        for (before, after, sum_of) in stretched(&statements) {
            let more = |length: Nanos| length.saturating_sub(before.duration);
            prop_assert_eq!(after.duration.max(before.duration), after.duration);
            prop_assert!(more(after.duration) <= before.resolution + sum_of, "{:?} {:?}", before, after);
        }
    }

    #[test]
    fn among_equal_digits_nothing_is_stretched(
        statements in proptest::collection::vec(any_statement(), 0..12),
        resolution in any_resolution(),
    ) {
        let alike: Vec<Statement> = statements.into_iter().map(|one| Statement { resolution, ..one }).collect();
        for (before, after, _) in stretched(&alike) {
            prop_assert_eq!(before, after);
        }
    }
}

/// Each figure of these statements' frames before and after, with the digits of what it is a sum with.
fn stretched(statements: &[Statement]) -> Vec<(Figure, Figure, Nanos)> {
    let trace = trace("https://example.com/", 16 * MS, 84 * MS, &json!({}));
    let chain = Chain::of(&trace, statements);
    let before = frames(&chain, statements);
    let mut after = before.clone();
    stretch(&mut after, statements, &chain);
    let by_caller = |frame: &Frame| frame.by_caller.as_ref().map(|(_, figure)| *figure);
    let mut figures = Vec::new();
    for (index, (one, other)) in before.iter().zip(&after).enumerate() {
        let behind = before.get(index + 1).and_then(by_caller).filter(|_| one.layer == Layer::Elb);
        let of_sum = behind.map_or(Nanos::ZERO, |figure| figure.resolution);
        figures.extend(one.own.zip(other.own).map(|(one, other)| (one, other, of_sum)));
        figures.extend(by_caller(one).zip(by_caller(other)).map(|(one, other)| (one, other, Nanos::ZERO)));
    }
    figures
}
