"""Draws small streets with the class and the depth of each pixel, and writes those of the tests.

All pictures have the same camera, because one picture does not tell the height of a camera whose mount is unknown.
Depth is the distance along the optical axis, as of a stereo camera. The labels contain noise of a known size,
sigma(d) = 0.05 + 0.03 d in meters, so that an aleatoric standard deviation can be compared with the truth. Writes
    fixtures/streets_depth/images/calibration_<nn>.png   12 streets, 160 x 80
    fixtures/streets_depth/images/evaluation_<nn>.png    12 others
    fixtures/streets_depth/images/strange_<nn>.png       4 with a thing that no training street has
    fixtures/streets_depth/depth/<name>.png              16 bits: noisy depth in 1/256 m, 0 = no depth
    fixtures/streets_depth/depth_without_noise/<name>.png   the same without noise
    fixtures/streets_depth/classes/<name>.png            class of each pixel, 255 = strange thing
    fixtures/streets_depth/strange/strange_<nn>.png      mask of that thing: 255 inside, 0 outside

Run (versions in models/requirements.txt):
    pip install numpy pillow
    python -m models.streets_depth.draw
"""

import shutil
from multiprocessing import Pool
from pathlib import Path

import numpy as np
from PIL import Image

from models.streets.scene import VOID, Mount, draw_scene_with_depth
from models.streets.train import save_label

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures" / "streets_depth"
MOUNT = Mount(width=160, height=80, focal=0.75, above_ground=1.6, pitch=0.0)
NEAREST, FARTHEST = 0.1, 80.0  # meters; pixels of other depths have no label
LEVELS = 256  # per meter
SETS, STRANGE = {"calibration": 12, "evaluation": 12}, 4
FIXTURE_SEED = 2_000_000
SMALLEST_THING = 150  # pixels


def noise_std(depth):
    """Returns the standard deviation of the labels' noise in meters."""
    return 0.05 + 0.03 * depth


def draw(seed, strange=None):
    """Returns image, classes, noisy depth and depth of a street. Depth is float32 [H, W], NaN where there is none."""
    image, classes, depth = draw_scene_with_depth(seed, strange, MOUNT)
    noise = np.random.default_rng([seed, 1]).normal(size=depth.shape)
    noisy = depth + noise * noise_std(depth)
    return image, classes, *(np.where(in_range(d), d, np.nan).astype(np.float32)
                             for d in (noisy, depth))


def in_range(depth):
    return (depth >= NEAREST) & (depth <= FARTHEST)


def draw_all(seeds):
    """Returns images, classes, noisy depths and depths of many streets, drawn by two processes."""
    with Pool(2) as pool:
        streets = pool.map(draw, seeds, chunksize=10)
    return tuple(np.stack(part) for part in zip(*streets))


def save_depth(depth, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    levels = np.rint(np.nan_to_num(depth) * LEVELS).astype(np.uint16)
    Image.fromarray(levels).save(path, optimize=True)


def load_depth(path):
    """Reads meters, NaN where there is no depth."""
    levels = np.asarray(Image.open(path)).astype(np.float32)
    return np.where(levels > 0, levels / LEVELS, np.nan)


def draw_strange(number):
    """Draws the first street of a row of seeds whose strange thing is large enough to be visible."""
    for attempt in range(100):
        street = draw(FIXTURE_SEED + 1000 * (number + 1) + attempt, number)
        if (street[1] == VOID).sum() >= SMALLEST_THING:
            return street
    raise RuntimeError(f"strange thing {number} is never in view")


def write(name, image, classes, noisy, depth):
    for folder in ("images", "classes"):
        (FIXTURES / folder).mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(FIXTURES / "images" / f"{name}.png", optimize=True)
    save_label(classes, FIXTURES / "classes" / f"{name}.png")
    save_depth(noisy, FIXTURES / "depth" / f"{name}.png")
    save_depth(depth, FIXTURES / "depth_without_noise" / f"{name}.png")


def main():
    shutil.rmtree(FIXTURES, ignore_errors=True)
    seed = FIXTURE_SEED
    for name, count in SETS.items():
        for number in range(count):
            write(f"{name}_{number:02}", *draw(seed))
            seed += 1
    (FIXTURES / "strange").mkdir()
    for number in range(STRANGE):
        street = draw_strange(number)
        write(f"strange_{number:02}", *street)
        mask = np.where(street[1] == VOID, 255, 0).astype(np.uint8)
        Image.fromarray(mask).save(FIXTURES / "strange" / f"strange_{number:02}.png", optimize=True)


if __name__ == "__main__":
    main()
