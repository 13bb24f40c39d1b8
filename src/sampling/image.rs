//! The model's input: which axis holds what, and images as its tensors.

use crate::error::{Error, Result};
use crate::input::preprocessing::{Layout, ModelInput};
use crate::random::squares32;
use crate::rewrite::Plan;
use crate::runtime::Value;

/// How many images a run of the model takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Batch {
    /// Any number.
    Dynamic,
    /// This number: it is baked into the file.
    Fixed(usize),
}

/// The image input of a model: layout, channels, fixed sizes.
///
/// # Errors
/// If the input has not four axes with 1 to 4 channels on the second or the last, or holds
/// neither f32 nor f16.
pub fn model_input(plan: &Plan) -> Result<ModelInput> {
    let image = plan.image();
    let refused = |message: String| {
        Error::input(image.name.clone(), message)
            .with_hint("export the model with an input of f32 [N,C,H,W] (or [N,H,W,C])")
    };
    if ![0, 1, 10].contains(&image.element_type) {
        return Err(refused(format!(
            "it takes {} values, where f32 or f16 is expected",
            element_name(image.element_type)
        )));
    }
    let Some(dimensions) = image.dimensions.as_deref() else {
        return Err(refused("the file does not say its sizes".to_owned()));
    };
    let &[_, second, third, last] = dimensions else {
        return Err(refused(format!(
            "it has {} axes, where an image has four",
            dimensions.len()
        )));
    };
    let channels = |size: Option<usize>| size.filter(|n| (1..=4).contains(n));
    if let Some(channels) = channels(second) {
        return Ok(ModelInput {
            layout: Layout::Nchw,
            channels,
            height: third,
            width: last,
        });
    }
    if let Some(channels) = channels(last) {
        return Ok(ModelInput {
            layout: Layout::Nhwc,
            channels,
            height: second,
            width: third,
        });
    }
    let text = |size: Option<usize>| size.map_or("?".to_owned(), |n| n.to_string());
    Err(refused(format!(
        "it has the sizes {}, with 1 to 4 channels on neither the second nor the last axis",
        dimensions.iter().map(|&size| text(size)).collect::<Vec<_>>().join("x")
    )))
}

/// An ONNX element type in words.
fn element_name(element_type: i32) -> String {
    let names = [
        (2, "u8"),
        (3, "i8"),
        (6, "i32"),
        (7, "i64"),
        (9, "bool"),
        (11, "f64"),
        (16, "bf16"),
    ];
    let named = names.iter().find(|(number, _)| *number == element_type);
    named.map_or_else(
        || format!("ONNX type {element_type}"),
        |(_, name)| (*name).to_owned(),
    )
}

/// How many images a run takes.
pub(super) fn batch(plan: &Plan) -> Batch {
    let first = plan
        .image()
        .dimensions
        .as_ref()
        .and_then(|sizes| sizes.first().copied())
        .flatten();
    first.map_or(Batch::Dynamic, Batch::Fixed)
}

/// An image's values as the model's input, the batch axis of length 1.
pub(super) fn tensor(
    plan: &Plan,
    input: &ModelInput,
    values: Vec<f32>,
    size: (usize, usize),
) -> Result<Value> {
    let (height, width) = size;
    let shape = match input.layout {
        Layout::Nchw => [1, input.channels, height, width],
        Layout::Nhwc => [1, height, width, input.channels],
    };
    let value = Value::from_f32(&shape, values)?;
    if plan.image().element_type == 10 { value.to_f16() } else { Ok(value) }
}

/// An image of noise between -2 and 2, the range of normalised images; `number` tells several
/// apart.
pub(super) fn noise(values: usize, number: u64) -> Vec<f32> {
    // An odd key with irregular digits, which the generator asks for.
    let key = 0x9E37_79B9_7F4A_7C15_u64.wrapping_mul(2 * number + 1);
    let uniform = |i| f64::from(squares32(i as u64, key)) / f64::from(u32::MAX);
    (0..values).map(|i| (4.0 * uniform(i) - 2.0) as f32).collect()
}
