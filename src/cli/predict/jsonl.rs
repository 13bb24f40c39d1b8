//! Rows as lines of JSON on standard output: the option `--jsonl`.

use std::io;

use serde_json::{Map, Number, Value};

use crate::cli::terminal;
use crate::pipeline::{self, OutputOptions};

/// Columns that hold text; all others hold numbers.
const TEXT: &[&str] =
    &["path", "class_name", "prediction_set", "decision", "sha256", "error"];

/// Rows on standard output, until the reader closes it.
pub(super) struct Lines<'a> {
    options: &'a OutputOptions,
    columns: Vec<String>,
    /// Whether there are scores for each pixel.
    map: bool,
    open: bool,
}

impl<'a> Lines<'a> {
    /// Lines for a run of which it is known whether there are scores for each pixel.
    pub(super) fn new(options: &'a OutputOptions, map: bool) -> Self {
        Self { options, columns: pipeline::columns(options, map), map, open: true }
    }

    /// Writes the row of an image; `done` is whether it has files.
    ///
    /// A reader that has gone is no error: what a run makes are its files. Whatever else is
    /// wrong is returned once.
    pub(super) fn row(
        &mut self,
        id: &str,
        fields: &[String],
        done: bool,
    ) -> io::Result<()> {
        if !self.open {
            return Ok(());
        }
        let files =
            if done { pipeline::files(self.options, self.map, id) } else { Vec::new() };
        let result = terminal::data(&line(&self.columns, fields, files));
        self.open = result.is_ok();
        match result {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            other => other,
        }
    }
}

/// A row as one JSON object: its fields by column, and the paths of its files under `maps`.
fn line(columns: &[String], fields: &[String], files: Vec<(String, String)>) -> String {
    let fields = columns.iter().zip(fields);
    let mut object: Map<String, Value> =
        fields.map(|(column, field)| (column.clone(), value(column, field))).collect();
    let files = files.into_iter().map(|(kind, path)| (kind, Value::String(path)));
    object.insert("maps".to_owned(), Value::Object(files.collect()));
    Value::Object(object).to_string()
}

/// Empty fields and what JSON has no number for (infinity) are null.
fn value(column: &str, field: &str) -> Value {
    if field.is_empty() {
        Value::Null
    } else if TEXT.contains(&column) {
        Value::String(field.to_owned())
    } else if let Ok(whole) = field.parse::<u64>() {
        Value::Number(whole.into())
    } else {
        let number = field.parse().ok().and_then(Number::from_f64);
        number.map_or(Value::Null, Value::Number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strings(fields: &[&str]) -> Vec<String> {
        fields.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn numbers_are_numbers_and_names_are_names() {
        let columns =
            strings(&["path", "width", "class_name", "margin", "sha256", "error"]);
        let fields = strings(&["17", "28", "7", "0.33333334", "12e4", ""]);
        let files = vec![("margin".to_owned(), "margin/17.png".to_owned())];
        assert_eq!(
            line(&columns, &fields, files),
            r#"{"path":"17","width":28,"class_name":"7","margin":0.33333334,"#.to_owned()
                + r#""sha256":"12e4","error":null,"maps":{"margin":"margin/17.png"}}"#
        );
    }

    #[test]
    fn a_failed_row_is_mostly_null_and_stays_one_line() {
        let columns = strings(&["path", "margin", "error"]);
        let text = line(&columns, &strings(&["a\nb\".png", "", "broken\nfile"]), vec![]);
        assert!(!text.contains('\n'), "{text}");
        let read: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(read["path"], "a\nb\".png");
        assert_eq!(read["error"], "broken\nfile");
        assert!(read["margin"].is_null() && read["maps"].as_object().unwrap().is_empty());
    }

    #[test]
    fn every_number_of_the_table_comes_back() {
        use crate::output::table::shortest;
        for number in [0.0, 1.0, 0.1, 1.0 / 3.0, 9.9e-5, 1e-45, f32::MAX, -2.5] {
            let Value::Number(read) = value("margin", &shortest(number)) else {
                panic!("{number} is no number")
            };
            let back = read.to_string().parse::<f32>().unwrap();
            assert_eq!(back.to_bits(), number.to_bits());
        }
        for none in [f32::NAN, f32::INFINITY] {
            assert!(value("margin", &shortest(none)).is_null());
        }
    }
}
