//! Targets in a TOML file: each with a name, a URL, and what else its request is made of.
//!
//! ```toml
//! [[target]]
//! name = "lambda"
//! url = "https://api.example.com/items"
//! method = "POST"                              # default: POST with a body, else GET
//! headers = { Content-Type = "application/json" }   # or a list of "Name: value", as -H has them
//! body = '{"a":1}'
//! path = ["apig", "lambda"]                    # layers that the request passes, outermost first
//! baseline = true                              # what the others are compared with; at most one
//! tags = { region = "us-east-1" }
//! resolve = "api.example.com:443:192.0.2.1"    # or a list of them
//! expect_status = 200                          # any other counts as a failure
//! ```
//!
//! Invariant: the targets of a [`Catalogue`] are at least one, their names differ, and at most one is the baseline. What a text
//! says wrongly is an error with file, line, key and what was expected; keys that are not known are refused.
//!
//! Deliberately absent: reading files, and what flags change about a target (`cli` has both).

mod error;
mod field;

use std::collections::BTreeMap;

use toml::de::DeTable;

use super::hint::closest;
use super::{HeaderField, HeaderFieldError, LayerPath, Location, Method, ResolveOverride};
use error::Source;
pub use error::{CatalogueError, CatalogueProblem};
use field::Field;

/// What a target may say.
const KEYS: [&str; 10] =
    ["name", "url", "method", "headers", "body", "path", "baseline", "tags", "resolve", "expect_status"];
/// What the file has at its top.
const TARGET: &str = "target";

/// The targets of a file, in its order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Catalogue(Vec<Entry>);

/// One target of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What it is called; never empty.
    pub name: String,
    /// Where to ask.
    pub location: Location,
    /// `None` where the body says it: POST with one, GET without.
    pub method: Option<Method>,
    /// Header fields of its own.
    pub headers: Vec<HeaderField>,
    /// The body, as it is written.
    pub body: Option<Vec<u8>>,
    /// The layers that its requests pass.
    pub path: Option<LayerPath>,
    /// Whether others are compared with it.
    pub role: Role,
    /// Free labels.
    pub tags: BTreeMap<String, String>,
    /// Addresses that count for this target alone.
    pub resolve: Vec<ResolveOverride>,
    /// The status that its responses should have; any other counts as a failure.
    pub expect_status: Option<u16>,
}

/// What a target is in a comparison.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// One of those that are compared.
    #[default]
    Compared,
    /// The one that they are compared with.
    Baseline,
}

impl Catalogue {
    /// Parses the text of a file; `file` is its name in errors.
    pub fn parse(text: &str, file: &str) -> Result<Self, CatalogueError> {
        let source = Source { text, file };
        let table = DeTable::parse(text).map_err(|error| source.syntax(&error))?;
        let mut entries: Vec<(Entry, usize)> = Vec::new();
        for (key, value) in table.get_ref() {
            if key.get_ref() != TARGET {
                return Err(source.unknown(key, "", &[TARGET]));
            }
            for item in Field::new(source, TARGET.to_owned(), value).list("a list of tables, [[target]]")? {
                let entry = entry(source, &item)?;
                let same_name = entries.iter().find(|(other, _)| other.name == entry.name);
                if let Some((_, first)) = same_name {
                    let first = source.line(*first);
                    let problem = CatalogueProblem::NameTwice { name: entry.name, first };
                    return Err(source.error(item.start(), "target.name", problem));
                }
                let other = entries.iter().find(|(other, _)| other.role == Role::Baseline);
                if let (Role::Baseline, Some((other, _))) = (entry.role, other) {
                    let problem = CatalogueProblem::BaselineTwice { first: other.name.clone() };
                    return Err(source.error(item.start(), "target.baseline", problem));
                }
                entries.push((entry, item.start()));
            }
        }
        if entries.is_empty() {
            return Err(source.error(0, TARGET, CatalogueProblem::Empty));
        }
        Ok(Self(entries.into_iter().map(|(entry, _)| entry).collect()))
    }

    /// All targets, in the order of the file.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.0.iter()
    }

    /// The target of this name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&Entry> {
        self.0.iter().find(|entry| entry.name == name)
    }

    /// The name that was perhaps meant.
    #[must_use]
    pub fn closest(&self, name: &str) -> Option<&str> {
        closest(name, self.0.iter().map(|entry| entry.name.as_str()))
    }
}

fn entry(source: Source<'_>, item: &Field<'_>) -> Result<Entry, CatalogueError> {
    let table = item.table("a table, [[target]]")?;
    if let Some(unknown) = table.keys().find(|key| !KEYS.contains(&key.get_ref().as_ref())) {
        return Err(source.unknown(unknown, "target.", &KEYS));
    }
    let field = |key: &str| table.get(key).map(|value| Field::new(source, format!("target.{key}"), value));
    let needed = |key: &'static str, expected| {
        let missing = || source.error(item.start(), &format!("target.{key}"), CatalogueProblem::Missing { expected });
        field(key).ok_or_else(missing)
    };
    let truth = field("baseline").map_or(Ok(false), |field| field.truth())?;
    Ok(Entry {
        name: name(&needed("name", "a name")?)?,
        location: location(&needed("url", "a URL")?)?,
        method: field("method").map(|field| field.parsed("a method such as PUT")).transpose()?,
        headers: field("headers").map_or(Ok(Vec::new()), |field| headers(&field))?,
        body: field("body").map(|field| field.text("a text")).transpose()?.map(|text| text.as_bytes().to_vec()),
        path: field("path").map(|field| path(&field)).transpose()?,
        role: if truth { Role::Baseline } else { Role::Compared },
        tags: field("tags").map_or(Ok(BTreeMap::new()), |field| tags(&field))?,
        resolve: field("resolve").map_or(Ok(Vec::new()), |field| resolve(&field))?,
        expect_status: field("expect_status").map(|field| status(&field)).transpose()?,
    })
}

fn name(field: &Field<'_>) -> Result<String, CatalogueError> {
    const EXPECTED: &str = "a name without control characters";
    let name = field.text(EXPECTED)?;
    let is_name = !name.trim().is_empty() && !name.chars().any(char::is_control);
    if is_name { Ok(name.to_owned()) } else { Err(field.unexpected(EXPECTED)) }
}

/// A URL as on the command line, but without a name before it: that is another key.
fn location(field: &Field<'_>) -> Result<Location, CatalogueError> {
    const EXPECTED: &str = "a URL";
    let location: Location = field.parsed(EXPECTED)?;
    if location.name.is_some() { Err(field.unexpected(EXPECTED)) } else { Ok(location) }
}

/// `["Name: value", …]` as `-H` has them, or `{ Name = "value" }`.
fn headers(field: &Field<'_>) -> Result<Vec<HeaderField>, CatalogueError> {
    const EXPECTED: &str = "{ Name = \"value\" } or a list of \"Name: value\"";
    if let Ok(list) = field.list(EXPECTED) {
        return list.map(|item| item.parsed("\"Name: value\"")).collect();
    }
    let of_table = |(name, value): (&str, Field<'_>)| {
        let text = value.text("a text")?;
        let written = if text.trim().is_empty() { format!("{name};") } else { format!("{name}: {text}") };
        written.parse().map_err(|error: HeaderFieldError| value.error(error))
    };
    field.entries(EXPECTED)?.map(of_table).collect()
}

fn path(field: &Field<'_>) -> Result<LayerPath, CatalogueError> {
    const EXPECTED: &str = "a list of layers such as [\"apig\", \"lambda\"]";
    let layers = field.list(EXPECTED)?.map(|layer| layer.text(EXPECTED).map(str::to_owned));
    LayerPath::new(layers.collect::<Result<_, _>>()?).map_err(|error| field.error(error))
}

fn tags(field: &Field<'_>) -> Result<BTreeMap<String, String>, CatalogueError> {
    let tag = |(name, value): (&str, Field<'_>)| Ok((name.to_owned(), value.text("a text")?.to_owned()));
    field.entries("a table such as { region = \"us-east-1\" }")?.map(tag).collect()
}

fn resolve(field: &Field<'_>) -> Result<Vec<ResolveOverride>, CatalogueError> {
    field.one_or_list().iter().map(|item| item.parsed("\"HOST:PORT:ADDR\" or a list of them")).collect()
}

fn status(field: &Field<'_>) -> Result<u16, CatalogueError> {
    const EXPECTED: &str = "a status from 100 to 599";
    let status = u16::try_from(field.number(EXPECTED)?).ok().filter(|status| (100..=599).contains(status));
    status.ok_or_else(|| field.unexpected(EXPECTED))
}

#[cfg(test)]
mod tests;
