//! Parses the command line, dispatches, and ends with the exit code. It must not hold anything else.

use std::process::ExitCode;

fn main() -> ExitCode {
    ralphext::cli::main()
}
