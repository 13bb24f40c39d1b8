//! Bodies of control flow, functions, and nodes that no session is opened with.

use super::*;
use crate::onnx::AttributeType;
use crate::onnx::ElementType;

/// `[2, 3]` by `[3, 5]`: 30 multiply-adds.
fn product(output: &str) -> proto::Node {
    node("MatMul", &["x", "w"], &[output])
}

fn image() -> proto::ValueInfo {
    value("x", ElementType::F32, &[Some(2), Some(3)])
}

fn of_nodes(opset: i64, nodes: Vec<proto::Node>, more: Vec<proto::Tensor>) -> Costs {
    let mut initializer = vec![zeros("w", &[3, 5])];
    initializer.extend(more);
    let model = opened(opset, graph(nodes, initializer, vec![image()], &["y"]));
    counted(&model, &[2, 3])
}

fn boolean(name: &str, truth: bool) -> proto::Tensor {
    proto::Tensor {
        name: Some(name.to_owned()),
        data_type: Some(9),
        raw_data: Some(vec![u8::from(truth)].into()),
        ..proto::Tensor::default()
    }
}

#[test]
fn a_branch_costs_both_its_bodies() {
    // The second weight is too large to keep, and belongs to the body.
    let large = zeros("v", &[3, 700]);
    let then = graph(vec![product("y1")], vec![], vec![], &["y1"]);
    let twice = vec![
        node("MatMul", &["x", "v"], &["wide"]),
        node("ReduceSum", &["wide"], &["y2"]),
    ];
    let other = graph(twice, vec![large], vec![], &["y2"]);
    let branch = node("If", &["c"], &["y"]);
    let branch = with(
        with(branch, Attribute::graph("then_branch", then)),
        Attribute::graph("else_branch", other),
    );
    let costs = of_nodes(17, vec![product("z"), branch], vec![boolean("c", true)]);
    assert_eq!(costs.nodes, [30, 30 + 2 * 3 * 700]);
    assert!(costs.unknown.is_empty(), "{:?}", costs.unknown);
}

/// A loop that hands on `[2, 5]` and multiplies what is captured.
fn turns(most: &str) -> proto::Node {
    let nodes = vec![
        product("p"),
        node("Add", &["p", "carried"], &["sum"]),
        node("Identity", &["go"], &["on"]),
        node("MatMul", &["carried", "square"], &["q"]),
        node("Add", &["q", "sum"], &["next"]),
    ];
    let inputs = vec![
        value("i", ElementType::I64, &[]),
        value("go", ElementType::Bool, &[]),
        value("carried", ElementType::F32, &[None, None]),
    ];
    let square = zeros("square", &[5, 5]);
    let inner = graph(nodes, vec![square], inputs, &["on", "next"]);
    with(node("Loop", &[most, "", "start"], &["y"]), Attribute::graph("body", inner))
}

#[test]
fn a_loop_costs_its_body_in_every_turn() {
    let start = || zeros("start", &[2, 5]);
    let fixed = of_nodes(17, vec![turns("n")], vec![start(), integers("n", &[7])]);
    assert_eq!(fixed.nodes, [7 * (30 + 50)]);
    assert!(fixed.unknown.is_empty(), "{:?}", fixed.unknown);
    for (nodes, more) in [
        (vec![turns("n")], vec![start(), integers("n", &[i64::MAX])]),
        (vec![turns("")], vec![start()]),
    ] {
        let costs = of_nodes(17, nodes, more);
        assert_eq!(costs.total(), 80);
        assert_eq!(costs.unknown, ["Loop y"]);
    }
}

#[test]
fn a_scan_costs_its_body_along_an_axis() {
    let nodes = vec![
        node("Identity", &["s"], &["s2"]),
        node("MatMul", &["slice", "v"], &["row"]),
    ];
    let inputs =
        vec![value("s", ElementType::F32, &[]), value("slice", ElementType::F32, &[])];
    let inner = graph(nodes, vec![zeros("v", &[2, 5])], inputs, &["s2", "row"]);
    let scan = node("Scan", &["s0", "x"], &["last", "y"]);
    let scan = with(
        with(scan, Attribute::graph("body", inner)),
        Attribute::int("num_scan_inputs", 1),
    );
    // Columns of two rows: 3 times [2] by [2, 5].
    let scan = with(scan, Attribute::ints("scan_input_axes", &[-1]));
    let costs = of_nodes(17, vec![scan], vec![zeros("s0", &[1])]);
    assert_eq!(costs.nodes, [3 * 10]);
    assert!(costs.unknown.is_empty(), "{:?}", costs.unknown);
}

#[test]
fn a_call_costs_what_its_function_does() {
    let mut call = node("Twice", &["x", "w"], &["y"]);
    call.domain = Some("own".to_owned());
    let call = with(call, Attribute::ints("to", &[5, 2]));
    let shape = Attribute {
        ref_attr_name: Some("to".to_owned()),
        ..Attribute::empty("value_ints", AttributeType::Ints)
    };
    let names = |names: &[&str]| names.iter().map(|&n| n.to_owned()).collect();
    let function = proto::Function {
        name: Some("Twice".to_owned()),
        domain: Some("own".to_owned()),
        // The names inside are those outside, crosswise.
        input: names(&["w", "x", "bias"]),
        output: names(&["z"]),
        attribute: names(&["to"]),
        node: vec![
            node("MatMul", &["w", "x"], &["p"]),
            with(node("Constant", &[], &["shape"]), shape),
            node("Reshape", &["p", "shape"], &["turned"]),
            node("MatMul", &["p", "turned"], &["square"]),
            node("Clip", &["square", "bias"], &["z"]),
        ],
        opset_import: vec![set("", 17)],
        ..proto::Function::default()
    };
    let folder = tempfile::tempdir().unwrap();
    let whole = proto::Model { functions: vec![function], ..shell(17) };
    let graph = graph(vec![call], vec![zeros("w", &[3, 5])], vec![image()], &["y"]);
    let costs = counted(&saved(folder.path(), whole, graph), &[2, 3]);
    assert_eq!(costs.nodes, [30 + 2 * 5 * 2]);
    assert!(costs.unknown.is_empty(), "{:?}", costs.unknown);
    assert_eq!(costs.shapes["y"], [2, 2]);
}

#[test]
fn random_nodes_and_our_own_do_not_stand_in_the_way() {
    let ours = |mut node: proto::Node| {
        node.domain = Some("mcdrop".to_owned());
        node
    };
    let float = || Attribute::int("dtype", 1);
    for opset in [17, 22] {
        let nodes = vec![
            with(node("RandomUniformLike", &["x"], &["u"]), float()),
            node("RandomNormalLike", &["u"], &["g"]),
            with(
                with(
                    node("RandomUniform", &[], &["r"]),
                    Attribute::ints("shape", &[2, 3]),
                ),
                float(),
            ),
            with(node("Bernoulli", &["g"], &["b"]), float()),
            with(node("RandomUniformLike", &["b"], &["h"]), Attribute::int("dtype", 10)),
            with(node("Cast", &["h"], &["k"]), float()),
            ours(node("Dropout", &["r", "mcdrop::image_key", "mcdrop::sample"], &["d"])),
            node("Shape", &["d"], &["shape"]),
            ours(node(
                "Noise",
                &["shape", "mcdrop::image_key", "mcdrop::sample"],
                &["n"],
            )),
            node("Sum", &["d", "n", "k"], &["s"]),
            node("MatMul", &["s", "w"], &["y"]),
        ];
        let nodes = nodes.into_iter().map(|mut node| {
            if node.is("Cast") {
                node.attribute = vec![Attribute::int("to", 1)];
            }
            node
        });
        let inputs = vec![
            image(),
            value("mcdrop::image_key", ElementType::I64, &[None]),
            value("mcdrop::sample", ElementType::I64, &[None]),
        ];
        let graph = graph(nodes.collect(), vec![zeros("w", &[3, 5])], inputs, &["y"]);
        let costs = counted(&opened(opset, graph), &[2, 3]);
        assert_eq!(costs.total(), 30);
        assert!(costs.unknown.is_empty(), "{:?}", costs.unknown);
    }
}

#[test]
fn what_depends_on_values_is_named() {
    let nodes = vec![
        node("NonZero", &["x"], &["places"]),
        node("Transpose", &["places"], &["pairs"]),
        node("Cast", &["pairs"], &["numbers"]),
        node("MatMul", &["numbers", "v"], &["y"]),
        product("z"),
    ];
    let nodes = nodes.into_iter().map(|node| match node.op() {
        "Cast" => with(node, Attribute::int("to", 1)),
        _ => node,
    });
    let costs = of_nodes(17, nodes.collect(), vec![zeros("v", &[2, 9])]);
    assert_eq!(costs.total(), 30);
    assert_eq!(costs.unknown, ["MatMul y"]);
    assert!(!costs.shapes.contains_key("pairs") && costs.shapes["z"] == [2, 5]);
}

#[test]
fn fills_are_not_computed() {
    // Two terabytes each, if they were.
    let side = 1 << 19;
    let nodes = vec![
        node("ConstantOfShape", &["shape"], &["a"]),
        node("Expand", &["one", "shape"], &["b"]),
        node("MatMul", &["a", "b"], &["c"]),
        product("y"),
    ];
    let more = vec![integers("shape", &[side, side]), zeros("one", &[])];
    let costs = of_nodes(17, nodes, more);
    assert_eq!(costs.nodes, [0, 0, 1 << 57, 30]);
    assert!(costs.unknown.is_empty(), "{:?}", costs.unknown);
}
