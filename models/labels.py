"""Writes fixtures/labels: one label map in many file formats.

Every file named ids.* contains the same ids (0, 1, 2 and 255), every file named mask.* the same
mask. Needs numpy, pillow and tifffile: python models/labels.py
"""

from pathlib import Path

import numpy as np
import tifffile
from PIL import Image

FOLDER = Path(__file__).resolve().parent.parent / "fixtures" / "labels"
COLORS = [(128, 64, 128), (244, 35, 232), (70, 70, 70)]


def ids():
    rng = np.random.default_rng(0)
    values = rng.integers(0, 3, (22, 33), dtype=np.uint8)
    values[:3, :7] = 255
    return values


def with_palette(values):
    image = Image.fromarray(values, mode="P")
    palette = np.zeros((256, 3), np.uint8)
    palette[:3] = COLORS
    palette[255] = (224, 224, 192)
    image.putpalette(palette.tobytes())
    return image


def colored(values):
    lookup = np.zeros((256, 3), np.uint8)
    lookup[:3] = COLORS
    return Image.fromarray(lookup[values])


def write_ids(values):
    gray, indexed = Image.fromarray(values), with_palette(values)
    gray.save(FOLDER / "ids.gray.png")
    indexed.save(FOLDER / "ids.palette.png")
    Image.merge("RGB", [gray] * 3).save(FOLDER / "ids.rgb.png")
    Image.merge("LA", [gray, gray]).save(FOLDER / "ids.alpha.png")
    gray.save(FOLDER / "ids.gray.bmp")
    indexed.save(FOLDER / "ids.palette.bmp")
    Image.merge("RGB", [gray] * 3).save(FOLDER / "ids.rgb.bmp")
    gray.save(FOLDER / "ids.gray.gif")
    indexed.save(FOLDER / "ids.palette.gif", optimize=False)
    Image.merge("RGB", [gray] * 3).save(FOLDER / "ids.lossless.webp", lossless=True)
    gray.save(FOLDER / "ids.gray.tif")
    gray.save(FOLDER / "ids.lzw.tif", compression="tiff_lzw")
    indexed.save(FOLDER / "ids.palette.tif")
    for kind in (np.uint16, np.uint32, np.int16, np.int32, np.float32):
        tifffile.imwrite(FOLDER / f"ids.{np.dtype(kind).name}.tif", values.astype(kind))
    tifffile.imwrite(FOLDER / "ids.tiled.tif", values, tile=(16, 16), compression="deflate")
    tifffile.imwrite(FOLDER / "ids.big.tif", values, bigtiff=True)
    tifffile.imwrite(FOLDER / "ids.big-endian.tif", values.astype(">u2"), byteorder=">")
    np.save(FOLDER / "ids.npy", values)


def write_masks(mask):
    """The files whose own values are 0 and 1."""
    bits = Image.fromarray(mask)
    bits.save(FOLDER / "mask.bits.png")
    bits.save(FOLDER / "mask.bits.bmp")
    bits.save(FOLDER / "mask.bits.tif", compression=None)
    bits.save(FOLDER / "mask.fax.tif", compression="group4")
    indexed = Image.fromarray(mask.astype(np.uint8), mode="P")
    indexed.putpalette([0, 0, 0, 255, 255, 255])
    indexed.save(FOLDER / "mask.palette.gif", optimize=False)
    white_first = Image.fromarray((~mask).astype(np.uint8), mode="P")
    white_first.putpalette([255, 255, 255, 0, 0, 0])
    white_first.save(FOLDER / "mask.white-first.gif", optimize=False)


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    values = ids()
    write_ids(values)
    write_masks(values == 1)
    colored(np.where(values == 255, 3, values)).save(FOLDER / "colors.png")
    white = Image.fromarray(np.where(values == 1, 255, 0).astype(np.uint8))
    white.resize((330, 220), Image.NEAREST).save(FOLDER / "white.jpg", quality=85)


if __name__ == "__main__":
    main()
