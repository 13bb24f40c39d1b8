//! The arithmetic of the masks ([`crate::random`]) in standard operators.
//!
//! Words of 64 bits are held as `int64`, whose sums and products are the same modulo 2⁶⁴. ONNX
//! Runtime adds and multiplies `uint64` only since about 1.23, and never shifts `int64`, so a word
//! is cast around its shifts.

use crate::onnx::ElementType::{I64, U64};
use crate::onnx::build::NodeBuilder;
use crate::onnx::proto;
use crate::random::BLOCK;

/// The first operator set that can shift integers.
pub(super) const FIRST_OPSET: i64 = 11;

const TWO_32: i64 = 1 << 32;

/// Affine maps of a block.
pub(super) const MAPS: i64 = (BLOCK * (BLOCK - 1)) as i64;

/// Returns a word's upper 32 bits.
pub(super) fn high(b: &mut NodeBuilder, word: &str) -> String {
    let shifted = shifted(b, word);
    b.cast(&shifted, I64)
}

/// Returns a word's upper 32 bits as `uint64`.
pub(super) fn shifted(b: &mut NodeBuilder, word: &str) -> String {
    let unsigned = b.cast(word, U64);
    let by = b.word(32);
    b.op_with(
        "BitShift",
        &[&unsigned, &by],
        vec![proto::Attribute::string("direction", "RIGHT")],
    )
}

/// Returns a word's lower and upper 32 bits.
pub(super) fn halves(b: &mut NodeBuilder, word: &str) -> [String; 2] {
    let high = high(b, word);
    let less = b.int(-TWO_32);
    let taken = b.op("Mul", &[&high, &less]);
    [b.op("Add", &[word, &taken]), high]
}

fn swap(b: &mut NodeBuilder, word: &str) -> String {
    let right = high(b, word);
    let by = b.int(TWO_32);
    let left = b.op("Mul", &[word, &by]);
    b.op("Add", &[&left, &right])
}

/// Computes `x² + added`.
fn square(b: &mut NodeBuilder, x: &str, added: &str) -> String {
    let squared = b.op("Mul", &[x, x]);
    b.op("Add", &[&squared, added])
}

/// Generates words of 32 bits from counters and keys, which broadcast.
pub(super) fn squares(b: &mut NodeBuilder, counter: &str, key: &str) -> String {
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

/// Absorbs one more word into a key; keys `[..., 1]` and words `[..., 1]` broadcast.
pub(super) fn absorb(b: &mut NodeBuilder, key: &str, word: &str) -> String {
    let even = b.op("Add", &[word, word]);
    let both = b.tensor(&[2], &[0, 1]);
    let counters = b.op("Add", &[&even, &both]);
    let words = squares(b, &counters, key);
    let weights = b.tensor(&[2, 1], &[2 * TWO_32, 2]);
    let key = b.op("MatMul", &[&words, &weights]);
    let one = b.int(1);
    b.op("Add", &[&key, &one])
}

/// Returns the map of each unit of stratified draws and its position in a stratum, from random
/// words.
pub(super) fn spread(b: &mut NodeBuilder, words: &str) -> String {
    let maps = b.int(MAPS);
    b.op("Mul", &[words, &maps])
}

/// Returns the strata of all maps in all samples of a block, `[31, 930]`.
pub(super) fn strata(b: &mut NodeBuilder) -> String {
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

/// Returns the numbers from 0 up to a count without axes.
pub(super) fn range(b: &mut NodeBuilder, count: &str) -> String {
    let [zero, one] = [0, 1].map(|value| b.int(value));
    b.op("Range", &[&zero, count, &one])
}

/// Returns the product of the sizes of a shape, without axes.
pub(super) fn product(b: &mut NodeBuilder, sizes: &str) -> String {
    b.op_with("ReduceProd", &[sizes], vec![proto::Attribute::int("keepdims", 0)])
}
