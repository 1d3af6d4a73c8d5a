"""Who is still there without contracts: expected active customers, retention curves, overdue customers."""

from __future__ import annotations

import json
import math
from functools import cache
from typing import Any

import numpy as np
import pytest
from scipy import integrate, stats

import customervalue as cv
from customervalue import CustomerSummary, clv
from customervalue.errors import ConvergenceError, InvalidInputError
from customervalue.estimation.draws import Draws
from customervalue.retention import expected_active, overdue_customers, retention_curve

pytestmark = pytest.mark.heavy

BG = clv.BGNBD(r=0.243, alpha=4.414, a=0.793, b=2.426)
PARETO = clv.ParetoNBD(r=0.553, alpha=10.578, s=0.606, beta=11.669)
MBG = clv.MBGNBD(r=0.525, alpha=6.183, a=0.891, b=1.614)
NBD = clv.NBD(r=0.4, alpha=12.0)
BGBB = clv.BGBB(alpha=1.204, beta=0.750, gamma=0.657, delta=2.783)


@cache
def cdnow() -> CustomerSummary:
    return cv.summarize(cv.datasets.load_cdnow(), observation_end="1997-09-30")


@cache
def fitted(name: str) -> Any:
    return getattr(clv, name).fit(cdnow())


# Expected active customers


def test_active_customers_are_the_sum_of_their_probabilities() -> None:
    customers = CustomerSummary([2, 0, 5], [30.0, 0.0, 10.0], [38.0, 20.0, 38.0], weights=[3, 1, 2])
    found = expected_active(PARETO, customers)
    alive = PARETO.probability_alive(customers)
    np.testing.assert_allclose(found.active, [alive @ [3, 1, 2]], rtol=1e-14)
    assert found.customers.tolist() == [6]
    assert found.low is None


def test_groups_add_up_to_the_whole_and_rows_to_their_weights() -> None:
    customers = cdnow()
    groups = np.where(customers.T > 33, "January", "later")
    found = expected_active(PARETO, customers, by=groups)
    whole = expected_active(PARETO, customers)
    assert found.group.tolist() == ["January", "later"]
    np.testing.assert_allclose(found.active.sum(), whole.active[0], rtol=1e-12)
    np.testing.assert_array_equal(found.customers, [np.sum(groups == g) for g in found.group])
    rows = customers.unique
    collapsed = CustomerSummary(rows.frequency, rows.recency, rows.T, weights=rows.counts)
    np.testing.assert_allclose(expected_active(PARETO, collapsed).active, whole.active, rtol=1e-12)


def test_interval_of_the_expectation_is_that_of_the_draws() -> None:
    customers, draws = cdnow(), fitted("BGNBD").draws(200, 3)
    found = expected_active(draws, customers, level=0.9, kind="expectation")
    totals = [float(draw.probability_alive(customers).sum()) for draw in draws]
    np.testing.assert_allclose([found.low[0], found.high[0]], np.quantile(totals, [0.05, 0.95]), rtol=1e-12)
    np.testing.assert_allclose(found.active[0], fitted("BGNBD").probability_alive(customers).sum(), rtol=1e-12)


def test_predictive_interval_with_known_parameters_is_that_of_a_sum_of_coins() -> None:
    """All customers alike: the number alive is binomial, whose quantiles are known."""
    customers = CustomerSummary(2, 20.0, 38.0, weights=400)
    p = float(PARETO.probability_alive(customers)[0])
    one = Draws(PARETO, np.tile(list(PARETO.parameters.values()), (1500, 1)), "bootstrap", 1500.0)
    found = expected_active(one, customers, level=0.9, kind="predictive", rng=1)
    low, high = stats.binom.ppf([0.05, 0.95], 400, p)
    assert abs(found.low[0] - low) <= 1
    assert abs(found.high[0] - high) <= 1
    certain = expected_active(one, customers, level=0.9, kind="expectation")
    np.testing.assert_allclose(certain.high, certain.low, rtol=1e-12)


def test_predictive_interval_is_wider_and_repeatable() -> None:
    customers, model = cdnow(), fitted("BGNBD")
    wide, again = (expected_active(model, customers, level=0.9, n=300, rng=5) for _ in range(2))
    narrow = expected_active(model, customers, level=0.9, n=300, rng=5, kind="expectation")
    assert wide.to_dict() == again.to_dict()
    assert wide.high[0] - wide.low[0] > narrow.high[0] - narrow.low[0]


@pytest.mark.slow
def test_predictive_intervals_hold_the_number_alive_as_often_as_stated() -> None:
    held, rng = [], np.random.default_rng(1)
    for _ in range(50):
        # Whoever would buy again some day is alive: dropout of a Pareto/NBD customer seen from his own draws.
        n, T = 1000, 52.0
        rate, dropout = rng.gamma(0.8, 1 / 6.0, n), rng.gamma(0.9, 1 / 12.0, n)
        gone = rng.exponential(1 / dropout)
        x = rng.poisson(rate * np.minimum(gone, T))
        last = np.where(x > 0, np.minimum(gone, T) * rng.random(n) ** (1 / np.maximum(x, 1)), 0.0)
        customers = CustomerSummary(x, last, np.full(n, T))
        model = clv.ParetoNBD.fit(customers)
        draws = model.draws(200, rng, customers=customers)
        found = expected_active(draws, customers, level=0.9, rng=rng)
        held.append(found.low[0] <= np.sum(gone > T) <= found.high[0])
    assert np.mean(held) == pytest.approx(0.9, abs=3 * math.sqrt(0.09 / 50))


# Retention curves


@pytest.mark.parametrize("model", [BG, PARETO, MBG, NBD], ids=lambda m: type(m).__name__)
def test_curves_of_new_customers_agree_with_the_model(model: Any) -> None:
    ends = np.array([5.0, 13.0, 26.0, 60.0])
    found = retention_curve(model, ends)
    empty = CustomerSummary(0, 0.0, 0.0)
    np.testing.assert_allclose(found.alive, [model.probability_alive(empty, after=t)[0] for t in ends], rtol=1e-12)
    np.testing.assert_allclose(np.cumsum(found.purchases), model.expected_purchases_new(ends), rtol=1e-8)
    # Of the first period the model knows the answer itself.
    np.testing.assert_allclose(found.buying[0], 1 - model.probability_of_purchases(0, 5.0), rtol=1e-9)
    assert np.all(found.buying <= np.concatenate([[1.0], found.alive[:-1]]))
    assert np.all(found.buying <= found.purchases + 1e-12)
    np.testing.assert_allclose(np.cumprod(found.retention_rate), found.alive, rtol=1e-12)


@pytest.mark.parametrize(("start", "end"), [(13.0, 26.0), (40.0, 41.0), (100.0, 152.0)])
def test_share_of_buyers_by_quadrature_over_rates_and_deaths(start: float, end: float) -> None:
    """Pareto/NBD, without any of its formulas: gone by the start, gone within the period, or alive to its end."""
    found = retention_curve(PARETO, [start, end]).buying[1]

    def still(t: float) -> float:
        return (PARETO.beta / (PARETO.beta + t)) ** PARETO.s

    def buys(length: float) -> float:
        return 1 - (PARETO.alpha / (PARETO.alpha + length)) ** PARETO.r

    def dies_and_buys(t: float) -> float:
        return PARETO.s / (PARETO.beta + t) * still(t) * buys(t - start)

    expected = still(end) * buys(end - start) + integrate.quad(dies_and_buys, start, end, epsabs=1e-13)[0]
    np.testing.assert_allclose(found, expected, rtol=1e-8)


def test_share_of_buyers_without_dropout_is_that_of_the_negative_binomial() -> None:
    found = retention_curve(NBD, [10, 20, 90])
    lengths = np.array([10.0, 10.0, 70.0])
    np.testing.assert_allclose(found.buying, 1 - (12 / (12 + lengths)) ** 0.4, rtol=1e-8)
    np.testing.assert_allclose(found.alive, 1.0)


@pytest.mark.parametrize("model", [BG, MBG], ids=lambda m: type(m).__name__)
def test_share_of_buyers_agrees_with_simulated_customers(model: Any) -> None:
    n, ends = 100_000, np.array([13.0, 26.0, 52.0])
    log = model.simulate_log(n, 52.0, rng=1, observation_end="2024-12-31")
    age = (log["date"] - log["date"].min()) / np.timedelta64(7, "D")
    found = retention_curve(model, ends).buying
    for start, end, share in zip([0.0, *ends[:-1]], ends, found, strict=True):
        bought = np.unique(log["customer_id"][(age > start) & (age <= end)]).size / n
        # The first purchases are at age 0; four standard errors.
        assert abs(bought - share) < 4 * math.sqrt(share * (1 - share) / n)


def test_share_of_buyers_at_opportunities_is_summed_over_all_that_can_happen() -> None:
    """BG/BB, by its two mixtures: alive for so many opportunities, and a purchase at each with a share of his own."""
    found = retention_curve(BGBB, [2, 3, 6])

    def through(n: int) -> float:
        return float(np.prod([(BGBB.delta + i) / (BGBB.gamma + BGBB.delta + i) for i in range(n)]))

    def none_of(n: int) -> float:
        return float(np.prod([(BGBB.beta + i) / (BGBB.alpha + BGBB.beta + i) for i in range(n)]))

    expected = []
    for start, end in ((0, 2), (2, 3), (3, 6)):
        ends_at = [through(n) - through(n + 1) for n in range(start + 1, end)] + [through(end)]
        expected.append(sum(p * (1 - none_of(n)) for n, p in enumerate(ends_at, start=1)))
    np.testing.assert_allclose(found.buying, expected, rtol=1e-10)


def test_intervals_of_the_curve_come_from_the_draws() -> None:
    draws = fitted("ParetoNBD").draws(50, 2)
    found = retention_curve(draws, [13, 39], level=0.8)
    each = [retention_curve(draw, [13, 39]) for draw in draws]
    for name in ("alive", "buying", "purchases"):
        values = np.array([getattr(curve, name) for curve in each])
        low, high = np.quantile(values, [0.1, 0.9], axis=0)
        np.testing.assert_allclose(getattr(found, f"{name}_low"), low, rtol=1e-12)
        np.testing.assert_allclose(getattr(found, f"{name}_high"), high, rtol=1e-12)
    one = retention_curve(fitted("ParetoNBD"), [13, 39], level=0.8, n=20, rng=1)
    assert one.to_dict() == retention_curve(fitted("ParetoNBD"), [13, 39], level=0.8, n=20, rng=1).to_dict()


def test_many_purchases_are_summed_over_or_refused() -> None:
    busy = clv.NBD(r=30.0, alpha=1.0)
    np.testing.assert_allclose(retention_curve(busy, [50, 51]).buying, 1 - 0.5**30.0, rtol=1e-8)
    with pytest.raises(ConvergenceError, match="more than 131,072 purchases within these horizons"):
        retention_curve(clv.NBD(r=2.0, alpha=1e-4), [50, 100])


# Overdue customers


def test_overdue_customers_are_those_who_are_late_and_likely_there() -> None:
    customers, model = cdnow(), fitted("BGNBD")
    found = overdue_customers(model, customers, threshold=0.9, least_alive=0.3, horizon=39)
    late, alive = model.overdue(customers), model.probability_alive(customers)
    assert set(found.position) == set(np.flatnonzero((late >= 0.9) & (alive >= 0.3)))
    np.testing.assert_array_equal(found.customer_id, customers.customer_id[found.position])
    np.testing.assert_allclose(found.expected_purchases, model.expected_purchases(customers, 39)[found.position])
    assert np.all(np.diff(found.expected_purchases) <= 0)
    assert "71" not in repr(found).split("\n")[0]


def test_a_year_is_at_stake_by_default_and_nobody_may_be_overdue() -> None:
    customers = CustomerSummary([15, 3], [28.0, 30.0], [37.0, 37.0], weights=[4, 1])
    found = overdue_customers(BG, customers)
    np.testing.assert_allclose(found.horizon, 365.25 / 7)
    assert found.position.tolist() == [0]
    assert "Overdue: 4 of 5 customers" in repr(found)
    none = overdue_customers(BG, customers, threshold=0.9999)
    assert len(none) == 0
    assert "Overdue: 0 of 5 customers" in repr(none)
    assert overdue_customers(BGBB, CustomerSummary([5], [5], [8]), threshold=0.5).horizon == 52.0


# Results, and bad input


def test_results_travel_and_are_shown() -> None:
    customers, model = cdnow(), fitted("BGNBD")
    results = [
        expected_active(model, customers, level=0.9, n=20, rng=1),
        expected_active(model, customers, by=customers.T > 35),
        retention_curve(model, [13, 26]),
        retention_curve(model, range(4, 104, 4), level=0.9, n=5, rng=1),
        overdue_customers(model, customers),
    ]
    for found in results:
        assert json.loads(json.dumps(found.to_dict(), allow_nan=False))
        assert found.to_frame("pandas").shape[0] == len(found)
        assert "\n" in repr(found)
        assert found._repr_html_().startswith("<table>")
    assert "%" in repr(results[2])
    with pytest.raises(ValueError, match="read-only"):
        results[2].alive[0] = 1.0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda c: expected_active(object(), c),
            "`model` must be a purchase model, and is a object, without time_unit",
        ),
        (lambda _: expected_active(BG, {"frequency": 2}), "`customers` must be a CustomerSummary"),
        (lambda c: expected_active(BG, c, by=["a"]), "`by` must name a group for each of the 2 customers"),
        (lambda c: expected_active(BG, c, by=[1.0, math.nan]), "`by` must hold names that can be sorted"),
        (lambda c: expected_active(BG, c, level=1.5), "`level` must lie between 0 and 1"),
        (lambda c: expected_active(BG, c, kind="both"), "`kind` must be 'expectation' or 'predictive'"),
        (lambda c: expected_active(BG, c, level=0.9, rng=1), "knows nothing of their uncertainty"),
        (
            lambda _: expected_active(BG, CustomerSummary(1, 1, 2, time_unit="D")),
            "in time unit 'W' and the summary in 'D'",
        ),
        (lambda _: retention_curve(BG, [13, 13]), "`horizons` must be positive and ascend"),
        (lambda _: retention_curve(BG, [0, 13]), "`horizons` must be positive and ascend"),
        (lambda _: retention_curve(BG, []), "`horizons` must be a list of times"),
        (lambda _: retention_curve(BG, [1, math.inf]), "`horizons` must be finite and not negative"),
        (lambda _: retention_curve(BGBB, [1.5]), "opportunit"),
        (lambda c: overdue_customers(BG, c, threshold=1.0), "`threshold` must be at least 0 and below 1"),
        (lambda c: overdue_customers(BG, c, least_alive=-0.1), "`least_alive` must be at least 0"),
        (lambda c: overdue_customers(BG, c, horizon=-1), "`horizon` must be finite and not negative"),
    ],
)
def test_bad_input(call: Any, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        call(CustomerSummary([2, 0], [30.0, 0.0], [38.0, 38.0]))


def test_any_model_that_answers_will_do() -> None:
    class Coin:
        time_unit = "W"

        def probability_alive(self, customers: CustomerSummary, *, after: float = 0.0) -> Any:
            return np.full(len(customers), 0.5 ** (1 + after))

    customers = CustomerSummary([2, 0], [30.0, 0.0], [38.0, 38.0])
    assert expected_active(Coin(), customers).active.tolist() == [1.0]
    with pytest.raises(InvalidInputError, match=r"Coin cannot.*\n.*Leave out `level`"):
        expected_active(Coin(), customers, level=0.9)
