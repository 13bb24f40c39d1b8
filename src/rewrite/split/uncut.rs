//! The model as it was, its dropouts made visible: what tests compare the cut with.

use super::*;

impl Plan {
    /// The whole model with each site a product with an input `mask::TENSOR` of this element
    /// type (f32, cast where the site is not), or without masks the sites off and their
    /// inputs added as outputs.
    pub(crate) fn uncut(&self, masks: Option<&[i32]>) -> Vec<u8> {
        let mut graph = self.model.graph.clone();
        let mut outputs = vec![self.head.tensor.clone()];
        let mut extra = Vec::new();
        for (i, site) in self.sites().iter().enumerate() {
            let at = site.position;
            match masks {
                None => {
                    graph.node[at] = node("Identity", &[&site.input], &site.tensor);
                    outputs.push(site.input.clone());
                }
                Some(types) => {
                    let (mask, cast) = (
                        format!("mask::{}", site.tensor),
                        format!("cast::{}", site.tensor),
                    );
                    let to = proto::Attribute {
                        name: Some("to".to_owned()),
                        r#type: Some(2),
                        i: Some(i64::from(types[i])),
                        ..proto::Attribute::default()
                    };
                    extra.push(proto::Node {
                        attribute: vec![to],
                        ..node("Cast", &[&mask], &cast)
                    });
                    graph.node[at] = node("Mul", &[&site.input, &cast], &site.tensor);
                    let tensor = proto::TensorType { elem_type: Some(1), shape: None };
                    let value = Some(proto::TypeValue::Tensor(tensor));
                    graph.input.push(proto::ValueInfo {
                        name: Some(mask),
                        r#type: Some(proto::Type { value, ..proto::Type::default() }),
                        ..proto::ValueInfo::default()
                    });
                }
            }
        }
        graph.node.splice(0..0, extra);
        graph.value_info.clear();
        self.with_outputs(graph, &outputs)
    }

    /// The whole model with its own dropouts, the first one's output added.
    pub(crate) fn native(&self) -> Vec<u8> {
        let outputs = [self.head.tensor.clone(), self.sites()[0].tensor.clone()];
        self.with_outputs(self.model.graph.clone(), &outputs)
    }

    fn with_outputs(&self, mut graph: proto::Graph, outputs: &[String]) -> Vec<u8> {
        let untyped = |name: &String| proto::ValueInfo {
            name: Some(name.clone()),
            ..proto::ValueInfo::default()
        };
        graph.output = outputs.iter().map(untyped).collect();
        self.finish(graph)
    }
}
