//! What can be typed wrong, with the exact answer to each.
//!
//! `misuse.txt` is the table: a line `$ mcdrop ...` is a case, run in a folder of files that are
//! wrong in many ways ([`scene`]); below it stand its exit code and what it says on standard
//! error, word for word. Lines that begin with `#` are headings. Places, times, versions and ONNX
//! Runtime's own words are replaced by fixed ones, since they differ between machines.
//!
//! A new case is a new `$` line. `MCDROP_BLESS=1 cargo test misuse` then writes the answers anew:
//! read the difference as a new user would before it is committed. Where permissions do not bind
//! (root), the cases below `without-permission/` are left as they are.

use std::collections::HashSet;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::fixture;
use crate::skip::skip;

mod scene;

use scene::Scene;

/// Removed before each case.
const OUT: &str = "out";

/// Cases that mean something only to a user whose permissions bind.
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

/// A line of a shell, as far as the table needs one: `NAME=value` in front, words, 'quoted
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
    // The answers of the parser follow them.
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

/// Exit code and standard error of a case, with what differs between machines replaced.
fn answer(scene: &Scene, typed: &str) -> String {
    let out = scene.path().join(OUT);
    let _ = fs::remove_dir_all(&out);
    let output = command(scene.path(), typed).output().expect("a process");
    let silent = output.stdout.is_empty() || typed.starts_with("mcdrop doctor");
    assert!(silent, "{typed}: said on standard output");
    let said = String::from_utf8(output.stderr).expect("UTF-8");
    let said = said.replace(&scene.path().display().to_string(), "SCRATCH");
    let lines: Vec<String> = said.lines().map(masked).collect();
    let code = output.status.code().expect("no signal");
    let wrote = out.join("predictions.csv").exists();
    assert_eq!(wrote, code == 3 || code == 0, "{typed}: rows of a run that failed");
    format!("exit {code}\n{}", lines.join("\n").trim_end())
}

/// A line with what differs between machines replaced by fixed words.
fn masked(line: &str) -> String {
    let mut line = line.to_owned();
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

/// A line with `...` in place of what stands between two texts: up to the first or the last
/// `after`, and all that follows where there is none.
fn between(line: &str, before: &str, after: &str, last: bool) -> String {
    let Some((begin, rest)) = line.split_once(before) else { return line.to_owned() };
    let found = if last { rest.rfind(after) } else { rest.find(after) };
    let end = found.filter(|_| !after.is_empty()).unwrap_or(rest.len());
    format!("{begin}{before}...{}", &rest[end..])
}

/// The answers to all cases, on two threads with a folder each.
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
fn every_misuse_has_the_answer_that_stands_in_the_table() {
    let path = fixture::path("tests/misuse.txt");
    let before = blocks(&fs::read_to_string(&path).unwrap());
    let typed: Vec<String> = before.iter().filter_map(Block::typed).collect();
    if !Scene::new().permissions_bind() {
        skip(
            "the cases below without-permission/ need a user whose permissions bind (not root)",
        );
    }
    let unique: HashSet<&String> = typed.iter().collect();
    assert_eq!(unique.len(), typed.len(), "a case stands twice");
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
fn every_answer_in_the_table_fails_and_says_the_way_out() {
    let table = fs::read_to_string(fixture::path("tests/misuse.txt")).unwrap();
    for block in blocks(&table) {
        let Block::Case { typed, answer } = block else { continue };
        let (code, said) = answer.split_once('\n').unwrap_or((&answer, ""));
        assert!(["exit 1", "exit 2", "exit 3"].contains(&code), "{typed}: {code}");
        let is_way_out = |line: &str| line.starts_with("hint: ") || line == "Examples:";
        let way_out = said.lines().any(is_way_out);
        assert!(way_out, "{typed}: no hint in {said}");
        assert!(!said.contains("panicked"), "{typed}: {said}");
    }
}
