//! Why arguments mean nothing that could be done.
//!
//! All of these end the program with exit code 2, except for a file that cannot be read: like any other file that cannot be, it
//! ends it with 1. What stands in a file that arguments are read from is an argument.

use std::io;

use crate::target::{
    CatalogueError, ConnectToError, DnsServersError, EndpointTemplateError, HeaderFieldError, InterfaceError,
    LocationError, MethodError, PartitionError, ProxyError, ResolveOverrideError, SigV4ScopeError, TlsVersionError,
};

use crate::render::chart::UnknownFormat;
use crate::stats::{ConfidenceError, SloError, ToleranceError};

/// Arguments that mean nothing. The text is complete: it names the flag (or the variable), what was expected and what was
/// given. Passwords and keys are never repeated.
#[derive(Debug, thiserror::Error)]
pub enum ArgsError {
    /// A value does not have its flag's form.
    #[error("{flag}: {cause}")]
    Value {
        /// The flag, the variable, or `TARGET`.
        flag: &'static str,
        /// What is wrong with the value.
        cause: ValueError,
    },
    /// A file that a flag refers to cannot be read.
    #[error("{flag}: cannot read {file}: {cause}")]
    Read {
        /// The flag.
        flag: &'static str,
        /// Its path, or `standard input`.
        file: String,
        /// Why not.
        cause: io::Error,
    },
    /// Two flags exclude each other.
    #[error("{flag} cannot be used with {other}: {reason}")]
    Conflict {
        /// One of them.
        flag: &'static str,
        /// The other one.
        other: &'static str,
        /// Why.
        reason: &'static str,
    },
    /// A flag needs another one.
    #[error("{flag} needs {needed}")]
    Needs {
        /// The flag.
        flag: &'static str,
        /// What it cannot do without.
        needed: &'static str,
    },
}

/// Why a value is not of its flag's form.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ValueError {
    /// One of the forms that only need a word of explanation.
    #[error("expected {expected}, got {got:?}")]
    Form {
        /// What the flag takes.
        expected: &'static str,
        /// What it was given.
        got: String,
    },
    /// The same, where what was given is secret or too long to repeat.
    #[error("expected {0}")]
    Secret(&'static str),
    /// A proxy of the environment that cannot be used; says how to go without it.
    #[error("{0} (-x \"\" ignores the variable)")]
    ProxyVariable(ProxyError),
    /// `-x`.
    #[error(transparent)]
    Proxy(#[from] ProxyError),
    /// A target.
    #[error(transparent)]
    Location(#[from] LocationError),
    /// A target without a scheme that is a file here.
    #[error(
        "{0} is a file here; saved runs are named *.jsonl, and wirefall compare reads them (a host has http:// before it)"
    )]
    FileHere(String),
    /// A target that its file does not have.
    #[error(transparent)]
    NotInFile(#[from] Box<NotInFile>),
    /// A name that nothing has.
    #[error("expected one of {known}, got {got:?}")]
    NoSuchName {
        /// All names.
        known: String,
        /// What was given.
        got: String,
    },
    /// `--targets`.
    #[error(transparent)]
    Catalogue(#[from] Box<CatalogueError>),
    /// `-X`.
    #[error(transparent)]
    Method(#[from] MethodError),
    /// `-H`.
    #[error(transparent)]
    Header(#[from] HeaderFieldError),
    /// `--aws-sigv4`.
    #[error(transparent)]
    SigV4(#[from] SigV4ScopeError),
    /// `--resolve`.
    #[error(transparent)]
    Resolve(#[from] ResolveOverrideError),
    /// `--dns-servers`.
    #[error(transparent)]
    DnsServers(#[from] DnsServersError),
    /// `--connect-to`.
    #[error(transparent)]
    ConnectTo(#[from] ConnectToError),
    /// `--interface`.
    #[error(transparent)]
    Interface(#[from] InterfaceError),
    /// `--tls-max`.
    #[error(transparent)]
    TlsVersion(#[from] TlsVersionError),
    /// `--partition`.
    #[error(transparent)]
    Partition(#[from] PartitionError),
    /// `--endpoint-template`.
    #[error(transparent)]
    Template(#[from] EndpointTemplateError),
    /// `--slo`.
    #[error(transparent)]
    Slo(#[from] SloError),
    /// `--same-within`.
    #[error(transparent)]
    Tolerance(#[from] ToleranceError),
    /// `--confidence`.
    #[error(transparent)]
    Confidence(#[from] ConfidenceError),
    /// `--chart` and `chart -o`.
    #[error(transparent)]
    ChartFile(#[from] UnknownFormat),
}

/// A word that is neither a URL nor a name in the file of `--targets`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a URL or a name in {file} ({names}), got {word:?}{}", meant.as_deref().map_or(String::new(), |meant| format!("; perhaps {meant}")))]
pub struct NotInFile {
    /// The word.
    pub word: String,
    /// The file.
    pub file: String,
    /// All of its names.
    pub names: String,
    /// The one that was perhaps meant.
    pub meant: Option<String>,
}

/// Says which flag a value came from.
pub(super) trait OfFlag<T> {
    /// The value, or its error with the flag's name.
    fn of(self, flag: &'static str) -> Result<T, ArgsError>;
}

impl<T, E: Into<ValueError>> OfFlag<T> for Result<T, E> {
    fn of(self, flag: &'static str) -> Result<T, ArgsError> {
        self.map_err(|cause| ArgsError::Value { flag, cause: cause.into() })
    }
}
