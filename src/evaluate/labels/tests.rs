use std::fs;

use super::*;

fn map(height: usize, width: usize, class: impl Fn(usize, usize) -> u16) -> ClassMap {
    let pixels = (0..height * width).map(|i| class(i / width, i % width));
    ClassMap { height, width, classes: pixels.collect() }
}

#[test]
fn a_map_of_another_size_is_read_at_the_middles_of_the_pixels() {
    let fine = map(4, 6, |y, x| (10 * y + x) as u16);
    assert_eq!(nearest(&fine, (4, 6)), fine.classes);
    assert_eq!(nearest(&fine, (2, 3)), [11, 13, 15, 31, 33, 35]);
    let coarse = map(1, 2, |_, x| x as u16);
    assert_eq!(nearest(&coarse, (2, 5)), [0, 0, 1, 1, 1, 0, 0, 1, 1, 1]);
    assert_eq!(nearest(&map(3, 3, |y, x| (3 * y + x) as u16), (1, 1)), [4]);
}

#[test]
fn labels_lie_at_the_same_path_with_another_ending_or_as_renamed() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    fs::create_dir_all(root.join("a/b")).unwrap();
    for file in ["a/b/one.png", "a/two.jpg.npy", "three.npy", "a/x_label.png"] {
        fs::write(root.join(file), "").unwrap();
    }
    let found = |id: &str| {
        label_file(root, id, None).map(|file| file.strip_prefix(root).unwrap().to_owned())
    };
    assert_eq!(found("a/b/one.jpg").unwrap(), Path::new("a/b/one.png"));
    assert_eq!(found("a/two.jpg").unwrap(), Path::new("a/two.jpg.npy"));
    assert_eq!(found("three").unwrap(), Path::new("three.npy"));
    assert!(found("a/four.jpg").unwrap_err().ends_with("a/four.png|npy"));
    let rename = LabelRename::new("(.*)/x_image", "$1/x_label").unwrap();
    let renamed = |id: &str| label_file(root, id, Some(&rename));
    assert_eq!(renamed("a/x_image.jpg").unwrap(), root.join("a/x_label.png"));
    // The whole name has to match.
    let error = renamed("a/x_image_2.jpg").unwrap_err();
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
    let labels = |is_cropped| LabelSource::Maps {
        root: folder.path().to_owned(),
        rename: None,
        options: LabelOptions::default(),
        is_cropped,
    };
    assert!(labels(false).labels("a.png", (1, 2)).is_ok());
    assert!(labels(true).labels("a.png", (2, 4)).is_ok());
    let error = labels(true).labels("a.png", (1, 2)).err().unwrap();
    assert!(error.hint().is_some_and(|hint| hint.contains("crop = none")), "{error}");
}
