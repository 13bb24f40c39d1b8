"""Time of day and weather of a street: its sky, its shadows, and the conversion of light to pixels.

Used by scene.py on a trace.Buffer. Needs only numpy and Pillow.
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter

from models.streets.things import LAMP_LIGHT, ROAD, SIDEWALK, SKY
from models.streets.trace import linear

UP = np.array([0, 1, 0], np.float32)


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
    times = {  # zenith, horizon, sun, ambient, height of the sun, clouds, night
        "noon": (linear(0.22, 0.46, 0.84), linear(0.70, 0.84, 0.96), linear(1.0, 0.96, 0.88) * 1.9,
                 linear(0.74, 0.80, 0.92), random.uniform(0.7, 1.2), 0.35, 0),
        "evening": (linear(0.32, 0.42, 0.66), linear(0.98, 0.76, 0.55),
                    linear(1.0, 0.72, 0.42) * 2.0, linear(0.66, 0.63, 0.72),
                    random.uniform(0.25, 0.5), 0.6, 0),
        "overcast": (linear(0.66, 0.69, 0.73), linear(0.82, 0.83, 0.84),
                     linear(0.5, 0.5, 0.5) * 0.3, linear(0.84, 0.85, 0.88), 1.0, 0.9, 0.05),
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


def shadows(buffer, light):
    """Returns the fraction of the sun and of the sky that reaches each pixel of the ground."""
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


def illuminate(buffer, light, lamps):
    """Returns colors lit by sun, sky and lamps; the sky keeps its own."""
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
            amount += (9 * slope / (square + 5))[..., None] * LAMP_LIGHT
    sky = (buffer.label == SKY)[..., None]
    return np.where(sky, buffer.color, buffer.color * amount) + buffer.glow


def mirror_wet_ground(buffer, color, noise):
    """Adds reflections to road and pavement, broken by ripples."""
    wet = (buffer.normal[..., 1] > 0.99) & np.isin(buffer.label, (ROAD, SIDEWALK))
    rows = np.arange(buffer.height)[:, None]
    edge = np.maximum.accumulate(np.where(wet, -1, rows), axis=0)
    points = buffer.points()
    ripple = noise.fractal(points[..., 0] * 2, points[..., 2] * 0.7 + 5, 3)
    columns = np.arange(buffer.width)[None] + np.rint((ripple - 0.5) * 10).astype(int)
    source = np.clip(2 * edge - rows, 0, buffer.height - 1)
    image = color[source, np.clip(columns, 0, buffer.width - 1)]
    hollow = noise.fractal(points[..., 0] * 0.4 + 3, points[..., 2] * 0.25, 2)
    puddle = np.clip((hollow - 0.45) * 5, 0, 1)
    share = wet * (0.10 + 0.35 * puddle) * np.clip(buffer.depth / 12, 0.35, 1)
    return color * (1 - 0.35 * wet - share * 0.6)[..., None] + image * share[..., None]


def downsample(image, factor):
    h, w = image.shape[0] // factor, image.shape[1] // factor
    return image.reshape(h, factor, w, factor, -1).mean((1, 3))


def blur(image, radius):
    """Blurs light with a Gaussian, by Pillow with 8 bits per channel."""
    scale = 255 / max(1e-6, image.max())
    picture = Image.fromarray(np.rint(image * scale).astype(np.uint8))
    return np.asarray(picture.filter(ImageFilter.GaussianBlur(radius)), np.float32) / scale


def add_rain(color, random):
    drops = (random.random(color.shape[:2]) < 0.004).astype(np.float32)
    slant, streaks = random.uniform(-0.35, 0.35), np.zeros(color.shape[:2], np.float32)
    for step in range(11):
        fallen = np.roll(drops, (step, round(step * slant)), (0, 1))
        streaks = np.maximum(streaks, fallen * (1 - step / 16))
    return color * (1 - 0.22 * streaks[..., None]) + 0.16 * streaks[..., None]


def develop(color, glow, light, random):
    """Converts light to 8-bit pixels: bloom, exposure, vignette, grain."""
    color = color + (0.55 * blur(glow, 3) + 0.5 * blur(glow, 9))
    if light.rain:
        color = add_rain(color, random)
    exposure = random.uniform(0.9, 1.15) * (1.5 if light.night > 0.5 else 1.0)
    color = color * exposure
    color = color * 1.25 * (1 + color / 5) / (1 + color * 0.6)
    height, width = color.shape[:2]
    y, x = np.mgrid[-1:1:height * 1j, -1:1:width * 1j]
    color = color * (1 - 0.14 * (x * x + y * y) / 2)[..., None]
    display = np.clip(color, 0, 1) ** (1 / 2.2)
    grain = random.normal(0, random.uniform(0.004, 0.014), display.shape)
    tint = 1 + random.normal(0, 0.015, 3)
    return np.rint(np.clip(display * tint + grain, 0, 1) * 255).astype(np.uint8)
