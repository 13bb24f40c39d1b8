//! The yardstick of a prediction's speed: the arithmetic that the network itself asks for.

use std::time::{Duration, Instant};

use super::super::batching::BatchedCutTensors;
use super::super::image;
use super::super::size::Size;
use super::{Sampler, session_options};
use crate::error::Result;
use crate::graph::SuffixKind;
use crate::runtime::{Session, Value};

/// What an image costs in ONNX Runtime alone: the prefix once, and the suffix with its sites off
/// and all of its operators left in, for each pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LowerBoundTime {
    /// The prefix for one image.
    pub prefix: Duration,
    /// A row of the suffix: of runs of one row or of as many as the sampler runs together,
    /// whichever is faster.
    pub row: Duration,
}

impl LowerBoundTime {
    /// The time of an image of `passes` passes: the samples and the deterministic one.
    pub fn of_passes(&self, passes: u32) -> Duration {
        self.prefix + self.row * passes
    }
}

impl Sampler {
    /// Measures the bound on noise of a size (height, width): medians of `repeats` runs.
    ///
    /// # Errors
    /// If the model cannot take the size.
    pub fn lower_bound_time(
        &mut self,
        size: Size,
        repeats: usize,
    ) -> Result<LowerBoundTime> {
        let image = image::noise_tensor(&self.plan, &self.input, 0, size)?;
        let images = vec![&image; self.prefix_rows];
        let prefix = median(repeats, || self.prefix.run(&images).map(drop))?;
        let crossed = self.prefix.run(&images)?;
        let model = self.plan.suffix(&self.prefix.cut_inputs(), SuffixKind::Off);
        let options = session_options(&self.plan, &self.options)?;
        let what = "model from its first dropout on, with dropout off";
        let mut suffix = Session::open(&self.runtime, what, &model, &options)?;
        let mut row = Duration::MAX;
        for rows in [self.prefix_rows, self.rows_of_a_run()] {
            let fed = BatchedCutTensors::new(&crossed, &self.crossings, rows)?;
            let value = |i: usize| fed.grown[i].as_ref().unwrap_or(&crossed.0[i]);
            let names = self.prefix.names().iter().enumerate();
            let given: Vec<(&str, &Value)> =
                names.map(|(i, name)| (name.as_str(), value(i))).collect();
            let time = median(repeats, || suffix.run(&given).map(drop))?;
            row = row.min(time / rows.max(1) as u32);
        }
        Ok(LowerBoundTime { prefix, row })
    }
}

fn median(repeats: usize, mut run: impl FnMut() -> Result<()>) -> Result<Duration> {
    // The first run takes memory that the later ones find.
    run()?;
    let mut times = Vec::new();
    for _ in 0..repeats.max(1) {
        let start = Instant::now();
        run()?;
        times.push(start.elapsed());
    }
    times.sort_unstable();
    Ok(times[times.len() / 2])
}
