"""Reads and writes ONNX files without their weights."""

import ast
import re
from collections import Counter
from math import prod

import onnx
from onnx import TensorProto
from onnx.external_data_helper import load_external_data_for_tensor

from models.export import nodes_within
from models.exports.read import Scope, drop_rate, walk

KEPT = ("pkg.torch.onnx.name_scopes", "pkg.torch.onnx.class_hierarchy")
INLINE = 1024  # bytes up to which an initializer stays in the file
ALIGNMENT = 64
DATA = "weights.bin"
MOVERS = {"Identity", "Cast", "Flatten", "Reshape", "Squeeze", "Unsqueeze", "Transpose", "Mul", "Div"}


def load_small(model, folder):
    """Loads the values of the initializers that stay in the file; dynamo writes these to the data file, too."""
    for tensor in model.graph.initializer:
        if tensor.data_location == TensorProto.EXTERNAL and data_bytes(tensor) <= INLINE:
            load_external_data_for_tensor(tensor, folder)
            tensor.data_location = TensorProto.DEFAULT
            del tensor.external_data[:]


def strip_classes(model):
    """Removes the classes of the modules that a node comes from; keeps the paths of the modules."""
    for node in model.graph.node:
        keep(node, KEPT[:1])


def shorten_constants(model):
    """Shortens the names of the outputs of Constant nodes, a sixth of a large legacy file."""
    made = (n.output[0] for n in model.graph.node if n.op_type == "Constant")
    names = {name: f"c{i}" for i, name in enumerate(made)}
    for node in model.graph.node:
        for side in (node.input, node.output):
            side[:] = [names.get(name, name) for name in side]


def strip(model):
    """Keeps only the graph: larger initializers become positions in a data file, whose length is returned. Of the
    metadata of nodes, only names, scopes and classes stay."""
    offset = 0
    for tensor in model.graph.initializer:
        size = data_bytes(tensor)
        if size <= INLINE:
            assert tensor.data_location == TensorProto.DEFAULT, tensor.name
            continue
        name, kind, dims = tensor.name, tensor.data_type, list(tensor.dims)
        tensor.Clear()
        tensor.name, tensor.data_type, tensor.data_location = name, kind, TensorProto.EXTERNAL
        tensor.dims.extend(dims)
        offset = -(-offset // ALIGNMENT) * ALIGNMENT
        for key, value in (("location", DATA), ("offset", offset), ("length", size)):
            tensor.external_data.add(key=key, value=str(value))
        offset += size
    for node in nodes_within(model.graph):
        node.ClearField("doc_string")
        keep(node, KEPT)
    for part in [model, model.graph, *model.graph.initializer, *model.graph.input,
                 *model.graph.output]:
        part.ClearField("doc_string")
        del part.metadata_props[:]
    del model.graph.value_info[:]
    return offset


def data_bytes(tensor):
    per_element = onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize
    return prod(tensor.dims) * per_element


def keep(node, keys):
    kept = [p for p in node.metadata_props if p.key in keys]
    del node.metadata_props[:]
    node.metadata_props.extend(kept)


def top(model):
    """Returns the top-level scope, with the values that are in the file."""
    inside = [t for t in model.graph.initializer if t.data_location != TensorProto.EXTERNAL]
    return Scope(model, model.graph.node, inside)


def module_of(node):
    """Returns the path of the module that a node comes from: by dynamo's scopes, or by the name that the legacy
    exporter gives, "/mlp/mlp.3/Add", in which the child of a Sequential repeats its parent."""
    for p in node.metadata_props:
        if p.key == KEPT[0]:
            scopes = ast.literal_eval(p.value)
            return scopes[-2] if len(scopes) > 1 else ""
    path = []
    for part in node.name.strip("/").split("/")[:-1]:
        if path and part.startswith(path[-1] + "."):
            path.pop()
        path.append(part)
    return ".".join(path)


def matches(model, rule):
    """Yields (node, match of its module) for the nodes that a rule selects."""
    graph = top(model)
    turns, found = Counter(), []
    for node in model.graph.node:
        match = re.fullmatch(rule.module, module_of(node))
        if not match or node.op_type not in rule.operators:
            continue
        if rule.place == "attention" and softmax_operand(graph, node) is None:
            continue
        turns[match[0]] += 1
        if turns[match[0]] == rule.turn + 1:
            found.append((node, match))
    return found


def softmax_operand(graph, node):
    """Returns the operand of a product that is computed by a softmax."""
    for name in node.input:
        maker = graph.makers.get(name)
        while maker is not None and maker.op_type in ("Dropout", "Reshape", "Identity", "Where"):
            maker = graph.makers.get(maker.input[2 if maker.op_type == "Where" else 0])
        if maker is not None and maker.op_type == "Softmax":
            return name
    return None


def candidates(model, rules):
    """Returns the places for dropout: the reading node, the tensor, and the module that has a dropout there."""
    graph, found = top(model), []
    order = {node.name: i for i, node in enumerate(model.graph.node)}
    for rule in rules:
        for node, match in matches(model, rule):
            tensor = node.input[rule.operand]
            if rule.place == "attention":
                tensor = softmax_operand(graph, node)
            if rule.output:
                tensor = node.output[0]
                node = graph.readers[tensor][0]
            found.append({"node": node.name, "place": rule.place, "tensor": tensor,
                          "dropout": rule.dropout and rule.dropout.format(match[0], *match.groups())})
        assert found, rule
    return sorted(found, key=lambda c: order[c["node"]])


DROPPING = {*MOVERS, "Dropout", "Less", "Add", "Floor"}


def sites_before(model, tensor, live):
    """Returns the live sites from which only arithmetic of masks and reshaping leads to a tensor."""
    graph, found, open_ = top(model), set(), [tensor]
    while open_:
        node = graph.makers.get(open_.pop())
        if node is None:
            continue
        if node.name in live:
            found.add(node.name)
        if node.op_type in DROPPING:
            open_.extend(node.input)
    return found


def sites_after(model, tensor, live):
    """Returns the live sites that read a tensor."""
    return {n.name for n in top(model).readers.get(tensor, []) if n.name in live}


def head(model):
    """Returns the names of the last layers with weights before the output."""
    graph, heads, open_ = top(model), [], [o.name for o in model.graph.output]
    while open_:
        node = graph.makers.get(open_.pop(0))
        if node is None:
            continue
        if node.op_type in ("Conv", "Gemm", "MatMul"):
            heads.append(node.name)
        else:
            open_.extend(node.input)
    return sorted(set(heads))


def random_sites(model):
    """Returns (live sites, number of Dropout nodes without effect) of a file."""
    opset = next(o.version for o in model.opset_import if o.domain == "")
    live, dead = [], 0
    for node, scope in walk(top(model)):
        if node.op_type not in ("Dropout", "RandomUniformLike"):
            assert "Random" not in node.op_type and node.op_type != "Bernoulli", node.op_type
            continue
        ratio, alive = drop_rate(node, scope, opset)
        if not alive:
            dead += 1
            continue
        depth = re.search(r"(stochastic_depth|drop_path)$", module_of(node))
        live.append({"kind": "stochastic_depth" if depth else "dropout", "ratio": ratio,
                     "module": module_of(node), "node": node.name})
    return live, dead
