//! Tests `mcdrop evaluate` and `mcdrop calibrate` for labels of which any number holds: shapes with a
//! table, streets with masks and arrays. Metrics are compared with a plain computation from the
//! files.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::LazyLock;

use assert_cmd::Command;
use image::{GrayImage, Luma};
use serde_json::Value;

use crate::fixture;

const SHAPES: [&str; 5] = ["disc", "square", "triangle", "cross", "ring"];
const STREETS: [&str; 8] =
    ["road", "sidewalk", "building", "pole", "vegetation", "sky", "person", "car"];

fn mcdrop(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mcdrop"));
    command.args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Returns exit code, standard output and standard error.
fn run(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = mcdrop(arguments);
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

fn predict(model: &str, images: &[PathBuf], out: &Path, more: &[&str]) {
    let model = fixture::path(&format!("models/{model}.onnx"));
    let mut arguments =
        vec!["predict", model.to_str().unwrap(), "-o", out.to_str().unwrap()];
    arguments.extend(images.iter().map(|image| image.to_str().unwrap()));
    arguments.extend(["--samples", "8", "--maps", "none"]);
    arguments.extend(more);
    let (code, _, told) = run(&arguments);
    assert_eq!(code, Some(0), "{told}");
}

/// A folder with predictions of all shapes.
fn shapes() -> tempfile::TempDir {
    static PREDICTED: LazyLock<tempfile::TempDir> = LazyLock::new(|| {
        let folder = tempfile::tempdir().unwrap();
        let images = fixture::path("fixtures/shapes/images");
        predict("shapes", &[images], &folder.path().join("out"), &[]);
        folder
    });
    let copy = tempfile::tempdir().unwrap();
    fs::create_dir(copy.path().join("out")).unwrap();
    for name in ["predictions.csv", "run.json"] {
        let from = PREDICTED.path().join("out").join(name);
        fs::copy(from, copy.path().join("out").join(name)).unwrap();
    }
    copy
}

fn labels_of_shapes() -> PathBuf {
    fixture::path("fixtures/shapes/labels.csv")
}

fn evaluate(out: &Path, labels: &Path, more: &[&str]) -> (Value, String) {
    let mut arguments =
        vec!["evaluate", out.to_str().unwrap(), "--labels", labels.to_str().unwrap()];
    arguments.extend(more);
    let (code, said, told) = run(&arguments);
    assert_eq!(code, Some(0), "{told}");
    let metrics = fs::read(out.join("metrics.json")).unwrap();
    (serde_json::from_slice(&metrics).unwrap(), format!("{said}{told}"))
}

fn value(metrics: &Value, key: &str) -> f64 {
    let value = metrics["metrics"][key]["value"].as_f64();
    value.unwrap_or_else(|| panic!("{key} is missing"))
}

fn close(found: f64, expected: f64) {
    assert!((found - expected).abs() < 1e-6, "{found} {expected}");
}

/// Rows of a table by the names of its columns.
fn rows(file: &Path) -> Vec<std::collections::HashMap<String, String>> {
    let mut reader = csv::Reader::from_path(file).unwrap();
    reader.deserialize().map(|row| row.unwrap()).collect()
}

/// Returns for each image and label the probability and whether the label holds.
fn pairs(out: &Path, column: &str) -> Vec<Vec<(f64, bool)>> {
    let (predictions, truth) =
        (rows(&out.join("predictions.csv")), rows(&labels_of_shapes()));
    predictions
        .iter()
        .map(|row| {
            let of_image = |other: &&std::collections::HashMap<String, String>| {
                other["path"].ends_with(&row["path"])
            };
            let truth = truth.iter().find(of_image).unwrap();
            let label = |label: &str| {
                let p = row[&format!("{label}.{column}")].parse().unwrap();
                (p, truth[label] == "1")
            };
            SHAPES.map(label).to_vec()
        })
        .collect()
}

/// Returns F1 at a threshold.
fn f1(pairs: &[(f64, bool)], at_least: f64) -> f64 {
    let count =
        |is: &dyn Fn(&(f64, bool)) -> bool| pairs.iter().filter(|p| is(p)).count();
    let hits = count(&|(p, holds)| *p >= at_least && *holds);
    let sum = count(&|(p, _)| *p >= at_least) + count(&|(_, holds)| *holds);
    2.0 * hits as f64 / sum as f64
}

fn auroc(pairs: &[(f64, bool)]) -> f64 {
    let (mut ordered, mut n) = (0.0, 0.0);
    for (positive, _) in pairs.iter().filter(|(_, holds)| *holds) {
        for (negative, _) in pairs.iter().filter(|(_, holds)| !*holds) {
            n += 1.0;
            ordered += f64::from(u8::from(positive > negative));
            ordered += 0.5 * f64::from(u8::from((positive - negative).abs() < 1e-12));
        }
    }
    ordered / n
}

#[test]
fn labels_of_images_are_evaluated_without_kept_arrays() {
    let folder = shapes();
    let out = folder.path().join("out");
    let (metrics, said) = evaluate(&out, &labels_of_shapes(), &[]);
    for (column, ending) in
        [("probability", ""), ("deterministic_probability", ".deterministic")]
    {
        let pairs = pairs(&out, column);
        let mut sums = [0.0; 2];
        for (label, name) in SHAPES.iter().enumerate() {
            let of_label: Vec<_> = pairs.iter().map(|image| image[label]).collect();
            let expected = [auroc(&of_label), f1(&of_label, 0.5)];
            for ((name_of, expected), sum) in
                ["auroc", "f1"].iter().zip(expected).zip(&mut sums)
            {
                let key = format!("{name}.{name_of}{ending}");
                let bound = metrics["metrics"][&key]["bin_error"].as_f64().unwrap_or(0.0);
                let found = value(&metrics, &key);
                assert!(
                    (found - expected).abs() <= bound + 1e-6,
                    "{key}: {found} {expected}"
                );
                *sum += found / 5.0;
            }
            let brier = of_label.iter().map(|(p, holds)| {
                (p - f64::from(u8::from(*holds))).powi(2) / of_label.len() as f64
            });
            close(value(&metrics, &format!("{name}.brier_score{ending}")), brier.sum());
        }
        close(value(&metrics, &format!("macro.auroc{ending}")), sums[0]);
        close(value(&metrics, &format!("macro.f1{ending}")), sums[1]);
        close(value(&metrics, &format!("micro.f1{ending}")), f1(&pairs.concat(), 0.5));
    }
    assert!(metrics["metrics"]["macro.auroc"]["low"].as_f64().is_some());
    assert!(value(&metrics, "micro.misclassification.auroc.predictive_entropy") > 0.6);
    assert_eq!((&metrics["images"], &metrics["items"]), (&48.into(), &240.into()));
    assert_eq!(metrics["thresholds"]["ring"], 0.5);
    for expected in ["macro.auroc", "triangle", "less deterministic", "240 decisions"] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
    for name in ["reliability", "roc", "precision_recall"] {
        let csv = fs::read_to_string(out.join(format!("curves/{name}.csv"))).unwrap();
        assert!(csv.contains(&format!("\n{name}.ring,")), "{csv}");
        assert!(out.join(format!("curves/{name}.svg")).is_file());
    }
}

#[test]
fn names_and_columns_give_the_same_metrics_and_predictions_agree_with_themselves() {
    let folder = shapes();
    let out = folder.path().join("out");
    let (by_columns, _) = evaluate(&out, &labels_of_shapes(), &[]);
    let (by_names, _) = evaluate(&out, &fixture::path("fixtures/shapes/names.csv"), &[]);
    assert_eq!(by_columns["metrics"], by_names["metrics"]);
    let own = folder.path().join("own.csv");
    let rows = rows(&out.join("predictions.csv"));
    let rows = rows.iter().map(|row| format!("{},{}\n", row["path"], row["labels"]));
    fs::write(&own, format!("path,labels\n{}", rows.collect::<String>())).unwrap();
    let (metrics, _) = evaluate(&out, &own, &[]);
    close(value(&metrics, "subset_accuracy"), 1.0);
    close(value(&metrics, "missed_labels"), 0.0);
}

#[test]
fn unknown_labels_are_left_out_and_counted() {
    let folder = shapes();
    let table = fs::read_to_string(labels_of_shapes()).unwrap();
    let unknown = table.replacen("0,0,0,1,0", ",-1,0,1,0", 1);
    let labels = folder.path().join("labels.csv");
    fs::write(&labels, unknown).unwrap();
    let (metrics, said) = evaluate(&folder.path().join("out"), &labels, &[]);
    assert_eq!(metrics["items"], 238);
    let expected = serde_json::json!({ "disc.unknown": 1, "square.unknown": 1 });
    assert_eq!(metrics["items_without_label"], expected);
    assert!(said.contains("disc: 2.1 % of the images do not count (unknown)"), "{said}");
}

#[test]
fn a_label_that_never_holds_has_no_auroc_and_a_line() {
    let folder = shapes();
    let labels = folder.path().join("labels.csv");
    let rows = rows(&labels_of_shapes());
    let rows = rows.iter().map(|row| {
        format!(
            "{},{},{},{},{},0\n",
            row["path"], row["disc"], row["square"], row["triangle"], row["cross"]
        )
    });
    let header = "path,disc,square,triangle,cross,ring\n";
    fs::write(&labels, format!("{header}{}", rows.collect::<String>())).unwrap();
    let (metrics, said) = evaluate(&folder.path().join("out"), &labels, &[]);
    assert!(metrics["metrics"]["ring.auroc"].is_null());
    assert!(metrics["metrics"]["macro.auroc"]["value"].is_f64());
    assert!(said.contains("because they hold for none or for all: ring"), "{said}");
}

#[test]
fn one_pass_gives_the_metrics_of_a_folder() {
    let folder = shapes();
    let (kept, _) = evaluate(&folder.path().join("out"), &labels_of_shapes(), &[]);
    let out = folder.path().join("pass");
    let model = fixture::path("models/shapes.onnx");
    let images = fixture::path("fixtures/shapes/images");
    let labels = labels_of_shapes();
    let (code, _, told) = run(&[
        "evaluate",
        model.to_str().unwrap(),
        images.to_str().unwrap(),
        "--labels",
        labels.to_str().unwrap(),
        "-o",
        out.to_str().unwrap(),
        "--samples",
        "8",
    ]);
    assert_eq!(code, Some(0), "{told}");
    let metrics = fs::read(out.join("metrics.json")).unwrap();
    let metrics: Value = serde_json::from_slice(&metrics).unwrap();
    assert_eq!(metrics["metrics"], kept["metrics"]);
}

/// Calibrates a folder; returns the policy and what was printed.
fn calibrate(out: &Path, policy: &Path, more: &[&str]) -> (toml::Table, String) {
    let mut arguments =
        vec!["calibrate", out.to_str().unwrap(), "-o", policy.to_str().unwrap()];
    arguments.extend(more);
    let (code, said, told) = run(&arguments);
    assert_eq!(code, Some(0), "{told}");
    let table = fs::read_to_string(policy).unwrap().parse().unwrap();
    (table, format!("{said}{told}"))
}

fn thresholds(policy: &toml::Table) -> Vec<f64> {
    let thresholds = policy["labels"]["thresholds"].as_array().unwrap();
    thresholds.iter().map(|one| one["at_least"].as_float().unwrap()).collect()
}

#[test]
fn thresholds_with_the_largest_f1_are_found_and_applied() {
    let folder = shapes();
    let (out, policy) = (folder.path().join("out"), folder.path().join("policy.toml"));
    let labels = labels_of_shapes();
    let more = ["--labels", labels.to_str().unwrap(), "--keep", "0.75"];
    let (table, said) = calibrate(&out, &policy, &more);
    assert_eq!(table["labels"]["method"].as_str(), Some("f1"));
    assert!(said.contains("thresholds with the largest F1 (48 images)"), "{said}");
    let found = thresholds(&table);
    assert!(found.iter().any(|at_least| (at_least - 0.5).abs() > 0.01), "{found:?}");
    let pairs = pairs(&out, "probability");
    let path = policy.to_str().unwrap();
    let (metrics, _) = evaluate(&out, &labels, &["--policy", path]);
    for (label, (name, at_least)) in SHAPES.iter().zip(&found).enumerate() {
        let of_label: Vec<_> = pairs.iter().map(|image| image[label]).collect();
        let best = f1(&of_label, *at_least);
        let candidates = of_label.iter().map(|(p, _)| f1(&of_label, *p));
        assert!(candidates.fold(0.0, f64::max) <= best + 1e-9, "{name}");
        close(value(&metrics, &format!("{name}.f1")), best);
    }
    let images = fixture::path("fixtures/shapes/images");
    let again = folder.path().join("again");
    predict("shapes", &[images], &again, &["--policy", path]);
    let mut accepted = 0;
    let changed = rows(&again.join("predictions.csv"));
    for (row, before) in changed.iter().zip(rows(&out.join("predictions.csv"))) {
        let holds = SHAPES.iter().zip(&found).filter(|(label, at_least)| {
            let p: f64 = row[&format!("{label}.probability")].parse().unwrap();
            p >= **at_least
        });
        let holds: Vec<&str> = holds.map(|(label, _)| *label).collect();
        assert_eq!(row["labels"], holds.join("; "));
        let below = table["accept"]["below"].as_float().unwrap();
        let entropy: f64 = row["predictive_entropy"].parse().unwrap();
        assert_eq!(row["decision"] == "accept", entropy < below);
        assert_eq!(row["predictive_entropy"], before["predictive_entropy"]);
        accepted += usize::from(row["decision"] == "accept");
    }
    assert_eq!(accepted, 37, "ceil(49 * 0.75)");
}

#[test]
fn one_threshold_for_all_labels_bounds_the_labels_that_are_missed() {
    let folder = shapes();
    let (out, policy) = (folder.path().join("out"), folder.path().join("policy.toml"));
    let labels = labels_of_shapes();
    let more = ["--labels", labels.to_str().unwrap(), "--alpha", "0.1"];
    let (table, said) = calibrate(&out, &policy, &more);
    assert!(
        said.contains("at most 0.1 of the true labels of an image are missed"),
        "{said}"
    );
    let found = thresholds(&table);
    assert!(found.iter().all(|at_least| (at_least - found[0]).abs() < 1e-9));
    let missed = |at_least: f64| {
        let pairs = pairs(&out, "probability");
        let shares = pairs.iter().map(|image| {
            let n = image.iter().filter(|(_, holds)| *holds).count();
            let missed = image.iter().filter(|(p, holds)| *holds && *p < at_least);
            missed.count() as f64 / n.max(1) as f64
        });
        shares.sum::<f64>()
    };
    assert!((missed(found[0]) + 1.0) / 49.0 <= 0.1);
    assert!((missed(found[0] * 1.5) + 1.0) / 49.0 > 0.1);
    let (metrics, _) = evaluate(&out, &labels, &["--policy", policy.to_str().unwrap()]);
    close(value(&metrics, "missed_labels"), missed(found[0]) / 48.0);
}

#[test]
fn the_risk_is_bounded_on_the_other_half_of_the_images() {
    let folder = shapes();
    let (out, policy) = (folder.path().join("out"), folder.path().join("policy.toml"));
    let labels = labels_of_shapes();
    let labels = labels.to_str().unwrap();
    let more = ["--labels", labels, "--risk", "0.4", "--confidence", "0.8"];
    let (table, said) = calibrate(&out, &policy, &more);
    let [of_labels, of_risk] =
        ["labels", "accept"].map(|part| table[part]["images"].as_integer().unwrap());
    assert_eq!(of_labels + of_risk, 48);
    assert!(said.contains(&format!("({of_risk} other images)")), "{said}");
    let more = ["--keep", "0.9", "--measure", "epistemic_std"];
    let (table, _) = calibrate(&out, &policy, &more);
    assert!(!table.contains_key("labels"), "there is no truth");
    let images = fixture::path("fixtures/shapes/images");
    let again = folder.path().join("again");
    predict("shapes", &[images], &again, &["--policy", policy.to_str().unwrap()]);
    let accepted = rows(&again.join("predictions.csv"));
    let accepted = accepted.iter().filter(|row| row["decision"] == "accept").count();
    assert_eq!(accepted, 45, "ceil(49 * 0.9)");
    let more = ["--keep", "0.9", "--measure", "deterministic"];
    calibrate(&out, &policy, &more);
    let again = folder.path().join("plain");
    let images = fixture::path("fixtures/shapes/images");
    predict("shapes", &[images], &again, &["--policy", policy.to_str().unwrap()]);
    let accepted = rows(&again.join("predictions.csv"));
    let accepted = accepted.iter().filter(|row| row["decision"] == "accept").count();
    assert_eq!(accepted, 45);
}

/// Returns the ids of a street's labels with its size (rows, columns).
fn street(index: usize) -> (Vec<u8>, (usize, usize)) {
    let file = fixture::path(&format!("fixtures/streets/labels/street_{index:02}.png"));
    let decoder =
        png::Decoder::new(std::io::BufReader::new(fs::File::open(file).unwrap()));
    let mut reader = decoder.read_info().unwrap();
    let mut ids = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut ids).unwrap();
    ids.truncate(info.buffer_size());
    (ids, (info.height as usize, info.width as usize))
}

#[test]
fn masks_and_arrays_of_pixels_give_the_same_metrics() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let images: Vec<PathBuf> = (0..2)
        .map(|i| fixture::path(&format!("fixtures/streets/images/street_{i:02}.png")))
        .collect();
    let more = ["--task", "multilabel", "--keep-probabilities"];
    predict("streets", &images, &out, &more);
    let [masks, arrays] = ["masks", "arrays"].map(|name| folder.path().join(name));
    fs::create_dir(&arrays).unwrap();
    let mut expected = [0_usize; 2];
    for index in 0..2 {
        let (ids, (height, width)) = street(index);
        let mut planes = Vec::new();
        for (label, name) in (0_u8..).zip(STREETS) {
            fs::create_dir_all(masks.join(name)).unwrap();
            let level = |x: u32, y: u32| {
                if ids[y as usize * width + x as usize] == label { 255 } else { 0 }
            };
            GrayImage::from_fn(width as u32, height as u32, |x, y| Luma([level(x, y)]))
                .save(masks.join(name).join(format!("street_{index:02}.png")))
                .unwrap();
            let holds: Vec<f32> =
                ids.iter().map(|id| f32::from(u8::from(*id == label))).collect();
            let p = fs::read(
                out.join(format!("{name}.probability/street_{index:02}.png.npy")),
            );
            let (_, p) = mcdrop::npy::decode(&p.unwrap()).unwrap();
            let right = p.iter().zip(&holds).filter(|(p, h)| (**p >= 0.5) == (**h > 0.5));
            expected[0] += right.count();
            expected[1] += p.len();
            planes.extend(holds);
        }
        let bytes = mcdrop::npy::encode_f32(&[8, height, width], &planes).unwrap();
        fs::write(arrays.join(format!("street_{index:02}.npy")), bytes).unwrap();
    }
    let (by_masks, said) = evaluate(&out, &masks, &[]);
    let (by_arrays, _) = evaluate(&out, &arrays, &[]);
    assert_eq!(by_masks["metrics"], by_arrays["metrics"]);
    close(value(&by_masks, "micro.accuracy"), expected[0] as f64 / expected[1] as f64);
    assert!(said.contains("contain 0 and 255: 255 is the object"), "{said}");
    // A policy adds a map of where each label holds, which is a truth in turn.
    let policy = folder.path().join("policy.toml");
    let labels = masks.to_str().unwrap();
    let more = ["--labels", labels, "--keep", "0.5", "--aggregation", "patch_max"];
    let (table, _) = calibrate(&out, &policy, &more);
    let again = folder.path().join("again");
    let more = ["--task", "multilabel", "--policy", policy.to_str().unwrap()];
    let more = [&more[..], &["--keep-probabilities", "--maps", "prediction"]].concat();
    let model = fixture::path("models/streets.onnx");
    let mut arguments = vec!["predict", model.to_str().unwrap(), "--samples", "8"];
    arguments.extend(["-o", again.to_str().unwrap()]);
    arguments.extend(images.iter().map(|image| image.to_str().unwrap()));
    arguments.extend(&more);
    let (code, _, told) = run(&arguments);
    assert_eq!(code, Some(0), "{told}");
    let own = folder.path().join("own");
    for name in STREETS {
        fs::create_dir_all(own.join(name)).unwrap();
        for index in 0..2 {
            let map = format!("street_{index:02}.png.png");
            let from = again.join(format!("{name}.prediction")).join(&map);
            fs::copy(from, own.join(name).join(format!("street_{index:02}.png")))
                .unwrap();
        }
    }
    let (metrics, _) = evaluate(&again, &own, &["--policy", policy.to_str().unwrap()]);
    close(value(&metrics, "micro.accuracy"), 1.0);
    assert_eq!(thresholds(&table).len(), 8);
    let rows = rows(&again.join("predictions.csv"));
    assert_eq!(rows.iter().filter(|row| row["decision"] == "accept").count(), 2);
}
