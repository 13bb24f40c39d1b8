"""Writes values of metrics of regression by other libraries, for the tests of mcdrop's own metrics.

    pip install numpy scipy scikit-learn torch torchmetrics torch-uncertainty uncertainty-toolbox scoringrules
    python -m models.value_metrics

writes values.json in fixtures/metrics: small random predictions and labels of depth, in whole numbers so that every
program reads the same values, and the metrics that other libraries compute from them in f64. The sparsification
errors and the expected normalized calibration error have no library that computes them as published; they are
computed here with NumPy, step by step as in the papers and their code.

Values and labels are in units of 1/256, variances in units of 2^-20, and a label of 0 is none. No two items have the
same standard deviation, because the libraries do not agree on ties.
"""

import json
import warnings
from importlib.metadata import version
from pathlib import Path

import numpy as np
import scoringrules
import torch
import torch_uncertainty.metrics.regression as tu
import uncertainty_toolbox as uct
from scipy import stats
from sklearn import metrics as sk
from uncertainty_toolbox.metrics_calibration import get_proportion_in_interval

FILE = Path(__file__).resolve().parent.parent / "fixtures" / "metrics" / "values.json"
UNIT, VARIANCE_UNIT = 256, 2**20
HEIGHT, WIDTH, IMAGES = 9, 14, 12
ERROR_ABOVE = 0.5
BINS = 15


def whole_numbers(rng):
    """Returns one image, in whole numbers."""
    n = HEIGHT * WIDTH
    label = rng.uniform(1, 8, n)
    aleatoric = rng.lognormal(-2.5, 1.2, n)
    epistemic = rng.lognormal(-3.5, 1.5, n)
    error = rng.standard_normal(n) * np.sqrt(aleatoric + epistemic) * 1.2 + 0.05
    plain = label + error * 1.1 + 0.1 * rng.standard_normal(n)
    missing = rng.random(n) < 0.1
    units = {
        "labels": np.where(missing, 0, label * UNIT),
        "value": np.maximum(label + error, 0.1) * UNIT,
        "aleatoric_variance": aleatoric * VARIANCE_UNIT,
        "epistemic_variance": epistemic * VARIANCE_UNIT,
        "deterministic_value": np.maximum(plain, 0.1) * UNIT,
        "deterministic_variance": aleatoric * rng.lognormal(0, 0.3, n) * VARIANCE_UNIT,
    }
    least = {"labels": 0, "epistemic_variance": 0}
    whole = {key: np.maximum(np.round(values), least.get(key, 1)).astype(np.int64) for key, values in units.items()}
    # Every image keeps a number of items for which no percentile of the 50 steps but the first and the middle one
    # is that of a single item: rounding then decides nothing.
    kept = np.flatnonzero(whole["labels"])
    n_kept = next(k for k in range(len(kept), 0, -1) if np.gcd(k - 1, 50) <= 2)
    whole["labels"][kept[n_kept:]] = 0
    return whole


def make_different(images):
    """Increases variances until no two items have the same standard deviation in f32."""
    used = set()

    def is_new(kind, *variances):
        root = np.float32(np.sqrt(sum(variances) / VARIANCE_UNIT))
        return (kind, root) not in used and not used.add((kind, root))

    for image in images:
        aleatoric, epistemic = image["aleatoric_variance"], image["epistemic_variance"]
        plain = image["deterministic_variance"]
        for i in range(HEIGHT * WIDTH):
            while not is_new("aleatoric", aleatoric[i]):
                aleatoric[i] += 1
            while not (is_new("epistemic", epistemic[i]) and is_new("total", aleatoric[i], epistemic[i])):
                epistemic[i] += 1
            while not is_new("plain", plain[i]):
                plain[i] += 1


def labeled(image):
    """Returns the labeled items of an image, in f64."""
    kept = image["labels"] > 0
    units = {key: VARIANCE_UNIT if "variance" in key else UNIT for key in image}
    return {key: values[kept] / units[key] for key, values in image.items()}


def depth(value, label):
    """Returns relative errors by torch-uncertainty."""
    tensors = torch.tensor(value), torch.tensor(label)

    def compute(metric):
        metric = metric.set_dtype(torch.float64)
        metric.update(*tensors)
        return float(metric.compute())

    return {
        "abs_rel": compute(tu.MeanGTRelativeAbsoluteError()),
        "sq_rel": compute(tu.MeanGTRelativeSquaredError()),
        "log10": compute(tu.Log10()),
        "rmse_log": sk.root_mean_squared_error(np.log(label), np.log(value)),
        **{f"delta_{k}": compute(tu.ThresholdAccuracy(power=k)) for k in (1, 2, 3)},
    }


def errors(value, label):
    return {
        "rmse": sk.root_mean_squared_error(label, value),
        "mae": sk.mean_absolute_error(label, value),
        "bias": float(np.mean(value) - np.mean(label)),
        "r2": sk.r2_score(label, value),
        "large_error_share": float(np.mean(np.abs(value - label) > ERROR_ABOVE)),
        **depth(value, label),
    }


def ence(value, label, std):
    """Returns the error over bins with as equal a number of items as possible."""
    order = np.argsort(std)
    ends = np.arange(BINS + 1) * len(std) // BINS
    gaps = []
    for begin, end in zip(ends, ends[1:]):
        items = order[begin:end]
        mean_std = np.sqrt(np.mean(std[items] ** 2))
        gaps.append(abs(mean_std - sk.root_mean_squared_error(label[items], value[items])) / mean_std)
    return float(np.mean(gaps))


def gaussian(value, label, std):
    levels = np.arange(1, 100) / 100
    coverage = np.array([get_proportion_in_interval(value, std, label, level) for level in levels])
    likelihood = uct.nll_gaussian(value, std, label)
    tensors = (torch.tensor(array) for array in (value, label, std**2))
    loss = torch.nn.functional.gaussian_nll_loss(*tensors, full=True, eps=1e-12)
    assert abs(likelihood - float(loss)) < 1e-12
    score = float(np.mean(scoringrules.crps_normal(label, value, std)))
    assert abs(score - uct.crps_gaussian(value, std, label)) < 1e-12
    return {
        "negative_log_likelihood": likelihood,
        "crps": score,
        "sharpness": uct.sharpness(std),
        **{f"coverage_{percent}": coverage[percent - 1] for percent in (50, 68, 90, 95)},
        "auce": float(np.trapezoid(np.abs(coverage - levels), levels)),
        "ence": ence(value, label, std),
    }


def laplace(value, label, std):
    scale = std / np.sqrt(2)
    levels = np.arange(1, 100) / 100
    inside = 1 - 2 * stats.laplace.sf(np.abs(label - value)[:, None], scale=scale[:, None])
    coverage = np.mean(inside <= levels, axis=0)
    return {
        "negative_log_likelihood": float(-np.mean(stats.laplace.logpdf(label, value, scale))),
        "crps": float(np.mean(scoringrules.crps_laplace(label, value, scale))),
        **{f"coverage_{percent}": coverage[percent - 1] for percent in (50, 68, 90, 95)},
        "auce": float(np.trapezoid(np.abs(coverage - levels), levels)),
    }


def area_at_every_share(error, key):
    """Returns the area under the mean error of the items with the smallest keys, over their share from 0 to 1."""
    mean = np.cumsum(error[np.argsort(key)]) / np.arange(1, len(error) + 1)
    share = np.arange(1, len(error) + 1) / len(error)
    return float(np.trapezoid(mean, share)) + mean[0] * share[0]


def area_at_percents(squared, key):
    """Returns the area of Gustafsson et al. for the root of the mean squared error."""
    squared = squared[np.argsort(key)]
    n = len(squared)
    curve = [np.sqrt(np.mean(squared[: n * (100 - k) // 100])) for k in range(100)]
    return float(np.trapezoid(np.array(curve) / curve[0], np.arange(100) / 100))


def area_at_percentiles(error, loss, key):
    """Returns the area of Poggi et al. for one image."""
    thresholds = [np.percentile(-key, 100 / 50 * step) for step in range(50)]
    curve = [error(loss[-key >= threshold]) for threshold in thresholds] + [0]
    return float(np.trapezoid(curve, np.arange(51) / 50))


def image_areas(images, value, std):
    """Returns the mean over images of the areas of Poggi et al."""
    sums = {}
    for image in images:
        predicted, label = image[value], image["labels"]
        ratio = np.maximum(predicted / label, label / predicted)
        relative = np.abs(predicted - label) / label
        kinds = {
            "rmse": (lambda loss: np.sqrt(loss.mean()), (predicted - label) ** 2, (predicted - label) ** 2),
            "abs_rel": (np.mean, relative, relative),
            "delta_1": (np.mean, (ratio >= 1.25).astype(float), ratio),
        }
        for name, (error, loss, best) in kinds.items():
            area = area_at_percentiles(error, loss, std(image))
            values = {
                f"ause_poggi_{name}": area - area_at_percentiles(error, loss, best),
                f"aurg_poggi_{name}": error(loss) - area,
            }
            for key, number in values.items():
                sums[key] = sums.get(key, 0) + number / len(images)
    return sums


def finding_errors(images, pooled, value, std):
    size = np.abs(pooled[value] - pooled["labels"])
    stds = std(pooled)
    assert len(np.unique(stds.astype(np.float32))) == len(stds)
    areas = [area_at_every_share(size, key) for key in (stds, size)]
    squares = [area_at_percents(size**2, key) for key in (stds, size)]
    return {
        "large_error.auroc": sk.roc_auc_score(size > ERROR_ABOVE, stds),
        "spearman": stats.spearmanr(size, stds).statistic,
        "ause_ilg": (areas[0] - areas[1]) / size.mean(),
        "ause_gustafsson": squares[0] - squares[1],
        **image_areas(images, value, std),
    }


STDS = {
    "total_std": lambda image: np.sqrt(image["aleatoric_variance"] + image["epistemic_variance"]),
    "aleatoric_std": lambda image: np.sqrt(image["aleatoric_variance"]),
    "epistemic_std": lambda image: np.sqrt(image["epistemic_variance"]),
    "deterministic_std": lambda image: np.sqrt(image["deterministic_variance"]),
}


def main():
    rng = np.random.default_rng(5)
    inputs = [whole_numbers(rng) for _ in range(IMAGES)]
    make_different(inputs)
    images = [labeled(image) for image in inputs]
    pooled = {key: np.concatenate([image[key] for image in images]) for key in images[0]}
    label = pooled["labels"]
    values, laplacian = {}, {}
    for end, value, std in (
        ("", "value", "total_std"),
        (".deterministic", "deterministic_value", "deterministic_std"),
    ):
        stds = STDS[std](pooled)
        found = errors(pooled[value], label) | gaussian(pooled[value], label, stds)
        values |= {f"{key}{end}": number for key, number in found.items()}
        found = laplace(pooled[value], label, stds)
        laplacian |= {f"{key}{end}": number for key, number in found.items()}
    for name, std in STDS.items():
        value = "deterministic_value" if name == "deterministic_std" else "value"
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            found = finding_errors(images, pooled, value, std)
        values |= {f"{key}.{name}": number for key, number in found.items()}
    tools = (
        "numpy",
        "scipy",
        "scikit-learn",
        "torch",
        "torch-uncertainty",
        "uncertainty-toolbox",
        "scoringrules",
    )
    content = {
        "made_with": {name: version(name) for name in tools},
        "height": HEIGHT,
        "width": WIDTH,
        "error_above": ERROR_ABOVE,
        "images": [{key: numbers.tolist() for key, numbers in image.items()} for image in inputs],
        "gaussian": values,
        "laplace": laplacian,
    }
    FILE.write_text(json.dumps(content, separators=(",", ":"), default=float) + "\n")


if __name__ == "__main__":
    main()
