//! The evaluation, to which images are added one by one.

use std::path::Path;

use super::bootstrap;
use super::image_ranking::{ImageOutcomes, ImageRanking, rank_candidates};
use super::image_summary::ImageSummary;
use super::metric_value::MetricValue;
use super::spec::EvaluationSpec;
use super::sums::{BinDetail, ImageSums, PooledSums};
use super::values::{self, EvaluationData};
use crate::error::{Error, Result};

/// Sums over labeled images, their bootstrap replicates, and a few hundred bytes per image.
///
/// Apart from those bytes its size is constant. Its metrics depend only on the set of images that
/// were added.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluation {
    spec: EvaluationSpec,
    pooled: PooledSums,
    /// Sums of all images with coarse bins, followed by those of the replicates.
    coarse: Vec<PooledSums>,
    inside: ImageOutcomes,
    outside: ImageOutcomes,
}

impl Evaluation {
    /// Creates an evaluation without images.
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

    /// Returns the specification.
    pub fn spec(&self) -> &EvaluationSpec {
        &self.spec
    }

    /// Adds an image.
    ///
    /// # Errors
    /// Fails if an image with this id was added before.
    pub fn add(&mut self, image: ImageSummary) -> Result<()> {
        let ImageSummary { id, sums, outcome } = image;
        check_new(&self.inside, &id)?;
        self.pooled.add(&sums, 1);
        self.add_to_replicates(&sums, bootstrap::key(&id));
        self.inside.insert(id, outcome);
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

    /// Adds an image from outside the distribution, of which only the scores count.
    ///
    /// # Errors
    /// Fails if an outside image with this id was added before.
    pub fn add_outside(&mut self, image: ImageSummary) -> Result<()> {
        check_new(&self.outside, &image.id)?;
        self.outside.insert(image.id, image.outcome);
        Ok(())
    }

    /// Adds the images of another evaluation.
    ///
    /// # Errors
    /// Fails if the specifications differ or both evaluations contain an image with the same id;
    /// this evaluation is then unchanged.
    pub fn merge(&mut self, other: Self) -> Result<()> {
        if self.spec != other.spec {
            let message = "two evaluations differ in classes, measures or settings";
            return Err(Error::setting("merging", message)
                .with_hint("make all parts with the same model and settings"));
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

    /// Returns the number of images inside the distribution, and outside of it.
    pub fn n_images(&self) -> (usize, usize) {
        (self.inside.len(), self.outside.len())
    }

    /// Returns the number of labeled items.
    pub fn n_items(&self) -> u64 {
        self.pooled.tally.count
    }

    /// Returns the loss of each labeled image by id: the share of its labeled items that are
    /// wrong, which the ranking of images uses.
    pub fn losses(&self) -> impl Iterator<Item = (&str, f64)> {
        self.inside
            .iter()
            .filter_map(|(id, outcome)| Some((id.as_str(), outcome.loss()?)))
    }

    /// Computes every metric whose requirements are met, in the order of the table; keys are
    /// unique.
    pub fn metrics(&self) -> Vec<MetricValue> {
        values::values(self.data())
    }

    /// Ranks all scores and aggregations by how well they find the images with a high loss, the
    /// share of their labeled items that are wrong.
    ///
    /// Candidates with equal AURC are in the order of the specification. A candidate ties with
    /// the best one if the interval of the difference of their AURC over the replicates contains
    /// 0. With many candidates, some worse ones tie by chance; the best of several that tie is
    /// not a finding.
    pub fn rank_images(&self) -> ImageRanking {
        rank_candidates(&self.spec, &self.inside, &self.outside)
    }

    /// Returns the size in bytes of the sums, which does not grow with the number of images.
    pub fn bytes(&self) -> usize {
        self.pooled.bytes() + self.coarse.iter().map(PooledSums::bytes).sum::<usize>()
    }

    pub(super) fn data(&self) -> EvaluationData<'_> {
        let Self { spec, pooled, coarse, inside, outside } = self;
        EvaluationData { spec, pooled, coarse, inside, outside }
    }
}

fn check_new(outcomes: &ImageOutcomes, id: &str) -> Result<()> {
    if outcomes.contains_key(id) {
        let message = "was evaluated before: expected every image once";
        return Err(Error::image(Path::new(id), message)
            .with_hint("give the images of one evaluation different paths"));
    }
    Ok(())
}
