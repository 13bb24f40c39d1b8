"""Whole published architectures as ONNX graphs without their weights, and what is in each.

Writes fixtures/architectures/NAME-MODE-EXPORTER.onnx and architectures.json. MODE is eval, or
dropout: eval but for dropout, stochastic depth and drop path. EXPORTER is dynamo (opset 20) or
legacy (opset 17). Every weight above 1 KB is external data in weights.bin, which is not kept: a
file of `data_bytes` zeros does for all that reads no values. All weights were random. Nodes keep
name_scopes and class_hierarchy of what dynamo says of them, files above 400 KB name_scopes alone. The files
of a network that has no dropout are of eval mode alone. The batch is open; the input is `image`,
the output `logits`.

architectures.json: {file: ...}
    made_from       the network in words
    size            [C, H, W]
    data_bytes      length of weights.bin
    multiply_adds   of convolutions and matrix products at batch 1: half of what
                    torch.utils.flop_counter.FlopCounterMode counts when PyTorch runs the network
    sites           live random nodes by kind: dropout, stochastic_depth
    lost            draws of PyTorch that the exporter left out; else absent
    inert           Dropout nodes that drop nothing as they stand
    suffix_multiply_adds    the part that lies behind live sites, which each sample runs anew:
                    PyTorch's calls that read what descends from a random draw (dropout files)
    head            the last convolutions or linear layers, by node name: two where scores are added
    candidates      the nodes before which the network's own dropout and stochastic depth stand, read
                    off the file with dropout, moved to eval's names (eval files); place: head, linear,
                    attention, residual; null where the node is none of these: the embedding of a
                    transformer (the node named is the first of its readers), a convolution
    verdict         live, inert or none: what the dropout in the file is

Checked here: sites against the draws of PyTorch, multiply-adds against a count from the file's own
shapes, places against the table of architectures_nets.py.

Run (some minutes; versions in requirements.txt):
    pip install torch torchvision transformers onnx onnxscript onnxruntime numpy
    python models/architectures.py      all; or those named: architectures.py alexnet swin_t
"""

import io
import json
import logging
import sys
import time
import warnings
from collections import Counter

import onnx
import torch
from onnx import TensorProto

from architectures_count import count_onnx, count_pytorch
from architectures_nets import ARCHITECTURES, network
from architectures_places import Graph, by_place, candidates, heads
from export import FIXTURES, nodes_within
from exports_read import RANDOM, Scope, drop_rate

FOLDER = FIXTURES / "architectures"
TABLE = FOLDER / "architectures.json"
LIMIT, INLINE = 400_000, 1024
KEPT = ("pkg.torch.onnx.name_scopes", "pkg.torch.onnx.class_hierarchy")


def export(model, size, exporter):
    example = torch.rand(2, *size)
    torch.backends.mha.set_fastpath_enabled(False)
    if exporter == "legacy":
        file = io.BytesIO()
        with torch.no_grad():
            torch.onnx.export(
                model, (example,), file, dynamo=False, opset_version=17,
                training=torch.onnx.TrainingMode.PRESERVE, input_names=["image"],
                output_names=["logits"],
                dynamic_axes={"image": {0: "batch"}, "logits": {0: "batch"}})
        return onnx.ModelProto.FromString(file.getvalue())
    program = torch.onnx.export(
        model, (example,), dynamo=True, input_names=["image"], output_names=["logits"],
        dynamic_shapes=({0: torch.export.Dim("batch")},), verbose=False)
    return program.model_proto


def trim(model):
    """The bytes of the file; above LIMIT the longest of what nodes say of themselves goes too."""
    data = model.SerializeToString()
    if len(data) > LIMIT:
        for node in nodes_within(model.graph):
            kept = [p for p in node.metadata_props if p.key != KEPT[1]]
            del node.metadata_props[:]
            node.metadata_props.extend(kept)
        data = model.SerializeToString()
    return data


def strip(model):
    """Leaves the graph; returns the length that the file of weights would have."""
    offset = 0
    for tensor in model.graph.initializer:
        tensor.doc_string = ""
        length = len(tensor.raw_data)
        if length <= INLINE:
            continue
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        for key, value in (("location", "weights.bin"), ("offset", offset), ("length", length)):
            tensor.external_data.add(key=key, value=str(value))
        offset += length
    del model.graph.value_info[:]
    del model.metadata_props[:]
    del model.graph.metadata_props[:]
    model.doc_string = model.graph.doc_string = ""
    for value in (*model.graph.input, *model.graph.output):
        del value.metadata_props[:]
    for tensor in model.graph.initializer:
        del tensor.metadata_props[:]
    for node in nodes_within(model.graph):
        node.doc_string = ""
        kept = [p for p in node.metadata_props if p.key in KEPT]
        del node.metadata_props[:]
        node.metadata_props.extend(kept)
    return offset


def sites(model):
    """(live random nodes by kind, their positions, number of inert ones)."""
    opset = next(o.version for o in model.opset_import if o.domain == "")
    graph = Scope(model, model.graph.node,
                  [t for t in model.graph.initializer if not t.external_data])
    kinds, places, inert = Counter(), [], 0
    for at, node in enumerate(model.graph.node):
        if node.op_type not in RANDOM:
            continue
        if drop_rate(node, graph, opset)[1]:
            kinds["dropout" if node.op_type == "Dropout" else "stochastic_depth"] += 1
            places.append(at)
        else:
            inert += 1
    return dict(kinds), places, inert


def check(row, model, places, draws):
    """What does not agree, in words; prints the figures beside each other."""
    total, behind, unknown = count_onnx(model, row["size"], set(places))
    wanted, suffix = row["multiply_adds"], row.get("suffix_multiply_adds", 0)
    print(f"    multiply-adds {wanted}, by shapes {total} ({total / wanted - 1:+.4%}); "
          f"behind {suffix}, by shapes {behind}"
          + (f"; shapes unknown: {len(unknown)} {unknown[:3]}" if unknown else ""), flush=True)
    wrong = []
    if not unknown and abs(total / wanted - 1) > 0.01:
        wrong.append("multiply-adds differ")
    if not unknown and abs(behind - suffix) > 0.01 * wanted:
        wrong.append("multiply-adds behind dropout differ")
    drawn = Counter("stochastic_depth" if all(n == 1 for n in d[1:]) else "dropout" for d in draws)
    stand = sum(row["sites"].values()) + row["inert"] + row.get("lost", 0)
    if stand != sum(drawn.values()):
        wrong.append(f"PyTorch draws {dict(drawn)}")
    elif stand == sum(row["sites"].values()) and dict(drawn) != row["sites"]:
        # A draw with an entry an image in the graph may be dropout in place: PyTorch tells.
        row["sites"] = dict(sorted(drawn.items()))
    return wrong


def make(name, mode, exporter, alive=None):
    """Writes one file; returns its row, the model and what is wrong. `alive`: the file with dropout."""
    architecture, start = ARCHITECTURES[name], time.time()
    made = network(architecture, mode == "dropout")
    multiply_adds, behind, draws = count_pytorch(made, architecture.size)
    model = export(made, architecture.size, exporter)
    data_bytes = strip(model)
    data = trim(model)
    path = FOLDER / f"{name}-{mode}-{exporter}.onnx"
    path.write_bytes(data)
    kinds, places, inert = sites(model)
    row = {"made_from": architecture.made_from, "size": list(architecture.size),
           "data_bytes": data_bytes, "multiply_adds": multiply_adds, "sites": kinds,
           "inert": inert, "head": heads(Graph(model)),
           "verdict": "live" if kinds else "inert" if inert else "none"}
    if mode == "dropout":
        row["suffix_multiply_adds"] = behind
        if exporter in architecture.lost:
            row["lost"] = architecture.lost[exporter]
    print(f"{path.name}: {len(data)} bytes, {len(model.graph.node)} nodes, sites {kinds}, "
          f"inert {inert}, head {row['head']}, weights {data_bytes}, {time.time() - start:.0f} s",
          flush=True)
    wrong = check(row, model, places, draws)
    if len(data) > LIMIT:
        wrong.append(f"{len(data)} bytes")
    if mode == "eval":
        row["candidates"], apart = candidates(alive, model) if alive else ([], 0)
        found = by_place(row["candidates"])
        print(f"    places {found}, {apart} operators without a partner", flush=True)
        if found != architecture.places:
            wrong.append(f"places {found}, in the table {architecture.places}")
    for problem in wrong:
        print("    WRONG", problem, flush=True)
    return path.name, row, model, wrong


def make_pair(name, exporter):
    """The file with dropout, where there is any, and the one of eval mode."""
    rows, failed, alive = {}, [], None
    modes = ("dropout", "eval") if ARCHITECTURES[name].places else ("eval",)
    for mode in modes:
        file, row, model, wrong = make(name, mode, exporter, alive)
        alive = model if mode == "dropout" else None
        rows[file] = row
        failed += [file] if wrong else []
    return rows, failed


def save(rows):
    """One line for each file; rows of files that were not made now stay."""
    table = (json.loads(TABLE.read_text()) if TABLE.exists() else {}) | rows
    table = {name: row for name, row in table.items() if (FOLDER / name).exists()}
    lines = ",\n".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in sorted(table.items()))
    TABLE.write_text("{\n" + lines + "\n}\n")
    return table


def main():
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    FOLDER.mkdir(parents=True, exist_ok=True)
    failed = []
    for name in sys.argv[1:] or ARCHITECTURES:
        exporters = ("dynamo", "legacy") if ARCHITECTURES[name].legacy else ("dynamo",)
        for exporter in exporters:
            try:
                rows, wrong = make_pair(name, exporter)
                save(rows)
                failed += wrong
            except Exception as error:
                failed.append(f"{name} {exporter}")
                print(name, exporter, "    FAILED", type(error).__name__, str(error)[:400], flush=True)
    table = save({})
    print(f"{len(table)} files, {sum((FOLDER / n).stat().st_size for n in table)} bytes; "
          f"wrong: {failed or 'none'}")
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
