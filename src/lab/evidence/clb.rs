//! Access log of classic load balancers (user guide for Classic Load Balancers, "Access log entries").
//!
//! Microseconds, dated by when the request was received; sizes are those of bodies, without headers. It has no field for the
//! trace header, which these load balancers do not know. What they write of a client that went away is not documented: here
//! there is no status (0, as without a backend), and the times that never came are -1.

use super::balancer::{escaped, processing, url};
use super::client_connection;
use super::stamp::{micros, seconds_and_micros};
use crate::lab::profile::Profile;
use crate::lab::served::{LayerTime, Served};

/// One line, without its end.
pub(super) fn access(served: &Served, part: &LayerTime, profile: &Profile) -> String {
    let connection = client_connection(served, part);
    let tls = connection.and_then(|connection| connection.tls.as_ref());
    let asked = &part.asked;
    let lengths = processing(part);
    let [status, backend_status] =
        [part.status, part.status.filter(|_| lengths[1].is_some())].map(Option::unwrap_or_default);
    let words = [
        micros(profile.clocks.elb.shown(part.entered_at)),
        format!("lab-{}", part.station),
        asked.client.to_string(),
        if part.call.is_some() { "127.0.0.1:80" } else { "-" }.to_owned(),
        lengths.map(|length| length.map_or_else(|| "-1".to_owned(), seconds_and_micros)).join(" "),
        status.to_string(),
        backend_status.to_string(),
        asked.body.to_string(),
        if part.status.is_some() { part.body } else { 0 }.to_string(),
        format!("\"{} {} {}\"", asked.method, url(part, connection), asked.version),
        format!("\"{}\"", escaped(asked.user_agent.as_deref().unwrap_or("-"))),
        tls.map_or("-", |tls| tls.cipher.as_str()).to_owned(),
        tls.map_or("-", |tls| tls.protocol).to_owned(),
    ];
    words.join(" ")
}
