"""Make survival_points.json: Kaplan-Meier curves with late entry and log-rank tests, as lifelines computes them.

    pip install lifelines==0.30.3
    python tests/reference/make_survival.py

lifelines is needed here only, not to run the tests.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from lifelines import KaplanMeierFitter
from lifelines.statistics import multivariate_logrank_test

HERE = Path(__file__).parent


def customers(seed: int, n: int, *, ties: bool, late: bool) -> dict[str, Any]:
    """Durations, flags, late entries, counts and groups; with ties the times are whole."""
    rng = np.random.default_rng(seed)
    group = rng.integers(0, 3, n)
    life, watch = rng.exponential(8.0 + 3.0 * group), rng.uniform(2, 20, n)
    entry = np.where(rng.random(n) < 0.5, rng.uniform(0, 6, n), 0.0) if late else np.zeros(n)
    duration = np.minimum(life, watch)
    if ties:
        duration, entry = np.ceil(duration), np.floor(entry)
    seen = duration > entry
    columns = {"duration": duration, "churned": life <= watch, "entry": entry, "group": group}
    columns["weights"] = rng.integers(1, 4, n)
    return {name: column[seen] for name, column in columns.items()}


def curve(data: dict[str, Any], *, late: bool) -> dict[str, list[float]]:
    """Ages, curve and its 95 % interval."""
    entry = {"entry": data["entry"]} if late else {}
    model = KaplanMeierFitter().fit(data["duration"], data["churned"], weights=data["weights"], **entry)
    ends = model.confidence_interval_survival_function_
    return {
        "ages": model.survival_function_.index.tolist(),
        "survival": model.survival_function_.iloc[:, 0].tolist(),
        "low": ends.iloc[:, 0].tolist(),
        "high": ends.iloc[:, 1].tolist(),
    }


def main() -> None:
    """Write the file."""
    cases = []
    for seed, n, ties, late in ((1, 40, True, False), (2, 60, True, True), (3, 200, False, True), (4, 500, True, True)):
        data = customers(seed, n, ties=ties, late=late)
        test = multivariate_logrank_test(data["duration"], data["group"], data["churned"], weights=data["weights"])
        cases.append(
            {
                "data": {name: column.tolist() for name, column in data.items()},
                "curve": curve(data, late=late),
                "log_rank": {"statistic": test.test_statistic, "df": test.degrees_of_freedom, "p": test.p_value},
            }
        )
    text = json.dumps({"source": "lifelines 0.30.3", "cases": cases})
    (HERE / "survival_points.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
