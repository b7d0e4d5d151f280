//! Targets whose waits were not split, in words: `ec2 8, web 1 (no log speaks of it)`.

use crate::attribute::{Tally, UnsplitBecause};

/// Targets that are named for each reason; more are counted.
const NAMED: usize = 4;

/// A part for each reason, with the targets and how many of their requests.
pub(crate) fn unsplit(tally: &Tally) -> Vec<String> {
    let mut reasons: Vec<(&UnsplitBecause, Vec<String>)> = Vec::new();
    for unsplit in &tally.unsplit {
        let counted = format!("{} {}", unsplit.target.replace(['\n', '\r'], " "), unsplit.requests);
        match reasons.iter_mut().find(|(because, _)| **because == unsplit.because) {
            Some((_, targets)) => targets.push(counted),
            None => reasons.push((&unsplit.because, vec![counted])),
        }
    }
    let words = |(because, mut targets): (&UnsplitBecause, Vec<String>)| {
        let more = targets.len().saturating_sub(NAMED);
        if more > 0 {
            targets.truncate(NAMED);
            targets.push(format!("{more} more"));
        }
        format!("{} ({because})", targets.join(", "))
    };
    reasons.into_iter().map(words).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribute::Unsplit;
    use crate::attribute::record::Source;

    fn check(unsplit: &[(&str, UnsplitBecause)], expect: &[&str]) {
        let one = |(target, because): &(&str, UnsplitBecause)| Unsplit {
            target: (*target).to_owned(),
            because: because.clone(),
            requests: 3,
        };
        let tally = Tally { unsplit: unsplit.iter().map(one).collect(), ..Tally::default() };
        assert_eq!(super::unsplit(&tally), expect);
    }

    #[test]
    fn targets_stand_together_by_their_reason() {
        let no_record = || UnsplitBecause::NoRecord;
        let nlb = || UnsplitBecause::NoLength([Source::NlbTls].into());
        check(&[], &[]);
        check(
            &[("ec2", no_record()), ("nlb", nlb()), ("a\nb", no_record())],
            &["ec2 3, a b 3 (no log speaks of it)", "nlb 3 (nlb tls log: no time of the wait)"],
        );
        let many = ["a", "b", "c", "d", "e", "f"].map(|target| (target, no_record()));
        check(&many, &["a 3, b 3, c 3, d 3, 2 more (no log speaks of it)"]);
    }
}
