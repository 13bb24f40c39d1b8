//! Intervals by the Poisson bootstrap over images.
//!
//! A replicate counts every image a random number of times, drawn from the Poisson distribution
//! with mean 1; for many images this equals drawing as many of them with replacement. The number
//! is a hash of the image's id and the replicate. It does not depend on the order or number of
//! images, so replicates of parts add up to those of the whole, in constant memory. Images are
//! drawn and not pixels, because the pixels of an image are similar to each other.
//!
//! # References
//! - N. Chamandy et al. (2012), *Estimating Uncertainty for Massive Data Streams*, Google
//!   technical report: Poisson weights for data that are read once.

/// Smallest number of images for which there is an interval.
pub const FEWEST_IMAGES: usize = 10;

/// Smallest share of replicates in which a metric with an interval must be defined.
const DEFINED: f64 = 0.95;

/// Share of the replicates below the interval, and also above it.
const TAIL: f64 = 0.025;

/// 2⁶⁴ times the probability of at most `k` in the Poisson distribution with mean 1, rounded
/// down.
const AT_MOST: [u64; 20] = [
    0x5e2d_58d8_b3bc_df1a,
    0xbc5a_b1b1_6779_be35,
    0xeb71_5e1d_c158_2dc2,
    0xfb23_9797_34a2_52f1,
    0xff10_25f5_9174_dc3d,
    0xffd9_0f3b_a405_5e19,
    0xfffa_8b71_fc72_c913,
    0xffff_540c_0914_b3c9,
    0xffff_ed1f_4aa8_f120,
    0xffff_fe21_6e64_1462,
    0xffff_ffd4_d85d_3183,
    0xffff_fffc_6da2_62b4,
    0xffff_ffff_ba12_d178,
    0xffff_ffff_fb07_c64c,
    0xffff_ffff_ffab_8ea5,
    0xffff_ffff_fffa_be22,
    0xffff_ffff_ffff_b11a,
    0xffff_ffff_ffff_fba1,
    0xffff_ffff_ffff_ffc5,
    0xffff_ffff_ffff_fffd,
];

/// Returns the number of times that a replicate counts the image with this key ([`key`]).
pub(super) fn weight(key: u64, replicate: usize) -> u64 {
    let word = mixed(key.wrapping_add(mixed(replicate as u64)));
    AT_MOST.iter().take_while(|&&at_most| word >= at_most).count() as u64
}

/// Returns the key of an image in the bootstrap: the 64-bit FNV-1a hash of its id.
pub(super) fn key(id: &str) -> u64 {
    id.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// Mixes all bits by one step of `SplitMix64`.
fn mixed(word: u64) -> u64 {
    let word = word.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

/// Returns the 95 % interval of a metric from its value in each replicate: the 2.5 % and 97.5 %
/// percentiles, with linear interpolation between ranks, shifted by `shift`. `None` without
/// replicates, or if the metric is undefined in more than 5 % of them.
pub(super) fn interval(replicates: &[Option<f64>], shift: f64) -> Option<(f64, f64)> {
    let mut values: Vec<f64> = replicates.iter().flatten().copied().collect();
    if values.is_empty() || (values.len() as f64) < DEFINED * replicates.len() as f64 {
        return None;
    }
    values.sort_by(f64::total_cmp);
    Some((percentile(&values, TAIL) + shift, percentile(&values, 1.0 - TAIL) + shift))
}

/// Returns the 95 % interval of the difference of two metrics, replicate by replicate.
pub(super) fn difference_interval(
    minuend: &[Option<f64>],
    subtrahend: &[Option<f64>],
    shift: f64,
) -> Option<(f64, f64)> {
    let pairs = minuend.iter().zip(subtrahend);
    let differences: Vec<Option<f64>> = pairs.map(|(a, b)| Some((*a)? - (*b)?)).collect();
    interval(&differences, shift)
}

/// Returns a percentile of sorted values.
fn percentile(values: &[f64], share: f64) -> f64 {
    let rank = share * (values.len() - 1) as f64;
    let below = rank.floor() as usize;
    let above = (below + 1).min(values.len() - 1);
    values[below] + (rank - rank.floor()) * (values[above] - values[below])
}

#[cfg(test)]
mod tests;
