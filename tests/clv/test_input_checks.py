"""Bad input to the models: the argument, the rule, the way out; and the same as data."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from customervalue import CustomerSummary
from customervalue.clv import (
    BGNBD,
    GammaGamma,
    Inference,
    LogNormal,
    customer_lifetime_value,
    new_customer_lifetime_value,
)
from customervalue.errors import CustomerValueError, InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Callable

MODEL = BGNBD(r=0.243, alpha=4.414, a=0.793, b=2.426)
SPEND = GammaGamma(p=6.25, q=3.74, v=15.44)
CUSTOMERS = CustomerSummary([2, 0, 7, 1, 3], [30, 0, 29, 2, 8], [39, 39, 39, 39, 20], monetary_value=[22, 0, 74, 12, 9])
FLAWED: list[tuple[Any, str]] = [
    (-1, "must be finite and not negative, and is -1"),
    (np.nan, "must be finite and not negative, and is nan"),
    (np.inf, "must be finite and not negative, and is inf"),
    ("soon", "must be a number, and is 'soon'"),
    ([1, 2], r"must be a number, and is \[1, 2\]"),
]
PREDICTIONS: dict[str, Callable[..., Any]] = {
    "expected_purchases": lambda **k: MODEL.expected_purchases(CUSTOMERS, **k),
    "discounted_expected_purchases": lambda **k: MODEL.discounted_expected_purchases(CUSTOMERS, discount_rate=0.1, **k),
    "discounted_expected_lifetime": lambda **k: MODEL.discounted_expected_lifetime(CUSTOMERS, discount_rate=0.1, **k),
    "discounted_expected_purchases_new": lambda **k: MODEL.discounted_expected_purchases_new(discount_rate=0.1, **k),
    "customer_lifetime_value": lambda **k: customer_lifetime_value(MODEL, SPEND, CUSTOMERS, discount_rate=0.1, **k),
    "new_customer_lifetime_value": lambda **k: new_customer_lifetime_value(MODEL, SPEND, discount_rate=0.1, **k),
}
DISCOUNTED: dict[str, Callable[..., Any]] = {
    "discounted_expected_purchases": lambda **k: MODEL.discounted_expected_purchases(CUSTOMERS, **k),
    "discounted_expected_lifetime": lambda **k: MODEL.discounted_expected_lifetime(CUSTOMERS, **k),
    "discounted_expected_purchases_new": lambda **k: MODEL.discounted_expected_purchases_new(**k),
    "customer_lifetime_value": lambda **k: customer_lifetime_value(MODEL, SPEND, CUSTOMERS, horizon=None, **k),
    "new_customer_lifetime_value": lambda **k: new_customer_lifetime_value(MODEL, SPEND, horizon=None, **k),
}


def value(**changes: Any) -> Any:
    arguments: dict[str, Any] = {"horizon": 52.0, "discount_rate": 0.1} | changes
    return customer_lifetime_value(MODEL, SPEND, CUSTOMERS, **arguments)


# ---- horizons, rates, units


@pytest.mark.parametrize(("horizon", "message"), FLAWED)
@pytest.mark.parametrize("call", PREDICTIONS.values(), ids=PREDICTIONS)
def test_horizon(call: Callable[..., Any], horizon: Any, message: str) -> None:
    with pytest.raises(InvalidInputError, match=f"`horizon` {message}") as caught:
        call(horizon=horizon)
    assert [problem.argument for problem in caught.value.problems] == ["horizon"]


@pytest.mark.parametrize("horizon", [-1, np.nan, np.inf, [1, -2], None])
def test_horizon_of_a_new_customer(horizon: Any) -> None:
    with pytest.raises(InvalidInputError, match="`horizon` must be finite and not negative"):
        MODEL.expected_purchases_new(horizon)


def test_horizon_of_a_new_customer_in_words() -> None:
    with pytest.raises(InvalidInputError, match="`horizon` must be a number or an array of numbers"):
        MODEL.expected_purchases_new("soon")


def test_horizon_beyond_all_numbers() -> None:
    with pytest.raises(InvalidInputError, match="`horizon` must be"):
        MODEL.expected_purchases(CUSTOMERS, 10**400)


@pytest.mark.parametrize(("rate", "message"), FLAWED)
@pytest.mark.parametrize("call", DISCOUNTED.values(), ids=DISCOUNTED)
def test_discount_rate(call: Callable[..., Any], rate: Any, message: str) -> None:
    with pytest.raises(InvalidInputError, match=f"`discount_rate` {message}"):
        call(discount_rate=rate)


@pytest.mark.parametrize("call", DISCOUNTED.values(), ids=DISCOUNTED)
def test_the_whole_future_without_discounting(call: Callable[..., Any]) -> None:
    with pytest.raises(InvalidInputError, match=r"(?s)whole future without discounting.*Give a discount_rate > 0"):
        call(discount_rate=0)


@pytest.mark.parametrize(
    "call",
    [
        MODEL.log_likelihood,
        MODEL.probability_alive,
        lambda c: MODEL.expected_purchases(c, 39),
        lambda c: MODEL.expected_purchases(c, 0),
        lambda c: MODEL.discounted_expected_purchases(c, discount_rate=0.1),
        lambda c: MODEL.discounted_expected_purchases(c, discount_rate=0.1, horizon=0),
        lambda c: MODEL.discounted_expected_lifetime(c, discount_rate=0.1),
        lambda c: customer_lifetime_value(MODEL, SPEND, c, horizon=52, discount_rate=0.1),
    ],
)
def test_summary_in_another_unit(call: Callable[..., Any]) -> None:
    days = CustomerSummary(2, 210, 273, monetary_value=20, time_unit="D")
    with pytest.raises(InvalidInputError, match=r"(?s)model is in time unit 'W' and the summary in 'D'.*Summarize in"):
        call(days)


@pytest.mark.parametrize(
    "customers", [pd.DataFrame({"frequency": [1]}), {"frequency": [1]}, None], ids=lambda given: type(given).__name__
)
@pytest.mark.parametrize(
    "call", [BGNBD.fit, GammaGamma.fit, MODEL.probability_alive, MODEL.log_likelihood, SPEND.expected_spend]
)
def test_something_else_than_a_summary(call: Callable[..., Any], customers: Any) -> None:
    with pytest.raises(InvalidInputError, match="`customers` must be a CustomerSummary"):
        call(customers)


@pytest.mark.parametrize(
    ("n", "t", "message"),
    [
        (1.5, 2, "`n` must be a whole number of purchases"),
        (-1, 2, "`n` must be finite and not negative"),
        (np.inf, 2, "`n` must be finite and not negative"),
        ("one", 2, "`n` must be a number or an array of numbers"),
        (1, -2, "`t` must be finite and not negative"),
        (1, np.nan, "`t` must be finite and not negative"),
        ([1, 2], [1, 2, 3], "`n` and `t`"),
    ],
)
def test_probability_of_purchases(n: Any, t: Any, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        MODEL.probability_of_purchases(n, t)


# ---- value


@pytest.mark.parametrize(
    ("margin", "message"),
    [
        ([0.1, 0.2], r"`margin` must be one number or one per customer \(5\), and has shape \(2,\)"),
        (np.ones((5, 1)), r"and has shape \(5, 1\)"),
        (np.nan, "`margin` must be finite"),
        ("high", "`margin` must be a number"),
    ],
)
def test_margin(margin: Any, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        value(margin=margin)


@pytest.mark.parametrize(
    ("cost", "message"),
    [
        (-1.0, "`cost_per_period` must not be negative, and is -1"),
        (np.inf, "`cost_per_period` must be finite"),
        ([1.0] * 5, r"`cost_per_period` must be one number, and has shape \(5,\)"),
    ],
)
def test_cost_per_period(cost: Any, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        value(cost_per_period=cost)


@pytest.mark.parametrize("argument", ["margin", "acquisition_cost"])
@pytest.mark.parametrize(("amount", "message"), [(np.nan, "must be finite"), ([1, 2], "must be one number")])
def test_value_of_a_new_customer(argument: str, amount: Any, message: str) -> None:
    with pytest.raises(InvalidInputError, match=f"`{argument}` {message}"):
        new_customer_lifetime_value(MODEL, SPEND, horizon=52, discount_rate=0.1, **{argument: amount})


def test_value_without_a_mean_spend() -> None:
    unbounded = GammaGamma(p=6, q=0.9, v=15)
    with pytest.raises(InvalidInputError, match="mean of all of them does not exist"):
        new_customer_lifetime_value(MODEL, unbounded, horizon=52, discount_rate=0.1)
    with pytest.raises(InvalidInputError, match=r"1 problem in the expected spend \(5 rows\)(?s:.*)1 row breaks this"):
        customer_lifetime_value(MODEL, unbounded, CUSTOMERS, horizon=52, discount_rate=0.1)


# ---- spend


def test_no_monetary_value() -> None:
    customers = CustomerSummary([1, 2, 3], [1, 1, 1], [2, 2, 2])
    for call in (GammaGamma.fit, SPEND.expected_spend, SPEND.log_likelihood):
        with pytest.raises(InvalidInputError, match=r"(?s)needs the mean spend of each customer.*summarize"):
            call(customers)


def test_mean_spend_of_nothing_or_less() -> None:
    customers = CustomerSummary([1, 2, 3, 0, 5], [1, 1, 1, 0, 1], [2] * 5, monetary_value=[5, 0, -3, 0, 4])
    message = r"(?s)must be positive: 2 rows break this \(first: row 1, monetary_value=0\).*Leave these customers out"
    for call in (GammaGamma.fit, SPEND.expected_spend, SPEND.log_likelihood):
        with pytest.raises(InvalidInputError, match=message) as caught:
            call(customers)
        (problem,) = caught.value.problems
        assert (problem.argument, problem.count) == ("monetary_value", 2)
        assert caught.value.rows == 5


def test_the_advice_on_mean_spend_works() -> None:
    customers = CustomerSummary([1, 2, 3, 0, 5], [1, 1, 1, 0, 1], [2] * 5, monetary_value=[5, 0, -3, 0, 4])
    assert customers.monetary_value is not None
    assert len(SPEND.expected_spend(customers[customers.monetary_value > 0])) == 2


# ---- parameters


def test_parameters_all_problems_at_once() -> None:
    with pytest.raises(InvalidInputError, match="4 problems in the parameters of BGNBD") as caught:
        BGNBD(r=0, alpha=-1, a=np.nan, b="x")  # type: ignore[arg-type]
    assert [problem.argument for problem in caught.value.problems] == ["r", "alpha", "a", "b"]
    assert caught.value.problems[3].rule == "`b` must be a positive number, and is 'x'"


@pytest.mark.parametrize("flawed", [0, -1, np.nan, np.inf, None, [1.0, 2.0]])
@pytest.mark.parametrize("name", ["p", "q", "v"])
def test_parameters_of_gamma_gamma(name: str, flawed: Any) -> None:
    with pytest.raises(
        InvalidInputError, match=f"1 problem in the parameters of GammaGamma.*\n.*`{name}` must be a pos"
    ):
        GammaGamma(**({"p": 6.0, "q": 4.0, "v": 15.0} | {name: flawed}))


@pytest.mark.parametrize("unit", ["week", "w", "", None, ["W"]], ids=str)
def test_time_unit(unit: Any) -> None:
    with pytest.raises(InvalidInputError, match="`time_unit` must be one of D, W, M, Y"):
        BGNBD(1, 1, 1, 1, time_unit=unit)


# ---- dictionaries

GOOD = MODEL.to_dict()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (
            GOOD | {"version": 2},
            "(?s)version 2 of the dictionary is unknown; this release reads 1.*Update customervalue",
        ),
        (GOOD | {"version": "1"}, "version '1' of the dictionary is unknown"),
        ({k: v for k, v in GOOD.items() if k != "version"}, "version None of the dictionary is unknown"),
        (SPEND.to_dict(), "this is a dictionary of 'GammaGamma', not of 'BGNBD'"),
        ({}, "this is a dictionary of None, not of 'BGNBD'"),
        ({k: v for k, v in GOOD.items() if k != "alpha"}, "lacks or does not know: alpha"),
        (GOOD | {"beta": 1.0}, "lacks or does not know: beta"),
        (GOOD | {"a": -1.0}, "`a` must be a positive number, and is -1.0"),
        (GOOD | {"time_unit": "H"}, "`time_unit` must be one of"),
        (GOOD | {"inference": {"x": 1}}, "inference"),
        ([1], "`data`"),
    ],
)
def test_from_dict(data: Any, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        BGNBD.from_dict(data)


# ---- priors, starts, levels


def test_prior_all_problems_at_once() -> None:
    with pytest.raises(InvalidInputError, match="2 problems in the prior") as caught:
        BGNBD.fit(CUSTOMERS, prior={"gamma": LogNormal(1, 1), "r": 3.0})  # type: ignore[dict-item]
    rules = [problem.rule for problem in caught.value.problems]
    assert rules == ["there is no parameter 'gamma'", "the prior of 'r' must be a LogNormal(median, sigma)"]
    assert "r, alpha, a, b" in caught.value.problems[0].advice


@pytest.mark.parametrize("prior", [[1], 3.0, "r"])
def test_prior_of_another_kind(prior: Any) -> None:
    with pytest.raises(InvalidInputError, match=r"`?prior`?"):
        BGNBD.fit(CUSTOMERS, prior=prior)


@pytest.mark.parametrize(
    "arguments", [(-1.0, 1.0), (0.0, 1.0), (1.0, 0.0), (np.inf, 1.0), (1.0, np.nan), ("wide", 1.0)]
)
def test_log_normal(arguments: Any) -> None:
    with pytest.raises(InvalidInputError, match=r"`(median|sigma)` .*must be (positive and finite|a number)"):
        LogNormal(*arguments)


@pytest.mark.parametrize(
    "start",
    [
        {},
        {"r": 1.0},
        {"r": 1.0, "alpha": -1.0, "a": 1.0, "b": 1.0},
        {"r": 1.0, "alpha": np.nan, "a": 1.0, "b": 1.0},
        {"r": 1.0, "alpha": 1.0, "a": 1.0, "b": 1.0, "s": 1.0},
        {"r": 1.0, "alpha": "x", "a": 1.0, "b": 1.0},
        [1.0, 1.0, 1.0, 1.0],
    ],
    ids=str,
)
def test_start(start: Any) -> None:
    with pytest.raises(
        InvalidInputError, match=r"`start` must (give a positive number for each of r, alpha, a, b|be a number)"
    ):
        BGNBD.fit(CUSTOMERS, start=start)


@pytest.mark.parametrize("level", [0, 1, -0.5, 95, np.nan, "95 %"])
def test_level(level: Any) -> None:
    inference = Inference({"r": 1.0}, np.array([[1.0]]), -1.0, 5, 5, 0.0)
    with pytest.raises(InvalidInputError, match=r"`level` must (lie between 0 and 1|be a number)"):
        inference.confidence_intervals(level)


# ---- the exception itself


def test_an_error_crosses_processes() -> None:
    with pytest.raises(InvalidInputError, match="4 problems") as caught:
        BGNBD(0, 0, 0, 0)
    again = pickle.loads(pickle.dumps(caught.value))
    assert type(again) is InvalidInputError
    assert str(again) == str(caught.value)
    assert again.problems == caught.value.problems
    assert (again.subject, again.rows) == (caught.value.subject, caught.value.rows)


def test_an_error_is_a_value_error() -> None:
    assert issubclass(InvalidInputError, (ValueError, CustomerValueError))
    with pytest.raises(ValueError, match="`r` must be a positive number"):
        BGNBD(0, 1, 1, 1)
