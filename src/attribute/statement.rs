//! What a witness says of a layer, in the one form that [`super::nest`] understands.

use crate::time::Nanos;
use crate::trace::layers::Witness;
use crate::trace::{Layer, LayerEvidence};

/// One length, and what it is the length of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Statement {
    pub(super) says: Says,
    pub(super) duration: Nanos,
    /// The value of its last digit: the truth is not farther away than this.
    pub(super) resolution: Nanos,
    pub(super) evidence: LayerEvidence,
    /// The witness's own word for it.
    pub(super) field: &'static str,
    /// Which record it comes from; `None` for what the response itself says.
    pub(super) record: Option<Origin>,
    /// What it covers.
    pub(super) covers: Covers,
}

/// What a length is the length of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Says {
    /// Of a layer with everything behind it, by its own clock.
    Inclusive(Layer),
    /// Of everything behind a layer, by that layer's clock.
    Behind(Layer),
    /// Of a part of a layer.
    Part(Layer),
    /// Of what the innermost layer knows of itself: an application does not see its own queue.
    Innermost,
}

impl Says {
    /// The layer whose clock it is.
    pub(super) fn clock(&self) -> Layer {
        match self {
            Self::Inclusive(layer) | Self::Behind(layer) | Self::Part(layer) => layer.whole(),
            Self::Innermost => Layer::Target,
        }
    }
}

/// A record, and how it was found to be this request's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Origin {
    /// The same for all statements of one record.
    pub(super) number: usize,
    /// `file:line`.
    pub(super) at: String,
    pub(super) joined: Joined,
    /// How many others it was called through, where its source knows: X-Ray.
    pub(super) depth: Option<u32>,
}

/// How a record was found to be a request's; the better one is the greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Joined {
    /// By the client's address, port and time, which another client behind the same address may share.
    ByAddress,
    /// By an identifier that only this request has.
    ById,
}

/// Until when a length counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Covers {
    /// Until the first byte of the response.
    FirstByte,
    /// Until the last byte of a response that is sent while it is made.
    Stream,
}

impl Statement {
    /// Of the response itself.
    pub(super) const fn of_response(
        says: Says,
        duration: Nanos,
        resolution: Nanos,
        evidence: LayerEvidence,
        field: &'static str,
    ) -> Self {
        Self { says, duration, resolution, evidence, field, record: None, covers: Covers::FirstByte }
    }

    pub(super) fn witness(&self) -> Witness {
        Witness {
            evidence: self.evidence,
            field: Some(self.field.to_owned()).filter(|field| !field.is_empty()),
            duration: self.duration,
            resolution: Some(self.resolution),
            at: self.record.as_ref().map(|record| record.at.clone()),
        }
    }

    pub(super) fn joined(&self) -> Joined {
        self.record.as_ref().map_or(Joined::ById, |record| record.joined)
    }
}
