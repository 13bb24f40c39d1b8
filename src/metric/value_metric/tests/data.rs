//! Generates random images.

use crate::metric::tests::data::Random;
use crate::metric::value_metric::{
    DeterministicValues, ErrorDistribution, ValueEvaluation, ValueEvaluationOptions,
    ValueEvaluationSpec, ValueInput, ValueInterval, ValueSummary,
};

/// An image that owns the data of an input.
#[derive(Debug, Clone, Default)]
pub(super) struct Image {
    pub(super) id: String,
    pub(super) height: usize,
    pub(super) width: usize,
    pub(super) labels: Vec<f32>,
    pub(super) value: Vec<f32>,
    pub(super) epistemic: Vec<f32>,
    pub(super) aleatoric: Option<Vec<f32>>,
    pub(super) deterministic: Option<(Vec<f32>, Option<Vec<f32>>)>,
    pub(super) interval: Option<(Vec<f32>, Vec<f32>)>,
}

impl Image {
    pub(super) fn summary(
        &self,
        spec: &ValueEvaluationSpec,
    ) -> crate::Result<ValueSummary> {
        let input = ValueInput {
            id: &self.id,
            height: self.height,
            width: self.width,
            labels: &self.labels,
            value: &self.value,
            epistemic_variance: &self.epistemic,
            aleatoric_variance: self.aleatoric.as_deref(),
            deterministic: self.deterministic.as_ref().map(|(value, variance)| {
                DeterministicValues { value, variance: variance.as_deref() }
            }),
            interval: self
                .interval
                .as_ref()
                .map(|(low, high)| ValueInterval { low, high }),
        };
        ValueSummary::new(&input, spec)
    }

    /// Creates an image of one row with only values, variances and labels.
    pub(super) fn plain(id: &str, items: &[(f32, f32, f32)]) -> Self {
        Self {
            id: id.to_owned(),
            height: 1,
            width: items.len(),
            value: items.iter().map(|item| item.0).collect(),
            epistemic: items.iter().map(|item| item.1).collect(),
            labels: items.iter().map(|item| item.2).collect(),
            ..Self::default()
        }
    }
}

pub(super) fn options(replicates: usize) -> ValueEvaluationOptions {
    ValueEvaluationOptions {
        replicates,
        depth: true,
        error_above: Some(0.4),
        ..ValueEvaluationOptions::default()
    }
}

/// Specifies everything that the images of [`images`] have.
pub(super) fn spec(
    replicates: usize,
    distribution: ErrorDistribution,
) -> ValueEvaluationSpec {
    let options = ValueEvaluationOptions { distribution, ..options(replicates) };
    ValueEvaluationSpec::new("depth", options)
        .unwrap()
        .with_aleatoric_variance()
        .with_deterministic_variance()
        .with_interval(0.9)
        .unwrap()
}

/// Specifies only what every image has.
pub(super) fn plain_spec(options: ValueEvaluationOptions) -> ValueEvaluationSpec {
    ValueEvaluationSpec::new("value", options).unwrap()
}

/// Returns a number with mean 0 and variance 1, of nearly normal distribution.
fn normal(random: &mut Random) -> f64 {
    (0..12).map(|_| random.share()).sum::<f64>() - 6.0
}

/// Creates a random image of positive values: variances over several octaves, of which some are 0
/// and some have few different values, and a tenth of the items without a label.
fn image(id: &str, (height, width): (usize, usize), random: &mut Random) -> Image {
    let mut image = Image { id: id.to_owned(), height, width, ..Image::default() };
    let (mut aleatoric, mut plain, mut plain_variance) =
        (Vec::new(), Vec::new(), Vec::new());
    let (mut low, mut high) = (Vec::new(), Vec::new());
    let offset = 0.2 * normal(random);
    for _ in 0..height * width {
        let label = 1.0 + 7.0 * random.share();
        let own = (normal(random) - 3.0).exp();
        let other = match random.below(10) {
            0 => 0.0,
            1 => 0.125,
            _ => (1.5 * normal(random) - 4.0).exp(),
        };
        let error = (own + other).sqrt() * 1.2 * normal(random) + offset;
        let value = (label + error).max(0.05);
        image.labels.push(if random.below(10) == 0 { f32::NAN } else { label as f32 });
        image.value.push(value as f32);
        image.epistemic.push(other as f32);
        aleatoric.push(own as f32);
        plain.push((value + 0.1 * normal(random)).max(0.05) as f32);
        plain_variance.push((own * (0.4 * normal(random)).exp()) as f32);
        let half = 1.6 * (own + other).sqrt();
        low.push((value - half) as f32);
        high.push((value + half) as f32);
    }
    image.aleatoric = Some(aleatoric);
    image.deterministic = Some((plain, Some(plain_variance)));
    image.interval = Some((low, high));
    image
}

pub(super) fn images(size: (usize, usize), n: usize, seed: u64) -> Vec<Image> {
    let mut random = Random(seed);
    (0..n).map(|i| image(&format!("folder/{i:04}.png"), size, &mut random)).collect()
}

pub(super) fn evaluate(images: &[Image], spec: &ValueEvaluationSpec) -> ValueEvaluation {
    let mut evaluation = ValueEvaluation::new(spec.clone());
    for image in images {
        evaluation.add(image.summary(spec).unwrap()).unwrap();
    }
    evaluation
}

/// Returns the value with this key; panics if the metric is not listed.
pub(super) fn value(
    evaluation: &ValueEvaluation,
    key: &str,
) -> crate::metric::MetricValue {
    let values = evaluation.metrics();
    values.into_iter().find(|v| v.key == key).unwrap_or_else(|| panic!("no {key}"))
}
