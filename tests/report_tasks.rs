//! Tests the page of runs that predict values or labels: what the data of its script contain.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use image::DynamicImage;
use serde_json::Value;
use tempfile::TempDir;

use crate::fixture;
use crate::report::{column, copy, done, mcdrop, page_data, report, stderr};

/// Factor of the label maps of `fixtures/streets_depth`: 256 levels per meter.
pub(crate) const SCALE: &str = "0.00390625";

const STREETS: [&str; 2] = ["evaluation_00.png", "strange_03.png"];

/// Predicts images of a fixture into `out` of a new folder.
pub(crate) fn predict(model: &str, images: &[&str], more: &[&str]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let path = |image: &&str| fixture::path(&format!("fixtures/{model}/images/{image}"));
    let images: Vec<PathBuf> = images.iter().map(path).collect();
    let file = fixture::path(&format!("models/{model}.onnx"));
    let mut arguments =
        vec!["predict", file.to_str().unwrap(), "-o", out.to_str().unwrap()];
    arguments.extend(images.iter().map(|image| image.to_str().unwrap()));
    arguments.extend(more);
    done(&arguments);
    folder
}

/// Two streets with the depth of every pixel, and a page without labels.
static DEPTHS: LazyLock<TempDir> = LazyLock::new(|| {
    let more = ["--samples", "3", "--report", "--formats", "png,npy,png16"];
    predict("streets_depth", &STREETS, &more)
});

fn depths() -> (TempDir, PathBuf) {
    let folder = copy(DEPTHS.path());
    let out = folder.path().join("out");
    (folder, out)
}

fn depth_labels() -> String {
    let folder = fixture::path("fixtures/streets_depth/depth");
    folder.to_str().unwrap().to_owned()
}

/// Returns the quantity of a name.
fn quantity<'a>(data: &'a Value, name: &str) -> &'a Value {
    let all = data["quantities"].as_array().unwrap();
    let found = all.iter().find(|quantity| quantity["name"] == name);
    found.unwrap_or_else(|| panic!("{name} is not on the page"))
}

fn names(data: &Value) -> Vec<&str> {
    let all = data["quantities"].as_array().unwrap().iter();
    all.map(|quantity| quantity["name"].as_str().unwrap()).collect()
}

/// Returns the JSON of a script of values or labels.
fn script(out: &Path, kind: &str, id: &str) -> Value {
    let text = fs::read_to_string(out.join(format!("report/{kind}/{id}.js"))).unwrap();
    let (_, json) = text.split_once('(').unwrap();
    serde_json::from_str(json.strip_suffix(");\n").unwrap()).unwrap()
}

/// Returns the values of a quantity in a script, as the page decodes them.
fn plane(script: &Value, name: &str) -> Vec<f64> {
    use base64::Engine as _;
    use std::io::Read as _;
    let all = script["measures"].as_array().unwrap();
    let found = all.iter().find(|measure| measure["name"] == name).unwrap();
    let packed = found["plane"]["numbers"].as_str().unwrap();
    let packed = base64::engine::general_purpose::STANDARD.decode(packed).unwrap();
    let mut bytes = Vec::new();
    flate2::read::ZlibDecoder::new(&packed[..]).read_to_end(&mut bytes).unwrap();
    let (high, low) = bytes.split_at(bytes.len() / 2);
    let (least, most) =
        (found["low"].as_f64().unwrap(), found["bound"].as_f64().unwrap());
    let mut sum = 0_u8;
    let value = |(high, low): (&u8, &u8)| {
        sum = sum.wrapping_add(*high);
        match u16::from_be_bytes([sum, *low]) {
            u16::MAX => f64::NAN,
            number => least + (most - least) * f64::from(number) / 65_534.0,
        }
    };
    high.iter().zip(low).map(value).collect()
}

fn array(out: &Path, kind: &str, id: &str) -> Vec<f64> {
    let bytes = fs::read(out.join(format!("{kind}/{id}.npy"))).unwrap();
    mcdrop::npy::decode(&bytes).unwrap().1.into_iter().map(f64::from).collect()
}

fn true_depths(id: &str) -> Vec<f64> {
    let label = image::open(Path::new(&depth_labels()).join(id)).unwrap();
    let DynamicImage::ImageLuma16(label) = label else { panic!("not 16 bits") };
    label.as_raw().iter().map(|level| f64::from(*level) / 256.0).collect()
}

#[test]
fn values_have_their_unit_and_the_scale_of_the_run() {
    let (_folder, out) = depths();
    let record = fs::read(out.join("run.json")).unwrap();
    let record: Value = serde_json::from_slice(&record).unwrap();
    let data = page_data(&out);
    for name in ["value", "total_std", "aleatoric_std", "epistemic_std"] {
        let shown = quantity(&data, name);
        assert_eq!(shown["unit"], "m", "{name}");
        let end = |key: &str| record["output"][key][name].as_f64().unwrap_or(0.0);
        let ends = (end("lower_bounds") as f32, end("bounds") as f32);
        let shown_end = |key: &str| shown[key].as_f64().unwrap() as f32;
        assert_eq!((shown_end("low"), shown_end("bound")), ends, "{name}");
    }
    assert_eq!(quantity(&data, "total_variance")["unit"], "m²");
    assert_eq!(quantity(&data, "value")["role"], "prediction");
    assert_eq!(quantity(&data, "total_std")["role"], "std");
    assert_eq!(
        (&data["overview"], &data["hasLabels"]),
        (&"total_std".into(), &false.into())
    );
    assert_eq!(data["classes"], serde_json::json!([]));
    for id in STREETS {
        let script = script(&out, "data", id);
        for name in ["value", "total_std"] {
            let exact = array(&out, name, id);
            let length = exact.iter().copied().fold(80.0, f64::max);
            for (shown, exact) in plane(&script, name).iter().zip(&exact) {
                assert!(
                    (shown - exact).abs() <= length / 131_068.0 + 1e-4,
                    "{shown} {exact}"
                );
            }
        }
    }
}

#[test]
fn a_page_of_values_that_is_made_later_shows_the_same() {
    let (_folder, out) = depths();
    let (of_run, exact) = (page_data(&out), script(&out, "data", STREETS[0]));
    for (gone, tolerance) in [("", 1e-3), ("npy", 2e-3), ("16.png", 0.2)] {
        for kind in ["value", "total_std", "aleatoric_std", "epistemic_std"] {
            for id in STREETS {
                let _ = fs::remove_file(out.join(format!("{kind}/{id}.{gone}")));
            }
        }
        fs::remove_dir_all(out.join("report")).unwrap();
        assert_eq!(report(&out, &[]).lines().count(), 1);
        assert_eq!(page_data(&out), of_run, "without {gone}");
        let later = script(&out, "data", STREETS[0]);
        let bound = quantity(&of_run, "value")["bound"].as_f64().unwrap();
        for (later, exact) in plane(&later, "value").iter().zip(plane(&exact, "value")) {
            // Pictures end with their scale.
            let exact = if gone.is_empty() { exact } else { exact.min(bound) };
            assert!(
                (later - exact).abs() <= tolerance,
                "without {gone}: {later} {exact}"
            );
        }
    }
}

#[test]
fn scales_that_no_record_has_cover_the_images() {
    let more = ["--samples", "2", "--formats", "npy", "--maps", "value,total_std"];
    let folder = predict("streets_depth", &STREETS, &more);
    let out = folder.path().join("out");
    assert_eq!(report(&out, &[]).lines().count(), 1);
    let data = page_data(&out);
    for name in ["value", "total_std"] {
        let all = STREETS.iter().flat_map(|id| array(&out, name, id));
        let most = all.fold(0.0, f64::max);
        let bound = quantity(&data, name)["bound"].as_f64().unwrap();
        assert!((0.7 * most..1.1 * most).contains(&bound), "{name}: {bound} {most}");
    }
    assert!(quantity(&data, "value")["low"].as_f64().unwrap() >= 0.0);
    assert_eq!(quantity(&data, "epistemic_std")["bound"], Value::Null);
}

#[test]
fn labels_of_values_are_shown_with_the_absolute_error() {
    let (_folder, out) = depths();
    let labels = depth_labels();
    report(&out, &["--labels", &labels, "--label-scale", SCALE]);
    let data = page_data(&out);
    assert_eq!(data["hasLabels"], true);
    let error = quantity(&data, "error");
    assert_eq!((&error["unit"], &error["role"]), (&"m".into(), &"error".into()));
    assert_eq!(quantity(&data, "label")["bound"], quantity(&data, "value")["bound"]);
    let paths = column(&out, "path");
    for (i, id) in paths.iter().enumerate() {
        let (value, label) = (array(&out, "value", id), true_depths(id));
        // The sidecar's valid range starts at 0.1 m.
        let pairs = value.iter().zip(&label).filter(|(_, label)| **label >= 0.1);
        let errors: Vec<f64> =
            pairs.map(|(value, label)| (value - label).abs()).collect();
        let mean = errors.iter().sum::<f64>() / errors.len() as f64;
        let shown = data["runs"][0]["numbers"]["error"][i].as_f64().unwrap();
        assert!((shown - mean).abs() < 2e-3, "{id}: {shown} {mean}");
        let script = script(&out, "labels", id);
        let (labels, errors) = (plane(&script, "label"), plane(&script, "error"));
        assert_eq!(labels.len(), label.len());
        for (((shown, error), value), label) in
            labels.iter().zip(&errors).zip(&value).zip(&label)
        {
            if *label < 0.1 {
                assert!(shown.is_nan() && error.is_nan());
                continue;
            }
            assert!((shown - label).abs() < 2e-3, "{shown} {label}");
            assert!((error - (value - label).abs()).abs() < 4e-3, "{error}");
        }
    }
    let most = quantity(&data, "error")["bound"].as_f64().unwrap();
    assert!(most > 2.0 && most < 40.0, "{most}");
    report(&out, &[]);
    assert!(!names(&page_data(&out)).contains(&"error"));
}

#[test]
fn angles_are_compared_with_a_table() {
    let images = ["evaluation_00.png", "evaluation_01.png"];
    let folder = predict("digits_angle", &images, &["--samples", "5", "--report"]);
    let out = folder.path().join("out");
    let labels = folder.path().join("labels.csv");
    fs::write(&labels, "path,value\nevaluation_01.png,-7.5\n").unwrap();
    report(&out, &["--labels", labels.to_str().unwrap()]);
    let data = page_data(&out);
    let numbers = &data["runs"][0]["numbers"];
    assert_eq!(numbers["label"], serde_json::json!([null, -7.5]));
    let value: f64 = column(&out, "value")[1].parse().unwrap();
    let error = numbers["error"][1].as_f64().unwrap();
    assert!((error - (value + 7.5).abs()).abs() < 5e-4 * error, "{error} {value}");
    for name in ["interval_low", "interval_high", "deterministic_value"] {
        assert!(numbers[name][0].is_number(), "{name}");
    }
    assert_eq!((&data["isMap"], &data["interval"]), (&false.into(), &0.95.into()));
    assert_eq!(quantity(&data, "value")["bound"], Value::Null);
}

#[test]
fn the_likely_labels_of_an_image_are_listed_and_those_of_the_table_hold() {
    let images = ["evaluation_02.png", "evaluation_04.png", "evaluation_09.png"];
    let folder = predict("shapes", &images, &["--samples", "5", "--report"]);
    let out = folder.path().join("out");
    let data = page_data(&out);
    let classes = data["classes"].as_array().unwrap();
    for (i, listed) in column(&out, "labels").iter().enumerate() {
        let shown = data["runs"][0]["holding"][i].as_array().unwrap();
        let labels: Vec<(&str, f64, bool)> = shown
            .chunks(3)
            .map(|label| {
                let id = label[0].as_u64().unwrap() as usize;
                let name = classes[id]["name"].as_str().unwrap();
                (name, label[1].as_f64().unwrap(), label[2] == 1)
            })
            .collect();
        let mut held: Vec<&str> = labels
            .iter()
            .filter(|(_, _, holds)| *holds)
            .map(|(name, ..)| *name)
            .collect();
        let mut expected: Vec<&str> = listed.split("; ").collect();
        held.sort_unstable();
        expected.sort_unstable();
        assert_eq!(held, expected);
        assert!(labels.is_sorted_by(|one, other| one.1 >= other.1));
        for (name, probability, _) in labels {
            let exact: f64 =
                column(&out, &format!("{name}.probability"))[i].parse().unwrap();
            assert!((probability - exact).abs() < 1e-4, "{name}");
        }
    }
    assert_eq!(quantity(&data, "ring.probability")["channel"], 4);
    assert_eq!(quantity(&data, "probability")["channel"], Value::Null);
    assert_eq!(data["threshold"], 0.5);
    let output = mcdrop(&["report", out.to_str().unwrap(), "--labels", "."]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("--labels: applies to classes and values"));
}

#[test]
fn labels_of_pixels_have_a_layer_each_and_their_share_of_the_image() {
    let model = fixture::path("models/streets.onnx");
    let image = fixture::path("fixtures/streets/images/street_00.png");
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let base = [
        "predict",
        model.to_str().unwrap(),
        image.to_str().unwrap(),
        "-o",
        out.to_str().unwrap(),
    ];
    let more = ["--task", "multilabel", "--samples", "2", "--report", "--formats", "npy"];
    done(&[&base[..], &more].concat());
    let data = page_data(&out);
    let shares = data["runs"][0]["shares"][0].as_array().unwrap();
    assert!(shares.len() >= 8, "{shares:?}");
    for pair in shares.chunks(2) {
        let label = pair[0].as_u64().unwrap() as usize;
        let name = data["channels"][label].as_str().unwrap();
        let map = array(&out, &format!("{name}.probability"), "street_00.png");
        let above = map.iter().filter(|value| **value >= 0.5).count();
        let share = 100.0 * above as f64 / map.len() as f64;
        assert!((pair[1].as_f64().unwrap() - share).abs() < 0.051, "{name}");
        assert!(quantity(&data, &format!("{name}.probability"))["bound"] == 1.0);
    }
    fs::remove_dir_all(out.join("report")).unwrap();
    report(&out, &[]);
    assert_eq!(page_data(&out), data);
}

#[test]
fn the_evaluation_of_values_is_on_the_page_with_its_curves() {
    let images: Vec<String> = (0..4).map(|i| format!("evaluation_{i:02}.png")).collect();
    let images: Vec<&str> = images.iter().map(String::as_str).collect();
    let more = ["--samples", "3", "--keep-probabilities", "--maps", "none"];
    let folder = predict("streets_depth", &images, &more);
    let out = folder.path().join("out");
    let labels = depth_labels();
    done(&[
        "evaluate",
        out.to_str().unwrap(),
        "--labels",
        &labels,
        "--label-scale",
        SCALE,
    ]);
    report(&out, &[]);
    let html = fs::read_to_string(out.join("report.html")).unwrap();
    let metrics = fs::read(out.join("metrics.json")).unwrap();
    let metrics: Value = serde_json::from_slice(&metrics).unwrap();
    for name in ["rmse", "coverage_95"] {
        let value = metrics["metrics"][name]["value"].as_f64().unwrap();
        let unit = if name == "rmse" { " m" } else { "" };
        let (_, row) = html.split_once(&format!("<tr data-metric=\"{name}\">")).unwrap();
        let (row, _) = row.split_once("</tr>").unwrap();
        assert!(row.contains(&format!(">{value:.4}{unit}<")), "{row}");
    }
    let (_, row) = html.split_once("<tr data-metric=\"spearman\">").unwrap();
    let (row, _) = row.split_once("</tr>").unwrap();
    for std in ["total_std", "epistemic_std", "deterministic_std"] {
        let key = format!("spearman.{std}");
        let value = metrics["metrics"][&key]["value"].as_f64().unwrap();
        assert!(row.contains(&format!(">{value:.4}<")), "{key}: {row}");
    }
    for title in
        ["Error against standard deviation", "Coverage of intervals", "Sparsification"]
    {
        assert!(html.contains(&format!("<h3>{title}</h3>")), "{title}");
    }
    // Labels of the last evaluation, with their scale.
    let error = page_data(&out)["runs"][0]["numbers"]["error"][0].as_f64().unwrap();
    assert!((0.5..8.0).contains(&error), "{error}");
}

#[test]
fn curves_and_metrics_of_an_unknown_kind_are_shown_as_they_are() {
    let folder = predict("shapes", &["evaluation_02.png"], &["--samples", "2"]);
    let out = folder.path().join("out");
    let metrics = r#"{"images": 1, "items": 5, "metrics": {"mean_novelty": {"value": 0.25},
        "novelty.ring": {"value": 0.5}}}"#;
    fs::write(out.join("metrics.json"), metrics).unwrap();
    fs::create_dir(out.join("curves")).unwrap();
    let curves = "curve,x,y\nnovelty.ring,0,0\nnovelty.ring,1,0.5\n";
    fs::write(out.join("curves/novelty.csv"), curves).unwrap();
    fs::write(out.join("curves/broken.csv"), "curve,x,y\na\n").unwrap();
    let said = report(&out, &[]);
    assert!(
        said.contains("broken.csv") && said.contains("line 2: expected curve,x,y"),
        "{said}"
    );
    let html = fs::read_to_string(out.join("report.html")).unwrap();
    assert!(
        html.contains("<tr data-metric=\"mean_novelty\"><th scope=\"row\">mean novelty")
    );
    assert!(html.contains("<td>novelty.ring</td>") && html.contains("<h3>novelty</h3>"));
}

#[test]
fn runs_of_values_are_compared_if_they_predict_the_same() {
    let (folder, out) = depths();
    let more = ["--samples", "2", "--seed", "5", "--value-range", "0:200"];
    let other = predict("streets_depth", &STREETS[..1], &more);
    let other = other.path().join("out");
    let said = report(&out, &["--compare", other.to_str().unwrap()]);
    assert!(said.contains("1 images of out are not in out"), "{said}");
    let data = page_data(&out);
    let value = quantity(&data, "value");
    assert_eq!(
        (value["low"].as_f64(), value["bound"].as_f64()),
        (Some(0.0), Some(200.0))
    );
    assert!(data["runs"][1]["numbers"]["total_std"][0].is_number());
    let angles = predict("digits_angle", &["evaluation_00.png"], &["--samples", "2"]);
    let angles = angles.path().join("out");
    let output =
        mcdrop(&["report", out.to_str().unwrap(), "--compare", angles.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(2));
    let said = stderr(&output);
    let expected = "expected regression of pixels of depth in m, found regression of images of \
                    angle in degree";
    assert!(said.contains(expected), "{said}");
    drop(folder);
}

#[test]
fn targets_without_a_name_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("model.onnx");
    // Without its sidecar, the target has no name.
    fs::copy(fixture::path("models/digits_angle.onnx"), &model).unwrap();
    let images = fixture::path("fixtures/digits_angle/images/evaluation_00.png");
    let out = folder.path().join("out");
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_mcdrop"))
        .args(["predict".as_ref(), model.as_os_str(), images.as_os_str()])
        .args(["-o".as_ref(), out.as_os_str()])
        .args(["--report", "--samples", "3", "--preset", "unit"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let page = fs::read_to_string(out.join("report.html")).unwrap();
    assert!(page.contains("1 target"), "no count of targets");
}
