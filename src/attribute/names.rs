//! Layers by host names: what a name in a provider's domain says about what answers to it.
//!
//! AWS: "Service endpoints" in the General Reference, `{id}.execute-api.{region}`, `{id}.lambda-url.{region}.on.aws`; load
//! balancers have their labels in either order. A name is the client's own wish: it is certain unless something else chose the
//! address.

use super::hint::{EITHER_BALANCER, Hint};
use crate::trace::Layer;
use crate::trace::layers::{Certainty, Sign};

/// Domains under which AWS's services have their endpoints: the world's, China's, the European sovereign cloud's.
const AWS: &[&str] = &["amazonaws.com.cn", "amazonaws.com", "amazonaws.eu", "api.aws"];

/// Domains of one layer each.
const DOMAINS: &[(&str, &str)] = &[
    ("cloudfront.net", "cloudfront"),
    ("cloudfront.cn", "cloudfront"),
    ("awsglobalaccelerator.com", "global-accelerator"),
    ("cdn.cloudflare.net", "cloudflare"),
    ("fastly.net", "fastly"),
    ("fastlylb.net", "fastly"),
    ("akamaiedge.net", "akamai"),
    ("akamai.net", "akamai"),
    ("edgekey.net", "akamai"),
    ("edgesuite.net", "akamai"),
    ("azurefd.net", "azure"),
    ("azureedge.net", "azure"),
];

/// What the name says, with the sign that it is.
pub(super) fn hints(name: &str, certainty: Certainty, sign: fn(String) -> Sign) -> Vec<Hint> {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    let hint = |layer: Layer, certainty: Certainty| Hint::new(layer, certainty, sign(name.clone()));
    if let Some((_, layer)) = DOMAINS.iter().find(|(domain, _)| below(&name, domain).is_some()) {
        return vec![hint(Layer::from((*layer).to_owned()), certainty)];
    }
    if let Some(rest) = below(&name, "on.aws")
        && let [.., "lambda-url", region] = labels(rest)[..]
    {
        let kind = format!("in {region}");
        return vec![
            hint(Layer::FunctionUrl, certainty).of_kind(kind.clone()),
            hint(Layer::Lambda, certainty).of_kind(kind),
        ];
    }
    let Some(rest) = AWS.iter().find_map(|domain| below(&name, domain)) else { return Vec::new() };
    let hint = match labels(rest)[..] {
        [id, .., "execute-api" | "execute-api-fips", region] => {
            // A regional custom domain's own name; the ids of APIs are ten letters and digits.
            let kind = if id.starts_with("d-") { "custom domain, regional" } else { "its own endpoint" };
            hint(Layer::Apig, certainty).of_kind(format!("{kind}, in {region}"))
        }
        [.., region, "elb"] => hint(Layer::Elb, certainty).of_kind(format!("{EITHER_BALANCER}, in {region}")),
        [_, .., "elb", region] => hint(Layer::Elb, certainty).of_kind(format!("network, in {region}")),
        [machine, region, "compute"] if machine.starts_with("ec2-") => {
            hint(Layer::Ec2, certainty.min(Certainty::Likely)).of_kind(format!("in {region}"))
        }
        [machine, "compute-1"] if machine.starts_with("ec2-") => {
            hint(Layer::Ec2, certainty.min(Certainty::Likely)).of_kind("in us-east-1")
        }
        [.., service, region] if is_region(region) => {
            hint(Layer::Service, certainty).of_kind(format!("{service} in {region}"))
        }
        [.., region, service] if is_region(region) => {
            hint(Layer::Service, certainty).of_kind(format!("{service} in {region}"))
        }
        [.., service] => hint(Layer::Service, certainty).of_kind(service),
        [] => return Vec::new(),
    };
    vec![hint]
}

/// What stands before a domain.
fn below<'n>(name: &'n str, domain: &str) -> Option<&'n str> {
    name.strip_suffix(domain)?.strip_suffix('.').filter(|rest| !rest.is_empty())
}

fn labels(name: &str) -> Vec<&str> {
    name.split('.').collect()
}

/// `us-east-1`, `us-gov-west-1`, `eusc-de-east-1`.
fn is_region(label: &str) -> bool {
    let parts: Vec<&str> = label.split('-').collect();
    let Some((number, words)) = parts.split_last() else { return false };
    let is_word = |word: &&str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase());
    words.len() >= 2
        && words.iter().all(is_word)
        && number.len() == 1
        && number.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(name: &str, expect: &[(&str, Certainty, Option<&str>)]) {
        let found = hints(name, Certainty::Certain, Sign::Host);
        let found: Vec<_> =
            found.iter().map(|hint| (hint.layer.as_str(), hint.certainty, hint.kind.as_deref())).collect();
        assert_eq!(found, expect, "{name}");
    }

    #[test]
    fn names_in_the_domains_of_providers() {
        use Certainty::{Certain, Likely};
        for (name, layer, certainty, kind) in [
            ("a1b2c3d4e5.execute-api.us-east-1.amazonaws.com", "apig", Certain, "its own endpoint, in us-east-1"),
            ("A1.Execute-API.eu-west-1.amazonaws.com.", "apig", Certain, "its own endpoint, in eu-west-1"),
            ("a1-vpce-0a.execute-api.us-east-1.amazonaws.com", "apig", Certain, "its own endpoint, in us-east-1"),
            ("d-ab12.execute-api.us-east-2.amazonaws.com", "apig", Certain, "custom domain, regional, in us-east-2"),
            ("web-1234567890.us-east-1.elb.amazonaws.com", "elb", Certain, "application or classic, in us-east-1"),
            ("internal-web-1.eu-west-3.elb.amazonaws.com", "elb", Certain, "application or classic, in eu-west-3"),
            ("web-1.cn-north-1.elb.amazonaws.com.cn", "elb", Certain, "application or classic, in cn-north-1"),
            ("web-0a1b.elb.us-east-1.amazonaws.com", "elb", Certain, "network, in us-east-1"),
            ("web-0a1b.elb.eusc-de-east-1.amazonaws.eu", "elb", Certain, "network, in eusc-de-east-1"),
            ("ec2-198-51-100-7.eu-west-1.compute.amazonaws.com", "ec2", Likely, "in eu-west-1"),
            ("ec2-198-51-100-7.compute-1.amazonaws.com", "ec2", Likely, "in us-east-1"),
            ("dynamodb.us-east-1.amazonaws.com", "service", Certain, "dynamodb in us-east-1"),
            ("dynamodb.us-gov-west-1.api.aws", "service", Certain, "dynamodb in us-gov-west-1"),
            ("bucket.s3.eu-central-1.amazonaws.com", "service", Certain, "s3 in eu-central-1"),
            ("search-a.us-east-1.es.amazonaws.com", "service", Certain, "es in us-east-1"),
            ("s3.amazonaws.com", "service", Certain, "s3"),
        ] {
            check(name, &[(layer, certainty, Some(kind))]);
        }
        for (name, layer) in [
            ("d111111abcdef8.cloudfront.net", "cloudfront"),
            ("a1234.awsglobalaccelerator.com", "global-accelerator"),
            ("www.example.com.cdn.cloudflare.net", "cloudflare"),
            ("e1.a.akamaiedge.net", "akamai"),
        ] {
            check(name, &[(layer, Certain, None)]);
        }
        let function = [("function-url", Certain, Some("in us-east-1")), ("lambda", Certain, Some("in us-east-1"))];
        check("abc.lambda-url.us-east-1.on.aws", &function);
        for name in ["example.com", "amazonaws.com", "notcloudfront.net", "192.0.2.1", "", ".", "abc.us-east-1.on.aws"]
        {
            check(name, &[]);
        }
    }

    proptest! {
        #[test]
        fn any_name_is_read(name in "\\PC{0,40}(\\.elb)?(\\.us-east-1)?\\.(amazonaws\\.com|on\\.aws)?") {
            let _ = hints(&name, Certainty::Certain, Sign::Cname);
        }
    }
}
