//! What is known of a tensor: its element type and sizes.

use std::collections::HashMap;

use crate::onnx::{ElementType, declared, proto};

/// Tensors of a graph by name.
pub(super) type TensorInfos = HashMap<String, TensorInfo>;

/// Element type and sizes of a tensor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TensorInfo {
    /// Undefined if it is not known.
    pub(super) element_type: ElementType,
    /// `None` for a size that is not known. No axes: a scalar, or nothing is known.
    pub(super) dimensions: Vec<Option<usize>>,
}

impl TensorInfo {
    /// What a tensor of the file says about itself.
    pub(super) fn of_file(tensor: &proto::Tensor) -> Self {
        let dimensions = tensor.dims.iter().map(|&size| usize::try_from(size).ok());
        Self { element_type: tensor.element_type(), dimensions: dimensions.collect() }
    }

    /// Its sizes, where all are known.
    pub(super) fn sizes(&self) -> Option<Vec<usize>> {
        self.dimensions.iter().copied().collect()
    }

    /// The tensor as a graph declares its inputs.
    pub(super) fn declared(&self, name: &str) -> proto::ValueInfo {
        declared(name, self.element_type, &self.dimensions)
    }

    /// What a graph declares of one of its inputs; `None` for what is no tensor.
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

/// A product of sizes, as large as it may get.
pub(super) fn product<'a>(sizes: impl IntoIterator<Item = &'a usize>) -> u64 {
    sizes.into_iter().fold(1, |all, &size| all.saturating_mul(size as u64))
}
