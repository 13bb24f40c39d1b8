"""Trains a small U-Net that estimates depth and its noise in drawn streets, and exports it.

Needs the images of draw.py for the evaluation. Writes
    models/streets_depth.onnx, .toml                        legacy exporter: depth, log_variance
    models/streets_depth-dynamo.onnx (+ .data), .toml       dynamo exporter: depth, log_variance
    models/streets_depth-joined.onnx, .toml                 legacy exporter: both in one output, out

Run (20 minutes on two cores; versions in models/requirements.txt):
    pip install torch onnx onnxscript onnxruntime pillow numpy
    python -m models.streets_depth.train
"""

import json

import numpy as np
import torch
from PIL import Image

from models.export import (MODELS, check_export, export_dynamo, export_legacy, keep_dropout_alive,
                           write_sidecar)
from models.streets.things import ROAD
from models.streets.train import MEAN, STD, to_input
from models.streets_depth.draw import (FARTHEST, FIXTURES, NEAREST, draw_all, load_depth,
                                       noise_std)
from models.streets_depth.net import DepthNet, JoinedDepthNet
from models.training import fit, heteroscedastic_loss

TRAINING_STREETS, STEPS, BATCH = 1200, 2000, 8
OUTPUTS = ("depth", "log_variance")


def batches(*parts, steps=STEPS, batch=BATCH):
    """Yields random rows of arrays [N, H, W, ...], half of them mirrored."""
    random = np.random.default_rng(0)
    for _ in range(steps):
        rows = random.choice(len(parts[0]), batch, replace=False)
        flips = random.choice([-1, 1], batch)
        yield tuple(np.stack([part[row][:, ::flip] for row, flip in zip(rows, flips)])
                    for part in parts)


def train(images, depths):
    torch.manual_seed(0)

    def loss_of(model, image, depth):
        return heteroscedastic_loss(*model(to_input(image)), torch.from_numpy(depth)[:, None])
    model = DepthNet().to(memory_format=torch.channels_last)
    return fit(model, loss_of, batches(images, depths), STEPS)


def export(model):
    keep_dropout_alive(model)
    example = torch.rand(2, 3, 80, 160)
    axes = {0: "batch", 2: "height", 3: "width"}
    rows, columns = torch.export.Dim("rows"), torch.export.Dim("columns")
    shapes = ({0: torch.export.Dim("batch"), 2: 16 * rows, 3: 16 * columns},)
    joined = JoinedDepthNet(model)
    export_legacy(model, example, MODELS / "streets_depth.onnx", axes, OUTPUTS)
    export_dynamo(model, example, MODELS / "streets_depth-dynamo.onnx", shapes, outputs=OUTPUTS)
    export_legacy(joined, example, MODELS / "streets_depth-joined.onnx", axes, ("out",))
    for name, net in (("", model), ("-dynamo", model), ("-joined", joined)):
        write_sidecar(f"streets_depth{name}", {
            "task": "regression", "channels": "rgb", "mean": MEAN, "std": STD, "resize": "none",
            "target": {"name": "depth", "unit": "m", "valid": f"{NEAREST:g}:{FARTHEST:g}"}})
        check_export(net, MODELS / f"streets_depth{name}.onnx", torch.rand(3, 3, 48, 96))


def ranks(values):
    return np.argsort(np.argsort(values))


def compare_with_noise(std, noise):
    return {"mean": std.mean(), "mean_of_noise": noise.mean(),
            "median_ratio_to_noise": np.median(std / noise),
            "correlation": np.corrcoef(std, noise)[0, 1],
            "correlation_of_logs": np.corrcoef(np.log(std), np.log(noise))[0, 1],
            "rank_correlation": np.corrcoef(ranks(std), ranks(noise))[0, 1]}


def evaluate(model, samples=50):
    """Prints errors of the depth, and compares the predicted noise with that of the labels.

    The camera's mount determines the depth of the road, where both should agree. Elsewhere the prediction also
    contains what a picture does not tell about depth.
    """
    torch.manual_seed(0)
    names = sorted(path.name for path in (FIXTURES / "images").glob("evaluation_*"))
    images = np.stack([np.asarray(Image.open(FIXTURES / "images" / name)) for name in names])
    label, truth = (np.stack([load_depth(FIXTURES / folder / name) for name in names])
                    for folder in ("depth", "depth_without_noise"))
    classes = np.stack([np.asarray(Image.open(FIXTURES / "classes" / name)) for name in names])
    known = ~np.isnan(label) & ~np.isnan(truth)
    label, truth, road = label[known], truth[known], classes[known] == ROAD
    noise = noise_std(truth)
    with torch.no_grad():
        one = [part[:, 0].numpy()[known] for part in model(to_input(images))]
        keep_dropout_alive(model)
        many = [[part[:, 0].numpy()[known] for part in model(to_input(images))]
                for _ in range(samples)]
        model.eval()
    means = np.stack([mean for mean, _ in many])
    aleatoric = np.stack([np.exp(spread) for _, spread in many]).mean(0)
    report = {}
    for name, mean, variance in (
            ("deterministic", one[0], np.exp(one[1])),
            (f"{samples} samples", means.mean(0), aleatoric + means.var(0))):
        error = mean - label
        report[name] = {
            "rmse": np.sqrt((error**2).mean()),
            "rmse_without_noise": np.sqrt(((mean - truth) ** 2).mean()),
            "abs_rel": (np.abs(error) / label).mean(),
            "nll": (0.5 * error**2 / variance + 0.5 * np.log(2 * np.pi * variance)).mean(),
            "coverage_68": (np.abs(error) < 0.9945 * np.sqrt(variance)).mean()}
    report["epistemic std"] = {"mean": means.std(0).mean()}
    for name, std in (("aleatoric std, deterministic", np.exp(one[1] / 2)),
                      (f"aleatoric std, {samples} samples", np.sqrt(aleatoric))):
        for place, chosen in (("", np.ones_like(road)), (" on the road", road)):
            report[name + place] = compare_with_noise(std[chosen], noise[chosen])
    for name, values in report.items():
        print(name, json.dumps({key: round(float(value), 4) for key, value in values.items()}))


def main():
    images, _, depths, _ = draw_all(range(TRAINING_STREETS))
    torch.set_num_threads(1)  # layers this small lose more by waiting than they gain by sharing
    model = train(images, depths)
    evaluate(model)
    export(model)


if __name__ == "__main__":
    main()
