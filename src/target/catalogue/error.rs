//! What is wrong with a targets file, and where.

use toml::Spanned;
use toml::de::DeString;

use crate::target::hint::closest;
use crate::target::{HeaderFieldError, LayerPathError, LocationError, MethodError, ResolveOverrideError};

/// Why a text is no [`Catalogue`](super::Catalogue).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {key}: {problem}")]
pub struct CatalogueError {
    /// The file's name as it was given.
    pub file: String,
    /// The line, counted from 1.
    pub line: usize,
    /// The key with its table (`target.url`), or `syntax` where the file is not TOML.
    pub key: String,
    /// What was expected, and what is there.
    pub problem: CatalogueProblem,
}

/// What is wrong with a value, or that it is missing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CatalogueProblem {
    /// Not TOML.
    #[error("{0}")]
    Syntax(String),
    /// A key that means nothing.
    #[error("expected one of {known}{}, got this key", hint(.meant.as_deref()))]
    UnknownKey {
        /// All that mean something.
        known: String,
        /// The one that was perhaps meant.
        meant: Option<String>,
    },
    /// No target at all.
    #[error("expected at least one [[target]] with a name and a url, got none")]
    Empty,
    /// A key that every target has.
    #[error("expected {expected} in every [[target]], got none")]
    Missing {
        /// What it stands for.
        expected: &'static str,
    },
    /// A value of another type, or out of its range.
    #[error("expected {expected}, got {got}")]
    Value {
        /// What the key takes.
        expected: &'static str,
        /// What it was given.
        got: String,
    },
    /// Two targets of one name.
    #[error("expected a name that no other target has, got {name:?}, which is that of the target in line {first}")]
    NameTwice {
        /// The name.
        name: String,
        /// Where it stands first.
        first: usize,
    },
    /// Two baselines.
    #[error("expected one baseline, got a second one beside {first:?}")]
    BaselineTwice {
        /// The name of the first one.
        first: String,
    },
    /// The URL.
    #[error(transparent)]
    Location(#[from] LocationError),
    /// The method.
    #[error(transparent)]
    Method(#[from] MethodError),
    /// A header field.
    #[error(transparent)]
    Header(#[from] HeaderFieldError),
    /// The path.
    #[error(transparent)]
    Path(#[from] LayerPathError),
    /// An address.
    #[error(transparent)]
    Resolve(#[from] ResolveOverrideError),
}

fn hint(meant: Option<&str>) -> String {
    meant.map_or(String::new(), |meant| format!(" (perhaps {meant})"))
}

/// The text that is read, for errors that point into it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Source<'t> {
    pub(super) text: &'t str,
    pub(super) file: &'t str,
}

impl Source<'_> {
    /// An error at a byte of the text.
    pub(super) fn error(self, at: usize, key: &str, problem: impl Into<CatalogueProblem>) -> CatalogueError {
        CatalogueError { file: self.file.to_owned(), line: self.line(at), key: key.to_owned(), problem: problem.into() }
    }

    /// The line of a byte, counted from 1.
    pub(super) fn line(self, at: usize) -> usize {
        self.text.get(..at).unwrap_or(self.text).matches('\n').count() + 1
    }

    pub(super) fn syntax(self, error: &toml::de::Error) -> CatalogueError {
        let at = error.span().map_or(0, |span| span.start);
        self.error(at, "syntax", CatalogueProblem::Syntax(error.message().to_owned()))
    }

    /// A key that is none of `known`; `table` is what it stands in, with its dot.
    pub(super) fn unknown(self, key: &Spanned<DeString<'_>>, table: &str, known: &[&str]) -> CatalogueError {
        let name = key.get_ref();
        let meant = closest(name, known.iter().copied()).map(str::to_owned);
        let problem = CatalogueProblem::UnknownKey { known: known.join(", "), meant };
        self.error(key.span().start, &format!("{table}{name}"), problem)
    }
}
