"""RFM scores and segments: worked by hand, a naive second implementation, properties, and bad input."""

from __future__ import annotations

import itertools
import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from customervalue import CustomerSummary, datasets, summarize
from customervalue.errors import InvalidInputError
from customervalue.tiers import RFMScores, rfm_rule_cells, rfm_scores, rfm_segments

few = settings(max_examples=25)
rows = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 6), st.integers(-3, 9)), min_size=1, max_size=40)
BASE = {"recency": [1, 2, 3, 4, 5], "frequency": [9, 7, 5, 3, 1], "monetary": [50, 40, 30, 20, 10]}


def frame(rows: Any) -> dict[str, Any]:
    return dict(zip(("recency", "frequency", "monetary"), map(list, zip(*rows, strict=True)), strict=True))


def naive(column: list[float], bins: int, worse: Any) -> list[int]:
    """The highest s for which at least (s - 1) / bins of the base is strictly worse."""
    n = len(column)
    below = [sum(worse(other, own) for other in column) for own in column]
    return [max(s for s in range(1, bins + 1) if k * bins >= (s - 1) * n) for k in below]


def test_five_customers_in_five_scores() -> None:
    scores = rfm_scores(BASE)
    for name in ("recency", "frequency", "monetary"):
        assert getattr(scores, name).tolist() == [5, 4, 3, 2, 1]
    assert scores.cell.tolist() == [555, 444, 333, 222, 111]
    assert scores.cuts.recency.tolist() == [1, 2, 3, 4]
    assert scores.cuts.frequency.tolist() == [3, 5, 7, 9]


def test_summary_counts_recency_from_today() -> None:
    customers = summarize(datasets.load_cdnow(), value="value", observation_end="1997-09-30")
    scores = rfm_scores(customers, bins=4)
    since = customers.T - customers.recency
    columns = {"recency": since, "frequency": customers.frequency, "monetary": customers.monetary_value}
    again = rfm_scores(columns, bins=4)
    assert np.array_equal(scores.cell, again.cell)
    assert since[scores.recency == 4].max() < since[scores.recency < 4].min()
    assert np.array_equal(scores.customer_id, customers.customer_id)


@few
@given(rows, st.integers(2, 7))
def test_scores_are_what_they_are_said_to_be(rows: Any, bins: int) -> None:
    columns = frame(rows)
    scores = rfm_scores(columns, bins=bins)
    assert scores.recency.tolist() == naive(columns["recency"], bins, lambda other, own: other > own)
    for name in ("frequency", "monetary"):
        assert getattr(scores, name).tolist() == naive(columns[name], bins, lambda other, own: other < own)


@few
@given(rows, st.randoms())
def test_order_does_not_matter_and_ties_do_not_split(rows: Any, random: Any) -> None:
    order = list(range(len(rows)))
    random.shuffle(order)
    scores, shuffled = rfm_scores(frame(rows)), rfm_scores(frame([rows[i] for i in order]))
    assert scores.cell[order].tolist() == shuffled.cell.tolist()
    for one, other in itertools.combinations(range(len(rows)), 2):
        if rows[one] == rows[other]:
            assert scores.cell[one] == scores.cell[other]


@few
@given(rows, st.lists(st.integers(0, 4), min_size=40, max_size=40))
def test_weights_are_repetition(rows: Any, weights: list[int]) -> None:
    counts = np.array(weights[: len(rows)])
    if counts.sum() == 0:
        return
    columns = {name: np.array(column) for name, column in frame(rows).items()}
    scores = rfm_scores(columns | {"weights": counts}, bins=3)
    repeated = rfm_scores({name: np.repeat(column, counts) for name, column in columns.items()}, bins=3)
    assert np.repeat(scores.cell, counts).tolist() == repeated.cell.tolist()
    assert scores.n_customers == repeated.n_customers
    one, other = scores.by_cell(columns["monetary"]), repeated.by_cell(np.repeat(columns["monetary"], counts))
    for name, column in one.to_frame().items():
        assert column == pytest.approx(other.to_frame()[name])


@few
@given(rows, rows)
def test_cuts_learned_here_apply_there(rows: Any, others: Any) -> None:
    scores = rfm_scores(frame(rows), bins=4)
    assert rfm_scores(frame(rows), cuts=scores.cuts).cell.tolist() == scores.cell.tolist()
    both = rfm_scores(frame([*rows, *others]), cuts=scores.cuts)
    apart = rfm_scores(frame(others), cuts=scores.cuts)
    assert both.cell.tolist() == [*scores.cell.tolist(), *apart.cell.tolist()]


def test_own_cuts_are_reached_not_passed() -> None:
    cuts = {"recency": [4, 13], "frequency": [1, 3], "monetary": [20, 80.5]}
    scores = rfm_scores(frame([(4, 1, 20), (4.5, 2.9, 80.4), (13, 3, 80.5), (14, 0, 19)]), cuts=cuts)
    assert scores.cell.tolist() == [322, 222, 233, 111]
    assert scores.bins == 3


def test_many_customers_alike_leave_scores_empty() -> None:
    scores = rfm_scores(frame([(1, 0, 0)] * 8 + [(1, 1, 0), (1, 2, 0)]))
    assert scores.frequency.tolist() == [1] * 8 + [5, 5]
    assert set(scores.recency.tolist()) == set(scores.monetary.tolist()) == {1}


def test_scores_that_nobody_can_have_stay_out_of_reach() -> None:
    scores = rfm_scores(frame([(0, 0, 2)] * 5), bins=3)
    assert scores.cell.tolist() == [111] * 5
    assert scores.cuts.frequency.tolist() == [math.inf] * 2
    assert scores.cuts.recency.tolist() == [-math.inf] * 2
    assert repr(scores.cuts).splitlines()[-1].split() == ["3", "-", "-", "-"]
    # Also in another base, also after a way through JSON.
    assert rfm_scores(frame([(0, 9, 99)]), cuts=scores.cuts).cell.tolist() == [111]
    stored = json.loads(json.dumps(scores.cuts.to_dict(), allow_nan=False))
    again = rfm_scores(frame([(0, 9, 99)]), cuts={name: stored[name] for name in BASE})
    assert again.cell.tolist() == [111]


@pytest.mark.parametrize("backend", ["polars", "pandas"])
def test_dataframes(backend: str) -> None:
    library = pytest.importorskip(backend)
    table = library.DataFrame({"id": ["a", "b"], "last": [1, 9], "times": [5, 1], "money": [9.0, 2.0]})
    scores = rfm_scores(table, bins=2, recency="last", frequency="times", monetary="money", customer_id="id")
    assert scores.to_frame(backend)["customer_id"].to_list() == ["a", "b"]
    assert scores.cell.tolist() == [222, 111]


def test_standard_rules_part_all_cells() -> None:
    assert np.all(rfm_rule_cells("standard").n == 1)
    scores = rfm_scores(frame(np.random.default_rng(1).integers(0, 50, (500, 3)).tolist()))
    segments = rfm_segments(scores, "standard")
    assert segments.customers.sum() == 500
    champions = (scores.recency == 5) & (scores.frequency >= 4)
    assert np.array_equal(segments.segment == "champions", champions)
    assert segments.share.sum() == pytest.approx(1)


def test_segments_of_rules_with_several_blocks() -> None:
    rules = {
        "mixed": [{"recency": 1, "frequency": 2}, {"recency": 2, "frequency": 1}],
        "even": [{"recency": 1, "frequency": 1}, {"recency": (2, 2), "frequency": [2, 2]}],
    }
    scores = rfm_scores(frame([(9, 1, 0), (1, 1, 0), (9, 5, 0), (1, 5, 0)]), bins=2)
    assert rfm_segments(scores, rules).segment.tolist() == ["even", "mixed", "mixed", "even"]


def test_results_are_read_only_and_json() -> None:
    scores = rfm_scores(BASE)
    json.dumps(scores.to_dict(), allow_nan=False)
    json.dumps(rfm_segments(scores, "standard").to_dict(), allow_nan=False)
    with pytest.raises(ValueError, match="read-only"):
        scores.recency[0] = 1
    assert BASE["recency"] == [1, 2, 3, 4, 5]


# Bad input


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"customers": {"recency": [1], "frequency": [1]}}, "no column 'monetary'"),
        ({"customers": BASE | {"monetary": [1, math.nan, 2, 3, 4]}}, "`monetary` must be a finite number: 1 row"),
        ({"customers": BASE | {"monetary": [1]}}, "same length, and have recency 5, frequency 5, monetary 1"),
        (
            {"customers": BASE | {"recency": [-1, 2, 3, 4, 5]}},
            "(?s)`recency` must not be negative: 1 row .*since the last",
        ),
        ({"customers": BASE | {"frequency": [-1, 2, 3, 4, 5]}}, "`frequency` must not be negative: 1 row"),
        ({"customers": BASE, "bins": 10}, "`bins` must be a whole number from 2 to 9, and is 10"),
        ({"customers": BASE, "bins": 2.5}, "`bins` must be a whole number"),
        ({"customers": BASE | {"weights": [0] * 5}}, "must not all be zero"),
        ({"customers": BASE | {"weights": [0.5] * 5}}, "`weights` must be whole: 5 rows"),
        ({"customers": BASE, "cuts": [1, 2]}, "`cuts` must have recency, frequency and monetary, and is a list"),
        ({"customers": BASE, "cuts": {"recency": [1]}}, "and is recency"),
        (
            {"customers": BASE, "cuts": {"recency": [2, 1], "frequency": [1, 2], "monetary": [1]}},
            "(?s)cuts of `recency` must ascend: 1 row.*equally many of each, and are recency 2, .* monetary 1",
        ),
        ({"customers": BASE, "bins": 3, "cuts": rfm_scores(BASE).cuts}, "4 cuts make 5 scores, and `bins` is 3"),
        ({"customers": [1, 2]}, "must be a CustomerSummary, a dataframe or columns, and is a list"),
        ({"customers": CustomerSummary(frequency=2, recency=3, T=4)}, "the summary has no monetary value"),
    ],
)
def test_bad_scores(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        rfm_scores(**arguments)


def test_a_table_of_summaries_is_not_taken_for_one_of_times_since() -> None:
    columns = BASE | {"T": [9, 9, 9, 9, 9]}
    with pytest.raises(InvalidInputError, match=r"CustomerSummary\.from_frame"):
        rfm_scores(columns)
    assert rfm_scores({"since": BASE["recency"], **columns}, recency="since").cell[0] == 555


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ({"recent": {"recency": 2}}, "no rule covers 4 cells, with 1 customers: 111, 112, 121, 122"),
        (
            {"recent": {"recency": 2}, "often": {"frequency": 2}, "rest": {"recency": 1, "frequency": 1}},
            r"several rules cover 2 cells, with 1 customers: 221 \(recent and often\), 222 \(recent and often\)",
        ),
        ({"recent": {"recency": 2}, "often": {"frequency": 2}}, "(?s)2 problems in the rules.*no rule.*several rules"),
        ({"a": {"recency": (0, 2)}}, r"recency of 'a' must be a score or a pair .* within 1 to 2, and is \(0, 2\)"),
        ({"a": {"recency": (2, 1)}}, r"and is \(2, 1\)"),
        ({"a": {"recency": (True, 2)}}, r"and is \(True, 2\)"),
        ({1: {"recency": 1}, "1": {"recency": 2}}, "names of segments must be texts, and 1 is a int"),
        ({"a": {"recency": "high"}}, "and is 'high'"),
        ({"a": {"size": 1}}, "knows recency, frequency and monetary, and has 'size'"),
        ({"a": 5}, "must be a mapping of score to range, or a list of them"),
        ({"a": []}, "must be a mapping of score to range"),
        ({}, "must be a mapping of name to rule or 'standard'"),
        (None, "must be a mapping of name to rule or 'standard', and is NoneType None"),
        ("best", "and is 'best'"),
        ("standard", "the standard rules are for 5 scores, and there are 2"),
    ],
)
def test_bad_rules(rules: Any, message: str) -> None:
    scores = rfm_scores(frame([(9, 1, 0), (1, 5, 0)]), bins=2)
    with pytest.raises(InvalidInputError, match=message):
        rfm_segments(scores, rules)


def test_long_lists_of_cells_are_cut_short_and_there_in_full() -> None:
    rules = {"a": {"recency": 5}}
    with pytest.raises(InvalidInputError, match=r"no rule covers 100 cells.* and 92 more"):
        rfm_segments(rfm_scores(BASE), rules)
    found = rfm_rule_cells(rules)
    assert np.count_nonzero(found.n == 0) == 100
    assert "in no segment 100" in repr(found)


def test_scores_of_another_kind() -> None:
    with pytest.raises(InvalidInputError, match="must be RFMScores, and is a list"):
        rfm_segments([555], "standard")  # type: ignore[arg-type]
    with pytest.raises(InvalidInputError, match="same length, and have value 1, scores 5"):
        rfm_scores(BASE).by_cell([1])
    assert isinstance(rfm_scores(BASE), RFMScores)
