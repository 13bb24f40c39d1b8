//! How well a score puts one kind of items before another: counts of both, by the score's bin.
//!
//! Items are *positive* (wrong, or out of distribution) or *negative*; a good uncertainty is
//! larger for the positive ones. Items of one bin are tied. Against sorting the scores themselves
//! a metric moves by no more than the ties can: AUROC by half of [`Ranking::tied`], the areas
//! under risk-coverage curves by the share of the items in the largest bin.

use super::bins::{Resolution, coarse};
use super::fixed::add_counts;

/// The share of the positive items that FPR95 finds.
const RECALL: f64 = 0.95;

/// Counts of negative and positive items by the bin of their score, from small to large.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ranking {
    pub(super) negative: Vec<u64>,
    pub(super) positive: Vec<u64>,
}

/// A place on a risk-coverage curve.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Selected {
    /// The share of the items that are kept, the most certain ones.
    pub coverage: f64,
    /// The share of those that are wrong.
    pub risk: f64,
}

impl Ranking {
    pub(super) fn new(resolution: Resolution) -> Self {
        let n = resolution.n_bins();
        Self { negative: vec![0; n], positive: vec![0; n] }
    }

    /// Counts of single items, each a bin of its own, ties together: for few items.
    pub(super) fn of_items(mut items: Vec<(f32, bool)>) -> Self {
        items.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (mut negative, mut positive) = (Vec::new(), Vec::new());
        let mut last = None;
        for (score, is_positive) in items {
            if last != Some(score.to_bits()) {
                negative.push(0);
                positive.push(0);
                last = Some(score.to_bits());
            }
            let counts = if is_positive { &mut positive } else { &mut negative };
            if let Some(count) = counts.last_mut() {
                *count += 1;
            }
        }
        Self { negative, positive }
    }

    pub(super) fn coarsened(&self) -> Self {
        let mut folded = Self::new(Resolution::Coarse);
        for bin in 0..self.negative.len() {
            folded.negative[coarse(bin)] += self.negative[bin];
            folded.positive[coarse(bin)] += self.positive[bin];
        }
        folded
    }

    pub(super) fn add(&mut self, other: &Self, times: u64) {
        add_counts(&mut self.negative, &other.negative, times);
        add_counts(&mut self.positive, &other.positive, times);
    }

    /// The number of negative and of positive items.
    pub fn totals(&self) -> (u64, u64) {
        (self.negative.iter().sum(), self.positive.iter().sum())
    }

    fn bins(&self) -> impl DoubleEndedIterator<Item = (u64, u64)> {
        self.negative.iter().copied().zip(self.positive.iter().copied())
    }

    /// Both totals, where there is an item of each kind.
    fn both(&self) -> Option<(f64, f64)> {
        let (negative, positive) = self.totals();
        (negative > 0 && positive > 0).then_some((negative as f64, positive as f64))
    }

    /// The share of the pairs of a positive and a negative item that lie in one bin.
    pub fn tied(&self) -> Option<f64> {
        let (negative, positive) = self.both()?;
        let pairs: f64 = self.bins().map(|(n, p)| n as f64 * p as f64).sum();
        Some(pairs / (negative * positive))
    }

    /// Area under the receiver operating characteristic: the chance that a positive item has the
    /// larger score than a negative one, ties counting half. Range `[0, 1]`, 1/2 is no use;
    /// `None` where there are not both kinds.
    ///
    /// # References
    /// Fawcett (2006), *An introduction to ROC analysis*.
    pub fn auroc(&self) -> Option<f64> {
        let (negative, positive) = self.both()?;
        let (mut below, mut twice) = (0u128, 0u128);
        for (n, p) in self.bins() {
            twice += u128::from(p) * (2 * below + u128::from(n));
            below += u128::from(n);
        }
        Some(twice as f64 / 2.0 / (negative * positive))
    }

    /// Average precision of finding the positive items by large scores:
    /// `sum_k (R_k - R_(k-1)) P_k` over the bins from the largest score down, without interpolation.
    /// Range `(0, 1]`; the share of positive items is no use.
    pub fn average_precision(&self) -> Option<f64> {
        average_precision(self.bins().rev().map(|(n, p)| (p, n)), self.both()?.1)
    }

    /// Average precision of finding the negative items by small scores.
    pub fn average_precision_of_negative(&self) -> Option<f64> {
        average_precision(self.bins(), self.both()?.0)
    }

    /// The share of the negative items among those with a score so large that 95 % of the
    /// positive ones have it as well: at the first bin, from the largest score down, with at least
    /// that recall. Range `[0, 1]`, small is good.
    pub fn false_positive_rate_95(&self) -> Option<f64> {
        let (negative, positive) = self.both()?;
        let (mut found, mut false_alarms) = (0, 0);
        for (n, p) in self.bins().rev() {
            found += p;
            false_alarms += n;
            if found as f64 >= RECALL * positive {
                break;
            }
        }
        Some(false_alarms as f64 / negative)
    }

    /// Risk against coverage: items are kept from the smallest score on, bin by bin.
    pub fn risk_coverage(&self) -> Vec<Selected> {
        let (negative, positive) = self.totals();
        let all = (negative + positive) as f64;
        let (mut kept, mut wrong) = (0, 0);
        let mut curve = Vec::new();
        for (n, p) in self.bins().filter(|(n, p)| n + p > 0) {
            kept += n + p;
            wrong += p;
            let coverage = kept as f64 / all;
            curve.push(Selected { coverage, risk: wrong as f64 / kept as f64 });
        }
        curve
    }

    /// Area under the risk-coverage curve, by trapezoids between bins; below the first bin the risk
    /// is that of the first bin. Range `[0, 1]`, small is good; `None` without items.
    ///
    /// # References
    /// Geifman and El-Yaniv (2017), *Selective Classification for Deep Neural Networks*; the ends
    /// as Jäger et al. (2023), *A Call to Reflect on Evaluation Practices for Failure Detection*.
    pub fn area_under_risk_coverage(&self) -> Option<f64> {
        let curve = self.risk_coverage();
        let first = curve.first()?;
        let ends = first.coverage * first.risk;
        Some(ends + area(curve.windows(2), |place| place.risk))
    }

    /// [`Ranking::area_under_risk_coverage`] less that of a score that puts all wrong items last,
    /// `e + (1 - e) ln(1 - e)` for many items of which a share `e` is wrong.
    ///
    /// # References
    /// Geifman, Uziel and El-Yaniv (2019), *Bias-Reduced Uncertainty Estimation for Deep Neural
    /// Classifiers*.
    pub fn excess_area_under_risk_coverage(&self) -> Option<f64> {
        let (negative, positive) = self.totals();
        let error = positive as f64 / (negative + positive) as f64;
        let rest = if error < 1.0 { (1.0 - error) * (-error).ln_1p() } else { 0.0 };
        Some(self.area_under_risk_coverage()? - error - rest)
    }

    /// Area under the generalised risk, the share of all items that are kept and wrong, against
    /// coverage: what is expected of failures that go unnoticed. Range `[e²/2, e (1 - e/2)]`, small
    /// is good.
    ///
    /// # References
    /// Traub et al. (2024), *Overcoming Common Flaws in the Evaluation of Selective Classification
    /// Systems*, NeurIPS.
    pub fn area_under_generalised_risk_coverage(&self) -> Option<f64> {
        let mut curve = vec![Selected { coverage: 0.0, risk: 0.0 }];
        curve.extend(self.risk_coverage());
        (curve.len() > 1)
            .then(|| area(curve.windows(2), |place| place.risk * place.coverage))
    }
}

fn average_precision(bins: impl Iterator<Item = (u64, u64)>, total: f64) -> Option<f64> {
    let (mut found, mut others, mut sum) = (0, 0, 0.0);
    for (wanted, other) in bins {
        found += wanted;
        others += other;
        if wanted > 0 {
            sum += wanted as f64 / total * (found as f64 / (found + others) as f64);
        }
    }
    Some(sum)
}

fn area<'a>(
    pairs: impl Iterator<Item = &'a [Selected]>,
    height: impl Fn(&Selected) -> f64,
) -> f64 {
    let trapezoid = |pair: &[Selected]| {
        let width = pair[1].coverage - pair[0].coverage;
        width * f64::midpoint(height(&pair[0]), height(&pair[1]))
    };
    pairs.map(trapezoid).sum()
}
