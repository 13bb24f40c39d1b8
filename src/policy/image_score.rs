//! The number of an image that a threshold looks at.

use serde::{Deserialize, Serialize};

use crate::measure::Measure;
use crate::metric::{Aggregation, DETERMINISTIC, Pixels, Score};

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
    /// The score of names; `deterministic` is the pass without dropout.
    ///
    /// # Errors
    /// If one is unknown: the names that there are.
    pub fn by_names(measure: &str, aggregation: &str) -> Result<Self, String> {
        let measure = match measure {
            DETERMINISTIC => None,
            name => Some(Measure::by_name(name).ok_or_else(|| {
                let names: Vec<&str> =
                    crate::measure::MEASURES.iter().map(|m| m.name).collect();
                let names = names.join(", ");
                format!("\"{name}\" is no measure; there are {names}, {DETERMINISTIC}")
            })?),
        };
        let aggregation = Aggregation::by_name(aggregation).ok_or_else(|| {
            let names: Vec<&str> = Aggregation::ALL.iter().map(|a| a.name()).collect();
            format!("\"{aggregation}\" is no aggregation; there are {}", names.join(", "))
        })?;
        Ok(Self { measure, aggregation })
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
    pub fn of(&self, values: &[f32], pixels: &Pixels<'_>) -> f32 {
        if let [value] = values {
            return *value;
        }
        let threshold = self.measure.map_or(0.1, |measure| {
            Score::new(measure.name, (measure.bound)(pixels.n_classes)).threshold
        });
        self.aggregation.of(values, threshold, pixels)
    }
}

impl TryFrom<Names> for ImageScore {
    type Error = String;

    fn try_from(names: Names) -> Result<Self, String> {
        Self::by_names(&names.measure, &names.aggregation)
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
