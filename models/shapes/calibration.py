"""Writes predictions of shapes that were not used in training, with their labels, for tests of calibration.

Draws 400 new pictures and predicts them with models/shapes.onnx and mcdrop (31 samples). Writes
    fixtures/calibration/shapes.csv: predictive_entropy, then for each label whether it is visible and its mean
        probability, one row per picture

Run (versions in models/requirements.txt; MCDROP names the program, by default target/release/mcdrop):
    pip install torch onnx onnxscript pillow numpy
    make build && python -m models.shapes.calibration
"""

import csv
import os
import subprocess
import tempfile
from pathlib import Path

from PIL import Image

from models.export import FIXTURES, MODELS
from models.shapes.train import FIXTURE_SEED, LABELS, draw_picture

MCDROP = os.environ.get("MCDROP", Path(__file__).resolve().parents[2] / "target" / "release" / "mcdrop")
PICTURES, FIRST_SEED = 400, FIXTURE_SEED + 10_000


def main():
    with tempfile.TemporaryDirectory() as folder:
        images, out, truths = Path(folder) / "images", Path(folder) / "out", {}
        images.mkdir()
        for number in range(PICTURES):
            picture, truth = draw_picture(FIRST_SEED + number)
            name = f"{number:03}.png"
            Image.fromarray(picture).save(images / name)
            truths[name] = truth.astype(int)
        subprocess.run([MCDROP, "predict", MODELS / "shapes.onnx", images, "-o", out, "--samples", "31"], check=True)
        with open(out / "predictions.csv", newline="") as table:
            rows = list(csv.DictReader(table))
    with open(FIXTURES / "calibration" / "shapes.csv", "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        columns = [column for label in LABELS for column in (label, f"{label}.probability")]
        writer.writerow(["predictive_entropy", *columns])
        for row in rows:
            pairs = zip(truths[row["path"]], (row[f"{label}.probability"] for label in LABELS))
            writer.writerow([row["predictive_entropy"], *(number for pair in pairs for number in pair)])


if __name__ == "__main__":
    main()
