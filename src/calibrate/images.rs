//! The images of a folder, one by one.

use super::temperature::{Fit, LogProbabilities};
use super::{Aim, CalibrateOptions, Calibrated, NoLimit, threshold};
use crate::error::{Error, Result};
use crate::evaluate::{Event, Folder, Found, Kept, Labels, each};
use crate::metric::Pixels;
use crate::policy::{ImageScore, Policy, Threshold, deterministic_scores, made_with};
use crate::random::image_key;
use crate::tensor::ClassMap;

/// Most values that a temperature is fitted to: items times classes.
const MOST_VALUES: usize = 1 << 23;

/// An image whose arrays were read.
pub(super) struct Image {
    pub(super) kept: Kept,
    /// The true class of each item; none of a folder without labels.
    pub(super) labels: Option<Vec<u16>>,
}

/// What the first pass keeps of an image.
struct Looked {
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
    folder: &Folder,
    labels: Option<&Labels>,
    options: &CalibrateOptions,
    tell: &mut dyn FnMut(Event<'_>),
) -> Result<Calibrated> {
    let run = Run { folder, labels, options, place: place(folder, &options.score)? };
    let (looked, left_out) = run.look(tell)?;
    let mut calibrated = Calibrated {
        policy: Policy::new(made_with(&folder.record)),
        images: looked.len(),
        items: looked.iter().map(|image| image.n_labeled).sum(),
        kept: None,
        risked: None,
        fit: None,
        sets: None,
        left_out,
    };
    run.thresholds(&looked, &mut calibrated)?;
    if options.temperature && labels.is_some() {
        run.temperature(looked, &mut calibrated);
    }
    if let Some(alpha) = options.alpha {
        run.sets(alpha, &mut calibrated)?;
    }
    Ok(calibrated)
}

/// Which of a folder's measures a score is made of; none for the pass without dropout.
fn place(folder: &Folder, score: &ImageScore) -> Result<Option<usize>> {
    let Some(measure) = score.measure else { return Ok(None) };
    let place = folder.measures.iter().position(|kept| kept.name == measure.name);
    place.map(Some).ok_or_else(|| {
        let message = format!("{} was not kept in this folder", measure.name);
        Error::setting("--measure", message)
            .with_hint("predict again with it among --measures")
    })
}

pub(super) struct Run<'a> {
    pub(super) folder: &'a Folder,
    labels: Option<&'a Labels>,
    pub(super) options: &'a CalibrateOptions,
    place: Option<usize>,
}

impl Run<'_> {
    /// `Err` inside for an image without a label: what was looked for.
    pub(super) fn image(&self, id: &str) -> Result<Result<Image, String>> {
        let kept = self.folder.kept(id)?;
        let labels = match self.labels.map(|labels| labels.of(id, kept.size)) {
            None => None,
            Some(found) => match found? {
                Found::Missing(wanted) => return Ok(Err(wanted)),
                Found::Labels(labels) => {
                    self.check(id, &labels)?;
                    Some(labels)
                }
            },
        };
        Ok(Ok(Image { kept, labels }))
    }

    fn check(&self, id: &str, labels: &[u16]) -> Result<()> {
        let n_classes = self.folder.n_classes;
        let is_wrong =
            |label: &&u16| **label != ClassMap::NONE && usize::from(**label) >= n_classes;
        let Some(label) = labels.iter().find(is_wrong) else { return Ok(()) };
        let message =
            format!("the label {label} is no class of the model, which has {n_classes}");
        Err(Error::image(id.as_ref(), message)
            .with_hint("pass --ignore-index for a value that means no label"))
    }

    fn look(
        &self,
        tell: &mut dyn FnMut(Event<'_>),
    ) -> Result<(Vec<Looked>, (usize, usize))> {
        let step = self.step()?;
        let (mut looked, mut missing, mut failed) = (Vec::new(), 0, 0);
        let look = |id: &str| {
            self.image(id).map(|image| image.map(|image| self.look_at(id, &image, step)))
        };
        each(self.folder, self.options.threads, &look, &mut |id, found| match found {
            Ok(Ok(image)) => looked.push(image),
            Ok(Err(wanted)) => {
                missing += 1;
                tell(Event::Missing { id, wanted: &wanted });
            }
            Err(error) => {
                failed += 1;
                tell(Event::Failed { id, error: &error });
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

    fn look_at(&self, id: &str, image: &Image, step: usize) -> Looked {
        let kept = &image.kept;
        let (n, n_classes) = (kept.size.0 * kept.size.1, self.folder.n_classes);
        let key = image_key(id.as_bytes());
        let item =
            |i: usize| (0..n_classes).map(move |class| kept.probabilities[class * n + i]);
        let predicted = predicted(&kept.probabilities, n);
        let labels = image.labels.as_deref().unwrap_or_default();
        let labeled = || labels.iter().enumerate().filter(|(_, l)| **l != ClassMap::NONE);
        let is_wrong = |(i, label): &(usize, &u16)| u32::from(**label) != predicted[*i];
        let mut items = LogProbabilities::new(n_classes);
        if self.options.temperature {
            let first = (key >> 8) as usize % step;
            for (i, label) in labeled().filter(|(i, _)| i % step == first) {
                items.push(item(i), u32::from(*label), key & 1 == 1);
            }
        }
        Looked {
            key,
            score: self.score(kept, &predicted),
            n_labeled: labeled().count() as u64,
            n_wrong: labeled().filter(is_wrong).count() as u64,
            items,
        }
    }

    fn score(&self, kept: &Kept, predicted: &[u32]) -> f32 {
        let (width, n_classes) = (kept.size.1, self.folder.n_classes);
        let pixels = Pixels { predicted, width, n_classes };
        if let Some(place) = self.place {
            return self.options.score.of(&kept.measures[place], &pixels);
        }
        self.options.score.of(&deterministic_scores(&kept.deterministic.1), &pixels)
    }

    fn thresholds(&self, looked: &[Looked], calibrated: &mut Calibrated) -> Result<()> {
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
            threshold::keep(&scores, share)
                .map_err(|needed| too_few(option, share, needed, images))
        };
        match options.aim {
            Some(Aim::Keep(share)) => {
                let kept = keep("--keep", share)?;
                let promise = format!("keeps {share} of images like these on average");
                calibrated.policy.accept = Some(threshold(Some(kept.below), promise));
                calibrated.kept = Some(kept);
            }
            Some(Aim::Risk(risk)) => {
                let risked = self.risk(looked, risk)?;
                let promise = format!(
                    "at most {risk} of what is accepted is wrong, with confidence {}",
                    options.confidence
                );
                calibrated.policy.accept = Some(threshold(risked.below, promise));
                calibrated.risked = Some(risked);
            }
            None => {}
        }
        if let Some(share) = options.ood_keep {
            let kept = keep("--ood-keep", share)?;
            let promise = format!("holds for {share} of images like these on average");
            calibrated.policy.out_of_distribution =
                Some(threshold(Some(kept.below), promise));
        }
        Ok(())
    }

    fn risk(&self, looked: &[Looked], risk: f64) -> Result<threshold::Risked> {
        let labeled = looked.iter().filter(|image| image.n_labeled > 0);
        let images: Vec<(f32, f64)> = labeled
            .map(|image| (image.score, image.n_wrong as f64 / image.n_labeled as f64))
            .collect();
        if images.is_empty() {
            return Err(Error::setting("--risk", "needs images with labels")
                .with_hint("name them: --labels FOLDER"));
        }
        let confidence = self.options.confidence;
        threshold::risk(&images, risk, confidence).map_err(|error| {
            let why = match error {
                NoLimit::TooFew(fewest) => {
                    return too_few("--risk", risk, fewest, images.len());
                }
                NoLimit::TooMuch(bound) => format!("{bound:.3} would be the smallest"),
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

    fn temperature(&self, looked: Vec<Looked>, calibrated: &mut Calibrated) {
        let mut items = LogProbabilities::new(self.folder.n_classes);
        for mut image in looked {
            items.append(&mut image.items);
        }
        let fit = items.fit();
        if let Fit::Found(temperature) = fit {
            calibrated.policy.temperature = Some(temperature);
        }
        calibrated.fit = Some(fit);
    }
}

/// The first class of the largest probability, for each item.
fn predicted(probabilities: &[f32], n: usize) -> Vec<u32> {
    let mut top = probabilities[..n].to_vec();
    let mut classes = vec![0; n];
    for (class, plane) in (1..).zip(probabilities[n..].chunks_exact(n)) {
        for ((top, best), p) in top.iter_mut().zip(&mut classes).zip(plane) {
            if *p > *top {
                (*top, *best) = (*p, class);
            }
        }
    }
    classes
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
