//! Measures of a label that holds or not, with probability `s_t` in a sample and `m` on average.

use super::onnx_form::MeasureGraph;
use super::{Measure, Range, Unit};
use crate::onnx::build::NodeBuilder;
use crate::sums::{LANES, Needs, Tile, binary_entropy};

/// Measures of labels, in the order in which they are listed and written.
pub const LABEL_MEASURES: &[Measure] = &[
    LABEL_PROBABILITY,
    LABEL_PREDICTIVE_ENTROPY,
    LABEL_EXPECTED_ENTROPY,
    LABEL_MUTUAL_INFORMATION,
    LABEL_EPISTEMIC_STD,
];

/// Probability, `m`: the mean over samples. The prediction; it does not grow with uncertainty.
///
/// Shape `H × W`, a pure number, range `[0, 1]`.
pub const LABEL_PROBABILITY: Measure = Measure {
    name: "probability",
    summary: "mean over samples of the label's probability",
    unit: Unit::One,
    reference: "mean of the sigmoid outputs",
    needs: Needs::MEAN,
    range: Range::UNIT,
    sqrt_scale: false,
    kernel: |tile, out| out.copy_from_slice(tile.mean(0)),
    onnx: Some(|graph, b| b.op("Identity", &[graph.mean()])),
};

/// Predictive entropy of the label, `-m ln m - (1 - m) ln(1 - m)`.
///
/// Shape `H × W`, unit nat, range `[0, ln 2]`.
pub const LABEL_PREDICTIVE_ENTROPY: Measure = Measure {
    name: "predictive_entropy",
    summary: "entropy of the mean probability that the label holds",
    unit: Unit::Nat,
    reference: "Shannon (1948)",
    needs: Needs::MEAN,
    range: Range::Fixed(|_| std::f32::consts::LN_2),
    sqrt_scale: false,
    kernel: predictive_entropy,
    onnx: Some(predictive_entropy_nodes),
};

/// Expected entropy of the label: the mean over samples of the entropy of each.
///
/// Shape `H × W`, unit nat, range `[0, ln 2]`.
pub const LABEL_EXPECTED_ENTROPY: Measure = Measure {
    name: "expected_entropy",
    summary: "mean over samples of the entropy of the label's probability",
    needs: Needs { within: true, ..Needs::MEAN },
    kernel: |tile, out| out.copy_from_slice(tile.within()),
    onnx: Some(MeasureGraph::within),
    ..LABEL_PREDICTIVE_ENTROPY
};

/// Mutual information of the label and the masks: predictive minus expected entropy.
///
/// Shape `H × W`, unit nat, range `[0, ln 2]`.
pub const LABEL_MUTUAL_INFORMATION: Measure = Measure {
    name: "mutual_information",
    summary: "predictive minus expected entropy of the label: disagreement of the samples",
    reference: "Houlsby et al. (2011)",
    needs: Needs { within: true, ..Needs::MEAN },
    sqrt_scale: true,
    kernel: mutual_information,
    onnx: Some(mutual_information_nodes),
    ..LABEL_PREDICTIVE_ENTROPY
};

/// Standard deviation over samples (`1 / T`) of the label's probability.
///
/// Shape `H × W`, a pure number, range `[0, 1/2]`.
pub const LABEL_EPISTEMIC_STD: Measure = Measure {
    name: "epistemic_std",
    summary: "standard deviation over samples of the label's probability",
    unit: Unit::One,
    reference: "standard deviation of the sigmoid output",
    needs: Needs { moments: true, ..Needs::MEAN },
    range: Range::Fixed(|_| 0.5),
    sqrt_scale: false,
    kernel: |tile, out| {
        for (out, deviations) in out.iter_mut().zip(tile.squared_deviations(0)) {
            *out = (deviations * tile.per_sample()).sqrt();
        }
    },
    onnx: Some(|graph, b| {
        let variances = graph.variances(b);
        b.op("Sqrt", &[&variances])
    }),
};

fn predictive_entropy(tile: &Tile, out: &mut [f32]) {
    tile.isa().run(
        #[inline(always)]
        || {
            for (out, mean) in out.iter_mut().zip(tile.mean(0)) {
                *out = binary_entropy(*mean);
            }
        },
    );
}

fn mutual_information(tile: &Tile, out: &mut [f32]) {
    let mut total = [0.0; LANES];
    let total = &mut total[..out.len()];
    predictive_entropy(tile, total);
    for ((out, total), expected) in out.iter_mut().zip(total).zip(tile.within()) {
        *out = *total - expected;
    }
}

fn predictive_entropy_nodes(graph: &MeasureGraph, b: &mut NodeBuilder) -> String {
    b.binary_entropy(graph.mean())
}

fn mutual_information_nodes(graph: &MeasureGraph, b: &mut NodeBuilder) -> String {
    let total = predictive_entropy_nodes(graph, b);
    let expected = graph.within(b);
    b.op("Sub", &[&total, &expected])
}
