//! Distances of the decision from certainty.

use super::onnx_form::{MeasureGraph, complement};
use super::{Measure, Range, Unit};
use crate::onnx::ElementType::F64;
use crate::onnx::build::NodeBuilder;
use crate::sums::{Needs, Tile};

/// Variation ratio, `1 - max_c votes_c / T`: the fraction of samples whose most probable class is
/// not the one that most samples vote for.
///
/// Shape `H × W`, a pure number, range `[0, 1)`, in steps of `1 / T`. Two equally likely classes
/// in a sample count as the lower one.
///
/// # References
/// Gal (2016), *Uncertainty in Deep Learning*.
pub const VARIATION_RATIO: Measure = Measure {
    name: "variation_ratio",
    summary: "share of samples that vote for another class than most do",
    unit: Unit::One,
    reference: "Gal (2016)",
    needs: Needs { votes: true, ..Needs::MEAN },
    range: Range::UNIT,
    sqrt_scale: false,
    kernel: variation_ratio,
    onnx: Some(variation_ratio_nodes),
};

/// Least confidence, `1 - max_c m_c`: the mean probability of all classes but the predicted one.
///
/// Shape `H × W`, a pure number, range `[0, 1 - 1/C]`, shown on a scale to 1. Computed as the sum
/// of the other classes, so that values far below 1e-7 keep their order.
///
/// # References
/// The complement of the maximum softmax probability: Hendrycks and Gimpel (2017), *A Baseline for
/// Detecting Misclassified and Out-of-Distribution Examples in Neural Networks*.
pub const LEAST_CONFIDENCE: Measure = Measure {
    name: "least_confidence",
    summary: "1 - mean probability of the predicted class",
    unit: Unit::One,
    reference: "Hendrycks and Gimpel (2017)",
    needs: Needs::MEAN,
    range: Range::UNIT,
    sqrt_scale: false,
    kernel: least_confidence,
    onnx: Some(least_confidence_nodes),
};

/// Margin, `1 - (m_(1) - m_(2))` with the two largest mean probabilities: how close the second
/// class is.
///
/// Shape `H × W`, a pure number, range `[0, 1]`; 1 is a tie.
///
/// # References
/// Margin sampling in active learning, here with the sign that grows with uncertainty.
pub const MARGIN: Measure = Measure {
    name: "margin",
    summary: "1 - difference of the two largest mean probabilities",
    unit: Unit::One,
    reference: "margin sampling",
    needs: Needs::MEAN,
    range: Range::UNIT,
    sqrt_scale: false,
    kernel: margin,
    onnx: Some(margin_nodes),
};

fn variation_ratio(tile: &Tile, out: &mut [f32]) {
    out.fill(0.0);
    for class in 0..tile.n_classes() {
        for (most, &votes) in out.iter_mut().zip(tile.votes(class)) {
            *most = most.max(f32::from(votes));
        }
    }
    let n_samples = tile.n_samples() as f32;
    for out in out {
        *out = (n_samples - *out) / n_samples.max(1.0);
    }
}

fn least_confidence(tile: &Tile, out: &mut [f32]) {
    out.copy_from_slice(&tile.top().others[..out.len()]);
}

fn margin(tile: &Tile, out: &mut [f32]) {
    let top = tile.top();
    for (out, (others, second)) in out.iter_mut().zip(top.others.iter().zip(top.second)) {
        *out = others + second;
    }
}

fn variation_ratio_nodes(graph: &MeasureGraph, b: &mut NodeBuilder) -> String {
    let share = graph.largest_vote_share(b);
    complement(b, &share)
}

fn least_confidence_nodes(graph: &MeasureGraph, b: &mut NodeBuilder) -> String {
    let largest = b.reduce("ReduceMax", graph.mean(), &[1]);
    complement(b, &largest)
}

fn margin_nodes(graph: &MeasureGraph, b: &mut NodeBuilder) -> String {
    let [first, second] = graph.two_largest(b);
    let difference = b.op("Sub", &[&first, &second]);
    let difference = b.cast(&difference, F64);
    complement(b, &difference)
}
