//! Which address a trace's hops lead to: pure.

use std::net::{IpAddr, SocketAddr};

use crate::trace::{Connect, FailureCode, Trace};

/// What is to be probed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leg {
    /// The trace's own address; `None` leaves it to the routing table.
    pub source: Option<IpAddr>,
    /// Where its connection went.
    pub destination: SocketAddr,
    /// What the connection says of that.
    pub kind: LegKind,
}

/// What became of the connection that a path is that of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LegKind {
    /// It leads to the server, or to whoever answers in its name.
    Direct,
    /// It leads to a proxy: what lies behind that is not on the path.
    Proxy,
    /// It did not come about; this is the address that was tried first.
    Failed,
}

/// Why there is nothing to probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unprobed {
    /// The connection is that of an earlier request.
    #[error("the connection of an earlier request was used")]
    Reused,
    /// A unix socket has no hops.
    #[error("a unix socket has no hops")]
    Local,
    /// No address was known, so none was connected to.
    #[error("no address was connected to")]
    NoAddress,
    /// The user pressed Ctrl-C.
    #[error("the request was interrupted")]
    Interrupted,
}

/// What to probe for a trace.
///
/// # Errors
/// Where its path is that of another trace, or it has none.
pub fn leg(trace: &Trace) -> Result<Leg, Unprobed> {
    if trace.failure().is_some_and(|failure| failure.code == FailureCode::ClientInterrupted) {
        return Err(Unprobed::Interrupted);
    }
    let connect = trace.connect.as_ref().ok_or(Unprobed::NoAddress)?;
    if connect.reused {
        return Err(Unprobed::Reused);
    }
    let (address, kind) = match (&connect.remote, connect.proxy.is_some()) {
        (Some(remote), true) => (remote.as_str(), LegKind::Proxy),
        (Some(remote), false) => (remote.as_str(), LegKind::Direct),
        (None, _) => (first_tried(connect).ok_or(Unprobed::NoAddress)?, LegKind::Failed),
    };
    let destination: SocketAddr = address.parse().map_err(|_| Unprobed::Local)?;
    let local = connect.local.as_deref().and_then(|local| local.parse().ok());
    let destination = on_the_wire(destination);
    let source = local.map(|local: SocketAddr| local.ip().to_canonical());
    let source = source.filter(|source| source.is_ipv4() == destination.is_ipv4());
    Ok(Leg { source, destination, kind })
}

/// An address that is IPv4's mapped into IPv6 (RFC 4291 §2.5.5.2) is reached over IPv4. Others keep their zone.
fn on_the_wire(address: SocketAddr) -> SocketAddr {
    match address.ip().to_canonical() {
        IpAddr::V4(mapped) => SocketAddr::new(mapped.into(), address.port()),
        IpAddr::V6(_) => address,
    }
}

fn first_tried(connect: &Connect) -> Option<&str> {
    connect.attempts.first().map(|attempt| attempt.address.as_str())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn check(connect: Value, failure: Option<&str>, expect: Result<(Option<&str>, &str, LegKind), Unprobed>) {
        let failure = failure.map_or(Value::Null, |code| json!({"phase": "connect", "code": code, "message": ""}));
        let outcome = if failure.is_null() { "complete" } else { "failed" };
        let mut trace = json!({
            "schema": "wirefall/trace/1", "trace_id": "0".repeat(32), "url": "http://a/", "method": "GET",
            "started_at": "2026-11-21T04:38:33Z", "outcome": outcome, "failure": failure, "redirected_from": null,
            "total_ns": 0, "phases": [], "client": {"lag_ns": 0},
        });
        if !connect.is_null() {
            trace["connect"] = connect;
        }
        let found = leg(&serde_json::from_value(trace).unwrap());
        let expect = expect.map(|(source, destination, kind)| Leg {
            source: source.map(|source| source.parse().unwrap()),
            destination: destination.parse().unwrap(),
            kind,
        });
        assert_eq!(found, expect);
    }

    fn to(local: &str, remote: &str) -> Value {
        json!({"reused": false, "local": local, "remote": remote, "attempts": []})
    }

    #[test]
    fn hops_lead_to_where_the_connection_went() {
        let tried = json!([
            {"address": "[2001:db8::7]:443", "start_ns": 0, "result": "failed", "error": "ETIMEDOUT"},
            {"address": "198.51.100.2:443", "start_ns": 9, "result": "abandoned", "error": null},
        ]);
        let failed = json!({"reused": false, "attempts": tried});
        let mut proxied = to("192.0.2.1:5000", "192.0.2.9:3128");
        proxied["proxy"] = json!("http://proxy:3128/");
        let mut reused = to("192.0.2.1:5000", "192.0.2.9:443");
        reused["reused"] = json!(true);
        let direct = |source, destination| Ok((Some(source), destination, LegKind::Direct));

        check(to("192.0.2.1:5000", "198.51.100.2:443"), None, direct("192.0.2.1", "198.51.100.2:443"));
        check(to("[::1]:5000", "[::1]:80"), Some("wait.timeout"), direct("::1", "[::1]:80"));
        check(to("[::ffff:192.0.2.1]:5000", "[::ffff:198.51.100.2]:80"), None, direct("192.0.2.1", "198.51.100.2:80"));
        check(to("[fe80::1%3]:5000", "[fe80::2%3]:80"), None, direct("fe80::1", "[fe80::2%3]:80"));
        check(proxied, None, Ok((Some("192.0.2.1"), "192.0.2.9:3128", LegKind::Proxy)));
        check(failed.clone(), Some("connect.timeout"), Ok((None, "[2001:db8::7]:443", LegKind::Failed)));
        check(failed, Some("client.interrupted"), Err(Unprobed::Interrupted));
        check(reused, None, Err(Unprobed::Reused));
        check(json!({"reused": false, "remote": "/run/x.sock", "attempts": []}), None, Err(Unprobed::Local));
        check(Value::Null, Some("dns.nxdomain"), Err(Unprobed::NoAddress));
        check(json!({"reused": false, "attempts": []}), Some("connect.refused"), Err(Unprobed::NoAddress));
    }
}
