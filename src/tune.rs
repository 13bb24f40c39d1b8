//! Where dropout is put into a model and how much of it, by what labeled images say.
//!
//! Every place is tried with every ratio. What counts is how likely the labels are: the negative
//! log-likelihood rewards a model that is unsure where it is wrong, and not elsewhere. Dropout
//! that was not there in training costs accuracy, so a loss of it is bounded.
//!
//! # References
//! - A. Loquercio, M. Segù, D. Scaramuzza (2020), *A General Framework for Uncertainty Estimation
//!   in Deep Learning*, RA-L: dropout put in after training, its ratio chosen by the likelihood of
//!   held-out labels.
//! - E. Ledda, G. Fumera, F. Roli (2023), *Dropout Injection at Test Time for Post Hoc Uncertainty
//!   Quantification in Neural Networks*, Neurocomputing.

use crate::evaluate::EvaluationResult;
use crate::graph::SiteOptions;

/// Ratios that are tried where none are said.
pub const RATIOS: [f32; 5] = [0.05, 0.1, 0.2, 0.3, 0.5];

/// A place with a ratio.
#[derive(Debug, Clone, PartialEq)]
pub struct DropoutChoice {
    /// Where dropout is put in; none for the file's own.
    pub place: Option<String>,
    /// The share that is dropped.
    pub ratio: f32,
}

/// Every place with every ratio; without places the file's own dropout.
pub fn dropout_choices(places: &[String], ratios: &[f32]) -> Vec<DropoutChoice> {
    let places: Vec<Option<String>> = match places {
        [] => vec![None],
        places => places.iter().cloned().map(Some).collect(),
    };
    let of_place = |place: Option<String>| {
        ratios.iter().map(move |&ratio| DropoutChoice { place: place.clone(), ratio })
    };
    places.into_iter().flat_map(of_place).collect()
}

impl DropoutChoice {
    /// How sites are chosen for it.
    pub fn sites(&self) -> SiteOptions {
        SiteOptions {
            insert: self.place.iter().cloned().collect(),
            ratios: vec![(None, self.ratio)],
            ..SiteOptions::default()
        }
    }
}

/// What labeled images say of a choice.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ChoiceOutcome {
    /// In nats an item.
    pub negative_log_likelihood: f64,
    /// The share of items that are right, or the mean intersection over union of classes.
    pub accuracy: f64,
    /// Over 15 bins of equal width.
    pub expected_calibration_error: f64,
    /// Of finding wrong items by predictive entropy; none where all or none are wrong.
    pub auroc: Option<f64>,
}

impl ChoiceOutcome {
    /// What was counted; `None` where no item has a label.
    pub fn of(result: &EvaluationResult, is_map: bool) -> Option<Self> {
        let value = |key: &str| {
            let metric = result.metrics.iter().find(|metric| metric.key == key);
            metric.and_then(|metric| metric.value)
        };
        Some(Self {
            negative_log_likelihood: value("negative_log_likelihood")?,
            accuracy: value(if is_map { "mean_iou" } else { "accuracy" })?,
            expected_calibration_error: value("expected_calibration_error")?,
            auroc: value("misclassification.auroc.predictive_entropy"),
        })
    }
}

/// The place of the best outcome: the smallest negative log-likelihood of those that lose at most
/// `most_lost` of the plain model's accuracy. `None` where all lose more.
pub fn best_choice(
    plain: &ChoiceOutcome,
    outcomes: &[ChoiceOutcome],
    most_lost: f64,
) -> Option<usize> {
    let is_allowed =
        |(_, o): &(usize, &ChoiceOutcome)| o.accuracy >= plain.accuracy - most_lost;
    let allowed = outcomes.iter().enumerate().filter(is_allowed);
    let least = allowed.min_by(|(_, a), (_, b)| {
        a.negative_log_likelihood.total_cmp(&b.negative_log_likelihood)
    });
    least.map(|(place, _)| place)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(negative_log_likelihood: f64, accuracy: f64) -> ChoiceOutcome {
        let (expected_calibration_error, auroc) = (0.1, None);
        ChoiceOutcome {
            negative_log_likelihood,
            accuracy,
            expected_calibration_error,
            auroc,
        }
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
        assert_eq!(best_choice(&plain, &outcomes, 0.005), Some(2));
        assert_eq!(best_choice(&plain, &outcomes, 0.001), Some(0));
        assert_eq!(best_choice(&plain, &outcomes, 0.3), Some(1));
        assert_eq!(best_choice(&plain, &outcomes[1..2], 0.005), None);
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
