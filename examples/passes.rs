//! Computes a statistic of single passes: the fraction of the samples that vote for each class, at
//! one pixel or for the image.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "programs print")]

use mcdrop::Sampler;

fn main() -> mcdrop::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let model = arguments.next().unwrap_or("models/digits.onnx".to_owned());
    let image = arguments.next().unwrap_or("fixtures/digits/7/0001.png".to_owned());

    let mut sampler = Sampler::builder(model).build()?;
    let mut votes = vec![0_u32; sampler.n_classes()];
    sampler.for_each_pass(image.as_str(), |pass, probabilities| {
        if pass.sample.is_none() {
            return; // the pass without dropout
        }
        let classes = 0..votes.len();
        let best = classes.max_by(|&a, &b| {
            probabilities[[a, 0, 0]].total_cmp(&probabilities[[b, 0, 0]])
        });
        if let Some(class) = best {
            votes[class] += 1;
        }
    })?;
    let samples: u32 = votes.iter().sum();
    for (class, votes) in votes.iter().enumerate().filter(|(_, votes)| **votes > 0) {
        let name = sampler.class_name(class).map_or(class.to_string(), str::to_owned);
        println!("{name}: {votes} of {samples} samples");
    }
    Ok(())
}
