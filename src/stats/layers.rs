//! What a layer costs, by the difference of two paths.
//!
//! Targets that name their path form a graph: two of them are neighbours where one path is the other with one layer put in, wherever.
//! The difference of their *waits* is the cost of that layer, what it does to the way through the network included. Only rows of one
//! run, one vantage and one kind of connection are compared, and only if the tags that both have agree (a region, a memory size);
//! the tag `path` may differ, because it says what the path says.
//!
//! Deliberately absent: guessing. Costs are not added up along a chain of pairs, no pair is preferred to another, and a layer that no
//! pair tells is named.

use serde::{Deserialize, Serialize};

use super::summarise::{LEAST, Measured};
use super::verdict::compare;
use super::{Estimate, Measure, Row, Sample, Settings, Verdict};
use crate::target::LayerPath;
use crate::trace::Phase;

/// The tag that may differ between two paths.
const DESCRIBES_PATH: &str = "path";

/// The cost of one layer: the difference of the waits of two paths, of which one is the other with this layer put in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LayerDifference {
    /// The layer.
    pub layer: String,
    /// The row whose path has it.
    pub with: Row,
    /// The row whose path lacks it, and nothing else.
    pub without: Row,
    /// The path with the layer.
    pub path: LayerPath,
    /// By how much the medians of the two waits differ, and how sure that is.
    #[serde(flatten)]
    pub estimate: Estimate,
    /// Whether the layer costs anything: slower with it, faster, the same, or unclear.
    pub verdict: Verdict,
}

/// Why the paths do not tell what a layer costs, or not surely.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "note", rename_all = "snake_case")]
pub enum LayerNote {
    /// No two paths differ in just this layer.
    Missing {
        /// The layer.
        layer: String,
        /// Paths, of which any one would have told.
        wanted: Vec<LayerPath>,
    },
    /// Every path that has this layer ends in it: it is what answers, and no path goes without.
    Answers {
        /// The layer.
        layer: String,
    },
    /// Several rows have the same path. Each of their pairs is listed; which of them is meant is not guessed.
    SamePath {
        /// The path.
        path: LayerPath,
        /// The rows.
        rows: Vec<Row>,
    },
    /// Pairs of one layer have intervals that do not overlap: its cost depends on what stands beside it.
    Disagreeing {
        /// The layer.
        layer: String,
    },
    /// Two paths differ in just this layer, but one of the two has too few whole responses for an interval.
    TooFew {
        /// The layer.
        layer: String,
        /// The row whose path has it.
        with: Row,
        /// The row whose path lacks it.
        without: Row,
    },
    /// The row's only neighbour without the layer differs from it in more than the layer, so that the two were not compared.
    Elsewhere {
        /// The layer.
        layer: String,
        /// The row whose path has it.
        with: Row,
        /// The row whose path lacks it.
        without: Row,
        /// The tag in which they differ.
        tag: String,
    },
}

/// Every pair that tells what a layer costs, and what the paths do not tell.
pub(super) fn by_difference(measured: &[Measured<'_>], settings: &Settings) -> (Vec<LayerDifference>, Vec<LayerNote>) {
    let graph = Graph::of(measured);
    let (mut costs, mut notes) = (Vec::new(), graph.same_paths());
    for layer in graph.layers() {
        let mut pairs: Vec<(&Node<'_>, LayerDifference)> = Vec::new();
        let mut not_compared = Vec::new();
        for with in &graph.nodes {
            let Some(shorter) = with.path_without(layer) else { continue };
            let neighbours = || graph.nodes.iter().filter(|other| other.is_beside(with) && other.layers() == shorter);
            let before = pairs.len();
            let alike = || neighbours().filter(|without| with.differing_tag(without).is_none());
            pairs.extend(alike().filter_map(|without| Some((with, cost(layer, with, without, settings)?))));
            if pairs.len() == before {
                let nearest = alike().chain(neighbours()).next();
                not_compared.extend(nearest.map(|without| why_not(layer, with, without)));
            }
        }
        if pairs.is_empty() && not_compared.is_empty() {
            notes.push(graph.missing(layer));
        }
        notes.append(&mut not_compared);
        if disagree(&pairs) {
            notes.push(LayerNote::Disagreeing { layer: layer.to_owned() });
        }
        costs.extend(pairs.into_iter().map(|(_, cost)| cost));
    }
    (costs, notes)
}

/// `None` where one of the two was not measured often enough.
fn cost(layer: &str, with: &Node<'_>, without: &Node<'_>, settings: &Settings) -> Option<LayerDifference> {
    let comparison = compare(with.wait()?, without.wait()?, settings);
    Some(LayerDifference {
        layer: layer.to_owned(),
        with: with.row().clone(),
        without: without.row().clone(),
        path: with.path.clone(),
        estimate: comparison.estimate(settings),
        verdict: comparison.finding(comparison.p_value, 1, settings).verdict,
    })
}

/// Why two neighbours were not compared.
fn why_not(layer: &str, with: &Node<'_>, without: &Node<'_>) -> LayerNote {
    let tag = with.differing_tag(without).map(str::to_owned);
    let (layer, with, without) = (layer.to_owned(), with.row().clone(), without.row().clone());
    match tag {
        Some(tag) => LayerNote::Elsewhere { layer, with, without, tag },
        None => LayerNote::TooFew { layer, with, without },
    }
}

/// Whether two pairs at the same place have intervals without a common difference.
fn disagree(pairs: &[(&Node<'_>, LayerDifference)]) -> bool {
    pairs.iter().enumerate().any(|(index, (node, cost))| {
        pairs[..index].iter().any(|(earlier_node, earlier)| {
            node.is_beside(earlier_node)
                && node.differing_tag(earlier_node).is_none()
                && cost.estimate.is_apart_from(&earlier.estimate)
        })
    })
}

/// The rows that name a path.
struct Graph<'m> {
    nodes: Vec<Node<'m>>,
}

/// A row with its path.
struct Node<'m> {
    measured: &'m Measured<'m>,
    path: &'m LayerPath,
}

impl<'m> Graph<'m> {
    fn of(measured: &'m [Measured<'m>]) -> Self {
        let node = |measured: &'m Measured<'m>| {
            let path = measured.group.path.as_ref().filter(|_| measured.row().redirects == 0)?;
            Some(Node { measured, path })
        };
        Self { nodes: measured.iter().filter_map(node).collect() }
    }

    /// Every layer once, in the order of its first occurrence.
    fn layers(&self) -> Vec<&'m str> {
        let mut layers = Vec::new();
        for layer in self.nodes.iter().flat_map(|node| node.path.layers()) {
            if !layers.contains(&layer) {
                layers.push(layer);
            }
        }
        layers
    }

    /// A note for each set of rows that nothing tells apart but their names.
    fn same_paths(&self) -> Vec<LayerNote> {
        let is_twin = |one: &Node<'_>, other: &Node<'_>| {
            one.path == other.path && one.is_beside(other) && one.differing_tag(other).is_none()
        };
        let mut notes = Vec::new();
        for (index, node) in self.nodes.iter().enumerate() {
            if self.nodes[..index].iter().any(|earlier| is_twin(earlier, node)) {
                continue;
            }
            let rows: Vec<Row> =
                self.nodes[index..].iter().filter(|other| is_twin(node, other)).map(|n| n.row().clone()).collect();
            if rows.len() > 1 {
                notes.push(LayerNote::SamePath { path: node.path.clone(), rows });
            }
        }
        notes
    }

    /// Why no pair tells the cost of a layer.
    fn missing(&self, layer: &str) -> LayerNote {
        let layer_owned = layer.to_owned();
        let mut having = self.nodes.iter().filter(|node| node.path.layers().any(|name| name == layer));
        if having.clone().all(|node| node.path.layers().next_back() == Some(layer)) {
            return LayerNote::Answers { layer: layer_owned };
        }
        let mut wanted: Vec<LayerPath> = Vec::new();
        for shorter in having.by_ref().filter_map(|node| node.path_without(layer)) {
            let path = LayerPath::new(shorter.into_iter().map(str::to_owned).collect());
            wanted.extend(path.ok().filter(|path| !wanted.contains(path)));
        }
        LayerNote::Missing { layer: layer_owned, wanted }
    }
}

impl Node<'_> {
    fn row(&self) -> &Row {
        self.measured.row()
    }

    fn wait(&self) -> Option<&Sample> {
        self.measured.samples.get(&Measure::Phase(Phase::Wait)).filter(|sample| sample.count() >= LEAST)
    }

    fn layers(&self) -> Vec<&str> {
        self.path.layers().collect()
    }

    /// The path with one layer taken out; `None` where it lacks it.
    fn path_without(&self, layer: &str) -> Option<Vec<&str>> {
        let others: Vec<&str> = self.path.layers().filter(|name| *name != layer).collect();
        (others.len() < self.path.layers().len()).then_some(others)
    }

    /// Whether both were measured in the same run, from the same place, over the same kind of connection.
    fn is_beside(&self, other: &Node<'_>) -> bool {
        let (row, other) = (self.row(), other.row());
        (&row.run, &row.vantage, row.connection) == (&other.run, &other.vantage, other.connection)
    }

    /// The first tag that both have and in which they differ.
    fn differing_tag(&self, other: &Node<'_>) -> Option<&str> {
        let (tags, others) = (&self.measured.group.tags, &other.measured.group.tags);
        let differs = |(key, value): &(&String, &String)| {
            key.as_str() != DESCRIBES_PATH && others.get(*key).is_some_and(|other| other != *value)
        };
        tags.iter().find(differs).map(|(key, _)| key.as_str())
    }
}
