//! Reads class names: one on each line, a JSON list, or a JSON object from index to name such as
//! Hugging Face's `id2label` (by itself or inside a `config.json`).

use std::path::Path;

use serde_json::{Map, Value};

use super::text_file;
use crate::error::{Error, Result};

/// Reads the class names of a file, in the order of their indices: one on each line, a JSON list,
/// or a JSON object from index to name.
///
/// # Errors
///
/// Fails if the file cannot be read or is none of these.
pub fn read_class_names(path: &Path) -> Result<Vec<String>> {
    let text = text_file::read(path).map_err(|error| Error::read(path, error))?;
    parse(&text).map_err(|message| {
        Error::setting(format!("classes = {}", path.display()), message).with_hint(
            "expected one name on each line, a JSON list, or JSON like {\"0\": \"road\", ...}",
        )
    })
}

fn parse(text: &str) -> Result<Vec<String>, String> {
    if !text.trim_start().starts_with(['[', '{']) {
        return lines(text);
    }
    match serde_json::from_str(text) {
        Ok(Value::Array(names)) => list(&names),
        Ok(Value::Object(table)) => match table.get("id2label") {
            Some(Value::Object(inner)) => by_index(inner),
            Some(_) => Err("id2label is not a table".to_owned()),
            None => by_index(&table),
        },
        // A name may begin with a bracket. Then the rest of the file is not JSON either.
        Ok(_) | Err(_) if text.trim_start().starts_with('[') && !text.contains('"') => {
            lines(text)
        }
        Ok(_) => Err("neither a list nor a table".to_owned()),
        Err(error) => Err(format!("not valid JSON: {error}")),
    }
}

fn lines(text: &str) -> Result<Vec<String>, String> {
    let names: Vec<String> =
        text.trim_end().lines().map(|line| line.trim().to_owned()).collect();
    if names.is_empty() {
        return Err("no names in it".to_owned());
    }
    match names.iter().position(String::is_empty) {
        Some(blank) => Err(format!("line {} is empty", blank + 1)),
        None => Ok(names),
    }
}

/// Returns the names of a JSON list. The error is a sentence.
pub(super) fn list(names: &[Value]) -> Result<Vec<String>, String> {
    if names.is_empty() {
        return Err("no names in it".to_owned());
    }
    let name = |(i, value): (usize, &Value)| match value {
        Value::String(name) => Ok(name.clone()),
        other => Err(format!("entry {i}: expected a name, found {other}")),
    };
    names.iter().enumerate().map(name).collect()
}

/// Returns the names of a JSON object from index to name, by index; a gap is an error.
pub(super) fn by_index(table: &Map<String, Value>) -> Result<Vec<String>, String> {
    let mut names = vec![Value::Null; table.len()];
    for (key, value) in table {
        let place = key.parse().ok().and_then(|index: usize| names.get_mut(index));
        *place.ok_or_else(|| {
            format!("\"{key}\" is not an index from 0 to {}", table.len() - 1)
        })? = value.clone();
    }
    list(&names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_from_lines_lists_and_tables() {
        let expected = Ok(vec!["road".to_owned(), "sky, upper".to_owned()]);
        assert_eq!(parse("road\r\nsky, upper\r\n\n"), expected);
        assert_eq!(parse(r#"["road", "sky, upper"]"#), expected);
        assert_eq!(parse(r#"{"1": "sky, upper", "0": "road"}"#), expected);
        let config =
            r#"{"model_type": "vit", "id2label": {"0": "road", "1": "sky, upper"}}"#;
        assert_eq!(parse(config), expected);
    }

    #[test]
    fn broken_lists_are_errors_that_name_the_entry() {
        let error = |text| parse(text).unwrap_err();
        assert_eq!(error(""), "no names in it");
        assert_eq!(error("[]"), "no names in it");
        assert_eq!(error("{}"), "no names in it");
        assert_eq!(error("road\n\nsky"), "line 2 is empty");
        assert_eq!(error(r#"["road", 3]"#), "entry 1: expected a name, found 3");
        assert_eq!(error(r#"{"1": "a", "2": "b"}"#), "\"2\" is not an index from 0 to 1");
        assert_eq!(
            error(r#"{"0": "a", "00": "b"}"#),
            "entry 1: expected a name, found null"
        );
        assert!(error(r#"{"0": "a""#).starts_with("not valid JSON"));
        assert!(error(r#"["road""#).starts_with("not valid JSON"));
    }
}
