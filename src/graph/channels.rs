//! Number of channels of the image, if the model's input leaves it open.

use std::collections::HashSet;

use crate::onnx::{GraphIndex, proto};

/// Operators that leave the channel axis as it is.
const POINTWISE: [&str; 8] =
    ["Identity", "Cast", "Add", "Sub", "Mul", "Div", "Clip", "BatchNormalization"];

/// Returns the number of channels that the first convolutions over an image take, by their weights;
/// `None` if there is none, or if they differ.
pub(super) fn of_image(graph: &proto::Graph, image: &str) -> Option<usize> {
    let index = GraphIndex::new(graph);
    let (mut same, mut found) = (HashSet::from([image]), HashSet::new());
    // Nodes come after what they read, so one pass follows every chain.
    for node in &graph.node {
        let reads_image =
            |i: usize| node.input.get(i).is_some_and(|name| same.contains(name.as_str()));
        match node.op() {
            "Conv" if reads_image(0) => {
                found.insert(conv_channels(&index, node)?);
            }
            operator if POINTWISE.contains(&operator) && reads_image(0) => {
                same.extend(node.output.first().map(String::as_str));
            }
            _ => {}
        }
    }
    let mut found = found.into_iter();
    found.next().filter(|_| found.next().is_none())
}

/// Returns the number of input channels of a convolution: those of its weights, times its groups.
fn conv_channels(index: &GraphIndex<'_>, node: &proto::Node) -> Option<usize> {
    let weights = initializer(index, node.input.get(1)?)?;
    let &[_, per_group, _, _] = weights.dims.as_slice() else { return None };
    let groups = node.int("group").unwrap_or(1);
    usize::try_from(per_group.checked_mul(groups)?).ok()
}

fn initializer<'a>(index: &GraphIndex<'a>, name: &str) -> Option<&'a proto::Tensor> {
    if let Some(tensor) = index.initializers.get(name) {
        return Some(tensor);
    }
    // Exporters pass shared weights through one.
    let node = index.producer(name).filter(|node| node.is("Identity"))?;
    index.initializers.get(node.input.first()?.as_str()).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::onnx::Model;

    fn graph(model: &str) -> (proto::Graph, String) {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(model);
        let model = Model::open(&path).unwrap();
        let image = model.inputs()[0].name.clone();
        (model.graph, image)
    }

    #[test]
    fn the_first_convolution_says_how_many_channels_an_image_has() {
        for (model, channels) in [
            ("models/streets.onnx", 3),
            ("models/streets-dynamo.onnx", 3),
            ("models/digits.onnx", 1),
        ] {
            let (graph, image) = graph(model);
            assert_eq!(of_image(&graph, &image), Some(channels), "{model}");
        }
    }

    #[test]
    fn without_a_convolution_over_the_image_nothing_is_known() {
        let (mut graph, image) = graph("models/streets.onnx");
        assert_eq!(of_image(&graph, "another tensor"), None);
        let first = graph.node.iter_mut().find(|node| node.input.first() == Some(&image));
        first.unwrap().op_type = Some("Transpose".to_owned());
        assert_eq!(of_image(&graph, &image), None);
    }
}
