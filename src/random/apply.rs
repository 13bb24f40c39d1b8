//! Kernels that apply words to values: a dropped value is replaced, a kept one is scaled.
//!
//! Dropped values are masked, not multiplied by 0, so NaN and infinities are replaced as well. The
//! loops have no branches; all elements use the same bit of their words.

use half::f16;
use half::slice::HalfFloatSliceExt;

use crate::simd::Isa;

/// Elements in a step of the f16 kernels, converted together.
const STEP: usize = 64;

/// Effect of a draw on a value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Applied {
    /// Factor of a kept value.
    pub scale: f32,
    /// Number added to a kept value; 0 for plain dropout.
    pub shift: f32,
    /// Value of a dropped element; 0 for plain dropout.
    pub dropped: f32,
}

impl Applied {
    /// Plain dropout: a value is set to zero, or scaled.
    pub fn scaled(scale: f32) -> Self {
        Self { scale, shift: 0.0, dropped: 0.0 }
    }

    fn is_plain(self) -> bool {
        self.shift == 0.0 && self.dropped.to_bits() == 0
    }
}

/// Writes the kept value if bit `bit` of the element's word is clear, and the dropped one if it is
/// set.
///
/// # Panics
/// Panics if the three slices differ in length.
pub fn apply_words(words: &[u32], bit: u32, applied: Applied, x: &[f32], y: &mut [f32]) {
    apply_words_with(Isa::detect(), words, bit, applied, x, y);
}

/// Like [`apply_words`], in place.
///
/// # Panics
/// Panics if the two slices differ in length.
pub fn apply_words_in_place(words: &[u32], bit: u32, applied: Applied, x: &mut [f32]) {
    apply_words_in_place_with(Isa::detect(), words, bit, applied, x);
}

/// Like [`apply_words`] for f16 values: a kept one is computed in f32 and rounded to f16 once.
///
/// # Panics
/// Panics if the three slices differ in length.
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

/// Like [`apply_words_f16`], in place.
///
/// # Panics
/// Panics if the two slices differ in length.
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
        apply_words_in_place_with(isa, words, bit, applied, wide);
        x.convert_from_f32_slice(wide);
    }
}

/// Applies one draw to all values.
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

/// Like [`apply_to_all`] for f16 values.
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
    words: &[u32],
    bit: u32,
    applied: Applied,
    x: &[f32],
    y: &mut [f32],
) {
    assert_eq!(words.len(), x.len(), "words and values");
    assert_eq!(x.len(), y.len(), "values in and out");
    if !applied.is_plain() {
        y.copy_from_slice(x);
        apply_words_in_place_with(isa, words, bit, applied, y);
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
    words: &[u32],
    bit: u32,
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
