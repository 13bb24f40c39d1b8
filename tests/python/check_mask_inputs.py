"""Runs the Python code of docs/conversion.md that draws masks, without any code of mcdrop.

    python check_mask_inputs.py target/release/mcdrop

Converts models twice, with masks as inputs and with masks that the file draws, and checks that
- the ONNX checker accepts the file with inputs;
- masks of NumPy's random numbers give samples that differ;
- the masks of mcdrop's own random stream give the outputs of the file that draws them;
- OpenVINO gives the same outputs, if it is installed.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime

onnxruntime.set_default_logger_severity(3)
ROOT = Path(__file__).resolve().parents[2]
# Images are counted by axis 0; by axis 1; by windows of which each image has several.
MODELS = {
    "models/digits.onnx": (1, 1, 8, 8),
    "models/streets.onnx": (1, 3, 64, 64),
    "fixtures/traps/batch-second-transformer.onnx": None,
    "fixtures/traps/windowed-attention.onnx": None,
}


def blocks():
    """Returns the Python code of the section about masks as inputs."""
    text = (ROOT / "docs/conversion.md").read_text()
    section = text.split("\n## Masks as inputs\n")[1].split("\n## ")[0]
    return re.findall(r"```python\n(.*?)```", section, re.DOTALL)


def convert(program, source, folder, name, *options):
    target = Path(folder) / name
    command = [program, "convert", source, "-o", target, *options]
    subprocess.run([str(part) for part in command], check=True, capture_output=True)
    return target


def difference(found, expected):
    return np.abs(found - expected).max() / np.abs(expected).max()


def check(program, source, shape, folder):
    masks = convert(program, source, folder, "masks.onnx", "--masks", "inputs", "--size", "64x64")
    live = convert(program, source, folder, "live.onnx", "--size", "64x64")
    onnx.checker.check_model(str(masks), full_check=True)
    session = onnxruntime.InferenceSession(str(live))
    image = session.get_inputs()[0]
    shape = shape or [1, *(size if isinstance(size, int) else 64 for size in image.shape[1:])]
    values = np.random.default_rng(1).standard_normal(shape).astype(np.float32)
    expected = session.run(None, {image.name: values.repeat(31, 0), "sample": np.arange(31)})[0]

    random, drawn, in_openvino = (
        block.replace("masks.onnx", str(masks)).replace("np.zeros((1, 1, 8, 8), np.float32)", "VALUES")
        for block in blocks()
    )
    names = {"VALUES": values}
    exec(random, names)
    assert "VALUES" in random and names["logits"].shape == expected.shape
    assert not np.array_equal(names["logits"][0], names["logits"][1])
    exec(drawn, names)
    found = {"ONNX Runtime": difference(names["logits"], expected)}
    try:
        import openvino  # noqa: F401
    except ImportError:
        pass
    else:
        exec(in_openvino, names)
        found["OpenVINO"] = difference(names["logits"], expected)
    assert all(value < 1e-4 for value in found.values()), found
    return ", ".join(f"{name} {value:.1e}" for name, value in found.items())


def main():
    program = Path(sys.argv[1]).resolve()
    sys.path.insert(0, str(ROOT / "models/masks"))
    for source, shape in MODELS.items():
        with tempfile.TemporaryDirectory() as folder:
            print(f"{source}: {check(program, ROOT / source, shape, folder)}", flush=True)


if __name__ == "__main__":
    main()
