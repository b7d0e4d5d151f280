//! What becomes of the results: shapes, places, and how much is said.
//!
//! Deliberately absent: writing anything.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::render::chart::{ChartFormat, UnknownFormat};
use crate::stats::Slo;

/// Where results go and what they look like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// How each trace is printed on standard output; `None` where `-w` alone says what is printed.
    pub format: Option<Format>,
    /// `-w`: a text with curl's variables, not yet expanded, printed after each trace.
    pub write_out: Option<String>,
    /// `-o`: where bodies go, one after another where there are several.
    pub body: Destination,
    /// `-D`: where response heads go.
    pub heads: Destination,
    /// `--save` and `--chart`.
    pub kept: Kept,
    /// `--capture`: whether packets are captured.
    pub capture: CaptureRule,
    /// `--packets`: whether traces list their packets.
    pub packets: PacketList,
    /// `--pcap`: packets and TLS secrets are written into this file.
    pub pcap: Option<PathBuf>,
    /// How much is said on standard error.
    pub verbosity: Verbosity,
    /// Whether the terminal's colours are used.
    pub color: Color,
    /// Which statuses count as a failure of the run.
    pub status: StatusRule,
    /// `--slo`: what may not be exceeded.
    pub slo: Option<Slo>,
}

impl Output {
    /// Every file that is written, with its flag.
    pub fn files(&self) -> impl Iterator<Item = (&'static str, &Path)> {
        let [body, heads] = [("-o", &self.body), ("-D", &self.heads)]
            .map(|(flag, place)| if let Destination::File(path) = place { Some((flag, path.as_path())) } else { None });
        let pcap = self.pcap.as_deref().map(|path| ("--pcap", path));
        body.into_iter().chain(heads).chain(self.kept.files()).chain(pcap)
    }
}

/// The files that traces are kept in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// `--save`: traces are appended to this file, a line each.
    pub save: Option<PathBuf>,
    /// `--chart`: they are drawn into this file.
    pub picture: Option<Picture>,
}

impl Kept {
    /// Each file, with its flag.
    pub fn files(&self) -> impl Iterator<Item = (&'static str, &Path)> {
        let save = self.save.as_deref().map(|path| ("--save", path));
        let picture = self.picture.as_ref().map(|picture| ("--chart", picture.file.path()));
        save.into_iter().chain(picture)
    }
}

/// A chart that is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// Where it is written.
    pub file: ChartFile,
    /// What stands above it; `None` for what it shows.
    pub title: Option<String>,
}

/// The form of printed traces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// A waterfall for people.
    #[default]
    Pretty,
    /// An indented JSON document.
    Json,
    /// JSON, a line for each trace.
    Jsonl,
    /// Comma-separated values, a row for each trace.
    Csv,
    /// HTTP Archive 1.2, which browsers and their developer tools read.
    Har,
    /// A Markdown table.
    Markdown,
}

/// A place for bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Destination {
    /// They are dropped.
    #[default]
    Nowhere,
    /// `-`.
    Stdout,
    /// This file, replaced.
    File(PathBuf),
}

impl From<PathBuf> for Destination {
    fn from(path: PathBuf) -> Self {
        if path.as_os_str() == "-" { Self::Stdout } else { Self::File(path) }
    }
}

/// Whether packets are captured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum CaptureRule {
    /// Where this process may; elsewhere the kernel's stamps serve.
    #[default]
    Auto,
    /// Never.
    Off,
    /// Always: where this process may not, nothing is traced.
    Require,
}

/// Whether traces list their packets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PacketList {
    /// They only count them.
    #[default]
    Omit,
    /// They list them.
    List,
}

/// How much is said on standard error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verbosity {
    /// `-s`: nothing, not even errors.
    Silent,
    /// Errors, and what else a person has to know.
    #[default]
    Normal,
    /// `-v`: also what goes over the wire. Beats `-s`.
    Verbose,
}

/// Whether the terminal's colours are used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Color {
    /// On a terminal.
    #[default]
    Auto,
    /// `--no-color`, or `NO_COLOR` is set.
    Never,
}

/// Which statuses count as a failure of the run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StatusRule {
    /// None: any answer is an answer.
    #[default]
    AnyIsFine,
    /// `-f`: 400 and above, with curl's exit code 22.
    FailFrom400,
}

/// A file for a chart. Invariant: its name says which form it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChartFile {
    path: PathBuf,
    form: ChartFormat,
}

impl ChartFile {
    /// Where it is written.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What is written there.
    #[must_use]
    pub const fn form(&self) -> ChartFormat {
        self.form
    }
}

impl FromStr for ChartFile {
    type Err = UnknownFormat;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let path = PathBuf::from(text);
        let form = ChartFormat::try_from(path.as_path())?;
        Ok(Self { path, form })
    }
}
