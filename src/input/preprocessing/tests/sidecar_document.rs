//! The settings that `docs/sidecar.md` lists, compared with the table of settings.

use std::collections::BTreeSet;

use crate::input::preprocessing::partial_config::PartialConfig;
use crate::input::preprocessing::sidecar;

const DOCUMENT: &str = include_str!("../../../../docs/sidecar.md");

/// Returns the keys of the table in the document, each with the text of its default.
fn documented() -> Vec<(&'static str, &'static str)> {
    let rows = DOCUMENT.lines().skip_while(|line| *line != "| key | default | meaning |");
    let rows = rows.skip(2).take_while(|line| line.starts_with('|'));
    let mut documented = Vec::new();
    for row in rows {
        let mut cells = row.trim_start_matches("| ").split(" | ");
        let (keys, default) = (cells.next().unwrap(), cells.next().unwrap());
        documented.extend(keys.split(", ").map(|key| (key.trim_matches('`'), default)));
    }
    documented
}

#[test]
fn the_document_lists_every_setting_with_its_default() {
    let documented = documented();
    let keys: BTreeSet<&str> = documented.iter().map(|(key, _)| *key).collect();
    assert_eq!(keys, PartialConfig::KEYS.iter().copied().collect());
    for (key, default) in PartialConfig::defaults() {
        let (_, cell) = documented.iter().find(|(name, _)| *name == key).unwrap();
        let first = cell.split([' ', ';']).next().unwrap();
        match default {
            Some(default) => {
                assert_eq!(first.trim_matches('`'), default, "{key}: {cell}");
            }
            None => assert!(!first.starts_with('`'), "{key} has no default: {cell}"),
        }
    }
}

#[test]
fn the_example_of_the_document_gives_every_setting() {
    let (_, rest) = DOCUMENT.split_once("```toml\n").unwrap();
    let (example, _) = rest.split_once("```").unwrap();
    sidecar::parse("example.toml", example).unwrap();
    let table: toml::Table = example.parse().unwrap();
    let keys: BTreeSet<&str> = table.keys().map(String::as_str).collect();
    assert_eq!(keys, PartialConfig::KEYS.iter().copied().collect());
}
