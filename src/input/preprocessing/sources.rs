//! Which configurations there are, and in which order they count.
//!
//! What lies in the model file comes first, then the files beside it that other libraries
//! wrote, then the sidecar, the file of `--config` and the flags: later ones win key by key.

mod beside;
mod fields;
mod folders;
mod hugging_face;
mod mmdeploy;
mod timm;
mod ultralytics;

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use serde_json::{Map, Value};

use super::partial_config::Options;
use super::partial_config::PartialConfig;
use super::scale::check_levels;
use super::sidecar;
use crate::error::{Error, Result};
use beside::Beside;
use fields::Fields;
use folders::Folders;
use hugging_face::Context;

/// Most bytes of a configuration or a class list.
const MOST_BYTES: u64 = 16 << 20;

/// The way out of a configuration that cannot be honored.
const INSTEAD: &str = "say how images are prepared in a TOML file (MODEL.toml beside the \
                       model, or --config FILE) or by flags; once mean and std or a preset are \
                       said there, this file is left out";

/// Everything that was said, lowest first.
#[derive(Debug)]
pub(super) struct ConfigSources {
    pub(super) layers: Vec<PartialConfig>,
    pub(super) left_out: Vec<IgnoredConfig>,
}

/// A configuration that did not have to be honored.
#[derive(Debug)]
pub(super) struct IgnoredConfig {
    /// What would be answered to it.
    pub(super) error: Error,
    /// Why that does not matter.
    pub(super) why: &'static str,
}

/// Reads all that says something about this model's preprocessing.
pub(super) fn gather(model: &Path, options: &Options) -> Result<ConfigSources> {
    let folders = Folders::around(model);
    let inside = format!("{}'s metadata", model.display());
    let Beside { found, unrecognized } = Beside::read(&folders);
    let metadata = ultralytics::read(&inside, &options.metadata);
    let found = metadata.into_iter().chain(found);

    let mut by_hand = Vec::new();
    if let Some(path) = folders.sidecar() {
        by_hand.push(sidecar::parse(&path.display().to_string(), &read(&path)?)?);
    }
    if let Some(path) = &options.config {
        by_hand.extend(config(path)?);
    }
    by_hand.push(PartialConfig::of_flags(options)?);

    let scale_is_said = by_hand.iter().any(PartialConfig::says_the_scale);
    let left_out = |why| move |error| IgnoredConfig { error, why };
    let unrecognized = unrecognized.into_iter().map(left_out("not recognized"));
    let mut left_outs: Vec<IgnoredConfig> = unrecognized.collect();
    let mut layers = Vec::new();
    for source in found {
        match source.and_then(check_levels) {
            Ok(layer) => layers.push(layer),
            Err(error) if scale_is_said => {
                left_outs.push(left_out("mean and std are said by hand")(error));
            }
            Err(error) => return Err(error),
        }
    }
    layers.extend(by_hand);
    Ok(ConfigSources { layers, left_out: left_outs })
}

/// A JSON file.
struct Document {
    file: String,
    table: Map<String, Value>,
}

impl Document {
    fn read(path: &Path) -> Result<Self> {
        let file = path.display().to_string();
        Self::parse(file, &read(path)?)
    }

    fn parse(file: String, text: &str) -> Result<Self> {
        match fields::object(text) {
            Ok(table) => Ok(Self { file, table }),
            Err(message) => Err(Error::setting(file, message).with_hint(INSTEAD)),
        }
    }

    fn fields(&self) -> Fields<'_> {
        Fields { file: &self.file, table: &self.table }
    }
}

/// What the file of `--config` says: a sidecar, or any of the JSON files, told by content.
fn config(path: &Path) -> Result<Vec<PartialConfig>> {
    let (file, text) = (path.display().to_string(), read(path)?);
    if !text.trim_start().starts_with('{') {
        return Ok(vec![sidecar::parse(&file, &text)?]);
    }
    let document = Document::parse(file, &text)?;
    foreign(path, document.fields())?.into_iter().map(check_levels).collect()
}

/// What a JSON file of another library says.
fn foreign(path: &Path, fields: Fields<'_>) -> Result<Vec<PartialConfig>> {
    if mmdeploy::is_pipeline(&fields) {
        return Ok(vec![mmdeploy::pixels(fields)?]);
    }
    if mmdeploy::is_deploy(&fields) {
        return Ok(mmdeploy::task(fields)?.into_iter().collect());
    }
    if let Some(layer) = ultralytics::read(fields.file, &texts(&fields)) {
        return Ok(vec![layer?]);
    }
    if timm::is_config(&fields) {
        let labels = timm::labels(fields)?;
        return Ok([timm::pixels(fields)?].into_iter().chain(labels).collect());
    }
    let has = |keys: &[&str]| keys.iter().any(|key| fields.get(key).is_some());
    let nested = fields.table.get("image_processor").is_some_and(Value::is_object);
    let is_processor = has(&["image_processor_type", "feature_extractor_type"])
        || has(&["do_resize", "do_rescale", "do_normalize", "image_mean"]);
    if nested || is_processor {
        let companion = path.with_file_name("config.json");
        let is_there = companion != path && companion.is_file();
        let companion = is_there.then(|| Document::read(&companion)).transpose()?;
        let inner = if nested { fields.below("image_processor")? } else { None };
        let model = companion.as_ref().map(Document::fields);
        let context = Context { is_nested: nested, model };
        return Ok(vec![hugging_face::pixels(inner.unwrap_or(fields), &context)?]);
    }
    if let Some(labels) = hugging_face::labels(fields)? {
        return Ok(vec![labels]);
    }
    Err(Error::setting(fields.file, "is JSON of no form that is known").with_hint(
        "expected the preprocessor_config.json, processor_config.json or config.json of \
         Hugging Face or timm, the pipeline.json of mmdeploy, or a TOML sidecar",
    ))
}

/// The entries of an object that are text.
fn texts(fields: &Fields<'_>) -> Vec<(String, String)> {
    let text =
        |(key, value): (&String, &Value)| Some((key.clone(), value.as_str()?.to_owned()));
    fields.table.iter().filter_map(text).collect()
}

fn read(path: &Path) -> Result<String> {
    read_text(path).map_err(|error| Error::read(path, error))
}

/// Reads a file of text, without a byte order mark.
pub(super) fn read_text(path: &Path) -> io::Result<String> {
    let wrong = |message| Err(io::Error::new(io::ErrorKind::InvalidData, message));
    let mut bytes = Vec::new();
    File::open(path)?.take(MOST_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MOST_BYTES {
        return wrong(format!("is larger than {} MiB", MOST_BYTES >> 20));
    }
    let Ok(text) = String::from_utf8(bytes) else {
        return wrong("is not UTF-8 text".to_owned());
    };
    if text.starts_with("version https://git-lfs") {
        let message =
            "is a Git LFS pointer, not the file itself; fetch it with git lfs pull";
        return wrong(message.to_owned());
    }
    Ok(match text.strip_prefix('\u{feff}') {
        Some(text) => text.to_owned(),
        None => text,
    })
}
