#![doc = include_str!("../docs/masks.md")]

mod apply;
mod logit_noise;
mod noise;
mod squares;
mod words;

#[cfg(test)]
mod tests;

use sha2::{Digest, Sha256};

pub use apply::{
    Applied, apply_to_all, apply_to_all_f16, apply_words, apply_words_f16,
    apply_words_f16_in_place, apply_words_in_place,
};
pub(crate) use logit_noise::{CENTRAL, StratifiedNoise, TAIL, TAILS, independent_noise};
pub use logit_noise::{NoiseStream, logit_noise};
pub use noise::{gaussian, uniform};
pub use squares::{absorb, squares32};
pub use words::{MaskTable, independent_words};

/// Number of samples in a block of stratified draws.
///
/// A prime, so that the affine maps modulo it are permutations of the strata.
pub const BLOCK: usize = 31;

/// The word from which every key starts.
pub(crate) const KEY_START: u64 = 0x9E37_79B9_7F4A_7C15;

/// Scheme by which the samples of a unit are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Draws {
    /// In blocks of [`BLOCK`] samples, in which each unit visits each of as many strata of
    /// `[0, 1)` once.
    #[default]
    Stratified,
    /// Each sample by itself.
    Independent,
}

impl Draws {
    /// Both, the default first.
    pub const ALL: [Self; 2] = [Self::Stratified, Self::Independent];

    /// Name in settings and messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Stratified => "stratified",
            Self::Independent => "independent",
        }
    }

    /// Returns the scheme of a name.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|draws| draws.name() == name)
    }

    /// Returns the block of a sample (from 0), which is a word of the key, and the bit of the
    /// sample in the words that are drawn with that key.
    pub fn block_and_bit(self, sample: u32) -> (u32, u32) {
        match self {
            Self::Stratified => (sample / BLOCK as u32, sample % BLOCK as u32),
            Self::Independent => (sample, 0),
        }
    }

    /// Number of samples that share a key.
    pub fn samples_per_key(self) -> u32 {
        match self {
            Self::Stratified => BLOCK as u32,
            Self::Independent => 1,
        }
    }

    /// Word of a key that distinguishes the schemes.
    pub(crate) fn tag(self) -> u32 {
        match self {
            Self::Stratified => 1,
            Self::Independent => 2,
        }
    }

    /// Word of a key of the noise of logits.
    pub(crate) fn noise_tag(self) -> u32 {
        2 + self.tag()
    }
}

/// Random stream of one site for one image: everything that keys are derived from except the
/// sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stream {
    /// The scheme of the samples.
    pub draws: Draws,
    /// The seed; a negative one is its two's complement.
    pub seed: u64,
    /// The key of the site ([`site_key`]).
    pub site: u64,
    /// The key of the image ([`image_key`]); 0 if all images share their masks.
    pub image: u64,
    /// The trip of the loop around the site; 0 outside of loops.
    pub iteration: u32,
}

impl Stream {
    /// Derives the key of a block of stratified draws, or of a sample of independent ones
    /// ([`Draws::block_and_bit`]).
    pub fn key(&self, block: u32) -> u64 {
        let [seed_low, seed_high] = halves(self.seed);
        let [site_low, site_high] = halves(self.site);
        let [image_low, image_high] = halves(self.image);
        [
            self.draws.tag(),
            seed_low,
            seed_high,
            site_low,
            site_high,
            self.iteration,
            image_low,
            image_high,
            block,
        ]
        .into_iter()
        .fold(KEY_START, absorb)
    }
}

/// Derives the key of a site from its name: the tensor that the site writes, after the names of the
/// nodes that enclose it.
pub fn site_key(name: &str) -> u64 {
    digest_key(&Sha256::digest(name.as_bytes()).into())
}

/// Derives the key of an image from the bytes of its file.
pub fn image_key(file: &[u8]) -> u64 {
    digest_key(&Sha256::digest(file).into())
}

/// Derives the key of a site or an image from the SHA-256 of its name or file: the first eight bytes,
/// big-endian.
pub fn digest_key(digest: &[u8; 32]) -> u64 {
    digest[..8].iter().fold(0, |key, &byte| key << 8 | u64::from(byte))
}

/// Returns the ratio of a dropout (the fraction that is dropped) in units of 2⁻³², rounded half to
/// even.
///
/// `None` if the ratio is NaN or outside `[0, 1)`. The result is at most 2³² − 256.
pub fn threshold(ratio: f32) -> Option<u64> {
    let scaled = f64::from(ratio) * 4_294_967_296.0;
    (0.0..1.0).contains(&ratio).then(|| scaled.round_ties_even() as u64)
}

/// Returns the factor of kept values: 1 / (1 − ratio), computed in f64 and rounded to f32.
pub fn keep_scale(ratio: f32) -> f32 {
    (1.0 / (1.0 - f64::from(ratio))) as f32
}

/// Returns true if a unit is dropped in a sample: the definition, word by word.
///
/// `threshold` is that of the site's ratio ([`threshold`]). The kernels ([`MaskTable::words`],
/// [`independent_words`]) give the same bits, faster.
pub fn dropped(stream: &Stream, threshold: u64, sample: u32, unit: u64) -> bool {
    const STRATA: u64 = BLOCK as u64;
    let (block, i) = stream.draws.block_and_bit(sample);
    let word = u64::from(squares32(unit, stream.key(block)));
    match stream.draws {
        Draws::Independent => word < threshold,
        Draws::Stratified => {
            let spread = word * (STRATA * (STRATA - 1));
            let (map, place) = (spread >> 32, spread & 0xFFFF_FFFF);
            let (a, c) = (1 + map % (STRATA - 1), map / (STRATA - 1));
            let stratum = (a * u64::from(i) + c) % STRATA;
            (stratum << 32) + place < STRATA * threshold
        }
    }
}

fn halves(word: u64) -> [u32; 2] {
    [word as u32, (word >> 32) as u32]
}
