//! Layers by the fields of a response, one by one; what several of them together mean is [`super::passed`]'s.
//!
//! Fields of AWS as its responses show them and its documentation names them (API Gateway, "Important notes": remapped headers;
//! Elastic Load Balancing, "Sticky sessions"; CloudFront, "Server-Timing header"); Cloudflare, Fastly, Envoy, Google Cloud,
//! Azure Front Door and Akamai as each documents its own.

use super::hint::{Hint, named};
use crate::trace::layers::{Certainty, Sign};
use crate::trace::{Layer, Response, ServerMetric};

/// What each field says by itself.
pub(super) fn hints(response: &Response, metrics: &[ServerMetric]) -> Vec<Hint> {
    let mut hints = Vec::new();
    for (name, value) in &response.headers {
        let sign = || Sign::Header(name.clone());
        hints.extend(match name.as_str() {
            "set-cookie" => cookie(value),
            "server-timing" => None,
            _ => field(name, value).map(|(layer, certainty, kind)| {
                let hint = Hint::new(layer, certainty, sign());
                if kind.is_empty() { hint } else { hint.of_kind(kind) }
            }),
        });
        if name == "x-amzn-trace-id" && lineage(value) {
            hints.push(Hint::new(Layer::Lambda, Certainty::Likely, sign()).of_kind("the trace header has its Lineage"));
        }
    }
    hints.extend(metrics.iter().filter_map(metric));
    hints
}

fn field(name: &str, value: &str) -> Option<(Layer, Certainty, &'static str)> {
    use Certainty::{Certain, Likely};
    let lower = value.to_ascii_lowercase();
    let found = match name {
        "x-amz-cf-id" | "x-amz-cf-pop" => (Layer::CloudFront, Certain, ""),
        "via" if lower.contains("(cloudfront)") => (Layer::CloudFront, Certain, ""),
        "x-cache" if lower.ends_with(" from cloudfront") => (Layer::CloudFront, Certain, cache_result(&lower)),
        "x-amz-apigw-id" => (Layer::Apig, Certain, "REST API"),
        "apigw-requestid" => (Layer::Apig, Certain, "HTTP API"),
        "x-amzn-remapped-x-amzn-requestid" => {
            (Layer::Apig, Certain, "REST API, in front of another API Gateway or AWS service")
        }
        _ if name.starts_with("x-amzn-remapped-") => {
            (Layer::Apig, Certain, "REST API, in front of an HTTP or VPC backend")
        }
        "server" if lower.starts_with("awselb/") => (Layer::Elb, Certain, "application, which answered by itself"),
        "x-amz-id-2" => (Layer::Service, Likely, "s3"),
        "cf-ray" => (named("cloudflare"), Certain, ""),
        "cf-cache-status" => (named("cloudflare"), Likely, ""),
        "x-timer" if is_fastly_timer(value) => (named("fastly"), Certain, ""),
        "x-served-by" if lower.contains("cache-") => (named("fastly"), Likely, ""),
        "x-envoy-upstream-service-time" => (named("envoy"), Certain, ""),
        "via" if lower.contains("1.1 google") => (named("google"), Certain, ""),
        "x-azure-ref" => (named("azure"), Certain, ""),
        "server" if lower == "akamaighost" || lower == "akamainetstorage" => (named("akamai"), Certain, ""),
        _ => return None,
    };
    Some(found)
}

/// The layer that says that it answered without asking anybody.
pub(super) fn answered_by(response: &Response) -> Option<Layer> {
    let cache = response.header("x-cache").unwrap_or_default().to_ascii_lowercase();
    let by_edge = ["hit from cloudfront", "functiongeneratedresponse from cloudfront", "redirect from cloudfront"];
    let by_balancer = response.header("server").is_some_and(|server| server.starts_with("awselb/"));
    if by_edge.contains(&cache.as_str()) { Some(Layer::CloudFront) } else { by_balancer.then_some(Layer::Elb) }
}

/// What CloudFront did with the request.
fn cache_result(value: &str) -> &'static str {
    match value.split(' ').next().unwrap_or_default() {
        "hit" => "answered from its cache",
        "refreshhit" => "revalidated what it had",
        "miss" => "asked the origin",
        "error" => "answered with an error",
        "lambdageneratedresponse" => "answered by Lambda@Edge",
        "functiongeneratedresponse" => "answered by a CloudFront function",
        "redirect" => "redirected",
        _ => "",
    }
}

/// `Lineage=1:<8 hex>:0`, which Lambda alone adds.
fn lineage(value: &str) -> bool {
    value.split(';').filter_map(|part| part.trim().split_once('=')).any(|(name, _)| name == "Lineage")
}

/// `S<seconds>,VS0,VE<ms>`.
fn is_fastly_timer(value: &str) -> bool {
    value.starts_with('S') && value.contains(",VS")
}

/// The cookies that load balancers set to keep a client on one target. Redaction leaves their names.
fn cookie(value: &str) -> Option<Hint> {
    let (name, _) = value.split_once('=')?;
    let name = name.trim();
    let is_application = ["AWSALB", "AWSALBCORS", "AWSALBTG", "AWSALBTGCORS"].contains(&name)
        || ["AWSALBTG-", "AWSALBAPP-"].iter().any(|prefix| name.starts_with(prefix));
    let kind = match name {
        _ if is_application => "application",
        "AWSELB" | "AWSELBCORS" => "classic",
        _ => return None,
    };
    Some(Hint::new(Layer::Elb, Certainty::Certain, Sign::Cookie(name.to_owned())).of_kind(kind))
}

/// Metrics whose names are one provider's.
fn metric(metric: &ServerMetric) -> Option<Hint> {
    use Certainty::{Certain, Likely, Possible};
    let (layer, certainty, kind) = match metric.name.as_str() {
        "cdn-cache-hit" => (Layer::CloudFront, Likely, "answered from its cache"),
        "cdn-cache-refresh" => (Layer::CloudFront, Likely, "revalidated what it had"),
        "cdn-cache-miss" => (Layer::CloudFront, Likely, "asked the origin"),
        name if name.starts_with("cdn-") => (Layer::CloudFront, Likely, ""),
        "cfEdge" | "cfOrigin" | "cfCacheStatus" | "cfRequestDuration" => (named("cloudflare"), Certain, ""),
        "ak_p" => (named("akamai"), Certain, ""),
        // Akamai's, but a word that anybody may use.
        "edge" | "origin" if metric.duration.is_some() => (named("akamai"), Possible, ""),
        _ => return None,
    };
    let hint = Hint::new(layer, certainty, Sign::ServerTiming(metric.name.clone()));
    Some(if kind.is_empty() { hint } else { hint.of_kind(kind) })
}
