//! The pass over the probabilities of an image: outcome, likelihood and confidence per item.

use super::histogram::{ONE, RIGHT, UNLABELED, WRONG, units};
use super::input::{IGNORED, ImageInput};
use super::spec::EvaluationSpec;
use super::sums::{BINS, ClassCounts, Tally, calibration_bin};
use crate::error::Result;

/// Smallest probability in the negative log-likelihood, which is also the smallest positive f16;
/// smaller ones count as this. The likelihood of an item is thus at most 24 ln 2 = 16.64 nats.
pub const LIKELIHOOD_FLOOR: f64 = 1.0 / 16_777_216.0;

/// Largest distance from 1 of the sum of the probabilities of an item, which may be rounded to f16.
const SUM_SLACK: f32 = 0.02;

/// Number of items processed together, so that their running values stay in the cache.
const BLOCK: usize = 1024;

/// Number of classes processed together.
const TOGETHER: usize = 4;

/// Result of comparing the probabilities of an image with its labels.
#[derive(Debug)]
pub(super) struct Items {
    /// [`RIGHT`], [`WRONG`] or [`UNLABELED`], for each item.
    pub(super) outcome: Vec<u8>,
    /// Predicted class of each item; the lowest of equals.
    pub(super) predicted: Vec<u16>,
    /// Probability of that class.
    pub(super) confidence: Vec<f32>,
    /// Brier score of each labeled item, in units; 0 for other items.
    pub(super) brier: Vec<u64>,
    /// Sums over labeled items.
    pub(super) tally: Tally,
    /// Counts of the classes that occur, in ascending order.
    pub(super) classes: Vec<(u32, ClassCounts)>,
    /// For each class and bin of its probability that is not empty, the number of items with the
    /// class as label minus the sum of its probability, in units.
    pub(super) classwise: Vec<(u32, i64)>,
}

/// Running values of the items of a block.
struct ItemBlock {
    top: [f32; BLOCK],
    class: [u32; BLOCK],
    squares: [f64; BLOCK],
    total: [f32; BLOCK],
    /// All probabilities combined by OR: the sign bit is set if any of them is negative.
    bits: u32,
}

impl ItemBlock {
    fn new() -> Self {
        Self {
            top: [f32::NEG_INFINITY; BLOCK],
            class: [0; BLOCK],
            squares: [0.0; BLOCK],
            total: [0.0; BLOCK],
            bits: 0,
        }
    }

    /// Adds the planes of all classes, in ascending order; several at a time, so that running
    /// values are read and written less often.
    fn take_all<'a>(&mut self, n_classes: usize, plane: impl Fn(usize) -> &'a [f32]) {
        let n_together = n_classes - n_classes % TOGETHER;
        for class in (0..n_together).step_by(TOGETHER) {
            self.take::<TOGETHER>(
                class as u32,
                std::array::from_fn(|k| plane(class + k)),
            );
        }
        for class in n_together..n_classes {
            self.take::<1>(class as u32, [plane(class)]);
        }
    }

    /// Adds the planes of a class and the next ones.
    fn take<const N: usize>(&mut self, class: u32, planes: [&[f32]; N]) {
        let n = planes[0].len().min(BLOCK);
        let planes = planes.map(|plane| &plane[..n]);
        for i in 0..n {
            let (mut top, mut top_class) = (self.top[i], self.class[i]);
            let (mut total, mut squares) = (self.total[i], self.squares[i]);
            for (k, plane) in (0..).zip(planes) {
                let p = plane[i];
                let is_top = p > top;
                top = if is_top { p } else { top };
                top_class = if is_top { class + k } else { top_class };
                total += p;
                squares += f64::from(p) * f64::from(p);
                self.bits |= p.to_bits();
            }
            (self.top[i], self.class[i]) = (top, top_class);
            (self.total[i], self.squares[i]) = (total, squares);
        }
    }
}

impl Items {
    /// Processes every item.
    ///
    /// # Errors
    /// Fails if the probabilities of an item are negative, NaN, or do not sum to 1.
    pub(super) fn new(input: &ImageInput, spec: &EvaluationSpec) -> Result<Self> {
        let (n, n_classes) = (input.n_items(), spec.classes().len());
        let mut items = Self {
            outcome: Vec::with_capacity(n),
            predicted: Vec::with_capacity(n),
            confidence: Vec::with_capacity(n),
            brier: Vec::with_capacity(n),
            tally: Tally::default(),
            classes: Vec::new(),
            classwise: Vec::new(),
        };
        let mut classes = vec![ClassCounts::default(); n_classes];
        let mut gaps = vec![ClassGaps::default(); n_classes];
        for start in (0..n).step_by(BLOCK) {
            let end = (start + BLOCK).min(n);
            let plane =
                |class: usize| &input.probabilities[class * n + start..class * n + end];
            let labels = &input.labels[start..end];
            let mut block = ItemBlock::new();
            let mut masks = [0; BLOCK];
            for (mask, &label) in masks.iter_mut().zip(labels) {
                *mask = if label == IGNORED { 0 } else { u64::MAX };
            }
            block.take_all(n_classes, plane);
            check(input, &block, start..end)?;
            (0..n_classes).for_each(|class| gaps[class].take(plane(class), &masks));
            for (i, &label) in labels.iter().enumerate() {
                let own = (label != IGNORED).then(|| plane(usize::from(label))[i]);
                if let Some(own) = own {
                    gaps[usize::from(label)].hit(own);
                }
                items.put(&block, i, label, own, &mut classes);
            }
        }
        if let Some(entropy) = spec.entropy() {
            items.entropies(input.scores[entropy], n_classes);
        }
        items.classes = (0..)
            .zip(classes)
            .filter(|(_, counts)| *counts != ClassCounts::default())
            .collect();
        items.classwise = (0..)
            .zip(gaps.iter().flat_map(ClassGaps::bins))
            .filter(|&(_, gap)| gap != 0)
            .collect();
        Ok(items)
    }

    /// Adds one item of a block.
    fn put(
        &mut self,
        block: &ItemBlock,
        i: usize,
        label: u16,
        own: Option<f32>,
        classes: &mut [ClassCounts],
    ) {
        let (class, confidence) = (block.class[i] as u16, block.top[i].min(1.0));
        self.predicted.push(class);
        self.confidence.push(confidence);
        let Some(own) = own else {
            self.outcome.push(UNLABELED);
            self.brier.push(0);
            return;
        };
        let own = f64::from(own);
        let is_right = class == label;
        self.outcome.push(if is_right { RIGHT } else { WRONG });
        let brier = units((block.squares[i] - 2.0 * own + 1.0).max(0.0));
        self.brier.push(brier);
        let tally = &mut self.tally;
        tally.count += 1;
        tally.right += u64::from(is_right);
        tally.floored += u64::from(own < LIKELIHOOD_FLOOR);
        tally.log_loss += u128::from(units(-own.clamp(LIKELIHOOD_FLOOR, 1.0).ln()));
        tally.brier += u128::from(brier);
        let confidence = units(f64::from(confidence));
        tally.confidence[calibration_bin(confidence)].put(is_right, confidence);
        classes[usize::from(label)].labels += 1;
        classes[usize::from(class)].predictions += 1;
        classes[usize::from(class)].hits += u64::from(is_right);
    }

    /// Bins the labeled items by predictive entropy divided by its bound.
    fn entropies(&mut self, values: &[f32], n_classes: usize) {
        let bound = (n_classes as f64).ln();
        for (&value, &outcome) in values.iter().zip(&self.outcome) {
            if outcome != UNLABELED {
                let share = units((f64::from(value) / bound).min(1.0));
                self.tally.entropy[calibration_bin(share)].put(outcome == WRONG, share);
            }
        }
    }
}

/// For each bin of the probability of a class, the number of items with the class as label minus
/// the sum of the probability, in units.
#[derive(Debug, Clone, Copy, Default)]
struct ClassGaps {
    /// Several copies of each bin: most items are in the first one, and each addition to a single
    /// copy would wait for the one before.
    lanes: [[i64; LANES]; BINS],
}

/// Number of copies of a bin.
const LANES: usize = 4;

impl ClassGaps {
    /// Subtracts the plane of the class, except for items without a label.
    fn take(&mut self, plane: &[f32], masks: &[u64; BLOCK]) {
        let mut parts = [0; BLOCK];
        for ((part, &p), mask) in parts.iter_mut().zip(plane).zip(masks) {
            *part = units(f64::from(p.min(1.0))) & mask;
        }
        for parts in parts[..plane.len().next_multiple_of(LANES)].chunks_exact(LANES) {
            for (lane, &part) in parts.iter().enumerate() {
                self.lanes[calibration_bin(part)][lane] -= part as i64;
            }
        }
    }

    /// Adds an item with the class as label.
    fn hit(&mut self, own: f32) {
        let bin = calibration_bin(units(f64::from(own.min(1.0))));
        self.lanes[bin][0] += ONE as i64;
    }

    fn bins(&self) -> impl Iterator<Item = i64> {
        self.lanes.iter().map(|lanes| lanes.iter().sum())
    }
}

fn check(
    input: &ImageInput,
    block: &ItemBlock,
    items: std::ops::Range<usize>,
) -> Result<()> {
    // The sum of an item with NaN is NaN, which is outside every range.
    let valid = 1.0 - SUM_SLACK..=1.0 + SUM_SLACK;
    let totals = &block.total[..items.len()];
    let invalid = totals.iter().position(|total| !valid.contains(total));
    let message = match invalid {
        Some(i) => {
            let position = input.position(items.start + i);
            match totals[i] {
                total if total.is_nan() => {
                    format!("the probabilities{position} contain NaN")
                }
                total => {
                    format!("the probabilities{position} sum to {total}: expected 1")
                }
            }
        }
        None if (block.bits as i32) < 0 => "some probabilities are negative".to_owned(),
        None => return Ok(()),
    };
    Err(input.error(message, "check that the file holds kept probabilities, not scores"))
}
