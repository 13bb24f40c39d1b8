//! Models with unusual outputs, inputs, sites and weights (`models/unusual.py`): right results, or
//! messages that name the cause.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Output;

use assert_cmd::Command;
use image::{Rgb, RgbImage};
use tempfile::TempDir;

use crate::fixture;

fn model(name: &str) -> String {
    fixture::path(&format!("fixtures/unusual/{name}.onnx")).display().to_string()
}

/// A folder with two images and their labels.
fn scene() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("images")).unwrap();
    for (name, width, height) in [("wide.png", 20, 12), ("square.png", 16, 16)] {
        let image = RgbImage::from_fn(width, height, |x, y| {
            Rgb([(x * 13) as u8, (y * 17) as u8, (x * y * 3) as u8])
        });
        image.save(folder.path().join("images").join(name)).unwrap();
    }
    fs::write(folder.path().join("labels.csv"), "path,label\nwide.png,1\nsquare.png,0\n")
        .unwrap();
    folder
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mcdrop"));
    command.current_dir(folder).args(arguments).output().unwrap()
}

/// Returns what a run that succeeds prints.
fn succeed(folder: &Path, arguments: &[&str]) -> String {
    let output = run(folder, arguments);
    let text = printed(&output);
    assert!(output.status.success(), "{arguments:?}: {text}");
    text
}

/// Returns what a run that fails prints.
fn fail(folder: &Path, arguments: &[&str]) -> String {
    let output = run(folder, arguments);
    let text = printed(&output);
    assert!(!output.status.success(), "{arguments:?}: {text}");
    text
}

fn printed(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    text(&output.stdout) + &text(&output.stderr)
}

/// Returns all files of a prediction, by path, without the record of the run.
fn prediction(folder: &Path, name: &str) -> BTreeMap<String, Vec<u8>> {
    let arguments = ["predict", &model(name), "images", "-o", name, "--preset", "unit"];
    succeed(folder, &[&arguments[..], &["--seed", "3", "--formats", "npy"]].concat());
    let target = folder.join(name);
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
fn a_single_channel_without_its_axis_is_sampled_like_one_with_it() {
    let folder = scene();
    for (expected, models) in [
        (
            "image-logit",
            &[
                "image-squeezed",
                "image-sigmoid-squeezed",
                "image-squeezed-sigmoid",
                "image-reshaped",
            ][..],
        ),
        (
            "map-logit",
            &["map-squeezed", "map-sigmoid-squeezed", "map-reduced", "map-reduced-11"],
        ),
        ("logits", &["zip-map", "names"]),
    ] {
        let expected = prediction(folder.path(), expected);
        for name in models {
            assert!(prediction(folder.path(), name) == expected, "{name} differs");
        }
    }
}

#[test]
fn the_second_channel_of_a_softmax_is_the_probability_of_the_second_class() {
    let folder = scene();
    let column = |name: &str| -> Vec<f32> {
        let files = prediction(folder.path(), name);
        let table = String::from_utf8(files["predictions.csv"].clone()).unwrap();
        let header = table.lines().next().unwrap();
        let place = header.split(',').position(|name| name == "probability").unwrap();
        let number = |line: &str| line.split(',').nth(place).unwrap().parse().unwrap();
        table.lines().skip(1).map(number).collect()
    };
    let expected = column("two-logits");
    assert_eq!(expected.len(), 2);
    for name in ["softmax-slice", "softmax-gather"] {
        let found = column(name);
        assert_eq!(found.len(), 2);
        for (found, expected) in found.iter().zip(&expected) {
            assert!((found - expected).abs() < 1e-5, "{name}: {found}, {expected}");
        }
    }
}

#[test]
fn scores_behind_a_layer_are_logits_even_between_0_and_1() {
    let folder = scene();
    for name in ["small-logit", "small-logit-added", "small-logit-map", "small-logits"] {
        prediction(folder.path(), name);
        let record = fs::read_to_string(folder.path().join(name).join("run.json"));
        assert!(record.unwrap().contains("\"scores\": \"logits\""), "{name}");
    }
    let arguments = [
        "predict",
        &model("blurred-probability"),
        "images",
        "-o",
        "blurred",
        "--preset",
        "unit",
    ];
    let message = fail(folder.path(), &arguments);
    assert!(message.contains("it is unclear if it contains logits"), "{message}");
}

#[test]
fn models_that_draw_or_drop_in_unusual_ways_are_sampled() {
    let folder = scene();
    for name in
        ["bernoulli-computed", "bernoulli-expanded", "bernoulli-vector", "noise-f16"]
    {
        prediction(folder.path(), name);
        let converted = format!("{name}-converted.onnx");
        let arguments = ["convert", &model(name), "-o", &converted];
        if name != "noise-f16" {
            succeed(folder.path(), &arguments);
        }
    }
    for name in ["ratio-one", "ratio-above-one", "ratio-nan", "ratio-computed"] {
        let arguments =
            ["predict", &model(name), "images", "-o", name, "--preset", "unit"];
        let message = fail(folder.path(), &arguments);
        assert!(message.contains("hint: set it: --ratio 'drop=0.1'"), "{message}");
        succeed(folder.path(), &[&arguments[..], &["--ratio", "drop=0.1"]].concat());
        let shown = succeed(folder.path(), &["inspect", &model(name)]);
        assert!(shown.contains("verdict: live"), "{shown}");
        assert!(shown.contains("hint: set it: --ratio 'drop=0.1'"), "{shown}");
    }
    let shown = succeed(folder.path(), &["inspect", &model("ratio-one-inert")]);
    assert!(shown.contains("verdict: inert"), "{shown}");
}

#[test]
fn messages_name_the_cause() {
    let folder = scene();
    let cut = |name: &str, input: &str, output: &str| {
        format!(
            "onnx.utils.extract_model(\"{name}.onnx\", \"scores.onnx\", [\"{input}\"], [\"{output}\"])"
        )
    };
    for (name, options, parts) in [
        (
            "greater",
            "",
            vec!["comes out of Greater".to_owned(), cut("greater", "x", "s")],
        ),
        (
            "greater-float",
            "",
            vec!["comes out of Greater".to_owned(), cut("greater-float", "x", "s")],
        ),
        (
            "greater-float",
            "--scores=probabilities",
            vec!["comes out of Greater".to_owned()],
        ),
        (
            "greater-uint8",
            "",
            vec!["comes out of Greater".to_owned(), cut("greater-uint8", "x", "l")],
        ),
        ("round", "", vec!["comes out of Round".to_owned()]),
        ("where", "", vec!["comes out of Where".to_owned(), cut("where", "x", "s")]),
        ("cast-uint8", "", vec!["cast to u8".to_owned(), cut("cast-uint8", "x", "m")]),
        ("sequence", "", vec!["output \"y\": holds a sequence".to_owned()]),
        ("tokens", "", vec!["its sizes are 1x8x".to_owned()]),
        ("aux-first", "", vec!["--output-name logits".to_owned()]),
        (
            "aux-first",
            "--output-name=aux",
            vec![
                "node \"drop\" reaches output \"logits\"".to_owned(),
                "--output-name logits".to_owned(),
            ],
        ),
        (
            "minus-infinity",
            "",
            vec![
                "minus infinity in 3 of 3".to_owned(),
                "node \"log_y\" (Log) is the first that writes minus infinity".to_owned(),
            ],
        ),
        ("nan", "", vec!["NaN in".to_owned(), "node \"log_y\" (Log)".to_owned()]),
        (
            "infinity",
            "",
            vec!["infinite in 3 of 3".to_owned(), "node \"exp\" (Exp)".to_owned()],
        ),
        (
            "nan-weight",
            "",
            vec![
                "NaN in 1 of 3".to_owned(),
                "the constant \"w\" of node \"gemm\" (Gemm) holds NaN".to_owned(),
            ],
        ),
        (
            "overflow-f16",
            "",
            vec!["\"scale\" (Mul)".to_owned(), "f16 ends at 65504".to_owned()],
        ),
        (
            "overflow-f16-softmax",
            "",
            vec!["\"scale\" (Mul)".to_owned(), "f16 ends at 65504".to_owned()],
        ),
        ("bytes", "", vec!["\"float.onnx\", [\"c\"], [\"y\"]".to_owned()]),
        ("integers", "", vec!["it takes i64 values".to_owned()]),
        (
            "optimized-basic",
            "",
            vec!["ONNX Runtime's optimizer".to_owned(), "--insert head".to_owned()],
        ),
        (
            "optimized-extended",
            "",
            vec!["ONNX Runtime's optimizer".to_owned(), "FusedConv".to_owned()],
        ),
        ("optimized-all", "", vec!["ONNX Runtime's optimizer".to_owned()]),
        ("no-dropout", "", vec!["the model has no live dropout".to_owned()]),
    ] {
        let file = model(name);
        let mut arguments =
            vec!["predict", &file, "images", "-o", "out", "--preset", "unit"];
        arguments.extend(Some(options).filter(|option| !option.is_empty()));
        let message = fail(folder.path(), &arguments);
        for part in parts {
            assert!(message.contains(&part), "{name}: expected {part}: {message}");
        }
        let _ = fs::remove_dir_all(folder.path().join("out"));
    }
    for name in ["zip-map", "names"] {
        let target = format!("{name}-converted.onnx");
        let message = fail(folder.path(), &["convert", &model(name), "-o", &target]);
        assert!(message.contains("hint: leave out the last operators"), "{message}");
        let arguments = ["convert", &model(name), "-o", &target, "--samples", "31"];
        succeed(folder.path(), &arguments);
    }
}

#[test]
fn a_model_without_dropout_has_a_deterministic_pass() {
    let folder = scene();
    for (name, live) in [("no-dropout", "logits"), ("optimized-basic", "map-logit")] {
        let both = [name, live].map(|name| {
            let file = model(name);
            let arguments = ["predict", &file, "images", "-o", name, "--preset", "unit"];
            let options = ["--deterministic", "--keep-probabilities"];
            succeed(folder.path(), &[&arguments[..], &options].concat());
            fs::read_to_string(folder.path().join(name).join("predictions.csv")).unwrap()
        });
        let numbers = |table: &str| -> Vec<f32> {
            table.split([',', '\n']).filter_map(|cell| cell.parse().ok()).collect()
        };
        let (without, with) = (numbers(&both[0]), numbers(&both[1]));
        assert!(!with.is_empty() && without.len() == with.len(), "{}", both[0]);
        for (a, b) in without.iter().zip(&with) {
            assert!((a - b).abs() < 1e-4, "{name}: {a}, {b}");
        }
    }
    let file = model("no-dropout");
    let arguments = ["evaluate", &file, "images", "-o", "metrics", "--preset", "unit"];
    let options = ["--labels", "labels.csv", "--deterministic"];
    let table = succeed(folder.path(), &[&arguments[..], &options].concat());
    assert!(table.contains("intervals need at least 10 images with labels"), "{table}");
}

#[test]
fn every_command_warns_of_a_suspicious_file() {
    let folder = scene();
    let frozen = model("frozen-mask");
    let images = ["images", "--preset", "unit"];
    let labels = ["--labels", "labels.csv"];
    let sign = "suspect (frozen_mask): \"frozen\"";
    for (command, options) in [
        ("inspect", vec![]),
        ("predict", [&images[..], &["-o", "out"]].concat()),
        ("evaluate", [&images[..], &labels, &["-o", "metrics"]].concat()),
        ("tune", [&images[..], &labels, &["--ratios", "0.2"]].concat()),
        ("convert", vec!["-o", "converted.onnx"]),
    ] {
        let text = succeed(folder.path(), &[&[command, &frozen][..], &options].concat());
        assert_eq!(text.matches(sign).count(), 1, "{command}: {text}");
        // It has dropout of its own, which is varied.
        assert!(command != "tune" || text.contains("its own"), "{text}");
    }
    for run in ["out", "metrics"] {
        let record =
            fs::read_to_string(folder.path().join(run).join("run.json")).unwrap();
        let record: serde_json::Value = serde_json::from_str(&record).unwrap();
        let warnings = record["model"]["warnings"].as_array().unwrap();
        assert_eq!(warnings.len(), 1);
        assert!(warnings[0].as_str().unwrap().starts_with(sign), "{warnings:?}");
    }
    let inserted = model("frozen-mask-only");
    let options = ["-o", "inserted", "--insert", "head"];
    let arguments = [&["predict", &inserted][..], &images, &options].concat();
    assert!(succeed(folder.path(), &arguments).contains(sign));
    let elsewhere = model("frozen-elsewhere");
    let options = ["-o", "elsewhere", "--output-name", "logits"];
    let arguments = [&["predict", &elsewhere][..], &images, &options].concat();
    assert!(!succeed(folder.path(), &arguments).contains("suspect"));
}

#[test]
fn pruned_filters_are_not_suspicious_but_dropped_weights_are() {
    let folder = scene();
    for (name, is_suspicious) in [
        ("dead-filters", false),
        ("dead-columns", false),
        ("dead-outputs", false),
        ("optimized-all", false),
        ("dropped-weights", true),
        ("dead-and-dropped", true),
        ("frozen-mask", true),
        ("frozen-where", true),
        ("frozen-cast", true),
    ] {
        let shown = succeed(folder.path(), &["inspect", &model(name)]);
        assert_eq!(shown.contains("suspect"), is_suspicious, "{name}: {shown}");
    }
}

#[test]
fn every_file_that_can_be_read_is_inspected() {
    let folder = scene();
    let files = fs::read_dir(fixture::path("fixtures/unusual")).unwrap();
    for file in files {
        let file = file.unwrap().path().display().to_string();
        let shown = succeed(folder.path(), &["inspect", &file]);
        assert!(shown.contains("verdict: "), "{file}: {shown}");
        let ready = shown.contains("ready for mcdrop predict");
        let refused = shown.contains("cannot be sampled") && shown.contains("hint: ");
        let broken = shown.contains("but the model cannot be opened");
        assert_eq!(
            [ready, refused, broken].map(u8::from).iter().sum::<u8>(),
            1,
            "{shown}"
        );
        let json = succeed(folder.path(), &["inspect", &file, "--json"]);
        serde_json::from_str::<serde_json::Value>(&json).unwrap();
    }
    for name in ["wrong-layer", "wrong-sum"] {
        let shown = succeed(folder.path(), &["inspect", &model(name)]);
        assert!(shown.contains("cost: unknown ("), "{shown}");
        assert!(shown.contains("hint: the file is damaged or was changed"), "{shown}");
    }
}

#[test]
fn problem_type_of_a_configuration_chooses_the_task() {
    let folder = scene();
    let place = folder.path().join("model");
    fs::create_dir(&place).unwrap();
    fs::copy(model("logits"), place.join("model.onnx")).unwrap();
    fs::write(
        place.join("preprocessor_config.json"),
        r#"{"image_processor_type": "ViTImageProcessor", "size": {"height": 16, "width": 16}}"#,
    )
    .unwrap();
    let predict = ["predict", "model", "images", "-o", "out", "--overwrite"];
    let write = |problem: &str, labels: &str| {
        let text = format!(
            "{{\"model_type\": \"vit\", \"problem_type\": {problem}, \"id2label\": {labels}}}"
        );
        fs::write(place.join("config.json"), text).unwrap();
    };
    let task_of = |more: &[&str]| {
        succeed(folder.path(), &[&predict[..], more].concat());
        let record = fs::read(folder.path().join("out/run.json")).unwrap();
        let record: serde_json::Value = serde_json::from_slice(&record).unwrap();
        record["output"]["task"].as_str().unwrap().to_owned()
    };
    let three = r#"{"0": "a", "1": "b", "2": "c"}"#;
    for problem in ["null", "\"single_label_classification\""] {
        write(problem, three);
        assert_eq!(task_of(&[]), "classification");
    }
    write("\"regression\"", three);
    assert_eq!(task_of(&[]), "regression");
    write("\"multi_label_classification\"", three);
    for more in [&[][..], &["--preset", "unit"], &["--config", "model/config.json"]] {
        assert_eq!(task_of(more), "multilabel");
    }
    // An option wins.
    assert_eq!(task_of(&["--task", "classification"]), "classification");
    let convert = ["convert", "model", "-o", "converted.onnx", "--samples", "31"];
    let message = printed(&run(folder.path(), &convert));
    assert!(message.contains("outputs probability, predictive_entropy"), "{message}");
    // The configuration beside the one of the image processor counts too.
    fs::copy(place.join("model.onnx"), folder.path().join("model.onnx")).unwrap();
    let elsewhere = ["predict", "model.onnx", "images", "-o", "out", "--overwrite"];
    let config = ["--config", "model/preprocessor_config.json"];
    let message = succeed(folder.path(), &[&elsewhere[..], &config, &["-v"]].concat());
    assert!(message.contains("task = multilabel (model/config.json)"), "{message}");
    // One label is a question with two answers.
    fs::copy(model("image-logit"), place.join("model.onnx")).unwrap();
    write("\"multi_label_classification\"", r#"{"0": "a"}"#);
    let message = printed(&run(folder.path(), &predict));
    assert!(!message.contains("multilabel"), "{message}");
}
