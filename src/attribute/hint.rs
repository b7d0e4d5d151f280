//! One sign of one layer, before signs are put together.

use crate::trace::Layer;
use crate::trace::layers::{Certainty, Sign};

/// A sign and what it means by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hint {
    pub(super) layer: Layer,
    pub(super) certainty: Certainty,
    /// Which kind of that layer, where the sign says so.
    pub(super) kind: Option<String>,
    pub(super) sign: Sign,
}

impl Hint {
    pub(super) const fn new(layer: Layer, certainty: Certainty, sign: Sign) -> Self {
        Self { layer, certainty, kind: None, sign }
    }

    pub(super) fn of_kind(self, kind: impl Into<String>) -> Self {
        Self { kind: Some(kind.into()), ..self }
    }
}

/// Balancers that set cookies, as kinds begin with them.
pub(super) const BALANCERS: [&str; 2] = ["application", "classic"];

/// One of [`BALANCERS`], where it is unknown which.
pub(super) const EITHER_BALANCER: &str = "application or classic";

/// Edges and proxies of others, which answer for what is behind them.
pub(super) const EDGES: &[&str] = &["cloudflare", "fastly", "envoy", "google", "azure", "akamai"];

/// A layer that is not AWS's.
pub(super) fn named(name: &str) -> Layer {
    Layer::Named(name.to_owned())
}
