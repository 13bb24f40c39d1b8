"""Computes Monte-Carlo dropout of classes with noise of their logits in PyTorch, as reference values for mcdrop.

Like reference.py, for models/streets_logit_noise.onnx: 2,000 passes with PyTorch's own dropout, each of which is
averaged over 8 draws of normal noise from PyTorch's generator (Kendall and Gal 2017, eq. 10 to 12). The pass without
dropout has the 31 draws of mcdrop, as models/masks/reference.py defines them, so that its values can be compared
digit by digit. Writes fixtures/reference/streets_logit_noise.json.

Run (some minutes; versions in requirements.txt):
    pip install torch onnx onnxscript onnxruntime pillow numpy
    python -m models.reference_logit_noise

Layout: that of reference.py for a grid of 50 points, without `image`; entropy_std is left out, and there are
    draws                       8, the number of draws of a sample
    deterministic_information   [K] information of the noise in the pass without dropout
"""

import numpy as np
import onnxruntime
import torch
from PIL import Image

from models.export import FIXTURES, MODELS, keep_dropout_alive, load_weights
from models.masks.reference import hash_key, logit_noise
from models.reference import GROUPS, ROOT, SAMPLES, Sums, entropy, numbers, write_file
from models.streets.train import to_input
from models.streets_logit_noise.train import LogitNoiseNet

MODEL = MODELS / "streets_logit_noise.onnx"
STREETS = ["evaluation_00.png", "evaluation_03.png", "strange_01.png"]
GRID = (slice(4, None, 16), slice(8, None, 16))
DRAWS, KEYED_DRAWS = 8, 31
ROWS = 10


class NoisySums(Sums):
    """Sums over samples, with the information of the noise."""

    def __init__(self, shape):
        super().__init__(shape)
        self.information = np.zeros(shape[1:])

    def add(self, p, information):
        super().add(p)
        self.information += information.sum(0)

    def measures(self):
        return super().measures() | {"logit_noise_information": self.information / self.count}


def average(logits, log_variance, noise):
    """Returns the mean probabilities over draws [draws, rows, C, ...] of the noise, and their information."""
    x = logits + np.exp(0.5 * log_variance) * noise
    p = np.exp(x - x.max(2, keepdims=True))
    p /= p.sum(2, keepdims=True)
    mean = p.mean(0)
    return mean, entropy(mean, 1) - entropy(p, 2).mean(0)


def outputs(model, batch):
    """Returns logits and log-variances at the points, f64 [rows, C, h, w]."""
    with torch.no_grad():
        return [part.double().numpy()[(..., *GRID)] for part in model(batch)]


def sample(model, image):
    """Returns the sums of all samples, and the measures of each group."""
    shape = outputs(model, image)[0].shape[1:]
    total, groups = NoisySums(shape), []
    for _ in range(GROUPS):
        group = NoisySums(shape)
        while group.count < SAMPLES // GROUPS:
            logits, log_variance = outputs(model, image.expand(ROWS, -1, -1, -1))
            noise = torch.randn(DRAWS, *logits.shape, dtype=torch.float64).numpy()
            group.add(*average(logits, log_variance, noise))
        groups.append(group.measures())
        total.merge(group)
    return total, {name: np.stack([group[name] for group in groups]) for name in groups[0]}


def deterministic(model, image, key):
    """Returns the probabilities and the information without dropout, with mcdrop's draws."""
    model.eval()
    logits, log_variance = outputs(model, image)
    classes, (height, width) = logits.shape[1], image.shape[2:]
    draws = [logit_noise(classes * height * width, 0, key, None, draw).astype(np.float64)
             for draw in range(KEYED_DRAWS)]
    noise = np.stack(draws).reshape(KEYED_DRAWS, 1, classes, height, width)[(..., *GRID)]
    keep_dropout_alive(model)
    p, information = average(logits, log_variance, noise)
    return p[0], information[0]


def describe(model, file):
    """Returns the entry of one image."""
    image = to_input(np.asarray(Image.open(file))[None].copy())
    off, information = deterministic(model, image, hash_key(file.read_bytes()))
    total, groups = sample(model, image)
    mean = total.p / total.count
    std = np.sqrt(np.maximum(total.square / total.count - mean**2, 0))
    y, x = (part[GRID].ravel() for part in np.indices(image.shape[2:]))

    def points(values):
        return numbers(values.reshape(*values.shape[:-2], -1).T)

    return {
        "path": str(file.relative_to(ROOT)), "rows": y.tolist(), "columns": x.tolist(),
        "deterministic": points(off), "deterministic_information": points(information),
        "mean": points(mean), "std": points(std),
        "votes": points(total.votes.astype(int)),
        "measures": {name: points(v) for name, v in total.measures().items()},
        "group_mean": {name: points(v.mean(0)) for name, v in groups.items()},
        "group_std": {name: points(v.std(0)) for name, v in groups.items()},
    }


def main():
    torch.manual_seed(1)
    torch.set_num_threads(1)
    onnxruntime.set_default_logger_severity(3)
    model = LogitNoiseNet()
    load_weights(model, MODEL)
    keep_dropout_alive(model)
    entries = []
    for name in STREETS:
        file = FIXTURES / "streets_depth" / "images" / name
        entries.append(describe(model, file))
        print(name, flush=True)
    write_file("streets_logit_noise", MODEL, {"classes": len(entries[0]["mean"][0]), "draws": DRAWS}, entries)


if __name__ == "__main__":
    main()
