"""Times a convolution after channel dropout in ONNX Runtime, if it reads only the kept channels, or subtracts
the contribution of the dropped ones from the result without dropout.

Both need weights that are selected for each sample. They are not constants, so ONNX Runtime can neither pack
them in advance nor keep the data in its blocked layout, and a run has one sample. The graph is what lies
between two such layers: convolution, with BatchNorm folded in, ReLU, convolution.

Run (versions in .config/bench-peers.txt):
    PYTHONPATH=.peers python benches/channel_dropout.py [THREADS]
"""

import statistics
import sys
import time

import numpy as np
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper


def session(nodes, inputs, weights, threads):
    value = [helper.make_tensor_value_info(name, kind, shape) for name, kind, shape in inputs]
    output = [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)]
    constants = [numpy_helper.from_array(array, name) for name, array in weights.items()]
    graph = helper.make_graph(nodes, "g", value, output, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    return ort.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"])


def conv(x, w, y, kernel):
    return helper.make_node("Conv", [x, w], [y], kernel_shape=[kernel] * 2, pads=[kernel // 2] * 4)


def main(threads):
    print("channels, size, kernel | ms dense | ratio: kept p=.5, p=.2 | dropped p=.5, p=.2, p=.1")
    for channels, height, width, kernel in [(256, 45, 60, 3), (128, 90, 120, 3), (512, 32, 64, 1)]:
        random = np.random.default_rng(1)
        weights = {
            name: random.standard_normal((channels, channels, kernel, kernel)).astype(np.float32) / 50 for name in "wv"
        }
        x = random.standard_normal((1, channels, height, width)).astype(np.float32)
        image = ("x", TensorProto.FLOAT, [1, channels, height, width])
        picked = ("picked", TensorProto.INT64, ["n"])
        follow = [helper.make_node("Relu", ["a"], ["b"]), conv("b", "v", "y", kernel)]
        pick = [
            helper.make_node("Gather", ["x", "picked"], ["xs"], axis=1),
            helper.make_node("Gather", ["w", "picked"], ["ws"], axis=1),
        ]
        dense = session([conv("x", "w", "a", kernel)] + follow, [image], weights, threads)
        kept = session(pick + [conv("xs", "ws", "a", kernel)] + follow, [image, picked], weights, threads)
        whole = ("whole", TensorProto.FLOAT, [1, channels, height, width])
        subtract = [conv("xs", "ws", "d", kernel), helper.make_node("Sub", ["whole", "d"], ["a"])]
        less = session(pick + subtract + follow, [image, picked, whole], weights, threads)

        def some(share):
            return np.sort(random.permutation(channels)[: int(channels * share)]).astype(np.int64)

        runs = {"dense": lambda: dense.run(None, {"x": x})}
        for p in (0.5, 0.2):
            runs[f"kept {p}"] = lambda p=p: kept.run(None, {"x": x, "picked": some(1 - p)})
        for p in (0.5, 0.2, 0.1):
            runs[f"dropped {p}"] = lambda p=p: less.run(None, {"x": x, "picked": some(p), "whole": x})
        times = {name: [] for name in runs}
        for _ in range(30):
            for name, run in runs.items():
                begin = time.perf_counter()
                run()
                times[name].append(time.perf_counter() - begin)
        middle = {name: statistics.median(values[5:]) for name, values in times.items()}
        ratios = [f"{middle[name] / middle['dense']:.2f}" for name in runs if name != "dense"]
        ratios = ", ".join(ratios[:2]) + " | " + ", ".join(ratios[2:])
        print(f"{channels}, {height}x{width}, {kernel} | {1e3 * middle['dense']:.2f} | {ratios}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2)
