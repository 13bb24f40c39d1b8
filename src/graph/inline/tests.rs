use crate::onnx::ElementType;
use std::path::Path;

use prost::Message as _;

use super::*;
use crate::graph::made::{body, call, function, import, model, node, reference, with};
use crate::graph::{Plan, ScoresOption};
use crate::onnx::proto::{Attribute, Function, Graph, Node, OperatorSetId};
use crate::runtime::{Runtime, Session, SessionOptions, Value};

fn is_mul(node: &Node) -> bool {
    node.is("Mul")
}

fn inlined(mut model: Model) -> Result<Model> {
    functions(&mut model, &is_mul)?;
    Ok(model)
}

fn outputs_of(model: &Model) -> Vec<Vec<f32>> {
    let options = SessionOptions { threads: 1, ..SessionOptions::default() };
    let runtime = Runtime::find(None).unwrap();
    let mut session = Session::open(&runtime, "test", &model.encode(), &options).unwrap();
    let image = Value::from_f32(&[2, 3], vec![-3.0, -2.0, -1.0, 0.5, 1.5, 2.5]).unwrap();
    let outputs = session.run(&[("image", &image)]).unwrap();
    outputs.iter().map(|output| output.to_f32().unwrap()).collect()
}

fn written(graph: &Graph) -> Vec<&str> {
    graph.node.iter().flat_map(|node| node.output.iter().map(String::as_str)).collect()
}

/// A function with everything in it: attributes with and without a default, an input that may be
/// missing, bodies that capture, names that stand outside too, a function within, an output
/// handed through.
fn block() -> Vec<Function> {
    let factor =
        with(node("Constant", &[], &["factor"]), reference("value_float", "factor"));
    let shift =
        with(node("Constant", &[], &["shift"]), reference("value_float", "shift"));
    // `t` is also a tensor of the graph, `x` one of the function.
    let then = vec![
        node("Relu", &["scaled"], &["t"]),
        node("Add", &["t", "x"], &["inner"]),
        node("Sub", &["inner", "shift"], &["then"]),
    ];
    let otherwise = vec![node("Neg", &["scaled"], &["otherwise"])];
    let branch = with(
        with(node("If", &["flag"], &["branch"]), body("then_branch", then, &["then"])),
        body("else_branch", otherwise, &["otherwise"]),
    );
    let mut outer = function(
        "Block",
        &["x", "flag", "least"],
        &["y", "through", "spare"],
        vec![
            factor,
            shift,
            node("Mul", &["x", "factor"], &["scaled"]),
            Node { name: Some("choose".to_owned()), ..branch },
            node("Clip", &["branch", "least"], &["clipped"]),
            with(call("Inner", "in", &["clipped"], &["y"]), reference("power", "power")),
            node("Identity", &["x"], &["spare"]),
            node("Identity", &["x"], &["through"]),
        ],
    );
    outer.attribute = vec!["shift".to_owned(), "power".to_owned()];
    outer.attribute_proto = vec![Attribute::float("factor", 3.0)];
    let power = with(node("Constant", &[], &["p"]), reference("value_float", "power"));
    let mut inner = function(
        "Inner",
        &["x"],
        &["y"],
        vec![power, node("Mul", &["x", "p"], &["t"]), node("Tanh", &["t"], &["y"])],
    );
    inner.attribute_proto = vec![Attribute::float("power", 0.25)];
    let unused =
        function("Unused", &["x"], &["y"], vec![node("Mul", &["x", "x"], &["y"])]);
    let plain = function("Plain", &["x"], &["y"], vec![node("Exp", &["x"], &["y"])]);
    vec![outer, inner, unused, plain]
}

fn everything() -> Model {
    let of = |call: Node, shift: f32| with(call, Attribute::float("shift", shift));
    let first = of(call("Block", "block", &["t", "truth"], &["a", "", "u"]), 0.5);
    let second =
        with(of(call("Block", "", &["a", "truth", "low"], &["b", "v", "w"]), 2.0), {
            Attribute::float("factor", -1.5)
        });
    let second = with(second, Attribute::float("power", 0.5));
    let in_body = of(call("Block", "block", &["b", "truth"], &["in_body", "p", ""]), 1.0);
    let branch = with(
        with(
            node("If", &["truth"], &["c"]),
            body("then_branch", vec![in_body], &["in_body"]),
        ),
        body("else_branch", vec![call("Plain", "", &["b"], &["plain"])], &["plain"]),
    );
    let nodes = vec![
        node("Identity", &["image"], &["t"]),
        with(node("Constant", &[], &["low"]), Attribute::float("value_float", 0.1)),
        first,
        second,
        branch,
        call("Plain", "plain", &["c"], &["d"]),
    ];
    model(nodes, &["a", "u", "b", "c", "d"], block())
}

#[test]
fn a_model_computes_the_same_when_its_functions_stand_in_place_of_their_calls() {
    let before = everything();
    let after = inlined(before.clone()).unwrap();
    let kinds: Vec<_> =
        after.graph.node.iter().filter_map(|n| n.op_type.as_deref()).collect();
    assert!(!kinds.contains(&"Block") && !kinds.contains(&"Inner"), "{kinds:?}");
    assert!(kinds.contains(&"Plain"), "{kinds:?}");
    assert_eq!(outputs_of(&before), outputs_of(&after));
}

#[test]
fn what_stood_in_a_function_is_known_by_its_call() {
    let model = inlined(everything()).unwrap();
    let names = written(&model.graph);
    for name in ["block/scaled", "block/in/t", "a/scaled", "a/in/p", "b/scaled", "b/in/t"]
    {
        let is_there = names.contains(&name);
        // The second call has no name: it is known by what it writes.
        assert_eq!(is_there, !name.starts_with("a/"), "{name}: {names:?}");
    }
    let nodes: Vec<_> =
        model.graph.node.iter().filter_map(|n| n.name.as_deref()).collect();
    assert!(nodes.contains(&"block/choose"), "{nodes:?}");
    let label_of_all = written(&model.graph);
    let mut once = label_of_all.clone();
    once.sort_unstable();
    once.dedup();
    assert_eq!(once.len(), label_of_all.iter().filter(|n| !n.is_empty()).count());
    // The call in the body has the name of the first one.
    let branch = model.graph.node.iter().find(|n| n.output == ["c"]).unwrap();
    let inside = written(branch.attribute[0].g.as_ref().unwrap());
    assert!(inside.contains(&"block_1/scaled"), "{inside:?}");
}

#[test]
fn names_of_bodies_are_changed_only_where_the_graph_has_the_same() {
    let model = inlined(everything()).unwrap();
    let choose = model
        .graph
        .node
        .iter()
        .find(|n| n.name.as_deref() == Some("block/choose"))
        .unwrap();
    let then = choose.attribute[0].g.as_ref().unwrap();
    assert_eq!(written(then), ["block/t", "inner", "then"]);
    assert_eq!(then.node[0].input, ["block/scaled"]);
    assert_eq!(then.node[1].input, ["block/t", "t"]);
    assert_eq!(then.output[0].name.as_deref(), Some("then"));
}

#[test]
fn attributes_are_those_of_the_call_or_the_function_and_else_vanish() {
    let model = inlined(everything()).unwrap();
    let constant = |name: &str| {
        let wrote = model.graph.node.iter().find(|n| n.output == [name]).unwrap();
        wrote.attribute.iter().map(|a| (a.name.clone(), a.f)).collect::<Vec<_>>()
    };
    let is = |value: f32| vec![(Some("value_float".to_owned()), Some(value))];
    assert_eq!(constant("block/factor"), is(3.0));
    assert_eq!(constant("b/factor"), is(-1.5));
    assert_eq!(constant("b/in/p"), is(0.5));
    // Not said by the outer call: the default of the inner function.
    assert_eq!(constant("block/in/p"), is(0.25));
    let mut model = everything();
    model.shell.functions[1].attribute_proto.clear();
    let model = inlined(model).unwrap();
    let node = model.graph.node.iter().find(|n| n.output == ["block/in/p"]).unwrap();
    assert!(node.attribute.is_empty(), "{node:?}");
}

#[test]
fn functions_whose_calls_were_replaced_leave_and_others_stay() {
    let model = inlined(everything()).unwrap();
    let names: Vec<_> =
        model.shell.functions.iter().filter_map(|f| f.name.as_deref()).collect();
    assert_eq!(names, ["Unused", "Plain"]);
}

#[test]
fn a_model_without_such_calls_is_left_byte_for_byte() {
    let mut before = everything();
    before
        .graph
        .node
        .retain(|node| !matches!(node.op_type.as_deref(), Some("Block" | "If")));
    let after = inlined(before.clone()).unwrap();
    assert!(before.encode() == after.encode());
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for name in ["fixtures/exports/function-nested.onnx", "models/digits-dynamo.onnx"] {
        let before = Model::open(&root.join(name)).unwrap();
        let mut after = before.clone();
        functions(&mut after, &|_| false).unwrap();
        assert!(before.encode() == after.encode(), "{name}");
    }
}

#[test]
fn every_call_of_a_function_with_dropout_is_a_site() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/exports");
    for (name, expected) in [
        ("function-attribute.onnx", vec![0.1, 0.4]),
        ("function-inputs.onnx", vec![0.1, 0.4]),
        ("function-nested.onnx", vec![0.3]),
    ] {
        let model = Model::open(&root.join(name)).unwrap();
        let plan = Plan::new(model, None, ScoresOption::Auto).unwrap();
        let ratios: Vec<f32> =
            plan.sites().iter().filter_map(|site| site.ratio).collect();
        assert_eq!(ratios, expected, "{name}");
        let names: BTreeSet<&str> =
            plan.sites().iter().map(|site| site.tensor.as_str()).collect();
        assert_eq!(names.len(), expected.len(), "{name}: {names:?}");
    }
}

fn refused(model: Model) -> String {
    let error = inlined(model).unwrap_err();
    assert!(error.hint().is_some(), "{error}");
    error.to_string()
}

fn one_call(function: Function) -> Model {
    let function = Function { name: Some("F".to_owned()), ..function };
    model(vec![call("F", "call", &["image"], &["y"])], &["y"], vec![function])
}

#[test]
fn operator_sets_must_be_those_of_the_model() {
    let mul = || function("F", &["x"], &["y"], vec![node("Mul", &["x", "x"], &["y"])]);
    let of = |sets: &[OperatorSetId]| {
        one_call(Function { opset_import: sets.to_vec(), ..mul() })
    };
    let text = refused(of(&[import("ai.onnx", 18)]));
    assert!(
        text.contains("\"own::F\"") && text.contains("set 18, the model for 17"),
        "{text}"
    );
    let added = inlined(of(&[import("", 17), import("ai.onnx.ml", 3), import("own", 2)]));
    let added = added.unwrap().shell.opset_import;
    assert_eq!(added, [import("", 17), import("own", 1), import("ai.onnx.ml", 3)]);
    let mut other = of(&[import("ai.onnx.ml", 3)]);
    other.shell.opset_import.push(import("ai.onnx.ml", 2));
    let text = refused(other);
    assert!(text.contains("\"ai.onnx.ml\" 3, the model for 2"), "{text}");
}

#[test]
fn a_graph_that_a_call_hands_in_reads_what_is_around_the_call() {
    let given = Attribute { r#type: Some(5), ..reference("then_branch", "g") };
    let branch = with(
        with(node("If", &["flag"], &["y"]), given),
        body("else_branch", vec![node("Neg", &["x"], &["n"])], &["n"]),
    );
    let inner = vec![node("Exp", &["x"], &["e"]), branch];
    let taker = function("Taker", &["x", "flag"], &["y"], inner);
    let product = vec![node("Mul", &["e", "image"], &["product"])];
    let nodes = vec![
        node("Neg", &["image"], &["e"]),
        with(
            call("Taker", "take", &["image", "truth"], &["y"]),
            body("g", product, &["product"]),
        ),
    ];
    let after = inlined(model(nodes, &["y"], vec![taker])).unwrap();
    let branch = after.graph.node.iter().find(|n| n.output == ["y"]).unwrap();
    let handed = branch.attribute[0].g.as_ref().unwrap();
    assert_eq!(branch.attribute[0].name.as_deref(), Some("then_branch"));
    assert_eq!(handed.node[0].input, ["e", "image"]);
    let values = [-3.0, -2.0, -1.0, 0.5, 1.5, 2.5_f32];
    assert_eq!(outputs_of(&after), [values.map(|v| -v * v).to_vec()]);
}

#[test]
fn outputs_that_are_inputs_or_the_same_are_copied() {
    let f =
        function("F", &["x"], &["x", "y", "y"], vec![node("Mul", &["x", "x"], &["y"])]);
    let before = model(
        vec![call("F", "c", &["image"], &["a", "b", "c"])],
        &["a", "b", "c"],
        vec![f],
    );
    let after = inlined(before).unwrap();
    let values = [-3.0, -2.0, -1.0, 0.5, 1.5, 2.5_f32];
    let squares = values.map(|v| v * v).to_vec();
    assert_eq!(outputs_of(&after), [values.to_vec(), squares.clone(), squares]);
}

#[test]
fn the_element_type_that_a_function_says_is_kept_without_its_sizes() {
    let mut f = function(
        "F",
        &["x"],
        &["y"],
        vec![node("Mul", &["x", "x"], &["z"]), node("Neg", &["z"], &["y"])],
    );
    f.value_info = model(vec![], &["z"], vec![]).graph.output;
    let after = inlined(one_call(f)).unwrap();
    let described =
        crate::onnx::GraphIndex::new(&after.graph).described("call/z").unwrap();
    assert_eq!((described.element_type, described.dimensions), (ElementType::F32, None));
    assert!(after.with_graph(after.graph.clone()).encoded_len() > 0);
}

mod refusals;
