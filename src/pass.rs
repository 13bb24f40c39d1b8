//! Passes: evaluations of the network on an image, and their order.

use crate::random::BLOCK;

/// One evaluation of the network on an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Pass {
    /// Number of the ensemble's member.
    pub member: u32,
    /// Number of the augmentation of the image.
    pub augmentation: u32,
    /// Number of the image's tile.
    pub tile: u32,
    /// Number of the sample; `None` without dropout.
    pub sample: Option<u32>,
}

impl Pass {
    /// Pass without dropout.
    pub const DETERMINISTIC: Self =
        Self { member: 0, augmentation: 0, tile: 0, sample: None };

    /// Creates the pass that draws a sample.
    pub const fn of_sample(sample: u32) -> Self {
        Self { sample: Some(sample), ..Self::DETERMINISTIC }
    }

    /// Returns the number that dropout operators receive: that of the sample, or −1 to drop
    /// nothing.
    pub fn operator_sample(self) -> i64 {
        self.sample.map_or(-1, i64::from)
    }
}

/// The passes of an image: the deterministic one, then the samples. Currently there is one member,
/// one tile and no augmentation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PassPlan {
    samples: u32,
    can_stop: bool,
}

/// Consecutive passes of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PassGroup {
    /// The passes, in order.
    pub passes: Vec<Pass>,
    /// Set if no passes follow.
    pub is_last: bool,
}

impl PassPlan {
    /// Plans a number of samples. If `can_stop` is true, sampling may stop after each block.
    pub fn new(samples: u32, can_stop: bool) -> Self {
        Self { samples, can_stop }
    }

    /// Returns groups of passes, in order: the blocks of samples if sampling can stop early,
    /// otherwise a single group. The deterministic pass belongs to the first group.
    pub fn groups(self) -> impl Iterator<Item = PassGroup> {
        let size = if self.can_stop { BLOCK as u32 } else { self.samples.max(1) };
        (0..self.samples.div_ceil(size).max(1)).map(move |group| {
            let first = group * size;
            let end = self.samples.min(first + size);
            let deterministic = (group == 0).then_some(Pass::DETERMINISTIC);
            let samples = (first..end).map(Pass::of_sample);
            let passes = deterministic.into_iter().chain(samples).collect();
            PassGroup { passes, is_last: end == self.samples }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(plan: PassPlan) -> Vec<Vec<i64>> {
        let of_group = |group: PassGroup| {
            group.passes.into_iter().map(Pass::operator_sample).collect()
        };
        plan.groups().map(of_group).collect()
    }

    #[test]
    fn the_deterministic_pass_comes_first_and_samples_follow_in_order() {
        assert_eq!(samples(PassPlan::new(3, false)), [[-1, 0, 1, 2]]);
        assert_eq!(samples(PassPlan::new(0, false)), [[-1]]);
        assert_eq!(samples(PassPlan::new(0, true)), [[-1]]);
    }

    #[test]
    fn sampling_can_stop_after_each_block() {
        let groups = samples(PassPlan::new(70, true));
        assert_eq!(groups.iter().map(Vec::len).collect::<Vec<_>>(), [32, 31, 8]);
        assert_eq!(groups.concat(), (-1..70).collect::<Vec<_>>());
        let last: Vec<_> = PassPlan::new(62, true).groups().map(|g| g.is_last).collect();
        assert_eq!(last, [false, true]);
    }
}
