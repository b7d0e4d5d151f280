//! wirefall on the command line: arguments in, an exit code out.

use std::process::ExitCode;

fn main() -> ExitCode {
    wirefall::cli::run(std::env::args_os())
}
