"""Metrics of made-up predictions by scikit-learn and torchmetrics, for the tests of `src/metric`.

Probabilities are multiples of 1/4096 and scores are 2 % apart or equal, so that f32 holds them and no bin
holds two different ones.

Run (scikit-learn 1.9, torchmetrics 1.9, numpy 2.4):
    python models/metrics.py fixtures/metrics.json
"""

import json
import pathlib
import sys

import numpy as np
import torch
from sklearn import metrics
from torchmetrics.classification import MulticlassCalibrationError
from torchmetrics.functional.classification import multiclass_jaccard_index

CLASSES, ITEMS, BINS = 5, 300, 15


def predictions():
    random = np.random.default_rng(7)
    weights = random.gamma(0.4, size=(ITEMS, CLASSES)) + 1e-3
    weights = (weights / weights.sum(1, keepdims=True) * 4096).astype(int)
    weights[:, 0] += 4096 - weights.sum(1)
    probabilities = weights / 4096
    noisy = probabilities * random.uniform(0.3, 1, size=(ITEMS, CLASSES))
    labels = noisy.argmax(1)
    scores = 1e-3 * 1.02 ** random.integers(0, 120, ITEMS)
    wrong = probabilities.argmax(1) != labels
    scores = np.float32(np.where(wrong, scores * 1.02**40, scores)).astype(float)
    return probabilities, labels, scores


def risk_coverage(wrong, scores):
    """Areas by their definition: items are kept from the smallest score on, ties together."""
    n = len(wrong)
    ends = [(scores <= value).sum() for value in np.unique(scores)]
    order = np.argsort(scores, kind="stable")
    total = np.cumsum(wrong[order])
    coverage = np.array([end / n for end in ends])
    risk = np.array([total[end - 1] / end for end in ends])
    general = np.array([total[end - 1] / n for end in ends])
    aurc = np.trapezoid(np.r_[risk[0], risk], np.r_[0, coverage])
    return aurc, np.trapezoid(np.r_[0, general], np.r_[0, coverage])


def main(file):
    probabilities, labels, scores = predictions()
    predicted = probabilities.argmax(1)
    wrong = predicted != labels
    one_hot = np.eye(CLASSES)[labels]
    false, true, _ = metrics.roc_curve(wrong, scores, drop_intermediate=False)
    torch_p = torch.tensor(probabilities, dtype=torch.float64)
    torch_y = torch.tensor(labels)

    def calibration(norm):
        return float(MulticlassCalibrationError(CLASSES, BINS, norm)(torch_p, torch_y))

    aurc, augrc = risk_coverage(wrong, scores)
    expected = {
        "accuracy": metrics.accuracy_score(labels, predicted),
        "class_accuracy": metrics.balanced_accuracy_score(labels, predicted),
        "mean_iou": float(multiclass_jaccard_index(torch.tensor(predicted), torch_y, CLASSES)),
        "negative_log_likelihood": float(-np.log(np.maximum((probabilities * one_hot).sum(1), 2**-24)).mean()),
        "brier_score": float(((probabilities - one_hot) ** 2).sum(1).mean()),
        "expected_calibration_error": calibration("l1"),
        "maximum_calibration_error": calibration("max"),
        "misclassification.auroc": metrics.roc_auc_score(wrong, scores),
        "misclassification.aupr_error": metrics.average_precision_score(wrong, scores),
        "misclassification.aupr_success": metrics.average_precision_score(~wrong, -scores),
        "misclassification.fpr95": float(false[np.argmax(true >= 0.95)]),
        "aurc": float(aurc),
        "augrc": float(augrc),
    }
    table = {
        "classes": CLASSES,
        "probabilities": (probabilities * 4096).astype(int).T.tolist(),
        "labels": labels.tolist(),
        "scores": scores.tolist(),
        "expected": expected,
    }
    file.write_text(json.dumps(table) + "\n")
    print(json.dumps(expected, indent=1))


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
