//! Differences between two runs because of which their rows cannot share a table.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::RunRecord;

/// Keys on which results do not depend.
const IRRELEVANT: &[&str] = &[
    "model.path",
    "preprocessing.max_pixels",
    "preprocessing.left out",
    "model.prefix_nodes",
    "model.suffix_nodes",
    "model.warnings",
    "runtime.library",
    "runtime.kernels",
    "runtime.threads",
    "sampling.batch_size",
    "sampling.memory",
    "sampling.rows_per_run",
    "sampling.rows_per_run_limited_by",
    "sampling.batch_size_opened",
    "multiply_adds",
    "output.report",
    "inputs",
    "images",
    "times",
];

/// Keys that explain every other difference.
const CAUSES: [&str; 2] = ["mcdrop", "model.files"];

impl RunRecord {
    /// Compares with the record of an earlier run, as far as results depend on it.
    ///
    /// Returns a phrase for each value that differs, or nothing if rows of both runs can share a table.
    pub fn differences(&self, earlier: &Self) -> Vec<String> {
        let (before, now) = (earlier.relevant_values(), self.relevant_values());
        let keys: BTreeSet<&String> = before.keys().chain(now.keys()).collect();
        let mut keys: Vec<&str> = keys
            .into_iter()
            .filter(|key| before.get(*key) != now.get(*key))
            .map(String::as_str)
            .collect();
        if let Some(cause) = CAUSES.iter().find(|cause| keys.contains(cause)) {
            keys = vec![cause];
        }
        keys.iter().map(|key| difference(key, before.get(*key), now.get(*key))).collect()
    }

    /// Returns the values on which results depend, by `group.key`.
    fn relevant_values(&self) -> BTreeMap<String, Value> {
        let mut values = BTreeMap::new();
        let Ok(Value::Object(groups)) = serde_json::to_value(self) else { return values };
        for (group, value) in groups {
            match value {
                Value::Object(inner) => values.extend(
                    inner
                        .into_iter()
                        .map(|(key, value)| (format!("{group}.{key}"), value)),
                ),
                value => drop(values.insert(group, value)),
            }
        }
        values.insert("model.files".to_owned(), self.model.hashes().collect());
        values.remove("preprocessing");
        values.extend(self.preprocessing.iter().map(|setting| {
            (format!("preprocessing.{}", setting.key), setting.value.clone().into())
        }));
        values.retain(|key, _| !is_irrelevant(key));
        values
    }
}

fn is_irrelevant(key: &str) -> bool {
    IRRELEVANT.iter().any(|name| {
        let rest = key.strip_prefix(name);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    })
}

/// Largest length of a value that is quoted.
const MAX_LENGTH: usize = 80;

fn difference(key: &str, before: Option<&Value>, now: Option<&Value>) -> String {
    let key = key.rsplit('.').next().unwrap_or(key);
    match (short_text(before), short_text(now)) {
        _ if key == "files" => "the model is another one".to_owned(),
        (Some(before), Some(now)) => format!("{key} was {before}, is {now} now"),
        _ => format!("{key} differ"),
    }
}

/// Returns the text of a value that is short enough to be quoted.
fn short_text(value: Option<&Value>) -> Option<String> {
    let text = match value {
        None | Some(Value::Null) => "none".to_owned(),
        Some(Value::String(text)) if text.is_empty() => "none".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
    };
    (text.len() <= MAX_LENGTH).then_some(text)
}
