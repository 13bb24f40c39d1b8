//! Counts against figures worked out by hand, and of whole files.

mod inside;
mod operators;
mod weights;

use crate::onnx::ElementType;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use prost::Message as _;

use super::*;
use crate::onnx::proto::Attribute;

fn runtime() -> Runtime {
    Runtime::find(None).unwrap()
}

fn counted(model: &Model, size: &[usize]) -> Costs {
    costs(model, &runtime(), size).unwrap()
}

/// A node of the standard set; attributes follow with [`with`].
fn node(operator: &str, input: &[&str], output: &[&str]) -> proto::Node {
    proto::Node::new(operator, input, output)
        .named(&format!("{operator} {}", output.join(" ")))
}

fn with(mut node: proto::Node, attribute: Attribute) -> proto::Node {
    node.attribute.push(attribute);
    node
}

/// Zeros of f32.
fn zeros(name: &str, sizes: &[usize]) -> proto::Tensor {
    proto::Tensor {
        name: Some(name.to_owned()),
        data_type: Some(1),
        dims: sizes.iter().map(|&size| size as i64).collect(),
        raw_data: Some(vec![0; 4 * sizes.iter().product::<usize>()].into()),
        ..proto::Tensor::default()
    }
}

fn integers(name: &str, values: &[i64]) -> proto::Tensor {
    proto::Tensor {
        name: Some(name.to_owned()),
        data_type: Some(7),
        dims: vec![values.len() as i64],
        int64_data: values.to_vec(),
        ..proto::Tensor::default()
    }
}

fn value(
    name: &str,
    element_type: ElementType,
    sizes: &[Option<usize>],
) -> proto::ValueInfo {
    TensorInfo { element_type, dimensions: sizes.to_vec() }.declared(name)
}

fn graph(
    node: Vec<proto::Node>,
    initializer: Vec<proto::Tensor>,
    input: Vec<proto::ValueInfo>,
    output: &[&str],
) -> proto::Graph {
    proto::Graph {
        name: Some("graph".to_owned()),
        node,
        initializer,
        input,
        output: output.iter().map(|name| crate::onnx::untyped(name)).collect(),
        ..proto::Graph::default()
    }
}

fn set(domain: &str, version: i64) -> proto::OperatorSetId {
    proto::OperatorSetId { domain: Some(domain.to_owned()), version: Some(version) }
}

fn shell(opset: i64) -> proto::Model {
    proto::Model {
        ir_version: Some(8),
        opset_import: vec![set("", opset), set("mcdrop", 1), set("own", 1)],
        ..proto::Model::default()
    }
}

/// The model as it comes out of a file in a folder.
fn saved(folder: &Path, shell: proto::Model, graph: proto::Graph) -> Model {
    let path = folder.join("model.onnx");
    let model = proto::Model { graph: Some(graph), ..shell };
    std::fs::write(&path, model.encode_to_vec()).unwrap();
    Model::open(&path).unwrap()
}

fn opened(opset: i64, graph: proto::Graph) -> Model {
    saved(tempfile::tempdir().unwrap().path(), shell(opset), graph)
}

fn file(relative: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(relative)
}

/// The expected figures come from Python: `onnx.shape_inference.infer_shapes` at this size, then
/// for each `Conv` the product of its output's sizes and its weights' but the first, and for
/// each `Gemm` the product of its left input's sizes and its columns.
#[test]
fn the_committed_models_cost_what_an_independent_count_says() {
    for (name, size, expected) in [
        ("digits", [1, 1, 8, 8], 1_264_256),
        ("digits-dynamo", [1, 1, 8, 8], 1_264_256),
        ("streets", [1, 3, 96, 160], 154_152_960),
        ("streets-dynamo", [1, 3, 96, 160], 154_152_960),
        ("streets", [1, 3, 224, 224], 503_566_336),
    ] {
        let model = Model::open(&file(&format!("models/{name}.onnx"))).unwrap();
        let costs = counted(&model, &size);
        assert_eq!(costs.total(), expected, "{name}");
        assert_eq!(costs.unknown, [""; 0], "{name}");
        assert_eq!(costs.nodes.len(), model.graph.node.len());
        assert_eq!(costs.size, size);
        let output = &costs.shapes[&model.outputs()[0].name];
        assert_eq!(output.len(), if name.starts_with("digits") { 2 } else { 4 });
    }
}

#[test]
fn every_export_is_counted_wholly_and_alike_by_both_exporters() {
    let mut totals = BTreeMap::new();
    for entry in std::fs::read_dir(file("fixtures/exports")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|e| e != "onnx") {
            continue;
        }
        let model = Model::open(&path).unwrap();
        let declared = model.inputs()[0].dimensions.clone().unwrap();
        let open = [1, 3, 16, 16];
        let size: Vec<usize> =
            declared.iter().zip(open).map(|(size, open)| size.unwrap_or(open)).collect();
        let costs = counted(&model, &size);
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        assert!(costs.unknown.is_empty() && costs.total() > 0, "{name}: {costs:?}");
        totals.insert(name, costs.total());
    }
    // Passes over one image: the newer exporter shares what comes before the dropout.
    totals.remove("four-passes-dynamo");
    let mut pairs = 0;
    for (name, total) in &totals {
        let Some(name) = name.strip_suffix("-dynamo") else { continue };
        if let Some(legacy) = totals.get(&format!("{name}-legacy-17")) {
            assert_eq!(total, legacy, "{name}");
            pairs += 1;
        }
    }
    assert!(pairs > 50, "{pairs}");
}

#[test]
fn sums_take_the_nodes_that_there_are() {
    let costs = Costs {
        nodes: vec![1, 20, 300, u64::MAX],
        size: vec![1],
        unknown: Vec::new(),
        shapes: HashMap::new(),
    };
    assert_eq!(costs.of([0, 2, 9]), 301);
    assert_eq!(costs.total(), u64::MAX);
}

#[test]
fn a_size_that_the_model_cannot_take_is_refused_with_a_hint() {
    let nodes =
        vec![node("Flatten", &["x"], &["flat"]), node("MatMul", &["flat", "w"], &["y"])];
    let image = value("x", ElementType::F32, &[Some(1), None, None, None]);
    let open = opened(17, graph(nodes, vec![zeros("w", &[192, 5])], vec![image], &["y"]));
    assert_eq!(counted(&open, &[1, 3, 8, 8]).total(), 960);
    let error = costs(&open, &runtime(), &[1, 3, 8, 9]).unwrap_err();
    assert!(error.hint().unwrap().contains("an input of 1x3x8x9"), "{error:?}");
    let error = costs(&open, &runtime(), &[3, 8, 9]).unwrap_err();
    assert!(error.to_string().contains("it has 4 axes"), "{error}");
    assert!(error.hint().unwrap().contains("the batch first"));
}

#[test]
fn a_model_of_two_inputs_is_refused_with_their_names() {
    let inputs = vec![
        value("x", ElementType::F32, &[Some(2)]),
        value("z", ElementType::F32, &[Some(2)]),
    ];
    let model =
        opened(17, graph(vec![node("Add", &["x", "z"], &["y"])], vec![], inputs, &["y"]));
    let error = costs(&model, &runtime(), &[2]).unwrap_err();
    assert!(error.to_string().contains("it has 2 inputs"), "{error}");
    assert!(error.hint().unwrap().contains("x, z"), "{error}");
}
