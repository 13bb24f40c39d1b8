//! Parts of models made by hand.

use super::*;
use crate::input::Geometry;
use crate::onnx::{ElementType, proto};
use crate::sampling::Shortcut;

pub(super) fn node(kind: &str, inputs: &[&str], output: &str) -> proto::Node {
    proto::Node::new(kind, inputs, &[output])
}

pub(super) fn constant(
    name: &str,
    element_type: ElementType,
    sizes: &[i64],
    bytes: &[u8],
) -> proto::Tensor {
    proto::Tensor::from_bytes(element_type, sizes, bytes).named(name)
}

pub(super) fn floats(name: &str, sizes: &[i64], values: &[f32]) -> proto::Tensor {
    let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    constant(name, ElementType::F32, sizes, &bytes)
}

/// What samples of an image of noise, 12 by 20, give.
pub(super) fn predicted(plan: Plan, disabled: Vec<Shortcut>) -> (Sampler, Statistics) {
    let options = SamplingOptions { disabled, ..options() };
    let (height, width) = (12, 20);
    let runtime = Runtime::find(None).unwrap();
    let mut sampler = Sampler::open(plan, &runtime, options, (height, width)).unwrap();
    let values = image::noise(3 * height * width, 5);
    let geometry = Geometry::of_whole(width, height);
    let image = NetworkInput { values, height, width, geometry };
    let statistics = sampler.sample(image.clone(), 9).unwrap();
    (sampler, statistics)
}

/// The largest difference of means.
pub(super) fn far(a: &Statistics, b: &Statistics) -> f32 {
    let pairs = a.mean().into_iter().zip(b.mean());
    pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}
