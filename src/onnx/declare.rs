//! Declarations of the inputs and outputs of a graph.

use super::ElementType;
use super::proto::{self, TypeValue, ValueInfo};

/// Declares a value of any type.
pub(crate) fn untyped(name: &str) -> ValueInfo {
    ValueInfo { name: Some(name.to_owned()), ..ValueInfo::default() }
}

/// Declares a tensor; `None` is a size that varies.
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

/// Declares a tensor of a type.
pub(crate) fn typed(name: &str, tensor: proto::TensorType) -> ValueInfo {
    let kind =
        proto::Type { value: Some(TypeValue::Tensor(tensor)), ..proto::Type::default() };
    ValueInfo { r#type: Some(kind), ..untyped(name) }
}
