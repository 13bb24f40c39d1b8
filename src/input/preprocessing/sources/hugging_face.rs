//! Hugging Face transformers: `preprocessor_config.json`, `processor_config.json` and
//! `config.json`.
//!
//! A key that a file leaves out has the default of its class; `null` means none, not the default. A
//! key that is not known is refused, because it could change pixels.

mod processors;
mod steps;

use serde_json::Value;

use super::ConfigFiles;
use super::json_object::{JsonObject, shown};
use crate::error::Result;
use crate::input::preprocessing::classes;
use crate::input::preprocessing::partial_config::PartialConfig;
use crate::input::settings::{Alpha, CropRule, Resampler};
use crate::task::{IMAGE_LABELS, IMAGE_REGRESSION};
use processors::{Processor, Rule};

/// Configuration of a model: class names, and what completes the image processor's file.
pub(super) const MODEL: &str = "config.json";

/// Configuration of an image processor.
pub(super) const PREPROCESSOR: &str = "preprocessor_config.json";

/// Configuration of a processor that contains an image processor, written by transformers 5.
pub(super) const PROCESSOR: &str = "processor_config.json";

/// Keys that are read.
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
    "do_reduce_labels",
    "pad_size",
    "reduce_labels",
    "resample",
    "rescale_factor",
    "size",
];

/// Keys that some classes read. Known classes without a use for them ignore them.
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

/// Keys that change no pixel.
const WITHOUT_EFFECT: &[&str] = &[
    "_name_or_path",
    "_processor_class",
    "_valid_processor_keys",
    "auto_map",
    "data_format",
    "device",
    "disable_grouping",
    "feature_extractor_type",
    "image_processor_type",
    "image_seq_length",
    "input_data_format",
    "model_input_names",
    "name_or_path",
    "processor_class",
    "return_tensors",
    "transformers_version",
];

/// Recognizes which file a JSON object is.
pub(super) fn detect(root: &JsonObject<'_>) -> Option<&'static str> {
    let is_processor = [
        "image_processor_type",
        "feature_extractor_type",
        "do_resize",
        "do_rescale",
        "do_normalize",
        "image_mean",
    ];
    if root.table.get("image_processor").is_some_and(Value::is_object) {
        Some(PROCESSOR)
    } else if is_processor.iter().any(|key| root.has(key)) {
        Some(PREPROCESSOR)
    } else {
        root.has("id2label").then_some(MODEL)
    }
}

/// Returns whether the `config.json` beside a file tells how to read it.
pub(super) fn needs_companion(name: &str) -> bool {
    [PREPROCESSOR, PROCESSOR].contains(&name)
}

/// Reads the preprocessing, the class names and the task.
pub(super) fn parse(files: &ConfigFiles) -> Vec<Result<PartialConfig>> {
    let mut configs = Vec::new();
    match find_processor(files) {
        Ok(Some(file)) if is_timm_wrapper(&file.object) => {}
        Ok(Some(file)) => configs.push(preprocessing(&file)),
        Ok(None) => {}
        Err(error) => configs.push(Err(error)),
    }
    if let Some(model) = files.get(MODEL) {
        configs.extend(class_names(model).transpose());
    }
    let companion = files.companion.as_ref().map(super::Document::root);
    if let Some(model) = files.get(MODEL).or(companion) {
        configs.extend(problem_type(model).transpose());
    }
    configs
}

/// The configuration of an image processor.
#[derive(Debug, Clone, Copy)]
pub(super) struct ProcessorFile<'a> {
    pub(super) object: JsonObject<'a>,
    /// Set if the object lies inside a `processor_config.json`.
    is_nested: bool,
    /// The model's `config.json`.
    model: Option<JsonObject<'a>>,
}

/// Returns the configuration of the image processor, if there is one.
pub(super) fn find_processor(files: &ConfigFiles) -> Result<Option<ProcessorFile<'_>>> {
    let companion = files.companion.as_ref().map(super::Document::root);
    let model = files.get(MODEL).or(companion);
    if let Some(root) = files.get(PROCESSOR)
        && let Some(object) = root.object("image_processor")?
    {
        return Ok(Some(ProcessorFile { object, is_nested: true, model }));
    }
    let object = files.get(PREPROCESSOR);
    Ok(object.map(|object| ProcessorFile { object, is_nested: false, model }))
}

/// Returns whether an image processor is of the class that leaves everything to timm.
pub(super) fn is_timm_wrapper(processor: &JsonObject<'_>) -> bool {
    let name = processor.get("image_processor_type").and_then(Value::as_str);
    name.is_some_and(|name| name.starts_with("TimmWrapperImageProcessor"))
}

fn preprocessing(file: &ProcessorFile<'_>) -> Result<PartialConfig> {
    let class = Class::of(file)?;
    refuse_unknown_keys(&file.object, &class)?;
    let reader = Reader { object: file.object, class: &class };
    let backend = Backend::of(file, &class)?;
    let mut config = PartialConfig::of_file(file.object.file);
    steps::read_sizes(&reader, &backend, &mut config)?;
    steps::read_scale(&reader, &mut config)?;
    backend.write(&reader, &mut config)?;
    for key in ["do_reduce_labels", "reduce_labels"] {
        if file.object.boolean(key)? == Some(true) {
            config.reduce_zero_label = Some(true);
            let location = format!("{}: {key}", file.object.file);
            config.set_provenance("reduce_zero_label", location.clone(), location);
        }
    }
    Ok(config)
}

/// Returns the task that `problem_type` states, unless the outputs show it.
fn problem_type(model: JsonObject<'_>) -> Result<Option<PartialConfig>> {
    let labels = model.object("id2label")?.map(|labels| labels.table.len());
    let task = match model.text("problem_type")? {
        // One label is a question with two answers.
        Some("multi_label_classification") if labels != Some(1) => &IMAGE_LABELS,
        Some("regression") => &IMAGE_REGRESSION,
        _ => return Ok(None),
    };
    let mut config = PartialConfig::of_file(model.file);
    config.task = Some(task);
    config.set_provenance("task", model.file, format!("{}: problem_type", model.file));
    Ok(Some(config))
}

fn class_names(model: JsonObject<'_>) -> Result<Option<PartialConfig>> {
    let Some(table) = model.object("id2label")? else { return Ok(None) };
    let names = classes::by_index(table.table).map_err(|message| {
        model.error("id2label", message).with_hint(
            "expected a name for each index from 0 on; or give a list with `classes`",
        )
    })?;
    let mut config = PartialConfig::of_file(model.file);
    config.classes = Some(names);
    config.set_provenance("classes", model.file, format!("{}: id2label", model.file));
    Ok(Some(config))
}

fn refuse_unknown_keys(object: &JsonObject<'_>, class: &Class) -> Result<()> {
    for (key, value) in object.table {
        let name = key.as_str();
        let is_known = READ.contains(&name)
            || WITHOUT_EFFECT.contains(&name)
            || (class.processor.is_some() && OF_SOME_CLASSES.contains(&name));
        if is_known || matches!(value, Value::Null | Value::Bool(false)) {
            continue;
        }
        let message = format!(
            "{} is not supported: the meaning of this key is not known, and it could change pixels",
            shown(value)
        );
        return Err(object.error(key, message));
    }
    Ok(())
}

/// The class of an image processor, as far as it is known.
#[derive(Debug, Clone)]
struct Class {
    /// Name in the file, empty if nothing names a class.
    name: String,
    /// Row of the class, if it is known.
    processor: Option<&'static Processor>,
    suffix: Option<Suffix>,
}

/// End of a class name that tells the arithmetic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Suffix {
    /// `...Fast`, of transformers 4.
    Fast,
    /// `...Pil`, of transformers 5.
    Pil,
}

impl Class {
    /// Returns the class that the file names, or that the model's type uses.
    fn of(file: &ProcessorFile<'_>) -> Result<Self> {
        let named = match named_class(&file.object)? {
            Some(name) => Some(name),
            None => match &file.model {
                Some(model) => class_of_model(model)?,
                None => None,
            },
        };
        let name = named.unwrap_or_default();
        let (base, suffix) = if let Some(base) = name.strip_suffix("Fast") {
            (base, Some(Suffix::Fast))
        } else if let Some(base) = name.strip_suffix("Pil") {
            (base, Some(Suffix::Pil))
        } else {
            (name.as_str(), None)
        };
        if let Some(reason) = processors::refusal_reason(base) {
            let message = format!("{base} is not supported: {reason}");
            return Err(file.object.error("image_processor_type", message));
        }
        let processor = processors::by_class(base);
        Ok(Self { name, processor, suffix })
    }

    /// Returns the origin of a value that the file gives, or leaves to its class.
    fn origin(&self, file: &str, is_default: bool) -> String {
        match self.processor {
            Some(processor) if is_default => {
                format!("{} default ({file})", processor.class)
            }
            Some(_) => file.to_owned(),
            None if self.name.is_empty() => {
                format!("{file}, which names no class: its defaults are not known")
            }
            None => format!("{file}; {} and its defaults are not known", self.name),
        }
    }
}

fn named_class(processor: &JsonObject<'_>) -> Result<Option<String>> {
    for key in ["image_processor_type", "feature_extractor_type"] {
        if let Some(name) = processor.text(key)? {
            return Ok(Some(name.replace("FeatureExtractor", "ImageProcessor")));
        }
    }
    let Some(map) = processor.object("auto_map")? else { return Ok(None) };
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

fn class_of_model(model: &JsonObject<'_>) -> Result<Option<String>> {
    if let Some(name) = model.text("image_processor_type")? {
        return Ok(Some(name.to_owned()));
    }
    let class = model.text("model_type")?.and_then(processors::class_of_model_type);
    Ok(class.map(str::to_owned))
}

/// Reads the values of an image processor and the defaults of its class.
struct Reader<'a> {
    object: JsonObject<'a>,
    class: &'a Class,
}

/// A value of the file or of its class.
struct Entry<T> {
    value: T,
    key: &'static str,
    is_default: bool,
}

impl<'a> Reader<'a> {
    fn rule(&self) -> Rule {
        self.class.processor.map_or(Rule::Plain, |processor| processor.rule)
    }

    /// Returns a value; `None` for `null`, and if neither the file nor its class gives one.
    fn value<T>(
        &self,
        key: &'static str,
        read: impl Fn(&JsonObject<'a>, &str) -> Result<Option<T>>,
        default: impl Fn(&Processor) -> Option<T>,
    ) -> Result<Option<Entry<T>>> {
        let is_default = !self.object.table.contains_key(key);
        let value = if is_default {
            self.class.processor.and_then(default)
        } else {
            read(&self.object, key)?
        };
        Ok(value.map(|value| Entry { value, key, is_default }))
    }

    /// Returns whether a step is done; `None` if neither the file nor its class tells.
    fn step(
        &self,
        key: &'static str,
        default: impl Fn(&Processor) -> bool,
    ) -> Result<Option<Entry<bool>>> {
        if matches!(self.object.table.get(key), Some(Value::Null)) {
            return Ok(Some(Entry { value: false, key, is_default: false }));
        }
        self.value(key, JsonObject::boolean, |processor| Some(default(processor)))
    }

    /// Returns the value that a step needs, or an error if there is none.
    fn required<T>(
        &self,
        value: Option<Entry<T>>,
        key: &str,
        step: &str,
    ) -> Result<Entry<T>> {
        value.ok_or_else(|| {
            let state =
                if self.object.table.contains_key(key) { "null" } else { "missing" };
            self.object.error(key, format!("is {state}, though {step} is true"))
        })
    }

    /// Sets the provenance of a setting that follows from an entry.
    fn set_provenance<T>(
        &self,
        config: &mut PartialConfig,
        key: &'static str,
        entry: &Entry<T>,
    ) {
        let file = self.object.file;
        let origin = self.class.origin(file, entry.is_default);
        config.set_provenance(key, origin, format!("{file}: {}", entry.key));
    }
}

/// Arithmetic of an image processor, which its file rarely names.
#[derive(Debug, Clone)]
struct Backend {
    is_pillow: bool,
    /// Transformers 5 lays transparent images on white, transformers 4 drops transparency.
    is_version_5: bool,
    origin: String,
}

impl Backend {
    /// Returns the arithmetic by the class's name, else by the kind of file, else by the version
    /// that a file names.
    fn of(file: &ProcessorFile<'_>, class: &Class) -> Result<Self> {
        let version = version(file)?;
        let major = version.as_ref().map(|(major, _)| *major);
        let path = file.object.file;
        let named = || format!("{} ({path})", class.name);
        let (is_pillow, is_version_5, origin) = match (class.suffix, version) {
            (Some(Suffix::Pil), _) => (true, true, named()),
            (Some(Suffix::Fast), _) => {
                (false, major.is_some_and(|major| major >= 5), named())
            }
            (None, _) if file.is_nested => {
                (false, true, format!("nested as by transformers 5 ({path})"))
            }
            (None, Some((major, origin))) => (major < 5, major >= 5, origin),
            (None, None) => {
                (false, true, format!("as transformers 5: {path} names no version"))
            }
        };
        Ok(Self { is_pillow, is_version_5, origin })
    }

    /// Writes the settings that follow from the arithmetic.
    fn write(&self, reader: &Reader<'_>, config: &mut PartialConfig) -> Result<()> {
        let do_rescale = reader.step("do_rescale", |_| true)?;
        let scales_first = reader.rule() == Rule::Float
            && do_rescale.as_ref().is_some_and(|step| step.value);
        config.resampler = Some(match (scales_first, self.is_pillow) {
            (true, _) => Resampler::Float,
            (false, true) => Resampler::Pillow,
            (false, false) => Resampler::Torchvision,
        });
        config.crop_rule = Some(if self.is_pillow {
            CropRule::HuggingFace4
        } else {
            CropRule::HuggingFace
        });
        let file = reader.object.file;
        for key in ["resampler", "crop_rule"] {
            config.set_provenance(key, self.origin.clone(), file);
        }
        if scales_first {
            let origin = format!("{} ({file})", reader.class.name);
            config.set_provenance("resampler", origin, file);
        }
        let to_rgb =
            reader.step("do_convert_rgb", |processor| processor.do_convert_rgb)?;
        if let Some(to_rgb) = to_rgb {
            let is_white = to_rgb.value && self.is_version_5;
            config.alpha = Some(if is_white { Alpha::White } else { Alpha::Drop });
            reader.set_provenance(config, "alpha", &to_rgb);
        }
        Ok(())
    }
}

/// Returns the major version of transformers that wrote the files, with its origin.
fn version(file: &ProcessorFile<'_>) -> Result<Option<(u64, String)>> {
    for object in [Some(&file.object), file.model.as_ref()].into_iter().flatten() {
        let Some(version) = object.text("transformers_version")? else { continue };
        let major = version.split('.').next().and_then(|major| major.parse().ok());
        let major = major.ok_or_else(|| {
            object.error(
                "transformers_version",
                format!("expected a version like 4.57.1, found \"{version}\""),
            )
        })?;
        return Ok(Some((major, format!("transformers {version} ({})", object.file))));
    }
    Ok(None)
}
