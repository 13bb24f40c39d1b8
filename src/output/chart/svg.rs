//! Elements of SVG as text.

use std::fmt::Write as _;

/// A document to which elements are appended.
#[derive(Debug, Default)]
pub(in crate::output) struct Svg(String);

impl Svg {
    /// Appends an element without content.
    pub(in crate::output) fn element(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.open(name, attributes);
        self.0.truncate(self.0.len() - 2);
        self.0.push_str("/>\n");
    }

    /// Appends the start of an element with content.
    pub(in crate::output) fn open(&mut self, name: &str, attributes: &[(&str, &str)]) {
        let _ = write!(self.0, "<{name}");
        for (name, value) in attributes {
            let _ = write!(self.0, " {name}=\"{}\"", escaped(value));
        }
        self.0.push_str(">\n");
    }

    /// Appends the end of an element.
    pub(in crate::output) fn close(&mut self, name: &str) {
        let _ = writeln!(self.0, "</{name}>");
    }

    /// Appends an element that contains text.
    pub(in crate::output) fn text(
        &mut self,
        name: &str,
        attributes: &[(&str, &str)],
        text: &str,
    ) {
        self.open(name, attributes);
        self.0.truncate(self.0.len() - 1);
        let _ = writeln!(self.0, "{}</{name}>", escaped(text));
    }

    pub(in crate::output) fn finish(self) -> String {
        self.0
    }
}

/// Escapes text; characters that XML does not allow are left out.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            c if c.is_control() => {}
            c => safe.push(c),
        }
    }
    safe
}

/// Formats a length in pixels, rounded to a hundredth.
pub(in crate::output) fn pixels(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Returns the path data of a line through points.
pub(in crate::output) fn path(points: &[(f64, f64)]) -> String {
    let mut path = String::new();
    for (i, (x, y)) in points.iter().enumerate() {
        let command = if i == 0 { 'M' } else { 'L' };
        let _ = write!(path, "{command}{} {}", pixels(*x), pixels(*y));
    }
    path
}
