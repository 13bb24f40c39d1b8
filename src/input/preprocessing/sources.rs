//! Sources of configurations, in order of precedence.
//!
//! The metadata of the model file come first, then the files of other libraries beside it, then the
//! sidecar, the file of `config` and the options: later ones win key by key.
//!
//! [`SOURCES`] has a row for each library. A new library is a file of this folder and a row.

mod discovery;
mod hugging_face;
mod json_object;
mod mmdeploy;
mod timm;
mod ultralytics;

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::partial_config::{ConfigStack, Options, PartialConfig};
use super::scale::check_scale;
use super::{presets, sidecar, text_file};
use crate::error::{Error, Result};
use discovery::{ConfigDiscovery, Folders};
use json_object::{Document, JsonObject};

/// Hint for a configuration that cannot be followed.
const INSTEAD: &str = "give the preprocessing in a TOML file (MODEL.toml beside the model, or any \
                       file with `config`) or with options; once mean and std or a preset are \
                       given there, this file is ignored";

/// A library whose configuration files are understood.
struct ConfigSource {
    /// The library.
    name: &'static str,
    /// Files that it leaves beside a model.
    files: &'static [ConfigFile],
    /// Returns which of its files a JSON object is, told by its content; `None` for an object of
    /// another library.
    detect: fn(&JsonObject<'_>) -> Option<&'static str>,
    /// Parses the settings that its files give.
    parse: fn(&ConfigFiles) -> Vec<Result<PartialConfig>>,
}

/// A configuration file of a library.
struct ConfigFile {
    name: &'static str,
    /// Texts that show that the library wrote the file. Empty if only this library uses the name.
    marks: &'static [&'static str],
}

/// Every library, lowest precedence first.
const SOURCES: &[ConfigSource] = &[
    ConfigSource {
        name: "Ultralytics",
        files: &[],
        detect: ultralytics::detect,
        parse: ultralytics::parse,
    },
    ConfigSource {
        name: "mmdeploy",
        files: &[
            ConfigFile {
                name: mmdeploy::PIPELINE,
                marks: &["\"LoadImageFromFile\"", "\"transforms\""],
            },
            ConfigFile { name: mmdeploy::DEPLOY, marks: &["\"customs\""] },
        ],
        detect: mmdeploy::detect,
        parse: mmdeploy::parse,
    },
    ConfigSource {
        name: "timm",
        files: &[ConfigFile {
            name: timm::CONFIG,
            marks: &["\"crop_pct\"", "\"label_names\"", "\"pretrained_cfg\""],
        }],
        detect: timm::detect,
        parse: timm::parse,
    },
    ConfigSource {
        name: "Hugging Face",
        files: &[
            ConfigFile {
                name: hugging_face::MODEL,
                marks: &[
                    "\"architectures\"",
                    "\"id2label\"",
                    "\"model_type\"",
                    "\"transformers_version\"",
                ],
            },
            ConfigFile { name: hugging_face::PROCESSOR, marks: &[] },
            ConfigFile { name: hugging_face::PREPROCESSOR, marks: &[] },
        ],
        detect: hugging_face::detect,
        parse: hugging_face::parse,
    },
];

/// Name under which the metadata of a model file are read.
const METADATA: &str = "metadata";

/// Configuration files of other libraries, by name.
#[derive(Debug, Default)]
struct ConfigFiles {
    documents: Vec<(&'static str, Document)>,
    /// The `config.json` beside a file of `config`. It tells how to read that file, and gives no
    /// settings itself.
    companion: Option<Document>,
}

impl ConfigFiles {
    fn insert(&mut self, name: &'static str, document: Document) {
        self.documents.push((name, document));
    }

    fn get(&self, name: &str) -> Option<JsonObject<'_>> {
        let found = self.documents.iter().find(|(other, _)| *other == name);
        found.map(|(_, document)| document.root())
    }

    fn parse(&self) -> impl Iterator<Item = Result<PartialConfig>> {
        SOURCES.iter().flat_map(|source| (source.parse)(self))
    }
}

/// Every configuration of a model.
#[derive(Debug)]
pub(super) struct ConfigSources {
    pub(super) configs: ConfigStack,
    pub(super) ignored: Vec<IgnoredConfig>,
    /// Paths that origins and errors may contain: those of the model and of all configuration files.
    pub(super) paths: Vec<PathBuf>,
}

/// A configuration file that was ignored.
#[derive(Debug)]
pub(super) struct IgnoredConfig {
    /// The error that it would cause.
    pub(super) error: Error,
    /// Reason why it can be ignored.
    pub(super) reason: &'static str,
}

/// Reads every source of a model's preprocessing settings.
pub(super) fn gather(model: &Path, options: &Options) -> Result<ConfigSources> {
    let folders = Folders::around(model);
    let ConfigDiscovery { mut files, mut paths, broken, unrecognized } =
        ConfigDiscovery::read(&folders);
    paths.extend(options.config.clone());
    paths.push(model.to_owned());
    files.insert(METADATA, metadata_document(model, &options.metadata));

    let mut explicit = Vec::new();
    if let Some(path) = folders.sidecar() {
        explicit.push(sidecar::parse(&path.display().to_string(), &read(&path)?)?);
        paths.push(path);
    }
    if let Some(path) = &options.config {
        explicit.extend(read_config(path)?);
    }
    let mut of_options = PartialConfig::of_options(options)?;
    presets::apply(&mut of_options);
    explicit.push(of_options);

    let scale_is_given = explicit.iter().any(PartialConfig::gives_scale);
    let mut ignored: Vec<IgnoredConfig> = unrecognized
        .into_iter()
        .map(|error| IgnoredConfig { error, reason: "not recognized" })
        .collect();
    let mut configs = Vec::new();
    for found in broken.into_iter().map(Err).chain(files.parse()) {
        match found.and_then(check_scale) {
            Ok(config) => configs.push(config),
            Err(error) if scale_is_given => ignored.push(IgnoredConfig {
                error,
                reason: "mean and std are given explicitly",
            }),
            Err(error) => return Err(error),
        }
    }
    configs.extend(explicit);
    Ok(ConfigSources { configs: ConfigStack(configs), ignored, paths })
}

fn metadata_document(model: &Path, metadata: &[(String, String)]) -> Document {
    let mut table = Map::new();
    for (key, value) in metadata {
        table.entry(key).or_insert_with(|| Value::from(value.as_str()));
    }
    Document { file: format!("{}'s metadata", model.display()), table }
}

/// Reads the file of `config`: a sidecar, or a JSON file of a library, told by its content.
fn read_config(path: &Path) -> Result<Vec<PartialConfig>> {
    let (file, text) = (path.display().to_string(), read(path)?);
    if !text.trim_start().starts_with('{') {
        return Ok(vec![sidecar::parse(&file, &text)?]);
    }
    let document = Document::parse(file, &text)?;
    let root = document.root();
    let Some(name) = SOURCES.iter().find_map(|source| (source.detect)(&root)) else {
        return Err(Error::configuration(document.file, "is JSON of no known form")
            .with_hint(format!("expected a TOML sidecar, or {}", known_files())));
    };
    let mut files = ConfigFiles::default();
    files.insert(name, document);
    let companion = path.with_file_name(hugging_face::MODEL);
    if hugging_face::needs_companion(name) && companion != path && companion.is_file() {
        files.companion = Some(Document::read(&companion)?);
    }
    files.parse().map(|config| config.and_then(check_scale)).collect()
}

/// Returns the files of every library, as a hint lists them.
fn known_files() -> String {
    let sources = SOURCES.iter().filter(|source| !source.files.is_empty());
    let of_source = sources.map(|source| {
        let names: Vec<&str> = source.files.iter().map(|file| file.name).collect();
        format!("the {} of {}", names.join(" or "), source.name)
    });
    of_source.collect::<Vec<_>>().join(", ")
}

fn read(path: &Path) -> Result<String> {
    text_file::read(path).map_err(|error| Error::read(path, error))
}
