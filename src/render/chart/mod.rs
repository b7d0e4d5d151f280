//! Charts: traces in, SVG or PNG out.
//!
//! A chart is laid out first (pure geometry: what stands where), drawn second (plotters' SVG backend, on a canvas of
//! sub-pixel units) and, for PNG, rasterised third (resvg). The fonts are embedded, so a chart looks the same everywhere.
//!
//! - `palette`: one colour per phase and layer, wherever it is drawn
//! - `scale`: numbers and round ticks
//! - `slivers`: what is too short to be seen, and still is
//! - `fonts`: the embedded faces and how wide text is in them
//! - `geometry`: rectangles and labels
//! - `canvas`: shapes and text in pixels, as SVG
//! - `frame`: headline, legend and axis
//! - `layout`, `waterfall`: the waterfall chart
//! - `stacked`: many requests as one bar for each target or place
//! - `layers`: one request's wait by layers
//! - `raster`: SVG as PNG
//!
//! Invariants: labels never overlap and nothing lies outside the canvas; times are written in milliseconds; the text of an
//! SVG stays text. Deliberately absent: opening files and choosing a format for the user (`cli` does).

mod canvas;
#[cfg(test)]
mod conflicts;
mod fonts;
mod frame;
mod geometry;
mod layers;
mod layout;
pub mod palette;
mod raster;
mod scale;
mod slivers;
#[cfg(test)]
mod specimens;
mod stacked;
mod waterfall;

use std::io;
use std::path::Path;

use plotters::drawing::DrawingAreaErrorKind;
use resvg::usvg;

pub use layers::{MOST_REQUESTS, layers};
pub use raster::{DEFAULT_SCALE, rasterise};
pub use stacked::{Order, PartsOf, StackedOptions, Statistic, stacked};
pub use waterfall::waterfall;

/// A chart as an SVG document. Its width and height are the nominal size in pixels; its coordinates are finer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Svg(String);

impl Svg {
    /// The document.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The document, given away.
    #[must_use]
    pub fn into_string(self) -> String {
        self.0
    }
}

/// What the user may choose about a chart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChartOptions {
    /// The headline; without one the chart names itself.
    pub title: Option<String>,
    /// Nominal width in pixels, between [`ChartOptions::WIDTHS`]'s ends; the height follows from the rows.
    pub width: u32,
}

impl ChartOptions {
    /// The narrowest width that leaves room for bars beside their labels, and the widest that is of use.
    pub const WIDTHS: std::ops::RangeInclusive<u32> = 800..=4000;
}

impl Default for ChartOptions {
    fn default() -> Self {
        Self { title: None, width: 1200 }
    }
}

/// The form of a chart's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChartFormat {
    /// Vector: sharp at any size, text can be searched.
    Svg,
    /// Pixels: goes wherever a picture goes.
    Png,
}

impl TryFrom<&Path> for ChartFormat {
    type Error = UnknownFormat;

    /// From the ending of a file's name, in any case.
    fn try_from(file: &Path) -> Result<Self, UnknownFormat> {
        let ending = file.extension().map(|ending| ending.to_string_lossy().to_ascii_lowercase());
        match ending.as_deref() {
            Some("svg") => Ok(Self::Svg),
            Some("png") => Ok(Self::Png),
            _ => Err(UnknownFormat(file.display().to_string())),
        }
    }
}

/// A file's name does not say what a chart in it should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a file name that ends in .png or .svg, got {0:?}")]
pub struct UnknownFormat(String);

/// Why there is no chart.
#[derive(Debug, thiserror::Error)]
pub enum ChartError {
    /// There is nothing to draw.
    #[error("a {chart} chart needs at least one trace, and there is none")]
    NoTraces {
        /// Which chart was asked for.
        chart: &'static str,
    },
    /// No trace says what its wait was spent on.
    #[error("a {chart} chart needs traces whose waits are split into layers, and none has any: see wirefall attribute")]
    NoLayers {
        /// Which chart was asked for.
        chart: &'static str,
    },
    /// The width leaves no room, or is absurd.
    #[error("a chart cannot be {width} pixels wide: expected {} to {}", ChartOptions::WIDTHS.start(), ChartOptions::WIDTHS.end())]
    Width {
        /// The width as given.
        width: u32,
    },
    /// The SVG could not be written.
    #[error("cannot draw the {chart} chart")]
    Draw {
        /// Which chart.
        chart: &'static str,
        /// What the drawing library says.
        source: DrawFailure,
    },
    /// The SVG could not be read back for rasterising.
    #[error("cannot rasterise the chart: its SVG is not understood")]
    ReadSvg {
        /// What the parser says.
        source: usvg::Error,
    },
    /// The picture would have no pixels, or too many.
    #[error(
        "cannot rasterise the chart at scale {scale}: {width} × {height} pixels, expected 1 to {} each way",
        raster::MOST_PIXELS
    )]
    PixelSize {
        /// The scale as given.
        scale: f32,
        /// The nominal width times the scale.
        width: f32,
        /// The nominal height times the scale.
        height: f32,
    },
    /// The pixels could not be compressed.
    #[error("cannot encode the chart as PNG: {message}")]
    EncodePng {
        /// What the encoder says; its error type is not public.
        message: String,
    },
}

/// What plotters says when its SVG backend fails.
pub type DrawFailure = DrawingAreaErrorKind<io::Error>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_s_ending_decides_the_format() {
        for (file, expect) in [
            ("a.svg", Some(ChartFormat::Svg)),
            ("out/B.PNG", Some(ChartFormat::Png)),
            ("a.b.Svg", Some(ChartFormat::Svg)),
            ("chart.pdf", None),
            ("chart", None),
            (".png", None),
            ("", None),
        ] {
            match (ChartFormat::try_from(Path::new(file)), expect) {
                (Ok(format), Some(expect)) => assert_eq!(format, expect, "{file}"),
                (Err(error), None) => {
                    let text = error.to_string();
                    assert!(text.contains(&format!("{file:?}")) && text.contains(".png or .svg"), "{text}");
                }
                (result, _) => panic!("{file}: {result:?}"),
            }
        }
    }
}
