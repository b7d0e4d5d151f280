//! The body that `-d` and its relatives make up, in the order in which they stand on the command line.
//!
//! As curl does: parts are joined with `&`, except `--json`, which follows directly; `@FILE` and `@-` are read, `-d` drops
//! CR, LF and NUL from what it read, and `--data-urlencode` encodes what follows the name.
//!
//! One deviation: a file that cannot be read is an error, where curl up to 8 sends an empty part.

use std::path::Path;

use clap::{ArgAction, ArgMatches};

use super::error::{ArgsError, ValueError};
use super::inputs::Inputs;

/// The parts of a body, in the order given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BodyArgs {
    /// Empty where the request has no body.
    pub parts: Vec<BodyPart>,
}

/// One flag and its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BodyPart {
    /// Which flag.
    pub source: BodySource,
    /// Its value, raw.
    pub value: String,
}

/// The flags that a body is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodySource {
    /// `-d`.
    Text,
    /// `--data-binary`.
    Binary,
    /// `--data-raw`.
    Raw,
    /// `--data-urlencode`.
    UrlEncode,
    /// `--json`.
    Json,
}

impl BodySource {
    const ALL: [Self; 5] = [Self::Text, Self::Binary, Self::Raw, Self::UrlEncode, Self::Json];

    /// The flag, as in messages.
    #[must_use]
    pub const fn flag(self) -> &'static str {
        match self {
            Self::Text => "-d",
            Self::Binary => "--data-binary",
            Self::Raw => "--data-raw",
            Self::UrlEncode => "--data-urlencode",
            Self::Json => "--json",
        }
    }

    const fn long(self) -> &'static str {
        match self {
            Self::Text => "data",
            Self::Binary => "data-binary",
            Self::Raw => "data-raw",
            Self::UrlEncode => "data-urlencode",
            Self::Json => "json",
        }
    }

    const fn help(self) -> &'static str {
        match self {
            Self::Text => "Send this body, by POST; @FILE or @- reads it, without line ends. Several are joined with &",
            Self::Binary => "Like -d, but a file is sent as it is",
            Self::Raw => "Like -d, but @ has no meaning",
            Self::UrlEncode => "Like -d, encoded for a form: TEXT, =TEXT, NAME=TEXT, @FILE or NAME@FILE",
            Self::Json => {
                "Send this JSON (or @FILE, @-) with Content-Type and Accept: application/json. Several are concatenated"
            }
        }
    }

    fn arg(self) -> clap::Arg {
        let arg = clap::Arg::new(self.long())
            .long(self.long())
            .value_name("BODY")
            .help(self.help())
            .help_heading("Request")
            .action(ArgAction::Append);
        match self {
            Self::Text => arg.short('d').visible_alias("data-ascii"),
            _ => arg,
        }
    }
}

/// By hand, because derived fields would forget in which order different flags came.
impl clap::Args for BodyArgs {
    fn augment_args(command: clap::Command) -> clap::Command {
        command.args(BodySource::ALL.map(BodySource::arg))
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Self::augment_args(command)
    }
}

impl clap::FromArgMatches for BodyArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut parts: Vec<(usize, BodyPart)> = BodySource::ALL
            .into_iter()
            .flat_map(|source| {
                let at = matches.indices_of(source.long()).into_iter().flatten();
                let values = matches.get_many::<String>(source.long()).into_iter().flatten();
                at.zip(values).map(move |(at, value)| (at, BodyPart { source, value: value.clone() }))
            })
            .collect();
        parts.sort_by_key(|(at, _)| *at);
        Ok(Self { parts: parts.into_iter().map(|(_, part)| part).collect() })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl BodyArgs {
    /// Whether any part is `--json`, which asks for its header fields.
    pub(super) fn has_json(&self) -> bool {
        self.parts.iter().any(|part| part.source == BodySource::Json)
    }

    /// The whole body; `None` where no flag asked for one.
    pub(super) fn read(&self, inputs: &dyn Inputs) -> Result<Option<Vec<u8>>, ArgsError> {
        let mut body: Option<Vec<u8>> = None;
        for part in &self.parts {
            let bytes = part.read(inputs)?;
            match &mut body {
                None => body = Some(bytes),
                Some(body) => {
                    if part.source != BodySource::Json {
                        body.push(b'&');
                    }
                    body.extend(bytes);
                }
            }
        }
        Ok(body)
    }
}

impl BodyPart {
    fn read(&self, inputs: &dyn Inputs) -> Result<Vec<u8>, ArgsError> {
        let flag = self.source.flag();
        if self.source == BodySource::UrlEncode {
            return self.read_encoded(inputs);
        }
        match self.value.strip_prefix('@') {
            Some(file) if self.source != BodySource::Raw => {
                let mut bytes = read(flag, file, inputs)?;
                if self.source == BodySource::Text {
                    bytes.retain(|byte| !b"\r\n\0".contains(byte));
                }
                Ok(bytes)
            }
            _ => Ok(self.value.clone().into_bytes()),
        }
    }

    /// `[NAME=]TEXT` and `[NAME]@FILE`; an `=` anywhere comes before an `@`.
    fn read_encoded(&self, inputs: &dyn Inputs) -> Result<Vec<u8>, ArgsError> {
        let (name, bytes) = if let Some((name, text)) = self.value.split_once('=') {
            (name, text.as_bytes().to_vec())
        } else if let Some((name, file)) = self.value.split_once('@') {
            (name, read(self.source.flag(), file, inputs)?)
        } else {
            ("", self.value.as_bytes().to_vec())
        };
        let mut part = name.as_bytes().to_vec();
        if !name.is_empty() {
            part.push(b'=');
        }
        part.extend(form_encoded(&bytes).bytes());
        Ok(part)
    }
}

/// The bytes of `@FILE` or, for `-`, of standard input.
pub(super) fn read(flag: &'static str, file: &str, inputs: &dyn Inputs) -> Result<Vec<u8>, ArgsError> {
    let (bytes, file) = match file {
        "-" => (inputs.stdin(), "standard input".to_owned()),
        _ => (inputs.file(Path::new(file)), file.to_owned()),
    };
    bytes.map_err(|cause| ArgsError::Read { flag, file, cause })
}

/// What was read from that file, which is to be text.
pub(super) fn text(bytes: Vec<u8>, file: &str) -> Result<String, ValueError> {
    String::from_utf8(bytes).map_err(|_| ValueError::Form { expected: "a file in UTF-8", got: file.to_owned() })
}

/// curl's form encoding: unreserved characters (RFC 3986 §2.3) stay, a space becomes `+`, any other byte `%XX`.
fn form_encoded(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut encoded, &byte| {
        match byte {
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'-' | b'.' | b'_' | b'~' => encoded.push(byte.into()),
            b' ' => encoded.push('+'),
            _ => {
                encoded.push('%');
                for half in [byte >> 4, byte & 0xf] {
                    encoded.push(b"0123456789ABCDEF"[usize::from(half)].into());
                }
            }
        }
        encoded
    })
}
