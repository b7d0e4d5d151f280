//! The files of the demo: which traces each holds, and what is said about it.

use std::path::Path;

use super::stage::EVERYWHERE;
use super::{SHOWN_IN_FULL, write};
use crate::cli::{CommandError, drawing};
use crate::render::chart::{self, ChartFormat, ChartOptions};
use crate::render::json;
use crate::trace::Trace;

/// How the names of traces of cold starts end.
pub(super) const COLD: &str = " cold";
/// The tag with a trace's region, where the lab has regions.
pub(super) const REGION: &str = "region";

/// Files with everything that was measured, and with every path.
const ALWAYS: &[Artefact] = &[
    Artefact {
        name: "traces.jsonl",
        content: Content::Jsonl,
        description: "every number, a JSON document a line for each request",
    },
    Artefact {
        name: "waterfall.png",
        content: Content::Paths(ChartFormat::Png),
        description: "a bar for each path, on one time axis",
    },
    Artefact { name: "waterfall.svg", content: Content::Paths(ChartFormat::Svg), description: "the same, as vectors" },
    Artefact {
        name: "warm.png",
        content: Content::WarmPaths(ChartFormat::Png),
        description: "without the cold starts, which make all others look small",
    },
    Artefact {
        name: "layers.png",
        content: Content::Layers(ChartFormat::Png),
        description: "the layers of one wait: API Gateway, and the parts of a cold start",
    },
];

/// What there is beyond that where the lab has regions.
const WITH_REGIONS: &[Artefact] = &[Artefact {
    name: "regions.png",
    content: Content::Regions(ChartFormat::Png),
    description: "the same path in each region: how distance multiplies",
}];

/// A file that stays.
pub(super) struct Artefact {
    pub(super) name: &'static str,
    content: Content,
    pub(super) description: &'static str,
}

/// What a file of the demo holds of the traces.
#[derive(Clone, Copy)]
enum Content {
    /// Every path, in the nearest region where there are regions.
    Paths(ChartFormat),
    /// Without the traces of cold starts.
    WarmPaths(ChartFormat),
    /// The wait of the trace that is shown in full.
    Layers(ChartFormat),
    /// One path in each region.
    Regions(ChartFormat),
    Jsonl,
}

/// All files; `nearest` is the nearest region's name.
pub(super) fn artefacts(nearest: Option<&str>) -> impl Iterator<Item = &'static Artefact> {
    ALWAYS.iter().chain(nearest.map_or(&[][..], |_| WITH_REGIONS))
}

impl Artefact {
    pub(super) fn write(&self, traces: &[Trace], nearest: Option<&str>, out: &Path) -> Result<(), CommandError> {
        let file = out.join(self.name);
        let is_near = |trace: &&Trace| tag(trace, REGION) == nearest;
        let is_warm = |trace: &&Trace| !trace.label().ends_with(COLD);
        let place = nearest.map(|region| format!(" in {region}")).unwrap_or_default();
        match self.content {
            Content::Jsonl => write(&file, &json::jsonl(traces).map_err(CommandError::Json)?),
            Content::Paths(form) => {
                let paths = traces.iter().filter(is_near).cloned().collect();
                draw(paths, format!("One request through each path{place}"), &file, form)
            }
            Content::WarmPaths(form) => {
                let paths = traces.iter().filter(is_near).filter(is_warm).cloned().collect();
                draw(paths, format!("One request through each path{place}, nothing cold"), &file, form)
            }
            Content::Layers(form) => {
                let shown: Vec<Trace> = traces.iter().filter(|trace| trace.label() == SHOWN_IN_FULL).cloned().collect();
                let options =
                    ChartOptions { title: Some("The layers of one wait".to_owned()), ..ChartOptions::default() };
                drawing::write_as(chart::layers(&shown, &options), &file, form)
            }
            Content::Regions(form) => {
                // In the nearest region it has its own name alone, in the others the region's with it.
                let path = |trace: &&Trace| trace.label().split(' ').next() == Some(EVERYWHERE);
                let compared = traces.iter().filter(path);
                let by_region = compared.map(|trace| {
                    let mut trace = trace.clone();
                    trace.subject.name = tag(&trace, REGION).map(str::to_owned);
                    trace
                });
                draw(by_region.collect(), "The same request to each region".to_owned(), &file, form)
            }
        }
    }
}

fn tag<'trace>(trace: &'trace Trace, name: &str) -> Option<&'trace str> {
    trace.subject.tags.get(name).map(String::as_str)
}

#[expect(clippy::needless_pass_by_value, reason = "the traces are collected for this picture alone")]
fn draw(traces: Vec<Trace>, title: String, file: &Path, form: ChartFormat) -> Result<(), CommandError> {
    let options = ChartOptions { title: Some(title), ..ChartOptions::default() };
    drawing::write_as(chart::waterfall(&traces, &options), file, form)
}
