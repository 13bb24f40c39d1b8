//! Scores of images, which thresholds are compared with.

use serde::{Deserialize, Serialize};

use crate::measure::{LABEL_MEASURES, LABEL_PROBABILITY, MEASURES, Measure, image_level};
use crate::metric::{
    Aggregation, DETERMINISTIC, DETERMINISTIC_THRESHOLD, PredictedClasses, ScoreSpec,
};
use crate::task::{ModelTask, Quantity};
use crate::tensor::Map;

/// A measure, or 1 minus the probability of the pass without dropout, with an aggregation over
/// pixels; for a single value, every aggregation is that value.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(try_from = "ImageScoreNames", into = "ImageScoreNames")]
pub struct ImageScore {
    /// The measure; `None` for the pass without dropout.
    pub measure: Option<&'static Measure>,
    /// Aggregation over pixels.
    pub aggregation: Aggregation,
}

impl PartialEq for ImageScore {
    fn eq(&self, other: &Self) -> bool {
        (self.measure_name(), self.aggregation)
            == (other.measure_name(), other.aggregation)
    }
}

/// Form of a score in a policy file.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ImageScoreNames {
    measure: String,
    aggregation: String,
}

impl ImageScore {
    /// Returns the measure with this name; `None` for `deterministic`, the pass without dropout.
    ///
    /// # Errors
    /// Returns a message that lists the known names if it is unknown.
    pub fn measure_of(name: &str) -> Result<Option<&'static Measure>, String> {
        if name == DETERMINISTIC {
            return Ok(None);
        }
        Measure::by_name(name).map(Some).ok_or_else(|| {
            let names: Vec<&str> = MEASURES.iter().map(|measure| measure.name).collect();
            let names = names.join(", ");
            format!(
                "unknown measure \"{name}\": expected one of {names}, {DETERMINISTIC}"
            )
        })
    }

    /// Returns the measure of labels with this name; `None` for `deterministic`.
    ///
    /// # Errors
    /// Returns a message that lists the known names if it is unknown.
    pub fn label_measure_of(name: &str) -> Result<Option<&'static Measure>, String> {
        if name == DETERMINISTIC {
            return Ok(None);
        }
        let scores =
            || LABEL_MEASURES.iter().filter(|m| m.name != LABEL_PROBABILITY.name);
        scores().find(|measure| measure.name == name).map(Some).ok_or_else(|| {
            let names: Vec<&str> = scores().map(|measure| measure.name).collect();
            let names = names.join(", ");
            format!("unknown score \"{name}\": expected one of {names}, {DETERMINISTIC}")
        })
    }

    /// Returns the quantity that the score is computed from; `None` for the pass without dropout, and
    /// if the task does not have it.
    pub fn quantity(&self, task: &ModelTask) -> Option<Quantity> {
        let measure = task.task.measure(self.measure?.name)?;
        let mut quantities = task.quantities(&[measure]).into_iter();
        quantities.find(|quantity| quantity.channel.is_none())
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

impl TryFrom<ImageScoreNames> for ImageScore {
    type Error = String;

    fn try_from(names: ImageScoreNames) -> Result<Self, String> {
        Ok(Self {
            // Labels have measures that classes do not have.
            measure: Self::measure_of(&names.measure).or_else(|message| {
                Self::label_measure_of(&names.measure).map_err(|_| message)
            })?,
            aggregation: Self::aggregation_of(&names.aggregation)?,
        })
    }
}

impl From<ImageScore> for ImageScoreNames {
    fn from(score: ImageScore) -> Self {
        Self {
            measure: score.measure_name().to_owned(),
            aggregation: score.aggregation.name().to_owned(),
        }
    }
}
