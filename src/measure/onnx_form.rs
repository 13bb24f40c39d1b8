//! Sums over samples and measures as operators of an ONNX graph, for models that sample by
//! themselves.

use super::Measure;
use crate::onnx::ElementType::{F32, F64};
use crate::onnx::build::NodeBuilder;
use crate::sums::Needs;

/// Names of the tensors with the sums over samples, `[images, classes or 1, ...]` in double
/// precision.
#[derive(Debug, Clone, Default)]
pub(crate) struct SumTensors {
    probability: String,
    /// Squares of the probabilities, if [`Needs::moments`]; else empty.
    square: String,
    /// Entropies, if [`Needs::within`]; else empty.
    entropy: String,
    /// Votes, if [`Needs::votes`]; else empty.
    votes: String,
}

impl SumTensors {
    /// Adds the sums over the first axis of probabilities `[samples, images, classes, ...]`.
    pub(crate) fn build(
        b: &mut NodeBuilder,
        p: &str,
        needs: Needs,
        n_classes: usize,
    ) -> Self {
        let wide = b.cast(p, F64);
        let mut sums = Self { probability: over_samples(b, &wide), ..Self::default() };
        if needs.moments {
            let squares = b.op("Mul", &[&wide, &wide]);
            sums.square = over_samples(b, &squares);
        }
        if needs.within {
            let entropy = b.entropy(&wide, 2);
            sums.entropy = over_samples(b, &entropy);
        }
        if needs.votes {
            let votes = b.one_hot_of_largest(p, 2, n_classes);
            sums.votes = over_samples(b, &votes);
        }
        sums
    }

    /// The names of the tensors that exist.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        [&self.probability, &self.square, &self.entropy, &self.votes]
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
            probability: map(&self.probability),
            square: map(&self.square),
            entropy: map(&self.entropy),
            votes: map(&self.votes),
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
    /// The mean probabilities.
    mean: String,
}

/// An output of a model that samples by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MeasureOutput {
    /// Name of the tensor.
    pub(crate) name: String,
    /// Has an axis of classes.
    pub(crate) has_classes: bool,
}

impl MeasureGraph {
    /// Adds the outputs: the mean probabilities, then the measures.
    pub(crate) fn outputs(
        b: &mut NodeBuilder,
        sums: SumTensors,
        samples: u32,
        n_classes: usize,
        measures: &[&Measure],
    ) -> Vec<MeasureOutput> {
        "measures".clone_into(&mut b.scope);
        let samples = b.double(f64::from(samples));
        let mean = b.op("Div", &[&sums.probability, &samples]);
        let graph = Self { sums, n_classes, samples, mean };
        let name = b.names.unique("probabilities");
        let single = b.cast(&graph.mean, F32);
        b.named("Identity", &[&single], &name, &name);
        let mut outputs = vec![MeasureOutput { name, has_classes: true }];
        for measure in measures {
            // First of all, so that the numbers of constants do not depend on the measures.
            zero(b);
            let Some(nodes) = measure.onnx else { continue };
            let value = nodes(&graph, b);
            let value = b.cast(&value, F32);
            let value = b.squeeze(&value, 1);
            let name = b.names.unique(measure.name);
            b.named("Identity", &[&value], &name, &name);
            outputs.push(MeasureOutput { name, has_classes: false });
        }
        outputs
    }

    /// The mean probabilities.
    pub(super) fn mean(&self) -> &str {
        &self.mean
    }

    /// Adds the mean entropy of the samples.
    pub(super) fn expected_entropy(&self, b: &mut NodeBuilder) -> String {
        b.op("Div", &[&self.sums.entropy, &self.samples])
    }

    /// Adds the mean of the squared probabilities.
    pub(super) fn mean_square(&self, b: &mut NodeBuilder) -> String {
        b.op("Div", &[&self.sums.square, &self.samples])
    }

    /// Adds the variances of the probabilities over samples.
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
