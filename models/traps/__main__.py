"""Small models that are easy to get wrong, and the expected result for each: right or refused.

Writes fixtures/traps/*.onnx and fixtures/traps/traps.json, where each file has
    sites       number of Dropout nodes that are live (ratio > 0, training_mode true)
    expected    "right": sampled correctly; "refused": an error with the reason
    output      the output to sample, if there are several
    why         description of the trap
ONNX Runtime runs all of them. "Right" means the result for a single image: scalar-across-cut, mean-over-batch and
dynamic-quantize mix the rows of a batch and have to run row by row. Weights are PyTorch's initial ones after a
fixed seed. Most files are PyTorch's own exports; files that PyTorch does not write are made by changing such an
export (see the functions below).

Run (a minute; versions in requirements.txt):
    pip install torch onnx onnxscript onnxruntime numpy
    python -m models.traps
"""

import json
import shutil

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic

from models.traps import fixed
from models.traps import models as nets
from models.export import FIXTURES, export_dynamo, export_legacy, keep_dropout_alive

FOLDER = FIXTURES / "traps"
TABLE = {}
PIXELS = (3, 16, 16)


def trap(name, sites, expected, why, **more):
    """Registers a function that writes FOLDER / name."""
    def register(write):
        TABLE[name] = ({"sites": sites, "expected": expected, **more, "why": why}, write)
        return write
    return register


def legacy(network, path, axes={0: "batch"}, batch=2, shape=PIXELS, **options):
    torch.manual_seed(0)
    export_legacy(keep_dropout_alive(network()), torch.rand(batch, *shape), path, axes, **options)


def dynamo(network, path, external_data=False, batch=None):
    """Exports with a dynamic batch, or with this fixed one."""
    torch.manual_seed(0)
    axes = None if batch else ({0: torch.export.Dim("batch")},)
    export_dynamo(keep_dropout_alive(network()), torch.rand(batch or 2, *PIXELS), path, axes,
                  external_data)


def double(x):
    return torch.nn.functional.interpolate(x, scale_factor=2, mode="bilinear")


FIXED = {"axes": None, "batch": 1}

# What PyTorch's legacy exporter writes: file, network, sites, expected, why, export options.
LEGACY = [
    ("batch-second-transformer", nets.BatchSecondTransformer, 3, "right",
     "axis 0 of the dropped tensors is the token, axis 1 the image", {}),
    ("windowed-attention", nets.WindowedAttention, 2, "right",
     "axis 0 of the dropped tensors counts images and their 16 windows", {}),
    ("view-size0", nets.ViewSize, 1, "right",
     "the reshape after the dropout takes the batch size from the dropped tensor", {}),
    ("view-input-size0", nets.ViewInputSize, 1, "right",
     "the reshape after the dropout takes the batch size from the graph's input", {}),
    ("resize-to-input", nets.ResizeToInput, 1, "right",
     "the size of the last Resize is that of the graph's input",
     {"axes": {0: "batch", 2: "height", 3: "width"}}),
    ("open-axes", nets.ResizeToInput, 1, "right",
     "all four axes of the input are open, as Optimum leaves them: the first convolution says 3 channels",
     {"axes": {0: "batch", 1: "channels", 2: "height", 3: "width"}}),
    ("scalar-across-cut", nets.ScalarAcrossCut, 1, "right",
     "a deterministic mean over the whole batch is multiplied in after the dropout", {}),
    ("mean-over-batch", nets.MeanOverBatch, 1, "right",
     "half the mean over the batch is subtracted after the dropout: rows mix", {}),
    ("divide-by-maximum", nets.DivideByMaximum, 1, "right",
     "everything is divided by the largest value of the batch after the dropout: rows mix", {}),
    ("fixed-batch-3-maximum", nets.DivideByMaximum, 1, "refused",
     "rows mix, and the batch is fixed at 3", {"axes": None, "batch": 3}),
    ("flat-pixels", nets.FlatPixels, 1, "refused", "pixels in the batch axis of the output", {}),
    ("pixels-channels-last", lambda: nets.Tail(nets.Segmenter(), lambda x: x.permute(0, 2, 3, 1)),
     1, "right", "the channels of the output are last", {}),
    ("ratio-0", lambda: nets.Base(ratio=0.0), 0, "refused", "the only dropout drops nothing", {}),
    ("fixed-batch-1", nets.Base, 1, "right", "the batch is fixed at 1",
     {"axes": None, "batch": 1}),
    ("fixed-batch-4", nets.Base, 1, "right", "the batch is fixed at 4",
     {"axes": None, "batch": 4}),
    ("fixed-view-1", fixed.ViewOne, 1, "right", "view(1, -1) after the dropout", FIXED),
    ("fixed-class-token-1", fixed.ClassToken, 3, "right",
     "a class token for one image, and attention with its heads in the batch axis", FIXED),
    ("fixed-folded-heads-1", fixed.FoldedHeads, 1, "right",
     "the dropout is in attention, where axis 0 counts one image's heads", FIXED),
    ("fixed-folded-heads-4", fixed.FoldedHeads, 1, "right",
     "the dropout is in attention, where axis 0 counts four images' heads",
     {"axes": None, "batch": 4}),
    ("fixed-tokens-first-1", fixed.TokensFirst, 2, "right",
     "one image lies between the tokens and its heads", FIXED),
    ("fixed-windows-1", nets.WindowedAttention, 2, "right", "axis 0 counts one image's windows",
     FIXED),
    ("fixed-resize-1", nets.ResizeToInput, 1, "right", "the last Resize has all four sizes baked in",
     FIXED),
    ("fixed-mean-over-batch-1", nets.MeanOverBatch, 1, "right",
     "the mean over the batch of one image is that image: two together would mix", FIXED),
    ("fixed-softmax-over-batch-1", fixed.SoftmaxOverBatch, 1, "right",
     "the softmax over a batch of one image is 1: two together would mix", FIXED),
    ("fixed-squeeze-1", fixed.Squeezed, 1, "right", "the axis of the one image is removed", FIXED),
    ("fixed-groups-4", fixed.Groups, 1, "refused",
     "each image of a run has another constant mask: the rows are no samples of one network",
     {"axes": None, "batch": 4}),
    ("two-outputs", nets.TwoOutputs, 1, "right",
     "two heads, of which the dropout reaches logits alone; aux must be refused",
     {"outputs": ("logits", "aux")}),
    ("mask-output", nets.MaskOutput, 1, "refused",
     "the mask, the second output of Dropout, is used as a value", {}),
    ("bernoulli", nets.BernoulliMask, 1, "right", "the mask comes from Bernoulli", {}),
    ("inert", nets.AttentionDropout, 1, "right",
     "a Dropout without training_mode: scaled_dot_product_attention of the legacy exporter", {}),
    ("batch-norm-training", nets.WithBatchNorm, 1, "right",
     "BatchNormalization in training form: TrainingMode.TRAINING",
     {"training": torch.onnx.TrainingMode.TRAINING}),
    ("no-dropout", nets.Base, 0, "refused", "exported in eval mode: no dropout is left",
     {"training": torch.onnx.TrainingMode.EVAL}),
    ("argmax", lambda: nets.Tail(nets.Base(), lambda x: x.argmax(1)), 1, "right",
     "the output is a class id: its argmax is cut off", {}),
    ("softmax-tail", lambda: nets.Tail(nets.Base(), lambda x: x.softmax(1)), 1, "right",
     "the output is probabilities", {}),
    ("sigmoid-one-channel", lambda: nets.Tail(nets.Segmenter(1), torch.sigmoid), 1, "right",
     "one channel behind a sigmoid: two classes", {}),
    ("sigmoid-many", lambda: nets.Tail(nets.Segmenter(4), torch.sigmoid), 1, "right",
     "a sigmoid over several channels: several labels a pixel", {}),
    ("softmax-one-class", lambda: nets.Tail(nets.Segmenter(1), lambda x: x.softmax(1)), 1,
     "refused", "a softmax over one channel is always 1", {}),
    ("sigmoid-clip", lambda: nets.Tail(nets.Segmenter(1), lambda x: x.sigmoid().clamp(1e-6, 1 - 1e-6)),
     1, "right", "one channel of clipped probabilities: no logits", {}),
    ("sigmoid-resize", lambda: nets.Tail(nets.Segmenter(1), lambda x: double(x.sigmoid())), 1,
     "right", "one channel of enlarged probabilities: no logits", {}),
    ("softmax-resize", lambda: nets.Tail(nets.Segmenter(), lambda x: double(x.softmax(1))), 1,
     "right", "enlarged probabilities: no logits", {}),
    ("sigmoid-many-resize", lambda: nets.Tail(nets.Segmenter(4), lambda x: double(x.sigmoid())), 1,
     "right", "several labels a pixel, enlarged", {}),
    ("softmax-one-class-clip",
     lambda: nets.Tail(nets.Segmenter(1), lambda x: x.softmax(1).clamp(0, 1)), 1,
     "refused", "always 1, clipped", {}),
    ("softmax-over-width", lambda: nets.Tail(nets.Segmenter(), lambda x: x.softmax(3)), 1,
     "refused", "a softmax that is not over the classes", {}),
    ("hard-sigmoid", lambda: nets.Tail(nets.Segmenter(1), torch.nn.functional.hardsigmoid), 1,
     "refused", "values within 0 and 1 of which nothing says what they are", {}),
    ("argmax-cast", lambda: nets.Tail(nets.Segmenter(), lambda x: x.argmax(1, True).float()), 1,
     "right", "class ids as floating point numbers: their argmax is cut off", {}),
    ("low-resolution", nets.LowResolution, 1, "right",
     "logits at a quarter of the input's resolution", {}),
    ("nhwc", nets.ChannelsLast, 1, "right", "the input is [N, 16, 16, 3]",
     {"shape": (16, 16, 3)}),
    ("half", nets.Half, 1, "right", "float16 weights and activations inside", {}),
    ("densenet-concat", nets.DenseBlock, 2, "right",
     "dropout inside a dense block: convolutions over deterministic and dropped channels", {}),
    ("nan", nets.NotANumber, 1, "right",
     "NaN for images whose mean is above 0.8: a failed image, not a failed run", {}),
]

for file, network, sites, expected, why, options in LEGACY:
    more = {"output": "logits"} if file == "two-outputs" else {}
    trap(f"{file}.onnx", sites, expected, why, **more)(
        lambda path, network=network, options=options: legacy(network, path, **options))


@trap("shared-ratio-two-sites.onnx", 2, "right", "two dropouts share their ratio's initializer")
def shared_ratio(path):
    dynamo(nets.TwoSites, path)


@trap("random-uniform.onnx", 1, "right", "nn.Dropout(inplace=True) of dynamo: RandomUniformLike")
def random_uniform(path):
    dynamo(lambda: nets.Base(inplace=True), path)


@trap("fixed-view-dynamo-4.onnx", 1, "right", "dynamo's constant target of Reshape for four images")
def fixed_view(path):
    dynamo(nets.ViewSize, path, batch=4)


@trap("fixed-class-token-dynamo-1.onnx", 3, "right", "dynamo's class token for one image")
def fixed_class_token(path):
    dynamo(fixed.ClassToken, path, batch=1)


@trap("fixed-class-token-dynamo-4.onnx", 3, "right", "dynamo's class token for four images")
def fixed_class_tokens(path):
    dynamo(fixed.ClassToken, path, batch=4)


@trap("external/model.onnx", 1, "right", "weights in a file beside the model, dynamo's default")
def external(path):
    path.parent.mkdir()
    dynamo(nets.Base, path, external_data=True)


@trap("dynamic-quantize.onnx", 1, "right",
      "DynamicQuantizeLinear after the dropout: its scale is over the whole batch")
def dynamic_quantize(path):
    """Writes a PyTorch export, quantized by ONNX Runtime's own tool."""
    plain = path.with_suffix(".plain")
    legacy(nets.TokenLinear, plain)
    quantize_dynamic(plain, path, weight_type=QuantType.QInt8)
    plain.unlink()


@trap("through-identity.onnx", 1, "right", "ratio and training_mode reach Dropout through Identity")
def through_identity(path):
    """Writes a PyTorch export with two Identity nodes inserted."""
    legacy(nets.Base, path)
    model = onnx.load(path)
    nodes = list(model.graph.node)
    at = next(i for i, node in enumerate(nodes) if node.op_type == "Dropout")
    copies = []
    for k in (1, 2):
        copies.append(helper.make_node("Identity", [nodes[at].input[k]], [f"copied_{k}"]))
        nodes[at].input[k] = f"copied_{k}"
    del model.graph.node[:]
    model.graph.node.extend(nodes[:at] + copies + nodes[at:])
    onnx.save(model, path)


def constants(graph):
    """Returns the values of initializers and Constant nodes, also through Identity."""
    values = {t.name: numpy_helper.to_array(t) for t in graph.initializer if t.data_location == 0}
    for node in graph.node:
        if node.op_type == "Constant":
            values[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)
        elif node.op_type == "Identity" and node.input[0] in values:
            values[node.output[0]] = values[node.input[0]]
    return values


def live_sites(model):
    values = constants(model.graph)
    nodes = [node for node in model.graph.node if node.op_type == "Dropout"]
    return sum(len(n.input) > 2 and bool(values[n.input[2]]) and float(values[n.input[1]]) > 0
               for n in nodes)


def verify(path, entry):
    """Counts the live sites, and runs the model in ONNX Runtime, for several batches if it can."""
    model = onnx.load(path, load_external_data=False)
    assert live_sites(model) == entry["sites"], (path.name, live_sites(model))
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    image = session.get_inputs()[0]
    batches = [image.shape[0]] if isinstance(image.shape[0], int) else [1, 2, 5]
    pixels = [d if isinstance(d, int) else s for d, s in zip(image.shape[1:], PIXELS)]
    for batch in batches:
        rows = np.full((batch, *pixels), 0.5, np.float32)
        outputs = session.run(None, {image.name: rows})
        assert all(len(o) % batch == 0 for o in outputs), path.name
    print(f"{path.relative_to(FOLDER)}: {entry['sites']} sites, {entry['expected']}, "
          f"{[list(o.shape) for o in outputs]}, {path.stat().st_size} bytes")


def main():
    torch.set_num_threads(2)
    onnxruntime.set_default_logger_severity(3)
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    for name, (entry, write) in TABLE.items():
        write(FOLDER / name)
        verify(FOLDER / name, entry)
    table = {name: entry for name, (entry, _) in sorted(TABLE.items())}
    (FOLDER / "traps.json").write_text(json.dumps(table, indent=1) + "\n")


if __name__ == "__main__":
    main()
