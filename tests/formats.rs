//! Tests formats, sizes, palettes and lines of JSON by the files that the program writes.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::fixture;

struct Ended {
    code: i32,
    stderr: String,
    stdout: String,
}

fn command(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mcdrop"));
    command.current_dir(folder);
    command
}

fn run(folder: &Path, arguments: &[&str]) -> Ended {
    let output = command(folder).args(arguments).output().unwrap();
    Ended {
        code: output.status.code().unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
    }
}

fn below(relative: &str) -> String {
    fixture::path(relative).display().to_string()
}

/// Predicts a street into `out` with three samples and more arguments.
fn street(more: &[&str]) -> (TempDir, Ended) {
    let folder = tempfile::tempdir().unwrap();
    let model = below("models/streets.onnx");
    let image = below("fixtures/streets/images/street_00.png");
    let start =
        ["predict", &model, &image, "-o", "out", "--samples", "3", "--threads", "1"];
    let ended = run(folder.path(), &[&start, more].concat());
    (folder, ended)
}

/// Creates a folder `images` with two digits in it.
fn digits() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("images")).unwrap();
    for digit in ["0", "1"] {
        let from = fixture::path("fixtures/digits").join(digit).join("0001.png");
        fs::copy(from, folder.path().join(format!("images/{digit}.png"))).unwrap();
    }
    folder
}

/// Returns the values of a two-dimensional `.npy` file of f32.
fn npy(path: &Path) -> Vec<f32> {
    let bytes = fs::read(path).unwrap();
    let start = 10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    bytes[start..].as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect()
}

fn tiff(path: &Path) -> ((u32, u32), Vec<f32>) {
    let mut decoder = tiff::decoder::Decoder::new(fs::File::open(path).unwrap()).unwrap();
    let size = decoder.dimensions().unwrap();
    match decoder.read_image().unwrap() {
        tiff::decoder::DecodingResult::F32(values) => (size, values),
        _ => panic!("not f32"),
    }
}

/// Returns the samples of a PNG file, and its `tRNS` chunk.
fn png(path: &Path) -> (Vec<u8>, Option<Vec<u8>>) {
    let file = std::io::BufReader::new(fs::File::open(path).unwrap());
    let mut reader = png::Decoder::new(file).read_info().unwrap();
    let mut data = vec![0; reader.output_buffer_size().unwrap()];
    reader.next_frame(&mut data).unwrap();
    (data, reader.info().trns.as_deref().map(<[u8]>::to_vec))
}

fn record(out: &Path) -> Value {
    serde_json::from_slice(&fs::read(out.join("run.json")).unwrap()).unwrap()
}

/// Returns all files of a run except the table and the record.
fn maps(out: &Path) -> BTreeSet<String> {
    let files = walkdir::WalkDir::new(out).into_iter().map(Result::unwrap);
    let files = files.filter(|entry| entry.file_type().is_file());
    files
        .map(|entry| entry.path().strip_prefix(out).unwrap().display().to_string())
        .map(|path| path.replace('\\', "/"))
        .filter(|path| !["predictions.csv", "run.json"].contains(&path.as_str()))
        .collect()
}

#[test]
fn all_formats_hold_the_same_values_and_say_how_to_read_them() {
    // The crop leaves pixels without a value.
    let (folder, ended) =
        street(&["--formats", "png,png16,tiff,npy", "--crop", "256x128"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let out = folder.path().join("out");
    let record = record(&out);
    for measure in ["predictive_entropy", "mutual_information"] {
        let file = |ending: &str| out.join(format!("{measure}/street_00.png.{ending}"));
        let values = npy(&file("npy"));
        let bound = record["output"]["bounds"][measure].as_f64().unwrap();
        assert!((bound - 8.0_f64.ln()).abs() < 1e-6);
        assert_eq!(record["output"]["units"][measure], "nat");
        let squares = record["output"]["square_root"].as_array().unwrap();
        let is_square_root = squares.contains(&Value::from(measure));
        assert_eq!(is_square_root, measure == "mutual_information");
        let n_none = values.iter().filter(|value| value.is_nan()).count();
        assert_eq!(n_none, 320 * 160 - 256 * 128);

        let (size, floats) = tiff(&file("tif"));
        assert_eq!(size, (320, 160));
        let bits =
            |values: &[f32]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&floats), bits(&values));

        let (gray, none) = png(&file("16.png"));
        let none = none.map(|t| u16::from_be_bytes([t[0], t[1]]));
        let (indices, _) = png(&file("png"));
        let levels = gray.as_chunks().0.iter().map(|b| u16::from_be_bytes(*b));
        for ((value, level), index) in values.iter().zip(levels).zip(indices) {
            assert_eq!(
                (value.is_nan(), value.is_nan()),
                (none == Some(level), index == 255)
            );
            if !value.is_nan() {
                let share = f64::from(*value) / bound;
                let place = if is_square_root { share.sqrt() } else { share };
                let fine = f64::from(level) / 65_535.0 - place;
                assert!(fine.abs() <= 1.0 / 131_070.0 * (1.0 + 1e-5));
                let coarse = f64::from(index) / 254.0 - place;
                assert!(coarse.abs() <= 1.0 / 508.0 * (1.0 + 1e-4));
            }
        }
    }
    assert_eq!(record["output"]["levels_version"], 2);
    let reading = &record["output"]["reading"];
    let formula =
        "value = bound * (gray / 65535)^power, where power is 2 for the maps of";
    assert!(reading["png16"].as_str().unwrap().starts_with(formula));
    assert_eq!(reading.as_object().unwrap().len(), 4);
}

#[test]
fn maps_have_the_networks_size_where_that_is_asked_for() {
    let more =
        ["--map-size", "network", "--resize", "128x64", "--formats", "png,tiff,npy"];
    let (folder, ended) = street(&[&more[..], &["--keep-probabilities"]].concat());
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let out = folder.path().join("out");
    let size = |file: &str| image::image_dimensions(out.join(file)).unwrap();
    assert_eq!(size("prediction/street_00.png.png"), (128, 64));
    assert_eq!(size("predictive_entropy/street_00.png.png"), (128, 64));
    assert_eq!(tiff(&out.join("mutual_information/street_00.png.tif")).0, (128, 64));
    assert_eq!(size("overlay/street_00.png.png").0, 320);
    assert_eq!(record(&out)["output"]["map_size"], "network");
    // Nothing is interpolated: the classes are those with the largest mean probability.
    let mean = npy(&out.join("probabilities/street_00.png.npy"));
    let (classes, _) = png(&out.join("prediction/street_00.png.png"));
    let n = 128 * 64;
    for (i, class) in classes.into_iter().enumerate() {
        let of = |class: usize| mean[class * n + i];
        assert!((0..8).all(|other| of(other) <= of(class.into())), "{i}");
    }
    let (folder, _) = street(&["--resize", "128x64"]);
    assert_eq!(record(&folder.path().join("out"))["output"]["map_size"], "image");
}

/// Returns the colors in the file of a class map.
fn colors(out: &Path) -> Vec<u8> {
    let path = out.join("prediction/street_00.png.png");
    let file = std::io::BufReader::new(fs::File::open(path).unwrap());
    let reader = png::Decoder::new(file).read_info().unwrap();
    reader.info().palette.clone().unwrap().into_owned()
}

#[test]
fn a_palette_is_taken_by_name_and_from_a_file_and_its_origin_is_recorded() {
    let maps = ["--maps", "prediction", "-v", "--palette"];
    let (folder, ended) = street(&[&maps[..], &["cityscapes"]].concat());
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(
        ended.stderr.contains("palette = cityscapes (--palette)"),
        "{}",
        ended.stderr
    );
    let out = folder.path().join("out");
    assert_eq!(colors(&out)[9..12], [102, 102, 156]);
    assert_eq!(record(&out)["palette"][3], serde_json::json!([102, 102, 156]));

    let list = tempfile::NamedTempFile::new().unwrap();
    fs::write(
        list.path(),
        "1,2,3\n#040506\n7, 8, 9\n9,9,9\n9,9,9\n9,9,9\n9,9,9\n9,9,9\n",
    )
    .unwrap();
    let file = list.path().display().to_string();
    let (folder, ended) = street(&[&maps[..], &[&file]].concat());
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(colors(&folder.path().join("out"))[..9], [1, 2, 3, 4, 5, 6, 7, 8, 9]);

    fs::write(list.path(), "1,2,3\n4,5,6\n").unwrap();
    let (_, ended) = street(&[&maps[..], &[&file]].concat());
    assert_eq!(ended.code, 2);
    assert!(ended.stderr.contains("2 colors for 8 classes"), "{}", ended.stderr);
    assert!(ended.stderr.contains("hint: "), "{}", ended.stderr);
}

#[test]
fn a_palette_that_is_too_short_for_a_model_without_class_names_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    // A copy of the model without the sidecar, which has the class names.
    let model = folder.path().join("nameless.onnx");
    fs::copy(fixture::path("models/streets.onnx"), &model).unwrap();
    fs::write(folder.path().join("few.json"), "[[0, 0, 0], \"#ffffff\"]").unwrap();
    let image = below("fixtures/streets/images/street_00.png");
    let arguments =
        ["predict", "nameless.onnx", &image, "-o", "out", "--preset", "imagenet"];
    let ended =
        run(folder.path(), &[&arguments[..], &["--palette", "few.json"]].concat());
    assert_eq!(ended.code, 2, "{}", ended.stderr);
    assert!(ended.stderr.contains("2 colors for 8 classes"), "{}", ended.stderr);
    assert!(!folder.path().join("out").exists());
}

#[test]
fn each_row_is_a_line_of_json_with_the_files_of_its_image() {
    let formats = ["--formats", "png16,png,tiff", "--keep-probabilities", "--jsonl"];
    let (folder, ended) = street(&formats);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let out = folder.path().join("out");
    let lines: Vec<Value> =
        ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 1);
    let files = lines[0]["maps"].as_object().unwrap();
    let listed: BTreeSet<String> =
        files.values().map(|path| path.as_str().unwrap().to_owned()).collect();
    assert_eq!(listed.len(), files.len());
    assert_eq!(listed, maps(&out));
    assert_eq!(files["prediction"], "prediction/street_00.png.png");
    assert_eq!(files["predictive_entropy"], "predictive_entropy/street_00.png.16.png");
    assert_eq!(files["predictive_entropy.tif"], "predictive_entropy/street_00.png.tif");
    assert_eq!(files["margin"], "margin/street_00.png.npy");

    let mut table = csv::Reader::from_path(out.join("predictions.csv")).unwrap();
    let header = table.headers().unwrap().clone();
    let row = table.records().next().unwrap().unwrap();
    let object = lines[0].as_object().unwrap();
    let keys: Vec<&str> = object.keys().map(String::as_str).collect();
    assert_eq!(keys, header.iter().chain(["maps"]).collect::<Vec<_>>());
    for (key, field) in header.iter().zip(&row) {
        match &object[key] {
            Value::Null => assert!(field.is_empty(), "{key}"),
            Value::String(text) => assert_eq!(text, field, "{key}"),
            number => {
                let number = number.as_f64().unwrap();
                assert!((number - field.parse::<f64>().unwrap()).abs() < 1e-12, "{key}");
            }
        }
    }
    assert!(object["width"].is_u64() && object["sha256"].is_string());
}

#[test]
fn a_failed_image_has_a_line_too_and_a_classification_no_maps() {
    let folder = digits();
    fs::write(folder.path().join("images/broken.png"), "x").unwrap();
    let model = below("models/digits.onnx");
    let arguments = ["predict", &model, "images", "-o", "out", "--jsonl"];
    let ended = run(folder.path(), &arguments);
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    let lines: Vec<Value> =
        ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let paths: Vec<_> = lines.iter().map(|line| line["path"].as_str().unwrap()).collect();
    assert_eq!(paths, ["0.png", "1.png", "broken.png"]);
    assert_eq!(lines[0]["class"], 0);
    assert_eq!(lines[1]["class_name"], "1");
    assert!(lines.iter().all(|line| line["maps"].as_object().unwrap().is_empty()));
    assert!(lines[0]["error"].is_null() && lines[0]["predictive_entropy"].is_f64());
    assert!(lines[2]["error"].is_string() && lines[2]["predictive_entropy"].is_null());
}

#[test]
fn a_closed_standard_output_stops_nothing_and_is_not_mentioned() {
    let folder = digits();
    let model = below("models/digits.onnx");
    let mut child = command(folder.path())
        .args(["predict", &model, "images", "-o", "out", "--jsonl"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    assert!(!stderr.contains("warning") && !stderr.contains("pipe"), "{stderr}");
    let table = fs::read_to_string(folder.path().join("out/predictions.csv")).unwrap();
    assert_eq!(table.lines().count(), 3);
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_standard_output_is_reported_once_and_stops_nothing() {
    let folder = digits();
    let model = below("models/digits.onnx");
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = command(folder.path())
        .args(["predict", &model, "images", "-o", "out", "--jsonl"])
        .stdout(full)
        .output()
        .unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    assert_eq!(stderr.matches("stopped writing rows to standard output").count(), 1);
    let table = fs::read_to_string(folder.path().join("out/predictions.csv")).unwrap();
    assert_eq!(table.lines().count(), 3);
}
