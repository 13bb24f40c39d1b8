//! Values as a graph declares its inputs and outputs.

use super::ElementType;
use super::proto::{self, TypeValue, ValueInfo};

/// A value of any type.
pub(crate) fn untyped(name: &str) -> ValueInfo {
    ValueInfo { name: Some(name.to_owned()), ..ValueInfo::default() }
}

/// A tensor of an element type, with `None` for sizes that vary.
pub(crate) fn declared(
    name: &str,
    element_type: ElementType,
    sizes: &[Option<usize>],
) -> ValueInfo {
    let dimension = |size: &Option<usize>| proto::Dimension {
        value: size.map(|size| proto::DimensionValue::Value(size as i64)),
        ..proto::Dimension::default()
    };
    let shape = proto::TensorShape { dim: sizes.iter().map(dimension).collect() };
    let shape = Some(shape);
    typed(
        name,
        proto::TensorType { shape, ..proto::TensorType::of_any_shape(element_type) },
    )
}

/// A tensor of a type.
pub(crate) fn typed(name: &str, tensor: proto::TensorType) -> ValueInfo {
    let kind =
        proto::Type { value: Some(TypeValue::Tensor(tensor)), ..proto::Type::default() };
    ValueInfo { r#type: Some(kind), ..untyped(name) }
}
