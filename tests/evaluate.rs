//! Tests `mcdrop evaluate` from end to end: streets with label maps, digits with folders and
//! tables.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::LazyLock;

use assert_cmd::Command;
use serde_json::Value;

use crate::fixture;

fn mcdrop(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mcdrop"));
    command.args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A folder of predictions, made once, that is kept until all tests have ended.
struct Predicted {
    folder: tempfile::TempDir,
}

impl Predicted {
    fn new(model: &str, images: &[PathBuf], more: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let model = fixture::path(&format!("models/{model}.onnx"));
        let out = folder.path().join("out");
        let mut arguments =
            vec!["predict", model.to_str().unwrap(), "-o", out.to_str().unwrap()];
        arguments.extend(images.iter().map(|image| image.to_str().unwrap()));
        arguments.extend(["--maps", "none"]);
        arguments.extend(more);
        let output = mcdrop(&arguments);
        assert!(output.status.success(), "{}", text(&output.stderr));
        Self { folder }
    }

    /// Returns a copy that a test may change.
    fn copy(&self) -> tempfile::TempDir {
        let copy = tempfile::tempdir().unwrap();
        for entry in walkdir::WalkDir::new(self.folder.path()) {
            let entry = entry.unwrap();
            let to =
                copy.path().join(entry.path().strip_prefix(self.folder.path()).unwrap());
            if entry.file_type().is_dir() {
                fs::create_dir_all(to).unwrap();
            } else {
                fs::copy(entry.path(), to).unwrap();
            }
        }
        copy
    }
}

fn streets(names: &[&str]) -> Vec<PathBuf> {
    let path =
        |name: &&str| fixture::path(&format!("fixtures/streets/images/{name}.png"));
    names.iter().map(path).collect()
}

static STREETS: LazyLock<Predicted> = LazyLock::new(|| {
    let images = streets(&["street_00", "street_01", "strange_02"]);
    Predicted::new("streets", &images, &["--keep-probabilities"])
});

static DIGITS: LazyLock<Predicted> = LazyLock::new(|| {
    Predicted::new(
        "digits",
        &[fixture::path("fixtures/digits")],
        &["--keep-probabilities"],
    )
});

fn evaluate(copy: &Path, labels: &Path, more: &[&str]) -> (Option<i32>, String, String) {
    let out = copy.join("out");
    let mut arguments =
        vec!["evaluate", out.to_str().unwrap(), "--labels", labels.to_str().unwrap()];
    arguments.extend(more);
    let output = mcdrop(&arguments);
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

fn metrics(copy: &Path) -> Value {
    let bytes = fs::read(copy.join("out/metrics.json")).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

fn value(metrics: &Value, key: &str) -> f64 {
    metrics["metrics"][key]["value"]
        .as_f64()
        .unwrap_or_else(|| panic!("{key} is missing"))
}

#[test]
fn streets_are_compared_with_their_label_maps() {
    let copy = STREETS.copy();
    let labels = fixture::path("fixtures/streets/labels");
    let (code, said, told) = evaluate(copy.path(), &labels, &[]);
    assert_eq!(code, Some(0), "{told}");
    let metrics = metrics(copy.path());
    let accuracy = accuracy_by_hand(&copy.path().join("out"), &labels);
    assert!((value(&metrics, "accuracy") - accuracy).abs() < 1e-12, "{accuracy}");
    assert!(accuracy > 0.8, "{accuracy}");
    for key in [
        "mean_iou",
        "iou.road",
        "misclassification.auroc.mutual_information",
        "pavpu.predictive_entropy.4",
    ] {
        let value = value(&metrics, key);
        assert!(value > 0.3 && value <= 1.0, "{key}: {value}");
    }
    assert_eq!(
        metrics["metrics"]["accuracy"]["low"],
        Value::Null,
        "three images have no interval"
    );
    assert!(said.contains("AUROC by") && said.contains("deterministic"), "{said}");
    for name in [
        "reliability",
        "risk_coverage",
        "right_and_wrong",
        "patch_accuracy_patch_uncertainty",
    ] {
        let curve =
            |ending: &str| copy.path().join(format!("out/curves/{name}.{ending}"));
        assert!(fs::read_to_string(curve("svg")).unwrap().starts_with("<svg"));
        assert!(fs::read_to_string(curve("csv")).unwrap().lines().count() > 10);
    }
}

/// Returns the fraction of labeled pixels whose class has the largest kept probability.
fn accuracy_by_hand(out: &Path, labels: &Path) -> f64 {
    let (mut right, mut all) = (0_u64, 0_u64);
    for name in ["street_00.png", "street_01.png", "strange_02.png"] {
        let bytes = fs::read(out.join(format!("probabilities/{name}.npy"))).unwrap();
        let (shape, p) = mcdrop::npy::decode(&bytes).unwrap();
        let n = shape[1] * shape[2];
        let label =
            mcdrop::input::label::read_label_map(&labels.join(name), None).unwrap();
        assert_eq!([label.height, label.width], shape[1..]);
        for (i, label) in label.ids.iter().enumerate().filter(|(_, label)| **label != 255)
        {
            let best =
                (0..shape[0]).rev().max_by(|a, b| p[a * n + i].total_cmp(&p[b * n + i]));
            right += u64::from(best == Some(*label as usize));
            all += 1;
        }
    }
    right as f64 / all as f64
}

#[test]
fn digits_are_compared_with_the_folders_that_they_lie_in_and_with_a_table() {
    let copy = DIGITS.copy();
    let (code, said, told) =
        evaluate(copy.path(), &fixture::path("fixtures/digits"), &[]);
    // The folder "strange" is not a class.
    assert_eq!(code, Some(3), "{told}");
    assert!(told.contains("its folder \"letters\" is not a class"), "{told}");
    let by_folder = metrics(copy.path());
    assert!(value(&by_folder, "accuracy") > 0.9);
    assert!(
        by_folder["metrics"]["accuracy"]["low"].as_f64().unwrap()
            < value(&by_folder, "accuracy")
    );
    assert!(said.contains("finding images with many wrong items"), "{said}");
    let rows = fs::read_to_string(copy.path().join("out/predictions.csv")).unwrap();
    let mut table = "path,label\n".to_owned();
    for id in rows.lines().skip(1).filter_map(|row| row.split(',').next()) {
        if let Some(digit) = id.split('/').next().filter(|folder| folder.len() == 1) {
            writeln!(table, "{id},{digit}").unwrap();
        }
    }
    let file = copy.path().join("labels.csv");
    fs::write(&file, table).unwrap();
    let (code, _, _) = evaluate(copy.path(), &file, &[]);
    let by_table = metrics(copy.path());
    assert_eq!(code, Some(3));
    // Relative to the folder of the results.
    let recorded = by_table["labels"]["path"].as_str().unwrap();
    assert_eq!(recorded, "../labels.csv");
    assert_eq!(by_table["metrics"], by_folder["metrics"]);
}

#[test]
fn strange_digits_are_told_from_ordinary_ones() {
    let copy = DIGITS.copy();
    let images = [fixture::path("fixtures/digits/strange")];
    let strange = Predicted::new("digits", &images, &["--keep-probabilities"]);
    let other = strange.folder.path().join("out");
    let digits = fixture::path("fixtures/digits");
    let (code, said, told) =
        evaluate(copy.path(), &digits, &["--ood", other.to_str().unwrap()]);
    assert_eq!(code, Some(3), "{told}");
    assert!(said.contains("finding images of the other kind"), "{said}");
    let metrics = metrics(copy.path());
    for measure in ["predictive_entropy", "mutual_information", "deterministic"] {
        for metric in ["auroc", "aupr", "fpr95"] {
            value(&metrics, &format!("ood.{metric}.{measure}"));
        }
    }
}

#[test]
fn metrics_of_results_that_are_replaced_are_removed() {
    let copy = DIGITS.copy();
    let digits = fixture::path("fixtures/digits");
    assert_eq!(evaluate(copy.path(), &digits, &[]).0, Some(3));
    let (out, model) = (copy.path().join("out"), fixture::path("models/digits.onnx"));
    fs::write(out.join("curves/mine.txt"), "mine").unwrap();
    let image = digits.join("0");
    let [model, image, folder] =
        [&model, &image, &out].map(|path| path.to_str().unwrap());
    let output = mcdrop(&["predict", model, image, "-o", folder, "--overwrite"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(
        !out.join("metrics.json").exists()
            && !out.join("curves/reliability.svg").exists()
    );
    assert!(out.join("curves/mine.txt").exists());
}

#[test]
fn half_precision_gives_the_same_within_its_bound() {
    let images = streets(&["street_00"]);
    let (mut found, labels) = (Vec::new(), fixture::path("fixtures/streets/labels"));
    for how in ["--keep-probabilities=f32", "--keep-probabilities=f16"] {
        let copy = Predicted::new("streets", &images, &[how]).copy();
        assert_eq!(evaluate(copy.path(), &labels, &[]).0, Some(0));
        found.push(metrics(copy.path()));
    }
    for key in [
        "accuracy",
        "negative_log_likelihood",
        "brier_score",
        "expected_calibration_error",
    ] {
        let (exact, half) = (value(&found[0], key), value(&found[1], key));
        assert!((exact - half).abs() < 1e-3, "{key}: {exact} {half}");
    }
}

#[test]
fn labels_are_found_by_a_pattern_and_what_is_missing_is_named() {
    let copy = STREETS.copy();
    let labels = copy.path().join("labels");
    fs::create_dir(&labels).unwrap();
    let from = fixture::path("fixtures/streets/labels");
    fs::copy(from.join("street_00.png"), labels.join("00_gt.png")).unwrap();
    let (code, _, told) =
        evaluate(copy.path(), &labels, &["--match", r"street_(\d+)", "${1}_gt"]);
    assert_eq!(code, Some(3), "{told}");
    assert!(
        told.contains("\"street_01.png\" has no label") && told.contains("01_gt.png"),
        "{told}"
    );
    assert!(told.contains("strange_02") && told.contains("does not match"), "{told}");
    let (code, _, told) = evaluate(copy.path(), &labels, &[]);
    assert_eq!(code, Some(2));
    assert!(
        told.contains("none of 3 images could be compared") && told.contains("--match"),
        "{told}"
    );
}

#[test]
fn wrong_input_is_an_error_with_a_hint() {
    let streets = STREETS.copy();
    let labels = streets.path().join("labels");
    fs::create_dir(&labels).unwrap();
    let mut ids = Vec::new();
    let mut encoder = png::Encoder::new(&mut ids, 2, 1);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.write_header().unwrap().write_image_data(&[0, 200]).unwrap();
    for name in ["street_00.png", "street_01.png", "strange_02.png"] {
        fs::write(labels.join(name), &ids).unwrap();
    }
    let (code, _, told) = evaluate(streets.path(), &labels, &[]);
    assert_eq!(code, Some(2));
    assert!(told.contains("200 (50.0 %)") && told.contains("0 to 7"), "{told}");
    assert!(told.contains("--ignore-index"), "{told}");
    let digits = DIGITS.folder.path().join("out");
    let digits = digits.to_str().unwrap();
    let real = fixture::path("fixtures/streets/labels");
    let (code, _, told) = evaluate(streets.path(), &real, &["--ood", digits]);
    assert_eq!(code, Some(2));
    assert!(told.contains("another model"), "{told}");
    let plain = Predicted::new("digits", &[fixture::path("fixtures/digits/0")], &[]);
    let (code, _, told) = evaluate(plain.folder.path(), &real, &[]);
    assert_eq!(code, Some(2));
    assert!(told.contains("not kept") && told.contains("--keep-probabilities"), "{told}");
    let (code, _, told) = evaluate(Path::new("/nowhere"), &real, &[]);
    assert_eq!(code, Some(2));
    assert!(told.contains("no run.json"), "{told}");
    let digits = DIGITS.copy();
    let of_maps = evaluate(
        digits.path(),
        &fixture::path("fixtures/digits"),
        &["--reduce-zero-label"],
    );
    assert_eq!(of_maps.0, Some(2));
    assert!(
        of_maps.2.contains("--reduce-zero-label: applies to label maps"),
        "{}",
        of_maps.2
    );
    let table = streets.path().join("labels.csv");
    let copy = DIGITS.copy();
    for (rows, what) in [
        ("a,b\n0/0001.png,1\n", "columns are a,b"),
        ("path,label\n0/0001.png,ten\n", "\"ten\" is neither a class name"),
        ("path,label\n0/0001.png,1\n0/0001.png,2\n", "labels 1 and 2"),
        ("path,label\n0/0001.png,10\n", "id of 0 to 9"),
    ] {
        fs::write(&table, rows).unwrap();
        let (code, _, told) = evaluate(copy.path(), &table, &[]);
        assert_eq!(code, Some(2), "{rows}");
        assert!(told.contains(what) && told.contains("hint:"), "{told}");
    }
}

/// Runs `mcdrop evaluate` with a model and images, and a new output folder.
fn evaluate_model(
    model: &str,
    images: &[PathBuf],
    more: &[&str],
) -> (Output, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let model = fixture::path(&format!("models/{model}.onnx"));
    let out = folder.path().join("out");
    let mut arguments = vec!["evaluate", model.to_str().unwrap()];
    arguments.extend(images.iter().map(|image| image.to_str().unwrap()));
    arguments.extend(["-o", out.to_str().unwrap()]);
    arguments.extend(more);
    (mcdrop(&arguments), folder)
}

#[test]
fn a_model_is_evaluated_while_it_predicts_with_the_numbers_of_kept_arrays() {
    for (kept, model, images, labels) in [
        (
            &STREETS,
            "streets",
            streets(&["street_00", "street_01", "strange_02"]),
            fixture::path("fixtures/streets/labels"),
        ),
        (
            &DIGITS,
            "digits",
            vec![fixture::path("fixtures/digits")],
            fixture::path("fixtures/digits"),
        ),
    ] {
        let copy = kept.copy();
        let (code, said, _) = evaluate(copy.path(), &labels, &[]);
        let (output, folder) =
            evaluate_model(model, &images, &["--labels", labels.to_str().unwrap()]);
        let told = text(&output.stderr);
        assert_eq!((output.status.code(), text(&output.stdout)), (code, said), "{told}");
        assert_eq!(metrics(folder.path()), metrics(copy.path()));
        let out = folder.path().join("out");
        assert!(!out.join("probabilities").exists() && !out.join("overlay").exists());
        assert!(out.join("predictions.csv").exists(), "{told}");
        // The results of a run are not images, so they are not counted again.
        let (labels, out) = (labels.to_str().unwrap(), out.to_str().unwrap());
        let model = fixture::path(&format!("models/{model}.onnx"));
        let image = images[0].to_str().unwrap();
        let again = mcdrop(&[
            "evaluate",
            model.to_str().unwrap(),
            image,
            "-o",
            out,
            "--labels",
            labels,
        ]);
        assert_eq!(again.status.code(), Some(2));
        assert!(text(&again.stderr).contains("--overwrite"), "{}", text(&again.stderr));
    }
}

#[test]
fn masks_say_which_pixels_are_of_another_kind() {
    let images = streets(&["strange_00", "strange_01", "strange_02"]);
    let masks = fixture::path("fixtures/streets/strange");
    let masks = ["--ood-masks", masks.to_str().unwrap(), "--ood-index", "255"];
    let (output, folder) = evaluate_model("streets", &images, &masks);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let metrics = metrics(folder.path());
    for measure in ["predictive_entropy", "deterministic"] {
        let auroc = value(&metrics, &format!("ood_pixel.auroc.{measure}"));
        assert!((0.5..1.0).contains(&auroc), "{measure}: {auroc}");
    }
    assert!(metrics["metrics"]["accuracy"].is_null(), "there were no labels");
    let said = text(&output.stdout);
    assert!(said.contains("finding pixels of another kind"), "{said}");
}

#[test]
fn options_of_a_run_are_refused_for_a_folder_and_a_model_needs_images() {
    let out = STREETS.folder.path().join("out");
    let labels = fixture::path("fixtures/streets/labels");
    let (out, labels) = (out.to_str().unwrap(), labels.to_str().unwrap());
    for (more, what) in [
        (&["--samples", "62"][..], "IMAGES"),
        (&["--preset", "imagenet"], "IMAGES"),
        (&["-o", "elsewhere"], "IMAGES"),
    ] {
        let mut arguments = vec!["evaluate", out, "--labels", labels];
        arguments.extend(more);
        let output = mcdrop(&arguments);
        let told = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{told}");
        assert!(told.contains(what), "{told}");
    }
    let model = fixture::path("models/streets.onnx");
    let output = mcdrop(&["evaluate", model.to_str().unwrap(), "--labels", labels]);
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2));
    assert!(told.contains("is a model") && told.contains("MODEL IMAGES"), "{told}");
}
