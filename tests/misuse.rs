//! Tests wrong commands, with the exact answer to each.
//!
//! `misuse.txt` is the table: a line `$ mcdrop ...` is a case, run in a folder of files that are
//! wrong in many ways ([`scene`]). The lines below it are its exit code and its exact output on
//! standard error. Lines that begin with `#` are headings. Paths, times, versions and messages of
//! ONNX Runtime are replaced by fixed words, because they differ between machines.
//!
//! To add a case, add a `$` line. `MCDROP_BLESS=1 cargo test misuse` then writes the answers again;
//! read the difference as a new user would before it is committed. For root, whom permissions do
//! not restrict, the cases below `without-permission/` are not changed.

use std::collections::HashSet;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use mcdrop::measure::MEASURES;
use mcdrop::task::Task;

use crate::fixture;
use crate::skip::skip;

mod scene;

use scene::Scene;

/// Output folder, removed before each case.
const OUT: &str = "out";

/// Prefix of the cases that make sense only for a user whom permissions restrict.
const BOUND: &str = "without-permission/";

/// A case, or a heading.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Block {
    Heading(String),
    Case { typed: String, answer: String },
}

impl Block {
    fn typed(&self) -> Option<String> {
        match self {
            Self::Heading(_) => None,
            Self::Case { typed, .. } => Some(typed.clone()),
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Heading(text) => text.clone(),
            Self::Case { typed, answer } => format!("$ {typed}\n{answer}"),
        }
    }
}

fn blocks(table: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    for line in table.lines() {
        if line.starts_with('#') {
            blocks.push(Block::Heading(line.to_owned()));
        } else if let Some(typed) = line.strip_prefix("$ ") {
            blocks.push(Block::Case { typed: typed.to_owned(), answer: String::new() });
        } else if let Some(Block::Case { answer, .. }) = blocks.last_mut() {
            answer.push_str(line);
            answer.push('\n');
        }
    }
    for block in &mut blocks {
        if let Block::Case { answer, .. } = block {
            answer.truncate(answer.trim_end().len());
        }
    }
    blocks
}

fn table(blocks: &[Block]) -> String {
    let texts: Vec<String> = blocks.iter().map(Block::text).collect();
    texts.join("\n\n") + "\n"
}

/// Parses a shell command, as far as the table needs it: `NAME=value` in front, words, 'quoted
/// words', and `< FILE`.
fn command(folder: &Path, typed: &str) -> Command {
    let mut words: Vec<String> = Vec::new();
    for (i, part) in typed.split('\'').enumerate() {
        if i % 2 == 1 {
            words.push(part.to_owned());
        } else {
            words.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_mcdrop"));
    command.current_dir(folder).stdin(Stdio::null());
    // The messages of the argument parser depend on these.
    command.env_remove("COLUMNS").env_remove("CLICOLOR_FORCE");
    let program = words.iter().position(|word| word == "mcdrop").expect("mcdrop");
    for setting in words.drain(..=program).take_while(|word| word != "mcdrop") {
        let (name, value) = setting.split_once('=').expect("NAME=value");
        command.env(name, value);
    }
    if let Some(at) = words.iter().position(|word| word == "<") {
        let input = File::open(folder.join(&words[at + 1])).expect("the input");
        command.stdin(input);
        words.truncate(at);
    }
    command.args(words);
    command
}

/// Returns the exit code and standard error of a case, with machine-dependent parts replaced.
fn answer(scene: &Scene, typed: &str) -> String {
    let out = scene.path().join(OUT);
    let _ = fs::remove_dir_all(&out);
    let output = command(scene.path(), typed).output().expect("a process");
    let silent = output.stdout.is_empty() || typed.starts_with("mcdrop doctor");
    assert!(silent, "{typed}: printed on standard output");
    let said = String::from_utf8(output.stderr).expect("UTF-8");
    let said = said.replace(&scene.path().display().to_string(), "SCRATCH");
    let lines: Vec<String> = said.lines().map(masked).collect();
    let code = output.status.code().expect("no signal");
    let wrote = out.join("predictions.csv").exists();
    assert_eq!(wrote, code == 3 || code == 0, "{typed}: rows of a run that failed");
    format!("exit {code}\n{}", lines.join("\n").trim_end())
}

/// Replaces the parts of a line that differ between machines by fixed words.
fn masked(line: &str) -> String {
    let of_classes: Vec<&str> = MEASURES.iter().map(|measure| measure.name).collect();
    let mut line = line.replace(&Task::all_measure_names().join(", "), "ALL MEASURES");
    line = line.replace(&of_classes.join(", "), "MEASURES");
    for (before, after, last) in [
        ("(onnxruntime: ", ")", true),
        (": cannot be loaded: ", "", true),
        ("(a probe gave values ", ")", true),
        ("ONNX Runtime 1.", " ", false),
        (" reads up to ", " ", false),
        (" knows up to ", " ", false),
    ] {
        line = between(&line, before, after, last);
    }
    let is_summary = line.ends_with("predictions.csv");
    for (before, after) in [(" in ", " s"), (" s (", " images/s)")] {
        if is_summary {
            line = between(&line, before, after, false);
        }
    }
    line
}

/// Replaces the text between two texts of a line by `...`: up to the first or the last `after`, or
/// to the end of the line if it does not occur.
fn between(line: &str, before: &str, after: &str, last: bool) -> String {
    let Some((begin, rest)) = line.split_once(before) else { return line.to_owned() };
    let found = if last { rest.rfind(after) } else { rest.find(after) };
    let end = found.filter(|_| !after.is_empty()).unwrap_or(rest.len());
    format!("{begin}{before}...{}", &rest[end..])
}

/// Returns the answers to all cases, computed on two threads with a folder each.
fn answers(typed: &[String]) -> Vec<Option<String>> {
    let next = AtomicUsize::new(0);
    let found = Mutex::new(vec![None; typed.len()]);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let scene = Scene::new();
                while let Some(line) = typed.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if line.contains(BOUND) && !scene.permissions_bind() {
                        continue;
                    }
                    let i = typed.iter().position(|other| other == line).unwrap();
                    found.lock().unwrap()[i] = Some(answer(&scene, line));
                }
            });
        }
    });
    found.into_inner().unwrap()
}

#[test]
#[cfg(target_os = "linux")]
fn every_misuse_has_the_answer_in_the_table() {
    let path = fixture::path("tests/misuse.txt");
    let before = blocks(&fs::read_to_string(&path).unwrap());
    let typed: Vec<String> = before.iter().filter_map(Block::typed).collect();
    if !Scene::new().permissions_bind() {
        skip(
            "the cases below without-permission/ need a user whose permissions bind (not root)",
        );
    }
    let unique: HashSet<&String> = typed.iter().collect();
    assert_eq!(unique.len(), typed.len(), "a case is repeated");
    assert!(typed.len() >= 100, "cases are missing");
    let mut found = answers(&typed).into_iter();
    let mut after = before.clone();
    for block in &mut after {
        if let Block::Case { answer, .. } = block
            && let Some(new) = found.next().unwrap()
        {
            *answer = new;
        }
    }
    if std::env::var_os("MCDROP_BLESS").is_some() {
        fs::write(&path, table(&after)).unwrap();
        return;
    }
    let mut differences = Vec::new();
    for (old, new) in before.iter().zip(&after).filter(|(old, new)| old != new) {
        differences.push(format!("{}\n--- now:\n{}\n", old.text(), new.text()));
    }
    assert!(
        differences.is_empty(),
        "{} answers differ from tests/misuse.txt; where the new ones are better, write them with \
         MCDROP_BLESS=1\n\n{}",
        differences.len(),
        differences.join("\n")
    );
}

#[test]
fn every_answer_in_the_table_fails_and_has_a_hint() {
    let table = fs::read_to_string(fixture::path("tests/misuse.txt")).unwrap();
    for block in blocks(&table) {
        let Block::Case { typed, answer } = block else { continue };
        let (code, said) = answer.split_once('\n').unwrap_or((&answer, ""));
        assert!(["exit 1", "exit 2", "exit 3"].contains(&code), "{typed}: {code}");
        let is_hint = |line: &str| line.starts_with("hint: ") || line == "Examples:";
        let has_hint = said.lines().any(is_hint);
        assert!(has_hint, "{typed}: no hint in {said}");
        assert!(!said.contains("panicked"), "{typed}: {said}");
    }
}
