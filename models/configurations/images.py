"""Images of an integer formula, and the stored part of a network's input (see models/configurations)."""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable

import numpy as np

FOLDER = Path(__file__).resolve().parents[2] / "fixtures" / "configurations"

# Width, height. Every case gets these ...
FEW_SIZES = [
    (1, 1), (1, 7), (31, 33), (100, 75), (224, 224), (225, 223), (255, 257),
    (333, 500), (640, 427), (427, 640), (481, 321), (1000, 37), (513, 1025),
]  # fmt: skip
# Where sides come out at a half, or a hair below a whole number, in one rule or another.
ROUNDING_SIZES = [(56, 333), (379, 37), (193, 101), (448, 101), (344, 301), (296, 333), (301, 512), (601, 512)]
# ... and some get these and the above, too.
MORE_SIZES = [
    (2, 1), (3, 2), (7, 5), (3, 500), (500, 3), (13, 200), (17, 19), (28, 28), (32, 32), (33, 31),
    (63, 65), (64, 48), (96, 97), (99, 101), (111, 222), (127, 128), (128, 127), (150, 149), (160, 120), (199, 300),
    (226, 339), (240, 320), (256, 256), (257, 255), (258, 387), (320, 213), (339, 226), (383, 385), (384, 384),
    (384, 288), (400, 299), (448, 448), (500, 375), (512, 512), (600, 400), (640, 480), (720, 405), (1333, 800), (1280, 960),
]  # fmt: skip
ALL_SIZES = FEW_SIZES + ROUNDING_SIZES + MORE_SIZES

FORMULA = [
    "the byte of band c (0 red, 1 green, 2 blue, 3 alpha) at column x and row y; all numbers are u32, products wrap",
    "block = (x / 13 + 2 * (y / 11)) % 7 == 3, divisions rounded down",
    "in a block the byte is 0 where c is 1, else 255",
    "elsewhere t = (x * (3 + 2 * c) + y * (7 - 2 * c) + 40 * c) % 512; v = t where t < 256, else 511 - t",
    "h = (x * 0x9E3779B1) ^ (y * 0x85EBCA77) ^ (c * 0xC2B2AE3D); h = (h ^ (h >> 15)) * 0x2C1B3C6D",
    "the byte is v ^ (h >> 27)",
]
SAMPLES = 20


def formula_image(width, height, bands=3):
    """Returns the image of `FORMULA`: uint8, [height, width, bands]."""
    y, x, c = np.meshgrid(*(np.arange(n, dtype=np.uint32) for n in (height, width, bands)), indexing="ij")
    number = np.uint32
    t = (x * (3 + 2 * c) + y * (7 - 2 * c) + 40 * c) % 512
    smooth = np.where(t < 256, t, 511 - t)
    h = (x * number(0x9E3779B1)) ^ (y * number(0x85EBCA77)) ^ (c * number(0xC2B2AE3D))
    h = (h ^ (h >> number(15))) * number(0x2C1B3C6D)
    block = (x // 13 + 2 * (y // 11)) % 7 == 3
    return np.where(block, np.where(c == 1, 0, 255), smooth ^ (h >> number(27))).astype(np.uint8)


def sha256(array):
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()


def shortest(value):
    """Returns the shortest decimal that reads back as the same f32."""
    return float(np.format_float_positional(np.float32(value), unique=True, trim="0")) if value else 0.0


def kept(size, values, pixels, corner=(0, 0)):
    """Returns the part of a result that is stored.

    `values`: f32 [C, H, W]; `pixels`: uint8 [H, W, C] before scaling, channels in the network's order, or None. There
    are fewer pixels than values if a library pads after normalizing; `corner` (left, top) is then their position.
    """
    channels, height, width = values.shape
    count = values.size
    random = np.random.default_rng(channels * 1_000_003 + height * 1009 + width)
    places = sorted({0, count - 1, *random.integers(0, count, SAMPLES - 2).tolist()})
    row = {"image": list(size), "network": [width, height], "shape": [channels, height, width]}
    row["sha256"] = None if pixels is None else sha256(pixels)
    if pixels is not None and pixels.shape[:2] != (height, width):
        row["pixels"] = [*corner, pixels.shape[1], pixels.shape[0]]
    row["values"] = [[place, shortest(values.flat[place])] for place in places]
    spots = [np.unravel_index(place, values.shape) for place in places]
    row["bytes"] = None if pixels is None else [byte(pixels, c, y - corner[1], x - corner[0]) for c, y, x in spots]
    return row


def byte(pixels, channel, y, x):
    inside = 0 <= y < pixels.shape[0] and 0 <= x < pixels.shape[1]
    return int(pixels[y, x, channel]) if inside else None


@dataclass
class Case:
    """A configuration, and a function that computes the network's input with its library.

    `prepare` takes the folder with the files. It returns the name of the code that runs, and a function of the image
    (uint8 [H, W, 3]) that returns `values`, `pixels` and optionally `corner` for `kept`.
    """

    name: str
    library: str
    prepare: Callable
    input: tuple[int | None, int | None] = (None, None)  # height, width
    files: dict = field(default_factory=dict)
    bands: int = 3  # 4: the images have alpha
    notes: str = ""
    sizes: list = field(default_factory=lambda: FEW_SIZES)
    extra: dict = field(default_factory=dict)

    def results(self):
        """Returns the head of the case's file, and its rows."""
        kind, run = self.prepare(FOLDER / self.name)
        height, width = self.input
        head = {"name": self.name, "folder": self.name if self.files else None, "library": self.library}
        head |= {"class": kind, "notes": self.notes, "bands": self.bands} | self.extra
        head |= {"input": {"channels": 3, "height": height, "width": width}}
        return head, [self.row(size, run) for size in self.sizes]

    def row(self, size, run):
        try:
            values, *rest = run(formula_image(*size, self.bands))
        except Exception as error:
            return {"image": list(size), "error": f"{type(error).__name__}: {error}"[:160]}
        values = np.asarray(values)
        expected = tuple(fixed or found for fixed, found in zip(self.input, values.shape[1:]))
        if values.ndim != 3 or values.shape[1:] != expected:
            raise SystemExit(f"{self.name}: {size} gives {values.shape}, the model takes {self.input}")
        return kept(size, values.astype(np.float32), *rest)
