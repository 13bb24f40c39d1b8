//! The only schema of `run.json`, `metrics.json`, `predictions.csv` and lines of JSON.
//!
//! [`RunRecord`] is `run.json`, which describes how the predictions of a folder were made.
//! [`ImageRecord`] is a row of `predictions.csv` and a line of `--jsonl`, the results for an image;
//! [`Columns`] are the columns of a run. [`MetricsRecord`] is `metrics.json`, the results of an
//! evaluation. These files are written and read with these types only.
//!
//! Folders of older versions are read as well: a missing key has its default, and an unknown key is
//! ignored. A value of the wrong type makes the whole record invalid.

mod differences;
mod image;
mod metrics;
mod named_values;
mod recorded_path;

use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

pub use self::image::{
    Column, Columns, Decision, Field, ImageRecord, JsonLine, shortest,
};
pub use self::metrics::{
    IntervalRecord, LabelOptionsRecord, LabelsRecord, MetricRecord, MetricsRecord,
};
pub use self::named_values::NamedValues;
pub use self::recorded_path::{name_of, path_of_record, recorded_path};

/// How the predictions of a folder were made: `run.json`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RunRecord {
    /// Version of mcdrop.
    pub mcdrop: String,
    /// The model.
    pub model: ModelRecord,
    /// The libraries and instructions that the run was computed with.
    pub runtime: RuntimeRecord,
    /// The settings of the samples.
    pub sampling: SamplingRecord,
    /// Multiply-adds per image; `None` if they cannot be counted.
    pub multiply_adds: Option<MultiplyAdds>,
    /// The sites that were sampled.
    pub sites: Vec<SiteRecord>,
    /// The settings of the preprocessing.
    pub preprocessing: Vec<PreprocessingSetting>,
    /// Names of the classes, if they are known.
    pub classes: Option<Vec<String>>,
    /// Colors of the classes, if some were chosen.
    pub palette: Option<Vec<[u8; 3]>>,
    /// The predictions and files of a run.
    pub output: OutputRecord,
    /// The folders of the images.
    pub inputs: Vec<InputFolder>,
    /// Numbers of images; `None` while the run has not ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub images: Option<ImageCounts>,
    /// Start and duration; `None` while the run has not ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub times: Option<Times>,
}

/// The model of a run.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ModelRecord {
    /// Path of the ONNX file.
    pub path: String,
    /// The file and its external data, each with its hash.
    pub files: Vec<FileHash>,
    /// The program that wrote the file.
    pub producer: String,
    /// Version of the ONNX operators.
    pub opset: i64,
    /// Name of the output that the scores belong to.
    pub output: String,
    /// Kind of the scores: `logits`, `probabilities`, `values`, ...
    pub scores: String,
    /// What is read of the outputs, as `ROLE=OUTPUT`, where the role is known before a probe.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub heads: Vec<String>,
    /// Operators behind the scores that were cut off.
    pub removed_from_end: Option<String>,
    /// Number of nodes that run once per image.
    pub prefix_nodes: usize,
    /// Number of nodes that run once per sample.
    pub suffix_nodes: usize,
    /// Signs that the export lost a part of its dropout.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// A file with its hash.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct FileHash {
    /// Name of the file.
    pub name: String,
    /// SHA-256 of its bytes in hexadecimal digits.
    pub sha256: String,
}

/// The libraries and instructions that a run was computed with.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RuntimeRecord {
    /// Version of ONNX Runtime.
    pub onnxruntime: String,
    /// Path of its library.
    pub library: String,
    /// Its execution provider.
    pub provider: String,
    /// The instruction set of mcdrop's own kernels.
    pub kernels: String,
    /// Number of threads.
    pub threads: usize,
}

/// The settings of the samples.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SamplingRecord {
    /// Number of samples, the largest one if `stop` is set; 0 without dropout.
    pub samples: u32,
    /// The rule that ends sampling early.
    pub stop: Option<StopRecord>,
    /// Seed of the masks.
    pub seed: u64,
    /// Kind of the draws: `stratified` or `independent`.
    pub draws: String,
    /// Number of draws of the noise of logits in each pass, if the model predicts it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logit_noise_samples: Option<u32>,
    /// Whether images share their masks.
    pub masks: String,
    /// Whether every dropout was off.
    pub deterministic: bool,
    /// The batch size that the user chose.
    pub batch_size: Option<usize>,
    /// Largest number of bytes of a run of the suffix.
    pub memory: usize,
    /// Number of batch elements of a run of the suffix.
    pub rows_per_run: usize,
    /// The reason why that number is not larger.
    pub rows_per_run_limited_by: Option<String>,
    /// The fixed batch size of the file, if it was made dynamic.
    pub batch_size_opened: Option<usize>,
    /// Shortcuts that were switched off.
    pub disabled: Vec<String>,
}

/// A rule that ends sampling early.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct StopRecord {
    /// Name of the quantity whose error decides.
    pub steering: String,
    /// Its largest error.
    pub tolerance: f64,
}

/// Multiply-adds per image of one size.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct MultiplyAdds {
    /// Multiply-adds of all needed nodes, once.
    pub needed: u64,
    /// Multiply-adds that every sample repeats.
    pub every_sample: u64,
    /// Height of the network's input.
    pub height: usize,
    /// Width of the network's input.
    pub width: usize,
}

/// A site where randomness enters.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SiteRecord {
    /// Name of its node.
    pub node: String,
    /// The tensor that it writes.
    pub tensor: String,
    /// The probability that a unit is dropped; `None` if the model computes it.
    pub ratio: Option<f64>,
    /// The kind of dropout.
    pub kind: String,
    /// Unit that is dropped as a whole.
    pub unit: String,
    /// Key of its masks in hexadecimal digits.
    pub key: String,
}

/// A setting of the preprocessing.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct PreprocessingSetting {
    /// Name of the setting.
    pub key: String,
    /// Value, in the form of a command-line option.
    pub value: String,
    /// Source of the value.
    pub from: String,
}

/// The predictions and files of a run.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct OutputRecord {
    /// Name of the task.
    pub task: String,
    /// `image` or `pixel`, if the name of the task does not tell which has a prediction.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub item: Option<String>,
    /// Number of classes, labels or targets.
    pub n_classes: usize,
    /// Names of the targets of a regression.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<String>,
    /// Probability of the intervals of a regression.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval: Option<f64>,
    /// What is known about the targets of a regression.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<TargetRecord>,
    /// Measures in the table of images.
    pub measures: Vec<String>,
    /// Measures of which maps were written.
    pub maps: Vec<String>,
    /// Whether class maps were written.
    pub prediction: bool,
    /// Whether overlays were written.
    pub overlay: bool,
    /// Formats of the maps of measures.
    pub formats: Vec<String>,
    /// For each format, the formula that gives values from pixels.
    pub reading: NamedValues<String>,
    /// Size of class maps and of maps of measures.
    pub map_size: MapSize,
    /// Choice of the scales of measures with a bound.
    pub map_scale: MapScale,
    /// Version of the formulas from levels to values ([`LEVELS_VERSION`]); `None` without maps. In
    /// folders without it, all levels are linear.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub levels_version: Option<u32>,
    /// Names of the maps whose levels are those of the square root.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub square_root: Vec<String>,
    /// Upper end of the scale of each measure, by the name of its column.
    pub bounds: NamedValues<f64>,
    /// Lower end, where it is not 0.
    #[serde(skip_serializing_if = "NamedValues::is_empty")]
    pub lower_bounds: NamedValues<f64>,
    /// The unit of each measure.
    pub units: NamedValues<String>,
    /// Precision of the mean probabilities, if they were kept.
    pub keep_probabilities: Option<Precision>,
    /// The complete policy. This module is below `policy`, so it is untyped here; it is only compared
    /// as a whole.
    pub policy: Option<serde_json::Value>,
    /// Whether the files of the page were written.
    pub report: bool,
}

/// What is known about the targets of a regression.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct TargetRecord {
    /// Unit of the targets; empty if it is unknown.
    pub unit: String,
    /// True if the network predicts a variance, or the precision of the observations is known.
    pub has_variance: bool,
    /// Variance of the observations that the network does not predict (1 / model precision), in the
    /// network's unit.
    #[serde(skip_serializing_if = "is_zero")]
    pub noise_variance: f64,
    /// Both ends of the range of valid labels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub valid: Option<[f64; 2]>,
    /// Value of labels that means none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub invalid: Option<f64>,
}

/// Returns true for 0, which records leave out.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives references")]
fn is_zero(number: &f64) -> bool {
    *number == 0.0
}

/// The size at which class maps and maps of measures are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MapSize {
    /// Size of the image, with "none" where the network did not see the image.
    #[default]
    Image,
    /// Size of the network's input, without resampling.
    Network,
}

/// Choice of the scales of measures with a bound. Measures without a bound have a scale of the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MapScale {
    /// Up to the bound, the same for all runs.
    #[default]
    Fixed,
    /// Up to the 99.9 % quantile over a few images of the run.
    Run,
}

/// Version of the formulas from the levels of pictures to values. Version 1, which was not recorded, has
/// linear levels only.
pub const LEVELS_VERSION: u32 = 2;

/// Precision of kept probabilities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// 32-bit floating point.
    F32,
    /// 16-bit floating point.
    F16,
}

/// A folder of images: the file of an id is `folder/id[skip..]`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct InputFolder {
    /// Path of the folder, relative to the folder of the run or absolute.
    pub folder: String,
    /// Number of bytes at the start of an id that do not belong to the path below the folder.
    pub skip: usize,
}

/// Numbers of images of a run that ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ImageCounts {
    /// Number of images with a prediction.
    pub done: u64,
    /// Number of images with an error.
    pub failed: u64,
}

/// Start and duration of a run that ended.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Times {
    /// Seconds since 1970 at its start.
    pub started_unix_seconds: u64,
    /// Seconds from the first image to the last row.
    pub seconds: f64,
}

impl OutputRecord {
    /// Returns whether the levels of a map are those of the square root; `None` if a later version has
    /// other formulas.
    pub fn has_square_root_levels(&self, name: &str) -> Option<bool> {
        match self.levels_version {
            None | Some(1) => Some(false),
            Some(LEVELS_VERSION) => Some(self.square_root.iter().any(|one| one == name)),
            Some(_) => None,
        }
    }
}

impl RunRecord {
    /// Parses the bytes of a `run.json`.
    ///
    /// # Errors
    /// Fails if they are not a JSON object, or if a value has the wrong type.
    pub fn decode(bytes: &[u8]) -> serde_json::Result<Self> {
        decode_object(bytes)
    }

    /// Returns the bytes of `run.json`.
    ///
    /// # Errors
    /// Fails if a value cannot be written.
    pub fn encode(&self) -> serde_json::Result<Vec<u8>> {
        encode_pretty(self)
    }

    /// Returns the value of a setting of the preprocessing.
    pub fn preprocessing_setting(&self, key: &str) -> Option<&str> {
        self.find_setting(key).map(|setting| setting.value.as_str())
    }

    /// Returns where a setting of the preprocessing comes from.
    pub fn preprocessing_origin(&self, key: &str) -> Option<&str> {
        self.find_setting(key).map(|setting| setting.from.as_str())
    }

    fn find_setting(&self, key: &str) -> Option<&PreprocessingSetting> {
        self.preprocessing.iter().find(|setting| setting.key == key)
    }

    /// Returns whether id 0 of label maps means "no label" and other ids are reduced by 1; `None`
    /// if the model's configuration does not state it.
    pub fn reduces_zero_label(&self) -> Option<bool> {
        self.preprocessing_setting("reduce_zero_label").map(|value| value == "true")
    }

    /// Returns `true` if the network saw only the middle of images.
    pub fn is_cropped(&self) -> bool {
        self.preprocessing_setting("crop").is_some_and(|crop| crop != "none")
    }
}

/// Parses a JSON object. An array, which serde also accepts for a struct, is refused.
fn decode_object<T: DeserializeOwned>(bytes: &[u8]) -> serde_json::Result<T> {
    let object: serde_json::Map<String, serde_json::Value> =
        serde_json::from_slice(bytes)?;
    serde_json::from_value(serde_json::Value::Object(object))
}

/// Returns the JSON of a record, indented and with a newline at its end.
fn encode_pretty(record: &impl Serialize) -> serde_json::Result<Vec<u8>> {
    let mut text = serde_json::to_vec_pretty(record)?;
    text.push(b'\n');
    Ok(text)
}

impl ModelRecord {
    /// Returns the hashes of the model's files. Models with the same hashes are the same, whatever the
    /// names of their files.
    pub fn hashes(&self) -> impl Iterator<Item = &str> {
        self.files.iter().map(|file| file.sha256.as_str())
    }
}

impl InputFolder {
    /// Returns the path of the image with this id in a run whose folder is `run`; `None` if the id is too
    /// short.
    pub fn path(&self, run: &Path, id: &str) -> Option<std::path::PathBuf> {
        Some(path_of_record(&self.folder, run).join(id.get(self.skip..)?))
    }
}

#[cfg(test)]
mod tests;
