//! Sums over samples and measures as operators of an ONNX graph, for models that sample by
//! themselves.

use super::Measure;
use crate::onnx::ElementType::{F32, F64};
use crate::onnx::build::NodeBuilder;
use crate::sums::{Family, Needs};

/// Names of the tensors of some passes, `[samples, images, channels, ...]`.
#[derive(Debug, Clone)]
pub(crate) struct PassTensors {
    /// What the channels are.
    pub(crate) family: Family,
    /// Number of channels: at least two for classes.
    pub(crate) n_channels: usize,
    /// Probabilities in single precision, or values.
    pub(crate) values: String,
    /// Variances of values in double precision; empty for probabilities.
    pub(crate) variances: String,
    /// Information of the noise of logits in double precision; empty without noise.
    pub(crate) information: String,
}

/// Names of the tensors with the sums over samples, `[images, channels or 1, ...]` in double
/// precision.
#[derive(Debug, Clone, Default)]
pub(crate) struct SumTensors {
    /// Probabilities or values.
    value: String,
    /// Their squares, if [`Needs::moments`]; else empty.
    square: String,
    /// Entropies or variances within each sample, if [`Needs::within`]; else empty.
    within: String,
    /// Votes, if [`Needs::votes`]; else empty.
    votes: String,
    /// Information of the noise of logits, if [`Needs::noise`]; else empty.
    information: String,
}

impl SumTensors {
    /// Adds the sums over the samples of passes.
    pub(crate) fn build(b: &mut NodeBuilder, passes: &PassTensors, needs: Needs) -> Self {
        let wide = b.cast(&passes.values, F64);
        let mut sums = Self { value: over_samples(b, &wide), ..Self::default() };
        if needs.moments {
            let squares = b.op("Mul", &[&wide, &wide]);
            sums.square = over_samples(b, &squares);
        }
        if needs.within {
            let within = match passes.family {
                Family::Classes => b.entropy(&wide, 2),
                Family::Labels => b.binary_entropy(&wide),
                Family::Values => passes.variances.clone(),
            };
            sums.within = over_samples(b, &within);
        }
        if needs.votes {
            let votes = b.one_hot_of_largest(&passes.values, 2, passes.n_channels);
            sums.votes = over_samples(b, &votes);
        }
        if needs.noise {
            sums.information = over_samples(b, &passes.information);
        }
        sums
    }

    /// The names of the tensors that exist.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        [&self.value, &self.square, &self.within, &self.votes, &self.information]
            .into_iter()
            .map(String::as_str)
            .filter(|name| !name.is_empty())
    }

    /// Replaces the names of the tensors that exist.
    pub(crate) fn map_names(&self, mut new_name: impl FnMut(&str) -> String) -> Self {
        let mut map = |name: &str| match name {
            "" => String::new(),
            name => new_name(name),
        };
        Self {
            value: map(&self.value),
            square: map(&self.square),
            within: map(&self.within),
            votes: map(&self.votes),
            information: map(&self.information),
        }
    }
}

fn over_samples(b: &mut NodeBuilder, values: &str) -> String {
    let sum = b.reduce("ReduceSum", values, &[0]);
    b.squeeze(&sum, 0)
}

/// Tensors that measures are computed from in a graph, all in double precision.
#[derive(Debug)]
pub(crate) struct MeasureGraph {
    sums: SumTensors,
    n_classes: usize,
    /// The number of samples.
    samples: String,
    /// The mean probabilities or values.
    mean: String,
}

/// The outputs of a model that samples by itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OutputSpec<'a> {
    /// What the channels are.
    pub(crate) family: Family,
    /// Number of channels: at least two for classes.
    pub(crate) n_channels: usize,
    /// Number of samples.
    pub(crate) samples: u32,
    /// Name of the first output: the mean probabilities or values.
    pub(crate) mean: &'a str,
    /// Measures that become outputs.
    pub(crate) measures: &'a [&'static Measure],
}

/// An output of a model that samples by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MeasureOutput {
    /// Name of the tensor.
    pub(crate) name: String,
    /// Has an axis of channels.
    pub(crate) has_channels: bool,
}

impl MeasureGraph {
    /// Adds the outputs: the mean probabilities or values, then the measures. Measures of classes
    /// have no axis of channels; those of labels and values have the one of the means.
    pub(crate) fn outputs(
        b: &mut NodeBuilder,
        sums: SumTensors,
        spec: &OutputSpec,
    ) -> Vec<MeasureOutput> {
        "measures".clone_into(&mut b.scope);
        let samples = b.double(f64::from(spec.samples));
        let mean = b.op("Div", &[&sums.value, &samples]);
        let graph = Self { sums, n_classes: spec.n_channels, samples, mean };
        let name = b.names.unique(spec.mean);
        let single = b.cast(&graph.mean, F32);
        b.named("Identity", &[&single], &name, &name);
        let mut outputs = vec![MeasureOutput { name, has_channels: true }];
        let has_channels = spec.family != Family::Classes;
        for measure in spec.measures {
            // First of all, so that the numbers of constants do not depend on the measures.
            zero(b);
            let Some(nodes) = measure.onnx else { continue };
            let value = nodes(&graph, b);
            let mut value = b.cast(&value, F32);
            if !has_channels {
                value = b.squeeze(&value, 1);
            }
            let name = b.names.unique(measure.name);
            b.named("Identity", &[&value], &name, &name);
            outputs.push(MeasureOutput { name, has_channels });
        }
        outputs
    }

    /// The mean probabilities or values.
    pub(super) fn mean(&self) -> &str {
        &self.mean
    }

    /// Adds the mean over samples of the entropy, or variance, within each.
    pub(super) fn within(&self, b: &mut NodeBuilder) -> String {
        b.op("Div", &[&self.sums.within, &self.samples])
    }

    /// Adds the mean information of the noise of logits.
    pub(super) fn noise_information(&self, b: &mut NodeBuilder) -> String {
        b.op("Div", &[&self.sums.information, &self.samples])
    }

    /// Adds the mean of the squared probabilities or values.
    pub(super) fn mean_square(&self, b: &mut NodeBuilder) -> String {
        b.op("Div", &[&self.sums.square, &self.samples])
    }

    /// Adds the variances of the probabilities or values over samples.
    pub(super) fn variances(&self, b: &mut NodeBuilder) -> String {
        let squares = self.mean_square(b);
        let of_mean = b.op("Mul", &[&self.mean, &self.mean]);
        let difference = b.op("Sub", &[&squares, &of_mean]);
        let zero = zero(b);
        b.op("Max", &[&difference, &zero])
    }

    /// Adds the largest share of the votes.
    pub(super) fn largest_vote_share(&self, b: &mut NodeBuilder) -> String {
        let most = b.reduce("ReduceMax", &self.sums.votes, &[1]);
        b.op("Div", &[&most, &self.samples])
    }

    /// Adds 1 for the predicted class and 0 for the others.
    pub(super) fn predicted_class(&self, b: &mut NodeBuilder) -> String {
        let single = b.cast(&self.mean, F32);
        b.one_hot_of_largest(&single, 1, self.n_classes)
    }

    /// Adds the two largest mean probabilities, in single precision.
    pub(crate) fn two_largest(&self, b: &mut NodeBuilder) -> [String; 2] {
        let two = b.ints(&[2]);
        let single = b.cast(&self.mean, F32);
        let top = b.top(&single, &two, 1);
        [0, 1].map(|i| {
            let at = b.ints(&[i]);
            b.gather(&top, &at, 1)
        })
    }
}

/// Adds the constant 0.
pub(super) fn zero(b: &mut NodeBuilder) -> String {
    b.double(0.0)
}

/// Adds 1 minus a value.
pub(super) fn complement(b: &mut NodeBuilder, value: &str) -> String {
    let one = b.double(1.0);
    b.op("Sub", &[&one, value])
}

/// Adds the sum over classes.
pub(super) fn over_classes(b: &mut NodeBuilder, values: &str) -> String {
    b.reduce("ReduceSum", values, &[1])
}
