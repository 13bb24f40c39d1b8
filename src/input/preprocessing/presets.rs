//! Presets: preprocessing by name, one row each.

use super::partial_config::PartialConfig;
use crate::input::settings::{Channels, Crop, Interpolation, Preset, Resize, Size};
use crate::input::settings::{CropRule, Pad, Resampler};

/// A preset.
struct Row {
    preset: Preset,
    scale: Scale,
    /// `None` for presets that set only the scale.
    sizes: Option<PresetSizes>,
}

/// Mean and standard deviation, for all channels or for each of red, green and blue.
enum Scale {
    EachChannel { mean: [f32; 3], std: [f32; 3] },
    AllChannels { mean: f32, std: f32 },
}

/// Shorter side before the crop, and side of the crop.
struct PresetSizes {
    short: usize,
    crop: Option<usize>,
}

/// The mean that torchvision's models were trained with.
pub(super) const IMAGENET_MEAN: [f64; 3] = [0.485, 0.456, 0.406];

/// The standard deviation that torchvision's models were trained with.
pub(super) const IMAGENET_STD: [f64; 3] = [0.229, 0.224, 0.225];

const IMAGENET: Scale = Scale::EachChannel {
    mean: single_precision(IMAGENET_MEAN),
    std: single_precision(IMAGENET_STD),
};

/// Converts numbers to single precision.
pub(super) const fn single_precision([a, b, c]: [f64; 3]) -> [f32; 3] {
    [a as f32, b as f32, c as f32]
}

/// Every preset. Sizes are those that most weights of torchvision use with `ImageClassification`
/// and `SemanticSegmentation`.
const PRESETS: &[Row] = &[
    Row { preset: Preset::Imagenet, scale: IMAGENET, sizes: None },
    Row {
        preset: Preset::Unit,
        scale: Scale::AllChannels { mean: 0.0, std: 1.0 },
        sizes: None,
    },
    Row {
        preset: Preset::Raw,
        scale: Scale::AllChannels { mean: 0.0, std: 1.0 / 255.0 },
        sizes: None,
    },
    Row {
        preset: Preset::TorchvisionClassification,
        scale: IMAGENET,
        sizes: Some(PresetSizes { short: 256, crop: Some(224) }),
    },
    Row {
        preset: Preset::TorchvisionSegmentation,
        scale: IMAGENET,
        sizes: Some(PresetSizes { short: 520, crop: None }),
    },
];

fn find(preset: Preset) -> Option<&'static Row> {
    PRESETS.iter().find(|row| row.preset == preset)
}

/// Applies the sizes of the configuration's preset to the keys that the configuration leaves out.
///
/// The scale depends on the channels, which one configuration does not know: see
/// [`mean_and_std`].
pub(super) fn apply(config: &mut PartialConfig) {
    let Some(preset) = config.preset else { return };
    let Some(sizes) = find(preset).and_then(|row| row.sizes.as_ref()) else { return };
    let square = |side| Crop::Center(Size { width: side, height: side });
    let of_preset = PartialConfig {
        resize: Some(Resize::Short(sizes.short)),
        crop: Some(sizes.crop.map_or(Crop::None, square)),
        interpolation: Some(Interpolation::Bilinear),
        antialias: Some(true),
        // `weights.transforms()` of an image that was opened with Pillow.
        resampler: Some(Resampler::Pillow),
        crop_rule: Some(CropRule::Torchvision),
        pad: Some(Pad::None),
        ..PartialConfig::default()
    };
    let mut provenance = config.provenance("preset");
    provenance.origin = format!("preset {preset} ({})", provenance.origin);
    config.fill_from(&of_preset, &provenance);
}

/// Returns mean and standard deviation of a preset for these channels. The error is a sentence.
pub(super) fn mean_and_std(
    preset: Preset,
    channels: Channels,
) -> Result<(Vec<f32>, Vec<f32>), String> {
    let scale = &find(preset).ok_or_else(|| format!("there is no {preset}"))?.scale;
    match (scale, channels) {
        (Scale::AllChannels { mean, std }, _) => Ok((vec![*mean], vec![*std])),
        (Scale::EachChannel { mean, std }, Channels::Rgb) => {
            Ok((mean.to_vec(), std.to_vec()))
        }
        (Scale::EachChannel { mean, std }, Channels::Bgr) => {
            let reversed = |numbers: &[f32; 3]| numbers.iter().rev().copied().collect();
            Ok((reversed(mean), reversed(std)))
        }
        (
            Scale::EachChannel { .. },
            Channels::Gray | Channels::Rgba | Channels::Bands(_),
        ) => Err(format!(
            "{preset} has a mean for red, green and blue; the input is {channels}"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_has_a_row() {
        for name in Preset::NAMES {
            let preset: Preset = name.parse().unwrap();
            assert!(mean_and_std(preset, Channels::Rgb).is_ok(), "{name}");
        }
    }

    #[test]
    fn the_mean_of_imagenet_follows_its_color() {
        let (rgb, _) = mean_and_std(Preset::Imagenet, Channels::Rgb).unwrap();
        let (bgr, _) = mean_and_std(Preset::Imagenet, Channels::Bgr).unwrap();
        assert_eq!((rgb[0], rgb[2]), (bgr[2], bgr[0]));
        let error = mean_and_std(Preset::Imagenet, Channels::Gray).unwrap_err();
        assert_eq!(
            error,
            "imagenet has a mean for red, green and blue; the input is gray"
        );
    }

    #[test]
    fn keys_of_the_same_layer_win_over_its_preset() {
        let mut config = PartialConfig::of_file("model.toml");
        config.preset = Some(Preset::TorchvisionClassification);
        config.resize = Some(Resize::Short(232));
        apply(&mut config);
        assert_eq!(config.resize, Some(Resize::Short(232)));
        assert_eq!(config.provenance("resize").origin, "model.toml");
        assert_eq!(config.crop, Some("224x224".parse().unwrap()));
        assert_eq!(
            config.provenance("crop").origin,
            "preset torchvision-classification (model.toml)"
        );
    }

    #[test]
    fn a_preset_of_the_scale_sets_no_sizes() {
        let mut config = PartialConfig::of_file("model.toml");
        config.preset = Some(Preset::Imagenet);
        apply(&mut config);
        assert!(config.resize.is_none() && config.crop.is_none() && config.pad.is_none());
    }
}
