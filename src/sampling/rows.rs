//! How many rows share a run, and the tensors at the cut grown to that number.

use super::image::Batch;
use super::options::SamplingOptions;
use super::prefix::Crossed;
use super::probe::{Crossing, Probed};
use crate::error::Result;
use crate::runtime::Value;

/// How many rows a run of the suffix has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rows {
    /// Rows of a run.
    pub per_run: usize,
    /// Why it is not more, where the model is the reason.
    pub reason: Option<String>,
    /// The batch size that the file fixes, where it was opened: rows run together proved equal
    /// to rows run alone, and both to runs of the file as it is.
    pub opened: Option<usize>,
}

impl Rows {
    /// As many as the model allows and the user or the memory says. Where memory decides it is a
    /// power of two, which a block of samples and the deterministic pass fill without a rest.
    pub(super) fn choose(
        probed: &Probed,
        batch: Batch,
        options: &SamplingOptions,
    ) -> Self {
        let per_run = match (batch, &probed.reason) {
            (Batch::Fixed(rows), _) => rows,
            (Batch::Dynamic, Some(_)) => 1,
            (Batch::Dynamic, None) => options.batch_size.unwrap_or_else(|| {
                let fitting = options.memory / probed.row_bytes.max(1);
                1 << fitting.clamp(1, SamplingOptions::MOST_ROWS).ilog2()
            }),
        };
        Self { per_run: per_run.max(1), reason: probed.reason.clone(), opened: None }
    }
}

/// The tensors at the cut, grown to a number of rows; `None` where they go in as they are.
#[derive(Default)]
pub(super) struct Fed {
    pub(super) rows: usize,
    pub(super) grown: Vec<Option<Value>>,
}

impl Fed {
    pub(super) fn new(
        crossed: &Crossed,
        crossings: &[Crossing],
        rows: usize,
    ) -> Result<Self> {
        let grow = |(value, crossing): (&Value, &Crossing)| match *crossing {
            _ if rows == 1 => Ok(None),
            Crossing::Shared => Ok(None),
            Crossing::Rows(axis) => Value::stack(&vec![value; rows], axis).map(Some),
            Crossing::Count(entry) => {
                let mut sizes = value.i64s()?.to_vec();
                sizes[entry] *= rows as i64;
                Value::from_i64(&value.shape(), sizes).map(Some)
            }
        };
        let grown = crossed.0.iter().zip(crossings).map(grow).collect::<Result<_>>()?;
        Ok(Self { rows, grown })
    }
}
