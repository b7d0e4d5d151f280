//! The user's own format of an access log, as it stands in the stage's settings: text with `$context` variables in it, or JSON
//! whose values are such text.
//!
//! A line is matched against the text as a whole: what stands between the variables must stand there too. Where a value may
//! contain the very character that ends it, the first reading that fits to the end counts.
//!
//! Deliberately absent: guessing. A format without any variable that joins or times a request is an error.

use serde_json::Value;

use super::variable::Variable;

const SIGIL: &str = "$context.";
/// Readings of one line that are tried before it counts as not matching.
const MOST_TRIES: u32 = 20_000;

/// A format string, parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessFormat(Shape);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Shape {
    Text(Pattern),
    /// Paths of keys, and what stands there.
    Json(Vec<(Vec<String>, Pattern)>),
}

/// The text has no variable that says whose request it was or how long it took.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected the access log's format as the stage has it, with $context.requestId, $context.extendedRequestId or \
     $context.xrayTraceId in it, got {0:?}"
)]
pub struct AccessFormatError(String);

impl AccessFormat {
    /// From the format string of the stage.
    pub fn parse(text: &str) -> Result<Self, AccessFormatError> {
        let text = text.trim();
        let shape = json(text).unwrap_or_else(|| Shape::Text(Pattern::parse(text)));
        let joins = |variable: Variable| {
            matches!(
                variable,
                Variable::RequestId
                    | Variable::ExtendedRequestId
                    | Variable::TraceId
                    | Variable::InvocationId
                    | Variable::Agent
            )
        };
        let any = match &shape {
            Shape::Text(pattern) => pattern.variables().any(joins),
            Shape::Json(leaves) => leaves.iter().any(|(_, pattern)| pattern.variables().any(joins)),
        };
        if any { Ok(Self(shape)) } else { Err(AccessFormatError(text.to_owned())) }
    }

    /// Whether its lines are JSON.
    pub(super) const fn is_json(&self) -> bool {
        matches!(self.0, Shape::Json(_))
    }

    /// Whether every id stands alone, so that it can be found by its beginning and end.
    pub(in crate::attribute::aws) fn parts_ids(&self) -> bool {
        let apart = |pattern: &Pattern| {
            pattern.0.windows(2).all(|pair| match pair {
                [Piece::Variable(_), Piece::Literal(text)] => !text.starts_with(part_of_an_id),
                [Piece::Literal(text), Piece::Variable(_)] => !text.ends_with(part_of_an_id),
                _ => true,
            })
        };
        match &self.0 {
            Shape::Text(pattern) => apart(pattern),
            Shape::Json(leaves) => leaves.iter().all(|(_, pattern)| apart(pattern)),
        }
    }

    /// The variables and their values in a line of text; `None` where it does not match.
    pub(super) fn values_in_text<'l>(&self, line: &'l str) -> Option<Vec<(Variable, &'l str)>> {
        match &self.0 {
            Shape::Text(pattern) => pattern.read(line),
            Shape::Json(_) => None,
        }
    }

    /// The variables and their values in a line of JSON.
    pub(super) fn values_in_json(&self, line: &Value) -> Vec<(Variable, String)> {
        let Shape::Json(leaves) = &self.0 else { return Vec::new() };
        let mut values = Vec::new();
        for (path, pattern) in leaves {
            let Some(leaf) = path.iter().try_fold(line, |value, key| value.get(key)) else { continue };
            let text = match leaf {
                Value::String(text) => text.clone(),
                Value::Number(number) => number.to_string(),
                _ => continue,
            };
            let read = pattern.read(&text).unwrap_or_default();
            values.extend(read.into_iter().map(|(variable, value)| (variable, value.to_owned())));
        }
        values
    }
}

fn part_of_an_id(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '=')
}

/// A JSON template. Variables may stand without quotes in it, where their values are numbers.
fn json(text: &str) -> Option<Shape> {
    if !text.starts_with('{') {
        return None;
    }
    let template: Value = serde_json::from_str(&quoted(text)).ok()?;
    let mut leaves = Vec::new();
    collect(&template, &mut Vec::new(), &mut leaves);
    Some(Shape::Json(leaves))
}

fn collect(value: &Value, path: &mut Vec<String>, leaves: &mut Vec<(Vec<String>, Pattern)>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                path.push(key.clone());
                collect(value, path, leaves);
                path.pop();
            }
        }
        Value::String(text) if text.contains(SIGIL) => leaves.push((path.clone(), Pattern::parse(text))),
        _ => {}
    }
}

/// The template with quotes around every variable that stands outside of a string.
fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 16);
    let mut rest = text;
    let mut in_string = false;
    while let Some(letter) = rest.chars().next() {
        if !in_string && rest.starts_with(SIGIL) {
            let (name, after) = variable_name(rest);
            quoted.extend(["\"", SIGIL, name, "\""]);
            rest = after;
            continue;
        }
        match letter {
            '"' => in_string = !in_string,
            '\\' if in_string => {
                let escaped = rest.chars().nth(1).map_or(1, |next| 1 + next.len_utf8());
                let (escape, after) = rest.split_at(escaped);
                quoted.push_str(escape);
                rest = after;
                continue;
            }
            _ => {}
        }
        quoted.push(letter);
        rest = rest.split_at(letter.len_utf8()).1;
    }
    quoted
}

/// The name after `$context.` at the beginning of a text, and what follows it. A dot at its end is the sentence's.
fn variable_name(text: &str) -> (&str, &str) {
    let name = text.strip_prefix(SIGIL).unwrap_or(text);
    let end = name
        .find(|letter: char| !(letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_')))
        .unwrap_or(name.len());
    let end = name.split_at(end).0.trim_end_matches('.').len();
    name.split_at(end)
}

/// Text and variables in turn.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Pattern(Vec<Piece>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Literal(String),
    Variable(Variable),
}

impl Pattern {
    fn parse(text: &str) -> Self {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some(at) = rest.find(SIGIL) {
            let (literal, found) = rest.split_at(at);
            if !literal.is_empty() {
                pieces.push(Piece::Literal(literal.to_owned()));
            }
            let (name, after) = variable_name(found);
            pieces.push(Piece::Variable(Variable::named(name)));
            rest = after;
        }
        if !rest.is_empty() {
            pieces.push(Piece::Literal(rest.to_owned()));
        }
        Self(pieces)
    }

    fn variables(&self) -> impl Iterator<Item = Variable> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Variable(variable) => Some(*variable),
            Piece::Literal(_) => None,
        })
    }

    fn read<'l>(&self, line: &'l str) -> Option<Vec<(Variable, &'l str)>> {
        let mut values = Vec::with_capacity(self.0.len());
        let mut tries = MOST_TRIES;
        read(&self.0, line, &mut values, &mut tries).then_some(values)
    }
}

/// Reads pieces from the beginning of a text until both are at their end; goes back where a value had ended too early.
fn read<'l>(pieces: &[Piece], text: &'l str, values: &mut Vec<(Variable, &'l str)>, tries: &mut u32) -> bool {
    let Some(left) = tries.checked_sub(1) else { return false };
    *tries = left;
    let Some((first, others)) = pieces.split_first() else { return text.is_empty() };
    let variable = match first {
        Piece::Literal(literal) => {
            return text.strip_prefix(literal.as_str()).is_some_and(|rest| read(others, rest, values, tries));
        }
        Piece::Variable(variable) => *variable,
    };
    let mut accept = |value: &'l str, rest: &'l str, tries: &mut u32| {
        if !variable.may_have_spaces() && value.contains(' ') {
            return false;
        }
        let known = values.len();
        values.push((variable, value));
        let fits = read(others, rest, values, tries);
        if !fits {
            values.truncate(known);
        }
        fits
    };
    match others.first() {
        None => accept(text, "", tries),
        Some(Piece::Literal(literal)) => {
            // Every place where what follows stands, the first one first.
            let ends = text.match_indices(literal.as_str()).map(|(at, _)| at);
            ends.map(|at| text.split_at(at)).any(|(value, rest)| accept(value, rest, tries))
        }
        // Two variables without anything between: nobody can tell where one ends.
        Some(Piece::Variable(_)) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(format: &str, line: &str) -> Option<Vec<(Variable, String)>> {
        let format = AccessFormat::parse(format).unwrap();
        if format.is_json() {
            return Some(format.values_in_json(&serde_json::from_str(line).unwrap()));
        }
        let values = format.values_in_text(line)?;
        Some(values.into_iter().map(|(variable, value)| (variable, value.to_owned())).collect())
    }

    #[test]
    fn a_users_format_says_what_stands_where() {
        use Variable::{Agent, Method, Other, Path, RequestId, RequestTime, ResponseLatency, SourceAddress, Status};
        type Values = Option<Vec<(Variable, &'static str)>>;
        let cases: &[(&str, &str, &str, Values)] = &[
            (
                "two words",
                "$context.requestId $context.responseLatency",
                "ab-1 12",
                Some(vec![(RequestId, "ab-1"), (ResponseLatency, "12")]),
            ),
            (
                "like the Common Log Format",
                r#"$context.identity.sourceIp - [$context.requestTime] "$context.httpMethod $context.path" $context.status $context.requestId"#,
                r#"192.0.2.1 - [10/Oct/2020:13:55:36 +0000] "GET /a b" 200 ab-1"#,
                Some(vec![
                    (SourceAddress, "192.0.2.1"),
                    (RequestTime, "10/Oct/2020:13:55:36 +0000"),
                    (Method, "GET"),
                    (Path, "/a b"),
                    (Status, "200"),
                    (RequestId, "ab-1"),
                ]),
            ),
            (
                "an agent with spaces and no quotes",
                "$context.identity.userAgent $context.requestId $context.responseLatency",
                "Mozilla/5.0 (X11; Linux) x ab-1 12",
                Some(vec![(Agent, "Mozilla/5.0 (X11; Linux) x"), (RequestId, "ab-1"), (ResponseLatency, "12")]),
            ),
            ("text that differs", "id=$context.requestId;", "ID=ab-1;", None),
            ("text that goes on", "id=$context.requestId;", "id=ab-1;x", None),
            (
                "a dot after a variable",
                "$context.requestId. $context.status.",
                "ab-1. 200.",
                Some(vec![(RequestId, "ab-1"), (Status, "200")]),
            ),
            (
                "JSON with names of the user's",
                r#"{"r":"$context.requestId","t":{"lat":"$context.responseLatency"},"x":"fix"}"#,
                r#"{"t":{"lat":"12"},"r":"ab-1","x":"fix","more":1}"#,
                Some(vec![(RequestId, "ab-1"), (ResponseLatency, "12")]),
            ),
            (
                "JSON with numbers and mixed text",
                r#"{"lat":$context.responseLatency, "q\"":"$context.requestId/$context.stageVariables.a_b"}"#,
                r#"{"lat":12,"q\"":"ab-1/z"}"#,
                Some(vec![(ResponseLatency, "12"), (RequestId, "ab-1"), (Other, "z")]),
            ),
        ];
        for (name, format, line, expected) in cases {
            let expected: Option<Vec<_>> = expected
                .as_ref()
                .map(|values| values.iter().map(|(variable, value)| (*variable, (*value).to_owned())).collect());
            assert_eq!(check(format, line), expected, "{name}");
        }
    }

    #[test]
    fn a_format_that_joins_nothing_is_refused_and_a_wild_one_ends() {
        for text in ["", "hello", "$context.status", r#"{"lat":"$context.responseLatency"}"#] {
            assert!(AccessFormat::parse(text).is_err(), "{text}");
        }
        let wild =
            AccessFormat::parse(&format!("$context.requestId {};", "$context.a ".repeat(40).trim_end())).unwrap();
        assert_eq!(wild.values_in_text(&"x ".repeat(300)), None);
        let parted = |text: &str| AccessFormat::parse(text).unwrap().parts_ids();
        assert!(parted("$context.requestId $context.status"));
        assert!(!parted("$context.requestId-$context.status"));
        assert!(!parted(r#"{"id":"req_$context.requestId"}"#));
    }
}
