"""NBD-Dirichlet: oracles, identities and limits, and data that cannot tell."""

from __future__ import annotations

import json
from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import betaln, gammaln
from scipy.stats import nbinom

import customervalue as cv
from customervalue.errors import AssumptionWarning, ConvergenceError, WeaklyIdentifiedWarning
from customervalue.estimation.priors import LogNormal
from customervalue.wallet import NBDDirichlet
from customervalue.wallet._nbd_dirichlet_brands import brand_measures

TABLE_1 = NBDDirichlet(M=2.1 * 0.7, K=2.1, alpha=(1.1, 0.5, 0.4), brands=("A", "B", "C"))
YOGURT = ["dannon", "hiland", "weight", "yoplait"]


# ---- oracles


def sums(a: float, rest: float, mean: float, shape: float) -> tuple[float, ...]:
    """The measures of a brand by the sums of [1984], over the purchases in the category, in the textbook's formulas."""
    n = np.arange(20_000.0)
    chance = nbinom.pmf(n, shape, shape / (shape + mean))
    none = np.exp(betaln(a, rest + n) - betaln(a, rest))
    only = np.exp(betaln(a + n, rest) - betaln(a, rest))
    bought = 1 - chance @ none
    twice = 1 - 2 * (chance @ none) + nbinom.pmf(n, shape, shape / (shape + 2 * mean)) @ none
    return (
        bought,
        mean * a / (a + rest) / bought,
        chance @ (n * (1 - none)) / bought,
        chance[1:] @ only[1:] / bought,
        twice / bought,
    )


@pytest.mark.parametrize(
    ("a", "rest", "mean", "shape"), [(1.1, 0.9, 1.47, 2.1), (0.03, 2.0, 20.0, 0.2), (40.0, 7.0, 9.0, 50.0)]
)
def test_brand_against_sums_over_category_purchases(a: float, rest: float, mean: float, shape: float) -> None:
    np.testing.assert_allclose(brand_measures(a, rest, mean, shape), sums(a, rest, mean, shape), rtol=1e-9)


def exact(a: float, rest: float, mean: float, shape: float) -> list[float]:
    """The same by hypergeometric functions of 40 digits."""
    with mpmath.workdps(40):
        a_, b_, mean_, shape_ = map(mpmath.mpf, (a, rest, mean, shape))
        z = mean_ / shape_

        def mean_power(k: Any, one: Any, other: Any, y: Any) -> Any:
            """E (1 + y p) ** -k for p ~ Beta(one, other): a series of positive terms if y is not large."""
            if y > 50:
                return mpmath.hyp2f1(k, one, one + other, -y)
            return (1 + y) ** -k * mpmath.hyp2f1(k, other, one + other, y / (1 + y))

        def none(length: int) -> Any:
            return mean_power(shape_, a_, b_, length * z)

        bought = 1 - none(1)
        beside = 1 - b_ / (a_ + b_) * mean_power(shape_ + 1, a_, b_ + 1, z)
        only = mean_power(shape_, b_, a_, z) - (1 + z) ** -shape_
        measures = (mean_ * a_ / (a_ + b_), mean_ * beside, only, 1 - 2 * none(1) + none(2))
        return [float(v) for v in (bought, *(m / bought for m in measures))]


@pytest.mark.parametrize(
    ("a", "rest", "mean", "shape"),
    [
        (1e-3, 1.2, 30.0, 0.7),  # a tiny brand
        (0.3, 0.9, 1e-4, 0.7),  # a minute
        (0.3, 0.9, 1e5, 0.7),  # centuries
        (3e3, 7e3, 4.0, 2.0),  # hardly any differences in choice
        (1e-4, 2e-4, 4.0, 2.0),  # nothing but differences
        (0.5, 0.5, 3.0, 1e3),  # hardly any differences in rate
        (0.5, 0.5, 3.0, 1e-3),
    ],
)
def test_brand_against_forty_digits(a: float, rest: float, mean: float, shape: float) -> None:
    np.testing.assert_allclose(brand_measures(a, rest, mean, shape), exact(a, rest, mean, shape), rtol=1e-10)


def test_probabilities_add_up_to_the_measures() -> None:
    n = np.arange(400)
    found = TABLE_1.brand_table(2.0)
    for j, brand in enumerate(TABLE_1.brands):
        chance = TABLE_1.probability_of_purchases(n, 2.0, brand)
        assert chance.sum() == pytest.approx(1, abs=1e-12)
        assert 1 - chance[0] == pytest.approx(found.penetration[j], rel=1e-12)
        assert chance @ n == pytest.approx(2 * TABLE_1.M * TABLE_1.shares[j], rel=1e-11)
        np.testing.assert_array_equal(chance, TABLE_1.probability_of_purchases(n, 2.0, j))


def test_model_against_simulated_customers() -> None:
    counts = TABLE_1.simulate(100_000, rng=1)
    compared = TABLE_1.compare(counts)
    for name in ("penetration", "purchases_per_buyer", "category_purchases_per_brand_buyer", "sole_buyers"):
        np.testing.assert_allclose(getattr(compared.observed, name), getattr(compared.theoretical, name), rtol=0.02)
    np.testing.assert_allclose(
        compared.observed_duplication.also_buy, compared.theoretical_duplication.also_buy, atol=0.006
    )


def naive_log_likelihood(theta: Any, counts: Any) -> float:
    mean, shape, *alpha = np.exp(theta)
    n, size = counts.sum(axis=1), sum(alpha)
    often = nbinom.logpmf(n, shape, shape / (shape + mean))
    which = gammaln(n + 1) + gammaln(size) - gammaln(size + n)
    for a, x in zip(alpha, counts.T, strict=True):
        which = which + gammaln(a + x) - gammaln(a) - gammaln(x + 1)
    return float((often + which).sum())


def test_fit_against_a_general_search_of_the_joint_likelihood() -> None:
    counts = TABLE_1.simulate(400, rng=3)
    model = NBDDirichlet.fit(counts)
    assert model.inference is not None
    estimate = np.log(list(model.parameters.values()))
    assert naive_log_likelihood(estimate, counts) == pytest.approx(model.inference.log_likelihood, abs=1e-8)
    assert model.log_likelihood(counts).sum() == pytest.approx(model.inference.log_likelihood, abs=1e-8)
    found = minimize(lambda t: -naive_log_likelihood(t, counts), np.zeros(5), method="BFGS", options={"gtol": 1e-6})
    np.testing.assert_allclose(estimate, found.x, atol=1e-5)
    assert pytest.approx(counts.sum() / len(counts), rel=1e-12) == model.M
    # Standard errors from second differences of the same function.
    step, eye = 1e-3, np.eye(5)
    bend = np.array(
        [
            [
                sum(
                    s * t * naive_log_likelihood(estimate + step * (s * u + t * v), counts)
                    for s in (1, -1)
                    for t in (1, -1)
                )
                / (4 * step**2)
                for v in eye
            ]
            for u in eye
        ]
    )
    errors = np.sqrt(np.diag(np.linalg.inv(-bend))) * np.exp(estimate)
    np.testing.assert_allclose(list(model.inference.standard_errors.values()), errors, rtol=1e-3)


# ---- properties


alphas = st.lists(st.floats(0.01, 20), min_size=2, max_size=5)
means, shapes = st.floats(0.05, 30), st.floats(0.05, 20)


@given(alphas, means, shapes, st.floats(0.1, 10))
@settings(max_examples=25)
def test_brand_measures_hold_together(alpha: list[float], mean: float, shape: float, length: float) -> None:
    model = NBDDirichlet(M=mean, K=shape, alpha=tuple(alpha))
    found = model.brand_table(length)
    assert model.shares.sum() == pytest.approx(1)
    for share in (found.penetration, found.share_of_requirements, found.sole_buyers, found.repeat_buyers):
        assert np.all((share > 0) & (share < 1 + 1e-12))
    bought = found.penetration * found.purchases_per_buyer
    assert bought.sum() == pytest.approx(mean * length)  # every purchase is of some brand
    assert np.all(found.penetration <= found.category_penetration * (1 + 1e-12))
    assert 1 - 1e-12 <= found.portfolio <= len(alpha)
    ranks = np.argsort(model.alpha)
    assert np.all(np.diff(found.purchases_per_buyer[ranks]) >= -1e-9)  # double jeopardy
    also = model.duplication(length).also_buy
    buyers = np.diag(found.penetration)
    np.testing.assert_allclose(buyers @ also, (buyers @ also).T, rtol=1e-9)  # as many of both as of both
    if len(alpha) == 2:
        others = 1 - found.sole_buyers
        np.testing.assert_allclose(others, [also[0, 1], also[1, 0]], rtol=1e-7, atol=1e-9)


@given(means, shapes)
@settings(max_examples=15)
def test_limits_of_s(mean: float, shape: float) -> None:
    shares = np.array([0.5, 0.3, 0.2])
    alike = NBDDirichlet(M=mean, K=shape, alpha=tuple(1e9 * shares)).brand_table()
    np.testing.assert_allclose(alike.penetration, 1 - (1 + mean * shares / shape) ** -shape, rtol=1e-7)
    np.testing.assert_allclose(alike.repeat_purchases, shares, atol=1e-8)
    sole = NBDDirichlet(M=mean, K=shape, alpha=tuple(1e-9 * shares)).brand_table()
    np.testing.assert_allclose(sole.penetration, shares * sole.category_penetration, rtol=1e-6)
    np.testing.assert_allclose(sole.sole_buyers, 1, atol=1e-6)
    np.testing.assert_allclose(sole.share_of_requirements, 1, atol=1e-6)


@given(st.floats(0.02, 0.98), st.floats(0.01, 20), st.floats(0.05, 0.6), st.floats(0.05, 30))
@settings(max_examples=25)
def test_aggregates_are_reproduced(penetration: float, more: float, share: float, size: float) -> None:
    rate = -np.log1p(-penetration) / penetration * (1 + more)
    given_size = NBDDirichlet.from_aggregates(penetration, rate, [share, 0.3], S=size)
    category = given_size.category_table()
    assert category.penetration[0] == pytest.approx(penetration, rel=1e-9)
    assert category.purchases_per_buyer[0] == pytest.approx(rate, rel=1e-9)
    assert given_size.shares == pytest.approx([share, 0.3, 1 - share - 0.3])
    found = given_size.brand_table()
    for how in (
        {"brand_penetration": found.penetration[:2]},
        {"brand_purchase_rate": found.purchases_per_buyer[:2]},
    ):
        again = NBDDirichlet.from_aggregates(penetration, rate, [share, 0.3], **how)
        assert pytest.approx(size, rel=1e-6) == again.S


def test_fit_does_not_depend_on_the_form_of_the_counts() -> None:
    counts = TABLE_1.simulate(300, rng=5)
    model = NBDDirichlet.fit(counts, brands=["A", "B", "C"])
    rows, weights = np.unique(counts, axis=0, return_counts=True)
    others: list[NBDDirichlet] = [
        NBDDirichlet.fit(rows, brands=["A", "B", "C"], weights=weights),
        NBDDirichlet.fit(dict(zip("ABC", counts.T, strict=True))),
        NBDDirichlet.fit({"who": np.arange(300), **dict(zip("CBA", counts.T[::-1], strict=True))}, brands=list("ABC")),
        NBDDirichlet.fit(counts[::-1].astype(int).tolist(), brands=["A", "B", "C"]),
    ]
    for other in others:
        assert other.parameters == pytest.approx(model.parameters, rel=1e-8)
    assert model.inference is not None
    covariance = model.inference.covariance
    assert not covariance[:2, 2:].any()
    assert list(model.inference.parameters) == ["M", "K", "A", "B", "C"]


def test_compare_with_weights_and_by_hand() -> None:
    counts = np.array([[2, 0], [1, 1], [0, 3], [0, 0]])
    model = NBDDirichlet(M=2.0, K=1.0, alpha=(0.4, 0.3), brands=("ours", "theirs"))
    seen = model.compare(counts, weights=[2, 1, 1, 6]).observed
    np.testing.assert_allclose(seen.penetration, [0.3, 0.2])
    np.testing.assert_allclose(seen.market_share, [5 / 9, 4 / 9])
    np.testing.assert_allclose(seen.purchases_per_buyer, [5 / 3, 2])
    np.testing.assert_allclose(seen.category_purchases_per_brand_buyer, [2, 2.5])
    np.testing.assert_allclose(seen.share_of_requirements, [5 / 6, 0.8])
    np.testing.assert_allclose(seen.sole_buyers, [2 / 3, 0.5])
    assert seen.category_penetration == pytest.approx(0.4)
    assert np.isnan(seen.repeat_buyers).all()
    assert "repeat_buyers" not in seen.to_frame()
    compared = model.compare(np.repeat(counts, [2, 1, 1, 6], axis=0))
    np.testing.assert_array_equal(compared.observed.penetration, seen.penetration)
    np.testing.assert_allclose(compared.observed_duplication.also_buy, [[1, 1 / 3], [0.5, 1]])
    assert compared.observed_duplication.coefficient == pytest.approx((1 / 3 + 0.5) / 0.5)
    assert {"penetration", "penetration_model"} < set(compared.to_frame())


def test_category_alone_is_its_only_brand() -> None:
    alone = NBDDirichlet.from_aggregates(0.2, 2.1)
    found, category = alone.brand_table(2), alone.category_table(2)
    np.testing.assert_allclose(found.penetration, category.penetration, rtol=1e-14)
    np.testing.assert_allclose(found.repeat_buyers, category.repeat_buyers, rtol=1e-14)
    assert found.sole_buyers[0] == found.share_of_requirements[0] == pytest.approx(1)
    np.testing.assert_allclose(
        alone.probability_of_purchases([0, 3], 2, 0), alone.probability_of_purchases([0, 3], 2), rtol=1e-12
    )


def test_model_travels_as_a_dictionary() -> None:
    model = NBDDirichlet.fit(TABLE_1.simulate(300, rng=5), brands=("A", "B", "C"))
    again = NBDDirichlet.from_dict(json.loads(json.dumps(model.to_dict())))
    assert again == model
    assert again.inference == model.inference
    assert hash(again) == hash(model)
    assert model.brand_table().to_dict()["brands"] == ["A", "B", "C"]


def test_panels_fit_as_the_shares_alone_do() -> None:
    panel = cv.datasets.load_yogurt()
    model = NBDDirichlet.fit(panel, brands=YOGURT)
    shares = cv.wallet.DirichletShare.fit(panel, brands=YOGURT)
    np.testing.assert_allclose(model.alpha, shares.alpha, rtol=1e-7)
    assert len(model.draws(3, rng=1)) == 3
    observed = model.compare(panel).observed
    assert observed.penetration.round(2).tolist() == [0.77, 0.26, 0.44, 0.73]


# ---- what the data cannot tell


def test_customers_all_alike_in_how_often_they_buy() -> None:
    rng = np.random.default_rng(1)
    counts = rng.multinomial(rng.binomial(6, 0.5, 500), rng.dirichlet([1.0, 0.5], 500))
    with pytest.warns(WeaklyIdentifiedWarning, match=r"M = 2\.9\d purchases.*hardly differ in how often"):
        model = NBDDirichlet.fit(counts)
    assert model.inference is not None
    assert model.inference.at_boundary == ("K",)
    assert model.category_table().penetration[0] == pytest.approx(1 - np.exp(-model.M), rel=1e-3)
    assert NBDDirichlet.fit(counts, prior={"K": LogNormal(2.0, 1.0)}).K < model.K


def test_customers_alike_or_sole_in_what_they_choose() -> None:
    rng = np.random.default_rng(1)
    often = rng.poisson(rng.gamma(1.0, 3.0, 800))
    with pytest.warns(WeaklyIdentifiedWarning, match="about that of the market"):
        alike = NBDDirichlet.fit(rng.multinomial(often, [0.5, 0.3, 0.2]))
    np.testing.assert_allclose(alike.shares, [0.5, 0.3, 0.2], atol=0.03)
    sole = np.zeros((800, 2))
    sole[np.arange(800), rng.integers(0, 2, 800)] = often
    with pytest.warns(WeaklyIdentifiedWarning, match="only one brand"):
        assert NBDDirichlet.fit(sole).polarization > 0.999


def test_customers_without_purchases_left_out() -> None:
    counts = NBDDirichlet(M=3.0, K=0.6, alpha=(0.5, 0.5)).simulate(2_000, rng=1)
    with pytest.warns(AssumptionWarning, match="Rows of zeros are customers too"):
        NBDDirichlet.fit(counts[counts.sum(axis=1) > 0])


def test_nothing_bought_twice() -> None:
    with pytest.raises(ConvergenceError, match="none of the 3 customers has more than one purchase"):
        NBDDirichlet.fit([[1, 0], [0, 1], [0, 0]])
    assert NBDDirichlet.fit([[1, 0], [0, 1], [0, 0]], prior="weak").M > 0
