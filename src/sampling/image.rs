//! The model's input: the meaning of its axes, and images as tensors.

use crate::error::{Error, Result};
use crate::graph::Plan;
use crate::input::preprocessing::{Layout, ModelInput};
use crate::onnx::ElementType;
use crate::random::squares32;
use crate::runtime::Value;

/// Number of images that a run of the model takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Batch {
    /// Any number.
    Dynamic,
    /// This number, which the file fixes.
    Fixed(usize),
}

/// Returns layout, channels and fixed sizes of the image input of a model.
///
/// # Errors
/// Fails if the input does not have four axes, if neither the second nor the last can count channels
/// (1 to 4, or fewer than rows and columns), or if its values are neither f32 nor f16.
pub fn model_input(plan: &Plan) -> Result<ModelInput> {
    let image = plan.image();
    let refused = |message: String, hint: &str| {
        Error::input(image.name.clone(), message).with_hint(hint)
    };
    if !image.element_type.may_be_image() {
        let message = format!(
            "it takes {} values: expected an image of f32 or f16",
            image.element_type
        );
        let cast = (image.element_type == ElementType::U8)
            .then(|| hint_for_cast(plan))
            .flatten();
        let hint = cast.unwrap_or_else(|| hint_for_type(image.element_type).to_owned());
        return Err(refused(message, &hint));
    }
    let Some(dimensions) = image.dimensions.as_deref() else {
        let message = "the file does not state its sizes".to_owned();
        return Err(refused(message, EXPORT_HINT));
    };
    let &[_, second, third, last] = dimensions else {
        let message = format!(
            "it has {} axes, where an image has four: [N,C,H,W]",
            dimensions.len()
        );
        return Err(refused(message, hint_for_rank(dimensions.len())));
    };
    let nchw = |channels| ModelInput {
        layout: Layout::Nchw,
        channels,
        height: third,
        width: last,
    };
    let nhwc = |channels| ModelInput {
        layout: Layout::Nhwc,
        channels,
        height: second,
        width: third,
    };
    let few = |size: Option<usize>| size.filter(|n| (1..=4).contains(n));
    let found = few(second)
        .map(nchw)
        .or_else(|| few(last).map(nhwc))
        .or_else(|| bands(second, [third, last]).map(nchw))
        .or_else(|| bands(last, [second, third]).map(nhwc));
    if let Some(input) = found {
        return Ok(input);
    }
    let text = |size: Option<usize>| size.map_or("?".to_owned(), |n| n.to_string());
    let sizes = dimensions.iter().map(|&size| text(size)).collect::<Vec<_>>().join("x");
    let message = format!(
        "it has the sizes {sizes}, with channels on neither the second nor the last axis"
    );
    Err(refused(
        message,
        "export the model with a fixed number of channels (1 to 4 channels, or fewer than rows and \
         columns): leave the channel axis out of dynamic_axes",
    ))
}

/// Returns the size of an axis if it can count bands: there are fewer than rows and columns, as far as
/// the file fixes those.
fn bands(size: Option<usize>, sides: [Option<usize>; 2]) -> Option<usize> {
    let is_fewer = |&n: &usize| n > 0 && sides.into_iter().flatten().all(|side| n < side);
    size.filter(is_fewer)
}

const EXPORT_HINT: &str =
    "export the model with an input of f32 [N,C,H,W] (or [N,H,W,C])";

/// Returns the hint for an image of bytes that the model casts to numbers first.
fn hint_for_cast(plan: &Plan) -> Option<String> {
    let (model, image) = (plan.model(), &plan.image().name);
    let mut readers = model.graph.node.iter().filter(|node| node.input.contains(image));
    let (Some(cast), None) = (readers.next(), readers.next()) else { return None };
    let numbers = cast.output.first().filter(|_| cast.is("Cast"))?;
    let output = &plan.heads().first().output;
    let file = model.path().file_name().unwrap_or_default().to_string_lossy();
    Some(format!(
        "cut off its cast in Python, and give the result with `preset = raw`: \
         onnx.utils.extract_model({file:?}, \"float.onnx\", [{numbers:?}], [{output:?}])"
    ))
}

/// Returns the hint for an input with an element type that images do not have.
fn hint_for_type(element_type: ElementType) -> &'static str {
    match element_type {
        ElementType::U8 | ElementType::I8 => {
            "leave the input in f32: quantize with a QuantizeLinear in the graph (QDQ format), \
             and move casts and scaling of bytes out of the model"
        }
        ElementType::I32 | ElementType::I64 => {
            "integers are ids of tokens, not images: of a model of text and images, export only \
             the image part"
        }
        ElementType::F64 => "export the model in f32: model.float()",
        ElementType::Bf16 => {
            "export the model in f32 (model.float()) or f16 (model.half())"
        }
        _ => EXPORT_HINT,
    }
}

/// Returns the hint for an input that does not have four axes.
fn hint_for_rank(axes: usize) -> &'static str {
    match axes {
        2 => {
            "a vector or a sequence of tokens is not an image: export the model with its first \
             layers, from [N,C,H,W] on"
        }
        3 => "export the model with a batch axis: torch.zeros(1, C, H, W) as the example",
        5 => "volumes and videos are not supported: export a model of single images",
        _ => EXPORT_HINT,
    }
}

/// Returns the number of images that a run takes.
pub(super) fn batch(plan: &Plan) -> Batch {
    let first = plan
        .image()
        .dimensions
        .as_ref()
        .and_then(|sizes| sizes.first().copied())
        .flatten();
    first.map_or(Batch::Dynamic, Batch::Fixed)
}

/// Returns the number of images that go through the prefix together: one, or the file's fixed batch
/// size.
pub(super) fn rows(plan: &Plan) -> usize {
    if let Batch::Fixed(rows) = batch(plan) { rows } else { 1 }
}

/// Converts the values of an image to the model's input with a batch of one.
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
    if plan.image().element_type == ElementType::F16 { value.to_f16() } else { Ok(value) }
}

/// Returns an image of [`noise`] as the model's input.
pub(super) fn noise_tensor(
    plan: &Plan,
    input: &ModelInput,
    number: u64,
    size: (usize, usize),
) -> Result<Value> {
    tensor(plan, input, noise(input.channels * size.0 * size.1, number), size)
}

/// Returns an image of noise between -2 and 2, the range of normalized images. Each `number` gives
/// another image.
pub(super) fn noise(values: usize, number: u64) -> Vec<f32> {
    // An odd key with irregular digits, which the generator asks for.
    let key = 0x9E37_79B9_7F4A_7C15_u64.wrapping_mul(2 * number + 1);
    let uniform = |i| f64::from(squares32(i as u64, key)) / f64::from(u32::MAX);
    (0..values).map(|i| (4.0 * uniform(i) - 2.0) as f32).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::graph::ScoresOption;
    use crate::onnx::{Model, proto};

    /// Returns the error and hint for a model whose input has this element type and these sizes.
    fn refusal_of(element_type: i32, sizes: &[i64]) -> Option<(String, String)> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut model =
            Model::open(&path.join("fixtures/traps/view-size0.onnx")).unwrap();
        let dimension = |&size: &i64| proto::Dimension {
            value: (size >= 0).then_some(proto::DimensionValue::Value(size)),
            ..proto::Dimension::default()
        };
        let tensor = proto::TensorType {
            elem_type: Some(element_type),
            shape: Some(proto::TensorShape {
                dim: sizes.iter().map(dimension).collect(),
            }),
        };
        model.graph.input[0].r#type = Some(proto::Type {
            value: Some(proto::TypeValue::Tensor(tensor)),
            ..proto::Type::default()
        });
        let plan = Plan::new(model, None, ScoresOption::Auto).unwrap();
        let error = model_input(&plan).err()?;
        Some((error.to_string(), error.hint().unwrap().to_owned()))
    }

    #[test]
    fn inputs_that_are_not_images_are_named_with_a_hint() {
        for (element_type, sizes, message, hint) in [
            (7, &[-1, 77][..], "input \"image\": it takes i64 values", "ids of tokens"),
            (2, &[-1, 3, 8, 8], "it takes u8 values", "QDQ"),
            (3, &[-1, 3, 8, 8], "it takes i8 values", "QDQ"),
            (11, &[-1, 3, 8, 8], "it takes f64 values", "model.float()"),
            (16, &[-1, 3, 8, 8], "it takes bf16 values", "model.half()"),
            (8, &[-1], "it takes string values", "[N,C,H,W]"),
            (99, &[-1, 3, 8, 8], "it takes ONNX type 99 values", "[N,C,H,W]"),
            (1, &[-1, 768], "it has 2 axes", "not an image"),
            (1, &[3, 8, 8], "it has 3 axes", "batch axis"),
            (1, &[-1, 3, 4, 8, 8], "it has 5 axes", "volumes and videos"),
            (1, &[-1, -1, 8, 8], "it has the sizes ?x?x8x8", "channel axis"),
            (1, &[-1, 0, -1, -1], "it has the sizes ?x0x?x?", "channel axis"),
            (1, &[-1, 12, 8, 8], "it has the sizes ?x12x8x8", "1 to 4 channels"),
        ] {
            let (error, found_hint) = refusal_of(element_type, sizes).unwrap();
            assert!(error.contains(message), "{error}");
            assert!(found_hint.contains(hint), "{error}: {found_hint}");
        }
        for sizes in [[-1, 3, -1, -1], [-1, 13, 64, 64], [-1, 6, -1, -1], [1, 64, 64, 12]]
        {
            assert_eq!(refusal_of(10, &sizes), None, "{sizes:?}");
        }
    }
}
