//! Tests the program from the command line: files, messages, exit codes.

use std::fs;
use std::path::Path;

use assert_cmd::Command;
use mcdrop::measure::MEASURES;
use tempfile::TempDir;

use crate::fixture;
use crate::skip::skip;

fn mcdrop() -> Command {
    Command::new(env!("CARGO_BIN_EXE_mcdrop"))
}

/// Creates a folder of images: two valid digits, and the given files.
fn images(extra: &[(&str, &[u8])]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (from, to) in [("0/0001.png", "a.png"), ("1/0001.png", "sub/b.png")] {
        let target = folder.path().join("images").join(to);
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::copy(fixture::path("fixtures/digits").join(from), target).unwrap();
    }
    for (name, content) in extra {
        fs::write(folder.path().join("images").join(name), content).unwrap();
    }
    folder
}

struct Ended {
    code: i32,
    stderr: String,
    stdout: String,
}

fn run(folder: &Path, arguments: &[&str]) -> Ended {
    let output = mcdrop().current_dir(folder).args(arguments).output().unwrap();
    Ended {
        code: output.status.code().unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
    }
}

fn model(name: &str) -> String {
    fixture::path(name).display().to_string()
}

fn table(folder: &Path) -> Vec<csv::StringRecord> {
    let reader = csv::Reader::from_path(folder.join("predictions.csv")).unwrap();
    let mut rows = vec![reader.into_records()];
    rows.remove(0).map(Result::unwrap).collect()
}

#[test]
fn a_folder_of_digits_gives_a_row_for_each_in_order_and_a_record() {
    let folder = images(&[]);
    let digits = model("models/digits.onnx");
    let ended = run(folder.path(), &["predict", &digits, "images", "-o", "out", "-v"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(ended.stdout.is_empty());
    assert!(ended.stderr.contains("mean = ") && ended.stderr.contains("digits.toml"));
    let out = folder.path().join("out");
    let header = fs::read_to_string(out.join("predictions.csv")).unwrap();
    let header = header.lines().next().unwrap().to_owned();
    let measures: Vec<&str> = MEASURES.iter().map(|measure| measure.name).collect();
    assert_eq!(
        header,
        format!(
            "path,width,height,orientation,class,class_name,probability,deterministic_class,\
             deterministic_probability,{},samples,sha256,error",
            measures.join(",")
        )
    );
    let rows = table(&out);
    assert_eq!(
        rows.iter().map(|row| &row[0]).collect::<Vec<_>>(),
        ["a.png", "sub/b.png"]
    );
    assert_eq!(rows.iter().map(|row| &row[4]).collect::<Vec<_>>(), ["0", "1"]);
    let record: serde_json::Value =
        serde_json::from_slice(&fs::read(out.join("run.json")).unwrap()).unwrap();
    assert_eq!(record["sampling"]["samples"], 31);
    assert_eq!(record["sites"].as_array().unwrap().len(), 2);
    assert_eq!(record["images"]["done"], 2);
}

#[test]
fn a_street_gets_its_maps_at_its_own_size() {
    let folder = tempfile::tempdir().unwrap();
    let image = model("fixtures/streets/images/street_00.png");
    let streets = model("models/streets.onnx");
    let arguments = [
        "predict",
        &streets,
        &image,
        "-o",
        "out",
        "--samples",
        "3",
        "--formats",
        "png,npy",
    ];
    let ended = run(folder.path(), &arguments);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let out = folder.path().join("out");
    for file in [
        "prediction/street_00.png.png",
        "predictive_entropy/street_00.png.png",
        "mutual_information/street_00.png.png",
        "overlay/street_00.png.png",
    ] {
        let (width, height) = image::image_dimensions(out.join(file)).unwrap();
        assert_eq!(width, 320, "{file}");
        assert!(height == 160 || file.starts_with("overlay") && height > 160, "{file}");
    }
    let array = fs::read(out.join("predictive_entropy/street_00.png.npy")).unwrap();
    assert!(array.starts_with(b"\x93NUMPY"));
    assert_eq!(array.len() % 64, 320 * 160 * 4 % 64);
}

#[test]
fn one_bad_image_stops_nothing_and_is_named() {
    let folder =
        images(&[("broken.png", b"\x89PNG\r\n\x1a\nnothing"), ("empty.jpg", b"")]);
    let digits = model("models/digits.onnx");
    let ended = run(folder.path(), &["predict", &digits, "images", "-o", "out"]);
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    assert!(ended.stderr.contains("broken.png") && ended.stderr.contains("2 failed"));
    let rows = table(&folder.path().join("out"));
    let errors: Vec<bool> =
        rows.iter().map(|row| !row[row.len() - 1].is_empty()).collect();
    assert_eq!(
        rows.iter().map(|row| &row[0]).collect::<Vec<_>>(),
        ["a.png", "broken.png", "empty.jpg", "sub/b.png"]
    );
    assert_eq!(errors, [false, true, true, false]);
}

#[test]
fn an_image_of_a_size_that_the_network_cannot_take_stops_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let images = folder.path().join("images");
    fs::create_dir(&images).unwrap();
    for (name, width, height) in
        [("a.png", 100, 50), ("b.png", 64, 32), ("c.png", 101, 50)]
    {
        image::RgbImage::new(width, height).save(images.join(name)).unwrap();
    }
    let streets = model("models/streets.onnx");
    let ended = run(
        folder.path(),
        &["predict", &streets, "images", "-o", "out", "--samples", "2"],
    );
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    assert!(ended.stderr.contains("100x50") && ended.stderr.contains("--resize"));
    let errors: Vec<bool> = table(&folder.path().join("out"))
        .iter()
        .map(|row| !row[row.len() - 1].is_empty())
        .collect();
    assert_eq!(errors, [true, false, true]);
    fs::remove_file(images.join("b.png")).unwrap();
    let none = run(folder.path(), &["predict", &streets, "images", "-o", "none"]);
    assert_eq!(none.code, 1, "{}", none.stderr);
    assert!(none.stderr.contains("100x50") && none.stderr.contains("--resize"));
}

#[test]
fn not_finite_scores_are_an_error_of_their_image() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("images")).unwrap();
    for (name, value) in [("dark.png", 10_u8), ("bright.png", 255)] {
        let image = image::RgbImage::from_pixel(16, 16, image::Rgb([value; 3]));
        image.save(folder.path().join("images").join(name)).unwrap();
    }
    let nan = model("fixtures/traps/nan.onnx");
    let ended =
        run(folder.path(), &["predict", &nan, "images", "-o", "out", "--preset", "unit"]);
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    assert!(ended.stderr.contains("bright.png") && ended.stderr.contains("hint:"));
    let rows = table(&folder.path().join("out"));
    assert!(
        rows[0][rows[0].len() - 1].contains("NaN")
            || rows[0][rows[0].len() - 1].contains("finite")
    );
    assert!(rows[1][rows[1].len() - 1].is_empty());
}

#[test]
fn deterministic_draws_no_sample() {
    let folder = images(&[]);
    let digits = model("models/digits.onnx");
    let arguments = ["predict", &digits, "images", "-o", "out", "--deterministic"];
    assert_eq!(run(folder.path(), &arguments).code, 0);
    let row = &table(&folder.path().join("out"))[0];
    assert_eq!(&row[6], &row[8], "probability is the deterministic one");
    let number = |i: usize| row[i].parse::<f32>().unwrap();
    assert!(number(11) < 1e-6, "no mutual information: {}", number(11));
    assert_eq!(&row[row.len() - 3], "0", "no samples");
}

#[test]
fn results_are_replaced_only_when_asked() {
    let folder = images(&[]);
    let digits = model("models/digits.onnx");
    let arguments = ["predict", &digits, "images", "-o", "out"];
    assert_eq!(run(folder.path(), &arguments).code, 0);
    let before = fs::read(folder.path().join("out/predictions.csv")).unwrap();
    let other = [&arguments[..], &["--seed", "-3"]].concat();
    let other = run(folder.path(), &other);
    assert_eq!(other.code, 2);
    assert!(other.stderr.contains("seed was 0, is 18446744073709551613 now"));
    assert!(other.stderr.contains("--overwrite"), "{}", other.stderr);
    let forced = [&arguments[..], &["--overwrite", "--seed", "-3"]].concat();
    assert_eq!(run(folder.path(), &forced).code, 0);
    assert_ne!(fs::read(folder.path().join("out/predictions.csv")).unwrap(), before);
}

#[test]
fn doctor_names_library_version_and_providers() {
    let ended = run(Path::new(env!("CARGO_MANIFEST_DIR")), &["doctor"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    for part in ["onnxruntime", "1.", "CPUExecutionProvider", "kernels", "places tried"] {
        assert!(ended.stdout.contains(part), "{part}: {}", ended.stdout);
    }
}

#[test]
fn the_working_and_the_image_folder_are_never_searched_for_a_library() {
    let folder = images(&[("libonnxruntime.so.1.32.0", b"not a library")]);
    fs::write(folder.path().join("libonnxruntime.so"), "not a library").unwrap();
    let program = folder.path().join("program");
    fs::create_dir(&program).unwrap();
    let copy = program.join("mcdrop");
    fs::copy(env!("CARGO_BIN_EXE_mcdrop"), &copy).unwrap();
    let output = Command::new(&copy)
        .current_dir(folder.path())
        .env_remove("ORT_DYLIB_PATH")
        .env_remove("VIRTUAL_ENV")
        .env_remove("CONDA_PREFIX")
        .args(["predict", &model("models/digits.onnx"), "images", "-o", "out"])
        .output()
        .unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    if output.status.success() {
        return skip("the system has an ONNX Runtime");
    }
    assert_eq!(output.status.code(), Some(1));
    let images = folder.path().join("images").display().to_string();
    let beside = folder.path().join("libonnxruntime").display().to_string();
    assert!(stderr.contains("make setup"), "{stderr}");
    assert!(!stderr.contains(&images) && !stderr.contains(&beside), "{stderr}");
    assert!(stderr.contains(&program.display().to_string()), "{stderr}");
}

#[test]
#[cfg(unix)]
fn external_data_is_found_through_links_and_never_outside_the_folder() {
    use std::os::unix::fs::symlink;
    let folder = images(&[]);
    let path = folder.path();
    // Like the cache of a hub: links with names, to files without them.
    fs::create_dir_all(path.join("blobs")).unwrap();
    fs::create_dir_all(path.join("snapshot")).unwrap();
    for (blob, name) in [("1f", "digits-dynamo.onnx"), ("2f", "digits-dynamo.onnx.data")]
    {
        fs::copy(fixture::path("models").join(name), path.join("blobs").join(blob))
            .unwrap();
        symlink(Path::new("../blobs").join(blob), path.join("snapshot").join(name))
            .unwrap();
    }
    fs::copy(
        fixture::path("models/digits.toml"),
        path.join("snapshot/digits-dynamo.toml"),
    )
    .unwrap();
    let linked = ["predict", "snapshot/digits-dynamo.onnx", "images", "-o", "linked"];
    let ended = run(path, &linked);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let plain = model("models/digits-dynamo.onnx");
    assert_eq!(run(path, &["predict", &plain, "images", "-o", "plain"]).code, 0);
    let rows = |name: &str| fs::read(path.join(name).join("predictions.csv")).unwrap();
    assert_eq!(rows("linked"), rows("plain"));

    fs::remove_file(path.join("snapshot/digits-dynamo.onnx.data")).unwrap();
    let missing =
        run(path, &["predict", "snapshot/digits-dynamo.onnx", "images", "-o", "missing"]);
    assert_eq!(missing.code, 1);
    assert!(
        missing.stderr.contains("digits-dynamo.onnx.data")
            && missing.stderr.contains("hint:")
    );

    let content = fs::read(fixture::path("models/digits-dynamo.onnx")).unwrap();
    let outside = content
        .windows(23)
        .position(|window| window == b"digits-dynamo.onnx.data")
        .map(|at| {
            [&content[..at], b"../gits-dynamo.onnx.dat", &content[at + 23..]].concat()
        })
        .unwrap();
    fs::write(path.join("outside.onnx"), outside).unwrap();
    let ended = run(
        path,
        &["predict", "outside.onnx", "images", "-o", "outside", "--preset", "unit"],
    );
    assert_eq!(ended.code, 1);
    assert!(ended.stderr.contains("outside the model's folder"), "{}", ended.stderr);
}

#[test]
fn names_for_another_number_of_classes_are_refused() {
    let folder = images(&[]);
    fs::write(folder.path().join("names.txt"), "cat\ndog\n").unwrap();
    let digits = model("models/digits.onnx");
    let arguments = ["predict", &digits, "images", "-o", "out", "--classes", "names.txt"];
    let ended = run(folder.path(), &arguments);
    assert_eq!(ended.code, 2, "{}", ended.stderr);
    assert!(ended.stderr.contains("2 names") && ended.stderr.contains("10 classes"));
}

#[test]
fn a_name_that_cannot_be_written_is_its_own_images_matter() {
    let folder = tempfile::tempdir().unwrap();
    let images = folder.path().join("images");
    fs::create_dir_all(&images).unwrap();
    // The longest name that most file systems allow: the name of its map is longer.
    let long = format!("{}.png", "l".repeat(251));
    for name in ["a.png", &long, "z.png"] {
        image::RgbImage::new(32, 32).save(images.join(name)).unwrap();
    }
    let streets = model("models/streets.onnx");
    let arguments = ["predict", &streets, "images", "-o", "out", "--threads", "1"];
    let ended = run(folder.path(), &arguments);
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    let rows = table(&folder.path().join("out"));
    let failed = rows.iter().filter(|row| !row[row.len() - 1].is_empty()).count();
    assert_eq!((rows.len(), failed), (3, 1));
    assert!(folder.path().join("out/run.json").exists());
}

#[test]
#[cfg(target_os = "linux")]
fn a_closed_standard_error_stops_nothing() {
    let folder = images(&[("broken.png", b"x")]);
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let status = std::process::Command::new(env!("CARGO_BIN_EXE_mcdrop"))
        .current_dir(folder.path())
        .args(["predict", &model("models/digits.onnx"), "images", "-o", "out", "-v"])
        .stderr(full)
        .status()
        .unwrap();
    assert_eq!(status.code(), Some(3));
    assert_eq!(table(&folder.path().join("out")).len(), 3);
}

#[test]
fn a_run_leaves_nothing_in_the_home_of_the_user() {
    let folder = images(&[]);
    let home = tempfile::tempdir().unwrap();
    let digits = model("models/digits.onnx");
    let mut command = mcdrop();
    command.current_dir(folder.path());
    command.args(["predict", &digits, "images", "-o", "out"]);
    // ONNX Runtime sends no telemetry if one of these is set.
    for variable in ["CI", "ORT_DISABLE_TELEMETRY", "XDG_CACHE_HOME"] {
        command.env_remove(variable);
    }
    for variable in ["GITHUB_ACTIONS", "TF_BUILD", "JENKINS_URL", "GITLAB_CI"] {
        command.env_remove(variable);
    }
    let output = command.env("HOME", home.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let left: Vec<_> = walkdir::WalkDir::new(home.path())
        .min_depth(1)
        .into_iter()
        .map(|entry| entry.unwrap().into_path())
        .collect();
    assert!(left.is_empty(), "{left:?}");
}
