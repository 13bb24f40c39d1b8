"""Multiply-adds of a network, counted twice: as PyTorch runs it, and from an ONNX graph's shapes.

In PyTorch: torch.utils.flop_counter.FlopCounterMode, whose figure is twice the multiply-adds of
convolutions and matrix products. What lies behind dropout: the same formulas, summed over the calls
one of whose tensors descends from a random draw.
"""

import math

import onnx
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode, flop_registry

RANDOM = ("bernoulli", "native_dropout", "rand", "uniform_", "normal_")


class Descent(TorchDispatchMode):
    """Marks what descends from a random draw and sums the multiply-adds of calls that read it."""

    def __init__(self):
        super().__init__()
        self.marked, self.draws, self.all, self.behind = [], [], 0, 0
        self.held = {}

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        outputs = function(*args, **kwargs)
        read = [t for t in tree_leaves((args, kwargs)) if isinstance(t, torch.Tensor)]
        made = [t for t in tree_leaves(outputs) if isinstance(t, torch.Tensor)]
        draws = function.__name__.startswith(RANDOM)
        below = any(id(t) in self.held for t in read)
        if draws:
            self.draws.append(tuple(made[0].shape))
        formula = flop_registry.get(function._overloadpacket)
        if formula:
            multiply_adds = formula(*args, **kwargs, out_val=outputs) // 2
            self.all += multiply_adds
            self.behind += multiply_adds if below else 0
        if draws or below:
            # Tensors are kept: the id of one that is gone could come back for another.
            self.held.update((id(t), t) for t in made)
        return outputs


def run_alone(mode, network, size):
    """Batch 1; attention as two products, which the formulas know."""
    torch.backends.mha.set_fastpath_enabled(False)
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), mode:
        network(torch.zeros(1, *size))
    return mode


def count_pytorch(network, size):
    """(multiply-adds, those behind random draws, shapes of the draws) at batch 1."""
    total = run_alone(FlopCounterMode(display=False), network, size).get_total_flops() // 2
    descent = run_alone(Descent(), network, size)
    if descent.all != total:
        raise ValueError(f"{descent.all} multiply-adds by call, {total} by FlopCounterMode")
    return total, descent.behind, descent.draws


def shapes_of(model, size):
    """Shapes by tensor at batch 1, as onnx.shape_inference finds them without any weights."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    weights = [t for t in copy.graph.initializer if t.external_data]
    for tensor in weights:
        copy.graph.input.append(onnx.helper.make_tensor_value_info(
            tensor.name, tensor.data_type, list(tensor.dims)))
        copy.graph.initializer.remove(tensor)
    for dimension, value in zip(copy.graph.input[0].type.tensor_type.shape.dim, (1, *size)):
        dimension.Clear()
        dimension.dim_value = value
    for output in copy.graph.output:
        for dimension in output.type.tensor_type.shape.dim:
            dimension.Clear()
    copy = onnx.shape_inference.infer_shapes(copy, data_prop=True)
    shapes = {t.name: list(t.dims) for t in copy.graph.initializer}
    for value in (*copy.graph.value_info, *copy.graph.input, *copy.graph.output):
        if value.type.tensor_type.HasField("shape"):
            dims = value.type.tensor_type.shape.dim
            if all(d.HasField("dim_value") for d in dims):
                shapes[value.name] = [d.dim_value for d in dims]
    return shapes


def attribute(node, name, default):
    return next((onnx.helper.get_attribute_value(a) for a in node.attribute if a.name == name),
                default)


def node_multiply_adds(node, shapes):
    """None where a shape is missing."""
    if node.op_type not in ("Conv", "ConvTranspose", "Gemm", "MatMul", "Einsum"):
        return 0
    found = [shapes.get(name) for name in (*node.input, node.output[0])]
    first, second, out = found[0], found[1], found[-1]
    if node.op_type == "Conv" and second and out:
        return math.prod(out) * math.prod(second[1:])
    if node.op_type == "ConvTranspose" and first and second:
        return math.prod(first) * math.prod(second[1:])
    if node.op_type == "Gemm" and out and second:
        return math.prod(out) * second[1 if attribute(node, "transB", 0) else 0]
    if node.op_type == "MatMul" and out and (first or second):
        return math.prod(out) * (first[-1] if first else second[-2])
    if node.op_type == "Einsum" and all(found):
        terms = attribute(node, "equation", b"").decode().replace(" ", "").split("->")[0].split(",")
        sizes = {axis: n for term, shape in zip(terms, found) for axis, n in zip(term, shape)}
        return math.prod(sizes.values())
    return None


def count_onnx(model, size, sources):
    """(multiply-adds, those below the nodes at `sources`, nodes whose shapes are not known)."""
    shapes = shapes_of(model, size)
    total, behind, unknown, below = 0, 0, [], set()
    for at, node in enumerate(model.graph.node):
        reads = any(name in below for name in node.input) and node.op_type not in ("Shape", "Size")
        multiply_adds = node_multiply_adds(node, shapes)
        if multiply_adds is None:
            unknown.append(node.name)
            continue
        total += multiply_adds
        behind += multiply_adds if reads else 0
        if reads or at in sources:
            below.update(node.output)
    return total, behind, unknown
