"""Changes of share: the posterior of two shares, its integrals, labels, and bad input."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from customervalue.errors import ConvergenceError, InvalidInputError, WeaklyIdentifiedWarning
from customervalue.wallet import BetaBinomialShare, share_change
from customervalue.wallet._share_change_integrals import Betas, Components, change_of_share
from customervalue.wallet._share_change_model import MEMORIES, fit_memory, log_likelihoods, one_memory, windows

MODEL = BetaBinomialShare(alpha=0.6, beta=1.4)


def two_shares(n: int, memory: Any, rng: np.random.Generator) -> tuple[Any, Any]:
    """Shares before and after, by the thinning that the model is made of; `memory` may differ between customers."""
    before = rng.beta(MODEL.alpha, MODEL.beta, n)
    forever = np.isinf(memory)
    c = np.where(forever, 0, memory).astype(np.int64)
    u = rng.binomial(c, before)
    after = rng.beta(MODEL.alpha + u, MODEL.beta + c - u)
    return before, np.where(forever, before, after)


def purchases(shares: Any, rng: np.random.Generator) -> list[tuple[Any, Any]]:
    """Purchases from us and in the category of customers with these shares, in each window."""
    rate = rng.gamma(1.5, 8.0, shares[0].size)
    totals = [rng.poisson(rate) for _ in shares]
    return [(rng.binomial(n, share), n) for n, share in zip(totals, shares, strict=True)]


def one_pair(a: float, b: float, c: float, d: float, tolerance: float) -> Any:
    """What the integrals say of independent p ~ Beta(a, b) and q ~ Beta(c, d)."""
    zero = np.zeros(1, dtype=np.int64)
    one, two = Betas(np.array([a]), np.array([b]), zero), Betas(np.array([c]), np.array([d]), zero)
    return change_of_share(Components(one, two, np.ones(1), zero, np.zeros(1), np.zeros(1)), tolerance, 0.9, 256)


# Oracles


@pytest.mark.parametrize("tolerance", [0.0, 0.05, 0.3])
@pytest.mark.parametrize(
    ("first", "second"), [((1.5, 3.0), (6.0, 2.0)), ((0.4, 20.0), (3.0, 9.0)), ((30.0, 5.0), (25.0, 1.2))]
)
def test_probabilities_by_adaptive_quadrature(first: Any, second: Any, tolerance: float) -> None:
    p, q = stats.beta(*first), stats.beta(*second)
    found = one_pair(*first, *second, tolerance)
    fell = integrate.quad(lambda s: q.pdf(s) * p.sf(s + tolerance), 0, 1 - tolerance, limit=200, epsabs=1e-10)[0]
    rose = integrate.quad(lambda s: p.pdf(s) * q.sf(s + tolerance), 0, 1 - tolerance, limit=200, epsabs=1e-10)[0]
    # The rule of the library is exact to about 1e-4.
    assert found.fell[0] == pytest.approx(fell, abs=1e-4)
    assert found.rose[0] == pytest.approx(rose, abs=1e-4)


@pytest.mark.parametrize("whole", [(2, 3, 4, 2), (1, 7, 1, 2), (9, 1, 3, 3)])
def test_probability_in_closed_form(whole: tuple[int, int, int, int]) -> None:
    """P(p > q) is a finite sum for whole parameters, since the distribution function of p then is one."""
    from scipy.special import betaln

    a, b, c, d = whole
    i = np.arange(a)
    exact = np.exp(betaln(c + i, b + d) - np.log(b + i) - betaln(1 + i, b) - betaln(c, d)).sum()
    assert one_pair(*whole, 0.0).fell[0] == pytest.approx(exact, abs=1e-5)
    assert one_pair(*whole, 0.0).rose[0] == pytest.approx(1 - exact, abs=1e-5)


def test_interval_by_integration() -> None:
    first, second = (4.0, 6.0), (2.0, 9.0)
    p, q = stats.beta(*first), stats.beta(*second)
    found = one_pair(*first, *second, 0.0)
    for end, probability in ((found.low[0], 0.05), (found.high[0], 0.95)):
        below = integrate.quad(lambda s, end=end: p.pdf(s) * q.cdf(s + end), 0, 1, epsabs=1e-10)[0]
        assert below == pytest.approx(probability, abs=0.003)  # of a lattice of 1/256


@pytest.mark.parametrize("memory", [0.0, 3.0, np.inf])
def test_likelihood_by_integration(memory: float) -> None:
    """The pair of shares, integrated naively: over p, and over q given p by way of u."""
    x, r, y, s = 3, 2, 1, 4
    a, b = MODEL.alpha, MODEL.beta
    found = log_likelihoods(windows(*(np.array([float(v)]) for v in (x, x + r, y, y + s))), a, b, memory)[0]

    def second(p: float) -> float:
        if np.isinf(memory):
            return float(p**y * (1 - p) ** s)
        c = int(memory)
        return sum(
            float(stats.binom(c, p).pmf(u) * np.exp(_log_beta(a + u + y, b + c - u + s) - _log_beta(a + u, b + c - u)))
            for u in range(c + 1)
        )

    value = integrate.quad(lambda p: stats.beta(a, b).pdf(p) * p**x * (1 - p) ** r * second(p), 0, 1, epsabs=1e-12)[0]
    assert found == pytest.approx(np.log(value), rel=1e-6)


def _log_beta(a: float, b: float) -> float:
    from scipy.special import betaln

    return float(betaln(a, b))


def test_posterior_by_sampling() -> None:
    """Shares drawn from the prior and kept where they bring about these purchases (3 of 5, then 1 of 6)."""
    rng = np.random.default_rng(1)
    p, q = two_shares(600_000, 4, rng)
    kept = (rng.binomial(5, p) == 3) & (rng.binomial(6, q) == 1)
    p, q = p[kept], q[kept]
    found = share_change(([3], [5]), ([1], [6]), model=MODEL, persistence=4 / 6, tolerance=0.1)
    error = 1 / np.sqrt(p.size)
    assert found.share_before[0] == pytest.approx(p.mean(), abs=error)
    assert found.share_after[0] == pytest.approx(q.mean(), abs=error)
    assert found.probability_fell[0] == pytest.approx((q < p - 0.1).mean(), abs=2 * error)
    assert found.probability_rose[0] == pytest.approx((q > p + 0.1).mean(), abs=2 * error)
    np.testing.assert_allclose([found.low[0], found.high[0]], np.quantile(q - p, [0.05, 0.95]), atol=3 * error)


@pytest.mark.parametrize(("size", "tolerance"), [(1e3, 0.01), (1e4, 0.005), (1e5, 0.001)])
def test_probabilities_of_narrow_distributions(size: float, tolerance: float) -> None:
    """A large S makes shares narrow, however few the purchases; so does a long memory."""
    model = BetaBinomialShare(0.3 * size, 0.7 * size)
    found = share_change(([3], [10]), ([1], [10]), model=model, persistence=0.0, tolerance=tolerance)
    p, q = (stats.beta(model.alpha + x, model.beta + 10 - x) for x in (3, 1))
    low, high = p.ppf([1e-12, 1 - 1e-12])
    fell = integrate.quad(lambda s: p.pdf(s) * q.cdf(s - tolerance), low, high, epsabs=1e-9)[0]
    rose = integrate.quad(lambda s: p.pdf(s) * q.sf(s + tolerance), low, high, epsabs=1e-9)[0]
    assert found.probability_fell[0] == pytest.approx(fell, abs=1e-4)
    assert found.probability_rose[0] == pytest.approx(rose, abs=1e-4)
    for end, probability in ((found.low[0], 0.05), (found.high[0], 0.95)):
        below = integrate.quad(lambda s, end=end: p.pdf(s) * q.cdf(s + end), low, high, epsabs=1e-9)[0]
        assert below == pytest.approx(probability, abs=0.003)


def test_probabilities_with_a_long_memory() -> None:
    """Of a customer of whom nothing is known, the change is that of the prior: u of 990 purchases link two shares."""
    found = share_change(([0], [0]), ([0], [0]), model=BetaBinomialShare(3, 7), persistence=0.99, tolerance=0.01)
    rng = np.random.default_rng(1)
    p = rng.beta(3, 7, 500_000)
    u = rng.binomial(990, p)
    q = rng.beta(3 + u, 997 - u)
    assert found.probability_fell[0] == pytest.approx((q < p - 0.01).mean(), abs=0.0015)  # two standard errors
    assert found.probability_rose[0] == pytest.approx(found.probability_fell[0], abs=1e-5)


def test_a_busy_customer_does_not_change_the_others() -> None:
    alone = share_change(([3], [5]), ([1], [6]), model=MODEL, persistence=0.5)
    both = share_change(([3, 40_000], [5, 90_000]), ([1, 30_000], [6, 90_000]), model=MODEL, persistence=0.5)
    assert both.probability_fell[0] == pytest.approx(alone.probability_fell[0], abs=1e-12)
    assert both.label.tolist()[1] == "falling"


# Properties


@pytest.mark.parametrize("size", [0.3, 0.5, 1.0, 2.0])
@pytest.mark.parametrize("persistence", [0.0, 0.1, 0.3, 0.5, 0.7, 0.95])
def test_the_persistence_asked_for_is_used(size: float, persistence: float) -> None:
    memory = one_memory(0.3 * size, 0.7 * size, persistence)
    assert memory.persistence == pytest.approx(persistence, abs=1e-9)
    assert np.all(memory.weights > 0)
    found = share_change(
        ([3], [5]), ([1], [6]), model=BetaBinomialShare(0.3 * size, 0.7 * size), persistence=persistence
    )
    assert found.persistence == pytest.approx(persistence, abs=1e-9)


def test_memories_between_two_whole_ones_are_mixed() -> None:
    model = BetaBinomialShare(0.15, 0.35)
    parts = [share_change(([3], [5]), ([1], [6]), model=model, persistence=rho) for rho in (0.0, 1 / 1.5)]
    mixed = share_change(([3], [5]), ([1], [6]), model=model, persistence=0.5)
    rows = windows(*(np.array([float(v)]) for v in (3, 5, 1, 6)))
    weights = np.array([0.25, 0.75]) * np.exp([log_likelihoods(rows, 0.15, 0.35, c)[0] for c in (0.0, 1.0)])
    expected = weights @ [found.probability_fell[0] for found in parts] / weights.sum()
    assert mixed.probability_fell[0] == pytest.approx(expected, abs=1e-9)


counts = st.integers(0, 12).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@settings(max_examples=15, deadline=None)
@given(one=counts, two=counts, persistence=st.sampled_from([0.0, 0.3, 0.9]), tolerance=st.sampled_from([0.0, 0.05]))
def test_to_swap_the_windows_is_to_swap_the_change(one: Any, two: Any, persistence: float, tolerance: float) -> None:
    settings_ = {"model": MODEL, "persistence": persistence, "tolerance": tolerance}
    there, back = share_change(one, two, **settings_), share_change(two, one, **settings_)
    np.testing.assert_allclose(there.change, -back.change, atol=1e-12)
    np.testing.assert_allclose(there.probability_fell, back.probability_rose, atol=1e-12)
    np.testing.assert_allclose(there.low, -back.high, atol=1e-4)
    assert there.probability_fell + there.probability_rose == pytest.approx(1, abs=1e-4) or tolerance > 0
    assert -1 <= there.low[0] <= there.high[0] <= 1


def test_without_persistence_each_window_stands_alone() -> None:
    found = share_change(([3, 0], [5, 4]), ([1, 2], [6, 2]), model=MODEL, persistence=0.0)
    np.testing.assert_allclose(found.share_before, MODEL.share([3, 0], [5, 4]))
    np.testing.assert_allclose(found.share_after, MODEL.share([1, 2], [6, 2]))


def test_the_more_persistent_the_smaller_the_change() -> None:
    fell = [
        share_change(([5], [6]), ([1], [6]), model=MODEL, persistence=rho).probability_fell[0]
        for rho in (0.0, 0.5, 0.9, 0.98)
    ]
    assert fell == sorted(fell, reverse=True)


def test_order_and_company_of_customers_change_nothing() -> None:
    rng = np.random.default_rng(2)
    first, second = purchases(two_shares(40, 6, rng), rng)
    found = share_change(first, second, model=MODEL, persistence=0.7)
    order = rng.permutation(40)
    moved = share_change(
        (first[0][order], first[1][order]), (second[0][order], second[1][order]), model=MODEL, persistence=0.7
    )
    np.testing.assert_allclose(moved.change, found.change[order], rtol=1e-12)
    np.testing.assert_allclose(moved.probability_fell, found.probability_fell[order], rtol=1e-9, atol=1e-12)
    tables = share_change(np.column_stack(first), np.column_stack(second), model=MODEL, persistence=0.7)
    np.testing.assert_array_equal(tables.change, found.change)


def test_money_of_equal_purchases_is_purchases() -> None:
    counted = share_change(([3, 0], [5, 4]), ([1, 2], [6, 2]), model=MODEL, persistence=0.5)
    paid = share_change(
        ([30.0, 0.0], [50.0, 40.0]),
        ([10.0, 20.0], [60.0, 20.0]),
        purchases=([5, 4], [6, 2]),
        model=MODEL,
        persistence=0.5,
    )
    np.testing.assert_allclose(paid.probability_fell, counted.probability_fell, rtol=1e-9)
    np.testing.assert_allclose(paid.moved_elsewhere, 10 * counted.moved_elsewhere, rtol=1e-9)


def test_variation_of_values() -> None:
    spent = {
        "before": ([30.0, 0.0], [50.0, 40.0]),
        "after": ([10.0, 20.0], [60.0, 20.0]),
        "purchases": ([5, 4], [6, 2]),
    }
    sure = share_change(**spent, model=MODEL, persistence=0.5)
    model = BetaBinomialShare(MODEL.alpha, MODEL.beta, variation=1.0)
    unsure = share_change(**spent, model=model, persistence=0.5)
    assert unsure.probability_fell[0] < sure.probability_fell[0]
    said = share_change(**spent, variation=1.0, prior="weak", persistence=0.5)
    assert said.model.variation == 1.0
    again = share_change(**spent, model=said.model, persistence=0.5)
    np.testing.assert_array_equal(again.probability_fell, said.probability_fell)


@pytest.mark.parametrize("frame", [dict, pd.DataFrame, pl.DataFrame, pa.table])
def test_columns_by_name(frame: Any) -> None:
    settings_ = {"model": MODEL, "persistence": 0.5}
    expected = share_change(([3, 0, 1], [5, 4, 2]), ([1, 2, 0], [6, 2, 0]), **settings_)
    before = frame({"id": [7, 8, 9], "category": [5, 4, 2], "own": [3, 0, 1]})
    after = frame({"category": [6, 2, 0], "own": [1, 2, 0]})
    np.testing.assert_array_equal(share_change(before, after, **settings_).change, expected.change)
    with pytest.raises(InvalidInputError, match="must have the columns 'own' and 'category', and has 'id', 'x', 'n'"):
        share_change(frame({"id": [7], "x": [3], "n": [5]}), frame({"id": [7], "x": [1], "n": [6]}), **settings_)


def test_columns_by_position() -> None:
    settings_ = {"model": MODEL, "persistence": 0.5}
    expected = share_change(([3, 0], [5, 4]), ([1, 2], [6, 2]), **settings_)
    frames = (pd.DataFrame({"x": [3, 0], "n": [5, 4]}), pd.DataFrame({"x": [1, 2], "n": [6, 2]}))
    arrays = (np.array([[3, 5], [0, 4]]), np.array([[1, 6], [2, 2]]))
    for windows_ in (frames, arrays):
        np.testing.assert_array_equal(share_change(*windows_, **settings_).change, expected.change)
    with pytest.raises(InvalidInputError, match="two columns or two rows"):
        share_change([[3, 5], [0, 4]], arrays[1], **settings_)


def test_persistence_is_found() -> None:
    rng = np.random.default_rng(4)
    found = share_change(*purchases(two_shares(300, 8, rng), rng))
    assert found.persistence == pytest.approx(0.8, abs=0.1)  # 300 customers: standard error about 0.04
    assert found.model.mean == pytest.approx(0.3, abs=0.04)


def test_weights_of_memories_maximize() -> None:
    """The distribution of memories, with its one customer each, is not improved by moving weight."""
    rng = np.random.default_rng(5)
    (x, n), (y, m) = purchases(two_shares(300, 4, rng), rng)
    rows = windows(*(np.asarray(v, dtype=float) for v in (x, n, y, m)))
    prior, _ = fit_memory(rows, MODEL.alpha, MODEL.beta)
    chances = np.exp([log_likelihoods(rows, MODEL.alpha, MODEL.beta, c) for c in MEMORIES]).T

    def value(weights: Any) -> float:
        return float(rows.customers @ np.log(chances @ weights) + np.log(weights).sum())

    for i in range(len(MEMORIES)):
        assert value(0.99 * prior.weights + 0.01 * np.eye(len(MEMORIES))[i]) < value(prior.weights)


# Labels and results


def test_labels() -> None:
    before = ([18, 19, 2, 10, 1, 0, 5], [20, 20, 20, 200, 1, 0, 9])
    after = ([3, 0, 18, 100, 0, 3, 0], [20, 20, 20, 2000, 1, 9, 0])
    found = share_change(before, after, model=MODEL, persistence=0.5)
    assert found.label.tolist() == ["falling", "gone", "rising", "steady", "unsure", "new", "absent"]
    assert found.moved_elsewhere[0] == pytest.approx(20 * (found.share_before[0] - found.share_after[0]))
    assert found.moved_elsewhere[-1] == 0
    table = found.counts()
    assert table.customers.tolist() == [1] * 7
    assert table.category.sum() == sum(after[1])
    assert table.moved_elsewhere.sum() == pytest.approx(found.moved_elsewhere.sum())
    assert len(found) == 7
    assert "1 falling, 1 gone" in repr(found)
    assert json.loads(json.dumps(found.to_dict()))["label"][0] == "falling"
    assert next(iter(found.to_frame())) == "label"
    with pytest.raises(ValueError, match="read-only"):
        found.change[0] = 0


# Bad input


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: share_change(([3], [2]), ([1], [2])), "`own_before` must not exceed `category_before`"),
        (lambda: share_change(([3], [4]), ([1.5], [2])), "`own_after` must be whole"),
        (lambda: share_change(([3], [4]), ([1, 2], [2, 2])), "have 1 and 2 rows"),
        (lambda: share_change([1, 2, 3], ([1], [2])), "`before` must be a pair"),
        (lambda: share_change(([3], [4]), ([1], [2]), purchases=[1, 2, 3]), "`purchases` must be a pair"),
        (lambda: share_change(([3], [4]), ([1], [2]), tolerance=1.0), "`tolerance` must be at least 0 and less than 1"),
        (lambda: share_change(([3], [4]), ([1], [2]), confidence=0.4), "`confidence` must be at least 0.5"),
        (lambda: share_change(([3], [4]), ([1], [2]), level=0), "`level` must lie between 0 and 1"),
        (lambda: share_change(([3], [4]), ([1], [2]), persistence=1.0), "`persistence` must be at least 0"),
        (lambda: share_change(([3], [4]), ([1], [2]), model=MODEL, persistence=0.999), "At most 1,000"),
        (lambda: share_change(([3], [4]), ([1.5], [2])), r"For money give `purchases=\(before, after\)`"),
        (lambda: share_change(([3], [4]), ([1], [2]), purchases=([0], [2])), "`purchases_before` must not be 0"),
        (lambda: share_change(([3], [4]), ([1], [2]), variation=0.5), "without `purchases` these are counts"),
        (lambda: share_change(([3], [4]), ([1], [2]), model=MODEL, prior="weak"), "with a `model` there is none"),
        (
            lambda: share_change(([3], [4]), ([1], [2]), purchases=([3], [2]), model=MODEL, variation=0.5),
            "`variation` is 0.5, and that of the model 0",
        ),
        (lambda: share_change(([3], [4]), ([1], [2]), model="beta"), "`model` must be a BetaBinomialShare"),
    ],
)
def test_input_checks(call: Any, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        call()


def test_problems_of_both_windows_at_once() -> None:
    with pytest.raises(InvalidInputError) as error:
        share_change(([3], [2]), ([-1], [2]))
    assert [p.argument for p in error.value.problems] == ["own_before", "own_after"]


def test_customers_who_tell_nothing_of_persistence() -> None:
    with pytest.warns(WeaklyIdentifiedWarning, match="do not tell how persistent"):
        share_change(([1, 0, 0], [1, 1, 0]), ([0, 0, 1], [1, 0, 1]), model=MODEL)
    with pytest.raises(ConvergenceError, match="none of the 2 customers with purchases bought from us"):
        share_change(([0, 0], [3, 2]), ([0, 0], [3, 2]))
    # With the way out that the message names.
    found = share_change(([0, 0], [3, 2]), ([0, 0], [3, 2]), prior="weak", persistence=0.5)
    assert found.model.mean < 0.1


def test_warnings_count_customers_and_not_windows() -> None:
    with pytest.warns(WeaklyIdentifiedWarning) as warned:
        share_change(([2, 2], [4, 4]), ([2, 2], [4, 4]))
    assert str(warned[0].message).startswith("2 customers do not tell all parameters")
