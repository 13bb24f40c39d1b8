//! Predicts values and labels: `cargo run --example values`.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "programs print")]

use mcdrop::{Sampler, measure};

fn main() -> mcdrop::Result<()> {
    // A model of one value per image, with an output for its variance.
    let mut angles = Sampler::builder("models/digits_angle.onnx").samples(62).build()?;
    let prediction = angles.predict("fixtures/digits_angle/images/evaluation_00.png")?;
    println!(
        "angle {:.1} +- {:.1} degrees (aleatoric {:.1}, epistemic {:.1})",
        prediction.map(&measure::VALUE)?[[0, 0]],
        prediction.map(&measure::TOTAL_STD)?[[0, 0]],
        prediction.map(&measure::ALEATORIC_STD)?[[0, 0]],
        prediction.map(&measure::EPISTEMIC_STD)?[[0, 0]],
    );

    // A model of five labels, of which any number may hold.
    let mut shapes = Sampler::builder("models/shapes.onnx").samples(62).build()?;
    let prediction = shapes.predict("fixtures/shapes/images/evaluation_00.png")?;
    for label in 0..prediction.n_classes() {
        println!(
            "{}: probability {:.3}, mutual information {:.4} nats",
            shapes.class_name(label).unwrap_or("?"),
            prediction.map_of(&measure::LABEL_PROBABILITY, label)?[[0, 0]],
            prediction.map_of(&measure::LABEL_MUTUAL_INFORMATION, label)?[[0, 0]],
        );
    }
    Ok(())
}
