//! Tests `mcdrop evaluate` for predicted values: depths of streets with maps, angles of digits with a
//! table. Metrics are compared with a plain computation from the kept arrays.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::LazyLock;

use assert_cmd::Command;
use image::{DynamicImage, ImageBuffer, Luma};
use serde_json::Value;

use crate::fixture;

/// Factor of the label maps of `fixtures/streets_depth`: 256 levels per meter.
const SCALE: &str = "0.00390625";

fn mcdrop(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mcdrop"));
    command.args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn predict(model: &str, images: &[PathBuf], more: &[&str]) -> tempfile::TempDir {
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
    folder
}

fn copy(of: &tempfile::TempDir) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    for entry in walkdir::WalkDir::new(of.path()) {
        let entry = entry.unwrap();
        let to = copy.path().join(entry.path().strip_prefix(of.path()).unwrap());
        if entry.file_type().is_dir() {
            fs::create_dir_all(to).unwrap();
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
    copy
}

fn street_names() -> Vec<String> {
    (0..4).map(|i| format!("evaluation_{i:02}")).collect()
}

fn street_images() -> Vec<PathBuf> {
    let path = |name: &String| {
        fixture::path(&format!("fixtures/streets_depth/images/{name}.png"))
    };
    street_names().iter().map(path).collect()
}

fn street_labels() -> PathBuf {
    fixture::path("fixtures/streets_depth/depth")
}

static STREETS: LazyLock<tempfile::TempDir> = LazyLock::new(|| {
    predict("streets_depth", &street_images(), &["--keep-probabilities"])
});

static ANGLES: LazyLock<tempfile::TempDir> = LazyLock::new(|| {
    let images = fixture::path("fixtures/digits_angle/images");
    predict("digits_angle", &[images], &["--keep-probabilities"])
});

fn evaluate(copy: &Path, labels: &Path, more: &[&str]) -> (Option<i32>, String, String) {
    let out = copy.join("out");
    let mut arguments =
        vec!["evaluate", out.to_str().unwrap(), "--labels", labels.to_str().unwrap()];
    arguments.extend(more);
    let output = mcdrop(&arguments);
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

fn metrics(out: &Path) -> Value {
    serde_json::from_slice(&fs::read(out.join("metrics.json")).unwrap()).unwrap()
}

fn value(metrics: &Value, key: &str) -> f64 {
    metrics["metrics"][key]["value"]
        .as_f64()
        .unwrap_or_else(|| panic!("{key} is missing"))
}

fn array(out: &Path, kind: &str, id: &str) -> Vec<f64> {
    let bytes = fs::read(out.join(format!("{kind}/{id}.npy"))).unwrap();
    mcdrop::npy::decode(&bytes).unwrap().1.into_iter().map(f64::from).collect()
}

/// A prediction with its label: value, variance, label.
type Item = (f64, f64, f64);

/// Checks RMSE, likelihood and coverage of 95 % against the items.
fn check(metrics: &Value, items: &[Item], ending: &str) {
    let mean = |of: &dyn Fn(&Item) -> f64| {
        items.iter().map(of).sum::<f64>() / items.len() as f64
    };
    let rmse = mean(&|(value, _, label)| (value - label).powi(2)).sqrt();
    let likelihood = mean(&|(value, variance, label)| {
        0.5 * (std::f64::consts::TAU * variance).ln()
            + (value - label).powi(2) / (2.0 * variance)
    });
    let inside = |(value, variance, label): &Item| {
        let z = (value - label).abs() / variance.sqrt();
        f64::from(u8::from(z <= 1.959_963_984_540_054))
    };
    for (key, expected, tolerance) in [
        ("rmse", rmse, 1e-5),
        ("negative_log_likelihood", likelihood, 1e-4),
        ("coverage_95", mean(&inside), 2.0 / items.len() as f64),
    ] {
        let found = value(metrics, &format!("{key}{ending}"));
        assert!(
            (found - expected).abs() < tolerance,
            "{key}{ending}: {found} {expected}"
        );
    }
    assert_eq!(metrics["items"], items.len());
}

/// Pairs predictions with labels that are not 0.
fn street_items(out: &Path, is_deterministic: bool) -> Vec<Item> {
    let mut items = Vec::new();
    for name in street_names() {
        let id = format!("{name}.png");
        let label = image::open(street_labels().join(&id)).unwrap();
        let DynamicImage::ImageLuma16(label) = label else { panic!("not 16 bits") };
        let labels = label.as_raw().iter().map(|level| f64::from(*level) / 256.0);
        let (values, variances) = if is_deterministic {
            let both = array(out, "deterministic", &id);
            let (values, variances) = both.split_at(both.len() / 2);
            (values.to_vec(), variances.to_vec())
        } else {
            let epistemic = array(out, "epistemic_variance", &id);
            let aleatoric = array(out, "aleatoric_variance", &id);
            let sums = epistemic.iter().zip(&aleatoric).map(|(e, a)| e + a);
            (array(out, "value", &id), sums.collect())
        };
        let all = values.into_iter().zip(variances).zip(labels);
        items.extend(
            all.map(|((value, variance), label)| (value, variance, label))
                .filter(|(_, _, label)| (0.1..=80.0).contains(label)),
        );
    }
    items
}

#[test]
fn depths_are_compared_with_maps_of_16_bits() {
    let copy = copy(&STREETS);
    let out = copy.path().join("out");
    let more = ["--label-scale", SCALE, "--error-above", "5", "--depth"];
    let (code, said, told) = evaluate(copy.path(), &street_labels(), &more);
    assert_eq!(code, Some(0), "{told}");
    let metrics = metrics(&out);
    check(&metrics, &street_items(&out, false), "");
    check(&metrics, &street_items(&out, true), ".deterministic");
    for key in [
        "abs_rel",
        "delta_1",
        "large_error.auroc.total_std",
        "spearman.epistemic_std",
        "ause_gustafsson.aleatoric_std",
    ] {
        let value = value(&metrics, key);
        assert!(value > 0.02 && value <= 1.0, "{key}: {value}");
    }
    for expected in ["depth (m)", "rmse ", "AUROC (large_error.auroc)", "  total_std"] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
    for name in ["error_by_std", "coverage", "sparsification"] {
        let csv = fs::read_to_string(out.join(format!("curves/{name}.csv"))).unwrap();
        assert!(csv.starts_with("curve,x,y\n"), "{csv}");
        assert!(csv.contains(&format!("{name}.total_std,")), "{csv}");
        assert!(out.join(format!("curves/{name}.svg")).is_file());
    }
    assert_eq!(metrics["labels"]["options"]["label_scale"], 0.003_906_25);
}

#[test]
fn evaluated_and_left_out_pixels_are_all_and_every_reason_is_printed() {
    let copy = copy(&STREETS);
    let out = copy.path().join("out");
    let labels = tempfile::tempdir().unwrap();
    let mut n_pixels = 0;
    for name in street_names() {
        let values = array(&out, "value", &format!("{name}.png"));
        n_pixels += values.len();
        let mut labels_of: Vec<f32> = values.iter().map(|value| *value as f32).collect();
        labels_of[..5].copy_from_slice(&[
            f32::NAN,
            f32::INFINITY,
            f32::NEG_INFINITY,
            -1.0,
            1e4,
        ]);
        let run: Value =
            serde_json::from_slice(&fs::read(out.join("run.json")).unwrap()).unwrap();
        assert_eq!(run["output"]["target"]["valid"], serde_json::json!([0.1, 80.0]));
        let (height, width) = street_size(&name);
        let bytes = mcdrop::npy::encode_f32(&[height, width], &labels_of).unwrap();
        fs::write(labels.path().join(format!("{name}_gt.npy")), bytes).unwrap();
    }
    let (code, _, told) = evaluate(copy.path(), labels.path(), &[]);
    assert_eq!(code, Some(0), "{told}");
    let of_sidecar = metrics(&out);
    let (code, _, _) = evaluate(copy.path(), labels.path(), &["--valid-range", "8:12"]);
    assert_eq!(code, Some(0));
    for (metrics, least_below) in [(of_sidecar, 4), (metrics(&out), 100)] {
        let left_out = metrics["items_without_label"].as_object().unwrap();
        let n_left_out: u64 = left_out.values().map(|n| n.as_u64().unwrap()).sum();
        assert_eq!(metrics["items"].as_u64().unwrap() + n_left_out, n_pixels as u64);
        assert_eq!(left_out["NaN"], 4);
        assert_eq!(left_out["infinite"], 8);
        assert!(left_out["below the valid range"].as_u64().unwrap() >= least_below);
        assert!(left_out["above the valid range"].as_u64().unwrap() >= 4);
        for reason in left_out.keys() {
            assert!(told.contains(reason.as_str()), "{reason}: {told}");
        }
        assert!(value(&metrics, "rmse") < 1e-6);
    }
}

fn street_size(name: &str) -> (usize, usize) {
    let map = image::open(street_labels().join(format!("{name}.png"))).unwrap();
    (map.height() as usize, map.width() as usize)
}

#[test]
fn the_invalid_value_of_the_sidecar_does_not_count() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("model.onnx");
    fs::copy(fixture::path("models/streets_depth.onnx"), &model).unwrap();
    let sidecar = fs::read_to_string(fixture::path("models/streets_depth.toml")).unwrap();
    let sidecar = sidecar.replace("valid = \"0.1:80\"", "invalid = 0.0");
    fs::write(model.with_extension("toml"), sidecar).unwrap();
    let (out, image) = (folder.path().join("out"), &street_images()[0]);
    let output = mcdrop(&[
        "predict",
        model.to_str().unwrap(),
        image.to_str().unwrap(),
        "-o",
        out.to_str().unwrap(),
        "--keep-probabilities",
        "--samples",
        "31",
    ]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let (code, _, told) =
        evaluate(folder.path(), &street_labels(), &["--label-scale", SCALE]);
    assert_eq!(code, Some(0), "{told}");
    let label = image::open(street_labels().join("evaluation_00.png")).unwrap();
    let n_zero = label.to_luma16().pixels().filter(|pixel| pixel.0[0] == 0).count();
    assert_eq!(metrics(&out)["items_without_label"]["invalid value"], n_zero);
    assert!(told.contains("of the pixels do not count (invalid value)"), "{told}");
}

#[test]
fn maps_of_another_size_are_compared_at_the_nearest_pixel() {
    let copy = copy(&STREETS);
    let labels = tempfile::tempdir().unwrap();
    for name in street_names() {
        let map = image::open(street_labels().join(format!("{name}.png"))).unwrap();
        let map = map.to_luma16();
        let larger: ImageBuffer<Luma<u16>, Vec<u16>> =
            ImageBuffer::from_fn(3 * map.width(), 3 * map.height(), |x, y| {
                *map.get_pixel(x / 3, y / 3)
            });
        larger.save(labels.path().join(format!("{name}.png"))).unwrap();
    }
    let scale = ["--label-scale", SCALE];
    assert_eq!(evaluate(copy.path(), &street_labels(), &scale).0, Some(0));
    let expected = metrics(&copy.path().join("out"));
    assert_eq!(evaluate(copy.path(), labels.path(), &scale).0, Some(0));
    let found = metrics(&copy.path().join("out"));
    assert_eq!(found["metrics"], expected["metrics"]);
}

#[test]
fn evaluation_in_one_pass_gives_the_same_metrics() {
    let copy = copy(&STREETS);
    let out = copy.path().join("one");
    let model = fixture::path("models/streets_depth.onnx");
    let labels = street_labels();
    let more = ["--label-scale", SCALE, "--error-above", "5", "--depth"];
    let mut arguments = vec!["evaluate", model.to_str().unwrap()];
    let images = street_images();
    arguments.extend(images.iter().map(|image| image.to_str().unwrap()));
    arguments.extend(["--labels", labels.to_str().unwrap()]);
    arguments.extend(["-o", out.to_str().unwrap()]);
    arguments.extend(more);
    let output = mcdrop(&arguments);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(evaluate(copy.path(), &labels, &more).0, Some(0));
    let (one, kept) = (metrics(&out), metrics(&copy.path().join("out")));
    assert_eq!(one["metrics"], kept["metrics"]);
    assert_eq!(one["items_without_label"], kept["items_without_label"]);
    assert!(!out.join("value").exists(), "arrays were kept");
}

#[test]
fn angles_are_compared_with_a_table() {
    let copy = copy(&ANGLES);
    let out = copy.path().join("out");
    let labels = fixture::path("fixtures/digits_angle/labels.csv");
    let (code, said, told) = evaluate(copy.path(), &labels, &["--error-above", "3"]);
    assert_eq!(code, Some(0), "{told}");
    assert!(said.contains("angle (degree)"), "{said}");
    assert!(told.contains("all images count"), "{told}");
    let mut items = Vec::new();
    let table = fs::read_to_string(&labels).unwrap();
    for line in table.lines().skip(1) {
        let (path, label) = line.split_once(',').unwrap();
        let id = path.rsplit('/').next().unwrap();
        let of = |kind: &str| array(&out, kind, id)[0];
        let variance = of("epistemic_variance") + of("aleatoric_variance");
        items.push((of("value"), variance, label.parse().unwrap()));
    }
    check(&metrics(&out), &items, "");
    // Semicolons, an empty field, and a row too few.
    let other = copy.path().join("other.csv");
    let mut lines: Vec<String> =
        table.lines().map(|line| line.replace(',', ";")).collect();
    lines.pop();
    lines[0] = "image;angle".to_owned();
    let path = lines[1].split(';').next().unwrap().to_owned();
    lines[1] = format!("{path};");
    fs::write(&other, lines.join("\n")).unwrap();
    let (code, _, told) = evaluate(copy.path(), &other, &[]);
    assert_eq!(code, Some(3), "{told}");
    assert!(told.contains("has no row for it"), "{told}");
    assert!(told.contains("of the images do not count (NaN)"), "{told}");
    assert_eq!(metrics(&out)["items"], items.len() - 2);
}

#[test]
fn several_targets_have_a_prefix_and_their_own_labels() {
    let folder = copy(&STREETS);
    let out = folder.path().join("out");
    make_two_targets(&out);
    let labels = tempfile::tempdir().unwrap();
    let folders = tempfile::tempdir().unwrap();
    for target in ["near", "far"] {
        fs::create_dir(folders.path().join(target)).unwrap();
    }
    for name in street_names() {
        let id = format!("{name}.png");
        let (height, width) = street_size(&name);
        let near: Vec<f32> = array(&out, "near.value", &id)
            .iter()
            .map(|value| *value as f32 + 1.0)
            .collect();
        let far: Vec<f32> = near.iter().map(|value| value + 1.0).collect();
        let both: Vec<f32> = near.iter().chain(&far).copied().collect();
        let encode = |n: usize, values: &[f32]| match n {
            1 => mcdrop::npy::encode_f32(&[height, width], values).unwrap(),
            n => mcdrop::npy::encode_f32(&[n, height, width], values).unwrap(),
        };
        fs::write(labels.path().join(format!("{name}.npy")), encode(2, &both)).unwrap();
        for (target, values) in [("near", &near), ("far", &far)] {
            let file = folders.path().join(target).join(format!("{name}.npy"));
            fs::write(file, encode(1, values)).unwrap();
        }
    }
    for labels in [&labels, &folders] {
        let (code, said, told) = evaluate(folder.path(), labels.path(), &[]);
        assert_eq!(code, Some(0), "{told}");
        let metrics = metrics(&out);
        assert!((value(&metrics, "near.bias") + 1.0).abs() < 1e-4);
        assert!((value(&metrics, "far.bias") + 2.0).abs() < 1e-4);
        assert!(said.contains("near (m)") && said.contains("far (m)"), "{said}");
        assert!(told.contains("far: ") && told.contains("near: "), "{told}");
        assert!(out.join("curves/far.coverage.csv").is_file());
    }
}

/// Changes the folder of one target to that of two equal ones.
fn make_two_targets(out: &Path) {
    let file = out.join("run.json");
    let mut run: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    run["output"]["targets"] = serde_json::json!(["near", "far"]);
    run["output"]["n_classes"] = 2.into();
    fs::write(&file, serde_json::to_vec(&run).unwrap()).unwrap();
    for kind in ["value", "epistemic_variance", "aleatoric_variance"] {
        for target in ["near", "far"] {
            let to = out.join(format!("{target}.{kind}"));
            fs::create_dir(&to).unwrap();
            for entry in fs::read_dir(out.join(kind)).unwrap() {
                let entry = entry.unwrap();
                fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
            }
        }
    }
    for name in street_names() {
        let id = format!("{name}.png");
        let pass: Vec<f32> =
            array(out, "deterministic", &id).iter().map(|value| *value as f32).collect();
        let (values, variances) = pass.split_at(pass.len() / 2);
        let (height, width) = street_size(&name);
        let bytes = mcdrop::npy::encode_f32(
            &[4, height, width],
            &[values, values, variances, variances].concat(),
        );
        fs::write(out.join(format!("deterministic/{id}.npy")), bytes.unwrap()).unwrap();
    }
}

#[test]
fn labels_in_another_unit_are_an_error_with_a_hint() {
    let copy = copy(&STREETS);
    let (code, _, told) = evaluate(copy.path(), &street_labels(), &[]);
    assert_eq!(code, Some(2), "{told}");
    assert!(told.contains("no label counts"), "{told}");
    assert!(told.contains("--label-scale"), "{told}");
    let more = ["--valid-range", "0.1:100000"];
    let (code, _, told) = evaluate(copy.path(), &street_labels(), &more);
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("contain integers, which are taken as values"), "{told}");
}

#[test]
fn options_and_commands_of_the_other_kind_are_refused() {
    let copy = copy(&STREETS);
    let out = copy.path().join("out");
    let out = out.to_str().unwrap();
    let labels = street_labels();
    let labels = labels.to_str().unwrap();
    let policy = copy.path().join("policy.toml");
    let of_values: [&[&str]; 4] = [
        &["--ood", out],
        &["--ood-masks", labels],
        &["--ignore-index", "0"],
        &["--label-colors", "voc"],
    ];
    for option in of_values {
        let (code, _, told) = evaluate(copy.path(), Path::new(labels), option);
        assert_eq!(code, Some(2), "{told}");
        let expected = format!("{}: applies to classes, but values", option[0]);
        assert!(told.contains(&expected), "{told}");
    }
    let policy = policy.to_str().unwrap();
    let labels_of_classes = ["report", out, "--labels", labels, "--ignore-index", "0"];
    let output = mcdrop(&labels_of_classes);
    assert_eq!(output.status.code(), Some(2));
    let told = text(&output.stderr);
    assert!(told.contains("applies to classes, but values were predicted"), "{told}");
    assert!(told.contains("hint: "), "{told}");
    let without = predict(
        "streets_depth",
        &street_images()[..1],
        &["--keep-probabilities", "--measures", "value", "--samples", "31"],
    );
    let (code, _, told) = evaluate(without.path(), Path::new(labels), &[]);
    assert_eq!(code, Some(2), "{told}");
    assert!(told.contains("measures: epistemic_variance was not kept"), "{told}");
    let out = without.path().join("out");
    let out = out.to_str().unwrap();
    let output = mcdrop(&["calibrate", out, "-o", policy, "--keep", "0.5"]);
    let told = text(&output.stderr);
    assert!(told.contains("measures: epistemic_variance was not kept"), "{told}");
    let digits = predict(
        "digits",
        &[fixture::path("fixtures/digits/0")],
        &["--keep-probabilities"],
    );
    let of_classes: [&[&str]; 4] = [
        &["--label-scale", "2"],
        &["--valid-range", "0:1"],
        &["--error-above", "1"],
        &["--depth"],
    ];
    for option in of_classes {
        let (code, _, told) =
            evaluate(digits.path(), &fixture::path("fixtures/digits"), option);
        assert_eq!(code, Some(2), "{told}");
        let expected = format!("{}: applies to values, but classes", option[0]);
        assert!(told.contains(&expected), "{told}");
    }
}

#[test]
fn tuning_of_values_compares_likelihood_error_and_calibration() {
    let folder = tempfile::tempdir().unwrap();
    let model = fixture::path("models/streets_depth.onnx");
    let images = fixture::path("fixtures/streets_depth/images");
    let labels = fixture::path("fixtures/streets_depth/depth");
    let tune = |more: &[&str]| {
        let arguments = ["tune", model.to_str().unwrap(), images.to_str().unwrap()];
        let of_labels =
            ["--labels", labels.to_str().unwrap(), "--label-scale", "0.00390625"];
        let of_run = ["--ratios", "0.05,0.5", "--samples", "7"];
        mcdrop(&[&arguments[..], &of_labels, &of_run, more].concat())
    };
    let output = tune(&["--most-lost", "0.9"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let table = text(&output.stdout);
    let lines: Vec<&str> = table.lines().collect();
    let header: Vec<&str> = lines[0].split_whitespace().collect();
    assert_eq!(
        header,
        ["place", "ratio", "negative_log_likelihood", "rmse", "auce", "spearman"]
    );
    let number = |row: usize, from_end: usize| -> f64 {
        lines[row].split_whitespace().rev().nth(from_end).unwrap().parse().unwrap()
    };
    assert!(lines[1].starts_with("none"), "{table}");
    // Dropout that is stronger than in training costs quality.
    assert!(number(3, 2) > number(2, 2), "{table}");
    for row in 1..4 {
        assert!((2.0..20.0).contains(&number(row, 2)), "{table}");
        assert!((0.0..0.5).contains(&number(row, 1)), "{table}");
    }
    // The command that it ends in predicts, without the options of the labels.
    if let Some(command) = lines.get(4) {
        assert!(!command.contains("label"), "{command}");
        let words = command.split(' ').skip(1).map(|word| word.trim_matches('\''));
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_mcdrop"))
            .args(words)
            .current_dir(folder.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "{command}: {}", text(&output.stderr));
    }
    // Without a variance, the likelihood of the plain model is that of the smallest deviation.
    let output = tune(&["--head", "mean=depth", "--most-lost", "0.9"]);
    let table = text(&output.stdout);
    let likelihood = |line: &str| -> f64 {
        line.split_whitespace().rev().nth(3).unwrap().parse().unwrap()
    };
    let lines: Vec<&str> = table.lines().collect();
    assert!(likelihood(lines[1]) > 100.0 * likelihood(lines[2]), "{table}");
    assert!(lines.len() == 5, "{table}");
}

#[test]
fn a_head_of_a_laplace_scale_is_evaluated_by_that_distribution() {
    let images = fixture::path("fixtures/digits_angle/images");
    let heads = ["--head", "mean=angle", "--head", "log_laplace_scale=log_variance"];
    let run = predict(
        "digits_angle",
        &[images],
        &[&heads[..], &["--keep-probabilities", "--samples", "5"]].concat(),
    );
    let labels = fixture::path("fixtures/digits_angle/labels.csv");
    let (code, _, told) = evaluate(run.path(), &labels, &[]);
    assert_eq!(code, Some(0), "{told}");
    let out = run.path().join("out");
    let metrics = metrics(&out);
    assert_eq!(metrics["distribution"], "laplace");
    let mut labels = csv::Reader::from_path(labels).unwrap();
    let labels: std::collections::BTreeMap<String, f64> = labels
        .records()
        .map(|row| row.unwrap())
        .map(|row| {
            (row[0].rsplit('/').next().unwrap().to_owned(), row[1].parse().unwrap())
        })
        .collect();
    let mut table = csv::Reader::from_path(out.join("predictions.csv")).unwrap();
    let header = table.headers().unwrap().clone();
    let column = |name: &str| header.iter().position(|column| column == name).unwrap();
    let (value_at, variance_at) = (column("value"), column("total_variance"));
    let (mut likelihood, mut inside, mut n) = (0.0, 0.0, 0.0);
    for row in table.records().map(Result::unwrap) {
        let number = |place: usize| row[place].parse::<f64>().unwrap();
        let error = (labels[&row[0]] - number(value_at)).abs();
        let scale = (number(variance_at) / 2.0).sqrt();
        likelihood += (2.0 * scale).ln() + error / scale;
        inside += f64::from(error <= scale * -(0.1_f64.ln()));
        n += 1.0;
    }
    let found = value(&metrics, "negative_log_likelihood");
    assert!((found - likelihood / n).abs() < 1e-3, "{found}, {}", likelihood / n);
    assert!((value(&metrics, "coverage_90") - inside / n).abs() < 1e-9);
}
