//! Measures of a value: the prediction of a regression, and its uncertainty.
//!
//! Throughout, `mu_t` is the value of a sample in the target's unit and `s_t²` the variance that
//! the sample itself predicts, plus `1 / τ` if a model precision τ is given.

use super::onnx_form::MeasureGraph;
use super::{Measure, Range, Unit};
use crate::onnx::build::NodeBuilder;
use crate::sums::{Needs, StdFactors, Tile};

/// Measures of values, in the order in which they are listed and written.
pub const VALUE_MEASURES: &[Measure] = &[
    VALUE,
    TOTAL_STD,
    ALEATORIC_STD,
    EPISTEMIC_STD,
    TOTAL_VALUE_VARIANCE,
    ALEATORIC_VALUE_VARIANCE,
    EPISTEMIC_VALUE_VARIANCE,
];

/// Value, `(1/T) sum_t mu_t`: the prediction.
///
/// Shape `H × W`, in the target's unit, any number. The only measure that does not grow with
/// uncertainty.
///
/// # References
/// The predictive mean of Gal and Ghahramani (2016), *Dropout as a Bayesian Approximation*.
pub const VALUE: Measure = Measure {
    name: "value",
    summary: "mean over samples of the predicted value",
    unit: Unit::Target,
    reference: "Gal and Ghahramani (2016)",
    needs: Needs::MEAN,
    range: Range::Any,
    sqrt_scale: false,
    kernel: value,
    onnx: Some(value_nodes),
};

/// Epistemic variance, `(1/T) sum_t (mu_t - value)²`: the variance of the values between samples.
///
/// Shape `H × W`, in the square of the target's unit, from 0 upwards.
///
/// # References
/// The first part of eq. 9 in Kendall and Gal (2017), *What Uncertainties Do We Need in Bayesian Deep
/// Learning for Computer Vision?*
pub const EPISTEMIC_VALUE_VARIANCE: Measure = Measure {
    name: "epistemic_variance",
    summary: "variance of the values between samples",
    unit: Unit::SquaredTarget,
    reference: "Kendall and Gal (2017)",
    needs: Needs { moments: true, ..Needs::MEAN },
    range: Range::Unbounded,
    sqrt_scale: true,
    kernel: epistemic_variance,
    onnx: Some(epistemic_variance_nodes),
};

/// Aleatoric variance, `(1/T) sum_t s_t²`: the mean of the variances that the samples predict.
///
/// Shape `H × W`, in the square of the target's unit, from 0 upwards; 0 if the model has no head for
/// it and no model precision is given.
///
/// # References
/// The second part of eq. 9 in Kendall and Gal (2017).
pub const ALEATORIC_VALUE_VARIANCE: Measure = Measure {
    name: "aleatoric_variance",
    summary: "mean over samples of the variance that each predicts",
    unit: Unit::SquaredTarget,
    reference: "Kendall and Gal (2017)",
    needs: Needs { within: true, ..Needs::MEAN },
    range: Range::Unbounded,
    sqrt_scale: true,
    kernel: aleatoric_variance,
    onnx: Some(aleatoric_variance_nodes),
};

/// Total variance: the sum of [`ALEATORIC_VALUE_VARIANCE`] and [`EPISTEMIC_VALUE_VARIANCE`].
///
/// Shape `H × W`, in the square of the target's unit, from 0 upwards.
///
/// # References
/// Kendall and Gal (2017), eq. 9.
pub const TOTAL_VALUE_VARIANCE: Measure = Measure {
    name: "total_variance",
    summary: "aleatoric plus epistemic variance of the value",
    unit: Unit::SquaredTarget,
    reference: "Kendall and Gal (2017)",
    needs: Needs { moments: true, within: true, ..Needs::MEAN },
    range: Range::Unbounded,
    sqrt_scale: true,
    kernel: total_variance,
    onnx: Some(total_variance_nodes),
};

/// Root of [`TOTAL_VALUE_VARIANCE`], in the target's unit.
pub const TOTAL_STD: Measure = Measure {
    name: "total_std",
    summary: "root of the total variance",
    unit: Unit::Target,
    sqrt_scale: false,
    kernel: |tile, out| root(tile, out, total_variance),
    onnx: Some(|graph, b| {
        let variance = total_variance_nodes(graph, b);
        b.op("Sqrt", &[&variance])
    }),
    ..TOTAL_VALUE_VARIANCE
};

/// Root of [`ALEATORIC_VALUE_VARIANCE`], in the target's unit.
pub const ALEATORIC_STD: Measure = Measure {
    name: "aleatoric_std",
    summary: "root of the aleatoric variance",
    unit: Unit::Target,
    sqrt_scale: false,
    kernel: |tile, out| root(tile, out, aleatoric_variance),
    onnx: Some(|graph, b| {
        let variance = aleatoric_variance_nodes(graph, b);
        b.op("Sqrt", &[&variance])
    }),
    ..ALEATORIC_VALUE_VARIANCE
};

/// Root of [`EPISTEMIC_VALUE_VARIANCE`], in the target's unit.
pub const EPISTEMIC_STD: Measure = Measure {
    name: "epistemic_std",
    summary: "root of the epistemic variance: the standard deviation of the values between samples",
    unit: Unit::Target,
    sqrt_scale: false,
    kernel: |tile, out| root(tile, out, epistemic_variance),
    onnx: Some(|graph, b| {
        let variance = epistemic_variance_nodes(graph, b);
        b.op("Sqrt", &[&variance])
    }),
    ..EPISTEMIC_VALUE_VARIANCE
};

/// Root of the total variance, times the factor of a policy, in the target's unit.
///
/// # References
/// E. Ledda, G. Fumera, F. Roli (2023), *Dropout Injection at Test Time for Post Hoc Uncertainty
/// Quantification in Neural Networks*, Neurocomputing.
pub const CALIBRATED_STD: Measure = Measure {
    name: "calibrated_std",
    summary: "root of the total variance, times the factor of a policy",
    reference: "Ledda, Fumera and Roli (2023)",
    kernel: |tile, out| {
        root(tile, out, total_variance);
        let factor = tile.std_factors().calibrated;
        for out in out {
            *out = (f64::from(*out) * factor) as f32;
        }
    },
    onnx: None,
    ..TOTAL_STD
};

/// Lower end of the interval of the value: that of a normal distribution with the total variance, or that
/// of a policy.
///
/// Shape `H × W`, in the target's unit, any number.
pub const INTERVAL_LOW: Measure = Measure {
    name: "interval_low",
    summary: "lower end of the interval of the value",
    range: Range::Any,
    kernel: |tile, out| interval_end(tile, out, -1.0),
    onnx: Some(|graph, b| interval_end_nodes(graph, b, "Sub")),
    ..TOTAL_STD
};

/// Upper end of the interval whose lower one is [`INTERVAL_LOW`].
pub const INTERVAL_HIGH: Measure = Measure {
    name: "interval_high",
    summary: "upper end of the interval of the value",
    range: Range::Any,
    kernel: |tile, out| interval_end(tile, out, 1.0),
    onnx: Some(|graph, b| interval_end_nodes(graph, b, "Add")),
    ..TOTAL_STD
};

/// Returns an end of an interval: `value + factor * std`, rounded once.
pub fn end_of_interval(value: f32, std: f32, factor: f64) -> f32 {
    (f64::from(value) + factor * f64::from(std)) as f32
}

fn interval_end(tile: &Tile, out: &mut [f32], side: f64) {
    root(tile, out, total_variance);
    let factor = side * tile.std_factors().interval;
    for (out, value) in out.iter_mut().zip(tile.mean(0)) {
        *out = end_of_interval(*value, *out, factor);
    }
}

fn value(tile: &Tile, out: &mut [f32]) {
    out.copy_from_slice(tile.mean(0));
}

fn epistemic_variance(tile: &Tile, out: &mut [f32]) {
    for (out, deviations) in out.iter_mut().zip(tile.squared_deviations(0)) {
        *out = deviations * tile.per_sample();
    }
}

fn aleatoric_variance(tile: &Tile, out: &mut [f32]) {
    out.copy_from_slice(tile.within());
}

fn total_variance(tile: &Tile, out: &mut [f32]) {
    epistemic_variance(tile, out);
    for (out, aleatoric) in out.iter_mut().zip(tile.within()) {
        *out += aleatoric;
    }
}

fn root(tile: &Tile, out: &mut [f32], variance: fn(&Tile, &mut [f32])) {
    variance(tile, out);
    for out in out {
        *out = out.max(0.0).sqrt();
    }
}

fn value_nodes(graph: &MeasureGraph, b: &mut NodeBuilder) -> String {
    b.op("Identity", &[graph.mean()])
}

fn epistemic_variance_nodes(graph: &MeasureGraph, b: &mut NodeBuilder) -> String {
    graph.variances(b)
}

fn aleatoric_variance_nodes(graph: &MeasureGraph, b: &mut NodeBuilder) -> String {
    graph.within(b)
}

fn interval_end_nodes(graph: &MeasureGraph, b: &mut NodeBuilder, op: &str) -> String {
    let variance = total_variance_nodes(graph, b);
    let std = b.op("Sqrt", &[&variance]);
    let factor = b.double(StdFactors::default().interval);
    let half = b.op("Mul", &[&std, &factor]);
    b.op(op, &[graph.mean(), &half])
}

fn total_variance_nodes(graph: &MeasureGraph, b: &mut NodeBuilder) -> String {
    let epistemic = epistemic_variance_nodes(graph, b);
    let aleatoric = aleatoric_variance_nodes(graph, b);
    b.op("Add", &[&epistemic, &aleatoric])
}
