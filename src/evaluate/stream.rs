//! Images one by one, on several threads.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::sync_channel;

use super::folder::{PredictionArrays, PredictionFolder};
use super::labels::{ImageLabels, LabelSource};
use crate::error::{Error, Result};
use crate::metric::{
    Evaluation, EvaluationOptions, EvaluationSpec, IGNORED, ImageInput, ImageSummary,
    MetricValue, NO_MASK, ScoreSpec,
};
use crate::task::Item;

/// What is told of an image.
#[derive(Debug)]
pub enum EvaluationEvent<'a> {
    /// It was counted.
    Counted {
        /// Its id.
        id: &'a str,
    },
    /// It has no label.
    Missing {
        /// Its id.
        id: &'a str,
        /// What was looked for.
        wanted: &'a str,
    },
    /// Its label or its results cannot be used.
    Failed {
        /// Its id.
        id: &'a str,
        /// Why.
        error: &'a Error,
    },
}

/// What was counted.
#[derive(Debug)]
pub struct EvaluationResult {
    /// The sums.
    pub evaluation: Evaluation,
    /// Every metric that the images allow.
    pub metrics: Vec<MetricValue>,
    /// Images without a label.
    pub missing: usize,
    /// Images whose label or results cannot be used.
    pub failed: usize,
}

/// What is known of images beside their predictions.
#[derive(Debug, Default)]
pub struct GroundTruth {
    /// The class of each item; no item has one where there is none.
    pub labels: Option<LabelSource>,
    /// Where things of another kind are.
    pub masks: Option<OodMasks>,
}

/// Maps of what is of another kind.
#[derive(Debug)]
pub struct OodMasks {
    /// The maps.
    pub maps: LabelSource,
    /// The id of what is of another kind; 0 is what is not, and all else counts for neither.
    pub index: u16,
}

/// An image's way to the sums.
pub(super) enum Summary {
    Done(Box<ImageSummary>),
    Missing(String),
}

/// Adds images up.
pub(super) struct Evaluator {
    evaluation: Evaluation,
    missing: usize,
    failed: usize,
}

impl Evaluator {
    pub(super) fn new(spec: EvaluationSpec) -> Self {
        Self { evaluation: Evaluation::new(spec), missing: 0, failed: 0 }
    }

    /// Adds an image with labels.
    pub(super) fn add(
        &mut self,
        id: &str,
        found: Result<Summary>,
        tell: &mut dyn FnMut(EvaluationEvent<'_>),
    ) {
        let added = found.and_then(|found| match found {
            Summary::Missing(wanted) => Ok(Some(wanted)),
            Summary::Done(image) => self.evaluation.add(*image).map(|()| None),
        });
        match added {
            Ok(None) => tell(EvaluationEvent::Counted { id }),
            Ok(Some(wanted)) => {
                self.missing += 1;
                tell(EvaluationEvent::Missing { id, wanted: &wanted });
            }
            Err(error) => {
                self.failed += 1;
                tell(EvaluationEvent::Failed { id, error: &error });
            }
        }
    }

    /// Adds an image of another kind.
    fn add_ood(
        &mut self,
        id: &str,
        found: Result<Summary>,
        tell: &mut dyn FnMut(EvaluationEvent<'_>),
    ) {
        let added = found.and_then(|found| match found {
            Summary::Missing(_) => Ok(()),
            Summary::Done(image) => self.evaluation.add_outside(*image),
        });
        if let Err(error) = added {
            self.failed += 1;
            tell(EvaluationEvent::Failed { id, error: &error });
        }
    }

    fn is_empty(&self) -> bool {
        self.evaluation.n_images().0 == 0
    }

    /// # Errors
    /// If none of the images could be counted.
    pub(super) fn finish(self) -> Result<EvaluationResult> {
        if self.is_empty() {
            let n = self.missing + self.failed;
            let message = format!("none of {n} images could be compared");
            return Err(Error::setting("--labels", message).with_hint(
                "label names may differ from image names: --match PATTERN NAME",
            ));
        }
        let metrics = self.evaluation.metrics();
        let Self { evaluation, missing, failed } = self;
        Ok(EvaluationResult { evaluation, metrics, missing, failed })
    }
}

/// Counts every image of a folder that has labels, and beside them the images of `ood`, which
/// are of another kind and need none; `tell` hears of each, in no fixed order.
///
/// # Errors
/// If no image has labels, or the folders were not predicted alike.
pub fn evaluate(
    folder: &PredictionFolder,
    truth: &GroundTruth,
    ood: Option<&PredictionFolder>,
    threads: usize,
    tell: &mut dyn FnMut(EvaluationEvent<'_>),
) -> Result<EvaluationResult> {
    if let Some(ood) = ood {
        folder.check_alike(ood)?;
    }
    let spec = spec(folder, truth)?;
    let mut evaluator = Evaluator::new(spec.clone());
    let of_labeled =
        |id: &str| summarize(&folder.kept(id)?.prediction(), truth, id, &spec);
    each(folder, threads, &of_labeled, &mut |id, found| evaluator.add(id, found, tell));
    if let Some(ood) = ood.filter(|_| !evaluator.is_empty()) {
        let nothing = GroundTruth::default();
        let of_ood =
            |id: &str| summarize(&ood.kept(id)?.prediction(), &nothing, id, &spec);
        each(ood, threads, &of_ood, &mut |id, found| {
            evaluator.add_ood(id, found, tell);
        });
    }
    evaluator.finish()
}

/// Looks at the images of a folder on several threads; `take` gets what was made of each on this
/// one, in no fixed order.
pub(crate) fn each<T: Send>(
    folder: &PredictionFolder,
    threads: usize,
    summary: &(dyn Fn(&str) -> Result<T> + Sync),
    take: &mut dyn FnMut(&str, Result<T>),
) {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        let (sender, receiver) = sync_channel(threads);
        for _ in 0..threads.clamp(1, folder.ids.len().max(1)) {
            let (sender, next) = (sender.clone(), &next);
            scope.spawn(move || {
                while let Some(id) = folder.ids.get(next.fetch_add(1, Ordering::Relaxed))
                {
                    if sender.send((&id[..], summary(id))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        for (id, found) in receiver {
            take(id, found);
        }
    });
}

pub(super) fn spec(
    folder: &PredictionFolder,
    truth: &GroundTruth,
) -> Result<EvaluationSpec> {
    let item = if folder.is_map { Item::Pixel } else { Item::Image };
    let names = folder.class_names.clone().filter(|names| {
        let different: BTreeSet<&String> = names.iter().collect();
        different.len() == folder.n_classes
    });
    let ids = || (0..folder.n_classes).map(|class| class.to_string()).collect();
    let score = |measure: &&'static crate::measure::Measure| {
        ScoreSpec::new(measure.name, measure.upper_bound(folder.n_classes))
    };
    let scores = folder.measures.iter().map(score).collect();
    let spec = EvaluationSpec::new(
        item,
        names.unwrap_or_else(ids),
        scores,
        EvaluationOptions::default(),
    )?;
    let spec = spec.with_deterministic();
    Ok(if truth.masks.is_some() { spec.with_masks() } else { spec })
}

/// What an image adds; one without labels of its own has none that counts.
pub(super) fn summarize(
    prediction: &PredictionArrays<'_>,
    truth: &GroundTruth,
    id: &str,
    spec: &EvaluationSpec,
) -> Result<Summary> {
    let (height, width) = prediction.size;
    let find = |labels: Option<&LabelSource>| {
        labels.map(|labels| labels.of(id, prediction.size)).transpose()
    };
    let labels = match find(truth.labels.as_ref())? {
        Some(ImageLabels::Missing(wanted)) => return Ok(Summary::Missing(wanted)),
        Some(ImageLabels::Classes(labels)) => labels,
        None => vec![IGNORED; height * width],
    };
    let index = truth.masks.as_ref().map_or(1, |masks| masks.index);
    let value = |id: u16| match id {
        0 => 0,
        id if id == index => 1,
        _ => NO_MASK,
    };
    let mask = match find(truth.masks.as_ref().map(|masks| &masks.maps))? {
        Some(ImageLabels::Missing(wanted)) => return Ok(Summary::Missing(wanted)),
        Some(ImageLabels::Classes(mask)) => mask.into_iter().map(value).collect(),
        // One without a mask of its own is wholly of another kind, and nobody looks at pixels.
        None => vec![NO_MASK; if spec.has_masks() { height * width } else { 0 }],
    };
    let input = ImageInput {
        id,
        height,
        width,
        probabilities: prediction.probabilities,
        labels: &labels,
        scores: &prediction.measures,
        deterministic: Some(prediction.deterministic),
        mask: spec.has_masks().then_some(&mask[..]),
    };
    ImageSummary::new(&input, spec).map(|summary| Summary::Done(Box::new(summary)))
}
