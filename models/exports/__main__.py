"""Writes small exports of dropout and related layers by PyTorch's two exporters, and their contents.

Writes fixtures/exports/*.onnx (two with a .data file beside them), exports.json, a table of the sites that
each file contains, and expected.json, PyTorch's own values for it. The cases are in
dropout.py, depth.py, attention.py, masks.py, noise.py,
shapes.py, containers.py and hand.py. Names end in the exporter and its
opset: -legacy-17, -dynamo-24, or -dynamo for the newer one at its default opset, 20; without such
an ending a PyTorch export was changed by onnx.helper or a tool.

exports.json: {file: ...}
    made_from, exporter, opset      the network in words; legacy, dynamo or hand
    sites       the random nodes that are in the file, in its order, functions and bodies included:
        kind    dropout, alpha_dropout, stochastic_depth, drop_block, weight_dropout or noise
        ratio   probability of being dropped; null if the file has none (noise, drop_block)
        unit    element: each its own draw; channel, row: one for each image and channel, for each
                image; pixel: one for each image and pixel, for all channels together
        live    false: without effect (no training_mode, opset below 12, ratio 0)
        shared_by_batch     true: one draw for all rows of a batch; else absent
    lost        sites of the network that are not in the file
    suspect     expected warnings: frozen_mask, frozen_weight (drawn once, during the
                export), merged_passes, class_ids, stripped_quantized
    batch_norm_training     BatchNormalization nodes in training mode
    batch, size             fixed batch or null; [C, H, W]; layout "NHWC" if channels are last
    outputs, output         all outputs, and the one of expected.json
    rows_mix                rows of a batch share draws or statistics
    eval                    key in expected.json
    runs_in_onnxruntime     true, or the reason
    note        difference between ONNX Runtime and the ONNX specification; else absent

expected.json: {file: ...}; lists are flat and in row-major order
    input_shape     of the input, whose value i is ((7919 i + 13) mod 1000) / 500 - 1 in float32
    shape, eval     PyTorch's output with all randomness off: masks of ones, factors of 1 / keep out
    eval_is_reference, why      false if the file cannot be compared with it
    passes, mean, variance      number of passes of the modules that are live in the file, and their moments;
                                a site with live false counts as alive, as if it were repaired

Checked here: the table against a reading of the file (read.py), outputs of ONNX Runtime
without randomness, and mean and variance of ONNX Runtime's own passes against PyTorch's.
Of the larger dynamo exports a part of the metadata is dropped (`slim` in case.py).

Run (some minutes; versions in requirements.txt):
    pip install torch torchvision timm transformers onnx onnxscript onnxruntime numpy
    python -m models.exports            all; or those whose names begin with an argument: mask half
"""

import json
import logging
import shutil
import sys
import warnings

import numpy as np
import onnx
import onnxruntime
import torch

from models.exports import attention  # noqa: F401
from models.exports import containers  # noqa: F401
from models.exports import depth  # noqa: F401
from models.exports import dropout  # noqa: F401
from models.exports import hand  # noqa: F401
from models.exports import masks  # noqa: F401
from models.exports import noise  # noqa: F401
from models.exports import shapes  # noqa: F401
from models.exports.case import CASES, FOLDER
from models.exports.expected import (difference, entry, image_of, inline_size, onnx_runtime, pytorch, runs,
                              without_randomness)
from models.exports.read import read

LIMIT = 150_000
BERNOULLI = "ONNX Runtime 1.32 gives 1 with probability 1 - p where ONNX and PyTorch mean p"


def compare_table(case, found):
    """Returns the differences between the table and the file, as texts."""
    wrong = [f"{name}: {getattr(case, name)} in the table, {found[name]} in the file"
             for name in ("opset", "batch_norm_training", "batch")
             if getattr(case, name) != found[name]]
    if not found["zeros"] and any(word.startswith("frozen") for word in case.suspect):
        wrong.append("nothing is frozen in the file")
    if list(case.size) != found["size"]:
        wrong.append(f"size {found['size']}")
    if found["inputs"] != ["image"] or list(case.outputs) != found["outputs"]:
        wrong.append(f"inputs {found['inputs']}, outputs {found['outputs']}")
    table = [{"shared": s.get("shared_by_batch", False), **s} for s in case.sites]
    same = len(table) == len(found["sites"]) and all(
        (s["ratio"] is None or f["ratio"] is None or abs(s["ratio"] - f["ratio"]) < 1e-6)
        and all(s[k] == f[k] for k in ("kind", "unit", "live", "shared"))
        for s, f in zip(table, found["sites"]))
    if not same:
        wrong.append("sites in the file: " + "; ".join(
            f"{s['kind']} {s['ratio']} {s['unit']} live={s['live']} shared={s['shared']}"
            for s in found["sites"]))
    return wrong


def compare_values(case, path, eval_output, passes):
    """Returns the differences between ONNX Runtime and PyTorch, as texts."""
    wrong, text = [], ""
    if not case.no_reference:
        still = without_randomness(path, image_of(case), case)
        if still is not None:
            off = float(np.abs(still.astype(np.float64) - eval_output).max())
            text = f"eval {off:.0e}"
            tolerance = 2e-3 if "half" in case.file else 1e-4
            if off > tolerance * max(1.0, float(np.abs(eval_output).max())):
                wrong.append(f"output without randomness differs by {off}")
    if passes:
        found = onnx_runtime(case, path, 4000)
        if found:
            distance, ratio = difference(passes, found)
            text += f" mean {distance:.1f} se, variance x{ratio:.2f}"
            if "quantized" not in case.file and (distance > 5 or not 0.9 < ratio < 1.11):
                wrong.append(f"passes differ: {distance} standard errors, variance x{ratio}")
    return wrong, text


def row(case, found, runs_in):
    """Returns the entry of exports.json."""
    last = case.size[-1] == 3 and case.size[0] != 3
    entry = {"made_from": case.made_from, "exporter": case.exporter, "opset": case.opset,
             "sites": case.sites, "lost": case.lost, "suspect": case.suspect,
             "batch_norm_training": case.batch_norm_training, "batch": case.batch,
             "size": [case.size[2], *case.size[:2]] if last else list(case.size)}
    if last:
        entry["layout"] = "NHWC"
    return entry | {"outputs": found["outputs"], "output": case.output, "rows_mix": case.rows_mix,
                    "eval": case.file, "runs_in_onnxruntime": runs_in,
                    **({"note": BERNOULLI} if found["nodes"]["Bernoulli"] else {})}


def make(case):
    """Writes and checks one file; returns its rows for both tables, and the differences."""
    path = FOLDER / case.file
    case.write(case, path)
    onnx.checker.check_model(path, full_check=True)
    found = read(path, image_of(case, None if case.batch else 7))
    wrong = compare_table(case, found)
    eval_output, passes = pytorch(case)
    runs_in, text = runs(path, image_of(case)), ""
    if runs_in is True:
        more, text = compare_values(case, path, eval_output, passes)
        wrong += more
    if inline_size(path) > LIMIT:
        wrong.append(f"{inline_size(path)} bytes")
    nodes = " ".join(f"{k}:{n}" for k, n in sorted(found["nodes"].items()))
    print(f"{case.file}: {inline_size(path)} bytes, {len(case.sites)} sites; {nodes}; {text}"
          + ("" if runs_in is True else f"; {runs_in}"), flush=True)
    for problem in wrong:
        print("    WRONG", problem, flush=True)
    return row(case, found, runs_in), entry(case, eval_output, passes), wrong


def save(name, table):
    """Writes a table, one line per file; entries of other files stay."""
    path = FOLDER / name
    table = (json.loads(path.read_text()) if path.exists() else {}) | table
    lines = ",\n".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in sorted(table.items()))
    path.write_text("{\n" + lines + "\n}\n")


def main():
    torch.set_num_threads(1)
    onnxruntime.set_default_logger_severity(4)
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    wanted = tuple(sys.argv[1:])
    if not wanted:
        shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True, exist_ok=True)
    table, expected, failed = {}, {}, []
    for name, case in sorted(CASES.items()):
        if wanted and not name.startswith(wanted):
            continue
        try:
            table[name], expected[name], wrong = make(case)
        except Exception as error:
            wrong = [f"{type(error).__name__}: {str(error)[:300]}"]
            print(name, "    FAILED", wrong[0], flush=True)
        failed += [name] if wrong else []
    save("exports.json", table)
    save("expected.json", expected)
    print(f"{len(table)} files, {sum(inline_size(FOLDER / n) for n in table)} bytes; "
          f"wrong: {failed or 'none'}")
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
