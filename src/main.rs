//! The command line of mcdrop.

use std::process::ExitCode;

fn main() -> ExitCode {
    mcdrop::cli::main()
}
