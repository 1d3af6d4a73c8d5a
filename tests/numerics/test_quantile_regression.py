"""Linear quantile regression: published and statsmodels' values, SciPy's linear program, and what must hold of any."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from customervalue.errors import ConvergenceError, InvalidInputError
from customervalue.numerics import quantile_regression as module
from customervalue.numerics.quantile_regression import QuantileProblem, linear_program, pinball, quantile_regression

if TYPE_CHECKING:
    from customervalue._typing import FloatArray

POINTS = json.loads((Path(__file__).parents[1] / "reference" / "quantile_regression_points.json").read_text())["cases"]


def loss(x: FloatArray, y: FloatArray, q: float, beta: FloatArray, w: FloatArray | None = None) -> float:
    return float(np.average(pinball(y, x @ beta, q), weights=w))


def case(n: int, k: int, seed: int, kind: str) -> tuple[FloatArray, FloatArray]:
    """Data whose kinds are hard in different ways: ties, zeros, units far apart, tails."""
    rng = np.random.default_rng(seed)
    x = np.column_stack([np.ones(n), rng.normal(size=(n, k - 1))])
    if kind == "discrete":
        x[:, 1:] = rng.integers(0, 3, (n, k - 1))
    y = x.sum(axis=1) + rng.gamma(1.5, 2, n) * (1 + 0.3 * np.abs(x[:, -1]))
    if kind in ("zeros", "discrete"):
        y = np.maximum(np.round(y - 4), 0)
    if kind == "units":
        x[:, 1:] = 2020 + 0.1 * x[:, 1:]
        x[:, -1] *= 1e6
    if kind == "tail":
        y = np.exp(2 * rng.normal(size=n) + x[:, -1])
    return x, y


@pytest.fixture
def no_fallback(monkeypatch: pytest.MonkeyPatch) -> None:
    """The linear program is for what our own method cannot prove; on these data it is not to be needed."""

    def called(*_: Any) -> FloatArray:
        pytest.fail("the linear program was called for help")

    monkeypatch.setattr(module, "linear_program", called)


# ---- published, and oracles


def test_engels_households_as_published() -> None:
    # R's quantreg, rq(foodexp ~ income) on the data of Koenker & Bassett (1982), Econometrica 50(1), 43-61: 81.4822474
    # and 0.5601806 at the median; 124.880 and 0.343 at 0.05; 64.104 and 0.709 at 0.95.
    engel = POINTS[-1]
    x = np.column_stack([np.ones(len(engel["y"])), np.array(engel["x"])])
    y = np.array(engel["y"])
    assert quantile_regression(x, y, 0.5).round(7).tolist() == [81.4822474, 0.5601806]
    assert quantile_regression(x, y, 0.05).round(3).tolist() == [124.88, 0.343]
    assert quantile_regression(x, y, 0.95).round(3).tolist() == [64.104, 0.709]


@pytest.mark.parametrize("points", POINTS, ids=lambda points: points["name"])
@pytest.mark.usefixtures("no_fallback")
def test_as_statsmodels_and_no_worse(points: dict[str, Any]) -> None:
    x, y = np.column_stack([np.ones(len(points["y"])), np.array(points["x"])]), np.array(points["y"])
    for q, theirs in points["coefficients"].items():
        ours = quantile_regression(x, y, float(q))
        # statsmodels stops within 1e-6 of a residual; these solutions are unique.
        assert ours == pytest.approx(np.array(theirs), rel=2e-6, abs=2e-6)
        assert loss(x, y, float(q), ours) <= loss(x, y, float(q), np.array(theirs))


@pytest.mark.parametrize("kind", ["plain", "discrete", "zeros", "units", "tail"])
@pytest.mark.parametrize("q", [0.1, 0.5, 0.9])
@pytest.mark.usefixtures("no_fallback")
def test_as_the_linear_program(kind: str, q: float) -> None:
    for n, k in ((12, 3), (300, 4), (2_100, 5)):
        x, y = case(n, k, 1, kind)
        best = loss(x, y, q, linear_program(x, y, q))
        # SciPy's program knows its coefficients to about 1e-11 where a column is 2020 with a spread of 0.1.
        assert loss(x, y, q, quantile_regression(x, y, q)) == pytest.approx(best, rel=1e-10)


@pytest.mark.usefixtures("no_fallback")
def test_weights_as_the_linear_program() -> None:
    x, y = case(500, 4, 2, "plain")
    w = np.random.default_rng(3).exponential(size=500) * (np.arange(500) % 5 > 0)
    ours = quantile_regression(x, y, 0.8, w)
    assert ours == pytest.approx(linear_program(x, y, 0.8, w), rel=1e-9)


@pytest.mark.usefixtures("no_fallback")
def test_near_another_solution_as_from_nothing() -> None:
    x, y = case(4_000, 5, 4, "zeros")
    problem = QuantileProblem(x, y)
    first = problem.solve(0.9)
    w = np.random.default_rng(5).exponential(size=4_000)
    near, far = problem.solve(0.9, w, near=first), problem.solve(0.9, w)
    assert near.coefficients == pytest.approx(far.coefficients, rel=1e-10)


def test_what_is_not_proven_is_left_to_the_linear_program(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = case(100, 3, 6, "plain")
    expected = quantile_regression(x, y, 0.7)
    monkeypatch.setattr(module._Task, "proves", lambda *_: False)
    assert quantile_regression(x, y, 0.7) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("enormous", [1e6, 1e12, 1e16])
@pytest.mark.usefixtures("no_fallback")
def test_one_enormous_value_does_not_move_the_fit(enormous: float) -> None:
    x, y = case(200, 3, 7, "plain")
    moderate = y.copy()
    y[3], moderate[3] = enormous, 1e4
    for q in (0.5, 0.9):
        assert quantile_regression(x, y, q) == pytest.approx(quantile_regression(x, moderate, q), rel=1e-9)


@pytest.mark.usefixtures("no_fallback")
def test_wild_values_as_the_linear_program() -> None:
    for seed in range(20):
        rng = np.random.default_rng(seed)
        x = np.column_stack([np.ones(60), rng.integers(0, 4, (60, 3))])
        y = np.exp(3 * rng.normal(size=60))
        ours = quantile_regression(x, y, 0.1)
        assert loss(x, y, 0.1, ours) <= loss(x, y, 0.1, linear_program(x, y, 0.1)) * (1 + 1e-10)


def test_the_linear_program_knows_its_unit_and_its_limits() -> None:
    x, y = case(300, 3, 8, "plain")
    tiny = linear_program(x, 1e-12 * y, 0.8)
    assert tiny == pytest.approx(1e-12 * linear_program(x, y, 0.8), rel=1e-9)
    x[:, 1] = 1e11 + 20 * x[:, 1]
    with pytest.raises(ConvergenceError, match="its numbers are of too different sizes"):
        linear_program(x, y + x[:, 1] - 1e11, 0.8)


# ---- what must hold of any


@settings(max_examples=25)
@given(
    n=st.integers(6, 60),
    k=st.integers(1, 4),
    q=st.floats(0.03, 0.97),
    seed=st.integers(0, 10_000),
    kind=st.sampled_from(["plain", "zeros", "tail"]),
)
def test_the_share_below_and_the_subgradient(n: int, k: int, q: float, seed: int, kind: str) -> None:
    x, y = case(n, k, seed, kind)
    residual = y - x @ quantile_regression(x, y, q)
    on = np.abs(residual) <= 1e-9 * np.abs(y).max()
    # Koenker & Bassett (1978), theorem 3.4: strictly below <= q n <= at or below.
    assert np.sum(~on & (residual < 0)) <= q * n + 1e-9
    assert np.sum(on | (residual < 0)) >= q * n - 1e-9
    assert np.sum(on) >= k


@settings(max_examples=25)
@given(
    seed=st.integers(0, 10_000),
    q=st.floats(0.05, 0.95),
    factor=st.floats(0.01, 1e4),
    shift=st.lists(st.floats(-100, 100), min_size=3, max_size=3),
)
def test_equivariance(seed: int, q: float, factor: float, shift: list[float]) -> None:
    x, y = case(37, 3, seed, "plain")
    moved = y + x @ np.array(shift)
    best = loss(x, y, q, quantile_regression(x, y, q))
    assert loss(x, factor * y, q, quantile_regression(x, factor * y, q)) == pytest.approx(factor * best, rel=1e-9)
    assert loss(x, moved, q, quantile_regression(x, moved, q)) == pytest.approx(best, rel=1e-9)
    turned = x @ np.array([[1.0, 2, 0], [0, 3, 1], [0, 0, 5]])
    assert loss(turned, y, q, quantile_regression(turned, y, q)) == pytest.approx(best, rel=1e-9)
    assert loss(x, -y, 1 - q, quantile_regression(x, -y, 1 - q)) == pytest.approx(best, rel=1e-9)


@settings(max_examples=25)
@given(seed=st.integers(0, 10_000), q=st.floats(0.05, 0.95))
def test_weights_are_repetitions(seed: int, q: float) -> None:
    x, y = case(30, 3, seed, "plain")
    times = np.random.default_rng(seed).integers(0, 4, 30)
    repeated = quantile_regression(np.repeat(x, times, axis=0), np.repeat(y, times), q)
    weighted = quantile_regression(x, y, q, times.astype(np.float64))
    assert loss(x, y, q, weighted, times) == pytest.approx(loss(x, y, q, repeated, times), rel=1e-12)


@settings(max_examples=25)
@given(values=st.lists(st.integers(0, 9), min_size=1, max_size=30), q=st.floats(0.02, 0.98))
def test_a_constant_is_the_empirical_quantile(values: list[int], q: float) -> None:
    y = np.array(values, dtype=np.float64)
    found = quantile_regression(np.ones((len(y), 1)), y, q)[0]
    assert np.mean(y < found) <= q + 1e-12
    assert np.mean(y <= found) >= q - 1e-12


def test_a_row_far_above_may_go_anywhere_above() -> None:
    x, y = case(200, 3, 7, "plain")
    beta = quantile_regression(x, y, 0.5)
    highest = np.argmax(y - x @ beta)
    y[highest] += 1e6
    assert quantile_regression(x, y, 0.5) == pytest.approx(beta, rel=1e-9)


def test_the_same_data_give_the_same_answer_and_stay_as_they_are() -> None:
    x, y = case(100, 3, 8, "discrete")
    before = x.copy(), y.copy()
    assert quantile_regression(x, y, 0.9).tolist() == quantile_regression(x, y, 0.9).tolist()
    assert (x == before[0]).all()
    assert (y == before[1]).all()


@pytest.mark.usefixtures("no_fallback")
def test_values_far_from_zero_lose_no_digits() -> None:
    x, y = case(500, 3, 9, "plain")
    beta = quantile_regression(x, y, 0.9)
    assert quantile_regression(x, y + 1e7, 0.9) - [1e7, 0, 0] == pytest.approx(beta, abs=1e-7)


@pytest.mark.usefixtures("no_fallback")
def test_an_exact_fit_and_nothing_but_zeros() -> None:
    x, _ = case(50, 3, 10, "plain")
    assert quantile_regression(x, x @ [1.0, 2, 3], 0.9) == pytest.approx(np.array([1.0, 2, 3]), rel=1e-12)
    assert quantile_regression(x, np.zeros(50), 0.9).tolist() == [0, 0, 0]


# ---- what cannot be fitted


def test_dependent_columns_and_too_few_rows() -> None:
    x, y = case(20, 3, 11, "plain")
    with pytest.raises(InvalidInputError, match="the columns of `design` are linearly dependent"):
        quantile_regression(np.column_stack([x, x[:, 1] + x[:, 2]]), y, 0.5)
    with pytest.raises(InvalidInputError, match="at least as many rows as columns, and has 2 and 3"):
        quantile_regression(x[:2], y[:2], 0.5)
