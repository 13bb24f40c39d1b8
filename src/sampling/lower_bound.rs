//! The yardstick of a prediction's speed: the arithmetic that the network itself asks for.

use std::time::{Duration, Instant};

use super::engine::{BatchedCutTensors, DETERMINISTIC_SUFFIX, Prefix, filled};
use super::image;
use super::probe::ProbedModel;
use super::size::Size;
use crate::error::Result;
use crate::graph::SuffixKind;

/// The time that ONNX Runtime takes for an image without any sampling: the prefix once, and for
/// each pass the suffix with its sites off and all of its operators left in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LowerBoundTime {
    /// The prefix for one image.
    pub prefix: Duration,
    /// A row of the suffix: of runs of one row or of as many as the sampler runs together,
    /// whichever is faster.
    pub row: Duration,
}

impl LowerBoundTime {
    /// Measures it on noise of a size (height, width): medians of `repeats` runs.
    ///
    /// # Errors
    /// If the model cannot take the size.
    pub fn measure(model: &ProbedModel, size: Size, repeats: usize) -> Result<Self> {
        let rows_of_image = image::rows(&model.plan);
        let mut prefix = Prefix::open(&model.plan, model.opener())?;
        let time = median(repeats, || {
            prefix.run(filled(model.noise(0, size)?, rows_of_image)?).map(drop)
        })?;
        let cut = prefix.run(filled(model.noise(0, size)?, rows_of_image)?)?;
        let bytes = model.plan.suffix(&prefix.cut_inputs(), SuffixKind::Off);
        let mut suffix =
            model.opener().deterministic(&model.plan, DETERMINISTIC_SUFFIX, &bytes)?;
        let mut row = Duration::MAX;
        for rows in [rows_of_image, model.batching.rows_per_run] {
            let batched = BatchedCutTensors::new(&cut, &model.layout.cuts, rows)?;
            let inputs = batched.named(prefix.names(), &cut);
            let time = median(repeats, || suffix.run(&inputs).map(drop))?;
            row = row.min(time / rows.max(1) as u32);
        }
        Ok(Self { prefix: time, row })
    }

    /// The time of an image of `passes` passes: the samples and the deterministic one.
    pub fn of_passes(&self, passes: u32) -> Duration {
        self.prefix + self.row * passes
    }
}

fn median(repeats: usize, mut run: impl FnMut() -> Result<()>) -> Result<Duration> {
    // The first run allocates memory that the later ones use again.
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
