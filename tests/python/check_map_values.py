"""Runs the Python code of docs/results.md that reads heat maps, on folders that have arrays as well.

    python check_map_values.py OUT...
"""

import json
import re
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]


def main():
    text = (ROOT / "docs/results.md").read_text()
    names = {}
    for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        exec(block, names)
    checked = 0
    for out in map(Path, sys.argv[1:]):
        output = json.loads((out / "run.json").read_text())["output"]
        for measure in output["maps"]:
            squares = measure in output.get("square_root", [])
            for array in sorted((out / measure).glob("*.npy")):
                exact = np.load(array).astype(np.float64)
                for read, steps in [(names["read_png"], 254), (names["read_png16"], 65535)]:
                    found = read(out, measure, array.name.removesuffix(".npy"))
                    assert found.shape == exact.shape
                    assert (np.isnan(found) == np.isnan(exact)).all()
                    bound = output["bounds"][measure]
                    inside = ~np.isnan(exact) & (exact <= bound)
                    place = [values[inside] / bound for values in (found, exact)]
                    place = [np.sqrt(values) if squares else values for values in place]
                    half = 0.5 / steps * (1 + 1e-3)
                    assert np.abs(place[0] - place[1]).max() <= half, (array, steps)
                    assert np.allclose(found[exact > bound], bound)
                    checked += 1
    assert checked >= 2 * 2 * len(sys.argv[1:]), checked


main()
