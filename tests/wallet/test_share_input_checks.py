"""What models of shares say of bad input, and which tables they take."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import customervalue as cv
from customervalue.errors import InvalidInputError
from customervalue.wallet import BetaBinomialShare, DirichletShare

CATSUP = ["heinz28", "heinz32", "heinz41", "hunts32"]


def test_all_problems_of_the_purchases_at_once() -> None:
    with pytest.raises(InvalidInputError) as error:
        BetaBinomialShare.fit([1.5, 2, -1, 9], [2, 2, 2, 3])
    assert [p.argument for p in error.value.problems] == ["own_purchases"] * 3
    assert "For money there is `fit_spend`" in str(error.value)
    assert "first: row 3, own_purchases=9, category_purchases=3" in str(error.value)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: BetaBinomialShare(alpha=0, beta=1), "`alpha` must be a positive number"),
        (lambda: BetaBinomialShare(alpha=1, beta=1, variation=-1), "`variation` must be finite and not negative"),
        (lambda: BetaBinomialShare.fit([0, 0], [0, 0]), "no customer has a purchase in the category"),
        (lambda: BetaBinomialShare.fit([1, 0], [2, 2], weights=[1]), "one entry for each of the 2 rows"),
        (lambda: BetaBinomialShare.fit([1, 0], [2, 2], weights=[1, 0.5]), "`weights` must be whole"),
        (lambda: BetaBinomialShare(alpha=1e308, beta=1e308), "the sum of `alpha, beta` must be finite"),
        (lambda: DirichletShare(alpha=(1e308, 1e308), brands=("a", "b")), "the sum of `alpha` must be finite"),
        (lambda: BetaBinomialShare.fit_spend([1.0], [2.0], [0]), "`category_purchases` must not be 0 where there is"),
        (lambda: DirichletShare.fit_spend([[1.0, 2.0]], [0]), "`category_purchases` must not be 0 where there is"),
        (lambda: BetaBinomialShare(1, 1).share([1.0], [2.0], purchases=[0]), "`purchases` must not be 0 where there"),
        (lambda: BetaBinomialShare.fit_spend([3.0], [2.0], [1]), "`own_spend` must not exceed `category_spend`"),
        (lambda: BetaBinomialShare(1, 1).share([1], [2, 2]), "must have the same length"),
        (lambda: BetaBinomialShare(1, 1).share([math.nan], [2]), "`own` must be a finite number"),
        (lambda: BetaBinomialShare(1, 1).interval([1], [2], level=1.0), "`level` must lie between 0 and 1"),
        (lambda: BetaBinomialShare(1, 1).probability_above(1.2, [1], [2]), "`threshold` must lie between 0 and 1"),
        (lambda: BetaBinomialShare(1, 1).probability_above([0.1, 0.2, 0.3], [1], [2]), "one for each of the 1"),
        (lambda: BetaBinomialShare(1, 1).population_density(1.0), "without 0 and 1"),
        (lambda: BetaBinomialShare(1, 1).population_quantile("x"), "must be a number or an array"),
        (lambda: BetaBinomialShare(1, 1).probability_of_purchases(1.5, [1], [2]), "`m` must be a whole number"),
        (lambda: BetaBinomialShare(1, 1).draws(5, rng=1), "made from its parameters"),
        (lambda: DirichletShare.fit([[1, 0, 2], [3, 0, 1]], ["a", "b", "c"]), "nobody bought 'b'"),
        (lambda: DirichletShare.fit([[1], [3]]), "two columns or more"),
        (lambda: DirichletShare.fit([[1, 2], [3, 1]], ["a"]), "the names of two brands or more"),
        (lambda: DirichletShare.fit([[1, 2], [3, 1]], ["a", "a"]), "'a' occurs more than once"),
        (lambda: DirichletShare.fit([[1, 2], [3, 1]], ["a", "b", "c"]), "there are 2 columns and 3 names"),
        (lambda: DirichletShare.fit([[1, 2.5], [3, 1]]), "`purchases` must be whole"),
        (lambda: DirichletShare((1, 2), ("a", "b")).probability_above([0.1], [[1, 2]]), "must be one number"),
        (lambda: DirichletShare.fit([1, 2]), "`purchases` must be a table"),
        (lambda: DirichletShare(alpha=(1, 2, 3), brands=("a", "b")), "one number for each of the 2 brands"),
        (lambda: DirichletShare(alpha=(1, -2), brands=("a", "b")), "`alpha` of 'b' must be a positive number"),
        (lambda: DirichletShare(alpha=(1, 2), brands=("a", "b")).share([[1, 2, 3]]), "must have 2 columns"),
        (lambda: DirichletShare(alpha=(1, 2), brands=("a", "b")).brand("c"), "there is no brand 'c'"),
        (lambda: DirichletShare.fit({"a": [1, 2], "b": [1]}), "all columns must have the same length"),
    ],
)
def test_input_checks(call: Any, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        call()


@pytest.mark.parametrize("frame", [dict, pd.DataFrame, pl.DataFrame, pa.table])
def test_columns_of_a_frame(frame: Any) -> None:
    columns = cv.datasets.load_catsup()
    table = np.column_stack([columns[name] for name in CATSUP])
    model = DirichletShare.fit(frame(columns), CATSUP)
    assert model == DirichletShare.fit(table, CATSUP)
    np.testing.assert_allclose(model.share(frame(columns)), model.share(table))
    with pytest.raises(InvalidInputError, match="there is no column 'heinz'"):
        DirichletShare.fit(frame(columns), ["heinz", "hunts32"])
