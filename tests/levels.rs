//! Tests values of the levels of pictures, by the files that the program writes and those that an
//! earlier version wrote.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use mcdrop::output::page::data::ImageData;
use mcdrop::tensor::Map;
use serde_json::Value;
use tempfile::TempDir;

use crate::fixture;
use crate::report::{copy, done, mcdrop, page_data, report, stderr};
use crate::skip::skip;

const MEASURES: [&str; 2] = ["predictive_entropy", "mutual_information"];

/// Returns a copy of a folder that a version wrote whose levels were all linear.
fn earlier() -> (TempDir, PathBuf) {
    let folder = copy(&fixture::path("fixtures/earlier_versions/linear_levels"));
    let out = folder.path().join("out");
    (folder, out)
}

/// Predicts streets into `out` of a new folder.
fn streets(images: &[&str], more: &[&str]) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    predict(&out, images, more);
    (folder, out)
}

fn predict(out: &Path, images: &[&str], more: &[&str]) -> String {
    let path = |relative: String| fixture::path(&relative).display().to_string();
    let model = path("models/streets.onnx".to_owned());
    let images: Vec<String> = images
        .iter()
        .map(|name| path(format!("fixtures/streets/images/{name}")))
        .collect();
    let mut arguments = vec!["predict", &model, "-o", out.to_str().unwrap()];
    arguments.extend(images.iter().map(String::as_str));
    arguments.extend(more);
    done(&arguments)
}

fn record(out: &Path) -> Value {
    serde_json::from_slice(&fs::read(out.join("run.json")).unwrap()).unwrap()
}

/// Returns the values of an `.npy` file of f32.
fn npy(path: &Path) -> Vec<f32> {
    let bytes = fs::read(path).unwrap();
    let start = 10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    bytes[start..].as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect()
}

/// Returns the levels of an 8-bit PNG.
fn levels(path: &Path) -> Vec<u8> {
    let file = std::io::BufReader::new(fs::File::open(path).unwrap());
    let mut reader = png::Decoder::new(file).read_info().unwrap();
    let mut data = vec![0; reader.output_buffer_size().unwrap()];
    reader.next_frame(&mut data).unwrap();
    data
}

/// Returns the map of a measure that the page has of an image.
fn of_page(folder: &Path, image: &str, measure: &str) -> Map {
    let script = fs::read(folder.join(format!("data/{image}.js"))).unwrap();
    let data = ImageData::decode(&script).unwrap();
    data.measures.iter().find(|one| one.name == measure).unwrap().map().unwrap()
}

#[test]
fn a_folder_of_linear_levels_is_reported_with_its_values_from_every_file() {
    let (folder, out) = earlier();
    let images = folder.path().join("images");
    let bound = f64::from(8_f32.ln());
    let exact =
        MEASURES.map(|measure| npy(&out.join(format!("{measure}/street.png.npy"))));
    // The script that the earlier version wrote, then the arrays, 16-bit and 8-bit pictures.
    for (gone, steps) in
        [("", 65_534.0), ("", 65_534.0), ("npy", 65_535.0), ("16.png", 254.0)]
    {
        for measure in MEASURES {
            let _ = fs::remove_file(out.join(format!("{measure}/street.png.{gone}")));
        }
        report(&out, &["--images", images.to_str().unwrap()]);
        for (measure, exact) in MEASURES.iter().zip(&exact) {
            let shown = of_page(&out.join("report"), "street.png", measure);
            assert_eq!(shown.values.len(), 48 * 32);
            let steps: f64 = steps;
            let half = 0.5 * bound / steps + 0.5 * bound / 65_534.0 + 1e-6;
            for (shown, exact) in shown.values.iter().zip(exact) {
                let apart = f64::from((shown - exact).abs());
                assert!(apart <= half, "{measure} without {gone}: {shown} {exact}");
            }
        }
        fs::remove_dir_all(out.join("report")).unwrap();
    }
}

#[test]
fn a_folder_of_linear_levels_is_evaluated_and_compared() {
    let (folder, out) = earlier();
    let labels = folder.path().join("labels");
    done(&["evaluate", out.to_str().unwrap(), "--labels", labels.to_str().unwrap()]);
    let metrics: Value =
        serde_json::from_slice(&fs::read(out.join("metrics.json")).unwrap()).unwrap();
    let text = metrics.to_string();
    assert!(
        text.contains("0.5859"),
        "the accuracy that the earlier version printed: {text}"
    );
    // The same predictions by this version.
    let now = folder.path().join("now");
    let image = folder.path().join("images/street.png");
    let model = fixture::path("models/streets.onnx");
    let (model, image) = (model.to_str().unwrap(), image.to_str().unwrap());
    let start = ["predict", model, image, "-o", now.to_str().unwrap()];
    done(&[&start[..], &["--samples", "7", "--report"]].concat());
    for measure in MEASURES {
        fs::remove_file(out.join(format!("{measure}/street.png.npy"))).unwrap();
        fs::remove_file(out.join(format!("{measure}/street.png.16.png"))).unwrap();
    }
    fs::remove_dir_all(out.join("report")).unwrap();
    report(&now, &["--compare", out.to_str().unwrap()]);
    for measure in MEASURES {
        let ours = of_page(&now.join("report"), "street.png", measure);
        let theirs = of_page(&now.join("report/compare"), "street.png", measure);
        let half = 0.5 * 8_f32.ln() / 254.0 + 1e-3;
        for (one, other) in ours.values.iter().zip(&theirs.values) {
            assert!((one - other).abs() <= half, "{measure}: {one} {other}");
        }
    }
    let quantities = page_data(&now)["quantities"].clone();
    let of = |name: &str| {
        let all = quantities.as_array().unwrap();
        all.iter().find(|one| one["name"] == name).unwrap()["spacing"].clone()
    };
    assert_eq!(of("predictive_entropy"), "linear");
    assert_eq!(of("mutual_information"), "square_root");
}

#[test]
fn a_run_of_linear_levels_is_not_continued_with_others() {
    let (folder, out) = earlier();
    let model = fixture::path("models/streets.onnx");
    let image = folder.path().join("images/street.png");
    let start = ["predict", model.to_str().unwrap(), image.to_str().unwrap(), "-o"];
    let measures = "predictive_entropy,mutual_information";
    let same = ["--samples", "7", "--threads", "1", "--formats", "png,png16"];
    let same =
        [&same[..], &["--measures", measures, "--keep-probabilities=f16"]].concat();
    let output = mcdrop(&[&start[..], &[out.to_str().unwrap()], &same].concat());
    assert_eq!(output.status.code(), Some(2));
    let said = stderr(&output);
    assert!(said.contains("contains results of another run"), "{said}");
    assert!(said.contains("levels_version was none, is 2 now"), "{said}");
}

#[test]
fn levels_of_a_later_version_are_not_guessed() {
    let (folder, out) = earlier();
    let mut record = record(&out);
    record["output"]["levels_version"] = 3.into();
    fs::write(out.join("run.json"), record.to_string()).unwrap();
    fs::remove_dir_all(out.join("report")).unwrap();
    for measure in MEASURES {
        fs::remove_file(out.join(format!("{measure}/street.png.npy"))).unwrap();
    }
    let images = folder.path().join("images");
    let said = report(&out, &["--images", images.to_str().unwrap()]);
    assert!(said.contains("does not state its scale, or not in a known way"), "{said}");
    let script = fs::read(out.join("report/data/street.png.js")).unwrap();
    assert!(ImageData::decode(&script).unwrap().measures.is_empty());
}

#[test]
fn mutual_information_of_streets_uses_many_levels() {
    let images = ["street_00.png", "strange_03.png"];
    let (_folder, out) = streets(&images, &["--samples", "31"]);
    for image in images {
        let levels = levels(&out.join(format!("mutual_information/{image}.png")));
        let n_visible = levels.iter().filter(|level| **level > 0).count();
        let distinct: BTreeSet<u8> = levels.iter().copied().collect();
        // Linear levels: 20 to 53 of them, and most pixels at level 0.
        assert!(distinct.len() > 80, "{image}: {} levels", distinct.len());
        assert!(
            n_visible * 10 > levels.len() * 9,
            "{image}: {n_visible} pixels above level 0"
        );
    }
}

/// Returns the 99.9 % quantile by nearest rank, rounded up to two digits.
fn rounded_quantile(mut values: Vec<f32>) -> f64 {
    values.sort_by(f32::total_cmp);
    let quantile = f64::from(values[(values.len() as f64 * 0.999) as usize]);
    let step = 10_f64.powf(quantile.log10().floor() - 1.0);
    (quantile / step).ceil() * step
}

#[test]
fn scales_of_a_run_end_at_the_quantiles_of_its_first_look() {
    let images = ["street_00.png", "street_01.png", "strange_03.png"];
    // With 8 samples, the first look at these images is the run itself.
    let more =
        ["--samples", "8", "--map-scale", "run", "--formats", "png,npy", "--report"];
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let said = predict(&out, &images, &more);
    let record = record(&out);
    assert_eq!(record["output"]["map_scale"], "run");
    for measure in MEASURES {
        let maps = images.map(|image| npy(&out.join(format!("{measure}/{image}.npy"))));
        let bound = record["output"]["bounds"][measure].as_f64().unwrap();
        let expected = rounded_quantile(maps.concat()).min(f64::from(8_f32.ln()));
        assert!((bound - expected).abs() < 1e-6, "{measure}: {bound} {expected}");
        assert!(said.contains(&format!("{measure} 0 to {} nat", bound as f32)), "{said}");
        let mut n_above = 0;
        for (image, map) in images.iter().zip(&maps) {
            let levels = levels(&out.join(format!("{measure}/{image}.png")));
            let of_page = of_page(&out.join("report"), image, measure);
            for ((value, level), shown) in map.iter().zip(levels).zip(of_page.values) {
                n_above += usize::from(f64::from(*value) > bound);
                assert!(f64::from(*value) <= bound || level == 254, "{value} {level}");
                // Values beyond the scale are on the page.
                assert!((value - shown).abs() < 1e-4, "{measure}: {value} {shown}");
            }
        }
        assert!(n_above * 1000 <= maps.concat().len(), "{n_above}");
    }
    // Measures without a picture keep their bound.
    assert_eq!(record["output"]["bounds"]["margin"], 1.0);
    let page = fs::read_to_string(out.join("report.html")).unwrap();
    assert!(page.contains("99.9 % quantiles"));
    let quantities = page_data(&out)["quantities"].clone();
    let shown = quantities.as_array().unwrap().iter();
    let shown = shown.filter(|one| one["name"] == "mutual_information");
    let bounds: Vec<f64> = shown.map(|one| one["bound"].as_f64().unwrap()).collect();
    let bound = record["output"]["bounds"]["mutual_information"].as_f64().unwrap();
    assert!((bounds[0] - bound).abs() < 1e-6);
}

#[test]
fn a_run_with_its_own_scales_continues_with_the_same_ones() {
    let images = ["street_00.png", "street_01.png", "strange_03.png"];
    let more = ["--samples", "9", "--map-scale", "run"];
    let (_folder, all) = streets(&images, &more);
    let (_folder, part) = streets(&images, &more);
    let table = part.join("predictions.csv");
    let text = fs::read_to_string(&table).unwrap();
    let kept: Vec<&str> = text.lines().take(2).collect();
    fs::write(&table, kept.join("\n") + "\n").unwrap();
    predict(&part, &images, &more);
    for kind in ["predictive_entropy", "mutual_information", "overlay"] {
        for image in images {
            let file = format!("{kind}/{image}.png");
            assert!(
                fs::read(all.join(&file)).unwrap() == fs::read(part.join(&file)).unwrap()
            );
        }
    }
    let arguments = ["predict", "--samples", "9", "-o", part.to_str().unwrap()];
    let model = fixture::path("models/streets.onnx").display().to_string();
    let paths = images.map(|image| {
        fixture::path(&format!("fixtures/streets/images/{image}")).display().to_string()
    });
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    let output = mcdrop(&[&arguments[..], &[&model], &paths].concat());
    let said = stderr(&output);
    assert!(said.contains("map_scale was run, is fixed now"), "{said}");
}

#[test]
fn scales_of_a_run_are_refused_if_there_are_no_maps() {
    let folder = tempfile::tempdir().unwrap();
    let model = fixture::path("models/digits.onnx").display().to_string();
    let image = fixture::path("fixtures/digits/0/0001.png").display().to_string();
    let out = folder.path().join("out").display().to_string();
    let output = mcdrop(&["predict", &model, &image, "-o", &out, "--map-scale", "run"]);
    assert_eq!(output.status.code(), Some(2));
    let said = stderr(&output);
    assert!(said.contains("--map-scale: predictions of images have no maps"), "{said}");
    assert!(said.contains("hint: leave --map-scale out"), "{said}");
}

#[test]
fn python_code_of_the_documentation_reads_the_values_of_pictures() {
    let interpreter = std::env::var("PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let python = || {
        let mut python = Command::new(&interpreter);
        python.env("PYTHONPATH", fixture::path(".python"));
        python
    };
    let libraries = python().args(["-c", "import numpy, PIL"]).output();
    if !libraries.is_ok_and(|output| output.status.success()) {
        return skip("needs Python with NumPy and Pillow");
    }
    let more = ["--samples", "3", "--crop", "256x128", "--formats", "png,png16,npy"];
    let (_folder, now) = streets(&["street_00.png"], &more);
    let (_folder, run) =
        streets(&["street_00.png"], &[&more[..], &["--map-scale", "run"]].concat());
    let earlier = fixture::path("fixtures/earlier_versions/linear_levels/out");
    let output = python()
        .arg(fixture::path("tests/python/check_map_values.py"))
        .args([now, run, earlier])
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
}
