"""Trains a small Bayesian U-Net on drawn streets, and writes other streets for tests.

Draws training streets on the fly (scene.py), trains with dropout in the deep blocks, and
writes
    models/streets.onnx, streets.toml                  legacy exporter, opset 17
    models/streets-dynamo.onnx (+ .data), .toml        dynamo exporter
    fixtures/streets/images/street_<nn>.png or .jpg    48 ordinary streets, 320 x 160
    fixtures/streets/images/strange_<nn>.png           12 with a thing that no training street has
    fixtures/streets/labels/<name>.png                 class of each pixel, 255 = strange thing
    fixtures/streets/strange/strange_<nn>.png          mask of that thing: 255 inside, 0 outside

Run (a quarter of an hour on two cores; versions in requirements.txt):
    pip install torch onnx onnxscript pillow numpy
    python -m models.streets.train
    python -m models.streets.train --images    draws only the images; needs only numpy and Pillow
"""

import argparse
import shutil
from multiprocessing import Pool
from pathlib import Path

import numpy as np
from PIL import Image

from models.streets.scene import CLASSES, PALETTE, VOID, draw_scene

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures" / "streets"
MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
TRAINING_STREETS, STEPS, BATCH, CROP = 600, 2000, 8, 160
THIN = ("pole", "person")  # classes of few pixels, which count three times in training
ORDINARY, STRANGE, JPEG_EVERY = 48, 12, 8
FIXTURE_SEED = 1_000_000
SMALLEST_THING = 500  # pixels


def save_label(label, path):
    picture = Image.fromarray(label)
    colors = PALETTE + [[255, 255, 255]] * (256 - len(PALETTE))
    picture.putpalette([channel for color in colors for channel in color])
    picture.save(path, optimize=True)


def write_images():
    """Draws and writes the committed streets."""
    shutil.rmtree(FIXTURES, ignore_errors=True)
    for folder in ("images", "labels", "strange"):
        (FIXTURES / folder).mkdir(parents=True)
    for number in range(ORDINARY):
        image, label = draw_scene(FIXTURE_SEED + number)
        jpeg = number % JPEG_EVERY == JPEG_EVERY - 1
        path = FIXTURES / "images" / f"street_{number:02}.{'jpg' if jpeg else 'png'}"
        Image.fromarray(image).save(path, optimize=True, **({"quality": 92} if jpeg else {}))
        save_label(label, FIXTURES / "labels" / f"street_{number:02}.png")
    for number in range(STRANGE):
        image, label = draw_strange(number)
        name = f"strange_{number:02}.png"
        Image.fromarray(image).save(FIXTURES / "images" / name, optimize=True)
        save_label(label, FIXTURES / "labels" / name)
        mask = np.where(label == VOID, 255, 0).astype(np.uint8)
        Image.fromarray(mask).save(FIXTURES / "strange" / name, optimize=True)


def draw_strange(number):
    """Draws the first street of a row of seeds whose strange thing is large enough to be visible."""
    for attempt in range(100):
        image, label = draw_scene(FIXTURE_SEED + 1000 * (number + 1) + attempt, number)
        if (label == VOID).sum() >= SMALLEST_THING:
            return image, label
    raise RuntimeError(f"strange thing {number} is never in view")


def draw_training():
    """Returns images uint8 [N, H, W, 3] and labels uint8 [N, H, W], drawn by two processes."""
    with Pool(2) as pool:
        scenes = pool.map(draw_scene, range(TRAINING_STREETS), chunksize=10)
    return tuple(np.stack(part) for part in zip(*scenes))


def to_input(images):
    """Converts uint8 [N, H, W, 3] to the network's input [N, 3, H, W]."""
    import torch
    pixels = torch.from_numpy(images).float() / 255
    return ((pixels - torch.tensor(MEAN)) / torch.tensor(STD)).permute(0, 3, 1, 2)


def crops(images, labels, random):
    """Returns a batch of streets, each cropped to a square of its height, half of them mirrored."""
    rows = random.choice(len(images), BATCH, replace=False)
    starts = random.integers(0, images.shape[2] - CROP + 1, BATCH)
    flips = random.choice([-1, 1], BATCH)
    windows = [(r, slice(None), slice(s, s + CROP)) for r, s in zip(rows, starts)]
    cut = [tuple(part[w][:, ::f] for part in (images, labels)) for w, f in zip(windows, flips)]
    return tuple(np.stack(part) for part in zip(*cut))


def train(images, labels):
    import torch
    from models.streets.net import BayesianUNet
    torch.manual_seed(0)
    model = BayesianUNet(len(CLASSES)).to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(model.parameters(), weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 6e-3, total_steps=STEPS)
    weights = torch.tensor([3.0 if name in THIN else 1.0 for name in CLASSES])
    random, losses = np.random.default_rng(0), []
    for step in range(1, STEPS + 1):
        image, label = crops(images, labels, random)
        loss = torch.nn.functional.cross_entropy(
            model(to_input(image)), torch.from_numpy(label.astype(np.int64)), weights)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
        if step % 50 == 0:
            print(f"step {step} of {STEPS}: loss {np.mean(losses[-50:]):.4f}", flush=True)
    return model.to(memory_format=torch.contiguous_format).eval()


def export(model):
    import torch
    from models.export import MODELS, export_dynamo, export_legacy, keep_dropout_alive, write_sidecars
    keep_dropout_alive(model)
    example = torch.zeros(2, 3, 160, 320)
    export_legacy(model, example, MODELS / "streets.onnx", {0: "batch", 2: "height", 3: "width"})
    rows, columns = torch.export.Dim("rows"), torch.export.Dim("columns")
    shapes = ({0: torch.export.Dim("batch"), 2: 16 * rows, 3: 16 * columns},)
    export_dynamo(model, example, MODELS / "streets-dynamo.onnx", shapes)
    write_sidecars("streets", {
        "task": "segmentation", "channels": "rgb", "mean": MEAN, "std": STD, "resize": "none",
        "classes": CLASSES, "palette": PALETTE})


def evaluate(model):
    """Prints accuracy and intersection over union on the ordinary committed streets."""
    import torch
    count = len(CLASSES)
    confusion = np.zeros((count, count), np.int64)
    for path in sorted((FIXTURES / "images").glob("street_*")):
        image = np.asarray(Image.open(path))
        label = np.asarray(Image.open(FIXTURES / "labels" / f"{path.stem}.png"))
        with torch.no_grad():
            found = model(to_input(image[None].copy())).argmax(1)[0].numpy()
        confusion += np.bincount(
            label.ravel() * count + found.ravel(), minlength=count**2).reshape(count, count)
    hits = np.diag(confusion)
    overlap = hits / (confusion.sum(0) + confusion.sum(1) - hits)
    print(f"without dropout: {hits.sum() / confusion.sum():.4f} of the pixels right, "
          f"mean intersection over union {overlap.mean():.4f}")
    print(", ".join(f"{name} {value:.3f}" for name, value in zip(CLASSES, overlap)))


def main():
    parser = argparse.ArgumentParser(description="Draws, trains and exports the streets.")
    parser.add_argument("--images", action="store_true", help="draw the committed images alone")
    arguments = parser.parse_args()
    write_images()
    if arguments.images:
        return
    scenes = draw_training()
    import torch
    torch.set_num_threads(1)  # layers this small lose more by waiting than they gain by sharing
    model = train(*scenes)
    evaluate(model)
    export(model)


if __name__ == "__main__":
    main()
