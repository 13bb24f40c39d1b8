"""Composes the README's pictures from predictions of fixtures/streets and fixtures/streets_depth.

Run (versions in requirements.txt):
    pip install pillow
    mcdrop predict models/streets.onnx fixtures/streets/images -o out
    python -m models.readme_picture streets out
    mcdrop predict models/streets_depth.onnx fixtures/streets_depth/images -o out-depth \\
      --value-range 0:80
    python -m models.readme_picture streets_depth out-depth
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
TARGETS = ROOT / "fixtures" / "readme"
GAP = 6


@dataclass
class Sheet:
    """A row for each image: the image itself and its maps."""

    images: list
    maps: list
    overlay: bool = False


SHEETS = {
    "streets": Sheet(
        images=["strange_00.png", "strange_03.png", "street_40.png"],
        maps=["prediction", "predictive_entropy", "mutual_information"],
        overlay=True,
    ),
    "streets_depth": Sheet(
        images=["strange_00.png", "strange_03.png", "evaluation_00.png"],
        maps=["value", "aleatoric_std", "epistemic_std"],
    ),
}


def main():
    parser = argparse.ArgumentParser(description="Makes a picture of the README.")
    parser.add_argument("sheet", choices=SHEETS)
    parser.add_argument("folder", type=Path, help="the output folder of mcdrop predict")
    arguments = parser.parse_args()
    sheet, folder = SHEETS[arguments.sheet], arguments.folder
    source = ROOT / "fixtures" / arguments.sheet / "images"
    files = [
        [source / name] + [folder / kind / f"{name}.png" for kind in sheet.maps]
        for name in sheet.images
    ]
    pictures = [[Image.open(file).convert("RGB") for file in row] for row in files]
    width, height = pictures[0][0].size
    size = (len(pictures[0]) * (width + GAP) - GAP, len(pictures) * (height + GAP) - GAP)
    composed = Image.new("RGB", size, "white")
    for y, row in enumerate(pictures):
        for x, picture in enumerate(row):
            composed.paste(picture, (x * (width + GAP), y * (height + GAP)))
    TARGETS.mkdir(exist_ok=True)
    composed.save(TARGETS / f"{arguments.sheet}.png", optimize=True)
    if sheet.overlay:
        overlay = Image.open(folder / "overlay" / f"{sheet.images[0]}.png")
        overlay.save(TARGETS / "overlay.png", optimize=True)


if __name__ == "__main__":
    main()
