//! Which layers a request passed, and what each of them costs: the sections `passed`, `layers` and `rejected`.
//!
//! Invariant: the own times of a trace's [`Layers`] sum to the wait. [`Layers::within`] takes what evidence says of layers and
//! makes the rest of the wait [`Layer::Unattributed`]; there is no other way to make one, and what is read back is held against
//! the rules that do not need the wait.
//!
//! Deliberately absent: judging evidence, which is [`crate::attribute`]'s. These are the words that its judgement is written in.

mod name;
mod passed;
mod rejected;
mod share;

pub use name::{Layer, LayerEvidence};
pub use passed::{Certainty, Passed, Sign};
pub use rejected::{Rejected, RejectedBecause};
pub use share::{LayerShare, PhaseWitness, Witness};

use std::ops::Deref;

use serde::{Deserialize, Serialize};

use crate::event::Evidence;
use crate::time::Nanos;

/// The wait of one request by layers, outermost first; empty where nothing but the wait is known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "Vec<LayerShare>", try_from = "Vec<LayerShare>")]
pub struct Layers(Vec<LayerShare>);

/// Shares that are no split of a wait.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LayersError {
    /// Their own times are longer than the wait.
    #[error("the layers' own times sum to {sum}, which is longer than the wait of {wait}")]
    LongerThanWait {
        /// The sum of the own times.
        sum: Nanos,
        /// The wait.
        wait: Nanos,
    },
    /// A layer has two shares.
    #[error("the layer {0} stands in the wait twice")]
    Twice(Layer),
    /// The rest is computed, not given.
    #[error("the layer unattributed is what no evidence speaks of: it cannot be claimed")]
    RestClaimed,
    /// A share lies within one that is not there, or comes after it.
    #[error("the layer {layer} lies within {within}, which does not stand before it")]
    Orphan {
        /// The inner layer.
        layer: Layer,
        /// The layer that it names.
        within: Layer,
    },
}

impl Layers {
    /// The split of `wait` into these shares and the rest, whose length is the remainder and whose evidence is the wait's own.
    /// Without a share there is nothing to split, and the result is empty; without a rest there is no share for it.
    pub fn within(
        wait: Nanos,
        evidence: Evidence,
        shares: impl IntoIterator<Item = LayerShare>,
    ) -> Result<Self, LayersError> {
        let mut shares: Vec<LayerShare> = shares.into_iter().collect();
        check(&shares)?;
        if shares.iter().any(|share| share.layer == Layer::Unattributed) {
            return Err(LayersError::RestClaimed);
        }
        // Not by `Nanos`, which saturates.
        let sum = shares.iter().try_fold(0_u64, |sum, share| sum.checked_add(share.duration.get()));
        let rest = sum.and_then(|sum| wait.get().checked_sub(sum));
        let Some(rest) = rest else {
            return Err(LayersError::LongerThanWait { sum: Nanos::new(sum.unwrap_or(u64::MAX)), wait });
        };
        if rest > 0 && !shares.is_empty() {
            shares.push(LayerShare::new(Layer::Unattributed, Nanos::new(rest), evidence.into()));
        }
        Ok(Self(shares))
    }

    /// A layer's share.
    #[must_use]
    pub fn share(&self, layer: &Layer) -> Option<&LayerShare> {
        self.0.iter().find(|share| share.layer == *layer)
    }

    /// The sum of the own times: the wait.
    #[must_use]
    pub fn sum(&self) -> Nanos {
        self.0.iter().map(|share| share.duration).sum()
    }
}

impl Deref for Layers {
    type Target = [LayerShare];

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl<'a> IntoIterator for &'a Layers {
    type Item = &'a LayerShare;
    type IntoIter = std::slice::Iter<'a, LayerShare>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl From<Layers> for Vec<LayerShare> {
    fn from(layers: Layers) -> Self {
        layers.0
    }
}

/// What was written by [`Layers::within`]: the wait that the shares sum to is the trace's, and is not known here.
impl TryFrom<Vec<LayerShare>> for Layers {
    type Error = LayersError;

    fn try_from(shares: Vec<LayerShare>) -> Result<Self, Self::Error> {
        check(&shares)?;
        Ok(Self(shares))
    }
}

fn check(shares: &[LayerShare]) -> Result<(), LayersError> {
    for (index, share) in shares.iter().enumerate() {
        let stands_before = |layer: &Layer| shares[..index].iter().any(|earlier| earlier.layer == *layer);
        if stands_before(&share.layer) {
            return Err(LayersError::Twice(share.layer.clone()));
        }
        if let Some(within) = share.within.as_ref().filter(|within| !stands_before(within)) {
            return Err(LayersError::Orphan { layer: share.layer.clone(), within: within.clone() });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn share(layer: &str, duration: u64) -> LayerShare {
        LayerShare::new(layer.parse().unwrap(), Nanos::new(duration), LayerEvidence::XRay)
    }

    #[test]
    fn the_rest_of_the_wait_is_unattributed() {
        let layers = Layers::within(Nanos::new(100), Evidence::Wire, [share("network", 16), share("elb", 30)]).unwrap();
        let written = serde_json::to_value(&layers).unwrap();
        let expect = serde_json::json!([
            {"layer": "network", "duration_ns": 16, "evidence": "xray", "estimated": false},
            {"layer": "elb", "duration_ns": 30, "evidence": "xray", "estimated": false},
            {"layer": "unattributed", "duration_ns": 54, "evidence": "wire", "estimated": false},
        ]);
        assert_eq!(written, expect);
        assert_eq!(serde_json::from_value::<Layers>(written).unwrap(), layers);
        assert_eq!(layers.share(&Layer::Elb).unwrap().duration, Nanos::new(30));
        assert!(Layers::within(Nanos::new(100), Evidence::Wire, []).unwrap().is_empty());
    }

    #[test]
    fn what_is_no_split_of_the_wait_is_refused() {
        let check = |shares: Vec<LayerShare>, expect| {
            assert_eq!(Layers::within(Nanos::new(100), Evidence::Kernel, shares), Err(expect));
        };
        let (sum, wait) = (Nanos::new(101), Nanos::new(100));
        check(vec![share("network", 71), share("elb", 30)], LayersError::LongerThanWait { sum, wait });
        let sum = Nanos::new(u64::MAX);
        check(vec![share("network", u64::MAX), share("elb", 101)], LayersError::LongerThanWait { sum, wait });
        check(vec![share("elb", 1), share("elb", 1)], LayersError::Twice(Layer::Elb));
        check(vec![share("unattributed", 1)], LayersError::RestClaimed);
        let orphan = LayerShare { within: Some(Layer::Elb), ..share("ec2", 1) };
        check(vec![orphan, share("elb", 1)], LayersError::Orphan { layer: Layer::Ec2, within: Layer::Elb });
    }

    proptest! {
        #[test]
        fn own_times_sum_to_the_wait(wait: u64, durations in proptest::collection::vec(any::<u64>(), 1..6)) {
            let shares = durations.iter().enumerate().map(|(index, duration)| share(&format!("l{index}"), duration >> 3));
            if let Ok(layers) = Layers::within(Nanos::new(wait), Evidence::Kernel, shares) {
                prop_assert_eq!(layers.sum(), Nanos::new(wait));
            }
        }
    }
}
