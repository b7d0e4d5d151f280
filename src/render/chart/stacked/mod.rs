//! The stacked chart: a bar for each target or place, a colour for each phase or layer, all on one scale.
//!
//! A bar shows a statistic of many requests, so that its parts are no single request's. With means, the parts add up to the
//! mean of the whole. Medians do not add up: the bar ends where the medians of the parts do, and the number at its end is the
//! median of the whole. A part that did not happen in a request took no time of it, and counts as that here.
//!
//! Several targets measured from several places are small multiples: a panel for each target, a row for each place, the same
//! rows and the same scale in all of them. Rows are then ordered by what their bars sum to, and panels by their names. Where no
//! request succeeded, there is no length to show, and so no axis.
//!
//! Runs that are kept apart have rows of their own, which stand together in the order of the runs: what was measured after a
//! change below what was measured before it.

mod draw;
mod layout;
mod panels;

use std::collections::BTreeMap;

use super::{ChartError, ChartOptions, Svg, frame};
use crate::stats::{Group, Interruption, Measure, Sample};
use crate::time::Nanos;
use crate::trace::{Layer, Phase, Trace};

use layout::Layout;
use panels::{Panels, distinct};

const CHART: &str = "stacked";

/// How the requests of a group become one bar.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Statistic {
    /// Of each part, and of the whole.
    #[default]
    Median,
    /// The arithmetic one; the parts add up to the whole.
    Mean,
}

/// What bars are made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PartsOf {
    /// The phases of the whole request.
    #[default]
    Total,
    /// The layers of the wait, for traces that evidence was joined with.
    Wait,
}

/// In which order bars stand; those without a length stand last, but for [`Order::Given`], with which panels stand as the groups came,
/// too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// The shortest first.
    #[default]
    Shortest,
    /// The longest first.
    Longest,
    /// As the groups came.
    Given,
}

/// What the user may choose about a stacked chart, beyond [`ChartOptions`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StackedOptions {
    /// How requests become a bar.
    pub statistic: Statistic,
    /// What bars are made of.
    pub parts: PartsOf,
    /// In which order bars stand; those of several runs stand together.
    pub order: Order,
    /// How far the run came, where it was interrupted.
    pub interruption: Option<Interruption>,
}

/// A part of a bar.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Part {
    Phase(Phase),
    Layer(Layer),
}

impl Part {
    /// Where it stands in a bar: on the wire in this order, and what nobody speaks of at the end.
    fn place(&self) -> (bool, &Self) {
        (*self == Self::Layer(Layer::Unattributed), self)
    }

    fn name(&self) -> &str {
        match self {
            Self::Phase(phase) => phase.as_str(),
            Self::Layer(layer) => layer.as_str(),
        }
    }
}

/// One row of a panel.
#[derive(Clone, Debug, PartialEq)]
struct Bar {
    /// In their order on the wire; none where no request was complete.
    parts: Vec<(Part, Nanos)>,
    /// The statistic of the whole, and between which lengths the middle half of the wholes lies.
    whole: Option<Whole>,
    /// How many requests, how many of them failed, as summaries count it, and of how many the bar is the statistic.
    requests: usize,
    failures: usize,
    measured: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Whole {
    length: Nanos,
    middle_half: Option<(Nanos, Nanos)>,
}

/// Each group as a bar.
///
/// # Errors
/// [`ChartError::NoTraces`] without a group, [`ChartError::NoLayers`] for a wait by layers where no trace has any,
/// [`ChartError::Width`] for a width outside [`ChartOptions::WIDTHS`].
pub fn stacked(groups: &[Group<'_>], stacked: StackedOptions, options: &ChartOptions) -> Result<Svg, ChartError> {
    if groups.is_empty() {
        return Err(ChartError::NoTraces { chart: CHART });
    }
    if !groups.iter().flat_map(|group| &group.traces).any(|trace| stacked.parts.are_in(trace)) {
        return Err(ChartError::NoLayers { chart: CHART });
    }
    let width = frame::width(options)?;
    let panels = Panels::new(groups, stacked);
    let title = options.title.clone().unwrap_or_else(|| default_title(stacked));
    let footnotes = footnotes(groups, stacked);
    let layout = Layout::new(&panels, &title, &subtitle(groups, stacked), &footnotes, width);
    let description = description(&panels, stacked, &footnotes);
    layout.page.document(CHART, title, description, |canvas| draw::draw(&layout, canvas))
}

impl Bar {
    fn new(group: &Group<'_>, stacked: StackedOptions) -> Self {
        let complete: Vec<&Trace> = group
            .traces
            .iter()
            .copied()
            .filter(|trace| trace.failure_name().is_none() && stacked.parts.are_in(trace))
            .collect();
        let mut lengths: BTreeMap<Part, Vec<Nanos>> = BTreeMap::new();
        for trace in &complete {
            for (part, length) in stacked.parts.of(trace) {
                lengths.entry(part).or_default().push(length);
            }
        }
        let parts = lengths.into_iter().filter_map(|(part, mut lengths)| {
            lengths.resize(complete.len(), Nanos::ZERO);
            let length = stacked.statistic.of(&Sample::new(lengths)?);
            (length > Nanos::ZERO).then_some((part, length))
        });
        let mut parts: Vec<(Part, Nanos)> = parts.collect();
        parts.sort_unstable_by(|(one, _), (other, _)| one.place().cmp(&other.place()));
        let whole = Sample::new(complete.iter().filter_map(|trace| stacked.parts.whole(trace))).map(|sample| Whole {
            length: stacked.statistic.of(&sample),
            middle_half: (sample.count() > 3).then(|| (sample.percentile(250), sample.percentile(750))),
        });
        let failures = group.traces.iter().filter(|trace| trace.failure_name().is_some()).count();
        Self { parts, whole, requests: group.traces.len(), failures, measured: complete.len() }
    }
}

impl Statistic {
    fn of(self, sample: &Sample) -> Nanos {
        match self {
            Self::Median => sample.median(),
            Self::Mean => sample.mean(),
        }
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Median => "median",
            Self::Mean => "mean",
        }
    }
}

impl PartsOf {
    fn are_in(self, trace: &Trace) -> bool {
        self == Self::Total || !trace.layers.is_empty()
    }

    fn of(self, trace: &Trace) -> Vec<(Part, Nanos)> {
        match self {
            Self::Total => trace.timeline.spans().map(|span| (Part::Phase(span.phase), span.duration)).collect(),
            Self::Wait => trace.layers.iter().map(|share| (Part::Layer(share.layer.clone()), share.duration)).collect(),
        }
    }

    fn whole(self, trace: &Trace) -> Option<Nanos> {
        match self {
            Self::Total => Measure::Total.of(trace),
            Self::Wait => Measure::Phase(Phase::Wait).of(trace),
        }
    }
}

fn default_title(stacked: StackedOptions) -> String {
    match stacked.parts {
        PartsOf::Total => "Where the milliseconds go".to_owned(),
        PartsOf::Wait => "Which layer the wait is spent in".to_owned(),
    }
}

/// When, where from, how many, and what the parts of a bar are.
fn subtitle(groups: &[Group<'_>], stacked: StackedOptions) -> String {
    let traces = || groups.iter().flat_map(|group| group.traces.iter().copied());
    let mut parts: Vec<String> = frame::since(traces()).into_iter().collect();
    let places: Vec<Option<&str>> = distinct(traces().map(|trace| trace.subject.vantage.as_deref()));
    match places.as_slice() {
        [] | [None] => {}
        [Some(place)] => parts.push(format!("from {place}")),
        places => parts.push(format!("from {} places", places.len())),
    }
    parts.push(requests(traces().count()));
    let (part, whole) = match stacked.parts {
        PartsOf::Total => ("phase", "request"),
        PartsOf::Wait => ("layer", "wait"),
    };
    let statistic = stacked.statistic.as_str();
    parts.push(format!("bars: {statistic} of each {part}, numbers: {statistic} of the whole {whole}"));
    parts.join("  ·  ")
}

fn requests(count: usize) -> String {
    if count == 1 { "1 request".to_owned() } else { format!("{count} requests") }
}

/// What one must know of all bars together: requests that are missing.
fn footnotes(groups: &[Group<'_>], stacked: StackedOptions) -> Vec<String> {
    let traces = || groups.iter().flat_map(|group| group.traces.iter().copied());
    let interrupted = stacked.interruption.map(|Interruption { made, wanted }| {
        format!("Interrupted after {made} of {wanted} requests: the bars are of these.")
    });
    let mut causes: BTreeMap<&str, usize> = BTreeMap::new();
    for cause in traces().filter_map(Trace::failure_name) {
        *causes.entry(cause).or_default() += 1;
    }
    let failed: usize = causes.values().sum();
    let mut causes: Vec<(&str, usize)> = causes.into_iter().collect();
    causes.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let causes: Vec<String> = causes.into_iter().map(|(cause, count)| format!("{cause} {count}")).collect();
    let failed = (failed > 0).then(|| {
        format!("{failed} of {} failed, and count in no bar: {}.", requests(traces().count()), causes.join(", "))
    });
    interrupted.into_iter().chain(failed).collect()
}

/// The chart in words, a line for each bar and for each footnote.
fn description(panels: &Panels, stacked: StackedOptions, footnotes: &[String]) -> String {
    use std::fmt::Write as _;

    let mut text = format!("Stacked bars in milliseconds, the {} of each part.", stacked.statistic.as_str());
    for panel in &panels.panels {
        for (row, bar) in panels.rows.iter().zip(&panel.bars) {
            let Some(bar) = bar else { continue };
            let title = if panel.title.is_empty() { String::new() } else { format!("{} from ", panel.title) };
            // Writing to a String cannot fail.
            let name = format!("{title}{}", row.label()).replace(['\n', '\r'], " ");
            let _ = write!(text, "\n{name}: {}", requests(bar.requests));
            if let Some(whole) = bar.whole {
                let _ = write!(text, ", {} ms in all", super::scale::milliseconds(whole.length));
            }
            for (part, length) in &bar.parts {
                let _ = write!(
                    text,
                    ", {} {}",
                    part.name().replace(['\n', '\r'], " "),
                    super::scale::milliseconds(*length)
                );
            }
            if bar.failures > 0 {
                let _ = write!(text, ", {} failed", bar.failures);
            }
        }
    }
    for footnote in footnotes {
        let _ = write!(text, "\n{footnote}");
    }
    text
}

#[cfg(test)]
mod tests;
