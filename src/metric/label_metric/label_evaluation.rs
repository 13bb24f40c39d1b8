//! The evaluation of labels, to which images are added one by one.

use std::collections::BTreeSet;
use std::path::Path;

use super::label_summary::LabelSummary;
use super::metric_values::{self, LabelEvaluationData};
use super::spec::LabelEvaluationSpec;
use super::sums::MultiLabelSums;
use crate::error::{Error, Result};
use crate::metric::bootstrap;
use crate::metric::metric_value::MetricValue;

/// Sums over labeled images, their bootstrap replicates, and the id of each image.
///
/// Apart from the ids its size is limited by the number of bins. Its metrics depend only on the
/// set of images that were added.
#[derive(Debug, Clone, PartialEq)]
pub struct LabelEvaluation {
    spec: LabelEvaluationSpec,
    pooled: MultiLabelSums,
    /// Sums of all images with coarse bins, followed by those of the replicates.
    coarse: Vec<MultiLabelSums>,
    images: BTreeSet<String>,
}

impl LabelEvaluation {
    /// Creates an evaluation without images.
    pub fn new(spec: LabelEvaluationSpec) -> Self {
        let empty = MultiLabelSums::new(&spec);
        let coarse = match spec.replicates() {
            0 => 0,
            replicates => replicates + 1,
        };
        Self {
            coarse: vec![empty.clone(); coarse],
            pooled: empty,
            images: BTreeSet::new(),
            spec,
        }
    }

    /// Returns the specification.
    pub fn spec(&self) -> &LabelEvaluationSpec {
        &self.spec
    }

    /// Adds an image.
    ///
    /// # Errors
    /// Fails if an image with this id was added before.
    pub fn add(&mut self, image: LabelSummary) -> Result<()> {
        let LabelSummary { id, sums } = image;
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
        self.images.insert(id);
        Ok(())
    }

    /// Adds the images of another evaluation.
    ///
    /// # Errors
    /// Fails if the specifications differ or both evaluations contain an image with the same id;
    /// this evaluation is then unchanged.
    pub fn merge(&mut self, other: Self) -> Result<()> {
        if self.spec != other.spec {
            let message = "two evaluations differ in labels, measures or settings";
            return Err(Error::setting("merging", message)
                .with_hint("make all parts with the same model and settings"));
        }
        other.images.iter().try_for_each(|id| self.check_new(id))?;
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

    /// Returns the number of pairs of a label and an item whose truth is known, for each label.
    pub fn n_items(&self) -> Vec<u64> {
        let labels = self.pooled.labels.iter();
        labels.map(|sums| sums.predictions[0].tally.count).collect()
    }

    /// Returns the names of the labels that hold for no item or for all items whose truth is known:
    /// they have no AUROC.
    pub fn without_both(&self) -> Vec<&str> {
        let labels = self.pooled.labels.iter().zip(self.spec.labels());
        labels
            .filter(|(sums, _)| {
                let tally = &sums.predictions[0].tally;
                tally.positives == 0 || tally.positives == tally.count
            })
            .map(|(_, label)| label.name.as_str())
            .collect()
    }

    /// Computes every metric of [`LABEL_METRICS`](super::LABEL_METRICS), in the order of the table;
    /// keys are unique.
    pub fn metrics(&self) -> Vec<MetricValue> {
        metric_values::metric_values(self.data())
    }

    /// Returns the size in bytes of the sums, which is limited by the number of bins.
    pub fn bytes(&self) -> usize {
        let coarse = self.coarse.iter().map(MultiLabelSums::bytes);
        self.pooled.bytes() + coarse.sum::<usize>()
    }

    pub(super) fn data(&self) -> LabelEvaluationData<'_> {
        let Self { spec, pooled, coarse, .. } = self;
        LabelEvaluationData { spec, pooled, coarse }
    }

    fn check_new(&self, id: &str) -> Result<()> {
        if self.images.contains(id) {
            let message = "was evaluated before: expected every image once";
            return Err(Error::image(Path::new(id), message)
                .with_hint("give the images of one evaluation different paths"));
        }
        Ok(())
    }
}
