//! Rectangles and labels, in nominal pixels from the upper left corner of the chart.

use super::fonts::{self, Weight};
use super::palette::Rgb;

/// A rectangle whose sides are parallel to the canvas.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Rect {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

impl Rect {
    pub(super) fn right(&self) -> f64 {
        self.x + self.width
    }

    pub(super) fn bottom(&self) -> f64 {
        self.y + self.height
    }

    pub(super) fn middle(&self) -> (f64, f64) {
        (self.x + self.width / 2.0, self.y + self.height / 2.0)
    }

    /// The part of it between two places on the x axis.
    pub(super) fn between(&self, left: f64, right: f64) -> Self {
        let (left, right) = (left.clamp(self.x, self.right()), right.clamp(self.x, self.right()));
        Self { x: left, width: (right - left).max(0.0), ..*self }
    }

    /// Diagonal stripes inside it, each as a polygon: `pitch` pixels from one to the next, `thickness` of them drawn, both
    /// measured along the x axis.
    pub(super) fn stripes(&self, pitch: f64, thickness: f64) -> Vec<Vec<(f64, f64)>> {
        let (width, height) = (self.width, self.height);
        let far = width + height;
        let mut polygons = Vec::new();
        let mut near = 0.0;
        while pitch > 0.0 && near < far {
            let end = (near + thickness).min(far);
            // A line x + y = k enters at the top or right side and leaves at the left or bottom side.
            let upper = |k: f64| (k.min(width), k - k.min(width));
            let lower = |k: f64| (k - k.min(height), k.min(height));
            let mut corners = vec![upper(near)];
            corners.extend((near < width && width < end).then_some((width, 0.0)));
            corners.extend([upper(end), lower(end)]);
            corners.extend((near < height && height < end).then_some((0.0, height)));
            corners.push(lower(near));
            polygons.push(corners.into_iter().map(|(x, y)| (self.x + x, self.y + y)).collect());
            near += pitch;
        }
        polygons
    }
}

/// How many there are, to multiply a length by.
pub(super) const fn times(count: usize) -> f64 {
    #[expect(
        clippy::cast_precision_loss,
        reason = "rows, columns and parts that fit into memory are far fewer than 2⁵²"
    )]
    let times = count as f64;
    times
}

/// Which end of a label its x belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Anchor {
    Start,
    Middle,
}

/// One line of text in its place.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Label {
    pub(super) text: String,
    pub(super) x: f64,
    pub(super) baseline: f64,
    pub(super) anchor: Anchor,
    pub(super) font: Font,
}

/// How text looks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Font {
    /// Pixels per em.
    pub(super) size: f64,
    pub(super) weight: Weight,
    pub(super) ink: Rgb,
}

/// Pieces of text that are not in their place yet.
pub(super) type Texts = Vec<(String, Font)>;

/// The height of Inter's digits and capitals, in ems.
const CAPITALS: f64 = 0.727;

impl Font {
    pub(super) fn width(&self, text: &str) -> f64 {
        fonts::width(text, self.weight, self.size)
    }

    /// The baseline that centres capitals and digits on `y`.
    pub(super) fn centred_on(&self, y: f64) -> f64 {
        y + self.size * CAPITALS / 2.0
    }

    pub(super) fn label(self, text: &str, x: f64, baseline: f64, anchor: Anchor) -> Label {
        Label { text: fonts::printable(text), x, baseline, anchor, font: self }
    }
}

impl Label {
    /// The room it takes, from above its capitals to below its descenders.
    pub(super) fn bounds(&self) -> Rect {
        let width = self.font.width(&self.text);
        let x = match self.anchor {
            Anchor::Start => self.x,
            Anchor::Middle => self.x - width / 2.0,
        };
        let size = self.font.size;
        Rect { x, y: self.baseline - size * 0.76, width, height: size * 0.98 }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_part_of_a_rectangle_stays_inside_it() {
        let whole = Rect { x: 10.0, y: 5.0, width: 20.0, height: 4.0 };
        assert_eq!(whole.between(0.0, 15.0), Rect { width: 5.0, ..whole });
        assert_eq!(whole.between(25.0, 99.0), Rect { x: 25.0, width: 5.0, ..whole });
        assert_eq!(whole.between(20.0, 15.0), Rect { x: 20.0, width: 0.0, ..whole });
    }

    fn area(polygon: &[(f64, f64)]) -> f64 {
        let next = polygon.iter().cycle().skip(1);
        polygon.iter().zip(next).map(|(one, two)| one.0 * two.1 - two.0 * one.1).sum::<f64>().abs() / 2.0
    }

    proptest! {
        #[test]
        fn stripes_stay_inside_and_cover_their_share(width in 1.0..300.0_f64, height in 1.0..40.0_f64) {
            let rect = Rect { x: 7.0, y: 3.0, width, height };
            let stripes = rect.stripes(6.0, 6.0);
            for (x, y) in stripes.iter().flatten() {
                prop_assert!(*x >= rect.x - 1e-9 && *x <= rect.right() + 1e-9);
                prop_assert!(*y >= rect.y - 1e-9 && *y <= rect.bottom() + 1e-9);
            }
            let covered: f64 = stripes.iter().map(|stripe| area(stripe)).sum();
            prop_assert!((covered - width * height).abs() < 1e-6 * (1.0 + width * height), "{covered}");
        }
    }
}
