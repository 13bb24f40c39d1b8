//! Generates random images.

use crate::metric::ScoreSpec;
use crate::metric::label_metric::{
    LabelEvaluation, LabelEvaluationSpec, LabelInput, LabelSpec, LabelSummary,
    MultiLabelInput, UNKNOWN_LABEL,
};
use crate::metric::tests::data::Random;

/// An image that owns the data of an input.
#[derive(Debug, Clone, Default)]
pub(super) struct Image {
    pub(super) id: String,
    pub(super) height: usize,
    pub(super) width: usize,
    pub(super) labels: Vec<Label>,
}

/// One label of an image.
#[derive(Debug, Clone, Default)]
pub(super) struct Label {
    pub(super) truth: Vec<u8>,
    pub(super) probability: Vec<f32>,
    pub(super) scores: Vec<Vec<f32>>,
    pub(super) deterministic: Option<Vec<f32>>,
}

impl Image {
    pub(super) fn summary(
        &self,
        spec: &LabelEvaluationSpec,
    ) -> crate::Result<LabelSummary> {
        let scores: Vec<Vec<&[f32]>> = self
            .labels
            .iter()
            .map(|label| label.scores.iter().map(Vec::as_slice).collect())
            .collect();
        let labels: Vec<LabelInput> = self
            .labels
            .iter()
            .zip(&scores)
            .map(|(label, scores)| LabelInput {
                truth: &label.truth,
                probability: &label.probability,
                scores,
                deterministic: label.deterministic.as_deref(),
            })
            .collect();
        let (height, width) = (self.height, self.width);
        let input = MultiLabelInput { id: &self.id, height, width, labels: &labels };
        LabelSummary::new(&input, spec)
    }

    /// Creates an image of one row with one label and without scores.
    pub(super) fn plain(id: &str, items: &[(f32, u8)]) -> Self {
        let label = Label {
            truth: items.iter().map(|item| item.1).collect(),
            probability: items.iter().map(|item| item.0).collect(),
            ..Label::default()
        };
        Self { id: id.to_owned(), height: 1, width: items.len(), labels: vec![label] }
    }
}

/// Names and thresholds of the labels of [`images`]; the last one holds nowhere.
const LABELS: [(&str, f32); 4] =
    [("fog", 0.5), ("rain", 0.3), ("night", 0.625), ("rare", 0.5)];

/// Specifies everything that the images of [`images`] have.
pub(super) fn spec(replicates: usize) -> LabelEvaluationSpec {
    let labels =
        LABELS.map(|(name, threshold)| LabelSpec { threshold, ..LabelSpec::new(name) });
    let scores = vec![
        ScoreSpec::new("predictive_entropy", std::f32::consts::LN_2),
        ScoreSpec::new("mutual_information", std::f32::consts::LN_2),
    ];
    LabelEvaluationSpec::new(labels.to_vec(), scores, replicates)
        .unwrap()
        .with_deterministic()
}

/// Returns the specification for images of [`Image::plain`].
pub(super) fn plain_spec() -> LabelEvaluationSpec {
    LabelEvaluationSpec::new(vec![LabelSpec::new("fog")], Vec::new(), 0).unwrap()
}

/// Returns a probability that is often near 0 or 1, and sometimes there.
fn probability(random: &mut Random, holds: bool) -> f32 {
    let side = random.share().powi(4);
    let p = if holds == (random.share() < 0.8) { 1.0 - side } else { side };
    if random.below(50) == 0 { p.round() as f32 } else { p as f32 }
}

fn label(random: &mut Random, n: usize, prevalence: f64) -> Label {
    let mut label = Label { scores: vec![Vec::new(); 2], ..Label::default() };
    let mut plain = Vec::new();
    for _ in 0..n {
        let holds = random.share() < prevalence;
        let is_known = random.below(10) > 0;
        let p = probability(random, holds);
        label.truth.push(if is_known { u8::from(holds) } else { UNKNOWN_LABEL });
        label.probability.push(p);
        plain.push(probability(random, holds));
        label.scores[0].push(crate::sums::binary_entropy(p).max(0.0));
        // Ties, as counts of samples have them.
        label.scores[1].push(random.below(30) as f32 / 64.0);
    }
    label.deterministic = Some(plain);
    label
}

pub(super) fn images((height, width): (usize, usize), n: usize, seed: u64) -> Vec<Image> {
    let mut random = Random(seed);
    (0..n)
        .map(|index| Image {
            id: format!("{index}.png"),
            height,
            width,
            labels: [0.4, 0.1, 0.7, 0.0]
                .map(|prevalence| label(&mut random, height * width, prevalence))
                .to_vec(),
        })
        .collect()
}

pub(super) fn evaluate(images: &[Image], spec: &LabelEvaluationSpec) -> LabelEvaluation {
    let mut evaluation = LabelEvaluation::new(spec.clone());
    for image in images {
        evaluation.add(image.summary(spec).unwrap()).unwrap();
    }
    evaluation
}

pub(super) fn value(evaluation: &LabelEvaluation, key: &str) -> Option<f64> {
    let metrics = evaluation.metrics();
    metrics.iter().find(|value| value.key == key).unwrap_or_else(|| panic!("{key}")).value
}
