//! Compares measures and probabilities with PyTorch's own dropout: values of `models/reference.py`
//! and `models/reference_logit_noise.py` at 2,000 samples.
//!
//! The expected value at T samples is `limit - bias / T`. Limit and bias follow from the
//! reference's value at 2,000 samples and its mean over 20 groups of 100; the standard error of
//! every part follows from the differences between the groups. Stratified draws only make mcdrop's
//! own error smaller.

use mcdrop::measure::LOGIT_NOISE_INFORMATION;
use mcdrop::onnx::Model;
use mcdrop::random::Draws;
use mcdrop::sampling::{Sampler, SamplingOptions};
use serde_json::Value;

use crate::fixture;

pub(crate) const SAMPLES: u32 = 496;
/// Number of samples of the reference, and of one of its groups.
pub(crate) const REFERENCE: (f64, f64) = (2000.0, 100.0);
const GROUPS: f64 = 20.0;
/// Largest allowed distance of a single value in standard errors. Tails are heavy, and there are
/// tens of thousands of comparisons.
const FARTHEST: f64 = 8.0;
/// Smallest fraction of values within three standard errors.
const WITHIN_THREE: f64 = 0.97;
/// Limit of rare events. A mean that comes from fewer of them at [`SAMPLES`] (`n mean^2 /
/// variance`, the number of equal events with this mean and variance) does not have a normal error,
/// because the reference may have missed the event. Such means are small; they must agree to
/// [`RARE_DIFFERENCE`] and are counted.
pub(crate) const RARE_EVENTS: f64 = 30.0;
pub(crate) const RARE_DIFFERENCE: f64 = 0.01;
/// Rounding error of the reference's and of mcdrop's arithmetic.
const ROUNDING: f64 = 2e-5;

pub(crate) struct Reference {
    pub(crate) images: Vec<Value>,
    name: &'static str,
}

pub(crate) fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

impl Reference {
    pub(crate) fn read(name: &'static str) -> Self {
        let file = fixture::path(&format!("fixtures/reference/{name}.json"));
        let value: Value =
            serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
        let model =
            Model::open(&fixture::path(value["model"].as_str().unwrap())).unwrap();
        let own = model.file_hashes().unwrap()[0].1.to_vec();
        assert_eq!(
            digest(value["sha256"].as_str().unwrap()),
            own,
            "another model's reference"
        );
        Self { images: value["images"].as_array().unwrap().clone(), name }
    }

    pub(crate) fn sampler(&self, options: SamplingOptions) -> Sampler {
        let opened = fixture::open(self.name);
        let (image, _) =
            fixture::image(&opened, self.images[0]["path"].as_str().unwrap());
        fixture::sampler(self.name, options, (image.height, image.width))
    }
}

/// Returns the bytes of a hash from its hexadecimal digits.
fn digest(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap())
        .collect()
}

/// Distances of values in standard errors.
#[derive(Default)]
pub(crate) struct Distances(Vec<f64>);

impl Distances {
    pub(crate) fn add(&mut self, what: &str, value: f64, expected: f64, error: f64) {
        let off = (value - expected).abs();
        let distance = (off - ROUNDING).max(0.0) / error.max(1e-9);
        assert!(
            distance <= FARTHEST,
            "{what}: {value}, expected {expected}, {distance:.1} standard errors of {error:.2e}"
        );
        self.0.push(distance);
    }

    pub(crate) fn check(&self, what: &str) {
        let within =
            self.0.iter().filter(|&&d| d <= 3.0).count() as f64 / self.0.len() as f64;
        let largest = self.0.iter().copied().fold(0.0, f64::max);
        println!(
            "{what}: {} values, {:.2} % within 3 standard errors, largest {largest:.1}",
            self.0.len(),
            100.0 * within
        );
        assert!(
            within >= WITHIN_THREE,
            "{what}: only {within} within three standard errors"
        );
    }
}

/// Returns the expected value and standard error of a measure at [`SAMPLES`].
pub(crate) fn expectation(at_all: f64, group_mean: f64, group_std: f64) -> (f64, f64) {
    let (all, group) = (1.0 / REFERENCE.0, 1.0 / REFERENCE.1);
    let own = 1.0 / f64::from(SAMPLES);
    let bias = (at_all - group_mean) / (group - all);
    let variance = group_std.powi(2)
        * (own / group + all / group + ((own - all) / (group - all)).powi(2) / GROUPS);
    (at_all - bias * (own - all), variance.sqrt())
}

fn compare(name: &'static str, images: usize) {
    compare_with(name, images, SamplingOptions::default());
}

fn compare_with(name: &'static str, images: usize, options: SamplingOptions) {
    let reference = Reference::read(name);
    let options = SamplingOptions { samples: SAMPLES, ..options };
    let mut sampler = reference.sampler(options);
    let opened = fixture::open(name);
    let (mut measures, mut means) = (Distances::default(), Distances::default());
    let (mut pixels, mut ties, mut rare) = (0, 0, 0);
    for expected in reference.images.iter().take(images) {
        let path = expected["path"].as_str().unwrap();
        let (image, key) = fixture::image(&opened, path);
        let statistics = sampler.sample(image.clone(), key).unwrap();
        let rows = numbers(&expected["rows"]);
        let columns = numbers(&expected["columns"]);
        let at: Vec<usize> = rows
            .iter()
            .zip(&columns)
            .map(|(row, column)| *row as usize * statistics.width() + *column as usize)
            .collect();
        for name in expected["measures"].as_object().unwrap().keys() {
            let measure = sampler.output_layout().task().measure(name).unwrap();
            let map = measure.map(&statistics);
            let part = |key: &str| numbers(&expected[key][measure.name]);
            let (all, mean, std) =
                (part("measures"), part("group_mean"), part("group_std"));
            for (i, &pixel) in at.iter().enumerate() {
                let (value, error) = expectation(all[i], mean[i], std[i]);
                // A fraction of votes changes in steps of one sample, even if its variance is
                // small.
                let votes = measure.name == "variation_ratio";
                let error =
                    if votes { error.max(1.0 / f64::from(SAMPLES)) } else { error };
                let what = format!("{path} {pixel} {}", measure.name);
                measures.add(&what, f64::from(map.values[pixel]), value, error);
            }
        }
        let (mean, prediction) = (statistics.mean(), statistics.prediction());
        let plane = statistics.height() * statistics.width();
        for (i, &pixel) in at.iter().enumerate() {
            let (p, std) = (numbers(&expected["mean"][i]), numbers(&expected["std"][i]));
            let share = (1.0 / f64::from(SAMPLES) + 1.0 / REFERENCE.0).sqrt();
            for class in 0..p.len() {
                let what = format!("{path} {pixel} class {class}");
                let value = f64::from(mean[class * plane + pixel]);
                let events =
                    f64::from(SAMPLES) * (p[class] / std[class].max(1e-12)).powi(2);
                if events < RARE_EVENTS {
                    assert!(
                        (value - p[class]).abs() <= RARE_DIFFERENCE,
                        "{what}: {value}"
                    );
                    rare += 1;
                    continue;
                }
                means.add(&what, value, p[class], std[class] * share);
            }
            pixels += 1;
            let mut order: Vec<usize> = (0..p.len()).collect();
            order.sort_by(|&a, &b| p[b].total_cmp(&p[a]));
            let epsilon = 4.0 * share * (std[order[0]] + std[order[1]]) + ROUNDING;
            if p[order[0]] - p[order[1]] <= epsilon {
                ties += 1;
            } else {
                assert_eq!(
                    usize::from(prediction.classes[pixel]),
                    order[0],
                    "{path} {pixel}"
                );
            }
        }
    }
    measures.check(&format!("{name}: measures"));
    means.check(&format!("{name}: mean probabilities"));
    println!("{name}: {rare} means of rare events agree to {RARE_DIFFERENCE}");
    println!("{name}: {pixels} predicted classes equal but for {ties} near ties");
    assert!(ties * 10 <= pixels, "too many ties to show anything");
}

#[test]
fn measures_of_digits_agree_with_pytorch() {
    compare("digits", usize::MAX);
}

#[test]
fn measures_of_a_street_agree_with_pytorch() {
    compare("streets", 1);
}

/// PyTorch's noise is independent, and the measures of few draws depend on that.
fn independent_noise() -> SamplingOptions {
    SamplingOptions {
        draws: Draws::Independent,
        logit_noise_samples: Some(8),
        ..SamplingOptions::default()
    }
}

#[test]
fn measures_of_a_street_with_logit_noise_agree_with_pytorch() {
    compare_with("streets_logit_noise", 1, independent_noise());
}

#[test]
#[ignore = "a minute or more: run by make verify"]
fn measures_of_all_reference_streets_with_logit_noise_agree_with_pytorch() {
    compare_with("streets_logit_noise", usize::MAX, independent_noise());
}

#[test]
#[ignore = "a minute or more: run by make verify"]
fn measures_of_all_reference_streets_agree_with_pytorch() {
    compare("streets", usize::MAX);
}

#[test]
fn without_dropout_probabilities_agree_with_pytorch_to_1e_5() {
    for name in ["digits", "streets", "streets_logit_noise"] {
        let reference = Reference::read(name);
        let options =
            SamplingOptions { deterministic: true, ..SamplingOptions::default() };
        let mut sampler = reference.sampler(options);
        let opened = fixture::open(name);
        for expected in &reference.images {
            let path = expected["path"].as_str().unwrap();
            let (image, key) = fixture::image(&opened, path);
            let statistics = sampler.sample(image.clone(), key).unwrap();
            let (mean, plane) =
                (statistics.mean(), statistics.height() * statistics.width());
            let (rows, columns) =
                (numbers(&expected["rows"]), numbers(&expected["columns"]));
            for i in 0..rows.len() {
                let pixel = rows[i] as usize * statistics.width() + columns[i] as usize;
                for (class, p) in
                    numbers(&expected["deterministic"][i]).iter().enumerate()
                {
                    let off = (f64::from(mean[class * plane + pixel]) - p).abs();
                    assert!(off <= 1e-5, "{path} {pixel} class {class}: {off}");
                }
            }
            let Some(information) = expected.get("deterministic_information") else {
                continue;
            };
            let found = LOGIT_NOISE_INFORMATION.map(&statistics);
            for (i, expected) in numbers(information).into_iter().enumerate() {
                let pixel = rows[i] as usize * statistics.width() + columns[i] as usize;
                let off = (f64::from(found.values[pixel]) - expected).abs();
                assert!(off <= 1e-5, "{path} {pixel}: {off}");
            }
        }
    }
}
