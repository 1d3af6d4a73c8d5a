"""Potential from peers: within segments against numpy.quantile, by features against a linear programme."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from customervalue.errors import AssumptionWarning, InvalidInputError
from customervalue.tiers import potential_from_peers

ROWS = st.lists(st.tuples(st.integers(-5, 50), st.sampled_from("abc"), st.integers(0, 3)), max_size=25)
QUANTILES = st.floats(0.05, 0.95)


@settings(max_examples=40)
@given(ROWS, QUANTILES, st.integers(1, 6))
def test_segments_against_a_loop_over_them(rows: list[tuple[int, str, int]], quantile: float, least: int) -> None:
    value, segment, weights = map(np.array, zip(*rows, (4, "a", 2), strict=True))
    everyone = np.repeat(value, weights)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        found = potential_from_peers(value, segment=segment, quantile=quantile, weights=weights, min_peers=least)
    small = 0
    for label in set(segment):
        inside = segment == label
        peers = np.repeat(value[inside], weights[inside])
        small += peers.size < least
        high = np.quantile(peers if peers.size >= least else everyone, quantile)
        np.testing.assert_allclose(found[inside], np.maximum(value[inside], high), atol=1e-9)
    assert len(said) == (small > 0)
    assert np.all(found >= value)


@settings(max_examples=25)
@given(ROWS, QUANTILES, st.integers(0, 1000))
def test_weights_order_and_unit_of_money(rows: list[tuple[int, str, int]], quantile: float, seed: int) -> None:
    value, segment, weights = map(np.array, zip(*rows, (4, "a", 2), strict=True))
    options: dict[str, Any] = {"quantile": quantile, "min_peers": 1}
    there = weights > 0
    value, segment, weights = value[there], segment[there], weights[there]
    found = potential_from_peers(value, segment=segment, weights=weights, **options)
    repeated = potential_from_peers(np.repeat(value, weights), segment=np.repeat(segment, weights), **options)
    np.testing.assert_allclose(np.repeat(found, weights), repeated, atol=1e-9)
    order = np.random.default_rng(seed).permutation(value.size)
    moved = potential_from_peers(value[order], segment=segment[order], weights=weights[order], **options)
    np.testing.assert_array_equal(moved, found[order])
    scaled = potential_from_peers(4.0 * value, segment=segment, weights=weights, **options)
    np.testing.assert_array_equal(scaled, 4 * found)


def test_features_are_a_linear_quantile_of_the_peers() -> None:
    from scipy.optimize import linprog

    rng = np.random.default_rng(3)
    features = np.column_stack([rng.gamma(2.0, 10.0, 300), rng.integers(0, 2, 300)])
    value = 5 + features @ [2.0, 30.0] * rng.gamma(4.0, 0.25, 300)
    found = potential_from_peers(value, features, quantile=0.9)
    # The primal form: coefficients, and what each row lies above and below the function.
    x = np.column_stack([np.ones(300), features])
    cost = np.concatenate([np.zeros(3), np.full(300, 0.9), np.full(300, 0.1)])
    rows = np.hstack([x, np.eye(300), -np.eye(300)])
    free = [(None, None)] * 3 + [(0, None)] * 600
    solved = linprog(cost, A_eq=rows, b_eq=value, bounds=free, method="highs")
    np.testing.assert_allclose(found, np.maximum(value, x @ solved.x[:3]), rtol=1e-7)
    assert 0.85 <= np.mean(value <= x @ solved.x[:3] + 1e-9) <= 0.95


def test_one_feature_may_be_a_column_and_weights_equal_repetition() -> None:
    rng = np.random.default_rng(4)
    size, weights = rng.uniform(1, 9, 60), rng.integers(0, 4, 60)
    value = size * rng.gamma(3.0, 1.0, 60)
    found = potential_from_peers(value, size, quantile=0.83, weights=weights)
    np.testing.assert_allclose(found, potential_from_peers(value, size[:, np.newaxis], quantile=0.83, weights=weights))
    repeated = potential_from_peers(np.repeat(value, weights), np.repeat(size, weights), quantile=0.83)
    np.testing.assert_allclose(np.repeat(found, weights), repeated, rtol=1e-6)


def test_small_segments_are_named_and_compared_with_all() -> None:
    value = np.arange(1.0, 43.0)
    segment = np.array(["many"] * 40 + ["few"] * 2)
    with pytest.warns(AssumptionWarning, match=r"1 of 2 segments \(few\) have fewer than 30 customers, 2 in all"):
        found = potential_from_peers(value, segment=segment, quantile=0.5)
    assert found[0] == 20.5
    assert found[41] == 42
    with pytest.warns(AssumptionWarning, match=r"5 of 5 segments \(0, 1, 2, \.\.\.\)"):
        assert potential_from_peers([1, 2, 3, 4, 5], segment=range(5), quantile=0.5).tolist() == [3, 3, 3, 4, 5]


def test_inputs_are_not_changed() -> None:
    value = np.array([1.0, 2.0, 3.0])
    value.setflags(write=False)
    potential_from_peers(value, segment=["a", "a", "a"], quantile=0.5, min_peers=1)[0] = 9.0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"value": [1, np.nan, 3]}, "`value` must be a finite number"),
        ({"segment": None}, "either `features` or `segment`"),
        ({"features": [1, 2, 4]}, "either `features` or `segment`"),
        ({"segment": ["a", None, "b"]}, "(?s)`segment` must not be missing: 1 row.*a segment of their own"),
        ({"segment": [1.0, np.nan, 2.0]}, "`segment` must not be missing"),
        ({"segment": np.array(["2020-01-01", "NaT", "2020-01-01"], dtype="M8[D]")}, "`segment` must not be missing"),
        ({"segment": np.array(["a", 1, "b"], dtype=object)}, "`segment` must be all texts or all numbers"),
        ({"segment": ["a", "b"]}, "all columns must have the same length"),
        ({"segment": None, "features": [[1.0], [np.inf], [2.0]]}, "`features` must be a finite number: 1 row breaks"),
        ({"segment": None, "features": [1.0, 1.0, 1.0]}, "1 linearly independent columns, none of them constant"),
        ({"segment": None, "features": np.eye(3)}, "3 linearly independent columns"),
        ({"quantile": 90}, "`quantile` must be above 0 and below 1, and is 90"),
        ({"quantile": "high"}, "`quantile` must be a number"),
        ({"min_peers": 0}, "`min_peers` must be a whole number >= 1"),
        ({"weights": [1, 1, -1]}, "`weights` must not be negative"),
        ({"weights": [0, 0, 0]}, "`weights` must not all be zero"),
    ],
)
def test_bad_input(change: dict[str, Any], message: str) -> None:
    arguments = {"value": [1.0, 2.0, 3.0], "segment": ["a", "a", "a"], "quantile": 0.5, "min_peers": 1} | change
    with pytest.raises(InvalidInputError, match=message):
        potential_from_peers(**arguments)


def test_quantile_has_no_default() -> None:
    with pytest.raises(TypeError, match="quantile"):
        potential_from_peers([1.0], segment=["a"])


def test_a_missing_segment_of_pandas_is_said_in_words() -> None:
    with pytest.raises(InvalidInputError, match="`segment` must not be missing: 1 row"):
        potential_from_peers([1.0, 2.0], segment=pd.array(["a", pd.NA], dtype="string"), quantile=0.5)
