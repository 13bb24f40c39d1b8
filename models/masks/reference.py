"""Defines in numpy which units a dropout drops; every other implementation must give the same bits.

Every word is an unsigned 64-bit integer and all arithmetic is modulo 2^64. `python -m models.masks` checks this
file and writes test vectors; `graph.py` is the same in ONNX operators.

Reference: B. Widynski (2020), Squares: A Fast Counter-Based RNG, arXiv:2004.06278.
"""

import hashlib

import numpy as np

U64 = np.uint64
MASK32 = U64(0xFFFFFFFF)
KEY_START = U64(0x9E3779B97F4A7C15)
BLOCK = 31  # samples in a stratified block; prime, so that i -> a i + c visits every stratum once
STRATIFIED, INDEPENDENT = 1, 2
DRAWS = {"stratified": STRATIFIED, "independent": INDEPENDENT}

np.seterr(over="ignore")


def swap_halves(x):
    return (x >> U64(32)) + (x << U64(32))


def squares32(counter, key):
    """Returns a 32-bit word (in 64 bits) from a counter and a key: four rounds of Squares."""
    counter, key = np.asarray(counter, U64), np.asarray(key, U64)
    y = counter * key
    z = y + key
    x = swap_halves(y * y + y)
    x = swap_halves(x * x + z)
    x = swap_halves(x * x + y)
    return (x * x + z) >> U64(32)


def absorb(key, word):
    """Returns the next key: 63 bits that depend on the key and on a 32-bit word, and a final 1."""
    word = U64(word)
    high, low = squares32(word + word, key), squares32(word + word + U64(1), key)
    return U64(2) * ((high << U64(32)) + low) + U64(1)


def as_word(value):
    """Returns a Python integer as a 64-bit word; negative numbers as their two's complement."""
    return U64(int(value) % 2**64)


def derive_key(draws, seed, site, image, turn, iteration=0):
    """Returns the key of one mask. `turn` is the block (stratified) or the sample (independent)."""
    seed, site, image = as_word(seed), as_word(site), as_word(image)
    words = [draws, seed & MASK32, seed >> U64(32), site & MASK32, site >> U64(32), iteration,
             image & MASK32, image >> U64(32), turn]
    key = KEY_START
    for word in words:
        key = absorb(key, word)
    return key


def hash_key(data):
    """Returns the key of a site (its name in UTF-8) or of an image (the bytes of its file)."""
    return int.from_bytes(hashlib.sha256(data).digest()[:8], "big")


def threshold(ratio):
    """Returns the ratio, as float32, in units of 2^-32: rounded half to even."""
    ratio = np.float32(ratio)
    if not 0 <= ratio < 1:
        raise ValueError(f"ratio {ratio} is outside [0, 1)")
    return U64(int(np.rint(np.float64(ratio) * 2.0**32)))


def dropped(units, ratio, seed, site, image, sample, draws=STRATIFIED, iteration=0):
    """Returns a bool array over units: True if the unit is dropped in this sample (from 0).

    Stratified: a unit's random word gives it an affine map i -> a i + c modulo 31 and a position e inside its
    stratum, so that within a block it visits each of 31 strata once.
    """
    limit, unit = threshold(ratio), np.arange(units, dtype=U64)
    if draws == INDEPENDENT:
        return squares32(unit, derive_key(draws, seed, site, image, sample, iteration)) < limit
    block, i = divmod(sample, BLOCK)
    word = squares32(unit, derive_key(draws, seed, site, image, block, iteration))
    spread = word * U64(BLOCK * (BLOCK - 1))
    j, e = spread >> U64(32), spread & MASK32
    a, c = U64(1) + j % U64(BLOCK - 1), j // U64(BLOCK - 1)
    stratum = (a * U64(i) + c) % U64(BLOCK)
    return (stratum << U64(32)) + e < U64(BLOCK) * limit
