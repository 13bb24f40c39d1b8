//! Sampling errors: the distance of the mean probabilities so far, and of what is computed from
//! them, from those of infinitely many samples.
//!
//! Everything starts from the standard error of each class's mean probability. It is estimated
//! from the variance of the samples ([`VarianceSource::Samples`]), or from that of the means of
//! groups ([`VarianceSource::BlockMeans`]), which holds for any dependence between the samples of
//! a group. Errors of several pixels are combined as their root mean square.

use rayon::prelude::*;

use super::elementary::ln;
use super::strip::{Strip, blocks};
use super::{ImageSums, LANES, Tile};

/// The variance that a standard error is computed from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VarianceSource {
    /// Variance of the samples, as if they were independent: on average an upper bound for
    /// stratified draws.
    Samples,
    /// Variance of the means of the groups that have ended
    /// ([`Sums::end_group`](super::Sums::end_group)), each a block of samples: these are
    /// independent.
    BlockMeans,
}

/// The error of a measure, as a root mean square over the pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SamplingError {
    /// The part that varies from one set of samples to another: a standard error.
    pub noise: f64,
    /// The part that is missing on average because the number of samples is finite.
    pub bias: f64,
}

impl ImageSums {
    /// Returns the standard error of the predicted class's mean probability. Adds
    /// `pseudo_samples` (0 or 1) with uniform probabilities, so that rare outcomes not yet drawn
    /// are not ruled out.
    ///
    /// # Panics
    /// Panics if the squared deviations are not kept ([`Needs::moments`](super::Needs)).
    pub fn probability_error(
        &self,
        source: VarianceSource,
        pseudo_samples: u32,
    ) -> SamplingError {
        let error = self.standard_error(source, pseudo_samples);
        let [squares, _] = self.total(|tile| {
            let (top, mut squares) = (tile.top(), [0.0; LANES]);
            for (lane, square) in squares.iter_mut().enumerate().take(tile.lanes()) {
                let class = top.class[lane] as usize;
                let deviations = error.deviations(tile, class)[lane];
                *square = error.square(tile.mean(class)[lane], deviations);
            }
            [squares, [0.0; LANES]]
        });
        SamplingError { noise: self.root_mean(squares), bias: 0.0 }
    }

    /// Returns the error of the predictive entropy in nats, to second order in that of the means:
    /// noise from the gradient `-ln m_c`, assuming worst-case correlation between classes; bias
    /// `-1/2 sum_c v_c / m_c` with `v_c` the squared standard error. `pseudo_samples` are added as
    /// in [`ImageSums::probability_error`].
    ///
    /// # Panics
    /// Panics if the squared deviations are not kept.
    pub fn entropy_error(
        &self,
        source: VarianceSource,
        pseudo_samples: u32,
    ) -> SamplingError {
        let error = self.standard_error(source, pseudo_samples);
        let [noise, bias] = self.total(|tile| {
            let mut squares = [[0.0; LANES]; 2];
            tile.isa().run(
                #[inline(always)]
                || error.entropy_error(tile, &mut squares),
            );
            squares
        });
        SamplingError { noise: self.root_mean(noise), bias: self.root_mean(bias) }
    }

    /// Returns the standard error of the mean values of targets, or of the mean probabilities of
    /// labels, over all channels and pixels.
    ///
    /// # Panics
    /// Panics if the squared deviations are not kept.
    pub fn mean_error(&self, source: VarianceSource) -> SamplingError {
        let error = self.standard_error(source, 0);
        let [squares, _] = self.total(|tile| {
            let mut squares = [0.0; LANES];
            for channel in 0..tile.n_classes() {
                let deviations = error.deviations(tile, channel);
                for (square, deviations) in squares.iter_mut().zip(deviations) {
                    *square += deviations * error.scale;
                }
            }
            [squares, [0.0; LANES]]
        });
        let noise = self.root_mean(squares / self.n_channels as f64);
        SamplingError { noise, bias: 0.0 }
    }

    /// Returns the fraction of the pixels whose class might change with more samples: for each of
    /// these variances and margins, some class is behind by at most `margin` times the sum of both
    /// standard errors.
    ///
    /// # Panics
    /// Panics if the squared deviations are not kept.
    pub fn undecided(&self, margins: &[(VarianceSource, f64)]) -> f64 {
        let [undecided, _] = self.total(|tile| {
            let mut open = [1.0; LANES];
            for &(source, margin) in margins {
                let error = self.standard_error(source, 0);
                let rivals = error.rivals(tile, margin as f32);
                for (open, rivals) in open.iter_mut().zip(rivals) {
                    *open *= rivals;
                }
            }
            [open, [0.0; LANES]]
        });
        undecided / (self.height * self.width) as f64
    }

    /// Prepares the conversion of sums of squared deviations to squared standard errors.
    fn standard_error(
        &self,
        source: VarianceSource,
        pseudo_samples: u32,
    ) -> StandardError {
        let (groups, samples) = (f64::from(self.n_groups), f64::from(self.n_samples));
        let (added, uniform) =
            (f64::from(pseudo_samples), 1.0 / self.n_channels.max(2) as f64);
        let (n, pseudo_term) = match source {
            VarianceSource::Samples => {
                (samples + added, samples * added / (samples + added))
            }
            // One sample moves the mean of its group by its share of the group.
            VarianceSource::BlockMeans => (groups, added * (groups / samples).powi(2)),
        };
        StandardError {
            source,
            scale: (1.0 / (n * (n - 1.0).max(f64::MIN_POSITIVE))) as f32,
            pseudo_term: pseudo_term as f32,
            drawn_share: (samples / (samples + added)) as f32,
            uniform: uniform as f32,
        }
    }

    fn root_mean(&self, squares: f64) -> f64 {
        (squares / (self.height * self.width) as f64).sqrt()
    }

    /// Sums the values that `kernel` computes of each tile over all pixels, in the order of the
    /// strips.
    fn total(&self, kernel: impl Fn(&Tile) -> [[f32; LANES]; 2] + Sync) -> [f64; 2] {
        let of_strip = |strip: &Strip| {
            let mut sums = [0.0; 2];
            for (offset, lanes) in blocks(strip.n_pixels) {
                let tile =
                    Tile::new(strip, (offset, lanes), self.n_samples as usize, self.isa);
                for (sum, values) in sums.iter_mut().zip(kernel(&tile)) {
                    *sum += values[..lanes].iter().map(|&v| f64::from(v)).sum::<f64>();
                }
            }
            sums
        };
        let of_strips: Vec<[f64; 2]> = self.strips.par_iter().map(of_strip).collect();
        of_strips.iter().fold([0.0; 2], |sum, one| [sum[0] + one[0], sum[1] + one[1]])
    }
}

impl Strip {
    /// Adds the mean since the last group ended to the deviations of groups. The mean of all
    /// `n` groups is that of the `n - 1` before plus a step; the group's own is `n` steps from
    /// the old one and `n - 1` from the new one.
    #[inline(always)]
    pub(super) fn end_group(&mut self, n: f32) {
        self.mean_before.resize(self.mean.len(), 0.0);
        self.group_deviations.resize(self.mean.len(), 0.0);
        let weight = n * (n - 1.0);
        let sums = self.mean.iter().zip(&mut self.mean_before);
        for ((mean, before), deviations) in sums.zip(&mut self.group_deviations) {
            let step = mean - *before;
            *deviations += weight * step * step;
            *before = *mean;
        }
    }
}

/// Conversion of sums of squared deviations to squared standard errors.
#[derive(Clone, Copy)]
struct StandardError {
    source: VarianceSource,
    scale: f32,
    /// The pseudo-samples' share, per square of the mean's distance from the uniform probability.
    pseudo_term: f32,
    /// The share of the samples that were drawn.
    drawn_share: f32,
    /// Probability of a class in pseudo-samples.
    uniform: f32,
}

impl StandardError {
    #[inline(always)]
    fn deviations<'a>(&self, tile: &Tile<'a>, class: usize) -> &'a [f32] {
        match self.source {
            VarianceSource::Samples => tile.squared_deviations(class),
            VarianceSource::BlockMeans => tile.group_deviations(class),
        }
    }

    /// The squared standard error of a mean.
    #[inline(always)]
    fn square(&self, mean: f32, deviations: f32) -> f32 {
        let distance = mean - self.uniform;
        (deviations + self.pseudo_term * distance * distance) * self.scale
    }

    /// The mean including the pseudo-samples.
    #[inline(always)]
    fn mean(&self, mean: f32) -> f32 {
        mean * self.drawn_share + (1.0 - self.drawn_share) * self.uniform
    }

    #[inline(always)]
    fn entropy_error(&self, tile: &Tile, [noise, bias]: &mut [[f32; LANES]; 2]) {
        // Adding a constant to every -ln m_c changes no entropy, since deviations sum to 0 over
        // the classes: about their weighted mean the bound is the tightest.
        let (mut weights, mut center) = ([0.0; LANES], [0.0; LANES]);
        for class in 0..tile.n_classes() {
            let lanes = tile.mean(class).iter().zip(self.deviations(tile, class));
            for (lane, (&m, &d)) in lanes.enumerate() {
                let error = self.square(m, d).sqrt();
                weights[lane] += error;
                center[lane] += error * ln(self.mean(m));
            }
        }
        for lane in 0..LANES {
            let weight = weights[lane];
            center[lane] /= if weight > 0.0 { weight } else { 1.0 };
        }
        for class in 0..tile.n_classes() {
            let lanes = tile.mean(class).iter().zip(self.deviations(tile, class));
            for (lane, (&m, &d)) in lanes.enumerate() {
                let (square, m) = (self.square(m, d), self.mean(m));
                noise[lane] += square.sqrt() * (ln(m) - center[lane]).abs();
                // If the mean is 0, so is every deviation.
                bias[lane] += 0.5 * square / if m > 0.0 { m } else { 1.0 };
            }
        }
        for lane in 0..LANES {
            noise[lane] *= noise[lane];
            bias[lane] *= bias[lane];
        }
    }

    /// Returns 1 for a pixel in which a class may still overtake the first one, which is at most
    /// `margin` times both standard errors ahead, else 0.
    fn rivals(&self, tile: &Tile, margin: f32) -> [f32; LANES] {
        let (top, mut open) = (tile.top(), [0.0; LANES]);
        let mut of_first = [0.0; LANES];
        for (lane, error) in of_first.iter_mut().enumerate().take(tile.lanes()) {
            let class = top.class[lane] as usize;
            let deviations = self.deviations(tile, class)[lane];
            *error = self.square(top.largest[lane], deviations).sqrt();
        }
        tile.isa().run(
            #[inline(always)]
            || {
                for class in 0..tile.n_classes() {
                    let lanes = tile.mean(class).iter().zip(self.deviations(tile, class));
                    for (lane, (&m, &d)) in lanes.enumerate() {
                        let width = margin * (of_first[lane] + self.square(m, d).sqrt());
                        let behind = top.largest[lane] - m;
                        let is_rival = top.class[lane] != class as u32 && behind <= width;
                        open[lane] = if is_rival { 1.0 } else { open[lane] };
                    }
                }
            },
        );
        open
    }
}

#[cfg(test)]
mod tests;
