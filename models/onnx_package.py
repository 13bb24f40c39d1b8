"""Writes all models that the onnx package contains for testing to a folder, for mcdrop's tests.

These are the files of its backend tests and the models that its node tests build, about 2,000: each operator in
each of its forms, with types, sizes and subgraphs that exporters rarely write.

Run (ten seconds; needs only onnx and numpy, versions in requirements.txt):
    python -m models.onnx_package FOLDER
"""

import pathlib
import shutil
import sys
import warnings

import onnx
from onnx.backend.test.case.node import collect_testcases


def files():
    """Yields the name and path of each file in the package."""
    data = pathlib.Path(onnx.__file__).parent / "backend" / "test" / "data"
    for path in sorted(data.rglob("*.onnx")):
        yield "-".join(path.relative_to(data).with_suffix("").parts), path


def nodes():
    """Yields the name and model of each node test."""
    with warnings.catch_warnings():
        # Their expected values, which nobody needs here, overflow on purpose.
        warnings.simplefilter("ignore")
        cases = collect_testcases(None)
    for case in cases:
        yield f"made-{case.name}", case.model


def main(folder):
    folder.mkdir(parents=True, exist_ok=True)
    count = 0
    for name, path in files():
        shutil.copyfile(path, folder / f"{name}.onnx")
        count += 1
    for name, model in nodes():
        (folder / f"{name}.onnx").write_bytes(model.SerializeToString(deterministic=True))
        count += 1
    print(f"{count} models of onnx {onnx.__version__} in {folder}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(pathlib.Path(sys.argv[1]))
