//! The number of rows that share a run.

use super::image::Batch;
use super::options::SamplingOptions;
use crate::runtime::Value;

/// Estimated bytes per row of a run: everything that crosses the cut, and a few activations as
/// large as the largest tensor that the probe saw.
#[derive(Debug, Clone, Copy)]
pub(super) struct RowBytes {
    crossing: usize,
    /// The largest of the tensors at the cut and those that are dropped from.
    body: usize,
    head: usize,
}

impl RowBytes {
    /// Estimates from a run of `rows` rows: its tensors at the cut, its heads and the shapes of
    /// the tensors that sites drop from.
    pub(super) fn of(
        cut: &[Value],
        heads: &[Value],
        sites: impl Iterator<Item = Vec<usize>>,
        rows: usize,
    ) -> Self {
        let bytes = |shape: Vec<usize>| 4 * shape.iter().product::<usize>() / rows.max(1);
        let of_value = |value: &Value| bytes(value.shape());
        let at_cut = cut.iter().map(of_value);
        Self {
            crossing: at_cut.clone().sum(),
            body: at_cut.chain(sites.map(bytes)).max().unwrap_or(0),
            head: heads.iter().map(of_value).sum(),
        }
    }

    /// Returns the estimate for a suffix that ends in these scores.
    pub(super) fn with_head(self, scores: &Value) -> Self {
        Self { head: 4 * scores.shape().iter().product::<usize>(), ..self }
    }

    /// Returns the number of rows that fit into a memory: a power of two, so that a block of samples
    /// and the deterministic pass fill whole runs.
    fn fitting(self, memory: usize) -> usize {
        let all = self.crossing + 4 * self.body.max(self.head);
        1 << (memory / all.max(1)).clamp(1, SamplingOptions::MOST_ROWS).ilog2()
    }
}

/// Number of rows in a run of the suffix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batching {
    /// Rows of a run.
    pub rows_per_run: usize,
    /// The reason why there are not more, if the model limits them.
    pub limited_by: Option<String>,
    /// The batch size that the file fixes, if it was opened: rows that run together proved equal
    /// to rows that run by themselves, and both to runs of the unchanged file.
    pub opened_batch: Option<usize>,
}

impl Batching {
    /// Chooses as many rows as the model allows and as the user sets or the memory permits.
    pub(super) fn choose(
        limited_by: Option<String>,
        batch: Batch,
        row_bytes: RowBytes,
        options: &SamplingOptions,
    ) -> Self {
        let rows_per_run = match (batch, &limited_by) {
            (Batch::Fixed(rows), _) => rows,
            (Batch::Dynamic, Some(_)) => 1,
            (Batch::Dynamic, None) => {
                options.batch_size.unwrap_or_else(|| row_bytes.fitting(options.memory))
            }
        };
        Self { rows_per_run: rows_per_run.max(1), limited_by, opened_batch: None }
    }

    /// Returns the choice for rows of another size, if memory decides it.
    pub(super) fn with(&self, bytes: RowBytes, options: &SamplingOptions) -> Self {
        let is_given = options.batch_size.is_some() || self.limited_by.is_some();
        let rows_per_run =
            if is_given { self.rows_per_run } else { bytes.fitting(options.memory) };
        Self { rows_per_run, ..self.clone() }
    }
}
