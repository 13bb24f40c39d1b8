"""TIFFs of kinds that Pillow does not write: floating point, four bands, tiles, planes, BigTIFF.

Used by models/preprocessing, which makes fixtures/preprocessing with them.
"""

import hashlib
import struct

import numpy as np

KINDS = {"u": 1, "i": 2, "f": 3}
RGB, GRAY, PALETTE, CMYK = 2, 1, 3, 5


def encode(values, photometric, *, order="<", big=False, planar=False, tile=None, extra=(), orientation=1, pages=1):
    """Encodes values [H, W, bands] as an uncompressed TIFF."""
    values = np.asarray(values)
    height, width, bands = values.shape
    values = values.astype(values.dtype.newbyteorder(order))
    planes = [values[:, :, [band]] for band in range(bands)] if planar else [values]

    def tiles(plane):
        for top in range(0, height, tile):
            for left in range(0, width, tile):
                block = np.zeros((tile, tile, plane.shape[2]), values.dtype)
                part = plane[top : top + tile, left : left + tile]
                block[: part.shape[0], : part.shape[1]] = part
                yield block.tobytes()

    rows = 4
    strips = lambda plane: (plane[top : top + rows].tobytes() for top in range(0, height, rows))
    chunks = [chunk for plane in planes for chunk in (tiles(plane) if tile else strips(plane))]
    data = (b"II" if order == "<" else b"MM") + struct.pack(order + ("HHHQ" if big else "HI"), *((43, 8, 0, 0) if big else (42, 0)))
    offsets = []
    for chunk in chunks:
        offsets.append(len(data))
        data += chunk
    bits, kind = values.dtype.itemsize * 8, KINDS[values.dtype.kind]
    tags = [(256, 3, [width]), (257, 3, [height]), (258, 3, [bits] * bands), (259, 3, [1]), (262, 3, [photometric])]
    tags += [(274, 3, [orientation]), (277, 3, [bands]), (284, 3, [2 if planar else 1]), (339, 3, [kind] * bands)]
    if extra:
        tags.append((338, 3, list(extra)))
    if photometric == PALETTE:
        tags.append((320, 3, [i * 257 % 65536 for i in range(3 * 2**bits)]))
    sizes = [len(chunk) for chunk in chunks]
    if tile:
        tags += [(322, 3, [tile]), (323, 3, [tile]), (324, 4, offsets), (325, 4, sizes)]
    else:
        tags += [(273, 4, offsets), (278, 3, [rows]), (279, 4, sizes)]
    for page in range(pages):
        data += b"\0" * (-len(data) % 8)
        where = 8 if big and page == 0 else 4 if page == 0 else next_at
        data = data[:where] + struct.pack(order + ("Q" if big else "I"), len(data)) + data[where + (8 if big else 4) :]
        count, field, room = ("Q", "Q", 8) if big else ("H", "I", 4)
        base = len(data) + struct.calcsize(order + count) + len(tags) * (20 if big else 12) + room
        head, tail = struct.pack(order + count, len(tags)), b""
        for tag, form, numbers in sorted(tags):
            body = struct.pack(order + {3: "H", 4: "I"}[form] * len(numbers), *numbers)
            if len(body) > room:
                place = struct.pack(order + field, base + len(tail))
                tail += body + b"\0" * (len(body) % 2)
            else:
                place = body.ljust(room, b"\0")
            head += struct.pack(order + "HH" + field, tag, form, len(numbers)) + place
        next_at = len(data) + len(head)
        data += head + b"\0" * room + tail
    return data


def write_tiffs(folder):
    """Writes the files; returns a case for each with the expected result: the hash of the values, or the error."""
    random = np.random.default_rng(23)
    real = (random.random((21, 18, 4)) * 3 - 1).astype(np.float32)
    byte = random.integers(0, 256, (21, 18, 4), dtype=np.uint8)
    wide = random.integers(0, 65536, (21, 18, 4), dtype=np.uint16)
    colors = np.array([i * 257 % 65536 for i in range(3 * 256)]).reshape(3, 256).T >> 8
    broken = real[:, :, :1].copy()
    broken[4, 7] = np.nan
    cases = [
        ("float-gray.tif", "gray", real[:, :, :1], real[:, :, :1], GRAY, {}),
        ("float-double.tif", "rgb", real[:, :, :1].astype(np.float64) / 3, (real[:, :, :1].astype(np.float64) / 3).astype(np.float32), GRAY, {"order": ">"}),
        ("float-half.tif", "rgb", real[:, :, :3].astype(np.float16), real[:, :, :3].astype(np.float16).astype(np.float32), RGB, {}),
        ("float-rgb.tif", "rgb", real[:, :, :3], real[:, :, :3], RGB, {"tile": 16}),
        ("float-planes.tif", "rgb", real[:, :, :3], real[:, :, :3], RGB, {"planar": True, "big": True}),
        ("float-turned.tif", "gray", real[:, :, :3], np.rot90(real[:, :, :3], -1), RGB, {"orientation": 6}),
        ("float-four.tif", "rgba", real, real, GRAY, {"extra": [0, 0, 0], "order": ">"}),
        ("float-four-rgb.tif", "rgba", real, real, RGB, {"extra": [0], "planar": True}),
        ("four-rgb.tif", "rgba", byte, byte, RGB, {"extra": [0]}),
        ("four-rgb-colors.tif", "rgb", byte, byte[:, :, :3], RGB, {"extra": [0]}),
        ("four-alpha.tif", "rgba", byte, byte, RGB, {"extra": [2], "tile": 16}),
        ("four-gray.tif", "rgba", byte, byte, GRAY, {"extra": [0, 0, 0], "planar": True}),
        ("four-wide.tif", "rgba", wide, wide, RGB, {"extra": [0], "big": True, "order": ">"}),
        ("pages.tif", "rgb", byte[:, :, :3], byte[:, :, :3], RGB, {"pages": 2, "big": True}),
        ("planes.tif", "rgb", byte[:, :, :3], byte[:, :, :3], RGB, {"planar": True}),
        ("planes-tiled.tif", "rgb", byte[:, :, :3], "TIFF: separate bands in tiles are not supported", RGB, {"planar": True, "tile": 16}),
        ("not-a-number.tif", "gray", broken, "the value at column 7, row 4 is NaN; expected finite numbers", GRAY, {}),
        ("two.tif", "rgb", byte[:, :, :2], "the image has 2 bands, but the model takes 3 (rgb)", GRAY, {"extra": [0]}),
        ("four-for-three.tif", "rgb", real, "the image has 4 bands, but the model takes 3 (rgb)", GRAY, {"extra": [0, 0, 0]}),
        ("three-for-four.tif", "rgba", byte[:, :, :3], "the image has 3 bands, but the model takes 4 (rgba)", RGB, {}),
        ("palette.tif", "rgb", byte[:, :, :1], colors[byte[:, :, 0]].astype(np.uint8), PALETTE, {}),
        ("signed.tif", "rgb", byte[:, :, :1].astype(np.int16), byte[:, :, :1].astype(np.float32), GRAY, {}),
        ("cmyk-for-four.tif", "rgba", byte, "TIFF: found CMYK, expected four bands", CMYK, {}),
    ]
    for name, channels, values, expected, photometric, options in cases:
        (folder / name).write_bytes(encode(values, photometric, **options))
        case = {"image": name, "channels": channels}
        if isinstance(expected, str):
            yield case | {"error": expected}
            continue
        expected = np.ascontiguousarray(expected)
        height, width, bands = expected.shape
        digest = hashlib.sha256(expected.tobytes()).hexdigest()
        yield case | {"width": width, "height": height, "bands": bands, "bits": 8 * expected.itemsize, "sha256": digest}
