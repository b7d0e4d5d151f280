//! What is to be compared, and how.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use super::number;
use super::targets::{Chosen, refuse_file};
use crate::cli::args::error::{ArgsError, OfFlag, ValueError};
use crate::cli::args::flags::{CompareArgs, ComparisonArgs, RepetitionArgs, SummaryArgs};
use crate::cli::args::{CompareOutput, Comparison, Environment, Inputs, Judgement, Live, RunSource, RunsBy, SavedRun};
use crate::stats::{Confidence, Settings};
use crate::target::{Location, Plan, Repeat, Target};

/// Requests to each target where nobody says how many: enough for a p95, and for most medians to be told apart.
const REQUESTS: usize = 30;
/// How the name of a saved run ends.
const SAVED: &str = ".jsonl";
/// A run that is read from standard input, as a word.
const STDIN: &str = "-";

/// What there is to compare, for people who named nothing.
const SOMETHING: &str = "something to compare: TARGET… (each a URL or NAME=URL), --targets FILE.toml, or saved runs \
                         (FILE.jsonl …, made by --save); examples are in wirefall compare --help";

impl CompareArgs {
    /// What to compare, how to judge it, and what becomes of the results.
    pub fn resolve(
        self,
        environment: &Environment,
        inputs: &dyn Inputs,
    ) -> Result<(Comparison, Judgement, CompareOutput), ArgsError> {
        let judgement = self.comparison.resolve(self.repetition.seed.as_deref())?;
        let output = self.output.resolve(environment)?;
        let saved: Vec<Option<SavedRun>> = self.targets.targets.iter().map(|word| saved_run(word)).collect();
        if saved.is_empty() && self.targets.file.is_none() {
            return Err(ArgsError::Needs { flag: "compare", needed: SOMETHING });
        }
        if !saved.is_empty() && saved.iter().all(Option::is_some) {
            self.refuse_what_is_for_live()?;
            if saved.len() == 1 && judgement.by == Some(RunsBy::Run) {
                let needed = "at least two saved runs (FILE.jsonl FILE.jsonl)";
                return Err(ArgsError::Needs { flag: "--by run", needed });
            }
            return Ok((
                Comparison::Saved(with_names_that_differ(saved.into_iter().flatten().collect(), "TARGET")?),
                judgement,
                output,
            ));
        }
        if saved.iter().any(Option::is_some) {
            for (word, _) in self.targets.targets.iter().zip(&saved).filter(|(_, saved)| saved.is_none()) {
                refuse_file(word, inputs)?;
            }
            let (flag, other) = ("a saved run", "a URL");
            let reason =
                "requests that are made now are compared with each other; save them (--save), then compare the files";
            return Err(ArgsError::Conflict { flag, other, reason });
        }
        if judgement.by.is_some() {
            return Err(ArgsError::Needs { flag: "--by", needed: "saved runs (FILE.jsonl FILE.jsonl)" });
        }
        let live = self.live(judgement.baseline.as_deref(), environment, inputs)?;
        Ok((Comparison::Live(Box::new(live)), judgement, output))
    }

    fn live(&self, baseline: Option<&str>, environment: &Environment, inputs: &dyn Inputs) -> Result<Live, ArgsError> {
        let template = self.client.template(environment, inputs)?;
        let Chosen { targets, baseline: marked } = self.targets.resolve(&template, inputs)?;
        refuse_same_names(&targets)?;
        let baseline = match baseline {
            Some(name) => position(&targets, name)?,
            None => marked.unwrap_or(0),
        };
        let repeat = if self.client.connection.reuse { Repeat::ColdThenWarm } else { Repeat::Cold };
        let RepetitionArgs { requests, warmup, concurrency, seed } = &self.repetition;
        let least_warmup = usize::from(repeat == Repeat::ColdThenWarm);
        let warmup = match warmup.as_deref() {
            None => least_warmup,
            Some(text) => match number(text, "a number of requests").of("--warmup")? {
                less if less < least_warmup => {
                    let reason = "the first request makes the connection, and does not count";
                    return Err(ArgsError::Conflict { flag: "--warmup 0", other: "--reuse", reason });
                }
                warmup => warmup,
            },
        };
        let plan = Plan {
            vantage: self.output.subject.vantage.clone(),
            secrets: self.output.subject.secrets(),
            ..self.client.plan(targets, environment)?
        };
        Ok(Live {
            plan,
            baseline,
            requests: positive(requests.as_deref(), REQUESTS, "-n")?,
            warmup,
            repeat,
            at_once: at_once(concurrency.as_deref(), 1)?,
            seed: seed_of(seed.as_deref())?,
        })
    }

    /// Flags that would do nothing for saved runs are not ignored silently.
    fn refuse_what_is_for_live(&self) -> Result<(), ArgsError> {
        let RepetitionArgs { requests, warmup, concurrency, seed: _ } = &self.repetition;
        let SummaryArgs { keep, capture, subject, .. } = &self.output;
        let given = [
            ("--targets", self.targets.file.is_some()),
            ("-n", requests.is_some()),
            ("--warmup", warmup.is_some()),
            ("-c", concurrency.is_some()),
            ("--reuse", self.client.connection.reuse),
            ("--save", keep.save.is_some()),
            ("--capture", capture.is_some()),
            ("--vantage", subject.vantage.is_some()),
            ("-f", self.comparison.status.fail),
        ];
        match given.into_iter().find(|(_, given)| *given) {
            Some((flag, _)) => {
                let reason = "no request is made";
                Err(ArgsError::Conflict { flag, other: "saved runs", reason })
            }
            None => Ok(()),
        }
    }
}

impl ComparisonArgs {
    fn resolve(&self, seed: Option<&str>) -> Result<Judgement, ArgsError> {
        let default = Settings::default();
        let confidence = match self.confidence.as_deref() {
            None => default.confidence,
            Some(text) => {
                let unreadable = || ValueError::Form { expected: "a share such as 0.95", got: text.to_owned() };
                let share: f64 = text.parse().map_err(|_| unreadable()).of("--confidence")?;
                Confidence::try_from(share).of("--confidence")?
            }
        };
        let same_within = self.same_within.as_deref().map(str::parse).transpose().of("--same-within")?;
        Ok(Judgement {
            baseline: self.baseline.clone(),
            by: self.by,
            settings: Settings {
                same_within: same_within.unwrap_or(default.same_within),
                seed: seed_of(seed)?.unwrap_or(default.seed),
                ..default.with_confidence(confidence)
            },
            slo: self.slo.as_deref().map(str::parse).transpose().of("--slo")?,
            status: self.status.rule(),
        })
    }
}

impl SummaryArgs {
    pub(super) fn resolve(&self, environment: &Environment) -> Result<CompareOutput, ArgsError> {
        Ok(CompareOutput {
            format: self.format.unwrap_or_default(),
            kept: self.keep.resolve()?,
            capture: self.capture.unwrap_or_default(),
            verbosity: self.voice.verbosity(),
            color: self.voice.color(environment),
        })
    }
}

fn seed_of(text: Option<&str>) -> Result<Option<u64>, ArgsError> {
    text.map(|text| number(text, "a number")).transpose().of("--seed")
}

/// How many targets are asked at once.
pub(super) fn at_once(text: Option<&str>, default: usize) -> Result<NonZeroUsize, ArgsError> {
    let at_once = positive(text, default, "-c")?;
    Ok(NonZeroUsize::new(at_once).unwrap_or(NonZeroUsize::MIN))
}

/// A number above 0.
pub(super) fn positive(text: Option<&str>, default: usize, flag: &'static str) -> Result<usize, ArgsError> {
    const EXPECTED: &str = "a number from 1 on";
    let Some(text) = text else { return Ok(default) };
    match number(text, EXPECTED).of(flag)? {
        0 => Err(ValueError::Form { expected: EXPECTED, got: text.to_owned() }).of(flag),
        number => Ok(number),
    }
}

/// A word that is a saved run: `-`, or what ends in `.jsonl` and is no URL, with or without a name.
pub(super) fn saved_run(word: &str) -> Option<SavedRun> {
    let named = word.split_once('=').filter(|(name, rest)| !name.is_empty() && is_saved(rest));
    let (name, rest) = named.map_or((None, word), |(name, rest)| (Some(name.to_owned()), rest));
    if !is_saved(rest) {
        return None;
    }
    if rest == STDIN {
        let name = name.unwrap_or_else(|| "standard input".to_owned());
        return Some(SavedRun { name, source: RunSource::Stdin });
    }
    Some(SavedRun { name: name.unwrap_or_else(|| rest.to_owned()), source: RunSource::File(PathBuf::from(rest)) })
}

fn is_saved(word: &str) -> bool {
    word == STDIN || (word.ends_with(SAVED) && !word.contains("://"))
}

/// A file is called by its name without its folder where that is enough to tell it from the others.
pub(super) fn with_names_that_differ(runs: Vec<SavedRun>, flag: &'static str) -> Result<Vec<SavedRun>, ArgsError> {
    let short =
        |run: &SavedRun| Path::new(&run.name).file_name().map_or(run.name.clone(), |name| name.display().to_string());
    let is_unique = |names: &[String]| (1..names.len()).all(|index| !names[..index].contains(&names[index]));
    let names: Vec<String> = runs.iter().map(short).collect();
    if is_unique(&names) {
        return Ok(runs.into_iter().zip(names).map(|(run, name)| SavedRun { name, ..run }).collect());
    }
    let names: Vec<String> = runs.iter().map(|run| run.name.clone()).collect();
    match (1..names.len()).find(|index| names[..*index].contains(&names[*index])) {
        None => Ok(runs),
        Some(index) => {
            let expected = "runs with names that differ (NAME=FILE.jsonl)";
            Err(ValueError::Form { expected, got: names[index].clone() }).of(flag)
        }
    }
}

/// What a target is called in a comparison.
fn label(target: &Target) -> &str {
    target.name.as_deref().unwrap_or(target.request.url.as_str())
}

fn refuse_same_names(targets: &[Target]) -> Result<(), ArgsError> {
    let twice =
        (1..targets.len()).find(|index| targets[..*index].iter().any(|other| label(other) == label(&targets[*index])));
    match twice {
        None => Ok(()),
        Some(index) => {
            let expected = "targets with names that differ (NAME=URL)";
            Err(ValueError::Form { expected, got: label(&targets[index]).to_owned() }).of("TARGET")
        }
    }
}

/// The place of the target that is called so, or that this word means.
fn position(targets: &[Target], wanted: &str) -> Result<usize, ArgsError> {
    let same_url = |target: &Target| {
        wanted.parse::<Location>().is_ok_and(|location| location.name.is_none() && location.url == target.request.url)
    };
    let found = targets.iter().position(|target| label(target) == wanted);
    let found = found.or_else(|| targets.iter().position(same_url));
    found.ok_or_else(|| {
        let known = targets.iter().map(label).collect::<Vec<_>>().join(", ");
        ArgsError::Value { flag: "--baseline", cause: ValueError::NoSuchName { known, got: wanted.to_owned() } }
    })
}
