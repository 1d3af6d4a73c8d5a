"""Shares drawn towards those of all customers: BetaBinomialShare and DirichletShare."""

from __future__ import annotations

import json
import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, optimize, stats

import customervalue as cv
from customervalue.errors import ConvergenceError, InvalidInputError, WeaklyIdentifiedWarning
from customervalue.estimation.priors import LogNormal
from customervalue.wallet import BetaBinomialShare, DirichletShare

CATSUP = ["heinz28", "heinz32", "heinz41", "hunts32"]


def panel() -> tuple[Any, Any]:
    """Catsup: purchases of each brand, and of all of them."""
    columns = cv.datasets.load_catsup()
    table = np.column_stack([columns[name] for name in CATSUP])
    return table, table.sum(axis=1)


def few(seed: int = 1, n: int = 400) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    category = rng.poisson(rng.gamma(1.0, 6.0, n))
    return rng.binomial(category, rng.beta(0.6, 1.4, n)), category


# Published


def test_repeat_buying_of_rungie_and_goodhardt() -> None:
    """Table 1 of Rungie & Goodhardt (2004), Marketing Bulletin 15: alpha 1.1, 0.5, 0.4; repeat 0.70, 0.50, 0.47."""
    model = DirichletShare(alpha=(1.1, 0.5, 0.4), brands=("a", "b", "c"))
    np.testing.assert_allclose(np.diag(model.share(np.eye(3))), [0.70, 0.50, 0.47], atol=0.005)


# Oracles


def test_likelihood_is_that_of_scipy() -> None:
    own, category = few()
    model = BetaBinomialShare(alpha=0.6, beta=1.4)
    np.testing.assert_allclose(
        model.log_likelihood(own, category), stats.betabinom(category, 0.6, 1.4).logpmf(own), rtol=1e-10, atol=1e-12
    )
    table, total = panel()
    alpha = (1.0, 1.5, 0.3, 0.4)
    expected = [stats.dirichlet_multinomial(alpha, int(n)).logpmf(x) for x, n in zip(table, total, strict=True)]
    found = DirichletShare(alpha=alpha, brands=CATSUP).log_likelihood(table)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)


def test_fit_is_where_a_blind_search_ends() -> None:
    table, total = panel()

    def minus(theta: Any) -> float:
        return -float(stats.betabinom(total, *np.exp(theta)).logpmf(table[:, 0]).sum())

    blind = optimize.minimize(minus, np.zeros(2), method="Nelder-Mead", options={"xatol": 1e-8, "fatol": 1e-10})
    model = BetaBinomialShare.fit(table[:, 0], total)
    np.testing.assert_allclose([model.alpha, model.beta], np.exp(blind.x), rtol=1e-6)
    assert model.inference is not None
    assert model.inference.log_likelihood == pytest.approx(-blind.fun, rel=1e-10)


def test_dirichlet_fit_is_where_a_blind_search_ends() -> None:
    table, _ = panel()
    model = DirichletShare.fit(table, CATSUP)

    def minus(theta: Any) -> float:
        return -float(DirichletShare(alpha=np.exp(theta), brands=CATSUP).log_likelihood(table).sum())

    blind = optimize.minimize(minus, np.zeros(4), method="BFGS", options={"gtol": 1e-5})
    np.testing.assert_allclose(model.alpha, np.exp(blind.x), rtol=1e-5)


def test_two_brands_are_the_beta_binomial() -> None:
    own, category = few()
    two = DirichletShare.fit(np.column_stack([own, category - own]), ["ours", "theirs"])
    one = BetaBinomialShare.fit(own, category)
    np.testing.assert_allclose(two.alpha, [one.alpha, one.beta], rtol=1e-8)
    np.testing.assert_allclose(two.share([[3, 1]])[:, 0], one.share([3], [4]))


def test_posterior_by_integration() -> None:
    model = BetaBinomialShare(alpha=0.7, beta=1.9)
    own, category = 3, 5

    def weight(p: float) -> float:
        return float(model.population_density(p) * p**own * (1 - p) ** (category - own))

    total = integrate.quad(weight, 0, 1)[0]
    mean = integrate.quad(lambda p: p * weight(p), 0, 1)[0] / total
    above = integrate.quad(weight, 0.4, 1)[0] / total
    assert model.share(own, category)[0] == pytest.approx(mean, rel=1e-8)
    assert model.probability_above(0.4, own, category)[0] == pytest.approx(above, rel=1e-8)
    lower, upper = model.interval(own, category, level=0.8)
    assert integrate.quad(weight, lower[0], upper[0])[0] / total == pytest.approx(0.8, rel=1e-7)
    assert integrate.quad(weight, 0, lower[0])[0] / total == pytest.approx(0.1, rel=1e-7)


@pytest.mark.parametrize("m", [0, 1, 7, 40])
def test_next_purchases_are_those_of_scipy(m: int) -> None:
    found = BetaBinomialShare(alpha=0.5, beta=1.5).probability_of_purchases(m, [0, 4], [0, 6])
    expected = [stats.betabinom(m, a, b).pmf(np.arange(m + 1)) for a, b in ((0.5, 1.5), (4.5, 3.5))]
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_population() -> None:
    model = BetaBinomialShare(alpha=0.7, beta=1.9)
    s = np.array([0.01, 0.3, 0.9])
    np.testing.assert_allclose(model.population_density(s), stats.beta(0.7, 1.9).pdf(s))
    np.testing.assert_allclose(model.population_quantile([0.0, 0.5, 1.0]), stats.beta(0.7, 1.9).ppf([0.0, 0.5, 1.0]))
    assert model.mean == pytest.approx(0.7 / 2.6)
    assert model.polarization == pytest.approx(1 / 3.6)


# Properties

share_data = st.integers(0, 30).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
size = st.floats(0.05, 50.0)


@settings(max_examples=25, deadline=None)
@given(pair=share_data, alpha=size, beta=size, more=st.integers(2, 5))
def test_more_evidence_shrinks_less(pair: Any, alpha: float, beta: float, more: int) -> None:
    own, category = pair
    model = BetaBinomialShare(alpha=alpha, beta=beta)
    once, often = model.share([own, more * own], [category, more * category])
    raw = own / category if category else model.mean
    assert min(raw, model.mean) - 1e-12 <= once <= max(raw, model.mean) + 1e-12
    assert abs(often - raw) <= abs(once - raw) + 1e-12


@settings(max_examples=25, deadline=None)
@given(pair=share_data, alpha=size, beta=size)
def test_shares_and_intervals_lie_in_the_unit_interval(pair: Any, alpha: float, beta: float) -> None:
    model = BetaBinomialShare(alpha=alpha, beta=beta)
    lower, upper = model.interval(*pair)
    assert 0 <= lower[0] <= upper[0] <= 1
    assert 0 <= model.probability_above(0.5, *pair)[0] <= 1
    mirrored = BetaBinomialShare(alpha=beta, beta=alpha).interval(pair[1] - pair[0], pair[1])
    np.testing.assert_allclose([lower, upper], [1 - mirrored[1], 1 - mirrored[0]], atol=1e-12)
    assert model.probability_of_purchases(6, *pair).sum() == pytest.approx(1, rel=1e-12)


@settings(max_examples=25, deadline=None)
@given(
    table=st.lists(st.lists(st.integers(0, 9), min_size=3, max_size=3), min_size=1, max_size=5),
    alpha=st.lists(size, min_size=3, max_size=3),
)
def test_shares_of_brands_add_to_one_and_match_each_brand(table: Any, alpha: Any) -> None:
    model = DirichletShare(alpha=alpha, brands=["a", "b", "c"])
    shares, (lower, upper) = model.share(table), model.interval(table)
    np.testing.assert_allclose(shares.sum(axis=1), 1, rtol=1e-12)
    total = np.sum(table, axis=1)
    for j, brand in enumerate(model.brands):
        own, one = np.array(table)[:, j], model.brand(brand)
        np.testing.assert_allclose(shares[:, j], one.share(own, total))
        np.testing.assert_allclose((lower[:, j], upper[:, j]), one.interval(own, total))
        above = model.probability_above(0.3, table)[:, j]
        np.testing.assert_allclose(above, one.probability_above(0.3, own, total))


def test_limits_of_the_concentration() -> None:
    """S to infinity: multinomial, everybody has the market's share. S to 0: sole buying."""
    table = [[3, 1, 0]]
    market = np.array([0.5, 0.3, 0.2])
    alike, sole = (DirichletShare(alpha=s * market, brands=["a", "b", "c"]) for s in (1e9, 1e-9))
    np.testing.assert_allclose(alike.share(table), [market], rtol=1e-7)
    np.testing.assert_allclose(alike.log_likelihood(table), stats.multinomial(4, market).logpmf(table), rtol=1e-7)
    np.testing.assert_allclose(sole.share([[1, 0, 0]]), [[1, 0, 0]], atol=1e-8)
    np.testing.assert_allclose(np.exp(sole.log_likelihood([[4, 0, 0], [3, 1, 0]])), [0.5, 0.0], atol=1e-7)
    assert alike.polarization < 1e-8
    assert sole.polarization == pytest.approx(1)


def test_row_order_and_repetition_change_nothing() -> None:
    own, category = few()
    model, rng = BetaBinomialShare.fit(own, category), np.random.default_rng(2)
    order = rng.permutation(own.size)
    assert BetaBinomialShare.fit(own[order], category[order]).alpha == pytest.approx(model.alpha, rel=1e-12)
    weights = rng.integers(0, 4, own.size)
    repeated = BetaBinomialShare.fit(np.repeat(own, weights), np.repeat(category, weights))
    weighted = BetaBinomialShare.fit(own, category, weights=weights)
    assert weighted.inference is not None
    assert repeated.inference is not None
    np.testing.assert_allclose([weighted.alpha, weighted.beta], [repeated.alpha, repeated.beta], rtol=1e-10)
    np.testing.assert_allclose(weighted.inference.covariance, repeated.inference.covariance, rtol=1e-8)
    assert weighted.inference.n_customers == repeated.inference.n_customers
    table = np.column_stack([own, category - own])
    brands = DirichletShare.fit(table, weights=weights)
    np.testing.assert_allclose(brands.alpha, [repeated.alpha, repeated.beta], rtol=1e-10)


def test_customers_without_purchases_say_nothing() -> None:
    own, category = few()
    bought = category > 0
    all_, some = BetaBinomialShare.fit(own, category), BetaBinomialShare.fit(own[bought], category[bought])
    assert all_.alpha == pytest.approx(some.alpha, rel=1e-12)
    assert all_.inference is not None
    assert all_.inference.n_customers == bought.sum()
    assert all_.share([0], [0])[0] == pytest.approx(all_.mean)
    assert all_.log_likelihood(0, 0)[0] == 0


def test_inputs_are_not_touched() -> None:
    own, category = few()
    before = own.copy(), category.copy()
    model = BetaBinomialShare.fit(own, category)
    model.interval(own, category)
    np.testing.assert_array_equal((own, category), before)


# Money


@pytest.mark.parametrize("factor", [0.01, 1.0, 137.0])
def test_scaling_money_changes_no_share(factor: float) -> None:
    rng = np.random.default_rng(3)
    own, category = few()
    spend = np.column_stack([own, category - own]) * rng.gamma(4.0, 2.5, (own.size, 1))
    for variation in (0.0, 0.6):
        base = BetaBinomialShare.fit_spend(spend[:, 0], spend.sum(axis=1), category, variation=variation)
        scaled = factor * spend
        model = BetaBinomialShare.fit_spend(scaled[:, 0], scaled.sum(axis=1), category, variation=variation)
        np.testing.assert_allclose([model.alpha, model.beta], [base.alpha, base.beta], rtol=1e-9)
        shares = model.share(scaled[:, 0], scaled.sum(axis=1), purchases=category)
        np.testing.assert_allclose(shares, base.share(spend[:, 0], spend.sum(axis=1), purchases=category), rtol=1e-9)
        brands = DirichletShare.fit_spend(scaled, category, variation=variation)
        np.testing.assert_allclose(brands.alpha, [base.alpha, base.beta], rtol=1e-7)
        np.testing.assert_allclose(brands.share(scaled, purchases=category)[:, 0], shares, rtol=1e-7)


def test_purchases_of_equal_value_are_purchases() -> None:
    own, category = few()
    money = BetaBinomialShare.fit_spend(12.5 * own, 12.5 * category, category)
    counts = BetaBinomialShare.fit(own, category)
    np.testing.assert_allclose([money.alpha, money.beta], [counts.alpha, counts.beta], rtol=1e-9)
    assert money.log_likelihood([25.0], [50.0], purchases=[4])[0] == pytest.approx(money.log_likelihood([2], [4])[0])


def test_effective_purchases_give_the_variance_of_a_share_of_spend() -> None:
    """Of 6 purchases with gamma values of variation 0.8, by simulation (200,000 customers: 0.5 %)."""
    from customervalue.wallet._share_checks import effective_purchases

    rng, n, v, p = np.random.default_rng(4), 6, 0.8, 0.3
    value = rng.gamma(1 / v**2, 1.0, (200_000, n))
    share = (value * (rng.random(value.shape) < p)).sum(axis=1) / value.sum(axis=1)
    assert effective_purchases(np.array([6.0]), v)[0] == pytest.approx(p * (1 - p) / share.var(), rel=0.015)


def test_money_without_spend_says_nothing() -> None:
    model = BetaBinomialShare(alpha=0.5, beta=1.5)
    assert model.share([0.0], [0.0], purchases=[3])[0] == model.mean


# What a fit says of itself


def test_inference_and_round_trips() -> None:
    table, total = panel()
    one, many = BetaBinomialShare.fit(table[:, 0], total), DirichletShare.fit(table, CATSUP)
    for model in (one, many):
        assert type(model).from_dict(json.loads(json.dumps(model.to_dict()))) == model
        assert pickle.loads(pickle.dumps(model)) == model
        assert model.inference is not None
        assert list(model.inference.parameters) == list(model.parameter_names)
        assert model.inference.gradient_norm < 1e-9
    assert isinstance(many.to_dict()["alpha"], list)
    assert repr(one) == "BetaBinomialShare(alpha=1.349, beta=2.802)"
    assert "variation=0.5" in repr(BetaBinomialShare(alpha=1, beta=2, variation=0.5))


def test_draws_of_both_kinds() -> None:
    table, total = panel()
    one, many = BetaBinomialShare.fit(table[:, 0], total), DirichletShare.fit(table, CATSUP)
    exact = one.draws(500, rng=1, own=table[:, 0], category=total)
    assert exact.method == "importance"
    assert exact.effective_sample_size > 250
    assert one.inference is not None
    np.testing.assert_allclose(
        np.sqrt(np.diag(exact.covariance)), list(one.inference.standard_errors.values()), rtol=0.2
    )
    drawn = many.draws(500, rng=1)
    assert drawn[0].brands == tuple(CATSUP)
    assert drawn[3].share(table[:2]).shape == (2, 4)
    np.testing.assert_allclose(np.median(drawn.values, axis=0), many.alpha, rtol=0.03)
    weighed = many.draws(300, rng=1, amounts=table)
    assert weighed.method == "importance"
    with pytest.raises(InvalidInputError, match="not the customers of the fit"):
        one.draws(10, rng=1, own=table[:9, 0], category=total[:9])


def test_a_start_and_a_prior() -> None:
    own, category = few()
    base = BetaBinomialShare.fit(own, category)
    again = BetaBinomialShare.fit(own, category, start={"alpha": 5.0, "beta": 0.5})
    np.testing.assert_allclose(again.alpha, base.alpha, rtol=1e-7)
    strong = BetaBinomialShare.fit(own, category, prior={"alpha": LogNormal(50.0, 0.001)})
    assert strong.alpha == pytest.approx(50, rel=0.01)
    table = np.column_stack([own, category - own])
    known = DirichletShare.fit(table, ["ours", "theirs"], prior={"ours": LogNormal(50.0, 0.001)})
    assert known.alpha[0] == pytest.approx(50, rel=0.01)


# Data that cannot tell


@pytest.mark.parametrize(
    ("own", "category", "message"),
    [
        ([0, 0, 0], [3, 2, 1], "none of the 3 customers with purchases bought from us"),
        ([3, 2, 1, 0], [3, 2, 1, 0], "none of the 3 customers with purchases bought from anybody else"),
        ([1, 0, 1], [1, 1, 1], "more than one in the category"),
    ],
)
def test_no_maximum(own: Any, category: Any, message: str) -> None:
    with pytest.raises(ConvergenceError, match=message):
        BetaBinomialShare.fit(own, category)
    model = BetaBinomialShare.fit(own, category, prior="weak")
    assert 0 < model.mean < 1


def test_sole_buyers() -> None:
    with pytest.warns(WeaklyIdentifiedWarning, match="everyone buys only one brand"):
        model = BetaBinomialShare.fit([5, 0, 3, 0, 2, 0, 0], [5, 4, 3, 2, 2, 6, 3])
    assert model.polarization > 0.99
    assert model.inference is not None
    assert model.inference.at_boundary
    assert model.share([1, 0], [1, 1]) == pytest.approx([1, 0], abs=0.01)


def test_no_heterogeneity() -> None:
    """Ten purchases of everybody, and shares that differ less than chance would have it."""
    with pytest.warns(WeaklyIdentifiedWarning, match="than chance alone would have it"):
        model = BetaBinomialShare.fit([3, 3, 2, 3, 4, 3] * 20, [10] * 120)
    assert model.polarization < 0.01
    assert model.share([9], [10])[0] < 0.5
    with pytest.warns(WeaklyIdentifiedWarning, match="than chance alone would have it"):
        DirichletShare.fit([[3, 7], [3, 7], [4, 6], [2, 8]] * 20)


def test_thresholds_of_each_customer() -> None:
    """Customers are put together by counts and threshold; each gets his own answer."""
    model, rng = BetaBinomialShare(0.6, 1.4), np.random.default_rng(1)
    category = rng.poisson(5.0, 500)
    own, threshold = rng.binomial(category, 0.3), rng.choice([0.0, 0.2, 0.5, 1.0], 500)
    found = model.probability_above(threshold, own, category)
    for limit in np.unique(threshold):
        chosen = threshold == limit
        one = model.probability_above(limit, own[chosen], category[chosen])
        np.testing.assert_array_equal(found[chosen], one)
    spent = model.probability_above(threshold, 1.5 * own, 1.5 * category, purchases=category)
    np.testing.assert_allclose(spent, found, rtol=1e-9)
