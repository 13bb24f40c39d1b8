"""Exports a PyTorch model to ONNX with live dropout, and reads the weights back.

The same steps work for any model: evaluation mode for everything (BatchNorm must use its running
statistics), training mode for the dropout modules only, and an exporter that preserves the mode.
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
    """Sets evaluation mode for all modules except dropout."""
    model.eval()
    for module in model.modules():
        if isinstance(module, nn.modules.dropout._DropoutNd):
            module.train()
    return model


def export_legacy(model, example, path, axes, outputs=("logits",), opset=17,
                  training=torch.onnx.TrainingMode.PRESERVE, **options):
    """Exports with the TorchScript exporter. `axes`: the names of the dynamic axes of the input and outputs."""
    names = ["image", *outputs]
    torch.onnx.export(
        model, (example,), str(path), dynamo=False, training=training, opset_version=opset,
        input_names=names[:1], output_names=names[1:],
        dynamic_axes={name: axes for name in names} if axes else None, **options)


def export_dynamo(model, example, path, dynamic_shapes=None, external_data=True,
                  outputs=("logits",), **options):
    """Exports with the torch.export based exporter, its default opset and its default external data file."""
    torch.onnx.export(
        model, (example,), str(path), dynamo=True, input_names=["image"],
        output_names=list(outputs), dynamic_shapes=dynamic_shapes, external_data=external_data,
        verbose=False, **options)
    drop_stack_traces(path)


def drop_stack_traces(path):
    """Removes the stack traces that dynamo attaches to nodes, because they contain local paths."""
    model = onnx.load(path, load_external_data=False)
    for node in nodes_within(model.graph):
        kept = [p for p in node.metadata_props if p.key != "pkg.torch.onnx.stack_trace"]
        del node.metadata_props[:]
        node.metadata_props.extend(kept)
    Path(path).write_bytes(model.SerializeToString())


def nodes_within(graph):
    """Yields the nodes of a graph in order; the nodes of subgraphs follow their If or Loop."""
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            for body in ([attribute.g] if attribute.HasField("g") else attribute.graphs):
                yield from nodes_within(body)


def load_weights(model, path):
    """Loads the weights from the initializers of the model's own legacy export, which keeps their names."""
    stored = {t.name: numpy_helper.to_array(t) for t in onnx.load(path).graph.initializer}
    wanted = model.state_dict()
    for name, tensor in wanted.items():
        if not name.endswith("num_batches_tracked"):
            tensor.copy_(torch.from_numpy(stored[name].copy()))
    model.load_state_dict(wanted)
    return model


def write_sidecars(name, settings):
    """Writes the settings beside both exports."""
    for suffix in ("", "-dynamo"):
        write_sidecar(name + suffix, settings)


def write_sidecar(name, settings):
    """Writes the settings as TOML; a dictionary becomes a table. JSON scalars and lists are valid TOML."""
    tables = {key: value for key, value in settings.items() if isinstance(value, dict)}
    text = "".join(f"{key} = {json.dumps(value)}\n" for key, value in settings.items()
                   if key not in tables)
    for table, values in tables.items():
        text += f"\n[{table}]\n" + "".join(f"{k} = {json.dumps(v)}\n" for k, v in values.items())
    (MODELS / f"{name}.toml").write_text(text)


def check_export(model, path, image, tolerance=1e-5):
    """Fails unless ONNX Runtime agrees with PyTorch without dropout, and dropout changes the file's outputs.

    The tolerance is relative to the larger of 1 and the largest absolute value of an output. ONNX Runtime's
    optimizer removes live Dropout nodes unless this optimization is disabled.
    """
    import onnxruntime
    model.eval()
    with torch.no_grad():
        expected = model(image)
    keep_dropout_alive(model)
    expected = [expected] if isinstance(expected, torch.Tensor) else list(expected)
    wanted = sum(isinstance(m, nn.modules.dropout._DropoutNd) for m in model.modules())
    stored = onnx.load(path)  # with the external data
    dropouts = [node for node in stored.graph.node if node.op_type == "Dropout"]
    if len(dropouts) != wanted:
        raise AssertionError(f"{path}: expected {wanted} Dropout nodes, found {len(dropouts)}")

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3

    def run(content):
        session = onnxruntime.InferenceSession(
            content, options, providers=["CPUExecutionProvider"], disabled_optimizers=["EliminateDropout"])
        return session.run(None, {session.get_inputs()[0].name: image.numpy()})

    first, second = (run(stored.SerializeToString()) for _ in range(2))
    if any((a == b).all() for a, b in zip(first, second)):
        raise AssertionError(f"{path}: dropout does not change every output")
    for node in dropouts:
        del node.input[2]  # without `training_mode`, the operator passes its input on
    differences = []
    for found, tensor in zip(run(stored.SerializeToString()), expected, strict=True):
        scale = max(1.0, tensor.abs().max().item())
        differences.append((torch.from_numpy(found) - tensor).abs().max().item() / scale)
    if not max(differences) <= tolerance:
        raise AssertionError(f"{path}: differs from PyTorch by {differences}")
    print(f"{path.name}: {wanted} live Dropout nodes, differs from PyTorch by {max(differences):.1e}")
