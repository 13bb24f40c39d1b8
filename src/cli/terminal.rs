//! Lines for a person.
#![expect(
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "this is where printing is done"
)]

use std::fmt::Display;

use crate::error::Error;

/// An error, and the way out below it.
pub(super) fn error(error: &Error) {
    eprintln!("error: {error}");
    if let Some(hint) = error.hint() {
        eprintln!("hint: {hint}");
    }
}

/// A warning.
pub(super) fn warning(message: &impl Display) {
    eprintln!("warning: {message}");
}

/// A line about what is going on.
pub(super) fn note(message: &impl Display) {
    eprintln!("{message}");
}

/// A line of what was asked for.
pub(super) fn line(text: &impl Display) {
    println!("{text}");
}
