//! What the terminal shows of a summary.

use proptest::prelude::*;

use super::*;
use crate::render::summary::specimens;
use crate::render::terminal::{Colour, Glyphs};
use crate::stats::{SignedNanos, Tolerance};
use crate::time::Nanos;

fn shown(summary: &Summary, width: usize, glyphs: Glyphs) -> String {
    terminal(summary, &Style { width, glyphs, colour: Colour::Never })
}

#[test]
fn what_was_measured_and_what_follows() {
    let text = shown(&specimens::compared(), 110, Glyphs::Unicode);
    for expect in [
        "elb        32 requests · 2 failed: connect.refused ×2 · 200 ×30 · path elb,ec2\n",
        "ms           count     p50     p95      p99       sd      max    mean     min\ndns\n  ec2           30   0.900   0.950",
        "\nelb is slower than ec2 by 1.865 ms (",
        ", +3.6 %, mostly in wait\n  dns      +0.007  ",
        "\ntwin is the same as ec2 within ±",
        "  same within ±0.026 · 1 of 31 had none\n",
        "\nfew | <b> is faster than ec2 by 15.651 ms (",
        ", -30 %; only ec2 has dns and tls\n  dns      not compared: only ec2 has it\n",
        "  unclear, too few requests for a verdict: 5 of at least 10\n",
        "\n  elb  +1.877  ",
        "  elb against ec2\n  ec2: answers the requests; no path goes without it\n",
        "\n  apig: no two paths differ in just this layer; \"lambda\" would tell\n",
        "\n  twin · wait 900.000, total 933.590 · trace 00000000000000000000000000000190\n",
    ] {
        assert!(text.contains(expect), "{expect:?} is not in\n{text}");
    }
}

#[test]
fn one_target_is_a_table_of_its_phases() {
    let text = shown(&specimens::alone(), 60, Glyphs::Ascii);
    let expect = "\
ec2  30 requests | 200 x30 | 10.2 completed/s

ms       count     p50     p95     p99     sd     max
dns         30   0.900   0.950   0.952  0.027   0.952
connect     30  15.995  16.747  17.302  0.610  17.302
tls         30  17.487  17.978  18.270  0.344  18.270
send        30   0.060   0.063   0.063  0.002   0.063
wait        30  17.417  18.344  18.453  0.479  18.453
receive     30   0.090   0.095   0.096  0.003   0.096
total       30  51.752  53.323  53.550  0.874  53.550
p99 of fewer than 100 is the maximum
";
    assert_eq!(text, expect);
}

#[test]
fn a_total_that_is_the_same_hides_no_phase_that_is_not() {
    let text = shown(&specimens::hidden(), 160, Glyphs::Unicode);
    let line = |start: &str| text.lines().find(|line| line.starts_with(start)).unwrap_or_default();
    let elb = line("elb is the same as ec2 within ±");
    assert!(elb.ends_with("; but wait is slower by 1.500 ms"), "{text}");
    let cdn = line("cdn is the same as ec2 within ±");
    assert!(cdn.ends_with(" ms)"), "{text}");
    // A layer that costs nothing that can be seen is called so.
    for expect in ["  elb against ec2\n", "  cdn against ec2 · no difference shown\n"] {
        assert!(text.contains(expect), "{expect:?} is not in\n{text}");
    }
}

#[test]
fn a_wide_terminal_has_room_for_the_mean_and_the_shortest() {
    for (width, expect) in [(60, "     max"), (90, "     max"), (110, "     max    mean     min")] {
        let text = shown(&specimens::alone(), width, Glyphs::Ascii);
        let (header, dns) = (text.lines().nth(2).unwrap(), text.lines().nth(3).unwrap());
        assert!(header.ends_with(expect), "{width}: {header}");
        // The strip keeps its place: what is shown beside it takes none of its room.
        assert_eq!(dns.contains('#'), width > 60, "{width}: {dns}");
    }
}

#[test]
fn failures_alone_are_shown_and_names_cannot_steer_the_terminal() {
    let text = shown(&specimens::hostile(), 100, Glyphs::Unicode);
    assert_eq!(text, "a|b\\x1b[31m\\n\"c\",`d` → é  1 request · 1 failed: dns.nxdomain ×1\n");
    let nothing = Summary { targets: Vec::new(), ..specimens::hostile() };
    assert_eq!(shown(&nothing, 80, Glyphs::Ascii), "no requests\n");
}

#[test]
fn a_pair_of_too_few_requests_is_one_line() {
    let text = shown(&specimens::once_each(), 60, Glyphs::Unicode);
    let expect = "\nother and base were not compared: 1 and 1 completed requests\nare too few\n";
    assert!(text.ends_with(expect), "{text}");
}

#[test]
fn signs_are_explained_once_and_what_is_no_percentile_is_said() {
    let text = shown(&specimens::compared(), 110, Glyphs::Unicode);
    let legend = "\n─ min to max · █ p50 · ▓ to p75 · ░ to p95 · → goes on\np95 of fewer than 20 and p99 of fewer than 100 is the maximum\n";
    assert_eq!(text.matches(legend).count(), 1, "{text}");
    // Without strips, only the percentiles are of interest; a column that has no room is not spoken of.
    assert!(shown(&specimens::compared(), 40, Glyphs::Unicode).contains("\np95 of fewer than 20 is the maximum\n"));
    assert!(!shown(&specimens::hostile(), 110, Glyphs::Unicode).contains("p95"));
}

#[test]
fn objectives_stand_last_with_how_they_are_met() {
    let text = shown(&specimens::gated(), 100, Glyphs::Unicode);
    let expect = "
SLO missed: 4 of 8; 2 of these are unknown, which counts as missed
  total=53     ec2  p50 51.752 ms                    · met
";
    assert!(text.contains(expect), "{text}");
    for expect in [
        "53.617 ms                    · missed by 0.617 ms\n",
        "2 of 32 failed                   · missed by 1 request\n",
        "–                                · unknown: no request has blocked\n",
    ] {
        assert!(text.contains(expect), "{expect:?} is not in\n{text}");
    }
}

#[test]
fn an_interrupted_run_says_so_and_keeps_its_baseline_in_sight() {
    let text = shown(&specimens::interrupted(), 100, Glyphs::Ascii);
    let expect = "\
interrupted after 6 of 24 requests: what follows is of these
ec2  0 of 8 requests
elb  3 of 8 requests | 200 x3
";
    assert!(text.starts_with(expect), "{text}");
    let expect = "\nthere is no baseline to compare elb with: ec2 was not asked before the interruption\n";
    assert!(text.contains(expect), "{text}");
}

#[test]
fn what_same_means_and_why_a_verdict_is_none_is_said() {
    let text = shown(&specimens::compared(), 200, Glyphs::Unicode);
    let expect = "\nsame: the whole interval lies within the margin: what two requests differ by anyway, at least ±0.250 ms (±0.050 ms \
                  where interval and rank test both show a difference)\n";
    assert_eq!(text.matches(expect).count(), 1, "{text}");
    for (same_within, expect) in [
        (None, "within the margin\n"),
        (Some(Tolerance::PerMille(50)), "within the margin: ±5% of the baseline's median\n"),
        (Some(Tolerance::Absolute(Nanos::from_millis(2))), "within the margin: ±2.000 ms\n"),
    ] {
        let text = shown(&Summary { same_within, ..specimens::compared() }, 100, Glyphs::Unicode);
        assert!(text.contains(&format!("\nsame: the whole interval lies {expect}")), "{text}");
    }
    let text = shown(&specimens::few(), 200, Glyphs::Unicode);
    assert!(!text.contains("would tell") && !text.contains("\nsame: "), "{text}");
    for expect in ["is unclear (", " ms); too few requests for a verdict: 4 of at least 10\n"] {
        assert!(text.lines().any(|line| format!("{line}\n").contains(expect) && line.starts_with("whether")), "{text}");
    }
    // What does not differ at all needs no reason.
    assert!(text.lines().any(|line| line.starts_with("  send") && line.ends_with("unclear")), "{text}");

    let mut unconfirmed = specimens::few();
    for one in &mut unconfirmed.differences {
        (one.least, one.more) = (None, Some(15));
        one.estimate.median = SignedNanos::new(8_245_000);
        (one.estimate.low, one.estimate.high) = (SignedNanos::new(6_163_000), SignedNanos::new(10_328_000));
    }
    let text = shown(&unconfirmed, 200, Glyphs::Unicode);
    let expect = "to +10.328  unclear, the rank test does not confirm it, about 15 more of each would tell\n";
    assert!(text.contains(expect), "{text}");
}

#[test]
fn how_many_in_a_second_is_said_where_nobody_else_took_turns() {
    for (summary, expect) in [(specimens::alone(), 1), (specimens::compared(), 0), (specimens::few(), 0)] {
        let text = shown(&summary, 100, Glyphs::Unicode);
        assert_eq!(text.matches("completed/s").count(), expect, "{text}");
        assert!(summary.targets[0].throughput_rps.is_some());
    }
    // Two runs did not take turns.
    let mut runs = specimens::few();
    for (index, target) in runs.targets.iter_mut().enumerate() {
        target.row.run = Some(format!("{index}.jsonl"));
    }
    assert_eq!(shown(&runs, 100, Glyphs::Unicode).matches("completed/s").count(), 2);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_line_is_too_wide(summary in specimens::any_summary(), width in 10_usize..140, unicode in any::<bool>()) {
        let text = shown(&summary, width, if unicode { Glyphs::Unicode } else { Glyphs::Ascii });
        prop_assert!(text.lines().all(|line| columns(line) <= width), "{}", text);
        prop_assert!(unicode || text.is_ascii(), "{}", text);
        prop_assert!(!text.chars().any(|character| character.is_control() && character != '\n'));
        let coloured = terminal(&summary, &Style { width, glyphs: Glyphs::Unicode, colour: Colour::Always });
        prop_assert!(coloured.lines().count() >= summary.targets.len().min(1));
    }
}
