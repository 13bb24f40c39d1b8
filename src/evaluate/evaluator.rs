//! The evaluator, which adds images up, and the evaluation of a folder on several threads.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::sync_channel;

use super::labels::{ImageLabels, LabelSource, LeftOut};
use super::prediction_folder::{PredictedImage, PredictionArrays, PredictionFolder};
use crate::error::{Error, Result};
use crate::metric::{
    Evaluation, EvaluationOptions, EvaluationSpec, IGNORED, ImageInput, ImageSummary,
    MetricValue, NO_MASK, ScoreSpec,
};
use crate::task::Target;

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
    /// Pixels of the evaluated images that have no label, if there are labels.
    pub left_out: LeftOut,
    /// Pixels of the masks that are neither inside nor outside the distribution.
    pub mask_left_out: LeftOut,
    /// Number of pixels of the masks that are one of both.
    pub n_mask_pixels: u64,
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
    pub labels: Option<Arc<LabelSource>>,
    /// Masks of the pixels outside the distribution ([`LabelSource::open_masks`]): class 1 is
    /// outside, class 0 inside.
    pub masks: Option<LabelSource>,
}

/// Summary of an image, or the reason why there is none.
pub(super) enum SummaryOutcome {
    Done(Box<SummarizedImage>),
    /// The image has no label; the string names what was expected.
    Missing(String),
}

/// A summary, and the pixels of the image that do not count.
pub(super) struct SummarizedImage {
    summary: ImageSummary,
    /// Pixels without a label.
    left_out: LeftOut,
    /// Pixels that are left out of the mask.
    mask_left_out: LeftOut,
    /// Number of the other pixels of the mask.
    n_mask_pixels: u64,
}

/// Numbers of images that do not count.
#[derive(Debug, Default)]
pub(super) struct UncountedImages {
    /// Number of images without a label.
    pub(super) missing: usize,
    /// Number of images whose label or prediction cannot be used.
    pub(super) failed: usize,
}

impl UncountedImages {
    /// Counts an image unless it was added, and reports it; the text of an image without a label names
    /// what was expected.
    pub(super) fn add(
        &mut self,
        id: &str,
        added: Result<Option<String>>,
        on_event: &mut dyn FnMut(EvaluationEvent<'_>),
    ) {
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
}

/// Adds up the summaries of images.
pub(super) struct Evaluator {
    evaluation: Evaluation,
    uncounted: UncountedImages,
    left_out: LeftOut,
    mask_left_out: LeftOut,
    n_mask_pixels: u64,
}

impl Evaluator {
    pub(super) fn new(spec: EvaluationSpec) -> Self {
        Self {
            evaluation: Evaluation::new(spec),
            uncounted: UncountedImages::default(),
            left_out: LeftOut::default(),
            mask_left_out: LeftOut::default(),
            n_mask_pixels: 0,
        }
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
            SummaryOutcome::Done(image) => {
                self.evaluation.add(image.summary)?;
                self.left_out.add(&image.left_out);
                self.mask_left_out.add(&image.mask_left_out);
                self.n_mask_pixels += image.n_mask_pixels;
                Ok(None)
            }
        });
        self.uncounted.add(id, added, on_event);
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
            SummaryOutcome::Done(image) => self.evaluation.add_outside(image.summary),
        });
        if let Err(error) = added {
            self.uncounted.failed += 1;
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
        let UncountedImages { missing, failed } = self.uncounted;
        if self.evaluation.n_images().0 == 0 {
            return Err(none_compared(missing, failed));
        }
        let metrics = self.evaluation.metrics();
        Ok(EvaluationResult {
            evaluation: self.evaluation,
            metrics,
            missing,
            failed,
            left_out: self.left_out,
            mask_left_out: self.mask_left_out,
            n_mask_pixels: self.n_mask_pixels,
        })
    }
}

/// Returns the error if no image could be compared.
pub(super) fn none_compared(missing: usize, failed: usize) -> Error {
    let message = format!("none of {} images could be compared", missing + failed);
    let hint = if missing == 0 {
        "correct the label maps: each has the error that is reported for its image"
    } else {
        "if names of labels differ from those of their images, set `match`; it must match \
         the whole path of the image without the ending"
    };
    Error::setting("labels", message).with_hint(hint)
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
    folder.require(Target::Class)?;
    let spec = evaluation_spec(folder, truth)?;
    let mut evaluator = Evaluator::new(spec.clone());
    for_each_image(
        folder,
        threads,
        &|id| summarize_kept(folder, truth, id, &spec),
        &mut |id, summary| evaluator.add(id, summary, on_event),
    );
    if let Some(ood) = ood.filter(|_| !evaluator.is_empty()) {
        let no_truth = GroundTruth::default();
        for_each_image(
            ood,
            threads,
            &|id| summarize_kept(ood, &no_truth, id, &spec),
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

fn summarize_kept(
    folder: &PredictionFolder,
    truth: &GroundTruth,
    id: &str,
    spec: &EvaluationSpec,
) -> Result<SummaryOutcome> {
    let kept = folder.kept(id)?;
    let image = folder.predicted_image(id, kept.size);
    summarize(&kept.prediction(), truth, &image, spec)
}

/// Summarizes an image; without a source of labels, no item has one.
pub(super) fn summarize(
    prediction: &PredictionArrays<'_>,
    truth: &GroundTruth,
    image: &PredictedImage<'_>,
    spec: &EvaluationSpec,
) -> Result<SummaryOutcome> {
    let (height, width) = prediction.size;
    let (mut left_out, mut mask_left_out) = (LeftOut::default(), LeftOut::default());
    let labels = match &truth.labels {
        None => vec![IGNORED; height * width],
        Some(source) => match source.labels(image)? {
            ImageLabels::Missing(wanted) => return Ok(SummaryOutcome::Missing(wanted)),
            ImageLabels::Classes { classes, left_out: without } => {
                left_out = without;
                classes
            }
        },
    };
    let mask: Vec<u8> = match &truth.masks {
        // An image without masks lies wholly outside; its pixels do not count one by one.
        None => vec![NO_MASK; if spec.has_masks() { height * width } else { 0 }],
        Some(masks) => match masks.labels(image)? {
            ImageLabels::Missing(wanted) => return Ok(SummaryOutcome::Missing(wanted)),
            ImageLabels::Classes { classes, left_out: without } => {
                mask_left_out = without;
                classes.into_iter().map(mask_value).collect()
            }
        },
    };
    let input = ImageInput {
        id: image.id,
        height,
        width,
        probabilities: prediction.probabilities,
        labels: &labels,
        scores: &prediction.measures,
        deterministic: Some(prediction.deterministic),
        mask: spec.has_masks().then_some(&mask[..]),
    };
    let n_mask_pixels = mask.iter().filter(|value| **value != NO_MASK).count() as u64;
    let summary = ImageSummary::new(&input, spec)?;
    Ok(SummaryOutcome::Done(Box::new(SummarizedImage {
        summary,
        left_out,
        mask_left_out,
        n_mask_pixels,
    })))
}

/// Converts a class of a mask: 0 is inside, 1 outside, and pixels without a class do not count.
fn mask_value(class: u16) -> u8 {
    match class {
        0 => 0,
        1 => 1,
        _ => NO_MASK,
    }
}
