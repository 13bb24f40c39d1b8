//! Prints messages on standard error, and data on standard output.

use std::fmt::Display;
use std::io::{self, Write as _};

use super::settings;
use crate::error::Error;

/// Prints an error and its hint.
pub(super) fn error(error: &Error) {
    note(&format_args!("error: {}", settings::message(error)));
    if let Some(text) = error.hint() {
        hint(text);
    }
}

/// Prints a warning.
pub(super) fn warning(message: &impl Display) {
    note(&format_args!("warning: {}", settings::to_options(&message.to_string())));
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

/// Prints a message.
pub(super) fn note(message: &impl Display) {
    let _ = writeln!(io::stderr(), "{message}");
}

/// Prints and flushes a line of data.
pub(super) fn data(line: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

/// Prints a line of the result.
pub(super) fn line(text: &impl Display) {
    let _ = writeln!(io::stdout(), "{text}");
}

/// Prints bytes of the result.
pub(super) fn bytes(content: &[u8]) {
    let _ = io::stdout().write_all(content);
}
