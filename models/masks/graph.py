"""Stratified dropout masks as a graph of standard ONNX operators, valid from opset 11 on.

Add, Mul, BitShift, Div, Mod and Less on uint64 tensors; no random operator. `python -m models.masks --check`
shows in ONNX Runtime that it is the same function as `reference.dropped`.
"""

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from models.masks.reference import BLOCK, KEY_START, MASK32, STRATIFIED, U64, as_word, hash_key, threshold

SITE, RATIO = "/features/Dropout_output_0", 0.3


class GraphBuilder:
    """Nodes and constants of a graph over uint64 tensors."""

    def __init__(self):
        self.nodes, self.constants = [], {}

    def const(self, value, dtype=U64):
        name = f"{np.dtype(dtype).name}_{int(value)}"
        self.constants[name] = numpy_helper.from_array(np.array(value, dtype), name)
        return name

    def op(self, kind, *inputs, output=None, **attributes):
        output = output or f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [output], **attributes))
        return output

    def add(self, a, b):
        return self.op("Add", a, b)

    def mul(self, a, b):
        return self.op("Mul", a, b)

    def shift(self, x, direction):
        return self.op("BitShift", x, self.const(32), direction=direction)

    def swap_halves(self, x):
        return self.add(self.shift(x, "RIGHT"), self.shift(x, "LEFT"))

    def low_half(self, x):
        return self.shift(self.shift(x, "LEFT"), "RIGHT")

    def unsigned(self, x):
        return self.op("Cast", x, to=TensorProto.UINT64)

    def squares32(self, counter, key):
        y = self.mul(counter, key)
        z = self.add(y, key)
        x = self.swap_halves(self.add(self.mul(y, y), y))
        x = self.swap_halves(self.add(self.mul(x, x), z))
        x = self.swap_halves(self.add(self.mul(x, x), y))
        return self.shift(self.add(self.mul(x, x), z), "RIGHT")

    def absorb(self, key, word):
        even = self.add(word, word)
        high = self.squares32(even, key)
        low = self.squares32(self.add(even, self.const(1)), key)
        word = self.add(self.shift(high, "LEFT"), low)
        return self.add(self.mul(word, self.const(2)), self.const(1))

    def halves(self, signed):
        word = self.unsigned(signed)
        return self.low_half(word), self.shift(word, "RIGHT")


def build_graph(units, opset=17):
    """Builds stratified `dropped` as an ONNX model; site and ratio are constants of the graph."""
    g = GraphBuilder()
    site, length = as_word(hash_key(SITE.encode())), g.const(BLOCK, np.int64)
    block, i = (g.unsigned(g.op(kind, "sample", length)) for kind in ("Div", "Mod"))
    words = [g.const(STRATIFIED), *g.halves("seed"), g.const(site & MASK32),
             g.const(site >> U64(32)), g.const(0), *g.halves("image_key"), block]
    key = g.const(KEY_START)
    for word in words:
        key = g.absorb(key, word)
    unit = g.unsigned(g.op("Range", *(g.const(v, np.int64) for v in (0, units, 1))))
    spread = g.mul(g.squares32(unit, key), g.const(BLOCK * (BLOCK - 1)))
    j, e = g.shift(spread, "RIGHT"), g.low_half(spread)
    a = g.add(g.op("Mod", j, g.const(BLOCK - 1)), g.const(1))
    c = g.op("Div", j, g.const(BLOCK - 1))
    stratum = g.op("Mod", g.add(g.mul(a, i), c), g.const(BLOCK))
    place = g.add(g.shift(stratum, "LEFT"), e)
    g.op("Less", place, g.const(U64(BLOCK) * threshold(RATIO)), output="dropped")
    scalar = [helper.make_tensor_value_info(name, TensorProto.INT64, [])
              for name in ("seed", "sample", "image_key")]
    output = helper.make_tensor_value_info("dropped", TensorProto.BOOL, [units])
    graph = helper.make_graph(g.nodes, "dropout_mask", scalar, [output],
                              list(g.constants.values()))
    opsets = [helper.make_opsetid("", opset)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=7 if opset < 19 else 10)


def run_graph(model, cases):
    """Returns the masks that ONNX Runtime draws for (seed, sample, image_key) triples."""
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"])
    for seed, sample, image in cases:
        feed = {"seed": seed, "sample": sample, "image_key": image}
        yield session.run(None, {k: np.array(v, np.int64) for k, v in feed.items()})[0]
