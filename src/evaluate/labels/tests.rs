use std::fs;
use std::path::Path;

use super::*;

#[test]
fn labels_lie_at_the_same_path_with_another_ending_or_as_renamed() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    fs::create_dir_all(root.join("a/b")).unwrap();
    for file in [
        "a/b/one.png",
        "a/two.jpg.npy",
        "three.npy",
        "a/x_label.png",
        "five_mask.tif",
        "six_gt.png",
        "six_label.gif",
        "seven.TIF",
    ] {
        fs::write(root.join(file), "").unwrap();
    }
    let files = LabelFiles { root: root.to_owned(), rename: None };
    let found = |id: &str| {
        files.find(id).map(|file| file.path.strip_prefix(root).unwrap().to_owned())
    };
    assert_eq!(found("a/b/one.jpg").unwrap(), Path::new("a/b/one.png"));
    assert_eq!(found("a/two.jpg").unwrap(), Path::new("a/two.jpg.npy"));
    assert_eq!(found("three").unwrap(), Path::new("three.npy"));
    assert_eq!(found("seven.jpg").unwrap(), Path::new("seven.TIF"));
    assert_eq!(found("five.jpg").unwrap(), Path::new("five_mask.tif"));
    assert!(found("six.jpg").unwrap_err().contains("could both be its label"));
    assert!(found("a/four.jpg").unwrap_err().contains("a/four.png|npy|tif"));
    let rename = Some(LabelRename::new("(.*)/x_image", "$1/x_label").unwrap());
    let files = LabelFiles { root: root.to_owned(), rename };
    assert_eq!(files.find("a/x_image.jpg").unwrap().path, root.join("a/x_label.png"));
    // The whole name has to match.
    let error = files.find("a/x_image_2.jpg").unwrap_err();
    assert!(error.contains("does not match"), "{error}");
    let error = LabelRename::new("(", "x").unwrap_err();
    assert!(error.to_string().contains("match") && error.hint().is_some(), "{error}");
}

#[test]
fn a_crop_needs_label_maps_of_its_own_size() {
    let folder = tempfile::tempdir().unwrap();
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 4, 2);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.write_header().unwrap().write_image_data(&[1; 8]).unwrap();
    fs::write(folder.path().join("a.png"), bytes).unwrap();
    let mapping = IdMapping::decide(&IdSurvey::default(), &IdOptions::default(), 3);
    let mapping = mapping.unwrap().0;
    let labels = |is_cropped| LabelMaps {
        files: LabelFiles { root: folder.path().to_owned(), rename: None },
        colors: None,
        mapping: mapping.clone(),
        is_cropped,
        notes: Vec::new(),
    };
    let image = |size| PredictedImage { id: "a.png", size, shape: None };
    assert!(labels(false).labels(&image((1, 2))).is_ok());
    assert!(labels(true).labels(&image((2, 4))).is_ok());
    let error = labels(true).labels(&image((1, 2))).err().unwrap();
    assert!(error.hint().is_some_and(|hint| hint.contains("crop = none")), "{error}");
}

#[test]
fn each_frame_of_a_file_has_a_label_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    for file in ["scan.png", "scan#2.png", "other.tif#3.npy"] {
        fs::write(folder.path().join(file), "").unwrap();
    }
    let files = LabelFiles { root: folder.path().to_owned(), rename: None };
    let found =
        |id: &str| files.find(id).map(|file| file.path.file_name().unwrap().to_owned());
    assert_eq!(found("scan.tif").unwrap(), "scan.png");
    assert_eq!(found("scan.tif#2").unwrap(), "scan#2.png");
    assert_eq!(found("other.tif#3").unwrap(), "other.tif#3.npy");
    assert!(found("scan.tif#1").unwrap_err().contains("scan#1."));
}
