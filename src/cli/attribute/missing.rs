//! Which logs would speak of the layers of these requests.

use crate::target::LayerPath;
use crate::trace::{Layer, Trace};

/// `--apig or --xray for apig, --lambda or --xray for lambda`: of the layers that the targets' paths name or responses show.
pub(super) fn missing(traces: &[Trace]) -> String {
    if traces.iter().all(|trace| trace.response.is_none()) {
        return "a response (none of the requests has one, so none has a wait)".to_owned();
    }
    let mut layers: Vec<Layer> = Vec::new();
    for trace in traces {
        let named =
            trace.subject.path.iter().flat_map(LayerPath::layers).map(|name| Layer::from(name.to_owned()).whole());
        for layer in named.chain(trace.passed.iter().map(|passed| passed.layer.clone())) {
            if !layers.contains(&layer) {
                layers.push(layer);
            }
        }
    }
    let flags: Vec<String> = layers.iter().filter_map(|layer| Some(format!("{} for {layer}", flags(layer)?))).collect();
    if flags.is_empty() {
        return "any log of a layer (--alb, --apig, --cloudfront, --lambda, --xray, …); path = [\"elb\", \"ec2\"] in a file of \
                targets says which layers there are"
            .to_owned();
    }
    flags.join(", ")
}

/// The logs that tell a layer's time; `None` of a layer that none of them tells.
const fn flags(layer: &Layer) -> Option<&'static str> {
    Some(match layer {
        Layer::CloudFront => "--cloudfront or --cloudfront-realtime",
        Layer::Elb => "--alb or --clb",
        Layer::Apig => "--apig or --xray",
        Layer::Lambda => "--lambda or --xray",
        Layer::Ec2 | Layer::Fargate | Layer::Service => "--xray, or the log of the layer before it,",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::render::sample;

    fn check(more: &[(&str, serde_json::Value)], expect: &str) {
        let mut value = serde_json::to_value(sample::secure()).unwrap();
        for (key, field) in more {
            value[*key] = field.clone();
        }
        let said = missing(&[serde_json::from_value(value).unwrap()]);
        assert!(said.starts_with(expect), "{said}");
    }

    #[test]
    fn each_layer_has_its_logs() {
        check(&[("path", json!(["apig", "lambda"]))], "--apig or --xray for apig, --lambda or --xray for lambda");
        let passed = json!([{"layer": "elb", "certainty": "certain", "by": []}]);
        check(&[("path", json!(null)), ("passed", passed)], "--alb or --clb for elb");
        check(&[("path", json!(null)), ("passed", json!([]))], "any log of a layer (--alb");
        check(&[("response", json!(null))], "a response (none");
    }
}
