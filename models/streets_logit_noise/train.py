"""Trains a small U-Net that predicts the classes of drawn streets and a Gaussian noise of its own logits.

The pictures are those of models/streets_depth (draw.py), with the classes as labels. The logits are trained first, by
cross entropy. Then they stay as they are, and the noise is trained on labels whose outlines are displaced, as those of
a careless annotator: it has to be large at the edges of objects. (Trained together on exact labels, the noise
vanishes everywhere, because logits can express the same probabilities without it.) Writes
    models/streets_logit_noise.onnx, .toml                     legacy exporter
    models/streets_logit_noise-dynamo.onnx (+ .data), .toml    dynamo exporter
with the outputs logits and logit_log_variance.

Run (a quarter of an hour on two cores; versions in models/requirements.txt):
    pip install torch onnx onnxscript onnxruntime pillow numpy
    python -m models.streets_logit_noise.train

Reference: Kendall and Gal (2017), What uncertainties do we need in Bayesian deep learning for computer vision?
"""

import math

import numpy as np
import torch
from PIL import Image
from torch import nn

from models.export import (MODELS, check_export, export_dynamo, export_legacy, keep_dropout_alive,
                           write_sidecars)
from models.streets.net import BayesianUNet
from models.streets.scene import CLASSES, PALETTE, VOID
from models.streets.train import MEAN, STD, THIN, to_input
from models.streets_depth.draw import FIXTURES, draw_all
from models.streets_depth.train import TRAINING_STREETS, batches
from models.training import fit

CHANNELS = (8, 12, 16, 24, 32)
MIDDLE_DROPOUT, DEEP_DROPOUT = 0.5, 0.3
DISPLACEMENT, CELL = 1.5, 16  # standard deviation and correlation length of outlines, in pixels
DRAWS = 8  # of the noise, in training
OUTPUTS = ("logits", "logit_log_variance")
STEPS, NOISE_STEPS = 1000, 400


class LogitNoiseNet(nn.Module):
    """Computes logits [N, C, H, W] and the log of the variance of their noise from [N, 3, H, W]."""

    def __init__(self):
        super().__init__()
        count = len(CLASSES)
        self.unet = BayesianUNet(count, CHANNELS, MIDDLE_DROPOUT, DEEP_DROPOUT)
        self.noise = nn.Sequential(
            nn.Conv2d(CHANNELS[0], 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, count, 1))

    def forward(self, image):
        features = self.unet.features(image)
        return self.unet.head(features), self.noise(features)


def displaced(labels, random):
    """Returns labels [N, H, W] read at positions that a smooth random field displaces."""
    count, height, width = labels.shape
    coarse = random.normal(0, DISPLACEMENT, (count, 2, height // CELL + 1, width // CELL + 1))
    field = nn.functional.interpolate(
        torch.from_numpy(coarse), (height, width), mode="bilinear", align_corners=True)
    down, right = field.round().long().unbind(1)
    rows = (torch.arange(height)[:, None] + down).clamp(0, height - 1)
    columns = (torch.arange(width) + right).clamp(0, width - 1)
    return labels[torch.arange(count)[:, None, None], rows, columns]


def logit_noise_loss(logits, log_variance, target):
    """Returns the cross entropy of the softmax averaged over draws of the noise (Kendall and Gal, eq. 12)."""
    std = torch.exp(0.5 * log_variance)
    scores = torch.stack([
        nn.functional.cross_entropy(logits + std * torch.randn_like(logits), target, reduction="none")
        for _ in range(DRAWS)])
    return (math.log(DRAWS) - torch.logsumexp(-scores, 0)).mean()


def train(images, classes):
    torch.manual_seed(0)
    weights = torch.tensor([3.0 if name in THIN else 1.0 for name in CLASSES])
    random = np.random.default_rng(1)

    def loss_of_logits(model, image, label):
        target = torch.from_numpy(label.astype(np.int64))
        return nn.functional.cross_entropy(model.unet(to_input(image)), target, weights)

    def loss_of_noise(model, image, label):
        target = displaced(torch.from_numpy(label.astype(np.int64)), random)
        return logit_noise_loss(*model(to_input(image)), target)

    model = LogitNoiseNet().to(memory_format=torch.channels_last)
    model = fit(model, loss_of_logits, batches(images, classes, steps=STEPS), STEPS)
    keep_dropout_alive(model)
    model.unet.requires_grad_(False)
    return fit(model, loss_of_noise, batches(images, classes, steps=NOISE_STEPS), NOISE_STEPS)


def edges(label):
    """Returns the pixels that differ from one of their four neighbors, or whose neighbor differs."""
    found = np.zeros(label.shape, bool)
    down, right = label[1:] != label[:-1], label[:, 1:] != label[:, :-1]
    for part, differs in ((np.s_[1:], down), (np.s_[:-1], down),
                          (np.s_[:, 1:], right), (np.s_[:, :-1], right)):
        found[part] |= differs
    return found


def evaluate(model):
    """Prints the accuracy, and the noise at the edges of objects, where labels are uncertain, and elsewhere."""
    hits, total, at_edges, elsewhere = 0, 0, [], []
    for path in sorted((FIXTURES / "images").glob("evaluation_*")):
        image = np.asarray(Image.open(path))
        label = np.asarray(Image.open(FIXTURES / "classes" / path.name))
        with torch.no_grad():
            logits, log_variance = (part[0].numpy() for part in model(to_input(image[None].copy())))
        hits, total = hits + (logits.argmax(0) == label)[label != VOID].sum(), total + (label != VOID).sum()
        std, edge = np.exp(0.5 * log_variance).mean(0), edges(label)
        at_edges.append(std[edge])
        elsewhere.append(std[~edge])
    print(f"without dropout and noise: {hits / total:.4f} of the pixels right; mean std of the logits "
          f"{np.concatenate(at_edges).mean():.3f} at edges, {np.concatenate(elsewhere).mean():.3f} elsewhere")


def export(model):
    keep_dropout_alive(model)
    example = torch.rand(2, 3, 80, 160)
    rows, columns = torch.export.Dim("rows"), torch.export.Dim("columns")
    shapes = ({0: torch.export.Dim("batch"), 2: 16 * rows, 3: 16 * columns},)
    export_legacy(model, example, MODELS / "streets_logit_noise.onnx",
                  {0: "batch", 2: "height", 3: "width"}, OUTPUTS)
    export_dynamo(model, example, MODELS / "streets_logit_noise-dynamo.onnx", shapes, outputs=OUTPUTS)
    write_sidecars("streets_logit_noise", {
        "task": "segmentation", "channels": "rgb", "mean": MEAN, "std": STD, "resize": "none",
        "classes": CLASSES, "palette": PALETTE})
    for suffix in ("", "-dynamo"):
        check_export(model, MODELS / f"streets_logit_noise{suffix}.onnx", torch.rand(3, 3, 48, 96))


def main():
    images, classes, _, _ = draw_all(range(TRAINING_STREETS))
    torch.set_num_threads(1)  # layers this small lose more by waiting than they gain by sharing
    model = train(images, classes)
    evaluate(model)
    export(model)


if __name__ == "__main__":
    main()
