//! Regions, nearest first, on a terminal.

use super::Style;
use super::line::{Line, Paint, clip_middle, columns};
use crate::render::regions::{Found, RegionColumns, RegionRow};

/// Blanks between columns.
const GAP: usize = 2;
/// Descriptions are left out where there is less room for them than this.
const LEAST_DESCRIPTION: usize = 8;

/// The table: where the time to connect is known, the regions are numbered; what is wrong with the others stands beside them.
#[must_use]
pub fn regions(rows: &[RegionRow], shown: RegionColumns, style: &Style) -> String {
    let heads = shown.heads(rows);
    let cells: Vec<Vec<String>> = rows
        .iter()
        .map(|row| match &row.found {
            Found::Reached { connect, phases, .. } => shown.cells(rows, connect, phases),
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
        let number = if cells.is_empty() { String::new() } else { (index + 1).to_string() };
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
        match &row.found {
            Found::Reached { failure: Some(failure), .. } => line.add(Paint::Bad, format!("  {failure}")),
            Found::Reached { failure: None, .. } => {}
            Found::Failed { code, message } => line.add(Paint::Bad, format!("  {code}: {message}")),
            Found::NoEndpoint => line.add(Paint::Dim, "  no endpoint"),
            Found::NotAsked => line.add(Paint::Dim, "  not asked"),
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
            table(90, RegionColumns::Connect),
            "\
ms                                       connect      min      max  of
1 us-east-1  US East (N. Virginia)        16.000   16.000   17.000   3
2 sa-east-1  South America (Sao Paulo)   120.000  120.000  120.000   1  tls.timeout
  eu-west-1  Europe (Ireland)            dns.nxdomain: no such name
  me-west-1  Middle East (Saudi Arabia)  no endpoint
  us-west-2  US West (Oregon)            not asked
"
        );
        assert_eq!(
            table(44, RegionColumns::Phases),
            "\
ms             connect   total
1 us-east-1     16.000  61.000
2 sa-east-1    120.000       -  tls.timeout
  eu-west-1    dns.nxdomain: no such name
  me-west-1    no endpoint
  us-west-2    not asked
"
        );
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        for width in 0..100 {
            for shown in [RegionColumns::Connect, RegionColumns::Phases] {
                assert!(table(width, shown).lines().all(|line| line.chars().count() <= width), "{width}");
            }
        }
    }
}
