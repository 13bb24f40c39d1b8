"""Draws procedural street scenes: picture, class of each pixel, and strange things.

A street is laid out at random (buildings, cars, people, trees, lamps, signs), traced from a camera at the height of
a windshield, and lit by a time of day and a weather. Needs only numpy and Pillow.

Run:
    pip install numpy pillow
    python -m models.streets.scene 7 street.png               draws the street of seed 7
    python -m models.streets.scene 7 street.png --strange 1   with the second strange thing in it
"""

import argparse
from dataclasses import dataclass

import numpy as np
from PIL import Image

from models.streets import strange as strange_things
from models.streets import things
from models.streets.light import (choose_light, develop, downsample, illuminate, mirror_wet_ground,
                                    paint_sky)
from models.streets.things import ROAD, SIDEWALK, VEGETATION
from models.streets.trace import SKY_DEPTH, Buffer, Noise, box, draw_solid, linear

CLASSES = ["road", "sidewalk", "building", "pole", "vegetation", "sky", "person", "car"]
PALETTE = [[128, 64, 128], [244, 35, 232], [70, 70, 70], [220, 180, 60], [107, 142, 35],
           [70, 130, 180], [220, 20, 60], [0, 0, 142]]
WIDTH, HEIGHT = 320, 160
OVERSAMPLE = 2
VOID = strange_things.STRANGE


@dataclass
class Street:
    """The positions of the road, the pavements and the crossings."""

    road: float
    pavement: float
    front: float
    lawn: bool
    zebra: float
    crossing: tuple


@dataclass
class Mount:
    """A camera that is fixed to the car: pixels, focal length in widths of the picture, height in meters, pitch."""

    width: int
    height: int
    focal: float
    above_ground: float
    pitch: float


def choose_street(random):
    road = random.uniform(3.4, 5.8)
    pavement = road + random.uniform(2.0, 3.6)
    front = pavement + (random.uniform(0.5, 3.5) if random.random() < 0.45 else 0)
    zebra = random.uniform(8, 26) if random.random() < 0.45 else 1e4
    start = random.uniform(16, 45) if random.random() < 0.4 else 1e4
    return Street(road, pavement, front, random.random() < 0.7, zebra, (start, start + 7.5))


def road_color(x, z, street, noise, wear):
    """Returns the color of asphalt with patches, tire tracks and markings."""
    rough = noise.fractal(x * 5, z * 5, 3)
    patch = noise.fractal(x * 0.35 + 9, z * 0.12 + 40, 2)
    tone = wear * (0.78 + 0.30 * rough + 0.30 * (patch - 0.5))
    lane = street.road / 2
    track = np.exp(-((np.abs(np.abs(x) - lane) - 0.75) / 0.28) ** 2)
    tone = tone * (1 - 0.10 * track)
    crack = (np.abs(noise.fractal(x * 0.5, z * 0.4 + 77, 4) - 0.5) < 0.003) & (patch > 0.5)
    tone = np.where(crack, tone * 0.7, tone)
    ahead = z - street.crossing[0]
    junction = (ahead > -1) & (ahead < 8.5)
    dashes = (np.abs(x) < 0.07) & (z % 6 < 3) & ~junction
    edge = (np.abs(np.abs(x) - street.road + 0.35) < 0.05) & ~junction
    zebra = (np.abs(z - street.zebra) < 1.6) & (np.abs(x) < street.road - 0.3)
    stripes = zebra & ((x + 100) / 1.0 % 1 < 0.5)
    stop = (np.abs(z - street.zebra + 2.6) < 0.2) & (x > 0.1) & (x < street.road - 0.3)
    marks = (stripes | stop | ((dashes | edge) & ~zebra)) * np.clip(0.35 + rough, 0, 0.95)
    gray = linear(0.42, 0.42, 0.435) * tone[..., None]
    return gray * (1 - marks[..., None]) + linear(0.88, 0.88, 0.85) * marks[..., None]


def paint_ground(buffer, street, noise, random):
    below = buffer.rays[..., 1] < -1e-3
    rows = slice(int(np.argmax(below.any(1))), buffer.height)
    window = rows, slice(0, buffer.width)
    rays, below = buffer.rays[window], below[window]
    depth = np.where(below, -buffer.eye[1] / np.minimum(rays[..., 1], -1e-3), SKY_DEPTH)
    below &= depth < 160
    x = buffer.eye[0] + rays[..., 0] * depth
    z = buffer.eye[2] + rays[..., 2] * depth
    away = np.abs(x)
    across = (z > street.crossing[0]) & (z < street.crossing[1])
    on_road = (away < street.road) | across
    lawn = (away > street.pavement) & ~across & street.lawn & (away < street.front + 14)
    grit = noise.fractal(x * 4, z * 4, 3)
    slab = ((x / 0.8) % 1 < 0.06) | ((z / 0.8) % 1 < 0.06)
    tile = noise.cell(x / 0.8, z / 0.8)
    stone = linear(0.66, 0.64, 0.60) * ((0.78 + 0.22 * tile + 0.3 * (grit - 0.5))
                                        * np.where(slab & (depth < 25), 0.7, 1))[..., None]
    blades = noise.fractal(x * 3, z * 3, 3) + 0.4 * (noise(x * 14, z * 14) - 0.5)
    grass = linear(0.30, 0.44, 0.18) * (0.5 + 0.9 * blades)[..., None]
    color = np.where(lawn[..., None], grass, stone)
    curb = (away >= street.road) & (away < street.road + 0.18)
    edge = linear(0.74, 0.73, 0.71) * (0.8 + 0.4 * grit)[..., None]
    color = np.where((curb & ~across)[..., None], edge, color)
    wear = random.uniform(0.75, 1.25)
    color = np.where(on_road[..., None], road_color(x, z, street, noise, wear), color)
    gutter = np.exp(-((away - street.road + 0.1) / 0.15) ** 2) * ~across
    color = color * (1 - 0.45 * gutter)[..., None]
    label = np.where(on_road, ROAD, np.where(lawn, VEGETATION, SIDEWALK))
    for value in (ROAD, SIDEWALK, VEGETATION):
        buffer.put(window, below & (label == value), depth, color, (0, 1, 0), value)


def add_sides(buffer, street, light, random, noise):
    """Adds rows of houses with gaps for parks, and a skyline at the end of the street."""
    for side in (-1, 1):
        z = -8.0
        while z < 100:
            long = random.uniform(8, 18)
            blocked = z < street.crossing[1] and z + long > street.crossing[0]
            if blocked:
                z = street.crossing[1] + 1
                continue
            if random.random() < 0.15:
                for _ in range(5):
                    away = side * (street.pavement + random.uniform(1.5, 9))
                    things.add_tree(buffer, random, noise, away, z + random.uniform(1, long))
                    things.add_bush(buffer, random, noise, away, z + random.uniform(1, long),
                                    random.uniform(1, 2.5), random.uniform(0.7, 1.4))
            else:
                things.add_building(buffer, random, noise, side, z, z + long, street.front,
                                    light.night)
            z += long + (random.uniform(0, 3) if random.random() < 0.3 else 0)
    for x in np.arange(-70, 70, 14):
        tall = random.uniform(6, 26)
        paint, _ = things.facade(random, noise, tall, light.night)
        low, high = (x, 0, 104), (x + random.uniform(9, 14), tall, 116)
        draw_solid(buffer, box(low, high), paint, things.BUILDING, casts=False)


def add_traffic(buffer, street, light, random, clear_until):
    """Adds parked cars at the curbs and moving ones on the lanes."""
    if street.road > 4.3:
        for side in (-1, 1):
            share = random.uniform(0.1, 0.75)
            for z in np.arange(random.uniform(5.5, 10), 60, 5.6):
                near_crossing = abs(z + 2 - street.zebra) < 5 or -4 < z - street.crossing[0] < 11
                if random.random() < share and not near_crossing:
                    things.add_car(buffer, random, side * (street.road - 1.1),
                                   z + random.normal(0, 0.2), 0 if side > 0 else np.pi, light.night)
    for side in (-1, 1):
        z = random.uniform(7, 30)
        while z < 75:
            lane = side * (street.road - (2.1 if street.road > 4.3 else 0)) / 2
            if z > clear_until:
                things.add_car(buffer, random, lane + random.normal(0, 0.15), z,
                               0 if side > 0 else np.pi, light.night)
            z += random.uniform(9, 45)
    if street.crossing[0] < 1e3 and random.random() < 0.5:
        things.add_car(buffer, random, random.uniform(-9, 9),
                       street.crossing[0] + random.choice([2, 5.4]),
                       random.choice([-1, 1]) * np.pi / 2, light.night)


def add_furniture(buffer, street, light, random, noise):
    """Adds lamps, signs, trees and bushes; returns the positions of the lamps' light."""
    lamps, spacing, phase = [], random.uniform(14, 24), random.uniform(5, 16)
    green = random.choice([0.0, 0.3, 0.6])
    for side in (-1, 1):
        for z in np.arange(phase + (spacing / 2 if side > 0 else 0), 80, spacing):
            x = side * (street.road + 0.45)
            lamps.append(things.add_lamp(buffer, random, side, x, z, light.night))
        for z in np.arange(random.uniform(5, 12), 70, 8.0):
            if random.random() < green and not street.crossing[0] - 2 < z < street.crossing[1] + 2:
                things.add_tree(buffer, random, noise, side * (street.road + 0.9), z)
        for _ in range(random.integers(1, 4)):
            x = side * (street.road + random.uniform(0.3, 0.6))
            things.add_sign(buffer, random, x, random.uniform(5, 40))
        if street.front > street.pavement + 1 and street.lawn:
            for z in np.arange(3, 60, random.uniform(3, 7)):
                if random.random() < 0.6:
                    things.add_bush(buffer, random, noise, side * (street.pavement + 0.6), z,
                                    random.uniform(0.6, 1.6), random.uniform(0.5, 0.9))
    return lamps


def add_people(buffer, street, random):
    for _ in range(random.integers(3, 14)):
        side = random.choice([-1, 1])
        x = side * random.uniform(street.road + 0.6, street.pavement - 0.3)
        z = random.uniform(4.5, 42)
        things.add_person(buffer, random, x, z)
        if random.random() < 0.35:
            things.add_person(buffer, random, x + random.uniform(0.45, 0.7),
                              z + random.uniform(-0.2, 0.2))
    crossing = street.zebra if street.zebra < 1e3 else random.uniform(9, 35)
    for _ in range(random.integers(0, 4)):
        if street.zebra < 1e3 or random.random() < 0.4:
            things.add_person(buffer, random, random.uniform(-0.9, 0.9) * street.road,
                              crossing + random.uniform(-1, 1))


def draw_scene(seed, strange=None):
    """Returns image (uint8 [H, W, 3]) and labels (uint8 [H, W]) of a street.

    With `strange` = k it contains the k-th thing of strange.THINGS, with the label 255.
    """
    image, label, _ = draw_scene_with_depth(seed, strange)
    return image, label


def draw_scene_with_depth(seed, strange=None, mount=None):
    """Returns image and labels of a street, and the distance along the optical axis in meters (float32 [H, W]).

    The distance of the sky is SKY_DEPTH. Without a mount, each street has a camera of its own.
    """
    random = np.random.default_rng(seed)
    light, street, noise = choose_light(random), choose_street(random), Noise(random)
    aside, above_ground = random.uniform(-0.4, 0.55) * street.road, random.uniform(1.35, 2.3)
    chosen = Mount(WIDTH, HEIGHT, random.uniform(0.68, 0.9), above_ground,
                   random.uniform(-0.05, 0.06))
    mount = mount or chosen
    eye = (aside, mount.above_ground, 0)
    width = mount.width * OVERSAMPLE
    buffer = Buffer(width, mount.height * OVERSAMPLE, width * mount.focal, eye, mount.pitch,
                    random.normal(0, 0.07))
    paint_sky(buffer, light, noise, random)
    paint_ground(buffer, street, noise, random)
    add_sides(buffer, street, light, random, noise)
    lamps = add_furniture(buffer, street, light, random, noise)
    clear_until = 0
    if strange is not None:
        thing = strange_things.THINGS[strange % len(strange_things.THINGS)]
        z = random.uniform(16, 22) if thing in strange_things.FLYING else random.uniform(6.5, 11)
        x = eye[0] + z * random.uniform(-0.18, 0.18)
        thing(buffer, random, x, z)
        clear_until = z + 4
    add_traffic(buffer, street, light, random, clear_until)
    add_people(buffer, street, random)
    color = illuminate(buffer, light, lamps)
    if light.rain:
        color = mirror_wet_ground(buffer, color, noise)
    haze = light.horizon * 0.9
    clear = np.exp(-light.fog * np.minimum(buffer.depth, 260))[..., None]
    color = color * clear + haze * (1 - clear)
    image = develop(downsample(color, OVERSAMPLE), downsample(buffer.glow * clear, OVERSAMPLE),
                    light, random)
    label, depth = (part[::OVERSAMPLE, ::OVERSAMPLE].copy() for part in (buffer.label, buffer.depth))
    return image, label, depth


def colored(label):
    """Returns the label map as a picture in the palette; 255 is white."""
    palette = np.full((256, 3), 255, np.uint8)
    palette[:len(PALETTE)] = PALETTE
    return palette[label]


def main():
    parser = argparse.ArgumentParser(description="Draws a street and its label map side by side.")
    parser.add_argument("seed", type=int)
    parser.add_argument("output")
    parser.add_argument("--strange", type=int)
    arguments = parser.parse_args()
    image, label = draw_scene(arguments.seed, arguments.strange)
    Image.fromarray(np.concatenate([image, colored(label)], 1)).save(arguments.output)


if __name__ == "__main__":
    main()
