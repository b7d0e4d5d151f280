//! `REPORT`, `INIT_REPORT` and `RESTORE_REPORT` of Lambda's text log, read as pairs of a label and a value in any order, parted
//! by tabs or by spaces.

use memchr::memmem;

use crate::attribute::aws::error::{FieldName, LineError};
use crate::attribute::aws::written::{MILLISECOND, Written, instant, length};
use crate::attribute::record::{Claim, Key, Moment, MomentOf, Part, Record, Remark, Source, Where};
use crate::attribute::root::x_ray_root;
use crate::time::Nanos;

const RESOLUTION: Nanos = Nanos::from_micros(10);
const KINDS: [&[u8]; 3] = [b"REPORT RequestId:", b"INIT_REPORT ", b"RESTORE_REPORT "];

/// One line; `None` of what is no report.
pub(super) fn parse(line: &[u8], at: Where) -> Result<Option<Record>, LineError> {
    let Some(start) = KINDS.iter().find_map(|kind| begins(line, kind)) else { return Ok(None) };
    let (before, report) = line.split_at(start);
    let mut record = Record::new(Source::LambdaText, at);
    record.time = before.split(|byte| matches!(byte, b' ' | b'\t' | b',' | b'"')).find_map(instant).map(|at| Moment {
        at,
        of: MomentOf::End,
        resolution: Nanos::from_millis(1),
    });
    let text = String::from_utf8_lossy(report);
    let (mut status, mut error) = (None, None);
    for (label, value) in pairs(&text) {
        let mut claim = |name, part| take(name, part, value, &mut record.claims);
        match label.as_str() {
            "Duration" => claim("Duration", Part::LambdaDuration)?,
            "Init Duration" => claim("Init Duration", Part::LambdaInit)?,
            "Restore Duration" => claim("Restore Duration", Part::LambdaRestore)?,
            "REPORT RequestId" => record.keys.push(Key::InvocationId(value.to_owned())),
            "XRAY TraceId" => record.keys.extend(x_ray_root(value.as_bytes()).map(Key::TraceRoot)),
            "Status" if value != "success" => status = Some(value),
            "Error Type" => error = Some(value),
            _ => {}
        }
    }
    let failure: Vec<&str> = status.into_iter().chain(error).collect();
    if !failure.is_empty() {
        record.remarks.push(Remark::Failed(failure.join(": ")));
    }
    Ok(Some(record))
}

/// Where a report of this kind begins: at the line's beginning or after what an export put before it.
fn begins(line: &[u8], kind: &[u8]) -> Option<usize> {
    memmem::find_iter(line, kind).find(|at| match at.checked_sub(1).and_then(|before| line.get(before)) {
        None => true,
        Some(before) => matches!(before, b' ' | b'\t' | b'"' | b','),
    })
}

fn take(name: &'static str, part: Part, value: &str, claims: &mut Vec<Claim>) -> Result<(), LineError> {
    match length(value.as_bytes(), MILLISECOND) {
        Written::Length(duration) => claims.push(Claim { part, duration, resolution: RESOLUTION }),
        Written::Absent => {}
        Written::NotANumber => return Err(LineError::new(FieldName::Named(name), "milliseconds", value.as_bytes())),
    }
    Ok(())
}

/// `Init Duration: 166.62 ms` is a label and a value; the unit, always the same, is left out.
fn pairs(report: &str) -> impl Iterator<Item = (String, &str)> {
    let mut words = report.split_ascii_whitespace();
    std::iter::from_fn(move || {
        let mut label = String::new();
        loop {
            let word = words.next()?;
            if label.is_empty() && matches!(word, "ms" | "MB") {
                continue;
            }
            if !label.is_empty() {
                label.push(' ');
            }
            match word.strip_suffix(':') {
                Some(last) => {
                    // INIT_REPORT stands before its first label without a colon.
                    label.push_str(last);
                    let label = label.trim_start_matches("INIT_REPORT ").trim_start_matches("RESTORE_REPORT ");
                    return Some((label.to_owned(), words.next()?));
                }
                None => label.push_str(word),
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_are_pairs_not_positions() {
        type Expected = (Vec<(Part, u64)>, usize, Vec<Remark>);
        let failed = |text: &str| vec![Remark::Failed(text.to_owned())];
        let cases: Vec<(&str, &str, Expected)> = vec![
            (
                "warm",
                "REPORT RequestId: a-1\tDuration: 79.67 ms\tBilled Duration: 80 ms\tMemory Size: 128 MB\tMax Memory Used: 73 MB",
                (vec![(Part::LambdaDuration, 79_670)], 1, vec![]),
            ),
            (
                "spaces for tabs, another order, labels nobody knows yet",
                "REPORT RequestId: a-1  Init Duration: 1.5 ms   New Label Here: 7 MB  Duration: 2.00 ms Billed Duration: 9 ms",
                (vec![(Part::LambdaInit, 1_500), (Part::LambdaDuration, 2_000)], 1, vec![]),
            ),
            (
                "cold, traced",
                "REPORT RequestId: a-1\tDuration: 3.10 ms\tInit Duration: 166.62 ms\tXRAY TraceId: 1-58337262-36d228ad5d99923122bbe354\tSegmentId: 3d75\tSampled: true",
                (vec![(Part::LambdaDuration, 3_100), (Part::LambdaInit, 166_620)], 2, vec![]),
            ),
            (
                "restored from a snapshot: what was billed for it is another thing",
                "REPORT RequestId: a-1\tDuration: 469.40 ms\tRestore Duration: 474.16 ms\tBilled Restore Duration: 75 ms",
                (vec![(Part::LambdaDuration, 469_400), (Part::LambdaRestore, 474_160)], 1, vec![]),
            ),
            (
                "billed for more than the call, yet warm: billing says nothing of a start",
                "REPORT RequestId: a-1\tDuration: 10.00 ms\tBilled Duration: 400 ms",
                (vec![(Part::LambdaDuration, 10_000)], 1, vec![]),
            ),
            (
                "a call that ran out of time",
                "REPORT RequestId: a-1\tDuration: 3000.00 ms\tStatus: timeout",
                (vec![(Part::LambdaDuration, 3_000_000)], 1, failed("timeout")),
            ),
            (
                "an initialisation that failed: it names no call",
                "INIT_REPORT Init Duration: 1236.04 ms\tPhase: init\tStatus: error\tError Type: Extension.Crash",
                (vec![(Part::LambdaInit, 1_236_040)], 0, failed("error: Extension.Crash")),
            ),
            ("a restore", "RESTORE_REPORT Restore Duration: 5.00 ms", (vec![(Part::LambdaRestore, 5_000)], 0, vec![])),
        ];
        for (name, line, (claims, keys, remarks)) in cases {
            let record = parse(line.as_bytes(), Where::default()).unwrap().unwrap();
            let found: Vec<_> = record.claims.iter().map(|claim| (claim.part, claim.duration.get() / 1_000)).collect();
            assert_eq!(found, claims, "{name}");
            assert_eq!(record.keys.len(), keys, "{name}: {:?}", record.keys);
            assert_eq!(record.remarks, remarks, "{name}");
        }
    }

    #[test]
    fn other_lines_are_none_and_broken_reports_say_so() {
        for line in [
            "INIT_START Runtime Version: python:3.13.v12\tRuntime Version ARN: arn:aws:lambda:us-east-1::runtime:ab",
            "START RequestId: a-1 Version: $LATEST",
            "END RequestId: a-1",
            "my REPORTED RequestId: x",
            "xREPORT RequestId: x",
            "",
        ] {
            assert_eq!(parse(line.as_bytes(), Where::default()), Ok(None), "{line}");
        }
        let error = parse(b"REPORT RequestId: a-1\tDuration: long ms", Where::default()).unwrap_err();
        assert_eq!(error.to_string(), r#"Duration: expected milliseconds, got "long""#);
        let cut =
            parse(b"2026-11-21T04:38:33.123Z REPORT RequestId: a-1\tDuration:", Where::default()).unwrap().unwrap();
        assert_eq!((cut.claims.len(), cut.time.is_some()), (0, true));
    }
}
