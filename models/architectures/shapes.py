"""Shapes in a graph without weights, and the multiply-adds that follow from them.

Shapes are computed by onnx.shape_inference, or by running the file with a sparse data file.
"""

import tempfile
from math import prod
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import shape_inference

from models.architectures.graph import DATA

PRODUCTS = ("Conv", "ConvTranspose", "Gemm", "MatMul", "Einsum")


def run(model, length, size, batches, outputs=()):
    """Returns the shapes of the model's output, then of `outputs`, for each batch of black images."""
    model = onnx.ModelProto.FromString(model.SerializeToString())
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in outputs)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        path.write_bytes(model.SerializeToString())
        with open(Path(folder) / DATA, "wb") as data:
            data.truncate(length)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        images = [np.zeros((batch, *size), np.float32) for batch in batches]
        return [[v.shape for v in session.run(None, {"image": image})] for image in images]


def shapes(model, size):
    """Returns the shapes of all tensors for one image, by onnx.shape_inference."""
    known = onnx.ModelProto()
    known.CopyFrom(model)
    for d, n in zip(known.graph.input[0].type.tensor_type.shape.dim, (1, *size)):
        d.dim_value = n
    for value in known.graph.output:
        value.type.tensor_type.ClearField("shape")
    known = shape_inference.infer_shapes(known, data_prop=True).graph
    found = {t.name: list(t.dims) for t in known.initializer}
    for value in [*known.input, *known.output, *known.value_info]:
        dims = value.type.tensor_type.shape.dim
        if value.type.tensor_type.HasField("shape") and all(d.HasField("dim_value") for d in dims):
            found[value.name] = [d.dim_value for d in dims]
    return found


def multiply_adds(node, shape):
    """Returns the multiply-adds of one node."""
    if node.op_type not in PRODUCTS:
        return 0
    out = shape[node.output[0]]
    if node.op_type == "Conv":
        return prod(out) * prod(shape[node.input[1]][1:])
    if node.op_type == "MatMul":
        return prod(out) * shape[node.input[0]][-1]
    if node.op_type == "Gemm":
        turned = any(a.name == "transA" and a.i for a in node.attribute)
        return prod(out) * shape[node.input[0]][0 if turned else 1]
    raise NotImplementedError(node.op_type)


def unknown(model, shape):
    """Returns the operands of products whose shape is not known."""
    return [t for node in model.graph.node if node.op_type in PRODUCTS
            for t in [*node.input[:2], node.output[0]] if t not in shape]


def count(model, shape, sites):
    """Returns (all multiply-adds, those after the named nodes), computed from shapes."""
    all_, behind, reached = 0, 0, set()
    for node in model.graph.node:
        alive = node.name in sites or any(i in reached for i in node.input)
        if alive and node.op_type not in ("Shape", "Size"):
            reached.update(node.output)
        n = multiply_adds(node, shape)
        all_ += n
        behind += n if alive else 0
    return all_, behind
