//! Hook that receives each prediction as soon as it is computed.

use crate::error::Result;
use crate::metric::DeterministicPass;
use crate::record::RunRecord;

/// Receives predictions while they are computed, on several threads.
pub trait Observer: Sync {
    /// Called before the first image with the record of the run (`run.json`).
    ///
    /// # Errors
    /// If the run must not begin.
    fn begin(&self, record: &RunRecord) -> Result<()>;

    /// Called for each image that was predicted.
    fn image(&self, image: &Observed<'_>);
}

/// A prediction, as `--keep-probabilities` would keep it in f32.
#[derive(Debug)]
pub struct Observed<'a> {
    /// Id of the image.
    pub id: &'a str,
    /// Rows and columns of the part of the network's plane that shows the image.
    pub size: (usize, usize),
    /// Mean probabilities, class by class.
    pub probabilities: &'a [f32],
    /// The pass without dropout.
    pub deterministic: DeterministicPass<'a>,
    /// The values of the measures of the table, in the order of
    /// [`MEASURES`](crate::measure::MEASURES).
    pub measures: Vec<&'a [f32]>,
}
