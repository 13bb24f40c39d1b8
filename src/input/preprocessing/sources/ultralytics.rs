//! What Ultralytics writes into the metadata of an ONNX file: `task`, `imgsz`, `names`,
//! `channels`, as literals of Python.

use serde_json::Value;

use super::INSTEAD;
use super::fields::{kind, side};
use crate::error::{Error, Result};
use crate::input::preprocessing::classes;
use crate::input::preprocessing::partial_config::PartialConfig;
use crate::input::settings::{Alpha, CropRule, Fill, Pad, PadSide, Resampler};
use crate::input::settings::{Channels, Crop, Interpolation, Resize, Size};
use crate::python_literal;
use crate::task;

/// The gray around an image that does not fill the network's input.
const GRAY: u8 = 114;

/// What the metadata say, if they are of this form; `file` is how errors call them.
pub(super) fn read(
    file: &str,
    metadata: &[(String, String)],
) -> Option<Result<PartialConfig>> {
    let find = |key: &str| {
        let found = metadata.iter().find(|(name, _)| name == key);
        found.map(|(_, value)| value.as_str())
    };
    let entries = Entries {
        file,
        task: find("task")?,
        size: find("imgsz")?,
        names: find("names")?,
        channels: find("channels"),
    };
    Some(entries.layer())
}

struct Entries<'a> {
    file: &'a str,
    task: &'a str,
    size: &'a str,
    names: &'a str,
    channels: Option<&'a str>,
}

impl Entries<'_> {
    fn layer(&self) -> Result<PartialConfig> {
        let mut layer = PartialConfig::of_file(self.file);
        let size = self.size()?;
        layer.crop = Some(Crop::None);
        layer.pad = Some(Pad::None);
        match self.task {
            "classify" => {
                layer.task = Some(&task::CLASSIFICATION);
                layer.resize = Some(if size.width == size.height {
                    Resize::Short(size.width)
                } else {
                    Resize::Exact(size)
                });
                layer.crop = Some(Crop::Center(size));
                layer.crop_rule = Some(CropRule::Torchvision);
                layer.resampler = Some(Resampler::Pillow);
                layer.antialias = Some(true);
            }
            "semantic" => {
                layer.task = Some(&task::SEGMENTATION);
                layer.resize = Some(Resize::Fit(size));
                layer.pad = Some(Pad::To(size));
                layer.pad_side = Some(PadSide::Center);
                layer.fill = Some(Fill::Color([GRAY; 3]));
                layer.resampler = Some(Resampler::Opencv);
                layer.antialias = Some(false);
            }
            other => {
                let message = format!(
                    "\"{other}\" is not supported: expected classify or semantic, since \
                     there are no classes of images or pixels otherwise"
                );
                return Err(self.error("task", message));
            }
        }
        layer.interpolation = Some(Interpolation::Bilinear);
        layer.alpha = Some(Alpha::Drop);
        (layer.mean, layer.std) = (Some(vec![0.0]), Some(vec![1.0]));
        layer.channels = self.channels()?;
        layer.classes = Some(self.names()?);
        for (ours, theirs) in [("resize", "imgsz"), ("crop", "imgsz"), ("pad", "imgsz")] {
            layer.comes_from(ours, self.file, format!("{}: {theirs}", self.file));
        }
        Ok(layer)
    }

    fn error(&self, key: &str, message: impl std::fmt::Display) -> Error {
        Error::setting(format!("{}: {key}", self.file), message.to_string())
            .with_hint(INSTEAD)
    }

    fn literal(&self, key: &str, text: &str) -> Result<Value> {
        python_literal::parse(text).map_err(|message| self.error(key, message))
    }

    /// One side of a square, or height and width.
    fn size(&self) -> Result<Size> {
        let value = self.literal("imgsz", self.size)?;
        let size = match &value {
            Value::Array(sides) => match sides.as_slice() {
                [height, width] => side(height)
                    .and_then(|height| side(width).map(|width| Size { width, height })),
                _ => Err(format!("expected [height, width], found {}", kind(&value))),
            },
            number => side(number).map(|side| Size { width: side, height: side }),
        };
        size.map_err(|message| self.error("imgsz", message))
    }

    fn names(&self) -> Result<Vec<String>> {
        let names = match self.literal("names", self.names)? {
            Value::Object(names) => classes::by_index(&names),
            Value::Array(names) => classes::list(&names),
            other => Err(format!("expected names by index, found {}", kind(&other))),
        };
        names.map_err(|message| {
            self.error("names", message).with_hint("give the names with --classes")
        })
    }

    /// More than three channels are left to what the model's input says.
    fn channels(&self) -> Result<Option<Channels>> {
        let Some(text) = self.channels else { return Ok(None) };
        match self.literal("channels", text)?.as_u64() {
            Some(3) => Ok(Some(Channels::Rgb)),
            Some(1) => Ok(Some(Channels::Gray)),
            Some(_) => Ok(None),
            None => {
                Err(self.error("channels", format!("expected a number, found {text}")))
            }
        }
    }
}
