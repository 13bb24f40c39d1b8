//! The guard of converted files: operators that are broken on purpose turn every output into NaN.

use std::collections::HashSet;

use super::*;
use crate::convert::check::ConversionCheck;
use crate::onnx::ElementType::{F64, I32, I64, U32, U64};

/// Changes a graph as a faulty runtime would compute it.
type Fault = fn(&mut proto::Graph);

/// Deliberate faults of a runtime, by name.
const FAULTS: [(&str, Fault); 9] = [
    ("products in 32 bits", |graph| results_in(graph, "Mul", I32)),
    ("sums in 32 bits", |graph| results_in(graph, "Add", I32)),
    ("matrix products in 32 bits", |graph| results_in(graph, "MatMul", I32)),
    ("products as floating-point numbers", |graph| results_in(graph, "Mul", F64)),
    ("words cast through 32 bits", |graph| casts_to_words_through(graph, U32)),
    ("comparisons in 32 bits", compare_in_32_bits),
    ("shifts by one bit less", |graph| constants(graph, U64, |word| word - 1)),
    ("constants in 32 bits", |graph| {
        constants(graph, I64, |word| i64::from(word as i32).cast_unsigned());
    }),
    ("differences instead of sums", |graph| {
        let integers = integers(graph);
        for node in &mut graph.node {
            if node.is("Add") && integers.contains(&node.output[0]) {
                node.op_type = Some("Sub".to_owned());
            }
        }
    }),
];

/// Returns the names of the 64-bit signed integers of a graph.
fn integers(graph: &proto::Graph) -> HashSet<String> {
    let constants =
        graph.initializer.iter().filter(|tensor| tensor.element_type() == I64);
    let mut found: HashSet<String> =
        constants.filter_map(|tensor| tensor.name.clone()).collect();
    found.extend(["sample", "seed", "image_key"].map(str::to_owned));
    for node in &graph.node {
        let like = match node.op() {
            "Cast" | "Shape" => None,
            "Where" => node.input.get(1),
            _ => node.input.first(),
        };
        let is_integer = match (node.op(), like) {
            ("Cast", _) => {
                node.attribute[0].i.is_some_and(|to| to == i64::from(I64.number()))
            }
            ("Shape", _) => true,
            ("Less" | "Equal" | "Size", _) => false,
            (_, like) => like.is_some_and(|name| found.contains(name)),
        };
        if is_integer {
            found.extend(node.output.iter().cloned());
        }
    }
    found
}

fn cast(input: &str, output: &str, to: ElementType) -> proto::Node {
    proto::Node {
        op_type: Some("Cast".to_owned()),
        input: vec![input.to_owned()],
        output: vec![output.to_owned()],
        attribute: vec![proto::Attribute::int("to", i64::from(to.number()))],
        ..proto::Node::default()
    }
}

/// Casts integer results of an operator to a type and back.
fn results_in(graph: &mut proto::Graph, operator: &str, through: ElementType) {
    let integers = integers(graph);
    for mut node in std::mem::take(&mut graph.node) {
        let output = node.output[0].clone();
        if !node.is(operator) || !integers.contains(&output) {
            graph.node.push(node);
            continue;
        }
        let [whole, part] = ["whole", "part"].map(|name| format!("{output}/{name}"));
        node.output[0].clone_from(&whole);
        let casts = [cast(&whole, &part, through), cast(&part, &output, I64)];
        graph.node.push(node);
        graph.node.extend(casts);
    }
}

/// Casts integers to another type before they become words.
fn casts_to_words_through(graph: &mut proto::Graph, through: ElementType) {
    for mut node in std::mem::take(&mut graph.node) {
        let is_to_word = node.is("Cast")
            && node.attribute[0].i.is_some_and(|to| to == i64::from(U64.number()));
        if is_to_word {
            let part = format!("{}/part", node.output[0]);
            graph.node.push(cast(&node.input[0], &part, through));
            node.input[0] = part;
        }
        graph.node.push(node);
    }
}

fn compare_in_32_bits(graph: &mut proto::Graph) {
    let integers = integers(graph);
    for mut node in std::mem::take(&mut graph.node) {
        if node.is("Less") && integers.contains(&node.input[0]) {
            for i in 0..2 {
                let part = format!("{}/part{i}", node.output[0]);
                graph.node.push(cast(&node.input[i], &part, I32));
                node.input[i] = part;
            }
        }
        graph.node.push(node);
    }
}

/// Changes every constant of a type.
fn constants(
    graph: &mut proto::Graph,
    element_type: ElementType,
    change: fn(u64) -> u64,
) {
    for tensor in &mut graph.initializer {
        if tensor.element_type() == element_type {
            let mut content = tensor.raw_data.as_ref().unwrap().to_vec();
            for word in content.chunks_exact_mut(8) {
                let changed = change(u64::from_le_bytes(word.try_into().unwrap()));
                word.copy_from_slice(&changed.to_le_bytes());
            }
            tensor.raw_data = Some(content.into());
        }
    }
}

/// Returns the guard in the metadata of a converted file.
fn guard(model: &Model) -> Json {
    let entry =
        model.shell.metadata_props.iter().find(|entry| {
            entry.key.as_deref().is_some_and(|key| key.starts_with("mcdrop"))
        });
    let entry: Json =
        serde_json::from_str(entry.unwrap().value.as_ref().unwrap()).unwrap();
    entry["guard"].clone()
}

/// Returns a file with a fault, whose last output holds the values before the guard.
fn broken(model: &Model, fault: Fault) -> Vec<u8> {
    let mut graph = model.graph.clone();
    fault(&mut graph);
    let guard = guard(model);
    let mut unguarded = graph.output[0].clone();
    unguarded.name = Some(guard["outputs"][0]["unguarded"].as_str().unwrap().to_owned());
    graph.output.push(unguarded);
    Model::encode_messages(&model.with_graph(graph))
}

fn open(bytes: &[u8], optimization: Optimization) -> Session {
    let runtime = Runtime::find(None).unwrap();
    let options =
        SessionOptions { threads: 1, optimization, ..SessionOptions::default() };
    Session::open(&runtime, "test", bytes, &options).unwrap()
}

/// Runs samples 0 to 3 of the noise image 0 of the digits; returns all outputs.
fn run(session: &mut Session, sampler: &Sampler) -> Vec<Vec<f32>> {
    let image = sampler.model().noise(0, (8, 8)).unwrap();
    let images = Value::stack(&[&image; 4], 0).unwrap();
    let samples = Value::from_i64(&[4], vec![0, 1, 2, 3]).unwrap();
    let name = sampler.plan().image().name.clone();
    let outputs = session.run(&[(name.as_str(), &images), ("sample", &samples)]).unwrap();
    let values = outputs.iter().map(|output| output.numbers().unwrap());
    values.map(|values| values.iter().map(|&v| v as f32).collect()).collect()
}

#[test]
fn broken_integer_operators_turn_the_output_into_nan_instead_of_other_masks() {
    let digits = || plan(&fixture("models/digits.onnx"), &SiteOptions::default());
    for draws in Draws::ALL {
        let made = Converted::new(digits(), draws).unwrap();
        let sampler = sampler(digits(), draws, 0);
        let model = Model::open(&made.path()).unwrap();
        let mut harmless = Vec::new();
        for level in [Optimization::Off, Optimization::All] {
            let right = run(&mut open(&broken(&model, |_| ()), level), &sampler);
            assert!(right[0].iter().all(|value| value.is_finite()));
            assert_eq!(right[0], right[1]);
            for (name, fault) in FAULTS {
                let found = run(&mut open(&broken(&model, fault), level), &sampler);
                assert!(found[0].iter().all(|value| value.is_nan()), "{name}, {draws:?}");
                assert!(found[1].iter().all(|value| value.is_finite()), "{name}");
                if far(&right[1..], &found[1..]) < 1e-3 {
                    harmless.push(name);
                }
            }
        }
        // Stratified draws compare no words.
        let compares = draws == Draws::Independent;
        harmless.retain(|name| compares || *name != "comparisons in 32 bits");
        assert!(harmless.is_empty(), "{draws:?}: {harmless:?}");
    }
}

#[test]
fn the_check_of_a_conversion_names_the_guard_if_it_does_not_pass() {
    let digits = || plan(&fixture("models/digits.onnx"), &SiteOptions::default());
    let mut sampler = sampler(digits(), Draws::Stratified, 0);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("broken.onnx");
    let runtime = Runtime::find(None).unwrap();
    let options = options(Draws::Stratified);
    let (messages, entry) = assemble::assemble(sampler.model(), &options, false).unwrap();
    std::fs::write(&file, Model::encode_messages(&messages)).unwrap();
    let model = Model::open(&file).unwrap();
    let mut check = |bytes: Vec<u8>| {
        std::fs::write(&file, bytes).unwrap();
        let check = ConversionCheck::new(&mut sampler, &runtime, &entry, (8, 8), 1);
        check.run_all(&file, &options)
    };
    check(broken(&model, |_| ())).unwrap();
    let error = check(broken(&model, FAULTS[0].1)).unwrap_err();
    assert!(error.to_string().contains("64-bit integers"), "{error}");
    assert!(error.hint().unwrap().contains("ONNX Runtime"), "{error}");
}

#[test]
fn every_output_is_guarded_and_integers_become_empty() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.onnx");
    let mut model = Model::open(&fixture("models/digits.onnx")).unwrap();
    let scores = model.graph.output[0].name.clone().unwrap();
    let mut class = cast(&scores, "class", I64);
    class.op_type = Some("ArgMax".to_owned());
    class.attribute =
        vec![proto::Attribute::int("axis", 1), proto::Attribute::int("keepdims", 0)];
    model.graph.node.push(class);
    model.graph.output.push(declared("class", I64, &[None]));
    std::fs::write(&path, model.encode()).unwrap();
    let open_plan = || {
        let model = Model::open(&path).unwrap();
        Plan::new(model, Some(&scores), ScoresOption::Logits).unwrap()
    };
    let made = Converted::new(open_plan(), Draws::Stratified).unwrap();
    let sampler = sampler(open_plan(), Draws::Stratified, 0);
    let model = Model::open(&made.path()).unwrap();
    let guard = guard(&model);
    let kinds = [0, 1].map(|i| guard["outputs"][i]["otherwise"].clone());
    assert_eq!(kinds, ["nan", "empty"]);
    let found = run(&mut open(&broken(&model, |_| ()), Optimization::All), &sampler);
    assert!(found[0].iter().all(|value| value.is_finite()) && found[1].len() == 4);
    let found = run(&mut open(&broken(&model, FAULTS[0].1), Optimization::All), &sampler);
    assert!(found[0].iter().all(|value| value.is_nan()) && found[1].is_empty());
}

#[test]
fn outputs_of_half_precision_become_nan() {
    let half = || plan(&fixture("fixtures/traps/half.onnx"), &SiteOptions::default());
    let made = Converted::new(half(), Draws::Stratified).unwrap();
    let sampler = sampler(half(), Draws::Stratified, 0);
    let model = Model::open(&made.path()).unwrap();
    let input = model_input(sampler.plan()).unwrap();
    let size = (input.height.unwrap_or(SIZE.0), input.width.unwrap_or(SIZE.1));
    let image = sampler.model().noise(0, size).unwrap();
    let sample = Value::from_i64(&[1], vec![0]).unwrap();
    let name = sampler.plan().image().name.as_str();
    let run = |fault: Fault| {
        let mut session = open(&broken(&model, fault), Optimization::All);
        let outputs = session.run(&[(name, &image), ("sample", &sample)]).unwrap();
        outputs[0].numbers().unwrap()
    };
    assert!(run(|_| ()).iter().all(|value| value.is_finite()));
    assert!(run(FAULTS[0].1).iter().all(|value| value.is_nan()));
}

#[test]
fn a_model_with_embedded_sampling_is_guarded_by_its_image() {
    let runtime = Runtime::find(None).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("uncertain.onnx");
    let digits = plan(&fixture("models/digits.onnx"), &SiteOptions::default());
    let image = digits.image().name.clone();
    let sampling = EmbeddedSamplingOptions {
        conversion: options(Draws::Stratified),
        samples: 31,
        seed: 0,
        measures: Some(Vec::new()),
        ..EmbeddedSamplingOptions::default()
    };
    export_with_embedded_sampling(digits, &runtime, &sampling, &target).unwrap();
    let model = Model::open(&target).unwrap();
    let outputs = guard(&model)["outputs"].as_array().unwrap().len();
    assert_eq!(outputs, 1 + crate::measure::MEASURES.len());
    let pixels = Value::from_f32(&[1, 1, 8, 8], vec![0.5; 64]).unwrap();
    let mut stopped = Vec::new();
    for (name, fault) in FAULTS {
        let mut session = open(&broken(&model, fault), Optimization::All);
        // Some wrong words lead outside of a table, which stops the run.
        let Ok(found) = session.run(&[(image.as_str(), &pixels)]) else {
            stopped.push(name);
            continue;
        };
        for output in &found[..outputs] {
            let values = output.to_f32().unwrap();
            assert!(values.iter().all(|value| value.is_nan()), "{name}");
        }
    }
    assert!(stopped.len() <= 3, "{stopped:?}");
}
