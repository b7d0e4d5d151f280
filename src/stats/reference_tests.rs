//! Against scipy: `fixtures/stats/scipy.json`, which the script in `fixtures/README.md` prints.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::Sample;
use super::rank::p_value;
use crate::time::Nanos;

#[derive(Deserialize)]
pub(super) struct Reference {
    samples: BTreeMap<String, Known>,
    pub(super) pairs: Vec<Pair>,
}

/// Lengths, and what is known of them, all in nanoseconds.
#[derive(Deserialize)]
struct Known {
    #[serde(rename = "lengths_ns")]
    lengths: Vec<u64>,
    #[serde(rename = "percentiles_ns")]
    percentiles: BTreeMap<String, u64>,
    #[serde(rename = "mean_ns")]
    mean: f64,
    #[serde(rename = "sd_ns")]
    sd: Option<f64>,
}

#[derive(Deserialize)]
pub(super) struct Pair {
    pub(super) target: String,
    pub(super) baseline: String,
    p_value: f64,
    pub(super) intervals_ns: Option<BTreeMap<String, (i64, i64)>>,
}

impl Reference {
    pub(super) fn read() -> Self {
        serde_json::from_str(include_str!("../../fixtures/stats/scipy.json")).unwrap()
    }

    pub(super) fn sample(&self, name: &str) -> Sample {
        Sample::new(self.samples[name].lengths.iter().map(|nanos| Nanos::new(*nanos))).unwrap()
    }
}

#[test]
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "lengths of a test"
)]
fn percentiles_means_and_deviations_are_scipys() {
    let reference = Reference::read();
    assert_eq!(reference.samples.len(), 11);
    for (name, known) in &reference.samples {
        let sample = reference.sample(name);
        for (share, expect) in &known.percentiles {
            let per_mille = (share.parse::<f64>().unwrap() * 10.0).round() as u32;
            assert_eq!(sample.percentile(per_mille), Nanos::new(*expect), "{name}, {share} %");
        }
        assert!((sample.mean().get() as f64 - known.mean).abs() <= 0.51, "{name}");
        assert_eq!(sample.sd().is_some(), known.sd.is_some(), "{name}");
        if let (Some(sd), Some(expect)) = (sample.sd(), known.sd) {
            assert!((sd.get() as f64 - expect).abs() <= 0.51, "{name}");
        }
    }
}

#[test]
fn rank_tests_are_scipys() {
    let reference = Reference::read();
    assert_eq!(reference.pairs.len(), 10);
    for pair in &reference.pairs {
        let found = p_value(&reference.sample(&pair.target), &reference.sample(&pair.baseline));
        assert!(
            (found - pair.p_value).abs() <= 1e-8 * pair.p_value,
            "{} and {}: {found:e}",
            pair.target,
            pair.baseline
        );
    }
}
