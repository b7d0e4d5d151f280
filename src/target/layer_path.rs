//! The layers that a request passes on its way to what answers it, as its user names them.
//!
//! Deliberately absent: a list of known names. What a layer is called is the user's business; the names that AWS's layers have
//! in evidence are known to [`crate::attribute`].

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// At least one layer, outermost first: `apig,lambda`. A name occurs once.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "Vec<String>", try_from = "Vec<String>")]
pub struct LayerPath(Vec<String>);

/// Why a list is not a path.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LayerPathError {
    /// There is no layer in it.
    #[error("expected at least one layer, such as \"elb\"")]
    Empty,
    /// A name has other characters.
    #[error("expected a layer's name of a-z, 0-9 and -, got {0:?}")]
    Name(String),
    /// A layer stands in it twice.
    #[error("the layer {0:?} stands in the path twice")]
    Twice(String),
}

impl LayerPath {
    /// Checks the names.
    pub fn new(layers: Vec<String>) -> Result<Self, LayerPathError> {
        let is_name = |name: &str| {
            let letters = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
            !name.is_empty() && name.bytes().all(letters)
        };
        if layers.is_empty() {
            return Err(LayerPathError::Empty);
        }
        for (index, name) in layers.iter().enumerate() {
            if !is_name(name) {
                return Err(LayerPathError::Name(name.clone()));
            }
            if layers[..index].contains(name) {
                return Err(LayerPathError::Twice(name.clone()));
            }
        }
        Ok(Self(layers))
    }

    /// The layers, outermost first.
    pub fn layers(&self) -> impl ExactSizeIterator<Item = &str> + DoubleEndedIterator {
        self.0.iter().map(String::as_str)
    }
}

impl fmt::Display for LayerPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(","))
    }
}

impl FromStr for LayerPath {
    type Err = LayerPathError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.trim().is_empty() {
            return Err(LayerPathError::Empty);
        }
        Self::new(text.split(',').map(|name| name.trim().to_owned()).collect())
    }
}

impl TryFrom<Vec<String>> for LayerPath {
    type Error = LayerPathError;

    fn try_from(layers: Vec<String>) -> Result<Self, Self::Error> {
        Self::new(layers)
    }
}

impl From<LayerPath> for Vec<String> {
    fn from(path: LayerPath) -> Self {
        path.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_lists_of_names() {
        for (text, layers) in [("ec2", &["ec2"][..]), ("apig, lambda", &["apig", "lambda"]), ("a-1,b", &["a-1", "b"])] {
            let path: LayerPath = text.parse().unwrap();
            assert_eq!(path.layers().collect::<Vec<_>>(), layers, "{text}");
            assert_eq!(path.to_string().parse(), Ok(path));
        }
        for (text, error) in [
            ("", LayerPathError::Empty),
            ("elb,", LayerPathError::Name(String::new())),
            ("ELB", LayerPathError::Name("ELB".into())),
            ("elb,ec2,elb", LayerPathError::Twice("elb".into())),
        ] {
            assert_eq!(text.parse::<LayerPath>(), Err(error), "{text}");
        }
    }
}
