//! Limits of scores below which images are accepted.
//!
//! # References
//! - G. Shafer, V. Vovk (2008), *A Tutorial on Conformal Prediction*, JMLR: what share of new
//!   values lies below the k-th of n.
//! - C. Clopper, E. Pearson (1934), *The Use of Confidence or Fiducial Limits Illustrated in the
//!   Case of the Binomial*, Biometrika.
//! - I. Waudby-Smith, A. Ramdas (2024), *Estimating Means of Bounded Random Variables by Betting*,
//!   JRSSB: the test of shares of wrong pixels.
//! - A. Angelopoulos et al. (2021), *Learn then Test*, arXiv 2110.01052: testing one limit after
//!   the other from a fixed start.

use statrs::distribution::{Beta, Binomial, ContinuousCDF, DiscreteCDF};

/// A limit that keeps a share of images.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct QuantileThreshold {
    /// Scores below it are accepted.
    pub below: f32,
    /// The share of new images that is accepted lies in this interval with 95 % confidence.
    pub interval: (f64, f64),
}

/// A limit below which few items are wrong.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RiskControl {
    /// Scores below it are accepted; all, where there is none.
    pub below: Option<f32>,
    /// The share of the images that is accepted.
    pub coverage: f64,
    /// The mean loss of the accepted images.
    pub loss: f64,
}

/// The smallest limit that accepts at least a share of new images like these, on average over
/// sets of images like these: their k-th score of n, k = ceil((n + 1) share).
///
/// The share that a limit accepts follows the Beta distribution with k and n + 1 - k.
///
/// # Errors
/// The number of images that it takes, where there are too few.
pub fn coverage_threshold(
    scores: &[f32],
    share: f64,
) -> Result<QuantileThreshold, usize> {
    let n = scores.len();
    let rank = rank(n, share);
    if rank > n || n == 0 {
        return Err((share / (1.0 - share)).ceil() as usize);
    }
    let mut sorted = scores.to_vec();
    sorted.sort_unstable_by(f32::total_cmp);
    let quantile = |p: f64| {
        Beta::new(rank as f64, (n + 1 - rank) as f64)
            .map_or(f64::NAN, |b| b.inverse_cdf(p))
    };
    let interval = (quantile(0.025), quantile(0.975));
    Ok(QuantileThreshold { below: sorted[rank - 1].next_up(), interval })
}

/// ceil((n + 1) share), whatever the last bits of the product are.
pub(super) fn rank(n: usize, share: f64) -> usize {
    let rest = (n + 1) as f64 * (1.0 - share);
    n + 1 - (rest + 1e-9).floor() as usize
}

/// Where tests begin: so far from the fewest images that could show anything to all of them. Of
/// several starts each would have but a part of the chance of error; in simulations that cost
/// more than a start at the wrong place.
const START: f64 = 0.2;

/// The same for losses between 0 and 1, of which every image has some, so that it takes more of
/// them.
const START_OF_SHARES: f64 = 0.5;

/// Limits that are tested, as shares of the images in hundredths.
const LEVELS: usize = 100;

/// Why no limit was found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum RiskError {
    /// It takes this many images, even if nothing on them is wrong.
    TooFew(usize),
    /// The risk that the first limit shows.
    TooMuch(f64),
}

/// The largest limit below which the mean loss of images is at most `risk` with a confidence.
///
/// `images` hold a score and a loss in [0, 1] each and stand in an order that has nothing to do
/// with either. Losses of 0 and 1 alone are tested by the binomial distribution (Clopper and
/// Pearson's bound is the smallest rate that this test rejects), others by betting. Limits are
/// tested upwards from a fixed start until one fails; as their order is fixed, all together are
/// wrong as rarely as one.
///
/// # Errors
/// If none is small enough, or images are too few.
pub fn risk_threshold(
    images: &[(f32, f64)],
    risk: f64,
    confidence: f64,
) -> Result<RiskControl, RiskError> {
    let chance = 1.0 - confidence;
    let (n, fewest) = (images.len() as f64, (chance.ln() / (-risk).ln_1p()).ceil());
    if fewest > n {
        return Err(RiskError::TooFew(fewest as usize));
    }
    let is_binary = images.iter().all(|(_, loss)| matches!(loss, 0.0 | 1.0));
    let (start, test): (f64, Test) =
        if is_binary { (START, binomial) } else { (START_OF_SHARES, bet) };
    let first = (fewest + start * (n - fewest)) / n * LEVELS as f64;
    let first = (first.ceil() as usize).min(LEVELS);
    let limits = Limits::new(images);
    let passes = |level: &usize| test(&limits.losses(*level), risk) <= chance;
    let Some(level) = (first..=LEVELS).take_while(passes).last() else {
        return Err(RiskError::TooMuch(upper_bound(test, &limits.losses(first), chance)));
    };
    let losses = limits.losses(level);
    Ok(RiskControl {
        below: limits.limit(level),
        coverage: losses.len() as f64 / n,
        loss: losses.iter().sum::<f64>() / losses.len() as f64,
    })
}

/// Limits at shares of the images.
struct Limits<'a> {
    images: &'a [(f32, f64)],
    sorted: Vec<f32>,
}

impl<'a> Limits<'a> {
    fn new(images: &'a [(f32, f64)]) -> Self {
        let mut sorted: Vec<f32> = images.iter().map(|(score, _)| *score).collect();
        sorted.sort_unstable_by(f32::total_cmp);
        Self { images, sorted }
    }

    /// The first score above the share of a level, with all that equal the last one in it. Images
    /// below it are, once it is known, draws like new ones that are accepted.
    fn limit(&self, level: usize) -> Option<f32> {
        let last = (self.sorted.len() * level).div_ceil(LEVELS).max(1) - 1;
        let last = *self.sorted.get(last)?;
        self.sorted.get(self.sorted.partition_point(|score| *score <= last)).copied()
    }

    /// The losses of images below the limit, in the order of the images.
    fn losses(&self, level: usize) -> Vec<f64> {
        let limit = self.limit(level);
        let is_below =
            |(score, _): &&(f32, f64)| limit.is_none_or(|limit| *score < limit);
        self.images.iter().filter(is_below).map(|(_, loss)| *loss).collect()
    }
}

/// How likely losses as small as these are where the mean of all is above a risk.
type Test = fn(&[f64], f64) -> f64;

/// Of predictions that are right or wrong and nothing between.
fn binomial(losses: &[f64], risk: f64) -> f64 {
    let wrong = losses.iter().filter(|loss| **loss > 0.0).count() as u64;
    Binomial::new(risk, losses.len() as u64).map_or(1.0, |b| b.cdf(wrong))
}

/// Of shares: one over the largest wealth of a gambler who bets that the mean is below `risk`.
/// Stakes depend on the losses before alone.
fn bet(losses: &[f64], risk: f64) -> f64 {
    let (mut wealth, mut largest) = (0.0_f64, 0.0_f64);
    let (mut sum, mut squares) = (0.5, 0.25);
    for (i, loss) in losses.iter().enumerate() {
        let variance = squares / (i + 1) as f64;
        let wanted = 2.0 * (20_f64.ln()) / (losses.len() as f64 * variance);
        let stake = wanted.sqrt().min(0.9 / (1.0 - risk));
        wealth += (stake * (risk - loss)).ln_1p();
        largest = largest.max(wealth);
        sum += loss;
        let mean = sum / (i + 2) as f64;
        squares += (loss - mean).powi(2);
    }
    (-largest).exp()
}

/// The smallest risk that the test rejects with a chance of error.
fn upper_bound(test: Test, losses: &[f64], chance: f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..30 {
        let middle = f64::midpoint(low, high);
        if test(losses, middle) <= chance { high = middle } else { low = middle }
    }
    high
}

#[cfg(test)]
mod tests;
