//! Builds nodes and constants of standard operators, with names that are unique in the file.

use std::collections::{HashMap, HashSet};

use super::{ElementType, Model, proto};

/// Names of tensors and nodes that are in use.
#[derive(Debug, Default)]
pub(crate) struct UniqueNames(HashSet<String>);

impl UniqueNames {
    /// Collects the names of a model.
    pub(crate) fn of(model: &Model) -> Self {
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

    /// Returns the name, with a number appended if it is in use, and takes it.
    pub(crate) fn unique(&mut self, name: &str) -> String {
        let mut found = name.to_owned();
        let mut number = 2;
        while !self.0.insert(found.clone()) {
            found = format!("{name}:{number}");
            number += 1;
        }
        found
    }
}

/// Builder of nodes and constants of a graph.
#[derive(Debug)]
pub(crate) struct NodeBuilder {
    pub(crate) names: UniqueNames,
    /// Operator set of the model.
    opset: i64,
    /// Nodes since they were last taken.
    nodes: Vec<proto::Node>,
    pub(crate) constants: Vec<proto::Tensor>,
    known: HashMap<(ElementType, Vec<i64>, Vec<u8>), String>,
    /// Part of the names of new nodes that tells what they are for.
    pub(crate) scope: String,
    count: usize,
}

impl NodeBuilder {
    /// The first operator set with `Where`.
    pub(crate) const FIRST_WITH_WHERE: i64 = 9;

    pub(crate) fn new(names: UniqueNames, opset: i64) -> Self {
        Self {
            names,
            opset,
            nodes: Vec::new(),
            constants: Vec::new(),
            known: HashMap::new(),
            scope: String::new(),
            count: 0,
        }
    }

    /// Returns the operator set of the model.
    pub(crate) fn opset(&self) -> i64 {
        self.opset
    }

    /// Takes the nodes that were built since the last call.
    pub(crate) fn take(&mut self) -> Vec<proto::Node> {
        std::mem::take(&mut self.nodes)
    }

    /// Adds a node without attributes and returns the name of its output.
    pub(crate) fn op(&mut self, kind: &str, inputs: &[&str]) -> String {
        self.op_with(kind, inputs, Vec::new())
    }

    /// Adds a node with attributes and returns the name of its output.
    pub(crate) fn op_with(
        &mut self,
        kind: &str,
        inputs: &[&str],
        attribute: Vec<proto::Attribute>,
    ) -> String {
        let output = self.fresh(kind);
        self.push(kind, inputs, &output, &output, attribute);
        output
    }

    /// Adds a node with a given name that writes a given tensor.
    pub(crate) fn named(
        &mut self,
        kind: &str,
        inputs: &[&str],
        name: &str,
        output: &str,
    ) {
        self.push(kind, inputs, name, output, Vec::new());
    }

    /// Returns a new name for an output of an operator.
    fn fresh(&mut self, kind: &str) -> String {
        self.count += 1;
        self.names.unique(&format!("mcdrop/{}/{kind}_{}", self.scope, self.count))
    }

    fn push(
        &mut self,
        kind: &str,
        inputs: &[&str],
        name: &str,
        output: &str,
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

    /// Adds nodes that were built elsewhere.
    pub(crate) fn put(&mut self, nodes: Vec<proto::Node>) {
        self.nodes.extend(nodes);
    }

    /// Adds the largest values along an axis, in descending order.
    pub(crate) fn top(&mut self, values: &str, count: &str, axis: i64) -> String {
        let (largest, places) = (self.fresh("TopK"), self.fresh("TopK"));
        self.push(
            "TopK",
            &[values, count],
            &largest,
            &largest,
            vec![proto::Attribute::int("axis", axis)],
        );
        if let Some(node) = self.nodes.last_mut() {
            node.output.push(places);
        }
        largest
    }

    /// Adds a constant of double precision with these sizes.
    pub(crate) fn doubles(&mut self, sizes: &[i64], values: &[f64]) -> String {
        let bytes: Vec<u8> =
            values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.constant(ElementType::F64, sizes, &bytes)
    }

    /// Adds a truth value.
    pub(crate) fn bool(&mut self, value: bool) -> String {
        self.constant(ElementType::Bool, &[], &[u8::from(value)])
    }

    /// Converts the elements to another type.
    pub(crate) fn cast(&mut self, input: &str, element_type: ElementType) -> String {
        self.op_with(
            "Cast",
            &[input],
            vec![proto::Attribute::int("to", element_type.number().into())],
        )
    }

    /// Selects elements along an axis.
    pub(crate) fn gather(&mut self, data: &str, indices: &str, axis: i64) -> String {
        self.op_with(
            "Gather",
            &[data, indices],
            vec![proto::Attribute::int("axis", axis)],
        )
    }

    /// Concatenates tensors along an axis.
    pub(crate) fn concat(&mut self, parts: &[&str], axis: i64) -> String {
        self.op_with("Concat", parts, vec![proto::Attribute::int("axis", axis)])
    }

    /// Returns the distinct rows of a matrix, and the index of each row among them.
    pub(crate) fn unique_rows(&mut self, matrix: &str) -> (String, String) {
        let unique =
            self.op_with("Unique", &[matrix], vec![proto::Attribute::int("axis", 0)]);
        let [first, place] = ["first", "place"].map(|output| self.fresh(output));
        if let Some(node) = self.nodes.last_mut() {
            node.output.extend([first, place.clone()]);
        }
        (unique, place)
    }

    /// Changes the sizes; -1 is a size that follows from the others.
    pub(crate) fn reshape(&mut self, data: &str, sizes: &[i64]) -> String {
        let sizes = self.ints(sizes);
        self.op("Reshape", &[data, &sizes])
    }

    /// Adds an integer without axes.
    pub(crate) fn int(&mut self, value: i64) -> String {
        self.constant(ElementType::I64, &[], &value.to_le_bytes())
    }

    /// Adds a list of integers.
    pub(crate) fn ints(&mut self, values: &[i64]) -> String {
        self.tensor(&[values.len() as i64], values)
    }

    /// Adds integers with these sizes.
    pub(crate) fn tensor(&mut self, sizes: &[i64], values: &[i64]) -> String {
        let content: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        self.constant(ElementType::I64, sizes, &content)
    }

    /// Adds a number of single precision without axes.
    pub(crate) fn float(&mut self, value: f32) -> String {
        self.constant(ElementType::F32, &[], &value.to_le_bytes())
    }

    /// Adds a list of numbers of single precision.
    pub(crate) fn floats(&mut self, values: &[f32]) -> String {
        let content: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        self.constant(ElementType::F32, &[values.len() as i64], &content)
    }

    /// Adds a number of double precision without axes.
    pub(crate) fn double(&mut self, value: f64) -> String {
        self.constant(ElementType::F64, &[], &value.to_le_bytes())
    }

    /// Adds a number of half precision without axes.
    pub(crate) fn half(&mut self, value: f32) -> String {
        self.constant(ElementType::F16, &[], &half::f16::from_f32(value).to_le_bytes())
    }

    /// Adds a word of 64 bits without axes.
    pub(crate) fn word(&mut self, value: u64) -> String {
        self.constant(ElementType::U64, &[], &value.to_le_bytes())
    }

    /// Reduces along axes, which stay with size 1. They were an attribute before they became an
    /// input.
    pub(crate) fn reduce(&mut self, operator: &str, data: &str, axes: &[i64]) -> String {
        let since = if operator == "ReduceSum" { 13 } else { 18 };
        if self.opset < since {
            let axes = proto::Attribute::ints("axes", axes);
            return self.op_with(operator, &[data], vec![axes]);
        }
        let axes = self.ints(axes);
        let keep = proto::Attribute::int("keepdims", 1);
        self.op_with(operator, &[data, &axes], vec![keep])
    }

    /// Removes an axis of size 1, which was an attribute before it became an input.
    pub(crate) fn squeeze(&mut self, value: &str, axis: i64) -> String {
        if self.opset < 13 {
            let axes = proto::Attribute::ints("axes", &[axis]);
            return self.op_with("Squeeze", &[value], vec![axes]);
        }
        let axes = self.ints(&[axis]);
        self.op("Squeeze", &[value, &axes])
    }

    /// Adds a softmax over axis 1, from its parts: the operator of this name had another meaning
    /// below operator set 13.
    pub(crate) fn softmax(&mut self, scores: &str) -> String {
        let largest = self.reduce("ReduceMax", scores, &[1]);
        let shifted = self.op("Sub", &[scores, &largest]);
        let exponentials = self.op("Exp", &[&shifted]);
        let sum = self.reduce("ReduceSum", &exponentials, &[1]);
        self.op("Div", &[&exponentials, &sum])
    }

    /// Adds `-sum p ln p` over an axis, which stays with size 1, in double precision.
    pub(crate) fn entropy(&mut self, p: &str, axis: i64) -> String {
        // 0 ln 0 is 0: the logarithm of the smallest number times 0.
        let smallest = self.double(f64::MIN_POSITIVE);
        let above = self.op("Max", &[p, &smallest]);
        let logarithm = self.op("Log", &[&above]);
        let terms = self.op("Mul", &[p, &logarithm]);
        let sum = self.reduce("ReduceSum", &terms, &[axis]);
        self.op("Neg", &[&sum])
    }

    /// Adds `-p ln p - (1 - p) ln (1 - p)`, element by element, in double precision.
    pub(crate) fn binary_entropy(&mut self, p: &str) -> String {
        let smallest = self.double(f64::MIN_POSITIVE);
        let one = self.double(1.0);
        let rest = self.op("Sub", &[&one, p]);
        let terms = [p, &rest].map(|p| {
            let above = self.op("Max", &[p, &smallest]);
            let logarithm = self.op("Log", &[&above]);
            self.op("Mul", &[p, &logarithm])
        });
        let sum = self.op("Add", &[&terms[0], &terms[1]]);
        self.op("Neg", &[&sum])
    }

    /// Adds 1 for the class of the largest value, the lowest of equal ones, and 0 for the others,
    /// in double precision.
    pub(crate) fn one_hot_of_largest(
        &mut self,
        values: &str,
        axis: i64,
        classes: usize,
    ) -> String {
        let along = proto::Attribute::int("axis", axis);
        let drop_axis = proto::Attribute::int("keepdims", 0);
        let class = self.op_with("ArgMax", &[values], vec![along.clone(), drop_axis]);
        let depth = self.int(classes as i64);
        let off_on = self.floats(&[0.0, 1.0]);
        let chosen = self.op_with("OneHot", &[&class, &depth, &off_on], vec![along]);
        self.cast(&chosen, ElementType::F64)
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

/// Creates a named tensor that the file contains.
pub(crate) fn initializer(
    name: &str,
    element_type: ElementType,
    sizes: &[i64],
    content: &[u8],
) -> proto::Tensor {
    proto::Tensor::from_bytes(element_type, sizes, content).named(name)
}

/// Replaces names of tensors, in subgraphs too.
pub(crate) fn rename_tensors(node: &mut proto::Node, new: &HashMap<String, String>) {
    for name in node.input.iter_mut().chain(&mut node.output) {
        if let Some(new) = new.get(name) {
            name.clone_from(new);
        }
    }
    if node.subgraphs().next().is_none() {
        return;
    }
    for attribute in &mut node.attribute {
        let held = attribute.subgraphs_mut();
        for body in held {
            body.node.iter_mut().for_each(|node| rename_tensors(node, new));
            for output in &mut body.output {
                if let Some(new) = output.name.as_ref().and_then(|name| new.get(name)) {
                    output.name = Some(new.clone());
                }
            }
        }
    }
}
