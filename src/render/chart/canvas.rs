//! Shapes and text in nominal pixels, written as SVG by plotters.
//!
//! plotters knows whole units only. The canvas therefore is twenty times larger than the chart, so that a unit is a
//! twentieth of a pixel, and the document's width and height say what it is to be shrunk to. What plotters escapes (all
//! text) is escaped by it; title and description are escaped here.

use std::fmt::Write as _;

use plotters::backend::SVGBackend;
use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, IntoDrawingArea};
use plotters::element::{Polygon, Rectangle};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, FontDesc, FontFamily, RGBColor, TextStyle};

use super::fonts::{self, FAMILY};
use super::geometry::{Anchor, Label, Rect};
use super::palette::Rgb;
use super::{DrawFailure, Svg};

const UNITS_PER_PIXEL: f64 = 20.0;
/// plotters divides font sizes by this on their way into an SVG.
const PLOTTERS_LINE: f64 = 1.24;
/// Where plotters puts the baseline of text anchored at its top, in ems below the point.
const TOP_TO_BASELINE: f64 = 0.76;

/// What the whole document is and says to those who cannot see it.
pub(super) struct Sheet {
    /// Nominal pixels.
    pub(super) width: u32,
    /// Nominal pixels.
    pub(super) height: u32,
    /// Becomes `<title>`.
    pub(super) title: String,
    /// Becomes `<desc>`.
    pub(super) description: String,
}

/// The sheet while it is drawn on.
pub(super) struct Canvas<'a> {
    area: DrawingArea<SVGBackend<'a>, Shift>,
}

impl Sheet {
    /// The document with what `draw` puts on it.
    pub(super) fn draw(&self, draw: impl FnOnce(&Canvas<'_>) -> Result<(), DrawFailure>) -> Result<Svg, DrawFailure> {
        let mut drawn = String::new();
        let units = |pixels: u32| units(f64::from(pixels)).unsigned_abs();
        let (width, height) = (units(self.width), units(self.height));
        let canvas = Canvas { area: SVGBackend::with_string(&mut drawn, (width, height)).into_drawing_area() };
        draw(&canvas)?;
        canvas.area.present()?;
        drop(canvas);

        // The backend's own opening tag is its first line. Text cannot contain a quoted attribute: quotes are escaped.
        let body =
            drawn.split_once('\n').map_or("", |(_, body)| body).replace("font-weight=\"bold\"", "font-weight=\"600\"");
        let mut svg = String::with_capacity(body.len() + 1_000);
        let _ = writeln!(
            svg,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{}\" height=\"{}\" viewBox=\"0 0 {width} {height}\" role=\"img\">",
            self.width, self.height
        );
        let _ = writeln!(svg, "<title>{}</title>\n<desc>{}</desc>", escaped(&self.title), escaped(&self.description));
        svg.push_str(&body);
        Ok(Svg(svg))
    }
}

impl Canvas<'_> {
    pub(super) fn fill(&self, rect: &Rect, colour: Rgb) -> Result<(), DrawFailure> {
        let corners = [(units(rect.x), units(rect.y)), (units(rect.right()), units(rect.bottom()))];
        self.area.draw(&Rectangle::new(corners, rgb(colour).filled()))
    }

    pub(super) fn polygon(&self, corners: &[(f64, f64)], colour: Rgb) -> Result<(), DrawFailure> {
        let corners: Vec<_> = corners.iter().map(|(x, y)| (units(*x), units(*y))).collect();
        self.area.draw(&Polygon::new(corners, rgb(colour).filled()))
    }

    pub(super) fn text(&self, label: &Label) -> Result<(), DrawFailure> {
        let horizontal = match label.anchor {
            Anchor::Start => HPos::Left,
            Anchor::Middle => HPos::Center,
        };
        let size = label.font.size * UNITS_PER_PIXEL * PLOTTERS_LINE;
        let font = FontDesc::new(FontFamily::Name(FAMILY), size, label.font.weight.style());
        let ink = rgb(label.font.ink);
        let style = TextStyle::from(font).color(&ink).pos(Pos::new(horizontal, VPos::Top));
        let top = label.baseline - label.font.size * TOP_TO_BASELINE;
        self.area.draw_text(&label.text, &style, (units(label.x), units(top)))
    }
}

const fn rgb(colour: Rgb) -> RGBColor {
    RGBColor(colour.0, colour.1, colour.2)
}

fn units(pixels: f64) -> i32 {
    #[expect(clippy::cast_possible_truncation, reason = "`as` saturates, and layouts are far smaller")]
    let units = (pixels * UNITS_PER_PIXEL).round() as i32;
    units
}

fn escaped(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(fonts::printable).collect();
    lines.join("\n").replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::super::fonts::Weight;
    use super::super::geometry::Font;
    use super::super::palette::INK;
    use super::*;

    #[test]
    fn what_users_wrote_cannot_leave_its_element() {
        let hostile = "</text><script>&\"'\u{1}]]>";
        let sheet = Sheet { width: 200, height: 50, title: hostile.to_owned(), description: hostile.to_owned() };
        let label = Font { size: 12.0, weight: Weight::SemiBold, ink: INK }.label(hostile, 5.0, 20.0, Anchor::Start);
        let svg = sheet.draw(|canvas| canvas.text(&label)).unwrap();
        let document = resvg::usvg::roxmltree::Document::parse(svg.as_str()).unwrap();
        let texts: Vec<(&str, &str)> = document
            .descendants()
            .filter(|node| node.is_element() && node.tag_name().name() != "svg")
            .map(|node| (node.tag_name().name(), node.text().unwrap_or_default().trim()))
            .collect();
        let clean = hostile.replace('\u{1}', " ");
        assert_eq!(texts, [("title", clean.as_str()), ("desc", &clean), ("text", &clean)]);
        assert!(svg.as_str().contains("width=\"200\" height=\"50\" viewBox=\"0 0 4000 1000\""), "{}", svg.as_str());
        assert!(svg.as_str().contains("font-weight=\"600\""), "{}", svg.as_str());
    }
}
