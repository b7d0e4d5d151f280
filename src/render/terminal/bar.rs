//! Bars and their axis, on one scale for everything shown.
//!
//! A bar's left edge is drawn to half a cell and its right edge to an eighth (Unicode has left-aligned blocks of every eighth,
//! but only two right-aligned ones). A phase shorter than that gets a sliver: it happened.

use super::Glyphs;
use super::line::columns;
use crate::time::Nanos;

/// Eighths of a cell.
const EIGHTHS: u64 = 8;
/// Left-aligned blocks of one to seven eighths.
const LEFT: [char; 7] = ['▏', '▎', '▍', '▌', '▋', '▊', '▉'];

/// Cells for time: `span` fills `cells`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    span: Nanos,
    cells: usize,
    glyphs: Glyphs,
}

impl Scale {
    /// A scale on which `span` takes all cells, of which there is at least one.
    pub(super) fn new(span: Nanos, cells: usize, glyphs: Glyphs) -> Self {
        Self { span: span.max(Nanos::new(1)), cells: cells.max(1), glyphs }
    }

    /// The cells from the axis' start to the bar's end: blanks, then the bar.
    pub(super) fn bar(&self, start: Nanos, length: Nanos) -> String {
        let last = self.cells as u64 * EIGHTHS;
        let from = self.eighths(start).min(last - 1);
        let to = self.eighths(start + length).clamp(from + 1, last);
        match self.glyphs {
            Glyphs::Unicode => blocks(from, to),
            Glyphs::Ascii => letters(from, to),
        }
    }

    /// Ticks with round labels, the last with its unit.
    pub(super) fn axis(&self) -> String {
        let (step, per_unit, unit) = self.step();
        let mut axis = String::new();
        let mut at = Nanos::ZERO;
        let mut labels = Vec::new();
        while at <= self.span {
            labels.push((self.cell(at), at));
            at += step;
        }
        let last = labels.len() - 1;
        for (index, (cell, at)) in labels.into_iter().enumerate() {
            let label = round_label(at, per_unit);
            let label = if index == last { format!("╵{label} {unit}") } else { format!("╵{label}") };
            let blanks = cell.saturating_sub(columns(&axis));
            if cell + columns(&label) > self.cells || (index > 0 && blanks == 0) {
                continue;
            }
            axis.push_str(&" ".repeat(blanks));
            axis.push_str(&label);
        }
        // The last tick may have had no room: then no label has named the unit yet.
        if !axis.contains(unit) && columns(&axis) + 1 + columns(unit) <= self.cells {
            axis.push(' ');
            axis.push_str(unit);
        }
        axis
    }

    /// The distance of ticks: 1, 2 or 5 times a power of ten, wide enough for labels; and the unit that suits it.
    fn step(&self) -> (Nanos, u64, &'static str) {
        let wanted = self.span.get() / (self.cells as u64 / 10).max(1);
        let mut power = 1_u64;
        while power.saturating_mul(10) <= wanted {
            power = power.saturating_mul(10);
        }
        let step = [1, 2, 5, 10].into_iter().map(|times| power.saturating_mul(times)).find(|step| *step >= wanted);
        let step = step.unwrap_or(u64::MAX).max(1);
        let (per_unit, unit) = match self.span.get() {
            0..10_000 => (1, "ns"),
            10_000..2_000_000 => (1_000, "µs"),
            2_000_000..10_000_000_000 => (1_000_000, "ms"),
            _ => (1_000_000_000, "s"),
        };
        (Nanos::new(step), per_unit, unit)
    }

    fn eighths(&self, at: Nanos) -> u64 {
        let all = self.cells as u128 * u128::from(EIGHTHS);
        let part = u128::from(at.get()) * all / u128::from(self.span.get());
        u64::try_from(part.min(all)).unwrap_or(u64::MAX)
    }

    fn cell(&self, at: Nanos) -> usize {
        usize::try_from(self.eighths(at) / EIGHTHS).unwrap_or(self.cells)
    }
}

fn round_label(at: Nanos, per_unit: u64) -> String {
    let (whole, rest) = (at.get() / per_unit, at.get() % per_unit);
    if rest == 0 {
        return whole.to_string();
    }
    let digits = usize::try_from(per_unit.ilog10()).unwrap_or(0);
    format!("{whole}.{}", format!("{rest:0digits$}").trim_end_matches('0'))
}

/// Blocks from one eighth to another; `from < to`.
fn blocks(from: u64, to: u64) -> String {
    let mut text = " ".repeat(index(from / EIGHTHS));
    if from / EIGHTHS == (to - 1) / EIGHTHS {
        text.push(within_one_cell(from % EIGHTHS, to - from));
        return text;
    }
    text.push(match from % EIGHTHS {
        0..2 => '█',
        2..6 => '▐',
        _ => '▕',
    });
    let full = to / EIGHTHS - from / EIGHTHS - 1;
    text.extend(std::iter::repeat_n('█', index(full)));
    text.extend(partial(to % EIGHTHS));
    text
}

/// A bar that starts `offset` eighths into a cell and does not leave it.
fn within_one_cell(offset: u64, eighths: u64) -> char {
    match (offset, eighths) {
        (_, 8) => '█',
        (0..3, _) => partial(eighths).unwrap_or('█'),
        (_, 3..) => '▐',
        (3..5, _) => '▏',
        _ => '▕',
    }
}

/// The left-aligned block of so many eighths; none for 0.
fn partial(eighths: u64) -> Option<char> {
    LEFT.get(index(eighths.checked_sub(1)?)).copied()
}

/// As [`blocks`], in ASCII and to the cell: what fills less than half a cell is a sliver, or nothing after a full cell.
fn letters(from: u64, to: u64) -> String {
    let mut text = " ".repeat(index(from / EIGHTHS));
    let cells = (to + EIGHTHS / 2) / EIGHTHS - from / EIGHTHS;
    if cells == 0 || to - from < EIGHTHS / 2 {
        text.push('|');
    } else {
        text.push_str(&"=".repeat(index(cells)));
    }
    text
}

fn index(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check_bar(start: u64, length: u64, unicode: &str, ascii: &str) {
        let bar = |glyphs| Scale::new(Nanos::new(80), 10, glyphs).bar(Nanos::new(start), Nanos::new(length));
        assert_eq!(
            (bar(Glyphs::Unicode).as_str(), bar(Glyphs::Ascii).as_str()),
            (unicode, ascii),
            "{start} + {length}"
        );
    }

    #[test]
    fn bars_are_exact_to_an_eighth_and_never_vanish() {
        check_bar(0, 80, "██████████", "==========");
        check_bar(0, 12, "█▌", "==");
        check_bar(0, 11, "█▍", "=");
        check_bar(4, 12, "▐█", "==");
        check_bar(15, 10, " ▕█▏", " ==");
        check_bar(16, 0, "  ▏", "  |");
        check_bar(22, 0, "  ▕", "  |");
        check_bar(17, 5, "  ▋", "  =");
        check_bar(80, 0, "         ▕", "         |");
        check_bar(200, 5, "         ▕", "         |");
    }

    #[test]
    fn ticks_are_round() {
        for (span, cells, expect) in [
            (58_000_000, 40, "╵0           ╵20           ╵40 ms"),
            (58_000_000, 12, "╵0 ms"),
            (900_000, 30, "╵0              ╵500 µs"),
            (2_500_000, 40, "╵0              ╵1              ╵2 ms"),
            (2_100_000, 60, "╵0            ╵0.5          ╵1            ╵1.5 ms"),
            (12_000_000_000, 30, "╵0          ╵5           ╵10 s"),
        ] {
            let axis = Scale::new(Nanos::new(span), cells, Glyphs::Unicode).axis();
            assert_eq!(axis, expect, "{span} ns on {cells} cells");
        }
    }

    proptest! {
        #[test]
        fn nothing_leaves_the_cells(
            span in any::<u64>(), cells in 0_usize..200, start in any::<u64>(), length in any::<u64>(), unicode in any::<bool>(),
        ) {
            let glyphs = if unicode { Glyphs::Unicode } else { Glyphs::Ascii };
            let scale = Scale::new(Nanos::new(span), cells, glyphs);
            let bar = scale.bar(Nanos::new(start), Nanos::new(length));
            prop_assert!(columns(&bar) <= cells.max(1) && !bar.trim().is_empty());
            prop_assert!(columns(&scale.axis()) <= cells.max(1));
        }
    }
}
