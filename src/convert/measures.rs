//! The measures in standard operators: sums over samples, and what is computed from them.

use super::builder::Builder;
use super::uncertainty::reduce;
use crate::measure::Measure;
use crate::onnx::ElementType::{F32, F64};
use crate::onnx::proto;

/// What the measures are computed from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape<'a> {
    pub(super) measures: &'a [&'static Measure],
    pub(super) samples: u32,
    pub(super) classes: usize,
    pub(super) opset: i64,
}

/// Sums over the samples of a pass, `[images, classes or 1, ...]` in double precision; empty
/// where no measure needs them.
#[derive(Debug, Clone, Default)]
pub(super) struct Sums {
    probability: String,
    square: String,
    entropy: String,
    votes: String,
}

/// One of the sums.
#[derive(Debug, Clone, Copy)]
pub(super) enum Sum {
    Probability,
    Square,
    Entropy,
    Votes,
}

impl Sums {
    /// Those that there are.
    pub(super) fn all(&self) -> impl Iterator<Item = (Sum, &str)> {
        let each = [
            (Sum::Probability, self.probability.as_str()),
            (Sum::Square, self.square.as_str()),
            (Sum::Entropy, self.entropy.as_str()),
            (Sum::Votes, self.votes.as_str()),
        ];
        each.into_iter().filter(|(_, name)| !name.is_empty())
    }

    pub(super) fn set(&mut self, sum: Sum, name: String) {
        match sum {
            Sum::Probability => self.probability = name,
            Sum::Square => self.square = name,
            Sum::Entropy => self.entropy = name,
            Sum::Votes => self.votes = name,
        }
    }
}

fn needs(options: &Shape, names: &[&str]) -> bool {
    options.measures.iter().any(|measure| names.contains(&measure.name))
}

/// The sums over probabilities `[samples, images, classes, ...]`.
pub(super) fn sums(b: &mut Builder, p: &str, options: &Shape) -> Sums {
    let opset = options.opset;
    let over_samples = |b: &mut Builder, values: &str| {
        let sum = reduce(b, "ReduceSum", values, &[0], opset);
        squeezed(b, &sum, 0, opset)
    };
    let mut sums = Sums::default();
    let wide = b.cast(p, F64);
    sums.probability = over_samples(b, &wide);
    let moments = ["aleatoric_variance", "epistemic_variance", "predicted_class_std"];
    if needs(options, &moments) {
        let squares = b.op("Mul", &[&wide, &wide]);
        sums.square = over_samples(b, &squares);
    }
    if needs(options, &["expected_entropy", "mutual_information"]) {
        let entropy = entropy(b, &wide, 2, opset);
        sums.entropy = over_samples(b, &entropy);
    }
    if needs(options, &["variation_ratio"]) {
        let votes = one_hot_of_largest(b, p, 2, options.classes);
        sums.votes = over_samples(b, &votes);
    }
    sums
}

/// Without an axis of size 1, which was named by an attribute before it was by an input.
fn squeezed(b: &mut Builder, value: &str, axis: i64, opset: i64) -> String {
    if opset < 13 {
        return b.op_with(
            "Squeeze",
            &[value],
            vec![proto::Attribute::ints("axes", &[axis])],
        );
    }
    let axes = b.ints(&[axis]);
    b.op("Squeeze", &[value, &axes])
}

/// `-sum p ln p` over an axis, which stays with size 1.
fn entropy(b: &mut Builder, p: &str, axis: i64, opset: i64) -> String {
    // 0 ln 0 is 0: the logarithm of the smallest number times 0.
    let smallest = b.double(f64::MIN_POSITIVE);
    let above = b.op("Max", &[p, &smallest]);
    let logarithm = b.op("Log", &[&above]);
    let terms = b.op("Mul", &[p, &logarithm]);
    let sum = reduce(b, "ReduceSum", &terms, &[axis], opset);
    b.op("Neg", &[&sum])
}

/// 1 for the class of the largest value, the lowest of equal ones; 0 for the others.
fn one_hot_of_largest(
    b: &mut Builder,
    values: &str,
    axis: i64,
    classes: usize,
) -> String {
    let class = b.op_with(
        "ArgMax",
        &[values],
        vec![proto::Attribute::int("axis", axis), proto::Attribute::int("keepdims", 0)],
    );
    let depth = b.int(classes as i64);
    let off_on = b.floats(&[0.0, 1.0]);
    let chosen = b.op_with(
        "OneHot",
        &[&class, &depth, &off_on],
        vec![proto::Attribute::int("axis", axis)],
    );
    b.cast(&chosen, F64)
}

/// The outputs, each with whether it has an axis of classes.
pub(super) fn outputs(
    b: &mut Builder,
    sums: &Sums,
    options: &Shape,
) -> Vec<(String, bool)> {
    "measures".clone_into(&mut b.scope);
    let samples = b.double(f64::from(options.samples));
    let mean = b.op("Div", &[&sums.probability, &samples]);
    let reading = Reading { sums: sums.clone(), mean, samples, options };
    let probabilities = b.names.unique("probabilities");
    let single = b.cast(&reading.mean, F32);
    b.named("Identity", &[&single], (&probabilities, &probabilities));
    let mut outputs = vec![(probabilities, true)];
    for measure in options.measures {
        let value = reading.measure(b, measure.name);
        let value = b.cast(&value, F32);
        let value = reading.without_classes(b, &value);
        let name = b.names.unique(measure.name);
        b.named("Identity", &[&value], (&name, &name));
        outputs.push((name, false));
    }
    outputs
}

struct Reading<'a> {
    sums: Sums,
    mean: String,
    samples: String,
    options: &'a Shape<'a>,
}

impl Reading<'_> {
    fn over_classes(&self, b: &mut Builder, values: &str) -> String {
        reduce(b, "ReduceSum", values, &[1], self.options.opset)
    }

    fn largest(&self, b: &mut Builder) -> String {
        reduce(b, "ReduceMax", &self.mean, &[1], self.options.opset)
    }

    fn mean_square(&self, b: &mut Builder) -> String {
        b.op("Div", &[&self.sums.square, &self.samples])
    }

    fn without_classes(&self, b: &mut Builder, value: &str) -> String {
        squeezed(b, value, 1, self.options.opset)
    }

    /// 1 less something.
    fn rest(b: &mut Builder, value: &str) -> String {
        let one = b.double(1.0);
        b.op("Sub", &[&one, value])
    }

    fn measure(&self, b: &mut Builder, name: &str) -> String {
        let opset = self.options.opset;
        let zero = b.double(0.0);
        match name {
            "predictive_entropy" => entropy(b, &self.mean, 1, opset),
            "expected_entropy" => b.op("Div", &[&self.sums.entropy, &self.samples]),
            "mutual_information" => {
                let all = entropy(b, &self.mean, 1, opset);
                let expected = b.op("Div", &[&self.sums.entropy, &self.samples]);
                let difference = b.op("Sub", &[&all, &expected]);
                b.op("Max", &[&difference, &zero])
            }
            "total_variance" => {
                let squares = b.op("Mul", &[&self.mean, &self.mean]);
                let sum = self.over_classes(b, &squares);
                Self::rest(b, &sum)
            }
            "aleatoric_variance" => {
                let squares = self.mean_square(b);
                let sum = self.over_classes(b, &squares);
                Self::rest(b, &sum)
            }
            "epistemic_variance" => {
                let variances = self.variances(b);
                self.over_classes(b, &variances)
            }
            "variation_ratio" => {
                let most = reduce(b, "ReduceMax", &self.sums.votes, &[1], opset);
                let share = b.op("Div", &[&most, &self.samples]);
                Self::rest(b, &share)
            }
            "least_confidence" => {
                let largest = self.largest(b);
                Self::rest(b, &largest)
            }
            "margin" => self.margin(b),
            _ => {
                let variances = self.variances(b);
                let single = b.cast(&self.mean, F32);
                let chosen = one_hot_of_largest(b, &single, 1, self.options.classes);
                let variances = b.op("Mul", &[&variances, &chosen]);
                let sum = self.over_classes(b, &variances);
                b.op("Sqrt", &[&sum])
            }
        }
    }

    /// Variances of the probabilities over samples.
    fn variances(&self, b: &mut Builder) -> String {
        let squares = self.mean_square(b);
        let of_mean = b.op("Mul", &[&self.mean, &self.mean]);
        let difference = b.op("Sub", &[&squares, &of_mean]);
        let zero = b.double(0.0);
        b.op("Max", &[&difference, &zero])
    }

    /// 1 less the difference of the two largest means.
    fn margin(&self, b: &mut Builder) -> String {
        let two = b.ints(&[2]);
        let single = b.cast(&self.mean, F32);
        let top = b.top(&single, &two, 1);
        let [first, second] = [0, 1].map(|i| {
            let at = b.ints(&[i]);
            b.gather(&top, &at, 1)
        });
        let difference = b.op("Sub", &[&first, &second]);
        let difference = b.cast(&difference, F64);
        Self::rest(b, &difference)
    }
}
