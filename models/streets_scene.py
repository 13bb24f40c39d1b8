"""Draws procedural street scenes: picture, class of each pixel, and things from nowhere.

A street is laid out by chance (buildings, cars, people, trees, lamps, signs), traced from a camera at
the height of a windscreen, and lit by a time of day and a weather. Needs numpy and Pillow alone.

    python models/streets_scene.py 7 street.png             draws the street of seed 7
    python models/streets_scene.py 7 street.png --strange 1   with the second strange thing in it
"""

import argparse
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter

import streets_strange
import streets_things as things
from streets_things import CAR, POLE, ROAD, SIDEWALK, SKY, VEGETATION
from streets_trace import NEAR, SKY_DEPTH, Buffer, Noise, box, draw_solid, linear

CLASSES = ["road", "sidewalk", "building", "pole", "vegetation", "sky", "person", "car"]
PALETTE = [[128, 64, 128], [244, 35, 232], [70, 70, 70], [220, 180, 60], [107, 142, 35],
           [70, 130, 180], [220, 20, 60], [0, 0, 142]]
WIDTH, HEIGHT = 320, 160
OVERSAMPLE = 2
VOID = streets_strange.STRANGE


@dataclass
class Light:
    """A time of day and a weather."""

    zenith: np.ndarray
    horizon: np.ndarray
    sun: np.ndarray
    toward: np.ndarray
    ambient: np.ndarray
    clouds: float
    fog: float
    night: float
    rain: bool


def choose_light(random):
    """(zenith, horizon, sun, ambient, height of the sun, clouds, night) of a time of day."""
    times = {
        "noon": (linear(0.22, 0.46, 0.84), linear(0.70, 0.84, 0.96), linear(1.0, 0.96, 0.88) * 1.9,
                 linear(0.74, 0.80, 0.92), random.uniform(0.7, 1.2), 0.35, 0),
        "evening": (linear(0.32, 0.42, 0.66), linear(0.98, 0.76, 0.55), linear(1.0, 0.72, 0.42) * 2.0,
                    linear(0.66, 0.63, 0.72), random.uniform(0.25, 0.5), 0.6, 0),
        "overcast": (linear(0.66, 0.69, 0.73), linear(0.82, 0.83, 0.84), linear(0.5, 0.5, 0.5) * 0.3,
                     linear(0.84, 0.85, 0.88), 1.0, 0.9, 0.05),
        "night": (linear(0.08, 0.10, 0.22), linear(0.38, 0.28, 0.34), linear(0.3, 0.3, 0.45) * 0.2,
                  linear(0.27, 0.29, 0.38), 0.8, 0.7, 1.0),
    }
    time = random.choice(list(times), p=[0.38, 0.26, 0.22, 0.14])
    zenith, horizon, sun, ambient, elevation, clouds, night = times[time]
    weather = random.choice(["clear", "fog", "rain"], p=[0.66, 0.16, 0.18])
    if weather != "clear":
        gray = 0.55 * (zenith + horizon).mean() * np.ones(3, np.float32)
        zenith, horizon = 0.35 * zenith + 0.65 * gray, 0.45 * horizon + 0.6 * gray
        sun, clouds = sun * 0.15, 1.0
        ambient = ambient * (1.15 if night < 0.5 else 1)
    turn = random.choice([-1, 1]) * random.uniform(0.4, 2.4)
    toward = np.array([np.sin(turn) * np.cos(elevation), np.sin(elevation),
                       np.cos(turn) * np.cos(elevation)], np.float32)
    fog = {"clear": random.uniform(0.001, 0.004), "rain": random.uniform(0.006, 0.012),
           "fog": random.uniform(0.018, 0.045)}[weather]
    return Light(zenith, horizon, sun, toward, ambient, clouds, fog, night, weather == "rain")


def paint_sky(buffer, light, noise, random):
    up = buffer.rays[..., 1] / np.linalg.norm(buffer.rays, axis=-1)
    share = np.clip(up * 2.2, 0, 1)[..., None] ** 0.6
    color = light.horizon * (1 - share) + light.zenith * share
    reach = 1 / np.maximum(up, 0.03)
    u, v = buffer.rays[..., 0] * reach * 1.2, buffer.rays[..., 2] * reach * 0.9
    shift = random.uniform(0, 200, 2)
    cover = noise.fractal(u + shift[0], v + shift[1], 4)
    amount = np.clip((cover - 0.56 + 0.14 * light.clouds) * 4, 0, 0.9) * np.clip(up * 7, 0, 1)
    lining = light.horizon * 1.05 + 0.25 * light.sun
    cloud = lining * (1.0 - 0.35 * np.clip(cover * 2 - 0.9, 0, 1))[..., None]
    color = color * (1 - amount[..., None]) + cloud * amount[..., None]
    toward = (buffer.rays @ light.toward) / np.linalg.norm(buffer.rays, axis=-1)
    halo = np.clip(toward, 0, 1)[..., None]
    buffer.color[:] = color + light.sun * (0.25 * halo**24 + 0.8 * halo**400)
    buffer.label[:] = SKY


@dataclass
class Street:
    """Where the road, the pavements and the crossings are."""

    road: float
    pavement: float
    front: float
    lawn: bool
    zebra: float
    crossing: tuple


def choose_street(random):
    road = random.uniform(3.4, 5.8)
    pavement = road + random.uniform(2.0, 3.6)
    front = pavement + (random.uniform(0.5, 3.5) if random.random() < 0.45 else 0)
    zebra = random.uniform(8, 26) if random.random() < 0.45 else 1e4
    start = random.uniform(16, 45) if random.random() < 0.4 else 1e4
    return Street(road, pavement, front, random.random() < 0.7, zebra, (start, start + 7.5))


def road_color(x, z, street, noise, wear):
    """Asphalt with patches, tyre tracks and markings."""
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
    color = np.where((curb & ~across)[..., None], linear(0.74, 0.73, 0.71) * (0.8 + 0.4 * grit)[..., None], color)
    wear = random.uniform(0.75, 1.25)
    color = np.where(on_road[..., None], road_color(x, z, street, noise, wear), color)
    gutter = np.exp(-((away - street.road + 0.1) / 0.15) ** 2) * ~across
    color = color * (1 - 0.45 * gutter)[..., None]
    label = np.where(on_road, ROAD, np.where(lawn, VEGETATION, SIDEWALK))
    for value in (ROAD, SIDEWALK, VEGETATION):
        buffer.put(window, below & (label == value), depth, color, (0, 1, 0), value)


def add_sides(buffer, street, light, random, noise):
    """Rows of houses with gaps that are parks, and a skyline that closes the street."""
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
                things.add_building(buffer, random, noise, side, z, z + long, street.front, light.night)
            z += long + (random.uniform(0, 3) if random.random() < 0.3 else 0)
    for x in np.arange(-70, 70, 14):
        tall = random.uniform(6, 26)
        paint, _ = things.facade(random, noise, tall, light.night)
        low, high = (x, 0, 104), (x + random.uniform(9, 14), tall, 116)
        draw_solid(buffer, box(low, high), paint, things.BUILDING, casts=False)


def add_traffic(buffer, street, light, random, clear_until):
    """Parked cars at the curbs and moving ones on the lanes."""
    if street.road > 4.3:
        for side in (-1, 1):
            share = random.uniform(0.1, 0.75)
            for z in np.arange(random.uniform(5.5, 10), 60, 5.6):
                near_crossing = abs(z + 2 - street.zebra) < 5 or -4 < z - street.crossing[0] < 11
                if random.random() < share and not near_crossing:
                    things.add_car(buffer, random, side * (street.road - 1.1), z + random.normal(0, 0.2),
                                   0 if side > 0 else np.pi, light.night)
    for side in (-1, 1):
        z = random.uniform(7, 30)
        while z < 75:
            lane = side * (street.road - (2.1 if street.road > 4.3 else 0)) / 2
            if z > clear_until:
                things.add_car(buffer, random, lane + random.normal(0, 0.15), z,
                               0 if side > 0 else np.pi, light.night)
            z += random.uniform(9, 45)
    if street.crossing[0] < 1e3 and random.random() < 0.5:
        things.add_car(buffer, random, random.uniform(-9, 9), street.crossing[0] + random.choice([2, 5.4]),
                       random.choice([-1, 1]) * np.pi / 2, light.night)


def add_furniture(buffer, street, light, random, noise):
    """Lamps, signs, trees and bushes of the pavements; returns the places of the lamps' light."""
    lamps, spacing, phase = [], random.uniform(14, 24), random.uniform(5, 16)
    green = random.choice([0.0, 0.3, 0.6])
    for side in (-1, 1):
        for z in np.arange(phase + (spacing / 2 if side > 0 else 0), 80, spacing):
            lamps.append(things.add_lamp(buffer, random, side, side * (street.road + 0.45), z, light.night))
        for z in np.arange(random.uniform(5, 12), 70, 8.0):
            if random.random() < green and not street.crossing[0] - 2 < z < street.crossing[1] + 2:
                things.add_tree(buffer, random, noise, side * (street.road + 0.9), z)
        for _ in range(random.integers(1, 4)):
            things.add_sign(buffer, random, side * (street.road + random.uniform(0.3, 0.6)), random.uniform(5, 40))
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
            things.add_person(buffer, random, x + random.uniform(0.45, 0.7), z + random.uniform(-0.2, 0.2))
    crossing = street.zebra if street.zebra < 1e3 else random.uniform(9, 35)
    for _ in range(random.integers(0, 4)):
        if street.zebra < 1e3 or random.random() < 0.4:
            things.add_person(buffer, random, random.uniform(-0.9, 0.9) * street.road,
                              crossing + random.uniform(-1, 1))


def shadows(buffer, light):
    """Share of the sun and of the sky that reaches each pixel of the ground."""
    sun, sky = (np.ones((buffer.height, buffer.width), np.float32) for _ in range(2))
    ground = (buffer.normal[..., 1] > 0.99) & (buffer.depth < 120)
    points = buffer.points()
    ground &= points[..., 1] < 0.05
    rows, columns = np.nonzero(ground)
    points = points[rows, columns]
    for caster in buffer.casters:
        corners = caster.corners
        for toward, share, dark, most in ((light.toward, sun, 0.0, 60.0), (UP, sky, 0.45, 3.0)):
            if toward is UP and corners[:, 1].max() > most:
                continue
            feet = corners - toward * (corners[:, 1:2] / toward[1])
            spot = np.concatenate([feet, corners])
            low, high = spot[:, [0, 2]].min(0), spot[:, [0, 2]].max(0)
            near = np.flatnonzero((points[:, 0] > low[0]) & (points[:, 0] < high[0])
                                  & (points[:, 2] > low[1]) & (points[:, 2] < high[1]))
            if len(near):
                hidden = near[caster.shades(points[near], toward)]
                share[rows[hidden], columns[hidden]] = dark
    return sun, sky


UP = np.array([0, 1, 0], np.float32)


def illuminate(buffer, light, lamps):
    """Colours lit by sun, sky and lamps; the sky keeps its own."""
    sun_share, sky_share = shadows(buffer, light)
    facing = np.clip(buffer.normal @ light.toward, 0, 1) * sun_share
    points = buffer.points()
    foot = 0.72 + 0.28 * np.clip(points[..., 1] / 0.8, 0, 1)
    foot = np.where(buffer.normal[..., 1] > 0.99, 1, foot)
    open_sky = (0.72 + 0.28 * buffer.normal[..., 1]) * foot * sky_share
    amount = facing[..., None] * light.sun + open_sky[..., None] * light.ambient
    if light.night > 0.5:
        for place in lamps:
            offset = np.array(place, np.float32) - points
            square = (offset**2).sum(-1)
            slope = np.clip((offset * buffer.normal).sum(-1) / np.sqrt(square), 0.12, 1)
            amount += (9 * slope / (square + 5))[..., None] * things.LAMP_LIGHT
    ground_things = buffer.label != SKY
    lit = np.where(ground_things[..., None], buffer.color * amount, buffer.color)
    return lit + buffer.glow


def mirror_wet_ground(buffer, color, noise, random):
    """Road and pavement show, broken by ripples, what stands behind them."""
    wet = (buffer.normal[..., 1] > 0.99) & np.isin(buffer.label, (ROAD, SIDEWALK))
    rows = np.arange(buffer.height)[:, None]
    edge = np.maximum.accumulate(np.where(wet, -1, rows), axis=0)
    points = buffer.points()
    ripple = noise.fractal(points[..., 0] * 2, points[..., 2] * 0.7 + 5, 3)
    columns = np.arange(buffer.width)[None] + np.rint((ripple - 0.5) * 10).astype(int)
    source = np.clip(2 * edge - rows, 0, buffer.height - 1)
    image = color[source, np.clip(columns, 0, buffer.width - 1)]
    puddle = np.clip((noise.fractal(points[..., 0] * 0.4 + 3, points[..., 2] * 0.25, 2) - 0.45) * 5, 0, 1)
    share = wet * (0.10 + 0.35 * puddle) * np.clip(buffer.depth / 12, 0.35, 1)
    return color * (1 - 0.35 * wet - share * 0.6)[..., None] + image * share[..., None]


def downsample(image):
    h, w = image.shape[0] // OVERSAMPLE, image.shape[1] // OVERSAMPLE
    return image.reshape(h, OVERSAMPLE, w, OVERSAMPLE, -1).mean((1, 3))


def blur(image, radius):
    """Gaussian blur of light, by Pillow on 8 bits a channel."""
    scale = 255 / max(1e-6, image.max())
    picture = Image.fromarray(np.rint(image * scale).astype(np.uint8))
    return np.asarray(picture.filter(ImageFilter.GaussianBlur(radius)), np.float32) / scale


def add_rain(color, random):
    drops = (random.random(color.shape[:2]) < 0.004).astype(np.float32)
    slant, streaks = random.uniform(-0.35, 0.35), np.zeros(color.shape[:2], np.float32)
    for step in range(11):
        streaks = np.maximum(streaks, np.roll(drops, (step, round(step * slant)), (0, 1)) * (1 - step / 16))
    return color * (1 - 0.22 * streaks[..., None]) + 0.16 * streaks[..., None]


def develop(color, glow, light, random):
    """From light to 8-bit pixels: bloom, exposure, vignette, grain."""
    color = color + (0.55 * blur(glow, 3) + 0.5 * blur(glow, 9))
    if light.rain:
        color = add_rain(color, random)
    exposure = random.uniform(0.9, 1.15) * (1.5 if light.night > 0.5 else 1.0)
    color = color * exposure
    color = color * 1.25 * (1 + color / 5) / (1 + color * 0.6)
    y, x = np.mgrid[-1:1:HEIGHT * 1j, -1:1:WIDTH * 1j]
    color = color * (1 - 0.14 * (x * x + y * y) / 2)[..., None]
    display = np.clip(color, 0, 1) ** (1 / 2.2)
    grain = random.normal(0, random.uniform(0.004, 0.014), display.shape)
    tint = 1 + random.normal(0, 0.015, 3)
    return np.rint(np.clip(display * tint + grain, 0, 1) * 255).astype(np.uint8)


def draw_scene(seed, strange=None):
    """Image (uint8 [H, W, 3]) and labels (uint8 [H, W]) of a street.

    With `strange` = k the k-th thing of streets_strange.THINGS is in it, labelled 255.
    """
    random = np.random.default_rng(seed)
    light, street, noise = choose_light(random), choose_street(random), Noise(random)
    eye = (random.uniform(-0.4, 0.55) * street.road, random.uniform(1.35, 2.3), 0)
    buffer = Buffer(WIDTH * OVERSAMPLE, HEIGHT * OVERSAMPLE,
                    WIDTH * OVERSAMPLE * random.uniform(0.68, 0.9), eye,
                    random.uniform(-0.05, 0.06), random.normal(0, 0.07))
    paint_sky(buffer, light, noise, random)
    paint_ground(buffer, street, noise, random)
    add_sides(buffer, street, light, random, noise)
    lamps = add_furniture(buffer, street, light, random, noise)
    clear_until = 0
    if strange is not None:
        thing = streets_strange.THINGS[strange % len(streets_strange.THINGS)]
        z = random.uniform(16, 22) if thing in streets_strange.FLYING else random.uniform(6.5, 11)
        x = eye[0] + z * random.uniform(-0.18, 0.18)
        thing(buffer, random, x, z)
        clear_until = z + 4
    add_traffic(buffer, street, light, random, clear_until)
    add_people(buffer, street, random)
    color = illuminate(buffer, light, lamps)
    if light.rain:
        color = mirror_wet_ground(buffer, color, noise, random)
    haze = light.horizon * 0.9
    clear = np.exp(-light.fog * np.minimum(buffer.depth, 260))[..., None]
    color = color * clear + haze * (1 - clear)
    image = develop(downsample(color), downsample(buffer.glow * clear), light, random)
    return image, buffer.label[::OVERSAMPLE, ::OVERSAMPLE].copy()


def colored(label):
    """The label map as a picture in the palette; 255 is white."""
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
