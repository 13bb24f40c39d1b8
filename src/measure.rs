//! Measures of uncertainty: numbers per pixel and per image, computed from sums over samples.
//!
//! [`MEASURES`] is the table of all measures. Names in files, headers and on the command line, the
//! sums that have to be kept, the scales of heat maps, the outputs of `convert --samples` and the
//! tests all come from it: a new measure is one constant in a file of this module, and its name in
//! the table.
//!
//! This is the table for classes; [`NOISY_MEASURES`] is that for classes whose logits have noise,
//! [`VALUE_MEASURES`] and [`LABEL_MEASURES`] are those for values and for labels.
//!
//! Throughout, `T` is the number of samples, `C` that of classes, `p_t` the probabilities of one
//! sample and `m` their mean over samples; `H(q) = -sum_c q_c ln q_c`. Entropies are in nats and
//! variances divide by `T`. Every measure grows with uncertainty, is finite and not negative.
//!
//! Names describe what is computed, not what it is hoped to mean. Mutual information and epistemic
//! variance show what the model does not know, and expected entropy and aleatoric variance what
//! the image does not show, only as far as dropout samples the model's uncertainty. On real data
//! the two are entangled.

mod confidence;
mod entropy;
pub mod image_level;
mod label;
mod logit_noise;
pub(crate) mod onnx_form;
mod value;
mod variance;

#[cfg(test)]
mod tests;

use crate::onnx::build::NodeBuilder;
use crate::sums::{Needs, Statistics, StdFactors, Tile};
use crate::tensor::Map;
use onnx_form::MeasureGraph;

pub use confidence::{LEAST_CONFIDENCE, MARGIN, VARIATION_RATIO};
pub use entropy::{EXPECTED_ENTROPY, MUTUAL_INFORMATION, PREDICTIVE_ENTROPY};
pub use label::{
    LABEL_EPISTEMIC_STD, LABEL_EXPECTED_ENTROPY, LABEL_MEASURES,
    LABEL_MUTUAL_INFORMATION, LABEL_PREDICTIVE_ENTROPY, LABEL_PROBABILITY,
};
pub use logit_noise::{LOGIT_NOISE_INFORMATION, NOISY_MEASURES};
pub use value::{
    ALEATORIC_STD, ALEATORIC_VALUE_VARIANCE, CALIBRATED_STD, EPISTEMIC_STD,
    EPISTEMIC_VALUE_VARIANCE, INTERVAL_HIGH, INTERVAL_LOW, TOTAL_STD,
    TOTAL_VALUE_VARIANCE, VALUE, VALUE_MEASURES, end_of_interval,
};
pub use variance::{
    ALEATORIC_VARIANCE, EPISTEMIC_VARIANCE, PREDICTED_CLASS_STD, TOTAL_VARIANCE,
};

/// Every measure, in the order in which they are listed and written.
pub const MEASURES: &[Measure] = &[
    PREDICTIVE_ENTROPY,
    EXPECTED_ENTROPY,
    MUTUAL_INFORMATION,
    TOTAL_VARIANCE,
    ALEATORIC_VARIANCE,
    EPISTEMIC_VARIANCE,
    VARIATION_RATIO,
    LEAST_CONFIDENCE,
    MARGIN,
    PREDICTED_CLASS_STD,
];

/// A measure of uncertainty.
#[derive(Debug, Clone, Copy)]
pub struct Measure {
    /// Name in code, files, headers and on the command line.
    pub name: &'static str,
    /// Description in one line.
    pub summary: &'static str,
    /// Unit of its values.
    pub unit: Unit,
    /// Publication that defines it.
    pub reference: &'static str,
    /// Sums that it is computed from.
    pub needs: Needs,
    /// The range of its values.
    pub range: Range,
    /// Levels of pictures are those of the square root, because most values are far below the upper
    /// bound.
    pub sqrt_scale: bool,
    /// Computes the values of a tile, up to rounding beyond the bounds.
    pub(crate) kernel: fn(&Tile, &mut [f32]),
    /// Adds its nodes to an ONNX graph and returns the tensor that holds it, in double precision
    /// with an axis of channels: of size 1 for classes. `None` if models with embedded sampling
    /// cannot have it.
    pub(crate) onnx: Option<fn(&MeasureGraph, &mut NodeBuilder) -> String>,
}

/// Unit of a measure's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Nats.
    Nat,
    /// None: a pure number.
    One,
    /// The unit of the target of a regression.
    Target,
    /// The square of that unit.
    SquaredTarget,
}

impl Unit {
    /// Returns the text of the unit (`1` for a pure number) if targets have this unit, which may be
    /// empty if it is unknown.
    pub fn text(self, target: &str) -> String {
        match self {
            Self::Nat => "nat".to_owned(),
            Self::One => "1".to_owned(),
            Self::Target => target.to_owned(),
            Self::SquaredTarget if target.is_empty() => String::new(),
            Self::SquaredTarget => format!("{target}²"),
        }
    }
}

/// The range of a measure's values.
#[derive(Debug, Clone, Copy)]
pub enum Range {
    /// From 0 to a largest value, which follows from the number of classes.
    Fixed(fn(n_classes: usize) -> f32),
    /// From 0 upwards without a bound.
    Unbounded,
    /// Any number.
    Any,
}

impl Range {
    /// From 0 to 1.
    pub const UNIT: Self = Self::Fixed(|_| 1.0);
}

impl Measure {
    /// Returns the largest possible value with a number of classes; infinity if there is none.
    pub fn upper_bound(&self, n_classes: usize) -> f32 {
        match self.range {
            Range::Fixed(bound) => bound(n_classes),
            Range::Unbounded | Range::Any => f32::INFINITY,
        }
    }

    /// Returns the smallest possible value.
    pub fn lower_bound(&self) -> f32 {
        match self.range {
            Range::Fixed(_) | Range::Unbounded => 0.0,
            Range::Any => f32::NEG_INFINITY,
        }
    }

    /// Returns the measure of a name.
    pub fn by_name(name: &str) -> Option<&'static Self> {
        MEASURES.iter().find(|measure| measure.name == name)
    }

    /// Computes the value at each pixel, shape `height × width`, clamped to the range.
    ///
    /// # Panics
    /// Panics if the statistics lack sums that the measure needs ([`Measure::needs`]).
    pub fn map(&self, statistics: &Statistics) -> Map {
        assert!(
            statistics.needs().covers(self.needs),
            "{} needs {:?}",
            self.name,
            self.needs
        );
        statistics.map(self.clamped(statistics.n_classes()))
    }

    /// Computes the value of one channel, a label or a target, at each pixel like
    /// [`Measure::map`].
    ///
    /// # Panics
    /// Panics if the statistics lack sums that the measure needs.
    pub fn map_of_channel(&self, statistics: &Statistics, channel: usize) -> Map {
        self.map_of_target(statistics, channel, StdFactors::default())
    }

    /// Computes the value of a target at each pixel, like [`Measure::map_of_channel`], with factors of
    /// its standard deviation.
    ///
    /// # Panics
    /// Panics if the statistics lack sums that the measure needs.
    pub fn map_of_target(
        &self,
        statistics: &Statistics,
        target: usize,
        factors: StdFactors,
    ) -> Map {
        assert!(
            statistics.needs().covers(self.needs),
            "{} needs {:?}",
            self.name,
            self.needs
        );
        let kernel = self.clamped(1);
        statistics.map_of_channel(target, move |tile: &Tile, out: &mut [f32]| {
            kernel(&tile.with_std_factors(factors), out);
        })
    }

    fn clamped(&self, n_classes: usize) -> impl Fn(&Tile, &mut [f32]) + Sync {
        let (low, high) = (self.lower_bound(), self.upper_bound(n_classes));
        let kernel = self.kernel;
        move |tile: &Tile, out: &mut [f32]| {
            kernel(tile, out);
            for value in out {
                *value = value.clamp(low, high);
            }
        }
    }
}
