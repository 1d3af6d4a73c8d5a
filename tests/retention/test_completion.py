"""Completed cohort tables and backtests: naive sums, simulated data with a known truth, properties and input checks."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import polars as pl
import pytest

import customervalue as cv
from customervalue.errors import InvalidInputError
from customervalue.retention import (
    CohortTable,
    Geometric,
    ShiftedBetaGeometric,
    backtest,
    cohort_table,
    complete,
)

pytestmark = pytest.mark.heavy

#: Survivors of 1,000 customers, "High End" (Fader & Hardie 2007, table 1).
HIGH_END = [1000, 869, 743, 653, 593, 551, 517, 491]


def contracts(rows: list[list[int]], end: str, first: int = 2001) -> CohortTable:
    """Cohorts of successive years."""
    cells = [(str(first + i), age, n) for i, row in enumerate(rows) for age, n in enumerate(row)]
    cohort, age, active = zip(*cells, strict=True)
    columns = {"cohort": list(cohort), "age": list(age), "active": list(active)}
    return CohortTable.from_frame(columns, period="Y", observation_end=end)


@pytest.fixture(scope="module")
def cdnow() -> dict[str, Any]:
    log = cv.datasets.load_cdnow()
    return {"log": log} | pieces(log, "1997-09-30")


def pieces(log: Any, end: str, period: str = "M") -> dict[str, Any]:
    customers = cv.summarize(log, observation_end=end)
    model = cv.clv.BGNBD(r=0.243, alpha=4.414, a=0.793, b=2.426)
    return {
        "table": cohort_table(log, cohort=period, period=period, observation_end=end),
        "customers": customers,
        "model": model,
    }


# --- contracts


def test_contracts_go_on_from_the_last_cell() -> None:
    table = contracts([[1000, 869, 743], [500, 420], [800]], "2003-12-31")
    model = ShiftedBetaGeometric(alpha=0.668, beta=3.806)
    done = complete(table, model, through=3)
    s = model.survival(np.arange(4))
    expected = [
        [1000, 869, 743, 743 * s[3] / s[2]],
        [500, 420, 420 * s[2] / s[1], 420 * s[3] / s[1]],
        [800, 800 * s[1], 800 * s[2], 800 * s[3]],
    ]
    np.testing.assert_allclose(done.active, expected, rtol=1e-14)
    np.testing.assert_array_equal(done.projected, np.arange(4) > np.array([[2], [1], [0]]))
    assert done.orders is None
    assert done.table is table
    np.testing.assert_allclose(done.retention()[:, 0], 1)


def test_a_cell_observed_in_part_is_projected_from_the_one_before() -> None:
    table = contracts([[1000, 869, 100], [500, 50]], "2003-06-30")
    # 2002 has been seen for its first half year only at age 1, and 2001 at age 2.
    done = complete(table, Geometric(theta=0.1))
    np.testing.assert_allclose(done.active, [[1000, 869, 869 * 0.9], [500, 450, 405]])
    assert done.projected.tolist() == [[False, False, True], [False, True, True]]


def test_all_gone_stays_gone() -> None:
    class Gone:
        def survival(self, t: Any) -> Any:
            return np.where(np.asarray(t) == 0, 1.0, 0.0)

    done = complete(contracts([[10, 0, 0], [5, 0]], "2003-12-31"), Gone())
    assert done.active.tolist() == [[10, 0, 0], [5, 0, 0]]


def test_backtest_of_contracts_by_hand() -> None:
    table = contracts([HIGH_END], "2008-12-31")
    found = backtest(table, ShiftedBetaGeometric, 3)
    model = ShiftedBetaGeometric.fit_survivors(HIGH_END[:5])
    expected = 593 * model.survival(np.array([5, 6, 7])) / model.survival(4)
    np.testing.assert_allclose(found.projected[0, 5:], expected, rtol=1e-9)
    np.testing.assert_array_equal(found.actual[0, 5:], HIGH_END[5:])
    assert np.isnan(found.projected[0, :5]).all()
    assert found.ahead.tolist() == [[0, 0, 0, 0, 0, 1, 2, 3]]
    assert found.total_actual == 551 + 517 + 491
    assert found.total_projected == pytest.approx(expected.sum())
    assert found.error[0, 7] == pytest.approx(expected[2] - 491)
    assert found.absolute_percentage_error[0, 7] == pytest.approx(100 * abs(expected[2] - 491) / 491)
    assert found.total_percentage_error == pytest.approx(100 * (expected.sum() / 1559 - 1))
    assert found.mean_absolute_percentage_error == pytest.approx(np.mean(np.abs(expected / HIGH_END[5:] - 1)) * 100)


def test_backtest_of_simulated_contracts_is_close() -> None:
    # 12 yearly cohorts of 20,000 contracts of a beta-geometric population; the standard error of a cell is some 0.5 %.
    rng = np.random.default_rng(3)
    rows = []
    for cohort in range(12):
        churn = rng.beta(0.8, 3.0, 20_000)
        left = rng.geometric(np.maximum(churn, 1e-12))
        rows.append([int((left > age).sum()) for age in range(12 - cohort)])
    found = backtest(contracts(rows, "2012-12-31"), ShiftedBetaGeometric, 4)
    assert abs(found.total_percentage_error) < 1
    assert found.mean_absolute_percentage_error < 2
    flat = backtest(contracts(rows, "2012-12-31"), Geometric, 4)
    assert flat.total_percentage_error < -5  # one churn rate for all undervalues those who stay


# --- purchases


def test_orders_are_expectations_added_up(cdnow: dict[str, Any]) -> None:
    table, customers, model = cdnow["table"], cdnow["customers"], cdnow["model"]
    done = complete(table, model, customers=customers, through=10)
    first = np.datetime64("1997-09-30") - np.rint(customers.T * 7).astype("timedelta64[D]")
    for i, month in enumerate(["1997-01", "1997-02", "1997-03"]):
        members = first.astype("datetime64[M]") == np.datetime64(month)
        for age in range(11):
            period = np.datetime64(month) + np.timedelta64(age, "M")
            if period <= np.datetime64("1997-09"):
                assert not done.projected[i, age]
                assert done.orders[i, age] == table.orders[i, age]
                continue
            start = (period.astype("datetime64[D]") - np.datetime64("1997-10-01")).astype(int) / 7
            following = (period + np.timedelta64(1, "M")).astype("datetime64[D]")
            stop = (following - np.datetime64("1997-10-01")).astype(int) / 7
            expected = model.expected_purchases(customers, stop) - model.expected_purchases(customers, start)
            assert done.projected[i, age]
            assert done.orders[i, age] == pytest.approx(expected[members].sum(), rel=1e-9)
            if period == np.datetime64("1997-10"):
                chance = model.probability_active(customers, stop)[members]
                assert done.active[i, age] == pytest.approx(chance.sum(), rel=1e-12)
            else:
                assert np.isnan(done.active[i, age])


def test_the_rest_of_a_period_adds_to_what_was_seen_of_it(cdnow: dict[str, Any]) -> None:
    given = pieces(cdnow["log"], "1997-09-10")
    table, customers, model = given["table"], given["customers"], given["model"]
    done = complete(table, model, customers=customers)
    rest = model.expected_purchases(customers, 20 / 7)
    assert done.orders is not None
    assert done.orders[table.partial].sum() == pytest.approx(table.orders[table.partial].sum() + rest.sum())
    silent = customers.T - customers.recency >= 10 / 7 - 1e-9  # nobody of these bought in September
    chance = model.probability_active(customers, 20 / 7)[silent]
    assert done.active[table.partial].sum() == pytest.approx(table.active[table.partial].sum() + chance.sum())
    assert done.projected[:, : table.age.size][table.partial].all()


def test_simulated_active_customers_agree_with_the_closed_form(cdnow: dict[str, Any]) -> None:
    arguments = {"customers": cdnow["customers"], "through": 11}
    exact = complete(cdnow["table"], cdnow["model"], **arguments)
    drawn = complete(cdnow["table"], cdnow["model"], **arguments, rng=1, draws=100)
    again = complete(cdnow["table"], cdnow["model"], **arguments, rng=1, draws=100)
    np.testing.assert_array_equal(drawn.active, again.active)
    np.testing.assert_allclose(drawn.orders, exact.orders)
    known = ~np.isnan(exact.active)
    np.testing.assert_array_equal(drawn.active[known], exact.active[known])
    assert not np.isnan(drawn.active).any()
    assert drawn.active_error is not None
    assert (drawn.active_error[~drawn.projected] == 0).all()
    later = drawn.projected & ~known
    assert (drawn.active_error[later] > 0).all()
    # Active customers are fewer than orders, and not much fewer in a month.
    assert (drawn.active[later] < drawn.orders[later]).all()
    assert (drawn.active[later] > 0.7 * drawn.orders[later]).all()


def test_simulation_of_the_first_window_is_the_closed_form(cdnow: dict[str, Any]) -> None:
    from customervalue.retention import _projection as inner

    table, customers, model = cdnow["table"], cdnow["customers"], cdnow["model"]
    windows, members = inner._Windows.of(table, "W", 9), inner._members(table, model, customers)
    mean, error = inner._simulate(model, customers, windows, members, (3, 5, 400))
    chance = inner._by_cohort(members, model.probability_active(customers, float(windows.horizon[0])), 3)
    np.testing.assert_allclose(mean[0], chance, atol=4 * error[0].max())


def test_completion_is_right_where_the_model_is_true() -> None:
    # 20,000 customers of a known model, three months hidden: the projected totals lie within three standard deviations.
    truth = cv.clv.BGNBD(r=0.6, alpha=5.0, a=0.6, b=3.0)
    start = np.datetime64("2023-01-01") + np.arange(20_000) % 180
    log = truth.simulate_log(20_000, start, 7, observation_end="2024-03-31")
    found = backtest(log, cv.clv.BGNBD, 3)
    assert abs(found.total_percentage_error) < 3
    active = backtest(log, cv.clv.BGNBD, 2, of="active", rng=1, draws=20)
    assert abs(active.total_percentage_error) < 3


def test_weights_stand_for_customers() -> None:
    day = np.array(["2024-01-10", "2024-02-20", "2024-01-10", "2024-02-20"], "datetime64[D]")
    log = {"customer_id": [1, 1, 2, 2], "date": day}
    given = pieces(log, "2024-03-31")
    both = given["customers"]
    one = cv.CustomerSummary(both.frequency[:1], both.recency[:1], both.T[:1], weights=[2])
    for rng in (None, 3):
        a, b = (complete(given["table"], given["model"], customers=c, through=4, rng=rng, draws=3) for c in (one, both))
        np.testing.assert_allclose(a.orders, b.orders)
        np.testing.assert_array_equal(a.active, b.active)


def test_backtest_shows_a_model_the_table_as_it_was(cdnow: dict[str, Any]) -> None:
    shown: list[Any] = []

    def fitter(table: CohortTable, customers: Any) -> Any:
        shown.extend([table, customers])
        return cdnow["model"]

    found = backtest(cdnow["log"], fitter, 4, observation_end="1998-06-15")
    table, customers = shown
    # June is observed in part and left out; February to May are hidden.
    expected = cohort_table(cdnow["log"], observation_end="1998-01-31")
    for name in ("cohort", "age", "size", "active", "orders", "partial"):
        np.testing.assert_array_equal(getattr(table, name), getattr(expected, name), err_msg=name)
    assert customers == cv.summarize(cdnow["log"], observation_end="1998-01-31")
    assert found.ahead.max() == 4
    full = cohort_table(cdnow["log"], observation_end="1998-05-31")
    np.testing.assert_array_equal(found.actual[found.ahead > 0], full.orders[:, :17][found.ahead > 0])


@pytest.mark.parametrize("period", ["W", "Q", "Y"])
def test_other_periods(period: str, cdnow: dict[str, Any]) -> None:
    given = pieces(cdnow["log"], "1997-12-31", period)
    done = complete(given["table"], given["model"], customers=given["customers"], through=given["table"].age[-1] + 1)
    assert done.orders is not None
    assert np.isfinite(done.orders).all()
    total = given["model"].expected_purchases(
        given["customers"], (np.datetime64("2010-01-04") - np.datetime64("1998-01-01")).astype(int) / 7
    )
    seen = given["table"].orders[given["table"].seen].sum()
    assert seen < done.orders.sum() < seen + total.sum()


def test_nothing_to_project() -> None:
    log = {"customer_id": [1, 1, 2], "date": np.array(["2024-01-10", "2024-02-20", "2024-01-31"], "datetime64[D]")}
    given = pieces(log, "2024-02-29")
    for rng in (None, 1):
        done = complete(given["table"], given["model"], customers=given["customers"], rng=rng)
        assert not done.projected.any()
        assert done.active.tolist() == [[2, 1]]
    later = complete(given["table"], given["model"], customers=given["customers"], through=2)
    assert later.projected.tolist() == [[False, False, True]]


def test_a_segment_is_completed_from_its_own_customers(cdnow: dict[str, Any]) -> None:
    log = cdnow["log"] | {"odd": cdnow["log"]["customer_id"] % 2}
    table = cohort_table(log, segment="odd", observation_end="1997-09-30")
    customers = cdnow["customers"]
    whole = complete(table, cdnow["model"], customers=customers, through=12)
    odd = customers.customer_id % 2 == 1
    parts = [complete(table[k], cdnow["model"], customers=customers[odd == k], through=12) for k in (0, 1)]
    np.testing.assert_allclose(parts[0].orders + parts[1].orders, whole.orders)


def test_a_lazy_log_will_do(cdnow: dict[str, Any]) -> None:
    lazy = pl.DataFrame(cdnow["log"]).lazy()
    found, expected = (backtest(log, cv.clv.BGNBD, 3, observation_end="1997-12-31") for log in (lazy, cdnow["log"]))
    np.testing.assert_allclose(found.projected, expected.projected)


# --- what comes out


def test_results_speak(cdnow: dict[str, Any]) -> None:
    done = complete(cdnow["table"], cdnow["model"], customers=cdnow["customers"], through=30)
    assert "[projected]" in repr(done)
    assert done._repr_html_().startswith("<table>")
    json.dumps(done.to_dict(), allow_nan=False)
    frame = done.to_frame("polars")
    assert frame.columns == ["cohort", "age", "size", "active", "orders", "projected"]
    assert len(frame) == done.active.size
    found = backtest(contracts([HIGH_END], "2008-12-31"), ShiftedBetaGeometric, 2)
    assert found._repr_html_().startswith("<table>")
    json.dumps(found.to_dict(), allow_nan=False)
    assert len(found.to_frame("pandas")) == 2


# --- input checks


def test_all_problems_at_once(cdnow: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError, match="fitted, and is the class BGNBD") as caught:
        complete(cdnow["table"], cv.clv.BGNBD, through=2, draws=1)
    assert [p.argument for p in caught.value.problems] == ["through", "draws", "model"]


def test_customers_of_another_day(cdnow: dict[str, Any]) -> None:
    other = cv.summarize(cdnow["log"], observation_end="1997-08-31")
    with pytest.raises(InvalidInputError, match="the customers must be those of the table, and are not"):
        complete(cdnow["table"], cdnow["model"], customers=other)
    with pytest.raises(InvalidInputError, match="the customers must be those of the table, and are not"):
        complete(cdnow["table"], cdnow["model"], customers=cdnow["customers"][5:])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"customers": None}, "a purchase model needs the histories of the customers"),
        ({"model": cv.clv.BGNBD(r=1, alpha=1, a=1, b=1, time_unit="D")}, "time unit 'D' and the summary in 'W'"),
        ({"model": 5}, "`model` must be a model of contracts .* and is a int"),
        ({"table": 5}, "`table` must be a CohortTable, and is a int"),
        ({"model": Geometric(theta=0.1)}, "the model is in time unit 'Y' and the table in 'M'"),
    ],
)
def test_complete(change: dict[str, Any], message: str, cdnow: dict[str, Any]) -> None:
    arguments = {name: cdnow[name] for name in ("table", "model", "customers")} | change
    with pytest.raises(InvalidInputError, match=message):
        complete(**arguments)


def test_cohorts_longer_than_periods(cdnow: dict[str, Any]) -> None:
    table = cohort_table(cdnow["log"], cohort="Q", period="M", observation_end="1997-09-30")
    with pytest.raises(InvalidInputError, match="cohorts and periods must have the same unit"):
        complete(table, cdnow["model"], customers=cdnow["customers"])
    with pytest.raises(InvalidInputError, match="cohorts and periods of the same unit"):
        backtest(table, ShiftedBetaGeometric, 1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((ShiftedBetaGeometric, 0), "`k` must be a whole number of periods >= 1, and is 0"),
        ((ShiftedBetaGeometric, 8), "there must be more than k = 8 periods, and 8 were seen in full"),
        ((cv.clv.BGNBD, 2), "BGNBD is fitted to customers, and a table has none"),
        ((Geometric(theta=0.1), 2), "a class that can be fitted, or a function that fits, and is a Geometric"),
        ((dict, 2), "a class with `fit`, or a function, and is dict"),
    ],
)
def test_backtest(arguments: Any, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        backtest(contracts([HIGH_END], "2008-12-31"), *arguments)


def test_backtest_of_what_is_not_there(cdnow: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError, match="says nothing of orders"):
        backtest(contracts([HIGH_END], "2008-12-31"), ShiftedBetaGeometric, 2, of="orders")
    with pytest.raises(InvalidInputError, match="`of` must be 'active' or 'orders'"):
        backtest(contracts([HIGH_END], "2008-12-31"), ShiftedBetaGeometric, 2, of="spend")  # type: ignore[arg-type]
    with pytest.raises(InvalidInputError, match="active customers of later periods are simulated"):
        backtest(cdnow["log"], cv.clv.BGNBD, 2, of="active", observation_end="1997-12-31")
