"""The wallet behind what is bought from us: against two other computations, and against wallets that are seen."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import betabinom, nbinom

import customervalue as cv
from customervalue.errors import ConvergenceError, InvalidInputError
from customervalue.numerics.beta_rule import beta_rule
from customervalue.wallet import NBDDirichlet
from customervalue.wallet import _nbd_dirichlet_unseen as kernel
from customervalue.wallet._nbd_dirichlet_unseen import Brand, unseen, unseen_weights

MODEL = NBDDirichlet(M=1.47, K=2.1, alpha=(1.1, 0.5, 0.4), brands=("A", "B", "C"))
HEAVY = NBDDirichlet(M=40.0, K=0.3, alpha=(0.2, 0.1, 0.3))
PANELS = {
    "yogurt": (cv.datasets.load_yogurt, ["dannon", "hiland", "weight", "yoplait"]),
    "catsup": (cv.datasets.load_catsup, ["heinz28", "heinz32", "heinz41", "hunts32"]),
}


def posterior(model: NBDDirichlet, x: int, place: int, length: float = 1.0) -> tuple[Any, Any]:
    """Category purchases and their probabilities given x by Bayes' rule, from two distributions of SciPy."""
    n = np.arange(x, x + 30_000)
    mean, a = model.M * length, model.alpha[place]
    chance = nbinom.pmf(n, model.K, model.K / (model.K + mean)) * betabinom.pmf(x, n, a, model.S - a)
    return n, chance / chance.sum()


# ---- oracles


@pytest.mark.parametrize("model", [MODEL, HEAVY])
@pytest.mark.parametrize(("x", "length"), [(0, 1.0), (1, 0.1), (7, 4.0), (60, 1.0)])
def test_against_bayes_rule(model: NBDDirichlet, x: int, length: float) -> None:
    n, chance = posterior(model, x, 1, length)
    found = model.expected_wallet([x], 1, duration=length, level=0.8)
    assert found.wallet[0] == pytest.approx(chance @ n, rel=1e-9)
    below = np.cumsum(chance)
    assert found.low[0] == n[np.argmax(below >= 0.1)]
    assert found.high[0] == n[np.argmax(below >= 0.9)]
    share = chance @ (x / np.maximum(n, 1))
    assert found.share[0] == pytest.approx(share, rel=1e-9)
    assert found.preference[0] == pytest.approx(chance @ ((model.alpha[1] + x) / (model.S + n)), rel=1e-9)
    for place in (0, 3, 25):
        assert found.probability(x + place)[0] == pytest.approx(chance[place], rel=1e-8)


@pytest.mark.parametrize("x", [0.0, 2.0, 40.0])
def test_against_the_integral_over_shares(x: float) -> None:
    """Given p, purchases of others are negative binomial with shape K + x: no sum over them is needed."""
    a, rest, z = MODEL.alpha[0], MODEL.alpha[1] + MODEL.alpha[2], MODEL.M / MODEL.K
    p, weight = beta_rule(a + x, rest, (MODEL.K + x) * z)
    weight = weight * (1 + z * p) ** -(MODEL.K + x)
    others = weight @ ((MODEL.K + x) * z * (1 - p) / (1 + z * p)) / weight.sum()
    found = MODEL.expected_wallet([x], "A")
    assert found.headroom[0] == pytest.approx(others, rel=1e-10)
    assert found.preference[0] == pytest.approx(weight @ p / weight.sum(), rel=1e-10)


@pytest.mark.parametrize(("model", "x"), [(MODEL, 3000.0), (HEAVY, 0.0), (HEAVY, 5000.0)])
def test_mean_against_forty_digits(model: NBDDirichlet, x: float) -> None:
    with mpmath.workdps(40):
        a, b = mpmath.mpf(model.alpha[0]), mpmath.mpf(model.alpha[1]) + mpmath.mpf(model.alpha[2])
        k, theta = mpmath.mpf(model.K) + x, mpmath.mpf(model.M) / (mpmath.mpf(model.M) + mpmath.mpf(model.K))
        ratio = mpmath.hyp2f1(k + 1, b + 1, a + b + x + 1, theta) / mpmath.hyp2f1(k, b, a + b + x, theta)
        others = float(theta * k * b / (a + b + x) * ratio)
    assert model.expected_wallet([x], 0).wallet[0] - x == pytest.approx(others, rel=1e-8)


@pytest.mark.parametrize(
    "brand", [Brand(0.3, 0.7, 500.0, 0.3), Brand(2.0, 9.0, 4.0, 30.0), Brand(50.0, 400.0, 9.0, 0.5)]
)
def test_shared_tables_against_each_number_by_itself(brand: Brand) -> None:
    own = np.array([0.0, 1, 2, 3, 5, 31, 32, 900, 5000, 70_000])
    found = unseen(own, brand, 0.9)
    for i, x in enumerate(own.tolist()):
        weight, log_sum = unseen_weights(x, brand)
        y, below = np.arange(weight.size), np.cumsum(weight)
        assert found.others[i] == pytest.approx(weight @ y, rel=1e-9)
        ends = np.searchsorted(below, np.array([0.05, 0.95]) - 1e-12)
        assert [found.low[i], found.high[i]] == ends.tolist()
        assert found.share[i] == pytest.approx(weight @ (x / np.maximum(x + y, 1)), rel=1e-11)
        assert found.preference[i] == pytest.approx(weight @ ((brand.a + x) / (brand.a + brand.b + x + y)), rel=1e-11)
        assert found.log_sum[i] == pytest.approx(log_sum, rel=1e-10, abs=1e-11)


def test_heavy_buyers_share_their_logarithms(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time goes with the tables, of which there are a few, and no longer with each number of own purchases."""
    calls: list[float] = []
    monkeypatch.setattr(kernel, "unseen_weights", lambda x, brand: calls.append(x) or unseen_weights(x, brand))
    NBDDirichlet(M=50.0, K=0.3, alpha=(0.3, 0.7)).expected_wallet(np.arange(1500), 0)
    assert len(calls) == 12  # 0, 1, 2-3, ..., 1024-2047


def test_a_customer_does_not_depend_on_the_others() -> None:
    alone, together = HEAVY.expected_wallet([37], 0), HEAVY.expected_wallet([60, 37, 33, 0], 0)
    for name in ("wallet", "low", "high", "share", "preference"):
        assert getattr(alone, name)[0] == getattr(together, name)[1]


def test_the_interval_is_central_and_holds_more_where_others_may_sell_nothing() -> None:
    found = MODEL.expected_wallet(np.arange(6), "A")
    assert np.all(found.low == found.own_purchases)
    n = np.arange(50)
    for i, (low, high) in enumerate(zip(found.low, found.high, strict=True)):
        chance = np.array([found.probability(k)[i] for k in n])
        assert chance[n < low].sum() <= 0.05
        assert chance[n > high].sum() <= 0.05
        assert chance[(n >= low) & (n <= high)].sum() >= 0.95 - 1e-9


def test_draws_have_the_distribution() -> None:
    found = MODEL.expected_wallet([0, 1, 4, 1], "B")
    drawn = found.draws(20_000, rng=1)
    assert drawn.shape == (20_000, 4)
    assert np.all(drawn >= found.own_purchases)
    np.testing.assert_allclose(drawn.mean(axis=0), found.wallet, atol=0.04)
    for n in (1, 4):
        np.testing.assert_allclose((drawn == n).mean(axis=0), found.probability(n), atol=0.012)
    np.testing.assert_array_equal(found.draws(3, rng=2), found.draws(3, rng=2))


# ---- properties


@given(st.floats(0.1, 10), st.floats(0.2, 10), st.floats(0.05, 5), st.floats(0.05, 5), st.floats(0.2, 3))
@settings(max_examples=20)
def test_wallets_average_to_the_category(mean: float, shape: float, a: float, rest: float, length: float) -> None:
    """Averaged over what customers buy from us, what they are expected to buy in all is M."""
    model = NBDDirichlet(M=mean, K=shape, alpha=(a, rest))
    x = np.arange(100)
    chance = model.probability_of_purchases(x, length, 0)
    found = model.expected_wallet(x, 0, duration=length)
    left = 1 - chance.sum()
    if left < 1e-9:
        assert chance @ found.wallet == pytest.approx(mean * length, rel=1e-5)
        assert chance @ found.preference == pytest.approx(a / (a + rest), rel=1e-6)
    assert np.all(np.diff(found.preference) > 0)
    assert np.all((found.own_purchases <= found.low) & (found.low <= found.high))
    assert np.all((found.share_low <= found.share + 1e-12) | (found.low == found.high))
    some = x > 0
    assert np.all((found.share[some] > 0) & (found.share[some] <= 1))
    np.testing.assert_allclose(found.headroom, found.wallet - x)
    np.testing.assert_allclose(found.headroom_high - found.headroom_low, found.high - found.low)


def test_headroom_grows_with_own_purchases_if_rates_differ_more_than_choices() -> None:
    x = np.arange(20)
    for size, sign in [(0.5, -1.0), (2.0, 0.0), (8.0, 1.0)]:
        model = NBDDirichlet(M=3.0, K=2.0, alpha=(0.25 * size, 0.75 * size))
        steps = np.diff(model.expected_wallet(x, 0).headroom)
        if sign:
            assert np.all(np.sign(steps) == sign)
        else:
            np.testing.assert_allclose(steps, 0, atol=1e-12)


def test_limits_of_s() -> None:
    alike = NBDDirichlet(M=3.0, K=2.0, alpha=(1e8, 3e8)).expected_wallet([0, 4], 0)
    # One share p for all: what others sell is negative binomial with shape K + x, and odds M (1 - p) / (K + M p).
    np.testing.assert_allclose(alike.headroom, (2 + alike.own_purchases) * 3 * 0.75 / (2 + 3 * 0.25), rtol=1e-6)
    np.testing.assert_allclose(alike.preference, 0.25, rtol=1e-6)
    sole = NBDDirichlet(M=3.0, K=2.0, alpha=(1e-8, 3e-8)).expected_wallet([0, 4], 0)
    np.testing.assert_allclose(sole.headroom[1], 0, atol=1e-6)
    np.testing.assert_allclose(sole.share, [0, 1], atol=1e-6)


def test_one_brand_is_the_whole_wallet() -> None:
    found = NBDDirichlet(M=3.0, K=2.0).expected_wallet([0, 4], 0)
    np.testing.assert_array_equal(found.wallet, [0, 4])
    np.testing.assert_array_equal(found.low, found.high)
    np.testing.assert_array_equal(found.probability([0, 5]), [1, 0])
    np.testing.assert_array_equal(found.draws(2, rng=1), [[0, 4], [0, 4]])


def test_order_of_customers_and_forms_of_input() -> None:
    x = [4, 0, 1, 4, 2]
    found = MODEL.expected_wallet(x, "C", level=0.5)
    one_by_one = [MODEL.expected_wallet(value, 2, level=0.5).wallet[0] for value in x]
    np.testing.assert_array_equal(found.wallet, one_by_one)
    probability = found.probability([5, 5, 5, 6, 1])
    assert probability[0] == found.probability(5)[0]
    assert probability[4] == 0
    assert probability[3] == found.probability(6)[0]
    assert list(found.to_frame()) == ["own_purchases", "wallet", "low", "high", "share", "preference", "headroom"]
    assert "_brand" not in found.to_dict()
    with pytest.raises(ValueError, match="read-only"):
        found.wallet[0] = 0.0


# ---- wallets that are seen


@pytest.mark.parametrize("panel", PANELS)
def test_hidden_brands_of_the_panels(panel: str) -> None:
    """Fitted to one half of the households, told only one brand of the other half: do the intervals hold the rest?"""
    load, brands = PANELS[panel]
    counts = np.column_stack([load()[name] for name in brands])
    half = np.random.default_rng(7).permutation(len(counts)) % 2 == 0
    inside, error, blind = [], [], []
    for learn in (half, ~half):
        model, others = NBDDirichlet.fit(counts[learn], brands=brands), counts[~learn]
        total = others.sum(axis=1)
        for j, brand in enumerate(brands):
            found = model.expected_wallet(others[:, j], brand)
            inside.append(np.mean((found.low <= total) & (total <= found.high)))
            error.append(np.mean((found.wallet - total) ** 2))
            blind.append(np.mean((model.M - total) ** 2))
    # 90 % intervals of whole numbers hold a little more; the mean over brands has a standard error of 1 to 2 points.
    assert 0.89 < np.mean(inside) < 0.97
    assert min(inside) > 0.84
    assert np.mean(error) < 0.9 * np.mean(blind)  # nearer to the truth than the mean of all customers is


# ---- bad input


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([-1], "A"), "`own_purchases` must not be negative"),
        (([0.5], "A"), "`own_purchases` must be whole.*\n.*not money"),
        (([], "A"), "at least one customer"),
        (([[1]], "A"), "one-dimensional"),
        (([1], "D"), "there is no brand 'D'"),
        (([1], 3), "there is no brand 3"),
        (([1], True), "there is no brand True"),
    ],
)
def test_bad_purchases_and_brands(arguments: Any, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        MODEL.expected_wallet(*arguments)


def test_bad_arguments() -> None:
    with pytest.raises(InvalidInputError, match="`duration` must be positive"):
        MODEL.expected_wallet([1], "A", duration=0)
    with pytest.raises(InvalidInputError, match="`level` must lie between 0 and 1"):
        MODEL.expected_wallet([1], "A", level=90)
    found = MODEL.expected_wallet([1, 2, 3], "A")
    with pytest.raises(InvalidInputError, match="one for each of the 3 customers, and has 2"):
        found.probability([1, 2])
    with pytest.raises(InvalidInputError, match="`n` must be whole"):
        found.probability(0.5)
    with pytest.raises(InvalidInputError, match="whole number of draws"):
        found.draws(0, rng=1)


def test_purchase_rates_beyond_any_table() -> None:
    with pytest.raises(ConvergenceError, match="There is no table of them"):
        NBDDirichlet(M=1e9, K=0.01, alpha=(0.5, 0.5)).expected_wallet([1], 0)
