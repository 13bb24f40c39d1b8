//! `mcdrop man` and `mcdrop completions`: generated from the arguments, like `--help`.

use clap::{Args, Command};
use clap_complete::Shell;

use super::{End, terminal};
use crate::error::{Error, Result};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mcdrop man predict | man -l -
  mcdrop man > ~/.local/share/man/man1/mcdrop.1")]
pub(super) struct ManArguments {
    /// The command [default: mcdrop itself].
    command: Option<String>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mcdrop completions bash > ~/.local/share/bash-completion/completions/mcdrop
  mcdrop completions zsh > ~/.zfunc/_mcdrop
  mcdrop completions fish > ~/.config/fish/completions/mcdrop.fish")]
pub(super) struct CompletionsArguments {
    /// The shell.
    shell: Shell,
}

/// Prints the manual page in roff.
pub(super) fn print_page(mut program: Command, typed: &ManArguments) -> Result<End> {
    program.build();
    let command = match &typed.command {
        None => program,
        Some(name) => program.find_subcommand(name).cloned().ok_or_else(|| {
            let known: Vec<_> =
                program.get_subcommands().map(Command::get_name).collect();
            Error::setting("COMMAND", format!("unknown command \"{name}\""))
                .with_hint(format!("the commands are {}", known.join(", ")))
        })?,
    };
    let mut page = Vec::new();
    clap_mangen::Man::new(command)
        .render(&mut page)
        .map_err(|error| Error::runtime("writing the manual page", error.to_string()))?;
    terminal::bytes(&page);
    Ok(End::Done)
}

/// Prints the completions.
pub(super) fn print_completions(
    program: &mut Command,
    typed: &CompletionsArguments,
) -> End {
    let mut script = Vec::new();
    clap_complete::generate(typed.shell, program, "mcdrop", &mut script);
    terminal::bytes(&script);
    End::Done
}
