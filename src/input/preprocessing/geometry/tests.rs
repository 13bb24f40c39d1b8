use proptest::prelude::*;

use super::*;

const PLAIN: Steps = Steps {
    resize: Resize::None,
    crop: Crop::None,
    crop_rule: CropRule::Torchvision,
    pad: Pad::None,
    pad_side: PadSide::End,
};

fn size(width: usize, height: usize) -> Size {
    Size { width, height }
}

#[test]
fn center_crops_round_as_their_library_does() {
    // Python: int(round(d / 2.0)) or int(d / 2.0), and (crop - image) // 2 when padding.
    for (image, torchvision, hugging_face, hugging_face_4) in [
        (257, 16, 16, 16),
        (259, 18, 17, 17),
        (224, 0, 0, 0),
        (221, -1, -1, -2),
        (1, -111, -111, -112),
    ] {
        let offset = |rule| crop_offset(image, 224, rule);
        assert_eq!(offset(CropRule::Torchvision), torchvision);
        assert_eq!(offset(CropRule::HuggingFace), hugging_face);
        assert_eq!(offset(CropRule::HuggingFace4), hugging_face_4);
    }
}

#[test]
fn corners_map_to_corners() {
    let image = size(100, 50);
    let resize = Resize::Exact(size(10, 20));
    let whole = Geometry::new(image, &Steps { resize, ..PLAIN }).unwrap();
    assert_eq!(whole.to_network(-0.5, -0.5), (-0.5, -0.5));
    assert_eq!(whole.to_network(99.5, 49.5), (9.5, 19.5));
    assert!(whole.covers_all());
    let crop = Crop::Center(size(6, 24));
    let part = Geometry::new(image, &Steps { resize, crop, ..PLAIN }).unwrap();
    assert_eq!(part.to_network(-0.5, -0.5), (-2.5, 1.5));
    assert!(!part.covers_all());
    assert_eq!(part.valid(), (2..22, 0..6));
}

#[test]
fn padding_is_no_part_of_the_image() {
    let letterbox = Steps {
        resize: Resize::Fit(size(64, 64)),
        pad: Pad::To(size(64, 64)),
        pad_side: PadSide::Center,
        ..PLAIN
    };
    let geometry = Geometry::new(size(200, 101), &letterbox).unwrap();
    assert_eq!(geometry.resized(), size(64, 32));
    assert_eq!(geometry.valid(), (16..48, 0..64));
    assert!(geometry.covers_all());
    let odd = Steps { pad: Pad::To(size(67, 64)), ..letterbox };
    let geometry = Geometry::new(size(200, 101), &odd).unwrap();
    assert_eq!((geometry.padding_left, geometry.left), (1, -1));
    let multiple = Steps { pad: Pad::Multiple(32), ..PLAIN };
    let geometry = Geometry::new(size(300, 200), &multiple).unwrap();
    assert_eq!(geometry.seen(), size(320, 224));
    assert_eq!(geometry.valid(), (0..200, 0..300));
}

#[test]
fn what_a_crop_cut_off_does_not_come_back_under_the_padding() {
    let crop = Crop::Center(size(10, 40));
    let steps = Steps { crop, pad: Pad::To(size(16, 48)), ..PLAIN };
    let geometry = Geometry::new(size(30, 30), &steps).unwrap();
    assert_eq!((geometry.left, geometry.top), (10, -5));
    assert_eq!(geometry.valid(), (5..35, 0..10));
    assert!(!geometry.covers_all());
}

#[test]
fn what_is_larger_than_the_size_to_pad_to_is_refused() {
    let steps = Steps { pad: Pad::To(size(64, 64)), ..PLAIN };
    assert_eq!(Geometry::new(size(65, 10), &steps), Err(size(65, 10)));
    assert!(Geometry::new(size(64, 10), &steps).is_ok());
}

fn any_steps() -> impl Strategy<Value = Steps> {
    let side = || 1_usize..600;
    (
        side(),
        prop_oneof![
            Just(Crop::None),
            (side(), side()).prop_map(|(w, h)| Crop::Center(size(w, h)))
        ],
        prop::sample::select(vec![
            CropRule::Torchvision,
            CropRule::HuggingFace,
            CropRule::HuggingFace4,
        ]),
        prop_oneof![
            Just(Pad::None),
            Just(Pad::Multiple(32)),
            (1_usize..9).prop_map(Pad::Multiple)
        ],
        prop::sample::select(vec![PadSide::End, PadSide::Center]),
    )
        .prop_map(|(short, crop, crop_rule, pad, pad_side)| Steps {
            resize: Resize::Short(short),
            crop,
            crop_rule,
            pad,
            pad_side,
        })
}

proptest! {
    #[test]
    fn the_middle_of_the_image_stays_in_the_middle_of_the_crop(
        width in 1_usize..3000, height in 1_usize..3000, steps in any_steps(),
    ) {
        let geometry = Geometry::new(size(width, height), &steps).unwrap();
        let (x, y) = geometry
            .to_network((width as f32 - 1.0) / 2.0, (height as f32 - 1.0) / 2.0);
        let middle = |padding: usize, cropped: usize| padding as f32 + (cropped as f32 - 1.0) / 2.0;
        prop_assert!((x - middle(geometry.padding_left, geometry.cropped_width)).abs() <= 1.01);
        prop_assert!((y - middle(geometry.padding_top, geometry.cropped_height)).abs() <= 1.01);
    }

    #[test]
    fn the_valid_part_lies_in_the_input_and_in_the_image(
        width in 1_usize..900, height in 1_usize..900, steps in any_steps(),
    ) {
        let geometry = Geometry::new(size(width, height), &steps).unwrap();
        let (rows, columns) = geometry.valid();
        prop_assert!(!rows.is_empty() && rows.end <= geometry.height);
        prop_assert!(!columns.is_empty() && columns.end <= geometry.width);
        let (left, top) = geometry.to_network(-0.5, -0.5);
        prop_assert!(left <= columns.start as f32 - 0.4 && top <= rows.start as f32 - 0.4);
        let (right, bottom) = geometry.to_network(width as f32 - 0.5, height as f32 - 0.5);
        prop_assert!(right >= columns.end as f32 - 0.6 && bottom >= rows.end as f32 - 0.6);
    }
}
