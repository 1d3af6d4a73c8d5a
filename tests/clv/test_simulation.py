"""Customers made up by the library against the distributions it states, and against customers made up step by step."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import chi2, ks_2samp, kstest

import customervalue as cv
from customervalue import CustomerSummary
from customervalue.clv import BGNBD, MBGNBD, NBD, GammaGamma, ParetoNBD
from customervalue.errors import InvalidInputError
from reference import simulate

pytestmark = pytest.mark.heavy

if TYPE_CHECKING:
    from collections.abc import Callable

Array = NDArray[Any]
Model: TypeAlias = BGNBD | MBGNBD | ParetoNBD | NBD
MODELS: dict[str, Model] = {
    "BG/NBD": BGNBD(r=0.243, alpha=4.414, a=0.793, b=2.426),
    "BG/NBD, regular": BGNBD(r=1.5, alpha=6.0, a=0.5, b=3.0),
    "MBG/NBD": MBGNBD(r=0.525, alpha=6.183, a=0.891, b=1.614),
    "Pareto/NBD": ParetoNBD(r=0.553, alpha=10.578, s=0.606, beta=11.669),
    "Pareto/NBD, regular": ParetoNBD(r=2.0, alpha=6.0, s=1.5, beta=30.0),
    "NBD": NBD(r=0.385, alpha=12.07),
}
SPEND = GammaGamma(p=6.25, q=3.74, v=15.44)
every_model = pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
DAY = np.timedelta64(1, "D")
# Of one test in a thousand models, seeds being fixed: none of these is expected to be near it.
UNLIKELY = 1e-4


def step_by_step(model: Model, rng: np.random.Generator, n: int, T: Any) -> tuple[Array, Array]:
    """x and t_x of n customers, purchase by purchase."""
    if isinstance(model, (BGNBD, MBGNBD)):
        base = simulate.bg_nbd(rng, n, T=T, modified=isinstance(model, MBGNBD), **model.parameters)
        return base.x, base.t_x
    length = np.broadcast_to(np.asarray(T, dtype=np.float64), n)
    rate = rng.gamma(model.r, 1 / model.alpha, n)
    end = length
    if isinstance(model, ParetoNBD):
        end = np.minimum(length, rng.exponential(size=n) / np.maximum(rng.gamma(model.s, 1 / model.beta, n), 1e-280))
    x, t_x, going = np.zeros(n, dtype=np.int64), np.zeros(n), np.arange(n)
    while going.size:
        with np.errstate(divide="ignore", over="ignore"):
            then = t_x[going] + rng.exponential(size=going.size) / rate[going]
        going, then = going[then <= end[going]], then[then <= end[going]]
        x[going] += 1
        t_x[going] = then
    return x, t_x


def fits(counts: Array, probabilities: Array) -> None:
    """Chi-square of 0, 1, 2, ... and the rest, where 5 or more are expected."""
    n = counts.size
    expected = n * probabilities
    last = int(np.flatnonzero(expected >= 5)[-1])
    found = np.bincount(np.minimum(counts, last + 1), minlength=last + 2)
    expected = np.append(expected[: last + 1], n - expected[: last + 1].sum())
    if expected[-1] < 5:
        found, expected = np.append(found[:-2], found[-2:].sum()), np.append(expected[:-2], expected[-2:].sum())
    if found.size == 1:
        return  # next to certain, and so it is
    statistic = float(((found - expected) ** 2 / expected).sum())
    assert chi2.sf(statistic, found.size - 1) > UNLIKELY, (found, expected)


def close(found: Any, expected: Any) -> None:
    """The mean difference is within four of its standard errors."""
    difference = np.asarray(found, dtype=np.float64) - expected
    assert abs(difference.mean()) <= 4 * difference.std() / math.sqrt(difference.size)


# ---- histories


@every_model
@pytest.mark.parametrize("T", [2.0, 39.0, 400.0])
def test_number_of_purchases_has_the_stated_distribution(model: Model, T: float) -> None:
    customers = model.simulate(40_000, T, 7)
    fits(customers.frequency, model.probability_of_purchases(np.arange(60), T))
    np.testing.assert_array_equal(customers.T, np.full(40_000, T))
    close(customers.frequency, model.expected_purchases_new(T))


@every_model
def test_last_purchase_given_their_number_is_that_of_customers_made_step_by_step(model: Model) -> None:
    T = np.random.default_rng(0).uniform(20, 60, 120_000)
    ours = model.simulate(120_000, T, 1)
    x, t_x = step_by_step(model, np.random.default_rng(2), 120_000, T)
    np.testing.assert_array_equal(ours.recency[ours.frequency == 0], 0)
    assert np.all(ours.recency <= ours.T)
    for n in (1, 2, 3, 5):
        mine, theirs = ours.frequency == n, x == n
        assert min(mine.sum(), theirs.sum()) > 500
        assert ks_2samp(ours.recency[mine] / T[mine], t_x[theirs] / T[theirs]).pvalue > UNLIKELY
    many, more = ours.frequency > 8, x > 8
    assert ks_2samp(ours.recency[many] / T[many], t_x[more] / T[more]).pvalue > UNLIKELY
    assert ks_2samp(ours.frequency, x).pvalue > UNLIKELY


@every_model
def test_customers_observed_for_different_times_each_have_their_own(model: Model) -> None:
    T = np.tile([0.0, 1.0, 10.0, 200.0], 20_000)
    customers = model.simulate(T.size, T, 3)
    np.testing.assert_array_equal(customers.T, T)
    for length in (1.0, 10.0, 200.0):
        fits(customers.frequency[length == T], model.probability_of_purchases(np.arange(60), length))
    assert not np.any(customers.frequency[T == 0])


@every_model
def test_fit_finds_the_model_that_made_them(model: Model) -> None:
    if model.parameters.get("s") == 0.606:
        pytest.skip("3,000 customers do not tell it")
    fitted = type(model).fit(model.simulate(3_000, np.linspace(30, 80, 3_000), 5))
    assert fitted.inference is not None
    for name, (low, high) in fitted.inference.confidence_intervals(0.9999).items():
        assert low < model.parameters[name] < high


@every_model
def test_dates_of_acquisition_make_lengths(model: Model) -> None:
    dates = np.array(["2025-01-01", "2025-03-05", "2025-12-31"], dtype="datetime64[D]")
    customers = model.simulate(3, dates, 1, observation_end="2025-12-31")
    np.testing.assert_allclose(customers.T, [364 / 7, 301 / 7, 0], rtol=1e-14)
    in_words = model.simulate(3, [str(date) for date in dates], 1, observation_end=np.datetime64("2025-12-31"))
    assert customers == in_words


@pytest.mark.parametrize(("unit", "days"), [("D", 1.0), ("W", 7.0), ("M", 365.25 / 12), ("Y", 365.25)])
def test_dates_of_acquisition_in_every_unit(unit: str, days: float) -> None:
    model = BGNBD(r=0.243, alpha=4.414, a=0.793, b=2.426, time_unit=unit)
    customers = model.simulate(2, ["2024-12-31", "2025-12-30T12:00"], 1, observation_end="2025-12-31")
    np.testing.assert_allclose(customers.T, [365 / days, 0.5 / days], rtol=1e-14)
    assert customers.time_unit == unit


@every_model
def test_same_seed_same_customers(model: Model) -> None:
    assert model.simulate(500, 39, 11) == model.simulate(500, 39, 11)
    assert model.simulate(500, 39, 11) == model.simulate(500, 39, np.random.default_rng(11))
    assert model.simulate(500, 39, 11) != model.simulate(500, 39, 12)
    source = np.random.default_rng(11)
    assert model.simulate(500, 39, source) != model.simulate(500, 39, source)
    assert len(model.simulate(500, 39, None)) == 500


@every_model
def test_one_customer(model: Model) -> None:
    assert len(model.simulate(1, 39, 1)) == 1
    assert len(model.simulate(1, [39], 1)) == 1
    assert len(model.simulate(1, ["2025-01-01"], 1, observation_end="2025-02-01")) == 1
    assert len(model.simulate(1, "2025-01-01", 1, observation_end="2025-02-01")) == 1


@pytest.mark.parametrize(
    "model",
    [
        BGNBD(r=1e-3, alpha=1e3, a=1e-3, b=1e3),
        BGNBD(r=1e-3, alpha=1e-3, a=1e-3, b=1e-3),
        MBGNBD(r=1e-3, alpha=1.0, a=1e3, b=1e-3),
        ParetoNBD(r=1e-3, alpha=1.0, s=1e-3, beta=1.0),
        ParetoNBD(r=100.0, alpha=10.0, s=1e3, beta=1e-2),
        NBD(r=1e-3, alpha=1e-2),
    ],
    ids=repr,
)
def test_extreme_parameters_simulate_in_silence(model: Model) -> None:
    customers = model.simulate(5_000, 39.0, 1)
    fits(customers.frequency, model.probability_of_purchases(np.arange(3000), 39.0))
    future = model.simulate_future(customers, 39.0, 2)
    assert future.purchases.sum() == future.time.size
    assert np.all((future.time > 0) & (future.time <= 39))


# ---- logs

END = "2025-12-31"


def log_of(model: Model, n: int = 4_000, T: Any = 39.0, rng: Any = 1, **options: Any) -> dict[str, Array]:
    log: dict[str, Array] = model.simulate_log(
        n, T, rng, observation_end=options.pop("observation_end", END), **options
    )
    return log


@every_model
def test_log_has_everyones_first_purchase_and_is_in_order(model: Model) -> None:
    T = np.random.default_rng(3).uniform(1, 60, 4_000)
    log = log_of(model, T=T)
    assert list(log) == ["customer_id", "date"]
    customer, date = log["customer_id"], log["date"]
    assert date.dtype == np.dtype("datetime64[us]")
    order = np.lexsort((date, customer))
    np.testing.assert_array_equal(order, np.arange(customer.size))
    ids, first, counts = np.unique(customer, return_index=True, return_counts=True)
    np.testing.assert_array_equal(ids, np.arange(4_000))
    acquired = np.datetime64(END) - np.rint(T * 7 * 86_400e6).astype("timedelta64[us]")
    assert np.all(np.abs(date[first] - acquired) <= np.timedelta64(1, "us"))
    assert np.all(date <= np.datetime64(END))
    again = np.ones(customer.size, dtype=bool)
    again[first] = False
    assert np.all(date[again] > acquired[customer[again]])
    assert counts.max() > 2


@every_model
def test_log_and_histories_have_the_same_distribution(model: Model) -> None:
    n, T = 40_000, 39.0
    log = log_of(model, n=n, T=T, observation_end="2025-12-30T23:59:59.999999")
    customers = cv.summarize(log, observation_end="2025-12-30T23:59:59.999999", grain="s")
    assert len(customers) == n
    np.testing.assert_allclose(customers.T, T, atol=2 / (7 * 86_400))
    fits(customers.frequency, model.probability_of_purchases(np.arange(60), T))
    direct = model.simulate(n, T, 9)
    for x in (1, 2, 4):
        mine, theirs = customers.frequency == x, direct.frequency == x
        assert ks_2samp(customers.recency[mine], direct.recency[theirs]).pvalue > UNLIKELY


def test_all_moments_of_purchase_are_uniform_where_nobody_leaves() -> None:
    model = NBD(r=2.0, alpha=6.0)
    log = log_of(model, n=5_000, T=50.0)
    _, first = np.unique(log["customer_id"], return_index=True)
    again = np.ones(log["date"].size, dtype=bool)
    again[first] = False
    weeks = (np.datetime64(END) - log["date"][again]) / (7 * DAY)
    assert kstest(weeks / 50.0, "uniform").pvalue > UNLIKELY


@every_model
def test_intervals_between_purchases_are_those_of_customers_made_step_by_step(model: Model) -> None:
    # The second purchase of those who made two or more, from the log; and how long after the first.
    log = log_of(model, n=60_000, T=39.0)
    customer, first, count = np.unique(log["customer_id"], return_index=True, return_counts=True)
    two = count >= 3  # the first of all and two more
    weeks = (log["date"] - log["date"][first][log["customer_id"]]) / (7 * DAY)
    mine = weeks[first[two] + 1]
    assert customer.size == 60_000
    # Given x >= 2, by rejection: the first repeat purchase of customers who make a second within the time.
    rng = np.random.default_rng(4)
    theirs = first_of_two(model, rng, 60_000, 39.0)
    assert ks_2samp(mine, theirs).pvalue > UNLIKELY


def first_of_two(model: Model, rng: np.random.Generator, n: int, T: float) -> Array:
    """The time of the first repeat purchase of those who make a second by T."""
    rate = rng.gamma(model.r, 1 / model.alpha, n)
    with np.errstate(divide="ignore", over="ignore"):
        one = rng.exponential(size=n) / rate
        two = one + rng.exponential(size=n) / rate
    there = np.ones(n, dtype=bool)
    if isinstance(model, (BGNBD, MBGNBD)):
        p = rng.beta(model.a, model.b, n)
        there = rng.random(n) >= p
        if isinstance(model, MBGNBD):
            there &= rng.random(n) >= p
    elif isinstance(model, ParetoNBD):
        there = rng.exponential(size=n) / np.maximum(rng.gamma(model.s, 1 / model.beta, n), 1e-280) >= two
    return np.asarray(one[there & (two <= T)])


def test_log_from_dates_of_acquisition() -> None:
    dates = np.array(["2025-01-01", "2025-06-30T18:30", "2025-12-31"], dtype="datetime64[us]")
    log = log_of(MODELS["BG/NBD"], n=3, T=dates)
    _, first = np.unique(log["customer_id"], return_index=True)
    np.testing.assert_array_equal(log["date"][first], dates)


@every_model
def test_same_seed_same_log(model: Model) -> None:
    for options in ({}, {"spending": SPEND}, {"spending": SPEND, "refund_probability": 0.3}):
        first, second = (log_of(model, n=300, rng=rng, **options) for rng in (5, np.random.default_rng(5)))
        for name, column in first.items():
            np.testing.assert_array_equal(column, second[name])


@pytest.mark.parametrize("backend", ["pandas", "polars", "pyarrow"])
def test_log_in_any_frame(backend: str) -> None:
    options: dict[str, Any] = {"observation_end": END, "spending": SPEND}
    model = MODELS["BG/NBD"]
    plain = model.simulate_log(200, 39.0, 1, **options)
    frame = model.simulate_log(200, 39.0, 1, backend=backend, **options)
    assert type(frame).__module__.split(".")[0] == backend
    assert cv.summarize(frame, value="value") == cv.summarize(plain, value="value")


# ---- spend


def test_mean_spend_of_a_customer_has_the_moments_of_gamma_gamma() -> None:
    # E[m] = p v / (q - 1); Var[m] = p v^2 / (x (q - 1) (q - 2)) + Var(p / nu).
    model = GammaGamma(p=4.0, q=9.0, v=20.0)
    p, q, v = 4.0, 9.0, 20.0
    for x in (1, 3, 30):
        mean = model.simulate(np.full(200_000, x), 8)
        close(mean, p * v / (q - 1))
        within = p * v**2 / (x * (q - 1) * (q - 2))
        between = p**2 * v**2 / ((q - 1) ** 2 * (q - 2))
        close((mean - p * v / (q - 1)) ** 2, within + between)


def test_mean_spend_has_the_density_of_gamma_gamma() -> None:
    # nu m x / v is beta prime distributed; the CDF of m is the regularized incomplete beta of m x / (v + m x).
    from scipy.special import betainc

    mean = SPEND.simulate(np.full(50_000, 3), 4)
    share = 3 * mean / (SPEND.v + 3 * mean)
    assert kstest(betainc(3 * SPEND.p, SPEND.q, share), "uniform").pvalue > UNLIKELY


def test_fit_finds_the_spend_model_that_made_it() -> None:
    x = np.random.default_rng(0).geometric(0.3, 4_000)
    customers = CustomerSummary(x, np.ones(4_000), np.full(4_000, 2.0), monetary_value=SPEND.simulate(x, 1))
    fitted = GammaGamma.fit(customers)
    assert fitted.inference is not None
    for name, (low, high) in fitted.inference.confidence_intervals(0.9999).items():
        assert low < SPEND.parameters[name] < high


def test_spend_of_no_transactions_and_of_one_number() -> None:
    assert SPEND.simulate([0, 0], 1).tolist() == [0.0, 0.0]
    assert SPEND.simulate(3, 1).shape == (1,)
    assert SPEND.simulate([], 1).shape == (0,)
    np.testing.assert_array_equal(SPEND.simulate([0, 2, 5], 1), SPEND.simulate([0, 2, 5], np.random.default_rng(1)))


@pytest.mark.parametrize(
    ("frequency", "message"),
    [
        (-1, "`frequency` must be finite and not negative"),
        ([1, np.nan], "`frequency` must be finite and not negative"),
        ([1.5], "`frequency` must hold whole numbers of transactions"),
        ("many", "`frequency` must be a number or an array of numbers"),
    ],
    ids=str,
)
def test_frequencies_that_are_none(frequency: Any, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        SPEND.simulate(frequency, 1)


def test_histories_with_spend() -> None:
    model = MODELS["BG/NBD, regular"]
    customers = model.simulate(60_000, 39.0, 1, spending=SPEND)
    spend = customers.monetary_value
    assert spend is not None
    np.testing.assert_array_equal(spend == 0, customers.frequency == 0)
    for part in (customers.frequency == 1, customers.frequency > 6):
        close(spend[part], SPEND.population_mean)
    assert not customers.includes_first
    # The shrunken expectation is right on average: of new transactions of the same customers, in the log below.
    alone = model.simulate(60_000, 39.0, 1)
    np.testing.assert_array_equal(alone.frequency, customers.frequency)


def test_values_of_a_log_differ_within_and_between_customers_as_gamma_gamma_says() -> None:
    spending = GammaGamma(p=4.0, q=9.0, v=20.0)
    log = log_of(MODELS["BG/NBD, regular"], n=60_000, T=39.0, spending=spending)
    customer, value = log["customer_id"], log["value"]
    count, total = np.bincount(customer), np.bincount(customer, value)
    close(total / count, spending.population_mean)
    # Two transactions of one customer: the same scale, and independent given it.
    _, first = np.unique(customer, return_index=True)
    several = first[count > 1]
    one, two, mean = value[several], value[several + 1], spending.population_mean
    close((one - mean) * (two - mean), 4.0**2 * 20.0**2 / (8**2 * 7))
    close(0.5 * (one - two) ** 2, 4.0 * 20.0**2 / (8 * 7))
    close(one - two, 0)


@every_model
def test_expected_spend_is_right_of_the_next_transactions_of_simulated_customers(model: Model) -> None:
    customers = model.simulate(40_000, np.linspace(10, 39, 40_000), 1, spending=SPEND)
    future = model.simulate_future(customers, 40.0, 2, spending=SPEND)
    assert future.value is not None
    # The spend of a future purchase is that of the customer, given the mean of his past; drawn from it.
    close(future.value, SPEND.expected_spend(customers)[future.customer])
    close(future.spend, SPEND.expected_spend(customers) * future.purchases)
    frequent = customers.frequency > 5
    close(
        future.spend[frequent],
        (SPEND.expected_spend(customers) * model.expected_purchases(customers, 40.0))[frequent],
    )


# ---- refunds


def test_refunds_repeat_a_value_with_the_sign_turned_and_come_later() -> None:
    model, n, share = MODELS["BG/NBD, regular"], 30_000, 0.25
    plain = log_of(model, n=n, rng=2, T=60.0, spending=SPEND)
    log = log_of(model, n=n, rng=2, T=60.0, spending=SPEND, refund_probability=share)
    back = log["value"] < 0
    np.testing.assert_array_equal(log["value"][~back], plain["value"])
    np.testing.assert_array_equal(log["date"][~back], plain["date"])
    order = np.lexsort((log["date"], log["customer_id"]))
    np.testing.assert_array_equal(log["customer_id"][order], log["customer_id"])
    np.testing.assert_array_equal(log["date"][order], log["date"])
    # Each refund belongs to one purchase of the same customer, before it.
    bought = {(c, v): d for c, v, d in zip(plain["customer_id"], plain["value"], plain["date"], strict=True)}
    refunds = zip(log["customer_id"][back], log["value"][back], log["date"][back], strict=True)
    waits = np.array([(date - bought[(customer, -value)]) / DAY for customer, value, date in refunds])
    assert np.all(waits >= 0)
    assert np.all(log["date"] <= np.datetime64(END))
    # Of purchases long before the end, this share comes back, seven days later on average.
    early = plain["date"] < np.datetime64(END) - 150 * DAY
    of_early = log["date"][back] - np.round(waits * 86_400e6).astype("timedelta64[us]") < np.datetime64(END) - 150 * DAY
    assert of_early.sum() / early.sum() == pytest.approx(share, abs=4 * math.sqrt(share / early.sum()))
    close(waits[of_early], 7.0)
    assert kstest(waits[of_early] / 7.0, "expon").pvalue > UNLIKELY


def test_all_refunded_nets_to_nothing_and_dropping_them_leaves_the_purchases() -> None:
    model = MODELS["BG/NBD, regular"]
    log = log_of(model, n=2_000, T=60.0, spending=SPEND, refund_probability=1.0)
    plain = log_of(model, n=2_000, T=60.0, spending=SPEND)
    dropped = cv.summarize(log, value="value", on_negative="drop", grain="s", observation_end=END)
    assert dropped == cv.summarize(plain, value="value", grain="s", observation_end=END)
    # Those who bought long before the end have all their money back.
    totals = np.bincount(log["customer_id"], log["value"])
    last = plain["date"][np.flatnonzero(np.diff(plain["customer_id"], append=-1))]
    early = last < np.datetime64(END) - 200 * DAY
    assert early.sum() > 100
    np.testing.assert_allclose(totals[early], 0, atol=1e-9)
    with pytest.raises(InvalidInputError, match="negative"):
        cv.summarize(log, value="value", grain="s", observation_end=END)
    netted = cv.summarize(log, value="value", on_negative="net", grain="s", observation_end=END)
    assert len(netted) == 2_000


# ---- futures


def alike(n: int, x: int, t_x: float, T: float) -> CustomerSummary:
    return CustomerSummary(np.full(n, x), np.full(n, t_x), np.full(n, T))


@every_model
@pytest.mark.parametrize("history", [(2, 30.43, 38.86), (0, 0.0, 39.0), (9, 20.0, 39.0), (0, 0.0, 0.0)], ids=str)
@pytest.mark.parametrize("horizon", [3.0, 39.0])
def test_future_purchases_have_the_stated_distribution(
    model: Model, history: tuple[int, float, float], horizon: float
) -> None:
    customers = alike(40_000, *history)
    future = model.simulate_future(customers, horizon, 6)
    pmf = model.probability_of_purchases(np.arange(200), horizon, customers=customers[0])[0]
    fits(future.purchases, pmf)
    close(future.purchases, model.expected_purchases(customers, horizon))
    close(future.purchases > 0, model.probability_active(customers, horizon))


@every_model
def test_future_times_lie_within_the_horizon_where_they_are_expected(model: Model) -> None:
    customers, horizon = alike(60_000, 4, 30.0, 39.0), 52.0
    future = model.simulate_future(customers, horizon, 6)
    np.testing.assert_array_equal(np.bincount(future.customer, minlength=60_000), future.purchases)
    assert np.all((future.time > 0) & (future.time <= horizon))
    np.testing.assert_array_equal(np.lexsort((future.time, future.customer)), np.arange(future.time.size))
    for after, length in ((0.0, 5.0), (5.0, 20.0), (30.0, 22.0)):
        inside = (future.time > after) & (future.time <= after + length)
        bought = np.bincount(future.customer[inside], minlength=60_000)
        close(bought, model.expected_purchases(customers, length, after=after))
    # The first purchase of the future, as a distribution: uniform in probability.
    buyers, first = np.unique(future.customer, return_index=True)
    for quantile in (0.05, 0.2):
        time = model.time_to_next_purchase(customers[0], quantile)[0]
        if time < horizon:
            by_then = np.zeros(60_000)
            by_then[buyers] = future.time[first] <= time
            close(by_then, quantile)


@every_model
def test_future_of_very_different_customers(model: Model) -> None:
    customers = model.simulate(60_000, np.linspace(5, 60, 60_000), 1)
    future = model.simulate_future(customers, 26.0, 2)
    expected = model.expected_purchases(customers, 26.0)
    for part in (customers.frequency == 0, customers.frequency == 1, customers.frequency > 4, customers.T > 40):
        close(future.purchases[part], expected[part])


@pytest.mark.parametrize("name", ["BG/NBD", "MBG/NBD", "Pareto/NBD"])
def test_customers_who_are_gone_buy_nothing(name: str) -> None:
    gone = alike(1_000, 50, 10.0, 1_000.0)
    model = MODELS[name]
    assert model.probability_alive(gone)[0] < 1e-12
    future = model.simulate_future(gone, 1e4, 1, spending=None)
    assert not future.purchases.any()
    assert future.time.size == 0
    assert future.customer.size == 0


@every_model
def test_no_time_no_future(model: Model) -> None:
    future = model.simulate_future(alike(100, 3, 30.0, 39.0), 0, 1)
    assert not future.purchases.any()
    assert future.time.size == 0


@every_model
def test_same_seed_same_future(model: Model) -> None:
    customers = model.simulate(200, 39.0, 1, spending=SPEND)
    first = model.simulate_future(customers, 39.0, 3, spending=SPEND).to_dict()
    assert first == model.simulate_future(customers, 39.0, np.random.default_rng(3), spending=SPEND).to_dict()
    assert first != model.simulate_future(customers, 39.0, 4, spending=SPEND).to_dict()
    assert json.loads(json.dumps(first)) == first


def test_weights_do_not_multiply_a_future() -> None:
    model = MODELS["NBD"]
    customers = CustomerSummary([3, 0], [30, 0], [39, 39], weights=[100, 7])
    assert model.simulate_future(customers, 39.0, 1).purchases.shape == (2,)


def test_future_as_a_frame() -> None:
    model = MODELS["BG/NBD, regular"]
    customers = model.simulate(100, 39.0, 1, spending=SPEND)
    future = model.simulate_future(customers, 39.0, 1, spending=SPEND)
    frame = future.to_frame("pandas")
    assert list(frame.columns) == ["customer", "time", "value"]
    assert len(frame) == future.purchases.sum()
    assert "value" not in model.simulate_future(customers, 39.0, 1).to_frame()
    np.testing.assert_allclose(future.spend, np.bincount(future.customer, future.value, minlength=100), rtol=1e-15)


def test_future_of_customers_whose_spend_includes_the_first_purchase() -> None:
    model = NBD(r=2.0, alpha=6.0)
    customers = CustomerSummary(
        np.full(40_000, 0), np.zeros(40_000), np.full(40_000, 39.0), np.full(40_000, 80.0), includes_first=True
    )
    future = model.simulate_future(customers, 100.0, 1, spending=SPEND)
    assert future.value is not None
    assert SPEND.expected_spend(customers)[0] > 1.1 * SPEND.population_mean
    per_customer = future.spend[future.purchases > 0] / future.purchases[future.purchases > 0]
    close(per_customer, SPEND.expected_spend(customers)[0])


# ---- asked wrongly

CALLS: dict[str, Callable[..., Any]] = {
    "simulate": lambda m, n=3, T=9.0, **k: m.simulate(n, T, 1, **k),
    "simulate_log": lambda m, n=3, T=9.0, **k: m.simulate_log(n, T, 1, **({"observation_end": END} | k)),
}
both_calls = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)


@both_calls
@pytest.mark.parametrize("n", [0, -3, 2.5, np.inf, np.nan], ids=str)
def test_numbers_of_customers_that_are_none(call: Callable[..., Any], n: Any) -> None:
    with pytest.raises(InvalidInputError, match="`n` must be a whole number of customers, 1 or more, and is"):
        call(MODELS["BG/NBD"], n=n)


@both_calls
def test_a_number_of_customers_in_words(call: Callable[..., Any]) -> None:
    with pytest.raises(InvalidInputError, match="`n` must be a number, and is 'few'"):
        call(MODELS["BG/NBD"], n="few")


@both_calls
@pytest.mark.parametrize(
    ("T", "message"),
    [
        ([1.0, 2.0], r"`T` must be one length or one per customer \(3\), and has shape \(2,\)"),
        ([[1.0, 2.0, 3.0]], r"`T` must be one length or one per customer \(3\), and has shape \(1, 3\)"),
        (-1.0, "`T` must be finite and not negative"),
        ([1.0, np.nan, 2.0], "`T` must be finite and not negative"),
        (np.inf, "`T` must be finite and not negative"),
        ("long", "`T` must be a date, for example '2025-12-31', and is 'long'"),
    ],
    ids=str,
)
def test_lengths_that_are_none(call: Callable[..., Any], T: Any, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        call(MODELS["BG/NBD"], T=T, observation_end=END)


@both_calls
def test_acquisition_after_the_end(call: Callable[..., Any]) -> None:
    with pytest.raises(InvalidInputError, match="`T` must"):
        call(MODELS["BG/NBD"], T=["2025-01-01", "2026-01-02", "2025-03-01"], observation_end=END)


@both_calls
def test_missing_dates(call: Callable[..., Any]) -> None:
    dates = np.array(["2025-01-01", "NaT", "2025-03-01"], dtype="datetime64[D]")
    with pytest.raises(InvalidInputError, match="`T` must not hold missing dates"):
        call(MODELS["BG/NBD"], T=dates, observation_end=END)


def test_dates_of_acquisition_without_an_end() -> None:
    with pytest.raises(InvalidInputError, match="with dates of acquisition, `observation_end` must be given"):
        MODELS["BG/NBD"].simulate(1, ["2025-01-01"], 1)


@both_calls
@pytest.mark.parametrize("end", ["soon", "2025-13-01"])
def test_ends_that_are_none(call: Callable[..., Any], end: str) -> None:
    with pytest.raises(InvalidInputError, match=f"`observation_end` must be a date.* and is '{end}'"):
        call(MODELS["BG/NBD"], observation_end=end)


@both_calls
def test_a_missing_end(call: Callable[..., Any]) -> None:
    with pytest.raises(InvalidInputError, match="`observation_end`"):
        call(MODELS["BG/NBD"], observation_end=np.datetime64("NaT", "us"))


def test_log_without_an_end() -> None:
    # Without it there would be a log without dates.
    with pytest.raises(InvalidInputError, match="`observation_end`"):
        MODELS["BG/NBD"].simulate_log(3, 9.0, 1, observation_end=None)


@pytest.mark.parametrize("share", [-0.1, 1.5, np.nan])
def test_shares_of_refunds_that_are_none(share: float) -> None:
    with pytest.raises(InvalidInputError, match="`refund_probability` must lie between 0 and 1, and needs `spending`"):
        log_of(MODELS["BG/NBD"], spending=SPEND, refund_probability=share)


def test_refunds_without_spend() -> None:
    with pytest.raises(InvalidInputError, match=r"`refund_probability` .* needs `spending`; it is 0\.2"):
        log_of(MODELS["BG/NBD"], refund_probability=0.2)


def test_an_unknown_frame() -> None:
    with pytest.raises(InvalidInputError, match="`backend` must be one of"):
        log_of(MODELS["BG/NBD"], backend="excel")
    with pytest.raises(InvalidInputError, match="`backend` must be one of"):
        MODELS["BG/NBD"].simulate_future(alike(2, 1, 1.0, 2.0), 3.0, 1).to_frame("excel")


def test_future_spend_of_customers_without_any() -> None:
    with pytest.raises(InvalidInputError, match="needs the mean spend of each customer"):
        MODELS["BG/NBD"].simulate_future(alike(2, 1, 1.0, 2.0), 3.0, 1, spending=SPEND)
    future = MODELS["BG/NBD"].simulate_future(alike(2, 1, 1.0, 2.0), 3.0, 1)
    with pytest.raises(InvalidInputError, match=r"(?s)simulated without spend.*Pass `spending=`"):
        _ = future.spend
