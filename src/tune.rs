//! Choice of the place and ratio of inserted dropout, by labeled images.
//!
//! Every place is tried with every ratio. The criterion is the negative log-likelihood of the
//! labels, which rewards a model that is uncertain exactly where it is wrong. Dropout that was not
//! used in training costs accuracy, so the loss of quality is bounded.
//!
//! # References
//! - A. Loquercio, M. Segù, D. Scaramuzza (2020), *A General Framework for Uncertainty Estimation
//!   in Deep Learning*, RA-L: dropout inserted after training, with a ratio chosen by the
//!   likelihood of held-out labels.
//! - E. Ledda, G. Fumera, F. Roli (2023), *Dropout Injection at Test Time for Post Hoc Uncertainty
//!   Quantification in Neural Networks*, Neurocomputing.

use crate::evaluate::StreamedResult;
use crate::graph::SiteOptions;
use crate::task::Task;

/// Default ratios to try.
pub const RATIOS: [f32; 5] = [0.05, 0.1, 0.2, 0.3, 0.5];

/// A place for dropout and a ratio.
#[derive(Debug, Clone, PartialEq)]
pub struct DropoutChoice {
    /// Place where dropout is inserted; `None` for the model's own dropout.
    pub place: Option<String>,
    /// Share of units that are dropped.
    pub ratio: f32,
}

/// Returns every place with every ratio; without places, the model's own dropout with every ratio.
pub fn dropout_choices(places: &[String], ratios: &[f32]) -> Vec<DropoutChoice> {
    let places: Vec<Option<String>> = match places {
        [] => vec![None],
        places => places.iter().cloned().map(Some).collect(),
    };
    let mut choices = Vec::new();
    for place in places {
        for &ratio in ratios {
            choices.push(DropoutChoice { place: place.clone(), ratio });
        }
    }
    choices
}

impl DropoutChoice {
    /// Returns the options that select the sites of this choice.
    pub fn sites(&self) -> SiteOptions {
        SiteOptions {
            insert: self.place.iter().cloned().collect(),
            ratios: vec![(None, self.ratio)],
            ..SiteOptions::default()
        }
    }
}

/// Result of a choice on labeled images.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ChoiceOutcome {
    /// Mean negative log-likelihood in nats per item.
    pub negative_log_likelihood: f64,
    /// Quality of the predictions ([`TuningMetrics::quality`](crate::task::TuningMetrics)).
    pub quality: f64,
    /// Error of calibration.
    pub calibration: f64,
    /// How well uncertainty finds errors; `None` if all or no items are wrong.
    pub error_finding: Option<f64>,
}

impl ChoiceOutcome {
    /// Extracts the metrics of a task from an evaluation; `None` if no item has a label.
    pub fn new(result: &StreamedResult, task: &Task) -> Option<Self> {
        let metrics = &task.tuning;
        Some(Self {
            negative_log_likelihood: result
                .mean_value(metrics.negative_log_likelihood)?,
            quality: result.mean_value(metrics.quality)?,
            calibration: result.mean_value(metrics.calibration)?,
            error_finding: result.mean_value(metrics.error_finding),
        })
    }
}

/// Returns the index of the best outcome: the smallest negative log-likelihood among those that lose
/// at most `most_lost` of the plain model's quality. `None` if all lose more.
pub fn best_choice(
    task: &Task,
    plain: &ChoiceOutcome,
    outcomes: &[ChoiceOutcome],
    most_lost: f64,
) -> Option<usize> {
    let loss =
        |outcome: &ChoiceOutcome| (task.tuning.loss)(plain.quality, outcome.quality);
    let allowed =
        outcomes.iter().enumerate().filter(|(_, outcome)| loss(outcome) <= most_lost);
    let least = allowed.min_by(|(_, a), (_, b)| {
        a.negative_log_likelihood.total_cmp(&b.negative_log_likelihood)
    });
    least.map(|(index, _)| index)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::{CLASSIFICATION, IMAGE_REGRESSION};

    fn outcome(negative_log_likelihood: f64, quality: f64) -> ChoiceOutcome {
        let (calibration, error_finding) = (0.1, None);
        ChoiceOutcome { negative_log_likelihood, quality, calibration, error_finding }
    }

    #[test]
    fn the_likeliest_choice_wins_among_those_that_lose_little_accuracy() {
        let plain = outcome(0.5, 0.9);
        let outcomes = [
            outcome(0.45, 0.9),
            outcome(0.2, 0.7),
            outcome(0.4, 0.8951),
            outcome(0.6, 0.95),
        ];
        assert_eq!(best_choice(&CLASSIFICATION, &plain, &outcomes, 0.005), Some(2));
        assert_eq!(best_choice(&CLASSIFICATION, &plain, &outcomes, 0.001), Some(0));
        assert_eq!(best_choice(&CLASSIFICATION, &plain, &outcomes, 0.3), Some(1));
        assert_eq!(best_choice(&CLASSIFICATION, &plain, &outcomes[1..2], 0.005), None);
    }

    #[test]
    fn a_larger_error_of_values_is_a_relative_loss() {
        let plain = outcome(9.0, 4.0);
        let outcomes = [outcome(2.0, 4.3), outcome(3.0, 4.1), outcome(5.0, 3.9)];
        let best =
            |most_lost| best_choice(&IMAGE_REGRESSION, &plain, &outcomes, most_lost);
        assert_eq!(best(0.1), Some(0));
        assert_eq!(best(0.03), Some(1));
        assert_eq!(best(0.005), Some(2));
    }

    #[test]
    fn every_place_is_tried_with_every_ratio() {
        let places = ["head".to_owned(), "blocks".to_owned()];
        let all = dropout_choices(&places, &[0.1, 0.2]);
        assert_eq!(all.len(), 4);
        assert_eq!(
            all[3],
            DropoutChoice { place: Some("blocks".to_owned()), ratio: 0.2 }
        );
        assert_eq!(
            dropout_choices(&[], &[0.1]),
            [DropoutChoice { place: None, ratio: 0.1 }]
        );
    }
}
