//! The file of a policy.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Sets, Temperature, Threshold};
use crate::error::{Error, Result};
use crate::record::RunRecord;

const VERSION: u32 = 1;

const HEAD: &str = "\
# Written by `mcdrop calibrate`; used by `mcdrop predict --policy`. Its promises hold for images
# like those that it was made from, predicted under the settings at the end.
";

/// Settings of a run on which scores and probabilities depend, by `group.key`, as text.
pub type PredictionSettings = BTreeMap<String, String>;

/// What is decided about images, and under which settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// The version of the format.
    version: u32,
    /// What makes mean probabilities likelier.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temperature: Option<Temperature>,
    /// Below it a prediction is accepted, else reviewed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accept: Option<Threshold>,
    /// Below it an image is like those of the calibration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub out_of_distribution: Option<Threshold>,
    /// Sets of classes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sets: Option<Sets>,
    /// How the predictions were made.
    pub made_with: PredictionSettings,
}

impl Policy {
    /// A policy that decides nothing yet.
    pub fn new(made_with: PredictionSettings) -> Self {
        Self {
            version: VERSION,
            temperature: None,
            accept: None,
            out_of_distribution: None,
            sets: None,
            made_with,
        }
    }

    /// Reads a file.
    ///
    /// # Errors
    /// If it cannot be read, or is no policy of this version.
    pub fn read(path: &Path) -> Result<Self> {
        let refuse = |message: &str, hint: &str| {
            Error::setting("--policy", format!("{}: {message}", path.display()))
                .with_hint(hint)
        };
        let text =
            std::fs::read_to_string(path).map_err(|error| Error::read(path, error))?;
        let policy: Self = toml::from_str(&text).map_err(|error| {
            let message = error.to_string();
            let last = message.trim().lines().last().unwrap_or_default().to_lowercase();
            refuse(&format!("is no policy: {last}"), "name a file of `mcdrop calibrate`")
        })?;
        if policy.version != VERSION {
            let message = format!("has version {}, expected {VERSION}", policy.version);
            return Err(refuse(&message, "calibrate again with this mcdrop"));
        }
        let is_number = |t: &Temperature| t.value.is_finite() && t.value > 0.0;
        if !policy.temperature.as_ref().is_none_or(is_number) {
            return Err(refuse("its temperature is not above 0", "calibrate again"));
        }
        Ok(policy)
    }

    /// The text of its file.
    ///
    /// # Errors
    /// If a value cannot be written, which does not happen.
    pub fn encode(&self) -> Result<String> {
        let body = toml::to_string(self)
            .map_err(|error| Error::runtime("writing the policy", error.to_string()))?;
        Ok(format!("{HEAD}\n{body}"))
    }

    /// Whether predictions are made as those that the policy was found on.
    ///
    /// # Errors
    /// If not: the first setting that differs.
    pub fn check(&self, now: &PredictionSettings) -> Result<()> {
        let keys = self.made_with.keys().chain(now.keys());
        let differs = |key: &&String| self.made_with.get(*key) != now.get(*key);
        let different: std::collections::BTreeSet<&String> =
            keys.filter(differs).collect();
        let Some(&first) = different
            .iter()
            .find(|key| key.starts_with("model."))
            .or(different.iter().next())
        else {
            return Ok(());
        };
        let text = |settings: &PredictionSettings| {
            let value = settings.get(first).map_or("none", String::as_str);
            let short: String = value.chars().take(60).collect();
            if short.len() < value.len() { format!("{short}...") } else { short }
        };
        let message = match first.as_str() {
            "model.files" => "it was made for another model".to_owned(),
            key => format!("{key} was {}, is {} now", text(&self.made_with), text(now)),
        };
        Err(Error::setting("--policy", message).with_hint(
            "predict with the settings that it was made with, or calibrate anew",
        ))
    }
}

/// Preprocessing settings that change no prediction.
const HARMLESS: &[&str] = &["max_pixels", "left out", "classes", "palette"];

/// Returns the settings of a run that its scores depend on. The seed is left out: promises are
/// about masks of any seed.
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
    for setting in &record.preprocessing {
        if !HARMLESS.contains(&setting.key.as_str()) {
            let key = format!("preprocessing.{}", setting.key);
            settings.insert(key, setting.value.clone());
        }
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
