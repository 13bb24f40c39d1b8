"""Writes values of metrics of labels by other libraries, for the tests of mcdrop's own metrics.

    pip install numpy scikit-learn torch torchmetrics
    python -m models.label_metrics

writes labels.json in fixtures/metrics: small random probabilities of labels of which any number holds, in whole
numbers so that every program reads the same values, and the metrics that scikit-learn and torchmetrics compute from
them in f64. An undefined metric is left out, also of the mean over the labels (scikit-learn's zero_division=nan).

Probabilities and scores are in units of 1/4096, those of the pass without dropout in units of 2^-20, so that some of
mcdrop's bins contain several of them. A truth of 255 is unknown. The label "rare" holds nowhere.
"""

import json
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from sklearn import metrics as sk
from torchmetrics.classification import BinaryCalibrationError, MultilabelAUROC, MultilabelAveragePrecision

FILE = Path(__file__).resolve().parent.parent / "fixtures" / "metrics" / "labels.json"
UNIT, DETERMINISTIC_UNIT = 4096, 2**20
LABELS = {"fog": 0.5, "rain": 0.3, "night": 0.625, "rare": 0.5}
PREVALENCES = [0.4, 0.15, 0.6, 0.0]
SCORES = ["predictive_entropy", "mutual_information"]
HEIGHT, WIDTH, IMAGES = 5, 6, 12
BINS, UNKNOWN = 15, 255


def whole_numbers(rng):
    """Returns one image, with a row per label, in whole numbers."""
    n = HEIGHT * WIDTH
    image = {key: [] for key in ("truth", "probability", "deterministic", *SCORES)}
    for prevalence in PREVALENCES:
        truth = (rng.random(n) < prevalence).astype(int)
        logit = (2 * truth - 1) * 1.2 + 1.5 * rng.standard_normal(n) - 0.3
        plain = logit * 1.6 + 0.4 * rng.standard_normal(n)
        # A few probabilities are exactly 0 or 1.
        probability = np.where(rng.random(n) < 0.02, np.round(truth), 1 / (1 + np.exp(-logit)))
        entropy = -(probability * np.log(np.clip(probability, 1e-9, 1))
                    + (1 - probability) * np.log(np.clip(1 - probability, 1e-9, 1)))
        rows = {
            "truth": np.where(rng.random(n) < 0.1, UNKNOWN, truth),
            "probability": probability * UNIT,
            "deterministic": 1 / (1 + np.exp(-plain)) * DETERMINISTIC_UNIT,
            "predictive_entropy": np.clip(entropy, 0, 0.69) * UNIT,
            "mutual_information": entropy * rng.random(n) * 0.3 * UNIT,
        }
        for key, row in rows.items():
            image[key].append(np.round(row).astype(int).tolist())
    return image


def of_probabilities(truth, p, threshold):
    """Returns the metrics of pairs whose truth is known."""
    decided = p >= threshold
    own = np.maximum(np.where(truth == 1, p, 1 - p), 2.0**-24)
    error = BinaryCalibrationError(n_bins=BINS, norm="l1").set_dtype(torch.float64)
    values = {
        "prevalence": truth.mean(),
        "accuracy": sk.accuracy_score(truth, decided),
        "f1": sk.f1_score(truth, decided, zero_division=np.nan),
        "precision": sk.precision_score(truth, decided, zero_division=np.nan),
        "recall": sk.recall_score(truth, decided, zero_division=np.nan),
        # scikit-learn's log loss has no floor.
        "negative_log_likelihood": sk.log_loss(truth, np.where(truth == 1, own, 1 - own), labels=[0, 1]),
        "brier_score": float(np.mean((p - truth) ** 2)),
        "expected_calibration_error": float(error(torch.tensor(p), torch.tensor(truth))),
    }
    if 0 < truth.mean() < 1:
        assert abs(values["brier_score"] - sk.brier_score_loss(truth, p)) < 1e-12
        values["auroc"] = sk.roc_auc_score(truth, p)
        values["aupr"] = sk.average_precision_score(truth, p)
    return values


def of_score(wrong, score):
    if not 0 < wrong.mean() < 1:
        return {}
    return {
        "misclassification.auroc": sk.roc_auc_score(wrong, score),
        "misclassification.aupr_error": sk.average_precision_score(wrong, score),
    }


def averaged(of_labels, of_all):
    """Returns all values by key: of each label, of all pairs together, and the means over the labels."""
    values = {f"{label}.{key}": number for label, row in of_labels.items() for key, number in row.items()}
    values |= {f"micro.{key}": number for key, number in of_all.items()}
    for key in of_all:
        defined = [row[key] for row in of_labels.values() if not np.isnan(row.get(key, np.nan))]
        values[f"macro.{key}"] = np.mean(defined)
    return {key: float(number) for key, number in values.items() if not np.isnan(number)}


def evaluate(truth, p, scores):
    """Returns all metrics of arrays with a row per label."""
    thresholds = np.array(list(LABELS.values()))[:, None] * np.ones(truth.shape)
    known = truth != UNKNOWN
    rows = [(name, k, known[k]) for k, name in enumerate(LABELS)]
    of_labels = {name: of_probabilities(truth[k][kept], p[k][kept], thresholds[k][kept]) for name, k, kept in rows}
    # Of all pairs together, too, each probability is compared with the threshold of its own label.
    values = averaged(of_labels, of_probabilities(truth[known], p[known], thresholds[known]))
    wrong = (p >= thresholds) != (truth == 1)
    for score, numbers in scores.items():
        of_labels = {name: of_score(wrong[k][kept], numbers[k][kept]) for name, k, kept in rows}
        found = averaged(of_labels, of_score(wrong[known], numbers[known]))
        values |= {f"{key}.{score}": number for key, number in found.items()}
    complete = known.all(0)
    decided = p >= thresholds
    values["subset_accuracy"] = sk.accuracy_score(truth[:, complete].T, decided[:, complete].T)
    return values


def check_averages(truth, p):
    """Checks that the averages are those of scikit-learn and torchmetrics where both are defined."""
    complete = (truth != UNKNOWN).all(0)
    truth, p = truth[:3, complete].T, p[:3, complete].T
    for average in ("macro", "micro"):
        rows = {str(k): of_probabilities(truth[:, k], p[:, k], 0.5) for k in range(3)}
        found = averaged(rows, of_probabilities(truth.ravel(), p.ravel(), 0.5))
        expected = {
            "auroc": sk.roc_auc_score(truth, p, average=average),
            "aupr": sk.average_precision_score(truth, p, average=average),
            "f1": sk.f1_score(truth, p >= 0.5, average=average),
            "precision": sk.precision_score(truth, p >= 0.5, average=average),
            "recall": sk.recall_score(truth, p >= 0.5, average=average),
        }
        for key, number in expected.items():
            assert abs(found[f"{average}.{key}"] - number) < 1e-12, key
        for key, metric in (("auroc", MultilabelAUROC), ("aupr", MultilabelAveragePrecision)):
            number = metric(3, average=average, thresholds=None)(torch.tensor(p), torch.tensor(truth))
            assert abs(found[f"{average}.{key}"] - float(number)) < 1e-5, key


def missed(images, probability):
    """Returns the mean over images of the share of true labels that are missed."""
    thresholds = np.array(list(LABELS.values()))[:, None]
    shares = []
    for image in images:
        holds = image["truth"] == 1
        shares.append((holds & (image[probability] < thresholds)).sum() / max(holds.sum(), 1))
    return float(np.mean(shares))


def main():
    rng = np.random.default_rng(11)
    inputs = [whole_numbers(rng) for _ in range(IMAGES)]
    units = {"truth": 1, "deterministic": DETERMINISTIC_UNIT}
    images = [{key: np.array(rows) / units.get(key, UNIT) for key, rows in image.items()} for image in inputs]
    pooled = {key: np.concatenate([image[key] for image in images], axis=1) for key in images[0]}
    truth, plain = pooled["truth"].astype(int), pooled["deterministic"]
    check_averages(truth, pooled["probability"])
    values = evaluate(truth, pooled["probability"], {score: pooled[score] for score in SCORES})
    values["missed_labels"] = missed(images, "probability")
    of_plain = evaluate(truth, plain, {"deterministic": np.minimum(plain, 1 - plain)})
    of_plain["missed_labels"] = missed(images, "deterministic")
    for key, number in of_plain.items():
        if key.endswith(".prevalence"):
            continue
        values[key if key.endswith(".deterministic") else f"{key}.deterministic"] = number
    tools = ("numpy", "scikit-learn", "torch", "torchmetrics")
    content = {
        "made_with": {name: version(name) for name in tools},
        "height": HEIGHT,
        "width": WIDTH,
        "thresholds": LABELS,
        "images": inputs,
        "values": values,
    }
    FILE.write_text(json.dumps(content, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
