"""Draws letters by strokes in the style of the 8x8 digits: each value counts ink in a cell of a bitmap.

Needs only numpy and Pillow. Used by train.py.
"""

import numpy as np
from PIL import Image, ImageDraw

# Polylines on a 4 x 6 grid, x to the right and y down; letters that look like no digit.
STROKES = {
    "A": [[(0, 6), (2, 0), (4, 6)], [(1, 4), (3, 4)]],
    "E": [[(4, 0), (0, 0), (0, 6), (4, 6)], [(0, 3), (3, 3)]],
    "F": [[(4, 0), (0, 0), (0, 6)], [(0, 3), (3, 3)]],
    "H": [[(0, 0), (0, 6)], [(4, 0), (4, 6)], [(0, 3), (4, 3)]],
    "K": [[(0, 0), (0, 6)], [(4, 0), (0, 3), (4, 6)]],
    "M": [[(0, 6), (0, 0), (2, 3), (4, 0), (4, 6)]],
    "N": [[(0, 6), (0, 0), (4, 6), (4, 0)]],
    "R": [[(0, 6), (0, 0), (3, 0), (4, 1), (3, 3), (0, 3), (4, 6)]],
    "T": [[(0, 0), (4, 0)], [(2, 0), (2, 6)]],
    "U": [[(0, 0), (0, 5), (1, 6), (3, 6), (4, 5), (4, 0)]],
    "V": [[(0, 0), (2, 6), (4, 0)]],
    "W": [[(0, 0), (1, 6), (2, 3), (3, 6), (4, 0)]],
    "X": [[(0, 0), (4, 6)], [(4, 0), (0, 6)]],
}


def draw_letter(number, random):
    """Draws the number-th letter, cyclically, with random slant, size and position: uint8 [8, 8]."""
    strokes = list(STROKES.values())[number % len(STROKES)]
    width, height = random.uniform(15, 20), random.uniform(24, 28)
    slant, left, top = random.uniform(-3, 3), random.uniform(5, 9), random.uniform(1.5, 3.5)
    thickness = int(random.integers(4, 6))
    bitmap = Image.new("L", (32, 32))
    pen = ImageDraw.Draw(bitmap)
    for stroke in strokes:
        jitter = random.normal(0, 0.5, (len(stroke), 2))
        points = [(left + x / 4 * width + slant * (1 - y / 6) + dx, top + y / 6 * height + dy)
                  for (x, y), (dx, dy) in zip(stroke, jitter)]
        pen.line(points, fill=1, width=thickness, joint="curve")
    ink = np.asarray(bitmap).reshape(8, 4, 8, 4).sum((1, 3))
    return np.rint(ink * (255 / 16)).astype(np.uint8)
