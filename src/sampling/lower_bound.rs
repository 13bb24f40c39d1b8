//! Lower bound of the time of a prediction: the time of the network's own arithmetic.

use std::time::{Duration, Instant};

use super::engine::{BatchedCutTensors, DETERMINISTIC_SUFFIX, Prefix, filled};
use super::image;
use super::probe::ProbedModel;
use super::size::Size;
use crate::error::Result;
use crate::graph::SuffixKind;

/// Time that ONNX Runtime takes for an image without sampling: the prefix once, and for each pass
/// the suffix with its sites off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LowerBoundTime {
    /// Time of the prefix for one image.
    pub prefix: Duration,
    /// Time of the suffix per row: in runs of one row or of as many as the sampler uses, whichever
    /// is faster.
    pub row: Duration,
}

impl LowerBoundTime {
    /// Measures the times on noise of a size (height, width), as medians of `repeats` runs.
    ///
    /// # Errors
    /// Fails if the model cannot take the size.
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

    /// Returns the time of an image of `passes` passes: the samples and the deterministic one.
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
