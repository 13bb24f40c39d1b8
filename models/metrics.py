"""Writes values of metrics by other libraries, for the tests of mcdrop's own metrics.

    pip install numpy scikit-learn torchmetrics torch-uncertainty rich
    python -m models.metrics

writes segmentation.json and classification.json in fixtures/metrics: small random predictions and labels, in
whole numbers so that every program reads the same values, and the metrics that scikit-learn, torchmetrics and
torch-uncertainty compute from them, in f64 if possible.

Probabilities are in units of 1/1024 (1/65536 for classification), scores in units of 1/4096, and a label of -1 is
ignored. Every class of a segmented pixel has at least 1/1024, so that no library's lower limit of likelihoods
matters, and no item has two classes with the largest probability.
"""

import json
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from sklearn import metrics as sk
from torch_uncertainty.metrics.classification import AUGRC, AURC, FPR95
from torch_uncertainty.metrics.classification.calibration.adaptive_calibration_error import (
    _equal_binning_bucketize,
)
from torch_uncertainty.metrics.segmentation import PAvPU
from torchmetrics.functional.classification.calibration_error import _ce_compute

FOLDER = Path(__file__).resolve().parent.parent / "fixtures" / "metrics"
BINS = 15


def whole_probabilities(rng, n, n_classes, unit, least):
    """Returns `n` rows of whole numbers with sum `unit`, each at least `least`, with a unique largest one."""
    rows = []
    while len(rows) < n:
        sharpness = rng.choice([0.3, 1.0, 4.0])
        shares = rng.dirichlet(np.full(n_classes, 1 / sharpness))
        row = least + np.floor(shares * (unit - n_classes * least)).astype(int)
        row[rng.integers(n_classes)] += unit - row.sum()
        if np.sum(row == row.max()) == 1:
            rows.append(row)
    return np.array(rows)


def some_labels(rng, probabilities, accuracy):
    """Returns labels that equal the predicted class with a probability of about `accuracy`."""
    n, n_classes = probabilities.shape
    other = rng.integers(n_classes, size=n)
    return np.where(rng.random(n) < accuracy, probabilities.argmax(1), other)


def ranking(wrong, score):
    fpr95 = FPR95(pos_label=1)
    fpr95.update(torch.tensor(score), torch.tensor(wrong.astype(int)))
    return {
        "misclassification.auroc": sk.roc_auc_score(wrong, score),
        "misclassification.aupr_error": sk.average_precision_score(wrong, score),
        "misclassification.aupr_success": sk.average_precision_score(~wrong, -score),
        # Counts are divided in f32 there; the quotient in f64 is the nearest ratio of counts.
        "misclassification.fpr95": round(float(fpr95.compute()) * np.sum(~wrong)) / np.sum(~wrong),
    }


def calibration_error(confidence, is_right, norm="l1"):
    """Returns torchmetrics' error over bins of equal width, without its entry points, which cast to f32."""
    boundaries = torch.linspace(0, 1, BINS + 1, dtype=torch.float64)
    tensors = torch.tensor(confidence), torch.tensor(is_right.astype(float))
    return float(_ce_compute(*tensors, boundaries, norm))


def pooled(p, y, n_classes):
    """Returns metrics of items with probabilities `p`, shape [items, classes], and labels `y`."""
    predicted = p.argmax(1)
    ious = sk.jaccard_score(y, predicted, labels=range(n_classes), average=None)
    confidence, is_right = p.max(1), predicted == y
    classwise = [calibration_error(p[:, c], y == c) for c in range(n_classes)]
    brier = sk.brier_score_loss(y, p, labels=range(n_classes), scale_by_half=False)
    return {
        "accuracy": sk.accuracy_score(y, predicted),
        "class_accuracy": sk.balanced_accuracy_score(y, predicted),
        "mean_iou": float(np.mean(ious)),
        **{f"iou.{c}": iou for c, iou in enumerate(ious)},
        "negative_log_likelihood": sk.log_loss(y, p, labels=range(n_classes)),
        "brier_score": brier,
        "brier_score_per_class": brier / n_classes,
        "expected_calibration_error": calibration_error(confidence, is_right),
        "maximum_calibration_error": calibration_error(confidence, is_right, "max"),
        "expected_calibration_error_classwise": float(np.mean(classwise)),
    }


def patches(images, size):
    """Returns PAvPU of 1 minus the largest probability, at the mean over patches."""
    means = []
    for image in images:
        u, valid = 1 - image["p"].max(0), image["y"] >= 0
        for top in range(0, u.shape[0], size):
            for left in range(0, u.shape[1], size):
                square = np.s_[top : top + size, left : left + size]
                if valid[square].any():
                    means.append(u[square][valid[square]].mean())
    threshold = float(np.mean(means))
    metric = PAvPU(size, unc_threshold=threshold)
    for image in images:
        p, y = torch.tensor(image["p"])[None], torch.tensor(image["y"])[None]
        metric.update(p, y, y < 0)
    names = ("accurate_certain", "accurate_uncertain", "inaccurate_certain", "inaccurate_uncertain")
    counts = {name: int(getattr(metric, name)) for name in names}
    end = f"least_confidence.{size}"
    return {
        f"pavpu_threshold.{end}": threshold,
        f"pavpu.{end}": (counts["accurate_certain"] + counts["inaccurate_uncertain"]) / len(means),
        **{f"pavpu_{name}.{end}": count for name, count in counts.items()},
    }


def segmentation(rng):
    n_classes, height, width, n_images = 5, 10, 13, 6
    shape, n = (height, width), height * width
    images, inputs = [], []
    for _ in range(n_images):
        whole = whole_probabilities(rng, n, n_classes, 1024, 1)
        y = some_labels(rng, whole, 0.8)
        wrong = (whole.argmax(1) != y).astype(int)
        entropy = rng.integers(0, 5000, size=n)
        few = np.minimum(rng.integers(0, 12, size=n) + 4 * wrong, 15) * 100
        y = np.where(rng.random(n) < 0.1, -1, y)
        inputs.append(
            {
                "probabilities": whole.T.reshape(-1).tolist(),
                "labels": y.tolist(),
                "predictive_entropy": entropy.tolist(),
                "variation_ratio": few.tolist(),
            }
        )
        images.append(
            {
                "p": whole.T.reshape(n_classes, *shape) / 1024,
                "y": y.reshape(shape),
                "predictive_entropy": entropy / 4096,
                "variation_ratio": few / 4096,
            }
        )
    p = np.concatenate([image["p"].reshape(n_classes, -1).T for image in images])
    y = np.concatenate([image["y"].reshape(-1) for image in images])
    kept = y >= 0
    values = pooled(p[kept], y[kept], n_classes)
    wrong = p.argmax(1)[kept] != y[kept]
    for name in ("predictive_entropy", "variation_ratio"):
        score = np.concatenate([image[name] for image in images])[kept]
        values |= {f"{key}.{name}": value for key, value in ranking(wrong, score).items()}
    entropy = np.concatenate([image["predictive_entropy"] for image in images])[kept]
    values["uncertainty_calibration_error"] = calibration_error(entropy / np.log(n_classes), wrong)
    for size in (2, 4):
        values |= patches(images, size)
    return {
        "classes": n_classes,
        "height": height,
        "width": width,
        "images": inputs,
        "values": values,
    }


def classification(rng):
    """Returns items of different confidences, for the libraries that do not support ties."""
    n_classes, n, unit = 3, 600, 65536
    whole = whole_probabilities(rng, 4 * n, n_classes, unit, 0)
    _, first = np.unique(whole.max(1), return_index=True)
    whole = whole[rng.permutation(first)[:n]]
    assert len(whole) == n and n % BINS == 0
    y = some_labels(rng, whole, 0.7)
    own = rng.integers(unit // n_classes + 1, unit + 1, size=n)
    classes = some_labels(rng, whole, 0.9)
    p = whole / unit
    tensors = torch.tensor(p), torch.tensor(y)
    values = pooled(p, y, n_classes)
    wrong = p.argmax(1) != y
    # Below the entry point again, which casts to f32.
    right, confidence, share = _equal_binning_bucketize(
        torch.tensor(p.max(1)), torch.tensor(1.0 - wrong), BINS
    )
    equal_mass = float(torch.sum((right - confidence).abs() * share))
    values["expected_calibration_error_equal_mass"] = equal_mass
    names = ("least_confidence", "deterministic")
    wrongs = wrong, classes != y
    for name, is_wrong, score in zip(names, wrongs, (1 - p.max(1), 1 - own / unit)):
        values |= {f"{key}.{name}": value for key, value in ranking(is_wrong, score).items()}
    # These areas start at coverage 1/n and are scaled to an axis of length 1: both are undone,
    # and the piece before 1/n is added.
    first = float(wrong[p.max(1).argmax()])
    for name, metric, piece in (("aurc", AURC(), first / n), ("augrc", AUGRC(), first / n / n / 2)):
        metric = metric.set_dtype(torch.float64)
        metric.update(*tensors)
        values[f"{name}.least_confidence"] = float(metric.compute()) * (1 - 1 / n) + piece
    inputs = {
        "probabilities": whole.tolist(),
        "labels": y.tolist(),
        "deterministic": [classes.tolist(), own.tolist()],
    }
    return {"classes": n_classes, "items": inputs, "values": values}


def main():
    tools = {name: version(name) for name in ("scikit-learn", "torchmetrics", "torch-uncertainty")}
    for name, make, seed in (
        ("segmentation", segmentation, 1),
        ("classification", classification, 2),
    ):
        content = {"made_with": tools, **make(np.random.default_rng(seed))}
        text = json.dumps(content, separators=(",", ":"), default=float)
        (FOLDER / f"{name}.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
