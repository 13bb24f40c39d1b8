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
