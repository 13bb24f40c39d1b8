"""Makes fixtures/preprocessing: small images of every format, and the results of torchvision, Pillow and OpenCV.

    python -m models.preprocessing

Needs torch, torchvision, pillow, opencv-python-headless and numpy, on a processor with AVX2 or on 64-bit ARM.
On other processors, torchvision resizes uint8 tensors in floating point and rounds, which gives other values. The
tests of src/input read these files without Python.
"""

import hashlib
import io
import json
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import torch
import torchvision
from PIL import Image, ImageOps
from torchvision.transforms import InterpolationMode
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional

from models.preprocessing.tiff import write_tiffs

FOLDER = Path(__file__).resolve().parents[2] / "fixtures" / "preprocessing"
MODES = {
    "nearest": InterpolationMode.NEAREST,
    "bilinear": InterpolationMode.BILINEAR,
    "bicubic": InterpolationMode.BICUBIC,
}
MORE_MODES = {"nearest-exact": InterpolationMode.NEAREST_EXACT, "lanczos": InterpolationMode.LANCZOS}
PILLOW = {
    "nearest": Image.Resampling.NEAREST,
    "box": Image.Resampling.BOX,
    "bilinear": Image.Resampling.BILINEAR,
    "hamming": Image.Resampling.HAMMING,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}
OPENCV = {
    "nearest": cv2.INTER_NEAREST,
    "bilinear": cv2.INTER_LINEAR,
    "bicubic": cv2.INTER_CUBIC,
}
SIZES = {
    "rgb.png": [(224, 224), (32, 32), (31, 17), (122, 94), (60, 46), (7, 5), (1, 1), (61, 20), (20, 47), (300, 2), (60, 44), (60, 45), (30, 1)],
    "gray.png": [(224, 224), (32, 32), (15, 101)],
    "strip.png": [(8, 8), (200, 5), (1409, 1)],
    "tall.png": [(3, 4), (17, 100)],
    "column.png": [(8, 8), (1, 7), (3, 29)],
    "dot.png": [(5, 3)],
}
IMAGENET = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}


def scene(width, height, seed):
    """Draws smooth colors, hard edges and noise, so that overshoot and rounding are visible."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    planes = [127 + 120 * np.sin(x / (5 + 3 * c) + y / (9 - 2 * c) + c) for c in range(3)]
    image = np.stack(planes, axis=-1)
    image[height // 3 : height // 2, width // 4 : width // 2] = [255, 0, 255]
    image[height // 2 :, width // 2 :] *= random.random((height - height // 2, width - width // 2, 1)) > 0.5
    image += random.normal(0, 12, image.shape)
    return np.clip(np.round(image), 0, 255).astype(np.uint8)


def png_16(values):
    """Encodes a 16-bit RGB PNG, which Pillow cannot write."""
    height, width, _ = values.shape

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    header = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")


def oriented(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def rounded_to_8_bits(values):
    return ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)


def gray_to_rgb(values):
    return np.repeat(values[:, :, None], 3, axis=2)


def upright_rgb(data):
    return np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB"))


def write_images():
    """Writes the images; returns the RGB pixels that should be read from each, by name."""
    random = np.random.default_rng(11)
    expected = {}

    def save(name, image, rgb=None, **options):
        stream = io.BytesIO()
        image.save(stream, **options)
        data = stream.getvalue()
        (FOLDER / name).write_bytes(data)
        expected[name] = upright_rgb(data) if rgb is None else rgb

    def save_bytes(name, data, rgb):
        (FOLDER / name).write_bytes(data)
        expected[name] = rgb

    rgb = scene(61, 47, 1)
    image = Image.fromarray(rgb)
    small = Image.fromarray(scene(19, 13, 2))
    save("rgb.png", image, format="PNG")
    save("strip.png", Image.fromarray(scene(1409, 5, 3)), format="PNG")
    save("tall.png", Image.fromarray(scene(3, 731, 4)), format="PNG")
    save("column.png", Image.fromarray(scene(1, 29, 5)), format="PNG")
    save("dot.png", Image.fromarray(np.array([[[200, 17, 90]]], np.uint8)), format="PNG")

    gray = scene(33, 57, 6)[:, :, 0]
    save("gray.png", Image.fromarray(gray), format="PNG")
    save("bits.png", Image.fromarray(gray[:13, :19]).convert("1"), format="PNG")
    gray_16 = random.integers(0, 65536, (13, 19), dtype=np.uint16)
    gray_16[0, :6] = [0, 128, 129, 385, 386, 65535]
    save("gray16.png", Image.fromarray(gray_16), gray_to_rgb(rounded_to_8_bits(gray_16)), format="PNG")
    rgb_16 = random.integers(0, 65536, (13, 19, 3), dtype=np.uint16)
    save_bytes("rgb16.png", png_16(rgb_16), rounded_to_8_bits(rgb_16))
    save("palette.png", small.quantize(17), format="PNG")
    clear = small.quantize(17)
    save("palette-clear.png", clear, format="PNG", transparency=3)
    rgba = np.dstack([scene(19, 13, 7), random.integers(0, 256, (13, 19), dtype=np.uint8)])
    save("rgba.png", Image.fromarray(rgba), rgba[:, :, :3], format="PNG")
    save("turned.png", small, format="PNG", exif=oriented(5))

    save("turned.jpg", small.resize((37, 23)), format="JPEG", quality=95, subsampling=0, exif=oriented(6))
    save("chroma.jpg", small.resize((37, 23)), format="JPEG", quality=90, subsampling=2)
    save("gray.jpg", small.convert("L").resize((37, 23)), format="JPEG", quality=90)
    save("progressive.jpg", small.resize((37, 23)), format="JPEG", quality=90, progressive=True, subsampling=0)

    save("rgb.tif", small, format="TIFF", compression="tiff_lzw")
    save("plain.tif", small, format="TIFF")
    save("gray16.tif", Image.fromarray(gray_16), gray_to_rgb(rounded_to_8_bits(gray_16)), format="TIFF")
    save("turned.tif", small, format="TIFF", exif=oriented(3))
    save("rgb.bmp", small, format="BMP")
    save("palette.bmp", small.quantize(17), format="BMP")
    save("lossless.webp", small, format="WEBP", lossless=True)
    save("alpha.webp", Image.fromarray(rgba), rgba[:, :, :3], format="WEBP", lossless=True, exact=True)
    save("rgb.ppm", small, format="PPM")
    save("gray.pgm", small.convert("L"), format="PPM")
    save("bits.pbm", small.convert("1"), format="PPM")
    hundred = random.integers(0, 101, (3, 4))
    text = "P2\n# a comment\n4 3\n100\n" + "\n".join(" ".join(map(str, row)) for row in hundred) + "\n"
    save_bytes("hundred.pgm", text.encode(), gray_to_rgb(np.round(hundred * 2.55).astype(np.uint8)))
    return expected


def tensor(rgb, channels="rgb"):
    """Returns the image as a uint8 tensor, with the memory layout of an image from a file."""
    if channels == "gray":
        return torch.from_numpy(np.asarray(Image.fromarray(rgb).convert("L"))[None].copy())
    tensor = torch.from_numpy(rgb.copy()).permute(2, 0, 1)
    return tensor.flip(0) if channels == "bgr" else tensor


def sha256(array):
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()


def resize_cases(images):
    """Returns the resized pixels of every library: their hash, or the pixels if builds of the library differ."""
    for name, sizes in SIZES.items():
        channels = "gray" if name == "gray.png" else "rgb"
        source = tensor(images[name], channels)
        array = np.ascontiguousarray(source.permute(1, 2, 0).numpy())
        image = Image.fromarray(array[:, :, 0] if channels == "gray" else array)
        for width, height in sizes:
            case = {"image": name, "channels": channels, "size": f"{width}x{height}"}
            for mode, antialias in [(mode, a) for mode in MODES for a in ([True, False] if mode != "nearest" else [False])]:
                pixels = functional.resize(source, [height, width], interpolation=MODES[mode], antialias=antialias)
                yield case | {"interpolation": mode, "antialias": antialias, "sha256": sha256(pixels.permute(1, 2, 0).numpy())}
            for mode in MORE_MODES:
                pixels = functional.resize(source, [height, width], interpolation=MORE_MODES[mode], antialias=True)
                yield case | {"interpolation": mode, "antialias": True, "sha256": sha256(pixels.permute(1, 2, 0).numpy())}
            for mode in PILLOW:
                pixels = np.asarray(image.resize((width, height), PILLOW[mode]))
                yield case | {"resampler": "pillow", "interpolation": mode, "antialias": True, "sha256": sha256(pixels)}
            for mode in OPENCV:
                pixels = cv2.resize(array, (width, height), interpolation=OPENCV[mode])
                value = {"sha256": sha256(pixels)}
                if mode == "bicubic":
                    if width * height > 4000:
                        continue
                    value = {"pixels": pixels.tobytes().hex()}
                yield case | {"resampler": "opencv", "interpolation": mode, "antialias": False} | value


def float_cases(images):
    """Returns values of 0..1 resized by torchvision in floating point, at some positions."""
    for name, sizes in SIZES.items():
        source = tensor(images[name], "gray" if name == "gray.png" else "rgb")
        source = source * torch.tensor(1 / 255)
        for width, height in sizes:
            for mode, antialias in [("bilinear", True), ("bilinear", False), ("bicubic", True), ("bicubic", False)]:
                values = functional.resize(source, [height, width], interpolation=MODES[mode], antialias=antialias)
                values = values.permute(1, 2, 0).contiguous().reshape(-1).numpy()
                random = np.random.default_rng(7)
                places = sorted({int(random.integers(len(values))) for _ in range(24)})
                yield {
                    "image": name,
                    "channels": "gray" if name == "gray.png" else "rgb",
                    "size": f"{width}x{height}",
                    "interpolation": mode,
                    "antialias": antialias,
                    "samples": [[at, float(values[at])] for at in places],
                }


def pipeline_cases(images):
    half = {"mean": [0.5], "std": [0.25]}
    cases = [
        ("rgb.png", {"resize": "short:40", "crop": "32x32"}, IMAGENET),
        ("rgb.png", {"resize": "short:256", "crop": "224x224", "interpolation": "bicubic"}, IMAGENET),
        ("rgb.png", {"resize": "33x35", "crop": "20x20", "channels": "bgr"}, {"mean": [0.1, 0.2, 0.3], "std": [0.4, 0.5, 0.6]}),
        ("rgb.png", {"resize": "31x30", "crop": "40x20", "antialias": False}, IMAGENET),
        ("rgb.png", {"crop": "64x64"}, {"mean": [0.0], "std": [1.0]}),
        ("rgb.png", {}, IMAGENET),
        ("gray.png", {"resize": "28x28", "channels": "gray"}, half),
        ("rgb.png", {"resize": "short:31", "crop": "27x33", "channels": "gray", "interpolation": "bicubic"}, half),
        ("column.png", {"resize": "short:9", "crop": "16x16", "interpolation": "nearest"}, IMAGENET),
        ("tall.png", {"resize": "short:5"}, {"mean": [0.485], "std": [0.229]}),
        ("rgb.png", {"resize": "64x48", "antialias": False, "interpolation": "bicubic"}, IMAGENET),
    ]
    for name, options, scale in cases:
        channels = options.get("channels", "rgb")
        steps = []
        resize = options.get("resize", "none")
        if resize != "none":
            side = resize.removeprefix("short:")
            size = [int(side)] if side != resize else [int(part) for part in reversed(side.split("x"))]
            steps.append(v2.Resize(size, MODES[options.get("interpolation", "bilinear")], antialias=options.get("antialias", True)))
        if "crop" in options:
            steps.append(v2.CenterCrop([int(part) for part in reversed(options["crop"].split("x"))]))
        count = 1 if channels == "gray" else 3
        mean, std = (scale[key] if len(scale[key]) == count else scale[key] * count for key in ("mean", "std"))
        steps += [v2.ToDtype(torch.float32, scale=True), v2.Normalize(mean, std)]
        values = v2.Compose(steps)(tensor(images[name], channels)).contiguous().numpy()
        random = np.random.default_rng(5)
        places = [[int(random.integers(side)) for side in values.shape] for _ in range(24)]
        yield {
            "image": name,
            "options": options | scale,
            "height": values.shape[1],
            "width": values.shape[2],
            "sha256": sha256(values.astype("<f4")),
            "samples": [[*place, float(values[tuple(place)])] for place in places],
        }


def main():
    if torch.backends.cpu.get_cpu_capability() == "DEFAULT":
        raise SystemExit("this processor has no AVX2: torchvision would resize in another way")
    FOLDER.mkdir(parents=True, exist_ok=True)
    images = write_images()

    def write(name, rows):
        made_with = f"torch {torch.__version__}, torchvision {torchvision.__version__}, pillow {Image.__version__}, opencv {cv2.__version__}"
        lines = ",\n".join("    " + json.dumps(row) for row in rows)
        text = f'{{\n  "made_by": "models/preprocessing",\n  "made_with": "{made_with}",\n  "cases": [\n{lines}\n  ]\n}}\n'
        (FOLDER / name).write_text(text)

    def image_case(name, pixels):
        case = {"image": name, "width": pixels.shape[1], "height": pixels.shape[0]}
        case["file_sha256"] = hashlib.sha256((FOLDER / name).read_bytes()).hexdigest()
        # Decoders of JPEG differ by a few levels, so the values themselves are kept.
        return case | ({"rgb": pixels.tobytes().hex()} if name.endswith(".jpg") else {"sha256": sha256(pixels)})

    write("images.json", [image_case(name, pixels) for name, pixels in images.items()])
    write("bands.json", write_tiffs(FOLDER))
    write("resize.json", resize_cases(images))
    write("floats.json", float_cases(images))
    write("pipelines.json", pipeline_cases(images))


if __name__ == "__main__":
    main()
