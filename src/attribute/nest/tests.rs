//! Every rule, on waits of 100 ms of which 16 are a round trip, unless a row says otherwise.

mod fits;
mod paths;
mod sum;
mod witnesses;

use serde_json::{Value, json};

use super::*;
use crate::attribute::specimens::trace;
use crate::attribute::statement::{Covers, Joined, Origin};
use crate::trace::LayerEvidence::{self, AlbLog, ApigLog, CloudFrontLog, Header, LambdaLog, ServerTiming, XRay};
use crate::trace::layers::RejectedBecause;

const MS: u64 = 1_000_000;

/// A length in microseconds by a witness whose record is its own, in steps of a millisecond (X-Ray: of a microsecond).
fn state(says: Says, micros: u64, evidence: LayerEvidence) -> Statement {
    let resolution = match evidence {
        XRay => Nanos::from_micros(1),
        LambdaLog => Nanos::from_micros(10),
        _ => Nanos::from_millis(1),
    };
    let number = evidence as usize;
    let record = Origin { number, at: format!("{evidence}:1"), joined: Joined::ById, depth: None };
    let from_record = !matches!(evidence, ServerTiming | Header);
    Statement {
        says,
        duration: Nanos::from_micros(micros),
        resolution,
        evidence,
        field: "",
        record: from_record.then_some(record),
        covers: Covers::FirstByte,
    }
}

fn whole(layer: &str, micros: u64, evidence: LayerEvidence) -> Statement {
    state(Says::Inclusive(layer.parse().unwrap()), micros, evidence)
}

fn behind(layer: &str, micros: u64, evidence: LayerEvidence) -> Statement {
    state(Says::Behind(layer.parse().unwrap()), micros, evidence)
}

fn part(layer: &str, micros: u64, evidence: LayerEvidence) -> Statement {
    state(Says::Part(layer.parse().unwrap()), micros, evidence)
}

fn on_path(path: &[&str]) -> Value {
    if path.is_empty() { json!({}) } else { json!({"path": path}) }
}

/// Layers with their own times in microseconds, and the parent of each after a `<`.
fn shown(layers: &Layers) -> String {
    let shown = |share: &crate::trace::LayerShare| {
        let within = share.within.as_ref().map_or(String::new(), |within| format!("<{within}"));
        let estimated = if share.estimated { "~" } else { "" };
        let includes: String = share.includes.iter().flat_map(|layer| ["+", layer.as_str()]).collect();
        format!("{}{includes}{within} {estimated}{}", share.layer, share.duration.get() / 1_000)
    };
    layers.iter().map(shown).collect::<Vec<_>>().join(", ")
}

fn check(path: &[&str], statements: Vec<Statement>, expect: &str) {
    let trace = trace("https://example.com/", 16 * MS, 84 * MS, &on_path(path));
    let nested = nest(&trace, statements, None);
    assert_eq!(shown(&nested.layers), expect, "{path:?} {:?}", nested.rejected);
    assert_eq!(nested.rejected, [], "{path:?}");
    assert_eq!(nested.layers.sum(), Nanos::from_millis(100));
}

/// What becomes of these statements of a path's request.
fn split(path: &[&str], statements: Vec<Statement>) -> Layers {
    nest(&trace("https://example.com/", 16 * MS, 84 * MS, &on_path(path)), statements, None).layers
}

/// API Gateway's whole and what it waited for, with what is said of the function behind it.
fn split_gateway(function: Vec<Statement>) -> Layers {
    let gateway = vec![whole("apig", 80_000, ApigLog), behind("apig", 70_000, ApigLog)];
    split(&["apig", "lambda"], [gateway, function].concat())
}

fn rejects(path: &[&str], statements: Vec<Statement>, expect: &str, because: &[(LayerEvidence, &str)]) -> Nested {
    let trace = trace("https://example.com/", 16 * MS, 84 * MS, &on_path(path));
    let nested = nest(&trace, statements, None);
    assert_eq!(shown(&nested.layers), expect, "{path:?} {:?}", nested.rejected);
    let reasons: Vec<_> =
        nested.rejected.iter().map(|rejected| (rejected.evidence, rejected.because.as_str())).collect();
    assert_eq!(reasons, because, "{path:?}");
    nested
}

fn alb(request: u64, target: u64, response: u64) -> Vec<Statement> {
    let mut sum = whole("elb", request + target + response, AlbLog);
    sum.resolution = Nanos::from_millis(3);
    vec![sum, behind("elb", target, AlbLog)]
}
