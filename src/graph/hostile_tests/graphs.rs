//! Invalid graphs: cycles, duplicate and missing names, subgraphs in the wrong place.

use super::super::made::{
    body, call, function, graph as made, import, model, node, ones, value, with,
};
use super::{Case, End, all_end, dropped, graph, whole};
use crate::onnx::AttributeType;
use crate::onnx::proto::{Attribute, Graph, Node, Tensor};

const OPERATORS: [&str; 30] = [
    "Dropout",
    "RandomUniform",
    "RandomUniformLike",
    "RandomNormal",
    "RandomNormalLike",
    "Bernoulli",
    "Multinomial",
    "Softmax",
    "Sigmoid",
    "Identity",
    "Cast",
    "Constant",
    "ConstantOfShape",
    "Expand",
    "Reshape",
    "Concat",
    "Shape",
    "Slice",
    "Gather",
    "Unsqueeze",
    "Mul",
    "Div",
    "Where",
    "Less",
    "Floor",
    "Conv",
    "MatMul",
    "If",
    "Loop",
    "BatchNormalization",
];

fn case(name: &str, model: crate::onnx::proto::Model) -> Case {
    (name.to_owned(), model)
}

#[test]
fn circles_end() {
    let mut cases = Vec::new();
    for operator in OPERATORS {
        // It reads itself, once and many times, and feeds each input of the dropout.
        for (times, output) in [(1, "x"), (9, "x"), (3, "ratio2"), (3, "mode")] {
            let inputs = vec![output; times];
            let mut all = dropped(vec![node("Relu", &["image"], &["x"])]);
            let nodes = &mut graph(&mut all).node;
            match output {
                "x" => nodes[0] = node(operator, &inputs, &["x"]),
                "ratio2" => nodes[1].input[1] = output.to_owned(),
                _ => nodes[1].input[2] = output.to_owned(),
            }
            if output != "x" {
                nodes.insert(0, node(operator, &inputs, &[output]));
            }
            cases.push((
                format!("{operator} reads itself as {output} {times} times"),
                all,
            ));
        }
        let two = vec![
            node(operator, &["x", "x"], &["z"]),
            node(operator, &["z", "z"], &["x"]),
        ];
        cases.push((format!("two {operator} read each other"), dropped(two)));
        for times in 1..4 {
            let circle = vec![
                node(operator, &vec!["c"; times], &["c"]),
                node("RandomUniformLike", &["c"], &["u"]),
                node("Less", &["u", "ratio"], &["m"]),
                node("Mul", &["m", "image"], &["x"]),
            ];
            let name =
                format!("a draw of the shape of a circle of {operator}, {times} times");
            cases.push((name, dropped(circle)));
        }
        let sizes = vec![
            node(operator, &["c", "c", "c", "c"], &["c"]),
            ones("c", "o"),
            node("Dropout", &["o", "ratio", "truth"], &["m"]),
            node("Mul", &["image", "m"], &["x"]),
        ];
        cases.push((
            format!("ones of a shape that is a circle of {operator}"),
            dropped(sizes),
        ));
    }
    let own = vec![node("Dropout", &["y", "ratio", "truth"], &["y"])];
    cases.push(case("a dropout that reads itself", whole(&model(own, &["y"], vec![]))));
    all_end(cases);
}

#[test]
fn nodes_without_inputs_or_outputs_end() {
    let mut cases = Vec::new();
    for operator in OPERATORS {
        for (inputs, outputs) in [(0, 1), (1, 0), (0, 0), (9, 9), (2, 3)] {
            let names =
                ["image", "", "image", "image", "gone", "", "image", "ratio", "truth"];
            let written = ["x", "", "x", "z", "z", "", "image", "ratio", "truth"];
            let odd = node(operator, &names[..inputs], &written[..outputs]);
            let name = format!("{operator} with {inputs} inputs and {outputs} outputs");
            cases.push((name.clone(), dropped(vec![odd.clone()])));
            let first = vec![odd, node("Relu", &["image"], &["x"])];
            cases.push((format!("{name}, beside"), dropped(first)));
        }
    }
    all_end(cases);
}

#[test]
fn names_that_are_there_twice_or_nowhere_end() {
    let relu = || node("Relu", &["image"], &["x"]);
    let base = || dropped(vec![relu()]);
    let with_graph = |change: &dyn Fn(&mut Graph)| {
        let mut all = base();
        change(graph(&mut all));
        all
    };
    let tensor = |name: &str| Tensor {
        name: Some(name.to_owned()),
        data_type: Some(1),
        dims: vec![2, 3],
        float_data: vec![1.0; 6],
        ..Tensor::default()
    };
    let cases = vec![
        case("two nodes write one tensor", dropped(vec![relu(), relu()])),
        case(
            "a node writes the image",
            dropped(vec![node("Relu", &["image"], &["image"]), relu()]),
        ),
        case(
            "two initializers of a name",
            with_graph(&|g| {
                let twice = g.initializer.clone();
                g.initializer.extend(twice);
            }),
        ),
        case(
            "an initializer that a node writes",
            with_graph(&|g| g.initializer.push(tensor("x"))),
        ),
        case(
            "an initializer for the image",
            with_graph(&|g| g.initializer.push(tensor("image"))),
        ),
        case(
            "an initializer for the output",
            with_graph(&|g| g.initializer.push(tensor("y"))),
        ),
        case("the image twice", with_graph(&|g| g.input.push(g.input[0].clone()))),
        case("no image", with_graph(&|g| g.input.clear())),
        case("no output", with_graph(&|g| g.output.clear())),
        case("no node", with_graph(&|g| g.node.clear())),
        case("nothing", with_graph(&|g| *g = Graph::default())),
        case("the output twice", with_graph(&|g| g.output.push(g.output[0].clone()))),
        case(
            "an output that no node writes",
            with_graph(&|g| g.output = vec![value("gone")]),
        ),
        case("an output without a name", with_graph(&|g| g.output = vec![value("")])),
        case("the image as output", with_graph(&|g| g.output = vec![value("image")])),
        case("a constant as output", with_graph(&|g| g.output = vec![value("ratio")])),
        case("an image without a name", with_graph(&|g| g.input[0].name = None)),
        case(
            "our own names",
            with_graph(&|g| {
                g.node
                    .insert(0, node("Identity", &["image"], &[crate::operator::SAMPLE]));
            }),
        ),
        case("a graph in reverse", with_graph(&|g| g.node.reverse())),
    ];
    all_end(cases);
}

#[test]
fn tensors_and_operators_of_any_name_end() {
    let with_graph = |change: &dyn Fn(&mut Graph)| {
        let mut all = dropped(vec![node("Relu", &["image"], &["x"])]);
        change(graph(&mut all));
        all
    };
    let mut cases = Vec::new();
    for name in ["", "\0", "/", "\u{202e}", "a\nb", "mcdrop::shape::y", "mcdrop::site::0"]
    {
        let all = with_graph(&|g| {
            g.node[0].output = vec![name.to_owned()];
            g.node[1].input[0] = name.to_owned();
        });
        cases.push((format!("a tensor called {name:?}"), all));
    }
    for operator in ["", "\0", "Dropout ", "dropout", "own::Dropout"] {
        let all = with_graph(&|g| g.node[1].op_type = Some(operator.to_owned()));
        cases.push((format!("an operator called {operator:?}"), all));
    }
    cases.push(case("no operator", with_graph(&|g| g.node[1].op_type = None)));
    let long = "long".repeat(1 << 20);
    cases.push(case(
        "a long operator",
        with_graph(&|g| g.node[0].op_type = Some(long.clone())),
    ));
    cases.push(case("a long name", with_graph(&|g| g.node[1].name = Some(long.clone()))));
    all_end(cases);
}

#[test]
fn operators_of_mcdrop_in_a_file_are_refused() {
    let ours = |ordinal| {
        let ordinal = Attribute::int("ordinal", ordinal);
        let drawn = with(node("Dropout", &["image"], &["x"]), ordinal);
        Node { domain: Some(crate::operator::DOMAIN.to_owned()), ..drawn }
    };
    let mut cases = Vec::new();
    for ordinal in [0, 1, -1, i64::MAX, i64::MIN] {
        cases.push((format!("number {ordinal}"), dropped(vec![ours(ordinal)])));
    }
    let hidden = body("then_branch", vec![ours(0)], &["x"]);
    let branch = with(node("If", &["truth"], &["x"]), hidden);
    cases.push(case("in a subgraph", dropped(vec![branch])));
    let mut in_function = dropped(vec![call("F", "", &["image"], &["x"])]);
    in_function.functions = vec![function("F", &["image"], &["x"], vec![ours(0)])];
    cases.push(case("in a function", in_function));
    cases.push(case(
        "a tensor of ours",
        dropped(vec![
            node("Relu", &["image"], &[crate::operator::SAMPLE]),
            node("Relu", &[crate::operator::SAMPLE], &["x"]),
        ]),
    ));
    for (name, end) in all_end(cases) {
        let End::Refused(text) = end else { panic!("{name} was planned") };
        assert!(text.contains("mcdrop"), "{name}: {text}");
    }
}

#[test]
fn bodies_that_read_themselves_or_stand_in_the_wrong_place_end() {
    let live = |x: &str, y: &str| node("Dropout", &[x, "ratio", "truth"], &[y]);
    let branch = |nodes: Vec<Node>, outputs: &[&str]| {
        let held = with(
            node("If", &["truth"], &["x"]),
            body("then_branch", nodes.clone(), outputs),
        );
        with(held, body("else_branch", nodes, outputs))
    };
    let mut cases = vec![
        case(
            "a subgraph that reads its own node",
            dropped(vec![branch(vec![live("x", "z")], &["z"])]),
        ),
        case(
            "a subgraph that writes what its node writes",
            dropped(vec![branch(vec![live("image", "x")], &["x"])]),
        ),
        case(
            "a subgraph that writes the image",
            dropped(vec![branch(vec![live("image", "image")], &["image"])]),
        ),
        case(
            "a subgraph without outputs",
            dropped(vec![branch(vec![live("image", "z")], &[])]),
        ),
        case(
            "a subgraph whose output no node writes",
            dropped(vec![branch(vec![live("image", "z")], &["gone"])]),
        ),
        case("an empty subgraph", dropped(vec![branch(vec![], &[])])),
        case(
            "a subgraph that reads itself",
            dropped(vec![branch(vec![live("z", "z")], &["z"])]),
        ),
    ];
    for operator in OPERATORS {
        for name in [
            "value",
            "ratio",
            "axis",
            "shape",
            "body",
            "then_branch",
            "to",
            "seed",
            "group",
        ] {
            let held = body(name, vec![live("image", "z")], &["z"]);
            let odd = with(node(operator, &["image", "ratio", "truth"], &["x"]), held);
            let graphs = Attribute {
                graphs: vec![made(vec![live("image", "z")], &["z"]); 3],
                ..Attribute::empty(name, AttributeType::Graphs)
            };
            cases
                .push((format!("{operator} with a graph as {name}"), dropped(vec![odd])));
            let odd = with(node(operator, &["image", "ratio", "truth"], &["x"]), graphs);
            cases.push((format!("{operator} with graphs as {name}"), dropped(vec![odd])));
        }
    }
    all_end(cases);
}

#[test]
fn functions_that_are_nothing_end() {
    let calls = || vec![call("F", "", &["image"], &["x"])];
    let of = |functions| {
        let mut all = dropped(calls());
        all.functions = functions;
        all
    };
    let drop = || node("Dropout", &["x", "r", "t"], &["y"]);
    let f = |nodes| function("F", &["x"], &["y"], nodes);
    let mut cases = vec![
        case("empty", of(vec![f(vec![])])),
        case("nameless", of(vec![crate::onnx::proto::Function::default()])),
        case("twice", of(vec![f(vec![drop()]), f(vec![drop()])])),
        case("of itself", of(vec![f(vec![call("F", "", &["x"], &["y"])])])),
        case("with inputs from nowhere", of(vec![f(vec![drop()])])),
    ];
    let mut standard = of(vec![f(vec![drop()])]);
    standard.functions[0].domain = None;
    standard.functions[0].name = Some("Dropout".to_owned());
    cases.push(case("a Dropout of its own, which calls itself", standard));
    let mut versions = of(vec![f(vec![drop()])]);
    versions.functions[0].opset_import = vec![import("", i64::MAX)];
    cases.push(case("of a huge operator set", versions));
    let mut given = of(vec![f(vec![with(drop(), Attribute::float("ratio", f32::NAN))])]);
    given.functions[0].attribute_proto = vec![Attribute {
        ref_attr_name: Some("ratio".to_owned()),
        ..Attribute::empty("ratio", AttributeType::Float)
    }];
    cases.push(case("a default that refers to itself", given));
    all_end(cases);
}
