"""A small ray tracer in numpy: a camera, a buffer of surfaces, and shapes to draw into it.

World coordinates are meters: x to the right, y up, z along the street. Shapes write color, normal, emitted light,
label and depth to the pixels that they cover, unless something nearer is there. scene.py adds light, shadows and
weather later. Needs only numpy.
"""

import numpy as np

SKY_DEPTH = 1e6
NEAR = 0.4


def linear(*rgb):
    """Converts a display color (0..1) to an amount of light."""
    return np.array(rgb, np.float32) ** 2.2


class Noise:
    """Smooth random values over the plane, from a table; `fractal` adds octaves. Both are in 0..1."""

    def __init__(self, random):
        self.table = random.random((256, 256), np.float32)

    def __call__(self, u, v):
        iu, iv = np.floor(u).astype(np.int32), np.floor(v).astype(np.int32)
        fu, fv = (u - iu).astype(np.float32), (v - iv).astype(np.float32)
        fu, fv = fu * fu * (3 - 2 * fu), fv * fv * (3 - 2 * fv)
        iu, iv, ju, jv = iu & 255, iv & 255, (iu + 1) & 255, (iv + 1) & 255
        near = self.table[iv, iu] * (1 - fu) + self.table[iv, ju] * fu
        far = self.table[jv, iu] * (1 - fu) + self.table[jv, ju] * fu
        return near * (1 - fv) + far * fv

    def cell(self, u, v):
        """Returns one value for each unit square."""
        return self.table[np.floor(v).astype(np.int32) & 255, np.floor(u).astype(np.int32) & 255]

    def fractal(self, u, v, octaves=3):
        total, weight = 0.0, 0.5
        for octave in range(octaves):
            total = total + weight * self(u * 2**octave + 17.3 * octave, v * 2**octave)
            weight /= 2
        return total / (1 - 0.5**octaves)


class Buffer:
    """The surface that the camera sees at each pixel."""

    def __init__(self, width, height, focal, eye, pitch, yaw):
        self.width, self.height, self.focal = width, height, focal
        self.eye = np.array(eye, np.float32)
        cp, sp, cy, sy = np.cos(pitch), np.sin(pitch), np.cos(yaw), np.sin(yaw)
        turn = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
        tilt = np.array([[1, 0, 0], [0, cp, sp], [0, -sp, cp]])
        self.rotation = (turn @ tilt).astype(np.float32)
        column = (np.arange(width) + 0.5 - width / 2) / focal
        row = (height / 2 - np.arange(height) - 0.5) / focal
        flat = np.stack(np.broadcast_arrays(column[None], row[:, None], 1.0), -1)
        self.rays = flat.astype(np.float32) @ self.rotation.T
        self.depth = np.full((height, width), SKY_DEPTH, np.float32)
        self.label = np.zeros((height, width), np.uint8)
        self.color, self.normal, self.glow = (
            np.zeros((height, width, 3), np.float32) for _ in range(3))
        self.casters = []

    def window(self, corners):
        """Returns the part of the picture that the corners of a shape span, as slices; None if outside."""
        points = (np.asarray(corners, np.float32) - self.eye) @ self.rotation
        if (points[:, 2] < NEAR).all():
            return None
        if (points[:, 2] < NEAR).any():
            return slice(0, self.height), slice(0, self.width)
        columns = self.width / 2 + self.focal * points[:, 0] / points[:, 2]
        rows = self.height / 2 - self.focal * points[:, 1] / points[:, 2]
        left, right = max(0, int(columns.min())), min(self.width, int(columns.max()) + 2)
        top, bottom = max(0, int(rows.min())), min(self.height, int(rows.max()) + 2)
        if left >= right or top >= bottom:
            return None
        return slice(top, bottom), slice(left, right)

    def put(self, window, mask, depth, color, normal, label, glow=None):
        """Writes a surface where the mask is set and nothing nearer is."""
        mask = mask & (depth < self.depth[window]) & (depth > NEAR)
        self.depth[window][mask] = np.broadcast_to(depth, mask.shape)[mask]
        self.color[window][mask] = np.broadcast_to(color, mask.shape + (3,))[mask]
        self.normal[window][mask] = np.broadcast_to(normal, mask.shape + (3,))[mask]
        self.glow[window][mask] = 0 if glow is None else np.broadcast_to(
            glow, mask.shape + (3,))[mask]
        self.label[window][mask] = label

    def points(self):
        return self.eye + self.rays * self.depth[..., None]


class Solid:
    """A convex body: planes normal . p <= offset, in a frame that is rotated about y and moved."""

    def __init__(self, planes, size, position, angle=0.0):
        normals = np.array([p[:3] for p in planes], np.float32)
        length = np.linalg.norm(normals, axis=1)
        self.normals = normals / length[:, None]
        self.offsets = np.array([p[3] for p in planes], np.float32) / length
        c, s = np.cos(angle), np.sin(angle)
        self.rotation = np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]], np.float32)
        self.position = np.array(position, np.float32)
        low, high = np.array(size, np.float32)
        grid = np.stack(np.meshgrid(*zip(low, high), indexing="ij"), -1).reshape(-1, 3)
        self.corners = grid @ self.rotation.T + self.position

    def hit(self, origin, rays):
        """Returns where rays enter: (depth, plane index, hit or not), and the rays in the body's frame."""
        start, rays = (origin - self.position) @ self.rotation, rays @ self.rotation
        enter = np.full(rays.shape[:-1], -np.inf, np.float32)
        leave = np.full(rays.shape[:-1], np.inf, np.float32)
        face = np.zeros(rays.shape[:-1], np.int8)
        for k, (normal, offset) in enumerate(zip(self.normals, self.offsets)):
            slope, gap = rays @ normal, offset - start @ normal
            slope = np.where(np.abs(slope) < 1e-7, np.float32(1e-7), slope)
            at = gap / slope
            later = (slope < 0) & (at > enter)
            enter, face = np.where(later, at, enter), np.where(later, np.int8(k), face)
            leave = np.where(slope > 0, np.minimum(at, leave), leave)
        return enter, face, enter < leave, start + rays * enter[..., None]

    def shades(self, points, toward_light):
        """Returns which points the body shades."""
        start, ray = (points - self.position) @ self.rotation, toward_light @ self.rotation
        enter, leave = np.float32(0.01), np.full(points.shape[:-1], np.inf, np.float32)
        for normal, offset in zip(self.normals, self.offsets):
            slope, gap = float(ray @ normal), offset - start @ normal
            if abs(slope) < 1e-6:
                leave = np.where(gap < 0, -np.inf, leave)
            elif slope < 0:
                enter = np.maximum(enter, gap / slope)
            else:
                leave = np.minimum(leave, gap / slope)
        return enter < leave


def box(low, high, position=(0, 0, 0), angle=0.0):
    """Returns a box with faces 0..5: +x, -x, +y, -y, +z, -z."""
    planes = [(1, 0, 0, high[0]), (-1, 0, 0, -low[0]), (0, 1, 0, high[1]), (0, -1, 0, -low[1]),
              (0, 0, 1, high[2]), (0, 0, -1, -low[2])]
    return Solid(planes, (low, high), position, angle)


def draw_solid(buffer, solid, paint, label, casts=True):
    """Draws a solid. `paint(face, points)` returns the color [..., 3], and emitted light or None."""
    if casts:
        buffer.casters.append(solid)
    window = buffer.window(solid.corners)
    if window is None:
        return
    depth, face, hit, points = solid.hit(buffer.eye, buffer.rays[window])
    hit &= (depth > NEAR) & (depth < buffer.depth[window])
    if hit.any():
        points[~hit] = 0
        color, glow = paint(face, points)
        normal = (solid.normals @ solid.rotation.T)[face]
        buffer.put(window, hit, depth, color, normal, label, glow)


class Ball:
    """A sphere that casts a shadow."""

    def __init__(self, center, radius):
        self.center, self.radius = np.array(center, np.float32), radius
        corner = np.stack(np.meshgrid(*[(-radius, radius)] * 3), -1).reshape(-1, 3)
        self.corners = self.center + corner

    def shades(self, points, toward_light):
        offset = self.center - points
        along = offset @ toward_light
        return (along > 0) & ((offset**2).sum(-1) - along**2 < self.radius**2)


def draw_ball(buffer, center, radius, paint, label):
    """Draws a ball. `paint(normals)` returns the color for points of the unit sphere."""
    ball = Ball(center, radius)
    buffer.casters.append(ball)
    window = buffer.window(ball.corners)
    if window is None:
        return
    rays, offset = buffer.rays[window], buffer.eye - ball.center
    a, b, c = (rays**2).sum(-1), rays @ offset, offset @ offset - radius**2
    root = b * b - a * c
    depth = (-b - np.sqrt(np.maximum(root, 0))) / a
    normal = (offset + rays * depth[..., None]) / radius
    buffer.put(window, root > 0, depth, paint(normal), normal, label)


def draw_card(buffer, position, low, high, paint, label):
    """Draws a flat upright picture at `position`: `paint(x, y)` returns mask, color, normal, emitted light."""
    x, y, z = position
    corners = [(x + a, y + b, z) for a in (low[0], high[0]) for b in (low[1], high[1])]
    window = buffer.window(corners)
    if window is None or z - buffer.eye[2] < NEAR:
        return
    rays = buffer.rays[window]
    depth = (z - buffer.eye[2]) / rays[..., 2]
    points = buffer.eye + rays * depth[..., None]
    mask, color, normal, glow = paint(points[..., 0] - x, points[..., 1] - y)
    buffer.put(window, mask, depth, color, normal, label, glow)


def figure(parts, flat=False):
    """Returns a painter for draw_card: limbs (x0, y0, r0, x1, y1, r1, color), the last in front.

    A limb joins two discs, or two balls unless `flat`; an eighth value is emitted light.
    """
    def paint(x, y):
        mask, color = np.zeros(x.shape, bool), np.zeros(x.shape + (3,), np.float32)
        normal, glow = np.zeros_like(color), np.zeros_like(color)
        normal[..., 2] = -1
        for x0, y0, r0, x1, y1, r1, tint, *light in parts:
            dx, dy = x1 - x0, y1 - y0
            along = np.clip(((x - x0) * dx + (y - y0) * dy) / (dx * dx + dy * dy + 1e-9), 0, 1)
            ox, oy, radius = x - x0 - along * dx, y - y0 - along * dy, r0 + along * (r1 - r0)
            square = (ox * ox + oy * oy) / radius**2
            inside = square < 1
            mask |= inside
            color[inside] = tint
            glow[inside] = light[0] if light else 0
            if flat:
                continue
            bulge = np.stack([ox / radius, oy / radius, -np.sqrt(np.maximum(0.05, 1 - square))], -1)
            normal[inside] = bulge[inside]
        return mask, color, normal, glow
    return paint
