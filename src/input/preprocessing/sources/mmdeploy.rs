//! mmdeploy: the `pipeline.json` and the `deploy.json` beside a model.

use serde_json::Value;

use super::ConfigFiles;
use super::json_object::{JsonObject, parse_side, shown};
use crate::error::Result;
use crate::input::preprocessing::partial_config::PartialConfig;
use crate::input::settings::{
    Alpha, Channels, Crop, CropRule, Fill, Interpolation, Pad, PadSide, Resampler,
    Resize, Size,
};
use crate::task;

/// Transforms before and after the network.
pub(super) const PIPELINE: &str = "pipeline.json";

/// Description of the model.
pub(super) const DEPLOY: &str = "deploy.json";

/// Recognizes which file a JSON object is.
pub(super) fn detect(root: &JsonObject<'_>) -> Option<&'static str> {
    let pipeline = root.table.get("pipeline");
    if pipeline.is_some_and(|pipeline| pipeline.get("tasks").is_some()) {
        Some(PIPELINE)
    } else if ["task", "models", "customs"].iter().all(|key| root.has(key)) {
        Some(DEPLOY)
    } else {
        None
    }
}

/// Reads the preprocessing and the task.
pub(super) fn parse(files: &ConfigFiles) -> Vec<Result<PartialConfig>> {
    let find = |name| files.get(name).filter(|root| detect(root) == Some(name));
    let preprocessing = find(PIPELINE).map(preprocessing);
    let task = find(DEPLOY).and_then(|root| read_task(root).transpose());
    preprocessing.into_iter().chain(task).collect()
}

fn read_task(root: JsonObject<'_>) -> Result<Option<PartialConfig>> {
    let task = match root.text("task")? {
        Some("Classifier") => &task::CLASSIFICATION,
        Some("Segmentor") => &task::SEGMENTATION,
        Some(other) => {
            let message =
                format!("\"{other}\" is not supported: expected Classifier or Segmentor");
            return Err(root.error("task", message));
        }
        None => return Ok(None),
    };
    let mut config = PartialConfig::of_file(root.file);
    config.task = Some(task);
    Ok(Some(config))
}

fn preprocessing(root: JsonObject<'_>) -> Result<PartialConfig> {
    let mut pipeline = Pipeline::new(root.file);
    for transform in transforms(root)? {
        pipeline.add(transform)?;
    }
    Ok(pipeline.finish())
}

/// Returns the transforms before the network.
fn transforms(root: JsonObject<'_>) -> Result<Vec<JsonObject<'_>>> {
    let pipeline = root.object("pipeline")?;
    let tasks = pipeline.map(|pipeline| pipeline.list("tasks")).transpose()?.flatten();
    let found = tasks
        .unwrap_or_default()
        .iter()
        .find_map(|task| task.get("transforms").and_then(Value::as_array));
    let Some(found) = found else {
        return Err(root.error("pipeline", "holds no task with transforms"));
    };
    let fields = found.iter().map(|transform| {
        let table = transform.as_object();
        let table = table.ok_or_else(|| root.error("transforms", "expected objects"));
        table.map(|table| JsonObject { file: root.file, table })
    });
    fields.collect()
}

/// The settings of the transforms so far. Transforms have to come in the order of the steps of
/// preprocessing.
struct Pipeline {
    config: PartialConfig,
    /// Position in the order, and name, of the last transform that was added.
    last: Option<(usize, &'static str)>,
    is_normalized: bool,
}

impl Pipeline {
    fn new(file: &str) -> Self {
        let mut config = PartialConfig::of_file(file);
        config.resize = Some(Resize::None);
        config.crop = Some(Crop::None);
        config.pad = Some(Pad::None);
        config.interpolation = Some(Interpolation::Bilinear);
        config.antialias = Some(false);
        config.resampler = Some(Resampler::Opencv);
        config.crop_rule = Some(CropRule::Torchvision);
        config.alpha = Some(Alpha::Drop);
        Self { config, last: None, is_normalized: false }
    }

    fn add(&mut self, transform: JsonObject<'_>) -> Result<()> {
        check_keys(&transform)?;
        match transform.text("type")?.unwrap_or("") {
            "Resize" => {
                self.follow(&transform, 0, "Resize")?;
                self.resize(transform)
            }
            "CenterCrop" => {
                self.follow(&transform, 1, "CenterCrop")?;
                self.crop(transform)
            }
            "Pad" => {
                self.follow(&transform, 2, "Pad")?;
                self.pad(transform)
            }
            "Normalize" => self.normalize(transform),
            _ => Ok(()),
        }
    }

    /// Refuses a transform in another order, or a second one.
    fn follow(
        &mut self,
        transform: &JsonObject<'_>,
        position: usize,
        name: &'static str,
    ) -> Result<()> {
        if let Some((last, before)) = self.last
            && last >= position
        {
            let message = format!("{name} after {before} is not supported");
            return Err(transform.error("transforms", message));
        }
        if self.is_normalized && name != "Pad" {
            let message = format!("{name} after Normalize is not supported");
            return Err(transform.error("transforms", message));
        }
        self.last = Some((position, name));
        Ok(())
    }

    fn resize(&mut self, transform: JsonObject<'_>) -> Result<()> {
        let keeps = transform.boolean("keep_ratio")?.unwrap_or(false);
        let key = if transform.get("size").is_some() { "size" } else { "scale" };
        self.config.resize = Some(match (two_sides(&transform, key)?, keeps) {
            ((side, None), _) => Resize::Short(side),
            ((width, Some(height)), false) => Resize::Exact(Size { width, height }),
            // The larger number bounds the longer side of the image.
            ((first, Some(second)), true) => {
                Resize::Bounds { long: first.max(second), short: first.min(second) }
            }
        });
        self.config.interpolation =
            Some(match transform.text("interpolation")?.unwrap_or("bilinear") {
                "nearest" => Interpolation::Nearest,
                "bilinear" => Interpolation::Bilinear,
                "bicubic" => Interpolation::Bicubic,
                other => {
                    let message =
                        format!("\"{other}\" is not one of nearest, bilinear, bicubic");
                    return Err(transform.error("interpolation", message));
                }
            });
        if let Some(backend) = transform.text("backend")? {
            let is_pillow = match backend {
                "cv2" => false,
                "pillow" => true,
                other => {
                    let message = format!("\"{other}\" is not one of cv2, pillow");
                    return Err(transform.error("backend", message));
                }
            };
            if is_pillow {
                self.config.resampler = Some(Resampler::Pillow);
                self.config.antialias = Some(true);
            }
        }
        self.set_location("resize", "Resize");
        Ok(())
    }

    fn crop(&mut self, transform: JsonObject<'_>) -> Result<()> {
        let (width, height) = match two_sides(&transform, "crop_size")? {
            (height, Some(width)) => (width, height),
            (side, None) => (side, side),
        };
        self.config.crop = Some(Crop::Center(Size { width, height }));
        self.set_location("crop", "CenterCrop");
        Ok(())
    }

    fn pad(&mut self, transform: JsonObject<'_>) -> Result<()> {
        let pad = match (transform.side("size_divisor")?, transform.get("size")) {
            (Some(divisor), None) => Pad::Multiple(divisor),
            (None, Some(_)) => match two_sides(&transform, "size")? {
                (height, Some(width)) => Pad::To(Size { width, height }),
                (side, None) => Pad::To(Size { width: side, height: side }),
            },
            _ => {
                let message = "Pad takes a size or a size_divisor";
                return Err(transform.error("transforms", message));
            }
        };
        let value = transform.numbers("pad_val")?.unwrap_or_else(|| vec![0.0]);
        let levels: Option<Vec<u8>> = value
            .iter()
            .map(|v| ((0.0..=255.0).contains(v) && v.fract() == 0.0).then_some(*v as u8))
            .collect();
        let color = match levels.as_deref() {
            Some([level]) => [*level; 3],
            // The library reads images as blue, green, red, and Normalize reverses them.
            Some([blue, green, red]) => [*red, *green, *blue],
            _ => {
                let message = "expected one or three numbers of 0 to 255".to_owned();
                return Err(transform.error("pad_val", message));
            }
        };
        if self.is_normalized && color != [0; 3] {
            let message = "a value other than 0 after Normalize is not supported";
            return Err(transform.error("pad_val", message));
        }
        self.config.fill =
            Some(if self.is_normalized { Fill::Zero } else { Fill::Color(color) });
        (self.config.pad, self.config.pad_side) = (Some(pad), Some(PadSide::End));
        self.set_location("pad", "Pad");
        Ok(())
    }

    fn normalize(&mut self, transform: JsonObject<'_>) -> Result<()> {
        if self.is_normalized {
            return Err(transform.error("transforms", "Normalize twice"));
        }
        self.is_normalized = true;
        let numbers = |key: &str| {
            let numbers = transform.numbers(key)?;
            let numbers = numbers.ok_or_else(|| transform.error(key, "is missing"))?;
            Ok(numbers.iter().map(|number| (number / 255.0) as f32).collect())
        };
        self.config.mean = Some(numbers("mean")?);
        self.config.std = Some(numbers("std")?);
        let is_rgb = transform.boolean("to_rgb")?.unwrap_or(true);
        self.config.channels = Some(if is_rgb { Channels::Rgb } else { Channels::Bgr });
        Ok(())
    }

    fn set_location(&mut self, key: &'static str, transform: &str) {
        let file = self.config.file.clone().unwrap_or_default();
        let location = format!("{file}: {transform}");
        self.config.set_provenance(key, file, location);
    }

    /// Returns the settings. Without Normalize the network takes levels of 0..255.
    fn finish(mut self) -> PartialConfig {
        if !self.is_normalized {
            self.config.mean = Some(vec![0.0]);
            self.config.std = Some(vec![1.0 / 255.0]);
            self.config.channels = Some(Channels::Bgr);
        }
        self.config
    }
}

/// Reads one number, two numbers, or one number and -1, which means "not given".
fn two_sides(transform: &JsonObject<'_>, key: &str) -> Result<(usize, Option<usize>)> {
    let wrong = |message| transform.error(key, message);
    let Some(value) = transform.get(key) else {
        return Err(wrong("is missing".to_owned()));
    };
    match value.as_array().map(Vec::as_slice) {
        None => {
            let only = parse_side(value).map_err(wrong)?;
            Ok((only, Some(only)))
        }
        Some([first, second]) => {
            let first = parse_side(first).map_err(wrong)?;
            if second.as_f64() == Some(-1.0) {
                return Ok((first, None));
            }
            Ok((first, Some(parse_side(second).map_err(wrong)?)))
        }
        Some(_) => Err(wrong("expected one number, or two".to_owned())),
    }
}

/// A transform of mmcv 1 and 2, of mmcls, mmpretrain and mmseg if they differ, or of mmdeploy. A key
/// that could change pixels and is not read is refused.
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
    /// Returns whether a key is read, or changes no pixel.
    fn passes(&self, key: &str, value: &Value) -> bool {
        let is_named = self.read.contains(&key) || self.without_effect.contains(&key);
        if key == "type" || value.is_null() || is_named {
            return true;
        }
        match self.idle.iter().find(|(idle, _)| *idle == key) {
            Some((_, values)) => values.contains(&value.to_string().as_str()),
            // The meaning of other keys is not known; `false` switches nothing on.
            None => *value == Value::Bool(false),
        }
    }
}

/// Every transform that is supported.
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

/// Refuses an unknown transform, and keys that would change what it does.
fn check_keys(transform: &JsonObject<'_>) -> Result<()> {
    let name = transform.text("type")?.unwrap_or("");
    let Some(known) = TRANSFORMS.iter().find(|known| known.name == name) else {
        let message = format!("\"{name}\" is not supported");
        return Err(transform.error("transforms", message));
    };
    match transform.table.iter().find(|(key, value)| !known.passes(key, value)) {
        None => Ok(()),
        Some((key, value)) => {
            let message = format!("{name} with {} is not supported", shown(value));
            Err(transform.error(key, message))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::json_object::Document;
    use super::*;

    fn checked(json: &str) -> Result<()> {
        check_keys(&Document::parse("pipeline.json".to_owned(), json).unwrap().root())
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
