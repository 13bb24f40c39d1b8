//! Tests floating-point images, limits and orientation from the command line.

use std::path::Path;
use std::process::{Command, Output};

use crate::fixture;

fn predict(image: &str, out: &Path, more: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mcdrop"));
    command.arg("predict").arg(fixture::path("models/streets.onnx"));
    command.arg(fixture::path("fixtures/preprocessing").join(image));
    command.arg("-o").arg(out).args(["--overwrite", "--pad-to-multiple", "32"]);
    command.args(["--samples", "2"]).args(more).output().unwrap()
}

fn row(out: &Path) -> Vec<String> {
    let mut table = csv::Reader::from_path(out.join("predictions.csv")).unwrap();
    table.deserialize().next().unwrap().unwrap()
}

#[test]
fn a_floating_point_image_gets_its_maps_and_an_overlay() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let output = predict("float-rgb.tif", &out, &["--preset", "raw"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(row(&out)[1..3], ["18", "21"]);
    let map = image::open(out.join("prediction/float-rgb.tif.png")).unwrap();
    assert_eq!((map.width(), map.height()), (18, 21));
    let overlay = image::open(out.join("overlay/float-rgb.tif.png")).unwrap().to_rgb8();
    let shades: std::collections::HashSet<_> = overlay.pixels().collect();
    assert!(shades.len() > 50, "the picture is stretched to what can be seen");
}

#[test]
fn a_refused_image_has_a_reason_and_a_hint() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    for (image, more, message, hint) in [
        (
            "float-rgb.tif",
            &["--preset", "unit"][..],
            "unit is for values from 0 to 1",
            "--preset raw",
        ),
        (
            "rgb.png",
            &["--mean", "1500", "--std", "700"],
            "--mean: 1500 is not the mean of values in 0..1",
            "divided by 255",
        ),
        ("rgb.png", &["--max-pixels", "2866"], "61x47 pixels", "--max-pixels"),
        (
            "rgb.png",
            &["--max-pixels", "4095"],
            "takes more than 4095 pixels",
            "--max-pixels",
        ),
        ("planes-tiled.tif", &[], "separate bands in tiles", "in strips"),
    ] {
        let output = predict(image, &out, more);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(message) && said.contains(hint), "{said}");
        assert!(said.contains(image), "{said}");
    }
    assert!(predict("rgb.png", &out, &["--max-pixels", "4096"]).status.success());
    let reflectance = ["--mean", "1500", "--std", "700"];
    assert!(predict("float-rgb.tif", &out, &reflectance).status.success());
}

#[test]
fn orientation_is_applied_unless_it_is_to_be_ignored() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let size = |more: &[&str]| {
        assert!(predict("turned.jpg", &out, more).status.success());
        row(&out)[1..3].to_vec()
    };
    let upright = size(&[]);
    assert_eq!(size(&["--exif", "apply"]), upright);
    assert_eq!(size(&["--exif", "ignore"]), [upright[1].clone(), upright[0].clone()]);
}

#[test]
fn multiples_and_limits_of_nothing_are_refused() {
    let out = Path::new("never-written");
    for more in [
        ["--pad-to-multiple", "0"],
        ["--pad-to-multiple", "5000"],
        ["--max-pixels", "0"],
        ["--exif", "rotate"],
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mcdrop"));
        command.args(["predict", "m.onnx", "i.png", "-o"]).arg(out).args(more);
        assert_eq!(command.output().unwrap().status.code(), Some(2), "{more:?}");
    }
}
