//! Numbers of channels of tensors, from the declarations of the file and from the weights around.

use crate::onnx::{GraphIndex, proto};
use crate::operator;

/// Lookup of sizes along one axis: that of channels (1), or the last (-1).
pub(super) struct Channels<'m, 'a> {
    index: &'m GraphIndex<'a>,
    axis: i64,
}

/// Largest number of nodes that a tensor is followed through.
const DEEPEST: usize = 64;

impl<'m, 'a> Channels<'m, 'a> {
    pub(super) fn new(index: &'m GraphIndex<'a>, axis: i64) -> Self {
        Self { index, axis }
    }

    pub(super) fn of(&self, tensor: &str) -> Option<usize> {
        self.follow(tensor, DEEPEST)
    }

    fn follow(&self, tensor: &str, depth: usize) -> Option<usize> {
        if let Some(count) = self.described(tensor) {
            return Some(count);
        }
        let node = self.index.producer(tensor)?;
        let deeper = depth.checked_sub(1)?;
        let input =
            |i: usize| node.input.get(i).and_then(|name| self.follow(name, deeper));
        if node.domain.as_deref() == Some(operator::DOMAIN) {
            return input(0);
        }
        let of_image = self.axis == 1;
        match node.op() {
            "Conv" | "BatchNormalization" if of_image => self.weight(node, 0),
            "ConvTranspose" if of_image => {
                let group = node.int("group").unwrap_or(1);
                Some(self.weight(node, 1)? * usize::try_from(group).ok()?)
            }
            "MatMul" if !of_image => self.weight(node, 1),
            "Concat" if node.int("axis") == Some(self.axis) => {
                let parts = node.input.iter().map(|name| self.follow(name, deeper));
                parts.sum()
            }
            "Relu"
            | "LeakyRelu"
            | "PRelu"
            | "Elu"
            | "Selu"
            | "Celu"
            | "Gelu"
            | "Clip"
            | "Sigmoid"
            | "Tanh"
            | "HardSwish"
            | "HardSigmoid"
            | "Mish"
            | "Softplus"
            | "Identity"
            | "Dropout"
            | "InstanceNormalization"
            | "LayerNormalization" => input(0),
            "MaxPool" | "AveragePool" | "GlobalAveragePool" | "GlobalMaxPool"
            | "Resize" | "Upsample" | "Pad"
                if of_image =>
            {
                // Pads may be anything; the sum is compared with the weight in the end.
                input(0)
            }
            "Add" | "Sub" | "Mul" | "Div" => match (input(0), input(1)) {
                (Some(a), Some(b)) => Some(a.max(b)),
                (a, b) => a.or(b),
            },
            _ => None,
        }
    }

    fn described(&self, tensor: &str) -> Option<usize> {
        let sizes = self.index.described(tensor)?.dimensions?;
        let place = if self.axis < 0 { sizes.len().checked_sub(1)? } else { 1 };
        sizes.get(place).copied().flatten()
    }

    fn weight(&self, node: &proto::Node, axis: usize) -> Option<usize> {
        let weight = self.index.initializer(node.input.get(1)?)?;
        weight.dims.get(axis).and_then(|&size| usize::try_from(size).ok())
    }
}
