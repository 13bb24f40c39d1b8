"""Makes fixtures/image_files: unusual image files with what Pillow, tifffile, OpenCV and imagecodecs read in them.

    python -m models.image_files

Needs pillow, tifffile, imagecodecs, opencv-python-headless, numpy and onnx. The files are tiny and lie in one file,
zoo.json, with the size, the bands, the bits and the hash of the pixels, or the error that mcdrop gives. The script also writes
the table of docs/formats.md. The tests of src/input and tests/image_files.rs read what this writes and need none of it.
"""

import base64
import hashlib
import json
from pathlib import Path

import cv2
import imagecodecs
import numpy as np
import PIL
import tifffile

from models.image_files import cases, folder
from models.image_files.case import counted

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "fixtures" / "image_files"
TABLE = "| file | read as | compared with |\n|---|---|---|\n"


def row_of(case):
    """A line of zoo.json."""
    row = {"name": case.name, "what": case.what, "oracle": case.oracle, "file": base64.b64encode(case.data).decode()}
    if case.channels:
        row["channels"] = case.channels
    if case.frame:
        row["frame"] = case.frame
    if case.error:
        return row | {"error": case.error}
    values = np.ascontiguousarray(case.pixels)
    height, width, bands = values.shape
    row |= {"width": width, "height": height, "bands": bands, "bits": 8 * values.itemsize}
    if values.dtype == np.uint16:
        row["largest"] = case.largest
    if case.tolerance:
        return row | {"tolerance": case.tolerance, "values": values.tobytes().hex()}
    return row | {"sha256": hashlib.sha256(values.tobytes()).hexdigest()}


def table_of(rows):
    """The table of the document: one line for each file."""
    kinds = {8: "8 bits", 32: "values as they are"}

    def meaning(row):
        if "error" in row:
            # An error that is only the format ends in the words of a decoder.
            return "refused" if row["error"].endswith(": ") else f"refused: {row['error']}"
        bits = f"{row['largest'].bit_length()} bits" if "largest" in row else kinds[row["bits"]]
        bands = {1: "gray", 3: "red, green, blue"}.get(row["bands"], f"{row['bands']} bands")
        close = f", within {counted(row['tolerance'], 'level')}" if "tolerance" in row else ""
        return f"{bands}, {bits}{close}"

    return TABLE + "".join(f"| {row['what']} | {meaning(row)} | {row['oracle']} |\n" for row in rows)


def main():
    folder.write(FOLDER)
    rows = [row_of(case) for case in cases.all_cases()]
    names = [row["name"] for row in rows]
    assert len(set(names)) == len(names), "two files have one name"
    made_with = f"pillow {PIL.__version__}, tifffile {tifffile.__version__}, imagecodecs {imagecodecs.__version__}, opencv {cv2.__version__}"
    lines = ",\n".join("    " + json.dumps(row) for row in rows)
    text = f'{{\n  "made_by": "models/image_files",\n  "made_with": "{made_with}",\n  "cases": [\n{lines}\n  ]\n}}\n'
    (FOLDER / "zoo.json").write_text(text)
    document = ROOT / "docs" / "formats.md"
    before = document.read_text().split(TABLE)[0]
    document.write_text(before + table_of(rows))
    print(f"{len(rows)} files, {len(text)} bytes")


if __name__ == "__main__":
    main()
