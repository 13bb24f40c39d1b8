"""Export cases: dropout in branches, loops and model-local functions.

PyTorch 2.15 does not write model-local functions: it refuses export_modules_as_functions. The three here are
legacy exports whose Dropout nodes are moved into functions by onnx.helper.
"""

import onnx
import torch
from onnx import helper
from torch.nn import functional as F
from torch import nn

from models.exports.case import exported, hand, site, write_plain
from models.exports.nets import Net, Tokens

DOMAIN = "outlined"


class Branch(Net):
    """Dropout in one branch of an If; the reference values take that branch."""

    def __init__(self, ratio=0.3):
        super().__init__(None)
        self.ratio, self.on = ratio, True

    def forward(self, image):
        x, ratio, on = self.features(image), self.ratio, self.on
        x = torch.cond(image.abs().max() > 0.5, lambda y: F.dropout(y, ratio, on),
                       lambda y: 0.5 * y, (x,))
        return self.head(x.flatten(1))


exported("branch", Branch, "torch.cond(image.abs().max() > 0.5, F.dropout(x, 0.3), 0.5 * x)",
         [site(ratio=0.3)], by=("dynamo",))


@torch.jit.script
def passes(x, weight, bias, on: bool, count: int):
    total = torch.zeros([x.size(0), weight.size(0)])
    for _ in range(count):
        total = total + F.linear(F.dropout(x, 0.4, on), weight, bias)
    return total / count


class Looped(Net):
    """The mean of four passes, in a scripted loop."""

    def __init__(self):
        super().__init__(None)
        self.on = True

    def forward(self, image):
        x = self.features(image).flatten(1)
        return passes(x, self.head.weight, self.head.bias, self.on, 4)


exported("loop", Looped, "the mean of four passes through F.dropout(x, 0.4) in a scripted loop",
         [site(ratio=0.4)], by=("legacy-17",))


def two_dropouts():
    return Tokens(nn.Sequential(nn.Dropout(0.1), nn.Linear(8, 8), nn.ReLU(), nn.Dropout(0.4)))


def function(name, inputs, outputs, nodes, attributes=()):
    versions = [helper.make_opsetid("", 17), helper.make_opsetid(DOMAIN, 1)]
    return helper.make_function(DOMAIN, name, inputs, outputs, nodes, versions, attributes)


def replace_nodes(model, make):
    """Replaces each node by make(node) unless that is None; adds the domain."""
    nodes = [make(node) or node for node in model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    model.opset_import.append(helper.make_opsetid(DOMAIN, 1))


@hand("function-inputs", two_dropouts, "model-local function Drop(x, ratio, training), called twice",
      [site(ratio=0.1), site(ratio=0.4)])
def function_inputs(case, path):
    write_plain(case, path)
    model = onnx.load(path)
    model.functions.append(function("Drop", ["x", "ratio", "training"], ["y"], [
        helper.make_node("Dropout", ["x", "ratio", "training"], ["y"], name="dropped")]))
    replace_nodes(model, lambda n: helper.make_node(
        "Drop", list(n.input), n.output[:1], name=n.name, domain=DOMAIN)
        if n.op_type == "Dropout" else None)
    onnx.save(model, path)


def ratio_attribute(node, model):
    for other in model.graph.node:
        if other.output[0] == node.input[1]:
            return float(onnx.numpy_helper.to_array(other.attribute[0].t))
    raise ValueError(node.name)


def constant_of(attribute, output):
    """Creates a Constant whose value_float is an attribute of the function."""
    node = helper.make_node("Constant", [], [output])
    node.attribute.append(onnx.AttributeProto(name="value_float", ref_attr_name=attribute,
                                              type=onnx.AttributeProto.FLOAT))
    return node


def drop_by_attribute():
    true = helper.make_tensor("true", onnx.TensorProto.BOOL, [], [True])
    return function("Drop", ["x"], ["y"], [
        constant_of("ratio", "r"), helper.make_node("Constant", [], ["t"], value=true),
        helper.make_node("Dropout", ["x", "r", "t"], ["y"], name="dropped")], ["ratio"])


@hand("function-attribute", two_dropouts,
      "model-local function Drop(x){ratio}, called with two ratios",
      [site(ratio=0.1), site(ratio=0.4)])
def function_attribute(case, path):
    write_plain(case, path)
    model = onnx.load(path)
    model.functions.append(drop_by_attribute())
    replace_nodes(model, lambda n: helper.make_node(
        "Drop", n.input[:1], n.output[:1], name=n.name, domain=DOMAIN,
        ratio=ratio_attribute(n, model)) if n.op_type == "Dropout" else None)
    onnx.save(model, path)


@hand("function-nested", lambda: Net(nn.Dropout(0.3)),
      "model-local function Head that calls the function Drop(x){ratio}", [site(ratio=0.3)])
def function_nested(case, path):
    write_plain(case, path)
    model = onnx.load(path)
    dropout = next(n for n in model.graph.node if n.op_type == "Dropout")
    gemm = next(n for n in model.graph.node if n.op_type == "Gemm")
    inner = helper.make_node("Drop", ["x"], ["d"], domain=DOMAIN)
    inner.attribute.append(onnx.AttributeProto(name="ratio", ref_attr_name="ratio",
                                               type=onnx.AttributeProto.FLOAT))
    body = [inner, helper.make_node("Flatten", ["d"], ["f"], axis=1),
            helper.make_node("Gemm", ["f", "w", "b"], ["y"], transB=1)]
    model.functions.extend([drop_by_attribute(),
                            function("Head", ["x", "w", "b"], ["y"], body, ["ratio"])])
    head = helper.make_node("Head", [dropout.input[0], *gemm.input[1:]], gemm.output, domain=DOMAIN,
                            ratio=ratio_attribute(dropout, model))
    kept = [n for n in model.graph.node if n.op_type in ("Conv", "Relu")]
    del model.graph.node[:]
    model.graph.node.extend([*kept, head])
    model.opset_import.append(helper.make_opsetid(DOMAIN, 1))
    onnx.save(model, path)
