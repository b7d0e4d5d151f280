//! What a record's claims state of layers: from the words of logs to those of [`super::nest`].
//!
//! A balancer's three times follow one another, so that their sum is its whole. Whoever asks who calls (authentication, the
//! authorizer, authorization) is one layer here: they follow one another too. Not used: lengths that no wait contains, such as a
//! connection's whole life, the time to the last byte, or an event's stay in a queue.

use super::record::{Claim, Part, Record, Remark, Source};
use super::statement::{Covers, Joined, Origin, Says, Statement};
use crate::event::Phase;
use crate::trace::layers::{PhaseWitness, Witness};
use crate::trace::{Layer, LayerEvidence};

/// What the record states of the wait.
pub(super) fn statements(record: &Record, number: usize, at: &str, joined: Joined) -> Vec<Statement> {
    let depth = Some(record.depth).filter(|_| record.source == Source::XRay);
    let origin = Origin { number, at: at.to_owned(), joined, depth };
    let state = |says: Says, claim: Claim, field: &'static str, covers: Covers| Statement {
        says,
        duration: claim.duration,
        resolution: claim.resolution,
        evidence: evidence(record.source),
        field,
        record: Some(origin.clone()),
        covers,
    };
    let mut found = Vec::new();
    if let Some(whole) = sum(record, &[Part::ElbRequest, Part::ElbTarget, Part::ElbResponse], Parts::All) {
        found.push(state(Says::Inclusive(Layer::Elb), whole, "request + target + response", Covers::FirstByte));
    }
    let authorizer = [Part::ApigAuthenticate, Part::ApigAuthorizer, Part::ApigAuthorize];
    if let Some(whole) = sum(record, &authorizer, Parts::Any) {
        found.push(state(
            Says::Part(Layer::ApigAuthorizer),
            whole,
            "authenticate + authorizer + authorize",
            Covers::FirstByte,
        ));
    }
    for claim in &record.claims {
        if let Some((says, field, covers)) = meaning(claim.part, record) {
            found.push(state(says, *claim, field, covers));
        }
    }
    found
}

/// What the record states of phases other than the wait.
pub(super) fn phase_witnesses(record: &Record, at: &str) -> Option<PhaseWitness> {
    let claim = record.claim(Part::TlsHandshake)?;
    let field = match record.source {
        Source::NlbTls => "tls_handshake_time",
        _ => "tls_handshake_latency",
    };
    let witness = Witness {
        evidence: evidence(record.source),
        field: Some(field.to_owned()),
        duration: claim.duration,
        resolution: Some(claim.resolution),
        at: Some(at.to_owned()),
    };
    Some(PhaseWitness { phase: Phase::Tls, witness })
}

fn meaning(part: Part, record: &Record) -> Option<(Says, &'static str, Covers)> {
    use Covers::{FirstByte, Stream};
    let is_streamed = record.remarks.contains(&Remark::Streamed);
    let until = if is_streamed { Stream } else { FirstByte };
    let is_before = record.remarks.contains(&Remark::InitialisedBefore);
    let has = |part: Part| record.claim(part).is_some();
    let meaning = match part {
        Part::ElbTarget if record.source == Source::ClassicElb => {
            (Says::Behind(Layer::Elb), "backend_processing_time", FirstByte)
        }
        Part::ElbTarget => (Says::Behind(Layer::Elb), "target_processing_time", FirstByte),
        Part::CloudFrontFirstByte => (Says::Inclusive(Layer::CloudFront), "time-to-first-byte", FirstByte),
        Part::OriginFirstByte => (Says::Behind(Layer::CloudFront), "origin-fbl", FirstByte),
        Part::ApigResponse => (Says::Inclusive(Layer::Apig), "responseLatency", until),
        Part::ApigIntegration => (Says::Behind(Layer::Apig), "integration.latency", until),
        Part::ApigStream => (Says::Behind(Layer::Apig), "integration.latency", Stream),
        Part::ApigIntegrationFirstContent if !has(Part::ApigIntegration) => {
            (Says::Behind(Layer::Apig), "integration.timeToFirstContent", FirstByte)
        }
        Part::ApigIntegrationHeaders if !has(Part::ApigIntegration) && !has(Part::ApigIntegrationFirstContent) => {
            (Says::Behind(Layer::Apig), "integration.timeToAllHeaders", FirstByte)
        }
        Part::ApigWaf => (Says::Part(Layer::ApigWaf), "waf.latency", FirstByte),
        Part::LambdaDuration => (Says::Part(Layer::LambdaHandler), "Duration", until),
        Part::LambdaFunction => (Says::Part(Layer::LambdaHandler), "AWS::Lambda::Function", until),
        Part::LambdaInvocation if !has(Part::LambdaFunction) => (Says::Part(Layer::LambdaHandler), "Invocation", until),
        Part::LambdaResponseLatency if is_streamed => (Says::Part(Layer::LambdaHandler), "responseLatency", FirstByte),
        Part::LambdaInit if !is_before => (Says::Part(Layer::LambdaInit), "Init Duration", FirstByte),
        Part::LambdaRestore if !is_before => (Says::Part(Layer::LambdaRestore), "Restore Duration", FirstByte),
        Part::LambdaSegment => (Says::Inclusive(Layer::Lambda), "AWS::Lambda", until),
        Part::LambdaPlacement if !is_before => (Says::Part(Layer::LambdaPlacement), "before Initialization", FirstByte),
        Part::Ec2 => (Says::Inclusive(Layer::Ec2), "AWS::EC2::Instance", until),
        Part::Fargate => (Says::Inclusive(Layer::Fargate), "AWS::ECS", until),
        Part::Service => (Says::Inclusive(Layer::Service), "", until),
        _ => return None,
    };
    Some(meaning)
}

/// Which of the parts of a sum have to be there.
#[derive(Clone, Copy)]
enum Parts {
    All,
    Any,
}

fn sum(record: &Record, parts: &[Part], needed: Parts) -> Option<Claim> {
    let claims: Vec<&Claim> = parts.iter().filter_map(|part| record.claim(*part)).collect();
    let enough = match needed {
        Parts::All => claims.len() == parts.len(),
        Parts::Any => !claims.is_empty(),
    };
    enough.then(|| Claim {
        part: parts[0],
        duration: claims.iter().map(|claim| claim.duration).sum(),
        resolution: claims.iter().map(|claim| claim.resolution).sum(),
    })
}

/// The witness that a source is.
pub(super) const fn evidence(source: Source) -> LayerEvidence {
    match source {
        Source::AlbAccess => LayerEvidence::AlbLog,
        Source::AlbConnection => LayerEvidence::AlbConnectionLog,
        Source::ClassicElb => LayerEvidence::ClbLog,
        Source::NlbTls => LayerEvidence::NlbLog,
        Source::CloudFrontStandard => LayerEvidence::CloudFrontLog,
        Source::CloudFrontRealtime => LayerEvidence::CloudFrontRealtimeLog,
        Source::ApiGateway => LayerEvidence::ApigLog,
        Source::LambdaText => LayerEvidence::LambdaLog,
        Source::LambdaJson => LayerEvidence::LambdaJsonLog,
        Source::XRay => LayerEvidence::XRay,
    }
}
