//! Multiply-adds of one operator, from the shapes of its inputs and outputs.
//!
//! Operators of the standard set and of `com.microsoft`, which optimized and quantized models
//! use; quantized ones count like the operators that they replace.

use super::einsum;
use super::tensors::product;
use crate::onnx::proto;

/// Sizes of a tensor by name; `None` if they are unknown.
type Shapes<'a> = &'a dyn Fn(&str) -> Option<Vec<usize>>;

/// Multiply-adds of a node, without its subgraphs; `None` if a shape or a formula is missing.
pub(super) fn multiply_adds(node: &proto::Node, shapes: Shapes) -> Option<u64> {
    let of = NodeShapes { node, shapes };
    match node.op() {
        "Conv" | "FusedConv" | "NhwcConv" | "NhwcFusedConv" | "ConvInteger"
        | "DeformConv" => of.convolution(1),
        "QLinearConv" => of.convolution(3),
        "ConvTranspose" | "ConvTransposeWithDynamicPads" => of.transposed_convolution(),
        "Gemm" | "FusedGemm" => of.gemm(1),
        "QGemm" => of.gemm(3),
        "MatMul"
        | "FusedMatMul"
        | "MatMulInteger"
        | "MatMulIntegerToFloat"
        | "DynamicQuantizeMatMul" => of.product(1),
        "QLinearMatMul" => of.product(3),
        "MatMulNBits" | "MatMulBnb4" => of.packed_product(),
        "Einsum" => of.einsum(),
        "LSTM" | "GRU" | "RNN" | "DynamicQuantizeLSTM" => of.recurrence(),
        "Attention" if node.is_standard() => of.attention(),
        "Attention" | "QAttention" => of.projected_attention(),
        "MultiHeadAttention" => of.joined_heads(),
        other => (!PRODUCTS.iter().any(|part| other.contains(part))).then_some(0),
    }
}

/// Parts of the names of operators that multiply matrices: those without a formula are not counted as free.
const PRODUCTS: [&str; 6] = ["Conv", "MatMul", "Gemm", "Attention", "LSTM", "MoE"];

struct NodeShapes<'a> {
    node: &'a proto::Node,
    shapes: Shapes<'a>,
}

impl NodeShapes<'_> {
    fn name(&self, number: usize) -> Option<&str> {
        self.node.input_name(number)
    }

    /// Sizes of an input with at least so many axes.
    fn input(&self, number: usize, axes: usize) -> Option<Vec<usize>> {
        (self.shapes)(self.name(number)?).filter(|sizes| sizes.len() >= axes)
    }

    fn output(&self, axes: usize) -> Option<Vec<usize>> {
        (self.shapes)(self.node.output.first()?).filter(|sizes| sizes.len() >= axes)
    }

    fn int(&self, name: &str) -> i64 {
        self.node.int(name).unwrap_or(0)
    }

    /// Each output value is a sum over the kernel and the input channels of its group: weights
    /// are `[M, C/group, kernel...]`. The sampling of a deformable convolution is not counted.
    fn convolution(&self, weights: usize) -> Option<u64> {
        let (weights, output) = (self.input(weights, 3)?, self.output(3)?);
        Some(product(&output).saturating_mul(product(&weights[1..])))
    }

    /// Each input value goes into the kernel of every output channel of its group: weights are
    /// `[C, M/group, kernel...]`.
    fn transposed_convolution(&self) -> Option<u64> {
        let (input, weights) = (self.input(0, 3)?, self.input(1, 3)?);
        Some(product(&input).saturating_mul(product(&weights[1..])))
    }

    /// `[M, K]` by `[K, N]`, each stored transposed if its attribute is set.
    fn gemm(&self, right: usize) -> Option<u64> {
        let (left, right) = (self.input(0, 2)?, self.input(right, 2)?);
        let columns = right[usize::from(self.int("transB") == 0)];
        Some(product(left.iter().chain([&columns])))
    }

    /// `[..., M, K]` by `[..., K, N]` with the axes in front stretched to each other; a single
    /// axis is K.
    fn product(&self, right: usize) -> Option<u64> {
        if self.int("transBatchA") != 0 || self.int("transBatchB") != 0 {
            return None;
        }
        let (left, right) = (self.input(0, 1)?, self.input(right, 1)?);
        let matrix = |sizes: &[usize], transposed: i64| match *sizes {
            [.., a, b] if transposed != 0 => (b, a),
            [.., a, b] => (a, b),
            _ => (1, 1),
        };
        let (rows, mut inner) = matrix(&left, self.int("transA"));
        let (_, columns) = matrix(&right, self.int("transB"));
        if let [only] = left[..] {
            inner = only;
        }
        let front = |sizes: &[usize]| sizes[..sizes.len().saturating_sub(2)].to_vec();
        let (mut long, mut short) = (front(&left), front(&right));
        if long.len() < short.len() {
            std::mem::swap(&mut long, &mut short);
        }
        let stretched = long.len() - short.len();
        for (a, b) in long[stretched..].iter_mut().zip(short) {
            *a = if (*a).min(b) == 0 { 0 } else { (*a).max(b) };
        }
        Some(product(long.iter().chain([&rows, &inner, &columns])))
    }

    /// Weights of a few bits a number, `N` columns of them.
    fn packed_product(&self) -> Option<u64> {
        let columns = usize::try_from(self.node.int("N")?).ok()?;
        Some(product(self.input(0, 1)?.iter().chain([&columns])))
    }

    fn einsum(&self) -> Option<u64> {
        let equation = self.node.attribute("equation")?.s.as_deref()?;
        let operands: Option<Vec<_>> =
            (0..self.node.input.len()).map(|i| self.input(i, 0)).collect();
        einsum::multiply_adds(std::str::from_utf8(equation).ok()?, &operands?)
    }

    /// All weights once a step: `X` is `[steps, batch, I]` or `[batch, steps, I]`, `W`
    /// `[directions, gates*H, I]`, `R` `[directions, gates*H, H]`.
    fn recurrence(&self) -> Option<u64> {
        let (steps, own) = (self.input(0, 3)?, self.input(1, 3)?);
        let recurrent = self.input(2, 3)?;
        let weights = product(&own).saturating_add(product(&recurrent));
        Some(product(&steps[..2]).saturating_mul(weights))
    }

    /// `Q K'` and its product with `V`; heads are an axis (`[B, heads, length, size]`) or joined
    /// (`[B, length, heads*size]`). Cached keys lengthen `K`. Masked scores count as well.
    fn attention(&self) -> Option<u64> {
        let (query, key) = (self.input(0, 3)?, self.input(1, 3)?);
        let output = self.output(3)?;
        let mut length = key[key.len() - 2];
        if self.name(4).is_some() {
            length += self.input(4, 4)?[2];
        }
        let both = product(&query).saturating_add(product(&output));
        Some(both.saturating_mul(length as u64))
    }

    /// `com.microsoft.Attention`: `[B, length, D]` by weights `[D, Q+K+V]`, then the attention of
    /// the parts, which are thirds unless `qkv_hidden_sizes` is set.
    fn projected_attention(&self) -> Option<u64> {
        let (input, weights) = (self.input(0, 3)?, self.input(1, 2)?);
        if self.name(if is_quantized(self.node) { 8 } else { 4 }).is_some() {
            return None;
        }
        let sizes = self.node.ints("qkv_hidden_sizes");
        let (query, value) = match sizes {
            Some(&[query, _, value]) => {
                (usize::try_from(query).ok()?, usize::try_from(value).ok()?)
            }
            _ => (weights[1] / 3, weights[1] / 3),
        };
        let projected = product(input.iter().chain([&weights[1]]));
        let scores =
            product(&[input[0], input[1], input[1], query.saturating_add(value)]);
        Some(projected.saturating_add(scores))
    }

    /// `com.microsoft.MultiHeadAttention` of `[B, length, hidden]` each.
    fn joined_heads(&self) -> Option<u64> {
        let three = |number| self.input(number, 3).filter(|sizes| sizes.len() == 3);
        let (query, key, value) = (three(0)?, three(1)?, three(2)?);
        if self.name(6).is_some() {
            return None;
        }
        let hidden = query[2].saturating_add(value[2]);
        Some(product(&[query[0], query[1], key[1], hidden]))
    }
}

fn is_quantized(node: &proto::Node) -> bool {
    node.op() == "QAttention"
}
