"""What chance alone would give: exact, simulated, and beside what was observed."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from customervalue.errors import InvalidInputError
from customervalue.tiers import (
    Scheme,
    chance_migration,
    expected_migration,
    migration,
    regression_to_the_mean,
    value_tiers,
)

#: Purchases in a period: five or more, two to four, fewer.
SCHEME = Scheme(("often", "sometimes", "seldom"), (5, 2))


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


def test_rates_of_a_tier_that_is_as_good_as_empty_are_not_made_of_rounding() -> None:
    found = chance_migration(0.5, 10.0, Scheme(("never", "else"), (110,)), before=26)
    assert np.isnan(found.stay[0])
    assert found.stay[1] == pytest.approx(1.0)


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
    absent = chance_migration(0.5, 10.0, SCHEME, before=26, zero_is_absent=True)
    with pytest.raises(InvalidInputError, match=r"nobody left or entered, and by chance about .* leave"):
        regression_to_the_mean(migration([2] * 500, [2] * 500, names=SCHEME), absent)
    regression_to_the_mean(migration([2] * 5, [2] * 5, names=SCHEME), absent)  # too few to tell
    with pytest.raises(InvalidInputError, match="both must have the same tiers"):
        regression_to_the_mean(migration([0], [0], names=("gold", "iron", "lead")), chance)
    with pytest.raises(InvalidInputError, match="`chance` must be an ExpectedMigration, and is a str"):
        regression_to_the_mean(migration([0], [0], names=("gold", "iron", "lead")), "chance")  # type: ignore[arg-type]


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
        ({"r": 0.0}, "`r` must be positive"),
        ({"before": math.inf}, "`before` must be"),
        ({"after": -1}, "`after` must be"),
    ],
)
def test_parameters_of_chance_that_are_none(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        chance_migration(**{"r": 0.5, "alpha": 10.0, "scheme": SCHEME, "before": 26, **changes})
