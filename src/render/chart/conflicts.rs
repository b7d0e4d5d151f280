//! What must hold of any layout, for the tests of all of them: nothing leaves what it belongs to, and no text meets another one.

use super::geometry::{Label, Rect};

/// What sums of floating point numbers may be off by, in pixels.
const ROUNDING: f64 = 1e-6;

/// Whether they share more than an edge.
pub(super) fn overlap(one: &Rect, other: &Rect) -> bool {
    let apart = one.right() <= other.x || other.right() <= one.x || one.bottom() <= other.y || other.bottom() <= one.y;
    !apart && one.width > 0.0 && other.width > 0.0
}

/// Whether all of `inner` is in `outer`; never of what has no place.
pub(super) fn within(inner: &Rect, outer: &Rect) -> bool {
    inner.x >= outer.x - ROUNDING
        && inner.y >= outer.y - ROUNDING
        && inner.right() <= outer.right() + ROUNDING
        && inner.bottom() <= outer.bottom() + ROUNDING
}

/// All of a chart's canvas.
pub(super) fn canvas(width: u32, height: u32) -> Rect {
    Rect { x: 0.0, y: 0.0, width: f64::from(width), height: f64::from(height) }
}

/// Labels in their places, which are measured once.
pub(super) struct Labels<'l>(Vec<(&'l str, Rect)>);

impl<'l> Labels<'l> {
    /// All labels of a chart: every one is on the canvas, and no two meet.
    pub(super) fn checked(labels: impl IntoIterator<Item = &'l Label>, canvas: &Rect) -> Self {
        let placed: Vec<(&str, Rect)> = labels.into_iter().map(|label| (label.text.as_str(), label.bounds())).collect();
        for (index, (text, bounds)) in placed.iter().enumerate() {
            assert!(within(bounds, canvas), "{text:?} leaves the canvas: {bounds:?}");
            for (other, other_bounds) in &placed[index + 1..] {
                assert!(!overlap(bounds, other_bounds), "{text:?} meets {other:?}: {bounds:?}, {other_bounds:?}");
            }
        }
        Self(placed)
    }

    /// That a shape is in what it belongs to, and that none of the labels lies on it.
    pub(super) fn check_shape(&self, shape: &Rect, home: &Rect) {
        assert!(within(shape, home), "{shape:?} leaves {home:?}");
        let met = self.0.iter().find(|(_, bounds)| overlap(bounds, shape));
        assert!(met.is_none(), "{shape:?} meets {met:?}");
    }
}

#[test]
fn what_meets_and_what_leaves() {
    let square = Rect { x: 0.0, y: 0.0, width: 2.0, height: 2.0 };
    let at = |x, y| Rect { x, y, ..square };
    for (other, meets) in [(at(1.0, 1.0), true), (at(2.0, 0.0), false), (at(0.0, -2.0), false), (square, true)] {
        assert_eq!((overlap(&square, &other), overlap(&other, &square)), (meets, meets), "{other:?}");
    }
    assert!(!overlap(&square, &Rect { x: 1.0, width: 0.0, ..square }), "what has no width is not seen");
    for (inner, is_within) in
        [(square, true), (at(0.1, 0.0), false), (at(-0.1, 0.0), false), (at(f64::NAN, 0.0), false)]
    {
        assert_eq!(within(&inner, &square), is_within, "{inner:?}");
    }
}
