//! Models that differ only in their last operators: an argmax, a softmax, channels last.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use assert_cmd::Command;
use image::{Rgb, RgbImage};

use crate::fixture;

/// Returns all files of a prediction with a model of `fixtures/heads`, by path, without the record
/// of the run.
fn predict(folder: &Path, model: &str) -> BTreeMap<String, Vec<u8>> {
    let model_file = fixture::path(&format!("fixtures/heads/{model}.onnx"));
    let output = Command::new(env!("CARGO_BIN_EXE_mcdrop"))
        .current_dir(folder)
        .arg("predict")
        .arg(model_file)
        .args(["images", "-o", model, "--preset", "unit", "--samples", "31"])
        .args(["--seed", "3", "--formats", "npy"])
        .output()
        .unwrap();
    let messages = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{model}: {messages}");
    let target = folder.join(model);
    let files = walkdir::WalkDir::new(&target).into_iter().map(Result::unwrap);
    files
        .filter(|file| file.file_type().is_file() && file.file_name() != "run.json")
        .map(|file| {
            let name = file.path().strip_prefix(&target).unwrap();
            (name.display().to_string(), fs::read(file.path()).unwrap())
        })
        .collect()
}

#[test]
fn predictions_do_not_depend_on_the_operators_behind_the_logits() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("images")).unwrap();
    for (name, width, height) in [("wide.png", 20, 12), ("square.png", 16, 16)] {
        let image = RgbImage::from_fn(width, height, |x, y| {
            Rgb([(x * 13) as u8, (y * 17) as u8, (x * y * 3) as u8])
        });
        image.save(folder.path().join("images").join(name)).unwrap();
    }
    let expected = predict(folder.path(), "logits");
    assert!(expected.len() > 4, "{:?}", expected.keys());
    for model in [
        "argmax-uint8",
        "argmax-int64",
        "argmax-negative-axis",
        "argmax-last-index",
        "argmax-squeeze",
        "argmax-float",
        "softmax-argmax",
        "channels-last",
        "channels-last-image",
        "channels-last-bias",
        "channels-last-undeclared",
        "channels-last-softmax",
        "softmax-channels-last",
        "channels-last-argmax",
    ] {
        let found = predict(folder.path(), model);
        assert_eq!(
            found.keys().collect::<Vec<_>>(),
            expected.keys().collect::<Vec<_>>(),
            "{model}"
        );
        for (name, content) in &expected {
            assert!(found[name] == *content, "{model}: {name} differs");
        }
    }
}
