"""The Dirichlet-multinomial kernel against SciPy, mpmath and finite differences."""

from __future__ import annotations

from math import lgamma

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from customervalue.numerics.dirichlet import Margin, dirichlet_multinomial


def margins(counts: np.ndarray) -> tuple[list[Margin], Margin]:
    def of(column: np.ndarray) -> Margin:
        values, rows = np.unique(column, return_counts=True)
        return Margin(values.astype(float), rows.astype(float))

    return [of(column) for column in counts.T], of(counts.sum(axis=1))


def _log_orders(row: np.ndarray) -> float:

    return lgamma(row.sum() + 1) - sum(lgamma(x + 1) for x in row)


@settings(max_examples=25, deadline=None)
@given(
    counts=st.lists(st.lists(st.integers(0, 12), min_size=3, max_size=3), min_size=1, max_size=6),
    alpha=st.lists(st.floats(0.05, 30.0), min_size=3, max_size=3),
)
def test_value_is_that_of_scipy(counts: list[list[int]], alpha: list[float]) -> None:
    x, a = np.array(counts), np.array(alpha)
    some = x[x.any(axis=1)]  # old releases refuse a total of 0, whose probability is 1
    expected = sum(stats.dirichlet_multinomial(a, int(row.sum())).logpmf(row) - _log_orders(row) for row in some)
    assert dirichlet_multinomial(a, *margins(x))[0] == pytest.approx(expected, rel=1e-9, abs=1e-9)


@settings(max_examples=25, deadline=None)
@given(alpha=st.lists(st.floats(0.05, 30.0), min_size=3, max_size=3), seed=st.integers(0, 1000))
def test_derivatives_by_log_alpha(alpha: list[float], seed: int) -> None:
    x = np.random.default_rng(seed).integers(0, 9, (8, 3))
    theta, step = np.log(alpha), 1e-5
    _, gradient, hessian = dirichlet_multinomial(np.exp(theta), *margins(x))
    for j in range(3):
        moved = np.eye(3)[j] * step
        (up, g_up, _), (down, g_down, _) = (
            dirichlet_multinomial(np.exp(theta + sign * moved), *margins(x)) for sign in (1, -1)
        )
        assert (up - down) / (2 * step) == pytest.approx(gradient[j], rel=1e-5, abs=1e-6)
        np.testing.assert_allclose((g_up - g_down) / (2 * step), hessian[j], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("size", [1e-6, 1.0, 1e6, 1e9])
def test_no_digits_are_lost_for_alike_or_sole_customers(size: float) -> None:
    """Fractions of purchases too, as shares of spend have them."""
    x = np.array([[3.0, 1.0], [0.25, 4.5]])
    alpha = size * np.array([0.3, 0.7])
    with mpmath.workdps(40):
        a = [mpmath.mpf(v) for v in alpha.tolist()]
        total = sum(a)
        exact = mpmath.mpf(0)
        for row in x.tolist():
            exact += mpmath.loggamma(total) - mpmath.loggamma(total + sum(row))
            exact += sum(mpmath.loggamma(b + v) - mpmath.loggamma(b) for b, v in zip(a, row, strict=True))
    # Both terms are of size n ln S: of it, rounding leaves 1e-15.
    assert dirichlet_multinomial(alpha, *margins(x))[0] == pytest.approx(float(exact), rel=1e-13, abs=1e-13)


def test_rows_in_batches_are_the_same() -> None:
    x = np.random.default_rng(1).gamma(1.0, 3.0, (9_000, 2))
    alpha = np.array([0.5, 2.0])
    whole = dirichlet_multinomial(alpha, *margins(x))
    halves = [dirichlet_multinomial(alpha, *margins(part)) for part in (x[:4_000], x[4_000:])]
    for i in range(3):
        np.testing.assert_allclose(whole[i], halves[0][i] + halves[1][i], rtol=1e-12)
