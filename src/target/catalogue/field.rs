//! A value of a targets file as the type that its key wants.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{CatalogueError, CatalogueProblem, Source};

/// A value, and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Field<'t> {
    source: Source<'t>,
    /// With its table: `target.url`.
    key: String,
    value: &'t Spanned<DeValue<'t>>,
}

impl<'t> Field<'t> {
    pub(super) fn new(source: Source<'t>, key: String, value: &'t Spanned<DeValue<'t>>) -> Self {
        Self { source, key, value }
    }

    /// Where the value begins.
    pub(super) fn start(&self) -> usize {
        self.value.span().start
    }

    /// What is wrong with the value.
    pub(super) fn error(&self, problem: impl Into<CatalogueProblem>) -> CatalogueError {
        self.source.error(self.start(), &self.key, problem)
    }

    pub(super) fn unexpected(&self, expected: &'static str) -> CatalogueError {
        self.error(CatalogueProblem::Value { expected, got: self.describe() })
    }

    /// What stands there: scalars as they are written, anything else by its type.
    fn describe(&self) -> String {
        match self.value.get_ref() {
            DeValue::String(text) => format!("{text:?}"),
            DeValue::Integer(number) => number.to_string(),
            DeValue::Float(number) => number.to_string(),
            DeValue::Boolean(truth) => truth.to_string(),
            DeValue::Datetime(date) => date.to_string(),
            DeValue::Array(_) => "a list".to_owned(),
            DeValue::Table(_) => "a table".to_owned(),
        }
    }

    pub(super) fn text(&self, expected: &'static str) -> Result<&'t str, CatalogueError> {
        match self.value.get_ref() {
            DeValue::String(text) => Ok(text),
            _ => Err(self.unexpected(expected)),
        }
    }

    /// A text that is parsed further.
    pub(super) fn parsed<T: std::str::FromStr>(&self, expected: &'static str) -> Result<T, CatalogueError>
    where
        T::Err: Into<CatalogueProblem>,
    {
        self.text(expected)?.parse().map_err(|error: T::Err| self.error(error))
    }

    pub(super) fn truth(&self) -> Result<bool, CatalogueError> {
        match self.value.get_ref() {
            DeValue::Boolean(truth) => Ok(*truth),
            _ => Err(self.unexpected("true or false")),
        }
    }

    pub(super) fn number(&self, expected: &'static str) -> Result<u64, CatalogueError> {
        let number = match self.value.get_ref() {
            DeValue::Integer(number) => u64::from_str_radix(number.as_str(), number.radix()).ok(),
            _ => None,
        };
        number.ok_or_else(|| self.unexpected(expected))
    }

    pub(super) fn table(&self, expected: &'static str) -> Result<&'t DeTable<'t>, CatalogueError> {
        match self.value.get_ref() {
            DeValue::Table(table) => Ok(table),
            _ => Err(self.unexpected(expected)),
        }
    }

    /// The values of a table, under their keys.
    pub(super) fn entries(
        &self,
        expected: &'static str,
    ) -> Result<impl Iterator<Item = (&'t str, Self)>, CatalogueError> {
        let (source, key) = (self.source, self.key.clone());
        let field = move |(name, value): (&'t Spanned<_>, _)| {
            let name: &'t toml::de::DeString<'t> = name.get_ref();
            (name.as_ref(), Self::new(source, format!("{key}.{name}"), value))
        };
        Ok(self.table(expected)?.iter().map(field))
    }

    /// The values of a list; they share its key.
    pub(super) fn list(&self, expected: &'static str) -> Result<impl Iterator<Item = Self>, CatalogueError> {
        let (source, key) = (self.source, self.key.clone());
        match self.value.get_ref() {
            DeValue::Array(values) => Ok(values.iter().map(move |value| Self::new(source, key.clone(), value))),
            _ => Err(self.unexpected(expected)),
        }
    }

    /// A list, or its only value by itself.
    pub(super) fn one_or_list(&self) -> Vec<Self> {
        match self.value.get_ref() {
            DeValue::Array(values) => {
                values.iter().map(|value| Self::new(self.source, self.key.clone(), value)).collect()
            }
            _ => vec![self.clone()],
        }
    }
}
