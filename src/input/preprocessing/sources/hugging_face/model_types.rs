//! The image processors of models whose files may name none.
//!
//! After `IMAGE_PROCESSOR_MAPPING_NAMES` of transformers 5.23, as far as the processors can be
//! honored.

/// The processors of model types whose files may name none.
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

/// The class that a model type takes.
pub(super) fn class_of(model_type: &str) -> Option<&'static str> {
    let found = MODEL_TYPES.iter().find(|(name, _)| *name == model_type);
    found.map(|(_, class)| *class)
}

#[cfg(test)]
mod tests {
    use super::super::processors::by_class;
    use super::*;

    #[test]
    fn every_model_type_leads_to_a_row() {
        for (model_type, class) in MODEL_TYPES {
            assert!(by_class(class).is_some(), "{model_type}");
            assert_eq!(class_of(model_type), Some(*class));
        }
        assert_eq!(class_of("detr"), None);
    }
}
