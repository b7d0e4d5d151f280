//! Logs of application load balancers (Elastic Load Balancing user guide, "Access log entries", "Connection log entries").

use super::balancer::{escaped, processing, url};
use super::stamp::{micros, seconds};
use super::{ACCOUNT, client_connection, region};
use crate::lab::connection::{Connection, Handshake};
use crate::lab::profile::Profile;
use crate::lab::served::{LayerTime, Served};
use crate::time::Nanos;

/// What the client's having gone away is called (user guide, "HTTP 460").
const CLIENT_GONE: u16 = 460;

/// One line, without its end.
pub(super) fn access(served: &Served, part: &LayerTime, profile: &Profile) -> String {
    let clock = profile.clocks.elb;
    let connection = client_connection(served, part);
    let tls = connection.and_then(|connection| connection.tls.as_ref());
    let asked = &part.asked;
    let kind = match (tls, asked.version) {
        (Some(_), "HTTP/2.0") => "h2",
        (Some(_), _) => "https",
        (None, _) => "http",
    };
    let region = region(served);
    let balancer = format!("app/lab-{}/50dc6c495c0c9188", part.station);
    let [target, target_group] = match part.call {
        Some(_) => [
            "127.0.0.1:80".to_owned(),
            format!(
                "arn:aws:elasticloadbalancing:{region}:{ACCOUNT}:targetgroup/lab-{}/73e2d6bc24d8a067",
                part.station
            ),
        ],
        None => ["-", "-"].map(str::to_owned),
    };
    let status = part.status.unwrap_or(CLIENT_GONE);
    // "Recorded only if … the target sent a response".
    let has_answered = part.call.is_some_and(|call| call.first_byte.is_some());
    let target_status = part.status.filter(|_| has_answered).map_or_else(|| "-".to_owned(), |it| it.to_string());
    let is_redirect = part.call.is_none() && part.status.is_some();
    let certificate = match tls {
        Some(_) => format!("arn:aws:acm:{region}:{ACCOUNT}:certificate/12345678-1234-1234-1234-123456789012"),
        None => "-".to_owned(),
    };
    let quoted = |text: &str| format!("\"{text}\"");
    let words: Vec<String> = vec![
        kind.to_owned(),
        micros(clock.shown(part.entered_at + part.total)),
        balancer,
        asked.client.to_string(),
        target.clone(),
        written(processing(part)),
        status.to_string(),
        target_status.clone(),
        asked.received.to_string(),
        if part.status.is_some() { part.sent } else { 0 }.to_string(),
        quoted(&format!("{} {} {}", asked.method, url(part, connection), asked.version)),
        quoted(&escaped(asked.user_agent.as_deref().unwrap_or("-"))),
        tls.map_or("-", |tls| tls.cipher.as_str()).to_owned(),
        tls.map_or("-", |tls| tls.protocol).to_owned(),
        target_group,
        quoted(&escaped(part.trace_header.as_deref().unwrap_or("-"))),
        quoted(tls.and_then(|tls| tls.server_name.as_deref()).unwrap_or("-")),
        quoted(&certificate),
        "0".to_owned(),
        micros(clock.shown(part.entered_at)),
        quoted(if is_redirect { "redirect" } else { "forward" }),
        quoted(if is_redirect { "https://ec2.lab.test:443/" } else { "-" }),
        quoted("-"),
        quoted(&target),
        quoted(&target_status),
        quoted("-"),
        quoted("-"),
        connection.map_or_else(|| "-".to_owned(), trace_of),
        quoted("-"),
        quoted("-"),
        quoted("-"),
        "127.0.0.1".to_owned(),
    ];
    words.join(" ")
}

/// Three lengths, or -1 where one is not recorded.
fn written(lengths: [Option<Nanos>; 3]) -> String {
    lengths.map(|length| length.map_or_else(|| "-1".to_owned(), seconds)).join(" ")
}

fn trace_of(connection: &Connection) -> String {
    format!("TID_{:032x}", connection.id)
}

/// One line of the connection log, without its end. Clients show no certificate here.
pub(super) fn connection(handshake: &Handshake, profile: &Profile) -> String {
    let Handshake { accepted_at, took, client, connection, .. } = handshake;
    let (protocol, cipher) = connection.tls.as_ref().map_or(("-", "-"), |tls| (tls.protocol, tls.cipher.as_str()));
    let done = profile.clocks.elb.shown(*accepted_at + *took);
    format!(
        "{} {} {} {} {protocol} {cipher} {} \"-\" - - - {}",
        micros(done),
        client.ip(),
        client.port(),
        connection.port,
        seconds(*took),
        trace_of(connection)
    )
}
