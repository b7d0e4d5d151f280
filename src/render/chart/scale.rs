//! Numbers as people read them: milliseconds with three digits that matter, and round ticks on an axis.
//!
//! A chart has one unit, so that no two numbers in it need converting to be compared.

use crate::time::Nanos;

/// A length in milliseconds, without the unit: `0.081`, `0.81`, `8.12`, `58.1`, `581`, `2,441`.
pub(super) fn milliseconds(length: Nanos) -> String {
    let value = length.as_millis_f64();
    // Each limit is where rounding to the next line's digits would give one digit more.
    let decimals = match value {
        // A phase that is there took some time, if less than the stamps can tell.
        ..0.0005 => return "<0.001".to_owned(),
        ..0.0995 => 3,
        ..9.995 => 2,
        ..99.95 => 1,
        _ => 0,
    };
    grouped(&format!("{value:.decimals$}"))
}

/// Commas between thousands.
fn grouped(number: &str) -> String {
    let (whole, fraction) = number.split_at(number.find('.').unwrap_or(number.len()));
    let mut text = String::with_capacity(number.len() + whole.len() / 3);
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text + fraction
}

/// A place on an axis and what is written there.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tick {
    /// In the axis's unit.
    pub(super) at: f64,
    /// The number, with as many decimals as the step needs.
    pub(super) text: String,
}

/// Ticks from 0 to `end`, at most `most` steps of 1, 2 or 5 times a power of ten. An end that is not a positive number has
/// only the tick at 0.
pub(super) fn ticks(end: f64, most: u32) -> Vec<Tick> {
    let zero = Tick { at: 0.0, text: "0".to_owned() };
    let least_step = end / f64::from(most.max(1));
    if !least_step.is_normal() || least_step < 0.0 {
        return vec![zero];
    }
    let power = least_step.log10().floor();
    let base = 10_f64.powf(power);
    // The tolerance keeps an exact step (0.1 × 10) from being taken for a little more than itself.
    let (factor, carry) = [(1.0, 0.0), (2.0, 0.0), (5.0, 0.0)]
        .into_iter()
        .find(|(factor, _)| base * factor >= least_step * (1.0 - 1e-9))
        .unwrap_or((1.0, 1.0));
    let step = factor * 10_f64.powf(power + carry);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small count; `as` saturates")]
    let decimals = (-(power + carry)).max(0.0) as usize;
    (0..=most)
        .map(|count| f64::from(count) * step)
        .take_while(|at| *at <= end * (1.0 + 1e-9))
        .map(|at| if at > 0.0 { Tick { at, text: grouped(&format!("{at:.decimals$}")) } } else { zero.clone() })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lengths_have_three_digits_that_matter() {
        for (nanos, expect) in [
            (0, "<0.001"),
            (400, "<0.001"),
            (81_400, "0.081"),
            (99_600, "0.10"),
            (812_000, "0.81"),
            (9_994_000, "9.99"),
            (9_996_000, "10.0"),
            (58_123_456, "58.1"),
            (99_960_000, "100"),
            (581_234_567, "581"),
            (2_440_900_000, "2,441"),
            (1_234_567_000_000, "1,234,567"),
        ] {
            assert_eq!(milliseconds(Nanos::new(nanos)), expect, "{nanos} ns");
        }
    }

    #[test]
    fn ticks_are_round() {
        let texts = |end, most| ticks(end, most).into_iter().map(|tick| tick.text).collect::<Vec<_>>().join(" ");
        for (end, most, expect) in [
            (58.1, 6, "0 10 20 30 40 50"),
            (2_541.0, 7, "0 500 1,000 1,500 2,000 2,500"),
            (1.0, 10, "0 0.1 0.2 0.3 0.4 0.5 0.6 0.7 0.8 0.9 1.0"),
            (0.042, 5, "0 0.01 0.02 0.03 0.04"),
            (9.0, 1, "0"),
            (0.0, 5, "0"),
            (f64::NAN, 5, "0"),
            (f64::INFINITY, 5, "0"),
            (-3.0, 5, "0"),
        ] {
            assert_eq!(texts(end, most), expect, "{end} in at most {most}");
        }
    }

    proptest! {
        #[test]
        fn ticks_stay_within_the_axis_and_use_it(end in 1e-6_f64..1e13, most in 4..20_u32) {
            let ticks = ticks(end, most);
            prop_assert!(ticks.len() <= usize::try_from(most).unwrap() + 1);
            prop_assert!(ticks.windows(2).all(|pair| pair[0].at < pair[1].at && pair[0].text != pair[1].text));
            let last = ticks.last().map_or(0.0, |tick| tick.at);
            prop_assert!(last <= end * 1.000_001 && last >= end * 0.3, "{last} of {end}");
        }
    }
}
