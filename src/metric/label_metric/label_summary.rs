//! Summary of one image: everything that it contributes to an evaluation of labels.

use super::input::{LabelInput, MultiLabelInput, UNKNOWN_LABEL};
use super::spec::{LabelEvaluationSpec, deterministic_label_scores};
use super::sums::{
    LabelPredictionSums, LabelSums, LabelTally, MultiLabelSums, ProbabilityBins,
    ScoreBins, WholeTally, score_bins,
};
use crate::error::Result;
use crate::metric::histogram::{
    HistogramBuilder, RIGHT, Resolution, UNLABELED, WRONG, units,
};
use crate::metric::items::LIKELIHOOD_FLOOR;
use crate::metric::sums::calibration_bin;

/// Contribution of one image to an evaluation of labels.
///
/// It depends only on the image and the specification, so images can be summarized on any thread
/// and added in any order.
#[derive(Debug, Clone)]
pub struct LabelSummary {
    pub(super) id: String,
    pub(super) sums: MultiLabelSums,
}

impl LabelSummary {
    /// Summarizes an image.
    ///
    /// # Errors
    /// Fails if sizes differ, a probability or score is NaN or outside of its range, or something
    /// that the specification includes is missing. The error names the image.
    pub fn new(input: &MultiLabelInput, spec: &LabelEvaluationSpec) -> Result<Self> {
        input.check(spec)?;
        let mut scan = LabelScan {
            builder: HistogramBuilder::new(Resolution::FINE),
            agreements: vec![Agreement::new(input); spec.n_predictions()],
        };
        let labels = input.labels.iter().zip(spec.labels());
        let labels = labels
            .map(|(label, of_spec)| scan.label(label, of_spec.threshold, spec))
            .collect();
        let whole = scan.agreements.iter().map(Agreement::tally).collect();
        let sums = MultiLabelSums { labels, whole };
        Ok(Self { id: input.id.to_owned(), sums })
    }

    /// Returns the id of the image.
    pub fn id(&self) -> &str {
        &self.id
    }
}

/// Agreement of the decisions about all labels with the truth.
#[derive(Debug, Clone)]
struct Agreement {
    /// For each item, the number of labels that are known.
    known: Vec<u32>,
    /// For each item, the number of decisions that are right.
    right: Vec<u32>,
    n_labels: u32,
    /// Number of pairs whose label holds.
    n_true: u64,
    /// Number of those that are decided not to hold.
    n_missed: u64,
}

impl Agreement {
    fn new(input: &MultiLabelInput) -> Self {
        let n = input.height * input.width;
        let n_labels = input.labels.len() as u32;
        Self { known: vec![0; n], right: vec![0; n], n_labels, n_true: 0, n_missed: 0 }
    }

    fn put(&mut self, item: usize, holds: bool, is_decided: bool) {
        self.known[item] += 1;
        self.right[item] += u32::from(holds == is_decided);
        self.n_true += u64::from(holds);
        self.n_missed += u64::from(holds && !is_decided);
    }

    fn tally(&self) -> WholeTally {
        let is_complete = |known: &u32| *known == self.n_labels;
        let complete = self.known.iter().copied().filter(is_complete).count();
        let exact = self.right.iter().copied().filter(is_complete).count();
        let missed = self.n_missed as f64 / self.n_true.max(1) as f64;
        WholeTally {
            n_images: u64::from(self.known.iter().any(|known| *known > 0)),
            missed: units(missed).into(),
            complete: complete as u64,
            exact: exact as u64,
        }
    }
}

/// Passes over the labels of an image.
struct LabelScan {
    builder: HistogramBuilder,
    /// Agreement of each prediction.
    agreements: Vec<Agreement>,
}

impl LabelScan {
    fn label(
        &mut self,
        label: &LabelInput,
        threshold: f32,
        spec: &LabelEvaluationSpec,
    ) -> LabelSums {
        let plain = label.deterministic.filter(|_| spec.has_deterministic());
        let probabilities = [Some(label.probability), plain];
        let probabilities: Vec<&[f32]> = probabilities.into_iter().flatten().collect();
        let outcomes: Vec<Vec<u8>> = probabilities
            .iter()
            .map(|probabilities| outcomes(label.truth, probabilities, threshold))
            .collect();
        let predictions = probabilities.iter().enumerate().map(|(index, values)| {
            let tally = self.tally(index, label.truth, values, threshold);
            LabelPredictionSums {
                tally,
                probabilities: self.probabilities(label.truth, values),
            }
        });
        let predictions = predictions.collect();
        let mut scores: Vec<ScoreBins> = label
            .scores
            .iter()
            .map(|values| self.histogram(values, &outcomes[0]))
            .collect();
        if let (Some(plain), [_, of_plain]) = (plain, &outcomes[..]) {
            scores.push(self.histogram(&deterministic_label_scores(plain), of_plain));
        }
        let is_known = label.truth.iter().any(|truth| *truth != UNKNOWN_LABEL);
        LabelSums { n_images: u64::from(is_known), predictions, scores }
    }

    fn histogram(&mut self, scores: &[f32], outcomes: &[u8]) -> ScoreBins {
        for (&score, &outcome) in scores.iter().zip(outcomes) {
            self.builder.put(score, outcome, 0);
        }
        score_bins(&self.builder.take())
    }

    /// Returns the items by probability; those with the label are the positives.
    fn probabilities(&mut self, truth: &[u8], values: &[f32]) -> ProbabilityBins {
        let [low, high] = [false, true].map(|is_high| {
            for (&p, &truth) in values.iter().zip(truth) {
                let p = p.min(1.0);
                if truth != UNKNOWN_LABEL && (p >= 0.5) == is_high {
                    let score = if is_high { 1.0 - p } else { p };
                    self.builder.put(score, if truth == 1 { WRONG } else { RIGHT }, 0);
                }
            }
            score_bins(&self.builder.take())
        });
        ProbabilityBins { low, high }
    }

    fn tally(
        &mut self,
        prediction: usize,
        truth: &[u8],
        values: &[f32],
        threshold: f32,
    ) -> LabelTally {
        let mut tally = LabelTally::default();
        let agreement = &mut self.agreements[prediction];
        for (item, (&p, &truth)) in values.iter().zip(truth).enumerate() {
            if truth == UNKNOWN_LABEL {
                continue;
            }
            let (holds, is_decided) = (truth == 1, p >= threshold);
            agreement.put(item, holds, is_decided);
            let p = f64::from(p.min(1.0));
            let own = if holds { p } else { 1.0 - p };
            tally.count += 1;
            tally.positives += u64::from(holds);
            tally.decided += u64::from(is_decided);
            tally.hits += u64::from(holds && is_decided);
            tally.floored += u64::from(own < LIKELIHOOD_FLOOR);
            tally.log_loss += u128::from(units(-own.max(LIKELIHOOD_FLOOR).ln()));
            tally.brier += u128::from(units((1.0 - own) * (1.0 - own)));
            let p = units(p);
            tally.reliability[calibration_bin(p)].put(holds, p);
        }
        tally
    }
}

/// Returns the outcome of the decision about each item.
fn outcomes(truth: &[u8], probabilities: &[f32], threshold: f32) -> Vec<u8> {
    let items = truth.iter().zip(probabilities);
    items
        .map(|(&truth, &p)| match truth {
            UNKNOWN_LABEL => UNLABELED,
            truth if (truth == 1) == (p >= threshold) => RIGHT,
            _ => WRONG,
        })
        .collect()
}
