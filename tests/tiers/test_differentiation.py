"""Differentiation: against a naive implementation; what must hold; cuts of three kinds; what bad input gets."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from customervalue.errors import InvalidInputError
from customervalue.tiers import Cut, differentiate

NAMES = ("most valuable", "super-growth", "most growable", "low-maintenance", "below zero")
MONEY = st.integers(-20, 60)
BASE = st.lists(st.tuples(MONEY, st.integers(0, 60)), min_size=1, max_size=30)
CUTS = st.one_of(
    st.integers(-5, 50).map(Cut.money),
    st.integers(1, 9).map(lambda i: Cut.quantile(i / 10)),
    st.integers(1, 9).map(lambda i: Cut.top_share(i / 10)),
)


def naive_tier(actual: float, potential: float, high: float, growing: float, floor: float) -> str:
    if actual < floor and potential < floor:
        return "below zero"
    valuable = actual >= high and actual > floor
    growable = potential - actual >= growing and potential > actual
    if valuable:
        return "super-growth" if growable else "most valuable"
    return "most growable" if growable else "low-maintenance"


@settings(max_examples=50)
@given(BASE, CUTS, CUTS, st.integers(-10, 10))
def test_tiers_and_table_are_those_of_a_naive_implementation(
    rows: list[tuple[int, int]], cut_actual: Cut, cut_potential: Cut, floor: int
) -> None:
    actual = np.array([a for a, _ in rows], dtype=np.float64)
    potential = actual + [extra for _, extra in rows]
    found = differentiate(actual, potential, cut_actual=cut_actual, cut_potential=cut_potential, floor=floor)
    assert found.cut_actual == cut_actual.threshold(actual)
    assert found.cut_potential == cut_potential.threshold(potential - actual)
    levels = found.cut_actual, found.cut_potential, floor
    expected = [naive_tier(a, p, *levels) for a, p in zip(actual, potential, strict=True)]
    assert found.tier.tolist() == expected
    assert found.customers.sum() == len(rows)
    for i, name in enumerate(NAMES):
        inside = np.array([tier == name for tier in expected])
        shares = [a / p for a, p in zip(actual[inside], potential[inside], strict=True) if a > 0 and p > 0]
        has = inside & (actual > 0) & (potential > 0)
        assert found.customers[i] == inside.sum()
        assert found.value[i] == actual[inside].sum()
        assert found.potential[i] == potential[inside].sum()
        assert found.unrealised[i] == found.potential[i] - found.value[i]
        if shares:
            assert found.mean_share[i] == pytest.approx(np.mean(shares))
            assert found.average_share[i] == pytest.approx(actual[has].sum() / potential[has].sum())
        else:
            assert np.isnan(found.mean_share[i])
            assert np.isnan(found.average_share[i])


@settings(max_examples=25)
@given(BASE, CUTS, CUTS, st.integers(0, 1000))
def test_order_and_unit_of_money_do_not_matter(
    rows: list[tuple[int, int]], cut_actual: Cut, cut_potential: Cut, seed: int
) -> None:
    actual = np.array([a for a, _ in rows], dtype=np.float64)
    potential = actual + [extra for _, extra in rows]
    found = differentiate(actual, potential, cut_actual=cut_actual, cut_potential=cut_potential, floor=-2)
    order = np.random.default_rng(seed).permutation(actual.size)
    moved = differentiate(actual[order], potential[order], cut_actual=cut_actual, cut_potential=cut_potential, floor=-2)
    np.testing.assert_array_equal(moved.codes, found.codes[order])
    np.testing.assert_array_equal(moved.unrealised_potential, found.unrealised_potential[order])
    cuts = [Cut(c.kind, 4 * c.amount if c.kind == "money" else c.amount) for c in (cut_actual, cut_potential)]
    scaled = differentiate(4 * actual, 4 * potential, cut_actual=cuts[0], cut_potential=cuts[1], floor=-8)
    np.testing.assert_array_equal(scaled.codes, found.codes)
    np.testing.assert_array_equal(scaled.value, 4 * found.value)
    np.testing.assert_array_equal(scaled.share_of_customer, found.share_of_customer)


@settings(max_examples=25)
@given(st.lists(st.tuples(MONEY, st.integers(0, 60), st.integers(0, 4)), max_size=15), CUTS, CUTS)
def test_weights_equal_repetition(rows: list[tuple[int, int, int]], cut_actual: Cut, cut_potential: Cut) -> None:
    columns = np.array([*rows, (10, 5, 2)], dtype=np.float64).T
    actual, potential, weights = columns[0], columns[0] + columns[1], columns[2].astype(int)
    cuts = {"cut_actual": cut_actual, "cut_potential": cut_potential}
    weighted = differentiate(actual, potential, weights=weights, **cuts)
    repeated = differentiate(np.repeat(actual, weights), np.repeat(potential, weights), **cuts)
    np.testing.assert_array_equal(np.repeat(weighted.codes, weights), repeated.codes)
    for name in ("customers", "value", "potential", "unrealised", "average_share", "mean_share"):
        np.testing.assert_allclose(getattr(weighted, name), getattr(repeated, name), rtol=1e-12, err_msg=name)
    assert weighted.notes == repeated.notes


@settings(max_examples=25)
@given(
    st.lists(st.tuples(st.integers(-5, 5), st.integers(0, 3)), max_size=15),
    st.floats(0, 1, exclude_min=True, exclude_max=True),
)
def test_quantile_is_that_of_numpy(rows: list[tuple[int, int]], quantile: float) -> None:
    value, weights = map(list, zip(*rows, (3, 1), strict=True))
    expected = np.quantile(np.repeat(value, weights).astype(float), quantile)
    assert Cut.quantile(quantile).threshold(value, weights=weights) == pytest.approx(expected, abs=1e-12)


def test_a_bare_number_is_money_and_the_second_cut_is_of_what_is_unrealised() -> None:
    one = differentiate([900, 100], [1100, 400], cut_actual=500, cut_potential=300)
    other = differentiate([900, 100], [1100, 400], cut_actual=Cut.money(500), cut_potential=Cut.money(300.0))
    assert one.tier.tolist() == other.tier.tolist() == ["most valuable", "most growable"]
    assert one.objectives == ("keep", "keep and grow", "grow", "serve cheaply", "mend or let go")


def test_below_zero_needs_both_values_below_the_floor() -> None:
    found = differentiate([-5, -5, 0, -5, -50], [-1, 0, 0, 40, -1], cut_actual=10, cut_potential=30)
    assert found.tier.tolist() == [
        "below zero", "low-maintenance", "low-maintenance", "most growable", "below zero",
    ]  # fmt: skip
    assert found.notes == (
        "5 customers have no share of customer: value and potential are not both positive.",
        "1 customer in low-maintenance is below the floor today and could rise to it: worth mending.",
    )
    assert np.isnan(found.share_of_customer).all()
    assert np.isnan(found.share_of_value).all()


def test_nobody_at_the_floor_is_valuable_and_nobody_without_potential_is_growable() -> None:
    found = differentiate([0, 5], [0, 5], cut_actual=0, cut_potential=0)
    assert found.tier.tolist() == ["low-maintenance", "most valuable"]
    assert found.notes[0] == "The cut of actual value is not above the floor: everybody above the floor counts as high."


def test_potential_below_actual_is_an_error_that_counts_or_lifted_and_counted() -> None:
    values = {"actual": [10, 20, 30], "potential": [15, 10, 5], "cut_actual": 15, "cut_potential": 5}
    with pytest.raises(
        InvalidInputError, match=r"must not be below `actual`: 2 rows break this \(first: row 1, potent"
    ):
        differentiate(**values)
    found = differentiate(**values, on_potential_below="lift", weights=[1, 3, 1])
    assert found.lifted == 4
    assert found.unrealised_potential.tolist() == [5, 0, 0]
    assert found.share_of_customer.tolist() == [10 / 15, 1, 1]
    assert found.notes[0].startswith("4 customers had a potential below the actual value; it was lifted")


def test_results_carry_labels_and_cannot_be_changed() -> None:
    found = differentiate([9, 4], [9, 8], cut_actual=5, cut_potential=2, currency="EUR", customer_id=["x", "y"])
    assert "high value from 5.00 EUR" in repr(found)
    with pytest.raises(ValueError, match="read-only"):
        found.codes[0] = 1
    frame = found.customer_frame("pandas")
    assert frame["customer_id"].tolist() == ["x", "y"]
    assert frame["potential"].tolist() == [9, 8]
    assert found.to_frame("polars")["objective"].to_list() == list(found.objectives)
    assert found.to_dict()["mean_share"] == [1.0, None, 0.5, None, None]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"actual": [1, np.nan, 2]}, "`actual` must be a finite number"),
        ({"potential": [1, np.inf, 200]}, "`potential` must be a finite number"),
        ({"actual": [-1e308, -1e308, 1]}, "`actual` must not be so large that its sum may have no place in a float"),
        ({"potential": [100, 100]}, "all columns must have the same length, and have actual 3, potential 2"),
        ({"actual": [], "potential": []}, "there must be at least one customer"),
        ({"cut_actual": "high"}, "(?s)`cut_actual` must be a Cut or an amount of money, and is 'high'.*Cut.quantile"),
        ({"cut_potential": None}, "`cut_potential` must be a Cut or an amount of money, and is None"),
        ({"cut_potential": np.nan}, "`cut_potential` must be a Cut or an amount"),
        ({"floor": np.inf}, "`floor` must be finite, and is inf"),
        ({"floor": "low"}, "`floor` must be a number"),
        ({"weights": [1, 1, 0.5]}, "`weights` must be whole"),
        ({"weights": [0, 0, 0]}, "`weights` must not all be zero"),
        ({"customer_id": [1]}, "all columns must have the same length"),
        ({"on_potential_below": "drop"}, '`on_potential_below` must be "raise" or "lift", and is \'drop\''),
        ({"currency": 3}, "`currency` must be a text"),
    ],
)
def test_bad_input(change: dict[str, Any], message: str) -> None:
    arguments = {"actual": [1, 2, 3], "potential": [4, 5, 6], "cut_actual": 2, "cut_potential": 3} | change
    with pytest.raises(InvalidInputError, match=message):
        differentiate(**arguments)


def test_cuts_have_no_default_and_every_problem_is_reported_at_once() -> None:
    with pytest.raises(TypeError, match="cut_actual"):
        differentiate([1], [2])
    with pytest.raises(InvalidInputError, match=r"5 problems in the differentiation \(2 rows\)"):
        differentiate([1, np.nan], [0, 1], cut_actual="a", cut_potential="b", floor=np.nan)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Cut.quantile(90), "a cut at a quantile must be above 0 and below 1, and is 90"),
        (lambda: Cut.top_share(0), "a cut at a top_share must be above 0"),
        (lambda: Cut.money(np.nan), "a cut must be finite"),
        (lambda: Cut.money("x"), "`cut` must be a number"),
        (lambda: Cut("share", 0.1), "a cut is of money, a quantile or a top_share, and not 'share'"),
        (lambda: Cut.quantile(0.5).threshold([np.nan]), "`values` must be a finite number"),
        (lambda: Cut.quantile(0.5).threshold([1], weights=[0]), "`weights` must not all be zero"),
        (lambda: Cut.quantile(0.5).threshold([]), "there must be at least one customer"),
    ],
)
def test_bad_cuts(make: Any, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        make()


def test_cuts_are_told_in_words() -> None:
    assert [str(c) for c in (Cut.money(1500), Cut.quantile(0.9), Cut.top_share(0.1))] == [
        "1,500",
        "the 0.9 quantile",
        "the top 0.1",
    ]


def test_potential_below_by_rounding_is_no_problem_nor_are_rows_that_stand_for_nobody() -> None:
    found = differentiate([0.1 + 0.2], [0.3], cut_actual=1, cut_potential=1)
    assert (found.unrealised_potential[0], found.share_of_customer[0], found.lifted) == (0, 1, 0)
    assert differentiate([2, 5], [3, 4], cut_actual=1, cut_potential=1, weights=[1, 0]).customers.sum() == 1
    with pytest.raises(InvalidInputError, match="must not be below `actual`: 1 row"):
        differentiate([2, 5], [3, 4.9999], cut_actual=1, cut_potential=1)


def test_quantiles_are_those_of_a_customer_where_they_hit_one() -> None:
    assert Cut.quantile(0.07).threshold(np.arange(101.0)) == 7.0
    with pytest.raises(InvalidInputError, match="no place in a float"):
        Cut.quantile(0.5).threshold([-1e308, 1e308])
