//! `wirefall URL` means `wirefall trace URL`.
//!
//! A word counts as the command only where it is not the value of a flag before it, so this module has to know which of the
//! flags of `trace` take values; it asks their definition.

use std::ffi::{OsStr, OsString};

use clap::Command;

const DEFAULT: &str = "trace";

/// `argv` (the program's name first) with its command as the first word: `trace` is inserted where the first word that is
/// neither a flag nor a flag's value names no command, and a command behind flags moves to the front.
///
/// A bare word with one typo in a command's name stays where it is: the program's own complaint about it names the command,
/// which helps more than asking name servers for a host of that name.
///
/// Also splits `-d=x` into `-d` and `=x`: for curl the `=` belongs to the value of a short flag, for clap it does not.
pub(super) fn with_default_command(argv: Vec<OsString>, program: &Command) -> Vec<OsString> {
    let Some(trace) = program.find_subcommand(DEFAULT) else { return argv };
    let mut argv = argv.into_iter();
    let mut words: Vec<OsString> = argv.next().into_iter().collect();
    let mut first_word = None;
    while let Some(word) = argv.next() {
        let kind = kind(&word, trace);
        if matches!(kind, Kind::Word) && first_word.is_none() {
            first_word = Some(words.len());
        }
        match kind {
            Kind::End => {
                first_word = first_word.or(Some(words.len()));
                words.push(word);
                words.extend(argv.by_ref());
            }
            Kind::ValueFollows => {
                words.push(word);
                words.extend(argv.next());
            }
            Kind::ShortWithEquals { flag, value } => words.extend([flag, value]),
            Kind::Word | Kind::Flag => words.push(word),
        }
    }
    let names_command = |word: &OsStr| word == "help" || program.find_subcommand(word).is_some();
    let is_for_program = |word: &OsStr| ["-h", "--help", "-V", "--version"].iter().any(|flag| word == *flag);
    match first_word {
        Some(at) if names_command(&words[at]) => words[1..=at].rotate_right(1),
        Some(1) if program.get_subcommands().any(|command| is_one_typo_off(&words[1], command.get_name())) => {}
        None if words.get(1).is_none_or(|word| is_for_program(word)) => {}
        _ => words.insert(1, DEFAULT.into()),
    }
    words
}

/// Whether `word` differs from `name` by a letter that is missing, added or wrong, or by two that changed places.
fn is_one_typo_off(word: &OsStr, name: &str) -> bool {
    let (Some(word), name) = (word.to_str().map(str::as_bytes), name.as_bytes()) else { return false };
    let same_from_start = word.iter().zip(name).take_while(|(one, other)| one == other).count();
    let (word, name) = (&word[same_from_start..], &name[same_from_start..]);
    let same_from_end = word.iter().rev().zip(name.iter().rev()).take_while(|(one, other)| one == other).count();
    match (&word[..word.len() - same_from_end], &name[..name.len() - same_from_end]) {
        ([] | [_], [_]) | ([_], []) => true,
        ([first, second], [third, fourth]) => first == fourth && second == third,
        _ => false,
    }
}

/// What a word is, seen from its beginning.
enum Kind {
    /// A target, or a command.
    Word,
    /// A flag that is complete.
    Flag,
    /// A flag whose value is the next word.
    ValueFollows,
    /// A short flag with a value that begins with `=`.
    ShortWithEquals { flag: OsString, value: OsString },
    /// `--`: only words follow.
    End,
}

fn kind(word: &OsStr, trace: &Command) -> Kind {
    // Flags are ASCII: what is not UTF-8 can only be behind one, and loses nothing that is looked at here.
    let text = word.to_string_lossy();
    if text == "--" {
        return Kind::End;
    }
    if let Some(long) = text.strip_prefix("--") {
        let takes_value = |arg: &clap::Arg| {
            let named =
                arg.get_long() == Some(long) || arg.get_all_aliases().is_some_and(|aliases| aliases.contains(&long));
            named && arg.get_action().takes_values()
        };
        return if trace.get_arguments().any(takes_value) { Kind::ValueFollows } else { Kind::Flag };
    }
    let Some(cluster) = text.strip_prefix('-').filter(|cluster| !cluster.is_empty()) else { return Kind::Word };
    let takes_value =
        |short| trace.get_arguments().any(|arg| arg.get_short() == Some(short) && arg.get_action().takes_values());
    let Some((at, short)) = cluster.char_indices().find(|(_, short)| takes_value(*short)) else { return Kind::Flag };
    let value = &cluster[at + short.len_utf8()..];
    if value.is_empty() {
        Kind::ValueFollows
    } else if value.starts_with('=') && word.to_str().is_some() {
        Kind::ShortWithEquals { flag: text[..text.len() - value.len()].into(), value: value.into() }
    } else {
        Kind::Flag
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(argv: &str, expect: &str) {
        let words = |line: &str| line.split_whitespace().map(OsString::from).collect::<Vec<_>>();
        let found = with_default_command(words(argv), &super::super::command());
        assert_eq!(found, words(expect), "{argv}");
    }

    #[test]
    fn words_without_a_command_belong_to_trace() {
        check("wirefall", "wirefall");
        check("wirefall h", "wirefall trace h");
        check("wirefall trace h", "wirefall trace h");
        check("wirefall -k h", "wirefall trace -k h");
        check("wirefall h -k", "wirefall trace h -k");
        check("wirefall -k", "wirefall trace -k");
        check("wirefall -X lab h", "wirefall trace -X lab h");
        check("wirefall -Xlab h", "wirefall trace -Xlab h");
        check("wirefall -kX lab h", "wirefall trace -kX lab h");
        check("wirefall -kvo chart h", "wirefall trace -kvo chart h");
        check("wirefall --output chart h", "wirefall trace --output chart h");
        check("wirefall --data-ascii lab h", "wirefall trace --data-ascii lab h");
        check("wirefall --output=chart lab", "wirefall lab --output=chart");
        // The value of -d is -o, which therefore takes none.
        check("wirefall -d -o h lab", "wirefall trace -d -o h lab");
        check("wirefall -o - h", "wirefall trace -o - h");
        check("wirefall - h", "wirefall trace - h");
        check("wirefall h lab", "wirefall trace h lab");
        check("wirefall -- lab", "wirefall trace -- lab");
        check("wirefall -k -- -h", "wirefall trace -k -- -h");
        check("wirefall -o", "wirefall trace -o");
    }

    #[test]
    fn a_command_with_a_typo_is_no_host() {
        for typo in ["chrat", "char", "charrt", "chaRt", "dmeo"] {
            check(&format!("wirefall {typo} x"), &format!("wirefall {typo} x"));
        }
        check("wirefall hcarts x", "wirefall trace hcarts x");
        check("wirefall trace chrat", "wirefall trace chrat");
        check("wirefall -k chrat", "wirefall trace -k chrat");
        check("wirefall http://chrat/", "wirefall trace http://chrat/");
        check("wirefall chart.example", "wirefall trace chart.example");
    }

    #[test]
    fn a_command_moves_before_its_flags() {
        check("wirefall lab --profile f", "wirefall lab --profile f");
        check("wirefall -k trace h", "wirefall trace -k h");
        check("wirefall -X PUT -k trace h i", "wirefall trace -X PUT -k h i");
        check("wirefall help trace", "wirefall help trace");
    }

    #[test]
    fn help_and_version_without_words_are_the_programs() {
        for argv in ["wirefall -h", "wirefall --help", "wirefall -V", "wirefall --version"] {
            check(argv, argv);
        }
        check("wirefall -k --help", "wirefall trace -k --help");
        check("wirefall --help trace", "wirefall trace --help");
    }

    #[test]
    fn an_equals_sign_belongs_to_the_value_of_a_short_flag() {
        check("wirefall -d=a h", "wirefall trace -d =a h");
        check("wirefall -kd=a=b h", "wirefall trace -kd =a=b h");
        check("wirefall -da=b h", "wirefall trace -da=b h");
        check("wirefall --data=a h", "wirefall trace --data=a h");
    }

    proptest! {
        #[test]
        fn no_word_is_lost(argv in prop::collection::vec("-{0,2}[a-zA-Z.é=]{0,5}|lab|trace|-[Xd]", 0..6)) {
            let argv: Vec<OsString> = argv.into_iter().map(OsString::from).collect();
            let found = with_default_command(argv.clone(), &super::super::command());
            let text = |words: &[OsString]| {
                let mut characters: Vec<char> = words.iter().flat_map(|word| word.to_string_lossy().chars().collect::<Vec<_>>()).collect();
                characters.sort_unstable();
                characters
            };
            let inserted = if found.len() > argv.len() && text(&found) != text(&argv) { DEFAULT } else { "" };
            let mut expect = argv;
            expect.push(inserted.into());
            prop_assert_eq!(text(&found), text(&expect));
        }
    }
}
