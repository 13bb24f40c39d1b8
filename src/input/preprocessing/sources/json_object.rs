//! JSON objects of unknown origin: without duplicate keys, values read by type.
//!
//! A wrong type is an error that names file, key, expected and found value, which errors of serde
//! do not.

use std::fmt;
use std::path::Path;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::INSTEAD;
use crate::error::{Error, Result};
use crate::input::preprocessing::text_file;

/// A JSON file.
#[derive(Debug)]
pub(super) struct Document {
    /// The file as it was given.
    pub(super) file: String,
    /// Its entries.
    pub(super) table: Map<String, Value>,
}

impl Document {
    /// Reads a file.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let text = text_file::read(path).map_err(|error| Error::read(path, error))?;
        Self::parse(path.display().to_string(), &text)
    }

    /// Parses the text of a file.
    pub(super) fn parse(file: String, text: &str) -> Result<Self> {
        match parse_object(text) {
            Ok(table) => Ok(Self { file, table }),
            Err(message) => Err(Error::configuration(file, message).with_hint(INSTEAD)),
        }
    }

    /// Returns the object at the top of the file.
    pub(super) fn root(&self) -> JsonObject<'_> {
        JsonObject { file: &self.file, table: &self.table }
    }
}

/// An object in a JSON file.
#[derive(Debug, Clone, Copy)]
pub(super) struct JsonObject<'a> {
    /// The file as it was given.
    pub(super) file: &'a str,
    /// The entries of the object.
    pub(super) table: &'a Map<String, Value>,
}

/// Parses a JSON object. The error is a sentence.
fn parse_object(text: &str) -> Result<Map<String, Value>, String> {
    match serde_json::from_str(text) {
        Ok(Unique(Value::Object(table))) => Ok(table),
        Ok(Unique(other)) => {
            Err(format!("expected a JSON object {{...}}, found {}", shown(&other)))
        }
        Err(error) => Err(format!("not valid JSON: {error}")),
    }
}

impl<'a> JsonObject<'a> {
    /// Creates an error about a key. The hint is to do without the file.
    pub(super) fn error(&self, key: &str, message: impl fmt::Display) -> Error {
        Error::configuration(format!("{}: {key}", self.file), message.to_string())
            .with_hint(INSTEAD)
    }

    /// Returns the value of a key; `None` for `null`.
    pub(super) fn get(&self, key: &str) -> Option<&'a Value> {
        self.table.get(key).filter(|value| !value.is_null())
    }

    /// Returns whether a key has a value other than `null`.
    pub(super) fn has(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    pub(super) fn boolean(&self, key: &str) -> Result<Option<bool>> {
        self.typed(key, "true or false", Value::as_bool)
    }

    pub(super) fn text(&self, key: &str) -> Result<Option<&'a str>> {
        self.typed(key, "text", Value::as_str)
    }

    pub(super) fn number(&self, key: &str) -> Result<Option<f64>> {
        self.typed(key, "a number", Value::as_f64)
    }

    pub(super) fn list(&self, key: &str) -> Result<Option<&'a [Value]>> {
        self.typed(key, "a list", |value| value.as_array().map(Vec::as_slice))
    }

    /// Returns a number of things; `None` for 0, with which a model has no head.
    pub(super) fn count(&self, key: &str) -> Result<Option<usize>> {
        let count = self.typed(key, "a whole number", Value::as_u64)?;
        Ok(count.map(|count| count as usize).filter(|count| *count > 0))
    }

    /// Returns a number of pixels.
    pub(super) fn side(&self, key: &str) -> Result<Option<usize>> {
        let side = self.get(key).map(parse_side).transpose();
        side.map_err(|message| self.error(key, message))
    }

    /// Returns the object of a key.
    pub(super) fn object(&self, key: &str) -> Result<Option<JsonObject<'a>>> {
        let table = self.typed(key, "an object", Value::as_object)?;
        Ok(table.map(|table| JsonObject { file: self.file, table }))
    }

    /// Returns a list of numbers, or one number as a list.
    pub(super) fn numbers(&self, key: &str) -> Result<Option<Vec<f64>>> {
        self.typed(key, "a number or a list of numbers", |value| {
            let values =
                value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
            let numbers: Option<Vec<f64>> = values.iter().map(Value::as_f64).collect();
            numbers.filter(|numbers| !numbers.is_empty())
        })
    }

    fn typed<T>(
        &self,
        key: &str,
        expected: &str,
        read: impl Fn(&'a Value) -> Option<T>,
    ) -> Result<Option<T>> {
        let Some(value) = self.get(key) else { return Ok(None) };
        read(value).map(Some).ok_or_else(|| {
            self.error(key, format!("expected {expected}, found {}", shown(value)))
        })
    }
}

/// Returns a number of pixels. The error is a sentence.
pub(super) fn parse_side(value: &Value) -> Result<usize, String> {
    match value.as_f64() {
        Some(side) if side.fract() == 0.0 && (1.0..=65_535.0).contains(&side) => {
            Ok(side as usize)
        }
        _ => Err(format!("expected a side between 1 and 65535, found {}", shown(value))),
    }
}

/// Returns a value as an error shows it: a long one by its type.
pub(super) fn shown(value: &Value) -> String {
    match value {
        Value::Object(_) => "an object".to_owned(),
        Value::Array(list) if list.len() > 4 => format!("a list of {}", list.len()),
        other => {
            let text = other.to_string();
            if text.len() <= 60 { text } else { format!("{} bytes of it", text.len()) }
        }
    }
}

/// Any JSON without duplicate keys: of two, it is not defined which one counts.
struct Unique(Value);

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(UniqueVisitor).map(Self)
    }
}

struct UniqueVisitor;

impl<'de> Visitor<'de> for UniqueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Unique(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut table = Map::new();
        while let Some((key, Unique(value))) = entries.next_entry::<String, Unique>()? {
            if table.contains_key(&key) {
                return Err(de::Error::custom(format!(
                    "the key \"{key}\" is there twice"
                )));
            }
            table.insert(key, value);
        }
        Ok(Value::Object(table))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_read_and_anything_else_is_named() {
        let table = parse_object(r#"{"a": [1, 2.5, null], "b": {"c": true}}"#).unwrap();
        assert_eq!(table["a"][1], 2.5);
        assert_eq!(
            parse_object("[1]").unwrap_err(),
            "expected a JSON object {...}, found [1]"
        );
        assert!(
            parse_object("{\"a\": 1").unwrap_err().starts_with("not valid JSON: EOF")
        );
        assert!(parse_object("{\"a\": NaN}").unwrap_err().starts_with("not valid JSON"));
    }

    #[test]
    fn duplicate_keys_are_refused_at_every_depth() {
        for text in [r#"{"0": "a", "0": "b"}"#, r#"{"x": [{"0": 1, "0": 1}]}"#] {
            let error = parse_object(text).unwrap_err();
            assert!(error.contains("the key \"0\" is there twice"), "{error}");
        }
    }

    #[test]
    fn deep_nesting_is_an_error() {
        let text = format!("{{\"a\": {}", "[".repeat(200_000));
        assert!(parse_object(&text).unwrap_err().contains("recursion limit"));
    }

    #[test]
    fn wrong_types_name_the_key_the_expected_and_the_found_value() {
        let table =
            parse_object(r#"{"a": "x", "b": 3, "c": [1, "z"], "d": 0.5}"#).unwrap();
        let object = JsonObject { file: "f.json", table: &table };
        let message = |error: Error| error.to_string();
        assert_eq!(
            message(object.boolean("a").unwrap_err()),
            "f.json: a: expected true or false, found \"x\""
        );
        assert_eq!(
            message(object.text("b").unwrap_err()),
            "f.json: b: expected text, found 3"
        );
        assert_eq!(
            message(object.numbers("c").unwrap_err()),
            "f.json: c: expected a number or a list of numbers, found [1,\"z\"]"
        );
        assert_eq!(
            message(object.side("d").unwrap_err()),
            "f.json: d: expected a side between 1 and 65535, found 0.5"
        );
        assert_eq!(object.side("b").unwrap(), Some(3));
        assert_eq!(object.numbers("none").unwrap(), None);
    }
}
