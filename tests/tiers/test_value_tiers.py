"""Value tiers: against a second, naive implementation; what must hold for any base; and what bad input gets."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from customervalue.errors import InvalidInputError
from customervalue.tiers import value_tiers

# Few different whole numbers, so that there are ties everywhere; tenths as cuts, so that many are met exactly.
VALUES = st.lists(st.integers(-3, 12), min_size=1, max_size=40)
CUTS = st.lists(st.integers(1, 19), min_size=1, max_size=4, unique=True).map(lambda c: [i / 20 for i in sorted(c)])
BY = st.sampled_from(["customers", "value"])


def names(cuts: list[float]) -> tuple[str, ...]:
    return tuple(f"tier {i}" for i in range(len(cuts) + 1))


def naive_tiers(values: list[int], by: str, cuts: list[float]) -> list[int]:
    """One group of equal values after the other, in exact arithmetic: the tier in which its middle lies."""
    size = {v: values.count(v) * (1 if by == "customers" else max(v, 0)) for v in set(values)}
    total, before, tier = sum(size.values()), Fraction(0), {}
    for v in sorted(size, reverse=True):
        middle = (before + Fraction(size[v], 2)) / total
        before += size[v]
        tier[v] = sum(middle > Fraction(round(20 * cut), 20) for cut in cuts)
        if by == "value" and v <= 0:
            tier[v] = len(cuts)
    return [tier[v] for v in values]


@settings(max_examples=150)
@given(VALUES, CUTS, BY)
def test_tiers_are_those_of_a_naive_implementation(values: list[int], cuts: list[float], by: Any) -> None:
    if by == "value" and max(values) <= 0:
        values.append(5)
    tiers = value_tiers(values, by=by, cuts=cuts, names=names(cuts))
    expected = naive_tiers(values, by, cuts)
    assert tiers.codes.tolist() == expected
    for i in range(len(cuts) + 1):
        inside = [v for v, code in zip(values, expected, strict=True) if code == i]
        assert tiers.customers[i] == len(inside)
        assert tiers.value[i] == sum(inside)
        assert tiers.mean_value[i] == pytest.approx(np.mean(inside), nan_ok=True) if inside else True
    assert tiers.rank.tolist() == [1 + sum(other > v for other in values) for v in values]
    # The scheme is the same rule as thresholds.
    again = value_tiers(values, by="threshold", cuts=sorted(set(tiers.scheme.thresholds))[::-1],
                        names=names(list(set(tiers.scheme.thresholds))))  # fmt: skip
    np.testing.assert_array_equal(np.unique(again.codes, return_inverse=True)[1],
                                  np.unique(tiers.codes, return_inverse=True)[1])  # fmt: skip


@settings(max_examples=25)
@given(VALUES, CUTS, BY, st.integers(0, 1000))
def test_equal_customers_order_and_unit_of_money_do_not_matter(
    values: list[int], cuts: list[float], by: Any, seed: int
) -> None:
    values.append(7)
    value = np.array(values, dtype=np.float64)
    tiers = value_tiers(value, by=by, cuts=cuts, names=names(cuts))
    assert tiers.customers.sum() == len(values)
    assert tiers.share_of_customers.sum() == pytest.approx(1)
    assert all(np.unique(tiers.codes[value == v]).size == 1 for v in value)
    assert np.all(np.diff(tiers.codes[np.argsort(-value)].astype(int)) >= 0)
    order = np.random.default_rng(seed).permutation(value.size)
    moved = value_tiers(value[order], by=by, cuts=cuts, names=names(cuts))
    np.testing.assert_array_equal(moved.codes, tiers.codes[order])
    assert moved.scheme == tiers.scheme
    scaled = value_tiers(0.25 * value, by=by, cuts=cuts, names=names(cuts))
    np.testing.assert_array_equal(scaled.codes, tiers.codes)
    np.testing.assert_array_equal(scaled.value, 0.25 * tiers.value)


@settings(max_examples=25)
@given(st.lists(st.tuples(st.integers(-3, 12), st.integers(0, 4)), min_size=1, max_size=20), CUTS, BY)
def test_weights_equal_repetition(rows: list[tuple[int, int]], cuts: list[float], by: Any) -> None:
    value, weights = map(list, zip(*rows, (5, 1), strict=True))
    weighted = value_tiers(value, by=by, cuts=cuts, names=names(cuts), weights=weights)
    repeated = value_tiers(np.repeat(value, weights), by=by, cuts=cuts, names=names(cuts))
    assert weighted.scheme == repeated.scheme
    np.testing.assert_array_equal(np.repeat(weighted.codes, weights), repeated.codes)
    np.testing.assert_array_equal(np.repeat(weighted.rank, weights), repeated.rank)
    np.testing.assert_array_equal(weighted.customers, repeated.customers)
    np.testing.assert_allclose(weighted.value, repeated.value, atol=1e-9)
    assert weighted.notes == repeated.notes


def test_shares_of_distinct_values_are_met_exactly() -> None:
    value = np.random.default_rng(1).permutation(np.arange(1000.0))
    tiers = value_tiers(value, by="customers", cuts=[0.01, 0.05, 0.2])
    assert tiers.customers.tolist() == [10, 40, 150, 800]
    assert tiers.scheme.thresholds == (990.0, 950.0, 800.0)


def test_ranks_of_many_different_values_with_weights() -> None:
    rng = np.random.default_rng(2)
    value, weights = np.round(rng.normal(0, 1e4, 40_000)), rng.integers(0, 4, 40_000)
    assert np.unique(value).size > 16_384
    rank = value_tiers(value, by="customers", cuts=[0.5], names=("a", "b"), weights=weights).rank
    everyone = np.sort(np.repeat(value, weights))
    np.testing.assert_array_equal(rank, 1 + everyone.size - np.searchsorted(everyone, value, side="right"))


def test_abc_cuts_where_the_cumulated_value_passes_its_share() -> None:
    tiers = value_tiers([5, 80, 15], by="value", cuts=[0.8, 0.95], names=("A", "B", "C"))
    assert tiers.tier.tolist() == ["C", "A", "B"]
    assert tiers.share_of_value.tolist() == [0.8, 0.15, 0.05]


@pytest.mark.parametrize("by", ["customers", "value"])
def test_large_random_bases_against_argsort(by: Any) -> None:
    rng = np.random.default_rng(7)
    for value in (rng.gamma(0.5, 100, 50_001), rng.integers(0, 9, 50_001) * 1.5, rng.normal(1, 5, 50_001)):
        cuts = [0.013, 0.21, 0.66]
        order = np.argsort(-value, kind="stable")
        mass = np.ones(value.size) if by == "customers" else np.maximum(value[order], 0)
        upto = np.cumsum(mass) / mass.sum()
        _, first, size = np.unique(-value[order], return_index=True, return_counts=True)
        middle = (upto[first] - mass[first] / mass.sum() + upto[first + size - 1]) / 2
        expected = np.empty(value.size, dtype=int)
        expected[order] = np.repeat(np.searchsorted(cuts, middle), size)
        if by == "value":
            expected[value <= 0] = 3
        tiers = value_tiers(value, by=by, cuts=cuts)
        np.testing.assert_array_equal(tiers.codes, expected)
        np.testing.assert_array_equal(tiers.rank[order], np.repeat(first + 1, size))
        np.testing.assert_allclose(tiers.value, np.bincount(expected, value, 4), rtol=1e-9)
        np.testing.assert_array_equal(tiers.customers, np.bincount(expected, minlength=4))


def test_loss_makers_are_counted_in_words_and_come_last() -> None:
    tiers = value_tiers([50, 30, 0, -10, -30, 20], by="value", cuts=[0.5, 0.9], names=("A", "B", "C"))
    assert tiers.tier.tolist() == ["A", "B", "C", "C", "C", "B"]
    assert tiers.notes == (
        "3 customers are at or below zero and cost 40.00. Cuts are shares of the value above zero, 100.00.",
    )
    assert tiers.share_of_value.sum() == pytest.approx(1)
    assert "cost 40.00" in repr(tiers)
    assert "cost 40.00" in tiers._repr_html_()


def test_a_total_below_zero_has_no_shares_and_says_so() -> None:
    tiers = value_tiers([5, -10], by="customers", cuts=[0.5], names=("a", "b"), currency="EUR")
    assert np.isnan(tiers.share_of_value).all()
    assert tiers.notes == (
        "1 customer is at or below zero and costs 10.00 EUR.",
        "The total is not positive, so there are no shares of it.",
    )


def test_empty_tiers_are_named() -> None:
    tiers = value_tiers([5, 5, 5], by="customers", cuts=[0.1, 0.5, 0.9])
    assert tiers.customers.tolist() == [0, 3, 0, 0]
    assert tiers.notes[0].startswith("Nobody is in 'platinum', 'iron', 'lead': equal values stay together")
    assert np.isnan(tiers.mean_value[0])
    assert tiers.scheme.assign([5.0, 5.1, 4.9]).tolist() == [1, 0, 3]
    by_money = value_tiers([5], by="threshold", cuts=[9, 7], names=("a", "b", "c"))
    assert by_money.notes == ("Nobody is in 'a', 'b'.",)


def test_results_carry_labels_and_cannot_be_changed() -> None:
    value = np.array([9.0, 4.0])
    tiers = value_tiers(value, by="threshold", cuts=[5], names=("a", "b"), currency="EUR", customer_id=["x", "y"])
    assert tiers.scheme.currency == "EUR"
    assert "EUR" in repr(tiers)
    for array in (tiers.codes, tiers.customers, tiers.value, tiers.rank):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1
    value[0] = 0.0
    assert tiers.customer_frame()["value"].tolist() == [9.0, 4.0]
    plain = tiers.to_dict()
    assert plain["codes"] == [0, 1]
    assert plain["scheme"]["currency"] == "EUR"
    assert tiers.to_frame("pandas")["customers"].tolist() == [1, 1]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"value": [1, np.nan, np.inf]},
            r"`value` must be a finite number: 2 rows break this \(first: row 1, value=nan\)",
        ),
        ({"value": []}, "there must be at least one customer"),
        ({"value": ["a"]}, "`value` must hold numbers"),
        ({"value": [[1.0]]}, "`value` must be one-dimensional"),
        ({"value": [1e308, 1e308, 1e308]}, "`value` must not be so large that its sum may have no place in a float"),
        ({"cuts": [0.2, 0.1, 0.5]}, r"`cuts` must ascend.*\(first: row 1, cuts=0.1\)"),
        ({"cuts": [0.1, 0.1, 0.5]}, "`cuts` must ascend"),
        ({"cuts": [0.1, 0.5, 1.0]}, "(?s)`cuts` must be shares above 0 and below 1.*The last tier is what is left"),
        ({"cuts": [1, 5, 20]}, "`cuts` must be shares above 0 and below 1: 3 rows"),
        ({"cuts": [0.1, np.nan, 0.5]}, "`cuts` must be a finite number"),
        ({"cuts": [0.1, 0.5]}, "2 `cuts` part 3 tiers, and there are 4 names"),
        ({"by": "threshold", "cuts": [1, 5, 20]}, "`cuts` must descend"),
        ({"by": "threshold", "cuts": [20, 5, 5]}, "`cuts` must descend"),
        ({"by": "customer"}, "`by` must be one of 'customers', 'value', 'threshold', and is 'customer'"),
        ({"names": ("a", "b", "c", "a")}, "'a' is there more than once"),
        ({"names": "abcd"}, "`names` must be a list of texts"),
        ({"weights": [1, 2]}, "all columns must have the same length, and have value 3, weights 2"),
        ({"weights": [1, -2, 0.5]}, "(?s)`weights` must not be negative.*`weights` must be whole"),
        ({"weights": [0, 0, 0]}, "`weights` must not all be zero"),
        ({"customer_id": [1]}, "all columns must have the same length"),
        ({"currency": 1}, "`currency` must be a text"),
        ({"by": "value", "value": [0, -1, -2]}, "nobody's `value` is positive"),
        ({"by": "value", "value": [5, -1, -2], "weights": [0, 1, 1]}, "nobody's `value` is positive"),
    ],
)
def test_bad_input(change: dict[str, Any], message: str) -> None:
    arguments = {"value": [3.0, 2.0, 1.0], "by": "customers", "cuts": [0.1, 0.3, 0.6]} | change
    with pytest.raises(InvalidInputError, match=message):
        value_tiers(arguments.pop("value"), **arguments)


def test_every_problem_is_reported_at_once() -> None:
    with pytest.raises(InvalidInputError, match=r"6 problems in the value tiers \(2 rows\)") as caught:
        value_tiers([1, np.nan], by="customers", cuts=[2, 1], names=("a", "a"), currency="", weights=[1, 1])
    assert {p.argument for p in caught.value.problems} == {"value", "cuts", "names", "currency"}


def test_one_tier_is_a_tier() -> None:
    assert repr(value_tiers([1, 2], by="customers", cuts=[], names=("all",))).startswith("1 tier of 2 customers\n")
