//! The keys of transforms: a key that could change pixels and is not read is refused.
//!
//! Names and defaults are those of mmcv 1 and 2 (`transforms`), of mmcls, mmpretrain and mmseg
//! where they differ, and of mmdeploy's own transforms.

use serde_json::Value;

use crate::error::Result;
use crate::input::preprocessing::sources::fields::{Fields, kind};

/// What is known of a transform.
struct Transform {
    name: &'static str,
    /// Keys that are read.
    read: &'static [&'static str],
    /// Keys that change no pixel, whatever their value.
    without_effect: &'static [&'static str],
    /// Keys that change no pixel with these values, written as JSON.
    idle: &'static [(&'static str, &'static [&'static str])],
}

impl Transform {
    /// Whether this key is read, or changes no pixel.
    fn passes(&self, key: &str, value: &Value) -> bool {
        let is_named = self.read.contains(&key) || self.without_effect.contains(&key);
        if key == "type" || value.is_null() || is_named {
            return true;
        }
        match self.idle.iter().find(|(idle, _)| *idle == key) {
            Some((_, values)) => values.contains(&value.to_string().as_str()),
            // Of others nothing is known, and this switches nothing on.
            None => *value == Value::Bool(false),
        }
    }
}

/// Every transform that can be honored.
const TRANSFORMS: &[Transform] = &[
    Transform {
        name: "LoadImageFromFile",
        read: &[],
        without_effect: &["backend_args", "file_client_args", "ignore_empty"],
        idle: &[
            ("channel_order", &["\"bgr\""]),
            ("color_type", &["\"color\""]),
            ("imdecode_backend", &["\"cv2\"", "\"pillow\"", "\"turbojpeg\""]),
        ],
    },
    Transform {
        name: "Resize",
        read: &["backend", "interpolation", "keep_ratio", "scale", "size"],
        without_effect: &["bbox_clip_border", "clip_object_border", "multiscale_mode"],
        idle: &[("adaptive_side", &["\"short\""])],
    },
    Transform {
        name: "CenterCrop",
        read: &["crop_size"],
        without_effect: &[
            "backend",
            "clip_object_border",
            "crop_padding",
            "interpolation",
            "pad_cfg",
            "pad_mode",
        ],
        idle: &[],
    },
    Transform {
        name: "Pad",
        read: &["pad_val", "size", "size_divisor"],
        without_effect: &["seg_pad_val"],
        idle: &[
            ("add_pix_val", &["0"]),
            ("logical_or_val", &["0"]),
            ("padding_mode", &["\"constant\""]),
        ],
    },
    Transform {
        name: "Normalize",
        read: &["mean", "std", "to_rgb"],
        without_effect: &[],
        idle: &[("to_float", &["true"])],
    },
    Transform { name: "ImageToTensor", read: &[], without_effect: &["keys"], idle: &[] },
    Transform {
        name: "DefaultFormatBundle",
        read: &[],
        without_effect: &["img_to_float", "keys", "pad_val"],
        idle: &[],
    },
    Transform {
        name: "Collect",
        read: &[],
        without_effect: &["keys", "meta_keys", "meta_name"],
        idle: &[],
    },
    Transform {
        name: "PackInputs",
        read: &[],
        without_effect: &["algorithm_keys", "input_key", "keys", "meta_keys"],
        idle: &[],
    },
];

/// Refuses a transform that is not known, and keys that would make another one of it.
pub(super) fn check(transform: &Fields<'_>) -> Result<()> {
    let name = transform.text("type")?.unwrap_or("");
    let Some(known) = TRANSFORMS.iter().find(|known| known.name == name) else {
        let message = format!("\"{name}\" is not supported");
        return Err(transform.error("transforms", message));
    };
    match transform.table.iter().find(|(key, value)| !known.passes(key, value)) {
        None => Ok(()),
        Some((key, value)) => {
            let message = format!("{name} with {} is not supported", kind(value));
            Err(transform.error(key, message))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::preprocessing::sources::fields::object;

    fn checked(json: &str) -> Result<()> {
        let table = object(json).unwrap();
        check(&Fields { file: "pipeline.json", table: &table })
    }

    #[test]
    fn keys_that_would_make_another_transform_are_refused_by_name() {
        for (json, expected) in [
            (
                r#"{"type": "Pad", "padding_mode": "reflect"}"#,
                "padding_mode: Pad with \"reflect\"",
            ),
            (r#"{"type": "Pad", "pad_to_square": true}"#, "pad_to_square: Pad with true"),
            (r#"{"type": "CenterCrop", "auto_pad": true}"#, "auto_pad: CenterCrop"),
            (
                r#"{"type": "CenterCrop", "efficientnet_style": true}"#,
                "efficientnet_style",
            ),
            (
                r#"{"type": "Resize", "scale_factor": 0.5}"#,
                "scale_factor: Resize with 0.5",
            ),
            (
                r#"{"type": "LoadImageFromFile", "to_float32": true}"#,
                "to_float32: LoadImageFromFile",
            ),
            (r#"{"type": "LoadImageFromFile", "color_type": "grayscale"}"#, "color_type"),
            (
                r#"{"type": "Normalize", "to_float": false}"#,
                "to_float: Normalize with false",
            ),
            (r#"{"type": "Collect", "flip": true}"#, "flip: Collect with true"),
            (r#"{"type": "Rotate"}"#, "transforms: \"Rotate\" is not supported"),
        ] {
            let error = checked(json).unwrap_err();
            assert!(error.to_string().contains(expected), "{json} gives {error}");
            assert!(error.hint().is_some());
        }
    }

    #[test]
    fn keys_that_leave_pixels_as_they_are_pass() {
        for json in [
            r#"{"type": "LoadImageFromFile", "to_float32": false, "color_type": "color",
                "file_client_args": {"backend": "disk"}}"#,
            r#"{"type": "Resize", "size": [8, 8], "scale_factor": null,
                "clip_object_border": true, "override": false}"#,
            r#"{"type": "CenterCrop", "crop_size": 8, "efficientnet_style": false,
                "crop_padding": 32}"#,
            r#"{"type": "Pad", "size_divisor": 32, "padding_mode": "constant",
                "pad_to_square": false, "seg_pad_val": 255}"#,
            r#"{"type": "Collect", "keys": ["img"], "meta_keys": ["filename"], "x": false}"#,
        ] {
            checked(json).unwrap();
        }
    }
}
