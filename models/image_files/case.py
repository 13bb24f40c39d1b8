"""A file with what is to be read from it."""

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageOps

WIDTH, HEIGHT = 9, 6


@dataclass
class Case:
    """A file, and its pixels [height, width, bands] or the error."""

    name: str
    what: str
    data: bytes
    pixels: np.ndarray | None = None
    oracle: str = "its source"
    channels: str | None = None
    error: str | None = None
    largest: int = 65535
    tolerance: int = 0
    frame: int | None = None


def refused(name, what, data, error, **more):
    return Case(name, what, data, error=error, oracle="", **more)


def counted(number, unit):
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"


def shaped(values):
    """Pixels as mcdrop holds them: gray of 8 bits three times, others as they are."""
    values = np.asarray(values)
    if values.ndim == 2:
        values = values[:, :, None]
    return np.repeat(values, 3, axis=2) if values.dtype == np.uint8 and values.shape[2] == 1 else values


def colors(seed=0, dtype=np.uint8, bands=3):
    """Random pixels of all values of a type."""
    top = np.iinfo(dtype).max
    return np.random.default_rng(seed).integers(0, top, (HEIGHT, WIDTH, bands), dtype=dtype, endpoint=True)


def gray(seed=1, dtype=np.uint8):
    return colors(seed, dtype, 1)[:, :, 0]


def smooth(width=24, height=16, bands=3):
    """Pixels without edges, in which decoders of JPEG agree."""
    y, x = np.mgrid[0:height, 0:width]
    planes = [128 + 60 * np.sin((x + 2 * band) / 9) * np.cos((y - band) / 7) for band in range(bands)]
    return np.stack(planes, axis=2).round().astype(np.uint8)


def saved(image, format, **options):
    stream = io.BytesIO()
    image.save(stream, format=format, **options)
    return stream.getvalue()


def by_pillow(data, upright=True):
    """Red, green and blue as Pillow reads them, without transparency."""
    image = Image.open(io.BytesIO(data))
    image = ImageOps.exif_transpose(image) if upright else image
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        return np.asarray(image.convert("RGBA"))[:, :, :3]
    return np.asarray(image.convert("RGB"))


def frame_case(name, what, data, frame, **more):
    """A frame or page, counted from 1, as Pillow shows it."""
    image = Image.open(io.BytesIO(data))
    image.seek(frame - 1)
    return Case(name, what, data, np.asarray(image.convert("RGB")), "Pillow", frame=frame, **more)


def pillow_case(name, what, data, **more):
    return Case(name, what, data, by_pillow(data), "Pillow", **more)
