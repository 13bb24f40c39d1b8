//! Errors of the argument parser, printed like all other errors: the message, then a hint.

use std::process::ExitCode;

use clap::{CommandFactory, error::ErrorKind};

use super::{Cli, settings, terminal};

/// Prefix of hints of the parser.
const TIP: &str = "tip: ";
/// Beginning of a hint that is removed: it is about values that look like options.
const USELESS_TIP: &str = "to pass '";
/// Last line of the parser's message, which is removed because it names no command.
const LAST: &str = "For more information";

/// Prints the help page that was requested, or the error.
pub(super) fn answer(error: &clap::Error) -> ExitCode {
    let page = matches!(
        error.kind(),
        ErrorKind::DisplayHelp
            | ErrorKind::DisplayVersion
            | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
    );
    if page {
        // A reader that closed the pipe is not an error.
        let _ = error.print();
    } else {
        let command = std::env::args().nth(1);
        let text = reworded(&error.to_string(), command.as_deref());
        terminal::note(&settings::to_options(&text));
    }
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
}

fn reworded(text: &str, command: Option<&str>) -> String {
    let mut lines: Vec<String> = Vec::new();
    let mut hints: Vec<String> = Vec::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        match line.trim_start().strip_prefix(TIP) {
            Some(tip) if tip.starts_with(USELESS_TIP) => {}
            Some(tip) => hints.push(format!("hint: {tip}")),
            None if line.starts_with(LAST) => {}
            None => lines.push(line.to_owned()),
        }
    }
    if hints.is_empty() {
        hints.push(format!("hint: {}", options(command)));
    }
    lines.append(&mut hints);
    lines.join("\n")
}

/// Returns a hint that leads to the options of a command.
fn options(command: Option<&str>) -> String {
    let program = Cli::command();
    let known = program.get_subcommands().map(clap::Command::get_name);
    match command.and_then(|name| known.into_iter().find(|known| *known == name)) {
        Some("predict") => "`mcdrop predict --help` shows the options used most, with \
                            examples, and `mcdrop help predict` all"
            .to_owned(),
        Some(name) => format!("`mcdrop {name} --help` shows its options"),
        None => "`mcdrop --help` shows the commands, with examples".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hint_is_a_similar_name_or_the_page_of_the_command() {
        let similar = "error: no '--sample'\n\n  tip: try '--samples'\n\nUsage: a b\n\nFor more \
                       information, try '--help'.\n";
        assert_eq!(
            reworded(similar, Some("predict")),
            "error: no '--sample'\nUsage: a b\nhint: try '--samples'"
        );
        let other =
            "error: no '--gpu'\n\n  tip: to pass '--gpu' as a value, use '-- --gpu'\n";
        for (command, page) in
            [("predict", "`mcdrop help predict`"), ("doctor", "`mcdrop doctor --help`")]
        {
            let text = reworded(other, Some(command));
            assert!(text.contains(page) && !text.contains("value"), "{text}");
        }
        assert!(reworded(other, Some("x")).contains("`mcdrop --help`"));
    }
}
