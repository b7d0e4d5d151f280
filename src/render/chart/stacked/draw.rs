//! Puts a stacked chart's layout on the canvas; decides nothing about places.

use super::super::DrawFailure;
use super::super::canvas::Canvas;
use super::super::frame::{self, Keyed, text_on_paper, upright};
use super::super::geometry::Rect;
use super::super::palette::{INK, PAPER};
use super::Part;
use super::layout::{Layout, PlacedBar, PlacedPanel, Whisker, colour, is_striped};
use crate::render::chart::layers;

pub(super) fn draw(layout: &Layout, canvas: &Canvas<'_>) -> Result<(), DrawFailure> {
    for Keyed { key, symbol, label } in &layout.legend {
        piece(key, symbol, canvas)?;
        canvas.text(label)?;
    }
    if let Some(Keyed { symbol, label, .. }) = &layout.whisker_key {
        whisker(Whisker { from: symbol.x, to: symbol.right(), y: symbol.middle().1 }, canvas)?;
        canvas.text(label)?;
    }
    layout.panels.iter().try_for_each(|panel| draw_panel(panel, canvas))
}

fn draw_panel(panel: &PlacedPanel, canvas: &Canvas<'_>) -> Result<(), DrawFailure> {
    frame::draw_grid(&panel.plot, &panel.grid, canvas)?;
    panel.labels.iter().try_for_each(|label| canvas.text(label))?;
    panel.bars.iter().try_for_each(|bar| draw_bar(bar, canvas))
}

fn draw_bar(bar: &PlacedBar, canvas: &Canvas<'_>) -> Result<(), DrawFailure> {
    for placed in &bar.pieces {
        piece(&placed.part, &placed.rect, canvas)?;
    }
    // A hairline between wide neighbours keeps them apart for eyes that see little difference in their colours.
    for pair in bar.pieces.windows(2).filter(|pair| pair.iter().all(|piece| piece.rect.width > 4.0)) {
        let border = &pair[1].rect;
        canvas.fill(&upright(border.x, border.y, border.bottom(), 1.0), PAPER)?;
    }
    for placed in &bar.pieces {
        match &placed.inside {
            Some(label) if is_striped(&placed.part) => text_on_paper(label, canvas)?,
            Some(label) => canvas.text(label)?,
            None => {}
        }
    }
    bar.whisker.map_or(Ok(()), |bounds| whisker(bounds, canvas))?;
    bar.verdict.iter().try_for_each(|label| text_on_paper(label, canvas))
}

fn piece(part: &Part, rect: &Rect, canvas: &Canvas<'_>) -> Result<(), DrawFailure> {
    match part {
        Part::Phase(_) => canvas.fill(rect, colour(part)),
        Part::Layer(layer) => layers::fill(layer, rect, canvas),
    }
}

/// A line with ends, below its bar.
fn whisker(Whisker { from, to, y }: Whisker, canvas: &Canvas<'_>) -> Result<(), DrawFailure> {
    canvas.fill(&Rect { x: from, y: y - 0.75, width: (to - from).max(1.0), height: 1.5 }, INK)?;
    [from, to].into_iter().try_for_each(|x| canvas.fill(&upright(x, y - 3.0, y + 3.0, 1.5), INK))
}
