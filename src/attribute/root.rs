//! A trace's id as others write it: the root of X-Ray, the trace-id of W3C Trace Context, a token in `User-Agent`.
//!
//! Deliberately absent: what else those fields carry (parents, sampling, lineage).

use crate::trace::TraceId;

/// `1-`, 8 digits, `-`, 24 digits.
const ROOT_BYTES: usize = 35;

/// The root in `X-Amzn-Trace-Id`'s value (`Self=…;Root=1-…;Parent=…`; X-Ray developer guide, "Tracing header"), or a
/// bare X-Ray trace id. `None` where its digits are not hexadecimal, as in examples of documentation.
pub(super) fn x_ray_root(value: &[u8]) -> Option<TraceId> {
    let bare = |part: &[u8]| {
        let shaped = part.len() == ROOT_BYTES && part.starts_with(b"1-") && part.get(10) == Some(&b'-');
        if shaped { hexadecimal(&[part.get(2..10)?, part.get(11..)?].concat()) } else { None }
    };
    value.split(|byte| *byte == b';').map(<[u8]>::trim_ascii).find_map(|part| {
        let part = part.strip_prefix(b"Root=").or_else(|| part.strip_prefix(b"root=")).unwrap_or(part);
        bare(part)
    })
}

/// The trace-id of a `traceparent` (W3C Trace Context, section 3.2).
pub(super) fn traceparent(value: &[u8]) -> Option<TraceId> {
    hexadecimal(value.trim_ascii().split(|byte| *byte == b'-').nth(1)?)
}

/// The first run of exactly 32 hexadecimal digits among what else a client says of itself.
pub(super) fn agent_token(agent: &[u8]) -> Option<TraceId> {
    agent.split(|byte| !byte.is_ascii_alphanumeric()).find_map(hexadecimal)
}

fn hexadecimal(digits: &[u8]) -> Option<TraceId> {
    if digits.len() != 32 {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_found_in_every_spelling() {
        type Find = fn(&[u8]) -> Option<TraceId>;
        let id: TraceId = "5833728100000000000000000000abcd".parse().unwrap();
        let cases: &[(&str, Find, Option<TraceId>)] = &[
            ("Root=1-58337281-00000000000000000000abcd", x_ray_root, Some(id)),
            ("1-58337281-00000000000000000000abcd", x_ray_root, Some(id)),
            ("Self=1-58337282-0000000000000000000000ff;Root=1-58337281-00000000000000000000abcd", x_ray_root, Some(id)),
            ("Root=1-58337281-00000000000000000000abcd;Parent=53995c3f42cd8ad8;Sampled=1", x_ray_root, Some(id)),
            ("Root=1-5d9d007f-0a8c7fd02xmpl480aed55ef0", x_ray_root, None),
            ("Root=1-58337281-00000000000000000000abc", x_ray_root, None),
            ("Root=2-58337281-00000000000000000000abcd", x_ray_root, None),
            ("-", x_ray_root, None),
            ("", x_ray_root, None),
            ("00-5833728100000000000000000000abcd-00f067aa0ba902b7-01", traceparent, Some(id)),
            ("00-5833728100000000000000000000abc-00f067aa0ba902b7-01", traceparent, None),
            ("wirefall/0.1.0 trace/5833728100000000000000000000abcd", agent_token, Some(id)),
            ("tester (trace 5833728100000000000000000000ABCD)", agent_token, Some(id)),
            ("5833728100000000000000000000abcd0", agent_token, None),
            ("curl/8.5.0", agent_token, None),
        ];
        for (text, find, expected) in cases {
            assert_eq!(find(text.as_bytes()), *expected, "{text}");
        }
    }
}
