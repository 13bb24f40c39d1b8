"""Defines in numpy which units a dropout drops, and the noise of logits; every other implementation must give the
same bits.

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
NOISE_TAG = 2  # is added to the tag of the draws for noise of logits
WITHOUT_DROPOUT = 0xFFFFFFFF  # takes the place of a sample's number
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
    return stratified_place(word, i) < U64(BLOCK) * limit


def stratified_place(word, i):
    """Returns the place of draw i of a block, below 31 times 2^32, from a unit's random word."""
    spread = word * U64(BLOCK * (BLOCK - 1))
    j, e = spread >> U64(32), spread & MASK32
    a, c = U64(1) + j % U64(BLOCK - 1), j // U64(BLOCK - 1)
    stratum = (a * U64(i) + c) % U64(BLOCK)
    return (stratum << U64(32)) + e


def derive_noise_key(draws, seed, image, sample, turn):
    """Returns the key of the noise of logits in one pass; sample None is the pass without dropout."""
    seed, image = as_word(seed), as_word(image)
    words = [NOISE_TAG + draws, seed & MASK32, seed >> U64(32), image & MASK32, image >> U64(32),
             WITHOUT_DROPOUT if sample is None else sample, turn]
    key = KEY_START
    for word in words:
        key = absorb(key, word)
    return key


def logit_noise(units, seed, image, sample, draw, draws=STRATIFIED):
    """Returns the Gaussian noise of a draw (from 0) as a float32 array over units, the elements of the logits."""
    unit = np.arange(units, dtype=U64)
    turn, i = divmod(draw, BLOCK) if draws == STRATIFIED else (draw, 0)
    word = squares32(unit, derive_noise_key(draws, seed, image, sample, turn))
    if draws == STRATIFIED:
        return normal_quantile(stratified_place(word, i), BLOCK * 2**32)
    return normal_quantile(word, 2**32)


def normal_quantile(place, places):
    """Returns the quantile of the standard normal distribution at (place + 1/2) / places, rounded to float32.

    Only correctly rounded operations (+, -, *, /, sqrt) in a fixed order: the bits are the same on all machines.

    Reference: P. J. Acklam (2003), An algorithm for computing the inverse normal cumulative distribution function.
    """
    share = 1.0 / np.float64(places)
    from_center = place.astype(np.float64) + (0.5 - 0.5 * np.float64(places))
    from_end = (0.5 * np.float64(places) - np.abs(from_center)) * share
    q, t = from_center * share, np.sqrt(-2.0 * natural_logarithm(from_end))
    inside = horner(CENTRAL, q * q) * q / horner([*CENTRAL_BELOW, 1.0], q * q)
    tail = horner(TAIL, t) / horner([*TAIL_BELOW, 1.0], t)
    tail = np.where(from_center < 0.0, tail, -tail)
    return np.where(from_end < 0.02425, tail, inside).astype(np.float32)


CENTRAL = [-3.969683028665376e+01, 2.209460984245205e+02, -2.759285104469687e+02,
           1.383577518672690e+02, -3.066479806614716e+01, 2.506628277459239e+00]
CENTRAL_BELOW = [-5.447609879822406e+01, 1.615858368580409e+02, -1.556989798598866e+02,
                 6.680131188771972e+01, -1.328068155288572e+01]
TAIL = [-7.784894002430293e-03, -3.223964580411365e-01, -2.400758277161838e+00,
        -2.549732539343734e+00, 4.374664141464968e+00, 2.938163982698783e+00]
TAIL_BELOW = [7.784695709041462e-03, 3.224671290700398e-01, 2.445134137142996e+00,
              3.754408661907416e+00]


def horner(coefficients, x):
    """Returns a polynomial, the coefficient of the highest power first."""
    value = np.full_like(x, coefficients[0])
    for coefficient in coefficients[1:]:
        value = value * x + coefficient
    return value


def natural_logarithm(x):
    """Returns ln x for positive x by the series of 2 artanh((m - 1) / (m + 1)), with x = m 2^exponent."""
    m, exponent = np.frexp(x)
    is_low = m < np.sqrt(0.5)
    m, exponent = np.where(is_low, 2.0 * m, m), np.where(is_low, exponent - 1, exponent)
    f = (m - 1.0) / (m + 1.0)
    series = horner([1.0 / n for n in (15, 13, 11, 9, 7, 5, 3, 1)], f * f)
    return exponent * 0.6931471805599453 + 2.0 * f * series
