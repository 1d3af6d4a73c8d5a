"""Cohort tables: a naive triple loop and pandas, published intervals, properties, coverage and input checks."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

import customervalue as cv
from customervalue.errors import InvalidInputError
from customervalue.numerics.proportions import difference, difference_test, wilson
from customervalue.retention import CohortTable, cohort_table
from transactions.logs import make_log

pytestmark = pytest.mark.heavy

UNITS = ("W", "M", "Q", "Y")
NESTED = [(c, p) for i, c in enumerate(UNITS) for p in UNITS[: i + 1]]
PANDAS = {"W": "W-SUN", "M": "M", "Q": "Q-DEC", "Y": "Y-DEC"}


@pytest.fixture(scope="module")
def cdnow() -> CohortTable:
    return cohort_table(cv.datasets.load_cdnow(), value="value", observation_end="1998-06-30")


def naive(log: dict[str, Any], cohort: str, period: str, end: str) -> dict[str, Any]:
    """Cell by cell, in plain Python; pandas knows the calendar."""
    purchases: dict[Any, dict[pd.Timestamp, float]] = {}
    for customer, date, value in zip(log["customer_id"].tolist(), log["date"].tolist(), log["value"], strict=True):
        day = pd.Timestamp(date).normalize()
        if day <= pd.Timestamp(end):
            days = purchases.setdefault(customer, {})
            days[day] = days.get(day, 0.0) + value
    last = pd.Timestamp(end).to_period(PANDAS[period])
    first = {customer: min(days) for customer, days in purchases.items()}
    cohorts = sorted({day.to_period(PANDAS[cohort]) for day in first.values()})
    reach = []
    for label in cohorts:
        latest = min(label.end_time.normalize().to_period(PANDAS[period]), last)
        reach.append((last - latest).n)
    shape = (len(cohorts), max(reach) + 1)
    table = {name: np.full(shape, np.nan) for name in ("active", "orders", "spend")}
    for i, label in enumerate(cohorts):
        for age in range(reach[i] + 1):
            counts = {"active": 0.0, "orders": 0.0, "spend": 0.0}
            for customer, days in purchases.items():
                if first[customer].to_period(PANDAS[cohort]) != label:
                    continue
                own = first[customer].to_period(PANDAS[period])
                values = [v for day, v in days.items() if (day.to_period(PANDAS[period]) - own).n == age]
                counts["active"] += bool(values)
                counts["orders"] += len(values)
                counts["spend"] += sum(values)
            for name, count in counts.items():
                table[name][i, age] = count
    size = [sum(day.to_period(PANDAS[cohort]) == label for day in first.values()) for label in cohorts]
    partial = np.zeros(shape, bool)
    if last.end_time.normalize() > pd.Timestamp(end):
        partial[np.arange(len(cohorts)), reach] = True
    starts = [label.start_time.to_datetime64().astype("datetime64[D]") for label in cohorts]
    return table | {"size": size, "partial": partial, "cohort_start": starts, "age": range(shape[1])}


def assert_same(table: CohortTable, expected: dict[str, Any]) -> None:
    for name in ("cohort_start", "age", "size", "active", "orders", "partial"):
        np.testing.assert_array_equal(getattr(table, name), expected[name], err_msg=name)
    if table.spend is not None:
        np.testing.assert_allclose(table.spend, expected["spend"], rtol=1e-12, atol=1e-9)


# --- oracle


@pytest.mark.parametrize(("cohort", "period"), NESTED)
@pytest.mark.parametrize("end", ["1970-12-31", "1970-11-14"])
def test_cells_are_those_of_a_triple_loop(cohort: str, period: str, end: str) -> None:
    log = make_log(250, times=True)
    table = cohort_table(log, value="value", cohort=cohort, period=period, observation_end=end)
    assert_same(table, naive(log, cohort, period, end))


def test_cdnow_by_pandas(cdnow: CohortTable) -> None:
    log = pd.DataFrame(cv.datasets.load_cdnow())
    log["month"] = log["date"].dt.to_period("M")
    log["cohort"] = log.groupby("customer_id")["month"].transform("min")
    log["age"] = (log["month"] - log["cohort"]).map(lambda offset: offset.n)
    grouped = log.groupby(["cohort", "age"])
    for name, counts in {
        "active": grouped["customer_id"].nunique(),
        "orders": log.drop_duplicates(["customer_id", "date"]).groupby(["cohort", "age"]).size(),
        "spend": grouped["value"].sum(),
    }.items():
        np.testing.assert_allclose(getattr(cdnow, name), counts.unstack(), rtol=1e-12)
    assert cdnow.cohort.tolist() == ["1997-01", "1997-02", "1997-03"]
    assert cdnow.size.sum() == 2357


# --- published


@pytest.mark.parametrize(
    ("a", "m", "b", "n", "low", "high"),
    [
        (56, 70, 48, 80, 0.0524, 0.3339),
        (9, 10, 3, 10, 0.1705, 0.8090),
        (6, 7, 2, 7, 0.0582, 0.8062),
        (5, 56, 0, 29, -0.0381, 0.1926),
        (0, 10, 0, 20, -0.1611, 0.2775),
        (0, 10, 0, 10, -0.2775, 0.2775),
        (10, 10, 0, 20, 0.6791, 1.0000),
        (10, 10, 0, 10, 0.6075, 1.0000),
    ],
)
def test_difference_as_printed_by_newcombe(a: int, m: int, b: int, n: int, low: float, high: float) -> None:
    # Newcombe (1998), Statistics in Medicine 17, 873-890, table II, method 10; recalled, not read again.
    assert [round(end, 4) for end in difference(a, m, b, n, 0.95)[1:]] == [low, high]


@pytest.mark.parametrize(
    ("x", "n", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_interval_as_printed_by_newcombe(x: int, n: int, low: float, high: float) -> None:
    # Newcombe (1998), Statistics in Medicine 17, 857-872, table I, method 3; recalled, not read again.
    assert [round(float(end), 4) for end in wilson(x, n, 0.95)] == [low, high]


# --- the same numbers by SciPy


@given(st.integers(0, 500), st.integers(1, 500), st.sampled_from([0.5, 0.9, 0.95, 0.999]))
def test_interval_is_that_of_scipy(x: int, n: int, level: float) -> None:
    x = min(x, n)
    theirs = stats.binomtest(x, n).proportion_ci(level, method="wilson")
    low, high = wilson(x, n, level)
    np.testing.assert_allclose([low, high], [theirs.low, theirs.high], atol=1e-12)
    assert 0 <= low <= x / n <= high <= 1


@given(st.integers(0, 60), st.integers(1, 60), st.integers(0, 60), st.integers(1, 60))
def test_difference_test_is_that_of_scipy(a: int, m: int, b: int, n: int) -> None:
    a, b = min(a, m), min(b, n)
    table = np.array([[a, m - a], [b, n - b]])
    name, p_value = difference_test(a, m, b, n)
    expected = np.outer(table.sum(1), table.sum(0)) / table.sum()
    if expected.min() < 1:
        assert name == "Fisher-Irwin"
        assert p_value == pytest.approx(stats.fisher_exact(table).pvalue, rel=1e-12)
    else:
        statistic = stats.chi2_contingency(table, correction=False).statistic * (m + n - 1) / (m + n)
        assert p_value == pytest.approx(stats.chi2.sf(statistic, 1), rel=1e-9)
    assert difference_test(b, n, a, m)[1] == pytest.approx(p_value, rel=1e-12)


# --- properties


ROWS = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 700), st.integers(0, 50)), min_size=1, max_size=40)


def log_of(rows: list[tuple[int, int, int]]) -> dict[str, Any]:
    ids, days, values = np.array(rows).T
    segment = np.array(["north", "south", "west"], object)[ids % 3]
    dates = np.datetime64("2019-12-30") + days
    return {"customer_id": ids, "date": dates, "value": values.astype(float), "segment": segment}


@given(ROWS, st.sampled_from(NESTED))
def test_segments_and_cohorts_add_up(rows: list[tuple[int, int, int]], units: tuple[str, str]) -> None:
    log = log_of(rows)
    end = {"observation_end": "2022-01-15"}
    table = cohort_table(log, value="value", cohort=units[0], period=units[1], segment="segment", **end)
    assert table.segments == tuple(sorted(set(log["segment"])))
    for name in ("size", "active", "orders", "spend"):
        np.testing.assert_allclose(sum(getattr(part, name) for part in table.parts), getattr(table, name))
    for name, part in zip(table.segments, table.parts, strict=True):
        assert table[name] is part
        np.testing.assert_array_equal(part.seen, table.seen)
        np.testing.assert_array_equal(part.cohort, table.cohort)
    alone = cohort_table(log, value="value", cohort=units[0], period=units[1], **end)
    np.testing.assert_array_equal(alone.active, table.active)
    assert table.size.sum() == np.unique(log["customer_id"]).size
    assert table.spend is not None
    if units[0] == units[1]:
        assert np.nansum(table.spend) == pytest.approx(log["value"].sum())
        assert np.nansum(table.orders) == len({(c, d) for c, d, _ in rows})


@given(ROWS, st.sampled_from(NESTED), st.randoms())
def test_order_of_rows_is_irrelevant_and_cells_are_bounded(
    rows: list[tuple[int, int, int]], units: tuple[str, str], random: Any
) -> None:
    shuffled = list(rows)
    random.shuffle(shuffled)
    table, other = (
        cohort_table(log_of(listed), value="value", cohort=units[0], period=units[1]) for listed in (rows, shuffled)
    )
    for name in ("cohort", "size", "active", "orders", "spend", "partial"):
        np.testing.assert_array_equal(getattr(table, name), getattr(other, name))
    share, seen = table.retention(), table.seen
    assert (share[:, 0] == 1).all()
    assert ((share[seen] >= 0) & (share[seen] <= 1)).all()
    assert table.orders is not None
    assert (table.orders[seen] >= table.active[seen]).all()
    assert np.isnan(share[~seen]).all()
    assert not table.partial[~seen].any()
    cell = table.interval(0.9)
    assert (cell.low[seen] <= share[seen]).all()
    assert (share[seen] <= cell.high[seen]).all()


def test_nan_exactly_for_the_future(cdnow: CohortTable) -> None:
    month = np.arange(3)[:, None] + cdnow.age
    np.testing.assert_array_equal(np.isnan(cdnow.active), month > 17)
    assert not cdnow.partial.any()
    cut = cohort_table(cv.datasets.load_cdnow(), observation_end="1998-06-29")
    np.testing.assert_array_equal(cut.partial, month == 17)
    np.testing.assert_array_equal(np.isnan(cut.active), month > 17)


def test_a_cell_waits_for_the_last_of_its_cohort() -> None:
    log = {"customer_id": [1, 2, 1], "date": np.array(["2024-01-10", "2024-03-05", "2024-02-01"], "datetime64[D]")}
    table = cohort_table(log, cohort="Q", period="M", observation_end="2024-04-30")
    np.testing.assert_array_equal(table.active, [[2, 1]])
    early = cohort_table(log, cohort="Q", period="M", observation_end="2024-02-29")
    np.testing.assert_array_equal(early.active, [[1]])


# --- averages


def test_average_is_a_ratio_of_sums(cdnow: CohortTable) -> None:
    average = cdnow.average()
    both = slice(0, 2)
    assert average.value[16] == pytest.approx(cdnow.active[both, 16].sum() / cdnow.size[both].sum())
    assert average.cohorts.tolist() == [3] * 16 + [2, 1]
    assert average.customers[17] == cdnow.size[0]
    assert cdnow.spend is not None
    money = cdnow.average("revenue_retention").value
    assert money[1] == pytest.approx(cdnow.spend[:, 1].sum() / cdnow.spend[:, 0].sum())
    total = cdnow.average("cumulative_spend").value
    assert total[15] == pytest.approx(cdnow.spend[:, :16].sum() / cdnow.size.sum())
    assert cdnow.average("spend").value[0] == pytest.approx(total[0])


def test_average_through_an_age_keeps_the_same_customers(cdnow: CohortTable) -> None:
    average = cdnow.average(through=16)
    assert average.cohorts.tolist() == [2] * 17
    assert len(set(average.customers.tolist())) == 1


def test_partial_cells_are_left_out_unless_asked() -> None:
    table = cohort_table(cv.datasets.load_cdnow(), observation_end="1997-06-10")
    assert table.average().cohorts.tolist() == [3, 3, 3, 2, 1, 0]
    assert np.isnan(table.average().value[5])
    assert table.average(include_partial=True).cohorts.tolist() == [3, 3, 3, 3, 2, 1]


def test_average_can_rise_though_no_cohort_does() -> None:
    counts = {"cohort": ["2024-01"] * 3 + ["2024-02"] * 2, "age": [0, 1, 2, 0, 1], "active": [10, 8, 8, 90, 9]}
    table = CohortTable.from_frame(counts, observation_end="2024-03-31")
    assert table.average().value.round(3).tolist() == [1.0, 0.17, 0.8]
    assert table.average(through=2).value.tolist() == [1.0, 0.8, 0.8]


# --- coverage


def test_intervals_cover_at_their_level() -> None:
    # 40 cohorts of 150 customers, ages 1 to 5 of known retention, 25 times: 1,000 cells of each age.
    rng = np.random.default_rng(20)
    truth = np.array([1.0, 0.4, 0.25, 0.15, 0.08, 0.03])
    held = np.zeros(6)
    for _ in range(25):
        cell = _table(rng.binomial(150, truth, (40, 6))).interval(0.95)
        held += np.count_nonzero((cell.low[:, :6] <= truth) & (truth <= cell.high[:, :6]), axis=0)
    assert held[0] == 1000
    # What the binomial distribution says exactly, within four standard errors; and that is 95 % within two points.
    low, high = wilson(np.arange(151), 150, 0.95)
    exact = [stats.binom.pmf(np.flatnonzero((low <= p) & (p <= high)), 150, p).sum() for p in truth[1:]]
    np.testing.assert_allclose(exact, 0.95, atol=0.02)
    np.testing.assert_allclose(held[1:] / 1000, exact, atol=4 * np.sqrt(0.95 * 0.05 / 1000))


def _table(active: Any) -> CohortTable:
    months = (np.datetime64("2015-01") + np.arange(len(active))).astype(str).astype(object)
    row, age = np.indices(active.shape)
    columns = {"cohort": months[row.ravel()], "age": age.ravel(), "active": active.ravel()}
    return CohortTable.from_frame(columns, observation_end="2018-10-31")


def test_differences_cover_and_reject_at_their_level() -> None:
    rng = np.random.default_rng(21)
    counts = rng.binomial([120, 200], [0.3, 0.2], (4000, 2))
    ends = [difference(a, 120, b, 200, 0.9) for a, b in counts.tolist()]
    held = np.mean([low <= 0.1 <= high for _, low, high in ends])
    assert abs(held - 0.9) < 0.015
    alike = rng.binomial([120, 200], [0.2, 0.2], (4000, 2))
    rejected = np.mean([difference_test(a, 120, b, 200)[1] < 0.05 for a, b in alike.tolist()])
    assert abs(rejected - 0.05) < 0.011


# --- two cohorts


def test_compare(cdnow: CohortTable) -> None:
    found = cdnow.compare("1997-01", "1997-03", age=6)
    assert found.difference == pytest.approx(cdnow.retention()[0, 6] - cdnow.retention()[2, 6])
    assert found.low < found.difference < found.high
    back = cdnow.compare("1997-03", "1997-01", age=6)
    assert (back.low, back.high) == pytest.approx((-found.high, -found.low))
    assert back.p_value == pytest.approx(found.p_value)
    json.dumps(found.to_dict())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("1996-12", "1997-02", 1), "there is no cohort '1996-12'"),
        (("1997-01", "1997-02", 0), "`age` must be a whole number from 1 to 17, and is 0"),
        (("1997-01", "1997-02", 1.0), "`age` must be a whole number"),
        (("1997-01", "1997-02", 17), "cohort '1997-02' has not reached age 17"),
    ],
)
def test_compare_what_cannot_be(arguments: Any, message: str, cdnow: CohortTable) -> None:
    with pytest.raises(InvalidInputError, match=message):
        cdnow.compare(*arguments)


def test_compare_says_all_at_once() -> None:
    table = cohort_table(cv.datasets.load_cdnow(), observation_end="1997-06-10")
    with pytest.raises(InvalidInputError, match="seen at age 5 in part") as caught:
        table.compare("1997-01", "1997-12", 5)
    assert len(caught.value.problems) == 2


# --- in and out


def test_long_frame_makes_the_same_table(cdnow: CohortTable) -> None:
    frame = cdnow.to_frame("pandas")
    assert len(frame) == np.count_nonzero(cdnow.seen)
    names = {"orders": "orders", "spend": "spend"}
    again = CohortTable.from_frame(frame, observation_end="1998-06-30", **names)
    for name in ("cohort", "cohort_start", "age", "size", "active", "orders", "spend", "partial"):
        np.testing.assert_array_equal(getattr(again, name), getattr(cdnow, name))
    assert repr(again) == repr(cdnow)


def test_wide_frame(cdnow: CohortTable) -> None:
    frame = cdnow.to_frame("polars", wide=True, of="cumulative_spend")
    assert frame.columns == ["cohort", "size", *map(str, range(18))]
    np.testing.assert_array_equal(frame.select(map(str, range(18))).to_numpy(), cdnow.cumulative_spend())


def test_frame_by_segment() -> None:
    table = cohort_table(log_of([(1, 0, 5), (2, 0, 5), (1, 40, 5)]), segment="segment", cohort="M")
    frame = table.to_frame("pandas", by_segment=True)
    assert frame.groupby("segment")["size"].first().to_dict() == {"south": 1, "west": 1}
    assert table.to_frame("pyarrow", by_segment=True, wide=True).num_rows == 2
    assert set(table.to_dict()["segments"]) == {"south", "west"}


def test_table_speaks(cdnow: CohortTable) -> None:
    assert "3 monthly cohorts, 2,357 customers, ages 0 to 17 months, observed until 1998-06-30" in repr(cdnow)
    assert "*" in repr(cohort_table(cv.datasets.load_cdnow(), observation_end="1997-06-10"))
    assert cdnow._repr_html_().startswith("<table>")
    assert cdnow.interval()._repr_html_().startswith("<table>")
    assert cdnow.average()._repr_html_().startswith("<table>")
    assert cdnow.compare("1997-01", "1997-02", 1)._repr_html_().startswith("<table>")
    assert len(cdnow) == 3
    for said in (cdnow.to_dict(), cdnow.interval().to_dict(), cdnow.average().to_dict()):
        json.dumps(said, allow_nan=False)
    with pytest.raises(ValueError, match="read-only"):
        cdnow.active[0, 0] = 1
    years = cohort_table(make_log(3000), cohort="W", period="W")
    assert max(map(len, repr(years).splitlines())) < 160


@pytest.mark.parametrize(
    ("period", "labels"),
    [
        ("W", ["2020-W53", "2021-W01"]),
        ("M", ["2020-12", "2021-01"]),
        ("Q", ["2020Q4", "2021Q1"]),
        ("Y", ["2020", "2021"]),
        ("M", [dt.date(2020, 12, 31), dt.date(2021, 1, 1)]),
        ("M", np.array(["2020-12-31", "2021-01-01"], "datetime64[ns]")),
    ],
)
def test_labels_that_are_read(period: str, labels: Any) -> None:
    frame = {"cohort": labels, "age": [0, 0], "active": [3, 4]}
    table = CohortTable.from_frame(frame, period=period, observation_end="2021-12-31")
    first, second = table.cohort_start.tolist()
    starts = {"W": dt.date(2021, 1, 4), "M": dt.date(2021, 1, 1), "Q": dt.date(2021, 1, 1), "Y": dt.date(2021, 1, 1)}
    assert second == starts[period]
    assert first < dt.date(2021, 1, 1)
    assert table.active[:, 0].tolist() == [3, 4]


# --- input checks


def test_all_problems_of_a_log_at_once() -> None:
    log = {"customer_id": [1], "date": np.array(["NaT"], "datetime64[D]"), "value": ["5"], "segment": [None]}
    with pytest.raises(InvalidInputError, match="must hold numbers, and holds text") as caught:
        cohort_table(log, value="value", cohort="D", period="month", segment="segment")  # type: ignore[arg-type]
    assert [p.argument for p in caught.value.problems] == ["cohort", "period", "value", "date", "segment"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cohort": "W"}, "cohorts must not be shorter than periods, and are 'W' against 'M'"),
        ({"observation_end": "1990-01-01"}, "must not be before the first transaction"),
        ({"value": "valeu"}, "there is no column 'valeu'"),
        ({"segment": "date"}, "must be the same in all rows of a customer, and 1 customers have several"),
        ({"value": "refund"}, "`refund` must not be negative"),
    ],
)
def test_log(change: dict[str, Any], message: str) -> None:
    dates = np.array(["1997-01-05", "1997-02-05"], "datetime64[D]")
    log = {"customer_id": [1, 1], "date": dates, "value": [1.0, 2.0], "refund": [1.0, -2.0]}
    with pytest.raises(InvalidInputError, match=message):
        cohort_table(log, **change)


COUNTS = {"cohort": ["1997-01", "1997-01", "1997-02"], "age": [0, 1, 0], "active": [9, 3, 5]}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"cohort": ["1997-01", "1997-01", "1997-03"]},
            "a cohort must not be later than the observation, which ends in",
        ),
        ({"age": [0, 2, 0]}, "a cell must not be later than the observation, which ends in 1997-02"),
        ({"age": [0, 0, 0]}, "a cohort must have one row for each age"),
        ({"age": [1, 0, 1]}, "a cohort must have a row of age 0"),
        ({"active": [9, 10, 5]}, "`active` must not exceed the size of the cohort"),
        ({"active": [9, -1, 5]}, r"`active` must be a whole number >= 0: 1 row breaks this \(first: row 1, active=-1"),
        ({"active": [9, np.nan, 5]}, "Leave out cells that have not happened yet"),
        ({"active": ["9", "3", "5"]}, "`active` must hold numbers"),
        ({"cohort": ["1997-01", "1997-13", "1997-02"]}, "must hold dates, or labels such as '1970-01'"),
        ({"cohort": ["1997-01", 5, "1997-02"]}, "must hold dates, or labels"),
        ({"cohort": np.array(["1997-01", pd.NaT, "1997-02"], object)}, "must hold dates, or labels"),
        ({"cohort": np.array(["1997-01", "NaT", "1997-02"], "datetime64[D]")}, "must hold dates, or labels"),
        ({"age": [0, 1]}, "all columns must have the same length"),
        ({"cohort": [], "age": [], "active": []}, "must hold|at least one cell"),
    ],
)
def test_counts(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        CohortTable.from_frame(COUNTS | change, observation_end="1997-02-28")


def test_counts_say_all_at_once() -> None:
    bad = {"cohort": ["1997-01", "1997-01", "1997-04"], "age": [0, 5, 1], "active": [9, 10, 5]}
    with pytest.raises(InvalidInputError, match="ends in 1997-02") as caught:
        CohortTable.from_frame(bad, observation_end="1997-02-28")
    assert [p.argument for p in caught.value.problems] == ["cohort", "age", "age", "active"]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda t: t.revenue_retention(), "the table has no spend"),
        (lambda t: t.average("orders"), "the table has no orders"),
        (lambda t: t.average("churn"), "`of` must be one of"),
        (lambda t: t.average(through=7), "`through` must be an age from 0 to 1, and is 7"),
        (lambda t: t.interval(1.5), "`level` must lie between 0 and 1"),
        (lambda t: t.to_frame("excel"), "`backend` must be one of"),
        (lambda t: t.to_frame(wide=True, of="churn"), "`of` must be one of"),
        (lambda t: t.to_frame(by_segment=True), "the table has no segments"),
        (lambda t: t["north"], "there is no segment 'north'"),
    ],
)
def test_what_a_table_cannot_do(call: Any, message: str) -> None:
    table = CohortTable.from_frame(COUNTS, observation_end="1997-02-28")
    with pytest.raises(InvalidInputError, match=message):
        call(table)
