//! The twin for platforms without network namespaces: no link is ever laid there.

use std::convert::Infallible;
use std::io;
use std::path::Path;

use super::{Passage, Route};

/// Where the right to make network namespaces comes from: nowhere, here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Privilege {
    /// The process had it.
    Own,
    /// It has it in a user namespace.
    UserNamespace,
}

/// The right is not to be had.
#[derive(Debug, thiserror::Error)]
#[error("network namespaces are Linux's, and distance is put between them")]
pub struct PrivilegeError;

/// There are no namespaces.
#[derive(Debug, thiserror::Error)]
#[error("there are no network namespaces on this platform")]
pub struct NamespaceError;

/// Why a link could not be laid.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// There is nothing to lay it between.
    #[error("cannot lay the link")]
    Namespace(#[from] NamespaceError),
}

/// There is none: this cannot be made.
#[derive(Debug)]
pub struct Namespace(Infallible);

/// There is none: this cannot be made.
#[derive(Debug)]
pub struct Link(Infallible);

impl Namespace {
    /// Does some work inside.
    pub fn run<T: Send>(&self, _: impl FnOnce() -> T + Send) -> Result<T, NamespaceError> {
        match self.0 {}
    }

    /// Takes the calling thread inside.
    pub fn enter(&self) -> Result<(), NamespaceError> {
        match self.0 {}
    }
}

impl Link {
    /// Always an error.
    pub fn lay(_: &[Route], _: u64) -> Result<Self, LinkError> {
        Err(NamespaceError.into())
    }

    /// Where clients run.
    #[must_use]
    pub const fn client(&self) -> &Namespace {
        match self.0 {}
    }

    /// Where servers run.
    #[must_use]
    pub const fn server(&self) -> &Namespace {
        match self.0 {}
    }

    /// What was done to the packets so far.
    #[must_use]
    pub fn passages(&self) -> Vec<Passage> {
        match self.0 {}
    }
}

/// Always an error.
pub const fn acquire() -> Result<Privilege, PrivilegeError> {
    Err(PrivilegeError)
}

/// Always an error.
pub fn cover(_: &Path, _: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// No namespace has it.
#[must_use]
pub const fn has_ipv6() -> bool {
    false
}
