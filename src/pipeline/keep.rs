//! Arrays that are kept of an image, at the network's size less padding.

use super::write::{Predicted, Writer};
use crate::error::Result;
use crate::input::ImageFile;
use crate::measure::Measure;
use crate::npy;
use crate::output::folder::map_path;
use crate::record::Precision;
use crate::tensor::Map;

impl Writer<'_> {
    /// Mean probabilities of the part that counts, class by class.
    pub(super) fn probabilities(&self, image: &Predicted) -> Vec<f32> {
        let statistics = &image.statistics;
        let whole = (statistics.height(), statistics.width());
        self.part(image).crop_planes(statistics.mean(), whole)
    }

    /// The classes of the pass without dropout in the part that counts, and their probabilities.
    pub(super) fn deterministic(&self, image: &Predicted) -> (Vec<u16>, Vec<f32>) {
        let part = self.part(image);
        let (class, probability) = image.statistics.deterministic();
        (part.crop_classes(class).classes, part.crop_map(probability).values)
    }

    /// Mean probabilities, the pass without dropout and the measures, at the network's size
    /// less padding.
    pub(super) fn keep_probabilities(
        &self,
        file: &ImageFile,
        image: &Predicted,
        maps: &[(&Measure, Map)],
    ) -> Result<()> {
        let Some(precision) = self.options.keep_probabilities else { return Ok(()) };
        let statistics = &image.statistics;
        let part = self.part(image);
        let (height, width) = (part.rows.len(), part.columns.len());
        let shape = [statistics.n_classes(), height, width];
        let mean = self.probabilities(image);
        let encoded = match precision {
            Precision::F32 => npy::encode_f32(&shape, &mean),
            Precision::F16 => npy::encode_f16(&shape, &mean),
        };
        self.folder.save(&map_path("probabilities", file.id(), "npy"), encoded)?;
        let (classes, probability) = self.deterministic(image);
        let mut values: Vec<f32> = classes.into_iter().map(f32::from).collect();
        values.extend(probability);
        let encoded = npy::encode_f32(&[2, height, width], &values);
        self.folder.save(&map_path("deterministic", file.id(), "npy"), encoded)?;
        for (measure, map) in maps {
            let encoded = npy::encode_f32(&[height, width], &map.values);
            self.folder.save(&map_path(measure.name, file.id(), "npy"), encoded)?;
        }
        Ok(())
    }
}
