"""Durations from dates: censoring and late entry, purchases counted in plain Python on every backend, and bad input."""

from __future__ import annotations

import datetime as dt
import json
from collections import defaultdict
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.stats import binomtest

import customervalue as cv
from customervalue.errors import AssumptionWarning, InvalidInputError
from customervalue.retention import durations, repeat_rates, survival_curve, time_to_purchase
from transactions.logs import IN_PROCESS, make_log, to_library


def days(*dates: str) -> Any:
    return np.array(dates, dtype="datetime64[D]")


def good_table() -> dict[str, Any]:
    return {
        "who": np.array(["a", "b", "c", "d", "e"], object),
        "from": days("2020-01-10", "2022-11-02", "2023-01-01", "2023-03-01", "2024-02-01"),
        "to": days("2022-12-31", "2023-03-05", "NaT", "2024-05-01", "NaT"),
    }


def of(table: Any, **arguments: Any) -> Any:
    named = {"start": "from", "end": "to", "observation_end": "2023-12-31", "time_unit": "D"}
    return durations(table, **named | arguments)


def visits(log: dict[str, Any]) -> dict[Any, list[int]]:
    """The days on which each customer bought."""
    found: dict[Any, set[int]] = defaultdict(set)
    for who, day in zip(log["customer_id"], log["date"], strict=True):
        found[who].add(int(day.astype("datetime64[D]").astype(int)))
    return {who: sorted(found[who]) for who in sorted(found)}


# ---- starts and ends


@pytest.mark.parametrize("library", IN_PROCESS)
def test_what_had_not_been_seen_is_censored(library: str) -> None:
    found = of(to_library(good_table(), library), customer="who")
    # Ended before the end; ended in the year; still there; gave notice for later; started later (left out).
    assert found.duration.tolist() == [1086, 123, 364, 305]
    assert found.ended.tolist() == [True, True, False, False]
    assert found.entry is None
    assert list(found.customer_id) == ["a", "b", "c", "d"]
    assert found.left_out == {"started after observation_end": 1}
    assert "1 left out: started after observation_end" in repr(found)


@pytest.mark.parametrize("library", IN_PROCESS)
def test_who_left_before_the_records_begin_is_not_in_them(library: str) -> None:
    found = of(to_library(good_table(), library), observation_start="2023-01-01")
    assert found.duration.tolist() == [123, 364, 305]
    assert found.entry.tolist() == [60, 0, 0]
    assert found.left_out == {"started after observation_end": 1, "gone by observation_start": 1}
    assert "1 came under observation late" in repr(found)
    assert found.curve().entered.sum() == 1
    assert np.array_equal(found.churned, found.ended)


def test_an_end_on_the_last_day_is_seen_and_a_start_on_it_counts() -> None:
    table = {"from": days("2023-12-01", "2023-12-31", "2023-12-31"), "to": days("2023-12-31", "NaT", "2023-12-31")}
    found = of(table)
    assert found.duration.tolist() == [30, 0, 0]
    assert found.ended.tolist() == [True, False, True]


def test_an_end_on_the_first_day_of_the_records_is_not_seen() -> None:
    table = {"from": days("2022-12-01", "2022-12-01", "2023-01-01"), "to": days("2023-01-01", "2023-01-02", "NaT")}
    found = of(table, observation_start="2023-01-01")
    assert (found.duration.tolist(), found.entry.tolist()) == ([32, 364], [31, 0])
    assert survival_curve(found.duration, found.ended, entry=found.entry).at_risk.tolist() == [1, 2, 1]


@pytest.mark.parametrize(
    ("unit", "length"), [("D", 365), ("W", 365 / 7), ("M", 365 / (365.25 / 12)), ("Y", 365 / 365.25)]
)
def test_units(unit: Any, length: float) -> None:
    assert of({"from": days("2022-12-31"), "to": days("NaT")}, time_unit=unit).duration == pytest.approx(length)


def test_times_and_hours() -> None:
    table = {"from": np.array(["2023-12-31T06:30"], "M8[m]"), "to": np.array(["2023-12-31T09:10"], "M8[m]")}
    assert of(table).duration.tolist() == [0]
    assert of(table, grain="h").duration.tolist() == [3 / 24]
    assert of(table, grain="h", observation_end="2023-12-31T08:00").ended.tolist() == [False]


@pytest.mark.parametrize("empty", [[None, None], np.array(["NaT"] * 2, "M8[us]"), [float("nan")] * 2])
def test_nobody_has_left(empty: Any) -> None:
    assert not of({"from": days("2023-01-01", "2023-05-05"), "to": empty}).ended.any()


def test_python_dates_and_nulls() -> None:
    table = {"from": [dt.date(2023, 1, 1), dt.date(2023, 2, 1)], "to": [None, dt.date(2023, 2, 8)]}
    for frame in (table, pl.DataFrame(table), pl.DataFrame(table).lazy(), pd.DataFrame(table)):
        assert of(frame).duration.tolist() == [364, 7]
    frame = pl.DataFrame({"from": table["from"], "to": [None, None]})
    assert not of(frame).ended.any()


def test_several_rows_of_a_customer_are_said() -> None:
    table = good_table() | {"who": np.array([1, 2, 2, 3, 4])}
    with pytest.warns(AssumptionWarning, match="1 customers stand in more than one row"):
        assert len(of(table, customer="who")) == 4


def test_tables() -> None:
    found = of(pl.DataFrame(good_table()), customer="who", observation_start="2023-01-01")
    frame = found.to_frame()
    assert isinstance(frame, pl.DataFrame)
    assert frame.columns == ["customer_id", "duration", "ended", "entry"]
    plain = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert (plain["event"], plain["entry"]) == ("end", [60, 0, 0])


# ---- purchases


@pytest.mark.parametrize("library", IN_PROCESS)
@pytest.mark.parametrize(("k", "since"), [(2, "first"), (4, "first"), (4, "previous")])
def test_time_to_purchase_against_a_loop(library: str, k: int, since: Any) -> None:
    log = make_log(800, seed=3)
    end = np.datetime64("1971-06-30")
    found = time_to_purchase(to_library(log, library), k=k, since=since, observation_end=end, time_unit="D")
    counted = {name: column[log["date"] <= end] for name, column in log.items()}
    expected = []
    for who, bought in visits(counted).items():
        origin = 0 if since == "first" else k - 2
        if len(bought) > origin:
            seen = len(bought) >= k
            stop = bought[k - 1] if seen else int(end.astype(int))
            expected.append((who, stop - bought[origin], seen))
    assert found.customer_id is not None
    result = list(zip(found.customer_id.tolist(), found.duration.tolist(), found.ended.tolist(), strict=True))
    assert result == expected


@pytest.mark.parametrize("library", IN_PROCESS)
def test_repeat_rates_against_a_loop(library: str) -> None:
    log = make_log(3000, seed=4, ids="text", times=True)
    rates = repeat_rates(to_library(log, library), orders=6, window=100, time_unit="D")
    bought = list(visits(log).values())
    end = max(max(one) for one in bought)
    for i, k in enumerate(range(1, 7)):
        gaps = [(one[k] - one[k - 1], True) if len(one) > k else (end - one[k - 1], False)
                for one in bought if len(one) >= k]  # fmt: skip
        assert rates.reached[i] == len(gaps)
        assert rates.went_on[i] == sum(seen for _, seen in gaps)
        curve = survival_curve(*zip(*gaps, strict=True))
        assert rates.within is not None
        assert rates.within[i] == pytest.approx(1 - curve.survival(100))


def test_cdnow() -> None:
    # Of 2,357 customers 1,411 did not come back within 39 weeks: Fader, Hardie & Lee (2005), table 2.
    log = cv.datasets.load_cdnow()
    rates = repeat_rates(log, observation_end="1997-09-30")
    assert (rates.reached[0], rates.went_on[0]) == (2357, 2357 - 1411)
    assert np.array_equal(rates.reached[1:], rates.went_on[:-1])
    for i in range(rates.order.size):
        exact = binomtest(int(rates.went_on[i]), int(rates.reached[i])).proportion_ci(0.95, "exact")
        assert (rates.low[i], rates.high[i]) == (pytest.approx(exact.low), pytest.approx(exact.high))
    second = time_to_purchase(log, observation_end="1997-09-30")
    customers = cv.summarize(log, observation_end="1997-09-30")
    assert second.duration[~second.ended] == pytest.approx(customers.T[customers.frequency == 0])


def test_the_last_order_numbers() -> None:
    log = {"customer_id": [1, 1, 2], "date": days("2024-01-01", "2024-01-15", "2024-01-08")}
    rates = repeat_rates(log, window=1.5)
    assert (rates.reached.tolist(), rates.went_on.tolist(), rates.share.tolist()) == ([2, 1], [1, 0], [0.5, 0])
    assert (rates.low[1], rates.high[1]) == (0, pytest.approx(0.975))
    # The second purchase of customer 1 is on the last day: nobody was watched a week and a half after it.
    assert np.isnan(rates.within).tolist() == [False, True]
    assert "not watched so long" in repr(rates)
    assert rates.to_dict()["within"][1] is None
    assert "<table>" in rates._repr_html_()
    assert repeat_rates(log).within is None
    assert repeat_rates(pl.DataFrame(log), orders=1).to_frame().columns == [
        "order", "reached", "went_on", "share", "low", "high",
    ]  # fmt: skip


def test_censoring_matters() -> None:
    # Customers of all ages, of whom 60 % come back, after an exponential time: the plain share is too low.
    rng = np.random.default_rng(5)
    start, wait = rng.integers(0, 300, 20_000), rng.exponential(100, 20_000)
    again = (rng.random(20_000) < 0.6) & (start + wait < 300)
    who = np.arange(20_000)
    day = np.datetime64("2024-01-01") + np.concatenate([start, (start + np.ceil(wait))[again]]).astype(int)
    log = {"customer_id": np.concatenate([who, who[again]]), "date": day}
    rates = repeat_rates(log, window=250, time_unit="D", observation_end="2024-10-27")
    truth = 0.6 * (1 - np.exp(-2.5))
    assert rates.share[0] < truth - 0.1
    assert rates.within is not None
    assert rates.within[0] == pytest.approx(truth, abs=0.02)


@pytest.mark.parametrize("grain", ["D", "s"])
def test_grains_and_sparse_ids(grain: Any) -> None:
    log = make_log(2000, seed=6, ids="sparse", times=True)
    rates = repeat_rates(log, grain=grain, orders=50)
    customers = cv.summarize(log, grain=grain)
    for k in range(1, rates.order.size + 1):
        assert rates.reached[k - 1] == np.count_nonzero(customers.frequency >= k - 1)


def test_observation_start_leaves_old_customers_out() -> None:
    log = cv.datasets.load_cdnow()
    found = time_to_purchase(log, observation_start="1997-02-01")
    assert len(found) == len(cv.summarize(log, observation_start="1997-02-01"))


# ---- input checks


def problems_of(table: Any, **arguments: Any) -> tuple[Any, str]:
    with pytest.raises(InvalidInputError, match="in the table of starts and ends") as caught:
        of(table, **arguments)
    return caught.value.problems, str(caught.value)


@pytest.mark.parametrize("library", IN_PROCESS)
def test_every_problem_is_reported_at_once(library: str) -> None:
    table = good_table()
    table["from"][2] = "NaT"
    table["to"][[1, 3]] = days("2022-11-01", "2023-02-01")
    problems, text = problems_of(to_library(table, library), time_unit="Q", observation_end=None)
    assert [(p.argument, p.count) for p in problems] == [
        ("time_unit", None), ("observation_end", None), ("from", 1), ("to", 2),
    ]  # fmt: skip
    row = "" if library in ("polars lazy", "duckdb") else "row 1, "
    assert f"`to` must not be before `from`: 2 rows break this (first: {row}from=2022-11-02, to=2022-11-01)" in text
    assert "A missing end means: still there." in text


@pytest.mark.parametrize("library", IN_PROCESS)
def test_misspelled_columns_name_the_nearest(library: str) -> None:
    problems, text = problems_of(to_library(good_table(), library), start="form", customer="whom")
    assert [p.argument for p in problems] == ["form", "whom"]
    assert "Did you mean 'from'?" in text


def test_missing_ids() -> None:
    problems, _ = problems_of(good_table() | {"who": np.array(["a", None, "c", "d", None], object)}, customer="who")
    assert [(p.argument, p.count, p.first) for p in problems] == [("who", 2, "row 1")]


def test_text_and_zones() -> None:
    table = good_table() | {"from": ["2023-01-01"] * 5, "to": pd.to_datetime(good_table()["to"], utc=True)}
    problems, text = problems_of(pd.DataFrame(table))
    assert [p.argument for p in problems] == ["from", "to"]
    assert "`from` must hold dates or times, and holds text" in text
    assert "`to` must not carry a time zone" in text


@pytest.mark.parametrize(
    ("table", "arguments", "match"),
    [
        ({"from": days("2023-01-01"), "to": days("NaT", "NaT")}, {}, "all columns must have the same length"),
        ({"from": days(), "to": days()}, {}, "there must be at least one row"),
        ({"from": days("2024-01-01"), "to": days("NaT")}, {}, "nobody was there during the observation: 1 started"),
        (good_table(), {"observation_start": "2024-01-01"}, "must not be after `observation_end`"),
        (good_table(), {"grain": "week"}, "`grain` must be one of"),
    ],
)
def test_bad_tables(table: Any, arguments: Any, match: str) -> None:
    with pytest.raises(InvalidInputError, match=match):
        of(table, **arguments)


def test_bad_purchases() -> None:
    log = cv.datasets.load_cdnow()
    for k in (1, 2.5, float("nan")):
        with pytest.raises(InvalidInputError, match="`k` must be a whole number, 2 or more"):
            time_to_purchase(log, k=k)  # type: ignore[arg-type]
    with pytest.raises(InvalidInputError, match="`since` must be 'first' or 'previous'"):
        time_to_purchase(log, since="last")  # type: ignore[arg-type]
    with pytest.raises(InvalidInputError, match="nobody has made 999 purchases"):
        time_to_purchase(log, k=1000, since="previous")
    assert not time_to_purchase(log, k=1000).ended.any()
    with pytest.raises(InvalidInputError, match="there is no column 'when'"):
        repeat_rates(log, date="when")
    with pytest.raises(InvalidInputError, match="there is no column 'when'"):
        repeat_rates(pl.DataFrame(log).lazy(), date="when")
    with pytest.raises(InvalidInputError, match="`window` must be finite and above 0"):
        repeat_rates(log, window=-1)
    with pytest.raises(InvalidInputError, match="`customer_id` must not be missing"):
        repeat_rates({"customer_id": [1, None], "date": days("2024-01-01", "2024-01-02")})


@pytest.mark.parametrize("library", IN_PROCESS[1:])
def test_many_rows_in_every_library(library: str) -> None:
    log = make_log(300_000, seed=7, ids="text" if library == "duckdb" else "int")
    expected = repeat_rates(log, window=10)
    found = repeat_rates(to_library(log, library), window=10)
    for name in ("reached", "went_on", "within", "low"):
        assert np.array_equal(getattr(found, name), getattr(expected, name))
