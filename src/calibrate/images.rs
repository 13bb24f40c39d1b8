//! The images of a folder, one by one.

use super::temperature::{LogProbabilities, TemperatureFit};
use super::{Calibration, CalibrationOptions, RiskError, Target, threshold};
use crate::error::{Error, Result};
use crate::evaluate::{
    EvaluationEvent, ImageLabels, KeptArrays, LabelSource, PredictionFolder, each,
};
use crate::metric::{
    PredictedClasses, check_labels, deterministic_scores, predicted_classes,
};
use crate::policy::{ImageScore, Policy, Threshold, prediction_settings};
use crate::random::image_key;
use crate::tensor::ClassMap;

/// Most values that a temperature is fitted to: items times classes.
const MOST_VALUES: usize = 1 << 23;

/// An image whose arrays were read.
pub(super) struct Image {
    pub(super) kept: KeptArrays,
    /// The true class of each item; none of a folder without labels.
    pub(super) labels: Option<Vec<u16>>,
}

/// What the first pass keeps of an image.
struct ScoredImage {
    key: u64,
    score: f32,
    n_labeled: u64,
    n_wrong: u64,
    items: LogProbabilities,
}

/// Makes a policy of the labeled images of a folder; without labels, of all images.
///
/// # Errors
/// If labels are needed and missing, images are too few for a promise, no limit keeps it, or a
/// score was not kept.
pub fn calibrate(
    folder: &PredictionFolder,
    labels: Option<&LabelSource>,
    options: &CalibrationOptions,
    tell: &mut dyn FnMut(EvaluationEvent<'_>),
) -> Result<Calibration> {
    let run = Run { folder, labels, options, place: place(folder, &options.score)? };
    let (looked, left_out) = run.look(tell)?;
    let mut calibration = Calibration {
        policy: Policy::new(prediction_settings(&folder.record)),
        images: looked.len(),
        items: looked.iter().map(|image| image.n_labeled).sum(),
        coverage: None,
        risk_control: None,
        fit: None,
        sets: None,
        left_out,
    };
    run.thresholds(&looked, &mut calibration)?;
    if options.temperature && labels.is_some() {
        run.temperature(looked, &mut calibration);
    }
    if let Some(alpha) = options.alpha {
        run.sets(alpha, &mut calibration)?;
    }
    Ok(calibration)
}

/// Which of a folder's measures a score is made of; none for the pass without dropout.
fn place(folder: &PredictionFolder, score: &ImageScore) -> Result<Option<usize>> {
    let Some(measure) = score.measure else { return Ok(None) };
    let place = folder.measures.iter().position(|kept| kept.name == measure.name);
    place.map(Some).ok_or_else(|| {
        let message = format!("{} was not kept in this folder", measure.name);
        Error::setting("--measure", message)
            .with_hint("predict again with it among --measures")
    })
}

pub(super) struct Run<'a> {
    pub(super) folder: &'a PredictionFolder,
    labels: Option<&'a LabelSource>,
    pub(super) options: &'a CalibrationOptions,
    place: Option<usize>,
}

impl Run<'_> {
    /// `Err` inside for an image without a label: what was looked for.
    pub(super) fn image(&self, id: &str) -> Result<Result<Image, String>> {
        let kept = self.folder.kept(id)?;
        let labels = match self.labels.map(|labels| labels.of(id, kept.size)) {
            None => None,
            Some(found) => match found? {
                ImageLabels::Missing(wanted) => return Ok(Err(wanted)),
                ImageLabels::Classes(labels) => {
                    check_labels(id, kept.size.1, &labels, self.folder.n_classes)?;
                    Some(labels)
                }
            },
        };
        Ok(Ok(Image { kept, labels }))
    }

    fn look(
        &self,
        tell: &mut dyn FnMut(EvaluationEvent<'_>),
    ) -> Result<(Vec<ScoredImage>, (usize, usize))> {
        let step = self.step()?;
        let (mut looked, mut missing, mut failed) = (Vec::new(), 0, 0);
        let look = |id: &str| {
            self.image(id).map(|image| image.map(|image| self.look_at(id, &image, step)))
        };
        each(self.folder, self.options.threads, &look, &mut |id, found| match found {
            Ok(Ok(image)) => looked.push(image),
            Ok(Err(wanted)) => {
                missing += 1;
                tell(EvaluationEvent::Missing { id, wanted: &wanted });
            }
            Err(error) => {
                failed += 1;
                tell(EvaluationEvent::Failed { id, error: &error });
            }
        });
        if looked.is_empty() {
            let message = format!("none of {} images can be used", self.folder.ids.len());
            return Err(Error::setting("OUT", message).with_hint(
                "label names may differ from image names: --match PATTERN NAME",
            ));
        }
        // By their keys, which have nothing to do with what is in them.
        looked.sort_unstable_by_key(|image| image.key);
        Ok((looked, (missing, failed)))
    }

    /// Every how many items one counts for the temperature: odd, so that it meets every column of
    /// the usual sizes.
    fn step(&self) -> Result<usize> {
        let first = self.folder.ids.iter().find_map(|id| self.folder.kept(id).ok());
        let Some(first) = first else {
            let message = "no image of it has kept arrays";
            return Err(Error::setting("OUT", message)
                .with_hint("predict again with --keep-probabilities"));
        };
        let values = first.probabilities.len().saturating_mul(self.folder.ids.len());
        Ok(match values.div_ceil(MOST_VALUES) {
            1 => 1,
            step => step | 1,
        })
    }

    fn look_at(&self, id: &str, image: &Image, step: usize) -> ScoredImage {
        let kept = &image.kept;
        let (n, n_classes) = (kept.size.0 * kept.size.1, self.folder.n_classes);
        let key = image_key(id.as_bytes());
        let item =
            |i: usize| (0..n_classes).map(move |class| kept.probabilities[class * n + i]);
        let predicted = predicted_classes(&kept.probabilities, n);
        let labels = image.labels.as_deref().unwrap_or_default();
        let labeled = || labels.iter().enumerate().filter(|(_, l)| **l != ClassMap::NONE);
        let is_wrong = |(i, label): &(usize, &u16)| **label != predicted[*i];
        let mut items = LogProbabilities::new(n_classes);
        if self.options.temperature {
            let first = (key >> 8) as usize % step;
            for (i, label) in labeled().filter(|(i, _)| i % step == first) {
                items.push(item(i), u32::from(*label), key & 1 == 1);
            }
        }
        ScoredImage {
            key,
            score: self.score(kept, &predicted),
            n_labeled: labeled().count() as u64,
            n_wrong: labeled().filter(is_wrong).count() as u64,
            items,
        }
    }

    fn score(&self, kept: &KeptArrays, predicted: &[u16]) -> f32 {
        let (width, n_classes) = (kept.size.1, self.folder.n_classes);
        let pixels = PredictedClasses { predicted, width, n_classes };
        if let Some(place) = self.place {
            return self.options.score.of(&kept.measures[place], &pixels);
        }
        self.options
            .score
            .of(&deterministic_scores(&kept.deterministic_probabilities), &pixels)
    }

    fn thresholds(
        &self,
        looked: &[ScoredImage],
        calibration: &mut Calibration,
    ) -> Result<()> {
        let options = self.options;
        let images = looked.len();
        let threshold = |below: Option<f32>, promise: String| Threshold {
            score: options.score,
            below,
            promise,
            images,
        };
        let scores: Vec<f32> = looked.iter().map(|image| image.score).collect();
        let keep = |option: &'static str, share: f64| {
            threshold::coverage_threshold(&scores, share)
                .map_err(|needed| too_few(option, share, needed, images))
        };
        match options.target {
            Some(Target::Keep(share)) => {
                let kept = keep("--keep", share)?;
                let promise = format!("keeps {share} of images like these on average");
                calibration.policy.accept = Some(threshold(Some(kept.below), promise));
                calibration.coverage = Some(kept);
            }
            Some(Target::Risk(risk)) => {
                let risk_control = self.risk(looked, risk)?;
                let promise = format!(
                    "at most {risk} of what is accepted is wrong, with confidence {}",
                    options.confidence
                );
                calibration.policy.accept = Some(threshold(risk_control.below, promise));
                calibration.risk_control = Some(risk_control);
            }
            None => {}
        }
        if let Some(share) = options.ood_keep {
            let kept = keep("--ood-keep", share)?;
            let promise = format!("holds for {share} of images like these on average");
            calibration.policy.out_of_distribution =
                Some(threshold(Some(kept.below), promise));
        }
        Ok(())
    }

    fn risk(&self, looked: &[ScoredImage], risk: f64) -> Result<threshold::RiskControl> {
        let labeled = looked.iter().filter(|image| image.n_labeled > 0);
        let images: Vec<(f32, f64)> = labeled
            .map(|image| (image.score, image.n_wrong as f64 / image.n_labeled as f64))
            .collect();
        if images.is_empty() {
            return Err(Error::setting("--risk", "needs images with labels")
                .with_hint("name them: --labels FOLDER"));
        }
        let confidence = self.options.confidence;
        threshold::risk_threshold(&images, risk, confidence).map_err(|error| {
            let why = match error {
                RiskError::TooFew(fewest) => {
                    return too_few("--risk", risk, fewest, images.len());
                }
                RiskError::TooMuch(bound) => format!("{bound:.3} would be the smallest"),
            };
            let message = format!(
                "no threshold of {} shows on {} images with confidence {confidence} that at most \
                 {risk} is wrong; {why}",
                self.options.score.measure_name(),
                images.len()
            );
            Error::setting("--risk", message)
                .with_hint("allow more, take more images, or another --measure")
        })
    }

    fn temperature(&self, looked: Vec<ScoredImage>, calibration: &mut Calibration) {
        let mut items = LogProbabilities::new(self.folder.n_classes);
        for mut image in looked {
            items.append(&mut image.items);
        }
        let fit = items.fit();
        if let TemperatureFit::Found(temperature) = fit {
            calibration.policy.temperature = Some(temperature);
        }
        calibration.fit = Some(fit);
    }
}

pub(super) fn too_few(
    option: &'static str,
    share: f64,
    needed: usize,
    images: usize,
) -> Error {
    let message = format!("{share} needs at least {needed} images, found {images}");
    Error::setting(option, message).with_hint("take more images, or promise less")
}
