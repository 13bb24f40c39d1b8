//! Parser of Python literals, which exporters write into the metadata of ONNX files and `NumPy`
//! into the headers of its arrays.
//!
//! Dictionaries, lists, tuples, strings, numbers, `True`, `False` and `None` are parsed to JSON
//! values. Tuples become lists and keys of dictionaries become strings. Nothing is evaluated.

use serde_json::{Map, Number, Value};

/// Largest depth of nesting; known metadata need two levels.
const DEEPEST: usize = 32;

/// Parses a literal; the error is a message.
pub(crate) fn parse(text: &str) -> Result<Value, String> {
    let mut reader = LiteralReader { rest: text };
    let value = reader.value(DEEPEST)?;
    reader.skip_space();
    if reader.rest.is_empty() { Ok(value) } else { Err(reader.unexpected("its end")) }
}

struct LiteralReader<'a> {
    rest: &'a str,
}

impl LiteralReader<'_> {
    fn value(&mut self, depth: usize) -> Result<Value, String> {
        let Some(below) = depth.checked_sub(1) else {
            return Err(format!("nested more than {DEEPEST} deep"));
        };
        self.skip_space();
        match self.rest.chars().next() {
            Some('{') => self.dictionary(below),
            Some('[') => self.list('[', ']', below),
            Some('(') => self.list('(', ')', below),
            Some('\'' | '"') => self.string().map(Value::String),
            _ => self.word(),
        }
    }

    fn dictionary(&mut self, depth: usize) -> Result<Value, String> {
        self.expect('{')?;
        let mut table = Map::new();
        while !self.take('}') {
            let key = match self.value(depth)? {
                Value::String(text) => text,
                number @ Value::Number(_) => number.to_string(),
                other => return Err(format!("expected a key, found {other}")),
            };
            self.expect(':')?;
            let value = self.value(depth)?;
            if table.contains_key(&key) {
                return Err(format!("the key {key} is there twice"));
            }
            table.insert(key, value);
            if !self.take(',') {
                self.expect('}')?;
                break;
            }
        }
        Ok(Value::Object(table))
    }

    fn list(&mut self, open: char, close: char, depth: usize) -> Result<Value, String> {
        self.expect(open)?;
        let mut items = Vec::new();
        let mut with_comma = false;
        while !self.take(close) {
            items.push(self.value(depth)?);
            with_comma = self.take(',');
            if !with_comma {
                self.expect(close)?;
                break;
            }
        }
        // (x) is x; only (x,) is a tuple.
        match items.as_slice() {
            [only] if open == '(' && !with_comma => Ok(only.clone()),
            _ => Ok(Value::Array(items)),
        }
    }

    fn string(&mut self) -> Result<String, String> {
        let mut characters = self.rest.char_indices();
        let quote = characters.next().map(|(_, quote)| quote);
        let mut text = String::new();
        while let Some((at, character)) = characters.next() {
            match character {
                _ if Some(character) == quote => {
                    self.rest = &self.rest[at + character.len_utf8()..];
                    return Ok(text);
                }
                '\\' => text.extend(escaped(&mut characters)?),
                _ => text.push(character),
            }
        }
        Err("a string does not end".to_owned())
    }

    fn word(&mut self) -> Result<Value, String> {
        let ends = |c: char| !(c.is_ascii_alphanumeric() || "+-._".contains(c));
        let end = self.rest.find(ends).unwrap_or(self.rest.len());
        let value = match &self.rest[..end] {
            "True" => Value::Bool(true),
            "False" => Value::Bool(false),
            "None" => Value::Null,
            word => {
                let number = number(word).ok_or_else(|| self.unexpected("a value"))?;
                Value::Number(number)
            }
        };
        self.rest = &self.rest[end..];
        Ok(value)
    }

    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn take(&mut self, character: char) -> bool {
        self.skip_space();
        let rest = self.rest.strip_prefix(character);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn expect(&mut self, character: char) -> Result<(), String> {
        if self.take(character) {
            Ok(())
        } else {
            Err(self.unexpected(&format!("\"{character}\"")))
        }
    }

    fn unexpected(&self, expected: &str) -> String {
        let found: String = self.rest.chars().take(20).collect();
        if found.is_empty() {
            format!("expected {expected}, found its end")
        } else {
            format!("expected {expected}, found \"{found}\"")
        }
    }
}

fn number(word: &str) -> Option<Number> {
    // Rust parses "nan" and "infinity" as numbers; in Python they are names.
    if !word.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c)) {
        return None;
    }
    if let Ok(number) = word.parse::<i64>() {
        return Some(number.into());
    }
    word.parse::<f64>().ok().and_then(Number::from_f64)
}

/// Parses the character after a backslash; `None` for a line continuation.
fn escaped(characters: &mut std::str::CharIndices<'_>) -> Result<Option<char>, String> {
    let Some((_, character)) = characters.next() else {
        return Err("a string does not end".to_owned());
    };
    let digits = match character {
        'x' => 2,
        'u' => 4,
        'U' => 8,
        'n' => return Ok(Some('\n')),
        't' => return Ok(Some('\t')),
        'r' => return Ok(Some('\r')),
        '0' => return Ok(Some('\0')),
        '\\' | '\'' | '"' => return Ok(Some(character)),
        '\n' => return Ok(None),
        other => return Err(format!("the escape \\{other} is not supported")),
    };
    let code: String = characters.by_ref().take(digits).map(|(_, c)| c).collect();
    let complete = code.len() == digits && code.chars().all(|c| c.is_ascii_hexdigit());
    u32::from_str_radix(&code, 16)
        .ok()
        .filter(|_| complete)
        .and_then(char::from_u32)
        .map(Some)
        .ok_or_else(|| format!("\\{character}{code} is not a character"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn what_python_prints_is_read() {
        for (text, expected) in [
            (
                r#"{0: 'person', 1: 'bi"cycle', 2: "driver's"}"#,
                json!({"0": "person", "1": "bi\"cycle", "2": "driver's"}),
            ),
            ("[224, 224]", json!([224, 224])),
            ("(640, 480,)", json!([640, 480])),
            ("(7)", json!(7)),
            ("(7,)", json!([7])),
            ("()", json!([])),
            (" { 'a' : [ True , False , None ] , } ", json!({"a": [true, false, null]})),
            ("-1.5e3", json!(-1500.0)),
            (r"'caf\xe9 \u00e9 \U0001f600 \'\\'", json!("café é 😀 '\\")),
            ("'日本'", json!("日本")),
        ] {
            assert_eq!(parse(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_literal_says_what_was_found() {
        for (text, expected) in [
            ("", "expected a value, found its end"),
            ("[1, 2", "expected \"]\", found its end"),
            ("{1: 2, 1: 3}", "the key 1 is there twice"),
            ("{[1]: 2}", "expected a key, found [1]"),
            ("'abc", "a string does not end"),
            (r"'\q'", "the escape \\q is not supported"),
            (r"'\ud800'", "\\ud800 is not a character"),
            ("__import__('os')", "expected a value, found \"__import__('os')\""),
            ("1 + 1", "expected its end, found \"+ 1\""),
            ("nan", "expected a value, found \"nan\""),
        ] {
            assert_eq!(parse(text), Err(expected.to_owned()), "{text}");
        }
        let deep = "[".repeat(100_000);
        assert_eq!(parse(&deep), Err("nested more than 32 deep".to_owned()));
    }

    proptest! {
        #[test]
        fn any_text_gives_a_value_or_an_error(text in r#"[\[\](){}'",:\\xu0-9a-fTrueNo +.-]{0,60}|\PC*"#) {
            let _ = parse(&text);
        }

        #[test]
        fn printed_strings_are_read_back(text in "\\PC*") {
            let printed = text.replace('\\', "\\\\").replace('\'', "\\'");
            prop_assert_eq!(parse(&format!("'{printed}'")), Ok(Value::String(text)));
        }
    }
}
