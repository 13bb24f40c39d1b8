//! Values of small constants: dropout ratios, modes, axes.

use half::{bf16, f16};

use super::{ElementType, GraphIndex, Model, proto};

/// Returns the value of a tensor with one element, followed through `Identity`, `Cast`,
/// `Constant` and initializers; truth values and integers as numbers. `None` if it is not
/// constant.
pub(crate) fn float_scalar(model: &Model, index: &GraphIndex, name: &str) -> Option<f32> {
    match constant_tensor(model, index, name)? {
        Constant::Tensor(tensor) => single(model, tensor),
        Constant::Float(value) => Some(value),
        Constant::Ints(values) => match values[..] {
            [value] => Some(value as f32),
            _ => None,
        },
    }
}

/// Returns the values of an integer constant.
pub(crate) fn int_values(
    model: &Model,
    index: &GraphIndex,
    name: &str,
) -> Option<Vec<i64>> {
    match constant_tensor(model, index, name)? {
        Constant::Tensor(tensor) => ints(model, tensor),
        Constant::Ints(values) => Some(values),
        Constant::Float(_) => None,
    }
}

enum Constant<'a> {
    Tensor(&'a proto::Tensor),
    Float(f32),
    Ints(Vec<i64>),
}

fn constant_tensor<'a>(
    model: &'a Model,
    index: &GraphIndex<'a>,
    name: &str,
) -> Option<Constant<'a>> {
    let mut name = name.to_owned();
    // Ends in cyclic graphs too: no chain is longer than the graph.
    for _ in 0..=model.graph.node.len() {
        if let Some(tensor) = index.initializer(&name) {
            return Some(Constant::Tensor(tensor));
        }
        let node = index.producer(&name)?;
        match node.op() {
            "Identity" | "Cast" => name = node.input.first()?.clone(),
            "Constant" => return constant_node(node),
            _ => return None,
        }
    }
    None
}

fn constant_node(node: &proto::Node) -> Option<Constant<'_>> {
    let attribute = node.attribute.first()?;
    match attribute.name.as_deref()? {
        "value" => attribute.t.as_ref().map(Constant::Tensor),
        "value_float" => attribute.f.map(Constant::Float),
        "value_int" => attribute.i.map(|value| Constant::Ints(vec![value])),
        "value_ints" => Some(Constant::Ints(attribute.ints.clone())),
        _ => None,
    }
}

/// Returns the values of a tensor of floating-point numbers or truth values as f32; `None` if it has
/// more than `most` elements.
pub(crate) fn tensor_values(
    model: &Model,
    tensor: &proto::Tensor,
    most: usize,
) -> Option<Vec<f32>> {
    let sizes =
        tensor.dims.iter().map(|&size| usize::try_from(size).unwrap_or(usize::MAX));
    let count = sizes.fold(1, usize::saturating_mul);
    if count > most {
        return None;
    }
    let bytes = raw(model, tensor);
    let values: Vec<f32> = match (tensor.element_type(), bytes.as_deref()) {
        (ElementType::F32, Some(b)) => {
            b.as_chunks::<4>().0.iter().map(|c| f32::from_le_bytes(*c)).collect()
        }
        (ElementType::F32, None) => tensor.float_data.clone(),
        (ElementType::F16, Some(b)) => {
            let chunks = b.as_chunks::<2>().0.iter();
            chunks.map(|c| f16::from_le_bytes(*c).to_f32()).collect()
        }
        (ElementType::F64, Some(b)) => {
            b.as_chunks::<8>().0.iter().map(|c| f64::from_le_bytes(*c) as f32).collect()
        }
        (ElementType::F64, None) => {
            tensor.double_data.iter().map(|&value| value as f32).collect()
        }
        (ElementType::Bool, Some(b)) => b.iter().map(|&byte| f32::from(byte)).collect(),
        (ElementType::Bool, None) => {
            tensor.int32_data.iter().map(|&value| value as f32).collect()
        }
        _ => return single(model, tensor).map(|value| vec![value]),
    };
    (values.len() == count).then_some(values)
}

/// Returns at most `most` first values of a tensor of f32 or f16, without reading the others.
pub(crate) fn first_values(
    model: &Model,
    tensor: &proto::Tensor,
    most: usize,
) -> Option<Vec<f32>> {
    let bytes = raw(model, tensor);
    match (tensor.element_type(), bytes.as_deref()) {
        (ElementType::F32, Some(b)) => {
            let chunks = b.as_chunks::<4>().0.iter().take(most);
            Some(chunks.map(|c| f32::from_le_bytes(*c)).collect())
        }
        (ElementType::F32, None) => {
            Some(tensor.float_data.iter().copied().take(most).collect())
        }
        (ElementType::F16, Some(b)) => {
            let chunks = b.as_chunks::<2>().0.iter().take(most);
            Some(chunks.map(|c| f16::from_le_bytes(*c).to_f32()).collect())
        }
        _ => None,
    }
}

fn raw(model: &Model, tensor: &proto::Tensor) -> Option<bytes::Bytes> {
    match &tensor.raw_data {
        Some(bytes) if !bytes.is_empty() => Some(bytes.clone()),
        _ => model.external.content(tensor).ok().flatten(),
    }
}

/// Returns the element of a tensor with one element, as f32.
fn single(model: &Model, tensor: &proto::Tensor) -> Option<f32> {
    if tensor.dims.iter().any(|&size| size != 1) {
        return None;
    }
    let bytes = raw(model, tensor);
    let bytes = bytes.as_deref();
    match tensor.element_type() {
        ElementType::F32 => match bytes {
            Some(b) => Some(f32::from_le_bytes(b.try_into().ok()?)),
            None => tensor.float_data.first().copied(),
        },
        ElementType::F64 => match bytes {
            Some(b) => Some(f64::from_le_bytes(b.try_into().ok()?) as f32),
            None => tensor.double_data.first().map(|&value| value as f32),
        },
        ElementType::F16 | ElementType::Bf16 => {
            let bits = match bytes {
                Some(b) => u16::from_le_bytes(b.try_into().ok()?),
                None => u16::try_from(*tensor.int32_data.first()?).ok()?,
            };
            let half = tensor.element_type() == ElementType::F16;
            Some(if half {
                f16::from_bits(bits).to_f32()
            } else {
                bf16::from_bits(bits).to_f32()
            })
        }
        ElementType::Bool => match bytes {
            Some(b) => b.first().map(|&byte| f32::from(byte != 0)),
            None => tensor.int32_data.first().map(|&value| f32::from(value != 0)),
        },
        _ => match ints(model, tensor)?[..] {
            [value] => Some(value as f32),
            _ => None,
        },
    }
}

fn ints(model: &Model, tensor: &proto::Tensor) -> Option<Vec<i64>> {
    let bytes = raw(model, tensor);
    match (tensor.element_type(), bytes) {
        (ElementType::I64, Some(b)) => {
            Some(b.as_chunks::<8>().0.iter().map(|c| i64::from_le_bytes(*c)).collect())
        }
        (ElementType::I64, None) => Some(tensor.int64_data.clone()),
        (ElementType::I32, Some(b)) => {
            let chunks = b.as_chunks::<4>().0.iter();
            Some(chunks.map(|c| i64::from(i32::from_le_bytes(*c))).collect())
        }
        (ElementType::I32, None) => {
            Some(tensor.int32_data.iter().map(|&value| i64::from(value)).collect())
        }
        _ => None,
    }
}
