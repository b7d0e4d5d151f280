//! Standard output and standard error, and what kind of terminal they are.

use std::io::{self, IsTerminal, Write};

use super::CommandError;
use super::args::{Color, Environment};
use crate::render::terminal::{Colour, Glyphs, Style};

/// Columns where nobody says how many there are.
const PLAIN_WIDTH: usize = 80;

/// Prints on standard output.
pub(super) fn print(text: impl AsRef<[u8]>) -> Result<(), CommandError> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_ref()).and_then(|()| out.flush()).map_err(CommandError::Print)
}

/// What this program says beside its results, and how those look here.
#[derive(Debug)]
pub(super) struct Console {
    environment: Environment,
    quiet: bool,
}

impl Console {
    pub(super) fn of_process() -> Self {
        Self { environment: Environment::of_process(), quiet: false }
    }

    pub(super) fn environment(&self) -> &Environment {
        &self.environment
    }

    /// `-s`: from here on, nothing is said on standard error.
    pub(super) fn be_quiet(&mut self) {
        self.quiet = true;
    }

    /// Prints on standard error, unless quiet. That this is impossible is nothing that could be said anywhere.
    pub(super) fn note(&mut self, text: &str) {
        if !self.quiet {
            let _ = io::stderr().lock().write_all(text.as_bytes());
        }
    }

    /// Prints an error.
    pub(super) fn complain(&mut self, message: &str) {
        self.note(&format!("wirefall: {message}\n"));
    }

    /// How waterfalls look here: in colour and with block elements on a terminal, in plain ASCII anywhere else and where no
    /// colour is wanted (<https://no-color.org>).
    pub(super) fn style(&self, color: Color) -> Style {
        let on_terminal = io::stdout().is_terminal();
        let width = terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
        let columns = self.environment.get("COLUMNS").and_then(|columns| columns.parse().ok());
        let dumb = self.environment.get("TERM") == Some("dumb");
        let fancy = on_terminal && color == Color::Auto && !dumb;
        Style {
            width: columns.or(width.filter(|_| on_terminal)).unwrap_or(PLAIN_WIDTH),
            glyphs: if fancy && self.speaks_utf8() { Glyphs::Unicode } else { Glyphs::Ascii },
            colour: if fancy { Colour::Always } else { Colour::Never },
        }
    }

    fn speaks_utf8(&self) -> bool {
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(|name| self.environment.get(name));
        locale.is_some_and(|locale| {
            let locale = locale.to_ascii_lowercase();
            locale.contains("utf-8") || locale.contains("utf8")
        })
    }
}
