"""Assignment with hysteresis: plain without it, stable with it, at a cost that is bounded."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from customervalue.errors import InvalidInputError
from customervalue.tiers import Scheme, assign, tier_probabilities, value_tiers

SCHEME = Scheme(("gold", "iron", "lead"), (500, 50), currency="EUR")
ROWS = st.lists(st.tuples(st.integers(-1, 2), st.integers(-20, 1000).map(float)), min_size=1, max_size=30)


def naive(was: int, value: float, margin: float) -> int:
    """One customer at a time, written out."""
    plain = int(SCHEME.assign([value])[0])
    if was == -1:
        return plain
    if plain < was:
        return plain if value >= SCHEME.thresholds[was - 1] + margin else was
    if plain > was:
        return plain if value < SCHEME.thresholds[was] - margin else was
    return was


@settings(max_examples=25)
@given(ROWS, st.sampled_from([0.0, 5.0, 50.0, 400.0, 1e6]))
def test_money_margin_is_that_of_one_customer_at_a_time(rows: list[Any], margin: float) -> None:
    was, value = (list(column) for column in zip(*rows, strict=True))
    found = assign(was, value, SCHEME, hysteresis=margin)
    assert found.codes.tolist() == [naive(w, v, margin) for w, v in rows]
    assert found.flips_avoided == found.plain_flips - found.flips
    assert found.cost <= margin * found.flips_avoided
    assert np.all(found.outside[~found.kept] == 0)


@settings(max_examples=25)
@given(ROWS, st.integers(0, 2**32 - 1))
def test_no_hysteresis_is_plain_assignment(rows: list[Any], seed: int) -> None:
    was, value = (list(column) for column in zip(*rows, strict=True))
    draws = np.random.default_rng(seed).normal(value, 100.0, (7, len(value)))
    sure = tier_probabilities(draws, SCHEME, value=value)
    for found in (
        assign(was, value, SCHEME, hysteresis=0),
        assign(was, value, SCHEME, hysteresis=0, probabilities=sure),
    ):
        assert np.array_equal(found.codes, SCHEME.assign(value))
        assert found.flips_avoided == 0
        assert found.cost == 0


@settings(max_examples=25)
@given(ROWS, st.sampled_from([0.1, 0.5, 0.9, 1.0]), st.integers(0, 2**32 - 1))
def test_probability_rule_is_that_of_one_customer_at_a_time(rows: list[Any], need: float, seed: int) -> None:
    was, value = (list(column) for column in zip(*rows, strict=True))
    draws = np.random.default_rng(seed).normal(value, 100.0, (10, len(value)))
    sure = tier_probabilities(draws, SCHEME, value=value)
    found = assign(was, value, SCHEME, hysteresis=need, probabilities=sure)
    for row, (w, v) in enumerate(rows):
        plain = int(SCHEME.assign([v])[0])
        if w == -1 or plain == w:
            assert found.codes[row] == plain
            continue
        codes = SCHEME.assign(draws[:, row])
        beyond = np.mean(codes < w) if plain < w else np.mean(codes > w)
        assert found.codes[row] == (plain if beyond >= need - 1e-9 else w)


def test_counts_add_up() -> None:
    found = assign(["gold", "gold", "iron", "lead", None, ""], [480, 300, 600, 1000, 20, 700], SCHEME, hysteresis=50)
    assert found.tier.tolist() == ["gold", "iron", "gold", "gold", "lead", "gold"]
    assert (found.plain_flips, found.flips, found.flips_avoided, found.cost) == (4, 3, 1, 20.0)
    table = found.to_frame()
    assert table["customers"].tolist() == [4, 1, 1]
    assert table["moved_in"].tolist() == [2, 1, 0]
    assert table["new"].tolist() == [1, 0, 1]
    assert table["kept"].tolist() == [1, 0, 0]
    assert "1 of 4 flips avoided, at a cost of 20 EUR" in repr(found)


def test_true_values_that_do_not_change_flip_less_at_a_bounded_cost() -> None:
    rng = np.random.default_rng(1)
    truth, margin, months = rng.gamma(1.0, 300.0, 2000), 40.0, 12
    flips, plain_flips, cost, wrong = 0, 0, [], []
    first = truth + rng.normal(0.0, 25.0, truth.size)
    now, plain = assign(np.full(truth.size, -1), first, SCHEME, hysteresis=margin), SCHEME.assign(first)
    for _ in range(months):
        estimate = truth + rng.normal(0.0, 25.0, truth.size)
        now = assign(now, estimate, SCHEME, hysteresis=margin)
        flips += now.flips
        cost.append(now.cost)
        wrong.append(
            [np.mean(now.codes != SCHEME.assign(truth)), np.mean(SCHEME.assign(estimate) != SCHEME.assign(truth))]
        )
        plain_flips += int(np.count_nonzero(SCHEME.assign(estimate) != plain))
        plain = SCHEME.assign(estimate)
    # A flip needs an error of 40 now, and mostly one of the other sign before.
    assert flips < 0.25 * plain_flips
    assert max(cost) <= margin * truth.size * 0.1
    # Stability does not make more tiers wrong: those who are kept are near the boundary in either case.
    assert np.mean(wrong, axis=0)[0] < 1.1 * np.mean(wrong, axis=0)[1]


def test_previous_tiers_of_other_customers_in_another_order() -> None:
    arguments: dict[str, Any] = {"customer_id": ["Ann", "Bob", "Cyd"], "hysteresis": 50}
    found = assign(["lead", "gold"], [30, 480, 900], SCHEME, previous_id=["Ann", "Bob"], **arguments)
    assert found.previous.tolist() == [2, 0, -1]
    assert found.tier.tolist() == ["lead", "gold", "gold"]
    again = assign(found, [900, 480, 30], SCHEME, **{**arguments, "customer_id": ["Cyd", "Bob", "Ann"]})
    assert again.previous.tolist() == [0, 0, 2]
    assert again.flips == 0


def test_previous_as_a_result() -> None:
    was = value_tiers([600.0, 20.0], by="threshold", cuts=[500, 50], names=SCHEME.names)
    assert assign(was, [490.0, 20.0], SCHEME, hysteresis=20).tier.tolist() == ["gold", "lead"]
    other = value_tiers([600.0, 20.0], by="threshold", cuts=[500], names=("A", "B"))
    with pytest.raises(InvalidInputError, match="`previous` must hold tiers of gold, iron, lead"):
        assign(other, [490.0, 20.0], SCHEME, hysteresis=20)


def test_everything_wrong_is_said_at_once() -> None:
    with pytest.raises(InvalidInputError) as caught:
        assign(
            ["gold", "silver", "bronze"], [1.0, np.nan, 2.0], SCHEME, hysteresis=0, customer_id=["Ann", "Ann", "Bob"]
        )
    text = str(caught.value)
    assert "3 problems in the assignment (3 rows)" in text
    assert "2 rows break this (first: row 1, previous=silver)" in text
    assert "`customer_id` must name each customer once: 1 row" in text
    assert "`value` must be a finite number: 1 row" in text


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"previous": [0, 3]}, "codes from 0 to 2: 1 row breaks this"),
        ({"previous": [0.5, 1.0]}, "codes from 0 to 2: 1 row breaks this"),
        ({"previous": [0]}, "previous 1"),
        ({"hysteresis": -1}, "`hysteresis` must be finite and not negative"),
        ({"hysteresis": "much"}, "`hysteresis` must be a number"),
        ({"previous_id": [1, 2]}, "`previous_id` needs `customer_id`"),
        ({"previous_id": [1, 3], "customer_id": [1, 2]}, r"1 row breaks this \(first: row 1, previous_id=3\)"),
        (
            {"previous_id": ["a", "b"], "customer_id": [1, 2]},
            "must be of one type|among those of `customer_id`: 2 rows",
        ),
        ({"previous_id": [1], "customer_id": [1, 2]}, "have previous 2, previous_id 1"),
        ({"probabilities": "sure"}, "`probabilities` must be TierProbabilities"),
    ],
)
def test_arguments_that_do_not_fit(changes: dict[str, Any], message: str) -> None:
    arguments = {"previous": [0, 1], "value": [600.0, 70.0], "scheme": SCHEME, "hysteresis": 0, **changes}
    with pytest.raises(InvalidInputError, match=message):
        assign(**arguments)


def test_probabilities_of_another_scheme_or_size() -> None:
    other = tier_probabilities([[1.0]], Scheme(("gold", "lead"), (5,)))
    with pytest.raises(InvalidInputError, match="must be of the same scheme"):
        assign([0], [1.0], SCHEME, hysteresis=0.5, probabilities=other)
    sure = tier_probabilities([[1.0]], SCHEME)
    with pytest.raises(InvalidInputError, match="value 2, probabilities 1, previous 2"):
        assign([0, 0], [1.0, 2.0], SCHEME, hysteresis=0.5, probabilities=sure)
    with pytest.raises(InvalidInputError, match="`hysteresis` must be a probability, and is 50"):
        assign([0], [1.0], SCHEME, hysteresis=50, probabilities=sure)
