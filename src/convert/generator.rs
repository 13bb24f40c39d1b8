//! The arithmetic of the masks ([`crate::random`]) in standard operators.
//!
//! Words of 64 bits are held as `int64`, whose sums and products are the same modulo 2⁶⁴: ONNX
//! Runtime has adding and multiplying of `uint64` only from 1.23 or so on, and shifting of
//! `int64` never, so that a word is cast around its shifts.

use super::builder::Builder;
use crate::onnx::ElementType::{I64, U64};
use crate::onnx::proto;
use crate::random::BLOCK;

const TWO_32: i64 = 1 << 32;

/// Affine maps of a block.
pub(super) const MAPS: i64 = (BLOCK * (BLOCK - 1)) as i64;

/// A word's upper 32 bits.
pub(super) fn high(b: &mut Builder, word: &str) -> String {
    let shifted = shifted(b, word);
    b.cast(&shifted, I64)
}

/// A word's upper 32 bits as `uint64`.
pub(super) fn shifted(b: &mut Builder, word: &str) -> String {
    let unsigned = b.cast(word, U64);
    let by = b.word(32);
    b.op_with(
        "BitShift",
        &[&unsigned, &by],
        vec![proto::Attribute::string("direction", "RIGHT")],
    )
}

/// A word's lower and upper 32 bits.
pub(super) fn halves(b: &mut Builder, word: &str) -> [String; 2] {
    let high = high(b, word);
    let less = b.int(-TWO_32);
    let taken = b.op("Mul", &[&high, &less]);
    [b.op("Add", &[word, &taken]), high]
}

fn swap(b: &mut Builder, word: &str) -> String {
    let right = high(b, word);
    let by = b.int(TWO_32);
    let left = b.op("Mul", &[word, &by]);
    b.op("Add", &[&left, &right])
}

/// `x² + added`.
fn square(b: &mut Builder, x: &str, added: &str) -> String {
    let squared = b.op("Mul", &[x, x]);
    b.op("Add", &[&squared, added])
}

/// The generator: words of 32 bits from counters and keys, which broadcast.
pub(super) fn squares(b: &mut Builder, counter: &str, key: &str) -> String {
    let y = b.op("Mul", &[counter, key]);
    let z = b.op("Add", &[&y, key]);
    let mut x = y.clone();
    for added in [&y, &z, &y] {
        x = square(b, &x, added);
        x = swap(b, &x);
    }
    x = square(b, &x, &z);
    high(b, &x)
}

/// A key with one more word in it; keys `[..., 1]` and words `[..., 1]` broadcast.
pub(super) fn absorb(b: &mut Builder, key: &str, word: &str) -> String {
    let even = b.op("Add", &[word, word]);
    let both = b.tensor(&[2], &[0, 1]);
    let counters = b.op("Add", &[&even, &both]);
    let words = squares(b, &counters, key);
    let weights = b.tensor(&[2, 1], &[2 * TWO_32, 2]);
    let key = b.op("MatMul", &[&words, &weights]);
    let one = b.int(1);
    b.op("Add", &[&key, &one])
}

/// The map of each unit of stratified draws and its place in a stratum, from random words.
pub(super) fn spread(b: &mut Builder, words: &str) -> String {
    let maps = b.int(MAPS);
    b.op("Mul", &[words, &maps])
}

/// The strata of all maps in all samples of a block, `[31, 930]`.
pub(super) fn strata(b: &mut Builder) -> String {
    let strata = b.int(BLOCK as i64);
    let factors = b.int(BLOCK as i64 - 1);
    let [zero, one, maps] = [0, 1, MAPS].map(|value| b.int(value));
    let map = b.op("Range", &[&zero, &maps, &one]);
    let a = b.op("Mod", &[&map, &factors]);
    let a = b.op("Add", &[&a, &one]);
    let c = b.op("Div", &[&map, &factors]);
    let sample = b.op("Range", &[&zero, &strata, &one]);
    let sample = b.reshape(&sample, &[-1, 1]);
    let product = b.op("Mul", &[&a, &sample]);
    let sum = b.op("Add", &[&product, &c]);
    b.op("Mod", &[&sum, &strata])
}

/// The numbers from 0 up to a count without axes.
pub(super) fn range(b: &mut Builder, count: &str) -> String {
    let [zero, one] = [0, 1].map(|value| b.int(value));
    b.op("Range", &[&zero, count, &one])
}

/// The product of the sizes of a shape, without axes.
pub(super) fn product(b: &mut Builder, sizes: &str) -> String {
    b.op_with("ReduceProd", &[sizes], vec![proto::Attribute::int("keepdims", 0)])
}
