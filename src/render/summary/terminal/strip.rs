//! How the lengths of a sample lie, in a few cells.
//!
//! A thin line reaches from the shortest to the longest, the block is the median, and what stands between it and the 75th and 95th
//! percentile is shaded. All strips of a measure are on one scale, which reaches from the shortest of all to the longest 95th
//! percentile: a single length far out would else press everything else into one cell. What lies beyond is an arrow at the end.

use crate::render::terminal::Glyphs;
use crate::stats::Stats;
use crate::time::Nanos;

/// For the shortest to the longest, the median, what lies between it and p75, between that and p95, and beyond the end.
const fn signs(glyphs: Glyphs) -> [char; 5] {
    match glyphs {
        Glyphs::Unicode => ['─', '█', '▓', '░', '→'],
        Glyphs::Ascii => ['-', '#', '=', '+', '>'],
    }
}

/// What each sign means.
pub(super) fn legend(glyphs: Glyphs) -> [String; 5] {
    let [line, median, near, far, beyond] = signs(glyphs);
    [
        format!("{line} min to max"),
        format!("{median} p50"),
        format!("{near} to p75"),
        format!("{far} to p95"),
        format!("{beyond} goes on"),
    ]
}

/// Cells for the lengths from `low` to `high`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Strip {
    low: Nanos,
    high: Nanos,
    cells: usize,
    glyphs: Glyphs,
}

impl Strip {
    /// For samples that are to be shown side by side; without any, there is nothing to show.
    pub(super) fn new<'s>(all: impl Iterator<Item = &'s Stats> + Clone, cells: usize, glyphs: Glyphs) -> Self {
        let low = all.clone().map(|stats| stats.min).min().unwrap_or_default();
        let high = all.map(|stats| stats.p95).max().unwrap_or_default();
        Self { low, high, cells: cells.max(2), glyphs }
    }

    /// The cells of one sample.
    pub(super) fn draw(&self, stats: &Stats) -> String {
        let [line, median, near, far, beyond] = signs(self.glyphs);
        let mut cells = vec![' '; self.cells];
        let mut fill = |from: Nanos, to: Nanos, glyph: char| {
            for cell in &mut cells[self.cell(from)..=self.cell(to)] {
                *cell = glyph;
            }
        };
        fill(stats.min, stats.max, line);
        fill(stats.p75, stats.p95, far);
        fill(stats.p50, stats.p75, near);
        fill(stats.p50, stats.p50, median);
        if stats.max > self.high {
            cells[self.cells - 1] = beyond;
        }
        cells.into_iter().collect()
    }

    fn cell(&self, length: Nanos) -> usize {
        let (span, at) = (self.high.saturating_sub(self.low).get(), length.saturating_sub(self.low).get());
        let cell = u128::from(at) * self.cells as u128 / u128::from(span.max(1));
        usize::try_from(cell).unwrap_or(usize::MAX).min(self.cells - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::Sample;

    fn stats(lengths: &[u64]) -> Stats {
        Sample::new(lengths.iter().map(|nanos| Nanos::new(*nanos))).unwrap().stats()
    }

    #[test]
    fn a_strip_shows_where_most_lengths_lie() {
        let (fast, slow) = (stats(&[10, 12, 14, 16, 20, 30]), stats(&[20, 30, 40, 45, 50, 900]));
        for (glyphs, expect) in [(Glyphs::Unicode, "─█▓░░       "), (Glyphs::Ascii, "-#=++       ")] {
            let all = [stats(&[10, 130]), fast];
            let strip = Strip::new(all.iter(), 12, glyphs);
            assert_eq!(strip.draw(&stats(&[10, 22, 40, 55])).chars().count(), 12);
            assert_eq!(strip.draw(&stats(&[10, 20, 30, 55])), expect, "{strip:?}");
        }
        let strip = Strip::new([fast, stats(&[10, 60])].iter(), 10, Glyphs::Unicode);
        assert!(strip.draw(&slow).ends_with('→'));
        let equal = stats(&[7, 7]);
        assert_eq!(Strip::new([equal].iter(), 4, Glyphs::Unicode).draw(&equal), "█   ");
    }
}
