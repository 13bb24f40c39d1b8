//! The number of an image that a threshold looks at.

use serde::{Deserialize, Serialize};

use crate::measure::{MEASURES, Measure};
use crate::metric::{
    Aggregation, DETERMINISTIC, DETERMINISTIC_THRESHOLD, PredictedClasses, ScoreSpec,
};

/// A measure, or one less the probability of the pass without dropout, and how its values at
/// pixels become one number; without pixels the aggregation is the mean, of one value.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(try_from = "Names", into = "Names")]
pub struct ImageScore {
    /// The measure; none for the pass without dropout.
    pub measure: Option<&'static Measure>,
    /// How pixels become one number.
    pub aggregation: Aggregation,
}

impl PartialEq for ImageScore {
    fn eq(&self, other: &Self) -> bool {
        (self.measure_name(), self.aggregation)
            == (other.measure_name(), other.aggregation)
    }
}

/// A score as it stands in a file.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Names {
    measure: String,
    aggregation: String,
}

impl ImageScore {
    /// The measure of a name; none of `deterministic`, the pass without dropout.
    ///
    /// # Errors
    /// If it is unknown: the names that there are.
    pub fn measure_of(name: &str) -> Result<Option<&'static Measure>, String> {
        if name == DETERMINISTIC {
            return Ok(None);
        }
        Measure::by_name(name).map(Some).ok_or_else(|| {
            let names: Vec<&str> = MEASURES.iter().map(|measure| measure.name).collect();
            let names = names.join(", ");
            format!("\"{name}\" is no measure; there are {names}, {DETERMINISTIC}")
        })
    }

    /// The aggregation of a name.
    ///
    /// # Errors
    /// If it is unknown: the names that there are.
    pub fn aggregation_of(name: &str) -> Result<Aggregation, String> {
        Aggregation::by_name(name).ok_or_else(|| {
            let names: Vec<&str> = Aggregation::ALL.iter().map(|a| a.name()).collect();
            format!("\"{name}\" is no aggregation; there are {}", names.join(", "))
        })
    }

    /// The measure's name, or `deterministic`.
    pub fn measure_name(&self) -> &'static str {
        self.measure.map_or(DETERMINISTIC, |measure| measure.name)
    }

    /// Its names, for people.
    pub fn label(&self) -> String {
        match self.aggregation {
            Aggregation::Mean => self.measure_name().to_owned(),
            other => format!("{} ({})", self.measure_name(), other.name()),
        }
    }

    /// The number of an image whose pixels have these values.
    pub fn of(&self, values: &[f32], pixels: &PredictedClasses<'_>) -> f32 {
        if let [value] = values {
            return *value;
        }
        let threshold = self.measure.map_or(DETERMINISTIC_THRESHOLD, |measure| {
            ScoreSpec::new(measure.name, measure.upper_bound(pixels.n_classes)).threshold
        });
        self.aggregation.aggregate(values, threshold, pixels)
    }
}

impl TryFrom<Names> for ImageScore {
    type Error = String;

    fn try_from(names: Names) -> Result<Self, String> {
        Ok(Self {
            measure: Self::measure_of(&names.measure)?,
            aggregation: Self::aggregation_of(&names.aggregation)?,
        })
    }
}

impl From<ImageScore> for Names {
    fn from(score: ImageScore) -> Self {
        Self {
            measure: score.measure_name().to_owned(),
            aggregation: score.aggregation.name().to_owned(),
        }
    }
}
