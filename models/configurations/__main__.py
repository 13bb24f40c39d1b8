"""Makes fixtures/configurations: preprocessing configurations, and the network inputs that their libraries compute.

    pip install -r models/requirements.txt
    python -m models.configurations [CASE ...]

Needs torch, torchvision, transformers, timm, opencv and pillow, on a processor with AVX2 or on 64-bit ARM (see
models/preprocessing). With names, only those cases are written again.

For each case there is a folder `<case>/` with the configuration as the library saves it, and a file `<case>.json`:

    name, folder   the case; folder is null for torchvision's presets, which have no file (`weights` names them)
    library        whose arithmetic the reference used: "torchvision" (uint8 tensors), "rounded" (float tensors,
                   rounded to 8 bits after resizing: torchvision's first transforms on uint8 tensors), "pillow",
                   "opencv", "float" (float tensors, never rounded)
    class, notes   the code that was run
    bands          of the images: 3, or 4 with alpha (not premultiplied)
    input          the input of a hypothetical model: channels, height, width; null is "any"
    sizes          one result for each image size, all [width, height]:
        image, network   the image and the network's input
        shape            [channels, height, width] of the network's input
        sha256           of the 8-bit pixels after resizing, cropping and padding with a color, before scaling and
                         normalizing; rows of pixels of channels, the channels in the network's order. Null where
                         there are none (library "float")
        pixels           left, top, width, height of those pixels in the network's input, if they are only a part of it
                         (padding with zeros after normalizing)
        values           [flat index, f32] of the network's input; the decimals read back exactly
        bytes            the pixels at the same places, null outside
        error            message with which the library refuses this image; there are no other keys then

The images are not stored. `formula.json` contains the formula, and the hash of each (rows of pixels of RGB).

transformers chooses the arithmetic by the class: those of version 5 resize uint8 tensors with antialiasing, except
DINOv3's, which resizes floats; the classes named ...Pil use Pillow, as most of version 4 did.
"""

import json
import platform
import shutil
import sys

import cv2
import numpy
import timm
import torch
import torchvision
import transformers
from PIL import Image

from models.configurations.hugging_face import class_cases, class_variants, dense_cases
from models.configurations.images import ALL_SIZES, FOLDER, FORMULA, formula_image, sha256
from models.configurations.others import mmdeploy_cases, timm_cases, torchvision_cases, ultralytics_cases
from models.configurations.variants import file_cases, pillow_cases, step_cases

HUGGING_FACE = [class_cases, class_variants, dense_cases, step_cases, file_cases, pillow_cases]
FAMILIES = [*HUGGING_FACE, timm_cases, torchvision_cases, ultralytics_cases, mmdeploy_cases]
LIBRARIES = [torch, torchvision, transformers, timm, cv2, Image, numpy]


def made():
    names = [f"{library.__name__.removesuffix('.Image')} {library.__version__}" for library in LIBRARIES]
    return {"made_by": "models/configurations", "made_with": ", ".join(names)}


def write(path, head, key, rows):
    """Writes JSON with one row per line, so that changes are readable."""
    lines = ",\n".join("    " + json.dumps(row, separators=(",", ":")) for row in rows)
    text = json.dumps(made() | head, indent=2).removesuffix("\n}")
    path.write_text(f'{text},\n  "{key}": [\n{lines}\n  ]\n}}\n')


def write_formula():
    rows = [{"image": list(size), "sha256": sha256(formula_image(*size))} for size in ALL_SIZES]
    write(FOLDER / "formula.json", {"formula": FORMULA}, "images", rows)


def write_case(case):
    folder = FOLDER / case.name
    shutil.rmtree(folder, ignore_errors=True)
    for name, content in case.files.items():
        folder.mkdir(exist_ok=True)
        (folder / name).write_text(json.dumps(content, indent=2) + "\n")
    head, rows = case.results()
    write(FOLDER / f"{case.name}.json", head, "sizes", rows)


def main():
    if torch.backends.cpu.get_cpu_capability() == "DEFAULT" and platform.machine() not in ("aarch64", "arm64"):
        raise SystemExit("this processor has no AVX2: torchvision would resize in another way")
    torch.set_num_threads(1)
    wanted = sys.argv[1:]
    if not wanted:
        shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True, exist_ok=True)
    write_formula()
    for case in (case for family in FAMILIES for case in family()):
        if not wanted or case.name in wanted:
            write_case(case)


if __name__ == "__main__":
    main()
