//! Header fields as the user writes them.
//!
//! Invariant: a [`HeaderField`] made by parsing has a token as its name and no control character in its value, so that it
//! cannot end its line on the wire (RFC 9110 §5.5).
//!
//! Deliberately absent: what any field means.

use std::str::FromStr;

/// The request's fields that hold a credential, in lower case: a redirect to another origin drops them, and a trace has them
/// only on demand.
pub const SECRET_FIELDS: [&str; 7] = [
    "authorization",
    "proxy-authorization",
    "cookie",
    "x-api-key",
    "x-amz-security-token",
    "x-auth-token",
    "x-csrf-token",
];

/// A header field that the user gave with `-H`, `-A` or `-b`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HeaderField {
    /// `Name: value`, or `Name;` for an empty value.
    Set {
        /// As written by the user.
        name: String,
        /// Without surrounding white space.
        value: String,
    },
    /// `Name:` removes a field that the client would add.
    Remove {
        /// As written by the user.
        name: String,
    },
}

/// Why a text is not a header field.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderFieldError {
    /// Neither `Name: value` nor `Name:` nor `Name;`.
    #[error("expected \"Name: value\", \"Name:\" or \"Name;\", got {0:?}")]
    Form(String),
    /// The name has characters that a field name may not have.
    #[error("expected a field name of letters, digits and any of !#$%&'*+-.^_`|~, got {0:?}")]
    Name(String),
    /// The value of this field would end the field or the line.
    #[error("expected a value without control characters for {0:?}")]
    Value(String),
}

/// Reads `Name: value` (sets), `Name:` (removes) and `Name;` (sets to nothing).
impl FromStr for HeaderField {
    type Err = HeaderFieldError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let form = || HeaderFieldError::Form(text.to_owned());
        let (name, value) = match text.split_once(':') {
            Some((name, value)) => (name, Some(value.trim_matches(is_blank)).filter(|value| !value.is_empty())),
            None => match text.split_once(';') {
                Some((name, rest)) if rest.trim_matches(is_blank).is_empty() => (name, Some("")),
                _ => return Err(form()),
            },
        };
        if name.is_empty() {
            return Err(form());
        }
        if !is_token(name) {
            return Err(HeaderFieldError::Name(name.to_owned()));
        }
        let name = name.to_owned();
        match value {
            None => Ok(Self::Remove { name }),
            Some(value) if value.chars().any(|c| c.is_ascii_control() && c != '\t') => {
                Err(HeaderFieldError::Value(name))
            }
            Some(value) => Ok(Self::Set { name, value: value.to_owned() }),
        }
    }
}

impl HeaderField {
    /// A field with a value.
    #[must_use]
    pub fn set(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self::Set { name: name.into(), value: value.into() }
    }

    /// The name, as written by the user.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Set { name, .. } | Self::Remove { name } => name,
        }
    }

    /// Whether this sets or removes the field called `name`, in any case.
    #[must_use]
    pub fn is(&self, name: &str) -> bool {
        self.name().eq_ignore_ascii_case(name)
    }
}

/// Whether `text` is a token (RFC 9110 §5.6.2): what methods and field names are made of.
#[must_use]
pub(crate) fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

/// White space around a field's value (RFC 9110 §5.6.3). A line end is none: it must not vanish silently.
fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, expect: impl Into<Result<HeaderField, HeaderFieldError>>) {
        assert_eq!(text.parse(), expect.into(), "{text:?}");
    }

    #[test]
    fn fields_are_set_removed_or_refused() {
        check("X-A: 1", Ok(HeaderField::set("X-A", "1")));
        check("X-A:1 ; 2 \t", Ok(HeaderField::set("X-A", "1 ; 2")));
        check("X-A: a:b", Ok(HeaderField::set("X-A", "a:b")));
        check("X-A: é", Ok(HeaderField::set("X-A", "é")));
        check("X-A;", Ok(HeaderField::set("X-A", "")));
        check("X-A; ", Ok(HeaderField::set("X-A", "")));
        check("X-A:", Ok(HeaderField::Remove { name: "X-A".into() }));
        check("X-A: \t", Ok(HeaderField::Remove { name: "X-A".into() }));
        for text in ["", "X-A", "X-A;b", ": a", ";"] {
            check(text, Err(HeaderFieldError::Form(text.into())));
        }
        check("X A: 1", Err(HeaderFieldError::Name("X A".into())));
        check("X-A: 1\r\nX-B: 2", Err(HeaderFieldError::Value("X-A".into())));
        check("X-A: 1\n", Err(HeaderFieldError::Value("X-A".into())));
        check("X-A: \0", Err(HeaderFieldError::Value("X-A".into())));
    }

    proptest! {
        #[test]
        fn a_field_that_parses_cannot_break_out_of_its_line(text in any::<String>()) {
            if let Ok(HeaderField::Set { name, value }) = text.parse() {
                prop_assert!(is_token(&name));
                prop_assert!(!value.contains(['\r', '\n', '\0']));
            }
        }
    }
}
