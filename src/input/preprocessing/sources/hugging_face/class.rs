//! Which image processor a file is of.

use serde_json::Value;

use super::model_types::class_of;
use super::processors::{Processor, by_class};
use super::{Context, refused};
use crate::error::Result;
use crate::input::preprocessing::sources::fields::Fields;

/// The class of a file, as far as it is known.
#[derive(Debug, Clone)]
pub(super) struct Class {
    /// As the file has it, empty where nothing names a class.
    pub(super) name: String,
    /// Its row, where it has one.
    pub(super) processor: Option<&'static Processor>,
    pub(super) backend: Option<Backend>,
}

/// What the end of a class's name says about its arithmetic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Backend {
    /// `...Fast`, of transformers 4.
    Fast,
    /// `...Pil`, of transformers 5.
    Pil,
}

impl Class {
    /// The class that the file names, or that the model's type takes.
    pub(super) fn of(fields: &Fields<'_>, context: &Context<'_>) -> Result<Self> {
        let named = match named(fields)? {
            Some(name) => Some(name),
            None => match &context.model {
                Some(model) => by_model(model)?,
                None => None,
            },
        };
        let name = named.unwrap_or_default();
        let (base, backend) = if let Some(base) = name.strip_suffix("Fast") {
            (base, Some(Backend::Fast))
        } else if let Some(base) = name.strip_suffix("Pil") {
            (base, Some(Backend::Pil))
        } else {
            (name.as_str(), None)
        };
        if let Some(reason) = refused::reason(base) {
            let message = format!("{base} is not supported: {reason}");
            return Err(fields.error("image_processor_type", message));
        }
        let processor = by_class(base);
        Ok(Self { name, processor, backend })
    }

    /// Where a value comes from that the file says, or leaves to its class.
    pub(super) fn origin(&self, file: &str, is_default: bool) -> String {
        match self.processor {
            Some(processor) if is_default => {
                format!("{} default ({file})", processor.class)
            }
            Some(_) => file.to_owned(),
            None if self.name.is_empty() => {
                format!("{file}, which names no class: what it leaves out is not known")
            }
            None => format!(
                "{file}; {} is not known: what it leaves out is not, either",
                self.name
            ),
        }
    }
}

/// Whether a file is of the class that leaves everything to timm.
pub(in crate::input::preprocessing::sources) fn is_timm_wrapper(
    fields: &Fields<'_>,
) -> bool {
    let name = fields.get("image_processor_type").and_then(Value::as_str);
    name.is_some_and(|name| name.starts_with("TimmWrapperImageProcessor"))
}

fn named(fields: &Fields<'_>) -> Result<Option<String>> {
    for key in ["image_processor_type", "feature_extractor_type"] {
        if let Some(name) = fields.text(key)? {
            return Ok(Some(name.replace("FeatureExtractor", "ImageProcessor")));
        }
    }
    let Some(map) = fields.below("auto_map")? else { return Ok(None) };
    for key in ["AutoImageProcessor", "AutoFeatureExtractor"] {
        // "repository--module.Class", or a list of a slow and a fast one.
        let path = map.get(key).and_then(|value| match value {
            Value::Array(paths) => paths.iter().rev().find_map(Value::as_str),
            other => other.as_str(),
        });
        if let Some(class) = path.and_then(|path| path.rsplit('.').next()) {
            return Ok(Some(class.replace("FeatureExtractor", "ImageProcessor")));
        }
    }
    Ok(None)
}

fn by_model(model: &Fields<'_>) -> Result<Option<String>> {
    if let Some(name) = model.text("image_processor_type")? {
        return Ok(Some(name.to_owned()));
    }
    let class = model.text("model_type")?.and_then(class_of);
    Ok(class.map(str::to_owned))
}
