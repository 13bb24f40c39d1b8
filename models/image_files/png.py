"""PNG: every color type and depth, interlaced, transparent, rotated, damaged."""

import struct
import zlib

import imagecodecs
import numpy as np
from PIL import Image

from models.image_files.case import HEIGHT, WIDTH, Case, colors, counted, frame_case, gray, pillow_case, refused, saved, shaped

GRAY, RGB, PALETTE, GRAY_ALPHA, RGBA = 0, 2, 3, 4, 6
BANDS = {GRAY: 1, RGB: 3, PALETTE: 1, GRAY_ALPHA: 2, RGBA: 4}
PASSES = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]


def chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def packed_rows(values, depth):
    """Rows of samples [rows, columns, bands] in bytes, each behind the filter 0."""
    rows = b""
    for row in values:
        if depth == 16:
            rows += b"\0" + row.astype(">u2").tobytes()
            continue
        bits = "".join(f"{value:0{depth}b}" for value in row.ravel())
        bits += "0" * (-len(bits) % 8)
        rows += b"\0" + bytes(int(bits[i : i + 8], 2) for i in range(0, len(bits), 8))
    return rows


def encode(values, kind, depth, *, interlaced=False, before=(), end=True):
    """A PNG of samples [height, width, bands]."""
    height, width = values.shape[:2]
    header = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, int(interlaced))
    if interlaced:
        parts = [values[y::dy, x::dx] for x, y, dx, dy in PASSES]
        data = b"".join(packed_rows(part, depth) for part in parts if part.size)
    else:
        data = packed_rows(values, depth)
    chunks = [(b"IHDR", header), *before, (b"IDAT", zlib.compress(data))] + ([(b"IEND", b"")] if end else [])
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*each) for each in chunks)


def exif(orientation, kind=3):
    """EXIF with an orientation of type SHORT (3) or LONG (4)."""
    value = struct.pack("<HH", orientation, 0) if kind == 3 else struct.pack("<I", orientation)
    return b"II*\0" + struct.pack("<IHHHI", 8, 1, 274, kind, 1) + value + b"\0\0\0\0"


def all_cases():
    random = np.random.default_rng(3)
    palette = random.integers(0, 256, (256, 3), dtype=np.uint8)
    for interlaced in (False, True):
        form = ", interlaced" if interlaced else ""
        end = "-adam7" if interlaced else ""
        for depth in (1, 2, 4, 8, 16):
            values = random.integers(0, 2**depth, (HEIGHT, WIDTH, 1))
            data = encode(values, GRAY, depth, interlaced=interlaced)
            found = values.astype(np.uint16) if depth == 16 else (values * 255 // (2**depth - 1)).astype(np.uint8)
            yield Case(f"gray-{depth}{end}.png", f"PNG, gray of {counted(depth, 'bit')}{form}", data, shaped(found))
            if depth > 8:
                continue
            entries = (b"PLTE", palette[: 2**depth].tobytes())
            data = encode(values, PALETTE, depth, interlaced=interlaced, before=[entries])
            yield pillow_case(f"palette-{depth}{end}.png", f"PNG, palette of {counted(depth, 'bit')}{form}", data)
        for kind, what in ((RGB, "colors"), (RGBA, "colors with alpha"), (GRAY_ALPHA, "gray with alpha")):
            for depth in (8, 16):
                values = random.integers(0, 2**depth, (HEIGHT, WIDTH, BANDS[kind]))
                data = encode(values, kind, depth, interlaced=interlaced)
                found = values[:, :, : 1 if kind == GRAY_ALPHA else 3].astype(np.uint16 if depth == 16 else np.uint8)
                name = what.replace(" ", "-")
                yield Case(f"{name}-{depth}{end}.png", f"PNG, {what} of {depth} bits{form}", data, shaped(found))
    for depth in (8, 16):
        values = random.integers(0, 2**depth, (HEIGHT, WIDTH, 4)).astype(np.uint16 if depth == 16 else np.uint8)
        data = encode(values, RGBA, depth)
        yield Case(f"four-bands-{depth}.png", f"PNG, four bands of {depth} bits for a model of four channels", data, values, channels="rgba")
    values = random.integers(0, 256, (HEIGHT, WIDTH, 1))
    clear = bytes(range(0, 256, 2))
    data = encode(values, PALETTE, 8, before=[(b"PLTE", palette.tobytes()), (b"tRNS", clear)])
    yield pillow_case("palette-clear.png", "PNG, palette with transparency", data)
    data = encode(values, GRAY, 8, before=[(b"tRNS", b"\0\7")])
    yield Case("gray-clear.png", "PNG, gray with a transparent level", data, shaped(values.astype(np.uint8)))
    levels = random.integers(0, 256, (HEIGHT, WIDTH, 3))
    data = encode(levels, RGB, 8, before=[(b"tRNS", struct.pack(">HHH", *levels[0, 0]))])
    yield Case("colors-clear.png", "PNG, colors of which one is transparent", data, levels.astype(np.uint8))
    gamma = [(b"gAMA", struct.pack(">I", 100000)), (b"sBIT", b"\5\6\5")]
    yield Case("gamma.png", "PNG, gamma and significant bits, which are ignored", encode(levels, RGB, 8, before=gamma), levels.astype(np.uint8))
    for orientation in range(1, 9):
        data = encode(levels, RGB, 8, before=[(b"eXIf", exif(orientation))])
        yield pillow_case(f"turned-{orientation}.png", f"PNG, EXIF orientation {orientation}", data)
    upright = pillow_case("", "", encode(levels, RGB, 8, before=[(b"eXIf", exif(6))])).pixels
    yield Case("turned-long.png", "PNG, EXIF orientation 6 of type LONG", encode(levels, RGB, 8, before=[(b"eXIf", exif(6, 4))]), upright)
    frames = [Image.fromarray(colors(seed)) for seed in (5, 6, 7)]
    data = saved(frames[0], "PNG", save_all=True, append_images=frames[1:])
    yield pillow_case("animated.png", "PNG, three frames", data)
    yield frame_case("animated-3.png", "PNG, the third of three frames (`--frames all`)", data, 3)
    for level in (0, 9):
        yield Case(f"level-{level}.png", f"PNG, compressed with level {level}", imagecodecs.png_encode(colors(8), level=level), colors(8), "imagecodecs")
    good = encode(levels, RGB, 8)
    yield refused("no-end.png", "PNG without its last chunk", encode(levels, RGB, 8, end=False), "PNG: the file ends before the image does")
    yield Case("more-bytes.png", "PNG with bytes behind its end", good + b"more", levels.astype(np.uint8))
    yield refused("cut.png", "PNG, truncated", good[:-60], "PNG: ")
    yield refused("checksum.png", "PNG with a wrong checksum", good[:-20] + b"\xff" + good[-19:], "PNG: ")
    yield refused("no-width.png", "PNG of width 0", encode(levels[:, :0], RGB, 8), "PNG: ")
    yield refused("short-palette.png", "PNG with a palette that ends within a color", encode(values, PALETTE, 8, before=[(b"PLTE", b"1234")]), "the palette has 4 bytes")
    yield refused("deep.png", "PNG of 32 bits", encode(levels, RGB, 8)[:24] + b"\x20" + good[25:], "PNG: ")
    yield refused("three-for-four.png", "PNG of three bands for a model of four channels", good, "the image has 3 bands", channels="rgba")
