//! `mcdrop calibrate`, `predict --policy` and `tune` end to end.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::LazyLock;

use assert_cmd::Command;

use crate::fixture;

fn mcdrop(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_mcdrop")).args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn done(arguments: &[&str]) -> String {
    let output = mcdrop(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

/// Returns the exit code and the messages.
fn refused(arguments: &[&str]) -> (Option<i32>, String) {
    let output = mcdrop(arguments);
    (output.status.code(), text(&output.stderr))
}

fn model(name: &str) -> String {
    fixture::path(&format!("models/{name}.onnx")).to_str().unwrap().to_owned()
}

fn path(name: &str) -> String {
    fixture::path(name).to_str().unwrap().to_owned()
}

/// Predictions with kept arrays, made once for all tests.
struct Predicted {
    folder: tempfile::TempDir,
}

impl Predicted {
    fn new(name: &str, images: &[String], maps: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (model, out) = (model(name), folder.path().join("out"));
        let mut arguments = vec!["predict", &model, "-o", out.to_str().unwrap()];
        arguments.extend(images.iter().map(String::as_str));
        arguments.extend(["--maps", maps, "--keep-probabilities"]);
        done(&arguments);
        Self { folder }
    }

    fn out(&self) -> String {
        self.folder.path().join("out").to_str().unwrap().to_owned()
    }

    /// Returns the fields of the table by path and column.
    fn rows(&self) -> Vec<HashMap<String, String>> {
        rows(&self.folder.path().join("out"))
    }
}

fn rows(out: &Path) -> Vec<HashMap<String, String>> {
    let mut reader = csv::Reader::from_path(out.join("predictions.csv")).unwrap();
    reader.deserialize().map(|row| row.unwrap()).collect()
}

/// Returns the folders of ordinary digits, named after the classes.
fn ordinary() -> Vec<String> {
    vec![path("fixtures/digits/[0-9]/*.png")]
}

static DIGITS: LazyLock<Predicted> =
    LazyLock::new(|| Predicted::new("digits", &ordinary(), "none"));

static STREETS: LazyLock<Predicted> = LazyLock::new(|| {
    Predicted::new("streets", &[path("fixtures/streets/images")], "none")
});

fn policy(folder: &tempfile::TempDir) -> PathBuf {
    folder.path().join("policy.toml")
}

#[test]
fn a_threshold_that_keeps_a_share_decides_about_new_images() {
    let folder = tempfile::tempdir().unwrap();
    let (policy, out) = (policy(&folder), folder.path().join("out"));
    let (policy, out) = (policy.to_str().unwrap(), out.to_str().unwrap());
    let said = done(&["calibrate", &DIGITS.out(), "-o", policy, "--keep", "0.9"]);
    assert!(said.contains("accept: predictive_entropy below"), "{said}");
    // k = ceil(301 * .9) = 271 of 300 images.
    let mut entropies: Vec<f32> = DIGITS
        .rows()
        .iter()
        .map(|row| row["predictive_entropy"].parse().unwrap())
        .collect();
    entropies.sort_by(f32::total_cmp);
    let text = fs::read_to_string(policy).unwrap();
    let below = text.lines().find_map(|line| line.strip_prefix("below = ")).unwrap();
    let below: f32 = below.parse().unwrap();
    assert!(entropies[270] < below && below <= entropies[270].next_up(), "{below}");
    done(&[
        "predict",
        &model("digits"),
        &path("fixtures/digits"),
        "-o",
        out,
        "--policy",
        policy,
    ]);
    let mut accepted = 0;
    for row in rows(Path::new(out)) {
        let entropy: f32 = row["predictive_entropy"].parse().unwrap();
        let expected = if entropy < below { "accept" } else { "review" };
        assert_eq!(row["decision"], expected, "{row:?}");
        accepted +=
            usize::from(expected == "accept" && !row["path"].starts_with("strange"));
    }
    assert_eq!(accepted, 271);
}

#[test]
fn a_policy_of_everything_adds_its_columns_and_holds_on_the_images_it_was_made_of() {
    let folder = tempfile::tempdir().unwrap();
    let (policy, out) = (policy(&folder), folder.path().join("out"));
    let (policy, out) = (policy.to_str().unwrap(), out.to_str().unwrap());
    let digits = path("fixtures/digits");
    let output = mcdrop(&[
        "calibrate",
        &DIGITS.out(),
        "--labels",
        &digits,
        "-o",
        policy,
        "--risk",
        "0.05",
        "--ood-keep",
        "0.95",
        "--alpha",
        "0.05",
        "--measure",
        "deterministic",
    ]);
    let (said, told) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{told}");
    for word in
        ["temperature", "accept: deterministic", "out of distribution", "sets (lac)"]
    {
        assert!(said.contains(word), "{word}: {said}");
    }
    let model = model("digits");
    let output =
        mcdrop(&["predict", &model, &digits, "-o", out, "--policy", policy, "--jsonl"]);
    assert!(text(&output.stderr).contains("decisions: "), "{}", text(&output.stderr));
    let lines = text(&output.stdout);
    let first: serde_json::Value =
        serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    assert!(
        first["decision"].is_string() && first["prediction_set"].is_string(),
        "{first}"
    );
    let (mut held, mut ordinary) = (0, 0);
    for row in rows(Path::new(out)) {
        let classes: Vec<&str> = row["prediction_set"].split(' ').collect();
        assert_eq!(classes.len().to_string(), row["set_size"]);
        assert!(classes.contains(&row["class"].as_str()), "{row:?}");
        if let Some(label) = row["path"].split('/').next().filter(|name| name.len() == 1)
        {
            ordinary += 1;
            held += usize::from(classes.contains(&label));
        }
    }
    // At least ceil(301 * .95) = 286 of 300, because the rule was computed from these images.
    assert!(ordinary == 300 && held >= 286, "{held} of {ordinary}");
}

#[test]
fn sets_of_pixels_get_a_map_of_their_sizes() {
    let folder = tempfile::tempdir().unwrap();
    let (policy, out) = (policy(&folder), folder.path().join("out"));
    let (policy, out) = (policy.to_str().unwrap(), out.to_str().unwrap());
    let labels = path("fixtures/streets/labels");
    let said = done(&[
        "calibrate",
        &STREETS.out(),
        "--labels",
        &labels,
        "-o",
        policy,
        "--alpha",
        "0.03",
        "--aggregation",
        "patch_max",
        "--keep",
        "0.8",
    ]);
    assert!(said.contains("sets (risk_control)"), "{said}");
    let (code, told) = refused(&[
        "calibrate",
        &STREETS.out(),
        "--labels",
        &labels,
        "-o",
        policy,
        "--alpha",
        "0.03",
        "--method",
        "aps",
    ]);
    assert_eq!(code, Some(2));
    assert!(told.contains("--method: applies to classification"), "{told}");
    let image = path("fixtures/streets/images/street_00.png");
    done(&[
        "predict",
        &model("streets"),
        &image,
        "-o",
        out,
        "--policy",
        policy,
        "--formats",
        "png,npy",
    ]);
    let out = Path::new(out);
    let bytes = fs::read(out.join("set_size/street_00.png.npy")).unwrap();
    let (shape, sizes) = mcdrop::npy::decode(&bytes).unwrap();
    assert_eq!(shape, [160, 320]);
    assert!(sizes.iter().all(|size| (1.0..=8.0).contains(size) && size.fract() == 0.0));
    assert!(sizes.iter().any(|size| *size > 1.0));
    assert!(out.join("set_size/street_00.png.png").exists());
    let row = &rows(out)[0];
    if fs::read_to_string(policy).unwrap().contains("[temperature]") {
        let calibrated: f64 = row["calibrated_probability"].parse().unwrap();
        assert!((0.5..1.0).contains(&calibrated), "{calibrated}");
    }
    let mean: f64 =
        sizes.iter().map(|size| f64::from(*size)).sum::<f64>() / sizes.len() as f64;
    let said: f64 = row["set_size"].parse().unwrap();
    assert!((said - mean).abs() < 1e-6, "{said} {mean}");
    // The scores in the folder and in the run are the same, so the decisions are as well.
    let kept = STREETS.rows();
    let row_then = kept.iter().find(|row| row["path"] == "street_00.png").unwrap();
    let mut all: Vec<f32> =
        kept.iter().map(|r| r["predictive_entropy_patch_max"].parse().unwrap()).collect();
    all.sort_by(f32::total_cmp);
    // k = ceil(61 * .8) = 49 of 60.
    let own: f32 = row_then["predictive_entropy_patch_max"].parse().unwrap();
    let expected = if own <= all[48] { "accept" } else { "review" };
    assert_eq!(row["decision"], expected);
}

#[test]
fn a_policy_of_other_settings_is_refused_with_the_first_that_differs() {
    let folder = tempfile::tempdir().unwrap();
    let policy = policy(&folder);
    let policy = policy.to_str().unwrap();
    done(&["calibrate", &DIGITS.out(), "-o", policy, "--keep", "0.9"]);
    let digits = path("fixtures/digits/0");
    for (name, more, what) in [
        ("digits", &["--samples", "62"][..], "sampling.samples was 31, is 62 now"),
        ("digits", &["--draws", "independent"], "sampling.draws was stratified"),
        ("digits", &["--ratio", "0.2"], "sites was"),
        ("digits", &["--mean", "0.5"], "preprocessing.mean"),
        ("digits-dynamo", &[], "another model"),
    ] {
        let (model, out) = (model(name), folder.path().join("out"));
        let mut arguments = vec!["predict", &model, &digits, "-o", out.to_str().unwrap()];
        arguments.extend(["--policy", policy]);
        arguments.extend(more);
        let (code, told) = refused(&arguments);
        assert_eq!(code, Some(2), "{told}");
        assert!(told.contains(what) && told.contains("hint:"), "{told}");
        assert!(!out.join("predictions.csv").exists());
    }
    // Masks of another seed keep the promise as well.
    let out = folder.path().join("out");
    done(&[
        "predict",
        &model("digits"),
        &digits,
        "-o",
        out.to_str().unwrap(),
        "--policy",
        policy,
        "--seed",
        "5",
    ]);
}

#[test]
fn what_cannot_be_promised_is_an_error_with_a_hint() {
    let folder = tempfile::tempdir().unwrap();
    let file = policy(&folder);
    let file = file.to_str().unwrap();
    let (digits, out) = (path("fixtures/digits"), DIGITS.out());
    for (more, what) in [
        (&["--keep", "0.999"][..], "at least 999 images, found 300"),
        (&["--keep", "1.5"], "expected a number between 0 and 1"),
        (&["--labels", &digits, "--risk", "0.0001"], "images, found 300"),
        (&["--labels", &digits, "--alpha", "0.001"], "at least 999 images"),
        (&["--risk", "0.1"], "--labels"),
        (&["--keep", "0.9", "--measure", "surprise"], "unknown measure \"surprise\""),
        (&["--keep", "0.9", "--aggregation", "patch_max"], "--aggregation"),
        (&["--keep", "0.9", "--labels", "/nowhere"], "/nowhere"),
        (&["--labels", &digits, "--alpha", "0.1", "--measure", "margin"], "--measure"),
        (&["--keep", "0.9", "--confidence", "0.9"], "--risk"),
    ] {
        let mut arguments = vec!["calibrate", &out, "-o", file];
        arguments.extend(more);
        let (code, told) = refused(&arguments);
        assert!(matches!(code, Some(1 | 2)), "{told}");
        assert!(told.contains(what), "{what}: {told}");
        assert!(!Path::new(file).exists(), "{more:?}");
    }
    for (text, what) in [
        ("", "missing field"),
        ("version = 2\n[made_with]\n", "version 2"),
        ("version = 1\nsurprise = 1\n[made_with]\n", "surprise"),
        ("\u{0}", "is not a policy"),
    ] {
        fs::write(file, text).unwrap();
        let new = folder.path().join("new");
        let (code, told) = refused(&[
            "predict",
            &model("digits"),
            &digits,
            "-o",
            new.to_str().unwrap(),
            "--policy",
            file,
        ]);
        assert_eq!(code, Some(2), "{told}");
        assert!(told.contains(what) && told.contains("hint:"), "{what}: {told}");
    }
}

#[test]
fn tuning_tries_every_ratio_and_ends_in_a_command_that_runs() {
    let folder = tempfile::tempdir().unwrap();
    let (digits, model) = (path("fixtures/digits/[0-4]/*.png"), model("digits"));
    let labels = path("fixtures/digits");
    let said = done(&[
        "tune",
        &model,
        &digits,
        "--labels",
        &labels,
        "--ratios",
        "0.1,0.4",
        "--most-lost",
        "0.2",
    ]);
    let lines: Vec<&str> = said.lines().collect();
    assert!(lines[0].starts_with("place") && lines[1].starts_with("none"), "{said}");
    assert!(lines[2].starts_with("its own") && lines[2].contains(" 0.1 "), "{said}");
    assert!(lines[3].contains(" 0.4 "), "{said}");
    if let Some(command) = lines.get(4) {
        let words: Vec<String> = command
            .split(' ')
            .skip(1)
            .map(|word| word.trim_matches('\'').to_owned())
            .collect();
        let output = Command::new(env!("CARGO_BIN_EXE_mcdrop"))
            .args(&words)
            .current_dir(folder.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "{command}: {}", text(&output.stderr));
        assert!(folder.path().join("out/predictions.csv").exists());
    }
    for (more, what) in [
        (&["--places", "head"][..], "live dropout"),
        (&["--deterministic"], "no dropout to tune"),
    ] {
        let arguments = ["tune", &model, &digits, "--labels", &labels];
        let (code, told) = refused(&[&arguments[..], more].concat());
        assert_eq!(code, Some(2));
        assert!(told.contains(what), "{told}");
    }
}

/// Writes the model of the digits with its dropout off, as most exporters leave it: its boolean
/// tensors are false.
fn digits_at_rest(folder: &Path) -> PathBuf {
    let mut bytes = fs::read(model("digits")).unwrap();
    let on = b"\x10\x09J\x01\x01";
    let places: Vec<usize> =
        (0..bytes.len() - on.len()).filter(|i| bytes[*i..].starts_with(on)).collect();
    assert!(!places.is_empty());
    for place in places {
        bytes[place + 4] = 0;
    }
    let file = folder.join("digits.onnx");
    fs::write(&file, bytes).unwrap();
    fs::copy(fixture::path("models/digits.toml"), folder.join("digits.toml")).unwrap();
    file
}

#[test]
fn dropout_is_tried_at_the_places_of_a_model_without_any() {
    let folder = tempfile::tempdir().unwrap();
    let model = digits_at_rest(folder.path());
    let (digits, labels) = (path("fixtures/digits/[0-4]/*.png"), path("fixtures/digits"));
    let arguments = ["tune", model.to_str().unwrap(), &digits, "--labels", &labels];
    let said = done(&[&arguments[..], &["--ratios", "0.1"]].concat());
    for place in ["none", "head"] {
        assert!(said.lines().any(|line| line.starts_with(place)), "{place}: {said}");
    }
    let (code, told) = refused(&[&arguments[..], &["--places", "tail"]].concat());
    assert_eq!(code, Some(2));
    assert!(told.contains("no place or node \"tail\""), "{told}");
}
