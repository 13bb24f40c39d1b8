"""Trains a small network with dropout on handwritten digits, and writes held-out images.

Trains on scikit-learn's 8x8 digits (counts 0..16 of ink in the 4x4 cells of a 32x32 bitmap), then
writes
    models/digits.onnx, digits.toml                     legacy exporter, opset 17
    models/digits-dynamo.onnx (+ .data), .toml          dynamo exporter
    fixtures/digits/<class>/<number>.png                300 digits that were not used in training, 8-bit gray
    fixtures/digits/strange/{rotated,noisy,letters}/    40 each of unknown images: digits rotated by 90
        degrees, digits with strong noise, and letters drawn by strokes

Run (about a minute on two cores; versions in requirements.txt):
    pip install torch onnx onnxscript onnxruntime scikit-learn pillow numpy
    python -m models.digits.train
"""

import shutil

import numpy as np
import torch
from PIL import Image
from torch import nn

from models.digits.letters import draw_letter
from models.export import (FIXTURES, MODELS, export_dynamo, export_legacy, keep_dropout_alive,
                    write_sidecars)

MEAN, STD = 0.305, 0.376  # of the training pixels, 0..1
SEED = 2024
PER_CLASS = 30
STRANGE = 40
NOT_SYMMETRIC = (2, 3, 4, 5, 6, 7, 9)


class DigitsNet(nn.Module):
    """Two convolutions and two linear layers with 84,000 weights; dropout after each half."""

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 32, 3, padding=1, bias=False), nn.BatchNorm2d(32), nn.ReLU(),
            nn.Conv2d(32, 64, 3, padding=1, bias=False), nn.BatchNorm2d(64), nn.ReLU(),
            nn.MaxPool2d(2), nn.Dropout(0.3))
        self.classifier = nn.Sequential(
            nn.Flatten(), nn.Linear(64 * 4 * 4, 64), nn.ReLU(), nn.Dropout(0.5), nn.Linear(64, 10))

    def forward(self, image):
        return self.classifier(self.features(image))


def load_split():
    """Returns training and held-out (images uint8 [N, 8, 8], labels), the same in every run."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split
    data = load_digits()
    images = np.rint(data.images * (255 / 16)).astype(np.uint8)
    train, held, train_labels, held_labels = train_test_split(
        images, data.target, train_size=1300, random_state=SEED, stratify=data.target)
    return (train, train_labels), (held, held_labels)


def to_input(images):
    """Converts uint8 [N, 8, 8] to the network's input [N, 1, 8, 8]."""
    return (torch.from_numpy(images)[:, None].float() / 255 - MEAN) / STD


def shifted(images, generator):
    """Shifts each image by -1, 0 or 1 pixel along both axes, and fills with zeros."""
    padded = nn.functional.pad(images, (1, 1, 1, 1), value=-MEAN / STD)
    corners = torch.randint(0, 3, (len(images), 2), generator=generator)
    return torch.stack([p[:, y:y + 8, x:x + 8] for p, (y, x) in zip(padded, corners.tolist())])


def train(images, labels, epochs=40, batch=64):
    torch.manual_seed(SEED)
    generator = torch.Generator().manual_seed(SEED)
    model, images, labels = DigitsNet(), to_input(images), torch.from_numpy(labels)
    optimizer = torch.optim.AdamW(model.parameters(), weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, 3e-3, total_steps=epochs * (len(images) // batch))
    for _ in range(epochs):
        order = torch.randperm(len(images), generator=generator)
        for start in range(0, len(images) // batch * batch, batch):
            rows = order[start:start + batch]
            loss = nn.functional.cross_entropy(
                model(shifted(images[rows], generator)), labels[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return model.eval()


def save(folder, images):
    folder.mkdir(parents=True)
    for number, image in enumerate(images, 1):
        Image.fromarray(image).save(folder / f"{number:04}.png", optimize=True)


def write_images(images, labels):
    """Writes the ordinary digits by class, and the strange images; returns the ordinary ones."""
    root, random = FIXTURES / "digits", np.random.default_rng(SEED)
    shutil.rmtree(root, ignore_errors=True)
    chosen = np.concatenate([np.flatnonzero(labels == c)[:PER_CLASS] for c in range(10)])
    for c in range(10):
        save(root / str(c), images[labels == c][:PER_CLASS])
    rest = np.setdiff1d(np.arange(len(labels)), chosen)
    turned = rest[np.isin(labels[rest], NOT_SYMMETRIC)][:STRANGE]
    save(root / "strange" / "rotated", [np.rot90(i).copy() for i in images[turned]])
    noise = random.normal(0, 90, (STRANGE, 8, 8))
    noisy = np.clip(images[random.permutation(rest)[:STRANGE]] + noise, 0, 255)
    save(root / "strange" / "noisy", np.rint(noisy).astype(np.uint8))
    save(root / "strange" / "letters", [draw_letter(i, random) for i in range(STRANGE)])
    return chosen


def export(model):
    keep_dropout_alive(model)
    example = torch.zeros(2, 1, 8, 8)
    export_legacy(model, example, MODELS / "digits.onnx", {0: "batch"})
    export_dynamo(model, example, MODELS / "digits-dynamo.onnx", ({0: torch.export.Dim("batch")},))
    write_sidecars("digits", {
        "task": "classification", "channels": "gray", "mean": [MEAN], "std": [STD],
        "resize": "none", "classes": [str(c) for c in range(10)]})


def main():
    torch.set_num_threads(2)
    (train_images, train_labels), (held_images, held_labels) = load_split()
    model = train(train_images, train_labels)
    chosen = write_images(held_images, held_labels)
    with torch.no_grad():
        hits = model(to_input(held_images)).argmax(1).numpy() == held_labels
    print(f"without dropout: {hits.mean():.4f} of {len(hits)} held-out digits right, "
          f"{hits[chosen].mean():.4f} of the {len(chosen)} written")
    export(model)


if __name__ == "__main__":
    main()
