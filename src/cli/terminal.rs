//! Prints messages on standard error, and data on standard output.

use std::borrow::Cow;
use std::fmt::Display;
use std::io::{self, Write as _};

use clap::builder::styling::{AnsiColor, Style};

use super::settings;
use crate::error::Error;

/// Prints an error and its hint.
pub(super) fn error(error: &Error) {
    let message = settings::message(error);
    match error {
        // Its list of locations has a line for each.
        Error::RuntimeMissing { .. } => note(&format_args!("error: {message}")),
        _ => note(&format_args!("error: {}", one_line(&message))),
    }
    if let Some(text) = error.hint() {
        hint(text);
    }
}

/// Prints a warning.
pub(super) fn warning(message: &impl Display) {
    let message = settings::to_options(&message.to_string());
    note(&format_args!("warning: {}", one_line(&message)));
}

/// Prints a warning and its hint.
pub(super) fn warning_with_hint(message: &impl Display, hint_text: Option<&str>) {
    warning(message);
    if let Some(text) = hint_text {
        hint(text);
    }
}

/// Prints a hint.
pub(super) fn hint(text: &str) {
    note(&format_args!("hint: {}", settings::to_options(text)));
}

/// Prints a message. Labels are colored on terminals, unless `NO_COLOR` is set.
pub(super) fn note(message: &impl Display) {
    let text = with_colors(&harmless(&message.to_string()));
    let _ = writeln!(anstream::stderr(), "{text}");
}

/// Colors of the words that begin lines.
const LABELS: [(&str, AnsiColor); 3] = [
    ("error:", AnsiColor::Red),
    ("warning:", AnsiColor::Yellow),
    ("hint:", AnsiColor::Green),
];

/// Returns a text with escape sequences around its labels.
fn with_colors(text: &str) -> String {
    let colored = |line: &str| {
        let found = LABELS.iter().find(|(label, _)| line.starts_with(label));
        found.map_or(line.to_owned(), |(label, color)| {
            let style = Style::new().bold().fg_color(Some((*color).into()));
            format!("{style}{label}{style:#}{}", &line[label.len()..])
        })
    };
    text.split('\n').map(colored).collect::<Vec<_>>().join("\n")
}

/// Prints and flushes a line of data.
pub(super) fn data(line: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

/// Prints a line of the result.
pub(super) fn line(text: &impl Display) {
    let _ = writeln!(io::stdout(), "{}", harmless(&text.to_string()));
}

/// Prints bytes of the result.
pub(super) fn bytes(content: &[u8]) {
    let _ = io::stdout().write_all(content);
}

/// Returns a text in which no character acts on the terminal or changes the order of others. Names
/// of files and nodes come from strangers, and may move the cursor or look like another message.
pub(super) fn harmless(text: &str) -> Cow<'_, str> {
    escaped(text, |letter| letter != '\n' && letter != '\t' && acts_on_terminal(letter))
}

/// Returns a text like [`harmless`], in one line.
pub(super) fn one_line(text: &str) -> Cow<'_, str> {
    escaped(text, acts_on_terminal)
}

fn escaped(text: &str, must_escape: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&must_escape) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        if must_escape(letter) {
            safe.extend(letter.escape_default());
        } else {
            safe.push(letter);
        }
    }
    Cow::Owned(safe)
}

/// Returns `true` for control characters, ends of lines, and invisible characters that set the
/// direction of text.
fn acts_on_terminal(letter: char) -> bool {
    letter.is_control()
        || matches!(
            letter,
            '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_at_the_beginning_of_lines_are_colored() {
        let text = "error: no hint: here\nhint: x";
        assert_eq!(
            with_colors(text),
            "\u{1b}[1m\u{1b}[31merror:\u{1b}[0m no hint: here\n\u{1b}[1m\u{1b}[32mhint:\u{1b}[0m x"
        );
        assert_eq!(anstream::adapter::strip_str(&with_colors(text)).to_string(), text);
    }

    #[test]
    fn characters_that_act_on_the_terminal_are_escaped() {
        for (text, shown) in [
            ("a\u{1b}[2J.png", "a\\u{1b}[2J.png"),
            ("gnp.\u{202e}exe", "gnp.\\u{202e}exe"),
            ("a\rb\u{9b}c\u{7f}", "a\\rb\\u{9b}c\\u{7f}"),
            ("\u{2066}x\u{200b}", "\\u{2066}x\\u{200b}"),
            ("Straße/東京.png\t1\n2", "Straße/東京.png\t1\n2"),
        ] {
            assert_eq!(harmless(text), shown);
        }
        assert_eq!(one_line("a\nhint: x"), "a\\nhint: x");
    }
}
