//! Instants and lengths as logs write them.

use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

use crate::time::{Nanos, Realtime, Timestamp};

/// `2026-11-21T12:30:00.123456Z`
pub(super) fn micros(at: Timestamp<Realtime>) -> String {
    const FORM: &[BorrowedFormatItem<'_>] =
        format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]Z");
    written(at, FORM)
}

/// `2026-11-21T12:30:00.123Z`
pub(super) fn millis(at: Timestamp<Realtime>) -> String {
    const FORM: &[BorrowedFormatItem<'_>] =
        format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
    written(at, FORM)
}

/// `2026-11-21T12:30:00`
pub(super) fn to_the_second(at: Timestamp<Realtime>) -> String {
    const FORM: &[BorrowedFormatItem<'_>] = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]");
    written(at, FORM)
}

/// `2026-11-21` and `12:30:00`.
pub(super) fn date_and_time(at: Timestamp<Realtime>) -> (String, String) {
    const DATE: &[BorrowedFormatItem<'_>] = format_description!("[year]-[month]-[day]");
    const TIME: &[BorrowedFormatItem<'_>] = format_description!("[hour]:[minute]:[second]");
    (written(at, DATE), written(at, TIME))
}

/// `21/Nov/2026:12:30:00 +0000`, the common log format's.
pub(super) fn common_log(at: Timestamp<Realtime>) -> String {
    const FORM: &[BorrowedFormatItem<'_>] =
        format_description!("[day]/[month repr:short]/[year]:[hour]:[minute]:[second] +0000");
    written(at, FORM)
}

fn written(at: Timestamp<Realtime>, form: &[BorrowedFormatItem<'_>]) -> String {
    let date = OffsetDateTime::from_unix_timestamp_nanos(at.as_nanos().into());
    date.ok().and_then(|date| date.format(form).ok()).unwrap_or_default()
}

/// Steps of this length, to the nearest one.
const fn steps(length: Nanos, step: u64) -> u64 {
    length.get().saturating_add(step / 2) / step
}

/// Seconds with three decimals: `0.086`.
pub(super) fn seconds(length: Nanos) -> String {
    let millis = steps(length, 1_000_000);
    format!("{}.{:03}", millis / 1_000, millis % 1_000)
}

/// Seconds with six decimals: `0.000086`.
pub(super) fn seconds_and_micros(length: Nanos) -> String {
    let micros = steps(length, 1_000);
    format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}

/// Whole milliseconds.
pub(super) const fn whole_millis(length: Nanos) -> u64 {
    steps(length, 1_000_000)
}

/// Milliseconds with two decimals: `128.83`.
pub(super) fn hundredths(length: Nanos) -> String {
    let hundredths = steps(length, 10_000);
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

/// The same as a number.
#[expect(clippy::cast_precision_loss, reason = "a length of a day has fewer hundredths than a float has digits")]
pub(super) fn hundredths_number(length: Nanos) -> f64 {
    steps(length, 10_000) as f64 / 100.0
}

/// Seconds since the epoch, with milliseconds.
#[expect(clippy::cast_precision_loss, reason = "milliseconds since the epoch have fewer digits than a float has")]
pub(super) fn epoch_seconds(at: Timestamp<Realtime>) -> f64 {
    steps(Nanos::new(at.as_nanos()), 1_000_000) as f64 / 1e3
}

/// Milliseconds since the epoch.
pub(super) const fn epoch_millis(at: Timestamp<Realtime>) -> u64 {
    steps(Nanos::new(at.as_nanos()), 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_and_lengths() {
        let at = Timestamp::from_nanos(1_795_264_200_123_456_789);
        assert_eq!(micros(at), "2026-11-21T12:30:00.123456Z");
        assert_eq!(millis(at), "2026-11-21T12:30:00.123Z");
        assert_eq!(to_the_second(at), "2026-11-21T12:30:00");
        assert_eq!(seconds_and_micros(Nanos::new(61_001_500_499)), "61.001500");
        assert_eq!(seconds_and_micros(Nanos::new(85_500)), "0.000086");
        assert_eq!(date_and_time(at), ("2026-11-21".to_owned(), "12:30:00".to_owned()));
        assert_eq!(common_log(at), "21/Nov/2026:12:30:00 +0000");
        assert_eq!(serde_json::json!(epoch_seconds(at)).to_string(), "1795264200.123");
        assert_eq!(epoch_millis(at), 1_795_264_200_123);
        for (nanos, in_seconds, millis, in_hundredths) in [
            (0, "0.000", 0, "0.00"),
            (499_999, "0.000", 0, "0.50"),
            (500_000, "0.001", 1, "0.50"),
            (86_494_999, "0.086", 86, "86.49"),
            (61_001_500_000, "61.002", 61_002, "61001.50"),
        ] {
            let length = Nanos::new(nanos);
            assert_eq!(
                (seconds(length).as_str(), whole_millis(length), hundredths(length).as_str()),
                (in_seconds, millis, in_hundredths)
            );
        }
    }
}
