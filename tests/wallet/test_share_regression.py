"""ShareRegression: against statsmodels and a second implementation, its invariances, and what it refuses."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import expit
from scipy.stats import beta

from customervalue.errors import AssumptionWarning, ConvergenceError, InvalidInputError
from customervalue.wallet import ShareRegression
from customervalue.wallet._regression_beta import beta_interval, beta_shapes, find_edges

CASES = json.loads((Path(__file__).parents[1] / "reference" / "fractional_logit.json").read_text(encoding="utf-8"))


def survey(n: int = 120, k: int = 3, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Features and shares, a few of them exactly 0 and 1."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(n, k))
    mean = expit(0.4 + features @ np.linspace(0.8, -0.6, k))
    return features, np.clip(np.round(1.1 * rng.beta(3 * mean, 3 * (1 - mean)) - 0.05, 2), 0, 1)


def columns(case: dict[str, Any]) -> dict[str, np.ndarray]:
    return {name: np.array(values) for name, values in case["data"].items()}


# --- oracle: statsmodels, tests/reference/make_fractional_logit.py


@pytest.mark.parametrize("case", CASES["cases"], ids=["60 x 2", "120 x 4", "300 x 6"])
def test_equals_statsmodels(case: dict[str, Any]) -> None:
    data, expected = columns(case), case["logit"]
    inference = ShareRegression.fit(data["features"], data["share"]).inference
    np.testing.assert_allclose(inference.coefficients, expected["coefficients"], rtol=1e-10)
    np.testing.assert_allclose(inference.covariance, expected["HC0"], rtol=1e-9)
    np.testing.assert_allclose(inference.covariance, expected["HC1"], rtol=1e-9)  # its GLM corrects neither


@pytest.mark.parametrize("case", CASES["cases"], ids=["60 x 2", "120 x 4", "300 x 6"])
def test_equals_statsmodels_with_sampling_weights(case: dict[str, Any]) -> None:
    data, expected = columns(case), case["weighted_logit"]
    inference = ShareRegression.fit(data["features"], data["share"], weights=data["weights"]).inference
    np.testing.assert_allclose(inference.coefficients, expected["coefficients"], rtol=1e-10)
    np.testing.assert_allclose(inference.covariance, expected["sandwich"], rtol=1e-9)


def test_equals_a_general_optimiser() -> None:
    features, share = survey()
    design = np.column_stack([np.ones(len(share)), features])

    def loss(point: np.ndarray) -> float:
        mean = expit(design @ point)
        return -float(np.sum(share * np.log(mean) + (1 - share) * np.log1p(-mean)))

    found = minimize(loss, np.zeros(4), method="BFGS", options={"gtol": 1e-8}).x
    model = ShareRegression.fit(features, share)
    np.testing.assert_allclose(model.inference.coefficients, found, atol=1e-5)
    np.testing.assert_allclose(model.share(features), expit(design @ found), atol=1e-5)


def test_dispersion_and_beta_interval_by_hand() -> None:
    features, share = survey()
    model = ShareRegression.fit(features, share)
    mean = model.share(features)
    expected = np.sum((share - mean) ** 2) / np.sum(mean * (1 - mean)) * 120 / 116
    assert model.dispersion == pytest.approx(expected, rel=1e-12)
    place = model.spread.ends(0.5)
    size = 1 / (model.dispersion + mean * (1 - mean) * model.linear.variance(features)) - 1
    low, high = model.interval(features, 0.5)
    inside = (low > 0) & (high < 1)
    assert inside.sum() > 50
    by_scipy = beta(mean[inside] * size[inside], (1 - mean[inside]) * size[inside])
    np.testing.assert_allclose(low[inside], by_scipy.ppf(place[0]), rtol=1e-8)
    np.testing.assert_allclose(high[inside], by_scipy.ppf(place[1]), rtol=1e-8)


def test_interval_of_the_mean_is_the_delta_method() -> None:
    features, share = survey()
    model = ShareRegression.fit(features, share)
    inference = model.inference
    row = np.r_[1.0, features[7]]
    error = np.sqrt(row @ inference.covariance @ row)
    low, high = model.interval(features[7:8], 0.95, kind="mean")
    t = 1.980626002458907  # Student's t with 116 degrees of freedom, 97.5 %
    assert low[0] == pytest.approx(expit(row @ inference.coefficients - t * error), rel=1e-8)
    assert high[0] == pytest.approx(expit(row @ inference.coefficients + t * error), rel=1e-8)


def test_edges_hold_as_many_as_there_are() -> None:
    mean = np.linspace(0.05, 0.95, 400)
    share = np.where(np.arange(400) % 5 == 0, 0.0, np.where(np.arange(400) % 10 == 1, 1.0, 0.5))
    shapes = beta_shapes(mean, 0.5, np.zeros(400))
    edges = find_edges(share, np.ones(400), shapes)
    assert beta.cdf(edges.zero, *shapes).mean() == pytest.approx(0.2, abs=1e-6)
    assert beta.sf(1 - edges.one, *shapes).mean() == pytest.approx(0.1, abs=1e-6)
    low, high = beta_interval(shapes, edges, 0.05, 0.95)
    assert low[0] == 0
    assert high[-1] == 1
    assert np.all(low <= high)


def test_average_partial_effects_by_differences() -> None:
    rng = np.random.default_rng(3)
    features, share = survey()
    features[:, 1] = rng.random(120) < 0.5
    model = ShareRegression.fit(features, share)
    found = model.average_partial_effects(features, level=0.9)
    step = np.array([1e-4, 0, 0])
    derivative = (model.share(features + step) - model.share(features - step)).mean() / 2e-4
    ones, zeros = features.copy(), features.copy()
    ones[:, 1], zeros[:, 1] = 1, 0
    assert found.effect[0] == pytest.approx(derivative, rel=1e-6)
    assert found.effect[1] == pytest.approx((model.share(ones) - model.share(zeros)).mean(), rel=1e-10)
    assert np.all((found.low < found.effect) & (found.effect < found.high))


def test_error_of_partial_effects_by_differences() -> None:
    features, share = survey(k=2)
    features[:, 1] = features[:, 1] > 0
    model = ShareRegression.fit(features, share)
    point, covariance = model.inference.coefficients, model.inference.covariance

    def effects(b: np.ndarray) -> np.ndarray:
        mean = expit(b[0] + features @ b[1:])
        ends = [expit(b[0] + features[:, 0] * b[1] + x * b[2]).mean() for x in (1, 0)]
        return np.array([b[1] * np.mean(mean * (1 - mean)), ends[0] - ends[1]])

    steps = 1e-5 * np.eye(3)
    gradient = np.array([(effects(point + s) - effects(point - s)) / 2e-5 for s in steps]).T
    expected = np.sqrt(np.diag(gradient @ covariance @ gradient.T))
    np.testing.assert_allclose(model.average_partial_effects(features).standard_error, expected, rtol=1e-6)


# --- properties


@given(st.integers(0, 10_000), st.floats(0.05, 0.98))
@settings(max_examples=25)
def test_shares_and_intervals_lie_in_the_unit_interval(seed: int, level: float) -> None:
    features, share = survey(n=80, k=2, seed=seed)
    model = ShareRegression.fit(features, share)
    mean = model.share(features)
    assert np.all((mean > 0) & (mean < 1))
    low, high = model.interval(features, level, kind="mean")
    assert np.all((low >= 0) & (low <= mean) & (mean <= high) & (high <= 1))
    low, high = model.interval(features, level)
    assert np.all((low >= 0) & (low <= high) & (high <= 1))


@given(st.integers(0, 10_000), st.floats(1e-3, 1e4), st.floats(-1e3, 1e3))
@settings(max_examples=25)
def test_units_of_features_change_nothing(seed: int, factor: float, shift: float) -> None:
    features, share = survey(n=60, k=2, seed=seed)
    moved = features * [factor, 1.0] + [shift * factor, 0.0]
    one, other = ShareRegression.fit(features, share), ShareRegression.fit(moved, share)
    np.testing.assert_allclose(other.share(moved), one.share(features), rtol=1e-6)
    np.testing.assert_allclose(
        other.inference.coefficients[1] * factor, one.inference.coefficients[1], rtol=1e-5, atol=1e-8
    )
    for kind in ("mean", "new customer"):
        np.testing.assert_allclose(other.interval(moved, kind=kind), one.interval(features, kind=kind), rtol=1e-5)


def test_a_feature_plus_a_multiple_of_another_changes_no_prediction() -> None:
    features, share = survey()
    mixed = features.copy()
    mixed[:, 0] += 3 * features[:, 1]
    one, other = ShareRegression.fit(features, share), ShareRegression.fit(mixed, share)
    np.testing.assert_allclose(other.share(mixed), one.share(features), rtol=1e-9)
    np.testing.assert_allclose(other.interval(mixed), one.interval(features), rtol=1e-7)
    assert other.overlap(mixed).leverage == pytest.approx(one.overlap(features).leverage)


def test_weights_equal_repetition_for_coefficients_and_only_their_ratios_matter() -> None:
    features, share = survey()
    times = np.random.default_rng(1).integers(1, 4, 120)
    weighted = ShareRegression.fit(features, share, weights=times)
    repeated = ShareRegression.fit(np.repeat(features, times, axis=0), np.repeat(share, times))
    np.testing.assert_allclose(weighted.inference.coefficients, repeated.inference.coefficients, rtol=1e-9)
    scaled = ShareRegression.fit(features, share, weights=times * 250.0)
    np.testing.assert_allclose(scaled.inference.covariance, weighted.inference.covariance, rtol=1e-9)
    np.testing.assert_allclose(scaled.interval(features), weighted.interval(features), rtol=1e-9)


def test_order_of_customers_changes_no_mean() -> None:
    features, share = survey()
    order = np.random.default_rng(2).permutation(120)
    one, other = ShareRegression.fit(features, share), ShareRegression.fit(features[order], share[order])
    np.testing.assert_allclose(other.share(features), one.share(features), rtol=1e-10)


def test_order_of_customers_changes_no_interval() -> None:
    rng = np.random.default_rng(3)
    x = rng.normal(size=60)
    share = rng.binomial(4, 1 / (1 + np.exp(-x))) / 4
    places = [[0.5], [1.0], [-2.0]]
    one = ShareRegression.fit(x[:, None], share).interval(places)
    for _ in range(3):
        rows = rng.permutation(60)
        np.testing.assert_allclose(ShareRegression.fit(x[rows, None], share[rows]).interval(places), one, rtol=1e-8)


def test_very_many_rows_in_turn_hold_what_they_say() -> None:
    rng = np.random.default_rng(1)
    kind = np.tile([0, 1], 20_500)
    mean = 1 / (1 + np.exp(-0.5 * rng.normal(size=kind.size)))
    x, size = np.column_stack([np.log(mean / (1 - mean)), kind]), np.where(kind == 0, 200.0, 2.0)
    share = rng.beta(size * mean, size * (1 - mean))
    low, high = ShareRegression.fit(x, share).interval(x)
    assert np.mean((low <= share) & (share <= high)) == pytest.approx(0.9, abs=0.01)


def test_a_share_of_0_and_1_only_is_a_logit_and_its_interval_says_so() -> None:
    rng = np.random.default_rng(5)
    features = rng.normal(size=(300, 1))
    bought = rng.random(300) < expit(2 * features[:, 0])
    model = ShareRegression.fit(features, bought)
    assert model.dispersion > 0.9
    low, high = model.interval([[-2.5], [0.0], [2.5]])
    np.testing.assert_allclose(low, [0, 0, 1], atol=1e-12)
    np.testing.assert_allclose(high, [0, 1, 1], atol=1e-12)


def test_large_means_beside_small_spreads_cost_no_digits() -> None:
    features, share = survey(k=1)
    year = 2_000_000 + features
    one, other = ShareRegression.fit(features, share), ShareRegression.fit(year, share)
    np.testing.assert_allclose(other.interval(year, kind="mean"), one.interval(features, kind="mean"), rtol=1e-7)


# --- in and out


def test_any_table_gives_the_same_and_columns_are_found_by_name() -> None:
    features, share = survey(k=2)
    table = {"age": features[:, 0], "visits": features[:, 1]}
    models = [ShareRegression.fit(kind(table), share) for kind in (dict, pd.DataFrame, pl.DataFrame)]
    models.append(ShareRegression.fit(features, share, names=["age", "visits"]))
    assert models[0] == models[1] == models[2] == models[3]
    turned = pd.DataFrame({"other": 1, "visits": features[:, 1], "age": features[:, 0]})
    np.testing.assert_array_equal(models[0].share(turned), models[0].share(features))


def test_round_trips_and_does_not_touch_its_input() -> None:
    features, share = survey()
    before = features.copy(), share.copy()
    model = ShareRegression.fit(features, share)
    np.testing.assert_array_equal(features, before[0])
    np.testing.assert_array_equal(share, before[1])
    again = ShareRegression.from_dict(json.loads(json.dumps(model.to_dict())))
    assert again == model
    assert pickle.loads(pickle.dumps(model)) == model
    np.testing.assert_array_equal(again.interval(features), model.interval(features))
    assert model != ShareRegression.fit(features, share[::-1])
    with pytest.raises(ValueError, match="read-only"):
        model.linear.point[0] = 0


def test_reads_as_a_table() -> None:
    features, share = survey(k=2)
    model = ShareRegression.fit({"age": features[:, 0], "visits": features[:, 1]}, share)
    assert repr(model).startswith("ShareRegression on age, visits: 120 surveyed customers, dispersion 0.")
    inference = model.inference
    assert list(inference.parameters) == list(inference.standard_errors) == ["intercept", "age", "visits"]
    frame = inference.to_frame("pandas", level=0.9)
    assert list(frame.columns) == ["name", "estimate", "standard_error", "low", "high"]
    low, high = inference.confidence_intervals(0.9)["age"]
    assert (frame["low"][1], frame["high"][1]) == (low, high)
    assert "<table>" in inference._repr_html_()


# --- input checks


def test_percent_are_told_apart_from_nonsense() -> None:
    features, share = survey()
    with pytest.raises(InvalidInputError, match=r"`share` must lie between 0 and 1: .*\n.*Did you pass percent"):
        ShareRegression.fit(features, 100 * share)
    with pytest.raises(InvalidInputError, match=r"120 rows break this .*\n.*own spend divided by the wallet"):
        ShareRegression.fit(features, -1 - share)


def test_all_problems_at_once() -> None:
    features = np.column_stack([np.arange(40.0), np.full(40, 7.0), 2 * np.arange(40.0)])
    share = np.full(40, 0.5)
    share[3] = 1.5
    with pytest.raises(InvalidInputError) as caught:
        ShareRegression.fit(features, share, weights=np.r_[0.0, np.ones(39)], names=["age", "branch", "months"])
    text = str(caught.value)
    for part in ("`share` must lie", "row 3, share=1.5", "`weights` must be positive", "'branch' is constant"):
        assert part in text
    assert "'months' is a linear combination of 'age'" in text


def test_small_samples() -> None:
    features, share = survey(n=12, k=3)
    with pytest.warns(AssumptionWarning, match="12 surveyed customers for 4 coefficients are fewer than 10 for each"):
        ShareRegression.fit(features, share)
    with pytest.raises(InvalidInputError, match="4 customers are too few for 4 coefficients"):
        ShareRegression.fit(features[:4], share[:4])


def test_lengths_and_missing_values() -> None:
    features, share = survey()
    with pytest.raises(InvalidInputError, match="features 120, share 119"):
        ShareRegression.fit(features, share[1:])
    with pytest.raises(InvalidInputError, match="`share` must be a finite number: 1 row breaks this"):
        ShareRegression.fit(features, np.r_[np.nan, share[1:]])


def test_other_columns_at_the_prediction() -> None:
    features, share = survey(k=2)
    model = ShareRegression.fit({"age": features[:, 0], "visits": features[:, 1]}, share)
    with pytest.raises(InvalidInputError, match="there is no column 'visits'"):
        model.share({"age": features[:, 0], "visit": features[:, 1]})
    with pytest.raises(InvalidInputError, match=r"must have 2 \(age, visits\) columns, and has 1"):
        model.share(features[:, :1])
    with pytest.raises(InvalidInputError, match="must be a finite number"):
        model.share([[np.nan, 1.0]])
    with pytest.raises(InvalidInputError, match="at least one customer"):
        model.share(np.empty((0, 2)))


def test_kind_and_level() -> None:
    features, share = survey()
    model = ShareRegression.fit(features, share)
    with pytest.raises(InvalidInputError, match='`kind` must be "new customer" or "mean", and is \'median\''):
        model.interval(features, kind="median")  # type: ignore[arg-type]
    with pytest.raises(InvalidInputError, match="`level` must lie between 0 and 1"):
        model.interval(features, 90)
    with pytest.raises(InvalidInputError, match="`level` must lie between 0 and 1"):
        model.average_partial_effects(features, level=0)


@pytest.mark.parametrize("edge", [0.0, 1.0])
def test_a_group_that_has_only_one_share_separates(edge: float) -> None:
    features, share = survey(k=2)
    share = np.clip(share, 0.1, 0.9)
    features[:, 1] = np.arange(120) < 11
    share[:11] = edge
    direction = "minus" if edge == 0 else "plus"
    with pytest.raises(ConvergenceError, match=f"the 11 customers .* run away: 'branch' to {direction} infinity"):
        ShareRegression.fit(features, share, names=["age", "branch"])


def test_separated_and_equal_shares() -> None:
    features = np.linspace(-1, 1, 60)[:, None]
    with pytest.raises(ConvergenceError, match="run away: 'x1' to plus infinity"):
        ShareRegression.fit(features, features[:, 0] > 0)
    with pytest.raises(ConvergenceError, match="all 60 surveyed customers have a share of 1"):
        ShareRegression.fit(features, np.ones(60))


def test_equal_shares_inside_are_a_fit() -> None:
    features, _ = survey()
    model = ShareRegression.fit(features, np.full(120, 0.25))
    np.testing.assert_allclose(model.share(features), 0.25)
    np.testing.assert_allclose(model.interval(features), 0.25, atol=2e-3)
