//! Traces as JSON, in the form `wirefall/trace/1` that [`crate::trace`] defines.

use crate::trace::Trace;

/// For reading: one object for one trace, else an array; indented, with a final newline.
///
/// # Errors
/// If a trace cannot be written as JSON, which its types rule out but serde's signature does not.
pub fn json(traces: &[Trace]) -> Result<String, serde_json::Error> {
    let mut text = match traces {
        [trace] => serde_json::to_string_pretty(trace)?,
        _ => serde_json::to_string_pretty(traces)?,
    };
    text.push('\n');
    Ok(text)
}

/// For appending and streaming: one line for each trace.
///
/// # Errors
/// As for [`json`].
pub fn jsonl(traces: &[Trace]) -> Result<String, serde_json::Error> {
    let mut text = String::new();
    for trace in traces {
        text.push_str(&serde_json::to_string(trace)?);
        text.push('\n');
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::sample;

    #[test]
    fn one_trace_is_an_object_and_several_are_an_array() {
        let trace = sample::secure();
        let text = json(std::slice::from_ref(&trace)).unwrap();
        assert!(text.starts_with("{\n  \"schema\": \"wirefall/trace/1\"") && text.ends_with("}\n"), "{text}");
        assert_eq!(serde_json::from_str::<Trace>(&text).unwrap(), trace);
        for traces in [vec![], sample::redirected()] {
            assert_eq!(serde_json::from_str::<Vec<Trace>>(&json(&traces).unwrap()).unwrap(), traces);
        }
    }

    #[test]
    fn each_line_is_a_trace() {
        let traces = sample::all();
        let text = jsonl(&traces).unwrap();
        let read: Vec<Trace> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(read, traces);
        assert_eq!(jsonl(&[]).unwrap(), "");
    }
}
