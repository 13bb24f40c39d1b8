//! Predicts one image: `cargo run --example one_image -- model.onnx image.png`.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "programs print")]

use mcdrop::{Sampler, measure};

fn main() -> mcdrop::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let model = arguments.next().unwrap_or("models/digits.onnx".to_owned());
    let image = arguments.next().unwrap_or("fixtures/digits/7/0001.png".to_owned());

    let mut sampler = Sampler::builder(model).samples(62).seed(7).build()?;
    let prediction = sampler.predict(image.as_str())?;

    let entropy = prediction.map(&measure::PREDICTIVE_ENTROPY)?;
    let disagreement = prediction.map(&measure::MUTUAL_INFORMATION)?;
    println!("class {}", prediction.classes()?[[0, 0]]);
    println!("probability {:.4}", prediction.probability()?[[0, 0]]);
    println!("predictive entropy {:.4} nats on average", entropy.mean().unwrap_or(0.0));
    println!(
        "mutual information {:.4} nats on average",
        disagreement.mean().unwrap_or(0.0)
    );
    Ok(())
}
