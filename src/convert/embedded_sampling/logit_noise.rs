//! Gaussian noise of logits inside of a model, as [`crate::random`] defines it: the mean over its draws
//! of the softmax. The draws are in a `Loop`, so that memory does not grow with their number.

use super::variance_nodes::variance;
use crate::convert::generator::{
    MAPS, absorb, halves, high, product, range, spread, squares, strata,
};
use crate::onnx::ElementType::{Bool, F32, F64, I64};
use crate::onnx::build::NodeBuilder;
use crate::onnx::{declared, proto};
use crate::random::{BLOCK, CENTRAL, Draws, KEY_START, TAIL, TAILS};
use crate::sampling::NoiseLayout;

/// Logits with noise, as tensors of the graph.
pub(super) struct NoisyLogits<'a> {
    pub(super) layout: &'a NoiseLayout,
    /// Logits, `[N, classes, ...]` in single precision.
    pub(super) logits: String,
    /// What gives their variances, of the same sizes.
    pub(super) spread: String,
    /// Numbers of the samples of the run, `[samples, 1]`.
    pub(super) samples: String,
    /// Number of images, `[1]`.
    pub(super) batch: &'a str,
    /// Number of axes behind that of the classes.
    pub(super) spatial_axes: usize,
}

/// What passes predict, averaged over the draws of the noise, `[N, classes or 1, ...]`.
pub(super) struct NoiseAverage {
    /// Mean probabilities in single precision.
    pub(super) probabilities: String,
    /// Entropy of the mean minus mean entropy of the draws, in single precision.
    pub(super) information: String,
}

impl NoisyLogits<'_> {
    /// Adds the average over the draws.
    pub(super) fn average(&self, b: &mut NodeBuilder) -> NoiseAverage {
        let variances = variance(b, &self.spread, self.layout.form);
        let std = b.op("Sqrt", &[&variances]);
        let std = b.cast(&std, F32);
        let sizes = b.op("Shape", &[&self.logits]);
        let axes: Vec<i64> = (1..self.spatial_axes as i64 + 2).collect();
        let axes = b.ints(&axes);
        let unit_sizes = b.gather(&sizes, &axes, 0);
        let units = product(b, &unit_sizes);
        let key = self.key_of_pass(b);
        let before = b.take();

        let names = &mut b.names;
        let draw = names.unique("mcdrop/draw");
        let (go_on, goes_on) =
            (names.unique("mcdrop/draw_more"), names.unique("mcdrop/draws_more"));
        let [carried, next, sums] = ["carried", "sum", "sums"].map(|kind| {
            ["probability", "entropy"]
                .map(|of| b.names.unique(&format!("mcdrop/noise_{kind}_{of}")))
        });
        b.named("Identity", &[&go_on], "mcdrop/draw_more", &goes_on);
        let places = self.places(b, &draw, &key, &units);
        let noise = self.quantile(b, &places);
        let noise = self.of_rows(b, &noise, &unit_sizes, &sizes);
        let noise = b.op("Mul", &[&noise, &std]);
        let scores = b.op("Add", &[&self.logits, &noise]);
        let probabilities = b.softmax(&scores);
        let probabilities = b.cast(&probabilities, F64);
        let entropy = b.entropy(&probabilities, 1);
        for ((carried, added), next) in
            carried.iter().zip([probabilities, entropy]).zip(&next)
        {
            b.named("Add", &[carried, &added], next, next);
        }
        let rank = self.spatial_axes + 2;
        let value = |name: &str, of, rank| declared(name, of, &vec![None; rank]);
        let wide =
            |names: &[String; 2]| names.clone().map(|name| value(&name, F64, rank));
        let [carried_values, next_values] = [&carried, &next].map(wide);
        let body = proto::Graph {
            name: Some("draws".to_owned()),
            node: b.take(),
            input: [
                vec![value(&draw, I64, 0), value(&go_on, Bool, 0)],
                carried_values.into(),
            ]
            .concat(),
            output: [vec![value(&goes_on, Bool, 0)], next_values.into()].concat(),
            ..proto::Graph::default()
        };
        b.put(before);
        let zeros = b.doubles(&vec![1; rank], &[0.0]);
        let n_draws = b.int(i64::from(self.layout.n_draws));
        let yes = b.bool(true);
        let name = b.names.unique("mcdrop/draws");
        b.put(vec![proto::Node {
            op_type: Some("Loop".to_owned()),
            name: Some(name),
            input: vec![n_draws, yes, zeros.clone(), zeros],
            output: sums.to_vec(),
            attribute: vec![proto::Attribute::graph("body", body)],
            ..proto::Node::default()
        }]);
        let count = b.double(f64::from(self.layout.n_draws));
        let [probabilities, entropy] = sums.map(|sum| b.op("Div", &[&sum, &count]));
        let of_mean = b.entropy(&probabilities, 1);
        let information = b.op("Sub", &[&of_mean, &entropy]);
        let zero = b.double(0.0);
        let information = b.op("Max", &[&information, &zero]);
        let [probabilities, information] =
            [probabilities, information].map(|name| b.cast(&name, F32));
        NoiseAverage { probabilities, information }
    }

    /// Adds the keys of the passes before the word of the block of draws, `[samples, 1]`. Images share
    /// their noise as they share their masks: the key of the image is 0.
    fn key_of_pass(&self, b: &mut NodeBuilder) -> String {
        let mut key = b.tensor(&[1, 1], &[KEY_START.cast_signed()]);
        let seed = self.layout.seed.cast_signed();
        let seed = b.tensor(&[1, 1], &[seed]);
        let [low, high] = halves(b, &seed);
        let tag = b.int(i64::from(self.layout.draws.noise_tag()));
        let zero = b.int(0);
        for word in [&tag, &low, &high, &zero, &zero, &self.samples] {
            key = absorb(b, &key, word);
        }
        key
    }

    /// Adds the places of the units in a draw, `[samples, units]`.
    fn places(&self, b: &mut NodeBuilder, draw: &str, key: &str, units: &str) -> String {
        let size = b.int(i64::from(self.layout.draws.samples_per_key()));
        let block = b.op("Div", &[draw, &size]);
        let key = absorb(b, key, &block);
        let unit = range(b, units);
        let words = squares(b, &unit, &key);
        match self.layout.draws {
            Draws::Independent => words,
            Draws::Stratified => {
                let spread = spread(b, &words);
                let map = high(b, &spread);
                let two = b.int(1 << 32);
                let whole = b.op("Mul", &[&map, &two]);
                let place = b.op("Sub", &[&spread, &whole]);
                let strata = strata(b);
                let strata = b.reshape(&strata, &[-1]);
                let step = b.int(MAPS);
                let bit = b.op("Mod", &[draw, &size]);
                let first = b.op("Mul", &[&bit, &step]);
                let index = b.op("Add", &[&map, &first]);
                let stratum = b.gather(&strata, &index, 0);
                let stratum = b.op("Mul", &[&stratum, &two]);
                b.op("Add", &[&stratum, &place])
            }
        }
    }

    /// Adds the quantiles of the normal distribution at the centers of places, in single precision.
    fn quantile(&self, b: &mut NodeBuilder, places: &str) -> String {
        let n_places = match self.layout.draws {
            Draws::Independent => 4_294_967_296.0,
            Draws::Stratified => BLOCK as f64 * 4_294_967_296.0,
        };
        let [offset, half, share, tail, minus_two, zero] =
            [0.5 - 0.5 * n_places, 0.5 * n_places, 1.0 / n_places, TAIL, -2.0, 0.0]
                .map(|number| b.double(number));
        let places = b.cast(places, F64);
        let x = b.op("Add", &[&places, &offset]);
        let q = b.op("Mul", &[&x, &share]);
        let distance = b.op("Abs", &[&x]);
        let from_end = b.op("Sub", &[&half, &distance]);
        let from_end = b.op("Mul", &[&from_end, &share]);

        let r = b.op("Mul", &[&q, &q]);
        let above = polynomial(b, &CENTRAL.above, &r);
        let below = polynomial(b, &CENTRAL.below, &r);
        let above = b.op("Mul", &[&above, &q]);
        let central = b.op("Div", &[&above, &below]);

        let logarithm = b.op("Log", &[&from_end]);
        let t = b.op("Mul", &[&logarithm, &minus_two]);
        let t = b.op("Sqrt", &[&t]);
        let above = polynomial(b, &TAILS.above, &t);
        let below = polynomial(b, &TAILS.below, &t);
        let lower = b.op("Div", &[&above, &below]);
        let upper = b.op("Neg", &[&lower]);
        let is_lower = b.op("Less", &[&x, &zero]);
        let tails = b.op("Where", &[&is_lower, &lower, &upper]);

        let is_tail = b.op("Less", &[&from_end, &tail]);
        let noise = b.op("Where", &[&is_tail, &tails, &central]);
        b.cast(&noise, F32)
    }

    /// Repeats the noise of each sample, `[samples, units]`, for all images: `sizes` are those of the
    /// logits, all images with one sample and then all with the next.
    fn of_rows(
        &self,
        b: &mut NodeBuilder,
        noise: &str,
        unit_sizes: &str,
        sizes: &str,
    ) -> String {
        let [one, any] = [1, -1].map(|size| b.ints(&[size]));
        let of_sample = b.concat(&[&any, &one, unit_sizes], 0);
        let noise = b.op("Reshape", &[noise, &of_sample]);
        let all = b.concat(&[&one, self.batch, unit_sizes], 0);
        let noise = b.op("Expand", &[&noise, &all]);
        b.op("Reshape", &[&noise, sizes])
    }
}

/// Adds a polynomial, whose coefficients begin with that of the highest power.
fn polynomial(b: &mut NodeBuilder, coefficients: &[f64], x: &str) -> String {
    let mut sum = b.double(coefficients[0]);
    for coefficient in &coefficients[1..] {
        let product = b.op("Mul", &[&sum, x]);
        let coefficient = b.double(*coefficient);
        sum = b.op("Add", &[&product, &coefficient]);
    }
    sum
}
