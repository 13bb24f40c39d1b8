//! Folders and models from strangers: what they name, link to and claim.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use assert_cmd::Command;
use tempfile::TempDir;

use crate::fixture;

/// Data files that a model names.
mod data_files;
/// Files that decode to many pixels.
mod images;
/// Libraries that were planted above the program.
mod library;
/// Links and special files in folders of results.
#[cfg(unix)]
mod links;
/// Models that grow, and special files in their place.
mod models;
/// Paths of the user in results.
mod paths;
/// Records and names that lie.
mod records;

/// Longest time in which the program must answer; a test that hangs fails by it.
const PATIENCE: Duration = Duration::from_secs(100);

/// Returns the exit code and the messages.
fn mcdrop(folder: &Path, arguments: &[&str]) -> (i32, String) {
    let started = Instant::now();
    let mut command = Command::new(env!("CARGO_BIN_EXE_mcdrop"));
    let command = command.current_dir(folder).args(arguments).timeout(PATIENCE);
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let code = output.status.code();
    assert!(code.is_some(), "{arguments:?} after {:?}: {said}", started.elapsed());
    assert!(!said.contains("panicked"), "{arguments:?}: {said}");
    (code.unwrap_or_default(), said)
}

/// Creates a folder with `in/a.png`, an image of a street.
fn scratch() -> TempDir {
    let scratch = tempfile::tempdir().unwrap();
    fs::create_dir(scratch.path().join("in")).unwrap();
    let image = fixture::path("fixtures/streets/images/street_00.png");
    fs::copy(image, scratch.path().join("in/a.png")).unwrap();
    scratch
}

fn model(name: &str) -> String {
    fixture::path(&format!("models/{name}.onnx")).to_str().unwrap().to_owned()
}

/// Predicts `in` into `out`.
fn predict(scratch: &Path, more: &[&str]) -> (i32, String) {
    let model = model("streets");
    let arguments = ["predict", &model, "in", "-o", "out", "--samples", "2"];
    mcdrop(scratch, &[&arguments[..], more].concat())
}

/// Creates `labels/a.png`, the label map of `in/a.png`.
fn add_labels(scratch: &Path) {
    fs::create_dir(scratch.join("labels")).unwrap();
    let labels = fixture::path("fixtures/streets/labels/street_00.png");
    fs::copy(labels, scratch.join("labels/a.png")).unwrap();
}

#[cfg(unix)]
fn make_pipe(path: &Path) {
    let made = std::process::Command::new("mkfifo").arg(path).status().unwrap();
    assert!(made.success());
}

/// Returns all files below a folder, with their contents; links are not followed.
fn contents(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let entries = walkdir::WalkDir::new(folder).sort_by_file_name().into_iter();
    let files = entries.map(Result::unwrap).filter(|entry| entry.file_type().is_file());
    files
        .map(|entry| (entry.path().to_owned(), fs::read(entry.path()).unwrap()))
        .collect()
}
