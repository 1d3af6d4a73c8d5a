"""What a fit says of itself, worked by hand."""

from __future__ import annotations

import json
import math
import pickle
import warnings
from typing import Any

import numpy as np
import pytest

from customervalue.errors import ConvergenceError, WeaklyIdentifiedWarning
from customervalue.estimation.fit import Likelihood, fit
from customervalue.estimation.inference import Inference
from customervalue.estimation.newton import Evaluation

TWO = Inference(
    parameters={"r": 2.0, "alpha": 10.0},
    covariance=np.array([[0.04, 0.01], [0.01, 4.0]]),
    log_likelihood=-100.0,
    n_customers=50,
    iterations=7,
    gradient_norm=1e-12,
)
OPEN = Inference({"r": 2.0, "a": 1e-9}, np.diag([0.04, np.inf]), -100.0, 50, 9, 1e-12, ("a",))


def test_criteria() -> None:
    assert TWO.aic == 2 * 2 + 200
    assert TWO.bic == pytest.approx(2 * math.log(50) + 200, rel=1e-15)


def test_standard_errors_and_intervals() -> None:
    assert TWO.standard_errors == pytest.approx({"r": 0.2, "alpha": 2.0}, rel=1e-15)
    # Estimate times and divided by exp(z s.e. / estimate); z of 95 % from any table.
    low, high = TWO.confidence_intervals(0.95)["alpha"]
    assert low == pytest.approx(10 * math.exp(-1.959963984540054 * 0.2), rel=1e-12)
    assert high == pytest.approx(10 * math.exp(1.959963984540054 * 0.2), rel=1e-12)


def test_wider_levels_are_wider_and_positive() -> None:
    narrow, wide = (TWO.confidence_intervals(level)["r"] for level in (0.5, 0.999999))
    assert 0 < wide[0] < narrow[0] < 2.0 < narrow[1] < wide[1]


def test_a_parameter_at_a_boundary_is_open() -> None:
    assert OPEN.standard_errors["a"] == math.inf
    assert OPEN.confidence_intervals()["a"] == (0.0, math.inf)
    assert OPEN.confidence_intervals()["r"] == TWO.confidence_intervals()["r"]


@pytest.mark.parametrize("inference", [TWO, OPEN], ids=["inside", "at a boundary"])
def test_round_trips(inference: Inference) -> None:
    text = json.dumps(inference.to_dict(), allow_nan=False)
    for again in (Inference.from_dict(json.loads(text)), pickle.loads(pickle.dumps(inference))):
        assert again == inference
        np.testing.assert_array_equal(again.covariance, inference.covariance)
        assert not again.covariance.flags.writeable


def test_equality() -> None:
    assert TWO != OPEN
    assert TWO != "an inference"
    with pytest.raises(TypeError, match="unhashable"):
        hash(TWO)


# ---- from a likelihood to an inference


def likelihood(objective: Any, starts: list[float], n: int = 100) -> Likelihood:
    return Likelihood(
        names=("a",),
        objective=objective,
        starts=[np.array([start]) for start in starts],
        units=np.ones(1),
        n_customers=n,
        explain=lambda _, untold: f"nothing is known of {' and '.join(untold)}",
    )


def bowl(center: float, curvature: float) -> Any:
    def objective(theta: Any) -> Evaluation:
        step = theta - math.log(center)
        return Evaluation(float(-0.5 * curvature * step @ step), -curvature * step, np.array([[-curvature]]))

    return objective


def test_fit_of_a_bowl() -> None:
    found = fit(likelihood(bowl(3.0, 0.5), [1.0]))
    assert found.parameters == pytest.approx({"a": 3.0}, rel=1e-9)
    # Information n c on the log scale, so variance estimate**2 / (n c) on its own.
    assert found.covariance[0, 0] == pytest.approx(9 / (100 * 0.5), rel=1e-9)
    assert found.at_boundary == ()


def test_fit_warns_of_a_flat_bowl() -> None:
    with pytest.warns(
        WeaklyIdentifiedWarning, match="100 customers do not tell all parameters .*nothing is known of a"
    ):
        fit(likelihood(bowl(3.0, 1e-4), [1.0]))


def test_fit_takes_the_better_of_two_maxima() -> None:
    def objective(theta: Any) -> Evaluation:
        # Two peaks in u = ln a, at about -1.15 and 1.1; the flatter one is the higher.
        u = float(theta[0])
        value = -((u * u - 1.25) ** 2) + 0.1 * u
        return Evaluation(value, np.array([-4 * u * (u * u - 1.25) + 0.1]), np.array([[-12 * u * u + 5.0]]))

    both = fit(likelihood(objective, [math.exp(1.2)]))
    assert math.log(both.parameters["a"]) > 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        other = fit(likelihood(objective, [math.exp(-1.2)]), start={"a": math.exp(1.0)})
    assert other.parameters == pytest.approx(both.parameters, rel=1e-9)


def test_fit_that_does_not_settle() -> None:
    def liar(theta: Any) -> Evaluation:
        return Evaluation(-float(np.sum(np.abs(theta - 0.5))), np.ones(1), -np.eye(1))

    with pytest.raises(ConvergenceError, match=r"(?s)did not settle in \d+ evaluations from 2 starts.*Pass `prior=`"):
        fit(likelihood(liar, [1.0, 2.0]))


def test_the_table_of_a_fit() -> None:
    fit = Inference({"r": 2.0, "b": 5.0}, np.diag([0.04, np.inf]), -1234.5, 1500, 7, 1e-12, ("b",))
    table = fit.to_frame("pandas")
    assert list(table.columns) == ["parameter", "estimate", "standard_error", "low", "high"]
    assert table["low"].tolist() == [low for low, _ in fit.confidence_intervals().values()]
    assert repr(fit).splitlines() == [
        "Inference: 1,500 customers, log-likelihood -1,234.500, 7 evaluations",
        "  r           2.0000  s.e. 0.2000  95 % interval 1.6440 to 2.4330",
        "  b           5.0000  s.e. inf  95 % interval 0.0000 to inf",
    ]
    assert "<td>2.0000</td><td>0.2000</td>" in fit._repr_html_()
