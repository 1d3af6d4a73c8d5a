"""Assignment with hysteresis: plain without it, stable with it, at a cost that is bounded."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from customervalue.errors import InvalidInputError
from customervalue.tiers import Scheme, assign, differentiate, tier_probabilities, value_tiers

SCHEME = Scheme(("gold", "iron", "lead"), (500, 50), currency="EUR")
ROWS = st.lists(st.tuples(st.integers(-1, 2), st.integers(-20, 1000).map(float)), min_size=1, max_size=30)


def naive(was: int, value: float, margin: float) -> int:
    """One customer at a time, and one boundary after the other."""
    if was == -1:
        return int(SCHEME.assign([value])[0])
    while was > 0 and value >= SCHEME.thresholds[was - 1] + margin:
        was -= 1
    while was < 2 and value < SCHEME.thresholds[was] - margin:
        was += 1
    return was


def naive_probability(was: int, value: float, draws: Any, need: float) -> int:
    """One tier at a time towards that of the value, as long as the draws say so."""
    plain, codes = int(SCHEME.assign([value])[0]), SCHEME.assign(draws)
    if was == -1:
        return plain
    while was > plain and np.mean(codes <= was - 1) >= need - 1e-9:
        was -= 1
    while was < plain and np.mean(codes >= was + 1) >= need - 1e-9:
        was += 1
    return was


@settings(max_examples=25)
@given(ROWS, st.sampled_from([0.0, 5.0, 50.0, 400.0, 1e6]))
def test_money_margin_is_that_of_one_customer_at_a_time(rows: list[Any], margin: float) -> None:
    was, value = (list(column) for column in zip(*rows, strict=True))
    found = assign(was, value, SCHEME, hysteresis=margin)
    assert found.codes.tolist() == [naive(w, v, margin) for w, v in rows]
    assert found.flips_avoided == found.plain_flips - found.flips
    assert np.all(found.outside <= margin)
    assert np.all(found.outside[found.codes == found.plain] == 0)
    assert np.all(found.codes[found.kept] == found.previous[found.kept])


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
    expected = [naive_probability(w, v, draws[:, row], need) for row, (w, v) in enumerate(rows)]
    assert found.codes.tolist() == expected


@settings(max_examples=25)
@given(st.integers(-20, 1000).map(float), st.sampled_from([0.0, 0.3, 0.6, 0.9, 1.0]), st.integers(0, 2**32 - 1))
def test_of_equal_values_the_one_with_the_better_past_is_never_in_the_worse_tier(
    value: float, hysteresis: float, seed: int
) -> None:
    draws = np.repeat(np.random.default_rng(seed).gamma(0.3, value + 100, (10, 1)), 3, axis=1)
    sure = tier_probabilities(draws, SCHEME, value=[value] * 3)
    by_probability = assign([0, 1, 2], [value] * 3, SCHEME, hysteresis=hysteresis, probabilities=sure)
    by_money = assign([0, 1, 2], [value] * 3, SCHEME, hysteresis=600 * hysteresis)
    for found in (by_money, by_probability):
        assert np.all(np.diff(found.codes) >= 0)


def test_a_customer_moves_only_as_far_as_the_evidence_goes() -> None:
    # 501 is 1 above gold, and 451 above iron: with a margin of 100 it is evidence of iron only.
    found = assign(["lead", "iron", "lead"], [501.0, 501.0, 600.0], SCHEME, hysteresis=100)
    assert found.tier.tolist() == ["iron", "iron", "gold"]
    assert (found.plain_flips, found.flips, found.flips_avoided, found.cost) == (3, 2, 1, 2.0)
    draws = np.repeat([[3000.0]] * 34 + [[100.0]] * 33 + [[0.0]] * 33, 2, axis=1)
    sure = tier_probabilities(draws, SCHEME)
    found = assign(["lead", "iron"], sure.value, SCHEME, hysteresis=0.6, probabilities=sure)
    assert found.tier.tolist() == ["iron", "iron"]


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


def test_categories_of_pandas_are_read_by_their_values() -> None:
    column = pd.Categorical(["gold", "iron", None, "lead"], categories=["lead", "gold", "iron"])
    for given_column in (column, pd.CategoricalIndex(column), pd.Series(column)):
        assert assign(given_column, [0.0] * 4, SCHEME, hysteresis=1e6).previous.tolist() == [0, 1, -1, 2]
    strings = pd.array(["gold", pd.NA], dtype="string")
    assert assign(strings, [0.0] * 2, SCHEME, hysteresis=1e6).previous.tolist() == [0, -1]


def test_results_whose_tiers_or_rows_are_others_are_refused() -> None:
    five = differentiate([900, 800, 50], [950, 3000, 600], cut_actual=500, cut_potential=300)
    with pytest.raises(InvalidInputError, match="the tiers of a Differentiation are not those of one value"):
        assign(five, [1.0, 2.0, 3.0], SCHEME, hysteresis=1)
    heavy = value_tiers([600.0, 20.0], by="threshold", cuts=[500, 50], names=SCHEME.names, weights=[2, 3])
    with pytest.raises(InvalidInputError, match="`previous` was made with weights"):
        assign(heavy, [600.0, 20.0], SCHEME, hysteresis=1)
    assert assign(heavy.tier, [600.0, 20.0], SCHEME, hysteresis=1).flips == 0


def test_currencies_are_kept_and_never_mixed() -> None:
    plain = Scheme(SCHEME.names, SCHEME.thresholds)
    sure = tier_probabilities([[1.0]], SCHEME)
    was = value_tiers([1.0], by="threshold", cuts=[500, 50], names=SCHEME.names, currency="EUR")
    assert assign([0], [1.0], plain, currency="USD").scheme.currency == "USD"
    assert assign(was, [1.0], plain).scheme.currency == "EUR"
    assert assign([0], [1.0], plain, probabilities=sure).scheme.currency == "EUR"
    for call in (
        lambda: assign([0], [1.0], SCHEME, currency="USD"),
        lambda: assign(was, [1.0], plain, currency="USD"),
        lambda: assign([0], [1.0], plain, probabilities=sure, currency="USD"),
        lambda: tier_probabilities([[1.0]], SCHEME, currency="USD"),
    ):
        with pytest.raises(InvalidInputError, match="different currencies"):
            call()


def test_probabilities_are_matched_by_ids() -> None:
    sure = tier_probabilities([[1000.0, 1.0]] * 10, SCHEME, customer_id=["A", "B"])
    asked: dict[str, Any] = {"hysteresis": 0.9, "probabilities": sure}
    found = assign(["gold", "lead"], [1.0, 1000.0], SCHEME, customer_id=["B", "A"], **asked)
    assert found.tier.tolist() == ["lead", "gold"]
    assert assign(["lead", "gold"], [1000.0, 1.0], SCHEME, **asked).customer_id.tolist() == ["A", "B"]  # type: ignore[union-attr]
    with pytest.raises(InvalidInputError, match=r"among the `probabilities`: 1 row breaks this.*customer_id=C"):
        assign(["gold", "lead"], [1.0, 1000.0], SCHEME, customer_id=["B", "C"], **asked)
    with pytest.raises(InvalidInputError, match=r"ids of `probabilities`.* must be of one type"):
        assign(["gold", "lead"], [1.0, 1000.0], SCHEME, customer_id=[1, 2], **asked)


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
            "ids of `previous`.* must be of one type",
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
