//! `preprocessor_config.json` and its relatives, as Hugging Face transformers reads them.
//!
//! A key that a file leaves out means the default of its class; `null` means none, not the
//! default. A key that nothing is known of is refused: it could change pixels.

mod arithmetic;
mod class;
mod frame;
mod model_types;
mod processors;
mod refused;
mod scale;
mod sides;

use serde_json::Value;

use super::fields::{Fields, kind};
use crate::error::Result;
use crate::input::preprocessing::classes;
use crate::input::preprocessing::partial_config::PartialConfig;
use arithmetic::Arithmetic;
use class::Class;
use processors::{Processor, Rule};

pub(super) use class::is_timm_wrapper;

/// Keys that are read below.
const READ: &[&str] = &[
    "crop_size",
    "default_to_square",
    "do_center_crop",
    "do_convert_rgb",
    "do_normalize",
    "do_pad",
    "do_rescale",
    "do_resize",
    "image_mean",
    "image_std",
    "pad_size",
    "resample",
    "rescale_factor",
    "size",
];

/// Keys that mean something to some classes; classes of the table that have no use for them
/// ignore them.
const OF_SOME_CLASSES: &[&str] = &[
    "crop_pct",
    "do_flip_channel_order",
    "ensure_multiple_of",
    "include_top",
    "keep_aspect_ratio",
    "rescale_offset",
    "size_divisor",
    "use_square_size",
];

/// Keys that change no pixel of an image alone.
const WITHOUT_EFFECT: &[&str] = &[
    "_name_or_path",
    "_processor_class",
    "_valid_processor_keys",
    "auto_map",
    "data_format",
    "device",
    "disable_grouping",
    "do_reduce_labels",
    "feature_extractor_type",
    "image_processor_type",
    "image_seq_length",
    "input_data_format",
    "model_input_names",
    "name_or_path",
    "processor_class",
    "reduce_labels",
    "return_tensors",
    "transformers_version",
];

/// What lies beside an image processor's file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Context<'a> {
    /// Whether the fields were found inside a `processor_config.json`.
    pub(super) is_nested: bool,
    /// The model's `config.json`.
    pub(super) model: Option<Fields<'a>>,
}

/// What an image processor does to images.
pub(super) fn pixels(fields: Fields<'_>, context: &Context<'_>) -> Result<PartialConfig> {
    let class = Class::of(&fields, context)?;
    refuse_unknown_keys(&fields, &class)?;
    let reading = Reading { fields, class: &class };
    let arithmetic = Arithmetic::of(&fields, &class, context)?;
    let mut layer = PartialConfig::of_file(fields.file);
    frame::read(&reading, &arithmetic, &mut layer)?;
    scale::read(&reading, &mut layer)?;
    arithmetic.write(&reading, &mut layer)?;
    Ok(layer)
}

/// The class names of a model's `config.json`.
pub(super) fn labels(model: Fields<'_>) -> Result<Option<PartialConfig>> {
    let Some(table) = model.below("id2label")? else { return Ok(None) };
    let names = classes::by_index(table.table).map_err(|message| {
        model.error("id2label", message).with_hint(
            "expected a name for each index from 0 on; or give a list with --classes",
        )
    })?;
    let mut layer = PartialConfig::of_file(model.file);
    layer.classes = Some(names);
    layer.comes_from("classes", model.file, format!("{}: id2label", model.file));
    Ok(Some(layer))
}

fn refuse_unknown_keys(fields: &Fields<'_>, class: &Class) -> Result<()> {
    for (key, value) in fields.table {
        let name = key.as_str();
        let is_known = READ.contains(&name)
            || WITHOUT_EFFECT.contains(&name)
            || (class.processor.is_some() && OF_SOME_CLASSES.contains(&name));
        if is_known || matches!(value, Value::Null | Value::Bool(false)) {
            continue;
        }
        let message = format!(
            "{} is not a value that is understood here: as far as is known, it would change \
             pixels",
            kind(value)
        );
        return Err(fields.error(key, message));
    }
    Ok(())
}

/// A file with the class that it is of.
struct Reading<'a> {
    fields: Fields<'a>,
    class: &'a Class,
}

/// A value of the file or of its class.
struct Said<T> {
    value: T,
    key: &'static str,
    is_default: bool,
}

impl<'a> Reading<'a> {
    fn rule(&self) -> Rule {
        self.class.processor.map_or(Rule::Plain, |processor| processor.rule)
    }

    /// A value; `None` where the file says `null` or neither it nor its class says anything.
    fn value<T>(
        &self,
        key: &'static str,
        read: impl Fn(&Fields<'a>, &str) -> Result<Option<T>>,
        default: impl Fn(&Processor) -> Option<T>,
    ) -> Result<Option<Said<T>>> {
        let is_default = !self.fields.table.contains_key(key);
        let value = if is_default {
            self.class.processor.and_then(default)
        } else {
            read(&self.fields, key)?
        };
        Ok(value.map(|value| Said { value, key, is_default }))
    }

    /// Whether a step is done; `None` where nobody says so.
    fn step(
        &self,
        key: &'static str,
        default: impl Fn(&Processor) -> bool,
    ) -> Result<Option<Said<bool>>> {
        if matches!(self.fields.table.get(key), Some(Value::Null)) {
            return Ok(Some(Said { value: false, key, is_default: false }));
        }
        self.value(key, Fields::truth, |processor| Some(default(processor)))
    }

    /// The value that a step needs.
    fn needed<T>(
        &self,
        value: Option<Said<T>>,
        key: &str,
        step: &str,
    ) -> Result<Said<T>> {
        value.ok_or_else(|| {
            let how =
                if self.fields.table.contains_key(key) { "null" } else { "missing" };
            self.fields.error(key, format!("is {how}, though {step} is true"))
        })
    }

    /// Writes down that a key of the layer comes from this value.
    fn note<T>(&self, layer: &mut PartialConfig, key: &'static str, said: &Said<T>) {
        let file = self.fields.file;
        let origin = self.class.origin(file, said.is_default);
        layer.comes_from(key, origin, format!("{file}: {}", said.key));
    }
}
