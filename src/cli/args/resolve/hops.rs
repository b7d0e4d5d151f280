//! Whether the path is looked at, and how closely.

use super::number;
use crate::cli::args::error::{ArgsError, OfFlag, ValueError};
use crate::cli::args::flags::HopArgs;
use crate::cli::args::{HopNames, HopsWanted};
use crate::hops::Rounds;

const ROUNDS: &str = "--hops-rounds";
const NAMES: &str = "--hops-names";

impl HopArgs {
    /// What is wanted; `None` where hops are not.
    pub fn resolve(&self) -> Result<Option<HopsWanted>, ArgsError> {
        let further = [(ROUNDS, self.hops_rounds.is_some()), (NAMES, self.hops_names)];
        if !self.hops {
            return match further.into_iter().find(|(_, given)| *given) {
                Some((flag, _)) => Err(ArgsError::Needs { flag, needed: "--hops" }),
                None => Ok(None),
            };
        }
        let rounds = self.hops_rounds.as_deref().map(rounds).transpose().of(ROUNDS)?.unwrap_or_default();
        let names = if self.hops_names { HopNames::Asked } else { HopNames::Unasked };
        Ok(Some(HopsWanted { rounds, names }))
    }
}

fn rounds(text: &str) -> Result<Rounds, ValueError> {
    const EXPECTED: &str = "a number of rounds from 1 to 10";
    let rounds = number(text, EXPECTED)?;
    Rounds::new(rounds).ok_or_else(|| ValueError::Form { expected: EXPECTED, got: text.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(hops: bool, rounds: Option<&str>, names: bool, expect: Result<Option<(u8, HopNames)>, &str>) {
        let flags = HopArgs { hops, hops_rounds: rounds.map(str::to_owned), hops_names: names };
        let wanted = flags.resolve().map(|wanted| wanted.map(|wanted| (wanted.rounds.get(), wanted.names)));
        assert_eq!(wanted.map_err(|error| error.to_string()), expect.map_err(str::to_owned));
    }

    #[test]
    fn rounds_and_names_are_those_of_hops() {
        check(false, None, false, Ok(None));
        check(true, None, false, Ok(Some((3, HopNames::Unasked))));
        check(true, Some("10"), true, Ok(Some((10, HopNames::Asked))));
        check(false, Some("3"), false, Err("--hops-rounds needs --hops"));
        check(false, None, true, Err("--hops-names needs --hops"));
        for text in ["0", "11", "-1", "300", "", "3.5"] {
            let error = format!("--hops-rounds: expected a number of rounds from 1 to 10, got {text:?}");
            check(true, Some(text), false, Err(&error));
        }
    }
}
