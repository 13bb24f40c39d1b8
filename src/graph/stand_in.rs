//! Weights that stand in for large ones in other files, so that a model can be run without
//! reading them: products of two thin matrices, by which linear layers become two small ones.

use std::collections::{HashMap, HashSet};

use bytes::Bytes;
use half::f16;

use super::apply::node;
use crate::onnx::{ElementType, captured_names, proto};
use crate::random::site_key;

/// Columns of the left and rows of the right matrix: enough that a normalization leaves more of
/// an image than a sign.
const RANK: usize = 8;

/// The weights of linear layers and convolutions that lie in other files and take `least`
/// bytes or more become products; others, and those that something else reads, stay.
pub(super) fn stand_in(graph: &mut proto::Graph, least: u64) {
    let weights = weights(graph, least);
    let read_otherwise = read_otherwise(graph, &weights);
    let replaced: HashMap<String, Weight> =
        weights.into_iter().filter(|(name, _)| !read_otherwise.contains(name)).collect();
    graph
        .initializer
        .retain(|t| t.name.as_ref().is_none_or(|n| !replaced.contains_key(n)));
    let mut added = Vec::new();
    let mut nodes = Vec::with_capacity(graph.node.len());
    for node in std::mem::take(&mut graph.node) {
        match reads(&node, &replaced) {
            Some((weight, how)) => nodes.extend(weight.apart(&node, how, &mut added)),
            None => nodes.push(node),
        }
    }
    let mut seen = HashSet::new();
    added.retain(|tensor: &proto::Tensor| seen.insert(tensor.name.clone()));
    graph.node = nodes;
    graph.initializer.append(&mut added);
}

/// How a node reads a weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reading {
    /// `MatMul` with the weight second.
    Right,
    /// `MatMul` with the weight first.
    Left,
    /// `Gemm` with the weight second, transposed or not.
    Gemm(bool),
    Convolution,
}

/// The weight that a node reads, and how; `None` also where that is not known.
fn reads<'a>(
    node: &proto::Node,
    weights: &'a HashMap<String, Weight>,
) -> Option<(&'a Weight, Reading)> {
    let int = |name| node.int(name).unwrap_or(0);
    let weight = |slot: usize| node.input.get(slot).and_then(|name| weights.get(name));
    let (weight, reading) = match node.op() {
        "MatMul" if weight(1).is_some() => (weight(1)?, Reading::Right),
        "MatMul" => (weight(0)?, Reading::Left),
        "Gemm" if int("transA") == 0 => (weight(1)?, Reading::Gemm(int("transB") == 1)),
        "Conv" if node.int("group").is_none_or(|group| group == 1) => {
            (weight(1)?, Reading::Convolution)
        }
        _ => return None,
    };
    let fits = match reading {
        Reading::Convolution => weight.sizes.len() > 2,
        _ => weight.sizes.len() == 2,
    };
    fits.then_some((weight, reading))
}

struct Weight {
    name: String,
    element_type: ElementType,
    sizes: Vec<usize>,
}

fn weights(graph: &proto::Graph, least: u64) -> HashMap<String, Weight> {
    let of = |tensor: &proto::Tensor| {
        let element_type = tensor.element_type();
        let is_read = [ElementType::F32, ElementType::F16].contains(&element_type);
        let element_type = Some(element_type).filter(|_| is_read)?;
        let sizes = tensor.dims.iter().map(|&size| usize::try_from(size).ok());
        let sizes: Vec<usize> = sizes.collect::<Option<_>>()?;
        let each = element_type.bytes()? as u64;
        let bytes = sizes.iter().fold(each, |all: u64, &n| all.saturating_mul(n as u64));
        let name = tensor.name.clone().filter(|_| tensor.data_location == Some(1))?;
        let is_large = bytes >= least && sizes.len() >= 2;
        is_large.then_some((name.clone(), Weight { name, element_type, sizes }))
    };
    graph.initializer.iter().filter_map(of).collect()
}

/// Names of weights that are read by something that products do not serve.
fn read_otherwise(
    graph: &proto::Graph,
    weights: &HashMap<String, Weight>,
) -> HashSet<String> {
    let mut others: HashSet<String> =
        graph.output.iter().filter_map(|value| value.name.clone()).collect();
    for node in &graph.node {
        let served = reads(node, weights).map(|(weight, _)| weight.name.as_str());
        let is_served = |name: &str| {
            let slots = node.input.iter().filter(|input| *input == name).count();
            Some(name) == served && slots == 1
        };
        let names = captured_names(node).into_iter().filter(|name| !is_served(name));
        others.extend(names.map(str::to_owned));
    }
    others
}

impl Weight {
    /// Two nodes for one that reads the weight.
    fn apart(
        &self,
        of: &proto::Node,
        how: Reading,
        added: &mut Vec<proto::Tensor>,
    ) -> [proto::Node; 2] {
        let inner = format!("{}/stand_in", of.output[0]);
        let [rows, columns] = [self.sizes[0], self.sizes[1]];
        let mut thin = |part: &str, sizes: &[usize], fan_in: usize| {
            let name = format!("{}/{part}", self.name);
            added.push(self.values(&name, sizes, fan_in));
            name
        };
        let rest = |inputs: &[&str]| proto::Node {
            input: inputs.iter().map(|&name| name.to_owned()).collect(),
            ..of.clone()
        };
        match how {
            Reading::Right => {
                let left = thin("left", &[rows, RANK], rows);
                let right = thin("right", &[RANK, columns], RANK);
                [node("MatMul", &[&of.input[0], &left], &inner), rest(&[&inner, &right])]
            }
            Reading::Left => {
                let right = thin("from", &[RANK, columns], columns);
                let left = thin("to", &[rows, RANK], RANK);
                [node("MatMul", &[&right, &of.input[1]], &inner), rest(&[&left, &inner])]
            }
            Reading::Gemm(transposed) => {
                let (fan_in, part) =
                    if transposed { (columns, "across") } else { (rows, "left") };
                let left = thin(part, &[fan_in, RANK], fan_in);
                let right = if transposed {
                    thin("over", &[rows, RANK], RANK)
                } else {
                    thin("right", &[RANK, columns], RANK)
                };
                let mut second = rest(&[&inner, &right]);
                second.input.extend(of.input.iter().skip(2).cloned());
                [node("MatMul", &[&of.input[0], &left], &inner), second]
            }
            Reading::Convolution => {
                let mut sizes = self.sizes.clone();
                sizes[0] = RANK;
                let fan_in = sizes[1..].iter().product();
                let kernel = thin("kernel", &sizes, fan_in);
                let mut points = vec![1; self.sizes.len()];
                points[..2].copy_from_slice(&[rows, RANK]);
                let mix = thin("mix", &points, RANK);
                let first = proto::Node {
                    name: Some(inner.clone()),
                    output: vec![inner.clone()],
                    ..rest(&[&of.input[0], &kernel])
                };
                let mut second = rest(&[&inner, &mix]);
                second.input.extend(of.input.iter().skip(2).cloned());
                second.attribute.clear();
                [first, second]
            }
        }
    }

    /// Values that keep the size of what they are multiplied with, the same for the same name.
    fn values(&self, name: &str, sizes: &[usize], fan_in: usize) -> proto::Tensor {
        let mut state = site_key(name);
        let scale = (3.0 / fan_in as f64).sqrt();
        let mut next = || {
            // SplitMix64's step and two of its mixes are more than enough here.
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            ((mixed >> 11) as f64 / (1_u64 << 52) as f64 - 1.0) * scale
        };
        let count: usize = sizes.iter().product();
        let bytes: Vec<u8> = if self.element_type == ElementType::F16 {
            (0..count).flat_map(|_| f16::from_f64(next()).to_le_bytes()).collect()
        } else {
            (0..count).flat_map(|_| (next() as f32).to_le_bytes()).collect()
        };
        proto::Tensor {
            name: Some(name.to_owned()),
            dims: sizes.iter().map(|&size| size as i64).collect(),
            data_type: Some(self.element_type.number()),
            raw_data: Some(Bytes::from(bytes)),
            ..proto::Tensor::default()
        }
    }
}
