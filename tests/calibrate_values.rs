//! `mcdrop calibrate`, `predict --policy` and `evaluate --policy` for values: depths of streets and
//! angles of digits. Rules are compared with plain computations from the kept arrays.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::LazyLock;

use assert_cmd::Command;
use image::DynamicImage;
use serde_json::Value;

use crate::fixture;

/// Factor of the label maps of `fixtures/streets_depth`: 256 levels per meter.
const SCALE: &str = "0.00390625";

fn mcdrop(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_mcdrop")).args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn done(arguments: &[&str]) -> (String, String) {
    let output = mcdrop(arguments);
    let (said, told) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{arguments:?}: {told}");
    (said, told)
}

fn refused(arguments: &[&str]) -> String {
    let output = mcdrop(arguments);
    assert!(!output.status.success(), "{arguments:?}");
    text(&output.stderr)
}

fn path(name: &str) -> String {
    fixture::path(name).to_str().unwrap().to_owned()
}

/// Folders of predictions with kept arrays, `calibration` and `evaluation`.
struct Predicted {
    folder: tempfile::TempDir,
    model: String,
    images: &'static str,
    head: &'static [&'static str],
}

impl Predicted {
    fn new(name: &str, images: &'static str, head: &'static [&'static str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let model = path(&format!("models/{name}.onnx"));
        let new = Self { folder, model, images, head };
        for set in ["calibration", "evaluation"] {
            new.predict(set, &new.path(set), &["--maps", "none", "--keep-probabilities"]);
        }
        new
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    /// Predicts a set of images to a folder; returns what is printed.
    fn predict(&self, set: &str, out: &str, more: &[&str]) -> String {
        let images = path(&format!("fixtures/{}/images/{set}_*.png", self.images));
        let mut arguments = vec!["predict", &self.model, &images, "-o", out];
        arguments.extend(self.head.iter().chain(more));
        done(&arguments).1
    }
}

/// Depth without the head of the variance, whose intervals are far too narrow.
static STREETS: LazyLock<Predicted> = LazyLock::new(|| {
    Predicted::new("streets_depth", "streets_depth", &["--head", "mean=depth"])
});

static ANGLES: LazyLock<Predicted> =
    LazyLock::new(|| Predicted::new("digits_angle", "digits_angle", &[]));

fn street_labels() -> [String; 4] {
    let labels = path("fixtures/streets_depth/depth");
    ["--labels".to_owned(), labels, "--label-scale".to_owned(), SCALE.to_owned()]
}

fn angle_labels() -> String {
    path("fixtures/digits_angle/labels.csv")
}

/// Returns the arguments with the options of the labels of streets.
fn with_labels<'a>(arguments: &[&'a str], labels: &'a [String]) -> Vec<&'a str> {
    arguments.iter().copied().chain(labels.iter().map(String::as_str)).collect()
}

fn array(out: &Path, kind: &str, id: &str) -> Vec<f64> {
    let bytes = fs::read(out.join(format!("{kind}/{id}.npy"))).unwrap();
    mcdrop::npy::decode(&bytes).unwrap().1.into_iter().map(f64::from).collect()
}

/// A labeled pixel: value, total standard deviation, label.
type Pixel = (f64, f64, f64);

/// Returns the labeled pixels of each street of a set.
fn streets(set: &str) -> Vec<Vec<Pixel>> {
    let out = PathBuf::from(STREETS.path(set));
    let street = |number: usize| {
        let id = format!("{set}_{number:02}.png");
        let label = image::open(fixture::path("fixtures/streets_depth/depth").join(&id));
        let DynamicImage::ImageLuma16(label) = label.unwrap() else {
            panic!("not 16 bits")
        };
        let labels = label.as_raw().iter().map(|level| f64::from(*level) / 256.0);
        let predicted =
            array(&out, "value", &id).into_iter().zip(array(&out, "total_std", &id));
        let all = predicted.zip(labels).map(|((value, std), label)| (value, std, label));
        all.filter(|(_, _, label)| (0.1..=80.0).contains(label)).collect()
    };
    (0..12).map(street).collect()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Returns the mean over the streets of the share of pixels within `factor` standard deviations.
fn coverage(streets: &[Vec<Pixel>], factor: f64) -> f64 {
    let share = |street: &Vec<Pixel>| {
        let inside = |(value, std, label): &&Pixel| (value - label).abs() <= factor * std;
        street.iter().filter(inside).count() as f64 / street.len() as f64
    };
    mean(&streets.iter().map(share).collect::<Vec<_>>())
}

fn policy(file: &str) -> toml::Table {
    fs::read_to_string(file).unwrap().parse().unwrap()
}

fn rows(out: &str) -> Vec<HashMap<String, String>> {
    let mut reader =
        csv::Reader::from_path(Path::new(out).join("predictions.csv")).unwrap();
    reader.deserialize().map(|row| row.unwrap()).collect()
}

fn number(row: &HashMap<String, String>, column: &str) -> f64 {
    row[column].parse().unwrap_or_else(|_| panic!("{column}: {:?}", row[column]))
}

fn metric(out: &str, key: &str) -> f64 {
    let bytes = fs::read(Path::new(out).join("metrics.json")).unwrap();
    let metrics: Value = serde_json::from_slice(&bytes).unwrap();
    metrics["metrics"][key]["value"].as_f64().unwrap_or_else(|| panic!("{key}"))
}

fn assert_close(found: f64, expected: f64, tolerance: f64) {
    let error = (found - expected).abs();
    assert!(error <= tolerance * expected.abs().max(1e-9), "{found} {expected}");
}

#[test]
fn rules_about_depths_equal_plain_computations_and_are_applied() {
    let (calibration, file) = (STREETS.path("calibration"), STREETS.path("all.toml"));
    let labels = street_labels();
    let alpha = ["--alpha", "0.1", "--keep", "0.8"];
    let arguments = [&["calibrate", &calibration, "-o", &file], &alpha[..]].concat();
    let (said, told) = done(&with_labels(&arguments, &labels));
    for expected in ["variance scale ", "intervals (risk_control): ", "accept: total_std"]
    {
        assert!(said.contains(expected), "{expected}: {said}");
    }
    assert!(told.contains("of the pixels do not count"), "{told}");
    let chosen = streets("calibration");
    let ratios: Vec<f64> = chosen
        .iter()
        .flatten()
        .map(|(value, std, label)| (value - label).powi(2) / std.powi(2))
        .collect();
    let policy = policy(&file);
    let target = &policy["targets"][0];
    let scale = target["variance_scale"]["value"].as_float().unwrap();
    assert_close(scale, mean(&ratios), 1e-5);
    // At most 0.1 * 13 - 1 = 0.3 of 12 streets may be missed.
    let factor = target["interval"]["factor"].as_float().unwrap();
    let missed = |factor: f64| 12.0 * (1.0 - coverage(&chosen, factor));
    assert!(missed(factor) <= 0.3 && missed(factor * 0.998) > 0.3, "{}", missed(factor));
    let below = policy["accept"]["below"].as_float().unwrap();

    let out = STREETS.path("with-policy");
    let maps =
        ["--maps", "interval_low,interval_high,calibrated_std", "--formats", "npy"];
    let more = [&["--policy", &file, "--map-size", "network"], &maps[..]].concat();
    let told = STREETS.predict("evaluation", &out, &more);
    assert!(told.contains("decisions: "), "{told}");
    let mut accepted = Vec::new();
    for row in rows(&out) {
        let expected = number(&row, "total_std") * scale.sqrt();
        assert_close(number(&row, "calibrated_std"), expected, 1e-5);
        let is_accepted = number(&row, "total_std") < below;
        assert_eq!(row["decision"], if is_accepted { "accept" } else { "review" });
        accepted.push(is_accepted);
    }
    let (id, out) = ("evaluation_03.png", Path::new(&out));
    let kept = PathBuf::from(STREETS.path("evaluation"));
    let [value, std] = ["value", "total_std"].map(|kind| array(&kept, kind, id));
    let [low, high, calibrated] = ["interval_low", "interval_high", "calibrated_std"]
        .map(|kind| array(out, kind, id));
    for i in 0..value.len() {
        assert!((low[i] - (value[i] - factor * std[i])).abs() < 1e-5);
        assert!((high[i] - (value[i] + factor * std[i])).abs() < 1e-5);
        assert!((calibrated[i] - scale.sqrt() * std[i]).abs() < 1e-5);
    }
    let record: Value =
        serde_json::from_slice(&fs::read(out.join("run.json")).unwrap()).unwrap();
    assert_eq!(record["output"]["interval"], 0.9);

    let evaluation = STREETS.path("evaluation");
    let arguments = ["evaluate", &evaluation, "--policy", &file];
    let (said, told) = done(&with_labels(&arguments, &labels));
    assert!(
        said.contains("interval_coverage_of_images") && said.contains("accepted.rmse")
    );
    let n = accepted.iter().filter(|is| **is).count();
    assert!(told.contains(&format!("decisions: {n} accept")), "{told}");
    assert_close(metric(&evaluation, "decisions.accept"), n as f64 / 12.0, 1e-9);
    let others = streets("evaluation");
    let found = metric(&evaluation, "interval_coverage_of_images");
    assert_close(found, coverage(&others, factor), 1e-5);
    let all: Vec<Pixel> = others.iter().flatten().copied().collect();
    for (key, factor) in [("coverage_95", 1.0), ("calibrated.coverage_95", scale.sqrt())]
    {
        let expected = coverage(std::slice::from_ref(&all), 1.959_963_985 * factor);
        assert_close(metric(&evaluation, key), expected, 1e-4);
    }
    let of_accepted = others.iter().zip(&accepted).filter(|(_, is)| **is);
    let squares: Vec<f64> = of_accepted
        .flat_map(|(street, _)| street.iter().map(|(v, _, label)| (v - label).powi(2)))
        .collect();
    assert_close(metric(&evaluation, "accepted.rmse"), mean(&squares).sqrt(), 1e-5);
    println!(
        "streets_depth without its variance head, 12 other streets: coverage of 95 % intervals \
         {:.4} before, {:.4} after; conformal 90 %: {found:.4}",
        metric(&evaluation, "coverage_95"),
        metric(&evaluation, "calibrated.coverage_95"),
    );
    assert!(metric(&evaluation, "coverage_95") < 0.5);
    assert!(metric(&evaluation, "calibrated.coverage_95") > 0.9 && found > 0.9);
}

#[test]
fn the_factor_of_coverage_makes_intervals_of_other_streets_cover_their_levels() {
    let (calibration, file) =
        (STREETS.path("calibration"), STREETS.path("coverage.toml"));
    let evaluation = STREETS.path("evaluation-copy");
    STREETS.predict(
        "evaluation",
        &evaluation,
        &["--maps", "none", "--keep-probabilities"],
    );
    let labels = street_labels();
    let arguments =
        ["calibrate", &calibration, "-o", &file, "--variance-scale", "coverage"];
    done(&with_labels(&arguments, &labels));
    let method = policy(&file)["targets"][0]["variance_scale"]["method"].clone();
    assert_eq!(method.as_str(), Some("coverage"));
    done(&with_labels(&["evaluate", &evaluation, "--policy", &file], &labels));
    let [before, after] = ["auce", "calibrated.auce"].map(|key| metric(&evaluation, key));
    assert!(before > 0.3 && after < 0.06, "{before} {after}");
}

#[test]
fn intervals_of_angles_are_those_of_split_conformal_prediction() {
    let (calibration, file) = (ANGLES.path("calibration"), ANGLES.path("policy.toml"));
    let labels = angle_labels();
    let (said, _) = done(&[
        "calibrate",
        &calibration,
        "--labels",
        &labels,
        "-o",
        &file,
        "--alpha",
        "0.1",
    ]);
    assert!(said.contains("intervals (split_conformal)"), "{said}");
    let mut reader = csv::Reader::from_path(&labels).unwrap();
    let labels: HashMap<String, f64> = reader
        .records()
        .map(|row| row.unwrap())
        .map(|row| {
            (row[0].trim_start_matches("images/").to_owned(), row[1].parse().unwrap())
        })
        .collect();
    let error = |row: &HashMap<String, String>| {
        (number(row, "value") - labels[&row["path"]]).abs() / number(row, "total_std")
    };
    let mut errors: Vec<f64> = rows(&calibration).iter().map(error).collect();
    errors.sort_by(f64::total_cmp);
    let factor = policy(&file)["targets"][0]["interval"]["factor"].as_float().unwrap();
    // k = ceil(25 * 0.9) = 23 of 24 digits.
    assert_close(factor, errors[22], 1e-5);
    let out = ANGLES.path("with-policy");
    ANGLES.predict("evaluation", &out, &["--policy", &file]);
    let mut inside = 0;
    for row in rows(&out) {
        let (value, half) = (number(&row, "value"), factor * number(&row, "total_std"));
        assert_close(number(&row, "interval_low"), value - half, 1e-4);
        assert_close(number(&row, "interval_high"), value + half, 1e-4);
        inside += usize::from(error(&row) <= factor);
    }
    assert!(inside >= 18, "{inside} of 24");
}

#[test]
fn a_risk_of_large_errors_is_bounded_and_others_are_refused() {
    let (calibration, file) = (ANGLES.path("calibration"), ANGLES.path("risk.toml"));
    let labels = angle_labels();
    let start = ["calibrate", &calibration, "--labels", &labels, "-o", &file];
    let risk = ["--risk", "0.3", "--error-above", "4", "--measure", "epistemic_std"];
    let (said, _) = done(&[&start[..], &risk].concat());
    assert!(said.contains("accept: epistemic_std"), "{said}");
    let policy = policy(&file);
    assert_eq!(policy["accept"]["score"]["measure"].as_str(), Some("epistemic_std"));
    let promise = policy["accept"]["promise"].as_str().unwrap();
    assert!(promise.contains("is off by more than 4, with confidence 0.95"), "{promise}");
    let told = refused(&[&start[..], &["--risk", "0.2"]].concat());
    assert!(told.contains("--error-above"), "{told}");
    let told = refused(&[&start[..], &["--alpha", "0.01"]].concat());
    assert!(told.contains("0.01 needs at least 99 images, found 24"), "{told}");
}

#[test]
fn intervals_of_pixels_are_maps_without_a_policy_too() {
    let out = STREETS.path("intervals");
    let maps = ["--maps", "interval_low,interval_high,value,total_std"];
    let more = ["--formats", "npy", "--map-size", "network", "--interval", "0.5"];
    STREETS.predict("evaluation", &out, &[&maps[..], &more].concat());
    let (out, id) = (Path::new(&out), "evaluation_00.png");
    let [low, high, value, std] = ["interval_low", "interval_high", "value", "total_std"]
        .map(|kind| array(out, kind, id));
    for i in 0..value.len() {
        let half = 0.674_489_750 * std[i];
        assert!(
            (low[i] - (value[i] - half)).abs() < 1e-5,
            "{} {}",
            low[i],
            value[i] - half
        );
        assert!((high[i] - (value[i] + half)).abs() < 1e-5);
    }
    let header = fs::read_to_string(out.join("predictions.csv")).unwrap();
    assert!(!header.contains("interval_low") && !header.contains("calibrated_std"));
}

#[test]
fn each_of_several_targets_has_its_own_rules() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (model, images) = (
        path("models/streets_depth-joined.onnx"),
        path("fixtures/streets_depth/images/calibration_*.png"),
    );
    let head = ["--head", "mean=out", "--targets", "depth,spread"];
    let (out, file) = (at("out"), at("policy.toml"));
    let start = ["predict", &model, &images, "-o", &out, "--maps", "none"];
    done(&[&start[..], &["--keep-probabilities"], &head].concat());
    // Labels are the values, plus errors of 2 standard deviations for one target and of 3 for the other.
    fs::create_dir(at("labels")).unwrap();
    for number in 0..12 {
        let id = format!("calibration_{number:02}.png");
        let labels: Vec<f32> = [("depth", 2.0), ("spread", 3.0)]
            .into_iter()
            .flat_map(|(target, factor)| {
                let of =
                    |kind: &str| array(Path::new(&out), &format!("{target}.{kind}"), &id);
                let both = of("value").into_iter().zip(of("total_std"));
                both.map(|(value, std)| (value + factor * std) as f32).collect::<Vec<_>>()
            })
            .collect();
        let bytes = mcdrop::npy::encode_f32(&[2, 80, 160], &labels).unwrap();
        fs::write(at(&format!("labels/calibration_{number:02}.npy")), bytes).unwrap();
    }
    let labels = at("labels");
    let start = ["calibrate", &out, "--labels", &labels, "-o", &file, "--alpha", "0.1"];
    let told = refused(&[&start[..], &["--keep", "0.8"]].concat());
    assert!(told.contains("name one of depth.total_std, spread.total_std"), "{told}");
    let more =
        ["--keep", "0.8", "--measure", "spread.total_std", "--valid-range", "-1e6:1e6"];
    let (said, _) = done(&[&start[..], &more].concat());
    assert!(
        said.contains("depth: variance scale 4.0") && said.contains("spread: intervals")
    );
    let policy = policy(&file);
    for (index, expected) in [2.0, 3.0].into_iter().enumerate() {
        let target = &policy["targets"][index];
        let factor = target["interval"]["factor"].as_float().unwrap();
        assert!((factor / expected - 1.0).abs() < 0.01, "{factor}");
        let scale = target["variance_scale"]["value"].as_float().unwrap();
        assert!((scale / (expected * expected) - 1.0).abs() < 0.01, "{scale}");
    }
    let applied = at("applied");
    let start = ["predict", &model, &images, "-o", &applied, "--maps", "none"];
    done(&[&start[..], &head, &["--policy", &file]].concat());
    let below = policy["accept"]["below"].as_float().unwrap();
    for row in rows(&applied) {
        let std = number(&row, "spread.total_std");
        assert_close(number(&row, "spread.calibrated_std"), 3.0 * std, 0.01);
        assert_eq!(row["decision"], if std < below { "accept" } else { "review" });
    }
}

#[test]
fn intervals_without_any_variance_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (out, file) = (at("out"), at("policy.toml"));
    let more = ["--maps", "none", "--keep-probabilities", "--deterministic"];
    STREETS.predict("calibration", &out, &more);
    let labels = street_labels();
    let arguments = ["calibrate", &out, "-o", &file, "--alpha", "0.1"];
    let told = refused(&with_labels(&arguments, &labels));
    assert!(told.contains("depth: total_std is 0 for all"), "{told}");
    assert!(told.contains("--model-precision"), "{told}");
    assert!(!Path::new(&file).exists());
    let (said, told) =
        done(&with_labels(&["calibrate", &out, "-o", &file, "--keep", "0.8"], &labels));
    assert!(said.contains("no variance scale: total_std is 0"), "{said}");
    assert!(told.contains("(100.00 %): no factor widens"), "{told}");
}

#[test]
fn a_policy_is_refused_for_another_precision_of_the_observations() {
    let (calibration, file) =
        (STREETS.path("calibration"), STREETS.path("settings.toml"));
    done(&["calibrate", &calibration, "-o", &file, "--keep", "0.8"]);
    let (images, out) = (
        path("fixtures/streets_depth/images/evaluation_00.png"),
        STREETS.path("refused"),
    );
    let start = ["predict", &STREETS.model, &images, "-o", &out, "--policy", &file];
    let other = [&start[..], STREETS.head, &["--model-precision", "4"]].concat();
    let told = refused(&other);
    assert!(told.contains("output.noise_variance was 0.0, is 0.25 now"), "{told}");
    let told = refused(&start);
    assert!(told.contains("model.heads was mean=depth, is "), "{told}");
}
