//! What noise of the logits adds to the uncertainty of a sample.

use super::onnx_form::MeasureGraph;
use super::{
    ALEATORIC_VARIANCE, EPISTEMIC_VARIANCE, EXPECTED_ENTROPY, LEAST_CONFIDENCE, MARGIN,
    MUTUAL_INFORMATION, Measure, PREDICTED_CLASS_STD, PREDICTIVE_ENTROPY, Range,
    TOTAL_VARIANCE, Unit, VARIATION_RATIO,
};
use crate::sums::{Needs, Tile};

/// Measures of classes whose logits have noise, in the order in which they are listed and written.
pub const NOISY_MEASURES: &[Measure] = &[
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
    LOGIT_NOISE_INFORMATION,
];

/// Information of logit noise, `(1/T) sum_t (H(p_t) - (1/K) sum_k H(softmax(f_t + s_t e_tk)))`: how
/// much the draws of the noise disagree within a sample. `p_t` is the mean of these softmaxes.
///
/// Shape `H × W`, unit nat, range `[0, ln C]`. The part of [`EXPECTED_ENTROPY`] that comes from the
/// noise; the rest is the mean entropy of single draws. With few draws it is too small, as
/// [`MUTUAL_INFORMATION`] is with few samples.
///
/// # References
/// The noise is that of Kendall and Gal (2017), *What Uncertainties Do We Need in Bayesian Deep Learning
/// for Computer Vision?*, eq. 10.
pub const LOGIT_NOISE_INFORMATION: Measure = Measure {
    name: "logit_noise_information",
    summary: "expected_entropy - mean entropy of the draws of logit noise",
    unit: Unit::Nat,
    reference: "Kendall and Gal (2017), eq. 10",
    needs: Needs { noise: true, ..Needs::MEAN },
    range: Range::Fixed(|n_classes| (n_classes as f64).ln() as f32),
    sqrt_scale: true,
    kernel: logit_noise_information,
    onnx: Some(MeasureGraph::noise_information),
};

fn logit_noise_information(tile: &Tile, out: &mut [f32]) {
    out.copy_from_slice(tile.noise_information());
}
