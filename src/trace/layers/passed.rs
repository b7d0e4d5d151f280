//! A layer that the response, the names or the chain of canonical names give away.

use serde::{Deserialize, Serialize};

use super::Layer;

/// A layer that the request passed, as far as one can tell from outside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Passed {
    /// Which layer.
    pub layer: Layer,
    /// How sure that is.
    pub certainty: Certainty,
    /// Which kind of it, and what cannot be told apart: `REST API`, `edge-optimised, or a distribution of one's own`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// What gives it away.
    pub by: Vec<Sign>,
}

/// How sure it is that a layer was passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Certainty {
    /// Others show the same.
    Possible,
    /// Others could show the same, and seldom do.
    Likely,
    /// Nothing else shows this.
    Certain,
}

impl Certainty {
    /// The word used in JSON and on the terminal.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Possible => "possible",
            Self::Likely => "likely",
            Self::Certain => "certain",
        }
    }
}

/// What gives a layer away.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sign {
    /// A field of the response, by its name.
    Header(String),
    /// A cookie that the response sets, by its name.
    Cookie(String),
    /// A metric of `Server-Timing`, by its name.
    ServerTiming(String),
    /// The host of the URL.
    Host(String),
    /// A canonical name that the host is an alias of.
    Cname(String),
}
