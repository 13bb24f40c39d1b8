use std::io::Read as _;

use super::*;

fn sheet() -> Sheet {
    let picture = RgbPicture { width: 2, height: 1, rgb: vec![255, 0, 0, 0, 0, 255] };
    let text = Text {
        content: "a & b (é)".to_owned(),
        x: 1.0,
        y: 9.0,
        size: 3.0,
        anchor: Anchor::Start,
        direction: Direction::Right,
        color: [0; 3],
    };
    let turned =
        Text { content: "東".to_owned(), direction: Direction::Up, ..text.clone() };
    let area = Area { left: 0.0, top: 0.0, width: 10.0, height: 5.0 };
    Sheet {
        width: 20.0,
        height: 10.0,
        title: "t".to_owned(),
        description: "d".to_owned(),
        elements: vec![
            Element::Picture { area, picture, description: "p".to_owned() },
            Element::Fill { area: Area { left: 10.0, ..area }, color: [0, 128, 0] },
            Element::Text(text),
            Element::Text(turned),
        ],
    }
}

#[test]
fn a_picture_that_is_enlarged_keeps_its_pixels_and_one_that_is_shrunk_their_mean() {
    let picture = RgbPicture { width: 2, height: 1, rgb: vec![10, 20, 30, 50, 60, 70] };
    let large = picture.resized(picture.region(), (4, 2));
    let line = [[10, 20, 30], [10, 20, 30], [50, 60, 70], [50, 60, 70]].concat();
    assert_eq!(large.rgb, [line.clone(), line].concat());
    let small = picture.resized(picture.region(), (1, 1));
    assert_eq!(small.rgb, [30, 40, 50]);
    // The middle pixel of three covers one half of each.
    let three = picture.resized(picture.region(), (3, 1));
    assert_eq!(three.rgb, [10, 20, 30, 30, 40, 50, 50, 60, 70]);
    let region = PictureRegion { left: 1.0, top: 0.0, width: 1.0, height: 1.0 };
    assert_eq!(picture.resized(region, (1, 1)).rgb, [50, 60, 70]);
}

#[test]
fn a_png_has_the_size_of_the_print_and_states_it() {
    let bytes = (SHEET_FORMATS[0].encode)(&sheet(), 254.0).unwrap();
    let reader = ::png::Decoder::new(io::Cursor::new(&bytes)).read_info().unwrap();
    let dims = reader.info().pixel_dims.unwrap();
    assert_eq!((dims.xppu, dims.yppu), (10_000, 10_000));
    let shown = image::load_from_memory(&bytes).unwrap().to_rgb8();
    assert_eq!(shown.dimensions(), (200, 100));
    assert_eq!(shown.get_pixel(49, 49).0, [255, 0, 0]);
    assert_eq!(shown.get_pixel(50, 49).0, [0, 0, 255]);
    assert_eq!(shown.get_pixel(100, 0).0, [0, 128, 0]);
    assert_eq!(shown.get_pixel(199, 99).0, [255; 3]);
    let huge = (SHEET_FORMATS[0].encode)(&sheet(), 1e6).unwrap_err();
    assert!(huge.to_string().contains("at most 200 million pixels"), "{huge}");
}

#[test]
fn text_of_an_svg_is_text_and_its_font_is_in_the_file() {
    let bytes = svg::encode(&sheet()).unwrap();
    let text = String::from_utf8(bytes).unwrap();
    assert!(text.contains(">a &amp; b (é)</text>"), "{text}");
    assert!(text.contains(">東</text>") && text.contains("rotate(-90 1 9)"), "{text}");
    assert!(text.contains("width=\"20mm\"") && text.contains("@font-face"));
    assert!(!text.contains("<path"), "letters are not outlines");
}

#[test]
fn every_offset_of_a_pdf_leads_to_its_object_and_text_is_text() {
    let bytes = pdf::encode(&sheet()).unwrap();
    let find = |bytes: &[u8], wanted: &[u8]| {
        bytes.windows(wanted.len()).rposition(|window| window == wanted).unwrap()
    };
    let start = find(&bytes, b"startxref\n") + 10;
    let start: usize =
        str::from_utf8(&bytes[start..]).unwrap().lines().next().unwrap().parse().unwrap();
    let table = str::from_utf8(&bytes[start..]).unwrap();
    let entries = table.lines().skip(3).take_while(|line| line.ends_with(" n "));
    let offsets: Vec<usize> = entries.map(|line| line[..10].parse().unwrap()).collect();
    assert_eq!(offsets.len(), 9);
    for (object, offset) in (1..).zip(offsets) {
        assert!(bytes[offset..].starts_with(format!("{object} 0 obj").as_bytes()));
    }
    let content = find(&bytes, b"4 0 obj");
    let stream = content + find(&bytes[content..content + 120], b"stream\n") + 7;
    let mut text = String::new();
    flate2::read::ZlibDecoder::new(&bytes[stream..]).read_to_string(&mut text).unwrap();
    assert!(text.contains(r"(a & b \(\351\)) Tj"), "{text}");
    assert!(text.contains("(?) Tj") && text.contains("/P0 Do"), "{text}");
}

#[test]
fn formats_are_found_by_the_ending_of_a_name() {
    let extension = |name: &str| Some(SheetFormat::of_file(name.as_ref())?.extension);
    assert_eq!(extension("a/b.PDF"), Some("pdf"));
    assert_eq!(extension("b.svg"), Some("svg"));
    assert_eq!(extension("b.jpg"), None);
    assert_eq!(extension("png"), None);
}
