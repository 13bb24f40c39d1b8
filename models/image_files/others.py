"""GIF, BMP, WebP, PNM, TGA, QOI, ICO, Radiance HDR and farbfeld; formats that are not read."""

import io
import struct

import cv2
import imagecodecs
import numpy as np
from PIL import Image

from models.image_files.case import HEIGHT, WIDTH, Case, by_pillow, colors, frame_case, gray, pillow_case, refused, saved, shaped, smooth


def bmp(values, bits, compression=0, data=None, masks=b"", top_down=False):
    """A BMP with a header of 40 bytes."""
    height, width = values.shape[:2]
    start = 54 + len(masks)
    header = struct.pack("<IiiHHIIiiII", 40, width, -height if top_down else height, 1, bits, compression, len(data), 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", start + len(data), 0, 0, start) + header + masks + data


def gif_cases():
    values = colors(20)
    indexed = Image.fromarray(values).quantize(64)
    yield pillow_case("palette.gif", "GIF", saved(indexed, "GIF"))
    yield pillow_case("gray.gif", "GIF, gray", saved(Image.fromarray(gray(21)), "GIF"))
    yield pillow_case("not-interlaced.gif", "GIF, not interlaced", saved(indexed, "GIF", interlace=0))
    frames = [Image.fromarray(colors(seed)).quantize(32) for seed in (22, 23, 24)]
    data = saved(frames[0], "GIF", save_all=True, append_images=frames[1:])
    yield pillow_case("animated.gif", "GIF, three frames", data)
    yield frame_case("animated-2.gif", "GIF, the second of three frames (`--frames all`)", data, 2)
    clear = indexed.copy()
    clear.info["transparency"] = 3
    data = saved(clear, "GIF", transparency=3)
    yield Case("clear.gif", "GIF with transparency", data, by_pillow(data), "Pillow")
    data = saved(indexed, "GIF")
    yield pillow_case("old.gif", "GIF, version 87a", data[:4] + b"7" + data[5:])
    yield refused("cut.gif", "GIF, truncated", data[:-40], "GIF: ")
    yield refused("empty.gif", "GIF without a frame", data[:13] + b";", "GIF: ")


def bmp_cases():
    values = colors(25)
    image = Image.fromarray(values)
    for mode in ("1", "L", "P", "RGB", "RGBA"):
        yield pillow_case(f"{mode.lower()}.bmp", f"BMP, Pillow's mode {mode}", saved(image.convert(mode), "BMP"))
    rows = np.zeros((HEIGHT, -(-WIDTH * 3 // 4) * 4), np.uint8)
    rows[:, : WIDTH * 3] = values[:, :, ::-1].reshape(HEIGHT, -1)
    yield pillow_case("top-down.bmp", "BMP, rows from the top", bmp(values, 24, data=rows.tobytes(), top_down=True))
    short = np.random.default_rng(26).integers(0, 32768, (HEIGHT, WIDTH + WIDTH % 2)).astype("<u2")
    yield pillow_case("555.bmp", "BMP of 16 bits, 5-5-5", bmp(values, 16, data=short.tobytes()), tolerance=1)
    short = np.random.default_rng(27).integers(0, 65536, (HEIGHT, WIDTH + WIDTH % 2)).astype("<u2")
    masks = struct.pack("<III", 0xF800, 0x07E0, 0x001F)
    yield pillow_case("565.bmp", "BMP of 16 bits, 5-6-5", bmp(values, 16, 3, short.tobytes(), masks), tolerance=1)
    yield refused("cut.bmp", "BMP, truncated", saved(image, "BMP")[:-30], "BMP: ")


def webp_cases():
    values = smooth()
    image = Image.fromarray(values)
    yield pillow_case("lossless.webp", "WebP, lossless", saved(image, "WEBP", lossless=True))
    alpha = Image.fromarray(np.dstack([values, values[:, :, 0]]))
    yield Case("alpha.webp", "WebP, lossless with alpha, which is dropped", saved(alpha, "WEBP", lossless=True, exact=True), values, "Pillow")
    for quality in (10, 95):
        data = saved(image, "WEBP", quality=quality)
        yield Case(f"lossy-{quality}.webp", f"WebP, quality {quality}", data, by_pillow(data), "Pillow", tolerance=4)
    data = saved(image, "WEBP", lossless=True, save_all=True, append_images=[Image.fromarray(values[::-1])])
    yield pillow_case("animated.webp", "WebP, two frames", data)
    yield frame_case("animated-2.webp", "WebP, the second of two frames (`--frames all`)", data, 2, tolerance=1)
    yield refused("cut.webp", "WebP, truncated", saved(image, "WEBP", lossless=True)[:-40], "WEBP: ")


def pnm_cases():
    size = f"{WIDTH} {HEIGHT}"
    bits = gray(28) > 127
    text = "\n".join(" ".join(str(int(bit)) for bit in row) for row in bits)
    black = shaped(np.where(bits, 0, 255).astype(np.uint8))
    yield Case("plain.pbm", "PBM, plain", f"P1\n{size}\n{text}\n".encode(), black)
    yield Case("raw.pbm", "PBM", f"P4\n{size}\n".encode() + np.packbits(bits, axis=1).tobytes(), black)
    for top in (255, 65535):
        dtype = np.uint8 if top == 255 else np.uint16
        one, three = gray(29, dtype), colors(30, dtype)
        numbers = lambda values: " ".join(map(str, values.ravel()))
        big = lambda values: values.astype(f">u{values.itemsize}").tobytes()
        yield Case(f"plain-{top}.pgm", f"PGM, plain, up to {top}", f"P2\n{size}\n{top}\n{numbers(one)}\n".encode(), shaped(one))
        yield Case(f"raw-{top}.pgm", f"PGM, up to {top}", f"P5\n# a comment\n{size}\n{top}\n".encode() + big(one), shaped(one))
        yield Case(f"plain-{top}.ppm", f"PPM, plain, up to {top}", f"P3\n{size}\n{top}\n{numbers(three)}\n".encode(), three)
        yield Case(f"raw-{top}.ppm", f"PPM, up to {top}", f"P6\n{size}\n{top}\n".encode() + big(three), three)
        header = f"P7\nWIDTH {WIDTH}\nHEIGHT {HEIGHT}\nDEPTH 4\nMAXVAL {top}\nTUPLTYPE RGB_ALPHA\nENDHDR\n".encode()
        four = colors(31, dtype, 4)
        yield Case(f"alpha-{top}.pam", f"PAM with alpha, up to {top}, which is dropped", header + big(four), four[:, :, :3])
    yield refused("cut.pgm", "PGM, truncated", f"P5\n{size}\n255\n".encode() + b"1234", "PNM: ")


def more_cases():
    values = colors(32)
    image = Image.fromarray(values)
    for mode in ("L", "P", "RGB", "RGBA"):
        for compression in (None, "tga_rle"):
            end, form = ("-rle", ", run lengths") if compression else ("", "")
            data = saved(image.convert(mode), "TGA", compression=compression)
            yield pillow_case(f"{mode.lower()}{end}.tga", f"TGA, Pillow's mode {mode}{form}", data)
    yield Case("colors.qoi", "QOI", imagecodecs.qoi_encode(values), values, "imagecodecs")
    four = colors(33, np.uint8, 4)
    yield Case("four.qoi", "QOI with alpha, for a model of four channels", imagecodecs.qoi_encode(four), four, "imagecodecs", channels="rgba")
    yield pillow_case("icon.ico", "ICO, a PNG within", saved(Image.fromarray(smooth(16, 16)), "ICO", sizes=[(16, 16)]))
    yield pillow_case("icon-bmp.ico", "ICO, a BMP within", saved(Image.fromarray(smooth(16, 16)).convert("RGBA"), "ICO", sizes=[(16, 16)], bitmap_format="bmp"))
    floats = np.random.default_rng(35).random((HEIGHT, WIDTH, 3)).astype(np.float32)
    data = cv2.imencode(".hdr", floats)[1].tobytes()
    found = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)[:, :, ::-1]
    yield Case("lamp.hdr", "Radiance HDR", data, found.astype(np.float32), "OpenCV")
    wide = colors(36, np.uint16, 4)
    farbfeld = b"farbfeld" + struct.pack(">II", WIDTH, HEIGHT) + wide.astype(">u2").tobytes()
    yield Case("wide.ff", "farbfeld, whose alpha is dropped", farbfeld, wide[:, :, :3])


def refused_cases():
    values = smooth()
    image = Image.fromarray(values)
    for name, what, data in (
        ("photo.avif", "AVIF", saved(image, "AVIF")),
        ("tile.jp2", "JPEG 2000", saved(image, "JPEG2000")),
        ("stream.j2k", "JPEG 2000", imagecodecs.jpeg2k_encode(values, codecformat="j2k")),
        ("photo.jxl", "JPEG XL", imagecodecs.jpegxl_encode(values)),
        ("photo.jxr", "JPEG XR", imagecodecs.jpegxr_encode(values)),
        ("texture.dds", "DDS", saved(image, "DDS")),
        ("old.pcx", "PCX", saved(image, "PCX")),
        ("old.sgi", "SGI", saved(image, "SGI")),
        ("map.pfm", "PFM", cv2.imencode(".pfm", values.astype(np.float32))[1].tobytes()),
        ("photo.heic", "HEIC", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + b"\0" * 100),
        ("photo.cr3", "camera raw", b"\0\0\0\x18ftypcrx \0\0\0\1crx isom"),
        ("photo.cr2", "camera raw", b"II*\0\x10\0\0\0CR\2\0\0\0\0\0"),
        ("photo.nef", "camera raw", b"MM\0*\0\0\0\x08" + b"\0" * 40),
        ("photo.raf", "camera raw", b"FUJIFILMCCD-RAW 0201"),
        ("scan.dcm", "DICOM", b"\0" * 128 + b"DICM\2\0\0\0"),
        ("brain.nii", "NIfTI", struct.pack("<i", 348) + b"\0" * 340 + b"n+1\0"),
        ("brain.nii.gz", "NIfTI", b"\x1f\x8b\x08\0\0\0\0\0"),
        ("volume.nrrd", "NRRD", b"NRRD0004\ntype: uint8\n"),
        ("volume.mha", "MetaImage", b"ObjectType = Image\nNDims = 3\n"),
        ("sky.fits", "FITS", b"SIMPLE  =                    T" + b" " * 50),
        ("art.psd", "Photoshop (PSD)", b"8BPS\0\1" + b"\0" * 20),
        ("art.xcf", "GIMP (XCF)", b"gimp xcf v011\0"),
        ("light.exr", "OpenEXR", b"\x76\x2f\x31\x01\2\0\0\0"),
        ("slide.czi", "a file of a microscope", b"ZISRAWFILE\0\0\0\0\0\0"),
    ):
        yield refused(name, what, data, f"{what} is not supported")
    for name, what, data, error in (
        ("empty.png", "an empty file", b"", "the file is empty"),
        ("zeros.png", "zeros", b"\0" * 99, "all its bytes are 0"),
        ("text.png", "text", b"some words\n", "not an image, but text"),
        ("page.png", "a web page", b"<!DOCTYPE html><title>404</title>", "a web page"),
        ("pointer.png", "a Git LFS pointer", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "a Git LFS pointer"),
        ("annex.png", "a git-annex pointer", b"/annex/objects/SHA256E-s9--00.png\n", "a git-annex pointer"),
        ("video.png", "a video", b"\0\0\0\x18ftypisom\0\0\2\0isomiso2", "a video"),
        ("drawing.png", "a drawing", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "a drawing (SVG)"),
        ("unknown.png", "unknown bytes", b"\xde\xad\xbe\xef", "not an image of a supported format"),
    ):
        yield refused(name, what, data, error)


def all_cases():
    for group in (gif_cases, bmp_cases, webp_cases, pnm_cases, more_cases, refused_cases):
        yield from group()
