#!/usr/bin/env python3
"""Writes breast_cancer.json: what XGBoost and scikit-learn say of a public data set, for `../golden.rs`.

Tests read the JSON only. To make it again: pip install xgboost-cpu==3.2.0 scikit-learn==1.9.1, then run this beside it.

Data: Breast Cancer Wisconsin (Diagnostic), Wolberg, Mangasarian, Street and Street 1995, UCI Machine Learning
Repository, CC BY 4.0; as scikit-learn carries it. Four columns are kept, and every seventh value is taken away.
"""

import json
import sys
from pathlib import Path

import numpy as np
import sklearn
import xgboost
from sklearn.calibration import _SigmoidCalibration
from sklearn.datasets import load_breast_cancer
from sklearn.metrics import average_precision_score, log_loss, roc_auc_score

COLUMNS = ["mean texture", "mean smoothness", "mean symmetry", "area error"]
TREES, DEPTH, RATE, LAMBDA, COVER_MIN = 20, 4, 0.3, 1.0, 3.0


def forest(table, labels, **more):
    """XGBoost's exact greedy method; the same settings in the test."""
    settings = {
        "objective": "binary:logistic",
        "tree_method": "exact",
        "max_depth": DEPTH,
        "eta": RATE,
        "lambda": LAMBDA,
        "min_child_weight": COVER_MIN,
        "base_score": float(labels.mean()),
        "nthread": 1,
        "seed": 1,
        **more,
    }
    matrix = xgboost.DMatrix(table, label=labels, missing=np.nan)
    model = xgboost.train(settings, matrix, TREES)
    contributions = model.predict(matrix, pred_contribs=True)
    return {
        "margins": [float(m) for m in model.predict(matrix, output_margin=True)],
        # Of the first rows: by column, then what is expected of an unknown row.
        "contributions": [[float(c) for c in row] for row in contributions[:40]],
    }


def main():
    data = load_breast_cancer()
    names = list(data.feature_names)
    table = data.data[:, [names.index(column) for column in COLUMNS]].astype(np.float32)
    labels = (data.target == 0).astype(np.float32)  # malignant
    flat = table.reshape(-1)
    flat[::7] = np.nan
    free = forest(table, labels)
    margins = np.array(free["margins"])
    platt = _SigmoidCalibration().fit(margins, labels)
    out = {
        "made_with": {"xgboost": xgboost.__version__, "sklearn": sklearn.__version__},
        "columns": COLUMNS,
        "rows": [[None if np.isnan(v) else float(v) for v in row] for row in table],
        "labels": [bool(label) for label in labels],
        "free": free,
        "rising": forest(table, labels, monotone_constraints="(1,0,0,1)"),
        "metrics": {
            "auc_roc": roc_auc_score(labels, margins),
            "average_precision": average_precision_score(labels, margins),
            "log_loss": log_loss(labels, 1 / (1 + np.exp(-margins))),
            # Scores with many ties.
            "rounded_auc_roc": roc_auc_score(labels, np.round(margins)),
            "rounded_average_precision": average_precision_score(labels, np.round(margins)),
        },
        # scikit-learn writes 1 / (1 + exp(a x + b)).
        "platt": {"slope": -float(platt.a_), "offset": -float(platt.b_)},
    }
    path = Path(__file__).with_name("breast_cancer.json")
    path.write_text(json.dumps(out, separators=(",", ":")) + "\n")
    print(f"{path.name}: {len(out['rows'])} rows, {int(labels.sum())} yes", file=sys.stderr)


if __name__ == "__main__":
    main()
