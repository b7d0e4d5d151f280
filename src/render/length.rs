//! Lengths of time and of bodies as people read them.
//!
//! Invariant: integer arithmetic, so that what is shown is what was measured, rounded once. A length too small for the last
//! digit is shown as smaller than that digit, not as zero.

use crate::time::Nanos;

/// Milliseconds to the microsecond, without the unit: `16.012`, `<0.001`.
pub(super) fn millis(length: Nanos) -> String {
    let micros = length.get().saturating_add(500) / 1_000;
    if micros == 0 { "<0.001".to_owned() } else { format!("{}.{:03}", micros / 1_000, micros % 1_000) }
}

/// Milliseconds with one decimal, without the unit: for estimates whose bounds are wider than a microsecond.
pub(super) fn rough_millis(length: Nanos) -> String {
    let tenths = length.get().saturating_add(50_000) / 100_000;
    format!("{}.{}", tenths / 10, tenths % 10)
}

/// Seconds to the microsecond, cut off as curl does: `0.058123`.
pub(super) fn seconds(length: Nanos) -> String {
    let micros = length.get() / 1_000;
    format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}

/// A count of bytes: exact below 10 kB, three digits above.
pub(super) fn bytes(count: u64) -> String {
    const UNITS: [&str; 6] = ["kB", "MB", "GB", "TB", "PB", "EB"];
    if count < 10_000 {
        return format!("{count} B");
    }
    let (mut unit, mut scale) = (0, 1_000_u64);
    while count / scale >= 1_000 && unit + 1 < UNITS.len() {
        (unit, scale) = (unit + 1, scale * 1_000);
    }
    let hundredths = count / (scale / 100);
    let (whole, rest) = (hundredths / 100, hundredths % 100);
    match whole {
        0..10 => format!("{whole}.{rest:02} {}", UNITS[unit]),
        10..100 => format!("{whole}.{} {}", rest / 10, UNITS[unit]),
        _ => format!("{whole} {}", UNITS[unit]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_rounded_once_and_never_to_zero() {
        for (nanos, exact, rough, curl) in [
            (0, "<0.001", "0.0", "0.000000"),
            (499, "<0.001", "0.0", "0.000000"),
            (500, "0.001", "0.0", "0.000000"),
            (16_012_499, "16.012", "16.0", "0.016012"),
            (999_999_500, "1000.000", "1000.0", "0.999999"),
            (61_000_000_000, "61000.000", "61000.0", "61.000000"),
        ] {
            let length = Nanos::new(nanos);
            assert_eq!((millis(length).as_str(), rough_millis(length).as_str()), (exact, rough), "{nanos}");
            assert_eq!(seconds(length), curl, "{nanos}");
        }
    }

    #[test]
    fn bytes_keep_three_digits() {
        for (count, expect) in [
            (0, "0 B"),
            (9_999, "9999 B"),
            (12_345, "12.3 kB"),
            (999_999, "999 kB"),
            (1_234_567, "1.23 MB"),
            (u64::MAX, "18.4 EB"),
        ] {
            assert_eq!(bytes(count), expect);
        }
    }
}
