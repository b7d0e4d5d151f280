//! Lengths and instants as logs write them: decimal text, turned into whole nanoseconds without a float on the way.
//!
//! Invariant: what is no number is `None`, and so is a negative one: AWS writes -1 for "not recorded".
//!
//! Deliberately absent: the clock's zone of a machine; all of AWS's logs are in UTC or say their offset.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::time::{Nanos, Realtime, Timestamp};

/// Nanoseconds in a second, as the unit of [`length`].
pub(super) const SECOND: u64 = 1_000_000_000;
/// Nanoseconds in a millisecond, as the unit of [`length`].
pub(super) const MILLISECOND: u64 = 1_000_000;

/// What a field of a number says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Written {
    /// So long.
    Length(Nanos),
    /// `-`, `-1`, nothing: it was not recorded.
    Absent,
    /// Something else.
    NotANumber,
}

/// A length in units of `unit` nanoseconds: `0.086`, `12`, `1.5E-3`. Digits beyond a nanosecond are cut.
pub(super) fn length(text: &[u8], unit: u64) -> Written {
    let text = text.trim_ascii();
    if matches!(text, b"" | b"-" | b"null") {
        return Written::Absent;
    }
    let (negative, digits) = match text.strip_prefix(b"-") {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    match decimal(digits, unit) {
        None => Written::NotANumber,
        Some(_) if negative => Written::Absent,
        Some(nanos) => Written::Length(Nanos::new(nanos)),
    }
}

/// `digits[.digits][e[±]digits]` times `unit`; saturating.
fn decimal(text: &[u8], unit: u64) -> Option<u64> {
    let exponent_at = text.iter().position(|byte| byte.eq_ignore_ascii_case(&b'e'));
    let (mantissa, exponent) = match exponent_at {
        Some(at) => (text.get(..at)?, std::str::from_utf8(text.get(at + 1..)?).ok()?.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let point = mantissa.iter().position(|byte| *byte == b'.').unwrap_or(mantissa.len());
    let whole = mantissa.get(..point)?;
    let fraction = mantissa.get(point + 1..).unwrap_or_default();
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let mut sum: u64 = 0;
    // The place of the first digit: 10^(its count - 1), moved by the exponent.
    let first = i64::try_from(whole.len()).ok()? - 1 + i64::from(exponent);
    for (digit, place) in whole.iter().chain(fraction).zip((i64::MIN..=first).rev()) {
        if !digit.is_ascii_digit() {
            return None;
        }
        let value = u64::from(digit - b'0');
        let part = if value == 0 { 0 } else { scaled(value, unit, place) };
        sum = sum.saturating_add(part);
    }
    Some(sum)
}

/// `value` × `unit` × 10^`place`.
fn scaled(value: u64, unit: u64, place: i64) -> u64 {
    let power = u32::try_from(place.unsigned_abs()).ok().and_then(|places| 10_u64.checked_pow(places));
    match (power, place >= 0) {
        (Some(power), true) => value.saturating_mul(unit).saturating_mul(power),
        (Some(power), false) => value.saturating_mul(unit) / power,
        (None, true) => u64::MAX,
        (None, false) => 0,
    }
}

/// An instant in ISO 8601, UTC where it names no offset: `2018-07-02T22:23:00.186641Z`, `2020-04-01T08:51:42`,
/// `2023-11-28T12:00:09+00:00`.
pub(super) fn instant(text: &[u8]) -> Option<Timestamp<Realtime>> {
    let text = std::str::from_utf8(text).ok()?.trim();
    // Two fields of four digits and what is between them: anything shorter cannot be one.
    let time_of_day = text.get(11..)?;
    let has_offset = time_of_day.contains(['Z', 'z', '+', '-']);
    let parsed = if has_offset {
        OffsetDateTime::parse(text, &Rfc3339)
    } else {
        OffsetDateTime::parse(&format!("{text}Z"), &Rfc3339)
    };
    stamp(parsed.ok()?)
}

/// An instant of two fields, as CloudFront writes it: `2019-12-04`, `21:02:31`.
pub(super) fn date_and_time(date: &[u8], time: &[u8]) -> Option<Timestamp<Realtime>> {
    instant(&[date, b"T", time].concat())
}

/// An instant in the Common Log Format: `10/Oct/2020:13:55:36 +0000`.
pub(super) fn common_log_instant(text: &[u8]) -> Option<Timestamp<Realtime>> {
    const FORM: &[time::format_description::BorrowedFormatItem<'_>] = time::macros::format_description!(
        "[day]/[month repr:short]/[year]:[hour]:[minute]:[second] [offset_hour sign:mandatory][offset_minute]"
    );
    stamp(OffsetDateTime::parse(std::str::from_utf8(text).ok()?.trim(), FORM).ok()?)
}

/// An instant as a count of `unit` nanoseconds since 1970: `1574367600.123`.
pub(super) fn since_epoch(text: &[u8], unit: u64) -> Option<Timestamp<Realtime>> {
    match length(text, unit) {
        Written::Length(since) => Some(Timestamp::from_nanos(since.get())),
        Written::Absent | Written::NotANumber => None,
    }
}

fn stamp(date: OffsetDateTime) -> Option<Timestamp<Realtime>> {
    u64::try_from(date.unix_timestamp_nanos()).ok().map(Timestamp::from_nanos)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lengths_are_exact() {
        let cases: &[(&str, u64, Written)] = &[
            ("0.086", SECOND, Written::Length(Nanos::from_millis(86))),
            ("0.000086", SECOND, Written::Length(Nanos::from_micros(86))),
            ("0.000", SECOND, Written::Length(Nanos::ZERO)),
            ("12", MILLISECOND, Written::Length(Nanos::from_millis(12))),
            ("128.83", MILLISECOND, Written::Length(Nanos::from_micros(128_830))),
            ("1.499473411677E9", SECOND, Written::Length(Nanos::new(1_499_473_411_677_000_000))),
            ("1533928226.6130002", SECOND, Written::Length(Nanos::new(1_533_928_226_613_000_200))),
            ("2e-3", SECOND, Written::Length(Nanos::from_millis(2))),
            (".5", SECOND, Written::Length(Nanos::from_millis(500))),
            ("7.", SECOND, Written::Length(Nanos::from_secs(7))),
            ("0.0000000019", SECOND, Written::Length(Nanos::new(1))),
            ("99999999999999999999", SECOND, Written::Length(Nanos::new(u64::MAX))),
            ("1e999999999", SECOND, Written::Length(Nanos::new(u64::MAX))),
            ("-1", SECOND, Written::Absent),
            ("-1.0", SECOND, Written::Absent),
            ("-", SECOND, Written::Absent),
            ("", SECOND, Written::Absent),
            ("x", SECOND, Written::NotANumber),
            (".", SECOND, Written::NotANumber),
            ("1.2.3", SECOND, Written::NotANumber),
            ("1e", SECOND, Written::NotANumber),
        ];
        for (text, unit, expected) in cases {
            assert_eq!(length(text.as_bytes(), *unit), *expected, "{text}");
        }
    }

    #[test]
    fn instants_of_every_form_are_read() {
        let at = |text: &[u8]| instant(text).map(|stamp| stamp.to_string());
        let cases: &[(&str, Option<&str>)] = &[
            ("2018-07-02T22:23:00.186641Z", Some("2018-07-02T22:23:00.186641000Z")),
            ("2020-04-01T08:51:42", Some("2020-04-01T08:51:42.000000000Z")),
            ("2023-11-28T12:00:09+02:00", Some("2023-11-28T10:00:09.000000000Z")),
            ("2023-11-28", None),
            ("-", None),
        ];
        for (text, expected) in cases {
            assert_eq!(at(text.as_bytes()).as_deref(), *expected, "{text}");
        }
        assert_eq!(date_and_time(b"2019-12-04", b"21:02:31"), instant(b"2019-12-04T21:02:31Z"));
        assert_eq!(common_log_instant(b"10/Oct/2020:13:55:36 +0000"), instant(b"2020-10-10T13:55:36Z"));
        assert_eq!(since_epoch(b"1574367600.123", SECOND), instant(b"2019-11-21T20:20:00.123Z"));
    }

    proptest! {
        #[test]
        fn any_bytes_do_no_harm(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = (length(&bytes, SECOND), instant(&bytes), common_log_instant(&bytes), since_epoch(&bytes, 1));
        }

        #[test]
        fn milliseconds_written_are_milliseconds_read(whole in 0..1_000_000_u64, part in 0..1_000_u64) {
            let text = format!("{whole}.{part:03}");
            prop_assert_eq!(length(text.as_bytes(), SECOND), Written::Length(Nanos::from_millis(whole * 1_000 + part)));
        }
    }
}
