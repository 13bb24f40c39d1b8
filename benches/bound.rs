//! Prints the lower bound of the time that an image takes: `bound MODEL HEIGHT WIDTH SAMPLES
//! THREADS`, as JSON. `benches/peers.py` compares predictions with it.

#![expect(clippy::print_stdout, reason = "its result is read by another program")]

use std::error::Error;
use std::path::Path;

use mcdrop::graph::{Plan, ScoresOption};
use mcdrop::onnx::Model;
use mcdrop::runtime::Runtime;
use mcdrop::sampling::{LowerBoundTime, Sampler, SamplingOptions};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [model, height, width, samples, threads] = &arguments[..] else {
        // Cargo passes an argument to benches.
        println!("usage: bound MODEL HEIGHT WIDTH SAMPLES THREADS");
        return Ok(());
    };
    let plan = Plan::new(Model::open(Path::new(model))?, None, ScoresOption::Auto)?;
    let size = (height.parse()?, width.parse()?);
    let options = SamplingOptions {
        samples: samples.parse()?,
        threads: threads.parse()?,
        ..SamplingOptions::default()
    };
    let passes = options.samples + 1;
    let sampler = Sampler::open(plan, &Runtime::find(None)?, options, size)?;
    let bound = LowerBoundTime::measure(sampler.model(), size, 5)?;
    println!(
        "{{\"prefix_seconds\": {}, \"row_seconds\": {}, \"bound_seconds\": {}, \"rows\": {}}}",
        bound.prefix.as_secs_f64(),
        bound.row.as_secs_f64(),
        bound.of_passes(passes).as_secs_f64(),
        sampler.batching().rows_per_run
    );
    Ok(())
}
