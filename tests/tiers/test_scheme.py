"""Schemes: names and thresholds, and the tier of each value; labels of currencies."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from customervalue.errors import InvalidInputError
from customervalue.tiers import Scheme
from customervalue.tiers._currency import one_currency
from customervalue.tiers.scheme import tier_codes

GOLD = Scheme(("gold", "iron", "lead"), (500, 50), currency="EUR")
MONEY = st.floats(-1e6, 1e6)


def naive_code(value: float, thresholds: tuple[float, ...]) -> int:
    """The first tier whose threshold the value reaches; the last if it reaches none."""
    return next((i for i, threshold in enumerate(thresholds) if value >= threshold), len(thresholds))


@settings(max_examples=25)
@given(st.lists(MONEY, min_size=1, max_size=30), st.lists(MONEY, max_size=6))
def test_every_value_is_in_the_tier_that_a_plain_search_finds(values: list[float], cuts: list[float]) -> None:
    scheme = Scheme(tuple(map(str, range(len(cuts) + 1))), tuple(sorted(cuts, reverse=True)))
    values += cuts
    codes = scheme.assign(values)
    assert codes.tolist() == [naive_code(value, scheme.thresholds) for value in values]
    assert np.all((scheme.lower[codes] <= values) & (np.array(values) < scheme.upper[codes]))


@settings(max_examples=25)
@given(st.lists(MONEY, min_size=1, max_size=30), st.floats(1e-3, 1e3))
def test_money_scaled_with_its_thresholds_changes_nothing(values: list[float], factor: float) -> None:
    cuts = tuple(sorted(values[:3], reverse=True))
    names = tuple(map(str, range(len(cuts) + 1)))
    plain = Scheme(names, cuts).assign(values)
    scaled = Scheme(names, tuple(factor * cut for cut in cuts)).assign(factor * np.array(values))
    # Scaling rounds, and may make two values equal: such a value may rise to the tier of the other, never fall.
    assert np.all(scaled <= plain)
    apart = {float(factor * value) for value in set(values)}
    if len(apart) == len(set(values)):
        np.testing.assert_array_equal(scaled, plain)


def test_a_tier_between_equal_thresholds_is_empty() -> None:
    scheme = Scheme(("a", "b", "c"), (5, 5))
    assert scheme.assign([5, 4.9]).tolist() == [0, 2]


def test_codes_of_a_table_of_draws_and_of_many_rows() -> None:
    values = np.random.default_rng(1).normal(0, 100, (3, 70_000))
    codes = tier_codes(values, (60.0, 0.0, -5.0))
    expected = 3 - np.searchsorted([-5.0, 0.0, 60.0], values, side="right")
    np.testing.assert_array_equal(codes, expected)
    np.testing.assert_array_equal(tier_codes(values[:, ::7], (60.0, 0.0, -5.0)), expected[:, ::7])


def test_names_of_codes_keep_their_shape() -> None:
    assert GOLD.tier_names(np.array([[0, 2]])).tolist() == [["gold", "lead"]]
    for bad in ([3], [-1], [0.5]):
        with pytest.raises(InvalidInputError, match="`codes` must be"):
            GOLD.tier_names(bad)


def test_a_scheme_survives_json() -> None:
    assert Scheme.from_dict(json.loads(json.dumps(GOLD.to_dict()))) == GOLD
    assert hash(GOLD) == hash(Scheme(["gold", "iron", "lead"], np.array([500, 50]), "EUR"))
    with pytest.raises(InvalidInputError, match=r"(?s)`thresholds` is missing.*a scheme has no 'cuts'"):
        Scheme.from_dict({"names": ["a"], "cuts": []})


def test_inputs_are_not_changed() -> None:
    values = np.array([700.0, 3.0])
    values.setflags(write=False)
    GOLD.assign(values)
    assert values.tolist() == [700.0, 3.0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((("a", "b"), (1, 2)), r"2 `thresholds` part 3 tiers, and there are 2 names \('a', 'b'\)"),
        ((("a", "b", "c"), (1, 2)), r"`thresholds` must descend, best tier first: 1 row breaks this \(first: row 1"),
        ((("a", "b"), (np.inf,)), "`thresholds` must be a finite number"),
        ((("a", "b", "c"), (np.nan, 1)), "`thresholds` must be a finite number"),
        ((("a", "a"), (1,)), "`names` must differ, and 'a' is there more than once"),
        ((("a", ""), (1,)), "`names` must be a list of texts"),
        (("ab", (1,)), "`names` must be a list of texts"),
        ((("a", 2), (1,)), "`names` must be a list of texts"),
        ((tuple(map(str, range(130))), range(129, 0, -1)), "there can be at most 127 tiers, and these are 130"),
        ((("a", "b"), (1,), 5), "`currency` must be a text such as 'EUR', or None, and is 5"),
        ((("a", "b"), (1,), " "), "`currency` must be a text"),
    ],
)
def test_bad_schemes(arguments: tuple[Any, ...], message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        Scheme(*arguments)


def test_every_problem_of_a_scheme_is_reported_at_once() -> None:
    with pytest.raises(InvalidInputError, match="4 problems in the tiers:") as caught:
        Scheme(("a", "a"), (np.inf, 1), currency="")
    assert {problem.argument for problem in caught.value.problems} == {"names", "thresholds", "currency"}


def test_bad_values() -> None:
    with pytest.raises(InvalidInputError, match=r"`values` must be a finite number: 2 rows break this \(first: row 1"):
        GOLD.assign([1.0, np.nan, np.inf])


def test_two_currencies_are_never_mixed() -> None:
    assert GOLD.assign([1.0], currency="EUR").tolist() == GOLD.assign([1.0]).tolist() == [2]
    with pytest.raises(InvalidInputError, match="these are in 'EUR' and 'USD'"):
        GOLD.assign([1.0], currency="USD")
    assert one_currency() is None
    assert one_currency(None, "USD", None) == "USD"
