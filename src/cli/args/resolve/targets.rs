//! Where to ask: words of the command line, targets of a file, or some of each.
//!
//! What flags say counts for every target and beats what the file says of the same thing: the method, the body, a header field
//! of the same name, an address for the same host and port.

use std::collections::BTreeMap;
use std::path::Path;

use super::request::Template;
use crate::cli::args::error::{ArgsError, NotInFile, OfFlag, ValueError};
use crate::cli::args::flags::TargetArgs;
use crate::cli::args::{Inputs, body};
use crate::target::{Catalogue, Entry, Location, Role, Target};

const TARGETS: &str = "--targets";

/// What to ask, in order.
#[derive(Debug)]
pub(super) struct Chosen {
    pub(super) targets: Vec<Target>,
    /// The place among them of the file's baseline.
    pub(super) baseline: Option<usize>,
}

/// A target of the command line.
enum Wanted<'c> {
    Location(Location),
    Entry(&'c Entry),
}

impl TargetArgs {
    pub(super) fn resolve(&self, template: &Template, inputs: &dyn Inputs) -> Result<Chosen, ArgsError> {
        let file =
            self.file.as_deref().map(|path| read(path, inputs).map(|catalogue| (catalogue, path))).transpose()?;
        let wanted: Vec<Wanted<'_>> = match &file {
            Some((catalogue, _)) if self.targets.is_empty() => catalogue.entries().map(Wanted::Entry).collect(),
            file => self.targets.iter().map(|word| wanted(word, file.as_ref(), inputs)).collect::<Result<_, _>>()?,
        };
        let is_baseline = |wanted: &Wanted<'_>| matches!(wanted, Wanted::Entry(entry) if entry.role == Role::Baseline);
        let baseline = wanted.iter().position(is_baseline);
        let targets = wanted.into_iter().map(|wanted| target(wanted, template)).collect::<Result<_, _>>()?;
        Ok(Chosen { targets, baseline })
    }
}

fn read(path: &Path, inputs: &dyn Inputs) -> Result<Catalogue, ArgsError> {
    let name = path.display().to_string();
    let bytes = body::read(TARGETS, &name, inputs)?;
    let text = body::text(bytes, &name).of(TARGETS)?;
    Catalogue::parse(&text, &name).map_err(Box::new).of(TARGETS)
}

/// A word that is a name in the file, or a URL. Where there is a file, a word that could only be the name of a host without a
/// dot is one that the file lacks: asking name servers for a typing error helps nobody.
fn wanted<'c>(word: &str, file: Option<&'c (Catalogue, &Path)>, inputs: &dyn Inputs) -> Result<Wanted<'c>, ArgsError> {
    let is_toml = Path::new(word).extension().is_some_and(|ending| ending.eq_ignore_ascii_case("toml"));
    if is_toml && !word.contains("://") {
        let expected = "a URL, NAME=URL, or a name in the file of --targets, as this file may be meant to be";
        return Err(ValueError::Form { expected, got: word.to_owned() }).of("TARGET");
    }
    if let Some(entry) = file.and_then(|(catalogue, _)| catalogue.find(word)) {
        return Ok(Wanted::Entry(entry));
    }
    refuse_file(word, inputs)?;
    match file {
        None => Ok(Wanted::Location(word.parse().of("TARGET")?)),
        Some(_) if word.contains(['.', ':', '/', '=']) => Ok(Wanted::Location(word.parse().of("TARGET")?)),
        Some((catalogue, path)) => {
            let names = catalogue.entries().map(|entry| entry.name.as_str()).collect::<Vec<_>>().join(", ");
            let meant = catalogue.closest(word).map(str::to_owned);
            let file = path.display().to_string();
            Err(Box::new(NotInFile { word: word.to_owned(), file, names, meant })).of("TARGET")
        }
    }
}

/// A word without a scheme that is a file here, with or without a name, is no host: whoever typed it meant the file, and name
/// servers would be asked for it.
pub(super) fn refuse_file(word: &str, inputs: &dyn Inputs) -> Result<(), ArgsError> {
    let named = word.split_once('=').map(|(_, rest)| rest);
    let is_file = |word: &&str| !word.contains("://") && inputs.has_file(Path::new(word));
    match [Some(word), named].into_iter().flatten().find(is_file) {
        Some(file) => Err(ValueError::FileHere(file.to_owned())).of("TARGET"),
        None => Ok(()),
    }
}

fn target(wanted: Wanted<'_>, template: &Template) -> Result<Target, ArgsError> {
    Ok(match wanted {
        Wanted::Location(location) => {
            let (name, request) = template.request_to(location)?;
            let tags = BTreeMap::new();
            Target { name, tags, path: None, request, resolve: Vec::new(), expect_status: None }
        }
        Wanted::Entry(entry) => Target {
            name: Some(entry.name.clone()),
            tags: entry.tags.clone(),
            path: entry.path.clone(),
            request: template.request_of(entry)?,
            resolve: entry.resolve.clone(),
            expect_status: entry.expect_status,
        },
    })
}
