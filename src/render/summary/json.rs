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

    #[test]
    fn objectives_are_listed_with_what_was_measured() {
        let value: Value = serde_json::from_str(&json(&specimens::gated()).unwrap()).unwrap();
        let slo = value["slo"].as_array().unwrap();
        let of = |name: &str, objective: &str| {
            let found = slo.iter().find(|held| held["name"] == name && held["objective"] == objective);
            found.unwrap_or_else(|| panic!("{name}, {objective}: {slo:?}"))
        };
        for (name, objective, key, expect) in [
            ("ec2", "total=53", "met", Value::Bool(true)),
            ("ec2", "total=53", "phase", "total".into()),
            ("ec2", "total=53", "statistic", "p50".into()),
            ("ec2", "total=53", "bound_ns", 53_000_000.into()),
            ("ec2", "total=53", "measured_ns", value["targets"][0]["phases"]["total"]["p50_ns"].clone()),
            ("ec2", "total=53", "is_maximum_of", Value::Null),
            ("elb", "total=53", "met", Value::Bool(false)),
            ("elb", "wait.p99=25", "is_maximum_of", 30.into()),
            ("elb", "failures=1", "met", Value::Bool(false)),
            ("elb", "failures=1", "bound_failures", 1.into()),
            ("elb", "failures=1", "measured_failures", 2.into()),
            ("elb", "failures=1", "requests", 32.into()),
            ("ec2", "blocked=1", "met", Value::Null),
            ("ec2", "blocked=1", "measured_ns", Value::Null),
        ] {
            assert_eq!(of(name, objective)[key], expect, "{name}, {objective}: {key}");
        }
        let ungated: Value = serde_json::from_str(&json(&specimens::compared()).unwrap()).unwrap();
        assert!(!keys(&ungated).contains(&"slo") && !keys(&ungated).contains(&"interrupted"));
    }

    #[test]
    fn an_interruption_is_marked_and_keeps_the_baseline() {
        let value: Value = serde_json::from_str(&json(&specimens::interrupted()).unwrap()).unwrap();
        assert_eq!((&value["interrupted"], &value["baseline"]), (&Value::Bool(true), &"ec2".into()));
        let targets = value["targets"].as_array().unwrap().iter();
        let made: Vec<_> =
            targets.map(|one| (one["name"].as_str(), one["requests"].as_u64(), one["wanted"].as_u64())).collect();
        let of = |name, made| (Some(name), Some(made), Some(8));
        assert_eq!(made, [of("ec2", 0), of("elb", 3), of("cdn", 3)]);
        assert_eq!(value["differences"], Value::Array(Vec::new()));
        assert_eq!(value["not_compared"][0]["against"]["name"], "ec2");
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
