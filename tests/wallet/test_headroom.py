"""Headroom and value at stake: examples by hand, a loop over draws, monotonicity, and bad input."""

from __future__ import annotations

import json
import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from customervalue.errors import AssumptionWarning, InvalidInputError
from customervalue.wallet import headroom, opportunity, share_of_wallet

CUSTOMERS = st.lists(
    st.tuples(st.floats(0, 1e4), st.floats(0.01, 1e4), st.floats(0, 1), st.floats(0, 1), st.floats(0, 5)),
    min_size=1,
    max_size=15,
)


def columns(customers: list[tuple[float, ...]]) -> tuple[Any, ...]:
    own, more, target, alive, margin = np.array(customers).T
    return own, own + more, target, alive, margin


def some_draws(n: int = 7, draws: int = 400) -> tuple[Any, Any, Any]:
    """Own purchases, draws of wallets (some below them) and draws of P(alive)."""
    rng = np.random.default_rng(3)
    own = rng.gamma(2, 20, n)
    own[1] = 0
    wallet = rng.gamma(3, 30, (draws, n))
    wallet[: draws // 4, 1] = 0
    return own, wallet, rng.beta(5, 2, (draws, n))


# ---- headroom


def test_headroom_by_hand() -> None:
    assert headroom([30, 60, 0], [120, 80, 0]).tolist() == [90, 20, 0]
    assert headroom([30, 60, 0], [120, 80, 10], share_target=0.5).tolist() == [30, 0, 5]
    assert headroom([30, 60], [120, 80], share_target=[0.25, 1]).tolist() == [0, 20]


@settings(max_examples=25)
@given(CUSTOMERS)
def test_headroom_is_the_rest_of_the_wallet(customers: list[tuple[float, ...]]) -> None:
    own, wallet, target, _, _ = columns(customers)
    rest = headroom(own, wallet)
    assert np.all(rest >= 0)
    assert own + rest == pytest.approx(wallet)
    realistic = headroom(own, wallet, share_target=target)
    assert np.all((realistic >= 0) & (realistic <= rest))
    assert share_of_wallet(own + realistic, wallet) == pytest.approx(np.maximum(target, own / wallet))


# ---- opportunity without draws


def test_value_at_stake_by_hand() -> None:
    found = opportunity(
        [20, 60, 5, 10],
        [100, 80, 5, 40],
        share_target=[0.5, 0.5, 0.9, 0.75],
        margin=0.5,
        probability_alive=[1, 1, 1, 0.1],
        customer_id=["Ann", "Bob", "Cy", "Di"],
    )
    assert found.share.tolist() == [0.2, 0.75, 1, 0.25]
    assert found.headroom.tolist() == [30, 0, 0, 20]
    assert found.value_at_stake.tolist() == [15, 0, 0, 1]
    assert found.order.tolist() == [0, 3, 1, 2]
    assert found.total == 16
    assert found.to_frame()["customer"].tolist() == ["Ann", "Di", "Bob", "Cy"]
    assert found.total_interval is None
    assert found.low is None
    assert "low" not in found.to_frame()
    assert "4 customers, 2 below the target share, value at stake 16" in repr(found)


@settings(max_examples=25)
@given(CUSTOMERS, st.floats(0.01, 100))
def test_value_at_stake_is_its_four_factors(customers: list[tuple[float, ...]], rate: float) -> None:
    own, wallet, target, alive, margin = columns(customers)
    options = {"share_target": target, "margin": margin, "probability_alive": alive}
    found = opportunity(own, wallet, **options)
    expected = np.maximum(target - own / wallet, 0) * wallet * margin * alive
    assert found.value_at_stake == pytest.approx(expected, abs=1e-9 * wallet.max())
    assert found.headroom.tolist() == headroom(own, wallet, share_target=target).tolist()
    assert np.all(np.diff(found.value_at_stake[found.order]) <= 0)
    scaled = opportunity(rate * own, rate * wallet, **options)
    assert scaled.value_at_stake == pytest.approx(rate * found.value_at_stake, abs=1e-9 * rate * wallet.max())
    assert scaled.share == pytest.approx(found.share)


def test_the_top_customers() -> None:
    found = opportunity([20, 60, 5], [100, 80, 40], share_target=0.5, customer_id=["Ann", "Bob", "Cy"])
    best = found.top(2)
    assert best.customer_id.tolist() == ["Ann", "Cy"]
    assert best.value_at_stake.tolist() == [30, 15]
    assert best.order.tolist() == [0, 1]
    assert found.top(99).customer_id.tolist() == ["Ann", "Cy", "Bob"]
    for k in (0, 1.5, "a"):
        with pytest.raises(InvalidInputError, match="`k` must be a"):
            found.top(k)  # type: ignore[arg-type]


# ---- opportunity with draws


def test_draws_against_a_loop() -> None:
    own, wallet, alive = some_draws()
    found = opportunity(own, wallet, share_target=0.6, margin=0.3, probability_alive=alive, level=0.8)
    for i in range(own.size):
        values, gaps, shares, sizes = [], [], [], []
        for w, p in zip(wallet[:, i], alive[:, i], strict=True):
            size = max(w, own[i])
            gap = max(0.6 * size - own[i], 0)
            sizes.append(size)
            gaps.append(gap)
            values.append(gap * 0.3 * p)
            shares.append(own[i] / size if size > 0 else 0)
        assert found.wallet[i] == pytest.approx(np.mean(sizes))
        assert found.headroom[i] == pytest.approx(np.mean(gaps))
        assert found.share[i] == pytest.approx(np.mean(shares))
        assert found.value_at_stake[i] == pytest.approx(np.mean(values))
        assert found.probability_of_headroom[i] == np.mean(np.array(gaps) > 0)
        assert (found.low[i], found.high[i]) == pytest.approx(tuple(np.quantile(values, [0.1, 0.9])))
        assert (found.share_low[i], found.share_high[i]) == pytest.approx(tuple(np.quantile(shares, [0.1, 0.9])))
    totals = (np.maximum(0.6 * np.maximum(wallet, own) - own, 0) * 0.3 * alive).sum(axis=1)
    assert found.total_interval == pytest.approx(tuple(np.quantile(totals, [0.1, 0.9])))
    assert found.total == pytest.approx(totals.mean())
    assert found.top(3).total_interval is None


def test_customers_are_worked_on_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    own, wallet, alive = some_draws()
    whole = opportunity(own, wallet, share_target=0.6, probability_alive=alive)
    monkeypatch.setattr("customervalue.wallet._headroom_values._CELLS", 900)
    parts = opportunity(own, wallet, share_target=0.6, probability_alive=alive)
    for name in ("wallet", "share", "headroom", "value_at_stake", "low", "high", "share_low", "share_high"):
        assert getattr(parts, name) == pytest.approx(getattr(whole, name))
    assert parts.total_interval == pytest.approx(whole.total_interval)


@pytest.mark.parametrize("of_wallet", [True, False])
def test_identical_draws_are_no_draws(of_wallet: bool) -> None:
    own, wallet, alive = np.array([20.0, 60, 5]), np.array([100.0, 80, 40]), np.array([1, 0.5, 0.2])
    w, p = (np.tile(wallet, (5, 1)), alive) if of_wallet else (wallet, np.tile(alive, (5, 1)))
    found, plain = (opportunity(own, a, share_target=0.5, probability_alive=b) for a, b in ((w, p), (wallet, alive)))
    for name in ("wallet", "share", "headroom", "value_at_stake"):
        assert getattr(found, name) == pytest.approx(getattr(plain, name))
    assert found.low == pytest.approx(plain.value_at_stake)
    assert found.share_high == pytest.approx(plain.share)


def test_wallets_that_are_0_in_all_draws_have_no_share() -> None:
    with pytest.warns(AssumptionWarning, match="1 of 2 wallets are 0.*nothing is at stake"):
        found = opportunity([0, 2], [[0, 4], [0, 8]], share_target=0.5)
    assert np.isnan(found.share).tolist() == [True, False]
    assert found.value_at_stake.tolist() == [0, 1]
    assert json.loads(json.dumps(found.to_dict()))["share"][0] is None


def test_an_interval_holds_the_value_at_its_rate() -> None:
    # Wallets drawn from the posterior that made the true one: the interval has to hold it at its level.
    rng = np.random.default_rng(4)
    n = 2_000
    own = rng.poisson(3, n).astype(float)
    shape = rng.gamma(5, 1, n)
    truth = own + rng.poisson(rng.gamma(shape))
    draws = own + rng.poisson(rng.gamma(np.broadcast_to(shape, (300, n))))
    found = opportunity(own, draws, share_target=0.8, level=0.9)
    value = np.maximum(0.8 * truth - own, 0)
    assert found.low is not None
    assert found.high is not None
    held = np.mean((found.low <= value) & (value <= found.high))
    assert held + 3 * np.sqrt(0.9 * 0.1 / n) >= 0.9  # counts are coarse: the ends hold more than their share
    assert held < 0.99
    assert found.total_interval is not None
    assert found.total == pytest.approx(value.sum(), rel=0.05)


def test_wallets_below_own_purchases_in_all_draws_are_counted() -> None:
    with pytest.warns(
        AssumptionWarning, match="below `own` for 1 of 2 customers, and are raised.*same unit and period"
    ):
        found = opportunity([200, 3], np.full((5, 2), 100.0), share_target=0.5)
    assert found.wallet.tolist() == [200, 100]
    opportunity([50, 3], np.array([[40.0, 9.0]] + [[90.0, 9.0]] * 9), share_target=0.5)  # a few draws may be


# ---- results


def test_results_are_read_only_and_the_input_is_left_alone() -> None:
    own, wallet, alive = some_draws()
    before = own.copy(), wallet.copy(), alive.copy()
    names = np.arange(own.size)
    found = opportunity(own, wallet, share_target=0.6, probability_alive=alive, customer_id=names)
    for array, kept in zip((own, wallet, alive), before, strict=True):
        assert np.array_equal(array, kept)
    assert names.flags.writeable
    assert wallet.flags.writeable
    with pytest.raises(ValueError, match="read-only"):
        found.value_at_stake[0] = 1
    again = pickle.loads(pickle.dumps(found))
    assert again.to_dict() == found.to_dict()
    assert json.loads(json.dumps(found.to_dict()))["level"] == 0.9
    frame = found.to_frame("pandas")
    assert frame["value_at_stake"].is_monotonic_decreasing
    assert frame["customer"].tolist() == found.order.tolist()


# ---- bad input


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"own": [1, 50]}, r"`own` must not exceed `wallet`: 1 row breaks this \(first: row 1, own=50, wallet=20\)"),
        ({"own": [1, -1]}, "`own` must not be negative"),
        ({"wallet": [10, np.nan]}, "`wallet` must be a finite number"),
        ({"wallet": [[10, -1], [10, 20]]}, r"`wallet` must not be negative: 1 row .*row 1, column 0"),
        ({"wallet": [[10, 20, 30]]}, "same length, and have own 2, wallet 3"),
        ({"wallet": np.empty((0, 2))}, "`wallet` must have at least one draw"),
        ({"wallet": [[10, 20], [10]]}, "`wallet` must be a table, one row per customer, and is ragged"),
        ({"share_target": 40}, "`share_target` must be between 0 and 1, and is 40"),
        ({"share_target": [0.5, 1.5]}, "`share_target` must be between 0 and 1: 1 row"),
        ({"share_target": [0.5]}, "same length"),
        ({"share_target": "half"}, "`share_target` must be a number"),
        ({"share_target": np.nan}, "`share_target` must be between 0 and 1, and is nan"),
        ({"margin": -0.1}, "`margin` must be finite and not negative, and is -0.1"),
        ({"margin": np.inf}, "`margin` must be finite and not negative, and is inf"),
        ({"margin": [0.1, -1]}, "`margin` must not be negative: 1 row"),
        ({"probability_alive": 1.2}, "`probability_alive` must be between 0 and 1, and is 1.2"),
        ({"probability_alive": [[0.5, 1.2]]}, "`probability_alive` must be between 0 and 1: 1 row"),
        (
            {"wallet": [[10, 20]] * 3, "probability_alive": [[0.5, 0.2]] * 2},
            "must have as many draws, and have 3 and 2",
        ),
        ({"level": 90}, "`level` must lie between 0 and 1, and is 90"),
        ({"customer_id": [1]}, "same length"),
    ],
)
def test_bad_input(changed: dict[str, Any], message: str) -> None:
    arguments = {"own": [1, 2], "wallet": [10, 20], "share_target": 0.5} | changed
    with pytest.raises(InvalidInputError, match=message):
        opportunity(arguments.pop("own"), arguments.pop("wallet"), **arguments)


def test_a_problem_is_said_once() -> None:
    with pytest.raises(InvalidInputError, match="1 problem in the headroom") as caught:
        headroom([1, 2], 5)
    assert len(caught.value.problems) == 1


def test_every_problem_at_once() -> None:
    with pytest.raises(InvalidInputError, match="5 problems in the opportunity"):
        opportunity([1, -2], [1, np.nan], share_target=2, margin=-1, level=0)


@pytest.mark.parametrize(
    ("own", "target", "message"),
    [([1, 30], None, "must not exceed `wallet`"), ([1, 2], 1.5, "`share_target` must be between 0 and 1")],
)
def test_bad_input_of_headroom(own: Any, target: Any, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        headroom(own, [10, 20], share_target=target)
