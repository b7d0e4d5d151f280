//! The fields of a line, as load balancers write them: parted by spaces, some in double quotes.
//!
//! A quoted field ends at a quote that a space or the line's end follows, and that is not escaped: ALPN lists
//! (`"h2","http/1.1"`) and agents with quotes in them stay whole. Fields are only ever appended by AWS, so a line may have more
//! or fewer than one knows.

use memchr::memchr;

/// Iterates over the fields of a line, without their quotes.
#[derive(Clone, Debug)]
pub(super) struct Fields<'l>(&'l [u8]);

impl<'l> Fields<'l> {
    pub(super) const fn of(line: &'l [u8]) -> Self {
        Self(line)
    }
}

impl<'l> Iterator for Fields<'l> {
    type Item = &'l [u8];

    fn next(&mut self) -> Option<&'l [u8]> {
        while let Some(rest) = self.0.strip_prefix(b" ") {
            self.0 = rest;
        }
        if self.0.is_empty() {
            return None;
        }
        let (from, end) = if let Some(quoted) = self.0.strip_prefix(b"\"") {
            (quoted, closing_quote(quoted))
        } else {
            (self.0, memchr(b' ', self.0))
        };
        let end = end.unwrap_or(from.len());
        let (field, rest) = (from.get(..end), from.get(end + 1..));
        self.0 = rest.unwrap_or_default();
        field
    }
}

fn closing_quote(quoted: &[u8]) -> Option<usize> {
    let mut from = 0;
    while let Some(found) = memchr(b'"', quoted.get(from..)?) {
        let at = from + found;
        let ends = matches!(quoted.get(at + 1), None | Some(b' '));
        let escapes = quoted.get(..at)?.iter().rev().take_while(|byte| **byte == b'\\').count();
        if ends && escapes % 2 == 0 {
            return Some(at);
        }
        from = at + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_hold_fields_together() {
        let cases: &[(&str, &[&str])] = &[
            ("a b c", &["a", "b", "c"]),
            ("a  b ", &["a", "b"]),
            (r#"a "b c" d"#, &["a", "b c", "d"]),
            (r#""" "x""#, &["", "x"]),
            (r#"-"h2","http/1.1" t"#, &[r#"-"h2","http/1.1""#, "t"]),
            (r#""h2","http/1.1" t"#, &[r#"h2","http/1.1"#, "t"]),
            (r#""an \"agent\" x" y"#, &[r#"an \"agent\" x"#, "y"]),
            (r#""it"s here" y"#, &[r#"it"s here"#, "y"]),
            (r#""never closed y"#, &["never closed y"]),
            ("", &[]),
        ];
        for (line, expected) in cases {
            let fields: Vec<_> = Fields::of(line.as_bytes()).collect();
            let expected: Vec<_> = expected.iter().map(|field| field.as_bytes()).collect();
            assert_eq!(fields, expected, "{line}");
        }
    }
}
