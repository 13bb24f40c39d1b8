//! Preprocessing by name: one row a preset.

use super::partial_config::PartialConfig;
use crate::input::settings::{Channels, Crop, Interpolation, Preset, Resize, Size};
use crate::input::settings::{CropRule, Pad, Resampler};

/// What a preset says.
struct Row {
    preset: Preset,
    scale: Scale,
    /// `None` for presets that are about the scale alone.
    sizes: Option<PresetSizes>,
}

/// Mean and standard deviation, of red, green and blue where they differ.
enum Scale {
    EachChannel { mean: [f32; 3], std: [f32; 3] },
    AllChannels { mean: f32, std: f32 },
}

/// Size before the crop, and the crop.
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

/// Numbers as networks take them.
pub(super) const fn single_precision([a, b, c]: [f64; 3]) -> [f32; 3] {
    [a as f32, b as f32, c as f32]
}

/// The sizes are those of torchvision's `ImageClassification` and `SemanticSegmentation` as
/// its weights use them most.
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

fn row(preset: Preset) -> Option<&'static Row> {
    PRESETS.iter().find(|row| row.preset == preset)
}

/// Writes what the layer's preset says about the frame into the keys that the layer leaves
/// out. The scale depends on the channels, which no layer knows alone: see
/// [`mean_and_std`].
pub(super) fn spell_out(layer: &mut PartialConfig) {
    let Some(preset) = layer.preset else { return };
    let Some(sizes) = row(preset).and_then(|row| row.sizes.as_ref()) else { return };
    let source = layer.source("preset");
    let origin = format!("preset {preset} ({})", source.origin);
    let mut said = Vec::new();
    let mut fill_in = |key, is_unsaid: bool| {
        if is_unsaid {
            said.push(key);
        }
        is_unsaid
    };
    if fill_in("resize", layer.resize.is_none()) {
        layer.resize = Some(Resize::Short(sizes.short));
    }
    if fill_in("crop", layer.crop.is_none()) {
        let square = |side| Crop::Center(Size { width: side, height: side });
        layer.crop = Some(sizes.crop.map_or(Crop::None, square));
    }
    if fill_in("interpolation", layer.interpolation.is_none()) {
        layer.interpolation = Some(Interpolation::Bilinear);
    }
    if fill_in("antialias", layer.antialias.is_none()) {
        layer.antialias = Some(true);
    }
    if fill_in("resampler", layer.resampler.is_none()) {
        // `weights.transforms()` of an image that was opened with Pillow.
        layer.resampler = Some(Resampler::Pillow);
    }
    if fill_in("crop_rule", layer.crop_rule.is_none()) {
        layer.crop_rule = Some(CropRule::Torchvision);
    }
    if fill_in("pad", layer.pad.is_none()) {
        layer.pad = Some(Pad::None);
    }
    for key in said {
        layer.comes_from(key, origin.clone(), source.place.clone());
    }
}

/// Mean and standard deviation of a preset for these channels; the error is a sentence.
pub(super) fn mean_and_std(
    preset: Preset,
    channels: Channels,
) -> Result<(Vec<f32>, Vec<f32>), String> {
    let scale = &row(preset).ok_or_else(|| format!("there is no {preset}"))?.scale;
    match (scale, channels) {
        (Scale::AllChannels { mean, std }, _) => Ok((vec![*mean], vec![*std])),
        (Scale::EachChannel { mean, std }, Channels::Rgb) => {
            Ok((mean.to_vec(), std.to_vec()))
        }
        (Scale::EachChannel { mean, std }, Channels::Bgr) => {
            let reversed = |numbers: &[f32; 3]| numbers.iter().rev().copied().collect();
            Ok((reversed(mean), reversed(std)))
        }
        (Scale::EachChannel { .. }, Channels::Gray | Channels::Rgba) => Err(format!(
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
        let mut layer = PartialConfig::of_file("model.toml");
        layer.preset = Some(Preset::TorchvisionClassification);
        layer.resize = Some(Resize::Short(232));
        spell_out(&mut layer);
        assert_eq!(layer.resize, Some(Resize::Short(232)));
        assert_eq!(layer.source("resize").origin, "model.toml");
        assert_eq!(layer.crop, Some("224x224".parse().unwrap()));
        assert_eq!(
            layer.source("crop").origin,
            "preset torchvision-classification (model.toml)"
        );
    }

    #[test]
    fn a_preset_of_the_scale_says_nothing_about_sizes() {
        let mut layer = PartialConfig::of_file("model.toml");
        layer.preset = Some(Preset::Imagenet);
        spell_out(&mut layer);
        assert!(layer.resize.is_none() && layer.crop.is_none() && layer.pad.is_none());
    }
}
