//! Entropy of the prediction, and its two parts.

use super::onnx_form::{MeasureGraph, zero};
use super::{Measure, Range, Unit};
use crate::onnx::build::NodeBuilder;
use crate::sums::{Needs, Tile};

/// Predictive entropy, `H(m)`: the total uncertainty of the mean prediction.
///
/// Shape `H × W`, unit nat, range `[0, ln C]`. It is the sum of [`EXPECTED_ENTROPY`] and
/// [`MUTUAL_INFORMATION`].
///
/// # References
/// Kendall and Gal (2017), *What Uncertainties Do We Need in Bayesian Deep Learning for Computer
/// Vision?*, section 2.1.
pub const PREDICTIVE_ENTROPY: Measure = Measure {
    name: "predictive_entropy",
    summary: "entropy of the mean probabilities: total uncertainty",
    unit: Unit::Nat,
    reference: "Kendall and Gal (2017), section 2.1",
    needs: Needs::MEAN,
    range: Range::Fixed(largest_entropy),
    sqrt_scale: false,
    kernel: predictive_entropy,
    onnx: Some(predictive_entropy_nodes),
};

/// Expected entropy, `(1/T) sum_t H(p_t)`: how uncertain single samples are on average.
///
/// Shape `H × W`, unit nat, range `[0, ln C]`. The part of the predictive entropy that stays if
/// the samples agree; read as aleatoric uncertainty.
///
/// # References
/// The expectation in the mutual information of Houlsby et al. (2011), *Bayesian Active Learning
/// for Classification and Preference Learning*.
pub const EXPECTED_ENTROPY: Measure = Measure {
    name: "expected_entropy",
    summary: "mean entropy of the samples: the aleatoric part of predictive_entropy",
    unit: Unit::Nat,
    reference: "Houlsby et al. (2011)",
    needs: Needs { within: true, ..Needs::MEAN },
    range: Range::Fixed(largest_entropy),
    sqrt_scale: false,
    kernel: expected_entropy,
    onnx: Some(expected_entropy_nodes),
};

/// Mutual information between the prediction and the dropped weights,
/// `H(m) - (1/T) sum_t H(p_t)` (BALD): how much the samples disagree.
///
/// Shape `H × W`, unit nat, range `[0, ln C]`; values that rounding makes
/// negative are set to 0.
/// Read as epistemic uncertainty.
///
/// # Bias
/// The estimate is too small with few samples, because the mean of `T` samples is closer to them
/// than the mean of all is. To second order, the missing fraction is the variance of the mean over
/// that of a sample, so that with independent draws `E[MI_T] ≈ MI (1 - 1/T)`: 10 % too small at
/// `T = 10`, 3.2 % at 31, 1.6 % at 62, 0.3 % at 310. With stratified draws the mean varies less, and
/// the bias is smaller. So values and thresholds of different `T` are not directly comparable. The
/// value is not corrected, because a corrected one is noisier at each pixel.
///
/// # References
/// Houlsby et al. (2011), *Bayesian Active Learning for Classification and Preference Learning*.
pub const MUTUAL_INFORMATION: Measure = Measure {
    name: "mutual_information",
    summary: "predictive_entropy - expected_entropy: the epistemic part, about 1/T too small",
    unit: Unit::Nat,
    reference: "Houlsby et al. (2011)",
    needs: Needs { within: true, ..Needs::MEAN },
    range: Range::Fixed(largest_entropy),
    sqrt_scale: true,
    kernel: mutual_information,
    onnx: Some(mutual_information_nodes),
};

/// ln C: the entropy of the uniform distribution.
fn largest_entropy(n_classes: usize) -> f32 {
    (n_classes as f64).ln() as f32
}

fn predictive_entropy(tile: &Tile, out: &mut [f32]) {
    out.copy_from_slice(&tile.entropy_of_mean()[..out.len()]);
}

fn expected_entropy(tile: &Tile, out: &mut [f32]) {
    out.copy_from_slice(tile.within());
}

fn mutual_information(tile: &Tile, out: &mut [f32]) {
    let entropy = tile.entropy_of_mean();
    for ((out, entropy), expected) in out.iter_mut().zip(entropy).zip(tile.within()) {
        *out = entropy - expected;
    }
}

fn predictive_entropy_nodes(graph: &MeasureGraph, b: &mut NodeBuilder) -> String {
    b.entropy(graph.mean(), 1)
}

fn expected_entropy_nodes(graph: &MeasureGraph, b: &mut NodeBuilder) -> String {
    graph.within(b)
}

fn mutual_information_nodes(graph: &MeasureGraph, b: &mut NodeBuilder) -> String {
    let total = b.entropy(graph.mean(), 1);
    let expected = graph.within(b);
    let difference = b.op("Sub", &[&total, &expected]);
    let zero = zero(b);
    b.op("Max", &[&difference, &zero])
}
