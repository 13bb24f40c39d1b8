#![doc = include_str!("../docs/masks.md")]

mod apply;
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
pub use noise::{gaussian, uniform};
pub use squares::{absorb, squares32};
pub use words::{MaskTable, independent_words};

/// Number of samples in a block of stratified draws.
///
/// A prime, so that the affine maps modulo it are permutations of the strata.
pub const BLOCK: usize = 31;

/// The word from which every key starts.
pub(crate) const KEY_START: u64 = 0x9E37_79B9_7F4A_7C15;

/// How the samples of one unit go together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Draws {
    /// In blocks of [`BLOCK`] samples, in which each unit visits each of as many strata of
    /// `[0, 1)` once.
    #[default]
    Stratified,
    /// Each sample for itself.
    Independent,
}

impl Draws {
    /// Both, the default first.
    pub const ALL: [Self; 2] = [Self::Stratified, Self::Independent];

    /// The name to type and to show.
    pub fn name(self) -> &'static str {
        match self {
            Self::Stratified => "stratified",
            Self::Independent => "independent",
        }
    }

    /// The draws of a name.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|draws| draws.name() == name)
    }

    /// Where a sample (from 0) is found: the turn of the key, and the bit in the words that are
    /// made with that key.
    pub fn place(self, sample: u32) -> (u32, u32) {
        match self {
            Self::Stratified => (sample / BLOCK as u32, sample % BLOCK as u32),
            Self::Independent => (sample, 0),
        }
    }

    /// Samples that share a key.
    pub fn samples_of_a_turn(self) -> u32 {
        match self {
            Self::Stratified => BLOCK as u32,
            Self::Independent => 1,
        }
    }

    /// The word that tells the two apart in a key.
    pub(crate) fn tag(self) -> u32 {
        match self {
            Self::Stratified => 1,
            Self::Independent => 2,
        }
    }
}

/// The masks of one site for one image: what a key is derived from, beside the sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stream {
    /// How the samples go together.
    pub draws: Draws,
    /// The seed; a negative one is its two's complement.
    pub seed: u64,
    /// The key of the site ([`site_key`]).
    pub site: u64,
    /// The key of the image ([`image_key`]); 0 where all images share their masks.
    pub image: u64,
    /// The trip of the loop around the site; 0 outside of loops.
    pub iteration: u32,
}

impl Stream {
    /// The key of one turn: a block of stratified draws, a sample of independent ones
    /// ([`Draws::place`]).
    pub fn key(&self, turn: u32) -> u64 {
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
            turn,
        ]
        .into_iter()
        .fold(KEY_START, absorb)
    }
}

/// The key of a site from its name: the tensor that the site writes, after the names of the
/// nodes that enclose it.
pub fn site_key(name: &str) -> u64 {
    digest_key(&Sha256::digest(name.as_bytes()).into())
}

/// The key of an image from the bytes of its file.
pub fn image_key(file: &[u8]) -> u64 {
    digest_key(&Sha256::digest(file).into())
}

/// The key of a site or an image from the SHA-256 of its name or file: the first eight bytes,
/// big-endian.
pub fn digest_key(digest: &[u8; 32]) -> u64 {
    digest[..8].iter().fold(0, |key, &byte| key << 8 | u64::from(byte))
}

/// The ratio of a dropout (the share that is dropped) in units of 2⁻³², rounded half to even.
///
/// `None` where the ratio is NaN or outside `[0, 1)`. The result is at most 2³² − 256.
pub fn threshold(ratio: f32) -> Option<u64> {
    let scaled = f64::from(ratio) * 4_294_967_296.0;
    (0.0..1.0).contains(&ratio).then(|| scaled.round_ties_even() as u64)
}

/// What a kept value is multiplied by: 1 / (1 − ratio), computed in f64 and rounded to f32.
pub fn keep_scale(ratio: f32) -> f32 {
    (1.0 / (1.0 - f64::from(ratio))) as f32
}

/// Whether a unit is dropped in a sample: the definition, word by word.
///
/// `threshold` is that of the site's ratio ([`threshold`]). The kernels ([`MaskTable::words`],
/// [`independent_words`]) give the same bits and are what to use.
pub fn dropped(stream: &Stream, threshold: u64, sample: u32, unit: u64) -> bool {
    const STRATA: u64 = BLOCK as u64;
    let (turn, i) = stream.draws.place(sample);
    let word = u64::from(squares32(unit, stream.key(turn)));
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
