"""Writes fixtures/unusual/*.onnx: small models with unusual outputs, inputs, sites and weights.

tests/unusual_models.rs states what mcdrop makes of each. Needs onnx, onnxruntime and numpy: python models/unusual.py
"""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto as T
from onnx import helper as H
from onnx import numpy_helper as N

FOLDER = Path(__file__).resolve().parent.parent / "fixtures" / "unusual"
ML = H.make_opsetid("ai.onnx.ml", 3)
MAP = ["n", 3, "h", "w"]


def node(kind, inputs, output, name=None, **attributes):
    return H.make_node(kind, inputs, [output], name=name or f"{kind.lower()}_{output}", **attributes)


def floats(values):
    return np.array(values, np.float32)


def ints(*values):
    return np.array(values, np.int64)


def weights(*shape, seed=0, scale=1.0):
    return (np.random.default_rng(seed).normal(size=shape) * scale).astype(np.float32)


CONSTANTS = {
    "w1": weights(8, 3, 3, 3, scale=0.6),
    "ratio": np.float32(0.3),
    "mode": np.array(True),
    "axis_1": ints(1),
    "half": np.float32(0.5),
    "zero": np.float32(0),
    "one": np.float32(1),
    "bytes": np.float32(255),
    "flat": ints(-1),
}
DROP = [node("Dropout", ["f", "ratio", "mode"], "d", name="drop")]


def save(name, nodes, outputs, image=(T.FLOAT, MAP), opset=17, domains=(), **constants):
    read = {name for item in nodes for name in item.input}
    known = {**CONSTANTS, **constants}
    graph = H.make_graph(
        nodes, "unusual", [H.make_tensor_value_info("x", *image)], outputs,
        [N.from_array(np.asarray(value), key) for key, value in known.items() if key in read])
    model = H.make_model(graph, opset_imports=[H.make_opsetid("", opset), *domains], ir_version=8)
    onnx.save(model, FOLDER / f"{name}.onnx")


def value(name, sizes, kind=T.FLOAT):
    return H.make_tensor_value_info(name, kind, sizes)


def classifier(name, classes=3, tail=(), outputs=None, before=(), drop=DROP, w=None, **more):
    """conv - relu - pool - live dropout - gemm, then nodes that read "l" and write "y"."""
    nodes = [*before, node("Conv", ["numbers" if before else "x", "w1"], "a", pads=[1] * 4),
             node("Relu", ["a"], "r"), node("GlobalAveragePool", ["r"], "p"),
             node("Flatten", ["p"], "f"), *drop,
             node("Gemm", ["d", "w"], "l" if tail else "y", name="gemm"), *tail]
    w = weights(8, classes, scale=4) if w is None else w
    save(name, nodes, outputs or [value("y", ["n", classes])], w=w, **more)


def segmenter(name, tail=(), sizes=("n", 1, "h", "w"), kind=T.FLOAT, channels=1, w=None, **more):
    """conv - relu - live dropout - conv, then nodes that read "l" and write "y"."""
    nodes = [node("Conv", ["x", "w1"], "a", pads=[1] * 4), node("Relu", ["a"], "f"), *DROP,
             node("Conv", ["d", "w"], "l" if tail else "y", name="last", pads=[1] * 4), *tail]
    w = weights(channels, 8, 3, 3, seed=1, scale=0.8) if w is None else w
    save(name, nodes, [value("y", list(sizes), kind)], w=w, **more)


def one_channel():
    """A single channel, with its axis and without it."""
    squeeze = node("Squeeze", ["l", "axis_1"], "y")
    squeezed = [node("Sigmoid", ["l"], "s"), node("Squeeze", ["s", "axis_1"], "y")]
    n = [value("y", ["n"])]
    classifier("image-logit", 1)
    classifier("image-squeezed", 1, [squeeze], n)
    classifier("image-sigmoid-squeezed", 1, squeezed, n)
    classifier("image-squeezed-sigmoid", 1,
               [node("Squeeze", ["l", "axis_1"], "s"), node("Sigmoid", ["s"], "y")], n)
    classifier("image-reshaped", 1, [node("Reshape", ["l", "flat"], "y")], n)
    segmenter("map-logit")
    nhw = ["n", "h", "w"]
    segmenter("map-squeezed", [squeeze], nhw)
    segmenter("map-sigmoid-squeezed", squeezed, nhw)
    segmenter("map-reduced", [node("ReduceSum", ["l", "axis_1"], "y", keepdims=0)], nhw)
    segmenter("map-reduced-11", [node("ReduceSum", ["l"], "y", axes=[1], keepdims=0)], nhw, opset=12)
    segmenter("tokens", [node("Reshape", ["l", "shape"], "y")], ["n", 8, "t"], shape=ints(0, 8, -1))
    # Logits that lie between 0 and 1, and probabilities behind a layer.
    small = floats(np.full((8, 1), 0.05))
    classifier("small-logit", 1, w=small)
    classifier("small-logit-added", 1, [node("Add", ["l", "bias"], "y")], w=small, bias=floats([0.1]))
    segmenter("small-logit-map", w=floats(np.full((1, 8, 3, 3), 0.002)))
    classifier("small-logits", w=np.abs(weights(8, 3, scale=0.02)))
    segmenter("blurred-probability",
              [node("Sigmoid", ["l"], "s"), node("Conv", ["s", "blur"], "y", pads=[1] * 4)],
              blur=floats(np.full((1, 1, 3, 3), 1 / 9)))
    # The second channel of a softmax.
    soft = [node("Softmax", ["l"], "s", axis=1)]
    picked = {"first": ints(1), "last": ints(2), "second": np.int64(1)}
    classifier("softmax-slice", 2, [*soft, node("Slice", ["s", "first", "last", "axis_1"], "y")],
               [value("y", ["n", 1])], **picked)
    classifier("softmax-gather", 2, [*soft, node("Gather", ["s", "second"], "y", axis=1)],
               [value("y", ["n"])], **picked)
    classifier("two-logits", 2)


def decisions():
    sigmoid = node("Sigmoid", ["l"], "s")
    greater = node("Greater", ["s", "half"], "g")
    segmenter("greater", [sigmoid, node("Greater", ["s", "half"], "y")], kind=T.BOOL)
    segmenter("greater-float", [sigmoid, greater, node("Cast", ["g"], "y", to=T.FLOAT)])
    segmenter("greater-uint8", [node("Greater", ["l", "zero"], "g"), node("Cast", ["g"], "y", to=T.UINT8)],
              kind=T.UINT8)
    segmenter("round", [sigmoid, node("Round", ["s"], "y")])
    segmenter("where", [sigmoid, greater, node("Where", ["g", "one", "zero"], "y")])
    segmenter("cast-uint8", [sigmoid, node("Mul", ["s", "bytes"], "m"), node("Cast", ["m"], "y", to=T.UINT8)],
              kind=T.UINT8)


def containers():
    soft = node("Softmax", ["l"], "s", axis=-1)
    ids = node("ArgMax", ["l"], "ids", axis=1, keepdims=0)
    zipped = H.make_node("ZipMap", ["s"], ["y"], name="zip", domain="ai.onnx.ml", classlabels_int64s=[0, 1, 2])
    maps = H.make_value_info("y", H.make_sequence_type_proto(
        H.make_map_type_proto(T.INT64, H.make_tensor_type_proto(T.FLOAT, []))))
    named = H.make_node("LabelEncoder", ["ids"], ["y"], name="names", domain="ai.onnx.ml",
                        keys_int64s=[0, 1, 2], values_strings=["a", "b", "c"])
    listed = H.make_node("SequenceConstruct", ["l"], ["y"], name="list")
    tensors = H.make_value_info("y", H.make_sequence_type_proto(H.make_tensor_type_proto(T.FLOAT, None)))
    classifier("logits")
    classifier("zip-map", tail=[soft, zipped], outputs=[maps], domains=[ML])
    classifier("names", tail=[ids, named], outputs=[value("y", ["n"], T.STRING)], domains=[ML])
    classifier("sequence", tail=[listed], outputs=[tensors])
    aux = [node("Identity", ["l"], "logits"), node("Gemm", ["f", "w"], "aux")]
    classifier("aux-first", tail=aux, outputs=[value("aux", ["n", 3]), value("logits", ["n", 3])])


def sites():
    def bernoulli(*nodes):
        return [*nodes, H.make_node("Bernoulli", ["keep"], ["m"]), H.make_node("Mul", ["f", "m"], ["d"])]

    classifier("bernoulli-computed", drop=bernoulli(H.make_node("Sigmoid", ["f"], ["keep"])))
    classifier("bernoulli-expanded", theta=np.float32(1.7), drop=bernoulli(
        H.make_node("Sigmoid", ["theta"], ["t"]), H.make_node("Shape", ["f"], ["s"]),
        H.make_node("Expand", ["t", "s"], ["keep"])))
    classifier("bernoulli-vector", keep=floats([np.linspace(0.1, 0.9, 8)]), drop=bernoulli())
    noise = [H.make_node("RandomNormalLike", ["f"], ["z"], dtype=T.FLOAT16),
             H.make_node("Cast", ["z"], ["z32"], to=T.FLOAT), H.make_node("Add", ["f", "z32"], ["d"])]
    classifier("noise-f16", drop=noise)

    def ratio(name, inputs, *nodes, **constants):
        drop = [*nodes, node("Dropout", ["f", *inputs], "d", name="drop")]
        classifier(name, drop=drop, **constants)

    ratio("ratio-one", ["all", "mode"], all=np.float32(1))
    ratio("ratio-above-one", ["all", "mode"], all=np.float32(1.5))
    ratio("ratio-nan", ["all", "mode"], all=np.float32(np.nan))
    ratio("ratio-computed", ["t", "mode"], node("ReduceMean", ["f"], "q", axes=[0, 1], keepdims=0),
          node("Sigmoid", ["q"], "t"))
    ratio("ratio-one-inert", ["all", "off"], all=np.float32(1), off=np.array(False))
    classifier("no-dropout", drop=[node("Identity", ["f"], "d")])
    for level in ["BASIC", "EXTENDED", "ALL"]:
        options = onnxruntime.SessionOptions()
        options.optimized_model_filepath = str(FOLDER / f"optimized-{level.lower()}.onnx")
        options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, f"ORT_ENABLE_{level}")
        options.log_severity_level = 3
        onnxruntime.InferenceSession(FOLDER / "map-logit.onnx", options)


def values():
    classifier("minus-infinity", tail=[node("Mul", ["l", "zero"], "z"), node("Log", ["z"], "y")])
    classifier("nan", tail=[node("Log", ["l"], "y")])
    overflowing = [node("Mul", ["l", "big"], "m", name="scale"), node("Exp", ["m"], "y", name="exp")]
    classifier("infinity", tail=overflowing, w=np.abs(weights(8, 3)), big=np.float32(1e4))
    nan = weights(8, 3)
    nan[0, 0] = np.nan
    classifier("nan-weight", w=nan)
    half = {"w1": (weights(8, 3, 3, 3, scale=0.6) * 3000).astype(np.float16), "w": weights(8, 3).astype(np.float16),
            "big": np.float16(100)}
    nodes = [node("Conv", ["x", "w1"], "a", pads=[1] * 4), node("Mul", ["a", "big"], "m", name="scale"),
             node("GlobalAveragePool", ["m"], "p"), node("Flatten", ["p"], "f"), *DROP,
             node("Gemm", ["d", "w"], "y", name="gemm")]
    save("overflow-f16", nodes, [value("y", ["n", 3], T.FLOAT16)], image=(T.FLOAT16, MAP), **half)
    save("overflow-f16-softmax", [*nodes[:-1], node("Gemm", ["d", "w"], "l", name="gemm"),
                                  node("Softmax", ["l"], "y", axis=-1)],
         [value("y", ["n", 3], T.FLOAT16)], image=(T.FLOAT16, MAP), **half)


def inputs():
    cast = node("Cast", ["x"], "c", to=T.FLOAT)
    classifier("bytes", before=[cast, node("Div", ["c", "bytes"], "numbers")], image=(T.UINT8, MAP))
    classifier("integers", before=[node("Cast", ["x"], "numbers", to=T.FLOAT)], image=(T.INT64, MAP))
    # The declared sizes, or those that layers need, contradict each other.
    segmenter("declared-otherwise", sizes=["n", 5])
    classifier("wrong-layer", drop=[node("Identity", ["x"], "i"), node("Flatten", ["i"], "g"),
                                    node("Dropout", ["g", "ratio", "mode"], "d", name="drop")],
               w=weights(8, 3), image=(T.FLOAT, ["n", 3, 16, 16]))
    nodes = [node("Conv", ["x", "w1"], "a", pads=[1] * 4), node("Add", ["a", "other"], "f"), *DROP,
             node("Conv", ["d", "w"], "y", pads=[1] * 4)]
    save("wrong-sum", nodes, [value("y", ["n", 2, 16, 16])], image=(T.FLOAT, ["n", 3, 16, 16]),
         w=weights(2, 8, 3, 3), other=weights(1, 8, 15, 16))


def pruned():
    dead = weights(16, 8, 3, 3)
    dead[::3] = 0
    segmenter("dead-filters", channels=16, w=dead, sizes=["n", 16, "h", "w"])
    columns = weights(8, 40)
    columns[:, ::4] = 0
    classifier("dead-columns", 40, w=columns)
    rows = weights(40, 8)
    rows[::4] = 0
    matrix = [node("MatMul", ["l", "m"], "y")]
    classifier("dead-outputs", 8, matrix, [value("y", ["n", 40])], w=weights(8, 8), m=rows.T)
    dropped = weights(16, 8, 3, 3)
    dropped[np.random.default_rng(5).uniform(size=dropped.shape) < 0.3] = 0
    segmenter("dropped-weights", channels=16, w=dropped, sizes=["n", 16, "h", "w"])
    both = dropped.copy()
    both[::3] = 0
    segmenter("dead-and-dropped", channels=16, w=both, sizes=["n", 16, "h", "w"])
    frozen = floats([[2, 0, 2, 0, 2, 2, 0, 0]])
    classifier("frozen-mask", drop=[node("Mul", ["f", "mask"], "e", name="frozen"),
                                    node("Dropout", ["e", "ratio", "mode"], "d", name="drop")], mask=frozen)
    classifier("frozen-mask-only", drop=[node("Mul", ["f", "mask"], "d", name="frozen")], mask=frozen)
    kept = np.asarray([[True, False, True, False, True, True, False, False]])
    live = node("Dropout", ["e", "ratio", "mode"], "d", name="drop")
    classifier("frozen-where", drop=[node("Where", ["mask", "f", "zero"], "e", name="frozen"), live],
               mask=kept)
    classifier("frozen-cast", drop=[node("Cast", ["mask"], "m", to=T.FLOAT),
                                    node("Mul", ["f", "m"], "e", name="frozen"), live], mask=kept)
    aux = [node("Identity", ["l"], "logits"), node("Mul", ["f", "mask"], "e", name="frozen"),
           node("Gemm", ["e", "w"], "aux")]
    classifier("frozen-elsewhere", tail=aux, mask=frozen,
               outputs=[value("logits", ["n", 3]), value("aux", ["n", 3])])


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    one_channel()
    decisions()
    containers()
    sites()
    values()
    inputs()
    pruned()


if __name__ == "__main__":
    main()
