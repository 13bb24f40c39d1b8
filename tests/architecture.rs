//! Checks the layers of the crate, and rules that hold for all modules.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Modules by layer, lowest first. A module uses only modules of lower layers, never others of its
/// own layer.
const LAYERS: &[&[&str]] = &[
    &["error", "guide", "tensor", "palette", "python_literal"],
    &["simd", "operator", "npy"],
    &["random"],
    &["onnx", "sums", "pass"],
    &["head", "measure"],
    &["task"],
    &["input", "prediction", "record"],
    &["runtime", "graph"],
    &["sampling", "output", "cost", "metric"],
    &["policy", "image_sampler"],
    &["pipeline", "convert"],
    &["evaluate"],
    &["calibrate", "tune", "report"],
    &["figure"],
    &["cli"],
];

#[test]
fn the_table_of_layers_in_the_documentation_is_complete() {
    let page = include_str!("../ARCHITECTURE.md");
    let (_, layers) = page.split_once("## Layers").expect("a section about layers");
    let (layers, _) = layers.split_once("\n## ").expect("a next section");
    let rows = layers.lines().filter(|line| line.starts_with("| `"));
    let mut documented: Vec<Vec<&str>> = rows
        .map(|row| {
            let modules = row.split('|').nth(1).unwrap_or_default();
            modules.split('`').skip(1).step_by(2).collect()
        })
        .collect();
    documented.reverse();
    assert_eq!(documented, LAYERS);
}

/// Largest number of lines of a file.
const MOST_LINES: usize = 800;

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

/// Returns source text without its tests and comments.
fn code(text: &str) -> String {
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    code.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n")
}

/// Returns the paths below `prefix` in `text` (`crate::` or `super::`), with braces expanded:
/// `crate::{a::B, c}` gives `a::B` and `c`.
fn paths_after(text: &str, prefix: &str) -> Vec<String> {
    let mut paths = Vec::new();
    for (at, _) in text.match_indices(prefix) {
        let before = text[..at].chars().next_back();
        if before.is_none_or(|c| !(c.is_alphanumeric() || c == '_' || c == ':')) {
            expand(&mut text[at + prefix.len()..].chars().peekable(), "", &mut paths);
        }
    }
    paths
}

/// Reads one path, with the braces that it ends in, after `start`.
fn expand(
    rest: &mut std::iter::Peekable<std::str::Chars<'_>>,
    start: &str,
    paths: &mut Vec<String>,
) {
    let mut path = start.to_owned();
    while let Some(&c) = rest.peek() {
        if c == '{' && (path.ends_with("::") || path == start) {
            rest.next();
            loop {
                while rest.next_if(|c| c.is_whitespace() || *c == ',').is_some() {}
                if rest.next_if_eq(&'}').is_some() || rest.peek().is_none() {
                    return;
                }
                let left = rest.clone().count();
                expand(rest, &path, paths);
                // Skips everything that is not a path (`as name`, `*`).
                while rest.next_if(|c| !matches!(c, ',' | '}')).is_some() {}
                if rest.clone().count() == left {
                    return;
                }
            }
        }
        if !(c.is_alphanumeric() || c == '_' || c == ':') {
            break;
        }
        path.push(c);
        rest.next();
    }
    paths.push(path);
}

/// Returns the first name of each path after `crate::`.
fn modules_named(text: &str) -> BTreeSet<String> {
    let paths = paths_after(text, "crate::");
    paths.iter().filter_map(|path| path.split("::").next()).map(str::to_owned).collect()
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
        for name in modules_named(&code(&text)) {
            let Some(other) = layer.get(name.as_str()) else { continue };
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
        assert!(text.lines().count() <= MOST_LINES, "{name} is too long");
        for vague in ["mod.rs", "utils", "helpers", "common", "misc"] {
            assert!(!name.contains(vague), "{name} does not name its content");
        }
    }
}

#[test]
fn braces_of_imports_are_seen() {
    let text = "use crate::{pipeline::X, sums::{A, b::{C, D}}, tensor};\nuse crate::onnx::{\n    \
                Model, proto as p,\n};\nlet x = crate::simd::f();";
    let found = paths_after(text, "crate::");
    let expected = [
        "pipeline::X",
        "sums::A",
        "sums::b::C",
        "sums::b::D",
        "tensor",
        "onnx::Model",
        "onnx::proto",
        "simd::f",
    ];
    assert_eq!(found, expected);
    let modules = ["onnx", "pipeline", "simd", "sums", "tensor"];
    assert!(modules_named(text).iter().eq(&modules));
}

/// Returns the module path of a source file: `metric::table` for `metric/table.rs`.
fn module_path(file: &Path) -> String {
    file.with_extension("").to_string_lossy().replace(['/', '\\'], "::")
}

/// Returns the files that each file uses, by module path.
fn arrows() -> BTreeMap<String, BTreeSet<String>> {
    let sources = sources();
    let known: BTreeSet<String> =
        sources.iter().map(|(_, path, _)| module_path(path)).collect();
    // The longest module at the start of a path.
    let file_of = |path: &str| {
        let mut end = Some(path.len());
        while let Some(length) = end {
            if known.contains(&path[..length]) {
                return Some(path[..length].to_owned());
            }
            end = path[..length].rfind("::");
        }
        None
    };
    let mut arrows = BTreeMap::new();
    for (_, path, text) in &sources {
        let own = module_path(path);
        if ["lib", "main"].contains(&own.as_str()) || is_test_file(path) {
            continue;
        }
        let code = code(text);
        let mut named: BTreeSet<String> = paths_after(&code, "crate::")
            .iter()
            .filter_map(|path| file_of(path))
            .collect();
        let (mut prefix, mut base) = ("super::".to_owned(), own.clone());
        while let Some(end) = base.rfind("::") {
            base.truncate(end);
            for path in paths_after(&code, &prefix) {
                named.extend(file_of(&format!("{base}::{path}")));
            }
            prefix.push_str("super::");
        }
        for path in paths_after(&code, "self::") {
            named.extend(file_of(&format!("{own}::{path}")));
        }
        named.remove(&own);
        arrows.insert(own, named);
    }
    // A module declares its submodules and may use them; they may use its items. Only cycles
    // between siblings, or cycles that leave the module, are counted.
    for (file, named) in &mut arrows {
        named.retain(|other| !file.starts_with(&format!("{other}::")));
    }
    arrows
}

/// Returns groups of files that can be reached from each other, one line per group.
fn cycles(arrows: &BTreeMap<String, BTreeSet<String>>) -> Vec<String> {
    let reached = |from: &String| {
        let mut seen = BTreeSet::new();
        let mut open = vec![from];
        while let Some(file) = open.pop() {
            for next in arrows.get(file).into_iter().flatten() {
                if seen.insert(next.clone()) {
                    open.push(next);
                }
            }
        }
        seen
    };
    let reach: BTreeMap<&String, BTreeSet<String>> =
        arrows.keys().map(|file| (file, reached(file))).collect();
    let mut groups = BTreeSet::new();
    for (file, reached) in &reach {
        if reached.contains(*file) {
            let group = reached.iter().filter(|other| {
                reach.get(other).is_some_and(|back| back.contains(*file))
            });
            groups.insert(group.cloned().collect::<Vec<_>>().join(" <-> "));
        }
    }
    groups.into_iter().collect()
}

#[test]
fn files_of_a_module_do_not_name_each_other_in_circles() {
    let found = cycles(&arrows());
    assert!(found.is_empty(), "circles: {found:#?}");
}

/// Tasks are described by the rows of `task::TASKS`; only the readers of configurations name one.
#[test]
fn no_module_asks_which_task_it_is() {
    for (module, path, text) in sources() {
        if module == "task" || is_test_file(&path) {
            continue;
        }
        let name = path.to_string_lossy().replace('\\', "/");
        let code = code(&text);
        for flag in ["is_map", "map: bool"] {
            assert!(!code.contains(flag), "{name} contains {flag}");
        }
        let names_a_task =
            code.contains("task::CLASSIFICATION") || code.contains("task::SEGMENTATION");
        let reads_configurations = name.starts_with("input/preprocessing/sources/");
        assert!(!names_a_task || reads_configurations, "{name} names a task");
    }
}
