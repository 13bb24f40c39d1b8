"""Writes published architectures as ONNX graphs without their weights, with their multiply-adds.

Writes fixtures/architectures/NAME-MODE-EXPORTER.onnx and architectures.json. MODE is "eval", or
"dropout": evaluation mode with the modules that drop set to training. EXPORTER is "legacy" (opset
17, training=PRESERVE) or "dynamo" (opset 20). The networks and the places where dropout belongs
in each are in models.py. The first input, "image", has an open batch; there is one
output, "logits".

Weights are random and are not kept: each initializer above 1 KB is external data at an offset of
"weights.bin", which is not committed. Any file of that length, such as a sparse one, makes the graph run.
Names of nodes, and dynamo's scopes and classes of the modules that a node comes from, are kept; in
files above 250 KB not the classes, and above 400 KB not the names of constants.

architectures.json: {file: ...}
    made_from       the call that makes the network
    exporter, opset, mode
    size            [C, H, W]
    data_bytes      length of weights.bin
    multiply_adds   of one image, counted by PyTorch and not from the file: half of what
                    torch.utils.flop_counter.FlopCounterMode counts for the model on the meta device,
                    with attention as two products (SDPBackend.MATH) and without the fast path of
                    nn.MultiheadAttention; only products count, not biases
    graph_multiply_adds     the same from the file: Conv, Gemm and MatMul by the shapes of
                    onnx.shape_inference, or else by running the file
    suffix_multiply_adds    those of the operators whose input depends on a live site,
                    followed through PyTorch's operators by memory (count.py); null
                    without live sites
    sites           number of live sites: all, and by kind: dropout, stochastic_depth
    ratios          of the live sites in the order of the file
    inert           Dropout nodes without effect
    head            last layers with weights before the output, by node name
    candidates      where dropout belongs, in evaluation mode too; in the order of the file:
        node        the node before which it goes; the first, if several read the tensor
        place       head, linear, attention, residual or decoder; null if none of these fits
        tensor      what is dropped from
        dropout     module of the architecture that drops there, perhaps at a rate of 0 (in
                    brackets if it is an argument of a function); null if the architecture has no
                    dropout at this place
    verdict         live, inert (Dropout nodes, none of which does anything) or none
    note            optional

Checked here: both counts agree within 1 %; the live sites of the file are those that PyTorch ran,
in the same order; each lies before a candidate that names its module; ONNX Runtime runs the file
with a sparse data file, for one and two images.

Run (some minutes; versions in requirements.txt):
    pip install torch torchvision transformers onnx onnxscript onnxruntime numpy
    python -m models.architectures          all; or only those whose names begin with an argument
"""

import json
import logging
import shutil
import sys
import tempfile
import warnings
import zlib
from collections import Counter
from pathlib import Path

import onnx
import onnxruntime
import torch

from models.architectures import graph as graphs
from models.architectures import shapes as sizes
from models.architectures.count import count
from models.architectures.models import NETWORKS, set_mode
from models.export import FIXTURES, export_dynamo, export_legacy

FOLDER = FIXTURES / "architectures"
LARGE, LIMIT, LIMIT_ALL = 250_000, 400_000, 5_000_000
OPSETS = {"legacy": 17, "dynamo": 20}


def build(network, mode):
    """Returns the model with random weights that are all different, because exporters merge equal ones."""
    torch.manual_seed(zlib.crc32(network.name.encode()))
    model = set_mode(network.make(), mode, network.awake)
    with torch.no_grad():
        for tensor in [*model.parameters(), *model.buffers()]:
            if tensor.is_floating_point():
                tensor.add_(torch.rand_like(tensor), alpha=0.01)
    return model


def export(network, model, exporter, folder):
    """Exports a model and returns the file without its weights."""
    path, example = Path(folder) / "model.onnx", torch.rand(2, *network.size)
    if exporter == "legacy":
        export_legacy(model, example, path, {0: "batch"}, opset=OPSETS[exporter])
    else:
        export_dynamo(model, example, path, ({0: torch.export.Dim("batch")},),
                      opset_version=OPSETS[exporter])
    model = onnx.load(path, load_external_data=False)
    graphs.load_small(model, folder)
    return model


def check(entry, found, sites, live, model):
    """Returns the differences between the counts, as texts."""
    wrong = []
    for name, mine in zip(("multiply_adds", "suffix_multiply_adds"), found):
        theirs = entry[name] or 0
        if abs(mine - theirs) > 0.01 * theirs:
            wrong.append(f"{name}: PyTorch {theirs}, file {mine}")
    inside = [(s["kind"], s["module"], s["ratio"]) for s in live]
    ran = [(s["kind"], s["module"], s["ratio"]) for s in sites if s["ratio"] > 0]
    if [i[0] for i in inside] != [r[0] for r in ran] or any(
            abs(i[2] - r[2]) > 1e-6 for i, r in zip(inside, ran)):
        wrong.append(f"sites: PyTorch {ran}, file {inside}")
    names, before = {s["node"]: s["module"] for s in live}, set()
    for candidate in entry["candidates"]:
        nearest = graphs.sites_before(model, candidate["tensor"], names)
        if candidate["place"] is None and "drop_rate" in (candidate["dropout"] or ""):
            nearest = graphs.sites_after(model, candidate["tensor"], names)
        before |= nearest
        drops = candidate["dropout"] or "("
        if nearest and "(" not in drops and drops not in {names[n] for n in nearest}:
            wrong.append(f"before {candidate['node']}: {nearest}, table {drops}")
    if set(names) != before:
        wrong.append(f"before no candidate: {sorted(set(names) - before)}")
    return wrong


def shapes(model, network, length):
    """Returns the shapes of the operands of products: inferred, or else measured with ONNX Runtime."""
    shape = sizes.shapes(model, network.size)
    missing = list(dict.fromkeys(sizes.unknown(model, shape)))
    outputs = [o.name for o in model.graph.output]
    hidden = [name for name in missing if name not in outputs]
    ran = sizes.run(model, length, network.size, (1, 2), hidden)
    assert ran[1][0][0] == 2 and len(ran[0][0]) == (2 if network.size[1] == 224 else 4), ran
    shape |= dict(zip(outputs + hidden, ran[0]))
    return shape, len(missing)


def make(network, mode, exporter, counted):
    """Writes and checks one file; returns its name, its entry and the differences."""
    name = f"{network.name}-{mode}-{exporter}.onnx"
    path = FOLDER / name
    all_, behind, sites = counted
    with tempfile.TemporaryDirectory() as folder:
        model = export(network, build(network, mode), exporter, folder)
    length = graphs.strip(model)
    if model.ByteSize() > LARGE:
        graphs.strip_classes(model)
    if model.ByteSize() > LIMIT:
        graphs.shorten_constants(model)
    path.write_bytes(model.SerializeToString())
    shape, by_run = shapes(model, network, length)
    live, inert = graphs.random_sites(model)
    kinds = Counter(s["kind"] for s in live)
    found = sizes.count(model, shape, {s["node"] for s in live})
    entry = {"made_from": network.made_from, "exporter": exporter, "opset": OPSETS[exporter],
             "mode": mode, "size": list(network.size), "data_bytes": length,
             "multiply_adds": all_, "graph_multiply_adds": found[0],
             "suffix_multiply_adds": behind if live else None,
             "sites": {"all": len(live), **dict(sorted(kinds.items()))},
             "ratios": [round(s["ratio"], 6) for s in live], "inert": inert,
             "head": graphs.head(model), "candidates": graphs.candidates(model, network.rules),
             "verdict": "live" if live else "inert" if inert else "none"}
    if network.awake and mode == "dropout":
        entry["note"] = (f"{', '.join(network.awake)} set to training too: no module has a name "
                         "that says it drops")
    wrong = check(entry, found, sites, live, model)
    if path.stat().st_size > LIMIT:
        wrong.append(f"{path.stat().st_size} bytes")
    print(f"{name}: {path.stat().st_size} bytes, {len(model.graph.node)} nodes, output "
          f"{list(shape['logits'])}, {length} bytes of weights, {all_} multiply-adds "
          f"({found[0] - all_:+d} in the file), behind sites {behind} ({found[1] - behind:+d}), "
          f"{entry['sites']}, {inert} inert, head {entry['head']}, "
          f"{len(entry['candidates'])} candidates, {by_run} shapes by running", flush=True)
    return name, entry, wrong


def save(table):
    """Writes the table, one line per file, and keeps entries of other files; returns the size of all files."""
    path = FOLDER / "architectures.json"
    table = (json.loads(path.read_text()) if path.exists() else {}) | table
    lines = ",\n".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in sorted(table.items()))
    path.write_text("{\n" + lines + "\n}\n")
    return sum((FOLDER / name).stat().st_size for name in table)


def main():
    torch.set_num_threads(1)
    onnxruntime.set_default_logger_severity(4)
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    wanted = tuple(sys.argv[1:])
    if not wanted:
        shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True, exist_ok=True)
    table, failed = {}, []
    for network in NETWORKS:
        if wanted and not network.name.startswith(wanted):
            continue
        for mode in network.modes:
            counted = count(set_mode(network.make(), mode, network.awake), network.size)
            for exporter in ("dynamo", "legacy") if network.legacy else ("dynamo",):
                name, entry, wrong = make(network, mode, exporter, counted)
                table[name] = entry
                failed += [name] if wrong else []
                for problem in wrong:
                    print("    WRONG", problem, flush=True)
    size = save(table)
    print(f"{len(table)} files, {size} bytes with all others; wrong: {failed or 'none'}")
    sys.exit(bool(failed) or size > LIMIT_ALL)


if __name__ == "__main__":
    main()
