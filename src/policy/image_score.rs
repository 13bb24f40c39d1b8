//! Scores of images, which thresholds are compared with.

use serde::{Deserialize, Serialize};

use crate::measure::{
    ALEATORIC_STD, EPISTEMIC_STD, LABEL_MEASURES, LABEL_PROBABILITY, Measure,
    NOISY_MEASURES, TOTAL_STD, image_level,
};
use crate::metric::{
    Aggregation, DETERMINISTIC, DETERMINISTIC_THRESHOLD, PredictedClasses, ScoreSpec,
};
use crate::task::{ModelTask, Quantity};
use crate::tensor::Map;

/// Standard deviations of a value that are scores.
const VALUE_STDS: &[Measure] = &[TOTAL_STD, EPISTEMIC_STD, ALEATORIC_STD];

/// A measure, or 1 minus the probability of the pass without dropout, with an aggregation over
/// pixels; for a single value, every aggregation is that value. For values, a standard deviation of a
/// target, or that of the pass without dropout.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(try_from = "ImageScoreNames", into = "ImageScoreNames")]
pub struct ImageScore {
    /// The measure; `None` for the pass without dropout.
    pub measure: Option<&'static Measure>,
    /// Aggregation over pixels.
    pub aggregation: Aggregation,
    /// The target whose measure it is; `None` for classes.
    pub channel: Option<usize>,
}

impl PartialEq for ImageScore {
    fn eq(&self, other: &Self) -> bool {
        (self.measure_name(), self.aggregation, self.channel)
            == (other.measure_name(), other.aggregation, other.channel)
    }
}

/// Form of a score in a policy file.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ImageScoreNames {
    measure: String,
    aggregation: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    channel: Option<usize>,
}

impl ImageScore {
    /// Returns the measure of classes with this name; `None` for `deterministic`, the pass without
    /// dropout.
    ///
    /// # Errors
    /// Returns a message that lists the known names if it is unknown.
    pub fn measure_of(name: &str) -> Result<Option<&'static Measure>, String> {
        measure_or_deterministic(name, "measure", NOISY_MEASURES.iter())
    }

    /// Returns the measure of labels with this name; `None` for `deterministic`.
    ///
    /// # Errors
    /// Returns a message that lists the known names if it is unknown.
    pub fn label_measure_of(name: &str) -> Result<Option<&'static Measure>, String> {
        let scores = LABEL_MEASURES
            .iter()
            .filter(|measure| measure.name != LABEL_PROBABILITY.name);
        measure_or_deterministic(name, "score", scores)
    }

    /// Returns the standard deviation of a value with this name; `None` for `deterministic`.
    ///
    /// # Errors
    /// Returns a message that lists the known names if it is unknown.
    pub fn value_measure_of(name: &str) -> Result<Option<&'static Measure>, String> {
        measure_or_deterministic(name, "score", VALUE_STDS.iter())
    }

    /// Returns the quantity that the score is computed from; `None` for the pass without dropout, and
    /// if the task does not have it.
    pub fn quantity(&self, task: &ModelTask) -> Option<Quantity> {
        let measure = task.task.measure(self.measure?.name)?;
        let mut quantities = task.quantities(&[measure]).into_iter();
        quantities.find(|quantity| quantity.channel == self.channel)
    }

    /// Returns the score of an image from the map of a measure; NaN for aggregations that need
    /// classes.
    pub fn value_of_map(&self, map: &Map) -> f32 {
        match self.aggregation {
            Aggregation::Mean => image_level::mean(map),
            Aggregation::Quantile95 => image_level::quantile_95(map),
            Aggregation::PatchMax => image_level::patch_max(map),
            Aggregation::AboveThresholdMean
            | Aggregation::ClassMean
            | Aggregation::InteriorMean => f32::NAN,
        }
    }

    /// Returns the aggregation with this name.
    ///
    /// # Errors
    /// Returns a message that lists the known names if it is unknown.
    pub fn aggregation_of(name: &str) -> Result<Aggregation, String> {
        Aggregation::by_name(name).ok_or_else(|| {
            let names: Vec<&str> = Aggregation::ALL.iter().map(|a| a.name()).collect();
            format!(
                "unknown aggregation \"{name}\": expected one of {}",
                names.join(", ")
            )
        })
    }

    /// Returns the name of the measure, or `deterministic`.
    pub fn measure_name(&self) -> &'static str {
        self.measure.map_or(DETERMINISTIC, |measure| measure.name)
    }

    /// Returns the name with the aggregation, for display.
    pub fn label(&self) -> String {
        match self.aggregation {
            Aggregation::Mean => self.measure_name().to_owned(),
            other => format!("{} ({})", self.measure_name(), other.name()),
        }
    }

    /// Returns the score of an image whose pixels have these values.
    pub fn value(&self, values: &[f32], pixels: &PredictedClasses<'_>) -> f32 {
        if let [value] = values {
            return *value;
        }
        let threshold = self.measure.map_or(DETERMINISTIC_THRESHOLD, |measure| {
            ScoreSpec::new(measure.name, measure.upper_bound(pixels.n_classes)).threshold
        });
        self.aggregation.aggregate(values, threshold, pixels)
    }
}

/// Returns the measure of a name, of those that are known; `None` for the pass without dropout.
fn measure_or_deterministic(
    name: &str,
    kind: &str,
    known: impl Iterator<Item = &'static Measure> + Clone,
) -> Result<Option<&'static Measure>, String> {
    if name == DETERMINISTIC {
        return Ok(None);
    }
    known.clone().find(|measure| measure.name == name).map(Some).ok_or_else(|| {
        let names: Vec<&str> = known.map(|measure| measure.name).collect();
        let names = names.join(", ");
        format!("unknown {kind} \"{name}\": expected one of {names}, {DETERMINISTIC}")
    })
}

impl TryFrom<ImageScoreNames> for ImageScore {
    type Error = String;

    fn try_from(names: ImageScoreNames) -> Result<Self, String> {
        Ok(Self {
            measure: match names.channel {
                // Labels have measures that classes do not have.
                None => Self::measure_of(&names.measure).or_else(|message| {
                    Self::label_measure_of(&names.measure).map_err(|_| message)
                })?,
                Some(_) => Self::value_measure_of(&names.measure)?,
            },
            aggregation: Self::aggregation_of(&names.aggregation)?,
            channel: names.channel,
        })
    }
}

impl From<ImageScore> for ImageScoreNames {
    fn from(score: ImageScore) -> Self {
        Self {
            measure: score.measure_name().to_owned(),
            aggregation: score.aggregation.name().to_owned(),
            channel: score.channel,
        }
    }
}
