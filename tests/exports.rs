//! Folders as exporters write them: the model and the configuration files of other libraries.

use std::fs;
use std::path::Path;

use assert_cmd::Command;
use serde_json::Value;
use tempfile::TempDir;

use crate::fixture;

/// Creates a folder with these files, some digits in `images`, and a model of digits at this path.
fn export(model: &str, files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, content: &[u8]| {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    };
    for (name, content) in files {
        write(name, content.as_bytes());
    }
    write(model, &fs::read(fixture::path("models/digits.onnx")).unwrap());
    let image = fs::read(fixture::path("fixtures/digits/7/0001.png")).unwrap();
    write("images/a.png", &image);
    folder
}

/// Predicts with the folder `export` as the model; returns the exit code and the messages.
fn predict(folder: &Path, flags: &[&str]) -> (i32, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mcdrop"));
    command.current_dir(folder).args(["predict", "export", "images", "-o", "out"]);
    let output = command.args(flags).output().unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}

/// Returns the value and the origin of a setting of the run, from its record.
fn setting(folder: &Path, key: &str) -> (String, String) {
    let text = fs::read_to_string(folder.join("out/run.json")).unwrap();
    let record: Value = serde_json::from_str(&text).unwrap();
    let settings = record["preprocessing"].as_array().unwrap();
    let found = settings.iter().find(|setting| setting["key"] == key).unwrap();
    let text = |key: &str| found[key].as_str().unwrap().to_owned();
    (text("value"), text("from"))
}

const PROCESSOR: &str = r#"{"feature_extractor_type": "ViTFeatureExtractor", "size": 8,
    "image_mean": [0.305], "image_std": [0.376]}"#;

fn model_config() -> String {
    let names: Vec<String> = (0..10).map(|i| format!("\"{i}\": \"digit {i}\"")).collect();
    format!(
        r#"{{"model_type": "vit", "transformers_version": "4.30.0", "id2label": {{{}}}}}"#,
        names.join(", ")
    )
}

#[test]
fn an_export_of_hugging_face_needs_no_flag() {
    let model = model_config();
    let files = [
        ("export/preprocessor_config.json", PROCESSOR),
        ("export/config.json", model.as_str()),
    ];
    let folder = export("export/onnx/model.onnx", &files);
    let (code, messages) = predict(folder.path(), &["-v"]);
    assert_eq!(code, 0, "{messages}");
    let file = "export/preprocessor_config.json";
    assert_eq!(setting(folder.path(), "resize"), ("8x8".to_owned(), file.to_owned()));
    assert_eq!(
        setting(folder.path(), "resampler"),
        ("pillow".to_owned(), "transformers 4.30.0 (export/config.json)".to_owned())
    );
    assert!(
        messages.contains(&format!("crop = none (ViTImageProcessor default ({file}))")),
        "{messages}"
    );
    let table = fs::read_to_string(folder.path().join("out/predictions.csv")).unwrap();
    assert!(table.contains(",7,digit 7,"), "{table}");
}

#[test]
fn a_configuration_that_is_refused_stops_the_run_before_anything_is_written() {
    let files = [(
        "export/preprocessor_config.json",
        r#"{"image_processor_type": "YolosImageProcessor"}"#,
    )];
    let folder = export("export/model.onnx", &files);
    let (code, messages) = predict(folder.path(), &[]);
    assert_eq!(code, 2);
    assert!(messages.contains("YolosImageProcessor is not supported"), "{messages}");
    assert!(
        messages.contains("hint: give the preprocessing in a TOML file"),
        "{messages}"
    );
    assert!(!folder.path().join("out").exists());
    let (code, messages) = predict(folder.path(), &["--preset", "unit"]);
    assert_eq!(code, 0, "{messages}");
    assert!(setting(folder.path(), "left out").0.contains("YolosImageProcessor"));
}

/// Encodes a field of the protocol buffers message of an ONNX file.
fn field(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u8::try_from(content.len()).unwrap();
    assert!(length < 128);
    [&[tag, length], content].concat()
}

#[test]
fn metadata_in_the_model_file_are_read() {
    let folder = export("export/model.onnx", &[]);
    let path = folder.path().join("export/model.onnx");
    let mut content = fs::read(&path).unwrap();
    let names = "['a', 'b', 'c', 'd', 'e', 'f', 'g', 'seven', 'i', 'j']";
    for (key, value) in
        [("task", "classify"), ("imgsz", "[8, 8]"), ("names", names), ("channels", "1")]
    {
        let entry = [field(0x0a, key.as_bytes()), field(0x12, value.as_bytes())].concat();
        content.extend(field(0x72, &entry));
    }
    fs::write(&path, content).unwrap();
    let (code, messages) = predict(folder.path(), &[]);
    assert_eq!(code, 0, "{messages}");
    assert_eq!(setting(folder.path(), "resize").0, "short:8");
    assert!(setting(folder.path(), "std").1.ends_with("model.onnx's metadata"));
    assert_eq!(setting(folder.path(), "task").0, "classification");
}

#[test]
fn names_that_are_not_as_many_as_the_classes_are_an_error() {
    let model = r#"{"model_type": "vit", "id2label": {"0": "LABEL_0", "1": "LABEL_1"}}"#;
    let files =
        [("export/preprocessor_config.json", PROCESSOR), ("export/config.json", model)];
    let folder = export("export/model.onnx", &files);
    let (code, messages) = predict(folder.path(), &[]);
    assert_eq!(code, 2);
    assert!(messages.contains("2 ") && messages.contains("10 "), "{messages}");
}
