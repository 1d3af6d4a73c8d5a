"""Calibration tables against group means by hand; cross-validation predicts each customer without himself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import t

from customervalue.errors import InvalidInputError
from customervalue.wallet import ShareRegression, WalletRegression, calibration_table, cross_validate


def nothing(features: Any, target: Any) -> Any:
    """A fit that is never reached."""
    raise AssertionError(features, target)


def twice(_features: Any, _target: Any) -> Any:
    """A fit whose predictions are two columns."""
    return lambda new: (new["place"], -new["place"])


def test_groups_by_hand() -> None:
    rng = np.random.default_rng(1)
    predicted = rng.random(1_000)
    actual = np.clip(predicted + 0.1 * rng.normal(size=1_000), 0, 1)
    table = calibration_table(predicted, actual, bins=10, level=0.95)
    groups = np.array_split(np.argsort(predicted), 10)
    np.testing.assert_array_equal(table.customers, 100)
    np.testing.assert_allclose(table.mean_predicted, [predicted[g].mean() for g in groups])
    np.testing.assert_allclose(table.mean_actual, [actual[g].mean() for g in groups])
    half = [t.ppf(0.975, 99) * actual[g].std(ddof=1) / 10 for g in groups]
    np.testing.assert_allclose(table.high - table.mean_actual, half)
    np.testing.assert_allclose(table.mean_actual - table.low, half)
    assert (table.overall_predicted, table.overall_actual) == pytest.approx((predicted.mean(), actual.mean()))


@given(st.lists(st.integers(0, 5), min_size=1, max_size=60), st.integers(1, 12))
@settings(max_examples=25)
def test_equal_predictions_stay_together_and_nobody_is_lost(predicted: list[int], bins: int) -> None:
    table = calibration_table(predicted, predicted, bins=bins)
    assert table.customers.sum() == len(predicted)
    assert len(table.customers) <= min(bins, len(set(predicted)))
    assert np.all(np.diff(table.mean_predicted) > 0)
    np.testing.assert_allclose(table.mean_predicted, table.mean_actual)


def test_weights_count_in_means_and_coverage() -> None:
    predicted, actual, weights = [1.0, 1.0, 2.0, 2.0], [1.0, 4.0, 2.0, 6.0], [1, 3, 1, 1]
    table = calibration_table(predicted, actual, bins=2, weights=weights, low=[0, 0, 0, 0], high=[3, 3, 3, 3])
    np.testing.assert_allclose(table.mean_actual, [3.25, 4])
    assert table.coverage is not None
    np.testing.assert_allclose(table.coverage, [0.25, 0.5])
    assert table.overall_coverage == pytest.approx(2 / 6)
    same = calibration_table(predicted, actual, bins=2, weights=np.full(4, 8.0))
    np.testing.assert_allclose(same.low, calibration_table(predicted, actual, bins=2).low)


def test_reads_as_a_table() -> None:
    table = calibration_table([0.1, 0.2, 0.7], [0, 0, 1], bins=2, low=[0, 0, 0], high=[0.5, 0.5, 0.5])
    assert (
        repr(table).splitlines()[0]
        == "Calibration of 3 customers: predicted 0.3333, actual 0.3333, intervals held 66.7%"
    )
    assert list(table.to_frame("pandas").columns)[-1] == "coverage"
    assert np.isnan(table.low[0])  # one customer has no spread
    assert table.to_dict()["low"][0] is None


def test_cross_validation_leaves_each_customer_out() -> None:
    target = np.arange(20.0)

    def others(x: dict[str, np.ndarray], y: np.ndarray):  # noqa: ANN202
        assert set(x) == {"place"}
        assert not set(x["place"]) - set(y)
        return lambda new: np.isin(new["place"], y).astype(float)

    seen = cross_validate(others, {"place": target}, target, 7, rng=1)
    np.testing.assert_array_equal(seen, 0)
    by_fold = cross_validate(twice, {"place": target}, target, 4, rng=2)
    np.testing.assert_array_equal(by_fold, [target, -target])


def test_cross_validation_of_a_share_regression_is_repeatable() -> None:
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({"age": rng.normal(size=150), "visits": rng.normal(size=150)})
    share = rng.beta(2, 2, 150)
    one, other = (
        cross_validate(lambda x, y: ShareRegression.fit(x, y).share, frame, share, 5, rng=4) for _ in range(2)
    )
    np.testing.assert_array_equal(one, other)
    assert np.all((one > 0) & (one < 1))


def test_what_fit_gives_is_checked() -> None:
    x, y = np.arange(20.0)[:, None], np.arange(20.0)
    with pytest.raises(InvalidInputError, match="must give a function of features, and gave a int"):
        cross_validate(lambda *_: 3, x, y, 4, 1)  # type: ignore[arg-type, return-value]
    with pytest.raises(InvalidInputError, match=r"must predict each of 5 customers, and gave shape \(\)"):
        cross_validate(lambda *_: lambda _: 3.0, x, y, 4, 1)


def test_own_spend_goes_along() -> None:
    rng = np.random.default_rng(1)
    own = rng.lognormal(3, 0.5, 60)
    columns, wallet = {"log own": np.log(own), "own": own}, own * rng.uniform(1, 3, 60)

    def fit(x: Any, y: Any) -> Any:
        model = WalletRegression.fit(x, y, own_spend=x["own"], names=["log own"])
        return lambda new: model.wallet(new, own_spend=new["own"])

    assert np.all(cross_validate(fit, columns, wallet, 5, 1) >= own)


def test_input_checks() -> None:
    with pytest.raises(InvalidInputError, match="predicted 2, actual 1"):
        calibration_table([1, 2], [1])
    with pytest.raises(InvalidInputError, match="`actual` must be a finite number: 1 row breaks this"):
        calibration_table([1, 2], [1, np.nan])
    with pytest.raises(InvalidInputError, match="`low` and `high` must be given both, or neither"):
        calibration_table([1, 2], [1, 2], low=[0, 0])
    with pytest.raises(InvalidInputError, match=r"`low` must not exceed `high`: 1 row breaks this \(first: row 1"):
        calibration_table([1, 2], [1, 2], low=[0, 3], high=[1, 2])
    with pytest.raises(InvalidInputError, match="`weights` must be positive"):
        calibration_table([1, 2], [1, 2], weights=[0, 1])
    with pytest.raises(InvalidInputError, match="`bins` must be a whole number, 1 or more, and is 0"):
        calibration_table([1, 2], [1, 2], bins=0)
    with pytest.raises(InvalidInputError, match="`level` must lie between 0 and 1"):
        calibration_table([1, 2], [1, 2], level=95)
    with pytest.raises(InvalidInputError, match="`folds` must not exceed the 2 customers, and is 3"):
        cross_validate(nothing, [[1.0], [2.0]], [1, 2], 3, rng=1)
    with pytest.raises(InvalidInputError, match="`folds` must be a whole number, 2 or more"):
        cross_validate(nothing, [[1.0], [2.0]], [1, 2], 1, rng=1)
