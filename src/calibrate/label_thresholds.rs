//! Rules that find thresholds of labels.
//!
//! # References
//! - A. Angelopoulos et al. (2024), *Conformal Risk Control*, ICLR: the mean loss of images, here
//!   the share of their true labels that are missed.

use std::collections::BTreeMap;

use super::conformal::{IGNORED_BITS, MissedShares, risk_control_rule};
use crate::policy::SetRule;

/// Threshold without any knowledge of the label.
const USUAL: f32 = 0.5;

/// Numbers of items without and with a label, by its probability, resolved to 1/2048 of its value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LabelCounts(BTreeMap<u32, [u64; 2]>);

/// The threshold of a label with the largest F1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct F1Threshold {
    /// Smallest probability with which the label is taken to hold.
    pub at_least: f32,
    /// F1 with this threshold.
    pub f1: f64,
    /// F1 with the threshold 0.5.
    pub f1_before: f64,
}

impl LabelCounts {
    /// Adds an item with or without the label.
    pub fn put(&mut self, probability: f32, holds: bool) {
        let bin = probability.clamp(0.0, 1.0).to_bits() >> IGNORED_BITS;
        self.0.entry(bin).or_default()[usize::from(holds)] += 1;
    }

    /// Adds the items of other counts.
    pub fn add(&mut self, other: &Self) {
        for (bin, [without, with]) in &other.0 {
            let sums = self.0.entry(*bin).or_default();
            sums[0] += without;
            sums[1] += with;
        }
    }

    /// Returns the number of items with the label.
    pub fn n_positives(&self) -> u64 {
        self.0.values().map(|[_, with]| with).sum()
    }

    /// Returns the threshold with the largest F1: of all such thresholds the one that is nearest to 0.5,
    /// so that nothing changes without a gain. `None` if no item has the label, or all have it.
    pub fn f1_threshold(&self) -> Option<F1Threshold> {
        let n_positives = self.n_positives();
        if n_positives == 0 || self.0.values().all(|[without, _]| *without == 0) {
            return None;
        }
        let edge = |bin: u32| f32::from_bits(bin << IGNORED_BITS);
        let f1 = |hits: u64, decided: u64| {
            2.0 * hits as f64 / (n_positives + decided).max(1) as f64
        };
        let distance = |threshold: f32| (threshold - USUAL).abs();
        let mut best: Option<(f64, f32)> = None;
        let mut f1_before = 0.0;
        let (mut hits, mut decided) = (0, 0);
        let mut bins = self.0.iter().rev().peekable();
        while let Some((bin, [without, with])) = bins.next() {
            hits += with;
            decided += without + with;
            // Any threshold above the next bin decides the same items.
            let above = bins.peek().map_or(0.0, |(next, _)| edge(**next + 1));
            let threshold = USUAL.clamp(above.min(edge(*bin)), edge(*bin));
            let value = f1(hits, decided);
            if edge(*bin) >= USUAL {
                f1_before = value;
            }
            let is_better = best.is_none_or(|(f1, at)| {
                value > f1 || (value >= f1 && distance(threshold) < distance(at))
            });
            if is_better {
                best = Some((value, threshold));
            }
        }
        best.map(|(f1, at_least)| F1Threshold { at_least, f1, f1_before })
    }
}

/// Probabilities of the true labels of images.
#[derive(Debug, Clone, Default)]
pub struct TrueLabels(MissedShares);

impl TrueLabels {
    /// Adds an image by the counts of its labels. If no label holds, that counts as nothing missed.
    pub fn add(&mut self, labels: &[LabelCounts]) {
        let mut all = LabelCounts::default();
        for counts in labels {
            all.add(counts);
        }
        let with = all.0.iter().map(|(bin, [_, with])| (*bin, *with));
        self.0.add_counts(with, all.n_positives().max(1));
    }

    /// Returns the largest threshold, one for all labels, with which a new image like these misses at
    /// most a share alpha of its true labels on average: (sum of the missed shares + 1) / (n + 1) is at
    /// most alpha.
    ///
    /// # Errors
    /// Returns the required number of images if there are fewer.
    pub fn threshold(&self, alpha: f64) -> Result<f32, usize> {
        match risk_control_rule(&self.0, alpha)? {
            SetRule::AtLeast(at_least) | SetRule::AfterSum(at_least) => Ok(at_least),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn counts(items: &[(f32, bool)]) -> LabelCounts {
        let mut counts = LabelCounts::default();
        for (probability, holds) in items {
            counts.put(*probability, *holds);
        }
        counts
    }

    /// Returns F1 of a threshold, item by item.
    fn naive_f1(items: &[(f32, bool)], at_least: f32) -> f64 {
        let decided = items.iter().filter(|(p, _)| *p >= at_least).count();
        let hits = items.iter().filter(|(p, holds)| *p >= at_least && *holds).count();
        let positives = items.iter().filter(|(_, holds)| *holds).count();
        2.0 * hits as f64 / (positives + decided).max(1) as f64
    }

    #[test]
    fn a_label_whose_items_are_apart_keeps_the_usual_threshold() {
        let found = counts(&[(0.9, true), (0.1, false)]).f1_threshold().unwrap();
        assert_eq!((found.at_least, found.f1, found.f1_before), (0.5, 1.0, 1.0));
    }

    #[test]
    fn the_threshold_moves_only_as_far_as_it_gains() {
        let items = [(0.4, true), (0.3, true), (0.1, false), (0.05, false)];
        let found = counts(&items).f1_threshold().unwrap();
        assert!((0.2998..=0.3).contains(&found.at_least), "{found:?}");
        assert_eq!((found.f1, found.f1_before), (1.0, 0.0));
        let items = [(0.9, true), (0.8, false), (0.7, false), (0.6, false)];
        let found = counts(&items).f1_threshold().unwrap();
        assert!((0.8..=0.8005).contains(&found.at_least), "{found:?}");
        assert_eq!((found.f1, found.f1_before), (1.0, 0.4));
    }

    #[test]
    fn a_label_that_never_or_always_holds_has_no_threshold() {
        assert_eq!(counts(&[(0.2, false)]).f1_threshold(), None);
        assert_eq!(counts(&[(0.2, true)]).f1_threshold(), None);
        assert_eq!(counts(&[]).f1_threshold(), None);
    }

    #[test]
    fn images_without_a_true_label_count_as_nothing_missed() {
        let mut labels = TrueLabels::default();
        for _ in 0..8 {
            labels.add(&[]);
        }
        labels.add(&[counts(&[(0.75, true)]), counts(&[(0.5, true), (0.9, false)])]);
        // One of ten may be missed: the whole loss of the one image and the 1 of the new one are 2.
        let threshold = labels.threshold(0.15).unwrap();
        assert!((0.5..=0.7505).contains(&threshold), "{threshold}");
        let threshold = labels.threshold(0.1).unwrap();
        assert!((0.499..=0.5).contains(&threshold), "{threshold}");
        assert_eq!(labels.threshold(0.05), Err(19));
    }

    proptest! {
        #[test]
        fn no_threshold_has_a_larger_f1(
            items in prop::collection::vec((0_u16..=64, any::<bool>()), 1..60),
        ) {
            // Each probability has a bin of its own.
            let items: Vec<(f32, bool)> =
                items.into_iter().map(|(p, holds)| (f32::from(p) / 64.0, holds)).collect();
            let Some(found) = counts(&items).f1_threshold() else { return Ok(()) };
            prop_assert!((naive_f1(&items, found.at_least) - found.f1).abs() < 1e-12);
            prop_assert!((naive_f1(&items, 0.5) - found.f1_before).abs() < 1e-12);
            for k in 0..=128_u16 {
                prop_assert!(naive_f1(&items, f32::from(k) / 128.0) <= found.f1 + 1e-12);
            }
        }

        #[test]
        fn the_threshold_of_risk_control_is_the_largest_that_keeps_the_bound(
            images in prop::collection::vec(prop::collection::vec(0_u16..=64, 0..5), 10..40),
            alpha in 0.1_f64..0.6,
        ) {
            let images: Vec<Vec<f32>> = images
                .into_iter()
                .map(|labels| labels.into_iter().map(|p| f32::from(p) / 64.0).collect())
                .collect();
            let mut labels = TrueLabels::default();
            for image in &images {
                let items: Vec<_> = image.iter().map(|p| (*p, true)).collect();
                labels.add(&[counts(&items)]);
            }
            let n = images.len() as f64;
            let bound = |at_least: f32| {
                let missed = images.iter().map(|image| {
                    let missed = image.iter().filter(|p| **p < at_least).count();
                    missed as f64 / image.len().max(1) as f64
                });
                (missed.sum::<f64>() + 1.0) / (n + 1.0)
            };
            let at_least = labels.threshold(alpha).unwrap();
            prop_assert!(bound(at_least) <= alpha + 1e-9, "{at_least}");
            let next = (at_least * 64.0).floor() + 1.0;
            if next <= 64.0 {
                prop_assert!(bound(next / 64.0) > alpha - 1e-9, "{at_least}");
            }
        }
    }
}
