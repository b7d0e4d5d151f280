//! API Gateway's access log, as JSON of the context variables (developer guides, "Variables for access logging").
//!
//! The format is the user's own; this is the usual one, each variable under its own name. An HTTP API knows fewer of them: it
//! has no firewall, no X-Ray and no extended id of its own.

use serde_json::{Map, Value};

use super::stamp::{common_log, epoch_millis, whole_millis};
use super::{ACCOUNT, field};
use crate::lab::profile::Profile;
use crate::lab::served::{LayerTime, Served};
use crate::time::Nanos;

/// What the client's having gone away is called.
const CLIENT_GONE: u16 = 499;

/// One line, without its end.
pub(super) fn line(served: &Served, part: &LayerTime, profile: &Profile) -> String {
    let asked = &part.asked;
    let started = profile.clocks.apig.shown(part.entered_at);
    let status = part.status.unwrap_or(CLIENT_GONE).to_string();
    let is_rest = part.extended_request_id.is_some();
    let behind = served.layers.iter().find(|behind| behind.entered_at > part.entered_at);
    let integration_id = behind.and_then(|behind| behind.request_id.clone());
    let integration = part.call.and_then(|call| call.total);
    let integration_status = part.call.and(part.status).map(|status| status.to_string());
    let host = asked.authority.rsplit_once(':').map_or(asked.authority.as_str(), |(host, _)| host);
    let path = asked.target.split('?').next().unwrap_or("/");
    let text = |text: &str| Some(text.to_owned());
    let mut log = Variables::default();
    log.put("requestId", part.request_id.clone());
    log.put("extendedRequestId", part.extended_request_id.clone().or_else(|| part.request_id.clone()));
    log.put("accountId", text(ACCOUNT));
    log.put("apiId", host.split('.').next().map(str::to_owned));
    log.put("stage", text("$default"));
    log.put("domainName", text(host));
    log.put("identity.sourceIp", Some(asked.client.ip().to_string()));
    log.put("identity.userAgent", asked.user_agent.clone());
    log.put("requestTime", Some(common_log(started)));
    log.put("requestTimeEpoch", Some(epoch_millis(started).to_string()));
    log.put("httpMethod", Some(asked.method.clone()));
    log.put("path", text(path));
    log.put("protocol", text(asked.version));
    log.put("status", Some(status));
    log.put("responseLength", part.status.map(|_| part.sent.to_string()));
    log.latency("responseLatency", Some(part.total));
    log.latency("integrationLatency", integration);
    log.latency("integration.latency", integration);
    log.put("integration.requestId", integration_id.clone());
    log.put("awsEndpointRequestId", integration_id);
    log.put("integration.status", integration_status);
    if is_rest {
        log.latency("waf.latency", part.guards.waf);
        log.latency("authenticate.latency", None);
        log.latency("authorizer.latency", part.guards.authorizer);
        log.latency("authorize.latency", None);
        let root = part.trace_header.as_deref().and_then(|header| field(header, "Root"));
        log.put("xrayTraceId", root.map(str::to_owned));
    }
    Value::Object(log.0).to_string()
}

/// A document in which every value is a text, and what is absent is `-`.
#[derive(Default)]
struct Variables(Map<String, Value>);

impl Variables {
    fn put(&mut self, name: &str, value: Option<String>) {
        self.0.insert(name.to_owned(), Value::String(value.unwrap_or_else(|| "-".to_owned())));
    }

    /// Whole milliseconds.
    fn latency(&mut self, name: &str, length: Option<Nanos>) {
        self.put(name, length.map(|length| whole_millis(length).to_string()));
    }
}
