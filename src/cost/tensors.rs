//! Element types and sizes of tensors.

use std::collections::HashMap;

use crate::onnx::{ElementType, declared, proto};

/// Tensors of a graph by name.
pub(super) type TensorInfos = HashMap<String, TensorInfo>;

/// Element type and sizes of a tensor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TensorInfo {
    /// Element type; undefined if it is unknown.
    pub(super) element_type: ElementType,
    /// Sizes, `None` for an unknown one. Empty for a scalar, and if nothing is known.
    pub(super) dimensions: Vec<Option<usize>>,
}

impl TensorInfo {
    /// Returns the type and sizes of a tensor in the file.
    pub(super) fn of_file(tensor: &proto::Tensor) -> Self {
        let dimensions = tensor.dims.iter().map(|&size| usize::try_from(size).ok());
        Self { element_type: tensor.element_type(), dimensions: dimensions.collect() }
    }

    /// Returns the sizes if all are known.
    pub(super) fn sizes(&self) -> Option<Vec<usize>> {
        self.dimensions.iter().copied().collect()
    }

    /// Declares the tensor as an input of a graph.
    pub(super) fn declared(&self, name: &str) -> proto::ValueInfo {
        declared(name, self.element_type, &self.dimensions)
    }

    /// Returns the declared type and sizes of a graph input; `None` if it is not a tensor.
    pub(super) fn of_declaration(value: &proto::ValueInfo) -> Option<Self> {
        let Some(proto::TypeValue::Tensor(tensor)) = &value.r#type.as_ref()?.value else {
            return None;
        };
        let size = |dimension: &proto::Dimension| match dimension.value {
            Some(proto::DimensionValue::Value(size)) => usize::try_from(size).ok(),
            _ => None,
        };
        let shape = tensor.shape.as_ref();
        Some(Self {
            element_type: tensor.element_type(),
            dimensions: shape
                .map(|s| s.dim.iter().map(size).collect())
                .unwrap_or_default(),
        })
    }
}

/// Returns the product of sizes; the largest number if it overflows.
pub(super) fn product<'a>(sizes: impl IntoIterator<Item = &'a usize>) -> u64 {
    sizes.into_iter().fold(1, |all, &size| all.saturating_mul(size as u64))
}
