"""Things of ordinary streets: buildings, cars, people, trees, lamps and signs.

Each `add_*` adds one thing to a trace.Buffer. Needs only numpy.
"""

import numpy as np

from models.streets.trace import Ball, Solid, box, draw_card, draw_solid, figure, linear

ROAD, SIDEWALK, BUILDING, POLE, VEGETATION, SKY, PERSON, CAR = range(8)

FACADES = [(0.72, 0.42, 0.32), (0.85, 0.76, 0.60), (0.80, 0.68, 0.48), (0.62, 0.63, 0.62),
           (0.70, 0.74, 0.78), (0.58, 0.36, 0.28), (0.88, 0.84, 0.78), (0.76, 0.58, 0.48),
           (0.66, 0.70, 0.58), (0.50, 0.46, 0.44)]
ROOFS = [(0.50, 0.24, 0.18), (0.30, 0.30, 0.33), (0.42, 0.28, 0.22), (0.25, 0.27, 0.30)]
AWNINGS = [(0.70, 0.15, 0.15), (0.10, 0.35, 0.25), (0.15, 0.25, 0.55), (0.80, 0.55, 0.15)]
PAINTS = [(0.75, 0.76, 0.78), (0.12, 0.13, 0.15), (0.65, 0.10, 0.10), (0.90, 0.90, 0.89),
          (0.12, 0.22, 0.45), (0.35, 0.37, 0.40), (0.75, 0.60, 0.15), (0.15, 0.35, 0.25)]
CLOTHES = [(0.70, 0.20, 0.20), (0.20, 0.30, 0.60), (0.15, 0.15, 0.18), (0.85, 0.80, 0.70),
           (0.25, 0.45, 0.30), (0.75, 0.60, 0.20), (0.45, 0.30, 0.50), (0.50, 0.50, 0.52)]
SKINS = [(0.88, 0.70, 0.58), (0.72, 0.52, 0.40), (0.48, 0.32, 0.24), (0.94, 0.78, 0.68)]
LEAVES = [(0.26, 0.40, 0.14), (0.34, 0.46, 0.18), (0.20, 0.34, 0.16), (0.55, 0.50, 0.16),
          (0.62, 0.38, 0.14)]
LAMP_LIGHT = linear(1.0, 0.82, 0.55)


def pick(random, colors, spread=0.04):
    """Returns one of the colors, slightly changed."""
    color = np.array(colors[random.integers(len(colors))]) + random.normal(0, spread, 3)
    return linear(*np.clip(color, 0.03, 0.97))


def mix(a, b, share):
    share = np.asarray(share, np.float32)[..., None]
    return a * (1 - share) + b * share


def facade(random, noise, height, night):
    """Returns a painter for the walls of a building: floors of windows over shops or doors."""
    wall, roof = pick(random, FACADES), pick(random, ROOFS)
    trim, awning = pick(random, FACADES), pick(random, AWNINGS)
    bay, level = random.uniform(1.8, 3.0), random.uniform(2.9, 3.5)
    wide, tall = random.uniform(0.36, 0.62), random.uniform(0.48, 0.66)
    shift, shops, bricks = random.uniform(0, 200), random.random() < 0.6, random.random() < 0.5
    top = level * max(1, int((height - 1.2) // level))

    def paint(face, points):
        a = np.where(face < 2, points[..., 2], points[..., 0]) + shift
        y = points[..., 1]
        color = wall * (0.80 + 0.35 * noise.fractal(a * 0.7, y * 0.5 + shift))[..., None]
        if bricks:
            row = np.floor(y / 0.25)
            joint = (y / 0.25 % 1 < 0.16) | ((a / 0.5 + 0.5 * (row % 2)) % 1 < 0.08)
            color = color * np.where(joint, 1.12, 0.94 + 0.12 * noise.cell(a / 0.5, row))[..., None]
        ground = (y < level) & shops
        u, v = a / bay % 1, y / level % 1
        half = np.where(ground, 0.44, wide / 2)
        bottom, above = np.where(ground, 0.16, 0.26), np.where(ground, 0.72, 0.26 + tall)
        window = (np.abs(u - 0.5) < half) & (v > bottom) & (v < above) & (y < top)
        frame = (np.abs(u - 0.5) < half + 0.05) & (v > bottom - 0.05) & (v < above + 0.05)
        color = mix(color, trim, 0.75 * (frame & (y < top)))
        cell = noise.cell(a / bay + 31, y / level + 7)
        glass = linear(0.16, 0.20, 0.25) * (0.6 + 1.2 * cell + 0.8 * v)[..., None]
        curtain = (cell > 0.62) & (v > 0.5) & ~ground
        glass = mix(glass, linear(0.75, 0.72, 0.66), 0.5 * curtain)
        bar = window & ((np.abs(u - 0.5) < 0.02) | (np.abs(v - bottom - 0.3 * tall) < 0.012))
        color = mix(mix(color, glass, window), trim, 0.7 * (bar & ~ground))
        sill = (np.abs(u - 0.5) < half + 0.07) & (np.abs(v - bottom + 0.05) < 0.03) & (y < top)
        color = mix(color, trim * 1.2, sill & ~ground)
        color = mix(color, awning, ground & (v > 0.74) & (v < 0.92))
        color = mix(color, trim * 0.9, (y > height - 0.5) | (np.abs(y - level) < 0.12))
        color = mix(color, wall * 0.45, y < 0.5)
        color = mix(color, roof, face == 2)
        share = np.where(ground, 0.8, 0.45) * night
        lit = window & (noise.cell(a / bay + 91, y / level + 57) < share)
        glow = linear(1.0, 0.78, 0.45) * (lit * (0.35 + 0.5 * cell))[..., None]
        return color, glow
    return paint, roof


def add_building(buffer, random, noise, side, z0, z1, front, night):
    """Adds a house from z0 to z1 whose wall is at x = side * front."""
    height, deep = random.choice([7, 10, 12, 15, 18, 24]) + random.uniform(-1, 1), 12.0
    low = (min(side * front, side * (front + deep)), 0, z0)
    high = (max(side * front, side * (front + deep)), height, z1)
    paint, roof = facade(random, noise, height, night)
    draw_solid(buffer, box(low, high), paint, BUILDING)
    if height < 13 and random.random() < 0.7:
        rise, over = random.uniform(2.0, 3.5), 0.4
        planes = [(1, deep / 2 / rise, 0, high[0] + over + height * deep / 2 / rise),
                  (-1, deep / 2 / rise, 0, -low[0] + over + height * deep / 2 / rise),
                  (0, -1, 0, -height), (0, 0, 1, z1 + 0.1), (0, 0, -1, -z0 + 0.1)]
        roof_low, roof_high = (low[0] - 1, height, z0), (high[0] + 1, height + rise + 1, z1)

        def tiles(face, points):
            wave = np.sin(points[..., 1] * 14) * 0.12 + np.sin(points[..., 2] * 9) * 0.06
            return roof * (1 + wave)[..., None], None
        draw_solid(buffer, Solid(planes, (roof_low, roof_high), (0, 0, 0)), tiles, BUILDING)


def car_body(paint, night):
    lamp = 0.25 + 2.2 * night

    def body(face, points):
        x, y, z = points[..., 0], points[..., 1], points[..., 2]
        color = np.broadcast_to(paint, points.shape).copy()
        glow = np.zeros_like(color)
        side, back, front = face < 2, face == 5, face == 4
        seam = side & (np.abs(y - 0.62) < 0.015) | side & (np.abs(np.abs(z) - 0.45) < 0.015)
        color[seam] *= 0.45
        color[(y < 0.42) & ~side] = linear(0.10, 0.10, 0.11)
        color[side & (y < 0.36)] = linear(0.12, 0.12, 0.13)
        plate = (back | front) & (np.abs(x) < 0.26) & (np.abs(y - 0.52) < 0.06)
        color[plate] = linear(0.85, 0.85, 0.80)
        lights = (np.abs(x) > 0.58) & (np.abs(y - 0.72) < 0.09)
        color[lights & back] = linear(0.65, 0.05, 0.05)
        glow[lights & back] = lamp * linear(0.9, 0.1, 0.05)
        color[lights & front] = 0.8
        glow[lights & front] = lamp * linear(1.0, 0.95, 0.8)
        color[front & (np.abs(x) < 0.45) & (np.abs(y - 0.70) < 0.07)] = linear(0.12, 0.12, 0.13)
        return color, glow
    return body


def cabin_paint(paint, glass_from, roof_at):
    def cabin(face, points):
        y, z = points[..., 1], points[..., 2]
        glass = (face != 2) & (y > glass_from + 0.05) & (y < roof_at - 0.07)
        glass &= ~((face < 2) & ((np.abs(z + 0.05) < 0.05) | (z < -1.15)))
        shine = linear(0.13, 0.16, 0.20) * (0.7 + 1.6 * np.clip(y - glass_from, 0, 1))[..., None]
        return mix(np.broadcast_to(paint, points.shape), shine, glass), None
    return cabin


def add_car(buffer, random, x, z, angle, night):
    """Adds a car whose front points along z if angle is 0."""
    paint = pick(random, PAINTS)
    kind = random.choice(["hatch", "sedan", "van"], p=[0.45, 0.35, 0.2])
    wide, long = random.uniform(0.84, 0.93), {"hatch": 1.95, "sedan": 2.2, "van": 2.35}[kind]
    belt = {"hatch": 0.92, "sedan": 0.88, "van": 1.15}[kind]
    roof = {"hatch": 1.48, "sedan": 1.42, "van": 2.1}[kind]
    back, front = {"hatch": (0.35, 1.1), "sedan": (0.9, 1.2), "van": (0.05, 0.5)}[kind]
    position, low, high = (x, 0, z), (-wide, 0.24, -long), (wide, belt, long)
    hull = box(low, high, position, angle)
    tail, nose = -long + (0.5 if kind == "sedan" else 0.05), long - (0.3 if kind == "van" else 0.85)
    planes = [(1, 0.28, 0, wide - 0.04 + 0.28 * belt), (-1, 0.28, 0, wide - 0.04 + 0.28 * belt),
              (0, 1, 0, roof), (0, -1, 0, -belt), (0, front, 1, nose + front * belt),
              (0, back, -1, -tail + back * belt)]
    cabin = Solid(planes, ((-wide, belt, -long), (wide, roof, long)), position, angle)
    draw_solid(buffer, hull, car_body(paint, night), CAR)
    draw_solid(buffer, cabin, cabin_paint(paint, belt, roof), CAR)
    for sx in (-1, 1):
        for sz in (-0.62, 0.62):
            add_wheel(buffer, position, angle, sx * (wide - 0.1), sz * long)


def add_wheel(buffer, position, angle, cx, cz, radius=0.33):
    turns = np.arange(10) * (2 * np.pi / 10)
    planes = [(1, 0, 0, cx + 0.12), (-1, 0, 0, 0.12 - cx)]
    planes += [(0, np.cos(t), np.sin(t), radius + np.cos(t) * radius + np.sin(t) * cz)
               for t in turns]
    size = (cx - 0.12, 0, cz - radius - 0.05), (cx + 0.12, 2 * radius, cz + radius + 0.05)

    def tyre(face, points):
        hub = (points[..., 1] - radius) ** 2 + (points[..., 2] - cz) ** 2 < (0.6 * radius) ** 2
        return mix(linear(0.07, 0.07, 0.07), linear(0.55, 0.56, 0.58), hub & (face < 2)), None
    draw_solid(buffer, Solid(planes, size, position, angle), tyre, CAR, casts=False)


def add_person(buffer, random, x, z):
    tall, stride = random.uniform(0.88, 1.08), random.uniform(0.04, 0.34)
    shirt, trousers = pick(random, CLOTHES), pick(random, CLOTHES) * 0.6
    skin = pick(random, SKINS, 0.02)
    hair = linear(*random.choice([0.08, 0.25, 0.5]) * np.array([1, 0.8, 0.6]))
    swing, shoe = random.uniform(-0.15, 0.15), linear(0.08, 0.08, 0.08)
    left, right = -0.26 - swing, 0.27 + swing  # hands
    parts = [
        (-0.08, 0.86, 0.10, -stride, 0.08, 0.06, trousers),
        (-stride, 0.05, 0.06, -stride + 0.1, 0.05, 0.05, shoe),
        (-0.20, 1.36, 0.065, left, 0.90, 0.05, shirt * 0.8),
        (0.08, 0.86, 0.10, stride, 0.08, 0.06, trousers * 1.2),
        (stride, 0.05, 0.06, stride + 0.1, 0.05, 0.05, shoe),
        (0, 0.92, 0.17, 0, 1.34, 0.20, shirt), (0, 1.45, 0.06, 0, 1.55, 0.06, skin),
        (0, 1.67, 0.125, 0, 1.66, 0.125, hair), (0.02, 1.63, 0.105, 0.02, 1.61, 0.10, skin),
        (0.20, 1.36, 0.065, right, 0.92, 0.05, shirt * 0.9),
        (right, 0.88, 0.05, right, 0.86, 0.05, skin)]
    if random.random() < 0.35:
        bag = pick(random, AWNINGS)
        parts.append((left - 0.04, 0.62, 0.12, left - 0.04, 0.78, 0.10, bag))
    parts = [tuple(v * tall if k < 6 else v for k, v in enumerate(p)) for p in parts]
    draw_card(buffer, (x, 0, z), (-0.7, 0), (0.7, 2.0), figure(parts), PERSON)
    buffer.casters.append(box((-0.2, 0.1, -0.12), (0.2, 1.7 * tall, 0.12), (x, 0, z)))


def foliage(random, noise, blobs, leaf, grain):
    """Returns a painter for draw_card: leaves in overlapping round masses (x, y, radius)."""
    shift = random.uniform(0, 200, 2)

    def paint(x, y):
        rough = noise.fractal(x * grain + shift[0], y * grain + shift[1], 3)
        fine = noise(x * grain * 5 + shift[1], y * grain * 5 + shift[0])
        best, normal = np.full(x.shape, -9.0, np.float32), np.zeros(x.shape + (3,), np.float32)
        for bx, by, radius in blobs:
            ox, oy = (x - bx) / radius, (y - by) / radius
            field = 1 - ox * ox - oy * oy
            better = field > best
            best = np.where(better, field, best)
            normal[better] = np.stack([ox, oy + 0.25, -0.6 - 0 * ox], -1)[better]
        mask = best + 1.7 * (rough - 0.5) + 0.9 * (fine - 0.5) > 0.1
        shade = np.clip(0.30 + 0.9 * rough + 1.0 * (fine - 0.5) + 0.35 * best, 0.1, 1.7)
        color = leaf * shade[..., None] * np.array([1 + 0.2, 1, 0.9], np.float32)
        return mask, color, normal / np.linalg.norm(normal + 1e-6, axis=-1, keepdims=True), None
    return paint


def add_tree(buffer, random, noise, x, z):
    trunk, crown = random.uniform(1.8, 2.8), random.uniform(1.4, 2.3)
    bark, leaf = linear(0.32, 0.25, 0.20), pick(random, LEAVES, 0.03)
    lean = random.uniform(-0.2, 0.2)
    parts = [(0, 0, 0.20, lean, trunk + 0.4, 0.13, bark),
             (lean, trunk, 0.10, lean + 0.6, trunk + 1.2, 0.06, bark),
             (lean, trunk - 0.2, 0.10, lean - 0.6, trunk + 1.1, 0.06, bark)]
    draw_card(buffer, (x, 0, z), (-1, 0), (1, trunk + 1.3), figure(parts), VEGETATION)
    blobs = [(lean + random.normal(0, 0.5) * crown, trunk + crown * random.uniform(0.5, 1.6),
              crown * random.uniform(0.5, 0.8)) for _ in range(8)]
    reach, top = 2.4 * crown, trunk + 3 * crown
    paint = foliage(random, noise, blobs, leaf, 1.1)
    draw_card(buffer, (x, 0, z - 0.05), (-reach, trunk - crown), (reach, top), paint, VEGETATION)
    buffer.casters.append(box((-0.15, 0, -0.15), (0.15, trunk + 1, 0.15), (x, 0, z)))
    buffer.casters += [Ball((x + bx, by, z + random.normal(0, 0.5)), 0.8 * radius)
                       for bx, by, radius in blobs]


def add_bush(buffer, random, noise, x, z, wide, tall):
    count = max(3, int(2 * wide))
    blobs = [(random.uniform(-wide, wide) * 0.85, tall * random.uniform(0.1, 0.6), tall * 0.6)
             for _ in range(count)]
    paint = foliage(random, noise, blobs, pick(random, LEAVES[:4], 0.03), 1.6)
    draw_card(buffer, (x, 0, z), (-wide - tall, 0), (wide + tall, 1.6 * tall), paint, VEGETATION)
    buffer.casters.append(Ball((x, tall * 0.3, z), tall * 0.7))


def add_lamp(buffer, random, side, x, z, night):
    """Adds a street lamp whose arm reaches over the road; returns the position of its light."""
    tall, arm = random.uniform(5.0, 6.5), -side * random.uniform(0.9, 1.6)
    metal, light = linear(0.30, 0.32, 0.33), (0.3 + 4 * night) * LAMP_LIGHT
    parts = [(0, 0, 0.11, 0, 1.0, 0.09, metal), (0, 1.0, 0.075, 0, tall, 0.055, metal),
             (0, tall, 0.055, arm, tall + 0.35, 0.05, metal),
             (arm, tall + 0.30, 0.10, arm * 1.35, tall + 0.30, 0.10, metal),
             (arm * 1.05, tall + 0.24, 0.07, arm * 1.3, tall + 0.24, 0.07, LAMP_LIGHT, light)]
    draw_card(buffer, (x, 0, z), (-2.6, 0), (2.6, tall + 0.6), figure(parts), POLE)
    buffer.casters.append(box((-0.07, 0, -0.07), (0.07, tall, 0.07), (x, 0, z)))
    return x + arm * 1.2, tall + 0.2, z


def add_sign(buffer, random, x, z):
    """Adds a traffic sign or a traffic light."""
    metal, red, white = linear(0.50, 0.51, 0.52), linear(0.75, 0.08, 0.08), linear(0.92, 0.92, 0.90)
    kind = random.choice(["round", "blue", "triangle", "light"])
    parts = [(0, 0, 0.05, 0, 2.3, 0.045, metal)]
    if kind == "light":
        case, on = linear(0.10, 0.11, 0.10), random.integers(3)
        parts += [(0, 2.25, 0.19, 0, 2.85, 0.19, case)]
        for k, tint in enumerate([(0.1, 0.85, 0.45), (1.0, 0.75, 0.1), (0.95, 0.12, 0.1)]):
            glass, shine = (1, 1.5) if k == on else (0.15, 0)
            parts.append((0, 2.25 + 0.3 * k, 0.11, 0, 2.26 + 0.3 * k, 0.11,
                          linear(*tint) * glass, linear(*tint) * shine))
    elif kind == "triangle":
        corners = [(-0.34, 2.1), (0.34, 2.1), (0, 2.68)]
        parts += [(*a, 0.09, *b, 0.09, red) for a, b in zip(corners, corners[1:] + corners[:1])]
        parts += [(-0.16, 2.21, 0.09, 0.16, 2.21, 0.09, white),
                  (0, 2.22, 0.13, 0, 2.42, 0.06, white)]
    else:
        rim, middle = (red, white) if kind == "round" else (white, linear(0.08, 0.25, 0.65))
        parts += [(0, 2.4, 0.34, 0, 2.41, 0.34, rim), (0, 2.4, 0.26, 0, 2.41, 0.26, middle)]
    draw_card(buffer, (x, 0, z), (-0.5, 0), (0.5, 3.2), figure(parts, flat=True), POLE)
    buffer.casters.append(box((-0.05, 0, -0.05), (0.05, 2.3, 0.05), (x, 0, z)))
