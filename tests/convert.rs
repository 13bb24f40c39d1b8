//! Tests `mcdrop convert` from the command line, and reads what it wrote.

use std::fs;
use std::path::Path;
use std::process::Command as Process;

use assert_cmd::Command;
use tempfile::TempDir;

use crate::fixture;
use crate::skip::skip;

/// Returns the exit code and the messages.
fn mcdrop(folder: &Path, arguments: &[&str]) -> (i32, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mcdrop"));
    let output = command.current_dir(folder).args(arguments).output().unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}

/// Creates a folder with a committed model.
fn folder(model: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::copy(fixture::path(model), folder.path().join("model.onnx")).unwrap();
    folder
}

#[test]
fn a_model_is_converted_and_mcdrop_refuses_the_result() {
    let folder = folder("models/digits.onnx");
    let path = folder.path();
    let (code, said) = mcdrop(path, &["convert", "model.onnx", "-o", "live.onnx", "-v"]);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("inputs sample, seed, image_key"), "{said}");
    let images = fixture::path("fixtures/digits/7");
    let images = images.to_str().unwrap();
    for typed in [
        &["predict", "live.onnx", images, "-o", "out"][..],
        &["inspect", "live.onnx"],
        &["convert", "live.onnx", "-o", "again.onnx"],
    ] {
        let (code, said) = mcdrop(path, typed);
        assert_eq!(code, 1, "{said}");
        assert!(said.contains("live.onnx: mcdrop wrote it"), "{said}");
        assert!(said.contains("hint: run it in ONNX Runtime"), "{said}");
    }
}

#[test]
fn what_is_there_is_kept_unless_it_may_be_replaced() {
    let folder = folder("models/digits.onnx");
    let path = folder.path();
    fs::write(path.join("live.onnx"), "mine").unwrap();
    let typed = ["convert", "model.onnx", "-o", "live.onnx"];
    let (code, said) = mcdrop(path, &typed);
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("live.onnx is there already") && said.contains("--overwrite"));
    assert_eq!(fs::read(path.join("live.onnx")).unwrap(), b"mine");
    let (code, said) = mcdrop(path, &[&typed[..], &["--overwrite"]].concat());
    assert_eq!(code, 0, "{said}");
    assert!(fs::read(path.join("live.onnx")).unwrap().len() > 100_000);
}

#[test]
fn sites_are_chosen_as_in_predict_and_more_is_checked_where_asked() {
    let folder = folder("models/digits.onnx");
    let path = folder.path();
    let typed = ["convert", "model.onnx", "-o", "live.onnx", "--overwrite"];
    let (code, said) =
        mcdrop(path, &[&typed[..], &["--ratio", "0.25", "--verify"]].concat());
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("changes the output by itself"), "{said}");
    let content = fs::read(path.join("live.onnx")).unwrap();
    let text = String::from_utf8_lossy(&content);
    assert!(text.contains("\"ratio\":0.25"));
    let (code, said) = mcdrop(path, &[&typed[..], &["--only", "nothing"]].concat());
    assert_eq!(code, 2, "{said}");
}

#[test]
fn masks_become_inputs_on_request() {
    let folder = folder("models/digits.onnx");
    let typed = ["convert", "model.onnx", "-o", "live.onnx", "--masks", "inputs"];
    let (code, said) = mcdrop(folder.path(), &typed);
    assert_eq!(code, 0, "{said}");
    let inputs =
        "inputs mask//features/features.7/Dropout, mask//classifier/classifier.3/Dropout";
    assert!(said.contains(inputs) && !said.contains("warning"), "{said}");
}

/// Runs a script of `tests/python` with the program and arguments.
fn run_python(script: &str, arguments: &[&str]) {
    let wheels = fixture::path(".python");
    if !wheels.join(".checks").exists() {
        return skip("needs `make python-checks`");
    }
    let mut python = Process::new("python3");
    python.env("PYTHONPATH", wheels);
    python.arg(fixture::path("tests/python").join(script));
    python.arg(env!("CARGO_BIN_EXE_mcdrop")).args(arguments);
    match python.output() {
        Err(error) => skip(&format!("needs Python: {error}")),
        Ok(output) => {
            let text = String::from_utf8_lossy(&output.stdout);
            let errors = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{text}{errors}");
        }
    }
}

#[test]
fn converted_files_are_alive_in_the_onnx_runtime_of_python() {
    run_python("check_converted.py", &["digits.onnx", "streets.onnx"]);
}

#[test]
fn python_code_of_the_documentation_draws_the_masks_of_mcdrop() {
    run_python("check_mask_inputs.py", &[]);
}
