//! Regions, nearest first, as a table.
//!
//! Deliberately absent: the summary of each region as JSON and as comma-separated values; they are those of any other target
//! ([`super::summary`]).

use std::collections::BTreeMap;

use super::length::millis;
use super::markdown::{escaped, row};
use crate::stats::{Measure, Stats};
use crate::trace::Phase;

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
        /// How long that took.
        connect: Stats,
        /// All phases of complete requests.
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
    /// The time to connect: median, shortest, longest.
    Connect,
    /// The medians of all phases that occur.
    Phases,
}

impl RegionColumns {
    /// The heads of the columns.
    pub(super) fn heads(self, rows: &[RegionRow]) -> Vec<String> {
        match self {
            Self::Connect => ["connect", "min", "max", "of"].map(str::to_owned).to_vec(),
            Self::Phases => measures(rows).iter().map(ToString::to_string).collect(),
        }
    }

    /// The cells of a region that was reached; what it has not is a dash.
    pub(super) fn cells(self, rows: &[RegionRow], connect: &Stats, phases: &BTreeMap<Measure, Stats>) -> Vec<String> {
        match self {
            Self::Connect => {
                vec![millis(connect.p50), millis(connect.min), millis(connect.max), connect.count.to_string()]
            }
            Self::Phases => {
                let median = |measure: &Measure| match measure {
                    // Those of requests that failed later count, too.
                    Measure::Phase(Phase::Connect) => Some(connect.p50),
                    other => phases.get(other).map(|stats| stats.p50),
                };
                measures(rows).iter().map(|measure| median(measure).map_or("–".to_owned(), millis)).collect()
            }
        }
    }
}

/// What any of the regions has.
fn measures(rows: &[RegionRow]) -> Vec<Measure> {
    let has = |row: &RegionRow, measure| match &row.found {
        Found::Reached { phases, .. } => phases.contains_key(&measure) || measure == Measure::Phase(Phase::Connect),
        _ => false,
    };
    Measure::all().filter(|measure| rows.iter().any(|row| has(row, *measure))).collect()
}

/// A table for a pull request (GitHub Flavored Markdown §4.10), in milliseconds.
#[must_use]
pub fn markdown(rows: &[RegionRow], columns: RegionColumns) -> String {
    let heads = columns.heads(rows);
    let units = heads.iter().map(|head| if head == "of" { head.clone() } else { format!("{head} (ms)") });
    let mut text = row(["region", "name"].map(str::to_owned).into_iter().chain(units));
    text.push_str(&row(["---", "---"].map(str::to_owned).into_iter().chain(heads.iter().map(|_| "---:".to_owned()))));
    for region in rows {
        let cells = match &region.found {
            Found::Reached { connect, phases, .. } => columns.cells(rows, connect, phases),
            Found::Failed { code, .. } => with_dashes(escaped(code), heads.len()),
            Found::NoEndpoint => with_dashes("no endpoint".to_owned(), heads.len()),
            Found::NotAsked => with_dashes("not asked".to_owned(), heads.len()),
        };
        text.push_str(&row([escaped(&region.name), escaped(&region.description)].into_iter().chain(cells)));
    }
    text
}

fn with_dashes(first: String, columns: usize) -> Vec<String> {
    std::iter::once(first).chain(std::iter::repeat_n("–".to_owned(), columns.saturating_sub(1))).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::stats::Sample;
    use crate::time::Nanos;

    pub(in crate::render) fn rows() -> Vec<RegionRow> {
        let stats = |millis: &[u64]| Sample::new(millis.iter().map(|ms| Nanos::from_millis(*ms))).unwrap().stats();
        let region = |name: &str, description: &str, found| RegionRow {
            name: name.to_owned(),
            description: description.to_owned(),
            found,
        };
        let phases = [(Measure::Phase(Phase::Connect), stats(&[16, 16, 17])), (Measure::Total, stats(&[60, 61, 62]))];
        let failure = Some("tls.timeout".to_owned());
        vec![
            region(
                "us-east-1",
                "US East (N. Virginia)",
                Found::Reached { connect: stats(&[16, 16, 17]), phases: phases.into(), failure: None },
            ),
            region(
                "sa-east-1",
                "South America (Sao Paulo)",
                Found::Reached { connect: stats(&[120]), phases: BTreeMap::new(), failure },
            ),
            region(
                "eu-west-1",
                "Europe (Ireland)",
                Found::Failed { code: "dns.nxdomain".into(), message: "no such name".into() },
            ),
            region("me-west-1", "Middle East (Saudi Arabia)", Found::NoEndpoint),
            region("us-west-2", "US West (Oregon)", Found::NotAsked),
        ]
    }

    #[test]
    fn every_region_is_a_row_whatever_came_of_it() {
        let table = |columns| markdown(&rows(), columns);
        assert_eq!(
            table(RegionColumns::Connect),
            "| region | name | connect (ms) | min (ms) | max (ms) | of |\n\
             | --- | --- | ---: | ---: | ---: | ---: |\n\
             | us-east-1 | US East (N. Virginia) | 16.000 | 16.000 | 17.000 | 3 |\n\
             | sa-east-1 | South America (Sao Paulo) | 120.000 | 120.000 | 120.000 | 1 |\n\
             | eu-west-1 | Europe (Ireland) | dns.nxdomain | – | – | – |\n\
             | me-west-1 | Middle East (Saudi Arabia) | no endpoint | – | – | – |\n\
             | us-west-2 | US West (Oregon) | not asked | – | – | – |\n"
        );
        assert!(table(RegionColumns::Phases).starts_with(
            "| region | name | connect (ms) | total (ms) |\n\
             | --- | --- | ---: | ---: |\n\
             | us-east-1 | US East (N. Virginia) | 16.000 | 61.000 |\n\
             | sa-east-1 | South America (Sao Paulo) | 120.000 | – |\n"
        ));
    }
}
