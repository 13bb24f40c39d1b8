//! What exporters write, one file for each way: the sites that are found, what each of them
//! does, and what is left without them.

use crate::onnx::ElementType;
use serde_json::Value as Json;

use super::*;
use crate::graph::{self, HeadOptions, SiteOptions};

fn heads(output: Option<&str>) -> HeadOptions {
    HeadOptions::of_scores(output, ScoresOption::Auto)
}

/// The table of the fixtures, or what PyTorch computed for them.
fn table(name: &str) -> serde_json::Map<String, Json> {
    let path = fixture("fixtures/exports").join(name);
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn open(name: &str) -> Model {
    Model::open(&fixture("fixtures/exports").join(name)).unwrap()
}

/// A site in a word: kind, ratio, unit, live or inert. A pixel is an element of a mask that has
/// one channel; of blocks the file holds the share of their seeds at most.
fn word(kind: &str, ratio: Option<f64>, unit: &str, live: bool) -> String {
    let unit = if unit == "pixel" { "element" } else { unit };
    let ratio = ratio.filter(|_| kind != "drop_block");
    let ratio = ratio.map_or("-".to_owned(), |ratio| format!("{ratio:.4}"));
    format!("{kind} {ratio} {unit} {}", if live { "live" } else { "inert" })
}

#[test]
fn the_sites_of_every_export_are_those_that_survived_in_the_file() {
    let mut wrong = Vec::new();
    for (name, entry) in table("exports.json") {
        let expected: Vec<String> = entry["sites"]
            .as_array()
            .unwrap()
            .iter()
            .map(|site| {
                word(
                    site["kind"].as_str().unwrap(),
                    site["ratio"].as_f64(),
                    site["unit"].as_str().unwrap(),
                    site["live"].as_bool().unwrap(),
                )
            })
            .collect();
        let output = entry["output"].as_str();
        let found =
            match graph::inspect(&open(&name), &heads(output), &SiteOptions::default()) {
                Ok(found) => found,
                Err(error) => {
                    wrong.push(format!("{name}: {error}"));
                    continue;
                }
            };
        let sites: Vec<String> = found
            .sites
            .iter()
            .map(|s| word(s.kind.name(), s.ratio.map(f64::from), s.unit.name(), s.live))
            .collect();
        if sites != expected {
            wrong.push(format!("{name}: found {sites:?}, expected {expected:?}"));
        }
        let suspect: Vec<&str> = entry["suspect"]
            .as_array()
            .unwrap()
            .iter()
            .map(|s| s.as_str().unwrap())
            .collect();
        let warnings: Vec<&str> =
            found.warnings.iter().map(|warning| warning.suspicion.name()).collect();
        let missed = suspect.iter().any(|suspicion| !warnings.contains(suspicion));
        if missed || (suspect.is_empty() && !warnings.is_empty()) {
            wrong.push(format!("{name}: warnings {warnings:?}, expected {suspect:?}"));
        }
        if found.batch_norm_training.len() as u64
            != entry["batch_norm_training"].as_u64().unwrap()
        {
            wrong.push(format!("{name}: batch norm {:?}", found.batch_norm_training));
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// The fixtures' input: a formula of the flat index.
fn input(shape: &[usize]) -> Value {
    let value = |i: usize| ((i * 7919 + 13) % 1000) as f32 / 500.0 - 1.0;
    let count = shape.iter().product();
    Value::from_f32(shape, (0..count).map(value).collect()).unwrap()
}

fn numbers(json: &Json) -> Vec<f64> {
    json.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

struct Case {
    sampler: Sampler,
    images: Vec<Value>,
}

impl Case {
    fn new(
        name: &str,
        entry: &Json,
        expected: &Json,
        options: &SiteOptions,
    ) -> Result<Self> {
        // The library must be found before any tensor is made.
        let runtime = Runtime::find(None).unwrap();
        let output = entry["output"].as_str();
        let plan = Plan::with_sites(
            open(name),
            &HeadOptions::of_scores(output, ScoresOption::Logits),
            options,
        )?;
        assert!(
            matches!(plan.heads().first().cut_off[..], [] | ["ArgMax"]),
            "{name}: its scores are not its output"
        );
        let shape: Vec<usize> =
            numbers(&expected["input_shape"]).iter().map(|&n| n as usize).collect();
        let model = model_input(&plan)?;
        let is_half = plan.image().element_type == ElementType::F16;
        let whole = input(&shape).to_f32().unwrap();
        let each = whole.len() / shape[0];
        let images = (0..shape[0]).map(|i| {
            let values = whole[i * each..(i + 1) * each].to_vec();
            let size = match model.layout {
                crate::input::preprocessing::Layout::Nchw => (shape[2], shape[3]),
                crate::input::preprocessing::Layout::Nhwc => (shape[1], shape[2]),
            };
            (values, size)
        });
        let images: Vec<(Vec<f32>, (usize, usize))> = images.collect();
        let size = images[0].1;
        let sampler = Sampler::open(plan, &runtime, super::options(), size)?;
        let mut dims = shape.clone();
        dims[0] = 1;
        let tensors = images.into_iter().map(|(values, _)| {
            let value = Value::from_f32(&dims, values).unwrap();
            if is_half { value.to_f16().unwrap() } else { value }
        });
        Ok(Self { images: tensors.collect(), sampler })
    }

    fn run(&mut self, image: usize, samples: &[i64]) -> Vec<Vec<f32>> {
        let sampler = &mut self.sampler;
        let image = Value::stack(&[&self.images[image]], 0).unwrap();
        let mut rows = Vec::new();
        for (heads, count) in sampler.outputs_of(image, KEY, samples).unwrap() {
            let values = heads[0].to_f32().unwrap();
            let length = values.len() / heads[0].shape()[0];
            rows.extend(values.chunks(length).take(count).map(<[f32]>::to_vec));
        }
        rows
    }
}

#[test]
fn without_dropout_every_export_gives_what_pytorch_gives_in_evaluation_mode() {
    let expected = table("expected.json");
    let (mut wrong, mut compared) = (Vec::new(), 0);
    for (name, entry) in table("exports.json") {
        let Some(expected) = expected.get(&name) else { continue };
        if expected["eval_is_reference"] != true || entry["runs_in_onnxruntime"] != true {
            continue;
        }
        let suspect = entry["suspect"].as_array().unwrap();
        let sites = entry["sites"].as_array().unwrap();
        // PyTorch did not know of the value that noise has without randomness, masks by the
        // position in the batch are not masks of an image, and class ids are not the scores.
        if entry["output"] == "class_ids"
            || suspect.contains(&"frozen_mask".into())
            || sites.iter().any(|site| site["kind"] == "noise")
        {
            continue;
        }
        let mut options = SiteOptions::default();
        if !sites
            .iter()
            .any(|site| site["ratio"].as_f64().is_some_and(|ratio| ratio > 0.0))
        {
            options.insert.push("head".to_owned());
        }
        let mut case = match Case::new(&name, &entry, expected, &options) {
            Ok(case) => case,
            Err(error) => {
                wrong.push(format!("{name}: {error}"));
                continue;
            }
        };
        let eval = numbers(&expected["eval"]);
        let each = eval.len() / case.images.len();
        for image in 0..case.images.len() {
            let row = &case.run(image, &[-1])[0];
            let own = &eval[image * each..(image + 1) * each];
            let tolerance = if name.starts_with("half") { 2e-3 } else { 1e-5 };
            let far = row
                .iter()
                .zip(own)
                .map(|(a, b)| (f64::from(*a) - b).abs() / (1.0 + b.abs()))
                .fold(0.0, f64::max);
            if row.len() != each || far > tolerance {
                wrong.push(format!("{name}: image {image} is {far} away"));
            }
        }
        compared += 1;
    }
    assert!(
        wrong.is_empty(),
        "{} wrong of {compared}:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert!(compared > 60, "{compared}");
}

#[test]
fn each_site_of_every_export_changes_the_output_when_it_alone_is_live() {
    let expected = table("expected.json");
    let (mut wrong, mut sites) = (Vec::new(), 0);
    for (name, entry) in table("exports.json") {
        let Some(expected) = expected.get(&name) else { continue };
        if entry["runs_in_onnxruntime"] != true {
            continue;
        }
        let all = match Case::new(&name, &entry, expected, &SiteOptions::default()) {
            Ok(case) => case.sampler.plan().sites().to_vec(),
            Err(_) => continue,
        };
        for site in all {
            let only =
                SiteOptions { only: vec![site.tensor.clone()], ..SiteOptions::default() };
            let mut case = Case::new(&name, &entry, expected, &only).unwrap();
            let rows = case.run(0, &(-1..62).collect::<Vec<_>>());
            let largest = rows[1..]
                .iter()
                .map(|row| largest_difference(&rows[0], row))
                .fold(0.0, f32::max);
            let scale =
                rows[0].iter().fold(0.0_f32, |scale, value| scale.max(value.abs()));
            if largest < 1e-5 * scale.min(1.0) {
                wrong.push(format!("{name}: {} changes nothing", site.tensor));
            }
            sites += 1;
        }
    }
    assert!(wrong.is_empty(), "{} wrong of {sites}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(sites > 100, "{sites}");
}

/// Mean and variance over samples, element by element.
fn moments(rows: &[Vec<f32>]) -> Vec<(f64, f64)> {
    let n = rows.len() as f64;
    (0..rows[0].len())
        .map(|i| {
            let mean = rows.iter().map(|row| f64::from(row[i])).sum::<f64>() / n;
            let square = |row: &Vec<f32>| (f64::from(row[i]) - mean).powi(2);
            (mean, rows.iter().map(square).sum::<f64>() / n)
        })
        .collect()
}

#[test]
fn samples_of_every_export_have_the_mean_and_variance_of_pytorchs_own() {
    const SAMPLES: i64 = 620;
    let expected = table("expected.json");
    let (mut wrong, mut compared) = (Vec::new(), 0);
    for (name, entry) in table("exports.json") {
        let Some(expected) = expected.get(&name).filter(|e| e["mean"].is_array()) else {
            continue;
        };
        let sites = entry["sites"].as_array().unwrap();
        let live = sites.iter().any(|site| site["live"] == true);
        let blocks = sites.iter().any(|site| site["kind"] == "drop_block");
        // Blocks are scaled by their share in a whole batch; what was lost cannot be sampled.
        if !live || blocks || entry["runs_in_onnxruntime"] != true || entry["lost"] != ""
        {
            continue;
        }
        if name.contains("quantized") && !crate::simd::has_exact_products_of_bytes() {
            continue;
        }
        let mut case = match Case::new(&name, &entry, expected, &SiteOptions::default()) {
            Ok(case) => case,
            Err(error) => {
                wrong.push(format!("{name}: {error}"));
                continue;
            }
        };
        let (mean, variance) =
            (numbers(&expected["mean"]), numbers(&expected["variance"]));
        let passes = expected["passes"].as_f64().unwrap();
        let each = mean.len() / case.images.len();
        let rows = case.run(0, &(0..SAMPLES).collect::<Vec<_>>());
        let largest = variance[..each].iter().fold(0.0_f64, |a, b| a.max(*b));
        for (i, (own_mean, own_variance)) in moments(&rows).into_iter().enumerate() {
            let (mean, variance) = (mean[i], variance[i]);
            let error = (variance / passes + variance / SAMPLES as f64).sqrt() + 1e-6;
            if (own_mean - mean).abs() > 6.0 * error {
                let off = (own_mean - mean) / error;
                wrong.push(format!("{name}: mean {i} is {off:.1} standard errors away"));
            }
            let ratio = own_variance / variance;
            if variance > 0.2 * largest && !(0.6..1.6).contains(&ratio) {
                wrong.push(format!("{name}: variance {i} is {ratio:.2} of PyTorch's"));
            }
        }
        compared += 1;
    }
    assert!(
        wrong.is_empty(),
        "{} wrong of {compared}:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert!(compared > 80, "{compared}");
}

#[test]
fn dropout_can_be_put_in_at_every_place_of_a_stripped_export() {
    use crate::graph::{DropUnit, InsertionPoint};
    let expected = table("expected.json");
    let (mut wrong, mut tried) = (Vec::new(), std::collections::BTreeMap::new());
    for (name, entry) in table("exports.json") {
        if !name.starts_with("eval-") && name != "channels-last.onnx" {
            continue;
        }
        let output = entry["output"].as_str();
        let found = graph::inspect(&open(&name), &heads(output), &SiteOptions::default())
            .unwrap();
        for (candidate, unit) in found
            .candidates
            .iter()
            .flat_map(|c| [(c, DropUnit::Element), (c, DropUnit::Channel)])
        {
            let options = SiteOptions {
                insert: vec![candidate.node.clone()],
                ratios: vec![(None, 0.5)],
                unit: Some(unit),
                ..SiteOptions::default()
            };
            let mut case = match Case::new(&name, &entry, &expected[&name], &options) {
                Ok(case) => case,
                // Attention weights have no channels.
                Err(_)
                    if candidate.place == InsertionPoint::Attention
                        && unit == DropUnit::Channel =>
                {
                    continue;
                }
                Err(error) => {
                    wrong.push(format!("{name}: {} {unit:?}: {error}", candidate.node));
                    continue;
                }
            };
            let rows = case.run(0, &(-1..31).collect::<Vec<_>>());
            let eval = numbers(&expected[&name]["eval"]);
            let own = &eval[..eval.len() / case.images.len()];
            let far = rows[0].iter().zip(own).map(|(a, b)| (f64::from(*a) - b).abs());
            let far = far.fold(0.0, f64::max);
            let moves =
                rows[1..].iter().any(|row| largest_difference(&rows[0], row) > 1e-5);
            if far > 1e-5 || !moves {
                let node = &candidate.node;
                wrong
                    .push(format!("{name}: {node} {unit:?}: {far} away, moves: {moves}"));
            }
            *tried.entry(candidate.place).or_insert(0) += 1;
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert!(
        InsertionPoint::ALL.iter().all(|place| tried.contains_key(place)),
        "{tried:?}"
    );
}
