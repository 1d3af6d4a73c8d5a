"""The climber: famous surfaces, boxes, saddles, ridges and noise."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from customervalue.estimation.newton import Evaluation, maximize

WIDE = (np.full(2, -10.0), np.full(2, 10.0))


def banana(at: Any) -> Evaluation:
    """Rosenbrock's function, upside down: maximum 0 at (1, 1)."""
    x, y = at
    value = -((1 - x) ** 2) - 100 * (y - x * x) ** 2
    gradient = np.array([2 * (1 - x) + 400 * x * (y - x * x), -200 * (y - x * x)])
    hessian = np.array([[-2 + 400 * (y - 3 * x * x), 400 * x], [400 * x, -200.0]])
    return Evaluation(value, gradient, hessian)


def saddle(at: Any) -> Evaluation:
    """x**2 - x**4 - y**2: a saddle at the origin, maxima of 1/4 at x = +-sqrt(1/2)."""
    x, y = at
    value = x * x - x**4 - y * y
    return Evaluation(value, np.array([2 * x - 4 * x**3, -2 * y]), np.diag([2 - 12 * x * x, -2.0]))


def slope(at: Any) -> Evaluation:
    """Rises for ever to the lower right; a bowl in neither direction."""
    return Evaluation(float(at[0] - at[1]), np.array([1.0, -1.0]), np.zeros((2, 2)))


def ridge(at: Any) -> Evaluation:
    """-(x + y)**2 - exp(-x): rises for ever along x = -y, ever less."""
    x, y = at
    value = -((x + y) ** 2) - np.exp(-x)
    gradient = np.array([-2 * (x + y) + np.exp(-x), -2 * (x + y)])
    return Evaluation(float(value), gradient, np.array([[-2 - np.exp(-x), -2.0], [-2.0, -2.0]]))


def quadratic(center: Any, curvature: Any) -> Any:
    def function(at: Any) -> Evaluation:
        step = at - center
        return Evaluation(float(-0.5 * step @ curvature @ step), -curvature @ step, -curvature)

    return function


@pytest.mark.parametrize("start", [(-1.2, 1.0), (0.0, 0.0), (5.0, 5.0), (-9.0, 9.0), (1.0, -3.0)])
def test_banana(start: tuple[float, float]) -> None:
    found = maximize(banana, np.array(start), *WIDE)
    assert found.converged
    np.testing.assert_allclose(found.point, [1, 1], rtol=1e-9)
    assert np.max(np.abs(found.at.gradient)) < 1e-10
    assert found.evaluations < 60
    assert not found.running.any()


@pytest.mark.parametrize("x", [1e-6, -1e-6, 0.3, -5.0])
def test_a_saddle_is_left(x: float) -> None:
    found = maximize(saddle, np.array([x, 2.0]), *WIDE)
    assert found.converged
    np.testing.assert_allclose(found.point, [np.sign(x) * np.sqrt(0.5), 0], atol=1e-9)
    assert np.linalg.eigvalsh(found.at.hessian).max() < 0


def test_a_slope_ends_in_a_corner() -> None:
    found = maximize(slope, np.zeros(2), *WIDE)
    assert found.converged
    np.testing.assert_array_equal(found.point, [10, -10])
    np.testing.assert_array_equal(found.running, [1, -1])


def test_a_ridge_is_followed_until_it_gains_nothing() -> None:
    found = maximize(ridge, np.zeros(2), np.full(2, -50.0), np.full(2, 50.0), negligible=1e-6)
    assert found.converged
    assert found.at.value > -1e-4
    np.testing.assert_array_equal(found.running, [1, -1])
    assert found.point[0] + found.point[1] == pytest.approx(0, abs=1e-4)


@given(
    st.lists(st.floats(-20, 20), min_size=3, max_size=3),
    st.lists(st.floats(-3, 3), min_size=3, max_size=3),
    st.integers(0, 1000),
)
def test_a_quadratic_in_a_box(center: list[float], start: list[float], seed: int) -> None:
    root = np.random.default_rng(seed).normal(size=(3, 3))
    curvature = root @ root.T + 0.1 * np.eye(3)
    low, high = np.full(3, -3.0), np.full(3, 3.0)
    found = maximize(quadratic(np.array(center), curvature), np.array(start), low, high)
    assert found.converged
    assert np.all((found.point >= low) & (found.point <= high))
    gradient = found.at.gradient
    # Karush, Kuhn & Tucker: no way up that stays inside.
    inside = (found.point > low) & (found.point < high)
    assert np.all(np.abs(gradient[inside]) < 1e-9)
    assert np.all(gradient[found.point <= low] <= 1e-9)
    assert np.all(gradient[found.point >= high] >= -1e-9)
    assert not np.any(found.running[inside])
    assert np.all(found.running[(~inside) & (np.abs(gradient) > 1e-9)] != 0)


def test_a_start_at_the_maximum() -> None:
    found = maximize(banana, np.ones(2), *WIDE)
    assert (found.converged, found.evaluations) == (True, 1)


def test_the_start_is_not_changed() -> None:
    start = np.array([-1.2, 1.0])
    maximize(banana, start, *WIDE)
    np.testing.assert_array_equal(start, [-1.2, 1.0])


def test_a_wall_of_nan_is_not_entered() -> None:
    def cliff(at: Any) -> Evaluation:
        if at[0] > 1.5:
            return Evaluation(np.nan, np.full(2, np.nan), np.full((2, 2), np.nan))
        return banana(at)

    found = maximize(cliff, np.array([-1.2, 1.0]), *WIDE)
    assert found.converged
    np.testing.assert_allclose(found.point, [1, 1], rtol=1e-9)


def test_noise_of_rounding_does_not_keep_it_going() -> None:
    rng = np.random.default_rng(0)

    def noisy(at: Any) -> Evaluation:
        exact = banana(at)
        return Evaluation(
            exact.value - 1000 + 1e-13 * rng.normal(), exact.gradient + 1e-9 * rng.normal(size=2), exact.hessian
        )

    found = maximize(noisy, np.array([-1.2, 1.0]), *WIDE)
    assert found.converged
    np.testing.assert_allclose(found.point, [1, 1], atol=1e-6)


def test_a_function_that_lies_ends() -> None:
    def liar(at: Any) -> Evaluation:
        return Evaluation(-float(np.sum(np.abs(at))), np.ones(2), -np.eye(2))

    found = maximize(liar, np.array([1.0, 1.0]), *WIDE)
    assert not found.converged
    assert found.evaluations <= 200
