//! The embedded faces, Inter 400 and 600 (SIL Open Font License 1.1, `fonts/OFL.txt`), and how wide text is in them.
//!
//! Widths are those of the rasteriser within a few per cent; a viewer that lacks Inter falls back to Helvetica or Arial,
//! which are narrower. Scripts that Inter lacks are assumed to be as wide as they are high.

use std::sync::{Arc, LazyLock};

use plotters::style::{FontDesc, FontFamily, FontStyle, register_font};
use resvg::usvg::fontdb;

/// What an SVG asks for, best first; also the name under which plotters knows the embedded faces.
pub(super) const FAMILY: &str = "Inter, Helvetica, Arial, sans-serif";
/// The name inside the embedded files.
const FACE: &str = "Inter";

static REGULAR: &[u8] = include_bytes!("fonts/Inter-Regular.ttf");
static SEMI_BOLD: &[u8] = include_bytes!("fonts/Inter-SemiBold.ttf");

/// How heavy text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weight {
    /// 400.
    Regular,
    /// 600; plotters calls it bold.
    SemiBold,
}

impl Weight {
    pub(super) const fn style(self) -> FontStyle {
        match self {
            Self::Regular => FontStyle::Normal,
            Self::SemiBold => FontStyle::Bold,
        }
    }
}

/// The size at which text is measured: plotters rounds down to whole pixels.
const MEASURED_AT: f64 = 2_000.0;
/// Inter's line (ascender to descender), in ems: plotters measures by the line, SVG by the em.
const LINE_PER_EM: f64 = (1984.0 + 494.0) / 2048.0;

struct Faces {
    regular: FontDesc<'static>,
    semi_bold: FontDesc<'static>,
}

static FACES: LazyLock<Faces> = LazyLock::new(|| {
    // A file that is not a font would only cost precision, see `width`; a test holds both against the rasteriser.
    let _ = register_font(FAMILY, FontStyle::Normal, REGULAR);
    let _ = register_font(FAMILY, FontStyle::Bold, SEMI_BOLD);
    let face = |style| FontDesc::new(FontFamily::Name(FAMILY), MEASURED_AT, style);
    Faces { regular: face(FontStyle::Normal), semi_bold: face(FontStyle::Bold) }
});

/// The width of one line of text in pixels, at `size` pixels per em.
pub(super) fn width(text: &str, weight: Weight, size: f64) -> f64 {
    let face = match weight {
        Weight::Regular => &FACES.regular,
        Weight::SemiBold => &FACES.semi_bold,
    };
    let known: String = text.chars().filter(|character| *character < FIRST_WIDE).collect();
    let wide = text.chars().filter(|character| *character >= FIRST_WIDE).map(|_| size).sum::<f64>();
    let ems = face.layout_box(&known).map_or_else(
        |_| known.chars().map(|_| 0.7).sum(),
        |(_, (width, _))| f64::from(width) / MEASURED_AT * LINE_PER_EM,
    );
    ems * size + wide
}

/// Where the scripts begin whose characters are as wide as they are high: CJK radicals and all after them.
const FIRST_WIDE: char = '\u{2E80}';

/// The faces as the rasteriser wants them.
pub(super) fn database() -> Arc<fontdb::Database> {
    static DATABASE: LazyLock<Arc<fontdb::Database>> = LazyLock::new(|| {
        let mut database = fontdb::Database::new();
        for face in [REGULAR, SEMI_BOLD] {
            database.load_font_source(fontdb::Source::Binary(Arc::new(face)));
        }
        database.set_sans_serif_family(FACE);
        Arc::new(database)
    });
    Arc::clone(&DATABASE)
}

/// Which end of a text gives way when it is too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shorten {
    /// Names: how they begin matters.
    End,
    /// URLs: host and last path component matter.
    Middle,
}

/// The text made [`printable`], or as much of it as fits with an ellipsis, within `room` pixels; empty where not even that
/// fits.
pub(super) fn ellipsised(text: &str, weight: Weight, size: f64, room: f64, shorten: Shorten) -> String {
    let text = printable(text);
    // No character is narrower than a fifth of an em, so more of them cannot fit anyway.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small count; `as` saturates")]
    let most = (room.max(0.0) / (size * 0.2)) as usize;
    let characters: Vec<char> = text.chars().collect();
    if characters.len() <= most && width(&text, weight, size) <= room {
        return text;
    }
    let shortened = |kept: usize| -> String {
        let (front, back) = match shorten {
            Shorten::End => (kept, 0),
            Shorten::Middle => (kept - kept / 2, kept / 2),
        };
        let ends: [String; 2] =
            [characters[..front].iter().collect(), characters[characters.len() - back..].iter().collect()];
        // A full stop beside an ellipsis looks like a fourth one.
        format!("{}…{}", ends[0].trim_end_matches(['.', ' ']), ends[1].trim_start_matches(['.', ' ']))
    };
    // Longer texts are wider, so the longest that fits is found by bisection.
    let (mut fits, mut too_long) = (0, most.min(characters.len()) + 1);
    while too_long - fits > 1 {
        let middle = usize::midpoint(fits, too_long);
        if middle < characters.len() && width(&shortened(middle), weight, size) <= room {
            fits = middle;
        } else {
            too_long = middle;
        }
    }
    let text = shortened(fits);
    if width(&text, weight, size) <= room { text } else { String::new() }
}

/// The text as one line that any XML reader accepts: line breaks and control characters, of which XML 1.0 §2.2 forbids most and no
/// face has a glyph, become blanks; what else it forbids, and what turns the direction of writing, becomes U+FFFD.
pub(super) fn printable(text: &str) -> String {
    let clean = |character: char| match character {
        '\u{2028}' | '\u{2029}' => ' ',
        '\u{FFFE}' | '\u{FFFF}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' => {
            '\u{FFFD}'
        }
        _ if character.is_control() => ' ',
        _ => character,
    };
    text.chars().map(clean).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use resvg::usvg;

    use super::*;

    fn rasterised_width(text: &str, weight: &str) -> f64 {
        let svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"900\" height=\"99\"><text x=\"0\" y=\"50\" \
             font-family=\"{FAMILY}\" font-size=\"20\" font-weight=\"{weight}\">{text}</text></svg>"
        );
        let options = usvg::Options { fontdb: database(), ..usvg::Options::default() };
        let tree = usvg::Tree::from_str(&svg, &options).unwrap();
        f64::from(tree.root().abs_bounding_box().width())
    }

    #[test]
    fn widths_are_those_of_the_rasteriser() {
        for text in
            ["58.1 ms", "2,441", "tls.certificate_expired", "https://api.example.com/orders?id=7", "WAIT iiiiiiiii"]
        {
            for (weight, name) in [(Weight::Regular, "400"), (Weight::SemiBold, "600")] {
                let (ours, theirs) = (width(text, weight, 20.0), rasterised_width(text, name));
                assert!((ours - theirs).abs() < 0.03 * theirs + 2.0, "{text} at {name}: {ours} here, {theirs} there");
            }
        }
    }

    #[test]
    fn what_is_too_long_is_ellipsised() {
        let fit = |text, room, shorten| ellipsised(text, Weight::Regular, 12.0, room, shorten);
        assert_eq!(fit("short", 100.0, Shorten::End), "short");
        assert!(fit("a name that is far too long", 80.0, Shorten::End).ends_with('…'));
        let url = fit("api.example.com/v1/orders/by/date/latest", 150.0, Shorten::Middle);
        assert!(url.starts_with("api.exa") && url.ends_with("latest") && url.contains('…'), "{url}");
        assert_eq!(fit("anything", 3.0, Shorten::End), "");
        assert_eq!(fit("", 3.0, Shorten::End), "");
    }

    #[test]
    fn what_xml_forbids_is_replaced() {
        assert_eq!(printable("a\u{0}b\nc\u{1B}[1m\u{2028}\u{202E}é\u{FFFE}<&\""), "a b c [1m \u{FFFD}é\u{FFFD}<&\"");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn the_ellipsised_fits(text in any::<String>(), room in 0.0..200.0_f64) {
            for shorten in [Shorten::End, Shorten::Middle] {
                let short = ellipsised(&text, Weight::SemiBold, 13.0, room, shorten);
                prop_assert!(width(&short, Weight::SemiBold, 13.0) <= room);
            }
        }
    }
}
