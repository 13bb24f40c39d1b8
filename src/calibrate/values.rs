//! Calibration of the values of a regression: a factor of the variance, intervals, and thresholds of
//! standard deviations.
//!
//! All images are read once. Of an image, only its score, sums, and the numbers of its pixels in bins
//! of the standardized error are kept; the bins are added up as images arrive.

use super::decisions::{BoundedRisk, DecisionOptions, too_few};
use super::standardized_errors::{
    ErrorCounts, ErrorShares, IntervalError, bin, counted, split_conformal_factor,
    standardized_error,
};
use super::threshold::{ImageLoss, QuantileThreshold, RiskControl};
use super::variance_scale::{ErrorMoments, VarianceFit, fit_coverage, fit_likelihood};
use super::{SetStatistics, ThresholdTarget};
use crate::error::{Error, Result};
use crate::evaluate::{
    EvaluationEvent, LabelValues, LeftOut, PredictionFolder, ValueLabels, for_each_image,
    nothing_counts, require_value_arrays, score_of_values,
};
use crate::measure::ALEATORIC_STD;
use crate::pipeline::TargetArrays;
use crate::policy::{
    ConformalInterval, ImageScore, IntervalMethod, Policy, ScaleMethod, TargetPolicy,
    prediction_settings,
};
use crate::random::image_key;
use crate::task::{Item, Target};

/// Options of a calibration of values.
#[derive(Debug, Clone, PartialEq)]
pub struct ValueCalibrationOptions {
    /// Score that the thresholds are compared with.
    pub score: ImageScore,
    /// Target of the threshold for accepting images.
    pub target: Option<ThresholdTarget>,
    /// Absolute error above which an item of the score's target is wrong, for
    /// [`ThresholdTarget::Risk`].
    pub error_above: Option<f64>,
    /// Confidence of [`ThresholdTarget::Risk`], in (0, 1).
    pub confidence: f64,
    /// Share of images like these that are not called out of distribution.
    pub ood_keep: Option<f64>,
    /// Share of items whose interval may miss their label.
    pub alpha: Option<f64>,
    /// Criterion of the factor of the variance; `None` for no factor.
    pub variance_scale: Option<ScaleMethod>,
    /// Number of threads.
    pub threads: usize,
}

impl ValueCalibrationOptions {
    /// Returns the options of the decisions about images.
    fn decisions(&self) -> DecisionOptions {
        let Self { score, target, ood_keep, confidence, .. } = *self;
        DecisionOptions { score, target, ood_keep, confidence }
    }
}

/// A policy about values and the statistics behind it.
#[derive(Debug)]
pub struct ValueCalibration {
    /// The policy.
    pub policy: Policy,
    /// Number of images used.
    pub images: usize,
    /// Number of labeled items that count, of all targets together.
    pub items: u64,
    /// Threshold that accepts a share of images.
    pub coverage: Option<QuantileThreshold>,
    /// Threshold that bounds the risk.
    pub risk_control: Option<RiskControl>,
    /// Results of each target.
    pub targets: Vec<CalibratedTarget>,
    /// Number of images without a label.
    pub missing: usize,
    /// Number of images that cannot be used.
    pub failed: usize,
}

/// Results of one target.
#[derive(Debug)]
pub struct CalibratedTarget {
    /// Name of the target.
    pub name: String,
    /// Result of the search for a factor of the variance.
    pub fit: Option<VarianceFit>,
    /// Mean width and coverage of the intervals, on the images on which they were found.
    pub interval: Option<SetStatistics>,
    /// Number of labeled items that count.
    pub n_items: u64,
    /// Number of these whose total variance is 0.
    pub n_without_variance: u64,
    /// Items without a label that counts.
    pub left_out: LeftOut,
}

/// Values of an image that are kept.
struct ScoredImage {
    key: u64,
    score: f32,
    targets: Vec<TargetItems>,
}

/// Labeled items of one target of an image.
#[derive(Default)]
struct TargetItems {
    n_items: u64,
    n_without_variance: u64,
    n_wrong: u64,
    moments: ErrorMoments,
    std_sum: f64,
    /// Standardized error of the only item of an image, if values are per image.
    single: Option<f64>,
    left_out: LeftOut,
    /// Number of items in each bin of the standardized error, without items that have no error and no
    /// variance. Empty once it was added up.
    bins: Vec<(u32, u32)>,
}

/// Sums over the images of the bins of one target.
#[derive(Default)]
struct BinSums {
    /// For intervals of pixels.
    shares: Option<ErrorShares>,
    /// For the coverage, of each half of the images.
    halves: Option<[ErrorCounts; 2]>,
}

/// Creates a policy from the labeled values of a folder; without labels, from all images.
///
/// # Errors
/// Fails if required labels are missing, there are too few images for a guarantee, no threshold or
/// interval meets it, or the model has no such score.
pub fn calibrate_values(
    folder: &PredictionFolder,
    labels: Option<&ValueLabels>,
    options: &ValueCalibrationOptions,
    on_event: &mut dyn FnMut(EvaluationEvent<'_>),
) -> Result<ValueCalibration> {
    folder.require(Target::Value)?;
    require_value_arrays(folder)?;
    check_score(folder, &options.score)?;
    let run = ValueCalibrationRun { folder, labels, options };
    let mut calibration = ValueCalibration {
        policy: Policy::new(prediction_settings(&folder.record)),
        images: 0,
        items: 0,
        coverage: None,
        risk_control: None,
        targets: Vec::new(),
        missing: 0,
        failed: 0,
    };
    let (images, sums) = run.read_images(&mut calibration, on_event)?;
    calibration.images = images.len();
    run.find_thresholds(&images, &mut calibration)?;
    if labels.is_some() {
        run.calibrate_targets(&images, &sums, &mut calibration)?;
    }
    Ok(calibration)
}

/// Fails if the folder does not have the score.
fn check_score(folder: &PredictionFolder, score: &ImageScore) -> Result<()> {
    let names = folder.targets();
    if score.channel.is_none_or(|channel| channel >= names.len()) {
        return Err(Error::setting("measure", "names no target of the folder")
            .with_hint(format!("its targets are {}", names.join(", "))));
    }
    let target = folder.record.output.target.as_ref();
    let has_variance = target.is_some_and(|target| target.has_variance);
    let needs_variance =
        score.measure.is_none_or(|measure| measure.name == ALEATORIC_STD.name);
    if needs_variance && !has_variance {
        let message =
            format!("{}: the network predicts no variance", score.measure_name());
        return Err(Error::setting("measure", message).with_hint("use total_std"));
    }
    Ok(())
}

struct ValueCalibrationRun<'a> {
    folder: &'a PredictionFolder,
    labels: Option<&'a ValueLabels>,
    options: &'a ValueCalibrationOptions,
}

impl ValueCalibrationRun<'_> {
    fn read_images(
        &self,
        calibration: &mut ValueCalibration,
        on_event: &mut dyn FnMut(EvaluationEvent<'_>),
    ) -> Result<(Vec<ScoredImage>, Vec<BinSums>)> {
        let mut sums: Vec<BinSums> =
            (0..self.folder.n_classes).map(|_| self.bin_sums()).collect();
        let mut images = Vec::new();
        let process = |id: &str| self.score_image(id);
        for_each_image(self.folder, self.options.threads, &process, &mut |id, result| {
            match result {
                Ok(Ok(mut image)) => {
                    for (sums, items) in sums.iter_mut().zip(&mut image.targets) {
                        sums.add(items, image.key);
                    }
                    images.push(image);
                }
                Ok(Err(wanted)) => {
                    calibration.missing += 1;
                    on_event(EvaluationEvent::Missing { id, wanted: &wanted });
                }
                Err(error) => {
                    calibration.failed += 1;
                    on_event(EvaluationEvent::Failed { id, error: &error });
                }
            }
        });
        if images.is_empty() {
            let message = format!("none of {} images can be used", self.folder.ids.len());
            return Err(Error::setting("out", message)
                .with_hint("if label names differ from image names, set `match`"));
        }
        // The order of keys is independent of scores and losses.
        images.sort_unstable_by_key(|image: &ScoredImage| image.key);
        Ok((images, sums))
    }

    fn bin_sums(&self) -> BinSums {
        let has_pixels = self.folder.task.item == Item::Pixel;
        let has_intervals = self.options.alpha.is_some() && has_pixels;
        let needs_coverage = self.options.variance_scale == Some(ScaleMethod::Coverage);
        BinSums {
            shares: has_intervals.then(ErrorShares::default),
            halves: needs_coverage.then(Default::default),
        }
    }

    /// Reads an image; without a label, returns what was expected.
    fn score_image(&self, id: &str) -> Result<Result<ScoredImage, String>> {
        let arrays = self.folder.kept_values(id)?;
        let size = arrays.first().map_or((1, 1), |target| target.size);
        let targets = match self.labels {
            None => Vec::new(),
            Some(source) => {
                match source.labels(&self.folder.predicted_image(id, size))? {
                    LabelValues::Missing(wanted) => return Ok(Err(wanted)),
                    LabelValues::Values { targets, left_out, .. } => {
                        let labeled = arrays.iter().zip(targets).zip(left_out);
                        let items = labeled.map(|((arrays, labels), left_out)| {
                            self.items(arrays, &labels, left_out)
                        });
                        items.collect()
                    }
                }
            }
        };
        let scored = self.options.score.channel.and_then(|channel| arrays.get(channel));
        let score = scored
            .map_or(f32::NAN, |arrays| score_of_values(&self.options.score, arrays));
        if score.is_nan() {
            return Err(Error::runtime("scoring an image", "its score is not a number"));
        }
        Ok(Ok(ScoredImage { key: image_key(id.as_bytes()), score, targets }))
    }

    fn items(
        &self,
        arrays: &TargetArrays,
        labels: &[f32],
        left_out: LeftOut,
    ) -> TargetItems {
        let mut items = TargetItems { left_out, ..TargetItems::default() };
        let mut bins = Vec::new();
        let predicted = arrays.value.iter().zip(arrays.total_std());
        for ((value, std), label) in predicted.zip(labels) {
            if label.is_nan() {
                continue;
            }
            let size = (f64::from(*label) - f64::from(*value)).abs();
            let error = standardized_error(*label, *value, std);
            items.n_items += 1;
            items.std_sum += f64::from(std);
            items.n_wrong +=
                u64::from(self.options.error_above.is_some_and(|above| size > above));
            items.single = Some(error);
            if std > 0.0 {
                items.moments.add(&ErrorMoments {
                    n_items: 1,
                    squares: error * error,
                    log_stds: f64::from(std).ln(),
                });
            } else {
                items.n_without_variance += 1;
            }
            if std > 0.0 || error > 0.0 {
                bins.push(bin(error));
            }
        }
        let is_single = arrays.value.len() == 1;
        items.single = items.single.filter(|_| is_single);
        items.bins = counted(bins);
        items
    }

    fn find_thresholds(
        &self,
        images: &[ScoredImage],
        calibration: &mut ValueCalibration,
    ) -> Result<()> {
        let scores: Vec<f32> = images.iter().map(|image| image.score).collect();
        let decisions = self.options.decisions();
        let bound_risk = |risk: f64| {
            let above = self.options.error_above.ok_or_else(|| {
                Error::setting("risk", "needs the error above which a value is wrong")
                    .with_hint("set `error_above`")
            })?;
            let confidence = self.options.confidence;
            Ok(BoundedRisk {
                control: decisions.control_risk(&self.losses(images), risk)?,
                promise: format!(
                    "at most {risk} of what is accepted is off by more than {above}, with \
                     confidence {confidence}"
                ),
                images: scores.len(),
            })
        };
        let found = decisions.find(&scores, &mut calibration.policy, bound_risk)?;
        calibration.coverage = found.coverage;
        calibration.risk_control = found.risk.map(|risk| risk.control);
        Ok(())
    }

    /// Returns the share of wrong items of each image with labels that count.
    fn losses(&self, images: &[ScoredImage]) -> Vec<ImageLoss> {
        let channel = self.options.score.channel.unwrap_or(0);
        let of_target = |image: &ScoredImage| {
            let items = image.targets.get(channel).filter(|items| items.n_items > 0)?;
            let loss = items.n_wrong as f64 / items.n_items as f64;
            Some(ImageLoss { score: image.score, loss })
        };
        images.iter().filter_map(of_target).collect()
    }

    fn calibrate_targets(
        &self,
        images: &[ScoredImage],
        sums: &[BinSums],
        calibration: &mut ValueCalibration,
    ) -> Result<()> {
        for (target, (name, sums)) in
            self.folder.targets().into_iter().zip(sums).enumerate()
        {
            let items: Vec<&TargetItems> =
                images.iter().filter_map(|image| image.targets.get(target)).collect();
            let mut found = CalibratedTarget {
                name: name.clone(),
                fit: None,
                interval: None,
                n_items: items.iter().map(|items| items.n_items).sum(),
                n_without_variance: items.iter().map(|one| one.n_without_variance).sum(),
                left_out: LeftOut::default(),
            };
            for items in &items {
                found.left_out.add(&items.left_out);
            }
            if found.n_items == 0 {
                return Err(nothing_counts(&found.left_out));
            }
            calibration.items += found.n_items;
            let mut policy = TargetPolicy { name, variance_scale: None, interval: None };
            found.fit = self.options.variance_scale.map(|method| match method {
                ScaleMethod::Likelihood => fit_likelihood(&moments(images, target)),
                ScaleMethod::Coverage => {
                    sums.halves.as_ref().map_or(VarianceFit::NoVariance, fit_coverage)
                }
            });
            if let Some(VarianceFit::Found(scale)) = found.fit {
                policy.variance_scale = Some(scale);
            }
            if let Some(alpha) = self.options.alpha {
                let (interval, statistics) = interval(alpha, &items, sums, &found)?;
                policy.interval = Some(interval);
                found.interval = Some(statistics);
            }
            calibration.targets.push(found);
            calibration.policy.targets.push(policy);
        }
        // Without any rule, the list would have no meaning.
        let is_empty =
            |one: &TargetPolicy| one.variance_scale.is_none() && one.interval.is_none();
        if calibration.policy.targets.iter().all(is_empty) {
            calibration.policy.targets.clear();
        }
        Ok(())
    }
}

impl BinSums {
    /// Adds the bins of an image, and removes them from it.
    fn add(&mut self, items: &mut TargetItems, key: u64) {
        let bins = std::mem::take(&mut items.bins);
        if let Some(shares) = &mut self.shares {
            shares.add_counted(&bins, items.n_items);
        }
        if let Some(halves) = &mut self.halves {
            halves[(key & 1) as usize].add(&bins);
        }
    }
}

/// Returns the sums of a target over each half of the images.
fn moments(images: &[ScoredImage], target: usize) -> [ErrorMoments; 2] {
    let mut halves = [ErrorMoments::default(); 2];
    for image in images {
        if let Some(items) = image.targets.get(target) {
            halves[(image.key & 1) as usize].add(&items.moments);
        }
    }
    halves
}

/// Finds the intervals of a target, and their statistics on the same images.
fn interval(
    alpha: f64,
    items: &[&TargetItems],
    sums: &BinSums,
    target: &CalibratedTarget,
) -> Result<(ConformalInterval, SetStatistics)> {
    let name = &target.name;
    if target.n_without_variance == target.n_items {
        let message = format!("{name}: total_std is 0 for all {} labels", target.n_items);
        return Err(Error::setting("alpha", message).with_hint(NO_VARIANCE));
    }
    let singles: Vec<f64> = items.iter().filter_map(|items| items.single).collect();
    let labeled = items.iter().filter(|items| items.n_items > 0).count();
    let (method, of_what, factor) = if let Some(shares) = &sums.shares {
        let factor = shares.risk_control_factor(alpha);
        (IntervalMethod::RiskControl, "an image's pixels", factor)
    } else {
        let factor = split_conformal_factor(&singles, alpha);
        (IntervalMethod::SplitConformal, "images like these", factor)
    };
    let factor = factor.map_err(|error| match error {
        IntervalError::TooFew(needed) => too_few("alpha", alpha, needed, labeled),
        IntervalError::Unbounded => {
            let (n, all) = (target.n_without_variance, target.n_items);
            let message = format!(
                "{name}: total_std is 0 for {n} of {all} labels, too many of them wrong"
            );
            Error::setting("alpha", message).with_hint(NO_VARIANCE)
        }
    })?;
    let inside = |error: &&f64| **error <= factor;
    let coverage = match &sums.shares {
        Some(shares) => shares.coverage(factor),
        None => singles.iter().filter(inside).count() as f64 / singles.len() as f64,
    };
    let stds: f64 = items.iter().map(|items| items.std_sum).sum();
    let mean_size = 2.0 * factor * stds / target.n_items as f64;
    let promise = format!("hold the value of {:.4} of {of_what} on average", 1.0 - alpha);
    let interval = ConformalInterval { method, promise, alpha, images: labeled, factor };
    Ok((interval, SetStatistics { mean_size, coverage }))
}

const NO_VARIANCE: &str =
    "predict with dropout, or state the precision of the labels with `model_precision`";
