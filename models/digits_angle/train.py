"""Trains a small network with dropout that estimates the angle by which a handwritten digit is rotated.

Enlarges scikit-learn's 8x8 digits to 20x20, rotates them by up to 60 degrees on a field of 28x28, then writes
    models/digits_angle.onnx, .toml                     legacy exporter: angle, log_variance
    models/digits_angle-dynamo.onnx (+ .data), .toml    dynamo exporter: angle, log_variance
    fixtures/digits_angle/images/calibration_<nn>.png   24 digits that were not used in training, 28x28 gray
    fixtures/digits_angle/images/evaluation_<nn>.png    24 others
    fixtures/digits_angle/labels.csv                    path, value: degrees counterclockwise

People write at a slant, so that no network knows the angle exactly: the log variance learns how far off it is.

Run (about a minute on two cores; versions in models/requirements.txt):
    pip install torch onnx onnxscript onnxruntime scikit-learn pillow numpy
    python -m models.digits_angle.train
"""

import csv
import shutil

import numpy as np
import torch
from PIL import Image
from torch import nn

from models.digits.train import NOT_SYMMETRIC, load_split
from models.export import (FIXTURES, MODELS, check_export, export_dynamo, export_legacy,
                           keep_dropout_alive, write_sidecars)
from models.training import fit, heteroscedastic_loss

MEAN, STD = 0.158, 0.294  # of the training pixels, 0..1
SIDE, ENLARGED = 28, 20
LARGEST = 60.0  # degrees
SEED = 2025
SETS = {"calibration": 24, "evaluation": 24}
STEPS, BATCH = 2000, 64
OUTPUTS = ("angle", "log_variance")


class AngleNet(nn.Module):
    """Three convolutions and two linear layers with 39,000 weights; dropout before each linear layer."""

    def __init__(self):
        super().__init__()
        sizes, layers = (1, 16, 24, 32), []
        for inputs, outputs in zip(sizes, sizes[1:]):
            layers += [nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),
                       nn.BatchNorm2d(outputs), nn.ReLU(), nn.MaxPool2d(2)]
        self.features = nn.Sequential(*layers, nn.Flatten(), nn.Dropout(0.1),
                                      nn.Linear(32 * 3 * 3, 96), nn.ReLU(), nn.Dropout(0.1))
        self.angle, self.log_variance = nn.Linear(96, 1), nn.Linear(96, 1)
        nn.init.constant_(self.log_variance.bias, 6.0)  # starts at a standard deviation of 20 degrees

    def forward(self, image):
        features = self.features(image)
        return 30 * self.angle(features), self.log_variance(features)


def rotated(image, angle):
    """Returns a digit, uint8 [8, 8], rotated counterclockwise on a field of zeros: uint8 [28, 28]."""
    large = Image.fromarray(image).resize((ENLARGED, ENLARGED), Image.Resampling.BICUBIC)
    field = Image.new("L", (SIDE, SIDE))
    field.paste(large, ((SIDE - ENLARGED) // 2,) * 2)
    return np.asarray(field.rotate(angle, Image.Resampling.BICUBIC))


def to_input(images):
    """Converts uint8 [N, 28, 28] to the network's input [N, 1, 28, 28]."""
    return (torch.from_numpy(images)[:, None].float() / 255 - MEAN) / STD


def batches(images):
    """Yields digits at random angles."""
    random = np.random.default_rng(SEED)
    for _ in range(STEPS):
        angles = random.uniform(-LARGEST, LARGEST, BATCH).astype(np.float32)
        rows = random.choice(len(images), BATCH, replace=False)
        yield np.stack([rotated(images[row], angle) for row, angle in zip(rows, angles)]), angles


def train(images):
    torch.manual_seed(SEED)

    def loss_of(model, image, angle):
        return heteroscedastic_loss(*model(to_input(image)), torch.from_numpy(angle)[:, None])
    return fit(AngleNet(), loss_of, batches(images), STEPS)


def write_images(digits):
    """Writes digits at random angles and their labels; returns the images and angles of each set."""
    root, random, written, first = FIXTURES / "digits_angle", np.random.default_rng(SEED + 1), {}, 0
    shutil.rmtree(root, ignore_errors=True)
    (root / "images").mkdir(parents=True)
    with open(root / "labels.csv", "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["path", "value"])
        for name, count in SETS.items():
            angles = random.uniform(-LARGEST, LARGEST, count).round(1)
            images = [rotated(*pair) for pair in zip(digits[first:first + count], angles)]
            for number, (image, angle) in enumerate(zip(images, angles)):
                path = f"images/{name}_{number:02}.png"
                Image.fromarray(image).save(root / path, optimize=True)
                writer.writerow([path, angle])
            written[name], first = (np.stack(images), angles), first + count
    return written


def evaluate(model, images, angles, samples=50):
    with torch.no_grad():
        mean = model(to_input(images))[0][:, 0].numpy()
        keep_dropout_alive(model)
        many = [[part[:, 0].numpy() for part in model(to_input(images))] for _ in range(samples)]
        model.eval()
    means = np.stack([mean for mean, _ in many])
    aleatoric = np.mean([np.exp(spread) for _, spread in many], 0)
    print(f"{len(angles)} digits: rmse {np.sqrt(((mean - angles) ** 2).mean()):.2f} degrees, "
          f"{samples} samples {np.sqrt(((means.mean(0) - angles) ** 2).mean()):.2f}, "
          f"median aleatoric std {np.median(np.sqrt(aleatoric)):.2f}, "
          f"median epistemic std {np.median(means.std(0)):.2f}")


def export(model):
    keep_dropout_alive(model)
    example = torch.zeros(2, 1, SIDE, SIDE)
    export_legacy(model, example, MODELS / "digits_angle.onnx", {0: "batch"}, OUTPUTS)
    export_dynamo(model, example, MODELS / "digits_angle-dynamo.onnx",
                  ({0: torch.export.Dim("batch")},), outputs=OUTPUTS)
    write_sidecars("digits_angle", {
        "task": "regression", "channels": "gray", "mean": [MEAN], "std": [STD], "resize": "none",
        "target": {"name": "angle", "unit": "degree"}})
    for suffix in ("", "-dynamo"):
        check_export(model, MODELS / f"digits_angle{suffix}.onnx", torch.rand(5, 1, SIDE, SIDE))


def main():
    torch.set_num_threads(1)
    (digits, names), (held, held_names) = load_split()
    model = train(digits[np.isin(names, NOT_SYMMETRIC)])
    held = held[np.isin(held_names, NOT_SYMMETRIC)]
    write_images(held)
    random = np.random.default_rng(SEED + 2)
    angles = random.uniform(-LARGEST, LARGEST, len(held))
    evaluate(model, np.stack([rotated(*pair) for pair in zip(held, angles)]), angles)
    export(model)


if __name__ == "__main__":
    main()
