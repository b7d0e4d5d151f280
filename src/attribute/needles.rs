//! A glance at a line: may one of some thousand ids stand in it?
//!
//! An id is a run of letters, digits, `-` and `_`; in a line it stands as a whole run, whatever is around it. A run of at least
//! n bytes covers every n-th byte, so only those are looked at, and most of a line is not. A run that is as long as some id is
//! hashed and looked up.
//!
//! Invariant: no false "no". Escapes before an id (`%20`, `\n`, `\u003d`) lend it letters that are not its own: it is looked
//! for without them too. A false "yes" costs a parse.

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};

/// Shorter ids would make every word a suspect: with one of them, every line is looked at.
const SHORTEST: usize = 8;
const LONGEST: usize = 255;

/// What is looked for.
#[derive(Clone, Debug)]
pub(super) struct Needles {
    hashes: HashSet<u64, BuildHasherDefault<Hashed>>,
    lengths: [bool; LONGEST + 1],
    shortest: usize,
    /// Some id is too short, too long or too strange to be found by a glance.
    unfit: Unfit,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unfit {
    None,
    Some,
}

impl Default for Needles {
    fn default() -> Self {
        Self { hashes: HashSet::default(), lengths: [false; LONGEST + 1], shortest: LONGEST, unfit: Unfit::None }
    }
}

impl Needles {
    /// Looks for an id too: for the longest run in it.
    pub(super) fn insert(&mut self, id: &[u8]) {
        let run = id.split(|byte| !in_run(*byte)).max_by_key(|run| run.len()).unwrap_or_default();
        if !(SHORTEST..=LONGEST).contains(&run.len()) {
            self.unfit = Unfit::Some;
            return;
        }
        self.hashes.insert(hash(run));
        if let Some(length) = self.lengths.get_mut(run.len()) {
            *length = true;
        }
        self.shortest = self.shortest.min(run.len());
    }

    /// Whether any of them may stand in a line.
    pub(super) fn may_be_in(&self, line: &[u8]) -> bool {
        if self.unfit == Unfit::Some {
            return true;
        }
        if self.hashes.is_empty() {
            return false;
        }
        let step = self.shortest;
        let mut floor = 0;
        let mut at = step - 1;
        while let Some(&byte) = line.get(at) {
            if !in_run(byte) {
                at += step;
                continue;
            }
            let before = line.get(floor..at).unwrap_or_default();
            let after = line.get(at + 1..).unwrap_or_default();
            let start = at - before.iter().rev().take_while(|byte| in_run(**byte)).count();
            let end = at + 1 + after.iter().take_while(|byte| in_run(**byte)).count();
            if self.is_one(line, start, end) {
                return true;
            }
            floor = end;
            at = end + step;
        }
        false
    }

    /// The run itself, or the run without what an escape before it lent it.
    fn is_one(&self, line: &[u8], start: usize, end: usize) -> bool {
        let known = |lent: usize| {
            let run = line.get(start + lent..end).unwrap_or_default();
            self.lengths.get(run.len()) == Some(&true) && self.hashes.contains(&hash(run))
        };
        if known(0) {
            return true;
        }
        match start.checked_sub(1).and_then(|before| line.get(before)) {
            // %20, and %2520 where that was encoded again.
            Some(b'%') => known(2) || known(4),
            // \n, \x22 and \u003d.
            Some(b'\\') => known(1) || known(3) || known(5),
            _ => false,
        }
    }
}

/// Whether a byte may be part of an id.
#[inline]
fn in_run(byte: u8) -> bool {
    const TABLE: [bool; 256] = {
        let mut table = [false; 256];
        let mut byte = 0;
        while byte < 256 {
            #[expect(clippy::cast_possible_truncation, reason = "it counts to 255")]
            let letter = byte as u8;
            table[byte] = letter.is_ascii_alphanumeric() || letter == b'-' || letter == b'_';
            byte += 1;
        }
        table
    };
    TABLE[usize::from(byte)]
}

/// Eight bytes at a time; good enough to tell ids apart, which are random themselves.
fn hash(run: &[u8]) -> u64 {
    const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;
    let (words, rest) = run.as_chunks::<8>();
    let mut last = [0; 8];
    for (place, byte) in last.iter_mut().zip(rest) {
        *place = *byte;
    }
    let words = words.iter().chain(std::iter::once(&last)).map(|word| u64::from_le_bytes(*word));
    let mixed = words.fold(0, |hash: u64, word| (hash.rotate_left(23) ^ word).wrapping_mul(MULTIPLIER));
    mixed ^ (mixed >> 32)
}

/// The value is a hash already.
#[derive(Clone, Copy, Debug, Default)]
struct Hashed(u64);

impl Hasher for Hashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = hash(bytes);
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ID: &str = "c793869b-ee49-115b-a5b6-4fd21e8dedac";

    fn needles(ids: &[&str]) -> Needles {
        let mut needles = Needles::default();
        for id in ids {
            needles.insert(id.as_bytes());
        }
        needles
    }

    #[test]
    fn ids_are_seen_in_every_surrounding() {
        let cases = [
            (ID.to_owned(), true),
            (format!(r#"{{"requestId":"{ID}","x":1}}"#), true),
            (format!("Root={ID};Parent=53995c3f42cd8ad8"), true),
            (format!("wirefall/0.1.0%20trace%2F{ID}%20x"), true),
            (format!("wirefall/0.1.0%2520trace/x%2520{ID}"), true),
            (format!(r"END\n{ID}\tx"), true),
            (format!(r"Root\u003d{ID}"), true),
            (format!(r#""an \x22agent\x22 \x20{ID}""#), true),
            (format!("x{ID}"), false),
            (format!("{ID}x"), false),
            (ID.replace('c', "d"), false),
            (String::new(), false),
        ];
        for (line, expected) in cases {
            assert_eq!(needles(&[ID, "AbCdEfGh12345678=="]).may_be_in(line.as_bytes()), expected, "{line}");
        }
        assert!(needles(&["AbCdEfGh12345678=="]).may_be_in(b"x AbCdEfGh12345678== y"));
        assert!(!needles(&[]).may_be_in(b"anything"));
        assert!(needles(&["short"]).may_be_in(b"anything"));
        assert!(needles(&["a/b/c"]).may_be_in(b"anything"));
    }

    proptest! {
        #[test]
        fn no_id_that_stands_alone_is_missed(
            before in "[ -~]{0,90}",
            ids in proptest::collection::vec("[A-Za-z0-9_-]{8,60}", 1..6),
            chosen in any::<prop::sample::Index>(),
            after in "[ -~]{0,90}",
        ) {
            let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
            let line = format!("{before} {} {after}", chosen.get(&ids));
            prop_assert!(needles(&ids).may_be_in(line.as_bytes()));
        }

        #[test]
        fn any_bytes_do_no_harm(line in proptest::collection::vec(any::<u8>(), 0..300)) {
            needles(&[ID, "0123456789"]).may_be_in(&line);
        }
    }
}
