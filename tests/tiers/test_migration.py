"""Migration between tiers: counts, rates, value and forecasts."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from customervalue.errors import InvalidInputError
from customervalue.tiers import (
    Migration,
    Scheme,
    differentiate,
    migration,
    value_tiers,
)

NAMES = ("gold", "iron", "lead")
MOVES = st.lists(st.tuples(st.integers(-1, 2), st.integers(-1, 2)), min_size=1, max_size=40)


def moves_of(rows: list[tuple[int, int]], **arguments: Any) -> Migration:
    before, after = zip(*rows, strict=True)
    return migration(list(before), list(after), names=NAMES, **arguments)


@settings(max_examples=25)
@given(MOVES)
def test_counts_are_those_of_a_plain_count_and_rates_add_to_one(rows: list[tuple[int, int]]) -> None:
    found = moves_of(rows)
    counted = Counter(rows)
    for (was, now), number in counted.items():
        if (was, now) == (-1, -1):
            assert found.absent == number
        else:
            assert found.counts[was, now] == number  # -1 is the last row and the last column
    assert found.counts.sum() + found.absent == len(rows)
    there = found.counts.sum(axis=1) > 0
    np.testing.assert_allclose(found.rates[there].sum(axis=1), 1.0, rtol=1e-14)
    assert np.isnan(found.rates[~there]).all()
    low, high = found.intervals
    assert np.all((low[there] <= found.rates[there]) & (found.rates[there] <= high[there]))
    moved = found.movements()
    assert moved.customers.sum() == found.counts.sum()
    assert moved.customers[:4].sum() == found.before.sum()
    for tier in NAMES:
        assert found.movements(tier).customers[:4].sum() == found.before[NAMES.index(tier)]


@settings(max_examples=25)
@given(MOVES, st.integers(0, 2**32 - 1))
def test_value_before_and_change_are_the_value_after(rows: list[tuple[int, int]], seed: int) -> None:
    worth = np.random.default_rng(seed).gamma(1.0, 100.0, (2, len(rows))) - 20
    there = np.array(rows).T >= 0
    values = np.where(there, worth, 0.0)
    found = moves_of(rows, value_before=values[0], value_after=np.where(there[1], values[1], np.nan))
    assert found.value_before is not None
    assert found.change is not None
    assert np.array_equal(found.value_before + found.change, np.asarray(found.value_after))
    assert found.value_before.sum() == pytest.approx(values[0].sum(), abs=1e-9)
    assert np.asarray(found.value_after).sum() == pytest.approx(values[1].sum(), abs=1e-9)
    table = found.movements()
    assert np.array_equal(np.asarray(table.value_before) + np.asarray(table.change), np.asarray(table.value_after))
    assert np.asarray(table.value_before)[4] == 0  # who entered brought nothing along
    assert np.asarray(table.value_after)[3] == pytest.approx(0, abs=1e-9)


@settings(max_examples=25)
@given(MOVES, st.randoms(use_true_random=False))
def test_ids_in_any_order_are_the_columns_side_by_side(rows: list[tuple[int, int]], random: Any) -> None:
    found = moves_of(rows, value_before=[float(w >= 0) for w, _ in rows], value_after=[2.0 * (n >= 0) for _, n in rows])
    ids = [f"C{i:03}" for i in range(len(rows))]
    first = [(i, w) for i, (w, _) in zip(ids, rows, strict=True) if w >= 0]
    second = [(i, n) for i, (_, n) in zip(ids, rows, strict=True) if n >= 0]
    assume(first and second)
    random.shuffle(second)
    matched = migration(
        [w for _, w in first],
        [n for _, n in second],
        names=NAMES,
        before_id=[i for i, _ in first],
        after_id=[i for i, _ in second],
        value_before=np.ones(len(first)),
        value_after=np.full(len(second), 2.0),
    )
    assert np.array_equal(matched.counts, found.counts)
    assert np.array_equal(np.asarray(matched.change), np.asarray(found.change))


def test_weights_are_repetition() -> None:
    rows, weights = [(0, 1), (1, 1), (2, -1), (-1, 0)], [3, 1, 4, 2]
    worth = {"value_before": [5.0, 2.0, 1.0, 0.0], "value_after": [2.0, 2.0, 0.0, 7.0]}
    light = moves_of(rows, weights=weights, **worth)
    heavy = moves_of(
        [row for row, w in zip(rows, weights, strict=True) for _ in range(w)],
        **{name: np.repeat(column, weights) for name, column in worth.items()},
    )
    assert np.array_equal(light.counts, heavy.counts)
    assert light.to_dict() == heavy.to_dict()


def test_names_and_codes_and_results_are_alike() -> None:
    codes = migration([0, 2, -1], [1, -1, 0], names=NAMES)
    named = migration(["gold", "lead", None], np.array(["iron", "", "gold"]), names=NAMES)
    assert np.array_equal(codes.counts, named.counts)
    first = value_tiers([600.0, 20.0], by="threshold", cuts=[500, 50], names=NAMES, customer_id=["Ann", "Bob"])
    second = value_tiers([600.0, 70.0], by="threshold", cuts=[500, 50], names=NAMES, customer_id=["Cyd", "Ann"])
    found = migration(first, second)
    assert found.names == NAMES
    assert found.counts.tolist() == [[0, 1, 0, 0], [0, 0, 0, 0], [0, 0, 0, 1], [1, 0, 0, 0]]
    assert migration([0, 1], [1, 1]).names == ("0", "1")


def test_categories_of_pandas_are_read_by_their_values() -> None:
    column = pd.Categorical(["gold", "iron", "lead"], categories=["lead", "gold", "iron"])
    found = migration(pd.CategoricalIndex(column), column, names=NAMES)
    assert np.array_equal(found.counts[:3, :3], np.eye(3))
    assert migration(pd.array(["gold", pd.NA], dtype="string"), [0, 0], names=NAMES).counts[3, 0] == 1


def test_differentiations_move_under_their_own_names() -> None:
    cuts = {"cut_actual": 500, "cut_potential": 300, "currency": "EUR"}
    first = differentiate([900, 50, 40], [950, 600, 60], customer_id=["A", "B", "C"], **cuts)
    second = differentiate([50, 800], [60, 3000], customer_id=["C", "B"], **cuts)
    found = migration(first, second)
    assert found.names == first.names
    assert found.currency == "EUR"
    assert (found.counts[0, 5], found.counts[2, 1], found.counts[3, 3]) == (1, 1, 1)


def test_weights_of_results_count() -> None:
    asked: dict[str, Any] = {"by": "threshold", "cuts": [500, 50], "names": NAMES}
    heavy = value_tiers([900, 60, 5], weights=[10, 20, 30], **asked)
    light = value_tiers([900, 60, 5], **asked)
    assert migration(heavy, heavy).counts.sum() == 60
    assert migration(heavy, light, weights=[1, 2, 3]).counts.sum() == 6
    with pytest.raises(InvalidInputError, match="made with weights, and not both with the same"):
        migration(heavy, light)


def test_none_as_the_value_of_who_is_absent() -> None:
    found = migration([0, 0], [0, None], names=NAMES, value_before=[1, 2], value_after=[1, None])
    assert np.asarray(found.value_after)[0].tolist() == [1, 0, 0, 0]
    with pytest.raises(InvalidInputError, match="1 problem in"):
        migration([0, 0], [0, None], names=NAMES, value_before=[1, 2], value_after=[1, np.inf])


def test_wilson_intervals_as_published() -> None:
    # Newcombe (1998), Statistics in Medicine 17(8), 857-872, table I, method 3: 81 of 263; recalled, not read.
    found = migration([0] * 263, [1] * 81 + [0] * 182, names=("gold", "lead"))
    low, high = found.intervals
    assert (low[0, 1], high[0, 1]) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert found.downgrade_rate == pytest.approx(81 / 263)
    assert found.upgrade_rate == 0


def test_deciles_of_madrigal_buyers_by_year() -> None:
    # Fader, Hardie & Ross (2022), The Customer-Base Audit, companion data: 9,871 customers bought in both years, 16,383
    # in 2018 only and 21,984 in 2019 only.
    before = np.repeat([0, 0, -1], [9871, 16383, 21984])
    after = np.repeat([0, -1, 0], [9871, 16383, 21984])
    found = migration(before, after, names=("customer",))
    assert found.before.tolist() == [26254]
    assert found.after.tolist() == [31855]
    assert found.movements().customers.tolist() == [9871, 0, 0, 16383, 21984]


@settings(max_examples=25)
@given(st.lists(st.lists(st.integers(1, 30), min_size=4, max_size=4), min_size=4, max_size=4), st.integers(1, 5))
def test_forecast_is_the_matrix_power(rows: list[list[int]], periods: int) -> None:
    counts = np.array(rows)
    counts[-1, -1] = 0
    pairs = [(i if i < 3 else -1, j if j < 3 else -1) for i in range(4) for j in range(4) for _ in range(counts[i, j])]
    found = moves_of(pairs)
    path = found.forecast(periods, n=20, rng=1)
    rates, now = found.rates[:3, :3], found.after.astype(float)
    total = sum(counts[3, :3] @ np.linalg.matrix_power(rates, i) for i in range(periods))
    np.testing.assert_allclose(path.expected[-1], now @ np.linalg.matrix_power(rates, periods) + total, rtol=1e-12)
    mix = found.stationary_mix()
    for _ in range(2000):
        now = now @ rates + counts[3, :3]
    np.testing.assert_allclose(mix, now / now.sum(), atol=1e-9)
    np.testing.assert_allclose(found.forecast(1, 2 * counts[3, :3].sum(), n=1).entries, 2 * counts[3, :3])
    np.testing.assert_allclose(found.stationary_mix(17.0), mix)


def test_forecast_says_what_it_assumes() -> None:
    path = moves_of([(0, 0), (1, 0), (2, 2), (1, 2), (0, 1)] * 20).forecast(3, rng=1)
    assert "depends on their present tier alone (no memory)" in repr(path)
    assert path.expected.sum(axis=1).tolist() == pytest.approx([100] * 4)
    assert np.all((path.low <= path.expected) & (path.expected <= path.high))
    assert path.to_frame()["periods_on"].tolist() == [0, 1, 2, 3]


def test_forecast_knows_that_one_count_does_not_tell_a_rate() -> None:
    found = moves_of([(0, 0)] * 90 + [(0, 1)] * 10 + [(1, 1)] * 50 + [(2, 2)] * 50 + [(-1, 2)] * 100)
    width = [
        np.ptp([path.low[-1], path.high[-1]], axis=0)[2]
        for path in (found.forecast(6, [0, 0, 100], rng=1), found.forecast(6, 100, rng=1), found.forecast(6, rng=1))
    ]
    assert width[1] == pytest.approx(width[0], rel=0.1)  # all entries are of one tier: nothing to divide
    # A rate counted as 100 has a standard deviation of 10, and six periods have it six times.
    assert math.sqrt(width[2] ** 2 - width[0] ** 2) == pytest.approx(3.92 * 60, rel=0.15)


def test_closed_groups_in_the_long_run() -> None:
    closed = moves_of([(0, 0), (0, 1), (1, 1), (1, 2), (2, 2), (2, 0)])
    np.testing.assert_allclose(closed.stationary_mix(), [1 / 3] * 3)
    split = moves_of([(0, 0), (1, 1), (2, 2)])
    with pytest.raises(InvalidInputError, match="no single mix"):
        split.stationary_mix()
    with pytest.raises(InvalidInputError, match="nobody is left"):
        moves_of([(0, 0), (0, -1), (1, 1), (1, 0), (2, 1)]).stationary_mix()
    with pytest.raises(InvalidInputError, match="never left"):
        moves_of([(0, 0), (1, -1), (1, 1), (2, 2), (2, 1), (-1, 0)]).stationary_mix()


def test_forecasts_that_cannot_be_made() -> None:
    found = moves_of([(0, 0), (1, 0), (1, 1)])
    with pytest.raises(InvalidInputError, match="nobody was in lead before"):
        found.forecast(1)
    whole = moves_of([(0, 0), (1, 0), (2, 2)])
    for periods in (0, 1.5, -1):
        with pytest.raises(InvalidInputError, match="`periods` must be a whole number"):
            whole.forecast(periods)  # type: ignore[arg-type]
    with pytest.raises(InvalidInputError, match="new customers cannot be divided"):
        whole.forecast(1, 10)
    with pytest.raises(InvalidInputError, match="one number for each of the 3 tiers, not 2"):
        whole.forecast(1, [1, 2])
    with pytest.raises(InvalidInputError, match="`entries` must be finite and not negative"):
        whole.forecast(1, -3)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"before": ["gold", "silver"]}, r"1 row breaks this \(first: row 1, before=silver\)"),
        ({"before": [0, 7]}, "codes from 0 to 2: 1 row"),
        ({"before": [0]}, "before 1, after 2"),
        ({"names": None, "before": ["gold", "lead"]}, "tiers, best first.\n     Those found are 0, 1, gold, lead"),
        ({"names": ["gold", "gold"]}, "'gold' is there more than once"),
        ({"value_before": [1.0, 2.0]}, "must both be given, or neither"),
        ({"value_before": [1.0, np.nan], "value_after": [1.0, 2.0]}, "`value_before` must be a finite number: 1 row"),
        (
            {"before": [0, -1], "value_before": [1.0, 2.0], "value_after": [1.0, 2.0]},
            "must be 0 for a customer who is in",
        ),
        ({"before_id": [1, 2]}, "`before_id` and `after_id` must both be given"),
        ({"before_id": [1, 1], "after_id": [1, 2]}, "`before_id` must name each customer once: 1 row"),
        ({"before_id": [1, None], "after_id": [1, 2]}, "`before_id` must not be missing: 1 row"),
        ({"before_id": [1, 2], "after_id": [1, np.nan]}, "`after_id` must not be missing: 1 row"),
        ({"before_id": [1, "a"], "after_id": np.array([1, "a"], dtype=object)}, "one type"),
        ({"before_id": [1, 2], "after_id": ["1", "2"]}, "differ in type"),
        ({"before_id": [1, 2], "after_id": [1, 2], "weights": [1, 2]}, "`weights` cannot be matched by ids"),
        ({"before_id": [1], "after_id": [1, 2]}, "before 2, before_id 1"),
        ({"weights": [0.5, 1]}, "`weights` must be whole: 1 row"),
        ({"level": 95}, "`level` must lie between 0 and 1"),
        ({"names": Scheme(NAMES, (5, 2), currency="EUR"), "currency": "USD"}, "in 'USD' and 'EUR'"),
    ],
)
def test_arguments_that_do_not_fit(changes: dict[str, Any], message: str) -> None:
    arguments: dict[str, Any] = {"before": [0, 1], "after": [1, 0], "names": NAMES, **changes}
    with pytest.raises(InvalidInputError, match=message):
        migration(**arguments)


def test_two_results_with_different_tiers() -> None:
    one = value_tiers([6.0, 2.0], by="threshold", cuts=[5], names=("A", "B"))
    other = value_tiers([6.0, 2.0], by="threshold", cuts=[5], names=("gold", "lead"))
    with pytest.raises(InvalidInputError, match="both periods must have the same tiers, and have A, B; gold, lead"):
        migration(one, other)
    with pytest.raises(InvalidInputError, match="there is no tier 'silver'"):
        migration(one, one).movements("silver")
