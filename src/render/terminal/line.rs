//! One line of terminal output: pieces of text with a paint, clipped to the width.
//!
//! Invariant: whatever is added, the line that comes out has at most `width` columns and holds no control character but the
//! colour codes chosen here. Columns are counted in characters: every character is taken to be one column wide, and those that
//! take none are escaped ([`crate::render::escape`]).

use super::{Colour, Glyphs, Style};
use crate::render::escape::{printable, printable_ascii};
use crate::trace::Phase;

/// What a piece of text is, which decides its colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::render) enum Paint {
    /// The terminal's own colour.
    Plain,
    /// Stands back: evidence, separators, axis.
    Dim,
    /// Stands out: names, totals.
    Strong,
    /// The phase's own hue.
    Phase(Phase),
    /// As wished: 2xx.
    Good,
    /// Worth a look: retries, retransmissions, certificates about to expire.
    Warn,
    /// Wrong: failures, 4xx, 5xx.
    Bad,
}

impl Paint {
    /// The parameters of the SGR sequence (ECMA-48 §8.3.117).
    const fn sgr(self) -> Option<&'static str> {
        Some(match self {
            Self::Plain => return None,
            Self::Dim => "2",
            Self::Strong => "1",
            Self::Good => "38;5;35",
            Self::Warn => "38;5;214",
            Self::Bad => "1;38;5;196",
            Self::Phase(Phase::Blocked) => "38;5;245",
            Self::Phase(Phase::Dns) => "38;5;37",
            Self::Phase(Phase::Connect) => "38;5;208",
            Self::Phase(Phase::Tls) => "38;5;134",
            Self::Phase(Phase::Send) => "38;5;220",
            Self::Phase(Phase::Wait) => "38;5;33",
            Self::Phase(Phase::Receive) => "38;5;71",
        })
    }
}

/// A line under construction.
#[derive(Clone, Debug)]
pub(in crate::render) struct Line {
    style: Style,
    pieces: Vec<(Paint, String)>,
}

impl Line {
    /// An empty line.
    pub(in crate::render) const fn new(style: Style) -> Self {
        Self { style, pieces: Vec::new() }
    }

    /// Adds text, made safe to print and spelled with the glyphs of the style.
    pub(in crate::render) fn add(&mut self, paint: Paint, text: impl AsRef<str>) {
        let text = self.style.glyphs.spell(text.as_ref());
        match self.pieces.last_mut() {
            Some((last, before)) if *last == paint => before.push_str(&text),
            _ if text.is_empty() => {}
            _ => self.pieces.push((paint, text)),
        }
    }

    /// As [`Line::add`], for a chain of calls.
    pub(in crate::render) fn with(mut self, paint: Paint, text: impl AsRef<str>) -> Self {
        self.add(paint, text);
        self
    }

    /// Fills with blanks up to a column, if the line is shorter.
    pub(in crate::render) fn pad_to(mut self, column: usize) -> Self {
        let blanks = column.saturating_sub(self.columns());
        self.add(Paint::Plain, " ".repeat(blanks));
        self
    }

    /// Adds another line's pieces.
    pub(in crate::render) fn followed_by(mut self, other: Self) -> Self {
        self.pieces.extend(other.pieces);
        self
    }

    /// How many columns it takes before it is clipped.
    pub(in crate::render) fn columns(&self) -> usize {
        self.pieces.iter().map(|(_, text)| columns(text)).sum()
    }

    /// Appends the line, clipped and with a newline.
    pub(in crate::render) fn write_to(mut self, out: &mut String) {
        while let Some((_, last)) = self.pieces.last_mut() {
            last.truncate(last.trim_end().len());
            if !last.is_empty() {
                break;
            }
            self.pieces.pop();
        }
        let style = self.style;
        let mut written = String::new();
        for (paint, text) in clip(self, style.width).pieces {
            match paint.sgr().filter(|_| style.colour == Colour::Always && !text.trim().is_empty()) {
                Some(sgr) => {
                    written.push_str("\x1b[");
                    written.push_str(sgr);
                    written.push('m');
                    written.push_str(&text);
                    written.push_str("\x1b[0m");
                }
                None => written.push_str(&text),
            }
        }
        out.push_str(&written);
        out.push('\n');
    }
}

impl Glyphs {
    /// The text as these glyphs can show it.
    pub(in crate::render) fn spell(self, text: &str) -> String {
        match self {
            Self::Unicode => printable(text),
            Self::Ascii => {
                printable_ascii(&text.chars().fold(String::with_capacity(text.len()), |mut plain, glyph| {
                    match twin(glyph) {
                        Some(twin) => plain.push_str(twin),
                        None => plain.push(glyph),
                    }
                    plain
                }))
            }
        }
    }

    /// What stands where something was cut off.
    const fn ellipsis(self) -> &'static str {
        match self {
            Self::Unicode => "…",
            Self::Ascii => "..",
        }
    }
}

/// The ASCII twin of a glyph that the terminal output uses.
const fn twin(glyph: char) -> Option<&'static str> {
    Some(match glyph {
        '·' => "|",
        '→' => "->",
        '←' => "<-",
        '↳' => "`->",
        '└' => "`-",
        '–' => "-",
        '…' => "..",
        '±' => "+/-",
        'µ' => "u",
        '✗' | '×' => "x",
        '╵' => "'",
        _ => return None,
    })
}

/// How many columns a text without control characters takes.
pub(in crate::render) fn columns(text: &str) -> usize {
    text.chars().count()
}

/// Cuts a text at its end, with an ellipsis where something is missing.
fn clip(line: Line, width: usize) -> Line {
    if line.columns() <= width {
        return line;
    }
    let ellipsis = line.style.glyphs.ellipsis();
    let mut room = width.saturating_sub(columns(ellipsis));
    let mut clipped = Line::new(line.style);
    for (paint, text) in line.pieces {
        let taken: String = text.chars().take(room).collect();
        room -= columns(&taken);
        clipped.add(paint, taken);
    }
    let cut: String = ellipsis.chars().take(width).collect();
    clipped.with(Paint::Dim, cut)
}

/// Cuts the middle out of a text that is too long: of URLs, both ends tell them apart.
pub(in crate::render) fn clip_middle(text: &str, width: usize, glyphs: Glyphs) -> String {
    let text = glyphs.spell(text);
    let length = columns(&text);
    if length <= width {
        return text;
    }
    let ellipsis = glyphs.ellipsis();
    let room = width.saturating_sub(columns(ellipsis));
    let (front, back) = (room.div_ceil(2), room / 2);
    let head: String = text.chars().take(front).collect();
    let tail: String = text.chars().skip(length - back).collect();
    format!("{head}{ellipsis}{tail}").chars().take(width).collect()
}

/// Parts of a sentence, separated by dots and wrapped under each other.
pub(in crate::render) struct Paragraph {
    style: Style,
    indent: usize,
    line: Line,
    lines: Vec<Line>,
}

impl Paragraph {
    /// Starts with a label; what follows stands in the column `indent`.
    pub(in crate::render) fn new(style: Style, label: Line, indent: usize) -> Self {
        Self { style, indent, line: label.pad_to(indent), lines: Vec::new() }
    }

    /// Adds a part. One that does not fit starts a new line, and one that is longer than a line is broken at blanks, or
    /// anywhere if it must.
    pub(in crate::render) fn part(mut self, paint: Paint, text: impl AsRef<str>) -> Self {
        let text = self.style.glyphs.spell(text.as_ref());
        if text.is_empty() {
            return self;
        }
        let separator = if self.is_fresh() { "" } else { " · " };
        let needed = columns(&self.style.glyphs.spell(separator)) + columns(&text);
        if self.line.columns() + needed <= self.style.width {
            self.line.add(Paint::Dim, separator);
            self.line.add(paint, text);
            return self;
        }
        if !self.is_fresh() {
            self.break_line();
        }
        for word in text.split_inclusive(' ') {
            self.word(paint, word);
        }
        self
    }

    /// The lines.
    pub(in crate::render) fn finish(mut self) -> Vec<Line> {
        self.break_line();
        self.lines
    }

    fn word(&mut self, paint: Paint, word: &str) {
        let trimmed = columns(word.trim_end());
        if self.line.columns() + trimmed > self.style.width && !self.is_fresh() {
            self.break_line();
        }
        let mut rest = word;
        while self.line.columns() + columns(rest.trim_end()) > self.style.width {
            let room = self.style.width.saturating_sub(self.line.columns()).max(1);
            let cut = rest.char_indices().nth(room).map_or(rest.len(), |(at, _)| at);
            let (head, tail) = rest.split_at(cut);
            self.line.add(paint, head);
            self.break_line();
            if tail.is_empty() {
                return;
            }
            rest = tail;
        }
        self.line.add(paint, rest);
    }

    fn is_fresh(&self) -> bool {
        self.line.columns() <= self.indent
    }

    fn break_line(&mut self) {
        let next = Line::new(self.style).pad_to(self.indent);
        self.lines.push(std::mem::replace(&mut self.line, next));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn style(width: usize, glyphs: Glyphs, colour: Colour) -> Style {
        Style { width, glyphs, colour }
    }

    fn check_line(style: Style, expect: &str) {
        let mut out = String::new();
        Line::new(style)
            .with(Paint::Plain, "abc ")
            .with(Paint::Bad, "déf\x1b")
            .with(Paint::Dim, " → x")
            .write_to(&mut out);
        assert_eq!(out, expect);
    }

    #[test]
    fn a_line_is_clipped_spelled_and_painted() {
        use {Colour::*, Glyphs::*};
        check_line(style(40, Unicode, Never), "abc déf\\x1b → x\n");
        check_line(style(40, Ascii, Never), "abc d\\u{e9}f\\x1b -> x\n");
        check_line(style(40, Unicode, Always), "abc \x1b[1;38;5;196mdéf\\x1b\x1b[0m\x1b[2m → x\x1b[0m\n");
        check_line(style(6, Unicode, Never), "abc d…\n");
        check_line(style(6, Ascii, Never), "abc ..\n");
        check_line(style(1, Ascii, Never), ".\n");
    }

    #[test]
    fn a_paragraph_wraps_between_parts_then_between_words_then_anywhere() {
        let style = style(20, Glyphs::Unicode, Colour::Never);
        let label = Line::new(style).with(Paint::Strong, "DNS");
        let lines = Paragraph::new(style, label, 4)
            .part(Paint::Plain, "one")
            .part(Paint::Plain, "")
            .part(Paint::Plain, "two")
            .part(Paint::Plain, "not here")
            .part(Paint::Plain, "words that go on and on")
            .part(Paint::Plain, "abcdefghijklmnopqrstuvwxyz")
            .finish();
        let mut out = String::new();
        for line in lines {
            line.write_to(&mut out);
        }
        let expect =
            "DNS one · two\n    not here\n    words that go on\n    and on\n    abcdefghijklmnop\n    qrstuvwxyz\n";
        assert_eq!(out, expect);
    }

    #[test]
    fn the_middle_goes_first() {
        assert_eq!(clip_middle("https://a/one", 20, Glyphs::Unicode), "https://a/one");
        assert_eq!(clip_middle("https://example.com/one", 12, Glyphs::Unicode), "https:…m/one");
        assert_eq!(clip_middle("https://example.com/one", 12, Glyphs::Ascii), "https..m/one");
        assert_eq!(clip_middle("abc", 1, Glyphs::Ascii), ".");
    }
}
