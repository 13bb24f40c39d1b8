//! Sets of classes that contain the true class with a guaranteed frequency.
//!
//! # References
//! - M. Sadinle, J. Lei, L. Wasserman (2019), *Least Ambiguous Set-Valued Classifiers with Bounded
//!   Error Levels*, JASA: classes of at least a probability (LAC).
//! - Y. Romano, M. Sesia, E. Candès (2020), *Classification with Valid and Adaptive Coverage*,
//!   `NeurIPS`: the most probable classes up to a sum (APS), here with the class that reaches it and so
//!   without their randomization.
//! - L. Mossina, J. Dalmau, L. Andéol (2024), *Conformal Semantic Image Segmentation: Post-hoc
//!   Quantification of Predictive Uncertainty*, CVPR workshops: sets for each pixel and the map of
//!   their sizes.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

/// Rule that selects the classes of a set; the most probable class is always in it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum SetRule {
    /// Classes with at least this probability.
    AtLeast(f32),
    /// Classes for which the more probable classes sum to at most this probability.
    AfterSum(f32),
}

/// Sets of classes with their guarantee.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sets {
    /// Method by which the rule was found: `lac`, `aps` or `risk_control`.
    pub method: String,
    /// Guarantee in words.
    pub promise: String,
    /// Share of items whose set may miss their class, in (0, 1).
    pub alpha: f64,
    /// Number of images on which the rule was found.
    pub images: usize,
    /// Rule that selects the classes.
    pub rule: SetRule,
}

impl SetRule {
    /// Returns the classes in the set of an item, in ascending order.
    pub fn classes(self, probabilities: &[f32]) -> Vec<usize> {
        self.members(probabilities).collect()
    }

    /// Returns the number of classes in the set of an item, at least 1.
    pub fn size(self, probabilities: &[f32]) -> usize {
        self.members(probabilities).count()
    }

    /// Iterates over the classes in the set of an item, in ascending order.
    pub fn members(self, probabilities: &[f32]) -> impl Iterator<Item = usize> {
        let top = argmax(probabilities);
        let admits = move |class: usize| match self {
            Self::AtLeast(least) => probabilities[class] >= least,
            Self::AfterSum(most) => sum_before(probabilities, class) <= most,
        };
        (0..probabilities.len()).filter(move |class| *class == top || admits(*class))
    }
}

/// Returns the sum of the probabilities of all classes that are more probable than `class`; of equal
/// classes the first one counts as more probable. It is 0 for the most probable class.
pub fn sum_before(probabilities: &[f32], class: usize) -> f32 {
    let own = probabilities[class];
    let before =
        probabilities.iter().enumerate().filter(|(other, p)| match p.total_cmp(&own) {
            Ordering::Greater => true,
            Ordering::Equal => *other < class,
            Ordering::Less => false,
        });
    before.map(|(_, p)| f64::from(*p)).sum::<f64>() as f32
}

/// Returns the class with the largest probability, the first one of equals.
pub fn argmax(probabilities: &[f32]) -> usize {
    let mut best = 0;
    for (class, p) in probabilities.iter().enumerate() {
        if *p > probabilities[best] {
            best = class;
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_has_every_class_of_enough_probability_and_always_the_first() {
        let p = [0.5, 0.3, 0.15, 0.05];
        assert_eq!(SetRule::AtLeast(0.15).classes(&p), [0, 1, 2]);
        assert_eq!(SetRule::AtLeast(0.9).classes(&p), [0]);
        assert_eq!(SetRule::AtLeast(0.0).classes(&p), [0, 1, 2, 3]);
    }

    #[test]
    fn sums_go_from_the_most_probable_class_down() {
        let p = [0.125, 0.5, 0.25, 0.125];
        assert_eq!(
            Vec::from([1, 2, 0, 3].map(|class| sum_before(&p, class))),
            [0.0, 0.5, 0.75, 0.875]
        );
        assert_eq!(SetRule::AfterSum(0.75).classes(&p), [0, 1, 2]);
        assert_eq!(SetRule::AfterSum(0.0).classes(&p), [1]);
        assert_eq!(SetRule::AfterSum(1.0).size(&p), 4);
    }
}
