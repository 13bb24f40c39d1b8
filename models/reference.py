"""Computes Monte-Carlo dropout with PyTorch, as reference values for mcdrop.

Reads the weights back from the committed ONNX files, checks that PyTorch without dropout equals
ONNX Runtime without dropout to 1e-5, then runs 2,000 passes with PyTorch's own dropout (BatchNorm
in eval mode) and writes fixtures/reference/digits.json and streets.json. Pixels go in as
(value / 255 - mean) / std without any resizing: the images have the network's size.

Run (some minutes; versions in requirements.txt):
    pip install torch onnx onnxscript onnxruntime pillow numpy
    python -m models.reference                  both; or one: python -m models.reference digits

Layout, the same for both files. A digit has one point; a street has a grid of 400, row by row.
Entropies are in nats, variances and standard deviations divide by the number of samples.
    model, sha256       path of the ONNX file that the values belong to, and its hash
    samples, groups     T = 2000 passes, cut into 20 disjoint groups of 100
    classes             C
    images: a list of
        path            relative to the repository
        rows, columns   [K] the points; both [0] for a digit
        deterministic   [K][C] probabilities with all dropout off
        mean, std       [K][C] mean and standard deviation over samples of the probability p_t
        votes           [K][C] samples whose most probable class this is; ties to the lowest
        entropy_std     [K]    standard deviation over samples of the entropy H(p_t)
        measures        {name: [K]}  from all 2,000 samples
        group_mean, group_std   {name: [K]}  mean and standard deviation (over 1/20) of the same
                        measure from each group of 100 samples: a value from T independent samples
                        has a standard error of about group_std sqrt(100 / T), and for the measures
                        with a bias of order 1/T that bias is about
                        (group_mean - measures) / (1/100 - 1/2000) / T
        image           {measures, group_mean, group_std: {name: value}}  of the measure's mean over
                        all pixels of the image
"""

import argparse
import hashlib
import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from PIL import Image

from models.digits import train as digits
from models.streets import train as streets
from models.export import FIXTURES, MODELS, keep_dropout_alive, load_weights
from models.streets.net import BayesianUNet

ROOT = MODELS.parent
SAMPLES, GROUPS = 2000, 20
DIGITS = ([f"{c}/{n:04}.png" for c in range(10) for n in (1, 11, 21)]
          + [f"strange/{kind}/{n:04}.png" for kind in ("rotated", "noisy", "letters")
             for n in range(1, 11)])
STREETS = ["street_01.png", "street_04.png", "strange_01.png"]
GRID = {"digits": (slice(0, 1), slice(0, 1)), "streets": (slice(4, None, 8), slice(8, None, 16))}


def scores(model, batch):
    """Returns logits as [rows, classes, height, width]; a classifier's map is 1 x 1."""
    with torch.no_grad():
        logits = model(batch)
    return logits if logits.dim() == 4 else logits[:, :, None, None]


def entropy(p, axis):
    return -np.where(p > 0, p * np.log(np.maximum(p, 1e-300)), 0).sum(axis)


class Sums:
    """Sums over samples, from which every measure is computed."""

    def __init__(self, shape):
        self.count = 0
        self.p, self.square, self.votes = (np.zeros(shape) for _ in range(3))
        self.entropy, self.entropy_square = (np.zeros(shape[1:]) for _ in range(2))

    def add(self, p):
        """Adds p: float64 [rows, C, H, W]."""
        self.count += len(p)
        self.p += p.sum(0)
        self.square += (p * p).sum(0)
        winner = p.argmax(1)
        self.votes += np.stack([(winner == c).sum(0) for c in range(p.shape[1])])
        h = entropy(p, 1)
        self.entropy += h.sum(0)
        self.entropy_square += (h * h).sum(0)

    def merge(self, other):
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)

    def measures(self):
        """Returns {name: [H, W]}."""
        mean, square = self.p / self.count, self.square / self.count
        variance = np.maximum(square - mean**2, 0)
        ranked = np.sort(mean, 0)
        winner = mean.argmax(0)[None]
        predictive, expected = entropy(mean, 0), self.entropy / self.count
        return {
            "predictive_entropy": predictive,
            "expected_entropy": expected,
            "mutual_information": np.maximum(predictive - expected, 0),
            "total_variance": (mean * (1 - mean)).sum(0),
            "aleatoric_variance": (mean - square).sum(0),
            "epistemic_variance": variance.sum(0),
            "variation_ratio": 1 - self.votes.max(0) / self.count,
            "least_confidence": 1 - ranked[-1],
            "margin": 1 - (ranked[-1] - ranked[-2]),
            "predicted_class_std": np.sqrt(np.take_along_axis(variance, winner, 0)[0]),
        }


def sample(model, image, rows):
    """Returns the sums of all samples, and the measures of each group; runs `rows` passes at a time."""
    shape = scores(model, image).shape[1:]
    total, groups = Sums(shape), []
    for _ in range(GROUPS):
        group = Sums(shape)
        while group.count < SAMPLES // GROUPS:
            logits = scores(model, image.expand(rows, -1, -1, -1))
            group.add(torch.softmax(logits.double(), 1).numpy())
        groups.append(group.measures())
        total.merge(group)
    return total, {name: np.stack([g[name] for g in groups]) for name in groups[0]}


def deterministic(model, path, image):
    """Returns PyTorch's probabilities without dropout, after comparing them with ONNX Runtime's."""
    model.eval()
    ours = torch.softmax(scores(model, image).double(), 1)[0].numpy()
    keep_dropout_alive(model)
    stripped = onnx.load(path)
    for node in stripped.graph.node:
        if node.op_type == "Dropout":
            del node.input[2:]
    session = onnxruntime.InferenceSession(
        stripped.SerializeToString(), providers=["CPUExecutionProvider"])
    logits = torch.from_numpy(session.run(None, {"image": image.numpy()})[0]).double()
    theirs = torch.softmax(logits, 1)[0].numpy().reshape(ours.shape)
    difference = np.abs(ours - theirs).max()
    assert difference < 1e-5, difference
    return ours


def numbers(array):
    """Returns nested lists of numbers of seven digits."""
    return np.vectorize(lambda v: float(f"{v:.7g}"), otypes=[object])(array).tolist()


def describe(model, path, file, image, grid, rows):
    """Returns the entry of one image."""
    off = deterministic(model, path, image)
    total, groups = sample(model, image, rows)
    measures, mean = total.measures(), total.p / total.count
    std = np.sqrt(np.maximum(total.square / total.count - mean**2, 0))
    h_mean = total.entropy / total.count
    h_std = np.sqrt(np.maximum(total.entropy_square / total.count - h_mean**2, 0))
    y, x = (part[grid].ravel() for part in np.indices(h_mean.shape))

    def points(values):
        return numbers(values[..., y, x].T)

    images = {name: value.mean((1, 2)) for name, value in groups.items()}
    return {
        "path": str(file.relative_to(ROOT)), "rows": y.tolist(), "columns": x.tolist(),
        "deterministic": points(off), "mean": points(mean), "std": points(std),
        "votes": total.votes[:, y, x].T.astype(int).tolist(), "entropy_std": points(h_std),
        "measures": {name: points(v) for name, v in measures.items()},
        "group_mean": {name: points(v.mean(0)) for name, v in groups.items()},
        "group_std": {name: points(v.std(0)) for name, v in groups.items()},
        "image": {
            "measures": {name: numbers(v.mean()) for name, v in measures.items()},
            "group_mean": {name: numbers(v.mean()) for name, v in images.items()},
            "group_std": {name: numbers(v.std()) for name, v in images.items()}},
    }


def write(name, model, files, to_input, rows):
    """Writes the reference of one model."""
    torch.manual_seed(1)
    path = MODELS / f"{name}.onnx"
    load_weights(model, path)
    entries = []
    for file in files:
        pixels = np.asarray(Image.open(file))
        entries.append(describe(model, path, file, to_input(pixels[None].copy()), GRID[name], rows))
        print(file.relative_to(ROOT), flush=True)
    write_file(name, path, {"classes": len(entries[0]["mean"][0])}, entries)


def write_file(name, path, facts, entries):
    """Writes fixtures/reference/<name>.json, one line per image."""
    head = {"model": str(path.relative_to(ROOT)),
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "samples": SAMPLES,
            "groups": GROUPS} | facts
    lines = ",\n".join(json.dumps(entry, separators=(",", ":")) for entry in entries)
    text = json.dumps(head)[:-1] + ', "images": [\n' + lines + "\n]}\n"
    folder = FIXTURES / "reference"
    folder.mkdir(exist_ok=True)
    Path(folder / f"{name}.json").write_text(text)


def main():
    parser = argparse.ArgumentParser(description="Writes the PyTorch reference values.")
    parser.add_argument("names", nargs="*", help="digits, streets; both when left out")
    names = parser.parse_args().names or ["digits", "streets"]
    torch.set_num_threads(1)
    onnxruntime.set_default_logger_severity(3)
    if "digits" in names:
        files = [FIXTURES / "digits" / name for name in DIGITS]
        write("digits", digits.DigitsNet(), files, digits.to_input, rows=100)
    if "streets" in names:
        files = [FIXTURES / "streets" / "images" / name for name in STREETS]
        write("streets", BayesianUNet(len(streets.CLASSES)), files, streets.to_input, rows=10)


if __name__ == "__main__":
    main()
