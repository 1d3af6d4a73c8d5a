"""Values at hard places against many digits: `hard_points.json` (two mpmath routes, 24 digits) and `points.json`.

The second file is made by `make_points.py` beside it, at random places with a fixed seed, also by two mpmath routes.
"""

from __future__ import annotations

import math
from typing import Any

import mpmath
import numpy as np
import pytest

from customervalue import CustomerSummary
from customervalue.clv import BGNBD, MBGNBD, GammaGamma
from reference import cdnow

# What issue and design ask for. No point is flagged as losing digits; the worst is at 3e-13.
TOLERANCE = 1e-10
SMALLEST = np.finfo(np.float64).tiny

Point = dict[str, Any]
HARD = cdnow.entries("hard_points.json")
POINTS = cdnow.entries("points.json")


def label(point: Point) -> str:
    return f"{point['id']}-{point['quantity']}-{point['tag']}"


def of_purchases(point: Point) -> tuple[float, float | None]:
    """The value, and its logarithm where the library gives one."""
    kind = {"bgnbd": BGNBD, "mbgnbd": MBGNBD}[point["model"]]
    model = kind(**{name: float(value) for name, value in point["params"].items()})
    inputs = {name: float(value) for name, value in point["inputs"].items()}
    quantity = point["quantity"].removeprefix("log_")
    if quantity == "exp":
        return model.expected_purchases_new(inputs["t"]), None
    if quantity == "pmf":
        log = model.probability_of_purchases(inputs["x"], inputs["t"], log=True)
        return model.probability_of_purchases(inputs["x"], inputs["t"]), log
    customer = CustomerSummary(inputs["x"], inputs["t_x"], inputs["T"])
    if quantity == "p_alive":
        return model.probability_alive(customer)[0], model.probability_alive(customer, log=True)[0]
    if quantity == "loglik":
        return model.log_likelihood(customer)[0], None
    return model.expected_purchases(customer, inputs["t"])[0], None


def of_gamma_gamma(point: Point) -> tuple[float, float | None]:
    p, q, v = (float(point["params"][name]) for name in ("p", "q", "gamma"))
    model = GammaGamma(p=p, q=q, v=v)
    if point["quantity"] == "pop_mean":
        return model.population_mean, None
    customer = CustomerSummary(float(point["inputs"]["x"]), 1.0, 2.0, monetary_value=float(point["inputs"]["m"]))
    call = {"loglik": model.log_likelihood, "cond_mean": model.expected_spend}[point["quantity"]]
    return call(customer)[0], None


@pytest.mark.parametrize("point", HARD, ids=label)
def test_hard_point(point: Point) -> None:
    value, log = of_gamma_gamma(point) if point["model"] == "gg" else of_purchases(point)
    expected = float(point["value_float_inputs"])
    if point["quantity"].startswith("log_"):
        assert value == 0  # it underflows
        assert log == pytest.approx(expected, rel=TOLERANCE)
        return
    assert value == pytest.approx(expected, rel=TOLERANCE, abs=SMALLEST)
    if log is not None:
        assert log == pytest.approx(float(mpmath.log(mpmath.mpf(point["value_float_inputs"]))), rel=TOLERANCE)


def test_every_hard_point_is_there() -> None:
    assert [sum(point["model"] == model for point in HARD) for model in ("bgnbd", "mbgnbd", "gg")] == [55, 55, 25]
    assert [len(POINTS[kind]) for kind in ("bg_nbd", "bg_nbd_counts", "gamma_gamma")] == [128, 80, 60]


def model_of(point: Point) -> BGNBD:
    return BGNBD(**{name: point[name] for name in ("r", "alpha", "a", "b")})


def place(point: Point) -> str:
    return ", ".join(f"{name}={value:.3g}" for name, value in point.items() if not isinstance(value, str))


@pytest.mark.parametrize("point", POINTS["bg_nbd"], ids=place)
def test_bg_nbd_at_random_places(point: Point) -> None:
    model, customer = model_of(point), CustomerSummary(point["x"], point["t_x"], point["T"])
    found = {
        "log_likelihood": model.log_likelihood(customer)[0],
        "log_alive": model.probability_alive(customer, log=True)[0],
        "purchases": model.expected_purchases(customer, point["horizon"])[0],
        "purchases_new": model.expected_purchases_new(point["horizon"]),
    }
    if point["delta"] > 0:
        rate = math.expm1(point["delta"] * 365.25 / 7)
        for name, horizon in (("finite", point["horizon"]), ("infinite", None)):
            bought = model.discounted_expected_purchases(customer, discount_rate=rate, horizon=horizon)
            lived = model.discounted_expected_lifetime(customer, discount_rate=rate, horizon=horizon)
            found |= {f"discounted_{name}": bought[0], f"lifetime_{name}": lived[0]}
    expected = {name: float(point[name]) for name in found}
    assert found == pytest.approx(expected, rel=TOLERANCE, abs=SMALLEST)


@pytest.mark.parametrize("point", POINTS["bg_nbd_counts"], ids=place)
def test_probability_of_purchases_at_random_places(point: Point) -> None:
    log = model_of(point).probability_of_purchases(point["n"], point["t"], log=True)
    assert log == pytest.approx(float(point["log_probability"]), rel=TOLERANCE)
    # The exponential turns a relative error of the logarithm into |log| times as much.
    value = model_of(point).probability_of_purchases(point["n"], point["t"])
    assert value == pytest.approx(math.exp(float(point["log_probability"])), rel=TOLERANCE, abs=SMALLEST)


@pytest.mark.parametrize("point", POINTS["gamma_gamma"], ids=place)
def test_gamma_gamma_at_random_places(point: Point) -> None:
    model = GammaGamma(**{name: point[name] for name in ("p", "q", "v")})
    customer = CustomerSummary(point["x"], 1, 2, monetary_value=point["m"])
    assert model.log_likelihood(customer)[0] == pytest.approx(float(point["log_likelihood"]), rel=TOLERANCE)
    if "expected_spend" in point:
        assert model.expected_spend(customer)[0] == pytest.approx(float(point["expected_spend"]), rel=TOLERANCE)


# ---- many customers at once are interpolated in time; the same values one by one are not

CDNOW = BGNBD(r=0.243, alpha=4.414, a=0.793, b=2.426)
MODELS = {
    "cdnow": CDNOW,
    "alike": BGNBD(r=300.0, alpha=700.0, a=40.0, b=300.0),
    "large r": BGNBD(r=160.0, alpha=62.0, a=1.55, b=0.9),
    "large r, small a": BGNBD(r=626.0, alpha=79.0, a=3.2, b=0.127),
    "a + b < 1": BGNBD(r=0.05, alpha=0.01, a=0.2, b=0.3),
    "a = 1": BGNBD(r=2.0, alpha=500.0, a=1.0, b=0.01),
}
SPANS = {"narrow": (0.0, 2.0), "off the grid": (1.0, 1.6), "ten decades": (-5.0, 5.0)}


def predictions(model: BGNBD, customers: CustomerSummary) -> Any:
    return np.array(
        [
            model.expected_purchases(customers, 39.0),
            model.discounted_expected_purchases(customers, discount_rate=0.15, horizon=52),
            model.discounted_expected_lifetime(customers, discount_rate=0.15),
        ]
    )


@pytest.mark.parametrize("x", [0, 1, 12, 5000])
@pytest.mark.parametrize("span", SPANS.values(), ids=SPANS)
@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_many_customers_at_once(model: BGNBD, span: tuple[float, float], x: int) -> None:
    T = 10 ** np.random.default_rng(x).uniform(*span, 2000)
    customers = CustomerSummary(np.full(T.size, x), T if x else np.zeros(T.size), T)
    together = predictions(model, customers)
    for i in (0, 700, int(np.argmin(T)), int(np.argmax(T))):
        # One customer is not interpolated. 1e-11 is a tenth of what is promised of a value.
        np.testing.assert_allclose(together[:, i], predictions(model, customers[i])[:, 0], rtol=1e-11, atol=SMALLEST)


def test_histories_of_every_frequency_at_once() -> None:
    rng = np.random.default_rng(1)
    n = 4000
    x = rng.geometric(0.2, n) - 1
    T = 10 ** rng.uniform(-5, 5, n)
    customers = CustomerSummary(x, np.where(x > 0, T * rng.random(n), 0), T)
    for horizon in (1e-6, 39.0, 1e6):
        together = CDNOW.expected_purchases(customers, horizon)
        few = range(0, n, 97)
        apart = np.concatenate([CDNOW.expected_purchases(customers[i], horizon) for i in few])
        np.testing.assert_allclose(together[few], apart, rtol=1e-11)
