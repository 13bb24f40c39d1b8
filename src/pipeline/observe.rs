//! Somebody who looks at predictions as they are made.

use super::write::{Predicted, Writer};
use crate::error::Result;
use crate::input::ImageFile;
use crate::measure::{MEASURES, Measure};
use crate::record::RunRecord;
use crate::tensor::Map;

/// Looks at predictions while they are made, on several threads.
pub trait Observer: Sync {
    /// A run will be as its record (`run.json`) says.
    ///
    /// # Errors
    /// If it should not begin.
    fn begin(&self, record: &RunRecord) -> Result<()>;

    /// An image was predicted.
    fn image(&self, image: &Observed<'_>);
}

/// A prediction, as `--keep-probabilities` would keep it in f32.
#[derive(Debug)]
pub struct Observed<'a> {
    /// The image's id.
    pub id: &'a str,
    /// Rows and columns of the part that counts.
    pub size: (usize, usize),
    /// Mean probabilities, class by class.
    pub probabilities: Vec<f32>,
    /// Class of each item in the pass without dropout, and its probability.
    pub deterministic: (Vec<u16>, Vec<f32>),
    /// The values of the measures of the table, in the order of [`MEASURES`].
    pub measures: Vec<&'a [f32]>,
}

impl Writer<'_> {
    pub(super) fn observed<'a>(
        &self,
        file: &'a ImageFile,
        image: &Predicted,
        maps: &'a [(&Measure, Map)],
    ) -> Observed<'a> {
        let part = self.part(image);
        let is_listed =
            |m: &&Measure| self.options.measures.iter().any(|o| o.name == m.name);
        let values = |measure: &Measure| {
            let map = maps.iter().find(|(other, _)| other.name == measure.name);
            map.map(|(_, map)| map.values.as_slice())
        };
        Observed {
            id: file.id(),
            size: (part.rows.len(), part.columns.len()),
            probabilities: self.probabilities(image),
            deterministic: self.deterministic(image),
            measures: MEASURES.iter().filter(is_listed).filter_map(values).collect(),
        }
    }
}
