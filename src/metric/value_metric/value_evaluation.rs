//! The evaluation of one target, to which images are added one by one.

use std::collections::BTreeMap;
use std::path::Path;

use super::metric_values::{self, ValueEvaluationData};
use super::spec::ValueEvaluationSpec;
use super::sums::ValueSums;
use super::value_summary::ValueSummary;
use crate::error::{Error, Result};
use crate::metric::bootstrap;
use crate::metric::metric_value::MetricValue;

/// Errors of a labeled image, which are kept for every image.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ImageErrors {
    /// Number of labeled items.
    pub n_labeled: u64,
    /// Mean absolute error, in the unit of the target.
    pub mean_absolute: f64,
    /// Root of the mean squared error, in the unit of the target.
    pub root_mean_square: f64,
}

/// Sums over labeled images for one target, their bootstrap replicates, and a few dozen bytes per
/// image.
///
/// Apart from those bytes its size is limited by the number of bins. Its metrics depend only on
/// the set of images that were added.
#[derive(Debug, Clone, PartialEq)]
pub struct ValueEvaluation {
    spec: ValueEvaluationSpec,
    pooled: ValueSums,
    /// Sums of all images with coarse bins, followed by those of the replicates.
    coarse: Vec<ValueSums>,
    /// Errors of each image by id; `None` for images without labeled items.
    images: BTreeMap<String, Option<ImageErrors>>,
}

impl ValueEvaluation {
    /// Creates an evaluation without images.
    pub fn new(spec: ValueEvaluationSpec) -> Self {
        let n_predictions = 1 + usize::from(spec.has_deterministic());
        let empty = ValueSums::new(n_predictions, spec.std_sources().len());
        let coarse = match spec.options().replicates {
            0 => 0,
            replicates => replicates + 1,
        };
        Self {
            coarse: vec![empty.clone(); coarse],
            pooled: empty,
            images: BTreeMap::new(),
            spec,
        }
    }

    /// Returns the specification.
    pub fn spec(&self) -> &ValueEvaluationSpec {
        &self.spec
    }

    /// Adds an image.
    ///
    /// # Errors
    /// Fails if an image with this id was added before.
    pub fn add(&mut self, image: ValueSummary) -> Result<()> {
        let ValueSummary { id, sums } = image;
        self.check_new(&id)?;
        self.pooled.add(&sums, 1);
        if let Some((whole, replicates)) = self.coarse.split_first_mut() {
            let coarse = sums.coarsened();
            let key = bootstrap::key(&id);
            whole.add(&coarse, 1);
            for (b, replicate) in replicates.iter_mut().enumerate() {
                match bootstrap::weight(key, b) {
                    0 => {}
                    weight => replicate.add(&coarse, weight),
                }
            }
        }
        self.images.insert(id, image_errors(&sums));
        Ok(())
    }

    /// Adds the images of another evaluation.
    ///
    /// # Errors
    /// Fails if the specifications differ or both evaluations contain an image with the same id;
    /// this evaluation is then unchanged.
    pub fn merge(&mut self, other: Self) -> Result<()> {
        if self.spec != other.spec {
            let message = "two evaluations differ in target or settings";
            return Err(Error::setting("merging", message)
                .with_hint("make all parts with the same model and settings"));
        }
        other.images.keys().try_for_each(|id| self.check_new(id))?;
        self.pooled.add(&other.pooled, 1);
        for (replicate, more) in self.coarse.iter_mut().zip(&other.coarse) {
            replicate.add(more, 1);
        }
        self.images.extend(other.images);
        Ok(())
    }

    /// Returns the number of images.
    pub fn n_images(&self) -> usize {
        self.images.len()
    }

    /// Returns the number of labeled items.
    pub fn n_items(&self) -> u64 {
        self.pooled.labels.count
    }

    /// Returns the errors of each labeled image by id.
    pub fn errors(&self) -> impl Iterator<Item = (&str, ImageErrors)> {
        self.images.iter().filter_map(|(id, errors)| Some((id.as_str(), (*errors)?)))
    }

    /// Computes every metric of [`VALUE_METRICS`](super::VALUE_METRICS) whose requirements are
    /// met, in the order of the table; keys are unique.
    pub fn metrics(&self) -> Vec<MetricValue> {
        metric_values::metric_values(self.data())
    }

    /// Returns the size in bytes of the sums, which is limited by the number of bins.
    pub fn bytes(&self) -> usize {
        self.pooled.bytes() + self.coarse.iter().map(ValueSums::bytes).sum::<usize>()
    }

    pub(super) fn data(&self) -> ValueEvaluationData<'_> {
        ValueEvaluationData {
            spec: &self.spec,
            pooled: &self.pooled,
            coarse: &self.coarse,
            n_labeled_images: self.errors().count(),
        }
    }

    fn check_new(&self, id: &str) -> Result<()> {
        if self.images.contains_key(id) {
            let message = "was evaluated before: expected every image once";
            return Err(Error::image(Path::new(id), message)
                .with_hint("give the images of one evaluation different paths"));
        }
        Ok(())
    }
}

/// Returns the errors of a single image; `None` without labeled items.
fn image_errors(sums: &ValueSums) -> Option<ImageErrors> {
    let errors = &sums.predictions.first()?.errors;
    let n_labeled = sums.labels.count;
    Some(ImageErrors {
        n_labeled,
        mean_absolute: errors.absolute.mean(n_labeled)?,
        root_mean_square: errors.squared.mean(n_labeled)?.sqrt(),
    })
}
