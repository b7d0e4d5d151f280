//! What waterfalls show where, and that nothing in them meets anything else.

use proptest::prelude::*;

use super::super::conflicts::{Labels, canvas, overlap, within};
use super::super::geometry::times;
use super::super::specimens::{any_traces, written};
use super::*;
use crate::render::sample;

impl Layout {
    fn labels(&self) -> Vec<&Label> {
        let frame = self.page.labels().chain(self.legend.iter().map(|entry| &entry.label));
        let frame = frame.chain(self.grid.iter().flat_map(|line| &line.labels));
        let ladders = self
            .ladders
            .iter()
            .flat_map(|ladder| ladder.labels.iter().chain(ladder.rungs.iter().flat_map(|rung| &rung.labels)));
        frame.chain(self.rows.iter().flat_map(Row::labels)).chain(ladders).collect()
    }

    fn symbols(&self) -> impl Iterator<Item = Rect> + '_ {
        let rows = self.rows.iter().flat_map(|row| &row.beside);
        self.legend.iter().chain(rows).map(|entry| entry.symbol)
    }
}

impl Row {
    fn labels(&self) -> impl Iterator<Item = &Label> {
        let inside = self.inside.iter().map(|inside| &inside.label);
        let beside = self.beside.iter().map(|entry| &entry.label);
        self.heading.iter().chain(inside).chain(&self.verdict).chain(beside)
    }
}

/// Everything that must hold of any chart.
fn check(layout: &Layout) {
    let canvas = canvas(layout.page.width, layout.page.height);
    let labels = Labels::checked(layout.labels(), &canvas);
    for symbol in layout.symbols() {
        labels.check_shape(&symbol, &canvas);
    }
    for row in &layout.rows {
        check_row(row, layout);
    }
    for ladder in &layout.ladders {
        assert!(within(&ladder.frame, &canvas) && ladder.frame.y > layout.plot.bottom(), "{:?}", ladder.frame);
        for bar in ladder.rungs.iter().flat_map(|rung| [rung.lead, rung.step, rung.spread, rung.best]).flatten() {
            labels.check_shape(&bar, &ladder.frame);
        }
    }
}

fn check_row(row: &Row, layout: &Layout) {
    let bar = &row.bar;
    assert!(within(&bar.rect, &layout.plot), "a bar leaves the plot: {:?}", bar.rect);
    assert!(bar.marks.iter().all(|mark| mark.x >= bar.rect.x && mark.x <= bar.rect.right()), "{:?}", bar.marks);
    let strip = Rect { y: bar.rect.bottom(), height: packets::STRIP, ..bar.rect };
    let strip = Rect { x: strip.x - 1.0, width: strip.width + 2.0, ..strip };
    for tick in &bar.packets {
        assert!(within(&tick.rect, &strip), "a packet leaves the strip below its bar: {tick:?}");
    }
    assert!(bar.bands.iter().all(|band| within(band, &bar.rect)), "{:?}", bar.bands);
    for segment in &bar.segments {
        let least = bar::SLIVER.min(bar.rect.width / times(bar.segments.len()));
        assert!(within(&segment.rect, &bar.rect) && segment.rect.width >= least - 1e-9, "{segment:?}");
    }
    for inside in &row.inside {
        let bounds = inside.label.bounds();
        let home = bar.segments.iter().find(|segment| within(&bounds, &segment.rect));
        assert!(home.is_some(), "{:?} is not inside one phase", inside.label.text);
    }
    let outside = row.heading.iter().chain(&row.verdict).chain(row.beside.iter().map(|entry| &entry.label));
    for label in outside {
        for other in &layout.rows {
            assert!(!overlap(&label.bounds(), &other.bar.rect), "{:?} lies on a bar", label.text);
        }
    }
}

fn options(width: u32) -> ChartOptions {
    ChartOptions { width, ..ChartOptions::default() }
}

#[test]
fn the_written_traces_are_laid_out_without_conflict() {
    let traces = written();
    for width in [800, 1200, 4000] {
        check(&Layout::new(&traces, &options(width)));
        check(&Layout::new(&vec![traces.clone(); 4].concat(), &options(width)));
        for trace in &traces {
            check(&Layout::new(std::slice::from_ref(trace), &options(width)));
        }
    }
}

#[test]
fn hops_stand_below_the_axis_as_far_as_there_are_any() {
    let with_hops = crate::render::sample::with_hops();
    let none = Layout::new(&written(), &options(1200));
    assert!(none.ladders.is_empty());
    for width in [800, 1200, 4000] {
        for count in [1, 3, 7] {
            let layout = Layout::new(&vec![with_hops.clone(); count], &options(width));
            check(&layout);
            assert_eq!(layout.ladders.len(), count.min(ladder::MOST_LADDERS));
        }
    }
    let layout = Layout::new(std::slice::from_ref(&with_hops), &options(1200));
    let texts: Vec<Vec<&str>> = layout.ladders[0]
        .rungs
        .iter()
        .map(|rung| rung.labels.iter().map(|label| label.text.as_str()).collect())
        .collect();
    let expect = [
        vec!["1", "192.0.2.1 gateway.example", "0.41", "+0.41"],
        vec!["2", "no answer"],
        vec!["3", "203.0.113.7", "9.80", "+9.39", "67%"],
        vec!["4", "203.0.113.9 +1", "9.10", "−0.70"],
        vec!["5", "198.51.100.2", "16.0", "+6.90"],
    ];
    assert_eq!(texts, expect);
    let six = Layout::new(&vec![with_hops.clone(); 6], &options(1200));
    let last = six.ladders[3].labels.last().map(|label| label.text.as_str());
    assert_eq!(last, Some("The hops of 2 more traces are not drawn."));
    let crowd = vec![with_hops; MOST_ROOMY + 1];
    assert!(Layout::new(&crowd, &options(1200)).ladders.is_empty());
}

#[test]
fn every_time_is_written_even_where_its_bar_is_a_sliver() {
    let traces = written();
    let layout = Layout::new(&traces, &options(1200));
    for (trace, row) in traces.iter().zip(&layout.rows) {
        let texts: Vec<&str> = row.labels().map(|label| label.text.as_str()).collect();
        for span in trace.timeline.spans() {
            let time = super::super::scale::milliseconds(span.duration);
            assert!(texts.iter().any(|text| text.ends_with(&time)), "{} {time} not in {texts:?}", span.phase);
        }
    }
}

/// The times inside bars, and those outside, of each row.
fn placed(layout: &Layout) -> Vec<(Vec<&str>, Vec<&str>)> {
    layout
        .rows
        .iter()
        .map(|row| {
            let inside = row.inside.iter().map(|inside| inside.label.text.as_str()).collect();
            (inside, row.beside.iter().map(|entry| entry.label.text.as_str()).collect())
        })
        .collect()
}

#[test]
fn a_phase_s_time_has_the_same_place_in_every_row_and_its_own_column() {
    let [ordinary, cold] = [&written()[0], &written()[4]];
    let alone = Layout::new(std::slice::from_ref(ordinary), &options(1200));
    assert_eq!(placed(&alone)[0].0, ["connect 16.0", "tls 17.9"], "a wait that is split stands below, with its parts");
    // Beside a wait that is fifty times as long, no time fits into the bar; so it is in neither.
    let both = Layout::new(&[ordinary.clone(), cold.clone()], &options(1200));
    for (row, (inside, _)) in both.rows.iter().zip(placed(&both)) {
        assert!(inside.is_empty(), "{inside:?}");
        let keys: Vec<Key> = row.beside.iter().map(|entry| entry.key).collect();
        assert!(keys.contains(&Key::SplitWait) && !keys.contains(&Key::Phase(Phase::Wait)), "{keys:?}");
    }
    for entry in &both.rows[0].beside {
        let other = both.rows[1].beside.iter().find(|other| other.key == entry.key);
        assert!(other.is_none_or(|other| other.symbol.x.total_cmp(&entry.symbol.x).is_eq()), "{entry:?}, {other:?}");
    }
}

#[test]
fn no_time_stands_without_its_phase() {
    for traces in [written(), vec![written(); 3].concat()] {
        for (inside, beside) in placed(&Layout::new(&traces, &options(1200))) {
            for text in inside.iter().chain(&beside) {
                assert!(text.contains(' '), "{text}");
            }
        }
    }
}

fn legend(traces: &[Trace]) -> Vec<String> {
    Layout::new(traces, &options(1600)).legend.into_iter().map(|entry| entry.label.text).collect()
}

#[test]
fn the_legend_explains_what_is_there_and_nothing_else() {
    let [secure, plain, repeated, expired] =
        [sample::secure(), sample::plain(), sample::repeated(), written().swap_remove(9)];
    for (traces, has, lacks) in [
        (vec![secure.clone()], &["wait: network", "wait: server"][..], &["wait", "failed here", "packet sent"][..]),
        (vec![plain.clone()], &["connect", "wait"], &["tls", "wait: network", "wait: server", "1xx response"]),
        (vec![secure, plain.clone()], &["wait: network", "wait (beside stripes: the server)"], &["wait: server"]),
        (
            vec![repeated],
            &["packet sent", "packet received", "packet sent again", "stalled on the wire"],
            &["failed here"],
        ),
        (vec![expired, plain], &["failed here"], &["stalled on the wire", "hop: its step"]),
        (vec![sample::with_hops()], &["hop: its step", "its best round trip", "up to its worst"], &["failed here"]),
    ] {
        let said = legend(&traces);
        for text in has {
            assert!(said.iter().any(|said| said == text), "{text} not in {said:?}");
        }
        for text in lacks {
            assert!(said.iter().all(|said| said != text), "{text} in {said:?}");
        }
    }
    let mut no_certificate = sample::secure();
    no_certificate.tls.as_mut().unwrap().verified = None;
    assert!(legend(&[no_certificate]).iter().any(|text| text == "ClientHello, ServerHello"));
}

#[test]
fn what_is_special_about_a_trace_stands_at_its_bar_s_end() {
    let layout = Layout::new(&written(), &options(1200));
    let verdicts: Vec<String> = layout
        .rows
        .iter()
        .map(|row| row.verdict.iter().map(|label| label.text.as_str()).collect::<Vec<_>>().join(" | "))
        .collect();
    let expect = [
        "54.5 ms",
        "59.0 ms",
        "32.7 ms",
        "107 ms",
        "2,501 ms",
        "81.0 ms",
        "43.6 ms | reused",
        "27.2 ms | HTTP 301",
        "76.8 ms",
        "60.5 ms | tls.certificate_expired",
    ];
    assert_eq!(verdicts, expect);
}

#[test]
fn bars_end_where_the_axis_says_and_hops_follow_each_other() {
    let traces = written();
    let layout = Layout::new(&traces, &options(1200));
    let line = |text: &str| {
        layout.grid.iter().find(|line| line.labels.iter().any(|label| label.text == text)).map(|line| line.x)
    };
    let per_ms = (line("2,500 ms").unwrap() - layout.plot.x) / 2_500.0;
    for (trace, row) in traces.iter().zip(&layout.rows) {
        let length = trace.total().as_millis_f64() * per_ms;
        assert!((row.bar.rect.width - length.max(bar::SLIVER)).abs() < 1e-6, "{}", trace.label());
    }
    let [first, second] = [&layout.rows[7].bar.rect, &layout.rows[8].bar.rect];
    let gap = traces[8].started_at.since(traces[7].started_at).as_millis_f64();
    assert!((second.x - (first.x + gap * per_ms)).abs() < 1e-6, "{first:?}, {second:?}");
    assert!((first.x - layout.plot.x).abs() < 1e-6);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn nothing_ever_meets_or_leaves(traces in any_traces(), width in 800..2000_u32) {
        check(&Layout::new(&traces, &options(width)));
    }
}
