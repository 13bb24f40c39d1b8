"""Checks converted models in ONNX Runtime with default options, without any code of mcdrop.

    python check_converted.py target/release/mcdrop [NAME ...]

Converts the committed models and the exports with live dropout, and checks for each file that
- the ONNX checker accepts it, including shapes;
- it runs with only the image and `sample`, and its samples differ;
- every node that the metadata name is in the optimized graph, at every level;
- `sample` = -1 gives the output of the file with all ratios 0;
- each site changes the output by itself;
- mean and variance over 2,000 samples are those of PyTorch's own dropout.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime

ROOT = Path(__file__).resolve().parents[2]
EXPORTS = ROOT / "fixtures/exports"
SAMPLES = 2000
ROWS = 100
onnxruntime.set_default_logger_severity(3)
Level = onnxruntime.GraphOptimizationLevel
LEVELS = [Level.ORT_DISABLE_ALL, Level.ORT_ENABLE_BASIC, Level.ORT_ENABLE_EXTENDED,
          Level.ORT_ENABLE_ALL]


class Wrong(Exception):
    """A failed check of a file."""


def convert(program, source, target, *options):
    command = [program, "convert", source, "-o", target, "--overwrite", *options]
    return subprocess.run([str(part) for part in command], capture_output=True, text=True)


def said(model):
    entries = [entry.value for entry in model.metadata_props if entry.key == "mcdrop"]
    return json.loads(entries[0])


def names(graph):
    for node in graph.node:
        yield node.name
        for attribute in node.attribute:
            yield from (name for body in [attribute.g, *attribute.graphs] for name in names(body))


def check_nodes(path, entry, folder):
    wanted = {site["node"] for site in entry["sites"]}
    for level in LEVELS:
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = level
        options.optimized_model_filepath = str(folder / "optimized.onnx")
        options.log_severity_level = 3
        onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        found = set(names(onnx.load(folder / "optimized.onnx", load_external_data=False).graph))
        if not wanted <= found:
            raise Wrong(f"{level.name} removes {sorted(wanted - found)}")


class Converted:
    """A file in ONNX Runtime with default options."""

    def __init__(self, path, output):
        self.session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        self.entry = said(onnx.load(path, load_external_data=False))
        self.image = next(i for i in self.session.get_inputs()
                          if i.name not in self.entry["inputs"].values())
        self.output = output or self.session.get_outputs()[0].name
        self.one = self.entry["rows"] == "one"
        first = self.image.shape[0]
        self.batch = first if isinstance(first, int) else None

    def run(self, image, samples):
        """Runs one image [1, ...] with one row per sample."""
        dtype = np.float16 if "float16" in self.image.type else np.float32
        together = self.batch or (1 if self.one else ROWS)
        rows = []
        for start in range(0, len(samples), together):
            some = samples[start:start + together]
            count = len(some)
            if self.batch:
                some = np.resize(some, self.batch)
            images = np.repeat(image.astype(dtype), len(some), 0)
            feed = {self.image.name: images, self.entry["inputs"]["sample"]: np.array(some)}
            rows.append(self.session.run([self.output], feed)[0][:count].astype(np.float64))
        return np.concatenate(rows)


def compare_moments(rows, expected, image):
    """Compares moments of finite samples; stratified draws can only have the smaller error."""
    shape = [-1, *expected["shape"][1:]]
    mean, variance = (np.reshape(expected[key], shape)[image] for key in ("mean", "variance"))
    error = np.sqrt(variance * (1 / len(rows) + 1 / expected["passes"]))
    far = np.abs(rows.mean(0) - mean) / (error + 1e-4 * (1 + np.abs(mean)))
    if far.max() > 5:
        raise Wrong(f"mean is {far.max():.1f} standard errors away")
    own = rows.var(0)
    spread = np.abs(own - variance) / (variance + 1e-6)
    if np.median(spread) > 0.15:
        raise Wrong(f"variance is off by {np.median(spread):.0%}")


def image_of(shape):
    i = np.arange(np.prod(shape), dtype=np.int64)
    values = ((i * 7919 + 13) % 1000).astype(np.float32) / np.float32(500) - np.float32(1)
    return values.reshape(shape)


def check(program, folder, source, shape, output, expected=None):
    options = ["--output-name", output] if output else []
    options += ["--size", f"{shape[3]}x{shape[2]}"]
    target = folder / source.name
    made = convert(program, source, target, *options)
    if made.returncode:
        return made.stderr.strip().splitlines()[0]
    try:
        onnx.checker.check_model(str(source), full_check=True)
    except Exception:
        pass
    else:
        onnx.checker.check_model(str(target), full_check=True)
    model = Converted(target, output)
    if "sample" not in model.entry["inputs"]:
        return "masks are inputs"
    check_nodes(target, model.entry, folder)
    image = image_of(shape)[:1]
    off, *some = model.run(image, np.arange(-1, 62))
    if all(np.array_equal(some[0], other) for other in some[1:]):
        raise Wrong("its samples are equal")
    silent = folder / "silent.onnx"
    noisy = any(site["kind"] in ("noise", "drop_block") for site in model.entry["sites"])
    if not noisy:
        made = convert(program, source, silent, *options, "--ratio", "0")
        if made.returncode:
            raise Wrong(f"with ratio 0: {made.stderr}")
        plain = Converted(silent, output).run(image, np.array([0]))[0]
        if not np.allclose(plain, off, rtol=1e-4, atol=1e-4 if model.image.type != "tensor(float16)"
                           else 2e-2, equal_nan=True):
            raise Wrong("ratio 0 differs from sample -1")
    sites = {site["original"] for site in model.entry["sites"]}
    for site in sites if len(sites) > 1 else ():
        alone = folder / "alone.onnx"
        made = convert(program, source, alone, *options, "--only", site)
        if made.returncode:
            raise Wrong(f"{site} alone: {made.stderr}")
        rows = Converted(alone, output).run(image, np.arange(-1, 31))
        if all(np.array_equal(rows[0], row) for row in rows[1:]):
            raise Wrong(f"{site} alone changes nothing")
    if expected and "mean" in expected and expected["comparable"]:
        rows = model.run(image, np.arange(SAMPLES))
        compare_moments(rows, expected, 0)
        return "right, moments too"
    return "right"


def cases(chosen):
    committed = [("models/digits.onnx", [1, 1, 8, 8]), ("models/streets.onnx", [1, 3, 64, 64]),
                 ("models/digits-dynamo.onnx", [1, 1, 8, 8])]
    for name, shape in committed:
        yield ROOT / name, shape, None, None
    table = json.loads((EXPORTS / "exports.json").read_text())
    expected = json.loads((EXPORTS / "expected.json").read_text())
    for name, entry in table.items():
        if any(site["live"] for site in entry["sites"]) and entry["runs_in_onnxruntime"]:
            values = expected.get(name, {})
            # What was lost cannot be sampled; what mixes rows was computed with two.
            values["comparable"] = not entry["lost"] and not entry["rows_mix"]
            shape = values.get("input_shape") or [1, *entry["size"]]
            yield EXPORTS / name, shape, entry["output"], values


def main():
    program, chosen = Path(sys.argv[1]).resolve(), set(sys.argv[2:])
    wrong, answers = 0, {}
    for source, *rest in cases(chosen):
        if chosen and source.name not in chosen:
            continue
        with tempfile.TemporaryDirectory() as folder:
            try:
                answer = check(program, Path(folder), source, *rest)
            except Exception as error:
                wrong, answer = wrong + 1, f"WRONG: {type(error).__name__}: {error}"
        answers[answer.split(":")[0]] = answers.get(answer.split(":")[0], 0) + 1
        print(f"{source.name}: {answer}", flush=True)
    print(", ".join(f"{count} {answer}" for answer, count in answers.items() if count > 1))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
