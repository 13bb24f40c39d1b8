//! Kernels that apply words to values: a dropped value is replaced, a kept one is scaled.
//!
//! A dropped value is what it is replaced by, whatever was there, NaN and infinities included:
//! the value is masked, not multiplied by 0. A loop without a branch, over a bit that all its
//! elements share.

use half::f16;
use half::slice::HalfFloatSliceExt;

use crate::simd::Isa;

/// Elements in a step of the f16 kernels, converted together.
const STEP: usize = 64;

/// What a draw does to a value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Applied {
    /// A kept value is multiplied by this,
    pub scale: f32,
    /// and this is added; 0 for plain dropout.
    pub shift: f32,
    /// A dropped value becomes this; 0 for plain dropout.
    pub dropped: f32,
}

impl Applied {
    /// Plain dropout: zero, or scaled.
    pub fn scaled(scale: f32) -> Self {
        Self { scale, shift: 0.0, dropped: 0.0 }
    }

    fn is_plain(self) -> bool {
        self.shift == 0.0 && self.dropped.to_bits() == 0
    }
}

/// Writes the kept value where bit `bit` of the element's word is clear, and the dropped one
/// where it is set.
///
/// # Panics
/// Where the three slices differ in length.
pub fn apply_words(words: &[u32], bit: u32, applied: Applied, x: &[f32], y: &mut [f32]) {
    apply_words_with(Isa::detect(), (words, bit), applied, x, y);
}

/// As [`apply_words`], over the values themselves.
///
/// # Panics
/// Where the two slices differ in length.
pub fn apply_words_in_place(words: &[u32], bit: u32, applied: Applied, x: &mut [f32]) {
    apply_words_in_place_with(Isa::detect(), (words, bit), applied, x);
}

/// As [`apply_words`] for f16 values: a kept one is computed in f32 and rounded to f16 once.
///
/// # Panics
/// Where the three slices differ in length.
pub fn apply_words_f16(
    words: &[u32],
    bit: u32,
    applied: Applied,
    x: &[f16],
    y: &mut [f16],
) {
    assert_eq!(x.len(), y.len(), "values in and out");
    y.copy_from_slice(x);
    apply_words_f16_in_place(words, bit, applied, y);
}

/// As [`apply_words_f16`], over the values themselves.
///
/// # Panics
/// Where the two slices differ in length.
pub fn apply_words_f16_in_place(
    words: &[u32],
    bit: u32,
    applied: Applied,
    x: &mut [f16],
) {
    assert_eq!(words.len(), x.len(), "words and values");
    let isa = Isa::detect();
    let mut wide = [0.0; STEP];
    for (x, words) in x.chunks_mut(STEP).zip(words.chunks(STEP)) {
        let wide = &mut wide[..x.len()];
        x.convert_to_f32_slice(wide);
        apply_words_in_place_with(isa, (words, bit), applied, wide);
        x.convert_from_f32_slice(wide);
    }
}

/// Values that share one draw.
pub fn apply_to_all(dropped: bool, applied: Applied, x: &mut [f32]) {
    if dropped {
        x.fill(applied.dropped);
        return;
    }
    Isa::detect().run(
        #[inline(always)]
        || {
            for x in x.iter_mut() {
                *x = *x * applied.scale + applied.shift;
            }
        },
    );
}

/// As [`apply_to_all`] for f16 values.
pub fn apply_to_all_f16(dropped: bool, applied: Applied, x: &mut [f16]) {
    let mut wide = [0.0; STEP];
    for x in x.chunks_mut(STEP) {
        let wide = &mut wide[..x.len()];
        x.convert_to_f32_slice(wide);
        apply_to_all(dropped, applied, wide);
        x.convert_from_f32_slice(wide);
    }
}

pub(super) fn apply_words_with(
    isa: Isa,
    (words, bit): (&[u32], u32),
    applied: Applied,
    x: &[f32],
    y: &mut [f32],
) {
    assert_eq!(words.len(), x.len(), "words and values");
    assert_eq!(x.len(), y.len(), "values in and out");
    if !applied.is_plain() {
        y.copy_from_slice(x);
        apply_words_in_place_with(isa, (words, bit), applied, y);
        return;
    }
    isa.run(
        #[inline(always)]
        || {
            for ((y, &x), &word) in y.iter_mut().zip(x).zip(words) {
                *y = kept_or_zero(word, bit, x * applied.scale);
            }
        },
    );
}

pub(super) fn apply_words_in_place_with(
    isa: Isa,
    (words, bit): (&[u32], u32),
    applied: Applied,
    x: &mut [f32],
) {
    assert_eq!(words.len(), x.len(), "words and values");
    let Applied { scale, shift, dropped } = applied;
    if applied.is_plain() {
        isa.run(
            #[inline(always)]
            || {
                for (x, &word) in x.iter_mut().zip(words) {
                    *x = kept_or_zero(word, bit, *x * scale);
                }
            },
        );
        return;
    }
    isa.run(
        #[inline(always)]
        || {
            for (x, &word) in x.iter_mut().zip(words) {
                let is_dropped = word.wrapping_shr(bit) & 1 == 1;
                let kept = *x * scale + shift;
                *x = if is_dropped { dropped } else { kept };
            }
        },
    );
}

#[inline(always)]
fn kept_or_zero(word: u32, bit: u32, value: f32) -> f32 {
    let keep = (word.wrapping_shr(bit) & 1).wrapping_sub(1);
    f32::from_bits(value.to_bits() & keep)
}
