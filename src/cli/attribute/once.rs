//! Traces that stand in the input more than once: a file given twice, or saved runs put together.
//!
//! Two traces of one id would each claim the records of that id, so that none could be joined. What is the same trace, whether it
//! was attributed before or not, counts once; what differs stays, and is named as the cause.

use std::collections::HashMap;

use crate::trace::{Layers, Trace, TraceId};

/// Each trace once, and what there is to say of the others. With each, the name of its file.
pub(super) fn once(traces: Vec<(String, Trace)>) -> (Vec<Trace>, Vec<String>) {
    let mut kept: Vec<(String, Trace)> = Vec::with_capacity(traces.len());
    let mut places: HashMap<TraceId, Vec<usize>> = HashMap::new();
    let mut again = 0_u64;
    let mut notes = Vec::new();
    for (file, trace) in traces {
        let same_id = places.entry(trace.subject.trace_id).or_default();
        if same_id.iter().any(|place| is_same(&kept[*place].1, &trace)) {
            again += 1;
            continue;
        }
        if let [first, ..] = same_id[..] {
            let (other_file, other) = &kept[first];
            let files = if *other_file == file { file.clone() } else { format!("{other_file} and {file}") };
            notes.push(format!(
                "{files}: the id {} stands for two traces that differ in {}: a record of that id may be of either",
                trace.subject.trace_id,
                difference(other, &trace)
            ));
        }
        same_id.push(kept.len());
        kept.push((file, trace));
    }
    match again {
        0 => {}
        1 => notes.insert(0, "a trace stands in the input twice: it counts once".to_owned()),
        many => notes.insert(0, format!("{many} traces stand in the input more than once: each counts once")),
    }
    (kept.into_iter().map(|(_, trace)| trace).collect(), notes)
}

/// Whether two are of one measurement: what attribution adds does not count, because it is made anew.
fn is_same(one: &Trace, other: &Trace) -> bool {
    // What differs mostly differs here.
    one.started_at == other.started_at && measured(one) == measured(other)
}

fn measured(trace: &Trace) -> Trace {
    Trace {
        passed: Vec::new(),
        layers: Layers::default(),
        rejected: Vec::new(),
        phase_witnesses: Vec::new(),
        ..trace.clone()
    }
}

/// The first thing in which two traces of one id differ.
fn difference(one: &Trace, other: &Trace) -> &'static str {
    if one.started_at != other.started_at {
        "their start"
    } else if one.subject.url != other.subject.url {
        "their URL"
    } else if one.subject != other.subject {
        "their name, tags or vantage"
    } else if one.timeline != other.timeline {
        "their phases"
    } else {
        "what was seen of them"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::sample;

    fn check(traces: &[(&str, Trace)], kept: usize, expect: &[&str]) {
        let given = traces.iter().map(|(file, trace)| ((*file).to_owned(), trace.clone())).collect();
        let (traces, notes) = once(given);
        assert_eq!((traces.len(), notes), (kept, expect.iter().map(|note| (*note).to_owned()).collect()));
    }

    #[test]
    fn what_is_the_same_counts_once_and_what_differs_is_named() {
        let trace = sample::secure();
        let mut attributed = trace.clone();
        attributed.passed = serde_json::from_str(r#"[{"layer": "elb", "certainty": "certain", "by": []}]"#).unwrap();
        let mut renamed = trace.clone();
        renamed.subject.name = Some("another".to_owned());
        let mut another = trace.clone();
        another.subject.trace_id = "000000000000000000000000000000ff".parse().unwrap();
        check(&[("a", trace.clone()), ("a", another)], 2, &[]);
        check(&[("a", trace.clone()), ("b", trace.clone())], 1, &["a trace stands in the input twice: it counts once"]);
        check(
            &[("a", trace.clone()), ("a", trace.clone()), ("b", attributed)],
            1,
            &["2 traces stand in the input more than once: each counts once"],
        );
        let note = format!(
            "a and b: the id {} stands for two traces that differ in their name, tags or vantage: a record of that id may be of either",
            trace.subject.trace_id
        );
        check(&[("a", trace), ("b", renamed)], 2, &[&note]);
    }
}
