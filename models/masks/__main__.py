"""Checks the reference of the dropout masks, and of the noise of logits, in numpy and in standard ONNX operators.

A mask is a pure function of (seed, site, image, sample, unit), never of the batch, the order, the
threads or the number of samples. `reference.py` is its definition, `graph.py` the same in
standard ONNX operators; this file compares the two and writes test vectors.

Run:
    pip install numpy onnx onnxruntime
    python -m models.masks --check      statistics, and equality of the two forms in ONNX Runtime
    python -m models.masks --vectors    writes fixtures/masks/vectors.json and mask.onnx

Layout of vectors.json. Words of 64 bits are strings "0x" + 16 hex digits; a seed is a decimal
string (negative: two's complement); a ratio is given as a number and as the bits of its float32,
"0x" + 8 hex digits. A mask is a hex string of ceil(units / 8) bytes, unit u being bit u mod 8 (the
least significant first) of byte u div 8; 1 = dropped.
    squares32   [{counter, key, output}]
    site_keys   [{name, key}]                  name: text, hashed as UTF-8
    image_keys  [{bytes, key}]                 bytes: the content of the file in hex
    keys        [{draws, seed, site, image, turn, iteration, key}]        site, image: their keys
    thresholds  [{ratio, ratio_bits, threshold}]
    dropped     [{units, ratio, ratio_bits, seed, site, image, sample, draws, iteration, dropped}]
                site: the name, image: the image key
    noise_keys  [{draws, seed, image, sample, turn, key}]   sample: null in the pass without dropout
    quantiles   [{draws, place, bits}]         bits: of the float32 quantile at the center of the place
    noise       [{units, seed, image, sample, draw, draws, bits}]   bits: 8 hex digits a unit, float32
    graph       [{seed, sample, image_key, dropped}]   drawn by mask.onnx in ONNX Runtime;
                image_key: the int64 input as a decimal string

mask.onnx: inputs seed, sample, image_key (int64 scalars), output dropped (bool[1000]); stratified,
site "/features/Dropout_output_0", ratio 0.3, opset 17.

Reference: B. Widynski (2020), Squares: A Fast Counter-Based RNG, arXiv:2004.06278.
"""

import argparse
import json
from pathlib import Path
from statistics import NormalDist

import numpy as np

from models.masks import graph
from models.masks.graph import SITE
from models.masks.reference import (BLOCK, DRAWS, KEY_START, STRATIFIED, U64, derive_key,
                                    derive_noise_key, dropped, hash_key, logit_noise,
                                    normal_quantile, squares32, threshold)

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures" / "masks"
BELOW_ONE = np.nextafter(np.float32(1), np.float32(0))
GRAPH_CASES = [  # seed, sample, image key
    (0, 0, 0), (7, 30, -5), (-1, 31, 2**63 - 1), (2**62, 500, 12345)]


def check_rates_and_lags(draws, ratio, units=1 << 18):
    """Checks drop rates, and correlation between units, between samples and between blocks."""
    site, image = hash_key(SITE.encode()), hash_key(b"image")
    masks = np.stack([dropped(units, ratio, 7, site, image, t, draws) for t in range(62)])
    q = float(threshold(ratio)) / 2**32
    if draws == STRATIFIED:
        assert set(masks[:BLOCK].sum(0)) <= {int(BLOCK * q), int(BLOCK * q) + 1}
    score = (masks - q) / np.sqrt(q * (1 - q))
    rates = score.mean(1) * np.sqrt(units)
    lags = [(score[0, :-d] * score[0, d:]).mean() * np.sqrt(units) for d in (1, 2, 3, 31, 480)]
    blocks = (score[0] * score[31]).mean() * np.sqrt(units)
    largest = max(abs(rates).max(), max(map(abs, lags)), abs(blocks))
    within = (score[0] * score[5]).mean()
    assert largest < 4.5, (draws, ratio, rates, lags, blocks)
    assert draws == STRATIFIED or abs(within) * np.sqrt(units) < 4.5
    print(f"draws {draws} ratio {ratio:.3f}: largest |z| of a rate, a lag, a pair of blocks "
          f"{largest:.1f}; samples 0 and 5 correlate {within:+.4f}")


def check_keys(units=1 << 18):
    """Checks that neighboring seeds, sites, images and blocks give unrelated masks, and that keys do not repeat."""
    base = dropped(units, 0.5, 0, 0, 0, 0) - 0.5
    neighbors = {"seed": (1, 0, 0, 0), "seed -1": (-1, 0, 0, 0), "site": (0, 1, 0, 0),
                  "image": (0, 0, 1, 0), "block": (0, 0, 0, BLOCK)}
    for what, other in neighbors.items():
        z = (base * (dropped(units, 0.5, *other) - 0.5)).mean() * 4 * np.sqrt(units)
        assert abs(z) < 4.5, (what, z)
    small = range(20)
    keys = {int(derive_key(1, s, 0, i, b)) for s in small for i in small for b in small}
    assert len(keys) == len(small) ** 3
    words = [int(squares32(3, derive_key(1, s, 0, i, 0))) for s in range(64) for i in range(64)]
    counts = np.bincount(np.array(words) >> 24, minlength=256)
    z = (((counts - 16) ** 2 / 16).sum() - 255) / np.sqrt(2 * 255)
    assert abs(z) < 4.5, z
    print(f"neighboring keys are unrelated; one unit over 4,096 small keys: chi-square z {z:+.1f}")


def check_noise(units=1 << 16):
    """Checks the quantiles against the standard library, and the moments of the noise."""
    exact = NormalDist().inv_cdf
    for draws, places in (("stratified", BLOCK * 2**32), ("independent", 2**32)):
        spread = np.unique(np.geomspace(1, places / 2, 20_000).astype(U64) - U64(1))
        low, high = normal_quantile(spread, places), normal_quantile(U64(places - 1) - spread, places)
        assert (low == -high).all()
        expected = np.array([exact((int(place) + 0.5) / places) for place in spread])
        # Near the middle, the probability itself is rounded too coarsely for the standard library.
        error = (np.abs(low - expected) / np.spacing(np.abs(low)))[expected < -1e-6]
        assert error.max() < 0.53, error.max()
        noise = np.stack([logit_noise(units, 7, 5, 3, k, DRAWS[draws]) for k in range(62)]).astype(float)
        root = np.sqrt(noise.size)
        moments = [noise.mean() * root, ((noise**2).mean() - 1) * root / np.sqrt(2),
                   (noise**3).mean() * root / np.sqrt(15), ((noise**4).mean() - 3) * root / np.sqrt(96)]
        lags = [(noise[0, :-d] * noise[0, d:]).mean() * np.sqrt(units) for d in (1, 2, 31, 480)]
        others = [logit_noise(units, *other, DRAWS[draws]) for other in
                  ((8, 5, 3, 0), (7, 6, 3, 0), (7, 5, 4, 0), (7, 5, None, 0), (7, 5, 3, 62))]
        pairs = [(noise[0] * other).mean() * np.sqrt(units) for other in others]
        largest = max(map(abs, moments + lags + pairs))
        assert largest < 4.5, (draws, moments, lags, pairs)
        print(f"noise {draws}: quantiles within {error.max():.2f} units in the last place; largest |z| of a "
              f"moment, a lag, a neighboring key {largest:.1f}; means of a block vary by "
              f"{noise[:BLOCK].mean(0).std() * np.sqrt(BLOCK):.3f} of independent ones")


def check_graph(units=50_000):
    """Checks that the graph draws the bits of the numpy form, at old and new opsets."""
    import onnx
    site = hash_key(SITE.encode())
    for opset in (11, 12, 13, 17, 18, 20, 22, 24):
        model = graph.build_graph(units, opset)
        onnx.checker.check_model(model)
        masks = graph.run_graph(model, GRAPH_CASES)
    for (seed, sample, image), mask in zip(GRAPH_CASES, masks):
            assert (mask == dropped(units, graph.RATIO, seed, site, image, sample)).all()
    print("the graph form draws the same bits in ONNX Runtime at opsets 11 to 24")


def hex64(value):
    return f"0x{int(value):016x}"


def hex_mask(mask):
    return np.packbits(mask, bitorder="little").tobytes().hex()


def ratio_fields(ratio):
    ratio = np.float32(ratio)
    return {"ratio": float(ratio), "ratio_bits": f"0x{int(ratio.view(np.uint32)):08x}"}


def key_vectors(image):
    site = hash_key(SITE.encode())
    cases = [  # draws, seed, site, image, turn, iteration
        ("stratified", 0, 0, 0, 0, 0),
        ("independent", 0, 0, 0, 0, 0),
        ("stratified", 7, site, 0, 1, 0),
        ("independent", 7, site, image, 61, 0),
        ("stratified", -1, site, image, 3, 0),
        ("stratified", 2**63, site, image, 0, 3),
        ("independent", 2**64 - 2, 5, 2**64 - 1, 9, 3),
        ("stratified", 123456789012345678, site, image, 2**32 - 1, 2**32 - 1),
    ]
    for draws, seed, site, image, turn, iteration in cases:
        key = derive_key(DRAWS[draws], seed, site, image, turn, iteration)
        yield {"draws": draws, "seed": str(seed), "site": hex64(site), "image": hex64(image),
               "turn": turn, "iteration": iteration, "key": hex64(key)}


def dropped_vectors(image):
    other = "head/dropout/inserted"
    cases = [  # units, ratio, seed, site, image, iteration
        (200, 0.5, 0, SITE, 0, 0),
        (203, 0.3, 7, SITE, image, 0),
        (197, 0.1, -1, SITE, image, 0),
        (200, 9 / 31, 2**63, other, image, 0),
        (64, 0.97, -(2**63), other, 1, 0),
        (65, 0.0, 3, SITE, image, 0),
        (200, BELOW_ONE, 3, SITE, 0, 0),
        (200, 0.3, 2**64 - 1, "ünïcode", image, 3),
        (1, 0.5, 12, other, 2**64 - 1, 3),
    ]
    for units, ratio, seed, site, image, iteration in cases:
        for draws, sample in ((d, t) for d in DRAWS for t in (0, 30, 31, 61)):
            mask = dropped(units, ratio, seed, hash_key(site.encode()), image, sample,
                           DRAWS[draws], iteration)
            yield {"units": units, **ratio_fields(ratio), "seed": str(seed), "site": site,
                   "image": hex64(image), "sample": sample, "draws": draws,
                   "iteration": iteration, "dropped": hex_mask(mask)}


def noise_key_vectors(image):
    for draws, seed, key, sample, turn in (
            ("stratified", 0, 0, 0, 0), ("independent", 0, 0, 0, 0), ("stratified", 7, image, None, 1),
            ("independent", -1, image, 61, 30), ("stratified", 2**63, 2**64 - 1, 65_534, 2**32 - 1)):
        yield {"draws": draws, "seed": str(seed), "image": hex64(key), "sample": sample, "turn": turn,
               "key": hex64(derive_noise_key(DRAWS[draws], seed, key, sample, turn))}


def quantile_vectors():
    for draws, places in (("stratified", BLOCK * 2**32), ("independent", 2**32)):
        for place in (0, 1, 12345, places * 2425 // 100_000, places * 2425 // 100_000 + 1, places // 10,
                      places // 2 - 1, places // 2, places * 3 // 4, places - 2**20, places - 1):
            bits = normal_quantile(np.array([place], U64), places).view(np.uint32)[0]
            yield {"draws": draws, "place": place, "bits": f"0x{int(bits):08x}"}


def noise_vectors(image):
    for units, seed, key, sample, draw in (
            (200, 0, 0, 0, 0), (75, 7, image, None, 30), (9, -1, image, 61, 31), (64, 3, 2**64 - 1, 400, 77)):
        for draws, scheme in DRAWS.items():
            bits = logit_noise(units, seed, key, sample, draw, scheme).view(np.uint32)
            yield {"units": units, "seed": str(seed), "image": hex64(key), "sample": sample, "draw": draw,
                   "draws": draws, "bits": "".join(f"{int(b):08x}" for b in bits)}


def graph_vectors(model):
    masks = graph.run_graph(model, GRAPH_CASES)
    for (seed, sample, image), mask in zip(GRAPH_CASES, masks):
        yield {"seed": str(seed), "sample": sample, "image_key": str(image),
               "dropped": hex_mask(mask)}


def write_vectors():
    """Writes the committed vectors and the small graph."""
    model = graph.build_graph(1000)
    sites, files = [SITE, "head/dropout/inserted", "ünïcode"], [b"", b"image", bytes(range(9))]
    image = hash_key(b"image")
    counters = [(0, 1), (1, KEY_START), (2**32, KEY_START), (2**64 - 1, 2**64 - 1),
                (12345, 0xC58EFD154CE32F6D), (930, derive_key(1, 7, 5, image, 0))]
    ratios = [0, 0.1, 0.3, 0.5, 9 / 31, 0.97, BELOW_ONE, 1e-10]
    vectors = {
        "squares32": [{"counter": hex64(c), "key": hex64(k), "output": hex64(squares32(c, k))}
                      for c, k in counters],
        "site_keys": [{"name": n, "key": hex64(hash_key(n.encode()))} for n in sites],
        "image_keys": [{"bytes": f.hex(), "key": hex64(hash_key(f))} for f in files],
        "keys": list(key_vectors(image)),
        "thresholds": [{**ratio_fields(r), "threshold": hex64(threshold(r))} for r in ratios],
        "dropped": list(dropped_vectors(image)),
        "noise_keys": list(noise_key_vectors(image)),
        "quantiles": list(quantile_vectors()),
        "noise": list(noise_vectors(image)),
        "graph": list(graph_vectors(model)),
    }
    FIXTURES.mkdir(parents=True, exist_ok=True)
    lists = ",\n".join(f' "{name}": [\n  ' + ",\n  ".join(json.dumps(row) for row in rows) + "]"
                       for name, rows in vectors.items())
    (FIXTURES / "vectors.json").write_text("{\n" + lists + "\n}\n")
    (FIXTURES / "mask.onnx").write_bytes(model.SerializeToString())


def main():
    parser = argparse.ArgumentParser(description="Reference of the dropout masks.")
    parser.add_argument("--check", action="store_true", help="check statistics and equality")
    parser.add_argument("--vectors", action="store_true", help="write the committed vectors")
    arguments = parser.parse_args()
    if arguments.check:
        for draws in DRAWS.values():
            for ratio in (0.1, 0.3, 0.5, 9 / 31, 0.97):
                check_rates_and_lags(draws, ratio)
        check_keys()
        check_noise()
        check_graph()
    if arguments.vectors:
        write_vectors()
    if not (arguments.check or arguments.vectors):
        parser.print_usage()


if __name__ == "__main__":
    main()
