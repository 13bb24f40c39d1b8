"""Models and images for runs over folders of unusual files."""

import io

import numpy as np
import onnx
import tifffile
from onnx import TensorProto, helper, numpy_helper
from PIL import Image


def save_model(path, nodes, inputs, outputs, initializers):
    graph = helper.make_graph(nodes, "graph", inputs, outputs, initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, path)


def tensor(name, channels):
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", channels, "h", "w"])


def colors_model(path):
    """Convolution, ReLU, live dropout, convolution: three channels, three classes."""
    random = np.random.default_rng(0)
    weights = [(random.normal(size=(8, 3, 3, 3)) * 0.6).astype(np.float32), (random.normal(size=(3, 8, 3, 3)) * 0.8).astype(np.float32)]
    constants = {"w1": weights[0], "w2": weights[1], "ratio": np.float32(0.3), "mode": np.array(True)}
    nodes = [
        helper.make_node("Conv", ["x", "w1"], ["a"], pads=[1, 1, 1, 1], name="conv1"),
        helper.make_node("Relu", ["a"], ["b"], name="relu"),
        helper.make_node("Dropout", ["b", "ratio", "mode"], ["d"], name="drop"),
        helper.make_node("Conv", ["d", "w2"], ["y"], pads=[1, 1, 1, 1], name="conv2"),
    ]
    initializers = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    save_model(path, nodes, [tensor("x", 3)], [tensor("y", 3)], initializers)


def bands_model(path):
    """Logits that are the four channels, and 0: the input can be read back from the probabilities."""
    constants = {"zero": np.float32(0), "ratio": np.float32(0.1), "mode": np.array(True)}
    nodes = [
        helper.make_node("ReduceMean", ["x"], ["m"], axes=[1], keepdims=1),
        helper.make_node("Mul", ["m", "zero"], ["z"]),
        helper.make_node("Dropout", ["z", "ratio", "mode"], ["d"], name="drop"),
        helper.make_node("Concat", ["x", "d"], ["y"], axis=1),
    ]
    initializers = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    save_model(path, nodes, [tensor("x", 4)], [tensor("y", 5)], initializers)


def picture(seed, width=64, height=64):
    small = Image.fromarray(np.random.default_rng(seed).integers(0, 255, (8, 8, 3), dtype=np.uint8))
    return small.resize((width, height), Image.Resampling.BICUBIC)


def write(folder):
    """Writes two models, a tile of four bands of reflectances, and photos of formats that are not all read."""
    photos = folder / "photos"
    photos.mkdir(parents=True, exist_ok=True)
    colors_model(folder / "colors.onnx")
    bands_model(folder / "bands.onnx")
    bands = np.random.default_rng(0).integers(0, 3000, (64, 64, 4), dtype=np.uint16)
    tifffile.imwrite(folder / "tile.tif", bands, photometric="minisblack", planarconfig="contig", datetime=None, software=False)
    for name in ["IMG_0001.JPG", "IMG_0003.avif", "scan.gif", "tile.jp2"]:
        stream = io.BytesIO()
        picture(0).save(stream, format={"JPG": "JPEG", "jp2": "JPEG2000"}.get(name.split(".")[1], name.split(".")[1]))
        (photos / name).write_bytes(stream.getvalue())
    (photos / "IMG_0002.HEIC").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + b"\0" * 100)
