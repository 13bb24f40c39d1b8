//! Image processors that cannot be honored, with what they do.

/// What classes do that one image and one resize cannot do.
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
        "it prepares images for masks of instances, with sides by a rule of its own",
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
        "it prepares images for depth or for other images, by rules of its own",
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

/// Why images cannot be prepared as this class does it, if they cannot.
pub(super) fn reason(class: &str) -> Option<&'static str> {
    let name = class.strip_suffix("ImageProcessor")?;
    let row = REFUSED.iter().find(|(_, classes)| classes.contains(&name));
    row.map(|(reason, _)| *reason)
}

#[cfg(test)]
mod tests {
    use super::super::processors::PROCESSORS;
    use super::*;

    #[test]
    fn no_class_is_both_honored_and_refused() {
        for processor in PROCESSORS {
            assert_eq!(reason(processor.class), None, "{}", processor.class);
        }
        assert!(reason("DetrImageProcessor").is_some());
        assert_eq!(reason("Detr"), None);
    }
}
