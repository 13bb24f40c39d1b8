use std::fs;

use super::*;

fn read(bytes: &[u8], options: &LabelOptions) -> Result<ClassMap> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("label");
    fs::write(&path, bytes).unwrap();
    read_label_map(&path, options)
}

fn png(width: u32, color: png::ColorType, depth: png::BitDepth, data: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, 2);
    encoder.set_color(color);
    encoder.set_depth(depth);
    if color == png::ColorType::Indexed {
        encoder.set_palette((0..=255).flat_map(|i| [i, 0, 7]).collect::<Vec<u8>>());
    }
    encoder.write_header().unwrap().write_image_data(data).unwrap();
    bytes
}

#[test]
fn indices_and_gray_levels_of_every_depth_are_ids() {
    use png::{BitDepth, ColorType};
    let options = LabelOptions::default();
    for color in [ColorType::Indexed, ColorType::Grayscale] {
        let read =
            |depth, data: &[u8]| read(&png(3, color, depth, data), &options).unwrap();
        let map = read(BitDepth::Eight, &[0, 18, 254, 3, 4, 5]);
        assert_eq!((map.height, map.width), (2, 3));
        assert_eq!(map.classes, [0, 18, 254, 3, 4, 5]);
        assert_eq!(
            read(BitDepth::Four, &[0x1f, 0x20, 0x34, 0x50]).classes,
            [1, 15, 2, 3, 4, 5]
        );
        assert_eq!(
            read(BitDepth::Two, &[0b0001_1000, 0b1100_0100]).classes,
            [0, 1, 2, 3, 0, 1]
        );
        assert_eq!(
            read(BitDepth::One, &[0b1010_0000, 0b0110_0000]).classes,
            [1, 0, 1, 0, 1, 1]
        );
    }
    let wide = png(1, ColorType::Grayscale, BitDepth::Sixteen, &[1, 2, 0, 3]);
    assert_eq!(read(&wide, &options).unwrap().classes, [258, 3]);
}

#[test]
fn colors_are_ids_only_with_a_palette() {
    let picture = png(1, png::ColorType::Rgb, png::BitDepth::Eight, &[1, 2, 3, 4, 5, 6]);
    let error = read(&picture, &LabelOptions::default()).unwrap_err();
    assert!(error.hint().unwrap().contains("`label_colors = cityscapes`"), "{error}");
    let mut options = LabelOptions::default();
    options.colors.insert([1, 2, 3], 7);
    let error = read(&picture, &options).unwrap_err();
    assert!(error.to_string().contains("#040506"), "{error}");
    options.colors.insert([4, 5, 6], 0);
    assert_eq!(read(&picture, &options).unwrap().classes, [7, 0]);
}

fn npy(kind: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    let text =
        format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}");
    let padded = format!("{text:<117}\n");
    let mut bytes = b"\x93NUMPY\x01\x00\x76\x00".to_vec();
    bytes.extend(padded.as_bytes());
    bytes.extend(data);
    bytes
}

#[test]
fn arrays_of_every_integer_type_are_ids() {
    let options = LabelOptions { ignored: vec![255], ..LabelOptions::default() };
    for (kind, size) in [
        ("|u1", 1),
        ("|i1", 1),
        ("<u2", 2),
        ("<i2", 2),
        ("<u4", 4),
        ("<i4", 4),
        ("<i8", 8),
        ("<u8", 8),
        ("|b1", 1),
    ] {
        let number = |n: u8| std::iter::once(n).chain(std::iter::repeat_n(0, size - 1));
        let data: Vec<u8> = [1, 2, 3, 4].into_iter().flat_map(number).collect();
        for shape in ["(2, 2)", "(1, 2, 2)", "(2, 2, 1)"] {
            assert_eq!(
                read(&npy(kind, shape, &data), &options).unwrap().classes,
                [1, 2, 3, 4]
            );
        }
    }
    for (bytes, what) in [
        (npy("<f4", "(1, 1)", &[0; 4]), "<f4"),
        (npy("|u1", "(4,)", &[0; 4]), "[4]"),
        (npy("|i1", "(1, 1)", &[255]), "-1"),
        (npy("|u1", "(9, 9)", &[0; 4]), "not a label map"),
        (npy("|u1", "(99999999999, 99999999999)", &[0; 4]), "not a label map"),
        (npy("|u1", &"(".repeat(60), &[0; 4]), "nested"),
        (npy("<u8", "(1, 1)", &[255; 8]), "<u8"),
    ] {
        let error = read(&bytes, &options).unwrap_err();
        assert!(error.to_string().contains(what), "{error}");
        assert!(error.hint().is_some());
    }
}

#[test]
fn ids_without_a_label_are_none_and_zero_can_be_reduced() {
    let picture =
        png(3, png::ColorType::Grayscale, png::BitDepth::Eight, &[0, 1, 255, 2, 150, 0]);
    let options = LabelOptions { ignored: vec![255, 2], ..LabelOptions::default() };
    let none = ClassMap::NONE;
    assert_eq!(read(&picture, &options).unwrap().classes, [0, 1, none, none, 150, 0]);
    let options = LabelOptions { reduce_zero: true, ..options };
    assert_eq!(
        read(&picture, &options).unwrap().classes,
        [none, 0, none, none, 149, none]
    );
    let far = npy("<u4", "(1, 1)", &[0, 0, 1, 0]);
    let error = read(&far, &options).unwrap_err();
    assert!(error.to_string().contains("65536"), "{error}");
}

#[test]
fn other_files_are_refused_with_the_expected_format() {
    let picture = png(1, png::ColorType::Grayscale, png::BitDepth::Eight, &[0, 0]);
    for bytes in [&b"GIF89a"[..], &[], &picture[..40], b"\x93NUMPY\x01"] {
        let error = read(bytes, &LabelOptions::default()).unwrap_err();
        assert!(error.to_string().contains("not a label map"), "{error}");
        assert!(error.hint().unwrap().contains("expected"), "{error}");
    }
}
