"""The wallet frontier: what it is by definition, and that it is put to use as it should be."""

from __future__ import annotations

import json
import warnings
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from customervalue.errors import AssumptionWarning
from customervalue.numerics.quantile_regression import quantile_regression
from customervalue.wallet import WalletFrontier, pinball_loss

Columns = dict[str, Any]


def customers(n: int = 400, seed: int = 1) -> tuple[Columns, Any]:
    """Employees, branch, and spend that is a random share of a wallet that grows with employees."""
    rng = np.random.default_rng(seed)
    features = {"employees": rng.integers(1, 60, n), "branch": rng.integers(0, 2, n)}
    spend = (500 + 80 * features["employees"] + 300 * features["branch"]) * rng.beta(2, 2, n)
    return features, spend


class Trees:
    """The quantile within each of a few equal groups of the first feature: a regressor that is not linear."""

    def __init__(self, quantile: float = 0.5, groups: int = 4) -> None:
        self.quantile, self.groups = quantile, groups

    def fit(self, x: Any, y: Any) -> Trees:
        self.edges = np.quantile(x[:, 0], np.linspace(0, 1, self.groups + 1)[1:-1])
        place = np.searchsorted(self.edges, x[:, 0])
        self.values = np.array([np.quantile(y[place == g], self.quantile) for g in range(self.groups)])
        return self

    def predict(self, x: Any) -> Any:
        return self.values[np.searchsorted(self.edges, x[:, 0])]


class Constant:
    """A regressor that takes weights and predicts one number whatever happens."""

    def __init__(self, value: float) -> None:
        self.value = value

    def fit(self, x: Any, y: Any, sample_weight: Any = None) -> Constant:
        del x, y
        self.weights = sample_weight
        return self

    def predict(self, x: Any) -> Any:
        return np.full(len(x), self.value)


# ---- by definition


def test_the_linear_frontier_is_the_quantile_regression() -> None:
    features, spend = customers()
    frontier = WalletFrontier.fit(features, spend, 0.9)
    design = np.column_stack([np.ones(400), features["employees"], features["branch"]])
    assert frontier.coefficients is not None
    assert frontier.coefficients[0] == pytest.approx(quantile_regression(design, spend, 0.9), rel=1e-12)
    assert frontier.wallet(features) == pytest.approx(design @ frontier.coefficients[0], rel=1e-12)


@settings(max_examples=15)
@given(seed=st.integers(0, 1000), q=st.floats(0.1, 0.95))
def test_a_share_of_the_quantile_lies_at_or_below(seed: int, q: float) -> None:
    features, spend = customers(200, seed)
    frontier = WalletFrontier.fit(features, spend, q)
    assert frontier.fitted is not None
    # Three rows lie on the fit; which of them rounding puts above it is open.
    assert abs(frontier.fitted.share_under[0] - q) <= 3.5 / 200


@settings(max_examples=15)
@given(seed=st.integers(0, 1000), factor=st.floats(0.01, 1000))
def test_another_currency_changes_nothing_else(seed: int, factor: float) -> None:
    features, spend = customers(100, seed)
    for scale in ("money", "log"):
        one = WalletFrontier.fit(features, spend, 0.8, scale=scale)
        other = WalletFrontier.fit(features, factor * spend, 0.8, scale=scale)
        assert other.wallet(features) == pytest.approx(factor * one.wallet(features), rel=1e-7)


def test_another_unit_of_a_feature_changes_nothing() -> None:
    features, spend = customers()
    moved = {"employees": 1000 * features["employees"] + 7, "branch": 1 - features["branch"]}
    one, other = WalletFrontier.fit(features, spend), WalletFrontier.fit(moved, spend)
    assert one.wallet(features) == pytest.approx(other.wallet(moved), rel=1e-9)


def test_weights_are_repeated_rows() -> None:
    features, spend = customers(150)
    times = np.random.default_rng(1).integers(0, 4, 150)
    repeated = {name: np.repeat(column, times) for name, column in features.items()}
    one = WalletFrontier.fit(features, spend, 0.87, weights=times)
    other = WalletFrontier.fit(repeated, np.repeat(spend, times), 0.87)
    assert one.wallet(features) == pytest.approx(other.wallet(features), rel=1e-9)
    assert one.fitted is not None
    assert other.fitted is not None
    assert one.fitted.to_dict() == other.fitted.to_dict()
    judged = one.score(features, spend, weights=times), other.score(repeated, np.repeat(spend, times))
    for name in ("loss", "constant_loss", "skill", "share_under", "n_customers"):
        assert getattr(judged[0], name) == pytest.approx(getattr(judged[1], name), rel=1e-9)
    groups = one.coverage(features, spend, weights=times, groups=4), other.coverage(repeated, np.repeat(spend, times))
    assert groups[0].customers.sum() == groups[1].customers.sum() == times.sum()


@pytest.mark.parametrize("offset", [1e6, 1e10, 1e11])
def test_features_far_from_zero_have_the_same_frontier(offset: float) -> None:
    features, spend = customers()
    moved = {"employees": features["employees"] + offset, "branch": features["branch"]}
    near, far = (
        WalletFrontier.fit(features, spend, bootstrap=3, rng=1),
        WalletFrontier.fit(moved, spend, bootstrap=3, rng=1),
    )
    assert far.wallet(moved) == pytest.approx(near.wallet(features), rel=1e-15 * offset + 1e-9)
    assert far.interval(moved, level=0.3)[0] == pytest.approx(
        near.interval(features, level=0.3)[0], rel=1e-15 * offset + 1e-9
    )


def test_quantiles_come_in_any_column() -> None:
    features, spend = customers(100)
    quantiles = (0.7, 0.8)
    for column in (pd.Series(quantiles), np.array(quantiles), list(quantiles)):
        assert WalletFrontier.fit(features, spend, column).quantiles == quantiles


# ---- wallet and headroom


def test_never_below_own_spend_nor_below_zero() -> None:
    frontier = WalletFrontier([[-100, 50]], ["employees"], quantile=0.9)
    x, own = {"employees": [1, 4, 10]}, [0.0, 30, 1000]
    assert frontier.wallet(x).tolist() == [0, 100, 400]
    assert frontier.wallet(x, own).tolist() == [0, 100, 1000]
    assert frontier.headroom(x, own).tolist() == [0, 70, 0]
    assert frontier.diagnostics(x).below_zero == 1


def test_several_quantiles_rise_for_every_customer() -> None:
    crossing = WalletFrontier([[0, 10], [20, 5]], ["size"], quantile=(0.8, 0.9))
    x = [[1], [4], [10]]
    assert crossing.wallet(x).tolist() == [[10, 25], [40, 40], [70, 100]]
    assert crossing.wallet(x, [30, 30, 30]).tolist() == [[30, 30], [40, 40], [70, 100]]
    assert crossing.headroom(x, [30, 30, 30]).tolist() == [[0, 0], [10, 10], [40, 70]]
    assert crossing.diagnostics(x).crossing == 1


def test_putting_quantiles_in_order_never_makes_the_loss_larger() -> None:
    features, spend = customers(60, 3)
    quantiles = (0.5, 0.6, 0.7, 0.8)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AssumptionWarning)
        frontier = WalletFrontier.fit(features, spend, quantiles)
    far = {"employees": np.linspace(-50, 110, 199), "branch": np.zeros(199)}
    truth = np.random.default_rng(1).uniform(0, 9000, 199)
    ordered = frontier.wallet(far)
    raw = np.maximum(frontier._raw(np.column_stack([far["employees"], far["branch"]])), 0)
    losses = [sum(pinball_loss(truth, values[:, i], q) for i, q in enumerate(quantiles)) for values in (ordered, raw)]
    assert frontier.diagnostics(far).crossing > 0
    assert (np.diff(ordered) >= 0).all()
    assert losses[0] <= losses[1] + 1e-12


def test_the_logarithm_makes_features_multiply() -> None:
    rng = np.random.default_rng(2)
    size = rng.uniform(0, 4, 3_000)
    spend = np.exp(1 + 0.5 * size + rng.normal(0, 0.3, 3_000))
    spend[rng.random(3_000) < 0.2] = 0
    frontier = WalletFrontier.fit(size[:, None], spend, 0.9, scale="log")
    # One in five spends nothing, so that the 0.9 quantile of all is the 0.875 quantile of those who spend.
    expected = np.exp(1 + 0.5 * np.array([1.0, 3.0]) + 0.3 * 1.1503494)
    assert frontier.wallet([[1], [3]]) == pytest.approx(expected, rel=0.06)
    assert (frontier.wallet([[-3.0]]) > 0).all()


# ---- any table of features


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame, lambda d: pl.LazyFrame(d), pa.table, dict])
def test_columns_are_found_by_name(make: Any) -> None:
    features, spend = customers(100)
    frontier = WalletFrontier.fit(make(features), spend, 0.8)
    turned = make({"unused": np.arange(100), "branch": features["branch"], "employees": features["employees"]})
    assert frontier.names == ("employees", "branch")
    assert frontier.wallet(turned).tolist() == frontier.wallet(features).tolist()


def test_arrays_are_taken_in_order_and_named() -> None:
    features, spend = customers(100)
    matrix = np.column_stack(list(features.values()))
    before = matrix.copy()
    frontier = WalletFrontier.fit(matrix, spend, 0.8, names=["employees", "branch"])
    assert frontier.wallet(features).tolist() == frontier.wallet(matrix).tolist()
    assert WalletFrontier.fit(matrix, spend, 0.8).names == ("x1", "x2")
    assert WalletFrontier.fit(pd.DataFrame(features), spend, 0.8, names=["branch"]).names == ("branch",)
    assert (matrix == before).all()


# ---- how sure


def test_intervals_hold_the_frontier_and_narrow_with_more_customers() -> None:
    width = []
    for n in (200, 3_200):
        features, spend = customers(n, 5)
        frontier = WalletFrontier.fit(features, spend, 0.8, bootstrap=60, rng=1)
        low, high = frontier.interval(features, level=0.9)
        assert (low < high).all()
        inside = (low <= frontier.wallet(features)) & (frontier.wallet(features) <= high)
        assert inside.mean() > 0.95
        width.append(float(np.mean(high - low)))
    # Sixteen times as many customers: a quarter of the width, give or take.
    assert width[0] / width[1] == pytest.approx(4, rel=0.35)


def test_intervals_are_reproducible_and_respect_own_spend() -> None:
    features, spend = customers(150)
    one, other = (WalletFrontier.fit(features, spend, (0.7, 0.8), bootstrap=40, rng=3) for _ in range(2))
    low, high = one.interval(features, spend, level=0.8)
    assert low.shape == high.shape == (150, 2)
    assert (low >= spend[:, None]).all()
    assert np.array_equal(low, other.interval(features, spend, level=0.8)[0])
    wider = one.interval(features, level=0.95)
    assert (wider[0] <= one.interval(features, level=0.5)[0]).all()


def test_refits_of_a_regressor_are_of_customers_drawn_anew() -> None:
    features, spend = customers(200)
    frontier = WalletFrontier.fit(features, spend, 0.8, Trees(0.8), bootstrap=40, rng=1)
    low, high = frontier.interval(features)
    assert (low < high).all()
    assert (low <= frontier.wallet(features)).mean() > 0.9


# ---- how good


def test_score_is_the_pinball_loss_beside_that_of_one_number() -> None:
    features, spend = customers(600, 7)
    half = {name: column[:300] for name, column in features.items()}
    rest = {name: column[300:] for name, column in features.items()}
    frontier = WalletFrontier.fit(half, spend[:300], (0.8, 0.9))
    judged = frontier.score(rest, spend[300:])
    constant = [float(np.quantile(spend[:300], q, method="inverted_cdf")) for q in (0.8, 0.9)]
    for i, q in enumerate((0.8, 0.9)):
        assert judged.loss[i] == pytest.approx(pinball_loss(spend[300:], frontier.wallet(rest)[:, i], q))
        assert judged.constant_loss[i] == pytest.approx(pinball_loss(spend[300:], constant[i], q))
        assert judged.skill[i] == pytest.approx(1 - judged.loss[i] / judged.constant_loss[i])
        assert judged.share_under[i] == np.mean(spend[300:] <= frontier.wallet(rest)[:, i])
    assert (judged.skill > 0.3).all()


def test_no_skill_where_features_tell_nothing() -> None:
    rng = np.random.default_rng(8)
    x, spend = rng.normal(size=(4_000, 3)), rng.gamma(2, 100, 4_000)
    assert abs(WalletFrontier.cross_validate(x, spend, 0.9, rng=1)[0].skill[0]) < 0.01


def test_coverage_of_groups_adds_up() -> None:
    features, spend = customers(500, 9)
    frontier = WalletFrontier.fit(features, spend, (0.5, 0.9))
    table = frontier.coverage(features, spend, groups=5)
    for i, q in enumerate((0.5, 0.9)):
        rows = table.quantile == q
        assert table.group[rows].tolist() == [1, 2, 3, 4, 5]
        assert table.customers[rows].sum() == 500
        assert (np.diff(table.frontier[rows]) > 0).all()
        assert frontier.fitted is not None
        share = table.customers[rows] @ table.share_under[rows] / 500
        assert share == pytest.approx(frontier.fitted.share_under[i])
        assert ((table.low[rows] <= table.share_under[rows]) & (table.share_under[rows] <= table.high[rows])).all()


def test_equal_frontiers_are_one_group() -> None:
    table = WalletFrontier([[100, 0.0]], ["size"]).coverage(np.arange(20)[:, None], np.arange(20) * 10, groups=10)
    assert table.customers.tolist() == [20]
    assert table.share_under.tolist() == [0.55]


def test_cross_validation_judges_by_the_others() -> None:
    features, spend = customers(200, 10)
    judged, coverage = WalletFrontier.cross_validate(features, spend, 0.8, folds=4, rng=2)
    part = np.random.default_rng(2).permutation(np.arange(200) % 4)
    expected = 0.0
    for i in range(4):
        others = {name: column[part != i] for name, column in features.items()}
        left = {name: column[part == i] for name, column in features.items()}
        model = WalletFrontier.fit(others, spend[part != i], 0.8)
        expected += pinball_loss(spend[part == i], model.wallet(left), 0.8) / 4
    assert judged.loss[0] == pytest.approx(expected)
    assert coverage.customers.sum() == 200


def test_the_true_quantile_has_the_smallest_loss() -> None:
    y = np.random.default_rng(11).exponential(size=20_000)
    losses = [pinball_loss(y, -np.log(1 - p), 0.9) for p in (0.85, 0.9, 0.94)]
    assert min(losses) == losses[1]
    assert pinball_loss([10, 10, 0], [8, 12, 5], 0.9, weights=[1, 1, 0]) == pytest.approx(1.0)


# ---- regressors of others


def test_a_regressor_is_used_and_not_touched() -> None:
    features, spend = customers()
    mine = Trees(0.9)
    frontier = WalletFrontier.fit(features, spend, 0.9, mine)
    assert not hasattr(mine, "edges")
    assert frontier.regressors is not None
    matrix = np.column_stack(list(features.values()))
    assert frontier.wallet(features).tolist() == Trees(0.9).fit(matrix, spend).predict(matrix).tolist()
    assert frontier.to_frame()["regressor"].tolist() == ["Trees"]
    assert frontier.fitted is not None
    assert frontier.fitted.share_under[0] == pytest.approx(0.9, abs=0.02)


def test_a_function_makes_one_regressor_for_each_quantile() -> None:
    features, spend = customers()
    frontier = WalletFrontier.fit(features, spend, (0.5, 0.9), lambda q: Trees(q))
    assert frontier.wallet(features).shape == (400, 2)
    assert frontier.regressors is not None
    assert [one.quantile for one in frontier.regressors] == [0.5, 0.9]
    judged, _ = WalletFrontier.cross_validate(features, spend, (0.5, 0.9), lambda q: Trees(q), rng=1)
    assert judged.skill.min() > 0


def test_weights_are_passed_on() -> None:
    features, spend = customers(100)
    frontier = WalletFrontier.fit(features, spend, 0.9, Constant(float(np.quantile(spend, 0.9))), weights=np.ones(100))
    assert frontier.regressors is not None
    assert frontier.regressors[0].weights.tolist() == [1.0] * 100


# ---- as a value


def test_round_trip_and_equality() -> None:
    features, spend = customers(100)
    for quantile in (0.8, (0.7, 0.8)):
        frontier = WalletFrontier.fit(features, spend, quantile, scale="log", bootstrap=5, rng=1)
        back = WalletFrontier.from_dict(json.loads(json.dumps(frontier.to_dict())))
        assert back == frontier
        assert hash(back) == hash(frontier)
        assert back.to_dict() == frontier.to_dict()
        assert back.wallet(features).tolist() == frontier.wallet(features).tolist()
        assert back.diagnostics(features) == frontier.diagnostics(features)
    assert frontier != WalletFrontier.fit(features, spend, 0.8)
    assert frontier != "a frontier"
    trees = WalletFrontier.fit(features, spend, 0.8, Trees(0.8))
    assert trees == trees
    assert trees != WalletFrontier.fit(features, spend, 0.8)


def test_a_frontier_is_read_as_a_table() -> None:
    features, spend = customers(100)
    frontier = WalletFrontier.fit(features, spend, (0.7, 0.8), bootstrap=5, rng=1)
    assert "Linear wallet frontier, from 100 customers (money)" in repr(frontier)
    assert list(frontier.to_frame()) == [
        "feature",
        "0.7 quantile",
        "0.7 standard error",
        "0.8 quantile",
        "0.8 standard error",
    ]
    assert frontier.to_frame("pandas")["feature"].tolist() == ["intercept", "employees", "branch"]
    assert "<table>" in frontier._repr_html_()
    assert "pinball loss" in repr(frontier.score(features, spend))
    assert "from the lowest frontier" in repr(frontier.coverage(features, spend))
    assert frontier.coefficients is not None
    with pytest.raises(ValueError, match="read-only"):
        frontier.coefficients[0, 0] = 1


def test_diagnostics_count_customers_outside_the_fit() -> None:
    features, spend = customers(100)
    frontier = WalletFrontier.fit(features, spend, 0.8)
    assert frontier.diagnostics(features).outside == 0
    assert frontier.diagnostics({"employees": [5, 500, -1], "branch": [0, 1, 0]}).outside == 2
