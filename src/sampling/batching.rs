//! How many rows share a run, and the tensors at the cut grown to that number.

use super::image::Batch;
use super::options::SamplingOptions;
use super::prefix::CutTensors;
use super::probe::{CutLayout, Probed};
use crate::error::Result;
use crate::runtime::Value;

/// What a run works on at a time for each of its rows, as estimated: everything that crosses the
/// cut, and a few activations as large as the largest tensor that the probe saw.
#[derive(Debug, Clone, Copy)]
pub(super) struct RowBytes {
    crossing: usize,
    /// The largest of the tensors at the cut and those that are dropped from.
    body: usize,
    head: usize,
}

impl RowBytes {
    /// From what crosses the cut and what the suffix gives, its scores first, for `rows` rows.
    pub(super) fn of(crossed: &[Value], outputs: &[Value], rows: usize) -> Self {
        let bytes =
            |value: &Value| 4 * value.shape().iter().product::<usize>() / rows.max(1);
        let sites = outputs.iter().skip(1);
        Self {
            crossing: crossed.iter().map(bytes).sum(),
            body: crossed.iter().chain(sites).map(bytes).max().unwrap_or(0),
            head: outputs.first().map_or(0, bytes),
        }
    }

    /// The same for a suffix that ends in these scores.
    pub(super) fn with_head(self, scores: &Value) -> Self {
        Self { head: 4 * scores.shape().iter().product::<usize>(), ..self }
    }

    /// Rows that fit a memory: a power of two, which a block of samples and the deterministic
    /// pass fill without a rest.
    fn fitting(self, memory: usize) -> usize {
        let all = self.crossing + 4 * self.body.max(self.head);
        1 << (memory / all.max(1)).clamp(1, SamplingOptions::MOST_ROWS).ilog2()
    }
}

/// How many rows a run of the suffix has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batching {
    /// Rows of a run.
    pub rows_per_run: usize,
    /// Why it is not more, where the model is the reason.
    pub limited_by: Option<String>,
    /// The batch size that the file fixes, where it was opened: rows run together proved equal
    /// to rows run alone, and both to runs of the file as it is.
    pub opened_batch: Option<usize>,
}

impl Batching {
    /// As many as the model allows and the user or the memory says.
    pub(super) fn choose(
        probed: &Probed,
        batch: Batch,
        options: &SamplingOptions,
    ) -> Self {
        let rows_per_run = match (batch, &probed.reason) {
            (Batch::Fixed(rows), _) => rows,
            (Batch::Dynamic, Some(_)) => 1,
            (Batch::Dynamic, None) => options
                .batch_size
                .unwrap_or_else(|| probed.row_bytes.fitting(options.memory)),
        };
        Self {
            rows_per_run: rows_per_run.max(1),
            limited_by: probed.reason.clone(),
            opened_batch: None,
        }
    }

    /// How many where a row takes so much, if memory decides.
    pub(super) fn with(&self, bytes: RowBytes, options: &SamplingOptions) -> Self {
        let decided = options.batch_size.is_some() || self.limited_by.is_some();
        let rows_per_run =
            if decided { self.rows_per_run } else { bytes.fitting(options.memory) };
        Self { rows_per_run, ..self.clone() }
    }
}

/// The tensors at the cut, grown to a number of rows; `None` where they go in as they are.
#[derive(Default)]
pub(super) struct BatchedCutTensors {
    pub(super) rows: usize,
    pub(super) grown: Vec<Option<Value>>,
}

impl BatchedCutTensors {
    pub(super) fn new(
        crossed: &CutTensors,
        crossings: &[CutLayout],
        rows: usize,
    ) -> Result<Self> {
        let grow = |(value, crossing): (&Value, &CutLayout)| match *crossing {
            _ if rows == 1 => Ok(None),
            CutLayout::Shared => Ok(None),
            CutLayout::Rows(axis) => Value::stack(&vec![value; rows], axis).map(Some),
            CutLayout::Count(entry) => {
                let mut sizes = value.i64s()?.to_vec();
                sizes[entry] *= rows as i64;
                Value::from_i64(&value.shape(), sizes).map(Some)
            }
        };
        let grown = crossed.0.iter().zip(crossings).map(grow).collect::<Result<_>>()?;
        Ok(Self { rows, grown })
    }
}
