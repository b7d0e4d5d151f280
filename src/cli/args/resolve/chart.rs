//! Which saved runs are drawn, and what they are called.

use super::compare::{saved_run, with_names_that_differ};
use crate::cli::args::error::ArgsError;
use crate::cli::args::flags::{ChartArgs, ChartKind};
use crate::cli::args::{RunSource, SavedRun};

impl ChartArgs {
    /// The inputs, called as `compare` calls them. A file whose name says nothing of its form is one all the same.
    pub fn runs(&self) -> Result<Vec<SavedRun>, ArgsError> {
        let run = |input: &std::path::PathBuf| {
            let named = input.to_str().and_then(saved_run);
            named.unwrap_or_else(|| SavedRun {
                name: input.display().to_string(),
                source: RunSource::File(input.clone()),
            })
        };
        let runs = self.inputs.iter().map(run).collect();
        match self.kind {
            ChartKind::Stacked => with_names_that_differ(runs, "INPUT.jsonl"),
            ChartKind::Waterfall | ChartKind::Layers => Ok(runs),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::chart::{Order, PartsOf, Statistic};

    fn names(kind: ChartKind, inputs: &[&str]) -> Result<Vec<String>, String> {
        let args = ChartArgs {
            kind,
            inputs: inputs.iter().map(Into::into).collect(),
            output: "a.png".parse().unwrap(),
            title: None,
            statistic: Statistic::default(),
            by: PartsOf::default(),
            order: Order::default(),
        };
        let runs = args.runs().map_err(|error| error.to_string())?;
        Ok(runs.into_iter().map(|run| run.name).collect())
    }

    #[test]
    fn runs_are_called_by_what_tells_them_apart() {
        for (inputs, expect) in [
            (&["old/before.jsonl", "after.jsonl"][..], ["before.jsonl", "after.jsonl"]),
            (&["old/run.jsonl", "new/run.jsonl"], ["old/run.jsonl", "new/run.jsonl"]),
            (&["before=old/run.jsonl", "-"], ["before", "standard input"]),
            (&["saved/traces", "/dev/fd/3"], ["traces", "3"]),
        ] {
            assert_eq!(names(ChartKind::Stacked, inputs).unwrap(), expect, "{inputs:?}");
        }
        let twice = ["a.jsonl", "a.jsonl"];
        let error = names(ChartKind::Stacked, &twice).unwrap_err();
        assert!(error.contains("INPUT.jsonl") && error.contains("names that differ"), "{error}");
        assert_eq!(names(ChartKind::Waterfall, &twice).unwrap(), twice);
    }
}
