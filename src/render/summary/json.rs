//! The summary as JSON, in the form `wirefall/summary/1` that [`crate::stats`] defines.

use crate::stats::Summary;

/// One object, indented, with a final newline.
///
/// # Errors
/// If a summary cannot be written as JSON, which its types rule out but serde's signature does not.
pub fn json(summary: &Summary) -> Result<String, serde_json::Error> {
    let mut text = serde_json::to_string_pretty(summary)?;
    text.push('\n');
    Ok(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;
    use crate::render::summary::specimens;

    fn keys(value: &Value) -> Vec<&str> {
        value.as_object().unwrap().keys().map(String::as_str).collect()
    }

    #[test]
    fn the_keys_are_those_of_the_contract() {
        let text = json(&specimens::compared()).unwrap();
        let value: Value = serde_json::from_str(&text).unwrap();
        assert!(text.starts_with("{\n  \"schema\": \"wirefall/summary/1\"") && text.ends_with("}\n"));
        assert_eq!(value["baseline"], "ec2");
        for key in ["name", "tags", "requests", "failures", "failure_codes", "throughput_rps", "status", "phases"] {
            assert!(keys(&value["targets"][0]).contains(&key), "{key}");
        }
        assert_eq!(value["targets"][1]["failure_codes"]["connect.refused"], 2);
        let mut phases = keys(&value["targets"][0]["phases"]);
        phases.sort_unstable();
        assert_eq!(phases, ["connect", "dns", "receive", "send", "tls", "total", "wait"]);
        for key in ["name", "phase", "median_ns", "low_ns", "high_ns", "confidence", "verdict"] {
            assert!(keys(&value["differences"][0]).contains(&key), "{key}");
        }
        let alone: Value = serde_json::from_str(&json(&specimens::alone()).unwrap()).unwrap();
        assert_eq!((&alone["baseline"], &alone["differences"]), (&Value::Null, &Value::Array(Vec::new())));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn what_is_written_is_read_back(summary in specimens::any_summary()) {
            let read: Summary = serde_json::from_str(&json(&summary).unwrap()).unwrap();
            prop_assert!(read == summary);
        }
    }
}
