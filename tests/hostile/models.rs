use mcdrop::graph::{Plan, ScoresOption};
use mcdrop::onnx::Model;

use super::*;

/// A protobuf field of bytes.
fn field(number: u64, content: &[u8]) -> Vec<u8> {
    [&integer(number << 3 | 2)[..], &integer(content.len() as u64), content].concat()
}

/// A protobuf field of a number.
fn number(field: u64, value: u64) -> Vec<u8> {
    [integer(field << 3), integer(value)].concat()
}

fn integer(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 128 {
        bytes.push((value & 127) as u8 | 128);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

fn node(op: &str, inputs: &[&str], output: &str, domain: &str) -> Vec<u8> {
    let mut bytes: Vec<u8> =
        inputs.iter().flat_map(|input| field(1, input.as_bytes())).collect();
    bytes.extend(field(2, output.as_bytes()));
    bytes.extend(field(3, output.as_bytes()));
    bytes.extend(field(4, op.as_bytes()));
    bytes.extend(field(7, domain.as_bytes()));
    bytes
}

fn tensor(name: &str, sizes: &[u64], kind: u64, raw: &[u8]) -> Vec<u8> {
    let sizes: Vec<u8> = sizes.iter().flat_map(|&size| number(1, size)).collect();
    let parts = [sizes, number(2, kind), field(8, name.as_bytes()), field(9, raw)];
    parts.concat()
}

fn value(name: &str, channels: u64) -> Vec<u8> {
    let named = |name: &str| field(1, &field(2, name.as_bytes()));
    let shape = [named("n"), field(1, &number(1, channels)), named("h"), named("w")];
    let kind = [number(1, 1), field(2, &shape.concat())].concat();
    [field(1, name.as_bytes()), field(2, &field(1, &kind))].concat()
}

/// A model `image -> 1x1 convolution -> nodes -> y` with functions.
fn model_of(nodes: &[Vec<u8>], functions: &[Vec<u8>]) -> Vec<u8> {
    let weights: Vec<u8> = (0..12).flat_map(|i| (0.1 * i as f32).to_le_bytes()).collect();
    let mut graph = field(1, &node("Conv", &["x", "w"], "c", ""));
    graph.extend(nodes.iter().flat_map(|node| field(1, node)));
    graph.extend(field(2, b"g"));
    graph.extend(field(5, &tensor("r", &[], 1, &0.5_f32.to_le_bytes())));
    graph.extend(field(5, &tensor("t", &[], 9, &[1])));
    graph.extend(field(5, &tensor("w", &[4, 3, 1, 1], 1, &weights)));
    graph.extend(field(11, &value("x", 3)));
    graph.extend(field(12, &value("y", 4)));
    let import = |domain: &str, version| {
        field(8, &[field(1, domain.as_bytes()), number(2, version)].concat())
    };
    let mut model =
        [number(1, 8), field(7, &graph), import("", 17), import("l", 1)].concat();
    model.extend(functions.iter().flat_map(|function| field(25, function)));
    model
}

/// A function `a -> b` of these nodes.
fn function(name: &str, nodes: &[Vec<u8>]) -> Vec<u8> {
    let import = |domain: &str, version| {
        field(9, &[field(1, domain.as_bytes()), number(2, version)].concat())
    };
    let head = [field(1, name.as_bytes()), field(4, b"a"), field(5, b"b")].concat();
    let nodes: Vec<u8> = nodes.iter().flat_map(|node| field(7, node)).collect();
    [head, nodes, import("", 17), import("l", 1), field(10, b"l")].concat()
}

/// Functions `F0` to `Fn`, each of which calls the next `times` times.
fn tower(levels: usize, times: usize) -> Vec<Vec<u8>> {
    let mut functions: Vec<Vec<u8>> = (0..levels)
        .map(|level| {
            let callee = format!("F{}", level + 1);
            let names: Vec<String> = (1..times).map(|i| format!("t{i}")).collect();
            let mut names: Vec<&str> = names.iter().map(String::as_str).collect();
            names.insert(0, "a");
            names.push("b");
            let calls: Vec<_> = names
                .windows(2)
                .map(|two| node(&callee, &[two[0]], two[1], "l"))
                .collect();
            function(&format!("F{level}"), &calls)
        })
        .collect();
    functions.push(function(&format!("F{levels}"), &[node("Identity", &["a"], "b", "")]));
    functions
}

fn opened(content: &[u8]) -> Result<Plan, mcdrop::Error> {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("model.onnx");
    fs::write(&path, content).unwrap();
    Plan::new(Model::open(&path)?, None, ScoresOption::Auto)
}

#[test]
fn functions_that_multiply_are_counted_before_they_are_run() {
    let nodes =
        [node("F0", &["c"], "d", "l"), node("Dropout", &["d", "r", "t"], "y", "")];
    let inside = [node("F0", &["c"], "y", "l")];
    for (levels, times) in [(14, 2), (40, 2), (9, 3), (5, 8), (2, 200), (100, 2)] {
        let started = Instant::now();
        let error = opened(&model_of(&nodes, &tower(levels, times))).unwrap_err();
        assert!(error.to_string().contains("with all calls replaced"), "{error}");
        assert!(error.hint().is_some());
        // The dropout is in the last function, so that mcdrop itself would inline all.
        let mut functions = tower(levels, times);
        let last = [node("Dropout", &["a", "r", "t"], "b", "")];
        *functions.last_mut().unwrap() = function(&format!("F{levels}"), &last);
        assert!(opened(&model_of(&inside, &functions)).is_err());
        assert!(started.elapsed() < Duration::from_secs(20));
    }
    // A network whose layers are functions of functions.
    for (levels, times) in [(3, 12), (10, 2), (1, 1000)] {
        let plan = opened(&model_of(&nodes, &tower(levels, times)));
        assert!(plan.is_ok(), "{levels} {times}: {:?}", plan.err());
    }
}

#[test]
fn many_sites_are_probed_in_groups_with_the_same_result() {
    let scratch = scratch();
    let path = scratch.path();
    let chain = |n: usize| {
        let names: Vec<String> = (0..n).map(|i| format!("d{i}")).collect();
        let mut names: Vec<&str> = names.iter().map(String::as_str).collect();
        names.insert(0, "c");
        let mut nodes: Vec<Vec<u8>> = names
            .windows(2)
            .map(|two| node("Dropout", &[two[0], "r", "t"], two[1], ""))
            .collect();
        nodes.push(node("Identity", &[names[n]], "y", ""));
        model_of(&nodes, &[])
    };
    for n in [3, 64, 65, 200, 1000] {
        fs::write(path.join("model.onnx"), chain(n)).unwrap();
        let out = format!("out{n}");
        let typed = ["predict", "model.onnx", "in", "-o", &out, "--samples", "2", "-v"];
        let (code, said) = mcdrop(path, &[&typed[..], &["--preset", "unit"]].concat());
        assert_eq!(code, 0, "{n}: {said}");
        // The batch axis of every site was proven, so that samples run together.
        let record = fs::read(path.join(out).join("run.json")).unwrap();
        let record: serde_json::Value = serde_json::from_slice(&record).unwrap();
        assert_eq!(record["sites"].as_array().unwrap().len(), n);
        let reason = &record["sampling"]["rows_per_run_limited_by"];
        assert!(reason.is_null(), "{n}: {reason}");
    }
}

#[cfg(unix)]
#[test]
fn models_that_are_pipes_or_devices_are_refused() {
    let scratch = scratch();
    let path = scratch.path();
    make_pipe(&path.join("pipe.onnx"));
    std::os::unix::fs::symlink("/dev/zero", path.join("zero.onnx")).unwrap();
    for model in ["pipe.onnx", "zero.onnx", "/dev/zero", "/dev/tty0", "in"] {
        for typed in [
            &["inspect", model][..],
            &["predict", model, "in", "-o", "out"],
            &["convert", model, "-o", "live.onnx"],
        ] {
            let (code, said) = mcdrop(path, typed);
            assert_ne!(code, 0, "{typed:?}: {said}");
        }
    }
}

#[test]
fn a_model_that_changes_after_it_was_opened_stays_as_it_was() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("model.onnx");
    let original = fs::read(model("digits")).unwrap();
    let changes: [(&str, &dyn Fn()); 5] = [
        ("truncated", &|| fs::write(&path, "").unwrap()),
        ("removed", &|| fs::remove_file(&path).unwrap()),
        ("zeroed", &|| fs::write(&path, vec![0; original.len()]).unwrap()),
        ("cut", &|| fs::write(&path, &original[..original.len() / 2]).unwrap()),
        ("replaced", &|| fs::write(&path, fs::read(model("streets")).unwrap()).unwrap()),
    ];
    for (name, change) in changes {
        fs::write(&path, &original).unwrap();
        let opened = Model::open(&path).unwrap();
        change();
        let plan = Plan::new(opened, None, ScoresOption::Auto).unwrap();
        let runtime = mcdrop::runtime::Runtime::find(None).unwrap();
        let options = mcdrop::sampling::SamplingOptions::default();
        let probed =
            mcdrop::sampling::ProbedModel::probe(plan, &runtime, options, (8, 8));
        assert_eq!(probed.unwrap().output_layout().n_classes(), 10, "{name}");
    }
}

#[test]
fn models_that_end_anywhere_are_an_error_and_external_data_too() {
    let scratch = scratch();
    let path = scratch.path();
    for name in ["digits-dynamo.onnx", "digits-dynamo.onnx.data"] {
        let original = fs::read(fixture::path(&format!("models/{name}"))).unwrap();
        for part in [0, 1, original.len() / 3, original.len() - 1] {
            for file in ["digits-dynamo.onnx", "digits-dynamo.onnx.data"] {
                let from = fixture::path(&format!("models/{file}"));
                fs::copy(from, path.join(file)).unwrap();
            }
            fs::write(path.join(name), &original[..part]).unwrap();
            let typed =
                ["predict", "digits-dynamo.onnx", "in", "-o", "out", "--preset", "unit"];
            let (code, said) = mcdrop(path, &[&typed[..], &["--resize", "8x8"]].concat());
            assert_eq!(code, 1, "{name} of {part} bytes: {said}");
            assert!(said.contains("hint: "), "{said}");
        }
    }
}
