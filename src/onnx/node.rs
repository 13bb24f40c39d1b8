//! Access to the operator, the inputs and the attributes of a node, and builders of both.

use bytes::Bytes;

use super::proto::{Attribute, Function, Graph, Node, Tensor, TensorType};
use super::{ElementType, is_standard_domain, normal_domain};

/// `AttributeProto.AttributeType` of the specification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AttributeType {
    Float = 1,
    Int = 2,
    String = 3,
    Tensor = 4,
    Graph = 5,
    Floats = 6,
    Ints = 7,
    #[cfg(test)]
    Tensors = 9,
    #[cfg(test)]
    Graphs = 10,
    #[cfg(test)]
    SparseTensor = 11,
    #[cfg(test)]
    SparseTensors = 12,
}

impl Node {
    /// Creates a node of a standard operator without attributes or a name.
    pub(crate) fn new(operator: &str, inputs: &[&str], outputs: &[&str]) -> Self {
        let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        Self {
            op_type: Some(operator.to_owned()),
            input: owned(inputs),
            output: owned(outputs),
            ..Self::default()
        }
    }

    /// Adds an attribute.
    pub(crate) fn with(mut self, attribute: Attribute) -> Self {
        self.attribute.push(attribute);
        self
    }

    /// Sets the name.
    pub(crate) fn named(self, name: &str) -> Self {
        Self { name: Some(name.to_owned()), ..self }
    }

    /// Name by which the node is reported: its own, or that of its first output.
    pub(crate) fn label(&self) -> &str {
        match self.name.as_deref() {
            Some(name) if !name.is_empty() => name,
            _ => self.output.first().map_or("(unnamed)", String::as_str),
        }
    }

    /// Operator of any domain; empty if the file does not state it.
    pub(crate) fn op(&self) -> &str {
        self.op_type.as_deref().unwrap_or_default()
    }

    /// Returns true if the operator is of the standard domain.
    pub(crate) fn is_standard(&self) -> bool {
        is_standard_domain(self.domain.as_deref())
    }

    /// Returns true if this is the given operator of the standard domain.
    pub(crate) fn is(&self, operator: &str) -> bool {
        self.op() == operator && self.is_standard()
    }

    /// Returns true if this is one of the given operators of the standard domain.
    pub(crate) fn is_one_of(&self, operators: &[&str]) -> bool {
        operators.contains(&self.op()) && self.is_standard()
    }

    /// Name of an input; `None` for an input that is left out.
    pub(crate) fn input_name(&self, position: usize) -> Option<&str> {
        self.input.get(position).map(String::as_str).filter(|name| !name.is_empty())
    }

    /// Name of an output; `None` for an output that is left out.
    pub(crate) fn output_name(&self, position: usize) -> Option<&str> {
        self.output.get(position).map(String::as_str).filter(|name| !name.is_empty())
    }

    /// The attribute of this name.
    pub(crate) fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.attribute.iter().find(|attribute| attribute.name.as_deref() == Some(name))
    }

    /// Value of an integer attribute.
    pub(crate) fn int(&self, name: &str) -> Option<i64> {
        self.attribute(name)?.i
    }

    /// Value of a floating-point attribute.
    pub(crate) fn float(&self, name: &str) -> Option<f32> {
        self.attribute(name)?.f
    }

    /// Values of an attribute that is a list of integers.
    pub(crate) fn ints(&self, name: &str) -> Option<&[i64]> {
        Some(&self.attribute(name)?.ints)
    }

    /// Text of a string attribute.
    pub(crate) fn string(&self, name: &str) -> Option<&str> {
        std::str::from_utf8(self.attribute(name)?.s.as_ref()?).ok()
    }

    /// Value of a tensor attribute.
    pub(crate) fn tensor(&self, name: &str) -> Option<&Tensor> {
        self.attribute(name)?.t.as_ref()
    }

    /// Subgraphs of the node: the branches of an `If`, the bodies of a `Loop` or `Scan`.
    pub(crate) fn subgraphs(&self) -> impl Iterator<Item = &Graph> {
        self.attribute.iter().flat_map(Attribute::subgraphs)
    }

    /// Subgraphs of the node, to be changed.
    pub(crate) fn subgraphs_mut(&mut self) -> impl Iterator<Item = &mut Graph> {
        self.attribute.iter_mut().flat_map(Attribute::subgraphs_mut)
    }
}

impl Attribute {
    /// Creates an attribute without a value.
    pub(crate) fn empty(name: &str, kind: AttributeType) -> Self {
        Self { name: Some(name.to_owned()), r#type: Some(kind as i32), ..Self::default() }
    }

    /// Creates an integer attribute.
    pub(crate) fn int(name: &str, value: i64) -> Self {
        Self { i: Some(value), ..Self::empty(name, AttributeType::Int) }
    }

    /// Creates a floating-point attribute.
    pub(crate) fn float(name: &str, value: f32) -> Self {
        Self { f: Some(value), ..Self::empty(name, AttributeType::Float) }
    }

    /// Creates an attribute of several integers.
    pub(crate) fn ints(name: &str, values: &[i64]) -> Self {
        Self { ints: values.to_vec(), ..Self::empty(name, AttributeType::Ints) }
    }

    /// Creates an attribute of several floating-point numbers.
    pub(crate) fn floats(name: &str, values: &[f32]) -> Self {
        Self { floats: values.to_vec(), ..Self::empty(name, AttributeType::Floats) }
    }

    /// Creates a string attribute.
    pub(crate) fn string(name: &str, value: &str) -> Self {
        let value = Bytes::copy_from_slice(value.as_bytes());
        Self { s: Some(value), ..Self::empty(name, AttributeType::String) }
    }

    /// Creates a tensor attribute.
    pub(crate) fn tensor(name: &str, value: Tensor) -> Self {
        Self { t: Some(value), ..Self::empty(name, AttributeType::Tensor) }
    }

    /// Creates an attribute with a subgraph.
    pub(crate) fn graph(name: &str, value: Graph) -> Self {
        Self { g: Some(Box::new(value)), ..Self::empty(name, AttributeType::Graph) }
    }

    /// Subgraphs of the attribute.
    pub(crate) fn subgraphs(&self) -> impl Iterator<Item = &Graph> {
        self.g.as_deref().into_iter().chain(&self.graphs)
    }

    /// Subgraphs of the attribute, to be changed.
    pub(crate) fn subgraphs_mut(&mut self) -> impl Iterator<Item = &mut Graph> {
        self.g.as_deref_mut().into_iter().chain(&mut self.graphs)
    }
}

impl Function {
    /// Name by which the function is reported: `domain::name`.
    pub(crate) fn label(&self) -> String {
        let domain = normal_domain(self.domain.as_deref());
        let name = self.name.as_deref().unwrap_or_default();
        if domain.is_empty() { name.to_owned() } else { format!("{domain}::{name}") }
    }
}

impl Tensor {
    /// Creates a tensor without a name from its elements as little-endian bytes.
    pub(crate) fn from_bytes(
        element_type: ElementType,
        sizes: &[i64],
        content: &[u8],
    ) -> Self {
        Self {
            dims: sizes.to_vec(),
            data_type: Some(element_type.number()),
            raw_data: Some(Bytes::copy_from_slice(content)),
            ..Self::default()
        }
    }

    /// Sets the name.
    pub(crate) fn named(self, name: &str) -> Self {
        Self { name: Some(name.to_owned()), ..self }
    }

    /// Element type of the tensor.
    pub(crate) fn element_type(&self) -> ElementType {
        ElementType::from_number(self.data_type.unwrap_or(0))
    }
}

impl TensorType {
    /// Creates the type of a tensor of any shape.
    pub(crate) fn of_any_shape(element_type: ElementType) -> Self {
        Self { elem_type: Some(element_type.number()), shape: None }
    }

    /// Element type of the tensor.
    pub(crate) fn element_type(&self) -> ElementType {
        ElementType::from_number(self.elem_type.unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operator_is_recognized_in_the_standard_domain_only() {
        let mut node = Node::new("Conv", &["x", "", "b"], &["y"]);
        for domain in [None, Some(""), Some("ai.onnx")] {
            node.domain = domain.map(str::to_owned);
            assert!(node.is("Conv") && node.is_one_of(&["Gemm", "Conv"]));
        }
        node.domain = Some("own".to_owned());
        assert!(!node.is("Conv"));
        assert_eq!(node.op(), "Conv");
        assert_eq!((node.input_name(1), node.input_name(2)), (None, Some("b")));
        assert_eq!((node.output_name(0), node.output_name(1)), (Some("y"), None));
    }

    #[test]
    fn attributes_are_read_as_they_were_built() {
        let node = Node::new("Op", &[], &[])
            .with(Attribute::int("axis", -1))
            .with(Attribute::ints("axes", &[1, 2]))
            .with(Attribute::float("ratio", 0.5))
            .with(Attribute::string("mode", "constant"))
            .with(Attribute::graph("body", Graph::default()));
        assert_eq!((node.int("axis"), node.int("mode")), (Some(-1), None));
        assert_eq!(node.ints("axes"), Some(&[1, 2][..]));
        assert_eq!((node.float("ratio"), node.float("none")), (Some(0.5), None));
        assert_eq!(node.string("mode"), Some("constant"));
        assert_eq!(node.subgraphs().count(), 1);
        assert_eq!(node.attribute("mode").unwrap().r#type, Some(3));
    }
}
