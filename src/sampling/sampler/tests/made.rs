//! Parts of models made by hand.

use super::*;
use crate::input::Geometry;
use crate::onnx::proto;
use crate::sampling::Shortcut;

pub(super) fn node(kind: &str, inputs: &[&str], output: &str) -> proto::Node {
    proto::Node {
        op_type: Some(kind.to_owned()),
        input: inputs.iter().map(|&name| name.to_owned()).collect(),
        output: vec![output.to_owned()],
        ..proto::Node::default()
    }
}

pub(super) fn constant(
    name: &str,
    element_type: i32,
    sizes: &[i64],
    bytes: Vec<u8>,
) -> proto::Tensor {
    proto::Tensor {
        name: Some(name.to_owned()),
        dims: sizes.to_vec(),
        data_type: Some(element_type),
        raw_data: Some(bytes.into()),
        ..proto::Tensor::default()
    }
}

pub(super) fn floats(name: &str, sizes: &[i64], values: &[f32]) -> proto::Tensor {
    constant(name, 1, sizes, values.iter().flat_map(|v| v.to_le_bytes()).collect())
}

pub(super) fn text(name: &str, value: &'static str) -> proto::Attribute {
    proto::Attribute {
        name: Some(name.to_owned()),
        r#type: Some(3),
        s: Some(value.as_bytes().into()),
        ..proto::Attribute::default()
    }
}

pub(super) fn ints(name: &str, values: &[i64]) -> proto::Attribute {
    proto::Attribute {
        name: Some(name.to_owned()),
        r#type: Some(7),
        ints: values.to_vec(),
        ..proto::Attribute::default()
    }
}

pub(super) fn int(name: &str, value: i64) -> proto::Attribute {
    proto::Attribute {
        name: Some(name.to_owned()),
        r#type: Some(2),
        i: Some(value),
        ..proto::Attribute::default()
    }
}

/// What samples of an image of noise, 12 by 20, give.
pub(super) fn predicted(plan: Plan, disabled: Vec<Shortcut>) -> (Sampler, Statistics) {
    let options = SamplingOptions { disabled, ..options() };
    let (height, width) = (12, 20);
    let runtime = Runtime::find(None).unwrap();
    let mut sampler = Sampler::new(plan, &runtime, options, (height, width)).unwrap();
    let values = image::noise(3 * height * width, 5);
    let geometry = Geometry::of_whole(width, height);
    let image = NetworkInput { values, height, width, geometry };
    let statistics = sampler.predict(&image, 9).unwrap();
    (sampler, statistics)
}

/// The largest difference of means.
pub(super) fn far(a: &Statistics, b: &Statistics) -> f32 {
    let pairs = a.mean().into_iter().zip(b.mean());
    pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}
