"""TIFF: every depth, kind of numbers, color model, compression and arrangement, pages, damage."""

import io
import struct

import numpy as np
import tifffile
from PIL import Image

from models.image_files.case import HEIGHT, WIDTH, Case, by_pillow, colors, counted, frame_case, gray, pillow_case, refused, saved, shaped, smooth
from models.preprocessing.tiff import encode


def written(values, **options):
    stream = io.BytesIO()
    tifffile.imwrite(stream, values, datetime=None, software=False, metadata=None, **options)
    return stream.getvalue()


def by_tifffile(data):
    return tifffile.imread(io.BytesIO(data))


def tiff_case(name, what, data, found=None, **more):
    values = by_tifffile(data) if found is None else found
    return Case(name, what, data, shaped(values), "tifffile", **more)


def packed(values, bits, tile=None):
    """A TIFF of gray samples of any number of bits, uncompressed."""
    height, width = values.shape

    def pack(rows):
        data = b""
        for row in rows:
            text = "".join(f"{value:0{bits}b}" for value in row)
            text += "0" * (-len(text) % 8)
            data += bytes(int(text[i : i + 8], 2) for i in range(0, len(text), 8))
        return data

    if tile:
        full = np.zeros((-(-height // tile) * tile, -(-width // tile) * tile), values.dtype)
        full[:height, :width] = values
        chunks = [pack(full[y : y + tile, x : x + tile]) for y in range(0, height, tile) for x in range(0, width, tile)]
    else:
        chunks = [pack(values)]
    data = b"II*\0" + struct.pack("<I", 8 + sum(map(len, chunks))) + b"".join(chunks)
    starts = [8 + sum(map(len, chunks[:i])) for i in range(len(chunks))]
    sizes = [len(chunk) for chunk in chunks]
    tags = [(256, width), (257, height), (258, bits), (259, 1), (262, 1), (277, 1)]
    lists = len(data) + 2 + 12 * (10 if tile else 9) + 4
    extra = b""
    if tile:
        tags += [(322, tile), (323, tile), (324, starts), (325, sizes)]
    else:
        tags += [(273, starts), (278, height), (279, sizes)]
    data += struct.pack("<H", len(tags))
    for tag, value in sorted(tags):
        many = value if isinstance(value, list) else [value]
        if len(many) > 1:
            data += struct.pack("<HHII", tag, 4, len(many), lists + len(extra))
            extra += struct.pack(f"<{len(many)}I", *many)
        else:
            data += struct.pack("<HHII", tag, 4, 1, many[0])
    return data + b"\0" * 4 + extra


def changed(data, tag, value):
    """A little-endian TIFF of one page with another value of a tag of one SHORT."""
    directory = struct.unpack("<I", data[4:8])[0]
    for i in range(struct.unpack("<H", data[directory : directory + 2])[0]):
        at = directory + 2 + 12 * i
        if struct.unpack("<H", data[at : at + 2])[0] == tag:
            return data[: at + 8] + struct.pack("<I", value) + data[at + 12 :]
    raise ValueError(f"there is no tag {tag}")


def all_cases():
    for bits in (1, 2, 4, 6, 10, 12, 14):
        values = np.random.default_rng(bits).integers(0, 2**bits, (HEIGHT, WIDTH))
        top = 2**bits - 1
        found = values.astype(np.uint16) if bits > 8 else ((values * 255 + top // 2) // top).astype(np.uint8)
        for tile in (None, 16):
            end, form = ("-tiled", ", tiled") if tile else ("", "")
            yield Case(f"gray-{bits}{end}.tif", f"TIFF, gray of {counted(bits, 'bit')}{form}", packed(values, bits, tile), shaped(found), largest=top if bits > 8 else 65535)
    for dtype in ("u1", "u2"):
        values = colors(1, np.dtype(dtype), 4)
        for name, photometric, found in (("minisblack", "minisblack", values[:, :, 0]), ("rgb", "rgb", values[:, :, :3])):
            for compression in (None, "lzw", "deflate", "packbits"):
                for predictor in (False, True):
                    if predictor and compression not in ("lzw", "deflate"):
                        continue
                    end = f"{compression or 'raw'}{'-predicted' if predictor else ''}"
                    data = written(np.ascontiguousarray(found), photometric=photometric, compression=compression, predictor=predictor)
                    what = f"TIFF, {'gray' if photometric == 'minisblack' else 'colors'} of {8 * found.itemsize} bits, {end.replace('-', ', ')}"
                    yield tiff_case(f"{name}-{dtype}-{end}.tif", what, data)
    for dtype in ("u4", "u8", "i1", "i2", "i4", "f2", "f4", "f8"):
        values = (np.random.default_rng(4).random((HEIGHT, WIDTH)) * 200 - (0 if dtype[0] == "u" else 100)).astype(dtype)
        yield tiff_case(f"gray-{dtype}.tif", f"TIFF, gray of type {np.dtype(dtype).name}", written(values, photometric="minisblack"), values.astype(np.float32))
    floats = np.random.default_rng(5).random((HEIGHT, WIDTH, 3)).astype(np.float32)
    for predictor in (False, True):
        data = written(floats, photometric="rgb", compression="deflate", predictor=predictor)
        yield tiff_case(f"float-{'predicted' if predictor else 'deflate'}.tif", f"TIFF, colors in floating point, deflate{', predictor' if predictor else ''}", data)
    values = colors(6)
    for name, what, options in (
        ("big-endian", "big-endian", {"byteorder": ">"}),
        ("bigtiff", "BigTIFF", {"bigtiff": True}),
        ("bigtiff-big-endian", "BigTIFF, big-endian", {"bigtiff": True, "byteorder": ">"}),
        ("tiled", "tiled", {"tile": (16, 16)}),
        ("strips", "strips of two rows", {"rowsperstrip": 2}),
    ):
        yield tiff_case(f"{name}.tif", f"TIFF, {what}", written(values, photometric="rgb", **options), values)
        wide = colors(6, np.uint16)
        yield tiff_case(f"{name}-16.tif", f"TIFF, {what}, 16 bits", written(wide, photometric="rgb", **options), wide)
    planes = np.moveaxis(values, 2, 0)
    yield tiff_case("planes.tif", "TIFF, separate bands", written(planes, photometric="rgb", planarconfig="separate"), values)
    for bands in (2, 4, 5, 6, 12, 13):
        for dtype in (np.uint8, np.uint16):
            many = colors(bands, dtype, bands)
            data = written(many, photometric="minisblack", planarconfig="contig")
            what = f"TIFF, {bands} bands of {8 * many.itemsize} bits for a model of {bands} channels"
            channels = "rgba" if bands == 4 else f"bands:{bands}"
            yield Case(f"bands-{bands}-{8 * many.itemsize}.tif", what, data, many, "tifffile", channels=channels)
    many = colors(13, np.uint16, 6)
    data = written(np.moveaxis(many, 2, 0), photometric="minisblack", planarconfig="separate")
    yield Case("bands-6-separate.tif", "TIFF, six separate bands of 16 bits", data, many, "tifffile", channels="bands:6")
    data = written(many, photometric="rgb", extrasamples=[0, 0, 0], planarconfig="contig", compression="lzw", predictor=True)
    yield Case("rgb-and-three.tif", "TIFF, colors and three more bands, for a model of six channels", data, many, "tifffile", channels="bands:6")
    yield Case("rgb-and-three-colors.tif", "TIFF, colors and three more bands, for a model of three channels", data, many[:, :, :3], "tifffile")
    for kind, name in ((1, "multiplied"), (2, "straight")):
        both = colors(8, np.uint8, 2)
        data = written(both, photometric="minisblack", extrasamples=[kind], planarconfig="contig")
        yield Case(f"gray-alpha-{name}.tif", f"TIFF, gray with alpha ({name}), which is dropped", data, shaped(both[:, :, 0]), "tifffile")
        four = colors(8, np.uint16, 4)
        data = written(four, photometric="rgb", extrasamples=[kind], planarconfig="contig")
        yield Case(f"alpha-{name}.tif", f"TIFF, colors with alpha ({name}) of 16 bits, which is dropped", data, four[:, :, :3], "tifffile")
    white = gray(9)
    yield Case("white.tif", "TIFF, white is zero", written(white, photometric="miniswhite"), shaped(255 - white), "tifffile")
    white = gray(9, np.uint16)
    yield Case("white-16.tif", "TIFF, white is zero, 16 bits", written(white, photometric="miniswhite"), shaped(65535 - white), "tifffile")
    both = colors(43, np.uint8, 2)
    data = written(both, photometric="miniswhite", extrasamples=[2], planarconfig="contig")
    inverted = np.dstack([255 - both[:, :, 0], both[:, :, 1]])
    yield Case("white-alpha.tif", "TIFF, white is zero, with alpha, for a model of two channels", data, inverted, "tifffile", channels="bands:2")
    bilevel = Image.fromarray(gray(10) > 127)
    for compression in ("group3", "group4", "tiff_lzw", "packbits", "raw"):
        data = saved(bilevel, "TIFF", compression=compression)
        if compression == "group3":
            yield refused("fax-group3.tif", "TIFF, 1 bit, group3", data, "TIFF: ")
        else:
            yield pillow_case(f"bilevel-{compression}.tif", f"TIFF, 1 bit, {compression}", data)
    indexed = Image.fromarray(values).quantize(200)
    for compression in ("raw", "tiff_lzw"):
        yield pillow_case(f"palette-{compression}.tif", f"TIFF, palette, {compression}", saved(indexed, "TIFF", compression=compression))
    data = saved(indexed, "TIFF")
    few = Image.fromarray(values).quantize(12)
    nibbles = np.asarray(few)
    table = np.zeros((3, 16), np.uint16)
    table[:, :12] = np.asarray(few.getpalette()[:36], np.uint16).reshape(12, 3).T * 257
    yield Case("palette-4.tif", "TIFF, palette of 4 bits", with_palette(packed(nibbles, 4), table), np.asarray(few.convert("RGB")))
    small = table.copy() // 257
    yield Case("palette-small.tif", "TIFF, palette with values of 8 bits", with_palette(packed(nibbles, 4), small), np.asarray(few.convert("RGB")))
    inks = smooth(WIDTH, HEIGHT, 4)
    data = written(inks, photometric="separated", planarconfig="contig")
    mixed = ((255 - inks[:, :, :3].astype(np.float32)) * (1 - inks[:, :, 3:].astype(np.float32) / np.float32(255))).astype(np.uint8)
    yield Case("cmyk.tif", "TIFF, CMYK", data, mixed)
    yield refused("cmyk-for-four.tif", "TIFF, CMYK for a model of four channels", data, "TIFF: found CMYK", channels="rgba")
    big = smooth()
    for photometric, subsampling in (("rgb", None), ("ycbcr", (1, 1)), ("ycbcr", (2, 2))):
        options = {"subsampling": subsampling} if subsampling else {}
        data = written(big, photometric=photometric, compression="jpeg", compressionargs={"level": 95}, tile=(16, 16), **options)
        end = f"{photometric}-{subsampling[0]}" if subsampling else photometric
        yield Case(f"jpeg-{end}.tif", f"TIFF, JPEG compression, {end}", data, by_tifffile(data), "tifffile", tolerance=4)
    data = written(big[:, :, 0], photometric="minisblack", compression="jpeg", compressionargs={"level": 95})
    yield Case("jpeg-gray.tif", "TIFF, JPEG compression, gray", data, shaped(by_tifffile(data)), "tifffile", tolerance=4)
    for orientation in range(1, 9):
        data = changed(encode(values, 2), 274, orientation)
        yield pillow_case(f"turned-{orientation}.tif", f"TIFF, orientation {orientation}", data)
    data = encode(values, 2, orientation=6)
    at = data.index(struct.pack("<HHI", 274, 3, 1))
    yield pillow_case("turned-long.tif", "TIFF, orientation 6 of type LONG", data[: at + 2] + b"\4\0" + data[at + 4 :])
    yield tiff_case("pages.tif", "TIFF, three pages, of which the first is read", written(np.stack([colors(i) for i in (1, 2, 3)]), photometric="rgb"), colors(1))
    data = written(np.stack([colors(i) for i in (1, 2, 3)]), photometric="rgb")
    yield frame_case("pages-3.tif", "TIFF, the third of three pages (`--frames all`)", data, 3)
    stream = io.BytesIO()
    with tifffile.TiffWriter(stream) as writer:
        for page, kind in ((colors(40), 0), (colors(41)[::2, ::2], 1), (colors(42, np.uint16), 0)):
            writer.write(page, photometric="rgb", subfiletype=kind, datetime=None, software=False, metadata=None)
    yield Case("pages-with-previews.tif", "TIFF, the second of two pages with a preview between (`--frames all`)", stream.getvalue(), colors(42, np.uint16), "tifffile", frame=2)
    stream = io.BytesIO()
    with tifffile.TiffWriter(stream) as writer:
        for page, kind in ((colors(44)[::2, ::2], 1), (colors(45, np.uint16), 0)):
            writer.write(page, photometric="rgb", subfiletype=kind, datetime=None, software=False, metadata=None)
    yield Case("preview-first.tif", "TIFF, a preview before the page, which is read", stream.getvalue(), colors(45, np.uint16), "tifffile")
    yield refused("pages-4.tif", "TIFF, a fourth of three pages", data, "TIFF: ", frame=4)
    for compression in ("zstd", "webp", "lzma", "jpeg2000", "jpegxl", "lerc"):
        yield refused(f"{compression}.tif", f"TIFF, {compression} compression", written(values, photometric="rgb", compression=compression), "TIFF: ")
    good = written(values, photometric="rgb")
    yield refused("cut.tif", "TIFF, truncated", good[:-30], "TIFF: ")
    yield refused("planes-tiled.tif", "TIFF, separate bands in tiles", written(planes, photometric="rgb", planarconfig="separate", tile=(16, 16)), "separate bands in tiles")
    nan = floats.copy()
    nan[1, 2, 0] = np.nan
    yield refused("not-a-number.tif", "TIFF, floating point with NaN", written(nan, photometric="rgb"), "is NaN; expected finite numbers")
    yield refused("five-for-three.tif", "TIFF, five bands for a model of three channels", written(colors(5, np.uint8, 5), photometric="minisblack", planarconfig="contig"), "the image has 5 bands, but the model takes 3")
    yield refused("mosaic.tif", "TIFF, data of a camera's sensor", changed(packed(gray(3).astype(int), 8), 262, 32803), "camera raw is not supported")
    yield refused("lab.tif", "TIFF, CIE L*a*b*", changed(encode(values, 2), 262, 8), "CIE L*a*b* is not supported")
    yield refused("no-directory.tif", "TIFF whose first directory lies outside the file", b"II*\0\xff\xff\xff\x7f", "TIFF: ")


def with_palette(data, table):
    """A TIFF of packed samples with a palette: its directory is written again at the end."""
    directory = struct.unpack("<I", data[4:8])[0]
    n = struct.unpack("<H", data[directory : directory + 2])[0]
    entries = [data[directory + 2 + 12 * i :][:12] for i in range(n)]
    entries = [struct.pack("<HHII", 262, 4, 1, 3) if entry[:2] == b"\x06\x01" else entry for entry in entries]
    colors_at = len(data)
    entries.append(struct.pack("<HHII", 320, 3, table.size, colors_at))
    entries.sort(key=lambda entry: struct.unpack("<H", entry[:2])[0])
    data += table.astype("<u2").tobytes()
    place = len(data)
    data += struct.pack("<H", len(entries)) + b"".join(entries) + b"\0" * 4
    return data[:4] + struct.pack("<I", place) + data[8:]
