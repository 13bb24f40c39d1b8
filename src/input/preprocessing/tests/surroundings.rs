//! Tests the values that crop and padding add, and floating-point images.

use super::*;
use crate::input::preprocessing::partial_config::{ConfigStack, PartialConfig};

const GRAY: ModelInput = ModelInput { channels: 1, ..RGB_ANY };

/// Resolves raw values with the settings of one source.
fn settled(layer: PartialConfig, input: &ModelInput) -> Result<Preprocessing> {
    let mut settled = resolve(input, &with_preset(Preset::Raw))?;
    settled.spatial =
        SpatialTransform::resolve(&ConfigStack(vec![layer]), input, MAX_PIXELS)?;
    Ok(settled)
}

fn size(width: usize, height: usize) -> Size {
    Size { width, height }
}

fn gray(width: usize, height: usize, values: &[u8]) -> Picture {
    let values = Values::U8(values.to_vec());
    Picture { width, height, bands: 1, values }
}

fn floats(width: usize, bands: usize, values: &[f32]) -> Picture {
    let values = Values::F32(values.to_vec());
    Picture { width, height: 1, bands, values }
}

#[test]
fn padding_is_zero_a_color_or_the_image_reflected() {
    let image = gray(3, 2, &[1, 2, 3, 4, 5, 6]);
    let padded = |fill, pad_side| {
        let layer = PartialConfig {
            pad: Some(Pad::To(size(5, 4))),
            pad_side: Some(pad_side),
            fill: Some(fill),
            ..PartialConfig::default()
        };
        let mut settled = settled(layer, &GRAY).unwrap();
        // Black is 9 in the network's input, so that it differs from zero.
        settled.scaling = Scaling::new(&[-9.0 / 255.0], &[1.0 / 255.0]);
        let made = settled.apply(&image).unwrap();
        assert_eq!((made.width, made.height), (5, 4));
        made.values.into_iter().map(|value| value.round() as i32 - 9).collect::<Vec<_>>()
    };
    assert_eq!(
        padded(Fill::Zero, PadSide::End),
        [1, 2, 3, -9, -9, 4, 5, 6, -9, -9, -9, -9, -9, -9, -9, -9, -9, -9, -9, -9]
    );
    assert_eq!(
        padded(Fill::Color([7; 3]), PadSide::Center),
        [7, 7, 7, 7, 7, 7, 1, 2, 3, 7, 7, 4, 5, 6, 7, 7, 7, 7, 7, 7]
    );
    // Three columns can be reflected by two; two rows cannot.
    assert_eq!(
        padded(Fill::Reflect, PadSide::End),
        [1, 2, 3, 2, 1, 4, 5, 6, 5, 4, 4, 5, 6, 5, 4, 4, 5, 6, 5, 4]
    );
}

#[test]
fn pixels_beyond_the_image_in_a_crop_have_the_color_or_are_black() {
    let image = Picture::rgb(1, 1, vec![10, 20, 30]);
    let cropped = |fill, channels| {
        let layer = PartialConfig {
            crop: Some(Crop::Center(size(3, 1))),
            fill: Some(fill),
            ..PartialConfig::default()
        };
        let mut settled = settled(layer, &RGB_ANY).unwrap();
        settled.channels = channels;
        settled.apply(&image).unwrap().values
    };
    let color = Fill::Color([1, 2, 3]);
    assert_eq!(
        cropped(color, Channels::Rgb),
        [1.0, 10.0, 1.0, 2.0, 20.0, 2.0, 3.0, 30.0, 3.0]
    );
    assert_eq!(cropped(color, Channels::Bgr)[..3], [3.0, 30.0, 3.0]);
    for fill in [Fill::Zero, Fill::Reflect] {
        assert_eq!(cropped(fill, Channels::Rgb)[..3], [0.0, 10.0, 0.0]);
    }
}

#[test]
fn the_flag_for_padding_reflects_at_the_right_and_the_bottom() {
    let options = Options { pad_to_multiple: Some(4), ..with_preset(Preset::Raw) };
    let settled = resolve(&GRAY, &options).unwrap();
    assert_eq!(setting(&settled, "pad"), ("multiple:4", "`pad_to_multiple`"));
    let made = settled.apply(&gray(5, 1, &[1, 2, 3, 4, 5])).unwrap();
    assert_eq!((made.width, made.height), (8, 4));
    assert_eq!(made.values[..8], [1.0, 2.0, 3.0, 4.0, 5.0, 4.0, 3.0, 2.0]);
    assert_eq!(made.geometry.valid(), (0..1, 0..5));
}

#[test]
fn a_multiple_that_no_side_can_have_is_refused() {
    for multiple in [0, 65_536, 1 << 32, usize::MAX] {
        let options =
            Options { pad_to_multiple: Some(multiple), ..with_preset(Preset::Raw) };
        let error = resolve(&GRAY, &options).unwrap_err();
        let expected = format!("pad_to_multiple: {multiple} is not between 1 and 65535");
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn what_the_model_fixes_can_be_met_by_padding() {
    let input = ModelInput { height: Some(64), width: Some(64), ..GRAY };
    let refused = |layer| settled(layer, &input).unwrap_err().to_string();
    let letterbox = PartialConfig {
        resize: Some(Resize::Fit(size(64, 64))),
        pad: Some(Pad::To(size(64, 64))),
        ..PartialConfig::default()
    };
    let settled_letterbox = settled(letterbox.clone(), &input).unwrap();
    let made = settled_letterbox.apply(&gray(4, 2, &[9; 8])).unwrap();
    assert_eq!((made.width, made.height), (64, 64));
    assert_eq!(made.geometry.valid(), (0..32, 0..64));

    let open = PartialConfig { pad: None, ..letterbox.clone() };
    assert_eq!(
        refused(open),
        "resize: fit:64x64 leaves a side to the image, but the model's input is fixed at 64x64"
    );
    let other = PartialConfig { pad: Some(Pad::To(size(96, 64))), ..letterbox.clone() };
    assert_eq!(
        refused(other),
        "pad: gives 96x64, but the model's input is fixed at 64x64"
    );
    let multiple =
        PartialConfig { pad: Some(Pad::Multiple(48)), ..PartialConfig::default() };
    assert_eq!(
        refused(multiple),
        "pad: gives 96x96, but the model's input is fixed at 64x64"
    );
    let larger = PartialConfig { resize: Some(Resize::Exact(size(65, 10))), ..letterbox };
    assert_eq!(refused(larger), "resize: 65x10 cannot be padded to 64x64");
    let alone =
        PartialConfig { pad: Some(Pad::To(size(64, 64))), ..PartialConfig::default() };
    let error =
        settled(alone, &input).unwrap().apply(&gray(65, 1, &[0; 65])).unwrap_err();
    assert!(error.to_string().contains("the image comes out at 65x1, larger than 64x64"));
}

#[test]
fn what_a_library_does_not_do_is_refused_by_name() {
    let refused = |resampler, interpolation, antialias| {
        let layer = PartialConfig {
            resampler: Some(resampler),
            interpolation: Some(interpolation),
            antialias,
            ..PartialConfig::default()
        };
        let error = settled(layer, &RGB_ANY).unwrap_err();
        assert!(error.hint().is_some());
        error.to_string()
    };
    assert_eq!(
        refused(Resampler::Torchvision, Interpolation::Hamming, None),
        "interpolation: torchvision has no interpolation \"hamming\""
    );
    assert_eq!(
        refused(Resampler::Opencv, Interpolation::Lanczos, None),
        "interpolation: lanczos with the resampler opencv is not supported"
    );
    assert_eq!(
        refused(Resampler::Pillow, Interpolation::Bilinear, Some(false)),
        "antialias: bilinear with the resampler pillow always antialiases"
    );
}

#[test]
fn values_of_a_floating_point_file_are_taken_as_they_are() {
    let raw = resolve(&RGB_ANY, &with_preset(Preset::Raw)).unwrap();
    let image = floats(2, 3, &[-1.5, 0.25, 7000.0, 0.0, 1.0, 2.0]);
    assert_eq!(raw.apply(&image).unwrap().values, [-1.5, 0.0, 0.25, 1.0, 7000.0, 2.0]);
    let one_band = floats(2, 1, &[0.5, 3.0]);
    assert_eq!(raw.apply(&one_band).unwrap().values, [0.5, 3.0, 0.5, 3.0, 0.5, 3.0]);
    let gray = resolve(&GRAY, &with_preset(Preset::Raw)).unwrap();
    assert_eq!(gray.apply(&one_band).unwrap().values, [0.5, 3.0]);
    let luma = gray.apply(&floats(1, 3, &[1.0, 0.0, 0.0])).unwrap().values[0];
    assert!((luma - 0.299).abs() < 1e-3);

    let options =
        Options { mean: Some(vec![0.5]), std: Some(vec![2.0]), ..Options::default() };
    let scaled = resolve(&GRAY, &options).unwrap();
    assert_eq!(scaled.apply(&one_band).unwrap().values, [0.0, 1.25]);
}

#[test]
fn a_mean_beyond_0_to_1_suits_only_floating_point_images() {
    let scaled = |mean, std| {
        let options = Options {
            mean: Some(vec![mean]),
            std: Some(vec![std]),
            ..Options::default()
        };
        resolve(&GRAY, &options).unwrap()
    };
    let reflectance = scaled(1500.0, 700.0);
    let image = floats(2, 1, &[1500.0, 2900.0]);
    assert_eq!(reflectance.apply(&image).unwrap().values, [0.0, 2.0]);
    for (mean, std, message) in [
        (123.675, 1.0, "mean: 123.675 is not the mean of values in 0..1"),
        (-3.0, 1.0, "mean: -3 is not the mean of values in 0..1"),
        (0.0, 58.4, "std: 58.4 is not the standard deviation of values in 0..1"),
    ] {
        let error = scaled(mean, std).apply(&gray(1, 1, &[7])).unwrap_err();
        assert_eq!(error.to_string(), message);
        assert!(error.hint().unwrap().contains("divided by 255"));
    }
    assert!(scaled(-2.0, 10.0).apply(&gray(1, 1, &[7])).is_ok());
}

#[test]
fn presets_for_0_to_1_refuse_floats_beyond() {
    for preset in [Preset::Unit, Preset::Imagenet] {
        let settled = resolve(&RGB_ANY, &with_preset(preset)).unwrap();
        assert!(settled.apply(&floats(1, 3, &[-0.0005, 0.5, 1.0005])).is_ok());
        let error = settled.apply(&floats(1, 3, &[0.0, 0.5, 3.7])).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "image: holds 3.7 in floating point, but {preset} is for values from 0 to 1"
            )
        );
        assert!(error.hint().unwrap().contains("`preset = raw`"));
    }
    let raw = resolve(&RGB_ANY, &with_preset(Preset::Raw)).unwrap();
    assert!(raw.apply(&floats(1, 3, &[0.0, f32::NAN, 0.0])).is_err());
}

#[test]
fn floats_that_would_not_stay_finite_are_refused() {
    let settled = |interpolation| {
        let layer = PartialConfig {
            resize: Some(Resize::Exact(size(8, 1))),
            interpolation: Some(interpolation),
            ..PartialConfig::default()
        };
        let mut settled = settled(layer, &GRAY).unwrap();
        settled.scaling = Scaling::new(&[0.0], &[0.1]);
        settled
    };
    let nearest = settled(Interpolation::Nearest);
    assert!(nearest.apply(&floats(2, 1, &[1e37, -1e37])).is_ok());
    let error = nearest.apply(&floats(2, 1, &[1e38, 0.0])).unwrap_err();
    assert!(error.to_string().contains("too large"), "{error}");
    assert!(error.hint().is_some());
    // Cubic filters exceed the values at an edge.
    let edge = floats(2, 1, &[3.3e37, 0.0]);
    assert!(nearest.apply(&edge).is_ok());
    assert!(settled(Interpolation::Bicubic).apply(&edge).is_err());
}

#[test]
fn a_model_of_four_channels_takes_only_pictures_of_four_bands() {
    let four = ModelInput { channels: 4, ..RGB_ANY };
    let settled = resolve(&four, &with_preset(Preset::Raw)).unwrap();
    assert_eq!(setting(&settled, "channels"), ("rgba", "the model's input"));
    assert_eq!(settled.read_options().channels, Channels::Rgba);
    let image = Picture { bands: 4, ..gray(1, 1, &[1, 2, 3, 4]) };
    assert_eq!(settled.apply(&image).unwrap().values, [1.0, 2.0, 3.0, 4.0]);
    let error = settled.apply(&Picture::rgb(1, 1, vec![0; 3])).unwrap_err().to_string();
    assert_eq!(error, "image: has 3 bands, but the model takes 4 (rgba)");
    let broken = Picture { bands: 4, ..gray(1, 1, &[1, 2, 3]) };
    assert!(settled.apply(&broken).is_err());
}

#[test]
fn limits_and_orientation_reach_the_reader_of_images() {
    let options = Options {
        max_pixels: Some(50),
        exif: Some(Exif::Ignore),
        resize: Some(Resize::Short(10)),
        ..with_preset(Preset::Raw)
    };
    let settled = resolve(&GRAY, &options).unwrap();
    let expected = ReadOptions {
        max_pixels: 50,
        exif: Exif::Ignore,
        channels: Channels::Gray,
        ..ReadOptions::default()
    };
    assert_eq!(settled.read_options(), &expected);
    let error = settled.apply(&gray(1, 1, &[0])).unwrap_err();
    assert_eq!(error.to_string(), "resize: 1x1 to 10x10 takes more than 50 pixels");
    assert!(error.hint().unwrap().contains("`max_pixels`"));
}

#[test]
fn floating_arithmetic_rounds_nothing_between_resizing_and_normalizing() {
    let layer = PartialConfig {
        resampler: Some(Resampler::Float),
        resize: Some(Resize::Exact(size(4, 1))),
        ..PartialConfig::default()
    };
    let settled = settled(layer, &GRAY).unwrap();
    let made = settled.apply(&gray(2, 1, &[0, 255])).unwrap();
    for (found, expected) in made.values.iter().zip([0.0, 63.75, 191.25, 255.0]) {
        assert!((found - expected).abs() < 1e-3, "{found}");
    }
}
