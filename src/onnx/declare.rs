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

/// A graph input or output as the file declares it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValueDescription {
    /// Name of the tensor.
    pub name: String,
    /// Element type of the tensor.
    pub element_type: ElementType,
    /// Sizes of the axes, `None` for a size that varies. `None` as a whole if the file states no
    /// shape.
    pub dimensions: Option<Vec<Option<usize>>>,
}

/// Returns what the file declares of a graph input or output.
pub(super) fn describe(value: &ValueInfo) -> ValueDescription {
    let tensor = match value.r#type.as_ref().and_then(|t| t.value.as_ref()) {
        Some(TypeValue::Tensor(tensor)) => Some(tensor),
        _ => None,
    };
    let size = |dimension: &proto::Dimension| match dimension.value {
        Some(proto::DimensionValue::Value(size)) => usize::try_from(size).ok(),
        _ => None,
    };
    ValueDescription {
        name: value.name.clone().unwrap_or_default(),
        element_type: tensor
            .map_or(ElementType::Undefined, proto::TensorType::element_type),
        dimensions: tensor
            .and_then(|t| t.shape.as_ref())
            .map(|shape| shape.dim.iter().map(size).collect()),
    }
}
