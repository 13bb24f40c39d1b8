"""Composes the README's picture from a prediction of fixtures/streets/images.

Run (versions in requirements.txt):
    pip install pillow
    mcdrop predict models/streets.onnx fixtures/streets/images -o out
    python -m models.readme_picture out
"""

import argparse
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "fixtures" / "streets" / "images"
TARGET = ROOT / "fixtures" / "readme" / "streets.png"
SHOWN = ["strange_00.png", "strange_03.png", "street_40.png"]
MAPS = ["prediction", "predictive_entropy", "mutual_information"]
GAP = 6


def main():
    parser = argparse.ArgumentParser(description="Makes the README's picture.")
    parser.add_argument("folder", type=Path, help="the output folder of mcdrop predict")
    folder = parser.parse_args().folder
    files = [[IMAGES / name] + [folder / kind / f"{name}.png" for kind in MAPS] for name in SHOWN]
    pictures = [[Image.open(file).convert("RGB") for file in row] for row in files]
    width, height = pictures[0][0].size
    size = (len(pictures[0]) * (width + GAP) - GAP, len(SHOWN) * (height + GAP) - GAP)
    sheet = Image.new("RGB", size, "white")
    for y, row in enumerate(pictures):
        for x, picture in enumerate(row):
            sheet.paste(picture, (x * (width + GAP), y * (height + GAP)))
    TARGET.parent.mkdir(exist_ok=True)
    sheet.save(TARGET, optimize=True)
    overlay = Image.open(folder / "overlay" / f"{SHOWN[0]}.png")
    overlay.save(TARGET.with_name("overlay.png"), optimize=True)


if __name__ == "__main__":
    main()
