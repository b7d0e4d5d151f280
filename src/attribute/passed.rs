//! Signs put together: which layers one request passed, each with how sure that is and by what.
//!
//! A sign alone often means two things, and only the others beside it tell which: `x-amzn-requestid` is API Gateway's where
//! `x-amz-apigw-id` stands beside it, a function URL's where the trace header does, and any service's else. What cannot be told
//! apart is said in the layer's kind: an edge-optimised REST API on a custom domain answers exactly as a regional one behind a
//! distribution of one's own.
//!
//! Layers come outermost first: accelerators and edges, then what the URL's host names, then other front doors, then what runs
//! code. Where the target's path is named by its user, that order counts.

use std::net::{IpAddr, SocketAddr};

use super::hint::{BALANCERS, EITHER_BALANCER, Hint};
use super::{headers, names};
use crate::event::DnsSource;
use crate::target::LayerPath;
use crate::trace::layers::{Certainty, Sign};
use crate::trace::{Layer, Passed, Trace};

/// The layers that the trace's response, host name and chain of canonical names give away, outermost first.
#[must_use]
pub fn passed(trace: &Trace) -> Vec<Passed> {
    let response = trace.response.as_ref();
    let mut hints = response.map_or(Vec::new(), |response| headers::hints(response, &trace.server_timing));
    hints.extend(by_name(trace));
    hints.extend(request_id(trace, &hints));
    let mut passed: Vec<Passed> = Vec::new();
    for hint in hints {
        let known = passed.iter_mut().find(|known| known.layer == hint.layer);
        match known {
            Some(known) => add(known, hint),
            None => passed.push(Passed {
                layer: hint.layer,
                certainty: hint.certainty,
                kind: hint.kind,
                by: vec![hint.sign],
            }),
        }
    }
    tell_apart(&mut passed, trace);
    sort(&mut passed, trace);
    passed
}

fn add(known: &mut Passed, hint: Hint) {
    known.certainty = known.certainty.max(hint.certainty);
    if !known.by.contains(&hint.sign) {
        known.by.push(hint.sign);
    }
    let Some(kind) = hint.kind else { return };
    known.kind = Some(match known.kind.take() {
        Some(old) => together(old, kind),
        None => kind,
    });
}

/// What two signs say of a layer's kind.
fn together(old: String, kind: String) -> String {
    // Names do not tell these two from each other; other signs do.
    let is_told = !old.starts_with(EITHER_BALANCER) && BALANCERS.iter().any(|balancer| old.starts_with(balancer));
    if let Some(place) = kind.strip_prefix(EITHER_BALANCER)
        && is_told
    {
        return if old.ends_with(place) { old } else { old + place };
    }
    // What one sign says more exactly than another.
    if old.contains(&kind) {
        return old;
    }
    if kind.contains(&old) {
        return kind;
    }
    match kind.strip_prefix("REST API, ") {
        Some(rest) if old.starts_with("REST API") => format!("{old}, {rest}"),
        _ => format!("{old}, {kind}"),
    }
}

fn by_name(trace: &Trace) -> Vec<Hint> {
    let url = url::Url::parse(&trace.subject.url).ok();
    // Where the hosts file or the user chose the address, the name may lie.
    let chosen = trace.dns.as_ref().is_some_and(|dns| dns.source != DnsSource::Network);
    let certainty = if chosen { Certainty::Likely } else { Certainty::Certain };
    let mut hints = match url.as_ref().and_then(url::Url::host) {
        Some(url::Host::Domain(host)) => names::hints(host, certainty, Sign::Host),
        _ => Vec::new(),
    };
    let answers = trace.dns.iter().flat_map(|dns| &dns.queries).filter_map(|query| query.answer.as_ref());
    hints.extend(answers.flat_map(|answer| &answer.cname).flat_map(|name| names::hints(name, certainty, Sign::Cname)));
    match reached(trace) {
        // The name of a machine, but no machine of AWS's: a tunnel, or a stand-in.
        Some(Reach::ThisMachine) => hints.retain(|hint| hint.layer != Layer::Ec2),
        Some(reach) => {
            for hint in hints.iter_mut().filter(|hint| hint.layer == Layer::Ec2) {
                hint.kind = hint.kind.take().map(|kind| format!("{} address {kind}", reach.word()));
            }
        }
        None => {}
    }
    hints
}

/// What kind of address answered. Public names of machines lead to private addresses from within their network (Amazon VPC user
/// guide, "DNS attributes for your VPC").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    ThisMachine,
    Private,
    Public,
}

impl Reach {
    const fn word(self) -> &'static str {
        match self {
            Self::ThisMachine => "this machine's",
            Self::Private => "a private",
            Self::Public => "a public",
        }
    }
}

/// Which kind the connection led to; `None` where there was none, or where a proxy made the last one.
fn reached(trace: &Trace) -> Option<Reach> {
    let connect = trace.connect.as_ref().filter(|connect| connect.proxy.is_none())?;
    let remote: SocketAddr = connect.remote.as_ref()?.parse().ok()?;
    let address = remote.ip().to_canonical();
    let is_private = match address {
        IpAddr::V4(address) => address.is_private() || address.is_link_local(),
        IpAddr::V6(address) => address.is_unique_local() || address.is_unicast_link_local(),
    };
    Some(match (address.is_loopback() || address.is_unspecified(), is_private) {
        (true, _) => Reach::ThisMachine,
        (false, true) => Reach::Private,
        (false, false) => Reach::Public,
    })
}

/// `x-amzn-requestid` and `x-amzn-errortype`, which many services send: what they mean depends on what is beside them.
fn request_id(trace: &Trace, hints: &[Hint]) -> Vec<Hint> {
    let Some(response) = &trace.response else { return Vec::new() };
    let has = |layer: &Layer| hints.iter().any(|hint| hint.layer == *layer);
    let sign = |name: &str| Sign::Header(name.to_owned());
    let mut found = Vec::new();
    if response.header("x-amzn-requestid").is_some() {
        let id = sign("x-amzn-requestid");
        if has(&Layer::Apig) {
            found.push(Hint::new(Layer::Apig, Certainty::Certain, id));
        } else if has(&Layer::FunctionUrl) || response.header("x-amzn-trace-id").is_some() {
            found.push(Hint::new(Layer::FunctionUrl, Certainty::Likely, id.clone()));
            found.push(Hint::new(Layer::Lambda, Certainty::Likely, id));
            if response.header("x-amzn-trace-id").is_some() {
                found.push(Hint::new(Layer::FunctionUrl, Certainty::Likely, sign("x-amzn-trace-id")));
            }
        } else {
            found.push(Hint::new(Layer::Service, Certainty::Likely, id));
        }
    }
    if let Some(error) = response.header("x-amzn-errortype") {
        let error = error.split(':').next().unwrap_or(error);
        let front = [Layer::Apig, Layer::FunctionUrl].into_iter().find(|layer| has(layer));
        let layer = front.or_else(|| found.first().map(|hint| hint.layer.clone())).unwrap_or(Layer::Service);
        let kind = format!("an error made by AWS itself: {error}");
        found.push(Hint::new(layer, Certainty::Possible, sign("x-amzn-errortype")).of_kind(kind));
    }
    found
}

/// What the layers together say of each other.
fn tell_apart(passed: &mut [Passed], trace: &Trace) {
    let cloudfront = passed.iter().position(|layer| layer.layer == Layer::CloudFront);
    let Some(apig) = passed.iter().position(|layer| layer.layer == Layer::Apig) else { return };
    let kind = passed[apig].kind.clone().unwrap_or_default();
    // A regional name leads to the API itself.
    let is_regional_name = kind.contains("custom domain, regional");
    let is_own_endpoint = passed[apig].by.iter().any(|sign| matches!(sign, Sign::Host(_)));
    let (of_apig, of_cloudfront) = match cloudfront {
        _ if kind.contains("HTTP API") => ("regional", "a distribution of one's own: HTTP APIs have none"),
        None if trace.response.is_some() && kind.contains("REST API") => ("regional", ""),
        Some(_) if is_own_endpoint => ("edge-optimised", "API Gateway's own, of its edge-optimised endpoint"),
        Some(_) if is_regional_name => ("regional", "a distribution of one's own"),
        Some(_) => (
            "edge-optimised, or regional behind a distribution of one's own: responses do not tell",
            "of an edge-optimised API, or a distribution of one's own: responses do not tell",
        ),
        None => return,
    };
    let mut say = |index: usize, more: &str| {
        let kind = &mut passed[index].kind;
        *kind = match kind.take() {
            old if more.is_empty() => old,
            Some(old) if old.contains(more) => Some(old),
            Some(old) => Some(format!("{old}, {more}")),
            None => Some(more.to_owned()),
        };
    };
    say(apig, of_apig);
    if let Some(cloudfront) = cloudfront {
        say(cloudfront, of_cloudfront);
    }
}

fn sort(passed: &mut [Passed], trace: &Trace) {
    let path: Vec<Layer> =
        trace.subject.path.iter().flat_map(LayerPath::layers).map(|name| Layer::from(name.to_owned())).collect();
    passed.sort_by_cached_key(|layer| {
        let place = match layer.layer {
            Layer::GlobalAccelerator => 0,
            Layer::CloudFront => 1,
            Layer::Named(_) => 2,
            Layer::Elb | Layer::Apig | Layer::FunctionUrl => {
                let is_front = layer.by.iter().any(|sign| matches!(sign, Sign::Host(_) | Sign::Cname(_)));
                if is_front { 3 } else { 4 }
            }
            _ => 5,
        };
        (place, layer.layer.clone())
    });
    // Layers of the named path in its order, in the places that they hold together.
    let places: Vec<usize> = (0..passed.len()).filter(|index| path.contains(&passed[*index].layer)).collect();
    let mut named: Vec<Passed> = places.iter().map(|index| passed[*index].clone()).collect();
    named.sort_by_key(|layer| path.iter().position(|name| *name == layer.layer));
    for (index, layer) in places.into_iter().zip(named) {
        passed[index] = layer;
    }
}

#[cfg(test)]
mod tests;
