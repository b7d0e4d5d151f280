//! What stacked charts show, and that nothing in them meets anything else.

use proptest::prelude::*;
use resvg::usvg::roxmltree::Document;
use serde_json::json;

use super::super::conflicts::{Labels, canvas, within};
use super::super::geometry::Rect;
use super::panels::RowName;
use super::*;
use crate::render::sample;
use crate::stats::Row;

const MS: u64 = 1_000_000;

/// A complete request with these phases, in milliseconds.
fn request(phases: &[(&'static str, u64)]) -> Trace {
    let phases: Vec<_> = phases.iter().map(|(phase, millis)| (*phase, millis * MS, "wire", 900)).collect();
    sample::trace(1, "https://example.com/", &phases, json!({}))
}

fn failed() -> Trace {
    let failure = json!({"phase": "tls", "code": "tls.certificate_expired", "message": "…"});
    sample::trace(
        2,
        "https://example.com/",
        &[("connect", MS, "wire", 1)],
        json!({"outcome": "failed", "failure": failure}),
    )
}

fn by_layer(layers: &[(&str, u64)]) -> Trace {
    let wait = layers.iter().map(|(_, millis)| millis).sum::<u64>();
    let layers: Vec<_> = layers
        .iter()
        .map(|(layer, millis)| json!({"layer": layer, "duration_ns": millis * MS, "evidence": "xray", "estimated": false}))
        .collect();
    sample::trace(3, "https://example.com/", &[("wait", wait * MS, "wire", 1)], json!({"layers": layers}))
}

fn group<'t>(name: &str, vantage: Option<&str>, traces: impl IntoIterator<Item = &'t Trace>) -> Group<'t> {
    let row =
        Row { name: name.to_owned(), run: None, vantage: vantage.map(str::to_owned), connection: None, redirects: 0 };
    Group { row, tags: BTreeMap::new(), path: None, traces: traces.into_iter().collect() }
}

fn parts(bar: &Bar) -> Vec<(&str, u64)> {
    bar.parts.iter().map(|(part, length)| (part.name(), length.get() / MS)).collect()
}

#[test]
fn a_bar_is_the_statistic_of_each_part() {
    let traces = [
        request(&[("dns", 1), ("wait", 10), ("receive", 2)]),
        request(&[("wait", 20), ("receive", 2)]),
        request(&[("wait", 90), ("receive", 2)]),
        request(&[("wait", 20), ("receive", 2)]),
        failed(),
    ];
    let many = group("a", None, &traces);
    let median = Bar::new(&many, StackedOptions::default());
    // Most requests had no lookup, and the one that failed is counted, not measured.
    assert_eq!(parts(&median), [("wait", 20), ("receive", 2)]);
    assert_eq!((median.requests, median.failures), (5, 1));
    let ms = Nanos::from_millis;
    assert_eq!(median.whole, Some(Whole { length: ms(22), middle_half: Some((ms(13), ms(22))) }));

    let mean = Bar::new(&many, StackedOptions { statistic: Statistic::Mean, ..StackedOptions::default() });
    let sum: Nanos = mean.parts.iter().map(|(_, length)| *length).sum();
    assert_eq!(mean.whole.map(|whole| whole.length), Some(sum), "means add up");
    let of_one = [request(&[("wait", 10)])];
    let few = Bar::new(&group("b", None, &of_one), StackedOptions::default());
    assert_eq!(few.whole, Some(Whole { length: ms(10), middle_half: None }), "no half of one");
}

#[test]
fn layers_are_parts_of_the_wait() {
    let traces = [by_layer(&[("network", 16), ("elb", 1), ("ec2", 3), ("unattributed", 2)]), request(&[("wait", 500)])];
    let bar =
        Bar::new(&group("a", None, &traces), StackedOptions { parts: PartsOf::Wait, ..StackedOptions::default() });
    assert_eq!(parts(&bar), [("network", 16), ("elb", 1), ("ec2", 3), ("unattributed", 2)]);
    assert_eq!(bar.whole.map(|whole| whole.length), Some(Nanos::from_millis(22)), "only waits that have layers");
}

#[test]
fn what_summaries_count_as_failed_is_in_no_bar() {
    let response = json!({"status": 503, "version": "HTTP/1.1", "headers": [], "header_bytes": 1, "body_bytes": 0, "informational": []});
    let unexpected = sample::trace(
        5,
        "https://example.com/",
        &[("wait", 500 * MS, "wire", 1)],
        json!({"expect_status": 200, "response": response}),
    );
    let traces = [request(&[("wait", 10)]), unexpected];
    let bar = Bar::new(&group("a", None, &traces), StackedOptions::default());
    assert_eq!((parts(&bar), bar.failures), (vec![("wait", 10)], 1));
}

#[test]
fn a_bar_says_of_how_many_requests_nothing_is_known() {
    let traces = [by_layer(&[("elb", 1), ("unattributed", 2), ("nginx", 3)]), request(&[("wait", 5)]), failed()];
    let groups = [group("a", None, &traces), group("b", None, &traces[1..2])];
    let wait = StackedOptions { parts: PartsOf::Wait, ..StackedOptions::default() };
    let panels = Panels::new(&groups, wait);
    let layout = Layout::new(&panels, "title", "subtitle", &footnotes(&groups, wait), 800.0);
    check(&layout);
    let verdicts: Vec<Vec<&str>> =
        layout.panels[0].bars.iter().map(|bar| bar.verdict.iter().map(|label| label.text.as_str()).collect()).collect();
    assert_eq!(verdicts, [vec!["6.00 ms", "1 of 3 failed", "1 of 3 without layers"], vec!["1 of 1 without layers"]]);
    let legend: Vec<&str> = layout.legend.iter().map(|entry| entry.key.name()).collect();
    assert_eq!(legend, ["elb", "nginx", "unattributed"], "what nobody speaks of comes last, as in the bars");
    assert_eq!(parts(panels.bars().next().unwrap()), [("elb", 1), ("nginx", 3), ("unattributed", 2)]);
}

fn rows(panels: &Panels) -> Vec<&str> {
    panels.rows.iter().map(|row| row.name.as_str()).collect()
}

#[test]
fn several_targets_from_several_places_are_a_panel_each() {
    let [slow, fast] = [40, 10].map(|wait| request(&[("wait", wait)]));
    let everywhere =
        [group("a", Some("tokyo"), [&slow]), group("a", Some("berlin"), [&fast]), group("b", Some("berlin"), [&slow])];
    let panels = Panels::new(&everywhere, StackedOptions::default());
    assert_eq!(rows(&panels), ["tokyo", "berlin"], "by the sum over all panels");
    let titles: Vec<_> = panels.panels.iter().map(|panel| panel.title.as_str()).collect();
    assert_eq!(titles, ["a", "b"]);
    let known: Vec<Vec<bool>> =
        panels.panels.iter().map(|panel| panel.bars.iter().map(Option::is_some).collect()).collect();
    assert_eq!(known, [[true, true], [false, true]]);

    let turned: Vec<Group<'_>> = everywhere.iter().rev().cloned().collect();
    for (order, expect) in [(Order::Shortest, ["a", "b"]), (Order::Longest, ["a", "b"]), (Order::Given, ["b", "a"])] {
        let panels = Panels::new(&turned, StackedOptions { order, ..StackedOptions::default() });
        let titles: Vec<_> = panels.panels.iter().map(|panel| panel.title.as_str()).collect();
        assert_eq!(titles, expect, "{order:?}: who took turns with whom is met first by chance");
    }

    let somewhere = group("a", None, [&slow]);
    let with_unnamed: Vec<Group<'_>> = everywhere.iter().cloned().chain([somewhere]).collect();
    let panels = Panels::new(&with_unnamed, StackedOptions::default());
    assert_eq!(rows(&panels), ["tokyo", "unnamed place", "berlin"], "nothing that was measured is left out");

    let one_target = Panels::new(&everywhere[..2], StackedOptions::default());
    assert_eq!((rows(&one_target), one_target.panels.len()), (vec!["berlin", "tokyo"], 1));
    let one_place =
        Panels::new(&everywhere[1..], StackedOptions { order: Order::Longest, ..StackedOptions::default() });
    assert_eq!((rows(&one_place), one_place.panels.len()), (vec!["b", "a"], 1));
    let given = Panels::new(&everywhere[..2], StackedOptions { order: Order::Given, ..StackedOptions::default() });
    assert_eq!(rows(&given), ["tokyo", "berlin"]);
}

fn of_run<'t>(run: &str, group: Group<'t>) -> Group<'t> {
    Group { row: Row { run: Some(run.to_owned()), ..group.row }, ..group }
}

fn labels(panels: &Panels) -> Vec<String> {
    panels.rows.iter().map(RowName::label).collect()
}

#[test]
fn each_run_keeps_its_bar_beside_those_of_the_same_target() {
    let [short, middle, long] = [10, 20, 40].map(|wait| request(&[("wait", wait)]));
    let groups = [
        of_run("after.jsonl", group("new", None, [&middle])),
        of_run("before.jsonl", group("shop", None, [&long])),
        of_run("after.jsonl", group("shop", None, [&short])),
        of_run("before.jsonl", group("cart", None, [&short])),
        of_run("after.jsonl", group("cart", None, [&middle])),
    ];
    for (order, expect) in [
        (
            Order::Shortest,
            [
                "cart [before.jsonl]",
                "cart [after.jsonl]",
                "new [after.jsonl]",
                "shop [before.jsonl]",
                "shop [after.jsonl]",
            ],
        ),
        (
            Order::Longest,
            [
                "shop [before.jsonl]",
                "shop [after.jsonl]",
                "new [after.jsonl]",
                "cart [before.jsonl]",
                "cart [after.jsonl]",
            ],
        ),
        (
            Order::Given,
            [
                "new [after.jsonl]",
                "shop [before.jsonl]",
                "shop [after.jsonl]",
                "cart [before.jsonl]",
                "cart [after.jsonl]",
            ],
        ),
    ] {
        let panels = Panels::new(&groups, StackedOptions { order, ..StackedOptions::default() });
        assert_eq!(labels(&panels), expect, "{order:?}");
    }

    let panels = Panels::new(&groups, StackedOptions::default());
    let layout = Layout::new(&panels, "title", "subtitle", &[], 800.0);
    check(&layout);
    let texts: Vec<&str> = layout.panels[0].labels.iter().take(4).map(|label| label.text.as_str()).collect();
    assert_eq!(texts, ["cart", "before.jsonl", "cart", "after.jsonl"], "the name of the run below the target's");
    let top = |row: usize| layout.panels[0].bars[row].pieces[0].rect.y;
    assert!(top(2) - top(1) > top(1) - top(0), "runs of one target stand closer than targets");
}

#[test]
fn runs_from_several_places_are_rows_of_each_place() {
    let [short, long] = [10, 40].map(|wait| request(&[("wait", wait)]));
    let mut groups = Vec::new();
    for run in ["old", "new"] {
        for place in ["tokyo", "berlin"] {
            let trace = if place == "tokyo" { &long } else { &short };
            groups.push(of_run(run, group("a", Some(place), [trace])));
            groups.push(of_run(run, group("b", Some(place), [trace])));
        }
    }
    let panels = Panels::new(&groups[1..], StackedOptions::default());
    assert_eq!(labels(&panels), ["berlin [old]", "berlin [new]", "tokyo [old]", "tokyo [new]"]);
    let known: Vec<(&str, Vec<bool>)> = panels
        .panels
        .iter()
        .map(|panel| (panel.title.as_str(), panel.bars.iter().map(Option::is_some).collect()))
        .collect();
    assert_eq!(known, [("a", vec![true, true, false, true]), ("b", vec![true; 4])]);
    check(&Layout::new(&panels, "title", "subtitle", &[], 1_200.0));
}

#[test]
fn what_is_missing_is_said_below_the_bars() {
    let traces = [request(&[("wait", 10)]), failed(), failed()];
    let groups = [group("a", None, &traces[..2]), group("b", None, &traces[2..])];
    let interruption = Some(Interruption { made: 3, wanted: 30 });
    for (interruption, groups, expect) in [
        (None, &[group("a", None, &traces[..1])][..], &[][..]),
        (None, &groups, &["2 of 3 requests failed, and count in no bar: tls.certificate_expired 2."]),
        (
            interruption,
            &groups,
            &[
                "Interrupted after 3 of 30 requests: the bars are of these.",
                "2 of 3 requests failed, and count in no bar: tls.certificate_expired 2.",
            ],
        ),
    ] {
        let options = StackedOptions { interruption, ..StackedOptions::default() };
        assert_eq!(footnotes(groups, options), expect);
        let layout =
            Layout::new(&Panels::new(groups, options), "title", "subtitle", &footnotes(groups, options), 800.0);
        check(&layout);
        let svg = stacked(groups, options, &ChartOptions::default()).unwrap();
        for footnote in expect {
            assert_eq!(svg.as_str().matches(footnote).count(), 2, "drawn, and said in words: {footnote}");
        }
    }
}

#[test]
fn where_no_request_succeeded_there_is_no_axis() {
    let traces = [failed(), failed(), request(&[("wait", 10)])];
    let verdicts = |groups: &[Group<'_>]| -> (usize, Vec<String>) {
        let layout = Layout::new(&Panels::new(groups, StackedOptions::default()), "title", "subtitle", &[], 800.0);
        check(&layout);
        let panel = &layout.panels[0];
        let texts = panel.bars.iter().flat_map(|bar| bar.verdict.iter().map(|label| label.text.clone())).collect();
        (panel.grid.len(), texts)
    };
    let all = ["no request succeeded: 2 failed", "no request succeeded: 1 failed"].map(str::to_owned);
    let none = [group("a", None, &traces[..2]), group("b", None, &traces[..1])];
    assert_eq!(verdicts(&none), (0, all.to_vec()));
    let (ticks, texts) = verdicts(&[group("a", None, &traces[..2]), group("b", None, &traces[1..])]);
    assert!(ticks > 1, "{ticks}");
    assert_eq!(texts, ["10.0 ms", "1 of 2 failed", "no request succeeded: 2 failed"]);
}

#[test]
fn a_title_is_one_line() {
    let traces = [request(&[("wait", 10)])];
    let options = ChartOptions { title: Some("One\ntwo\u{7}".to_owned()), ..ChartOptions::default() };
    let svg = stacked(&[group("a", None, &traces)], StackedOptions::default(), &options).unwrap();
    assert!(svg.as_str().contains("\nOne two") && !svg.as_str().contains('\u{FFFD}'), "{}", svg.as_str());
}

#[test]
fn bars_end_where_the_axis_says_however_many_slivers_they_have() {
    let tiny = [("dns", 1), ("connect", 1), ("tls", 1), ("send", 1), ("wait", 1), ("receive", 1)];
    let [tiny, long] = [request(&tiny), request(&[("dns", 1), ("wait", 4_000)])];
    let groups = [group("tiny", None, [&tiny]), group("long", None, [&long])];
    let layout = Layout::new(&Panels::new(&groups, StackedOptions::default()), "title", "subtitle", &[], 1_200.0);
    let panel = &layout.panels[0];
    let second = panel.grid.iter().find(|line| line.labels[0].text == "1,000 ms").unwrap();
    let per_ms = (second.x - panel.plot.x) / 1_000.0;
    for (bar, millis) in panel.bars.iter().zip([6.0, 4_001.0]) {
        let end = bar.pieces.last().unwrap().rect.right();
        assert!((end - panel.plot.x - millis * per_ms).abs() < 1e-6, "{millis} ms end at {end}");
        assert!(bar.pieces.iter().all(|piece| piece.rect.width > 0.2), "{:?}", bar.pieces);
    }
}

fn check(layout: &Layout) {
    let canvas = canvas(layout.page.width, layout.page.height);
    let frame = layout.page.labels();
    let legend = layout.legend.iter().map(|entry| &entry.label).chain(layout.whisker_key.iter().map(|key| &key.label));
    let panels = layout.panels.iter().flat_map(|panel| {
        let ticks = panel.grid.iter().flat_map(|line| &line.labels);
        panel.labels.iter().chain(ticks).chain(panel.bars.iter().flat_map(|bar| &bar.verdict))
    });
    let labels = Labels::checked(frame.chain(legend).chain(panels), &canvas);
    let symbols = layout.legend.iter().map(|entry| entry.symbol).chain(layout.whisker_key.iter().map(|key| key.symbol));
    symbols.for_each(|symbol| labels.check_shape(&symbol, &canvas));
    for panel in &layout.panels {
        for bar in &panel.bars {
            for piece in &bar.pieces {
                labels.check_shape(&piece.rect, &panel.plot);
                let inside = piece.inside.as_ref().is_none_or(|label| within(&label.bounds(), &piece.rect));
                assert!(inside, "a text leaves its part: {piece:?}");
            }
            if let Some(whisker) = bar.whisker {
                let line = Rect { x: whisker.from, y: whisker.y, width: whisker.to - whisker.from, height: 0.0 };
                assert!(line.width >= 0.0, "{whisker:?}");
                labels.check_shape(&line, &panel.plot);
            }
        }
    }
}

#[test]
fn it_says_in_words_what_it_shows() {
    let traces = [request(&[("dns", 1), ("wait", 10)]), failed()];
    let groups = [group("first & <last>", None, &traces)];
    let svg = stacked(&groups, StackedOptions::default(), &ChartOptions::default()).unwrap();
    let document = Document::parse(svg.as_str()).unwrap();
    let text = |name| document.descendants().find(|node| node.tag_name().name() == name).unwrap().text().unwrap();
    let said: Vec<&str> = text("desc").lines().skip(1).collect();
    let bar = "first & <last>: 2 requests, 11.0 ms in all, dns 1.00, wait 10.0, 1 failed";
    assert_eq!(said, [bar, "1 of 2 requests failed, and count in no bar: tls.certificate_expired 1."]);
    for expect in ["11.0 ms", "1 of 2 failed", "first &amp; &lt;last&gt;"] {
        assert!(svg.as_str().contains(expect), "{expect}");
    }
}

#[test]
fn what_cannot_be_drawn_is_an_error() {
    let (stack, options) = (StackedOptions::default(), ChartOptions::default());
    assert!(matches!(stacked(&[], stack, &options), Err(ChartError::NoTraces { chart: "stacked" })));
    let traces = [request(&[("wait", 1)])];
    let groups = [group("a", None, &traces)];
    let wait = StackedOptions { parts: PartsOf::Wait, ..stack };
    assert!(matches!(stacked(&groups, wait, &options), Err(ChartError::NoLayers { .. })));
    let narrow = ChartOptions { width: 10, ..options };
    assert!(matches!(stacked(&groups, stack, &narrow), Err(ChartError::Width { width: 10 })));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    #[test]
    fn nothing_meets_anything(
        requests in proptest::collection::vec((0_u8..7, 0_u8..5, proptest::collection::vec(0_u64..=1 << 42, 1..6), any::<bool>()), 1..40),
        names in proptest::collection::vec(any::<String>(), 12),
        width in prop_oneof![Just(800_u32), Just(1200), Just(4000)],
    ) {
        let phases = ["dns", "connect", "tls", "send", "wait", "receive"];
        let mut traces: Vec<((u8, u8), Trace)> = requests
            .iter()
            .map(|(target, place, lengths, fails)| {
                let lengths: Vec<_> = phases.iter().zip(lengths).map(|(phase, length)| (*phase, *length, "user", 1)).collect();
                let trace = if *fails { failed() } else { sample::trace(4, "https://h/", &lengths, json!({})) };
                ((*target, *place), trace)
            })
            .collect();
        traces.sort_by_key(|(key, _)| *key);
        let groups: Vec<Group<'_>> = traces
            .chunk_by(|one, other| one.0 == other.0)
            .map(|chunk| {
                let (target, place) = chunk[0].0;
                let place = Some(format!("{place}{}", names[7 + usize::from(place)]));
                let name = format!("{target}{}", names[usize::from(target)]);
                group(&name, place.as_deref(), chunk.iter().map(|(_, trace)| trace))
            })
            .collect();
        let panels = Panels::new(&groups, StackedOptions::default());
        check(&Layout::new(&panels, &names[0], &subtitle(&groups, StackedOptions::default()), &footnotes(&groups, StackedOptions::default()), f64::from(width)));
        let svg = stacked(&groups, StackedOptions::default(), &ChartOptions { width, ..ChartOptions::default() }).unwrap();
        prop_assert!(Document::parse(svg.as_str()).is_ok());
    }

    #[test]
    fn no_layer_meets_anything_whatever_it_is_called(
        layers in proptest::collection::vec((any::<String>(), 0_u64..1 << 30), 1..60),
        name_length in 0_usize..300,
        width in prop_oneof![Just(800_u32), Just(4000)],
    ) {
        let layers: Vec<(String, u64)> = layers
            .into_iter()
            .enumerate()
            .map(|(index, (name, millis))| (format!("{index}{name}{}", "n".repeat(name_length)), millis))
            .collect();
        let named: Vec<(&str, u64)> = layers.iter().map(|(name, millis)| (name.as_str(), *millis)).collect();
        let traces = [by_layer(&named)];
        let groups = [group("a", None, &traces)];
        let wait = StackedOptions { parts: PartsOf::Wait, ..StackedOptions::default() };
        check(&Layout::new(&Panels::new(&groups, wait), "title", &subtitle(&groups, wait), &[], f64::from(width)));
    }
}
