//! Random changes of an input that are likely to break readers of files.

/// A small random number generator; the same seed gives the same changes.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(2).wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }

    /// Xorshift64*, by S. Vigna (2016), *An experimental exploration of Marsaglia's xorshift
    /// generators, scrambled*.
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 16
    }

    /// Returns a number below `end`; 0 if that is 0.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    pub(crate) fn pick<'a, T: ?Sized>(&mut self, from: &'a [&'a T]) -> &'a T {
        from[self.below(from.len())]
    }
}

/// Numbers for which arithmetic often fails.
const NUMBERS: &[&str] = &[
    "0",
    "1",
    "-1",
    "2",
    "255",
    "256",
    "65535",
    "65536",
    "2147483647",
    "4294967295",
    "4294967296",
    "9223372036854775807",
    "18446744073709551615",
    "1e308",
    "1e-46",
    "1e-38",
    "0.5",
    "NaN",
    "null",
    "true",
    "[]",
    "{}",
    "\"\"",
    "1e999",
    "-0.0",
];

const EXTREMES: &[u64] =
    &[0, 1, 2, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x7fff_ffff, u64::MAX];

/// Changes `bytes` in one to four places; parts of `other`, another input, may be copied.
pub(crate) fn change(
    bytes: &mut Vec<u8>,
    other: &[u8],
    words: &[&[u8]],
    random: &mut Random,
) {
    for _ in 0..=random.below(4) {
        change_once(bytes, other, words, random);
    }
}

fn change_once(bytes: &mut Vec<u8>, other: &[u8], words: &[&[u8]], random: &mut Random) {
    // Half of the changes are at the beginning, where headers are.
    let reach = if random.below(2) == 0 { bytes.len().min(160) } else { bytes.len() };
    let at = random.below(reach);
    let part = |random: &mut Random, length: usize| {
        let start = random.below(length);
        let most = if random.below(2) == 0 { 16 } else { length };
        start..(start + random.below(most) + 1).min(length)
    };
    match random.below(10) {
        _ if bytes.is_empty() => bytes.extend_from_slice(random.pick(words)),
        0 => bytes[at] ^= 1 << random.below(8),
        1 => bytes[at] = random.below(256) as u8,
        2 => bytes.truncate(at),
        3 => extreme(&mut bytes[at..], random),
        4 => number(bytes, at, random),
        5 => {
            let word = random.pick(words);
            let end = if random.below(2) == 0 { at } else { at + word.len() };
            bytes.splice(at..end.min(bytes.len()), word.iter().copied());
        }
        6 => drop(bytes.drain(part(random, bytes.len()))),
        7 => {
            let again = bytes[part(random, bytes.len())].to_vec();
            bytes.splice(at..at, again);
        }
        8 if !other.is_empty() => {
            let taken = &other[part(random, other.len())];
            let end = at + random.below(2) * taken.len();
            bytes.splice(at..end.min(bytes.len()), taken.iter().copied());
        }
        _ => swap_lines(bytes, random),
    }
}

/// Replaces a field of one to eight bytes, in either byte order, by an extreme number.
fn extreme(field: &mut [u8], random: &mut Random) {
    let value = EXTREMES[random.below(EXTREMES.len())];
    let width = (1 << random.below(4)).min(field.len());
    let little = value.to_le_bytes();
    let big = value.to_be_bytes();
    let new = if random.below(2) == 0 { &little[..width] } else { &big[8 - width..] };
    field[..width].copy_from_slice(new);
}

/// Replaces the number or word at a position of the text by another value.
fn number(bytes: &mut Vec<u8>, at: usize, random: &mut Random) {
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b"+-.".contains(byte);
    let next = bytes[at..].iter().position(u8::is_ascii_digit);
    let start = next.map_or(at, |next| at + next);
    let length = bytes[start..].iter().take_while(|byte| is_part(byte)).count();
    bytes.splice(start..start + length, random.pick(NUMBERS).bytes());
}

/// Swaps two lines, or removes one.
fn swap_lines(bytes: &mut Vec<u8>, random: &mut Random) {
    let mut lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
    let (a, b) = (random.below(lines.len()), random.below(lines.len()));
    if a == b {
        lines.remove(a);
    } else {
        lines.swap(a, b);
    }
    *bytes = lines.concat();
}
