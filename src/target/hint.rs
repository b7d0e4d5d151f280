//! What somebody may have meant: the known word nearest to one that is not known.
//!
//! Deliberately absent: saying so. Errors carry the hint, and say it in their own words.

/// Letters that may be wrong, missing or too many.
const MOST_TYPOS: usize = 2;

/// The known word that differs from `word` in the fewest letters; `None` where all differ in too many.
pub(crate) fn closest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let distances = known.into_iter().map(|candidate| (distance(word, candidate), candidate));
    let (typos, candidate) = distances.min_by_key(|(distance, _)| *distance)?;
    (typos <= MOST_TYPOS && typos < word.chars().count()).then_some(candidate)
}

/// The Levenshtein distance: letters to insert, remove or replace.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut above: Vec<usize> = (0..=other.len()).collect();
    for (row, letter) in one.chars().enumerate() {
        let mut current = vec![row + 1];
        for (column, against) in other.iter().enumerate() {
            let replaced = above[column] + usize::from(letter != *against);
            current.push(replaced.min(above[column + 1] + 1).min(current[column] + 1));
        }
        above = current;
    }
    above.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_meant_where_one_is_near() {
        for (word, expect) in [
            ("heders", Some("headers")),
            ("Headers", Some("headers")),
            ("metod", Some("method")),
            ("url", Some("url")),
            ("uri", Some("url")),
            ("retries", None),
            ("", None),
            ("x", None),
        ] {
            assert_eq!(closest(word, ["url", "headers", "method"]), expect, "{word}");
        }
        assert_eq!(closest("a", []), None);
    }
}
