//! Image processors of Hugging Face transformers: those that are supported, one row each with its
//! defaults, the model types that use them, and those that are refused.
//!
//! The defaults are those of transformers 5.23, module `models/*/image_processing_*.py`.

use crate::input::preprocessing::presets::{IMAGENET_MEAN, IMAGENET_STD};
use crate::input::settings::Interpolation;

/// Defaults of a class. All classes resize, rescale and normalize; none pads.
#[derive(Debug, Clone, Copy)]
pub(super) struct Processor {
    /// Name of the class, without the suffix `Fast` or `Pil`.
    pub(super) class: &'static str,
    pub(super) size: DefaultSize,
    /// Set if a `size` of one number is a square; otherwise it is the shorter side.
    pub(super) number_is_square: bool,
    pub(super) resample: Interpolation,
    pub(super) do_center_crop: bool,
    /// Side of the square crop.
    pub(super) crop_size: Option<usize>,
    pub(super) mean: [f64; 3],
    pub(super) std: [f64; 3],
    pub(super) do_convert_rgb: bool,
    /// Size divided by size before the crop, for the rules that use it.
    pub(super) crop_pct: f64,
    pub(super) rule: Rule,
}

/// Default `size` of a class.
#[derive(Debug, Clone, Copy)]
pub(super) enum DefaultSize {
    /// Width and height.
    Square(usize),
    /// The shorter side.
    Short(usize),
}

/// Behavior of a class that differs from others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    /// No difference: resize, crop, scale, pad.
    Plain,
    /// Never pads.
    NoPadding,
    /// Never crops or pads.
    NeverCrops,
    /// Below 384 resizes to `size / crop_pct` and crops to `size`, else resizes to a square.
    ConvNext,
    /// Resizes the shorter side to 256 / 224 of `size`.
    Levit,
    /// Resizes to `size / crop_pct`.
    PoolFormer,
    /// Can keep the aspect ratio and make sides multiples; pads around the center.
    Dpt,
    /// Can scale to -1..1 and divide by the standard deviation twice.
    EfficientNet,
    /// Reverses the channels, subtracts no mean.
    MobileVit,
    /// Scales before it resizes, in floating point.
    Float,
}

const HALF: [f64; 3] = [0.5, 0.5, 0.5];
const CLIP_MEAN: [f64; 3] = [0.481_454_66, 0.457_827_5, 0.408_210_73];
const CLIP_STD: [f64; 3] = [0.268_629_54, 0.261_302_58, 0.275_777_11];

/// Values that most rows share.
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

/// Resizes the shorter side to 224 and crops to 224.
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

/// Every processor that is supported.
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

/// Returns the row of a class.
pub(super) fn by_class(class: &str) -> Option<&'static Processor> {
    PROCESSORS.iter().find(|processor| processor.class == class)
}

/// Class of each model type, for files that name none. After `IMAGE_PROCESSOR_MAPPING_NAMES` of
/// transformers 5.23.
const MODEL_TYPES: &[(&str, &str)] = &[
    ("aimv2", "CLIPImageProcessor"),
    ("aimv2_vision_model", "CLIPImageProcessor"),
    ("align", "EfficientNetImageProcessor"),
    ("altclip", "CLIPImageProcessor"),
    ("beit", "BeitImageProcessor"),
    ("bit", "BitImageProcessor"),
    ("blip", "BlipImageProcessor"),
    ("chinese_clip", "ChineseCLIPImageProcessor"),
    ("clip", "CLIPImageProcessor"),
    ("clipseg", "ViTImageProcessor"),
    ("convnext", "ConvNextImageProcessor"),
    ("convnextv2", "ConvNextImageProcessor"),
    ("cvt", "ConvNextImageProcessor"),
    ("data2vec-vision", "BeitImageProcessor"),
    ("deit", "DeiTImageProcessor"),
    ("depth_anything", "DPTImageProcessor"),
    ("dinat", "ViTImageProcessor"),
    ("dinov2", "BitImageProcessor"),
    ("dinov3_vit", "DINOv3ViTImageProcessor"),
    ("dpt", "DPTImageProcessor"),
    ("efficientnet", "EfficientNetImageProcessor"),
    ("focalnet", "BitImageProcessor"),
    ("groupvit", "CLIPImageProcessor"),
    ("hiera", "BitImageProcessor"),
    ("ijepa", "ViTImageProcessor"),
    ("levit", "LevitImageProcessor"),
    ("metaclip_2", "CLIPImageProcessor"),
    ("mlcd", "CLIPImageProcessor"),
    ("mobilenet_v1", "MobileNetV1ImageProcessor"),
    ("mobilenet_v2", "MobileNetV2ImageProcessor"),
    ("mobilevit", "MobileViTImageProcessor"),
    ("mobilevitv2", "MobileViTImageProcessor"),
    ("pixio", "BitImageProcessor"),
    ("poolformer", "PoolFormerImageProcessor"),
    ("pvt", "PvtImageProcessor"),
    ("pvt_v2", "PvtImageProcessor"),
    ("regnet", "ConvNextImageProcessor"),
    ("resnet", "ConvNextImageProcessor"),
    ("segformer", "SegformerImageProcessor"),
    ("siglip", "SiglipImageProcessor"),
    ("swiftformer", "ViTImageProcessor"),
    ("swin", "ViTImageProcessor"),
    ("swinv2", "ViTImageProcessor"),
    ("upernet", "SegformerImageProcessor"),
    ("vit", "ViTImageProcessor"),
    ("vit_mae", "ViTImageProcessor"),
    ("vit_msn", "ViTImageProcessor"),
];

/// Returns the class that a model type uses.
pub(super) fn class_of_model_type(model_type: &str) -> Option<&'static str> {
    let found = MODEL_TYPES.iter().find(|(name, _)| *name == model_type);
    found.map(|(_, class)| *class)
}

/// Classes that are refused, by the reason.
const REFUSED: &[(&str, &[&str])] = &[
    (
        "it prepares images for detection, with a mask of their pixels",
        &[
            "ConditionalDetr",
            "DeformableDetr",
            "Detr",
            "GroundingDino",
            "OwlViT",
            "Owlv2",
            "PPDocLayoutV2",
            "PPDocLayoutV3",
            "PPDocLayoutV4",
            "PPOCRV5ServerDet",
            "RTDetr",
            "RfDetr",
            "Yolos",
        ],
    ),
    (
        "it prepares images for masks of instances, with its own rule for sides",
        &["Eomt", "Mask2Former", "MaskFormer", "OneFormer"],
    ),
    (
        "it prepares images with prompts, or pairs of them",
        &[
            "EfficientLoFTR",
            "LightGlue",
            "Sam",
            "Sam2",
            "Sam3",
            "SegGpt",
            "SuperGlue",
            "SuperPoint",
            "VitMatte",
            "VitPose",
        ],
    ),
    (
        "it prepares images for depth or for other images, by its own rules",
        &[
            "CHMv2",
            "DepthPro",
            "GLPN",
            "PromptDepthAnything",
            "Swin2SR",
            "UVDoc",
            "ZoeDepth",
        ],
    ),
    ("it crops a part of the image that depends on it", &["Perceiver"]),
    ("it makes tokens out of colors", &["Chameleon", "Emu3", "Flava", "ImageGPT"]),
    ("it prepares videos", &["Tvp", "VideoLlava", "VideoMAE", "Vivit"]),
    (
        "it reads pages or lines of text",
        &[
            "Donut",
            "LayoutLMv2",
            "LayoutLMv3",
            "Nougat",
            "PPChart2Table",
            "PPFormulaNet",
            "PPOCRV5ServerRec",
            "PPOCRV6SmallRec",
            "SLANeXt",
            "TextNet",
        ],
    ),
    (
        "it cuts images into patches for a language model",
        &[
            "Aria",
            "BridgeTower",
            "Cohere2Vision",
            "CohereCompass",
            "Cosmos3Edge",
            "DeepseekOcr2",
            "DeepseekVL",
            "DeepseekVLHybrid",
            "Ernie4_5_VLMoe",
            "Fuyu",
            "Gemma3",
            "Gemma4",
            "Gemma4Unified",
            "Glm46V",
            "Glm4v",
            "Glm5Next",
            "GlmImage",
            "Glmga",
            "GotOcr2",
            "GraniteDocling",
            "HunYuanVL",
            "Idefics",
            "Idefics2",
            "Idefics3",
            "Inkling",
            "Inkling2",
            "Janus",
            "Kimi_K25",
            "Kosmos2_5",
            "Lfm2Vl",
            "Llama4",
            "Llava",
            "LlavaNext",
            "LlavaOnevision",
            "MiniCPMOcr",
            "MiniCPMV4_6",
            "MiniMaxM3VL",
            "Mllama",
            "Molmo2",
            "NemotronH_Omni_Reasoning_V3",
            "Ovis2",
            "PaddleOCRVL",
            "PerceptionLM",
            "Phi4Multimodal",
            "Pix2Struct",
            "Pixtral",
            "Qwen2VL",
            "Siglip2",
            "SmolVLM",
            "UnlimitedOcr",
            "VideoLlama3",
            "Vilt",
        ],
    ),
];

/// Returns the reason for refusing a class; `None` if it is not refused.
pub(super) fn refusal_reason(class: &str) -> Option<&'static str> {
    let name = class.strip_suffix("ImageProcessor")?;
    let row = REFUSED.iter().find(|(_, classes)| classes.contains(&name));
    row.map(|(reason, _)| *reason)
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

    #[test]
    fn every_model_type_has_a_known_class() {
        for (model_type, class) in MODEL_TYPES {
            assert!(by_class(class).is_some(), "{model_type}");
            assert_eq!(class_of_model_type(model_type), Some(*class));
        }
        assert_eq!(class_of_model_type("detr"), None);
    }

    #[test]
    fn no_class_is_both_supported_and_refused() {
        for processor in PROCESSORS {
            assert_eq!(refusal_reason(processor.class), None, "{}", processor.class);
        }
        assert!(refusal_reason("DetrImageProcessor").is_some());
        assert_eq!(refusal_reason("Detr"), None);
    }
}
