//! Lines for a person.

use std::fmt::Display;
use std::io::{self, Write as _};

use super::settings;
use crate::error::Error;

/// An error, and the way out below it.
pub(super) fn error(error: &Error) {
    note(&format_args!("error: {}", settings::message(error)));
    if let Some(text) = error.hint() {
        hint(text);
    }
}

/// A warning.
pub(super) fn warning(message: &impl Display) {
    note(&format_args!("warning: {}", settings::to_options(&message.to_string())));
}

/// A warning, and the way out below it where one is known.
pub(super) fn warned(message: &impl Display, way_out: Option<&str>) {
    warning(message);
    if let Some(text) = way_out {
        hint(text);
    }
}

/// A way out.
pub(super) fn hint(text: &str) {
    note(&format_args!("hint: {}", settings::to_options(text)));
}

/// A line about what is going on.
pub(super) fn note(message: &impl Display) {
    let _ = writeln!(io::stderr(), "{message}");
}

/// A line of data, with the system when this returns.
pub(super) fn data(line: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

/// A line of what was asked for.
pub(super) fn line(text: &impl Display) {
    let _ = writeln!(io::stdout(), "{text}");
}

/// What was asked for, as it is.
pub(super) fn bytes(content: &[u8]) {
    let _ = io::stdout().write_all(content);
}
