"""Migration between tiers: counts, rates, value, forecasts; and what chance alone would give."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from customervalue.errors import InvalidInputError
from customervalue.tiers import (
    Migration,
    Scheme,
    chance_migration,
    expected_migration,
    migration,
    regression_to_the_mean,
    value_tiers,
)

NAMES = ("gold", "iron", "lead")
MOVES = st.lists(st.tuples(st.integers(-1, 2), st.integers(-1, 2)), min_size=1, max_size=40)
#: Purchases in a period: five or more, two to four, fewer.
SCHEME = Scheme(("often", "sometimes", "seldom"), (5, 2))


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


def joint_by_brute_force(r: float, alpha: float, first: float, second: float, largest: int) -> Any:
    """P(x, y) of the bivariate negative binomial, term by term from its formula."""
    total = alpha + first + second
    table = np.zeros((largest, largest))
    for x in range(largest):
        for y in range(largest):
            logs = math.lgamma(r + x + y) - math.lgamma(r) - math.lgamma(x + 1) - math.lgamma(y + 1)
            logs += r * math.log(alpha / total) + x * math.log(first / total) + y * math.log(second / total)
            table[x, y] = math.exp(logs)
    return table


@pytest.mark.parametrize(("first", "second"), [(26.0, 26.0), (26.0, 13.0)])
def test_chance_is_the_sum_of_the_bivariate_nbd(first: float, second: float) -> None:
    table = joint_by_brute_force(0.5, 10.0, first, second, 150)
    code = SCHEME.assign(np.arange(150.0))
    expected = np.array([[table[np.ix_(code == a, code == b)].sum() for b in range(3)] for a in range(3)])
    found = chance_migration(0.5, 10.0, SCHEME, before=first, after=second)
    np.testing.assert_allclose(found.joint[:3, :3], expected, atol=1e-12)
    assert found.joint.sum() == pytest.approx(1.0, abs=1e-14)
    buyers = chance_migration(0.5, 10.0, SCHEME, before=first, after=second, zero_is_absent=True)
    assert buyers.joint[3, 3] == pytest.approx(table[0, 0], abs=1e-14)
    assert buyers.joint[2, 3] == pytest.approx(table[1, 0], abs=1e-14)
    assert buyers.joint[3, 0] == pytest.approx(table[0, 5:].sum(), abs=1e-12)


@settings(max_examples=25)
@given(st.floats(0.05, 20), st.floats(0.1, 100), st.lists(st.integers(0, 60), min_size=1, max_size=4))
def test_equal_periods_are_exchangeable_and_margins_are_nbd(r: float, alpha: float, cuts: list[int]) -> None:
    scheme = Scheme(tuple("abcde"[: len(cuts) + 1]), tuple(sorted(cuts, reverse=True)))
    joint = chance_migration(r, alpha, scheme, before=10).joint
    np.testing.assert_allclose(joint, joint.T, atol=1e-12)
    margin = stats.nbinom(r, alpha / (alpha + 10)).sf(scheme.thresholds[0] - 1)
    assert joint[0].sum() == pytest.approx(margin, abs=1e-12)


def test_conditional_trend_analysis_of_the_nbd() -> None:
    # Who bought x times is expected to buy (r + x) / (alpha + T) T times (Goodhardt & Ehrenberg 1967): with tiers of
    # single counts the rates of chance_migration must have that mean.
    scheme = Scheme(tuple(f"n{i}" for i in range(120, -1, -1)), tuple(range(120, 0, -1)))
    rates = chance_migration(0.8, 6.0, scheme, before=8.0).rates[:-1, :-1]
    counts = np.arange(120, -1, -1)
    np.testing.assert_allclose((rates @ counts)[-5:], (0.8 + counts[-5:]) * 8 / 14, rtol=1e-9)


def test_simulation_comes_to_the_exact_rates() -> None:
    def simulate(rng: np.random.Generator) -> tuple[Any, Any]:
        rate = rng.gamma(0.5, 1 / 10.0, 5000)
        periods = rng.poisson(26 * rate).astype(float), rng.poisson(26 * rate).astype(float)
        return tuple(np.where(period == 0, np.nan, period) for period in periods)  # type: ignore[return-value]

    found = expected_migration(simulate, SCHEME, n=40, rng=1)
    exact = chance_migration(0.5, 10.0, SCHEME, before=26, zero_is_absent=True)
    assert found.n_simulated == 200_000
    np.testing.assert_allclose(found.joint, exact.joint, atol=4 * math.sqrt(0.25 / 200_000))


def test_tiers_cut_anew_in_each_period() -> None:
    def best_tenth(values: Any) -> Any:
        return value_tiers(values, by="customers", cuts=[0.1], names=("top", "rest"))

    found = expected_migration(lambda rng: (rng.random(500), rng.random(500)), best_tenth, n=30, rng=1)
    assert found.before[0] == pytest.approx(0.1)
    assert found.stay[0] == pytest.approx(0.1, abs=0.04)  # pure luck: nobody in it is there for a reason


def test_luck_alone_is_found_to_be_luck_and_change_to_be_change() -> None:
    chance = chance_migration(0.5, 10.0, SCHEME, before=26)
    luck, inside = [], []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        rate = rng.gamma(0.5, 1 / 10.0, 1000)
        first, second = (SCHEME.assign(rng.poisson(26 * rate)) for _ in range(2))
        found = regression_to_the_mean(migration(first, second, names=SCHEME), chance)
        luck.append(found.overall_p_value)
        inside.append((found.low <= found.by_chance) & (found.by_chance <= found.high))
    # With 40 tests at 5 %, more than 6 below it have a probability of 0.3 %; so have 14 of 120 intervals that miss.
    assert np.count_nonzero(np.array(luck) < 0.05) <= 6
    assert np.count_nonzero(~np.array(inside)) <= 14
    gone = np.where(rng.random(1000) < 0.3, 0, rng.poisson(26 * rate))
    changed = regression_to_the_mean(migration(first, SCHEME.assign(gone), names=SCHEME), chance)
    assert changed.overall_p_value < 1e-4
    assert changed.high[0] < changed.by_chance[0]


def test_chi_square_of_one_row_by_scipy() -> None:
    moves = migration([0] * 60, [0] * 30 + [1] * 20 + [2] * 10, names=SCHEME)
    chance = chance_migration(0.5, 10.0, SCHEME, before=26)
    found = regression_to_the_mean(moves, chance)
    expected = stats.chisquare([30, 20, 10], 60 * chance.rates[0, :3])
    assert found.statistic == pytest.approx(expected.statistic)
    assert found.overall_p_value == pytest.approx(expected.pvalue)
    assert found.degrees == 2
    assert np.isnan(found.p_value[1:]).all()


def test_comparisons_that_make_no_sense() -> None:
    chance = chance_migration(0.5, 10.0, SCHEME, before=26)
    with pytest.raises(InvalidInputError, match="2 customers left, and by chance nobody does"):
        regression_to_the_mean(migration([0, 1, 1], [-1, -1, 1], names=SCHEME), chance)
    with pytest.raises(InvalidInputError, match="both must have the same tiers"):
        regression_to_the_mean(migration([0], [0], names=NAMES), chance)
    with pytest.raises(InvalidInputError, match="`chance` must be an ExpectedMigration, and is a str"):
        regression_to_the_mean(migration([0], [0], names=NAMES), "chance")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("simulate", "message"),
    [
        (lambda _rng: [1.0, 2.0, 3.0], "must return a pair of columns"),
        (lambda _rng: ([1.0], [1.0, 2.0]), "before 1, after 2"),
        (lambda _rng: ([[1.0]], [1.0]), "`before` must be one-dimensional"),
        (lambda _rng: (["a"], ["b"]), "both columns must hold numbers"),
        (lambda _rng: ([np.inf], [1.0]), "`values` must be a finite number"),
        (lambda _rng: ([np.nan], [np.nan]), "drew no customers"),
    ],
)
def test_simulations_that_give_something_else(simulate: Any, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        expected_migration(simulate, SCHEME, n=2, rng=1)


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
        ({"before_id": [1, None], "after_id": [1, 2]}, "ids of one type that can be sorted"),
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


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"r": 0.0}, "`r` must be positive"),
        ({"before": math.inf}, "`before` must be"),
        ({"after": -1}, "`after` must be"),
    ],
)
def test_parameters_of_chance_that_are_none(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        chance_migration(**{"r": 0.5, "alpha": 10.0, "scheme": SCHEME, "before": 26, **changes})
