//! Records of an evaluation (`metrics.json`).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::NamedValues;

/// Results of an evaluation: `metrics.json`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct MetricsRecord {
    /// Version of mcdrop.
    pub mcdrop: String,
    /// Number of images with labels.
    pub images: usize,
    /// Number of images from outside the distribution.
    pub images_out_of_distribution: usize,
    /// Number of images without a label.
    pub images_without_label: usize,
    /// Number of images whose prediction or label cannot be used.
    pub images_failed: usize,
    /// Number of labeled items: images or pixels, of all labels or targets together.
    pub items: u64,
    /// Numbers of pixels without a label, by reason; with labels or several targets, by label or target and
    /// reason.
    pub items_without_label: BTreeMap<String, u64>,
    /// Source of the labels; `None` if there were none.
    pub labels: Option<LabelsRecord>,
    /// Description of the intervals.
    pub interval: String,
    /// Distribution of the errors of values in likelihood, CRPS and coverage: `gaussian` or `laplace`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub distribution: Option<String>,
    /// Probability of each label from which on it is taken to hold.
    #[serde(skip_serializing_if = "NamedValues::is_empty")]
    pub thresholds: NamedValues<f64>,
    /// Metrics by key.
    pub metrics: NamedValues<MetricRecord>,
}

/// Source of the labels of an evaluation.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct LabelsRecord {
    /// Path of the folder or file, relative to the folder of the run or absolute.
    pub path: String,
    /// Options that describe the labels.
    pub options: LabelOptionsRecord,
}

/// Options that describe labels.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct LabelOptionsRecord {
    /// Pattern of the images' paths, and the path of the label for it.
    pub rename: Option<Vec<String>>,
    /// Ids that mean "no label".
    pub ignore_index: Option<Vec<u32>>,
    /// Id 0 means "no label", and every other id is one more than its class.
    pub reduce_zero_label: Option<bool>,
    /// Name of the palette of the labels, or path of its file.
    pub label_colors: Option<String>,
    /// Factor from the numbers of label files to the unit of the target.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label_scale: Option<f64>,
    /// Summand behind that factor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label_offset: Option<f64>,
    /// Range of the values that count: `LOW:HIGH`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub valid_range: Option<String>,
}

/// A metric.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct MetricRecord {
    /// Value on all images.
    pub value: Option<f64>,
    /// Lower end of its interval.
    pub low: Option<f64>,
    /// Upper end of its interval.
    pub high: Option<f64>,
    /// Interval of the difference from the value of the pass without dropout.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub less_deterministic: Option<IntervalRecord>,
    /// Bound on the error that bins cause; `None` if there is no such error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bin_error: Option<f64>,
}

/// An interval.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct IntervalRecord {
    /// Lower end.
    pub low: Option<f64>,
    /// Upper end.
    pub high: Option<f64>,
}

impl MetricsRecord {
    /// Parses the bytes of a `metrics.json`.
    ///
    /// # Errors
    /// Fails if they are not a JSON object, or if a value has the wrong type.
    pub fn decode(bytes: &[u8]) -> serde_json::Result<Self> {
        super::decode_object(bytes)
    }

    /// Returns the bytes of `metrics.json`.
    ///
    /// # Errors
    /// Fails if a value cannot be written.
    pub fn encode(&self) -> serde_json::Result<Vec<u8>> {
        super::encode_pretty(self)
    }
}

impl MetricRecord {
    /// Returns both ends of the interval.
    pub fn interval(&self) -> Option<(f64, f64)> {
        self.low.zip(self.high)
    }

    /// Returns both ends of the interval of the difference from the pass without dropout.
    pub fn difference(&self) -> Option<(f64, f64)> {
        let IntervalRecord { low, high } = self.less_deterministic?;
        low.zip(high)
    }
}
