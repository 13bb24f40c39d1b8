"""Export cases: the network, the exporter, and the sites that the file must contain.

A module about a topic (dropout.py and so on) calls `exported` once per network, which adds one case per
exporter, or decorates a function with `hand` that changes such an export.
"""

import zlib
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Callable
from unittest import mock

import numpy as np
import onnx
import torch
from onnx.reference.ops import op_dropout
from onnx.reference.ops._op_common_random import _CommonRandom
from torch import nn

from models.export import (FIXTURES, export_dynamo, export_legacy, keep_dropout_alive, nodes_within)

FOLDER = FIXTURES / "exports"
CASES = {}
PIXELS = (3, 8, 8)
SLIM = 8_200
NOISE = "noise has no eval form that the file holds: PyTorch's eval mode leaves it out"


def site(kind="dropout", ratio=0.5, unit="element", live=True, shared=False):
    """Describes one random node. `shared`: one draw for all rows of a batch."""
    entry = {"kind": kind, "ratio": ratio, "unit": unit, "live": live}
    return {**entry, "shared_by_batch": True} if shared else entry


@dataclass
class Case:
    """A case. Fields without a comment are those of exports.json (see models/exports/__main__.py)."""

    file: str
    network: Callable  # makes the PyTorch model
    made_from: str
    sites: list
    exporter: str
    opset: int
    write: Callable = None  # writes the file; default: by the exporter
    lost: str = ""
    suspect: list = field(default_factory=list)
    batch_norm_training: int = 0
    batch: int = None
    example: int = 2  # batch of the example input, if `batch` is none
    size: tuple = PIXELS
    outputs: tuple = ("logits",)
    output: str = "logits"
    rows_mix: bool = False  # rows of a batch share draws or statistics
    no_reference: str = ""  # why the eval output is no reference
    as_exported: Callable = None  # model whose passes the file repeats, where the export lost some
    dead: Callable = None  # switches off in the model what the export lost
    asleep: bool = False  # exported in eval mode
    options: dict = field(default_factory=dict)


def awake(model):
    """Makes everything random, also if the module that calls it is not a dropout module."""
    keep_dropout_alive(model)
    for module in model.modules():
        if not isinstance(module, nn.modules.batchnorm._NormBase):
            module.training = True
    return model


def asleep(model):
    """Sets evaluation mode, also for the functions that `Hand` calls."""
    model.eval()
    for module in model.modules():
        if hasattr(module, "on"):
            module.on = False
    return model


def build(case, live, network=None):
    torch.manual_seed(zlib.crc32(case.file.split("-legacy")[0].split("-dynamo")[0].encode()))
    np.random.seed(0)
    with torch.random.fork_rng():
        model = (network or case.network)()
    return awake(model) if live else asleep(model)


def write(case, path):
    """Writes one export of PyTorch; `case.options` are passed to the exporter."""
    model = build(case, live=not case.asleep)
    example = torch.rand(case.batch or case.example, *case.size)
    if case.exporter == "legacy":
        mode = {"training": torch.onnx.TrainingMode.EVAL} if case.asleep else {}
        export_legacy(model, example, path, None if case.batch else {0: "batch"}, case.outputs,
                      case.opset, **{**mode, **case.options})
    else:
        shapes = None if case.batch else ({0: torch.export.Dim("batch")},)
        with seeded_folding():
            export_dynamo(model, example, path, shapes, outputs=case.outputs,
                          **{"external_data": False, "opset_version": case.opset, **case.options})
        if path.stat().st_size > SLIM and "external_data" not in case.options:
            slim(path)


@contextmanager
def seeded_folding():
    """Seeds the masks that dynamo folds to constants with onnx's reference operators, so that each export gives
    the same file."""
    state = np.random.RandomState

    def seeded(seed=None):
        return state(1 if seed is None else seed)
    with (mock.patch.object(op_dropout, "RandomState", seeded),
          mock.patch.object(_CommonRandom, "_get_state", staticmethod(seeded))):
        yield


def slim(path):
    """Removes metadata that dynamo writes twice for each node, namespace and call: a third of the file.

    Names, name_scopes and class_hierarchy stay."""
    model = onnx.load(path, load_external_data=False)
    graph = model.graph
    for part in [model, graph, *nodes_within(graph), *graph.value_info, *graph.input]:
        kept = [p for p in part.metadata_props
                if p.key in ("pkg.torch.onnx.name_scopes", "pkg.torch.onnx.class_hierarchy")]
        del part.metadata_props[:]
        part.metadata_props.extend(kept)
    path.write_bytes(model.SerializeToString())


def exported(stem, network, made_from, sites, by=("legacy-17", "dynamo"), legacy=None, dynamo=None,
             **common):
    """Adds a case for each exporter in `by`: "legacy-17" is the legacy one at opset 17, "dynamo" the newer one at
    its default opset. `legacy` and `dynamo` contain the differences."""
    for name in by:
        exporter, _, opset = name.partition("-")
        case = Case(f"{stem}-{name}.onnx", network, made_from, sites, exporter, int(opset or 20),
                    write=write)
        differing = (legacy if exporter == "legacy" else dynamo) or {}
        CASES[case.file] = replace(case, **{**common, **differing})


def hand(stem, network, made_from, sites, opset=17, **more):
    """Registers a function (case, path) that changes or builds a graph with onnx.helper."""
    def register(function):
        CASES[f"{stem}.onnx"] = Case(f"{stem}.onnx", network, made_from, sites, "hand", opset,
                                     write=function, **more)
        return function
    return register


def write_plain(case, path, exporter="legacy", **more):
    """Writes the export that a hand-made file starts from."""
    write(replace(case, exporter=exporter, **more), path)
