"""Probabilities of tiers: streamed, against the whole table at once; distributions; what is at stake."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from customervalue.errors import InvalidInputError
from customervalue.tiers import NormalValues, Scheme, tier_probabilities
from customervalue.tiers import _tier_draws as streamed

SCHEME = Scheme(("gold", "iron", "lead"), (500, 50), currency="EUR")
TABLE = arrays(np.float64, st.tuples(st.integers(1, 12), st.integers(1, 6)), elements=st.integers(-20, 1000).map(float))


def naive(draws: Any, scheme: Scheme, codes: Any) -> tuple[Any, Any]:
    """One value at a time."""
    d, n = draws.shape
    probability, stake = np.zeros((n, len(scheme))), np.zeros(n)
    for row in draws:
        for customer, value in enumerate(row.tolist()):
            probability[customer, int(scheme.assign([value])[0])] += 1 / d
            low, high = scheme.lower[codes[customer]], scheme.upper[codes[customer]]
            stake[customer] += (low - value if value < low else value - high if value > high else 0.0) / d
    return probability, stake


@settings(max_examples=25)
@given(TABLE)
def test_probabilities_and_stakes_are_those_of_one_value_at_a_time(draws: Any) -> None:
    found = tier_probabilities(draws, SCHEME)
    probability, stake = naive(draws, SCHEME, found.codes)
    np.testing.assert_allclose(found.probability, probability, atol=1e-12)
    np.testing.assert_allclose(found.at_stake, stake, atol=1e-10)
    np.testing.assert_allclose(found.probability.sum(axis=1), 1.0, atol=1e-12)
    np.testing.assert_allclose(found.value, draws.mean(axis=0), rtol=1e-12, atol=1e-12)
    assert found.to_frame()["expected_customers"].sum() == pytest.approx(draws.shape[1])


@settings(max_examples=25)
@given(TABLE, st.integers(1, 5))
def test_blocks_of_any_size_are_the_table(draws: Any, size: int) -> None:
    whole = tier_probabilities(draws, SCHEME)
    blocks = tier_probabilities((draws[i : i + size] for i in range(0, len(draws), size)), SCHEME)
    rows = tier_probabilities(iter(draws), SCHEME)
    for other in (blocks, rows, tier_probabilities(draws.tolist(), SCHEME)):
        assert np.array_equal(other.probability, whole.probability)
        np.testing.assert_allclose(other.at_stake, whole.at_stake, atol=1e-9)


def test_many_draws_and_customers_over_the_limits_of_a_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streamed, "_CELLS", 7)
    draws = np.random.default_rng(1).gamma(0.5, 400.0, (600, 37))
    for given_draws in (draws, iter(draws), iter([draws[:1], draws[1:300], draws[300:]])):
        found = tier_probabilities(given_draws, SCHEME)
        assert np.array_equal(found.probability[:, 0], (draws >= 500).mean(axis=0))
        assert np.array_equal(found.probability[:, 2], (draws < 50).mean(axis=0))
        assert found.n_draws == 600


@settings(max_examples=25)
@given(TABLE, st.randoms(use_true_random=False))
def test_permuting_customers_and_scaling_money_change_nothing(draws: Any, random: Any) -> None:
    found = tier_probabilities(draws, SCHEME)
    order = np.array(random.sample(range(draws.shape[1]), draws.shape[1]))
    assert np.array_equal(tier_probabilities(draws[:, order], SCHEME).probability, found.probability[order])
    scaled = tier_probabilities(2.0**7 * draws, Scheme(SCHEME.names, (500 * 2.0**7, 50 * 2.0**7)))
    assert np.array_equal(scaled.probability, found.probability)
    np.testing.assert_allclose(scaled.at_stake, 2.0**7 * np.asarray(found.at_stake), atol=1e-6)


def test_normal_values_against_mpmath() -> None:
    mean, sd = [510.0, 40.0, 700.0], [100.0, 5.0, 1.0]
    found = tier_probabilities(NormalValues(mean, sd), SCHEME)
    for row, (m, s) in enumerate(zip(mean, sd, strict=True)):
        exact = [mpmath.ncdf((cut - m) / s) for cut in (500, 50)]
        np.testing.assert_allclose(
            found.probability[row], [float(1 - exact[0]), float(exact[0] - exact[1]), float(exact[1])], atol=1e-14
        )
    inside = mpmath.quad(lambda v: (500 - v) * mpmath.npdf(v, 510, 100), [-1000, 0, 300, 500])
    assert found.at_stake is not None
    assert found.at_stake[0] == pytest.approx(float(inside), rel=1e-10)
    assert found.n_draws == 0
    assert found.monte_carlo_error == 0.0


def test_normal_values_are_the_limit_of_draws() -> None:
    mean, sd = np.array([510.0, 40.0]), np.array([100.0, 30.0])
    draws = np.random.default_rng(1).normal(mean, sd, (20_000, 2))
    exact, drawn = tier_probabilities(NormalValues(mean, sd), SCHEME), tier_probabilities(draws, SCHEME)
    np.testing.assert_allclose(drawn.probability, exact.probability, atol=5 * drawn.monte_carlo_error)
    np.testing.assert_allclose(drawn.at_stake, exact.at_stake, rtol=0.03)


def test_values_known_exactly() -> None:
    found = tier_probabilities(NormalValues([500.0, 49.0], [0.0, 0.0]), SCHEME)
    assert found.probability.tolist() == [[1, 0, 0], [0, 0, 1]]
    assert found.at_stake is not None
    assert found.at_stake.tolist() == [0, 0]


def test_values_known_all_but_exactly() -> None:
    found = tier_probabilities(NormalValues([510.0, 490.0, 490.0], [1e-310, 1e-160, 1e-310]), SCHEME, value=[490.0] * 3)
    assert found.probability[:, 0].tolist() == [1, 0, 0]
    np.testing.assert_allclose(found.at_stake, [10, 0, 0])


def distribution(**changes: Any) -> Any:
    column = np.array([100.0, 600.0])
    return SimpleNamespace(
        **{"mean": column, "probability_below": lambda c: 1.0 * (column < c), "shortfall_below": lambda _c: [0, 0]}
        | changes
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"probability_below": lambda _c: [0.1, 0.2, 0.3]}, "probability_below 3"),
        ({"shortfall_below": lambda _c: [np.nan, 0.0]}, r"`shortfall_below\(500\)` must be a finite number: 1 row"),
        ({"mean": [np.inf, 0.0]}, "`mean` must be a finite number: 1 row"),
    ],
)
def test_distributions_that_do_not_fit(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        tier_probabilities(distribution(**changes), SCHEME)


def test_interval_as_normal_values() -> None:
    interval = SimpleNamespace(estimate=[510.0], low=[510 - 164.4853627], high=[510 + 164.4853627], level=0.9)
    assert NormalValues.from_interval(interval).standard_deviation == pytest.approx([100.0])
    found = tier_probabilities(interval, SCHEME)
    exact = tier_probabilities(NormalValues([510.0], [100.0]), SCHEME)
    np.testing.assert_allclose(found.probability, exact.probability, rtol=1e-7)
    with pytest.raises(InvalidInputError, match="must be of an expectation, and is a predictive one"):
        NormalValues.from_interval(SimpleNamespace(**{**vars(interval), "kind": "predictive"}))
    with pytest.raises(InvalidInputError, match="`high` must not be below `low`"):
        NormalValues.from_interval(SimpleNamespace(estimate=[1.0], low=[2.0], high=[1.0], level=0.9))


def test_function_of_thresholds() -> None:
    found = tier_probabilities(lambda cut: np.array([0.3, 0.9]) if cut > 100 else [0.1, 0.8], SCHEME, value=[600, 20])
    np.testing.assert_allclose(found.probability, [[0.7, 0.2, 0.1], [0.1, 0.1, 0.8]])
    assert found.at_stake is None
    assert "value_at_stake" not in found.to_frame()
    assert found.tier.tolist() == ["gold", "lead"]


def test_a_given_value_decides_the_tier() -> None:
    draws = np.array([[600.0, 10.0], [400.0, 20.0]])
    found = tier_probabilities(draws, SCHEME, value=[400.0, 20.0], customer_id=["Ann", "Bob"])
    assert found.tier.tolist() == ["iron", "lead"]
    assert found.at_stake is not None
    assert found.at_stake.tolist() == [50.0, 0.0]
    assert found.customer_frame()["customer_id"].tolist() == ["Ann", "Bob"]


def test_coin_tosses_and_the_table() -> None:
    draws = np.array([[600.0, 600.0, 1.0]] * 6 + [[600.0, 100.0, 1.0]] * 4).T.reshape(3, 10).T
    draws[:5, 1] = 600.0
    draws[5:, 1] = 100.0
    found = tier_probabilities(draws, SCHEME)
    assert found.coin_toss().tolist() == [False, True, False]
    assert found.coin_toss(0.5).tolist() == [False, False, False]
    assert found.margin.tolist() == [1.0, 0.0, 1.0]
    assert found.most_likely.tolist() == [0, 0, 2]
    assert found.to_frame()["coin_tosses"].tolist() == [0, 1, 0]
    assert "1 are a coin toss" in repr(found)
    with pytest.raises(InvalidInputError, match="`limit` must lie between 0 and 1"):
        found.coin_toss(60)


def test_one_tier_is_certain() -> None:
    found = tier_probabilities(np.ones((2, 3)), Scheme(("all",), ()))
    assert found.probability.tolist() == [[1.0]] * 3
    assert found.margin.tolist() == [1.0] * 3


def test_nothing_is_mutated_and_results_are_read_only() -> None:
    draws = np.random.default_rng(1).gamma(1.0, 100.0, (5, 4))
    before = draws.copy()
    found = tier_probabilities(draws, SCHEME)
    assert np.array_equal(draws, before)
    with pytest.raises(ValueError, match="read-only"):
        found.probability[0, 0] = 1.0


@pytest.mark.parametrize(
    ("draws", "message"),
    [
        ([], "at least one draw, and holds none"),
        (np.zeros(3), r"must have shape \(draws, n\), and has \(3,\)"),
        ([1.0, 2.0], "single numbers, one dimension too few"),
        ("gold", "must be a table or give blocks"),
        (iter([object()]), r"gives a object, one dimension too few.\n.*`clv.prediction_draws`"),
        ([[1e308], [1e308]], "draws of customer 0 are too large to be added up"),
        (iter([[1.0, 2.0], [1.0]]), "the first are of 2, and draw 1 is of 1"),
        ([["a", "b"]], "must hold numbers, and draw 0 does not"),
        (
            [[1.0, 2.0], [1.0, np.nan], [np.inf, 1.0]],
            r"finite numbers.*1 row breaks this \(first: draw 1, customer 1: nan",
        ),
        (lambda _cut: [1.2, 0.5], "a probability must lie between 0 and 1: 1 row"),
        (lambda cut: [1 / cut], "must not fall as the threshold rises"),
        (lambda cut: [0.5] * (2 if cut > 100 else 3), "at every threshold"),
    ],
)
def test_draws_that_are_none(draws: Any, message: str) -> None:
    value = [1.0] * 2 if callable(draws) else None
    with pytest.raises(InvalidInputError, match=message):
        tier_probabilities(draws, SCHEME, value=value)


def test_other_arguments_that_do_not_fit() -> None:
    with pytest.raises(InvalidInputError, match="draws 2, value 1, customer_id 3"):
        tier_probabilities([[1.0, 2.0]], SCHEME, value=[1.0], customer_id=[1, 2, 3])
    with pytest.raises(InvalidInputError, match="Pass `value=`"):
        tier_probabilities(lambda _cut: [0.5], SCHEME)
    with pytest.raises(InvalidInputError, match="`scheme` must be a Scheme, and is a str"):
        tier_probabilities([[1.0]], "gold")  # type: ignore[arg-type]
