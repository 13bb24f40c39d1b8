//! Tests the network's input that preprocessing makes, and what it refuses.

#![allow(clippy::float_cmp, reason = "the same bits are what is promised")]

mod configurations;
mod limits;
mod other_libraries;
mod refusals;
mod sidecar_document;
mod sources;
mod surroundings;
mod torchvision;

use std::path::PathBuf;

use proptest::prelude::*;

use super::*;
use crate::input::picture::{Picture, Values};
use crate::input::{MAX_PIXELS, ReadOptions, read_image};

const RGB_ANY: ModelInput =
    ModelInput { layout: Layout::Nchw, channels: 3, height: None, width: None };

fn fixtures() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/preprocessing")
}

fn image(name: &str) -> Picture {
    read_image(&fixtures().join(name), &ReadOptions::default()).unwrap().picture
}

fn bytes(picture: &Picture) -> &[u8] {
    let Values::U8(values) = &picture.values else { panic!("8-bit values") };
    values
}

fn with_preset(preset: Preset) -> Options {
    Options { preset: Some(preset), ..Options::default() }
}

fn resolve(input: &ModelInput, options: &Options) -> Result<Preprocessing> {
    Preprocessing::resolve(Path::new("no-such-folder/model.onnx"), input, options)
}

fn setting<'a>(settled: &'a Preprocessing, key: &str) -> (&'a str, &'a str) {
    let setting = settled.settings().iter().find(|setting| setting.key == key).unwrap();
    (&setting.value, &setting.origin)
}

#[test]
fn presets_span_the_ranges_they_name() {
    let image = Picture::rgb(2, 1, vec![0, 128, 255, 255, 0, 7]);
    let values = |preset| {
        resolve(&RGB_ANY, &with_preset(preset)).unwrap().apply(&image).unwrap().values
    };
    assert_eq!(values(Preset::Raw), [0.0, 255.0, 128.0, 0.0, 255.0, 7.0]);
    assert_eq!(values(Preset::Unit)[..3], [0.0, 1.0, 128.0 / 255.0]);
    assert_eq!(values(Preset::Imagenet)[0], -0.485 / 0.229);
}

#[test]
fn a_fixed_size_without_settings_means_stretching_to_it() {
    let input = ModelInput { height: Some(16), width: Some(24), ..RGB_ANY };
    let settled = resolve(&input, &with_preset(Preset::Unit)).unwrap();
    assert_eq!(setting(&settled, "resize"), ("24x16", "the model's input"));
    let made = settled.apply(&image("rgb.png")).unwrap();
    assert_eq!((made.width, made.height, made.values.len()), (24, 16, 24 * 16 * 3));
    assert!(made.geometry.covers_all());
}

#[test]
fn what_contradicts_the_models_input_names_both() {
    let input = ModelInput { height: Some(224), width: Some(224), ..RGB_ANY };
    let error = |resize: Option<&str>, crop: Option<&str>| {
        let options = Options {
            resize: resize.map(|resize| resize.parse().unwrap()),
            crop: crop.map(|crop| crop.parse().unwrap()),
            ..with_preset(Preset::Unit)
        };
        resolve(&input, &options).unwrap_err().to_string()
    };
    let fixed = "but the model's input is fixed at 224x224";
    assert_eq!(error(Some("256x256"), None), format!("resize: gives 256x256, {fixed}"));
    assert_eq!(error(None, Some("64x32")), format!("crop: gives 64x32, {fixed}"));
    assert_eq!(
        error(Some("short:256"), None),
        format!("resize: short:256 leaves the longer side to the image, {fixed}")
    );
    let options = Options { resize: Some(Resize::None), ..with_preset(Preset::Unit) };
    let settled = resolve(&input, &options).unwrap();
    assert_eq!(
        settled.apply(&image("rgb.png")).unwrap_err().to_string(),
        "the model's input: takes 224x224, the image comes out at 61x47"
    );
    let width = ModelInput { height: None, ..input };
    let settled = resolve(&width, &with_preset(Preset::Unit)).unwrap();
    assert_eq!(
        settled.apply(&image("rgb.png")).unwrap_err().to_string(),
        "the model's input: takes a width of 224, the image comes out at 61x47"
    );
}

#[test]
fn channels_have_to_be_as_many_as_the_model_takes() {
    let error = |count, channels| {
        let input = ModelInput { channels: count, ..RGB_ANY };
        let options = Options { channels, ..with_preset(Preset::Unit) };
        let error = resolve(&input, &options).unwrap_err();
        format!("{error}; {}", error.hint().unwrap())
    };
    assert_eq!(
        error(2, Some(Channels::Rgb)),
        "channels: rgb has 3 channels, but the model's input has 2; use `channels = bands:2`"
    );
    assert_eq!(
        error(3, Some(Channels::Gray)),
        "channels: gray has 1 channel, but the model's input has 3; use `channels = rgb` or bgr"
    );
    let thirteen = ModelInput { channels: 13, ..RGB_ANY };
    let settled = resolve(&thirteen, &with_preset(Preset::Unit)).unwrap();
    assert_eq!(setting(&settled, "channels"), ("bands:13", "the model's input"));
    let one = ModelInput { channels: 1, ..RGB_ANY };
    let settled = resolve(&one, &with_preset(Preset::Raw)).unwrap();
    assert_eq!(setting(&settled, "channels"), ("gray", "the model's input"));
    let gray = image("gray.png");
    let expected: Vec<f32> =
        bytes(&gray).iter().step_by(3).map(|value| f32::from(*value)).collect();
    assert_eq!(settled.apply(&gray).unwrap().values, expected);
}

#[test]
fn an_image_too_long_to_resize_is_an_error() {
    let options =
        Options { resize: Some(Resize::Short(60_000)), ..with_preset(Preset::Unit) };
    let settled = resolve(&RGB_ANY, &options).unwrap();
    let error = settled.apply(&Picture::rgb(1, 4, vec![0; 12])).unwrap_err().to_string();
    assert_eq!(error, "resize: 1x4 to 60000x240000 takes more than 200000000 pixels");
    assert!(settled.apply(&Picture::rgb(0, 0, vec![])).is_err());
}

fn any_frame() -> impl Strategy<Value = Options> {
    let interpolation = prop::sample::select(vec![
        Interpolation::Nearest,
        Interpolation::Bilinear,
        Interpolation::Bicubic,
    ]);
    let resize = prop_oneof![
        Just(Resize::None),
        (1_usize..90, 1_usize..90)
            .prop_map(|(width, height)| Resize::Exact(Size { width, height })),
        (1_usize..40).prop_map(Resize::Short),
    ];
    let crop = prop_oneof![
        Just(Crop::None),
        (1_usize..90, 1_usize..90)
            .prop_map(|(width, height)| Crop::Center(Size { width, height })),
    ];
    (interpolation, resize, crop, any::<bool>()).prop_map(
        |(interpolation, resize, crop, antialias)| Options {
            interpolation: Some(interpolation),
            resize: Some(resize),
            crop: Some(crop),
            antialias: Some(antialias),
            ..with_preset(Preset::Raw)
        },
    )
}

proptest! {
    #[test]
    fn images_of_one_color_keep_it_at_every_size(
        options in any_frame(),
        (width, height) in prop_oneof![(1_usize..40, 1_usize..40), (Just(1), 1_usize..300), (1_usize..300, Just(1))],
        color in any::<[u8; 3]>(),
    ) {
        let image = Picture::rgb(width, height, color.repeat(width * height));
        let made = resolve(&RGB_ANY, &options).unwrap().apply(&image).unwrap();
        prop_assert_eq!(made.values.len(), 3 * made.width * made.height);
        let geometry = made.geometry;
        for (channel, plane) in made.values.chunks_exact(made.width * made.height).enumerate() {
            for (i, value) in plane.iter().enumerate() {
                let x = (i % made.width) .cast_signed() + geometry.left;
                let y = (i / made.width) .cast_signed() + geometry.top;
                let inside = (0..geometry.resized_width.cast_signed()).contains(&x)
                    && (0..geometry.resized_height.cast_signed()).contains(&y);
                let expected = if inside { f32::from(color[channel]) } else { 0.0 };
                prop_assert_eq!(*value, expected);
            }
        }
    }
}
