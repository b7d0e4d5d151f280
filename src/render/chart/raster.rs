//! From SVG to PNG, with the embedded fonts only: the same chart gives the same pixels everywhere.

use resvg::{tiny_skia, usvg};

use super::fonts::{self, FAMILY};
use super::{ChartError, Svg};

/// Pixels per nominal pixel that suit today's screens and slides.
pub const DEFAULT_SCALE: f32 = 2.0;

/// The longest side of a picture, in pixels; at four bytes each, more would take gigabytes.
pub(super) const MOST_PIXELS: u16 = 20_000;

/// The chart as a PNG, `scale` pixels for each of its nominal ones ([`DEFAULT_SCALE`] where nothing speaks against it).
///
/// # Errors
/// [`ChartError::PixelSize`] where the picture would be empty or enormous; [`ChartError::ReadSvg`] and
/// [`ChartError::EncodePng`] where a library refuses, which a chart of this module gives no reason for.
pub fn rasterise(svg: &Svg, scale: f32) -> Result<Vec<u8>, ChartError> {
    let options =
        usvg::Options { fontdb: fonts::database(), font_family: FAMILY.to_owned(), ..usvg::Options::default() };
    let tree = usvg::Tree::from_str(svg.as_str(), &options).map_err(|source| ChartError::ReadSvg { source })?;
    let (width, height) = (tree.size().width() * scale, tree.size().height() * scale);
    let wrong_size = || ChartError::PixelSize { scale, width, height };
    let mut pixels =
        pixels(width).zip(pixels(height)).and_then(|(w, h)| tiny_skia::Pixmap::new(w, h)).ok_or_else(wrong_size)?;
    resvg::render(&tree, tiny_skia::Transform::from_scale(scale, scale), &mut pixels.as_mut());
    pixels.encode_png().map_err(|error| ChartError::EncodePng { message: error.to_string() })
}

fn pixels(length: f32) -> Option<u32> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked by the filter before")]
    let whole = |length: f32| length as u32;
    Some(length.round()).filter(|length| (1.0..=f32::from(MOST_PIXELS)).contains(length)).map(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn square() -> Svg {
        Svg("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"10\" height=\"6\"><rect width=\"5\" height=\"6\" fill=\"#f00\"/></svg>".to_owned())
    }

    #[test]
    fn the_scale_multiplies_the_nominal_size() {
        for (scale, expect) in [(1.0, (10, 6)), (2.0, (20, 12)), (0.5, (5, 3)), (2.25, (23, 14))] {
            let picture = tiny_skia::Pixmap::decode_png(&rasterise(&square(), scale).unwrap()).unwrap();
            assert_eq!((picture.width(), picture.height()), expect, "scale {scale}");
            let left = picture.pixel(1, 1).unwrap();
            assert_eq!((left.red(), left.green(), left.alpha()), (255, 0, 255));
        }
    }

    #[test]
    fn sizes_that_are_none_are_errors() {
        for scale in [0.0, -1.0, f32::NAN, f32::INFINITY, 1e6] {
            assert!(matches!(rasterise(&square(), scale), Err(ChartError::PixelSize { .. })), "scale {scale}");
        }
        assert!(matches!(rasterise(&Svg("<svg".to_owned()), 1.0), Err(ChartError::ReadSvg { .. })));
    }
}
