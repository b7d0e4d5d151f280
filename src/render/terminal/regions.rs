//! Regions, nearest first, on a terminal.

use super::Style;
use super::line::{Line, Paint, Paragraph, clip_middle, columns};
use crate::render::regions::{Found, RegionColumns, RegionRow, Unreached, unreached};

/// Blanks between columns.
const GAP: usize = 2;
/// Blanks before the further lines of a list.
const INDENT: usize = 2;
/// Descriptions are left out where there is less room for them than this.
const LEAST_DESCRIPTION: usize = 8;

/// The table: regions of which the round trip is known, numbered. The others stand below it, by what is wrong with them.
#[must_use]
pub fn regions(rows: &[RegionRow], shown: RegionColumns, style: &Style) -> String {
    let reached: Vec<RegionRow> =
        rows.iter().filter(|row| matches!(row.found, Found::Reached { .. })).cloned().collect();
    let mut out = if reached.is_empty() { String::new() } else { table(&reached, shown, style) };
    for unreached in unreached(rows) {
        list(&unreached, style, &mut out);
    }
    out
}

/// `27 regions: dns.nxdomain: af-south-1, …`, on as many lines as that takes.
fn list(unreached: &Unreached<'_>, style: &Style, out: &mut String) {
    // What happened may take more than a line.
    let head = Paragraph::new(*style, Line::new(*style), 0).part(Paint::Bad, format!("{}:", unreached.head()));
    let mut head = head.finish();
    let mut line = head.pop().unwrap_or_else(|| Line::new(*style));
    for line in head {
        line.write_to(out);
    }
    let last = unreached.regions.len().saturating_sub(1);
    for (index, region) in unreached.regions.iter().enumerate() {
        let piece = format!("{region}{}", if index == last { "" } else { "," });
        if line.columns() + 1 + columns(&piece) > style.width {
            std::mem::replace(&mut line, Line::new(*style).with(Paint::Plain, " ".repeat(INDENT))).write_to(out);
        } else {
            line.add(Paint::Plain, " ");
        }
        line.add(Paint::Plain, piece);
    }
    line.write_to(out);
}

/// Of regions that were all reached.
fn table(rows: &[RegionRow], shown: RegionColumns, style: &Style) -> String {
    let heads = shown.heads(rows);
    let cells: Vec<Vec<String>> = rows
        .iter()
        .map(|row| match &row.found {
            Found::Reached { round_trip, phases, .. } => shown.cells(rows, round_trip, phases),
            _ => Vec::new(),
        })
        .collect();
    let widths: Vec<usize> = heads
        .iter()
        .enumerate()
        .map(|(at, head)| {
            let widest = cells.iter().filter_map(|cells| cells.get(at)).map(|cell| columns(cell)).max().unwrap_or(0);
            widest.max(columns(head)) + GAP
        })
        .collect();
    let numbers = rows.len().to_string().len();
    let names = rows.iter().map(|row| columns(&row.name)).max().unwrap_or(0);
    let longest = rows.iter().map(|row| columns(&row.description)).max().unwrap_or(0);
    // What is cut off of a failure says nothing.
    let failure = |row: &RegionRow| match &row.found {
        Found::Reached { failure: Some(failure), .. } => GAP + columns(failure),
        _ => 0,
    };
    let failures = rows.iter().map(failure).max().unwrap_or(0);
    let taken = numbers + 1 + names + GAP + widths.iter().sum::<usize>() + failures;
    let room = style.width.saturating_sub(taken).min(longest);
    let room = if room < LEAST_DESCRIPTION { 0 } else { room };
    let at = numbers + 1 + names + GAP + room;

    let mut header = Line::new(*style).with(Paint::Dim, "ms").pad_to(at);
    for (head, width) in heads.iter().zip(&widths) {
        header.add(Paint::Strong, format!("{head:>width$}"));
    }
    let mut out = String::new();
    header.write_to(&mut out);
    for (index, (row, cells)) in rows.iter().zip(&cells).enumerate() {
        let number = index + 1;
        let mut line =
            Line::new(*style).with(Paint::Dim, format!("{number:>numbers$} ")).with(Paint::Strong, &row.name);
        line = line.pad_to(numbers + 1 + names + GAP);
        if room > 0 {
            line.add(Paint::Plain, clip_middle(&row.description, room, style.glyphs));
        }
        line = line.pad_to(at);
        for (cell, width) in cells.iter().zip(&widths) {
            line.add(Paint::Plain, format!("{cell:>width$}"));
        }
        if let Found::Reached { failure: Some(failure), .. } = &row.found {
            line.add(Paint::Bad, format!("  {failure}"));
        }
        line.write_to(&mut out);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::{Colour, Glyphs};
    use super::*;
    use crate::render::regions::tests::rows;

    fn table(width: usize, shown: RegionColumns) -> String {
        regions(&rows(), shown, &Style { width, glyphs: Glyphs::Ascii, colour: Colour::Never })
    }

    #[test]
    fn regions_stand_in_columns_with_what_is_wrong_beside_them() {
        assert_eq!(
            table(90, RegionColumns::RoundTrip),
            "\
ms                                      syn rtt      min      max  of
1 us-east-1  US East (N. Virginia)       16.000   16.000   17.000   3
2 sa-east-1  South America (Sao Paulo)  120.000  120.000  120.000   1  tls.timeout
2 regions: dns.nxdomain (no such name): eu-west-1, eu-west-2
1 region: connect.refused (nobody listens): eu-west-3
1 region: not asked: us-west-2
1 region: no endpoint: me-west-1
"
        );
        assert_eq!(
            table(44, RegionColumns::Phases),
            "\
ms             connect   total
1 us-east-1     18.000  61.000
2 sa-east-1    121.000       -  tls.timeout
2 regions: dns.nxdomain (no such name):
  eu-west-1, eu-west-2
1 region: connect.refused (nobody listens):
  eu-west-3
1 region: not asked: us-west-2
1 region: no endpoint: me-west-1
"
        );
        let narrow = table(30, RegionColumns::Phases);
        let expect = "\
2 regions: dns.nxdomain (no
such name): eu-west-1,
  eu-west-2
1 region: connect.refused
(nobody listens): eu-west-3
1 region: not asked: us-west-2
";
        assert!(narrow.contains(expect), "{narrow}");
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        for width in 0..100 {
            for shown in [RegionColumns::RoundTrip, RegionColumns::Phases] {
                assert!(table(width, shown).lines().all(|line| line.chars().count() <= width), "{width}");
            }
        }
    }
}
