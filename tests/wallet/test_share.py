"""Observed shares of wallet: what they are, what they do not depend on, and bad input."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from customervalue.errors import AssumptionWarning, InvalidInputError
from customervalue.wallet import share_of_wallet

AMOUNT = st.floats(0.01, 1e6)
PARTS = st.lists(st.tuples(AMOUNT | st.just(0.0), AMOUNT), min_size=1, max_size=20)


# ---- examples


def test_an_example_by_hand() -> None:
    assert share_of_wallet([30, 0, 50, 1], [120, 80, 50, 3]).tolist() == [0.25, 0, 1, 1 / 3]


def test_one_customer_as_numbers() -> None:
    assert share_of_wallet(5, 10).tolist() == [0.5]


@pytest.mark.parametrize("column", [pl.Series, pa.array, tuple], ids=["polars", "pyarrow", "tuple"])
def test_columns_of_any_kind(column: type) -> None:
    assert share_of_wallet(column([1.0, 3.0]), column([4.0, 4.0])).tolist() == [0.25, 0.75]


def test_decimal_money() -> None:
    assert share_of_wallet([Decimal("0.10")], [Decimal("0.40")]).tolist() == [0.25]


def test_the_same_amounts_added_in_another_order_are_no_contradiction() -> None:
    own, wallet = 0.1 + 0.2 + 0.3, 0.3 + 0.2 + 0.1
    assert own > wallet
    assert share_of_wallet([own], [wallet]).tolist() == [1.0]


# ---- properties


@settings(max_examples=25)
@given(PARTS, st.floats(1e-3, 1e3))
def test_shares_lie_between_0_and_1_and_have_no_currency(parts: list[tuple[float, float]], rate: float) -> None:
    own = np.array([part[0] for part in parts])
    wallet = own + np.array([part[1] for part in parts])
    share = share_of_wallet(own, wallet)
    assert np.all((share >= 0) & (share <= 1))
    assert share_of_wallet(rate * own, rate * wallet) == pytest.approx(share, rel=1e-12)
    assert share + share_of_wallet(wallet - own, wallet) == pytest.approx(1, rel=1e-9)


def test_inputs_are_not_changed() -> None:
    own, wallet = np.array([3.0, 0.0]), np.array([2.0, 4.0])
    with pytest.warns(AssumptionWarning, match="1 of 2 shares are set to 1"):
        share_of_wallet(own, wallet, clip=True)
    assert own.tolist() == [3, 0]
    assert wallet.tolist() == [2, 4]


# ---- what cannot be


def test_empty_wallets_have_no_share_and_are_counted() -> None:
    with pytest.warns(AssumptionWarning, match=r"2 of 3 wallets are 0, and of nothing there is no share: NaN there"):
        share = share_of_wallet([0, 1, 0], [0, 4, 0])
    assert np.isnan(share).tolist() == [True, False, True]
    assert share[1] == 0.25


def test_more_than_the_wallet_is_an_error_and_counted() -> None:
    with pytest.raises(InvalidInputError, match=r"`own` must not exceed `wallet`: 2 rows break this \(first: row 1"):
        share_of_wallet([1, 5, 7], [4, 4, 4])


def test_clip_sets_those_shares_to_1_and_counts_them() -> None:
    with pytest.warns(AssumptionWarning, match="2 of 3 shares are set to 1, where `own` exceeds `wallet`"):
        assert share_of_wallet([1, 5, 7], [4, 4, 4], clip=True).tolist() == [0.25, 1, 1]


def test_clip_says_nothing_where_nothing_is_clipped() -> None:
    assert share_of_wallet([1], [4], clip=True).tolist() == [0.25]


@pytest.mark.parametrize("clip", [False, True])
def test_purchases_from_an_empty_wallet_are_an_error_even_clipped(clip: bool) -> None:
    with pytest.raises(InvalidInputError, match="`own` must be 0 where `wallet` is 0: 1 row breaks this"):
        share_of_wallet([1, 1], [4, 0], clip=clip)


def test_every_problem_at_once() -> None:
    with pytest.raises(InvalidInputError) as caught:
        share_of_wallet([1, -2, np.nan, 9], [4, 4, 4, np.inf])
    assert [(p.argument, p.count) for p in caught.value.problems] == [("own", 1), ("own", 1), ("wallet", 1)]


@pytest.mark.parametrize(
    ("own", "wallet", "message"),
    [
        ([1, 2], [4], "same length, and have own 2, wallet 1"),
        ([], [], "at least one customer"),
        ([[1, 2]], [4, 4], "`own` must be one-dimensional"),
        (["1"], [4], "`own` must hold numbers"),
        ([None], [4], "`own` must be a finite number"),
    ],
)
def test_bad_columns(own: object, wallet: object, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        share_of_wallet(own, wallet)
