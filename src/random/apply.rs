//! Kernels that apply words to values: a dropped value becomes 0, a kept one is scaled.
//!
//! The dropped value is +0, whatever was there, NaN and infinities included: the value is masked,
//! not multiplied by 0. A loop without a branch, over a bit that all its elements share.

use half::f16;
use half::slice::HalfFloatSliceExt;

use crate::simd::Isa;

/// Elements in a step of the f16 kernels, converted together.
const STEP: usize = 64;

/// Writes `x * scale` where bit `bit` of the element's word is clear, and 0 where it is set.
///
/// # Panics
/// Where the three slices differ in length.
pub fn apply_words(words: &[u32], bit: u32, scale: f32, x: &[f32], y: &mut [f32]) {
    apply_words_with(Isa::detect(), (words, bit), scale, x, y);
}

/// As [`apply_words`], over the values themselves.
///
/// # Panics
/// Where the two slices differ in length.
pub fn apply_words_in_place(words: &[u32], bit: u32, scale: f32, x: &mut [f32]) {
    apply_words_in_place_with(Isa::detect(), (words, bit), scale, x);
}

/// As [`apply_words`] for f16 values: a kept one is multiplied in f32 and rounded to f16 once.
///
/// # Panics
/// Where the three slices differ in length.
pub fn apply_words_f16(words: &[u32], bit: u32, scale: f32, x: &[f16], y: &mut [f16]) {
    assert_eq!(x.len(), y.len(), "values in and out");
    y.copy_from_slice(x);
    apply_words_f16_in_place(words, bit, scale, y);
}

/// As [`apply_words_f16`], over the values themselves.
///
/// # Panics
/// Where the two slices differ in length.
pub fn apply_words_f16_in_place(words: &[u32], bit: u32, scale: f32, x: &mut [f16]) {
    assert_eq!(words.len(), x.len(), "words and values");
    let isa = Isa::detect();
    let mut wide = [0.0; STEP];
    for (x, words) in x.chunks_mut(STEP).zip(words.chunks(STEP)) {
        let wide = &mut wide[..x.len()];
        x.convert_to_f32_slice(wide);
        apply_words_in_place_with(isa, (words, bit), scale, wide);
        x.convert_from_f32_slice(wide);
    }
}

pub(super) fn apply_words_with(
    isa: Isa,
    (words, bit): (&[u32], u32),
    scale: f32,
    x: &[f32],
    y: &mut [f32],
) {
    assert_eq!(words.len(), x.len(), "words and values");
    assert_eq!(x.len(), y.len(), "values in and out");
    isa.run(
        #[inline(always)]
        || {
            for ((y, &x), &word) in y.iter_mut().zip(x).zip(words) {
                *y = kept_or_zero(word, bit, x * scale);
            }
        },
    );
}

pub(super) fn apply_words_in_place_with(
    isa: Isa,
    (words, bit): (&[u32], u32),
    scale: f32,
    x: &mut [f32],
) {
    assert_eq!(words.len(), x.len(), "words and values");
    isa.run(
        #[inline(always)]
        || {
            for (x, &word) in x.iter_mut().zip(words) {
                *x = kept_or_zero(word, bit, *x * scale);
            }
        },
    );
}

#[inline(always)]
fn kept_or_zero(word: u32, bit: u32, value: f32) -> f32 {
    let keep = (word.wrapping_shr(bit) & 1).wrapping_sub(1);
    f32::from_bits(value.to_bits() & keep)
}
