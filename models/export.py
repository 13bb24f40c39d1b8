"""Exports a PyTorch model to ONNX with its dropout alive, and reads the weights back.

The recipe is the one for any model of your own: everything in eval mode (BatchNorm must use its
running statistics), then the dropout modules alone back in train mode, and an exporter that keeps
the mode it is given. Used by digits.py, streets.py, traps.py, exports.py and architectures.py.
"""

import json
from pathlib import Path

import onnx
import torch
from onnx import numpy_helper
from torch import nn

MODELS = Path(__file__).resolve().parent
FIXTURES = MODELS.parent / "fixtures"


def keep_dropout_alive(model):
    """Eval mode for all modules but dropout."""
    model.eval()
    for module in model.modules():
        if isinstance(module, nn.modules.dropout._DropoutNd):
            module.train()
    return model


def export_legacy(model, example, path, axes, outputs=("logits",), opset=17,
                  training=torch.onnx.TrainingMode.PRESERVE, **options):
    """TorchScript exporter. `axes`: the names of the input's and outputs' dynamic axes."""
    names = ["image", *outputs]
    torch.onnx.export(
        model, (example,), str(path), dynamo=False, training=training, opset_version=opset,
        input_names=names[:1], output_names=names[1:],
        dynamic_axes={name: axes for name in names} if axes else None, **options)


def export_dynamo(model, example, path, dynamic_shapes=None, external_data=True,
                  outputs=("logits",), **options):
    """torch.export based exporter, with its default opset and its default external data file."""
    torch.onnx.export(
        model, (example,), str(path), dynamo=True, input_names=["image"],
        output_names=list(outputs), dynamic_shapes=dynamic_shapes, external_data=external_data,
        verbose=False, **options)
    drop_stack_traces(path)


def drop_stack_traces(path):
    """Removes the stack traces that dynamo attaches to nodes: they name a machine's folders."""
    model = onnx.load(path, load_external_data=False)
    for node in nodes_within(model.graph):
        kept = [p for p in node.metadata_props if p.key != "pkg.torch.onnx.stack_trace"]
        del node.metadata_props[:]
        node.metadata_props.extend(kept)
    Path(path).write_bytes(model.SerializeToString())


def nodes_within(graph):
    """The nodes of a graph in order; behind an If or a Loop the nodes of its bodies."""
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            for body in ([attribute.g] if attribute.HasField("g") else attribute.graphs):
                yield from nodes_within(body)


def load_weights(model, path):
    """Fills the model from the initializers of its own legacy export, which keep their names."""
    stored = {t.name: numpy_helper.to_array(t) for t in onnx.load(path).graph.initializer}
    wanted = model.state_dict()
    for name, tensor in wanted.items():
        if not name.endswith("num_batches_tracked"):
            tensor.copy_(torch.from_numpy(stored[name].copy()))
    model.load_state_dict(wanted)
    return model


def write_sidecars(name, settings):
    """Writes the settings as TOML beside both exports; JSON's scalars and lists are TOML's."""
    text = "".join(f"{key} = {json.dumps(value)}\n" for key, value in settings.items())
    for suffix in ("", "-dynamo"):
        (MODELS / f"{name}{suffix}.toml").write_text(text)
