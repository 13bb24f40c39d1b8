"""Writes predictions of digits that were not used in training, with their labels, for tests of calibration.

Trains the network of train.py again on 1,000 of scikit-learn's 1,797 digits, for only a few epochs so that it
makes mistakes, and predicts the other 797 with mcdrop (31 samples). Writes
    fixtures/calibration/digits.csv: label, predictive_entropy, mutual_information, deterministic
        (1 minus the largest probability without dropout) and the ten mean probabilities, one row per digit

Run (about a minute; versions in requirements.txt):
    pip install torch onnx scikit-learn pillow numpy
    make build && python -m models.digits.calibration
"""

import csv
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from models.digits import train as digits
from models.export import FIXTURES, export_legacy, keep_dropout_alive

MCDROP = Path(__file__).resolve().parents[2] / "target" / "release" / "mcdrop"
TRAIN, EPOCHS = 1000, 5


def split():
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split
    data = load_digits()
    images = np.rint(data.images * (255 / 16)).astype(np.uint8)
    return train_test_split(
        images, data.target, train_size=TRAIN, random_state=digits.SEED, stratify=data.target)


def predict(model, images, folder):
    keep_dropout_alive(model)
    file = folder / "model.onnx"
    export_legacy(model, torch.zeros(2, 1, 8, 8), file, {0: "batch"})
    digits.save(folder / "images", images)
    out = folder / "out"
    subprocess.run(
        [MCDROP, "predict", file, folder / "images", "-o", out, "--keep-probabilities", "--preset", "unit",
         "--mean", str(digits.MEAN), "--std", str(digits.STD), "--channels", "gray", "--resize", "none"],
        check=True)
    with open(out / "predictions.csv", newline="") as table:
        rows = list(csv.DictReader(table))
    for row in rows:
        name = Path(row["path"]).stem
        row["p"] = np.load(next((out / "probabilities").rglob(f"{name}.*npy"))).ravel()
    return rows


def main():
    torch.set_num_threads(2)
    train_images, held_images, train_labels, held_labels = split()
    model = digits.train(train_images, train_labels, epochs=EPOCHS)
    with tempfile.TemporaryDirectory() as folder:
        rows = predict(model, held_images, Path(folder))
    (FIXTURES / "calibration").mkdir(exist_ok=True)
    with open(FIXTURES / "calibration" / "digits.csv", "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        measures = ["predictive_entropy", "mutual_information"]
        writer.writerow(["label", *measures, "deterministic", *(f"p{c}" for c in range(10))])
        for row, label in zip(rows, held_labels):
            certainty = 1 - np.float32(row["deterministic_probability"])
            writer.writerow([label, *(row[m] for m in measures), certainty, *row["p"]])
    wrong = sum(int(row["class"]) != label for row, label in zip(rows, held_labels))
    print(f"{len(rows)} digits, {wrong} wrong")


if __name__ == "__main__":
    main()
