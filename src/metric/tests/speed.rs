use std::time::Instant;

use super::data::{Image, Kind, Random};
use crate::measure::MEASURES;
use crate::metric::{
    Aggregation, Evaluation, EvaluationOptions, EvaluationSpec, ScoreSpec,
};
use crate::task::Item;

fn spec(replicates: usize) -> EvaluationSpec {
    let classes = (0..19).map(|class| class.to_string()).collect();
    let scores = MEASURES.iter().map(|m| ScoreSpec::new(m.name, 19f32.ln())).collect();
    let options = EvaluationOptions { replicates, ..EvaluationOptions::default() };
    EvaluationSpec::new(Item::Pixel, classes, scores, options)
        .unwrap()
        .with_deterministic()
}

#[test]
fn the_state_of_a_street_evaluation_is_well_below_500_mb() {
    let bytes = Evaluation::new(spec(200)).bytes();
    assert!(bytes < 350 << 20, "{} MB", bytes >> 20);
    let more = Evaluation::new(spec(201)).bytes() - bytes;
    assert!((1 << 18..2 << 20).contains(&more), "{more} bytes a replicate");
}

#[test]
fn every_aggregation_is_a_candidate_for_maps() {
    assert_eq!(spec(0).aggregations(), Aggregation::ALL);
}

/// Repeats each pixel of an image four by four times: maps of networks are about as smooth.
fn enlarged(image: &Image) -> Image {
    let (height, width) = (4 * image.height, 4 * image.width);
    let small = |i: usize| i / width / 4 * image.width + i % width / 4;
    let n = image.height * image.width;
    let plane = |values: &[f32]| (0..height * width).map(|i| values[small(i)]).collect();
    let class_map = |ids: &[u16]| (0..height * width).map(|i| ids[small(i)]).collect();
    let (classes, own) = image.deterministic.as_ref().unwrap();
    Image {
        id: image.id.clone(),
        height,
        width,
        probabilities: image
            .probabilities
            .chunks(n)
            .flat_map(|p| plane(p) as Vec<_>)
            .collect(),
        labels: (0..height * width).map(|i| image.labels[small(i)]).collect(),
        scores: (0..10).map(|i| plane(&image.scores[[0, 1, 1, 3][i % 4]])).collect(),
        deterministic: Some((class_map(classes), plane(own))),
        mask: None,
    }
}

/// To run it: `cargo test --release --lib a_large_street -- --ignored --nocapture`.
#[test]
#[ignore = "measures wall-clock time"]
#[expect(clippy::print_stdout, reason = "prints the measured times")]
fn a_large_street_is_added() {
    let spec = spec(200);
    let kind = Kind { item: Item::Pixel, n_classes: 19, height: 256, width: 512 };
    let mut image = enlarged(&super::data::image(kind, "a.png", &mut Random(1)));
    let mut evaluation = Evaluation::new(spec.clone());
    let mut fastest = f64::INFINITY;
    // The fastest of several, because other programs may use the machine.
    for id in ["a", "b", "c", "d", "e", "f"] {
        id.clone_into(&mut image.id);
        let start = Instant::now();
        let summary = image.summary(&spec).unwrap();
        let summarized = start.elapsed();
        evaluation.add(summary).unwrap();
        let all = start.elapsed();
        println!("summary {summarized:?}, with adding {all:?}");
        fastest = fastest.min(all.as_secs_f64());
    }
    println!("fastest: {fastest} s");
    let start = Instant::now();
    let n = evaluation.metrics().len();
    println!(
        "{n} metrics in {:?}; state {} MB",
        start.elapsed(),
        evaluation.bytes() >> 20
    );
}
