"""Export cases: half precision, and changes that other tools make to PyTorch's exports.

Scalars computed by Identity and Cast or stored in a file, missing inputs, quantization, channels last.
"""

from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process
from torch import nn

from models.exports.case import PIXELS, exported, hand, site, write_plain
from models.exports.nets import Net

RATIO = [site(ratio=0.3)]
HALF_RATIO = float(np.float16(0.3))


def plain():
    return Net(nn.Dropout(0.3))


class Half(nn.Module):
    """Weights and activations in float16 between casts from and to float32."""

    def __init__(self):
        super().__init__()
        self.net = plain().half()

    def forward(self, image):
        return self.net(image.half()).float()


exported("half", Half, "nn.Dropout(0.3) in a model.half()", RATIO)
exported("initializers-as-inputs", plain,
         "nn.Dropout(0.3), keep_initializers_as_inputs=True: dynamo lists ratio and training_mode "
         "among the inputs, legacy the weights", RATIO, options={"keep_initializers_as_inputs": True})
exported("external", plain, "nn.Dropout(0.3), weights in a file beside the model", RATIO,
         by=("dynamo",), options={"external_data": True})


def edit(path, change):
    """Loads a model, replaces its list of nodes by change(model, nodes, dropout), and saves it."""
    model = onnx.load(path)
    nodes = list(model.graph.node)
    dropout = next(n for n in nodes if n.op_type == "Dropout")
    changed = change(model, nodes, dropout)
    del model.graph.node[:]
    model.graph.node.extend(changed)
    onnx.save(model, path)


def before(nodes, node, new):
    at = nodes.index(node)
    return nodes[:at] + new + nodes[at:]


@hand("scalars-through-identity", plain, "ratio and training_mode behind two Identity nodes", RATIO)
def through_identity(case, path):
    def change(model, nodes, dropout):
        copies = []
        for k in (1, 2):
            copies += [helper.make_node("Identity", [dropout.input[k]], [f"once_{k}"]),
                       helper.make_node("Identity", [f"once_{k}"], [f"twice_{k}"])]
            dropout.input[k] = f"twice_{k}"
        return before(nodes, dropout, copies)
    write_plain(case, path)
    edit(path, change)


@hand("scalars-through-cast", plain,
      "ratio cast from a float64 initializer, training_mode from an int64 one", RATIO)
def through_cast(case, path):
    def change(model, nodes, dropout):
        model.graph.initializer.extend([numpy_helper.from_array(np.array(0.3), "ratio64"),
                                        numpy_helper.from_array(np.array(1), "training64")])
        dropout.input[1], dropout.input[2] = "ratio", "training"
        return before(nodes, dropout, [
            helper.make_node("Cast", ["ratio64"], ["ratio"], to=TensorProto.FLOAT),
            helper.make_node("Cast", ["training64"], ["training"], to=TensorProto.BOOL)])
    write_plain(case, path)
    edit(path, change)


@hand("ratio-omitted", lambda: Net(nn.Dropout(0.5)), "the ratio left out, which means 0.5", [site()])
def ratio_omitted(case, path):
    def change(model, nodes, dropout):
        dropout.input[1] = ""
        return nodes
    write_plain(case, path)
    edit(path, change)


@hand("training-mode-omitted", plain, "an export of nn.Dropout(0.3) without its training_mode",
      [site(ratio=0.3, live=False)], lost="liveness: training_mode")
def training_mode_omitted(case, path):
    def change(model, nodes, dropout):
        del dropout.input[2:]
        return nodes
    write_plain(case, path)
    edit(path, change)


@hand("external-scalars", plain,
      "onnx.save_model(size_threshold=0, convert_attribute=True): ratio and training_mode in a file",
      RATIO)
def external_scalars(case, path):
    write_plain(case, path)
    model = onnx.load(path)
    data = Path(str(path) + ".data")
    data.unlink(missing_ok=True)
    onnx.save_model(model, path, save_as_external_data=True, location=data.name, size_threshold=0,
                    convert_attribute=True)


def to_half(model):
    """Converts weights and Constant values to float16, with casts at the input and the output."""
    graph = model.graph
    tensors = list(graph.initializer) + [n.attribute[0].t for n in graph.node
                                         if n.op_type == "Constant"]
    for tensor in tensors:
        if tensor.data_type == TensorProto.FLOAT:
            half = numpy_helper.to_array(tensor).astype(np.float16)
            tensor.CopyFrom(numpy_helper.from_array(half, tensor.name))
    for node in graph.node:
        for k, name in enumerate(node.input):
            node.input[k] = "image_half" if name == "image" else name
        for k, name in enumerate(node.output):
            node.output[k] = "logits_half" if name == "logits" else name
    del graph.value_info[:]
    return ([helper.make_node("Cast", ["image"], ["image_half"], to=TensorProto.FLOAT16)],
            [helper.make_node("Cast", ["logits_half"], ["logits"], to=TensorProto.FLOAT)])


@hand("half-ratio", Half, "converted to float16, the ratio as well: 0.300048828",
      [site(ratio=HALF_RATIO)])
def half_ratio(case, path):
    def change(model, nodes, dropout):
        first, last = to_half(model)
        return first + nodes + last
    write_plain(case, path, network=plain)
    edit(path, change)


@hand("half-ratio-cast", Half,
      "converted to float16 but for Dropout: its data and its ratio, 0.300048828, are cast",
      [site(ratio=HALF_RATIO)])
def half_ratio_cast(case, path):
    def change(model, nodes, dropout):
        first, last = to_half(model)
        casts = []
        for k, name in ((0, "data_float"), (1, "ratio_float")):
            casts.append(helper.make_node("Cast", [dropout.input[k]], [name], to=TensorProto.FLOAT))
            dropout.input[k] = name
        output = dropout.output[0]
        dropout.output[0] = "dropped_float"
        back = helper.make_node("Cast", ["dropped_float"], [output], to=TensorProto.FLOAT16)
        at = nodes.index(dropout)
        return first + nodes[:at] + casts + [dropout, back] + nodes[at + 1:] + last
    write_plain(case, path, network=plain)
    edit(path, change)


class Samples(CalibrationDataReader):
    """Four random batches for calibration."""

    def __init__(self):
        generator = np.random.default_rng(0)
        self.rows = iter([{"image": generator.random((2, *PIXELS), np.float32) * 2 - 1}
                          for _ in range(4)])

    def get_next(self):
        return next(self.rows, None)


QUANTISED = "8-bit weights and activations differ from PyTorch's values by up to a few hundredths"


def quantize(path, prepare):
    source = path.with_suffix(".plain")
    path.rename(source)
    if prepare:
        quant_pre_process(source, source, skip_symbolic_shape=True)
    quantize_static(source, path, Samples(), quant_format=QuantFormat.QDQ)
    source.unlink()


@hand("quantized", plain, "quantize_static of ONNX Runtime: QuantizeLinear, DequantizeLinear, Dropout",
      RATIO, no_reference=QUANTISED)
def quantized(case, path):
    write_plain(case, path)
    quantize(path, False)


@hand("quantized-prepared", plain, "quant_pre_process, then quantize_static of ONNX Runtime", [],
      lost="the dropout: quant_pre_process deletes it", suspect=["stripped_quantized"],
      no_reference=QUANTISED)
def quantized_prepared(case, path):
    write_plain(case, path)
    quantize(path, True)


class ChannelsLast(Net):
    """Input [N, 8, 8, 3]."""

    def forward(self, image):
        return super().forward(image.permute(0, 3, 1, 2))


@hand("channels-last", lambda: ChannelsLast(nn.Dropout(0.3)),
      "as tf2onnx writes: input [N,8,8,3], Transpose before and behind the convolution, Dropout on "
      "[N,H,W,C]", RATIO, size=(8, 8, 3))
def channels_last(case, path):
    def change(model, nodes, dropout):
        image = model.graph.input[0].type.tensor_type.shape.dim
        for k, size in ((1, 8), (2, 8), (3, 3)):
            image[k].dim_value = size
        nodes[0].input[0] = "image_first"
        features, dropped = dropout.input[0], dropout.output[0]
        dropout.input[0], dropout.output[0] = "features_last", "dropped_last"
        del model.graph.value_info[:]
        at = nodes.index(dropout)
        return ([helper.make_node("Transpose", ["image"], ["image_first"], perm=[0, 3, 1, 2])]
                + nodes[:at]
                + [helper.make_node("Transpose", [features], ["features_last"], perm=[0, 2, 3, 1]),
                   dropout,
                   helper.make_node("Transpose", ["dropped_last"], [dropped], perm=[0, 3, 1, 2])]
                + nodes[at + 1:])
    write_plain(case, path, network=plain, size=PIXELS)
    edit(path, change)
