//! The same metrics, naively, in f64, by sorting.

use super::super::{BINS, IGNORED};
use super::Made;

/// Scores with what they are of, from small to large.
pub(super) struct Exact(Vec<(f64, bool, f64)>);

impl Exact {
    pub(super) fn new(items: &[(f32, bool)]) -> Self {
        Self::with_errors(
            items.iter().map(|&(score, wrong)| (f64::from(score), wrong, 0.0)),
        )
    }

    fn with_errors(items: impl Iterator<Item = (f64, bool, f64)>) -> Self {
        let mut items: Vec<_> = items.collect();
        items.sort_by(|a, b| a.0.total_cmp(&b.0));
        Self(items)
    }

    fn both(&self) -> Option<(f64, f64)> {
        let wrong = self.0.iter().filter(|item| item.1).count();
        let right = self.0.len() - wrong;
        (wrong > 0 && right > 0).then_some((right as f64, wrong as f64))
    }

    pub(super) fn auroc(&self) -> Option<f64> {
        let (right, wrong) = self.both()?;
        let mut sum = 0.0;
        for a in self.0.iter().filter(|item| item.1) {
            for b in self.0.iter().filter(|item| !item.1) {
                sum +=
                    if a.0 > b.0 { 1.0 } else { f64::from(u8::from(a.0 >= b.0)) / 2.0 };
            }
        }
        Some(sum / right / wrong)
    }

    /// Thresholds from the largest score down: found and false alarms at each.
    fn found(&self) -> Vec<(f64, f64)> {
        let mut thresholds: Vec<f64> = self.0.iter().map(|item| item.0).collect();
        thresholds.dedup();
        let at = |threshold: &f64| {
            let above = self.0.iter().filter(|item| item.0 >= *threshold);
            let found = above.clone().filter(|item| item.1).count() as f64;
            (found, above.count() as f64 - found)
        };
        thresholds.iter().rev().map(at).collect()
    }

    pub(super) fn average_precision(&self) -> Option<f64> {
        let (_, wrong) = self.both()?;
        let (mut before, mut sum) = (0.0, 0.0);
        for (found, alarms) in self.found() {
            sum += (found - before) / wrong * (found / (found + alarms));
            before = found;
        }
        Some(sum)
    }

    fn average_precision_of_right(&self) -> Option<f64> {
        let flipped = self.0.iter().map(|item| (-item.0, !item.1, item.2));
        Self::with_errors(flipped).average_precision()
    }

    pub(super) fn false_positive_rate_95(&self) -> Option<f64> {
        let (right, wrong) = self.both()?;
        self.found()
            .iter()
            .find(|place| place.0 >= 0.95 * wrong)
            .map(|place| place.1 / right)
    }

    /// Areas under risk-coverage and generalised risk.
    pub(super) fn areas(&self) -> (f64, f64) {
        let n = self.0.len() as f64;
        let mut ends: Vec<f64> = self.0.iter().map(|item| item.0).collect();
        ends.dedup();
        let at = |end: &f64| {
            let kept: Vec<_> = self.0.iter().filter(|item| item.0 <= *end).collect();
            let wrong = kept.iter().filter(|item| item.1).count() as f64;
            (kept.len() as f64 / n, wrong / kept.len() as f64, wrong / n)
        };
        let curve: Vec<_> = ends.iter().map(at).collect();
        let (mut risk, mut general) =
            (curve[0].0 * curve[0].1, curve[0].0 * curve[0].2 / 2.0);
        for pair in curve.windows(2) {
            let width = pair[1].0 - pair[0].0;
            risk += width * f64::midpoint(pair[0].1, pair[1].1);
            general += width * f64::midpoint(pair[0].2, pair[1].2);
        }
        (risk, general)
    }

    /// Mean error of what stays when shares are left out from the largest score down.
    fn sparsified(&self) -> Option<Vec<f64>> {
        let n = self.0.len() as f64;
        let all = self.0.iter().map(|item| item.2).sum::<f64>() / n;
        let step = |step: usize| {
            let kept = n * (1.0 - step as f64 / 100.0);
            let whole = kept.floor() as usize;
            let mut sum = self.0[..whole].iter().map(|item| item.2).sum::<f64>();
            sum += self.0.get(whole).map_or(0.0, |item| item.2 * kept.fract());
            sum / kept / all
        };
        (all > 0.0).then(|| (0..100).map(step).collect())
    }

    fn area(&self) -> Option<f64> {
        let curve = self.sparsified()?;
        Some(curve.windows(2).map(|pair| f64::midpoint(pair[0], pair[1]) / 100.0).sum())
    }
}

/// Items that count, one by one.
pub(super) struct Oracle<'a> {
    image: &'a Made,
    items: Vec<usize>,
}

impl<'a> Oracle<'a> {
    pub(super) fn new(image: &'a Made) -> Self {
        let items =
            (0..image.labels.len()).filter(|&i| image.labels[i] != IGNORED).collect();
        Self { image, items }
    }

    fn p(&self, item: usize, class: usize) -> f64 {
        f64::from(self.image.probabilities[class * self.image.labels.len() + item])
    }

    fn label(&self, item: usize) -> usize {
        usize::from(self.image.labels[item])
    }

    fn classes(&self) -> std::ops::Range<usize> {
        0..self.image.n_classes
    }

    fn predicted(&self, item: usize) -> usize {
        let p = |class: &usize| self.p(item, *class);
        self.classes().rev().max_by(|a, b| p(a).total_cmp(&p(b))).unwrap()
    }

    fn mean(&self, value: impl Fn(usize) -> f64) -> Option<f64> {
        let n = self.items.len() as f64;
        (n > 0.0).then(|| self.items.iter().map(|&item| value(item)).sum::<f64>() / n)
    }

    fn brier(&self, item: usize) -> f64 {
        let square = |class: usize| {
            (self.p(item, class) - f64::from(u8::from(self.label(item) == class))).powi(2)
        };
        self.classes().map(square).sum()
    }

    /// |frequency - mean| of each bin with its share.
    fn gaps(
        &self,
        value: impl Fn(usize) -> f64,
        is_true: impl Fn(usize) -> bool,
    ) -> Vec<(f64, f64)> {
        let in_bin = |bin: usize, value: f64| {
            let end = |bin: usize| f64::from((bin as f64 / BINS as f64) as f32);
            (value > end(bin) || bin == 0) && value <= end(bin + 1)
        };
        let gap = |bin: usize| {
            let inside: Vec<_> =
                self.items.iter().filter(|&&item| in_bin(bin, value(item))).collect();
            let n = inside.len() as f64;
            let mean = inside.iter().map(|&&item| value(item)).sum::<f64>() / n;
            let hits = inside.iter().filter(|&&&item| is_true(item)).count() as f64 / n;
            (n > 0.0).then(|| (n / self.items.len() as f64, (hits - mean).abs()))
        };
        (0..BINS).filter_map(gap).collect()
    }

    fn expected(gaps: &[(f64, f64)]) -> Option<f64> {
        (!gaps.is_empty()).then(|| gaps.iter().map(|gap| gap.0 * gap.1).sum())
    }

    pub(super) fn metric(&self, name: &str) -> Option<f64> {
        let is_right = |item: usize| self.predicted(item) == self.label(item);
        let top = || self.gaps(|item| self.p(item, self.predicted(item)), is_right);
        let of = |class: usize, label: bool| {
            let of = |&&item: &&usize| {
                if label {
                    self.label(item) == class
                } else {
                    self.predicted(item) == class
                }
            };
            self.items.iter().filter(of).copied().collect::<Vec<usize>>()
        };
        let mean = |values: Vec<f64>| {
            (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
        };
        match name {
            "accuracy" => self.mean(|item| f64::from(u8::from(is_right(item)))),
            "class_accuracy" => mean(
                self.classes()
                    .map(|class| of(class, true))
                    .filter(|items| !items.is_empty())
                    .map(|items| {
                        let right = items.iter().filter(|&&item| is_right(item)).count();
                        right as f64 / items.len() as f64
                    })
                    .collect(),
            ),
            "mean_iou" => mean(
                self.classes()
                    .filter_map(|class| {
                        let (a, b) = (of(class, true), of(class, false));
                        let both = a.iter().filter(|item| b.contains(item)).count();
                        let union = a.len() + b.len() - both;
                        (union > 0).then(|| both as f64 / union as f64)
                    })
                    .collect(),
            ),
            "negative_log_likelihood" => {
                self.mean(|item| -self.p(item, self.label(item)).max(2f64.powi(-24)).ln())
            }
            "brier_score" => self.mean(|item| self.brier(item)),
            "brier_score_per_class" => {
                self.mean(|item| self.brier(item) / self.image.n_classes as f64)
            }
            "expected_calibration_error" => Self::expected(&top()),
            "maximum_calibration_error" => {
                top().iter().map(|gap| gap.1).max_by(f64::total_cmp)
            }
            "expected_calibration_error_classwise" => {
                let error = |class: usize| {
                    let gaps = self.gaps(
                        |item| self.p(item, class),
                        |item| self.label(item) == class,
                    );
                    Self::expected(&gaps)
                };
                mean(self.classes().filter_map(error).collect())
            }
            "expected_calibration_error_equal_mass" => self.equal_mass(),
            "uncertainty_calibration_error" => {
                let bound = (self.image.n_classes as f64).ln();
                let share = |item: usize| {
                    f64::from(
                        (f64::from(self.image.entropy[item]) / bound).min(1.0) as f32
                    )
                };
                Self::expected(&self.gaps(share, |item| !is_right(item)))
            }
            other => panic!("{other} has no oracle"),
        }
    }

    fn equal_mass(&self) -> Option<f64> {
        let mut items: Vec<(f64, bool)> = self
            .items
            .iter()
            .map(|&item| {
                let predicted = self.predicted(item);
                (self.p(item, predicted), predicted == self.label(item))
            })
            .collect();
        items.sort_by(|a, b| a.0.total_cmp(&b.0).reverse());
        let n = items.len() as f64;
        let mut error = 0.0;
        for bin in 0..BINS {
            let (from, to) =
                (bin as f64 * n / BINS as f64, (bin + 1) as f64 * n / BINS as f64);
            let part = |i: usize| ((i + 1) as f64).min(to) - (i as f64).max(from);
            let gap: f64 = (0..items.len())
                .filter(|&i| part(i) > 0.0)
                .map(|i| part(i) * (f64::from(u8::from(items[i].1)) - items[i].0))
                .sum();
            error += gap.abs() / n;
        }
        (n > 0.0).then_some(error)
    }

    fn exact(&self, score: usize, error: impl Fn(usize, bool) -> f64) -> Exact {
        let image = self.image;
        let values = if score == 0 { &image.entropy } else { &image.score };
        Exact::with_errors(self.items.iter().map(|&item| {
            let class = match score {
                2 => usize::from(image.classes[item]),
                _ => self.predicted(item),
            };
            let wrong = class != self.label(item);
            (f64::from(values[item]), wrong, error(item, wrong))
        }))
    }

    pub(super) fn ranking(&self, name: &str, score: usize) -> Option<f64> {
        if self.items.is_empty() {
            return None;
        }
        let by = |error: &dyn Fn(usize, bool) -> f64| self.exact(score, error);
        let exact = by(&|_, wrong| f64::from(u8::from(wrong)));
        let oracle = |error: &dyn Fn(usize, bool) -> f64| {
            let items = by(error).0;
            Exact::with_errors(items.into_iter().map(|item| (item.2, item.1, item.2)))
                .area()
        };
        match name {
            "misclassification.auroc" => exact.auroc(),
            "misclassification.aupr_error" => exact.average_precision(),
            "misclassification.aupr_success" => exact.average_precision_of_right(),
            "misclassification.fpr95" => exact.false_positive_rate_95(),
            "aurc" => Some(exact.areas().0),
            "excess_aurc" => {
                let error = exact.0.iter().filter(|item| item.1).count() as f64
                    / exact.0.len() as f64;
                let best = error
                    + if error < 1.0 { (1.0 - error) * (1.0 - error).ln() } else { 0.0 };
                Some(exact.areas().0 - best)
            }
            "augrc" => Some(exact.areas().1),
            "ause_mean" => {
                let error = |_: usize, wrong: bool| f64::from(u8::from(wrong));
                Some(exact.area()? - oracle(&error)?)
            }
            "ause_brier" => {
                let error = |item: usize, _: bool| self.brier(item);
                Some(by(&error).area()? - oracle(&error)?)
            }
            "pavpu" => self.pavpu(score),
            other => panic!("{other} has no oracle"),
        }
    }

    /// Mean PAvPU of 4 x 4 patches over thresholds between the patches' scores.
    fn pavpu(&self, score: usize) -> Option<f64> {
        let image = self.image;
        if image.labels.len() < 2 {
            return None;
        }
        let values = if score == 0 { &image.entropy } else { &image.score };
        let (height, width) = image.size;
        let mut patches: Vec<(f64, bool)> = Vec::new();
        for (top, left) in (0..height)
            .step_by(4)
            .flat_map(|y| (0..width).step_by(4).map(move |x| (y, x)))
        {
            let inside: Vec<usize> = self
                .items
                .iter()
                .copied()
                .filter(|i| {
                    (top..top + 4).contains(&(i / width))
                        && (left..left + 4).contains(&(i % width))
                })
                .collect();
            if inside.is_empty() {
                continue;
            }
            let n = inside.len() as f64;
            let right = |i: &&usize| {
                let class = if score == 2 {
                    usize::from(image.classes[**i])
                } else {
                    self.predicted(**i)
                };
                class == self.label(**i)
            };
            let accurate = inside.iter().filter(right).count() as f64 > n / 2.0;
            let mean = inside.iter().map(|&i| f64::from(values[i])).sum::<f64>() / n;
            patches.push((mean, accurate));
        }
        let (low, high) =
            patches.iter().fold((f64::MAX, f64::MIN), |(low, high), patch| {
                (low.min(patch.0), high.max(patch.0))
            });
        let steps = 20_000;
        let good = |step: usize| {
            let threshold = low + (high - low) * (step as f64 + 0.5) / f64::from(steps);
            let good =
                patches.iter().filter(|patch| (patch.0 <= threshold) == patch.1).count();
            good as f64 / patches.len() as f64
        };
        (high > low)
            .then(|| (0..steps as usize).map(good).sum::<f64>() / f64::from(steps))
    }
}
