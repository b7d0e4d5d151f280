//! Response heads as text, for `-D`.
//!
//! Field names are in lower case and the reason phrase is left out: a trace keeps neither, and neither means anything
//! (RFC 9110 §5.1, RFC 9112 §4). Secrets are redacted as everywhere.

use crate::trace::Response;

/// The status line, the fields, and an empty line.
#[must_use]
pub fn response_head(response: &Response) -> String {
    let fields = response.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n"));
    std::iter::once(format!("{} {}\r\n", response.version, response.status))
        .chain(fields)
        .chain(["\r\n".to_owned()])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_ends_with_an_empty_line() {
        let response = Response {
            status: 204,
            version: "HTTP/2".to_owned(),
            headers: vec![("server".to_owned(), "nginx".to_owned())],
            header_bytes: 20,
            body_bytes: 0,
            informational: vec![],
            head_complete: None,
            first_body_byte: None,
        };
        assert_eq!(response_head(&response), "HTTP/2 204\r\nserver: nginx\r\n\r\n");
    }
}
