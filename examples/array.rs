//! Predicts an image that is an array in memory.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "programs print")]

use mcdrop::{Sampler, measure};
use ndarray::Array3;

fn main() -> mcdrop::Result<()> {
    // A diagonal line, white on black: [rows, columns, channels].
    let pixels =
        Array3::from_shape_fn(
            (8, 8, 1),
            |(y, x, _)| {
                if x.abs_diff(y) < 2 { 255_u8 } else { 0 }
            },
        );

    let mut sampler = Sampler::builder("models/digits.onnx").samples(62).build()?;
    let prediction = sampler.predict(pixels.view())?;

    let classes = prediction.probabilities()?;
    for (class, probability) in classes.iter().enumerate() {
        println!("{class}: {probability:.3}");
    }
    let entropy = prediction.map(&measure::PREDICTIVE_ENTROPY)?[[0, 0]];
    println!("predictive entropy {entropy:.3} nats");
    Ok(())
}
