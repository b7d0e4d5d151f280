//! Traces of the same kind, to be measured together.
//!
//! A redirect is a request of its own, so it stands in a group of its own: mixing the first request of a chain with the last
//! would give a sample of two distributions, and their sum is not what either server took.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::{Deserialize, Serialize};

use super::Row;
use crate::target::LayerPath;
use crate::trace::{Trace, TraceId};

/// Traces that answer the same question: one target, asked from one place, over one kind of connection.
#[derive(Clone, Debug)]
pub struct Group<'t> {
    /// What tells it from the other groups.
    pub row: Row,
    /// The tags that all of its traces carry.
    pub tags: BTreeMap<String, String>,
    /// The layers that they pass; `None` where nobody said, or where they differ in it.
    pub path: Option<LayerPath>,
    /// The traces in the order given: at least one, except of a target that an interrupted run did not come to.
    pub traces: Vec<&'t Trace>,
}

/// Whether a connection had carried a request before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Connection {
    /// It was opened for this request.
    Cold,
    /// It was reused.
    Warm,
}

impl Connection {
    /// The word used in JSON and on the terminal.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cold => "cold",
            Self::Warm => "warm",
        }
    }

    /// The trace's. One that failed before it had a connection would have needed a new one.
    fn of(trace: &Trace) -> Self {
        if trace.connect.as_ref().is_some_and(|connect| connect.reused) { Self::Warm } else { Self::Cold }
    }
}

/// A target of a run that was ended early.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// What its rows are called.
    pub name: String,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// The layers that it passes, where its user named them.
    pub path: Option<LayerPath>,
    /// How many requests were wanted.
    pub requests: u64,
}

/// The traces of one run.
#[derive(Clone, Copy, Debug)]
pub struct Run<'t> {
    /// What it is called: the file it was saved to.
    pub name: &'t str,
    /// Its traces.
    pub traces: &'t [Trace],
}

/// Sorts traces into groups, in the order in which each first occurs: by the target's name (else its URL, with the method where
/// a URL was asked with several), by the number of redirects before it, by vantage where several occur, and by connection where
/// one target has both kinds.
#[must_use]
pub fn grouped(traces: &[Trace]) -> Vec<Group<'_>> {
    let mut groups = sorted(&[Run { name: "", traces }]);
    for group in &mut groups {
        group.row.run = None;
    }
    groups
}

/// As [`grouped`], for a run that was ended before all wanted requests were made: a target that it did not come to is a group
/// without traces, in its place among the targets.
#[must_use]
pub fn grouped_until<'t>(traces: &'t [Trace], wanted: &[Wanted]) -> Vec<Group<'t>> {
    let mut groups = grouped(traces);
    let is_of = |group: &Group<'_>, target: &Wanted| group.row.redirects == 0 && group.row.name == target.name;
    for (index, target) in wanted.iter().enumerate() {
        if groups.iter().any(|group| is_of(group, target)) {
            continue;
        }
        let later = |group: &Group<'_>| wanted[index + 1..].iter().any(|later| is_of(group, later));
        let place = groups.iter().position(later).unwrap_or(groups.len());
        let row = Row { name: target.name.clone(), run: None, vantage: None, connection: None, redirects: 0 };
        groups.insert(place, Group { row, tags: target.tags.clone(), path: target.path.clone(), traces: Vec::new() });
    }
    groups
}

/// As [`grouped`], keeping runs apart. Whether several vantages, and both kinds of connection, occur is asked of all runs
/// together, so that rows of different runs that belong together are called the same.
#[must_use]
pub fn grouped_by_run<'t>(runs: &[Run<'t>]) -> Vec<Group<'t>> {
    sorted(runs)
}

fn sorted<'t>(runs: &[Run<'t>]) -> Vec<Group<'t>> {
    let all = || runs.iter().flat_map(|run| run.traces);
    let vantages: BTreeSet<Option<&str>> = all().map(|trace| trace.subject.vantage.as_deref()).collect();
    let names = Names::of(all());

    let mut groups: Vec<Group<'t>> = Vec::new();
    let mut places: HashMap<Row, usize> = HashMap::new();
    for run in runs {
        for trace in run.traces {
            let (name, redirects) = names.of_trace(trace);
            let row = Row {
                name,
                run: Some(run.name.to_owned()),
                vantage: trace.subject.vantage.clone().filter(|_| vantages.len() > 1),
                connection: Some(Connection::of(trace)),
                redirects,
            };
            let place = *places.entry(row.clone()).or_insert(groups.len());
            if place == groups.len() {
                groups.push(Group { row, tags: BTreeMap::new(), path: None, traces: Vec::new() });
            }
            groups[place].traces.push(trace);
        }
    }
    if !has_both_kinds(&groups) {
        for group in &mut groups {
            group.row.connection = None;
        }
    }
    for group in &mut groups {
        group.tags = shared_tags(&group.traces);
        group.path = shared_path(&group.traces);
    }
    groups
}

/// How traces are called.
struct Names<'t> {
    by_id: HashMap<TraceId, &'t Trace>,
    /// URLs that were asked with several methods by traces without a name.
    ambiguous: BTreeSet<&'t str>,
}

impl<'t> Names<'t> {
    fn of(traces: impl Iterator<Item = &'t Trace>) -> Self {
        let mut by_id = HashMap::new();
        let mut methods: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for trace in traces {
            by_id.insert(trace.subject.trace_id, trace);
            if trace.subject.name.is_none() {
                methods.entry(&trace.subject.url).or_default().insert(&trace.subject.method);
            }
        }
        let ambiguous = methods.into_iter().filter(|(_, methods)| methods.len() > 1).map(|(url, _)| url).collect();
        Self { by_id, ambiguous }
    }

    /// The name of the row, and how many redirects led to the trace.
    fn of_trace(&self, trace: &Trace) -> (String, u32) {
        let (mut first, mut redirects) = (Some(trace), 0);
        // A chain that leads back into itself is not one; it ends where it would be longer than all traces together.
        while let Some(from) = first.and_then(|earlier| earlier.subject.redirected_from) {
            redirects += 1;
            first = self.by_id.get(&from).copied().filter(|_| redirects as usize <= self.by_id.len());
        }
        match first {
            _ if redirects == 0 => (self.label(trace), 0),
            Some(first) => (format!("{} → {}", self.label(first), trace.subject.url), redirects),
            None => match &trace.subject.name {
                Some(name) => (format!("{name} → {}", trace.subject.url), redirects),
                None => (format!("→ {}", trace.subject.url), redirects),
            },
        }
    }

    fn label(&self, trace: &Trace) -> String {
        let subject = &trace.subject;
        match &subject.name {
            Some(name) => name.clone(),
            None if self.ambiguous.contains(subject.url.as_str()) => format!("{} {}", subject.method, subject.url),
            None => subject.url.clone(),
        }
    }
}

/// Whether one target has traces over new connections and over reused ones.
fn has_both_kinds(groups: &[Group<'_>]) -> bool {
    let mut kinds: HashMap<Row, BTreeSet<Option<Connection>>> = HashMap::new();
    for group in groups {
        let row = Row { connection: None, run: None, ..group.row.clone() };
        kinds.entry(row).or_default().insert(group.row.connection);
    }
    kinds.values().any(|kinds| kinds.len() > 1)
}

fn shared_tags(traces: &[&Trace]) -> BTreeMap<String, String> {
    let Some((first, others)) = traces.split_first() else { return BTreeMap::new() };
    let in_all =
        |key: &str, value: &str| others.iter().all(|trace| trace.subject.tags.get(key).is_some_and(|v| v == value));
    first.subject.tags.iter().filter(|(key, value)| in_all(key, value)).map(|(k, v)| (k.clone(), v.clone())).collect()
}

fn shared_path(traces: &[&Trace]) -> Option<LayerPath> {
    let (first, others) = traces.split_first()?;
    others.iter().all(|trace| trace.subject.path == first.subject.path).then(|| first.subject.path.clone())?
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::specimens::{Specimen, trace};

    fn check(traces: &[Trace], expect: &[(&str, usize)]) {
        let groups = grouped(traces);
        let labels: Vec<(String, usize)> = groups.iter().map(|group| (group.row.label(), group.traces.len())).collect();
        let expect: Vec<(String, usize)> = expect.iter().map(|(label, count)| ((*label).to_owned(), *count)).collect();
        assert_eq!(labels, expect);
    }

    fn of(name: &'static str) -> Specimen<'static> {
        Specimen { name: Some(name), ..Specimen::default() }
    }

    #[test]
    fn a_target_is_its_name_or_else_its_url() {
        let unnamed = |url, method| trace(&Specimen { url, method, ..Specimen::default() });
        check(
            &[trace(&of("b")), unnamed("http://a/", "GET"), trace(&of("a")), trace(&of("b"))],
            &[("b", 2), ("http://a/", 1), ("a", 1)],
        );
        let several = [unnamed("http://a/", "GET"), unnamed("http://a/", "POST"), unnamed("http://b/", "GET")];
        check(&several, &[("GET http://a/", 1), ("POST http://a/", 1), ("http://b/", 1)]);
    }

    #[test]
    fn vantages_and_connections_tell_rows_apart_only_where_both_occur() {
        let from = |name, vantage| trace(&Specimen { vantage: Some(vantage), ..of(name) });
        check(&[from("a", "berlin"), from("b", "berlin")], &[("a", 1), ("b", 1)]);
        check(&[from("a", "berlin"), from("a", "tokyo")], &[("a @ berlin", 1), ("a @ tokyo", 1)]);
        check(&[from("a", "berlin"), trace(&of("a"))], &[("a @ berlin", 1), ("a", 1)]);

        let warm = |name| trace(&Specimen { reused: true, ..of(name) });
        check(&[warm("a"), warm("a"), trace(&of("b"))], &[("a", 2), ("b", 1)]);
        check(&[trace(&of("a")), warm("a"), trace(&of("b"))], &[("a (cold)", 1), ("a (warm)", 1), ("b (cold)", 1)]);
    }

    #[test]
    fn every_redirect_is_a_row_of_its_own() {
        let first = trace(&Specimen { id: 1, ..of("shop") });
        let second = trace(&Specimen { id: 2, from: Some(1), url: "https://b/", ..of("shop") });
        let third = trace(&Specimen { id: 3, from: Some(2), url: "https://c/", ..of("shop") });
        let orphan = trace(&Specimen { id: 4, from: Some(9), url: "https://d/", ..Specimen::default() });
        let circle = trace(&Specimen { id: 5, from: Some(5), url: "https://e/", ..Specimen::default() });
        check(
            &[first, second, third, orphan, circle],
            &[
                ("shop", 1),
                ("shop → https://b/", 1),
                ("shop → https://c/", 1),
                ("→ https://d/", 1),
                ("→ https://e/", 1),
            ],
        );
    }

    #[test]
    fn runs_stay_apart_and_share_their_labels() {
        let cold = [trace(&of("a"))];
        let warm = [trace(&Specimen { reused: true, ..of("a") })];
        let groups = grouped_by_run(&[Run { name: "old", traces: &cold }, Run { name: "new", traces: &warm }]);
        let labels: Vec<String> = groups.iter().map(|group| group.row.label()).collect();
        assert_eq!(labels, ["a [old] (cold)", "a [new] (warm)"]);
    }

    #[test]
    fn a_target_that_nobody_came_to_keeps_its_place() {
        let wanted = |names: &[&str]| {
            let target = |name: &&str| Wanted {
                name: (*name).to_owned(),
                tags: BTreeMap::new(),
                path: LayerPath::new(vec!["ec2".to_owned()]).ok(),
                requests: 3,
            };
            names.iter().map(target).collect::<Vec<_>>()
        };
        let redirected = trace(&Specimen { id: 2, from: Some(1), url: "https://b/", ..of("b") });
        let traces = [trace(&Specimen { id: 1, ..of("b") }), redirected, trace(&Specimen { id: 3, ..of("d") })];
        for (names, expect) in [
            (&["b", "d"][..], &["b", "b → https://b/", "d"][..]),
            (&["a", "b", "c", "d", "e"], &["a", "b", "b → https://b/", "c", "d", "e"]),
            (&["a", "x", "b", "d"], &["a", "x", "b", "b → https://b/", "d"]),
        ] {
            let groups = grouped_until(&traces, &wanted(names));
            assert_eq!(groups.iter().map(|group| group.row.label()).collect::<Vec<_>>(), expect);
            assert!(groups.iter().filter(|group| group.traces.is_empty()).all(|group| group.path.is_some()));
        }
        assert_eq!(grouped_until(&[], &wanted(&["a", "b"])).len(), 2);
    }

    #[test]
    fn a_group_has_the_tags_and_the_path_that_all_of_its_traces_have() {
        let tagged = |tags, path| trace(&Specimen { tags, path, ..of("a") });
        let us = [("region", "us"), ("n", "1")];
        let other = [("region", "us"), ("n", "2")];
        let traces = [tagged(&us, Some("elb,ec2")), tagged(&other, Some("elb,ec2"))];
        let group = &grouped(&traces)[0];
        assert_eq!(group.tags, BTreeMap::from([("region".to_owned(), "us".to_owned())]));
        assert_eq!(group.path, Some("elb,ec2".parse().unwrap()));
        let traces = [tagged(&us, Some("elb,ec2")), tagged(&us, None)];
        assert_eq!(grouped(&traces)[0].path, None);
    }
}
