//! What a network computes in one pass.

use super::{Coordinates, LogitNoise};

/// Meaning of the values that a network computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputKind {
    /// Scores of classes, any numbers, to be normalized by a softmax; −∞ is an impossible class.
    Logits,
    /// Probabilities of classes; negative ones count as 0, and they are divided by their sum.
    Probabilities,
    /// Scores of labels that may hold together, any numbers: a sigmoid turns each into a probability.
    LabelLogits,
    /// Probabilities of labels that may hold together.
    LabelProbabilities,
    /// Values of targets.
    Values,
}

/// What the channels of a pass are, and so how its passes are summed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// Classes, of which exactly one holds.
    Classes,
    /// Labels, each of which holds or not.
    Labels,
    /// Targets, each with a value and perhaps a variance.
    Values,
}

/// Form in which a head gives a variance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpreadForm {
    /// The variance.
    Variance,
    /// Its natural logarithm.
    LogVariance,
    /// The standard deviation.
    Std,
    /// Its natural logarithm.
    LogStd,
    /// The scale b of a Laplace distribution, whose variance is 2 b².
    LaplaceScale,
    /// Its natural logarithm.
    LogLaplaceScale,
}

/// A head of variances: a number for each value or logit.
#[derive(Debug, Clone, Copy)]
pub struct Spread<'a> {
    /// `n_channels * height * width` numbers.
    pub values: &'a [f32],
    /// Their form.
    pub form: SpreadForm,
}

/// Conversion of a network's value `v` to the unit of its target: `v * scale + offset`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TargetUnit {
    /// Factor.
    pub scale: f32,
    /// Summand, in the target's unit.
    pub offset: f32,
    /// Variance of the observations that the network does not predict (1 / τ), in the network's
    /// unit; added to each predicted variance.
    pub noise_variance: f32,
}

/// Factors of the total standard deviation of a value, on which some measures depend.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StdFactors {
    /// Half of the width of an interval.
    pub interval: f64,
    /// Calibrated standard deviation.
    pub calibrated: f64,
}

/// The outputs of one pass of one image, channel by channel, row by row.
///
/// One channel of class scores means two classes: logits `[0, z]`, or probabilities `[1 - s, s]`.
#[derive(Debug, Clone, Copy)]
pub struct PassOutput<'a> {
    /// `n_channels * height * width` numbers.
    pub values: &'a [f32],
    /// Number of channels.
    pub n_channels: usize,
    /// Number of rows; 1 if there is one item per image.
    pub height: usize,
    /// Number of columns; 1 if there is one item per image.
    pub width: usize,
    /// Meaning of the numbers.
    pub kind: OutputKind,
    /// Alignment of the pixels if the sums have another size.
    pub coordinates: Coordinates,
    /// The predicted variances of values, if there are any.
    pub spread: Option<Spread<'a>>,
    /// The noise of logits of classes, if they have any.
    pub logit_noise: Option<LogitNoise<'a>>,
    /// The unit of each target; empty if the network's values are in their units.
    pub units: &'a [TargetUnit],
}

impl OutputKind {
    /// Returns the name in records and messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Logits => "logits",
            Self::Probabilities => "probabilities",
            Self::LabelLogits => "label_logits",
            Self::LabelProbabilities => "label_probabilities",
            Self::Values => "values",
        }
    }

    /// Returns what the channels are.
    pub fn family(self) -> Family {
        match self {
            Self::Logits | Self::Probabilities => Family::Classes,
            Self::LabelLogits | Self::LabelProbabilities => Family::Labels,
            Self::Values => Family::Values,
        }
    }

    /// Returns the meaning of resized values: probabilities are interpolated as logits.
    pub(super) fn resized(self) -> Self {
        match self {
            Self::Logits | Self::Probabilities => Self::Logits,
            Self::LabelLogits | Self::LabelProbabilities => Self::LabelLogits,
            Self::Values => Self::Values,
        }
    }
}

impl Family {
    /// Returns the number of channels of the sums: one channel of class scores means two classes.
    pub fn channels(self, n_channels: usize) -> usize {
        match self {
            Self::Classes => n_channels.max(2),
            Self::Labels | Self::Values => n_channels,
        }
    }

    /// Returns the number of means of [`Needs::within`](super::Needs::within) per pixel.
    pub(super) fn within_per_pixel(self, channels: usize) -> usize {
        match self {
            Self::Classes => 1,
            Self::Labels | Self::Values => channels,
        }
    }
}

impl Default for TargetUnit {
    fn default() -> Self {
        Self { scale: 1.0, offset: 0.0, noise_variance: 0.0 }
    }
}

impl Default for StdFactors {
    /// Returns the factors of the central Gaussian interval of 95 %, and of no calibration.
    fn default() -> Self {
        Self { interval: 1.959_963_984_540_054, calibrated: 1.0 }
    }
}

/// An output that cannot be summed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[error("channel {channel} at pixel {pixel}: {reason}")]
pub struct Invalid {
    /// The pixel, counted row by row in the given outputs.
    pub pixel: usize,
    /// The channel; 0 if no class is possible.
    pub channel: usize,
    /// What is wrong.
    pub reason: Reason,
}

/// What is wrong with an output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum Reason {
    /// It is NaN or infinite, or no class is possible.
    #[error("the score is NaN or infinite, or no class is possible there")]
    NotFinite,
    /// It is a variance that is negative, NaN or infinite.
    #[error("the predicted variance is negative, NaN or infinite")]
    Spread,
}
