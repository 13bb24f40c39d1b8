"""Computes how well each measure separates strange images from ordinary ones: AUROC, with its interval.

Reads the predictions.csv that `mcdrop predict` wrote for fixtures/digits or fixtures/streets/images. An image is
strange if its path contains `strange`. The area under the ROC curve is the probability that a strange image has
a larger value than an ordinary one, where ties count one half; 0.5 is chance. The baseline is
1 - deterministic_probability, the plain softmax without dropout. The interval contains 95 % of 2,000 resamplings
of the images.

For streets with kept probabilities (--keep-probabilities), it also compares pixels: those of strange things (label
255 in the mask) with all others, in the images that contain one.

Run (versions in requirements.txt):
    pip install numpy pillow
    python -m models.strangeness out out-digits
"""

import argparse
import csv
from pathlib import Path

import numpy as np
from PIL import Image

MASKS = Path(__file__).resolve().parent.parent / "fixtures" / "streets" / "strange"
IMAGE_COLUMNS = ("path", "width", "height", "class", "class_name", "probability",
                 "deterministic_class", "deterministic_probability", "samples", "sha256", "error")


def auroc(values, strange):
    """Returns the area under the ROC curve by ranks; ties share a rank."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[place]
    n = strange.sum()
    return (ranks[strange].sum() - n * (n + 1) / 2) / (n * (len(values) - n))


def interval(values, strange, draws=2000):
    random, found = np.random.default_rng(0), []
    for _ in range(draws):
        pick = random.integers(0, len(values), len(values))
        if 0 < strange[pick].sum() < len(values):
            found.append(auroc(values[pick], strange[pick]))
    return np.quantile(found, [.025, .975])


def by_image(folder):
    rows = [row for row in csv.DictReader(open(folder / "predictions.csv")) if not row["error"]]
    strange = np.array(["strange" in row["path"] for row in rows])
    columns = {"1 - deterministic_probability":
               1 - np.array([float(row["deterministic_probability"]) for row in rows])}
    for name in rows[0]:
        if name not in IMAGE_COLUMNS:
            columns[name] = np.array([float(row[name]) for row in rows])
    print(f"{folder}: {strange.sum()} strange images, {(~strange).sum()} ordinary ones")
    for name, values in columns.items():
        low, high = interval(values, strange)
        print(f"  {name:36} {auroc(values, strange):.3f} ({low:.3f} to {high:.3f})")


def by_pixel(folder):
    masks = sorted(MASKS.glob("*.png"))
    inside = {mask.name: np.asarray(Image.open(mask)) == 255 for mask in masks}
    print(f"{folder}: pixels of strange things in {len(masks)} images")
    measures = sorted(path.name for path in folder.iterdir()
                      if list(path.glob("strange_*.npy"))
                      and path.name not in ("probabilities", "deterministic"))
    flat = np.concatenate([inside[mask.name].ravel() for mask in masks])
    load = lambda name, mask: np.load(folder / name / f"{mask.name}.npy")
    for name in ["deterministic"] + measures:
        maps = [load(name, mask) for mask in masks]
        maps = [1 - plane[1] if name == "deterministic" else plane for plane in maps]
        label = "1 - deterministic_probability" if name == "deterministic" else name
        print(f"  {label:36} {auroc(np.concatenate([m.ravel() for m in maps]), flat):.3f}")


def main():
    parser = argparse.ArgumentParser(description="AUROC of strange against ordinary images.")
    parser.add_argument("folders", nargs="+", type=Path, help="output folders of mcdrop predict")
    for folder in parser.parse_args().folders:
        by_image(folder)
        if (folder / "probabilities").is_dir() and list((folder / "probabilities").glob("st*")):
            by_pixel(folder)


if __name__ == "__main__":
    main()
