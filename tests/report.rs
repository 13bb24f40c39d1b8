//! Tests `mcdrop report` on complete, older, incomplete and hostile folders.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::LazyLock;

use assert_cmd::Command;
use serde_json::Value;
use tempfile::TempDir;

use crate::fixture;

pub(crate) fn mcdrop(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_mcdrop")).args(arguments).output().unwrap()
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Runs a command that must succeed.
pub(crate) fn done(arguments: &[&str]) -> String {
    let output = mcdrop(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", stderr(&output));
    stderr(&output)
}

/// A few streets, predicted with the page and arrays; tests use copies.
static STREETS: LazyLock<TempDir> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let (model, out) = (fixture::path("models/streets.onnx"), out.to_str().unwrap());
    let images = ["street_00.png", "street_07.jpg", "strange_03.png"];
    let images =
        images.map(|name| fixture::path(&format!("fixtures/streets/images/{name}")));
    let mut arguments = vec!["predict", model.to_str().unwrap(), "-o", out];
    arguments.extend(images.iter().map(|image| image.to_str().unwrap()));
    arguments.extend(["--samples", "3", "--report", "--formats", "png,npy,png16,tiff"]);
    done(&arguments);
    folder
});

pub(crate) fn copy(from: &Path) -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    for entry in walkdir::WalkDir::new(from) {
        let entry = entry.unwrap();
        let to = copy.path().join(entry.path().strip_prefix(from).unwrap());
        if entry.file_type().is_dir() {
            fs::create_dir_all(to).unwrap();
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
    copy
}

fn streets() -> (TempDir, PathBuf) {
    let folder = copy(STREETS.path());
    let out = folder.path().join("out");
    (folder, out)
}

/// Returns the data of the page's script.
pub(crate) fn page_data(out: &Path) -> Value {
    let html = fs::read_to_string(out.join("report.html")).unwrap();
    let start = html.split_once("id=\"page-data\">").unwrap().1;
    serde_json::from_str(start.split_once("</script>").unwrap().0).unwrap()
}

pub(crate) fn report(out: &Path, more: &[&str]) -> String {
    let mut arguments = vec!["report", out.to_str().unwrap()];
    arguments.extend(more);
    done(&arguments)
}

pub(crate) fn column(out: &Path, name: &str) -> Vec<String> {
    let mut reader = csv::Reader::from_path(out.join("predictions.csv")).unwrap();
    let place =
        reader.headers().unwrap().iter().position(|column| column == name).unwrap();
    reader.records().map(|record| record.unwrap()[place].to_owned()).collect()
}

#[test]
fn a_run_with_report_leaves_a_page_with_the_numbers_of_its_table() {
    let (_folder, out) = streets();
    let data = page_data(&out);
    let paths: Vec<Value> = column(&out, "path").into_iter().map(Value::from).collect();
    assert_eq!(data["paths"], Value::from(paths));
    let mut checked = 0;
    for measure in data["quantities"].as_array().unwrap() {
        for name in measure["columns"].as_array().unwrap() {
            let name = name.as_str().unwrap();
            let shown = data["runs"][0]["numbers"][name].as_array().unwrap();
            for (shown, exact) in shown.iter().zip(column(&out, name)) {
                let (shown, exact) =
                    (shown.as_f64().unwrap(), exact.parse::<f64>().unwrap());
                assert!(
                    (shown - exact).abs() <= 5.001e-4 * exact.abs(),
                    "{name}: {shown} {exact}"
                );
                checked += 1;
            }
        }
    }
    assert_eq!(checked, 10 * 3 * 3);
    for kind in ["data", "images", "thumbnails"] {
        let files = walkdir::WalkDir::new(out.join("report").join(kind));
        assert_eq!(
            files
                .into_iter()
                .filter(|f| f.as_ref().unwrap().file_type().is_file())
                .count(),
            3
        );
    }
    assert_eq!(data["runs"][0]["data"], "111");
}

#[test]
fn a_page_made_later_shows_the_same_from_the_most_exact_files() {
    let (_folder, out) = streets();
    let of_run = page_data(&out);
    let script = |out: &Path| {
        fs::read_to_string(out.join("report/data/street_00.png.js")).unwrap()
    };
    let values = |script: &str| -> Value {
        serde_json::from_str(&script["mcdrop.image(".len()..script.len() - 3]).unwrap()
    };
    let exact = values(&script(&out));
    assert_eq!(exact["predicting"], true);
    fs::remove_dir_all(out.join("report")).unwrap();
    fs::remove_file(out.join("report.html")).unwrap();
    for (gone, steps) in [("", 65_534), ("npy", 65_534), ("tif", 65_535), ("16.png", 254)]
    {
        for kind in ["predictive_entropy", "mutual_information"] {
            for id in ["street_00.png", "street_07.jpg", "strange_03.png"] {
                let _ = fs::remove_file(out.join(format!("{kind}/{id}.{gone}")));
            }
        }
        // The page's values are read again only if their sources were written after them.
        let _ = fs::remove_dir_all(out.join("report"));
        let said = report(&out, &[]);
        assert!(said.starts_with("open ") && said.lines().count() == 1, "{said}");
        assert_eq!(page_data(&out), of_run, "without {gone}");
        let later = values(&script(&out));
        assert_eq!(later["predicting"], false);
        assert_eq!(later["classes"], exact["classes"]);
        assert_eq!(later["measures"][0]["steps"], steps, "without {gone}");
        if steps == 65_534 {
            assert_eq!(later["measures"], exact["measures"], "without {gone}");
        }
    }
}

#[test]
fn labels_show_which_pixels_are_wrong_and_belong_to_the_option_labels() {
    let (_folder, out) = streets();
    let labels = fixture::path("fixtures/streets/labels");
    report(&out, &["--labels", labels.to_str().unwrap()]);
    let data = page_data(&out);
    assert_eq!(data["hasLabels"], true);
    let wrong = data["runs"][0]["numbers"]["wrong"].as_array().unwrap();
    assert!(
        wrong.iter().all(|share| (0.0..0.5).contains(&share.as_f64().unwrap())),
        "{wrong:?}"
    );
    assert!(out.join("report/labels/strange_03.png.js").is_file());
    let output = mcdrop(&["report", out.to_str().unwrap(), "--ignore-index", "3"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("--labels"), "{}", stderr(&output));
}

#[test]
fn what_is_missing_or_damaged_is_reported_and_the_rest_is_shown() {
    let (_folder, out) = streets();
    fs::remove_dir_all(out.join("report")).unwrap();
    for ending in ["npy", "tif", "16.png"] {
        fs::remove_file(out.join(format!("predictive_entropy/street_00.png.{ending}")))
            .unwrap();
    }
    let map = out.join("predictive_entropy/street_00.png.png");
    let bytes = fs::read(&map).unwrap();
    fs::write(&map, &bytes[..bytes.len() / 2]).unwrap();
    fs::remove_file(out.join("prediction/strange_03.png.png")).unwrap();
    let table = fs::read_to_string(out.join("predictions.csv")).unwrap();
    let torn: Vec<&str> = table.split_inclusive('\n').collect();
    let half = &torn[3][..torn[3].len() / 2];
    fs::write(out.join("predictions.csv"), [torn[0], torn[1], torn[2], half].concat())
        .unwrap();
    let record = fs::read_to_string(out.join("run.json")).unwrap();
    let mut record: Value = serde_json::from_str(&record).unwrap();
    record.as_object_mut().unwrap().remove("images");
    record.as_object_mut().unwrap().remove("times");
    fs::write(out.join("run.json"), record.to_string()).unwrap();
    fs::write(out.join("metrics.json"), "{").unwrap();

    let said = report(&out, &[]);
    for note in [
        "The run did not end: 2 images have a row",
        "metrics.json is damaged",
        "predictions.csv: 1 rows are incomplete",
        "predictive_entropy/….png:",
        "street_00.png",
    ] {
        assert!(said.contains(note), "{note}: {said}");
    }
    let data = page_data(&out);
    assert_eq!(data["paths"].as_array().unwrap().len(), 2);
    assert_eq!(data["runs"][0]["data"], "11");
    let html = fs::read_to_string(out.join("report.html")).unwrap();
    assert!(html.contains("What is missing"));

    let table = fs::read_to_string(out.join("predictions.csv")).unwrap();
    let whole: Vec<&str> = table.split_inclusive('\n').take(3).collect();
    let n_columns = whole[0].split(',').count();
    let rest = ",1".repeat(n_columns - 1);
    let outside = format!("../../x.png{rest}\n/etc/a.png{rest}\n");
    fs::write(out.join("predictions.csv"), whole.concat() + &outside).unwrap();
    let said = report(&out, &[]);
    assert!(said.contains("2 rows have a path that no image can have"), "{said}");

    fs::write(out.join("run.json"), "no json").unwrap();
    let said = report(&out, &[]);
    assert!(said.contains("run.json is damaged"), "{said}");
    let data = page_data(&out);
    assert_eq!(data["paths"].as_array().unwrap().len(), 2);
    assert_eq!(data["quantities"].as_array().unwrap().len(), 10);

    fs::remove_file(out.join("run.json")).unwrap();
    fs::remove_file(out.join("predictions.csv")).unwrap();
    let output = mcdrop(&["report", out.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        stderr(&output).contains("is not a folder of predictions"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn images_that_moved_are_found_with_the_option_and_changed_ones_are_not_shown() {
    let folder = tempfile::tempdir().unwrap();
    let photos = folder.path().join("photos");
    fs::create_dir_all(&photos).unwrap();
    for digit in ["3", "4"] {
        let from = fixture::path(&format!("fixtures/digits/{digit}/0001.png"));
        let from = if from.is_file() { from } else { any_digit(digit) };
        fs::copy(from, photos.join(format!("{digit}.png"))).unwrap();
    }
    let out = folder.path().join("out");
    let model = fixture::path("models/digits.onnx");
    let out_text = out.to_str().unwrap();
    done(&["predict", model.to_str().unwrap(), photos.to_str().unwrap(), "-o", out_text]);
    let moved = folder.path().join("moved");
    fs::rename(&photos, &moved).unwrap();
    let said = report(&out, &[]);
    assert!(said.contains("the image is not where it was (3.png, 4.png)"), "{said}");
    assert_eq!(page_data(&out)["runs"][0]["picture"], "00");
    fs::copy(moved.join("3.png"), moved.join("4.png")).unwrap();
    let said = report(&out, &["--images", moved.to_str().unwrap()]);
    assert!(said.contains("has changed since (4.png)"), "{said}");
    assert_eq!(page_data(&out)["runs"][0]["picture"], "p0");
}

fn any_digit(digit: &str) -> PathBuf {
    let folder = fixture::path(&format!("fixtures/digits/{digit}"));
    let mut files: Vec<_> =
        fs::read_dir(folder).unwrap().map(|f| f.unwrap().path()).collect();
    files.sort();
    files.swap_remove(0)
}

#[test]
fn a_run_without_report_is_done_again_for_its_pictures_only_and_overwriting_clears_them()
{
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let (model, image) = (fixture::path("models/digits.onnx"), any_digit("5"));
    let base = [
        "predict",
        model.to_str().unwrap(),
        image.to_str().unwrap(),
        "-o",
        out.to_str().unwrap(),
    ];
    done(&base);
    let table = fs::read(out.join("predictions.csv")).unwrap();
    let again = |more: &[&str]| done(&[&base[..], more].concat());
    let said = again(&["--report"]);
    assert!(said.contains("1 image in ") && said.contains("report.html"), "{said}");
    assert_eq!(fs::read(out.join("predictions.csv")).unwrap(), table);
    let said = again(&["--report"]);
    assert!(said.contains("all done before"), "{said}");
    again(&["--overwrite"]);
    assert!(!out.join("report").exists() && !out.join("report.html").exists());
}

#[test]
fn two_runs_are_shown_side_by_side() {
    let (folder, out) = streets();
    let other = folder.path().join("other");
    let model = fixture::path("models/streets.onnx");
    let images = ["street_00.png", "street_01.png"];
    let images =
        images.map(|name| fixture::path(&format!("fixtures/streets/images/{name}")));
    let mut arguments =
        vec!["predict", model.to_str().unwrap(), "-o", other.to_str().unwrap()];
    arguments.extend(images.iter().map(|image| image.to_str().unwrap()));
    arguments.extend(["--samples", "2", "--seed", "9"]);
    done(&arguments);
    let said = report(&out, &["--compare", other.to_str().unwrap()]);
    assert!(said.contains("2 images of out are not in other"), "{said}");
    assert!(said.contains("1 images of other are not in out"), "{said}");
    let data = page_data(&out);
    assert_eq!(data["runs"][1]["picture"].as_str().unwrap().matches('p').count(), 1);
    assert!(out.join("report/compare/data/street_00.png.js").is_file());
    assert_eq!(data["runs"][1]["name"], "other");
}

#[test]
fn files_of_other_labels_and_of_another_comparison_do_not_stay() {
    let (folder, out) = streets();
    let labels = folder.path().join("labels");
    fs::create_dir(&labels).unwrap();
    for name in ["street_00.png", "street_07.png"] {
        let from = fixture::path(&format!("fixtures/streets/labels/{name}"));
        fs::copy(from, labels.join(name)).unwrap();
    }
    report(
        &out,
        &["--labels", labels.to_str().unwrap(), "--compare", out.to_str().unwrap()],
    );
    let of = |name: &str| out.join("report").join(name);
    assert!(of("labels/street_00.png.js").is_file());
    assert!(of("compare/images/street_00.png.png").is_file());
    fs::remove_file(labels.join("street_00.png")).unwrap();
    let said = report(&out, &["--labels", labels.to_str().unwrap()]);
    assert!(said.contains("no label: ") && said.contains("street_00.png"), "{said}");
    assert!(!of("labels/street_00.png.js").exists() && !of("compare").exists());
    assert!(of("labels/street_07.jpg.js").is_file());
}

#[test]
fn decisions_and_sets_of_a_policy_are_on_the_page() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let model = fixture::path("models/digits.onnx");
    let model = model.to_str().unwrap();
    let digits = fixture::path("fixtures/digits");
    let digits = digits.to_str().unwrap();
    let (out, policy, new) = (place("out"), place("policy.toml"), place("new"));
    done(&["predict", model, digits, "-o", &out, "--keep-probabilities"]);
    done(&["calibrate", &out, "-o", &policy, "--keep", "0.8"]);
    done(&["predict", model, digits, "-o", &new, "--policy", &policy, "--report"]);
    let new = Path::new(&new);
    let decisions = page_data(new)["runs"][0]["decision"].clone();
    let expected: Vec<Value> =
        column(new, "decision").into_iter().map(Value::from).collect();
    assert_eq!(decisions, Value::from(expected));
    assert!(decisions.as_array().unwrap().contains(&Value::from("review")));
}

#[test]
fn maps_of_a_crop_lie_where_the_network_saw_the_picture() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let model = fixture::path("models/streets.onnx");
    let image = fixture::path("fixtures/streets/images/street_00.png");
    done(&[
        "predict",
        model.to_str().unwrap(),
        image.to_str().unwrap(),
        "-o",
        out.to_str().unwrap(),
        "--samples",
        "2",
        "--crop",
        "128x64",
        "--map-size",
        "network",
        "--report",
    ]);
    let plane = || -> Value {
        let script =
            fs::read_to_string(out.join("report/data/street_00.png.js")).unwrap();
        let data: Value =
            serde_json::from_str(&script["mcdrop.image(".len()..script.len() - 3])
                .unwrap();
        data["classes"].clone()
    };
    let exact = plane();
    assert_eq!(
        (&exact["width"], &exact["height"]),
        (&Value::from(128), &Value::from(64))
    );
    assert_eq!(exact["place"], serde_json::json!([96.0, 48.0, 128.0, 64.0]));
    fs::remove_dir_all(out.join("report")).unwrap();
    report(&out, &[]);
    let later = plane();
    assert_eq!(later["numbers"], exact["numbers"]);
    assert_eq!(later["place"], Value::Null, "a record does not say where a crop lay");
}

#[test]
fn labels_of_the_last_evaluation_are_shown_without_saying_them_again() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let labels = folder.path().join("labels");
    fs::create_dir(&labels).unwrap();
    fs::copy(
        fixture::path("fixtures/streets/labels/street_00.png"),
        labels.join("street_00_ids.png"),
    )
    .unwrap();
    let model = fixture::path("models/streets.onnx");
    let image = fixture::path("fixtures/streets/images/street_00.png");
    let (model, image, out_text) =
        (model.to_str().unwrap(), image.to_str().unwrap(), out.to_str().unwrap());
    let keep = ["--keep-probabilities=f16", "--samples", "2", "--report"];
    done(&[&["predict", model, image, "-o", out_text][..], &keep].concat());
    assert_eq!(page_data(&out)["hasLabels"], false);
    let labels_text = labels.to_str().unwrap();
    let rename = ["--match", "(.*)", "${1}_ids", "--ignore-index", "3"];
    let said =
        done(&[&["evaluate", out_text, "--labels", labels_text][..], &rename].concat());
    assert!(said.contains("shows this on its page"), "{said}");
    report(&out, &[]);
    let data = page_data(&out);
    assert_eq!(data["hasLabels"], true);
    assert!(data["runs"][0]["numbers"]["wrong"][0].as_f64().unwrap() < 0.2);
    let html = fs::read_to_string(out.join("report.html")).unwrap();
    assert!(html.contains("data-metric=\"accuracy\""));
    fs::remove_dir_all(&labels).unwrap();
    report(&out, &[]);
    assert_eq!(page_data(&out)["hasLabels"], false);
}
