//! The stacked chart: a bar for each target or place, a colour for each phase or layer, all on one scale.
//!
//! A bar shows a statistic of many requests, so that its parts are no single request's. With means, the parts add up to the
//! mean of the whole. Medians do not add up: the bar ends where the medians of the parts do, and the number at its end is the
//! median of the whole. A part that did not happen in a request took no time of it, and counts as that here.
//!
//! Several targets measured from several places are small multiples: a panel for each target, a row for each place, the same
//! rows and the same scale in all of them. Rows are then ordered by what their bars sum to.

mod draw;
mod layout;

use std::collections::BTreeMap;

use super::canvas::Sheet;
use super::{ChartError, ChartOptions, Svg, frame};
use crate::stats::{Group, Measure, Row, Sample};
use crate::time::Nanos;
use crate::trace::{Layer, Phase, Trace};

use layout::Layout;

const CHART: &str = "stacked";
/// What traces without a place are called beside traces with one.
const UNNAMED_PLACE: &str = "unnamed place";

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

/// In which order bars stand; those without a length stand last, but for [`Order::Given`].
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
    /// In which order bars stand.
    pub order: Order,
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

/// The bars of one target, or of everything; `None` where there is no group for a row.
#[derive(Clone, Debug, PartialEq)]
struct Panel {
    /// Empty where there is only one panel.
    title: String,
    bars: Vec<Option<Bar>>,
}

/// Rows that all panels share, and the panels.
#[derive(Clone, Debug, PartialEq)]
struct Panels {
    rows: Vec<String>,
    panels: Vec<Panel>,
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
    let layout = Layout::new(&panels, &title, &subtitle(groups, stacked), width);
    let sheet =
        Sheet { width: options.width, height: layout.height, title, description: description(&panels, stacked) };
    sheet.draw(|canvas| draw::draw(&layout, canvas)).map_err(|source| ChartError::Draw { chart: CHART, source })
}

impl Panels {
    /// A panel for each target where there are several targets and several places, else one.
    fn new(groups: &[Group<'_>], stacked: StackedOptions) -> Self {
        let places: Vec<Option<&str>> = distinct(groups.iter().map(|group| group.row.vantage.as_deref()));
        let targets: Vec<String> = distinct(groups.iter().map(without_place));
        if places.len() > 1 && targets.len() > 1 {
            let rows = sorted_rows(&places, stacked, |place| {
                let here = groups.iter().filter(|group| group.row.vantage.as_deref() == *place);
                here.filter_map(|group| Bar::new(group, stacked).whole).map(|whole| whole.length).sum()
            });
            let panels = targets.iter().map(|target| Panel {
                title: target.clone(),
                bars: rows
                    .iter()
                    .map(|place| {
                        let wanted = |group: &&Group<'_>| {
                            group.row.vantage.as_deref() == **place && without_place(group) == *target
                        };
                        groups.iter().find(wanted).map(|group| Bar::new(group, stacked))
                    })
                    .collect(),
            });
            return Self {
                panels: panels.collect(),
                rows: rows.iter().map(|place| place.unwrap_or(UNNAMED_PLACE).to_owned()).collect(),
            };
        }
        // With a single target, places are what tells the rows apart.
        let by_place = places.len() > 1;
        let named = |group: &Group<'_>| match &group.row.vantage {
            _ if !by_place => without_place(group),
            Some(place) => place.clone(),
            None => UNNAMED_PLACE.to_owned(),
        };
        let indices: Vec<usize> = (0..groups.len()).collect();
        let order = sorted_rows(&indices, stacked, |index| {
            Bar::new(&groups[*index], stacked).whole.map_or(Nanos::ZERO, |whole| whole.length)
        });
        Self {
            rows: order.iter().map(|index| named(&groups[**index])).collect(),
            panels: vec![Panel {
                title: String::new(),
                bars: order.iter().map(|index| Some(Bar::new(&groups[**index], stacked))).collect(),
            }],
        }
    }

    fn bars(&self) -> impl Iterator<Item = &Bar> {
        self.panels.iter().flat_map(|panel| panel.bars.iter().flatten())
    }
}

/// The rows in the order asked for; rows without a length come last.
fn sorted_rows<T>(rows: &[T], stacked: StackedOptions, length: impl Fn(&T) -> Nanos) -> Vec<&T> {
    let mut order: Vec<(Nanos, &T)> = rows.iter().map(|row| (length(row), row)).collect();
    let shortest = |entry: &(Nanos, &T)| (entry.0 == Nanos::ZERO, entry.0);
    match stacked.order {
        Order::Shortest => order.sort_by_key(shortest),
        Order::Longest => order.sort_by_key(|entry| std::cmp::Reverse(entry.0)),
        Order::Given => {}
    }
    order.into_iter().map(|(_, row)| row).collect()
}

/// What a group is called where its place is said elsewhere.
fn without_place(group: &Group<'_>) -> String {
    Row { vantage: None, ..group.row.clone() }.label()
}

fn distinct<T: PartialEq>(values: impl Iterator<Item = T>) -> Vec<T> {
    values.fold(Vec::new(), |mut seen, value| {
        if !seen.contains(&value) {
            seen.push(value);
        }
        seen
    })
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

/// The chart in words, a line for each bar.
fn description(panels: &Panels, stacked: StackedOptions) -> String {
    use std::fmt::Write as _;

    let mut text = format!("Stacked bars in milliseconds, the {} of each part.", stacked.statistic.as_str());
    for panel in &panels.panels {
        for (row, bar) in panels.rows.iter().zip(&panel.bars) {
            let Some(bar) = bar else { continue };
            let title = if panel.title.is_empty() { String::new() } else { format!("{} from ", panel.title) };
            // Writing to a String cannot fail.
            let name = format!("{title}{row}").replace(['\n', '\r'], " ");
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
    text
}

#[cfg(test)]
mod tests;
