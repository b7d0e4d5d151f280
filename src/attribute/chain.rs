//! In which order a request passes its layers.
//!
//! The path that the target's user names counts. Without one, and for layers that evidence adds to it, the usual order: edges,
//! API Gateway and function URLs, load balancers, what runs code.

use super::statement::{Says, Statement};
use crate::target::LayerPath;
use crate::trace::layers::Certainty;
use crate::trace::{Layer, Trace};

/// The layers of one request, outermost first, each once; whole ones only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Chain(Vec<Layer>);

impl Chain {
    pub(super) fn of(trace: &Trace, statements: &[Statement]) -> Self {
        let path = trace.subject.path.iter().flat_map(LayerPath::layers);
        let path = path.map(|name| Layer::from(name.to_owned()).whole()).filter(|layer| !is_computed(layer));
        let mut chain = Self(path.collect());
        let depth = |layer: &Layer| {
            let of_layer = statements.iter().filter(|statement| statement.says.clock() == *layer);
            of_layer.filter_map(|statement| statement.record.as_ref()?.depth).min()
        };
        let seen = trace.passed.iter().filter(|passed| passed.certainty >= Certainty::Likely);
        let stated = statements.iter().filter(|statement| statement.says != Says::Innermost);
        let mut found: Vec<Layer> =
            stated.map(|statement| statement.says.clock()).chain(seen.map(|passed| passed.layer.whole())).collect();
        found.sort_by_key(|layer| depth(layer).unwrap_or(0));
        for layer in found.into_iter().filter(|layer| !is_computed(layer)) {
            chain.insert(layer, &depth);
        }
        chain
    }

    /// Without what is behind a layer that answered by itself.
    pub(super) fn ending_at(mut self, layer: &Layer) -> Self {
        if let Some(place) = self.0.iter().position(|other| other == layer) {
            self.0.truncate(place + 1);
        }
        self
    }

    /// Before the first layer that is usually behind it, and behind those that it was called through.
    fn insert(&mut self, layer: Layer, depth: &impl Fn(&Layer) -> Option<u32>) {
        if self.0.contains(&layer) {
            return;
        }
        let own = depth(&layer);
        let is_caller = |other: &Layer| own.is_some() && depth(other).is_some_and(|depth| Some(depth) < own);
        let least = self.0.iter().rposition(is_caller).map_or(0, |place| place + 1);
        let usual = self.0.iter().position(|other| rank(other) > rank(&layer)).unwrap_or(self.0.len());
        self.0.insert(usual.max(least), layer);
    }

    pub(super) fn layers(&self) -> &[Layer] {
        &self.0
    }

    /// The layers behind this one, the next one first.
    pub(super) fn behind(&self, layer: &Layer) -> &[Layer] {
        let place = self.0.iter().position(|other| other == layer);
        place.map_or(&[], |place| &self.0[place + 1..])
    }
}

/// What is no station on the way, but what is left when all else is known.
pub(super) const fn is_computed(layer: &Layer) -> bool {
    matches!(
        layer,
        Layer::Network | Layer::Retransmission | Layer::CloudFrontOrigin | Layer::LambdaInvoke | Layer::Unattributed
    )
}

const fn rank(layer: &Layer) -> u8 {
    match layer {
        Layer::GlobalAccelerator => 0,
        Layer::CloudFront => 1,
        Layer::Named(_) => 2,
        Layer::Apig | Layer::FunctionUrl => 3,
        Layer::Elb => 4,
        _ => 5,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::attribute::specimens::trace;
    use crate::time::Nanos;
    use crate::trace::LayerEvidence;

    #[test]
    fn the_named_path_counts_and_evidence_adds_to_it() {
        let says = |layer: Layer| {
            let resolution = Nanos::from_millis(1);
            Statement::of_response(Says::Inclusive(layer), Nanos::ZERO, resolution, LayerEvidence::XRay, "")
        };
        for (path, passed, stated, expect) in [
            (json!(["apig", "lambda"]), json!([]), vec![], "apig lambda"),
            (json!(["elb", "apig"]), json!([]), vec![Layer::Elb, Layer::CloudFront], "cloudfront elb apig"),
            (json!(null), json!([]), vec![Layer::Ec2, Layer::Elb, Layer::Apig], "apig elb ec2"),
            (json!(null), json!([]), vec![Layer::LambdaHandler, Layer::ApigWaf], "apig lambda"),
            (
                json!(["nginx", "ec2"]),
                json!([{"layer": "elb", "certainty": "likely", "by": []}, {"layer": "apig", "certainty": "possible", "by": []}]),
                vec![],
                "nginx elb ec2",
            ),
        ] {
            let trace = trace("https://example.com/", 1, 1, &json!({"path": path, "passed": passed}));
            let statements: Vec<_> = stated.into_iter().map(says).collect();
            let chain = Chain::of(&trace, &statements);
            let layers: Vec<&str> = chain.layers().iter().map(Layer::as_str).collect();
            assert_eq!(layers.join(" "), expect, "{path}");
        }
    }
}
