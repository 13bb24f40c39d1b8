//! Gain of stratified over independent draws: the error of 31 samples against a reference of many
//! independent samples.

use mcdrop::input::NetworkInput;
use mcdrop::input::{Source, list_images};
use mcdrop::measure::{MUTUAL_INFORMATION, PREDICTIVE_ENTROPY};
use mcdrop::random::Draws;
use mcdrop::sampling::{Sampler, SamplingOptions};
use mcdrop::sums::Statistics;

use crate::fixture;

/// Number of samples and repetitions.
struct Effort {
    images: usize,
    reference: u32,
    repetitions: u64,
}

/// Returns mean probability, predictive entropy and mutual information of every pixel.
fn quantities(statistics: &Statistics) -> [Vec<f32>; 3] {
    let map = |measure: &mcdrop::measure::Measure| measure.map(statistics).values;
    [statistics.mean(), map(&PREDICTIVE_ENTROPY), map(&MUTUAL_INFORMATION)]
}

fn squared_error(a: &[f32], b: &[f32]) -> f64 {
    let square = |(x, y): (&f32, &f32)| f64::from(x - y).powi(2);
    a.iter().zip(b).map(square).sum::<f64>() / a.len() as f64
}

/// Returns the gain in root mean squared error with its lower 95 % limit, for each quantity:
/// computed from the logarithm of the ratio of squared errors in each repetition, by Student's t.
fn gains(name: &str, images: &[String], effort: &Effort) -> [(f64, f64); 3] {
    let opened = fixture::open(name);
    let images: Vec<_> = images
        .iter()
        .take(effort.images)
        .map(|file| fixture::image(&opened, file))
        .collect();
    let size = (images[0].0.height, images[0].0.width);
    let sampler = |samples, seed, draws| -> Sampler {
        let options =
            SamplingOptions { samples, seed, draws, ..SamplingOptions::default() };
        fixture::sampler(name, options, size)
    };
    let all = |mut sampler: Sampler| -> Vec<[Vec<f32>; 3]> {
        let predict = |(image, key): &(NetworkInput, u64)| {
            quantities(&sampler.sample(image.clone(), *key).unwrap())
        };
        images.iter().map(predict).collect()
    };
    let reference = all(sampler(effort.reference, 1_000_000, Draws::Independent));
    let errors = |draws, seed| -> [f64; 3] {
        let drawn = all(sampler(31, seed, draws));
        std::array::from_fn(|q| {
            let each =
                drawn.iter().zip(&reference).map(|(a, b)| squared_error(&a[q], &b[q]));
            each.sum()
        })
    };
    let logs: Vec<[f64; 3]> = (0..effort.repetitions)
        .map(|seed| {
            let (independent, stratified) =
                (errors(Draws::Independent, seed), errors(Draws::Stratified, seed));
            std::array::from_fn(|q| (independent[q] / stratified[q]).ln() / 2.0)
        })
        .collect();
    std::array::from_fn(|q| {
        let n = logs.len() as f64;
        let mean = logs.iter().map(|log| log[q]).sum::<f64>() / n;
        let variance =
            logs.iter().map(|log| (log[q] - mean).powi(2)).sum::<f64>() / (n - 1.0);
        // One-sided 95 % point of Student's t, 3 degrees of freedom (2.35) or more.
        (mean.exp(), (mean - 2.35 * (variance / n).sqrt()).exp())
    })
}

fn check(name: &str, images: &[String], effort: &Effort) {
    let gains = gains(name, images, effort);
    for (quantity, (gain, lower)) in
        ["mean probability", "predictive entropy", "mutual information"].iter().zip(gains)
    {
        println!(
            "{name}: gain of stratified draws, T = 31, {quantity}: {gain:.2} (at least {lower:.2})"
        );
    }
    let (gain, lower) = gains[0];
    assert!(lower > 1.15, "{name}: gain {gain:.2}, lower limit {lower:.2}");
}

/// Returns every seventh digit, some strange ones among them.
fn digits() -> Vec<String> {
    let folder = Source::Path(fixture::path("fixtures/digits"));
    let all = list_images(&[folder], None).unwrap().images;
    all.iter().step_by(7).map(|file| format!("fixtures/digits/{}", file.id())).collect()
}

fn streets() -> Vec<String> {
    ["street_00.png", "strange_00.png", "street_10.png"]
        .map(|name| format!("fixtures/streets/images/{name}"))
        .to_vec()
}

#[test]
fn stratified_draws_have_a_smaller_error_on_digits() {
    check("digits", &digits(), &Effort { images: 60, reference: 3968, repetitions: 20 });
}

#[test]
fn stratified_draws_have_a_smaller_error_on_a_street() {
    check("streets", &streets(), &Effort { images: 1, reference: 992, repetitions: 4 });
}

#[test]
#[ignore = "minutes: run by make verify"]
fn stratified_draws_have_a_smaller_error_on_streets_with_a_long_reference() {
    check("streets", &streets(), &Effort { images: 3, reference: 3968, repetitions: 20 });
}
