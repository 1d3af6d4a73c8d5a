"""Make fractional_logit.json: regressions of shares and log wallets with robust errors, as statsmodels computes them.

    pip install statsmodels==0.15.0
    python tests/reference/make_fractional_logit.py

statsmodels is needed here only, not to run the tests.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import statsmodels
import statsmodels.api as sm

HERE = Path(__file__).parent


def sample(seed: int, n: int, k: int, *, edges: bool) -> dict[str, Any]:
    """Features of different sizes, shares (some of them 0 or 1), wallets and sampling weights."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(n, k)) * 10.0 ** rng.integers(-1, 3, k) + rng.normal(size=k) * 5
    features[:, -1] = rng.random(n) < 0.4
    standard = (features - features.mean(axis=0)) / features.std(axis=0)
    slopes = rng.normal(size=k) * 0.6
    mean = 1 / (1 + np.exp(-(0.3 + standard @ slopes)))
    share = rng.beta(3 * mean, 3 * (1 - mean))
    if edges:
        share = np.clip(np.round(1.2 * share - 0.1, 1), 0, 1)
    wallet = np.exp(5 + standard @ slopes + 0.5 * rng.normal(size=n))
    columns = {"features": features, "share": share, "wallet": wallet, "weights": rng.gamma(3, 0.5, n)}
    return {name: np.round(column, 6) for name, column in columns.items()}


def logit(data: dict[str, Any], **weights: Any) -> Any:
    """The GLM, iterated until nothing moves."""
    model = sm.GLM(data["share"], sm.add_constant(data["features"]), family=sm.families.Binomial(), **weights)
    return {kind: model.fit(cov_type=kind, tol=1e-14, tol_criterion="params", maxiter=200) for kind in ("HC0", "HC1")}


def weighted_sandwich(fitted: Any) -> np.ndarray:
    """The covariance for sampling weights, from the scores and the information that statsmodels gives."""
    model, point = fitted.model, fitted.params
    scores = model.score_obs(point)
    bread = np.linalg.inv(-model.hessian(point))
    return bread @ (scores.T @ scores) @ bread


def main() -> None:
    """Write the file."""
    cases = []
    for seed, n, k, edges in ((1, 60, 2, False), (2, 120, 4, True), (3, 300, 6, True)):
        data = sample(seed, n, k, edges=edges)
        plain, weighted = logit(data), logit(data, var_weights=data["weights"])["HC0"]
        logs = sm.OLS(np.log(data["wallet"]), sm.add_constant(data["features"]))
        least = {kind: logs.fit(cov_type=kind) for kind in ("HC0", "HC1")}
        cases.append(
            {
                "data": {name: column.tolist() for name, column in data.items()},
                "logit": {
                    "coefficients": plain["HC0"].params.tolist(),
                    "HC0": plain["HC0"].cov_params().tolist(),
                    "HC1": plain["HC1"].cov_params().tolist(),
                },
                "weighted_logit": {
                    "coefficients": weighted.params.tolist(),
                    "sandwich": weighted_sandwich(weighted).tolist(),
                },
                "log_wallet": {
                    "coefficients": least["HC0"].params.tolist(),
                    "HC0": least["HC0"].cov_params().tolist(),
                    "HC1": least["HC1"].cov_params().tolist(),
                },
            }
        )
    text = json.dumps({"source": f"statsmodels {statsmodels.__version__}", "cases": cases})
    (HERE / "fractional_logit.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
