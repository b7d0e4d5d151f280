//! The module map in the crate's docs, held against the code: who may use whom, what pure modules may not do, and how long a
//! file may get.
//!
//! Reads the sources as text. Comments and literals are blanked first, so that only code counts; a path is followed to its
//! first name (`crate::trace::…` is `trace`), and `super::` beyond a top-level module is refused, because it would hide one.

use std::fmt;
use std::path::{Path, PathBuf};

/// Lines that a file may have before its tests.
const LONGEST: usize = 600;
/// The edge that nothing else uses, and that may use everything.
const TOP: &str = "cli";
/// What edges may not use: turning values into bytes for people is not their work.
const FOR_PEOPLE: &str = "render";
/// The edge that stands alone: it is what the others are measured against, so it shares no code with them.
const WITNESS: &str = "lab";
/// What reads a clock, a socket or a file, or prints. Addresses (`std::net::IpAddr`) are values, and allowed.
const IMPURE: &[&str] = &[
    "println!",
    "eprintln!",
    "print!",
    "eprint!",
    "dbg!",
    "std::fs",
    "std::env",
    "std::process",
    "std::thread",
    "std::io::stdin",
    "std::io::stdout",
    "std::io::stderr",
    "std::os::",
    "TcpStream",
    "TcpListener",
    "UdpSocket",
    "UnixStream",
    "ToSocketAddrs",
    "Instant::now",
    "SystemTime::now",
    "OffsetDateTime::now_utc",
    "socket2::",
    "nix::",
    "libc::",
    "tokio::",
    "getrandom::",
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Pure,
    Edge,
}

/// The modules of the map, from the first, which uses none of the others, to the last.
#[derive(Debug, PartialEq, Eq)]
struct Map(Vec<(String, Kind)>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Violation {
    NotInMap(String),
    NotAbove { from: String, to: String },
    EdgeInPure { from: String, to: String },
    EdgeRenders { from: String },
    WitnessLeans { to: String },
    HiddenBySuper,
    Impure { word: &'static str },
    TooLong { lines: usize },
    NoDocs,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotInMap(name) => write!(f, "`{name}` is not in the module map of src/lib.rs"),
            Self::NotAbove { from, to } => write!(f, "`{from}` uses `{to}`, which is not above it in the map"),
            Self::EdgeInPure { from, to } => write!(f, "`{from}` is pure and uses the edge `{to}`"),
            Self::EdgeRenders { from } => write!(f, "the edge `{from}` uses `{FOR_PEOPLE}`"),
            Self::WitnessLeans { to } => write!(f, "`{WITNESS}` uses the edge `{to}`"),
            Self::HiddenBySuper => write!(f, "`super::` leaves the top-level module: write `crate::`"),
            Self::Impure { word } => write!(f, "`{word}` in a pure module"),
            Self::TooLong { lines } => write!(f, "{lines} lines before the tests; {LONGEST} are the most"),
            Self::NoDocs => write!(f, "does not begin with `//!`"),
        }
    }
}

impl Map {
    /// The lines of the form ``//! - `name`: pure`` of a crate's docs.
    fn parse(docs: &str) -> Self {
        let entry = |line: &str| {
            let (name, kind) = line.strip_prefix("//! - `")?.split_once("`: ")?;
            let kind = match kind.split([' ', ',', ';']).next()? {
                "pure" => Kind::Pure,
                "edge" => Kind::Edge,
                _ => return None,
            };
            Some((name.to_owned(), kind))
        };
        Self(docs.lines().filter_map(entry).collect())
    }

    fn find(&self, name: &str) -> Result<(usize, Kind), Violation> {
        let place = self.0.iter().position(|(known, _)| known == name);
        place.map(|place| (place, self.0[place].1)).ok_or_else(|| Violation::NotInMap(name.to_owned()))
    }

    fn may_use(&self, from: &str, to: &str) -> Result<(), Violation> {
        let (place, kind) = self.find(from)?;
        let (to_place, to_kind) = self.find(to)?;
        if from == to || from == TOP {
            return Ok(());
        }
        let names = || (from.to_owned(), to.to_owned());
        if (kind, to_kind) == (Kind::Pure, Kind::Edge) {
            let (from, to) = names();
            return Err(Violation::EdgeInPure { from, to });
        }
        if to_place > place {
            let (from, to) = names();
            return Err(Violation::NotAbove { from, to });
        }
        if kind == Kind::Edge && to == FOR_PEOPLE {
            return Err(Violation::EdgeRenders { from: from.to_owned() });
        }
        if from == WITNESS && to_kind == Kind::Edge {
            return Err(Violation::WitnessLeans { to: to.to_owned() });
        }
        Ok(())
    }

    /// Everything that is wrong with a file. `path` counts from `src`.
    fn judge(&self, path: &Path, source: &str) -> Vec<Violation> {
        let mut violations = Vec::new();
        if !source.starts_with("//!") {
            violations.push(Violation::NoDocs);
        }
        let before_tests = before_tests(source);
        let lines = before_tests.lines().count();
        if lines > LONGEST {
            violations.push(Violation::TooLong { lines });
        }
        let Some(from) = top_module(path) else { return violations };
        let code = blanked(source);
        violations.extend(used_modules(&code).filter_map(|to| self.may_use(&from, &to).err()));
        if leaves_by_super(&code, depth(path)) {
            violations.push(Violation::HiddenBySuper);
        }
        let is_test = path.file_stem().is_some_and(|stem| stem.to_string_lossy().ends_with("tests"));
        if !is_test && self.find(&from).is_ok_and(|(_, kind)| kind == Kind::Pure) {
            let code = blanked(before_tests);
            violations
                .extend(IMPURE.iter().filter(|word| mentions(&code, word)).map(|word| Violation::Impure { word }));
        }
        violations
    }
}

/// `trace/wait.rs` belongs to `trace`, `time.rs` to `time`; `lib.rs` and `main.rs` belong to none.
fn top_module(path: &Path) -> Option<String> {
    let first = path.components().next()?.as_os_str().to_string_lossy();
    let name = first.strip_suffix(".rs").unwrap_or(&first);
    (!matches!(name, "lib" | "main")).then(|| name.to_owned())
}

/// How many `super::` lead from a file's own module to the crate's root.
fn depth(path: &Path) -> usize {
    let is_mod = path.file_name().is_some_and(|name| name == "mod.rs");
    path.components().count() - usize::from(is_mod)
}

/// A file up to its module of tests.
fn before_tests(source: &str) -> &str {
    let inline = |at: &usize| {
        let module = source[*at..].lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with("#["));
        module.is_some_and(|line| line.starts_with("mod ") && line.ends_with('{'))
    };
    let marker = "\n#[cfg(test)]";
    source.match_indices(marker).map(|(at, _)| at + 1).find(inline).map_or(source, |end| &source[..end])
}

/// The same code with comments, strings and characters replaced by spaces; lines stay lines.
fn blanked(source: &str) -> String {
    let mut code = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let hidden = hidden_length(rest, code.chars().next_back());
        let length = hidden.unwrap_or(first.len_utf8());
        let (piece, tail) = rest.split_at(length);
        match hidden {
            Some(_) => code.extend(piece.chars().map(|character| if character == '\n' { '\n' } else { ' ' })),
            None => code.push_str(piece),
        }
        rest = tail;
    }
    code
}

/// The length of the comment or literal that `rest` begins with.
fn hidden_length(rest: &str, before: Option<char>) -> Option<usize> {
    let until = |open: usize, close: &str| rest[open..].find(close).map_or(rest.len(), |at| open + at + close.len());
    if rest.starts_with("//") {
        return Some(rest.find('\n').unwrap_or(rest.len()));
    }
    if rest.starts_with("/*") {
        return Some(until(2, "*/"));
    }
    if rest.starts_with('r') && !before.is_some_and(is_of_name) {
        let hashes = rest[1..].bytes().take_while(|byte| *byte == b'#').count();
        if rest[1 + hashes..].starts_with('"') {
            return Some(until(2 + hashes, &format!("\"{}", "#".repeat(hashes))));
        }
    }
    let quote = rest.chars().next().filter(|first| matches!(first, '"' | '\''))?;
    let lifetime = quote == '\'' && {
        let mut after = rest[1..].chars();
        after.next() != Some('\\') && after.next() != Some('\'')
    };
    if lifetime {
        return None;
    }
    let mut escaped = false;
    let close = rest[1..].char_indices().find(|(_, character)| {
        let closes = *character == quote && !escaped;
        escaped = *character == '\\' && !escaped;
        closes
    });
    Some(close.map_or(rest.len(), |(at, _)| at + 2))
}

fn is_of_name(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

fn mentions(code: &str, word: &str) -> bool {
    code.match_indices(word).any(|(at, _)| !code[..at].chars().next_back().is_some_and(is_of_name))
}

/// The first name of each `crate::` path; of a group `crate::{a::X, b}`, the first name of each member.
fn used_modules(code: &str) -> impl Iterator<Item = String> {
    let paths =
        code.match_indices("crate::").filter(|(at, _)| !code[..*at].chars().next_back().is_some_and(is_of_name));
    paths.flat_map(|(at, root)| first_names(&code[at + root.len()..]))
}

fn first_names(path: &str) -> Vec<String> {
    let name =
        |text: &str| text.trim_start().chars().take_while(|character| is_of_name(*character)).collect::<String>();
    let Some(group) = path.trim_start().strip_prefix('{') else { return vec![name(path)] };
    let mut names = vec![name(group)];
    let mut open = 1;
    for (at, character) in group.char_indices() {
        match character {
            '{' => open += 1,
            '}' => open -= 1,
            ',' if open == 1 => names.push(name(&group[at + 1..])),
            _ => {}
        }
        if open == 0 {
            break;
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

/// Whether a chain of `super::` reaches the crate's root. Inside an indented item one more is needed to get there, which an
/// inline module explains.
fn leaves_by_super(code: &str, depth: usize) -> bool {
    code.lines().any(|line| {
        let inline = usize::from(line.starts_with(' '));
        line.contains(&"super::".repeat(depth + inline))
    })
}

/// Every source file, its path counted from `src`.
fn sources() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut directories = vec![root.clone()];
    let mut sources = Vec::new();
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(&directory).expect("src can be listed") {
            let path = entry.expect("src can be listed").path();
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let source = std::fs::read_to_string(&path).expect("sources are UTF-8");
                sources.push((path.strip_prefix(&root).expect("found below src").to_owned(), source));
            }
        }
    }
    sources.sort();
    sources
}

#[test]
fn every_file_keeps_to_the_map() {
    let sources = sources();
    let (_, docs) = sources.iter().find(|(path, _)| path == Path::new("lib.rs")).expect("src/lib.rs");
    let map = Map::parse(docs);
    let found: Vec<String> = sources
        .iter()
        .flat_map(|(path, source)| map.judge(path, source).into_iter().map(move |violation| (path, violation)))
        .map(|(path, violation)| format!("src/{}: {violation}", path.display()))
        .collect();
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn the_map_names_the_modules_that_exist() {
    let sources = sources();
    let (_, docs) = sources.iter().find(|(path, _)| path == Path::new("lib.rs")).expect("src/lib.rs");
    let mut mapped: Vec<String> = Map::parse(docs).0.into_iter().map(|(name, _)| name).collect();
    let mut existing: Vec<String> = sources.iter().filter_map(|(path, _)| top_module(path)).collect();
    existing.sort();
    existing.dedup();
    mapped.sort();
    assert_eq!(mapped, existing);
}

mod on_small_examples {
    use super::*;

    const DOCS: &str = "\
//! Words.
//! - `time`: pure
//! - `trace`: pure, and more
//! - `render`: pure
//! - `probe`: edge
//! - `load`: edge
//! - `lab`: edge
//! - `cli`: edge
//! - `odd`: neither
pub mod time;
";

    fn not_above(from: &str, to: &str) -> Violation {
        Violation::NotAbove { from: from.to_owned(), to: to.to_owned() }
    }

    /// `code` stands in the file at `path`, below its docs.
    fn check(path: &str, code: &str, expect: &[Violation]) {
        let found = Map::parse(DOCS).judge(Path::new(path), &format!("//! Docs.\n{code}\n"));
        assert_eq!(found, expect, "{path}: {code}");
    }

    #[test]
    fn a_map_is_its_lines_in_order() {
        let names: Vec<(String, Kind)> = Map::parse(DOCS).0;
        let expect = [
            ("time", Kind::Pure),
            ("trace", Kind::Pure),
            ("render", Kind::Pure),
            ("probe", Kind::Edge),
            ("load", Kind::Edge),
            ("lab", Kind::Edge),
            ("cli", Kind::Edge),
        ];
        assert_eq!(names, expect.map(|(name, kind)| (name.to_owned(), kind)));
    }

    #[test]
    fn imports_go_upward() {
        check("trace/wait.rs", "use crate::time::Nanos;", &[]);
        check("trace/wait.rs", "use crate::trace::Span;", &[]);
        check("trace/wait.rs", "fn f(x: crate::render::X) {}", &[not_above("trace", "render")]);
        check("time.rs", "use crate::{\n    render::{a, b},\n    time,\n};", &[not_above("time", "render")]);
        check(
            "time.rs",
            "use crate::{a::{b}, trace};",
            &[Violation::NotInMap("a".to_owned()), not_above("time", "trace")],
        );
        check("new.rs", "use crate::time;", &[Violation::NotInMap("new".to_owned())]);
        check("time.rs", "use crate::VERSION;", &[Violation::NotInMap("VERSION".to_owned())]);
        check("main.rs", "use crate::anything;", &[]);
    }

    #[test]
    fn edges_use_what_is_pure_and_do_not_render() {
        check("probe/mod.rs", "use crate::{time, trace};", &[]);
        check("probe/mod.rs", "use crate::render;", &[Violation::EdgeRenders { from: "probe".to_owned() }]);
        check("probe/mod.rs", "use crate::lab;", &[not_above("probe", "lab")]);
        check("load.rs", "use crate::probe;", &[]);
        check("lab/mod.rs", "use crate::probe;", &[Violation::WitnessLeans { to: "probe".to_owned() }]);
        check("cli/mod.rs", "use crate::{lab, probe, render};", &[]);
        let edge = Violation::EdgeInPure { from: "render".to_owned(), to: "cli".to_owned() };
        check("render/mod.rs", "use crate::cli;", &[edge]);
    }

    #[test]
    fn only_code_counts() {
        check("time.rs", "/// See [`crate::cli`].\n// crate::cli\n/* crate::cli */", &[]);
        check("time.rs", "const A: &str = \"crate::cli \\\" crate::cli\";", &[]);
        check("time.rs", "const A: &str = r#\"\" crate::cli\"#;", &[]);
        check("time.rs", "fn f<'a>(x: &'a str) -> char { '\"' } use crate::trace;", &[not_above("time", "trace")]);
        check("time.rs", "const A: char = '\\''; use crate::trace;", &[not_above("time", "trace")]);
        check("time.rs", "use other_crate::cli;", &[]);
    }

    #[test]
    fn super_does_not_hide_a_module() {
        check("time.rs", "use super::trace;", &[Violation::HiddenBySuper]);
        check("trace/mod.rs", "use super::cli;", &[Violation::HiddenBySuper]);
        check("trace/wait.rs", "use super::Span;", &[]);
        check("trace/wait.rs", "use super::super::cli;", &[Violation::HiddenBySuper]);
        check("time.rs", "mod tests {\n    use super::*;\n}", &[]);
        check("time.rs", "mod tests {\n    use super::super::cli;\n}", &[Violation::HiddenBySuper]);
    }

    #[test]
    fn pure_modules_do_nothing() {
        check("time.rs", "use std::net::IpAddr;", &[]);
        check("time.rs", "fn f() { println!(); }", &[Violation::Impure { word: "println!" }]);
        check("time.rs", "fn f() { eprintln!(); }", &[Violation::Impure { word: "eprintln!" }]);
        check("time.rs", "use std::net::TcpStream;", &[Violation::Impure { word: "TcpStream" }]);
        check("time.rs", "use std::fs::File;", &[Violation::Impure { word: "std::fs" }]);
        check("time.rs", "let now = Instant::now();", &[Violation::Impure { word: "Instant::now" }]);
        check("probe/mod.rs", "let now = Instant::now();", &[]);
        check("time.rs", "#[cfg(test)]\nmod tests {\n    use std::fs;\n}", &[]);
        check("trace/wait_tests.rs", "use std::fs;", &[]);
        check("time.rs", "#[cfg(test)]\nmod tests;\nuse std::fs;", &[Violation::Impure { word: "std::fs" }]);
    }

    #[test]
    fn files_are_short_without_their_tests() {
        let code = "\n".repeat(LONGEST - 1);
        let tests = "\n#[cfg(test)]\n#[path = \"x\"]\nmod tests {\n}\n";
        check("time.rs", &code[1..], &[]);
        check("time.rs", &code, &[Violation::TooLong { lines: LONGEST + 1 }]);
        check("time.rs", &format!("{}{tests}{code}", &code[3..]), &[]);
        check("time.rs", &format!("{tests}{}", &code[3..]), &[]);
    }

    #[test]
    fn every_file_begins_with_docs() {
        let found = Map::parse(DOCS).judge(Path::new("time.rs"), "use std::fmt;\n");
        assert_eq!(found, [Violation::NoDocs]);
        assert_eq!(found[0].to_string(), "does not begin with `//!`");
    }
}
