//! JSON of unknown origin: objects without double keys, and their values by type.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::INSTEAD;
use crate::error::{Error, Result};

/// An object, with the name of the file that holds it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fields<'a> {
    /// The file as it was given, and where in it the object lies.
    pub(super) file: &'a str,
    pub(super) table: &'a Map<String, Value>,
}

/// The JSON object that this text holds; the error is a sentence.
pub(super) fn object(text: &str) -> Result<Map<String, Value>, String> {
    match serde_json::from_str(text) {
        Ok(Unique(Value::Object(table))) => Ok(table),
        Ok(Unique(other)) => {
            Err(format!("expected a JSON object {{...}}, found {}", kind(&other)))
        }
        Err(error) => Err(format!("not valid JSON: {error}")),
    }
}

impl<'a> Fields<'a> {
    /// An error about a key; the way out is to do without the file.
    pub(super) fn error(&self, key: &str, message: impl fmt::Display) -> Error {
        Error::setting(format!("{}: {key}", self.file), message.to_string())
            .with_hint(INSTEAD)
    }

    /// The value of a key; `null` stands for none.
    pub(super) fn get(&self, key: &str) -> Option<&'a Value> {
        self.table.get(key).filter(|value| !value.is_null())
    }

    pub(super) fn truth(&self, key: &str) -> Result<Option<bool>> {
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

    /// A number of things; 0, which stands for no head of a model, is none.
    pub(super) fn count(&self, key: &str) -> Result<Option<usize>> {
        let count = self.typed(key, "a whole number", Value::as_u64)?;
        Ok(count.map(|count| count as usize).filter(|count| *count > 0))
    }

    /// A number of pixels.
    pub(super) fn side(&self, key: &str) -> Result<Option<usize>> {
        self.get(key).map(|value| side(value).map_err(|m| self.error(key, m))).transpose()
    }

    /// The object below a key.
    pub(super) fn below(&self, key: &str) -> Result<Option<Fields<'a>>> {
        let table = self.typed(key, "an object", Value::as_object)?;
        Ok(table.map(|table| Fields { file: self.file, table }))
    }

    /// One number, or a list of them.
    pub(super) fn numbers(&self, key: &str) -> Result<Option<Vec<f64>>> {
        let Some(value) = self.get(key) else { return Ok(None) };
        let values = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
        let numbers: Option<Vec<f64>> = values.iter().map(Value::as_f64).collect();
        match numbers {
            Some(numbers) if !numbers.is_empty() => Ok(Some(numbers)),
            _ => Err(self.error(
                key,
                format!("expected a number or a list of numbers, found {}", kind(value)),
            )),
        }
    }

    fn typed<T>(
        &self,
        key: &str,
        what: &str,
        read: impl Fn(&'a Value) -> Option<T>,
    ) -> Result<Option<T>> {
        let Some(value) = self.get(key) else { return Ok(None) };
        let found = || format!("expected {what}, found {}", kind(value));
        read(value).map(Some).ok_or_else(|| self.error(key, found()))
    }
}

/// A number of pixels as JSON has it; the error is a sentence.
pub(super) fn side(value: &Value) -> Result<usize, String> {
    match value.as_f64() {
        Some(side) if side.fract() == 0.0 && (1.0..=65_535.0).contains(&side) => {
            Ok(side as usize)
        }
        _ => Err(format!("expected a side between 1 and 65535, found {}", kind(value))),
    }
}

/// A value as an error shows it; long ones by their type.
pub(super) fn kind(value: &Value) -> String {
    match value {
        Value::Object(_) => "an object".to_owned(),
        Value::Array(list) if list.len() > 4 => format!("a list of {}", list.len()),
        other => {
            let text = other.to_string();
            if text.len() <= 60 { text } else { format!("{} bytes of it", text.len()) }
        }
    }
}

/// Any JSON, with double keys refused: of two, no reader says which one counts.
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
        let table = object(r#"{"a": [1, 2.5, null], "b": {"c": true}}"#).unwrap();
        assert_eq!(table["a"][1], 2.5);
        assert_eq!(object("[1]").unwrap_err(), "expected a JSON object {...}, found [1]");
        assert!(object("{\"a\": 1").unwrap_err().starts_with("not valid JSON: EOF"));
        assert!(object("{\"a\": NaN}").unwrap_err().starts_with("not valid JSON"));
    }

    #[test]
    fn double_keys_are_refused_at_every_depth() {
        for text in [r#"{"0": "a", "0": "b"}"#, r#"{"x": [{"0": 1, "0": 1}]}"#] {
            let error = object(text).unwrap_err();
            assert!(error.contains("the key \"0\" is there twice"), "{error}");
        }
    }

    #[test]
    fn deep_nesting_is_an_error() {
        let text = format!("{{\"a\": {}", "[".repeat(200_000));
        assert!(object(&text).unwrap_err().contains("recursion limit"));
    }

    #[test]
    fn wrong_types_name_the_key_and_both_sides() {
        let table = object(r#"{"a": "x", "b": 3, "c": [1, "z"], "d": 0.5}"#).unwrap();
        let fields = Fields { file: "f.json", table: &table };
        let message = |error: Error| error.to_string();
        assert_eq!(
            message(fields.truth("a").unwrap_err()),
            "f.json: a: expected true or false, found \"x\""
        );
        assert_eq!(
            message(fields.text("b").unwrap_err()),
            "f.json: b: expected text, found 3"
        );
        assert_eq!(
            message(fields.numbers("c").unwrap_err()),
            "f.json: c: expected a number or a list of numbers, found [1,\"z\"]"
        );
        assert_eq!(
            message(fields.side("d").unwrap_err()),
            "f.json: d: expected a side between 1 and 65535, found 0.5"
        );
        assert_eq!(fields.side("b").unwrap(), Some(3));
        assert_eq!(fields.numbers("none").unwrap(), None);
    }
}
