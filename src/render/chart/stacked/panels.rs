//! Which bar stands where: a panel for each target where there are several targets and several places, else a single one; a row
//! for each place or target, and where runs are kept apart, for each of its runs.

use std::cmp::Reverse;

use super::{Bar, Order, StackedOptions};
use crate::stats::{Group, Row};
use crate::time::Nanos;

/// What traces without a place are called beside traces with one.
const UNNAMED_PLACE: &str = "unnamed place";

/// Rows that all panels share, and the panels.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Panels {
    pub(super) rows: Vec<RowName>,
    pub(super) panels: Vec<Panel>,
}

/// The bars of one target, or of everything; `None` where there is no group for a row.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Panel {
    /// Empty where there is only one panel.
    pub(super) title: String,
    pub(super) bars: Vec<Option<Bar>>,
}

/// What a row is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RowName {
    /// The target, or the place.
    pub(super) name: String,
    /// The run, where runs are kept apart.
    pub(super) run: Option<String>,
}

impl RowName {
    /// Both in one line.
    pub(super) fn label(&self) -> String {
        self.run.as_ref().map_or_else(|| self.name.clone(), |run| format!("{} [{run}]", self.name))
    }
}

/// What rows of several runs have in common.
#[derive(Clone, Debug, PartialEq)]
enum Unit<'g> {
    Target(Row),
    Place(Option<&'g str>),
}

/// One group in its place.
struct Cell<'g> {
    /// The target of its panel; `None` where there is a single panel.
    panel: Option<Row>,
    unit: Unit<'g>,
    run: Option<&'g str>,
    bar: Bar,
}

impl Panels {
    pub(super) fn new(groups: &[Group<'_>], stacked: StackedOptions) -> Self {
        let places = distinct(groups.iter().map(|group| group.row.vantage.as_deref())).len();
        let targets = distinct(groups.iter().map(target)).len();
        let cell = |group| Cell::new(group, (targets, places), stacked);
        let cells: Vec<Cell<'_>> = groups.iter().map(cell).collect();
        let mut panels = distinct(cells.iter().map(|cell| cell.panel.clone()));
        // Targets that took turns were first met by chance, and another run would set them in another order.
        if stacked.order != Order::Given {
            panels.sort_unstable();
        }
        let units = distinct(cells.iter().map(|cell| cell.unit.clone()));
        let runs = order_of_runs(&cells);

        let length = |unit: &Unit<'_>, run: Option<&str>| -> Nanos {
            let here = cells.iter().filter(|cell| cell.unit == *unit && cell.run == run);
            here.filter_map(|cell| cell.bar.whole).map(|whole| whole.length).sum()
        };
        // A unit stands where the first of its runs belongs, or the first that has a length.
        let first_length = |unit: &Unit<'_>| {
            runs.iter().map(|run| length(unit, *run)).find(|length| *length > Nanos::ZERO).unwrap_or_default()
        };
        let order = sorted(&units, stacked.order, first_length);
        let rows: Vec<(&Unit<'_>, Option<&str>)> =
            order.into_iter().flat_map(|unit| runs.iter().map(move |run| (unit, *run))).collect();
        let in_row = |cell: &Cell<'_>, (unit, run): (&Unit<'_>, Option<&str>)| cell.unit == *unit && cell.run == run;
        let rows: Vec<_> = rows.into_iter().filter(|row| cells.iter().any(|cell| in_row(cell, *row))).collect();
        let bars = |panel: &Option<Row>| {
            let bar = |row| cells.iter().find(|cell| cell.panel == *panel && in_row(cell, row));
            rows.iter().map(|row| bar(*row).map(|cell| cell.bar.clone())).collect()
        };
        let panel = |panel: &Option<Row>| Panel {
            title: panel.as_ref().map(Row::label).unwrap_or_default(),
            bars: bars(panel),
        };
        Self {
            panels: panels.iter().map(panel).collect(),
            rows: rows.iter().map(|(unit, run)| RowName { name: unit.name(), run: run.map(str::to_owned) }).collect(),
        }
    }

    pub(super) fn bars(&self) -> impl Iterator<Item = &Bar> {
        self.panels.iter().flat_map(|panel| panel.bars.iter().flatten())
    }
}

impl<'g> Cell<'g> {
    fn new(group: &'g Group<'_>, (targets, places): (usize, usize), stacked: StackedOptions) -> Self {
        let unit = if places > 1 { Unit::Place(group.row.vantage.as_deref()) } else { Unit::Target(target(group)) };
        Self {
            panel: (places > 1 && targets > 1).then(|| target(group)),
            unit,
            run: group.row.run.as_deref(),
            bar: Bar::new(group, stacked),
        }
    }
}

impl Unit<'_> {
    fn name(&self) -> String {
        match self {
            Self::Target(row) => row.label(),
            Self::Place(place) => place.unwrap_or(UNNAMED_PLACE).to_owned(),
        }
    }
}

/// A group's row without what is said elsewhere: its place, and its run.
fn target(group: &Group<'_>) -> Row {
    Row { vantage: None, run: None, ..group.row.clone() }
}

/// The runs in an order that contradicts none in which they come for one target at one place: groups are sorted by these, so
/// that a target which only the last run has may stand before all others.
fn order_of_runs<'g>(cells: &[Cell<'g>]) -> Vec<Option<&'g str>> {
    let places = distinct(cells.iter().map(|cell| (&cell.panel, &cell.unit)));
    let runs_at = |place: &(&Option<Row>, &Unit<'_>)| -> Vec<Option<&'g str>> {
        cells.iter().filter(|cell| (&cell.panel, &cell.unit) == *place).map(|cell| cell.run).collect()
    };
    let mut left: Vec<Vec<Option<&str>>> = places.iter().map(runs_at).collect();
    let mut order = Vec::new();
    loop {
        let firsts = || left.iter().filter_map(|runs| runs.first().copied());
        let is_behind = |run: Option<&str>| left.iter().any(|runs| runs.iter().skip(1).any(|other| *other == run));
        let Some(next) = firsts().find(|run| !is_behind(*run)).or_else(|| firsts().next()) else { return order };
        order.push(next);
        for runs in &mut left {
            runs.retain(|run| *run != next);
        }
    }
}

/// The rows in the order asked for; rows without a length come last.
fn sorted<T>(rows: &[T], order: Order, length: impl Fn(&T) -> Nanos) -> Vec<&T> {
    let mut sorted: Vec<(Nanos, &T)> = rows.iter().map(|row| (length(row), row)).collect();
    let shortest = |entry: &(Nanos, &T)| (entry.0 == Nanos::ZERO, entry.0);
    match order {
        Order::Shortest => sorted.sort_by_key(shortest),
        Order::Longest => sorted.sort_by_key(|entry| Reverse(entry.0)),
        Order::Given => {}
    }
    sorted.into_iter().map(|(_, row)| row).collect()
}

/// Each value once, in the order in which they first occur.
pub(super) fn distinct<T: PartialEq>(values: impl Iterator<Item = T>) -> Vec<T> {
    values.fold(Vec::new(), |mut seen, value| {
        if !seen.contains(&value) {
            seen.push(value);
        }
        seen
    })
}
