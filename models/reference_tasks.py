"""Computes Monte-Carlo dropout of values and labels with PyTorch, as reference values for mcdrop.

Like reference.py, for the other tasks: reads the weights back from the committed ONNX files, checks that PyTorch
without dropout equals ONNX Runtime without dropout to 1e-5, then runs 2,000 passes with PyTorch's own dropout and
writes fixtures/reference/streets_depth.json, digits_angle.json and shapes.json.

Run (some minutes; versions in requirements.txt):
    pip install torch onnx onnxscript onnxruntime pillow numpy
    python -m models.reference_tasks                  all; or some: python -m models.reference_tasks shapes

Layout, the same for all files; samples, groups, measures, group_mean and group_std are those of reference.py.
    model, sha256, samples, groups
    images: a list of
        path                    relative to the repository
        rows, columns, channels [K] the points; channels are targets or labels
        deterministic           [K] value or probability with all dropout off
        deterministic_within    [K] variance that this pass predicts; entropy of a label
        std                     [K] standard deviation over samples of the value or probability
        measures, group_mean, group_std   {name: [K]}
"""

import argparse

import numpy as np
import onnx
import onnxruntime
import torch
from PIL import Image

from models.digits_angle import train as digits_angle
from models.export import FIXTURES, MODELS, keep_dropout_alive, load_weights
from models.reference import GROUPS, ROOT, SAMPLES, numbers, write_file
from models.shapes import train as shapes
from models.streets.train import to_input as street_input
from models.streets_depth.net import DepthNet

STREETS = ["evaluation_00.png", "evaluation_03.png", "strange_01.png"]
ANGLES = [f"evaluation_{number:02}.png" for number in range(20)]
SHAPES = [f"evaluation_{number:02}.png" for number in range(20)]
WHOLE, GRID = (slice(None), slice(None)), (slice(4, None, 8), slice(4, None, 8))


def as_maps(tensor):
    """Returns f64 [rows, channels, height, width]; what is predicted for an image is a map of 1 x 1."""
    array = tensor.double().numpy()
    return array if array.ndim == 4 else array[:, :, None, None]


def values(outputs):
    """Returns values and their variances."""
    mean, log_variance = outputs
    return as_maps(mean), np.exp(as_maps(log_variance))


def labels(outputs):
    """Returns probabilities and their entropies."""
    p = as_maps(outputs)
    return p, binary_entropy(p)


def binary_entropy(p):
    return -sum(np.where(q > 0, q * np.log(np.maximum(q, 1e-300)), 0) for q in (p, 1 - p))


def value_measures(mean, variance, within):
    measures = {"epistemic_variance": variance, "aleatoric_variance": within,
                "total_variance": variance + within}
    stds = {name.replace("variance", "std"): np.sqrt(value) for name, value in measures.items()}
    return {"value": mean} | measures | stds


def label_measures(mean, variance, within):
    predictive = binary_entropy(mean)
    return {"probability": mean, "predictive_entropy": predictive, "expected_entropy": within,
            "mutual_information": np.maximum(predictive - within, 0),
            "epistemic_std": np.sqrt(variance)}


class Sums:
    """Sums over samples of values, their squares and their variances (or entropies), [C, H, W]."""

    def __init__(self):
        self.count, self.value, self.square, self.within = 0, 0, 0, 0

    def add(self, value, within):
        """Adds arrays [rows, C, H, W]."""
        self.count += len(value)
        self.value = self.value + value.sum(0)
        self.square = self.square + (value**2).sum(0)
        self.within = self.within + within.sum(0)

    def merge(self, other):
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)

    def moments(self):
        """Returns mean and variance of the values, and the mean of the variances (or entropies)."""
        mean = self.value / self.count
        return mean, np.maximum(self.square / self.count - mean**2, 0), self.within / self.count


def passes(model, read, batch):
    with torch.no_grad():
        return read(model(batch))


def sample(model, read, measures, image, rows):
    """Returns the sums of all samples, and the measures of each group; runs `rows` passes at a time."""
    total, groups = Sums(), []
    for _ in range(GROUPS):
        group = Sums()
        while group.count < SAMPLES // GROUPS:
            group.add(*passes(model, read, image.expand(rows, -1, -1, -1)))
        groups.append(measures(*group.moments()))
        total.merge(group)
    return total, {name: np.stack([group[name] for group in groups]) for name in groups[0]}


def deterministic(model, read, path, image):
    """Returns what PyTorch predicts without dropout, after comparing it with ONNX Runtime."""
    model.eval()
    ours = passes(model, read, image)
    keep_dropout_alive(model)
    stripped = onnx.load(path)
    for node in stripped.graph.node:
        if node.op_type == "Dropout":
            del node.input[2:]
    session = onnxruntime.InferenceSession(
        stripped.SerializeToString(), providers=["CPUExecutionProvider"])
    outputs = [torch.from_numpy(array) for array in session.run(None, {"image": image.numpy()})]
    theirs = read(outputs if len(outputs) > 1 else outputs[0])
    for a, b in zip(ours, theirs):
        difference = np.abs(a - b).max() / max(1, np.abs(a).max())
        assert difference < 1e-5, difference
    return [part[0] for part in ours]


def describe(model, task, path, file, image):
    """Returns the entry of one image."""
    read, measures, grid, rows = task
    value, within = deterministic(model, read, path, image)
    total, groups = sample(model, read, measures, image, rows)
    channels, y, x = (part[(slice(None), *grid)].ravel() for part in np.indices(value.shape))

    def points(array):
        return numbers(array[channels, y, x])

    return {
        "path": str(file.relative_to(ROOT)),
        "rows": y.tolist(), "columns": x.tolist(), "channels": channels.tolist(),
        "deterministic": points(value), "deterministic_within": points(within),
        "std": points(np.sqrt(total.moments()[1])),
        "measures": {name: points(v) for name, v in measures(*total.moments()).items()},
        "group_mean": {name: points(v.mean(0)) for name, v in groups.items()},
        "group_std": {name: points(v.std(0)) for name, v in groups.items()},
    }


def write(name, model, files, to_input, task):
    """Writes the reference of one model."""
    torch.manual_seed(1)
    path = MODELS / f"{name}.onnx"
    load_weights(model, path)
    entries = []
    for file in files:
        pixels = np.asarray(Image.open(FIXTURES / name / "images" / file))
        image = to_input(pixels[None].copy())
        entries.append(describe(model, task, path, FIXTURES / name / "images" / file, image))
        print(file, flush=True)
    write_file(name, path, {}, entries)


JOBS = {
    "streets_depth": lambda: write("streets_depth", DepthNet(), STREETS, street_input,
                                   (values, value_measures, GRID, 10)),
    "digits_angle": lambda: write("digits_angle", digits_angle.AngleNet(), ANGLES,
                                  digits_angle.to_input, (values, value_measures, WHOLE, 100)),
    "shapes": lambda: write("shapes", shapes.ShapesNet(), SHAPES, shapes.to_input,
                            (labels, label_measures, WHOLE, 100)),
}


def main():
    parser = argparse.ArgumentParser(description="Writes the PyTorch reference of values and labels.")
    parser.add_argument("names", nargs="*", help=", ".join(JOBS) + "; all when left out")
    names = parser.parse_args().names or list(JOBS)
    torch.set_num_threads(1)
    onnxruntime.set_default_logger_severity(3)
    for name in names:
        JOBS[name]()


if __name__ == "__main__":
    main()
