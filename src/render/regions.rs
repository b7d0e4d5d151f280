//! Regions, nearest first, as a table; those that were not reached below it, by why not.
//!
//! Deliberately absent: the summary of each region as JSON and as comma-separated values; they are those of any other target
//! ([`super::summary`]).

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::length::millis;
use super::markdown::{escaped, row};
use crate::stats::{Measure, Stats};

/// One region.
#[derive(Clone, Debug, PartialEq)]
pub struct RegionRow {
    /// `eu-west-1`.
    pub name: String,
    /// `Europe (Ireland)`.
    pub description: String,
    /// What came of asking.
    pub found: Found,
}

/// What came of asking a region.
#[derive(Clone, Debug, PartialEq)]
pub enum Found {
    /// Connections were established.
    Reached {
        /// From the SYN to its answer, where that is known, else the phase.
        round_trip: Stats,
        /// All phases of complete requests; where there is none, how long it took to connect.
        phases: BTreeMap<Measure, Stats>,
        /// What the first request that failed all the same failed with, by its name.
        failure: Option<String>,
    },
    /// No connection was.
    Failed {
        /// The name of the failure.
        code: String,
        /// What happened.
        message: String,
    },
    /// The service is not there.
    NoEndpoint,
    /// The user interrupted.
    NotAsked,
}

/// What is shown of each region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegionColumns {
    /// The round trip: median, shortest, longest.
    RoundTrip,
    /// The medians of all phases that occur.
    Phases,
}

impl RegionColumns {
    /// The heads of the columns.
    pub(super) fn heads(self, rows: &[RegionRow]) -> Vec<String> {
        match self {
            Self::RoundTrip => ["syn rtt", "min", "max", "of"].map(str::to_owned).to_vec(),
            Self::Phases => measures(rows).iter().map(ToString::to_string).collect(),
        }
    }

    /// The cells of a region that was reached; what it has not is a dash.
    pub(super) fn cells(
        self,
        rows: &[RegionRow],
        round_trip: &Stats,
        phases: &BTreeMap<Measure, Stats>,
    ) -> Vec<String> {
        match self {
            Self::RoundTrip => {
                let Stats { p50, min, max, count, .. } = round_trip;
                vec![millis(*p50), millis(*min), millis(*max), count.to_string()]
            }
            Self::Phases => {
                let median = |measure: &Measure| phases.get(measure).map(|stats| stats.p50);
                measures(rows).iter().map(|measure| median(measure).map_or("–".to_owned(), millis)).collect()
            }
        }
    }
}

/// What any of the regions has.
fn measures(rows: &[RegionRow]) -> Vec<Measure> {
    let has = |row: &RegionRow, measure| match &row.found {
        Found::Reached { phases, .. } => phases.contains_key(&measure),
        _ => false,
    };
    Measure::all().filter(|measure| rows.iter().any(|row| has(row, *measure))).collect()
}

/// Regions that were not reached, all for the same reason.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unreached<'r> {
    /// The name of the failure, or what else it is.
    pub(super) cause: &'r str,
    /// What happened, where it is the same in all of them.
    pub(super) message: Option<&'r str>,
    /// Their names.
    pub(super) regions: Vec<&'r str>,
}

impl Unreached<'_> {
    /// `27 regions: dns.nxdomain`, and what happened where that can be said of all.
    pub(super) fn head(&self) -> String {
        let regions =
            if self.regions.len() == 1 { "1 region".to_owned() } else { format!("{} regions", self.regions.len()) };
        let message = self.message.map_or(String::new(), |message| format!(" ({message})"));
        format!("{regions}: {}{message}", self.cause)
    }
}

/// Regions that were not reached: what failed for most of them first, and what was not tried at the end.
pub(super) fn unreached(rows: &[RegionRow]) -> Vec<Unreached<'_>> {
    let mut causes: Vec<(u8, Unreached<'_>)> = Vec::new();
    for row in rows {
        let (rank, cause, message) = match &row.found {
            Found::Reached { .. } => continue,
            Found::Failed { code, message } => (0, code.as_str(), Some(message.as_str())),
            Found::NotAsked => (1, "not asked", None),
            Found::NoEndpoint => (2, "no endpoint", None),
        };
        match causes.iter_mut().find(|(other, known)| *other == rank && known.cause == cause) {
            Some((_, known)) => {
                known.message = known.message.filter(|known| Some(*known) == message);
                known.regions.push(&row.name);
            }
            None => causes.push((rank, Unreached { cause, message, regions: vec![&row.name] })),
        }
    }
    causes.sort_by_key(|(rank, unreached)| (*rank, std::cmp::Reverse(unreached.regions.len())));
    causes.into_iter().map(|(_, unreached)| unreached).collect()
}

/// A table for a pull request (GitHub Flavored Markdown §4.10), in milliseconds, and a list of those that were not reached.
#[must_use]
pub fn markdown(rows: &[RegionRow], columns: RegionColumns) -> String {
    let mut text = table(rows, columns);
    let unreached = unreached(rows);
    if !text.is_empty() && !unreached.is_empty() {
        text.push('\n');
    }
    for unreached in unreached {
        let _ = writeln!(text, "- {}: {}", escaped(&unreached.head()), escaped(&unreached.regions.join(", ")));
    }
    text
}

/// Those that were reached; nothing where there is none.
fn table(rows: &[RegionRow], columns: RegionColumns) -> String {
    if !rows.iter().any(|row| matches!(row.found, Found::Reached { .. })) {
        return String::new();
    }
    let heads = columns.heads(rows);
    let units = heads.iter().map(|head| if head == "of" { head.clone() } else { format!("{head} (ms)") });
    let mut text = row(["region", "name"].map(str::to_owned).into_iter().chain(units));
    text.push_str(&row(["---", "---"].map(str::to_owned).into_iter().chain(heads.iter().map(|_| "---:".to_owned()))));
    for region in rows {
        let Found::Reached { round_trip, phases, .. } = &region.found else { continue };
        let cells = columns.cells(rows, round_trip, phases);
        text.push_str(&row([escaped(&region.name), escaped(&region.description)].into_iter().chain(cells)));
    }
    text
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::stats::Sample;
    use crate::time::Nanos;
    use crate::trace::Phase;

    pub(in crate::render) fn rows() -> Vec<RegionRow> {
        let stats = |millis: &[u64]| Sample::new(millis.iter().map(|ms| Nanos::from_millis(*ms))).unwrap().stats();
        let region = |name: &str, description: &str, found| RegionRow {
            name: name.to_owned(),
            description: description.to_owned(),
            found,
        };
        let connect = |millis: &[u64]| (Measure::Phase(Phase::Connect), stats(millis));
        let phases = [connect(&[17, 18, 19]), (Measure::Total, stats(&[60, 61, 62]))];
        let failure = Some("tls.timeout".to_owned());
        let failed = |code: &str, message: &str| Found::Failed { code: code.to_owned(), message: message.to_owned() };
        vec![
            region(
                "us-east-1",
                "US East (N. Virginia)",
                Found::Reached { round_trip: stats(&[16, 16, 17]), phases: phases.into(), failure: None },
            ),
            region(
                "sa-east-1",
                "South America (Sao Paulo)",
                Found::Reached { round_trip: stats(&[120]), phases: [connect(&[121])].into(), failure },
            ),
            region("eu-west-3", "Europe (Paris)", failed("connect.refused", "nobody listens")),
            region("eu-west-1", "Europe (Ireland)", failed("dns.nxdomain", "no such name")),
            region("eu-west-2", "Europe (London)", failed("dns.nxdomain", "no such name")),
            region("me-west-1", "Middle East (Saudi Arabia)", Found::NoEndpoint),
            region("us-west-2", "US West (Oregon)", Found::NotAsked),
        ]
    }

    #[test]
    fn every_region_is_named_whatever_came_of_it() {
        let table = |columns| markdown(&rows(), columns);
        assert_eq!(
            table(RegionColumns::RoundTrip),
            "| region | name | syn rtt (ms) | min (ms) | max (ms) | of |\n\
             | --- | --- | ---: | ---: | ---: | ---: |\n\
             | us-east-1 | US East (N. Virginia) | 16.000 | 16.000 | 17.000 | 3 |\n\
             | sa-east-1 | South America (Sao Paulo) | 120.000 | 120.000 | 120.000 | 1 |\n\
             \n\
             - 2 regions: dns.nxdomain (no such name): eu-west-1, eu-west-2\n\
             - 1 region: connect.refused (nobody listens): eu-west-3\n\
             - 1 region: not asked: us-west-2\n\
             - 1 region: no endpoint: me-west-1\n"
        );
        assert!(table(RegionColumns::Phases).starts_with(
            "| region | name | connect (ms) | total (ms) |\n\
             | --- | --- | ---: | ---: |\n\
             | us-east-1 | US East (N. Virginia) | 18.000 | 61.000 |\n\
             | sa-east-1 | South America (Sao Paulo) | 121.000 | – |\n"
        ));
    }

    #[test]
    fn what_differs_among_regions_of_one_cause_is_not_said_of_all() {
        let mut rows = rows();
        for row in &mut rows {
            if let Found::Failed { code, .. } = &mut row.found {
                "dns.timeout".clone_into(code);
            }
        }
        let folded: Vec<String> = unreached(&rows).iter().map(Unreached::head).collect();
        assert_eq!(folded, ["3 regions: dns.timeout", "1 region: not asked", "1 region: no endpoint"]);
        // Without one that was reached, there is no table.
        rows.retain(|row| !matches!(row.found, Found::Reached { .. }));
        assert!(markdown(&rows, RegionColumns::Phases).starts_with("- 3 regions: dns.timeout: eu-west-3, eu-west-1"));
    }
}
