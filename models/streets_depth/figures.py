"""Compares the standard deviations of predicted depth with what is known about the streets.

Prints, over the evaluation streets, the correlation of the aleatoric standard deviation with the known noise of the
labels; over the strange streets, how well each standard deviation separates the pixels of strange things from all
others (AUROC); and over all images, its mean in both kinds of streets. Intervals contain 95 % of 2,000 resamplings
of the images.

Run (versions in requirements.txt):
    pip install numpy pillow
    mcdrop predict models/streets_depth.onnx fixtures/streets_depth/images -o out-depth --formats npy
    python -m models.streets_depth.figures out-depth
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "fixtures" / "streets_depth"
LEVELS = 256  # per meter
STDS = ("total_std", "aleatoric_std", "epistemic_std")
ROAD = 0


def noise_std(depth):
    """Returns the standard deviation of the labels' noise, as models/streets_depth/draw.py adds it."""
    return 0.05 + 0.03 * depth


def ranks(values):
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[place]


def auroc(values, strange):
    n = strange.sum()
    return (ranks(values)[strange].sum() - n * (n + 1) / 2) / (n * (len(values) - n))


def spearman(a, b):
    return np.corrcoef(ranks(a), ranks(b))[0, 1]


def pixels(path):
    return np.asarray(Image.open(path))


def interval(parts, function, draws=2000):
    """Returns the value of a function of concatenated images, and its interval over images."""
    def of(chosen):
        return function(*(np.concatenate(arrays) for arrays in zip(*chosen)))
    random = np.random.default_rng(0)
    found = [of([parts[i] for i in random.integers(0, len(parts), len(parts))])
             for _ in range(draws)]
    low, high = np.quantile(found, [.025, .975])
    return f"{of(parts):.3f} ({low:.3f} to {high:.3f})"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("folder", type=Path, help="the output folder of mcdrop predict")
    parser.add_argument("--draws", type=int, default=200)
    arguments = parser.parse_args()
    folder, draws = arguments.folder, arguments.draws

    def std(kind, name):
        return np.load(folder / kind / f"{name}.npy")
    names = sorted(path.name for path in (FIXTURES / "images").glob("*.png"))
    evaluation = [name for name in names if name.startswith("evaluation")]
    noise = {}
    for where in ("all pixels", "road"):
        parts = []
        for name in evaluation:
            depth = pixels(FIXTURES / "depth_without_noise" / name) / LEVELS
            known = depth > 0
            if where == "road":
                known &= pixels(FIXTURES / "classes" / name) == ROAD
            parts.append((std("aleatoric_std", name)[known], noise_std(depth[known])))
        noise[where] = parts
    for where, parts in noise.items():
        print(f"aleatoric_std and known noise, {where}:")
        print("  correlation      ", interval(parts, lambda a, b: np.corrcoef(a, b)[0, 1], draws))
        print("  rank correlation ", interval(parts, spearman, draws))
    strange = [name for name in names if name.startswith("strange")]
    print(f"pixels of strange things in {len(strange)} streets, AUROC:")
    for kind in STDS:
        parts = [(std(kind, name).ravel(), (pixels(FIXTURES / "strange" / name) > 0).ravel())
                 for name in strange]
        print(f"  {kind:14}", interval(parts, auroc, draws))
    print("mean in strange streets, and in the others:")
    for kind in STDS:
        means = [np.mean([std(kind, name).mean() for name in some])
                 for some in (strange, [name for name in names if name not in strange])]
        print(f"  {kind:14} {means[0]:.3f} {means[1]:.3f}")


if __name__ == "__main__":
    main()
