//! An evaluation that grows image by image.

use std::path::Path;

use super::bootstrap;
use super::candidates::ImageOutcomes;
use super::image::{ImageSummary, ImageSums};
use super::record::ImageOutcome;
use super::spec::EvaluationSpec;
use super::sums::{BinDetail, PooledSums};
use super::values::{self, EvaluationData, MetricValue};
use crate::error::{Error, Result};

/// Metrics in the making: sums over labeled images, their replicates, and a few hundred bytes
/// of each image.
///
/// Apart from those bytes it has one size, whatever the number of images. What it says depends
/// on which images it has, and on nothing else.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluation {
    spec: EvaluationSpec,
    pooled: PooledSums,
    /// First all images with coarse bins, then the replicates.
    coarse: Vec<PooledSums>,
    inside: ImageOutcomes,
    outside: ImageOutcomes,
}

impl Evaluation {
    /// An evaluation without images.
    pub fn new(spec: EvaluationSpec) -> Self {
        let coarse = match spec.options().replicates {
            0 => 0,
            replicates => replicates + 1,
        };
        Self {
            pooled: PooledSums::new(&spec, BinDetail::Fine),
            coarse: (0..coarse)
                .map(|_| PooledSums::new(&spec, BinDetail::Coarse))
                .collect(),
            inside: ImageOutcomes::new(),
            outside: ImageOutcomes::new(),
            spec,
        }
    }

    /// What is evaluated.
    pub fn spec(&self) -> &EvaluationSpec {
        &self.spec
    }

    /// Adds an image.
    ///
    /// # Errors
    /// When an image with this id has been added.
    pub fn add(&mut self, image: ImageSummary) -> Result<()> {
        let ImageSummary { id, sums, record } = image;
        check_new(&self.inside, &id)?;
        self.pooled.add(&sums, 1);
        self.add_to_replicates(&sums, bootstrap::key(&id));
        self.inside.insert(id, record);
        Ok(())
    }

    fn add_to_replicates(&mut self, sums: &ImageSums, key: u64) {
        let Some((whole, replicates)) = self.coarse.split_first_mut() else { return };
        let coarse = sums.coarsened();
        whole.add(&coarse, 1);
        for (b, replicate) in replicates.iter_mut().enumerate() {
            match bootstrap::weight(key, b) {
                0 => {}
                weight => replicate.add(&coarse, weight),
            }
        }
    }

    /// Adds an image from outside the distribution; only its scores count.
    ///
    /// # Errors
    /// When an image with this id has been added as such.
    pub fn add_outside(&mut self, image: ImageSummary) -> Result<()> {
        check_new(&self.outside, &image.id)?;
        self.outside.insert(image.id, image.record);
        Ok(())
    }

    /// Adds the images of another evaluation.
    ///
    /// # Errors
    /// When the other one evaluates something else, or has an image that this one has too.
    /// This one is then unchanged.
    pub fn merge(&mut self, other: Self) -> Result<()> {
        if self.spec != other.spec {
            let message = "two evaluations have other classes, measures or settings";
            return Err(Error::setting("merging", message)
                .with_hint("make all parts with the same model and flags"));
        }
        other.inside.keys().try_for_each(|id| check_new(&self.inside, id))?;
        other.outside.keys().try_for_each(|id| check_new(&self.outside, id))?;
        self.pooled.merge(&other.pooled);
        for (replicate, more) in self.coarse.iter_mut().zip(&other.coarse) {
            replicate.merge(more);
        }
        self.inside.extend(other.inside);
        self.outside.extend(other.outside);
        Ok(())
    }

    /// Number of images inside the distribution, and outside of it.
    pub fn n_images(&self) -> (usize, usize) {
        (self.inside.len(), self.outside.len())
    }

    /// Number of labeled items.
    pub fn n_items(&self) -> u64 {
        self.pooled.tally.count
    }

    /// The share of labeled items that are wrong in each image that has any, by id: what a
    /// ranking of images is judged by.
    pub fn losses(&self) -> impl Iterator<Item = (&str, f64)> {
        let loss = |(id, record): (_, &ImageOutcome)| Some((id, record.loss()?));
        self.inside.iter().map(|(id, record)| (id.as_str(), record)).filter_map(loss)
    }

    /// Every metric that what was given allows, in the order of the table; keys are unique.
    pub fn metrics(&self) -> Vec<MetricValue> {
        values::values(self.source())
    }

    /// Bytes of the sums, which do not grow with the images.
    pub fn bytes(&self) -> usize {
        self.pooled.bytes() + self.coarse.iter().map(PooledSums::bytes).sum::<usize>()
    }

    pub(super) fn source(&self) -> EvaluationData<'_> {
        let Self { spec, pooled, coarse, inside, outside } = self;
        EvaluationData { spec, pooled, coarse, inside, outside }
    }
}

fn check_new(records: &ImageOutcomes, id: &str) -> Result<()> {
    if records.contains_key(id) {
        let message = "has been evaluated before, expected every image once";
        return Err(Error::image(Path::new(id), message)
            .with_hint("give images of one evaluation different paths"));
    }
    Ok(())
}
