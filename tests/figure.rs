//! Tests `mcdrop figure`: golden pictures of every task, columns, crops, and where values come from.
//!
//! `MCDROP_BLESS=1 cargo test figure` writes the golden pictures in `fixtures/figures` again; look at
//! them before they are committed.

use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use image::RgbImage;
use tempfile::TempDir;

use crate::fixture;
use crate::report::{done, mcdrop, stderr};

/// Share of the pixels that may differ from a golden picture by more than [`MOST_LEVELS`]: the last
/// bits of ONNX Runtime's arithmetic differ between processors.
const MOST_DIFFERENT: f64 = 0.01;
const MOST_LEVELS: u8 = 8;

/// Predicts images into `out` of a new folder.
fn predict(model: &str, images: &[&str], more: &[&str]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let model = fixture::path(&format!("models/{model}.onnx"));
    let images: Vec<PathBuf> =
        images.iter().map(|image| fixture::path(&format!("fixtures/{image}"))).collect();
    let mut arguments = vec!["predict", model.to_str().unwrap()];
    arguments.extend(images.iter().map(|image| image.to_str().unwrap()));
    arguments.extend(["-o", out.to_str().unwrap(), "--samples", "3"]);
    arguments.extend(more);
    done(&arguments);
    folder
}

fn streets(more: &[&str]) -> TempDir {
    let images = ["streets/images/street_00.png", "streets/images/strange_03.png"];
    predict("streets", &images, more)
}

/// Draws a figure of a run into its folder, and returns the path.
fn figure(folder: &TempDir, file: &str, images: &[&str], more: &[&str]) -> PathBuf {
    let (out, path) = (folder.path().join("out"), folder.path().join(file));
    let mut arguments = vec!["figure", out.to_str().unwrap()];
    arguments.extend(images);
    arguments.extend(["-o", path.to_str().unwrap()]);
    arguments.extend(more);
    done(&arguments);
    path
}

fn labels(path: &str) -> String {
    fixture::path(&format!("fixtures/{path}")).to_str().unwrap().to_owned()
}

/// Share of the pixels of two pictures that differ.
fn difference(one: &RgbImage, other: &RgbImage) -> f64 {
    assert_eq!(one.dimensions(), other.dimensions());
    let differs = |(a, b): &(&image::Rgb<u8>, &image::Rgb<u8>)| {
        a.0.iter().zip(b.0).any(|(a, b)| a.abs_diff(b) > MOST_LEVELS)
    };
    let n = one.pixels().zip(other.pixels()).filter(differs).count();
    n as f64 / f64::from(one.width() * one.height())
}

fn read(path: &Path) -> RgbImage {
    image::open(path).unwrap().to_rgb8()
}

/// Compares a figure with the golden picture of a name.
fn check(drawn: &Path, name: &str) {
    let golden = fixture::path(&format!("fixtures/figures/{name}.png"));
    if std::env::var_os("MCDROP_BLESS").is_some() {
        fs::create_dir_all(golden.parent().unwrap()).unwrap();
        fs::copy(drawn, golden).unwrap();
        return;
    }
    let difference = difference(&read(drawn), &read(&golden));
    assert!(difference <= MOST_DIFFERENT, "{name}: {difference} of the pixels differ");
}

const SMALL: [&str; 4] = ["--width", "120mm", "--dpi", "80"];

#[test]
fn figures_of_every_task_equal_their_golden_pictures() {
    let both = ["street_00.png", "strange_03.png"];
    let folder = streets(&[]);
    let classes = labels("streets/labels");
    let more = [&SMALL[..], &["--labels", &classes]].concat();
    check(&figure(&folder, "a.png", &both, &more), "segmentation");

    let images = ["evaluation_00.png", "strange_03.png"];
    let paths = images.map(|name| format!("streets_depth/images/{name}"));
    let paths = paths.each_ref().map(String::as_str);
    let folder = predict("streets_depth", &paths, &["--value-range", "0:80"]);
    let depth = labels("streets_depth/depth");
    let more =
        [&SMALL[..], &["--labels", &depth, "--label-scale", "0.00390625"]].concat();
    check(&figure(&folder, "a.png", &images, &more), "regression");

    let folder = streets(&["--task", "multilabel"]);
    let columns = ["--columns", "image,car.probability,predictive_entropy"];
    let more = [&SMALL[..], &columns, &["--captions", "none"]].concat();
    check(&figure(&folder, "a.png", &both, &more), "labels_of_pixels");

    let images = ["evaluation_00.png", "evaluation_01.png"];
    let paths = images.map(|name| format!("shapes/images/{name}"));
    let folder = predict("shapes", &paths.each_ref().map(String::as_str), &[]);
    check(&figure(&folder, "a.png", &images, &SMALL), "labels_of_images");

    let folder = predict("digits", &["digits"], &["--keep-probabilities"]);
    let classes = labels("digits");
    let more = [&SMALL[..], &["--labels", &classes, "--captions", "path"]].concat();
    check(
        &figure(&folder, "a.png", &["3/0001.png", "7/0001.png"], &more),
        "classification",
    );

    let paths = images.map(|name| format!("digits_angle/images/{name}"));
    let folder = predict("digits_angle", &paths.each_ref().map(String::as_str), &[]);
    let angles = labels("digits_angle/labels.csv");
    let more = [&SMALL[..], &["--labels", &angles]].concat();
    check(&figure(&folder, "a.png", &images, &more), "regression_of_images");
}

/// Returns the pictures in an SVG, with the text of their description.
fn pictures(svg: &str) -> Vec<(String, RgbImage)> {
    let parts = svg.split("href=\"data:image/png;base64,").skip(1);
    let picture = |part: &str| {
        let (data, rest) = part.split_once('"').unwrap();
        let bytes = base64::engine::general_purpose::STANDARD.decode(data).unwrap();
        let title = rest.split_once("<title>").unwrap().1.split_once('<').unwrap().0;
        (title.to_owned(), image::load_from_memory(&bytes).unwrap().to_rgb8())
    };
    parts.map(picture).collect()
}

#[test]
fn the_text_of_an_svg_is_text_and_columns_are_those_that_were_named() {
    let folder = streets(&[]);
    let columns = ["--columns", "mutual_information,image", "--captions", "path"];
    let path = figure(&folder, "a.svg", &["street_00.png"], &columns);
    let svg = fs::read_to_string(path).unwrap();
    for text in ["Mutual information (nat)", "Image", "street_00.png", "2.08", "0"] {
        assert!(svg.contains(&format!(">{text}</text>")), "{text}");
    }
    assert!(svg.contains("T = 3 stratified samples, seed 0"));
    assert!(!svg.contains("Predictive entropy") && !svg.contains(">road<"));
    let titles: Vec<String> =
        pictures(&svg).into_iter().map(|(title, _)| title).collect();
    let expected =
        ["street_00.png: Mutual information (nat)", "street_00.png: Image", "color bar"];
    assert_eq!(titles, expected);
}

#[test]
fn a_crop_shows_the_same_pixels_of_the_image_and_of_its_maps() {
    let folder = streets(&[]);
    let crop = ["--crop", "40,70,64x32", "--columns", "image,prediction"];
    let path = figure(&folder, "a.svg", &["street_00.png"], &crop);
    let shown = pictures(&fs::read_to_string(path).unwrap());
    let out = folder.path().join("out");
    let sources = [
        fixture::path("fixtures/streets/images/street_00.png"),
        out.join("prediction/street_00.png.png"),
    ];
    for ((_, shown), source) in shown.iter().zip(sources) {
        let expected =
            image::imageops::crop_imm(&read(&source), 40, 70, 64, 32).to_image();
        assert_eq!(*shown, expected);
    }
    assert_eq!(shown.len(), 2);
}

#[test]
fn values_come_from_the_most_exact_files() {
    let folder = streets(&["--formats", "png,npy"]);
    let out = folder.path().join("out");
    let more = ["--columns", "predictive_entropy"];
    let shown = |file: &str| {
        let path = figure(&folder, file, &["street_00.png"], &more);
        pictures(&fs::read_to_string(path).unwrap()).remove(0).1
    };
    let exact = shown("exact.svg");
    let array = out.join("predictive_entropy/street_00.png.npy");
    let bytes = fs::read(&array).unwrap();
    let (shape, _) = mcdrop::npy::decode(&bytes).unwrap();
    let bound = vec![8_f32.ln(); shape.iter().product()];
    fs::write(&array, mcdrop::npy::encode_f32(&shape, &bound).unwrap()).unwrap();
    let brightest = shown("brightest.svg");
    assert!(brightest.pixels().all(|pixel| pixel.0 == [251, 252, 191]));
    fs::remove_file(array).unwrap();
    assert!(difference(&exact, &shown("levels.svg")) < 0.001);
}

#[test]
fn images_are_named_by_id_by_name_or_by_path() {
    let folder = predict("digits", &["digits"], &[]);
    let digit = fixture::path("fixtures/digits/3/0001.png");
    let digit = digit.to_str().unwrap();
    let one = figure(&folder, "a.svg", &["3/0001.png"], &[]);
    let other = figure(&folder, "b.svg", &[digit], &[]);
    assert_eq!(fs::read(one).unwrap(), fs::read(other).unwrap());
    let out = folder.path().join("out");
    let output =
        mcdrop(&["figure", out.to_str().unwrap(), "0001.png", "-o", "figure.png"]);
    let message = stderr(&output);
    assert!(message.contains("images are named \"0001.png\""), "{message}");
    assert!(message.contains("hint: name one of 0/0001.png"), "{message}");
}

#[test]
fn a_pdf_has_the_width_that_was_asked_for_and_the_same_bytes_each_time() {
    let folder = streets(&[]);
    let more = ["--width", "88mm", "--scale", "shown"];
    let file =
        |name: &str| fs::read(figure(&folder, name, &["street_00.png"], &more)).unwrap();
    let (one, other) = (file("a.pdf"), file("b.pdf"));
    assert!(one.starts_with(b"%PDF-1.4"));
    // 88 mm are 249.4488 points.
    let text = String::from_utf8_lossy(&one);
    assert!(text.contains("/MediaBox [0 0 249.4488 "), "no such page");
    assert!(text.contains("/FontFile2") && text.contains("/BaseFont /MCDROP+DejaVuSans"));
    assert!(one == other);
}

#[test]
fn damaged_and_missing_maps_are_errors_that_name_the_file() {
    let folder = streets(&["--formats", "npy"]);
    let out = folder.path().join("out");
    let drawn = || {
        let arguments = ["figure", out.to_str().unwrap(), "street_00.png", "-o", "a.png"];
        let output = mcdrop(&arguments);
        assert!(!output.status.success());
        stderr(&output)
    };
    let array = out.join("mutual_information/street_00.png.npy");
    fs::write(&array, mcdrop::npy::encode_f32(&[0, 3], &[]).unwrap()).unwrap();
    let message = drawn();
    assert!(message.contains("street_00.png") && message.contains("hint: "), "{message}");
    fs::write(&array, "no array").unwrap();
    let message = drawn();
    assert!(message.contains("mutual_information/street_00.png.npy"), "{message}");
    fs::remove_file(&array).unwrap();
    let message = drawn();
    assert!(message.contains("mutual_information/street_00.png"), "{message}");
}

#[test]
fn an_image_of_the_run_is_not_replaced_by_a_figure_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("a.png");
    fs::copy(fixture::path("fixtures/digits/3/0001.png"), &image).unwrap();
    let before = fs::read(&image).unwrap();
    let (model, out) = (fixture::path("models/digits.onnx"), folder.path().join("out"));
    let (image_path, out) = (image.to_str().unwrap(), out.to_str().unwrap());
    let predict = ["predict", model.to_str().unwrap(), image_path, "-o", out];
    assert!(mcdrop(&predict).status.success());
    let output = mcdrop(&["figure", out, "a.png", "-o", image_path]);
    assert_eq!(output.status.code(), Some(2));
    let message = stderr(&output);
    assert!(message.contains("a.png is an image of the run\nhint: "), "{message}");
    assert!(fs::read(&image).unwrap() == before);
    // A figure is replaced by a newer one.
    let figure = folder.path().join("figure.png");
    for _ in 0..2 {
        let drawn = mcdrop(&["figure", out, "a.png", "-o", figure.to_str().unwrap()]);
        assert!(drawn.status.success(), "{}", stderr(&drawn));
    }
}
