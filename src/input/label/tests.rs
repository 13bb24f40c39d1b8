use std::fs;

use super::*;

fn read(bytes: &[u8], colors: Option<&LabelColors>) -> Result<LabelMap> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("label");
    fs::write(&path, bytes).unwrap();
    read_label_map(&path, colors)
}

fn png(
    width: u32,
    color: ::png::ColorType,
    depth: ::png::BitDepth,
    data: &[u8],
) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = ::png::Encoder::new(&mut bytes, width, 2);
    encoder.set_color(color);
    encoder.set_depth(depth);
    if color == ::png::ColorType::Indexed {
        encoder.set_palette((0..=255).flat_map(|i| [i, 0, 7]).collect::<Vec<u8>>());
    }
    encoder.write_header().unwrap().write_image_data(data).unwrap();
    bytes
}

#[test]
fn indices_and_gray_levels_of_every_depth_are_ids() {
    use ::png::{BitDepth, ColorType};
    for color in [ColorType::Indexed, ColorType::Grayscale] {
        let read = |depth, data: &[u8]| read(&png(3, color, depth, data), None).unwrap();
        let map = read(BitDepth::Eight, &[0, 18, 254, 3, 4, 5]);
        assert_eq!((map.height, map.width), (2, 3));
        assert_eq!(map.ids, [0, 18, 254, 3, 4, 5]);
        assert_eq!(
            read(BitDepth::Four, &[0x1f, 0x20, 0x34, 0x50]).ids,
            [1, 15, 2, 3, 4, 5]
        );
        assert_eq!(
            read(BitDepth::Two, &[0b0001_1000, 0b1100_0100]).ids,
            [0, 1, 2, 3, 0, 1]
        );
        assert_eq!(
            read(BitDepth::One, &[0b1010_0000, 0b0110_0000]).ids,
            [1, 0, 1, 0, 1, 1]
        );
    }
    let wide = png(1, ColorType::Grayscale, BitDepth::Sixteen, &[1, 2, 0, 3]);
    assert_eq!(read(&wide, None).unwrap().ids, [258, 3]);
}

#[test]
fn colors_need_a_palette_unless_they_are_gray() {
    let picture =
        png(1, ::png::ColorType::Rgb, ::png::BitDepth::Eight, &[1, 2, 3, 4, 5, 6]);
    let error = read(&picture, None).unwrap_err();
    assert!(error.hint().unwrap().contains("`label_colors = NAME|FILE`"), "{error}");
    assert!(error.to_string().contains("#010203, #040506"), "{error}");
    let mut colors = LabelColors::from([([1, 2, 3], 7)]);
    let error = read(&picture, Some(&colors)).unwrap_err();
    assert!(error.to_string().contains("#040506 at column 0, row 1"), "{error}");
    colors.insert([4, 5, 6], VOID);
    assert_eq!(read(&picture, Some(&colors)).unwrap().ids, [7, VOID]);
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
            assert_eq!(read(&npy(kind, shape, &data), None).unwrap().ids, [1, 2, 3, 4]);
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
        let error = read(&bytes, None).unwrap_err();
        assert!(error.to_string().contains(what), "{error}");
        assert!(error.hint().is_some());
    }
}

#[test]
fn other_files_are_refused_with_the_expected_format() {
    let picture = png(1, ::png::ColorType::Grayscale, ::png::BitDepth::Eight, &[0, 0]);
    for bytes in [&b"GIF89a"[..], &[], &picture[..40], b"\x93NUMPY\x01"] {
        let error = read(bytes, None).unwrap_err();
        assert!(error.to_string().contains("not a label map"), "{error}");
        assert!(error.hint().unwrap().contains("expected"), "{error}");
    }
}

#[test]
fn given_colors_apply_to_gray_levels_and_to_indices() {
    use ::png::{BitDepth, ColorType};
    let colors =
        LabelColors::from([([0; 3], 4), ([255; 3], 5), ([85; 3], 6), ([1, 0, 7], 8)]);
    let ids = |bytes: &[u8]| read(bytes, Some(&colors)).unwrap().ids;
    assert_eq!(ids(&png(1, ColorType::Grayscale, BitDepth::Eight, &[0, 255])), [4, 5]);
    assert_eq!(ids(&png(1, ColorType::Grayscale, BitDepth::One, &[0, 128])), [4, 5]);
    assert_eq!(ids(&png(1, ColorType::Grayscale, BitDepth::Two, &[64, 192])), [6, 5]);
    assert_eq!(ids(&png(1, ColorType::Indexed, BitDepth::Eight, &[1, 1])), [8, 8]);
    let wide = png(1, ColorType::Grayscale, BitDepth::Sixteen, &[1, 2, 0, 3]);
    assert!(read(&wide, Some(&colors)).unwrap_err().to_string().contains("8 bits"));
    let array = npy("|u1", "(1, 1)", &[0]);
    assert!(read(&array, Some(&colors)).unwrap_err().to_string().contains("not colors"));
}
