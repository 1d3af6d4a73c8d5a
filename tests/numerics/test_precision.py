"""Special functions and quadrature against mpmath."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from customervalue.numerics.along_time import legendre_panels
from customervalue.numerics.beta_rule import beta_rule
from customervalue.numerics.elementary import log1p, softplus
from customervalue.numerics.gamma import digamma_difference, log_gamma_ratio, trigamma_difference

if TYPE_CHECKING:
    from collections.abc import Callable

ARGUMENTS = [1e-8, 1e-3, 0.243, 1.0, 2.426, 13.9, 14.0, 300.0, 1e5, 1e9]
GAPS = [0.0, 1e-3, 0.5, 1.0, 2.0, 17.0, 1e4, 1e9]


def exact_ratio(z: float, n: float) -> Any:
    return mp.loggamma(mp.mpf(z) + n) - mp.loggamma(z)


def exact_psi(order: int) -> Callable[[float, float], Any]:
    return lambda z, n: mp.psi(order, mp.mpf(z) + n) - mp.psi(order, z)


@pytest.mark.parametrize("z", ARGUMENTS)
@pytest.mark.parametrize(
    ("function", "exact"),
    [
        (log_gamma_ratio, exact_ratio),
        (digamma_difference, exact_psi(0)),
        (trigamma_difference, exact_psi(1)),
    ],
    ids=["log_gamma_ratio", "digamma_difference", "trigamma_difference"],
)
def test_gamma_differences(function: Any, exact: Callable[[float, float], Any], z: float) -> None:
    with mp.workdps(60):
        expected = np.array([float(exact(z, n)) for n in GAPS])
    # To rounding; that of ln Gamma passes through 0, where it is to rounding of terms of order one.
    np.testing.assert_allclose(function(z, GAPS), expected, rtol=2e-14, atol=1e-15 if exact is exact_ratio else 1e-300)


def test_gamma_differences_broadcast() -> None:
    z, n = np.array([0.5, 2.0, 30.0])[:, None], np.arange(5.0)
    for function in (log_gamma_ratio, digamma_difference, trigamma_difference):
        values = function(z, n)
        assert values.shape == (3, 5)
        np.testing.assert_array_equal(values[1, 3], function(2.0, 3))
        np.testing.assert_array_equal(values[:, 0], 0)


def test_gamma_differences_are_derivatives_of_one_another() -> None:
    z, n, h = np.array([0.3, 2.0, 40.0]), 7.0, 1e-5
    for function, derivative in ((log_gamma_ratio, digamma_difference), (digamma_difference, trigamma_difference)):
        slope = (function(z + h, n) - function(z - h, n)) / (2 * h)
        np.testing.assert_allclose(slope, derivative(z, n), rtol=1e-7)  # h**2 / z**2 and 1e-16 / h


@given(st.floats(-12, 12).map(lambda exponent: 10.0**exponent))
def test_log1p(u: float) -> None:
    with mp.workdps(30):
        expected = float(mp.log1p(mp.mpf(u)))
    assert log1p(np.array([u]))[0] == pytest.approx(expected, rel=4e-16)


def test_log1p_of_nothing() -> None:
    np.testing.assert_array_equal(log1p(np.array([0.0, 1e-300, 5e-324])), [0.0, 1e-300, 5e-324])


@given(st.floats(-800, 800))
def test_softplus(u: float) -> None:
    with mp.workdps(30):
        expected = float(mp.log1p(mp.exp(mp.mpf(u))))
    assert softplus(np.array([u]))[0] == pytest.approx(expected, rel=4e-16, abs=1e-307)


# ---- the beta rule

SHAPES = [
    (0.793, 2.426),
    (1e-4, 2.0),
    (3.0, 1e-4),
    (1e-4, 1e-4),
    (0.2, 0.3),
    (1.0, 1.0),
    (50.0, 1e4),
    (1e4, 1e4),
    (1e-3, 1e4),
]


@pytest.mark.parametrize(("a", "b"), SHAPES)
def test_beta_rule_of_moments(a: float, b: float) -> None:
    p, w = beta_rule(a, b, 1.0)
    assert w.sum() == pytest.approx(1, abs=1e-15 * p.size)
    assert np.all((p > 0) & (p <= 1))
    assert np.all(np.diff(p) >= 0)
    with mp.workdps(30):
        for k in (1, 2, 5):
            expected = float(mp.rf(mp.mpf(a), k) / mp.rf(mp.mpf(a) + mp.mpf(b), k))
            assert w @ p**k == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("r", [1e-3, 0.243, 5.0, 300.0])
@pytest.mark.parametrize("z", [1e-9, 0.1, 1.0, 50.0, 1e6])
@pytest.mark.parametrize(("a", "b"), SHAPES)
def test_beta_rule_of_a_mixture(a: float, b: float, z: float, r: float) -> None:
    # E (1 + p z)**-r = 2F1(r, a; a + b; -z). The density is followed down to exp(-44) = 8e-20 of its peak.
    p, w = beta_rule(a, b, (r + 1) * z)
    with mp.workdps(30):
        expected = float(mp.hyp2f1(r, a, mp.mpf(a) + mp.mpf(b), -mp.mpf(z), maxterms=10**6))
    assert w @ np.exp(-r * np.log1p(p * z)) == pytest.approx(expected, rel=1e-12, abs=1e-19)


@pytest.mark.parametrize("length", [1e-9, 0.3, 1.0, 7.5, 40.0])
def test_legendre_panels(length: float) -> None:
    u, w = legendre_panels(length)
    assert w.sum() == pytest.approx(length, rel=1e-14)
    assert np.all((u > 0) & (u < length))
    assert np.all(np.diff(u) > 0)
    assert w @ np.exp(-u) == pytest.approx(-np.expm1(-length), rel=1e-14)
    assert w @ u**31 == pytest.approx(length**32 / 32, rel=1e-13)  # sixteen nodes are exact to degree 31
