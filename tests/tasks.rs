//! Tests regression and labels by the files and messages of the program.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use mcdrop::output::{gray_png, heat_map::Scale};
use serde_json::Value;
use tempfile::TempDir;

use crate::fixture;

/// A folder with images and copies of models whose sidecars tests may change.
pub(crate) struct Scene {
    folder: TempDir,
}

impl Scene {
    /// Creates a scene with `n` images of a fixture in `images`, and its model.
    fn new(model: &str, n: usize) -> Self {
        Self::with_images(model, model.split('-').next().unwrap(), n)
    }

    /// Creates a scene of a model that has no fixture of its own.
    pub(crate) fn with_images(model: &str, fixture: &str, n: usize) -> Self {
        let scene = Self { folder: tempfile::tempdir().unwrap() };
        fs::create_dir(scene.folder.path().join("images")).unwrap();
        for i in 0..n {
            let name = format!("evaluation_{i:02}.png");
            let from = format!("fixtures/{fixture}/images/{name}");
            scene.copy(&from, &format!("images/{name}"));
        }
        scene.copy(&format!("models/{model}.onnx"), "model.onnx");
        scene.copy(&format!("models/{model}.toml"), "model.toml");
        scene
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    fn copy(&self, from: &str, to: &str) {
        fs::copy(fixture::path(from), self.path().join(to)).unwrap();
    }

    /// Replaces a part of the sidecar.
    pub(crate) fn edit_sidecar(&self, before: &str, after: &str) {
        let file = self.path().join("model.toml");
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.contains(before), "{text}");
        fs::write(file, text.replace(before, after)).unwrap();
    }

    pub(crate) fn command(&self, out: &str, more: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mcdrop"));
        command.current_dir(self.path());
        command.args(["predict", "model.onnx", "images", "-o", out]).args(more);
        command.stdin(Stdio::null());
        command
    }

    /// Predicts into `out`, and returns its table.
    #[track_caller]
    pub(crate) fn predict(&self, out: &str, more: &[&str]) -> Table {
        let output = self.command(out, more).output().unwrap();
        assert!(output.status.success(), "{}", messages(&output));
        self.table(out)
    }

    /// Predicts into `out`, which fails, and returns the messages.
    #[track_caller]
    fn refused(&self, more: &[&str]) -> String {
        let output = self.command("refused", more).output().unwrap();
        assert!(!output.status.success(), "{}", messages(&output));
        messages(&output)
    }

    fn table(&self, out: &str) -> Table {
        let file = self.path().join(out).join("predictions.csv");
        let mut reader = csv::Reader::from_path(file).unwrap();
        let header = reader.headers().unwrap().iter().map(str::to_owned).collect();
        let rows = reader
            .records()
            .map(|row| row.unwrap().iter().map(str::to_owned).collect::<Vec<_>>());
        Table { header, rows: rows.collect() }
    }

    pub(crate) fn record(&self, out: &str) -> Value {
        let file = self.path().join(out).join("run.json");
        serde_json::from_slice(&fs::read(file).unwrap()).unwrap()
    }

    pub(crate) fn npy(&self, file: &str) -> Vec<f32> {
        mcdrop::npy::decode(&fs::read(self.path().join(file)).unwrap()).unwrap().1
    }

    /// Returns every file of a run except the record, whose times differ.
    pub(crate) fn files(&self, out: &str) -> BTreeMap<String, Vec<u8>> {
        let folder = self.path().join(out);
        let files = walkdir::WalkDir::new(&folder).into_iter().map(Result::unwrap);
        files
            .filter(|file| file.file_type().is_file() && file.file_name() != "run.json")
            .map(|file| {
                let name = file.path().strip_prefix(&folder).unwrap();
                (name.display().to_string(), fs::read(file.path()).unwrap())
            })
            .collect()
    }
}

/// A table of images.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Table {
    header: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// Returns the names of the columns between those of the image and those of the run.
    pub(crate) fn columns(&self) -> Vec<&str> {
        let n = self.header.len();
        self.header[4..n - 3].iter().map(String::as_str).collect()
    }

    #[track_caller]
    fn text(&self, row: usize, column: &str) -> &str {
        let place = self.header.iter().position(|name| name == column);
        &self.rows[row][place.unwrap_or_else(|| panic!("no column {column}"))]
    }

    #[track_caller]
    fn number(&self, row: usize, column: &str) -> f64 {
        self.text(row, column).parse().unwrap()
    }
}

pub(crate) fn messages(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[track_caller]
fn assert_close(found: f64, expected: f64, tolerance: f64) {
    let off = (found - expected).abs() / expected.abs().max(1.0);
    assert!(off <= tolerance, "{found}, expected {expected}");
}

const VALUE_COLUMNS: [&str; 7] = [
    "value",
    "total_std",
    "aleatoric_std",
    "epistemic_std",
    "total_variance",
    "aleatoric_variance",
    "epistemic_variance",
];

#[test]
fn values_of_images_have_the_documented_columns_in_order() {
    let scene = Scene::new("digits_angle", 2);
    let table = scene.predict("out", &["--samples", "5"]);
    let first =
        ["deterministic_value", "deterministic_std", "interval_low", "interval_high"];
    assert_eq!(table.columns(), [&first[..], &VALUE_COLUMNS].concat());
    let record = scene.record("out");
    assert_eq!(record["output"]["task"], "regression");
    assert_eq!(record["output"]["item"], "image");
    assert_eq!(record["output"]["units"]["total_variance"], "degree²");
    let heads = ["mean=angle", "log_variance=log_variance"];
    assert_eq!(record["model"]["heads"], serde_json::json!(heads));
    for row in 0..2 {
        let of = |column| table.number(row, column);
        let total = of("aleatoric_variance") + of("epistemic_variance");
        assert_close(of("total_variance"), total, 1e-5);
        assert_close(of("total_std"), total.sqrt(), 1e-5);
        let half = (of("interval_high") - of("interval_low")) / 2.0;
        assert_close(half, 1.959_964 * of("total_std"), 1e-5);
        let middle = f64::midpoint(of("interval_high"), of("interval_low"));
        assert_close(middle, of("value"), 1e-5);
    }
}

#[test]
fn values_of_pixels_have_columns_of_patches_and_quantiles_for_deviations_only() {
    let scene = Scene::new("streets_depth", 1);
    let table = scene.predict("out", &["--samples", "2", "--maps", "none"]);
    let mut expected = vec!["deterministic_value", "deterministic_std", "value"];
    let stds = ["total_std", "aleatoric_std", "epistemic_std"];
    let summaries = stds
        .map(|std| [std.to_owned(), format!("{std}_patch_max"), format!("{std}_q95")]);
    let summaries: Vec<String> = summaries.into_iter().flatten().collect();
    expected.extend(summaries.iter().map(String::as_str));
    expected.extend(["total_variance", "aleatoric_variance", "epistemic_variance"]);
    assert_eq!(table.columns(), expected);
}

#[test]
fn columns_of_several_targets_start_with_the_name_of_the_target() {
    let scene = Scene::new("streets_depth-joined", 1);
    scene.edit_sidecar("name = \"depth\"\n", "");
    let head = ["--head", "mean=out", "--samples", "2", "--maps", "none"];
    let numbered = scene.predict("numbered", &head);
    let named = scene.predict("named", &[&head[..], &["--targets", "a,b"]].concat());
    for (table, names) in [(&numbered, ["0.", "1."]), (&named, ["a.", "b."])] {
        let deterministic = ["deterministic_value", "deterministic_std"];
        let first =
            names.map(|name| deterministic.map(|column| format!("{name}{column}")));
        let columns = table.columns();
        assert_eq!(columns[..4], first.concat());
        let n = (columns.len() - 4) / 2;
        assert!(columns[4..4 + n].iter().all(|column| column.starts_with(names[0])));
        assert!(columns[4 + n..].iter().all(|column| column.starts_with(names[1])));
        assert_eq!(columns[4].split_once('.').unwrap().1, "value");
    }
    assert_eq!(numbered.rows, named.rows);
    assert_eq!(scene.record("named")["output"]["targets"], serde_json::json!(["a", "b"]));
    let wrong = scene.refused(&["--head", "mean=out", "--targets", "a"]);
    assert!(
        wrong.contains("--targets: 1 name is given, but the model has 2 targets"),
        "{wrong}"
    );
}

#[test]
fn channels_of_one_output_are_read_as_two_outputs_would_be() {
    let two = Scene::new("streets_depth", 1);
    let one = Scene::new("streets_depth-joined", 1);
    let heads = ["--head", "mean=out:0", "--head", "log_variance=out:1"];
    let found = one.predict("out", &heads);
    let expected = two.predict("out", &[]);
    assert_eq!(found.header, expected.header);
    for column in ["deterministic_value", "deterministic_std"] {
        assert_close(found.number(0, column), expected.number(0, column), 1e-5);
    }
    // The sites have other names, and so other masks.
    let off = |column| (found.number(0, column) / expected.number(0, column) - 1.0).abs();
    assert!(off("aleatoric_std") < 0.05 && off("epistemic_std") < 0.2);
    // The sidecar can hold the heads.
    one.edit_sidecar(
        "[target]",
        "[heads]\nmean = \"out:0\"\nlog_variance = \"out:1\"\n\n[target]",
    );
    assert_eq!(one.predict("by_sidecar", &[]), found);
}

#[test]
fn roles_that_are_guessed_from_names_are_printed() {
    let scene = Scene::new("digits_angle", 1);
    let by_name =
        "by the names of the outputs: --head mean=angle --head log_variance=log_variance";
    let run =
        |out: &str, more: &[&str]| messages(&scene.command(out, more).output().unwrap());
    let printed = run("guessed", &[]);
    let inspect = Command::new(env!("CARGO_BIN_EXE_mcdrop"))
        .current_dir(scene.path())
        .args(["inspect", "model.onnx"])
        .output()
        .unwrap();
    let shown = String::from_utf8(inspect.stdout).unwrap();
    let heads =
        "heads: mean=angle, log_variance=log_variance (by the names of the outputs)";
    assert!(shown.lines().any(|line| line == heads), "{shown}");
    assert!(printed.contains(by_name), "{printed}");
    let typed = ["--head", "mean=angle", "--head", "log_variance=log_variance"];
    let printed = run("typed", &typed);
    assert!(!printed.contains("by the names"), "{printed}");
    assert_eq!(scene.table("guessed"), scene.table("typed"));
    scene.edit_sidecar(
        "[target]",
        "[heads]\nmean = \"angle\"\nlog_variance = \"log_variance\"\n\n[target]",
    );
    let printed = run("by_sidecar", &[]);
    assert!(!printed.contains("by the names"), "{printed}");
    assert_eq!(scene.table("guessed"), scene.table("by_sidecar"));
}

#[test]
fn scale_and_offset_of_a_target_convert_values_variances_and_intervals() {
    let scene = Scene::new("digits_angle", 3);
    let plain = scene.predict("plain", &[]);
    let (scale, offset) = (-0.25, 10.0);
    scene.edit_sidecar(
        "unit = \"degree\"",
        "unit = \"turn\"\nscale = -0.25\noffset = 10.0",
    );
    let converted = scene.predict("converted", &[]);
    assert_eq!(scene.record("converted")["output"]["units"]["value"], "turn");
    assert_eq!(
        scene.record("converted")["output"]["units"]["aleatoric_variance"],
        "turn²"
    );
    for row in 0..3 {
        let (before, after) =
            (|column| plain.number(row, column), |column| converted.number(row, column));
        for column in ["value", "deterministic_value"] {
            assert_close(after(column), before(column) * scale + offset, 1e-5);
        }
        for column in ["total_std", "aleatoric_std", "epistemic_std", "deterministic_std"]
        {
            assert_close(after(column), before(column) * scale.abs(), 1e-5);
        }
        for column in ["total_variance", "aleatoric_variance", "epistemic_variance"] {
            assert_close(after(column), before(column) * scale * scale, 1e-5);
        }
        // A negative scale exchanges the ends.
        let low = before("interval_high") * scale + offset;
        assert_close(after("interval_low"), low, 1e-5);
    }
}

#[test]
fn a_model_precision_adds_its_inverse_in_the_networks_unit_to_the_aleatoric_variance() {
    let scene = Scene::new("digits_angle", 2);
    let plain = scene.predict("plain", &[]);
    let more = scene.predict("more", &["--model-precision", "0.5"]);
    // (1 - 0.5) 2² / (2 · 100 · 0.02)
    let training = "length_scale=2,weight_decay=0.02,images=100,ratio=0.5";
    assert_eq!(scene.predict("training", &["--model-precision", training]), more);
    scene.edit_sidecar("unit = \"degree\"", "unit = \"turn\"\nscale = 3.0");
    let scaled = scene.predict("scaled", &["--model-precision", "0.5"]);
    for row in 0..2 {
        let of = |table: &Table, column| table.number(row, column);
        let expected = of(&plain, "aleatoric_variance") + 2.0;
        assert_close(of(&more, "aleatoric_variance"), expected, 1e-5);
        assert_close(of(&scaled, "aleatoric_variance"), 9.0 * expected, 1e-5);
        assert_close(of(&more, "epistemic_std"), of(&plain, "epistemic_std"), 1e-6);
        let std = (of(&plain, "deterministic_std").powi(2) + 2.0).sqrt();
        assert_close(of(&more, "deterministic_std"), std, 1e-5);
    }
}

#[test]
fn intervals_have_the_probability_that_is_chosen() {
    let scene = Scene::new("digits_angle", 2);
    let table = scene.predict("out", &["--interval", "0.5"]);
    for row in 0..2 {
        let half = 0.674_490 * table.number(row, "total_std");
        let value = table.number(row, "value");
        assert_close(table.number(row, "interval_low"), value - half, 1e-5);
        assert_close(table.number(row, "interval_high"), value + half, 1e-5);
    }
    assert_eq!(scene.record("out")["output"]["interval"], 0.5);
}

/// Returns the scale of a map in pictures, by the record of a run.
fn scale_of(record: &Value, name: &str) -> Scale {
    let number = |key: &str| record["output"][key][name].as_f64().unwrap_or(0.0) as f32;
    Scale::new(number("lower_bounds"), number("bounds"))
}

#[test]
fn pictures_hold_the_values_to_half_a_step_of_the_recorded_scale() {
    let scene = Scene::new("streets_depth", 2);
    let formats = ["--samples", "3", "--formats", "png,png16,npy,tiff"];
    for (out, more) in [("chosen", &["--value-range", "-5.5:90"][..]), ("looked", &[])] {
        scene.predict(out, &[&formats[..], more].concat());
        let record = scene.record(out);
        if out == "chosen" {
            let scale = scale_of(&record, "value");
            assert_eq!((scale.low, scale.high), (-5.5, 90.0));
        }
        for name in ["value", "total_std", "aleatoric_std", "epistemic_std"] {
            let scale = scale_of(&record, name);
            let length = scale.high - scale.low;
            assert!(length > 0.0);
            for image in ["evaluation_00.png", "evaluation_01.png"] {
                let map = format!("{out}/{name}/{image}");
                let values = scene.npy(&format!("{map}.npy"));
                assert_eq!(values.len(), 80 * 160);
                let clamped = values.iter().map(|v| v.clamp(scale.low, scale.high));
                let clamped: Vec<f32> = clamped.collect();
                let is_inside = |v: &&f32| (scale.low..=scale.high).contains(*v);
                let inside = values.iter().filter(is_inside).count();
                assert!(inside * 10 > values.len() * 9, "{map}: {inside}");
                let png16 = fs::read(scene.path().join(format!("{map}.16.png"))).unwrap();
                let png16 = gray_png::decode(&png16, scale).unwrap().values;
                let png = levels(&scene.path().join(format!("{map}.png")));
                let png = png
                    .iter()
                    .map(|level| scale.low + length * f32::from(*level) / 254.0);
                for ((value, fine), coarse) in clamped.iter().zip(png16).zip(png) {
                    assert!((value - fine).abs() <= length * 0.51 / 65535.0, "{map}");
                    assert!((value - coarse).abs() <= length * 0.51 / 254.0, "{map}");
                }
            }
        }
    }
}

/// Returns the levels of an 8-bit PNG.
fn levels(path: &Path) -> Vec<u8> {
    let file = std::io::BufReader::new(fs::File::open(path).unwrap());
    let mut reader = png::Decoder::new(file).read_info().unwrap();
    let mut data = vec![0; reader.output_buffer_size().unwrap()];
    reader.next_frame(&mut data).unwrap();
    data
}

#[test]
fn scales_of_pictures_do_not_depend_on_what_an_earlier_run_finished() {
    let scene = Scene::new("streets_depth", 3);
    let more = ["--samples", "2", "--seed", "4"];
    scene.predict("all", &more);
    let all = scene.files("all");
    // Some rows are missing, as after a crash.
    scene.predict("part", &more);
    let table = scene.path().join("part/predictions.csv");
    let text = fs::read_to_string(&table).unwrap();
    let kept: Vec<&str> = text.lines().take(2).collect();
    fs::write(&table, kept.join("\n") + "\n").unwrap();
    scene.predict("part", &more);
    assert!(scene.files("part") == all, "a resumed run has other files");
}

#[test]
fn without_dropout_all_variance_is_aleatoric() {
    let scene = Scene::new("streets_depth", 1);
    let table = scene.predict("out", &["--deterministic", "--maps", "none"]);
    let of = |column| table.number(0, column);
    assert!(of("epistemic_std") == 0.0 && of("epistemic_variance") == 0.0);
    assert_eq!(table.text(0, "value"), table.text(0, "deterministic_value"));
    assert_eq!(table.text(0, "aleatoric_std"), table.text(0, "deterministic_std"));
    assert_eq!(table.text(0, "total_std"), table.text(0, "aleatoric_std"));
    assert!(of("aleatoric_std") > 0.1);
    assert_eq!(table.text(0, "samples"), "0");
}

#[test]
fn a_loose_tolerance_needs_fewer_samples_than_a_tight_one() {
    let scene = Scene::new("digits_angle", 4);
    let samples = |out: &str, tolerance: &str| -> Vec<u32> {
        let more = ["--samples", "auto", "--tolerance", tolerance];
        let table = scene.predict(out, &more);
        (0..4).map(|row| table.text(row, "samples").parse().unwrap()).collect()
    };
    let (loose, tight) = (samples("loose", "value=5"), samples("tight", "value=0.001"));
    assert_eq!(loose, [31; 4]);
    assert_eq!(tight, [310; 4]);
    let error = scene.refused(&["--samples", "auto"]);
    assert!(error.contains("hint: give the largest error"), "{error}");
    assert!(error.contains("--tolerance value="), "{error}");
    assert!(!error.contains("mutual_information"), "{error}");
    let labels = Scene::new("shapes", 2);
    let table = labels.predict("out", &["--samples", "auto"]);
    assert!(table.number(0, "samples") >= 31.0);
}

#[test]
fn a_run_of_values_that_is_killed_continues_where_it_stopped() {
    let scene = Scene::new("streets_depth", 8);
    let more = ["--samples", "62", "--formats", "png,npy", "--batch-size", "8"];
    scene.predict("expected", &more);
    let mut run = scene.command("out", &more).stderr(Stdio::null()).spawn().unwrap();
    let table = scene.path().join("out/predictions.csv");
    // The rows, or the end of the run on a fast machine.
    while fs::read_to_string(&table).map_or(0, |text| text.lines().count()) < 3
        && run.try_wait().unwrap().is_none()
    {
        std::thread::sleep(Duration::from_millis(2));
    }
    run.kill().unwrap();
    run.wait().unwrap();
    scene.predict("out", &more);
    assert!(scene.files("out") == scene.files("expected"));
}

#[test]
fn values_and_labels_do_not_depend_on_batch_size_or_threads() {
    for model in ["streets_depth", "digits_angle", "shapes"] {
        let scene = Scene::new(model, 2);
        let run = |out: &str, more: &[&str]| {
            let formats = ["--samples", "9", "--formats", "npy"];
            scene.predict(out, &[&formats[..], more].concat());
            scene.files(out)
        };
        let expected = run("default", &[]);
        for (out, more) in [
            ("single", &["--batch-size", "1"][..]),
            ("serial", &["--threads", "1"]),
            ("odd", &["--batch-size", "4", "--threads", "1"]),
        ] {
            assert!(run(out, more) == expected, "{model}: {out} differs");
        }
    }
}

const SHAPES: [&str; 5] = ["disc", "square", "triangle", "cross", "ring"];
const LABEL_COLUMNS: [&str; 5] = [
    "probability",
    "predictive_entropy",
    "expected_entropy",
    "mutual_information",
    "epistemic_std",
];

#[test]
fn labels_have_a_list_columns_for_each_and_their_mean() {
    let scene = Scene::new("shapes", 6);
    let table = scene.predict("out", &[]);
    let mut expected = vec!["labels".to_owned()];
    expected.extend(SHAPES.map(|label| format!("{label}.deterministic_probability")));
    expected.extend(LABEL_COLUMNS.map(str::to_owned));
    for label in SHAPES {
        expected.extend(LABEL_COLUMNS.map(|column| format!("{label}.{column}")));
    }
    assert_eq!(table.columns(), expected);
    assert_eq!(scene.record("out")["output"]["task"], "multilabel");
    let mut several = 0;
    for row in 0..6 {
        let of =
            |label: &str, column: &str| table.number(row, &format!("{label}.{column}"));
        let holds = SHAPES.into_iter().filter(|label| of(label, "probability") >= 0.5);
        let holds: Vec<&str> = holds.collect();
        assert_eq!(table.text(row, "labels"), holds.join("; "));
        several += usize::from(holds.len() > 1);
        for column in LABEL_COLUMNS {
            let mean = SHAPES.map(|label| of(label, column)).iter().sum::<f64>() / 5.0;
            assert_close(table.number(row, column), mean, 1e-6);
        }
        for label in SHAPES {
            let between = of(label, "predictive_entropy") - of(label, "expected_entropy");
            assert_close(of(label, "mutual_information"), between, 1e-6);
        }
    }
    assert!(several > 0, "no image has several labels");
}

#[test]
fn labels_are_chosen_by_the_sigmoid_the_option_or_a_head_alike() {
    let scene = Scene::new("shapes", 2);
    let expected = scene.predict("sidecar", &[]);
    scene.edit_sidecar("task = \"multilabel\"\n", "");
    for (out, more) in [
        ("sigmoid", &[][..]),
        ("task", &["--task", "multilabel"]),
        ("head", &["--head", "label_probabilities=label_probabilities"]),
    ] {
        assert_eq!(scene.predict(out, more), expected, "{out}");
    }
    let names = scene.path().join("names.txt");
    fs::write(&names, "a\nb\nc\nd\ne\n").unwrap();
    let table = scene.predict("names", &["--classes", "names.txt"]);
    assert!(table.header.contains(&"e.mutual_information".to_owned()));
    let text = |row, column| table.text(row, column).to_owned();
    let renamed = expected.text(0, "labels").replace("cross", "d");
    assert_eq!(text(0, "labels"), renamed);
    fs::write(&names, "a\nb\n").unwrap();
    let error = scene.refused(&["--classes", "names.txt"]);
    assert!(error.contains("2 names are given"), "{error}");
    let error = scene.refused(&["--task", "classification"]);
    assert!(error.contains("--task multilabel"), "{error}");
}

#[test]
fn each_row_of_values_and_labels_is_a_line_of_json() {
    for (model, keys) in [
        ("digits_angle", &["value", "interval_low", "total_std"][..]),
        ("shapes", &["labels", "ring.probability", "mutual_information"]),
        ("streets_depth", &["value", "epistemic_std_q95"]),
    ] {
        let scene = Scene::new(model, 2);
        let output =
            scene.command("out", &["--jsonl", "--samples", "3"]).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let table = scene.table("out");
        assert_eq!(text.lines().count(), 2);
        for (row, line) in text.lines().enumerate() {
            let line: Value = serde_json::from_str(line).unwrap();
            for key in keys {
                let expected = table.text(row, key);
                let found = match &line[key] {
                    Value::String(text) => text.clone(),
                    Value::Number(number) => number.to_string(),
                    other => panic!("{key}: {other}"),
                };
                assert!(found == expected || found.trim_end_matches(".0") == expected);
            }
            for map in line["maps"].as_object().unwrap().values() {
                assert!(scene.path().join("out").join(map.as_str().unwrap()).exists());
            }
        }
    }
}

#[test]
fn inspect_describes_models_of_values_and_labels() {
    for (model, more) in [
        ("streets_depth", &[][..]),
        ("streets_depth-dynamo", &[]),
        (
            "streets_depth-joined",
            &["--head", "mean=out:0", "--head", "log_variance=out:1"],
        ),
        ("digits_angle", &[]),
        ("shapes", &[]),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mcdrop"));
        let file = fixture::path(&format!("models/{model}.onnx"));
        let output = command.arg("inspect").arg(file).args(more).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{model}: {}", messages(&output));
        assert!(text.contains("verdict: live"), "{model}: {text}");
        assert!(text.contains("ready for mcdrop predict"), "{model}: {text}");
    }
}

#[test]
fn models_of_values_and_labels_are_converted() {
    for (model, heads) in [
        ("streets_depth", &[][..]),
        (
            "streets_depth-joined",
            &["--head", "mean=out:0", "--head", "log_variance=out:1"],
        ),
        ("digits_angle", &[]),
        ("shapes", &[]),
    ] {
        let scene = Scene::new(model, 0);
        let mut command = Command::new(env!("CARGO_BIN_EXE_mcdrop"));
        command.current_dir(scene.path());
        command.args(["convert", "model.onnx", "-o", "live.onnx", "-v"]).args(heads);
        let output = command.output().unwrap();
        let text = messages(&output);
        assert!(output.status.success(), "{model}: {text}");
        assert!(text.contains("passes at 4 optimization levels"), "{model}: {text}");
        assert!(scene.path().join("live.onnx").exists());
    }
}
