//! The nodes between a linear layer and the concatenation that it reads.

use std::collections::HashSet;

use super::channels::Channels;
use crate::graph::reach::Reach;
use crate::onnx::{GraphIndex, proto};

/// Operators that change each value separately, with constants or without.
const POINTWISE: [&str; 18] = [
    "Abs",
    "Celu",
    "Clip",
    "Elu",
    "Erf",
    "Exp",
    "Gelu",
    "HardSigmoid",
    "HardSwish",
    "Identity",
    "LeakyRelu",
    "Mish",
    "Neg",
    "Relu",
    "Selu",
    "Sigmoid",
    "Softplus",
    "Tanh",
];

/// Operators that work on each channel of an image separately.
const POOLING: [&str; 4] =
    ["AveragePool", "GlobalAveragePool", "GlobalMaxPool", "MaxPool"];

/// A node of the chain.
pub(super) struct Link<'a> {
    pub(super) node: &'a proto::Node,
    /// Position of the data among its inputs.
    pub(super) data: usize,
    /// Inputs with a value for each channel, and the axis that counts channels.
    pub(super) by_channel: Vec<(usize, i64)>,
}

/// One of the concatenated tensors.
pub(super) struct Part<'a> {
    pub(super) name: &'a str,
    pub(super) channels: usize,
    pub(super) is_random: bool,
}

pub(super) struct Chain<'a> {
    /// The nodes, from the concatenation on.
    pub(super) links: Vec<Link<'a>>,
    pub(super) parts: Vec<Part<'a>>,
}

impl<'a> Chain<'a> {
    /// Follows a tensor back to the first concatenation. `None` if another operator comes first, or
    /// if sizes are unknown.
    pub(super) fn of(
        (graph, reach, random): (&'a proto::Graph, &Reach<'a>, &HashSet<usize>),
        channels: &Channels<'_, 'a>,
        (tensor, axis): (&'a str, i64),
    ) -> Option<Self> {
        let (mut name, mut links) = (tensor, Vec::new());
        for _ in 0..=graph.node.len() {
            let position =
                reach.index.producer_index(name).filter(|p| random.contains(p))?;
            let node = &graph.node[position];
            if node.is("Concat") {
                let along = node.int("axis")?;
                let parts =
                    (along == axis).then(|| parts(node, reach, random, channels))?;
                links.reverse();
                return Some(Self { links, parts: parts? });
            }
            let link = link(node, &reach.index, channels, axis)?;
            name = &node.input[link.data];
            links.push(link);
        }
        None
    }

    /// Returns the positions of the random channels or of the others in the concatenation.
    pub(super) fn channels_of(&self, is_random: bool) -> Vec<i64> {
        let (mut first, mut places) = (0, Vec::new());
        for part in &self.parts {
            if part.is_random == is_random {
                places.extend(first as i64..(first + part.channels) as i64);
            }
            first += part.channels;
        }
        places
    }
}

fn parts<'a>(
    node: &'a proto::Node,
    reach: &Reach<'a>,
    random: &HashSet<usize>,
    channels: &Channels<'_, 'a>,
) -> Option<Vec<Part<'a>>> {
    let part = |name: &'a String| {
        let writer = reach.index.producer_index(name);
        Some(Part {
            name,
            channels: channels.of(name)?,
            is_random: writer.is_some_and(|writer| random.contains(&writer)),
        })
    };
    node.input.iter().map(part).collect()
}

fn link<'a>(
    node: &'a proto::Node,
    index: &GraphIndex<'a>,
    channels: &Channels<'_, 'a>,
    axis: i64,
) -> Option<Link<'a>> {
    let operator = node.op();
    if !node.is_standard()
        || node.output.iter().filter(|name| !name.is_empty()).count() != 1
    {
        return None;
    }
    let is_constant =
        |name: &String| name.is_empty() || index.initializer(name).is_some();
    let of_image = axis == 1;
    let plain = |data| Some(Link { node, data, by_channel: Vec::new() });
    match operator {
        _ if POINTWISE.contains(&operator) => {
            node.input.iter().skip(1).all(is_fixed(index)).then(|| plain(0))?
        }
        _ if POOLING.contains(&operator) && of_image => plain(0),
        "BatchNormalization" if of_image && node.input.len() == 5 => {
            let known = node.input.iter().skip(1).all(is_constant);
            let by_channel = (1..5).map(|input| (input, 0)).collect();
            known.then_some(Link { node, data: 0, by_channel })
        }
        // With sizes, those of the concatenation would be asked of its halves.
        "Resize" | "Upsample" if of_image && node.input.len() <= 3 => {
            node.input.iter().skip(1).all(is_fixed(index)).then(|| plain(0))?
        }
        "Add" | "Sub" | "Mul" | "Div" => {
            let data = usize::from(index.initializer(&node.input[0]).is_some());
            let other = index.initializer(node.input.get(1 - data)?)?;
            let all = channels.of(&node.input[data])?;
            let count = other.dims.iter().product::<i64>();
            if count == 1 {
                return plain(data);
            }
            let rank = other.dims.len() as i64;
            // Axes are counted from the last: an image has two behind its channels.
            let place = if of_image { rank - 3 } else { rank - 1 };
            let size = usize::try_from(place).ok().and_then(|at| other.dims.get(at))?;
            let fits = *size == all as i64 && count == *size;
            fits.then(|| Link { node, data, by_channel: vec![(1 - data, place)] })
        }
        _ => None,
    }
}

/// Returns true for initializers and for outputs of `Constant` nodes.
fn is_fixed<'a>(index: &GraphIndex<'a>) -> impl Fn(&'a String) -> bool {
    move |name| {
        name.is_empty()
            || index.initializer(name).is_some()
            || index.producer(name).is_some_and(|node| node.is("Constant"))
    }
}
