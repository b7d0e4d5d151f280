//! JSON that is larger than one wants in memory: objects are handed out as they come, whatever arrays and envelopes they are in.
//!
//! Documents may follow one another, one a line or not, with or without arrays around them. What is broken is left out: reading
//! goes on at the next line.
//!
//! Invariant: memory grows with the largest single object that is no envelope, not with the file.

use std::fmt;
use std::io::{self, BufRead};

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// What could not be read.
#[derive(Debug)]
pub(super) enum Broken {
    /// The file cannot be read on.
    Io(io::Error),
    /// This document, counted from 1, is no JSON.
    Document(u64, String),
}

/// Hands out every object that is no envelope, with its number from 1.
///
/// An envelope is an object with one of `containers` as a key; what those keys hold is looked into, its other fields are dropped
/// with it where they are known to be before. `kept` are the keys of use; an empty list keeps all.
pub(super) fn objects(
    mut input: impl BufRead,
    containers: &[&str],
    kept: &[&str],
    each: &mut dyn FnMut(u64, Map<String, Value>),
    broken: &mut dyn FnMut(Broken),
) -> u64 {
    let mut walk = Walk { containers, kept, each, count: 0 };
    let mut documents = 0;
    loop {
        match skip_blank(&mut input) {
            Ok(true) => {}
            Ok(false) => return walk.count,
            Err(error) => {
                broken(Broken::Io(error));
                return walk.count;
            }
        }
        documents += 1;
        let mut reader = serde_json::Deserializer::from_reader(&mut input);
        let Err(error) = Seed(&mut walk).deserialize(&mut reader) else { continue };
        let ends = error.is_eof() || error.is_io();
        broken(match error.io_error_kind() {
            Some(_) => Broken::Io(error.into()),
            None => Broken::Document(documents, error.to_string()),
        });
        if ends || !matches!(skip_line(&mut input), Ok(true)) {
            return walk.count;
        }
    }
}

/// Whether anything follows what parts documents.
fn skip_blank(input: &mut impl BufRead) -> io::Result<bool> {
    loop {
        let buffer = input.fill_buf()?;
        if buffer.is_empty() {
            return Ok(false);
        }
        let blank = buffer.iter().take_while(|byte| byte.is_ascii_whitespace() || **byte == b',').count();
        let (all, anything) = (buffer.len(), blank < buffer.len());
        input.consume(blank.min(all));
        if anything {
            return Ok(true);
        }
    }
}

/// Whether there was a line's end.
fn skip_line(input: &mut impl BufRead) -> io::Result<bool> {
    loop {
        let buffer = input.fill_buf()?;
        if buffer.is_empty() {
            return Ok(false);
        }
        let (skipped, found) = match memchr::memchr(b'\n', buffer) {
            Some(at) => (at + 1, true),
            None => (buffer.len(), false),
        };
        input.consume(skipped);
        if found {
            return Ok(true);
        }
    }
}

struct Walk<'w> {
    containers: &'w [&'w str],
    kept: &'w [&'w str],
    each: &'w mut dyn FnMut(u64, Map<String, Value>),
    count: u64,
}

struct Seed<'s, 'w>(&'s mut Walk<'w>);

impl<'de> DeserializeSeed<'de> for Seed<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        while elements.next_element_seed(Seed(&mut *self.0))?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<(), A::Error> {
        let mut object = Map::new();
        let mut is_envelope = false;
        while let Some(key) = fields.next_key::<String>()? {
            if self.0.containers.contains(&key.as_str()) {
                is_envelope = true;
                object.clear();
                fields.next_value_seed(Seed(&mut *self.0))?;
            } else if !is_envelope && (self.0.kept.is_empty() || self.0.kept.contains(&key.as_str())) {
                object.insert(key, fields.next_value()?);
            } else {
                fields.next_value::<IgnoredAny>()?;
            }
        }
        if !is_envelope {
            self.0.count += 1;
            (self.0.each)(self.0.count, object);
        }
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> (Vec<String>, usize) {
        let (mut found, mut errors) = (Vec::new(), 0);
        objects(
            text.as_bytes(),
            &["all"],
            &["a", "b"],
            &mut |_, object| found.push(Value::Object(object).to_string()),
            &mut |_| errors += 1,
        );
        (found, errors)
    }

    #[test]
    fn objects_are_found_in_whatever_holds_them() {
        let cases: &[(&str, &[&str], usize)] = &[
            (r#"{"a":1}"#, &[r#"{"a":1}"#], 0),
            (r#"{"a":1,"dropped":[1,2]}{"b":{"a":2}}"#, &[r#"{"a":1}"#, r#"{"b":{"a":2}}"#], 0),
            ("{\"a\":1}\r\n{\"a\":2},\n\n{\"a\":3}", &[r#"{"a":1}"#, r#"{"a":2}"#, r#"{"a":3}"#], 0),
            (r#"[[{"a":1}],{"all":[{"a":2}],"b":7}]"#, &[r#"{"a":1}"#, r#"{"a":2}"#], 0),
            (r#"{"b":7,"all":{"x":0,"all":[{"a":1}]}}"#, &[r#"{"a":1}"#], 0),
            ("{\"a\":1}\n{\"a\":\n{oh}\n{\"a\":3}\n", &[r#"{"a":1}"#, r#"{"a":3}"#], 1),
            (r#"[{"a":1},{"a":"#, &[r#"{"a":1}"#], 1),
            (r#""text" 7 null true 1.5 "#, &[], 0),
            ("", &[], 0),
            ("  \n ", &[], 0),
        ];
        for (text, expected, errors) in cases {
            assert_eq!(check(text), (expected.iter().map(|&object| object.to_owned()).collect(), *errors), "{text}");
        }
    }
}
