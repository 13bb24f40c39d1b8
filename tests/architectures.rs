//! Graphs of published architectures without their weights: verdicts, places and costs against
//! independent counts.

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::fixture;

/// Writes a model of the table to a folder, with a sparse file of the right length as its weights,
/// and inspects it.
fn inspected(folder: &Path, name: &str, entry: &Value, arguments: &[&str]) -> Value {
    let path = folder.join(name);
    fs::copy(fixture::path(&format!("fixtures/architectures/{name}")), &path).unwrap();
    let weights = File::create(folder.join("weights.bin")).unwrap();
    weights.set_len(entry["data_bytes"].as_u64().unwrap()).unwrap();
    let size = &entry["size"];
    let output = Command::new(env!("CARGO_BIN_EXE_mcdrop"))
        .arg("inspect")
        .arg(&path)
        .args(["--json", "--size", &format!("{}x{}", size[2], size[1])])
        .args(arguments)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{name}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_str(&text).unwrap()
}

fn table() -> serde_json::Map<String, Value> {
    let path = fixture::path("fixtures/architectures/architectures.json");
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn verdicts_sites_places_and_costs_of_published_architectures_are_right() {
    let folder = tempfile::tempdir().unwrap();
    let mut wrong = Vec::new();
    let table = table();
    for (name, entry) in &table {
        let found = inspected(folder.path(), name, entry, &[]);
        if found["verdict"] != entry["verdict"] {
            let warnings = &found["warnings"];
            wrong.push(format!("{name}: verdict {}, {warnings}", found["verdict"]));
        }
        let expected = entry["multiply_adds"].as_f64().unwrap();
        let counted = found["multiply_adds"].as_f64().unwrap_or(0.0);
        if (counted / expected - 1.0).abs() > 0.01 {
            wrong.push(format!("{name}: {counted} multiply-adds, {expected} by PyTorch"));
        }
        if let Some(suffix) = entry["suffix_multiply_adds"].as_f64() {
            let share = found["suffix_share"].as_f64().unwrap_or(0.0);
            if (share / (suffix / expected) - 1.0).abs() > 0.05 {
                wrong.push(format!(
                    "{name}: suffix {share}, {} by PyTorch",
                    suffix / expected
                ));
            }
        }
        let kinds = entry["sites"].as_object().unwrap();
        for (kind, n) in kinds.iter().filter(|(kind, _)| *kind != "all") {
            let sites = found["sites"].as_array().unwrap();
            let live =
                sites.iter().filter(|s| s["kind"] == **kind && s["live"] == true).count();
            if live as u64 != n.as_u64().unwrap() {
                wrong
                    .push(format!("{name}: {live} live sites of {kind}, {n} in PyTorch"));
            }
        }
        let candidates = found["candidates"].as_array().unwrap();
        let is_listed = |node: &Value, place: Option<&str>| {
            candidates.iter().any(|candidate| {
                candidate["node"] == *node
                    && place.is_none_or(|place| candidate["place"] == place)
            })
        };
        // The remaining places of a model that has dropout are not tested.
        if entry["verdict"] != "none" {
            continue;
        }
        for head in entry["head"].as_array().unwrap() {
            if !is_listed(head, Some("head")) {
                wrong.push(format!("{name}: {head} is not a head"));
            }
        }
        for place in entry["candidates"].as_array().unwrap() {
            // Some dropouts are where no place of mcdrop is (embeddings).
            let Some(word) = place["place"].as_str() else { continue };
            if !is_listed(&place["node"], Some(word)) {
                wrong.push(format!("{name}: {} is not listed as {word}", place["node"]));
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert!(table.len() >= 38, "{}", table.len());
}

#[test]
fn the_cost_of_a_place_is_that_of_what_comes_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let name = "alexnet-eval-dynamo.onnx";
    let entry = &table()[name];
    let found = inspected(folder.path(), name, entry, &["--insert", "head"]);
    // The last layer is 4096 x 1000 products.
    let expected = 4_096_000.0 / entry["multiply_adds"].as_f64().unwrap();
    let share = found["suffix_share"].as_f64().unwrap();
    assert!((share / expected - 1.0).abs() < 1e-6, "{share}");
    let head =
        found["candidates"].as_array().unwrap().iter().find(|c| c["place"] == "head");
    assert_eq!(head.unwrap()["share"].as_f64(), Some(share));
}
