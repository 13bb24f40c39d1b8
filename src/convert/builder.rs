//! Nodes and constants of standard operators, with names that nothing else in the file has.

use std::collections::{HashMap, HashSet};

use crate::onnx::{ElementType, Model, proto};

/// Names that are taken.
#[derive(Debug, Default)]
pub(super) struct Names(HashSet<String>);

impl Names {
    /// Those of tensors and nodes of a model.
    pub(super) fn of(model: &Model) -> Self {
        let mut names = Self::default();
        names.add(&model.graph);
        names
    }

    fn add(&mut self, graph: &proto::Graph) {
        let values = graph.input.iter().chain(&graph.output).chain(&graph.value_info);
        self.0.extend(values.filter_map(|value| value.name.clone()));
        self.0.extend(graph.initializer.iter().filter_map(|tensor| tensor.name.clone()));
        for node in &graph.node {
            self.0.extend(node.output.iter().chain(&node.name).cloned());
            node.subgraphs().for_each(|body| self.add(body));
        }
    }

    /// The name, with a number behind it where it is taken.
    pub(super) fn unique(&mut self, name: &str) -> String {
        let mut found = name.to_owned();
        let mut number = 2;
        while !self.0.insert(found.clone()) {
            found = format!("{name}:{number}");
            number += 1;
        }
        found
    }
}

/// What is put into a graph so far.
#[derive(Debug)]
pub(super) struct Builder {
    pub(super) names: Names,
    /// Nodes since they were last taken.
    nodes: Vec<proto::Node>,
    pub(super) constants: Vec<proto::Tensor>,
    known: HashMap<(ElementType, Vec<i64>, Vec<u8>), String>,
    /// What the nodes being built are for.
    pub(super) scope: String,
    count: usize,
}

impl Builder {
    pub(super) fn new(names: Names) -> Self {
        Self {
            names,
            nodes: Vec::new(),
            constants: Vec::new(),
            known: HashMap::new(),
            scope: String::new(),
            count: 0,
        }
    }

    /// The nodes that were built since the last call.
    pub(super) fn take(&mut self) -> Vec<proto::Node> {
        std::mem::take(&mut self.nodes)
    }

    /// A node without attributes; the name of what it writes.
    pub(super) fn op(&mut self, kind: &str, inputs: &[&str]) -> String {
        self.op_with(kind, inputs, Vec::new())
    }

    pub(super) fn op_with(
        &mut self,
        kind: &str,
        inputs: &[&str],
        attribute: Vec<proto::Attribute>,
    ) -> String {
        let output = self.fresh(kind);
        self.push(kind, inputs, (&output, &output), attribute);
        output
    }

    /// A node of a name of its own that writes a tensor of the file.
    pub(super) fn named(
        &mut self,
        kind: &str,
        inputs: &[&str],
        (name, output): (&str, &str),
    ) {
        self.push(kind, inputs, (name, output), Vec::new());
    }

    /// A name for a tensor that an operator writes.
    fn fresh(&mut self, kind: &str) -> String {
        self.count += 1;
        self.names.unique(&format!("mcdrop/{}/{kind}_{}", self.scope, self.count))
    }

    fn push(
        &mut self,
        kind: &str,
        inputs: &[&str],
        (name, output): (&str, &str),
        attribute: Vec<proto::Attribute>,
    ) {
        self.nodes.push(proto::Node {
            op_type: Some(kind.to_owned()),
            input: inputs.iter().map(|&name| name.to_owned()).collect(),
            output: vec![output.to_owned()],
            name: Some(name.to_owned()),
            attribute,
            ..proto::Node::default()
        });
    }

    /// Nodes that were built elsewhere.
    pub(super) fn put(&mut self, nodes: Vec<proto::Node>) {
        self.nodes.extend(nodes);
    }

    /// The largest values along an axis, in their order.
    pub(super) fn top(&mut self, values: &str, count: &str, axis: i64) -> String {
        let (largest, places) = (self.fresh("TopK"), self.fresh("TopK"));
        self.push(
            "TopK",
            &[values, count],
            (&largest, &largest),
            vec![proto::Attribute::int("axis", axis)],
        );
        if let Some(node) = self.nodes.last_mut() {
            node.output.push(places);
        }
        largest
    }

    /// Doubles of these sizes.
    pub(super) fn doubles(&mut self, sizes: &[i64], values: &[f64]) -> String {
        let bytes: Vec<u8> =
            values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.constant(ElementType::F64, sizes, &bytes)
    }

    pub(super) fn bool(&mut self, value: bool) -> String {
        self.constant(ElementType::Bool, &[], &[u8::from(value)])
    }

    pub(super) fn cast(&mut self, input: &str, element_type: ElementType) -> String {
        self.op_with(
            "Cast",
            &[input],
            vec![proto::Attribute::int("to", element_type.number().into())],
        )
    }

    pub(super) fn gather(&mut self, data: &str, indices: &str, axis: i64) -> String {
        self.op_with(
            "Gather",
            &[data, indices],
            vec![proto::Attribute::int("axis", axis)],
        )
    }

    pub(super) fn concat(&mut self, parts: &[&str], axis: i64) -> String {
        self.op_with("Concat", parts, vec![proto::Attribute::int("axis", axis)])
    }

    /// The rows of a matrix that differ, and for each row its place among them.
    pub(super) fn unique_rows(&mut self, matrix: &str) -> (String, String) {
        let unique =
            self.op_with("Unique", &[matrix], vec![proto::Attribute::int("axis", 0)]);
        let [first, place] = ["first", "place"].map(|output| self.fresh(output));
        if let Some(node) = self.nodes.last_mut() {
            node.output.extend([first, place.clone()]);
        }
        (unique, place)
    }

    /// With sizes that are known; -1 for one that follows from the others.
    pub(super) fn reshape(&mut self, data: &str, sizes: &[i64]) -> String {
        let sizes = self.ints(sizes);
        self.op("Reshape", &[data, &sizes])
    }

    /// A number without axes.
    pub(super) fn int(&mut self, value: i64) -> String {
        self.constant(ElementType::I64, &[], &value.to_le_bytes())
    }

    /// A list of numbers.
    pub(super) fn ints(&mut self, values: &[i64]) -> String {
        self.tensor(&[values.len() as i64], values)
    }

    /// Numbers in a shape.
    pub(super) fn tensor(&mut self, sizes: &[i64], values: &[i64]) -> String {
        let content: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        self.constant(ElementType::I64, sizes, &content)
    }

    pub(super) fn float(&mut self, value: f32) -> String {
        self.constant(ElementType::F32, &[], &value.to_le_bytes())
    }

    pub(super) fn floats(&mut self, values: &[f32]) -> String {
        let content: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        self.constant(ElementType::F32, &[values.len() as i64], &content)
    }

    pub(super) fn double(&mut self, value: f64) -> String {
        self.constant(ElementType::F64, &[], &value.to_le_bytes())
    }

    pub(super) fn half(&mut self, value: f32) -> String {
        self.constant(ElementType::F16, &[], &half::f16::from_f32(value).to_le_bytes())
    }

    pub(super) fn word(&mut self, value: u64) -> String {
        self.constant(ElementType::U64, &[], &value.to_le_bytes())
    }

    fn constant(
        &mut self,
        element_type: ElementType,
        sizes: &[i64],
        content: &[u8],
    ) -> String {
        let key = (element_type, sizes.to_vec(), content.to_vec());
        if let Some(name) = self.known.get(&key) {
            return name.clone();
        }
        let name = self.names.unique(&format!("mcdrop/constant_{}", self.known.len()));
        self.constants.push(initializer(&name, element_type, sizes, content));
        self.known.insert(key, name.clone());
        name
    }
}

/// A tensor that the file holds.
pub(super) fn initializer(
    name: &str,
    element_type: ElementType,
    sizes: &[i64],
    content: &[u8],
) -> proto::Tensor {
    proto::Tensor::from_bytes(element_type, sizes, content).named(name)
}
