//! The sums of one block of pixels, as measures read them.

use super::LANES;
use super::frame::StdFactors;
use super::softmax::EntropySum;
use super::strip::Strip;
use crate::simd::Isa;

/// The sums of a block of pixels, its lanes. Sums that were not kept are empty.
#[derive(Debug, Clone, Copy)]
pub struct Tile<'a> {
    lanes: usize,
    n_samples: usize,
    n_classes: usize,
    mean: &'a [f32],
    deviations: &'a [f32],
    within: &'a [f32],
    information: &'a [f32],
    votes: &'a [u16],
    group_deviations: &'a [f32],
    std_factors: StdFactors,
    isa: Isa,
}

/// The two most probable classes of the lanes of a tile; entries beyond its lanes are meaningless.
#[derive(Debug, Clone, Copy)]
pub struct Top {
    /// The class with the largest mean probability, the lowest of equals.
    pub class: [u32; LANES],
    /// Its mean probability.
    pub largest: [f32; LANES],
    /// The largest mean probability of another class.
    pub second: [f32; LANES],
    /// The sum of the mean probabilities of all other classes, which is more accurate than
    /// 1 - largest.
    pub others: [f32; LANES],
}

impl<'a> Tile<'a> {
    pub(super) fn new(
        strip: &'a Strip,
        (offset, lanes): (usize, usize),
        n_samples: usize,
        isa: Isa,
    ) -> Self {
        let n_classes = strip.n_classes;
        let (start, size) = (offset * n_classes, lanes * n_classes);
        let per_pixel = strip.family.within_per_pixel(n_classes);
        let within = offset * per_pixel..(offset + lanes) * per_pixel;
        Self {
            lanes,
            n_samples,
            n_classes,
            mean: &strip.mean[start..start + size],
            deviations: strip.deviations.get(start..start + size).unwrap_or_default(),
            within: strip.within.get(within).unwrap_or_default(),
            information: strip
                .information
                .get(offset..offset + lanes)
                .unwrap_or_default(),
            votes: strip.votes.get(start..start + size).unwrap_or_default(),
            group_deviations: strip
                .group_deviations
                .get(start..start + size)
                .unwrap_or_default(),
            std_factors: StdFactors::default(),
            isa,
        }
    }

    /// Number of pixels, at most [`LANES`].
    pub fn lanes(&self) -> usize {
        self.lanes
    }

    /// Returns the sums of one channel, a label or a target, as channel 0.
    #[must_use]
    pub(super) fn of_channel(&self, channel: usize) -> Self {
        let slice = |sums: &'a [f32]| {
            let start = channel * self.lanes;
            sums.get(start..start + self.lanes).unwrap_or_default()
        };
        Self {
            n_classes: 1,
            mean: slice(self.mean),
            deviations: slice(self.deviations),
            within: slice(self.within),
            group_deviations: slice(self.group_deviations),
            ..*self
        }
    }

    /// Returns the tile with other factors of the standard deviation of a value.
    #[must_use]
    pub fn with_std_factors(&self, std_factors: StdFactors) -> Self {
        Self { std_factors, ..*self }
    }

    /// The factors of the standard deviation of a value.
    pub fn std_factors(&self) -> StdFactors {
        self.std_factors
    }

    /// Number of classes.
    pub fn n_classes(&self) -> usize {
        self.n_classes
    }

    /// Number of samples.
    pub fn n_samples(&self) -> usize {
        self.n_samples
    }

    /// Factor that turns a sum over samples into a mean: 1 / T.
    pub fn per_sample(&self) -> f32 {
        1.0 / self.n_samples.max(1) as f32
    }

    /// The instruction set to run kernels with.
    pub fn isa(&self) -> Isa {
        self.isa
    }

    /// The mean probabilities of a class.
    pub fn mean(&self, class: usize) -> &'a [f32] {
        &self.mean[class * self.lanes..][..self.lanes]
    }

    /// The sums over samples of the squared deviations of a class's probability from its mean.
    pub fn squared_deviations(&self, class: usize) -> &'a [f32] {
        &self.deviations[class * self.lanes..][..self.lanes]
    }

    /// The same sums for the means of groups, each counted once.
    pub(super) fn group_deviations(&self, class: usize) -> &'a [f32] {
        &self.group_deviations[class * self.lanes..][..self.lanes]
    }

    /// The mean over samples of what each leaves open: its entropy, or the variance that it predicts.
    /// One per pixel for classes, else those of the first channel.
    pub fn within(&self) -> &'a [f32] {
        self.within.get(..self.lanes).unwrap_or_default()
    }

    /// The mean over samples of the information of logit noise.
    pub fn noise_information(&self) -> &'a [f32] {
        self.information
    }

    /// Number of samples in which a class was the most probable.
    pub fn votes(&self, class: usize) -> &'a [u16] {
        &self.votes[class * self.lanes..][..self.lanes]
    }

    /// Finds the two classes with the largest mean probabilities.
    pub fn top(&self) -> Top {
        let mut top = Top {
            class: [0; LANES],
            largest: [0.0; LANES],
            second: [0.0; LANES],
            others: [0.0; LANES],
        };
        self.isa.run(
            #[inline(always)]
            || {
                for class in 0..self.n_classes {
                    top.take(class as u32, self.mean(class));
                }
            },
        );
        top
    }

    /// The entropy of the mean probabilities, in nats.
    pub fn entropy_of_mean(&self) -> [f32; LANES] {
        let top = self.top();
        let mut entropy = [0.0; LANES];
        self.isa.run(
            #[inline(always)]
            || match self.lanes {
                LANES => self.entropy_of::<LANES>(&top, &mut entropy),
                8 => self.entropy_of::<8>(&top, &mut entropy),
                _ => self.entropy_of::<1>(&top, &mut entropy),
            },
        );
        entropy
    }

    #[inline(always)]
    fn entropy_of<const W: usize>(&self, top: &Top, out: &mut [f32; LANES]) {
        let (rows, _) = self.mean.as_chunks::<W>();
        let ([others, ..], _) = top.others.as_chunks::<W>() else { return };
        let ([class, ..], _) = top.class.as_chunks::<W>() else { return };
        let mut sum = EntropySum::new(*others);
        for (c, row) in rows.iter().enumerate() {
            for lane in 0..W {
                sum.add(lane, row[lane], class[lane] == c as u32);
            }
        }
        out[..W].copy_from_slice(&sum.finish());
    }
}

impl Top {
    #[inline(always)]
    fn take(&mut self, class: u32, mean: &[f32]) {
        let kept = self.class.iter_mut().zip(&mut self.largest);
        let rest = self.second.iter_mut().zip(&mut self.others);
        for (((best, largest), (second, others)), &p) in kept.zip(rest).zip(mean) {
            let is_larger = p > *largest;
            let loser = if is_larger { *largest } else { p };
            *others += loser;
            *second = if loser > *second { loser } else { *second };
            *largest = if is_larger { p } else { *largest };
            *best = if is_larger { class } else { *best };
        }
    }
}
