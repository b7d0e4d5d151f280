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
    let program = Man::new(program).manual("wirefall");
    program.render_title(page)?;
    program.render_name_section(page)?;
    program.render_synopsis_section(page)?;
    program.render_description_section(page)?;
    for command in commands {
        let title = format!(".SH \"WIREFALL {}\"\n", command.get_name().to_uppercase());
        let command = Man::new(command);
        page.extend(title.into_bytes());
        let mut sections = Vec::new();
        command.render_synopsis_section(&mut sections)?;
        command.render_description_section(&mut sections)?;
        command.render_options_section(&mut sections)?;
        command.render_extra_section(&mut sections)?;
        page.extend(as_subsections(&String::from_utf8_lossy(&sections)).into_bytes());
    }
    program.render_extra_section(page)?;
    program.render_version_section(page)
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
            for word in ["trace", "lab", "demo", "chart", "happy-eyeballs-timeout-ms", "data-urlencode"] {
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
        assert_eq!(page.lines().filter(|line| line.starts_with(".TH")).count(), 1);
    }
}
