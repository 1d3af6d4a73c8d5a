"""WalletRegression: against statsmodels and naive sums, its invariances, own spend, and what it refuses."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from customervalue.errors import AssumptionWarning, InvalidInputError
from customervalue.wallet import WalletRegression
from customervalue.wallet._regression_spread import Spread

CASES = json.loads((Path(__file__).parents[1] / "reference" / "fractional_logit.json").read_text(encoding="utf-8"))


def survey(n: int = 120, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features (the second is the logarithm of own spend), wallets and own spend."""
    rng = np.random.default_rng(seed)
    size = rng.normal(size=n)
    wallet = np.exp(5 + 0.7 * size + 0.4 * rng.normal(size=n))
    own = wallet * rng.beta(2, 2, n)
    return np.column_stack([size, np.log(own)]), wallet, own


# --- oracle: statsmodels, tests/reference/make_fractional_logit.py; and sums written out


@pytest.mark.parametrize("case", CASES["cases"], ids=["60 x 2", "120 x 4", "300 x 6"])
def test_equals_statsmodels(case: dict[str, Any]) -> None:
    data, expected = case["data"], case["log_wallet"]
    inference = WalletRegression.fit(data["features"], data["wallet"]).inference
    np.testing.assert_allclose(inference.coefficients, expected["coefficients"], rtol=1e-9)
    np.testing.assert_allclose(inference.covariance, expected["HC1"], rtol=1e-8)


def test_smearing_and_own_spend_by_hand() -> None:
    features, wallet, own = survey()
    model = WalletRegression.fit(features, wallet, own_spend=own)
    typical = np.column_stack([np.ones(120), features]) @ model.inference.coefficients
    residual = np.log(wallet) - typical
    np.testing.assert_allclose(model.wallet(features), np.exp(typical) * np.mean(np.exp(residual)), rtol=1e-10)
    excess = np.array([np.mean(np.maximum(np.exp(t + residual) - o, 0)) for t, o in zip(typical, own, strict=True)])
    factor = np.sum(wallet - own) / np.sum(excess)
    assert model.elsewhere_factor == pytest.approx(factor, rel=1e-10)
    np.testing.assert_allclose(model.wallet(features, own), own + factor * excess, rtol=1e-10)
    assert model.residual_deviation == pytest.approx(np.sqrt(np.sum(residual**2) / 117))


def test_covariance_of_the_smearing_factor_by_a_bootstrap_of_the_estimating_equations() -> None:
    features, wallet, _ = survey(n=400)
    model = WalletRegression.fit(features, wallet)
    rng = np.random.default_rng(1)
    place = np.array([[0.5, 5.0]])
    refits = [
        np.log(WalletRegression.fit(features[rows], wallet[rows]).wallet(place)[0])
        for rows in rng.integers(0, 400, (300, 400))
    ]
    low, high = model.interval(place, level=0.9, kind="mean")
    half = 1.6487  # Student's t with 397 degrees of freedom, 95 %
    assert float(np.log(high[0] / low[0])) / (2 * half) == pytest.approx(float(np.std(refits)), rel=0.12)


def test_interval_of_a_customer_by_hand() -> None:
    features, wallet, _ = survey(n=99)
    model = WalletRegression.fit(features, wallet)
    inference = model.inference
    design = np.column_stack([np.ones(99), features])
    typical = design @ inference.coefficients
    residual = np.sort(np.log(wallet) - typical)
    variance = np.einsum("ij,jk,ik->i", design, inference.covariance, design)
    scale = np.sqrt(99 / 96 + variance / model.residual_deviation**2)
    low, high = model.interval(features, level=0.9)
    np.testing.assert_allclose(low, np.exp(typical + scale * residual[4]), rtol=1e-9)  # the fifth of 99
    np.testing.assert_allclose(high, np.exp(typical + scale * residual[94]), rtol=1e-9)


@given(st.lists(st.floats(-3, 3), min_size=1, max_size=30), st.lists(st.floats(-5, 5), min_size=1, max_size=5))
@settings(max_examples=25)
def test_spread_sums_equal_naive_ones(values: list[float], least: list[float]) -> None:
    weights = np.linspace(0.5, 1.5, len(values))
    spread = Spread.of(np.array(values), weights / weights.mean())
    naive = [np.average(np.maximum(np.exp(values) - np.exp(x), 0), weights=weights) for x in least]
    np.testing.assert_allclose(spread.mean_exp_above(np.array(least)), naive, rtol=1e-9, atol=1e-12)
    assert spread.mean_exp() == pytest.approx(np.average(np.exp(values), weights=weights))


def test_error_of_the_factor_by_a_bootstrap() -> None:
    features, wallet, own = survey(n=400)
    rng = np.random.default_rng(1)
    refits = [
        np.log(WalletRegression.fit(features[rows], wallet[rows], own_spend=own[rows]).elsewhere_factor)
        for rows in rng.integers(0, 400, (200, 400))
    ]
    covariance = WalletRegression.fit(features, wallet, own_spend=own).linear.covariance
    assert covariance.shape == (5, 5)
    assert np.sqrt(covariance[-1, -1]) == pytest.approx(np.std(refits), rel=0.15)


@pytest.mark.filterwarnings("ignore:.*where nobody was surveyed")
def test_draws_vary_in_all_that_was_estimated() -> None:
    features, wallet, _ = survey(n=150)
    model = WalletRegression.fit(features, wallet)
    totals = np.log(model.draws(np.tile(features, (40, 1)), 600, rng=1).sum(axis=1))
    rng = np.random.default_rng(2)
    refits = [
        np.log(WalletRegression.fit(features[rows], wallet[rows]).wallet(features).sum())
        for rows in rng.integers(0, 150, (200, 150))
    ]
    assert np.std(totals) == pytest.approx(np.std(refits), rel=0.2)


def test_uneven_weights_do_not_refuse_a_level() -> None:
    features, wallet, _ = survey(n=60)
    weights = np.ones(60)
    weights[np.argmin(wallet / np.exp(0.7 * features[:, 0]))] = 30
    low, high = WalletRegression.fit(features[:, :1], wallet, weights=weights).interval(features[:, :1], level=0.9)
    assert np.all((low > 0) & (high < np.inf))


# --- properties


@given(st.integers(0, 10_000))
@settings(max_examples=25)
def test_a_wallet_is_never_below_own_spend(seed: int) -> None:
    features, wallet, own = survey(n=60, seed=seed)
    for model in (WalletRegression.fit(features, wallet), WalletRegression.fit(features, wallet, own_spend=own)):
        mean = model.wallet(features, own)
        assert np.all(mean >= own)
        for kind in ("mean", "new customer"):
            low, high = model.interval(features, own, level=0.8, kind=kind)  # type: ignore[arg-type]
            assert np.all((low >= own) & (low <= high))
        assert np.all(model.draws(features, 5, seed, own) >= own)


@given(st.floats(1e-3, 1e6))
@settings(max_examples=25)
def test_scaling_money_scales_wallets(factor: float) -> None:
    features, wallet, own = survey(n=60)
    scaled = features + np.array([0, np.log(factor)])
    one = WalletRegression.fit(features, wallet, own_spend=own)
    other = WalletRegression.fit(scaled, wallet * factor, own_spend=own * factor)
    np.testing.assert_allclose(other.wallet(scaled, own * factor), factor * one.wallet(features, own), rtol=1e-8)
    np.testing.assert_allclose(other.interval(scaled), factor * np.array(one.interval(features)), rtol=1e-8)
    np.testing.assert_allclose(other.inference.coefficients[1:], one.inference.coefficients[1:], rtol=1e-7)


def test_weights_equal_repetition_for_coefficients() -> None:
    features, wallet, own = survey()
    times = np.random.default_rng(1).integers(1, 4, 120)
    weighted = WalletRegression.fit(features, wallet, weights=times, own_spend=own)
    many = [np.repeat(column, times, axis=0) for column in (features, wallet, own)]
    repeated = WalletRegression.fit(many[0], many[1], own_spend=many[2])
    np.testing.assert_allclose(weighted.inference.coefficients, repeated.inference.coefficients, rtol=1e-9)
    np.testing.assert_allclose(weighted.wallet(features), repeated.wallet(features), rtol=1e-9)
    np.testing.assert_allclose(weighted.wallet(features, own), repeated.wallet(features, own), rtol=1e-9)


def test_what_is_spent_elsewhere_adds_up_among_the_surveyed() -> None:
    features, wallet, own = survey()
    model = WalletRegression.fit(features[:, :1], wallet, own_spend=own)
    assert model.wallet(features[:, :1], own).sum() == pytest.approx(wallet.sum())


def test_own_spend_of_nothing_says_nothing() -> None:
    features, wallet, _ = survey()
    model = WalletRegression.fit(features, wallet)
    np.testing.assert_allclose(model.wallet(features, np.zeros(120)), model.wallet(features), rtol=1e-10)
    np.testing.assert_array_equal(model.interval(features, np.zeros(120)), model.interval(features))


def test_draws_agree_with_means_and_intervals() -> None:
    features, wallet, own = survey(n=400)
    for weights in (None, np.tile([1.0, 3.0], 200)):
        model = WalletRegression.fit(features, wallet, own_spend=own, weights=weights)
        some, spent = features[:20], own[:20]
        draws = model.draws(some, 4_000, rng=1, own_spend=spent)
        assert draws.shape == (4_000, 20)
        np.testing.assert_allclose(draws.mean(axis=0), model.wallet(some, spent), rtol=0.05)
        free = model.draws(some, 4_000, rng=2)
        np.testing.assert_allclose(free.mean(axis=0), model.wallet(some), rtol=0.05)
        low, high = model.interval(some)
        assert np.mean((free >= low) & (free <= high)) == pytest.approx(0.9, abs=0.02)
    np.testing.assert_array_equal(model.draws(some, 3, 7), model.draws(some, 3, np.random.default_rng(7)))


def test_totals_of_draws_share_the_coefficients() -> None:
    features, wallet, _ = survey()
    model = WalletRegression.fit(features, wallet)
    many = np.tile(features[:40], (50, 1))
    spread = model.draws(many, 300, rng=1).sum(axis=1).std() / model.wallet(many).sum()
    alone = model.residual_deviation / np.sqrt(len(many))
    assert spread > 2 * alone


def test_a_perfect_fit_has_intervals_without_width() -> None:
    features, _, _ = survey()
    wallet = np.exp(2 + features[:, 0])
    model = WalletRegression.fit(features[:, :1], wallet)
    for kind in ("mean", "new customer"):
        low, high = model.interval(features[:, :1], kind=kind)  # type: ignore[arg-type]
        np.testing.assert_allclose(low, wallet, rtol=1e-9)
        np.testing.assert_allclose(high, wallet, rtol=1e-9)


def test_round_trips() -> None:
    features, wallet, own = survey()
    model = WalletRegression.fit({"size": features[:, 0], "log own": features[:, 1]}, wallet, own_spend=own)
    again = WalletRegression.from_dict(json.loads(json.dumps(model.to_dict())))
    assert again == model
    assert pickle.loads(pickle.dumps(model)) == model
    np.testing.assert_array_equal(again.wallet(features, own), model.wallet(features, own))
    assert model != "a model"
    assert repr(model).startswith("WalletRegression on size, log own: 120 surveyed customers, residual standard")


# --- input checks


def test_wallets_beyond_any_number() -> None:
    features, wallet, own = survey()
    model = WalletRegression.fit(features, wallet)
    far = 1e5 * np.abs(features[:3])
    for call in (model.wallet, model.interval, lambda x: model.draws(x, 3, 1), lambda x: model.wallet(x, own[:3])):
        with (
            pytest.warns(AssumptionWarning, match="where nobody was surveyed"),
            pytest.raises(InvalidInputError, match="the wallet is beyond any number for 3 of 3 customers"),
        ):
            call(far)


def test_dictionaries_of_something_else() -> None:
    features, wallet, _ = survey()
    good = WalletRegression.fit(features, wallet).to_dict()
    for data, message in (
        (3, "must be a dictionary that `to_dict` of a WalletRegression gave"),
        ({"a": 1}, "must be a dictionary that `to_dict` of a WalletRegression gave"),
        (good | {"model": "ShareRegression"}, "must be a dictionary that `to_dict` of a WalletRegression gave"),
        (good | {"version": 9}, "version 9 of the dictionary is unknown"),
        ({k: v for k, v in good.items() if k != "linear"}, "is incomplete or damaged: 'linear'"),
        (good | {"more": 1}, "is incomplete or damaged"),
    ):
        with pytest.raises(InvalidInputError, match=message):
            WalletRegression.from_dict(data)  # type: ignore[arg-type]


def test_a_feature_called_intercept() -> None:
    features, wallet, _ = survey()
    with pytest.raises(InvalidInputError, match="no feature may be called 'intercept'"):
        WalletRegression.fit({"intercept": features[:, 0]}, wallet)


def test_wallets_of_nothing_are_named() -> None:
    features, wallet, _ = survey()
    wallet[[5, 9]] = 0
    with pytest.raises(
        InvalidInputError, match=r"must be positive: 2 rows .*row 5, wallet=0\).\n.*ShareRegression.fit"
    ):
        WalletRegression.fit(features, wallet)
    wallet[5] = -3
    with pytest.raises(InvalidInputError, match=r"must be positive: 2 rows break this \(first: row 5, wallet=-3"):
        WalletRegression.fit(features, wallet)


def test_wallets_below_own_spend() -> None:
    features, wallet, own = survey()
    own[7] = wallet[7] * 2
    with pytest.raises(InvalidInputError, match=r"must not be below `own_spend`: 1 row breaks this \(first: row 7"):
        WalletRegression.fit(features, wallet, own_spend=own)
    with pytest.raises(InvalidInputError, match="`own_spend` must not be negative"):
        WalletRegression.fit(features, wallet, own_spend=-own)
    with pytest.raises(InvalidInputError, match="own_spend 5"):
        WalletRegression.fit(features, wallet, own_spend=own[:5])


def test_own_spend_at_the_prediction() -> None:
    features, wallet, own = survey()
    model = WalletRegression.fit(features, wallet)
    with pytest.raises(InvalidInputError, match="`own_spend` must not be negative: 120 rows"):
        model.wallet(features, -own)
    with pytest.raises(InvalidInputError, match="all columns must have the same length, and have own_spend 1"):
        model.wallet(features, own[:1])


def test_own_spend_beyond_every_wallet_is_warned_of() -> None:
    features, wallet, own = survey(n=400)
    model = WalletRegression.fit(features[:, :1], wallet)
    with pytest.warns(AssumptionWarning, match="400 of 400 customers spend more with us than any wallet"):
        found = model.wallet(features[:, :1], 100 * own + 1e5)
    np.testing.assert_allclose(found, 100 * own + 1e5)


def test_a_level_that_few_customers_cannot_show() -> None:
    features, wallet, _ = survey(n=40)
    model = WalletRegression.fit(features, wallet)
    with pytest.raises(InvalidInputError, match=r"must not exceed 0.9512 with 40 surveyed customers, and is 0.99"):
        model.interval(features, level=0.99)
    low, high = model.interval(features, level=0.99, kind="mean")
    assert np.all(low < high)
    with pytest.raises(InvalidInputError, match="`kind` must be"):
        model.interval(features, kind="all")  # type: ignore[arg-type]


def test_draws_are_counted() -> None:
    features, wallet, _ = survey()
    with pytest.raises(InvalidInputError, match="whole number of draws"):
        WalletRegression.fit(features, wallet).draws(features, 0, 1)
