//! Changes that make constants follow the number of images of a run.

use std::collections::BTreeMap;

use crate::graph::apply::{constant, node};
use crate::onnx::proto;

const BATCH: &str = "mcdrop::batch";

/// Nodes to insert and inputs to change, by the position of the node that reads them.
pub(super) struct Edits {
    image: String,
    batch: usize,
    before: BTreeMap<usize, Vec<proto::Node>>,
    inputs: Vec<(usize, usize, String)>,
    number: usize,
}

impl Edits {
    pub(super) fn new(image: String, batch: usize) -> Self {
        Self { image, batch, before: BTreeMap::new(), inputs: Vec::new(), number: 0 }
    }

    /// Replaces an input of a node by another tensor.
    pub(super) fn replace(&mut self, reader: usize, input: usize, tensor: String) {
        self.inputs.push((reader, input, tensor));
    }

    /// Returns a unique name for an inserted tensor.
    fn name(&mut self) -> String {
        self.number += 1;
        format!("mcdrop::open::{}", self.number)
    }

    fn add(&mut self, reader: usize, kind: &str, inputs: &[&str]) -> String {
        let output = self.name();
        self.put(reader, node(kind, inputs, &output));
        output
    }

    fn put(&mut self, reader: usize, node: proto::Node) {
        self.before.entry(reader).or_default().push(node);
    }

    pub(super) fn sizes(&mut self, reader: usize, sizes: &[i64]) -> String {
        let output = self.name();
        self.put(reader, constant(&output, sizes));
        output
    }

    /// Inserts a copy of a node with one input changed, and returns its output.
    pub(super) fn copy(
        &mut self,
        reader: usize,
        original: &proto::Node,
        input: usize,
        tensor: String,
    ) -> String {
        let output = self.name();
        let mut copy = proto::Node {
            name: Some(output.clone()),
            output: vec![output.clone()],
            ..original.clone()
        };
        copy.input[input] = tensor;
        self.put(reader, copy);
        output
    }

    /// Inserts a list of `length` ones, with the number of images at `entry`.
    fn count(&mut self, reader: usize, length: usize, entry: usize) -> String {
        let ones = |n: usize| vec![1; n];
        let mut parts = Vec::new();
        if entry > 0 {
            parts.push(self.sizes(reader, &ones(entry)));
        }
        parts.push(BATCH.to_owned());
        if entry + 1 < length {
            parts.push(self.sizes(reader, &ones(length - entry - 1)));
        }
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        let output = self.name();
        let joined = node("Concat", &parts, &output);
        self.put(
            reader,
            proto::Node { attribute: vec![proto::Attribute::int("axis", 0)], ..joined },
        );
        output
    }

    /// Inserts a list of sizes whose `entry` is multiplied by the images of the run and divided by
    /// those of the file.
    pub(super) fn scaled(
        &mut self,
        reader: usize,
        tensor: &str,
        length: usize,
        entry: usize,
    ) -> String {
        let count = self.count(reader, length, entry);
        let product = self.add(reader, "Mul", &[tensor, &count]);
        if self.batch == 1 {
            return product;
        }
        let mut divisor = vec![1; length];
        divisor[entry] = self.batch as i64;
        let divisor = self.sizes(reader, &divisor);
        self.add(reader, "Div", &[&product, &divisor])
    }

    /// Inserts the first slice of a constant that has one slice for each image of the file.
    pub(super) fn first(&mut self, reader: usize, tensor: &str, axis: usize) -> String {
        if self.batch == 1 {
            return tensor.to_owned();
        }
        let zero = self.sizes(reader, &[0]);
        let output = self.name();
        let first = node("Gather", &[tensor, &zero], &output);
        let attribute = vec![proto::Attribute::int("axis", axis as i64)];
        self.put(reader, proto::Node { attribute, ..first });
        output
    }

    /// Inserts a constant of `rank` axes with its first slice repeated for each image of the run.
    pub(super) fn repeated(
        &mut self,
        reader: usize,
        tensor: &str,
        rank: usize,
        axis: usize,
    ) -> String {
        let first = self.first(reader, tensor, axis);
        let count = self.count(reader, rank, axis);
        self.add(reader, "Expand", &[&first, &count])
    }

    pub(super) fn apply(mut self, graph: &mut proto::Graph) {
        for (reader, input, tensor) in self.inputs {
            if let Some(input) = graph.node[reader].input.get_mut(input) {
                *input = tensor;
            }
        }
        let mut nodes = Vec::with_capacity(graph.node.len());
        if !self.before.is_empty() {
            let (shape, zero) = (format!("{BATCH}::shape"), format!("{BATCH}::zero"));
            nodes.push(node("Shape", &[&self.image], &shape));
            nodes.push(constant(&zero, &[0]));
            nodes.push(node("Gather", &[&shape, &zero], BATCH));
        }
        for (i, node) in std::mem::take(&mut graph.node).into_iter().enumerate() {
            nodes.extend(self.before.remove(&i).unwrap_or_default());
            nodes.push(node);
        }
        graph.node = nodes;
    }
}
