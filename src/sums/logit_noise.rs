//! Probabilities of classes whose logits have Gaussian noise: the mean over draws of the softmax.

use rayon::prelude::*;

use super::channelwise::variance;
use super::softmax::Block;
use super::strip::{STRIP, blocks};
use super::{Invalid, LANES, OutputKind, PassOutput, Reason, Spread};
use crate::random::{Draws, NoiseStream, StratifiedNoise, independent_noise};
use crate::simd::Isa;

/// Gaussian noise of the logits of a pass (Kendall and Gal 2017, eq. 10 to 12).
///
/// The unit of a draw is the element of the tensor of logits: class after class, row by row.
#[derive(Debug, Clone, Copy)]
pub struct LogitNoise<'a> {
    /// The variance of each logit.
    pub spread: Spread<'a>,
    /// Random stream of the pass.
    pub stream: NoiseStream,
    /// Number of draws that the probabilities are averaged over, at least 1.
    pub n_draws: u32,
}

/// What a pass predicts, averaged over its draws of the noise.
pub(super) struct NoiseAverage {
    /// Mean probabilities, class by class, row by row.
    pub(super) probabilities: Vec<f32>,
    /// At each pixel, the entropy of the mean probabilities minus the mean entropy of the draws.
    pub(super) information: Vec<f32>,
}

/// The logits of a pass, and the keys of its noise.
struct NoisyLogits<'a> {
    logits: &'a [f32],
    noise: LogitNoise<'a>,
    n_classes: usize,
    n_pixels: usize,
    keys: Vec<u64>,
}

/// A part of the pixels of a [`NoiseAverage`].
struct AverageStrip<'a> {
    first_pixel: usize,
    /// A slice per class.
    probabilities: Vec<&'a mut [f32]>,
    information: &'a mut [f32],
}

impl NoiseAverage {
    /// Averages the probabilities of logits, in parallel over the pixels.
    ///
    /// # Errors
    /// Fails at the first pixel where a variance is negative, NaN or infinite, a logit is NaN or
    /// infinite, or no class is possible.
    pub(super) fn new(
        scores: &PassOutput,
        noise: LogitNoise,
        isa: Isa,
    ) -> Result<Self, Invalid> {
        let PassOutput {
            values: logits, n_channels: n_classes, height, width, kind, ..
        } = *scores;
        let n_pixels = height * width;
        assert_eq!(kind, OutputKind::Logits, "kind of noisy scores");
        assert_eq!(logits.len(), n_classes * n_pixels, "number of logits");
        assert_eq!(noise.spread.values.len(), logits.len(), "number of variances");
        let n_keys = noise.n_draws.div_ceil(noise.stream.draws.samples_per_key());
        let keys = (0..n_keys).map(|block| noise.stream.key(block)).collect();
        let source = NoisyLogits { logits, noise, n_classes, n_pixels, keys };
        let mut average = Self {
            probabilities: vec![0.0; logits.len()],
            information: vec![0.0; n_pixels],
        };
        let run = |strip: &mut AverageStrip| {
            isa.run(
                #[inline(always)]
                || strip.fill(&source),
            )
        };
        let failed = average.strips().par_iter_mut().filter_map(|s| run(s).err()).min();
        failed.map_or(Ok(average), Err)
    }

    fn strips(&mut self) -> Vec<AverageStrip<'_>> {
        let n_pixels = self.information.len();
        let information = self.information.chunks_mut(STRIP);
        let mut strips: Vec<AverageStrip> = information
            .enumerate()
            .map(|(i, information)| AverageStrip {
                first_pixel: i * STRIP,
                probabilities: Vec::new(),
                information,
            })
            .collect();
        for plane in self.probabilities.chunks_mut(n_pixels) {
            for (strip, part) in strips.iter_mut().zip(plane.chunks_mut(STRIP)) {
                strip.probabilities.push(part);
            }
        }
        strips
    }
}

impl AverageStrip<'_> {
    #[inline(always)]
    fn fill(&mut self, source: &NoisyLogits) -> Result<(), Invalid> {
        for (offset, lanes) in blocks(self.information.len()) {
            match lanes {
                LANES => self.fill_block::<LANES>(offset, source)?,
                8 => self.fill_block::<8>(offset, source)?,
                _ => self.fill_block::<1>(offset, source)?,
            }
        }
        Ok(())
    }

    #[inline(always)]
    fn fill_block<const W: usize>(
        &mut self,
        offset: usize,
        source: &NoisyLogits,
    ) -> Result<(), Invalid> {
        let first = self.first_pixel + offset;
        let at_pixel = |bad: Invalid| Invalid { pixel: first + bad.pixel, ..bad };
        let mut sums = DrawSums::<W>::load(source, first).map_err(at_pixel)?;
        sums.add_all(source, first).map_err(at_pixel)?;
        let information = sums.finish(source.noise.n_draws).map_err(at_pixel)?;
        for (part, mean) in self.probabilities.iter_mut().zip(&sums.probabilities) {
            part[offset..offset + W].copy_from_slice(mean);
        }
        self.information[offset..offset + W].copy_from_slice(&information);
        Ok(())
    }
}

/// Sums over the draws at `W` pixels; rows are classes.
struct DrawSums<const W: usize> {
    logits: Vec<[f32; W]>,
    std: Vec<[f32; W]>,
    probabilities: Vec<[f32; W]>,
    entropy: [f32; W],
    /// The logits of a draw, and later their exponentials.
    rows: Vec<[f32; W]>,
}

impl<const W: usize> DrawSums<W> {
    /// Loads the logits and their standard deviations.
    #[inline(always)]
    fn load(source: &NoisyLogits, first_pixel: usize) -> Result<Self, Invalid> {
        let rows = || vec![[0.0; W]; source.n_classes];
        let mut sums = Self {
            logits: rows(),
            std: rows(),
            probabilities: rows(),
            entropy: [0.0; W],
            rows: rows(),
        };
        let Spread { values, form } = source.noise.spread;
        for class in 0..source.n_classes {
            let start = class * source.n_pixels + first_pixel;
            sums.logits[class].copy_from_slice(&source.logits[start..start + W]);
            let std = &mut sums.std[class];
            std.copy_from_slice(&values[start..start + W]);
            variance(std, form);
            let mut is_valid = true;
            for std in std.iter_mut() {
                // A negative variance or standard deviation is NaN here.
                is_valid &= *std < f32::INFINITY;
                *std = std.sqrt();
            }
            if !is_valid {
                let pixel = std.iter().position(|std| !std.is_finite()).unwrap_or(0);
                return Err(Invalid { pixel, channel: class, reason: Reason::Spread });
            }
        }
        Ok(sums)
    }

    #[inline(always)]
    fn add_all(
        &mut self,
        source: &NoisyLogits,
        first_pixel: usize,
    ) -> Result<(), Invalid> {
        let stream = source.noise.stream;
        let first_unit = |class: usize| (class * source.n_pixels + first_pixel) as u64;
        let mut noise: Vec<StratifiedNoise<W>> = Vec::new();
        let per_key = stream.draws.samples_per_key();
        for (block, &key) in (0..).zip(&source.keys) {
            match stream.draws {
                Draws::Stratified => {
                    noise.clear();
                    for class in 0..source.n_classes {
                        noise.push(StratifiedNoise::new(key, first_unit(class)));
                    }
                    for _ in 0..per_key.min(source.noise.n_draws - block * per_key) {
                        for (class, noise) in noise.iter_mut().enumerate() {
                            self.disturb(class, &noise.next());
                        }
                        self.add()?;
                    }
                }
                Draws::Independent => {
                    for class in 0..source.n_classes {
                        self.disturb(class, &independent_noise(key, first_unit(class)));
                    }
                    self.add()?;
                }
            }
        }
        Ok(())
    }

    #[inline(always)]
    fn disturb(&mut self, class: usize, noise: &[f32; W]) {
        let (logits, std) = (&self.logits[class], &self.std[class]);
        for lane in 0..W {
            self.rows[class][lane] = logits[lane] + std[lane] * noise[lane];
        }
    }

    /// Adds a draw.
    #[inline(always)]
    fn add(&mut self) -> Result<(), Invalid> {
        let mut block = Block::new(&mut self.rows);
        if let Some(bad) = block.find_largest(OutputKind::Logits) {
            return Err(bad);
        }
        let entropy = block.normalize_logits();
        for (sum, row) in self.probabilities.iter_mut().zip(&*block.rows) {
            for lane in 0..W {
                sum[lane] += row[lane] * block.inverse[lane];
            }
        }
        for lane in 0..W {
            self.entropy[lane] += entropy[lane];
        }
        Ok(())
    }

    /// Turns the sums into means and returns the information.
    #[inline(always)]
    fn finish(&mut self, n_draws: u32) -> Result<[f32; W], Invalid> {
        let per_draw = 1.0 / n_draws as f32;
        for row in &mut self.probabilities {
            for value in row {
                *value *= per_draw;
            }
        }
        let mut block = Block::new(&mut self.probabilities);
        if let Some(bad) = block.find_largest(OutputKind::Probabilities) {
            return Err(bad);
        }
        let mut information = block.normalize_probabilities(true);
        for lane in 0..W {
            let difference = information[lane] - self.entropy[lane] * per_draw;
            information[lane] = if difference > 0.0 { difference } else { 0.0 };
        }
        Ok(information)
    }
}
