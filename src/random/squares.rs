//! The generator, and the derivation of keys.

/// Generates 32 random bits from a counter and a key: Squares with four rounds.
///
/// # References
/// Widynski (2020), *Squares: A Fast Counter-Based RNG*, arXiv:2004.06278.
#[inline(always)]
pub fn squares32(counter: u64, key: u64) -> u32 {
    let y = counter.wrapping_mul(key);
    let z = y.wrapping_add(key);
    let x = square_add(y, y).rotate_left(32);
    let x = square_add(x, z).rotate_left(32);
    let x = square_add(x, y).rotate_left(32);
    (square_add(x, z) >> 32) as u32
}

/// Derives the next key from a key and a word: 63 bits that depend on both, and a final 1.
#[inline]
pub fn absorb(key: u64, word: u32) -> u64 {
    let counter = 2 * u64::from(word);
    let high = u64::from(squares32(counter, key));
    let low = u64::from(squares32(counter + 1, key));
    (high << 32 | low) << 1 | 1
}

#[inline(always)]
fn square_add(x: u64, y: u64) -> u64 {
    x.wrapping_mul(x).wrapping_add(y)
}
