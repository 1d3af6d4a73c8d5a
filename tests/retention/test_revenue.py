"""Revenue bridges: that they add up, a published example, a loop in plain Python on every backend, and bad input."""

from __future__ import annotations

import json
import math
import pickle
from collections import defaultdict
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import customervalue as cv
from customervalue.errors import InvalidInputError
from customervalue.retention import revenue_bridge, revenue_bridges
from transactions.logs import IN_PROCESS, make_log, to_library

TERMS = ("start", "new", "reactivated", "expansion", "contraction", "churned", "end")
BEFORE, AFTER = [50, 30, 20, 0, 0, 7], [65, 27, 0, 10, 8, 7]
EVER = [True, True, True, True, False, True]


def of_two(before: Any, after: Any, ever: Any) -> dict[str, tuple[Fraction, int]]:
    """The terms, customer by customer, in fractions."""
    money: dict[str, Fraction] = defaultdict(Fraction)
    heads: dict[str, int] = defaultdict(int)

    def book(term: str, amount: Fraction) -> None:
        money[term] += amount
        heads[term] += 1

    for b, a, e in zip(map(Fraction, before), map(Fraction, after), ever, strict=True):
        if b > 0:
            book("start", b)
        if a > 0:
            book("end", a)
        if b == 0 and a > 0:
            book("reactivated" if e else "new", a)
        elif b > 0 and a == 0:
            book("churned", b)
        elif a > b:
            book("expansion", a - b)
        elif a < b:
            book("contraction", b - a)
    return {term: (money[term], heads[term]) for term in TERMS}


# ---- examples


def test_the_textbook_example() -> None:
    # Start 100, churn 5, contraction 3, expansion 15: gross 92 %, net 107 %.
    bridge = revenue_bridge([5, 20, 75], [0, 17, 90])
    assert (bridge.start, bridge.churned, bridge.contraction, bridge.expansion) == (100, 5, 3, 15)
    assert (bridge.gross_revenue_retention, bridge.net_revenue_retention) == (0.92, 1.07)
    assert (bridge.logo_retention, bridge.logo_churn) == (pytest.approx(2 / 3), pytest.approx(1 / 3))
    assert bridge.quick_ratio == 15 / 8


@pytest.mark.parametrize(
    ("reactivation", "new", "reactivated", "expansion", "net"),
    [("separate", 8, 10, 15, 99), ("new", 18, 0, 15, 99), ("expansion", 8, 0, 25, 109)],
)
def test_where_reactivation_counts(reactivation: Any, new: int, reactivated: int, expansion: int, net: int) -> None:
    bridge = revenue_bridge(BEFORE, AFTER, ever_customer=EVER, reactivation=reactivation)
    assert (bridge.new, bridge.reactivated, bridge.expansion) == (new, reactivated, expansion)
    assert bridge.net_revenue_retention == net / 107
    assert bridge.gross_revenue_retention == 84 / 107
    assert bridge.logo_retention == 3 / 4
    assert bridge.quick_ratio == 33 / 23
    assert bridge.customers["unchanged"] == 1
    assert bridge.customers["new"] == (2 if reactivation == "new" else 1)


def test_without_history_reactivation_cannot_be_told() -> None:
    bridge = revenue_bridge(BEFORE, AFTER)
    assert (bridge.new, bridge.reactivated, bridge.reactivated_known) == (18, 0, False)
    assert "reactivated customers cannot be told from new ones" in repr(bridge)
    assert "reactivated  -       not known" in repr(bridge)
    assert "not known" not in repr(revenue_bridge(BEFORE, AFTER, ever_customer=EVER))
    with pytest.raises(InvalidInputError, match='`reactivation="expansion"` needs `ever_customer`'):
        revenue_bridge(BEFORE, AFTER, reactivation="expansion")


def test_customers_by_name() -> None:
    before, after = {"Ann": 50, "Bob": 30}, {"Ann": 65, "Cyd": 8, "Dee": 10}
    bridge = revenue_bridge(before, after, ever_customer={"Dee"})
    assert [getattr(bridge, term) for term in TERMS] == [80, 8, 10, 15, 0, 30, 83]
    marks = pd.Series([True, False], index=["Dee", "Cyd"])
    for ever in ({"Dee": True, "Cyd": False}, ["Dee"], np.array(["Dee"]), pd.Series(["Dee"]), marks):
        assert revenue_bridge(before, after, ever_customer=ever).reactivated == 10
    series = revenue_bridge(pd.Series(before), pd.Series(after), ever_customer={"Dee"})
    assert series.to_dict() == bridge.to_dict()


def test_series_of_the_same_customers_are_columns() -> None:
    before, after = pd.Series([5.0, 2.0], index=["a", "b"]), pd.Series([0.0, 3.0], index=["a", "b"])
    assert revenue_bridge(before, after, ever_customer=[True, False]).churned == 5
    assert revenue_bridge(pl.Series([5.0, 2.0]), pl.Series([0.0, 3.0])).churned == 5
    with pytest.raises(InvalidInputError, match="all columns must have the same length"):
        revenue_bridge(pd.Series([5.0, 2.0]), pd.Series([5.0]))


# ---- properties

MONEY = st.one_of(st.just(0.0), st.floats(0, 1e9), st.integers(0, 10**9).map(lambda cents: cents / 100))
CUSTOMERS = st.lists(st.tuples(MONEY, MONEY, st.booleans()), min_size=1, max_size=30)


@given(CUSTOMERS, st.sampled_from(["separate", "new", "expansion"]))
def test_the_bridge_adds_up_to_the_last_bit(customers: Any, reactivation: Any) -> None:
    before, after, ever = zip(*customers, strict=True)
    b = revenue_bridge(before, after, ever_customer=ever, reactivation=reactivation)
    assert b.start + b.new + b.reactivated + b.expansion - b.contraction - b.churned == b.end
    heads = b.customers
    assert heads["start"] == heads["expansion"] + heads["contraction"] + heads["churned"] + heads["unchanged"] - (
        sum(x == 0 < y and e for x, y, e in customers) if reactivation == "expansion" else 0
    )
    if reactivation != "expansion":
        assert heads["start"] + heads["new"] + heads["reactivated"] - heads["churned"] == heads["end"]


@given(CUSTOMERS)
def test_terms_are_the_exact_sums(customers: Any) -> None:
    before, after, ever = zip(*customers, strict=True)
    bridge, exact = revenue_bridge(before, after, ever_customer=ever), of_two(before, after, ever)
    flow = exact["start"][0] + sum(exact[term][0] for term in ("new", "reactivated", "expansion"))
    step = 2 * math.ulp(float(flow))
    for term, (money, heads) in exact.items():
        assert abs(Fraction(getattr(bridge, term)) - money) <= step
        assert bridge.customers[term] == heads
        assert getattr(bridge, term) >= 0


@given(CUSTOMERS, st.sampled_from(["separate", "new", "expansion"]))
def test_retention_rates_are_in_order(customers: Any, reactivation: Any) -> None:
    before, after, ever = zip(*customers, strict=True)
    bridge = revenue_bridge(before, after, ever_customer=ever, reactivation=reactivation)
    if bridge.start == 0:
        with pytest.raises(InvalidInputError, match="there is no revenue in before"):
            _ = bridge.gross_revenue_retention
        return
    assert 0 <= bridge.gross_revenue_retention <= 1
    assert bridge.gross_revenue_retention <= bridge.net_revenue_retention
    assert bridge.logo_retention + bridge.logo_churn == 1


@given(CUSTOMERS, st.randoms(use_true_random=False))
def test_order_and_segments_do_not_matter(customers: Any, random: Any) -> None:
    shuffled = list(customers)
    random.shuffle(shuffled)
    half = len(customers) // 2
    whole, other, *parts = (
        revenue_bridge(*list(zip(*some, strict=True))[:2], ever_customer=[e for _, _, e in some])
        for some in (customers, shuffled, customers[:half] or [(0.0, 0.0, False)], customers[half:])
    )
    assert [getattr(whole, term) for term in TERMS] == [getattr(other, term) for term in TERMS]
    flow = whole.end + whole.contraction + whole.churned
    for term in TERMS:
        assert sum(getattr(part, term) for part in parts) == pytest.approx(getattr(whole, term), abs=1e-14 * flow)


def test_many_customers_add_up() -> None:
    rng = np.random.default_rng(3)
    before, after = (np.round(rng.gamma(2, 30, 200_000) * (rng.random(200_000) < 0.6), 2) for _ in range(2))
    b = revenue_bridge(before, after, ever_customer=rng.random(200_000) < 0.3)
    assert b.start + b.new + b.reactivated + b.expansion - b.contraction - b.churned == b.end
    assert b.start == pytest.approx(math.fsum(before), rel=1e-15)
    assert b.end == pytest.approx(math.fsum(after), rel=1e-15)


# ---- ratios that do not exist, tables


def test_ratios_that_do_not_exist_say_why() -> None:
    bridge = revenue_bridge([0, 0], [65, 5])
    plain = bridge.to_dict()
    assert plain["gross_revenue_retention"] is plain["logo_churn"] is plain["quick_ratio"] is None
    assert plain["reasons"]["quick_ratio"] == "nothing was lost"
    assert "no retention rates: there is no revenue in before" in repr(bridge)
    with pytest.raises(InvalidInputError, match="`quick_ratio` does not exist: nothing was lost"):
        _ = bridge.quick_ratio
    with pytest.raises(InvalidInputError, match="`logo_retention` does not exist"):
        _ = bridge.logo_retention
    assert "quick ratio none, as nothing was lost" in repr(revenue_bridge([5], [5]))
    assert revenue_bridge([0], [0]).end == 0


def test_tables() -> None:
    bridge = revenue_bridge(BEFORE, AFTER, ever_customer=EVER)
    frame = bridge.to_frame("pandas")
    assert frame["term"].tolist() == list(TERMS)
    assert float((frame["sign"] * frame["amount"])[:-1].sum()) == bridge.end
    plain = json.loads(json.dumps(bridge.to_dict(), allow_nan=False))
    assert plain["customers"] == {
        "start": 4, "new": 1, "reactivated": 1, "expansion": 1,
        "contraction": 1, "churned": 1, "end": 5, "unchanged": 1,
    }  # fmt: skip
    assert "gross revenue retention 78.5 %, net 92.5 %" in repr(bridge)
    assert "<table>" in bridge._repr_html_()
    assert "in expansion" in repr(revenue_bridge(BEFORE, AFTER, ever_customer=EVER, reactivation="expansion"))
    assert pickle.loads(pickle.dumps(bridge)).to_dict() == bridge.to_dict()


def test_nothing_is_changed() -> None:
    before, after = np.array(BEFORE, float), np.array(AFTER, float)
    revenue_bridge(before, after)
    assert before.flags.writeable
    assert after.tolist() == AFTER


# ---- intervals


def test_intervals() -> None:
    bridge = revenue_bridge(BEFORE * 50, AFTER * 50, ever_customer=EVER * 50)
    intervals = bridge.interval(0.9, 500, rng=1)
    assert intervals.name[:7] == TERMS
    assert np.all((intervals.low <= intervals.estimate) & (intervals.estimate <= intervals.high))
    assert bridge.interval(0.9, 500, rng=1)["churned"] == intervals["churned"]
    assert bridge.interval(0.9, 500, rng=np.random.default_rng(2))["churned"] != intervals["churned"]
    assert json.dumps(intervals.to_dict(), allow_nan=False)
    assert intervals.to_frame("polars").columns == ["name", "estimate", "low", "high"]
    assert "90 % intervals of a revenue bridge, from 500 resamples" in repr(intervals)
    assert "<table>" in intervals._repr_html_()
    with pytest.raises(InvalidInputError, match="there is no interval of 'GRR'"):
        _ = intervals["GRR"]
    with pytest.raises(InvalidInputError, match="`level` must lie between 0 and 1"):
        bridge.interval(95)


def test_intervals_where_rows_are_alike_or_not() -> None:
    rng = np.random.default_rng(4)
    before, after = rng.gamma(2, 30, 4000) * (rng.random(4000) < 0.7), rng.gamma(2, 30, 4000) * (rng.random(4000) < 0.7)
    fine, coarse = revenue_bridge(before, after), revenue_bridge(np.ceil(before / 50), np.ceil(after / 50))
    for bridge in (fine, coarse):
        sums = bridge.interval(n=2000, rng=5)
        # The total of resampled customers spreads as sqrt(n) times the standard deviation of one.
        spread = math.sqrt(4000) * (before if bridge is fine else np.ceil(before / 50)).std()
        low, high = sums["start"]
        assert (high - low) / (2 * 1.96 * spread) == pytest.approx(1, abs=0.06)


def test_intervals_of_ratios_that_some_resamples_lack() -> None:
    bridge = revenue_bridge([5, 5, 0, 0], [4, 6, 1, 0])
    intervals = bridge.interval(n=400, rng=1)
    assert 0 < intervals.failed < 100
    assert intervals["quick_ratio"][1] == math.inf
    assert intervals.to_dict()["high"][intervals.name.index("quick_ratio")] is None
    assert "no limit" in repr(intervals)
    assert np.all(np.isfinite(intervals.low))
    assert "quick_ratio" not in revenue_bridge([5, 5], [5, 6]).interval(n=50, rng=1).name


@pytest.mark.slow
def test_intervals_cover_at_their_rate() -> None:
    # 500 intervals of 95 % cover 95 % of the time give or take 1 %; two of those, and a percent for skewness.
    rng, sets, n = np.random.default_rng(6), 500, 400
    hits = dict.fromkeys(("churned", "expansion", "gross_revenue_retention", "net_revenue_retention", "quick_ratio"), 0)

    def draw(size: int) -> tuple[Any, Any]:
        level = rng.gamma(4, 10, size)
        before = level * rng.gamma(8, 1 / 8, size) * (rng.random(size) < 0.8)
        return before, level * rng.gamma(8, 1 / 8, size) * (rng.random(size) < np.where(before > 0, 0.85, 0.3))

    truth = revenue_bridge(*draw(4_000_000))
    for _ in range(sets):
        intervals = revenue_bridge(*draw(n)).interval(n=600, rng=rng)
        for name in hits:
            scale = n / 4_000_000 if name in ("churned", "expansion") else 1
            low, high = intervals[name]
            hits[name] += low <= getattr(truth, name) * scale <= high
    assert all(0.92 <= count / sets <= 0.97 for count in hits.values()), hits


# ---- a log


def loop(log: dict[str, Any], months: int) -> list[dict[str, tuple[Fraction, int]]]:
    """Bridges of all consecutive periods of so many months, by a dict per period."""
    periods: dict[int, dict[Any, float]] = defaultdict(lambda: defaultdict(float))
    for who, day, value in zip(log["customer_id"], log["date"], log["value"], strict=True):
        periods[int(day.astype("datetime64[M]").astype(int)) // months][who] += float(value)
    result = []
    for place in range(min(periods), max(periods)):
        before, after = periods.get(place, {}), periods.get(place + 1, {})
        who = sorted(set(before) | set(after))
        ever = [any(periods[p].get(one, 0) > 0 for p in list(periods) if p < place) for one in who]
        result.append(of_two([before.get(c, 0) for c in who], [after.get(c, 0) for c in who], ever))
    return result


@pytest.mark.parametrize("library", IN_PROCESS)
@pytest.mark.parametrize(("period", "months"), [("M", 1), ("Q", 3), ("Y", 12)])
def test_bridges_against_a_loop(library: str, period: Any, months: int) -> None:
    log = make_log(400, seed=5)
    bridges = revenue_bridges(to_library(log, library), period=period, include_partial=True)
    expected = loop(log, months)
    assert len(bridges) == len(expected)
    for bridge, terms in zip(bridges, expected, strict=True):
        for term, (money, heads) in terms.items():
            assert getattr(bridge, term) == pytest.approx(float(money), abs=1e-9)
            assert bridge.customers[term] == heads


def test_bridges_of_weeks_and_text_ids() -> None:
    log = make_log(600, seed=6, ids="text")
    bridges = revenue_bridges(log, period="W", include_partial=True)
    assert sum(b.start for b in bridges[1:]) == pytest.approx(sum(b.end for b in bridges[:-1]))
    assert bridges[0].start + sum(b.end for b in bridges) == pytest.approx(log["value"].sum())
    assert all(bridge.reactivated_known for bridge in bridges)


def test_a_partial_last_period_is_left_out_or_marked() -> None:
    log = cv.datasets.load_cdnow()
    bridges = revenue_bridges(log, period="Q", observation_end="1998-05-15")
    assert bridges.left_out == "1998Q2"
    assert bridges[-1].periods == ("1997Q4", "1998Q1")
    assert "1998Q2 is observed in part and left out" in repr(bridges)
    kept = revenue_bridges(log, period="Q", observation_end="1998-05-15", include_partial=True)
    assert (kept.partial, kept.left_out) == ((False, False, False, False, True), "")
    assert "1998Q2 (in part)" in repr(kept)
    whole = revenue_bridges(log, period="Q", observation_end="1998-06-30")
    assert (whole.partial, whole.left_out) == ((False,) * 5, "")


def test_empty_periods_have_bridges_too() -> None:
    days = np.array(["2024-01-05", "2024-04-30"], dtype="datetime64[D]")
    log = {"customer_id": [1, 1], "date": days, "value": [5.0, 7.0]}
    bridges = revenue_bridges(log)
    assert [b.churned for b in bridges] == [5, 0, 0]
    assert [b.reactivated for b in bridges] == [0, 0, 7]
    rates = bridges.to_frame()["gross_revenue_retention"]
    assert rates[0] == 0
    assert np.isnan(rates[1:]).all()
    assert json.dumps(bridges.to_dict(), allow_nan=False)
    assert "none" in repr(bridges)


def test_tables_of_bridges() -> None:
    bridges = revenue_bridges(cv.datasets.load_cdnow("polars"), period="M")
    frame = bridges.to_frame()
    assert isinstance(frame, pl.DataFrame)
    assert frame["customers_start"].dtype.is_integer()
    assert "..." in repr(bridges)
    assert "<table>" in bridges._repr_html_()
    assert [b.periods[0] for b in bridges[:2]] == ["1997-01", "1997-02"]


# ---- input checks


def test_every_problem_is_reported_at_once() -> None:
    with pytest.raises(InvalidInputError, match=r"3 problems in the amounts \(3 rows\)") as caught:
        revenue_bridge([5, -1, -2], [np.nan, 3, 4], ever_customer=[0, 2, 1])
    found = [(problem.argument, problem.count) for problem in caught.value.problems]
    assert found == [("after", 1), ("ever_customer", 1), ("before", 2)]
    assert "`before` must not be negative: 2 rows break this (first: row 1, before=-1)" in str(caught.value)


@pytest.mark.parametrize(
    ("before", "after", "match"),
    [
        ([1, 2], [1], "all columns must have the same length, and have before 2, after 1"),
        ([], [], "there must be at least one customer"),
        (["a"], ["b"], "`before` must hold numbers"),
        ({"a": 1}, [1], "`before` and `after` must both be mappings"),
        ({"a": 1}, {"b": -1}, "`after` must not be negative"),
        ([1e308, 1e308], [0, 1], "too large to be added up"),
    ],
)
def test_bad_amounts(before: Any, after: Any, match: str) -> None:
    with pytest.raises(InvalidInputError, match=match):
        revenue_bridge(before, after)


def test_customers_twice() -> None:
    twice = pd.Series([1.0, 2.0, 3.0], index=["a", "b", "a"])
    with pytest.raises(InvalidInputError, match="`before` must name each customer once: 1 row breaks this"):
        revenue_bridge(twice, pd.Series([1.0], index=["a"]))


def test_bad_arguments() -> None:
    with pytest.raises(InvalidInputError, match="`reactivation` must be one of 'separate', 'new', 'expansion'"):
        revenue_bridge([1], [1], reactivation="other")  # type: ignore[arg-type]
    for ever in (5, "b", [True, False]):
        with pytest.raises(InvalidInputError, match="`ever_customer` must name customers by the keys"):
            revenue_bridge({"a": 1}, {"b": 1}, ever_customer=ever)


def test_bad_logs() -> None:
    log = cv.datasets.load_cdnow()
    with pytest.raises(InvalidInputError, match="there is only 1997Q1"):
        revenue_bridges(log, period="Q", observation_end="1997-06-15")
    with pytest.raises(InvalidInputError, match="there is no whole period"):
        revenue_bridges(log, period="Y", observation_end="1997-06-15")
    with pytest.raises(InvalidInputError, match="`period` must be one of"):
        revenue_bridges(log, period="D")  # type: ignore[arg-type]
    with pytest.raises(InvalidInputError, match="`value` must be the name of a column"):
        revenue_bridges(log, value=None)  # type: ignore[arg-type]
    refunds = log | {"value": np.where(np.arange(6919) % 50, log["value"], -60.0)}
    with pytest.raises(InvalidInputError, match="`value` must not be negative"):
        revenue_bridges(refunds)
    with pytest.raises(InvalidInputError, match=r"after netting: .*customer 1, 1997-01, -30\.27"):
        revenue_bridges(refunds, on_negative="net")
    assert len(revenue_bridges(refunds, on_negative="drop")) == 17
