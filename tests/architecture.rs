//! The layers of the crate, and what no module may do.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Modules by layer, lowest first. A module names only modules of lower layers; peers of a
/// layer never name each other.
const LAYERS: &[&[&str]] = &[
    &["error", "guide", "tensor", "palette", "python_literal"],
    &["simd", "operator", "npy"],
    &["random"],
    &["onnx", "sums"],
    &["head", "measure"],
    &["task"],
    &["input"],
    &["runtime", "graph"],
    &["sampling", "output", "cost", "metric"],
    &["policy"],
    &["pipeline", "convert"],
    &["evaluate"],
    &["calibrate", "tune", "report"],
    &["cli"],
];

fn sources() -> Vec<(String, PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    for entry in
        walkdir::WalkDir::new(&root).into_iter().map(|e| e.expect("src can be listed"))
    {
        let path = entry.path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            let relative = path.strip_prefix(&root).expect("below src").to_owned();
            let first = relative.components().next().expect("a name").as_os_str();
            let module = first.to_string_lossy().trim_end_matches(".rs").to_owned();
            found.push((
                module,
                relative,
                fs::read_to_string(path).expect("source is text"),
            ));
        }
    }
    found
}

/// Source without its tests and comments.
fn code(text: &str) -> String {
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    code.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n")
}

fn names_after<'a>(text: &'a str, prefix: &str) -> Vec<&'a str> {
    text.match_indices(prefix)
        .map(|(at, _)| {
            let rest = &text[at + prefix.len()..];
            let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_'));
            &rest[..end.unwrap_or(rest.len())]
        })
        .collect()
}

fn is_test_file(path: &Path) -> bool {
    path.components()
        .any(|part| matches!(part.as_os_str().to_str(), Some("tests" | "tests.rs")))
}

#[test]
fn a_module_names_only_modules_of_lower_layers() {
    let layer: BTreeMap<&str, usize> = LAYERS
        .iter()
        .enumerate()
        .flat_map(|(i, names)| names.iter().map(move |name| (*name, i)))
        .collect();
    for (module, path, text) in sources() {
        if ["lib", "main"].contains(&module.as_str()) || is_test_file(&path) {
            continue;
        }
        let own = layer.get(module.as_str());
        let own = own.unwrap_or_else(|| panic!("src/{module}.rs belongs to no layer"));
        for name in names_after(&code(&text), "crate::") {
            let Some(other) = layer.get(name) else { continue };
            let allowed = name == module || other < own;
            assert!(allowed, "{} names {name}, which is not below it", path.display());
        }
    }
}

#[test]
fn a_crate_is_named_only_by_the_module_that_wraps_it() {
    let wrapped = [
        ("ort::", "runtime"),
        ("prost::", "onnx"),
        ("clap::", "cli"),
        ("indicatif::", "cli"),
    ];
    for (module, path, text) in sources() {
        for (name, owner) in wrapped {
            let named = code(&text).contains(&format!("use {name}"))
                || code(&text).contains(&format!(" {name}"));
            let writes_models = matches!(module.as_str(), "graph" | "cost");
            let fine = !named || module == owner || (name == "prost::" && writes_models);
            assert!(fine, "{} names {name}", path.display());
        }
    }
}

#[test]
fn printing_and_unsafe_code_stay_where_they_are_allowed() {
    let unsafe_allowed =
        ["simd.rs", "runtime/dropout.rs", "runtime/library.rs", "onnx/file.rs"];
    for (_, path, text) in sources() {
        let name = path.to_string_lossy().replace('\\', "/");
        let code = code(&text);
        for macro_name in ["println!", "eprintln!", "print!("] {
            assert!(
                !code.contains(macro_name)
                    || name == "cli/terminal.rs"
                    || is_test_file(&path),
                "{name} prints"
            );
        }
        let uses_unsafe =
            code.contains("unsafe ") && !unsafe_allowed.contains(&name.as_str());
        assert!(!uses_unsafe, "{name} holds unsafe code");
    }
}

#[test]
fn files_are_short_and_named_for_what_they_hold() {
    for (_, path, text) in sources() {
        let name = path.to_string_lossy().replace('\\', "/");
        assert!(text.lines().count() <= 500, "{name} is too long");
        for vague in ["mod.rs", "utils", "helpers", "common", "misc"] {
            assert!(!name.contains(vague), "{name} says nothing about what it holds");
        }
    }
}
