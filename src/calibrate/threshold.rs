//! Thresholds of scores below which images are accepted.
//!
//! # References
//! - G. Shafer, V. Vovk (2008), *A Tutorial on Conformal Prediction*, JMLR: the share of new
//!   values below the k-th of n.
//! - C. Clopper, E. Pearson (1934), *The Use of Confidence or Fiducial Limits Illustrated in the
//!   Case of the Binomial*, Biometrika.
//! - I. Waudby-Smith, A. Ramdas (2024), *Estimating Means of Bounded Random Variables by Betting*,
//!   JRSSB: the test of shares of wrong pixels.
//! - A. Angelopoulos et al. (2021), *Learn then Test*, arXiv 2110.01052: testing thresholds one
//!   after the other from a fixed start.

use statrs::distribution::{Beta, Binomial, ContinuousCDF, DiscreteCDF};

/// A threshold that accepts a share of images.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct QuantileThreshold {
    /// Scores below it are accepted.
    pub below: f32,
    /// Interval that contains the accepted share of new images with 95 % confidence.
    pub interval: (f64, f64),
}

/// A threshold below which few items are wrong.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RiskControl {
    /// Scores below it are accepted; all scores if it is `None`.
    pub below: Option<f32>,
    /// Share of the images that is accepted.
    pub coverage: f64,
    /// Mean loss of the accepted images.
    pub loss: f64,
}

/// Returns the smallest threshold that accepts at least a share of new images like these, on average
/// over sets of images like these: the k-th of n scores, with k = ceil((n + 1) share).
///
/// The accepted share follows the Beta distribution with parameters k and n + 1 - k.
///
/// # Errors
/// Returns the required number of images if there are fewer.
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

/// Returns ceil((n + 1) share), independent of rounding errors of the product.
pub(super) fn rank(n: usize, share: f64) -> usize {
    let rest = (n + 1) as f64 * (1.0 - share);
    n + 1 - (rest + 1e-9).floor() as usize
}

/// Position of the first test between the smallest number of images that can show anything (0) and
/// all images (1). Several starts would share the probability of error; in simulations that costs
/// more than a badly placed start.
const START: f64 = 0.2;

/// Position of the first test for losses between 0 and 1, which require more images.
const START_OF_SHARES: f64 = 0.5;

/// Number of thresholds to test, at equally spaced shares of the images.
const LEVELS: usize = 100;

/// Reason why no threshold was found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum RiskError {
    /// At least this number of images is required, even if nothing on them is wrong.
    TooFew(usize),
    /// The risk is larger: upper bound of the risk at the first threshold.
    TooMuch(f64),
}

/// Returns the largest threshold below which the mean loss of images is at most `risk` with a
/// confidence.
///
/// The order of `images` must be independent of scores and losses. If all losses are 0 or 1, the
/// binomial distribution tests them (the bound of Clopper and Pearson is the smallest rate that
/// this test rejects), otherwise betting. Thresholds are tested upwards from a fixed start until
/// one fails; because their order is fixed, the probability of any error is that of one test.
///
/// # Errors
/// Fails if no threshold is safe, or there are too few images.
pub fn risk_threshold(
    images: &[ImageLoss],
    risk: f64,
    confidence: f64,
) -> Result<RiskControl, RiskError> {
    let chance = 1.0 - confidence;
    let (n, fewest) = (images.len() as f64, (chance.ln() / (-risk).ln_1p()).ceil());
    if fewest > n {
        return Err(RiskError::TooFew(fewest as usize));
    }
    let is_binary = images.iter().all(|image| matches!(image.loss, 0.0 | 1.0));
    let (start, test): (f64, RiskTest) =
        if is_binary { (START, binomial) } else { (START_OF_SHARES, bet) };
    let first = (fewest + start * (n - fewest)) / n * LEVELS as f64;
    let first = (first.ceil() as usize).min(LEVELS);
    let thresholds = CandidateThresholds::new(images);
    let passes = |level: &usize| test(&thresholds.losses(*level), risk) <= chance;
    let Some(level) = (first..=LEVELS).take_while(passes).last() else {
        return Err(RiskError::TooMuch(upper_bound(
            test,
            &thresholds.losses(first),
            chance,
        )));
    };
    let losses = thresholds.losses(level);
    Ok(RiskControl {
        below: thresholds.at(level),
        coverage: losses.len() as f64 / n,
        loss: losses.iter().sum::<f64>() / losses.len() as f64,
    })
}

/// Score and loss of an image.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ImageLoss {
    /// Score of the image.
    pub score: f32,
    /// Loss in [0, 1].
    pub loss: f64,
}

/// Thresholds at shares of the images.
struct CandidateThresholds<'a> {
    images: &'a [ImageLoss],
    sorted: Vec<f32>,
}

impl<'a> CandidateThresholds<'a> {
    fn new(images: &'a [ImageLoss]) -> Self {
        let mut sorted: Vec<f32> = images.iter().map(|image| image.score).collect();
        sorted.sort_unstable_by(f32::total_cmp);
        Self { images, sorted }
    }

    /// Returns the first score above the share of a level and above all scores that equal the last
    /// one in it. Given the threshold, images below it are distributed like new accepted ones.
    fn at(&self, level: usize) -> Option<f32> {
        let last = (self.sorted.len() * level).div_ceil(LEVELS).max(1) - 1;
        let last = *self.sorted.get(last)?;
        self.sorted.get(self.sorted.partition_point(|score| *score <= last)).copied()
    }

    /// Returns the losses of images below a threshold, in the order of the images.
    fn losses(&self, level: usize) -> Vec<f64> {
        let threshold = self.at(level);
        self.images
            .iter()
            .filter(|image| threshold.is_none_or(|threshold| image.score < threshold))
            .map(|image| image.loss)
            .collect()
    }
}

/// Returns the probability of losses this small if the true mean is above a risk.
type RiskTest = fn(&[f64], f64) -> f64;

/// Tests losses of 0 and 1.
fn binomial(losses: &[f64], risk: f64) -> f64 {
    let wrong = losses.iter().filter(|loss| **loss > 0.0).count() as u64;
    Binomial::new(risk, losses.len() as u64).map_or(1.0, |b| b.cdf(wrong))
}

/// Tests losses between 0 and 1: the inverse of the largest wealth of a gambler who bets that the
/// mean is below `risk`. Stakes depend only on earlier losses.
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

/// Returns the smallest risk that the test rejects with a probability of error.
fn upper_bound(test: RiskTest, losses: &[f64], chance: f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..30 {
        let middle = f64::midpoint(low, high);
        if test(losses, middle) <= chance { high = middle } else { low = middle }
    }
    high
}

#[cfg(test)]
mod tests;
