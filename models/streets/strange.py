"""Things that no training street has: a giant ball, animals, a flying saucer, furniture and more.

Each function adds one thing to a trace.Buffer with the label 255. Needs only numpy.
"""

import numpy as np

from models.streets.trace import box, draw_ball, draw_card, draw_solid, figure, linear

STRANGE = 255


def add_beach_ball(buffer, random, x, z):
    radius = random.uniform(0.9, 1.5)
    colors = np.array([linear(0.9, 0.2, 0.2), linear(0.95, 0.95, 0.92), linear(0.15, 0.35, 0.8),
                       linear(0.95, 0.95, 0.92), linear(0.95, 0.75, 0.1), linear(0.95, 0.95, 0.92)])
    tilt = random.uniform(0.3, 0.9)

    def paint(normal):
        u = normal[..., 0]
        v = normal[..., 1] * np.cos(tilt) - normal[..., 2] * np.sin(tilt)
        w = normal[..., 1] * np.sin(tilt) + normal[..., 2] * np.cos(tilt)
        sector = np.floor((np.arctan2(u, w) / (2 * np.pi) + 0.5) * 6).astype(int) % 6
        return np.where((np.abs(v) > 0.93)[..., None], colors[1], colors[sector])
    draw_ball(buffer, (x, radius, z), radius, paint, STRANGE)


def add_cow(buffer, random, x, z):
    hide, spot = linear(0.93, 0.91, 0.88), linear(0.13, 0.10, 0.09)
    nose, horn = linear(0.85, 0.62, 0.58), linear(0.75, 0.70, 0.55)
    legs = [(lx, 0.75, 0.13, lx + 0.03, 0.08, 0.08, hide * shade)
            for lx, shade in ((-0.62, 0.6), (0.55, 0.6), (-0.75, 1), (0.68, 1))]
    parts = legs + [
        (0.85, 1.25, 0.04, 1.0, 0.6, 0.05, spot), (-0.6, 1.1, 0.40, 0.6, 1.1, 0.42, hide),
        (-0.75, 1.25, 0.26, -1.1, 1.5, 0.18, hide), (-0.35, 1.3, 0.20, -0.15, 1.15, 0.22, spot),
        (0.45, 1.25, 0.22, 0.6, 1.0, 0.18, spot), (0.1, 0.9, 0.12, 0.2, 0.9, 0.12, spot),
        (-1.02, 1.66, 0.05, -0.92, 1.85, 0.03, horn), (-1.1, 1.55, 0.19, -1.4, 1.38, 0.13, spot),
        (-1.4, 1.36, 0.12, -1.44, 1.34, 0.11, nose), (0.3, 0.68, 0.12, 0.35, 0.68, 0.12, nose)]
    draw_card(buffer, (x, 0, z), (-1.7, 0), (1.3, 2.0), figure(parts), STRANGE)
    buffer.casters.append(box((-0.8, 0.7, -0.3), (0.9, 1.5, 0.3), (x, 0, z)))


def add_elephant(buffer, random, x, z):
    skin = linear(0.50, 0.49, 0.52)
    legs = [(lx, 1.2, 0.30, lx, 0.2, 0.24, skin * shade)
            for lx, shade in ((-0.5, 0.55), (0.75, 0.55), (-0.75, 0.9), (0.95, 0.9))]
    parts = legs + [
        (-0.7, 1.9, 0.75, 0.8, 1.8, 0.75, skin), (-1.3, 2.25, 0.55, -1.4, 2.2, 0.50, skin),
        (-1.8, 2.0, 0.25, -2.0, 1.1, 0.16, skin), (-2.0, 1.1, 0.16, -1.9, 0.5, 0.10, skin),
        (-1.75, 1.75, 0.08, -2.2, 1.55, 0.04, linear(0.95, 0.93, 0.85)),
        (-1.05, 2.3, 0.42, -0.95, 1.95, 0.30, skin * 0.7),
        (-1.6, 2.4, 0.05, -1.6, 2.39, 0.05, linear(0.05, 0.05, 0.05)),
        (1.5, 1.9, 0.05, 1.65, 1.0, 0.06, skin * 0.7)]
    draw_card(buffer, (x, 0, z), (-2.6, 0), (2.0, 3.0), figure(parts), STRANGE)
    buffer.casters.append(box((-1.3, 1.0, -0.7), (1.5, 2.6, 0.7), (x, 0, z)))


def add_saucer(buffer, random, x, z):
    metal, dome = linear(0.70, 0.73, 0.76), linear(0.45, 0.80, 0.75)
    parts = [(-0.3, 0.55, 0.95, 0.3, 0.55, 0.95, dome, 0.15 * dome),
             (-2.6, 0, 0.22, 2.6, 0, 0.22, metal), (-1.9, 0.02, 0.42, 1.9, 0.02, 0.42, metal),
             (-1.1, -0.02, 0.55, 1.1, -0.02, 0.55, metal * 1.15)]
    for k, lx in enumerate(np.linspace(-2.2, 2.2, 7)):
        tint = linear(1.0, 0.8, 0.2) if k % 2 else linear(1.0, 0.3, 0.3)
        parts.append((lx, -0.06, 0.13, lx + 0.02, -0.06, 0.13, tint, tint * 1.2))
    draw_card(buffer, (x, random.uniform(4.2, 5.5), z), (-3, -1), (3, 1.7), figure(parts), STRANGE)


def add_balloon(buffer, random, x, z):
    high, radius = random.uniform(6.8, 8), 2.0
    colors = np.array([linear(0.9, 0.25, 0.15), linear(0.98, 0.75, 0.15), linear(0.2, 0.45, 0.75)])

    def envelope(normal):
        turn = np.arctan2(normal[..., 0], -normal[..., 2])
        return colors[np.floor(turn * 2.4 + 30).astype(int) % 3]
    draw_ball(buffer, (x, high, z), radius, envelope, STRANGE)
    rope, basket = linear(0.25, 0.2, 0.15), linear(0.55, 0.38, 0.2)
    parts = [(-1.1, 1.7, 0.04, -0.4, 0.4, 0.04, rope), (1.1, 1.7, 0.04, 0.4, 0.4, 0.04, rope),
             (-0.25, 0.15, 0.28, 0.25, 0.15, 0.28, basket)]
    draw_card(buffer, (x, high - 3.5, z), (-1.4, -0.4), (1.4, 2.0), figure(parts), STRANGE)


def add_sofa(buffer, random, x, z):
    tint = linear(*random.choice(np.array([(0.75, 0.2, 0.3), (0.2, 0.5, 0.5), (0.85, 0.65, 0.2)])))
    angle = random.uniform(-0.5, 0.5) + np.pi

    def cloth(face, points):
        seam = np.abs(points[..., 0]) < 0.02
        stripes = 0.9 + 0.1 * np.sin(points[..., 0] * 40)
        return tint * (np.where(seam, 0.4, 1) * stripes)[..., None], None
    seat, back = ((-1.0, 0.12, -0.4), (1.0, 0.5, 0.45)), ((-1.0, 0.12, -0.6), (1.0, 1.05, -0.35))
    arms = [((a, 0.12, -0.5), (a + 0.25, 0.75, 0.45)) for a in (-1.25, 1.0)]
    for low, high in [seat, back, *arms]:
        draw_solid(buffer, box(low, high, (x, 0, z), angle), cloth, STRANGE)


def add_crates(buffer, random, x, z):
    wood = linear(0.70, 0.52, 0.30)

    def planks(face, points):
        a = np.where(face < 2, points[..., 2], points[..., 0])
        y = points[..., 1]
        gap = (y / 0.2 % 1 < 0.12) & (face != 2)
        brace = np.abs((a + y) % 1.0 - 0.5) < 0.06
        grain = 0.85 + 0.2 * np.sin(a * 3 + np.floor(y / 0.2) * 1.7)
        return wood * (grain * np.where(gap, 0.35, 1) * np.where(brace, 1.25, 1))[..., None], None
    for dx, dy, dz, size, angle in [(-0.6, 0, 0, 1.0, 0.2), (0.6, 0, 0.3, 1.1, -0.3),
                                    (-0.1, 1.0, 0.1, 0.9, 0.6), (1.5, 0, -0.5, 0.7, 0.9)]:
        half = size / 2
        solid = box((-half, 0, -half), (half, size, half), (x + dx, dy, z + dz), angle)
        draw_solid(buffer, solid, planks, STRANGE)


def add_duck(buffer, random, x, z):
    yellow, orange = linear(0.98, 0.82, 0.12), linear(0.95, 0.45, 0.08)
    parts = [(0.1, 0.75, 0.72, 0.7, 0.8, 0.6, yellow), (1.0, 1.1, 0.35, 1.4, 1.45, 0.12, yellow),
             (-0.95, 1.95, 0.16, -1.2, 1.92, 0.10, orange),
             (-0.4, 1.0, 0.5, -0.45, 1.9, 0.5, yellow),
             (0.3, 0.85, 0.36, 0.75, 1.0, 0.22, yellow * 0.8),
             (-0.65, 2.1, 0.08, -0.65, 2.09, 0.08, linear(0.04, 0.04, 0.04))]
    draw_card(buffer, (x, 0, z), (-1.5, 0), (1.7, 2.6), figure(parts), STRANGE)
    buffer.casters.append(box((-0.6, 0.1, -0.6), (1.2, 1.5, 0.6), (x, 0, z)))


FLYING = (add_saucer, add_balloon)
THINGS = (add_beach_ball, add_cow, add_saucer, add_sofa, add_elephant, add_crates, add_balloon,
          add_duck)
