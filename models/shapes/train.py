"""Trains a small network with dropout that tells which of five shapes are in a drawn picture.

A picture contains each shape with a probability of 0.4, once or twice, partly hidden by others, so that it has any
number of labels. Writes
    models/shapes.onnx, .toml                     legacy exporter: label_probabilities
    models/shapes-dynamo.onnx (+ .data), .toml    dynamo exporter: label_probabilities
    fixtures/shapes/images/calibration_<nn>.png   24 pictures that were not used in training, 48x48
    fixtures/shapes/images/evaluation_<nn>.png    24 others
    fixtures/shapes/labels.csv                    path and a column per label, 1 = the shape is visible
    fixtures/shapes/names.csv                     the same as path and the names, separated by semicolons

Run (about two minutes on two cores; versions in models/requirements.txt):
    pip install torch onnx onnxscript onnxruntime pillow numpy
    python -m models.shapes.train
"""

import csv
import shutil
from multiprocessing import Pool

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import nn

from models.export import (FIXTURES, MODELS, check_export, export_dynamo, export_legacy,
                           keep_dropout_alive, write_sidecars)
from models.training import fit

LABELS = ["disc", "square", "triangle", "cross", "ring"]
MEAN, STD = [0.5, 0.5, 0.5], [0.25, 0.25, 0.25]
SIDE, ENLARGED, PRESENCE = 48, 4, 0.4
SMALLEST = 25  # visible pixels
TRAINING_PICTURES, STEPS, BATCH = 8000, 2000, 48
FIXTURE_SEED = 1_000_000
SETS = {"calibration": 24, "evaluation": 24}


class ShapesNet(nn.Module):
    """Four convolutions and two linear layers with 41,000 weights; dropout before each linear layer."""

    def __init__(self):
        super().__init__()
        sizes, layers = (3, 16, 32, 48, 48), []
        for inputs, outputs in zip(sizes, sizes[1:]):
            layers += [nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),
                       nn.BatchNorm2d(outputs), nn.ReLU()]
            if outputs != inputs:
                layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers, nn.AdaptiveMaxPool2d(1), nn.Flatten())
        self.classifier = nn.Sequential(
            nn.Dropout(0.2), nn.Linear(48, 32), nn.ReLU(), nn.Dropout(0.3), nn.Linear(32, len(LABELS)))

    def logits(self, image):
        return self.classifier(self.features(image))

    def forward(self, image):
        return torch.sigmoid(self.logits(image))


def outline(label, x, y, radius, turn):
    """Returns the corners of a shape, without those of discs and rings."""
    corners = {
        "square": [(r, 0.8) for r in (0.25, 0.75, 1.25, 1.75)],
        "triangle": [(r, 1.0) for r in (0, 2 / 3, 4 / 3)],
        "cross": [(quarter / 2 + offset, length) for quarter in range(4)
                  for offset, length in ((-0.1, 1.0), (0.1, 1.0), (0.25, 0.45))],
    }[label]
    return [(x + radius * length * np.cos(turn + np.pi * angle),
             y + radius * length * np.sin(turn + np.pi * angle)) for angle, length in corners]


def draw_shape(pen, label, fill, placement):
    x, y, radius, turn = placement
    frame = [x - radius, y - radius, x + radius, y + radius]
    if label == "disc":
        pen.ellipse(frame, fill=fill)
    elif label == "ring":
        pen.ellipse(frame, outline=fill, width=max(1, round(radius * 0.35)))
    else:
        pen.polygon(outline(label, x, y, radius, turn), fill=fill)


def draw_picture(seed):
    """Returns a picture (uint8 [48, 48, 3]) and which labels are visible (float32 [5])."""
    random, side = np.random.default_rng(seed), SIDE * ENLARGED
    ground = random.integers(40, 216, 3)
    picture = Image.new("RGB", (side, side), tuple(ground.tolist()))
    owners = Image.new("L", (side, side), 255)
    pens = ImageDraw.Draw(picture), ImageDraw.Draw(owners)
    shapes = [k for k in range(len(LABELS)) if random.random() < PRESENCE
              for _ in range(random.integers(1, 3))]
    for k in random.permutation(shapes).astype(int):
        color = random.integers(0, 256, 3)
        while np.abs(color - ground).sum() < 130:
            color = random.integers(0, 256, 3)
        radius = random.uniform(0.11, 0.24) * side
        placement = (*random.uniform(radius, side - radius, 2), radius, random.uniform(0, 2 * np.pi))
        for pen, fill in zip(pens, (tuple(color.tolist()), int(k))):
            draw_shape(pen, LABELS[k], fill, placement)
    small = np.asarray(picture.resize((SIDE, SIDE), Image.Resampling.BOX), np.float32)
    noisy = small + random.normal(0, random.uniform(0, 12), small.shape)
    visible = np.bincount(np.asarray(owners).ravel(), minlength=256)[:len(LABELS)]
    return (np.clip(np.rint(noisy), 0, 255).astype(np.uint8),
            (visible >= SMALLEST * ENLARGED**2).astype(np.float32))


def draw_all(seeds):
    with Pool(2) as pool:
        pictures = pool.map(draw_picture, seeds, chunksize=100)
    return tuple(np.stack(part) for part in zip(*pictures))


def to_input(images):
    """Converts uint8 [N, H, W, 3] to the network's input [N, 3, H, W]."""
    pixels = torch.from_numpy(images).float() / 255
    return ((pixels - torch.tensor(MEAN)) / torch.tensor(STD)).permute(0, 3, 1, 2)


def batches(images, labels):
    """Yields random pictures, half of them mirrored, and their labels."""
    random = np.random.default_rng(0)
    for _ in range(STEPS):
        rows = random.choice(len(images), BATCH, replace=False)
        flips = random.choice([-1, 1], BATCH)
        yield np.stack([images[row][:, ::flip] for row, flip in zip(rows, flips)]), labels[rows]


def train(images, labels):
    torch.manual_seed(0)

    def loss_of(model, image, label):
        return nn.functional.binary_cross_entropy_with_logits(
            model.logits(to_input(image)), torch.from_numpy(label))
    return fit(ShapesNet(), loss_of, batches(images, labels), STEPS)


def write_images():
    root = FIXTURES / "shapes"
    shutil.rmtree(root, ignore_errors=True)
    (root / "images").mkdir(parents=True)
    rows, seed = [], FIXTURE_SEED
    for name, count in SETS.items():
        for number in range(count):
            image, labels = draw_picture(seed)
            seed += 1
            path = f"images/{name}_{number:02}.png"
            Image.fromarray(image).save(root / path, optimize=True)
            rows.append((path, labels.astype(int)))
    with open(root / "labels.csv", "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerows([["path", *LABELS], *([path, *labels] for path, labels in rows)])
    with open(root / "names.csv", "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["path", "labels"])
        for path, labels in rows:
            writer.writerow([path, "; ".join(n for n, seen in zip(LABELS, labels) if seen)])


def evaluate(model, images, labels):
    with torch.no_grad():
        found = model(to_input(images)).numpy() >= 0.5
    right = found == (labels > 0.5)
    print(f"{len(labels)} other pictures: {right.mean():.4f} of the labels right, all labels right "
          f"in {right.all(1).mean():.4f}; "
          + ", ".join(f"{name} {share:.3f}" for name, share in zip(LABELS, right.mean(0))))


def export(model):
    keep_dropout_alive(model)
    example = torch.zeros(2, 3, SIDE, SIDE)
    outputs = ("label_probabilities",)
    export_legacy(model, example, MODELS / "shapes.onnx", {0: "batch"}, outputs)
    export_dynamo(model, example, MODELS / "shapes-dynamo.onnx", ({0: torch.export.Dim("batch")},),
                  outputs=outputs)
    write_sidecars("shapes", {
        "task": "multilabel", "channels": "rgb", "mean": MEAN, "std": STD, "resize": "none",
        "classes": LABELS})
    for suffix in ("", "-dynamo"):
        check_export(model, MODELS / f"shapes{suffix}.onnx", torch.rand(5, 3, SIDE, SIDE))


def main():
    torch.set_num_threads(1)
    write_images()
    model = train(*draw_all(range(TRAINING_PICTURES)))
    evaluate(model, *draw_all(range(FIXTURE_SEED + 1000, FIXTURE_SEED + 2000)))
    export(model)


if __name__ == "__main__":
    main()
