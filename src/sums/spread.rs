//! How far the mean probabilities so far, and what is computed from them, may be from those of
//! infinitely many samples.
//!
//! Everything starts from the standard error of each class's mean probability, either from the
//! spread of the samples ([`Spread::Samples`]) or from that of the means of blocks
//! ([`Spread::Blocks`]), whichever way the samples of a block hang together. Errors of several
//! pixels go together as their root mean square.

use rayon::prelude::*;

use super::elementary::ln;
use super::strip::{Strip, blocks};
use super::{LANES, Reduction, Tile};

/// What a standard error is computed from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spread {
    /// The samples, as if each were drawn by itself: for stratified draws an upper bound, on
    /// average.
    Samples,
    /// The means of the blocks that have ended ([`Reduction::end_block`]), which are independent.
    Blocks,
}

/// The error of a measure, as a root mean square over the pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SamplingError {
    /// What varies from one set of samples to another: a standard error.
    pub noise: f64,
    /// What is missing on average, because there are finitely many samples.
    pub bias: f64,
}

impl Reduction {
    /// Ends a block of samples: those since the last one ended, each block as long as the others.
    /// From the first call on, the reduction keeps two more numbers a class and pixel.
    pub fn end_block(&mut self) {
        self.n_blocks += 1;
        let (n, isa) = (self.n_blocks as f32, self.isa);
        self.strips.par_iter_mut().for_each(|strip| {
            isa.run(
                #[inline(always)]
                || strip.end_block(n),
            );
        });
    }

    /// The number of blocks that have ended.
    pub fn n_blocks(&self) -> u32 {
        self.n_blocks
    }

    /// The standard error of the predicted class's mean probability. `imagined` samples are
    /// counted as well, in which all classes are equally likely: 0, or 1 where a rare sample
    /// that did not come up must not be forgotten.
    ///
    /// # Panics
    /// Where the squared deviations are not kept ([`Needs::moments`](super::Needs)), as all of
    /// these do.
    pub fn probability_error(&self, spread: Spread, imagined: u32) -> SamplingError {
        let judge = self.judge(spread, imagined);
        let [squares, _] = self.total(|tile| {
            let (top, mut squares) = (tile.top(), [0.0; LANES]);
            for (lane, square) in squares.iter_mut().enumerate().take(tile.lanes()) {
                let class = top.class[lane] as usize;
                let deviations = judge.deviations(tile, class)[lane];
                *square = judge.square(tile.mean(class)[lane], deviations);
            }
            [squares, [0.0; LANES]]
        });
        SamplingError { noise: self.root_mean(squares), bias: 0.0 }
    }

    /// The error of the predictive entropy, in nats, to second order in that of the means:
    /// noise from the gradient `-ln m_c`, with classes that hang together in the worst way; bias
    /// `-1/2 sum_c v_c / m_c` with `v_c` the squared standard error. `imagined` samples as in
    /// [`Reduction::probability_error`].
    ///
    /// # Panics
    /// As [`Reduction::probability_error`].
    pub fn entropy_error(&self, spread: Spread, imagined: u32) -> SamplingError {
        let judge = self.judge(spread, imagined);
        let [noise, bias] = self.total(|tile| {
            let mut squares = [[0.0; LANES]; 2];
            tile.isa().run(
                #[inline(always)]
                || judge.entropy_error(tile, &mut squares),
            );
            squares
        });
        SamplingError { noise: self.root_mean(noise), bias: self.root_mean(bias) }
    }

    /// The share of the pixels, in `[0, 1]`, whose class might be another with more samples: some
    /// class is no further behind than `margin` times the standard errors of both together, for
    /// each of these spreads with its margin.
    ///
    /// # Panics
    /// As [`Reduction::probability_error`].
    pub fn undecided(&self, margins: &[(Spread, f64)]) -> f64 {
        let [undecided, _] = self.total(|tile| {
            let mut open = [1.0; LANES];
            for &(spread, margin) in margins {
                let judge = self.judge(spread, 0);
                let rivals = judge.rivals(tile, margin as f32);
                for (open, rivals) in open.iter_mut().zip(rivals) {
                    *open *= rivals;
                }
            }
            [open, [0.0; LANES]]
        });
        undecided / (self.height * self.width) as f64
    }

    /// How sums of squared deviations become squared standard errors.
    fn judge(&self, spread: Spread, imagined: u32) -> Judge {
        let (blocks, samples) = (f64::from(self.n_blocks), f64::from(self.n_samples));
        let (added, uniform) = (f64::from(imagined), 1.0 / self.n_channels.max(2) as f64);
        let (n, extra) = match spread {
            Spread::Samples => (samples + added, samples * added / (samples + added)),
            // One sample of a block moves the block's mean by so much less.
            Spread::Blocks => (blocks, added * (blocks / samples).powi(2)),
        };
        Judge {
            spread,
            scale: (1.0 / (n * (n - 1.0).max(f64::MIN_POSITIVE))) as f32,
            extra: extra as f32,
            kept: (samples / (samples + added)) as f32,
            uniform: uniform as f32,
        }
    }

    fn root_mean(&self, squares: f64) -> f64 {
        (squares / (self.height * self.width) as f64).sqrt()
    }

    /// Sums over all pixels of the first lanes of what `kernel` says, in the order of the strips.
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
    /// Adds the mean since the last block ended to the deviations of blocks. The mean of all
    /// `n` blocks is that of the `n - 1` before and a step; the block's own lies `n` steps from
    /// the old one and `n - 1` from the new one.
    #[inline(always)]
    fn end_block(&mut self, n: f32) {
        self.mean_before.resize(self.mean.len(), 0.0);
        self.block_deviations.resize(self.mean.len(), 0.0);
        let weight = n * (n - 1.0);
        let sums = self.mean.iter().zip(&mut self.mean_before);
        for ((mean, before), deviations) in sums.zip(&mut self.block_deviations) {
            let step = mean - *before;
            *deviations += weight * step * step;
            *before = *mean;
        }
    }
}

/// How sums of squared deviations become squared standard errors.
#[derive(Clone, Copy)]
struct Judge {
    spread: Spread,
    scale: f32,
    /// What the imagined samples add, for each square of the mean's distance from theirs.
    extra: f32,
    /// The share of the samples that are none of these.
    kept: f32,
    /// A class's probability in them.
    uniform: f32,
}

impl Judge {
    #[inline(always)]
    fn deviations<'a>(&self, tile: &Tile<'a>, class: usize) -> &'a [f32] {
        match self.spread {
            Spread::Samples => tile.squared_deviations(class),
            Spread::Blocks => tile.block_deviations(class),
        }
    }

    /// The squared standard error of a mean.
    #[inline(always)]
    fn square(&self, mean: f32, deviations: f32) -> f32 {
        let distance = mean - self.uniform;
        (deviations + self.extra * distance * distance) * self.scale
    }

    /// The mean with the imagined samples.
    #[inline(always)]
    fn mean(&self, mean: f32) -> f32 {
        mean * self.kept + (1.0 - self.kept) * self.uniform
    }

    #[inline(always)]
    fn entropy_error(&self, tile: &Tile, [noise, bias]: &mut [[f32; LANES]; 2]) {
        // Moving every -ln m_c by the same changes no entropy, since deviations sum to 0 over
        // the classes: about their own mean they say least.
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
                // Where the mean is 0, so is every deviation.
                bias[lane] += 0.5 * square / if m > 0.0 { m } else { 1.0 };
            }
        }
        for lane in 0..LANES {
            noise[lane] *= noise[lane];
            bias[lane] *= bias[lane];
        }
    }

    /// 1 where a class may still overtake the first one, else 0: it is no further behind than
    /// `margin` times both standard errors.
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
