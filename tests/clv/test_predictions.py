"""What customers will do, given their histories: against brute force, against one another, and asked wrongly.

`prediction_points.json` is made by `make_prediction_points.py` beside it: sums over a grid of customers' own rates.
"""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.polynomial.legendre import leggauss

from customervalue import CustomerSummary
from customervalue.clv import BGNBD, MBGNBD, NBD, LogNormal, ParetoNBD
from customervalue.errors import InfiniteMeanWarning, InvalidInputError
from reference import cdnow

pytestmark = pytest.mark.heavy

if TYPE_CHECKING:
    from collections.abc import Callable

Point = dict[str, Any]
Model: TypeAlias = BGNBD | MBGNBD | ParetoNBD | NBD
KINDS: dict[str, Any] = {"BGNBD": BGNBD, "MBGNBD": MBGNBD, "ParetoNBD": ParetoNBD, "NBD": NBD}

TOLERANCE = 1e-10
SMALLEST = np.finfo(np.float64).tiny
POINTS = cdnow.entries("prediction_points.json")


# ---- against brute force


def model_of(point: Point) -> Model:
    kind = KINDS[point["model"]]
    model: Model = kind(**{name: point[name] for name in kind.parameter_names})
    return model


def annual(delta: float) -> float:
    return math.expm1(delta * 365.25 / 7)


def found(point: Point, quantity: str) -> float:
    model, customer = model_of(point), CustomerSummary(point["x"], point["t_x"], point["T"])
    horizon, after = point["horizon"], point["after"]
    rate = annual(point["delta"])
    if quantity.startswith("log_pmf"):
        n = int(quantity.removeprefix("log_pmf_"))
        return float(model.probability_of_purchases(n, horizon, customers=customer, log=True)[0])
    calls: dict[str, Callable[[], Any]] = {
        "log_alive": lambda: model.probability_alive(customer, log=True),
        "log_alive_after": lambda: model.probability_alive(customer, after=after, log=True),
        "active": lambda: model.probability_active(customer, horizon),
        "purchases": lambda: model.expected_purchases(
            customer, horizon, after=0.0 if isinstance(model, NBD) else after
        ),
        "purchases_discounted": lambda: model.discounted_expected_purchases(
            customer, discount_rate=rate, horizon=horizon
        ),
        "lifetime_discounted": lambda: model.discounted_expected_lifetime(
            customer, discount_rate=rate, horizon=horizon
        ),
        "dert": lambda: model.discounted_expected_purchases(customer, discount_rate=rate),
        "lifetime": lambda: model.expected_lifetime(customer, horizon),
        "lifetime_whole": lambda: model.expected_lifetime(customer),
        "rate": lambda: model.expected_purchase_rate(customer),
        "dropout": lambda: model.expected_dropout(customer),
        "log_rate_density": lambda: np.log(model.purchase_rate_density(customer, point["rate_at"])),
        "log_dropout_density": lambda: np.log(model.dropout_density(customer, point["dropout_at"])),
        "overdue": lambda: model.overdue(customer),
        "next": lambda: model.time_to_next_purchase(customer, point["quantile"]),
    }
    return float(calls[quantity]()[0])


@pytest.mark.parametrize("point", POINTS, ids=lambda p: f"{p['model']}, {p['tag']}")
def test_predictions_are_those_of_brute_force(point: Point) -> None:
    wrong = {}
    for quantity, text in point["values"].items():
        if quantity == "next" and not point["quantile"] > 0:
            continue  # so surely gone that half of his chance of buying again is no number
        expected, value = float(text), found(point, quantity)
        off = abs(value - expected)
        # A density is an exponential: an error of its logarithm is one of itself.
        scale = 1.0 if quantity.endswith("density") else abs(expected)
        if quantity in ("log_pmf_0", "log_alive_after") and expected > -1e-3:
            # The logarithm of a probability next to 1, itself a sum: as good as a number next to 1 can be, to 1e-15.
            # (What is small there, the chance of buying, is asked of `probability_active`, and not let off.)
            scale = 1e-5
        if not off <= max(TOLERANCE * scale, SMALLEST):
            wrong[quantity] = (value, expected, off / scale)
    assert not wrong


def test_every_point_is_there() -> None:
    assert len(POINTS) == 75
    assert {point["model"] for point in POINTS} == set(KINDS)
    assert sum(len(point["values"]) for point in POINTS) > 900


# ---- properties, whatever the parameters


def log_uniform(low: float, high: float) -> st.SearchStrategy[float]:
    return st.floats(low, high).map(lambda exponent: 10.0**exponent)


def builds(low: float, high: float, time_low: float, time_high: float) -> st.SearchStrategy[Model]:
    number, time = log_uniform(low, high), log_uniform(time_low, time_high)
    return st.one_of(
        st.builds(BGNBD, r=number, alpha=time, a=number, b=number),
        st.builds(MBGNBD, r=number, alpha=time, a=number, b=number),
        st.builds(ParetoNBD, r=number, alpha=time, s=number, beta=time),
        st.builds(NBD, r=number, alpha=time),
    )


any_model = builds(-2.5, 2.5, -3, 4)
plain_model = builds(-0.7, 1.0, 0, 2)
dropout_model = plain_model.filter(lambda model: not isinstance(model, NBD))
horizons = log_uniform(-6, 5)


@st.composite
def histories(draw: st.DrawFn, most: int = 8, largest: float = 4.0, longest: float = 4.0) -> CustomerSummary:
    n = draw(st.integers(1, most))

    def column(values: st.SearchStrategy[Any]) -> Any:
        return np.array(draw(st.lists(values, min_size=n, max_size=n)))

    x = column(st.one_of(st.just(0), st.integers(1, 20), log_uniform(0, largest).map(int)))
    T = column(st.one_of(st.just(0.0), log_uniform(-4, longest)))
    share = column(st.sampled_from([0.0, 0.5, 0.9, 0.999999, 1.0]))
    return CustomerSummary(x, np.where(x > 0, T * share, 0.0), T)


plain_histories = histories(most=5, largest=1.3, longest=2.0)


@settings(max_examples=60)
@given(any_model, histories(), horizons, horizons)
def test_every_prediction_is_a_number(model: Model, customers: CustomerSummary, horizon: float, after: float) -> None:
    alive = model.probability_alive(customers)
    later = model.probability_alive(customers, after=after)
    active = model.probability_active(customers, horizon)
    overdue = model.overdue(customers)
    for chance in (alive, later, active, overdue):
        assert np.all((chance >= 0) & (chance <= 1))
    assert np.all(later <= alive * (1 + 1e-12))
    assert np.all(active <= alive * (1 + 1e-12))
    expected = model.expected_purchases(customers, horizon, after=after)
    assert np.all(np.isfinite(expected) & (expected >= 0))
    assert np.all(expected <= model.expected_purchases(customers, horizon) * (1 + 1e-10))
    assert np.all(active <= model.expected_purchases(customers, horizon) * (1 + 1e-10) + SMALLEST)
    for rate in (model.expected_purchase_rate(customers), model.expected_dropout(customers)):
        assert np.all(np.isfinite(rate) & (rate >= 0))
    times = model.time_to_next_purchase(customers, 0.3)
    assert np.all(times > 0)
    pmf = model.probability_of_purchases([0, 1, 3, 40], horizon, customers=customers)
    assert np.all((pmf >= 0) & (pmf <= 1))
    assert np.all(pmf.sum(axis=1) <= 1 + 1e-10)


@settings(max_examples=60)
@given(any_model, histories(), horizons)
def test_active_is_not_silent(model: Model, customers: CustomerSummary, horizon: float) -> None:
    silent = model.probability_of_purchases(0, horizon, customers=customers)
    np.testing.assert_allclose(silent + model.probability_active(customers, horizon), 1, rtol=1e-10)


@settings(max_examples=60)
@given(plain_model, plain_histories, log_uniform(-2, 0.5))
def test_distribution_given_a_history_sums_to_one_and_has_the_expected_mean(
    model: Model, customers: CustomerSummary, share: float
) -> None:
    # Of a horizon that makes the odds of one purchase more at most 3 : 1, so that 2,000 terms leave out nothing.
    horizon = share * (model.alpha + float(customers.T.min()))
    n = np.arange(2000)
    pmf = model.probability_of_purchases(n, horizon, customers=customers)
    np.testing.assert_allclose(pmf.sum(axis=1), 1, rtol=1e-10)
    np.testing.assert_allclose(pmf @ n, model.expected_purchases(customers, horizon), rtol=1e-9)


@settings(max_examples=60)
@given(any_model, histories(), horizons, horizons, horizons)
def test_windows_add_up(model: Model, customers: CustomerSummary, after: float, first: float, second: float) -> None:
    whole = model.expected_purchases(customers, first + second, after=after)
    parts = model.expected_purchases(customers, first, after=after)
    parts += model.expected_purchases(customers, second, after=after + first)
    np.testing.assert_allclose(parts, whole, rtol=1e-10, atol=1e-300)


@settings(max_examples=60)
@given(any_model, histories(), st.lists(horizons, min_size=2, max_size=5))
def test_alive_falls_as_time_goes_by(model: Model, customers: CustomerSummary, waits: list[float]) -> None:
    logs = [model.probability_alive(customers, after=wait, log=True) for wait in (0.0, *sorted(waits))]
    np.testing.assert_array_equal(logs[0], model.probability_alive(customers, log=True))
    assert np.all(np.diff(logs, axis=0) <= 1e-12 * np.abs(logs[1:]))
    np.testing.assert_allclose(np.exp(logs[-1]), model.probability_alive(customers, after=max(waits)), rtol=1e-14)


@settings(max_examples=40)
@given(any_model, histories(), st.floats(0.001, 0.999))
def test_time_to_next_purchase_inverts_the_chance_of_buying(
    model: Model, customers: CustomerSummary, quantile: float
) -> None:
    times = model.time_to_next_purchase(customers, quantile)
    # The search looks as far as 1e15 times the longest T, and 1e-15 times as near.
    scale = max(float(customers.T.max()), 1.0)
    for i, time in enumerate(times):
        if np.isfinite(time) and time > 1e-12 * scale:
            assert model.probability_active(customers[i], float(time))[0] == pytest.approx(quantile, rel=1e-9)
        if not np.isfinite(time):
            assert model.probability_active(customers[i], 1e14 * scale)[0] < quantile


@settings(max_examples=15)
@given(dropout_model, plain_histories)
def test_time_to_next_purchase_is_infinite_where_he_may_be_gone(model: Model, customers: CustomerSummary) -> None:
    ever = model.probability_alive(customers)
    if isinstance(model, ParetoNBD):
        return  # of those who are alive, too, some leave before they buy: see below
    for i, chance in enumerate(ever):
        assert np.isinf(model.time_to_next_purchase(customers[i], min(chance * (1 + 1e-9), 1 - 1e-12))[0]) == (
            chance < 1
        )
        shorter = model.time_to_next_purchase(customers[i], chance * 0.9)[0]
        assert np.isfinite(shorter)


@pytest.mark.parametrize("s", [0.2, 1.0, 8.0])
def test_time_to_next_purchase_where_some_leave_before_they_buy(s: float) -> None:
    # With alpha = beta, lambda / (lambda + mu) has a beta distribution: he ever buys with probability r / (r + s).
    model, new = ParetoNBD(r=1.5, alpha=7.0, s=s, beta=7.0), CustomerSummary(0, 0, 0)
    ever = 1.5 / (1.5 + s)
    assert np.isinf(model.time_to_next_purchase(new, ever * (1 + 1e-9))[0])
    assert np.isfinite(model.time_to_next_purchase(new, ever * 0.99)[0])
    assert model.probability_active(new, 1e12)[0] == pytest.approx(ever, rel=1e-9)


@settings(max_examples=12)
@given(any_model, histories(most=4))
def test_time_to_next_purchase_does_not_depend_on_who_else_is_asked(model: Model, customers: CustomerSummary) -> None:
    together = model.time_to_next_purchase(customers, 0.25)
    apart = np.concatenate([model.time_to_next_purchase(customers[i], 0.25) for i in range(len(customers))])
    # The search looks within 1e15 of the longest T, or of 1; beyond that there is no promise.
    within = (together < 1e14) & (together > 1e-8)
    np.testing.assert_allclose(together[within], apart[within], rtol=1e-9)


def log_nodes(low: float, high: float, size: int = 400) -> tuple[Any, Any]:
    """Points and weights of an integral over ln(value)."""
    u, w = leggauss(size)
    points = np.exp(low + 0.5 * (high - low) * (1 + u))
    return points, 0.5 * (high - low) * w * points


@settings(max_examples=6)
@given(plain_model, histories(most=2, largest=1.3, longest=2.0))
def test_purchase_rate_density_integrates_to_one_with_the_expected_mean(
    model: Model, customers: CustomerSummary
) -> None:
    # From where the density of the smallest shape leaves out 1e-12, to where the exponential does.
    low = (math.log(1e-12) - 1) / model.r - math.log(model.alpha + 200)
    rate, weight = log_nodes(low, math.log((customers.frequency.max() + model.r + 100) / model.alpha), 200)
    density = model.purchase_rate_density(customers, rate)
    np.testing.assert_allclose(density @ weight, 1, rtol=1e-9)
    np.testing.assert_allclose(density @ (weight * rate), model.expected_purchase_rate(customers), rtol=1e-9)


@settings(max_examples=6)
@given(dropout_model, histories(most=2, largest=1.3, longest=2.0))
def test_dropout_density_integrates_to_one_with_the_expected_mean(model: Any, customers: CustomerSummary) -> None:
    if isinstance(model, ParetoNBD):
        low = (math.log(1e-12) - 1) / model.s - math.log(model.beta + 200)
        at, weight = log_nodes(low, math.log((model.s + 100) / model.beta), 200)
    else:
        ends = (-30 / model.a - 5, 30 / model.b + 5)
        u, w = leggauss(400)
        logit = ends[0] + 0.5 * (ends[1] - ends[0]) * (1 + u)
        at = 1 / (1 + np.exp(-logit))
        weight = 0.5 * (ends[1] - ends[0]) * w * at / (1 + np.exp(logit))
        inside = at < 1
        at, weight = at[inside], weight[inside]
    density = model.dropout_density(customers, at)
    np.testing.assert_allclose(density @ weight, 1, rtol=1e-6 if model.parameters.get("b", 1) < 1 else 1e-9)
    mean = model.expected_dropout(customers)
    np.testing.assert_allclose(density @ (weight * at), mean, rtol=1e-6 if model.parameters.get("b", 1) < 1 else 1e-9)


@settings(max_examples=40)
@given(any_model, histories(), horizons)
def test_lifetime_within_a_horizon_is_undiscounted(model: Model, customers: CustomerSummary, horizon: float) -> None:
    np.testing.assert_array_equal(
        model.expected_lifetime(customers, horizon),
        model.discounted_expected_lifetime(customers, discount_rate=0, horizon=horizon),
    )
    assert np.all(model.expected_lifetime(customers, horizon) <= horizon * (1 + 1e-12))


@settings(max_examples=25)
@given(plain_model, plain_histories, log_uniform(0, 3))
def test_lifetime_is_the_integral_of_the_chance_of_being_alive(
    model: Model, customers: CustomerSummary, horizon: float
) -> None:
    # In ln(1 + t), where survival is smooth.
    u, w = leggauss(60)
    span = math.log1p(horizon)
    times = np.expm1(0.5 * span * (1 + u))
    weights = 0.5 * span * w * (1 + times)
    survival = np.array([model.probability_alive(customers, after=float(time)) for time in times])
    np.testing.assert_allclose(weights @ survival, model.expected_lifetime(customers, horizon), rtol=1e-9)


@settings(max_examples=25)
@given(plain_model, plain_histories)
def test_whole_lifetime_is_the_limit_of_long_horizons(model: Model, customers: CustomerSummary) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InfiniteMeanWarning)
        whole = model.expected_lifetime(customers)
    for i, value in enumerate(whole):
        long = np.array([model.expected_lifetime(customers[i], 10.0**k)[0] for k in (6, 9, 12)])
        assert np.all(np.diff(long) > 0) or np.all(long == 0) or np.isfinite(value)
        if np.isinf(value):
            # It still grows: three decades of the horizon add at least what a logarithm adds.
            assert long[2] - long[1] > 0.5 * (long[1] - long[0])
        else:
            assert np.all(long <= value * (1 + 1e-9))


@pytest.mark.parametrize(
    "model",
    [
        BGNBD(r=1.5, alpha=7.0, a=2.5, b=3.0),
        MBGNBD(r=1.5, alpha=7.0, a=2.5, b=3.0),
        ParetoNBD(r=1.5, alpha=7.0, s=2.5, beta=9.0),
    ],
    ids=lambda model: type(model).__name__,
)
def test_whole_lifetime_is_the_whole_integral_of_the_chance_of_being_alive(model: Any) -> None:
    customers = CustomerSummary([2, 5, 9], [30, 4, 39], [39, 39, 39])
    u, w = leggauss(400)
    log_time = -15 + 45 * (1 + u) / 2 * 1.2
    times = np.exp(log_time)
    weights = 27 * w * times
    survival = np.array([model.probability_alive(customers, after=float(time)) for time in times])
    np.testing.assert_allclose(weights @ survival, model.expected_lifetime(customers), rtol=1e-6)


# ---- infinite means

PAIR = CustomerSummary([4, 0], [30, 0], [39, 39])


@pytest.mark.parametrize(
    ("model", "infinite", "reason"),
    [
        (BGNBD(r=2.0, alpha=5.0, a=1.0, b=2.0), 2, r"with a = 1 <= 1 so many hardly ever drop out"),
        (MBGNBD(r=2.0, alpha=5.0, a=0.3, b=2.0), 2, r"with a = 0\.3 <= 1 so many hardly ever drop out"),
        (BGNBD(r=0.4, alpha=5.0, a=1.5, b=2.0), 1, r"may buy so rarely that 1 / lambda has no mean \(r \+ x <= 1\)"),
        (ParetoNBD(r=2.0, alpha=5.0, s=1.0, beta=9.0), 2, r"with s = 1 <= 1 so many are slow to leave"),
        (NBD(r=2.0, alpha=5.0), 2, "nobody leaves in this model"),
    ],
    ids=["BG a", "MBG a", "BG r", "Pareto s", "NBD"],
)
def test_infinite_lifetimes_are_infinite_and_say_why(model: Model, infinite: int, reason: str) -> None:
    with pytest.warns(
        InfiniteMeanWarning, match=rf"lifetime is infinite for {infinite} of 2 customers: .*{reason}"
    ) as caught:
        values = model.expected_lifetime(PAIR)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert np.count_nonzero(np.isinf(values)) == infinite
    assert np.isinf(values[1])
    message = str(caught[0].message)
    for advice in ("horizon", "discounted_expected_lifetime", "probability_alive(after=...)"):
        assert advice in message
    # Within a horizon it is a number, and nothing is said (warnings are errors here).
    assert np.all(np.isfinite(model.expected_lifetime(PAIR, 1e4)))


@pytest.mark.parametrize(
    "model",
    [
        BGNBD(r=1.0001, alpha=5.0, a=1.0001, b=2.0),
        MBGNBD(r=1.0001, alpha=5.0, a=1.0001, b=2.0),
        ParetoNBD(r=0.1, alpha=5.0, s=1.0001, beta=9.0),
    ],
    ids=lambda model: type(model).__name__,
)
def test_finite_lifetimes_warn_of_nothing(model: Model) -> None:
    assert np.all(np.isfinite(model.expected_lifetime(PAIR)))


def test_someone_certainly_gone_has_no_lifetime_even_if_the_mean_is_infinite() -> None:
    # P(alive) underflows to 0, and 0 times infinity is the 0 that is documented.
    gone = CustomerSummary(400, 1.0, 1e6)
    model = BGNBD(r=2.0, alpha=5.0, a=0.5, b=2.0)
    assert model.probability_alive(gone)[0] == 0
    np.testing.assert_array_equal(model.expected_lifetime(gone), [0.0])


@pytest.mark.parametrize("T", [0.0, 39.0])
def test_gone_for_certain_in_every_call(T: float) -> None:
    gone = CustomerSummary(2000, T * 1e-3, max(T, 1.0) * 1e5)
    for model in (BGNBD(0.2, 4.0, 0.8, 2.4), MBGNBD(0.2, 4.0, 0.8, 2.4), ParetoNBD(0.5, 10.0, 2.6, 11.0)):
        assert model.probability_alive(gone, after=3)[0] == 0
        assert model.probability_active(gone, 39)[0] == 0
        assert model.expected_purchases(gone, 39, after=1)[0] == 0
        assert np.isinf(model.time_to_next_purchase(gone)[0])
        np.testing.assert_array_equal(model.probability_of_purchases([0, 1, 2], 39, customers=gone), [[1, 0, 0]])
        assert np.isfinite(model.expected_purchase_rate(gone)[0])
        assert np.isfinite(model.expected_dropout(gone)[0])


# ---- new customers, rows, units

MODELS: dict[str, Model] = {
    "BG/NBD": BGNBD(r=0.243, alpha=4.414, a=0.793, b=2.426),
    "MBG/NBD": MBGNBD(r=0.525, alpha=6.183, a=0.891, b=1.614),
    "Pareto/NBD": ParetoNBD(r=0.553, alpha=10.578, s=0.606, beta=11.669),
    "NBD": NBD(r=0.385, alpha=12.07),
}
every_model = pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)


@every_model
@pytest.mark.parametrize("t", [1e-4, 1.0, 39.0, 1e4])
def test_a_new_customer_is_one_with_an_empty_history(model: Model, t: float) -> None:
    new, n = CustomerSummary(0, 0, 0), np.arange(12)
    np.testing.assert_allclose(
        model.probability_of_purchases(n, t, customers=new)[0], model.probability_of_purchases(n, t), rtol=1e-13
    )
    assert model.expected_purchases(new, t)[0] == pytest.approx(model.expected_purchases_new(t), rel=1e-13)
    assert model.probability_active(new, t)[0] == pytest.approx(1 - model.probability_of_purchases(0, t), rel=1e-10)
    assert model.discounted_expected_purchases(new, discount_rate=0.1, horizon=t)[0] == pytest.approx(
        model.discounted_expected_purchases_new(discount_rate=0.1, horizon=t), rel=1e-13
    )


def test_a_new_customer_of_mbg_nbd_may_have_left_at_the_first_purchase() -> None:
    model, new = MBGNBD(r=0.5, alpha=6.0, a=0.9, b=1.6), CustomerSummary(0, 0, 0)
    assert model.probability_alive(new)[0] == pytest.approx(1.6 / 2.5, rel=1e-14)
    assert model.expected_dropout(new)[0] == pytest.approx(0.9 / 2.5, rel=1e-14)
    assert model.expected_purchase_rate(new)[0] == pytest.approx(0.5 / 6, rel=1e-14)


def base() -> CustomerSummary:
    return CustomerSummary(
        [2, 0, 7, 1, 3, 0, 26, 2],
        [30.43, 0, 29.43, 1.71, 12.0, 0, 30.86, 30.43],
        [38.86, 38.86, 38.86, 38.86, 32.14, 27.0, 31.0, 38.86],
    )


def every_call(model: Model, customers: CustomerSummary, unit: float = 1.0) -> dict[str, Any]:
    """Every prediction, and, in its name, the power of time that it scales with."""
    rates = np.array([0.01, 0.1, 0.7])
    calls = {
        "alive^0": model.probability_alive(customers),
        "alive after^0": model.probability_alive(customers, after=13 * unit),
        "active^0": model.probability_active(customers, 26 * unit),
        "purchases^0": model.expected_purchases(customers, 26 * unit, after=4 * unit),
        "pmf^0": model.probability_of_purchases([[0, 1], [2, 9]], 26 * unit, customers=customers),
        "next^1": model.time_to_next_purchase(customers, 0.15),
        "overdue^0": model.overdue(customers),
        "lifetime^1": model.expected_lifetime(customers, 52 * unit),
        "rate^-1": model.expected_purchase_rate(customers),
        "rate density^1": model.purchase_rate_density(customers, rates / unit),
        "dropout^" + ("-1" if isinstance(model, ParetoNBD) else "0"): model.expected_dropout(customers),
    }
    if isinstance(model, ParetoNBD):
        calls["dropout density^1"] = model.dropout_density(customers, rates / unit)
    elif not isinstance(model, NBD):
        calls["dropout density^0"] = model.dropout_density(customers, rates)
    return calls


@every_model
def test_predictions_do_not_depend_on_order_or_company(model: Model) -> None:
    customers, order = base(), np.array([3, 7, 0, 2, 5, 1, 6, 4])
    whole, mixed = every_call(model, customers), every_call(model, customers[order])
    for name, values in whole.items():
        np.testing.assert_allclose(mixed[name], values[order], rtol=1e-12, err_msg=name)
        assert values.shape[0] == 8
    for i in range(8):
        for name, values in every_call(model, customers[i]).items():
            np.testing.assert_allclose(values[0], whole[name][i], rtol=1e-11, err_msg=name)


@every_model
def test_predictions_are_of_one_customer_whatever_the_weight(model: Model) -> None:
    customers = base()
    weighted = CustomerSummary(customers.frequency, customers.recency, customers.T, weights=[3, 1, 2, 5, 1, 7, 1, 1])
    for name, values in every_call(model, weighted).items():
        np.testing.assert_allclose(values, every_call(model, customers)[name], rtol=1e-12, err_msg=name)


@every_model
def test_predictions_in_days_are_those_in_weeks(model: Model) -> None:
    customers = base()
    scaled = {name: 7 * v if name in ("alpha", "beta") else v for name, v in model.parameters.items()}
    days = type(model)(**scaled, time_unit="D")  # type: ignore[arg-type]
    daily = CustomerSummary(customers.frequency, 7 * customers.recency, 7 * customers.T, time_unit="D")
    weekly = every_call(model, customers)
    for name, values in every_call(days, daily, unit=7.0).items():
        power = int(name.split("^")[1])
        np.testing.assert_allclose(values, weekly[name] * 7.0**power, rtol=1e-11, err_msg=name)


@every_model
def test_shapes(model: Model) -> None:
    customers = base()
    assert model.probability_of_purchases(2, 9.0, customers=customers).shape == (8,)
    assert model.probability_of_purchases([2], 9.0, customers=customers).shape == (8, 1)
    assert model.probability_of_purchases([0, 1], [[1.0], [2.0], [3.0]], customers=customers).shape == (8, 3, 2)
    assert model.probability_of_purchases([], 1.0, customers=customers).shape == (8, 0)
    assert isinstance(model.probability_of_purchases(2, 9.0), float)
    assert model.probability_of_purchases([0, 1], [[1.0], [2.0]]).shape == (2, 2)
    assert model.purchase_rate_density(customers, 0.1).shape == (8,)
    assert model.purchase_rate_density(customers, [0.1]).shape == (8, 1)
    assert model.purchase_rate_density(customers, [0.1, 0.2, 3.0]).shape == (8, 3)


@every_model
def test_broadcast_is_that_of_single_calls(model: Model) -> None:
    customers, n, t = base(), np.array([0, 1, 4]), np.array([[3.0], [40.0]])
    together = model.probability_of_purchases(n, t, customers=customers)
    for i, j in np.ndindex(2, 3):
        alone = model.probability_of_purchases(int(n[j]), float(t[i, 0]), customers=customers)
        np.testing.assert_allclose(together[:, i, j], alone, rtol=1e-12)
    logs = model.probability_of_purchases(n, t, customers=customers, log=True)
    np.testing.assert_allclose(np.exp(logs), together, rtol=1e-13)


@every_model
def test_no_time_no_purchases(model: Model) -> None:
    customers = base()
    np.testing.assert_array_equal(model.probability_active(customers, 0), np.zeros(8))
    np.testing.assert_array_equal(model.expected_purchases(customers, 0, after=9), np.zeros(8))
    np.testing.assert_array_equal(model.expected_lifetime(customers, 0), np.zeros(8))
    pmf = model.probability_of_purchases([0, 1, 2], 0, customers=customers)
    np.testing.assert_allclose(pmf, np.tile([1.0, 0.0, 0.0], (8, 1)), rtol=1e-15)
    logs = model.probability_of_purchases([0, 1], 0, customers=customers, log=True)
    assert np.all(np.isneginf(logs[:, 1]))


@every_model
def test_overdue_is_zero_for_who_has_just_bought_and_grows_with_silence(model: Model) -> None:
    just, silences = CustomerSummary(5, 20, 20), np.linspace(20, 400, 30)
    assert model.overdue(just)[0] == 0
    values = model.overdue(CustomerSummary(np.full(30, 5), np.full(30, 20.0), silences))
    assert np.all(np.diff(values) > 0)
    assert np.all(values < 1)


@every_model
def test_overdue_of_a_week_is_the_chance_of_buying_in_a_week_if_nobody_left(model: Model) -> None:
    # The distribution of the time to the next purchase of a customer known to stay is that of NBD.
    stays = NBD(r=model.r, alpha=model.alpha)
    now = CustomerSummary(5, 20.0, 20.0)
    later = CustomerSummary(5, 20.0, 27.0)
    assert model.overdue(later)[0] == pytest.approx(stays.probability_active(now, 7.0)[0], rel=1e-12)


# ---- asked wrongly

FLAWED: list[tuple[Any, str]] = [
    (-1, "must be finite and not negative, and is -1"),
    (np.nan, "must be finite and not negative, and is nan"),
    (np.inf, "must be finite and not negative, and is inf"),
    ("soon", "must be a number, and is 'soon'"),
    ([1, 2], r"must be a number, and is \[1, 2\]"),
    (None, "must be a number, and is None"),
]
WINDOWS: dict[str, tuple[str, Callable[[Model, Any], Any]]] = {
    "probability_alive": ("after", lambda m, v: m.probability_alive(base(), after=v)),
    "probability_active": ("horizon", lambda m, v: m.probability_active(base(), v)),
    "expected_purchases": ("horizon", lambda m, v: m.expected_purchases(base(), v)),
    "expected_purchases after": ("after", lambda m, v: m.expected_purchases(base(), 1.0, after=v)),
    "expected_purchases, no window": ("after", lambda m, v: m.expected_purchases(base(), 0.0, after=v)),
    "expected_lifetime": ("horizon", lambda m, v: m.expected_lifetime(base(), v)),
    "simulate_future": ("horizon", lambda m, v: m.simulate_future(base(), v, 1)),
}


@every_model
@pytest.mark.parametrize(("value", "message"), FLAWED)
@pytest.mark.parametrize("call", WINDOWS)
def test_windows_that_are_none(model: Model, call: str, value: Any, message: str) -> None:
    argument, ask = WINDOWS[call]
    if call == "expected_lifetime" and value is None:
        pytest.skip("it asks for the whole future")
    with pytest.raises(InvalidInputError, match=f"`{argument}` {message}") as caught:
        ask(model, value)
    assert [problem.argument for problem in caught.value.problems] == [argument]


@every_model
@pytest.mark.parametrize(
    ("n", "t", "message"),
    [
        (0.5, 1, "`n` must be a whole number of purchases"),
        ([1, 2.5], 1, "`n` must be a whole number of purchases"),
        (-1, 1, "`n` must be finite and not negative"),
        (np.inf, 1, "`n` must be finite and not negative"),
        ("one", 1, "`n` must be a number or an array of numbers"),
        (1, -1, "`t` must be finite and not negative"),
        (1, np.nan, "`t` must be finite and not negative"),
        (1, "soon", "`t` must be a number or an array of numbers"),
        ([1, 2], [1, 2, 3], r"`n` and `t` must fit together, and have shapes \(2,\), \(3,\)"),
    ],
    ids=str,
)
@pytest.mark.parametrize("given_customers", [True, False])
def test_counts_and_times_that_are_none(model: Model, n: Any, t: Any, message: str, given_customers: bool) -> None:
    with pytest.raises(InvalidInputError, match=message):
        model.probability_of_purchases(n, t, customers=base() if given_customers else None)


@every_model
@pytest.mark.parametrize("quantile", [0, 1, -0.1, 1.5, np.nan, np.inf])
def test_quantiles_that_are_none(model: Model, quantile: float) -> None:
    with pytest.raises(InvalidInputError, match="`quantile` must lie between 0 and 1, and is"):
        model.time_to_next_purchase(base(), quantile)


@every_model
def test_a_quantile_in_words(model: Model) -> None:
    with pytest.raises(InvalidInputError, match="`quantile` must be a number, and is 'half'"):
        model.time_to_next_purchase(base(), "half")  # type: ignore[arg-type]


@every_model
@pytest.mark.parametrize(
    ("rate", "message"),
    [
        (0, "`rate` must be positive and finite"),
        (-1, "`rate` must be positive and finite"),
        (np.inf, "`rate` must be positive and finite"),
        (np.nan, "`rate` must be positive and finite"),
        ([0.1, -1], "`rate` must be positive and finite"),
        ([[0.1]], "`rate` must be positive and finite, as one number or several"),
        ("often", "`rate` must be a number or an array of numbers"),
    ],
    ids=str,
)
def test_rates_that_are_none(model: Model, rate: Any, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        model.purchase_rate_density(base(), rate)


@pytest.mark.parametrize("dropout", [0, 1, -1, 1.5, np.nan, [0.5, 1.0]], ids=str)
@pytest.mark.parametrize("name", ["BG/NBD", "MBG/NBD"])
def test_probabilities_that_are_none(name: str, dropout: Any) -> None:
    with pytest.raises(InvalidInputError, match="`dropout` must be between 0 and 1"):
        MODELS[name].dropout_density(base(), dropout)


@pytest.mark.parametrize("dropout", [0, -1, np.inf, np.nan], ids=str)
def test_dropout_rates_that_are_none(dropout: Any) -> None:
    with pytest.raises(InvalidInputError, match="`dropout` must be positive and finite"):
        MODELS["Pareto/NBD"].dropout_density(base(), dropout)
    assert MODELS["Pareto/NBD"].dropout_density(base(), 1.5).shape == (8,)


def test_dropout_where_nobody_leaves() -> None:
    model = MODELS["NBD"]
    with pytest.raises(InvalidInputError, match=r"(?s)nobody leaves in NBD.*Fit a model with dropout"):
        model.dropout_density(base(), 0.1)
    np.testing.assert_array_equal(model.expected_dropout(base()), np.zeros(8))
    np.testing.assert_array_equal(model.probability_alive(base(), after=1e9), np.ones(8))


CUSTOMER_CALLS: dict[str, Callable[[Model, Any], Any]] = {
    "probability_alive": lambda m, c: m.probability_alive(c, after=1.0),
    "probability_active": lambda m, c: m.probability_active(c, 0.0),
    "expected_purchases": lambda m, c: m.expected_purchases(c, 0.0, after=1.0),
    "probability_of_purchases": lambda m, c: m.probability_of_purchases(1, 1.0, customers=c),
    "time_to_next_purchase": lambda m, c: m.time_to_next_purchase(c),
    "overdue": lambda m, c: m.overdue(c),
    "expected_lifetime": lambda m, c: m.expected_lifetime(c),
    "expected_lifetime, no time": lambda m, c: m.expected_lifetime(c, 0.0),
    "expected_purchase_rate": lambda m, c: m.expected_purchase_rate(c),
    "expected_dropout": lambda m, c: m.expected_dropout(c),
    "purchase_rate_density": lambda m, c: m.purchase_rate_density(c, 0.1),
    "simulate_future": lambda m, c: m.simulate_future(c, 1.0, 1),
}


@every_model
@pytest.mark.parametrize("call", CUSTOMER_CALLS)
def test_customers_in_another_unit(model: Model, call: str) -> None:
    days = CustomerSummary(2, 210, 273, time_unit="D")
    with pytest.raises(InvalidInputError, match="model is in time unit 'W' and the summary in 'D'"):
        CUSTOMER_CALLS[call](model, days)


@every_model
@pytest.mark.parametrize("call", CUSTOMER_CALLS)
def test_customers_that_are_none(model: Model, call: str) -> None:
    with pytest.raises(InvalidInputError, match="`customers` must be a CustomerSummary, and is a dict"):
        CUSTOMER_CALLS[call](model, {"frequency": [1]})


# ---- the weak prior

KIND = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)


@KIND
def test_weak_prior_is_the_lognormal_prior_it_stands_for(kind: Any) -> None:
    customers = MODELS["BG/NBD"].simulate(300, np.random.default_rng(0).uniform(20, 40, 300), 1)
    units = {"alpha": float(customers.T.mean()), "beta": float(customers.T.mean())}
    prior = {name: LogNormal(units.get(name, 1.0), 1.5) for name in kind.parameter_names}
    weak, spelt = kind.fit(customers, prior="weak"), kind.fit(customers, prior=prior)
    assert weak.parameters == pytest.approx(spelt.parameters, rel=1e-8)
    assert set(weak.inference.prior) == set(kind.parameter_names)


@KIND
def test_weak_prior_is_the_same_in_days(kind: Any) -> None:
    weeks = MODELS["BG/NBD"].simulate(300, np.random.default_rng(0).uniform(20, 40, 300), 1)
    days = CustomerSummary(weeks.frequency, 7 * weeks.recency, 7 * weeks.T, time_unit="D")
    first, second = kind.fit(weeks, prior="weak").parameters, kind.fit(days, prior="weak").parameters
    for name, value in first.items():
        assert second[name] == pytest.approx(value * (7 if name in ("alpha", "beta") else 1), rel=1e-7)


@KIND
def test_weak_prior_makes_a_fit_of_hopeless_data(kind: Any) -> None:
    for customers in (CustomerSummary(1, 3, 9), CustomerSummary([0, 0, 0], [0, 0, 0], [9, 8, 7])):
        model = kind.fit(customers, prior="weak")
        assert all(np.isfinite(value) and value > 0 for value in model.parameters.values())


@KIND
def test_prior_in_other_words(kind: Any) -> None:
    with pytest.raises(InvalidInputError, match='must map names of parameters to LogNormals, or be "weak"'):
        kind.fit(base(), prior="strong")
