"""Writes fixtures/heads/*.onnx: one small segmenter with many kinds of last operators.

All files have the same weights, so that the scores of each are those of logits.onnx.
Needs onnx and numpy: python models/heads.py
"""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto as T
from onnx import helper as H
from onnx import numpy_helper as N

FOLDER = Path(__file__).resolve().parent.parent / "fixtures" / "heads"
MAP = ["n", 3, "h", "w"]
CHANNELS_LAST = ["n", "h", "w", 3]
IDS = ["n", "h", "w"]


def node(kind, inputs, output, **attributes):
    return H.make_node(kind, inputs, [output], name=f"{kind.lower()}_{output}", **attributes)


def to_last(source, output):
    return node("Transpose", [source], output, perm=[0, 2, 3, 1])


def constants():
    rng = np.random.default_rng(0)
    first = (rng.normal(size=(8, 3, 3, 3)) * 0.6).astype(np.float32)
    last = (rng.normal(size=(3, 8, 3, 3)) * 0.8).astype(np.float32)
    one = (rng.normal(size=(1, 8, 3, 3)) * 0.8).astype(np.float32)
    return {
        "w1": first,
        "w2": last,
        "w2_one": one,
        "ratio": np.float32(0.3),
        "mode": np.array(True),
        "bias": np.zeros(3, np.float32),
        "axis_1": np.array([1], np.int64),
        "scales": np.array([1, 2, 2], np.float32),
        "two": np.array([2], np.int64),
    }


def save(name, tail, sizes, kind=T.FLOAT, image=None, weight="w2"):
    """Writes conv - relu - live dropout - conv, followed by nodes that read "l" and write "y"."""
    nodes = [
        node("Conv", ["x" if image is None else "x_first", "w1"], "a", pads=[1, 1, 1, 1]),
        node("Relu", ["a"], "b"),
        H.make_node("Dropout", ["b", "ratio", "mode"], ["d"], name="drop"),
        node("Conv", ["d", weight], "l" if tail else "y", pads=[1, 1, 1, 1]),
        *tail,
    ]
    if image is not None:
        nodes.insert(0, node("Transpose", ["x"], "x_first", perm=[0, 3, 1, 2]))
    read = {name for item in nodes for name in item.input}
    inits = [N.from_array(value, key) for key, value in constants().items() if key in read]
    graph = H.make_graph(
        nodes,
        "segmenter",
        [H.make_tensor_value_info("x", T.FLOAT, image or MAP)],
        [H.make_tensor_value_info("y", kind, sizes)],
        inits,
    )
    model = H.make_model(graph, opset_imports=[H.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, FOLDER / f"{name}.onnx")


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    argmax = node("ArgMax", ["l"], "m", axis=1, keepdims=0)
    save("logits", [], MAP)
    save("one-channel", [], ["n", 1, "h", "w"], weight="w2_one")
    # As Ultralytics and mmdeploy export.
    save("argmax-uint8", [argmax, node("Cast", ["m"], "y", to=T.UINT8)], IDS, T.UINT8)
    save("argmax-int64", [node("ArgMax", ["l"], "y", axis=1)], ["n", 1, "h", "w"], T.INT64)
    save("argmax-negative-axis", [node("ArgMax", ["l"], "y", axis=-3, keepdims=0)], IDS, T.INT64)
    save("argmax-last-index",
         [node("ArgMax", ["l"], "y", axis=1, keepdims=0, select_last_index=1)], IDS, T.INT64)
    save("argmax-squeeze",
         [node("ArgMax", ["l"], "m", axis=1), node("Squeeze", ["m", "axis_1"], "s"),
          node("Cast", ["s"], "c", to=T.INT32), node("Identity", ["c"], "y")], IDS, T.INT32)
    save("argmax-float", [argmax, node("Cast", ["m"], "y", to=T.FLOAT)], IDS)
    save("softmax-argmax",
         [node("Softmax", ["l"], "p", axis=1), node("ArgMax", ["p"], "y", axis=1, keepdims=0)],
         IDS, T.INT64)
    save("channels-last", [to_last("l", "y")], CHANNELS_LAST)
    save("channels-last-image", [to_last("l", "y")], CHANNELS_LAST, image=["n", "h", "w", 3])
    bias = node("Add", ["t", "bias"], "y")
    save("channels-last-bias", [to_last("l", "t"), bias], CHANNELS_LAST)
    save("channels-last-undeclared", [to_last("l", "t"), bias], ["n", "p", "q", "r"])
    save("channels-last-softmax",
         [to_last("l", "t"), node("Softmax", ["t"], "y", axis=-1)], CHANNELS_LAST)
    save("softmax-channels-last",
         [node("Softmax", ["l"], "p", axis=1), to_last("p", "y")], CHANNELS_LAST)
    save("channels-last-argmax",
         [to_last("l", "t"), node("Add", ["t", "bias"], "u"),
          node("ArgMax", ["u"], "y", axis=-1, keepdims=0)], IDS, T.INT64)
    # Refused: class ids of which no scores are left, or of no classes.
    save("argmax-over-width", [node("ArgMax", ["l"], "y", axis=2, keepdims=0)],
         ["n", 3, "w"], T.INT64)
    save("argmax-over-batch", [node("ArgMax", ["l"], "y", axis=0)], [1, 3, "h", "w"], T.INT64)
    save("argmax-enlarged",
         [argmax, node("Cast", ["m"], "f", to=T.FLOAT),
          node("Resize", ["f", "", "scales"], "y", mode="nearest")], ["n", "h2", "w2"])
    save("top-k",
         [H.make_node("TopK", ["l", "two"], ["values", "y"], name="top_k", axis=1)],
         ["n", 2, "h", "w"], T.INT64)


if __name__ == "__main__":
    main()
