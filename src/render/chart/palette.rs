//! One colour per phase and per layer, wherever it is drawn: charts, pages and terminals take it from here.
//!
//! The colours of phases are those of Okabe and Ito, "Color Universal Design" (2008), which people with any common colour vision can
//! tell apart. Their yellow is not used: a sliver of it vanishes on white. Invariant: [`Rgb::ink`] on the colour of a phase or a
//! layer has a contrast of at least 4.5 (WCAG 2.2 §1.4.3).

use crate::event::Phase;
use crate::trace::Layer;

/// A colour in sRGB.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rgb(pub u8, pub u8, pub u8);

/// The background.
pub const PAPER: Rgb = Rgb(0xFF, 0xFF, 0xFF);
/// Text that is to be read.
pub const INK: Rgb = Rgb(0x1B, 0x22, 0x2D);
/// Text that may be read.
pub const MUTED: Rgb = Rgb(0x5B, 0x65, 0x74);
/// Lines that help the eye.
pub const GRID: Rgb = Rgb(0xE3, 0xE7, 0xEC);
/// The line that bars start from.
pub const AXIS: Rgb = Rgb(0xA9, 0xB2, 0xBD);
/// What went wrong.
pub const FAILURE: Rgb = Rgb(0xB0, 0x00, 0x20);
/// What the network's part of a wait is striped on: the wait's colour, thinned.
pub const NETWORK_PAPER: Rgb = Rgb(0xD6, 0xE8, 0xF3);

/// What a hop adds to the path: no phase's colour, because a round trip is no part of one.
pub const STEP: Rgb = Rgb(0x8C, 0x9A, 0xB0);

/// The colour of a phase.
#[must_use]
pub const fn of_phase(phase: Phase) -> Rgb {
    match phase {
        Phase::Blocked => Rgb(0xB4, 0xB9, 0xC1),
        Phase::Dns => Rgb(0x00, 0x9E, 0x73),
        Phase::Connect => Rgb(0xE6, 0x9F, 0x00),
        Phase::Tls => Rgb(0xCC, 0x79, 0xA7),
        Phase::Send => Rgb(0xD5, 0x5E, 0x00),
        Phase::Wait => Rgb(0x00, 0x72, 0xB2),
        Phase::Receive => Rgb(0x56, 0xB4, 0xE9),
    }
}

/// The colour of a layer: Paul Tol's "muted" scheme where it has enough colours. Parts of one service have hues of their own,
/// because they stand side by side; layers that do the same work for a request share one. What is not a known layer has one of
/// a few greys, by its name, so that two of them are seldom the same.
#[must_use]
pub const fn of_layer(layer: &Layer) -> Rgb {
    match layer {
        Layer::Network => of_phase(Phase::Wait),
        Layer::Retransmission => FAILURE,
        Layer::GlobalAccelerator => Rgb(0x66, 0x66, 0x99),
        Layer::CloudFront => Rgb(0xAA, 0x44, 0x99),
        Layer::CloudFrontOrigin => Rgb(0xC9, 0x8B, 0xC0),
        Layer::Elb => Rgb(0x88, 0xCC, 0xEE),
        Layer::Apig | Layer::FunctionUrl => Rgb(0x33, 0x22, 0x88),
        Layer::ApigWaf => Rgb(0x88, 0x22, 0x55),
        Layer::ApigAuthorizer => Rgb(0xCC, 0x66, 0x77),
        Layer::Lambda | Layer::LambdaInvoke => Rgb(0x44, 0xAA, 0x99),
        Layer::LambdaPlacement => Rgb(0xDD, 0xCC, 0x77),
        Layer::LambdaInit | Layer::LambdaRestore => Rgb(0x99, 0x99, 0x33),
        Layer::LambdaHandler => Rgb(0x11, 0x77, 0x33),
        Layer::Ec2 | Layer::Fargate | Layer::Service | Layer::Target => Rgb(0x7F, 0xB0, 0x3A),
        Layer::Unattributed => AXIS,
        Layer::Named(name) => of_name(name.as_bytes()),
    }
}

/// The same grey for the same name, whatever else is drawn.
const fn of_name(name: &[u8]) -> Rgb {
    const GREYS: [Rgb; 5] = [
        Rgb(0x8C, 0x8C, 0x8C),
        Rgb(0x5E, 0x63, 0x6B),
        Rgb(0xA8, 0x9A, 0x8B),
        Rgb(0x73, 0x63, 0x57),
        Rgb(0xB3, 0xB3, 0xA6),
    ];
    let (mut index, mut sum) = (0, 0);
    while index < name.len() {
        sum = (sum * 31 + name[index] as usize) % GREYS.len();
        index += 1;
    }
    GREYS[sum]
}

impl Rgb {
    /// `#0072B2`.
    #[must_use]
    pub fn hex(self) -> String {
        format!("#{:02X}{:02X}{:02X}", self.0, self.1, self.2)
    }

    /// Relative luminance, 0 for black to 1 for white (WCAG 2.2).
    #[must_use]
    pub fn luminance(self) -> f64 {
        let linear = |channel: u8| {
            let value = f64::from(channel) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * linear(self.0) + 0.7152 * linear(self.1) + 0.0722 * linear(self.2)
    }

    /// Contrast with another colour, 1 to 21 (WCAG 2.2).
    #[must_use]
    pub fn contrast(self, other: Self) -> f64 {
        let (one, two) = (self.luminance() + 0.05, other.luminance() + 0.05);
        one.max(two) / one.min(two)
    }

    /// The colour for text on this one: black or white, whichever is easier to read.
    #[must_use]
    pub fn ink(self) -> Self {
        let (black, white) = (Self(0, 0, 0), PAPER);
        if self.contrast(black) >= self.contrast(white) { black } else { white }
    }

    /// The colour thinned with white: `share` of it is left, 0 to 1.
    #[must_use]
    pub fn tint(self, share: f64) -> Self {
        let thin = |channel: u8| {
            let value = 255.0 - (255.0 - f64::from(channel)) * share.clamp(0.0, 1.0);
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "between 0 and 255 by the clamp"
            )]
            let value = value.round() as u8;
            value
        };
        Self(thin(self.0), thin(self.1), thin(self.2))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_legible_on_every_phase_and_on_paper() {
        for phase in Phase::ALL {
            let colour = of_phase(phase);
            assert!(colour.contrast(colour.ink()) >= 4.5, "{phase}: {}", colour.contrast(colour.ink()));
        }
        let named = ["a", "b", "c", "d", "e"].map(|name| Layer::Named(name.to_owned()));
        let greys: std::collections::HashSet<Rgb> = named.iter().map(of_layer).collect();
        assert_eq!(greys.len(), named.len(), "every grey is looked at");
        for layer in Layer::KNOWN.iter().chain(&named) {
            let colour = of_layer(layer);
            assert!(colour.contrast(colour.ink()) >= 4.5, "{layer}: {}", colour.contrast(colour.ink()));
        }
        for ink in [INK, MUTED, FAILURE] {
            assert!(ink.contrast(PAPER) >= 4.5, "{ink:?}");
        }
    }

    #[test]
    fn no_two_phases_share_a_colour() {
        for (index, phase) in Phase::ALL.into_iter().enumerate() {
            for other in &Phase::ALL[index + 1..] {
                assert_ne!(of_phase(phase), of_phase(*other), "{phase} and {other}");
            }
        }
    }

    #[test]
    fn hex_and_tint() {
        assert_eq!(Rgb(0, 0x72, 0xB2).hex(), "#0072B2");
        assert_eq!(Rgb(0, 100, 255).tint(0.0), PAPER);
        assert_eq!(Rgb(0, 100, 255).tint(1.0), Rgb(0, 100, 255));
        assert_eq!(Rgb(5, 155, 255).tint(0.5), Rgb(130, 205, 255));
    }
}
