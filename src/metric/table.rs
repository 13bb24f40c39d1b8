//! The table of metrics.

mod rows;

use super::group::Group;
use super::metric_input::MetricInput;

pub use rows::METRICS;

/// Which values of a metric are the good ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// It grows with quality.
    HigherIsBetter,
    /// It falls with quality.
    LowerIsBetter,
    /// It describes the others: a count or a threshold. It has no interval.
    Descriptive,
}

/// What must be given for a metric to have a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Requires {
    /// Labels.
    Labels,
    /// Labels and predictive entropy among the measures.
    Entropy,
    /// Labels, and pixels that form patches.
    Patches,
    /// Masks of the pixels outside the distribution.
    Masks,
    /// Images from outside the distribution, next to those inside.
    OutsideImages,
}

/// How often a metric stands in the list of values, and what its key ends in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Breakdown {
    /// Once: the key is the name.
    Whole,
    /// For each class: `NAME.CLASS`.
    Class,
    /// For each measure and the pass without dropout: `NAME.SCORE`.
    Score,
    /// For each measure and the patch sizes: `NAME.SCORE.SIZE`.
    Patch,
    /// For each score and aggregation: `NAME.SCORE.AGGREGATION`, or `NAME.SCORE` where the
    /// image is the item.
    Image,
}

/// A metric.
#[derive(Debug, Clone, Copy)]
pub struct Metric {
    /// The name, with which its keys begin.
    pub name: &'static str,
    /// What it says, in a sentence.
    pub summary: &'static str,
    /// Which values are good.
    pub direction: Direction,
    /// The smallest and the largest possible value.
    pub range: (f64, f64),
    /// What must be given.
    pub requires: Requires,
    /// How often it stands in the list.
    pub breakdown: Breakdown,
    pub(super) function: MetricFunction,
}

impl Metric {
    /// The metric of a name.
    pub fn by_name(name: &str) -> Option<&'static Self> {
        METRICS.iter().find(|metric| metric.name == name)
    }
}

/// How a metric is computed. A bound says how far bins can move the value.
#[derive(Debug, Clone, Copy)]
pub(super) enum MetricFunction {
    /// From sums, exactly.
    Exact { value: fn(&MetricInput) -> Option<f64> },
    /// From sums, up to a bound.
    Binned { value: fn(&MetricInput) -> Option<f64>, bound: fn(&MetricInput) -> f64 },
    /// From items in the order of a score.
    Ranked {
        of: RankedItems,
        value: fn(&[Group]) -> Option<f64>,
        bound: fn(&[Group]) -> f64,
    },
}

/// Which items, and what makes one right or wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RankedItems {
    /// Labeled items.
    Labeled,
    /// Pixels inside and outside a mask.
    Masked,
    /// Images, each wrong by its loss.
    ImagesByLoss,
    /// Images, those with a loss above the mean being wrong.
    BadImages,
    /// Images inside and outside the distribution.
    OutsideImages,
}
