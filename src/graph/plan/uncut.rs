//! The model as it was, its draws made visible: what tests compare the cut with.

use super::*;
use crate::onnx::ElementType;
use crate::onnx::typed as of_type;

impl Plan {
    /// Returns the whole model. With masks, each dropout outside of subgraphs is a product with an
    /// f32 input `mask::TENSOR`, cast to this element type. Without masks, the draws are off, and
    /// the tensors that they drop from are outputs.
    pub(crate) fn uncut(&self, masks: Option<&[ElementType]>) -> Vec<u8> {
        let mut graph = self.model.graph.clone();
        let mut outputs: Vec<String> = self.heads.tensors().map(str::to_owned).collect();
        let mut extra = Vec::new();
        match masks {
            None => {
                draw::finish(&mut graph.node, &self.active, SuffixKind::Probe);
                let probed = self.probed().into_iter();
                outputs.extend(probed.map(|number| self.active[number].input.clone()));
            }
            Some(types) => {
                for (number, kind) in self.probed().into_iter().zip(types) {
                    let active = &self.active[number];
                    let at = graph.node.iter().position(|node| {
                        node.domain.as_deref() == Some(operator::DOMAIN)
                            && node.output.first() == Some(&active.output)
                    });
                    let Some(at) = at else { continue };
                    let (mask, cast) = (
                        format!("mask::{}", active.output),
                        format!("cast::{}", active.output),
                    );
                    let to = proto::Attribute::int("to", kind.number().into());
                    extra.push(node("Cast", &[&mask], &cast).with(to));
                    graph.node[at] = node("Mul", &[&active.input, &cast], &active.output);
                    let tensor = proto::TensorType::of_any_shape(ElementType::F32);
                    graph.input.push(of_type(&mask, tensor));
                }
            }
        }
        graph.node.splice(0..0, extra);
        graph.value_info.clear();
        self.writing(graph, &outputs)
    }

    /// Returns the whole file with its own dropouts; the output of the first one is an output too.
    pub(crate) fn native(&self, file: &Model) -> Vec<u8> {
        let mut outputs: Vec<String> = self.heads.tensors().map(str::to_owned).collect();
        outputs.push(self.active[0].output.clone());
        self.writing(file.graph.clone(), &outputs)
    }

    fn writing(&self, mut graph: proto::Graph, outputs: &[String]) -> Vec<u8> {
        graph.output = outputs.iter().map(|name| untyped(name)).collect();
        self.finish(graph)
    }
}
