//! The images of a folder, one by one.

use super::conformal::{self, Conformal};
use super::temperature::{Fit, LogProbabilities};
use super::{Aim, CalibrateOptions, Calibrated, NoLimit, SetMethod, threshold};
use crate::error::{Error, Result};
use crate::evaluate::{Event, Folder, Found, Kept, Labels, each};
use crate::metric::Pixels;
use crate::policy::{
    ImageScore, Policy, SetRule, Sets, Temperature, Threshold, made_with, most_probable,
    sum_before, temper,
};
use crate::random::image_key;
use crate::tensor::ClassMap;

/// Most values that a temperature is fitted to: items times classes.
const MOST_VALUES: usize = 1 << 23;

/// An image whose arrays were read.
struct Image {
    kept: Kept,
    /// The true class of each item; none of a folder without labels.
    labels: Option<Vec<u16>>,
}

/// What the first pass keeps of an image.
struct Looked {
    key: u64,
    score: f32,
    n_labelled: u64,
    n_wrong: u64,
    items: LogProbabilities,
}

/// Makes a policy of the labelled images of a folder; without labels, of all images.
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
        items: looked.iter().map(|image| image.n_labelled).sum(),
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

struct Run<'a> {
    folder: &'a Folder,
    labels: Option<&'a Labels>,
    options: &'a CalibrateOptions,
    place: Option<usize>,
}

impl Run<'_> {
    /// `Err` inside for an image without a label: what was looked for.
    fn image(&self, id: &str) -> Result<Result<Image, String>> {
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
        let labelled =
            || labels.iter().enumerate().filter(|(_, l)| **l != ClassMap::NONE);
        let is_wrong = |(i, label): &(usize, &u16)| u32::from(**label) != predicted[*i];
        let mut items = LogProbabilities::new(n_classes);
        if self.options.temperature {
            let first = (key >> 8) as usize % step;
            for (i, label) in labelled().filter(|(i, _)| i % step == first) {
                items.push(item(i), u32::from(*label), key & 1 == 1);
            }
        }
        Looked {
            key,
            score: self.score(kept, &predicted),
            n_labelled: labelled().count() as u64,
            n_wrong: labelled().filter(is_wrong).count() as u64,
            items,
        }
    }

    fn score(&self, kept: &Kept, predicted: &[u32]) -> f32 {
        let (width, n_classes) = (kept.size.1, self.folder.n_classes);
        let pixels = Pixels { predicted, width, n_classes };
        if let Some(place) = self.place {
            return self.options.score.of(&kept.measures[place], &pixels);
        }
        let rest: Vec<f32> =
            kept.deterministic.1.iter().map(|p| (1.0 - p).max(0.0)).collect();
        self.options.score.of(&rest, &pixels)
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
        let labelled = looked.iter().filter(|image| image.n_labelled > 0);
        let images: Vec<(f32, f64)> = labelled
            .map(|image| (image.score, image.n_wrong as f64 / image.n_labelled as f64))
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

    fn sets(&self, alpha: f64, calibrated: &mut Calibrated) -> Result<()> {
        let temperature = calibrated.policy.temperature;
        let (mut own, mut sums, mut missed) =
            (Vec::new(), Vec::new(), Conformal::default());
        let is_map = self.folder.is_map;
        let visit = |seen: &mut Seen, p: &[f32], label: usize| {
            seen.n += 1;
            if !is_map {
                seen.own.push(p[label]);
                seen.sums.push(sum_before(p, label));
            } else if most_probable(p) != label {
                seen.own.push(p[label]);
            }
        };
        self.each_item(temperature, &visit, &mut |seen| {
            if is_map {
                missed.add(&seen.own, seen.n);
            } else {
                own.extend(seen.own);
                sums.extend(seen.sums);
            }
        });
        let (method, rule) = match (is_map, self.options.method) {
            (true, _) => ("risk_control", conformal::risk_control(&missed, alpha)),
            (false, SetMethod::Lac) => ("lac", conformal::least_of(&own, alpha)),
            (false, SetMethod::Aps) => ("aps", conformal::sum_of(&sums, alpha)),
        };
        let images = calibrated.images;
        let rule = rule.map_err(|needed| too_few("--alpha", alpha, needed, images))?;
        calibrated.sets = Some(self.describe(rule, temperature));
        let share = 1.0 - alpha;
        let promise = if is_map {
            format!("hold the class of {share:.4} of an image's pixels on average")
        } else {
            format!("hold the class of {share:.4} of images like these on average")
        };
        let method = method.to_owned();
        calibrated.policy.sets = Some(Sets { method, promise, alpha, images, rule });
        Ok(())
    }

    /// The mean size of sets and the share of items in theirs.
    fn describe(&self, rule: SetRule, temperature: Option<Temperature>) -> (f64, f64) {
        let visit =
            |(n, sizes, held): &mut (usize, usize, usize), p: &[f32], label: usize| {
                *n += 1;
                for class in rule.members(p) {
                    *sizes += 1;
                    *held += usize::from(class == label);
                }
            };
        let (mut n, mut sizes, mut held) = (0, 0, 0);
        self.each_item(temperature, &visit, &mut |image| {
            (n, sizes, held) = (n + image.0, sizes + image.1, held + image.2);
        });
        (sizes as f64 / n as f64, held as f64 / n as f64)
    }

    /// Visits the labelled items of every image, with their probabilities at a temperature and
    /// their class; `take` gets what the visits of an image made.
    fn each_item<T: Default + Send>(
        &self,
        temperature: Option<Temperature>,
        visit: &(dyn Fn(&mut T, &[f32], usize) + Sync),
        take: &mut dyn FnMut(T),
    ) {
        let of_image = |id: &str| {
            let mut made = T::default();
            let Ok(Image { kept, labels: Some(labels) }) = self.image(id)? else {
                return Ok(made);
            };
            let n = kept.size.0 * kept.size.1;
            let mut item = vec![0.0; self.folder.n_classes];
            let labelled =
                labels.iter().enumerate().filter(|(_, l)| **l != ClassMap::NONE);
            for (i, label) in labelled {
                let planes = kept.probabilities[i..].iter().step_by(n);
                item.iter_mut().zip(planes).for_each(|(p, kept)| *p = *kept);
                if let Some(temperature) = temperature {
                    temper(&mut item, temperature.value);
                }
                visit(&mut made, &item, usize::from(*label));
            }
            Ok(made)
        };
        each(self.folder, self.options.threads, &of_image, &mut |_, made| {
            if let Ok(made) = made {
                take(made);
            }
        });
    }
}

/// What the sets need of an image.
#[derive(Default)]
struct Seen {
    n: usize,
    /// The probabilities of the true class; in segmentation where it is not the most probable.
    own: Vec<f32>,
    /// The sums before the true class, in classification.
    sums: Vec<f32>,
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

fn too_few(option: &'static str, share: f64, needed: usize, images: usize) -> Error {
    let message = format!("{share} needs at least {needed} images, found {images}");
    Error::setting(option, message).with_hint("take more images, or promise less")
}
