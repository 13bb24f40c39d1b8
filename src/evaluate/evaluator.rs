//! The evaluator, which adds images up, and the evaluation of a folder on several threads.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::sync_channel;

use super::labels::{ImageLabels, LabelSource};
use super::prediction_folder::{PredictionArrays, PredictionFolder};
use crate::error::{Error, Result};
use crate::metric::{
    Evaluation, EvaluationOptions, EvaluationSpec, IGNORED, ImageInput, ImageSummary,
    MetricValue, NO_MASK, ScoreSpec,
};

/// Event of an evaluation, for each image.
#[derive(Debug)]
pub enum EvaluationEvent<'a> {
    /// The image was counted.
    Counted {
        /// Id of the image.
        id: &'a str,
    },
    /// The image has no label.
    Missing {
        /// Id of the image.
        id: &'a str,
        /// File, row or folder that was expected.
        wanted: &'a str,
    },
    /// The label or the prediction of the image cannot be used.
    Failed {
        /// Id of the image.
        id: &'a str,
        /// Cause.
        error: &'a Error,
    },
}

/// Results of an evaluation.
#[derive(Debug)]
pub struct EvaluationResult {
    /// Sums over all images.
    pub evaluation: Evaluation,
    /// Every metric that the images allow.
    pub metrics: Vec<MetricValue>,
    /// Number of images without a label.
    pub missing: usize,
    /// Number of images whose label or prediction cannot be used.
    pub failed: usize,
}

impl EvaluationResult {
    /// Returns the value of the metric with this key, if it is defined.
    pub fn value(&self, key: &str) -> Option<f64> {
        self.metrics.iter().find(|metric| metric.key == key)?.value
    }
}

/// Labels and masks of images.
#[derive(Debug, Default)]
pub struct GroundTruth {
    /// True classes; `None` if no item has a label.
    pub labels: Option<LabelSource>,
    /// Masks of the pixels outside the distribution.
    pub masks: Option<OodMasks>,
}

/// Maps of the pixels outside the distribution.
#[derive(Debug)]
pub struct OodMasks {
    /// The maps.
    pub maps: LabelSource,
    /// Id of pixels outside the distribution. 0 is inside; pixels with other ids do not count.
    pub index: u16,
}

/// Summary of an image, or the reason why there is none.
pub(super) enum SummaryOutcome {
    Done(Box<ImageSummary>),
    /// The image has no label; the string names what was expected.
    Missing(String),
}

/// Adds up the summaries of images.
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
        summary: Result<SummaryOutcome>,
        on_event: &mut dyn FnMut(EvaluationEvent<'_>),
    ) {
        let added = summary.and_then(|summary| match summary {
            SummaryOutcome::Missing(wanted) => Ok(Some(wanted)),
            SummaryOutcome::Done(image) => self.evaluation.add(*image).map(|()| None),
        });
        match added {
            Ok(None) => on_event(EvaluationEvent::Counted { id }),
            Ok(Some(wanted)) => {
                self.missing += 1;
                on_event(EvaluationEvent::Missing { id, wanted: &wanted });
            }
            Err(error) => {
                self.failed += 1;
                on_event(EvaluationEvent::Failed { id, error: &error });
            }
        }
    }

    /// Adds an image from outside the distribution.
    fn add_ood(
        &mut self,
        id: &str,
        summary: Result<SummaryOutcome>,
        on_event: &mut dyn FnMut(EvaluationEvent<'_>),
    ) {
        let added = summary.and_then(|summary| match summary {
            SummaryOutcome::Missing(_) => Ok(()),
            SummaryOutcome::Done(image) => self.evaluation.add_outside(*image),
        });
        if let Err(error) = added {
            self.failed += 1;
            on_event(EvaluationEvent::Failed { id, error: &error });
        }
    }

    fn is_empty(&self) -> bool {
        self.evaluation.n_images().0 == 0
    }

    /// Computes the metrics.
    ///
    /// # Errors
    /// Fails if no image was added.
    pub(super) fn finish(self) -> Result<EvaluationResult> {
        if self.is_empty() {
            let n = self.missing + self.failed;
            let message = format!("none of {n} images could be compared");
            return Err(Error::setting("labels", message)
                .with_hint("if label names differ from image names, set `match`"));
        }
        let metrics = self.evaluation.metrics();
        let Self { evaluation, missing, failed } = self;
        Ok(EvaluationResult { evaluation, metrics, missing, failed })
    }
}

/// Evaluates all images of a folder that have labels, and the images of `ood`, which are from
/// outside the distribution and need no labels; `on_event` receives an event for each image, in no
/// particular order.
///
/// # Errors
/// Fails if no image has labels, or if models or measures of the folders differ.
pub fn evaluate(
    folder: &PredictionFolder,
    truth: &GroundTruth,
    ood: Option<&PredictionFolder>,
    threads: usize,
    on_event: &mut dyn FnMut(EvaluationEvent<'_>),
) -> Result<EvaluationResult> {
    if let Some(ood) = ood {
        folder.check_alike(ood)?;
    }
    let spec = evaluation_spec(folder, truth)?;
    let mut evaluator = Evaluator::new(spec.clone());
    for_each_image(
        folder,
        threads,
        &|id| summarize(&folder.kept(id)?.prediction(), truth, id, &spec),
        &mut |id, summary| evaluator.add(id, summary, on_event),
    );
    if let Some(ood) = ood.filter(|_| !evaluator.is_empty()) {
        let no_truth = GroundTruth::default();
        for_each_image(
            ood,
            threads,
            &|id| summarize(&ood.kept(id)?.prediction(), &no_truth, id, &spec),
            &mut |id, summary| evaluator.add_ood(id, summary, on_event),
        );
    }
    evaluator.finish()
}

/// Calls `process` for each image of a folder on several threads, and `collect` with each result
/// on this thread, in no particular order.
pub(crate) fn for_each_image<T: Send>(
    folder: &PredictionFolder,
    threads: usize,
    process: &(dyn Fn(&str) -> Result<T> + Sync),
    collect: &mut dyn FnMut(&str, Result<T>),
) {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        let (sender, receiver) = sync_channel(threads);
        for _ in 0..threads.clamp(1, folder.ids.len().max(1)) {
            let (sender, next) = (sender.clone(), &next);
            scope.spawn(move || {
                while let Some(id) = folder.ids.get(next.fetch_add(1, Ordering::Relaxed))
                {
                    if sender.send((&id[..], process(id))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        for (id, result) in receiver {
            collect(id, result);
        }
    });
}

/// Returns the specification of the evaluation of a folder.
pub(super) fn evaluation_spec(
    folder: &PredictionFolder,
    truth: &GroundTruth,
) -> Result<EvaluationSpec> {
    let n_classes = folder.n_classes;
    let unique_names = folder
        .class_names
        .clone()
        .filter(|names| names.iter().collect::<BTreeSet<_>>().len() == n_classes);
    let classes = unique_names
        .unwrap_or_else(|| (0..n_classes).map(|class| class.to_string()).collect());
    let scores = folder
        .measures
        .iter()
        .map(|measure| ScoreSpec::new(measure.name, measure.upper_bound(n_classes)))
        .collect();
    let options = EvaluationOptions::default();
    let spec = EvaluationSpec::new(folder.task.item, classes, scores, options)?
        .with_deterministic();
    Ok(if truth.masks.is_some() { spec.with_masks() } else { spec })
}

/// Summarizes an image; without a source of labels, no item has one.
pub(super) fn summarize(
    prediction: &PredictionArrays<'_>,
    truth: &GroundTruth,
    id: &str,
    spec: &EvaluationSpec,
) -> Result<SummaryOutcome> {
    let (height, width) = prediction.size;
    let labels = match &truth.labels {
        None => vec![IGNORED; height * width],
        Some(source) => match source.labels(id, prediction.size)? {
            ImageLabels::Missing(wanted) => return Ok(SummaryOutcome::Missing(wanted)),
            ImageLabels::Classes(labels) => labels,
        },
    };
    let mask: Vec<u8> = match &truth.masks {
        // An image without masks lies wholly outside; its pixels do not count one by one.
        None => vec![NO_MASK; if spec.has_masks() { height * width } else { 0 }],
        Some(masks) => match masks.maps.labels(id, prediction.size)? {
            ImageLabels::Missing(wanted) => return Ok(SummaryOutcome::Missing(wanted)),
            ImageLabels::Classes(ids) => {
                ids.into_iter().map(|id| mask_value(id, masks.index)).collect()
            }
        },
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
    Ok(SummaryOutcome::Done(Box::new(ImageSummary::new(&input, spec)?)))
}

/// Converts an id of a mask: 0 is inside, `index` outside, and other ids do not count.
fn mask_value(id: u16, index: u16) -> u8 {
    match id {
        0 => 0,
        id if id == index => 1,
        _ => NO_MASK,
    }
}
