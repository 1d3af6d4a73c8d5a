"""Overlap of the surveyed and the rest: leverages and distances by hand, chance told from extrapolation, warnings."""

from __future__ import annotations

import json
import math
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from customervalue.errors import AssumptionWarning, InvalidInputError
from customervalue.wallet import ShareRegression, WalletRegression, overlap
from customervalue.wallet._regression_space import Surveyed, more_than_chance


def both(n: int = 200, m: int = 1_500, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Two features, related, of surveyed customers and of others like them."""
    rng = np.random.default_rng(seed)
    mix = np.array([[1.0, 0.8], [0.0, 0.6]])
    return 50 + rng.normal(size=(n, 2)) @ mix, 50 + rng.normal(size=(m, 2)) @ mix


def test_leverage_is_that_of_the_hat_matrix() -> None:
    surveyed, rest = both()
    found = overlap(surveyed, rest)
    design, others = (np.column_stack([np.ones(len(x)), x]) for x in (surveyed, rest))
    inverse = np.linalg.inv(design.T @ design)
    np.testing.assert_allclose(found.leverage, np.einsum("ij,jk,ik->i", others, inverse, others), rtol=1e-8)
    left = []
    for i in range(len(design)):
        kept = np.delete(design, i, axis=0)
        left.append(design[i] @ np.linalg.inv(kept.T @ kept) @ design[i])
    assert found.largest_leverage == pytest.approx(max(left), rel=1e-8)


def test_differences_and_worth_by_hand() -> None:
    surveyed, rest = both()
    rest = rest + np.array([1.0, 0.0])
    found = overlap(surveyed, rest, names=["age", "visits"])
    apart = rest.mean(axis=0) - surveyed.mean(axis=0)
    np.testing.assert_allclose(found.standardized_difference, apart / np.sqrt((rest.var(0) + surveyed.var(0)) / 2))
    # Linear weights that move the means of the surveyed to those of the rest.
    centred = surveyed - surveyed.mean(axis=0)
    weights = 1 + centred @ np.linalg.solve(centred.T @ centred / 200, apart)
    np.testing.assert_allclose(np.average(surveyed, axis=0, weights=weights), rest.mean(axis=0))
    assert found.effective_sample_size == pytest.approx(weights.sum() ** 2 / np.sum(weights**2), rel=1e-9)
    np.testing.assert_array_equal(found.below, (rest < surveyed.min(axis=0)).sum(axis=0))
    np.testing.assert_array_equal(found.above, (rest > surveyed.max(axis=0)).sum(axis=0))


def test_a_combination_that_does_not_occur_is_seen() -> None:
    surveyed, _ = both()
    found = overlap(surveyed, [[52.0, 48.0]])
    assert found.extrapolated[0]
    assert found.below.sum() + found.above.sum() == 0


def test_the_same_customers_overlap() -> None:
    surveyed, _ = both()
    found = overlap(surveyed, surveyed)
    np.testing.assert_allclose(found.standardized_difference, 0, atol=1e-12)
    assert found.effective_sample_size == pytest.approx(200)
    assert not found.extrapolated.any()
    assert found.verdict == "The rest are much like the surveyed in these features."


def test_few_of_the_rest_have_no_mean() -> None:
    rng = np.random.default_rng(1)
    found = overlap(rng.normal(size=(100, 1)), [[1.0]])
    assert found.verdict == "None lies far from the surveyed; 1 of the rest are too few to compare means."


def test_verdicts() -> None:
    surveyed, rest = both()
    assert "much like" in overlap(surveyed, rest).verdict
    inner = 50.5 + 0.3 * (rest - 50)
    found = overlap(surveyed, inner, names=["age", "visits"])
    assert not found.extrapolation
    assert found.verdict.startswith("The rest differ from the surveyed, most in '")
    found = overlap(surveyed, rest + np.array([4, 0]), names=["age", "visits"])
    assert found.extrapolation
    assert found.verdict.endswith("what a regression says of them is extrapolation.")
    assert "'age' above" in found.verdict
    assert "Overlap of 1,500 customers with 200 surveyed" in repr(found)
    assert list(found.to_frame("pandas").columns)[:3] == ["name", "surveyed_mean", "rest_mean"]


@given(st.integers(1, 30), st.integers(1, 30), st.data())
@settings(max_examples=25)
def test_chance_of_so_many_beyond(others: int, size: int, data: st.DataObject) -> None:
    count = data.draw(st.integers(0, others))
    chance = math.comb(others, count) / math.comb(others + size, count)
    if abs(chance - 0.001) > 1e-9:
        assert more_than_chance(count, others, size) == (chance < 0.001)


def test_random_samples_are_seldom_warned_of() -> None:
    false = sum(overlap(*both(n=100, m=1_000, seed=seed)).extrapolation for seed in range(200))
    assert false <= 2  # one in a thousand, and customers far out by chance


@pytest.mark.parametrize("call", ["share", "interval", "average_partial_effects", "wallet", "wallet interval", "draws"])
def test_every_prediction_warns_of_extrapolation(call: str) -> None:
    surveyed, rest = both()
    rng = np.random.default_rng(1)
    shares = ShareRegression.fit(surveyed, rng.beta(2, 2, 200), names=["age", "visits"])
    wallets = WalletRegression.fit(surveyed, np.exp(rng.normal(size=200)), names=["age", "visits"])
    calls = {
        "share": shares.share,
        "interval": shares.interval,
        "average_partial_effects": shares.average_partial_effects,
        "wallet": wallets.wallet,
        "wallet interval": wallets.interval,
        "draws": lambda x: wallets.draws(x, 2, rng=1),
    }
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        calls[call](rest)
    with pytest.warns(
        AssumptionWarning, match=r"of 1,500 customers lie where nobody was surveyed: 'age' above"
    ) as seen:
        calls[call](rest + np.array([5, 0]))
    assert [w.filename for w in seen] == [__file__]
    with pytest.warns(AssumptionWarning, match=r"1 of 1 customers lies where nobody was surveyed: values that do not"):
        calls[call](np.array([[52.6, 47.3]]))


def test_a_model_knows_its_overlap_without_the_data() -> None:
    surveyed, rest = both()
    model = ShareRegression.fit(surveyed, np.random.default_rng(1).beta(2, 2, 200))
    again = ShareRegression.from_dict(json.loads(json.dumps(model.to_dict())))
    assert again.overlap(rest).to_dict() == overlap(surveyed, rest).to_dict()


def test_a_feature_carried_by_one_customer() -> None:
    surveyed, _ = both(n=50)
    surveyed[:, 1] = np.arange(50) == 0
    found = overlap(surveyed, surveyed)
    assert math.isinf(found.largest_leverage)
    model = WalletRegression.fit(surveyed, np.exp(surveyed[:, 0] / 50 + np.arange(50) % 3))
    kept = model.linear.surveyed
    assert math.isinf(Surveyed.from_dict(json.loads(json.dumps(kept.to_dict()))).largest_leverage)


def test_frames_are_matched_by_name() -> None:
    surveyed, rest = both()
    frame = pd.DataFrame(rest, columns=["visits", "age"])[["age", "visits"]]
    found = overlap({"visits": surveyed[:, 0], "age": surveyed[:, 1]}, frame)
    np.testing.assert_array_equal(found.leverage, overlap(surveyed, rest).leverage)
    assert found.names == ("visits", "age")


def test_input_checks() -> None:
    surveyed, rest = both()
    with pytest.raises(InvalidInputError, match=r"feature 'x2' is constant \(7\)"):
        overlap(np.column_stack([surveyed[:, 0], np.full(200, 7)]), rest)
    with pytest.raises(InvalidInputError, match="3 surveyed customers are too few for 2 features"):
        overlap(surveyed[:3], rest)
    with pytest.raises(InvalidInputError, match=r"must have 2 \(x1, x2\) columns, and has 1"):
        overlap(surveyed, rest[:, :1])
    with pytest.raises(InvalidInputError, match="at least one customer"):
        overlap(surveyed, rest[:0])
