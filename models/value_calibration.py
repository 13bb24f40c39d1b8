"""Writes predictions of values with their labels, of images that were not used in training, for tests of calibration.

Predicts with the committed models and mcdrop (31 samples). Writes
    fixtures/calibration/angles.csv: value, total_std and label in degrees, one row per held-out digit
    fixtures/calibration/depths.csv: total_std (mean over the pixels) and large (share of the labeled pixels whose
        error is above 5 m) of each street, and e0.. (|label - value| / total_std) of 40 random labeled pixels

Run (a few minutes; versions in requirements.txt):
    pip install numpy pillow scikit-learn torch
    make build && python -m models.value_calibration
"""

import csv
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from models.digits.train import NOT_SYMMETRIC, load_split
from models.digits_angle.train import LARGEST, SEED, rotated
from models.export import FIXTURES, MODELS
from models.streets_depth.draw import draw_all

MCDROP = Path(__file__).resolve().parents[1] / "target" / "release" / "mcdrop"
FIRST_STREET, STREETS = 3_000_000, 300  # seeds that neither the training nor the fixtures use
PIXELS, LARGE = 40, 5.0


def predict(model, images):
    """Predicts images, uint8 [N, H, W, ...]; returns value and total_std, [N, H, W]."""
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        (folder / "images").mkdir()
        for number, image in enumerate(images):
            Image.fromarray(image).save(folder / "images" / f"{number:04}.png")
        out = folder / "out"
        subprocess.run(
            [MCDROP, "predict", MODELS / model, folder / "images", "-o", out, "--maps", "none",
             "--keep-probabilities"], check=True)
        files = [f"{number:04}.png.npy" for number in range(len(images))]
        return [np.stack([np.load(next((out / kind).rglob(file))) for file in files])
                for kind in ("value", "total_std")]


def write(name, header, rows):
    with open(FIXTURES / "calibration" / name, "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def angles():
    _, (digits, names) = load_split()
    digits = digits[np.isin(names, NOT_SYMMETRIC)]
    labels = np.random.default_rng(SEED + 3).uniform(-LARGEST, LARGEST, len(digits)).round(1)
    value, std = predict("digits_angle.onnx", [rotated(*pair) for pair in zip(digits, labels)])
    rows = zip(value.ravel(), std.ravel(), labels)
    write("angles.csv", ["value", "total_std", "label"],
          [[f"{value:.6g}", f"{std:.6g}", label] for value, std, label in rows])
    inside = np.abs(value.ravel() - labels) <= 1.959964 * std.ravel()
    print(f"{len(labels)} digits, coverage of 95 % intervals {inside.mean():.4f}")


def depths():
    images, _, labels, _ = draw_all(range(FIRST_STREET, FIRST_STREET + STREETS))
    value, std = predict("streets_depth.onnx", images)
    random, rows, inside = np.random.default_rng(0), [], []
    for value, std, label in zip(value, std, labels):
        known = ~np.isnan(label)
        error = np.abs(value - label)[known]
        standardized = error / std[known]
        inside.append((standardized <= 1.959964).mean())
        chosen = random.choice(standardized, PIXELS, replace=False)
        rows.append([f"{std.mean():.6g}", f"{(error > LARGE).mean():.5g}",
                     *(f"{one:.4g}" for one in chosen)])
    write("depths.csv", ["total_std", "large", *(f"e{i}" for i in range(PIXELS))], rows)
    print(f"{STREETS} streets, coverage of 95 % intervals {np.mean(inside):.4f}")


if __name__ == "__main__":
    angles()
    depths()
