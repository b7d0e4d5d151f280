//! TLS log of network load balancers (user guide for Network Load Balancers, "Access log entries"): one line for each
//! connection, when it is over.
//!
//! Dated to the second. `connection_time` is from its beginning until it was over, the handshake included, in milliseconds, as
//! `tls_handshake_time` is; sizes are without TLS. The targets are spoken to in clear text, so that no protocol is agreed on
//! with them. A connection whose client named no host of the lab has no line.

use super::stamp::{to_the_second, whole_millis};
use super::{ACCOUNT, NEAREST_REGION};
use crate::lab::connection::Ended;
use crate::lab::profile::Profile;
use crate::time::Nanos;

/// Which of the load balancer's listeners: it has one.
const LISTENER: &str = "0f7c2d31e9b84a56";

/// One line, without its end.
pub(super) fn connection(ended: &Ended, profile: &Profile) -> String {
    let clock = profile.clocks.elb;
    let or_none = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let region = ended.region.as_deref().unwrap_or(NEAREST_REGION);
    let tls = ended.connection.tls.as_ref();
    let millis = |length: Nanos| whole_millis(length).to_string();
    let words = [
        "tls".to_owned(),
        "2.0".to_owned(),
        to_the_second(clock.shown(ended.accepted_at + ended.lasted)),
        format!("net/lab-{}/c6e77e28c25b2234", ended.station),
        LISTENER.to_owned(),
        ended.client.to_string(),
        ended.listener.to_string(),
        millis(ended.lasted),
        or_none(ended.handshake.map(millis)),
        ended.received.to_string(),
        ended.sent.to_string(),
        or_none(ended.alert.map(|alert| alert.to_string())),
        format!("arn:aws:acm:{region}:{ACCOUNT}:certificate/12345678-1234-1234-1234-123456789012"),
        "-".to_owned(),
        or_none(tls.map(|tls| tls.cipher.clone())),
        or_none(tls.map(|tls| tls.protocol.to_ascii_lowercase().replace('.', ""))),
        "-".to_owned(),
        ended.server_name.clone(),
        or_none(tls.and_then(|tls| tls.alpn.clone())),
        "-".to_owned(),
        or_none(Some(offered(&ended.offered)).filter(|offered| !offered.is_empty())),
        to_the_second(clock.shown(ended.accepted_at)),
    ];
    words.join(" ")
}

/// `"h2","http/1.1"`, and as in URLs what could not stand there.
fn offered(protocols: &[Vec<u8>]) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    let byte = |byte: &u8| if is_plain(*byte) { char::from(*byte).to_string() } else { format!("%{byte:02X}") };
    let quoted = |protocol: &Vec<u8>| format!("\"{}\"", protocol.iter().map(byte).collect::<String>());
    protocols.iter().map(quoted).collect::<Vec<_>>().join(",")
}
