//! What the access logs of application and of classic load balancers have in common.

use std::borrow::Cow;

use crate::lab::connection::Connection;
use crate::lab::served::LayerTime;
use crate::time::Nanos;

/// Until the request went to the target, until its response began, until that was passed on. Where the load balancer answers by
/// itself, it records none of them; where nobody waited for the response, only the first.
pub(super) fn processing(part: &LayerTime) -> [Option<Nanos>; 3] {
    let Some(call) = part.call else { return [None; 3] };
    let Some(first_byte) = call.first_byte.filter(|_| part.status.is_some()) else {
        return [Some(call.after), None, None];
    };
    let after = part.total.saturating_sub(call.after + first_byte);
    [call.after, first_byte, after].map(Some)
}

/// With the port, whatever it is.
pub(super) fn url(part: &LayerTime, connection: Option<&Connection>) -> String {
    let asked = &part.asked;
    let well_known = if asked.scheme == "https" { 443 } else { 80 };
    let listener = connection.map_or(well_known, |connection| connection.port);
    let host = asked.authority.rsplit_once(':').map_or(asked.authority.as_str(), |(host, _)| host);
    format!("{}://{host}:{listener}{}", asked.scheme, escaped(&asked.target))
}

/// Quotes and what is not printable are written as their bytes.
pub(super) fn escaped(text: &str) -> Cow<'_, str> {
    let is_plain = |byte: u8| (b' '..=b'~').contains(&byte) && byte != b'"' && byte != b'\\';
    if text.bytes().all(is_plain) {
        return Cow::Borrowed(text);
    }
    let byte = |byte: u8| if is_plain(byte) { char::from(byte).to_string() } else { format!("\\x{byte:02X}") };
    Cow::Owned(text.bytes().map(byte).collect())
}
