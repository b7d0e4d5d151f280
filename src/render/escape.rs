//! What a server sent, made safe to print.
//!
//! Invariant: [`printable`] leaves nothing that moves a cursor, changes a colour, starts a line or reorders text, so that a
//! header field cannot forge what the lines around it say (CWE-150, and CVE-2021-42574 for the bidirectional controls).
//!
//! Deliberately absent: making the result reversible. It is for reading.

use std::fmt::Write as _;

/// The text with every control and invisible formatting character written as an escape: `\n`, `\x1b`, `\u{202e}`.
pub(super) fn printable(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        if is_unsafe(character) {
            escape_into(&mut safe, character);
        } else {
            safe.push(character);
        }
    }
    safe
}

/// As [`printable`], and everything that is not ASCII is escaped too.
pub(super) fn printable_ascii(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        if is_unsafe(character) || !character.is_ascii() {
            escape_into(&mut safe, character);
        } else {
            safe.push(character);
        }
    }
    safe
}

/// Controls (C0, DEL, C1), line and paragraph separators, and characters that take no column or turn the reading direction.
pub(super) fn is_unsafe(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

fn escape_into(safe: &mut String, character: char) {
    match character {
        '\n' => safe.push_str("\\n"),
        '\r' => safe.push_str("\\r"),
        '\t' => safe.push_str("\\t"),
        _ if character.is_ascii() => _ = write!(safe, "\\x{:02x}", u32::from(character)),
        _ => _ = write!(safe, "\\u{{{:x}}}", u32::from(character)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_steer_a_terminal_is_spelled_out() {
        for (text, expect, ascii) in [
            ("nginx/1.25", "nginx/1.25", "nginx/1.25"),
            ("\x1b[31mred\x07", "\\x1b[31mred\\x07", "\\x1b[31mred\\x07"),
            ("a\r\nb\tc", "a\\r\\nb\\tc", "a\\r\\nb\\tc"),
            ("\u{9b}2J", "\\u{9b}2J", "\\u{9b}2J"),
            ("abc\u{202e}gpj.exe", "abc\\u{202e}gpj.exe", "abc\\u{202e}gpj.exe"),
            ("zürich", "zürich", "z\\u{fc}rich"),
            ("", "", ""),
        ] {
            assert_eq!(printable(text), expect);
            assert_eq!(printable_ascii(text), ascii);
        }
    }
}
