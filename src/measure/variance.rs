//! Variance of the class indicator, its two parts, and the deviation of one class.

use super::onnx_form::{MeasureGraph, complement, over_classes};
use super::{Measure, Range, Unit};
use crate::onnx::build::NodeBuilder;
use crate::sums::{LANES, Needs, Tile};

/// Total variance, `sum_c m_c (1 - m_c)`: the variance of the class indicator, summed over
/// classes.
///
/// Shape `H × W`, a pure number, range `[0, 1 - 1/C]`. By the law of total variance it is the sum
/// of [`ALEATORIC_VARIANCE`] and [`EPISTEMIC_VARIANCE`], exactly with variances over `1 / T`.
///
/// # References
/// The law of total variance, class by class: Sale et al. (2024), *Label-wise Aleatoric and
/// Epistemic Uncertainty Quantification*.
pub const TOTAL_VARIANCE: Measure = Measure {
    name: "total_variance",
    summary: "variance of the class indicator under the mean probabilities, summed over classes",
    unit: Unit::One,
    reference: "law of total variance; Sale et al. (2024)",
    needs: Needs::MEAN,
    range: Range::Fixed(largest_variance),
    sqrt_scale: false,
    kernel: total_variance,
    onnx: Some(total_variance_nodes),
};

/// Aleatoric variance, `sum_c (1/T) sum_t p_tc (1 - p_tc)`: the mean over samples of the variance
/// within each sample.
///
/// Shape `H × W`, a pure number, range `[0, 1 - 1/C]`. Computed as the total variance minus
/// the epistemic one, which is equal.
///
/// # References
/// As for [`TOTAL_VARIANCE`].
pub const ALEATORIC_VARIANCE: Measure = Measure {
    name: "aleatoric_variance",
    summary: "mean over samples of the variance within each, summed over classes",
    unit: Unit::One,
    reference: "law of total variance; Sale et al. (2024)",
    needs: Needs { moments: true, ..Needs::MEAN },
    range: Range::Fixed(largest_variance),
    sqrt_scale: false,
    kernel: aleatoric_variance,
    onnx: Some(aleatoric_variance_nodes),
};

/// Epistemic variance, `sum_c (1/T) sum_t (p_tc - m_c)²`: the variance of the probabilities
/// between samples.
///
/// Shape `H × W`, a pure number, range `[0, 1 - 1/C]`. Over `1 / T`, so with independent draws it is
/// on average `1 - 1/T` of what more samples would give.
///
/// # References
/// As for [`TOTAL_VARIANCE`].
pub const EPISTEMIC_VARIANCE: Measure = Measure {
    name: "epistemic_variance",
    summary: "variance of the probabilities between samples, summed over classes",
    unit: Unit::One,
    reference: "law of total variance; Sale et al. (2024)",
    needs: Needs { moments: true, ..Needs::MEAN },
    range: Range::Fixed(largest_variance),
    sqrt_scale: true,
    kernel: epistemic_variance,
    onnx: Some(epistemic_variance_nodes),
};

/// Predicted-class standard deviation: that of `p_tc` over samples (`1 / T`), for the class `c`
/// with the largest mean.
///
/// Shape `H × W`, a pure number, range `[0, 1/2]`.
///
/// # References
/// The standard deviation of the softmax output, in common use; no single source.
pub const PREDICTED_CLASS_STD: Measure = Measure {
    name: "predicted_class_std",
    summary: "standard deviation over samples of the probability of the predicted class",
    unit: Unit::One,
    reference: "standard deviation of the softmax output",
    needs: Needs { moments: true, ..Needs::MEAN },
    range: Range::Fixed(|_| 0.5),
    sqrt_scale: false,
    kernel: predicted_class_std,
    onnx: Some(predicted_class_std_nodes),
};

/// 1 − 1/C: the total variance of the uniform distribution.
fn largest_variance(n_classes: usize) -> f32 {
    (1.0 - 1.0 / n_classes as f64) as f32
}

fn total_variance(tile: &Tile, out: &mut [f32]) {
    let top = tile.top();
    tile.isa().run(
        #[inline(always)]
        || {
            // 1 - m of the likeliest class is the sum of the others: accurate near 0.
            let likeliest = top.largest.iter().zip(top.others);
            for (out, (largest, others)) in out.iter_mut().zip(likeliest) {
                *out = largest * others;
            }
            for class in 0..tile.n_classes() {
                let lanes = out.iter_mut().zip(tile.mean(class)).zip(top.class);
                for ((out, m), likeliest) in lanes {
                    let variance = m * (1.0 - m);
                    *out += if likeliest == class as u32 { 0.0 } else { variance };
                }
            }
        },
    );
}

fn epistemic_variance(tile: &Tile, out: &mut [f32]) {
    out.fill(0.0);
    tile.isa().run(
        #[inline(always)]
        || {
            for class in 0..tile.n_classes() {
                for (out, deviations) in
                    out.iter_mut().zip(tile.squared_deviations(class))
                {
                    *out += deviations * tile.per_sample();
                }
            }
        },
    );
}

fn aleatoric_variance(tile: &Tile, out: &mut [f32]) {
    let mut epistemic = [0.0; LANES];
    total_variance(tile, out);
    epistemic_variance(tile, &mut epistemic[..out.len()]);
    for (out, epistemic) in out.iter_mut().zip(epistemic) {
        *out -= epistemic;
    }
}

fn predicted_class_std(tile: &Tile, out: &mut [f32]) {
    let top = tile.top();
    for (lane, out) in out.iter_mut().enumerate() {
        let deviations = tile.squared_deviations(top.class[lane] as usize)[lane];
        *out = (deviations * tile.per_sample()).sqrt();
    }
}

fn total_variance_nodes(graph: &MeasureGraph, b: &mut NodeBuilder) -> String {
    let squares = b.op("Mul", &[graph.mean(), graph.mean()]);
    let sum = over_classes(b, &squares);
    complement(b, &sum)
}

fn aleatoric_variance_nodes(graph: &MeasureGraph, b: &mut NodeBuilder) -> String {
    let squares = graph.mean_square(b);
    let sum = over_classes(b, &squares);
    complement(b, &sum)
}

fn epistemic_variance_nodes(graph: &MeasureGraph, b: &mut NodeBuilder) -> String {
    let variances = graph.variances(b);
    over_classes(b, &variances)
}

fn predicted_class_std_nodes(graph: &MeasureGraph, b: &mut NodeBuilder) -> String {
    let variances = graph.variances(b);
    let chosen = graph.predicted_class(b);
    let variances = b.op("Mul", &[&variances, &chosen]);
    let sum = over_classes(b, &variances);
    b.op("Sqrt", &[&sum])
}
