//! Compares values, labels and their measures with PyTorch's own dropout: values of
//! `models/reference_tasks.py` at 2,000 samples. The statistics are those of `reference.rs`.

use mcdrop::measure::Measure;
use mcdrop::sampling::SamplingOptions;
use mcdrop::sums::Statistics;
use mcdrop::tensor::Map;
use serde_json::Value;

use crate::fixture;
use crate::reference::{
    Distances, RARE_DIFFERENCE, RARE_EVENTS, REFERENCE, Reference, SAMPLES, expectation,
    numbers,
};

/// A pixel of a target or label.
struct Point {
    pixel: usize,
    channel: usize,
}

fn points(expected: &Value, statistics: &Statistics) -> Vec<Point> {
    let [rows, columns, channels] = ["rows", "columns", "channels"]
        .map(|key| numbers(&expected[key]).into_iter().map(|n| n as usize));
    let pixels = rows.zip(columns).map(|(row, column)| row * statistics.width() + column);
    pixels.zip(channels).map(|(pixel, channel)| Point { pixel, channel }).collect()
}

/// Returns the map of each channel.
fn maps(statistics: &Statistics, of: impl Fn(usize) -> Map) -> Vec<Map> {
    (0..statistics.n_classes()).map(of).collect()
}

fn compare(name: &'static str, images: usize) {
    let reference = Reference::read(name);
    let options = SamplingOptions { samples: SAMPLES, ..SamplingOptions::default() };
    let mut sampler = reference.sampler(options);
    let task = sampler.output_layout().task();
    let opened = fixture::open(name);
    let (mut measures, mut means) = (Distances::default(), Distances::default());
    let mut rare = 0;
    for expected in reference.images.iter().take(images) {
        let path = expected["path"].as_str().unwrap();
        let (image, key) = fixture::image(&opened, path);
        let statistics = sampler.sample(image, key).unwrap();
        let points = points(expected, &statistics);
        let stds = numbers(&expected["std"]);
        assert_eq!(expected["measures"].as_object().unwrap().len(), task.measures.len());
        for measure in task.measures {
            let part = |key: &str| numbers(&expected[key][measure.name]);
            let (all, mean, std) =
                (part("measures"), part("group_mean"), part("group_std"));
            assert_eq!(all.len(), points.len());
            let maps = maps(&statistics, |i| measure.map_of_channel(&statistics, i));
            for (i, point) in points.iter().enumerate() {
                let value = f64::from(maps[point.channel].values[point.pixel]);
                let what = format!(
                    "{path} {} of {} {}",
                    measure.name, point.channel, point.pixel
                );
                if !is_mean(measure) {
                    let (expected, error) = expectation(all[i], mean[i], std[i]);
                    measures.add(&what, value, expected, error);
                    continue;
                }
                let events = f64::from(SAMPLES) * (all[i] / stds[i].max(1e-12)).powi(2);
                if measure.name == "probability" && events < RARE_EVENTS {
                    assert!((value - all[i]).abs() <= RARE_DIFFERENCE, "{what}: {value}");
                    rare += 1;
                    continue;
                }
                let share = (1.0 / f64::from(SAMPLES) + 1.0 / REFERENCE.0).sqrt();
                means.add(&what, value, all[i], stds[i] * share);
            }
        }
    }
    measures.check(&format!("{name}: measures"));
    means.check(&format!("{name}: means"));
    println!("{name}: {rare} means of rare events agree to {RARE_DIFFERENCE}");
}

/// Returns whether a measure is the mean over samples of the value or the probability.
fn is_mean(measure: &Measure) -> bool {
    ["value", "probability"].contains(&measure.name)
}

#[test]
fn measures_of_angles_agree_with_pytorch() {
    compare("digits_angle", usize::MAX);
}

#[test]
fn measures_of_labels_agree_with_pytorch() {
    compare("shapes", usize::MAX);
}

#[test]
fn measures_of_the_depth_of_a_street_agree_with_pytorch() {
    compare("streets_depth", 1);
}

#[test]
#[ignore = "a minute or more: run by make verify"]
fn measures_of_the_depth_of_all_reference_streets_agree_with_pytorch() {
    compare("streets_depth", usize::MAX);
}

#[test]
fn without_dropout_values_and_labels_agree_with_pytorch_to_1e_5() {
    for name in ["streets_depth", "digits_angle", "shapes"] {
        let reference = Reference::read(name);
        let options =
            SamplingOptions { deterministic: true, ..SamplingOptions::default() };
        let mut sampler = reference.sampler(options);
        let opened = fixture::open(name);
        let mut largest = 0.0_f64;
        for expected in &reference.images {
            let path = expected["path"].as_str().unwrap();
            let (image, key) = fixture::image(&opened, path);
            let statistics = sampler.sample(image, key).unwrap();
            let channels = 0..statistics.n_classes();
            let (values, withins): (Vec<Map>, Vec<Map>) =
                channels.map(|i| statistics.deterministic_channel(i)).unzip();
            let points = points(expected, &statistics);
            for (key, maps) in
                [("deterministic", values), ("deterministic_within", withins)]
            {
                for (point, expected) in points.iter().zip(numbers(&expected[key])) {
                    let value = f64::from(maps[point.channel].values[point.pixel]);
                    let off = (value - expected).abs() / expected.abs().max(1.0);
                    assert!(off <= 1e-5, "{path} {key} {}: {off}", point.pixel);
                    largest = largest.max(off);
                }
            }
        }
        println!("{name}: largest difference without dropout {largest:.1e}");
    }
}
