//! What is counted of one image.

use super::bins::bin;
use super::fixed::Sum;
use super::tally::{PATCHES, Tally};
use crate::error::{Error, Result};

/// The label of an item that counts for nothing.
pub const IGNORED: u16 = u16::MAX;

/// The likelihood of a label is at least this: 2⁻²⁴, the smallest f16 above 0, so that none is
/// infinite and f16 and f32 give the same.
pub const LIKELIHOOD_FLOOR: f64 = 1.0 / (1u32 << 24) as f64;

/// Items at a time, so that their columns stay in the cache.
const BLOCK: usize = 256;

/// A score of every item: the larger, the less certain.
#[derive(Debug, Clone, Copy)]
pub struct Score<'a> {
    /// Its values, not negative.
    pub values: &'a [f32],
    /// The classes that it is about, where those are not the ones with the largest mean
    /// probability: an item is wrong if this class is not its label.
    pub classes: Option<&'a [u16]>,
}

/// A labelled image with its prediction.
#[derive(Debug, Clone, Copy)]
pub struct Labelled<'a> {
    /// Which image; for messages.
    pub id: &'a str,
    /// Rows and columns; 1 and 1 in classification.
    pub size: (usize, usize),
    /// Mean probabilities, class by class.
    pub probabilities: &'a [f32],
    /// The class of each item, or [`IGNORED`].
    pub labels: &'a [u16],
    /// The scores, in the tally's order.
    pub scores: &'a [Score<'a>],
    /// Which of them is the predictive entropy, if one is.
    pub entropy: Option<usize>,
}

/// What is known of an item once its classes have been gone through.
#[derive(Debug, Clone, Copy, Default)]
struct Item {
    class: u16,
    largest: f32,
    of_label: f32,
    squares: f64,
}

impl Labelled<'_> {
    /// The counts of this image.
    ///
    /// # Errors
    /// Where a label is no class, or a probability or score is not finite or negative.
    ///
    /// # Panics
    /// Where the slices do not have the sizes that they say.
    pub fn tally(&self, n_classes: usize) -> Result<Tally> {
        let n = self.labels.len();
        assert_eq!(self.probabilities.len(), n_classes * n, "probabilities");
        assert_eq!(self.size.0 * self.size.1, n, "size");
        assert!(self.scores.iter().all(|score| score.values.len() == n), "scores");
        self.check(n_classes)?;
        let mut tally = Tally::new(n_classes, self.scores.len());
        let mut items = vec![Item::default(); n];
        for start in (0..n).step_by(BLOCK) {
            let end = n.min(start + BLOCK);
            self.go_through_classes(start..end, &mut items[start..end], &mut tally);
        }
        self.count(&items, &mut tally);
        if n > 1 {
            self.count_patches(&items, &mut tally);
        }
        Ok(tally)
    }

    fn check(&self, n_classes: usize) -> Result<()> {
        let strange =
            |label: &&u16| **label != IGNORED && usize::from(**label) >= n_classes;
        if let Some(label) = self.labels.iter().find(strange) {
            let message = format!("the label of \"{}\" has a class {label}", self.id);
            return Err(Error::setting(
                "--labels",
                format!(
                    "{message}, and the model has {n_classes} classes (0 to {})",
                    n_classes - 1
                ),
            )
            .with_hint(
                "say which value means \"no label\": --ignore-index N; or map the ids",
            ));
        }
        let is_bad = |value: &f32| !value.is_finite() || *value < 0.0;
        let mut all =
            self.scores.iter().map(|score| score.values).chain([self.probabilities]);
        if all.any(|values| values.iter().any(is_bad)) {
            let message = format!(
                "the results of \"{}\" hold a number that is none or negative",
                self.id
            );
            return Err(Error::setting("OUT", message)
                .with_hint("predict again with --keep-probabilities"));
        }
        Ok(())
    }

    fn go_through_classes(
        &self,
        range: std::ops::Range<usize>,
        items: &mut [Item],
        tally: &mut Tally,
    ) {
        let n = self.labels.len();
        for class in 0..tally.n_classes {
            let plane = &self.probabilities[class * n..][range.clone()];
            let lanes = plane.iter().zip(&self.labels[range.clone()]).zip(&mut *items);
            for ((&p, &label), item) in lanes {
                if class == 0 || p > item.largest {
                    (item.largest, item.class) = (p, class as u16);
                }
                item.squares += f64::from(p) * f64::from(p);
                let is_label = usize::from(label) == class;
                item.of_label = if is_label { p } else { item.of_label };
                if label != IGNORED {
                    tally.classes[class].count(p, is_label);
                }
            }
        }
    }

    fn count(&self, items: &[Item], tally: &mut Tally) {
        let bound = (tally.n_classes as f64).ln();
        for (i, (item, &label)) in items.iter().zip(self.labels).enumerate() {
            if label == IGNORED {
                continue;
            }
            let is_right = item.class == label;
            tally.confusion
                [usize::from(label) * tally.n_classes + usize::from(item.class)] += 1;
            let likelihood = f64::from(item.of_label).max(LIKELIHOOD_FLOOR).min(1.0);
            tally.negative_log_likelihood.add(Sum::of(-likelihood.ln()));
            // Rounding can leave a little less than nothing.
            let brier = (item.squares - 2.0 * f64::from(item.of_label) + 1.0).max(0.0);
            let brier = Sum::of(brier);
            tally.brier_sum.add(brier);
            let own = bin(brier.value() as f32);
            tally.oracle[own] += 1;
            tally.oracle_brier[own].add(brier);
            tally.top.count(item.largest.min(1.0), is_right);
            let doubt = bin(1.0 - item.largest);
            let counts = if is_right {
                &mut tally.confidence.negative
            } else {
                &mut tally.confidence.positive
            };
            counts[doubt] += 1;
            tally.confidence_sum[doubt].add(Sum::of(f64::from(item.largest)));
            if let Some(entropy) = self.entropy {
                let share = f64::from(self.scores[entropy].values[i]) / bound;
                tally.uncertainty.count(share.min(1.0) as f32, !is_right);
            }
            for (score, tally) in self.scores.iter().zip(&mut tally.scores) {
                let is_right =
                    score.classes.map_or(is_right, |classes| classes[i] == label);
                let bin = bin(score.values[i]);
                let errors = &mut tally.errors;
                let counts =
                    if is_right { &mut errors.negative } else { &mut errors.positive };
                counts[bin] += 1;
                tally.brier[bin].add(brier);
            }
        }
    }

    /// Squares of pixels that do not overlap; what is left at the edges is in smaller ones.
    fn count_patches(&self, items: &[Item], tally: &mut Tally) {
        let (height, width) = self.size;
        for (which, side) in PATCHES.into_iter().enumerate() {
            for top in (0..height).step_by(side) {
                for left in (0..width).step_by(side) {
                    let rows = top..height.min(top + side);
                    let columns = left..width.min(left + side);
                    self.count_patch((rows, columns), items, which, tally);
                }
            }
        }
    }

    fn count_patch(
        &self,
        (rows, columns): (std::ops::Range<usize>, std::ops::Range<usize>),
        items: &[Item],
        which: usize,
        tally: &mut Tally,
    ) {
        let width = self.size.1;
        for (score, tally) in self.scores.iter().zip(&mut tally.scores) {
            let (mut n, mut right, mut sum) = (0u32, 0u32, 0.0);
            for y in rows.clone() {
                for i in y * width + columns.start..y * width + columns.end {
                    let label = self.labels[i];
                    if label == IGNORED {
                        continue;
                    }
                    let class =
                        score.classes.map_or(items[i].class, |classes| classes[i]);
                    n += 1;
                    right += u32::from(class == label);
                    sum += f64::from(score.values[i]);
                }
            }
            if n == 0 {
                continue;
            }
            let patches = &mut tally.patches[which];
            let counts =
                if 2 * right > n { &mut patches.negative } else { &mut patches.positive };
            counts[bin((sum / f64::from(n)) as f32)] += 1;
        }
    }
}
