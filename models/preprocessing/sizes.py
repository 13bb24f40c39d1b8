"""Makes fixtures/preprocessing/sizes.json: the sizes that libraries resize images to.

    python -m models.preprocessing.sizes

Needs torchvision, transformers and timm. The letterbox is the formula that Ultralytics publishes.
"""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
from timm.data.transforms import ResizeKeepRatio
from torchvision.transforms.functional import _compute_resized_output_size
from transformers.image_processing_backends import get_image_size_for_max_height_width
from transformers.image_transforms import get_size_with_aspect_ratio
from transformers.models.dpt.image_processing_dpt import get_resize_output_image_size

OUT = Path(__file__).resolve().parents[2] / "fixtures" / "preprocessing" / "sizes.json"
RULES = [
    "short:256", "short:40", "short:224,long:300", "short:800,long:1333", "long:512", "fit:640x480", "fit:33x70",
    "within:640x480", "within:33x70", "cover:232x232", "cover:300x150", "near:384x384/32", "near:518x518/14", "near:100x60/1",
]


def sides(text):
    width, height = text.split("x")
    return int(width), int(height)


def size(rule, width, height):
    """Returns the size as text, and whether the library could resize to it."""
    kind, rest = rule.split(":", 1)
    if kind == "short" and ",long:" in rest:
        short, long = rest.split(",long:")
        new = get_size_with_aspect_ratio((height, width), int(short), int(long))
    elif kind == "short":
        new = _compute_resized_output_size((height, width), [int(rest)])
    elif kind == "long":
        new = _compute_resized_output_size((height, width), None, max_size=int(rest), allow_size_none=True)
    elif kind == "fit":
        within = sides(rest)
        ratio = min(within[1] / height, within[0] / width)
        new = (round(height * ratio), round(width * ratio))
    elif kind == "within":
        within = sides(rest)
        new = get_image_size_for_max_height_width((height, width), within[1], within[0])
    elif kind == "cover":
        within = sides(rest)
        new = ResizeKeepRatio.get_params(torch.empty(1, height, width), (within[1], within[0]), 0.0)
    else:
        near, multiple = rest.split("/")
        near = sides(near)
        image = SimpleNamespace(shape=(3, height, width))
        found = get_resize_output_image_size(image, (near[1], near[0]), True, int(multiple))
        new = (found.height, found.width)
    return f"{new[1]}x{new[0]}", min(new) >= 1


def main():
    random = np.random.default_rng(3)
    images = [(640, 480), (480, 640), (427, 640), (300, 200), (256, 256), (1000, 16), (7, 5), (2048, 1024)]
    images += [tuple(int(side) for side in random.integers(20, 3000, 2)) for _ in range(17)]
    rows = []
    for rule in RULES:
        for width, height in images:
            new, usable = size(rule, width, height)
            if usable:
                rows.append({"image": f"{width}x{height}", "resize": rule, "size": new})
    lines = ",\n".join("    " + json.dumps(row) for row in rows)
    OUT.write_text(f'{{\n  "made_by": "models/preprocessing/sizes.py",\n  "cases": [\n{lines}\n  ]\n}}\n')


if __name__ == "__main__":
    main()
