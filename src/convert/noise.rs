//! Noise in standard operators: uniform and Gaussian numbers for each image.

use super::conversion::DrawContext;
use super::generator::{MAPS, high, range, spread, squares, strata};
use super::keys::KeyTensors;
use super::unit_layout::UnitLayout;
use crate::graph::StochasticNode;
use crate::onnx::ElementType::{F32, F64};
use crate::onnx::build::NodeBuilder;
use crate::random::{BLOCK, Draws};

/// Replaces a draw by noise.
pub(super) fn noise(b: &mut NodeBuilder, context: &DrawContext) {
    let DrawContext { batch, keys, active, location } = *context;
    let layout = UnitLayout::build(b, batch, &active.input, None, location);
    let key = keys.of(b, active.key, location.iteration.as_deref());
    let (numbers, first, factor, off) = match active.draw {
        StochasticNode::Normal { mean, scale } => {
            (gaussian(b, keys, &key, &layout.units), mean, scale, mean)
        }
        StochasticNode::Uniform { low, high, off } => {
            (uniform(b, keys, &key, &layout.units), low, high - low, off)
        }
        StochasticNode::Dropout(_) => return,
    };
    let [first, factor, off] = [first, factor, off].map(|value| b.float(value));
    let scaled = b.op("Mul", &[&numbers, &factor]);
    let shifted = b.op("Add", &[&scaled, &first]);
    let sizes = b.op("Shape", &[&shifted]);
    let is_off = b.reshape(&batch.off, &[-1, 1]);
    let is_off = b.op("Expand", &[&is_off, &sizes]);
    let is_off = layout.scatter(b, batch, &is_off);
    let numbers = layout.scatter(b, batch, &shifted);
    b.named("Where", &[&is_off, &off, &numbers], &location.name, &active.output);
}

/// Adds numbers in [0, 1), `[N, units]`.
fn uniform(b: &mut NodeBuilder, keys: &KeyTensors, key: &str, units: &str) -> String {
    let unit = range(b, units);
    let words = squares(b, &unit, key);
    let (place, places) = match keys.draws {
        // The upper 24 of 32 bits, which f32 can hold.
        Draws::Independent => (b.gather(&words, &keys.pair, 0), 1 << 8),
        Draws::Stratified => {
            let spread = spread(b, &words);
            let spread = b.gather(&spread, &keys.pair, 0);
            let map = high(b, &spread);
            let two = b.int(1 << 32);
            let whole = b.op("Mul", &[&map, &two]);
            let place = b.op("Sub", &[&spread, &whole]);
            let strata = strata(b);
            let strata = b.reshape(&strata, &[-1]);
            let [step, strata_count] = [MAPS, BLOCK as i64].map(|value| b.int(value));
            // Images of the deterministic pass have no stratum; any will do.
            let bit = b.op("Mod", &[&keys.bit, &strata_count]);
            let first = b.op("Mul", &[&bit, &step]);
            let first = b.reshape(&first, &[-1, 1]);
            let index = b.op("Add", &[&map, &first]);
            let stratum = b.gather(&strata, &index, 0);
            let stratum = b.op("Mul", &[&stratum, &two]);
            (b.op("Add", &[&stratum, &place]), (BLOCK as i64) << 8)
        }
    };
    let places = b.int(places);
    let bits = b.op("Div", &[&place, &places]);
    let bits = b.cast(&bits, F32);
    let unit = b.float(1.0 / 16_777_216.0);
    b.op("Mul", &[&bits, &unit])
}

/// Adds numbers of mean 0 and variance 1, `[N, units]`.
fn gaussian(b: &mut NodeBuilder, keys: &KeyTensors, key: &str, units: &str) -> String {
    let unit = range(b, units);
    let even = b.op("Add", &[&unit, &unit]);
    let one = b.int(1);
    let odd = b.op("Add", &[&even, &one]);
    let [radius, angle] = [&even, &odd].map(|counter| squares(b, counter, key));
    let double = |b: &mut NodeBuilder, words: &str, factor: f64| {
        let words = b.cast(words, F64);
        let factor = b.double(factor);
        b.op("Mul", &[&words, &factor])
    };
    let radius = b.op("Add", &[&radius, &one]);
    let radius = double(b, &radius, 1.0 / 4_294_967_296.0);
    let radius = b.op("Log", &[&radius]);
    let minus = b.double(-2.0);
    let radius = b.op("Mul", &[&radius, &minus]);
    let radius = b.op("Sqrt", &[&radius]);
    // The sine of a quarter turn more: ONNX Runtime has no cosine of doubles before 1.23 or so.
    let angle = double(b, &angle, std::f64::consts::TAU / 4_294_967_296.0);
    let quarter = b.double(std::f64::consts::FRAC_PI_2);
    let angle = b.op("Add", &[&angle, &quarter]);
    let cosine = b.op("Sin", &[&angle]);
    let numbers = b.op("Mul", &[&radius, &cosine]);
    let numbers = b.gather(&numbers, &keys.pair, 0);
    b.cast(&numbers, F32)
}
