//! Graphs that are long, wide or deep: time and memory grow with the file, not with its square.

use super::super::made::{body, call, function, node, ones, with};
use super::{Case, all_end, dropped, graph};
use crate::onnx::proto::{self, Node};

const MANY: usize = 20_000;

fn chain(operator: &str, from: &str, to: &str) -> Vec<Node> {
    let name = |i: usize| match i {
        0 => from.to_owned(),
        MANY => to.to_owned(),
        i => format!("{to}{i}"),
    };
    (0..MANY).map(|i| node(operator, &[&name(i)], &[&name(i + 1)])).collect()
}

#[test]
fn long_chains_end() {
    let mut cases: Vec<Case> = Vec::new();
    for operator in ["Relu", "Identity", "Cast", "Reshape", "Softmax", "MatMul", "Expand"]
    {
        cases.push((
            format!("a chain of {operator}"),
            dropped(chain(operator, "image", "x")),
        ));
        let mut reverse = dropped(chain(operator, "image", "x"));
        graph(&mut reverse).node.reverse();
        cases.push((format!("a chain of {operator} in reverse"), reverse));
        for (input, from) in [(1, "ratio"), (2, "truth")] {
            let mut all = dropped(chain(operator, from, "c"));
            let nodes = &mut graph(&mut all).node;
            let last = nodes.len() - 1;
            nodes[last].input[input] = "c".to_owned();
            nodes.push(node("Relu", &["image"], &["x"]));
            cases.push((format!("a chain of {operator} to {from}"), all));
        }
        let mut shape = chain(operator, "image", "s");
        shape.push(node("RandomUniformLike", &["s"], &["u"]));
        shape.push(node("Less", &["u", "ratio"], &["m"]));
        shape.push(node("Mul", &["image", "m"], &["x"]));
        cases.push((
            format!("a draw of the shape of a chain of {operator}"),
            dropped(shape),
        ));
    }
    all_end(cases);
}

#[test]
fn many_draws_end() {
    let mut cases: Vec<Case> = Vec::new();
    for (name, make) in [
        ("dropouts", vec![node("Dropout", &["@", "ratio", "truth"], &["#"])]),
        (
            "masks",
            vec![
                node("RandomUniformLike", &["@"], &["u#"]),
                node("Less", &["u#", "ratio"], &["m#"]),
                node("Mul", &["@", "m#"], &["#"]),
            ],
        ),
        (
            "noise",
            vec![
                node("RandomNormalLike", &["@"], &["n#"]),
                node("Add", &["@", "n#"], &["#"]),
            ],
        ),
        (
            "bodies",
            vec![with(
                node("If", &["truth"], &["#"]),
                body(
                    "then_branch",
                    vec![node("Dropout", &["@", "ratio", "truth"], &["z"])],
                    &["z"],
                ),
            )],
        ),
        (
            "masks that are read",
            vec![node("Dropout", &["@", "ratio", "truth"], &["#", "k#"])],
        ),
    ] {
        let count = MANY / 2;
        let mut nodes = Vec::new();
        for i in 0..count {
            let from = if i == 0 { "image".to_owned() } else { format!("t{i}") };
            let to = if i + 1 == count { "x".to_owned() } else { format!("t{}", i + 1) };
            let text = |name: &String| name.replace('@', &from).replace('#', &to);
            nodes.extend(make.iter().cloned().map(|mut node| {
                node.input = node.input.iter().map(text).collect();
                node.output = node.output.iter().map(text).collect();
                for held in node.attribute.iter_mut().filter_map(|a| a.g.as_deref_mut()) {
                    held.node[0].input[0] = text(&held.node[0].input[0]);
                }
                node
            }));
        }
        cases.push((format!("many {name}"), dropped(nodes)));
    }
    all_end(cases);
}

#[test]
fn many_places_for_dropout_end() {
    let mut nodes = Vec::new();
    let count = MANY / 8;
    let name = |i: usize| if i == 0 { "image".to_owned() } else { format!("t{i}") };
    for i in 0..count {
        let (from, to) = (name(i), name(i + 1));
        let (linear, active) = (format!("l{i}"), format!("a{i}"));
        nodes.push(node("MatMul", &[&from, "ratio"], &[&linear]));
        nodes.push(node("Relu", &[&linear], &[&active]));
        nodes.push(node("Add", &[&from, &active], &[&to]));
    }
    nodes.push(node("Identity", &[&name(count)], &["x"]));
    let mut many = dropped(nodes.clone());
    let shared = nodes.iter().map(|node| node.output[0].clone());
    let outputs = shared.map(|name| super::super::made::value(&name)).collect();
    graph(&mut many).output = outputs;
    all_end(vec![
        ("many layers".to_owned(), dropped(nodes)),
        ("many outputs".to_owned(), many),
    ]);
}

#[test]
fn wide_nodes_end() {
    let names: Vec<String> = (0..MANY).map(|i| format!("t{i}")).collect();
    let wide: Vec<&str> = names.iter().map(String::as_str).collect();
    let same = vec!["image"; MANY];
    let mut cases: Vec<Case> = Vec::new();
    for operator in ["Concat", "Sum", "Dropout", "If", "RandomUniformLike", "Where"] {
        for (inputs, outputs) in [
            (&wide, &["x"][..]),
            (&same, &["x"][..]),
            (&wide, &wide),
            (&vec!["image"], &wide),
        ] {
            let name = format!("{operator} of {} and {}", inputs.len(), outputs.len());
            let nodes = vec![
                node(operator, inputs, outputs),
                node("Relu", &[outputs[0]], &["x"]),
            ];
            cases.push((name, dropped(nodes)));
        }
    }
    // Sizes put together from sizes put together: their number doubles and more at each step.
    for (width, depth) in [(2, 14), (9, 14), (40, 14), (9, 40)] {
        let mut nodes = vec![node("Shape", &["image"], &["s0"])];
        for i in 0..depth {
            let from = format!("s{i}");
            nodes.push(node(
                "Concat",
                &vec![from.as_str(); width],
                &[&format!("s{}", i + 1)],
            ));
        }
        nodes.push(ones(&format!("s{depth}"), "o"));
        nodes.push(node("Dropout", &["o", "ratio", "truth"], &["m"]));
        nodes.push(node("RandomUniformLike", &["o"], &["u"]));
        nodes.push(node("Less", &["u", "ratio"], &["b"]));
        nodes.push(node("Mul", &["image", "m"], &["z"]));
        nodes.push(node("Mul", &["z", "b"], &["x"]));
        cases.push((
            format!("sizes that grow by {width} at each of {depth} steps"),
            dropped(nodes),
        ));
    }
    all_end(cases);
}

#[test]
fn deep_bodies_and_functions_end() {
    let mut cases: Vec<Case> = Vec::new();
    for depth in [20, 31, 200] {
        let live = |y: &str| node("Dropout", &["image", "ratio", "truth"], &[y]);
        let mut inner = live("x");
        for _ in 0..depth {
            inner = with(
                node("If", &["truth"], &["x"]),
                body("then_branch", vec![inner], &["x"]),
            );
        }
        cases.push((format!("bodies {depth} deep"), dropped(vec![inner])));
    }
    for depth in [100, 1000, MANY] {
        let mut all = dropped(vec![call("F0", "", &["image"], &["x"])]);
        let level = |i: usize| {
            let name = format!("F{}", i + 1);
            function(
                &format!("F{i}"),
                &["x"],
                &["y"],
                vec![call(&name, "a", &["x"], &["y"])],
            )
        };
        all.functions = (0..depth).map(level).collect();
        let last = node("RandomNormalLike", &["x"], &["y"]);
        all.functions.push(function(&format!("F{depth}"), &["x"], &["y"], vec![last]));
        cases.push((format!("functions {depth} deep"), all));
    }
    cases.extend(
        [13, 40].map(|depth| {
            (format!("functions that double {depth} times"), doubled(depth))
        }),
    );
    all_end(cases);
}

/// One call that becomes many nodes.
fn doubled(depth: usize) -> proto::Model {
    let mut twice = dropped(vec![call("F0", "", &["image"], &["x"])]);
    let level = |i: usize| {
        let name = format!("F{}", i + 1);
        let calls =
            vec![call(&name, "a", &["x"], &["z"]), call(&name, "b", &["z"], &["y"])];
        function(&format!("F{i}"), &["x"], &["y"], calls)
    };
    twice.functions = (0..depth).map(level).collect();
    let last = node("RandomNormalLike", &["x"], &["y"]);
    twice.functions.push(function(&format!("F{depth}"), &["x"], &["y"], vec![last]));
    twice
}
