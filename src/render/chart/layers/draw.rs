//! Puts the layers chart's layout on the canvas; decides nothing about places.

use super::super::DrawFailure;
use super::super::canvas::Canvas;
use super::super::frame::{self, upright};
use super::super::geometry::Rect;
use super::super::palette::{AXIS, GRID, MUTED, NETWORK_PAPER, PAPER, Rgb, of_layer, of_phase};
use super::layout::{Layout, Request, Row};
use crate::trace::{Layer, Phase};

/// How much of a layer's colour is left where layers that it called took the time.
const CALLED: f64 = 0.28;
/// Rectangles narrower than this are not striped, in pixels.
const NARROW: f64 = 5.0;

pub(super) fn draw(layout: &Layout, canvas: &Canvas<'_>) -> Result<(), DrawFailure> {
    layout.requests.iter().try_for_each(|request| draw_request(request, canvas))
}

fn draw_request(request: &Request, canvas: &Canvas<'_>) -> Result<(), DrawFailure> {
    frame::draw_grid(&request.plot, &request.grid, canvas)?;
    canvas.fill(&request.wait, of_phase(Phase::Wait))?;
    request.rows.iter().try_for_each(|row| draw_row(row, canvas))?;
    request.labels.iter().try_for_each(|label| canvas.text(label))
}

fn draw_row(row: &Row, canvas: &Canvas<'_>) -> Result<(), DrawFailure> {
    let colour = of_layer(&row.layer);
    for rect in &row.called {
        canvas.fill(rect, colour.tint(CALLED))?;
        borders(rect, colour, canvas)?;
    }
    row.own.iter().try_for_each(|rect| fill(&row.layer, rect, canvas))?;
    row.range.map_or(Ok(()), |range| {
        canvas.fill(&Rect { y: range.y - 0.5, height: 1.0, ..range }, MUTED)?;
        let ends = [range.x, range.right()];
        ends.into_iter().try_for_each(|x| canvas.fill(&upright(x, range.y - 2.0, range.y + 2.0, 1.0), MUTED))
    })
}

/// A layer's colour; stripes for what is the network's, and for what no evidence speaks of.
pub(in crate::render::chart) fn fill(layer: &Layer, rect: &Rect, canvas: &Canvas<'_>) -> Result<(), DrawFailure> {
    let (paper, colour) = match layer {
        Layer::Network => (NETWORK_PAPER, of_phase(Phase::Wait)),
        Layer::Unattributed => (PAPER, AXIS),
        layer => return canvas.fill(rect, of_layer(layer)),
    };
    // Where no stripe has room, there is only the colour.
    if rect.width < NARROW {
        return canvas.fill(rect, colour);
    }
    canvas.fill(rect, paper)?;
    rect.stripes(6.0, 2.2).iter().try_for_each(|stripe| canvas.polygon(stripe, colour))?;
    // What is striped on paper needs a border to have an end.
    let border = if *layer == Layer::Unattributed { AXIS } else { GRID };
    borders(rect, border, canvas)
}

/// Thin lines at its top and at its bottom, so that it has an end where it is nearly as light as paper.
fn borders(rect: &Rect, colour: Rgb, canvas: &Canvas<'_>) -> Result<(), DrawFailure> {
    [rect.y + 0.5, rect.bottom() - 0.5]
        .into_iter()
        .try_for_each(|y| canvas.fill(&Rect { y: y - 0.5, height: 1.0, ..*rect }, colour))
}
