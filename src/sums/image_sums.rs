//! Sums of the passes of an image: probabilities of classes, probabilities of labels, or values.

use rayon::prelude::*;

use super::logit_noise::NoiseAverage;
use super::resize::Resized;
use super::strip::{OutputSource, PassKind, PassSource, STRIP, Strip, blocks};
use super::{
    Family, Invalid, Needs, OutputKind, PassOutput, Reason, Statistics, Sums, Tile,
};
use crate::simd::Isa;

/// The sums over the samples of one image.
#[derive(Debug, Clone)]
pub struct ImageSums {
    pub(super) family: Family,
    pub(super) n_channels: usize,
    pub(super) height: usize,
    pub(super) width: usize,
    pub(super) needs: Needs,
    pub(super) isa: Isa,
    pub(super) n_samples: u32,
    pub(super) n_groups: u32,
    /// Number of samples in the groups that have ended.
    n_grouped_samples: u32,
    pub(super) strips: Vec<Strip>,
}

impl ImageSums {
    /// Largest number of samples that votes are counted for.
    pub const MAX_SAMPLES: usize = u16::MAX as usize;

    /// Creates empty sums of classes for scores of `n_channels` channels and maps of `height` by
    /// `width`: the network's input size, 1 by 1 in classification.
    pub fn new(
        n_channels: usize,
        height: usize,
        width: usize,
        needs: Needs,
        isa: Isa,
    ) -> Self {
        Self::of_family(Family::Classes, n_channels, (height, width), needs, isa)
    }

    /// Creates empty sums for outputs of `n_channels` channels and maps of this size (height,
    /// width).
    pub fn of_family(
        family: Family,
        n_channels: usize,
        (height, width): (usize, usize),
        needs: Needs,
        isa: Isa,
    ) -> Self {
        let (n_pixels, channels) = (height * width, family.channels(n_channels));
        let strip = |first: usize| {
            Strip::new(first, STRIP.min(n_pixels - first), (family, channels), needs)
        };
        let strips = (0..n_pixels).step_by(STRIP).map(strip).collect();
        Self {
            family,
            n_channels,
            height,
            width,
            needs,
            isa,
            n_samples: 0,
            n_groups: 0,
            n_grouped_samples: 0,
            strips,
        }
    }

    /// Resizes scores to `height` by `width`, channel by channel: the logits as they are used in
    /// the softmax.
    ///
    /// # Errors
    /// Fails as [`Sums::add`] does.
    pub fn resized(
        scores: &PassOutput,
        (height, width): (usize, usize),
    ) -> Result<Vec<f32>, Invalid> {
        Ok(Resized::new(scores, [height, width], Isa::detect())?.all())
    }

    /// Returns the probabilities of logits with noise, class by class: the mean over its draws. `None`
    /// if the scores have no noise.
    ///
    /// # Errors
    /// Fails as [`Sums::add`] does.
    pub fn averaged(scores: &PassOutput) -> Result<Option<Vec<f32>>, Invalid> {
        let average = |noise| NoiseAverage::new(scores, noise, Isa::detect());
        let average = scores.logit_noise.map(average).transpose()?;
        Ok(average.map(|average| average.probabilities))
    }

    /// Returns the statistics of the samples so far.
    pub fn finish(self) -> Statistics {
        Statistics::new(self)
    }

    fn take(&mut self, passes: &[(&PassOutput, PassKind)]) -> Result<(), Invalid> {
        let has_noise = passes.iter().any(|(scores, _)| scores.logit_noise.is_some());
        // Passes with noise need memory for their probabilities, so they are taken one by one.
        let size = if has_noise { 1 } else { passes.len().max(1) };
        passes.chunks(size).try_for_each(|passes| self.take_together(passes))
    }

    fn take_together(
        &mut self,
        passes: &[(&PassOutput, PassKind)],
    ) -> Result<(), Invalid> {
        let average = |(scores, _): &(&PassOutput, PassKind)| {
            let of_noise = |noise| NoiseAverage::new(scores, noise, self.isa);
            scores.logit_noise.map(of_noise).transpose()
        };
        let averages = passes.iter().map(average).collect::<Result<Vec<_>, _>>()?;
        let sources = passes
            .par_iter()
            .zip(&averages)
            .map(|(&(scores, pass), average)| {
                Ok((self.source(scores, average.as_ref())?, pass))
            })
            .collect::<Result<Vec<_>, _>>()?;
        let isa = self.isa;
        let run = |strip: &mut Strip| {
            isa.run(
                #[inline(always)]
                || strip.take(&sources),
            )
        };
        match &mut self.strips[..] {
            [strip] => run(strip),
            strips => match strips.par_iter_mut().filter_map(|s| run(s).err()).min() {
                Some(error) => Err(error),
                None => Ok(()),
            },
        }
    }

    fn source<'a>(
        &self,
        scores: &PassOutput<'a>,
        average: Option<&'a NoiseAverage>,
    ) -> Result<PassSource<'a>, Invalid> {
        assert_eq!(scores.kind.family(), self.family, "family of the outputs");
        assert_eq!(scores.n_channels, self.n_channels, "number of channels");
        let spread = scores.spread.map(|spread| {
            let values = PassOutput { values: spread.values, spread: None, ..*scores };
            let source = self.source_of_head(&values);
            let of_spread = |bad: Invalid| Invalid { reason: Reason::Spread, ..bad };
            Ok((source.map_err(of_spread)?, spread.form))
        });
        let information = average.map(|average| {
            let values = &average.information[..];
            let kind = OutputKind::Values;
            self.source_of_head(&PassOutput { values, n_channels: 1, kind, ..*scores })
        });
        let scores = match average {
            None => *scores,
            Some(average) => PassOutput {
                values: &average.probabilities,
                kind: OutputKind::Probabilities,
                ..*scores
            },
        };
        Ok(PassSource {
            scores: self.source_of_head(&scores)?,
            spread: spread.transpose()?,
            information: information.transpose()?,
            units: scores.units,
        })
    }

    fn source_of_head<'a>(
        &self,
        scores: &PassOutput<'a>,
    ) -> Result<OutputSource<'a>, Invalid> {
        let PassOutput { values, n_channels, height, width, kind, .. } = *scores;
        assert_eq!(values.len(), n_channels * height * width, "number of scores");
        if (height, width) == (self.height, self.width) {
            return Ok(OutputSource::Same { values, n_pixels: height * width, kind });
        }
        let resized = Resized::new(scores, [self.height, self.width], self.isa)?;
        Ok(OutputSource::Resized(resized, kind.resized()))
    }

    /// Ends the open group, if there is one.
    fn end_open_group(&mut self) {
        if self.n_grouped_samples < self.n_samples {
            self.end_group();
        }
    }
}

impl Sums for ImageSums {
    type Frame<'a> = PassOutput<'a>;
    type Tile<'a> = Tile<'a>;

    /// Keeps the pass without dropout: the most probable class and its probability, or the values.
    ///
    /// # Panics
    /// Panics if the number of channels differs from that of the sums, or if the number of values
    /// does not match the sizes.
    fn set_deterministic(&mut self, scores: &PassOutput) -> Result<(), Invalid> {
        self.take(&[(scores, PassKind::Deterministic)])
    }

    /// Adds samples. Each strip of pixels takes all of them while its sums are in the processor's
    /// cache.
    ///
    /// # Panics
    /// Panics if the number of channels differs from that of the sums, or if the number of values
    /// does not match the sizes.
    fn add(&mut self, samples: &[PassOutput]) -> Result<(), Invalid> {
        let before = self.n_samples;
        self.n_samples += samples.len() as u32;
        let weights = (before + 1..).map(|n| (1.0 / f64::from(n)) as f32);
        let passes: Vec<_> = samples
            .iter()
            .zip(weights.map(|weight| PassKind::Sample { weight }))
            .collect();
        self.take(&passes)
    }

    /// Ends a group. From the first call on, two more numbers per class and pixel are kept.
    fn end_group(&mut self) {
        self.n_groups += 1;
        self.n_grouped_samples = self.n_samples;
        let (n, isa) = (self.n_groups as f32, self.isa);
        self.strips.par_iter_mut().for_each(|strip| {
            isa.run(
                #[inline(always)]
                || strip.end_group(n),
            );
        });
    }

    fn merge(&mut self, mut other: Self) {
        let layout = |sums: &Self| {
            let size = (sums.height, sums.width);
            (sums.family, sums.n_channels, size, sums.needs)
        };
        assert_eq!(layout(self), layout(&other), "family, channels, size and needs");
        if self.n_groups + other.n_groups > 0 {
            self.end_open_group();
            other.end_open_group();
        }
        let samples = Counts::new(self.n_samples, other.n_samples);
        let groups = Counts::new(self.n_groups, other.n_groups);
        let strips = self.strips.par_iter_mut().zip(other.strips);
        strips.for_each(|(strip, other)| strip.merge(other, samples, groups));
        self.n_samples += other.n_samples;
        self.n_groups += other.n_groups;
        self.n_grouped_samples += other.n_grouped_samples;
    }

    fn n_samples(&self) -> u32 {
        self.n_samples
    }

    fn n_groups(&self) -> u32 {
        self.n_groups
    }

    fn tiles(&self) -> impl Iterator<Item = (usize, Tile<'_>)> {
        let n_samples = self.n_samples as usize;
        self.strips.iter().flat_map(move |strip| {
            blocks(strip.n_pixels).map(move |(offset, lanes)| {
                let tile = Tile::new(strip, (offset, lanes), n_samples, self.isa);
                (strip.first_pixel + offset, tile)
            })
        })
    }
}

/// Numbers of summands on both sides of a merge.
#[derive(Debug, Clone, Copy)]
struct Counts {
    other: u32,
    /// The share of the other side.
    weight: f64,
    /// Factor of the squared distance of the means.
    between: f64,
}

impl Counts {
    fn new(own: u32, other: u32) -> Self {
        let weight = f64::from(other) / f64::from((own + other).max(1));
        Self { other, weight, between: f64::from(own) * weight }
    }

    /// Merges means.
    fn merge_means(self, means: &mut Vec<f32>, others: &[f32]) {
        if self.other == 0 {
            return;
        }
        means.resize(others.len(), 0.0);
        for (mean, &other) in means.iter_mut().zip(others) {
            let step = f64::from(other) - f64::from(*mean);
            *mean = (f64::from(*mean) + self.weight * step) as f32;
        }
    }

    /// Merges sums of squared deviations from these means, which are not merged yet.
    fn merge_deviations(
        self,
        deviations: &mut Vec<f32>,
        means: &[f32],
        others: &[f32],
        other_means: &[f32],
    ) {
        if self.other == 0 || others.is_empty() {
            return;
        }
        deviations.resize(others.len(), 0.0);
        let others = others.iter().zip(other_means);
        // Means are missing as long as there is no group on this side: `between` is then 0.
        let means = means.iter().copied().chain(std::iter::repeat(0.0));
        for ((sum, mean), (&other, &other_mean)) in
            deviations.iter_mut().zip(means).zip(others)
        {
            let step = f64::from(other_mean) - f64::from(mean);
            let between = self.between * step * step;
            *sum = (f64::from(*sum) + f64::from(other) + between) as f32;
        }
    }
}

impl Strip {
    /// Adds the sums of other passes.
    fn merge(&mut self, other: Self, samples: Counts, groups: Counts) {
        samples.merge_deviations(
            &mut self.deviations,
            &self.mean,
            &other.deviations,
            &other.mean,
        );
        groups.merge_deviations(
            &mut self.group_deviations,
            &self.mean_before,
            &other.group_deviations,
            &other.mean_before,
        );
        groups.merge_means(&mut self.mean_before, &other.mean_before);
        samples.merge_means(&mut self.mean, &other.mean);
        samples.merge_means(&mut self.within, &other.within);
        samples.merge_means(&mut self.information, &other.information);
        for (votes, others) in self.votes.iter_mut().zip(other.votes) {
            *votes = votes.saturating_add(others);
        }
        if self.deterministic.is_empty() {
            self.deterministic = other.deterministic;
        }
        if self.deterministic_values.is_empty() {
            self.deterministic_values = other.deterministic_values;
            self.deterministic_within = other.deterministic_within;
        }
    }
}
