//! Compares converted files in plain ONNX Runtime with the sampler and with the definition of the
//! masks.

use std::path::{Path, PathBuf};

use serde_json::Value as Json;

use super::conversion::DrawContext;
use super::draw_location::DrawLocation;
use super::dropout::{Tables, dropout};
use super::keys::{BatchTensors, GraphInputs, KeyTensors};
use super::*;
use crate::graph::{
    ActiveSite, HeadOptions, Mask, ScoresOption, SiteAxis, SiteOptions, StochasticNode,
};
use crate::onnx::ElementType::F32;
use crate::onnx::build::{NodeBuilder, UniqueNames};
use crate::onnx::{ElementType, Model, declared, proto};
use crate::random::site_key;
use crate::runtime::{Optimization, Session, SessionOptions, Value};

mod exports;
mod files;
mod guard;
mod masks;

const KEY: i64 = 0x0123_4567_89ab_cdef;
const SIZE: (usize, usize) = (16, 16);

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn plan(path: &Path, options: &SiteOptions) -> Plan {
    let output = path.ends_with("two-outputs.onnx").then_some("logits");
    let heads = |scores| HeadOptions::of_scores(output, scores);
    let model = Model::open(path).unwrap();
    Plan::with_sites(model, &heads(ScoresOption::Logits), options)
        .or_else(|_| {
            let model = Model::open(path).unwrap();
            Plan::with_sites(model, &heads(ScoresOption::Auto), options)
        })
        .unwrap()
}

fn options(draws: Draws) -> ConvertOptions {
    ConvertOptions {
        draws,
        size: SIZE,
        overwrite: true,
        threads: 1,
        ..Default::default()
    }
}

/// A converted file, and the sampler of the original model.
struct Converted {
    folder: tempfile::TempDir,
    made: ConversionSummary,
}

impl Converted {
    fn new(plan: Plan, draws: Draws) -> Result<Self> {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("converted.onnx");
        let runtime = Runtime::find(None).unwrap();
        let made = convert(plan, &runtime, &options(draws), &target)?;
        Ok(Self { folder, made })
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("converted.onnx")
    }

    fn session(&self, optimization: Optimization) -> Session {
        let runtime = Runtime::find(None).unwrap();
        let options =
            SessionOptions { threads: 1, optimization, ..SessionOptions::default() };
        Session::open_file(&runtime, "test", &self.path(), &options).unwrap()
    }
}

fn sampler(plan: Plan, draws: Draws, seed: u64) -> Sampler {
    let input = model_input(&plan).unwrap();
    let size = (input.height.unwrap_or(SIZE.0), input.width.unwrap_or(SIZE.1));
    let options = SamplingOptions {
        draws,
        seed,
        threads: 1,
        batch_size: Some(3),
        ..SamplingOptions::default()
    };
    Sampler::open(plan, &Runtime::find(None).unwrap(), options, size).unwrap()
}

/// Runs a converted file on samples of the noise image 5; returns the values of all heads of each.
fn rows(
    session: &mut Session,
    sampler: &Sampler,
    (seed, key): (Option<i64>, Option<i64>),
    (samples, one): (&[i64], bool),
) -> Vec<Vec<f32>> {
    let plan = sampler.plan();
    let input = model_input(plan).unwrap();
    let size = (input.height.unwrap_or(SIZE.0), input.width.unwrap_or(SIZE.1));
    let image = sampler.model().noise(5, size).unwrap();
    let fixed = plan.image().dimensions.as_ref().and_then(|sizes| sizes[0]);
    let together = fixed.unwrap_or(if one { 1 } else { 4 });
    let mut found = Vec::new();
    for chunk in samples.chunks(together) {
        let count = fixed.unwrap_or(chunk.len());
        let mut padded = chunk.to_vec();
        padded.resize(count, -1);
        let images = Value::stack(&vec![&image; count], 0).unwrap();
        let padded = Value::from_i64(&[count], padded).unwrap();
        let seed = Value::from_i64(&[], vec![seed.unwrap_or(0)]).unwrap();
        let keys = Value::from_i64(&[count], vec![key.unwrap_or(0); count]).unwrap();
        let mut fed = vec![(plan.image().name.as_str(), &images), ("sample", &padded)];
        if seed.i64s().unwrap() != [0] {
            fed.push(("seed", &seed));
        }
        if key.is_some() {
            fed.push(("image_key", &keys));
        }
        let outputs = session.run(&fed).unwrap();
        let described = session.outputs();
        let mut values = vec![Vec::new(); chunk.len()];
        for head in plan.heads().iter() {
            let place = described.iter().position(|output| output.name == head.output);
            append_rows(&mut values, &outputs[place.unwrap()]);
        }
        found.extend(values);
    }
    found
}

fn expected(sampler: &mut Sampler, key: i64, samples: &[i64]) -> Vec<Vec<f32>> {
    let input = model_input(sampler.plan()).unwrap();
    let size = (input.height.unwrap_or(SIZE.0), input.width.unwrap_or(SIZE.1));
    let image = sampler.model().noise(5, size).unwrap();
    let mut rows = Vec::new();
    for (heads, count) in sampler.outputs_of(image, key, samples).unwrap() {
        let mut values = vec![Vec::new(); count];
        for head in &heads {
            append_rows(&mut values, head);
        }
        rows.extend(values);
    }
    rows
}

/// Appends the values of a head to those of each row.
fn append_rows(rows: &mut [Vec<f32>], head: &Value) {
    let values = head.to_f32().unwrap();
    let length = values.len() / head.shape()[0];
    for (row, head) in rows.iter_mut().zip(values.chunks(length)) {
        row.extend(head);
    }
}

/// Returns the largest difference relative to the largest value.
fn far(a: &[Vec<f32>], b: &[Vec<f32>]) -> f32 {
    assert_eq!(a.len(), b.len());
    let largest = a.iter().flatten().fold(1e-6_f32, |m, v| m.max(v.abs()));
    let pairs = a.iter().flatten().zip(b.iter().flatten());
    pairs.map(|(x, y)| (x - y).abs()).fold(0.0, f32::max) / largest
}

fn traps() -> Vec<String> {
    let text = std::fs::read_to_string(fixture("fixtures/traps/traps.json")).unwrap();
    let table: serde_json::Map<String, Json> = serde_json::from_str(&text).unwrap();
    let right = table.into_iter().filter(|(_, entry)| entry["expected"] == "right");
    right.map(|(name, _)| format!("fixtures/traps/{name}")).collect()
}

const SAMPLES: [i64; 6] = [-1, 0, 1, 30, 31, 61];

#[test]
fn rows_of_converted_files_are_those_of_the_sampler_for_all_seeds_and_keys() {
    let mut all = traps();
    all.extend(
        [
            "models/digits.onnx",
            "models/digits-dynamo.onnx",
            "models/streets.onnx",
            "models/digits_angle.onnx",
            "models/streets_depth.onnx",
        ]
        .map(str::to_owned),
    );
    let mut wrong = Vec::new();
    for name in all {
        let open = || plan(&fixture(&name), &SiteOptions::default());
        if open().heads().first().is_cut_off() {
            continue;
        }
        for draws in Draws::ALL {
            let made = match Converted::new(open(), draws) {
                Ok(made) => made,
                Err(error) => {
                    wrong.push(format!("{name}: {error}"));
                    continue;
                }
            };
            let mut session = made.session(Optimization::All);
            let one = made.made.single_image_reason.is_some();
            let coarse = name.contains("half") || name.contains("quantize");
            for (seed, key) in [(0, None), (7, Some(KEY)), (-1_i64, Some(0))] {
                let mut sampler = sampler(open(), draws, seed.cast_unsigned());
                let expected = expected(&mut sampler, key.unwrap_or(0), &SAMPLES);
                let found =
                    rows(&mut session, &sampler, (Some(seed), key), (&SAMPLES, one));
                let far = far(&expected, &found);
                if far > if coarse { 2e-2 } else { 2e-6 } {
                    wrong.push(format!("{name}, {draws:?}, seed {seed}: {far}"));
                }
                if expected[1] == expected[2] {
                    wrong.push(format!("{name}: two samples are equal"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// Describes a graph input or output of a tensor type.
fn described(name: &str, element_type: ElementType, rank: usize) -> proto::ValueInfo {
    declared(name, element_type, &vec![None; rank])
}

/// Returns a graph with one site, which drops from its input.
fn single(draws: Draws, (site, ratio): (u64, f32), iteration: i64) -> Vec<u8> {
    let mut b = NodeBuilder::new(UniqueNames::default(), 11);
    let name = str::to_owned;
    let inputs = GraphInputs {
        image: name("x"),
        sample: name("sample"),
        seed: name("seed"),
        image_key: name("image_key"),
    };
    let batch = BatchTensors::build(&mut b, &inputs, false);
    let sites = vec![1, site, 2];
    let keys = KeyTensors::build(&mut b, &batch, draws, sites, iteration == 0);
    let mut tables = Tables::default();
    let active = ActiveSite {
        site: 0,
        key: site,
        ratio,
        draw: StochasticNode::Dropout(Mask { axes: None }),
        values: crate::graph::DropoutValues::of_dropout(ratio),
        input: name("x"),
        output: name("y"),
        is_outside: true,
    };
    let counter = b.int(iteration);
    let location = DrawLocation {
        name: name("mcdrop/site"),
        axis: SiteAxis::Rows(0),
        rank: 2,
        dimensions: Vec::new(),
        element_type: F32,
        iteration: (iteration != 0).then_some(counter),
    };
    let mask = Mask { axes: None };
    let context =
        DrawContext { batch: &batch, keys: &keys, active: &active, location: &location };
    dropout(&mut b, &context, &mask, &mut tables);
    let i64s = ElementType::I64;
    let graph = proto::Graph {
        name: Some(name("single")),
        node: b.take(),
        initializer: b.constants,
        input: vec![
            described("x", F32, 2),
            described("sample", i64s, 1),
            described("seed", i64s, 0),
            described("image_key", i64s, 1),
        ],
        output: vec![described("y", F32, 2)],
        ..proto::Graph::default()
    };
    let opset = proto::OperatorSetId { domain: None, version: Some(11) };
    Model::encode_messages(&proto::Model {
        ir_version: Some(6),
        opset_import: vec![opset],
        graph: Some(graph),
        ..proto::Model::default()
    })
}

#[test]
fn masks_read_out_of_a_converted_graph_equal_the_reference_vectors() {
    let text = std::fs::read_to_string(fixture("fixtures/masks/vectors.json")).unwrap();
    let vectors: Json = serde_json::from_str(&text).unwrap();
    let runtime = Runtime::find(None).unwrap();
    let hex = |value: &Json| {
        let text = value.as_str().unwrap().strip_prefix("0x").unwrap();
        u64::from_str_radix(text, 16).unwrap()
    };
    let decimal = |value: &Json| value.as_str().unwrap().parse::<i128>().unwrap() as u64;
    for row in vectors["dropped"].as_array().unwrap() {
        let draws = Draws::by_name(row["draws"].as_str().unwrap()).unwrap();
        let ratio = f32::from_bits(hex(&row["ratio_bits"]) as u32);
        let site = site_key(row["site"].as_str().unwrap());
        let iteration = row["iteration"].as_i64().unwrap();
        let model = single(draws, (site, ratio), iteration);
        let options = SessionOptions { threads: 1, ..SessionOptions::default() };
        let mut session = Session::open(&runtime, "test", &model, &options).unwrap();
        let units = row["units"].as_u64().unwrap() as usize;
        let sample = row["sample"].as_i64().unwrap();
        // The batch element in the middle is that of the vector.
        let x = Value::from_f32(&[3, units], vec![-1.0; 3 * units]).unwrap();
        let samples = Value::from_i64(&[3], vec![sample + 1, sample, -1]).unwrap();
        let seed =
            Value::from_i64(&[], vec![decimal(&row["seed"]).cast_signed()]).unwrap();
        let image = hex(&row["image"]).cast_signed();
        let image = Value::from_i64(&[1], vec![image]).unwrap();
        let fed =
            [("x", &x), ("sample", &samples), ("seed", &seed), ("image_key", &image)];
        let y = session.run(&fed).unwrap()[0].to_f32().unwrap();
        let text = row["dropped"].as_str().unwrap();
        for unit in 0..units {
            let byte =
                u8::from_str_radix(&text[unit / 8 * 2..unit / 8 * 2 + 2], 16).unwrap();
            let kept = -crate::random::keep_scale(ratio);
            let dropped = byte >> (unit % 8) & 1 == 1;
            let value = if dropped { 0.0 } else { kept };
            assert_eq!(y[units + unit].to_bits(), f32::to_bits(value), "{row}, {unit}");
            assert_eq!(
                y[2 * units + unit].to_bits(),
                f32::to_bits(-1.0),
                "{row}, {unit}"
            );
        }
    }
}

fn node_names(graph: &proto::Graph) -> Vec<String> {
    let own = graph.node.iter().filter_map(|node| node.name.clone());
    own.chain(graph.node.iter().flat_map(proto::Node::subgraphs).flat_map(node_names))
        .collect()
}

#[test]
fn every_site_is_a_node_of_the_optimized_graph_at_every_level() {
    for name in [
        "models/digits.onnx",
        "models/streets.onnx",
        "fixtures/traps/densenet-concat.onnx",
        "fixtures/traps/half.onnx",
        "fixtures/traps/windowed-attention.onnx",
    ] {
        let made = Converted::new(
            plan(&fixture(name), &SiteOptions::default()),
            Draws::Stratified,
        )
        .unwrap();
        let runtime = Runtime::find(None).unwrap();
        let file = made.folder.path().join("optimized.onnx");
        for optimization in Optimization::EACH {
            let options = SessionOptions {
                threads: 1,
                optimization,
                optimized: Some(file.clone()),
                ..SessionOptions::default()
            };
            Session::open_file(&runtime, "test", &made.path(), &options).unwrap();
            let found = node_names(&Model::open(&file).unwrap().graph);
            assert!(!made.made.nodes.is_empty());
            for node in &made.made.nodes {
                let count = found.iter().filter(|name| *name == node).count();
                assert_eq!(count, 1, "{name}: {node}, {optimization:?}");
            }
        }
    }
}

#[test]
fn with_ratio_0_a_converted_file_is_the_original_without_dropout() {
    let options = SiteOptions { ratios: vec![(None, 0.0)], ..SiteOptions::default() };
    for name in ["models/digits.onnx", "models/streets.onnx"] {
        let made =
            Converted::new(plan(&fixture(name), &options), Draws::Stratified).unwrap();
        let mut sampler =
            sampler(plan(&fixture(name), &SiteOptions::default()), Draws::Stratified, 0);
        let off = expected(&mut sampler, 0, &[-1]);
        let off = vec![off[0].clone(); 3];
        let mut session = made.session(Optimization::All);
        let found = rows(&mut session, &sampler, (None, None), (&[-1, 0, 33], false));
        assert!(far(&off, &found) <= 2e-6, "{name}");
    }
}
