//! Image files that are unusual, as a user meets them: formats that are not read, frames, bands and
//! bits.

use std::path::Path;
use std::process::Command;

use crate::fixture;

struct Ended {
    code: Option<i32>,
    stderr: String,
}

/// `mcdrop predict` in a folder, with results in its folder `out`.
fn predict(folder: &Path, model: &str, arguments: &[&str]) -> Ended {
    let output = Command::new(env!("CARGO_BIN_EXE_mcdrop"))
        .current_dir(folder)
        .arg("predict")
        .arg(fixture::path("fixtures/image_files").join(model))
        .args(["-o", "out", "--samples", "2", "--overwrite"])
        .args(arguments)
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    Ended { code: output.status.code(), stderr }
}

/// The id and the error of each row.
fn rows(folder: &Path) -> Vec<(String, String)> {
    let mut reader = csv::Reader::from_path(folder.join("out/predictions.csv")).unwrap();
    let rows = reader.records().map(Result::unwrap);
    rows.map(|row| (row[0].to_owned(), row[row.len() - 1].to_owned())).collect()
}

/// Copies files of the fixtures into a folder.
fn copied(folder: &Path, names: &[&str]) {
    for name in names {
        let to = folder.join(Path::new(name).file_name().unwrap());
        std::fs::copy(fixture::path("fixtures/image_files").join(name), to).unwrap();
    }
}

#[test]
fn images_of_formats_that_are_not_read_become_rows_with_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let photos = folder.path().join("photos");
    std::fs::create_dir(&photos).unwrap();
    let files =
        ["IMG_0001.JPG", "IMG_0002.HEIC", "IMG_0003.avif", "scan.gif", "tile.jp2"];
    copied(&photos, &files.map(|name| format!("photos/{name}")).each_ref().map(|n| &**n));
    let ended = predict(folder.path(), "colors.onnx", &["photos", "--preset", "unit"]);
    assert_eq!(ended.code, Some(3), "{}", ended.stderr);
    let of = |path: &str, message: &str| (path.to_owned(), message.to_owned());
    assert_eq!(
        rows(folder.path()),
        [
            of("IMG_0001.JPG", ""),
            of("IMG_0002.HEIC", "photos/IMG_0002.HEIC: HEIC is not supported"),
            of("IMG_0003.avif", "photos/IMG_0003.avif: AVIF is not supported"),
            of("scan.gif", ""),
            of("tile.jp2", "photos/tile.jp2: JPEG 2000 is not supported"),
        ]
    );
    let command = "`mkdir -p converted && magick mogrify -path converted -format png photos/*.HEIC`";
    assert!(ended.stderr.contains(command), "{}", ended.stderr);
}

#[test]
fn of_several_frames_the_first_is_read_and_a_line_reports_it() {
    let folder = tempfile::tempdir().unwrap();
    let pages = fixture::path("fixtures/preprocessing/pages.tif");
    for name in ["a.tif", "b.tif"] {
        std::fs::copy(&pages, folder.path().join(name)).unwrap();
    }
    let ended =
        predict(folder.path(), "colors.onnx", &["a.tif", "b.tif", "--preset", "unit"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let line = "a.tif has 2 frames or pages; the first is read";
    assert!(ended.stderr.contains(line), "{}", ended.stderr);
    assert!(ended.stderr.contains("2 images have several frames"), "{}", ended.stderr);
}

/// The values of a float array that `NumPy` can read, without its shape.
fn floats_of(path: &Path) -> Vec<f32> {
    let bytes = std::fs::read(path).unwrap();
    let length = usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    let values = bytes[10 + length..].as_chunks::<4>().0;
    values.iter().map(|value| f32::from_le_bytes(*value)).collect()
}

/// The input of a model whose logits are its four channels and 0, from the probabilities.
fn channels_of(folder: &Path, name: &str) -> Vec<f64> {
    let probabilities = floats_of(&folder.join(format!("out/probabilities/{name}.npy")));
    let plane = probabilities.len() / 5;
    let of_zero = &probabilities[4 * plane..];
    let all = probabilities[..4 * plane].iter().zip(of_zero.iter().cycle());
    all.map(|(p, zero)| f64::from(*p).ln() - f64::from(*zero).ln()).collect()
}

const KEEP: [&str; 5] = ["--preset", "unit", "--keep-probabilities", "--maps", "none"];

#[test]
fn bands_of_16_bits_keep_their_precision() {
    use mcdrop::input::{ReadOptions, Values, read_image};
    let folder = tempfile::tempdir().unwrap();
    copied(folder.path(), &["tile.tif"]);
    let channels = "rgba".parse().unwrap();
    let options = ReadOptions { channels, ..ReadOptions::default() };
    let picture = read_image(&folder.path().join("tile.tif"), &options).unwrap().picture;
    let Values::U16 { values, .. } = picture.values else { panic!("16 bits") };
    for (range, white) in [(&[][..], 65_535.0), (&["--input-range", "0:4095"], 4095.0)] {
        let arguments = [&["tile.tif"], &KEEP[..], range].concat();
        let ended = predict(folder.path(), "bands.onnx", &arguments);
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        let is_dark = ended.stderr.contains("tile.tif has no value above 2999");
        assert_eq!(is_dark, range.is_empty(), "{}", ended.stderr);
        assert_eq!(ended.stderr.contains("--input-range 0:4095"), is_dark);
        let found = channels_of(folder.path(), "tile.tif");
        let plane = found.len() / 4;
        let mut levels = std::collections::HashSet::new();
        for (i, found) in found.iter().enumerate() {
            let value = values[i % plane * 4 + i / plane];
            assert!((found - f64::from(value) / white).abs() < 4e-6, "{found} {value}");
            levels.insert((found * white).round() as i64);
        }
        assert_eq!(levels.len(), 2986);
        let record = std::fs::read_to_string(folder.path().join("out/run.json")).unwrap();
        assert_eq!(record.contains("\"input_range\""), !range.is_empty());
    }
}

#[test]
fn bands_are_selected_by_their_numbers() {
    let folder = tempfile::tempdir().unwrap();
    copied(folder.path(), &["tile.tif"]);
    let of = |arguments: &[&str]| {
        predict(
            folder.path(),
            "colors.onnx",
            &[&["tile.tif", "--preset", "unit"], arguments].concat(),
        )
    };
    let ended = of(&[]);
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    let message = "the image has 4 bands, but the model takes 3 (rgb)";
    assert!(ended.stderr.contains(message), "{}", ended.stderr);
    assert!(ended.stderr.contains("--bands 1,2,3"), "{}", ended.stderr);
    let ended = of(&["--bands", "4,3,2", "--input-range", "1%:99%"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let record = std::fs::read_to_string(folder.path().join("out/run.json")).unwrap();
    assert!(record.contains("\"4,3,2\"") && record.contains("\"1%:99%\""), "{record}");
    for (bands, code, message) in [
        ("4,3", 2, "--bands: selects 2 bands, but the model takes 3 (rgb)"),
        ("4,3,5", 1, "the image has 4 bands, but --bands selects band 5"),
        ("4,0,2", 2, "bands are counted from 1, but band 0 is selected"),
    ] {
        let ended = of(&["--bands", bands]);
        assert_eq!(ended.code, Some(code), "{}", ended.stderr);
        assert!(ended.stderr.contains(message), "{}", ended.stderr);
    }
}

#[test]
fn a_library_of_8_bits_gets_8_bits_and_a_line_reports_it() {
    let folder = tempfile::tempdir().unwrap();
    copied(folder.path(), &["tile.tif"]);
    std::fs::write(
        folder.path().join("eight.toml"),
        "preset = \"unit\"\nresampler = \"pillow\"\nbits = 12\n",
    )
    .unwrap();
    let arguments =
        ["tile.tif", "--config", "eight.toml", "--keep-probabilities", "--maps", "none"];
    let ended = predict(folder.path(), "bands.onnx", &arguments);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let line = "tile.tif has more than 8 bits, of which 8 are kept, as the resampler pillow does";
    assert!(ended.stderr.contains(line), "{}", ended.stderr);
    let found = channels_of(folder.path(), "tile.tif");
    let levels: std::collections::HashSet<i64> =
        found.iter().map(|value| (value * 255.0).round() as i64).collect();
    assert_eq!(levels.len(), 188);
    for value in found {
        let level = value * 255.0;
        assert!((level - level.round()).abs() < 1e-3, "{level}");
    }
}

/// Writes a file of `zoo.json` into a folder.
fn from_zoo(folder: &Path, name: &str) {
    use base64::Engine as _;
    let text =
        std::fs::read_to_string(fixture::path("fixtures/image_files/zoo.json")).unwrap();
    let zoo: serde_json::Value = serde_json::from_str(&text).unwrap();
    let mut cases = zoo["cases"].as_array().unwrap().iter();
    let case = cases.find(|case| case["name"] == name).unwrap();
    let encoded = case["file"].as_str().unwrap();
    let bytes = base64::engine::general_purpose::STANDARD.decode(encoded).unwrap();
    std::fs::write(folder.join(name), bytes).unwrap();
}

#[test]
fn each_frame_is_an_image_if_all_are_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let images = folder.path().join("images");
    std::fs::create_dir(&images).unwrap();
    for name in ["animated.gif", "pages.tif", "rgb-u1-lzw.tif"] {
        from_zoo(&images, name);
    }
    let arguments = ["images", "--preset", "unit", "--frames", "all", "--jsonl"];
    let ended = predict(folder.path(), "colors.onnx", &arguments);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(!ended.stderr.contains("the first is read"), "{}", ended.stderr);
    let ids = [
        "animated.gif#1",
        "animated.gif#2",
        "animated.gif#3",
        "pages.tif#1",
        "pages.tif#2",
        "pages.tif#3",
        "rgb-u1-lzw.tif",
    ];
    let expected = ids.map(|id| (id.to_owned(), String::new()));
    assert_eq!(rows(folder.path()), expected);
    let maps: std::collections::HashSet<Vec<u8>> = ids
        .iter()
        .map(|id| {
            let map = folder.path().join(format!("out/predictive_entropy/{id}.png"));
            std::fs::read(map).unwrap()
        })
        .collect();
    assert_eq!(maps.len(), ids.len(), "every frame has a map of its own");
    let record = std::fs::read_to_string(folder.path().join("out/run.json")).unwrap();
    assert!(record.contains("\"frames\""), "{record}");
    // What is done is kept, and a row that is gone is made again.
    let table = folder.path().join("out/predictions.csv");
    let whole = std::fs::read_to_string(&table).unwrap();
    std::fs::remove_file(folder.path().join("out/predictive_entropy/pages.tif#2.png"))
        .unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_mcdrop"))
        .current_dir(folder.path())
        .arg("predict")
        .arg(fixture::path("fixtures/image_files/colors.onnx"))
        .args([
            "images",
            "-o",
            "out",
            "--samples",
            "2",
            "--preset",
            "unit",
            "--frames",
            "all",
        ])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("6 done before"), "{said}");
    assert_eq!(std::fs::read_to_string(&table).unwrap(), whole);
}
