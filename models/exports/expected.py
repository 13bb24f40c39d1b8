"""Reference values of the export cases: PyTorch without and with its randomness."""

import copy
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import helper

from models.export import nodes_within
from models.exports.case import asleep, awake, build

PASSES, COPIES = 4000, 100


def image_of(case, rows=None):
    """Returns an image whose value i is ((7919 i + 13) mod 1000) / 500 - 1, in float32."""
    shape = (rows or case.batch or 2, *case.size)
    i = np.arange(np.prod(shape), dtype=np.int64)
    values = ((i * 7919 + 13) % 1000).astype(np.float32) / np.float32(500) - np.float32(1)
    return values.reshape(shape)


def reference_model(case, live):
    """Returns the model that corresponds to the file: without what the export lost."""
    model = build(case, live, case.as_exported)
    if case.dead:
        model = case.dead(model)
    return awake(model) if live else asleep(model)


def chosen(case, outputs):
    if isinstance(outputs, (tuple, list)):
        outputs = outputs[case.outputs.index(case.output)]
    return outputs


class Moments:
    """Sums of passes, in float64."""

    def __init__(self):
        self.count, self.sum, self.square = 0, 0.0, 0.0

    def add(self, values):
        """Adds values [passes, rows, ...]."""
        values = values.astype(np.float64)
        self.count += len(values)
        self.sum = self.sum + values.sum(0)
        self.square = self.square + (values * values).sum(0)

    def mean(self):
        return self.sum / self.count

    def variance(self):
        return np.maximum(self.square / self.count - self.mean() ** 2, 0)


def moments(case, run, count):
    """Computes moments; `run` maps [rows, ...] to the chosen output. Rows are copied if they are independent."""
    image, result = image_of(case), Moments()
    together = 1 if case.rows_mix or case.batch else COPIES
    many = np.tile(image, (together, 1, 1, 1))
    while result.count < count:
        values = run(many)
        result.add(values.reshape(together, len(image), *values.shape[1:]))
    return result


def pytorch(case):
    """Returns the moments of PASSES passes of PyTorch, and the output without randomness."""
    with torch.no_grad():
        still = reference_model(case, False)
        eval_output = chosen(case, still(torch.from_numpy(image_of(case)))).numpy()
        random = any(s["ratio"] != 0 for s in case.sites) and case.output != "class_ids"
        if not random:
            return eval_output, None
        live = reference_model(case, True)
        torch.manual_seed(1)
        run = lambda rows: chosen(case, live(torch.from_numpy(rows))).numpy()  # noqa: E731
        return eval_output, moments(case, run, PASSES)


def revive(model, opset):
    """Gives every Dropout a training_mode, and BatchNormalization its running statistics."""
    if opset < 12:
        return None
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.array(True), "always"))
    for node in nodes_within(model.graph):
        if node.op_type == "Dropout" and len(node.input) < 3:
            node.input.extend([""] * (2 - len(node.input)) + ["always"])
    return complement_bernoulli(running_statistics(model))


def running_statistics(model):
    """Replaces BatchNormalization by its inference form."""
    for node in nodes_within(model.graph):
        if node.op_type == "BatchNormalization" and len(node.output) > 1:
            del node.output[1:]
            for a in node.attribute:
                if a.name == "training_mode":
                    a.i = 0
    return model


def complement_bernoulli(model):
    """Replaces p by 1 - p in Bernoulli: ONNX Runtime 1.32 gives 1 with probability 1 - p."""
    nodes = []
    for node in model.graph.node:
        if node.op_type == "Bernoulli":
            nodes.append(helper.make_node("Sub", ["one", node.input[0]], [node.name + "/complement"]))
            node.input[0] = nodes[-1].output[0]
        nodes.append(node)
    if len(nodes) > len(model.graph.node):
        model.graph.initializer.append(onnx.numpy_helper.from_array(np.float32(1), "one"))
        copies = [copy.deepcopy(n) for n in nodes]
        del model.graph.node[:]
        model.graph.node.extend(copies)
    return model


def onnx_runtime(case, path, count):
    """Returns the moments of the file's own passes in ONNX Runtime, with its Dropouts kept; None if it cannot be run
    like that."""
    model = revive(onnx.load(path), case.opset)
    if model is None:
        return None
    generator = np.random.default_rng(0)
    onnxruntime.set_seed(1)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"],
        disabled_optimizers=["EliminateDropout"])

    def run(rows):
        # Consecutive runs draw from neighboring seeds, and their masks are correlated.
        onnxruntime.set_seed(int(generator.integers(2**31)))
        return session.run([case.output], {"image": rows})[0]
    return moments(case, run, count)


def difference(expected, found):
    """Returns the largest distance of the means in standard errors, and the ratio of the summed variances."""
    error = np.sqrt(expected.variance() / expected.count + found.variance() / found.count) + 1e-6
    distance = np.abs(expected.mean() - found.mean()) / error
    return float(distance.max()), float(found.variance().sum() / expected.variance().sum())


def runs(path, image):
    """Returns True, or the reason why ONNX Runtime does not run the file."""
    try:
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        session.run(None, {"image": image})
        return True
    except Exception as error:
        return str(error).split("\n")[0].split(" : ")[-1][:160]


def without_randomness(path, image, case):
    """Returns the output of ONNX Runtime with every Dropout off; None if there are other random nodes."""
    model = copy.deepcopy(onnx.load(path))
    for node in [*nodes_within(model.graph), *(n for f in model.functions for n in f.node)]:
        if node.op_type.startswith("Random") or node.op_type == "Bernoulli":
            return None
        if node.op_type == "Dropout":
            del node.input[2:]
    model = running_statistics(model)
    session = onnxruntime.InferenceSession(model.SerializeToString(),
                                           providers=["CPUExecutionProvider"])
    return session.run([case.output], {"image": image})[0]


def rounded(values, digits):
    return [float(f"{v:.{digits}g}") for v in np.ravel(values).tolist()]


def entry(case, eval_output, passes):
    """Returns the entry of a file in expected.json."""
    found = {"input_shape": list(image_of(case).shape), "output": case.output,
             "shape": list(eval_output.shape), "eval": rounded(eval_output, 8),
             "eval_is_reference": not case.no_reference}
    if case.no_reference:
        found["why"] = case.no_reference
    if passes:
        found |= {"passes": passes.count, "mean": rounded(passes.mean(), 6),
                  "variance": rounded(passes.variance(), 6)}
    return found


def inline_size(path):
    """Returns the bytes of a file and of its data file."""
    beside = Path(str(path) + ".data")
    return path.stat().st_size + (beside.stat().st_size if beside.exists() else 0)
