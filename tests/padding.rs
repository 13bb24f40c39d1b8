//! Padding affects neither maps nor the numbers of a row.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use mcdrop::input::preprocessing::Options;
use mcdrop::input::{Preprocessing, read_image};
use mcdrop::measure::{MUTUAL_INFORMATION, Measure, PREDICTIVE_ENTROPY};
use mcdrop::random::digest_key;
use mcdrop::runtime::Runtime;
use mcdrop::sampling::{Sampler, SamplingOptions, model_input};

use crate::fixture;

const WIDTH: u32 = 300;
const HEIGHT: u32 = 200;

/// Writes a street whose size is not a multiple of 32.
fn odd_street(path: &Path) {
    let street =
        image::open(fixture::path("fixtures/streets/images/strange_00.png")).unwrap();
    let filter = image::imageops::FilterType::Triangle;
    street.resize_exact(WIDTH, HEIGHT, filter).save(path).unwrap();
}

/// Computes a measure at the pixels of the image, in f64, from the library's own statistics.
fn oracle(image: &Path, measure: &Measure) -> Vec<f64> {
    let opened = fixture::open("streets");
    let options = Options { pad_to_multiple: Some(32), ..Options::default() };
    let file = fixture::path("models/streets.onnx");
    let input = model_input(&opened.plan).unwrap();
    let preprocessing = Preprocessing::resolve(&file, &input, &options).unwrap();
    let decoded = read_image(image, preprocessing.read_options()).unwrap();
    let made = preprocessing.apply(&decoded.picture).unwrap();
    assert_eq!((made.width, made.height), (320, 224));
    let sampling = SamplingOptions { samples: 31, seed: 0, ..SamplingOptions::default() };
    let runtime = Runtime::find(None).unwrap();
    let mut sampler =
        Sampler::open(opened.plan, &runtime, sampling, (made.height, made.width))
            .unwrap();
    let statistics = sampler.sample(made.clone(), digest_key(&decoded.sha256)).unwrap();
    let map = measure.map(&statistics);
    let rows = map.values.chunks_exact(320).take(HEIGHT as usize);
    rows.flat_map(|row| row[..WIDTH as usize].iter().map(|value| f64::from(*value)))
        .collect()
}

fn largest_patch(values: &[f64]) -> f64 {
    let starts = |length: usize| (0..length - 32).step_by(16).chain([length - 32]);
    let (width, height) = (WIDTH as usize, HEIGHT as usize);
    let mut largest = f64::NEG_INFINITY;
    for top in starts(height) {
        for left in starts(width) {
            let rows = top..top + 32;
            let patch = rows.flat_map(|y| &values[y * width + left..][..32]);
            largest = largest.max(patch.sum::<f64>() / 1024.0);
        }
    }
    largest
}

fn predict(folder: &Path, more: &[&str]) -> HashMap<String, String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mcdrop"));
    command.arg("predict").arg(fixture::path("models/streets.onnx"));
    command.arg(folder.join("street.png")).arg("-o").arg(folder.join("out"));
    let status =
        command.args(["--overwrite", "--pad-to-multiple", "32"]).args(more).status();
    assert!(status.unwrap().success());
    let mut table = csv::Reader::from_path(folder.join("out/predictions.csv")).unwrap();
    table.deserialize().next().unwrap().unwrap()
}

#[test]
fn padding_counts_neither_in_maps_nor_in_the_numbers_of_a_row() {
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("street.png");
    odd_street(&image);
    let row = predict(folder.path(), &["--keep-probabilities"]);
    assert_eq!((row["width"].as_str(), row["height"].as_str()), ("300", "200"));
    for measure in [&PREDICTIVE_ENTROPY, &MUTUAL_INFORMATION] {
        let mut values = oracle(&image, measure);
        let near = |key: &str, expected: f64| {
            let found: f64 = row[key].parse().unwrap();
            assert!(
                (found - expected).abs() <= 1e-5 * expected,
                "{key}: {found} {expected}"
            );
        };
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        near(measure.name, mean);
        near(&format!("{}_patch_max", measure.name), largest_patch(&values));
        values.sort_by(f64::total_cmp);
        let rank = (95 * values.len()).div_ceil(100) - 1;
        near(&format!("{}_q95", measure.name), values[rank]);
    }
    for map in ["prediction", "predictive_entropy", "mutual_information"] {
        let map =
            image::open(folder.path().join(format!("out/{map}/street.png.png"))).unwrap();
        assert_eq!((map.width(), map.height()), (WIDTH, HEIGHT));
    }
    for (file, shape) in [
        ("probabilities", "200, 300)"),
        ("deterministic", "(2, 200, 300)"),
        ("predictive_entropy", "(200, 300)"),
    ] {
        let bytes =
            fs::read(folder.path().join(format!("out/{file}/street.png.npy"))).unwrap();
        let header = String::from_utf8_lossy(&bytes[..128]).into_owned();
        assert!(header.contains(shape), "{header}");
    }
}
