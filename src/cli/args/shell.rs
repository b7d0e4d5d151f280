//! What a shell and `man` need: completions and the manual page.

use std::io;

use clap::Command;
use clap_complete::Shell;
use clap_mangen::Man;

/// A script that completes this program's arguments in a shell.
#[must_use]
pub fn completions(shell: Shell) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut super::command(), "wirefall", &mut script);
    script
}

/// The manual page, in roff: the program, then each command with its flags.
#[must_use]
pub fn man() -> Vec<u8> {
    let mut page = Vec::new();
    // Writing into a Vec cannot fail.
    let _: io::Result<()> = write_page(&mut page);
    page
}

fn write_page(page: &mut Vec<u8>) -> io::Result<()> {
    let mut program = super::command();
    program.build();
    let commands: Vec<Command> =
        program.get_subcommands().filter(|command| command.get_name() != "help").cloned().collect();
    let examples_of_program = examples(&program, ".SH");
    let program = Man::new(program).manual("wirefall");
    program.render_title(page)?;
    program.render_name_section(page)?;
    program.render_synopsis_section(page)?;
    program.render_description_section(page)?;
    for command in commands {
        let title = format!(".SH \"WIREFALL {}\"\n", command.get_name().to_uppercase());
        let examples = examples(&command, ".SS");
        let command = Man::new(command);
        page.extend(title.into_bytes());
        let mut sections = Vec::new();
        command.render_synopsis_section(&mut sections)?;
        command.render_description_section(&mut sections)?;
        command.render_options_section(&mut sections)?;
        page.extend(as_subsections(&String::from_utf8_lossy(&sections)).into_bytes());
        page.extend(examples.into_bytes());
    }
    page.extend(examples_of_program.into_bytes());
    program.render_version_section(page)
}

/// What stands at the end of a command's help, its titles as sections and its lines as they are. (The section that
/// `clap_mangen` would make of it fills lines, which breaks commands in two.)
fn examples(command: &Command, section: &str) -> String {
    let text = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let roff = text.lines().map(|line| {
        let escaped = line.replace('\\', "\\e").replace('-', "\\-").replace('\'', "\\(aq").replace('~', "\\(ti");
        if line.starts_with(' ') || line.is_empty() {
            format!("{escaped}\n")
        } else {
            format!(".fi\n{section} \"{escaped}\"\n.nf\n")
        }
    });
    roff.chain([".fi\n".to_owned()]).collect()
}

/// The sections of a command, one level lower, so that they stand below their command's title.
fn as_subsections(sections: &str) -> String {
    sections
        .lines()
        .map(|line| match line.strip_prefix(".SH") {
            Some(title) => format!(".SS{title}\n"),
            None => format!("{line}\n"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shell_learns_commands_and_flags() {
        for shell in [Shell::Bash, Shell::Elvish, Shell::Fish, Shell::PowerShell, Shell::Zsh] {
            let script = String::from_utf8(completions(shell)).unwrap();
            for word in [
                "trace",
                "compare",
                "regions",
                "same-within",
                "endpoint-template",
                "lab",
                "demo",
                "chart",
                "happy-eyeballs-timeout-ms",
                "data-urlencode",
            ] {
                assert!(script.contains(word), "{shell}: {word}");
            }
        }
    }

    #[test]
    fn the_manual_page_has_every_flag_of_every_command() {
        let page = String::from_utf8(man()).unwrap();
        // roff writes a hyphen as \-
        let plain = page.replace("\\-", "-");
        let mut program = super::super::command();
        program.build();
        for command in program.get_subcommands().filter(|command| command.get_name() != "help") {
            let title = format!(".SH \"WIREFALL {}\"", command.get_name().to_uppercase());
            assert!(plain.contains(&title), "{title}");
            for long in command.get_arguments().filter_map(clap::Arg::get_long) {
                assert!(plain.contains(&format!("--{long}")), "{} --{long}", command.get_name());
            }
        }
        assert!(page.contains("\n.SS \"EXAMPLES\"\n.nf\n  wirefall lab \\-\\-ca\\-out ca.pem"), "{page}");
        assert_eq!(page.lines().filter(|line| line.starts_with(".TH")).count(), 1);
    }
}
