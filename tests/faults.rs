//! Tests failures from the command line: messages, hints, and the files that remain.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::fixture;

struct Ended {
    code: Option<i32>,
    stderr: String,
}

fn run(folder: &Path, arguments: &[&str]) -> Ended {
    let output = Command::new(env!("CARGO_BIN_EXE_mcdrop"))
        .current_dir(folder)
        .args(arguments)
        .output()
        .unwrap();
    Ended {
        code: output.status.code(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Runs a shell command that sets limits, with the program as `$0` and more arguments.
#[cfg(target_os = "linux")]
fn run_in_shell(folder: &Path, line: &str, arguments: &[&str]) -> Ended {
    let output = Command::new("sh")
        .current_dir(folder)
        .args(["-c", line, env!("CARGO_BIN_EXE_mcdrop")])
        .args(arguments)
        .output()
        .unwrap();
    Ended {
        code: output.status.code(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

fn model(name: &str) -> String {
    fixture::path(name).display().to_string()
}

/// Creates a folder with images of these names and sizes.
fn images(named: &[(&str, u32, u32)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("images")).unwrap();
    for (name, width, height) in named {
        let image = image::RgbImage::from_fn(*width, *height, |x, y| {
            image::Rgb([(x * 7 % 256) as u8, (y * 5 % 256) as u8, 90])
        });
        image.save(folder.path().join("images").join(name)).unwrap();
    }
    folder
}

fn errors(folder: &Path) -> Vec<String> {
    let reader = csv::Reader::from_path(folder.join("predictions.csv")).unwrap();
    let rows = reader.into_records().map(Result::unwrap);
    rows.map(|row| row[row.len() - 1].to_owned()).collect()
}

#[test]
fn files_that_are_no_model_are_named_for_what_they_are() {
    let folder = images(&[("a.png", 8, 8)]);
    let digits = fs::read(fixture::path("models/digits.onnx")).unwrap();
    let no_opset = fs::read(fixture::path("fixtures/traps/low-resolution.onnx")).unwrap();
    let cases: &[(&[u8], &str, &str)] = &[
        (b"", "the file is empty", "download the file again"),
        (b"import torch\n", "not an ONNX model: it is text", "torch.onnx.export"),
        (b"<!doctype html><html>", "it is a web page", "/resolve/"),
        (b"{\"model\": 1}", "it is JSON text", "download"),
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n",
            "Git LFS pointer",
            "git lfs pull",
        ),
        (b"PK\x03\x04\x14\0archive/data.pkl", "PyTorch checkpoint", "torch.onnx.export"),
        (b"\x80\x02\x8a\x0a", "PyTorch checkpoint", "torch.onnx.export"),
        (b"\x89PNG\r\n\x1a\n", "PNG image", "the model comes first"),
        (&digits[..digits.len() / 2], "cut short: the file has ", "copy or download"),
        (b"\xde\xad\xbe\xef", "not an ONNX model, or a damaged one", "torch.onnx.export"),
        (b"\x08\x08", "it contains no graph", "torch.onnx.export"),
        (&no_opset[..no_opset.len() - 4], "operator sets", "copy or download"),
    ];
    for (content, message, hint) in cases {
        fs::write(folder.path().join("model.onnx"), content).unwrap();
        let ended = run(folder.path(), &["predict", "model.onnx", "images", "-o", "out"]);
        assert_eq!(ended.code, Some(1), "{message}: {}", ended.stderr);
        let (error, way_out) = ended.stderr.split_once("hint: ").unwrap_or_else(|| {
            panic!("{message} has no hint: {}", ended.stderr);
        });
        assert!(error.starts_with("error: model.onnx: ") && error.contains(message));
        assert!(way_out.contains(hint), "{message}: {way_out}");
        assert!(!folder.path().join("out").exists(), "{message}");
    }
}

#[test]
fn models_newer_than_the_runtime_are_refused_with_both_numbers() {
    let folder = images(&[("a.png", 8, 8)]);
    let digits = fs::read(fixture::path("models/digits.onnx")).unwrap();
    // The IR version is the first field: 8 in the file, changed to 99.
    assert!(digits.starts_with(&[8, 8]));
    let newer = [&[8, 99], &digits[2..]].concat();
    fs::write(folder.path().join("newer.onnx"), newer).unwrap();
    // The operator set is last: a field of 4 bytes or more that ends with the version.
    let mut opset = digits.clone();
    let version = opset.iter().rposition(|&byte| byte == 17).unwrap();
    opset[version] = 120;
    fs::write(folder.path().join("opset.onnx"), opset).unwrap();
    for (name, message) in [
        ("newer.onnx", "the file has IR version 99, and ONNX Runtime 1."),
        ("opset.onnx", "the file uses operator set 120, and ONNX Runtime 1."),
    ] {
        fs::copy(
            fixture::path("models/digits.toml"),
            folder.path().join(name).with_extension("toml"),
        )
        .unwrap();
        let ended = run(folder.path(), &["predict", name, "images", "-o", "out"]);
        assert_eq!(ended.code, Some(1), "{}", ended.stderr);
        assert!(ended.stderr.contains(message), "{}", ended.stderr);
        assert!(ended.stderr.contains("hint: use a newer ONNX Runtime"));
    }
}

#[test]
fn a_size_that_the_network_cannot_take_names_one_that_it_takes() {
    let folder = images(&[("a.png", 100, 50), ("b.png", 64, 32), ("c.png", 101, 52)]);
    let streets = model("models/streets.onnx");
    let predict = ["predict", &streets, "images", "-o", "out", "--samples", "2"];
    let ended = run(folder.path(), &predict);
    assert_eq!(ended.code, Some(3), "{}", ended.stderr);
    let rows = errors(&folder.path().join("out"));
    for (row, expected) in rows.iter().zip([
        "cannot take images of 100x50 pixels; it takes 112x64: sides that are multiples of 16 \
         (onnxruntime: ",
        "",
        "cannot take images of 101x52 pixels; it takes 112x64: sides that are multiples of 16 \
         (onnxruntime: ",
    ]) {
        assert!(row.contains(expected) && row.is_empty() == expected.is_empty(), "{row}");
    }
    let hint = "hint: --pad-to-multiple 16 adds what is missing and crops the maps back, or \
                --resize 112x64";
    assert_eq!(ended.stderr.matches(hint).count(), 1, "{}", ended.stderr);
    let resized = [&predict[..], &["--overwrite", "--resize", "112x64"]].concat();
    assert_eq!(run(folder.path(), &resized).code, Some(0), "the hint works");
}

#[test]
fn images_of_ever_other_sizes_do_not_hide_one_that_fits() {
    let odd = (0..20).map(|i| (format!("a{i:02}.png"), 33 + 2 * i, 41));
    let named: Vec<(String, u32, u32)> =
        odd.chain([("z.png".to_owned(), 64, 48)]).collect();
    let named: Vec<(&str, u32, u32)> =
        named.iter().map(|(name, w, h)| (name.as_str(), *w, *h)).collect();
    let folder = images(&named);
    let streets = model("models/streets.onnx");
    let predict = ["predict", &streets, "images", "-o", "out", "--samples", "2"];
    let ended = run(folder.path(), &predict);
    assert_eq!(ended.code, Some(3), "{}", ended.stderr);
    let rows = errors(&folder.path().join("out"));
    assert_eq!(rows.iter().filter(|row| row.is_empty()).count(), 1);
}

#[test]
fn scores_that_are_not_finite_name_the_node_that_made_them() {
    let folder = images(&[("dark.png", 16, 16)]);
    for i in 0..5 {
        let image = image::RgbImage::from_pixel(16, 16, image::Rgb([255 - i; 3]));
        image.save(folder.path().join(format!("images/light{i}.png"))).unwrap();
    }
    let nan = model("fixtures/traps/nan.onnx");
    let predict = ["predict", &nan, "images", "-o", "out", "--preset", "unit"];
    let ended = run(folder.path(), &predict);
    assert_eq!(ended.code, Some(3), "{}", ended.stderr);
    let rows = errors(&folder.path().join("out"));
    assert!(rows[0].is_empty());
    for row in &rows[1..] {
        assert!(row.contains("output \"logits\": NaN in 5 of 5 values"), "{row}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn too_few_open_files_are_an_error_that_names_the_limit_to_raise() {
    let folder = images(&[("a.png", 32, 32)]);
    let streets = model("models/streets.onnx");
    let line = "ulimit -n 16 && exec \"$0\" \"$@\"";
    let arguments = ["predict", &streets, "images", "-o", "out", "--samples", "2"];
    let mut said = Vec::new();
    for limit in 4..24 {
        let line = line.replace("16", &limit.to_string());
        let ended = run_in_shell(folder.path(), &line, &arguments);
        let _ = fs::remove_dir_all(folder.path().join("out"));
        assert!(!ended.stderr.contains("panicked"), "{limit}: {}", ended.stderr);
        said.push(ended.stderr);
    }
    let clear = |text: &&String| {
        text.contains("too many files are open (") && text.contains("ulimit -n 4096")
    };
    assert!(said.iter().filter(clear).count() > 0, "{said:#?}");
}

#[test]
#[cfg(target_os = "linux")]
fn a_file_that_may_not_grow_further_stops_the_run_with_a_way_out() {
    let folder = images(&[("a.png", 320, 160), ("b.png", 320, 160)]);
    let streets = model("models/streets.onnx");
    // Blocks of 512 bytes: the table fits, a map does not. The signal is ignored, so it becomes an
    // error.
    let line = "trap '' XFSZ; ulimit -f 8 && exec \"$0\" \"$@\"";
    let arguments = [
        "predict",
        &streets,
        "images",
        "-o",
        "out",
        "--samples",
        "2",
        "--formats",
        "npy",
    ];
    let ended = run_in_shell(folder.path(), line, &arguments);
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    assert!(ended.stderr.contains("cannot write: larger than this file system"));
    assert!(ended.stderr.contains("hint: name a folder on another file system"));
    let table = fs::read_to_string(folder.path().join("out/predictions.csv")).unwrap();
    assert!(table.starts_with("path,"), "what was written stays");
}

#[test]
#[cfg(target_os = "linux")]
fn a_place_that_cannot_be_written_is_refused_before_the_work() {
    let folder = images(&[("a.png", 8, 8)]);
    let digits = model("models/digits.onnx");
    for (place, message) in [
        ("/proc/mcdrop", "cannot write: "),
        ("images/a.png", "is a file; expected a folder or a new name"),
        ("images/a.png/out", "cannot write: "),
    ] {
        let ended = run(folder.path(), &["predict", &digits, "images", "-o", place]);
        assert_ne!(ended.code, Some(0), "{place}");
        assert!(ended.stderr.contains(message), "{place}: {}", ended.stderr);
        assert!(ended.stderr.contains("hint: "), "{place}: {}", ended.stderr);
    }
}

#[test]
#[cfg(unix)]
fn an_output_folder_that_vanishes_stops_the_run_and_is_not_created_again() {
    let named: Vec<(String, u32, u32)> =
        (0..200).map(|i| (format!("{i:03}.png"), 320, 160)).collect();
    let named: Vec<(&str, u32, u32)> =
        named.iter().map(|(name, w, h)| (name.as_str(), *w, *h)).collect();
    let folder = images(&named);
    let child = Command::new(env!("CARGO_BIN_EXE_mcdrop"))
        .current_dir(folder.path())
        .args(["predict", &model("models/streets.onnx"), "images", "-o", "out"])
        .args(["--samples", "31"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let out = folder.path().join("out");
    let map = out.join("prediction/000.png.png");
    for _ in 0..30_000 {
        if map.exists() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    // The file is moved in one step, so nothing is written in between.
    fs::rename(&out, folder.path().join("gone")).unwrap();
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("its folder is no longer there ("), "{stderr}");
    assert!(stderr.contains("hint: do not remove the output folder"), "{stderr}");
    assert!(!out.exists(), "a second folder would hold maps without a table");
}
