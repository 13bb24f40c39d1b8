//! The sampler against the uncut model: its dropouts replaced by a product with a mask, drawn
//! unit by unit from the definition, one row a run.

use std::path::{Path, PathBuf};

use super::super::engine::session_options;
use super::super::model_input;
use super::super::size::Size;
use super::*;
use crate::graph::{Growing, HeadOptions, ScoresOption, Site, SiteOptions};
use crate::input::NetworkInput;
use crate::onnx::ElementType;
use crate::onnx::Model;
use crate::random::{self, Draws, Stream};
use crate::runtime::{Session, SessionOptions};
use crate::sums::Statistics;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn plan(name: &str) -> Plan {
    let output = (name == "fixtures/traps/two-outputs.onnx").then_some("logits");
    Plan::new(Model::open(&fixture(name)).unwrap(), output, ScoresOption::Auto).unwrap()
}

fn size(plan: &Plan) -> (usize, usize) {
    let input = model_input(plan).unwrap();
    (input.height.unwrap_or(16), input.width.unwrap_or(16))
}

fn sampler(name: &str, options: SamplingOptions) -> Sampler {
    let plan = plan(name);
    let size = size(&plan);
    Sampler::open(plan, &Runtime::find(None).unwrap(), options, size).unwrap()
}

fn options() -> SamplingOptions {
    SamplingOptions {
        batch_size: Some(3),
        seed: 7,
        threads: 2,
        ..SamplingOptions::default()
    }
}

const KEY: i64 = 0x0123_4567_89ab_cdef;

/// The head's rows for these samples of a noise image, run as the sampler runs them.
fn sampled(sampler: &mut Sampler, samples: &[i64]) -> Vec<Vec<f32>> {
    let noise = sampler.model().noise(5, size(sampler.plan())).unwrap();
    let mut rows = Vec::new();
    for (heads, count) in sampler.outputs_of(noise, KEY, samples).unwrap() {
        let values = heads[0].to_f32().unwrap();
        let length = values.len() / heads[0].shape()[0];
        rows.extend(values.chunks(length).take(count).map(<[f32]>::to_vec));
    }
    rows
}

/// The uncut model with each dropout a product with a mask of its own.
struct Uncut {
    session: Session,
    rows: usize,
    shapes: Vec<Vec<usize>>,
    image: Value,
    /// The one site that is on; all where there is none.
    only: Option<usize>,
}

impl Uncut {
    fn new(plan: &Plan) -> Self {
        let runtime = Runtime::find(None).unwrap();
        let options = session_options(plan, &SamplingOptions::default()).unwrap();
        let input = model_input(plan).unwrap();
        let size = size(plan);
        let values = image::noise(input.channels * size.0 * size.1, 5);
        let image = image::tensor(plan, &input, values, size).unwrap();
        let rows = image::rows(plan);
        let image = Value::stack(&vec![&image; rows], 0).unwrap();
        let mut off =
            Session::open(&runtime, "test", &plan.uncut(None), &options).unwrap();
        let outputs = off.run(&[(plan.image().name.as_str(), &image)]).unwrap();
        let shapes = outputs[1..].iter().map(Value::shape).collect();
        let types: Vec<ElementType> =
            outputs[1..].iter().map(|v| v.element_type().unwrap()).collect();
        let session =
            Session::open(&runtime, "test", &plan.uncut(Some(&types)), &options).unwrap();
        Self { session, rows, shapes, image, only: None }
    }

    /// A site's input of factors: 0 or the scale, 1 where it is off.
    fn mask(&self, site: &Site, i: usize, draws: Draws, sample: i64) -> (String, Value) {
        let image = KEY.cast_unsigned();
        let stream = Stream { draws, seed: 7, site: site.key, image, iteration: 0 };
        let ratio = site.ratio.unwrap();
        let threshold = random::threshold(ratio).unwrap();
        let shape = &self.shapes[i];
        let units = shape.iter().product::<usize>() / self.rows;
        let factor = |unit: usize| match u32::try_from(sample) {
            Err(_) => 1.0,
            Ok(t) if random::dropped(&stream, threshold, t, unit as u64) => 0.0,
            Ok(_) => random::keep_scale(ratio),
        };
        let values = (0..units * self.rows).map(|i| factor(i % units)).collect();
        (format!("mask::{}", site.tensor), Value::from_f32(shape, values).unwrap())
    }

    /// The head's values for one sample; a fixed batch gets it in every row.
    fn scores(&mut self, plan: &Plan, draws: Draws, sample: i64) -> Vec<f32> {
        let masks: Vec<(String, Value)> = (0..plan.sites().len())
            .map(|site| {
                let on = self.only.is_none_or(|only| only == site);
                self.mask(&plan.sites()[site], site, draws, if on { sample } else { -1 })
            })
            .collect();
        let mut inputs = vec![(plan.image().name.as_str(), &self.image)];
        inputs.extend(masks.iter().map(|(name, mask)| (name.as_str(), mask)));
        let outputs = self.session.run(&inputs).unwrap();
        let values = outputs[0].to_f32().unwrap();
        values[..values.len() / self.rows].to_vec()
    }
}

fn largest_difference(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(x, y)| (x - y).abs()).fold(0.0, f32::max)
}

/// Runs a model both ways; the largest difference relative to the largest score.
fn difference(name: &str, draws: Draws) -> f32 {
    let samples = [-1, 0, 1, 30, 31, 61, 62];
    let mut sampler = sampler(name, SamplingOptions { draws, ..options() });
    let rows = sampled(&mut sampler, &samples);
    // Of the plan as the file has it: a batch size of its own may have been opened.
    let plan = plan(name);
    let mut uncut = Uncut::new(&plan);
    let mut worst = 0.0_f32;
    for (row, &sample) in rows.iter().zip(&samples) {
        let expected = uncut.scores(&plan, draws, sample);
        let largest = expected.iter().fold(1.0, |m: f32, v| m.max(v.abs()));
        worst = worst.max(largest_difference(row, &expected) / largest);
    }
    assert!(
        largest_difference(&rows[1], &rows[2]) > 1e-4,
        "{name}: two samples are equal"
    );
    worst
}

fn traps(expected: &str) -> Vec<(String, u64)> {
    let text = std::fs::read_to_string(fixture("fixtures/traps/traps.json")).unwrap();
    let table: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(&text).unwrap();
    let wanted = table.into_iter().filter(|(_, entry)| entry["expected"] == expected);
    let found: Vec<_> = wanted
        .map(|(name, entry)| {
            (format!("fixtures/traps/{name}"), entry["sites"].as_u64().unwrap())
        })
        .collect();
    assert!(!found.is_empty());
    found
}

#[test]
fn each_model_that_can_be_sampled_equals_its_uncut_self_with_masks_multiplied_in() {
    let models =
        ["models/digits.onnx", "models/digits-dynamo.onnx", "models/streets.onnx"];
    let traps: Vec<String> = traps("right").into_iter().map(|(name, _)| name).collect();
    for name in models.into_iter().chain(traps.iter().map(String::as_str)) {
        for draws in Draws::ALL {
            let tolerance = if name.contains("half") { 2e-2 } else { 1e-5 };
            let worst = difference(name, draws);
            assert!(worst <= tolerance, "{name}, {} draws: {worst}", draws.name());
        }
    }
}

#[test]
fn every_site_of_a_model_is_found() {
    for (name, sites) in traps("right") {
        assert_eq!(plan(&name).sites().len() as u64, sites, "{name}");
    }
}

#[test]
fn each_site_alone_changes_the_scores() {
    for name in [
        "models/digits.onnx",
        "models/streets.onnx",
        "fixtures/traps/densenet-concat.onnx",
    ] {
        let plan = plan(name);
        let mut uncut = Uncut::new(&plan);
        let off = uncut.scores(&plan, Draws::Stratified, -1);
        for site in 0..plan.sites().len() {
            uncut.only = Some(site);
            let on = uncut.scores(&plan, Draws::Stratified, 0);
            assert!(largest_difference(&off, &on) > 1e-4, "{name}: site {site}");
        }
    }
}

#[test]
fn rows_of_a_run_are_limited_where_the_batch_would_mix_them() {
    for (name, rows_per_run) in [
        ("fixtures/traps/dynamic-quantize.onnx", 1),
        ("fixtures/traps/mean-over-batch.onnx", 1),
        ("fixtures/traps/divide-by-maximum.onnx", 1),
        ("fixtures/traps/fixed-squeeze-1.onnx", 1),
        ("fixtures/traps/fixed-batch-1.onnx", 3),
        ("fixtures/traps/fixed-batch-4.onnx", 3),
        ("fixtures/traps/windowed-attention.onnx", 3),
        ("fixtures/traps/batch-second-transformer.onnx", 3),
        ("fixtures/traps/view-input-size0.onnx", 3),
        ("fixtures/traps/scalar-across-cut.onnx", 3),
        ("fixtures/traps/resize-to-input.onnx", 3),
    ] {
        let sampler = sampler(name, options());
        assert_eq!(
            sampler.batching().rows_per_run,
            rows_per_run,
            "{name}: {:?}",
            sampler.batching()
        );
        assert_eq!(sampler.batching().limited_by.is_some(), rows_per_run != 3, "{name}");
    }
}

#[test]
fn a_model_that_would_be_wrong_is_refused_with_a_way_out() {
    let runtime = Runtime::find(None).unwrap();
    for (name, _) in traps("refused") {
        let model = Model::open(&fixture(&name)).unwrap();
        let result = Plan::new(model, None, ScoresOption::Auto).and_then(|plan| {
            let size = size(&plan);
            Sampler::open(plan, &runtime, options(), size)
        });
        let error = result.err().unwrap_or_else(|| panic!("{name} was not refused"));
        assert!(error.hint().is_some(), "{name}: {error}");
        // By us and for what it is, not because the runtime happened to stumble over it.
        let by_chance = matches!(error, Error::Runtime { .. } | Error::ImageSize { .. });
        assert!(!by_chance, "{name}: {error}");
    }
}

#[test]
fn rows_are_bit_equal_whatever_the_rows_of_a_run_and_the_threads() {
    let samples: Vec<i64> = (-1..34).collect();
    for name in ["models/digits.onnx", "models/streets.onnx"] {
        let run = |batch_size, threads| {
            let options =
                SamplingOptions { batch_size: Some(batch_size), threads, ..options() };
            sampled(&mut sampler(name, options), &samples)
        };
        let one = run(1, 1);
        for (batch_size, threads) in [(3, 1), (8, 1), (32, 1), (1, 2), (8, 2)] {
            let same = run(batch_size, threads) == one;
            assert!(same, "{name}: {batch_size} rows a run, {threads} threads");
        }
    }
}

#[test]
fn the_graph_form_of_the_masks_draws_the_same_bits_in_plain_onnx_runtime() {
    let runtime = Runtime::find(None).unwrap();
    let content = std::fs::read(fixture("fixtures/masks/mask.onnx")).unwrap();
    let options = SessionOptions { threads: 1, ..SessionOptions::default() };
    let mut session = Session::open(&runtime, "mask graph", &content, &options).unwrap();
    let site = random::site_key("/features/Dropout_output_0");
    let threshold = random::threshold(0.3).unwrap();
    for (seed, sample, image) in
        [(0, 0, 0), (7, 30, -5), (-1, 31, i64::MAX), (1 << 62, 500, 12345)]
    {
        let scalar = |value| Value::from_i64(&[], vec![value]).unwrap();
        let inputs = [
            ("seed", &scalar(seed)),
            ("sample", &scalar(sample)),
            ("image_key", &scalar(image)),
        ];
        let drawn = session.run(&inputs).unwrap()[0].numbers().unwrap();
        let stream = Stream {
            draws: Draws::Stratified,
            seed: seed.cast_unsigned(),
            site,
            image: image.cast_unsigned(),
            iteration: 0,
        };
        let sample = u32::try_from(sample).unwrap();
        for (unit, bit) in drawn.iter().enumerate() {
            let expected = random::dropped(&stream, threshold, sample, unit as u64);
            assert_eq!(*bit > 0.5, expected, "seed {seed}, unit {unit}");
        }
    }
}

#[test]
fn the_native_dropout_comes_out_dead_or_correlated() {
    let runtime = Runtime::find(None).unwrap();
    for name in ["models/digits.onnx", "models/streets.onnx"] {
        let plan = plan(name);
        let size = size(&plan);
        let input = model_input(&plan).unwrap();
        let values = image::noise(input.channels * size.0 * size.1, 5);
        let image = image::tensor(&plan, &input, values, size).unwrap();
        let options = SessionOptions { threads: 1, ..SessionOptions::default() };
        let run = |session: &mut Session| {
            session.run(&[(plan.image().name.as_str(), &image)]).unwrap()
        };
        // As anyone would open it: the optimizer has deleted every dropout.
        let content = std::fs::read(fixture(name)).unwrap();
        let mut default = Session::open(&runtime, "model", &content, &options).unwrap();
        let (first, second) = (run(&mut default), run(&mut default));
        assert_eq!(
            first[0].numbers().unwrap(),
            second[0].numbers().unwrap(),
            "{name} is live"
        );
        // With that optimizer off the kernel is live, but re-seeded with consecutive integers:
        // far too many units do not change over 20 runs (independent: 2 in a million).
        let kept = SessionOptions { keep_dropout: true, ..options };
        let mut native = Session::open(
            &runtime,
            "model",
            &plan.native(&Model::open(&fixture(name)).unwrap()),
            &kept,
        )
        .unwrap();
        let runs: Vec<Vec<f64>> =
            (0..20).map(|_| run(&mut native)[1].numbers().unwrap()).collect();
        let units: Vec<usize> = (0..runs[0].len())
            .filter(|&i| runs.iter().any(|run| run[i] != 0.0))
            .collect();
        let constant =
            units.iter().filter(|&&i| runs.iter().all(|run| run[i] != 0.0)).count();
        let share = constant as f64 / units.len() as f64;
        let independent = (1.0 - f64::from(plan.sites()[0].ratio.unwrap())).powi(20);
        assert!(share > independent + 0.005, "{name}: {share} of the units never drop");
    }
}

#[test]
fn the_first_31_of_62_samples_equals_concat_31() {
    let mean = |samples| {
        let options = SamplingOptions { samples, ..options() };
        let mut sampler = sampler("models/digits.onnx", options);
        let (height, width) = size(sampler.plan());
        let values = image::noise(height * width, 5);
        let geometry = no_geometry(height, width);
        let image = NetworkInput { values, height, width, geometry };
        sampler.sample(image.clone(), KEY.cast_unsigned()).unwrap().mean()
    };
    let mut sampler = sampler("models/digits.onnx", options());
    let rows = sampled(&mut sampler, &(31..62).collect::<Vec<i64>>());
    let softmax = |row: &Vec<f32>| {
        let sum: f32 = row.iter().map(|z| z.exp()).sum();
        row.iter().map(|z| z.exp() / sum).collect::<Vec<f32>>()
    };
    let second: Vec<Vec<f32>> = rows.iter().map(softmax).collect();
    for (class, (first, both)) in mean(31).into_iter().zip(mean(62)).enumerate() {
        let second = second.iter().map(|p| p[class]).sum::<f32>() / 31.0;
        assert!((2.0 * both - first - second).abs() < 1e-5, "class {class}");
    }
}

fn no_geometry(height: usize, width: usize) -> crate::input::Geometry {
    crate::input::Geometry::of_whole(width, height)
}

#[test]
fn what_scores_are_is_found_behind_resizing_clipping_and_casting() {
    use crate::sums::OutputKind::{Logits, Probabilities};
    use crate::task::{CLASSIFICATION, SEGMENTATION};
    let (image, pixel) = (&CLASSIFICATION, &SEGMENTATION);
    for (name, kind, n_classes, task) in [
        ("sigmoid-one-channel", Logits, 2, pixel),
        ("sigmoid-clip", Probabilities, 2, pixel),
        ("sigmoid-resize", Probabilities, 2, pixel),
        ("softmax-tail", Logits, 5, image),
        ("softmax-resize", Probabilities, 5, pixel),
        ("low-resolution", Logits, 5, pixel),
    ] {
        let sampler = sampler(&format!("fixtures/traps/{name}.onnx"), options());
        let scores = sampler.output_layout();
        assert_eq!(
            (scores.kind(), scores.n_classes(), scores.task()),
            (kind, n_classes, task),
            "{name}"
        );
    }
}

#[test]
fn a_map_stays_a_map_where_the_first_image_is_tiny() {
    let plan = plan("fixtures/traps/resize-to-input.onnx");
    let runtime = Runtime::find(None).unwrap();
    let sampler = Sampler::open(plan, &runtime, options(), (1, 1)).unwrap();
    assert_eq!(sampler.output_layout().task(), &crate::task::SEGMENTATION);
}

#[test]
fn scores_that_are_said_to_be_what_they_are_not_are_refused() {
    let runtime = Runtime::find(None).unwrap();
    let open = |name: &str, scores| {
        let model =
            Model::open(&fixture(&format!("fixtures/traps/{name}.onnx"))).unwrap();
        let plan = Plan::new(model, None, scores)?;
        let size = size(&plan);
        Sampler::open(plan, &runtime, options(), size)
    };
    for (name, scores) in [
        ("softmax-tail", ScoresOption::Logits),
        ("sigmoid-clip", ScoresOption::Logits),
        ("low-resolution", ScoresOption::Probabilities),
        ("argmax-cast", ScoresOption::Probabilities),
    ] {
        let error = open(name, scores).err().unwrap_or_else(|| panic!("{name}"));
        assert!(error.hint().is_some(), "{name}: {error}");
    }
    assert!(open("hard-sigmoid", ScoresOption::Probabilities).is_ok());
}

#[test]
fn samples_of_a_model_without_dropout_are_refused() {
    let model = Model::open(&fixture("fixtures/unusual/no-dropout.onnx")).unwrap();
    let sites = SiteOptions { may_be_empty: true, ..SiteOptions::default() };
    let plan = Plan::with_sites(model, &HeadOptions::default(), &sites).unwrap();
    let runtime = Runtime::find(None).unwrap();
    let open = |deterministic| {
        let options = SamplingOptions { deterministic, ..options() };
        Sampler::open(plan.clone(), &runtime, options, (16, 16)).map(|_| ())
    };
    let error = open(false).unwrap_err();
    assert!(error.to_string().contains("no live dropout"), "{error}");
    open(true).unwrap();
}

mod changed;
mod deferred_resize;
mod exports;
mod faults;
mod made;
mod open_batch;
mod shortcuts;
mod split_concat;
