"""Reads the random nodes of an ONNX file, to check the table of the export cases against the files.

Uses only operators, constants and the shapes of tensors when the file runs, not the PyTorch models.
"""

from collections import Counter

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper

RANDOM = {"Dropout", "Bernoulli", "Multinomial", "RandomUniform", "RandomUniformLike",
          "RandomNormal", "RandomNormalLike"}
COMPARE = {"Less", "LessOrEqual", "Greater", "GreaterOrEqual"}
PASSING = {"Identity", "Cast", "Expand", "Reshape", "Unsqueeze", "CastLike"}


class Scope:
    """A graph or the body of a function, in which names are looked up."""

    def __init__(self, model, nodes, initializers=(), outer=None, names=None, attributes=None):
        self.model, self.nodes, self.outer = model, list(nodes), outer
        self.names, self.attributes = names or {}, attributes or {}
        self.values = {t.name: numpy_helper.to_array(t) for t in initializers}
        self.makers = {o: n for n in self.nodes for o in n.output if o}
        self.readers = {}
        for node in self.nodes:
            for name in node.input:
                self.readers.setdefault(name, []).append(node)

    def attribute(self, node, name, default=None):
        for a in node.attribute:
            if a.name == name:
                return self.attributes[a.ref_attr_name] if a.ref_attr_name else \
                    helper.get_attribute_value(a)
        return default

    def constant(self, name):
        """Returns the value of a tensor that depends on no input; None if it depends on one."""
        if name in self.values:
            return self.values[name]
        node = self.makers.get(name)
        if node is None:
            inner = self.names.get(name, name)
            return self.outer.constant(inner) if self.outer else None
        if node.op_type == "Constant":
            value = self.attribute(node, "value")
            value = self.attribute(node, "value_float") if value is None else value
            return numpy_helper.to_array(value) if isinstance(value, onnx.TensorProto) else \
                np.asarray(value)
        if node.op_type == "ConstantOfShape":
            value = self.attribute(node, "value")
            return np.zeros(1) if value is None else numpy_helper.to_array(value)
        if node.op_type in PASSING:
            return self.constant(node.input[0])
        return None


def walk(scope):
    """Yields every node with its scope, including subgraphs and functions, in the order of the file."""
    functions = {(f.domain, f.name): f for f in scope.model.functions}
    for node in scope.nodes:
        yield node, scope
        called = functions.get((node.domain, node.op_type))
        if called:
            attributes = {a.name: scope.attribute(node, a.name) for a in node.attribute}
            yield from walk(Scope(scope.model, called.node, (), scope,
                                  dict(zip(called.input, node.input)), attributes))
        for a in node.attribute:
            if a.HasField("g"):
                yield from walk(Scope(scope.model, a.g.node, a.g.initializer, scope))


def top(model):
    return Scope(model, model.graph.node, model.graph.initializer)


def downstream(node, scope, steps):
    """Returns the nodes within `steps` of a node, nearest first."""
    found, edge = [], [node]
    for _ in range(steps):
        edge = [r for n in edge for o in n.output for r in scope.readers.get(o, [])]
        found += [n for n in edge if n not in found]
    return found


def scalar(value):
    return None if value is None or np.unique(value).size != 1 else float(np.ravel(value)[0])


def drop_rate(node, scope, opset):
    """Returns (ratio, live) of a node; the ratio is None if no constant defines it."""
    if node.op_type == "Dropout":
        if opset < 12:
            return scope.attribute(node, "ratio", 0.5), False
        given = [*node.input, "", ""][1:3]
        ratio = 0.5 if not given[0] else scalar(scope.constant(given[0]))
        training = bool(given[1]) and bool(scope.constant(given[1]))
        return ratio, training and ratio > 0
    if node.op_type == "Bernoulli":
        keep = scalar(scope.constant(node.input[0]))
        return (None if keep is None else 1 - keep), True
    for reader in downstream(node, scope, 1):
        other = [scalar(scope.constant(i)) for i in reader.input if i not in node.output]
        if not other or other[0] is None:
            continue
        first = reader.input[0] in node.output
        below = reader.op_type.startswith("Less") == first
        if reader.op_type in COMPARE:
            return (1 - other[0] if keeps(reader, scope, below) else other[0]), True
        if reader.op_type == "Add" and downstream(reader, scope, 1)[0].op_type == "Floor":
            return 1 - other[0], True
    return None, True


def keeps(compare, scope, below):
    """Returns whether values are kept if "u is below the threshold": not if a Where writes zeros there."""
    where = [n for n in downstream(compare, scope, 2) if n.op_type == "Where"]
    zero_if_true = where and scalar(scope.constant(where[0].input[1])) == 0
    return not below if zero_if_true else below


def kind_of(node, scope, shape, unit):
    near = downstream(node, scope, 6)
    if node.op_type.startswith("RandomNormal") or any(
            n.op_type == "PRelu" for n in downstream(node, scope, 2)):
        return "noise"
    if any(n.op_type == "MaxPool" for n in near):
        return "drop_block"
    if node.op_type == "Dropout" and scope.constant(node.input[0]) is not None:
        values = scope.constant(node.input[0])
        return "dropout" if np.all(values == 1) else "weight_dropout"
    adds = [n for n in downstream(node, scope, 3) if n.op_type == "Add"]
    if any(len(scope.readers.get(n.input[k], [])) == 2 for n in adds for k in range(2)
           if scope.makers.get(n.input[k]) is not None
           and scope.makers[n.input[k]].op_type == "Cast"):
        return "alpha_dropout"
    return "stochastic_depth" if unit == "row" else "dropout"


def unit_of(shape, batch):
    """Returns (unit, shared by the batch), from the shape of the draws for a batch of `batch`, which should not be a
    number of channels: windows and heads may be part of the batch axis."""
    rest = list(shape[1:])
    shared = batch > 1 and not any(d % batch == 0 for d in shape[:2])
    if all(d == 1 for d in rest):
        return "row", shared
    if len(shape) == 4 and rest[0] == 1:
        return "pixel", shared
    if len(shape) > 2 and (all(d == 1 for d in rest[1:]) or (len(shape) == 3 and rest[0] == 1)):
        return "channel", shared
    return "element", shared


def shapes(model, path, names, image):
    """Returns the shapes of tensors of the top graph when the file runs."""
    if not names:
        return {}
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    copy.graph.output.extend(onnx.ValueInfoProto(name=n) for n in names)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        session = onnxruntime.InferenceSession(copy.SerializeToString(), options)
        return dict(zip(names, (v.shape for v in session.run(names, {"image": image}))))
    except Exception:
        from onnx.reference import ReferenceEvaluator
        values = ReferenceEvaluator(copy).run(names, {"image": image})
        return dict(zip(names, (v.shape for v in values)))


def drawn_zeros(model):
    """Returns whether a mask or a weight has many exact zeros, as if it had been drawn."""
    used = {i for n in model.graph.node if n.op_type in ("Mul", "Conv", "Gemm", "MatMul")
            for i in n.input}
    values = [numpy_helper.to_array(t) for t in model.graph.initializer if t.name in used]
    return any(v.size >= 8 and v.ndim > 1 and 0.1 <= np.mean(v == 0) < 1 for v in values)


def read(path, image):
    """Returns the part of an entry of exports.json that the file shows, and a count of all its nodes."""
    model = onnx.load(path)
    opset = next(o.version for o in model.opset_import if o.domain == "")
    main = top(model)
    random = [(n, s) for n, s in walk(main) if n.op_type in RANDOM]
    sizes = shapes(model, path, [n.output[0] for n, s in random if s is main], image)
    sites = []
    for node, scope in random:
        ratio, live = drop_rate(node, scope, opset)
        shape = sizes.get(node.output[0])
        unit, shared = unit_of(shape, len(image)) if shape else ("element", False)
        if node.op_type == "Dropout" and scope.constant(node.input[0]) is None:
            unit = "element"
        kind = kind_of(node, scope, shape, unit)
        if kind == "weight_dropout" or (kind == "noise" and shared):
            unit = "element"
        sites.append({"kind": kind, "ratio": ratio, "unit": unit, "live": live, "shared": shared})
    norms = sum(n.op_type == "BatchNormalization"
                and (scope.attribute(n, "training_mode", 0) == 1 or len(n.output) == 5)
                for n, scope in walk(main))
    weights = {t.name for t in model.graph.initializer}
    images = [i for i in model.graph.input if i.name not in weights]
    dims = [d.dim_value or None for d in images[0].type.tensor_type.shape.dim]
    return {"opset": opset, "sites": sites, "batch_norm_training": norms, "batch": dims[0],
            "size": dims[1:], "zeros": drawn_zeros(model), "inputs": [i.name for i in images],
            "outputs": [o.name for o in model.graph.output],
            "nodes": Counter(n.op_type for n, _ in walk(main))}
