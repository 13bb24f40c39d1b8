//! The file format of policies.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{LabelThresholds, Sets, TargetPolicy, Temperature, Threshold};
use crate::error::{Error, Result};
use crate::input::preprocessing::text_file;
use crate::record::RunRecord;

const VERSION: u32 = 1;

const HEAD: &str = "\
# Written by `mcdrop calibrate`; used by `mcdrop predict --policy`. Its promises hold for images
# like those that it was made from, predicted under the settings at the end.
";

/// Settings of a run on which scores and probabilities depend, as text, by `group.key`.
pub type PredictionSettings = BTreeMap<String, String>;

/// Thresholds, temperature and sets, with the settings under which they hold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// Version of the format.
    version: u32,
    /// Temperature that increases the likelihood of the labels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temperature: Option<Temperature>,
    /// Threshold below which a prediction is accepted; other predictions are reviewed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accept: Option<Threshold>,
    /// Threshold below which an image is like those of the calibration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub out_of_distribution: Option<Threshold>,
    /// Sets of classes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sets: Option<Sets>,
    /// Rules about each target of a regression; empty for other tasks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<TargetPolicy>,
    /// Thresholds of labels of which any number holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labels: Option<LabelThresholds>,
    /// Settings of the predictions on which the policy was found.
    pub made_with: PredictionSettings,
}

impl Policy {
    /// Creates a policy without any decisions.
    pub fn new(made_with: PredictionSettings) -> Self {
        Self {
            version: VERSION,
            temperature: None,
            accept: None,
            out_of_distribution: None,
            sets: None,
            targets: Vec::new(),
            labels: None,
            made_with,
        }
    }

    /// Reads a policy from a file.
    ///
    /// # Errors
    /// Fails if the file cannot be read or is not a policy of this version.
    pub fn read(path: &Path) -> Result<Self> {
        let refuse = |message: &str, hint: &str| {
            Error::setting("policy", format!("{}: {message}", path.display()))
                .with_hint(hint)
        };
        let text = text_file::read(path).map_err(|error| Error::read(path, error))?;
        let policy: Self = toml::from_str(&text).map_err(|error| {
            let message = error.to_string();
            let last = message.trim().lines().last().unwrap_or_default().to_lowercase();
            refuse(
                &format!("is not a policy: {last}"),
                "name a file of `mcdrop calibrate`",
            )
        })?;
        if policy.version != VERSION {
            let message = format!("has version {}: expected {VERSION}", policy.version);
            return Err(refuse(&message, "calibrate again with this mcdrop"));
        }
        let temperature = policy.temperature.as_ref().map_or(1.0, |t| t.value);
        if !(temperature.is_finite() && temperature > 0.0) {
            return Err(refuse("its temperature is not above 0", "calibrate again"));
        }
        Ok(policy)
    }

    /// Returns the text of the file.
    ///
    /// # Errors
    /// Fails if a value cannot be serialized, which does not happen.
    pub fn encode(&self) -> Result<String> {
        let body = toml::to_string(self)
            .map_err(|error| Error::runtime("writing the policy", error.to_string()))?;
        Ok(format!("{HEAD}\n{body}"))
    }

    /// Checks that predictions are made with the settings of the policy.
    ///
    /// # Errors
    /// Names the first setting that differs.
    pub fn check(&self, now: &PredictionSettings) -> Result<()> {
        let keys = self.made_with.keys().chain(now.keys());
        let different: BTreeSet<&String> =
            keys.filter(|key| self.made_with.get(*key) != now.get(*key)).collect();
        let Some(&first) = different
            .iter()
            .find(|key| key.starts_with("model."))
            .or(different.iter().next())
        else {
            return Ok(());
        };
        let message = match first.as_str() {
            "model.files" => "it was made for another model".to_owned(),
            key => format!(
                "{key} was {}, is {} now",
                shortened(self.made_with.get(first)),
                shortened(now.get(first))
            ),
        };
        Err(Error::setting("policy", message)
            .with_hint("predict with the settings of the policy, or calibrate again"))
    }
}

/// Returns a value for messages, at most 60 characters of it.
fn shortened(value: Option<&String>) -> String {
    let value = value.map_or("none", String::as_str);
    let short: String = value.chars().take(60).collect();
    if short.len() < value.len() { format!("{short}...") } else { short }
}

/// Preprocessing settings that do not affect predictions.
const HARMLESS: &[&str] = &["max_pixels", "left out", "classes", "palette"];

/// Returns the settings of a run that its scores depend on. The seed is left out: guarantees
/// hold for masks of any seed.
pub fn prediction_settings(record: &RunRecord) -> PredictionSettings {
    let RunRecord { model, sampling, output, .. } = record;
    let mut settings: PredictionSettings = [
        ("model.files", model.hashes().collect::<Vec<_>>().join(" ")),
        ("model.output", text(&model.output)),
        ("model.scores", text(&model.scores)),
        ("model.removed_from_end", text(&model.removed_from_end)),
        ("sampling.samples", text(&sampling.samples)),
        ("sampling.stop", text(&sampling.stop)),
        ("sampling.draws", text(&sampling.draws)),
        ("sampling.masks", text(&sampling.masks)),
        ("sampling.deterministic", text(&sampling.deterministic)),
        ("output.task", text(&output.task)),
        ("output.n_classes", text(&output.n_classes)),
    ]
    .map(|(key, value)| (key.to_owned(), value))
    .into();
    if let Some(draws) = sampling.logit_noise_samples {
        settings.insert("sampling.logit_noise_samples".to_owned(), draws.to_string());
    }
    for setting in &record.preprocessing {
        if !HARMLESS.contains(&setting.key.as_str()) {
            let key = format!("preprocessing.{}", setting.key);
            settings.insert(key, setting.value.clone());
        }
    }
    // Other tasks than those of classes; the policies of classes do not have these keys.
    if !model.heads.is_empty() {
        settings.insert("model.heads".to_owned(), model.heads.join(", "));
    }
    if let Some(target) = &output.target {
        let noise = text(&target.noise_variance);
        settings.insert("output.noise_variance".to_owned(), noise);
    }
    let sites = record.sites.iter().map(|site| {
        format!("{} {} {} {}", site.tensor, site.kind, site.unit, text(&site.ratio))
    });
    settings.insert("sites".to_owned(), sites.collect::<Vec<_>>().join(", "));
    settings
}

/// Returns a value as policies store it: strings as they are, everything else as JSON.
fn text(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(Value::String(text)) if !text.is_empty() => text,
        Ok(Value::String(_) | Value::Null) | Err(_) => "none".to_owned(),
        Ok(value) => value.to_string(),
    }
}
