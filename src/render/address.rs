//! `address:port`, taken apart.

/// Address and port of an end of a connection, without the brackets of IPv6; `None` for the path of a unix socket.
pub(super) fn split(end: &str) -> Option<(&str, u16)> {
    let (host, port) = end.rsplit_once(':')?;
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    Some((host, port.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_and_brackets_come_off() {
        for (end, expect) in [
            ("198.51.100.2:443", Some(("198.51.100.2", 443))),
            ("[2001:db8::9]:443", Some(("2001:db8::9", 443))),
            ("/run/app.sock", None),
            ("198.51.100.2", None),
            ("a:65536", None),
        ] {
            assert_eq!(split(end), expect);
        }
    }
}
