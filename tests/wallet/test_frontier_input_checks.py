"""Bad input to the wallet frontier: what is wrong, where, and the way out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from customervalue.errors import AssumptionWarning, InvalidInputError
from customervalue.wallet import WalletFrontier, pinball_loss

RNG = np.random.default_rng(1)
SIZE = RNG.uniform(1, 50, 60)
SPEND = RNG.uniform(0, 100 * SIZE)
GOOD: dict[str, Any] = {"features": {"size": SIZE}, "own_spend": SPEND, "quantile": 0.8}


class Mean:
    """A regressor of the wrong loss; it takes no weights."""

    def fit(self, x: Any, y: Any) -> Mean:
        del x
        self.value = float(np.mean(y))
        return self

    def predict(self, x: Any) -> Any:
        return np.full(len(x), self.value)


class Broken(Mean):
    def predict(self, x: Any) -> Any:
        return np.full(len(x), np.nan)


class Table(Mean):
    def predict(self, x: Any) -> Any:
        return np.zeros((len(x), 1))


class Quantile(Mean):
    def __init__(self, quantile: float) -> None:
        self.quantile = quantile


class Alpha(Mean):
    objective, alpha = "quantile", 0.5


def fit(**changes: Any) -> WalletFrontier:
    return WalletFrontier.fit(**(GOOD | changes))


ONE = Mean()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"own_spend": -SPEND}, r"`own_spend` must not be negative: 60 rows break this \(first: row 0"),
        ({"own_spend": np.where(SIZE < 10, np.nan, SPEND)}, "`own_spend` must be a finite number"),
        ({"own_spend": np.zeros(60)}, "somebody must have spent something, and nobody did"),
        ({"own_spend": SPEND[:50]}, "same length, and have features 60, own_spend 50"),
        ({"quantile": 1.0}, "`quantile` must lie between 0 and 1, and is 1"),
        ({"quantile": 90}, "and is 90.\n     0.9 is the spend that one in ten"),
        ({"quantile": np.nan}, "`quantile` must lie between 0 and 1, and is nan"),
        ({"quantile": "high"}, "`quantile` must be a number, and is 'high'"),
        ({"quantile": (0.9, 0.8)}, "several quantiles must rise, and are 0.9, 0.8"),
        ({"quantile": (0.8, 0.8)}, "several quantiles must rise"),
        ({"quantile": ()}, "at least one number, and is empty"),
        ({"features": {"size": SIZE, "c": np.full(60, 7)}}, r"feature 'c' is constant \(7\)"),
        ({"features": {"a": SIZE, "b": 3 - 2 * SIZE}}, "feature 'b' is a linear combination of 'a'"),
        ({"features": {"size": SIZE, "spend": 2 * SPEND + 1}}, "feature 'spend' is `own_spend` itself, or a linear"),
        (
            {"features": {"size": SIZE, "log": 1 - 3 * np.log(SPEND)}},
            "feature 'log' is the logarithm of `own_spend`, or",
        ),
        (
            {"features": {"intercept": SIZE}},
            "no feature may be called 'intercept'.\n     The intercept is added for you",
        ),
        ({"features": {}}, "must have at least one column, and has none"),
        ({"features": np.empty((60, 0))}, "must have at least one columns, and has 0"),
        ({"features": SIZE}, r"a table, one row per customer, and has shape \(60,\)"),
        ({"features": {"size": SIZE, "trade": ["a"] * 60}}, r"`features\['trade'\]` must hold numbers"),
        ({"features": {"size": np.where(SIZE < 10, np.nan, SIZE)}}, r"`features\['size'\]` must be a finite number"),
        ({"names": ["sise"]}, "there is no column 'sise'.\n     Did you mean 'size'"),
        ({"names": ["size", "size"]}, "`names` must differ, and 'size' occurs more than once"),
        ({"features": SIZE[:, None], "names": ["a", "b"]}, r"`features` must have 2 \(a, b\) columns, and has 1"),
        ({"weights": np.full(60, 0.5)}, "`weights` must be whole: 60 rows break this"),
        ({"weights": np.zeros(60)}, "somebody must have spent something"),
        ({"scale": "logs"}, "`scale` must be 'money' or 'log', and is 'logs'"),
        ({"bootstrap": -1}, "`bootstrap` must be a whole number, 0 or more, and is -1"),
        ({"bootstrap": 2.5}, "`bootstrap` must be a whole number, 0 or more, and is 2.5"),
        ({"regressor": 3}, "with `fit` and `predict`, or a function of a quantile that returns one, and is a int"),
        ({"regressor": Mean}, "and is the class Mean.\n     For example: regressor=lambda q"),
        ({"regressor": Mean(), "quantile": (0.8, 0.9)}, "must be a function of a quantile that returns a regressor"),
        ({"regressor": lambda _: 3}, "returned a int"),
        ({"regressor": lambda _: ONE, "quantile": (0.8, 0.9)}, "a new regressor for each quantile"),
        ({"regressor": Quantile(0.5)}, "the regressor is of quantile 0.5, and `quantile` is 0.8"),
        ({"regressor": Alpha()}, "the regressor is of quantile 0.5, and `quantile` is 0.8"),
        ({"regressor": Broken()}, "must give one finite number for each of 60 customers, and 60 are not finite"),
        ({"regressor": Table()}, r"must give one finite number for each of 60 customers, and gave .* shape \(60, 1\)"),
        ({"regressor": Mean(), "weights": np.ones(60)}, r"Mean does not take the weights of customers"),
    ],
)
def test_fit_says_what_is_wrong(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        fit(**changes)


def test_everything_is_said_at_once() -> None:
    with pytest.raises(InvalidInputError) as caught:
        fit(own_spend=-SPEND, quantile=2, bootstrap=-1, scale="x", regressor=3)
    # A regressor cannot be made for a quantile that is none.
    assert [problem.argument for problem in caught.value.problems] == ["quantile", "bootstrap", "own_spend", "scale"]
    with pytest.raises(InvalidInputError, match=r"2 problems .*(\n.*)*negative.*(\n.*)*feature 'c' is constant"):
        fit(features={"size": SIZE, "c": np.ones(60)}, own_spend=-SPEND)


def test_a_sample_too_small_for_its_features() -> None:
    with pytest.raises(InvalidInputError, match=r"6 customers or more are needed for 4 features .* there are 5"):
        WalletFrontier.fit(RNG.normal(size=(5, 4)), [1, 2, 3, 4, 5])


def test_a_frontier_that_follows_single_customers_is_said_so() -> None:
    with pytest.warns(AssumptionWarning, match="only about 0.6 of 60 customers lie above the 0.99 quantile"):
        fit(quantile=0.99)
    with pytest.warns(AssumptionWarning, match="only about 3 of 60 customers lie below the 0.05 quantile"):
        fit(quantile=0.05)


def test_a_frontier_below_zero_is_said() -> None:
    with pytest.warns(AssumptionWarning, match=r"below zero, and is 0, for 15.0% .*scale=\"log\""):
        WalletFrontier.fit(np.arange(20)[:, None], (np.arange(20) + [1, -1] * 10) ** 2, 0.5)


@pytest.mark.filterwarnings("ignore:the frontier would be below zero")
@pytest.mark.parametrize("disguise", [lambda s: s // 10, np.log1p, lambda s: -np.sqrt(s)])
def test_own_spend_in_disguise_is_said(disguise: Any) -> None:
    with pytest.warns(
        AssumptionWarning, match=r"in the order of `own_spend` \(rank correlation\): 'x2' \(-?(0.999\d|1.0000)"
    ):
        WalletFrontier.fit(np.column_stack([SIZE, disguise(SPEND)]), SPEND, 0.8)


def test_a_frontier_of_no_spend_is_said() -> None:
    zeros = np.where(np.arange(60) % 10 < 7, 0, SPEND)
    with pytest.warns(AssumptionWarning, match=r"comes out as 0 for .*\n?.*only 30.0% of all buy anything"):
        fit(own_spend=zeros, quantile=0.5)
    smallest = f"{zeros[zeros > 0].min():g}"
    with pytest.warns(AssumptionWarning, match=f"comes out as {smallest}, the smallest positive spend, for"):
        fit(own_spend=zeros, quantile=0.5, scale="log")


def test_extrapolation_is_said() -> None:
    frontier = fit(bootstrap=50, rng=1)
    message = r"1 of 2 customers lies far beyond .*: 'size' above \d+.* \(1\)"
    far = {"size": [20, 500]}
    with pytest.warns(AssumptionWarning, match=message):
        frontier.wallet(far)
    with pytest.warns(AssumptionWarning, match=message):
        frontier.headroom(far, [1, 2])
    with pytest.warns(AssumptionWarning, match=message):
        frontier.interval(far)


def test_a_regressor_of_another_loss_is_said() -> None:
    with pytest.warns(AssumptionWarning, match="under a frontier that is to be the 0.8 quantile"):
        fit(regressor=Mean())


def test_apply_says_what_is_wrong() -> None:
    frontier = fit()
    with pytest.raises(InvalidInputError, match=r"there is no column 'size'.\n     The columns are 'age'"):
        frontier.wallet(pd.DataFrame({"age": [3, 4]}))
    with pytest.raises(InvalidInputError, match=r"`features` must have 1 \(size\) columns, and has 2"):
        frontier.wallet([[1, 2]])
    with pytest.raises(InvalidInputError, match="`own_spend` must not be negative: 1 row breaks this"):
        frontier.headroom([[1], [2]], [3, -1])
    with pytest.raises(InvalidInputError, match="same length, and have features 2, own_spend 3"):
        frontier.wallet([[1], [2]], [3, 1, 2])
    with pytest.raises(InvalidInputError, match="at least one customer, and there is none"):
        frontier.wallet({"size": []})
    with pytest.raises(InvalidInputError, match="`weights` must not all be zero"):
        frontier.score([[1], [2]], [3, 1], weights=[0, 0])
    with pytest.raises(InvalidInputError, match="`groups` must be a whole number, 1 or more"):
        frontier.coverage([[1], [2]], [3, 1], groups=0)


def test_intervals_need_refits() -> None:
    with pytest.raises(InvalidInputError, match=r"fitted without refits.\n     Fit it with `bootstrap=200`"):
        fit().interval([[3]])
    with pytest.raises(InvalidInputError, match=r"10 refits are too few for an interval of 0.95.\n.*bootstrap=200"):
        fit(bootstrap=10, rng=1).interval([[3]], level=0.95)
    with pytest.raises(InvalidInputError, match="`level` must lie between 0 and 1"):
        fit(bootstrap=10, rng=1).interval([[3]], level=90)


def test_a_frontier_beyond_any_number() -> None:
    with pytest.raises(InvalidInputError, match=r"beyond any number for 1 of 1 customers \(first: row 0\)"):
        WalletFrontier([[1, 1]], ["size"], scale="log").wallet([[1e4]])


def test_cross_validation_says_what_is_wrong() -> None:
    for folds in (1, 2.5):
        with pytest.raises(InvalidInputError, match="`folds` must be a whole number, 2 or more"):
            WalletFrontier.cross_validate(GOOD["features"], SPEND, folds=folds)
    with pytest.raises(InvalidInputError, match="`folds` must not exceed the 60 customers, and is 61"):
        WalletFrontier.cross_validate(GOOD["features"], SPEND, 0.8, folds=61)
    rare = {"size": SIZE, "rare": np.arange(60) == 3}
    with pytest.raises(InvalidInputError, match=r"the customers outside part \d of 5:\n.*'rare' is constant"):
        WalletFrontier.cross_validate(rare, SPEND, 0.8, rng=1)


def test_parts_must_fit_together() -> None:
    with pytest.raises(InvalidInputError, match=r"shape \(1, 3\), and has \(1, 2\)"):
        WalletFrontier([[1, 2]], ["a", "b"])
    with pytest.raises(InvalidInputError, match="'a' occurs more than once"):
        WalletFrontier([[1, 2, 3]], ["a", "a"])
    with pytest.raises(InvalidInputError, match="no feature may be called 'intercept'"):
        WalletFrontier([[1, 2]], ["intercept"])
    with pytest.raises(InvalidInputError, match="either `coefficients` or `regressors` must be given"):
        WalletFrontier(None, ["a"])
    with pytest.raises(InvalidInputError, match="either `coefficients` or `regressors` must be given"):
        WalletFrontier([[1, 2]], ["a"], regressors=(Mean(),))
    with pytest.raises(InvalidInputError, match="`scale` must be 'money' or 'log'"):
        WalletFrontier([[1, 2]], ["a"], scale="euro")
    with pytest.raises(InvalidInputError, match="`quantile` must lie between 0 and 1, and is 2"):
        WalletFrontier([[1, 2]], ["a"], quantile=2)


def test_dictionaries_that_are_of_no_frontier() -> None:
    good = WalletFrontier([[1, 2]], ["a"]).to_dict()
    for data, message in (
        (3, "must be a dictionary that `to_dict` of a WalletFrontier gave"),
        (good | {"model": "NBD"}, "must be a dictionary that `to_dict` of a WalletFrontier gave"),
        (good | {"version": 9}, "version 9 of the dictionary is unknown"),
        ({k: v for k, v in good.items() if k != "names"}, "is incomplete or damaged: 'names'"),
    ):
        with pytest.raises(InvalidInputError, match=message):
            WalletFrontier.from_dict(data)  # type: ignore[arg-type]
    trees = WalletFrontier(None, ["a"], regressors=(Mean().fit(None, [1]),))
    with pytest.raises(InvalidInputError, match="a frontier of regressors cannot be written as numbers"):
        trees.to_dict()


def test_pinball_loss_says_what_is_wrong() -> None:
    for arguments, message in (
        (([1, 2], [1], 0.9), "same length, and have y 2, prediction 1"),
        (([1, np.nan], [1, 2], 0.9), "`y` must be a finite number"),
        (([1, 2], [1, 2], 1.2), "`quantile` must lie between 0 and 1, and is 1.2"),
        (([1, 2], [1, 2], (0.5, 0.9)), "`quantile` must be one number here"),
    ):
        with pytest.raises(InvalidInputError, match=message):
            pinball_loss(*arguments)
    with pytest.raises(InvalidInputError, match="`weights` must not all be zero"):
        pinball_loss([1, 2], 1, 0.9, weights=[0, 0])
