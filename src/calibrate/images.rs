//! The pass over the images of a folder: scores, thresholds and temperature.

use super::decisions::BoundedRisk;
use super::temperature::{LogProbabilities, TemperatureFit};
use super::threshold::ImageLoss;
use super::{Calibration, CalibrationOptions};
use crate::error::{Error, Result};
use crate::evaluate::{
    EvaluationEvent, ImageLabels, KeptArrays, LabelSource, LeftOut, PredictionFolder,
    for_each_image,
};
use crate::metric::{IGNORED, PredictedClasses, deterministic_scores, predicted_classes};
use crate::policy::{ImageScore, Policy, prediction_settings};
use crate::random::image_key;
use crate::task::Target;

/// Largest number of values, items times classes, to which a temperature is fitted.
const MOST_VALUES: usize = 1 << 23;

/// Arrays and labels of an image.
pub(super) struct LabeledImage {
    pub(super) arrays: KeptArrays,
    /// True class of each item; `None` without a source of labels.
    pub(super) labels: Option<Vec<u16>>,
    /// Pixels without a label.
    left_out: LeftOut,
}

impl LabeledImage {
    /// Returns the index and the label of each labeled item.
    pub(super) fn labeled_items(&self) -> impl Iterator<Item = (usize, u16)> {
        let labels = self.labels.iter().flatten().copied().enumerate();
        labels.filter(|(_, label)| *label != IGNORED)
    }
}

/// Result of opening an image.
pub(super) enum OpenedImage {
    Labeled(LabeledImage),
    /// The image has no label; the string names what was expected.
    Missing(String),
}

/// Values of an image that the first pass keeps.
struct ScoredImage {
    key: u64,
    score: f32,
    n_labeled: u64,
    n_wrong: u64,
    left_out: LeftOut,
    items: LogProbabilities,
}

/// Result of the first pass.
struct ScoredImages {
    images: Vec<ScoredImage>,
    missing: usize,
    failed: usize,
}

/// Creates a policy from the labeled images of a folder; without labels, from all images.
///
/// # Errors
/// Fails if required labels are missing, there are too few images for a guarantee, no threshold
/// meets it, or a score was not kept.
pub fn calibrate(
    folder: &PredictionFolder,
    labels: Option<&LabelSource>,
    options: &CalibrationOptions,
    on_event: &mut dyn FnMut(EvaluationEvent<'_>),
) -> Result<Calibration> {
    folder.require(Target::Class)?;
    let measure = measure_index(folder, &options.score)?;
    let run = CalibrationRun { folder, labels, options, measure };
    let ScoredImages { images, missing, failed } = run.score_images(on_event)?;
    let mut left_out = LeftOut::default();
    for image in &images {
        left_out.add(&image.left_out);
    }
    let mut calibration = Calibration {
        policy: Policy::new(prediction_settings(&folder.record)),
        images: images.len(),
        items: images.iter().map(|image| image.n_labeled).sum(),
        coverage: None,
        risk_control: None,
        fit: None,
        sets: None,
        missing,
        failed,
        left_out,
    };
    run.find_thresholds(&images, &mut calibration)?;
    if options.temperature && labels.is_some() {
        run.fit_temperature(images, &mut calibration);
    }
    if let Some(alpha) = options.alpha {
        run.find_sets(alpha, &mut calibration)?;
    }
    Ok(calibration)
}

/// Returns the index of a score's measure in the folder; `None` for the pass without dropout.
fn measure_index(folder: &PredictionFolder, score: &ImageScore) -> Result<Option<usize>> {
    let Some(measure) = score.measure else { return Ok(None) };
    let index = folder.measures.iter().position(|kept| kept.name == measure.name);
    index.map(Some).ok_or_else(|| {
        let message = format!("{} was not kept in this folder", measure.name);
        Error::setting("measure", message)
            .with_hint("predict again with this measure among `measures`")
    })
}

pub(super) struct CalibrationRun<'a> {
    pub(super) folder: &'a PredictionFolder,
    labels: Option<&'a LabelSource>,
    pub(super) options: &'a CalibrationOptions,
    /// Index of the measure of the score; `None` for the pass without dropout.
    measure: Option<usize>,
}

impl CalibrationRun<'_> {
    /// Reads the arrays and labels of an image.
    pub(super) fn open_image(&self, id: &str) -> Result<OpenedImage> {
        let arrays = self.folder.kept(id)?;
        let mut left_out = LeftOut::default();
        let labels = match self.labels {
            None => None,
            Some(source) => {
                match source.labels(&self.folder.predicted_image(id, arrays.size))? {
                    ImageLabels::Missing(wanted) => {
                        return Ok(OpenedImage::Missing(wanted));
                    }
                    ImageLabels::Classes { classes, left_out: without } => {
                        left_out = without;
                        Some(classes)
                    }
                }
            }
        };
        Ok(OpenedImage::Labeled(LabeledImage { arrays, labels, left_out }))
    }

    /// Reads and scores all images.
    fn score_images(
        &self,
        on_event: &mut dyn FnMut(EvaluationEvent<'_>),
    ) -> Result<ScoredImages> {
        let step = self.item_step()?;
        let mut scored = ScoredImages { images: Vec::new(), missing: 0, failed: 0 };
        let process = |id: &str| {
            Ok(match self.open_image(id)? {
                OpenedImage::Labeled(image) => Ok(self.score_image(id, &image, step)),
                OpenedImage::Missing(wanted) => Err(wanted),
            })
        };
        for_each_image(self.folder, self.options.threads, &process, &mut |id, result| {
            match result {
                Ok(Ok(image)) => scored.images.push(image),
                Ok(Err(wanted)) => {
                    scored.missing += 1;
                    on_event(EvaluationEvent::Missing { id, wanted: &wanted });
                }
                Err(error) => {
                    scored.failed += 1;
                    on_event(EvaluationEvent::Failed { id, error: &error });
                }
            }
        });
        if scored.images.is_empty() {
            let message = format!("none of {} images can be used", self.folder.ids.len());
            return Err(Error::setting("out", message)
                .with_hint("if label names differ from image names, set `match`"));
        }
        // The order of keys is independent of scores and losses.
        scored.images.sort_unstable_by_key(|image| image.key);
        Ok(scored)
    }

    /// Returns the distance between items that count for the temperature; odd, so that items of
    /// every column count for the usual widths.
    fn item_step(&self) -> Result<usize> {
        let first = self.folder.ids.iter().find_map(|id| self.folder.kept(id).ok());
        let Some(first) = first else {
            return Err(Error::setting("out", "no image has kept arrays")
                .with_hint("predict again with `keep_probabilities`"));
        };
        let values = first.probabilities.len().saturating_mul(self.folder.ids.len());
        Ok(match values.div_ceil(MOST_VALUES) {
            1 => 1,
            step => step | 1,
        })
    }

    fn score_image(&self, id: &str, image: &LabeledImage, step: usize) -> ScoredImage {
        let arrays = &image.arrays;
        let (n, n_classes) = (arrays.size.0 * arrays.size.1, self.folder.n_classes);
        let key = image_key(id.as_bytes());
        let predicted = predicted_classes(&arrays.probabilities, n);
        let mut items = LogProbabilities::new(n_classes);
        if self.options.temperature {
            let first = (key >> 8) as usize % step;
            for (i, label) in image.labeled_items().filter(|(i, _)| i % step == first) {
                let item =
                    (0..n_classes).map(|class| arrays.probabilities[class * n + i]);
                items.push(item, u32::from(label), key & 1 == 1);
            }
        }
        let wrong = image.labeled_items().filter(|(i, label)| *label != predicted[*i]);
        ScoredImage {
            key,
            score: self.score(arrays, &predicted),
            n_labeled: image.labeled_items().count() as u64,
            n_wrong: wrong.count() as u64,
            left_out: image.left_out.clone(),
            items,
        }
    }

    fn score(&self, arrays: &KeptArrays, predicted: &[u16]) -> f32 {
        let (width, n_classes) = (arrays.size.1, self.folder.n_classes);
        let classes = PredictedClasses { predicted, width, n_classes };
        let score = &self.options.score;
        if let Some(measure) = self.measure {
            return score.value(&arrays.measures[measure], &classes);
        }
        let scores = deterministic_scores(&arrays.deterministic_probabilities);
        score.value(&scores, &classes)
    }

    fn find_thresholds(
        &self,
        images: &[ScoredImage],
        calibration: &mut Calibration,
    ) -> Result<()> {
        let scores: Vec<f32> = images.iter().map(|image| image.score).collect();
        let decisions = self.options.decisions();
        let bound_risk = |risk: f64| {
            let labeled = images.iter().filter(|image| image.n_labeled > 0);
            let losses: Vec<ImageLoss> = labeled
                .map(|image| ImageLoss {
                    score: image.score,
                    loss: image.n_wrong as f64 / image.n_labeled as f64,
                })
                .collect();
            let confidence = self.options.confidence;
            Ok(BoundedRisk {
                control: decisions.control_risk(&losses, risk)?,
                promise: format!(
                    "at most {risk} of what is accepted is wrong, with confidence {confidence}"
                ),
                images: scores.len(),
            })
        };
        let found = decisions.find(&scores, &mut calibration.policy, bound_risk)?;
        calibration.coverage = found.coverage;
        calibration.risk_control = found.risk.map(|risk| risk.control);
        Ok(())
    }

    fn fit_temperature(&self, images: Vec<ScoredImage>, calibration: &mut Calibration) {
        let mut items = LogProbabilities::new(self.folder.n_classes);
        for mut image in images {
            items.append(&mut image.items);
        }
        let fit = items.fit();
        if let TemperatureFit::Found(temperature) = fit {
            calibration.policy.temperature = Some(temperature);
        }
        calibration.fit = Some(fit);
    }
}
