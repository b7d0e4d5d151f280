//! Flags of `wirefall chart`.

use std::path::PathBuf;

use clap::builder::PossibleValue;
use clap::{Args, ValueEnum};

use crate::cli::args::ChartFile;
use crate::render::chart::{Order, PartsOf, Statistic};

/// `wirefall chart`.
#[derive(Args, Clone, Debug)]
pub struct ChartArgs {
    /// What to draw: waterfall, each request on one time axis; stacked, a bar for each target or place; layers, waits by layers
    #[arg(value_name = "KIND")]
    pub kind: ChartKind,
    /// Saved traces, a JSON document a line (--save, --format jsonl); - for standard input
    #[arg(value_name = "INPUT.jsonl", required = true)]
    pub inputs: Vec<PathBuf>,
    /// Draw into this file; its name ends in .png or .svg
    #[arg(short = 'o', long, id = "chart", value_name = "FILE.png|svg", value_parser = str::parse::<ChartFile>)]
    pub output: ChartFile,
    /// Write this above the chart [default: what the chart shows]
    #[arg(long, value_name = "TEXT")]
    pub title: Option<String>,
    /// With stacked: how the requests of a target become one bar
    #[arg(long, value_name = "WORD", default_value = "median")]
    pub statistic: Statistic,
    /// With stacked: what bars are made of
    #[arg(long, value_name = "WORD", default_value = "phase")]
    pub by: PartsOf,
    /// With stacked: which bar comes first
    #[arg(long, value_name = "WORD", default_value = "shortest")]
    pub order: Order,
}

/// What can be drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ChartKind {
    /// The phases of each trace, on one time axis
    Waterfall,
    /// Many traces as one bar for each target, or for each place; several of both are a panel for each target
    Stacked,
    /// The wait of each trace by layers (see wirefall attribute)
    Layers,
}

impl ValueEnum for Statistic {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Median, Self::Mean]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(match self {
            Self::Median => PossibleValue::new("median").help("The median of each part, and of the whole"),
            Self::Mean => PossibleValue::new("mean").help("The mean: the parts add up to the whole"),
        })
    }
}

impl ValueEnum for PartsOf {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Total, Self::Wait]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(match self {
            Self::Total => PossibleValue::new("phase").help("The phases of the whole request"),
            Self::Wait => PossibleValue::new("layer").help("The layers of the wait"),
        })
    }
}

impl ValueEnum for Order {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Shortest, Self::Longest, Self::Given]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(match self {
            Self::Shortest => PossibleValue::new("shortest").help("The shortest"),
            Self::Longest => PossibleValue::new("longest").help("The longest"),
            Self::Given => PossibleValue::new("given").help("The first in the input"),
        })
    }
}
