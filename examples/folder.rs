//! Predicts all images of a folder and prints the most uncertain first:
//! `cargo run --example folder -- model.onnx images`.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "programs print")]

use std::path::Path;

use mcdrop::input::{Source, list_images};
use mcdrop::{Sampler, measure};

fn main() -> mcdrop::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let model = arguments.next().unwrap_or("models/digits.onnx".to_owned());
    let folder = arguments.next().unwrap_or("fixtures/digits".to_owned());

    let mut sampler = Sampler::builder(model).build()?;
    let mut rows = Vec::new();
    for file in list_images(&[Source::images(Path::new(&folder))], None)?.images {
        match sampler.predict(&file.path()) {
            Ok(prediction) => {
                let entropy = prediction.map(&measure::PREDICTIVE_ENTROPY)?;
                rows.push((entropy.mean().unwrap_or(0.0), file.id().to_owned()));
            }
            Err(error) => eprintln!("{error}"),
        }
    }
    rows.sort_by(|a, b| b.0.total_cmp(&a.0));
    for (entropy, id) in rows {
        println!("{entropy:.4} {id}");
    }
    Ok(())
}
