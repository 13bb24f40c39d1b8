//! Summary of one image: everything that it contributes to an evaluation of values.

use super::distribution::LEVELS;
use super::image_curves::RemovalOrder;
use super::input::ValueInput;
use super::log_bins::LogResolution;
use super::spec::{SMALLEST_DEPTH, StdSource, ValueEvaluationSpec};
use super::sums::{
    BinItem, DepthSums, DistributionSums, ErrorBin, ErrorSums, ImageError, IntervalSums,
    LabelSums, StdSums, ValueSums, pair,
};
use crate::error::Result;
use crate::metric::sparse_bins::SparseBins;

/// Factor by which a prediction of depth may differ from the label in the first of the shares of
/// near predictions.
const DELTA: f64 = 1.25;

/// Smallest number of labeled items of an image that has sparsification curves of its own.
const FEWEST_ITEMS: usize = 2;

/// Contribution of one image to an evaluation of values.
///
/// It depends only on the image and the specification, so images can be summarized on any thread
/// and added in any order.
#[derive(Debug, Clone)]
pub struct ValueSummary {
    pub(super) id: String,
    pub(super) sums: ValueSums,
}

impl ValueSummary {
    /// Summarizes an image.
    ///
    /// # Errors
    /// Fails if sizes differ, something that the specification includes is missing, a label is
    /// infinite, or a labeled item has a value that is not finite or is larger than
    /// [`VALUE_LIMIT`](super::VALUE_LIMIT), a negative variance, or an interval whose lower end
    /// is above the upper one. The error names the image.
    pub fn new(input: &ValueInput, spec: &ValueEvaluationSpec) -> Result<Self> {
        let labeled = input.check(spec)?;
        let scan = ImageScan::new(input, spec, labeled);
        let sources = spec.std_sources();
        let interval = scan.interval()?;
        let mut predictions = vec![scan.prediction(input.value)];
        if let Some(pass) = input.deterministic.filter(|_| spec.has_deterministic()) {
            predictions.push(scan.prediction(pass.value));
        }
        let mut sums = ValueSums::new(predictions.len(), sources.len());
        sums.labels = scan.label_sums();
        sums.interval = interval;
        for (sums, prediction) in sums.predictions.iter_mut().zip(&predictions) {
            sums.errors = scan.error_sums(prediction);
            if spec.options().depth {
                sums.depth = scan.depth_sums(prediction);
            }
        }
        let mut best = vec![None; predictions.len()];
        for (std_sums, source) in sums.stds.iter_mut().zip(sources) {
            let index = usize::from(source == StdSource::Deterministic);
            let prediction = &predictions[index];
            let stds = scan.stds(source);
            let best = best[index].get_or_insert_with(|| {
                let (areas, by_error) = scan.best_order(prediction);
                sums.predictions[index].by_error = by_error;
                areas
            });
            *std_sums = scan.std_sums(prediction, &stds, best);
            if matches!(source, StdSource::Total | StdSource::Deterministic) {
                let distribution = scan.distribution_sums(prediction, &stds);
                sums.predictions[index].distribution = distribution;
            }
        }
        Ok(Self { id: input.id.to_owned(), sums })
    }

    /// Returns the id of the image.
    pub fn id(&self) -> &str {
        &self.id
    }
}

/// A prediction of the labeled items.
struct PredictedItems {
    values: Vec<f64>,
    /// Value minus label.
    errors: Vec<f64>,
    /// Absolute errors, rounded to f32.
    sizes: Vec<f32>,
    /// For each kind of error that the image allows, the losses of the items.
    losses: Vec<Vec<f64>>,
}

/// Passes over the labeled items of an image.
struct ImageScan<'a> {
    input: &'a ValueInput<'a>,
    spec: &'a ValueEvaluationSpec,
    /// Indices of the labeled items.
    labeled: Vec<usize>,
    labels: Vec<f64>,
    /// Kinds of errors of single images that the labels allow.
    kinds: &'static [ImageError],
}

impl<'a> ImageScan<'a> {
    fn new(
        input: &'a ValueInput<'a>,
        spec: &'a ValueEvaluationSpec,
        labeled: Vec<usize>,
    ) -> Self {
        let is_depth = |&item: &usize| input.labels[item] >= SMALLEST_DEPTH;
        let n_kinds = match labeled.len() {
            n if n < FEWEST_ITEMS => 0,
            _ if spec.options().depth && labeled.iter().all(is_depth) => {
                ImageError::ALL.len()
            }
            _ => 1,
        };
        let labels = labeled.iter().map(|&item| input.labels[item].into()).collect();
        Self { input, spec, labeled, labels, kinds: &ImageError::ALL[..n_kinds] }
    }

    /// Returns the labeled items of an array.
    fn gather(&self, values: &[f32]) -> Vec<f64> {
        self.labeled.iter().map(|&item| values[item].into()).collect()
    }

    fn prediction(&self, values: &[f32]) -> PredictedItems {
        let values = self.gather(values);
        let pairs = || values.iter().zip(&self.labels);
        let errors: Vec<f64> = pairs().map(|(value, label)| value - label).collect();
        let losses = self.kinds.iter().map(|kind| match kind {
            ImageError::Rmse => errors.iter().map(|error| error * error).collect(),
            ImageError::AbsRel => {
                let pairs = errors.iter().zip(&self.labels);
                pairs.map(|(error, label)| error.abs() / label).collect()
            }
            ImageError::Delta => pairs()
                .map(
                    |(&value, &label)| {
                        if ratio(value, label) < DELTA { 0.0 } else { 1.0 }
                    },
                )
                .collect(),
        });
        let losses = losses.collect();
        let sizes = errors.iter().map(|error| error.abs() as f32).collect();
        PredictedItems { values, errors, sizes, losses }
    }

    fn label_sums(&self) -> LabelSums {
        let mut sums =
            LabelSums { count: self.labels.len() as u64, ..LabelSums::default() };
        for &label in &self.labels {
            sums.sum.put(label);
            sums.squares.put(label * label);
            sums.not_depth += u64::from(label < f64::from(SMALLEST_DEPTH));
        }
        sums
    }

    fn error_sums(&self, prediction: &PredictedItems) -> ErrorSums {
        let mut sums = ErrorSums::default();
        for &error in &prediction.errors {
            sums.signed.put(error);
            sums.absolute.put(error.abs());
            sums.squared.put(error * error);
            sums.large += u64::from(self.is_large(error));
        }
        sums
    }

    fn is_large(&self, error: f64) -> bool {
        self.spec.options().error_above.is_some_and(|above| error.abs() > above)
    }

    /// Returns sums over the items whose labels are depths.
    fn depth_sums(&self, prediction: &PredictedItems) -> DepthSums {
        let mut sums = DepthSums::default();
        let items = prediction.values.iter().zip(&prediction.errors).zip(&self.labels);
        for ((&value, error), &label) in items {
            if label < f64::from(SMALLEST_DEPTH) {
                continue;
            }
            sums.relative.put(error.abs() / label);
            sums.relative_squares.put(error * error / label);
            let ratio = ratio(value, label);
            let mut limit = 1.0;
            for within in &mut sums.within {
                limit *= DELTA;
                *within += u64::from(ratio < limit);
            }
            if value > 0.0 {
                let logarithm = value.ln() - label.ln();
                sums.logarithm_squares.put(logarithm * logarithm);
                sums.decimal_logarithms.put((value.log10() - label.log10()).abs());
            } else {
                sums.no_logarithm += 1;
            }
        }
        sums
    }

    fn interval(&self) -> Result<IntervalSums> {
        let mut sums = IntervalSums::default();
        let has_interval = self.spec.interval_level().is_some();
        let Some(interval) = self.input.interval.filter(|_| has_interval) else {
            return Ok(sums);
        };
        for (&item, label) in self.labeled.iter().zip(&self.labels) {
            let [low, high] =
                [interval.low, interval.high].map(|end| f64::from(end[item]));
            if low > high {
                let position = self.input.position(item);
                let message = format!(
                    "the interval is {low} to {high}{position}: expected the lower end first"
                );
                let hint = "check which of the two arrays holds the lower ends";
                return Err(self.input.error(message, hint));
            }
            sums.covered += u64::from((low..=high).contains(label));
            sums.width.put(high - low);
        }
        if !self.labeled.is_empty() {
            sums.shares.put(sums.covered as f64 / self.labeled.len() as f64);
            sums.n_images = 1;
        }
        Ok(sums)
    }

    /// Returns the standard deviation of each item.
    fn stds(&self, source: StdSource) -> Vec<f64> {
        let input = self.input;
        let aleatoric =
            input.aleatoric_variance.filter(|_| self.spec.has_aleatoric_variance());
        let deterministic = input.deterministic.and_then(|pass| pass.variance);
        let terms: [Option<&[f32]>; 2] = match source {
            StdSource::Total => [Some(input.epistemic_variance), aleatoric],
            StdSource::Epistemic => [Some(input.epistemic_variance), None],
            StdSource::Aleatoric => [aleatoric, None],
            StdSource::Deterministic => [deterministic, None],
        };
        let terms: Vec<&[f32]> = terms.into_iter().flatten().collect();
        let variance = |item: usize| -> f64 {
            terms.iter().map(|variances| f64::from(variances[item])).sum()
        };
        self.labeled.iter().map(|&item| variance(item).sqrt()).collect()
    }

    fn floored(&self, std: f64) -> f64 {
        std.max(self.spec.options().std_floor)
    }

    fn distribution_sums(
        &self,
        prediction: &PredictedItems,
        stds: &[f64],
    ) -> DistributionSums {
        let options = self.spec.options();
        let distribution = options.distribution;
        let half_widths: [f64; LEVELS] = distribution.half_widths();
        let mut sums = DistributionSums::default();
        for (&error, &std) in prediction.errors.iter().zip(stds) {
            sums.floored += u64::from(std < options.std_floor);
            let std = self.floored(std);
            sums.likelihood.put(distribution.negative_log_likelihood(error, std));
            sums.crps.put(distribution.crps(error, std));
            sums.variance.put(std * std);
            let first = half_widths.partition_point(|half| half * std < error.abs());
            sums.first_level[first] += 1;
        }
        sums
    }

    /// Returns the areas under the sparsification curves of the best order, for each kind of
    /// error, and the items by absolute error.
    fn best_order(
        &self,
        prediction: &PredictedItems,
    ) -> (Vec<f64>, SparseBins<ErrorBin>) {
        let mut areas = Vec::with_capacity(self.kinds.len());
        let order = RemovalOrder::new(&prediction.sizes);
        for (&kind, losses) in self.kinds.iter().zip(&prediction.losses) {
            let (_, area) = match kind {
                ImageError::Rmse => order.area(kind, losses),
                ImageError::AbsRel => {
                    let keys: Vec<f32> = losses.iter().map(|&loss| loss as f32).collect();
                    RemovalOrder::new(&keys).area(kind, losses)
                }
                ImageError::Delta => {
                    let items = prediction.values.iter().zip(&self.labels);
                    let keys: Vec<f32> = items
                        .map(|(&value, &label)| ratio(value, label) as f32)
                        .collect();
                    RemovalOrder::new(&keys).area(kind, losses)
                }
            };
            areas.push(area);
        }
        let mut by_error = SparseBins::<ErrorBin>::default();
        for error in order.ascending(&prediction.errors) {
            let (is_large, key) = (self.is_large(error), error.abs() as f32);
            let content = BinItem { error, is_large, variance: 0.0, key };
            by_error.last(LogResolution::FINE.bin(key)).put(&content);
        }
        (areas, by_error)
    }

    /// Returns the sums over the items in the order of their standard deviation.
    fn std_sums(
        &self,
        prediction: &PredictedItems,
        stds: &[f64],
        best: &[f64],
    ) -> StdSums {
        let mut sums = StdSums::default();
        let keys: Vec<f32> = stds.iter().map(|&std| std as f32).collect();
        let order = RemovalOrder::new(&keys);
        let errors = order.ascending(&prediction.errors);
        for (error, std) in errors.into_iter().zip(order.ascending(stds)) {
            let (is_large, floored, key) =
                (self.is_large(error), self.floored(std), std as f32);
            let content = BinItem { error, is_large, variance: floored * floored, key };
            sums.bins.last(LogResolution::FINE.bin(key)).put(&content);
        }
        let resolution = LogResolution::PAIR;
        let pairs = keys.iter().zip(&prediction.sizes);
        let mut pairs: Vec<u32> = pairs
            .map(|(&key, &size)| pair(resolution.bin(key), resolution.bin(size)))
            .collect();
        pairs.sort_unstable();
        for index in pairs {
            *sums.pairs.last(index) += 1;
        }
        sums.n_images = u64::from(!self.kinds.is_empty());
        for ((&kind, losses), (sums, best)) in
            self.kinds.iter().zip(&prediction.losses).zip(sums.areas.iter_mut().zip(best))
        {
            let (all, area) = order.area(kind, losses);
            sums.excess.put(area - best);
            sums.gain.put(all - area);
        }
        sums
    }
}

/// Returns the ratio of the larger to the smaller one of prediction and label, which is positive;
/// infinity if the prediction is not.
fn ratio(value: f64, label: f64) -> f64 {
    if value > 0.0 { (value / label).max(label / value) } else { f64::INFINITY }
}
