"""JPEG: color models, subsampling, orientation, other processes, damage."""

import io

import cv2
import imagecodecs
import numpy as np
from PIL import Image

from models.image_files.case import Case, by_pillow, refused, saved, smooth
from models.image_files.png import exif

TOLERANCE = 4


def with_segment(data, kind, content):
    """A JPEG with a segment behind its beginning."""
    return data[:2] + bytes([0xFF, kind]) + (len(content) + 2).to_bytes(2, "big") + content + data[2:]


def without(data, kind):
    """A JPEG without its first segment of a kind."""
    at = data.index(bytes([0xFF, kind]))
    length = int.from_bytes(data[at + 2 : at + 4], "big")
    return data[:at] + data[at + 2 + length :]


def renamed(data, old, new):
    """A JPEG whose components have other names."""
    data = bytearray(data)
    for start, first, step in ((data.index(b"\xff\xc0"), 10, 3), (data.index(b"\xff\xda"), 5, 2)):
        for i, (was, name) in enumerate(zip(old, new)):
            assert data[start + first + i * step] == was
            data[start + first + i * step] = name
    return bytes(data)


def lossy(name, what, data, oracle="Pillow", pixels=None, tolerance=TOLERANCE):
    return Case(name, what, data, by_pillow(data) if pixels is None else pixels, oracle, tolerance=tolerance)


def all_cases():
    pixels = smooth()
    image = Image.fromarray(pixels)
    for sampling in ("4:4:4", "4:2:2", "4:2:0"):
        for progressive in (False, True):
            data = saved(image, "JPEG", quality=95, subsampling=sampling, progressive=progressive)
            name = sampling.replace(":", "") + ("-progressive" if progressive else "")
            yield lossy(f"{name}.jpg", f"JPEG, {sampling}{', progressive' if progressive else ''}", data)
    gray = Image.fromarray(pixels[:, :, 0])
    yield lossy("gray.jpg", "JPEG, gray", saved(gray, "JPEG", quality=95))
    yield lossy("gray-progressive.jpg", "JPEG, gray, progressive", saved(gray, "JPEG", quality=95, progressive=True))
    for quality in (1, 30, 100):
        yield lossy(f"quality-{quality}.jpg", f"JPEG, quality {quality}", saved(image, "JPEG", quality=quality, subsampling=0))
    data = cv2.imencode(".jpg", pixels[:, :, ::-1], [cv2.IMWRITE_JPEG_RST_INTERVAL, 1])[1].tobytes()
    yield lossy("restart.jpg", "JPEG, restart markers", data, "OpenCV", cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)[:, :, ::-1])
    data = cv2.imencode(".jpg", pixels[:, :, ::-1], [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_440])[1].tobytes()
    yield lossy("440.jpg", "JPEG, 4:4:0", data)
    data = cv2.imencode(".jpg", pixels[:, :, ::-1], [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_411])[1].tobytes()
    yield lossy("411.jpg", "JPEG, 4:1:1", data, tolerance=8)
    for side in (1, 7, 17):
        odd = Image.fromarray(smooth(side, side))
        yield lossy(f"side-{side}.jpg", f"JPEG of {side} x {side} pixels", saved(odd, "JPEG", quality=95, subsampling=0))
    data = saved(image, "JPEG", quality=95, subsampling=0)
    rgb = saved(image, "JPEG", quality=95, keep_rgb=True)
    yield lossy("rgb.jpg", "JPEG, colors without a transform", rgb)
    bare = without(data, 0xE0)
    yield lossy("bare.jpg", "JPEG without JFIF", bare)
    yield lossy("named-rgb.jpg", "JPEG without JFIF, components called R, G, B", renamed(bare, b"\1\2\3", b"RGB"))
    yield lossy("jfif-rgb.jpg", "JPEG with JFIF, components called R, G, B", renamed(data, b"\1\2\3", b"RGB"))
    yield lossy("named-012.jpg", "JPEG without JFIF, components called 0, 1, 2", renamed(bare, b"\1\2\3", b"\0\1\2"))
    adobe = lambda transform: b"Adobe\0\x64\0\0\0\0" + bytes([transform])
    for transform in (0, 1, 2):
        yield lossy(f"adobe-{transform}.jpg", f"JPEG, Adobe segment with transform {transform}", with_segment(bare, 0xEE, adobe(transform)))
    yield lossy("adobe-jfif.jpg", "JPEG, JFIF, and Adobe segment with transform 0", data[:20] + with_segment(b"\0\0" + data[20:], 0xEE, adobe(0))[2:])
    inks = Image.fromarray(smooth(bands=4), "CMYK")
    cmyk = saved(inks, "JPEG", quality=95)
    yield lossy("cmyk.jpg", "JPEG, CMYK of Adobe", cmyk)
    yield lossy("cmyk-plain.jpg", "JPEG, CMYK without an Adobe segment", without(cmyk, 0xEE))
    at = cmyk.index(b"Adobe")
    for transform in (1, 2):
        yield lossy(f"ycck-{transform}.jpg", f"JPEG of four components, transform {transform}", cmyk[: at + 11] + bytes([transform]) + cmyk[at + 12 :])
    for orientation in range(1, 9):
        turned = with_segment(data, 0xE1, b"Exif\0\0" + exif(orientation))
        yield lossy(f"turned-{orientation}.jpg", f"JPEG, EXIF orientation {orientation}", turned)
    upright = by_pillow(with_segment(data, 0xE1, b"Exif\0\0" + exif(8)))
    turned = with_segment(data, 0xE1, b"Exif\0\0" + exif(8, 4))
    yield lossy("turned-long.jpg", "JPEG, EXIF orientation 8 of type LONG", turned, pixels=upright)
    broken = with_segment(data, 0xE1, b"Exif\0\0II*\0\xff\xff\xff\x7f")
    yield lossy("broken-exif.jpg", "JPEG with damaged EXIF, which is ignored", broken, pixels=by_pillow(data))
    stream = io.BytesIO()
    image.save(stream, "MPO", save_all=True, append_images=[Image.fromarray(pixels[::-1])], quality=95, subsampling=0)
    yield lossy("two.mpo", "MPO, two images, of which the first is read", stream.getvalue())
    yield lossy("more-bytes.jpg", "JPEG with bytes behind its end", data + b"\0\0more", pixels=by_pillow(data))
    yield refused("cut.jpg", "JPEG, truncated", data[:-40], "JPEG: the file ends before the image does")
    yield refused("no-end.jpg", "JPEG without its end marker", data[:-2], "JPEG: the file ends before the image does")
    yield refused("twelve.jpg", "JPEG of 12 bits", imagecodecs.jpeg_encode(pixels[:, :, 0].astype(np.uint16) * 16, bitspersample=12), "JPEG: ")
    yield refused("lossless.jpg", "JPEG, lossless", imagecodecs.ljpeg_encode(pixels[:, :, 0]), "JPEG: ")
    yield refused("ls.jpg", "JPEG-LS", imagecodecs.jpegls_encode(pixels), "JPEG-LS is not supported")
    yield refused("only-beginning.jpg", "JPEG, only its first bytes", b"\xff\xd8\xff\xe0", "JPEG: ")
