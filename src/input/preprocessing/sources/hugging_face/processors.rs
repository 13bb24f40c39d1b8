//! The image processors of Hugging Face transformers that can be honored: one row each.
//!
//! The defaults are those of transformers 5.23, module `models/*/image_processing_*.py`; files
//! that leave a key out mean them.

use crate::input::preprocessing::presets::{IMAGENET_MEAN, IMAGENET_STD};
use crate::input::settings::Interpolation;

/// What a processor does where its file is silent; all resize, rescale and normalize, none pads.
#[derive(Debug, Clone, Copy)]
pub(super) struct Processor {
    /// Its class, without the `Fast` or `Pil` that may follow.
    pub(super) class: &'static str,
    pub(super) size: DefaultSize,
    /// Whether a `size` of one number means a square; otherwise it is the shorter side.
    pub(super) number_is_square: bool,
    pub(super) resample: Interpolation,
    pub(super) do_center_crop: bool,
    /// Side of the square crop.
    pub(super) crop_size: Option<usize>,
    pub(super) mean: [f64; 3],
    pub(super) std: [f64; 3],
    pub(super) do_convert_rgb: bool,
    /// Size over size before the crop, for the rules that have it.
    pub(super) crop_pct: f64,
    pub(super) rule: Rule,
}

/// A size as a class has it.
#[derive(Debug, Clone, Copy)]
pub(super) enum DefaultSize {
    /// Width and height.
    Square(usize),
    /// The shorter side.
    Short(usize),
}

/// What a class does in its own way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    /// Nothing: resize, crop, scale, pad.
    Plain,
    /// Never pads.
    NoPadding,
    /// Crops nor pads.
    NeverCrops,
    /// Below 384 a crop of `size` after resizing to `size / crop_pct`, else a square.
    ConvNext,
    /// The shorter side to 256 / 224 of `size`.
    Levit,
    /// Resizes to `size / crop_pct`.
    PoolFormer,
    /// Keeps the shape and makes sides multiples, if asked; pads around the center.
    Dpt,
    /// Scales to -1..1 and divides by the standard deviation again, if asked.
    EfficientNet,
    /// Channels reversed, no mean.
    MobileVit,
    /// Scales before it resizes, in floating point.
    Float,
}

const HALF: [f64; 3] = [0.5, 0.5, 0.5];
const CLIP_MEAN: [f64; 3] = [0.481_454_66, 0.457_827_5, 0.408_210_73];
const CLIP_STD: [f64; 3] = [0.268_629_54, 0.261_302_58, 0.275_777_11];

/// What most rows share.
const BASE: Processor = Processor {
    class: "",
    size: DefaultSize::Square(224),
    number_is_square: true,
    resample: Interpolation::Bicubic,
    do_center_crop: false,
    crop_size: None,
    mean: HALF,
    std: HALF,
    do_convert_rgb: false,
    crop_pct: 1.0,
    rule: Rule::Plain,
};

/// The shorter side, then a crop of 224.
const SHORT_224: Processor = Processor {
    size: DefaultSize::Short(224),
    number_is_square: false,
    do_center_crop: true,
    crop_size: Some(224),
    ..BASE
};

const CLIP: Processor = Processor {
    class: "CLIPImageProcessor",
    mean: CLIP_MEAN,
    std: CLIP_STD,
    do_convert_rgb: true,
    ..SHORT_224
};

const MOBILE_NET: Processor = Processor {
    class: "MobileNetV1ImageProcessor",
    size: DefaultSize::Short(256),
    resample: Interpolation::Bilinear,
    ..SHORT_224
};

const DPT: Processor = Processor {
    class: "DPTImageProcessor",
    size: DefaultSize::Square(384),
    rule: Rule::Dpt,
    ..BASE
};

/// Every processor that can be honored.
pub(super) const PROCESSORS: &[Processor] = &[
    Processor { class: "ViTImageProcessor", resample: Interpolation::Bilinear, ..BASE },
    Processor {
        class: "DeiTImageProcessor",
        size: DefaultSize::Square(256),
        do_center_crop: true,
        crop_size: Some(224),
        ..BASE
    },
    Processor {
        class: "BeitImageProcessor",
        crop_size: Some(224),
        rule: Rule::NoPadding,
        ..BASE
    },
    Processor {
        class: "ConvNextImageProcessor",
        size: DefaultSize::Short(384),
        number_is_square: false,
        crop_pct: 224.0 / 256.0,
        rule: Rule::ConvNext,
        ..BASE
    },
    CLIP,
    Processor { class: "ChineseCLIPImageProcessor", ..CLIP },
    Processor { class: "BitImageProcessor", ..CLIP },
    Processor {
        class: "BlipImageProcessor",
        size: DefaultSize::Square(384),
        mean: CLIP_MEAN,
        std: CLIP_STD,
        do_convert_rgb: true,
        ..BASE
    },
    Processor {
        class: "SiglipImageProcessor",
        number_is_square: false,
        do_convert_rgb: true,
        ..BASE
    },
    Processor {
        class: "DINOv3ViTImageProcessor",
        resample: Interpolation::Bilinear,
        mean: IMAGENET_MEAN,
        std: IMAGENET_STD,
        rule: Rule::Float,
        ..BASE
    },
    Processor {
        class: "SegformerImageProcessor",
        size: DefaultSize::Square(512),
        resample: Interpolation::Bilinear,
        mean: IMAGENET_MEAN,
        std: IMAGENET_STD,
        rule: Rule::NeverCrops,
        ..BASE
    },
    MOBILE_NET,
    Processor { class: "MobileNetV2ImageProcessor", rule: Rule::NoPadding, ..MOBILE_NET },
    Processor {
        class: "MobileViTImageProcessor",
        crop_size: Some(256),
        rule: Rule::MobileVit,
        ..SHORT_224
    },
    Processor {
        class: "EfficientNetImageProcessor",
        size: DefaultSize::Square(346),
        crop_size: Some(289),
        rule: Rule::EfficientNet,
        ..BASE
    },
    Processor {
        class: "LevitImageProcessor",
        mean: IMAGENET_MEAN,
        std: IMAGENET_STD,
        rule: Rule::Levit,
        ..SHORT_224
    },
    Processor {
        class: "PoolFormerImageProcessor",
        mean: IMAGENET_MEAN,
        std: IMAGENET_STD,
        crop_pct: 0.9,
        rule: Rule::PoolFormer,
        ..SHORT_224
    },
    Processor {
        class: "PvtImageProcessor",
        mean: IMAGENET_MEAN,
        std: IMAGENET_STD,
        ..BASE
    },
    DPT,
];

/// The row of a class.
pub(super) fn by_class(class: &str) -> Option<&'static Processor> {
    PROCESSORS.iter().find(|processor| processor.class == class)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_has_its_own_name() {
        for processor in PROCESSORS {
            let same = PROCESSORS.iter().filter(|other| other.class == processor.class);
            assert_eq!(same.count(), 1, "{}", processor.class);
            assert!(processor.class.ends_with("ImageProcessor"));
        }
    }
}
