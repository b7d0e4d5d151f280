//! Access logs of API Gateway, REST and HTTP APIs (API Gateway developer guide, "Set up CloudWatch logging").
//!
//! The format is the user's. Without its text, a line must be JSON and its keys must be the variables' own names in some
//! spelling; with it ([`AccessFormat`]), anything goes. JSON in which none of them is that tells requests apart or times them is
//! something else: `status` and `path` are anybody's words. Numbers are whole milliseconds, mostly as strings; `-` is absent.
//!
//! Invariant: the backend's time of a response that was streamed covers the whole stream, and is called so
//! ([`Part::ApigStream`]): it must never be taken from the time to the first byte.

mod format;
mod variable;

use serde_json::Value;

use super::balancer::text;
use super::error::{FieldName, LineError};
use super::written::{self, MILLISECOND, Written, length};
use crate::attribute::record::{Claim, Key, Moment, MomentOf, Part, Record, Remark, RequestFacts, Source, Where};
use crate::attribute::root::{agent_token, x_ray_root};
use crate::time::Nanos;
pub use format::{AccessFormat, AccessFormatError};
use variable::Variable;

const RESOLUTION: Nanos = Nanos::from_millis(1);
/// Objects inside objects that are looked into for keys.
const DEEPEST: u32 = 4;

/// One entry, bare or as CloudWatch hands it out; `None` of an empty line.
pub(super) fn parse(line: &[u8], format: Option<&AccessFormat>, at: Where) -> Result<Option<Record>, LineError> {
    let line = line.trim_ascii();
    if line.is_empty() {
        return Ok(None);
    }
    if let Some(format) = format.filter(|format| !format.is_json()) {
        if let Some(message) = message(line) {
            return read_text(&message, format, at).map(Some);
        }
        return read_text(&String::from_utf8_lossy(line), format, at).map(Some);
    }
    let value = object(line)?;
    match value.get("message").and_then(Value::as_str).and_then(|inner| object(inner.as_bytes()).ok()) {
        Some(inner) => read_json(&inner, format, at).map(Some),
        None => read_json(&value, format, at).map(Some),
    }
}

/// One entry that is JSON already.
pub(super) fn parse_value(
    value: &Value,
    format: Option<&AccessFormat>,
    at: Where,
) -> Result<Option<Record>, LineError> {
    match value.get("message").and_then(Value::as_str) {
        Some(message) => parse(message.as_bytes(), format, at),
        None => read_json(value, format, at).map(Some),
    }
}

/// The text in an event of CloudWatch.
fn message(line: &[u8]) -> Option<String> {
    let event = line.starts_with(b"{").then(|| serde_json::from_slice::<Value>(line).ok()).flatten()?;
    event.get("message")?.as_str().map(|message| message.trim().to_owned())
}

/// Text, with up to two words before it that an export added: a timestamp, a stream.
fn read_text(line: &str, format: &AccessFormat, at: Where) -> Result<Record, LineError> {
    let starts = std::iter::once(0).chain(line.match_indices(' ').map(|(space, _)| space + 1)).take(3);
    let values = starts.filter_map(|start| line.get(start..)).find_map(|text| format.values_in_text(text));
    let expected = "what the access log's format says";
    let mut entry = Entry::new(at);
    for (variable, value) in values.ok_or_else(|| LineError::new(FieldName::Line, expected, line.as_bytes()))? {
        entry.take(variable, value)?;
    }
    Ok(entry.finish())
}

fn read_json(value: &Value, format: Option<&AccessFormat>, at: Where) -> Result<Record, LineError> {
    let mut entry = Entry::new(at);
    match format {
        Some(format) => {
            for (variable, value) in format.values_in_json(value) {
                // Where the user says so, it may be all that joins.
                if variable == Variable::Agent {
                    entry.owner = Owner::Gateway;
                }
                entry.take(variable, &value)?;
            }
        }
        None => recognise(value, "", DEEPEST, &mut entry)?,
    }
    if entry.is_anybodys() {
        let expected = "a variable of $context that tells requests apart or times them, by its own name";
        return Err(LineError::new(FieldName::Line, expected, value.to_string().as_bytes()));
    }
    Ok(entry.finish())
}

/// A JSON object, after a timestamp where an export put one. In a format whose numbers have no quotes, an absent one leaves a
/// bare `-`.
fn object(line: &[u8]) -> Result<Value, LineError> {
    let at = if line.starts_with(b"{") { Some(0) } else { memchr::memmem::find(line, b" {").map(|at| at + 1) };
    let text = at.and_then(|at| line.get(at..)).unwrap_or(line);
    let parsed = serde_json::from_slice(text).or_else(|_| serde_json::from_slice(&with_dashes_quoted(text)));
    let expected = "a JSON object, or the access log's own format to read it by";
    parsed.ok().filter(Value::is_object).ok_or_else(|| LineError::new(FieldName::Line, expected, line))
}

fn with_dashes_quoted(line: &[u8]) -> Vec<u8> {
    let mut mended = Vec::with_capacity(line.len() + 8);
    let mut in_string = false;
    let mut escaped = false;
    for (at, &byte) in line.iter().enumerate() {
        let ends = || {
            line.get(at + 1..).unwrap_or_default().trim_ascii_start().first().is_some_and(|next| b",}".contains(next))
        };
        match byte {
            b'"' if !escaped => in_string = !in_string,
            b'-' if !in_string && ends() => {
                mended.extend_from_slice(b"null");
                continue;
            }
            _ => {}
        }
        escaped = in_string && byte == b'\\' && !escaped;
        mended.push(byte);
    }
    mended
}

/// Takes every value whose key, with those of the objects around it, is a variable's name.
fn recognise(value: &Value, prefix: &str, depth: u32, entry: &mut Entry) -> Result<(), LineError> {
    let Value::Object(fields) = value else { return Ok(()) };
    for (key, value) in fields {
        let path = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
        match value {
            Value::Object(_) if depth > 0 => recognise(value, &path, depth - 1, entry)?,
            Value::String(text) => match Variable::recognised(&path) {
                Variable::Other => entry.guess(text),
                variable => entry.take(variable, text)?,
            },
            Value::Number(number) => entry.take(Variable::recognised(&path), &number.to_string())?,
            Value::Null => entry.take(Variable::recognised(&path), "-")?,
            _ => {}
        }
    }
    Ok(())
}

/// A record as it is gathered from its variables, in whatever order they come.
struct Entry {
    record: Record,
    facts: RequestFacts,
    integration: Option<Nanos>,
    authorizer: Option<Nanos>,
    streamed: Streamed,
    owner: Owner,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Streamed {
    No,
    Yes,
}

/// Whose words the names are that were met so far.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Owner {
    Anybody,
    Gateway,
}

impl Entry {
    fn new(at: Where) -> Self {
        Self {
            record: Record::new(Source::ApiGateway, at),
            facts: RequestFacts::default(),
            integration: None,
            authorizer: None,
            streamed: Streamed::No,
            owner: Owner::Anybody,
        }
    }

    /// Whether nothing in it is a gateway's own.
    fn is_anybodys(&self) -> bool {
        self.owner == Owner::Anybody
    }

    /// A value under a name of the user's, which can be nothing but a trace's id where it looks like one.
    fn guess(&mut self, value: &str) {
        self.record.keys.extend(x_ray_root(value.trim().as_bytes()).map(Key::TraceRoot));
    }

    fn take(&mut self, variable: Variable, value: &str) -> Result<(), LineError> {
        if variable.is_gateways() {
            self.owner = Owner::Gateway;
        }
        let bytes = value.trim().as_bytes();
        if matches!(bytes, b"" | b"-") {
            return Ok(());
        }
        let owned = || text(Some(bytes));
        match variable {
            Variable::RequestId => self.record.keys.extend(owned().map(Key::AmznRequestId)),
            Variable::ExtendedRequestId => self.record.keys.extend(owned().map(Key::ApigExtendedId)),
            Variable::InvocationId => self.record.keys.extend(owned().map(Key::InvocationId)),
            Variable::TraceId => self.record.keys.extend(x_ray_root(bytes).map(Key::TraceRoot)),
            Variable::ResponseLatency => self.claim("responseLatency", Part::ApigResponse, bytes)?,
            Variable::WafLatency => self.claim("waf.latency", Part::ApigWaf, bytes)?,
            Variable::AuthenticateLatency => self.claim("authenticate.latency", Part::ApigAuthenticate, bytes)?,
            Variable::AuthorizerLatency => self.claim("authorizer.latency", Part::ApigAuthorizer, bytes)?,
            Variable::AuthorizeLatency => self.claim("authorize.latency", Part::ApigAuthorize, bytes)?,
            Variable::TimeToAllHeaders => {
                self.claim("integration.timeToAllHeaders", Part::ApigIntegrationHeaders, bytes)?;
            }
            Variable::TimeToFirstContent => {
                self.claim("integration.timeToFirstContent", Part::ApigIntegrationFirstContent, bytes)?;
            }
            Variable::IntegrationLatency => self.integration = millis("integration.latency", bytes)?,
            Variable::AuthorizerIntegrationLatency => {
                self.authorizer = millis("authorizer.integrationLatency", bytes)?;
            }
            Variable::TransferMode if bytes.eq_ignore_ascii_case(b"streamed") => self.streamed = Streamed::Yes,
            Variable::Agent => {
                self.record.keys.extend(agent_token(bytes).map(Key::AgentToken));
                self.facts.agent = owned();
            }
            Variable::SourceAddress => self.facts.client = value.trim().parse().ok(),
            Variable::Method => self.facts.method = owned(),
            Variable::Path => self.facts.url = owned(),
            Variable::Domain => self.facts.host = owned(),
            Variable::Status => self.facts.status = value.trim().parse().ok(),
            Variable::Stage => self.facts.by = owned(),
            Variable::RequestTime => self.started(written::common_log_instant(bytes), Nanos::from_secs(1)),
            Variable::RequestTimeEpoch => self.started(written::since_epoch(bytes, MILLISECOND), RESOLUTION),
            Variable::TransferMode | Variable::Other => {}
        }
        Ok(())
    }

    fn claim(&mut self, name: &'static str, part: Part, value: &[u8]) -> Result<(), LineError> {
        let duration = millis(name, value)?;
        self.record.claims.extend(duration.map(|duration| Claim { part, duration, resolution: RESOLUTION }));
        Ok(())
    }

    /// The finer of two instants stays.
    fn started(&mut self, at: Option<crate::time::Timestamp<crate::time::Realtime>>, resolution: Nanos) {
        let finer = self.record.time.is_none_or(|known| known.resolution > resolution);
        if let (Some(at), true) = (at, finer) {
            self.record.time = Some(Moment { at, of: MomentOf::Start, resolution });
        }
    }

    fn finish(mut self) -> Record {
        let part = match self.streamed {
            Streamed::Yes => Part::ApigStream,
            Streamed::No => Part::ApigIntegration,
        };
        let claims = &mut self.record.claims;
        claims.extend(self.integration.map(|duration| Claim { part, duration, resolution: RESOLUTION }));
        if !claims.iter().any(|claim| claim.part == Part::ApigAuthorizer) {
            let part = Part::ApigAuthorizer;
            claims.extend(self.authorizer.map(|duration| Claim { part, duration, resolution: RESOLUTION }));
        }
        claims.sort_by_key(|claim| claim.part);
        // Both spellings of one variable, integration.latency and integrationLatency, may stand in one format.
        claims.dedup_by_key(|claim| claim.part);
        self.record.keys.sort();
        self.record.keys.dedup();
        if self.streamed == Streamed::Yes {
            self.record.remarks.push(Remark::Streamed);
        }
        self.record.request = Some(self.facts);
        self.record
    }
}

fn millis(name: &'static str, value: &[u8]) -> Result<Option<Nanos>, LineError> {
    match length(value, MILLISECOND) {
        Written::Length(duration) => Ok(Some(duration)),
        Written::Absent => Ok(None),
        Written::NotANumber => Err(LineError::new(FieldName::Named(name), "milliseconds, or -", value)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ROOT: &str = "1-58337262-36d228ad5d99923122bbe354";

    fn root() -> Key {
        Key::TraceRoot("5833726236d228ad5d99923122bbe354".parse().unwrap())
    }

    fn id(text: &str) -> Key {
        Key::AmznRequestId(text.to_owned())
    }

    #[test]
    #[expect(clippy::too_many_lines, reason = "a table")]
    fn every_spelling_of_the_variables_is_read() {
        type Expected = (Vec<Key>, Vec<(Part, u64)>, Vec<Remark>);
        let invocation = || Key::InvocationId("f-2".to_owned());
        let extended = || Key::ApigExtendedId("xy=".to_owned());
        let cases: Vec<(&str, String, Option<&str>, Expected)> = vec![
            (
                "the variables' own names, milliseconds as strings",
                format!(r#"{{"requestId":"r-1","extendedRequestId":"xy=","responseLatency":"45","integrationLatency":"40","integration.requestId":"f-2","xrayTraceId":"{ROOT}","waf.latency":"-","authorizer.latency":"3"}}"#),
                None,
                (
                    vec![root(), id("r-1"), extended(), invocation()],
                    vec![(Part::ApigResponse, 45), (Part::ApigIntegration, 40), (Part::ApigAuthorizer, 3)],
                    vec![],
                ),
            ),
            (
                "nested, snake case, numbers, null",
                r#"{"request_id":"r-1","integration":{"latency":40,"requestId":"f-2"},"waf":{"latency":null},"response_latency":45}"#.to_owned(),
                None,
                (vec![id("r-1"), invocation()], vec![(Part::ApigResponse, 45), (Part::ApigIntegration, 40)], vec![]),
            ),
            (
                "numbers without quotes, an absent one",
                r#"{"requestId":"a - , b","responseLatency":45,"integrationLatency":- ,"waf.latency":-}"#.to_owned(),
                None,
                (vec![id("a - , b")], vec![(Part::ApigResponse, 45)], vec![]),
            ),
            (
                "a trace's id under a name of the user's",
                format!(r#"{{"trace":"Root={ROOT};Sampled=1","requestId":"r-1"}}"#),
                None,
                (vec![root(), id("r-1")], vec![], vec![]),
            ),
            (
                "both spellings of one variable",
                r#"{"requestId":"r-1","integrationLatency":"40","integration.latency":"40","integration.requestId":"f-2","awsEndpointRequestId":"f-2"}"#.to_owned(),
                None,
                (vec![id("r-1"), invocation()], vec![(Part::ApigIntegration, 40)], vec![]),
            ),
            (
                "streamed: the backend's time is the stream's",
                r#"{"requestId":"r-1","responseLatency":"9000","integration.latency":"8990","integration.responseTransferMode":"STREAMED","integration.timeToAllHeaders":"30","integration.timeToFirstContent":"35"}"#.to_owned(),
                None,
                (
                    vec![id("r-1")],
                    vec![
                        (Part::ApigResponse, 9_000),
                        (Part::ApigStream, 8_990),
                        (Part::ApigIntegrationHeaders, 30),
                        (Part::ApigIntegrationFirstContent, 35),
                    ],
                    vec![Remark::Streamed],
                ),
            ),
            (
                "buffered, said so",
                r#"{"requestId":"r-1","integration.latency":"40","integration.responseTransferMode":"BUFFERED"}"#.to_owned(),
                None,
                (vec![id("r-1")], vec![(Part::ApigIntegration, 40)], vec![]),
            ),
            (
                "the user's text",
                "r-1 45 -".to_owned(),
                Some("$context.requestId $context.responseLatency $context.integrationLatency"),
                (vec![id("r-1")], vec![(Part::ApigResponse, 45)], vec![]),
            ),
            (
                "the user's JSON",
                r#"{"lat":"45","requestId":"r-1","status":"200"}"#.to_owned(),
                Some(r#"{"requestId":"$context.requestId","lat":"$context.responseLatency"}"#),
                (vec![id("r-1")], vec![(Part::ApigResponse, 45)], vec![]),
            ),
            (
                "exported: a timestamp before it",
                r#"2026-11-21T04:38:33.123Z {"requestId":"r-1","responseLatency":"45"}"#.to_owned(),
                None,
                (vec![id("r-1")], vec![(Part::ApigResponse, 45)], vec![]),
            ),
            (
                "an event",
                r#"{"timestamp":1,"message":"{\"requestId\":\"r-1\",\"responseLatency\":\"45\"}"}"#.to_owned(),
                None,
                (vec![id("r-1")], vec![(Part::ApigResponse, 45)], vec![]),
            ),
            (
                "the user's text after timestamp and stream",
                "2026-11-21T04:38:33.123Z ab/cd r-1 45".to_owned(),
                Some("$context.requestId $context.responseLatency"),
                (vec![id("r-1")], vec![(Part::ApigResponse, 45)], vec![]),
            ),
            (
                "the user's text in an event",
                r#"{"timestamp":1,"message":"r-1 45"}"#.to_owned(),
                Some("$context.requestId $context.responseLatency"),
                (vec![id("r-1")], vec![(Part::ApigResponse, 45)], vec![]),
            ),
            (
                "all the front parts",
                r#"{"requestId":"r-1","waf.latency":"1","authenticate.latency":"2","authorizer.integrationLatency":"7","authorize.latency":"4"}"#.to_owned(),
                None,
                (
                    vec![id("r-1")],
                    vec![
                        (Part::ApigWaf, 1),
                        (Part::ApigAuthenticate, 2),
                        (Part::ApigAuthorizer, 7),
                        (Part::ApigAuthorize, 4),
                    ],
                    vec![],
                ),
            ),
        ];
        for (name, line, format, (keys, claims, remarks)) in cases {
            let format = format.map(|text| AccessFormat::parse(text).unwrap());
            let record = parse(line.as_bytes(), format.as_ref(), Where::default()).unwrap().unwrap();
            assert_eq!(record.keys, keys, "{name}");
            let found: Vec<_> =
                record.claims.iter().map(|claim| (claim.part, claim.duration.get() / 1_000_000)).collect();
            assert_eq!(found, claims, "{name}");
            assert_eq!(record.remarks, remarks, "{name}");
        }
    }

    #[test]
    fn facts_and_the_finer_time_are_kept() {
        let line = r#"{"requestId":"r-1","requestTime":"10/Oct/2020:13:55:36 +0000","requestTimeEpoch":"1602338136123","httpMethod":"GET","path":"/dev/x","domainName":"x.example","status":"200","ip":"192.0.2.7","userAgent":"wirefall/0.1.0 trace/5833726236d228ad5d99923122bbe354","stage":"dev"}"#;
        let record = parse(line.as_bytes(), None, Where::default()).unwrap().unwrap();
        let time = record.time.unwrap();
        assert_eq!((time.at.to_string().as_str(), time.resolution), ("2020-10-10T13:55:36.123000000Z", RESOLUTION));
        let facts = record.request.unwrap();
        assert_eq!(
            (facts.method.as_deref(), facts.url.as_deref(), facts.status),
            (Some("GET"), Some("/dev/x"), Some(200))
        );
        assert_eq!(facts.client, "192.0.2.7".parse().ok());
        assert_eq!(record.keys.len(), 2);
    }

    #[test]
    fn what_cannot_be_read_says_so() {
        let error = |line: &str, format: Option<&str>| {
            let format = format.map(|text| AccessFormat::parse(text).unwrap());
            parse(line.as_bytes(), format.as_ref(), Where::default()).unwrap_err().to_string()
        };
        assert_eq!(
            error("192.0.2.1 - - [x]", None),
            r#"the line: expected a JSON object, or the access log's own format to read it by, got "192.0.2.1 - - [x]""#
        );
        assert_eq!(
            error(r#"{"requestId":"r","waf.latency":"fast"}"#, None),
            r#"waf.latency: expected milliseconds, or -, got "fast""#
        );
        assert_eq!(
            error("r-1", Some("$context.requestId $context.status")),
            r#"the line: expected what the access log's format says, got "r-1""#
        );
        assert_eq!(parse(b"  ", None, Where::default()), Ok(None));
    }

    #[test]
    fn json_of_anybody_is_no_line_of_a_gateway() {
        let own = r#"{"id":"$context.requestId","agent":"$context.identity.userAgent","status":"$context.status"}"#;
        let in_event = |inner: &str| json!({"timestamp": 1, "message": inner}).to_string();
        let platform = r#"{"time":"2026-11-21T04:38:33.123Z","type":"platform.start","record":{"requestId":"f-1","tracing":{"value":"Root=1-58337262-36d228ad5d99923122bbe354"}}}"#;
        let truth = r#"{"number":1,"trace":"1-58337262-36d228ad5d99923122bbe354","path":"/","status":200,"layers":[]}"#;
        let cases: &[(&str, Option<&str>, bool)] = &[
            (platform, None, false),
            (truth, None, false),
            (truth, Some(own), false),
            (&in_event(truth), None, false),
            ("{}", None, false),
            (r#"{"requestId":"r-1","status":"200"}"#, None, true),
            (r#"{"requestId":null,"status":"200"}"#, None, true),
            (r#"{"t":"1-58337262-36d228ad5d99923122bbe354","response_latency":7}"#, None, true),
            (&in_event(r#"{"xrayTraceId":"-"}"#), None, true),
            (r#"{"agent":"curl","status":"200"}"#, None, false),
            (r#"{"agent":"curl","status":"200"}"#, Some(own), true),
            (r#"{"id":"-","status":"200"}"#, Some(own), true),
        ];
        for (line, format, expect) in cases {
            let format = format.map(|text| AccessFormat::parse(text).unwrap());
            let parsed = parse(line.as_bytes(), format.as_ref(), Where::default());
            assert_eq!(parsed.is_ok(), *expect, "{line} {parsed:?}");
            let value: Value = serde_json::from_str(line).unwrap();
            assert_eq!(parse_value(&value, format.as_ref(), Where::default()).is_ok(), *expect, "{line}");
        }
        let error = parse(br#"{"status":200}"#, None, Where::default()).unwrap_err().to_string();
        assert_eq!(
            error,
            r#"the line: expected a variable of $context that tells requests apart or times them, by its own name, got "{\"status\":200}""#
        );
    }
}
