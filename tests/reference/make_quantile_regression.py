"""Quantile regressions by statsmodels, iterated until nothing moves, for tests/numerics/test_quantile_regression.py.

Needs statsmodels, which the library does not: python make_quantile_regression.py > quantile_regression_points.json
"""

import json
import sys
import warnings

import numpy as np
import statsmodels
import statsmodels.api as sm

#: Name, rows, columns beside the intercept, seed.
CASES = [("small", 40, 2, 1), ("spread grows", 200, 3, 2), ("heavy tail", 300, 4, 3)]


def data(name: str, n: int, k: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Features and values, rounded so that they are the same wherever they are read."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, k))
    noise = rng.standard_t(2, n) if name == "heavy tail" else rng.normal(size=n)
    y = 3 + x.sum(axis=1) + noise * (1 + (0.5 * np.abs(x[:, 0]) if name == "spread grows" else 0))
    return x.round(6), y.round(6)


def main() -> None:
    """Print one JSON object."""
    cases = []
    for case in CASES:
        x, y = data(*case)
        model = sm.QuantReg(y, np.column_stack([np.ones(len(y)), x]))
        fits = {}
        for q in (0.1, 0.5, 0.9):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                fits[str(q)] = model.fit(q=q, max_iter=100_000, p_tol=1e-13).params.tolist()
        cases.append({"name": case[0], "x": x.tolist(), "y": y.tolist(), "coefficients": fits})
    engel = sm.datasets.engel.load_pandas().data
    model = sm.QuantReg(engel["foodexp"].to_numpy(), sm.add_constant(engel["income"].to_numpy()))
    fits = {str(q): model.fit(q=q, max_iter=100_000, p_tol=1e-13).params.tolist() for q in (0.05, 0.5, 0.95)}
    cases.append(
        {
            "name": "Engel (1857), food expenditure of 235 households by income",
            "x": engel[["income"]].to_numpy().tolist(),
            "y": engel["foodexp"].tolist(),
            "coefficients": fits,
        }
    )
    json.dump({"made with": f"statsmodels {statsmodels.__version__}", "cases": cases}, sys.stdout)


if __name__ == "__main__":
    main()
